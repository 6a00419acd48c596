//! Tests: one statement to a line.

use super::{ANY, OPERAND, Printer, exprs::arg_start};
use crate::syntax::ast::*;

/// One statement on one line.
pub fn print_test_stmt(stmt: &TestStmt) -> String {
    in_line(|p| p.test_stmt(stmt))
}

/// One call on one line.
pub fn print_test_call(call: &TestCall) -> String {
    in_line(|p| p.test_call(call))
}

fn in_line(print: impl FnOnce(&mut Printer)) -> String {
    let mut printer = Printer { flat: 1, ..Printer::default() };
    print(&mut printer);
    printer.doc.lines().trim_end_matches('\n').to_owned()
}

impl Printer {
    pub(super) fn test(&mut self, test: &Test, close: u32) {
        self.push("test ");
        self.expr(&test.name, OPERAND);
        self.push(" ");
        let empty = test.stmts.iter().all(|s| s.kind == TestStmtKind::Bad);
        self.braces((self.opening(test.name.span.end), close), empty, |p| {
            for stmt in test.stmts.iter().filter(|s| s.kind != TestStmtKind::Bad) {
                p.before(stmt.span.start);
                p.group(|p| p.indented(|p| p.test_stmt(stmt)));
                p.end_line();
            }
        });
    }

    fn test_stmt(&mut self, stmt: &TestStmt) {
        if let Some(same_line) = operand_on_line(stmt) {
            self.comments_above(same_line.span.start);
        }
        match &stmt.kind {
            TestStmtKind::Given { call, answers } => {
                self.push("given ");
                self.test_call(call);
                self.answers(answers);
            }
            TestStmtKind::GivenGroup { group, people } => {
                self.word_expr("given group(", Some(group), OPERAND);
                self.word_expr(") is ", Some(people), OPERAND);
            }
            TestStmtKind::GivenSettings { of, instance, values } => {
                self.push("given settings ");
                if let Some(of) = of {
                    self.path(of);
                    self.index_of(instance.as_ref());
                    self.push(" ");
                }
                self.expr(values, OPERAND);
            }
            TestStmtKind::GivenNow(now) => self.word_expr("given now is ", Some(now), OPERAND),
            TestStmtKind::When { event, instance, payload } => {
                self.push("when ");
                self.called_path(event, instance.as_ref());
                self.word_expr(" ", payload.as_ref(), OPERAND);
            }
            TestStmtKind::Deliver { path, file, body, signed } => {
                self.word_expr("when ", Some(path), OPERAND);
                self.word_expr(" file ", file.as_ref(), OPERAND);
                self.word_expr(" ", body.as_ref(), OPERAND);
                self.push(if *signed { " signed" } else { "" });
            }
            TestStmtKind::Run { runbook, args, by, .. } => {
                self.push("run ");
                self.path(runbook);
                self.push("(");
                self.list_at(args, arg_start, |p, a| p.named(a, ANY));
                self.push(")");
                self.people(" by ", by);
            }
            TestStmtKind::Approve { by, comment } => {
                self.people("approve by ", by);
                self.clause("comment ", comment.as_ref(), OPERAND);
            }
            TestStmtKind::Deny { by, because } => {
                self.people("deny by ", by);
                self.clause("because ", because.as_ref(), OPERAND);
            }
            TestStmtKind::Advance(time) => self.word_expr("advance ", Some(time), OPERAND),
            TestStmtKind::Crash => self.push("crash"),
            TestStmtKind::Cancel { runbook, because } => {
                self.push("cancel");
                if let Some(runbook) = runbook {
                    self.push(" ");
                    self.path(runbook);
                }
                self.clause("because ", because.as_ref(), OPERAND);
            }
            TestStmtKind::Resolve { how, result } => {
                self.push("resolve ");
                self.push(&how.name);
                if let Some(result) = result {
                    self.space();
                    self.answer(result);
                }
            }
            TestStmtKind::Expect(expected) => {
                self.push("expect ");
                self.expected(expected);
            }
            TestStmtKind::Bad => {}
        }
    }

    fn people(&mut self, words: &str, people: &[Expr]) {
        if people.is_empty() {
            return;
        }
        self.push(words);
        self.list_at(people, |e| e.span.start, |p, e| p.expr(e, OPERAND));
    }

    /// `k8s["eu"].drain`
    fn called_path(&mut self, path: &Path, instance: Option<&Expr>) {
        for (i, part) in path.parts.iter().enumerate() {
            self.push(if i > 0 { "." } else { "" });
            self.push(&part.name);
            if i == 0 {
                self.index_of(instance);
            }
        }
    }

    fn index_of(&mut self, instance: Option<&Expr>) {
        if let Some(instance) = instance {
            self.push("[");
            self.expr(instance, ANY);
            self.push("]");
        }
    }

    fn test_call(&mut self, call: &TestCall) {
        self.called_path(&call.action, call.instance.as_ref());
        if let Some(args) = &call.args {
            self.push("(");
            self.list_at(args, |a| a.span.start, Self::test_arg);
            self.push(")");
        }
    }

    fn test_arg(&mut self, arg: &TestArg) {
        if let Some(name) = &arg.name {
            self.push(&name.name);
            self.push(": ");
        }
        match &arg.value {
            TestValue::Pattern(pattern) => self.pattern(pattern),
            TestValue::Expr(e) => self.expr(e, OPERAND),
        }
    }

    fn answers(&mut self, answers: &[TestAnswer]) {
        for (i, answer) in answers.iter().enumerate() {
            if i > 0 {
                self.push(",");
            }
            self.comments(answer.span.start);
            self.space();
            self.push(if i > 0 { "then " } else { "" });
            self.group(|p| p.indented(|p| p.answer(answer)));
        }
    }

    fn answer(&mut self, answer: &TestAnswer) {
        match &answer.kind {
            TestAnswerKind::Returns(values) => {
                self.push("returns");
                if !values.is_empty() {
                    self.push(" ");
                    self.list_at(values, |e| e.span.start, |p, e| p.expr(e, OPERAND));
                }
            }
            TestAnswerKind::Fails { times, kind, message } => {
                self.push("fails ");
                if let Some(times) = times {
                    self.times(times);
                    self.push(" ");
                }
                self.push("with ");
                self.push(&kind.name);
                self.word_expr(" ", message.as_ref(), OPERAND);
            }
        }
        self.clause("after ", answer.after.as_ref(), OPERAND);
    }

    fn times(&mut self, times: &TestTimes) {
        let (words, count) = match times {
            TestTimes::Once => return self.push("once"),
            TestTimes::Twice => return self.push("twice"),
            TestTimes::Times(count) => ("", count),
            TestTimes::AtLeast(count) => ("at least ", count),
            TestTimes::AtMost(count) => ("at most ", count),
        };
        self.word_expr(words, Some(count), OPERAND);
        self.push(" times");
    }

    fn expected(&mut self, expected: &Expected) {
        match expected {
            Expected::Called { call, not, times, with } => {
                self.test_call(call);
                self.push(if *not { " not called" } else { " called" });
                if let Some(times) = times {
                    self.push(" ");
                    self.times(times);
                }
                self.with_test_args(with);
            }
            Expected::Before { first, second, with } => {
                self.test_call(first);
                self.push(" called before ");
                self.test_call(second);
                self.with_test_args(with);
            }
            Expected::Evidence { absent, name, test } => {
                self.push(if *absent { "no " } else { "" });
                self.word_expr("evidence ", Some(name), OPERAND);
                match test {
                    Some(EvidenceTest::Is(pattern)) => {
                        self.push(" is ");
                        self.pattern(pattern);
                    }
                    Some(EvidenceTest::Compare { op, value, .. }) => {
                        self.push(&format!(" {} ", op.symbol()));
                        self.expr(value, OPERAND);
                    }
                    None => {}
                }
            }
            Expected::Seen { absent, what, word, text, of, .. } => {
                self.push(if *absent { "no " } else { "" });
                self.push(what.word());
                if let Some(word) = word {
                    self.push(" ");
                    self.path(word);
                }
                self.word_expr(" ", text.as_ref(), OPERAND);
                if let Some(of) = of {
                    self.push(" of ");
                    self.path(of);
                }
            }
        }
    }

    fn with_test_args(&mut self, with: &[TestArg]) {
        let Some(first) = with.first() else { return };
        self.comments(first.span.start);
        self.space();
        self.push("with ");
        self.list_at(with, |a| a.span.start, Self::test_arg);
    }
}

/// What must stand on the line of the words before it, so that no remark can stand between.
fn operand_on_line(stmt: &TestStmt) -> Option<&Expr> {
    match &stmt.kind {
        TestStmtKind::When { payload, .. } => payload.as_ref(),
        TestStmtKind::Expect(Expected::Seen { text, .. }) => text.as_ref(),
        TestStmtKind::Expect(Expected::Evidence { name, .. }) => Some(name),
        _ => None,
    }
}
