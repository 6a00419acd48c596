//! Expressions into registers, conditions into jumps.

use super::{Compiler, has_value};
use crate::hir::{Arm, Coercion, Expr, ExprKind, MapEntry, TextPart};
use crate::ids::{FnId, TypeId};
use crate::span::Span;
use crate::syntax::ast::{BinaryOp, UnaryOp};
use crate::types::{Type, builtin};
use crate::value::Value;
use crate::vm::code::{Bin, Cmp, Op, Reg, VariantCode};

use crate::vm::typing::{fields, recursive, resolve};

impl<'a> Compiler<'a, '_> {
    /// Puts the value of `e` into `d`. Only what may be read by `e` itself must not be `d`; see `Assign`.
    pub(super) fn expr(&mut self, e: &'a Expr, d: Reg) {
        self.marked(e.span, |c| c.expr_unchecked(e, d));
        let builds = matches!(
            e.kind,
            ExprKind::Record(_) | ExprKind::RecordUpdate { .. } | ExprKind::Variant { .. } | ExprKind::Closure { .. }
        );
        if builds && recursive(&self.hir.types, &e.ty) {
            self.emit(Op::CheckDepth { s: d });
        }
    }

    fn expr_unchecked(&mut self, e: &'a Expr, d: Reg) {
        match &e.kind {
            ExprKind::Literal(v) => self.constant(v, d),
            ExprKind::Text(parts) => self.text(parts, d),
            ExprKind::Local(local) => {
                let s = local.0 as Reg;
                if s != d {
                    self.emit(Op::Move { d, s });
                }
            }
            ExprKind::Constant(id) => {
                self.emit(Op::Global { d, id: id.0 });
            }
            ExprKind::Setting(id) => {
                self.emit(Op::Setting { d, id: *id });
            }
            ExprKind::Closure { function, captures } => self.scratch(|c| {
                let a = c.temps(captures.len());
                for (i, local) in captures.iter().enumerate() {
                    c.emit(Op::Move { d: offset(a, i), s: local.0 as Reg });
                }
                c.emit(Op::Closure { d, a, n: captures.len() as u16, function: *function });
            }),
            ExprKind::List(items) => self.list(items, d),
            ExprKind::Record(values) => self.scratch(|c| {
                let made = c.built(&e.ty);
                let names = c.field_names(&made);
                let a = c.in_row(values.iter());
                c.emit(Op::Record { d, a, names });
            }),
            ExprKind::RecordUpdate { base, fields } => self.update(e, base, fields, d),
            ExprKind::Map(entries) => self.map(entries, d),
            ExprKind::Variant { ty, index, name, payload } => self.variant(*ty, *index, name, payload, d),
            ExprKind::Unary { op, operand } => self.scratch(|c| {
                let s = c.operand(operand);
                c.emit(match op {
                    UnaryOp::Neg => Op::Neg { d, s },
                    UnaryOp::Not => Op::Not { d, s },
                });
            }),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, d),
            ExprKind::And(..) | ExprKind::Or(..) | ExprKind::Is { .. } | ExprKind::Let { .. } => {
                let fails = self.branch(e);
                self.emit(Op::Bool { d, v: true });
                let end = self.emit(Op::Jump { to: 0 });
                self.patch_all(fails);
                self.emit(Op::Bool { d, v: false });
                self.patch(end);
            }
            ExprKind::Coalesce(left, right) => {
                // Into a place of its own: the right side may read `d`.
                self.scratch(|c| {
                    let s = c.temp();
                    c.expr(left, s);
                    let there = c.emit(Op::JumpIfPresent { s, to: 0 });
                    c.expr(right, s);
                    c.patch(there);
                    c.emit(Op::Take { d, s });
                });
            }
            ExprKind::Field { base: outer, index: second, optional: false, .. }
                if let ExprKind::Field { base, index: first, optional: false, .. } = &outer.kind
                    && let (Ok(first), Ok(second)) = (u16::try_from(*first), u16::try_from(*second)) =>
            {
                self.scratch(|c| {
                    let s = c.operand(base);
                    c.emit(Op::Field2 { d, s, first, second });
                });
            }
            ExprKind::Field { base, index, optional, .. } => self.scratch(|c| {
                let s = c.operand(base);
                let index = u16::try_from(*index).unwrap_or(u16::MAX);
                c.optional(*optional, s, d, |c| {
                    c.emit(Op::Field { d, s, index });
                });
            }),
            ExprKind::JsonField { base: outer, name: second, optional: false }
                if let ExprKind::JsonField { base, name: first, optional: false } = &outer.kind =>
            {
                self.scratch(|c| {
                    let s = c.operand(base);
                    let first = c.tables.constant(&Value::Text(first.clone()));
                    let second = c.tables.constant(&Value::Text(second.clone()));
                    c.emit(Op::JsonField2 { d, s, first, second });
                });
            }
            ExprKind::JsonField { base, name, optional } => self.scratch(|c| {
                let s = c.operand(base);
                let name = c.tables.constant(&Value::Text(name.clone()));
                c.optional(*optional, s, d, |c| {
                    c.emit(Op::JsonField { d, s, name });
                });
            }),
            ExprKind::MapGet { base, key, optional } => self.scratch(|c| {
                let s = c.operand_before(base, key);
                c.optional(*optional, s, d, |c| {
                    let k = c.operand(key);
                    c.emit(Op::MapGet { d, s, k });
                });
            }),
            ExprKind::Index { base, index } => self.scratch(|c| {
                let s = c.operand_before(base, index);
                let i = c.operand(index);
                c.emit(Op::Index { d, s, i });
            }),
            ExprKind::CallFn { function, args } => self.call_fn(*function, args, d),
            ExprKind::CallValue { callee, args } => self.scratch(|c| {
                let f = c.temp();
                c.expr(callee, f);
                let a = c.in_row(args.iter());
                c.emit(Op::CallValue { d, f, a, n: args.len() as u16 });
            }),
            ExprKind::CallAction(call) => self.call_action(call, d),
            ExprKind::Method { name, args, optional } => self.method(e, name, args, *optional, d),
            ExprKind::Coerce { .. } if let Some(value) = right_constant(e) => self.constant(&value, d),
            ExprKind::Coerce { value, kind } => match self.coercion(kind, &value.ty, &e.ty) {
                None => self.expr(value, d),
                Some(shape) => self.scratch(|c| {
                    let s = c.operand(value);
                    c.emit(Op::Coerce { d, s, shape });
                }),
            },
            ExprKind::Decode(value) => self.scratch(|c| {
                let s = c.operand(value);
                let ty = super::index(c.tables.decoded.len());
                c.tables.decoded.push(e.ty.clone());
                c.emit(Op::Decode { d, s, ty });
            }),
            ExprKind::If { condition, then, otherwise } => {
                let ways = self.ways();
                let fails = self.in_scope(|c| {
                    let fails = c.branch(condition);
                    c.cover_way(ways, "then", then.span);
                    c.expr(then, d);
                    fails
                });
                let end = self.emit(Op::Jump { to: 0 });
                self.patch_all(fails);
                self.cover_way(ways, "else", otherwise.as_ref().map_or(e.span, |o| o.span));
                match otherwise {
                    Some(other) => self.expr(other, d),
                    None => {
                        self.emit(Op::Nothing { d });
                    }
                }
                self.patch(end);
            }
            ExprKind::Match { value, arms } => self.match_(value, arms, d),
            ExprKind::Block(block) => self.block(block, d),
            ExprKind::Fail(what) => self.scratch(|c| {
                let s = c.operand(what);
                let is_failure = matches!(&*resolve(&c.hir.types, &what.ty), Type::Named(builtin::FAILURE, _));
                c.emit(if is_failure { Op::FailValue { s } } else { Op::FailText { s } });
            }),
            ExprKind::Finish { outcome, why } => self.scratch(|c| {
                let s = c.temp();
                match why {
                    Some(why) => c.expr(why, s),
                    None => c.constant(&Value::text(""), s),
                }
                c.emit(Op::Finish { outcome: *outcome, s });
            }),
            ExprKind::Return(value) => self.scratch(|c| {
                let s = c.temp();
                match value {
                    Some(v) => c.expr(v, s),
                    None => {
                        c.emit(Op::Nothing { d: s });
                    }
                }
                c.emit(if c.scopes > 0 { Op::RetScoped { s } } else { Op::Ret { s } });
            }),
            ExprKind::Break => self.leave_loop(true),
            ExprKind::Continue => self.leave_loop(false),
            ExprKind::Skip => {
                self.emit(Op::Skip);
            }
            ExprKind::Rollback { site } => {
                self.emit(Op::Rollback { site: *site });
                self.emit(Op::Nothing { d });
            }
            ExprKind::Step { name, body, site } => {
                self.scratch(|c| {
                    let s = c.operand(name);
                    c.emit(Op::StepBegin { s, site: *site });
                });
                self.scoped(|c| c.block(body, d));
            }
            ExprKind::Approve(a) => self.approve(a, e.span, d),
            ExprKind::Waive(w) => self.waive(w, d),
            ExprKind::Verify(v) => self.verify(v, d),
            ExprKind::Wait { duration, site } => {
                self.scratch(|c| {
                    let s = c.operand(duration);
                    c.emit(Op::Sleep { s, site: *site });
                });
                self.emit(Op::Nothing { d });
            }
            ExprKind::WaitUntil { condition, every, within, site } => {
                self.wait_until(condition, every, within, *site, d)
            }
            ExprKind::WaitFor(w) => self.wait_for(w, d),
            ExprKind::During(during) => self.during(during, d),
            ExprKind::Restart => {
                self.emit(Op::Restart);
            }
            ExprKind::RunChild(run) => self.run_child(run, d),
            ExprKind::For { pattern, items, body } => {
                let collects = has_value(&e.ty);
                self.for_(pattern, items, body, collects, d)
            }
            ExprKind::FanOut(fan) => self.fan_out(fan, &e.ty, d),
            ExprKind::Together(t) if t.race => self.race(t, d),
            ExprKind::Together(t) => self.parallel(t, &e.ty, d),
            ExprKind::AtMost(most) => self.at_most(most, d),
            ExprKind::While { condition, max, body } => self.while_(condition, *max, body, d),
            ExprKind::Try { body, handler, .. } => self.try_(body, handler.as_ref(), e.span, d),
        }
    }

    /// For its effects only.
    pub(super) fn discard(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Literal(_) | ExprKind::Local(_) => {}
            ExprKind::For { pattern, items, body } => self.scratch(|c| {
                let d = c.temp();
                c.marked(e.span, |c| c.for_(pattern, items, body, false, d));
            }),
            _ => self.scratch(|c| {
                let d = c.temp();
                c.expr(e, d);
            }),
        }
    }

    /// A register that holds the value: the variable itself, or a temporary.
    pub(super) fn operand(&mut self, e: &'a Expr) -> Reg {
        match &e.kind {
            ExprKind::Local(local) => local.0 as Reg,
            _ => {
                let d = self.temp();
                self.expr(e, d);
                d
            }
        }
    }

    /// As `operand`, but what `next` does to a variable does not change it.
    pub(super) fn operand_before(&mut self, e: &'a Expr, next: &Expr) -> Reg {
        match &e.kind {
            ExprKind::Local(local) if self.locals.get(local.0 as usize).is_some_and(|l| l.mutable) && !simple(next) => {
                let d = self.temp();
                self.emit(Op::Move { d, s: local.0 as Reg });
                d
            }
            _ => self.operand(e),
        }
    }

    /// The values in registers in a row; gives the first.
    pub(super) fn in_row(&mut self, values: impl ExactSizeIterator<Item = &'a Expr>) -> Reg {
        let a = self.temps(values.len());
        for (i, value) in values.enumerate() {
            self.expr(value, offset(a, i));
        }
        a
    }

    fn optional(&mut self, optional: bool, s: Reg, d: Reg, f: impl FnOnce(&mut Self)) {
        if !optional {
            return f(self);
        }
        let absent = self.emit(Op::JumpIfAbsent { s, to: 0 });
        f(self);
        let end = self.emit(Op::Jump { to: 0 });
        self.patch(absent);
        self.emit(Op::None { d });
        self.patch(end);
    }

    fn text(&mut self, parts: &'a [TextPart], d: Reg) {
        self.scratch(|c| {
            let a = c.temps(parts.len());
            for (i, part) in parts.iter().enumerate() {
                match part {
                    TextPart::Chars(t) => c.constant(&Value::Text(t.clone()), offset(a, i)),
                    TextPart::Hole(e) => c.expr(e, offset(a, i)),
                }
            }
            c.emit(Op::Text { d, a, n: parts.len() as u16 });
        });
    }

    fn list(&mut self, items: &'a [(bool, Expr)], d: Reg) {
        if let Some(value) = constant_list(items) {
            return self.constant(&value, d);
        }
        // Long lists and those with spreads grow item by item: registers are few.
        if items.len() <= 64 && items.iter().all(|(spread, _)| !spread) {
            return self.scratch(|c| {
                let a = c.in_row(items.iter().map(|(_, e)| e));
                c.emit(Op::List { d, a, n: items.len() as u16 });
            });
        }
        self.scratch(|c| {
            let list = c.temp();
            c.emit(Op::List { d: list, a: list, n: 0 });
            for (spread, item) in items {
                c.scratch(|c| {
                    let s = c.operand(item);
                    c.emit(if *spread { Op::ListExtend { d: list, s } } else { Op::ListPush { d: list, s } });
                });
            }
            c.emit(Op::Take { d, s: list });
        });
    }

    fn map(&mut self, entries: &'a [MapEntry], d: Reg) {
        self.scratch(|c| {
            let map = c.temp();
            c.emit(Op::MapNew { d: map });
            for entry in entries {
                c.scratch(|c| match entry {
                    MapEntry::Entry(key, value) => {
                        let k = c.operand_before(key, value);
                        let v = c.operand(value);
                        c.emit(Op::MapInsert { d: map, k, v });
                    }
                    MapEntry::Spread(other) => {
                        let s = c.operand(other);
                        c.emit(Op::MapExtend { d: map, s });
                    }
                });
            }
            c.emit(Op::Take { d, s: map });
        });
    }

    fn update(&mut self, e: &'a Expr, base: &'a Expr, given: &'a [(smol_str::SmolStr, Expr)], d: Reg) {
        self.scratch(|c| {
            let s = c.operand(base);
            let made = c.built(&e.ty);
            let (target, source) = (fields(&c.hir.types, &made), fields(&c.hir.types, &base.ty));
            let a = c.temps(target.len());
            for (name, value) in given {
                if let Some(i) = target.iter().position(|f| f.name == *name) {
                    c.expr(value, offset(a, i));
                }
            }
            for (i, field) in target.iter().enumerate() {
                if given.iter().any(|(name, _)| *name == field.name) {
                    continue;
                }
                let at = source.iter().position(|f| f.name == field.name).unwrap_or(usize::MAX);
                c.emit(Op::Field { d: offset(a, i), s, index: u16::try_from(at).unwrap_or(u16::MAX) });
            }
            let names = c.field_names(&made);
            c.emit(Op::Record { d, a, names });
        });
    }

    fn variant(&mut self, ty: TypeId, index: u32, name: &str, payload: &'a [Expr], d: Reg) {
        if payload.is_empty() {
            let value = crate::value::VariantValue { ty, index, name: name.into(), payload: Vec::new() };
            return self.constant(&Value::Variant(value.into()), d);
        }
        self.scratch(|c| {
            let a = c.in_row(payload.iter());
            let variant = super::index(c.tables.variants.len());
            c.tables.variants.push(VariantCode { ty, index, name: name.into() });
            c.emit(Op::Variant { d, a, n: payload.len() as u16, variant });
        });
    }

    fn call_fn(&mut self, function: FnId, args: &'a [Expr], d: Reg) {
        self.scratch(|c| {
            let a = c.in_row(args.iter());
            c.emit(Op::Call { d, a, function });
        });
    }

    fn match_(&mut self, value: &'a Expr, arms: &'a [Arm], d: Reg) {
        self.scratch(|c| {
            // A copy: an arm may assign the variable that is matched.
            let s = c.temp();
            c.expr(value, s);
            let ways = c.ways();
            let mut ends = Vec::new();
            for (i, arm) in arms.iter().enumerate() {
                // The checker has shown that the last arm fits when no other does.
                let last = i + 1 == arms.len() && arm.guard.is_none();
                let behind = i.checked_sub(1).and_then(|i| arms.get(i)).map_or(value.span.end, |a| a.body.span.end);
                let head = Span { start: behind.min(arm.body.span.start), end: arm.body.span.start, ..arm.body.span };
                let fails = c.in_scope(|c| {
                    let mut fails = c.marked(head, |c| c.pattern(&arm.pattern, s, last));
                    if let Some(guard) = &arm.guard {
                        fails.extend(c.branch(guard));
                    }
                    c.cover_arm(ways, arm);
                    c.expr(&arm.body, d);
                    fails
                });
                if !last {
                    ends.push(c.emit(Op::Jump { to: 0 }));
                }
                c.patch_all(fails);
            }
            if arms.last().is_none_or(|arm| arm.guard.is_some()) {
                c.emit(Op::NoMatch);
            }
            c.patch_all(ends);
        });
    }

    fn binary(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr, d: Reg) {
        self.scratch(|c| {
            let kind = c.number_kind(left, right);
            if let (Some(Number::Int), BinaryOp::Add | BinaryOp::Sub, Some(k)) = (kind, op, small_int(right)) {
                let a = c.operand(left);
                let k = if op == BinaryOp::Sub { k.checked_neg() } else { Some(k) };
                if let Some(k) = k {
                    c.emit(Op::AddIntK { d, a, k });
                    return;
                }
            }
            let a = c.operand_before(left, right);
            let b = c.operand(right);
            let code = match (kind, op) {
                (Some(Number::Int), BinaryOp::Add) => Op::AddInt { d, a, b },
                (Some(Number::Int), BinaryOp::Sub) => Op::SubInt { d, a, b },
                (Some(Number::Int), BinaryOp::Mul) => Op::MulInt { d, a, b },
                (Some(Number::Int), BinaryOp::Mod) => Op::ModInt { d, a, b },
                (Some(Number::Float), BinaryOp::Add) => Op::AddFloat { d, a, b },
                (Some(Number::Float), BinaryOp::Sub) => Op::SubFloat { d, a, b },
                (Some(Number::Float), BinaryOp::Mul) => Op::MulFloat { d, a, b },
                (Some(Number::Int), _) if comparison(op).is_some() => {
                    Op::CmpInt { cmp: comparison(op).unwrap_or(Cmp::Eq), d, a, b }
                }
                _ => Op::Binary { op: general(op), d, a, b },
            };
            c.emit(code);
        });
    }

    fn number_kind(&self, left: &Expr, right: &Expr) -> Option<Number> {
        match (&*left.ty, &*right.ty) {
            (Type::Int, Type::Int) => Some(Number::Int),
            (Type::Float, Type::Float) => Some(Number::Float),
            _ => None,
        }
    }

    /// Tests a condition; gives the jumps that are taken when it is false.
    pub(super) fn branch(&mut self, e: &'a Expr) -> Vec<usize> {
        self.marked(e.span, |c| c.branch_here(e))
    }

    fn branch_here(&mut self, e: &'a Expr) -> Vec<usize> {
        match &e.kind {
            ExprKind::And(left, right) => {
                let mut fails = self.branch(left);
                fails.extend(self.branch(right));
                fails
            }
            ExprKind::Or(left, right) => {
                let fails = self.branch(left);
                let holds = self.emit(Op::Jump { to: 0 });
                self.patch_all(fails);
                let fails = self.branch(right);
                self.patch(holds);
                fails
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.branch_not(operand),
            ExprKind::Is { value, pattern } | ExprKind::Let { pattern, value } => self.scratch(|c| {
                let s = c.operand(value);
                c.pattern(pattern, s, false)
            }),
            ExprKind::Literal(Value::Bool(true)) => Vec::new(),
            ExprKind::Binary { op, left, right } if self.fused(*op, left, right) => self.compare(*op, left, right),
            _ => self.scratch(|c| {
                let s = c.operand(e);
                vec![c.emit(Op::JumpIfNot { s, to: 0 })]
            }),
        }
    }

    fn branch_not(&mut self, operand: &'a Expr) -> Vec<usize> {
        if let ExprKind::And(..) | ExprKind::Or(..) | ExprKind::Is { .. } | ExprKind::Unary { .. } = operand.kind {
            let fails = self.branch(operand);
            let holds = self.emit(Op::Jump { to: 0 });
            self.patch_all(fails);
            return vec![holds];
        }
        self.scratch(|c| {
            let s = c.operand(operand);
            vec![c.emit(Op::JumpIf { s, to: 0 })]
        })
    }

    /// Whether a comparison and its jump are one instruction.
    fn fused(&self, op: BinaryOp, left: &Expr, right: &Expr) -> bool {
        let ints = matches!(self.number_kind(left, right), Some(Number::Int)) && comparison(op).is_some();
        ints || (with_constant(op) && right_constant(right).is_some())
    }

    fn compare(&mut self, op: BinaryOp, left: &'a Expr, right: &'a Expr) -> Vec<usize> {
        self.scratch(|c| {
            if let (Some(Number::Int), Some(cmp)) = (c.number_kind(left, right), comparison(op)) {
                let a = c.operand_before(left, right);
                if let Some(k) = small_int(right) {
                    return vec![c.emit(Op::JumpUnlessIntK { cmp, a, k, to: 0 })];
                }
                let b = c.operand(right);
                return vec![c.emit(Op::JumpUnlessInt { cmp, a, b, to: 0 })];
            }
            let Some(value) = right_constant(right) else {
                let s = c.temp();
                c.binary(op, left, right, s);
                return vec![c.emit(Op::JumpIfNot { s, to: 0 })];
            };
            if let ExprKind::Field { base, index, optional: false, .. } = &left.kind
                && let (Ok(index), Ok(k)) = (u16::try_from(*index), u16::try_from(c.tables.constant(&value)))
            {
                let s = c.operand(base);
                return vec![c.emit(Op::JumpUnlessFieldK { op: general(op), s, index, k, to: 0 })];
            }
            let s = c.operand(left);
            vec![c.jump_unless(general(op), s, &value)]
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Int,
    Float,
}

fn right_constant(e: &Expr) -> Option<Value> {
    match &e.kind {
        ExprKind::Literal(v) => Some(v.clone()),
        ExprKind::Variant { ty, index, name, payload } if payload.is_empty() => Some(Value::Variant(
            crate::value::VariantValue { ty: *ty, index: *index, name: name.clone(), payload: Vec::new() }.into(),
        )),
        ExprKind::List(items) => constant_list(items),
        ExprKind::Coerce { value, kind } => coerced(right_constant(value)?, kind, &e.ty),
        _ => None,
    }
}

/// A literal in its other shape, made once.
fn coerced(value: Value, kind: &Coercion, to: &Type) -> Option<Value> {
    let json = |v: &Value| crate::vm::to_json(v).ok().map(Value::Json);
    match (kind, value, to) {
        (Coercion::ToJson, v, _) => json(&v),
        (Coercion::ToShown, v, _) => json(&v).map(|_| Value::Json(crate::vm::shown(&v))),
        (Coercion::Shape, Value::List(items), Type::List(inner)) if matches!(**inner, Type::Json) => {
            items.iter().map(json).collect::<Option<Vec<_>>>().map(Value::list)
        }
        _ => None,
    }
}

/// A list of literals is one value, made once.
fn constant_list(items: &[(bool, Expr)]) -> Option<Value> {
    if items.is_empty() {
        return None;
    }
    let item = |(spread, e): &(bool, Expr)| if *spread { None } else { right_constant(e) };
    items.iter().map(item).collect::<Option<Vec<Value>>>().map(Value::list)
}

/// Operators whose comparison with a constant and the jump after it are one instruction.
fn with_constant(op: BinaryOp) -> bool {
    use BinaryOp::{Eq, Ge, Gt, In, Le, Lt, Matches, Ne, NotIn};
    matches!(op, Eq | Ne | Lt | Le | Gt | Ge | In | NotIn | Matches)
}

fn small_int(e: &Expr) -> Option<i16> {
    match e.kind {
        ExprKind::Literal(Value::Int(i)) => i16::try_from(i).ok(),
        _ => None,
    }
}

/// Cannot assign a variable.
pub(super) fn simple(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Local(_) | ExprKind::Constant(_) | ExprKind::Setting(_) => true,
        ExprKind::Text(parts) => parts.iter().all(|p| match p {
            TextPart::Chars(_) => true,
            TextPart::Hole(e) => simple(e),
        }),
        ExprKind::List(items) => items.iter().all(|(_, e)| simple(e)),
        ExprKind::Record(values) => values.iter().all(simple),
        ExprKind::RecordUpdate { base, fields } => simple(base) && fields.iter().all(|(_, e)| simple(e)),
        ExprKind::Variant { payload, .. } => payload.iter().all(simple),
        ExprKind::Unary { operand, .. } => simple(operand),
        ExprKind::Binary { left, right, .. }
        | ExprKind::Coalesce(left, right)
        | ExprKind::And(left, right)
        | ExprKind::Or(left, right) => simple(left) && simple(right),
        ExprKind::MapGet { base, key, .. } => simple(base) && simple(key),
        ExprKind::Coerce { value, .. } | ExprKind::Decode(value) => simple(value),
        ExprKind::CallValue { callee, args } => simple(callee) && args.iter().all(simple),
        ExprKind::Field { base, .. } | ExprKind::JsonField { base, .. } => simple(base),
        ExprKind::Index { base, index } => simple(base) && simple(index),
        ExprKind::CallFn { args, .. } | ExprKind::Method { args, .. } => args.iter().all(simple),
        ExprKind::Closure { .. } => true,
        _ => false,
    }
}

/// The register `i` after `a`.
pub(super) fn offset(a: Reg, i: usize) -> Reg {
    a.wrapping_add(i as Reg)
}

fn comparison(op: BinaryOp) -> Option<Cmp> {
    Some(match op {
        BinaryOp::Eq => Cmp::Eq,
        BinaryOp::Ne => Cmp::Ne,
        BinaryOp::Lt => Cmp::Lt,
        BinaryOp::Le => Cmp::Le,
        BinaryOp::Gt => Cmp::Gt,
        BinaryOp::Ge => Cmp::Ge,
        _ => return None,
    })
}

fn general(op: BinaryOp) -> Bin {
    match op {
        // The checker makes nodes of their own for these three; they never get here.
        BinaryOp::Eq | BinaryOp::Or | BinaryOp::And | BinaryOp::Coalesce => Bin::Eq,
        BinaryOp::Ne => Bin::Ne,
        BinaryOp::Lt => Bin::Lt,
        BinaryOp::Le => Bin::Le,
        BinaryOp::Gt => Bin::Gt,
        BinaryOp::Ge => Bin::Ge,
        BinaryOp::In => Bin::In,
        BinaryOp::NotIn => Bin::NotIn,
        BinaryOp::Matches => Bin::Matches,
        BinaryOp::Range => Bin::Range,
        BinaryOp::RangeInclusive => Bin::RangeInclusive,
        BinaryOp::Add => Bin::Add,
        BinaryOp::Sub => Bin::Sub,
        BinaryOp::Mul => Bin::Mul,
        BinaryOp::Div => Bin::Div,
        BinaryOp::Mod => Bin::Mod,
    }
}
