//! Operations, and what is read of them.

use std::sync::Arc;

use rrb_engine::store::*;
use serde_json::json;
use tempfile::tempdir;

use crate::support::*;

#[tokio::test]
async fn what_is_written_is_read_also_after_opening_again() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let disposition = DispositionRow {
        event: "evt_1".into(),
        runbook: "disk_pressure".into(),
        verdict: "started".into(),
        run: Some("run_1".into()),
        detail: "where: 0.9 > 0.8".into(),
        at: 21,
    };
    let mark = MarkRow {
        kind: "dedupe".into(),
        runbook: "disk_pressure".into(),
        key: "n7".into(),
        at: 22,
        run: "run_1".into(),
    };
    let snapshot = SnapshotRow { run: "run_1".into(), seq: 2, bytes: vec![0, 255, 7] };
    let committed = store
        .commit(vec![
            Op::PutProgram { id: "sha256:aa".into(), bytes: vec![1, 2, 3] },
            Op::PutProgram { id: "sha256:aa".into(), bytes: vec![1, 2, 3] },
            Op::PutDelivery(delivery("dlv_1", None)),
            Op::PutDelivery(delivery("dlv_2", Some("no `alerts`"))),
            Op::PutEvent(event("evt_1")),
            Op::PutEvent(event("evt_2")),
            Op::EventMatched { id: "evt_1".into() },
            Op::PutDisposition(disposition.clone()),
            Op::PutRun(run("run_1")),
            Op::PutRun(run("run_2")),
            Op::AppendJournal(entry("run_1", 1)),
            Op::AppendJournal(entry("run_1", 2)),
            Op::PutSnapshot(SnapshotRow { run: "run_1".into(), seq: 1, bytes: vec![9] }),
            Op::PutSnapshot(snapshot.clone()),
            Op::PutApproval(approval("apr_1", "run_1")),
            Op::PutApproval(approval("apr_2", "run_1")),
            Op::PutVote(vote("apr_1", "ana")),
            Op::PutVote(vote("apr_1", "bo")),
            Op::CloseApproval { id: "apr_2".into(), state: ApprovalState::Expired, at: 41 },
            Op::PutMark(MarkRow { at: 1, ..mark.clone() }),
            Op::DropMarks { before: 22 },
            Op::PutMark(mark.clone()),
            Op::HoldTarget { target: "node/n7".into(), run: "run_1".into(), at: 23 },
            Op::HoldTarget { target: "node/n7".into(), run: "run_1".into(), at: 24 },
            Op::HoldTarget { target: "node/n8".into(), run: "run_2".into(), at: 24 },
            Op::ReleaseTargets { run: "run_2".into() },
            Op::PutSchedule { key: "nightly".into(), fired: 1 },
            Op::PutSchedule { key: "nightly".into(), fired: 2 },
            Op::PutToken(token("tok_1")),
            Op::PutToken(token("tok_2")),
            Op::RevokeToken { id: "tok_2".into(), at: 8 },
            Op::SetPaused { runbook: None, paused: true },
            Op::SetPaused { runbook: Some("a".into()), paused: true },
            Op::SetPaused { runbook: Some("b".into()), paused: true },
            Op::SetPaused { runbook: Some("b".into()), paused: false },
            Op::SetRun { id: "run_2".into(), status: RunStatus::Done, at: 2_000, end: Some(json!({"why": "x"})) },
            audit(1),
            audit(2),
        ])
        .await
        .unwrap();
    assert_eq!(committed.audit_seq, 2);

    let done = RunRow { status: RunStatus::Done, updated: 2_000, end: Some(json!({"why": "x"})), ..run("run_2") };
    let closed = ApprovalRow { state: ApprovalState::Expired, closed: Some(41), ..approval("apr_2", "run_1") };
    let voted = ApprovalRow { votes: vec![vote("apr_1", "ana"), vote("apr_1", "bo")], ..approval("apr_1", "run_1") };
    let mut store = store;
    for _ in 0..2 {
        assert_eq!(store.program("sha256:aa").await.unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(store.program("sha256:bb").await.unwrap(), None);
        assert_eq!(store.delivery("dlv_1").await.unwrap(), Some(delivery("dlv_1", None)));
        assert_eq!(store.dead_letters(0).await.unwrap(), vec![delivery("dlv_2", Some("no `alerts`"))]);
        assert_eq!(store.event("evt_2").await.unwrap(), Some(event("evt_2")));
        assert_eq!(store.dispositions("evt_1").await.unwrap(), vec![disposition.clone()]);
        assert_eq!(store.run("run_1").await.unwrap(), Some(run("run_1")));
        assert_eq!(store.run("run_2").await.unwrap(), Some(done.clone()));
        assert_eq!(store.run("run_3").await.unwrap(), None);
        assert_eq!(store.journal("run_1", 0).await.unwrap(), vec![entry("run_1", 1), entry("run_1", 2)]);
        assert_eq!(store.journal("run_1", 1).await.unwrap(), vec![entry("run_1", 2)]);
        assert_eq!(store.snapshot("run_1").await.unwrap(), Some(snapshot.clone()));
        assert_eq!(store.approval("apr_1").await.unwrap(), Some(voted.clone()));
        assert_eq!(store.approvals(true, 10).await.unwrap(), vec![voted.clone()]);
        assert_eq!(store.approvals(false, 10).await.unwrap(), vec![voted.clone(), closed.clone()]);
        assert_eq!(
            store.tokens().await.unwrap(),
            vec![token("tok_1"), TokenRow { revoked: Some(8), ..token("tok_2") }]
        );
        assert_eq!(store.audit(0, 10, Some("run_1")).await.unwrap().len(), 1);
        assert_eq!(verify(&store).await, 2);
        assert_eq!(
            store.recover().await.unwrap(),
            Recovered {
                runs: vec![run("run_1")],
                unmatched: vec![event("evt_2")],
                approvals: vec![voted.clone()],
                marks: vec![mark.clone()],
                waits: vec![],
                targets: vec![("node/n7".into(), "run_1".into())],
                schedules: vec![("nightly".into(), 2)],
                paused: vec![None, Some("a".into())],
                latest: 2_000,
            }
        );
        drop(store);
        store = open(dir.path());
    }
}

#[tokio::test]
async fn filters_choose_and_order() {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    let mut ops = Vec::new();
    for n in 0..150_i64 {
        let runbook = if n % 2 == 0 { "even" } else { "odd" };
        let status = if n % 3 == 0 { RunStatus::Done } else { RunStatus::Waiting };
        ops.push(Op::PutRun(RunRow {
            runbook: runbook.into(),
            status,
            created: n / 10,
            event: Some(format!("evt_{}", n % 5)),
            ..run(&format!("run_{n}"))
        }));
        let source = if n % 2 == 0 { "a.x" } else { "b.y" };
        ops.push(Op::PutEvent(EventRow { source: source.into(), received: n, ..event(&format!("evt_{n}")) }));
    }
    store.commit(ops).await.unwrap();
    let ids = |rows: Vec<RunRow>| rows.into_iter().map(|r| r.id).collect::<Vec<_>>();
    let all = ids(store.runs(RunFilter::default()).await.unwrap());
    assert_eq!((all.len(), all[0].as_str(), all[99].as_str()), (100, "run_149", "run_50"));
    let few = RunFilter { runbook: Some("odd".into()), open_only: true, limit: 2, ..Default::default() };
    assert_eq!(ids(store.runs(few).await.unwrap()), ["run_149", "run_145"]);
    let done = RunFilter { status: Some(RunStatus::Done), event: Some("evt_3".into()), ..Default::default() };
    assert_eq!(store.runs(done).await.unwrap().len(), 10);
    let since = EventFilter { source: Some("b.y".into()), since: Some(146), limit: 0 };
    let found: Vec<_> = store.events(since).await.unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(found, ["evt_149", "evt_147"]);
    assert_eq!(store.seen("b.y", "sender-evt_147", 147).await.unwrap().as_deref(), Some("evt_147"));
    assert_eq!(store.seen("b.y", "sender-evt_147", 148).await.unwrap(), None);
    assert_eq!(store.seen("a.x", "sender-evt_147", 0).await.unwrap(), None);
}

/// Runs a commit that must fail for its own sake, and shows that nothing of it stayed and the store goes on.
async fn refused(ops: Vec<Op>, why: &str) {
    let dir = tempdir().unwrap();
    let store = open(dir.path());
    store
        .commit(vec![
            Op::PutRun(run("run_1")),
            Op::AppendJournal(entry("run_1", 1)),
            Op::PutEvent(event("evt_1")),
            audit(1),
        ])
        .await
        .unwrap();
    store.commit(vec![Op::HoldTarget { target: "t".into(), run: "run_1".into(), at: 1 }]).await.unwrap();
    let mut all = vec![Op::PutProgram { id: "p".into(), bytes: vec![] }, audit(2)];
    all.extend(ops);
    match store.commit(all).await {
        Err(StoreError::Failed(text)) => assert!(text.contains(why), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.program("p").await.unwrap(), None, "half of a commit stayed");
    assert_eq!(store.commit(vec![audit(3)]).await.unwrap().audit_seq, 2);
    assert_eq!(verify(&store).await, 2);
}

#[tokio::test]
async fn a_commit_that_cannot_be_is_refused_whole() {
    for seq in [0, 1, 3] {
        refused(vec![Op::AppendJournal(entry("run_1", seq))], "does not follow entry 1").await;
    }
    refused(vec![Op::AppendJournal(entry("run_9", 1))], "FOREIGN KEY").await;
    refused(vec![Op::PutToken(token("tok_1")), Op::PutToken(token("tok_1"))], "the token `tok_1` is already").await;
    refused(vec![Op::PutEvent(event("evt_1"))], "the event `evt_1` is already there").await;
    refused(vec![Op::EventMatched { id: "evt_9".into() }], "no event `evt_9`").await;
    refused(vec![Op::SetRun { id: "run_9".into(), status: RunStatus::Done, at: 1, end: None }], "no run `run_9`").await;
    refused(vec![Op::PutVote(vote("apr_9", "ana"))], "FOREIGN KEY").await;
    refused(vec![Op::CloseApproval { id: "apr_9".into(), state: ApprovalState::Void, at: 1 }], "no approval `apr_9`")
        .await;
    refused(vec![Op::RevokeToken { id: "tok_9".into(), at: 1 }], "no token `tok_9`").await;
    refused(vec![Op::AppendJournal(JournalRow { seq: u64::MAX, ..entry("run_1", 2) })], "too large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commit_at_once_and_bad_ones_spoil_nobody() {
    let dir = tempdir().unwrap();
    let store = Arc::new(open(dir.path()));
    let tasks: Vec<_> = (0..64_u64)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let id = format!("run_{n}");
                store.commit(vec![Op::PutRun(run(&id)), audit(n)]).await.unwrap();
                for seq in 1..=15 {
                    store.commit(vec![Op::AppendJournal(entry(&id, seq)), audit(n)]).await.unwrap();
                    if n % 4 == 0 {
                        store.commit(vec![audit(n), Op::AppendJournal(entry(&id, seq + 5))]).await.unwrap_err();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for n in 0..64 {
        assert_eq!(store.journal(&format!("run_{n}"), 0).await.unwrap().len(), 15);
    }
    assert_eq!(verify(store.as_ref()).await, 64 * 16);
    let stats = store.stats();
    assert_eq!((stats.commits, stats.waiting), (64 * 16, 0));
    assert!(stats.groups < stats.commits, "no two commits shared a flush: {stats:?}");
}
