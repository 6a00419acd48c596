//! A `dedupe` that never drops anything, because something else lets no two events through in its time.

use crate::diag::{Diagnostic, codes};
use crate::hir::{Dedupe, Expr, ExprKind, Program, Runbook, TriggerKind};
use crate::ids::FnId;
use crate::span::{Sources, Span};

/// How long a delivery is known by its id: a second one of the same id is no event.
const IDS_KEPT_MS: i64 = 7 * 24 * 3_600_000;

pub(super) fn run(program: &Program, sources: &Sources, out: &mut Vec<Diagnostic>) {
    for runbook in &program.runbooks {
        let Some(dedupe) = &runbook.dedupe else { continue };
        let found = clock(runbook, dedupe)
            .or_else(|| limit(program, sources, runbook, dedupe))
            .or_else(|| unique(program, runbook, dedupe));
        if let Some((span, label, help)) = found {
            let d = Diagnostic::warning(codes::DEDUPE_SHADOWED, "this `dedupe` never drops anything", span, label);
            out.push(d.help(help));
        }
    }
}

type Why = (Span, String, String);

fn place(program: &Program, runbook: &Runbook, dedupe: &Dedupe) -> Span {
    dedupe.key.and_then(|id| span_of(program, id)).unwrap_or(runbook.span)
}

fn span_of(program: &Program, id: FnId) -> Option<Span> {
    program.functions.get(id.index()).map(|f| f.span)
}

/// Only the clock starts it, and no more often than the dedupe lets it.
fn clock(runbook: &Runbook, dedupe: &Dedupe) -> Option<Why> {
    let slow =
        |kind: &TriggerKind| matches!(kind, TriggerKind::Every { every_ms, .. } if *every_ms >= dedupe.within_ms);
    let [only] = runbook.triggers.as_slice() else { return None };
    slow(&only.kind).then(|| {
        let help = "remove it, or make it longer than the time between two ticks".to_owned();
        (only.span, "the clock leaves as much time".to_owned(), help)
    })
}

/// `limit 1` by the same key for at least as long drops the same events, and more.
fn limit(program: &Program, sources: &Sources, runbook: &Runbook, dedupe: &Dedupe) -> Option<Why> {
    let limit = &runbook.limit;
    let text = |id: Option<FnId>| id.and_then(|id| span_of(program, id)).map(|s| sources.text(s));
    let same = text(limit.key) == text(dedupe.key);
    (same && limit.count == 1 && limit.per_ms >= dedupe.within_ms).then(|| {
        let help = "keep one of the two: `limit 1 per …` by the same key lets nothing through that this would drop";
        (place(program, runbook, dedupe), "the limit is as strict".to_owned(), help.to_owned())
    })
}

/// The key is the id of the event, and no two events have the same one.
fn unique(program: &Program, runbook: &Runbook, dedupe: &Dedupe) -> Option<Why> {
    let body = program.functions.get(dedupe.key?.index())?.body.as_ref()?;
    let ExprKind::Local(parameter) = &body.kind else { return None };
    let given = |kind: &TriggerKind| match kind {
        TriggerKind::Event { with, .. } => {
            let with = program.functions.get(with.index())?.body.as_ref()?;
            argument(with, parameter.0 as usize)
        }
        _ => None,
    };
    let ids = !runbook.triggers.is_empty() && runbook.triggers.iter().all(|t| given(&t.kind).is_some_and(is_event_id));
    (ids && dedupe.within_ms <= IDS_KEPT_MS).then(|| {
        let help = "no two events have the same id; dedupe by what the event is about, such as a host or a name";
        (place(program, runbook, dedupe), "the id of the event".to_owned(), help.to_owned())
    })
}

/// The value that `with` gives a parameter, by its place.
fn argument(with: &Expr, place: usize) -> Option<&Expr> {
    match &with.kind {
        ExprKind::Record(values) => values.get(place),
        ExprKind::Block(block) => argument(block.value.as_ref()?, place),
        _ => None,
    }
}

/// `e.meta.id`
fn is_event_id(e: &Expr) -> bool {
    let ExprKind::Field { base, name, .. } = &e.kind else { return false };
    name == "id"
        && matches!(&base.kind, ExprKind::Field { name, base, .. } if name == "meta" && matches!(base.kind, ExprKind::Local(_)))
}
