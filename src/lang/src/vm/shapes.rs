//! Values that are brought into another shape, and where values of settings come from.

use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use super::code::Shape;
use super::decode;
use super::failure::{self, Res, invalid};
use super::image::Program;
use super::interp::{Context, damaged};
use super::limits;
use super::methods;
use super::print;
use super::protocol::Failure;
use crate::hir::SettingOwner;
use crate::ids::SettingId;
use crate::json::Json;
use crate::value::{Record, Value};

/// The value of a setting: of the instance, else of the default one, else its declared default.
pub(super) fn setting(cx: Context<'_>, id: SettingId, instance: &SmolStr) -> Res {
    let Some(setting) = cx.program.setting(id) else { return Err(damaged()) };
    let owner = match &setting.owner {
        SettingOwner::Module(_) => SmolStr::default(),
        SettingOwner::Connector(_) => instance.clone(),
    };
    let given = cx.settings.get(&(id, owner));
    let default = || setting.default.and_then(|k| cx.program.constant(k));
    match given.or_else(default) {
        Some(value) => Ok(value.clone()),
        None => {
            let (place, name) = match &setting.owner {
                SettingOwner::Module(m) => (format!("[settings.{m}]"), &setting.name),
                SettingOwner::Connector(c) => (format!("[connectors.{c}]"), &setting.name),
            };
            Err(invalid(format!("the setting `{name}` of {place} has no value for the instance `{instance}`")))
        }
    }
}
pub(super) fn decoded(program: &Program, ty: &crate::types::Ty, value: &Value) -> Res {
    let json = match value {
        Value::Json(json) => json.clone(),
        Value::Unknown => return Ok(Value::Unknown),
        Value::None => Json::Null,
        other => match print::to_json(other) {
            Ok(json) => json,
            Err(e) => return Err(invalid(e.to_string())),
        },
    };
    decode::decode(&program.types, ty, &json, &program.constants).map_err(|e| invalid(e.to_string()))
}

/// Brings a value into another shape.
pub(super) fn coerce(program: &Program, shape: &Shape, value: &Value) -> Res {
    if *value == Value::Unknown {
        return Ok(Value::Unknown);
    }
    let all = |inner: &Shape, items: &mut dyn Iterator<Item = &Value>| -> Res<Vec<Value>> {
        items.map(|v| coerce(program, inner, v)).collect()
    };
    Ok(match (shape, value) {
        (Shape::Same, v) => v.clone(),
        (Shape::IntToFloat, Value::Int(i)) => Value::Float(*i as f64),
        (Shape::ToJson | Shape::ToShown, v) if limits::has_unknown(v) => Value::Unknown,
        (Shape::ToJson, v) => Value::Json(print::to_json(v).map_err(|e| invalid(e.to_string()))?),
        (Shape::ToShown, v) => {
            // What has no Json has none for people either: a secret's reference is no business of theirs.
            print::to_json(v).map_err(|e| invalid(e.to_string()))?;
            Value::Json(print::shown(v))
        }
        (Shape::TextToUrl, Value::Text(t)) => super::methods::web::filled(t)?,
        (Shape::Optional(_), Value::None) => Value::None,
        (Shape::Optional(inner), v) => coerce(program, inner, v)?,
        (Shape::List(inner), Value::List(items)) => Value::List(Arc::new(all(inner, &mut items.iter())?)),
        (Shape::Set(inner), Value::Set(items)) => {
            Value::Set(Arc::new(all(inner, &mut items.iter())?.into_iter().collect()))
        }
        (Shape::Map(k, v), Value::Map(map)) => {
            let mut made = IndexMap::with_capacity(map.len());
            for (key, value) in map.iter() {
                made.insert(coerce(program, k, key)?, coerce(program, v, value)?);
            }
            Value::Map(Arc::new(made))
        }
        (Shape::Range(inner), Value::Range(r)) => Value::Range(Box::new(crate::value::RangeValue {
            start: coerce(program, inner, &r.start)?,
            end: coerce(program, inner, &r.end)?,
            inclusive: r.inclusive,
        })),
        (Shape::Record(names, parts), Value::Record(r)) => {
            let Some(names) = program.names.get(*names as usize) else { return Err(damaged()) };
            let mut values = Vec::with_capacity(parts.len());
            for (at, inner) in parts {
                let Some(part) = r.values.get(*at as usize) else { return Err(damaged()) };
                values.push(coerce(program, inner, part)?);
            }
            Value::Record(Arc::new(Record { names: names.clone(), values }))
        }
        // Already in that shape: `none` on the way to an optional, a Float where an Int could have been.
        (_, v) => v.clone(),
    })
}

pub(super) fn extended(list: &Value, more: &Value) -> Res {
    let (Value::List(items), more) = (list, more) else { return Ok(Value::Unknown) };
    let added: Vec<Value> = match more {
        Value::List(more) => more.to_vec(),
        Value::Set(more) => more.iter().cloned().collect(),
        Value::Json(Json::List(more)) => more.iter().cloned().map(Value::Json).collect(),
        Value::Unknown => return Ok(Value::Unknown),
        other => return Err(not_there("items to spread", other)),
    };
    methods::room(items.len() + added.len())?;
    Ok(Value::list(items.iter().cloned().chain(added)))
}

pub(super) fn not_there(what: &str, value: &Value) -> Box<Failure> {
    invalid(format!("{} has not {what}; this is a defect of rrb", failure::kind(value)))
}
