//! Tests.

use super::{all, expr, gone, ident, path, pattern};
use crate::syntax::ast::*;

pub(super) fn test(t: &mut Test) {
    expr(&mut t.name);
    all(&mut t.stmts, stmt);
}

fn stmt(s: &mut TestStmt) {
    gone(&mut s.span);
    match &mut s.kind {
        TestStmtKind::Given { call, answers } => {
            called(call);
            all(answers, answer);
        }
        TestStmtKind::GivenGroup { group, people } => {
            expr(group);
            expr(people);
        }
        TestStmtKind::GivenSettings { of, instance, values } => {
            of.iter_mut().for_each(path);
            instance.iter_mut().for_each(expr);
            expr(values);
        }
        TestStmtKind::GivenNow(e) | TestStmtKind::Advance(e) => expr(e),
        TestStmtKind::When { event, instance, payload } => {
            path(event);
            [instance, payload].into_iter().flatten().for_each(expr);
        }
        TestStmtKind::Deliver { path, file, body, .. } => {
            expr(path);
            [file, body].into_iter().flatten().for_each(expr);
        }
        TestStmtKind::Run { runbook, args, args_span, by } => {
            path(runbook);
            gone(args_span);
            for arg in args {
                arg.name.iter_mut().for_each(ident);
                expr(&mut arg.value);
            }
            all(by, expr);
        }
        TestStmtKind::Approve { by, comment: word } | TestStmtKind::Deny { by, because: word } => {
            all(by, expr);
            word.iter_mut().for_each(expr);
        }
        TestStmtKind::Cancel { runbook, because } => {
            runbook.iter_mut().for_each(path);
            because.iter_mut().for_each(expr);
        }
        TestStmtKind::Resolve { how, result } => {
            ident(how);
            result.iter_mut().for_each(|r| answer(r));
        }
        TestStmtKind::Expect(e) => expected(e),
        TestStmtKind::Crash | TestStmtKind::Bad => {}
    }
}

fn called(c: &mut TestCall) {
    gone(&mut c.span);
    path(&mut c.action);
    c.instance.iter_mut().for_each(expr);
    c.args.iter_mut().for_each(|args| all(args, arg));
}

fn arg(a: &mut TestArg) {
    gone(&mut a.span);
    a.name.iter_mut().for_each(ident);
    match &mut a.value {
        TestValue::Pattern(p) => pattern(p),
        TestValue::Expr(e) => expr(e),
    }
}

fn answer(a: &mut TestAnswer) {
    gone(&mut a.span);
    match &mut a.kind {
        TestAnswerKind::Returns(values) => all(values, expr),
        TestAnswerKind::Fails { times: how_often, kind, message } => {
            how_often.iter_mut().for_each(times);
            ident(kind);
            message.iter_mut().for_each(expr);
        }
    }
    a.after.iter_mut().for_each(expr);
}

fn times(t: &mut TestTimes) {
    match t {
        TestTimes::Times(e) | TestTimes::AtLeast(e) | TestTimes::AtMost(e) => expr(e),
        TestTimes::Once | TestTimes::Twice => {}
    }
}

fn expected(e: &mut Expected) {
    match e {
        Expected::Called { call, times: how_often, with, .. } => {
            called(call);
            how_often.iter_mut().for_each(times);
            all(with, arg);
        }
        Expected::Before { first, second, with } => {
            called(first);
            called(second);
            all(with, arg);
        }
        Expected::Evidence { name, test, .. } => {
            expr(name);
            match test {
                Some(EvidenceTest::Is(p)) => pattern(p),
                Some(EvidenceTest::Compare { op_span, value, .. }) => {
                    gone(op_span);
                    expr(value);
                }
                None => {}
            }
        }
        Expected::Seen { what_span, word, text, of, .. } => {
            gone(what_span);
            [word, of].into_iter().flatten().for_each(path);
            text.iter_mut().for_each(expr);
        }
    }
}
