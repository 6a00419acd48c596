//! Deliveries: what is taken, what is refused, what becomes a dead letter, and what is known already.

use rrb_engine::api::{ApiError, ControlPlane, Delivery, EmitEvent, What};
use rrb_engine::clock::Clock;
use rrb_engine::engine::Bounds;
use rrb_engine::store::{EventFilter, RunFilter, Store};
use serde_json::json;

use crate::rig::{Rig, T0, delivery, person, verdicts};
use crate::script::{Script, Step};

const DAY: i64 = 24 * 3_600_000;

fn script() -> Script {
    let mut script = Script::new("p1");
    let runbook = script.runbook("drain", vec![Step::Sleep(1000)]);
    script.on_firing(runbook, None);
    script
}

#[tokio::test]
async fn one_delivery_can_carry_many_events() {
    let rig = Rig::new(script()).await;
    let receipt = rig
        .alerts(json!([
            { "status": "firing", "name": "Disk", "node": "n1" },
            { "status": "resolved", "name": "Disk", "node": "n1" },
            { "status": "unheard of", "name": "Disk", "node": "n1" },
            { "status": "firing", "name": "Disk", "node": "n2" },
        ]))
        .await
        .unwrap();
    assert_eq!((receipt.events.len(), receipt.duplicates, receipt.dead), (3, 0, None));
    assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), 2);
    assert!(rig.store.delivery(&receipt.delivery).await.unwrap().is_some());
    let filter = EventFilter { source: Some("alerts.resolved".into()), ..EventFilter::default() };
    assert_eq!(rig.engine.events(filter).await.unwrap().len(), 1);
    let nothing = rig.alerts(json!([])).await.unwrap();
    assert!(nothing.events.is_empty() && nothing.dead.is_none());
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_with_the_reason() {
    let rig = Rig::new(script()).await;
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let table: &[(&[u8], &str)] = &[
        (b"", "`each` failed: `alerts` is null, expected a list"),
        (b"{", "the body is no JSON"),
        (b"\xff\xfe", "the body is no JSON"),
        (b"{\"a\":1,\"a\":2}", "the body is no JSON"),
        (b"{\"alerts\":1e999}", "the body is no JSON"),
        (b"{} {}", "the body is no JSON"),
        (deep.as_bytes(), "the body is no JSON"),
        (b"{}", "`each` failed: `alerts` is null, expected a list"),
        (b"{\"alerts\":[{}]}", "item 0 of `alerts.firing`: `emit` failed: `status` is missing"),
    ];
    let mut live = rig.engine.subscribe();
    for (body, why) in table {
        let receipt = rig.engine.deliver(delivery(body.to_vec())).await.unwrap();
        let dead = receipt.dead.unwrap();
        assert!(dead.contains(why), "{dead}");
        assert!(receipt.events.is_empty());
        let kept = rig.store.delivery(&receipt.delivery).await.unwrap().unwrap();
        assert_eq!((kept.body.as_slice(), kept.dead), (*body, Some(dead)), "to the byte");
        assert!(matches!(live.try_recv().unwrap().what, What::DeadLetter { .. }));
    }
    assert_eq!(rig.engine.dead_letters().await.unwrap().len(), table.len());
    assert_eq!(rig.audited("delivery.dead").await.len(), table.len());
}

#[tokio::test]
async fn one_bad_item_does_not_keep_the_others_back() {
    let rig = Rig::new(script()).await;
    let receipt = rig
        .alerts(json!([{ "status": "firing", "name": "a", "node": "n1" }, {}, { "status": "firing", "name": "b", "node": "n2" }]))
        .await
        .unwrap();
    assert_eq!(receipt.events.len(), 2);
    assert!(receipt.dead.unwrap().contains("item 1"), "and the delivery is kept with the reason");
}

#[tokio::test]
async fn sizes_at_their_bounds() {
    let rig = Rig::new(script()).await;
    let most = rig.project.serve.max_body as usize;
    for (bytes, taken) in [(most - 1, true), (most, true), (most + 1, false)] {
        let shell = b"{\"alerts\":[],\"x\":\"\"}".len();
        let body = format!("{{\"alerts\":[],\"x\":\"{}\"}}", "x".repeat(bytes - shell));
        assert_eq!(body.len(), bytes);
        let answer = rig.engine.deliver(delivery(body.into_bytes())).await;
        assert_eq!(answer.is_ok(), taken, "{bytes}: {answer:?}");
    }
    for (items, read) in [(9_999, true), (10_000, true), (10_001, false)] {
        let alerts = vec![json!({ "status": "x" }); items];
        let body = json!({ "alerts": alerts }).to_string().into_bytes();
        let receipt = rig.engine.deliver(delivery(body)).await.unwrap();
        assert_eq!(receipt.dead.is_none(), read, "{items}: {:?}", receipt.dead);
    }
}

#[tokio::test]
async fn an_id_is_known_for_seven_days() {
    let alert = |id: &str| json!([{ "status": "firing", "name": "Disk", "node": "n1", "id": id }]);
    for (later, duplicates) in [(0, 1), (7 * DAY, 1), (7 * DAY + 1, 0)] {
        let rig = Rig::new(script()).await;
        rig.alerts(alert("a")).await.unwrap();
        rig.clock.advance(later);
        let rig = rig.restart().await.unwrap();
        let receipt = rig.alerts(alert("a")).await.unwrap();
        assert_eq!(receipt.duplicates, duplicates, "after {later} ms");
        assert_eq!(receipt.events.len() as u32, 1 - duplicates);
        assert_eq!(rig.alerts(alert("b")).await.unwrap().duplicates, 0);
    }
}

#[tokio::test]
async fn an_id_twice_in_one_delivery_or_at_once_counts_once() {
    let rig = Rig::new(script()).await;
    let one = json!({ "status": "firing", "name": "Disk", "node": "n1", "id": "a" });
    let receipt = rig.alerts(json!([one, one, one])).await.unwrap();
    assert_eq!((receipt.events.len(), receipt.duplicates), (1, 2));
    let two = json!({ "alerts": [{ "status": "firing", "name": "Disk", "node": "n1", "id": "b" }] }).to_string();
    let body = || delivery(two.clone().into_bytes());
    let (a, b, c) = tokio::join!(rig.engine.deliver(body()), rig.engine.deliver(body()), rig.engine.deliver(body()));
    let taken: usize = [a, b, c].into_iter().map(|r| r.unwrap().events.len()).sum();
    assert_eq!(taken, 1);
    let eu = Delivery { instance: "eu".into(), ..body() };
    assert_eq!(rig.engine.deliver(eu).await.unwrap().events.len(), 1, "ids are those of an instance");
}

#[tokio::test]
async fn an_event_is_never_later_than_it_came() {
    let rig = Rig::new(script()).await;
    let receipt = rig
        .alerts(json!([
            { "status": "firing", "node": "n1", "at": T0 - 5 },
            { "status": "firing", "node": "n1", "at": T0 + 5 },
            { "status": "firing", "node": "n1" },
        ]))
        .await
        .unwrap();
    let mut times = Vec::new();
    for id in &receipt.events {
        let event = rig.store.event(id).await.unwrap().unwrap();
        times.push((event.at - T0, event.received - T0));
    }
    assert_eq!(times, [(-5, 0), (0, 0), (0, 0)]);
}

#[tokio::test]
async fn what_is_emitted_by_hand_is_read_as_the_event() {
    let rig = Rig::new(script()).await;
    let ana = person("ana");
    let emit = |event: &str, payload| EmitEvent { event: event.into(), instance: None, payload };
    let receipt =
        rig.engine.emit(emit("alerts.firing", json!({ "name": "Disk", "node": "n1", "n": 1 })), &ana).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(verdicts(&rig.why(&receipt.events[0]).await), ["started"]);
    let raw = emit("/alerts", json!({ "alerts": [{ "status": "firing", "node": "n2" }] }));
    assert_eq!(rig.engine.emit(raw, &ana).await.unwrap().events.len(), 1);
    for (event, payload, why) in [
        ("alerts.fireing", json!({}), "there is no event `alerts.fireing`; did you mean `alerts.firing`?"),
        ("/alert", json!({}), "there is no webhook `/alert`; did you mean `/alerts`?"),
        ("alerts.firing", json!("bad"), "the payload is no `alerts.firing`: expected an object"),
    ] {
        let error = rig.engine.emit(emit(event, payload), &ana).await.unwrap_err().to_string();
        assert_eq!(error, why);
    }
    let accepted = rig.engine.audit(0, 1000, None).await.unwrap();
    let who: Vec<_> =
        accepted.iter().filter(|r| r.draft.kind == "event.accepted").map(|r| r.draft.actor.as_str()).collect();
    assert_eq!(who, ["user:ana (terminal)", "webhook:/alerts"]);
}

#[tokio::test]
async fn more_than_can_wait_is_refused_and_nothing_is_lost() {
    // The matcher is held up while the store is full, so that events pile up.
    let clock = std::sync::Arc::new(rrb_engine::clock::manual::ManualClock::at(T0));
    let store = std::sync::Arc::new(rrb_engine::store::memory::MemoryStore::new());
    let script = std::sync::Arc::new(script());
    let shelf = crate::script::Shelf([("p1".to_owned(), script.clone())].into());
    let mut config = rrb_engine::engine::EngineConfig::new(std::sync::Arc::new(shelf));
    config.queue = 3;
    let world = std::sync::Arc::new(crate::rig::Counting::default());
    let engine = rrb_engine::engine::Engine::open(store.clone(), world, clock.clone(), config).await.unwrap();
    let early = engine.deliver(delivery(b"{\"alerts\":[]}".to_vec())).await;
    assert!(matches!(early, Err(ApiError::Overloaded(_))), "before the first program: {early:?}");
    let project = std::sync::Arc::new(crate::rig::people());
    engine.load(rrb_engine::programs::Loaded { code: script, settings: Default::default(), project }).await.unwrap();
    let alert = json!({ "alerts": [{ "status": "firing", "node": "n1" }] }).to_string();
    let mut taken = 0;
    // Nothing yields to the matcher in between: deliveries to a memory store are answered at once.
    for n in 0..10 {
        match engine.deliver(delivery(alert.clone().into_bytes())).await {
            Ok(receipt) => taken += receipt.events.len(),
            Err(ApiError::Overloaded(why)) => assert_eq!(why, "3 events wait already: nothing was taken", "{n}"),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(taken, 3);
    engine.settled().await;
    assert_eq!(engine.events(EventFilter::default()).await.unwrap().len(), 3);
    assert_eq!(engine.runs(RunFilter::default()).await.unwrap().len(), 3);
    let after = engine.deliver(delivery(alert.into_bytes())).await;
    assert!(after.is_ok(), "there is room again: {after:?}");
    assert_eq!(clock.now(), T0);
}

fn bounds() -> Bounds {
    Bounds::default()
}

#[tokio::test]
async fn the_events_of_one_delivery_are_bounded_in_bytes() {
    let alert = |node: &str| json!({ "status": "firing", "name": "Disk", "node": node });
    let usual = Rig::new(script()).await;
    let receipt = usual.alerts(json!([alert("n1"), alert("n2")])).await.unwrap();
    let mut bytes = 0;
    for event in &receipt.events {
        bytes += usual.store.event(event).await.unwrap().unwrap().payload.to_string().len();
    }
    for (events, fits) in [(bytes - 1, false), (bytes, true), (bytes + 1, true)] {
        let rig = Rig::bounded(script(), Bounds { events, ..bounds() }).await;
        let receipt = rig.alerts(json!([alert("n1"), alert("n2")])).await.unwrap();
        assert_eq!((receipt.events.len(), receipt.dead.is_none()), (if fits { 2 } else { 0 }, fits), "{events}");
        if let Some(dead) = receipt.dead {
            assert_eq!(dead, format!("its events are {bytes} bytes, more than {events}"));
            assert_eq!(rig.engine.dead_letters().await.unwrap().len(), 1, "and the delivery is kept");
        }
    }
}

#[tokio::test]
async fn what_a_run_starts_with_is_bounded_in_bytes() {
    let usual = Rig::new(script()).await;
    let run = usual.start("drain", "n1", "ana").await.unwrap();
    let bytes = usual.row(&run).await.input.to_string().len();
    for (input, fits) in [(bytes - 1, false), (bytes, true), (bytes + 1, true)] {
        let rig = Rig::bounded(script(), Bounds { input, ..bounds() }).await;
        match rig.start("drain", "n1", "ana").await {
            Ok(_) => assert!(fits, "{input}"),
            Err(ApiError::Invalid(why)) => {
                assert!(!fits && why.contains(&format!("take {bytes} bytes, more than {input}")), "{why}");
            }
            Err(e) => panic!("{e}"),
        }
        assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), usize::from(fits));
    }
    // The requester of a run by an event has the event's id, and all ids are as long.
    let rows = usual.firing("Disk", "n1").await;
    let bytes = usual.row(rows[0].run.as_deref().unwrap()).await.input.to_string().len();
    let rig = Rig::bounded(script(), Bounds { input: bytes - 1, ..bounds() }).await;
    assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["error"]);
}

#[tokio::test]
async fn the_runs_of_one_event_are_bounded_in_bytes() {
    let three = || {
        let mut script = Script::new("p1");
        for name in ["a", "b", "c"] {
            let runbook = script.runbook(name, vec![Step::Sleep(1000)]);
            script.on_firing(runbook, None);
        }
        script
    };
    let usual = Rig::new(three()).await;
    let rows = usual.firing("Disk", "n1").await;
    let bytes = usual.row(rows[0].run.as_deref().unwrap()).await.input.to_string().len();
    for (inputs, last) in [(3 * bytes - 1, "error"), (3 * bytes, "started"), (3 * bytes + 1, "started")] {
        let rig = Rig::bounded(three(), Bounds { inputs, ..bounds() }).await;
        for node in ["n1", "n2"] {
            assert_eq!(
                verdicts(&rig.firing("Disk", node).await),
                ["started", "started", last],
                "each event has its own"
            );
        }
        rig.advance(2000).await;
        rig.audit_is_intact().await;
    }
}

#[tokio::test]
async fn many_problems_of_a_delivery_are_told_in_short() {
    let rig = Rig::new(script()).await;
    // Both events of the webhook look at each item.
    for (n, more) in
        [(9, None), (10, None), (11, Some("and 2 more like these")), (250, Some("and 480 more like these"))]
    {
        let items: Vec<_> = (0..n).map(|_| json!({})).collect();
        let dead = rig.alerts(json!(items)).await.unwrap().dead.unwrap();
        assert_eq!(dead.matches("is missing").count(), (2 * n).min(20), "{dead}");
        match more {
            Some(more) => assert!(dead.ends_with(more), "{dead}"),
            None => assert!(!dead.contains("more like these"), "{dead}"),
        }
    }
}
