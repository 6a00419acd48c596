//! Tests that cannot fail, and answers that are never given.

use super::Checker;
use crate::diag::{Diagnostic, codes};
use crate::hir::testing::{Given, StepKind, Test};
use crate::syntax::ast::{self, TestStmtKind};

impl Checker {
    /// Warns of what a test says in vain.
    pub(super) fn warn_of_test(&mut self, written: &ast::Test, test: &Test) {
        if !written.stmts.iter().any(|s| matches!(s.kind, TestStmtKind::Expect(_) | TestStmtKind::Bad)) {
            let d =
                Diagnostic::warning(codes::TEST_EXPECT, "this test expects nothing", written.name.span, "cannot fail");
            self.report(d.help("say what must be so, e.g. `expect outcome resolved` or `expect k8s.drain not called`"));
        }
        let mut before: Vec<&Given> = Vec::new();
        let mut covered = Vec::new();
        for step in &test.steps {
            let StepKind::Given(given) = &step.kind else { continue };
            if let Some(first) = before.iter().find(|b| covers(b, given)) {
                covered.push((step.span, first.call.text.clone()));
            }
            before.push(given);
        }
        for (span, first) in covered {
            let d = Diagnostic::warning(codes::TEST_GIVEN, "this answer is never given", span, "never asked");
            self.report(d.help(format!(
                "the first `given` that fits answers, and `given {first}` fits every such call: put the narrower one before it"
            )));
        }
    }
}

/// Whether the first answers every call that the second could.
fn covers(first: &Given, second: &Given) -> bool {
    let same = first.call.action == second.call.action;
    let instance = first.call.instance.is_none() || first.call.instance == second.call.instance;
    // One that answers only so often leaves the later calls to others.
    let stays = first.answers.last().is_some_and(|a| a.times.is_none());
    same && stays && instance && (first.call.matches.is_none() || first.call.text == second.call.text)
}
