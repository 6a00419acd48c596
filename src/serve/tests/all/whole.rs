//! The HTTP face over a real engine on SQLite: from an alert through a person's vote to a deleted file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::program::compile;
use rrb_lang::project::{Declared, parse, resolve_settings};
use rrb_serve::{App, LocalToken, ServeConfig, router};
use rrb_store::{Options, SqliteStore};
use rrb_world::live::{LiveConfig, LiveWorld};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fake::{Hooks, read};

const PROJECT: &str = r#"
[users.ana]
name = "Ana"
[users.bo]
name = "Bo"
[groups]
sre = ["ana"]
[connectors.alertmanager]
token = "env:CARGO_PKG_NAME"
"#;

const PROGRAM: &str = r#"
use std.alertmanager

runbook clear(path: Text) {
  on alertmanager.firing as alert
    where alert.name == "DiskFull"
    with path: alert.labels.path ?? skip

  approve "Delete ${path}?" from group("sre") within 30m {
    do file.delete(path)
  } otherwise denial {
    finish escalated "not approved: ${denial.reason}"
  }
  finish resolved "deleted"
}
"#;

pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub fn program() -> Loaded {
    let (project, said) = parse(PROJECT_FILE, PROJECT);
    assert!(said.is_empty(), "{said:#?}");
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: PROGRAM.into() };
    let checked = check(CheckInput { modules: vec![main], project: project.clone() });
    let said = rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program = Arc::new(compile(&checked.program.unwrap_or_else(|| panic!("{said}")), &checked.sources).unwrap());
    let constant = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
    let settings = resolve_settings(declared, &project, &BTreeMap::new()).unwrap();
    Loaded::new(program, settings, Arc::new(project))
}

struct House {
    engine: Arc<Engine>,
    store: Arc<SqliteStore>,
    router: Router,
    operator: String,
}

async fn open(state: &Path) -> House {
    let store = Arc::new(SqliteStore::open(state, Options::default()).unwrap());
    let clock = Arc::new(ManualClock::at(now()));
    let world = Arc::new(LiveWorld::new(LiveConfig::default()));
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let engine = Engine::open(store.clone(), world, clock.clone(), config).await.unwrap();
    engine.load(program()).await.unwrap();
    let local = LocalToken::create(state).unwrap();
    let operator = LocalToken::read(state).unwrap();
    let hooks = Arc::new(Hooks::new());
    let serve = ServeConfig::new("127.0.0.1:0".parse().unwrap());
    let app = Arc::new(App::new(engine.clone(), hooks, clock, serve, Some(local)));
    House { engine, store, router: router(app), operator }
}

impl House {
    async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let mut bytes = Body::empty();
        if !body.is_null() {
            request = request.header("content-type", "application/json");
            bytes = Body::from(body.to_string());
        }
        let answer = read(self.router.clone().oneshot(request.body(bytes).unwrap()).await.unwrap()).await;
        self.engine.settled().await;
        answer
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(&self.operator, method, path, body).await
    }

    async fn deliver(&self, check: &str, body: &str) -> (u16, Value) {
        let request = Request::post("/hooks/alertmanager").header("x-check", check).body(Body::from(body.to_owned()));
        let answer = read(self.router.clone().oneshot(request.unwrap()).await.unwrap()).await;
        self.engine.settled().await;
        answer
    }

    /// A token of a person.
    async fn person(&self, user: &str) -> String {
        let scopes = ["approvals:read", "approvals:vote", "runs:read"];
        let body = json!({"name": format!("{user}-laptop"), "scopes": scopes, "user": user});
        let (status, made) = self.ask("POST", "/v1/tokens", body).await;
        assert_eq!(status, 201, "{made}");
        made["token"].as_str().unwrap().to_owned()
    }

    /// Asks until the answer is as wanted.
    async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let (status, answer) = self.ask("GET", path, Value::Null).await;
            assert_eq!(status, 200, "{answer}");
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{path} never became as wanted");
    }
}

pub fn alert(path: &Path) -> String {
    let starts = "2026-11-22T00:00:00Z";
    json!({
        "version": "4", "status": "firing", "receiver": "rrb", "groupKey": "g", "externalURL": "http://am", "truncatedAlerts": 0,
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "alerts": [{
            "status": "firing", "fingerprint": "f1", "startsAt": starts, "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prom", "labels": {"alertname": "DiskFull", "path": path}, "annotations": {},
        }],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_a_vote_and_a_deed() {
    let dir = tempfile::tempdir().unwrap();
    let (state, file) = (dir.path().join("state"), dir.path().join("old"));
    std::fs::write(&file, "x").unwrap();
    let house = open(&state).await;

    assert_eq!(house.deliver("bad", &alert(&file)).await.0, 401);
    let (status, receipt) = house.deliver("good", &alert(&file)).await;
    assert_eq!((status, receipt["events"].as_array().unwrap().len()), (202, 1), "{receipt}");
    let (status, again) = house.deliver("good", &alert(&file)).await;
    assert_eq!((status, again["duplicates"].as_u64()), (200, Some(1)), "{again}");
    let (status, dead) = house.deliver("good", "{\"alerts\": 3}").await;
    assert_eq!((status, dead["code"].as_str()), (400, Some("dead_letter")), "{dead}");
    let (_, letters) = house.ask("GET", "/v1/dead-letters", Value::Null).await;
    assert_eq!(letters[0]["id"], dead["delivery"]);

    let event = receipt["events"][0].as_str().unwrap();
    let why = house.wait(&format!("/v1/events/{event}"), |v| !v["dispositions"].as_array().unwrap().is_empty()).await;
    assert_eq!(why["dispositions"][0]["verdict"], "started", "{why}");
    let run = why["dispositions"][0]["run"].as_str().unwrap().to_owned();

    let open_ones = house.wait("/v1/approvals", |v| v.as_array().unwrap().len() == 1).await;
    let approval = open_ones[0]["id"].as_str().unwrap().to_owned();
    assert!(file.exists(), "deleted before anybody agreed");
    let vote = format!("/v1/approvals/{approval}/vote");
    let yes = json!({"approve": true, "comment": "seen", "digest": open_ones[0]["digest"]});
    assert_eq!(house.ask("POST", &vote, yes.clone()).await.0, 403, "the operator is nobody");
    let (ana, bo) = (house.person("ana").await, house.person("bo").await);
    assert_eq!(house.call(&bo, "POST", &vote, yes.clone()).await.0, 403, "bo is not asked");
    let other = json!({"approve": true, "digest": "another plan"});
    let (status, said) = house.call(&ana, "POST", &vote, other).await;
    assert!(status == 409 || status == 400, "{said}");
    let (status, voted) = house.call(&ana, "POST", &vote, yes.clone()).await;
    assert_eq!((status, voted["votes"][0]["person"].as_str()), (200, Some("ana")), "{voted}");
    assert_eq!(voted["votes"][0]["method"], "token:ana-laptop");

    let view = house.wait(&format!("/v1/runs/{run}"), |v| v["run"]["status"] == "done").await;
    assert_eq!(view["run"]["end"]["outcome"], "resolved", "{view}");
    assert!(!file.exists());
    let (status, late) = house.call(&ana, "POST", &vote, yes).await;
    assert_eq!((status, late["code"].as_str()), (409, Some("conflict")), "{late}");
    assert_eq!(house.call("rrb_x_y", "GET", "/v1/runs", Value::Null).await.0, 401);

    // What the log tells, also after a restart.
    let (state_before, verdict) = (state.clone(), house.wait("/v1/audit/verify", |v| v["verdict"] == "intact").await);
    house.engine.shutdown(Duration::from_secs(5)).await;
    let records = verdict["records"].as_u64().unwrap();
    assert!(house.store.stats().commits > 5);
    drop(house);
    let house = reopen(&state_before).await;
    let verdict = house.wait("/v1/audit/verify", |v| v["verdict"] == "intact").await;
    assert!(verdict["records"].as_u64().unwrap() >= records);
    let (_, log) = house.ask("GET", "/v1/audit?limit=1000", Value::Null).await;
    let kinds: Vec<&str> = log.as_array().unwrap().iter().map(|r| r["kind"].as_str().unwrap()).collect();
    for kind in ["webhook.refused", "token.refused", "token.created"] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    assert_eq!(house.ask("GET", &format!("/v1/runs/{run}"), Value::Null).await.1["run"]["status"], "done");
    assert_eq!(house.call(&ana, "GET", "/v1/runs", Value::Null).await.0, 200, "a token outlives a restart");
    let (status, again) = house.deliver("good", &alert(&file)).await;
    assert_eq!((status, again["duplicates"].as_u64()), (200, Some(1)), "{again}");
}

/// Opens the state again as soon as the one before has let go of it.
async fn reopen(state: &Path) -> House {
    for _ in 0..100 {
        match SqliteStore::open(state, Options::default()) {
            Ok(store) => {
                drop(store);
                return open(state).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    panic!("the state was never let go of");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_refuses_comes_out_as_it_should() {
    let dir = tempfile::tempdir().unwrap();
    let house = open(&dir.path().join("state")).await;
    for (method, path, body, status, code) in [
        ("GET", "/v1/runs/run_nope", Value::Null, 404, "not_found"),
        ("GET", "/v1/approvals/nope", Value::Null, 404, "not_found"),
        ("GET", "/v1/events/nope", Value::Null, 404, "not_found"),
        ("POST", "/v1/runs", json!({"runbook": "clera"}), 404, "not_found"),
        ("POST", "/v1/runs", json!({"runbook": "clear"}), 400, "invalid"),
        ("POST", "/v1/runs", json!({"runbook": "clear", "params": {"path": 7}}), 400, "invalid"),
        ("POST", "/v1/runs", json!({"runbook": "clear", "params": {"path": "/x", "paht": 1}}), 400, "invalid"),
        ("POST", "/v1/events", json!({"event": "alertmanager.fired", "payload": {}}), 404, "not_found"),
        ("POST", "/v1/events", json!({"event": "alertmanager.firing", "payload": {}}), 400, "invalid"),
        ("POST", "/v1/pause", json!({"runbook": "clera"}), 404, "not_found"),
    ] {
        let (got, said) = house.ask(method, path, body.clone()).await;
        assert_eq!((got, said["code"].as_str()), (status, Some(code)), "{method} {path} {body}: {said}");
    }
    let (_, said) = house.ask("POST", "/v1/runs", json!({"runbook": "clera"})).await;
    assert_eq!(said["hint"], "clear", "{said}");
    let start = json!({"runbook": "clear", "params": {"path": "/nonexistent/x"}, "id": "mine"});
    assert_eq!(house.ask("POST", "/v1/runs", start.clone()).await, (201, json!({"run": "mine"})));
    let (status, said) = house.ask("POST", "/v1/runs", start).await;
    assert_eq!((status, said["code"].as_str()), (409, Some("exists")), "{said}");
    assert_eq!(house.ask("POST", "/v1/runs/mine/cancel", json!({"why": "a test"})).await.0, 204);
    house.wait("/v1/runs/mine", |v| v["run"]["status"] == "done").await;
}
