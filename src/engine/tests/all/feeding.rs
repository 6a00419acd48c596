//! Sources that rrb reads by itself: what they bring is written with their place, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_engine::api::{ApiError, ControlPlane, Receipt, SourceState};
use rrb_engine::clock::Clock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::sink::{Batch, Fed, MAX_BATCH};
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{EventFilter, Store};
use serde_json::json;

use crate::source::{Bench, again};

const FILES: &str = r#"
connector files {
  event line: { text: Text } from file("/var/log/x") {
    emit { text: body as Text }
  }
  event order: { id: Text } from file("/var/log/orders", format: "json") {
    each body.items as o
    id o.id as Text
    emit { id: o.id as Text }
  }
}
runbook see(text: Text) {
  on files.line as e where e.text.contains("disk") with text: e.text
  finish resolved text
}
"#;

fn fed(body: &serde_json::Value, position: Option<&str>) -> Fed {
    let headers = BTreeMap::from([("path".to_owned(), "/var/log/x".to_owned())]);
    Fed { body: body.to_string().into_bytes(), headers, position: position.map(str::to_owned) }
}

fn batch(event: &str, items: Vec<Fed>, cursor: &str) -> Batch {
    Batch { event: event.to_owned(), instance: "default".to_owned(), items, cursor: Some(cursor.to_owned()) }
}

async fn bring(b: &Bench, batch: Batch) -> Result<Vec<Receipt>, ApiError> {
    let receipts = b.engine.sink().feed(batch).await;
    b.engine.settled().await;
    receipts
}

async fn events(b: &Bench) -> Vec<serde_json::Value> {
    let mut all = b.engine.events(EventFilter::default()).await.unwrap();
    all.reverse();
    all.into_iter().map(|e| e.payload).collect()
}

async fn place(b: &Bench, event: &str) -> Option<String> {
    b.engine.sink().cursor(event, "default").await.unwrap()
}

#[tokio::test]
async fn what_a_source_brings_becomes_events_and_its_place_is_kept() {
    let b = Bench::new(FILES).await;
    assert_eq!(place(&b, "files.line").await, None);
    let items = vec![fed(&json!("disk full"), None), fed(&json!("all well"), None), fed(&json!("disk full"), None)];
    let receipts = bring(&b, batch("files.line", items, "17")).await.unwrap();
    assert_eq!(receipts.len(), 3);
    assert!(receipts.iter().all(|r| r.events.len() == 1 && r.dead.is_none()));
    // What stands twice in a log happened twice.
    assert_eq!(b.runs().await.len(), 2);
    assert_eq!(place(&b, "files.line").await.as_deref(), Some("17"));
    let delivery = b.store.delivery(&receipts[0].delivery).await.unwrap().unwrap();
    assert_eq!((delivery.path.as_str(), &delivery.headers), ("files.line", &json!({ "path": "/var/log/x" })));
    assert_eq!(b.audited("event.accepted").await.len(), 3);
    let b = b.restart().await;
    assert_eq!(place(&b, "files.line").await.as_deref(), Some("17"));
    b.audit_is_intact().await;
}

#[tokio::test]
async fn a_position_is_taken_once_where_the_event_has_no_id_of_its_own() {
    let b = Bench::new(FILES).await;
    for (position, text) in [("p/1", "one"), ("p/2", "one"), ("p/1", "another")] {
        bring(&b, batch("files.line", vec![fed(&json!(text), Some(position))], "1")).await.unwrap();
    }
    assert_eq!(events(&b).await, [json!({ "text": "one" }), json!({ "text": "one" })]);
    // An id says more than a position.
    let orders = |ids: &[&str]| json!({ "items": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() });
    for (position, ids) in [("q/1", &["a", "b"][..]), ("q/2", &["b", "c"][..]), ("q/1", &["d"][..])] {
        bring(&b, batch("files.order", vec![fed(&orders(ids), Some(position))], "1")).await.unwrap();
    }
    let ids: Vec<_> = events(&b).await.iter().filter_map(|e| e["id"].as_str().map(str::to_owned)).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    // In one batch, too.
    let twice = vec![fed(&orders(&["e"]), None), fed(&orders(&["e"]), None)];
    let receipts = bring(&b, batch("files.order", twice, "2")).await.unwrap();
    assert_eq!(receipts.iter().map(|r| r.duplicates).sum::<u32>(), 1);
}

#[tokio::test]
async fn what_brings_nothing_new_leaves_nothing_but_its_place() {
    let b = Bench::new(FILES).await;
    let orders = || vec![fed(&json!({ "items": [{ "id": "a" }] }), None)];
    bring(&b, batch("files.order", orders(), "1")).await.unwrap();
    let commits = b.store.commits();
    let receipts = bring(&b, batch("files.order", orders(), "2")).await.unwrap();
    assert_eq!((receipts.len(), receipts[0].duplicates), (1, 1));
    assert_eq!(b.store.delivery(&receipts[0].delivery).await.unwrap(), None);
    assert_eq!(place(&b, "files.order").await.as_deref(), Some("2"));
    assert_eq!(b.store.commits(), commits + 1);
    let nothing = Batch { cursor: None, ..batch("files.order", orders(), "") };
    bring(&b, nothing).await.unwrap();
    assert_eq!(b.store.commits(), commits + 1, "nothing to write is no commit");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_dead_letter_and_holds_nobody_back() {
    let b = Bench::new(FILES).await;
    let broken = Fed { body: b"{not json".to_vec(), headers: BTreeMap::new(), position: None };
    let items = vec![broken, fed(&json!({ "items": [{}] }), None), fed(&json!({ "items": [{ "id": "a" }] }), None)];
    let receipts = bring(&b, batch("files.order", items, "9")).await.unwrap();
    assert!(receipts[0].dead.as_deref().unwrap().starts_with("the body is no JSON"));
    assert!(receipts[1].dead.is_some() && receipts[2].dead.is_none());
    assert_eq!(b.engine.dead_letters().await.unwrap().len(), 2);
    assert_eq!(place(&b, "files.order").await.as_deref(), Some("9"));
    assert_eq!(b.audited("delivery.dead").await[0]["path"], json!("files.order"));
}

#[tokio::test]
async fn a_batch_has_a_limit_and_a_source_that_there_is() {
    let b = Bench::new(FILES).await;
    for (n, fits) in [(MAX_BATCH - 1, true), (MAX_BATCH, true), (MAX_BATCH + 1, false)] {
        let items = (0..n).map(|i| fed(&json!(format!("{i}")), None)).collect();
        let went = bring(&b, batch("files.line", items, "1")).await;
        assert_eq!(went.is_ok(), fits, "{n}");
    }
    let error = bring(&b, batch("files.lime", vec![], "1")).await.unwrap_err();
    assert!(
        matches!(&error, ApiError::NotFound { what: "source", hint: Some(h), .. } if h == "files.line"),
        "{error:?}"
    );
    assert_eq!(place(&b, "files.lime").await, None);
}

#[tokio::test]
async fn a_crash_at_any_commit_neither_repeats_nor_loses_a_line() {
    let lines: Vec<String> = (0..6).map(|n| format!("disk {n}")).collect();
    let first = Bench::new(FILES).await;
    let (loaded, before) = (again(&first.loaded), first.store.commits());
    for crash in before + 1..before + 12 {
        for side in [Side::Before, Side::After] {
            let store = Arc::new(MemoryStore::new());
            let (lab, clock) = (Arc::default(), first.clock.clone());
            let mut b = Bench::assemble(store, lab, clock, again(&loaded)).await.unwrap();
            b.store.crash_at(crash, side);
            // As a source does: from the place that is kept, two lines at a time.
            while place_of(&b).await < lines.len() {
                let at = place_of(&b).await;
                let items = lines[at..at + 2].iter().map(|l| fed(&json!(l), None)).collect();
                let went = b.engine.sink().feed(batch("files.line", items, &(at + 2).to_string())).await;
                if went.is_err() || b.store.crashed() {
                    b = b.restart().await;
                }
            }
            b.engine.settled().await;
            if b.store.crashed() {
                b = b.restart().await;
            }
            let seen: Vec<_> = events(&b).await.iter().map(|e| e["text"].as_str().unwrap().to_owned()).collect();
            assert_eq!(seen, lines, "dying {side:?} commit {crash}");
            b.engine.settled().await;
            assert_eq!(b.runs().await.len(), lines.len(), "dying {side:?} commit {crash}");
        }
    }
}

async fn place_of(b: &Bench) -> usize {
    match b.engine.sink().cursor("files.line", "default").await {
        Ok(place) => place.map_or(0, |p| p.parse().unwrap()),
        // The store is dead: its successor knows.
        Err(_) => b.store.reopen().cursor("files.line", "default").await.unwrap().map_or(0, |p| p.parse().unwrap()),
    }
}

#[tokio::test]
async fn the_status_tells_how_it_stands_with_each_source() {
    let b = Bench::new(FILES).await;
    let sink = b.engine.sink();
    sink.report("files.line", "default", Some(SourceState::Reading));
    let why = "there is no file".to_owned();
    sink.report("files.order", "default", Some(SourceState::Failing { why: why.clone() }));
    bring(&b, batch("files.line", vec![fed(&json!("disk"), None), fed(&json!("x"), None)], "1")).await.unwrap();
    let since = b.clock.now();
    b.advance(5_000).await;
    sink.report("files.line", "default", Some(SourceState::Reading));
    let sources = b.engine.status().await.unwrap().sources;
    assert_eq!((sources[0].event.as_str(), sources[0].taken, sources[0].last), ("files.line", 2, Some(since)));
    assert_eq!(sources[0].since, since, "the same again is no change");
    assert_eq!((&sources[1].state, sources[1].taken), (&SourceState::Failing { why }, 0));
    sink.report("files.order", "default", None);
    assert_eq!(b.engine.status().await.unwrap().sources.len(), 1);
}

#[tokio::test]
async fn before_the_first_program_and_after_the_last_nothing_is_taken() {
    let b = Bench::new(FILES).await;
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let engine = Engine::open(Arc::new(MemoryStore::new()), b.lab.clone(), b.clock.clone(), config).await.unwrap();
    let early = engine.sink().feed(batch("files.line", vec![], "1")).await.unwrap_err();
    assert!(matches!(early, ApiError::Overloaded(_)));
    b.engine.shutdown(std::time::Duration::from_secs(1)).await;
    let late = b.engine.sink().feed(batch("files.line", vec![], "1")).await.unwrap_err();
    assert!(matches!(late, ApiError::Overloaded(_)), "{late:?}");
}
