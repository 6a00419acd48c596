//! What performs effects. The live world touches things; the worlds of plans, tests and replays do not.

use async_trait::async_trait;
use rrb_lang::vm::protocol::{EffectOutcome, NativeCall};

/// Performs native primitives.
#[async_trait]
pub trait World: Send + Sync + 'static {
    /// Performs one call and says how it ended: `Done` with a value shaped as the native declares, or `Failed` with a kind, a
    /// message without secrets, and whether the target can have acted. Never panics; keeps to `call.deadline` and to the limits
    /// on size. Dropping the future stops the call as well as it can be stopped.
    async fn perform(&self, call: &NativeCall) -> EffectOutcome;

    /// Performs a call that reads, for a plan: who counts what was asked does not count it.
    async fn look(&self, call: &NativeCall) -> EffectOutcome {
        self.perform(call).await
    }
}
