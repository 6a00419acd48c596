//! Pages, members that go out as null, and what replies have beside their body.

use rrb_import::Loss;

use crate::support::{api, checked, components, notes};

/// A GET with these query parameters and this reply.
fn listing(params: &str, reply: &str) -> String {
    api(&format!(
        "  /things/{{kind}}: {{ get: {{ operationId: listThings, parameters: [ {{ name: kind, in: path, required: true, schema: {{ type: string }} }}, {params} ], responses: {{ 200: {{ content: {{ application/json: {{ schema: {reply} }} }} }} }} }} }}\n"
    ))
}

const THINGS: &str = "{ type: object, required: [ things ], properties: { things: { type: array, items: { type: string } }, next_cursor: { type: string, nullable: true }, next: { type: string } } }";

/// The action that takes all pages, on one line.
fn all_of(params: &str, reply: &str) -> String {
    let made = checked(&listing(params, reply));
    let from = made.text.find("action list_things_all(").unwrap_or_else(|| panic!("no such action in\n{}", made.text));
    made.text[from..].split("\n  }\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn pages_are_taken_by_number_by_offset_and_by_cursor() {
    for (param, reply, parts) in [
        (
            "{ name: page, in: query, schema: { type: integer } }, { name: per_page, in: query, schema: { type: integer } }",
            "{ type: array, items: { type: string } }",
            vec![
                "per_page: Int? = none",
                "max_pages: Int = 100",
                "-> List<Text> reads",
                "http.pages( 1,",
                "{ none } else { at + 1 }",
            ],
        ),
        (
            "{ name: page, in: query, schema: { type: integer, default: 0 } }",
            THINGS,
            vec!["http.pages( 0,", "if one.things.is_empty()", "pages.flat_map(one => one.things)"],
        ),
        (
            "{ name: offset, in: query, schema: { type: integer } }",
            THINGS,
            vec!["http.pages( 0,", "at + one.things.len()"],
        ),
        (
            "{ name: cursor, in: query, schema: { type: string } }",
            THINGS,
            vec![
                "\"\",",
                "cursor: if at.is_empty() { none } else { (at) }",
                "one.next_cursor.filter(it => not it.is_empty())",
            ],
        ),
    ] {
        let text = all_of(param, reply);
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }
}

#[test]
fn pages_that_cannot_be_told_have_no_action_of_their_own() {
    let two = "{ type: object, properties: { a: { type: array, items: { type: string } }, b: { type: array, items: { type: string } } } }";
    let without =
        "{ type: object, properties: { a: { type: array, items: { type: string } }, next: { type: string } } }";
    for (param, reply) in [
        // Which list is the page's?
        ("{ name: page, in: query, schema: { type: integer } }", two),
        // `next` is an address as often as a cursor.
        ("{ name: cursor, in: query, schema: { type: string } }", without),
        ("{ name: page, in: query, schema: { type: string } }", THINGS),
        ("{ name: page, in: query, required: true, schema: { type: integer } }", THINGS),
        ("{ name: page, in: header, schema: { type: integer } }", THINGS),
        ("{ name: page, in: query, schema: { type: integer } }", "{ type: string }"),
    ] {
        let made = checked(&listing(param, reply));
        assert!(!made.text.contains("list_things_all"), "{}", made.text);
    }
}

#[test]
fn the_action_for_all_pages_takes_no_name_from_another() {
    let both = listing("{ name: page, in: query, schema: { type: integer } }", THINGS)
        + "  /all: { get: { operationId: listThingsAll, responses: { 200: { content: { application/json: { schema: { type: string } } } } } } }\n";
    let made = checked(&both);
    assert!(made.text.contains("action list_things_all("), "{}", made.text);
    assert!(made.text.contains("action list_things_all_2("), "{}", made.text);
}

#[test]
fn members_that_may_be_null_and_need_not_be_there_can_be_sent_as_null() {
    let made = checked(&components(
        "schemas",
        "    T: { type: object, required: [ name ], properties: { name: { type: string, nullable: true }, note: { type: string, nullable: true }, nulls: { type: integer }, at: { type: string, nullable: true, readOnly: true } } }\n",
    ));
    assert!(made.text.contains("nulls: List<Text> = []"), "{}", made.text);
    assert!(made.text.contains("nulls, [\"note\"])") || made.text.contains("[\"note\"],"), "{}", made.text);
    let plain = checked(&components("schemas", "    T: { type: object, properties: { note: { type: string } } }\n"));
    assert!(!plain.text.contains("nulls"), "{}", plain.text);
}

#[test]
fn headers_and_replies_of_failures_are_reported() {
    let made = checked(&api(
        "  /t: { get: { operationId: t, responses: { 200: { headers: { X-Total: { schema: { type: integer } } }, content: { application/json: { schema: { type: string } } } }, 404: { content: { application/json: { schema: { type: object, properties: { why: { type: string } } } } } }, 500: { description: gone } } } }\n",
    ));
    let said = notes(&made, Loss::LeftOut);
    assert_eq!(
        said,
        [
            "/paths/~1t/get/responses/200/headers/X-Total: the header `X-Total` of a reply: only the body is given",
            "/paths/~1t/get/responses/404: the schema of a reply that is no success: a failure has its status and its text in `detail`",
        ]
    );
}

#[test]
fn a_discriminator_inside_of_all_of_tells_derived_types_apart() {
    let made = checked(&components(
        "schemas",
        "    T: { allOf: [ { type: object, required: [ kind ], discriminator: { propertyName: kind, mapping: { d: '#/components/schemas/Dog' } }, properties: { kind: { type: string } } } ] }
    Dog: { allOf: [ { $ref: '#/components/schemas/T' }, { type: object, properties: { barks: { type: boolean } } } ] }
    Cat: { allOf: [ { $ref: '#/components/schemas/T' }, { type: object, properties: { lives: { type: integer } } } ] }
",
    ));
    assert!(made.text.contains("enum T {"), "{}", made.text);
    assert!(made.text.contains("d(value: Dog)") && made.text.contains("cat(value: Cat)"), "{}", made.text);
}
