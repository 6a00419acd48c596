//! Branches, loops, failures, and what leaves the place it stands at.

use smol_str::SmolStr;

use super::Want;
use crate::check::cx::Checker;
use crate::check::scope::{FrameKind, bad, is_error, node};
use crate::check::summary::literal;
use crate::check::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, ExprKind, Outcome};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, Ty, Type, builtin};
use crate::value::Value;

const OUTCOMES: &[(&str, Outcome)] = &[
    ("resolved", Outcome::Resolved),
    ("mitigated", Outcome::Mitigated),
    ("not_needed", Outcome::NotNeeded),
    ("escalated", Outcome::Escalated),
    ("failed", Outcome::Failed),
];

/// Rounds of a `while` without `max`.
const ROUNDS: u32 = 10_000;

impl Checker {
    fn leaves(&self, kind: ExprKind, span: Span) -> hir::Expr {
        node(kind, ty::never(), span)
    }

    /// Gives branches one type: the wanted one, or what they have in common.
    pub(super) fn agree(&mut self, branches: Vec<hir::Expr>, want: &Want, what: &str) -> (Vec<hir::Expr>, Ty) {
        match want {
            Want::Drop => {
                let never = !branches.is_empty() && branches.iter().all(|b| matches!(*b.ty, Type::Never));
                (branches, if never { ty::never() } else { ty::nothing() })
            }
            Want::Ty(t) => {
                let mut never = !branches.is_empty();
                let out = branches
                    .into_iter()
                    .map(|b| {
                        never &= matches!(*b.ty, Type::Never);
                        self.coerce(b, t, what)
                    })
                    .collect();
                (out, if never { ty::never() } else { t.clone() })
            }
            Want::Any => {
                let mut common = ty::never();
                let mut first: Option<Span> = None;
                for b in &branches {
                    let Some(joined) = self.join(&common, &b.ty) else {
                        let (a, c) = (self.show(&common), self.show(&b.ty));
                        let mut d = Diagnostic::error(
                            codes::TYPE_MISMATCH,
                            format!("{what} have one type, and these are `{a}` and `{c}`"),
                            b.span,
                            format!("this is `{c}`"),
                        );
                        if let Some(first) = first {
                            d = d.label(first, format!("this is `{a}`"));
                        }
                        self.report(d.help("make them the same type, or leave the value unused"));
                        common = ty::error();
                        break;
                    };
                    if !matches!(*b.ty, Type::Never) && first.is_none() {
                        first = Some(b.span);
                    }
                    common = joined;
                }
                let out = branches
                    .into_iter()
                    .map(|b| {
                        let fit = self.fit(&b.ty, &common).unwrap_or(crate::check::fit::Fit::Same);
                        self.convert(b, &common, fit)
                    })
                    .collect();
                (out, common)
            }
        }
    }

    pub(super) fn if_expr(
        &mut self,
        condition: &ast::Expr,
        then: &ast::Block,
        otherwise: Option<&ast::Expr>,
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        if otherwise.is_none()
            && let Want::Ty(t) = want
            && !matches!(**t, Type::Nothing | Type::Error)
        {
            let wanted = self.show(t);
            self.error(
                codes::TYPE_MISMATCH,
                span,
                format!("expected `{wanted}`, but an `if` without `else` gives no value"),
                "",
                "add `else { … }`",
            );
        }
        let drop = Want::Drop;
        let inner = if otherwise.is_none() { &drop } else { want };
        self.push_scope();
        let condition = self.condition(condition);
        let then = self.block_expr(then, inner);
        self.pop_scope();
        let boxed = Box::new;
        let Some(otherwise) = otherwise else {
            let t =
                if matches!(want, Want::Ty(t) if !matches!(**t, Type::Nothing)) { ty::error() } else { ty::nothing() };
            return node(ExprKind::If { condition: boxed(condition), then: boxed(then), otherwise: None }, t, span);
        };
        let otherwise = self.expr(otherwise, want);
        let (branches, t) = self.agree(vec![then, otherwise], want, "both branches of an `if`");
        let mut branches = branches.into_iter();
        let (then, otherwise) = (branches.next().unwrap_or_else(|| bad(span)), branches.next().map(boxed));
        node(ExprKind::If { condition: boxed(condition), then: boxed(then), otherwise }, t, span)
    }

    pub(super) fn match_expr(&mut self, value: &ast::Expr, arms: &[ast::Arm], want: &Want, span: Span) -> hir::Expr {
        let value = self.expr(value, &Want::Any);
        let t = value.ty.clone();
        let mut parts: Vec<(hir::Pattern, Option<hir::Expr>, Span)> = Vec::with_capacity(arms.len());
        let mut bodies = Vec::with_capacity(arms.len());
        let mut wrong = false;
        for arm in arms {
            self.push_scope();
            let before = self.diags.len();
            let pattern = self.pattern(&arm.pattern, &t);
            wrong |= self.diags.len() > before;
            let guard = arm.guard.as_ref().map(|g| self.condition(g));
            bodies.push(self.expr(&arm.body, want));
            self.pop_scope();
            parts.push((pattern, guard, arm.pattern.span));
        }
        if !wrong {
            self.check_match(&parts, &t, value.span, span);
        }
        let (bodies, result) = self.agree(bodies, want, "the arms of a `match`");
        let result = if arms.is_empty() { ty::error() } else { result };
        let arms = parts
            .into_iter()
            .zip(bodies)
            .map(|((pattern, guard, span), body)| hir::Arm { pattern, guard, body, span })
            .collect();
        node(ExprKind::Match { value: Box::new(value), arms }, result, span)
    }

    /// What a loop goes through: the type of an item.
    pub(super) fn item_of(&mut self, items: &hir::Expr) -> Ty {
        match &*self.open(&items.ty) {
            Type::List(t) | Type::Set(t) => t.clone(),
            Type::Map(k, v) => ty::record(vec![ty::field("key", k.clone()), ty::field("value", v.clone())]),
            Type::Range(t) if matches!(**t, Type::Int) => t.clone(),
            Type::Json => ty::json(),
            Type::Error => ty::error(),
            Type::Optional(_) | Type::None => {
                let shown = self.show(&items.ty);
                self.error(
                    codes::TYPE_OPTIONAL,
                    items.span,
                    "the value may be missing, so there is nothing to go through",
                    format!("this is `{shown}`"),
                    "open it: `… ?? []`",
                );
                ty::error()
            }
            _ => {
                let shown = self.show(&items.ty);
                let help = match &*items.ty {
                    Type::Int => "write a range: `for i in 0..n { … }`",
                    Type::Text => "take its lines or words: `.lines()`, `.words()`",
                    _ => "a loop goes through a List, a Set, a Map, a range of Int or a Json list",
                };
                self.error(
                    codes::TYPE_MISMATCH,
                    items.span,
                    format!("`for` cannot go through a value of type `{shown}`"),
                    format!("this is `{shown}`"),
                    help,
                );
                ty::error()
            }
        }
    }

    pub(super) fn in_loop<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        if let Some(frame) = self.frames.last_mut() {
            frame.loops += 1;
        }
        let result = f(self);
        if let Some(frame) = self.frames.last_mut() {
            frame.loops = frame.loops.saturating_sub(1);
        }
        result
    }

    pub(super) fn for_expr(
        &mut self,
        pattern: &ast::Pattern,
        items: &ast::Expr,
        body: &ast::Block,
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        let items = self.expr(items, &Want::Any);
        let item = self.item_of(&items);
        let inner = match want {
            Want::Drop => Want::Drop,
            Want::Any => Want::Any,
            Want::Ty(_) => match self.hint(want).as_deref() {
                Some(Type::List(t)) => Want::Ty(t.clone()),
                Some(Type::Nothing) => Want::Drop,
                _ => Want::Any,
            },
        };
        self.push_scope();
        let at = pattern.span;
        let pattern = self.pattern(pattern, &item);
        if !self.irrefutable(&pattern, &item) {
            self.error(
                codes::TYPE_REFUTABLE,
                at,
                "the pattern of a loop must match every item",
                "may not match",
                "bind the item to a name and use `match` or `if … is …`",
            );
        }
        let (body, t) = self.in_loop(|c| c.block(body, &inner));
        self.pop_scope();
        let t = match (&inner, &*t) {
            (Want::Drop, _) | (_, Type::Nothing | Type::Never) => ty::nothing(),
            (Want::Ty(t), _) => ty::list(t.clone()),
            _ => ty::list(t),
        };
        node(ExprKind::For { pattern, items: Box::new(items), body }, t, span)
    }

    pub(super) fn while_expr(
        &mut self,
        condition: &ast::Expr,
        max: Option<&ast::Expr>,
        body: &ast::Block,
        span: Span,
    ) -> hir::Expr {
        self.push_scope();
        let condition = self.condition(condition);
        let (body, _) = self.in_loop(|c| c.block(body, &Want::Drop));
        self.pop_scope();
        let max = max.and_then(|m| self.constant_count(m, "`max`", 1, 1_000_000)).unwrap_or(ROUNDS);
        node(ExprKind::While { condition: Box::new(condition), max, body }, ty::nothing(), span)
    }

    pub(super) fn try_expr(
        &mut self,
        body: &ast::Block,
        binder: Option<&ast::Ident>,
        handler: Option<&ast::Block>,
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        let site = self.new_site(span);
        let tried = self.block_expr(body, want);
        let Some(handler) = handler else {
            self.error(
                codes::PLACE_WRONG,
                span,
                "a `try` needs a `catch`",
                "",
                "say what happens when it fails: `try { … } catch f { … }`",
            );
            return bad(span);
        };
        self.push_scope();
        let binder = binder.map(|b| self.declare(b, ty::of(Type::Named(builtin::FAILURE, vec![])), false));
        let handled = self.block_expr(handler, want);
        self.pop_scope();
        let (branches, t) = self.agree(vec![tried, handled], want, "`try` and `catch`");
        let mut blocks = branches.into_iter().map(into_block);
        let empty = || hir::Block { stmts: vec![], value: None };
        let body = blocks.next().unwrap_or_else(empty);
        let handler = Some((binder, blocks.next().unwrap_or_else(empty)));
        node(ExprKind::Try { body, handler, site }, t, span)
    }

    pub(super) fn trust(
        &mut self,
        effect: Effect,
        because: Option<&ast::Expr>,
        body: &ast::Block,
        want: &Want,
        span: Span,
    ) -> hir::Expr {
        let connector = self.home.connector.is_some()
            && matches!(self.kind(), FrameKind::Action { .. } | FrameKind::Undo | FrameKind::Acknowledge);
        if !connector {
            self.error(
                codes::EFFECT_TRUST,
                span,
                "`trust` stands in an action of a connector only",
                "",
                "a connector is reviewed once for all who use it; elsewhere use `approve` or `waive`",
            );
        }
        if !matches!(effect, Effect::Reads | Effect::Changes) {
            self.error(
                codes::EFFECT_TRUST,
                span,
                "`trust` lowers an effect to `reads` or `changes`",
                "",
                "write `trust reads because \"…\" { … }`",
            );
        }
        match because {
            Some(b) => {
                let reason = self.text_expr(b, "the reason");
                let because = literal(&reason).unwrap_or_else(|| self.sources.text(b.span).into());
                self.trusts.push(hir::Trust { effect, because, span });
            }
            None => self.error(
                codes::EFFECT_TRUST,
                span,
                "`trust` needs a reason",
                "",
                "write `trust reads because \"a search that happens to be a POST\" { … }`",
            ),
        }
        let old = self.frames.last_mut().and_then(|f| f.trust.replace(effect));
        let result = self.block_expr(body, want);
        if let Some(f) = self.frames.last_mut() {
            f.trust = old;
        }
        result
    }

    pub(super) fn fail(&mut self, message: &ast::Expr, span: Span) -> hir::Expr {
        let got = self.expr(message, &Want::Any);
        let failure = matches!(*self.open(&got.ty), Type::Named(id, _) if id == builtin::FAILURE);
        let got = if failure { got } else { self.coerce(got, &ty::text(), "`fail`") };
        self.leaves(ExprKind::Fail(Box::new(got)), span)
    }

    pub(super) fn finish(&mut self, outcome: &ast::Ident, why: Option<&ast::Expr>, span: Span) -> hir::Expr {
        match self.kind() {
            FrameKind::Runbook | FrameKind::Action { connector: false } => {}
            FrameKind::Handler | FrameKind::Undo => self.error(
                codes::PLACE_WRONG,
                span,
                "`finish` cannot stand here: the run has ended already",
                "",
                "leave it out; the outcome is given by how the run ended",
            ),
            _ => self.error(
                codes::PLACE_WRONG,
                span,
                "`finish` stands in a runbook, or in an action of the project",
                "",
                "it ends the whole run; give a value back, or `fail`, instead",
            ),
        }
        let why = why.map(|w| Box::new(self.text_expr(w, "the reason")));
        let Some((_, outcome)) = OUTCOMES.iter().find(|(n, _)| outcome.name == *n) else {
            if !outcome.name.is_empty() {
                let near = nearest(&outcome.name, OUTCOMES.iter().map(|(n, _)| *n));
                let d = Diagnostic::error(
                    codes::OUTCOME_UNKNOWN,
                    format!("there is no outcome `{}`", outcome.name),
                    outcome.span,
                    "not an outcome",
                );
                let d = match near {
                    Some(near) => d
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("write `{near}`"), vec![(outcome.span, near.to_owned())]),
                    None if matches!(outcome.name.as_str(), "rolled_back" | "cancelled" | "denied" | "expired" | "shadow") => d.help(format!(
                        "the engine gives `{}` itself; a runbook finishes `resolved`, `mitigated`, `not_needed`, `escalated` or `failed`",
                        outcome.name
                    )),
                    None => d.help("a run finishes `resolved`, `mitigated`, `not_needed`, `escalated` or `failed`"),
                };
                self.report(d);
            }
            return node(ExprKind::Literal(Value::Nothing), ty::never(), span);
        };
        self.leaves(ExprKind::Finish { outcome: *outcome, why }, span)
    }

    pub(super) fn return_expr(&mut self, value: Option<&ast::Expr>, span: Span) -> hir::Expr {
        let expected = self.frame().and_then(|f| f.ret.clone());
        let Some(expected) = expected else {
            let help = match self.kind() {
                FrameKind::Runbook => "a runbook ends with `finish OUTCOME \"why\"`",
                FrameKind::Fn => "write the type of the function's result: `-> Text`",
                FrameKind::Lambda => "the value of the expression is the result; use `if` and `else`",
                _ => "it stands in an `action` or `fn`",
            };
            self.error(codes::PLACE_WRONG, span, "`return` cannot stand here", "", help);
            if let Some(v) = value {
                self.expr(v, &Want::Any);
            }
            return node(ExprKind::Literal(Value::Nothing), ty::never(), span);
        };
        if let Some(apart) = self.apart() {
            self.leaves_branch("return", apart, span);
            if let Some(v) = value {
                self.expr_as(v, &expected, "the result");
            }
            return bad(span);
        }
        let value = match value {
            Some(v) if matches!(*expected, Type::Nothing) => {
                let got = self.expr(v, &Want::Any);
                if !is_error(&got.ty) && !matches!(*got.ty, Type::Nothing) {
                    let shown = self.show(&got.ty);
                    self.error(
                        codes::TYPE_MISMATCH,
                        got.span,
                        "this action gives no value",
                        format!("this is `{shown}`"),
                        format!("declare what it gives: `-> {shown}`"),
                    );
                }
                Some(Box::new(got))
            }
            Some(v) => Some(Box::new(self.expr_as(v, &expected, "the result"))),
            None => {
                if !matches!(*expected, Type::Nothing | Type::Error) {
                    let wanted = self.show(&expected);
                    self.error(
                        codes::TYPE_MISMATCH,
                        span,
                        format!("`return` needs a `{wanted}`"),
                        "no value",
                        "write the value behind it, on the same line",
                    );
                }
                None
            }
        };
        self.leaves(ExprKind::Return(value), span)
    }

    pub(super) fn leave_loop(&mut self, kind: ExprKind, name: &str, span: Span) -> hir::Expr {
        if let Some(apart) = self.apart().filter(|a| a.loops > 0)
            && self.frame().is_some_and(|f| f.loops == 0)
        {
            self.leaves_branch(name, apart, span);
            return node(ExprKind::Literal(Value::Nothing), ty::never(), span);
        }
        if self.frame().is_none_or(|f| f.loops == 0) {
            self.error(
                codes::PLACE_WRONG,
                span,
                format!("`{name}` stands in a loop only"),
                "no loop around it",
                "to end the run, write `finish OUTCOME`; to leave an action, `return`",
            );
            return node(ExprKind::Literal(Value::Nothing), ty::never(), span);
        }
        self.leaves(kind, span)
    }

    pub(super) fn skip(&mut self, span: Span) -> hir::Expr {
        if self.frame().is_none_or(|f| !f.may_skip) {
            let help = if self.frame().is_some_and(|f| f.loops > 0) {
                "to go on with the next item of a loop, write `continue`"
            } else {
                "it says that an event starts nothing: `with node: a.labels.node ?? skip`"
            };
            self.error(
                codes::PLACE_WRONG,
                span,
                "`skip` stands in a trigger's `with` and in an event's `each` and `emit` only",
                "",
                help,
            );
        }
        self.leaves(ExprKind::Skip, span)
    }

    pub(super) fn rollback(&mut self, span: Span) -> hir::Expr {
        if !matches!(self.kind(), FrameKind::Runbook | FrameKind::Action { connector: false }) {
            self.error(
                codes::PLACE_WRONG,
                span,
                "`rollback` stands in a runbook, or in an action of the project",
                "",
                "",
            );
        }
        let site = self.new_site(span);
        node(ExprKind::Rollback { site }, ty::nothing(), span)
    }

    /// A whole number that is known when compiled.
    pub(in crate::check) fn constant_count(&mut self, e: &ast::Expr, what: &str, low: i64, high: i64) -> Option<u32> {
        match self.constant(e, &ty::int(), what)? {
            Value::Int(n) if (low..=high).contains(&n) => u32::try_from(n).ok(),
            Value::Int(n) => {
                self.error(
                    codes::CONST_RANGE,
                    e.span,
                    format!("{what} is from {low} to {high}, not {n}"),
                    "out of range",
                    format!("write a number from {low} to {high}"),
                );
                None
            }
            _ => None,
        }
    }

    /// A text that is known when compiled.
    pub(in crate::check) fn constant_text(&mut self, e: &ast::Expr, what: &str) -> Option<SmolStr> {
        match self.constant(e, &ty::text(), what)? {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }
}

/// The block of an expression that is one, or one of it.
pub(super) fn into_block(e: hir::Expr) -> hir::Block {
    match e.kind {
        ExprKind::Block(b) => b,
        _ => hir::Block { stmts: vec![], value: Some(Box::new(e)) },
    }
}
