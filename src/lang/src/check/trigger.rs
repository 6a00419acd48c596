//! Triggers: which event, under which condition, with which parameters.

use std::sync::Arc;

use smol_str::SmolStr;

use super::cx::{Checker, ParamInfo, RunbookInfo};
use super::expr::Want;
use super::never::Facts;
use super::scope::{FrameKind, Made, is_error, node};
use super::ty;
use crate::diag::{Diagnostic, codes, nearest};
use crate::hir::{self, Conjunct, ExprKind, TriggerKind};
use crate::ids::{EventId, FnId};
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, NamedArg, OnTrigger};
use crate::types::{Effect, Ty, Type};
use crate::value::Value;

/// Parts of a condition whose values explain a no, at most.
const EXPLAINED: usize = 8;

/// What a condition or a `with` sees: its name there and what it is.
#[derive(Clone)]
pub(super) struct Heard<'a> {
    pub binder: Option<&'a ast::Ident>,
    pub seen: Ty,
    pub emitted: Ty,
}

/// Where a trigger stands, and in which runbook.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub info: &'a RunbookInfo,
    pub span: Span,
}

impl Checker {
    /// `on EVENT as e where C with …`
    pub(super) fn event_trigger(&mut self, on: &OnTrigger, info: &RunbookInfo, span: Span) -> Option<TriggerKind> {
        let event = self.event_of(&on.event);
        let instance = on.instance.as_ref().and_then(|i| self.constant_text(i, "the instance"));
        let heard = [self.heard(event, on.binder.as_ref())];
        let condition = self.conjuncts(on.condition.as_ref(), &heard);
        let with = self.with(&on.with, &heard, Place { info, span });
        Some(TriggerKind::Event { event: event?, instance, condition, with })
    }

    pub(super) fn heard<'a>(&self, event: Option<EventId>, binder: Option<&'a ast::Ident>) -> Heard<'a> {
        let info = event.and_then(|e| self.events.get(e.index()));
        Heard {
            binder,
            seen: info.map_or_else(ty::error, |i| i.seen.clone()),
            emitted: info.map_or_else(ty::error, |i| i.ty.clone()),
        }
    }

    pub(super) fn begin_condition(&mut self, heard: &[Heard<'_>], what: &str, at: Span) {
        self.push_frame(FrameKind::Condition);
        for h in heard {
            match h.binder {
                Some(b) => self.param(&b.name, h.seen.clone(), b.span),
                None => self.temp(h.seen.clone(), at),
            };
        }
        self.limit_to(Effect::Pure, what, at);
    }

    /// The operands of the top-level `and`s, each a function of the event. Where one binds a name for the next, all are one.
    pub(super) fn conjuncts(&mut self, condition: Option<&ast::Expr>, heard: &[Heard<'_>]) -> Vec<Conjunct> {
        let Some(condition) = condition else { return Vec::new() };
        let mut facts = Facts::default();
        let all = parts(condition).into_iter().map(|p| self.conjunct(p, heard, &mut facts)).collect();
        self.never(&facts);
        all
    }

    pub(super) fn conjunct(&mut self, e: &ast::Expr, heard: &[Heard<'_>], facts: &mut Facts) -> Conjunct {
        self.begin_condition(heard, "a condition is pure", e.span);
        let got = self.condition(e);
        self.facts_of(&got, facts);
        let equals = self.equals(&got).filter(|_| heard.len() == 1);
        let function = self.close_frame(Made::plain("where", heard.len(), ty::boolean(), e.span), got).function;
        let mut parts = Vec::new();
        // They explain an event that did not match. For an editor nothing runs, and they are the same expressions once more.
        if self.index.is_none() {
            operands(e, &mut parts);
        }
        let mut shown = Vec::new();
        for part in parts {
            if let Some(f) = self.operand(part, heard) {
                shown.push((SmolStr::from(self.sources.text(part.span)), f));
            }
        }
        Conjunct { function, text: self.sources.text(e.span).into(), operands: shown, equals, span: e.span }
    }

    /// A part of a condition as a function of the event; none when it means nothing by itself.
    fn operand(&mut self, e: &ast::Expr, heard: &[Heard<'_>]) -> Option<FnId> {
        self.quietly(|c| {
            c.begin_condition(heard, "a condition is pure", e.span);
            let got = c.expr(e, &Want::Any);
            let t = got.ty.clone();
            let plain = c.unjsonable(&t).is_none() && !matches!(*t, Type::Nothing | Type::Never | Type::Error);
            let constant = c.fold(&got).is_some();
            let id = c.close_frame(Made::plain("where operand", heard.len(), t, e.span), got).function;
            (plain && !constant).then_some(id)
        })
        .flatten()
    }

    /// `e.a.b == literal`, either way round.
    fn equals(&self, e: &hir::Expr) -> Option<(Vec<SmolStr>, Value)> {
        let ExprKind::Binary { op: BinaryOp::Eq, left, right } = &e.kind else { return None };
        let pair = |path: &hir::Expr, value: &hir::Expr| {
            let value = self.fold(value)?;
            let mut names = Vec::new();
            path_of(path, &mut names).then_some((names, value))
        };
        pair(left, right).or_else(|| pair(right, left)).filter(|(names, _)| !names.is_empty())
    }

    /// `with a: x, b: y`: the record of all parameters.
    pub(super) fn with(&mut self, args: &[NamedArg], heard: &[Heard<'_>], at: Place<'_>) -> FnId {
        self.with_but(args, heard, None, at).0
    }

    /// As [`Checker::with`], where a name of the trigger is not known in it. Also whether it was used all the same.
    pub(super) fn with_but(
        &mut self,
        args: &[NamedArg],
        heard: &[Heard<'_>],
        absent: Option<&ast::Ident>,
        at: Place<'_>,
    ) -> (FnId, bool) {
        let Place { info, span } = at;
        let count = heard.len();
        self.begin_condition(heard, "`with` is pure", span);
        let absent = absent.map(|name| self.param(&name.name, ty::error(), name.span));
        if let Some(f) = self.frames.last_mut() {
            f.may_skip = true;
        }
        let params = Arc::clone(&info.params);
        let before = self.diags.len();
        let given = self.with_given(args, &params, info);
        let misnamed = self.diags.iter().skip(before).any(|d| d.code == codes::TRIGGER_WITH);
        let mut missing = Vec::new();
        let mut values = Vec::with_capacity(params.len());
        for (p, given) in params.iter().zip(given) {
            let value = match given {
                Some(e) => Some(e),
                None => self.implicit(p, heard, span).or_else(|| {
                    let d = p.default?;
                    Some(node(ExprKind::Constant(d), p.ty.clone(), span))
                }),
            };
            match value {
                Some(v) => values.push(v),
                None => missing.push(p),
            }
        }
        if !missing.is_empty() && !misnamed {
            let names = missing.iter().map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(" and ");
            let example = missing.iter().map(|p| format!("{}: …", p.name)).collect::<Vec<_>>().join(", ");
            let mut d = Diagnostic::error(
                codes::TRIGGER_WITH,
                format!("the trigger does not give {names}"),
                span,
                format!("{names} missing"),
            )
            .help(format!("write `with {example}`, or give the parameter a default"));
            for p in missing.iter().take(3) {
                d = d.label(p.span, "this parameter");
            }
            self.report(d);
        }
        let fields = params.iter().map(|p| ty::field(&p.name, p.ty.clone())).collect();
        let t = ty::record(fields);
        let record = node(ExprKind::Record(values), t.clone(), span);
        let read = |id: hir::LocalId| self.frames.last().and_then(|f| f.read.get(id.0 as usize)).copied();
        let used = absent.and_then(read).unwrap_or(false);
        (self.close_frame(Made::plain("with", count, t, span), record).function, used)
    }

    fn with_given(&mut self, args: &[NamedArg], params: &[ParamInfo], info: &RunbookInfo) -> Vec<Option<hir::Expr>> {
        let mut given: Vec<Option<hir::Expr>> = params.iter().map(|_| None).collect();
        for a in args {
            let name = match (&a.name, &a.value.kind) {
                (Some(n), _) | (None, ast::ExprKind::Name(n)) => n,
                _ => {
                    self.error(
                        codes::TRIGGER_WITH,
                        a.value.span,
                        "`with` gives parameters by name",
                        "which parameter?",
                        "write `with name: value`",
                    );
                    continue;
                }
            };
            let Some(i) = params.iter().position(|p| p.name == name.name) else {
                let near = nearest(&name.name, params.iter().map(|p| p.name.as_str())).map(str::to_owned);
                let d = Diagnostic::error(
                    codes::TRIGGER_WITH,
                    format!("the runbook `{}` has no parameter `{}`", info.name, name.name),
                    name.span,
                    "no such parameter",
                );
                let d = match near {
                    Some(near) => d
                        .help(format!("did you mean `{near}`?"))
                        .fix(format!("write `{near}`"), vec![(name.span, near)]),
                    None => d,
                };
                self.report(d);
                self.expr(&a.value, &Want::Any);
                continue;
            };
            let declared = params.get(i).map(|p| super::index::Target::Param(p.span));
            match a.value.span == name.span {
                true => self.saw_short(name.span, declared),
                false => self.saw_name(name.span, declared),
            }
            let t = params.get(i).map_or_else(ty::error, |p| p.ty.clone());
            let value = self.expr_as(&a.value, &t, &format!("the parameter `{}`", name.name));
            match given.get_mut(i) {
                Some(slot @ None) => *slot = Some(value),
                _ => self.error(
                    codes::TRIGGER_WITH,
                    name.span,
                    format!("`{}` is given twice", name.name),
                    "again here",
                    "",
                ),
            }
        }
        given
    }

    /// The event itself, for a parameter of its type that has the binder's name.
    fn implicit(&mut self, p: &ParamInfo, heard: &[Heard<'_>], span: Span) -> Option<hir::Expr> {
        let (binder, heard) = heard.iter().find_map(|h| h.binder.filter(|b| b.name == p.name).map(|b| (b, h)))?;
        let whole = self.fields_of(&p.ty).is_some() || matches!(*p.ty, Type::List(_));
        if !(whole && self.fit(&heard.emitted, &p.ty).is_some()) {
            return is_error(&heard.seen).then(|| super::scope::bad(span));
        }
        let (id, t) = self.find_local(&binder.name)?;
        let event = node(ExprKind::Local(id), t, span);
        Some(self.coerce(event, &p.ty.clone(), &format!("the parameter `{}`", p.name)))
    }

    /// `every D`, `at CRON`: parameters come from `with` and defaults.
    pub(super) fn clock_with(&mut self, args: &[NamedArg], info: &RunbookInfo, span: Span) -> FnId {
        self.with(args, &[], Place { info, span })
    }

    /// `cancel when EVENT as r where C because "…"`: the condition sees the event and the parameters.
    pub(super) fn cancel_when(
        &mut self,
        on: &OnTrigger,
        because: Option<&ast::Expr>,
        info: &RunbookInfo,
        span: Span,
    ) -> Option<hir::CancelWhen> {
        let event = self.event_of(&on.event);
        let instance = on.instance.as_ref().and_then(|i| self.constant_text(i, "the instance"));
        let heard = [self.heard(event, on.binder.as_ref())];
        let condition = on.condition.as_ref().map(|c| {
            self.begin_condition(&heard, "a condition is pure", c.span);
            for p in info.params.iter() {
                if on.binder.as_ref().is_some_and(|b| b.name == p.name) {
                    self.temp(p.ty.clone(), p.span);
                } else {
                    self.param(&p.name, p.ty.clone(), p.span);
                }
            }
            let got = self.condition(c);
            self.close_frame(Made::plain("cancel when", 1 + info.params.len(), ty::boolean(), c.span), got).function
        });
        if let Some(w) = on.with.first() {
            self.error(
                codes::HEADER_CLAUSE,
                w.value.span,
                "`cancel when` has no `with`",
                "",
                "it ends a run that has its parameters",
            );
        }
        let because = because.and_then(|b| self.constant_text(b, "`because`"));
        Some(hir::CancelWhen { event: event?, instance, condition, because, span })
    }
}

/// The operands of the top-level `and`s; all as one where one binds a name for the next.
pub(super) fn parts(condition: &ast::Expr) -> Vec<&ast::Expr> {
    let mut parts = Vec::new();
    split(condition, &mut parts);
    if parts.iter().rev().skip(1).any(|p| binds(p)) { vec![condition] } else { parts }
}

/// The operands of the top-level `and`s.
fn split<'a>(e: &'a ast::Expr, out: &mut Vec<&'a ast::Expr>) {
    match &e.kind {
        ast::ExprKind::Binary { op: BinaryOp::And, left, right, .. } => {
            split(left, out);
            split(right, out);
        }
        ast::ExprKind::Paren(inner) if matches!(inner.kind, ast::ExprKind::Binary { op: BinaryOp::And, .. }) => {
            split(inner, out)
        }
        _ => out.push(e),
    }
}

fn binds(e: &ast::Expr) -> bool {
    matches!(e.kind, ast::ExprKind::Let { .. } | ast::ExprKind::Is { negated: false, .. })
}

/// The parts of a condition whose values explain why it does not hold.
pub(super) fn operands<'a>(e: &'a ast::Expr, out: &mut Vec<&'a ast::Expr>) {
    use ast::ExprKind as K;
    let mut keep = |e: &'a ast::Expr| {
        let literal = matches!(
            e.kind,
            K::Bool(_)
                | K::Int(_)
                | K::Float { .. }
                | K::Duration(_)
                | K::Size(_)
                | K::Text(_)
                | K::Tagged { .. }
                | K::None
                | K::List(_)
                | K::Record(_)
                | K::Lambda { .. }
                | K::Missing
        );
        if !literal && out.len() < EXPLAINED {
            out.push(e);
        }
    };
    match &e.kind {
        K::Paren(inner) => operands(inner, out),
        K::Unary { op: ast::UnaryOp::Not, operand } => operands(operand, out),
        K::Binary { op: BinaryOp::And | BinaryOp::Or, left, right, .. } => {
            operands(left, out);
            operands(right, out);
        }
        K::Binary { op: BinaryOp::In | BinaryOp::NotIn | BinaryOp::Matches, left, .. } => keep(left),
        K::Binary {
            op: BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge,
            left,
            right,
            ..
        } => {
            keep(left);
            keep(right);
        }
        K::Is { value, .. } | K::Let { value, .. } => keep(value),
        K::Call { callee, .. } => match &callee.kind {
            K::Field { base, .. } if !matches!(base.kind, K::Name(_)) => keep(base),
            _ => keep(e),
        },
        K::Block(b) if b.stmts.len() == 1 => {
            if let Some(ast::Stmt { kind: ast::StmtKind::Expr(e), .. }) = b.stmts.first() {
                operands(e, out);
            }
        }
        _ => keep(e),
    }
}

/// The names from the event down to a part of it.
pub(super) fn path_of(e: &hir::Expr, names: &mut Vec<SmolStr>) -> bool {
    let (base, name) = match &e.kind {
        ExprKind::Local(id) => return id.0 == 0,
        ExprKind::Field { base, name, .. } | ExprKind::JsonField { base, name, .. } => (base, name.clone()),
        ExprKind::MapGet { base, key, .. } => match &key.kind {
            ExprKind::Literal(Value::Text(t)) => (base, t.clone()),
            _ => return false,
        },
        _ => return false,
    };
    let found = path_of(base, names);
    names.push(name);
    found
}
