//! The end of the audit chain: sealed by the writer, kept in the head row, checked when the store is opened.

use rrb_engine::audit::{AuditDraft, AuditRecord, GENESIS};
use rusqlite::{Connection, params};

use crate::codec;
use crate::fault::Fault;
use crate::rows;

/// The last record's number and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub seq: u64,
    pub hash: String,
}

/// How many of the last records are checked when a store is opened; `rrb audit verify` checks all.
const CHECKED: u64 = 512;

impl Chain {
    /// Seals a record and writes it.
    pub fn append(&mut self, db: &Connection, draft: AuditDraft) -> Result<(), Fault> {
        let body = codec::text(&draft.body)?;
        let record = AuditRecord::seal(self.seq + 1, &self.hash, draft);
        let AuditRecord { seq, draft, prev, hash } = &record;
        db.prepare_cached(
            "INSERT INTO audit (seq, at, kind, actor, run, event, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            codec::signed(*seq)?,
            draft.at,
            draft.kind,
            draft.actor,
            draft.run,
            draft.event,
            body,
            prev,
            hash
        ])?;
        self.seq = record.seq;
        self.hash = record.hash;
        Ok(())
    }

    /// What the head row says.
    pub fn load(db: &Connection) -> Result<Self, Fault> {
        Ok(db.query_row("SELECT audit_seq, audit_hash FROM head", [], |r| {
            Ok(Self { seq: codec::unsigned(r, 0)?, hash: r.get(1)? })
        })?)
    }

    /// Checks that the log ends where the head says, and that its last records hold together.
    ///
    /// The inner error says what does not fit.
    pub fn check(&self, db: &Connection) -> Result<Result<(), String>, Fault> {
        let (count, last): (u64, Option<String>) = db.query_row(
            "SELECT ifnull(max(seq), 0), (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1) FROM audit",
            [],
            |r| Ok((codec::unsigned(r, 0)?, r.get(1)?)),
        )?;
        if count != self.seq || last.as_deref().unwrap_or(GENESIS) != self.hash {
            return Ok(Err(format!("it ends with record {count}, but record {} was the last one written", self.seq)));
        }
        let after = self.seq.saturating_sub(CHECKED);
        let mut prev = match before(db, after)? {
            Some(hash) => hash,
            None => return Ok(Err(format!("record {after} is missing"))),
        };
        for (seq, record) in (after + 1..).zip(rows::audit(db, after, u32::MAX, None)?) {
            if record.seq != seq {
                return Ok(Err(format!("record {seq} is missing")));
            }
            if record.prev != prev || record.hash != record.expected_hash() {
                return Ok(Err(format!("record {seq} is not what was written")));
            }
            prev = record.hash;
        }
        Ok(Ok(()))
    }
}

/// The hash of record `seq`; none when it is missing.
fn before(db: &Connection, seq: u64) -> Result<Option<String>, Fault> {
    if seq == 0 {
        return Ok(Some(GENESIS.to_owned()));
    }
    rows::first(db, "SELECT hash FROM audit WHERE seq = ?1", params![codec::signed(seq)?], |r| r.get(0))
}
