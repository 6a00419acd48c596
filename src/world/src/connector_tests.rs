//! The connectors of the standard library, run by the machine in the live world against servers that answer as their vendors do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::hir::Outcome;
use rrb_lang::ids::RunbookId;
use rrb_lang::json::Json;
use rrb_lang::program::compile;
use rrb_lang::project::{Declared, parse, resolve_settings};
use rrb_lang::vm::Machine;
use rrb_lang::vm::protocol::{Command, Effect, EffectOutcome, FailureKind, Input, Limits, Note, RunEnd, RunInput};
use wiremock::matchers::{body_partial_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::live::{LiveConfig, LiveWorld};

#[cfg(feature = "sql")]
mod databases;
mod kubernetes;

/// How a run ended and the evidence it left.
struct Ended {
    end: RunEnd,
    evidence: BTreeMap<String, Json>,
    /// Every message, for a look at what must not be in one.
    shown: String,
}

impl Ended {
    fn kind(&self) -> Option<FailureKind> {
        self.end.failure.as_ref().map(|f| f.kind)
    }

    fn message(&self) -> &str {
        self.end.failure.as_ref().map_or("", |f| &f.message)
    }
}

/// Runs the statements `body` in a runbook with the connectors, with the settings that `toml` gives.
async fn run(body: &str, toml: &str) -> Ended {
    let uses = "use std.alertmanager\nuse std.prometheus\nuse std.slack\nuse std.system\nuse std.webhook\n";
    let toml =
        format!("[users.ana]\nname = \"Ana\"\n[connectors.alertmanager]\ntoken = \"env:CARGO_PKG_NAME\"\n{toml}");
    run_module(&format!("{uses}runbook main() {{\n{body}\n}}"), &toml).await
}

/// Runs the runbook of a module, in a project with this `rrb.toml`.
async fn run_module(text: &str, toml: &str) -> Ended {
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let (project, said) = parse(PROJECT_FILE, toml);
    assert!(said.is_empty(), "{said:#?}");
    let checked = check(CheckInput { modules: vec![main], project: project.clone() });
    let shown = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program =
        Arc::new(compile(checked.program.as_ref().unwrap_or_else(|| panic!("{}", shown())), &checked.sources).unwrap());
    let constant = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
    let settings = resolve_settings(declared, &project, &BTreeMap::new()).unwrap();
    let input = RunInput {
        run: "run_1".into(),
        runbook: RunbookId(0),
        params: vec![],
        settings,
        requester: "test".into(),
        limits: Limits::default(),
        instances: None,
        parent: None,
    };
    drive(Machine::new(program, input)).await
}

/// Performs what a run wants, one after the other, and lets it do everything.
async fn drive(mut machine: Machine) -> Ended {
    let world = LiveWorld::new(LiveConfig::default());
    // The live world holds calls to deadlines by the real clock.
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let mut at = now();
    let mut waiting = std::collections::VecDeque::from(machine.step(Input::Start { at }).unwrap());
    let (mut evidence, mut shown) = (BTreeMap::new(), String::new());
    loop {
        let command = waiting.pop_front().expect("the run wants nothing and is not over");
        shown += &format!("{command:?}\n");
        let (id, effect) = match command {
            Command::Start { id, effect } => (id, effect),
            Command::Note(Note::Evidence { name, value, .. }) => {
                evidence.insert(name, value);
                continue;
            }
            Command::Finish(end) => return Ended { end, evidence, shown },
            _ => continue,
        };
        at = at.max(now());
        let outcome = match effect {
            Effect::Call(call) => world.perform(&call).await,
            Effect::Gate(_) => EffectOutcome::Done(rrb_lang::value::Value::Nothing),
            Effect::Sleep { until } => {
                at = at.max(until);
                EffectOutcome::Done(rrb_lang::value::Value::Nothing)
            }
            other => panic!("{other:?}"),
        };
        shown += &format!("{outcome:?}\n");
        waiting.extend(machine.step(Input::Complete { effect: id, outcome, at }).unwrap());
    }
}

async fn server(mocks: Vec<Mock>) -> MockServer {
    let server = MockServer::start().await;
    for mock in mocks {
        mock.mount(&server).await;
    }
    server
}

fn answer(verb: &str, at: &str, body: serde_json::Value) -> Mock {
    Mock::given(method(verb)).and(path(at)).respond_with(ResponseTemplate::new(200).set_body_json(body))
}

fn vector(values: &[&str]) -> serde_json::Value {
    let result: Vec<_> =
        values.iter().map(|v| serde_json::json!({"metric": {"node": "n1"}, "value": [1_795_255_200.781, v]})).collect();
    serde_json::json!({"status": "success", "data": {"resultType": "vector", "result": result}})
}

#[tokio::test]
async fn prometheus_gives_one_number_or_says_why_not() {
    for (data, kind, part) in [
        (vector(&["0.93"]), None, ""),
        (serde_json::json!({"data": {"resultType": "scalar", "result": [1, "0.93"]}}), None, ""),
        (vector(&[]), Some(FailureKind::NotFound), "no series"),
        (vector(&["1", "2"]), Some(FailureKind::Invalid), "2 series"),
        (vector(&["NaN"]), Some(FailureKind::Invalid), "NaN"),
        (vector(&["+Inf"]), Some(FailureKind::Invalid), "+Inf"),
        (serde_json::json!({"data": {"resultType": "matrix", "result": []}}), Some(FailureKind::Invalid), "matrix"),
    ] {
        let server = server(vec![answer("GET", "/api/v1/query", data.clone())]).await;
        let toml = format!("[connectors.prometheus]\nurl = \"{}\"", server.uri());
        let ended = run("evidence \"x\" = prometheus.scalar(\"up{job=\\\"a b\\\"}\")", &toml).await;
        assert_eq!(ended.kind(), kind, "{data} {}", ended.message());
        assert!(ended.message().contains(part), "{}", ended.message());
        if kind.is_none() {
            assert_eq!(ended.evidence["x"], Json::Float(0.93));
            let asked = &server.received_requests().await.unwrap()[0].url;
            assert_eq!(asked.query_pairs().next().unwrap().1, "up{job=\"a b\"}");
        }
    }
}

#[tokio::test]
async fn prometheus_leaves_out_what_is_no_number() {
    let range = serde_json::json!({"data": {"resultType": "matrix", "result": [
        {"metric": {"node": "n1"}, "values": [[1_795_255_200, "1"], [1_795_255_260, "NaN"], [1_795_255_320, "3"]]}]}});
    let server = server(vec![
        answer("GET", "/prom/api/v1/query", vector(&["1", "NaN", "-Inf", "2.5"])),
        answer("GET", "/prom/api/v1/query_range", range),
        Mock::given(path("/prom/-/ready")).respond_with(ResponseTemplate::new(503)),
    ])
    .await;
    let body = r#"
        evidence "values" = prometheus.query("q").map(s => s.value)
        evidence "node" = prometheus.query("q").first()?.labels?.node
        evidence "points" = prometheus.query_range("q", time"2026-11-21T10:00:00Z", time"2026-11-21T11:00:00Z").flat_map(s => s.points).map(p => p.value)
        evidence "ready" = prometheus.ready()"#;
    let ended = run(body, &format!("[connectors.prometheus]\nurl = \"{}/prom/\"", server.uri())).await;
    assert_eq!(ended.end.failure, None);
    assert_eq!(ended.evidence["values"], Json::list([Json::Float(1.0), Json::Float(2.5)]));
    assert_eq!(ended.evidence["node"], Json::from("n1"));
    assert_eq!(ended.evidence["points"], Json::list([Json::Float(1.0), Json::Float(3.0)]));
    assert_eq!(ended.evidence["ready"], Json::Bool(false));
    let asked = server.received_requests().await.unwrap();
    let range: BTreeMap<_, _> =
        asked.iter().find(|r| r.url.path().ends_with("range")).unwrap().url.query_pairs().into_owned().collect();
    assert_eq!((range["start"].as_str(), range["step"].parse::<f64>()), ("2026-11-21T10:00:00Z", Ok(60.0)));
}

#[tokio::test]
async fn prometheus_says_what_is_wrong_with_a_query() {
    let refused = ResponseTemplate::new(400).set_body_json(
        serde_json::json!({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"}),
    );
    let server = server(vec![Mock::given(path("/api/v1/query")).respond_with(refused)]).await;
    let ended =
        run("prometheus.scalar(\"up{\")", &format!("[connectors.prometheus]\nurl = \"{}\"", server.uri())).await;
    assert_eq!(ended.kind(), Some(FailureKind::Invalid));
    assert!(ended.message().contains("parse error: unexpected end"), "{}", ended.message());
}

fn slack(server: &MockServer, token: &std::path::Path) -> String {
    format!("[connectors.slack]\nbase = \"{}/api\"\ntoken = \"file:{}\"", server.uri(), token.display())
}

fn secret(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

#[tokio::test]
async fn slack_posts_updates_and_deletes() {
    let (_dir, token) = secret("xoxb-canary-1");
    let ok = |extra: serde_json::Value| {
        let mut body = serde_json::json!({"ok": true});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let server = server(vec![
        Mock::given(path("/api/chat.postMessage"))
            .and(header("authorization", "Bearer xoxb-canary-1"))
            .and(body_partial_json(serde_json::json!({"channel": "ops", "text": "hi"})))
            .respond_with(
                ResponseTemplate::new(200).set_body_json(ok(serde_json::json!({"channel": "C1", "ts": "1.2"}))),
            ),
        answer("POST", "/api/chat.update", ok(serde_json::json!({}))),
        answer("POST", "/api/chat.delete", serde_json::json!({"ok": false, "error": "message_not_found"})),
        answer("POST", "/api/reactions.add", serde_json::json!({"ok": false, "error": "already_reacted"})),
        Mock::given(path("/api/users.lookupByEmail"))
            .and(query_param("email", "ana@x.y"))
            .respond_with(ResponseTemplate::new(200).set_body_json(ok(serde_json::json!({"user": {"id": "U1"}})))),
    ])
    .await;
    let body = r#"
        let m = do slack.post("ops", "hi")
        do slack.update(m, "bye")
        do slack.react(m, "eyes")
        waive "it was a test" by "ana" until time"2031-01-01T00:00:00Z" { do slack.delete(m) }
        evidence "ts" = m.ts
        evidence "user" = slack.user_by_email("ana@x.y")"#;
    let ended = run(body, &slack(&server, &token)).await;
    assert_eq!(ended.end.failure, None);
    assert_eq!((&ended.evidence["ts"], &ended.evidence["user"]), (&Json::from("1.2"), &Json::from("U1")));
    assert!(!ended.shown.contains("canary"));
}

#[tokio::test]
async fn what_slack_refuses_is_a_failure_of_the_right_kind() {
    use FailureKind as K;
    for (error, kind) in [
        ("invalid_auth", K::Unauthorized),
        ("missing_scope", K::Forbidden),
        ("channel_not_found", K::NotFound),
        ("ratelimited", K::Throttled),
        ("internal_error", K::Unavailable),
        ("no_text", K::Invalid),
        ("something_new", K::Failed),
    ] {
        let (_dir, token) = secret("xoxb-canary-1");
        let server = server(vec![answer(
            "POST",
            "/api/chat.postMessage",
            serde_json::json!({"ok": false, "error": error, "needed": "chat:write"}),
        )])
        .await;
        let ended = run("do slack.post(\"ops\", \"hi\")", &slack(&server, &token)).await;
        assert_eq!(ended.kind(), Some(kind), "{error}");
        assert!(ended.message().contains(error) && ended.message().contains("chat:write"), "{}", ended.message());
    }
    let ended = run("do slack.post(\"ops\", \"hi\")", "").await;
    assert!(ended.message().contains("set `token` of the connector `slack`"), "{}", ended.message());
}

#[tokio::test]
async fn the_address_of_an_incoming_webhook_stays_secret() {
    let server = server(vec![
        Mock::given(path("/services/T0/canary"))
            .respond_with(ResponseTemplate::new(404).set_body_string("no_service at /services/T0/canary")),
    ])
    .await;
    let (_dir, address) = secret(&format!("{}/services/T0/canary", server.uri()));
    let toml = format!(
        "[connectors.slack]\nwebhook_origin = \"{}\"\nwebhook_url = \"file:{}\"",
        server.uri(),
        address.display()
    );
    let ended = run("do slack.notify(\"hi\")", &toml).await;
    assert_eq!(ended.kind(), Some(FailureKind::NotFound));
    assert!(!ended.shown.contains("canary"), "{}", ended.shown);
}

#[tokio::test]
async fn a_silence_is_made_and_taken_back() {
    let server = server(vec![
        answer("POST", "/api/v2/silences", serde_json::json!({"silenceID": "a b"})),
        Mock::given(method("DELETE")).and(path("/api/v2/silence/a%20b")).respond_with(ResponseTemplate::new(200)),
    ])
    .await;
    let toml = format!("url = \"{}\"", server.uri());
    let ended =
        run("do alertmanager.silence({ \"mountpoint\": \"/data\" }, 1h, \"being fixed\")\nfail \"now undo\"", &toml)
            .await;
    assert_eq!((ended.end.outcome, ended.end.remains.len()), (Outcome::RolledBack, 0), "{}", ended.shown);
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.len(), 2);
    let body: serde_json::Value = asked[0].body_json().unwrap();
    assert_eq!(
        body["matchers"],
        serde_json::json!([{"name": "mountpoint", "value": "/data", "isRegex": false, "isEqual": true}])
    );
    let ended = run("do alertmanager.silence({}, 1h, \"all of them\")", &toml).await;
    assert!(ended.message().contains("at least one label"), "{}", ended.message());
}

#[tokio::test]
async fn files_are_found_moved_back_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().display().to_string();
    for name in ["a.log", "b.log", "keep.txt"] {
        std::fs::write(dir.path().join(name), name).unwrap();
    }
    let toml = format!("[connectors.system]\nquarantine_folder = \"{root}/aside\"");
    let body = format!(
        r#"
        let logs = system.files_older_than("{root}", 0s, suffix: ".log")
        evidence "names" = logs.map(f => f.name).sort()
        evidence "share" = system.folder_used("{root}", 26B)
        evidence "none" = system.files_older_than("{root}/missing", 1h).len()
        do system.move_file("{root}/a.log", "{root}/old/a.log")
        do system.quarantine("{root}/b.log")
        do system.write_file("{root}/keep.txt", "changed")
        do system.write_file("{root}/new.txt", "new")
        fail "now undo""#
    );
    let ended = run(&body, &toml).await;
    assert_eq!((ended.end.outcome, ended.end.remains.len()), (Outcome::RolledBack, 0), "{}", ended.shown);
    assert_eq!(ended.evidence["names"], Json::list([Json::from("a.log"), Json::from("b.log")]));
    assert_eq!((&ended.evidence["share"], &ended.evidence["none"]), (&Json::Float(18.0 / 26.0), &Json::Int(0)));
    for name in ["a.log", "b.log", "keep.txt"] {
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), name);
    }
    assert!(!dir.path().join("new.txt").exists());

    let body = format!(
        "waive \"a test\" by \"ana\" until time\"2031-01-01T00:00:00Z\" {{ do system.delete_file(\"{root}/a.log\") }}"
    );
    assert_eq!(run(&body, "").await.end.failure, None);
    assert!(!dir.path().join("a.log").exists());
}

#[tokio::test]
async fn the_machine_is_measured_and_odd_units_refused() {
    let ended = run("evidence \"m\" = system.memory_used()\nevidence \"l\" = system.load()\nevidence \"d\" = system.disk_used(\"/\")", "").await;
    assert_eq!(ended.end.failure, None);
    assert!(matches!(ended.evidence["m"], Json::Float(f) if f > 0.0 && f < 1.0), "{:?}", ended.evidence);
    for unit in ["--now", "a b", "", "a;b", "$(x)"] {
        let ended = run(&format!("do system.restart_unit(r\"{unit}\")"), "").await;
        assert!(ended.message().contains("no name of a systemd unit"), "{unit}: {}", ended.message());
    }
}

#[tokio::test]
async fn json_is_posted_anywhere() {
    let server = server(vec![
        Mock::given(path("/in"))
            .and(body_partial_json(serde_json::json!({"a": 1})))
            .respond_with(ResponseTemplate::new(202).set_body_string("taken")),
    ])
    .await;
    let ended =
        run(&format!("let r = do webhook.post(url\"{}/in\", {{ a: 1 }})\nevidence \"r\" = r.text", server.uri()), "")
            .await;
    assert_eq!(ended.evidence["r"], Json::from("taken"), "{}", ended.shown);
}

#[tokio::test]
async fn pages_are_taken_until_the_last() {
    let server = MockServer::start().await;
    let page = |n: u32, last: bool| {
        let reply = ResponseTemplate::new(200).set_body_json(serde_json::json!([n]));
        if last { reply } else { reply.insert_header("link", format!("</list?page={}>; rel=\"next\"", n + 1).as_str()) }
    };
    for (n, last) in [(1, false), (2, false), (3, true)] {
        Mock::given(path("/list"))
            .and(query_param("page", n.to_string()))
            .respond_with(page(n, last))
            .mount(&server)
            .await;
    }
    let body = |more: &str| {
        format!(
            "let all = http.pages(url\"{}/list?page=1\", u => http.get(u), http.next_link{more})\nevidence \"all\" = all.flat_map(r => r.json.items())",
            server.uri()
        )
    };
    let ended = run(&body(""), "").await;
    assert_eq!(ended.kind(), None, "{}", ended.message());
    let [list] = ended.evidence.values().collect::<Vec<_>>()[..] else { panic!("{:?}", ended.evidence) };
    assert_eq!(*list, Json::list([Json::Int(1), Json::Int(2), Json::Int(3)]));
    let ended = run(&body(", max: 2"), "").await;
    assert!(ended.message().contains("more than 2 pages"), "{}", ended.message());
}

#[tokio::test]
async fn requests_with_every_kind_of_credentials_go_out() {
    let server = server(vec![
        Mock::given(path("/token"))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_json(serde_json::json!({"access_token": "canary-1", "expires_in": 60})),
            )
            .expect(2),
        Mock::given(path("/oauth2"))
            .and(header("authorization", "Bearer canary-1"))
            .respond_with(ResponseTemplate::new(204))
            .expect(2),
        Mock::given(path("/jwt")).respond_with(ResponseTemplate::new(204)).expect(1),
        Mock::given(path("/aws")).respond_with(ResponseTemplate::new(204)).expect(1),
        Mock::given(path("/hmac")).respond_with(ResponseTemplate::new(204)).expect(1),
    ])
    .await;
    let text = r#"
settings {
  base: Url
  key: Secret
}

fn login() -> http.OAuth2 { { token_url: base.join("token"), client_id: "me", client_secret: key, scopes: ["a"] } }

runbook main() {
  let _a = http.get(base.join("oauth2"), oauth2: login())
  let _b = http.get(base.join("oauth2"), oauth2: {
    token_url: base.join("token"),
    grant: "jwt_bearer",
    assertion: { key, algorithm: "HS256", issuer: "me", claims: { scope: "x" } },
  })
  let _c = http.get(base.join("jwt"), jwt: { key, algorithm: "HS256" })
  let _d = http.get(base.join("aws"), aws: { service: "ec2", region: "eu-central-1", access_key_id: "AKIAX", secret_access_key: key })
  do http.post(base.join("hmac"), json: { a: 1 }, hmac: { secret: key, header: "x-signature" })
}
"#;
    let toml = format!("[settings.main]\nbase = \"{}\"\nkey = \"env:CARGO_PKG_DESCRIPTION\"\n", server.uri());
    let ended = run_module(text, &toml).await;
    assert_eq!(ended.kind(), None, "{}", ended.message());
    let secret = std::env::var("CARGO_PKG_DESCRIPTION").unwrap();
    assert!(!ended.shown.contains(&secret) && !ended.shown.contains("canary-1"), "{}", ended.shown);
    let seen = server.received_requests().await.unwrap();
    let of = |path: &str, name: &str| {
        let request = seen.iter().find(|r| r.url.path() == path).unwrap();
        request.headers.get(name).unwrap().to_str().unwrap().to_owned()
    };
    assert!(of("/jwt", "authorization").starts_with("Bearer ey"));
    assert!(of("/aws", "authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIAX/"));
    assert_eq!(of("/hmac", "x-signature").len(), 64);
}
