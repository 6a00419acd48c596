//! A project's runbooks as documents that a person can follow when the daemon is down: Markdown, and HTML made from it.

mod consent;
mod facts;
mod header;
mod html;
mod index;
mod links;
pub mod markdown;
mod page;
mod steps;
mod words;

pub use consent::consent_text;
pub use facts::Facts;
pub use html::html;
pub use index::index;
pub use links::Links;
pub use page::{effect_word, runbook};

use rrb_lang::hir;
use rrb_lang::outline::{flow, outline};

/// The flowchart of a runbook.
pub fn chart(facts: &Facts<'_>, runbook: &hir::Runbook) -> flow::Flow {
    flow::flow(&outline(facts.program, facts.sources, runbook), &facts.starts(runbook))
}
