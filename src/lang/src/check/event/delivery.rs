//! Functions that an event declares, of what is delivered or of its connector's settings.

use crate::check::cx::{Checker, ParamInfo};
use crate::check::expr::Want;
use crate::check::scope::{FrameKind, Made, node};
use crate::check::ty;
use crate::hir::ExprKind;
use crate::ids::FnId;
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Effect, Ty, Type};

impl Checker {
    /// A function without parameters that reads settings at most.
    pub(super) fn setting_function(&mut self, e: &ast::Expr, t: &Ty, role: &str) -> FnId {
        self.push_frame(FrameKind::Condition);
        self.limit_to(Effect::Pure, &format!("{role} is pure"), e.span);
        let got = self.expr_as(e, t, role);
        self.close_frame(Made::plain("verify", 0, t.clone(), e.span), got).function
    }

    /// `body`, `headers` and `query`.
    pub(super) fn delivery_params() -> Vec<ParamInfo> {
        let texts = || ty::map(ty::text(), ty::text());
        [("body", ty::json()), ("headers", texts()), ("query", texts())]
            .into_iter()
            .map(|(name, ty)| ParamInfo {
                name: name.into(),
                ty,
                default: None,
                span: Span::default(),
                docs: String::new(),
            })
            .collect()
    }

    /// `each EXPR`: a list, or what walks as one.
    pub(super) fn each(&mut self, e: &ast::Expr, name: &str) -> FnId {
        self.push_frame(FrameKind::Condition);
        self.declare_params(&Self::delivery_params());
        self.limit_to(Effect::Pure, "`each` is pure", e.span);
        if let Some(f) = self.frames.last_mut() {
            f.may_skip = true;
        }
        let items = ty::list(ty::json());
        let got = self.expr(e, &Want::Ty(items.clone()));
        let got = match &*self.open(&got.ty) {
            Type::Json => {
                let span = got.span;
                node(
                    ExprKind::Method { name: "Json.items".into(), args: vec![got], optional: false },
                    items.clone(),
                    span,
                )
            }
            _ => self.coerce(got, &items, "`each`"),
        };
        self.close_frame(Made::plain(format!("{name} each"), 3, items, e.span), got).function
    }

    /// A function of a delivery and the item of `each`.
    pub(super) fn of_delivery(
        &mut self,
        e: &ast::Expr,
        t: &Ty,
        role: &str,
        binder: Option<&ast::Ident>,
        may_skip: bool,
    ) -> FnId {
        self.push_frame(FrameKind::Condition);
        self.declare_params(&Self::delivery_params());
        match binder {
            Some(b) => {
                self.param(&b.name, ty::json(), b.span);
            }
            None => {
                self.temp(ty::json(), e.span);
            }
        }
        self.limit_to(Effect::Pure, &format!("{role} is pure"), e.span);
        if let Some(f) = self.frames.last_mut() {
            f.may_skip = may_skip;
        }
        let got = self.expr_as(e, t, role);
        self.close_frame(Made::plain(role, 4, t.clone(), e.span), got).function
    }
}
