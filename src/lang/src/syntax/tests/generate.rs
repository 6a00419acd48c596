//! Random trees that a text could have: names are not reserved, `let` stands only in conditions, and so on.

mod testing;

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*};
use smol_str::SmolStr;

use crate::{span::Span, syntax::ast::*};

const NOWHERE: Span = Span { file: crate::span::FileId(0), start: 0, end: 0 };

fn e(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn b(kind: ExprKind) -> Box<Expr> {
    Box::new(e(kind))
}

/// Values, types, and many clause words, which are names where no clause can stand.
pub(super) fn ident() -> impl Strategy<Value = Ident> {
    let names = [
        "a",
        "b2",
        "node",
        "_x",
        "Text",
        "within",
        "timeout",
        "key",
        "retry",
        "undo",
        "log",
        "evidence",
        "by",
        "from",
        "every",
        "at",
        "quorum",
        "limit",
        "owner",
        "tags",
        "id",
        "emit",
        "trust",
        "reads",
        "max",
        "times",
        "url",
        "re",
        "r",
        "run",
        "once",
        "queue",
        "until",
        "missed",
        "failure",
        "per",
        "shadow",
        "no",
        "finally",
        "group",
        "inner",
        "order",
        "iso",
        "ask",
        "answer",
        "origins",
        "acknowledge",
        "start",
        "forbid",
        "unless",
        "delegate",
        "between",
        "applies",
        "query",
    ];
    proptest::sample::select(names.to_vec()).prop_map(|n| Ident { name: n.into(), span: NOWHERE })
}

/// After `.` and before `:` every word is a name.
fn word() -> impl Strategy<Value = Ident> {
    let reserved = proptest::sample::select(&["type", "if", "on", "none", "event", "not", "match"][..]);
    prop_oneof![4 => ident(), 1 => reserved.prop_map(|n| Ident { name: n.into(), span: NOWHERE })]
}

fn path() -> impl Strategy<Value = Path> {
    (ident(), vec(word(), 0..3)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        Path { parts: rest, span: NOWHERE }
    })
}

fn chars() -> impl Strategy<Value = SmolStr> {
    prop_oneof![
        "[a-z $\\\\\"{}\n\t/]{0,6}",
        Just("// no comment".to_owned()),
        Just("${".to_owned()),
        Just("é\u{1F600}\u{7}".to_owned()),
    ]
    .prop_map(SmolStr::from)
}

fn plain_text() -> impl Strategy<Value = Expr> {
    chars().prop_map(|c| e(ExprKind::Text(if c.is_empty() { vec![] } else { vec![TextPart::Chars(c)] })))
}

fn literal() -> impl Strategy<Value = Expr> {
    let tags = proptest::sample::select(&[Tag::Re, Tag::Cron, Tag::Url, Tag::Cidr, Tag::Ip, Tag::Time][..]);
    prop_oneof![
        any::<bool>().prop_map(|v| e(ExprKind::Bool(v))),
        (0..=i64::MAX).prop_map(|v| e(ExprKind::Int(v))),
        Just(e(ExprKind::Int(i64::MIN))),
        (0..100_i64).prop_map(|v| e(ExprKind::Int(v))),
        (0..=i64::MAX).prop_map(|v| e(ExprKind::Duration(v))),
        (0..=i64::MAX).prop_map(|v| e(ExprKind::Size(v))),
        any::<f64>()
            .prop_map(|v| e(ExprKind::Float { value: if v.is_finite() { v.abs() } else { 0.5 }, percent: false })),
        (0.0..10.0_f64).prop_map(|v| e(ExprKind::Float { value: v, percent: true })),
        (0..300_u32).prop_map(|v| e(ExprKind::Float { value: f64::from(v) / 100.0, percent: true })),
        plain_text(),
        (tags, "[a-z\"#* ]{0,6}").prop_map(|(tag, t)| e(ExprKind::Tagged { tag, text: t.into(), content: NOWHERE })),
        Just(e(ExprKind::None)),
    ]
}

fn ty() -> impl Strategy<Value = Type> {
    let t = |kind| Type { kind, span: NOWHERE };
    let leaf = path().prop_map(move |path| t(TypeKind::Named { path, args: vec![] }));
    leaf.prop_recursive(2, 6, 2, move |inner| {
        prop_oneof![
            (path(), vec(inner.clone(), 0..3)).prop_map(move |(path, args)| t(TypeKind::Named { path, args })),
            inner.clone().prop_map(move |i| match i.kind {
                TypeKind::Optional(_) => i,
                _ => t(TypeKind::Optional(Box::new(i))),
            }),
            (vec(inner.clone(), 0..3), inner.clone(), effect()).prop_map(move |(params, ret, effect)| {
                t(TypeKind::Function { params, ret: Box::new(ret), effect })
            }),
            vec((word(), inner), 0..3).prop_map(move |fields| {
                let field = |(name, ty)| FieldDecl { docs: String::new(), name, ty, default: None, span: NOWHERE };
                t(TypeKind::Record(fields.into_iter().map(field).collect()))
            }),
        ]
    })
}

fn effect() -> impl Strategy<Value = Effect> {
    proptest::sample::select(&[Effect::Pure, Effect::Reads, Effect::Changes, Effect::Destroys][..])
}

fn pattern() -> BoxedStrategy<Pattern> {
    let p = |kind| Pattern { kind, span: NOWHERE };
    let number = || {
        prop_oneof![
            (0..100_i64).prop_map(|v| e(ExprKind::Int(v))),
            (0..100_i64).prop_map(|v| e(ExprKind::Unary { op: UnaryOp::Neg, operand: b(ExprKind::Int(v)) })),
        ]
    };
    let leaf = prop_oneof![
        Just(p(PatternKind::Any)),
        Just(p(PatternKind::None)),
        number().prop_map(move |v| p(PatternKind::Literal(Box::new(v)))),
        plain_text().prop_map(move |v| p(PatternKind::Literal(Box::new(v)))),
        (number(), number(), any::<bool>()).prop_map(move |(s, f, inclusive)| {
            p(PatternKind::Range { start: Box::new(s), end: Box::new(f), inclusive })
        }),
        ident().prop_map(move |n| p(PatternKind::Name(n))),
    ];
    leaf.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            (path(), vec((option::of(word()), inner.clone()), 0..3), any::<bool>())
                .prop_map(move |(path, args, rest)| { p(PatternKind::Variant { path, args, rest }) }),
            (vec((ident(), option::of(inner.clone())), 0..3), any::<bool>())
                .prop_map(move |(fields, rest)| p(PatternKind::Record { fields, rest })),
            (vec(inner.clone(), 0..3), any::<bool>())
                .prop_map(move |(items, rest)| p(PatternKind::List { items, rest })),
            vec(inner.clone(), 2..4).prop_map(move |all| p(PatternKind::Or(all))),
            (inner, ident()).prop_map(move |(i, name)| p(PatternKind::As { pattern: Box::new(i), name })),
        ]
    })
    .boxed()
}

fn block(inner: BoxedStrategy<Expr>) -> BoxedStrategy<Block> {
    let s = |kind| Stmt { kind, span: NOWHERE };
    let x = || inner.clone();
    let stmt = prop_oneof![
        4 => x().prop_map(move |v| s(StmtKind::Expr(v))),
        1 => ident().prop_map(move |n| s(StmtKind::Expr(e(ExprKind::Name(n))))),
        1 => (pattern(), option::of(ty()), x()).prop_map(move |(pattern, ty, value)| s(StmtKind::Let { pattern, ty, value })),
        1 => (ident(), option::of(ty()), x()).prop_map(move |(name, ty, value)| s(StmtKind::Var { name, ty, value })),
        1 => (ident(), assign(), x()).prop_map(move |(n, op, value)| {
            s(StmtKind::Assign { target: e(ExprKind::Name(n)), op, value })
        }),
        1 => (x(), x()).prop_map(move |(name, value)| s(StmtKind::Evidence { name, value })),
        1 => x().prop_map(move |v| s(StmtKind::Log(v))),
        1 => (x(), option::of(x()), option::of(x()), x())
            .prop_map(move |(limit, of, floor, items)| s(StmtKind::AtMost(Box::new(AtMost { limit, of, floor, items })))),
    ];
    vec(stmt, 0..3).prop_map(|stmts| Block { stmts, span: NOWHERE }).boxed()
}

fn assign() -> impl Strategy<Value = AssignOp> {
    proptest::sample::select(&[AssignOp::Set, AssignOp::Add, AssignOp::Sub][..])
}

fn named(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Vec<NamedArg>> {
    vec((option::of(word()), inner), 0..3)
        .prop_map(|args| args.into_iter().map(|(name, value)| NamedArg { name, value }).collect())
}

fn boxed(inner: &BoxedStrategy<Expr>) -> impl Strategy<Value = Option<Box<Expr>>> + use<> {
    option::weighted(0.3, inner.clone().prop_map(Box::new))
}

fn modifiers(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Modifiers> {
    let retry =
        (inner.clone(), boxed(&inner), boxed(&inner), boxed(&inner)).prop_map(|(times, backoff, when, reason)| Retry {
            times: Box::new(times),
            backoff,
            when,
            unsafe_reason: reason,
            span: NOWHERE,
        });
    (option::weighted(0.2, retry), boxed(&inner), boxed(&inner), option::weighted(0.2, block(inner)))
        .prop_map(|(retry, timeout, key, undo)| Modifiers { retry, timeout, key, undo, repeated: vec![] })
}

fn call(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    (path(), named(inner.clone()), option::weighted(0.3, modifiers(inner))).prop_map(|(path, args, m)| {
        let mut parts = path.parts.into_iter();
        let mut callee = e(ExprKind::Name(parts.next().unwrap()));
        for name in parts {
            callee = e(ExprKind::Field { base: Box::new(callee), name, optional: false });
        }
        let (callee, modifiers) = (Box::new(callee), m.unwrap_or_default());
        e(ExprKind::Call { callee, args, args_span: NOWHERE, modifiers })
    })
}

fn operator() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    let all = &[
        Or,
        And,
        Eq,
        Ne,
        Lt,
        Le,
        Gt,
        Ge,
        In,
        NotIn,
        Matches,
        Coalesce,
        Range,
        RangeInclusive,
        Add,
        Sub,
        Mul,
        Div,
        Mod,
    ];
    proptest::sample::select(&all[..])
}

pub(super) fn expr() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![3 => ident().prop_map(|n| e(ExprKind::Name(n))), 3 => literal(), 1 => small()];
    leaf.prop_recursive(4, 24, 3, |inner| prop_oneof![4 => operations(inner.clone()), 2 => constructs(inner)]).boxed()
}

fn small() -> impl Strategy<Value = Expr> {
    proptest::sample::select(vec![
        e(ExprKind::Break),
        e(ExprKind::Continue),
        e(ExprKind::Skip),
        e(ExprKind::Rollback),
        e(ExprKind::Restart),
        e(ExprKind::Return(None)),
        e(ExprKind::List(vec![])),
        e(ExprKind::Record(vec![])),
    ])
}

fn operations(inner: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let x = || inner.clone();
    let xb = || inner.clone().prop_map(Box::new);
    let item = prop_oneof![3 => x().prop_map(ListItem::Item), 1 => x().prop_map(ListItem::Spread)];
    let entry = prop_oneof![
        3 => (word(), x()).prop_map(|(name, value)| RecordEntry::Field { name, value }),
        1 => ident().prop_map(RecordEntry::Shorthand),
        1 => (chars(), x()).prop_map(|(key, value)| RecordEntry::TextKey { key, key_span: NOWHERE, value }),
        1 => (x(), x()).prop_map(|(key, value)| RecordEntry::Computed { key, value }),
        1 => x().prop_map(RecordEntry::Spread),
    ];
    prop_oneof![
        (operator(), xb(), xb()).prop_map(|(op, left, right)| e(ExprKind::Binary {
            op,
            op_span: NOWHERE,
            left,
            right
        })),
        (any::<bool>(), xb()).prop_map(|(not, operand)| {
            e(ExprKind::Unary { op: if not { UnaryOp::Not } else { UnaryOp::Neg }, operand })
        }),
        (xb(), any::<bool>(), pattern()).prop_map(|(value, negated, pattern)| e(ExprKind::Is {
            value,
            negated,
            pattern
        })),
        (xb(), ty()).prop_map(|(value, ty)| e(ExprKind::As { value, ty })),
        (xb(), word(), any::<bool>()).prop_map(|(base, name, optional)| e(ExprKind::Field { base, name, optional })),
        (xb(), xb()).prop_map(|(base, index)| e(ExprKind::Index { base, index })),
        (xb(), named(x())).prop_map(|(callee, args)| {
            e(ExprKind::Call { callee, args, args_span: NOWHERE, modifiers: Modifiers::default() })
        }),
        call(x()),
        vec(item, 0..3).prop_map(|items| e(ExprKind::List(items))),
        vec(entry, 0..3).prop_map(|entries| e(ExprKind::Record(entries))),
        (vec(ident(), 0..3), xb()).prop_map(|(params, body)| e(ExprKind::Lambda { params, body })),
        (vec(ident(), 1..2), block(x()))
            .prop_map(|(params, body)| { e(ExprKind::Lambda { params, body: b(ExprKind::Block(body)) }) }),
        (chars(), x(), chars()).prop_map(|(first, hole, last)| {
            let chars = |c: SmolStr| (!c.is_empty()).then_some(TextPart::Chars(c));
            e(ExprKind::Text(chars(first).into_iter().chain([TextPart::Hole(hole)]).chain(chars(last)).collect()))
        }),
    ]
    .boxed()
}

fn condition(inner: BoxedStrategy<Expr>) -> BoxedStrategy<Box<Expr>> {
    let binding = (pattern(), inner.clone()).prop_map(|(pattern, v)| e(ExprKind::Let { pattern, value: Box::new(v) }));
    let both = (binding.clone(), inner.clone()).prop_map(|(left, right)| {
        let (left, right) = (Box::new(left), Box::new(right));
        e(ExprKind::Binary { op: BinaryOp::And, op_span: NOWHERE, left, right })
    });
    prop_oneof![4 => inner, 1 => binding, 1 => both].prop_map(Box::new).boxed()
}

fn constructs(inner: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    let x = || inner.clone();
    let xb = || inner.clone().prop_map(Box::new);
    let block = || block(inner.clone());
    let arm = (pattern(), option::weighted(0.3, x()), x()).prop_map(|(pattern, guard, body)| Arm {
        pattern,
        guard,
        body,
        span: NOWHERE,
    });
    prop_oneof![
        (condition(x()), block(), option::of(block())).prop_map(|(condition, then, other)| {
            e(ExprKind::If { condition, then, otherwise: other.map(|o| b(ExprKind::Block(o))) })
        }),
        (condition(x()), block(), condition(x()), block()).prop_map(|(condition, then, second, other)| {
            let otherwise = Some(b(ExprKind::If { condition: second, then: other, otherwise: None }));
            e(ExprKind::If { condition, then, otherwise })
        }),
        (xb(), vec(arm, 0..3)).prop_map(|(value, arms)| e(ExprKind::Match { value, arms })),
        call(x()).prop_map(|c| e(ExprKind::Do(Box::new(c)))),
        xb().prop_map(|v| e(ExprKind::Fail(v))),
        (ident(), boxed(&inner)).prop_map(|(outcome, why)| e(ExprKind::Finish { outcome, why })),
        boxed(&inner).prop_map(|v| e(ExprKind::Return(v))),
        (xb(), block()).prop_map(|(name, body)| e(ExprKind::Step { name, body })),
        (xb(), boxed(&inner), boxed(&inner), block()).prop_map(|(reason, by, until, body)| e(ExprKind::Waive {
            reason,
            by,
            until,
            body
        })),
        (xb(), boxed(&inner), boxed(&inner), boxed(&inner), block())
            .prop_map(|(name, within, every, settle, body)| e(ExprKind::Verify { name, within, every, settle, body })),
        xb().prop_map(|v| e(ExprKind::Wait(v))),
        (condition(x()), boxed(&inner), boxed(&inner)).prop_map(|(condition, every, within)| e(ExprKind::WaitUntil {
            condition,
            every,
            within
        })),
        (awaited(x()), boxed(&inner))
            .prop_map(|(event, within)| e(ExprKind::WaitFor { event: Box::new(event), within })),
        (block(), vec((awaited(x()), block()), 0..3)).prop_map(|(body, handlers)| {
            let handler = |(event, body)| DuringHandler { event, body, span: NOWHERE };
            e(ExprKind::During { body, handlers: handlers.into_iter().map(handler).collect() })
        }),
        (any::<bool>(), path(), named(x())).prop_map(|(awaited, runbook, args)| e(ExprKind::RunChild {
            awaited,
            runbook,
            args,
            args_span: NOWHERE
        })),
        (pattern(), xb(), block()).prop_map(|(pattern, items, body)| e(ExprKind::For { pattern, items, body })),
        fan_out(inner.clone()),
        (any::<bool>(), vec((ident(), prop_oneof![x(), block().prop_map(|b| e(ExprKind::Block(b)))]), 0..3)).prop_map(
            |(race, branches)| {
                let branch = |(name, body)| Branch { name, body, span: NOWHERE };
                e(ExprKind::Together { race, branches: branches.into_iter().map(branch).collect() })
            }
        ),
        (condition(x()), boxed(&inner), block()).prop_map(|(condition, max, body)| e(ExprKind::While {
            condition,
            max,
            body
        })),
        (block(), option::of((option::of(ident()), block()))).prop_map(|(body, handler)| match handler {
            Some((binder, handler)) => e(ExprKind::Try { body, binder, handler: Some(handler) }),
            None => e(ExprKind::Try { body, binder: None, handler: None }),
        }),
        (effect(), boxed(&inner), block()).prop_map(|(effect, because, body)| e(ExprKind::Trust {
            effect,
            because,
            body
        })),
        approve(x()),
    ]
    .boxed()
}

fn fan_out(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    let maybe = || option::weighted(0.5, inner.clone());
    let clauses = (maybe(), maybe(), maybe(), any::<bool>());
    let bodies = (block(inner.clone()), option::of(block(inner.clone())));
    (pattern(), inner.clone(), clauses, bodies).prop_map(
        |(pattern, items, (waves, pausing, parallel, collect), (body, between))| {
            let plain = waves.is_none() && pausing.is_none() && parallel.is_none() && between.is_none();
            let collect = (collect || plain).then_some(NOWHERE);
            e(ExprKind::FanOut(Box::new(FanOut { pattern, items, waves, pausing, parallel, collect, body, between })))
        },
    )
}

fn approve(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    let maybe = || option::weighted(0.3, inner.clone());
    let clauses =
        (vec(inner.clone(), 0..3), maybe(), option::of(any::<bool>()), maybe(), maybe(), maybe(), any::<bool>());
    let escalate = vec((vec(inner.clone(), 1..3), inner.clone()), 0..2);
    let bodies = (block(inner.clone()), option::of((option::of(ident()), block(inner.clone()))));
    (inner.clone(), clauses, escalate, vec(inner.clone(), 0..2), bodies).prop_map(
        |(question, (from, quorum, requester, within, remind, showing, comment), escalate, ask, (body, otherwise))| {
            e(ExprKind::Approve(Box::new(Approve {
                question,
                from,
                quorum,
                requester: requester.map(|r| (r, NOWHERE)),
                within,
                escalate,
                remind,
                ask,
                showing,
                require_comment: comment.then_some(NOWHERE),
                body,
                otherwise,
            })))
        },
    )
}

fn fields(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Vec<FieldDecl>> {
    let docs = prop_oneof![3 => Just(String::new()), 1 => Just("What it is.\n\n  More.".to_owned())];
    vec(
        (docs, word(), ty(), option::of(x)).prop_map(|(docs, name, ty, default)| FieldDecl {
            docs,
            name,
            ty,
            default,
            span: NOWHERE,
        }),
        0..3,
    )
}

fn awaited(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Awaited> {
    (ident(), word(), option::of(x.clone()), option::of(ident()), option::of(condition(x))).prop_map(
        |(connector, event, instance, binder, condition)| Awaited {
            event: Path { parts: vec![connector, event], span: NOWHERE },
            instance,
            binder,
            condition: condition.map(|c| *c),
            span: NOWHERE,
        },
    )
}

fn trigger(x: BoxedStrategy<Expr>) -> impl Strategy<Value = OnTrigger> {
    (ident(), word(), option::of(x.clone()), option::of(ident()), option::of(condition(x.clone())), with(x)).prop_map(
        |(connector, event, instance, binder, condition, with)| OnTrigger {
            event: Path { parts: vec![connector, event], span: NOWHERE },
            instance,
            binder,
            condition: condition.map(|c| *c),
            with,
        },
    )
}

fn heard(x: BoxedStrategy<Expr>) -> impl Strategy<Value = HeardEvent> {
    (ident(), word(), option::of(x), option::of(ident())).prop_map(|(connector, event, instance, binder)| HeardEvent {
        event: Path { parts: vec![connector, event], span: NOWHERE },
        instance,
        binder,
    })
}

fn correlation(x: BoxedStrategy<Expr>) -> impl Strategy<Value = HeaderKind> {
    let event = || heard(x.clone());
    let all = &[Joint::And, Joint::Then, Joint::Without, Joint::WithoutEarlier, Joint::WithoutAny][..];
    let joint = proptest::sample::select(all);
    // A count is a number or a name, and what `by` there is belongs to its form.
    let count = || {
        prop_oneof![
            (0..1000_i64).prop_map(|n| Expr { kind: ExprKind::Int(n), span: NOWHERE }),
            // `on failure` is a handler, whatever follows.
            ident()
                .prop_filter("reads as a handler", |n| n.name != "failure")
                .prop_map(|n| Expr { kind: ExprKind::Name(n), span: NOWHERE }),
        ]
    };
    let kind = prop_oneof![
        (count(), event()).prop_map(|(count, event)| CorrelationKind::Count { count, event }),
        (event(), joint, event()).prop_map(|(first, joint, second)| CorrelationKind::Pair { first, joint, second }),
        event().prop_map(|event| CorrelationKind::Silence { event }),
        (any::<bool>(), vec((option::of(count()), event()), 2..4)).prop_map(|(ordered, terms)| group(ordered, terms)),
    ];
    let maybe = || option::of(x.clone());
    (kind, option::of(condition(x.clone())), (maybe(), maybe()), maybe(), maybe(), with(x.clone())).prop_map(
        |(kind, condition, (by, distinct), within, max_keys, with)| {
            let by = by.filter(|_| !matches!(kind, CorrelationKind::Pair { .. } | CorrelationKind::Group { .. }));
            let distinct = distinct.filter(|_| matches!(kind, CorrelationKind::Count { .. }));
            let condition = condition.map(|c| *c);
            let span = NOWHERE;
            HeaderKind::OnSeveral(Box::new(Correlation { kind, condition, by, distinct, within, max_keys, with, span }))
        },
    )
}

/// Two single events are a pair.
fn group(ordered: bool, terms: Vec<(Option<Expr>, HeardEvent)>) -> CorrelationKind {
    let joint = if ordered { Joint::Then } else { Joint::And };
    let mut terms: Vec<Term> = terms.into_iter().map(|(count, event)| Term { count, event }).collect();
    if terms.len() == 2
        && let Some(first) = terms.first_mut().filter(|t| t.count.is_none())
    {
        first.count = Some(Expr { kind: ExprKind::Int(2), span: NOWHERE });
    }
    CorrelationKind::Group { joint, terms }
}

fn with(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Vec<NamedArg>> {
    vec((word(), x), 0..3)
        .prop_map(|args| args.into_iter().map(|(name, value)| NamedArg { name: Some(name), value }).collect())
}

fn header(x: BoxedStrategy<Expr>) -> impl Strategy<Value = HeaderClause> {
    let x = move || x.clone();
    let maybe = || option::of(x());
    let missed = || option::of(proptest::sample::select(&[Missed::RunOnce, Missed::Skip][..]));
    let modes = [ConcurrencyMode::Queue, ConcurrencyMode::Skip, ConcurrencyMode::Replace];
    prop_oneof![
        x().prop_map(HeaderKind::Owner),
        ident().prop_map(HeaderKind::Severity),
        x().prop_map(HeaderKind::Tags),
        x().prop_map(HeaderKind::Controls),
        trigger(x()).prop_map(HeaderKind::On),
        correlation(x()),
        (x(), missed(), with(x())).prop_map(|(every, missed, with)| HeaderKind::Every { every, missed, with }),
        (x(), maybe(), missed(), with(x())).prop_map(|(cron, zone, missed, with)| HeaderKind::At {
            cron,
            zone,
            missed,
            with
        }),
        (maybe(), x()).prop_map(|(by, within)| HeaderKind::Dedupe { by, within }),
        (x(), x(), maybe()).prop_map(|(count, per, by)| HeaderKind::Limit { count, per, by }),
        (x(), maybe(), option::of(proptest::sample::select(modes.to_vec())))
            .prop_map(|(count, by, mode)| HeaderKind::Concurrency { count, by, mode }),
        x().prop_map(HeaderKind::Timeout),
        (x(), x(), maybe()).prop_map(|(count, within, by)| HeaderKind::GiveUp { count, within, by }),
        (trigger(x()), maybe()).prop_map(|(on, because)| HeaderKind::CancelWhen { on, because }),
        Just(HeaderKind::NoRollback),
        Just(HeaderKind::Shadow),
    ]
    .prop_map(|kind| HeaderClause { kind, span: NOWHERE })
}

fn action(x: BoxedStrategy<Expr>) -> impl Strategy<Value = ItemKind> {
    let class = prop_oneof![
        Just(RepeatClass::Idempotent),
        Just(RepeatClass::Once),
        x.clone().prop_map(|v| RepeatClass::Keyed(Box::new(v))),
        block(x.clone()).prop_map(RepeatClass::Probe),
    ];
    let head =
        (ident(), vec(ident(), 0..2), fields(x.clone()), option::of(ty()), option::of(effect()), option::of(class));
    let tail = (option::of(x.clone()), any::<bool>(), option::of(block(x.clone())), option::of(block(x)));
    (head, tail).prop_map(|((name, generics, params, ret, effect, class), (target, busy, undo, body))| {
        ItemKind::Action(Arc::new(ActionDecl {
            name,
            generics,
            params,
            ret,
            effect: effect.map(|e| (e, NOWHERE)),
            class: class.map(|c| (c, NOWHERE)),
            target,
            on_busy_fail: busy.then_some(NOWHERE),
            undo,
            native: body.is_none(),
            body,
        }))
    })
}

/// The name of a source; `webhook` and `poll` have forms of their own.
fn feed() -> impl Strategy<Value = Ident> {
    ident().prop_filter("a form of its own", |name| !["webhook", "poll", "stream"].contains(&name.name.as_str()))
}

fn event(x: BoxedStrategy<Expr>) -> impl Strategy<Value = ItemKind> {
    let source = prop_oneof![
        x.clone().prop_map(|path| EventSource::Webhook { path, span: NOWHERE }),
        (x.clone(), block(x.clone())).prop_map(|(every, body)| EventSource::Poll { every, body, span: NOWHERE }),
        (proptest::bool::ANY, feed(), named(x.clone())).prop_map(|(stream, name, args)| {
            let (callee, modifiers) = (Box::new(e(ExprKind::Name(name))), Modifiers::default());
            let call = e(ExprKind::Call { callee, args, args_span: NOWHERE, modifiers });
            EventSource::Feed { stream, call, span: NOWHERE }
        }),
    ];
    let verify = prop_oneof![
        option::of(x.clone()).prop_map(|because| Verification::None { because, span: NOWHERE }),
        call(x.clone()).prop_map(Verification::Scheme),
    ];
    let maybe = || option::of(x.clone());
    let each = option::of((x.clone(), ident()));
    let more = (maybe(), maybe(), option::of(block(x.clone())));
    (ident(), ty(), source, option::of(verify), each, maybe(), maybe(), maybe(), more).prop_map(
        |(name, ty, source, verify, each, id, at, emit, (origins, answer, acknowledge))| {
            let event = Event { name, ty, source, verify, origins, answer, each, id, at, emit, acknowledge };
            ItemKind::Event(Arc::new(event))
        },
    )
}

fn window(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Window> {
    prop_oneof![
        (ident(), x.clone(), x.clone(), option::of(x.clone().prop_map(Box::new)))
            .prop_map(|(kind, from, to, zone)| Window::Hours { kind, from, to, zone, span: NOWHERE }),
        (x.clone(), x).prop_map(|(from, to)| Window::Between { from, to, span: NOWHERE }),
    ]
}

fn policy_rule(x: BoxedStrategy<Expr>) -> impl Strategy<Value = PolicyRule> {
    let c = || condition(x.clone()).prop_map(|c| *c);
    let effects = || proptest::sample::select(&["changes", "destroys", "reads", "limit"][..]);
    let effect = move || effects().prop_map(|n| Ident { name: n.into(), span: NOWHERE });
    let kind = prop_oneof![
        effect().prop_map(PolicyRuleKind::Forbid),
        Just(PolicyRuleKind::ForbidWaive),
        option::of(effect()).prop_map(PolicyRuleKind::Require),
        (effect(), x.clone(), x.clone()).prop_map(|(effect, count, per)| PolicyRuleKind::Limit { effect, count, per }),
        (ident(), x.clone()).prop_map(|(engine, file)| PolicyRuleKind::Delegate { engine, file }),
    ];
    let maybe = || option::weighted(0.3, x.clone());
    let first =
        (vec(window(x.clone()), 0..3), option::weighted(0.3, c()), option::weighted(0.3, c()), maybe(), maybe());
    let second = (vec(x.clone(), 0..3), maybe(), option::of(any::<bool>()), any::<bool>(), maybe(), maybe());
    let rule = (kind, first, second).prop_map(
        |(kind, (during, condition, unless, because, by), (from, quorum, requester, comment, within, query))| {
            let clauses = RuleClauses {
                during,
                condition,
                unless,
                because,
                by,
                from,
                quorum,
                requester: requester.map(|r| (r, NOWHERE)),
                require_comment: comment.then_some(NOWHERE),
                within,
                query,
            };
            PolicyRule { kind, clauses, span: NOWHERE }
        },
    );
    let applies = c().prop_map(|condition| PolicyRule {
        kind: PolicyRuleKind::Applies(condition),
        clauses: RuleClauses::default(),
        span: NOWHERE,
    });
    prop_oneof![1 => applies, 5 => rule]
}

fn item_kind(x: BoxedStrategy<Expr>) -> impl Strategy<Value = ItemKind> {
    let variant = (word(), fields(x.clone())).prop_map(|(name, payload)| Variant {
        docs: String::new(),
        name,
        payload,
        span: NOWHERE,
    });
    prop_oneof![
        (ident(), option::of(ty()), x.clone()).prop_map(|(name, ty, value)| ItemKind::Const(Const { name, ty, value })),
        fields(x.clone()).prop_map(|fields| ItemKind::Settings(Settings { fields })),
        (ident(), vec(ident(), 0..3), ty()).prop_map(|(name, generics, ty)| ItemKind::Type(TypeDecl {
            name,
            generics,
            ty
        })),
        (ident(), vec(variant, 0..3)).prop_map(|(name, variants)| ItemKind::Enum(EnumDecl { name, variants })),
        (ident(), vec(ident(), 0..2), fields(x.clone()), option::of(ty()), block(x.clone())).prop_map(
            |(name, generics, params, ret, body)| ItemKind::Fn(Arc::new(FnDecl { name, generics, params, ret, body }))
        ),
        action(x),
    ]
}

fn item(kind: impl Strategy<Value = ItemKind>) -> impl Strategy<Value = Item> {
    let docs =
        prop_oneof![Just(String::new()), Just("One line.".to_owned()), Just("Two\n\nparts, /// marks.".to_owned())];
    (docs, kind).prop_map(|(docs, kind)| Item { docs, kind, span: NOWHERE })
}

pub(super) fn module() -> impl Strategy<Value = Module> {
    let x = expr();
    let import = (path(), option::of(ident()), option::of(vec(ident(), 0..3))).prop_map(|(path, alias, names)| {
        let alias = if names.is_some() { None } else { alias };
        ItemKind::Use(Use { path, alias, names })
    });
    let handler = option::of((option::of(ident()), block(x.clone())));
    let runbook = (
        ident(),
        fields(x.clone()),
        vec(header(x.clone()), 0..4),
        block(x.clone()),
        handler,
        option::of(block(x.clone())),
    )
        .prop_map(|(name, params, header, body, on_failure, finally)| {
            ItemKind::Runbook(Arc::new(Runbook { name, params, header, body: body.stmts, on_failure, finally }))
        });
    let policy = (ident(), vec(policy_rule(x.clone()), 0..4))
        .prop_map(|(name, rules)| ItemKind::Policy(Arc::new(Policy { name, rules })));
    let inner = prop_oneof![2 => item_kind(x.clone()), 1 => event(x.clone())];
    let connector =
        (ident(), vec(item(inner), 0..3)).prop_map(|(name, items)| ItemKind::Connector(Connector { name, items }));
    let test = testing::test(x.clone()).prop_map(|t| ItemKind::Test(Arc::new(t)));
    let kind = prop_oneof![1 => import, 4 => item_kind(x), 2 => runbook, 2 => connector, 2 => policy, 2 => test];
    (prop_oneof![Just(String::new()), Just("About.\n\nMore.".to_owned())], vec(item(kind), 0..3))
        .prop_map(|(docs, items)| Module { docs, items, comments: vec![], blank_lines: vec![] })
}
