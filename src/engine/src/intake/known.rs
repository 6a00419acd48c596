//! Which events were seen before, by their sender's id.

use rrb_lang::vm::protocol::Millis;

use super::Intake;
use crate::shared::lock;
use crate::store::StoreError;

/// How long a sender's id is remembered: longer than senders repeat.
pub const REMEMBER_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The ids that one delivery is writing: others with the same id wait until it is known whether it is durable.
pub(super) struct Coming<'a> {
    intake: &'a Intake,
    ids: Vec<(String, String)>,
}

impl<'a> Coming<'a> {
    pub(super) fn new(intake: &'a Intake) -> Self {
        Self { intake, ids: Vec::new() }
    }

    pub(super) fn has(&self, source: &str, id: &str) -> bool {
        self.ids.iter().any(|(s, i)| s == source && i == id)
    }

    /// Whether the id is new and now ours.
    pub(super) async fn claim(&mut self, source: &str, id: &str, since: Millis) -> Result<bool, StoreError> {
        let key = (source.to_owned(), id.to_owned());
        loop {
            let arrived = self.intake.arrived.notified();
            if lock(&self.intake.coming).insert(key.clone()) {
                break;
            }
            // Whoever else is writing it drops its claim when it is done.
            arrived.await;
        }
        self.ids.push(key);
        Ok(self.intake.core.store.seen(source, id, since).await?.is_none())
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut coming = lock(&self.intake.coming);
        for id in &self.ids {
            coming.remove(id);
        }
        drop(coming);
        self.intake.arrived.notify_waiters();
    }
}
