//! Descriptions that are odd in one way each. Each gives a connector that checks; what is odd shows in it or in the report.

use rrb_import::Loss;

use crate::support::{api, checked, components, notes};

/// The connector of these schemas: one action takes and gives the schema `T`.
fn of_schemas(schemas: &str) -> rrb_import::Imported {
    checked(&components("schemas", schemas))
}

#[test]
fn names_that_are_keywords_or_no_names() {
    let imported = of_schemas(
        r##"
    T:
      type: object
      required: [ type, "if", "@id", "foo-bar", foo_bar, "", "2fast", "日本", match ]
      properties:
        type: { type: string }
        if: { type: boolean }
        "@id": { type: string }
        foo-bar: { type: integer }
        foo_bar: { type: integer }
        "": { type: string }
        2fast: { type: string }
        日本: { type: string }
        match: { $ref: "#/components/schemas/Text" }
        "a\"b$c": { type: string }
    Text: { type: object, properties: { map: { $ref: "#/components/schemas/list" } } }
    list: { type: object, properties: { keys: { type: array, items: { $ref: "#/components/schemas/Failure" } } } }
    Failure: { type: object, properties: { none: { type: string } } }
    pet: { type: string, enum: [ a, b ] }
    Pet: { type: object, properties: { p: { $ref: "#/components/schemas/pet" } } }
    PET: { type: object, properties: { q: { $ref: "#/components/schemas/Pet" } } }
"##,
    );
    insta::assert_snapshot!(imported.text);
}

#[test]
fn enums_with_odd_values() {
    let imported = of_schemas(
        r##"
    T:
      type: object
      properties:
        order: { type: string, enum: [ asc, desc, "-asc", "" ] }
        number: { type: integer, enum: [ 1, 2, 3 ] }
        mixed: { enum: [ 1, "a", true ] }
        yes: { type: string, enum: [ yes, no, on, off, true, false ] }
        nothing: { type: string, nullable: true, enum: [ a, b, null ] }
        only: { type: string, enum: [ fixed ] }
        constant: { const: 7 }
        twice: { type: string, enum: [ a, a, b ] }
        empty: { type: string, enum: [] }
        quoted: { type: string, enum: [ 'a"b', "a\\b", "${x}", "line\nbreak" ] }
"##,
    );
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn null_in_three_dialects() {
    let imported = of_schemas(
        r##"
    T:
      type: object
      required: [ a, b, c, d, e, f, g ]
      properties:
        a: { type: string, nullable: true }
        b: { type: [ string, "null" ] }
        c: { anyOf: [ { type: string }, { type: "null" } ] }
        d: { type: integer, x-nullable: true }
        e: { oneOf: [ { $ref: "#/components/schemas/U" }, { type: "null" } ] }
        f: { nullable: true, allOf: [ { $ref: "#/components/schemas/U" } ] }
        g: { $ref: "#/components/schemas/N" }
    U: { type: object, properties: { x: { type: integer } } }
    N: { type: object, nullable: true, properties: { y: { type: integer } } }
"##,
    );
    insta::assert_snapshot!(imported.text);
}

#[test]
fn circles() {
    let imported = of_schemas(
        r##"
    T: { $ref: "#/components/schemas/A" }
    A: { type: object, properties: { b: { $ref: "#/components/schemas/B" }, self: { $ref: "#/components/schemas/Self" }, tree: { $ref: "#/components/schemas/Tree" } } }
    B: { allOf: [ { $ref: "#/components/schemas/A" }, { type: object, properties: { a: { $ref: "#/components/schemas/A" } } } ] }
    Self: { $ref: "#/components/schemas/Self" }
    Tree: { type: array, items: { $ref: "#/components/schemas/Tree" } }
    Eat: { allOf: [ { $ref: "#/components/schemas/Eat" }, { type: object, properties: { e: { $ref: "#/components/schemas/Eat" } } } ] }
"##,
    );
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn alternatives() {
    let imported = of_schemas(
        r##"
    T:
      type: object
      properties:
        plain: { oneOf: [ { type: string }, { type: integer } ] }
        numbers: { anyOf: [ { type: integer }, { type: number } ] }
        texts: { anyOf: [ { type: string, enum: [ a, b ] }, { type: string } ] }
        same: { oneOf: [ { type: string, maxLength: 1 }, { type: string, pattern: x } ] }
        implied: { oneOf: [ { type: object, required: [ kind ], properties: { kind: { const: disk }, size: { type: integer } } }, { type: object, properties: { kind: { enum: [ net ] }, mac: { type: string } } } ] }
        untold: { oneOf: [ { type: object, required: [ id, a ], properties: { id: { type: string }, a: { type: string } } }, { type: object, required: [ id ], properties: { id: { type: string }, a: { type: integer }, b: { type: string } } } ] }
        restricted: { type: object, properties: { x: { type: string }, y: { type: string } }, anyOf: [ { required: [ x ] }, { required: [ y ] } ] }
        anything: {}
        nothing: false
        tuple: { type: array, prefixItems: [ { type: string }, { type: integer } ] }
        several: { type: [ string, integer ] }
        unknown: { type: money }
        base: { $ref: "#/components/schemas/Base" }
    Base: { type: object, discriminator: { propertyName: kind }, required: [ kind ], properties: { kind: { type: string } } }
    One: { allOf: [ { $ref: "#/components/schemas/Base" }, { type: object, properties: { one: { $ref: "#/components/schemas/Base" } } } ] }
    other: { allOf: [ { $ref: "#/components/schemas/Base" }, { type: object, properties: { two: { type: integer } } } ] }
"##,
    );
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn references_that_lead_nowhere_or_outside() {
    let imported = checked(&api(r##"
  /a:
    get:
      parameters:
        - { $ref: "#/components/parameters/Missing" }
        - { $ref: "other.yaml#/x" }
      responses:
        "200": { content: { application/json: { schema: { $ref: "https://evil.example/schema.json" } } } }
  /b:
    get:
      responses: { "200": { $ref: "#/paths/~1c/get/responses/200" } }
  /c:
    get:
      responses:
        "200": { content: { application/json: { schema: { type: array, items: { $ref: "#/paths//d/{id}/get/responses/200/content/application~1json/schema" } } } } }
  /d/{id}:
    get:
      responses:
        "200": { content: { application/json: { schema: { type: object, properties: { x: { type: string }, more: { $ref: "#/paths/~1d~1%7Bid%7D/get/responses/200/content/application~1json/schema" } } } } } }
  /e: { $ref: "./paths/e.yaml" }
"##));
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn parameters_of_every_kind() {
    let imported = checked(&api(r##"
  /a/{id}/b.{ext}/{list}/{label}/{matrix}/{proxy+}/{undeclared}:
    post:
      operationId: do
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
        - { name: ext, in: path, required: true, schema: { type: string, enum: [ json, "x-y" ] } }
        - { name: list, in: path, required: true, schema: { type: array, items: { type: integer } } }
        - { name: label, in: path, required: true, style: label, schema: { type: string } }
        - { name: matrix, in: path, required: true, style: matrix, schema: { type: string } }
        - { name: proxy, in: path, required: true, schema: { type: string } }
        - { name: ghost, in: path, required: true, schema: { type: string } }
        - { name: url, in: query, required: true, schema: { type: string } }
        - { name: reply, in: query, schema: { type: boolean } }
        - { name: headers, in: query, schema: { type: string, format: date-time } }
        - { name: http, in: query, schema: { type: number } }
        - { name: base_url, in: query, schema: {} }
        - { name: type, in: query, schema: { type: string } }
        - { name: body, in: query, schema: { type: string } }
        - { name: token, in: query, schema: { type: string } }
        - { name: "a[]", in: query, schema: { type: array, items: { type: string, enum: [ x, y ] } } }
        - { name: "page[size]", in: query, schema: { type: integer } }
        - { name: pipe, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: string } } }
        - { name: space, in: query, style: spaceDelimited, explode: false, schema: { type: array, items: { type: string } } }
        - { name: deep, in: query, style: deepObject, schema: { type: object, additionalProperties: { type: string } } }
        - { name: spread, in: query, schema: { type: object, properties: { R: { type: integer } } } }
        - { name: pairs, in: query, explode: false, schema: { type: object, properties: { R: { type: integer } } } }
        - { name: json, in: query, content: { application/json: { schema: { type: object, properties: { a-b: { type: integer } } } } } }
        - { name: jsons, in: query, required: true, content: { application/json: { schema: { type: array, items: { type: string } } } } }
        - { name: X-Many, in: header, schema: { type: array, items: { type: integer } } }
        - { name: Accept, in: header, schema: { type: string } }
        - { name: Authorization, in: header, schema: { type: string } }
        - { name: X-Api-Key, in: header, schema: { type: string } }
        - { name: c1, in: cookie, required: true, schema: { type: integer } }
        - { name: c2, in: cookie, schema: { type: array, items: { type: string } } }
        - { name: strange, in: body_part, schema: { type: string } }
        - { in: query }
        - 7
      requestBody: { content: { application/json: { schema: { type: string } } } }
      responses: { default: { description: any } }
  "/q?action=go&x=a%20b#frag":
    get: { responses: { 200: { description: fine } } }
"##));
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn bodies_and_replies_of_every_kind() {
    let imported = checked(&api(r##"
  /text: { post: { requestBody: { content: { text/plain: {} } }, responses: { 200: { content: { text/csv: { schema: { type: string } } } } } } }
  /bytes: { put: { requestBody: { content: { application/x-tar: { schema: { type: string, format: binary } } } }, responses: { 200: { content: { image/png: {} } } } } }
  /patch: { patch: { requestBody: { required: true, content: { application/merge-patch+json: { schema: { type: object, properties: { a: { type: string, nullable: true } } } } } }, responses: { 200: { content: { application/vnd.api+json: { schema: { type: object } } } } } } }
  /list: { put: { requestBody: { required: true, content: { application/json: { schema: { type: array, items: { type: object, properties: { a: { type: string } } } } } } }, responses: { 202: {} } } }
  /map: { put: { requestBody: { content: { application/json: { schema: { type: object, additionalProperties: { type: object, properties: { b-c: { type: string } } } } } } }, responses: { 200: { content: { application/json: { schema: { type: object, additionalProperties: { type: array, items: { type: object, required: [ b-c ], properties: { b-c: { type: string } } } } } } } } } } }
  /form: { post: { requestBody: { content: { application/x-www-form-urlencoded: { schema: { type: object, properties: { a: { type: array, items: { type: integer } }, o: { type: object, properties: { x: { type: string } } }, f: { type: number } } } } } }, responses: { 200: {} } } }
  /free: { post: { requestBody: { content: { application/x-www-form-urlencoded: { schema: { type: object, additionalProperties: { type: string } } } } }, responses: { 200: {} } } }
  /files: { post: { requestBody: { content: { multipart/form-data: { schema: { type: object, properties: { a: { type: array, items: { type: string, format: binary } } } } } } }, responses: { 200: {} } } }
  /parts: { post: { requestBody: { content: { multipart/mixed: {} } }, responses: { 200: {} } } }
  /getbody: { get: { requestBody: { content: { application/json: { schema: { type: string } } } }, responses: { 200: {} } } }
  /head: { head: { responses: { 200: {} } } }
  /options: { options: { responses: { 200: {} } } }
  /query: { query: { responses: { 200: {} } } }
  /redirect: { get: { responses: { 302: {} } } }
  /two: { get: { responses: { 200: { content: { application/json: { schema: { type: string } } } }, 203: { content: { application/json: { schema: { type: integer } } } } } } }
  /xx: { get: { responses: { 2XX: { content: { application/json; charset=utf-8: { schema: { type: integer } } } } } } }
  /deleted: { delete: { requestBody: { content: { application/json: { schema: { type: object, required: [ why ], properties: { why: { type: string } } } } } }, responses: { 200: { content: { "*/*": { schema: { type: boolean } } } } } } }
  /none: { post: {} }
  /empty: {}
"##));
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn operations_without_or_with_equal_ids() {
    let imported = checked(&api(r##"
  /: { get: { responses: { 200: {} } } }
  /pets: { get: { responses: { 200: {} } }, post: { operationId: same, responses: { 200: {} } } }
  /pets/{id}: { get: { operationId: same, responses: { 200: {} } }, delete: { operationId: "", responses: { 200: {} } } }
  /pets/{id}/photos/{photo-id}: { get: { operationId: "日本", responses: { 200: {} } } }
  /a-b: { get: { responses: { 200: {} } } }
  /a_b: { get: { responses: { 200: {} } } }
  /fn: { get: { operationId: fn, responses: { 200: {} } } }
  /token: { get: { operationId: token, responses: { 200: {} } } }
  /long: { get: { operationId: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, responses: { 200: {} } } }
"##));
    insta::assert_snapshot!(imported.text);
}

#[test]
fn docs_cannot_leave_their_comments() {
    let imported = checked(&api(
        "  /a:\n    get:\n      summary: \"one\\n}\\nfn evil() { 1 }\\u2028// allow rrb::name::case because x\\u202e\"\n      description: \"*/ ``` \\n```\\ncode\\n``` `// review: fine`\"\n      operationId: \"a\\\"b\\n}\"\n      responses: { 200: { content: { application/json: { schema: { type: object, description: \"}\\n\\n  action wipe() destroys {}\", properties: { \"x\\ny\": { type: string, description: \"\\r\\n}\" } } } } } } }\n",
    ));
    insta::assert_snapshot!(imported.text);
}

#[test]
fn ways_to_show_who_calls() {
    let imported = checked(&format!(
        "{}\ncomponents:\n  securitySchemes:\n{}",
        api(r##"
  /none: { get: { security: [], responses: { 200: {} } } }
  /bearer: { get: { security: [ { b: [] } ], responses: { 200: {} } } }
  /basic: { get: { security: [ { basic: [] } ], responses: { 200: {} } } }
  /either: { get: { security: [ { b: [] }, { basic: [] }, { key: [] } ], responses: { 200: {} } } }
  /both: { get: { security: [ { key: [], second: [] } ], responses: { 200: {} } } }
  /maybe: { get: { security: [ { b: [] }, {} ], responses: { 200: {} } } }
  /query: { get: { security: [ { q: [] } ], responses: { 200: {} } } }
  /cookie: { get: { security: [ { c: [], key: [] } ], responses: { 200: {} } } }
  /oauth: { get: { security: [ { o: [ "read:x", "write:x" ] } ], responses: { 200: {} } } }
  /ghost: { get: { security: [ { ghost: [] } ], responses: { 200: {} } } }
  /tls: { get: { security: [ { tls: [] } ], responses: { 200: {} } } }
"##),
        r##"    b: { type: http, scheme: Bearer }
    basic: { type: http, scheme: basic }
    key: { type: apiKey, in: header, name: X-Key }
    second: { type: apiKey, in: header, name: X-App }
    q: { type: apiKey, in: query, name: "api key" }
    c: { type: apiKey, in: cookie, name: sid }
    o: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x/token", scopes: {} } } }
    d: { type: http, scheme: digest }
    tls: { type: mutualTLS }
    oidc: { type: openIdConnect, openIdConnectUrl: "https://x" }
"##
    ));
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn servers_of_every_kind() {
    for (servers, url) in [
        ("[ { url: /v1 } ]", "http://localhost/v1"),
        ("[ { url: 'http://a.example' }, { url: 'https://b.example/x/' } ]", "https://b.example/x"),
        (
            "[ { url: 'https://{tenant}.a.example:{port}/v1', variables: { tenant: { default: me }, port: { enum: [ 8443 ] } } } ]",
            "https://me.a.example:8443/v1",
        ),
        ("[ { url: 'unix:///var/run/x.sock' } ]", "http://localhost"),
        ("[ { url: '//a.example' } ]", "https://a.example"),
        ("[ { url: 'https://user:pass@a.example/?q=1#f' } ]", "https://a.example"),
        ("[ { url: 'https://{open.example' } ]", "http://localhost"),
        ("[]", "http://localhost"),
        ("7", "http://localhost"),
        ("[ { url: 7 } ]", "http://localhost"),
    ] {
        let text = format!(
            "openapi: 3.0.0\nservers: {servers}\npaths: {{ /a: {{ get: {{ responses: {{ 200: {{}} }} }} }} }}\n"
        );
        let imported = checked(&text);
        assert!(imported.text.contains(&format!("base_url: Url = url\"{url}\"")), "{servers}: {}", imported.text);
    }
}

#[test]
fn an_operation_with_a_server_of_its_own() {
    let imported = checked(&api(r##"
  /a: { get: { servers: [ { url: "https://uploads.example/x" } ], responses: { 200: {} } } }
  /b: { servers: [ { url: "https://uploads.example/x" } ], get: { responses: { 200: {} } } }
  /c: { get: { responses: { 200: {} } } }
"##));
    assert!(imported.text.contains("uploads_base_url: Url = url\"https://uploads.example/x\""), "{}", imported.text);
    assert_eq!(imported.text.matches("${uploads_base_url}/").count(), 2);
}

#[test]
fn a_key_that_stands_twice_is_said() {
    for text in [
        "openapi: 3.0.0\npaths:\n  /a: { get: { responses: { 200: {} } } }\n  /a: { post: { responses: { 200: {} } } }\n",
        r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {"responses": {"200": {}}}}, "/a": {"post": {"responses": {"200": {}}}}}}"#,
    ] {
        let imported = checked(text);
        assert_eq!(notes(&imported, Loss::LeftOut), ["/paths/~1a: a key that stands twice: the last one counts"]);
        assert!(imported.text.contains("action post_a(") && !imported.text.contains("action get_a("));
    }
}

#[test]
fn yaml_words_that_were_booleans_once_stay_words() {
    let imported = of_schemas(
        "\n    T: { type: object, properties: { on: { type: string, enum: [ on, off, yes, no, y, n ] }, country: { type: string, enum: [ NO, SE ] } } }\n",
    );
    insta::assert_snapshot!(imported.text);
}

#[test]
fn anchors_and_merge_keys() {
    let imported = checked(
        r##"
openapi: 3.0.0
x-shared: &ok { description: fine, content: { application/json: { schema: &pet { type: object, properties: { name: { type: string } } } } } }
paths:
  /a: { get: { responses: { 200: *ok } } }
  /b: { put: { requestBody: { required: true, content: { application/json: { schema: *pet } } }, responses: { 204: {} } } }
  /c: { get: { responses: { 200: { <<: *ok, description: other } } } }
"##,
    );
    insta::assert_snapshot!(imported.text);
}

#[test]
fn swagger_2() {
    let imported = checked(
        r##"
swagger: 2.0
info: { title: The Old API v2, version: 1 }
host: old.example
basePath: api
schemes: [ http, https ]
consumes: [ application/json ]
produces: [ application/json ]
securityDefinitions:
  key: { type: apiKey, in: query, name: k }
  basic: { type: basic }
  oauth: { type: oauth2, flow: application, tokenUrl: "https://old.example/token" }
security: [ { key: [] } ]
parameters:
  limit: { name: limit, in: query, type: integer }
  file: { name: file, in: formData, type: file, required: true }
paths:
  /pets:
    parameters: [ { $ref: "#/parameters/limit" } ]
    get:
      parameters:
        - { name: tags, in: query, type: array, items: { type: string }, collectionFormat: multi }
        - { name: ids, in: query, type: array, items: { type: integer }, collectionFormat: pipes }
        - { name: sort, in: query, type: string, enum: [ asc, desc ] }
      responses: { 200: { description: ok, schema: { type: array, items: { $ref: "#/definitions/my.Pet" } } }, default: { schema: { $ref: Error } } }
    post:
      parameters: [ { name: whatever, in: body, required: true, schema: { $ref: "#/definitions/my.Pet" } } ]
      responses: { 201: { schema: { $ref: "#/definitions/my.Pet" } } }
  /pets/{id}/photo:
    post:
      parameters:
        - { name: id, in: path, required: true, type: string }
        - { $ref: "#/parameters/file" }
        - { name: note, in: formData, type: string }
      responses: { 200: {} }
  /form:
    post:
      consumes: [ application/x-www-form-urlencoded ]
      parameters: [ { name: a, in: formData, type: array, items: { type: string } }, { name: b, in: formData, type: boolean, required: true } ]
      responses: { 200: { schema: { type: file } } }
definitions:
  my.Pet:
    type: object
    discriminator: kind
    required: [ kind ]
    properties: { kind: { type: string }, name: { type: string, x-nullable: true } }
  Cat: { allOf: [ { $ref: "#/definitions/my.Pet" }, { properties: { lives: { type: integer } } } ] }
  Error: { type: object, properties: { message: { type: string } } }
"##,
    );
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}

#[test]
fn webhooks_and_callbacks() {
    let imported = checked(
        r##"
openapi: 3.1.0
info: { title: Hooks }
webhooks:
  issue/opened: { post: { parameters: [ { name: X-Hub-Signature-256, in: header, schema: { type: string } } ], requestBody: { content: { application/json: { schema: { type: object, required: [ n ], properties: { n: { type: integer } } } } } } } }
  push: { post: { parameters: [ { name: webhook-id, in: header }, { name: webhook-signature, in: header } ], requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Push" } } } } } }
  plain: { post: {} }
  got: { get: {} }
  lost: { $ref: "#/components/pathItems/Lost" }
paths:
  /subscribe:
    post:
      callbacks: { onData: { "{$request.query.url}/data": { post: { requestBody: { content: { application/json: { schema: { type: array, items: { type: string } } } } } } } } }
      responses: { 204: {} }
components:
  schemas:
    Push: { type: object, properties: { ref-name: { type: string } } }
"##,
    );
    insta::assert_snapshot!(imported.text);
    insta::assert_snapshot!(imported.report.to_text());
}
