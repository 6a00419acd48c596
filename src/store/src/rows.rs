//! Rows to what the engine knows.

use rrb_engine::audit::{AuditDraft, AuditRecord};
use rrb_engine::store::{
    ApprovalRow, DeliveryRow, DispositionRow, EventRow, JournalRow, MarkRow, RunRow, SnapshotRow, TokenRow, VoteRow,
    WaitRow,
};
use rusqlite::{Connection, Params, Row, params};

use crate::codec::{json, json_opt, unsigned, word};
use crate::fault::Fault;

pub(crate) const RUN: &str =
    "id, runbook, program, status, requester, event, input, params, concurrency_key, created, updated, ended";
pub(crate) const EVENT: &str = "id, delivery, source, instance, sender_id, at, received, payload";
pub(crate) const DELIVERY: &str = "id, at, source, instance, path, body, headers, dead";
pub(crate) const APPROVAL: &str = "id, run, runbook, effect, ask, digest, requester, asked, expires, state, closed";

/// Every row of a query.
pub(crate) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<Result<Vec<T>, _>>()?)
}

/// The first row of a query, if there is one.
pub(crate) fn first<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Fault> {
    use rusqlite::OptionalExtension;
    Ok(db.prepare_cached(sql)?.query_row(params, read).optional()?)
}

pub(crate) fn run(r: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: r.get(0)?,
        runbook: r.get(1)?,
        program: r.get(2)?,
        status: word(r, 3)?,
        requester: r.get(4)?,
        event: r.get(5)?,
        input: json(r, 6)?,
        params: json(r, 7)?,
        concurrency_key: r.get(8)?,
        created: r.get(9)?,
        updated: r.get(10)?,
        end: json_opt(r, 11)?,
    })
}

pub(crate) fn journal(r: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        run: r.get(0)?,
        seq: unsigned(r, 1)?,
        at: r.get(2)?,
        kind: r.get(3)?,
        effect: r.get(4)?,
        body: json(r, 5)?,
    })
}

pub(crate) fn snapshot(r: &Row<'_>) -> rusqlite::Result<SnapshotRow> {
    Ok(SnapshotRow { run: r.get(0)?, seq: unsigned(r, 1)?, bytes: r.get(2)? })
}

pub(crate) fn event(r: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: r.get(0)?,
        delivery: r.get(1)?,
        source: r.get(2)?,
        instance: r.get(3)?,
        sender_id: r.get(4)?,
        at: r.get(5)?,
        received: r.get(6)?,
        payload: json(r, 7)?,
    })
}

pub(crate) fn disposition(r: &Row<'_>) -> rusqlite::Result<DispositionRow> {
    Ok(DispositionRow {
        event: r.get(0)?,
        runbook: r.get(1)?,
        verdict: r.get(2)?,
        run: r.get(3)?,
        detail: r.get(4)?,
        at: r.get(5)?,
    })
}

pub(crate) fn delivery(r: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    Ok(DeliveryRow {
        id: r.get(0)?,
        at: r.get(1)?,
        source: r.get(2)?,
        instance: r.get(3)?,
        path: r.get(4)?,
        body: r.get(5)?,
        headers: json(r, 6)?,
        dead: r.get(7)?,
    })
}

/// An approval without its votes.
fn approval(r: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    Ok(ApprovalRow {
        id: r.get(0)?,
        run: r.get(1)?,
        runbook: r.get(2)?,
        effect: r.get(3)?,
        ask: json(r, 4)?,
        digest: r.get(5)?,
        requester: r.get(6)?,
        asked: r.get(7)?,
        expires: r.get(8)?,
        state: word(r, 9)?,
        closed: r.get(10)?,
        votes: Vec::new(),
    })
}

/// Approvals with their votes.
pub(crate) fn approvals(db: &Connection, sql: &str, params: impl Params) -> Result<Vec<ApprovalRow>, Fault> {
    let mut found = all(db, sql, params, approval)?;
    let votes = "SELECT approval, person, approve, comment, method, at FROM votes WHERE approval = ?1 ORDER BY n";
    for row in &mut found {
        row.votes = all(db, votes, params![row.id], vote)?;
    }
    Ok(found)
}

fn vote(r: &Row<'_>) -> rusqlite::Result<VoteRow> {
    Ok(VoteRow {
        approval: r.get(0)?,
        person: r.get(1)?,
        approve: r.get(2)?,
        comment: r.get(3)?,
        method: r.get(4)?,
        at: r.get(5)?,
    })
}

/// Events that wait, each with itself.
pub(crate) const WAIT: &str =
    "SELECT e.id, e.delivery, e.source, e.instance, e.sender_id, e.at, e.received, e.payload, w.window, w.role
  FROM waits w JOIN events e ON e.id = w.event ORDER BY w.n";

pub(crate) fn wait(r: &Row<'_>) -> rusqlite::Result<(WaitRow, EventRow)> {
    let row = event(r)?;
    Ok((WaitRow { window: r.get(8)?, event: row.id.clone(), role: r.get(9)? }, row))
}

pub(crate) fn mark(r: &Row<'_>) -> rusqlite::Result<MarkRow> {
    Ok(MarkRow { kind: r.get(0)?, runbook: r.get(1)?, key: r.get(2)?, at: r.get(3)?, run: r.get(4)? })
}

pub(crate) fn token(r: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let scopes = serde_json::from_value(json(r, 3)?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(e)))?;
    Ok(TokenRow {
        id: r.get(0)?,
        name: r.get(1)?,
        hash: r.get(2)?,
        scopes,
        user: r.get(4)?,
        created: r.get(5)?,
        expires: r.get(6)?,
        revoked: r.get(7)?,
    })
}

/// Audit records after `after`, of one run or all.
pub(crate) fn audit(db: &Connection, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, Fault> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let select = "SELECT seq, at, kind, actor, run, event, body, prev, hash FROM audit";
    match run {
        Some(id) => all(
            db,
            &format!("{select} WHERE seq > ?1 AND run = ?3 ORDER BY seq LIMIT ?2"),
            params![after, limit, id],
            record,
        ),
        None => all(db, &format!("{select} WHERE seq > ?1 ORDER BY seq LIMIT ?2"), params![after, limit], record),
    }
}

fn record(r: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        seq: unsigned(r, 0)?,
        draft: AuditDraft {
            at: r.get(1)?,
            kind: r.get(2)?,
            actor: r.get(3)?,
            run: r.get(4)?,
            event: r.get(5)?,
            body: json(r, 6)?,
        },
        prev: r.get(7)?,
        hash: r.get(8)?,
    })
}
