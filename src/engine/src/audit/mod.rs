//! The audit log: a chain of records, each with the hash of the one before, written in the transaction of the state it tells of.

use rrb_lang::vm::protocol::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is to be recorded; the store's writer gives it a number and seals it into the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditDraft {
    pub at: Millis,
    /// `run.started`, `call.intent`, `call.outcome`, `approval.asked`, `approval.vote`, `event.accepted`, …
    pub kind: String,
    /// Who: `user:ana`, `token:ci`, `engine`, `trigger:alertmanager.firing`.
    pub actor: String,
    pub run: Option<String>,
    pub event: Option<String>,
    /// What, as JSON without secrets; keys in a fixed order, no floats needed for meaning.
    pub body: serde_json::Value,
}

/// A sealed record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub seq: u64,
    #[serde(flatten)]
    pub draft: AuditDraft,
    /// Hash of the record before; 64 zeros for the first.
    pub prev: String,
    /// SHA-256, hex, over [`AuditRecord::bytes`].
    pub hash: String,
}

/// The `prev` of the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl AuditRecord {
    /// Seals `draft` as record `seq` after the one whose hash is `prev`.
    pub fn seal(seq: u64, prev: &str, draft: AuditDraft) -> Self {
        let mut record = Self { seq, draft, prev: prev.to_owned(), hash: String::new() };
        record.hash = record.expected_hash();
        record
    }

    /// What is hashed: the record as JSON without its own hash, in the field order of this type.
    pub fn bytes(&self) -> Vec<u8> {
        let d = &self.draft;
        let canonical = serde_json::json!({
            "seq": self.seq, "at": d.at, "kind": d.kind, "actor": d.actor, "run": d.run, "event": d.event, "body": d.body,
            "prev": self.prev,
        });
        canonical.to_string().into_bytes()
    }

    /// The hash this record must have.
    pub fn expected_hash(&self) -> String {
        Sha256::digest(self.bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Every link holds. `head` is the last hash: keep it elsewhere to notice a cut tail.
    Intact { records: u64, head: String },
    /// The first record that does not fit, and why.
    Broken { seq: u64, reason: String },
}

/// Checks records one by one, in order, without holding them.
#[derive(Debug, Clone)]
pub struct Verifier {
    next: u64,
    prev: String,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { next: 1, prev: GENESIS.to_owned() }
    }
}

impl Verifier {
    /// Takes the next record.
    ///
    /// # Errors
    /// The verdict [`Verdict::Broken`] when it does not fit.
    pub fn take(&mut self, record: &AuditRecord) -> Result<(), Verdict> {
        let broken = |reason: &str| Err(Verdict::Broken { seq: record.seq.min(self.next), reason: reason.to_owned() });
        if record.seq != self.next {
            return broken(&format!("record {} is missing: the next one found is {}", self.next, record.seq));
        }
        if record.prev != self.prev {
            return broken("it does not carry the hash of the record before it");
        }
        if record.hash != record.expected_hash() {
            return broken("its content does not have the hash it carries");
        }
        self.next += 1;
        self.prev.clone_from(&record.hash);
        Ok(())
    }

    /// The verdict when all records were taken and `last` is the number and `hash` that of the record that was written last: the log
    /// may go on behind it, but not end before it.
    pub fn finish_at(self, last: u64, hash: &str) -> Verdict {
        if self.next <= last {
            let reason = format!("record {} is missing: record {last} was the last one written", self.next);
            return Verdict::Broken { seq: self.next, reason };
        }
        if self.next == last.saturating_add(1) && self.prev != hash {
            return Verdict::Broken { seq: last, reason: "it is not the record that was written last".to_owned() };
        }
        self.finish()
    }

    /// The verdict when all records were taken.
    pub fn finish(self) -> Verdict {
        Verdict::Intact { records: self.next - 1, head: self.prev }
    }
}
