//! A description cut to some of its operations and what they reach.

use std::collections::BTreeSet;

use rrb_import::description::{Version, version};
use serde_json::{Map, Value, json};

/// Words of people and of other tools, which say nothing of a request.
const SAID: [&str; 8] =
    ["description", "summary", "externalDocs", "tags", "x-codeSamples", "x-code-samples", "deprecated", "title"];

/// Members of the root that are kept as they are.
const KEPT: [&str; 8] = ["openapi", "swagger", "servers", "host", "basePath", "schemes", "consumes", "produces"];

/// Cuts a description to `wanted`, each an operation id or `METHOD /path`, with replies of success only. `origin` says where it is
/// from.
///
/// # Errors
/// When it is no description, or something that is wanted is not in it.
pub fn cut(bytes: &[u8], wanted: &[String], origin: &Value) -> Result<Value, String> {
    let root = rrb_import::description::read(bytes).map_err(|e| e.to_string())?.root;
    let (kind, _) = version(&root).map_err(|e| e.to_string())?;
    let mut out = Map::new();
    out.insert("x-origin".to_owned(), origin.clone());
    for word in KEPT {
        if let Some(value) = root.get(word) {
            out.insert(word.to_owned(), value.clone());
        }
    }
    out.insert("info".to_owned(), info(&root));
    if let Some(security) = root.get("security") {
        out.insert("security".to_owned(), security.clone());
    }
    out.insert("paths".to_owned(), Value::Object(paths(&root, wanted)?));
    for folder in ["/components/securitySchemes", "/securityDefinitions"] {
        if let Some(schemes) = root.pointer(folder) {
            put(&mut out, folder, plain(schemes, false));
        }
    }
    reached(&root, &mut out)?;
    debug_assert!(kind == Version::Swagger2 || out.contains_key("openapi"));
    Ok(Value::Object(out))
}

fn info(root: &Value) -> Value {
    let of = |name: &str| root.pointer(&format!("/info/{name}")).cloned().unwrap_or_default();
    json!({ "title": of("title"), "version": of("version") })
}

fn paths(root: &Value, wanted: &[String]) -> Result<Map<String, Value>, String> {
    let mut paths: Map<String, Value> = Map::new();
    let mut left: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    for (path, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let mut kept = Map::new();
        for (method, operation) in item.as_object().into_iter().flatten() {
            let named = format!("{} {path}", method.to_ascii_uppercase());
            let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
            left.retain(|w| *w != named && *w != id);
            if wanted.iter().any(|w| *w == named || *w == id) {
                kept.insert(method.clone(), operation_of(operation));
            }
        }
        if !kept.is_empty() {
            if let Some(shared) = item.get("parameters") {
                kept.insert("parameters".to_owned(), plain(shared, false));
            }
            paths.insert(path.clone(), Value::Object(kept));
        }
    }
    match left.first() {
        None => Ok(paths),
        Some(name) => {
            Err(format!("the description has no operation `{name}`; name one by its id or as `METHOD /path`"))
        }
    }
}

/// An operation with its replies of success.
fn operation_of(operation: &Value) -> Value {
    let mut operation = plain(operation, false);
    if let Some(replies) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        let has_success = replies.keys().any(|s| s.starts_with('2'));
        replies.retain(|status, _| status.starts_with('2') || status == "default" && !has_success);
    }
    if let Some(members) = operation.as_object_mut() {
        members.shift_remove("callbacks");
    }
    operation
}

/// A value without the words of people. In `names` every key is a name, not a word of the format.
fn plain(value: &Value, names: bool) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, value)| names || !is_said(key, value));
            let inner = kept.map(|(key, value)| {
                let below = !names && ["properties", "patternProperties", "headers", "mapping"].contains(&key.as_str());
                let literal = !names && ["example", "default", "enum", "const", "value"].contains(&key.as_str());
                (key.clone(), if literal { value.clone() } else { plain(value, below) })
            });
            Value::Object(inner.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|v| plain(v, false)).collect()),
        other => other.clone(),
    }
}

fn is_said(key: &str, value: &Value) -> bool {
    let extension = key.starts_with("x-") && !["x-nullable", "x-ms-skip-url-encoding"].contains(&key);
    extension || SAID.contains(&key) && !value.is_object()
}

/// Copies everything that references name, and what that names.
fn reached(root: &Value, out: &mut Map<String, Value>) -> Result<(), String> {
    let mut waiting: Vec<String> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    out.values().for_each(|v| references(v, &mut waiting));
    while let Some(reference) = waiting.pop() {
        if !known.insert(reference.clone()) {
            continue;
        }
        let pointer = reference.strip_prefix('#').ok_or_else(|| format!("`{reference}` leads out of the file"))?;
        let pointer = super::operation::decoded(pointer);
        let target = root.pointer(&pointer).ok_or_else(|| format!("`{reference}` leads nowhere"))?;
        let target = plain(target, false);
        references(&target, &mut waiting);
        put(out, &pointer, target);
    }
    Ok(())
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.push(reference.to_owned());
            }
            members.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

/// Writes a value at a pointer; objects on the way are made.
fn put(out: &mut Map<String, Value>, pointer: &str, value: Value) {
    let mut parts: Vec<String> = pointer.split('/').skip(1).map(|p| p.replace("~1", "/").replace("~0", "~")).collect();
    let Some(last) = parts.pop() else { return };
    let mut at = out;
    for part in parts {
        let inner = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else { return };
        at = inner;
    }
    at.entry(last).or_insert(value);
}
