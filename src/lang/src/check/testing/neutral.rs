//! Values that stand for what a test does not care about.

use std::net::{IpAddr, Ipv4Addr};

use crate::check::cx::Checker;
use crate::check::scope::node;
use crate::check::ty;
use crate::hir::{self, ExprKind};
use crate::json::Json;
use crate::span::Span;
use crate::types::{Ty, Type, TypeDefKind};
use crate::value::Value;

/// How deep records and variants may hold one another.
const DEEP: u32 = 16;

impl Checker {
    /// Runs `f` with record literals that may leave fields out.
    pub(super) fn filling<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let before = std::mem::replace(&mut self.fills, true);
        let result = f(self);
        self.fills = before;
        result
    }

    /// The neutral value of a type: empty, zero, absent, the first variant. None for what no test can give: a Secret, a function.
    pub(in crate::check) fn neutral(&self, t: &Ty, span: Span) -> Option<hir::Expr> {
        self.neutral_at(t, span, 0)
    }

    fn neutral_at(&self, t: &Ty, span: Span, depth: u32) -> Option<hir::Expr> {
        if depth > DEEP {
            return None;
        }
        let kind = match &*self.open(t) {
            Type::Nothing => ExprKind::Literal(Value::Nothing),
            Type::Optional(_) | Type::None => ExprKind::Literal(Value::None),
            Type::Bool => ExprKind::Literal(Value::Bool(false)),
            Type::Int => ExprKind::Literal(Value::Int(0)),
            Type::Float => ExprKind::Literal(Value::Float(0.0)),
            Type::Text => ExprKind::Literal(Value::text("")),
            Type::Duration => ExprKind::Literal(Value::Duration(0)),
            Type::Size => ExprKind::Literal(Value::Size(0)),
            Type::Time => ExprKind::Literal(Value::Time(0)),
            Type::Url => ExprKind::Literal(Value::Url("http://example.invalid/".into())),
            Type::Ip => ExprKind::Literal(Value::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
            Type::Bytes => ExprKind::Literal(Value::Bytes(Vec::new().into())),
            Type::Json => ExprKind::Literal(Value::Json(Json::Null)),
            Type::List(_) => ExprKind::List(Vec::new()),
            Type::Map(..) => ExprKind::Map(Vec::new()),
            Type::Set(item) => {
                let empty = node(ExprKind::List(Vec::new()), ty::list(item.clone()), span);
                ExprKind::Method { name: "List.to_set".into(), args: vec![empty], optional: false }
            }
            Type::Record(_) => ExprKind::Record(self.neutral_fields(t, span, depth)?),
            Type::Named(id, args) => match &self.types.get(*id)?.kind {
                TypeDefKind::Record(_) => ExprKind::Record(self.neutral_fields(t, span, depth)?),
                TypeDefKind::Enum(variants) => {
                    let name = variants.first()?.name.clone();
                    let payload = self.payload_of(*id, args, 0);
                    let payload = payload.iter().map(|f| match f.default {
                        Some(d) => Some(node(ExprKind::Constant(d), f.ty.clone(), span)),
                        None => self.neutral_at(&f.ty, span, depth + 1),
                    });
                    ExprKind::Variant { ty: *id, index: 0, name, payload: payload.collect::<Option<_>>()? }
                }
                TypeDefKind::Alias(_) => return None,
            },
            _ => return None,
        };
        Some(node(kind, t.clone(), span))
    }

    fn neutral_fields(&self, t: &Ty, span: Span, depth: u32) -> Option<Vec<hir::Expr>> {
        let fields = self.fields_of(t)?;
        let value = |f: &crate::types::FieldTy| match f.default {
            Some(d) => Some(node(ExprKind::Constant(d), f.ty.clone(), span)),
            None => self.neutral_at(&f.ty, span, depth + 1),
        };
        fields.iter().map(value).collect()
    }
}
