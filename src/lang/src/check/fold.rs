//! Constant expressions: what headers, patterns and indices need to know when the program is compiled.

use std::sync::Arc;

use super::cx::{Checker, State};
use crate::hir::{Coercion, Expr, ExprKind, TextPart};
use crate::json::Json;
use crate::syntax::ast::{BinaryOp, UnaryOp};
use crate::value::{Value, VariantValue};

/// Constants that refer to constants, followed at most so far.
const DEEP: u32 = 64;

impl Checker {
    /// The value of an expression made of literals and constants; none for anything else.
    pub fn fold(&self, e: &Expr) -> Option<Value> {
        self.fold_at(e, 0)
    }

    fn fold_at(&self, e: &Expr, depth: u32) -> Option<Value> {
        if depth > DEEP {
            return None;
        }
        let go = |e: &Expr| self.fold_at(e, depth + 1);
        match &e.kind {
            ExprKind::Literal(v) => Some(v.clone()),
            ExprKind::Constant(id) => {
                let info = self.consts.get(id.index()).filter(|c| c.state == State::Done)?;
                go(&info.body.as_ref()?.expr)
            }
            ExprKind::Unary { op, operand } => match (op, go(operand)?) {
                (UnaryOp::Neg, Value::Int(i)) => i.checked_neg().map(Value::Int),
                (UnaryOp::Neg, Value::Float(f)) => Some(Value::Float(-f)),
                (UnaryOp::Neg, Value::Duration(d)) => d.checked_neg().map(Value::Duration),
                (UnaryOp::Not, Value::Bool(b)) => Some(Value::Bool(!b)),
                _ => None,
            },
            ExprKind::Binary { op, left, right } => binary(*op, go(left)?, go(right)?),
            ExprKind::Text(parts) => {
                let mut text = String::new();
                for p in parts {
                    match p {
                        TextPart::Chars(c) => text.push_str(c),
                        TextPart::Hole(h) => match go(h)? {
                            Value::Text(t) => text.push_str(&t),
                            Value::Int(i) => text.push_str(&i.to_string()),
                            Value::Bool(b) => text.push_str(&b.to_string()),
                            _ => return None,
                        },
                    }
                }
                Some(Value::text(text))
            }
            ExprKind::List(items) if items.iter().all(|(spread, _)| !spread) => {
                items.iter().map(|(_, e)| go(e)).collect::<Option<Vec<_>>>().map(Value::list)
            }
            ExprKind::Variant { ty, index, name, payload } => {
                let payload = payload.iter().map(go).collect::<Option<Vec<_>>>()?;
                Some(Value::Variant(Arc::new(VariantValue { ty: *ty, index: *index, name: name.clone(), payload })))
            }
            ExprKind::Coerce { value, kind } => match (kind, go(value)?) {
                #[allow(clippy::cast_precision_loss, reason = "the nearest Float is what widening means")]
                (Coercion::IntToFloat, Value::Int(i)) => Some(Value::Float(i as f64)),
                (Coercion::ToJson, v) => json(&v).map(Value::Json),
                _ => None,
            },
            ExprKind::Block(b) if b.stmts.is_empty() => go(b.value.as_deref()?),
            _ => None,
        }
    }
}

/// A plain value as Json.
fn json(v: &Value) -> Option<Json> {
    Some(match v {
        Value::None => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) => Json::Int(*i),
        Value::Float(f) => Json::Float(*f),
        Value::Text(t) => Json::Text(t.clone()),
        Value::Json(j) => j.clone(),
        _ => return None,
    })
}

fn binary(op: BinaryOp, a: Value, b: Value) -> Option<Value> {
    use BinaryOp::{Add, Div, Mul, Sub};
    use Value::{Duration, Float, Int, Size, Time};
    let whole = |a: i64, b: i64| match op {
        Add => a.checked_add(b),
        Sub => a.checked_sub(b),
        Mul => a.checked_mul(b),
        _ => None,
    };
    let finite = |f: f64| f.is_finite().then_some(Float(f));
    #[allow(clippy::cast_precision_loss, reason = "division of whole numbers gives the nearest Float")]
    Some(match (op, a, b) {
        (Add | Sub | Mul, Int(a), Int(b)) => Int(whole(a, b)?),
        (Div, Int(a), Int(b)) if b != 0 => Float(a as f64 / b as f64),
        (Add, Float(a), Float(b)) => finite(a + b)?,
        (Sub, Float(a), Float(b)) => finite(a - b)?,
        (Mul, Float(a), Float(b)) => finite(a * b)?,
        (Div, Float(a), Float(b)) => finite(a / b)?,
        (Add | Sub, Duration(a), Duration(b)) => Duration(whole(a, b)?),
        (Mul, Duration(a), Int(b)) | (Mul, Int(a), Duration(b)) => Duration(whole(a, b)?),
        (Add | Sub, Size(a), Size(b)) => Size(whole(a, b)?),
        (Mul, Size(a), Int(b)) | (Mul, Int(a), Size(b)) => Size(whole(a, b)?),
        (Add | Sub, Time(a), Duration(b)) => Time(whole(a, b)?),
        (Sub, Time(a), Time(b)) => Duration(a.checked_sub(b)?),
        _ => return None,
    })
}
