//! Where things are declared, used and said to be.

use super::{Fixture, fixture};
use crate::ide::hover::hover;
use crate::ide::signature::signature;
use crate::ide::symbol::{Use, definition, highlights, implementation, references, type_definition};

fn said(text: &str) -> Option<String> {
    let f = fixture(text);
    hover(&f.analysis, f.file, f.offset).map(|h| h.text)
}

fn shown(f: &Fixture, span: rrb_lang::span::Span) -> String {
    format!("{}:{}", f.analysis.name(span.file), f.analysis.sources().line_col(span.file, span.start).line)
}

fn goes_to(text: &str) -> Option<String> {
    let f = fixture(text);
    definition(&f.analysis, f.file, f.offset).map(|(_, to)| shown(&f, to))
}

fn count(text: &str) -> usize {
    let f = fixture(text);
    references(&f.analysis, f.file, f.offset, true).len()
}

#[test]
fn a_name_leads_to_its_declaration() {
    for (text, to) in [
        ("let a = 1\nlet b = $0a", "main.rrb:1"),
        ("fn f(x: Int) -> Int {\n  let y = x\n  y$0\n}", "main.rrb:2"),
        ("fn f(x: Int) -> Int { $0x }", "main.rrb:1"),
        ("type P = {\n  a: Int,\n}\nfn f(p: P) -> Int { p.a$0 }", "main.rrb:2"),
        ("enum E {\n  a,\n  b,\n}\nfn f() -> E { $0b }", "main.rrb:3"),
        ("enum E { a, b }\nfn f(e: E) -> Int { match e { a$0 => 1, b => 2 } }", "main.rrb:1"),
        ("//- main.rrb\nuse other\nlet x = other.y$0\n//- other.rrb\nlet z = 1\nlet y = 1\n", "other.rrb:2"),
        ("//- main.rrb\nuse other.{y}\nlet x = $0y\n//- other.rrb\nlet z = 1\nlet y = 1\n", "other.rrb:2"),
        ("//- main.rrb\nuse oth$0er\n//- other.rrb\nlet z = 1\n", "other.rrb:1"),
        ("//- main.rrb\nuse other as o\nlet x = $0o.y\n//- other.rrb\nlet y = 1\n", "other.rrb:1"),
        ("fn f(x: Int) -> Int { x }\nlet y = f($0x: 1)", "main.rrb:1"),
        ("runbook r(node: Text) { log node }\ntest \"t\" {\n  run $0r(node: \"a\")\n}", "main.rrb:1"),
    ] {
        let found = goes_to(text);
        assert_eq!(found.as_deref(), Some(to), "{text}");
    }
}

#[test]
fn the_library_is_reached() {
    let f = fixture("use std.slack\nrunbook r() { do slack.$0post(\"#a\", \"b\") }");
    let (_, to) = definition(&f.analysis, f.file, f.offset).unwrap();
    assert!(f.analysis.is_library(to.file));
    assert_eq!(f.analysis.sources().text(to), "post");
    let f = fixture("runbook r() { do http.$0post(\"https://a.example\") }");
    let (_, to) = definition(&f.analysis, f.file, f.offset).unwrap();
    assert_eq!(f.analysis.sources().text(to), "post");
}

#[test]
fn what_is_nothing_leads_nowhere() {
    for text in [
        "",
        "$0",
        "let x = 1 $0",
        "let x = nowhere$0",
        "// a$0",
        "let x = \"a$0\"",
        "let x = x.y$0",
        "fn f( $0",
        "let x = [].len$0()",
        "let x: Te$0xt = \"\"",
    ] {
        assert_eq!(goes_to(text), None, "{text}");
    }
}

#[test]
fn a_type_is_reached_from_its_values() {
    let f = fixture("type P = { a: Int }\nfn f(ps: List<P>) -> Int { p$0s.len() }");
    let (_, to) = type_definition(&f.analysis, f.file, f.offset).unwrap();
    assert_eq!(shown(&f, to), "main.rrb:1");
    let f = fixture("fn f(x: Int) -> Int { $0x }");
    assert_eq!(type_definition(&f.analysis, f.file, f.offset), None);
}

#[test]
fn an_event_is_put_into_practice_by_who_hears_it() {
    let text = "connector c {\n  event e: P from webhook \"/x\" {\n    verify none because \"x\"\n    emit { a: 1 }\n  }\n  type P = { a: Int }\n}\nrunbook r() {\n  on c.e$0 as x\n  log \"a\"\n}";
    let f = fixture(text);
    let found: Vec<String> = implementation(&f.analysis, f.file, f.offset).into_iter().map(|s| shown(&f, s)).collect();
    assert_eq!(found, ["main.rrb:9"]);
}

#[test]
fn every_use_is_found_and_no_other() {
    assert_eq!(count("let a$0 = 1\nlet b = a + a\nfn f(a: Int) -> Int { a }"), 3);
    assert_eq!(count("let a = 1\nlet b = a + a\nfn f(a$0: Int) -> Int { a }\nlet c = f(a: 1)"), 3);
    assert_eq!(
        count(
            "//- m.rrb\nuse o\nlet x = o.y + o.y\n//- o.rrb\nlet y$0 = 1\n//- n.rrb\nuse o.{y}\nlet z = y\n//- p.rrb\nlet y = 1\nlet q = y\n"
        ),
        5
    );
    assert_eq!(count("type P = { a$0: Int }\nfn f(p: P) -> P { { ..p, a: p.a } }"), 3);
    assert_eq!(count("type P = { a$0: Int, b: Int }\nfn f(a: Int) -> P { { a, b: 1 } }"), 2);
    assert_eq!(count("enum E { a$0, b }\nfn f(e: E) -> E { match e { a => b, E.a => a, b => E.a } }"), 5);
    assert_eq!(count("fn f() -> Int { let x$0 = 1\n if true { let y = x\n y + x } else { x } }"), 4);
    assert_eq!(count("let x = nothing$0"), 0);
}

#[test]
fn a_highlight_says_what_is_written() {
    let f = fixture("fn f() -> Int {\n  var x$0 = 1\n  x = 2\n  x += x\n  x\n}");
    let kinds: Vec<Use> = highlights(&f.analysis, f.file, f.offset).into_iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [Use::Declaration, Use::Write, Use::Write, Use::Read, Use::Read]);
}

#[test]
fn what_is_under_the_pointer_is_said() {
    for (text, wanted) in [
        (
            "/// Half of it.\nfn half(x: Int) -> Int { x / 2 }\nlet y = $0half(2)",
            &["fn half(x: Int) -> Int", "Half of it."][..],
        ),
        (
            "/// Ends it.\naction end(n: Int) destroys idempotent { }\nrunbook r() { do $0end(1) }",
            &["destroys idempotent", "not inside an `approve`"],
        ),
        (
            "action end(n: Int) destroys { }\nrunbook r() { approve \"Sure?\" from group(\"x\") { do $0end(1) } }",
            &["approved here by `approve \"Sure?\"`", "**once**"],
        ),
        (
            "action end(n: Int) destroys { }\nrunbook r() { waive \"why\" by \"w\" until time\"2099-01-01T00:00:00Z\" { do $0end(1) } }",
            &["waived here by `waive \"why\"`"],
        ),
        ("fn f(xs: List<Int>) -> Int { xs.$0len() }", &["len() -> Int"]),
        ("fn f(xs: List<Int>) -> List<Int> { xs.map($0x => x + 1) }", &["let x: Int"]),
        ("type P = { a: Int }\nlet p: $0P = { a: 1 }", &["type P = {", "a: Int"]),
        (
            "settings { limit: Int = 3 }\nlet x = 1\naction f() -> Int reads { li$0mit }",
            &["setting limit: Int", "RRB_MAIN_LIMIT"],
        ),
        ("enum E { a, b(x: Int) }\nlet e = E.$0b(x: 1)", &["E.b(x: Int)"]),
        ("let x = 1 +$0 2", &[]),
    ] {
        let found = said(text).unwrap_or_default();
        for w in wanted {
            assert!(found.contains(w), "{text}\nno `{w}` in\n{found}");
        }
    }
}

#[test]
fn nothing_is_said_of_nothing() {
    for text in ["", "$0", "// a$0b", "let x = nowhere$0", "fn f() {$0}", "}$0"] {
        assert_eq!(said(text), None, "{text}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    let text = "settings { token: Secret }\naction f() reads { http.get(\"https://a.example\", bearer: tok$0en)\n }\n//- rrb.toml\n[settings.main]\ntoken = \"hunter2\"\n";
    let text = format!("//- main.rrb\n{text}");
    let found = said(&text).unwrap();
    assert!(found.contains("[settings.main]") && !found.contains("hunter2"), "{found}");
}

#[test]
fn a_signature_knows_the_parameter_at_the_cursor() {
    for (text, label, active) in [
        ("fn f(a: Int, b: Text) -> Int { 1 }\nlet x = f($0)", "fn f(a: Int, b: Text) -> Int", Some(0)),
        ("fn f(a: Int, b: Text) -> Int { 1 }\nlet x = f(1, $0)", "fn f(a: Int, b: Text) -> Int", Some(1)),
        ("fn f(a: Int, b: Text) -> Int { 1 }\nlet x = f(1, $0", "fn f(a: Int, b: Text) -> Int", Some(1)),
        ("fn f(a: Int, b: Text) -> Int { 1 }\nlet x = f(b: $0)", "fn f(a: Int, b: Text) -> Int", Some(1)),
        ("fn f(a: Int) -> Int { 1 }\nlet x = f(f($0))", "fn f(a: Int) -> Int", Some(0)),
        ("fn f(a: Int) -> Int { 1 }\nlet x = f(1, $0)", "fn f(a: Int) -> Int", None),
        (
            "action a(n: Int, m: Int = 1) changes { }\nrunbook r() {\n  do a(1, $0)\n}",
            "action a(n: Int, m: Int = …) changes once",
            Some(1),
        ),
        ("fn g(xs: List<Int>) -> List<Int> { xs.take($0) }", "List<T>.take(n: Int) -> List<T>", Some(0)),
    ] {
        let f = fixture(text);
        let found = signature(&f.analysis, f.file, f.offset).unwrap_or_else(|| panic!("nothing for {text}"));
        assert_eq!((found.label.as_str(), found.active), (label, active), "{text}");
        for (range, _) in &found.params {
            assert!(found.label.get(range.clone()).is_some_and(|p| p.contains(':')));
        }
    }
}

#[test]
fn outside_of_calls_there_is_no_signature() {
    for text in [
        "$0",
        "let x = ($0)",
        "fn f($0) -> Int { 1 }",
        "fn f() -> Int { 1 }\nlet x = f()$0",
        "let x = nowhere($0)",
        "if ($0",
        "let x = [f, $0]",
    ] {
        let f = fixture(text);
        assert_eq!(signature(&f.analysis, f.file, f.offset), None, "{text}");
    }
}
