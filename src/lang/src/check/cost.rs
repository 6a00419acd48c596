//! What the windows of triggers may come to hold: known before anything runs, because every window has a bound.

use serde::Serialize;
use smol_str::SmolStr;

use crate::hir::{Correlation, Runbook, Shape, TriggerKind};
use crate::span::Span;

/// Bytes that an event of a window is reckoned with: a payload of one or two KiB, kept as it came and as conditions see it.
pub const EVENT_BYTES: u64 = 4096;

/// The worst case of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowCost {
    pub runbook: SmolStr,
    /// As written, without `with`.
    pub trigger: SmolStr,
    /// How long events stay in it at most, in milliseconds.
    pub holds_ms: i64,
    /// Keys, for several events those that wait of each.
    pub keys: u64,
    pub events: u64,
    pub bytes: u64,
    #[serde(skip)]
    pub span: Span,
}

/// The windows of these runbooks, in their order.
pub fn windows(runbooks: &[Runbook]) -> Vec<WindowCost> {
    let of = |r: &'_ Runbook| {
        let name = r.name.clone();
        let several = |t: &crate::hir::Trigger| match &t.kind {
            TriggerKind::Several(c) => Some(cost(name.clone(), c, t.span)),
            _ => None,
        };
        r.triggers.iter().filter_map(several).collect::<Vec<_>>()
    };
    runbooks.iter().flat_map(of).collect()
}

fn cost(runbook: SmolStr, trigger: &Correlation, span: Span) -> WindowCost {
    let keys = u64::from(trigger.max_keys);
    // A key keeps what lies within two windows of its newest event, and as many within one would have fired.
    let per_key = match &trigger.shape {
        Shape::Count { count, distinct: None, .. } => 2 * u64::from(count.saturating_sub(1)),
        // Of a value the first and the last of a window.
        Shape::Count { count, .. } => 4 * u64::from(count.saturating_sub(1)),
        Shape::Pair { .. } => 2,
        Shape::Group { terms, .. } => terms.len() as u64,
        Shape::Silence { .. } => 1,
    };
    let events = keys.saturating_mul(per_key);
    WindowCost {
        runbook,
        trigger: trigger.text.clone(),
        holds_ms: trigger.within_ms.saturating_mul(2),
        keys,
        events,
        bytes: events.saturating_mul(EVENT_BYTES),
        span,
    }
}
