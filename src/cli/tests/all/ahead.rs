//! `rrb plan` and `rrb serve --shadow` with the built binary: what would be done is said, and none of it is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::command::{code, folder, stderr, stdout};
use crate::daemon::{Daemon, ask, begin, json, signal, until};
use crate::written::stands_in;

const CONFIG: &str = "[project]\nname = \"t\"\n[users.ana]\n[users.bo]\n[users.cy]\n[groups]\nsre = [\"ana\", \"bo\", \"cy\"]\nleads = [\"cy\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n[connectors.alertmanager]\ntoken = \"env:RRB_ALERTMANAGER_TOKEN\"\n";

const RUNBOOK: &str = r#"
use std.alertmanager

/// Frees a folder.
runbook tidy(folder: Text) {
  on alertmanager.firing as a
    where a.severity >= warning
    with folder: a.labels.folder ?? skip
  dedupe by folder for 1h

  let before = file.folder_size(folder)
  evidence "before" = before.size
  step "Move the log" {
    let moved = do file.move("${folder}/log", "${folder}/log.old") undo { do file.move("${folder}/log.old", "${folder}/log") }
    if moved.size > 1KiB {
      do file.write("${folder}/note", "it was big")
    } else {
      log "it was small"
    }
  }
  let old = file.list("${folder}/archive").entries
  approve "Delete ${old.len()} archives?" from group("sre") quorum 2 within 30m
    escalate to group("leads") after 10m
    showing { before: before.size }
  {
    for entry in old { do file.delete(entry.path) }
  } otherwise denial {
    finish escalated denial.reason
  }
  verify "it is small" within 5m every 10s { file.folder_size(folder).size < 1MiB }
  finish resolved "done"
}

policy rails {
  forbid destroys where call.args["path"] as Text matches re"keep" because "kept for the auditors"
}
"#;

const PLAIN: &str = "[project]\nname = \"t\"\n[users.ana]\n[users.bo]\n[groups]\nsre = [\"ana\", \"bo\"]\n";

const ROTATE: &str = r#"runbook drop(path: Text) {
  approve "Drop ${path}?" from group("sre") within 30m {
    do file.delete(path)
  }
}

runbook rotate(path: Text) {
  try {
    do file.move(path, "${path}.old")
  } catch f {
    do file.write("${path}.note", f.message)
    finish escalated f.message
  }
  let dropped = run drop("${path}.old")
  log dropped.why
}

policy rails {
  require approval from group("sre") for changes where call.action == "file.move" because "people look at moves"
}
"#;

/// A project whose folder holds something to tidy; the folder's name is put in the place of `FOLDER` in what is compared.
fn project() -> tempfile::TempDir {
    folder(&[
        ("rrb.toml", CONFIG),
        ("tidy.rrb", RUNBOOK),
        ("data/log", "a line\n"),
        ("data/archive/1.tar", "x"),
        ("data/archive/2.tar", "y"),
    ])
}

fn data(dir: &Path) -> String {
    dir.join("data").display().to_string()
}

/// Everything below a folder, with its content.
fn tree(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_plan_says_what_would_be_done_and_does_none_of_it() {
    let dir = project();
    let before = tree(&dir.path().join("data"));
    let folder = data(dir.path());
    let output = ask(dir.path(), &["plan", "tidy", "--folder", &folder, "--reads"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let said = stdout(&output).replace(&folder, "DATA");
    let plain = ask(dir.path(), &["plan", "tidy", "--folder", &folder]);
    stands_in("plan.md", "rrb plan tidy --folder /srv/data", &stdout(&plain), &folder);
    let known = |line: &&str| !line.starts_with("planned with") && !line.contains("digest");
    insta::assert_snapshot!(said.lines().filter(known).collect::<Vec<_>>().join("\n"));
    assert_eq!(tree(&dir.path().join("data")), before);
    assert!(!dir.path().join(".rrb").exists(), "a plan leaves no state");
}

#[test]
fn a_plan_looks_into_what_is_caught_into_children_and_into_what_policies_ask() {
    let dir = folder(&[("rrb.toml", PLAIN), ("rotate.rrb", ROTATE)]);
    let output = ask(dir.path(), &["plan", "rotate", "--path", "/srv/data/log"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    stands_in("plan.md", "rrb plan rotate --path /srv/data/log", &stdout(&output), "/srv/data");
    let document = include_str!("../../../../docs/plan.md");
    assert!(document.contains(&format!("```rrb\n{ROTATE}```")), "docs/plan.md has another runbook");
    let plan = json(&ask(dir.path(), &["plan", "rotate", "--path", "/srv/data/log", "--json"]));
    let items = plan["body"]["items"].as_array().unwrap();
    assert_eq!(items[0]["policy_asks"]["digest"].as_str().unwrap().len(), 64);
    assert_eq!(items[0]["policy_asks"]["sure"], true);
    assert_eq!(items[1]["within"][0]["kind"], "catch");
    let child = items.iter().find(|i| i["child"] != serde_json::Value::Null).unwrap();
    assert_eq!(child["child"]["runbook"], "drop");
    assert_eq!(child["child"]["body"]["items"][0]["kind"], "approval");
    assert_eq!(plan["body"]["unexplored"], 0);
}

#[test]
fn a_replay_is_as_its_page_says() {
    let look = "runbook look(path: Text) {\n  let there = file.exists(path)\n  log \"it is there: ${there}\"\n  finish resolved\n}\n";
    let dir = folder(&[("rrb.toml", PLAIN), ("look.rrb", look)]);
    let path = dir.path().join("none").display().to_string();
    assert_eq!(code(&ask(dir.path(), &["run", "look", "--path", &path])), 0);
    let run = json(&ask(dir.path(), &["runs", "list", "--json"]))[0]["id"].as_str().unwrap().to_owned();
    let said = stdout(&ask(dir.path(), &["replay", &run]));
    stands_in("replay.md", "rrb replay q4fht0", &said, &path);
    let said = stdout(&ask(dir.path(), &["replay", &run, "--at", "3"]));
    stands_in("replay.md", "rrb replay q4fht0 --at 3", &said, &path);
}

#[test]
fn a_plan_as_json_has_the_questions_with_their_digests() {
    let dir = project();
    let folder = data(dir.path());
    let plan = json(&ask(dir.path(), &["plan", "tidy", "--folder", &folder, "--json"]));
    assert_eq!(plan["version"], 1);
    let items = plan["body"]["items"].as_array().unwrap();
    let kinds: Vec<&str> = items.iter().map(|i| i["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "call").count(), 5, "{kinds:?}");
    let question = items.iter().find(|i| i["kind"] == "approval").unwrap();
    assert_eq!(question["question"], "Delete 2 archives?");
    assert_eq!(question["quorum"], 2);
    assert_eq!(question["within_ms"], 1_800_000);
    assert_eq!(question["digest"].as_str().unwrap().len(), 64);
    assert_eq!(question["sure"], true);
    // The run itself asks with the same digest.
    let _daemon = begin(dir.path(), &["serve"]);
    let run = ask(dir.path(), &["run", "tidy", "--folder", &folder, "--no-wait"]);
    assert_eq!(code(&run), 6, "{}", stderr(&run));
    let approvals = json(&ask(dir.path(), &["approvals", "list", "--json"]));
    assert_eq!(approvals[0]["digest"], question["digest"]);
}

#[test]
fn what_a_policy_denies_or_a_plan_cannot_tell_has_a_code_of_its_own() {
    let dir = project();
    std::fs::write(dir.path().join("data/archive/keep.tar"), "").unwrap();
    let output = ask(dir.path(), &["plan", "tidy", "--folder", &data(dir.path())]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stdout(&output).contains("policy denies: kept for the auditors (policy rails"), "{}", stdout(&output));
    let output = ask(dir.path(), &["plan", "tidy", "--folder", "/nowhere"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stdout(&output).contains("the plan is not complete: it fails:"), "{}", stdout(&output));
    for (args, exit, said) in [
        (&["plan", "tdy", "--folder", "/x"][..], 3, "did you mean `tidy`?"),
        (&["plan", "tidy"], 2, "needs the parameter `folder`"),
        (&["plan", "tidy", "--foldr", "/x"], 2, "did you mean `--folder`?"),
        (&["plan", "tidy", "--event", "nothing_there"], 3, "there is no state"),
        (&["plan", "tidy", "--event", "no.json"], 3, "no such file"),
        (&["plan", "tidy", "--folder", "/x", "--as", "anna"], 2, "did you mean `ana`?"),
    ] {
        let output = ask(dir.path(), args);
        assert_eq!(code(&output), exit, "{args:?}: {}{}", stderr(&output), stdout(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

/// Delivers an alert as Alertmanager does.
fn deliver(dir: &Path, folder: &str, number: u32) {
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join(".rrb/daemon.json")).unwrap()).unwrap();
    let address = file["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let body = serde_json::json!({
        "version": "4", "groupKey": "g", "status": "firing", "receiver": "rrb", "groupLabels": {}, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://am", "truncatedAlerts": 0,
        "alerts": [{
            "status": "firing", "labels": { "alertname": "Full", "severity": "critical", "folder": folder },
            "annotations": {}, "startsAt": format!("2026-11-21T03:{number:02}:00Z"), "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://p", "fingerprint": format!("{number:016x}"),
        }],
    })
    .to_string();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /hooks/alertmanager HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer secret\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn stop(mut daemon: Daemon, dir: &Path) {
    signal(&daemon, "-TERM");
    daemon.0.wait().unwrap();
    until(|| !dir.join(".rrb/daemon.json").exists());
}

#[test]
fn a_daemon_in_shadow_takes_events_and_does_nothing() {
    let dir = project();
    let folder = data(dir.path());
    let before = tree(&dir.path().join("data"));
    let daemon = begin(dir.path(), &["serve", "--shadow"]);
    let status = json(&ask(dir.path(), &["status", "--json"]));
    assert_eq!(status["shadow"], true);
    assert!(stdout(&ask(dir.path(), &["status"])).contains("every runbook only says what it would do"));
    deliver(dir.path(), &folder, 1);
    let runs = || json(&ask(dir.path(), &["runs", "list", "--json"]));
    until(|| runs().as_array().is_some_and(|r| r.len() == 1 && r[0]["status"] == "done"));
    let run = runs()[0]["id"].as_str().unwrap().to_owned();
    assert!(run.starts_with("shadow_"), "{run}");
    let shown = stdout(&ask(dir.path(), &["runs", "show", &run]));
    assert!(shown.contains("it only says what it would do; nothing was done"), "{shown}");
    assert!(shown.contains("shadow: would make 5 calls, of which 2 destroy"), "{shown}");
    assert!(stdout(&ask(dir.path(), &["runs", "list"])).contains("shadow"));
    // A second alert on the same folder is deduped, as it would be.
    deliver(dir.path(), &folder, 2);
    until(|| json(&ask(dir.path(), &["events", "list", "--json"])).as_array().is_some_and(|e| e.len() == 2));
    let audit = json(&ask(dir.path(), &["audit", "show", "--json"]));
    let kinds: Vec<&str> = audit.as_array().unwrap().iter().filter_map(|r| r["kind"].as_str()).collect();
    assert!(kinds.contains(&"run.shadowed"), "{kinds:?}");
    assert!(!kinds.contains(&"call.intent") && !kinds.contains(&"approval.asked"), "{kinds:?}");
    assert_eq!(runs().as_array().unwrap().len(), 1);
    assert_eq!(tree(&dir.path().join("data")), before);
    stop(daemon, dir.path());

    // For real: the old run stays what it was, and what it counted holds nothing back.
    let daemon = begin(dir.path(), &["serve"]);
    assert_eq!(json(&ask(dir.path(), &["status", "--json"]))["shadow"], false);
    deliver(dir.path(), &folder, 3);
    until(|| json(&ask(dir.path(), &["approvals", "list", "--json"])).as_array().is_some_and(|a| a.len() == 1));
    assert_eq!(runs().as_array().unwrap().len(), 2);
    assert!(!dir.path().join("data/log").exists(), "this one was moved");
    stop(daemon, dir.path());

    // And now there is real work in the state: no daemon in shadow takes it.
    let refused = ask(dir.path(), &["serve", "--shadow"]);
    assert_eq!(code(&refused), 4, "{}", stderr(&refused));
    assert!(stderr(&refused).contains("the state holds 1 run not over"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("`[serve] state` in rrb.toml"), "{}", stderr(&refused));
}

/// An alert as `rrb emit` takes it.
fn alert(folder: &str, severity: &str, number: u32) -> String {
    serde_json::json!({
        "name": "Full", "severity": severity, "severity_text": severity, "labels": { "folder": folder }, "annotations": {},
        "starts_at": "2026-11-21T03:12:09Z", "fingerprint": format!("f{number}"), "generator_url": "http://p",
        "receiver": "rrb", "group_key": "g", "external_url": "http://am", "truncated": 0,
    })
    .to_string()
}

#[test]
fn a_backtest_holds_what_would_be_against_what_was() {
    let quick = RUNBOOK.split("  let old").next().unwrap().to_owned() + "  finish resolved \"done\"\n}\n";
    let dir = folder(&[("rrb.toml", CONFIG), ("tidy.rrb", &quick), ("data/log", "a line\n")]);
    let folder = data(dir.path());
    let daemon = begin(dir.path(), &["serve"]);
    let none = format!("{folder}/none");
    for (n, (folder, severity)) in
        [(&folder, "critical"), (&folder, "critical"), (&none, "critical"), (&folder, "info")].into_iter().enumerate()
    {
        std::fs::write(dir.path().join("alert.json"), alert(folder, severity, n as u32)).unwrap();
        let sent = ask(dir.path(), &["emit", "alertmanager.firing", "alert.json"]);
        assert_eq!(code(&sent), 0, "{}", stderr(&sent));
    }
    let over = |rows: serde_json::Value| {
        rows.as_array().is_some_and(|r| r.len() == 2 && r.iter().all(|r| r["status"] == "done"))
    };
    until(|| over(json(&ask(dir.path(), &["runs", "list", "--json"]))));
    let before = tree(&dir.path().join("data"));

    // The same sources make the same of it; the daemon goes on beside it.
    let same = ask(dir.path(), &["backtest", "--since", "1d", "--fail-on", "any"]);
    assert_eq!(code(&same), 0, "{}{}", stdout(&same), stderr(&same));
    assert!(stdout(&same).contains("no differences"), "{}", stdout(&same));
    let report = json(&ask(dir.path(), &["backtest", "--since", "1d", "--json"]));
    let row = &report["runbooks"][0];
    for (which, figure, is) in [
        ("now", "events", 4),
        ("now", "fired", 2),
        ("now", "deduped", 1),
        ("now", "skipped", 1),
        ("then", "fired", 2),
        ("then", "deduped", 1),
        ("then", "changes", 1),
        // What was read then says which way the plan goes.
        ("now", "changes", 2),
    ] {
        assert_eq!(row[which][figure], is, "{which} {figure}: {row}");
    }
    stop(daemon, dir.path());

    // Other sources make something else of it.
    let changed = quick.replace("a.severity >= warning", "a.severity >= info").replace("dedupe by folder for 1h", "");
    let other = super::command::folder(&[("rrb.toml", CONFIG), ("tidy.rrb", &changed)]);
    let against = other.path().display().to_string();
    let args = |more: &[&'static str]| -> Vec<String> {
        let fixed = ["backtest", "--since", "1d", "--against", against.as_str()];
        fixed.iter().chain(more).map(|s| (*s).to_owned()).collect()
    };
    let run = |more: &[&'static str]| {
        let args = args(more);
        ask(dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let report = json(&run(&["--json"]));
    let kinds: Vec<&str> =
        report["differences"].as_array().unwrap().iter().map(|d| d["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["fires", "fires"]);
    let said = run(&["--details"]);
    assert_eq!(code(&said), 0, "{}", stderr(&said));
    stands_in("backtest.md", "rrb backtest --since 30d --against ../changed --details", &stdout(&said), &folder);
    assert_eq!(code(&run(&["--fail-on", "change"])), 1);
    assert_eq!(code(&run(&["--fail-on", "deny"])), 0);
    assert_eq!(code(&run(&["--fail-on", "deny,any"])), 1);

    // A policy that denies what was done.
    std::fs::write(other.path().join("tidy.rrb"), quick.clone() + "policy no { forbid changes because \"frozen\" }\n")
        .unwrap();
    assert_eq!(code(&run(&["--fail-on", "deny"])), 1);
    assert_eq!(tree(&dir.path().join("data")), before, "nothing was done");
}

#[test]
fn a_backtest_that_cannot_be_made_says_why() {
    let dir = project();
    for (args, exit, said) in [
        (&["backtest"][..], 3, "there is no state"),
        (&["backtest", "--since", "yesterday"], 2, "2026-11-01T00:00:00Z"),
        (&["backtest", "--since", "1d", "--until", "2d"], 2, "`--until` is not after `--since`"),
        (&["backtest", "--runbook", "tdy"], 3, "did you mean `tidy`?"),
        (&["backtest", "--against", "nowhere"], 3, "cannot open `nowhere`"),
        (&["backtest", "--fail-on", "all"], 2, "possible values"),
    ] {
        let output = ask(dir.path(), args);
        assert_eq!(code(&output), exit, "{args:?}: {}{}", stderr(&output), stdout(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_stored_run_is_gone_through_again() {
    let text = "runbook count(folder: Text) {\n  let size = file.folder_size(folder).size\n  step \"Note it\" {\n    let note = \"it is ${size}\"\n    do file.write(\"${folder}/note\", note)\n  }\n  finish resolved \"noted\"\n}\n";
    let config = CONFIG.split("[connectors").next().unwrap();
    let dir = folder(&[("rrb.toml", config), ("count.rrb", text), ("data/x", "x")]);
    let folder = data(dir.path());
    let run = ask(dir.path(), &["run", "count", "--folder", &folder, "--json"]);
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    let last: serde_json::Value = serde_json::from_str(stdout(&run).lines().last().unwrap()).unwrap();
    let id = last["run"]["id"].as_str().unwrap();
    let check = ask(dir.path(), &["replay", id, "--check"]);
    assert_eq!(code(&check), 0, "{}", stderr(&check));
    assert!(stdout(&check).contains("the run is reproduced"), "{}", stdout(&check));
    let all = json(&ask(dir.path(), &["replay", id, "--json"]));
    assert_eq!(all["reproduced"], true);
    let steps = all["steps"].as_array().unwrap();
    let note =
        steps.iter().flat_map(|s| s["threads"][0]["calls"][0]["variables"].as_array().cloned().unwrap_or_default());
    let note = note.into_iter().find(|v| v["name"] == "note").unwrap();
    assert_eq!((&note["type"], &note["value"]), (&"Text".into(), &"it is 1B".into()));
    let write = steps
        .iter()
        .find(|s| s["entry"]["act"]["intent"]["effect_kind"] == "call" && s.to_string().contains("file.write"))
        .unwrap();
    let at = write["seq"].to_string();
    let shown = stdout(&ask(dir.path(), &["replay", &id[id.len() - 6..], "--at", &at])).replace(&folder, "DATA");
    let steady: Vec<String> = shown.lines().skip(1).map(|l| l.trim_end().to_owned()).collect();
    insta::assert_snapshot!("replay at", steady.join("\n"));
    let listed = stdout(&ask(dir.path(), &["replay", id]));
    assert_eq!(listed.lines().count(), steps.len(), "{listed}");
    assert!(listed.contains("count.rrb:5"), "{listed}");
    for (args, exit, said) in [
        (&["replay", "nothing"][..], 3, "there is no run"),
        (&["replay", id, "--at", "999"], 3, "there is no entry 999"),
        (&["replay", id, "--check", "--at", "1"], 2, "cannot be used with"),
    ] {
        let output = ask(dir.path(), args);
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}
