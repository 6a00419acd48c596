//! The seam between a run and what keeps it durable. The SQLite driver stands on one side of it; another durable engine, one that
//! owns its own journal, can stand there in its place.

use async_trait::async_trait;
use rrb_lang::vm::protocol::{Effect, EffectId, EffectOutcome, Millis, Note, RunEnd, RunInput};

/// One attempt of one run: issue effects in order, get completions in the journaled order.
///
/// Rules every implementation keeps (one conformance suite holds them to it):
/// 1. `issue` has the intent durable before the effect is performed (reads may share the next flush); `next` has the outcome
///    durable before it returns.
/// 2. The order in which `next` returns is data: a later attempt of the run gets the same completions in the same order.
/// 3. On replay `(position, effect id, effect kind)` is compared; a difference is [`HostError::Mismatch`], never skipped.
/// 4. An intent without an outcome is performed again only as its `repeat` class allows; else it completes as `Lost`.
/// 5. Times enter only in completions; a sleep's deadline is absolute and computed once.
/// 6. Outcomes are capped in size before they are journaled.
#[async_trait]
pub trait RunHost: Send {
    /// What the run started with, and when.
    fn input(&self) -> (&RunInput, Millis);

    /// Journals the intent and begins to perform.
    async fn issue(&mut self, id: &EffectId, effect: &Effect) -> Result<(), HostError>;

    /// Keeps a note with the journal entry that follows.
    async fn note(&mut self, note: Note) -> Result<(), HostError>;

    /// The next completion among the open effects, or a cancellation.
    async fn next(&mut self, open: &[EffectId]) -> Result<Signal, HostError>;

    /// Nobody waits for this effect any more.
    async fn abandon(&mut self, id: &EffectId, why: &str) -> Result<(), HostError>;

    /// Asks the child run of this effect to stop, once or more; durable when this returns. Its end is still waited for.
    async fn stop(&mut self, id: &EffectId, why: &str) -> Result<(), HostError>;

    /// The run is over; durable when this returns.
    async fn finish(&mut self, end: &RunEnd) -> Result<(), HostError>;
}

/// What ends a wait.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    Completed { id: EffectId, outcome: EffectOutcome, at: Millis },
    Cancelled { why: String, at: Millis },
}

/// Why a host gives up this attempt. The run itself goes on with the next one.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Nothing but time, people or events can go on with the run: it may leave memory.
    #[error("suspended")]
    Suspended,
    /// Another attempt owns the run.
    #[error("another attempt owns this run")]
    Fenced,
    /// The program did something else than its journal says.
    #[error("the journal of this run has `{wanted}` at entry {at}, the program asks for `{got}`")]
    Mismatch { at: u64, wanted: String, got: String },
    /// The machine cannot go on with what its journal told it.
    #[error("the machine cannot go on: {0}")]
    Machine(String),
    /// The journal cannot be written or read.
    #[error("the journal is not available: {0}")]
    Unavailable(String),
}
