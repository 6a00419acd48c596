//! The checker: names, types, effects. Tree in, typed tree and diagnostics out.
//!
//! A check goes over all modules in five rounds: names, what types stand for, signatures, bodies, and the rules of the whole project.
//! A body may ask for what another declaration is (an inferred constant or result); that one is then checked first.

mod action_call;
pub mod approvals;
mod call;
mod causes;
mod circle;
mod connector;
mod correlation;
pub mod cost;
mod cx;
pub mod effects;
mod event;
mod exhaustive;
mod expr;
mod feeds;
mod fit;
mod fold;
mod group;
pub mod index;
mod items;
mod lint;
mod literals;
mod methods;
mod modules;
mod never;
mod ops;
mod pattern;
mod policy;
mod remap;
mod rounds;
mod runbook;
mod scope;
pub mod session;
pub mod settings;
mod stmt;
pub mod summary;
mod testing;
mod trigger;
mod ty;
mod types;
mod window;
pub mod world;

#[cfg(test)]
mod pass_tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use self::causes::{Unread, Wrong};
use self::cx::{Checker, Def};
pub use self::modules::{imports, module_name, without_tests};
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, Program};
use crate::ids::ConstId;
use crate::project::{ProjectConfig, hide_secrets};
pub use crate::span::PROJECT_FILE;
use crate::span::{Sources, Span};
use crate::value::Value;
use crate::vm::protocol::Millis;

/// A module of the project.
#[derive(Debug, Clone)]
pub struct ModuleSource {
    /// `lib.paging`
    pub name: SmolStr,
    /// `lib/paging.rrb`
    pub file: String,
    pub text: Arc<str>,
}

/// What is checked.
#[derive(Debug, Clone, Default)]
pub struct CheckInput {
    pub modules: Vec<ModuleSource>,
    /// Its spans are in [`PROJECT_FILE`].
    pub project: ProjectConfig,
}

/// What a check may know besides the program.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The text of `rrb.toml`, for diagnostics that point there.
    pub project_text: Option<Arc<str>>,
    /// The time of the check; with it waivers past their date are reported.
    pub now: Option<Millis>,
    /// Files that policies may delegate to. Without it none is looked for.
    pub files: Option<Files>,
}

/// Files of the project by their path (`policies/guard.rego`): the text, or why it cannot be read.
pub type Files = BTreeMap<String, Result<Arc<str>, String>>;

/// What a check gives.
#[derive(Debug)]
pub struct Checked {
    pub sources: Sources,
    /// None when there are errors.
    pub program: Option<Program>,
    /// In order of file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks the modules of a project. Never fails and never panics: what is wrong is in the diagnostics.
pub fn check(input: CheckInput) -> Checked {
    check_in(input, Surroundings::default())
}

/// The stack of a check. Parser and checker go as deep as the program nests, and a caller's thread may have little.
const STACK: usize = 32 << 20;

/// Checks the modules of a project with what is known of its surroundings.
pub fn check_in(input: CheckInput, around: Surroundings) -> Checked {
    deep(input, around, None)
}

/// As [`check_in`], with what a session at a prompt knows. That `rrb.toml` has settings of what the session does not use is no mistake.
pub fn check_session(input: CheckInput, around: Surroundings, session: session::Session) -> Checked {
    deep(input, around, Some(session))
}

fn deep(input: CheckInput, around: Surroundings, session: Option<session::Session>) -> Checked {
    let spare = (input.clone(), around.clone(), session.clone());
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("check".into()).stack_size(STACK);
        match worker.spawn_scoped(scope, move || run(input, around, session)) {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: the stack that is there does for all but the deepest programs.
            Err(_) => run(spare.0, spare.1, spare.2),
        }
    })
}

fn run(input: CheckInput, around: Surroundings, session: Option<session::Session>) -> Checked {
    let mut sources = Sources::default();
    sources.add("rrb.toml", around.project_text.as_deref().unwrap_or_default());
    let mut c = Checker::new(sources, input.project);
    c.session = session;
    c.load(input.modules);
    let (made, diagnostics) = c.all_rounds(around);
    let program = Some(made).filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    Checked { sources: c.sources, program, diagnostics }
}

impl Checker {
    /// Everything behind the loading of the modules. The program is whole when no diagnostic is an error.
    fn all_rounds(&mut self, around: Surroundings) -> (Program, Vec<Diagnostic>) {
        let pending = self.declare_all();
        self.fill_prelude();
        self.resolve_uses();
        self.define_types(&pending);
        self.define_signatures(&pending);
        self.give_values();
        self.check_bodies(&pending);
        let runbooks: Vec<usize> = (0..self.runbooks.len()).filter(|i| self.matters_at(*i)).collect();
        let runbooks = runbooks.into_iter().filter_map(|i| self.check_runbook(i)).collect();
        self.files = around.files;
        let asked = |i: &usize| self.policies.get(*i).is_some_and(|p| self.matters(p.whole));
        let policies: Vec<usize> = (0..self.policies.len()).filter(asked).collect();
        let policies = policies.into_iter().filter_map(|i| self.check_policy(i)).collect();
        self.check_consts();
        self.name_circles();
        self.unused_declarations();
        self.check_tests();
        self.conclude(runbooks, policies, around.now)
    }

    fn matters_at(&self, runbook: usize) -> bool {
        self.runbooks.get(runbook).is_some_and(|r| self.matters(r.span))
    }

    fn check_bodies(&mut self, pending: &[items::Pending]) {
        for p in pending.iter().filter(|p| self.only.is_none() || self.matters(p.item.span)).collect::<Vec<_>>() {
            match p.def {
                Def::Fn(id) => self.check_fn(id),
                Def::Event(id) => self.check_event(id),
                Def::Const(id) => self.check_const(id, Span::default()),
                _ => {}
            }
        }
    }

    /// Constants and defaults that nobody asked for; checking one may add others.
    fn check_consts(&mut self) {
        let mut next = 0;
        while next < self.consts.len() {
            if !self.consts.get(next).is_some_and(|c| self.matters(c.span)) {
                next += 1;
                continue;
            }
            self.check_const(ConstId(u32::try_from(next).unwrap_or(u32::MAX)), Span::default());
            next += 1;
        }
    }

    fn conclude(
        &mut self,
        runbooks: Vec<hir::Runbook>,
        policies: Vec<hir::Policy>,
        now: Option<Millis>,
    ) -> (Program, Vec<Diagnostic>) {
        self.unused_imports();
        let unread = Unread::new(self);
        let wrong = Wrong::new(self, &unread);
        let mut said = std::mem::take(&mut self.syntax);
        let found = std::mem::take(&mut self.diags);
        said.extend(found.into_iter().filter(|d| !unread.explains(d, &self.sources)));
        let (allowed, misused) = lint::allowances(self);
        let project = std::mem::take(&mut self.project);
        let mut sources = std::mem::take(&mut self.sources);
        let mut made = self.program(runbooks, policies, &project);
        let mut diagnostics = if said.iter().any(Diagnostic::is_error) {
            with_further_errors(said, &mut made, (&unread, &wrong), (&project, now, &sources))
        } else {
            let mut diagnostics = said;
            diagnostics.extend(passes(&made, &project, now, &sources));
            diagnostics
        };
        if self.session.is_some() {
            // Of the project a session has what it names: that `rrb.toml` sets more is no mistake.
            diagnostics.retain(|d| d.code != codes::SETTING_UNKNOWN);
        }
        hide_secrets(&diagnostics, &mut sources);
        if diagnostics.iter().any(Diagnostic::is_error) {
            // What is unused may be what a mistake kept from being used.
            let unused = [codes::VARIABLE_UNUSED, codes::NAME_UNUSED, codes::PARAMETER_UNUSED];
            diagnostics.retain(|d| !unused.contains(&d.code));
        } else {
            lint::apply(&allowed, &sources, &mut diagnostics);
        }
        diagnostics.extend(misused);
        diagnostics.sort_by_key(|d| (d.span().file, d.span().start, d.span().end));
        diagnostics.dedup();
        self.sources = sources;
        (made, diagnostics)
    }

    fn program(&mut self, runbooks: Vec<hir::Runbook>, policies: Vec<hir::Policy>, project: &ProjectConfig) -> Program {
        let nothing = || scope::node(hir::ExprKind::Literal(Value::Nothing), ty::nothing(), Span::default());
        let mut functions: Vec<hir::Function> =
            std::mem::take(&mut self.functions).into_iter().map(|f| f.unwrap_or_else(unused)).collect();
        let test_functions = functions.split_off(self.program_functions.min(functions.len()));
        let constants = self
            .consts
            .iter_mut()
            .map(|c| hir::Constant {
                name: c.name.clone(),
                ty: c.ty.clone().unwrap_or_else(ty::error),
                value: c.body.take().unwrap_or_else(|| hir::Body { locals: vec![], expr: nothing() }),
            })
            .collect();
        let modules: Vec<SmolStr> = self.modules.iter().map(|m| m.name.clone()).collect();
        let connectors = self
            .connectors
            .iter()
            .map(|c| hir::Connector {
                name: c.name.clone(),
                module: modules.get(c.module).cloned().unwrap_or_default(),
                docs: c.docs.clone(),
                settings: c.settings.clone(),
                span: c.span,
            })
            .collect();
        Program {
            types: std::mem::take(&mut self.types),
            functions,
            constants,
            settings: std::mem::take(&mut self.settings),
            connectors,
            events: std::mem::take(&mut self.hir_events),
            runbooks,
            policies,
            sites: std::mem::take(&mut self.sites),
            trusts: std::mem::take(&mut self.trusts),
            tests: std::mem::take(&mut self.tests),
            test_functions,
            project_digest: project.digest_text(),
        }
    }
}

/// Functions from which on the passes over a program share the work between two threads: starting one takes as long as a few functions.
const MANY_FUNCTIONS: usize = 64;

/// What the passes over the whole program find. None needs what another one found.
fn passes(made: &Program, project: &ProjectConfig, now: Option<Millis>, sources: &Sources) -> Vec<Diagnostic> {
    let calls = || {
        let mut found = effects::run(made, project);
        found.extend(approvals::run(made, project, now));
        found
    };
    let rest = || {
        let mut found = settings::run(made, project);
        found.extend(rounds::run(made));
        found.extend(lint::run(made, sources));
        found
    };
    let (mut found, more) = if made.functions.len() < MANY_FUNCTIONS {
        (calls(), rest())
    } else {
        std::thread::scope(|scope| {
            let worker = std::thread::Builder::new().name("passes".into()).stack_size(STACK).spawn_scoped(scope, rest);
            let found = calls();
            let more = match worker {
                Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                // No thread to be had: then one after the other.
                Err(_) => rest(),
            };
            (found, more)
        })
    };
    found.extend(more);
    found
}

/// The errors that the passes over the whole program find where other declarations have mistakes. Warnings wait until there is no
/// error.
fn with_further_errors(
    mut said: Vec<Diagnostic>,
    made: &mut Program,
    (unread, wrong): (&Unread, &Wrong),
    (project, now, sources): (&ProjectConfig, Option<Millis>, &Sources),
) -> Vec<Diagnostic> {
    wrong.drop_unread(made);
    let mut further = approvals::run(made, project, now);
    further.extend(settings::run(made, project));
    wrong.take_their_word(made);
    further.extend(effects::run(made, project));
    let lacks_connectors = |d: &Diagnostic| wrong.uses && d.code == codes::SETTING_UNKNOWN;
    further
        .retain(|d| d.is_error() && !lacks_connectors(d) && !causes::is_said(d, &said) && !unread.explains(d, sources));
    said.extend(further);
    said
}

/// What stands at an id that a second look at a condition left over.
fn unused() -> hir::Function {
    hir::Function {
        name: "unused".into(),
        module: SmolStr::default(),
        docs: String::new(),
        kind: hir::FunctionKind::Plain,
        captures: 0,
        params: 0,
        locals: vec![],
        ret: ty::nothing(),
        effect: crate::types::Effect::Pure,
        body: Some(scope::node(hir::ExprKind::Literal(Value::Nothing), ty::nothing(), Span::default())),
        span: Span::default(),
    }
}
