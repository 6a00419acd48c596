//! Who decides, when it counts, and what happens when answers, expiry and cancellation meet.

use std::sync::Arc;

use rrb_engine::api::{ApiError, ControlPlane, Vote, What};
use rrb_engine::programs::Loaded;
use rrb_engine::store::ApprovalState;
use rrb_lang::vm::protocol::{ApprovalAsk, Asked};

use crate::rig::{Rig, machine, no, people, person, yes};
use crate::script::{Change, Script, Step, ask, change};

const HOUR: i64 = 3_600_000;

fn script(ask: ApprovalAsk) -> Script {
    let mut script = Script::new("p1");
    let drain = Step::Change(Change { covered: true, ..change("drain") });
    script.runbook("drain", vec![Step::Approve(Box::new(ask)), drain]);
    script
}

async fn asked(ask: ApprovalAsk) -> (Rig, String, String) {
    let rig = Rig::new(script(ask)).await;
    let run = rig.start("drain", "n7", "ana").await.unwrap();
    let approval = rig.open_approval().await.id;
    (rig, run, approval)
}

fn refused(answer: Result<rrb_engine::store::ApprovalRow, ApiError>) -> String {
    match answer {
        Ok(row) => panic!("the vote was taken: {row:?}"),
        Err(e) => e.to_string(),
    }
}

#[tokio::test]
async fn two_people_agree_and_the_run_goes_on() {
    let (rig, run, approval) = asked(ask()).await;
    assert_eq!(rig.state(&run).await, "waiting");
    let view = rig.view(&run).await;
    assert!(view.waiting_for[0].starts_with("people: Drain n7?"), "{:?}", view.waiting_for);
    assert_eq!(rig.vote(&approval, yes(), "bo").await.unwrap().state, ApprovalState::Open);
    assert_eq!(rig.world.times("drain"), 0);
    let closed = rig.vote(&approval, yes(), "cy").await.unwrap();
    assert_eq!(closed.state, ApprovalState::Approved);
    assert_eq!(rig.state(&run).await, "done: resolved");
    assert_eq!(rig.world.times("drain"), 1);
    assert_eq!(rig.audited("approval.asked").await.len(), 1);
    assert_eq!(rig.audited("approval.vote").await.len(), 2);
    let view = rig.view(&run).await;
    let voted: Vec<&str> = view
        .timeline
        .iter()
        .filter_map(|i| match &i.what {
            What::ApprovalVoted { person, .. } => Some(person.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(voted, ["bo", "cy"]);
    rig.audit_is_intact().await;
}

#[tokio::test]
async fn who_may_not_vote_is_told_why() {
    let (rig, _, approval) = asked(ask()).await;
    for (who, why) in [
        ("ana", "`ana` started this run and so may not answer for it"),
        ("dee", "`dee` is not among those asked; asked: group sre"),
        ("zoe", "`zoe` is no user of this project"),
        ("boo", "did you mean `bo`"),
    ] {
        let text = refused(rig.vote(&approval, yes(), who).await);
        assert!(text.contains(why), "{text}");
        let text = refused(rig.vote(&approval, no(), who).await);
        assert!(text.contains(why), "nor say no: {text}");
    }
    let robot = rig.engine.vote(&approval, yes(), &machine("token:ci")).await;
    assert!(matches!(&robot, Err(ApiError::Forbidden(why)) if why.contains("only people")), "{robot:?}");
    rig.vote(&approval, yes(), "bo").await.unwrap();
    let twice = refused(rig.vote(&approval, yes(), "bo").await);
    assert!(twice.contains("has answered already"), "{twice}");
    let turned = refused(rig.vote(&approval, no(), "bo").await);
    assert!(turned.contains("the first answer holds"), "{turned}");
    let stale = Vote { digest: Some("another".into()), ..yes() };
    let text = refused(rig.vote(&approval, stale, "cy").await);
    assert!(text.contains("look again"), "{text}");
    let long = Vote { comment: "x".repeat(4097), ..yes() };
    assert!(refused(rig.vote(&approval, long, "cy").await).contains("4097 bytes"));
    let gone = refused(rig.vote("apr_nope", yes(), "cy").await);
    assert_eq!(gone, "there is no approval `apr_nope`");
    let row = rig.engine.approval(&approval).await.unwrap();
    assert_eq!(row.votes.len(), 1, "no refused vote is kept");
    let nearly = Vote { digest: Some("0".repeat(64)), comment: "x".repeat(4095), ..yes() };
    assert!(!refused(rig.vote(&approval, nearly, "cy").await).contains("bytes"), "that is not what is wrong with it");
    let right = Vote { digest: Some(row.digest), comment: "x".repeat(4096), ..yes() };
    assert_eq!(rig.vote(&approval, right, "cy").await.unwrap().state, ApprovalState::Approved);
    assert!(refused(rig.vote(&approval, yes(), "ana").await).contains("approved already"));
}

#[tokio::test]
async fn one_no_closes_it() {
    let (rig, run, approval) = asked(ask()).await;
    rig.vote(&approval, yes(), "bo").await.unwrap();
    let row = rig.vote(&approval, no(), "cy").await.unwrap();
    assert_eq!(row.state, ApprovalState::Denied);
    assert_eq!(rig.state(&run).await, "done: denied");
    assert_eq!(rig.row(&run).await.end.unwrap()["why"], "not now");
    assert_eq!(rig.world.times("drain"), 0);
}

#[tokio::test]
async fn silence_is_a_no_at_the_exact_moment() {
    for (ms, state) in [(HOUR - 1, "waiting"), (HOUR, "done: expired"), (HOUR + 1, "done: expired")] {
        let (rig, run, approval) = asked(ask()).await;
        rig.vote(&approval, yes(), "bo").await.unwrap();
        rig.advance(ms).await;
        assert_eq!(rig.state(&run).await, state, "after {ms} ms");
        let late = rig.vote(&approval, yes(), "cy").await;
        assert_eq!(late.is_ok(), state == "waiting", "{late:?}");
    }
    let (rig, run, _) = asked(ask()).await;
    rig.advance(HOUR).await;
    assert_eq!(rig.row(&run).await.end.unwrap()["why"], "0 of 2 agreed in time");
    let closed = rig.audited("approval.closed").await;
    assert_eq!((closed.len(), closed[0]["state"].as_str()), (1, Some("expired")));
}

#[tokio::test]
async fn expired_while_nobody_was_there() {
    let (rig, run, approval) = asked(ask()).await;
    rig.vote(&approval, yes(), "bo").await.unwrap();
    let clock = rig.clock.clone();
    clock.advance(HOUR);
    let rig = rig.restart().await.unwrap();
    assert_eq!(rig.state(&run).await, "done: expired");
}

#[tokio::test]
async fn escalation_lets_more_people_answer_from_then_on() {
    let escalated = ApprovalAsk { escalate: vec![(HOUR / 2, vec![Asked::Group("leads".into())])], ..ask() };
    let (rig, run, approval) = asked(escalated).await;
    let mut live = rig.engine.subscribe();
    let text = refused(rig.vote(&approval, yes(), "dee").await);
    assert!(text.contains("has not been escalated"), "{text}");
    rig.advance(HOUR / 2 - 1).await;
    refused(rig.vote(&approval, yes(), "dee").await);
    assert!(live.try_recv().is_err(), "nobody is told before");
    rig.advance(1).await;
    let told = live.try_recv().unwrap();
    assert!(matches!(told.what, What::ApprovalAsked { .. }), "{told:?}");
    rig.vote(&approval, yes(), "dee").await.unwrap();
    rig.vote(&approval, yes(), "eve").await.unwrap();
    assert_eq!(rig.state(&run).await, "done: resolved");
}

#[tokio::test]
async fn reminders_come_until_it_is_over() {
    let (rig, _, approval) = asked(ApprovalAsk { remind_every_ms: Some(600_000), ..ask() }).await;
    let mut live = rig.engine.subscribe();
    for _ in 0..3 {
        rig.advance(599_999).await;
        assert!(live.try_recv().is_err());
        rig.advance(1).await;
        assert!(matches!(live.try_recv().unwrap().what, What::ApprovalAsked { .. }));
    }
    rig.vote(&approval, no(), "bo").await.unwrap();
    while live.try_recv().is_ok() {}
    rig.advance(HOUR).await;
    assert!(live.try_recv().is_err(), "nobody is reminded of what is over");
}

#[tokio::test]
async fn comments_can_be_required() {
    let (rig, run, approval) = asked(ApprovalAsk { require_comment: true, quorum: 1, ..ask() }).await;
    let silent = Vote { comment: " ".into(), ..yes() };
    assert!(refused(rig.vote(&approval, silent, "bo").await).contains("wants a comment"));
    rig.vote(&approval, yes(), "bo").await.unwrap();
    assert_eq!(rig.state(&run).await, "done: resolved");
}

#[tokio::test]
async fn the_requester_counts_where_that_is_allowed() {
    let (rig, run, approval) = asked(ApprovalAsk { allow_requester: true, quorum: 1, ..ask() }).await;
    rig.vote(&approval, yes(), "ana").await.unwrap();
    assert_eq!(rig.state(&run).await, "done: resolved");
}

/// The people of the project change between the votes and their use.
async fn reload_without(rig: &Rig, gone: &str) {
    let mut project = people();
    project.groups.get_mut("sre").unwrap().members.retain(|m| m != gone);
    let code = rig.script.clone();
    rig.engine.load(Loaded { code, settings: Default::default(), project: Arc::new(project) }).await.unwrap();
}

#[tokio::test]
async fn a_vote_of_somebody_who_left_no_longer_counts() {
    let (rig, run, approval) = asked(ask()).await;
    rig.vote(&approval, yes(), "bo").await.unwrap();
    reload_without(&rig, "bo").await;
    let row = rig.vote(&approval, yes(), "cy").await.unwrap();
    assert_eq!(row.state, ApprovalState::Open, "`bo` agreed and left: one of two");
    assert_eq!(rig.state(&run).await, "waiting");
    assert_eq!(rig.world.times("drain"), 0);
}

#[tokio::test]
async fn agreed_and_then_left_before_it_was_used() {
    // The votes are durable and the process dies before the run hears of them; meanwhile somebody leaves.
    let (rig, run, approval) = asked(ask()).await;
    rig.vote(&approval, yes(), "bo").await.unwrap();
    let commits = rig.store.commits();
    rig.store.crash_at(commits + 1, rrb_engine::store::memory::Side::After);
    assert!(rig.engine.vote(&approval, yes(), &person("cy")).await.is_err());
    let mut project = people();
    project.groups.get_mut("sre").unwrap().members.retain(|m| m != "bo");
    let rig = Rig { project: Arc::new(project), ..rig }.restart().await.unwrap();
    assert_eq!(rig.engine.approval(&approval).await.unwrap().state, ApprovalState::Open, "asked again");
    assert_eq!(rig.audited("approval.reopened").await.len(), 1);
    assert_eq!(rig.state(&run).await, "waiting");
    reload_without(&rig, "nobody").await;
    rig.engine.vote(&approval, yes(), &person("ana")).await.unwrap_err();
    rig.advance(HOUR).await;
    assert_eq!(rig.state(&run).await, "done: expired");
    assert_eq!(rig.world.times("drain"), 0);
}

#[tokio::test]
async fn leaving_between_the_approval_and_its_call_denies_the_call() {
    let mut script = Script::new("p1");
    let drain = Step::Change(Change { covered: true, ..change("drain") });
    script.runbook("drain", vec![Step::Approve(Box::new(ask())), Step::Sleep(1000), drain]);
    let rig = Rig::new(script).await;
    let run = rig.start("drain", "n7", "ana").await.unwrap();
    let approval = rig.open_approval().await.id;
    for name in ["bo", "cy"] {
        rig.vote(&approval, yes(), name).await.unwrap();
    }
    reload_without(&rig, "bo").await;
    rig.advance(1000).await;
    assert_eq!(rig.state(&run).await, "done: denied");
    let why = rig.row(&run).await.end.unwrap()["why"].as_str().unwrap().to_owned();
    assert!(why.contains("no longer has its quorum"), "{why}");
    assert_eq!(rig.world.times("drain"), 0);
}

#[tokio::test]
async fn a_waiver_past_its_date_denies_at_the_call() {
    for (until, state) in [(crate::rig::T0, "done: denied"), (crate::rig::T0 + 1, "done: resolved")] {
        let mut script = Script::new("p1");
        let clean = Change { waived_until: Some(until), ..change("clean") };
        script.runbook("clean", vec![Step::Change(clean)]);
        let rig = Rig::new(script).await;
        let run = rig.start("clean", "n7", "ana").await.unwrap();
        assert_eq!(rig.state(&run).await, state, "{until}");
        assert_eq!(rig.world.times("clean"), usize::from(state == "done: resolved"));
    }
}

/// What may happen to an open approval at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Move {
    Yes,
    No,
    Expire,
    Cancel,
    Restart,
}

#[tokio::test]
async fn answers_expiry_and_cancellation_in_every_order() {
    use Move::{Cancel, Expire, No, Restart, Yes};
    let all = [Yes, No, Expire, Cancel, Restart];
    let mut orders: Vec<Vec<Move>> = vec![vec![]];
    for _ in 0..all.len() {
        orders = orders
            .iter()
            .flat_map(|o| all.iter().filter(|m| !o.contains(m)).map(|m| [o.clone(), vec![*m]].concat()))
            .collect();
    }
    assert_eq!(orders.len(), 120);
    for order in orders {
        let (mut rig, run, approval) = asked(ApprovalAsk { quorum: 1, ..ask() }).await;
        for step in &order {
            match step {
                Yes => drop(rig.vote(&approval, yes(), "bo").await),
                No => drop(rig.vote(&approval, no(), "cy").await),
                Expire => rig.advance(HOUR).await,
                Cancel => {
                    let _ = rig.engine.cancel(&run, "stop", &person("ana")).await;
                    rig.engine.settled().await;
                }
                Restart => rig = rig.restart().await.unwrap(),
            }
        }
        let first = order.iter().find(|m| **m != Restart).unwrap();
        let (state, closed, drained) = match first {
            Yes => ("done: resolved", ApprovalState::Approved, 1),
            No => ("done: denied", ApprovalState::Denied, 0),
            Expire => ("done: expired", ApprovalState::Expired, 0),
            Cancel => ("done: cancelled", ApprovalState::Void, 0),
            Restart => unreachable!(),
        };
        assert_eq!(rig.state(&run).await, state, "{order:?}");
        assert_eq!(rig.engine.approval(&approval).await.unwrap().state, closed, "{order:?}");
        assert_eq!(rig.world.times("drain"), drained, "{order:?}");
        assert_eq!(rig.audited("approval.closed").await.len(), 1, "{order:?}");
        assert_eq!(rig.audited("run.ended").await.len(), 1, "{order:?}");
        rig.audit_is_intact().await;
    }
}

#[tokio::test]
async fn votes_at_the_same_moment_close_it_once() {
    let (rig, run, approval) = asked(ApprovalAsk { quorum: 1, ..ask() }).await;
    let (ana, bo, cy, dee) = (person("ana"), person("bo"), person("cy"), person("dee"));
    let answers = tokio::join!(
        rig.engine.vote(&approval, yes(), &bo),
        rig.engine.vote(&approval, no(), &cy),
        rig.engine.vote(&approval, yes(), &ana),
        rig.engine.vote(&approval, yes(), &dee),
    );
    rig.engine.settled().await;
    let taken = [answers.0.is_ok(), answers.1.is_ok(), answers.2.is_ok(), answers.3.is_ok()];
    assert_eq!(taken.iter().filter(|t| **t).count(), 1, "{taken:?}");
    assert_eq!(rig.audited("approval.closed").await.len(), 1);
    assert!(rig.state(&run).await.starts_with("done"));
}
