//! The time of a test: it stands still until it is moved, and knows who waits for it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_lang::vm::protocol::Millis;
use tokio::sync::Notify;

/// How often the time may be asked for while a test settles. Whatever loops without end asks for it at every turn.
const ASKED_AT_MOST: u64 = 2_000_000;

/// A clock that moves when told.
#[derive(Debug)]
pub struct TestClock {
    time: ManualClock,
    sleepers: Mutex<Sleepers>,
    asked: AtomicU64,
    endless: Notify,
}

#[derive(Debug, Default)]
struct Sleepers {
    last: u64,
    until: BTreeMap<(Millis, u64), Waker>,
}

impl TestClock {
    /// A clock that reads `now`.
    pub fn at(now: Millis) -> Self {
        Self {
            time: ManualClock::at(now),
            sleepers: Mutex::default(),
            asked: AtomicU64::new(0),
            endless: Notify::new(),
        }
    }

    /// Moves it on to `at`, unless that is past, and wakes those whose time has come.
    pub fn set(&self, at: Millis) {
        self.time.set(at);
        let now = self.time.now();
        let mut sleepers = self.sleepers();
        let later = sleepers.until.split_off(&(now.saturating_add(1), 0));
        let woken = std::mem::replace(&mut sleepers.until, later);
        drop(sleepers);
        woken.into_values().for_each(Waker::wake);
    }

    /// The next time that somebody waits for.
    pub fn next(&self) -> Option<Millis> {
        self.sleepers().until.keys().next().map(|(at, _)| *at)
    }

    /// A new settling begins: nobody has asked for the time yet.
    pub fn forgive(&self) {
        self.asked.store(0, Ordering::SeqCst);
    }

    /// Returns when the time was asked for so often that nothing will ever settle.
    pub async fn endless(&self) {
        self.endless.notified().await;
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Millis {
        if self.asked.fetch_add(1, Ordering::SeqCst) == ASKED_AT_MOST {
            self.endless.notify_one();
        }
        self.time.now()
    }

    async fn sleep_until(&self, at: Millis) {
        Sleep { clock: self, at, key: None }.await;
    }

    fn fresh_id(&self, prefix: &str) -> String {
        self.time.fresh_id(prefix)
    }
}

/// Somebody who waits; forgotten when dropped.
struct Sleep<'a> {
    clock: &'a TestClock,
    at: Millis,
    key: Option<(Millis, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleepers = self.clock.sleepers();
        if self.clock.time.now() >= self.at {
            return Poll::Ready(());
        }
        let key = match self.key {
            Some(key) => key,
            None => {
                sleepers.last += 1;
                (self.at, sleepers.last)
            }
        };
        sleepers.until.insert(key, cx.waker().clone());
        drop(sleepers);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.sleepers().until.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_known_until_its_time_comes_or_it_is_dropped() {
        let clock = Arc::new(TestClock::at(100));
        assert_eq!(clock.next(), None);
        let wait = |at| {
            let clock = Arc::clone(&clock);
            tokio::spawn(async move { clock.sleep_until(at).await })
        };
        let (early, late, past) = (wait(200), wait(300), wait(100));
        past.await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(clock.next(), Some(200));
        clock.set(199);
        assert_eq!((clock.now(), clock.next()), (199, Some(200)));
        clock.set(200);
        early.await.unwrap();
        assert_eq!(clock.next(), Some(300));
        clock.set(150);
        assert_eq!(clock.now(), 200, "it never goes back");
        late.abort();
        assert!(late.await.is_err());
        assert_eq!(clock.next(), None, "what was dropped is forgotten");
    }

    #[tokio::test]
    async fn whoever_asks_for_ever_is_noticed() {
        let clock = TestClock::at(0);
        (0..ASKED_AT_MOST).for_each(|_| assert_eq!(clock.now(), 0));
        let none = futures_util::FutureExt::now_or_never(clock.endless());
        assert!(none.is_none());
        clock.now();
        clock.endless().await;
    }
}
