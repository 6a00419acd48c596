//! What an operator meets: a secret that is missing, a call that is lost, a run that is left, a project file that opens more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::command::{code, folder, stderr, stdout};
use crate::daemon::{ask, begin, command, json, signal, spawn, until};

const CONFIG: &str = "[users.ana]\n[groups]\nops = [\"ana\"]\n[serve]\nlisten = \"127.0.0.1:0\"\n";

const CALLS: &str = r#"
runbook nap(seconds: Int) {
  waive "a nap harms nobody" by "ops" until time"2099-01-01T00:00:00Z" {
    do exec.run(["/bin/sleep", "${seconds}"])
  }
  finish resolved "slept"
}
runbook nap_and_more(seconds: Int) {
  waive "a nap harms nobody" by "ops" until time"2099-01-01T00:00:00Z" {
    do exec.run(["/bin/sleep", "${seconds}"])
  }
  wait 1h
}
runbook later(quota: Size = 64MiB) { wait 1h }
"#;

fn project(config: &str, code: &str) -> tempfile::TempDir {
    folder(&[("rrb.toml", &format!("{CONFIG}{config}")), ("main.rrb", code)])
}

fn runs(dir: &Path) -> String {
    stdout(&ask(dir, &["runs", "list"]))
}

/// The journal of the only run has an intent of its call, so the call is at work or about to be.
fn at_work(dir: &Path) -> bool {
    let open = json(&ask(dir, &["runs", "list", "--open", "--json"]));
    let Some(id) = open[0]["id"].as_str() else { return false };
    stdout(&ask(dir, &["runs", "show", id])).contains("the answer of `exec.run`")
}

#[test]
fn a_webhook_without_its_secret_keeps_the_daemon_from_starting() {
    let secrets =
        "[connectors.alertmanager]\ntoken = \"env:LAB_HOOK\"\n[connectors.slack]\ntoken = \"file:/nowhere/slack\"\n";
    let dir = project(secrets, "use std.alertmanager\nuse std.slack\nrunbook quick() { finish not_needed \"x\" }\n");
    let bare = |args: &[&str]| command(dir.path(), args).env_remove("RRB_ALERTMANAGER_TOKEN").output().unwrap();
    for args in [&["serve"][..], &["watch"]] {
        let refused = bare(args);
        assert_eq!(code(&refused), 1, "{args:?}: {}", stderr(&refused));
        for said in [
            "`/hooks/alertmanager` cannot check who delivers",
            "`env:LAB_HOOK` is not set",
            "`[connectors.alertmanager]`",
        ] {
            assert!(stderr(&refused).contains(said), "{args:?}: {}", stderr(&refused));
        }
    }
    // Nobody delivers to a single run; what its calls may need is a warning.
    let run = bare(&["run", "quick"]);
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    assert!(stderr(&run).contains("warning: the secret `file:/nowhere/slack` is not there"), "{}", stderr(&run));
    assert!(stderr(&run).contains("the setting `token` of `[connectors.slack]`"), "{}", stderr(&run));
    assert!(!stderr(&run).contains("LAB_HOOK"), "{}", stderr(&run));
    // With it the daemon starts and warns of the other.
    let mut daemon = command(dir.path(), &["serve"]);
    let daemon = daemon.env_remove("RRB_ALERTMANAGER_TOKEN").env("LAB_HOOK", "x").stderr(std::process::Stdio::piped());
    let mut daemon = crate::daemon::Daemon(daemon.spawn().unwrap());
    until(|| dir.path().join(".rrb/daemon.json").exists());
    signal(&daemon, "-TERM");
    let mut log = String::new();
    daemon.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("`file:/nowhere/slack`") && log.contains("calls of `slack`"), "{log}");
}

#[test]
fn the_project_file_opens_variables_and_addresses() {
    let code_ = r#"
runbook look() { log "at ${env.get("DATACENTER") ?? "nowhere"}" }
runbook fetch() {
  try { log "${http.get("http://0.0.0.0:9/").status}" } catch f { finish escalated "${f.kind}: ${f.message}" }
}
"#;
    let shut = project("", code_);
    let look = |dir: &Path| {
        let done = command(dir, &["run", "look"]).env("DATACENTER", "fra1").output().unwrap();
        (code(&done), stdout(&done))
    };
    let (exit, said) = look(shut.path());
    assert_eq!((exit, said.contains("`[env] allow`")), (1, true), "{said}");
    let said = stdout(&ask(shut.path(), &["run", "fetch"]));
    assert!(said.contains("escalated: forbidden") && said.contains("`[egress] allow`"), "{said}");

    let open = project("[env]\nallow = [\"DATACENTER\"]\n[egress]\nallow = [\"0.0.0.0\"]\n", code_);
    let (exit, said) = look(open.path());
    assert_eq!((exit, said.contains("at fra1")), (0, true), "{said}");
    let said = stdout(&ask(open.path(), &["run", "fetch"]));
    assert!(said.contains("escalated: ") && !said.contains("forbidden"), "{said}");
}

#[test]
fn no_wait_leaves_a_timer_and_the_answer_has_parameters_by_name() {
    let dir = project("", CALLS);
    let left = ask(dir.path(), &["run", "later", "--no-wait"]);
    assert_eq!(code(&left), 6, "{}", stderr(&left));
    assert!(stderr(&left).contains("the run waits for the time"), "{}", stderr(&left));
    let list = ask(dir.path(), &["runs", "list"]);
    assert!(stdout(&list).contains("waiting") && stdout(&list).contains("quota=64MiB"), "{}", stdout(&list));
    assert!(stderr(&list).contains("no daemon is running: a run that is not over rests"), "{}", stderr(&list));
    let rows = json(&ask(dir.path(), &["runs", "list", "--json"]));
    assert_eq!(rows[0]["params"], serde_json::json!({"quota": "64MiB"}));
    assert_eq!((rows[0].get("input"), &rows[0]["event"]), (None, &serde_json::Value::Null));
}

#[test]
fn a_run_that_was_left_in_mid_call_ends_with_the_next_daemon() {
    let dir = project("", CALLS);
    let mut run = begin(dir.path(), &["run", "nap_and_more", "--seconds", "3"]);
    until(|| at_work(dir.path()));
    signal(&run, "-INT");
    until(|| runs(dir.path()).contains("ending"));
    signal(&run, "-INT");
    // The two presses are no third: the call is let end.
    assert_eq!(run.0.wait().unwrap().code(), Some(6));
    assert!(runs(dir.path()).contains("ending"), "{}", runs(dir.path()));
    let _daemon = begin(dir.path(), &["serve"]);
    until(|| runs(dir.path()).contains("cancelled"));
}

#[test]
fn a_result_that_the_call_could_not_have_given_is_refused() {
    let dir = project("", CALLS);
    let mut first = begin(dir.path(), &["serve"]);
    let _run = spawn(dir.path(), &["run", "nap", "--seconds", "2"]);
    until(|| at_work(dir.path()));
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    std::fs::remove_file(dir.path().join(".rrb/daemon.json")).unwrap();
    let _daemon = begin(dir.path(), &["serve"]);
    until(|| runs(dir.path()).contains("parked"));
    let id = json(&ask(dir.path(), &["runs", "list", "--json"]))[0]["id"].as_str().unwrap().to_owned();
    let resolve =
        |result: &[&str]| ask(dir.path(), &[&["runs", "resolve", &id, "happened", "--why", "seen"], result].concat());
    for wrong in ["3", "\"done\"", "{\"status\": \"zero\"}"] {
        let refused = resolve(&["--result", wrong]);
        assert_eq!(code(&refused), 2, "{wrong}: {}", stderr(&refused));
        assert!(stderr(&refused).contains("the result does not fit: expected"), "{wrong}: {}", stderr(&refused));
    }
    assert!(runs(dir.path()).contains("parked"), "{}", runs(dir.path()));
    let taken = resolve(&[]);
    assert_eq!(code(&taken), 0, "{}", stderr(&taken));
    until(|| runs(dir.path()).contains("resolved"));
    assert_eq!(code(&resolve(&[])), 4);
}

#[test]
fn a_token_is_for_somebody_of_the_project() {
    let dir = project("", CALLS);
    let make = |user: &str| ask(dir.path(), &["token", "create", user, "--user", user, "--scope", "approvals:vote"]);
    let wrong = |said: &str| {
        let refused = make("anna");
        assert_eq!(code(&refused), 2, "{}", stderr(&refused));
        assert!(
            stderr(&refused).contains("has no user `anna`") && stderr(&refused).contains(said),
            "{}",
            stderr(&refused)
        );
        assert!(stdout(&refused).is_empty());
    };
    wrong("did you mean `ana`?");
    let named = ask(dir.path(), &["token", "create", "two words", "--scope", "runs:read"]);
    assert_eq!((code(&named), stderr(&named).contains("cannot be the name")), (2, true), "{}", stderr(&named));
    assert_eq!(code(&make("ana")), 0);
    let daemon = begin(dir.path(), &["serve"]);
    wrong("did you mean `ana`?");
    let broken = command(dir.path(), &["status"]).env("RRB_TOKEN", "two\nlines").output().unwrap();
    assert_eq!((code(&broken), stderr(&broken).contains("a token is one word")), (2, true), "{}", stderr(&broken));
    drop(daemon);
}

#[test]
fn a_mistake_in_the_project_file_is_shown_alone() {
    let code_ =
        "runbook ask() {\n  approve \"Go?\" from group(\"ops\") within 1m { log \"x\" } otherwise { log \"y\" }\n}\n";
    let dir = project("[safety\n", code_);
    let check = ask(dir.path(), &["check"]);
    let said = stdout(&check);
    assert_eq!(code(&check), 1, "{said}");
    assert!(said.contains("is not valid TOML") && said.contains("1 error in"), "{said}");
    assert!(!said.contains("group"), "{said}");
}

#[test]
fn figures_of_the_store_are_in_the_metrics() {
    let dir = project("", CALLS);
    let _daemon = begin(dir.path(), &["serve"]);
    let file = std::fs::read_to_string(dir.path().join(".rrb/daemon.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    let address = file["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    for name in ["rrb_store_commits ", "rrb_store_waiting 0", "rrb_runs_in_memory 0", "rrb_engine_failed 0"] {
        assert!(text.contains(&format!("\n{name}")), "{name}: {text}");
    }
}
