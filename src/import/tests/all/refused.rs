//! What is no description, or too much of one.

use rrb_import::{MAX_BYTES, MAX_DEPTH, Options, openapi};

use crate::support::{api, import};

fn refused(bytes: &[u8]) -> String {
    let error = openapi::import(bytes, &Options::default()).expect_err("it was taken");
    format!("{error}\n  help: {}", error.help)
}

#[test]
fn what_is_no_description_is_said() {
    let cases: [&str; 18] = [
        "",
        " \n",
        "{",
        "[]",
        "7",
        "hello",
        "{}",
        "{\"openapi\": 4}",
        "openapi: 4.0.0",
        "openapi: 2.9",
        "swagger: '1.2'",
        "swaggerVersion: '1.2'",
        "asyncapi: 3.0.0",
        "{\"discoveryVersion\": \"v1\", \"resources\": {}}",
        "a: [1, 2",
        "a: b: c",
        "--- 1\n--- 2\n",
        "openapi: *unknown",
    ];
    let all: Vec<String> = cases.iter().map(|c| format!("{c:?}\n  {}", refused(c.as_bytes()))).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn bytes_that_are_no_text() {
    assert!(refused(b"openapi: \xff").contains("not UTF-8: byte 9"));
    assert!(refused(&[0x1f, 0x8b, 8, 0]).contains("not UTF-8"));
}

#[test]
fn a_description_has_a_largest_size() {
    let mut text = String::from("{\"openapi\": \"3.0.0\", \"paths\": {}}");
    text.push_str(&" ".repeat(MAX_BYTES - 1 - text.len()));
    for (more, taken) in [("", true), (" ", true), (" ", false)] {
        text.push_str(more);
        assert_eq!(openapi::import(text.as_bytes(), &Options::default()).is_ok(), taken, "{}", text.len());
    }
    assert!(refused(text.as_bytes()).contains("at most 67108864"));
}

#[test]
fn a_description_nests_so_deep() {
    // The root is one level, `x-deep` holds the others.
    for (levels, taken) in [(MAX_DEPTH - 2, true), (MAX_DEPTH - 1, true), (MAX_DEPTH, false)] {
        let deep = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        for text in [
            format!("{{\"openapi\": \"3.0.0\", \"paths\": {{}}, \"x\": {deep}}}"),
            format!("openapi: 3.0.0\npaths: {{}}\nx: {deep}\n"),
        ] {
            let result = openapi::import(text.as_bytes(), &Options::default());
            assert_eq!(result.is_ok(), taken, "{levels}: {result:?}");
        }
    }
}

#[test]
fn aliases_that_grow_are_stopped() {
    let mut text = String::from("openapi: 3.0.0\npaths: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..9 {
        let before = i - 1;
        text.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
    }
    let start = std::time::Instant::now();
    assert!(refused(text.as_bytes()).contains("no YAML"));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn names_that_no_connector_can_have() {
    let text = api("  /a: { get: { responses: { 200: {} } } }\n");
    for name in ["", "Shop", "my-shop", "1a", "type", "http", "a b", "ä", "std"] {
        let options = Options { name: Some(name.to_owned()), ..Options::default() };
        let error = openapi::import(text.as_bytes(), &options).expect_err(name);
        assert!(error.help.contains("small letters"), "{name}: {error}");
    }
}

#[test]
fn a_choice_of_what_is_not_there() {
    let text = include_str!("../descriptions/shop.yaml");
    let with = |only: &str| {
        let options = Options { only: vec![only.to_owned()], ..Options::default() };
        openapi::import(text.as_bytes(), &options)
    };
    for (only, help) in [
        ("petz", "did you mean `pets`?"),
        ("listPet", "did you mean `listPets`?"),
        ("/nothing", "give a tag"),
        ("DELETE /pets", "give a tag"),
        ("", "give a tag"),
    ] {
        let error = with(only).expect_err(only);
        assert!(error.help.contains(help), "{only}: {}", error.help);
    }
}

#[test]
fn a_choice_has_the_same_names_and_only_the_types_that_it_needs() {
    let text = include_str!("../descriptions/shop.yaml");
    let with = |only: &[&str]| {
        let options = Options {
            only: only.iter().map(|o| (*o).to_owned()).collect(),
            source: "api.yaml".to_owned(),
            ..Options::default()
        };
        openapi::import(text.as_bytes(), &options).unwrap()
    };
    let whole = import(text);
    for (only, actions, types) in [
        (&["pets"][..], 5, 4),
        (&["PETS"], 5, 4),
        (&["/pets"], 2, 4),
        (&["/pets/*"], 6, 5),
        (&["delete /pets/{petId}"], 1, 0),
        (&["deletePet", "delete_pet"], 1, 0),
        (&["search_all"], 1, 4),
        (&["photos", "listPets"], 2, 5),
    ] {
        let some = with(only);
        assert_eq!((some.report.counts.actions, some.report.counts.types), (actions, types), "{only:?}\n{}", some.text);
        assert_eq!(crate::support::problems(&some.text), Vec::<String>::new(), "{only:?}");
        for line in
            some.text.lines().filter(|l| l.trim_start().starts_with("action ") || l.trim_start().starts_with("fn "))
        {
            assert!(whole.text.contains(line), "{only:?}: {line}");
        }
    }
    assert_eq!(with(&["pet_sold"]).report.counts.events, 1);
    assert!(!with(&["deletePet"]).report.notes.iter().any(|n| n.at.contains("search")));
}
