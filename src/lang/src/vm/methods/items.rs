//! Lists and sets.

use std::cmp::Ordering;
use std::mem::take;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::{MethodFn, checked_list, checked_text, count, len, room};
use crate::value::Value;
use crate::vm::failure::{Res, invalid, mistyped};
use crate::vm::ops::{self, compare, same};

fn value_or_none(value: Option<Value>) -> Res {
    Ok(value.unwrap_or(Value::None))
}

fn owned(items: &mut Arc<Vec<Value>>) -> Vec<Value> {
    Arc::try_unwrap(take(items)).unwrap_or_else(|shared| (*shared).clone())
}

fn pair(left: (&str, Value), right: (&str, Value)) -> Value {
    Value::record([left, right])
}

/// Keeps the items whose flag is true.
fn kept<'a>(items: impl Iterator<Item = &'a Value>, flags: &[Value]) -> Vec<Value> {
    items.zip(flags).filter(|(_, keep)| **keep == Value::Bool(true)).map(|(v, _)| v.clone()).collect()
}

pub(super) fn find(head: &str, name: &str) -> Option<MethodFn> {
    if head == "Set" { set(name) } else { list(name).or_else(|| by_key(name)) }
}

fn list(name: &str) -> Option<MethodFn> {
    Some(match name {
        "len" => |a| match a {
            [Value::List(x)] => Ok(len(x.len())),
            _ => mistyped("len", a),
        },
        "is_empty" => |a| match a {
            [Value::List(x)] => Ok(Value::Bool(x.is_empty())),
            _ => mistyped("is_empty", a),
        },
        "first" => |a| match a {
            [Value::List(x)] => value_or_none(x.first().cloned()),
            _ => mistyped("first", a),
        },
        "last" => |a| match a {
            [Value::List(x)] => value_or_none(x.last().cloned()),
            _ => mistyped("last", a),
        },
        "get" => |a| match a {
            [Value::List(x), Value::Int(i)] => value_or_none(ops::place(*i, x.len()).and_then(|i| x.get(i)).cloned()),
            _ => mistyped("get", a),
        },
        "contains" => |a| match a {
            [Value::List(x), v] => Ok(Value::Bool(x.iter().any(|i| same(i, v)))),
            _ => mistyped("contains", a),
        },
        "index_of" => |a| match a {
            [Value::List(x), v] => value_or_none(x.iter().position(|i| same(i, v)).map(len)),
            _ => mistyped("index_of", a),
        },
        "filter" => |a| match a {
            [Value::List(x), Value::List(flags)] => Ok(Value::list(kept(x.iter(), flags))),
            _ => mistyped("filter", a),
        },
        "count" => |a| match a {
            [Value::List(_), Value::List(flags)] => Ok(len(flags.iter().filter(|f| **f == Value::Bool(true)).count())),
            _ => mistyped("count", a),
        },
        "sort" => |a| match a {
            [Value::List(x)] => {
                let mut items = owned(x);
                items.sort_by(compare);
                Ok(Value::list(items))
            }
            _ => mistyped("sort", a),
        },
        "sort_by" => sort_by,
        "max" => |a| extreme(a, Ordering::Greater),
        "min" => |a| extreme(a, Ordering::Less),
        "max_by" => |a| extreme_by(a, Ordering::Greater),
        "min_by" => |a| extreme_by(a, Ordering::Less),
        "group_by" => group_by,
        "unique" => |a| match a {
            [Value::List(x)] => Ok(Value::list(owned(x).into_iter().collect::<IndexSet<_>>())),
            _ => mistyped("unique", a),
        },
        "unique_by" => |a| match a {
            [Value::List(x), Value::List(keys)] => {
                let mut seen = IndexSet::new();
                Ok(Value::list(
                    x.iter().zip(keys.iter()).filter(|(_, k)| seen.insert((*k).clone())).map(|(v, _)| v.clone()),
                ))
            }
            _ => mistyped("unique_by", a),
        },
        "reverse" => |a| match a {
            [Value::List(x)] => {
                let mut items = owned(x);
                items.reverse();
                Ok(Value::list(items))
            }
            _ => mistyped("reverse", a),
        },
        "take" => |a| match a {
            [Value::List(x), Value::Int(n)] => Ok(Value::list(x.iter().take(count(*n)).cloned())),
            _ => mistyped("take", a),
        },
        "drop" => |a| match a {
            [Value::List(x), Value::Int(n)] => Ok(Value::list(x.iter().skip(count(*n)).cloned())),
            _ => mistyped("drop", a),
        },
        "chunks" => |a| match a {
            [Value::List(_), Value::Int(n)] if *n <= 0 => Err(invalid(format!("chunks of {n} items cannot be made"))),
            [Value::List(x), Value::Int(n)] => {
                Ok(Value::list(x.chunks(count(*n)).map(|c| Value::list(c.iter().cloned()))))
            }
            _ => mistyped("chunks", a),
        },
        "concat" => |a| match a {
            [Value::List(x), Value::List(y)] => {
                room(x.len() + y.len())?;
                Arc::make_mut(x).extend(y.iter().cloned());
                Ok(Value::List(take(x)))
            }
            _ => mistyped("concat", a),
        },
        "push" => |a| match a {
            [Value::List(x), v] => {
                room(x.len() + 1)?;
                Arc::make_mut(x).push(std::mem::replace(v, Value::Nothing));
                Ok(Value::List(take(x)))
            }
            _ => mistyped("push", a),
        },
        "zip" => |a| match a {
            [Value::List(x), Value::List(y)] => {
                Ok(Value::list(x.iter().zip(y.iter()).map(|(l, r)| pair(("left", l.clone()), ("right", r.clone())))))
            }
            _ => mistyped("zip", a),
        },
        "enumerate" => |a| match a {
            [Value::List(x)] => {
                Ok(Value::list(x.iter().enumerate().map(|(i, v)| pair(("index", len(i)), ("value", v.clone())))))
            }
            _ => mistyped("enumerate", a),
        },
        "to_set" => |a| match a {
            [Value::List(x)] => Ok(Value::Set(Arc::new(owned(x).into_iter().collect()))),
            _ => mistyped("to_set", a),
        },
        // The keys, then the values.
        "to_map" => |a| match a {
            [Value::List(k), Value::List(v)] => {
                Ok(Value::Map(Arc::new(k.iter().cloned().zip(v.iter().cloned()).collect())))
            }
            _ => mistyped("to_map", a),
        },
        "sum" => sum,
        "average" => average,
        "percentile" => percentile,
        "join" => join,
        "flatten" => |a| match a {
            [Value::List(x)] => {
                let mut all = Vec::new();
                for inner in x.iter() {
                    let Value::List(items) = inner else { return mistyped("flatten", a) };
                    room(all.len() + items.len())?;
                    all.extend(items.iter().cloned());
                }
                checked_list(all)
            }
            _ => mistyped("flatten", a),
        },
        "present" => |a| match a {
            [Value::List(x)] => Ok(Value::list(x.iter().filter(|v| !ops::absent(v)).cloned())),
            _ => mistyped("present", a),
        },
        _ => return None,
    })
}

/// What needs the value that a function gave for each item.
fn by_key(name: &str) -> Option<MethodFn> {
    Some(match name {
        "partition" => |a| match a {
            [Value::List(x), Value::List(flags)] => {
                let refused: Vec<Value> = flags.iter().map(|f| Value::Bool(*f != Value::Bool(true))).collect();
                let (yes, no) = (kept(x.iter(), flags), kept(x.iter(), &refused));
                Ok(pair(("yes", Value::list(yes)), ("no", Value::list(no))))
            }
            _ => mistyped("partition", a),
        },
        "count_by" => |a| match a {
            [Value::List(_), Value::List(keys)] => {
                let mut counts: IndexMap<Value, i64> = IndexMap::new();
                for k in keys.iter() {
                    *counts.entry(k.clone()).or_default() += 1;
                }
                Ok(Value::Map(Arc::new(counts.into_iter().map(|(k, n)| (k, Value::Int(n))).collect())))
            }
            _ => mistyped("count_by", a),
        },
        "key_by" => |a| match a {
            [Value::List(x), Value::List(keys)] => {
                Ok(Value::Map(Arc::new(keys.iter().cloned().zip(x.iter().cloned()).collect())))
            }
            _ => mistyped("key_by", a),
        },
        _ => return None,
    })
}

fn sort_by(a: &mut [Value]) -> Res {
    let [Value::List(x), Value::List(keys)] = a else { return mistyped("sort_by", a) };
    let mut rows: Vec<(&Value, &Value)> = keys.iter().zip(x.iter()).collect();
    rows.sort_by(|l, r| compare(l.0, r.0));
    Ok(Value::list(rows.into_iter().map(|(_, v)| v.clone())))
}

fn extreme(a: &[Value], side: Ordering) -> Res {
    let better = |best, v| if compare(v, best) == side { v } else { best };
    match a {
        [Value::List(x)] => value_or_none(x.iter().reduce(better).cloned()),
        [Value::Set(x)] => value_or_none(x.iter().reduce(better).cloned()),
        _ => mistyped("max", a),
    }
}

fn extreme_by(a: &[Value], side: Ordering) -> Res {
    let [Value::List(x), Value::List(keys)] = a else { return mistyped("max_by", a) };
    let best = x.iter().zip(keys.iter()).reduce(|best, v| if compare(v.1, best.1) == side { v } else { best });
    value_or_none(best.map(|(v, _)| v.clone()))
}

fn group_by(a: &mut [Value]) -> Res {
    let [Value::List(x), Value::List(keys)] = a else { return mistyped("group_by", a) };
    let mut groups: IndexMap<Value, Vec<Value>> = IndexMap::new();
    for (v, k) in x.iter().zip(keys.iter()) {
        groups.entry(k.clone()).or_default().push(v.clone());
    }
    Ok(Value::Map(Arc::new(groups.into_iter().map(|(k, v)| (k, Value::list(v))).collect())))
}

/// The items and the zero of their type.
fn sum(a: &mut [Value]) -> Res {
    let [Value::List(x), zero] = a else { return mistyped("sum", a) };
    let mut total = zero.clone();
    for v in x.iter() {
        total = ops::binary(crate::vm::code::Bin::Add, &total, v)?;
    }
    Ok(total)
}

/// The items as numbers, and what makes a value of their type of one.
fn numbers(items: &[Value]) -> (Vec<f64>, fn(f64) -> Res) {
    let numbers = items.iter().filter_map(|v| match v {
        Value::Float(f) => Some(*f),
        Value::Int(i) | Value::Duration(i) | Value::Size(i) => Some(*i as f64),
        _ => None,
    });
    let wrap: fn(f64) -> Res = match items.first() {
        Some(Value::Duration(_)) => |f| super::number::whole(f.round()).map(Value::Duration),
        Some(Value::Size(_)) => |f| super::number::whole(f.round()).map(Value::Size),
        _ => ops::finite,
    };
    (numbers.collect(), wrap)
}

fn average(a: &mut [Value]) -> Res {
    let [Value::List(x)] = a else { return mistyped("average", a) };
    if x.is_empty() {
        return Ok(Value::None);
    }
    let (numbers, wrap) = numbers(x);
    // A sum of quotients stays finite where the quotient of a sum does not.
    let n = numbers.len() as f64;
    let sum: f64 = numbers.iter().sum();
    wrap(if sum.is_finite() { sum / n } else { numbers.iter().map(|f| f / n).sum() })
}

fn percentile(a: &mut [Value]) -> Res {
    let [Value::List(x), Value::Float(share)] = a else { return mistyped("percentile", a) };
    if !(0.0..=1.0).contains(share) {
        return Err(invalid(format!(
            "a percentile lies between 0% and 100%, not at {}",
            crate::vm::print::float(*share)
        )));
    }
    let (mut numbers, wrap) = numbers(x);
    numbers.sort_by(f64::total_cmp);
    let Some(last) = numbers.len().checked_sub(1) else { return Ok(Value::None) };
    let at = *share * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let of = |i: usize| numbers.get(i.min(last)).copied().unwrap_or(0.0);
    wrap(of(low) * (1.0 - part) + of(low + 1) * part)
}

fn join(a: &mut [Value]) -> Res {
    let separator = a.get(1).and_then(Value::as_text).unwrap_or("");
    match a.first() {
        Some(Value::List(x)) => joined(x.iter(), separator),
        Some(Value::Set(x)) => joined(x.iter(), separator),
        _ => mistyped("join", a),
    }
}

fn joined<'a>(items: impl Iterator<Item = &'a Value>, separator: &str) -> Res {
    let mut out = String::new();
    for (i, v) in items.enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        crate::vm::print::write_value(&mut out, v);
        if out.len() > crate::vm::limits::MAX_TEXT {
            return Err(super::too_long());
        }
    }
    checked_text(out)
}

fn set(name: &str) -> Option<MethodFn> {
    fn combine(a: &mut [Value], f: fn(&IndexSet<Value>, &IndexSet<Value>) -> IndexSet<Value>) -> Res {
        match a {
            [Value::Set(x), Value::Set(y)] => {
                let made = f(x, y);
                room(made.len())?;
                Ok(Value::Set(Arc::new(made)))
            }
            _ => mistyped("union", a),
        }
    }
    fn relation(a: &[Value], f: fn(&IndexSet<Value>, &IndexSet<Value>) -> bool) -> Res {
        match a {
            [Value::Set(x), Value::Set(y)] => Ok(Value::Bool(f(x, y))),
            _ => mistyped("is_subset", a),
        }
    }
    Some(match name {
        "len" => |a| match a {
            [Value::Set(x)] => Ok(len(x.len())),
            _ => mistyped("len", a),
        },
        "is_empty" => |a| match a {
            [Value::Set(x)] => Ok(Value::Bool(x.is_empty())),
            _ => mistyped("is_empty", a),
        },
        "contains" => |a| match a {
            [Value::Set(x), v] => Ok(Value::Bool(x.contains(v))),
            _ => mistyped("contains", a),
        },
        "first" => |a| match a {
            [Value::Set(x)] => value_or_none(x.first().cloned()),
            _ => mistyped("first", a),
        },
        "filter" => |a| match a {
            [Value::Set(x), Value::List(flags)] => {
                Ok(Value::Set(Arc::new(kept(x.iter(), flags).into_iter().collect())))
            }
            _ => mistyped("filter", a),
        },
        "add" => |a| match a {
            [Value::Set(x), v] => {
                room(x.len() + 1)?;
                Arc::make_mut(x).insert(std::mem::replace(v, Value::Nothing));
                Ok(Value::Set(take(x)))
            }
            _ => mistyped("add", a),
        },
        "remove" => |a| match a {
            [Value::Set(x), v] => {
                Arc::make_mut(x).shift_remove(v);
                Ok(Value::Set(take(x)))
            }
            _ => mistyped("remove", a),
        },
        "union" => |a| combine(a, |x, y| x.union(y).cloned().collect()),
        "intersect" => |a| combine(a, |x, y| x.intersection(y).cloned().collect()),
        "minus" => |a| combine(a, |x, y| x.difference(y).cloned().collect()),
        "is_subset" => |a| relation(a, IndexSet::is_subset),
        "is_superset" => |a| relation(a, IndexSet::is_superset),
        "is_disjoint" => |a| relation(a, IndexSet::is_disjoint),
        "count" => |a| match a {
            [Value::Set(_), Value::List(flags)] => Ok(len(flags.iter().filter(|f| **f == Value::Bool(true)).count())),
            _ => mistyped("count", a),
        },
        "sort" => |a| match a {
            [Value::Set(x)] => {
                let mut items: Vec<Value> = x.iter().cloned().collect();
                items.sort_by(compare);
                Ok(Value::list(items))
            }
            _ => mistyped("sort", a),
        },
        "max" => |a| extreme(a, Ordering::Greater),
        "min" => |a| extreme(a, Ordering::Less),
        "join" => join,
        "to_list" => |a| match a {
            [Value::Set(x)] => Ok(Value::list(x.iter().cloned())),
            _ => mistyped("to_list", a),
        },
        _ => return None,
    })
}
