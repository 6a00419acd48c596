//! What durations and sizes have in common with whole numbers: multiples of a unit, units of their own, a print for people.

use super::number::{digits, whole};
use super::{MethodFn, checked_text};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops::{self, overflow};
use crate::vm::print;
use crate::vm::protocol::Failure;

const SIZES: [(&str, i64); 9] = [
    ("bytes", 1),
    ("kilobytes", 1_000),
    ("megabytes", 1_000_000),
    ("gigabytes", 1_000_000_000),
    ("terabytes", 1_000_000_000_000),
    ("kibibytes", 1 << 10),
    ("mebibytes", 1 << 20),
    ("gibibytes", 1 << 30),
    ("tebibytes", 1 << 40),
];

macro_rules! by_unit {
    ($name:expr, $f:ident: $($unit:literal = $n:expr),* $(,)?) => {
        match $name {
            $($unit => Some((|a: &mut [Value]| $f(a, $n)) as MethodFn),)*
            _ => None,
        }
    };
}

macro_rules! of_units {
    ($name:expr, $duration:ident, $size:ident) => {
        by_unit!($name, $duration: "milliseconds" = 1, "seconds" = 1_000, "minutes" = 60_000, "hours" = 3_600_000,
            "days" = 86_400_000, "weeks" = 604_800_000)
        .or_else(|| by_unit!($name, $size: "bytes" = SIZES[0].1, "kilobytes" = SIZES[1].1, "megabytes" = SIZES[2].1,
            "gigabytes" = SIZES[3].1, "terabytes" = SIZES[4].1, "kibibytes" = SIZES[5].1, "mebibytes" = SIZES[6].1,
            "gibibytes" = SIZES[7].1, "tebibytes" = SIZES[8].1))
    };
}

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    match (head, name) {
        ("Int" | "Duration" | "Size" | "Time", "round_to") => Some(|a| stepped(a, nearest)),
        ("Int" | "Duration" | "Size" | "Time", "floor_to") => Some(|a| stepped(a, below)),
        ("Int" | "Duration" | "Size" | "Time", "ceil_to") => Some(|a| stepped(a, above)),
        ("Duration" | "Size", "div") => Some(|a| match a {
            [Value::Duration(_), Value::Duration(0)] | [Value::Size(_), Value::Size(0)] => Err(ops::by_zero()),
            [Value::Duration(x), Value::Duration(y)] | [Value::Size(x), Value::Size(y)] => {
                x.checked_div(*y).map(Value::Int).ok_or_else(overflow)
            }
            _ => mistyped("div", a),
        }),
        ("Int" | "Float", _) => of_units!(name, make_duration, make_size),
        ("Duration", "human") => Some(duration_human),
        ("Duration", "parts") => Some(duration_parts),
        ("Size", "human") => Some(size_human),
        ("Duration", "milliseconds") | ("Size", "bytes") => Some(|a| match a {
            [Value::Duration(n) | Value::Size(n)] => Ok(Value::Int(*n)),
            _ => mistyped("bytes", a),
        }),
        ("Duration" | "Size", _) => of_units!(name, in_unit, in_unit),
        _ => None,
    }
}

/// So many of a unit, to the millisecond or byte.
fn scaled(a: &[Value], unit: i64) -> Result<i64, Box<Failure>> {
    match a {
        [Value::Int(n)] => n.checked_mul(unit).ok_or_else(overflow),
        [Value::Float(f)] => whole((f * unit as f64).round()),
        _ => Err(invalid("a number was expected; this is a defect of rrb")),
    }
}

fn make_duration(a: &[Value], unit: i64) -> Res {
    scaled(a, unit).map(Value::Duration)
}

fn make_size(a: &[Value], unit: i64) -> Res {
    match scaled(a, unit)? {
        n if n < 0 => Err(invalid("a size cannot be negative")),
        n => Ok(Value::Size(n)),
    }
}

fn in_unit(a: &[Value], unit: i64) -> Res {
    match a {
        [Value::Duration(n) | Value::Size(n)] => Ok(Value::Float(*n as f64 / unit as f64)),
        _ => mistyped("a quantity", a),
    }
}

type Step = fn(i64, i64) -> Option<i64>;

/// A multiple of the argument, of the receiver's type.
fn stepped(a: &[Value], step: Step) -> Res {
    let (n, unit, wrap): (i64, i64, fn(i64) -> Value) = match a {
        [Value::Int(n), Value::Int(unit)] => (*n, *unit, Value::Int),
        [Value::Duration(n), Value::Duration(unit)] => (*n, *unit, Value::Duration),
        [Value::Size(n), Value::Size(unit)] => (*n, *unit, Value::Size),
        [Value::Time(n), Value::Duration(unit)] => (*n, *unit, Value::Time),
        _ => return mistyped("round_to", a),
    };
    if unit <= 0 {
        return Err(invalid("the unit to round to must be more than nothing"));
    }
    step(n, unit).map(wrap).ok_or_else(overflow)
}

fn below(n: i64, unit: i64) -> Option<i64> {
    n.checked_sub(n.rem_euclid(unit))
}

fn above(n: i64, unit: i64) -> Option<i64> {
    if n.rem_euclid(unit) == 0 { Some(n) } else { n.checked_add(unit - n.rem_euclid(unit)) }
}

fn nearest(n: i64, unit: i64) -> Option<i64> {
    if n.rem_euclid(unit) >= unit - n.rem_euclid(unit) { above(n, unit) } else { below(n, unit) }
}

fn duration_parts(a: &mut [Value]) -> Res {
    let [Value::Duration(ms)] = a else { return mistyped("parts", a) };
    let (mut rest, mut fields) = (*ms, Vec::new());
    for (name, unit) in
        [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000), ("seconds", 1_000), ("milliseconds", 1)]
    {
        fields.push((name, Value::Int(rest / unit)));
        rest %= unit;
    }
    Ok(Value::record(fields))
}

fn duration_human(a: &mut [Value]) -> Res {
    let (Some(Value::Duration(ms)), units) = (a.first(), a.get(1)) else { return mistyped("human", a) };
    let units = match units {
        Some(Value::Int(n)) if (1..=5).contains(n) => *n as usize,
        Some(Value::Int(n)) => return Err(invalid(format!("a duration has 1 to 5 units, not {n}"))),
        _ => 2,
    };
    let mut kept = 0_i64;
    let mut rest = *ms;
    let steps = [86_400_000, 3_600_000, 60_000, 1_000, 1];
    let first = steps.iter().position(|unit| rest / unit != 0).unwrap_or(0);
    for unit in steps.iter().skip(first).take(units) {
        kept += rest - rest % unit;
        rest %= unit;
    }
    checked_text(print::duration(kept))
}

fn size_human(a: &mut [Value]) -> Res {
    let (Some(Value::Size(bytes)), n) = (a.first(), a.get(1)) else { return mistyped("human", a) };
    let n = match n {
        Some(Value::Int(n)) => digits(*n, 6)?,
        _ => 1,
    };
    let units = [("PiB", 1_i64 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((name, unit)) = units.iter().find(|(_, unit)| bytes >= unit) else {
        return checked_text(format!("{bytes}B"));
    };
    let text = format!("{:.n$}", *bytes as f64 / *unit as f64);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    checked_text(format!("{text}{name}"))
}
