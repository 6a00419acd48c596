//! Renumbers the variables of a finished function: captures come first, and are known only when the body is done.

use crate::hir::{
    ActionCall, Approve, Block, Expr, ExprKind, LocalId, MapEntry, Pattern, Principal, Stmt, TextPart, Watch,
};

type To<'a> = &'a dyn Fn(LocalId) -> LocalId;

fn all<'a>(exprs: impl IntoIterator<Item = &'a mut Expr>, to: To) {
    exprs.into_iter().for_each(|e| locals(e, to));
}

/// Replaces every variable of `e` by what `to` gives.
pub(super) fn locals(e: &mut Expr, to: To) {
    use ExprKind as K;
    match &mut e.kind {
        K::Literal(_) | K::Constant(_) | K::Setting(_) | K::Break | K::Continue | K::Skip => {}
        K::Rollback { .. } | K::Restart => {}
        K::Local(id) => *id = to(*id),
        K::Closure { captures, .. } => captures.iter_mut().for_each(|id| *id = to(*id)),
        K::Text(parts) => parts.iter_mut().for_each(|p| {
            if let TextPart::Hole(h) = p {
                locals(h, to);
            }
        }),
        K::List(items) => all(items.iter_mut().map(|(_, e)| e), to),
        K::Record(items) | K::Variant { payload: items, .. } | K::CallFn { args: items, .. } => all(items, to),
        K::Method { args, .. } => all(args, to),
        K::RecordUpdate { base, fields } => {
            locals(base, to);
            all(fields.iter_mut().map(|(_, e)| e), to);
        }
        K::Map(entries) => entries.iter_mut().for_each(|entry| match entry {
            MapEntry::Entry(k, v) => all([k, v], to),
            MapEntry::Spread(s) => locals(s, to),
        }),
        K::Unary { operand: e, .. }
        | K::Decode(e)
        | K::Fail(e)
        | K::Coerce { value: e, .. }
        | K::Field { base: e, .. }
        | K::JsonField { base: e, .. }
        | K::Wait { duration: e, .. } => locals(e, to),
        K::Binary { left, right, .. } | K::And(left, right) | K::Or(left, right) | K::Coalesce(left, right) => {
            all([&mut **left, &mut **right], to);
        }
        K::MapGet { base, key, .. } => all([&mut **base, &mut **key], to),
        K::Index { base, index } => all([&mut **base, &mut **index], to),
        K::CallValue { callee, args } => {
            locals(callee, to);
            all(args, to);
        }
        K::CallAction(call) => action(call, to),
        K::Is { value, pattern: p } | K::Let { value, pattern: p } => {
            locals(value, to);
            pattern(p, to);
        }
        K::If { condition, then, otherwise } => {
            all([&mut **condition, &mut **then], to);
            all(otherwise.as_deref_mut(), to);
        }
        K::Match { value, arms } => {
            locals(value, to);
            for arm in arms {
                pattern(&mut arm.pattern, to);
                all(arm.guard.as_mut(), to);
                locals(&mut arm.body, to);
            }
        }
        K::Block(b) => block(b, to),
        K::Finish { why: e, .. } | K::Return(e) => all(e.as_deref_mut(), to),
        K::Step { name, body, .. } => {
            locals(name, to);
            block(body, to);
        }
        K::Approve(a) => approve(a, to),
        K::Waive(w) => {
            locals(&mut w.reason, to);
            block(&mut w.body, to);
        }
        K::Verify(v) => {
            all([&mut v.name, &mut v.within, &mut v.every], to);
            all(v.settle.as_mut(), to);
            block(&mut v.body, to);
            all(v.operands.iter_mut().map(|(_, e)| e), to);
        }
        K::WaitUntil { condition, every, within, .. } => {
            all([&mut **condition, &mut **every, &mut **within], to);
        }
        K::WaitFor(w) => {
            watch(&mut w.watch, to);
            locals(&mut w.within, to);
        }
        K::During(d) => {
            block(&mut d.body, to);
            for handler in &mut d.handlers {
                watch(&mut handler.watch, to);
                handler.binder = to(handler.binder);
                block(&mut handler.body, to);
            }
        }
        K::RunChild(run) => all(&mut run.args, to),
        K::For { pattern: p, items, body } => {
            pattern(p, to);
            locals(items, to);
            block(body, to);
        }
        K::FanOut(fan) => {
            pattern(&mut fan.pattern, to);
            all([&mut fan.items, &mut fan.parallel], to);
            block(&mut fan.body, to);
            if let Some(waves) = &mut fan.waves {
                all(&mut waves.sizes, to);
                all(waves.pausing.as_mut(), to);
                waves.between.iter_mut().for_each(|b| block(b, to));
            }
        }
        K::Together(t) => all(t.branches.iter_mut().map(|b| &mut b.body), to),
        K::AtMost(most) => {
            all([&mut most.limit, &mut most.items], to);
            all(most.of.as_mut(), to);
            all(most.floor.as_mut(), to);
        }
        K::While { condition, body, .. } => {
            locals(condition, to);
            block(body, to);
        }
        K::Try { body, handler, .. } => {
            block(body, to);
            if let Some((binder, b)) = handler {
                binder.iter_mut().for_each(|id| *id = to(*id));
                block(b, to);
            }
        }
    }
}

fn watch(watch: &mut Watch, to: To) {
    if let Some((_, captures)) = &mut watch.condition {
        captures.iter_mut().for_each(|id| *id = to(*id));
    }
}

fn action(call: &mut ActionCall, to: To) {
    all(&mut call.args, to);
    all(call.instance.as_mut(), to);
    all(call.timeout.as_mut(), to);
    all(call.key.as_mut(), to);
    if let Some(retry) = &mut call.retry {
        locals(&mut retry.times, to);
        if let Some((first, most)) = &mut retry.backoff {
            all([first, most], to);
        }
        if let Some((binder, when)) = &mut retry.when {
            *binder = to(*binder);
            locals(when, to);
        }
    }
    if let Some((_, captures)) = &mut call.undo {
        captures.iter_mut().for_each(|id| *id = to(*id));
    }
}

fn principals(list: &mut [Principal], to: To) {
    for p in list {
        match p {
            Principal::User(e) | Principal::Group(e) => locals(e, to),
        }
    }
}

fn approve(a: &mut Approve, to: To) {
    all([&mut a.question, &mut a.quorum, &mut a.within], to);
    principals(&mut a.from, to);
    for (who, after) in &mut a.escalate {
        principals(who, to);
        locals(after, to);
    }
    all(a.remind.as_mut(), to);
    all(&mut a.ask, to);
    all(a.showing.as_mut(), to);
    a.request = to(a.request);
    a.approval = to(a.approval);
    block(&mut a.body, to);
    if let Some((binder, b)) = &mut a.otherwise {
        binder.iter_mut().for_each(|id| *id = to(*id));
        block(b, to);
    }
}

fn block(b: &mut Block, to: To) {
    for stmt in &mut b.stmts {
        match stmt {
            Stmt::Let { pattern: p, value } => {
                pattern(p, to);
                locals(value, to);
            }
            Stmt::Assign { local, value } => {
                *local = to(*local);
                locals(value, to);
            }
            Stmt::Evidence { name, value, .. } => all([name, value], to),
            Stmt::Log { text, .. } => locals(text, to),
            Stmt::Expr(e) => locals(e, to),
        }
    }
    all(b.value.as_deref_mut(), to);
}

fn pattern(p: &mut Pattern, to: To) {
    match p {
        Pattern::Any | Pattern::None | Pattern::Literal(_) | Pattern::Range { .. } => {}
        Pattern::Bind(id) => *id = to(*id),
        Pattern::Variant { payload, .. } => payload.iter_mut().for_each(|(_, p)| pattern(p, to)),
        Pattern::Record(fields) => fields.iter_mut().for_each(|(_, p)| pattern(p, to)),
        Pattern::List { items, .. } | Pattern::Or(items) => items.iter_mut().for_each(|p| pattern(p, to)),
        Pattern::As(p, id) => {
            pattern(p, to);
            *id = to(*id);
        }
        Pattern::Present(p) => pattern(p, to),
    }
}
