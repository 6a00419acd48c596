//! Every route against every scope: made from the table, so that no route can be left out.

use axum::body::Body;
use axum::http::Request;
use rrb_serve::{Access, Field, Kind, ROUTES, Route, Scope};
use serde_json::{Map, Value, json};

use crate::fake::*;

fn sample(field: &Field) -> Value {
    match (field.name, field.kind) {
        ("resolution", _) => json!("happened"),
        ("scopes", _) => json!(["runs:read"]),
        (_, Kind::Text) => json!("x"),
        (_, Kind::Int { min, .. }) => json!(min),
        (_, Kind::Bool) => json!(true),
        (_, Kind::OneOf(all)) => json!(all[0]),
        (_, Kind::Texts) => json!(["x"]),
        (_, Kind::Object | Kind::Any) => json!({}),
    }
}

/// A request to a route that has everything but a token.
fn request(route: &Route) -> axum::http::request::Builder {
    let path = route.path.replace("{id}", "x").replace("{*path}", "alertmanager");
    Request::builder()
        .method(route.verb.name().to_uppercase().as_str())
        .uri(path)
        .header("content-type", "application/json")
}

fn body(route: &Route) -> Body {
    let Some(fields) = route.body else { return Body::empty() };
    let map: Map<String, Value> = fields.iter().filter(|f| f.needed).map(|f| (f.name.to_owned(), sample(f))).collect();
    Body::from(Value::Object(map).to_string())
}

async fn status(world: &World, route: &Route, authorization: Option<&str>) -> u16 {
    let mut request = request(route);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    world.send(request.body(body(route)).unwrap()).await.status().as_u16()
}

#[tokio::test]
async fn a_token_opens_the_routes_of_its_scope_and_no_other() {
    let world = world();
    let mut allowed = 0;
    let tokens = Scope::ALL.map(|scope| (scope, world.token(&[scope], Some("ana"))));
    for route in ROUTES {
        for (scope, token) in &tokens {
            let scope = *scope;
            let got = status(&world, route, Some(&format!("Bearer {token}"))).await;
            let expected = match route.access {
                // Written out: who may answer an approval may see it, and nothing else opens by another right.
                Access::Scope(Scope::ApprovalsRead) => [Scope::ApprovalsRead, Scope::ApprovalsVote].contains(&scope),
                Access::Scope(needed) => needed == scope,
                Access::Public => true,
                Access::Signature => continue,
            };
            if expected {
                // To give away `runs:read` one needs it or `admin`; the route itself was reached.
                let reached = (200..300).contains(&got) || (route.name == "createToken" && got == 403) || got == 404;
                assert!(reached, "{} with {scope}: {got}", route.name);
                allowed += usize::from(matches!(route.access, Access::Scope(_)));
            } else {
                assert_eq!(got, 403, "{} with {scope}", route.name);
            }
        }
    }
    let count = |wanted: fn(&Scope) -> bool| {
        ROUTES.iter().filter(|r| matches!(&r.access, Access::Scope(s) if wanted(s))).count()
    };
    let scoped = count(|_| true);
    assert_eq!(allowed, scoped + count(|s| *s == Scope::ApprovalsRead));
    assert!(scoped > 20);
}

#[tokio::test]
async fn without_a_valid_token_nothing_opens() {
    let world = world();
    let all: Vec<Scope> = Scope::ALL.to_vec();
    let good = world.token(&all, Some("ana"));
    let revoked = world.token_row(&all, Some("ana"), |t| t.revoked = Some(1));
    let expired = world.token_row(&all, Some("ana"), |t| t.expires = Some(NOW));
    let (head, secret) = good.rsplit_once('_').unwrap();
    let other = if secret.starts_with('0') { "1" } else { "0" };
    let wrong_secret = format!("{head}_{other}{}", &secret[1..]);
    let unknown_id = format!("rrb_ffffffffffff_{secret}");
    let operator = world.operator.clone();
    let wrong_operator = format!("rrb_operator_{secret}");
    let cases = [
        None,
        Some(String::new()),
        Some(good.clone()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {good}")),
        Some(format!("Token {good}")),
        Some(format!("Bearer {revoked}")),
        Some(format!("Bearer {expired}")),
        Some(format!("Bearer {wrong_secret}")),
        Some(format!("Bearer {unknown_id}")),
        Some(format!("Bearer {wrong_operator}")),
        Some(format!("Bearer {good} {good}")),
        Some(format!("Bearer {good}x")),
        Some(format!("Bearer {}", &good[..good.len() - 1])),
        Some(format!("Bearer {}", "x".repeat(8000))),
    ];
    for route in ROUTES.iter().filter(|r| matches!(r.access, Access::Scope(_))) {
        for case in &cases {
            assert_eq!(status(&world, route, case.as_deref()).await, 401, "{} with {case:?}", route.name);
        }
        let twice = request(route)
            .header("authorization", format!("Bearer {good}"))
            .header("authorization", format!("Bearer {good}"))
            .body(body(route))
            .unwrap();
        assert_eq!(world.send(twice).await.status(), 401, "{} with two headers", route.name);
        assert_ne!(status(&world, route, Some(&format!("bearer {operator}"))).await, 401, "{}", route.name);
    }
    assert!(world.plane.asked.lock().unwrap().iter().all(|a| a.ends_with("by local") || !a.contains(" by ")));
}

#[tokio::test]
async fn the_operator_may_all_but_vote() {
    let world = world();
    for route in ROUTES {
        let got = status(&world, route, Some(&format!("Bearer {}", world.operator))).await;
        match route.access {
            Access::Scope(Scope::ApprovalsVote) => assert_eq!(got, 403),
            Access::Signature => assert_eq!(got, 401),
            _ => assert!((200..300).contains(&got) || got == 404, "{}: {got}", route.name),
        }
    }
}

#[tokio::test]
async fn a_token_ends_at_its_time_and_not_before() {
    let world = world();
    let token = world.token_row(&[Scope::RunsRead], None, |t| t.expires = Some(NOW + 1));
    assert_eq!(world.call(&token, "GET", "/v1/runs", None).await.0, 200);
    world.time.0.store(NOW + 1, std::sync::atomic::Ordering::Relaxed);
    let (status, body) = world.call(&token, "GET", "/v1/runs", None).await;
    assert_eq!((status, body["detail"].as_str().unwrap()), (401, "the token `ci` has expired"));
}

#[test]
fn what_is_open_to_everybody_is_a_short_list() {
    let public: Vec<&str> = ROUTES.iter().filter(|r| r.access == Access::Public).map(|r| r.path).collect();
    assert_eq!(public, ["/v1/openapi.json", "/healthz", "/readyz", "/metrics"]);
    assert!(ROUTES.iter().all(|r| r.access != Access::Public || r.verb == rrb_serve::Verb::Get));
    let signed: Vec<&str> = ROUTES.iter().filter(|r| r.access == Access::Signature).map(|r| r.path).collect();
    assert_eq!(signed, ["/hooks/{*path}"]);
}

#[tokio::test]
async fn refusals_are_counted_and_told_to_the_audit_log_once() {
    let world = world();
    for _ in 0..20 {
        assert_eq!(world.call("rrb_x_y", "POST", "/v1/runs", Some(json!({}))).await.0, 401);
    }
    tokio::task::yield_now().await;
    let told = world.plane.refusals.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].door.as_str(), told[0].path.as_str(), told[0].count), ("token", "/v1/runs", 1));
    let (_, text) = world.call("", "GET", "/metrics", None).await;
    assert!(text.as_str().unwrap().contains("rrb_auth_failures_total{door=\"token\"} 20\n"));
}
