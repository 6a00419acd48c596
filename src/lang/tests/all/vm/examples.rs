//! The example of every built-in method gives the value that the table says.

use rrb_lang::methods::METHODS;

use crate::guide::Page;

/// What the examples of methods of Json and Secret stand on.
pub const GIVEN: &str = "let doc: Json = { a: 1, b: [2, 3], c: none }\n";

#[test]
fn the_example_of_every_method_gives_its_value() {
    let page = Page::on(GIVEN);
    let pure: Vec<_> = METHODS.iter().filter(|m| m.receiver != "Secret").collect();
    let values =
        page.values(&pure.iter().map(|m| m.example).collect::<Vec<_>>()).unwrap_or_else(|said| panic!("{said}"));
    let mut wrong = String::new();
    for (m, got) in pure.iter().zip(values) {
        if got != m.value {
            wrong.push_str(&format!("{} ~ {} ~ {got}\n", m.receiver, m.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A Secret has no value that a test could compare.
#[test]
fn the_examples_of_secrets_are_secrets() {
    for m in METHODS.iter().filter(|m| m.receiver == "Secret") {
        let text = format!("settings {{ token: Secret }}\nfn it(token: Secret) -> Secret {{ {} }}", m.example);
        assert_eq!(crate::guide::outcome("rrb", &text), Ok(()));
    }
}

/// Edges: limits, what is absent, and how each way to fail is said.
#[test]
fn methods_hold_their_edges() {
    let lines = include_str!("edges.txt");
    assert_eq!(Page::on(GIVEN).expressions(lines), Ok(()));
}
