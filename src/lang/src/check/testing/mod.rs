//! Tests: what each statement means, with the functions that a runner needs to play it.
//!
//! They are checked after everything else, so that their functions stand behind those of the program and are left out of it.

mod call;
mod expect;
mod given;
mod happens;
mod neutral;
mod warn;

pub(super) use call::{Against, Places};

use std::collections::HashMap;

use smol_str::SmolStr;

use super::cx::{Checker, Home};
use super::scope::{FrameKind, Limit, Made};
use crate::diag::{Code, Diagnostic, codes, nearest};
use crate::hir::testing::{Step, StepKind, Test};
use crate::hir::{self, LocalId};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, ItemKind, TestStmtKind};
use crate::syntax::print_test_stmt;
use crate::types::{Effect, Ty};

/// What is known of a test while its statements are checked.
#[derive(Default)]
struct Playing {
    /// The actions that a `given` answers.
    answered: Vec<FnId>,
    /// `expect … called` of an action of the project that has a body, to be looked at when all `given`s are known.
    own: Vec<(FnId, Span)>,
    /// Something came in, was run, or time went by.
    happened: bool,
}

impl Checker {
    /// Checks the tests of all modules.
    pub(super) fn check_tests(&mut self) {
        self.program_functions = self.functions.len();
        for module in 0..self.modules.len() {
            let Some(ast) = self.modules.get(module).map(|m| m.ast.clone()) else { continue };
            let mut names = HashMap::new();
            for item in &ast.items {
                if let ItemKind::Test(test) = &item.kind
                    && self.matters(item.span)
                {
                    self.check_test(module, item, test, &mut names);
                }
            }
        }
    }

    fn check_test(&mut self, module: usize, item: &ast::Item, test: &ast::Test, names: &mut HashMap<SmolStr, Span>) {
        let made = self.elsewhere(Home { module, connector: None }, |c| {
            let name = c.test_name(&test.name, names);
            let mut playing = Playing::default();
            let mut steps = Vec::with_capacity(test.stmts.len());
            for stmt in &test.stmts {
                if let Some(kind) = c.test_stmt(stmt, &mut playing) {
                    steps.push(Step { kind, text: print_test_stmt(stmt).into(), span: stmt.span });
                }
            }
            c.expected_own(&playing);
            Test {
                name: name.unwrap_or_default(),
                module: c.modules.get(module).map(|m| m.name.clone()).unwrap_or_default(),
                docs: item.docs.clone(),
                steps,
                span: item.span,
            }
        });
        self.warn_of_test(test, &made);
        self.tests.push(made);
    }

    fn test_name(&mut self, e: &ast::Expr, names: &mut HashMap<SmolStr, Span>) -> Option<SmolStr> {
        if let ast::ExprKind::Name(word) = &e.kind {
            let message = format!("the name of a test is a text, and `{}` is not", word.name);
            let better = format!("\"{}\"", word.name.replace('_', " "));
            let d = Diagnostic::error(codes::TEST_NAME, message, e.span, "not a text")
                .help(format!("write `test {better} {{ … }}`"));
            self.report(d.fix("write it as a text", vec![(e.span, better)]));
            return None;
        }
        let name = self.constant_text(e, "the name of a test")?;
        if name.trim().is_empty() {
            let help = "say what must be so: `test \"two approvals drain the node\" { … }`";
            self.error(codes::TEST_NAME, e.span, "the name of the test is empty", "", help);
            return None;
        }
        if let Some(first) = names.get(&name).copied() {
            let message = format!("there are two tests called `{name}` in this module");
            let d = Diagnostic::error(codes::TEST_NAME, message, e.span, "again here").label(first, "first here");
            self.report(d.help("a test is told apart by its module and its name: give one another name"));
        } else {
            names.insert(name.clone(), e.span);
        }
        Some(name)
    }

    fn test_stmt(&mut self, stmt: &ast::TestStmt, playing: &mut Playing) -> Option<StepKind> {
        match &stmt.kind {
            TestStmtKind::Given { call, answers } => self.given(call, answers, playing),
            TestStmtKind::GivenGroup { group, people } => self.given_group(group, people),
            TestStmtKind::GivenSettings { of, instance, values } => {
                self.given_settings(of.as_ref(), instance.as_ref(), values, stmt.span)
            }
            TestStmtKind::GivenNow(now) => self.given_now(now, stmt.span, playing),
            TestStmtKind::When { event, instance, payload } => {
                playing.happened = true;
                self.when_event(event, instance.as_ref(), payload.as_ref(), stmt.span)
            }
            TestStmtKind::Deliver { path, file, body, signed } => {
                playing.happened = true;
                self.deliver(path, file.as_ref(), body.as_ref(), *signed, stmt.span)
            }
            TestStmtKind::Run { runbook, args, by, .. } => {
                playing.happened = true;
                self.test_run(runbook, args, by, stmt.span)
            }
            TestStmtKind::Approve { by, comment } => {
                self.too_early("approve", stmt.span, playing);
                let comment = comment.as_ref().map(|c| self.text_fn(c, "the comment"));
                Some(StepKind::Approve { by: self.people(by)?, comment })
            }
            TestStmtKind::Deny { by, because } => {
                self.too_early("deny", stmt.span, playing);
                let because = because.as_ref().map(|b| self.text_fn(b, "the reason"));
                Some(StepKind::Deny { by: self.people(by)?, because })
            }
            TestStmtKind::Advance(time) => {
                playing.happened = true;
                self.advance(time)
            }
            TestStmtKind::Crash => {
                self.too_early("crash", stmt.span, playing);
                Some(StepKind::Crash)
            }
            TestStmtKind::Cancel { runbook, because } => {
                self.too_early("cancel", stmt.span, playing);
                let because = because.as_ref().map(|b| self.text_fn(b, "the reason"));
                let runbook = match runbook {
                    Some(path) => Some(self.runbook_seen(path)?),
                    None => None,
                };
                Some(StepKind::Cancel { runbook, because })
            }
            TestStmtKind::Resolve { how, result } => {
                self.too_early("resolve", stmt.span, playing);
                self.resolve(how, result.as_deref()).map(StepKind::Resolve)
            }
            TestStmtKind::Expect(expected) => {
                if !playing.happened {
                    self.too_early("expect", stmt.span, playing);
                }
                self.expected(expected, stmt.span, playing).map(StepKind::Expect)
            }
            TestStmtKind::Bad => None,
        }
    }

    /// A pure function of a test. `params` are its parameters, without a name where the test cannot name them.
    fn test_fn(
        &mut self,
        what: &str,
        params: &[(Option<SmolStr>, Ty)],
        at: Span,
        body: impl FnOnce(&mut Self, &[LocalId]) -> hir::Expr,
    ) -> FnId {
        self.push_frame(FrameKind::Condition);
        let locals: Vec<LocalId> = params
            .iter()
            .map(|(name, t)| match name {
                Some(name) => self.param(name, t.clone(), at),
                None => self.temp(t.clone(), at),
            })
            .collect();
        if let Some(frame) = self.frames.last_mut() {
            frame.limit = Some(Limit {
                effect: Effect::Pure,
                what: "what a test gives or expects is pure".into(),
                span: None,
                help: "a test calls nothing itself: write the value".into(),
            });
        }
        let body = body(self, &locals);
        let ret = body.ty.clone();
        self.close_frame(Made { effect: Some(Effect::Pure), ..Made::plain(what, params.len(), ret, at) }, body).function
    }

    fn value_fn(&mut self, e: &ast::Expr, t: &Ty, role: &str) -> FnId {
        self.test_fn(role, &[], e.span, |c, _| c.expr_as(e, t, role))
    }

    fn text_fn(&mut self, e: &ast::Expr, role: &str) -> FnId {
        self.value_fn(e, &super::ty::text(), role)
    }

    /// The names of people, which need not be users of the project.
    fn people(&mut self, by: &[ast::Expr]) -> Option<Vec<SmolStr>> {
        let mut all: Vec<SmolStr> = Vec::with_capacity(by.len());
        for e in by {
            let name = self.constant_text(e, "the name of a person")?;
            if name.trim().is_empty() {
                self.error(codes::TEST_VALUE, e.span, "the name of a person is empty", "", "write `by \"ana\"`");
                return None;
            }
            if all.contains(&name) {
                let message = format!("`{name}` is named twice");
                self.error(codes::TEST_VALUE, e.span, message, "again here", "a person has one vote");
                return None;
            }
            all.push(name);
        }
        Some(all)
    }

    /// The instance of a connector that is named, which must be one of the project's.
    fn instance_seen(&mut self, connector: &SmolStr, e: &ast::Expr) -> Option<SmolStr> {
        let name = self.constant_text(e, "the instance")?;
        let known = self.project.instances(connector);
        if known.contains(&name) {
            return Some(name);
        }
        let message = format!("`{connector}` has no instance `{name}`");
        let d = Diagnostic::error(codes::SETTING_INSTANCE, message, e.span, "not in `rrb.toml`");
        let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        self.report(suggest(d, e.span, &name, &known, |n| format!("\"{n}\""), &format!("its instances are {listed}")));
        None
    }

    /// A word of which there are few.
    fn known_word(&mut self, code: Code, what: &str, name: &SmolStr, span: Span, known: &[SmolStr]) {
        if name.is_empty() {
            return;
        }
        let d = Diagnostic::error(code, format!("there is no {what} `{name}`"), span, "not known");
        let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        self.report(suggest(d, span, name, known, str::to_owned, &format!("there are {listed}")));
    }
}

/// Advice with the nearest of what there is, or with all of it.
fn suggest(
    d: Diagnostic,
    span: Span,
    name: &str,
    known: &[SmolStr],
    written: impl Fn(&str) -> String,
    all: &str,
) -> Diagnostic {
    match nearest(name, known.iter().map(SmolStr::as_str)) {
        Some(near) => {
            d.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), vec![(span, written(near))])
        }
        None => d.help(all),
    }
}
