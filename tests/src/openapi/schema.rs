//! Whether a value is as a schema has it: OpenAPI 3.0's and Swagger's dialect, and JSON Schema as far as OpenAPI 3.1 uses it.

use base64::Engine as _;
use rrb_import::description::{At, Document};
use serde_json::Value;

use super::resolve;
use crate::patterns::pattern as regex;

/// How deep schemas may lead to schemas.
const MAX_DEPTH: usize = 64;
/// The most faults that are told of one value.
const MAX_FAULTS: usize = 20;

/// What is wrong with `value`, each with its place; nothing when it fits.
pub fn check<'a>(doc: &Document<'a>, schema: &At<'a>, value: &Value) -> Vec<String> {
    let mut check = Check { doc, faults: Vec::new() };
    check.value(schema, value, "", 0);
    check.faults.truncate(MAX_FAULTS);
    check.faults
}

struct Check<'d, 'a> {
    doc: &'d Document<'a>,
    faults: Vec<String>,
}

impl<'a> Check<'_, 'a> {
    fn fault(&mut self, place: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("`{}`: {what}", if place.is_empty() { "/" } else { place }));
    }

    fn fits(&self, schema: &At<'a>, value: &Value, depth: usize) -> Vec<String> {
        let mut inner = Check { doc: self.doc, faults: Vec::new() };
        inner.value(schema, value, "", depth);
        inner.faults
    }

    fn value(&mut self, schema: &At<'a>, value: &Value, place: &str, depth: usize) {
        if depth > MAX_DEPTH || schema.value.is_boolean() {
            return;
        }
        let Some(schema) = resolve(self.doc, schema) else {
            return self.fault(place, format!("the schema at {} leads nowhere", schema.place));
        };
        if value.is_null() && may_be_null(&schema) {
            return;
        }
        if !self.is_of_type(&schema, value) {
            return self.fault(place, format!("{} instead of {}", kind(value), types(&schema).join(" or ")));
        }
        self.is_among(&schema, value, place);
        match value {
            Value::String(text) => self.text(&schema, text, place),
            Value::Number(number) => self.number(&schema, number, place),
            Value::Array(items) => self.list(&schema, items, place, depth),
            Value::Object(members) => self.object(&schema, members, place, depth),
            Value::Null | Value::Bool(_) => {}
        }
        self.composed(&schema, value, place, depth);
    }

    fn is_of_type(&self, schema: &At<'a>, value: &Value) -> bool {
        let types = types(schema);
        types.is_empty() || types.iter().any(|t| of_type(t, value))
    }

    fn is_among(&mut self, schema: &At<'a>, value: &Value, place: &str) {
        if let Some(all) = schema.value.get("enum").and_then(Value::as_array)
            && !all.contains(value)
        {
            let all: Vec<String> = all.iter().map(Value::to_string).collect();
            self.fault(place, format!("{value} is none of {}", all.join(", ")));
        }
        if let Some(one) = schema.value.get("const")
            && one != value
        {
            self.fault(place, format!("{value} is not {one}"));
        }
    }

    fn text(&mut self, schema: &At<'a>, text: &str, place: &str) {
        let length = text.chars().count() as u64;
        if bound(schema, "minLength").is_some_and(|min| length < min) {
            self.fault(place, format!("{length} characters are too few"));
        }
        if bound(schema, "maxLength").is_some_and(|max| length > max) {
            self.fault(place, format!("{length} characters are too many"));
        }
        if let Some(pattern) = schema.text("pattern")
            && let Some(known) = regex(pattern)
            && !known.is_match(text)
        {
            self.fault(place, format!("`{text}` does not fit the pattern `{pattern}`"));
        }
        if let Some(format) = schema.text("format")
            && !has_format(format, text)
        {
            self.fault(place, format!("`{text}` has not the format `{format}`"));
        }
    }

    fn number(&mut self, schema: &At<'a>, number: &serde_json::Number, place: &str) {
        let Some(value) = number.as_f64() else { return };
        let of = |name: &str| schema.value.get(name).and_then(Value::as_f64);
        let exclusive = |name: &str| schema.flag(name);
        if of("minimum").is_some_and(|min| value < min || exclusive("exclusiveMinimum") && value <= min)
            || of("exclusiveMinimum").is_some_and(|min| value <= min)
        {
            self.fault(place, format!("{number} is too small"));
        }
        if of("maximum").is_some_and(|max| value > max || exclusive("exclusiveMaximum") && value >= max)
            || of("exclusiveMaximum").is_some_and(|max| value >= max)
        {
            self.fault(place, format!("{number} is too large"));
        }
        if schema.text("format") == Some("int32") && (number.as_i64().is_none_or(|n| i32::try_from(n).is_err())) {
            self.fault(place, format!("{number} is no int32"));
        }
        if let Some(step) = of("multipleOf")
            && step > 0.0
            && (value / step - (value / step).round()).abs() > 1e-9
        {
            self.fault(place, format!("{number} is no multiple of {step}"));
        }
    }

    fn list(&mut self, schema: &At<'a>, items: &[Value], place: &str, depth: usize) {
        let count = items.len() as u64;
        if bound(schema, "minItems").is_some_and(|min| count < min) {
            self.fault(place, format!("{count} items are too few"));
        }
        if bound(schema, "maxItems").is_some_and(|max| count > max) {
            self.fault(place, format!("{count} items are too many"));
        }
        if schema.flag("uniqueItems") && items.iter().enumerate().any(|(i, v)| items[..i].contains(v)) {
            self.fault(place, "an item stands twice");
        }
        let Some(each) = schema.get("items") else { return };
        for (i, item) in items.iter().enumerate() {
            self.value(&each, item, &format!("{place}/{i}"), depth + 1);
        }
    }

    fn object(&mut self, schema: &At<'a>, members: &serde_json::Map<String, Value>, place: &str, depth: usize) {
        let required = schema.value.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let read_only = schema.get("properties").and_then(|p| p.get(name)).is_some_and(|p| p.flag("readOnly"));
            if !members.contains_key(name) && !read_only {
                self.fault(place, format!("`{name}` is required and missing"));
            }
        }
        let count = members.len() as u64;
        if bound(schema, "minProperties").is_some_and(|min| count < min) {
            self.fault(place, format!("{count} members are too few"));
        }
        if bound(schema, "maxProperties").is_some_and(|max| count > max) {
            self.fault(place, format!("{count} members are too many"));
        }
        let properties = schema.get("properties");
        let patterns = schema.get("patternProperties").map(|p| p.members()).unwrap_or_default();
        let more = schema.get("additionalProperties");
        for (name, value) in members {
            let at = format!("{place}/{name}");
            if let Some(property) = properties.as_ref().and_then(|p| p.get(name)) {
                self.value(&property, value, &at, depth + 1);
                continue;
            }
            let matching = patterns.iter().find(|(p, _)| regex(p).is_some_and(|r| r.is_match(name)));
            match (matching, &more) {
                (Some((_, schema)), _) => self.value(schema, value, &at, depth + 1),
                (None, Some(more)) if more.value == &Value::Bool(false) => {
                    self.fault(&at, "no such member may be there");
                }
                (None, Some(more)) => self.value(more, value, &at, depth + 1),
                (None, None) => {}
            }
        }
    }

    fn composed(&mut self, schema: &At<'a>, value: &Value, place: &str, depth: usize) {
        for part in branches(schema, "allOf") {
            self.value(&part, value, place, depth + 1);
        }
        if let Some(chosen) = self.discriminated(schema, value) {
            return match chosen {
                Ok(target) => self.value(&target, value, place, depth + 1),
                Err(why) => self.fault(place, why),
            };
        }
        for (word, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let all = branches(schema, word);
            if all.is_empty() {
                continue;
            }
            let tried: Vec<Vec<String>> = all.iter().map(|b| self.fits(b, value, depth + 1)).collect();
            let fitting = tried.iter().filter(|f| f.is_empty()).count();
            if fitting == 0 {
                let nearest = tried.into_iter().min_by_key(Vec::len).unwrap_or_default().join("; ");
                self.fault(place, format!("fits none of `{word}`, the nearest: {nearest}"));
            } else if fitting > most {
                self.fault(place, format!("fits {fitting} of `oneOf`, where one is wanted"));
            }
        }
        if let Some(not) = schema.get("not")
            && self.fits(&not, value, depth + 1).is_empty()
        {
            self.fault(place, "fits what it must not");
        }
    }

    /// The schema that a discriminator chooses; none without one.
    fn discriminated(&self, schema: &At<'a>, value: &Value) -> Option<Result<At<'a>, String>> {
        let discriminator = schema.get("discriminator")?;
        let all: Vec<At<'a>> = ["oneOf", "anyOf"].iter().flat_map(|w| branches(schema, w)).collect();
        let name = discriminator.text("propertyName")?;
        if all.is_empty() {
            return None;
        }
        let Some(word) = value.get(name).and_then(Value::as_str) else {
            return Some(Err(format!("`{name}`, which says of what kind it is, is missing")));
        };
        let mapped = discriminator.get("mapping").and_then(|m| m.text(word)).map(|r| r.rsplit('/').next().unwrap_or(r));
        let wanted = mapped.unwrap_or(word);
        let is_it = |b: &&At<'a>| b.reference().and_then(|r| r.rsplit('/').next()) == Some(wanted);
        let known = || all.iter().filter_map(|b| b.reference()?.rsplit('/').next()).collect::<Vec<_>>().join(", ");
        Some(all.iter().find(is_it).cloned().ok_or_else(|| format!("`{name}` is `{word}`, none of {}", known())))
    }
}

/// The schemas below `allOf`, `anyOf` or `oneOf`.
pub fn branches<'a>(schema: &At<'a>, word: &str) -> Vec<At<'a>> {
    schema.get(word).map(|all| all.items()).unwrap_or_default()
}

/// The types that a schema names; none when it names none.
pub fn types(schema: &At<'_>) -> Vec<String> {
    match schema.value.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn of_type(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn may_be_null(schema: &At<'_>) -> bool {
    let nullable = schema.flag("nullable") || schema.flag("x-nullable");
    nullable || types(schema).iter().any(|t| t == "null")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn bound(schema: &At<'_>, name: &str) -> Option<u64> {
    schema.value.get(name).and_then(Value::as_u64)
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "uuid" => regex("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$").is_some_and(|r| r.is_match(text)),
        "email" => text.contains('@'),
        "uri" | "url" => url::Url::parse(text).is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "int64" => text.parse::<i64>().is_ok(),
        _ => true,
    }
}
