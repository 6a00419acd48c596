//! Numbers, durations, sizes and ranges.

use super::{MethodFn, checked_list, checked_text, len, room};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops::{self, compare, finite, overflow};

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    match (head, name) {
        ("Int" | "Float" | "Duration" | "Size", "min") => Some(|a| pick(a, std::cmp::Ordering::Less)),
        ("Int" | "Float" | "Duration" | "Size", "max") => Some(|a| pick(a, std::cmp::Ordering::Greater)),
        ("Int" | "Float" | "Duration" | "Size", "clamp") => Some(clamp),
        ("Int", _) => int(name),
        ("Float", _) => float(name),
        ("Duration", _) => duration(name),
        ("Size", "bytes") => Some(|a| match a {
            [Value::Size(n)] => Ok(Value::Int(*n)),
            _ => mistyped("bytes", a),
        }),
        ("Range", _) => range(name),
        _ => None,
    }
}

pub(super) fn pick(a: &[Value], side: std::cmp::Ordering) -> Res {
    match a {
        [x, y] => Ok(if compare(y, x) == side { y.clone() } else { x.clone() }),
        _ => mistyped("min", a),
    }
}

fn clamp(a: &mut [Value]) -> Res {
    let [x, low, high] = a else { return mistyped("clamp", a) };
    if compare(low, high).is_gt() {
        return Err(invalid("the lower bound of `clamp` is above the upper one"));
    }
    Ok(if compare(x, low).is_lt() {
        low.clone()
    } else if compare(x, high).is_gt() {
        high.clone()
    } else {
        x.clone()
    })
}

fn of_int(a: &[Value], f: impl FnOnce(i64) -> Res) -> Res {
    match a {
        [Value::Int(i)] => f(*i),
        _ => mistyped("Int", a),
    }
}

fn span(n: i64, unit: i64) -> Res {
    n.checked_mul(unit).map(Value::Duration).ok_or_else(overflow)
}

fn int(name: &str) -> Option<MethodFn> {
    Some(match name {
        "abs" => |a| of_int(a, |i| i.checked_abs().map(Value::Int).ok_or_else(overflow)),
        "div" => |a| match a {
            [Value::Int(_), Value::Int(0)] => Err(ops::by_zero()),
            [Value::Int(x), Value::Int(y)] => x.checked_div(*y).map(Value::Int).ok_or_else(overflow),
            _ => mistyped("div", a),
        },
        "pow" => |a| match a {
            [Value::Int(x), Value::Int(n)] => {
                let Ok(n) = u32::try_from(*n) else { return Err(invalid("a whole number has no negative power")) };
                x.checked_pow(n).map(Value::Int).ok_or_else(overflow)
            }
            _ => mistyped("pow", a),
        },
        "to_float" => |a| of_int(a, |i| Ok(Value::Float(i as f64))),
        "to_hex" => |a| {
            of_int(a, |i| Ok(Value::text(if i < 0 { format!("-{:x}", i.unsigned_abs()) } else { format!("{i:x}") })))
        },
        "format" => |a| match a {
            [Value::Int(i), Value::Int(n)] => Ok(Value::text(format!("{i:0width$}", width = digits(*n, 1000)?))),
            _ => mistyped("format", a),
        },
        "milliseconds" => |a| of_int(a, |i| span(i, 1)),
        "seconds" => |a| of_int(a, |i| span(i, 1_000)),
        "minutes" => |a| of_int(a, |i| span(i, 60_000)),
        "hours" => |a| of_int(a, |i| span(i, 3_600_000)),
        "days" => |a| of_int(a, |i| span(i, 86_400_000)),
        "bytes" => {
            |a| of_int(a, |i| if i < 0 { Err(invalid("a size cannot be negative")) } else { Ok(Value::Size(i)) })
        }
        "to_time" => |a| of_int(a, |i| i.checked_mul(1_000).map(Value::Time).ok_or_else(overflow)),
        _ => return None,
    })
}

fn digits(n: i64, most: usize) -> Result<usize, Box<crate::vm::protocol::Failure>> {
    usize::try_from(n)
        .ok()
        .filter(|n| *n <= most)
        .ok_or_else(|| invalid(format!("the digits must be 0 to {most}, not {n}")))
}

/// A whole number from a Float that holds one in range.
fn whole(f: f64) -> Result<i64, Box<crate::vm::protocol::Failure>> {
    if f.is_finite() && f >= i64::MIN as f64 && f < i64::MAX as f64 { Ok(f as i64) } else { Err(overflow()) }
}

fn of_float(a: &[Value], f: impl FnOnce(f64) -> Res) -> Res {
    match a {
        [Value::Float(x)] => f(*x),
        _ => mistyped("Float", a),
    }
}

fn rounded(x: f64, n: i64) -> Result<f64, Box<crate::vm::protocol::Failure>> {
    let n = digits(n, 15)?;
    let scale = 10_f64.powi(n as i32);
    let scaled = x * scale;
    if !scaled.is_finite() || scaled.abs() >= 9e15 {
        return Ok(x);
    }
    // The decimal text of the number decides a tie: 1.005 is below the half, 1.25 is one.
    let tie = format!("{:.*}", n + 1, x);
    if tie.ends_with('5') && tie.parse() == Ok(x) {
        return Ok((scaled.abs().floor() + 1.0).copysign(x) / scale);
    }
    Ok(format!("{x:.n$}").parse().unwrap_or(x))
}

fn float(name: &str) -> Option<MethodFn> {
    Some(match name {
        "abs" => |a| of_float(a, |x| Ok(Value::Float(x.abs()))),
        "round" => |a| match a {
            [Value::Float(x)] => rounded(*x, 0).map(Value::Float),
            [Value::Float(x), Value::Int(n)] => rounded(*x, *n).map(Value::Float),
            _ => mistyped("round", a),
        },
        "floor" => |a| of_float(a, |x| whole(x.floor()).map(Value::Int)),
        "ceil" => |a| of_float(a, |x| whole(x.ceil()).map(Value::Int)),
        "to_int" => |a| of_float(a, |x| whole(x.trunc()).map(Value::Int)),
        "sqrt" => |a| of_float(a, |x| finite(x.sqrt())),
        "pow" => |a| match a {
            [Value::Float(x), Value::Float(n)] => finite(x.powf(*n)),
            _ => mistyped("pow", a),
        },
        "format" => |a| match a {
            [Value::Float(x), Value::Int(n)] => {
                let n = digits(*n, 30)?;
                let x = if n <= 15 { rounded(*x, n as i64)? } else { *x };
                Ok(Value::text(format!("{x:.n$}")))
            }
            _ => mistyped("format", a),
        },
        "percent" => |a| {
            let n = match a.get(1) {
                Some(Value::Int(n)) => *n,
                None => 0,
                _ => return mistyped("percent", a),
            };
            let Some(Value::Float(x)) = a.first() else { return mistyped("percent", a) };
            let n = digits(n, 12)?;
            let x = rounded(x * 100.0, n as i64)?;
            checked_text(format!("{x:.n$}%"))
        },
        "seconds" => |a| of_float(a, |x| whole((x * 1_000.0).round()).map(Value::Duration)),
        "bytes" => |a| {
            of_float(a, |x| {
                if x < 0.0 { Err(invalid("a size cannot be negative")) } else { whole(x.round()).map(Value::Size) }
            })
        },
        "to_time" => |a| of_float(a, |x| whole((x * 1_000.0).round()).map(Value::Time)),
        _ => return None,
    })
}

fn duration(name: &str) -> Option<MethodFn> {
    fn per(a: &[Value], unit: f64) -> Res {
        match a {
            [Value::Duration(ms)] => Ok(Value::Float(*ms as f64 / unit)),
            _ => mistyped("Duration", a),
        }
    }
    Some(match name {
        "milliseconds" => |a| match a {
            [Value::Duration(ms)] => Ok(Value::Int(*ms)),
            _ => mistyped("milliseconds", a),
        },
        "seconds" => |a| per(a, 1e3),
        "minutes" => |a| per(a, 6e4),
        "hours" => |a| per(a, 3.6e6),
        "days" => |a| per(a, 8.64e7),
        "abs" => |a| match a {
            [Value::Duration(ms)] => ms.checked_abs().map(Value::Duration).ok_or_else(overflow),
            _ => mistyped("abs", a),
        },
        "round_to" => |a| match a {
            [Value::Duration(ms), Value::Duration(unit)] => nearest(*ms, *unit).map(Value::Duration),
            _ => mistyped("round_to", a),
        },
        _ => return None,
    })
}

/// The multiple of `unit` nearest to `n`, halves up.
pub(super) fn nearest(n: i64, unit: i64) -> Result<i64, Box<crate::vm::protocol::Failure>> {
    if unit <= 0 {
        return Err(invalid("the unit to round to must be longer than nothing"));
    }
    let low = n.checked_sub(n.rem_euclid(unit)).ok_or_else(overflow)?;
    if n.rem_euclid(unit) >= unit - n.rem_euclid(unit) { low.checked_add(unit).ok_or_else(overflow) } else { Ok(low) }
}

fn range(name: &str) -> Option<MethodFn> {
    Some(match name {
        "contains" => |a| match a {
            [range @ Value::Range(_), v] => ops::binary(crate::vm::code::Bin::In, v, range),
            _ => mistyped("contains", a),
        },
        "start" => |a| match a {
            [Value::Range(r)] => Ok(r.start.clone()),
            _ => mistyped("start", a),
        },
        "end" => |a| match a {
            [Value::Range(r)] => Ok(r.end.clone()),
            _ => mistyped("end", a),
        },
        "len" => |a| match a {
            [Value::Range(r)] => match ops::int_bounds(r) {
                Some((low, high)) => Ok(len(usize::try_from(i128::from(high) - i128::from(low)).unwrap_or(0))),
                None => mistyped("len", a),
            },
            _ => mistyped("len", a),
        },
        "to_list" => |a| match a {
            [Value::Range(r)] => match ops::int_bounds(r) {
                Some((low, high)) => {
                    room(usize::try_from(i128::from(high) - i128::from(low)).unwrap_or(0))?;
                    checked_list((low..high).map(Value::Int).collect())
                }
                None => mistyped("to_list", a),
            },
            _ => mistyped("to_list", a),
        },
        _ => return None,
    })
}
