//! Senders that ask before they deliver, and deliveries that have to be acknowledged.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response};
use rrb_serve::Answer;

use crate::fake::*;

async fn deliver(world: &World, check: &str, body: &str) -> Response<Body> {
    let request =
        Request::post("/hooks/alertmanager").header("x-check", check).header("authorization", "Bearer hunter2");
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn ask(world: &World, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(Method::OPTIONS).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_question_is_answered_when_it_shows_who_asks_and_is_no_delivery() {
    let world = world();
    for (answer, kind, text) in [
        (Answer::Json(r#"{"validationResponse":"c"}"#.into()), "application/json", r#"{"validationResponse":"c"}"#),
        (Answer::Text("c".into()), "text/plain; charset=utf-8", "c"),
    ] {
        *world.hooks.answer.lock().unwrap() = Some(answer);
        let response = deliver(&world, "good", "?").await;
        assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, kind));
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(body.as_ref(), text.as_bytes());
        assert_eq!(deliver(&world, "bad", "?").await.status(), 401);
    }
    assert!(world.plane.deliveries.lock().unwrap().is_empty());
    assert!(world.hooks.acknowledged.lock().unwrap().is_empty());
    // Every other one is taken.
    assert_eq!(deliver(&world, "good", "!").await.status(), 202);
    assert_eq!(world.plane.deliveries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_delivery_is_acknowledged_before_it_is_answered_and_without_its_credentials() {
    let world = world();
    assert_eq!(deliver(&world, "good", "!").await.status(), 202);
    let (taken, acknowledged) =
        (world.plane.deliveries.lock().unwrap().clone(), world.hooks.acknowledged.lock().unwrap().clone());
    assert_eq!((taken.len(), taken), (1, acknowledged.clone()));
    assert!(!format!("{acknowledged:?}").contains("hunter2"));
    assert_eq!(deliver(&world, "bad", "!").await.status(), 401);
    assert_eq!(world.hooks.acknowledged.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_acknowledged_is_to_be_sent_again() {
    let world = world_with(|c| c.limits.answer_time = Duration::from_millis(100));
    for why in ["the shop is closed: secret-word", "hangs"] {
        *world.hooks.unacknowledged.lock().unwrap() = Some(why.into());
        let (status, body) = read(deliver(&world, "good", "!").await).await;
        assert_eq!((status, body["code"].as_str()), (503, Some("unacknowledged")), "{why}");
        assert!(!body.to_string().contains("secret-word"), "{body}");
    }
    // It was kept all the same.
    assert_eq!(world.plane.deliveries.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_not_kept_is_not_acknowledged() {
    let world = world();
    *world.plane.fail.lock().unwrap() = Some(rrb_engine::api::ApiError::Overloaded("full".into()));
    assert_eq!(deliver(&world, "good", "!").await.status(), 503);
    assert!(world.hooks.acknowledged.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_origin_that_is_declared_may_deliver() {
    let world = world();
    *world.hooks.origins.lock().unwrap() = Ok(vec!["eventgrid.azure.net".into(), "b.example".into()]);
    let response = ask(&world, "/hooks/alertmanager/eu", &[("WebHook-Request-Origin", "EventGrid.azure.net")]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["webhook-allowed-origin"], "EventGrid.azure.net");
    assert_eq!(response.headers()["allow"], "POST, OPTIONS");
    assert!(!response.headers().contains_key("webhook-allowed-rate"));
    let asked = [("webhook-request-origin", "b.example"), ("webhook-request-rate", "120")];
    assert_eq!(ask(&world, "/hooks/alertmanager", &asked).await.headers()["webhook-allowed-rate"], "*");
}

#[tokio::test]
async fn nobody_else_may_and_nothing_is_told_of_those_who_do() {
    let world = world();
    let origin = |o: &'static str| [("webhook-request-origin", o)];
    // Nobody asks where none is declared.
    let none = ask(&world, "/hooks/alertmanager", &origin("b.example")).await;
    assert_eq!(none.status(), 405);
    *world.hooks.origins.lock().unwrap() = Ok(vec!["b.example".into()]);
    let long = "x".repeat(300);
    for (path, headers, status) in [
        ("/hooks/alertmanager", &origin("c.example")[..], 403),
        ("/hooks/alertmanager", &origin("b.example.evil")[..], 403),
        ("/hooks/alertmanager", &origin("*")[..], 403),
        ("/hooks/alertmanager", &[][..], 400),
        ("/hooks/alertmanager", &[("webhook-request-origin", long.as_str())][..], 400),
        ("/hooks/nothing", &origin("b.example")[..], 404),
        ("/hooks/git/push", &origin("b.example")[..], 404),
    ] {
        let response = ask(&world, path, headers).await;
        assert!(!response.headers().contains_key("webhook-allowed-origin"), "{path} {headers:?}");
        let (got, body) = read(response).await;
        assert_eq!(got, status, "{path} {headers:?}");
        assert!(headers.iter().any(|(_, v)| *v == "b.example") || !body.to_string().contains("b.example"), "{body}");
    }
    *world.hooks.origins.lock().unwrap() = Err("a setting is wrong: secret-word".into());
    let (status, body) = read(ask(&world, "/hooks/alertmanager", &origin("b.example")).await).await;
    assert_eq!(status, 503);
    assert!(!body.to_string().contains("secret-word"), "{body}");
    assert!(world.hooks.checked.lock().unwrap().is_empty());
    // Other addresses take no such question.
    assert_eq!(ask(&world, "/v1/runs", &origin("b.example")).await.status(), 405);
}
