//! Runs, approvals and events with the built binary and a real state, on loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::command::{code, folder, rrb, stderr, stdout};

const CONFIG: &str = "[project]\nname = \"t\"\n[users.ana]\n[users.bo]\n[groups]\nops = [\"ana\", \"bo\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n";

const RUNBOOK: &str = r#"
use std.alertmanager

runbook tidy(folder: Text, times: Int = 1) {
  on alertmanager.firing as a
    where a.severity >= warning
    with folder: a.labels.folder ?? skip

  log "looks at ${folder}"
  approve "Delete ${folder}/x?" from group("ops") within 30m {
    do file.delete("${folder}/x")
  } otherwise denial {
    finish escalated "no: ${denial.reason}"
  }
  finish resolved "done ${times} times"
}

runbook quick(why: Text) { finish not_needed why }

runbook bad() { fail "broken \u{1b}[31m" }

runbook slow() { wait 1h }
"#;

fn project() -> tempfile::TempDir {
    folder(&[("rrb.toml", CONFIG), ("tidy.rrb", RUNBOOK), ("x", "")])
}

/// A daemon that is stopped with the test.
pub struct Daemon(pub Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rrb"));
    command.args(args).current_dir(dir).env_clear();
    command.env("COLUMNS", "100").env("HOME", dir).env("TZ", "UTC").env("RRB_ALERTMANAGER_TOKEN", "secret");
    command
}

pub fn spawn(dir: &Path, args: &[&str]) -> Daemon {
    Daemon(command(dir, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Begins and waits until it answers.
pub fn begin(dir: &Path, args: &[&str]) -> Daemon {
    let daemon = spawn(dir, args);
    until(|| dir.join(".rrb/daemon.json").exists());
    daemon
}

pub fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "it did not come to that in time");
        std::thread::sleep(Duration::from_millis(30));
    }
}

pub fn ask(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().unwrap()
}

pub fn signal(daemon: &Daemon, name: &str) {
    let sent = Command::new("kill").args([name, &daemon.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|e| panic!("{e}: {}{}", stdout(output), stderr(output)))
}

#[test]
fn a_run_ends_with_the_code_of_its_outcome() {
    let dir = project();
    let good = ask(dir.path(), &["run", "quick", "--why", "because"]);
    assert_eq!(code(&good), 0, "{}", stderr(&good));
    assert!(stdout(&good).contains("not_needed: because"), "{}", stdout(&good));
    let bad = ask(dir.path(), &["run", "bad"]);
    assert_eq!(code(&bad), 1, "{}", stderr(&bad));
    assert!(stdout(&bad).contains("broken \\u{1b}[31m") && !stdout(&bad).contains('\u{1b}'), "{}", stdout(&bad));
    let lines = stdout(&ask(dir.path(), &["run", "quick", "--why", "x", "--json"]));
    let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["outcome"], "not_needed");
    assert!(!dir.path().join(".rrb/daemon.json").exists());
    assert_eq!(stdout(&rrb(dir.path(), &["runs", "list"])).lines().count(), 4);
    assert_eq!(code(&rrb(dir.path(), &["audit", "verify"])), 0);
}

#[test]
fn wrong_runs_do_not_begin() {
    let dir = project();
    for (args, exit, said) in [
        (&["run", "quik", "--why", "x"][..], 3, "did you mean `quick`?"),
        (&["run", "quick"], 2, "rrb run quick --why TEXT"),
        (&["run", "quick", "--wy", "x"], 2, "did you mean `--why`?"),
        (&["run", "tidy", "--folder", "/x", "--times", "many"], 2, "a whole number"),
        (&["run", "quick", "--why", "x", "--as", "anna"], 2, "did you mean `ana`?"),
        (&["run", "quick", "--event", "none.json"], 3, "no such file"),
        (&["run", "quick", "--event", "tidy.rrb"], 2, "is no JSON"),
        (&["run", "quick", "--on", "a.b"], 2, "--event"),
    ] {
        let output = ask(dir.path(), args);
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
    std::fs::write(dir.path().join("broken.rrb"), "let = 1\n").unwrap();
    for args in [&["run", "quick", "--why", "x"][..], &["serve"]] {
        let output = ask(dir.path(), args);
        assert_eq!(code(&output), 1, "{args:?}");
        assert!(stderr(&output).contains("1 error in"), "{}", stderr(&output));
    }
}

#[test]
fn an_event_gives_the_parameters_by_the_trigger() {
    let dir = project();
    let alert = |severity: &str, labels: serde_json::Value| {
        serde_json::json!({
            "version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "groupLabels": {}, "commonLabels": {},
            "commonAnnotations": {}, "externalURL": "http://a", "truncatedAlerts": 0,
            "alerts": [{
                "status": "firing", "labels": labels, "annotations": {"severity": severity}, "startsAt": "2026-11-22T01:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p", "fingerprint": "f"
            }],
        })
        .to_string()
    };
    let labels = serde_json::json!({"alertname": "A", "severity": "critical", "folder": "/nowhere"});
    std::fs::write(dir.path().join("good.json"), alert("critical", labels)).unwrap();
    let waits = ask(dir.path(), &["run", "tidy", "--event", "good.json", "--no-wait"]);
    assert_eq!(code(&waits), 6, "{}", stderr(&waits));
    assert!(stdout(&waits).contains("tidy folder=/nowhere"), "{}", stdout(&waits));
    assert!(stderr(&waits).contains("goes on with the next `rrb serve`"), "{}", stderr(&waits));

    let labels = serde_json::json!({"alertname": "A", "severity": "info", "folder": "/nowhere"});
    std::fs::write(dir.path().join("low.json"), alert("info", labels)).unwrap();
    let warned = ask(dir.path(), &["run", "tidy", "--event", "low.json", "--folder", "/other", "--no-wait"]);
    assert!(stderr(&warned).contains("would say no: a.severity >= warning"), "{}", stderr(&warned));
    assert!(stdout(&warned).contains("folder=/other"), "{}", stdout(&warned));

    std::fs::write(
        dir.path().join("skip.json"),
        alert("x", serde_json::json!({"alertname": "A", "severity": "critical"})),
    )
    .unwrap();
    let skipped = ask(dir.path(), &["run", "tidy", "--event", "skip.json"]);
    assert_eq!((code(&skipped), stderr(&skipped).contains("skips this event")), (1, true), "{}", stderr(&skipped));
    std::fs::write(dir.path().join("none.json"), "{}").unwrap();
    let none = ask(dir.path(), &["run", "tidy", "--event", "none.json"]);
    assert_eq!((code(&none), stderr(&none).contains("is no `alertmanager.firing`")), (2, true), "{}", stderr(&none));
    let wrong = ask(dir.path(), &["run", "quick", "--event", "none.json"]);
    assert_eq!((code(&wrong), stderr(&wrong).contains("has no trigger on an event")), (2, true), "{}", stderr(&wrong));
}

#[test]
fn a_daemon_takes_events_votes_and_signals() {
    let dir = project();
    let at = dir.path().to_str().unwrap();
    let mut daemon = begin(dir.path(), &["serve", "--log-format", "json"]);
    assert_eq!(json(&ask(dir.path(), &["status", "--json"]))["project"], "t");
    let second = ask(dir.path(), &["serve"]);
    assert_eq!(code(&second), 4, "{}", stderr(&second));

    // Started in the daemon, seen through it, answered by people only.
    let waits = ask(dir.path(), &["run", "tidy", "--folder", at, "--no-wait"]);
    assert_eq!(code(&waits), 6, "{}", stderr(&waits));
    let open = json(&ask(dir.path(), &["approvals", "list", "--json"]));
    let id = open[0]["id"].as_str().unwrap().to_owned();
    let nobody = ask(dir.path(), &["approvals", "approve", &id]);
    assert_eq!((code(&nobody), stderr(&nobody).contains("rrb token create")), (4, true), "{}", stderr(&nobody));
    let token = ask(
        dir.path(),
        &["token", "create", "a", "--user", "ana", "--scope", "approvals:read", "--scope", "approvals:vote"],
    );
    std::fs::write(dir.path().join("token"), &token.stdout).unwrap();
    let other = ask(dir.path(), &["approvals", "approve", &id, "--digest", "00000000", "--token-file", "token"]);
    assert_eq!((code(&other), stderr(&other).contains("another one than you read")), (4, true), "{}", stderr(&other));
    let voted = ask(dir.path(), &["approvals", "approve", &id[id.len() - 6..], "--token-file", "token"]);
    assert_eq!(code(&voted), 0, "{}", stderr(&voted));
    until(|| !dir.path().join("x").exists());
    let late = ask(dir.path(), &["approvals", "deny", &id, "--comment", "no", "--token-file", "token"]);
    assert_eq!(code(&late), 4, "{}", stderr(&late));

    // Cancelled from outside, and shown so.
    let mut slow = spawn(dir.path(), &["run", "slow"]);
    until(|| stdout(&ask(dir.path(), &["runs", "list", "--open"])).contains("slow"));
    let open = json(&ask(dir.path(), &["runs", "list", "--open", "--json"]));
    let run = open[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(code(&ask(dir.path(), &["runs", "cancel", &run, "--why", "test"])), 0);
    assert_eq!(slow.0.wait().unwrap().code(), Some(1));
    assert!(stdout(&ask(dir.path(), &["runs", "show", &run])).contains("cancelled"));
    assert_eq!(code(&ask(dir.path(), &["runs", "cancel", &run])), 4);
    assert_eq!(code(&ask(dir.path(), &["runs", "show", "nothing"])), 3);

    // Events, with their story; what cannot be read is kept.
    std::fs::write(dir.path().join("e.json"), r#"{"alerts": 3}"#).unwrap();
    let dead = ask(dir.path(), &["emit", "/alertmanager", "e.json"]);
    assert_eq!((code(&dead), stdout(&dead).contains("dead letter")), (1, true), "{}{}", stdout(&dead), stderr(&dead));
    assert_eq!(json(&ask(dir.path(), &["why", "--dead", "--json"])).as_array().unwrap().len(), 1);
    let unknown = ask(dir.path(), &["emit", "alertmanager.fring", "e.json"]);
    assert_eq!((code(&unknown), stderr(&unknown).contains("alertmanager.firing")), (3, true), "{}", stderr(&unknown));

    // A broken save is refused, a good one taken; SIGTERM ends it in order.
    let good = std::fs::read_to_string(dir.path().join("tidy.rrb")).unwrap();
    std::fs::write(dir.path().join("tidy.rrb"), "let = 1").unwrap();
    signal(&daemon, "-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(stdout(&ask(dir.path(), &["status"])).contains("tidy"));
    std::fs::write(dir.path().join("tidy.rrb"), format!("{good}\nrunbook another() {{ log \"x\" }}\n")).unwrap();
    signal(&daemon, "-HUP");
    until(|| stdout(&ask(dir.path(), &["status"])).contains("another"));
    signal(&daemon, "-TERM");
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
    assert!(!dir.path().join(".rrb/daemon.json").exists());
    let log = BufReader::new(daemon.0.stderr.take().unwrap());
    for line in log.lines() {
        let line = line.unwrap();
        let _: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
    assert_eq!(code(&rrb(dir.path(), &["audit", "verify"])), 0);
}

#[test]
fn a_killed_run_goes_on_with_the_next_daemon() {
    let dir = project();
    let at = dir.path().to_str().unwrap().to_owned();
    let mut first = begin(dir.path(), &["run", "tidy", "--folder", &at]);
    until(|| stdout(&ask(dir.path(), &["approvals", "list"])).contains("tidy"));
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    // The address of the dead one is still there; nobody answers, so the state is read.
    assert!(dir.path().join(".rrb/daemon.json").exists());
    assert!(stdout(&ask(dir.path(), &["runs", "list", "--open"])).contains("tidy"));
    std::fs::remove_file(dir.path().join(".rrb/daemon.json")).unwrap();
    let daemon = begin(dir.path(), &["watch", "--as", "bo"]);
    let open = json(&ask(dir.path(), &["approvals", "list", "--json"]));
    let token = ask(
        dir.path(),
        &["token", "create", "b", "--user", "bo", "--scope", "approvals:read", "--scope", "approvals:vote"],
    );
    std::fs::write(dir.path().join("token"), &token.stdout).unwrap();
    let id = open[0]["id"].as_str().unwrap();
    let no = ask(dir.path(), &["approvals", "deny", id, "--comment", "rather not", "--token-file", "token"]);
    assert_eq!(code(&no), 0, "{}", stderr(&no));
    until(|| stdout(&ask(dir.path(), &["runs", "list"])).contains("escalated"));
    assert!(dir.path().join("x").exists());
    signal(&daemon, "-TERM");
    let mut daemon = daemon;
    assert_eq!(daemon.0.wait().unwrap().code(), Some(0));
}
