//! Patterns: tests that jump away on a mismatch, and bindings.

use super::Compiler;
use crate::hir::{LocalId, Pattern};
use crate::value::{RangeValue, Value};
use crate::vm::code::{Bin, Op, Reg};

impl Compiler<'_, '_> {
    /// Tests the value in `s` and binds; gives the jumps that are taken on a mismatch. With `sure`, the value is known to fit.
    pub(super) fn pattern(&mut self, pattern: &Pattern, s: Reg, sure: bool) -> Vec<usize> {
        let mut fails = Vec::new();
        self.test(pattern, s, sure, &mut fails);
        fails
    }

    fn test(&mut self, pattern: &Pattern, s: Reg, sure: bool, fails: &mut Vec<usize>) {
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(local) => self.bind(*local, s),
            Pattern::None => {
                if !sure {
                    fails.push(self.emit(Op::JumpIfPresent { s, to: 0 }));
                }
            }
            Pattern::Literal(value) => {
                if !sure {
                    fails.push(self.jump_unless(Bin::Eq, s, value));
                }
            }
            Pattern::Range { start, end, inclusive } => {
                if !sure {
                    let range = RangeValue { start: start.clone(), end: end.clone(), inclusive: *inclusive };
                    self.scratch(|c| {
                        let (r, hit) = (c.temp(), c.temp());
                        c.constant(&Value::Range(Box::new(range)), r);
                        c.emit(Op::Binary { op: Bin::In, d: hit, a: s, b: r });
                        fails.push(c.emit(Op::JumpIfNot { s: hit, to: 0 }));
                    });
                }
            }
            Pattern::Variant { index, payload } => {
                if !sure {
                    fails.push(self.emit(Op::JumpUnlessVariant { a: s, index: narrow(*index), to: 0 }));
                }
                for (i, part) in payload {
                    self.part(part, Op::Payload { d: 0, s, index: narrow(*i) }, sure, fails);
                }
            }
            Pattern::Record(fields) => {
                for (i, part) in fields {
                    self.part(part, Op::Field { d: 0, s, index: narrow(*i) }, sure, fails);
                }
            }
            Pattern::List { items, rest } => {
                if !sure {
                    let len = u16::try_from(items.len()).unwrap_or(u16::MAX);
                    fails.push(self.emit(Op::JumpUnlessLen { a: s, len, rest: *rest, to: 0 }));
                }
                for (i, part) in items.iter().enumerate() {
                    self.part(part, Op::Item { d: 0, s, index: narrow(i as u32) }, sure, fails);
                }
            }
            Pattern::Or(alternatives) => self.any_of(alternatives, s, sure, fails),
            Pattern::As(inner, local) => {
                self.test(inner, s, sure, fails);
                self.bind(*local, s);
            }
            Pattern::Present(inner) => {
                if !sure {
                    fails.push(self.emit(Op::JumpIfAbsent { s, to: 0 }));
                }
                self.test(inner, s, sure, fails);
            }
        }
    }

    fn any_of(&mut self, alternatives: &[Pattern], s: Reg, sure: bool, fails: &mut Vec<usize>) {
        let Some((last, others)) = alternatives.split_last() else { return };
        let mut done = Vec::new();
        for alternative in others {
            // Which alternative fits is never sure, even if one does.
            let next = self.pattern(alternative, s, false);
            done.push(self.emit(Op::Jump { to: 0 }));
            self.patch_all(next);
        }
        self.test(last, s, sure, fails);
        self.patch_all(done);
    }

    /// Takes a part out (`take` with its destination open) and goes on with its pattern.
    fn part(&mut self, pattern: &Pattern, take: Op, sure: bool, fails: &mut Vec<usize>) {
        if matches!(pattern, Pattern::Any) {
            return;
        }
        self.scratch(|c| {
            let part = if let Pattern::Bind(local) = pattern { local.0 as Reg } else { c.temp() };
            let op = match take {
                Op::Payload { s, index, .. } => Op::Payload { d: part, s, index },
                Op::Field { s, index, .. } => Op::Field { d: part, s, index },
                Op::Item { s, index, .. } => Op::Item { d: part, s, index },
                other => other,
            };
            c.emit(op);
            if !matches!(pattern, Pattern::Bind(_)) {
                c.test(pattern, part, sure, fails);
            }
        });
    }

    fn bind(&mut self, local: LocalId, s: Reg) {
        let d = local.0 as Reg;
        if d != s {
            self.emit(Op::Move { d, s });
        }
        self.marks.bound(local, self.here());
    }

    /// A jump that is taken when `s` does not equal the literal.
    pub(super) fn jump_unless(&mut self, op: Bin, s: Reg, value: &Value) -> usize {
        let k = self.tables.constant(value);
        match u16::try_from(k) {
            Ok(k) => self.emit(Op::JumpUnlessK { op, a: s, k, to: 0 }),
            Err(_) => self.scratch(|c| {
                let (r, hit) = (c.temp(), c.temp());
                c.emit(Op::Const { d: r, k });
                c.emit(Op::Binary { op, d: hit, a: s, b: r });
                c.emit(Op::JumpIfNot { s: hit, to: 0 })
            }),
        }
    }
}

/// Indices of fields and variants; a type with more than 65,535 is beyond the limit of a source file.
fn narrow(i: u32) -> u16 {
    u16::try_from(i).unwrap_or(u16::MAX)
}
