//! Numbers, durations, sizes and ranges.

use super::{MethodFn, checked_text, len, room};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops::{self, compare, finite, overflow};

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    match (head, name) {
        ("Int" | "Float" | "Duration" | "Size", "min") => Some(|a| pick(a, std::cmp::Ordering::Less)),
        ("Int" | "Float" | "Duration" | "Size", "max") => Some(|a| pick(a, std::cmp::Ordering::Greater)),
        ("Int" | "Float" | "Duration" | "Size", "clamp") => Some(clamp),
        ("Int" | "Float" | "Duration", "sign") => Some(sign),
        ("Bool", "to_int") => Some(|a| match a {
            [Value::Bool(b)] => Ok(Value::Int(i64::from(*b))),
            _ => mistyped("to_int", a),
        }),
        ("Duration", "abs") => Some(|a| match a {
            [Value::Duration(ms)] => ms.checked_abs().map(Value::Duration).ok_or_else(overflow),
            _ => mistyped("abs", a),
        }),
        ("Int", _) => int(name),
        ("Float", _) => float(name),
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

pub(super) fn clamp(a: &mut [Value]) -> Res {
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

fn sign(a: &mut [Value]) -> Res {
    match a {
        [Value::Int(n) | Value::Duration(n)] => Ok(Value::Int(n.signum())),
        [Value::Float(f)] if *f == 0.0 => Ok(Value::Int(0)),
        [Value::Float(f)] => Ok(Value::Int(if *f > 0.0 { 1 } else { -1 })),
        _ => mistyped("sign", a),
    }
}

fn of_int(a: &[Value], f: impl FnOnce(i64) -> Res) -> Res {
    match a {
        [Value::Int(i)] => f(*i),
        _ => mistyped("Int", a),
    }
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
        "grouped" => grouped,
        "to_time" => |a| of_int(a, |i| i.checked_mul(1_000).map(Value::Time).ok_or_else(overflow)),
        _ => return None,
    })
}

pub(super) fn digits(n: i64, most: usize) -> Result<usize, Box<crate::vm::protocol::Failure>> {
    usize::try_from(n)
        .ok()
        .filter(|n| *n <= most)
        .ok_or_else(|| invalid(format!("the digits must be 0 to {most}, not {n}")))
}

/// A whole number from a Float that holds one in range.
pub(super) fn whole(f: f64) -> Result<i64, Box<crate::vm::protocol::Failure>> {
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
        "div" => |a| match a {
            [Value::Float(_), Value::Float(y)] if *y == 0.0 => Err(ops::by_zero()),
            [Value::Float(x), Value::Float(y)] => whole((*x / *y).trunc()).map(Value::Int),
            _ => mistyped("div", a),
        },
        "to_time" => |a| of_float(a, |x| whole((x * 1_000.0).round()).map(Value::Time)),
        _ => return None,
    })
}

/// `1234567` as `1,234,567`.
fn grouped(a: &mut [Value]) -> Res {
    let (Some(Value::Int(n)), separator) = (a.first(), a.get(1)) else { return mistyped("grouped", a) };
    let separator = separator.and_then(Value::as_text).unwrap_or(",");
    let plain = n.unsigned_abs().to_string();
    let mut out = String::from(if *n < 0 { "-" } else { "" });
    for (i, digit) in plain.chars().enumerate() {
        if i > 0 && (plain.len() - i).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    checked_text(out)
}

/// The whole numbers of a range, as many as a list holds.
fn numbers(a: &[Value]) -> Result<Vec<Value>, Box<crate::vm::protocol::Failure>> {
    let bounds = match a {
        [Value::Range(r)] => ops::int_bounds(r),
        _ => None,
    };
    let (low, high) = bounds.ok_or_else(|| invalid("the range is too long"))?;
    room(usize::try_from(i128::from(high) - i128::from(low)).unwrap_or(0))?;
    Ok((low..high).map(Value::Int).collect())
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
        "to_list" => |a| numbers(a).map(Value::list),
        "is_empty" => |a| match a {
            [Value::Range(r)] => {
                let order = compare(&r.start, &r.end);
                Ok(Value::Bool(if r.inclusive { order.is_gt() } else { order.is_ge() }))
            }
            _ => mistyped("is_empty", a),
        },
        "reverse" => |a| numbers(a).map(|all| Value::list(all.into_iter().rev())),
        "step" => |a| match a {
            [_, Value::Int(n)] if *n <= 0 => Err(invalid(format!("a step of {n} leads nowhere"))),
            [range, Value::Int(n)] => {
                let n = usize::try_from(*n).unwrap_or(usize::MAX);
                numbers(std::slice::from_ref(range)).map(|all| Value::list(all.into_iter().step_by(n)))
            }
            _ => mistyped("step", a),
        },
        _ => return None,
    })
}
