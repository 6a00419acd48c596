//! A value for a parameter of whatever type, as JSON.

use rrb_lang::types::{FieldTy, Ty, Type, TypeDefKind, TypeTable};
use serde_json::{Value, json};

pub fn json(types: &TypeTable, ty: &Ty) -> Value {
    match &**ty {
        Type::Bool => json!(true),
        Type::Int => json!(3),
        Type::Float => json!(0.5),
        Type::Text => json!("n7"),
        Type::Duration => json!("5m"),
        Type::Size => json!("10MiB"),
        Type::Time => json!("2026-01-05T10:00:00Z"),
        Type::Url => json!("http://example.invalid/"),
        Type::Ip => json!("192.0.2.1"),
        Type::Cidr => json!("192.0.2.0/24"),
        Type::List(item) | Type::Set(item) => json!([json(types, item)]),
        Type::Map(..) => json!({}),
        Type::Record(fields) => record(types, fields),
        Type::Named(id, _) => match types.get(*id).map(|d| &d.kind) {
            Some(TypeDefKind::Record(fields)) => record(types, fields),
            Some(TypeDefKind::Enum(variants)) => json!(variants[0].name.as_str()),
            Some(TypeDefKind::Alias(of)) => json(types, of),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

fn record(types: &TypeTable, fields: &[FieldTy]) -> Value {
    fields.iter().map(|f| (f.name.to_string(), json(types, &f.ty))).collect::<serde_json::Map<_, _>>().into()
}
