//! Rows and stores for tests.

use std::path::Path;

use rrb_engine::audit::{AuditDraft, Verdict, Verifier};
use rrb_engine::store::*;
use rrb_store::{Options, SqliteStore};
use serde_json::json;

pub fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(&dir.join("state"), Options::default()).unwrap()
}

pub fn run(id: &str) -> RunRow {
    RunRow {
        id: id.into(),
        runbook: "disk_pressure".into(),
        program: "sha256:aa".into(),
        status: RunStatus::Running,
        requester: "user:ana".into(),
        event: None,
        input: json!({"params": [1, "zwei", null]}),
        params: json!({"limit": "5GiB"}),
        concurrency_key: None,
        created: 1_000,
        updated: 1_000,
        end: None,
    }
}

pub fn entry(run: &str, seq: u64) -> JournalRow {
    JournalRow {
        run: run.into(),
        seq,
        at: 1_000 + i64::try_from(seq).unwrap(),
        kind: "intent".into(),
        effect: format!("s1:{seq}"),
        body: json!({"seq": seq, "share": 0.1, "text": "ü\u{0}\n"}),
    }
}

pub fn event(id: &str) -> EventRow {
    EventRow {
        id: id.into(),
        delivery: None,
        source: "alertmanager.firing".into(),
        instance: "default".into(),
        sender_id: Some(format!("sender-{id}")),
        at: 10,
        received: 20,
        payload: json!({"labels": {"alertname": "DiskFull"}}),
    }
}

pub fn delivery(id: &str, dead: Option<&str>) -> DeliveryRow {
    DeliveryRow {
        id: id.into(),
        at: 5,
        source: "alertmanager".into(),
        instance: "default".into(),
        path: "/alertmanager".into(),
        body: vec![0, 159, 146, 150],
        headers: json!({"content-type": "application/json"}),
        dead: dead.map(Into::into),
    }
}

pub fn approval(id: &str, run: &str) -> ApprovalRow {
    ApprovalRow {
        id: id.into(),
        run: run.into(),
        runbook: "disk_pressure".into(),
        effect: "s2:0".into(),
        ask: json!({"question": "Delete?"}),
        digest: "d".into(),
        requester: "user:ana".into(),
        asked: 30,
        expires: 40,
        state: ApprovalState::Open,
        closed: None,
        votes: vec![],
    }
}

pub fn vote(approval: &str, person: &str) -> VoteRow {
    VoteRow {
        approval: approval.into(),
        person: person.into(),
        approve: true,
        comment: "go".into(),
        method: "token:laptop".into(),
        at: 31,
    }
}

pub fn token(id: &str) -> TokenRow {
    TokenRow {
        id: id.into(),
        name: "ci".into(),
        hash: "00".into(),
        scopes: vec!["runs:read".into(), "events:write".into()],
        user: Some("ana".into()),
        created: 3,
        expires: Some(9),
        revoked: None,
    }
}

pub fn audit(n: u64) -> Op {
    Op::Audit(AuditDraft {
        at: 7,
        kind: "call.intent".into(),
        actor: "engine".into(),
        run: Some(format!("run_{}", n % 3)),
        event: None,
        body: json!({"n": n, "z": 1, "a": [0.1, 1e300, {"deep": true}]}),
    })
}

/// Every audit record, checked link by link.
pub async fn verify(store: &impl Store) -> u64 {
    let mut verifier = Verifier::default();
    let mut after = 0;
    loop {
        let page = store.audit(after, 1000, None).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        page.iter().for_each(|r| verifier.take(r).unwrap());
    }
    match verifier.finish() {
        Verdict::Intact { records, .. } => records,
        broken => panic!("{broken:?}"),
    }
}
