//! The rules of `docs/testing-runbooks.md`, each as tests of a project.

use crate::command::{code, folder, rrb, stderr, stdout};

const PROJECT: &str = r#"
[project]
name = "rules"
[users.ana]
name = "Ana"
[users.bo]
name = "Bo"
[groups]
sre = ["ana"]
leads = ["bo"]
[settings.main]
channel = "from-toml"
"#;

const MAIN: &str = r#"
settings {
  channel: Text
  limit: Int = 3
}

connector hook {
  settings { token: Secret }
  event came: { id: Text, n: Int } from webhook "/hook" {
    verify bearer(token)
    id body.id as Text
    emit { id: body.id as Text, n: body.n as Int }
  }
  action send(text: Text) changes idempotent { do http.post("http://h/send", bearer: token, json: { text }) }
  action slow(n: Int) -> Int reads { http.get("http://h/slow").status + n }
}

runbook heard(n: Int) {
  on hook.came as c with n: c.n
  do hook.send("${channel} ${n} of ${limit}")
}

runbook nightly() {
  every 1h
  log "tick"
}

runbook timed(n: Int) {
  let got = try { hook.slow(n) timeout 10s } catch f { -1 }
  evidence "got" = got
  evidence "at" = "${now()}"
  evidence "roll" = random()
}

runbook careful(n: Int) {
  let first = hook.slow(n)
  approve "Send ${first}?" from group("leads") within 1h {
    let second = hook.slow(n)
    do hook.send("${first} ${second}")
  }
  finish resolved
}
"#;

/// Plays tests that must pass.
fn pass(tests: &str) {
    let dir = folder(&[("rrb.toml", PROJECT), ("main.rrb", MAIN), ("main_test.rrb", tests), ("e.json", EVENT)]);
    let output = rrb(dir.path(), &["test"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
}

/// Plays tests of which one must fail with this.
fn fail(tests: &str, with: &[&str]) {
    let dir = folder(&[("rrb.toml", PROJECT), ("main.rrb", MAIN), ("main_test.rrb", tests), ("e.json", EVENT)]);
    let output = rrb(dir.path(), &["test"]);
    let said: String = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code(&output), 1, "{said}{}", stderr(&output));
    for part in with {
        assert!(said.contains(part), "no `{part}` in: {}", stdout(&output));
    }
}

const EVENT: &str = r#"{ "id": "7", "n": 7 }"#;

#[test]
fn deliveries_go_through_the_webhook() {
    pass(
        r#"
use main.{hook}
test "signed, from a file, and the same again" {
  given hook.send(_)
  when "/hook" file "e.json" signed
  expect hook.send called once with text: "from-toml 7 of 3"
  when "/hook" file "e.json" signed
  expect disposition duplicate
  when "/hook" { id: "8" } signed
  expect dead letter re"n"
  expect runs 1
}
test "not signed" {
  when "/hook" { id: "7", n: 7 }
  expect runs 0
}
"#,
    );
    fail(
        "use main\ntest \"t\" { when \"/hook\" { id: \"7\", n: 7 }\n expect runs 1 }\n",
        &["the delivery was refused", "`/hook` checks who sends (`bearer`)", "write `signed` behind the delivery"],
    );
    for (file, why) in [("../e.json", "outside of the project"), ("f.json", "there is no such file")] {
        let tests = format!("use main\ntest \"t\" {{ when \"/hook\" file \"{file}\" signed\n expect runs 0 }}\n");
        let dir =
            folder(&[("p/rrb.toml", PROJECT), ("p/main.rrb", MAIN), ("p/main_test.rrb", &tests), ("e.json", "1")]);
        let output = rrb(&dir.path().join("p"), &["test"]);
        // The check may know it already.
        assert!([1, 2].contains(&code(&output)), "{}", stdout(&output));
        let said = format!("{}{}", stdout(&output), stderr(&output));
        assert!(said.contains(why) || said.contains("project"), "{said}");
    }
}

#[test]
fn settings_come_from_the_project_and_the_test() {
    pass(
        r#"
use main.{heard, hook}
test "over it the test's" {
  given settings main { channel: "from-test", limit: 9 }
  given hook.send(_)
  run heard(1)
  expect hook.send called once with text: "from-test 1 of 9"
}
"#,
    );
    let bare = PROJECT.replace("[settings.main]\nchannel = \"from-toml\"\n", "");
    let tests = "use main.{heard, hook}\ntest \"t\" { run heard(1)\n expect outcome resolved }\n";
    let dir = folder(&[("rrb.toml", &bare), ("main.rrb", MAIN), ("main_test.rrb", tests)]);
    let output = rrb(dir.path(), &["test"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("the setting `main.channel` has no value"), "{said}");
    assert!(said.contains("given settings main { channel: \"\" }"), "{said}");
    assert!(!said.contains("hook.token"), "secrets are placeholders: {said}");
}

#[test]
fn secrets_are_placeholders_and_never_shown() {
    let main = MAIN.replace("do hook.send(\"${channel}", "do http.post(\"http://h/x\")\n  do hook.send(\"${channel}");
    let tests = "use main.{heard, hook}\ntest \"t\" { given http.post(url\"http://h/x\")\n run heard(1)\n expect outcome resolved }\n";
    let dir = folder(&[("rrb.toml", PROJECT), ("main.rrb", &main), ("main_test.rrb", tests)]);
    let output = rrb(dir.path(), &["test"]);
    let said = stdout(&output);
    // Because it gives the primitive, the body of `hook.send` runs.
    assert!(said.contains("no `given` answers `http.post("), "{said}");
    assert!(said.contains("bearer: _"), "{said}");
    assert!(said.contains("main.rrb:"), "{said}");
}

#[test]
fn answers_take_their_time_on_the_clock() {
    pass(
        r#"
use main.{hook, timed}
test "after a while" {
  given hook.slow(_) returns 5 after 9s
  run timed(1)
  expect running
  advance 8s
  expect running timed
  advance 1s
  expect evidence "got" == 5
  expect evidence "at" == "2026-01-05T10:00:09Z"
}
test "longer than its deadline" {
  given hook.slow(_) returns 5 after 30s
  run timed(1)
  advance 1m
  expect evidence "got" == -1
  expect evidence "at" == "2026-01-05T10:00:10Z"
}
test "the same numbers every time" {
  given hook.slow(_)
  given random() returns 0.25
  run timed(1)
  expect evidence "roll" == 0.25
}
test "answers in turn, and what is left for the next given" {
  given hook.slow(1) fails once with not_found
  given hook.slow(_) returns 7, 8
  run timed(1)
  expect evidence "got" == -1
  run timed(1)
  expect evidence "got" == 7
  run timed(1)
  run timed(1)
  expect evidence "got" == 8
  expect hook.slow called 4 times
}
"#,
    );
}

#[test]
fn a_plan_uses_up_no_answer() {
    pass(
        r#"
use main.{careful, hook}
test "the plan reads what the block will read" {
  given hook.slow(_) returns 1, 2
  given hook.send(_)
  run careful(0) by "bo"
  expect hook.slow called once
  approve by "zoe"
  expect hook.send called once with text: "1 2"
  expect hook.slow called twice
}
"#,
    );
}

#[test]
fn who_may_answer_is_the_engines_affair() {
    pass(
        r#"
use main.{careful, hook}
test "everyone who is named is in every group" {
  given hook.slow(_)
  given hook.send(_)
  run careful(0)
  approve by "somebody"
  expect outcome resolved
}
"#,
    );
    fail(
        r#"
use main.{careful, hook}
test "but not in one that the test fills" {
  given group("leads") is ["bo"]
  given hook.slow(_)
  given hook.send(_)
  run careful(0)
  approve by "ana"
  expect outcome resolved
}
"#,
        &["the answer of `ana` was not taken", "`ana` is not among those asked", "approve by \"ana\""],
    );
    fail(
        "use main.{careful, hook}\ntest \"t\" {\n given hook.slow(_)\n run careful(0) by \"bo\"\n approve by \"bo\"\n expect running\n}\n",
        &["`bo` started this run and so may not answer for it"],
    );
}

#[test]
fn the_clock_starts_what_the_test_speaks_of() {
    pass(
        r#"
use main.{hook, nightly, timed}
test "nothing else happens: every runbook" {
  advance 2h
  expect runs 2 of nightly
}
test "named" {
  given hook.slow(_)
  run timed(1)
  advance 2h
  expect runs 2 of nightly
}
test "not named" {
  given hook.slow(_)
  run timed(1)
  advance 2h
  expect runs 1
  expect no log "tick"
}
"#,
    );
}

#[test]
fn a_delivered_event_without_a_listener_says_so() {
    fail(
        r#"
use main.{heard, hook}
test "t" {
  given hook.send("x")
  when hook.came { n: 1 }
  expect outcome resolved of heard
  expect hook.send called twice
}
"#,
        &[
            "no `given` answers `hook.send(\"from-toml 1 of 3\")`",
            "wants another argument: `text` is `\"from-toml 1 of 3\"`, wanted is `\"x\"`",
            "2 statements fail behind it, and are left out until it is answered: `expect outcome resolved of heard`",
            "`expect hook.send called twice`",
        ],
    );
}
