//! The built-in methods at run time. Those that call a function were turned into loops by the compiler; here they finish
//! what the loop has collected: `[receiver, what the function gave for each item]`.

mod calendar;
mod items;
mod map;
mod number;
mod parts;
mod quantity;
mod text;
mod time;
pub(super) mod web;

use std::sync::Arc;

use super::failure::{Res, invalid, mistyped};
use super::limits::{MAX_ITEMS, MAX_TEXT};
use crate::value::{Secret, Value};

/// A method: its arguments, the receiver first. It may take them out of their places.
pub type MethodFn = fn(&mut [Value]) -> Res;

/// The method `List.len`; None for what the compiler turns into a loop, and for what is no method.
pub fn implementation(name: &str) -> Option<MethodFn> {
    let (head, method) = name.split_once('.')?;
    find(head, method)
}

fn find(head: &str, name: &str) -> Option<MethodFn> {
    match head {
        "List" => items::find(head, name).or_else(|| parts::find(head, name)),
        "Set" => items::find(head, name),
        "Map" => map::find(name),
        "Text" => text::find(name).or_else(|| parts::find(head, name)),
        "Bool" | "Float" | "Range" => number::find(head, name).or_else(|| quantity::find(head, name)),
        "Int" | "Duration" | "Size" => number::find(head, name).or_else(|| quantity::find(head, name)),
        "Time" => time::find(name).or_else(|| quantity::find(head, name)),
        "Cron" => calendar::cron(name),
        "Bytes" => web::find(head, name).or_else(|| parts::find(head, name)),
        "Url" | "Ip" | "Cidr" | "Json" => web::find(head, name),
        "Regex" => match name {
            "source" => Some(regex_source),
            "matches" => Some(|args| match args {
                [Value::Regex(p), Value::Text(t)] => Ok(Value::Bool(p.regex().is_match(t))),
                _ => mistyped("matches", args),
            }),
            _ => None,
        },
        "Optional" => (name == "to_list").then_some(optional_to_list as MethodFn),
        "Secret" => secret_method(name),
        "Failure" => (name == "is_transient").then_some(is_transient as MethodFn),
        "Any" => match name {
            "to_json" => Some(to_json),
            "to_text" => Some(to_text),
            "name" => Some(|args| match args {
                [Value::Variant(v)] => Ok(Value::Text(v.name.clone())),
                _ => mistyped("name", args),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the failure is of a kind that may pass by itself.
fn is_transient(args: &mut [Value]) -> Res {
    match args.first().and_then(|f| f.field("kind")) {
        Some(Value::Variant(kind)) => {
            Ok(Value::Bool(matches!(kind.name.as_str(), "timeout" | "unavailable" | "throttled")))
        }
        _ => mistyped("is_transient", args),
    }
}

fn regex_source(args: &mut [Value]) -> Res {
    match args {
        [Value::Regex(p)] => Ok(Value::text(p.regex().as_str())),
        _ => mistyped("source", args),
    }
}

fn optional_to_list(args: &mut [Value]) -> Res {
    match args {
        [Value::None] => Ok(Value::list([])),
        [value] => Ok(Value::list([std::mem::replace(value, Value::Nothing)])),
        _ => mistyped("to_list", args),
    }
}

fn to_json(args: &mut [Value]) -> Res {
    let (value, pretty) = match args {
        [value] => (value, false),
        [value, Value::Bool(pretty)] => (value, *pretty),
        _ => return mistyped("to_json", args),
    };
    let json = super::print::to_json(value).map_err(|e| invalid(e.to_string()))?;
    checked_text(match pretty {
        true => serde_json::to_string_pretty(&json).unwrap_or_default(),
        false => super::print::json_text(&json),
    })
}

fn to_text(args: &mut [Value]) -> Res {
    match args {
        [value] => checked_text(super::print::display(value)),
        _ => mistyped("to_text", args),
    }
}

/// How often a secret is wrapped at most.
const MAX_WRAPS: usize = 16;

fn secret_method(name: &str) -> Option<MethodFn> {
    fn wrap(secret: &Arc<Secret>, make: impl FnOnce(Arc<Secret>) -> Secret) -> Res {
        let (mut depth, mut at) = (0, &**secret);
        while let Secret::Prefixed(_, inner) | Secret::Suffixed(inner, _) | Secret::Base64(inner) = at {
            depth += 1;
            at = inner;
        }
        if depth >= MAX_WRAPS {
            return Err(invalid(format!("a Secret can be changed {MAX_WRAPS} times at most")));
        }
        Ok(Value::Secret(Arc::new(make(secret.clone()))))
    }
    Some(match name {
        "prefixed" => |args| match args {
            [Value::Secret(s), Value::Text(t)] => wrap(s, |s| Secret::Prefixed(t.clone(), s)),
            _ => mistyped("prefixed", args),
        },
        "suffixed" => |args| match args {
            [Value::Secret(s), Value::Text(t)] => wrap(s, |s| Secret::Suffixed(s, t.clone())),
            _ => mistyped("suffixed", args),
        },
        "base64" => |args| match args {
            [Value::Secret(s)] => wrap(s, Secret::Base64),
            _ => mistyped("base64", args),
        },
        _ => return None,
    })
}

/// A text within its bound.
pub(super) fn checked_text(text: impl Into<smol_str::SmolStr> + AsRef<str>) -> Res {
    if text.as_ref().len() > MAX_TEXT {
        return Err(too_long());
    }
    Ok(Value::Text(text.into()))
}

pub(super) fn too_long() -> Box<super::protocol::Failure> {
    invalid(format!("the text would be longer than {} MiB", MAX_TEXT >> 20))
}

/// A list within its bound.
pub(super) fn checked_list(items: Vec<Value>) -> Res {
    room(items.len())?;
    Ok(Value::List(Arc::new(items)))
}

/// Fails for a collection of more items than there may be.
pub(super) fn room(len: usize) -> Result<(), Box<super::protocol::Failure>> {
    if len > MAX_ITEMS {
        return Err(invalid("a list, set or map can have 1,000,000 items at most"));
    }
    Ok(())
}

/// A count from an argument: negative ones are none.
fn count(n: i64) -> usize {
    usize::try_from(n.max(0)).unwrap_or(usize::MAX)
}

/// A length as a value.
fn len(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::methods::METHODS;

    #[test]
    fn every_method_is_implemented_or_a_loop() {
        // What the compiler turns into loops that need no finishing.
        let loops = [
            "List.map",
            "Range.map",
            "Set.map",
            "List.flat_map",
            "List.any",
            "List.all",
            "Set.any",
            "Set.all",
            "Map.any",
            "Map.all",
            "List.take_while",
            "List.fold",
            "Optional.map",
            "Optional.filter",
            "Optional.any",
            "List.filter_map",
            "List.sum_by",
            "List.index_where",
            "List.drop_while",
            "Map.map",
            "Range.filter",
            "Range.any",
            "Range.all",
        ];
        for m in METHODS.iter() {
            let name = format!("{}.{}", m.head(), m.name);
            assert!(find(m.head(), m.name).is_some() || loops.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn mistyped_arguments_fail_and_do_not_panic() {
        for m in METHODS.iter() {
            let Some(f) = find(m.head(), m.name) else { continue };
            for n in 0..4 {
                let mut args = vec![Value::Nothing; n];
                let _ = f(&mut args);
                let mut args = vec![Value::Unknown; n];
                let _ = f(&mut args);
            }
        }
    }

    #[test]
    fn a_secret_is_changed_sixteen_times_at_most() {
        for name in ["prefixed", "suffixed", "base64"] {
            let method = secret_method(name).unwrap();
            let changed = |times: usize| {
                let first = Value::Secret(Arc::new(Secret::Ref("env:TOKEN".into())));
                (0..times).try_fold(first, |secret, _| {
                    let mut args = vec![secret, Value::text("x")];
                    args.truncate(if name == "base64" { 1 } else { 2 });
                    method(&mut args)
                })
            };
            for (times, fits) in [(MAX_WRAPS - 1, true), (MAX_WRAPS, true), (MAX_WRAPS + 1, false)] {
                assert_eq!(changed(times).is_ok(), fits, "{name} {times}");
            }
        }
    }
}
