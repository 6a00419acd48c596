//! What takes time or asks people: steps, approvals, waivers, verification, waiting.

use super::Want;
use super::control::into_block;
use crate::check::cx::Checker;
use crate::check::scope::{FrameKind, bad, is_error, node, verb};
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind, Principal};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, Ty, Type, builtin};
use crate::value::Value;

const SECOND: i64 = 1_000;

impl Checker {
    fn duration(&self, ms: i64, span: Span) -> hir::Expr {
        node(ExprKind::Literal(Value::Duration(ms)), ty::duration(), span)
    }

    pub(super) fn duration_or(&mut self, e: Option<&ast::Expr>, role: &str, default: i64, span: Span) -> hir::Expr {
        match e {
            Some(e) => self.expr_as(e, &ty::duration(), role),
            None => self.duration(default, span),
        }
    }

    /// Reports a word that takes time or asks people where that is not possible.
    pub(super) fn may_take_time(&mut self, word: &str, span: Span) -> bool {
        let help = match self.kind() {
            FrameKind::Runbook | FrameKind::Action { connector: false } | FrameKind::Handler => {
                let reads = self.frame().and_then(|f| f.limit.as_ref()).is_some_and(|l| l.effect <= Effect::Reads);
                if !reads || word == "verify" {
                    return true;
                }
                "an action that only reads never waits; declare what it does, or wait where it is called"
            }
            FrameKind::Action { connector: true } => "an action of a connector never waits; wait in the runbook",
            FrameKind::Lambda => "a function given to a method never waits; write a `for` loop",
            FrameKind::Undo => "an `undo` is a plain call",
            FrameKind::Acknowledge => "`acknowledge` only makes calls; wait in the runbook",
            FrameKind::Watch => "a condition is pure; do it in the body of the runbook",
            FrameKind::Fn => "a `fn` is pure; make it an `action`",
            _ => "conditions and mappings are pure; do it in the body of the runbook",
        };
        self.error(codes::PLACE_WRONG, span, format!("`{word}` cannot stand here"), "", help);
        false
    }

    /// Reports a word that leaves a trace in the run where there is none.
    pub(in crate::check) fn may_trace(&mut self, word: &str, span: Span) {
        let traced = self.kind().calls() && self.kind() != FrameKind::Acknowledge;
        if !traced {
            let help = match self.kind() {
                FrameKind::Lambda => "write a `for` loop",
                FrameKind::Fn => "a `fn` is pure; make it an `action`",
                _ => "it stands in runbooks and actions",
            };
            self.error(codes::PLACE_WRONG, span, format!("`{word}` cannot stand here"), "", help);
        }
    }

    pub(super) fn step(&mut self, name: &ast::Expr, body: &ast::Block, want: &Want, span: Span) -> hir::Expr {
        self.may_trace("step", Span { end: span.start + 4, ..span });
        let name = self.text_expr(name, "the name of a step");
        let site = self.new_site(span);
        let (body, t) = self.block(body, want);
        node(ExprKind::Step { name: Box::new(name), body, site }, t, span)
    }

    /// Runs the block of an approval or waiver: what destroys inside counts as a change outside.
    fn covered(&mut self, body: &ast::Block, want: &Want) -> hir::Expr {
        let (block, effect, cause) = self.effect_of(|c| c.block_expr(body, want));
        if let Some((span, what)) = cause {
            self.note_effect(effect.min(Effect::Changes), span, || what);
        }
        block
    }

    pub(super) fn approve(&mut self, a: &ast::Approve, want: &Want, span: Span) -> hir::Expr {
        let head = Span { end: span.start + 7, ..span };
        self.may_take_time("approve", head);
        let site = self.new_site(span);
        let question = self.text_expr(&a.question, "the question");
        let from = self.principals(&a.from);
        if a.from.is_empty() {
            self.error(
                codes::APPROVE_INCOMPLETE,
                head,
                "the approval does not say who is asked",
                "nobody is asked",
                "write `from group(\"sre\")` or `from user(\"ana\")` behind the question",
            );
        }
        let quorum = match &a.quorum {
            Some(q) => self.expr_as(q, &ty::int(), "the quorum"),
            None => node(ExprKind::Literal(Value::Int(1)), ty::int(), span),
        };
        let within = self.duration_or(a.within.as_ref(), "`within`", 3600 * SECOND, span);
        let escalate = a
            .escalate
            .iter()
            .map(|(to, after)| (self.principals(to), self.expr_as(after, &ty::duration(), "`after`")))
            .collect();
        let remind = a.remind.as_ref().map(|r| self.expr_as(r, &ty::duration(), "`remind every`"));
        let request_type = ty::of(Type::Named(builtin::APPROVAL_REQUEST, vec![]));
        let request = self.temp(request_type.clone(), span);
        let ask = a.ask.iter().map(|e| self.ask(e, request, &request_type)).collect();
        let mut showing = a.showing.as_ref().map(|s| self.expr_as(s, &ty::json(), "what is shown"));
        if let Some(shown) = &mut showing {
            Self::for_people(shown);
        }
        self.push_scope();
        let approval = self.param(&"approval".into(), ty::of(Type::Named(builtin::APPROVAL, vec![])), span);
        let body = self.covered(&a.body, want);
        self.pop_scope();
        let mut branches = vec![body];
        let mut binder_id = None;
        if let Some((binder, block)) = &a.otherwise {
            self.push_scope();
            binder_id = binder.as_ref().map(|b| self.declare(b, ty::of(Type::Named(builtin::DENIAL, vec![])), false));
            branches.push(self.block_expr(block, want));
            self.pop_scope();
        }
        let (branches, t) = self.agree(branches, want, "the approved block and its `otherwise`");
        let mut blocks = branches.into_iter().map(into_block);
        let body = blocks.next().unwrap_or(hir::Block { stmts: vec![], value: None });
        let otherwise = blocks.next().map(|b| (binder_id, b));
        let approve = hir::Approve {
            question,
            from,
            quorum,
            allow_requester: a.requester.is_some_and(|(allowed, _)| allowed),
            within,
            escalate,
            remind,
            ask,
            request,
            showing,
            require_comment: a.require_comment.is_some(),
            approval,
            body,
            otherwise,
            site,
        };
        node(ExprKind::Approve(Box::new(approve)), t, span)
    }

    pub(in crate::check) fn principals(&mut self, list: &[ast::Expr]) -> Vec<Principal> {
        let mut out = Vec::new();
        for e in list {
            match &e.kind {
                ast::ExprKind::Paren(inner) => out.extend(self.principals(std::slice::from_ref(inner))),
                ast::ExprKind::List(items) => {
                    for item in items {
                        match item {
                            ast::ListItem::Item(e) => out.extend(self.principals(std::slice::from_ref(e))),
                            ast::ListItem::Spread(e) => out.push(self.no_principal(e)),
                        }
                    }
                }
                ast::ExprKind::Call { callee, args, .. } => match (&callee.kind, args.as_slice()) {
                    (ast::ExprKind::Name(n), [arg]) if n.name == "group" || n.name == "user" => {
                        let who = self.text_expr(&arg.value, "the name");
                        out.push(if n.name == "group" { Principal::Group(who) } else { Principal::User(who) });
                    }
                    (ast::ExprKind::Name(n), _) if n.name != "group" && n.name != "user" => {
                        let near = nearest(&n.name, ["group", "user"]);
                        let help = near.map_or("write `group(\"sre\")` or `user(\"ana\")`".to_owned(), |n| {
                            format!("did you mean `{n}`?")
                        });
                        self.error(
                            codes::APPROVE_INCOMPLETE,
                            n.span,
                            format!("`{}` is nobody who can be asked", n.name),
                            "",
                            help,
                        );
                        out.push(Principal::User(bad(n.span)));
                    }
                    _ => out.push(self.no_principal(e)),
                },
                ast::ExprKind::Missing => out.push(Principal::User(bad(e.span))),
                _ => out.push(self.no_principal(e)),
            }
        }
        out
    }

    /// Somebody, but nobody knows who.
    fn no_principal(&mut self, e: &ast::Expr) -> Principal {
        self.error(
            codes::APPROVE_INCOMPLETE,
            e.span,
            "this does not say who is asked",
            "",
            "write `group(\"sre\")` or `user(\"ana\")`, several in a list",
        );
        Principal::User(bad(e.span))
    }

    /// `ask slack.ask("#ops")`: the call gets the request as its argument `request`.
    fn ask(&mut self, e: &ast::Expr, request: hir::LocalId, t: &Ty) -> hir::Expr {
        let ast::ExprKind::Call { .. } = &e.kind else {
            self.error(
                codes::APPROVE_INCOMPLETE,
                e.span,
                "`ask` takes a call of an action",
                "",
                "write `ask slack.ask(\"#ops\")`",
            );
            return bad(e.span);
        };
        let value = node(ExprKind::Local(request), t.clone(), e.span);
        let (call, effect, _) = self.effect_of(|c| c.call_with(e, Some(e.span), ("request", value)));
        if !matches!(call.kind, ExprKind::CallAction(_)) && !is_error(&call.ty) {
            self.error(
                codes::APPROVE_INCOMPLETE,
                e.span,
                "`ask` takes a call of an action",
                "",
                "write `ask slack.ask(\"#ops\")`",
            );
        }
        if effect > Effect::Changes {
            self.error(
                codes::EFFECT_EXCEEDED,
                e.span,
                format!("asking may change something at most, and this {}", verb(effect)),
                verb(effect),
                "ask through an action that only sends a message",
            );
        }
        self.note_effect(effect.min(Effect::Changes), e.span, || "`ask`".into());
        call
    }

    pub(super) fn waive(
        &mut self,
        reason: &ast::Expr,
        by: Option<&ast::Expr>,
        until: Option<&ast::Expr>,
        body: &ast::Block,
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        let head = Span { end: span.start + 5, ..span };
        if !matches!(self.kind(), FrameKind::Runbook | FrameKind::Handler | FrameKind::Action { connector: false }) {
            self.error(
                codes::PLACE_WRONG,
                head,
                "`waive` stands in a runbook, or in an action of the project",
                "",
                "in a connector, `trust` says once and for all why a primitive does less",
            );
        }
        let site = self.new_site(span);
        let reason = self.text_expr(reason, "the reason");
        let (by, by_span) = match by {
            Some(e) => (self.constant_text(e, "`by`"), e.span),
            None => {
                self.error(
                    codes::APPROVE_INCOMPLETE,
                    head,
                    "the waiver does not say who decided",
                    "",
                    "write `waive \"reason\" by \"platform\" until time\"2027-06-30T00:00:00Z\" { … }`",
                );
                (None, head)
            }
        };
        let (until, until_span) = match until {
            Some(e) => (self.constant(e, &ty::time(), "`until`"), e.span),
            None => {
                self.error(
                    codes::APPROVE_INCOMPLETE,
                    head,
                    "the waiver does not say how long it holds",
                    "",
                    "write `until time\"2027-06-30T00:00:00Z\"`: an exception without an end is a rule",
                );
                (None, head)
            }
        };
        let until = match until {
            Some(Value::Time(t)) => t,
            _ => i64::MAX,
        };
        let body = self.covered(body, want);
        let t = body.ty.clone();
        let body = into_block(body);
        let waive = hir::Waive { reason, by: by.unwrap_or_default(), by_span, until, until_span, body, site };
        node(ExprKind::Waive(Box::new(waive)), t, span)
    }

    pub(super) fn verify(
        &mut self,
        name: &ast::Expr,
        times: [Option<&ast::Expr>; 3],
        body: &ast::Block,
        span: Span,
    ) -> hir::Expr {
        self.may_take_time("verify", Span { end: span.start + 6, ..span });
        let site = self.new_site(span);
        let name = self.text_expr(name, "what is verified");
        let [within, every, settle] = times;
        let within = self.duration_or(within, "`within`", 300 * SECOND, span);
        let every = self.duration_or(every, "`every`", 10 * SECOND, span);
        let settle = settle.map(|s| self.expr_as(s, &ty::duration(), "`settle`"));
        let boolean = ty::boolean();
        let (parts, effect, cause) = self.effect_of(|c| c.watched(body, &boolean));
        if let Some((at, what)) = cause.filter(|_| effect > Effect::Reads) {
            self.error(
                codes::EFFECT_EXCEEDED,
                at,
                format!("`verify` only reads, but {what} {}", verb(effect)),
                verb(effect),
                "verify looks; change things before it",
            );
        }
        self.note_effect(Effect::Reads, span, || "`verify`".into());
        let (body, operands) = parts;
        let v = hir::Verification { name, within, every, settle, body, operands, site };
        node(ExprKind::Verify(Box::new(v)), ty::nothing(), span)
    }

    /// The block of a `verify`, and the parts of its condition that explain a no.
    fn watched(&mut self, body: &ast::Block, boolean: &Ty) -> (hir::Block, Vec<(smol_str::SmolStr, hir::Expr)>) {
        self.push_scope();
        let (mut block, t) = self.block_in_scope(&body.stmts, body.span, &Want::Ty(boolean.clone()));
        if !is_error(&t) && !matches!(*t, Type::Never) {
            block.value = match block.value {
                Some(v) => Some(Box::new(self.coerce(*v, boolean, "what is verified"))),
                None => {
                    self.error(
                        codes::TYPE_MISMATCH,
                        body.span,
                        "expected a condition, but the block ends without a value",
                        "",
                        "the last expression is what must become true",
                    );
                    None
                }
            };
        }
        let mut operands = Vec::new();
        if let Some(ast::Stmt { kind: ast::StmtKind::Expr(e), .. }) = body.stmts.last() {
            let mut parts = Vec::new();
            crate::check::trigger::operands(e, &mut parts);
            for part in parts {
                if let Some(value) = self.quietly(|c| c.expr(part, &Want::Any))
                    && self.unjsonable(&value.ty).is_none()
                    && !matches!(*value.ty, Type::Nothing | Type::Never)
                {
                    operands.push((self.sources.text(part.span).into(), value));
                }
            }
        }
        self.pop_scope();
        (block, operands)
    }

    /// Checks something a second time; gives it only when nothing was wrong, and reports nothing.
    pub(in crate::check) fn quietly<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let before = self.diags.len();
        let result = f(self);
        let clean = self.diags.iter().skip(before).all(|d| !d.is_error());
        self.diags.truncate(before);
        clean.then_some(result)
    }

    pub(super) fn wait(&mut self, duration: &ast::Expr, span: Span) -> hir::Expr {
        self.may_take_time("wait", Span { end: span.start + 4, ..span });
        let duration = self.expr_as(duration, &ty::duration(), "`wait`");
        let site = self.new_site(span);
        node(ExprKind::Wait { duration: Box::new(duration), site }, ty::nothing(), span)
    }

    pub(super) fn wait_until(
        &mut self,
        condition: &ast::Expr,
        every: Option<&ast::Expr>,
        within: Option<&ast::Expr>,
        span: Span,
    ) -> hir::Expr {
        self.may_take_time("wait", Span { end: span.start + 4, ..span });
        let site = self.new_site(span);
        let (condition, effect, cause) = self.effect_of(|c| c.expr_as(condition, &ty::boolean(), "what is waited for"));
        if let Some((at, what)) = cause.filter(|_| effect > Effect::Reads) {
            self.error(
                codes::EFFECT_EXCEEDED,
                at,
                format!("`wait until` only reads, but {what} {}", verb(effect)),
                verb(effect),
                "",
            );
        }
        self.note_effect(Effect::Reads, span, || "`wait until`".into());
        let every = self.duration_or(every, "`every`", 10 * SECOND, span);
        if within.is_none() {
            self.report(
                Diagnostic::error(codes::PLACE_WRONG, "`wait until` does not say for how long", span, "")
                    .help("write `wait until … every 10s within 5m`; it gives whether the condition came true"),
            );
        }
        let within = self.duration_or(within, "`within`", 300 * SECOND, span);
        let kind = ExprKind::WaitUntil {
            condition: Box::new(condition),
            every: Box::new(every),
            within: Box::new(within),
            site,
        };
        node(kind, ty::boolean(), span)
    }
}
