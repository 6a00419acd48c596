//! Other names, and who calls what.

use super::{Fixture, fixture};
use crate::ide::calls::{self, incoming, outgoing, reached_from};
use crate::ide::rename::{apply, rename};

fn renamed(text: &str, to: &str) -> Result<String, String> {
    let f = fixture(text);
    let edits = rename(&f.analysis, f.file, f.offset, to)?;
    let after = apply(&f.analysis, &edits);
    let mut files: Vec<String> = after.files().map(|id| after.text(id).trim().to_owned()).collect();
    files.sort();
    Ok(files.join(" | "))
}

#[test]
fn a_name_changes_everywhere() {
    for (text, to, wanted) in [
        ("let a$0 = 1\nlet b = a + a", "c", "let c = 1\nlet b = c + c"),
        ("fn f(a$0: Int) -> Int { a }\nlet x = f(a: 1)", "n", "fn f(n: Int) -> Int { n }\nlet x = f(n: 1)"),
        (
            "fn f(a: Int) -> Int { let b$0 = a\n \"${b}\".len() + b }",
            "c",
            "fn f(a: Int) -> Int { let c = a\n \"${c}\".len() + c }",
        ),
        (
            "type P = { a$0: Int, b: Int }\nfn f(a: Int, p: P) -> P { { ..p, a, b: p.a } }",
            "c",
            "type P = { c: Int, b: Int }\nfn f(a: Int, p: P) -> P { { ..p, c: a, b: p.c } }",
        ),
        (
            "type P = { a: Int, b: Int }\nfn f(a$0: Int) -> P { { a, b: 1 } }",
            "c",
            "type P = { a: Int, b: Int }\nfn f(c: Int) -> P { { a: c, b: 1 } }",
        ),
        (
            "enum E { a, b$0 }\nfn f(e: E) -> E { match e { a => b, b => E.b } }",
            "c",
            "enum E { a, c }\nfn f(e: E) -> E { match e { a => c, c => E.c } }",
        ),
        (
            "type P$0 = { a: Int }\nfn f(p: P) -> List<P> { [p] }",
            "Q",
            "type Q = { a: Int }\nfn f(p: Q) -> List<Q> { [p] }",
        ),
        ("//- m.rrb\nuse o.{y}\nlet x = y\n//- o.rrb\nlet y$0 = 1\n", "z", "let z = 1 | use o.{z}\nlet x = z"),
        (
            "runbook r$0(n: Text) { log n }\ntest \"t\" {\n  run r(n: \"a\")\n  expect outcome failed of r\n}",
            "s",
            "runbook s(n: Text) { log n }\ntest \"t\" {\n  run s(n: \"a\")\n  expect outcome failed of s\n}",
        ),
        ("fn f(a$0: Int) -> Int { a }", "a", "fn f(a: Int) -> Int { a }"),
    ] {
        assert_eq!(renamed(text, to).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_would_break_is_refused_with_the_reason() {
    for (text, to, why) in [
        ("let a$0 = 1\nlet b = a", "b", "clashes"),
        ("let a$0 = 1", "1a", "is no name"),
        ("let a$0 = 1", "", "is no name"),
        ("let a$0 = 1", "let", "word of the language"),
        ("let a$0 = 1", "Abc", "snake_case"),
        ("type A$0 = { x: Int }", "b", "PascalCase"),
        ("let a = 1 $0", "b", "no name here"),
        ("let a: T$0ext = \"x\"", "b", "part of the language"),
        ("fn f(xs: List<Int>) -> Int { xs.l$0en() }", "size", "part of the language"),
        ("use std.slack\nrunbook r() { do slack.p$0ost(\"a\", \"b\") }", "send", "standard library"),
        ("//- m.rrb\nuse o$0\nlet x = o.y\n//- o.rrb\nlet y = 1\n", "p", "rename the file"),
        ("fn f(a: Int) -> Int { let b$0 = 1\n a + b }", "a", "another"),
        ("let out = 1\nfn f() -> Int { let b$0 = 2\n out + b }", "out", "another"),
        ("type P = { a$0: Int }\nfn f(j: Json) -> P { j as P }", "b", "Json is read as `P`"),
        ("type Q = { a$0: Int }\ntype P = { q: List<Q> }\nfn f(j: Json) -> P { j as P }", "b", "Json is read as `P`"),
        (
            "//- main.rrb\nsettings { lim$0it: Int = 1 }\n//- rrb.toml\n[settings.main]\nlimit = 2\n",
            "most",
            "settings.main.limit",
        ),
        ("action f() { } \nrunbook r() { do f() undo { log \"${res$0ult}\" } }", "x", "by the language"),
    ] {
        let found = renamed(text, to);
        assert!(found.as_ref().is_err_and(|e| e.contains(why)), "{text} → {to}: {found:?}");
    }
}

fn item(f: &Fixture) -> calls::CallItem {
    calls::prepare(&f.analysis, f.file, f.offset).expect("something that calls")
}

const TREE: &str = "action end$0(n: Int) destroys { }\naction twice(n: Int) destroys {\n  do end(n)\n  do end(n)\n}\nrunbook r() {\n  approve \"a?\" from group(\"x\") { do twice(1) }\n}\nrunbook other() { log \"a\" }\n";

#[test]
fn a_destroying_action_is_reached_from_its_runbooks() {
    let f = fixture(TREE);
    let end = item(&f);
    assert_eq!((end.name.as_str(), end.detail.as_str()), ("end", "destroys, main"));
    let callers = incoming(&f.analysis, &end);
    assert_eq!(callers.len(), 1);
    assert_eq!((callers[0].item.name.as_str(), callers[0].places.len()), ("twice", 2));
    let ways: Vec<Vec<String>> =
        reached_from(&f.analysis, &end).into_iter().map(|way| way.into_iter().map(|i| i.name).collect()).collect();
    assert_eq!(ways, [["r", "twice", "end"]]);
    let down = outgoing(&f.analysis, &callers[0].item);
    assert_eq!(down.iter().map(|c| c.item.name.as_str()).collect::<Vec<_>>(), ["end"]);
}

#[test]
fn only_what_calls_has_a_place_in_it() {
    for text in ["$0", "let x$0 = 1", "type P$0 = { a: Int }", "runbook r() { log \"$0\" }", "nowhere$0()"] {
        let f = fixture(text);
        assert_eq!(calls::prepare(&f.analysis, f.file, f.offset), None, "{text}");
    }
}

#[test]
fn a_circle_of_calls_ends() {
    let f = fixture("action a$0() changes { do b() }\naction b() changes { do a() }\nrunbook r() { do a() }");
    let ways = reached_from(&f.analysis, &item(&f));
    assert_eq!(ways.len(), 1);
}

#[test]
fn an_action_of_the_library_has_callers_in_the_project() {
    let f = fixture("use std.slack\nrunbook r() { do slack.p$0ost(\"#a\", \"b\") }");
    let post = item(&f);
    assert!(f.analysis.is_library(post.span.file));
    let callers = incoming(&f.analysis, &post);
    assert!(callers.iter().any(|c| c.item.name == "r"), "{callers:?}");
}
