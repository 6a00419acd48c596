//! Waiting, handling and children through deaths of the process at every commit, on both sides of it, and again while it recovers:
//! whatever the point, the end is the same, nothing is done twice, and there is one child.

use std::sync::Arc;

use rrb_engine::api::{ApiError, ControlPlane, Delivery, StartRun};
use rrb_engine::audit::{Verdict, Verifier};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{EventFilter, RunFilter, RunStatus, Store};
use serde_json::{Value, json};

use crate::rig::{T0, person};
use crate::source::{Bench, Lab, again, runbooks};

const TEXT: &str = r#"
runbook child(node: Text) {
  during {
    do lab.set("child") undo { do lab.set("child undone") }
    wait 2m
  } on lab.alert as a where a.node == node {
    do lab.set("handled ${a.name}")
    if a.name == "again" { restart }
  }
  finish mitigated "done"
}
runbook story(node: Text) {
  do lab.set("parent") undo { do lab.set("parent undone") }
  let done = run child(node)
  step "Calm" {
    let calm = wait for lab.calm as c where c.node == node within 1h
    finish resolved "${done.why} ${calm?.node ?? "-"}"
  }
}
"#;

fn sent(path: &str, body: &Value) -> Delivery {
    let (headers, query) = Default::default();
    let (path, instance) = (path.to_owned(), "default".to_owned());
    Delivery { path, instance, body: body.to_string().into_bytes(), headers, query }
}

async fn count(b: &Bench, source: &str) -> Result<usize, ApiError> {
    let filter = EventFilter { source: Some(source.to_owned()), ..EventFilter::default() };
    Ok(b.engine.events(filter).await?.len())
}

/// What a patient person and a patient sender do: each once that it has been taken.
async fn push(b: &Bench, cancels: bool) -> Result<bool, ApiError> {
    let params = [("node".to_owned(), json!("n1"))].into();
    let start = StartRun { runbook: "story".to_owned(), params, id: Some("run_story".to_owned()) };
    match b.engine.start(start, &person("ana")).await {
        Ok(_) | Err(ApiError::Exists(_)) => {}
        Err(e) => return Err(e),
    }
    b.engine.settled().await;
    for (n, name) in ["again", "more"].into_iter().enumerate() {
        if count(b, "lab.alert").await? == n {
            b.engine.deliver(sent("/alert", &json!({ "name": name, "node": "n1" }))).await?;
            b.engine.settled().await;
        }
    }
    if cancels {
        match b.engine.cancel("run_story", "never mind", &person("ana")).await {
            Ok(()) | Err(ApiError::Conflict(_)) => {}
            Err(e) => return Err(e),
        }
        b.engine.settled().await;
    }
    b.advance(121_000).await;
    if count(b, "lab.calm").await? == 0 {
        b.engine.deliver(sent("/calm", &json!({ "node": "n1" }))).await?;
        b.engine.settled().await;
    }
    let runs = b.engine.runs(RunFilter::default()).await?;
    Ok(!runs.is_empty() && runs.iter().all(|r| r.status == RunStatus::Done))
}

/// Lives until every run is over, dying at these commits. Gives the commits of the last life.
async fn live(deaths: &[(u64, Side)], cancels: bool) -> (Arc<MemoryStore>, Arc<Lab>, u64) {
    let (lab, clock, loaded) = (Arc::new(Lab::default()), Arc::new(ManualClock::at(T0)), runbooks(TEXT));
    let mut store = Arc::new(MemoryStore::new());
    let mut planned = deaths.iter();
    for _ in 0..20 {
        if let Some((at, side)) = planned.next() {
            store.crash_at(*at, *side);
        }
        if let Ok(b) = Bench::assemble(store.clone(), lab.clone(), clock.clone(), again(&loaded)).await {
            for _ in 0..20 {
                match push(&b, cancels).await {
                    Ok(false) => {}
                    Ok(true) => return (store.clone(), lab, store.commits()),
                    Err(_) => break,
                }
            }
        }
        assert!(store.crashed(), "a life without a death comes to its end: {deaths:?}");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end: {deaths:?}");
}

async fn holds(store: &MemoryStore, lab: &Lab, deaths: &[(u64, Side)], cancels: bool) {
    let runs = store.runs(RunFilter::default()).await.unwrap();
    assert!(runs.len() <= 2, "one child: {deaths:?}");
    let story = runs.iter().find(|r| r.id == "run_story").unwrap();
    let end = story.end.clone().unwrap();
    let said = (end["outcome"].as_str().unwrap(), end["why"].as_str().unwrap());
    let wanted = if cancels { ("cancelled", "never mind") } else { ("resolved", "done n1") };
    assert_eq!(said, wanted, "{deaths:?}");
    for what in ["set/parent", "set/handled%20again", "set/handled%20more"] {
        assert!(lab.times(what) <= 1 + deaths.len(), "`{what}`: {} {deaths:?}", lab.times(what));
    }
    if !cancels {
        assert_eq!(runs.len(), 2, "{deaths:?}");
        let taken = store.audit(0, 100_000, None).await.unwrap();
        assert_eq!(taken.iter().filter(|r| r.draft.kind == "event.taken").count(), 3, "{deaths:?}");
        assert_eq!(lab.times("set/child%20undone") + lab.times("set/parent%20undone"), 0, "{deaths:?}");
    }
    let recovered = store.recover().await.unwrap();
    assert!(recovered.runs.is_empty() && recovered.unmatched.is_empty() && recovered.targets.is_empty(), "{deaths:?}");
    for run in &runs {
        let journal = store.journal(&run.id, 0).await.unwrap();
        assert!(journal.iter().enumerate().all(|(n, row)| row.seq == n as u64 + 1), "no gap: {deaths:?}");
    }
    let mut verifier = Verifier::default();
    for record in &store.audit(0, 100_000, None).await.unwrap() {
        verifier.take(record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { .. }));
}

async fn dies_everywhere(cancels: bool) {
    let (store, lab, commits) = live(&[], cancels).await;
    holds(&store, &lab, &[], cancels).await;
    assert!(commits > 15, "{commits} commits");
    for at in 1..=commits {
        for side in [Side::Before, Side::After] {
            let deaths = [(at, side)];
            let (store, lab, _) = live(&deaths, cancels).await;
            holds(&store, &lab, &deaths, cancels).await;
        }
    }
}

#[tokio::test]
async fn dying_at_every_commit_changes_nothing() {
    dies_everywhere(false).await;
}

#[tokio::test]
async fn dying_at_every_commit_of_a_cancellation_changes_nothing() {
    dies_everywhere(true).await;
}

#[tokio::test]
async fn dying_again_while_recovering_changes_nothing() {
    let (_, _, commits) = live(&[], false).await;
    for at in (1..=commits).step_by(2) {
        for again in [1, 2, 4] {
            let deaths = [(at, Side::After), (again, Side::Before), (1, Side::After)];
            let (store, lab, _) = live(&deaths, false).await;
            holds(&store, &lab, &deaths, false).await;
        }
    }
}
