//! Values as a test writes them.

use rrb_lang::json::Json;
use rrb_lang::types::{Type, TypeDefKind, TypeTable};
use rrb_lang::value::Value;
use rrb_lang::vm::{print, shown};

/// Characters of one argument; a longer one is left out.
const LONGEST: usize = 60;

/// How deep an example of a type goes.
const DEEPEST: u32 = 3;

/// The value as an expression; None for what has none (a secret, a function) or is too long to be read.
pub fn expression(value: &Value) -> Option<String> {
    written(value).filter(|text| text.chars().count() <= LONGEST)
}

/// The same, however long.
pub fn written(value: &Value) -> Option<String> {
    Some(match value {
        Value::None => "none".to_owned(),
        Value::Text(t) => quoted(t),
        Value::Time(_) => tagged("time", &print::display(value)),
        Value::Regex(_) => tagged("re", &print::display(value)),
        Value::Cron(c) => tagged("cron", c),
        Value::Url(u) => tagged("url", u),
        Value::Ip(_) => tagged("ip", &print::display(value)),
        Value::Cidr(_) => tagged("cidr", &print::display(value)),
        Value::Size(_) => match shown(value) {
            Json::Text(t) => t.to_string(),
            _ => return None,
        },
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Duration(_) => print::display(value),
        Value::Json(json) => json_written(json)?,
        Value::List(items) => list(items.iter().map(written))?,
        Value::Set(items) => format!("{}.to_set()", list(items.iter().map(written))?),
        Value::Map(map) => {
            let members = map.iter().map(|(k, v)| Some((k.as_text()?.to_owned(), written(v)?)));
            record(members.collect::<Option<Vec<_>>>()?)?
        }
        Value::Record(r) => {
            let members = r.names.iter().zip(&r.values).map(|(n, v)| Some((n.to_string(), written(v)?)));
            record(members.collect::<Option<Vec<_>>>()?)?
        }
        Value::Variant(v) if v.payload.is_empty() => v.name.to_string(),
        Value::Variant(v) => {
            let payload = v.payload.iter().map(written).collect::<Option<Vec<_>>>()?;
            format!("{}({})", v.name, payload.join(", "))
        }
        Value::Range(r) => {
            format!("{}{}{}", written(&r.start)?, if r.inclusive { "..=" } else { ".." }, written(&r.end)?)
        }
        Value::Nothing | Value::Bytes(_) | Value::Secret(_) | Value::Function(_) | Value::Unknown => return None,
    })
}

/// Json as an expression; None for what has no form (a name that is no name of the language).
pub fn json_written(json: &Json) -> Option<String> {
    Some(match json {
        Json::Null => "none".to_owned(),
        Json::Bool(b) => b.to_string(),
        Json::Int(i) => i.to_string(),
        Json::UInt(_) => return None,
        Json::Float(f) => print::float(*f),
        Json::Text(t) => quoted(t),
        Json::List(items) => list(items.iter().map(json_written))?,
        Json::Object(members) => {
            let members = members.iter().map(|(k, v)| Some((k.to_string(), json_written(v)?)));
            record(members.collect::<Option<Vec<_>>>()?)?
        }
    })
}

/// A text in quotes, as the language reads it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' => out.push_str("\\$"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

fn tagged(tag: &str, text: &str) -> String {
    let mut hashes = String::new();
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("{tag}{hashes}\"{text}\"{hashes}")
}

fn list(items: impl Iterator<Item = Option<String>>) -> Option<String> {
    Some(format!("[{}]", items.collect::<Option<Vec<_>>>()?.join(", ")))
}

/// Names stand bare where all of them can.
fn record(members: Vec<(String, String)>) -> Option<String> {
    if members.is_empty() {
        return Some("{}".to_owned());
    }
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let bare = members.iter().all(|(name, _)| plain(name));
    let named = |(name, value): (String, String)| match bare {
        true => format!("{name}: {value}"),
        false => format!("{}: {value}", quoted(&name)),
    };
    Some(format!("{{ {} }}", members.into_iter().map(named).collect::<Vec<_>>().join(", ")))
}

/// A value of the type to begin with: what stands behind `returns`. None where nothing has to be given.
pub fn example(ty: &Type, types: &TypeTable) -> Option<String> {
    match ty {
        Type::Nothing | Type::Never | Type::None => None,
        _ => Some(neutral(ty, types, DEEPEST)),
    }
}

fn neutral(ty: &Type, types: &TypeTable, left: u32) -> String {
    let plain = match ty {
        Type::Bool => "true",
        Type::Int => "0",
        Type::Float => "0.0",
        Type::Text => "\"\"",
        Type::Duration => "0s",
        Type::Size => "0B",
        Type::Time => "time\"2026-01-05T10:00:00Z\"",
        Type::Url => "url\"http://example.invalid/\"",
        Type::Ip => "ip\"0.0.0.0\"",
        Type::Cidr => "cidr\"0.0.0.0/0\"",
        Type::List(_) | Type::Set(_) => "[]",
        Type::Map(..) => "{}",
        Type::Json => "{}",
        Type::Record(fields) => return fields_of(fields.iter().map(|f| (f.name.as_str(), &*f.ty)), types, left),
        Type::Named(id, args) => {
            let Some(def) = types.get(*id) else { return "none".to_owned() };
            return match &def.kind {
                // Generic fields say nothing without their arguments.
                TypeDefKind::Record(_) if !args.is_empty() => "{}".to_owned(),
                TypeDefKind::Record(fields) => fields_of(fields.iter().map(|f| (f.name.as_str(), &*f.ty)), types, left),
                TypeDefKind::Enum(variants) => variants.first().map_or("none".into(), |v| v.name.to_string()),
                TypeDefKind::Alias(ty) => neutral(ty, types, left),
            };
        }
        _ => "none",
    };
    plain.to_owned()
}

fn fields_of<'a>(fields: impl Iterator<Item = (&'a str, &'a Type)>, types: &TypeTable, left: u32) -> String {
    let Some(less) = left.checked_sub(1) else { return "{}".to_owned() };
    // What may be missing is left out: absent is what a test means most often.
    let needed = fields.filter(|(_, ty)| !matches!(ty, Type::Optional(_) | Type::List(_) | Type::Map(..)));
    let shown: Vec<String> = needed.take(6).map(|(name, ty)| format!("{name}: {}", neutral(ty, types, less))).collect();
    if shown.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rrb_lang::value::Secret;

    use super::*;

    #[test]
    fn values_are_written_as_the_language_reads_them() {
        let record = Value::record([("node", Value::text("n7")), ("grace", Value::Duration(90_000))]);
        let table = [
            (Value::text("a \"b\" \\ ${c}\n"), Some(r#""a \"b\" \\ \${c}\n""#)),
            (Value::Size(67_108_864), Some("64MiB")),
            (Value::Size(1_234_567), Some("1234567B")),
            (Value::Float(1.0), Some("1.0")),
            (Value::Time(0), Some("time\"1970-01-01T00:00:00Z\"")),
            (record, Some("{ node: \"n7\", grace: 1m30s }")),
            (Value::list([Value::Int(1), Value::None]), Some("[1, none]")),
            (Value::list([]), Some("[]")),
            (Value::Secret(Arc::new(Secret::Ref("slack.token".into()))), None),
            (Value::list([Value::Unknown]), None),
            (Value::Bytes(Arc::from(&b"x"[..])), None),
            (Value::Json(Json::object([("Odd-Name", Json::from("x"))])), Some("{ \"Odd-Name\": \"x\" }")),
        ];
        for (value, text) in table {
            assert_eq!(expression(&value).as_deref(), text, "{value:?}");
        }
    }

    #[test]
    fn what_is_longer_than_a_line_takes_is_left_out() {
        let text = |n: usize| Value::text("x".repeat(n));
        assert!(expression(&text(LONGEST - 3)).is_some());
        assert!(expression(&text(LONGEST - 2)).is_some());
        assert_eq!(expression(&text(LONGEST - 1)), None);
        assert!(written(&text(LONGEST)).is_some());
    }
}
