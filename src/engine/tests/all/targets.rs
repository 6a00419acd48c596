//! Runs that want the same thing, runs that are stopped, and runs that cannot go on.

use rrb_engine::api::{ApiError, ControlPlane};
use rrb_engine::store::memory::Side;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Resolution};

use crate::rig::{Rig, person};
use crate::script::{Again, Change, Script, Step, change};

fn on(target: &'static str, name: &'static str) -> Step {
    Step::Change(Change { target: Some(target), ..change(name) })
}

#[tokio::test]
async fn a_target_is_held_from_the_first_change_until_the_end() {
    let mut script = Script::new("p1");
    script.runbook("first", vec![on("n7", "one"), Step::Sleep(1000), on("n7", "two")]);
    script.runbook("second", vec![on("n7", "three")]);
    let rig = Rig::new(script).await;
    let first = rig.start("first", "n7", "ana").await.unwrap();
    let second = rig.start("second", "n7", "ana").await.unwrap();
    assert_eq!(rig.state(&second).await, "waiting");
    let waits = rig.view(&second).await.waiting_for;
    assert!(waits[0].contains("the target `k8s[default] n7`"), "{waits:?}");
    rig.advance(1000).await;
    assert_eq!(rig.state(&first).await, "done: resolved");
    assert_eq!(rig.state(&second).await, "done: resolved");
    assert_eq!(rig.world.calls(), ["one", "two", "three"]);
}

#[tokio::test]
async fn holds_and_lines_survive_a_restart() {
    let mut script = Script::new("p1");
    script.runbook("first", vec![on("n7", "one"), Step::Sleep(1000), on("n7", "two")]);
    script.runbook("second", vec![on("n7", "three")]);
    let rig = Rig::new(script).await;
    let first = rig.start("first", "n7", "ana").await.unwrap();
    let second = rig.start("second", "n7", "ana").await.unwrap();
    let rig = rig.restart().await.unwrap();
    assert_eq!((rig.state(&first).await, rig.state(&second).await), ("waiting".into(), "waiting".into()));
    rig.advance(1000).await;
    assert_eq!(rig.world.calls(), ["one", "two", "three"]);
    assert_eq!(rig.state(&second).await, "done: resolved");
}

#[tokio::test]
async fn on_busy_fail_does_not_wait() {
    let mut script = Script::new("p1");
    script.runbook("first", vec![on("n7", "one"), Step::Sleep(1000)]);
    let busy = Change { target: Some("n7"), on_busy_fail: true, ..change("two") };
    script.runbook("second", vec![Step::Change(busy)]);
    let rig = Rig::new(script).await;
    let first = rig.start("first", "n7", "ana").await.unwrap();
    let second = rig.start("second", "n7", "ana").await.unwrap();
    assert_eq!(rig.state(&second).await, "done: failed");
    let why = rig.row(&second).await.end.unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.contains(&format!("held by the run `{first}`")), "{why}");
}

#[tokio::test]
async fn of_two_that_wait_for_each_other_the_younger_fails() {
    // Each takes one, waits, and wants the other's; whichever asks second, the younger gives way.
    for (old_waits, young_waits) in [(1000, 2000), (2000, 1000), (1000, 1000)] {
        let mut script = Script::new("p1");
        script.runbook("old", vec![on("x", "old.x"), Step::Sleep(old_waits), on("y", "old.y")]);
        script.runbook("young", vec![on("y", "young.y"), Step::Sleep(young_waits), on("x", "young.x")]);
        let rig = Rig::new(script).await;
        let old = rig.start("old", "n7", "ana").await.unwrap();
        rig.clock.advance(1);
        let young = rig.start("young", "n7", "ana").await.unwrap();
        for _ in 0..4 {
            rig.advance(1000).await;
        }
        assert_eq!(rig.state(&old).await, "done: resolved", "{old_waits} {young_waits}");
        assert_eq!(rig.state(&young).await, "done: failed", "{old_waits} {young_waits}");
        assert_eq!((rig.world.times("old.y"), rig.world.times("young.x")), (1, 0));
    }
}

#[tokio::test]
async fn a_cancelled_run_leaves_the_line_and_undoes() {
    let mut script = Script::new("p1");
    script.runbook("first", vec![on("n7", "one"), Step::Sleep(1000)]);
    let cordon = Change { undo: Some("uncordon"), ..change("cordon") };
    script.runbook("second", vec![Step::Change(cordon), on("n7", "two")]);
    script.runbook("third", vec![on("n7", "three")]);
    let rig = Rig::new(script).await;
    rig.start("first", "n7", "ana").await.unwrap();
    let second = rig.start("second", "n7", "ana").await.unwrap();
    let third = rig.start("third", "n7", "ana").await.unwrap();
    rig.engine.cancel(&second, "not needed", &person("bo")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.state(&second).await, "done: cancelled");
    assert_eq!(rig.world.times("uncordon"), 1);
    let again = rig.engine.cancel(&second, "again", &person("bo")).await;
    assert!(matches!(&again, Err(ApiError::Conflict(why)) if why.ends_with("is over")), "{again:?}");
    let gone = rig.engine.cancel("run_nope", "", &person("bo")).await;
    assert!(matches!(gone, Err(ApiError::NotFound { .. })), "{gone:?}");
    rig.advance(1000).await;
    assert_eq!(rig.state(&third).await, "done: resolved");
    let by = rig.engine.audit(0, 1000, Some(&second)).await.unwrap();
    assert!(by.iter().any(|r| r.draft.kind == "run.cancelled" && r.draft.actor == "user:bo (terminal)"));
}

#[tokio::test]
async fn a_pause_holds_runs_at_the_next_change_and_stops_new_ones() {
    let mut script = Script::new("p1");
    script.runbook("drain", vec![Step::Sleep(1000), on("n7", "one"), Step::Read("look")]);
    let rig = Rig::new(script).await;
    let run = rig.start("drain", "n7", "ana").await.unwrap();
    let wrong = rig.engine.pause(Some("drian"), true, &person("ana")).await;
    assert!(matches!(&wrong, Err(ApiError::NotFound { hint: Some(h), .. }) if h == "drain"), "{wrong:?}");
    for runbook in [Some("drain"), None] {
        rig.engine.pause(runbook, true, &person("ana")).await.unwrap();
    }
    rig.advance(1000).await;
    assert_eq!(rig.state(&run).await, "waiting");
    let refused = rig.start("drain", "n7", "ana").await;
    assert!(matches!(&refused, Err(ApiError::Conflict(why)) if why.contains("paused")), "{refused:?}");
    let rig = rig.restart().await.unwrap();
    assert_eq!(rig.state(&run).await, "waiting", "a pause survives a restart");
    assert_eq!(rig.engine.status().await.unwrap().paused, ["*", "drain"]);
    rig.engine.pause(Some("drain"), false, &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.state(&run).await, "waiting", "all are still paused");
    assert_eq!(rig.world.calls(), Vec::<String>::new());
    rig.engine.pause(None, false, &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.state(&run).await, "done: resolved");
}

#[tokio::test]
async fn a_poison_run_is_left_alone_after_three_attempts() {
    let mut script = Script::new("p1");
    script.runbook("poison", vec![Step::Read("look"), Step::Panic]);
    script.runbook("fine", vec![Step::Read("look")]);
    let rig = Rig::new(script).await;
    let run = rig.start("poison", "n7", "ana").await.unwrap();
    assert_eq!(rig.state(&run).await, "parked");
    let attempts = |rows: &[rrb_engine::store::JournalRow]| rows.iter().filter(|r| r.kind == "attempt").count();
    assert_eq!(attempts(&rig.view(&run).await.journal), 3);
    assert_eq!(rig.world.times("look"), 1, "what was answered is not asked again");
    assert_eq!(rig.audited("run.quarantined").await.len(), 1);
    let fine = rig.start("fine", "n7", "ana").await.unwrap();
    assert_eq!(rig.state(&fine).await, "done: resolved", "others go on");
    let rig = rig.restart().await.unwrap();
    assert_eq!(attempts(&rig.view(&run).await.journal), 3, "a restart does not try it again");
    let resolved = rig.engine.resolve(&run, Resolution::DidNotHappen, "", &person("ana")).await;
    assert!(matches!(&resolved, Err(ApiError::Conflict(why)) if why.contains("quarantined")), "{resolved:?}");
    rig.engine.resume(&run, &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(attempts(&rig.view(&run).await.journal), 6, "three more");
    rig.engine.cancel(&run, "hopeless", &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.state(&run).await, "done: cancelled");
    let remains = rig.row(&run).await.end.unwrap()["remains"].clone();
    assert!(remains[0].as_str().unwrap().contains("nothing was undone"), "{remains}");
    let not = rig.engine.resume(&fine, &person("ana")).await;
    assert!(matches!(&not, Err(ApiError::Conflict(_))), "{not:?}");
    rig.audit_is_intact().await;
}

#[tokio::test]
async fn a_run_that_kills_the_process_is_left_alone_after_three_lives() {
    let mut script = Script::new("p1");
    script.runbook("killer", vec![Step::Change(change("kill"))]);
    let mut rig = Rig::new(script).await;
    rig.world.hang.lock().unwrap().push("kill".into());
    let params = [("node".to_owned(), serde_json::json!("n7"))].into();
    let start = rrb_engine::api::StartRun { runbook: "killer".into(), params, id: Some("run-1".into()) };
    rig.engine.start(start, &person("ana")).await.unwrap();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.world.times("kill"), 1);
    // Each life dies at its first commit but one: it counts the attempt and gets no further.
    for life in 1..=3 {
        let store = std::sync::Arc::new(rig.store.reopen());
        store.crash_at(3, Side::Before);
        drop(rig.engine);
        let (world, clock) = (rig.world.clone(), rig.clock.clone());
        rig = Rig::assemble(store, world, clock, rig.script, rig.project).await.unwrap();
        rig.engine.settled().await;
        assert_eq!(rig.store.crashed(), life < 3, "life {life}");
    }
    assert_eq!(rig.state("run-1").await, "parked");
    assert_eq!(rig.audited("run.quarantined").await.len(), 1);
}

#[tokio::test]
async fn a_call_of_unknown_outcome_waits_for_a_person() {
    for (resolution, state) in
        [(Resolution::Happened { result: None }, "done: resolved"), (Resolution::DidNotHappen, "done: resolved")]
    {
        let mut script = Script::new("p1");
        script.runbook("pay", vec![Step::Change(change("pay"))]);
        let rig = Rig::new(script).await;
        let commits = rig.store.commits();
        // Created and started, gate, intent; the outcome is lost.
        rig.store.crash_at(commits + 4, Side::Before);
        let run = rig.start("pay", "n7", "ana").await.unwrap();
        assert!(rig.store.crashed());
        assert_eq!(rig.world.times("pay"), 1);
        let rig = rig.restart().await.unwrap();
        assert_eq!(rig.state(&run).await, "parked");
        let waits = rig.view(&run).await.waiting_for;
        assert!(waits[0].contains("what became of `pay`"), "{waits:?}");
        let resumed = rig.engine.resume(&run, &person("ana")).await;
        assert!(matches!(resumed, Err(ApiError::Conflict(_))), "it is not quarantined: {resumed:?}");
        rig.engine.resolve(&run, resolution, "I looked", &person("bo")).await.unwrap();
        rig.engine.settled().await;
        assert_eq!(rig.state(&run).await, state);
        assert_eq!(rig.world.times("pay"), 1);
        let again = rig.engine.resolve(&run, Resolution::Unknown, "", &person("bo")).await;
        assert!(matches!(again, Err(ApiError::Conflict(_))), "{again:?}");
        assert_eq!(rig.audited("run.resolved").await.len(), 1);
    }
}

#[tokio::test]
async fn a_keyed_call_is_sent_again_only_while_its_key_is_good() {
    for (later, times, state) in [(59_999, 2, "done: resolved"), (60_000, 1, "parked")] {
        let mut script = Script::new("p1");
        script.runbook("pay", vec![Step::Change(Change { repeat: Again::Keyed(60_000), ..change("pay") })]);
        let rig = Rig::new(script).await;
        rig.store.crash_at(rig.store.commits() + 4, Side::Before);
        let run = rig.start("pay", "n7", "ana").await.unwrap();
        rig.clock.advance(later);
        let rig = rig.restart().await.unwrap();
        assert_eq!(rig.world.times("pay"), times, "{later}");
        assert_eq!(rig.state(&run).await, state, "{later}");
    }
}

#[tokio::test]
async fn calls_that_hang_panic_or_answer_too_much_are_failures() {
    let mut script = Script::new("p1");
    script.runbook("look", vec![Step::Read("look")]);
    let rig = Rig::new(script).await;
    rig.world.panic.lock().unwrap().push("look".into());
    let run = rig.start("look", "n7", "ana").await.unwrap();
    let why = rig.row(&run).await.end.unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.contains("`look` crashed"), "{why}");
    rig.world.panic.lock().unwrap().clear();

    let large = EffectOutcome::Done(rrb_lang::value::Value::text("x".repeat(300 * 1024)));
    rig.world.answers.lock().unwrap().insert("look".into(), large);
    let run = rig.start("look", "n7", "ana").await.unwrap();
    let why = rig.row(&run).await.end.unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.contains("more than the 256 KiB"), "{why}");

    let denied = EffectOutcome::Failed(Failure::new(FailureKind::Denied, "egress to 10.0.0.1 is not allowed"));
    rig.world.answers.lock().unwrap().insert("look".into(), denied);
    let run = rig.start("look", "n7", "ana").await.unwrap();
    assert_eq!(rig.state(&run).await, "done: denied");

    rig.world.hang.lock().unwrap().push("look".into());
    let params = [("node".to_owned(), serde_json::json!("n7"))].into();
    let start = rrb_engine::api::StartRun { runbook: "look".into(), params, id: None };
    let run = rig.engine.start(start, &person("ana")).await.unwrap();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.state(&run).await, "running");
    rig.clock.advance(61_000);
    rig.engine.settled().await;
    let why = rig.row(&run).await.end.unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.contains("did not answer in time"), "{why}");
}

#[tokio::test]
async fn going_down_lets_calls_end_and_loses_nothing() {
    let mut script = Script::new("p1");
    script.runbook("slow", vec![Step::Change(Change { repeat: Again::Always, ..change("slow") }), Step::Sleep(1000)]);
    let rig = Rig::new(script).await;
    let sleeping = rig.start("slow", "n7", "ana").await.unwrap();
    rig.world.hang.lock().unwrap().push("slow".into());
    let params = [("node".to_owned(), serde_json::json!("n7"))].into();
    let start = rrb_engine::api::StartRun { runbook: "slow".into(), params, id: None };
    let hanging = rig.engine.start(start, &person("ana")).await.unwrap();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let (engine, clock) = (rig.engine.clone(), rig.clock.clone());
    let down = tokio::spawn(async move { engine.shutdown(std::time::Duration::from_secs(5)).await });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!down.is_finished(), "a call is under way");
    let refused = rig.engine.deliver(crate::rig::delivery(b"{}".to_vec())).await;
    assert!(matches!(refused, Err(ApiError::Overloaded(_))), "{refused:?}");
    clock.advance(5000);
    down.await.unwrap();
    rig.world.hang.lock().unwrap().clear();
    let rig = rig.restart().await.unwrap();
    rig.advance(1000).await;
    assert_eq!(rig.state(&sleeping).await, "done: resolved");
    assert_eq!(rig.state(&hanging).await, "done: resolved");
    assert_eq!(rig.world.times("slow"), 3, "the call that hung was made again: it may be");
}

#[tokio::test]
async fn the_timeline_made_again_says_what_the_live_one_said() {
    let mut script = Script::new("p1");
    let steps =
        vec![Step::Evidence("before"), Step::Read("look"), on("n7", "one"), Step::Sleep(1000), Step::Evidence("after")];
    script.runbook("drain", steps);
    let rig = Rig::new(script).await;
    let mut live = rig.engine.subscribe();
    let run = rig.start("drain", "n7", "ana").await.unwrap();
    rig.advance(1000).await;
    let mut said = Vec::new();
    while let Ok(item) = live.try_recv() {
        if !matches!(item.what, rrb_engine::api::What::RunStatus { .. }) {
            said.push(item);
        }
    }
    assert_eq!(rig.view(&run).await.timeline, said);
}
