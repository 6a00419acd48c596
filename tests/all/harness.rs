//! The harness itself: what it finds wrong is wrong, and what it lets pass is right.

use rrb_tests::leaks::{self, FORMS};
use rrb_tests::openapi::{Description, Seen, cut};
use serde_json::{Value, json};

const SECRET: &str = "xoxb+1/2\"canary=7";

#[test]
fn a_secret_is_found_in_every_form_and_at_every_place() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let hex = |upper: bool| {
        SECRET.bytes().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect::<String>()
    };
    let percent: String = SECRET
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02x}") })
        .collect();
    let json = Value::from(SECRET).to_string();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| SECRET.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut shown: Vec<(&str, Vec<u8>)> = vec![
        ("plain", SECRET.into()),
        ("hex", hex(false).into()),
        ("HEX", hex(true).into()),
        ("percent-encoded", percent.into()),
        ("escaped", json.clone().into()),
        ("escaped", Value::from(json).to_string().into()),
        ("escaped", SECRET.replace('x', "\\u0078").into()),
        ("UTF-16", utf16(u16::to_le_bytes)),
        ("UTF-16", utf16(u16::to_be_bytes)),
        ("reversed", SECRET.chars().rev().collect::<String>().into()),
    ];
    for before in 0..3 {
        let around = format!("{}{SECRET}:more", &"abc"[..before]);
        shown.push(("base64", STANDARD.encode(&around).into()));
        shown.push(("base64url", URL_SAFE_NO_PAD.encode(&around).into()));
    }
    for (form, bytes) in &shown {
        assert!(FORMS.contains(form));
        let within = [b"a log: ", bytes.as_slice(), b" and more"].concat();
        let found =
            leaks::find(SECRET, &within).unwrap_or_else(|| panic!("{form}: {}", String::from_utf8_lossy(bytes)));
        // Without `+` and `/` in it, both forms of Base64 are the same.
        assert!(
            found == *form || form.starts_with("base64") && found.starts_with("base64"),
            "{form} is called {found}"
        );
    }
    for innocent in ["", "xoxb", "xoxb+1/2", "secret(env:TOKEN)", "\\", "%", "%2", "\\u00"] {
        assert_eq!(leaks::find(SECRET, innocent.as_bytes()), None, "{innocent}");
    }
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n-----END PRIVATE KEY-----";
    assert_eq!(leaks::find(key, b"one line MIIEvQIBADANBgkqhkiG9w0 of it"), Some("plain"));
    assert_eq!(leaks::find(key, b"-----BEGIN PRIVATE KEY----- short"), None);
}

fn description() -> Value {
    json!({
        "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "servers": [{ "url": "https://{region}.x.example/v2", "variables": { "region": { "default": "eu" } } }],
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" }, "pass": { "type": "http", "scheme": "basic" } },
            "schemas": {
                "Dog": { "type": "object", "required": ["kind", "bark"], "properties": { "kind": { "type": "string" }, "bark": { "type": "integer", "minimum": 1, "maximum": 9 } } },
                "Cat": { "type": "object", "required": ["kind"], "properties": { "kind": { "type": "string" }, "lives": { "type": "integer", "nullable": true } }, "additionalProperties": false },
                "Pet": { "oneOf": [{ "$ref": "#/components/schemas/Dog" }, { "$ref": "#/components/schemas/Cat" }], "discriminator": { "propertyName": "kind", "mapping": { "dog": "#/components/schemas/Dog", "cat": "#/components/schemas/Cat" } } },
                "Node": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string", "format": "uuid" }, "next": { "$ref": "#/components/schemas/Node" } } },
                "Unused": { "type": "string" }
            }
        },
        "security": [{ "key": [] }, { "pass": [] }],
        "paths": {
            "/pets/{id}": {
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } }],
                "get": { "operationId": "pet", "parameters": [
                    { "name": "tags", "in": "query", "schema": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] } } },
                    { "name": "page", "in": "query", "required": true, "schema": { "type": "integer" } },
                    { "name": "filter", "in": "query", "style": "deepObject", "schema": { "type": "object", "properties": { "age": { "type": "integer" } } } } ],
                    "responses": { "404": { "description": "no" }, "200": { "description": "one", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Node" } } } } } },
                "put": { "operationId": "put", "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } },
                    "responses": { "204": { "description": "done" } } }
            },
            "/pets/mine": { "get": { "operationId": "mine", "security": [], "responses": { "200": { "description": "x" } } } }
        }
    })
}

fn seen(method: &str, path: &str, query: &str, body: &Value) -> Seen {
    let query = query.split('&').filter_map(|p| p.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let headers = vec![
        ("authorization".to_owned(), "Bearer t".to_owned()),
        ("content-type".to_owned(), "application/json; charset=utf-8".to_owned()),
    ];
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Seen { method: method.to_owned(), path: path.to_owned(), query, headers, body }
}

fn refused(seen: &Seen) -> Option<Vec<String>> {
    let description = Description::read(description().to_string().as_bytes(), "/p").unwrap();
    Some(description.open().judge(seen)?.refused)
}

#[test]
fn a_description_refuses_what_it_does_not_say() {
    let none = Value::Null;
    for (method, path, query, body, says) in [
        ("GET", "/p/v2/pets/7", "page=1", none.clone(), ""),
        ("GET", "/p/v2/pets/7/", "page=1&tags=a&tags=b&filter[age]=3", none.clone(), ""),
        ("GET", "/p/v2/pets/seven", "page=1", none.clone(), "path `id`"),
        ("GET", "/p/v2/pets/7", "", none.clone(), "query `page`: required and missing"),
        ("GET", "/p/v2/pets/7", "page=one", none.clone(), "a text instead of integer"),
        ("GET", "/p/v2/pets/7", "page=1&tags=c", none.clone(), "none of \"a\", \"b\""),
        ("GET", "/p/v2/pets/7", "page=1&filter[age]=old", none.clone(), "`/age`"),
        ("GET", "/p/v2/pets/7", "page=1&pgae=2", none.clone(), "query `pgae`: the description has no such parameter"),
        ("GET", "/p/v2/pets/7", "page=1", json!({}), "body: the description has none"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "dog", "bark": 3 }), ""),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "cat", "lives": null }), ""),
        ("PUT", "/p/v2/pets/7", "", none.clone(), "body: required and missing"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "dog" }), "`bark` is required and missing"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "dog", "bark": 10 }), "too large"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "dog", "bark": 0 }), "too small"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "dog", "bark": 1.5 }), "a number instead of integer"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "cow" }), "`kind` is `cow`"),
        ("PUT", "/p/v2/pets/7", "", json!({ "bark": 3 }), "`kind`, which says of what kind it is, is missing"),
        ("PUT", "/p/v2/pets/7", "", json!({ "kind": "cat", "bark": 3 }), "`/bark`: no such member may be there"),
        ("PUT", "/p/v2/pets/7", "", json!([]), "`kind`"),
    ] {
        let said = refused(&seen(method, path, query, &body)).unwrap_or_else(|| panic!("{method} {path} is unknown"));
        let fits = if says.is_empty() { said.is_empty() } else { said.iter().any(|s| s.contains(says)) };
        assert!(fits, "{method} {path}?{query} {body}: {said:?}");
    }
    for (method, path) in [
        ("POST", "/p/v2/pets/7"),
        ("GET", "/v2/pets/7"),
        ("GET", "/p/pets/7"),
        ("GET", "/p/v2/pets/7/8"),
        ("GET", "/p/v2/pets"),
    ] {
        assert!(refused(&seen(method, path, "page=1", &Value::Null)).is_none(), "{method} {path}");
    }
}

#[test]
fn credentials_are_those_of_the_schemes() {
    let mut request = seen("GET", "/p/v2/pets/7", "page=1", &Value::Null);
    for (header, fits) in [("Bearer t", true), ("Basic dTpw", true), ("Token t", false)] {
        request.headers = vec![("authorization".to_owned(), header.to_owned())];
        assert_eq!(refused(&request).unwrap().is_empty(), fits, "{header}");
    }
    request.headers.clear();
    assert!(refused(&request).unwrap()[0].contains("credentials"));
    let open = Seen { path: "/p/v2/pets/mine".to_owned(), query: Vec::new(), ..request };
    assert!(refused(&open).unwrap().is_empty(), "an operation with an empty list of schemes is open to all");
}

#[test]
fn a_reply_is_made_of_its_schema_and_fits_it() {
    let description = Description::read(description().to_string().as_bytes(), "").unwrap();
    let open = description.open();
    let request = seen("GET", "/v2/pets/7", "page=1", &Value::Null);
    let promised = open.reply(&request).unwrap();
    assert_eq!((promised.status, promised.media.as_deref()), (200, Some("application/json")));
    assert_eq!(promised.body, json!({ "id": "5f0c1d2e-3b4a-4c5d-8e6f-708192a3b4c5" }));
    assert_eq!(open.misfits(&promised, &promised.body), Vec::<String>::new());
    assert!(open.misfits(&promised, &json!({ "id": 7 }))[0].contains("a number instead of string"));
    let gone = open.reply(&seen("PUT", "/v2/pets/7", "", &json!({}))).unwrap();
    assert_eq!((gone.status, gone.media), (204, None));
}

#[test]
fn a_cut_keeps_what_its_operations_reach() {
    let full = description().to_string();
    let cut_to = |wanted: &[&str]| {
        cut(full.as_bytes(), &wanted.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>(), &json!("here"))
    };
    let small = cut_to(&["GET /pets/{id}"]).unwrap();
    assert_eq!(small["x-origin"], "here");
    assert_eq!(small["paths"].as_object().unwrap().len(), 1);
    assert!(
        small.pointer("/paths/~1pets~1{id}/put").is_none() && small.pointer("/paths/~1pets~1{id}/parameters").is_some()
    );
    assert!(small.pointer("/paths/~1pets~1{id}/get/responses/404").is_none());
    let kept: Vec<&String> = small["components"]["schemas"].as_object().unwrap().keys().collect();
    assert_eq!(kept, ["Node"]);
    let judged = Description::read(small.to_string().as_bytes(), "").unwrap();
    assert!(judged.open().judge(&seen("GET", "/v2/pets/7", "page=1", &Value::Null)).unwrap().refused.is_empty());
    for (wanted, says) in [("nothing", "no operation `nothing`"), ("DELETE /pets/{id}", "no operation")] {
        assert!(cut_to(&[wanted]).unwrap_err().contains(says));
    }
    assert!(cut(b"{}", &[], &json!("x")).is_err());
    assert!(cut(b"not a description", &["x".to_owned()], &json!("x")).is_err());
}
