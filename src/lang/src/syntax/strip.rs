//! Two texts mean the same when their trees are equal without places, parentheses and comments.

mod testing;

use std::sync::Arc;

use super::ast::*;
use crate::span::Span;

/// Removes what does not change the meaning: places, parentheses, comments, blank lines.
pub fn strip(module: &mut Module) {
    module.comments.clear();
    module.blank_lines.clear();
    module.items.iter_mut().for_each(item);
}

fn gone(span: &mut Span) {
    *span = Span::default();
}

fn all<T>(things: &mut [T], f: fn(&mut T)) {
    things.iter_mut().for_each(f);
}

fn ident(i: &mut Ident) {
    gone(&mut i.span);
}

fn path(p: &mut Path) {
    gone(&mut p.span);
    all(&mut p.parts, ident);
}

fn item(i: &mut Item) {
    gone(&mut i.span);
    match &mut i.kind {
        ItemKind::Use(u) => {
            path(&mut u.path);
            u.alias.iter_mut().for_each(ident);
            u.names.iter_mut().for_each(|n| all(n, ident));
        }
        ItemKind::Const(c) => {
            ident(&mut c.name);
            c.ty.iter_mut().for_each(ty);
            expr(&mut c.value);
        }
        ItemKind::Settings(s) => all(&mut s.fields, field),
        ItemKind::Type(t) => {
            ident(&mut t.name);
            all(&mut t.generics, ident);
            ty(&mut t.ty);
        }
        ItemKind::Enum(e) => {
            ident(&mut e.name);
            for v in &mut e.variants {
                gone(&mut v.span);
                ident(&mut v.name);
                all(&mut v.payload, field);
            }
        }
        ItemKind::Fn(f) => {
            let f = Arc::make_mut(f);
            ident(&mut f.name);
            all(&mut f.generics, ident);
            all(&mut f.params, field);
            f.ret.iter_mut().for_each(ty);
            block(&mut f.body);
        }
        ItemKind::Action(a) => action(Arc::make_mut(a)),
        ItemKind::Runbook(r) => runbook(Arc::make_mut(r)),
        ItemKind::Connector(c) => {
            ident(&mut c.name);
            all(&mut c.items, item);
        }
        ItemKind::Event(e) => event(Arc::make_mut(e)),
        ItemKind::Policy(p) => {
            let p = Arc::make_mut(p);
            ident(&mut p.name);
            all(&mut p.rules, policy_rule);
        }
        ItemKind::Test(t) => testing::test(Arc::make_mut(t)),
        ItemKind::Bad => {}
    }
}

fn field(f: &mut FieldDecl) {
    gone(&mut f.span);
    ident(&mut f.name);
    ty(&mut f.ty);
    f.default.iter_mut().for_each(expr);
}

fn action(a: &mut ActionDecl) {
    ident(&mut a.name);
    all(&mut a.generics, ident);
    all(&mut a.params, field);
    a.ret.iter_mut().for_each(ty);
    a.effect.iter_mut().for_each(|(_, s)| gone(s));
    if let Some((class, span)) = &mut a.class {
        gone(span);
        match class {
            RepeatClass::Keyed(e) => expr(e),
            RepeatClass::Probe(b) => block(b),
            RepeatClass::Idempotent | RepeatClass::Once => {}
        }
    }
    a.target.iter_mut().for_each(expr);
    a.on_busy_fail.iter_mut().for_each(gone);
    a.undo.iter_mut().for_each(block);
    a.body.iter_mut().for_each(block);
}

fn event(e: &mut Event) {
    ident(&mut e.name);
    ty(&mut e.ty);
    match &mut e.source {
        EventSource::Webhook { path, span } => {
            gone(span);
            expr(path);
        }
        EventSource::Poll { every, body, span } => {
            gone(span);
            expr(every);
            block(body);
        }
        EventSource::Feed { call, span, .. } => {
            gone(span);
            expr(call);
        }
    }
    match &mut e.verify {
        Some(Verification::None { because, span }) => {
            gone(span);
            because.iter_mut().for_each(expr);
        }
        Some(Verification::Scheme(scheme)) => expr(scheme),
        None => {}
    }
    if let Some((each, name)) = &mut e.each {
        expr(each);
        ident(name);
    }
    [&mut e.origins, &mut e.answer, &mut e.id, &mut e.at, &mut e.emit].into_iter().flatten().for_each(expr);
    e.acknowledge.iter_mut().for_each(block);
}

fn runbook(r: &mut Runbook) {
    ident(&mut r.name);
    all(&mut r.params, field);
    for clause in &mut r.header {
        gone(&mut clause.span);
        header(&mut clause.kind);
    }
    all(&mut r.body, stmt);
    if let Some((binder, body)) = &mut r.on_failure {
        binder.iter_mut().for_each(ident);
        block(body);
    }
    r.finally.iter_mut().for_each(block);
}

fn header(kind: &mut HeaderKind) {
    match kind {
        HeaderKind::Owner(e) | HeaderKind::Tags(e) | HeaderKind::Controls(e) | HeaderKind::Timeout(e) => expr(e),
        HeaderKind::Severity(name) => ident(name),
        HeaderKind::On(on) => trigger(on),
        HeaderKind::OnSeveral(on) => correlation(on),
        HeaderKind::Every { every, with, .. } => {
            expr(every);
            all(with, arg);
        }
        HeaderKind::At { cron, zone, with, .. } => {
            expr(cron);
            zone.iter_mut().for_each(expr);
            all(with, arg);
        }
        HeaderKind::Dedupe { by, within } => {
            by.iter_mut().for_each(expr);
            expr(within);
        }
        HeaderKind::Limit { count, per: other, by } | HeaderKind::GiveUp { count, within: other, by } => {
            expr(count);
            expr(other);
            by.iter_mut().for_each(expr);
        }
        HeaderKind::Concurrency { count, by, .. } => {
            expr(count);
            by.iter_mut().for_each(expr);
        }
        HeaderKind::CancelWhen { on, because } => {
            trigger(on);
            because.iter_mut().for_each(expr);
        }
        HeaderKind::NoRollback | HeaderKind::Shadow => {}
    }
}

fn trigger(on: &mut OnTrigger) {
    path(&mut on.event);
    on.instance.iter_mut().for_each(expr);
    on.binder.iter_mut().for_each(ident);
    on.condition.iter_mut().for_each(expr);
    all(&mut on.with, arg);
}

fn correlation(on: &mut Correlation) {
    gone(&mut on.span);
    match &mut on.kind {
        CorrelationKind::Count { count, event } => {
            expr(count);
            heard(event);
        }
        CorrelationKind::Pair { first, second, .. } => {
            heard(first);
            heard(second);
        }
        CorrelationKind::Group { terms, .. } => {
            for term in terms {
                term.count.iter_mut().for_each(expr);
                heard(&mut term.event);
            }
        }
        CorrelationKind::Silence { event } => heard(event),
    }
    for part in [&mut on.condition, &mut on.by, &mut on.distinct, &mut on.within, &mut on.max_keys] {
        part.iter_mut().for_each(expr);
    }
    all(&mut on.with, arg);
}

fn heard(event: &mut HeardEvent) {
    path(&mut event.event);
    event.instance.iter_mut().for_each(expr);
    event.binder.iter_mut().for_each(ident);
}

fn arg(a: &mut NamedArg) {
    a.name.iter_mut().for_each(ident);
    expr(&mut a.value);
}

fn ty(t: &mut Type) {
    gone(&mut t.span);
    match &mut t.kind {
        TypeKind::Named { path: p, args } => {
            path(p);
            all(args, ty);
        }
        TypeKind::Optional(inner) => ty(inner),
        TypeKind::Record(fields) => all(fields, field),
        TypeKind::Function { params, ret, .. } => {
            all(params, ty);
            ty(ret);
        }
        TypeKind::Missing => {}
    }
}

fn block(b: &mut Block) {
    gone(&mut b.span);
    all(&mut b.stmts, stmt);
}

fn stmt(s: &mut Stmt) {
    gone(&mut s.span);
    match &mut s.kind {
        StmtKind::Let { pattern: p, ty: t, value } => {
            pattern(p);
            t.iter_mut().for_each(ty);
            expr(value);
        }
        StmtKind::Var { name, ty: t, value } => {
            ident(name);
            t.iter_mut().for_each(ty);
            expr(value);
        }
        StmtKind::Assign { target: a, value: b, .. } | StmtKind::Evidence { name: a, value: b } => {
            expr(a);
            expr(b);
        }
        StmtKind::Log(e) | StmtKind::Expr(e) => expr(e),
        StmtKind::AtMost(most) => {
            let AtMost { limit, of, floor, items } = &mut **most;
            expr(limit);
            [of, floor].into_iter().flatten().for_each(expr);
            expr(items);
        }
        StmtKind::Bad => {}
    }
}

fn pattern(p: &mut Pattern) {
    gone(&mut p.span);
    match &mut p.kind {
        PatternKind::Literal(e) => expr(e),
        PatternKind::Range { start, end, .. } => {
            expr(start);
            expr(end);
        }
        PatternKind::Name(name) => ident(name),
        PatternKind::Variant { path: of, args, .. } => {
            path(of);
            for (name, p) in args {
                name.iter_mut().for_each(ident);
                pattern(p);
            }
        }
        PatternKind::Record { fields, .. } => {
            for (name, p) in fields {
                ident(name);
                p.iter_mut().for_each(pattern);
            }
        }
        PatternKind::List { items, .. } | PatternKind::Or(items) => all(items, pattern),
        PatternKind::As { pattern: p, name } => {
            pattern(p);
            ident(name);
        }
        PatternKind::Any | PatternKind::None | PatternKind::Missing => {}
    }
}

fn expr(e: &mut Expr) {
    while let ExprKind::Paren(inner) = &mut e.kind {
        *e = std::mem::replace(inner, Expr { kind: ExprKind::None, span: Span::default() });
    }
    gone(&mut e.span);
    match &mut e.kind {
        ExprKind::Text(parts) => {
            for part in parts {
                if let TextPart::Hole(e) = part {
                    expr(e);
                }
            }
        }
        ExprKind::Tagged { content, .. } => gone(content),
        ExprKind::Name(name) => ident(name),
        ExprKind::List(items) => {
            for item in items {
                let (ListItem::Item(e) | ListItem::Spread(e)) = item;
                expr(e);
            }
        }
        ExprKind::Record(entries) => all(entries, entry),
        ExprKind::Binary { op_span, left, right, .. } => {
            gone(op_span);
            expr(left);
            expr(right);
        }
        ExprKind::Is { value, pattern: p, .. } | ExprKind::Let { pattern: p, value } => {
            expr(value);
            pattern(p);
        }
        ExprKind::As { value, ty: t } => {
            expr(value);
            ty(t);
        }
        ExprKind::Field { base, name, .. } => {
            expr(base);
            ident(name);
        }
        ExprKind::Index { base, index } => {
            expr(base);
            expr(index);
        }
        ExprKind::Call { callee, args, args_span, modifiers: m } => {
            expr(callee);
            gone(args_span);
            all(args, arg);
            modifiers(m);
        }
        ExprKind::Lambda { params, body } => {
            all(params, ident);
            expr(body);
        }
        _ => construct(e),
    }
}

fn entry(e: &mut RecordEntry) {
    match e {
        RecordEntry::Field { name, value } => {
            ident(name);
            expr(value);
        }
        RecordEntry::Shorthand(name) => ident(name),
        RecordEntry::TextKey { key_span, value, .. } => {
            gone(key_span);
            expr(value);
        }
        RecordEntry::Computed { key, value } => {
            expr(key);
            expr(value);
        }
        RecordEntry::Spread(e) => expr(e),
    }
}

fn modifiers(m: &mut Modifiers) {
    if let Some(retry) = &mut m.retry {
        gone(&mut retry.span);
        expr(&mut retry.times);
        [&mut retry.backoff, &mut retry.when, &mut retry.unsafe_reason].into_iter().flatten().for_each(|e| expr(e));
    }
    [&mut m.timeout, &mut m.key].into_iter().flatten().for_each(|e| expr(e));
    m.undo.iter_mut().for_each(block);
    m.repeated.iter_mut().for_each(|(_, s)| gone(s));
}

fn construct(e: &mut Expr) {
    match &mut e.kind {
        ExprKind::Unary { operand: e, .. } | ExprKind::Do(e) | ExprKind::Fail(e) | ExprKind::Wait(e) => expr(e),
        ExprKind::If { condition, then, otherwise } => {
            expr(condition);
            block(then);
            otherwise.iter_mut().for_each(|e| expr(e));
        }
        ExprKind::Match { value, arms } => {
            expr(value);
            for arm in arms {
                gone(&mut arm.span);
                pattern(&mut arm.pattern);
                arm.guard.iter_mut().for_each(expr);
                expr(&mut arm.body);
            }
        }
        ExprKind::Block(b) => block(b),
        ExprKind::Finish { outcome, why } => {
            ident(outcome);
            why.iter_mut().for_each(|e| expr(e));
        }
        ExprKind::Return(value) => value.iter_mut().for_each(|e| expr(e)),
        ExprKind::Step { name, body } => {
            expr(name);
            block(body);
        }
        ExprKind::Approve(a) => approve(a),
        ExprKind::Waive { reason, by, until, body } => {
            expr(reason);
            [by, until].into_iter().flatten().for_each(|e| expr(e));
            block(body);
        }
        ExprKind::Verify { name, within, every, settle, body } => {
            expr(name);
            [within, every, settle].into_iter().flatten().for_each(|e| expr(e));
            block(body);
        }
        ExprKind::WaitUntil { condition, every, within } => {
            expr(condition);
            [every, within].into_iter().flatten().for_each(|e| expr(e));
        }
        ExprKind::WaitFor { event, within } => {
            awaited(event);
            within.iter_mut().for_each(|e| expr(e));
        }
        ExprKind::During { body, handlers } => {
            block(body);
            for handler in handlers {
                gone(&mut handler.span);
                awaited(&mut handler.event);
                block(&mut handler.body);
            }
        }
        ExprKind::RunChild { runbook, args, args_span, .. } => {
            path(runbook);
            all(args, arg);
            gone(args_span);
        }
        ExprKind::For { pattern: p, items, body } => {
            pattern(p);
            expr(items);
            block(body);
        }
        ExprKind::FanOut(fan) => fan_out(fan),
        ExprKind::Together { branches, .. } => {
            for branch in branches {
                gone(&mut branch.span);
                ident(&mut branch.name);
                expr(&mut branch.body);
            }
        }
        ExprKind::While { condition, max, body } => {
            expr(condition);
            max.iter_mut().for_each(|e| expr(e));
            block(body);
        }
        ExprKind::Try { body, binder, handler } => {
            block(body);
            binder.iter_mut().for_each(ident);
            handler.iter_mut().for_each(block);
        }
        ExprKind::Trust { because, body, .. } => {
            because.iter_mut().for_each(|e| expr(e));
            block(body);
        }
        _ => {}
    }
}

fn policy_rule(r: &mut PolicyRule) {
    gone(&mut r.span);
    match &mut r.kind {
        PolicyRuleKind::Applies(e) => expr(e),
        PolicyRuleKind::Forbid(effect) => ident(effect),
        PolicyRuleKind::ForbidWaive => {}
        PolicyRuleKind::Require(effect) => effect.iter_mut().for_each(ident),
        PolicyRuleKind::Limit { effect, count, per } => {
            ident(effect);
            expr(count);
            expr(per);
        }
        PolicyRuleKind::Delegate { engine, file } => {
            ident(engine);
            expr(file);
        }
    }
    let c = &mut r.clauses;
    for window in &mut c.during {
        match window {
            Window::Hours { kind, from, to, zone, span } => {
                gone(span);
                ident(kind);
                expr(from);
                expr(to);
                zone.iter_mut().for_each(|z| expr(z));
            }
            Window::Between { from, to, span } => {
                gone(span);
                expr(from);
                expr(to);
            }
        }
    }
    all(&mut c.from, expr);
    [&mut c.condition, &mut c.unless, &mut c.because, &mut c.by, &mut c.quorum, &mut c.within, &mut c.query]
        .into_iter()
        .flatten()
        .for_each(expr);
    c.requester.iter_mut().for_each(|(_, s)| gone(s));
    c.require_comment.iter_mut().for_each(gone);
}

fn fan_out(fan: &mut FanOut) {
    pattern(&mut fan.pattern);
    expr(&mut fan.items);
    [&mut fan.waves, &mut fan.pausing, &mut fan.parallel].into_iter().flatten().for_each(expr);
    fan.collect.iter_mut().for_each(gone);
    block(&mut fan.body);
    fan.between.iter_mut().for_each(block);
}

fn awaited(a: &mut Awaited) {
    gone(&mut a.span);
    path(&mut a.event);
    a.instance.iter_mut().for_each(expr);
    a.binder.iter_mut().for_each(ident);
    a.condition.iter_mut().for_each(expr);
}

fn approve(a: &mut Approve) {
    a.require_comment.iter_mut().for_each(gone);
    a.requester.iter_mut().for_each(|(_, s)| gone(s));
    expr(&mut a.question);
    all(&mut a.from, expr);
    all(&mut a.ask, expr);
    for (to, after) in &mut a.escalate {
        all(to, expr);
        expr(after);
    }
    [&mut a.quorum, &mut a.within, &mut a.remind, &mut a.showing].into_iter().flatten().for_each(expr);
    block(&mut a.body);
    if let Some((binder, body)) = &mut a.otherwise {
        binder.iter_mut().for_each(ident);
        block(body);
    }
}
