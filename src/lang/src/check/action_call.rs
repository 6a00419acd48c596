//! Calls of actions: `do`, the instance, the modifiers, and what the call does.

use std::sync::Arc;

use super::call::{CallParts, Extra};
use super::cx::{Checker, FnInfo};
use super::expr::Want;
use super::index::Target;
use super::scope::{FrameKind, Made, bad, node, verb};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ActionCall, ExprKind, LocalId};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp};
use crate::types::{Effect, Ty, Type, builtin};
use crate::value::Value;

impl Checker {
    /// A call of an action with everything that belongs to it.
    pub(super) fn action_call(
        &mut self,
        call: CallParts<'_>,
        id: FnId,
        instance: Option<hir::Expr>,
        extra: Option<Extra>,
    ) -> hir::Expr {
        let Some(info) = self.fn_info(id).cloned() else { return bad(call.span) };
        let site = self.new_site(call.span);
        let what = format!("`{}`", info.name);
        self.saw_call(call.span, Some(Target::Fn(id)), &info.params, call.args);
        let (args, vars) = self.bind_args(&what, &Arc::clone(&info.params), call, info.generics.len(), extra);
        let ret = info.ret.clone().map_or_else(ty::error, |t| self.result_of(&t, &vars));
        let trusted = self.frame().and_then(|f| f.trust).filter(|t| info.native && info.effect > *t);
        if self.check_do(call, &info) {
            let effect = trusted.unwrap_or(info.effect);
            self.note_effect(effect, call.span, || what.clone());
        }
        let m = call.modifiers;
        let retry = m.retry.as_ref().map(|r| self.retry(r));
        let timeout = m.timeout.as_ref().map(|t| self.expr_as(t, &ty::duration(), "`timeout`"));
        let key = m.key.as_ref().map(|k| self.text_expr(k, "`key`"));
        self.check_modifiers(call, &info);
        self.may_acknowledge(call, &info);
        let undo = m.undo.as_ref().map(|u| self.undo(u, &ret, &info));
        let action = ActionCall {
            function: id,
            args,
            instance: instance.or_else(|| self.only_instance(&info, call.span)),
            is_do: call.is_do.is_some(),
            retry,
            timeout,
            key,
            undo,
            trusted,
            site,
        };
        node(ExprKind::CallAction(Box::new(action)), ret, call.span)
    }

    /// The instance that a call without one means, when it is not called `default`: its name is part of every target, and one
    /// node must not have two names.
    fn only_instance(&self, info: &FnInfo, span: Span) -> Option<hir::Expr> {
        let id = info.home.connector.filter(|id| self.home.connector != Some(*id))?;
        let name = self.project.default_instance(&self.connector(id)?.name)?;
        (name != "default").then(|| node(ExprKind::Literal(Value::Text(name)), ty::text(), span))
    }

    /// Reports a `do` that is missing or needless; says whether the call may stand here at all.
    fn check_do(&mut self, call: CallParts<'_>, info: &FnInfo) -> bool {
        let name = &info.name;
        if info.effect >= Effect::Changes && !self.may_do() {
            self.no_do_here(call, info);
            return false;
        }
        match call.is_do {
            None if info.effect >= Effect::Changes => {
                let does = verb(info.effect);
                self.report(
                    Diagnostic::error(
                        codes::DO_MISSING,
                        format!("`{name}` {does}, so its call needs `do`"),
                        call.span,
                        does,
                    )
                    .help(format!("write `do {name}(…)`; to go on with the result, `(do {name}(…)).…`"))
                    .fix("add `do`", vec![(call.span.before(), "do ".into())]),
                );
            }
            Some(at) if info.effect <= Effect::Reads => {
                let gap = Span { start: at.start, end: call.span.start, ..at };
                self.report(
                    Diagnostic::warning(
                        codes::DO_NEEDLESS,
                        format!("`{name}` only reads and needs no `do`"),
                        at,
                        "changes nothing",
                    )
                    .help("`do` marks calls that change something, so that a reviewer can scan for them")
                    .fix("remove `do`", vec![(gap, String::new())]),
                );
            }
            _ => {}
        }
        true
    }

    fn may_do(&self) -> bool {
        self.kind().calls()
    }

    fn no_do_here(&mut self, call: CallParts<'_>, info: &FnInfo) {
        let does = verb(info.effect);
        let (place, help) = match self.kind() {
            FrameKind::Lambda => ("a function given to a method", "go through the items with a `for` loop"),
            FrameKind::Fn => ("a `fn`, which is pure", "make it an `action` and declare what it does"),
            FrameKind::Constant => ("a constant or default", "do it in the body of a runbook or action"),
            FrameKind::Reading => ("a block that only reads", "do it in the body of a runbook or action"),
            _ => ("a condition or mapping, which is pure", "do it in the body of the runbook"),
        };
        self.error(
            codes::PLACE_WRONG,
            call.span,
            format!("`{}` {does} and cannot be called in {place}", info.name),
            does,
            help,
        );
    }

    fn check_modifiers(&mut self, call: CallParts<'_>, info: &FnInfo) {
        if info.effect > Effect::Reads {
            return;
        }
        let m = call.modifiers;
        let word = if m.undo.is_some() {
            "undo"
        } else if m.key.is_some() {
            "key"
        } else {
            return;
        };
        let span = m.undo.as_ref().map(|u| u.span).or(m.key.as_ref().map(|k| k.span)).unwrap_or(call.span);
        let why = if word == "undo" { "there is nothing to undo" } else { "reading twice does no harm" };
        self.error(
            codes::DO_MODIFIER,
            span,
            format!("`{word}` belongs to a call that changes something"),
            "",
            format!("`{}` only reads: {why}", info.name),
        );
    }

    fn retry(&mut self, r: &ast::Retry) -> hir::Retry {
        let times = self.expr_as(&r.times, &ty::int(), "`retry`");
        let backoff = r.backoff.as_ref().map(|b| self.backoff(b));
        let when = r.when.as_ref().map(|w| {
            self.push_scope();
            let failure = ty::of(Type::Named(builtin::FAILURE, vec![]));
            let id = self.param(&"failure".into(), failure, w.span);
            let (condition, effect, cause) = self.effect_of(|c| c.expr_as(w, &ty::boolean(), "`when`"));
            if let Some((at, what)) = cause.filter(|_| effect > Effect::Pure) {
                self.error(
                    codes::EFFECT_EXCEEDED,
                    at,
                    format!("the condition of a retry is pure, but {what} {}", verb(effect)),
                    verb(effect),
                    "look at `failure` only",
                );
            }
            self.pop_scope();
            (id, condition)
        });
        let unsafe_reason =
            r.unsafe_reason.as_ref().and_then(|u| self.constant_text(u, "the reason of `retry unsafe`"));
        hir::Retry { times, backoff, when, unsafe_reason }
    }

    fn backoff(&mut self, b: &ast::Expr) -> (hir::Expr, hir::Expr) {
        if let ast::ExprKind::Binary { op: BinaryOp::Range | BinaryOp::RangeInclusive, left, right, .. } = &b.kind {
            let first = self.expr_as(left, &ty::duration(), "`backoff`");
            let most = self.expr_as(right, &ty::duration(), "`backoff`");
            return (first, most);
        }
        let pause = self.expr_as(b, &ty::duration(), "`backoff`");
        (pause.clone(), pause)
    }

    /// `undo { … }` at a call: a function of its own that captures what it reads and gets the result.
    fn undo(&mut self, block: &ast::Block, result: &Ty, info: &FnInfo) -> (FnId, Vec<LocalId>) {
        let outer_trust = self.frame().and_then(|f| f.trust);
        self.push_frame(FrameKind::Undo);
        if let Some(f) = self.frames.last_mut() {
            f.trust = outer_trust;
        }
        self.param(&"result".into(), result.clone(), block.span);
        let body = self.block_expr(block, &Want::Drop);
        let made = Made {
            kind: hir::FunctionKind::Handler,
            ..Made::plain(format!("{} undo", info.name), 1, ty::nothing(), block.span)
        };
        let closed = self.close_frame(made, body);
        if let Some((span, what)) = closed.cause {
            self.note_effect(closed.effect, span, || what);
        }
        (closed.function, closed.captures)
    }
}
