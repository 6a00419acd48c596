//! Swagger 2.0: form fields are parameters there. They become a body as OpenAPI 3 has it, so that all else sees one form.

use serde_json::{Map, Value, json};

use super::operations::METHODS;

/// Writes a `requestBody` beside the form fields of every operation.
pub fn lift_forms(root: &mut Value) {
    let shared = root.get("parameters").cloned().unwrap_or_default();
    let consumed = root.get("consumes").cloned();
    let Some(paths) = root.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for item in paths.values_mut() {
        let of_path = item.get("parameters").cloned();
        for method in METHODS {
            let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) else { continue };
            let own = operation.get("parameters").and_then(Value::as_array);
            let all: Vec<Value> = of_path
                .as_ref()
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .chain(own.into_iter().flatten())
                .map(|p| resolved(p, &shared))
                .collect();
            let fields: Vec<&Value> = all.iter().filter(|p| p.get("in").is_some_and(|i| i == "formData")).collect();
            if fields.is_empty() || operation.contains_key("requestBody") {
                continue;
            }
            let has_file = fields.iter().any(|f| f.get("type").is_some_and(|t| t == "file"));
            let media = media(operation.get("consumes").or(consumed.as_ref()), has_file);
            let body = json!({ "required": fields.iter().any(|f| is_required(f)), "content": { media: { "schema": schema(&fields) } } });
            operation.insert("requestBody".to_owned(), body);
        }
    }
}

fn resolved(parameter: &Value, shared: &Value) -> Value {
    let name = parameter.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/parameters/"));
    name.and_then(|n| shared.get(n)).unwrap_or(parameter).clone()
}

fn is_required(field: &Value) -> bool {
    field.get("required") == Some(&Value::Bool(true))
}

fn media(consumes: Option<&Value>, has_file: bool) -> &'static str {
    let multipart = consumes
        .and_then(Value::as_array)
        .is_some_and(|all| all.first().and_then(Value::as_str).is_some_and(|m| m.starts_with("multipart/")));
    if has_file || multipart { "multipart/form-data" } else { "application/x-www-form-urlencoded" }
}

fn schema(fields: &[&Value]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields {
        let Some(name) = field.get("name").and_then(Value::as_str) else { continue };
        let mut property = field.as_object().cloned().unwrap_or_default();
        for word in ["name", "in", "required"] {
            property.shift_remove(word);
        }
        if property.get("type").is_some_and(|t| t == "file") {
            property.insert("type".to_owned(), "string".into());
            property.insert("format".to_owned(), "binary".into());
        }
        if is_required(field) {
            required.push(Value::from(name));
        }
        properties.insert(name.to_owned(), Value::Object(property));
    }
    json!({ "type": "object", "properties": properties, "required": required })
}
