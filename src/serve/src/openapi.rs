//! The description of the API (OpenAPI 3.1), made from the table of routes.

use serde_json::{Map, Value, json};

use crate::field::{Field, Kind};
use crate::problem::Problem;
use crate::route::{Access, Handler, Route};
use crate::routes::ROUTES;
use crate::schemas;
use crate::scope::Scope;

/// The whole description.
pub fn describe() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let entry = paths.entry(shown(route.path)).or_insert_with(|| json!({}));
        if let Value::Object(verbs) = entry {
            verbs.insert(route.verb.name().to_owned(), operation(route));
        }
    }
    let scopes: Vec<String> = Scope::ALL.iter().map(|s| format!("- `{s}`: {}", s.meaning())).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rrb",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": format!(
                "Remediation runbooks: runs, approvals, events, audit. Every route but the public ones needs `authorization: Bearer rrb_…`. Times are milliseconds since 1970.\n\nScopes:\n{}",
                scopes.join("\n")
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "Made with `rrb token create`." },
            },
        },
    })
}

/// A path as OpenAPI writes it.
pub(crate) fn shown(path: &str) -> String {
    path.replace("{*", "{")
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if let Value::Object(map) = &mut operation {
        if let Some(body) = body(route) {
            map.insert("requestBody".to_owned(), body);
        }
        match route.access {
            Access::Scope(scope) => {
                map.insert("security".to_owned(), json!([{ "token": [] }]));
                map.insert("x-rrb-scope".to_owned(), scope.name().into());
            }
            Access::Public => {
                map.insert("security".to_owned(), json!([]));
            }
            Access::Signature => {
                map.insert("security".to_owned(), json!([]));
                map.insert("x-rrb-check".to_owned(), "the webhook's own `verify`".into());
            }
        }
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = shown(route.path);
    let names = in_path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let path = names.map(|n| json!({ "name": n, "in": "path", "required": true, "schema": { "type": "string" } }));
    let query = route.query.iter().map(|f| {
        json!({ "name": f.name, "in": "query", "required": f.needed, "description": f.docs, "schema": of_kind(f.kind) })
    });
    path.chain(query).collect()
}

fn body(route: &Route) -> Option<Value> {
    let fields = route.body?;
    if matches!(route.handler, Handler::Hook) {
        return Some(json!({ "required": true, "content": { "*/*": { "schema": {} } } }));
    }
    let properties: Map<String, Value> = fields.iter().map(|f| (f.name.to_owned(), described(f))).collect();
    let required: Vec<&str> = fields.iter().filter(|f| f.needed).map(|f| f.name).collect();
    let schema =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    Some(json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } }))
}

fn described(field: &Field) -> Value {
    let mut schema = of_kind(field.kind);
    if let Value::Object(map) = &mut schema {
        map.insert("description".to_owned(), field.docs.into());
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Int { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
        Kind::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::OneOf(all) => json!({ "type": "string", "enum": all }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Any => json!({}),
    }
}

fn responses(route: &Route) -> Value {
    let (status, schema) = route.answer;
    let mut all = Map::new();
    let content = match (schema, route.name) {
        ("", _) => None,
        (s, "followTimeline") => Some(("text/event-stream", s)),
        (s @ "Text", _) => Some(("text/plain", s)),
        (s, _) => Some(("application/json", s)),
    };
    let mut success = json!({ "description": "Done." });
    if let (Some((kind, schema)), Value::Object(map)) = (content, &mut success) {
        map.insert("content".to_owned(), json!({ kind: { "schema": schemas::schema(schema) } }));
    }
    all.insert(status.to_string(), success);
    for (code, status, meaning) in Problem::CODES.iter().filter(|(code, ..)| answers(route, code)) {
        let text = format!("`{code}`: {meaning}");
        let known = all.entry(status.to_string()).or_insert_with(|| {
            let schema = schemas::schema("Problem");
            json!({ "description": "", "content": { "application/problem+json": { "schema": schema } } })
        });
        if let Some(Value::String(description)) = known.get_mut("description") {
            if !description.is_empty() {
                description.push('\n');
            }
            description.push_str(&text);
        }
    }
    Value::Object(all)
}

/// Whether a route can answer with this code: what it names itself, and what follows from how it is reached.
fn answers(route: &Route, code: &str) -> bool {
    let api = matches!(route.handler, Handler::Api(_));
    let token = matches!(route.access, Access::Scope(_));
    route.problems.contains(&code)
        || match code {
            "unauthorized" | "forbidden" | "unanswered" => token,
            "invalid" => true,
            "too_large" | "too_slow" | "unsupported" => api && route.body.is_some(),
            "failed" => route.access != Access::Public,
            _ => false,
        }
}
