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
    /// What the journal has told and the machine does not know yet, with the entry and its kind: two answers that came at the same
    /// time are written one after the other, before the machine is told the first of them.
    told: VecDeque<(u64, String, Input)>,
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
        Ok(Self {
            machine: Machine::new(program, input),
            rows: journal.into(),
            told: VecDeque::new(),
            wanted: VecDeque::new(),
        })
    }

    /// The next entry; none behind the last.
    ///
    /// # Errors
    /// The first difference; nothing behind it can be compared.
    pub fn step(&mut self) -> Result<Option<Moment>, Difference> {
        let Some(row) = self.rows.pop_front() else { return Ok(None) };
        let differs = |journal: String, machine: String| Difference { seq: row.seq, journal, machine };
        let entry = journal::read(&row).map_err(|e| differs(e, "nothing: it was not asked".to_owned()))?;
        while self.wanted.is_empty() && self.tell()? {}
        for note in &entry.notes {
            match self.next()? {
                Some(Command::Note(said)) if said == *note => {}
                Some(Command::Note(said)) => {
                    return Err(differs(format!("the note {note:?}"), format!("the note {said:?}")));
                }
                other => return Err(differs(format!("the note {note:?}"), shown(other.as_ref()))),
            }
        }
        self.command(&entry.act)?.map_err(|(j, m)| differs(j, m))?;
        let moment = Moment {
            seq: row.seq,
            at: row.at,
            threads: self.machine.view(),
            open: self.machine.open_effects().iter().map(|(id, e)| (id.to_string(), described(e))).collect(),
            entry,
        };
        self.told.extend(input(&moment.entry.act, row.at).map(|input| (row.seq, row.kind.clone(), input)));
        let over = self.rows.is_empty() && matches!(moment.entry.act, Act::End(_));
        if let Some(left) = self.unsaid().filter(|_| over) {
            return Err(differs("the end".to_owned(), left));
        }
        Ok(Some(moment))
    }

    /// Tells the machine what comes next; whether there was something.
    fn tell(&mut self) -> Result<bool, Difference> {
        let Some((seq, kind, input)) = self.told.pop_front() else { return Ok(false) };
        let differs = |e: String| Difference { seq, journal: format!("`{kind}`"), machine: e };
        let more = self.machine.step(input).map_err(|e| differs(e.to_string()))?;
        // That a child is to stop is written down by the child.
        self.wanted.extend(more.into_iter().filter(|c| !matches!(c, Command::Stop { .. })));
        Ok(true)
    }

    /// What the machine must have wanted for this entry: what the journal says and what the machine says, where they differ.
    fn command(&mut self, act: &Act) -> Result<Result<(), (String, String)>, Difference> {
        if !matches!(act, Act::Intent { .. } | Act::Abandon { .. } | Act::End(_)) {
            return Ok(Ok(()));
        }
        let wanted = self.next()?;
        let same = match (act, &wanted) {
            (Act::Intent { id, effect_kind, effect, .. }, Some(Command::Start { id: wanted, effect: by })) => {
                wanted == id && by.kind() == effect_kind && effect.as_ref().is_none_or(|e| e == by)
            }
            (Act::Abandon { id, why }, Some(Command::Abandon { id: wanted, why: because })) => {
                wanted == id && because == why
            }
            (Act::End(end), Some(Command::Finish(by))) => by == end,
            _ => false,
        };
        Ok(if same { Ok(()) } else { Err((shown_act(act), shown(wanted.as_ref()))) })
    }

    /// The next wish of the machine; it is told what it must know to have one.
    fn next(&mut self) -> Result<Option<Command>, Difference> {
        while self.wanted.is_empty() && self.tell()? {}
        Ok(self.wanted.pop_front())
    }

    /// What the machine wanted and the journal passes over.
    fn unsaid(&self) -> Option<String> {
        let left = self.wanted.iter().find(|c| !matches!(c, Command::Note(_)));
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
