//! A run and its children, as their rows tell.

use rrb_lang::vm::protocol::ParentRun;
use serde::Deserialize;

use crate::store::RunRow;

/// The run that runs this one.
pub fn parent_of(run: &RunRow) -> Option<ParentRun> {
    run.input.get("parent").and_then(|p| Option::<ParentRun>::deserialize(p).ok()).flatten()
}
