//! A sender repeats a delivery, and a runbook in `shadow` listens: one event, one run, and nothing is done.

use std::time::Duration;

use rrb_tests::daemon::{Daemon, wait_for};
use serde_json::Value;

const TOKEN: &str = "s3cret-of-the-repeats-test";

const PROJECT: &str =
    "[project]\nname = \"repeats\"\n[users.ana]\nname = \"Ana\"\n[connectors.webhook]\ntoken = \"env:RRB_HOOK\"\n";

const RUNBOOK: &str = r#"
use std.webhook

runbook note(path: Text) {
  shadow
  on webhook.received as w with path: w.body.path as Text
  let before = file.exists(path)
  waive "the test wants it" by "ana" until time"2031-01-01T00:00:00Z" {
    do file.write(path, "new, and it was ${before}")
  }
  finally { waive "so too" by "ana" until time"2031-01-01T00:00:00Z" { do file.write(path, "last") } }
}
"#;

fn post(daemon: &Daemon, id: Option<&str>, body: &str) -> (u16, Value) {
    let url = format!("{}/hooks/webhook", daemon.url);
    let request = async {
        let client = reqwest::Client::new();
        let mut request = client.post(url).bearer_auth(TOKEN).body(body.to_owned());
        if let Some(id) = id {
            request = request.header("webhook-id", id);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(request)
}

#[test]
fn a_repeat_is_acknowledged_and_dropped_and_a_shadow_only_says_what_it_would_do() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rrb.toml"), PROJECT).unwrap();
    std::fs::write(dir.path().join("note.rrb"), RUNBOOK).unwrap();
    let daemon = Daemon::start(dir.path(), &[("RRB_HOOK", TOKEN)]);
    let file = dir.path().join("note.txt");
    let body = format!("{{\"path\": \"{}\"}}", file.display());

    let (first, receipt) = post(&daemon, Some("msg_1"), &body);
    assert_eq!((first, receipt["events"].as_array().unwrap().len()), (202, 1), "{receipt}");
    let (again, repeated) = post(&daemon, Some("msg_1"), &body);
    assert_eq!((again, repeated["duplicates"].as_u64()), (200, Some(1)), "{repeated}");
    for _ in 0..2 {
        let (without, receipt) = post(&daemon, None, &body);
        assert_eq!(
            (without, receipt["events"].as_array().unwrap().len()),
            (202, 1),
            "without an id it is new: {receipt}"
        );
    }

    let runs = wait_for("three runs end", Duration::from_secs(30), || {
        let runs = daemon.json(&["runs", "list"]);
        let done = runs.as_array()?.iter().filter(|r| r["status"] == "done").count();
        (done == 3).then_some(runs)
    });
    for run in runs.as_array().unwrap() {
        assert_eq!(run["end"]["outcome"], "shadow", "{run}");
        assert_eq!(run["end"]["why"], "would make 1 call", "{run}");
    }
    assert!(!file.exists(), "a run in shadow wrote a file");
    let why = daemon.json(&["why", receipt["events"][0].as_str().unwrap()]);
    assert_eq!(why["dispositions"][0]["verdict"], "shadow", "{why}");
    assert!(why["dispositions"][0]["run"].is_string(), "{why}");
    let shown = rrb_tests::binary::ok(&mut daemon.command(&["runs", "show", runs[0]["id"].as_str().unwrap()]));
    assert!(shown.contains("would do") && shown.contains("file.write"), "{shown}");
}
