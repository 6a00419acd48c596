//! `rrb test`: what it prints, what it writes for programs, and the number it ends with.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{code, folder, rrb, stderr, stdout};

const PROJECT: &str = "[project]\nname = \"p\"\n[users.ana]\nname = \"Ana\"\n[groups]\nsre = [\"ana\"]\n";

const RUNBOOK: &str = r#"
connector k8s {
  settings { token: Secret }
  action load(node: Text) -> Float reads { (http.get("http://h/load/${node}", bearer: token).json as { load: Float }).load }
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/cordon/${node}") }
  action drain(node: Text) changes once target "node/${node}" { do http.post("http://h/drain/${node}") }
}

runbook relieve(node: Text) {
  let before = k8s.load(node)
  evidence "before" = before
  if before < 0.5 {
    finish not_needed "calm already"
  }
  do k8s.cordon(node) retry 3 times backoff 1s..1s
  approve "Drain ${node}?" from group("sre") within 30m {
    do k8s.drain(node)
  }
  finish resolved "drained"
}
"#;

const TESTS: &str = r#"
use main.{k8s, relieve}

test "a calm node is left alone" {
  given k8s.load(_) returns 0.1
  run relieve("n7")
  expect outcome not_needed "calm already"
}

test "a hot node is drained" {
  given k8s.load("n7") returns 0.9
  given k8s.cordon("n7") fails once with unavailable, then returns
  given k8s.drain("n7")
  run relieve("n7") by "zed"
  advance 1s
  approve by "ana"
  expect k8s.cordon called twice
  expect k8s.cordon called before k8s.drain
  expect outcome resolved
}
"#;

const BAD_TESTS: &str = r#"
use main.{k8s, relieve}

test "what \"is\" <not> so & why" {
  given k8s.load("n8") returns 0.9
  given k8s.load("n7") returns 0.9
  given k8s.cordon(_)
  run relieve("n7")
  expect outcome resolved
  expect k8s.cordon called once with node: "n8"
  expect evidence "befor"
  expect evidence "before" == 0.8
}

test "nobody answers" {
  given k8s.load("n8") returns 0.9
  run relieve("n7")
  expect outcome resolved
}
"#;

fn project(tests: &str) -> tempfile::TempDir {
    folder(&[("rrb.toml", PROJECT), ("main.rrb", RUNBOOK), ("main_test.rrb", tests)])
}

/// The output without its times.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for (n, line) in text.lines().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let words: Vec<&str> = line.split(' ').collect();
        let shown: Vec<&str> = words
            .iter()
            .enumerate()
            .map(|(n, w)| {
                let ms = words.get(n + 1).is_some_and(|next| next.starts_with("ms"));
                if ms && w.trim_start_matches('(').starts_with(|c: char| c.is_ascii_digit()) { "N" } else { w }
            })
            .collect();
        out.push_str(&shown.join(" "));
    }
    out
}

#[test]
fn all_that_pass_end_well() {
    let dir = project(TESTS);
    let output = rrb(dir.path(), &["test", "--jobs", "1"]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    insta::assert_snapshot!(timeless(&stdout(&output)));
}

#[test]
fn what_is_not_so_is_shown_at_its_statement() {
    let dir = project(BAD_TESTS);
    let output = rrb(dir.path(), &["test", "--jobs", "1"]);
    assert_eq!(code(&output), 1);
    let said = timeless(&stdout(&output));
    assert!(!said.contains("env:"), "no secret is resolved or named: {said}");
    insta::assert_snapshot!(said);
}

#[test]
fn nothing_tested_is_not_a_failed_test() {
    let dir = project("use main.{k8s, relieve}\ntest \"x\" { run releive(\"n7\") }\n");
    let output = rrb(dir.path(), &["test"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("did you mean `relieve`?"), "{}", stderr(&output));
    assert!(stderr(&output).contains("nothing was tested"));

    let dir = project(TESTS);
    for (filter, help) in [("drianed", "did you mean `drained`?"), ("qqqqqqqq", "a calm node is left alone")] {
        let output = rrb(dir.path(), &["test", filter]);
        assert_eq!(code(&output), 2);
        assert!(stderr(&output).contains(help), "{}", stderr(&output));
    }
    let none = folder(&[("rrb.toml", PROJECT), ("main.rrb", RUNBOOK)]);
    let output = rrb(none.path(), &["test"]);
    assert_eq!((code(&output), stdout(&output).contains("no tests here")), (0, true));
    assert_eq!(code(&rrb(none.path(), &["test", "x"])), 2);
    assert_eq!(code(&rrb(folder(&[]).path(), &["test"])), 3);
}

#[test]
fn tests_are_chosen_by_a_part_of_their_name() {
    let dir = project(TESTS);
    let list = |args: &[&str]| stdout(&rrb(dir.path(), args));
    assert_eq!(list(&["test", "--list"]), "main_test › a calm node is left alone\nmain_test › a hot node is drained\n");
    assert_eq!(list(&["test", "--list", "HOT"]), "main_test › a hot node is drained\n");
    let json: Value = serde_json::from_str(&list(&["test", "calm", "--json"])).unwrap();
    assert_eq!(json["tests"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_document_for_programs_says_all_of_it() {
    let dir = project(BAD_TESTS);
    let output = rrb(dir.path(), &["test", "--json", "--coverage"]);
    assert_eq!(code(&output), 1);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["version"], &json["failed"], &json["passed"]), (&1.into(), &2.into(), &0.into()));
    let first = &json["tests"][0];
    assert_eq!(first["full_name"], "main_test › what \"is\" <not> so & why");
    assert_eq!((&first["file"], &first["line"]), (&"main_test.rrb".into(), &4.into()));
    assert_eq!(first["failures"].as_array().map(Vec::len), Some(4), "{first:#}");
    assert_eq!(first["failures"][0]["statement"], "expect outcome resolved");
    assert_eq!(first["failures"][0]["place"]["start"]["line"], 9);
    assert!(json["coverage"]["files"].as_array().unwrap().iter().all(|f| f["file"] != "std/http.rrb"));
    assert_eq!(json["coverage"]["lines"]["of"].as_u64().map(|n| n > 5), Some(true));

    let one = rrb(dir.path(), &["test", "--json", "--fail-fast", "--jobs", "1"]);
    let one: Value = serde_json::from_str(&stdout(&one)).unwrap();
    assert_eq!((&one["failed"], &one["not_run"]), (&1.into(), &1.into()));
}

/// The elements of a document with their attributes; panics where it is not well-formed.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut open, mut all) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "{text}");
        text.match_indices('&').for_each(|(n, _)| assert!(text[n..].find(';').is_some_and(|end| end < 8), "{text}"));
        let end = rest.find('>').unwrap();
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut found = Vec::new();
        let mut left = attributes.trim();
        while let Some((key, after)) = left.split_once("=\"") {
            let (value, more) = after.split_once('"').unwrap();
            assert!(!value.contains('<') && !value.contains('\n'), "{value}");
            found.push((key.trim().to_owned(), value.to_owned()));
            left = more;
        }
        if !closed {
            open.push(name.to_owned());
        }
        all.push((name.to_owned(), found));
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    all
}

#[test]
fn junit_is_well_formed_whatever_the_names() {
    let dir = project(BAD_TESTS);
    let output = rrb(dir.path(), &["test", "--junit", "out.xml"]);
    assert_eq!(code(&output), 1);
    let xml = std::fs::read_to_string(dir.path().join("out.xml")).unwrap();
    let all = elements(&xml);
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["testsuites", "testsuite", "testcase"]);
    let of = |n: usize, key: &str| all[n].1.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    assert_eq!((of(0, "tests"), of(0, "failures")), (Some("2"), Some("2")));
    assert_eq!(of(2, "name"), Some("what &quot;is&quot; &lt;not&gt; so &amp; why"));
    assert_eq!(of(2, "classname"), Some("main_test"));
    assert_eq!(names.iter().filter(|n| **n == "failure").count(), 4 + 1);
    let nowhere = rrb(dir.path(), &["test", "--junit", "no/such/folder/out.xml"]);
    assert_eq!(code(&nowhere), 2);
    assert!(stderr(&nowhere).contains("cannot write `no/such/folder/out.xml`"), "{}", stderr(&nowhere));
}

#[test]
fn lcov_counts_what_it_lists() {
    let dir = project(TESTS);
    let output = rrb(dir.path(), &["test", "--lcov", "lcov.info", "--coverage=full"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let said = stdout(&output);
    let table = said.split_once("\n\n").unwrap().1;
    insta::assert_snapshot!(timeless(table));
    let file = std::fs::read_to_string(dir.path().join("lcov.info")).unwrap();
    let mut sections = 0;
    for section in file.split("end_of_record\n").filter(|s| !s.is_empty()) {
        sections += 1;
        let records = |key: &str| -> Vec<&str> { section.lines().filter_map(|l| l.strip_prefix(key)).collect() };
        let number = |key: &str| records(key)[0].parse::<usize>().unwrap();
        assert_eq!(section.lines().next(), Some("TN:rrb"));
        assert!(dir.path().join(records("SF:")[0]).is_file(), "{section}");
        let hit = |lines: &[&str]| lines.iter().filter(|l| !l.ends_with(",0") && !l.ends_with(",-")).count();
        for (all, of, reached) in [("DA:", "LF:", "LH:"), ("BRDA:", "BRF:", "BRH:")] {
            let lines = records(all);
            assert_eq!((number(of), number(reached)), (lines.len(), hit(&lines)), "{section}");
        }
        assert_eq!(records("FN:").len(), number("FNF:"));
        assert_eq!(records("FNDA:").len(), number("FNF:"));
        let lines: Vec<u32> = records("DA:").iter().map(|l| l.split(',').next().unwrap().parse().unwrap()).collect();
        assert!(lines.is_sorted() && lines.windows(2).all(|w| w[0] < w[1]), "{section}");
    }
    assert!(sections >= 1);
}

#[test]
fn what_fails_only_because_an_answer_is_missing_is_one_line() {
    let tests = r#"
use main.{relieve, k8s}

test "one more" {
  given k8s.load(_) returns 0.9
  run relieve("n7")
  expect no evidence "before"
}

test "the answer" {
  given k8s.load(_) returns 0.9
  run relieve("n7")
  expect evidence "before" == 0.8
  approve by "ana"
  expect k8s.drain called once
  expect approval
  expect outcome resolved
}
"#;
    let dir = project(tests);
    let output = rrb(dir.path(), &["test", "--json", "the answer"]);
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let failures = json["tests"][0]["failures"].as_array().unwrap();
    let messages: Vec<&str> = failures.iter().map(|f| f["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0], "no `given` answers `k8s.cordon(\"n7\")`");
    let notes = failures[0]["notes"].as_array().unwrap();
    let last = notes.last().unwrap().as_str().unwrap();
    assert!(
        last.starts_with("5 statements fail behind it, and are left out until it is answered: `expect evidence"),
        "{last}"
    );
    assert!(last.ends_with(", …"), "{last}");
}

#[test]
fn a_crash_at_every_write_changes_nothing_or_says_where() {
    let dir = project(TESTS);
    let output = rrb(dir.path(), &["test", "--crash-everywhere", "--json"]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert!(json["tests"][1]["crashes"].as_u64().unwrap() > 20, "{json:#}");

    let probing =
        RUNBOOK.replace("drain(node: Text) changes once", "drain(node: Text) changes probe { k8s.drained(node) }");
    let probing = probing.replace(
        "  action cordon",
        "  action drained(node: Text) -> Bool? reads { k8s.load(node) < 0.5 }\n  action cordon",
    );
    let dir = folder(&[("rrb.toml", PROJECT), ("main.rrb", &probing), ("main_test.rrb", TESTS)]);
    let output = rrb(dir.path(), &["test", "--crash-everywhere", "--jobs", "1", "hot"]);
    let said = stdout(&output);
    assert_eq!(code(&output), 1, "{said}{}", stderr(&output));
    assert!(said.contains("changes what comes out"), "{said}");
    assert!(said.contains("of the run of `relieve`") && said.contains("no `given` answers `k8s.drained("), "{said}");
}

/// What each example tells by itself; a test's name begins with its kind.
const KINDS: [&str; 7] = ["happy path", "refusal", "expiry", "failure", "rollback", "cancel", "crash"];

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let folders = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path());
    let found: Vec<PathBuf> = folders.filter(|p| p.join("rrb.toml").is_file()).collect();
    assert!(found.len() >= 2);
    found
}

/// Every example has tests of every kind, and a test has seen nearly every call fail. CI prints the coverage.
#[test]
fn each_example_tells_every_kind_of_story() {
    for example in examples() {
        let output = rrb(&example, &["test", "--coverage", "--json"]);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let names: Vec<&str> = json["tests"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
        for name in &names {
            assert!(KINDS.iter().any(|k| name.starts_with(&format!("{k}: "))), "{}: {name}", example.display());
        }
        for kind in KINDS {
            assert!(names.iter().any(|n| n.starts_with(kind)), "{}: no test of {kind}", example.display());
        }
        for what in ["lines", "branches", "failures"] {
            let percent = json["coverage"][what]["percent"].as_u64().unwrap();
            assert!(percent >= 80, "{}: {percent} % of {what}", example.display());
        }
    }
}

/// One test of each kind; `rrb test --crash-everywhere` in the folder of an example plays all of them.
#[test]
fn the_examples_pass_whatever_crashes() {
    let of_each_kind = [
        (
            "disk-pressure",
            ["path: two people", "who is asked", "expiry", "an archive", "moving a log", "clears", "dies while"],
        ),
        (
            "guardrails",
            [
                "looked at by",
                "still needed",
                "nobody says",
                "disk is full",
                "does not come up",
                "off before",
                "while people",
            ],
        ),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (example, filters) in of_each_kind {
        let args: Vec<&str> = ["test", "--crash-everywhere", "--json"].into_iter().chain(filters).collect();
        let output = rrb(&root.join(example), &args);
        assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
        let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let names: Vec<&str> = json["tests"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
        assert!(KINDS.iter().all(|k| names.iter().any(|n| n.starts_with(k))), "{example}: {names:?}");
        assert!(json["tests"].as_array().unwrap().iter().all(|t| t["crashes"].as_u64().unwrap() > 5), "{json:#}");
    }
}

#[test]
fn a_run_that_happened_becomes_a_test_that_passes() {
    let runbook = r#"
runbook look(path: Text, word: Text = "x") {
  let found = file.exists(path)
  evidence "found" = found
  let here = file.exists("${path}.no")
  evidence "roll" = random()
  do file.write("${path}.copy", "${word} ${file.read(path)}")
  wait 1s
  try {
    file.read("${path}.no")
  } catch f {
    log "gone: ${f.kind}"
  }
  finish resolved "looked, ${here}"
}
"#;
    let dir = folder(&[("rrb.toml", "[project]\nname = \"p\"\n"), ("main.rrb", runbook), ("data", "hello")]);
    let path = dir.path().join("data");
    let run = rrb(dir.path(), &["run", "look", "--path", path.to_str().unwrap()]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let runs: Value = serde_json::from_str(&stdout(&rrb(dir.path(), &["runs", "list", "--json"]))).unwrap();
    let id = runs[0]["id"].as_str().or_else(|| runs["runs"][0]["id"].as_str()).unwrap().to_owned();

    let printed = rrb(dir.path(), &["test", "--record", &id]);
    let said = stdout(&printed);
    assert_eq!(code(&printed), 0, "{said}{}", stderr(&printed));
    for part in ["use main.{look}", "given file.exists(", "fails once with not_found", "expect outcome resolved"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    std::fs::remove_file(&path).unwrap();
    for _ in 0..2 {
        let into = rrb(dir.path(), &["test", "--record", &id, "--into", "look_test.rrb"]);
        // The second has the name of the first.
        if code(&into) == 0 {
            assert_eq!(stdout(&into), "appended to look_test.rrb\n");
        }
    }
    let played = rrb(dir.path(), &["test"]);
    assert_eq!(code(&played), 0, "{}{}", stdout(&played), stderr(&played));
    assert!(stdout(&played).contains("1 test passed"), "{}", stdout(&played));
    assert_eq!(code(&rrb(dir.path(), &["test", "--record", "nosuchrun"])), 3);
    assert_eq!(code(&rrb(dir.path(), &["test", "--record", &id, "--into", "../x.rrb"])), 2);
}

/// What a child asked the world, and what was set in the environment, stand in the test of the run.
#[test]
fn a_recorded_run_has_its_settings_and_what_its_children_asked() {
    let runbook = r#"
settings {
  word: Text = "calm"
}
runbook inner(path: Text) {
  log file.read(path)
  finish mitigated "read"
}
runbook outer(path: Text) {
  let there = file.exists(path)
  let inner = run inner(path)
  evidence "inner" = inner.why
  finish resolved "${word} ${there}"
}
"#;
    let dir = folder(&[("rrb.toml", "[project]\nname = \"p\"\n"), ("main.rrb", runbook), ("data", "hello")]);
    let path = dir.path().join("data");
    let toml = dir.path().join("rrb.toml");
    std::fs::write(&toml, "[project]\nname = \"p\"\n[settings.main]\nword = \"loud\"\n").unwrap();
    let run = rrb(dir.path(), &["run", "outer", "--path", path.to_str().unwrap()]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    std::fs::write(&toml, "[project]\nname = \"p\"\n").unwrap();
    let list = stdout(&rrb(dir.path(), &["runs", "list", "--runbook", "outer", "--json"]));
    let runs: Value = serde_json::from_str(&list).unwrap();
    let id = runs[0]["id"].as_str().unwrap().to_owned();
    let printed = rrb(dir.path(), &["test", "--record", &id]);
    let said = stdout(&printed);
    assert_eq!(code(&printed), 0, "{said}{}", stderr(&printed));
    for part in [r#"given settings main { word: "loud" }"#, "given file.read(", r#"resolved "loud true""#] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// What came from outside while the run was under way stands in its test, too: an event it waited for, a call that was tried again, an
/// answer of a person to a child.
#[test]
fn a_recorded_run_has_what_came_from_outside() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let runbook = r#"
connector lab {
  event calm: { node: Text } from webhook "/calm" {
    verify none because "a test"
    emit { node: body.node as Text }
  }
}
runbook outer(node: Text) {
  let reply = http.get("http://127.0.0.1:PORT/n1") retry 100 times backoff 200ms..200ms
  evidence "said" = reply.text
  let calm = wait for lab.calm as c where c.node == node within 10m
  if calm == none { finish escalated "not calm" }
  let inner = run inner(node: node)
  finish resolved "calm, ${inner.why}"
}
runbook inner(node: Text) {
  approve "Go on with ${node}?" from group("ops") within 30m {
    finish resolved "yes"
  } otherwise denial {
    finish escalated "no: ${denial.reason}"
  }
}
"#;
    let config = "[project]\nname = \"p\"\n[users.ana]\n[groups]\nops = [\"ana\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n";
    let dir = folder(&[("rrb.toml", config), ("main.rrb", &runbook.replace("PORT", &port.to_string()))]);
    let at = dir.path();
    std::fs::write(at.join("calm.json"), "{\"node\": \"n1\"}").unwrap();
    let mut daemon = crate::daemon::begin(at, &["serve"]);
    let _follows = crate::daemon::spawn(at, &["run", "outer", "--node", "n1"]);
    let outer = || {
        let list = stdout(&crate::daemon::ask(at, &["runs", "list", "--runbook", "outer", "--json"]));
        serde_json::from_str::<Value>(&list).unwrap()[0].clone()
    };
    crate::daemon::until(|| outer()["id"].is_string());
    let id = outer()["id"].as_str().unwrap().to_owned();
    let shown = |what: &str| {
        crate::daemon::until(|| stdout(&crate::daemon::ask(at, &["runs", "show", &id, "--json"])).contains(what));
    };
    shown("no connection");
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::{Read as _, Write as _};
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        }
    });
    shown("lab.calm");
    assert_eq!(code(&crate::daemon::ask(at, &["emit", "/calm", "calm.json"])), 0);
    let approvals =
        || serde_json::from_str::<Value>(&stdout(&crate::daemon::ask(at, &["approvals", "list", "--json"])));
    crate::daemon::until(|| approvals().is_ok_and(|a| a[0]["id"].is_string()));
    let approval = approvals().unwrap()[0]["id"].as_str().unwrap().to_owned();
    let token = ["token", "create", "ana-laptop", "--user", "ana", "--scope", "approvals:vote", "--json"];
    let token: Value = serde_json::from_str(&stdout(&crate::daemon::ask(at, &token))).unwrap();
    let mut vote = crate::daemon::command(at, &["approvals", "approve", &approval, "--comment", "looked"]);
    let vote = vote.env("RRB_TOKEN", token["token"].as_str().unwrap()).output().unwrap();
    assert_eq!(code(&vote), 0, "{}{}", stdout(&vote), stderr(&vote));
    crate::daemon::until(|| outer()["status"] == "done");
    crate::daemon::signal(&daemon, "-TERM");
    daemon.0.wait().unwrap();

    let into = rrb(at, &["test", "--record", &id, "--into", "recorded_test.rrb"]);
    assert_eq!(code(&into), 0, "{}{}", stdout(&into), stderr(&into));
    let text = std::fs::read_to_string(at.join("recorded_test.rrb")).unwrap();
    for part in
        ["use main.{lab}", "fails once with unavailable", "when lab.calm { node: \"n1\" }", "approve by \"ana\""]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let played = rrb(at, &["test"]);
    assert_eq!(code(&played), 0, "{text}{}{}", stdout(&played), stderr(&played));
    assert!(stdout(&played).contains("1 test passed"), "{}", stdout(&played));
}
