//! Changes that an editor can make.

use super::fixture;
use crate::ide::actions::{Action, actions};
use crate::ide::rename::apply;

/// The selection goes from `$0` to `$1`, or is the cursor alone.
fn offered(text: &str) -> (super::Fixture, Vec<Action>) {
    let selected = text.find("$1").map(|end| text.get(text.find("$0").unwrap() + 2..end).unwrap().len());
    let f = fixture(&text.replace("$1", ""));
    let end = f.offset + u32::try_from(selected.unwrap_or(0)).unwrap();
    let found = actions(&f.analysis, f.file, f.offset, end);
    (f, found)
}

#[track_caller]
fn after(text: &str, title: &str) -> String {
    let (f, found) = offered(text);
    let titles: Vec<&str> = found.iter().map(|a| a.title.as_str()).collect();
    let action =
        found.iter().find(|a| a.title == title).unwrap_or_else(|| panic!("no `{title}` of {titles:?} for\n{text}"));
    let changed = apply(&f.analysis, &action.edits);
    let errors = |a: &crate::ide::Analysis| {
        a.diagnostics(f.file).iter().filter(|d| d.is_error()).map(|d| d.message.clone()).collect::<Vec<_>>()
    };
    let (was, now) = (errors(&f.analysis), errors(&changed));
    assert!(now.len() <= was.len(), "{title}\n{}\n{now:?}", changed.text(f.file));
    assert!(!now.iter().any(|m| m.contains("expected")), "it must parse: {now:?}\n{}", changed.text(f.file));
    changed.text(f.file).trim().to_owned()
}

#[track_caller]
fn lacks(text: &str, title: &str) {
    let (_, found) = offered(text);
    assert!(!found.iter().any(|a| a.title == title), "`{title}` for\n{text}");
}

#[test]
fn what_is_wrong_is_mended() {
    assert!(after("action a() changes { }\nrunbook r() { $0a() }", "add `do`").contains("do a()"));
    assert!(
        after("//- main.rrb\nlet x = wid$0th\n//- o.rrb\nlet width = 1\n", "add `use o.{width}`")
            .contains("use o.{width}")
    );
    assert!(
        after("runbook r() { do sla$0ck.post(\"#a\", \"b\") }", "add `use std.slack`").starts_with("use std.slack")
    );
    let mended = after(
        "action a() destroys { }\nrunbook r() { do $0a() }\n//- rrb.toml\n[users.ana]\n[groups]\nsre = [\"ana\"]\n",
        "wrap the call in an `approve`",
    );
    assert!(mended.contains("approve"), "{mended}");
}

#[test]
fn a_destroying_call_is_agreed_to() {
    let toml = "\n//- rrb.toml\n[users.ana]\n[users.bo]\n[groups]\nops = [\"ana\", \"bo\"]\n";
    let text = format!("//- main.rrb\naction a(n: Int) destroys {{ }}\nrunbook r() {{\n  do $0a(1)\n}}{toml}");
    assert!(after(&text, "wrap in `approve`").contains("from group(\"ops\")"));
    assert!(after(&text, "wrap in `waive`").contains("waive \"say why\""));
    assert!(after(&text, "add `undo`").contains("do a(1) undo {"));
    lacks("action a() reads { }\nrunbook r() { $0a() }", "wrap in `approve`");
    lacks(
        "action a() destroys { }\nrunbook r() { approve \"x?\" from group(\"o\") { do $0a() } }",
        "wrap in `approve`",
    );
    lacks("action a() -> Int changes { 1 }\nrunbook r() { let x = do $0a() }", "wrap in `approve`");
    lacks("runbook r() { do $0nowhere() }", "wrap in `approve`");
    lacks("action a() changes { }\nrunbook r() { do $0a() undo { } }", "add `undo`");
}

#[test]
fn missing_arms_are_added() {
    let all = "add the missing arms";
    let text = "enum E { a, b(x: Int), c }\nfn f(e: E) -> Int {\n  match $0e {\n    a => 1,\n  }\n}";
    let mended = after(text, all);
    assert!(
        mended.contains("b(..) => fail") && mended.contains("c => fail") && !mended.contains("a => fail"),
        "{mended}"
    );
    assert!(after("fn f(b: Bool) -> Int { match $0b { true => 1 } }", "add the missing arm").contains("false => fail"));
    assert!(
        after("enum E { a, b }\nfn f(e: E?) -> Int { match $0e { a | b => 1 } }", "add the missing arm")
            .contains("none => fail")
    );
    lacks("enum E { a }\nfn f(e: E) -> Int { match $0e { a => 1 } }", "add the missing arm");
    lacks("enum E { a, b }\nfn f(e: E) -> Int { match $0e { _ => 1 } }", all);
    lacks("fn f(n: Int) -> Int { match $0n { 1 => 1 } }", all);
}

#[test]
fn what_may_be_missing_is_opened() {
    let text = "fn f(xs: List<Text>) -> Int { xs.f$0irst().len() }";
    assert!(after(text, "open it, with a default").contains("(xs.first() ?? \"\").len()"));
    assert!(after(text, "open it, or fail").contains("?? fail"));
    assert!(after("fn f(x: Int?) -> Int { $0x }", "open it, with a default").contains("{ x ?? 0 }"));
    lacks("fn f(x: Int) -> Int { $0x }", "open it, or fail");
}

#[test]
fn a_part_gets_a_name() {
    let text = "runbook r(n: Text) {\n  $0log n\n  log \"b\"$1\n  log \"c\"\n}";
    assert!(after(text, "extract a step").contains("step \"Do this\" {\n    log n\n    log \"b\"\n  }\n  log \"c\""));
    let made = after(
        "action a(n: Text) changes { }\n/// Docs.\nrunbook r(n: Text) {\n  $0do a(n)\n  do a(\"b\")$1\n}",
        "extract an action",
    );
    assert!(
        made.contains("action do_this(n: Text) changes {\n  do a(n)\n  do a(\"b\")\n}\n\n/// Docs.\nrunbook"),
        "{made}"
    );
    assert!(made.contains("do do_this(n)"), "{made}");
    let value = after("fn f(a: Int) -> Int {\n  let b = $0a + 1$1 + a\n  b\n}", "extract a variable");
    assert!(value.contains("let value = a + 1\n  let b = value + a"), "{value}");
}

#[test]
fn what_cannot_be_taken_out_is_not_offered() {
    lacks("runbook r() {\n  $0let a = 1$1\n  log \"${a}\"\n}", "extract a step");
    lacks("runbook r() {\n  $0let a = 1$1\n  log \"${a}\"\n}", "extract an action");
    lacks("runbook r() {\n  var a = 1\n  $0a = 2\n  log \"${a}\"$1\n}", "extract an action");
    lacks("fn f() -> Int {\n  $0let a = 1$1\n  a\n}", "extract a step");
    lacks("runbook r() {\n  lo$0g \"a\"$1\n}", "extract a step");
}

#[test]
fn a_test_gets_the_answers_it_lacks() {
    let text = "use std.slack\naction tell() changes { do slack.post(\"#a\", \"b\") }\nrunbook r() { do tell() }\ntest \"t\" {\n  r$0un r()\n  expect outcome resolved\n}";
    let (f, found) = offered(text);
    let action = found.iter().find(|a| a.title == "add the missing `given`").unwrap_or_else(|| panic!("{found:?}"));
    assert!(apply(&f.analysis, &action.edits).text(f.file).contains("given slack.post(_, _)"));
    lacks(&text.replace("r$0un r()", "given slack.post(_, _)\n  r$0un r()"), "add the missing `given`");
}

#[test]
fn where_nothing_stands_nothing_is_offered() {
    for text in ["$0", "// a$0", "let x = 1$0", "fn f($0", "}$0", "runbook r() {$0"] {
        let (_, found) = offered(text);
        assert!(found.iter().all(|a| a.mends.is_some()), "{text}: {found:?}");
    }
    let f = fixture("use std.slack$0");
    let slack = f.analysis.module("std.slack").unwrap();
    assert!(actions(&f.analysis, slack, 0, u32::MAX).is_empty(), "the library is nobody's to change");
}
