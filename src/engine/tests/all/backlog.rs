//! Time: what came while nobody was there, what the clock missed, and clocks that are set back.

use rrb_engine::api::ControlPlane;
use rrb_engine::store::memory::Side;
use rrb_engine::store::{EventFilter, RunFilter};
use rrb_lang::hir::TriggerKind;
use rrb_lang::syntax::ast::Missed;
use serde_json::json;

use crate::rig::{Rig, T0, delivery, verdicts};
use crate::script::{Script, Step};

const MINUTE: i64 = 60_000;

/// Takes deliveries of a storm while the matcher is dead: they are durable and unmatched.
async fn accepted_but_unmatched(rig: &Rig, alerts: &[(i64, &str)]) {
    for (later, node) in alerts {
        rig.clock.set(T0 + later);
        let alert = json!({ "alerts": [{ "status": "firing", "name": "Disk", "node": node, "id": format!("{node}-{later}") }] });
        rig.engine.deliver(delivery(alert.to_string().into_bytes())).await.unwrap();
    }
}

fn script(limit: u32) -> Script {
    let mut script = Script::new("p1");
    let runbook = script.runbook("drain", vec![Step::Sleep(1000)]);
    script.on_firing(runbook, None);
    script.dedupe(runbook, 10 * MINUTE);
    script.limit(runbook, limit, 60 * MINUTE);
    script
}

#[tokio::test]
async fn a_backlog_is_judged_by_when_it_came_not_by_when_it_is_read() {
    let rig = Rig::new(script(3)).await;
    // Nothing yields in between, so the matcher has seen none of these when the process dies.
    let alerts = [
        (0, "n1"),
        (9 * MINUTE, "n1"),
        (10 * MINUTE, "n1"),
        (11 * MINUTE, "n2"),
        (12 * MINUTE, "n3"),
        (61 * MINUTE, "n3"),
    ];
    accepted_but_unmatched(&rig, &alerts).await;
    rig.clock.set(T0 + 600 * MINUTE);
    let rig = rig.restart().await.unwrap();
    let mut found = Vec::new();
    let mut events = rig.engine.events(EventFilter::default()).await.unwrap();
    events.reverse();
    for event in events {
        found.push(rig.why(&event.id).await[0].verdict.clone());
    }
    assert_eq!(found, ["started", "dedupe", "started", "started", "limit", "started"]);
    assert_eq!(rig.engine.status().await.unwrap().queued_events, 0);
}

#[tokio::test]
async fn matching_is_all_or_nothing_whenever_the_process_dies() {
    for side in [Side::Before, Side::After] {
        for at in 1..12 {
            let rig = Rig::new(script(100)).await;
            accepted_but_unmatched(&rig, &[(0, "n1"), (1, "n2"), (2, "n1")]).await;
            let store = std::sync::Arc::new(rig.store.reopen());
            store.crash_at(at, side);
            drop(rig.engine);
            let (world, clock) = (rig.world.clone(), rig.clock.clone());
            let crashed = Rig::assemble(store.clone(), world, clock, rig.script.clone(), rig.project.clone()).await;
            drop(crashed);
            tokio::task::yield_now().await;
            let store = std::sync::Arc::new(store.reopen());
            let rig = Rig::assemble(store, rig.world, rig.clock, rig.script, rig.project).await.unwrap();
            let mut found = Vec::new();
            for event in rig.engine.events(EventFilter::default()).await.unwrap() {
                let rows = rig.why(&event.id).await;
                assert_eq!(rows.len(), 1, "judged once: commit {at} {side:?}");
                found.push(rows[0].verdict.clone());
            }
            assert_eq!(found, ["dedupe", "started", "started"], "newest first: commit {at} {side:?}");
            assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), 2, "commit {at} {side:?}");
        }
    }
}

fn scheduled(missed: Missed) -> Script {
    let mut script = Script::new("p1");
    let runbook = script.runbook("sweep", vec![Step::Read("sweep")]);
    script.every(runbook, |with| TriggerKind::Every { every_ms: 10 * MINUTE, missed, with });
    script
}

#[tokio::test]
async fn a_schedule_fires_at_its_nominal_times() {
    let rig = Rig::new(scheduled(Missed::Skip)).await;
    rig.advance(10 * MINUTE - 1).await;
    assert_eq!(rig.world.times("sweep"), 0);
    rig.advance(1).await;
    assert_eq!(rig.world.times("sweep"), 1);
    for n in 2..6 {
        rig.advance(10 * MINUTE).await;
        assert_eq!(rig.world.times("sweep"), n);
    }
    let runs = rig.engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 5);
    assert!(runs.iter().all(|r| r.requester == "schedule"));
    let event = runs[0].event.clone().unwrap();
    assert_eq!(verdicts(&rig.why(&event).await), ["started"], "a firing is an event that can be asked about");
    assert_eq!(rig.audited("schedule.fired").await.len(), 5);
}

#[tokio::test]
async fn missed_times_fire_once_or_not_at_all() {
    for (missed, down, fired) in [
        (Missed::RunOnce, 35 * MINUTE, 1),
        (Missed::Skip, 35 * MINUTE, 0),
        (Missed::Skip, 40 * MINUTE + 60_000, 1),
        (Missed::Skip, 40 * MINUTE + 60_001, 0),
        (Missed::RunOnce, 5 * MINUTE, 0),
    ] {
        let rig = Rig::new(scheduled(missed)).await;
        rig.clock.advance(down);
        let rig = rig.restart().await.unwrap();
        assert_eq!(rig.world.times("sweep"), fired, "{missed:?} after {down}");
        let rig = rig.restart().await.unwrap();
        assert_eq!(rig.world.times("sweep"), fired, "a second start fires nothing again");
        rig.advance(10 * MINUTE - down % (10 * MINUTE)).await;
        assert_eq!(rig.world.times("sweep"), fired + 1, "and it goes on");
    }
}

#[tokio::test]
async fn a_firing_happens_once_however_the_process_dies() {
    for side in [Side::Before, Side::After] {
        for at in 1..8 {
            let rig = Rig::new(scheduled(Missed::RunOnce)).await;
            let base = rig.store.commits();
            rig.store.crash_at(base + at, side);
            rig.advance(10 * MINUTE).await;
            let rig = rig.restart().await.unwrap();
            assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), 1, "commit {at} {side:?}");
            let done = rig.engine.runs(RunFilter::default()).await.unwrap();
            assert_eq!(rig.state(&done[0].id).await, "done: resolved", "commit {at} {side:?}");
        }
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_turn_time_around() {
    let mut script = Script::new("p1");
    let runbook = script.runbook("drain", vec![Step::Sleep(10 * MINUTE)]);
    script.on_firing(runbook, None);
    script.dedupe(runbook, 10 * MINUTE);
    let rig = Rig::new(script).await;
    rig.advance(60 * MINUTE).await;
    let run = rig.firing("Disk", "n1").await[0].run.clone().unwrap();
    let back = std::sync::Arc::new(rrb_engine::clock::manual::ManualClock::at(T0));
    let rig = Rig { clock: back, ..rig }.restart().await.unwrap();
    assert_eq!(
        verdicts(&rig.firing("Disk", "n1").await),
        ["dedupe"],
        "the engine's time never reads less than the store's"
    );
    let rows = rig.view(&run).await.journal;
    assert!(rows.iter().map(|r| r.at).is_sorted());
    rig.audit_is_intact().await;
}
