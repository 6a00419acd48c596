//! `wait for` and `during`, from source through the engine.

use rrb_engine::api::What;
use rrb_engine::store::{EventRow, Op, Store};
use serde_json::json;

use crate::rig::T0;
use crate::source::Bench;

const MINUTE: i64 = 60_000;

const WAITS: &str = r#"
runbook calmed(node: Text) {
  do lab.set("a")
  let calm = wait for lab.calm as c where c.node == node within 10m
  if let calm = calm { finish resolved "calm at ${calm.node}" }
  finish escalated "not calm"
}
"#;

#[tokio::test]
async fn an_event_ends_the_wait_and_has_a_disposition() {
    let b = Bench::new(WAITS).await;
    let run = b.start("calmed", json!({ "node": "n1" })).await;
    assert_eq!(b.state(&run).await, "waiting");
    let waits = b.view(&run).await.waiting_for;
    assert!(waits[0].starts_with("the event `lab.calm as c where c.node == node` (until "), "{waits:?}");
    let other = b.calm("n2").await;
    assert_eq!(b.verdicts(&other).await, [" no_trigger -"]);
    assert_eq!(b.state(&run).await, "waiting");
    let event = b.calm("n1").await;
    assert_eq!(b.state(&run).await, "resolved: calm at n1");
    let verdicts = b.verdicts(&event).await;
    assert_eq!(verdicts, [" no_trigger -".to_owned(), format!("calmed taken {run}")]);
    let taken = b.timeline(&run).await.into_iter().find(|w| matches!(w, What::EventTaken { .. }));
    assert_eq!(taken, Some(What::EventTaken { id: event.clone(), source: "lab.calm".to_owned() }));
    assert_eq!(b.audited("event.taken").await[0]["event"], json!(event));
    b.audit_is_intact().await;
}

#[tokio::test]
async fn without_the_event_the_time_ends_the_wait() {
    let b = Bench::new(WAITS).await;
    let run = b.start("calmed", json!({ "node": "n1" })).await;
    b.advance(10 * MINUTE - 1).await;
    assert_eq!(b.state(&run).await, "waiting");
    b.advance(1).await;
    assert_eq!(b.state(&run).await, "escalated: not calm");
    let late = b.calm("n1").await;
    assert_eq!(b.verdicts(&late).await, [" no_trigger -"]);
}

#[tokio::test]
async fn a_wait_survives_a_restart_and_an_event_while_the_process_was_down_counts() {
    let b = Bench::new(WAITS).await;
    let run = b.start("calmed", json!({ "node": "n1" })).await;
    let b = b.restart().await;
    assert_eq!(b.state(&run).await, "waiting");
    b.calm("n2").await;
    b.calm("n1").await;
    assert_eq!(b.state(&run).await, "resolved: calm at n1");
    assert_eq!(b.lab.done(), ["set/a"]);
}

#[tokio::test]
async fn nothing_is_lost_between_a_call_and_its_wait() {
    // Both events come while the run is busy elsewhere, before it waits.
    let b = Bench::new(
        r#"
        runbook patient() {
          do lab.set("a")
          wait 5m
          let one = wait for lab.calm as c within 1m
          let two = wait for lab.calm as c within 1m
          let three = wait for lab.calm as c within 1m
          let name = [one?.node ?? "-", two?.node ?? "-", three?.node ?? "-"].join(" ")
          finish resolved name
        }
        "#,
    )
    .await;
    let run = b.start("patient", json!({})).await;
    b.clock.advance(1000);
    b.calm("n1").await;
    b.clock.advance(1000);
    b.calm("n2").await;
    b.advance(5 * MINUTE).await;
    assert_eq!(b.state(&run).await, "waiting", "each event is used once, the oldest first");
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: n1 n2 -");
}

#[tokio::test]
async fn a_wait_sees_what_came_since_its_step_began() {
    let b = Bench::new(
        r#"
        runbook steps() {
          wait 1m
          step "later" {
            wait 1m
            let calm = wait for lab.calm as c within 1m
            finish resolved calm?.node ?? "none"
          }
        }
        "#,
    )
    .await;
    let run = b.start("steps", json!({})).await;
    b.clock.advance(1000);
    b.calm("too early").await;
    b.advance(MINUTE).await;
    b.clock.advance(1000);
    b.calm("in the step").await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: in the step");
}

#[tokio::test]
async fn two_runs_take_the_same_event_and_neither_takes_what_started_it() {
    let b = Bench::new(
        r#"
        runbook again(node: Text) {
          on lab.calm as c with node: c.node
          let next = wait for lab.calm as c where c.node == node within 1h
          finish resolved next?.node ?? "none"
        }
        "#,
    )
    .await;
    let first = b.calm("n1").await;
    assert_eq!(b.runs().await.len(), 1);
    assert!(b.verdicts(&first).await[0].starts_with("again started "));
    b.advance(1000).await;
    let second = b.calm("n1").await;
    let verdicts = b.verdicts(&second).await;
    assert!(verdicts[0].starts_with("again started ") && verdicts[1].starts_with("again taken "), "{verdicts:?}");
    b.advance(1000).await;
    let third = b.calm("n1").await;
    assert_eq!(b.verdicts(&third).await.iter().filter(|v| v.contains(" taken ")).count(), 1);
}

#[tokio::test]
async fn a_wait_ends_with_the_timeout_of_the_call_around_it() {
    let b = Bench::new(
        r#"
        action settle() changes {
          do lab.set("a")
          wait for lab.calm as c within 1h
        }
        runbook impatient() {
          try { do settle() timeout 1m } catch f { finish escalated "${f.kind == timeout}" }
        }
        "#,
    )
    .await;
    let run = b.start("impatient", json!({})).await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "escalated: true");
}

const DURING: &str = r#"
runbook watched(node: Text) {
  during {
    do lab.set("a")
    wait 10m
    do lab.set("b")
  } on lab.calm as c where c.node == node {
    finish not_needed "calm"
  } on lab.alert as a where a.node == node {
    do lab.set("handled ${a.name}")
  }
  finish resolved "done"
}
"#;

#[tokio::test]
async fn a_handler_may_end_the_run() {
    let b = Bench::new(DURING).await;
    let run = b.start("watched", json!({ "node": "n1" })).await;
    let other = b.calm("n2").await;
    assert_eq!(b.state(&run).await, "waiting");
    let event = b.calm("n1").await;
    assert_eq!(b.state(&run).await, "not_needed: calm");
    assert_eq!(b.lab.done(), ["set/a"]);
    assert_eq!(b.verdicts(&event).await[1], format!("watched taken {run}"));
    assert_eq!(b.verdicts(&other).await, [" no_trigger -"]);
}

#[tokio::test]
async fn a_handler_that_falls_through_lets_the_block_go_on() {
    let b = Bench::new(DURING).await;
    let run = b.start("watched", json!({ "node": "n1" })).await;
    b.advance(MINUTE).await;
    b.emit("lab.alert", json!({ "name": "one", "node": "n1" })).await;
    b.emit("lab.alert", json!({ "name": "two", "node": "n1" })).await;
    assert_eq!(b.state(&run).await, "waiting");
    assert_eq!(b.lab.done(), ["set/a", "set/handled%20one", "set/handled%20two"]);
    b.advance(9 * MINUTE - 1).await;
    assert_eq!(b.state(&run).await, "waiting", "the time of the block went on");
    b.advance(1).await;
    assert_eq!(b.state(&run).await, "resolved: done");
    let late = b.calm("n1").await;
    assert_eq!(b.verdicts(&late).await, [" no_trigger -"]);
}

#[tokio::test]
async fn a_handler_survives_a_restart() {
    let b = Bench::new(DURING).await;
    let run = b.start("watched", json!({ "node": "n1" })).await;
    let b = b.restart().await;
    b.emit("lab.alert", json!({ "name": "one", "node": "n1" })).await;
    let b = b.restart().await;
    b.calm("n1").await;
    assert_eq!(b.state(&run).await, "not_needed: calm");
    assert_eq!(b.lab.done(), ["set/a", "set/handled%20one"]);
}

#[tokio::test]
async fn the_time_of_the_block_may_end_while_a_handler_is_at_work() {
    let b = Bench::new(
        r#"
        runbook slow() {
          let value = during { wait 1m  7 } on lab.calm as c { wait 5m  do lab.set("late") }
          finish resolved "${value}"
        }
        "#,
    )
    .await;
    let run = b.start("slow", json!({})).await;
    b.calm("n1").await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "waiting", "the handler goes first");
    let b = b.restart().await;
    b.advance(4 * MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: 7");
    assert_eq!(b.lab.done(), ["set/late"]);
}

#[tokio::test]
async fn an_event_that_comes_during_the_last_call_is_handled_at_the_end_of_the_block() {
    let b = Bench::new(
        r#"
        runbook last() {
          during { do lab.set("slow") } on lab.calm as c { do lab.set("handler") }
          finish resolved "done"
        }
        "#,
    )
    .await;
    b.lab.hangs.lock().unwrap().push("set/slow".to_owned());
    let params = Default::default();
    let start = rrb_engine::api::StartRun { runbook: "last".to_owned(), params, id: None };
    use rrb_engine::api::ControlPlane;
    let run = b.engine.start(start, &crate::rig::person("ana")).await.unwrap();
    while b.lab.times("set/slow") == 0 {
        tokio::task::yield_now().await;
    }
    let emit =
        rrb_engine::api::EmitEvent { event: "lab.calm".to_owned(), instance: None, payload: json!({ "node": "n1" }) };
    b.engine.emit(emit, &crate::rig::person("ana")).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(b.lab.done(), ["set/slow"], "a call under way is never interrupted");
    // The process dies with the call under way; it may be repeated, and now it answers.
    b.lab.hangs.lock().unwrap().clear();
    let b = b.restart().await;
    assert_eq!(b.state(&run).await, "resolved: done");
    assert_eq!(b.lab.done(), ["set/slow", "set/slow", "set/handler"]);
}

const RESTARTS: &str = r#"
runbook anew(node: Text) {
  var rounds = 0
  let last = during {
    rounds += 1
    do lab.set("round") undo { do lab.set("back") }
    wait 10m
    rounds
  } on lab.alert as a where a.node == node { restart }
  finish resolved "${last}"
}
"#;

#[tokio::test]
async fn a_block_begins_anew_ten_times_and_no_more() {
    for restarts in [9, 10] {
        let b = Bench::new(RESTARTS).await;
        let run = b.start("anew", json!({ "node": "n1" })).await;
        for n in 0..restarts {
            b.advance(1000).await;
            b.emit("lab.alert", json!({ "name": format!("{n}"), "node": "n1" })).await;
        }
        b.advance(10 * MINUTE).await;
        assert_eq!(b.state(&run).await, format!("resolved: {}", restarts + 1));
        assert_eq!(b.lab.done().len(), restarts + 1, "nothing is undone");
    }
    let b = Bench::new(RESTARTS).await;
    let run = b.start("anew", json!({ "node": "n1" })).await;
    for n in 0..11 {
        b.advance(1000).await;
        b.emit("lab.alert", json!({ "name": format!("{n}"), "node": "n1" })).await;
    }
    assert_eq!(b.state(&run).await, "rolled_back: `restart` began the block 10 times: that is enough");
    assert_eq!(b.lab.times("set/back"), 11, "what each round did is undone at the end");
}

#[tokio::test]
async fn a_failure_of_a_handler_is_not_caught_by_the_block_it_interrupts() {
    let b = Bench::new(
        r#"
        runbook fails() {
          try {
            during {
              try { wait 10m } catch f { do lab.set("wrong") }
            } on lab.calm as c { fail "calm is wrong" }
          } catch f { finish escalated f.message }
        }
        "#,
    )
    .await;
    let run = b.start("fails", json!({})).await;
    b.calm("n1").await;
    assert_eq!(b.state(&run).await, "escalated: calm is wrong");
    assert!(b.lab.done().is_empty());
}

#[tokio::test]
async fn an_approval_stays_open_while_a_handler_is_at_work() {
    let b = Bench::new(
        r#"
        runbook asks(node: Text) {
          during {
            approve "Wipe ${node}?" from group("sre") { do lab.wipe(node) }
          } on lab.alert as a { do lab.set("noted") } on lab.calm as c { finish not_needed "calm" }
          finish resolved "wiped"
        }
        "#,
    )
    .await;
    let run = b.start("asks", json!({ "node": "n1" })).await;
    let asked = b.open_approval().await.id;
    b.emit("lab.alert", json!({ "name": "x", "node": "n1" })).await;
    assert_eq!(b.open_approval().await.id, asked, "nobody is asked twice");
    assert_eq!(b.lab.done(), ["set/noted"]);
    b.vote(true, "bo").await;
    assert_eq!(b.state(&run).await, "resolved: wiped");

    let run = b.start("asks", json!({ "node": "n2" })).await;
    b.calm("n2").await;
    assert_eq!(b.state(&run).await, "not_needed: calm");
    assert!(b.engine_approvals_open().await == 0, "the approval of a run that is over is closed");
}

#[tokio::test]
async fn a_plan_shows_what_a_handler_may_do() {
    let b = Bench::new(
        r#"
        runbook shown(node: Text) {
          approve "Go?" from group("sre") {
            during {
              do lab.set("block")
            } on lab.calm as c where c.node == node {
              do lab.set("handler")
            }
            let calm = wait for lab.calm as c within 1m
            if calm == none { do lab.set("not calm") }
            do lab.set("behind")
          }
        }
        "#,
    )
    .await;
    b.start("shown", json!({ "node": "n1" })).await;
    let plan = rrb_lang::vm::plan::describe(&b.plan().await);
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(
        lines,
        [
            "will lab.set(what: \"block\")",
            "may  lab.set(what: \"handler\")",
            "may  lab.set(what: \"not calm\")",
            "will lab.set(what: \"behind\")",
        ]
    );
}

#[tokio::test]
async fn a_wait_looks_back_so_far_and_no_farther() {
    let b = Bench::new(
        r#"
        runbook patient() {
          var seen = 0
          for round in [1, 2, 3] {
            wait 5m
            let calm = wait for lab.calm as c where c.node == "n1" within 1m
            seen += 1
            log "${round}: ${calm?.node ?? "nothing"}"
          }
          finish resolved "${seen}"
        }
        "#,
    )
    .await;
    let run = b.start("patient", json!({})).await;
    let mut n = 0;
    for (events, expected) in [
        (99_999, "waiting"),
        (100_000, "waiting"),
        (100_001, "failed: more than 100000 events `lab.calm` came since the step began"),
    ] {
        let row = |n: u32| EventRow {
            id: format!("evt_{n:06}"),
            delivery: None,
            source: "lab.calm".to_owned(),
            instance: "default".to_owned(),
            sender_id: None,
            at: T0,
            received: T0,
            payload: json!({ "node": "n2" }),
        };
        let ops = (n..events).map(|n| Op::PutEvent(row(n))).collect();
        b.store.commit(ops).await.unwrap();
        n = events;
        b.advance(5 * MINUTE).await;
        assert_eq!(b.state(&run).await, expected, "with {events} events");
        b.advance(MINUTE).await;
    }
}

#[tokio::test]
async fn a_long_wait_reads_each_entry_of_its_journal_a_few_times_at_most() {
    let polls = r#"
runbook patient() {
  do lab.set("a")
  let came = wait until lab.look("door") == "open" every 1m within 10h
  finish resolved "door ${came}"
}
"#;
    let b = Bench::new(polls).await;
    let run = b.start("patient", json!({})).await;
    for _ in 0..300 {
        b.advance(MINUTE).await;
    }
    let b = b.restart().await;
    for _ in 0..100 {
        b.advance(MINUTE).await;
    }
    let (read, written) = (b.store.rows_read(), b.store.journal(&run, 0).await.unwrap().len() as u64);
    assert!(written > 800, "{written} entries: it looked each minute");
    assert!(read < 3 * written, "{read} entries were read of {written}");
    b.lab.says("look/door", "open");
    b.advance(MINUTE).await;
    assert_eq!(b.state(&run).await, "resolved: door true");
    assert_eq!(b.lab.done().iter().filter(|d| *d == "set/a").count(), 1);
}
