//! Maps.

use std::mem::take;
use std::sync::Arc;

use super::{MethodFn, len, room};
use crate::value::Value;
use crate::vm::failure::mistyped;

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
        _ => return None,
    })
}
