//! The description and what is served are the same thing.

use std::collections::BTreeSet;

use rrb_serve::{ROUTES, Scope, describe};
use serde_json::Value;

use crate::fake::*;

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let world = world();
    let (status, served) = world.call("", "GET", "/v1/openapi.json", None).await;
    assert_eq!(status, 200);
    assert_eq!(served, describe());
    assert_eq!(served["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, verbs) in served["paths"].as_object().unwrap() {
        for verb in verbs.as_object().unwrap().keys() {
            described.insert((verb.clone(), path.clone()));
        }
    }
    let routed: BTreeSet<_> = ROUTES.iter().map(|r| (r.verb.name().to_owned(), r.path.replace("{*", "{"))).collect();
    assert_eq!(described, routed);
    assert_eq!(routed.len(), ROUTES.len(), "a route stands twice");
}

#[tokio::test]
async fn every_described_route_is_served() {
    let world = world();
    for (path, verbs) in describe()["paths"].as_object().unwrap() {
        for verb in verbs.as_object().unwrap().keys() {
            let path = path.replace("{id}", "x").replace("{path}", "alertmanager");
            let (status, body) = world.call("", &verb.to_uppercase(), &path, None).await;
            assert!(status != 404 && status != 405, "{verb} {path}: {status} {body}");
        }
    }
}

#[test]
fn names_are_unique_scopes_are_named_and_references_lead_somewhere() {
    let doc = describe();
    let names: BTreeSet<&str> = ROUTES.iter().map(|r| r.name).collect();
    assert_eq!(names.len(), ROUTES.len());
    let text = doc.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(doc["components"]["schemas"].get(name).is_some(), "no schema `{name}`");
    }
    for scope in Scope::ALL {
        assert!(text.contains(&format!("\"x-rrb-scope\":\"{scope}\"")), "no route needs {scope}");
    }
    for route in ROUTES {
        for code in route.problems {
            assert!(rrb_serve::Problem::CODES.iter().any(|(c, ..)| c == code), "{}: {code}", route.name);
        }
        assert!(route.path.matches('{').count() <= 1);
    }
}

/// Checks a value against a schema of the description, as far as the description uses JSON Schema.
fn fits(doc: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        return fits(doc, &doc["components"]["schemas"][name], value, &format!("{at}:{name}"));
    }
    if let Some(any) = schema["anyOf"].as_array() {
        if !value.is_null() {
            fits(doc, &any[0], value, at);
        }
        return;
    }
    match schema["type"].as_str() {
        Some("array") => {
            let items = value.as_array().unwrap_or_else(|| panic!("{at}: {value} is no list"));
            items.iter().for_each(|v| fits(doc, &schema["items"], v, &format!("{at}[]")));
        }
        Some("object") => {
            let map = value.as_object().unwrap_or_else(|| panic!("{at}: {value} is no object"));
            let Some(properties) = schema["properties"].as_object() else { return };
            for (name, v) in map {
                let inner = properties.get(name).unwrap_or_else(|| panic!("{at}: `{name}` is not described"));
                fits(doc, inner, v, &format!("{at}.{name}"));
            }
            for name in schema["required"].as_array().unwrap() {
                assert!(map.contains_key(name.as_str().unwrap()), "{at}: {name} is missing");
            }
        }
        Some("string") => assert!(value.is_string(), "{at}: {value}"),
        Some("integer") => assert!(value.is_i64() || value.is_u64(), "{at}: {value}"),
        Some("boolean") => assert!(value.is_boolean(), "{at}: {value}"),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_answered_is_what_is_described() {
    let world = world();
    let doc = describe();
    world.token(&[Scope::RunsRead], None);
    let mut seen = 0;
    for route in ROUTES.iter().filter(|r| r.verb == rrb_serve::Verb::Get && r.name != "followTimeline") {
        let path = route.path.replace("{id}", "x");
        let (status, body) = world.call(&world.operator, "GET", &path, None).await;
        let response = &doc["paths"][&path.replace("/x", "/{id}")]["get"]["responses"][status.to_string()];
        let content = response["content"].as_object().unwrap();
        fits(&doc, &content.values().next().unwrap()["schema"], &body, route.name);
        assert!(!body.as_array().is_some_and(Vec::is_empty), "{}: an empty list proves nothing", route.name);
        seen += 1;
    }
    assert!(seen > 12);
    let (_, problem) = world.call("", "GET", "/v1/runs", None).await;
    fits(&doc, &doc["components"]["schemas"]["Problem"], &problem, "Problem");
    let body = serde_json::json!({"name": "n", "scopes": ["runs:read"]});
    let (status, created) = world.call(&world.operator, "POST", "/v1/tokens", Some(body)).await;
    assert_eq!(status, 201);
    fits(&doc, &doc["components"]["schemas"]["CreatedToken"], &created, "CreatedToken");
}

#[test]
fn the_page_has_every_scope_and_code() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap();
    for scope in Scope::ALL {
        assert!(page.contains(&format!("| `{scope}` | {} |", scope.meaning())), "{scope}");
    }
    for (code, status, meaning) in rrb_serve::Problem::CODES {
        let row = page.lines().find(|l| l.starts_with(&format!("| `{code}` | {status} |")));
        assert!(row.is_some_and(|r| r.contains(meaning)), "{code}");
    }
}
