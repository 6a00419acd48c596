//! Parts of lists, texts and bytes: slices, ends, windows, single places.

use std::ops::Range;
use std::sync::Arc;

use super::{MethodFn, checked_list, count, len, room};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops;

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    match head {
        "List" => list(name),
        "Text" => text(name),
        _ => bytes(name),
    }
}

/// The places from `start` up to `end`, both within `len`; negative ones count from the end.
fn places(arguments: &[Value], len: usize) -> Option<Range<usize>> {
    let place = |v: Option<&Value>, otherwise: usize| match v {
        Some(Value::Int(i)) if *i < 0 => Some(len.saturating_sub(count(i.saturating_neg()))),
        Some(Value::Int(i)) => Some(count(*i).min(len)),
        Some(_) => None,
        None => Some(otherwise),
    };
    let (start, end) = (place(arguments.first(), 0)?, place(arguments.get(1), len)?);
    Some(start..end.max(start))
}

fn list(name: &str) -> Option<MethodFn> {
    fn part(a: &[Value], of: impl FnOnce(&[Value], usize) -> Option<&[Value]>) -> Res {
        match a {
            [Value::List(x), Value::Int(n)] => {
                Ok(Value::list(of(x, count(*n).min(x.len())).unwrap_or_default().iter().cloned()))
            }
            _ => mistyped("a part", a),
        }
    }
    Some(match name {
        "take_last" => |a| part(a, |x, n| x.get(x.len() - n..)),
        "drop_last" => |a| part(a, |x, n| x.get(..x.len() - n)),
        "slice" => |a| match a {
            [Value::List(x), rest @ ..] if !rest.is_empty() => match places(rest, x.len()) {
                Some(at) => Ok(Value::list(x.get(at).unwrap_or_default().iter().cloned())),
                None => mistyped("slice", a),
            },
            _ => mistyped("slice", a),
        },
        "windows" => |a| match a {
            [Value::List(_), Value::Int(n)] if *n <= 0 => Err(invalid(format!("windows of {n} items cannot be made"))),
            [Value::List(x), Value::Int(n)] => {
                let n = count(*n);
                let windows = (x.len() + 1).saturating_sub(n);
                room(windows.saturating_mul(n))?;
                checked_list(x.windows(n).map(|w| Value::list(w.iter().cloned())).collect())
            }
            _ => mistyped("windows", a),
        },
        "only" => |a| match a {
            [Value::List(x)] => match x.as_slice() {
                [one] => Ok(one.clone()),
                others => Err(invalid(format!("expected one item, and there are {}", others.len()))),
            },
            _ => mistyped("only", a),
        },
        "set" => |a| match a {
            [Value::List(x), Value::Int(i), v] => {
                let (n, place) = (x.len(), ops::place(*i, x.len()));
                match place.and_then(|at| Arc::make_mut(x).get_mut(at)) {
                    Some(slot) => *slot = std::mem::replace(v, Value::Nothing),
                    None => return Err(invalid(format!("there is no item {i} in a list of {n}"))),
                }
                Ok(Value::List(std::mem::take(x)))
            }
            _ => mistyped("set", a),
        },
        "remove" => |a| match a {
            [Value::List(x), v] => Ok(Value::list(x.iter().filter(|i| !ops::same(i, v)).cloned())),
            _ => mistyped("remove", a),
        },
        "repeat" => |a| match a {
            [Value::List(x), Value::Int(n)] => {
                let n = count(*n);
                room(x.len().saturating_mul(n))?;
                Ok(Value::list(x.iter().cycle().take(x.len() * n).cloned()))
            }
            _ => mistyped("repeat", a),
        },
        _ => return None,
    })
}

/// The characters at these places.
fn characters(t: &str, at: Range<usize>) -> &str {
    let byte = |n: usize| t.char_indices().nth(n).map_or(t.len(), |(i, _)| i);
    t.get(byte(at.start)..byte(at.end)).unwrap_or("")
}

fn text(name: &str) -> Option<MethodFn> {
    fn part(a: &[Value], of: impl FnOnce(usize, usize) -> Range<usize>) -> Res {
        match a {
            [Value::Text(t), Value::Int(n)] => {
                let all = t.chars().count();
                Ok(Value::text(characters(t, of(all, count(*n).min(all)))))
            }
            _ => mistyped("a part", a),
        }
    }
    Some(match name {
        "take_last" => |a| part(a, |all, n| all - n..all),
        "drop_last" => |a| part(a, |all, n| 0..all - n),
        "slice" => |a| match a {
            [Value::Text(t), rest @ ..] if !rest.is_empty() => match places(rest, t.chars().count()) {
                Some(at) => Ok(Value::text(characters(t, at))),
                None => mistyped("slice", a),
            },
            _ => mistyped("slice", a),
        },
        "get" => |a| match a {
            [Value::Text(t), Value::Int(i)] => {
                let at = ops::place(*i, t.chars().count());
                Ok(at.map_or(Value::None, |at| Value::text(characters(t, at..at + 1))))
            }
            _ => mistyped("get", a),
        },
        _ => return None,
    })
}

fn bytes(name: &str) -> Option<MethodFn> {
    fn cut(b: &[u8], at: Range<usize>) -> Res {
        Ok(Value::Bytes(b.get(at).unwrap_or_default().into()))
    }
    Some(match name {
        "take" => |a| match a {
            [Value::Bytes(b), Value::Int(n)] => cut(b, 0..count(*n).min(b.len())),
            _ => mistyped("take", a),
        },
        "drop" => |a| match a {
            [Value::Bytes(b), Value::Int(n)] => cut(b, count(*n).min(b.len())..b.len()),
            _ => mistyped("drop", a),
        },
        "slice" => |a| match a {
            [Value::Bytes(b), rest @ ..] if !rest.is_empty() => match places(rest, b.len()) {
                Some(at) => cut(b, at),
                None => mistyped("slice", a),
            },
            _ => mistyped("slice", a),
        },
        "get" => |a| match a {
            [Value::Bytes(b), Value::Int(i)] => {
                let byte = ops::place(*i, b.len()).and_then(|at| b.get(at));
                Ok(byte.map_or(Value::None, |b| Value::Int(i64::from(*b))))
            }
            _ => mistyped("get", a),
        },
        "concat" => |a| match a {
            [Value::Bytes(x), Value::Bytes(y)] => {
                if x.len() + y.len() > crate::vm::limits::MAX_TEXT {
                    return Err(super::too_long());
                }
                Ok(Value::Bytes([&x[..], &y[..]].concat().into()))
            }
            _ => mistyped("concat", a),
        },
        "starts_with" => |a| match a {
            [Value::Bytes(x), Value::Bytes(y)] => Ok(Value::Bool(x.starts_with(y))),
            _ => mistyped("starts_with", a),
        },
        "to_list" => |a| match a {
            [Value::Bytes(b)] => {
                room(b.len())?;
                Ok(Value::list(b.iter().map(|b| Value::Int(i64::from(*b)))))
            }
            _ => mistyped("to_list", a),
        },
        "len" => |a| match a {
            [Value::Bytes(b)] => Ok(len(b.len())),
            _ => mistyped("len", a),
        },
        _ => return None,
    })
}
