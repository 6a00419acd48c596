//! The process dies at every commit, before and after it became durable: whatever the point, the end is the same.

use std::sync::Arc;

use rrb_engine::api::{ControlPlane, StartRun};
use rrb_engine::audit::{Verdict, Verifier};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{ApprovalState, RunFilter, RunStatus, Store};
use rrb_lang::vm::protocol::Resolution;
use serde_json::json;

use crate::rig::{Counting, Rig, T0, delivery, people, person, yes};
use crate::script::{Again, Change, Script, Step, ask, change};

fn script() -> Script {
    let mut script = Script::new("p1");
    let steps = vec![
        Step::Evidence("before"),
        Step::Read("disk.used"),
        Step::Change(Change {
            repeat: Again::Once,
            target: Some("node/n7"),
            undo: Some("uncordon"),
            ..change("cordon")
        }),
        Step::Sleep(60_000),
        Step::Approve(Box::new(ask())),
        Step::Change(Change { covered: true, ..change("drain") }),
        Step::Change(Change { repeat: Again::Always, ..change("label") }),
        Step::Change(Change { repeat: Again::Keyed(3_600_000), ..change("post") }),
        Step::Read("disk.used"),
        Step::Evidence("after"),
    ];
    let runbook = script.runbook("relieve", steps);
    script.on_firing(runbook, Some("Disk"));
    script.dedupe(runbook, 1_800_000);
    script.runbooks[runbook].timeout_ms = Some(4 * 3_600_000);
    script
}

/// What the outside does, over and over, until the run is over: each step is what a patient sender and two patient people do.
async fn push(rig: &Rig) -> Result<bool, rrb_engine::api::ApiError> {
    let alert = json!({ "alerts": [{ "status": "firing", "name": "Disk", "node": "n7", "id": "alert-1" }] });
    rig.engine.deliver(delivery(alert.to_string().into_bytes())).await?;
    rig.engine.settled().await;
    for row in rig.engine.runs(RunFilter::default()).await? {
        if row.status == RunStatus::Parked {
            rig.engine.resolve(&row.id, Resolution::Happened { result: None }, "looked", &person("cy")).await?;
            rig.engine.settled().await;
        }
    }
    for open in rig.engine.approvals(true).await? {
        for name in ["ana", "bo"] {
            if !open.votes.iter().any(|v| v.person == name) {
                rig.engine.vote(&open.id, yes(), &person(name)).await?;
                rig.engine.settled().await;
            }
        }
    }
    rig.advance(61_000).await;
    let runs = rig.engine.runs(RunFilter::default()).await?;
    Ok(!runs.is_empty() && runs.iter().all(|r| r.status == RunStatus::Done))
}

/// Runs the whole story with crashes planned at these commits, one per life of the process. Gives the commits of the last life.
async fn story(crashes: &[(u64, Side)]) -> (Arc<MemoryStore>, Arc<Counting>, u64) {
    let (world, clock) = (Arc::new(Counting::default()), Arc::new(ManualClock::at(T0)));
    let (script, project) = (Arc::new(script()), Arc::new(people()));
    let mut store = Arc::new(MemoryStore::new());
    let mut planned = crashes.iter();
    for _life in 0..40 {
        if let Some((at, side)) = planned.next() {
            store.crash_at(*at, *side);
        }
        let opened = Rig::assemble(store.clone(), world.clone(), clock.clone(), script.clone(), project.clone()).await;
        let mut over = false;
        if let Ok(rig) = opened {
            for _ in 0..20 {
                match push(&rig).await {
                    Ok(false) => {}
                    Ok(true) => {
                        over = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            if over {
                return (store.clone(), world, store.commits());
            }
            drop(rig);
        }
        assert!(store.crashed(), "a life without a crash must come to the end of the story");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end after {crashes:?}");
}

async fn holds(store: &MemoryStore, world: &Counting, crashes: &[(u64, Side)]) {
    let runs = store.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 1, "one alert, one run: {crashes:?}");
    let end = runs[0].end.clone().unwrap();
    assert_eq!((end["outcome"].as_str(), end["why"].as_str()), (Some("resolved"), Some("done")), "{crashes:?}");
    for once in ["cordon", "drain"] {
        assert!(world.times(once) <= 1, "`{once}` was done {} times: {crashes:?}", world.times(once));
    }
    for again in ["label", "post"] {
        let most = 1 + crashes.len();
        assert!((1..=most).contains(&world.times(again)), "`{again}`: {} {crashes:?}", world.times(again));
    }
    assert_eq!(world.times("uncordon"), 0, "nothing is undone: {crashes:?}");
    let approvals = store.approvals(false, 100).await.unwrap();
    assert_eq!(approvals.len(), 1, "nobody is asked twice: {crashes:?}");
    assert_eq!(approvals[0].state, ApprovalState::Approved, "{crashes:?}");
    assert_eq!(approvals[0].votes.len(), 2, "{crashes:?}");
    let recovered = store.recover().await.unwrap();
    assert!(recovered.runs.is_empty() && recovered.targets.is_empty() && recovered.unmatched.is_empty(), "{crashes:?}");
    let journal = store.journal(&runs[0].id, 0).await.unwrap();
    assert!(journal.iter().enumerate().all(|(n, row)| row.seq == n as u64 + 1), "no gap: {crashes:?}");
    let mut verifier = Verifier::default();
    let records = store.audit(0, 100_000, None).await.unwrap();
    for record in &records {
        verifier.take(record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { .. }));
    for native in ["cordon", "drain", "label", "post"] {
        let intents =
            records.iter().filter(|r| r.draft.kind == "call.intent" && r.draft.body["native"] == native).count();
        assert!(intents >= 1, "every change has a record before it: {native} {crashes:?}");
        assert_eq!(intents, 1, "an intent is recorded once: {native} {crashes:?}");
    }
}

#[tokio::test]
async fn without_a_crash_the_story_has_its_end() {
    let (store, world, commits) = story(&[]).await;
    holds(&store, &world, &[]).await;
    assert_eq!(world.calls(), ["disk.used", "cordon", "plan.read", "drain", "label", "post", "disk.used"]);
    assert!(commits > 15, "{commits} commits");
}

#[tokio::test]
async fn dying_at_every_commit_changes_nothing() {
    let (_, _, commits) = story(&[]).await;
    let (mut parked, mut taken_up) = (0, 0);
    for at in 1..=commits {
        for side in [Side::Before, Side::After] {
            let crashes = [(at, side)];
            let (store, world, _) = story(&crashes).await;
            holds(&store, &world, &crashes).await;
            let kinds = store.audit(0, 100_000, None).await.unwrap();
            parked += kinds.iter().filter(|r| r.draft.kind == "run.parked").count();
            let run = store.runs(RunFilter::default()).await.unwrap().remove(0).id;
            taken_up += store.journal(&run, 0).await.unwrap().iter().filter(|r| r.kind == "attempt").count();
        }
    }
    // `cordon` and `drain` may happen once: their intent on disk and their outcome not, a person is asked. On either side of it.
    assert_eq!(parked, 4, "only between intent and outcome of a call that may not be repeated");
    assert!(taken_up > 10, "most crashes hit a run that is under way: {taken_up}");
}

#[tokio::test]
async fn dying_again_while_recovering_changes_nothing() {
    let (_, _, commits) = story(&[]).await;
    for at in 1..=commits {
        for again in 1..=4 {
            for side in [Side::Before, Side::After] {
                let crashes = [(at, Side::After), (again, side), (1, Side::After), (2, Side::Before)];
                let (store, world, _) = story(&crashes).await;
                holds(&store, &world, &crashes).await;
            }
        }
    }
}

#[tokio::test]
async fn a_full_store_takes_nothing_and_loses_nothing() {
    let rig = Rig::new(script()).await;
    rig.store.set_full(true);
    let alert = json!({ "alerts": [{ "status": "firing", "name": "Disk", "node": "n7" }] }).to_string();
    let refused = rig.engine.deliver(delivery(alert.clone().into_bytes())).await;
    assert!(matches!(refused, Err(rrb_engine::api::ApiError::Overloaded(_))), "{refused:?}");
    rig.store.set_full(false);
    rig.advance(2000).await;
    rig.engine.deliver(delivery(alert.into_bytes())).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), 1);
    assert_eq!(rig.world.times("cordon"), 1);
}

#[tokio::test]
async fn a_failed_store_stops_everything_and_says_so() {
    let rig = Rig::new(script()).await;
    rig.store.crash_at(rig.store.commits() + 1, Side::Before);
    let params = [("node".to_owned(), json!("n7"))].into();
    let start = StartRun { runbook: "relieve".into(), params, id: None };
    let answer = rig.engine.start(start, &person("ana")).await;
    assert!(matches!(answer, Err(rrb_engine::api::ApiError::Failed(_))), "{answer:?}");
    rig.engine.settled().await;
    assert!(rig.world.calls().is_empty());
    assert!(rig.engine.failure().is_some());
    assert!(matches!(rig.engine.status().await, Err(rrb_engine::api::ApiError::Failed(_))));
    let refused = rig.engine.deliver(delivery(b"{}".to_vec())).await;
    assert!(matches!(refused, Err(rrb_engine::api::ApiError::Failed(_))), "{refused:?}");
}
