//! From events to runs: every gate, in its order, with what it says, and what moves when.

use rrb_engine::api::{ApiError, ControlPlane, StartRun};
use rrb_engine::store::RunFilter;
use rrb_lang::syntax::ast::ConcurrencyMode;
use serde_json::json;

use crate::rig::{Rig, person, verdicts};
use crate::script::{Script, Step, change};

const MINUTE: i64 = 60_000;

/// `drain` listens to alerts named `Disk` and waits a minute.
fn drain() -> (Script, usize) {
    let mut script = Script::new("p1");
    let runbook = script.runbook("drain", vec![Step::Sleep(MINUTE)]);
    script.on_firing(runbook, Some("Disk"));
    (script, runbook)
}

#[tokio::test]
async fn every_event_has_a_disposition_that_says_why() {
    let (script, _) = drain();
    let rig = Rig::new(script).await;
    let yes = rig.firing("Disk", "n7").await;
    assert_eq!(verdicts(&yes), ["started"]);
    let run = yes[0].run.clone().unwrap();
    assert_eq!(rig.row(&run).await.requester, format!("event:{}", yes[0].event));
    let table = [
        ("Cpu", "n7", "where", "`a.name == \"Disk\"` is false: a.name is \"Cpu\""),
        ("Disk", "", "with", "`with` said `skip`"),
        ("Disk", "broken", "with", "`with` failed: the node is broken"),
    ];
    for (name, node, verdict, why) in table {
        let rows = rig.firing(name, node).await;
        assert_eq!((verdicts(&rows), rows[0].detail.as_str()), (vec![verdict], why));
        assert_eq!((rows[0].runbook.as_str(), &rows[0].run), ("drain", &None));
    }
    let nobody = rig.alerts(json!([{ "status": "resolved", "name": "Disk" }])).await.unwrap();
    let rows = rig.why(&nobody.events[0]).await;
    assert_eq!((verdicts(&rows), rows[0].detail.as_str()), (vec!["no_trigger"], "no runbook listens to it"));
    assert_eq!(rig.audited("event.matched").await.len(), 5);
    assert!(matches!(rig.engine.why("evt_nope").await, Err(ApiError::NotFound { .. })));
}

#[tokio::test]
async fn a_condition_that_fails_is_false_and_said() {
    let (mut script, runbook) = drain();
    let fails = script.condition(|_| Err("division by zero".into()));
    let kind = &mut script.runbooks[runbook].triggers[0].kind;
    if let rrb_lang::hir::TriggerKind::Event { condition, .. } = kind {
        condition[0].function = fails;
        condition[0].equals = None;
    }
    let rig = Rig::new(script).await;
    let rows = rig.firing("Disk", "n7").await;
    assert_eq!(verdicts(&rows), ["error"]);
    assert_eq!(rows[0].detail, "`a.name == \"Disk\"` failed: division by zero");
}

#[tokio::test]
async fn an_event_starts_a_runbook_once_by_its_first_matching_trigger() {
    let (mut script, runbook) = drain();
    script.on_firing(runbook, Some("Cpu"));
    script.on_firing(runbook, None);
    let rig = Rig::new(script).await;
    assert_eq!(verdicts(&rig.firing("Disk", "n7").await), ["started"]);
    assert_eq!(verdicts(&rig.firing("Other", "n8").await), ["started"]);
    let skipped = rig.firing("Disk", "").await;
    assert_eq!(verdicts(&skipped), ["with"]);
    assert!(skipped[0].detail.contains("a.name is \"Disk\""), "the other trigger's reason stands behind: {skipped:?}");
    assert_eq!(rig.engine.runs(RunFilter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn gates_say_no_in_their_order_and_counters_move_only_on_a_yes() {
    let (mut script, runbook) = drain();
    script.dedupe(runbook, 10 * MINUTE);
    script.limit(runbook, 2, 60 * MINUTE);
    script.concurrency(runbook, 1, ConcurrencyMode::Skip);
    let rig = Rig::new(script).await;
    assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["started"]);
    assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["dedupe"], "before limit and concurrency");
    rig.engine.pause(Some("drain"), true, &person("ana")).await.unwrap();
    let paused = rig.firing("Disk", "n2").await;
    assert_eq!(verdicts(&paused), ["paused"], "the last gate");
    rig.engine.pause(Some("drain"), false, &person("ana")).await.unwrap();
    assert_eq!(verdicts(&rig.firing("Disk", "n2").await), ["started"], "a no moved neither dedupe nor limit");
    let limited = rig.firing("Disk", "n3").await;
    assert_eq!(verdicts(&limited), ["limit"]);
    assert_eq!(limited[0].detail, "2 were started for this runbook in the last 1h, the limit is 2");
    let both = rig.firing("Disk", "n1").await;
    assert_eq!(verdicts(&both), ["dedupe"], "dedupe is asked before limit");
    assert_eq!(both[0].detail, "one was accepted for `n1` in the last 10m");
}

#[tokio::test]
async fn dedupe_ends_at_its_edge_and_survives_a_restart() {
    for (later, verdict) in [(10 * MINUTE - 1, "dedupe"), (10 * MINUTE, "started")] {
        let (mut script, runbook) = drain();
        script.dedupe(runbook, 10 * MINUTE);
        let rig = Rig::new(script).await;
        assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["started"]);
        rig.advance(later).await;
        let rig = rig.restart().await.unwrap();
        assert_eq!(verdicts(&rig.firing("Disk", "n1").await), [verdict], "{later}");
        assert_eq!(verdicts(&rig.firing("Disk", "n2").await), ["started"], "another key");
    }
}

#[tokio::test]
async fn without_a_clause_the_limit_is_a_hundred_an_hour() {
    let (script, _) = drain();
    let rig = Rig::new(script).await;
    for n in 0..100 {
        assert_eq!(verdicts(&rig.firing("Disk", &format!("n{n}")).await), ["started"], "{n}");
    }
    let rig = rig.restart().await.unwrap();
    assert_eq!(verdicts(&rig.firing("Disk", "n100").await), ["limit"]);
    rig.advance(60 * MINUTE).await;
    assert_eq!(verdicts(&rig.firing("Disk", "n100").await), ["started"]);
}

#[tokio::test]
async fn it_gives_up_after_ineffective_runs_of_one_key() {
    let mut script = Script::new("p1");
    let runbook = script.runbook("drain", vec![Step::Ineffective]);
    script.on_firing(runbook, None);
    script.give_up(runbook, 2, 60 * MINUTE);
    let rig = Rig::new(script).await;
    for _ in 0..2 {
        assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["started"]);
    }
    let gave_up = rig.audited("runbook.gave_up").await;
    assert_eq!((gave_up.len(), &gave_up[0]["key"]), (1, &json!("n1")), "said once, by the run that was one too many");
    let rig = rig.restart().await.unwrap();
    let rows = rig.firing("Disk", "n1").await;
    assert_eq!(verdicts(&rows), ["give_up"]);
    assert_eq!(rows[0].detail, "2 runs were ineffective for `n1` in the last 1h");
    assert_eq!(verdicts(&rig.firing("Disk", "n2").await), ["started"]);
    let by_hand = rig.start("drain", "n1", "ana").await;
    assert!(by_hand.is_ok(), "a person may still: {by_hand:?}");
    rig.advance(60 * MINUTE).await;
    assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["started"]);
}

#[tokio::test]
async fn a_queue_runs_one_after_the_other_also_over_a_restart() {
    let (mut script, runbook) = drain();
    script.concurrency(runbook, 1, ConcurrencyMode::Queue);
    let rig = Rig::new(script).await;
    let mut runs = Vec::new();
    for verdict in ["started", "queued", "queued"] {
        let rows = rig.firing("Disk", "n1").await;
        assert_eq!(verdicts(&rows), [verdict]);
        runs.push(rows[0].run.clone().unwrap());
    }
    assert_eq!(verdicts(&rig.firing("Disk", "n2").await), ["started"], "another key");
    let waits = rig.view(&runs[1]).await.waiting_for;
    assert!(waits[0].contains("its turn"), "{waits:?}");
    let rig = rig.restart().await.unwrap();
    rig.advance(MINUTE).await;
    assert_eq!(
        [rig.state(&runs[0]).await, rig.state(&runs[1]).await, rig.state(&runs[2]).await],
        ["done: resolved", "waiting", "queued"]
    );
    rig.engine.cancel(&runs[2], "not needed", &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(rig.state(&runs[2]).await, "done: cancelled");
    assert_eq!(rig.view(&runs[2]).await.journal.len(), 1, "it never began");
    rig.advance(MINUTE).await;
    assert_eq!(rig.state(&runs[1]).await, "done: resolved");
    assert_eq!(verdicts(&rig.firing("Disk", "n1").await), ["started"], "the place is free again");
}

#[tokio::test]
async fn replace_cancels_the_running_one_and_drops_who_waits() {
    let mut script = Script::new("p1");
    let cordon = crate::script::Change { undo: Some("uncordon"), ..change("cordon") };
    let runbook = script.runbook("drain", vec![Step::Change(cordon), Step::Sleep(MINUTE)]);
    script.on_firing(runbook, None);
    script.concurrency(runbook, 1, ConcurrencyMode::Replace);
    let rig = Rig::new(script).await;
    rig.world.hang.lock().unwrap().push("uncordon".into());
    let first = rig.firing("Disk", "n1").await[0].run.clone().unwrap();
    // The first one hangs in its undo: those after it wait, and only the last of them stays.
    let deliver = |n: u32| {
        let alert = json!({ "alerts": [{ "status": "firing", "name": "Disk", "node": "n1", "n": n }] });
        rig.engine.deliver(crate::rig::delivery(alert.to_string().into_bytes()))
    };
    let mut events = Vec::new();
    for n in 0..2 {
        events.extend(deliver(n).await.unwrap().events);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let second = rig.why(&events[0]).await[0].run.clone().unwrap();
    let third = rig.why(&events[1]).await[0].run.clone().unwrap();
    assert_eq!(rig.state(&first).await, "ending");
    assert_eq!(rig.state(&second).await, "done: cancelled");
    assert_eq!(rig.row(&second).await.end.unwrap()["why"], format!("replaced by the run `{third}`"));
    assert_eq!(rig.state(&third).await, "queued");
    rig.clock.advance(2 * MINUTE);
    rig.engine.settled().await;
    assert_eq!(rig.state(&first).await, "done: cancelled");
    assert_eq!(rig.state(&third).await, "waiting");
}

#[tokio::test]
async fn an_event_cancels_what_it_makes_needless() {
    let (mut script, runbook) = drain();
    script.cancel_when_resolved(runbook);
    let rig = Rig::new(script).await;
    let n1 = rig.firing("Disk", "n1").await[0].run.clone().unwrap();
    let n2 = rig.firing("Disk", "n2").await[0].run.clone().unwrap();
    let rig = rig.restart().await.unwrap();
    let receipt = rig.alerts(json!([{ "status": "resolved", "name": "Disk", "node": "n1" }])).await.unwrap();
    let rows = rig.why(&receipt.events[0]).await;
    assert_eq!((verdicts(&rows), rows[0].run.as_ref()), (vec!["cancelled"], Some(&n1)));
    assert_eq!(rows[0].detail, "the alert cleared by itself");
    assert_eq!((rig.state(&n1).await, rig.state(&n2).await), ("done: cancelled".into(), "waiting".into()));
    let again = rig.alerts(json!([{ "status": "resolved", "name": "Disk", "node": "n1" }])).await.unwrap();
    assert_eq!(verdicts(&rig.why(&again.events[0]).await), ["no_trigger"], "there is nothing left to cancel");
}

#[tokio::test]
async fn a_person_skips_the_counters_but_not_the_places() {
    let (mut script, runbook) = drain();
    script.dedupe(runbook, 10 * MINUTE);
    script.limit(runbook, 1, 60 * MINUTE);
    script.concurrency(runbook, 1, ConcurrencyMode::Skip);
    let rig = Rig::new(script).await;
    rig.firing("Disk", "n1").await;
    assert_eq!(verdicts(&rig.firing("Disk", "n2").await), ["limit"]);
    rig.start("drain", "n2", "ana").await.unwrap();
    let taken = rig.start("drain", "n1", "ana").await;
    assert!(matches!(&taken, Err(ApiError::Conflict(why)) if why.contains("1 of 1 run for `n1`")), "{taken:?}");
    let created = rig.audited("run.created").await;
    assert_eq!(created[0]["skipped"], json!([]));
    assert_eq!(created[1]["skipped"], json!(["dedupe", "give up", "limit"]));
}

#[tokio::test]
async fn what_is_wrong_with_a_start_is_said() {
    let (script, _) = drain();
    let rig = Rig::new(script).await;
    let start = |runbook: &str, params: serde_json::Value, id: Option<&str>| StartRun {
        runbook: runbook.into(),
        params: serde_json::from_value(params).unwrap(),
        id: id.map(str::to_owned),
    };
    let ana = person("ana");
    for (start, why) in [
        (start("drian", json!({}), None), "there is no runbook `drian`; did you mean `drain`?"),
        (start("drain", json!({}), None), "`drain` needs the parameter `node`"),
        (start("drain", json!({ "noed": "n1" }), None), "`drain` has no parameter `noed`; did you mean `node`?"),
        (
            start("drain", json!({ "node": 7 }), None),
            "the parameter `node` does not fit: expected a text, found a number",
        ),
        (start("drain", json!({ "node": "n1" }), Some("a b")), "`a b` is no id of a run"),
        (start("drain", json!({ "node": "n1" }), Some("")), "`` is no id of a run"),
        (start("drain", json!({ "node": "n1" }), Some(&"x".repeat(65))), "is no id of a run"),
    ] {
        let error = rig.engine.start(start, &ana).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let short = "x".repeat(63);
    assert_eq!(rig.engine.start(start("drain", json!({ "node": "n1" }), Some(&short)), &ana).await, Ok(short));
    let long = "x".repeat(64);
    let ok = rig.engine.start(start("drain", json!({ "node": "n1" }), Some(&long)), &ana).await.unwrap();
    assert_eq!(ok, long);
    let twice = rig.engine.start(start("drain", json!({ "node": "n1" }), Some(&long)), &ana).await;
    assert_eq!(twice, Err(ApiError::Exists(long)));
}

#[tokio::test]
async fn a_runbook_in_shadow_gets_a_run_and_the_verdict_says_so() {
    let (mut script, runbook) = drain();
    script.runbooks[runbook].shadow = true;
    let rig = Rig::new(script).await;
    let told = rig.firing("Disk", "n1").await;
    assert_eq!(verdicts(&told), ["shadow"]);
    assert!(told[0].run.is_some(), "{told:?}");
    assert!(rig.start("drain", "n2", "ana").await.is_ok());
}

#[tokio::test]
async fn with_many_runbooks_the_index_answers_and_why_still_tells_of_all() {
    let mut script = Script::new("p1");
    for n in 0..300 {
        let runbook = script.runbook(&format!("r{n}"), vec![]);
        script.on_firing(runbook, Some(&format!("Alert{n}")));
    }
    let all = script.runbook("all", vec![]);
    script.on_firing(all, None);
    let rig = Rig::new(script).await;
    let rows = rig.firing("Alert7", "n1").await;
    assert_eq!(rows.len(), 301);
    let started: Vec<&str> = rows.iter().filter(|r| r.verdict == "started").map(|r| r.runbook.as_str()).collect();
    assert_eq!(started, ["r7", "all"]);
    let r8 = rows.iter().find(|r| r.runbook == "r8").unwrap();
    assert_eq!(
        (r8.verdict.as_str(), r8.detail.as_str()),
        ("where", "`a.name == \"Alert8\"` is false: a.name is \"Alert7\"")
    );
    let kept = rrb_engine::store::Store::dispositions(&*rig.store, &rows[0].event).await.unwrap();
    assert_eq!(kept.len(), 3, "what did not concern it is not written down: {kept:?}");
}

#[tokio::test]
async fn reloading_keeps_runs_on_their_program_and_gives_new_ones_the_new() {
    let (script, _) = drain();
    let rig = Rig::new(script).await;
    let old = rig.start("drain", "n1", "ana").await.unwrap();
    let mut newer = Script::new("p2");
    newer.runbook("drain", vec![Step::Read("new")]);
    let loaded = rrb_engine::programs::Loaded {
        code: std::sync::Arc::new(newer),
        settings: Default::default(),
        project: rig.project.clone(),
    };
    rig.engine.load(loaded).await.unwrap();
    let new = rig.start("drain", "n1", "ana").await.unwrap();
    assert_eq!(rig.row(&new).await.program, "p2");
    assert_eq!(rig.world.times("new"), 1);
    rig.advance(MINUTE).await;
    assert_eq!((rig.row(&old).await.program.as_str(), rig.state(&old).await.as_str()), ("p1", "done: resolved"));
    assert_eq!(rig.world.times("new"), 1, "the old run did what the old program says");
}

#[tokio::test]
async fn a_program_that_is_gone_parks_its_runs_and_says_so() {
    let (script, _) = drain();
    let rig = Rig::new(script).await;
    let run = rig.start("drain", "n1", "ana").await.unwrap();
    rig.clock.advance(MINUTE);
    let mut other = Script::new("p2");
    other.runbook("other", vec![]);
    let rig = Rig { script: std::sync::Arc::new(other), ..rig }.restart().await.unwrap();
    assert_eq!(rig.state(&run).await, "parked");
    let why = &rig.audited("run.quarantined").await[0]["why"];
    assert!(why.as_str().unwrap().contains("there is no program `p1`"), "{why}");
}

#[tokio::test]
async fn the_status_counts_what_is_open() {
    let mut script = Script::new("p1");
    let ask = crate::script::ask();
    let runbook = script.runbook("drain", vec![Step::Approve(Box::new(ask)), Step::Sleep(MINUTE)]);
    script.concurrency(runbook, 1, ConcurrencyMode::Queue);
    let mut rig = Rig::new(script).await;
    let count = async |rig: &Rig| {
        let status = rig.engine.status().await.unwrap();
        (status.open_runs, status.open_approvals)
    };
    let first = rig.start("drain", "n1", "ana").await.unwrap();
    let second = rig.start("drain", "n1", "ana").await.unwrap();
    let third = rig.start("drain", "n2", "ana").await.unwrap();
    assert_eq!(count(&rig).await, (3, 2));
    rig = rig.restart().await.unwrap();
    assert_eq!(count(&rig).await, (3, 2));
    rig.engine.cancel(&second, "", &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(count(&rig).await, (2, 2), "one that waited in line is gone");
    rig.engine.cancel(&third, "", &person("ana")).await.unwrap();
    rig.engine.settled().await;
    assert_eq!(count(&rig).await, (1, 1), "with a run its open approval is void");
    let open = rig.open_approval().await.id;
    for name in ["bo", "cy"] {
        rig.vote(&open, crate::rig::yes(), name).await.unwrap();
    }
    assert_eq!(count(&rig).await, (1, 0));
    rig.advance(MINUTE).await;
    assert_eq!((count(&rig).await, rig.state(&first).await), ((0, 0), "done: resolved".into()));
}

#[tokio::test]
async fn resuming_twice_at_once_is_one_resumption() {
    let mut script = Script::new("p1");
    script.runbook("poison", vec![Step::Panic]);
    let rig = Rig::new(script).await;
    let run = rig.start("poison", "n1", "ana").await.unwrap();
    let (ana, bo) = (person("ana"), person("bo"));
    let (a, b) = tokio::join!(rig.engine.resume(&run, &ana), rig.engine.resume(&run, &bo));
    assert!(a.is_ok() && matches!(b, Err(ApiError::Conflict(_))), "{a:?} {b:?}");
    rig.engine.settled().await;
    assert_eq!(rig.engine.failure(), None);
}
