//! Actions: their effect, what may be repeated, what they act on, how they are undone.

use super::cx::{Checker, FnInfo};
use super::expr::Want;
use super::scope::{FrameKind, Limit, Made};
use super::ty;
use crate::diag::codes;
use crate::hir::{self, Action, Class, FunctionKind};
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast::{self, RepeatClass};
use crate::types::{Effect, Ty, Type};
use crate::value::Value;

impl Checker {
    /// The body of an action and everything its header says.
    pub fn check_action(&mut self, id: FnId, info: &FnInfo, a: &ast::ActionDecl) {
        match a.effect {
            None => self.error(
                codes::EFFECT_MISSING,
                a.name.span,
                format!("the action `{}` does not say what it does", a.name.name),
                "reads, changes or destroys?",
                format!("write it before the body: `action {}(…) reads {{ … }}`", a.name.name),
            ),
            Some((Effect::Pure, at)) => self.error(
                codes::EFFECT_MISSING,
                at,
                "what is pure is a `fn`",
                "",
                format!("write `fn {}(…)`", a.name.name),
            ),
            _ => {}
        }
        let native = info.native.then(|| {
            let core = self.modules.get(info.home.module).is_some_and(|m| m.name == "core");
            if core { format!("core.{}", info.name).into() } else { info.name.clone() }
        });
        let class = self.class(a, info);
        let target = a.target.as_ref().map(|t| self.target(t, info));
        let undo = a.undo.as_ref().map(|u| self.default_undo(u, info));
        if a.on_busy_fail.is_some() && a.target.is_none() {
            self.error(
                codes::CONNECTOR_INVALID,
                a.name.span,
                "`on busy fail` needs a `target`",
                "",
                "say what the action acts on: `target \"node/${node}\"`",
            );
        }
        if a.undo.is_some() && info.effect <= Effect::Reads {
            self.error(
                codes::CONNECTOR_INVALID,
                a.name.span,
                "an action that only reads has nothing to undo",
                "",
                "leave `undo` out",
            );
        }
        let action = Action {
            connector: info.home.connector,
            native,
            class,
            target,
            on_busy_fail: a.on_busy_fail.is_some(),
            undo,
        };
        // Of what stands at a prompt the body tells both.
        let is_input = info.ret.is_none() && self.is_input(info.home, &info.name);
        let mut made = Made {
            docs: info.docs.clone(),
            kind: FunctionKind::Action(action),
            effect: Some(info.effect).filter(|_| !is_input),
            ..Made::plain(info.name.clone(), info.params.len(), info.ret.clone().unwrap_or_else(ty::nothing), info.span)
        };
        let body = a.body.as_ref().filter(|_| !self.heads_only(info.home.module));
        let Some(body) = body else { return self.file_native(id, info, made) };
        self.push_frame_of(id, FrameKind::Action { connector: info.home.connector.is_some() });
        self.declare_params(&info.params);
        if let Some(frame) = self.frames.last_mut() {
            frame.ret = info.ret.clone();
            frame.limit = a.effect.is_some().then(|| Self::action_limit(info, a));
        }
        let expr = self.body(body, info.ret.as_ref(), &format!("the result of `{}`", info.name));
        self.value_dropped(body, info);
        if is_input {
            made.ret = expr.ty.clone();
        }
        self.close_frame(made, expr);
    }

    /// An action whose result is not written and whose last expression is plainly meant to be it.
    fn value_dropped(&mut self, body: &ast::Block, info: &FnInfo) {
        use ast::ExprKind as K;
        if !info.ret.as_ref().is_some_and(|t| matches!(**t, Type::Nothing)) {
            return;
        }
        let Some(ast::Stmt { kind: ast::StmtKind::Expr(e), .. }) = body.stmts.last() else { return };
        let plain = matches!(
            e.kind,
            K::Bool(_)
                | K::Int(_)
                | K::Float { .. }
                | K::Text(_)
                | K::Name(_)
                | K::Field { .. }
                | K::Record(_)
                | K::List(_)
                | K::As { .. }
                | K::Binary { .. }
        );
        if plain {
            self.error(
                codes::VALUE_UNUSED,
                e.span,
                "this value is not used",
                "the action gives nothing",
                format!(
                    "to give it to the caller, declare its type: `action {}(…) -> Text …`",
                    info.name.rsplit('.').next().unwrap_or_default()
                ),
            );
        }
    }

    fn file_native(&mut self, id: FnId, info: &FnInfo, made: Made) {
        let locals = info
            .params
            .iter()
            .map(|p| hir::Local { name: p.name.clone(), ty: p.ty.clone(), mutable: false, span: p.span })
            .collect();
        let function = hir::Function {
            name: made.name,
            module: self.modules.get(info.home.module).map(|m| m.name.clone()).unwrap_or_default(),
            docs: made.docs,
            kind: made.kind,
            captures: 0,
            params: made.params,
            locals,
            ret: made.ret,
            effect: info.effect,
            body: None,
            span: made.span,
        };
        if let Some(slot) = self.functions.get_mut(id.index()) {
            *slot = Some(function);
        }
    }

    fn class(&mut self, a: &ast::ActionDecl, info: &FnInfo) -> Class {
        let Some((class, at)) = &a.class else {
            let own = info.home.connector.is_none() && !self.modules.get(info.home.module).is_some_and(|m| m.native);
            return match info.effect {
                effect if effect <= Effect::Reads => Class::Harmless,
                _ if own => Class::Unsaid,
                _ => Class::Once,
            };
        };
        if info.effect <= Effect::Reads {
            self.error(
                codes::CONNECTOR_INVALID,
                *at,
                "an action that only reads may always be repeated",
                "",
                "leave this out",
            );
            return Class::Harmless;
        }
        match class {
            RepeatClass::Idempotent => Class::Idempotent,
            RepeatClass::Once => Class::Once,
            RepeatClass::Keyed(window) => Class::Keyed(self.constant_duration(window, "`keyed within`").unwrap_or(0)),
            RepeatClass::Probe(block) => {
                if !info.ret.as_ref().is_some_and(|t| matches!(**t, Type::Nothing | Type::Error)) {
                    self.error(
                        codes::CONNECTOR_INVALID,
                        *at,
                        "an action with a `probe` gives nothing",
                        "",
                        "the probe says whether it happened, not what it gave; let another action read the result",
                    );
                }
                Class::Probe(self.probe(block, info))
            }
        }
    }

    fn probe(&mut self, block: &ast::Block, info: &FnInfo) -> FnId {
        let t = ty::optional(ty::boolean());
        self.push_frame(FrameKind::Reading);
        self.declare_params(&info.params);
        self.limit_to(Effect::Reads, "a `probe` only reads", block.span);
        let body = self.body(block, Some(&t), "a `probe`");
        let made = Made::plain(format!("{} probe", info.name), info.params.len(), t, block.span);
        self.close_frame(made, body).function
    }

    fn target(&mut self, e: &ast::Expr, info: &FnInfo) -> FnId {
        self.push_frame(FrameKind::Condition);
        self.declare_params(&info.params);
        self.limit_to(Effect::Pure, "a `target` is pure", e.span);
        let body = self.text_expr(e, "the target");
        let made = Made::plain(format!("{} target", info.name), info.params.len(), ty::text(), e.span);
        self.close_frame(made, body).function
    }

    fn default_undo(&mut self, block: &ast::Block, info: &FnInfo) -> FnId {
        self.push_frame(FrameKind::Undo);
        self.declare_params(&info.params);
        self.param(&"result".into(), info.ret.clone().unwrap_or_else(ty::nothing), block.span);
        let body = self.block_expr(block, &Want::Drop);
        let made = Made {
            kind: FunctionKind::Handler,
            ..Made::plain(format!("{} undo", info.name), info.params.len() + 1, ty::nothing(), block.span)
        };
        self.close_frame(made, body).function
    }

    /// Sets the most that the innermost function may do.
    pub fn limit_to(&mut self, effect: Effect, what: &str, _at: Span) {
        if let Some(f) = self.frames.last_mut() {
            f.limit = Some(Limit {
                effect,
                what: what.to_owned(),
                span: None,
                help: "read it in the body of a runbook or action".into(),
            });
        }
    }

    /// A value that is known when compiled; reports one that is not.
    pub fn constant(&mut self, e: &ast::Expr, t: &Ty, role: &str) -> Option<Value> {
        let got = if self.frames.is_empty() {
            self.push_frame(FrameKind::Constant);
            let got = self.expr_as(e, t, role);
            self.pop_frame();
            got
        } else {
            self.expr_as(e, t, role)
        };
        if super::scope::is_error(&got.ty) {
            return None;
        }
        let value = self.fold(&got);
        if value.is_none() {
            self.error(
                codes::CONST_REQUIRED,
                e.span,
                format!("{role} must be known when the program is compiled"),
                "not a constant",
                "write a literal, or a top-level `let` made of literals",
            );
        }
        value
    }

    /// Milliseconds, more than none, known when compiled.
    pub fn constant_duration(&mut self, e: &ast::Expr, role: &str) -> Option<i64> {
        match self.constant(e, &ty::duration(), role)? {
            Value::Duration(ms) if ms > 0 => Some(ms),
            Value::Duration(_) => {
                self.error(
                    codes::CONST_RANGE,
                    e.span,
                    format!("{role} must be longer than nothing"),
                    "",
                    "write a length of time such as `30s`, `5m` or `1h`",
                );
                None
            }
            _ => None,
        }
    }
}
