//! What a sender is told: yes only when it is durable, and 503 when nothing was taken.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{EventFilter, Store};
use rrb_serve::{App, ServeConfig, router};
use rrb_world::live::{LiveConfig, LiveWorld};
use serde_json::Value;
use tower::ServiceExt;

use crate::fake::{Hooks, read};
use crate::whole::{alert, now, program};

async fn face(store: Arc<MemoryStore>) -> (Arc<Engine>, Arc<ManualClock>, Router) {
    let clock = Arc::new(ManualClock::at(now()));
    let world = Arc::new(LiveWorld::new(LiveConfig::default()));
    let engine = Engine::open(store, world, clock.clone(), EngineConfig::new(Arc::new(CompiledLoader))).await.unwrap();
    engine.load(program()).await.unwrap();
    let hooks = Arc::new(Hooks::new());
    let serve = ServeConfig::new("127.0.0.1:0".parse().unwrap());
    let app = Arc::new(App::new(engine.clone(), hooks, clock.clone(), serve, None));
    (engine, clock, router(app))
}

/// Status, `retry-after` and body of the answer to a delivery.
async fn deliver(router: &Router, body: String) -> (u16, Option<String>, Value) {
    let request = Request::post("/hooks/alertmanager").header("x-check", "good").body(Body::from(body)).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let later = response.headers().get("retry-after").map(|v| v.to_str().unwrap().to_owned());
    let (status, body) = read(response).await;
    (status, later, body)
}

async fn events(store: &MemoryStore) -> usize {
    store.events(EventFilter::default()).await.unwrap().len()
}

#[tokio::test]
async fn yes_means_durable() {
    let store = Arc::new(MemoryStore::new());
    let (_engine, _, router) = face(store.clone()).await;
    let (status, _, receipt) = deliver(&router, alert(Path::new("/x"))).await;
    assert_eq!(status, 202);
    // What a process finds that starts after this one died here.
    let found = store.reopen();
    assert!(found.event(receipt["events"][0].as_str().unwrap()).await.unwrap().is_some());
    assert!(found.delivery(receipt["delivery"].as_str().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_that_dies_is_no_yes_and_the_repeat_is_taken_once() {
    for (side, kept, again) in [(Side::Before, 0, 202), (Side::After, 1, 200)] {
        let store = Arc::new(MemoryStore::new());
        let (engine, _, router) = face(store.clone()).await;
        engine.settled().await;
        store.crash_at(store.commits() + 1, side);
        let (status, _, said) = deliver(&router, alert(Path::new("/x"))).await;
        assert_eq!((status, said["code"].as_str()), (500, Some("failed")), "{side:?}");
        let store = Arc::new(store.reopen());
        assert_eq!(events(&store).await, kept, "{side:?}");
        let (_engine, _, router) = face(store.clone()).await;
        assert_eq!(deliver(&router, alert(Path::new("/x"))).await.0, again, "{side:?}");
        assert_eq!(events(&store).await, 1, "{side:?}");
    }
}

#[tokio::test]
async fn a_full_store_answers_503_with_a_time_and_keeps_nothing() {
    let store = Arc::new(MemoryStore::new());
    let (engine, clock, router) = face(store.clone()).await;
    engine.settled().await;
    store.set_full(true);
    for body in [alert(Path::new("/x")), "no json".to_owned()] {
        let (status, later, said) = deliver(&router, body).await;
        assert_eq!((status, said["code"].as_str()), (503, Some("overloaded")));
        assert!(later.unwrap().parse::<u32>().unwrap() > 0);
    }
    assert_eq!((events(&store).await, store.dead_letters(10).await.unwrap().len()), (0, 0));
    store.set_full(false);
    clock.advance(5_000);
    engine.settled().await;
    assert_eq!(deliver(&router, alert(Path::new("/x"))).await.0, 202);
}
