//! What the routes ask of the engine, and how they say what went wrong.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use rrb_engine::api::ApiError;
use rrb_serve::Scope;
use serde_json::{Value, json};

use crate::fake::*;

#[tokio::test]
async fn each_route_asks_the_engine_what_it_says() {
    let world = world();
    let all = world.token(&Scope::ALL, Some("ana"));
    for (method, path, body, status, asked) in [
        (
            "GET",
            "/v1/runs?runbook=disk&status=parked&event=e&open=true&limit=7",
            None,
            200,
            "runs RunFilter { runbook: Some(\"disk\"), status: Some(Parked), event: Some(\"e\"), open_only: true, limit: 7 }",
        ),
        ("GET", "/v1/runs/run%5F1", None, 200, "run run_1"),
        (
            "POST",
            "/v1/runs",
            Some(json!({"runbook": "disk", "params": {"limit": "5GiB"}, "id": "mine"})),
            201,
            "start disk {\"limit\": String(\"5GiB\")} Some(\"mine\") by user:ana (token:ci)",
        ),
        ("POST", "/v1/runs/r/cancel", Some(json!({"why": "wrong"})), 204, "cancel r wrong by user:ana (token:ci)"),
        ("POST", "/v1/runs/r/cancel", None, 204, "cancel r  by user:ana (token:ci)"),
        (
            "POST",
            "/v1/runs/r/resolve",
            Some(json!({"resolution": "did_not_happen", "why": "seen"})),
            204,
            "resolve r DidNotHappen seen by user:ana (token:ci)",
        ),
        ("POST", "/v1/runs/r/resume", Some(json!({})), 204, "resume r by user:ana (token:ci)"),
        ("GET", "/v1/approvals", None, 200, "approvals true"),
        ("GET", "/v1/approvals?open=false", None, 200, "approvals false"),
        ("GET", "/v1/approvals/apr_1", None, 200, "approval apr_1"),
        (
            "POST",
            "/v1/approvals/apr_1/vote",
            Some(json!({"approve": false, "comment": "no", "digest": "d"})),
            200,
            "vote apr_1 false no Some(\"d\") by user:ana (token:ci)",
        ),
        (
            "GET",
            "/v1/events?source=a.b&since=5",
            None,
            200,
            "events EventFilter { source: Some(\"a.b\"), since: Some(5), limit: 0 }",
        ),
        ("GET", "/v1/events/evt_1", None, 200, "why evt_1"),
        (
            "POST",
            "/v1/events",
            Some(json!({"event": "a.b", "payload": [1]})),
            202,
            "emit EmitEvent { event: \"a.b\", instance: None, payload: Array [Number(1)] } by user:ana (token:ci)",
        ),
        (
            "POST",
            "/v1/events",
            Some(json!({"event": "a.b", "instance": null, "payload": null})),
            202,
            "emit EmitEvent { event: \"a.b\", instance: None, payload: Null } by user:ana (token:ci)",
        ),
        ("GET", "/v1/dead-letters", None, 200, "dead_letters"),
        ("GET", "/v1/audit?after=3&limit=2&run=r", None, 200, "audit 3 2 Some(\"r\")"),
        ("GET", "/v1/audit/verify", None, 200, "verify_audit"),
        (
            "POST",
            "/v1/pause",
            Some(json!({"runbook": "disk"})),
            204,
            "pause Some(\"disk\") true by user:ana (token:ci)",
        ),
        (
            "POST",
            "/v1/pause",
            Some(json!({"runbook": null, "paused": false})),
            204,
            "pause None false by user:ana (token:ci)",
        ),
        ("POST", "/v1/unpause", None, 204, "pause None false by user:ana (token:ci)"),
        ("GET", "/v1/status", None, 200, "status"),
    ] {
        let (got, answer) = world.call(&all, method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert_eq!(world.plane.last(), asked);
    }
}

#[tokio::test]
async fn what_the_engine_refuses_has_a_status_and_a_code() {
    let world = world();
    let token = world.token(&[Scope::RunsRead], None);
    for (error, status, code) in [
        (ApiError::NotFound { what: "run", id: "x".into(), hint: Some("y".into()) }, 404, "not_found"),
        (ApiError::Invalid("i".into()), 400, "invalid"),
        (ApiError::Forbidden("f".into()), 403, "forbidden"),
        (ApiError::Conflict("c".into()), 409, "conflict"),
        (ApiError::Exists("e".into()), 409, "exists"),
        (ApiError::Overloaded("o".into()), 503, "overloaded"),
        (ApiError::Failed("f".into()), 500, "failed"),
    ] {
        *world.plane.fail.lock().unwrap() = Some(error);
        let (got, body) = world.call(&token, "GET", "/v1/runs/x", None).await;
        assert_eq!((got, body["code"].as_str().unwrap()), (status, code));
        assert_eq!(body["status"], status);
        assert!(!body["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn wrong_requests_are_told_what_is_wrong_and_reach_nothing() {
    let world = world();
    let all = world.token(&Scope::ALL, Some("ana"));
    for (method, path, body, status, said) in [
        ("GET", "/v1/runs?runbok=x", None, 400, "there is no parameter `runbok`"),
        ("GET", "/v1/runs?status=gone", None, 400, "`status` must be one of `queued`, `running`"),
        ("GET", "/v1/runs?limit=10001", None, 400, "`limit` must be a whole number from 0 to 10000"),
        ("GET", "/v1/runs?limit=-1", None, 400, "`limit` must be"),
        ("POST", "/v1/runs", Some(json!({})), 400, "the member `runbook` is missing"),
        ("POST", "/v1/runs", Some(json!({"runbook": "a", "parms": {}})), 400, "there is no member `parms`"),
        ("POST", "/v1/runs", Some(json!({"runbook": "a", "id": "../x"})), 400, "`id` must be"),
        ("POST", "/v1/runs/r/resolve", Some(json!({"resolution": "yes"})), 400, "`resolution` must be"),
        ("POST", "/v1/approvals/a/vote", Some(json!({"comment": "x"})), 400, "the member `approve` is missing"),
        (
            "POST",
            "/v1/approvals/a/vote",
            Some(json!({"approve": true, "person": "bo"})),
            400,
            "there is no member `person`",
        ),
        ("GET", "/v1/nothing", None, 404, "there is nothing at this address"),
        ("GET", "/v1/runs/a/b/c", None, 404, "there is nothing at this address"),
        ("GET", "/v1/runs/a%00b", None, 404, "there is nothing at this address"),
        ("GET", "/v1/runs/%ff", None, 404, "there is nothing at this address"),
        ("PUT", "/v1/runs", None, 405, "this address does not take this method"),
        ("DELETE", "/v1/runs/r", None, 405, "this address does not take this method"),
        ("GET", "/hooks/alertmanager", None, 405, "this address does not take this method"),
    ] {
        let (got, answer) = world.call(&all, method, path, body).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert_eq!(got, status, "{method} {path}: {answer}");
        assert!(detail.starts_with(said), "{method} {path}: {detail}");
    }
    assert!(world.plane.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_vote_is_the_persons_the_token_speaks_for() {
    let world = world();
    let nobody = world.token(&[Scope::ApprovalsVote], None);
    let (status, body) = world.call(&nobody, "POST", "/v1/approvals/a/vote", Some(json!({"approve": true}))).await;
    assert_eq!(status, 403);
    assert!(body["help"].as_str().unwrap().contains("--user"));
    assert!(world.plane.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_lives_from_its_making_to_its_revocation() {
    let world = world();
    let make = json!({"name": "laptop", "scopes": ["runs:read", "approvals:vote"], "user": "bo", "expires_in": 60});
    let (status, made) = world.call(&world.operator, "POST", "/v1/tokens", Some(make)).await;
    assert_eq!((status, made["expires"].as_i64()), (201, Some(NOW + 60_000)));
    let token = made["token"].as_str().unwrap().to_owned();
    assert_eq!(world.call(&token, "GET", "/v1/runs", None).await.0, 200);
    assert_eq!(world.call(&token, "POST", "/v1/runs", Some(json!({"runbook": "x"}))).await.0, 403);
    assert_eq!(world.call(&token, "POST", "/v1/approvals/a/vote", Some(json!({"approve": true}))).await.0, 200);
    assert_eq!(world.plane.last(), "vote a true  None by user:bo (token:laptop)");

    let (_, list) = world.call(&world.operator, "GET", "/v1/tokens", None).await;
    assert_eq!((list[0]["name"].as_str(), list[0]["hash"].as_str()), (Some("laptop"), Some("")));
    let secret = token.rsplit_once('_').unwrap().1;
    let kept = format!("{:?}", world.plane.tokens.lock().unwrap());
    assert!(!kept.contains(secret) && !list.to_string().contains(secret));

    let id = made["id"].as_str().unwrap();
    assert_eq!(world.call(&world.operator, "DELETE", &format!("/v1/tokens/{id}"), None).await.0, 204);
    let (status, body) = world.call(&token, "GET", "/v1/runs", None).await;
    assert_eq!((status, body["detail"].as_str()), (401, Some("the token `laptop` was revoked")));
    assert_eq!(world.call(&world.operator, "DELETE", "/v1/tokens/nope", None).await.0, 404);
    assert_eq!(world.call(&world.operator, "DELETE", "/v1/tokens/operator", None).await.0, 409);
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_have() {
    let world = world();
    let make = |scopes: Value, user: Value| Some(json!({"name": "n", "scopes": scopes, "user": user}));
    let helper = world.token(&[Scope::TokensWrite, Scope::RunsRead], None);
    for (scopes, user, status) in [
        (json!(["runs:read"]), json!(null), 201),
        (json!(["runs:read", "tokens:write"]), json!(null), 201),
        (json!(["runs:write"]), json!(null), 403),
        (json!(["runs:read", "admin"]), json!(null), 403),
        (json!(["approvals:vote"]), json!("ana"), 403),
    ] {
        assert_eq!(world.call(&helper, "POST", "/v1/tokens", make(scopes.clone(), user)).await.0, status, "{scopes}");
    }
    let admin = world.operator.clone();
    assert_eq!(world.call(&admin, "POST", "/v1/tokens", make(json!(["approvals:vote"]), json!("ana"))).await.0, 201);
    for (scopes, user) in [
        (json!(["approvals:vote"]), json!(null)),
        (json!(["approvals:vote"]), json!("")),
        (json!([]), json!(null)),
        (json!(["run:read"]), json!(null)),
        (json!(["*"]), json!(null)),
        (json!([1]), json!(null)),
    ] {
        assert_eq!(world.call(&admin, "POST", "/v1/tokens", make(scopes.clone(), user)).await.0, 400, "{scopes}");
    }
}

#[tokio::test]
async fn a_token_of_ones_own_secret_is_taken_by_its_hash() {
    let world = world();
    let minted = rrb_serve::Minted::new().unwrap();
    let row = json!({
        "id": minted.id, "name": "own", "hash": minted.hash, "scopes": ["runs:read"], "user": null,
        "created": 1, "expires": NOW + 1, "revoked": null,
    });
    let (status, made) = world.call(&world.operator, "POST", "/v1/tokens", Some(row.clone())).await;
    assert_eq!((status, made.get("token")), (201, None), "{made}");
    assert_eq!(world.call(minted.reveal(), "GET", "/v1/runs", None).await.0, 200);
    for (name, value) in [
        ("hash", json!("00")),
        ("hash", json!(null)),
        ("hash", json!("G".repeat(64))),
        ("id", json!(null)),
        ("id", json!("operator")),
        ("id", json!("a b")),
        ("name", json!("a\nb")),
        ("name", json!("")),
        ("name", json!("x".repeat(65))),
        ("expires", json!(NOW)),
        ("revoked", json!(5)),
    ] {
        let mut wrong = row.clone();
        wrong[name] = value.clone();
        assert_eq!(world.call(&world.operator, "POST", "/v1/tokens", Some(wrong)).await.0, 400, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_mistake_in_the_engine_stops_one_request() {
    let world = world();
    *world.plane.panics.lock().unwrap() = true;
    let (status, body) = world.call(&world.operator, "GET", "/v1/status", None).await;
    assert_eq!((status, body["code"].as_str()), (500, Some("failed")));
    assert!(!body.to_string().contains("as the test says"), "{body}");
    *world.plane.panics.lock().unwrap() = false;
    assert_eq!(world.call(&world.operator, "GET", "/v1/status", None).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_engine_is_not_waited_for_and_finishes() {
    let world = world();
    *world.plane.delay.lock().unwrap() = Duration::from_secs(90);
    let (status, body) = world.call(&world.operator, "POST", "/v1/runs", Some(json!({"runbook": "x"}))).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("unanswered")));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(world.plane.last().starts_with("start x"));
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_is_finished_when_the_asker_hangs_up() {
    let world = world();
    *world.plane.delay.lock().unwrap() = Duration::from_secs(5);
    let call = world.call(&world.operator, "POST", "/v1/runs", Some(json!({"runbook": "x"})));
    assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(world.plane.last().starts_with("start x"));
}

#[tokio::test]
async fn health_tells_the_process_from_the_engine() {
    let world = world();
    assert_eq!(world.call("", "GET", "/healthz", None).await, (200, json!({"status": "ok"})));
    assert_eq!(world.call("", "GET", "/readyz", None).await, (200, json!({"status": "ready"})));
    *world.plane.fail.lock().unwrap() = Some(ApiError::Failed("/srv/secret/state.db: I/O error".into()));
    assert_eq!(world.call("", "GET", "/healthz", None).await.0, 200);
    let (status, body) = world.call("", "GET", "/readyz", None).await;
    assert_eq!(status, 503);
    assert!(!body.to_string().contains("state.db"), "{body}");
}

#[tokio::test]
async fn figures_are_there_without_a_token_and_name_nothing() {
    let world = world();
    let (status, text) = world.call("", "GET", "/metrics", None).await;
    let text = text.as_str().unwrap();
    assert_eq!(status, 200);
    for line in ["rrb_open_runs 3", "rrb_open_approvals 2", "rrb_queued_events 1"] {
        assert!(text.lines().any(|l| l == line), "{text}");
    }
    assert!(!text.contains("disk") && !text.contains("alertmanager"));
}

#[tokio::test]
async fn a_page_of_another_site_cannot_write_even_with_a_token() {
    let world = world();
    let request = |origin: &str| {
        Request::post("/v1/pause")
            .header("authorization", format!("Bearer {}", world.operator))
            .header("host", "127.0.0.1:7117")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(world.send(request("https://evil.example")).await.status(), 403);
    assert_eq!(world.send(request("null")).await.status(), 403);
    assert!(world.plane.asked.lock().unwrap().is_empty());
    assert_eq!(world.send(request("http://127.0.0.1:7117")).await.status(), 204);
    let answer = world.send(Request::options("/v1/pause").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), 405);
    assert!(answer.headers().keys().all(|k| !k.as_str().starts_with("access-control")));
}
