//! The live timeline.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use rrb_engine::api::TimelineItem;
use rrb_serve::Scope;

use crate::fake::*;

async fn follow(world: &World, token: &str, query: &str) -> BodyDataStream {
    let request = Request::get(format!("/v1/timeline{query}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let response = world.send(request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut parts = response.into_body().into_data_stream();
    assert!(part(&mut parts).await.unwrap().starts_with(':'));
    parts
}

async fn part(parts: &mut BodyDataStream) -> Option<String> {
    parts.next().await.map(|p| String::from_utf8(p.unwrap().to_vec()).unwrap())
}

fn data(part: &str, name: &str) -> serde_json::Value {
    let text = part.strip_prefix(&format!("event: {name}\ndata: ")).unwrap_or_else(|| panic!("{part}"));
    serde_json::from_str(text.strip_suffix("\n\n").unwrap()).unwrap()
}

#[tokio::test]
async fn items_come_as_they_happen_and_only_those_asked_for() {
    let world = world();
    let mut parts = follow(&world, &world.operator, "?run=run_2").await;
    for run in ["run_1", "run_2", "run_3"] {
        world.plane.timeline.send(item(run)).unwrap();
    }
    let got: TimelineItem = serde_json::from_value(data(&part(&mut parts).await.unwrap(), "item")).unwrap();
    assert_eq!(got, item("run_2"));
    world.plane.timeline.send(item("run_2")).unwrap();
    data(&part(&mut parts).await.unwrap(), "item");
}

#[tokio::test]
async fn whoever_falls_behind_is_told_how_far() {
    let world = world();
    let mut parts = follow(&world, &world.operator, "").await;
    for _ in 0..20 {
        world.plane.timeline.send(item("run_1")).unwrap();
    }
    assert_eq!(data(&part(&mut parts).await.unwrap(), "lost")["items"], 12);
    data(&part(&mut parts).await.unwrap(), "item");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token() {
    let world = world();
    let token = world.token(&[Scope::RunsRead], None);
    let mut parts = follow(&world, &token, "").await;
    assert_eq!(part(&mut parts).await.unwrap(), ":\n\n");
    world.plane.tokens.lock().unwrap()[0].revoked = Some(1);
    assert!(part(&mut parts).await.unwrap().contains("does not hold"));
    assert_eq!(part(&mut parts).await, None);
}

#[tokio::test(start_paused = true)]
async fn streams_are_bounded_and_given_back() {
    let world = world_with(|c| c.limits.streams = 2);
    let first = follow(&world, &world.operator, "").await;
    let _second = follow(&world, &world.operator, "").await;
    assert_eq!(world.call(&world.operator, "GET", "/v1/timeline", None).await.0, 503);
    let (_, text) = world.call("", "GET", "/metrics", None).await;
    assert!(text.as_str().unwrap().contains("rrb_timeline_streams 2\n"));
    drop(first);
    drop(follow(&world, &world.operator, "").await);
    tokio::time::sleep(Duration::from_millis(1)).await;
}
