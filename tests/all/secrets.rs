//! A canary in every Secret of a project that uses the whole library: the daemon hears, runs, fails, asks and is looked at in every way there
//! is, with a server that sends back all that it got, and none of the canaries stands in anything that it wrote or showed, in any of the
//! forms of `rrb_tests::leaks`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::hir::SettingOwner;
use rrb_lang::program::compile;
use rrb_lang::project::{Declared, parse, settings_at_hand};
use rrb_lang::types::Type;
use rrb_tests::daemon::{Daemon, http, wait_for};
use rrb_tests::double::Double;
use rrb_tests::leaks;
use serde_json::{Value, json};

/// Calls that send a secret in each way there is, to a server that says all it got; some take that for a success.
const RUNBOOKS: &str = r##"
settings {
  key: Secret
  echo: Url
}

runbook hears(name: Text) {
  on alertmanager.firing as a with name: a.name
  let reply = do http.post(echo, bearer: key, json: { name }, expect: [500])
  evidence "text" = reply.text
  evidence "headers" = reply.headers
  evidence "json" = reply.json
  log "${name}: ${reply.text}"
}

runbook bearer() { do http.post(echo, bearer: key, json: {}) }
runbook basic() { do http.put(echo, basic_user: "ops", basic_password: key, text: "x") }
runbook header() { http.get(echo, secret_headers: { "x-key": key.prefixed("Key ").base64() }) }
runbook query() { http.get(echo, secret_query: { "key": key }) }
runbook body() { do http.post(echo, json: { a: 1 }, secret_body: { "key": key }) }
runbook form() { do http.patch(echo, form: { "a": "1" }, secret_body: { "key": key.suffixed("!") }) }
runbook chat() { do slack.post("#ops", "hello") }
runbook number() { evidence "n" = prometheus.scalar("up") }

runbook program() {
  waive "it only prints" by "ana" until time"2031-01-01T00:00:00Z" {
    let out = do exec.run(["sh", "-c", "env; printf %s \"$KEY\" | base64; exit 3"], secret_env: { "KEY": key }, expect: [3])
    evidence "out" = out.stdout
    do exec.run(["sh", "-c", "env >&2; exit 4"], secret_env: { "KEY": key })
  }
}

runbook asks() {
  approve "Go on?" from user("ana") within 1h ask slack.ask("#ops") { do http.post(echo, bearer: key, json: {}) }
}
"##;

const FAILING: [&str; 8] = ["bearer", "basic", "header", "query", "body", "form", "chat", "program"];

/// A project of every connector: what `rrb.toml` says, and the canaries by the variable that holds each.
struct Project {
    toml: String,
    canaries: Vec<(String, String)>,
}

fn project(echo: &str) -> Project {
    let uses: String = rrb_lang::stdlib::names().map(|name| format!("use {name}\n")).collect();
    let text = format!("{uses}{RUNBOOKS}");
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.as_str().into() };
    let head = format!(
        "[project]\nname = \"secrets\"\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[settings.main]\necho = \"{echo}/echo\"\nkey = \"env:CANARY_KEY\"\n"
    );
    let (config, _) = parse(PROJECT_FILE, &head);
    let checked = check(CheckInput { modules: vec![main], project: config.clone() });
    let shown = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program = compile(checked.program.as_ref().unwrap_or_else(|| panic!("{}", shown())), &checked.sources).unwrap();
    let constant = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
    let (_, missing) = settings_at_hand(declared, &config);
    let mut project = Project { toml: head, canaries: vec![("CANARY_KEY".to_owned(), canary("key"))] };
    let mut connectors: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
    for (at, setting) in program.settings.iter().enumerate() {
        let SettingOwner::Connector(owner) = &setting.owner else { continue };
        let is_missing = missing.iter().any(|(id, _)| id.index() == at);
        let lines = connectors.entry(owner).or_default();
        match (setting.ty.as_ref(), setting.name.as_str()) {
            (Type::Secret, _) => secret(&mut project.canaries, lines, owner, &setting.name),
            (Type::Optional(inner), _) if **inner == Type::Secret => {
                secret(&mut project.canaries, lines, owner, &setting.name)
            }
            (Type::Url, "url" | "base" | "base_url") => {
                writeln!(lines, "{} = \"{echo}/{owner}\"", setting.name).unwrap()
            }
            (Type::Url, _) if is_missing => writeln!(lines, "{} = \"{echo}/{owner}\"", setting.name).unwrap(),
            (Type::List(_) | Type::Set(_), _) if is_missing => writeln!(lines, "{} = []", setting.name).unwrap(),
            (_, _) if is_missing => writeln!(lines, "{} = \"x\"", setting.name).unwrap(),
            _ => {}
        }
    }
    for (name, lines) in connectors {
        write!(project.toml, "[connectors.{name}]\n{lines}").unwrap();
    }
    project
}

fn secret(canaries: &mut Vec<(String, String)>, lines: &mut String, owner: &str, name: &str) {
    let variable = format!("CANARY_{owner}_{name}").to_uppercase();
    writeln!(lines, "{name} = \"env:{variable}\"").unwrap();
    canaries.push((variable, canary(&format!("{owner}/{name}"))));
}

/// How every canary begins: what is cut off behind it is still found.
const BEGIN: &str = "Cn4ry+K9";

/// With signs that each encoding writes otherwise.
fn canary(name: &str) -> String {
    format!("{BEGIN}{name}\"7Q=z")
}

/// All that a person or a program can look at.
struct Shown {
    all: Vec<(String, Vec<u8>)>,
}

impl Shown {
    fn add(&mut self, what: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.all.push((what.into(), bytes.into()));
    }

    fn command(&mut self, daemon: &Daemon, args: &[&str]) -> String {
        let out = daemon.command(args).output().unwrap();
        self.add(format!("standard output of rrb {args:?}"), out.stdout.clone());
        self.add(format!("standard error of rrb {args:?}"), out.stderr);
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn page(&mut self, daemon: &Daemon, token: &str, path: &str) -> String {
        let answer = http("GET", &format!("{}{path}", daemon.url), Some(token), None);
        let (status, text) = answer.unwrap_or_else(|| panic!("nobody answers GET {path}"));
        self.add(format!("GET {path} ({status})"), text.clone());
        text
    }

    fn files(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.files(&path);
            } else {
                self.add(path.display().to_string(), std::fs::read(&path).unwrap_or_default());
            }
        }
    }
}

/// Delivers to the daemon with each kind of credential, right and wrong.
fn deliver(daemon: &Daemon, shown: &mut Shown, token: &str) {
    let alert = json!({ "status": "firing", "receiver": "rrb", "groupKey": "g", "externalURL": "http://am", "truncatedAlerts": 0,
        "alerts": [{ "status": "firing", "labels": { "alertname": "Disk" }, "annotations": {}, "startsAt": "2026-11-21T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "c0ffee" }] });
    for (path, credential, body) in [
        ("alertmanager", Some(token), &alert),
        ("alertmanager", Some("wrong"), &alert),
        ("alertmanager", None, &alert),
        ("alertmanager", Some(token), &json!({ "alerts": 3 })),
        ("webhook/signed", Some(token), &alert),
        ("slack/actions", None, &alert),
        ("github", None, &alert),
    ] {
        let (status, text) = http("POST", &format!("{}/hooks/{path}", daemon.url), credential, Some(body)).unwrap();
        shown.add(format!("the answer to a delivery to {path} ({status})"), text);
    }
}

#[test]
fn no_secret_stands_in_anything_that_is_written_or_shown() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let double = runtime.block_on(Double::start(Vec::new())).unwrap();
    double.echo(500);
    let project = project(&double.url);
    let dir = tempfile::tempdir().unwrap();
    let uses: String = rrb_lang::stdlib::names().map(|name| format!("use {name}\n")).collect();
    std::fs::write(dir.path().join("rrb.toml"), &project.toml).unwrap();
    std::fs::write(dir.path().join("main.rrb"), format!("{uses}{RUNBOOKS}")).unwrap();
    let mut env: Vec<(&str, &str)> =
        project.canaries.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    env.push(("RRB_LOG", "trace"));
    let daemon = Daemon::start(dir.path(), &env);
    let mut shown = Shown { all: Vec::new() };

    deliver(&daemon, &mut shown, &canary("alertmanager/token"));
    for name in FAILING.into_iter().chain(["number"]) {
        shown.command(&daemon, &["run", name, "--no-wait", "--json"]);
    }
    shown.command(&daemon, &["run", "asks", "--no-wait"]);
    shown.command(&daemon, &["plan", "header"]);
    shown.command(&daemon, &["plan", "program", "--json"]);
    let runs = wait_for("the runs end", Duration::from_secs(60), || {
        let runs = daemon.json(&["runs", "list"]);
        let all = runs.as_array()?.clone();
        // Those whose fate is unknown wait for a person, and so does the one that asks.
        let rests = |r: &&Value| r["status"] == "done" || r["status"] == "waiting" || r["status"] == "parked";
        (all.len() >= FAILING.len() + 3 && all.iter().all(|r| rests(&r))).then_some(all)
    });
    for run in &runs {
        let id = run["id"].as_str().unwrap();
        shown.command(&daemon, &["runs", "show", id]);
        shown.command(&daemon, &["replay", id, "--json"]);
    }
    for args in [
        &["check"][..],
        &["check", "--json"],
        &["doc"],
        &["graph"],
        &["audit", "effects"],
        &["audit", "show"],
        &["audit", "verify"],
        &["status"],
        &["status", "--json"],
        &["runs", "list"],
        &["events", "list", "--json"],
        &["events", "dead"],
        &["approvals", "list", "--json"],
        &["connectors", "show", "slack"],
        &["backtest"],
    ] {
        shown.command(&daemon, args);
    }
    look(&daemon, &mut shown, &runs);
    shown.files(&dir.path().join(".rrb"));
    shown.add("the log", daemon.log());
    assert!(daemon.log().contains("TRACE"), "the log is not at its finest");
    let sent = double.take();
    let has_canary = |e: &rrb_tests::double::Exchange| {
        let all = format!("{:?} {:?} {:?}", e.seen.headers, e.seen.query, String::from_utf8_lossy(&e.seen.body));
        leaks::find(&project.canaries[0].1, all.as_bytes()).is_some()
    };
    assert!(sent.iter().filter(|e| has_canary(e)).count() >= 7, "the secret was not sent");
    hold(&project, &shown);
}

/// Every address of the API that reads, and the pages for people.
fn look(daemon: &Daemon, shown: &mut Shown, runs: &[Value]) {
    let scopes = "runs:read,approvals:read,events:read,audit:read,tokens:write";
    let token = daemon.token("ana", scopes);
    let description: Value = serde_json::from_str(&shown.page(daemon, &token, "/v1/openapi.json")).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let read: Vec<_> = paths.iter().filter_map(|(path, item)| Some((path, item.get("get")?))).collect();
    assert!(read.len() > 10, "{read:?}");
    for (path, operation) in read {
        // What follows a run ends with it.
        let follows = operation["responses"]["200"]["content"].get("text/event-stream").is_some();
        match path.split_once("{id}") {
            Some((before, after)) if before.ends_with("/runs/") => {
                for run in runs.iter().filter(|run| !follows || run["status"] == "done") {
                    shown.page(daemon, &token, &format!("{before}{}{after}", run["id"].as_str().unwrap()));
                }
            }
            Some((before, after)) => {
                let list = shown.page(daemon, &token, before.trim_end_matches('/'));
                let list: Value = serde_json::from_str(&list).unwrap_or_default();
                for item in list.as_array().into_iter().flatten() {
                    let id = item["id"].as_str().or(item["event"]["id"].as_str()).unwrap_or_default();
                    shown.page(daemon, &token, &format!("{before}{id}{after}"));
                }
            }
            None if follows => {}
            None => drop(shown.page(daemon, &token, path)),
        }
    }
    for path in ["/", "/metrics", "/healthz", "/nowhere"] {
        shown.page(daemon, &token, path);
    }
}

fn hold(project: &Project, shown: &Shown) {
    let found = shown.all.iter().filter_map(|(what, bytes)| Some((what, bytes, leaks::find(BEGIN, bytes)?)));
    let found: Vec<String> = found
        .map(|(what, bytes, form)| {
            let whole = project.canaries.iter().find(|(_, canary)| leaks::find(canary, bytes).is_some());
            let which = whole.map_or("the beginning of a secret", |(variable, _)| variable.as_str());
            format!("{which} stands in {what} ({form})")
        })
        .collect();
    let bytes: usize = shown.all.iter().map(|(_, b)| b.len()).sum();
    assert!(project.canaries.len() > 50 && shown.all.len() > 60 && bytes > 100_000, "too little was looked at");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
