//! Whoever is asked before a run starts and before a call changes something.

use async_trait::async_trait;
use rrb_lang::vm::protocol::{ActionInfo, Millis};

use crate::store::RunRow;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Allow,
    /// Why not, for people.
    Deny(String),
}

/// Asked before a run starts and before a call changes something. What it says is journaled with the call's gate.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Whether a run of this runbook may start.
    fn start(&self, runbook: &str, requester: &str, params: &serde_json::Value, at: Millis) -> Answer;

    /// Whether this call may be made.
    async fn call(&self, run: &RunRow, call: &ActionInfo, at: Millis) -> Answer;
}

/// No rules: everything the language lets through is allowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllowAll;

#[async_trait]
impl Policy for AllowAll {
    fn start(&self, _: &str, _: &str, _: &serde_json::Value, _: Millis) -> Answer {
        Answer::Allow
    }

    async fn call(&self, _: &RunRow, _: &ActionInfo, _: Millis) -> Answer {
        Answer::Allow
    }
}
