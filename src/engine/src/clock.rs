//! Time and fresh names. Nothing else in the engine reads a clock or draws a random number.

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
