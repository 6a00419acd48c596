//! What can be written at `$0`.

use super::fixture;
use crate::ide::complete::{Completions, Item, complete};

fn at(text: &str) -> Option<Completions> {
    let f = fixture(text);
    complete(&f.analysis, f.file, f.offset)
}

#[track_caller]
fn has(text: &str, wanted: &[&str]) {
    let found = at(text).unwrap_or_else(|| panic!("nothing for {text}"));
    let labels: Vec<&str> = found.items.iter().map(|i| i.label.as_str()).collect();
    for w in wanted {
        assert!(labels.contains(w), "no `{w}` for\n{text}\n{labels:?}");
    }
}

#[track_caller]
fn lacks(text: &str, unwanted: &[&str]) {
    let found = at(text).map(|c| c.items).unwrap_or_default();
    for w in unwanted {
        assert!(!found.iter().any(|i| i.label == *w), "`{w}` for\n{text}");
    }
}

#[track_caller]
fn item(text: &str, label: &str) -> Item {
    let found = at(text).unwrap_or_else(|| panic!("nothing for {text}"));
    let labels: Vec<String> = found.items.iter().map(|i| i.label.clone()).collect();
    found.items.into_iter().find(|i| i.label == label).unwrap_or_else(|| panic!("no `{label}` for {text}\n{labels:?}"))
}

#[track_caller]
fn first(text: &str, label: &str) {
    let found = at(text).unwrap_or_else(|| panic!("nothing for {text}"));
    assert_eq!(
        found.items.first().map(|i| i.label.as_str()),
        Some(label),
        "{text}\n{:?}",
        found.items.iter().map(|i| (&i.label, i.rank)).take(12).collect::<Vec<_>>()
    );
}

const DOORS: &str = "//- doors.rrb\nconnector doors {\n  settings {\n    key: Secret\n    base: Text = \"x\"\n  }\n  type Door = { number: Int, open: Bool = true }\n  enum State { open, shut, broken(why: Text) }\n  /// Closes a door.\n  action close(number: Int, gently: Bool = true) -> Door changes idempotent { { number: number } }\n  action look(number: Int) -> Door? reads { none }\n  action state() -> State reads { open }\n  event rang: Door from webhook \"/doors\" {\n    verify bearer(key)\n    emit { number: body.number as Int }\n  }\n}\n";

fn with_doors(main: &str) -> String {
    format!("//- main.rrb\nuse doors\n{main}\n{DOORS}")
}

#[test]
fn declarations_begin_a_file() {
    for text in ["$0", "ru$0", "let x = 1\n\n$0", "let x = 1\nru$0\n\nfn f() -> Int { 1 }"] {
        has(text, &["runbook", "test", "connector", "use"]);
        lacks(text, &["approve", "step"]);
    }
}

#[test]
fn variables_come_before_what_is_declared() {
    let text = "let other = 1\nfn f(node: Text) -> Int {\n  let size = node.len()\n  $0\n}";
    has(text, &["size", "node", "other", "if", "match"]);
    lacks(text, &["approve", "do", "step"]);
    first("fn f(node: Text, n: Int) -> Int { let x = node.len()\n let y: Int = $0 }", "n");
}

#[test]
fn a_variable_is_known_from_its_declaration_on() {
    lacks("fn f() -> Int {\n  $0\n  let later = 1\n  later\n}", &["later"]);
    lacks("fn f() -> Int { let inner = 1\n inner }\nfn g() -> Int { $0 }", &["inner"]);
    has("fn f(xs: List<Int>) -> List<Int> { xs.map(item => $0) }", &["item"]);
}

#[test]
fn fields_and_methods_stand_behind_a_dot_of_a_broken_line() {
    let text = "type Door = { number: Int }\nfn f(d: Door) -> Int {\n  d.$0\n}";
    first(text, "number");
    has("fn f(xs: List<Text>) -> Int {\n  xs.$0\n  let y = 1\n  y\n}", &["len", "map", "first"]);
    has("fn f(xs: List<Text>) -> Int { xs.first().$0", &["len"]);
    has("fn f(t: Text) -> Text { \"a ${t.$0} b\" }", &["lower", "len"]);
    has("fn f(t: Text) -> Int { t.lo$0", &["lower"]);
    lacks("fn f(t: Text) -> Int { t.$0 }", &["let", "f", "runbook", "bytes_of"]);
}

#[test]
fn nothing_is_offered_where_nothing_fits() {
    for text in [
        "// $0",
        "let x = \"$0\"",
        "let $0",
        "fn $0",
        "let x = 1.$0",
        "let x = 12$0",
        "let x = y.$0",
        "/// doc $0\nlet x = 1",
        "let x = 1..$0",
    ] {
        assert!(at(text).is_none_or(|c| c.items.is_empty()), "{text}: {:?}", at(text).map(|c| c.items.len()));
    }
}

#[test]
fn what_may_be_missing_is_reached_with_a_question_mark() {
    let text = with_doors("action f() -> Int? reads { doors.look(1).$0 }");
    let number = item(&text, "number");
    assert_eq!(number.edits.len(), 1);
    assert_eq!(number.edits[0].1, "?");
    assert!(item(&with_doors("action f() -> Int? reads { doors.look(1)?.$0 }"), "number").edits.is_empty());
}

#[test]
fn a_connector_offers_its_actions_with_do() {
    let text = with_doors("runbook r() {\n  doors.$0\n}");
    let close = item(&text, "close");
    assert!(close.snippet && close.insert.starts_with("close(${1:number})"), "{}", close.insert);
    assert!(close.detail.contains("changes idempotent"), "{}", close.detail);
    lacks(&text, &["rang", "key"]);
    has(&with_doors("runbook r() {\n  do $0\n}"), &["doors"]);
    has(&with_doors("runbook r() {\n  do doors.$0\n}"), &["close"]);
    let own = item("action shut() changes { }\nrunbook r() {\n  $0\n}", "shut");
    assert_eq!(own.insert, "do shut()");
    assert_eq!(item("action shut() changes { }\nrunbook r() {\n  do $0\n}", "shut").insert, "shut()");
    assert_eq!(item("action shut() changes { }\nrunbook r() {\n  do sh$0()\n}", "shut").insert, "shut");
}

#[test]
fn the_docs_of_an_item_are_those_of_its_declaration() {
    let text = with_doors("runbook r() {\n  do doors.$0\n}");
    let found = at(&text).unwrap();
    let close = found.items.iter().find(|i| i.label == "close").unwrap();
    let docs = found.docs(close).unwrap();
    assert!(docs.contains("Closes a door.") && docs.contains("**idempotent**"), "{docs}");
}

#[test]
fn variants_come_first_where_an_enum_is_expected() {
    first("enum Level { low, high }\nfn f() -> Level { $0 }", "high");
    first("enum Level { low, high }\nfn f(l: Level) -> Bool { l == $0 }", "high");
    first("enum Level { low, high }\nfn f(l: Level) -> Int { match l { $0 } }", "high");
    has("enum Level { low, high }\nfn f(l: Level) -> Int { match l { low => 1, $0 } }", &["low", "high"]);
    has("enum Level { low, high }\nlet x = Level.$0", &["low", "high"]);
    lacks("enum Level { low, high }\nlet x: Int = $0", &["low"]);
    let broken = item(&with_doors("action f() -> doors.State reads { $0 }"), "broken");
    assert_eq!(broken.insert, "broken(why: ${1})$0");
}

#[test]
fn arguments_can_be_named() {
    let text = with_doors("runbook r() {\n  do doors.close($0)\n}");
    has(&text, &["number:", "gently:"]);
    let text = with_doors("runbook r() {\n  do doors.close(1, $0)\n}");
    has(&text, &["gently:"]);
    lacks(&text, &["number:"]);
    lacks(&with_doors("runbook r() {\n  do doors.close(gently: $0)\n}"), &["number:", "gently:"]);
    has(&with_doors("runbook r() {\n  do doors.close(gently: $0"), &["true", "false"]);
}

#[test]
fn a_record_has_the_fields_of_its_type() {
    let text = "type P = { name: Text, port: Int = 80 }\nlet p: P = { $0 }";
    first(text, "name");
    has(text, &["port"]);
    let given = "type P = { name: Text, port: Int = 80 }\nlet p: P = { name: \"x\", $0 }";
    has(given, &["port"]);
    lacks(given, &["name"]);
    has(&with_doors("test \"t\" {\n  when doors.rang { $0 }\n}"), &["number", "open"]);
    has(&with_doors("test \"t\" {\n  given settings doors { $0 }\n}"), &["base"]);
}

#[test]
fn triggers_name_events() {
    has(&with_doors("runbook r() {\n  on $0\n}"), &["doors"]);
    has(&with_doors("runbook r() {\n  on doors.$0\n}"), &["rang"]);
    lacks(&with_doors("runbook r() {\n  on doors.$0\n}"), &["close"]);
    has(&with_doors("runbook r() {\n  on doors.rang as d\n    where d.$0\n}"), &["number", "open", "meta"]);
    has(&with_doors("runbook r(room: Int) {\n  on doors.rang as d\n    with $0\n}"), &["room"]);
    has(&with_doors("runbook r() {\n  cancel when doors.$0\n}"), &["rang"]);
    has(&with_doors("runbook r() {\n  let e = wait for doors.$0 within 5m\n}"), &["rang"]);
    has(&with_doors("test \"t\" {\n  when doors.$0\n}"), &["rang"]);
}

#[test]
fn a_header_has_its_clauses_and_a_body_its_statements() {
    has("runbook r() {\n  $0\n}", &["owner", "severity", "on", "approve", "step", "let"]);
    has("runbook r() {\n  owner \"a\"\n  $0\n}", &["severity", "dedupe", "do"]);
    lacks("runbook r() {\n  log \"a\"\n  $0\n}", &["owner"]);
    has("runbook r() {\n  severity $0\n}", &["low", "critical"]);
    has("runbook r() {\n  finish $0\n}", &["resolved", "escalated"]);
    lacks("runbook r() {\n  step \"a\" {\n    $0\n  }\n}", &["owner", "on failure"]);
    has("runbook r() {\n  step \"a\" {\n    $0\n  }\n}", &["approve", "do"]);
}

#[test]
fn clauses_follow_their_statement() {
    has("runbook r() {\n  approve \"a?\"\n    $0\n  { }\n}", &["from", "quorum", "within"]);
    has("runbook r() {\n  on a.b as c\n    $0\n}", &["where", "with"]);
    has("action f(x: Int) $0", &["reads", "changes", "destroys"]);
    has(
        "connector c {\n  event e: Text from webhook \"/x\" {\n    $0\n  }\n}",
        &["verify", "origins", "answer", "emit", "id", "acknowledge"],
    );
    has("connector c {\n  event e: Text from webhook \"/x\" {\n    verify $0\n  }\n}", &["bearer", "hmac"]);
    has("policy p {\n  $0\n}", &["forbid", "limit"]);
    has("policy p {\n  forbid $0\n}", &["destroys", "changes"]);
    has("policy p {\n  forbid changes during $0\n}", &["weekly", "daily", "between"]);
    has("policy p {\n  forbid changes during we$0\n}", &["weekly"]);
    has("policy p {\n  delegate $0\n}", &["rego", "cedar"]);
    lacks("runbook r() {\n  during $0\n}", &["weekly"]);
    let files = "//- guard/a.rego\npackage rrb\n//- guard/b.cedar\n//- main.rrb\n";
    has(&format!("{files}policy p {{\n  delegate rego \"$0\" query \"data.rrb.deny\"\n}}"), &["guard/a.rego"]);
    lacks(&format!("{files}policy p {{\n  delegate cedar \"gu$0\"\n}}"), &["guard/a.rego"]);
    has("connector c {\n  $0\n}", &["action", "event", "settings"]);
    lacks("connector c {\n  $0\n}", &["runbook", "approve"]);
}

#[test]
fn tests_have_their_own_words() {
    has("test \"t\" {\n  $0\n}", &["given", "when", "expect", "advance"]);
    lacks("test \"t\" {\n  $0\n}", &["approve", "step", "let"]);
    has(&with_doors("test \"t\" {\n  given $0\n}"), &["doors"]);
    has(&with_doors("test \"t\" {\n  given doors.$0\n}"), &["close", "look"]);
    has(&with_doors("test \"t\" {\n  expect $0\n}"), &["outcome", "doors"]);
    has("test \"t\" {\n  expect outcome $0\n}", &["resolved"]);
    has(&with_doors("test \"t\" {\n  given doors.look(1) fails once with $0\n}"), &["timeout", "not_found"]);
}

#[test]
fn types_stand_where_types_go() {
    for text in [
        "fn f(x: $0) -> Int { 1 }",
        "type T = { a: $0 }",
        "let x: $0 = 1",
        "fn f() -> $0 { 1 }",
        "let x: List<$0> = []",
    ] {
        has(text, &["Text", "List", "Duration"]);
        lacks(text, &["let", "none", "f"]);
    }
    has(&with_doors("fn f(d: doors.$0) -> Int { 1 }"), &["Door", "State"]);
}

#[test]
fn a_use_is_completed_and_added() {
    has("use $0", &["std.slack", "std.kubernetes"]);
    has("use std.$0", &["slack", "kubernetes"]);
    has("use doors.{$0}\n//- doors.rrb\nlet width = 1\nlet _own = 2\n", &["width"]);
    lacks("use doors.{$0}\n//- doors.rrb\nlet width = 1\nlet _own = 2\n", &["_own"]);
    has("use lib.$0\n//- lib/doors.rrb\nlet width = 1\n", &["doors"]);
    let slack = item("use std.alertmanager\n\nrunbook r() {\n  do sla$0\n}", "slack");
    assert_eq!(slack.edits.iter().map(|e| e.1.as_str()).collect::<Vec<_>>(), ["\nuse std.slack"]);
    let width = item("//- main.rrb\nlet x = wid$0\n//- doors.rrb\nlet width = 1\n", "width");
    assert_eq!(width.edits[0].1, "use doors.{width}\n\n");
}

#[test]
fn names_of_the_project_file_stand_in_texts() {
    let toml = "//- rrb.toml\n[users.ana]\nname = \"Ana\"\n[groups]\nsre = [\"ana\"]\n[connectors.doors.north]\nkey = \"env:A\"\n[connectors.doors.south]\nkey = \"env:B\"\n";
    let with = |main: &str| format!("{}{toml}", with_doors(main));
    has(&with("runbook r() {\n  approve \"a?\" from group(\"$0\") { }\n}"), &["sre"]);
    has(&with("runbook r() {\n  approve \"a?\" from user(\"a$0\") { }\n}"), &["ana"]);
    has(&with("runbook r() {\n  do doors[\"$0\"].close(1)\n}"), &["north", "south"]);
    has(&with("test \"t\" {\n  approve by \"$0\"\n}"), &["ana"]);
    lacks(&with("runbook r() {\n  log \"$0\"\n}"), &["ana", "sre"]);
}

#[test]
fn what_is_deprecated_comes_last() {
    let text = "/// Deprecated: use `b`.\nfn a() -> Int { 1 }\nfn b() -> Int { 1 }\nlet x: Int = $0";
    let a = item(text, "a");
    assert!(a.deprecated && a.rank >= 1_000);
}

#[test]
fn no_item_stands_for_the_cursor_itself() {
    for text in ["let x = $0", "runbook r() {\n  $0\n}", "fn f($0) -> Int { 1 }", "use $0", "test \"t\" { given $0 }"] {
        lacks(text, &["rrb_asks_for_this"]);
    }
}
