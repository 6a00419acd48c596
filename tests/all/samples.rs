//! Bodies that real senders post, taken by the built daemon and read back as events.

use std::time::Duration;

use rrb_tests::binary::root;
use rrb_tests::daemon::{Daemon, http, wait_for};
use serde_json::{Value, json};

const TOKEN: &str = "s3cret-of-the-sample-test";

const PROJECT: &str = "[project]\nname = \"samples\"\n[connectors.alertmanager]\ntoken = \"env:RRB_SAMPLE_TOKEN\"\n";

const RUNBOOKS: &str = r#"
use std.alertmanager

runbook fired(name: Text, severity: Text) {
  on alertmanager.firing as a with name: a.name, severity: "${a.severity}"
  log "${name} ${severity}"
}

runbook ended(name: Text, at: Time) {
  on alertmanager.resolved as a where a.ends_at is not none with name: a.name, at: a.ends_at ?? skip
  log "${name} ${at}"
}
"#;

fn sample(name: &str) -> Value {
    let path = root().join("tests/samples/alertmanager").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Posts a sample as Alertmanager would; how many events were in it.
fn post(daemon: &Daemon, name: &str) -> usize {
    let url = format!("{}/hooks/alertmanager", daemon.url);
    let (status, text) = http("POST", &url, Some(TOKEN), Some(&sample(name))).unwrap();
    assert_eq!(status, 202, "{name}: {text}");
    let receipt: Value = serde_json::from_str(&text).unwrap();
    receipt["events"].as_array().unwrap().len()
}

#[test]
fn notifications_of_alertmanager_become_events_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rrb.toml"), PROJECT).unwrap();
    std::fs::write(dir.path().join("main.rrb"), RUNBOOKS).unwrap();
    let daemon = Daemon::start(dir.path(), &[("RRB_SAMPLE_TOKEN", TOKEN)]);

    assert_eq!(post(&daemon, "google_managed.json"), 1);
    assert_eq!(post(&daemon, "fired_and_resolved.json"), 2);
    let runs = wait_for("three runs end", Duration::from_secs(30), || {
        let runs = daemon.json(&["runs", "list"]);
        let done = runs.as_array()?.iter().filter(|r| r["status"] == "done").count();
        (done == 3).then_some(runs)
    });
    for run in runs.as_array().unwrap() {
        assert_eq!(run["end"]["outcome"], "resolved", "{run}");
    }

    let events = daemon.json(&["events", "list"]);
    let find = |name: &str, source: &str| {
        let fits = |e: &&Value| e["event"]["payload"]["name"] == name && e["event"]["source"] == source;
        events.as_array().unwrap().iter().find(fits).unwrap_or_else(|| panic!("no {source} of {name} in {events}"))
    };
    let managed = find("GMP_WebhookTest", "alertmanager.firing");
    assert_eq!(managed["event"]["payload"]["severity"], "warning");
    assert_eq!(managed["event"]["payload"]["ends_at"], Value::Null);
    assert_eq!(managed["event"]["payload"]["labels"]["namespace"], "gmp-public");
    assert_eq!(managed["dispositions"][0]["verdict"], "started");

    let fired = &find("DiskAlmostFull", "alertmanager.firing")["event"];
    assert_eq!(fired["payload"]["severity"], "critical");
    assert_eq!(fired["payload"]["severity_text"], "page");
    assert_eq!(fired["payload"]["truncated"], 2);
    assert_eq!(fired["at"], json!(1_795_251_600_123_i64));

    let ended = find("DiskAlmostFull", "alertmanager.resolved");
    assert_eq!(ended["event"]["payload"]["severity"], "warning");
    assert_eq!(ended["event"]["payload"]["ends_at"], "2026-11-21T09:01:00Z");
    assert_eq!(ended["dispositions"][0]["runbook"], "ended");
}
