//! Runbooks in `shadow`: they read, say what they would do, and do none of it.

use rrb_lang::hir::Outcome;
use rrb_lang::json::Json;
use rrb_lang::vm::plan::describe;
use rrb_lang::vm::protocol::{Effect, EffectOutcome, FailureKind, Happened, Input, Note};

use super::kit::Drive;
use super::runs::{fails, fine, reply, runbook};

fn told(d: &Drive<'_>) -> Vec<String> {
    d.notes
        .iter()
        .map(|note| match note {
            Note::Shadowed { plan } => describe(plan),
            other => panic!("a run in shadow said {other:?}"),
        })
        .collect()
}

#[test]
fn it_reads_and_says_all_that_it_would_do() {
    let body = "shadow timeout 1h
        let n = get(\"count\") as Int
        do box.two(\"a\")
        step \"more\" { if n > 2 { do box.keep(\"many\") } else { do box.keep(\"few\") } }
        approve \"Drop?\" from group(\"sre\") within 30m { do box.drop(\"n${n}\") }
        verify \"gone\" within 10m every 1m { (get(\"count\") as Int) > 99 }
        wait 5m
        on failure as f { do put(\"told\") }  finally { do put(\"last\") }";
    let mut reads = Vec::new();
    let d = Drive::new(&runbook(body), "main", vec![], |call, n| {
        assert_eq!(n, usize::MAX, "only the planner calls: {call:?}");
        reads.push(super::kit::short(call));
        reply(Json::Int(3))
    })
    .run();
    assert_eq!(d.end().outcome, Outcome::Shadow);
    assert_eq!(d.end().why, "would make 3 calls, of which 1 destroys");
    assert!(d.performed.is_empty() && d.gates.is_empty(), "{:?}", d.performed);
    let told = told(&d);
    assert_eq!(
        told,
        [
            "will box.two(path: \"a\")\nwill box.keep(path: \"many\")\nwill box.drop(path: \"n3\") on box/n3 (destroys)\n"
        ]
    );
    drop(d);
    assert_eq!(reads.first().unwrap(), "http.get count");
}

#[test]
fn what_fails_or_cannot_be_known_is_said() {
    let d = Drive::new(&runbook("shadow do put(\"a\")  let x = get(\"b\")  do put(\"c\")"), "main", vec![], |_, _| {
        fails(FailureKind::Unavailable, Happened::No)
    })
    .run();
    assert_eq!(d.end().outcome, Outcome::Shadow);
    assert_eq!(d.end().why, "would make 1 call; the plan is not complete: it fails: broken");
    let d =
        Drive::new(&runbook("shadow fail \"no\"  on failure as f { do put(\"told\") }"), "main", vec![], fine).run();
    assert_eq!((d.end().outcome, d.calls().len()), (Outcome::Shadow, 0));
    assert_eq!(d.end().why, "would change nothing; the plan is not complete: it fails: no");
    let d =
        Drive::new(&runbook("shadow if true { finish resolved \"fine\" }  do put(\"a\")"), "main", vec![], fine).run();
    assert_eq!((d.end().outcome, d.end().why.as_str()), (Outcome::Shadow, "would change nothing"));
}

#[test]
fn a_plan_that_cannot_be_made_ends_it_too() {
    let mut d = Drive::new(&runbook("shadow do put(\"a\")"), "main", vec![], fine);
    d.feed(Input::Start { at: d.now });
    let (id, effect) = d.pending.remove(0);
    assert!(matches!(effect, Effect::Plan(_)), "{effect:?}");
    let outcome: EffectOutcome = fails(FailureKind::Failed, Happened::No);
    d.feed(Input::Complete { effect: id, outcome, at: d.now });
    assert_eq!(d.end().outcome, Outcome::Shadow);
    assert_eq!(d.end().why, "would change nothing; the plan is not complete: the plan could not be made: broken");
}

#[test]
fn a_cancel_or_the_timeout_ends_the_planning_and_runs_no_handler() {
    let p =
        runbook("shadow timeout 1h  do put(\"a\")  on failure as f { do put(\"told\") }  finally { do put(\"last\") }");
    let mut d = Drive::new(&p, "main", vec![], fine);
    d.cancel_at = Some(1);
    let d = d.run();
    assert_eq!((d.end().outcome, d.end().why.as_str(), d.calls().len()), (Outcome::Cancelled, "told to", 0));
    let mut d = Drive::new(&p, "main", vec![], fine);
    d.feed(Input::Start { at: d.now });
    let timer = d.pending.iter().position(|(_, e)| matches!(e, Effect::Sleep { .. })).unwrap();
    let (effect, sleep) = d.pending.remove(timer);
    let outcome = d.outcome(&effect, &sleep).unwrap();
    d.feed(Input::Complete { effect, outcome, at: d.now });
    assert_eq!(d.end().failure.as_ref().map(|f| f.kind), Some(FailureKind::Timeout));
    assert!(d.pending.is_empty(), "{:?}", d.pending);
}
