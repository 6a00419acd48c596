//! Values as a schema has them: its examples, else values made of it, the same ones each time.

use rrb_import::description::{At, Content, Document};
use serde_json::{Map, Value, json};

use super::resolve;
use super::schema::{branches, check, types};

/// How deep optional members are made.
const DEEP: usize = 6;
/// How deep schemas may lead to schemas.
const MAX_DEPTH: usize = 64;
/// How many values are made before only required members are.
const MANY: usize = 2_000;

/// The example of a reply, else a value of its schema.
pub fn of_content<'a>(doc: &Document<'a>, content: &Content<'a>) -> Value {
    let example = content.at.value.get("example").cloned();
    let examples = content.at.get("examples").and_then(|e| e.members().into_iter().next());
    let named = examples.and_then(|(_, e)| resolve(doc, &e)?.value.get("value").cloned());
    let of_swagger = content.at.get("examples").and_then(|e| e.value.get(&content.media).cloned());
    let written = example.or(of_swagger).or(named);
    match (&content.schema, written) {
        // Examples rot; one that does not fit its own schema is no promise.
        (Some(schema), Some(written)) if !check(doc, schema, &written).is_empty() => of_schema(doc, schema),
        (_, Some(written)) => written,
        (Some(schema), None) => of_schema(doc, schema),
        (None, None) => Value::Null,
    }
}

/// A value of a schema.
pub fn of_schema<'a>(doc: &Document<'a>, schema: &At<'a>) -> Value {
    Maker { doc, open: Vec::new(), made: 0 }.value(schema, "", 0)
}

struct Maker<'d, 'a> {
    doc: &'d Document<'a>,
    /// The places that are being made: a schema that leads to itself ends there.
    open: Vec<String>,
    made: usize,
}

impl<'a> Maker<'_, 'a> {
    fn value(&mut self, schema: &At<'a>, name: &str, depth: usize) -> Value {
        self.made += 1;
        let Some(schema) = resolve(self.doc, schema).filter(|_| depth < MAX_DEPTH) else { return Value::Null };
        if let Some(given) = given(&schema) {
            return given;
        }
        self.open.push(schema.place.clone());
        let value = self.made_of(&schema, name, depth);
        self.open.pop();
        value
    }

    fn made_of(&mut self, schema: &At<'a>, name: &str, depth: usize) -> Value {
        let parts = branches(schema, "allOf");
        let chosen = ["oneOf", "anyOf"].iter().find_map(|w| self.first(schema, w));
        if !parts.is_empty() || chosen.is_some() {
            return self.composed(schema, parts, chosen, name, depth);
        }
        self.plain(schema, name, depth)
    }

    /// The first branch that is not null and not being made already.
    fn first(&self, schema: &At<'a>, word: &str) -> Option<At<'a>> {
        let all = branches(schema, word);
        let ends = |b: &&At<'a>| {
            let Some(b) = resolve(self.doc, b) else { return false };
            types(&b) != ["null"] && !self.open.contains(&b.place)
        };
        all.iter().find(ends).or(all.first()).cloned()
    }

    fn composed(
        &mut self,
        schema: &At<'a>,
        mut parts: Vec<At<'a>>,
        chosen: Option<At<'a>>,
        name: &str,
        depth: usize,
    ) -> Value {
        parts.extend(chosen.clone());
        let mut whole = if schema.get("properties").is_some() { self.plain(schema, name, depth) } else { Value::Null };
        for part in parts {
            match (&mut whole, self.value(&part, name, depth + 1)) {
                (Value::Object(whole), Value::Object(part)) => whole.extend(part),
                (whole, part) if whole.is_null() => *whole = part,
                _ => {}
            }
        }
        self.discriminate(schema, chosen.as_ref(), &mut whole);
        whole
    }

    /// Writes the word that says which branch was chosen.
    fn discriminate(&self, schema: &At<'a>, chosen: Option<&At<'a>>, whole: &mut Value) {
        let Some(discriminator) = schema.get("discriminator") else { return };
        let (Some(name), Some(reference)) = (discriminator.text("propertyName"), chosen.and_then(At::reference)) else {
            return;
        };
        let mapping = discriminator.get("mapping").map(|m| m.members()).unwrap_or_default();
        let mapped = mapping.iter().find(|(_, at)| at.value.as_str() == Some(reference)).map(|(word, _)| *word);
        let word = mapped.or_else(|| reference.rsplit('/').next()).unwrap_or_default();
        if let Value::Object(members) = whole {
            members.insert(name.to_owned(), word.into());
        }
    }

    fn plain(&mut self, schema: &At<'a>, name: &str, depth: usize) -> Value {
        let types = types(schema);
        let kind = types.iter().find(|t| *t != "null").map(String::as_str);
        match kind {
            Some("object") => self.object(schema, depth),
            Some("array") => self.list(schema, name, depth),
            Some("string") => text(schema, name),
            Some("integer" | "number") => number(schema),
            Some("boolean") => Value::Bool(true),
            _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => {
                self.object(schema, depth)
            }
            _ if schema.get("items").is_some() => self.list(schema, name, depth),
            _ if types.is_empty() && schema.get("format").is_some() => text(schema, name),
            _ if types.is_empty() => json!({}),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &At<'a>, depth: usize) -> Value {
        let required: Vec<&str> = schema
            .value
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut members = Map::new();
        for (name, property) in schema.get("properties").map(|p| all_members(&p)).unwrap_or_default() {
            let place = resolve(self.doc, &property).map(|p| p.place).unwrap_or_default();
            let is_open = self.open.contains(&place);
            let is_wanted = depth < DEEP && self.made < MANY && !is_open;
            if required.contains(&name.as_str()) && !is_open || is_wanted {
                let value = self.value(&property, &name, depth + 1);
                members.insert(name, value);
            }
        }
        let more = schema.get("additionalProperties").filter(|m| m.value.is_object() && members.is_empty());
        if let Some(more) = more.filter(|_| depth < DEEP && self.made < MANY) {
            let value = self.value(&more, "key", depth + 1);
            members.insert("key".to_owned(), value);
        }
        Value::Object(members)
    }

    fn list(&mut self, schema: &At<'a>, name: &str, depth: usize) -> Value {
        let least = schema.value.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let Some(each) = schema.get("items") else { return json!([]) };
        let place = resolve(self.doc, &each).map(|p| p.place).unwrap_or_default();
        if self.open.contains(&place) || least == 0 && (depth >= DEEP || self.made >= MANY) {
            return json!([]);
        }
        let count = usize::try_from(least.clamp(1, 20)).unwrap_or(1);
        Value::Array((0..count).map(|_| self.value(&each, name, depth + 1)).collect())
    }
}

/// What a schema itself says that a value is.
fn given(schema: &At<'_>) -> Option<Value> {
    let first = |name: &str| schema.value.get(name).and_then(Value::as_array).and_then(|a| a.first()).cloned();
    let of = |name: &str| schema.value.get(name).cloned();
    let fits = |v: &Value| types(schema).is_empty() || types(schema).iter().any(|t| same_kind(t, v));
    of("const")
        .or_else(|| of("example").filter(fits))
        .or_else(|| first("examples").filter(fits))
        .or_else(|| first("enum"))
        .or_else(|| of("default").filter(|v| fits(v) && !v.is_null()))
}

fn same_kind(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" | "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// The members of an object, also those that begin with `x-`: names of properties may.
fn all_members<'a>(at: &At<'a>) -> Vec<(String, At<'a>)> {
    let names = at.object().into_iter().flatten().map(|(name, _)| name.clone());
    names.filter_map(|name| at.get(&name).map(|at| (name, at))).collect()
}

fn number(schema: &At<'_>) -> Value {
    let of = |name: &str| schema.value.get(name).and_then(Value::as_f64);
    let least = of("minimum").unwrap_or(1.0).max(of("exclusiveMinimum").map_or(f64::MIN, |m| m + 1.0));
    let value = of("maximum").map_or(least, |most| least.min(most));
    let whole = types(schema).iter().any(|t| t == "integer") || value.fract() == 0.0;
    #[allow(clippy::cast_possible_truncation, reason = "bounds of schemas are small")]
    if whole { json!(value as i64) } else { json!(value) }
}

fn text(schema: &At<'_>, name: &str) -> Value {
    let fixed = match schema.text("format").unwrap_or_default() {
        "date-time" => "2026-01-05T10:00:00Z",
        "date" => "2026-01-05",
        "time" => "10:00:00Z",
        "uuid" => "5f0c1d2e-3b4a-4c5d-8e6f-708192a3b4c5",
        "email" => "ana@example.com",
        "uri" | "url" => "https://example.com/it",
        "hostname" => "host.example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "Ynl0ZXM=",
        "int64" => "1",
        "duration" => "PT1H",
        _ => "",
    };
    if !fixed.is_empty() {
        return fixed.into();
    }
    let pattern = schema.text("pattern").and_then(crate::patterns::pattern);
    let candidates = [name, "a", "a1", "1", "A", "A1", "a-1", "i-0123456789abcdef0", "0123456789abcdef", "192.0.2.1"];
    let fits = |c: &&str| pattern.as_ref().is_none_or(|p| p.is_match(c)) && !c.is_empty();
    let chosen = candidates.iter().copied().find(fits).unwrap_or("text");
    let bound = |name: &str| schema.value.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let mut text: String = chosen.chars().take(bound("maxLength").unwrap_or(usize::MAX)).collect();
    while text.chars().count() < bound("minLength").unwrap_or(0).min(10_000) {
        text.push('x');
    }
    text.into()
}
