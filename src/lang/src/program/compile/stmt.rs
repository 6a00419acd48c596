//! Statements, loops and `try`.

use super::{Compiler, Loop};
use crate::hir::{Block, Expr, ExprKind, LocalId, Pattern, Stmt};
use crate::span::Span;
use crate::types::Type;
use crate::value::Value;
use crate::vm::code::{Cmp, LoopTest, Op, Reg};

use super::expr::offset;
use crate::vm::typing::resolve;

impl<'a> Compiler<'a, '_> {
    pub(super) fn block(&mut self, block: &'a Block, d: Reg) {
        self.in_scope(|c| c.statements(block, d));
    }

    fn statements(&mut self, block: &'a Block, d: Reg) {
        for stmt in &block.stmts {
            self.cover_stmt(stmt);
            self.stmt(stmt);
        }
        match &block.value {
            Some(value) => {
                self.cover_value(value.span);
                self.expr(value, d);
            }
            None => {
                self.emit(Op::Nothing { d });
            }
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Let { pattern: Pattern::Bind(local), value } => {
                self.expr(value, local.0 as Reg);
                self.marks.bound(*local, self.here());
            }
            Stmt::Let { pattern, value } => self.scratch(|c| {
                let s = c.temp();
                c.expr(value, s);
                let fails = c.pattern(pattern, s, true);
                c.patch_all(fails);
            }),
            Stmt::Assign { local, value } => self.assign(*local, value),
            Stmt::Evidence { name, value, site } => self.scratch(|c| {
                let n = c.operand_before(name, value);
                let s = c.operand(value);
                c.emit(Op::Evidence { name: n, s, site: *site });
            }),
            Stmt::Log { text, site } => self.scratch(|c| {
                let s = c.operand(text);
                c.emit(Op::Log { s, site: *site });
            }),
            Stmt::Expr(e) => self.discard(e),
        }
    }

    fn assign(&mut self, local: LocalId, value: &'a Expr) {
        let d = local.0 as Reg;
        match &value.kind {
            ExprKind::Method { name, args, optional: false } if self.in_place(name, local, args) => {
                self.update_in_place(name, args, d)
            }
            // These read all their operands before they write.
            ExprKind::Literal(_)
            | ExprKind::Local(_)
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::CallFn { .. }
            | ExprKind::Text(_) => self.expr(value, d),
            _ => self.scratch(|c| {
                let s = c.temp();
                c.expr(value, s);
                c.emit(Op::Take { d, s });
            }),
        }
    }

    pub(super) fn for_(&mut self, pattern: &'a Pattern, items: &'a Expr, body: &'a Block, collects: bool, d: Reg) {
        self.in_scope(|c| c.for_in_scope(pattern, items, body, collects, d));
    }

    fn for_in_scope(&mut self, pattern: &'a Pattern, items: &'a Expr, body: &'a Block, collects: bool, d: Reg) {
        self.scratch(|c| {
            let results = if collects { c.temp() } else { 0 };
            if collects {
                c.emit(Op::List { d: results, a: results, n: 0 });
            }
            let it = c.temps(2);
            let ints = matches!(&*resolve(&c.hir.types, &items.ty), Type::Range(t) if matches!(**t, Type::Int));
            c.scratch(|c| {
                let s = c.operand(items);
                c.emit(if ints { Op::RangeIter { d: it, s } } else { Op::Iter { d: it, s } });
            });
            let bound = if let Pattern::Bind(local) = pattern { Some(*local) } else { None };
            let direct = bound.map(|local| local.0 as Reg);
            let item = direct.unwrap_or_else(|| c.temp());
            let head = c.here();
            let next =
                c.emit(if ints { Op::RangeNext { it, d: item, to: 0 } } else { Op::IterNext { it, d: item, to: 0 } });
            c.loops.push(Loop { continues: Vec::new(), breaks: Vec::new(), scopes: c.scopes });
            if let Some(local) = bound {
                c.marks.bound(local, c.here());
            }
            if direct.is_none() {
                // A pattern of `for` fits every item, so nothing jumps.
                let fails = c.pattern(pattern, item, true);
                c.patch_all(fails);
            }
            c.scratch(|c| {
                let value = c.temp();
                c.block(body, value);
                if collects {
                    c.emit(Op::ListPush { d: results, s: value });
                }
            });
            c.end_loop(head, vec![next]);
            let exit = c.here();
            c.loop_tests.push(LoopTest { start: head, end: head + 1, exit });
            if collects {
                c.emit(Op::Take { d, s: results });
            } else {
                c.emit(Op::Nothing { d });
            }
        });
    }

    /// Closes the innermost loop: the way back to `head`, then what leaves it.
    fn end_loop(&mut self, head: u32, exits: Vec<usize>) {
        let Some(closed) = self.loops.pop() else { return };
        // `continue` comes here and not to the head, so that in a plan both sides of a branch meet before the next round.
        self.patch_all(closed.continues);
        self.emit(Op::Jump { to: head });
        self.patch_all(exits);
        self.patch_all(closed.breaks);
    }

    pub(super) fn while_(&mut self, condition: &'a Expr, max: u32, body: &'a Block, d: Reg) {
        self.in_scope(|c| c.while_in_scope(condition, max, body, d));
    }

    fn while_in_scope(&mut self, condition: &'a Expr, max: u32, body: &'a Block, d: Reg) {
        self.scratch(|c| {
            let rounds = c.temps(2);
            c.emit(Op::Int { d: rounds, v: 0 });
            c.constant(&Value::Int(i64::from(max)), offset(rounds, 1));
            let head = c.here();
            let exits = c.branch(condition);
            let tested = c.here();
            // One round more than allowed fails; the test stands behind the condition, which may end the loop in time.
            let fine = c.emit(Op::JumpUnlessInt { cmp: Cmp::Ge, a: rounds, b: offset(rounds, 1), to: 0 });
            let k = c.tables.constant(&Value::text(format!(
                "`while` went round {max} times; write `max N` after its condition if it may take more"
            )));
            c.emit(Op::FailInvalid { k });
            c.patch(fine);
            c.emit(Op::AddIntK { d: rounds, a: rounds, k: 1 });
            c.loops.push(Loop { continues: Vec::new(), breaks: Vec::new(), scopes: c.scopes });
            c.scratch(|c| {
                let value = c.temp();
                c.block(body, value);
            });
            c.end_loop(head, exits);
            let exit = c.here();
            c.loop_tests.push(LoopTest { start: head, end: tested, exit });
            c.emit(Op::Nothing { d });
        });
    }

    pub(super) fn leave_loop(&mut self, breaks: bool) {
        let Some(scopes) = self.loops.last().map(|l| l.scopes) else { return };
        if self.scopes > scopes {
            self.emit(Op::ScopeExit { n: self.scopes - scopes });
        }
        let jump = self.emit(Op::Jump { to: 0 });
        if let Some(innermost) = self.loops.last_mut() {
            if breaks { innermost.breaks.push(jump) } else { innermost.continues.push(jump) }
        }
    }

    pub(super) fn try_(&mut self, body: &'a Block, handler: Option<&'a (Option<LocalId>, Block)>, at: Span, d: Reg) {
        self.scratch(|c| {
            // The result gets to `d` only when all is done: the handler may read what the body would have overwritten.
            let (value, failure) = (c.temp(), c.temp());
            let bound = handler.and_then(|(local, _)| *local).map_or(failure, |l| l.0 as Reg);
            let ways = c.ways();
            let enter = c.emit(Op::TryEnter { d: bound, handler: 0 });
            c.scoped(|c| c.block(body, value));
            c.cover_way(ways, "done", at);
            let end = c.emit(Op::Jump { to: 0 });
            c.patch(enter);
            c.cover_way(ways, "catch", at);
            match handler {
                Some((local, block)) => c.in_scope(|c| {
                    if let Some(local) = local {
                        c.marks.bound(*local, c.here());
                    }
                    c.scoped(|c| c.block(block, value));
                }),
                None => c.scoped(|c| {
                    c.emit(Op::None { d: value });
                }),
            }
            c.patch(end);
            c.emit(Op::Take { d, s: value });
        });
    }
}
