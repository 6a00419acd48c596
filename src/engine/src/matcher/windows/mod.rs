//! Windows of triggers on several events: what waits in them, what completes them and when they end. Nothing here knows the language,
//! the store or a clock; times come with the events and with the question what is due.
//!
//! How far apart events are is measured by their own time. How long one is kept is measured from when it came: as long again as its
//! window, so that events out of order by up to a window are matched as if they had come in order.

mod count;
mod group;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod oracle_group;
mod pair;
mod silence;

use std::sync::Arc;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Millis;

pub use count::CountWindow;
pub use group::{Chosen, GroupWindow, Grouped, Keys, Plan};
pub use pair::{PairWindow, Side};
pub use silence::SilenceWindow;

use crate::store::EventRow;

/// How long an event that came late keeps its window open for others of its time.
const SETTLE_MS: i64 = 60_000;

/// As what an event waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The only kind that there is.
    One,
    Side(Side),
    /// A term of a group, from 0.
    Term(usize),
}

impl Role {
    /// Its name in the store.
    pub fn name(self) -> String {
        match self {
            Self::One => "one".to_owned(),
            Self::Side(Side::First) => "first".to_owned(),
            Self::Side(Side::Second) => "second".to_owned(),
            Self::Term(n) => format!("term {n}"),
        }
    }

    /// Read back; none for a name that there is not.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "one" => Some(Self::One),
            "first" => Some(Self::Side(Side::First)),
            "second" => Some(Self::Side(Side::Second)),
            term => term.strip_prefix("term ")?.parse().ok().map(Self::Term),
        }
    }
}

/// An event in a window.
#[derive(Debug)]
pub struct Waiting {
    pub row: Arc<EventRow>,
    /// As conditions see it.
    pub value: Value,
    /// The order of arrival.
    pub seq: u64,
    /// Not looked at as missing before: the sources may not have caught up after a start.
    pub not_before: Millis,
}

impl Waiting {
    /// By its own time, then by when it came.
    pub fn place(&self) -> (Millis, u64) {
        (self.row.at, self.seq)
    }
}

/// What became of an event that was put into a window.
#[derive(Debug)]
pub enum Taken {
    /// It waits, with so many others of its key.
    Waits { others: usize },
    /// The window holds as much as it may.
    Full,
    /// These belong together, oldest first; `others` had waited with them and leave unused.
    Complete { events: Vec<Arc<Waiting>>, others: Vec<Arc<Waiting>> },
    /// It came after these, whose wait is over.
    Answers(Vec<Arc<Waiting>>),
    /// What it would have waited for has come before it was known.
    Answered(Arc<Waiting>),
    /// It says nothing new: a later one was heard.
    Older,
}

/// When an event is found missing that was to come until `until`.
fn due(waiting: &Waiting, until: Millis, within: i64) -> Millis {
    let settled = waiting.row.received.saturating_add(within.min(SETTLE_MS));
    until.max(settled).max(waiting.not_before).saturating_add(1)
}

/// A source that delivers what is long past: the last such event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub at: Millis,
    pub received: Millis,
}

impl Behind {
    /// What an event says of its source; none when it came in time.
    pub fn of(row: &EventRow) -> Option<Self> {
        let late = row.received.saturating_sub(row.at) > SETTLE_MS;
        late.then_some(Self { at: row.at, received: row.received })
    }

    /// Until when an event that was to come until `until` may be on its way.
    pub fn patience(self, until: Millis, within: i64) -> Option<Millis> {
        // A source whose clock stands still is not waited for for ever.
        let most = until.saturating_add(within.max(60 * SETTLE_MS));
        let again = self.received.saturating_add(within.min(SETTLE_MS)).saturating_add(1);
        (self.at <= until && again <= most).then_some(again)
    }
}
