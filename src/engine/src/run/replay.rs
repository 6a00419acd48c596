//! What a journal says has happened, given back to a machine that does it again: what it asks is compared, what it was told is told.

use std::collections::VecDeque;

use rrb_lang::vm::protocol::{Effect, EffectId, Millis, RunEnd};

use super::host::{HostError, Signal};
use super::journal::{Act, Entry};

/// The part of a journal that the machine has not gone through yet.
#[derive(Debug, Default)]
pub struct Replay {
    commands: VecDeque<(u64, Said)>,
    inputs: VecDeque<Signal>,
    notes: usize,
}

/// A command as the journal has it.
#[derive(Debug)]
enum Said {
    Intent { id: EffectId, kind: String, approval: Option<String> },
    Abandon(EffectId),
    End(RunEnd),
}

impl Said {
    fn shown(&self) -> String {
        match self {
            Said::Intent { id, kind, .. } => format!("{kind} {id}"),
            Said::Abandon(id) => format!("abandon {id}"),
            Said::End(_) => "end".to_owned(),
        }
    }
}

impl Replay {
    /// Takes the next entry.
    pub fn push(&mut self, seq: u64, at: Millis, entry: Entry) {
        self.notes += entry.notes.len();
        match entry.act {
            Act::Intent { id, effect_kind, approval, .. } => {
                self.commands.push_back((seq, Said::Intent { id, kind: effect_kind, approval }));
            }
            Act::Abandon { id, .. } => self.commands.push_back((seq, Said::Abandon(id))),
            Act::End(end) => self.commands.push_back((seq, Said::End(end))),
            Act::Outcome { id, outcome } => self.inputs.push_back(Signal::Completed { id, outcome, at }),
            Act::Cancel { why, .. } => self.inputs.push_back(Signal::Cancelled { why, at }),
            Act::Start { .. } | Act::Note | Act::Attempt { .. } | Act::Resume { .. } => {}
        }
    }

    /// An answer that is durable and not told yet.
    pub fn tell_later(&mut self, signal: Signal) {
        self.inputs.push_back(signal);
    }

    /// Whether the machine has gone through all of it and was told everything.
    pub fn is_done(&self) -> bool {
        self.commands.is_empty() && self.inputs.is_empty()
    }

    /// Whether this note stands in the journal already.
    pub fn had_note(&mut self) -> bool {
        let had = self.notes > 0;
        self.notes = self.notes.saturating_sub(1);
        had
    }

    /// The machine asks for an effect: `Some` when the journal has it, with the approval opened for it.
    ///
    /// # Errors
    /// When the journal has something else there.
    pub fn issued(&mut self, id: &EffectId, effect: &Effect) -> Result<Option<Option<String>>, HostError> {
        match self.commands.pop_front() {
            None => Ok(None),
            Some((_, Said::Intent { id: had, kind, approval })) if had == *id && kind == effect.kind() => {
                Ok(Some(approval))
            }
            Some((at, other)) => {
                Err(HostError::Mismatch { at, wanted: other.shown(), got: format!("{} {id}", effect.kind()) })
            }
        }
    }

    /// The machine gives an effect up: whether the journal has that.
    ///
    /// # Errors
    /// When the journal has something else there.
    pub fn abandoned(&mut self, id: &EffectId) -> Result<bool, HostError> {
        match self.commands.pop_front() {
            None => Ok(false),
            Some((_, Said::Abandon(had))) if had == *id => Ok(true),
            Some((at, other)) => Err(HostError::Mismatch { at, wanted: other.shown(), got: format!("abandon {id}") }),
        }
    }

    /// The machine is over: whether the journal has that, and the same end.
    ///
    /// # Errors
    /// When the journal has something else there.
    pub fn ended(&mut self, end: &RunEnd) -> Result<bool, HostError> {
        match self.commands.pop_front() {
            None => Ok(false),
            Some((_, Said::End(had))) if had == *end => Ok(true),
            Some((at, other)) => Err(HostError::Mismatch { at, wanted: other.shown(), got: "end".to_owned() }),
        }
    }

    /// The next answer that the journal has.
    ///
    /// # Errors
    /// When the machine waits although the journal says it went on.
    pub fn next(&mut self) -> Result<Option<Signal>, HostError> {
        if let Some(signal) = self.inputs.pop_front() {
            return Ok(Some(signal));
        }
        match self.commands.pop_front() {
            None => Ok(None),
            Some((at, said)) => {
                Err(HostError::Mismatch { at, wanted: said.shown(), got: "nothing: it waits".to_owned() })
            }
        }
    }
}
