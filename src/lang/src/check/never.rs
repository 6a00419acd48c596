//! Conditions that no event can meet: what is compared with constants, and whether it can be so all at once.

use smol_str::SmolStr;

use super::cx::Checker;
use super::trigger::path_of;
use crate::diag::{Diagnostic, codes};
use crate::hir::{Expr, ExprKind};
use crate::span::Span;
use crate::syntax::ast::{BinaryOp, UnaryOp};
use crate::value::Value;

/// Parts of one condition that are looked at.
const MOST: usize = 64;

/// What a condition says of the parts of one event.
#[derive(Default)]
pub(super) struct Facts {
    all: Vec<Fact>,
    /// Parts that are false whatever comes.
    falsehoods: Vec<Span>,
}

struct Fact {
    path: Vec<SmolStr>,
    says: Says,
    span: Span,
}

enum Says {
    Is(BinaryOp, Value),
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
}

impl Checker {
    /// Takes in what one operand of the `and`s says.
    pub(super) fn facts_of(&self, e: &Expr, facts: &mut Facts) {
        if facts.all.len() >= MOST {
            return;
        }
        match self.fold(e) {
            Some(Value::Bool(false)) => facts.falsehoods.push(e.span),
            Some(_) => {}
            None if self.certainly_false(e) => facts.falsehoods.push(e.span),
            None => {
                if let Some((path, says)) = self.fact(e) {
                    facts.all.push(Fact { path, says, span: e.span });
                }
            }
        }
    }

    /// Whether an expression compares two constants that do not compare so.
    fn certainly_false(&self, e: &Expr) -> bool {
        let ExprKind::Binary { op, left, right } = &e.kind else { return false };
        match (self.fold(left), self.fold(right)) {
            (Some(left), Some(right)) => !meets(&left, &Says::Is(*op, right)),
            _ => false,
        }
    }

    fn fact(&self, e: &Expr) -> Option<(Vec<SmolStr>, Says)> {
        match &e.kind {
            ExprKind::Binary { op, left, right } => {
                let named = |e: &Expr| {
                    let mut names = Vec::new();
                    (path_of(e, &mut names) && !names.is_empty()).then_some(names)
                };
                if let (Some(path), Some(value)) = (named(left), self.fold(right)) {
                    let says = match (op, value) {
                        (BinaryOp::In, Value::List(items)) => Says::OneOf(items.to_vec()),
                        (BinaryOp::NotIn, Value::List(items)) => Says::NoneOf(items.to_vec()),
                        (op, value) => Says::Is(*op, value),
                    };
                    return Some((path, says));
                }
                Some((named(right)?, Says::Is(turned(*op)?, self.fold(left)?)))
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                let (path, says) = self.fact(operand)?;
                let says = match says {
                    Says::Is(op, value) => Says::Is(negated(op)?, value),
                    Says::OneOf(items) => Says::NoneOf(items),
                    Says::NoneOf(items) => Says::OneOf(items),
                };
                Some((path, says))
            }
            _ => None,
        }
    }

    /// Warns of a condition that no event meets.
    pub(super) fn never(&mut self, facts: &Facts) {
        if let Some(span) = facts.falsehoods.first() {
            let d = Diagnostic::warning(codes::TRIGGER_NEVER, "this trigger can never match", *span, "always false")
                .help("remove the trigger, or say what it waits for");
            self.report(d);
            return;
        }
        for (n, later) in facts.all.iter().enumerate() {
            let clash = |earlier: &&Fact| earlier.path == later.path && !possible(&earlier.says, &later.says);
            let Some(earlier) = facts.all.iter().take(n).find(clash) else { continue };
            let what = later.path.iter().map(SmolStr::as_str).collect::<Vec<_>>().join(".");
            let d = Diagnostic::warning(
                codes::TRIGGER_NEVER,
                "this trigger can never match",
                later.span,
                "cannot be true as well",
            )
            .label(earlier.span, "when this is true")
            .help(format!(
                "`{what}` cannot be both: write `or` for `and`, `in [\u{2026}]` for several values, or a trigger for each"
            ));
            self.report(d);
            return;
        }
    }
}

/// The comparison with its sides changed.
fn turned(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq | BinaryOp::Ne => op,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        _ => return None,
    })
}

fn negated(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq => BinaryOp::Ne,
        BinaryOp::Ne => BinaryOp::Eq,
        BinaryOp::Lt => BinaryOp::Ge,
        BinaryOp::Le => BinaryOp::Gt,
        BinaryOp::Gt => BinaryOp::Le,
        BinaryOp::Ge => BinaryOp::Lt,
        _ => return None,
    })
}

/// Whether one value can be as both say. What is not known to be impossible is possible.
fn possible(a: &Says, b: &Says) -> bool {
    match (a, b) {
        (Says::OneOf(items), other) | (other, Says::OneOf(items)) => items.iter().any(|v| meets(v, other)),
        (Says::Is(BinaryOp::Eq, v), other) | (other, Says::Is(BinaryOp::Eq, v)) => meets(v, other),
        (Says::Is(low @ (BinaryOp::Gt | BinaryOp::Ge), v), Says::Is(high @ (BinaryOp::Lt | BinaryOp::Le), w))
        | (Says::Is(high @ (BinaryOp::Lt | BinaryOp::Le), w), Says::Is(low @ (BinaryOp::Gt | BinaryOp::Ge), v)) => {
            let touch = *low == BinaryOp::Ge && *high == BinaryOp::Le;
            order(v, w).is_none_or(|o| o.is_lt() || (touch && o.is_eq()))
        }
        _ => true,
    }
}

fn meets(value: &Value, says: &Says) -> bool {
    match says {
        Says::OneOf(items) => items.iter().any(|v| same(v, value)),
        Says::NoneOf(items) => items.iter().all(|v| differ(v, value)),
        Says::Is(op, other) => match op {
            BinaryOp::Eq => same(value, other),
            BinaryOp::Ne => differ(value, other),
            BinaryOp::Lt => order(value, other).is_none_or(std::cmp::Ordering::is_lt),
            BinaryOp::Le => order(value, other).is_none_or(std::cmp::Ordering::is_le),
            BinaryOp::Gt => order(value, other).is_none_or(std::cmp::Ordering::is_gt),
            BinaryOp::Ge => order(value, other).is_none_or(std::cmp::Ordering::is_ge),
            _ => true,
        },
    }
}

/// Whether two constants are equal, or may be.
fn same(a: &Value, b: &Value) -> bool {
    !comparable(a, b) || a == b
}

/// Whether two constants differ, or may.
fn differ(a: &Value, b: &Value) -> bool {
    !comparable(a, b) || a != b
}

/// Whether it is known of two constants that they are equal or are not.
fn comparable(a: &Value, b: &Value) -> bool {
    let plain = |v: &Value| {
        matches!(
            v,
            Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Duration(_) | Value::Size(_) | Value::Time(_)
        ) || matches!(v, Value::Variant(x) if x.payload.is_empty())
    };
    let alike = std::mem::discriminant(a) == std::mem::discriminant(b);
    plain(a) && plain(b) && alike
}

fn order(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    use Value::{Duration, Float, Int, Size, Time, Variant};
    Some(match (a, b) {
        (Int(a), Int(b)) | (Duration(a), Duration(b)) | (Size(a), Size(b)) | (Time(a), Time(b)) => a.cmp(b),
        (Float(a), Float(b)) => a.partial_cmp(b)?,
        (Variant(a), Variant(b)) if a.ty == b.ty => a.index.cmp(&b.index),
        _ => return None,
    })
}
