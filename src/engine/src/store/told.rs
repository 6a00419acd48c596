//! What a commit holds, in a few words: for those who make a store die at one and say where.

use super::Op;

/// What one commit held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The journal entries in it.
    pub entries: Vec<ToldEntry>,
    /// Everything else, a word each.
    pub others: Vec<&'static str>,
}

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEntry {
    pub run: String,
    pub seq: u64,
    /// As in `JournalRow`.
    pub kind: String,
    /// The effect's id as text; empty where there is none.
    pub effect: String,
}

/// Tells what these operations are.
pub fn told(ops: &[Op]) -> Told {
    let mut told = Told::default();
    for op in ops {
        if let Op::AppendJournal(row) = op {
            let (run, kind, effect) = (row.run.clone(), row.kind.clone(), row.effect.clone());
            told.entries.push(ToldEntry { run, seq: row.seq, kind, effect });
        } else if let Some(word) = word(op)
            && !told.others.contains(&word)
        {
            told.others.push(word);
        }
    }
    told
}

/// None for what only goes with something else.
fn word(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::PutProgram { .. } => "the program",
        Op::PutDelivery(_) => "a delivery",
        Op::PutEvent(_) => "an event",
        Op::EventMatched { .. } => "what became of an event",
        Op::PutRun(_) => "a new run",
        Op::PutApproval(_) => "a question to people",
        Op::PutVote(_) => "an answer of a person",
        Op::CloseApproval { .. } => "the end of an approval",
        Op::PutMark(_) => "a mark of `dedupe`, `limit` or `give up`",
        Op::PutWait(_) | Op::DropWait { .. } => "an event that waits in a window",
        Op::HoldTarget { .. } => "the hold on a target",
        Op::PutCursor { .. } => "the place of a source",
        Op::PutSchedule { .. } => "the time of a schedule",
        Op::SetPaused { .. } => "a pause",
        Op::PutSnapshot(_) => "a run at rest",
        _ => return None,
    })
}
