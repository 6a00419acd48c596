//! What an action declares, from source through the engine: what is done again after a death between intent and outcome, who holds a
//! target, and what people are asked and told.

use rrb_engine::api::{ControlPlane, StartRun};
use rrb_engine::store::RunStatus;
use rrb_lang::vm::protocol::{FailureKind, Happened, Resolution};
use serde_json::json;

use crate::rig::person;
use crate::source::Bench;

const MINUTE: i64 = 60_000;

/// Starts a run whose call never answers, kills the process in it, and starts it again.
async fn dies_in(text: &str, path: &str, pause_ms: i64) -> (Bench, String) {
    let b = Bench::new(text).await;
    b.lab.hangs.lock().unwrap().push(path.to_owned());
    let start = StartRun { runbook: "it".to_owned(), params: Default::default(), id: None };
    let run = b.engine.start(start, &person("ana")).await.unwrap();
    for _ in 0..100_000 {
        if b.lab.times(path) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(b.lab.times(path), 1);
    b.lab.hangs.lock().unwrap().clear();
    b.clock.advance(pause_ms);
    (b.restart().await, run)
}

#[tokio::test]
async fn an_idempotent_call_is_made_again() {
    let (b, run) = dies_in("runbook it() { do lab.set(\"x\") }", "set/x", 0).await;
    assert_eq!(b.state(&run).await, "resolved: ");
    assert_eq!(b.lab.times("set/x"), 2);
}

#[tokio::test]
async fn a_call_that_may_happen_once_waits_for_a_person() {
    let text = "runbook it() { do lab.send(\"x\") }";
    for (resolution, times) in [(Resolution::Happened { result: None }, 1), (Resolution::DidNotHappen, 1)] {
        let happened = matches!(resolution, Resolution::Happened { .. });
        let (b, run) = dies_in(text, "send/x", 0).await;
        assert_eq!(b.state(&run).await, "parked");
        b.engine.resolve(&run, resolution, "looked", &person("cy")).await.unwrap();
        b.engine.settled().await;
        assert_eq!(b.state(&run).await.starts_with("resolved"), happened, "{}", b.state(&run).await);
        assert_eq!(b.lab.times("send/x"), times);
    }
    // With `retry`, what provably did not happen is tried again.
    let (b, run) = dies_in("runbook it() { do lab.send(\"x\") retry 2 times }", "send/x", 0).await;
    b.engine.resolve(&run, Resolution::DidNotHappen, "looked", &person("cy")).await.unwrap();
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: ");
    assert_eq!(b.lab.times("send/x"), 2);
}

#[tokio::test]
async fn a_keyed_call_is_made_again_with_its_key_inside_its_window() {
    let text = "runbook it() { do lab.order(\"x\") }";
    let (b, run) = dies_in(text, "order/x", 59 * MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: ");
    let keys = b.lab.keys.lock().unwrap().clone();
    assert!(keys.len() == 2 && keys[0] == keys[1] && keys[0].is_some(), "{keys:?}");
    let (b, run) = dies_in(text, "order/x", 60 * MINUTE).await;
    assert_eq!(b.state(&run).await, "parked", "the key is no longer good");
    assert_eq!(b.lab.times("order/x"), 1);
}

#[tokio::test]
async fn a_probe_says_whether_it_happened() {
    let text = "runbook it() { do lab.move_to(\"x\") retry 1 times }";
    for (says, times) in [("yes", 1), ("no", 2)] {
        let b = Bench::new(text).await;
        b.lab.says("look/moved", says);
        b.lab.fails("move/x", 1, FailureKind::Timeout, Happened::Maybe);
        let run = b.start("it", json!({})).await;
        b.advance(MINUTE).await;
        assert_eq!(b.state(&run).await, "resolved: ", "the answer never came, and the probe says {says}");
        assert_eq!(b.lab.times("move/x"), times);
    }
    let (b, run) = dies_in(text, "move/x", 0).await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: ", "the probe says no: it is done again");
    assert_eq!(b.lab.times("move/x"), 2);
}

#[tokio::test]
async fn targets_are_held_from_source_and_the_younger_gives_way() {
    let b = Bench::new(
        r#"
        runbook holds() { do lab.hold("n1", "a")  wait 1m  do lab.hold("n2", "a again") }
        runbook waits() { do lab.hold("n1", "b") }
        runbook grabs() { try { do lab.grab("n1", "c") } catch f { finish escalated "${f.kind == conflict}" } }
        runbook young() { do lab.hold("n2", "y") undo { do lab.set("undone") }  do lab.hold("n1", "never") }
        "#,
    )
    .await;
    let holds = b.start("holds", json!({})).await;
    let waits = b.start("waits", json!({})).await;
    let grabs = b.start("grabs", json!({})).await;
    assert_eq!(b.state(&grabs).await, "escalated: true", "`on busy fail` does not wait");
    assert_eq!(b.view(&waits).await.waiting_for.len(), 1);
    b.clock.advance(1);
    let young = b.start("young", json!({})).await;
    assert_eq!(b.state(&young).await, "waiting");
    b.advance(MINUTE).await;
    let state = b.state(&young).await;
    assert!(state.starts_with("rolled_back: ") && state.contains("the younger gives way"), "{state}");
    assert_eq!(b.state(&holds).await, "resolved: ");
    assert_eq!(b.state(&waits).await, "resolved: ");
    assert_eq!(b.lab.done(), ["hold/a", "hold/y", "set/undone", "hold/a%20again", "hold/b"]);
}

#[tokio::test]
async fn people_are_asked_through_an_action_and_on_the_page_when_it_fails() {
    let text = r#"
        runbook asks(node: Text) {
          approve "Wipe ${node}?" from group("sre")
            within 2h
            remind every 30m
            escalate to user("cy") after 1h
            require comment
            ask lab.tell("ops")
          { do lab.wipe(node) } otherwise d { finish escalated d.reason }
        }
        "#;
    for broken in [false, true] {
        let b = Bench::new(text).await;
        if broken {
            b.lab.fails("tell/ops", 9, FailureKind::Forbidden, Happened::Answered);
        }
        let mut timeline = b.engine.subscribe();
        let run = b.start("asks", json!({ "node": "n1" })).await;
        assert_eq!(b.lab.times("tell/ops"), 1, "the channel is asked");
        let open = b.open_approval().await;
        let no_comment = rrb_engine::api::Vote { approve: true, comment: String::new(), digest: None };
        assert!(b.engine.vote(&open.id, no_comment, &person("bo")).await.is_err(), "a comment is required");
        b.advance(30 * MINUTE).await;
        let mut asked = 0;
        while let Ok(item) = timeline.try_recv() {
            asked += usize::from(matches!(item.what, rrb_engine::api::What::ApprovalAsked { .. }));
        }
        assert_eq!(asked, 2, "asked, and reminded once");
        b.vote(true, "bo").await;
        assert_eq!(b.state(&run).await, "resolved: ");
        assert_eq!(b.lab.times("wipe/n1"), 1);
    }
    let b = Bench::new(text).await;
    let run = b.start("asks", json!({ "node": "n1" })).await;
    b.advance(120 * MINUTE).await;
    assert_eq!(b.row(&run).await.status, RunStatus::Done);
    assert!(b.state(&run).await.starts_with("escalated: "), "{}", b.state(&run).await);
    assert_eq!(b.lab.times("wipe/n1"), 0);
}

#[tokio::test]
async fn waiting_until_something_holds_looks_again_and_again() {
    let b = Bench::new(
        r#"
        runbook until() {
          let came = wait until lab.look("disk") == "free" every 30s within 2m
          finish resolved "${came}"
        }
        "#,
    )
    .await;
    let run = b.start("until", json!({})).await;
    b.advance(MINUTE).await;
    b.lab.says("look/disk", "free");
    assert_eq!(b.state(&run).await, "waiting");
    b.advance(MINUTE / 2).await;
    assert_eq!(b.state(&run).await, "resolved: true");
    let b = b.restart().await;
    b.lab.says("look/disk", "full");
    let run = b.start("until", json!({})).await;
    for _ in 0..5 {
        b.advance(MINUTE / 2).await;
    }
    assert_eq!(b.state(&run).await, "resolved: false");
}

#[tokio::test]
async fn a_pause_holds_a_run_before_its_next_change() {
    let b = Bench::new("runbook paused() { do lab.set(\"one\")  wait 1m  do lab.set(\"two\") }").await;
    let run = b.start("paused", json!({})).await;
    b.engine.pause(Some("paused"), true, &person("ana")).await.unwrap();
    b.advance(MINUTE).await;
    assert_eq!((b.state(&run).await.as_str(), b.lab.times("set/two")), ("waiting", 0));
    assert_eq!(b.view(&run).await.waiting_for.len(), 1);
    let b = b.restart().await;
    assert_eq!(b.lab.times("set/two"), 0, "a pause survives a restart");
    assert!(b.try_start("paused", json!({})).await.is_err(), "and nothing new begins");
    b.engine.pause(Some("paused"), false, &person("ana")).await.unwrap();
    b.engine.settled().await;
    assert_eq!(b.state(&run).await, "resolved: ");
}
