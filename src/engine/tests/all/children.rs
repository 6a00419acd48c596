//! `run` and `start`, from source through the engine.

use rrb_engine::api::{ControlPlane, What};
use rrb_engine::store::{RunFilter, RunStatus};
use serde_json::json;

use crate::rig::person;
use crate::source::{Bench, compile};

const MINUTE: i64 = 60_000;

const PAIR: &str = r#"
runbook child(node: Text, grace: Duration = 2m) {
  do lab.set("child ${node}") undo { do lab.set("child undone") }
  wait grace
  finish mitigated "calmed ${node}"
}
runbook parent(node: Text) {
  do lab.set("parent") undo { do lab.set("parent undone") }
  let done = run child(node)
  finish resolved "${done.outcome == mitigated}: ${done.why}"
}
"#;

#[tokio::test]
async fn a_run_waits_for_its_child_and_gets_its_end() {
    let b = Bench::new(PAIR).await;
    let parent = b.start("parent", json!({ "node": "n1" })).await;
    assert_eq!(b.state(&parent).await, "waiting");
    let child = b.run_of("child").await;
    assert_eq!(b.view(&parent).await.waiting_for, [format!("the run `{}` of `child`", child.id)]);
    assert_eq!((child.requester.as_str(), child.status), ("user:ana", RunStatus::Waiting));
    assert_eq!(child.input["parent"]["run"], json!(parent));
    assert_eq!(child.input["parent"]["awaited"], json!(true));
    b.advance(2 * MINUTE).await;
    assert_eq!(b.state(&parent).await, "resolved: true: calmed n1");
    let story = b.timeline(&parent).await;
    let began = What::ChildBegan { child: child.id.clone(), runbook: "child".into(), awaited: true };
    let message = "mitigated: calmed n1".to_owned();
    let ended = What::ChildEnded { child: child.id.clone(), runbook: "child".into(), ok: true, message };
    assert!(story.contains(&began) && story.contains(&ended), "{story:?}");
    let created = b.audited("run.created").await;
    assert_eq!(created[1]["parent"]["run"], json!(parent), "the audit links the child to its parent");
    assert_eq!(created[1]["skipped"], json!(["dedupe", "give up", "limit"]));
    assert_eq!(b.audited("child.outcome").await[0]["child"], json!(child.id), "and the parent to its child");
    b.audit_is_intact().await;
}

#[tokio::test]
async fn a_child_that_fails_is_a_failure_with_its_id() {
    let b = Bench::new(
        r#"
        runbook child() { do lab.set("a") undo { do lab.set("undone") }  fail "no luck" }
        runbook told() { finish failed "so it is" }
        runbook parent() {
          let first = try { run child()  "-" } catch f { "${f.kind == failed} ${f.message} ${f.detail.run as Text}" }
          let second = try { run told()  "-" } catch f { "${f.detail.outcome as Text}" }
          finish resolved "${first} | ${second}"
        }
        runbook uncaught() { run child() }
        "#,
    )
    .await;
    let parent = b.start("parent", json!({})).await;
    let child = b.run_of("child").await.id;
    let said = format!("resolved: true the run `{child}` of `child` ended as rolled_back: no luck {child} | failed");
    assert_eq!(b.state(&parent).await, said);
    let uncaught = b.start("uncaught", json!({})).await;
    assert!(b.state(&uncaught).await.starts_with("failed: the run `run_"), "{}", b.state(&uncaught).await);
}

#[tokio::test]
async fn started_runs_are_on_their_own() {
    let b = Bench::new(
        r#"
        runbook child() { wait 1m  fail "late" }
        runbook parent() { let id = start child()  finish resolved id }
        "#,
    )
    .await;
    let parent = b.start("parent", json!({})).await;
    let child = b.run_of("child").await;
    assert_eq!(b.state(&parent).await, format!("resolved: {}", child.id));
    b.advance(MINUTE).await;
    assert_eq!(b.state(&child.id).await, "failed: late");
    assert_eq!(b.state(&parent).await, format!("resolved: {}", child.id));
}

#[tokio::test]
async fn a_parent_that_is_cancelled_cancels_the_child_it_waits_for_first() {
    let b = Bench::new(PAIR).await;
    let parent = b.start("parent", json!({ "node": "n1" })).await;
    let child = b.run_of("child").await.id;
    b.engine.cancel(&parent, "never mind", &person("ana")).await.unwrap();
    b.engine.settled().await;
    assert_eq!(b.state(&child).await, "cancelled: never mind");
    assert_eq!(b.state(&parent).await, "cancelled: never mind");
    assert_eq!(b.lab.done(), ["set/parent", "set/child%20n1", "set/child%20undone", "set/parent%20undone"]);
}

#[tokio::test]
async fn a_parent_that_is_cancelled_leaves_a_started_child_alone() {
    let b = Bench::new(
        r#"
        runbook child() { wait 1m  finish resolved "child" }
        runbook parent() { start child()  wait 1h }
        "#,
    )
    .await;
    let parent = b.start("parent", json!({})).await;
    b.engine.cancel(&parent, "never mind", &person("ana")).await.unwrap();
    b.advance(MINUTE).await;
    assert_eq!(b.state(&parent).await, "cancelled: never mind");
    assert_eq!(b.state(&b.run_of("child").await.id).await, "resolved: child");
}

#[tokio::test]
async fn the_timeout_of_the_parent_stops_the_child() {
    let b = Bench::new(
        r#"
        runbook child() { do lab.set("a") undo { do lab.set("undone") }  wait 1h }
        runbook parent() {
          timeout 5m
          run child()
          on failure as f { do lab.set("told ${f.kind == timeout}") }
        }
        action through() changes { run child() }
        runbook bounded() { try { do through() timeout 1m } catch f { finish escalated "${f.kind == timeout}" } }
        "#,
    )
    .await;
    let parent = b.start("parent", json!({})).await;
    b.advance(5 * MINUTE).await;
    assert_eq!(b.state(&b.run_of("child").await.id).await, "cancelled: the time of the run is over");
    assert_eq!(b.state(&parent).await, "failed: the run took longer than 5m");
    assert_eq!(b.lab.done(), ["set/a", "set/undone", "set/told%20true"]);
    let bounded = b.start("bounded", json!({})).await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&bounded).await, "escalated: true");
    assert!(b.runs().await.iter().all(|r| r.status == RunStatus::Done), "the child was asked to stop");
}

#[tokio::test]
async fn the_child_is_begun_once_and_its_end_is_heard_after_a_restart() {
    let b = Bench::new(PAIR).await;
    let parent = b.start("parent", json!({ "node": "n1" })).await;
    let b = b.restart().await;
    let child = b.run_of("child").await.id;
    b.advance(2 * MINUTE).await;
    assert_eq!(b.state(&child).await, "mitigated: calmed n1");
    assert_eq!(b.state(&parent).await, "resolved: true: calmed n1");
    assert_eq!(b.lab.done(), ["set/parent", "set/child%20n1"]);
}

#[tokio::test]
async fn a_child_takes_its_place_in_line_and_is_refused_where_there_is_none() {
    let b = Bench::new(
        r#"
        runbook queued() { concurrency 1  wait 1m  finish resolved "q" }
        runbook single() { concurrency 1 skip  wait 1m  finish resolved "s" }
        runbook quiet() { limit 1 per 1h  dedupe for 1h  finish resolved "not counted" }
        runbook line() { let r = run queued()  finish resolved r.why }
        runbook refused() { try { run single()  finish failed "-" } catch f { finish escalated "${f.kind == conflict}" } }
        runbook twice() { run quiet()  let r = run quiet()  finish resolved r.why }
        "#,
    )
    .await;
    b.start("queued", json!({})).await;
    let line = b.start("line", json!({})).await;
    let filter = RunFilter { status: Some(RunStatus::Queued), ..RunFilter::default() };
    assert_eq!(b.engine.runs(filter).await.unwrap().len(), 1);
    b.advance(MINUTE).await;
    b.advance(MINUTE).await;
    assert_eq!(b.state(&line).await, "resolved: q");

    // Cancelled while the child is still in line: the child never begins.
    b.start("queued", json!({})).await;
    let line = b.start("line", json!({})).await;
    b.engine.cancel(&line, "stop", &person("ana")).await.unwrap();
    b.engine.settled().await;
    assert_eq!(b.state(&line).await, "cancelled: stop");

    b.start("single", json!({})).await;
    let refused = b.start("refused", json!({})).await;
    assert_eq!(b.state(&refused).await, "escalated: true");
    let twice = b.start("twice", json!({})).await;
    assert_eq!(b.state(&twice).await, "resolved: not counted", "`dedupe` and `limit` are for triggers");
}

#[tokio::test]
async fn runs_nest_sixteen_deep() {
    let text = r#"
        runbook nest(depth: Int) {
          if depth == 0 { finish resolved "bottom" }
          let below = run nest(depth - 1)
          finish resolved below.why
        }
        "#;
    for depth in [15, 16] {
        let b = Bench::new(text).await;
        let run = b.start("nest", json!({ "depth": depth })).await;
        assert_eq!(b.state(&run).await, "resolved: bottom");
        assert_eq!(b.runs().await.len(), depth + 1);
    }
    let b = Bench::new(text).await;
    let run = b.start("nest", json!({ "depth": 17 })).await;
    let state = b.state(&run).await;
    assert!(state.contains("runs nest deeper than 16: `nest` is not started"), "{state}");
    assert_eq!(b.runs().await.len(), 17);
}

#[tokio::test]
async fn a_child_shares_the_targets_of_its_parent_until_the_outermost_ends() {
    let b = Bench::new(
        r#"
        runbook child() { do lab.hold("n1", "child")  wait 1m }
        runbook parent() { do lab.hold("n1", "parent")  run child()  wait 1m }
        runbook other() { do lab.hold("n1", "other") }
        runbook alone() { do lab.hold("n1", "alone")  start other()  wait 1m }
        "#,
    )
    .await;
    b.start("parent", json!({})).await;
    let other = b.start("other", json!({})).await;
    assert_eq!(b.lab.done(), ["hold/parent", "hold/child"]);
    b.advance(MINUTE).await;
    assert_eq!(b.state(&other).await, "waiting", "the child is over, its parent still holds");
    let b = b.restart().await;
    assert_eq!(b.state(&other).await, "waiting");
    b.advance(MINUTE).await;
    assert_eq!(b.state(&other).await, "resolved: ");
    b.start("alone", json!({})).await;
    assert_eq!(b.lab.times("hold/other"), 1, "a started child waits like anybody else");
    b.advance(MINUTE).await;
    assert_eq!(b.lab.times("hold/other"), 2);
    assert!(b.runs().await.iter().all(|r| r.status == RunStatus::Done));
}

#[tokio::test]
async fn a_child_in_a_circle_of_targets_is_woken_to_give_way() {
    let b = Bench::new(
        r#"
        runbook inner() { do lab.hold("b", "inner") }
        runbook young() { do lab.hold("a", "young")  run inner() }
        runbook old() { do lab.hold("b", "old")  wait 1m  do lab.hold("a", "old again") }
        "#,
    )
    .await;
    let old = b.start("old", json!({})).await;
    b.clock.advance(1);
    let young = b.start("young", json!({})).await;
    assert_eq!(b.state(&young).await, "waiting");
    b.advance(MINUTE).await;
    assert!(b.state(&young).await.contains("the younger gives way"), "{}", b.state(&young).await);
    assert_eq!(b.state(&old).await, "resolved: ");
    assert_eq!(b.lab.done(), ["hold/old", "hold/young", "hold/old%20again"]);
}

#[tokio::test]
async fn runbooks_of_other_modules_run_by_name() {
    let lib = "use lab_kit.{lab}\n/// Pages.\nrunbook page(who: Text, loud: Bool = false) { do lab.set(\"page ${who} ${loud}\") }";
    let main = r#"
        use lib.paging
        use lib.paging.{page}
        runbook a() { run page(who: "ana")  run paging.page("bo", loud: true)  start page(who: "cy") }
        "#;
    let b = Bench::of(compile(&[("lib.paging", lib), ("main", main)], "")).await;
    b.start("a", json!({})).await;
    assert_eq!(b.lab.done(), ["set/page%20ana%20false", "set/page%20bo%20true", "set/page%20cy%20false"]);
}

#[tokio::test]
async fn a_plan_shows_a_child_and_the_child_asks_for_itself() {
    let b = Bench::new(
        r#"
        runbook wipe(node: Text) {
          approve "Wipe ${node}?" from group("sre") { do lab.wipe(node) }
        }
        runbook parent(node: Text) {
          approve "Go?" from group("sre") {
            let done = run wipe(node)
            start wipe(node: "n2")
            do lab.set(done.why)
          }
        }
        "#,
    )
    .await;
    let parent = b.start("parent", json!({ "node": "n1" })).await;
    let plan = rrb_lang::vm::plan::describe(&b.plan().await);
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(
        lines,
        ["will run wipe(node: \"n1\")", "will start wipe(node: \"n2\")", "will lab.set(what: not known yet)",]
    );
    b.vote(true, "bo").await;
    let open = b.open_approval().await;
    assert_eq!(open.runbook, "wipe", "an approval is not inherited");
    assert_eq!(open.requester, "user:ana", "who started the parent may not approve the child");
    b.vote(true, "cy").await;
    let open = b.open_approval().await;
    assert_eq!(open.runbook, "wipe");
    b.vote(false, "bo").await;
    assert_eq!(b.state(&parent).await, "resolved: ");
    assert_eq!(b.lab.times("wipe/n1"), 1);
    assert_eq!(b.lab.times("wipe/n2"), 0);
}

#[tokio::test]
async fn a_child_keeps_the_program_of_its_parent() {
    let old = compile(
        &[(
            "main",
            "use lab_kit.{lab}\nrunbook child() { do lab.set(\"old\") }\nrunbook parent() { wait 1m  run child() }",
        )],
        "",
    );
    let new = compile(
        &[("main", "use lab_kit.{lab}\nrunbook child() { do lab.set(\"new\") }\nrunbook parent() { run child() }")],
        "",
    );
    let b = Bench::of(old).await;
    let parent = b.start("parent", json!({})).await;
    b.engine.load(new).await.unwrap();
    b.advance(MINUTE).await;
    assert_eq!(b.state(&parent).await, "resolved: ");
    assert_eq!(b.lab.done(), ["set/old"]);
    b.start("parent", json!({})).await;
    assert_eq!(b.lab.done(), ["set/old", "set/new"]);
}

#[tokio::test]
async fn a_paused_runbook_is_no_child() {
    let b = Bench::new(
        r#"
        runbook child() { finish resolved "ran" }
        runbook parent() { try { run child()  finish failed "-" } catch f { finish escalated "${f.kind == unavailable}" } }
        "#,
    )
    .await;
    b.engine.pause(Some("child"), true, &person("ana")).await.unwrap();
    let parent = b.start("parent", json!({})).await;
    assert_eq!(b.state(&parent).await, "escalated: true");
}
