//! Operations to SQL.

use rrb_engine::store::{
    ApprovalRow, ApprovalState, DeliveryRow, DispositionRow, EventRow, JournalRow, MarkRow, Op, RunRow, SnapshotRow,
    TokenRow, VoteRow, WaitRow,
};
use rusqlite::{Connection, Params, params};
use serde_json::Value;

use crate::audit::Chain;
use crate::codec::{signed, spell, text, weight};
use crate::fault::Fault;

/// What a commit changes besides rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub chain: Chain,
    /// The latest time seen.
    pub latest: i64,
}

/// Applies one operation.
pub(crate) fn apply(db: &Connection, op: Op, head: &mut Head) -> Result<(), Fault> {
    if let Some(at) = time(&op) {
        head.latest = head.latest.max(at);
    }
    match op {
        Op::PutProgram { id, bytes } => {
            run(db, "INSERT INTO programs (id, bytes) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING", params![id, bytes])
                .map(drop)
        }
        Op::PutDelivery(row) => put_delivery(db, &row),
        Op::PutEvent(row) => put_event(db, &row),
        Op::EventMatched { id } => {
            one(run(db, "UPDATE events SET matched = 1 WHERE id = ?1", params![id])?, "event", &id)
        }
        Op::PutDisposition(row) => put_disposition(db, &row),
        Op::PutRun(row) => put_run(db, &row),
        Op::SetRun { id, status, at, end } => {
            let end = end.as_ref().map(text).transpose()?;
            let sql = "UPDATE runs SET status = ?2, updated = ?3, ended = ifnull(?4, ended) WHERE id = ?1";
            one(run(db, sql, params![id, spell(&status)?, at, end])?, "run", &id)
        }
        Op::AppendJournal(row) => append(db, &row),
        Op::PutSnapshot(row) => put_snapshot(db, &row),
        Op::DropSnapshot { run: id } => run(db, "DELETE FROM snapshots WHERE run = ?1", params![id]).map(drop),
        Op::PutApproval(row) => put_approval(db, &row),
        Op::PutVote(row) => put_vote(db, &row),
        Op::CloseApproval { id, state, at } => {
            let sql = "UPDATE approvals SET state = ?2, closed = ?3 WHERE id = ?1";
            let closed = (state != ApprovalState::Open).then_some(at);
            one(run(db, sql, params![id, spell(&state)?, closed])?, "approval", &id)
        }
        Op::PutMark(row) => put_mark(db, &row),
        Op::DropMarks { before } => run(db, "DELETE FROM marks WHERE at < ?1", params![before]).map(drop),
        Op::PutWait(row) => put_wait(db, &row),
        Op::DropWait { window, event } => {
            run(db, "DELETE FROM waits WHERE window = ?1 AND event = ?2", params![window, event]).map(drop)
        }
        Op::HoldTarget { target, run: id, at } => run(
            db,
            "INSERT INTO targets (target, run, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (target) DO UPDATE SET run = excluded.run, at = excluded.at",
            params![target, id, at],
        )
        .map(drop),
        Op::ReleaseTargets { run: id } => run(db, "DELETE FROM targets WHERE run = ?1", params![id]).map(drop),
        Op::PutCursor { source, instance, cursor } => run(
            db,
            "INSERT INTO cursors (source, instance, cursor) VALUES (?1, ?2, ?3)
             ON CONFLICT (source, instance) DO UPDATE SET cursor = excluded.cursor",
            params![source, instance, cursor],
        )
        .map(drop),
        Op::PutSchedule { key, fired } => run(
            db,
            "INSERT INTO schedules (key, fired) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET fired = excluded.fired",
            params![key, fired],
        )
        .map(drop),
        Op::PutToken(row) => put_token(db, &row),
        Op::RevokeToken { id, at } => {
            let sql = "UPDATE tokens SET revoked = ifnull(revoked, ?2) WHERE id = ?1";
            one(run(db, sql, params![id, at])?, "token", &id)
        }
        Op::SetPaused { runbook, paused } => set_paused(db, &runbook.unwrap_or_default(), paused),
        Op::Audit(draft) => head.chain.append(db, draft),
    }
}

/// About how many bytes an operation brings.
pub(crate) fn size(op: &Op) -> usize {
    const ROW: usize = 128;
    ROW + match op {
        Op::PutProgram { bytes, .. } => bytes.len(),
        Op::PutDelivery(r) => r.body.len() + weight(&r.headers),
        Op::PutEvent(r) => weight(&r.payload),
        Op::PutDisposition(r) => r.detail.len(),
        Op::PutRun(r) => weight(&r.input) + weight(&r.params),
        Op::SetRun { end, .. } => end.as_ref().map_or(0, weight),
        Op::AppendJournal(r) => weight(&r.body),
        Op::PutSnapshot(r) => r.bytes.len(),
        Op::PutApproval(r) => weight(&r.ask) + r.votes.iter().map(|v| v.comment.len()).sum::<usize>(),
        Op::PutVote(r) => r.comment.len(),
        Op::Audit(d) => weight(&d.body),
        _ => 0,
    }
}

fn time(op: &Op) -> Option<i64> {
    match op {
        Op::PutDelivery(r) => Some(r.at),
        Op::PutEvent(r) => Some(r.received),
        Op::PutDisposition(r) => Some(r.at),
        Op::PutRun(r) => Some(r.created.max(r.updated)),
        Op::AppendJournal(r) => Some(r.at),
        Op::PutApproval(r) => Some(r.asked),
        Op::PutVote(r) => Some(r.at),
        Op::PutMark(r) => Some(r.at),
        Op::PutToken(r) => Some(r.created),
        Op::Audit(d) => Some(d.at),
        Op::SetRun { at, .. }
        | Op::CloseApproval { at, .. }
        | Op::HoldTarget { at, .. }
        | Op::RevokeToken { at, .. } => Some(*at),
        _ => None,
    }
}

fn run(db: &Connection, sql: &str, params: impl Params) -> Result<usize, Fault> {
    Ok(db.prepare_cached(sql)?.execute(params)?)
}

fn one(changed: usize, what: &str, id: &str) -> Result<(), Fault> {
    match changed {
        0 => Err(Fault::Caller(format!("there is no {what} `{id}` to change"))),
        _ => Ok(()),
    }
}

/// An insertion that must be the first of its id.
fn fresh(db: &Connection, what: &str, id: &str, sql: &str, params: impl Params) -> Result<(), Fault> {
    match db.prepare_cached(sql)?.execute(params) {
        Ok(_) => Ok(()),
        Err(rusqlite::Error::SqliteFailure(e, _)) if e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => {
            Err(Fault::Caller(format!("the {what} `{id}` is already there")))
        }
        Err(e) => Err(e.into()),
    }
}

fn put_delivery(db: &Connection, r: &DeliveryRow) -> Result<(), Fault> {
    let sql = "INSERT INTO deliveries (id, at, source, instance, path, body, headers, dead) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
       ON CONFLICT (id) DO UPDATE SET dead = excluded.dead";
    run(db, sql, params![r.id, r.at, r.source, r.instance, r.path, r.body, text(&r.headers)?, r.dead]).map(drop)
}

fn put_event(db: &Connection, r: &EventRow) -> Result<(), Fault> {
    let sql = "INSERT INTO events (id, delivery, source, instance, sender_id, at, received, payload)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let payload = text(&r.payload)?;
    fresh(
        db,
        "event",
        &r.id,
        sql,
        params![r.id, r.delivery, r.source, r.instance, r.sender_id, r.at, r.received, payload],
    )
}

fn put_disposition(db: &Connection, r: &DispositionRow) -> Result<(), Fault> {
    let sql = "INSERT INTO dispositions (event, runbook, verdict, run, detail, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    run(db, sql, params![r.event, r.runbook, r.verdict, r.run, r.detail, r.at]).map(drop)
}

fn put_run(db: &Connection, r: &RunRow) -> Result<(), Fault> {
    let sql = "INSERT INTO runs (id, runbook, program, status, requester, event, input, params, concurrency_key, created, updated, ended)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
       ON CONFLICT (id) DO UPDATE SET runbook = excluded.runbook, program = excluded.program, status = excluded.status,
         requester = excluded.requester, event = excluded.event, input = excluded.input, params = excluded.params,
         concurrency_key = excluded.concurrency_key, created = excluded.created, updated = excluded.updated, ended = excluded.ended";
    let end = r.end.as_ref().map(text).transpose()?;
    run(
        db,
        sql,
        params![
            r.id,
            r.runbook,
            r.program,
            spell(&r.status)?,
            r.requester,
            r.event,
            text(&r.input)?,
            text(&r.params)?,
            r.concurrency_key,
            r.created,
            r.updated,
            end
        ],
    )
    .map(drop)
}

fn append(db: &Connection, r: &JournalRow) -> Result<(), Fault> {
    let seq = signed(r.seq)?;
    let last: i64 = db
        .prepare_cached("SELECT ifnull(max(seq), 0) FROM journal WHERE run = ?1")?
        .query_row(params![r.run], |row| row.get(0))?;
    if seq != last + 1 {
        return Err(Fault::Caller(format!("entry {seq} of run `{}` does not follow entry {last}", r.run)));
    }
    run(
        db,
        "INSERT INTO journal (run, seq, at, kind, effect, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![r.run, seq, r.at, r.kind, r.effect, text(&r.body)?],
    )
    .map(drop)
}

fn put_snapshot(db: &Connection, r: &SnapshotRow) -> Result<(), Fault> {
    let sql = "INSERT INTO snapshots (run, seq, bytes) VALUES (?1, ?2, ?3)
       ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, bytes = excluded.bytes";
    run(db, sql, params![r.run, signed(r.seq)?, r.bytes]).map(drop)
}

/// Votes are kept when an approval is put again.
fn put_approval(db: &Connection, r: &ApprovalRow) -> Result<(), Fault> {
    let known = db.prepare_cached("SELECT 1 FROM approvals WHERE id = ?1")?.exists(params![r.id])?;
    let sql = "INSERT INTO approvals (id, run, runbook, effect, ask, digest, requester, asked, expires, state, closed)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
       ON CONFLICT (id) DO UPDATE SET run = excluded.run, runbook = excluded.runbook, effect = excluded.effect,
         ask = excluded.ask, digest = excluded.digest, requester = excluded.requester, asked = excluded.asked,
         expires = excluded.expires, state = excluded.state, closed = excluded.closed";
    let state = spell(&r.state)?;
    run(
        db,
        sql,
        params![
            r.id,
            r.run,
            r.runbook,
            r.effect,
            text(&r.ask)?,
            r.digest,
            r.requester,
            r.asked,
            r.expires,
            state,
            r.closed
        ],
    )?;
    if known { Ok(()) } else { r.votes.iter().try_for_each(|v| put_vote(db, v)) }
}

fn put_vote(db: &Connection, r: &VoteRow) -> Result<(), Fault> {
    let sql = "INSERT INTO votes (approval, person, approve, comment, method, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    run(db, sql, params![r.approval, r.person, r.approve, r.comment, r.method, r.at]).map(drop)
}

fn put_mark(db: &Connection, r: &MarkRow) -> Result<(), Fault> {
    let sql = "INSERT INTO marks (kind, runbook, key, at, run) VALUES (?1, ?2, ?3, ?4, ?5)";
    run(db, sql, params![r.kind, r.runbook, r.key, r.at, r.run]).map(drop)
}

fn put_wait(db: &Connection, r: &WaitRow) -> Result<(), Fault> {
    let sql = "INSERT INTO waits (window, event, role) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    run(db, sql, params![r.window, r.event, r.role]).map(drop)
}

fn put_token(db: &Connection, r: &TokenRow) -> Result<(), Fault> {
    let sql = "INSERT INTO tokens (id, name, hash, scopes, user, created, expires, revoked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let scopes = Value::from(r.scopes.clone()).to_string();
    fresh(db, "token", &r.id, sql, params![r.id, r.name, r.hash, scopes, r.user, r.created, r.expires, r.revoked])
}

fn set_paused(db: &Connection, runbook: &str, paused: bool) -> Result<(), Fault> {
    let sql = if paused {
        "INSERT INTO paused (runbook) VALUES (?1) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM paused WHERE runbook = ?1"
    };
    run(db, sql, params![runbook]).map(drop)
}
