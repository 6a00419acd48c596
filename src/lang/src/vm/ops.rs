//! Operators. All arithmetic is checked: what leaves its range, and what is no number, is a failure of kind `invalid`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::code::Bin;
use super::failure::{Res, invalid, kind, mistyped};
use super::methods::{checked_text, room};
use super::protocol::Failure;
use crate::json::Json;
use crate::value::{RangeValue, Value};

pub fn overflow() -> Box<Failure> {
    invalid("the number is too large")
}

pub fn by_zero() -> Box<Failure> {
    invalid("division by zero")
}

/// A Float that is one.
pub fn finite(f: f64) -> Res {
    if f.is_finite() { Ok(Value::Float(f)) } else { Err(invalid("the result is not a number")) }
}

/// Absent: none, or Json null.
pub fn absent(value: &Value) -> bool {
    matches!(value, Value::None | Value::Json(Json::Null))
}

/// Where item `i` of `len` is; negative ones count from the end.
pub fn place(i: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let at = if i < 0 { i.checked_add(len)? } else { i };
    (at < len).then(|| usize::try_from(at).ok()).flatten()
}

/// Equality as the language has it: absent equals null, whole numbers equal Floats, Json equals what it was made of.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Text(x), Value::Text(y)) => x == y,
        (Value::Int(x), Value::Float(y)) | (Value::Float(y), Value::Int(x)) => *x as f64 == *y,
        (Value::None | Value::Nothing, Value::Json(Json::Null))
        | (Value::Json(Json::Null), Value::None | Value::Nothing) => true,
        (Value::Json(x), Value::Json(y)) => same_json(x, y),
        (Value::Json(Json::Text(x)), Value::Text(y)) | (Value::Text(x), Value::Json(Json::Text(y))) => x == y,
        (Value::Json(json), other) | (other, Value::Json(json)) => {
            super::print::to_json(other).is_ok_and(|other| same_json(json, &other))
        }
        (Value::Variant(x), Value::Variant(y)) => x.index == y.index && all_same(&x.payload, &y.payload),
        (Value::Record(x), Value::Record(y)) => all_same(&x.values, &y.values),
        (Value::List(x), Value::List(y)) => Arc::ptr_eq(x, y) || all_same(x, y),
        _ => a == b,
    }
}

fn all_same(x: &[Value], y: &[Value]) -> bool {
    x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b))
}

fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Text(x), Json::Text(y)) => x == y,
        (Json::Int(x), Json::Float(y)) | (Json::Float(y), Json::Int(x)) => *x as f64 == *y,
        (Json::UInt(x), Json::Float(y)) | (Json::Float(y), Json::UInt(x)) => *x as f64 == *y,
        (Json::List(x), Json::List(y)) => x.len() == y.len() && x.iter().zip(y.iter()).all(|(a, b)| same_json(a, b)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, a)| y.get(k).is_some_and(|b| same_json(a, b)))
        }
        _ => a == b,
    }
}

/// The order of values of one ordered type; others are all equal.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(x), Value::Int(y))
        | (Value::Duration(x), Value::Duration(y))
        | (Value::Size(x), Value::Size(y))
        | (Value::Time(x), Value::Time(y)) => x.cmp(y),
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(y).unwrap_or(Ordering::Equal),
        (Value::Int(x), Value::Float(y)) => (*x as f64).partial_cmp(y).unwrap_or(Ordering::Equal),
        (Value::Float(x), Value::Int(y)) => x.partial_cmp(&(*y as f64)).unwrap_or(Ordering::Equal),
        (Value::Text(x), Value::Text(y)) => x.cmp(y),
        (Value::Bool(x), Value::Bool(y)) => x.cmp(y),
        (Value::Variant(x), Value::Variant(y)) => x.index.cmp(&y.index),
        // Absent ones last, so that sorting by an optional key is of use.
        (Value::None, Value::None) => Ordering::Equal,
        (Value::None, _) => Ordering::Greater,
        (_, Value::None) => Ordering::Less,
        _ => Ordering::Equal,
    }
}

fn ordered(a: &Value, b: &Value) -> bool {
    use Value::{Bool, Duration, Float, Int, Size, Text, Time, Variant};
    matches!(
        (a, b),
        (Int(_) | Float(_), Int(_) | Float(_))
            | (Text(_), Text(_))
            | (Duration(_), Duration(_))
            | (Size(_), Size(_))
            | (Time(_), Time(_))
            | (Bool(_), Bool(_))
            | (Variant(_), Variant(_))
    )
}

/// An infix operator on two values.
///
/// # Errors
/// Overflow, division by zero, a result that is no number.
pub fn binary(op: Bin, a: &Value, b: &Value) -> Res {
    if matches!(a, Value::Unknown) || matches!(b, Value::Unknown) {
        return Ok(Value::Unknown);
    }
    match op {
        Bin::Eq => Ok(Value::Bool(same(a, b))),
        Bin::Ne => Ok(Value::Bool(!same(a, b))),
        Bin::Lt | Bin::Le | Bin::Gt | Bin::Ge => {
            if !ordered(a, b) {
                return mistyped("a comparison", &[a.clone(), b.clone()]);
            }
            let order = compare(a, b);
            Ok(Value::Bool(match op {
                Bin::Lt => order.is_lt(),
                Bin::Le => order.is_le(),
                Bin::Gt => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        Bin::In => contains(b, a).map(Value::Bool),
        Bin::NotIn => contains(b, a).map(|found| Value::Bool(!found)),
        Bin::Matches => match (a, b) {
            (Value::Text(t) | Value::Json(Json::Text(t)), Value::Regex(p)) => Ok(Value::Bool(p.regex().is_match(t))),
            (Value::Json(_) | Value::None, Value::Regex(_)) => Ok(Value::Bool(false)),
            _ => mistyped("matches", &[a.clone(), b.clone()]),
        },
        Bin::Range | Bin::RangeInclusive => {
            let inclusive = op == Bin::RangeInclusive;
            Ok(Value::Range(Box::new(RangeValue { start: a.clone(), end: b.clone(), inclusive })))
        }
        Bin::Add | Bin::Sub | Bin::Mul | Bin::Div | Bin::Mod => arithmetic(op, a, b),
    }
}

fn contains(all: &Value, item: &Value) -> Res<bool> {
    Ok(match (all, item) {
        (Value::List(x), v) => x.iter().any(|i| same(i, v)),
        (Value::Set(x), v) => x.contains(v),
        (Value::Map(x), v) => x.contains_key(v),
        (Value::Range(r), v) => {
            ordered(&r.start, v)
                && compare(&r.start, v).is_le()
                && if r.inclusive { compare(v, &r.end).is_le() } else { compare(v, &r.end).is_lt() }
        }
        (Value::Cidr(net), Value::Ip(ip)) => net.contains(ip),
        (Value::Cidr(net), Value::Cidr(inner)) => net.contains(inner),
        (Value::Json(Json::List(x)), Value::Text(t)) => x.iter().any(|i| i.as_text() == Some(t)),
        (Value::Json(Json::List(x)), v) => x.iter().any(|i| same(&Value::Json(i.clone()), v)),
        (Value::Json(Json::Object(x)), Value::Text(t)) => x.contains_key(t),
        (Value::Json(_), _) => false,
        (Value::Text(t), Value::Text(part)) => t.contains(part.as_str()),
        _ => return Err(invalid(format!("`in` cannot look into {}; this is a defect of rrb", kind(all)))),
    })
}

fn arithmetic(op: Bin, a: &Value, b: &Value) -> Res {
    use Value::{Duration, Float, Int, Size, Text, Time};
    match (a, b) {
        (Int(x), Int(y)) => match op {
            Bin::Add => x.checked_add(*y).map(Int).ok_or_else(overflow),
            Bin::Sub => x.checked_sub(*y).map(Int).ok_or_else(overflow),
            Bin::Mul => x.checked_mul(*y).map(Int).ok_or_else(overflow),
            _ if *y == 0 => Err(by_zero()),
            Bin::Mod => Ok(Int(x.wrapping_rem_euclid(*y))),
            _ => finite(*x as f64 / *y as f64),
        },
        (Int(_) | Float(_), Int(_) | Float(_)) => {
            let number = |v: &Value| match v {
                Int(i) => *i as f64,
                Float(f) => *f,
                _ => f64::NAN,
            };
            let (x, y) = (number(a), number(b));
            match op {
                Bin::Add => finite(x + y),
                Bin::Sub => finite(x - y),
                Bin::Mul => finite(x * y),
                _ if y == 0.0 => Err(by_zero()),
                Bin::Mod => finite(x.rem_euclid(y)),
                _ => finite(x / y),
            }
        }
        (Duration(x), Duration(y)) => unit(op, *x, *y, Duration),
        (Size(x), Size(y)) => match (op, unit(op, *x, *y, Size)?) {
            (Bin::Sub, Size(n)) if n < 0 => Err(invalid("a size cannot be negative")),
            (_, value) => Ok(value),
        },
        (Duration(x) | Size(x), Int(_) | Float(_)) => scaled(op, *x, b).map(|n| rewrap(a, n)),
        (Int(_) | Float(_), Duration(x) | Size(x)) if op == Bin::Mul => scaled(op, *x, a).map(|n| rewrap(b, n)),
        (Time(x), Duration(y)) => match op {
            Bin::Add => x.checked_add(*y).map(Time).ok_or_else(overflow),
            Bin::Sub => x.checked_sub(*y).map(Time).ok_or_else(overflow),
            _ => mistyped("arithmetic", &[a.clone(), b.clone()]),
        },
        (Duration(x), Time(y)) if op == Bin::Add => x.checked_add(*y).map(Time).ok_or_else(overflow),
        (Time(x), Time(y)) if op == Bin::Sub => x.checked_sub(*y).map(Duration).ok_or_else(overflow),
        (Text(x), Text(y)) if op == Bin::Add => {
            let mut out = String::with_capacity(x.len() + y.len());
            out.push_str(x);
            out.push_str(y);
            checked_text(out)
        }
        (Value::List(x), Value::List(y)) if op == Bin::Add => {
            room(x.len() + y.len())?;
            Ok(Value::list(x.iter().chain(y.iter()).cloned()))
        }
        _ => mistyped("arithmetic", &[a.clone(), b.clone()]),
    }
}

/// Two quantities of one unit.
fn unit(op: Bin, x: i64, y: i64, wrap: fn(i64) -> Value) -> Res {
    match op {
        Bin::Add => x.checked_add(y).map(wrap).ok_or_else(overflow),
        Bin::Sub => x.checked_sub(y).map(wrap).ok_or_else(overflow),
        _ if y == 0 => Err(by_zero()),
        Bin::Mod => Ok(wrap(x.wrapping_rem_euclid(y))),
        _ => finite(x as f64 / y as f64),
    }
}

fn rewrap(like: &Value, n: i64) -> Value {
    if matches!(like, Value::Size(_)) { Value::Size(n) } else { Value::Duration(n) }
}

/// A quantity times or by a number, rounded to its smallest unit.
fn scaled(op: Bin, x: i64, by: &Value) -> Res<i64> {
    if let (Bin::Mul, Value::Int(n)) = (op, by) {
        return x.checked_mul(*n).ok_or_else(overflow);
    }
    let n = match by {
        Value::Int(i) => *i as f64,
        Value::Float(f) => *f,
        _ => f64::NAN,
    };
    let made = match op {
        Bin::Mul => x as f64 * n,
        Bin::Div if n == 0.0 => return Err(by_zero()),
        Bin::Div => x as f64 / n,
        _ => return Err(invalid("a quantity can be multiplied or divided by a number only; this is a defect of rrb")),
    };
    let made = made.round();
    if made.is_finite() && made >= i64::MIN as f64 && made < i64::MAX as f64 {
        Ok(made as i64)
    } else {
        Err(overflow())
    }
}

/// Unary minus.
///
/// # Errors
/// Overflow.
pub fn negate(value: &Value) -> Res {
    match value {
        Value::Int(i) => i.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Float(f) => Ok(Value::Float(-f)),
        Value::Duration(ms) => ms.checked_neg().map(Value::Duration).ok_or_else(overflow),
        Value::Unknown => Ok(Value::Unknown),
        _ => mistyped("-", std::slice::from_ref(value)),
    }
}

/// `xs[i]`
///
/// # Errors
/// Out of range, on a list.
pub fn index(base: &Value, index: &Value) -> Res {
    match (base, index) {
        (Value::Unknown, _) | (_, Value::Unknown) => Ok(Value::Unknown),
        (Value::List(x), Value::Int(i)) => match place(*i, x.len()).and_then(|i| x.get(i)) {
            Some(v) => Ok(v.clone()),
            None => Err(invalid(format!("there is no item {i} in a list of {}", x.len()))),
        },
        (Value::Json(j), Value::Int(i)) => Ok(Value::Json(j.index(*i))),
        (Value::Json(j), Value::Text(t)) => Ok(Value::Json(j.field(t))),
        (Value::Json(j), Value::Json(Json::Int(i))) => Ok(Value::Json(j.index(*i))),
        (Value::Json(j), Value::Json(Json::Text(t))) => Ok(Value::Json(j.field(t))),
        (Value::Map(m), key) => Ok(m.get(key).cloned().unwrap_or(Value::None)),
        _ => mistyped("[ ]", &[base.clone(), index.clone()]),
    }
}

/// The lowest whole number of a range and the one behind its last.
pub fn int_bounds(r: &RangeValue) -> Option<(i64, i64)> {
    match (&r.start, &r.end) {
        (Value::Int(low), Value::Int(high)) => {
            let behind = if r.inclusive { high.checked_add(1)? } else { *high };
            Some((*low, behind.max(*low)))
        }
        _ => None,
    }
}

/// What `for` goes through: a list, or a range that is not spelled out.
///
/// # Errors
/// A document that is no list.
pub fn iterable(value: &Value) -> Res {
    match value {
        Value::List(_) | Value::Unknown | Value::Json(Json::List(_)) => Ok(value.clone()),
        Value::Range(r) if int_bounds(r).is_some() => Ok(value.clone()),
        Value::Set(items) => Ok(Value::list(items.iter().cloned())),
        Value::Map(map) => {
            Ok(Value::list(map.iter().map(|(k, v)| Value::record([("key", k.clone()), ("value", v.clone())]))))
        }
        Value::Json(Json::Null) | Value::None => Ok(Value::list([])),
        Value::Json(other) => Err(invalid(format!("`for` expected a list, found {}", other.kind()))),
        other => Err(invalid(format!("`for` cannot go through {}; this is a defect of rrb", kind(other)))),
    }
}

/// Item `i` of what [`iterable`] gave; None behind the last.
pub fn item(value: &Value, i: i64) -> Option<Value> {
    let at = usize::try_from(i).ok()?;
    match value {
        Value::List(items) => items.get(at).cloned(),
        Value::Json(Json::List(items)) => items.get(at).cloned().map(Value::Json),
        Value::Range(r) => {
            let (low, high) = int_bounds(r)?;
            let n = low.checked_add(i)?;
            (n < high).then_some(Value::Int(n))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(op: Bin, a: Value, b: Value) -> Result<Value, String> {
        binary(op, &a, &b).map_err(|f| f.message)
    }

    #[test]
    fn arithmetic_never_wraps_and_never_gives_what_is_no_number() {
        let too_large = Err("the number is too large".to_owned());
        let no_number = Err("the result is not a number".to_owned());
        let zero = Err("division by zero".to_owned());
        assert_eq!(bin(Bin::Add, Value::Int(i64::MAX), Value::Int(1)), too_large);
        assert_eq!(bin(Bin::Add, Value::Int(i64::MAX - 1), Value::Int(1)), Ok(Value::Int(i64::MAX)));
        assert_eq!(bin(Bin::Sub, Value::Int(i64::MIN), Value::Int(1)), too_large);
        assert_eq!(bin(Bin::Mul, Value::Int(i64::MIN), Value::Int(-1)), too_large);
        assert_eq!(bin(Bin::Mod, Value::Int(i64::MIN), Value::Int(-1)), Ok(Value::Int(0)));
        assert_eq!(bin(Bin::Div, Value::Int(1), Value::Int(0)), zero);
        assert_eq!(bin(Bin::Mod, Value::Int(1), Value::Int(0)), zero);
        assert_eq!(bin(Bin::Div, Value::Float(1.0), Value::Float(0.0)), zero);
        assert_eq!(bin(Bin::Mul, Value::Float(1e300), Value::Float(1e300)), no_number);
        assert_eq!(bin(Bin::Mul, Value::Duration(i64::MAX), Value::Int(2)), too_large);
        assert_eq!(bin(Bin::Mul, Value::Duration(i64::MAX), Value::Float(2.0)), too_large);
        assert_eq!(bin(Bin::Div, Value::Duration(1), Value::Duration(0)), zero);
        assert_eq!(bin(Bin::Add, Value::Time(i64::MAX), Value::Duration(1)), too_large);
        assert_eq!(bin(Bin::Sub, Value::Size(1), Value::Size(2)), Err("a size cannot be negative".into()));
        assert!(negate(&Value::Int(i64::MIN)).is_err());
        assert_eq!(bin(Bin::Div, Value::Int(3), Value::Int(2)), Ok(Value::Float(1.5)));
    }

    #[test]
    fn absent_null_and_numbers_are_equal_across_json() {
        let json = |j: Json| Value::Json(j);
        assert!(same(&Value::None, &json(Json::Null)));
        assert!(same(&json(Json::Int(1)), &Value::Int(1)));
        assert!(same(&json(Json::Float(1.0)), &Value::Int(1)));
        assert!(!same(&json(Json::from("1")), &Value::Int(1)));
        assert!(same(&json(Json::from("Pod")), &Value::text("Pod")));
    }

    #[test]
    fn places_count_from_both_ends() {
        assert_eq!((place(0, 1), place(-1, 3), place(1, 1), place(-2, 1)), (Some(0), Some(2), None, None));
        assert_eq!((place(i64::MIN, 3), place(i64::MAX, 3)), (None, None));
    }

    #[test]
    fn a_range_up_to_the_last_number_is_no_overflow() {
        let r = |end, inclusive| RangeValue { start: Value::Int(0), end: Value::Int(end), inclusive };
        assert_eq!(int_bounds(&r(i64::MAX, true)), None);
        assert_eq!(int_bounds(&r(i64::MAX, false)), Some((0, i64::MAX)));
        assert_eq!(int_bounds(&r(-5, false)), Some((0, 0)));
    }
}
