//! The events of a span of time, a page after the other, so that no span is too long for the memory.

use rrb_engine::store::{Remembered, Store, StoreError};
use rrb_lang::vm::protocol::Millis;

/// Events of one page.
const PAGE: u32 = 1_000;

/// From a time on, and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Millis,
    pub until: Millis,
}

/// What was received in a span, oldest first.
pub struct Pages<'a> {
    store: &'a dyn Store,
    span: Span,
    /// Of the events received at `span.from`, so many were given already.
    given: u32,
    over: bool,
}

impl<'a> Pages<'a> {
    /// At the begin of the span.
    pub fn new(store: &'a dyn Store, span: Span) -> Self {
        Self { store, span, given: 0, over: false }
    }

    /// The next ones, each with what became of it; none behind the last.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Remembered>>, StoreError> {
        if self.over {
            return Ok(None);
        }
        let mut page = self.store.history(self.span.from, self.given, PAGE).await?;
        self.over = page.len() < PAGE as usize;
        if let Some((last, _)) = page.last() {
            let at = last.received;
            let alike = page.iter().rev().take_while(|(e, _)| e.received == at).count();
            let before = if at == self.span.from { self.given } else { 0 };
            self.given = before.saturating_add(u32::try_from(alike).unwrap_or(u32::MAX));
            self.span.from = at;
        }
        page.retain(|(e, _)| e.received < self.span.until);
        self.over |= self.span.from >= self.span.until;
        Ok((!page.is_empty()).then_some(page))
    }
}
