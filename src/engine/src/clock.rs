//! Time and fresh names. Nothing else in the engine reads a clock or draws a random number.

pub mod manual;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use rrb_lang::vm::protocol::Millis;

/// The engine's time. A live one follows the system; a test's moves when told.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Now, in milliseconds since 1970-01-01T00:00:00Z. Never goes back within one process.
    fn now(&self) -> Millis;

    /// Returns when `now()` has reached `at`.
    async fn sleep_until(&self, at: Millis);

    /// A fresh id that sorts by time: `prefix` and 26 letters and digits, e.g. `run_01jd…`. Unique for ever.
    fn fresh_id(&self, prefix: &str) -> String;
}

/// Follows the system.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicI64,
}

/// The longest sleep before the time is looked at again: the system's clock may have been set, or the machine may have slept.
const NAP_MS: i64 = 30_000;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX);
        self.latest.fetch_max(now, Ordering::SeqCst).max(now)
    }

    async fn sleep_until(&self, at: Millis) {
        loop {
            let left = at.saturating_sub(self.now());
            if left <= 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left.min(NAP_MS).unsigned_abs())).await;
        }
    }

    fn fresh_id(&self, prefix: &str) -> String {
        spell(prefix, uuid::Uuid::now_v7().as_u128())
    }
}

/// 128 bits in 26 letters and digits that sort as the number does, without those that are taken for others.
fn spell(prefix: &str, number: u128) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digit = |n: u32| {
        let five = usize::try_from((number >> (n * 5)) & 31).unwrap_or_default();
        char::from(DIGITS.get(five).copied().unwrap_or(b'0'))
    };
    let spelt: String = (0..26).rev().map(digit).collect();
    format!("{prefix}_{spelt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_are_as_long_as_promised() {
        let clock = SystemClock::default();
        let ids: Vec<String> = (0..1000).map(|_| clock.fresh_id("run")).collect();
        assert!(ids.is_sorted(), "ids of one moment are in order as well");
        assert!(ids.iter().all(|id| id.len() == "run_".len() + 26));
        assert_eq!(spell("x", u128::MAX), "x_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(spell("x", 0), "x_00000000000000000000000000");
        assert!(spell("x", 1 << 127) > spell("x", (1 << 127) - 1));
    }

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        let clock = SystemClock::default();
        clock.sleep_until(clock.now() - 1).await;
        let until = clock.now() + 5;
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
    }
}
