//! A project's runbooks as documents that a person can follow when the daemon is down: Markdown, and HTML made from it.

mod facts;
mod html;
mod markdown;
mod page;
mod steps;

pub use facts::Facts;
pub use html::html;
pub use page::{consent_text, effect_word, file_name, index, runbook};

use rrb_lang::hir;
use rrb_lang::outline::{flow, outline};

/// The flowchart of a runbook.
pub fn chart(facts: &Facts<'_>, runbook: &hir::Runbook) -> flow::Flow {
    flow::flow(&outline(facts.program, facts.sources, runbook), &facts.starts(runbook))
}
