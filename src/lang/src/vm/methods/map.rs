//! Maps.

use std::cmp::Ordering;
use std::mem::take;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::{MethodFn, len, room};
use crate::value::Value;
use crate::vm::failure::{Res, mistyped};
use crate::vm::ops::compare;

pub(super) fn find(name: &str) -> Option<MethodFn> {
    Some(match name {
        "len" => |a| match a {
            [Value::Map(m)] => Ok(len(m.len())),
            _ => mistyped("len", a),
        },
        "is_empty" => |a| match a {
            [Value::Map(m)] => Ok(Value::Bool(m.is_empty())),
            _ => mistyped("is_empty", a),
        },
        "get" => |a| match a {
            [Value::Map(m), k] => Ok(m.get(k).cloned().unwrap_or(Value::None)),
            _ => mistyped("get", a),
        },
        "contains" => |a| match a {
            [Value::Map(m), k] => Ok(Value::Bool(m.contains_key(k))),
            _ => mistyped("contains", a),
        },
        "keys" => |a| match a {
            [Value::Map(m)] => Ok(Value::list(m.keys().cloned())),
            _ => mistyped("keys", a),
        },
        "values" => |a| match a {
            [Value::Map(m)] => Ok(Value::list(m.values().cloned())),
            _ => mistyped("values", a),
        },
        "entries" => |a| match a {
            [Value::Map(m)] => {
                Ok(Value::list(m.iter().map(|(k, v)| Value::record([("key", k.clone()), ("value", v.clone())]))))
            }
            _ => mistyped("entries", a),
        },
        "set" => |a| match a {
            [Value::Map(m), k, v] => {
                room(m.len() + 1)?;
                Arc::make_mut(m).insert(std::mem::replace(k, Value::Nothing), std::mem::replace(v, Value::Nothing));
                Ok(Value::Map(take(m)))
            }
            _ => mistyped("set", a),
        },
        "remove" => |a| match a {
            [Value::Map(m), k] => {
                Arc::make_mut(m).shift_remove(k);
                Ok(Value::Map(take(m)))
            }
            _ => mistyped("remove", a),
        },
        "merge" => |a| match a {
            [Value::Map(m), Value::Map(other)] => {
                room(m.len() + other.len())?;
                Arc::make_mut(m).extend(other.iter().map(|(k, v)| (k.clone(), v.clone())));
                Ok(Value::Map(take(m)))
            }
            _ => mistyped("merge", a),
        },
        "map_values" => |a| match a {
            [Value::Map(m), Value::List(values)] => {
                Ok(Value::Map(Arc::new(m.keys().cloned().zip(values.iter().cloned()).collect())))
            }
            _ => mistyped("map_values", a),
        },
        "filter" => |a| match a {
            [Value::Map(m), Value::List(flags)] => {
                let kept = m.iter().zip(flags.iter()).filter(|(_, keep)| **keep == Value::Bool(true));
                Ok(Value::Map(Arc::new(kept.map(|((k, v), _)| (k.clone(), v.clone())).collect())))
            }
            _ => mistyped("filter", a),
        },
        "map_keys" => |a| match a {
            [Value::Map(m), Value::List(keys)] => {
                Ok(Value::Map(Arc::new(keys.iter().cloned().zip(m.values().cloned()).collect())))
            }
            _ => mistyped("map_keys", a),
        },
        "count" => |a| match a {
            [Value::Map(_), Value::List(flags)] => Ok(len(flags.iter().filter(|f| **f == Value::Bool(true)).count())),
            _ => mistyped("count", a),
        },
        "sort_by" => |a| match a {
            [Value::Map(m), Value::List(keys)] => {
                let mut rows: Vec<_> = keys.iter().zip(m.iter()).collect();
                rows.sort_by(|l, r| compare(l.0, r.0));
                Ok(Value::Map(Arc::new(rows.into_iter().map(|(_, (k, v))| (k.clone(), v.clone())).collect())))
            }
            _ => mistyped("sort_by", a),
        },
        "max_by" => |a| extreme(a, Ordering::Greater),
        "min_by" => |a| extreme(a, Ordering::Less),
        "pick" => |a| match a {
            [Value::Map(m), Value::List(keys)] => {
                let keys: IndexSet<&Value> = keys.iter().collect();
                Ok(only(m, |k| keys.contains(k)))
            }
            _ => mistyped("pick", a),
        },
        "omit" => |a| match a {
            [Value::Map(m), Value::List(keys)] => {
                let keys: IndexSet<&Value> = keys.iter().collect();
                Ok(only(m, |k| !keys.contains(k)))
            }
            _ => mistyped("omit", a),
        },
        "invert" => |a| match a {
            [Value::Map(m)] => Ok(Value::Map(Arc::new(m.iter().map(|(k, v)| (v.clone(), k.clone())).collect()))),
            _ => mistyped("invert", a),
        },
        _ => return None,
    })
}

fn only(m: &IndexMap<Value, Value>, keep: impl Fn(&Value) -> bool) -> Value {
    Value::Map(Arc::new(m.iter().filter(|(k, _)| keep(k)).map(|(k, v)| (k.clone(), v.clone())).collect()))
}

/// The first entry whose key of comparison is the greatest or least.
fn extreme(a: &[Value], side: Ordering) -> Res {
    let [Value::Map(m), Value::List(keys)] = a else { return mistyped("max_by", a) };
    let best = m.iter().zip(keys.iter()).reduce(|best, v| if compare(v.1, best.1) == side { v } else { best });
    Ok(best.map_or(Value::None, |((k, v), _)| Value::record([("key", k.clone()), ("value", v.clone())])))
}
