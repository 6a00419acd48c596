//! An approval that asks in Slack: the question goes to the channel, the answer comes by the API, and the block runs.

use std::path::Path;
use std::time::Duration;

use rrb_tests::daemon::{Daemon, http, wait_for};
use rrb_tests::sink::Sink;
use serde_json::{Value, json};

const TOKEN: &str = "xoxb-of-the-asking-test";

fn project(dir: &Path, slack: &str) {
    let config = format!(
        "[project]\nname = \"asking\"\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[groups]\nops = [\"ana\", \"bo\"]\n\
         [connectors.slack]\ntoken = \"env:RRB_SLACK\"\nbase = \"{slack}api\"\n"
    );
    std::fs::write(dir.join("rrb.toml"), config).unwrap();
    let runbook = r##"
use std.slack

runbook clean(path: Text) {
  approve "Delete ${path}?" from group("ops") within 10m ask slack.ask("#ops") {
    do file.delete(path)
  }
}
"##;
    std::fs::write(dir.join("clean.rrb"), runbook).unwrap();
}

/// Starts a run that soon waits, and leaves it to the daemon.
fn begun(daemon: &Daemon, parameter: &str) -> String {
    let mut command = daemon.command(&["run", "clean", "--param", parameter, "--no-wait", "--json"]);
    let out = command.output().unwrap();
    assert_eq!(out.status.code(), Some(6), "the run waits: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    last["run"]["id"].as_str().unwrap().to_owned()
}

fn asked(daemon: &Daemon) -> Value {
    wait_for("somebody is asked", Duration::from_secs(30), || {
        let open = daemon.json(&["approvals", "list"]);
        open.as_array()?.first().cloned()
    })
}

#[test]
fn slack_is_asked_and_the_answer_comes_by_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let sink = Sink::answering("{\"ok\": true, \"channel\": \"C1\", \"ts\": \"1.2\"}");
    project(dir.path(), &sink.url());
    let victim = dir.path().join("victim.txt");
    std::fs::write(&victim, "old").unwrap();
    let mut daemon = Daemon::start(dir.path(), &[("RRB_SLACK", TOKEN)]);
    let parameter = format!("path={}", victim.display());
    let run = begun(&daemon, &parameter);

    let approval = asked(&daemon);
    let said: Vec<Value> = sink.bodies().iter().map(|b| serde_json::from_str(b).unwrap()).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["channel"], "#ops");
    let text = said[0]["text"].as_str().unwrap();
    for part in [&format!("*Delete {}?*", victim.display()), "clean, run", "needs 1 of group ops", "file.delete"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let head = sink.heads()[0].clone();
    assert!(head.starts_with("POST /api/chat.postMessage HTTP/1.1"), "{head}");
    assert!(head.to_ascii_lowercase().contains(&format!("authorization: bearer {TOKEN}")), "{head}");
    assert!(victim.exists(), "nobody has agreed yet");

    // A new process waits for the same answer, and asks nobody again.
    daemon.kill();
    daemon.serve();
    daemon.wait_ready();
    assert_eq!(asked(&daemon)["id"], approval["id"]);
    assert_eq!(sink.bodies().len(), 1);

    let token = daemon.token("ana", "approvals:vote");
    let url = format!("{}/v1/approvals/{}/vote", daemon.url, approval["id"].as_str().unwrap());
    let (status, answer) = http("POST", &url, Some(&token), Some(&json!({"approve": true}))).unwrap();
    assert_eq!(status, 200, "{answer}");
    let end = wait_for("the run ends", Duration::from_secs(30), || {
        let view = daemon.json(&["runs", "show", &run]);
        (view["run"]["status"] == "done").then(|| view["run"]["end"].clone())
    });
    assert_eq!(end["outcome"], "resolved", "{end}");
    assert!(!victim.exists());
    for file in [dir.path().join("serve.log"), dir.path().join(".rrb/state.db")] {
        let kept = std::fs::read(&file).unwrap_or_default();
        assert!(!kept.windows(TOKEN.len()).any(|w| w == TOKEN.as_bytes()), "the token is in {}", file.display());
    }
}

#[test]
fn a_refusal_of_slack_is_told_and_the_question_stays_open() {
    let dir = tempfile::tempdir().unwrap();
    let sink = Sink::answering("{\"ok\": false, \"error\": \"channel_not_found\"}");
    project(dir.path(), &sink.url());
    let daemon = Daemon::start(dir.path(), &[("RRB_SLACK", TOKEN)]);
    let run = begun(&daemon, "path=/tmp/none");
    assert_eq!(asked(&daemon)["run"], run.as_str());
    let shown = rrb_tests::binary::ok(&mut daemon.command(&["runs", "show", &run]));
    assert!(shown.contains("asking failed: Slack refused chat.postMessage: channel_not_found"), "{shown}");
    assert_eq!(sink.bodies().len(), 1, "a channel that is not there is not asked again");
}
