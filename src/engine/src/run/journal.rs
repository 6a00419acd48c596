//! What stands in a run's journal. One row is one entry; its body is JSON: `{"v":1,"notes":[…],"act":{…}}`.

use rrb_lang::vm::protocol::{Effect, EffectId, EffectOutcome, Millis, Note, RunEnd};
use serde::{Deserialize, Serialize};

use crate::store::JournalRow;

/// The version of the format. Rows of another one are refused.
pub const VERSION: u32 = 1;

/// An entry: what happened, and the notes the machine gave before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    v: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    pub act: Act,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "the largest is also the most frequent, and entries live one at a time")]
pub enum Act {
    /// The run began.
    Start { at: Millis },
    /// An effect is about to be performed.
    Intent {
        id: EffectId,
        effect_kind: String,
        /// None when it stands elsewhere (an approval's question) or was too large to be performed at all.
        effect: Option<Effect>,
        /// The approval that was opened with it.
        approval: Option<String>,
    },
    /// An effect came to its end.
    Outcome { id: EffectId, outcome: EffectOutcome },
    /// Nobody waits for it any more.
    Abandon { id: EffectId, why: String },
    /// The run is asked to stop.
    Cancel { why: String, by: String },
    /// Only notes, before the run went to rest.
    Note,
    /// The run is taken up again after an attempt that did not end well.
    Attempt { strike: u32, why: String },
    /// A person let a quarantined run go on.
    Resume { by: String },
    /// The run is over.
    End(RunEnd),
}

impl Act {
    fn kind(&self) -> &'static str {
        match self {
            Act::Start { .. } => "start",
            Act::Intent { .. } => "intent",
            Act::Outcome { .. } => "outcome",
            Act::Abandon { .. } => "abandon",
            Act::Cancel { .. } => "cancel",
            Act::Note => "note",
            Act::Attempt { .. } => "attempt",
            Act::Resume { .. } => "resume",
            Act::End(_) => "end",
        }
    }

    fn effect(&self) -> String {
        match self {
            Act::Intent { id, .. } | Act::Outcome { id, .. } | Act::Abandon { id, .. } => id.to_string(),
            _ => String::new(),
        }
    }
}

/// Writes an entry down.
///
/// # Errors
/// When it has no form in JSON; nothing the machine gives is like that.
pub fn row(run: &str, seq: u64, at: Millis, notes: Vec<Note>, act: Act) -> Result<JournalRow, String> {
    let (kind, effect) = (act.kind().to_owned(), act.effect());
    let body = serde_json::to_value(Entry { v: VERSION, notes, act }).map_err(|e| e.to_string())?;
    Ok(JournalRow { run: run.to_owned(), seq, at, kind, effect, body })
}

/// Reads an entry.
///
/// # Errors
/// When it was written by another version, or is not what was written.
pub fn read(row: &JournalRow) -> Result<Entry, String> {
    let place = || format!("entry {} of run `{}`", row.seq, row.run);
    match row.body.get("v").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => return Err(format!("{} has version {v}, this rrb reads version {VERSION}", place())),
        None => return Err(format!("{} has no version", place())),
    }
    Entry::deserialize(&row.body).map_err(|e| format!("{}: {e}", place()))
}

/// The effects that a journal leaves open, oldest first: begun, not ended, not abandoned.
pub fn open_effects(entries: &[Entry]) -> Vec<(&EffectId, Option<&Effect>, Option<&str>)> {
    let mut open: Vec<(&EffectId, Option<&Effect>, Option<&str>)> = Vec::new();
    for entry in entries {
        match &entry.act {
            Act::Intent { id, effect, approval, .. } => open.push((id, effect.as_ref(), approval.as_deref())),
            Act::Outcome { id, .. } | Act::Abandon { id, .. } => open.retain(|(o, _, _)| *o != id),
            Act::End(_) => open.clear(),
            _ => {}
        }
    }
    open
}

/// How many attempts in a row made no progress.
pub fn strikes(entries: &[Entry]) -> u32 {
    let tail = entries.iter().rev().take_while(|e| matches!(e.act, Act::Attempt { .. })).count();
    u32::try_from(tail).unwrap_or(u32::MAX)
}
