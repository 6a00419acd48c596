//! Random tests.

use proptest::{collection::vec, option, prelude::*};

use super::{NOWHERE, e, ident, named, pattern, plain_text, word};
use crate::syntax::ast::*;

/// As a runbook's name or an action is written: on one line, and no word that a form begins with.
fn path() -> impl Strategy<Value = Path> {
    let first = proptest::sample::select(&["a", "b2", "node", "k8s"][..]);
    (first, vec(word(), 0..3)).prop_map(|(first, mut rest)| {
        rest.insert(0, Ident { name: first.into(), span: NOWHERE });
        Path { parts: rest, span: NOWHERE }
    })
}

/// What cannot be read as a pattern.
fn no_pattern(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Expr> {
    x.prop_map(|right| {
        let left = Box::new(e(ExprKind::Name(Ident { name: "a".into(), span: NOWHERE })));
        e(ExprKind::Binary { op: BinaryOp::Add, op_span: NOWHERE, left, right: Box::new(right) })
    })
}

fn arg(x: BoxedStrategy<Expr>, named: bool) -> impl Strategy<Value = TestArg> {
    let value = prop_oneof![3 => pattern().prop_map(TestValue::Pattern), 1 => no_pattern(x).prop_map(TestValue::Expr)];
    let name = if named { word().prop_map(Some).boxed() } else { option::of(word()).boxed() };
    (name, value).prop_map(|(name, value)| TestArg { name, value, span: NOWHERE })
}

fn call(x: BoxedStrategy<Expr>) -> impl Strategy<Value = TestCall> {
    let args = option::of(vec(arg(x.clone(), false), 0..3));
    (path(), option::of(x), args).prop_map(|(action, instance, args)| TestCall {
        action,
        instance,
        args,
        span: NOWHERE,
    })
}

fn times(bounded: bool) -> BoxedStrategy<TestTimes> {
    let name = Ident { name: "node".into(), span: NOWHERE };
    let x = prop_oneof![(0..9_i64).prop_map(|n| e(ExprKind::Int(n))), Just(e(ExprKind::Name(name)))];
    let plain =
        prop_oneof![Just(TestTimes::Once), Just(TestTimes::Twice), x.clone().prop_map(TestTimes::Times)].boxed();
    if bounded {
        return prop_oneof![plain, x.clone().prop_map(TestTimes::AtLeast), x.prop_map(TestTimes::AtMost)].boxed();
    }
    plain
}

fn returns(x: BoxedStrategy<Expr>) -> impl Strategy<Value = TestAnswer> {
    (vec(x.clone(), 0..3), option::of(x)).prop_map(|(values, after)| TestAnswer {
        kind: TestAnswerKind::Returns(values),
        after,
        span: NOWHERE,
    })
}

fn answer(x: BoxedStrategy<Expr>) -> impl Strategy<Value = TestAnswer> {
    let fails = (option::of(times(false)), word(), option::of(plain_text()), option::of(x.clone()));
    let fails = fails.prop_map(|(times, kind, message, after)| TestAnswer {
        kind: TestAnswerKind::Fails { times, kind, message },
        after,
        span: NOWHERE,
    });
    prop_oneof![returns(x), fails]
}

fn expected(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Expected> {
    let with = || vec(arg(x.clone(), true), 0..3);
    let called = (call(x.clone()), any::<bool>(), option::of(times(true)), with());
    let called =
        called.prop_map(|(call, not, times, with)| Expected::Called { call, not, times: times.filter(|_| !not), with });
    let before = (call(x.clone()), call(x.clone()), with()).prop_map(|(first, second, with)| Expected::Before {
        first,
        second,
        with,
    });
    let ops =
        proptest::sample::select(&[BinaryOp::Eq, BinaryOp::Lt, BinaryOp::In, BinaryOp::NotIn, BinaryOp::Matches][..]);
    let test = prop_oneof![
        pattern().prop_map(EvidenceTest::Is),
        (ops, x.clone()).prop_map(|(op, value)| EvidenceTest::Compare { op, op_span: NOWHERE, value }),
    ];
    let evidence = (any::<bool>(), x.clone(), option::of(test)).prop_map(|(absent, name, test)| Expected::Evidence {
        absent,
        name,
        test,
    });
    let what = proptest::sample::select(&Seen::ALL[..]);
    let number = (0..9_i64).prop_map(|n| e(ExprKind::Int(n)));
    let text = prop_oneof![plain_text(), number];
    let seen = (any::<bool>(), what, option::of(path()), option::of(text), option::of(path()))
        .prop_map(|(absent, what, word, text, of)| Expected::Seen { absent, what, what_span: NOWHERE, word, text, of });
    prop_oneof![called, before, evidence, seen]
}

fn given(x: BoxedStrategy<Expr>) -> impl Strategy<Value = TestStmtKind> {
    let entries = vec((word(), x.clone()), 1..3).prop_map(|all| {
        e(ExprKind::Record(all.into_iter().map(|(name, value)| RecordEntry::Field { name, value }).collect()))
    });
    let settings = (option::of((path(), option::of(x.clone()))), entries).prop_map(|(of, values)| {
        let (of, instance) = of.map_or((None, None), |(of, instance)| (Some(of), instance));
        TestStmtKind::GivenSettings { of, instance, values }
    });
    prop_oneof![
        3 => (call(x.clone()), vec(answer(x.clone()), 0..3))
            .prop_map(|(call, answers)| TestStmtKind::Given { call, answers }),
        1 => (x.clone(), x.clone()).prop_map(|(group, people)| TestStmtKind::GivenGroup { group, people }),
        1 => settings,
        1 => x.prop_map(TestStmtKind::GivenNow),
    ]
}

fn event() -> impl Strategy<Value = Path> {
    path().prop_map(|mut path| {
        if path.parts.len() < 2 {
            path.parts.push(Ident { name: "firing".into(), span: NOWHERE });
        }
        path
    })
}

fn stmt(x: BoxedStrategy<Expr>) -> impl Strategy<Value = TestStmt> {
    let people = || vec(x.clone(), 1..3);
    let maybe = || option::of(x.clone());
    let body = vec((word(), x.clone()), 1..3).prop_map(|all| {
        e(ExprKind::Record(all.into_iter().map(|(name, value)| RecordEntry::Field { name, value }).collect()))
    });
    let deliver = (plain_text(), maybe(), option::of(body), any::<bool>())
        .prop_map(|(path, file, body, signed)| TestStmtKind::Deliver { path, file, body, signed });
    let run = (path(), named(x.clone()), vec(x.clone(), 0..3)).prop_map(|(runbook, args, by)| TestStmtKind::Run {
        runbook,
        args,
        args_span: NOWHERE,
        by,
    });
    let resolve = (ident(), option::of(returns(x.clone()).prop_map(Box::new)))
        .prop_map(|(how, result)| TestStmtKind::Resolve { how, result });
    let kind = prop_oneof![
        3 => given(x.clone()),
        1 => (event(), maybe(), maybe())
            .prop_map(|(event, instance, payload)| TestStmtKind::When { event, instance, payload }),
        1 => deliver,
        1 => run,
        1 => (people(), maybe()).prop_map(|(by, comment)| TestStmtKind::Approve { by, comment }),
        1 => (people(), maybe()).prop_map(|(by, because)| TestStmtKind::Deny { by, because }),
        1 => x.clone().prop_map(TestStmtKind::Advance),
        1 => Just(TestStmtKind::Crash),
        1 => (option::of(path()), maybe())
            .prop_map(|(runbook, because)| TestStmtKind::Cancel { runbook, because }),
        1 => resolve,
        4 => expected(x.clone()).prop_map(TestStmtKind::Expect),
    ];
    kind.prop_map(|kind| TestStmt { kind, span: NOWHERE })
}

pub(super) fn test(x: BoxedStrategy<Expr>) -> impl Strategy<Value = Test> {
    (plain_text(), vec(stmt(x), 0..6)).prop_map(|(name, stmts)| Test { name, stmts })
}
