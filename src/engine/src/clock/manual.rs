//! A clock that moves when told: for tests and simulations.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use rrb_lang::vm::protocol::Millis;
use tokio::sync::Notify;

use super::{Clock, spell};

/// Stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    names: AtomicU64,
    moved: Notify,
}

impl ManualClock {
    /// A clock that reads `now`.
    pub fn at(now: Millis) -> Self {
        Self { now: AtomicI64::new(now), names: AtomicU64::new(0), moved: Notify::new() }
    }

    /// Moves it on.
    pub fn advance(&self, ms: i64) {
        self.now.fetch_add(ms.max(0), Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    /// Moves it to `at`, unless that is past.
    pub fn set(&self, at: Millis) {
        self.now.fetch_max(at, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep_until(&self, at: Millis) {
        loop {
            let moved = self.moved.notified();
            if self.now() >= at {
                return;
            }
            moved.await;
        }
    }

    fn fresh_id(&self, prefix: &str) -> String {
        let time = u128::from(self.now().max(0).unsigned_abs());
        let name = u128::from(self.names.fetch_add(1, Ordering::SeqCst));
        spell(prefix, (time << 80) | name)
    }
}
