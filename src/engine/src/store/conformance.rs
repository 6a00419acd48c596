//! What every [`Store`] must do, as checks that run against any of them: an implementation's own tests call [`all`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "checks for tests"
)]

use async_trait::async_trait;
use serde_json::json;

use super::{
    ApprovalRow, ApprovalState, DeliveryRow, DispositionRow, EventFilter, EventRow, JournalRow, MarkRow, Op,
    Remembered, RunFilter, RunRow, RunStatus, SnapshotRow, Store, StoreError, TokenRow, VoteRow, WaitRow,
};
use crate::audit::{AuditDraft, GENESIS, Verdict, Verifier};

/// Makes the stores under test.
#[async_trait]
pub trait Subject {
    type Store: Store;

    /// A new, empty store.
    async fn fresh(&self) -> Self::Store;

    /// Closes the store and opens it again on what is durable.
    async fn reopen(&self, store: Self::Store) -> Self::Store;
}

/// All checks, each on a store of its own.
///
/// # Panics
/// When a rule is broken, with the rule.
pub async fn all<S: Subject>(subject: &S) {
    batches_are_atomic(subject).await;
    journals_have_no_gaps(subject).await;
    audit_is_chained(subject).await;
    runs_are_listed(subject).await;
    events_are_recovered_until_matched(subject).await;
    sender_ids_are_known_since(subject).await;
    deliveries_and_dead_letters(subject).await;
    approvals_keep_their_votes(subject).await;
    small_state_survives(subject).await;
    waiting_events_survive(subject).await;
    commits_side_by_side(subject).await;
}

fn run(id: &str, status: RunStatus, at: i64) -> RunRow {
    RunRow {
        id: id.to_owned(),
        runbook: "drain".to_owned(),
        program: "p1".to_owned(),
        status,
        requester: "user:ana".to_owned(),
        event: Some("evt_1".to_owned()),
        input: json!({"params": [1, 2.5, "x"]}),
        params: json!({"node": "n7"}),
        concurrency_key: Some("n7".to_owned()),
        created: at,
        updated: at,
        end: None,
    }
}

fn entry(run: &str, seq: u64, at: i64) -> JournalRow {
    let body = json!({"seq": seq, "float": 0.1, "big": u64::MAX, "text": "ü\u{0}x"});
    JournalRow { run: run.to_owned(), seq, at, kind: "intent".to_owned(), effect: "s3:0".to_owned(), body }
}

fn event(id: &str, sender: Option<&str>, received: i64) -> EventRow {
    EventRow {
        id: id.to_owned(),
        delivery: None,
        source: "alertmanager.firing".to_owned(),
        instance: "default".to_owned(),
        sender_id: sender.map(str::to_owned),
        at: received - 5,
        received,
        payload: json!({"name": "Disk"}),
    }
}

fn draft(at: i64, kind: &str, run: Option<&str>) -> AuditDraft {
    AuditDraft {
        at,
        kind: kind.to_owned(),
        actor: "engine".to_owned(),
        run: run.map(str::to_owned),
        event: None,
        body: json!({"z": 1, "a": [true, null, "é"]}),
    }
}

fn approval(id: &str, asked: i64) -> ApprovalRow {
    ApprovalRow {
        id: id.to_owned(),
        run: "run_1".to_owned(),
        runbook: "drain".to_owned(),
        effect: "s9:0".to_owned(),
        ask: json!({"question": "Drain?"}),
        digest: "d".repeat(64),
        requester: "user:ana".to_owned(),
        asked,
        expires: asked + 1000,
        state: ApprovalState::Open,
        closed: None,
        votes: Vec::new(),
    }
}

async fn batches_are_atomic<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let ops = vec![
        Op::PutRun(run("run_1", RunStatus::Running, 10)),
        Op::Audit(draft(10, "run.started", Some("run_1"))),
        Op::AppendJournal(entry("run_1", 2, 10)),
    ];
    let answer = store.commit(ops).await;
    assert!(matches!(answer, Err(StoreError::Failed(_))), "a gap in a journal must be refused: {answer:?}");
    let store = subject.reopen(store).await;
    assert_eq!(store.run("run_1").await.unwrap(), None, "nothing of a refused batch may be kept");
    assert!(store.audit(0, 0, None).await.unwrap().is_empty(), "nothing of a refused batch may be audited");
}

async fn journals_have_no_gaps<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let ops = vec![
        Op::PutRun(run("run_1", RunStatus::Running, 10)),
        Op::AppendJournal(entry("run_1", 1, 10)),
        Op::AppendJournal(entry("run_1", 2, 11)),
    ];
    store.commit(ops).await.unwrap();
    store.commit(vec![Op::AppendJournal(entry("run_1", 3, 12))]).await.unwrap();
    let shot = SnapshotRow { run: "run_1".to_owned(), seq: 2, bytes: vec![0, 255, 7] };
    store.commit(vec![Op::PutSnapshot(SnapshotRow { seq: 1, ..shot.clone() })]).await.unwrap();
    store.commit(vec![Op::PutSnapshot(shot.clone())]).await.unwrap();
    let store = subject.reopen(store).await;
    let rows = store.journal("run_1", 0).await.unwrap();
    assert_eq!(rows, vec![entry("run_1", 1, 10), entry("run_1", 2, 11), entry("run_1", 3, 12)]);
    assert_eq!(store.journal("run_1", 2).await.unwrap(), vec![entry("run_1", 3, 12)]);
    assert_eq!(store.snapshot("run_1").await.unwrap(), Some(shot), "the last snapshot stays");
    store.commit(vec![Op::DropSnapshot { run: "run_1".to_owned() }]).await.unwrap();
    assert_eq!(store.snapshot("run_1").await.unwrap(), None);
    let again = store.commit(vec![Op::AppendJournal(entry("run_1", 3, 12))]).await;
    assert!(matches!(again, Err(StoreError::Failed(_))), "an entry twice must be refused: {again:?}");
}

async fn audit_is_chained<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    for n in 0..5 {
        let ops = vec![Op::Audit(draft(n, "a", None)), Op::Audit(draft(n, "b", Some("run_1")))];
        let committed = store.commit(ops).await.unwrap();
        assert_eq!(committed.audit_seq, (n as u64 + 1) * 2);
    }
    let store = subject.reopen(store).await;
    store.commit(vec![Op::Audit(draft(9, "after", None))]).await.unwrap();
    let records = store.audit(0, 1000, None).await.unwrap();
    assert_eq!(records.first().map(|r| r.prev.as_str()), Some(GENESIS));
    let mut verifier = Verifier::default();
    for record in &records {
        verifier.take(record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { records: 11, .. }));
    assert_eq!(store.audit(3, 2, None).await.unwrap(), records[3..5].to_vec());
    let of_run = store.audit(0, 1000, Some("run_1")).await.unwrap();
    assert_eq!(of_run.len(), 5);
    assert!(of_run.iter().all(|r| r.draft.kind == "b"));
}

async fn runs_are_listed<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let rows = [("run_1", RunStatus::Running), ("run_2", RunStatus::Queued), ("run_3", RunStatus::Waiting)];
    for (n, (id, status)) in rows.into_iter().enumerate() {
        store.commit(vec![Op::PutRun(run(id, status, n as i64 + 1))]).await.unwrap();
    }
    let end = json!({"outcome": "resolved"});
    let done = Op::SetRun { id: "run_1".to_owned(), status: RunStatus::Done, at: 50, end: Some(end.clone()) };
    store.commit(vec![done]).await.unwrap();
    let missing = Op::SetRun { id: "run_9".to_owned(), status: RunStatus::Done, at: 51, end: None };
    assert!(store.commit(vec![missing]).await.is_err(), "a run that is not there cannot change");
    let store = subject.reopen(store).await;
    let row = store.run("run_1").await.unwrap().unwrap();
    assert_eq!((row.status, row.updated, row.end), (RunStatus::Done, 50, Some(end)));
    let ids = |rows: Vec<RunRow>| rows.into_iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(ids(store.runs(RunFilter::default()).await.unwrap()), ["run_3", "run_2", "run_1"], "newest first");
    let open = RunFilter { open_only: true, ..RunFilter::default() };
    assert_eq!(ids(store.runs(open).await.unwrap()), ["run_3", "run_2"]);
    let queued = RunFilter { status: Some(RunStatus::Queued), limit: 1, ..RunFilter::default() };
    assert_eq!(ids(store.runs(queued).await.unwrap()), ["run_2"]);
    let other = RunFilter { runbook: Some("other".to_owned()), ..RunFilter::default() };
    assert!(store.runs(other).await.unwrap().is_empty());
    let of_event = RunFilter { event: Some("evt_1".to_owned()), limit: 2, ..RunFilter::default() };
    assert_eq!(ids(store.runs(of_event).await.unwrap()), ["run_3", "run_2"]);
    assert_eq!(ids(store.recover().await.unwrap().runs), ["run_2", "run_3"], "oldest first");
}

async fn events_are_recovered_until_matched<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let ops = vec![Op::PutEvent(event("evt_1", None, 100)), Op::PutEvent(event("evt_2", None, 200))];
    store.commit(ops).await.unwrap();
    let store = subject.reopen(store).await;
    let recovered = store.recover().await.unwrap();
    assert_eq!(recovered.unmatched, vec![event("evt_1", None, 100), event("evt_2", None, 200)]);
    assert!(recovered.latest >= 200, "the latest time seen is remembered");
    let row = DispositionRow {
        event: "evt_1".to_owned(),
        runbook: "drain".to_owned(),
        verdict: "started".to_owned(),
        run: Some("run_1".to_owned()),
        detail: String::new(),
        at: 300,
    };
    let second = DispositionRow { verdict: "cancelled".to_owned(), run: Some("run_2".to_owned()), ..row.clone() };
    let ops = vec![
        Op::PutDisposition(second.clone()),
        Op::PutDisposition(row.clone()),
        Op::EventMatched { id: "evt_1".to_owned() },
    ];
    store.commit(ops).await.unwrap();
    let store = subject.reopen(store).await;
    assert_eq!(store.recover().await.unwrap().unmatched, vec![event("evt_2", None, 200)]);
    assert_eq!(store.dispositions("evt_1").await.unwrap(), vec![second, row], "in the order they were written");
    assert_eq!(store.event("evt_1").await.unwrap(), Some(event("evt_1", None, 100)));
    assert_eq!(store.event("evt_9").await.unwrap(), None);
    let became = |events: Vec<Remembered>| events.into_iter().map(|(e, b)| (e.id, b.len())).collect::<Vec<_>>();
    let both = vec![("evt_1".to_owned(), 2), ("evt_2".to_owned(), 0)];
    assert_eq!(became(store.history(100, 0, 10).await.unwrap()), both, "oldest first");
    assert_eq!(became(store.history(100, 0, 1).await.unwrap()), both[..1]);
    assert_eq!(became(store.history(100, 1, 10).await.unwrap()), both[1..]);
    assert_eq!(became(store.history(101, 0, 10).await.unwrap()), both[1..]);
    assert_eq!(became(store.history(201, 0, 10).await.unwrap()), []);
    let newest = store.events(EventFilter { limit: 1, ..EventFilter::default() }).await.unwrap();
    assert_eq!(newest, vec![event("evt_2", None, 200)]);
    let since = EventFilter { since: Some(101), source: Some("alertmanager.firing".to_owned()), limit: 0 };
    assert_eq!(store.events(since).await.unwrap().len(), 1);
}

async fn sender_ids_are_known_since<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    store.commit(vec![Op::PutEvent(event("evt_1", Some("a"), 100))]).await.unwrap();
    let store = subject.reopen(store).await;
    let source = "alertmanager.firing";
    assert_eq!(store.seen(source, "a", 99).await.unwrap().as_deref(), Some("evt_1"));
    assert_eq!(store.seen(source, "a", 100).await.unwrap().as_deref(), Some("evt_1"), "the bound itself counts");
    assert_eq!(store.seen(source, "a", 101).await.unwrap(), None);
    assert_eq!(store.seen(source, "b", 0).await.unwrap(), None);
    assert_eq!(store.seen("other.firing", "a", 0).await.unwrap(), None);
}

async fn deliveries_and_dead_letters<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let delivery = |id: &str, dead: Option<&str>| DeliveryRow {
        id: id.to_owned(),
        at: 5,
        source: "alertmanager".to_owned(),
        instance: "default".to_owned(),
        path: "/alertmanager".to_owned(),
        body: vec![0xff, 0x00, b'{'],
        headers: json!({"content-type": "application/json"}),
        dead: dead.map(str::to_owned),
    };
    let ops = vec![Op::PutDelivery(delivery("dlv_1", None)), Op::PutDelivery(delivery("dlv_2", Some("no JSON")))];
    store.commit(ops).await.unwrap();
    let store = subject.reopen(store).await;
    assert_eq!(store.delivery("dlv_1").await.unwrap(), Some(delivery("dlv_1", None)), "bodies are kept to the byte");
    assert_eq!(store.dead_letters(10).await.unwrap(), vec![delivery("dlv_2", Some("no JSON"))]);
    assert_eq!(store.delivery("dlv_3").await.unwrap(), None);
}

async fn approvals_keep_their_votes<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let vote = |person: &str, approve: bool| VoteRow {
        approval: "apr_1".to_owned(),
        person: person.to_owned(),
        approve,
        comment: "ok".to_owned(),
        method: "token:laptop".to_owned(),
        at: 20,
    };
    let ops = vec![Op::PutApproval(approval("apr_1", 10)), Op::PutApproval(approval("apr_2", 11))];
    store.commit(ops).await.unwrap();
    store.commit(vec![Op::PutVote(vote("ana", true)), Op::PutVote(vote("bo", true))]).await.unwrap();
    let close = Op::CloseApproval { id: "apr_1".to_owned(), state: ApprovalState::Approved, at: 20 };
    store.commit(vec![close]).await.unwrap();
    let store = subject.reopen(store).await;
    let row = store.approval("apr_1").await.unwrap().unwrap();
    assert_eq!((row.state, row.closed), (ApprovalState::Approved, Some(20)));
    assert_eq!(row.votes, vec![vote("ana", true), vote("bo", true)]);
    assert_eq!(store.approvals(true, 0).await.unwrap(), vec![approval("apr_2", 11)]);
    assert_eq!(store.approvals(false, 1).await.unwrap()[0].id, "apr_1", "oldest first");
    assert_eq!(store.recover().await.unwrap().approvals, vec![approval("apr_2", 11)], "the open ones");
    store.commit(vec![Op::PutApproval(approval("apr_1", 10))]).await.unwrap();
    let row = store.approval("apr_1").await.unwrap().unwrap();
    assert_eq!((row.state, row.closed, row.votes.len()), (ApprovalState::Open, None, 2), "put again: votes stay");
    assert_eq!(store.approval("apr_9").await.unwrap(), None);
}

async fn small_state_survives<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let mark = |at: i64| MarkRow {
        kind: "dedupe".to_owned(),
        runbook: "drain".to_owned(),
        key: "n7".to_owned(),
        at,
        run: "run_1".to_owned(),
    };
    let token = TokenRow {
        id: "tok_1".to_owned(),
        name: "ci".to_owned(),
        hash: "0".repeat(64),
        scopes: vec!["runs:start".to_owned()],
        user: Some("ana".to_owned()),
        created: 1,
        expires: Some(99),
        revoked: None,
    };
    let hold = |target: &str, run: &str| Op::HoldTarget { target: target.to_owned(), run: run.to_owned(), at: 7 };
    let place = |instance: &str, cursor: &str| {
        let (source, instance) = ("shop.logged".to_owned(), instance.to_owned());
        Op::PutCursor { source, instance, cursor: cursor.to_owned() }
    };
    let pause = |runbook: Option<&str>, paused| Op::SetPaused { runbook: runbook.map(str::to_owned), paused };
    let ops = vec![
        Op::PutProgram { id: "p1".to_owned(), bytes: vec![1, 0, 255] },
        Op::PutProgram { id: "p1".to_owned(), bytes: vec![1, 0, 255] },
        Op::PutMark(mark(5)),
        Op::PutMark(mark(6)),
        hold("node/n7", "run_1"),
        hold("node/n8", "run_1"),
        hold("node/n9", "run_2"),
        Op::PutSchedule { key: "drain/0".to_owned(), fired: 3 },
        Op::PutSchedule { key: "drain/0".to_owned(), fired: 4 },
        place("default", "1"),
        place("default", "2"),
        place("eu", "7"),
        pause(None, true),
        pause(Some("drain"), true),
        pause(None, false),
        Op::PutToken(token.clone()),
    ];
    store.commit(ops).await.unwrap();
    let ops = vec![Op::DropMarks { before: 6 }, Op::ReleaseTargets { run: "run_1".to_owned() }];
    store.commit(ops).await.unwrap();
    let store = subject.reopen(store).await;
    let recovered = store.recover().await.unwrap();
    assert_eq!(recovered.marks, vec![mark(6)]);
    assert_eq!(recovered.targets, vec![("node/n9".to_owned(), "run_2".to_owned())]);
    assert_eq!(recovered.schedules, vec![("drain/0".to_owned(), 4)]);
    assert_eq!(recovered.paused, vec![Some("drain".to_owned())]);
    assert_eq!(store.program("p1").await.unwrap(), Some(vec![1, 0, 255]));
    assert_eq!(store.program("p2").await.unwrap(), None);
    assert_eq!(store.cursor("shop.logged", "default").await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.cursor("shop.logged", "eu").await.unwrap().as_deref(), Some("7"));
    assert_eq!(store.cursor("shop.logged", "us").await.unwrap(), None);
    assert_eq!(store.cursor("shop", "default").await.unwrap(), None);
    assert_eq!(store.tokens().await.unwrap(), vec![token.clone()]);
    store.commit(vec![Op::RevokeToken { id: "tok_1".to_owned(), at: 44 }]).await.unwrap();
    assert_eq!(store.tokens().await.unwrap(), vec![TokenRow { revoked: Some(44), ..token }]);
}

async fn waiting_events_survive<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let wait = |window: &str, event: &str, role: &str| WaitRow {
        window: window.to_owned(),
        event: event.to_owned(),
        role: role.to_owned(),
    };
    let rows = [("a", "evt_2", "first"), ("a", "evt_1", "one"), ("a", "evt_2", "second"), ("b", "evt_2", "first")];
    let mut ops = vec![Op::PutEvent(event("evt_1", None, 1)), Op::PutEvent(event("evt_2", None, 2))];
    ops.extend(rows.iter().chain(&rows).map(|(w, e, r)| Op::PutWait(wait(w, e, r))));
    store.commit(ops).await.unwrap();
    let store = subject.reopen(store).await;
    let found = store.recover().await.unwrap().waits;
    let kept: Vec<WaitRow> = found.iter().map(|(w, _)| w.clone()).collect();
    assert_eq!(kept, rows.map(|(w, e, r)| wait(w, e, r)), "once each, in the order in which they began");
    assert!(found.iter().all(|(w, e)| w.event == e.id));
    let gone = Op::DropWait { window: "a".to_owned(), event: "evt_2".to_owned() };
    store.commit(vec![gone.clone(), gone]).await.unwrap();
    let store = subject.reopen(store).await;
    let kept: Vec<WaitRow> = store.recover().await.unwrap().waits.into_iter().map(|(w, _)| w).collect();
    assert_eq!(kept, [wait("a", "evt_1", "one"), wait("b", "evt_2", "first")], "in both roles, in that window only");
}

async fn commits_side_by_side<S: Subject>(subject: &S) {
    let store = subject.fresh().await;
    let commits = (0..64).map(|n| {
        let id = format!("run_{n:02}");
        let ops = vec![
            Op::PutRun(run(&id, RunStatus::Running, n)),
            Op::AppendJournal(entry(&id, 1, n)),
            Op::Audit(draft(n, "run.started", Some(&id))),
        ];
        store.commit(ops)
    });
    for answer in futures_util::future::join_all(commits).await {
        answer.unwrap();
    }
    let store = subject.reopen(store).await;
    assert_eq!(store.recover().await.unwrap().runs.len(), 64);
    let mut verifier = Verifier::default();
    for record in store.audit(0, 1000, None).await.unwrap() {
        verifier.take(&record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { records: 64, .. }));
}
