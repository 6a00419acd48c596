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

#[cfg(test)]
mod tests {
    use rrb_engine::store::memory::MemoryStore;
    use rrb_engine::store::{EventRow, Op};

    use super::*;

    async fn with(times: impl Iterator<Item = Millis>) -> MemoryStore {
        let store = MemoryStore::new();
        for (n, received) in times.enumerate() {
            let (id, payload) = (format!("evt_{n:05}"), serde_json::Value::Null);
            let (source, instance) = ("a.b".to_owned(), "default".to_owned());
            let row =
                EventRow { id, delivery: None, source, instance, sender_id: None, at: received, received, payload };
            store.commit(vec![Op::PutEvent(row)]).await.unwrap();
        }
        store
    }

    async fn all(store: &MemoryStore, from: Millis, until: Millis) -> Vec<String> {
        let (mut pages, mut ids) = (Pages::new(store, Span { from, until }), Vec::new());
        while let Some(page) = pages.next().await.unwrap() {
            assert!(page.len() <= PAGE as usize);
            ids.extend(page.into_iter().map(|(e, _)| e.id));
        }
        ids
    }

    /// Around the length of a page, and with more events at one time than a page has.
    #[tokio::test]
    async fn every_event_comes_once_and_in_order() {
        let page = i64::from(PAGE);
        for many in [0, 1, page - 1, page, page + 1, 2 * page, 2 * page + 1] {
            for alike in [1, 7, page - 1, page, page + 1, 3 * page] {
                let store = with((0..many).map(|n| 100 + n / alike)).await;
                let ids = all(&store, 100, i64::MAX).await;
                let wanted: Vec<String> = (0..many).map(|n| format!("evt_{n:05}")).collect();
                assert!(ids == wanted, "{many} events, {alike} at a time: {} came", ids.len());
            }
        }
    }

    #[tokio::test]
    async fn only_the_span_comes() {
        let store = with((0..10).map(|n| n * 10)).await;
        assert_eq!(all(&store, 30, 60).await, ["evt_00003", "evt_00004", "evt_00005"]);
        assert_eq!(all(&store, 95, 200).await, [""; 0]);
        assert_eq!(all(&store, 60, 60).await, [""; 0]);
    }
}
