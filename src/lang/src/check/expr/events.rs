//! What a run does beside going on: waiting for events, handling them during a block, running other runbooks.

use super::Want;
use super::control::into_block;
use crate::check::call::CallParts;
use crate::check::cx::{Checker, Def};
use crate::check::index::Target;
use crate::check::scope::{FrameKind, Made, bad, is_error, node};
use crate::check::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ExprKind};
use crate::ids::RunbookId;
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, Ty, Type, builtin};
use crate::value::Value;

/// How long a `wait for` waits whose `within` is missing: it does not compile.
const UNSAID: i64 = 300_000;

impl Checker {
    pub(super) fn wait_for(&mut self, event: &ast::Awaited, within: Option<&ast::Expr>, span: Span) -> hir::Expr {
        self.may_take_time("wait for", Span { end: span.start + 8, ..span });
        let (watch, seen) = self.watch(event);
        if within.is_none() {
            self.report(
                Diagnostic::error(codes::PLACE_WRONG, "`wait for` does not say for how long", span, "")
                    .help("write `wait for … within 10m`; it gives the event, or none when the time is over"),
            );
        }
        let within = self.duration_or(within, "`within`", UNSAID, span);
        self.note_effect(Effect::Reads, span, || "`wait for`".into());
        let t = if is_error(&seen) { seen } else { ty::of(Type::Optional(seen)) };
        match watch {
            Some(watch) => node(ExprKind::WaitFor(Box::new(hir::WaitFor { watch, within })), t, span),
            None => node(bad(span).kind, t, span),
        }
    }

    /// `E as e where C`: what is watched for, and the type of the event.
    fn watch(&mut self, on: &ast::Awaited) -> (Option<hir::Watch>, Ty) {
        let site = self.new_site(on.span);
        let event = self.event_of(&on.event);
        let instance = on.instance.as_ref().and_then(|i| self.constant_text(i, "the instance"));
        let seen = event.and_then(|e| self.events.get(e.index())).map_or_else(ty::error, |i| i.seen.clone());
        let condition = on.condition.as_ref().map(|c| {
            self.push_frame(FrameKind::Watch);
            self.limit_to(Effect::Pure, "a condition is pure", c.span);
            match &on.binder {
                Some(b) => self.param(&b.name, seen.clone(), b.span),
                None => self.temp(seen.clone(), c.span),
            };
            let got = self.condition(c);
            let closed = self.close_frame(Made::plain("where", 1, ty::boolean(), c.span), got);
            (closed.function, closed.captures)
        });
        let text = self.sources.text(on.span).split_whitespace().collect::<Vec<_>>().join(" ").into();
        (event.map(|event| hir::Watch { event, instance, condition, text, site }), seen)
    }

    pub(super) fn during(
        &mut self,
        body: &ast::Block,
        handlers: &[ast::DuringHandler],
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        let head = Span { end: span.start + 6, ..span };
        self.may_take_time("during", head);
        let site = self.new_site(span);
        if handlers.is_empty() {
            self.error(
                codes::PLACE_WRONG,
                head,
                "this `during` handles no event",
                "nothing can happen to the block",
                "write `during { … } on alertmanager.resolved as r where r.name == name { finish not_needed \"…\" }`",
            );
        }
        let block = self.block_expr(body, want);
        let t = block.ty.clone();
        let handlers = handlers.iter().filter_map(|h| self.handler(h)).collect();
        let during = hir::During { body: into_block(block), handlers, site };
        node(ExprKind::During(Box::new(during)), t, span)
    }

    fn handler(&mut self, h: &ast::DuringHandler) -> Option<hir::DuringHandler> {
        let (watch, seen) = self.watch(&h.event);
        self.push_scope();
        let binder = match &h.event.binder {
            // Many handlers look at the event in their condition only.
            Some(b) => self.param(&b.name, seen, b.span),
            None => self.temp(seen, h.span),
        };
        // A handler ends the run or the block, or lets it go on: nothing in it leaves what is around.
        let before = self.frames.last_mut().map(|f| {
            let before = (f.loops, f.ret.take(), f.handling);
            (f.loops, f.handling) = (0, true);
            before
        });
        let body = self.block_expr(&h.body, &Want::Drop);
        if let (Some(f), Some(before)) = (self.frames.last_mut(), before) {
            (f.loops, f.ret, f.handling) = before;
        }
        self.pop_scope();
        Some(hir::DuringHandler { watch: watch?, binder, body: into_block(body) })
    }

    pub(super) fn restart(&mut self, span: Span) -> hir::Expr {
        if !self.frame().is_some_and(|f| f.handling) {
            self.error(
                codes::PLACE_WRONG,
                span,
                "`restart` stands in a handler of `during` only",
                "no handler around it",
                "it begins the block of the `during` anew; to try a call again, write `retry 3 times` behind it",
            );
            return node(ExprKind::Literal(Value::Nothing), ty::never(), span);
        }
        node(ExprKind::Restart, ty::never(), span)
    }

    /// `run other(args)`, `start other(args)`
    pub(super) fn run_child(
        &mut self,
        awaited: bool,
        path: &ast::Path,
        args: &[ast::NamedArg],
        span: Span,
    ) -> hir::Expr {
        let word = if awaited { "run" } else { "start" };
        let place = self.may_run(word, Span { end: span.start + word.len() as u32, ..span });
        let site = self.new_site(span);
        let t = if awaited { ty::of(Type::Named(builtin::CHILD_RUN, vec![])) } else { ty::text() };
        let Some(index) = self.runbook_of(path, word) else {
            self.check_loose(args);
            return node(bad(span).kind, t, span);
        };
        let Some((name, params)) = self.runbooks.get(index).map(|r| (r.name.clone(), r.params.clone())) else {
            return node(bad(span).kind, t, span);
        };
        let modifiers = ast::Modifiers::default();
        let callee = ast::Expr { kind: ast::ExprKind::Missing, span: path.span };
        let parts = CallParts { callee: &callee, args, modifiers: &modifiers, span, is_do: None };
        self.saw_call(span, Some(Target::Runbook(index)), &params, args);
        let (args, _) = self.bind_args(&format!("the runbook `{name}`"), &params, parts, 0, None);
        if place {
            self.note_effect(Effect::Changes, span, || format!("`{word} {name}`"));
        }
        let runbook = RunbookId(u32::try_from(index).unwrap_or(u32::MAX));
        let run = hir::RunChild { runbook, args, awaited, site };
        node(ExprKind::RunChild(Box::new(run)), t, span)
    }

    /// Reports `run` and `start` where no run begins.
    fn may_run(&mut self, word: &str, span: Span) -> bool {
        let help = match self.kind() {
            FrameKind::Runbook | FrameKind::Handler | FrameKind::Action { connector: false } => return true,
            FrameKind::Action { connector: true } => "an action of a connector runs no runbooks; do it in the runbook",
            FrameKind::Lambda => "go through the items with a `for` loop",
            FrameKind::Undo => "an `undo` is a plain call",
            FrameKind::Acknowledge => "`acknowledge` only makes calls; a trigger starts runbooks",
            FrameKind::Fn => "a `fn` is pure; make it an `action` that `changes`",
            _ => "conditions and mappings are pure; do it in the body of the runbook",
        };
        self.error(codes::PLACE_WRONG, span, format!("`{word}` cannot stand here"), "", help);
        false
    }

    /// The runbook that a path names.
    pub(in crate::check) fn runbook_of(&mut self, path: &ast::Path, word: &str) -> Option<usize> {
        let mut parts = path.parts.iter();
        let first = parts.next()?;
        let Some(mut def) = self.lookup_at(self.home, first) else {
            let names = match path.parts.len() {
                1 => self.runbook_names(),
                _ => self.names_in_scope(),
            };
            let help = match path.parts.len() {
                1 => "declare it, or bring it into scope: `use lib.paging.{page}`",
                _ => "bring the module into scope with `use`",
            };
            self.unknown(if path.parts.len() == 1 { "runbook" } else { "module" }, first, &names, help);
            return None;
        };
        for part in parts {
            def = match def {
                Def::Module(_) => match self.member(def, part) {
                    Some(member) => member,
                    None => {
                        self.unknown_member(def, part);
                        return None;
                    }
                },
                other => other,
            };
        }
        match def {
            Def::Runbook(index) => Some(index),
            Def::Bad => None,
            other => {
                let shown = path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
                let (what, help) = match other {
                    Def::Fn(id) if self.fn_info(id).is_some_and(|i| i.action) => {
                        ("an action", format!("an action is called with `do {shown}(…)`"))
                    }
                    Def::Fn(_) => ("a function", format!("a function is called without `{word}`")),
                    Def::Module(_) => ("a module", format!("name a runbook in it: `{word} {shown}.RUNBOOK(…)`")),
                    Def::Connector(_) => ("a connector", "its actions are called with `do`".to_owned()),
                    _ => ("no runbook", format!("write `{word} RUNBOOK(…)`")),
                };
                let message = format!("`{word}` takes a runbook, and `{shown}` is {what}");
                self.error(codes::TYPE_CALL, path.span, message, what, help);
                None
            }
        }
    }

    fn runbook_names(&self) -> Vec<smol_str::SmolStr> {
        let here = self.modules.get(self.home.module).into_iter().flat_map(|m| m.names.iter());
        here.filter(|(_, n)| matches!(n.def, Def::Runbook(_))).map(|(name, _)| name.clone()).collect()
    }
}
