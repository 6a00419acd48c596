//! Conditions as jumps see them: true, false, or unknown in a plan.

use super::code::{Bin, Cmp};
use super::failure::Res;
use super::limits;
use super::ops;
use super::shapes::not_there;
use crate::value::Value;

#[inline]
pub(super) fn compare(cmp: Cmp, x: i64, y: i64) -> bool {
    match cmp {
        Cmp::Eq => x == y,
        Cmp::Ne => x != y,
        Cmp::Lt => x < y,
        Cmp::Le => x <= y,
        Cmp::Gt => x > y,
        Cmp::Ge => x >= y,
    }
}

#[inline]
pub(super) fn slow(cmp: Cmp) -> Bin {
    match cmp {
        Cmp::Eq => Bin::Eq,
        Cmp::Ne => Bin::Ne,
        Cmp::Lt => Bin::Lt,
        Cmp::Le => Bin::Le,
        Cmp::Gt => Bin::Gt,
        Cmp::Ge => Bin::Ge,
    }
}

/// A condition: None where it is unknown.
#[inline]
pub(super) fn truth(value: &Value) -> Res<Option<bool>> {
    match value {
        Value::Bool(b) => Ok(Some(*b)),
        Value::Unknown => Ok(None),
        other => Err(not_there("a condition", other)),
    }
}

#[inline]
pub(super) fn decided(value: Res) -> Res<Option<bool>> {
    truth(&value?)
}

/// A comparison with a constant: None where a plan does not know.
#[inline]
pub(super) fn holds(plan: bool, op: Bin, value: &Value, constant: &Value) -> Res<Option<bool>> {
    if plan && limits::has_unknown(value) {
        return Ok(None);
    }
    match op {
        Bin::Eq => Ok(Some(ops::same(value, constant))),
        Bin::Ne => Ok(Some(!ops::same(value, constant))),
        _ => decided(ops::binary(op, value, constant)),
    }
}
