//! A stored run once more: its journal is put to the machine of its own program, entry by entry. The machine must ask for the same, say the
//! same and end the same; what differs is a defect of rrb, and is said with its entry.

use std::collections::VecDeque;
use std::sync::Arc;

use rrb_lang::program::Program;
use rrb_lang::vm::Machine;
use rrb_lang::vm::protocol::{Command, Effect, Input, Millis, RunInput};
use rrb_lang::vm::view::ThreadView;
use serde::{Deserialize, Serialize};

use crate::run::journal::{self, Act, Entry};
use crate::store::{JournalRow, RunRow};

/// The journal and the machine do not say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("entry {seq} of the journal says {journal}, the machine says {machine}")]
pub struct Difference {
    pub seq: u64,
    pub journal: String,
    pub machine: String,
}

/// An entry, with the machine as it stood when the entry was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub seq: u64,
    pub at: Millis,
    pub entry: Entry,
    pub threads: Vec<ThreadView>,
    /// What it waits for, as the journal names it.
    pub open: Vec<(String, String)>,
}

/// Goes through a journal.
pub struct Retrace {
    machine: Machine,
    rows: VecDeque<JournalRow>,
    /// What the machine wanted and the journal has not said yet.
    wanted: VecDeque<Command>,
}

impl Retrace {
    /// At the beginning of a run.
    ///
    /// # Errors
    /// When the row is not one that this version wrote.
    pub fn new(program: Arc<Program>, run: &RunRow, journal: Vec<JournalRow>) -> Result<Self, String> {
        let input = RunInput::deserialize(&run.input).map_err(|e| format!("the run's input cannot be read: {e}"))?;
        Ok(Self { machine: Machine::new(program, input), rows: journal.into(), wanted: VecDeque::new() })
    }

    /// The next entry; none behind the last.
    ///
    /// # Errors
    /// The first difference; nothing behind it can be compared.
    pub fn step(&mut self) -> Result<Option<Moment>, Difference> {
        let Some(row) = self.rows.pop_front() else { return Ok(None) };
        let differs = |journal: String, machine: String| Difference { seq: row.seq, journal, machine };
        let entry = journal::read(&row).map_err(|e| differs(e, "nothing: it was not asked".to_owned()))?;
        self.notes(&entry).map_err(|(j, m)| differs(j, m))?;
        self.command(&entry.act).map_err(|(j, m)| differs(j, m))?;
        let moment = Moment {
            seq: row.seq,
            at: row.at,
            threads: self.machine.view(),
            open: self.machine.open_effects().iter().map(|(id, e)| (id.to_string(), described(e))).collect(),
            entry,
        };
        if let Some(input) = input(&moment.entry.act, row.at) {
            if let Some(left) = self.unsaid() {
                return Err(differs(format!("`{}`", row.kind), left));
            }
            let more = self.machine.step(input).map_err(|e| differs(format!("`{}`", row.kind), e.to_string()))?;
            self.wanted.extend(more);
        }
        if self.rows.is_empty() && matches!(moment.entry.act, Act::End(_)) && !self.wanted.is_empty() {
            return Err(differs("the end".to_owned(), self.unsaid().unwrap_or_default()));
        }
        Ok(Some(moment))
    }

    /// The notes that stand before an entry.
    fn notes(&mut self, entry: &Entry) -> Result<(), (String, String)> {
        for note in &entry.notes {
            match self.next() {
                Some(Command::Note(said)) if said == *note => {}
                Some(Command::Note(said)) => return Err((format!("the note {note:?}"), format!("the note {said:?}"))),
                other => return Err((format!("the note {note:?}"), shown(other.as_ref()))),
            }
        }
        Ok(())
    }

    /// What the machine must have wanted for this entry.
    fn command(&mut self, act: &Act) -> Result<(), (String, String)> {
        let wrong = |other: Option<Command>| Err((shown_act(act), shown(other.as_ref())));
        match act {
            Act::Intent { id, effect_kind, effect, .. } => match self.next() {
                Some(Command::Start { id: wanted, effect: by })
                    if wanted == *id && by.kind() == effect_kind && effect.as_ref().is_none_or(|e| *e == by) =>
                {
                    Ok(())
                }
                other => wrong(other),
            },
            Act::Abandon { id, why } => match self.next() {
                Some(Command::Abandon { id: wanted, why: because }) if wanted == *id && because == *why => Ok(()),
                other => wrong(other),
            },
            Act::End(end) => match self.next() {
                Some(Command::Finish(by)) if by == *end => Ok(()),
                other => wrong(other),
            },
            _ => Ok(()),
        }
    }

    /// The next wish that stands in a journal: that a child is to stop is written down by the child.
    fn next(&mut self) -> Option<Command> {
        loop {
            match self.wanted.pop_front() {
                Some(Command::Stop { .. }) => {}
                other => return other,
            }
        }
    }

    /// What the machine wanted and the journal passes over.
    fn unsaid(&self) -> Option<String> {
        let left = self.wanted.iter().find(|c| !matches!(c, Command::Stop { .. } | Command::Note(_)));
        left.map(|c| shown(Some(c)))
    }
}

/// What an entry tells the machine.
fn input(act: &Act, at: Millis) -> Option<Input> {
    match act {
        Act::Start { at } => Some(Input::Start { at: *at }),
        Act::Outcome { id, outcome } => Some(Input::Complete { effect: id.clone(), outcome: outcome.clone(), at }),
        Act::Cancel { why, .. } => Some(Input::Cancel { why: why.clone(), at }),
        _ => None,
    }
}

fn shown_act(act: &Act) -> String {
    match act {
        Act::Intent { id, effect_kind, effect, .. } => match effect {
            Some(effect) => format!("`{effect_kind} {id}`: {effect:?}"),
            None => format!("`{effect_kind} {id}`"),
        },
        Act::Abandon { id, why } => format!("`abandon {id}`: {why}"),
        Act::End(end) => format!("the end {end:?}"),
        other => format!("{other:?}"),
    }
}

fn shown(command: Option<&Command>) -> String {
    match command {
        None => "nothing: it waits".to_owned(),
        Some(Command::Start { id, effect }) => format!("`{} {id}`: {effect:?}", effect.kind()),
        Some(Command::Abandon { id, why }) => format!("`abandon {id}`: {why}"),
        Some(Command::Stop { id, .. }) => format!("`stop {id}`"),
        Some(Command::Note(note)) => format!("the note {note:?}"),
        Some(Command::Finish(end)) => format!("the end {end:?}"),
    }
}

/// An effect in a word or two.
fn described(effect: &Effect) -> String {
    match effect {
        Effect::Call(call) if call.action == call.native => call.native.to_string(),
        Effect::Call(call) => format!("{} ({})", call.action, call.native),
        Effect::Gate(info) => format!("gate of {}", info.action),
        Effect::Approval(ask) => format!("approval: {}", ask.question),
        Effect::Event(wait) => wait.text.to_string(),
        Effect::Child(child) => format!("run of {}", child.name),
        other => other.kind().to_owned(),
    }
}
