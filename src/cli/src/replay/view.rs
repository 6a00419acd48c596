//! One entry of a journal: where the program stood, what its variables held, what it waited for, and the entry itself.

use rrb_engine::retrace::Moment;
use rrb_engine::run::journal::Act;
use rrb_lang::program::Program;
use rrb_lang::vm::protocol::EffectOutcome;
use rrb_lang::vm::view::PlaceView;

use crate::out::Look;
use crate::text::{clean, clean_source, clock, json, truncate};

/// Lines of source above and below.
const AROUND: usize = 3;

/// What is drawn.
pub struct Scene<'a> {
    pub program: &'a Program,
    pub moment: &'a Moment,
    /// Of how many entries.
    pub of: usize,
}

/// An entry in one line.
pub fn line_of(look: &Look, moment: &Moment) -> String {
    let (kind, what) = told(&moment.entry.act);
    let place = innermost(moment).map(|p| format!("{}:{}", p.file, p.line)).unwrap_or_default();
    let time = clock(moment.at, &look.zone);
    format!("{:>4} {time} {kind:<8} {} {}", moment.seq, clean(&what), look.dim(clean(&place)))
}

/// Every entry, one line each.
pub fn list(look: &Look, moments: &[Moment]) -> Vec<String> {
    moments.iter().map(|m| truncate(&line_of(look, m), 4 * look.width).into_owned()).collect()
}

/// All that is known at an entry.
pub fn lines(look: &Look, scene: &Scene<'_>) -> Vec<String> {
    let moment = scene.moment;
    let mut out =
        vec![format!("{} {}", look.bold(format!("entry {} of {}", moment.seq, scene.of)), line_of(look, moment))];
    for note in &moment.entry.notes {
        let text = serde_json::to_string(note).unwrap_or_default();
        out.push(format!("  {} {}", look.dim("note"), clean(&truncate(&text, look.width.saturating_sub(8)))));
    }
    if let Some(place) = innermost(moment) {
        out.push(String::new());
        out.extend(source(look, scene.program, place));
    }
    for thread in moment.threads.iter().filter(|t| !t.calls.is_empty()) {
        let branch = if thread.branch.is_empty() { String::new() } else { format!(" in {}", clean(&thread.branch)) };
        for (depth, call) in thread.calls.iter().enumerate() {
            let place = call.place.as_ref().map(|p| format!("{}:{}:{}", p.file, p.line, p.column)).unwrap_or_default();
            let name = if depth == 0 { look.bold(clean(&call.function)) } else { clean(&call.function).into_owned() };
            let head = if depth == 0 { format!("stack{branch}") } else { "called by".to_owned() };
            out.push(format!("{} {name} {}", look.dim(head), look.dim(clean(&place))));
            for v in &call.variables {
                let value = truncate(&json(&v.value), look.width.saturating_sub(24).max(20)).into_owned();
                out.push(format!("  {}: {} = {value}", look.name(&v.name), look.dim(clean(&v.ty))));
            }
        }
    }
    for (id, what) in &moment.open {
        out.push(format!("{} {} {}", look.dim("waits for"), clean(what), look.dim(id)));
    }
    out
}

/// The innermost place of the thread that did something last; the main one, where nobody knows.
fn innermost(moment: &Moment) -> Option<&PlaceView> {
    moment.threads.iter().flat_map(|t| t.calls.first()).find_map(|c| c.place.as_ref())
}

fn source(look: &Look, program: &Program, place: &PlaceView) -> Vec<String> {
    let Some(file) = program.debug.iter().flat_map(|d| &d.files).find(|f| f.name == place.file) else {
        return Vec::new();
    };
    let at = place.line as usize;
    let first = at.saturating_sub(AROUND + 1);
    let shown = file.text.lines().enumerate().skip(first).take(2 * AROUND + 1);
    shown
        .map(|(n, line)| {
            let here = n + 1 == at;
            let mark = if here { look.warn("▶") } else { " ".to_owned() };
            let line = clean_source(line);
            let line = if here { look.bold(line) } else { line.into_owned() };
            format!("{mark} {} {line}", look.dim(format!("{:>4}", n + 1)))
        })
        .collect()
}

/// The kind of an entry and what it says, in short.
fn told(act: &Act) -> (&'static str, String) {
    match act {
        Act::Start { .. } => ("start", String::new()),
        Act::Intent { id, effect_kind, .. } => ("intent", format!("{effect_kind} {id}")),
        Act::Outcome { id, outcome } => ("outcome", format!("{id} {}", answered(outcome))),
        Act::Abandon { id, why } => ("abandon", format!("{id}: {why}")),
        Act::Cancel { why, by } => ("cancel", format!("by {by}: {why}")),
        Act::Note => ("note", String::new()),
        Act::Attempt { strike, why } => ("attempt", format!("{strike}: {why}")),
        Act::Resume { by } => ("resume", format!("by {by}")),
        Act::End(end) if end.why.is_empty() => ("end", crate::run_text::outcome_name(end).to_string()),
        Act::End(end) => ("end", format!("{}: {}", crate::run_text::outcome_name(end), end.why)),
    }
}

fn answered(outcome: &EffectOutcome) -> String {
    match outcome {
        EffectOutcome::Done(value) => format!("gave {}", truncate(&json(&rrb_lang::vm::shown(value)), 80)),
        EffectOutcome::Failed(f) => format!("failed: {}", f.message),
        EffectOutcome::Lost { why } => format!("lost: {why}"),
        EffectOutcome::Planned(plan) => format!("plan of {}", crate::text::count(plan.entries.len(), "call")),
        EffectOutcome::Approved { by, .. } => format!("approved by {}", by.join(", ")),
        EffectOutcome::Refused { reason, expired, .. } => {
            format!("{}: {reason}", if *expired { "expired" } else { "denied" })
        }
        EffectOutcome::Resolved(_) => "resolved by a person".to_owned(),
        EffectOutcome::Gated(gated) => format!("policies: {:?}", gated.verdict.answer),
        EffectOutcome::Event { id, .. } => format!("event {id}"),
        EffectOutcome::Ended(end) => format!("child ended: {}", end.why),
    }
}
