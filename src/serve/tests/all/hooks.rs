//! Deliveries from the door to the receipt.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use rrb_engine::api::{ApiError, Receipt};
use serde_json::json;

use crate::fake::*;

fn delivery(path: &str, check: &str) -> axum::http::request::Builder {
    Request::post(path).header("x-check", check)
}

async fn send(world: &World, path: &str, check: &str, body: &str) -> (u16, serde_json::Value) {
    read(world.send(delivery(path, check).body(Body::from(body.to_owned())).unwrap()).await).await
}

fn counted(world: &World, result: &str) -> impl Future<Output = bool> {
    let line = format!("rrb_deliveries_total{{result=\"{result}\"}} 1");
    let call = world.router();
    async move {
        use tower::ServiceExt;
        let response = call.oneshot(Request::get("/metrics").body(Body::empty()).unwrap()).await.unwrap();
        read(response).await.1.as_str().unwrap().lines().any(|l| l == line)
    }
}

#[tokio::test]
async fn a_delivery_arrives_with_everything_but_its_credentials() {
    let world = world();
    let request = delivery("/hooks/alertmanager/eu?team=a%20b&x", "good")
        .header("authorization", "Bearer hunter2")
        .header("X-Trace", "7")
        .body(Body::from("\u{0}{not json"))
        .unwrap();
    let (status, receipt) = read(world.send(request).await).await;
    assert_eq!(
        (status, receipt),
        (202, json!({"delivery": "dlv_1", "events": ["evt_1"], "duplicates": 0, "dead": null}))
    );
    let got = world.plane.deliveries.lock().unwrap()[0].clone();
    assert_eq!(
        (got.path.as_str(), got.instance.as_str(), got.body.as_slice()),
        ("/alertmanager", "eu", b"\0{not json".as_slice())
    );
    assert_eq!(got.query.into_iter().collect::<Vec<_>>(), [("team".into(), "a b".into()), ("x".into(), String::new())]);
    assert_eq!(got.headers["x-trace"], "7");
    assert!(!format!("{:?}", got.headers).contains("hunter2"));
    let (_, _, headers, body) = world.hooks.checked.lock().unwrap()[0].clone();
    assert_eq!((headers["authorization"].as_str(), body.as_slice()), ("Bearer hunter2", b"\0{not json".as_slice()));
    assert!(counted(&world, "accepted").await);
}

#[tokio::test]
async fn addresses_name_a_webhook_and_perhaps_an_instance() {
    let world = world();
    for (path, found) in [
        ("/hooks/alertmanager", Some("/alertmanager default")),
        ("/hooks/alertmanager/", Some("/alertmanager default")),
        ("/hooks/alertmanager/default", Some("/alertmanager default")),
        ("/hooks/alertmanager/eu", Some("/alertmanager eu")),
        ("/hooks/alertmanager/us", None),
        ("/hooks/alertmanager/eu/x", None),
        ("/hooks/git/push/b", Some("/git/push b")),
        ("/hooks/git/push", None),
        ("/hooks/git/push/c", None),
        ("/hooks/git", None),
        ("/hooks/ALERTMANAGER", None),
        ("/hooks/alertmanager%2Feu", Some("/alertmanager eu")),
        ("/hooks/../v1/runs", None),
        ("/hooks/", None),
        ("/hooks", None),
    ] {
        let before = world.plane.asked.lock().unwrap().len();
        let (status, body) = send(&world, path, "good", "x").await;
        match found {
            Some(found) => {
                assert_eq!((status, world.plane.last()), (202, format!("deliver {found}")), "{path}: {body}")
            }
            None => assert_eq!((status, world.plane.asked.lock().unwrap().len()), (404, before), "{path}"),
        }
    }
    let long = format!("/hooks/{}", "x".repeat(10_000));
    assert_eq!(send(&world, &long, "good", "x").await.0, 404);
}

#[tokio::test]
async fn a_delivery_that_shows_no_sender_gets_the_same_answer_whatever_was_wrong() {
    let world = world();
    let mut answers = Vec::new();
    for check in ["bad", "", "GOOD"] {
        answers.push(send(&world, "/hooks/alertmanager", check, "{}").await);
    }
    let none = Request::post("/hooks/alertmanager").body(Body::from("{")).unwrap();
    answers.push(read(world.send(none).await).await);
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].0, 401);
    assert!(!answers[0].1.to_string().contains("byte 7"));
    assert!(world.plane.asked.lock().unwrap().is_empty());
    tokio::task::yield_now().await;
    let told = world.plane.refusals.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].door.as_str(), told[0].path.as_str()), ("webhook", "/hooks/alertmanager"));
    let (_, text) = world.call("", "GET", "/metrics", None).await;
    assert!(text.as_str().unwrap().contains("rrb_auth_failures_total{door=\"webhook\"} 4\n"));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_be_made_is_said_to_be_tried_again() {
    let world = world();
    for check in ["unset", "hangs"] {
        let response = world.send(delivery("/hooks/alertmanager", check).body(Body::from("{}")).unwrap()).await;
        assert_eq!(response.headers()["retry-after"], "5");
        let (status, body) = read(response).await;
        assert_eq!((status, body["code"].as_str()), (503, Some("overloaded")), "{check}");
        assert!(!body.to_string().contains("secret"), "{body}");
    }
    assert!(world.plane.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_repeat_is_answered_with_its_receipt() {
    let world = world();
    let receipt = |events: &[&str], duplicates| Receipt {
        delivery: "dlv_2".into(),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        duplicates,
        dead: None,
    };
    for (events, duplicates, status) in [(&[][..], 2, 200), (&["e"][..], 1, 202), (&[][..], 0, 202)] {
        *world.plane.receipt.lock().unwrap() = receipt(events, duplicates);
        let (got, body) = send(&world, "/hooks/alertmanager", "good", "{}").await;
        assert_eq!((got, body["duplicates"].as_u64()), (status, Some(duplicates.into())));
    }
}

#[tokio::test]
async fn a_dead_letter_is_answered_as_its_sender_needs_it() {
    let world = world();
    *world.plane.receipt.lock().unwrap() =
        Receipt { delivery: "dlv_3".into(), events: vec![], duplicates: 0, dead: Some("there is no `alerts`".into()) };
    for (scheme, status) in [
        ("none", 400),
        ("bearer", 400),
        ("basic", 400),
        ("header", 400),
        ("hmac", 400),
        ("github_signature", 400),
        ("standard_webhooks", 202),
    ] {
        *world.hooks.scheme.lock().unwrap() = scheme.into();
        let (got, body) = send(&world, "/hooks/alertmanager", "good", "{}").await;
        assert_eq!((got, body["delivery"].as_str()), (status, Some("dlv_3")), "{scheme}");
        let reason = if status == 400 { &body["detail"] } else { &body["dead"] };
        assert_eq!(reason, "there is no `alerts`");
    }
}

#[tokio::test]
async fn what_the_engine_cannot_take_is_not_said_to_be_taken() {
    let world = world();
    for (error, status, result) in [
        (ApiError::Overloaded("the store is full".into()), 503, "overloaded"),
        (ApiError::Failed("disk: /srv/x".into()), 500, "failed"),
        (ApiError::NotFound { what: "webhook", id: "/a".into(), hint: None }, 404, "unknown_path"),
    ] {
        *world.plane.fail.lock().unwrap() = Some(error);
        let (got, body) = send(&world, "/hooks/alertmanager", "good", "{}").await;
        assert_eq!(got, status);
        assert!(!body.to_string().contains("/srv/x"));
        *world.plane.fail.lock().unwrap() = None;
        assert!(counted(&world, result).await, "{result}");
    }
    *world.plane.panics.lock().unwrap() = true;
    assert_eq!(send(&world, "/hooks/alertmanager", "good", "{}").await.0, 500);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_finished_when_its_sender_hangs_up() {
    let world = world();
    *world.plane.delay.lock().unwrap() = Duration::from_secs(5);
    let sending = send(&world, "/hooks/alertmanager", "good", "{}");
    assert!(tokio::time::timeout(Duration::from_secs(1), sending).await.is_err());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.plane.deliveries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let world = world_with(|c| c.limits.max_body = 1000);
    for (bytes, status) in [(999, 202), (1000, 202), (1001, 413), (100_000, 413)] {
        assert_eq!(send(&world, "/hooks/alertmanager", "good", &"x".repeat(bytes)).await.0, status, "{bytes}");
    }
    assert_eq!(world.hooks.checked.lock().unwrap().len(), 2, "what is too large is not even checked");
    let packed =
        delivery("/hooks/alertmanager", "good").header("content-encoding", "gzip").body(Body::from("x")).unwrap();
    assert_eq!(world.send(packed).await.status(), 415);
}

#[tokio::test(start_paused = true)]
async fn deliveries_at_work_are_bounded() {
    let world = world_with(|c| c.limits.deliveries = 2);
    *world.plane.delay.lock().unwrap() = Duration::from_secs(5);
    let all = futures_util::future::join_all((0..3).map(|_| send(&world, "/hooks/alertmanager", "good", "{}"))).await;
    let statuses: Vec<u16> = all.into_iter().map(|(s, _)| s).collect();
    assert_eq!(statuses, [202, 202, 503]);
    assert_eq!(send(&world, "/hooks/alertmanager", "good", "{}").await.0, 202);
}
