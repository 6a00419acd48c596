//! Members that a description does not name. Most descriptions allow any member anywhere; a member that no schema names is still
//! most often a typing error of the connector.

use rrb_import::description::{At, Document};
use serde_json::Value;

use super::resolve;
use super::schema::branches;

/// How deep schemas may lead to schemas.
const MAX_DEPTH: usize = 64;

/// The places of members that no schema names.
pub fn unnamed<'a>(doc: &Document<'a>, schema: &At<'a>, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(doc, std::slice::from_ref(schema), value, "", 0, &mut found);
    found
}

fn look<'a>(doc: &Document<'a>, schemas: &[At<'a>], value: &Value, place: &str, depth: usize, found: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut all = Vec::new();
    schemas.iter().for_each(|s| flatten(doc, s, 0, &mut all));
    match value {
        Value::Array(items) => {
            let each: Vec<At<'a>> = all.iter().filter_map(|s| s.get("items")).collect();
            for (i, item) in items.iter().enumerate().filter(|_| !each.is_empty()) {
                look(doc, &each, item, &format!("{place}/{i}"), depth + 1, found);
            }
        }
        Value::Object(members) => {
            let open = |s: &At<'a>| {
                s.get("patternProperties").is_some()
                    || s.value.get("additionalProperties").is_some_and(|v| v != &Value::Bool(false))
            };
            let is_open = all.iter().any(open) || !all.iter().any(|s| s.get("properties").is_some());
            for (name, value) in members {
                let at = format!("{place}/{name}");
                let named: Vec<At<'a>> =
                    all.iter().filter_map(|s| s.get("properties")).filter_map(|p| p.get(name)).collect();
                if named.is_empty() {
                    found.extend((!is_open).then_some(at));
                } else {
                    look(doc, &named, value, &at, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// A schema and all that it is composed of.
fn flatten<'a>(doc: &Document<'a>, schema: &At<'a>, depth: usize, all: &mut Vec<At<'a>>) {
    let Some(schema) = resolve(doc, schema).filter(|_| depth < MAX_DEPTH) else { return };
    for word in ["allOf", "anyOf", "oneOf"] {
        branches(&schema, word).iter().for_each(|b| flatten(doc, b, depth + 1, all));
    }
    all.push(schema);
}
