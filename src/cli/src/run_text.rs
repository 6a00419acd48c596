//! A run as people read it.

use rrb_engine::api::{RunView, TimelineItem, What};
use rrb_engine::store::{RunRow, RunStatus, is_shadow};
use rrb_lang::hir::Outcome;
use rrb_lang::vm::protocol::{Millis, RunEnd};

use crate::out::Look;
use crate::text::{clean, fields, moment, relative};
use crate::timeline::{Timeline, outcome};
use crate::{plan_text, timeline};

/// How a run ended; none while it runs.
pub fn end(row: &RunRow) -> Option<RunEnd> {
    row.end.clone().and_then(|e| serde_json::from_value(e).ok())
}

/// The outcome's name, as the language writes it.
pub fn outcome_name(end: &RunEnd) -> String {
    outcome_word(end.outcome)
}

/// `rolled_back`
pub fn outcome_word(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Status or outcome in one word.
pub fn standing(row: &RunRow) -> String {
    match end(row) {
        Some(end) => outcome_name(&end),
        None => row.status.to_string(),
    }
}

/// As [`standing`], in its colour.
pub fn colored_standing(look: &Look, row: &RunRow) -> String {
    match end(row) {
        Some(end) => outcome(look, &outcome_name(&end)),
        None => status(look, row.status),
    }
}

/// A status in its colour.
pub fn status(look: &Look, status: RunStatus) -> String {
    match status {
        RunStatus::Parked => look.bad(status),
        RunStatus::Waiting | RunStatus::Queued | RunStatus::Ending => look.warn(status),
        RunStatus::Running => look.name(status),
        RunStatus::Done => look.dim(status),
    }
}

/// Parameters on one line.
pub fn params(row: &RunRow) -> String {
    row.params.as_object().map(|m| fields(m.iter().map(|(k, v)| (k.as_str(), v)))).unwrap_or_default()
}

/// Everything about a run: head, story, what it waits for, approvals, journal, end.
pub fn show(look: &Look, view: &RunView, now: Millis, journal: bool) -> Vec<String> {
    let mut lines = head(look, &view.run, now);
    let story = story(look, view);
    if !story.is_empty() {
        section(&mut lines, look, "story");
        lines.extend(story);
    }
    let children = children(look, view);
    if !children.is_empty() {
        section(&mut lines, look, "children");
        lines.extend(children);
    }
    if !view.waiting_for.is_empty() {
        section(&mut lines, look, "waits for");
        lines.extend(view.waiting_for.iter().map(|w| format!("  {}", clean(w))));
    }
    if !view.approvals.is_empty() {
        section(&mut lines, look, "approvals");
        for row in &view.approvals {
            lines.extend(plan_text::approval(look, row, now).into_iter().map(|l| format!("  {l}")));
        }
    }
    if journal {
        section(&mut lines, look, "journal");
        lines.extend(view.journal.iter().map(|row| {
            let body = crate::text::value(&row.body);
            let time = crate::text::clock(row.at, &look.zone);
            let line = format!("  {:>4} {time} {:<8} {:<10} {body}", row.seq, clean(&row.kind), clean(&row.effect));
            look.cut(&line).into_owned()
        }));
    }
    if let Some(end) = end(&view.run) {
        section(&mut lines, look, "end");
        lines.extend(ending(look, &end));
    }
    lines
}

/// The runs that this one began, each with how it ended as far as this run knows.
fn children(look: &Look, view: &RunView) -> Vec<String> {
    let ended = |id: &str| {
        view.timeline.iter().find_map(|item| match &item.what {
            What::ChildEnded { child, message, .. } if child == id => Some(clean(message).into_owned()),
            _ => None,
        })
    };
    let line = |item: &TimelineItem| match &item.what {
        What::ChildBegan { child, runbook, awaited } => {
            let how = match (ended(child), awaited) {
                (Some(message), _) => message,
                (None, true) => "not over yet".to_owned(),
                (None, false) => "started, not waited for".to_owned(),
            };
            Some(format!("  {} {}: {how}", clean(child), look.bold(clean(runbook))))
        }
        _ => None,
    };
    view.timeline.iter().filter_map(line).collect()
}

fn section(lines: &mut Vec<String>, look: &Look, title: &str) {
    lines.push(String::new());
    lines.push(look.dim(title));
}

fn head(look: &Look, run: &RunRow, now: Millis) -> Vec<String> {
    let mut lines = vec![format!("{} {}", look.bold(clean(&run.runbook)), colored_standing(look, run))];
    let mut fact = |name: &str, text: String| lines.push(format!("  {} {text}", look.dim(format!("{name:<8}"))));
    fact("run", run.id.clone());
    if is_shadow(&run.id) {
        fact("shadow", "it only says what it would do; nothing was done".to_owned());
    }
    let given = params(run);
    if !given.is_empty() {
        fact("with", given);
    }
    fact("by", clean(&run.requester).into_owned());
    if let Some(parent) = run.input.get("parent").filter(|p| p.is_object()) {
        let text = |name: &str| parent.get(name).and_then(|v| v.as_str()).map(clean).unwrap_or_default();
        let awaited = parent.get("awaited").and_then(serde_json::Value::as_bool) == Some(true);
        let how = if awaited { "which waits for it" } else { "which does not wait for it" };
        fact("parent", format!("{}, {how}", text("run")));
    }
    if let Some(event) = &run.event {
        fact("event", clean(event).into_owned());
    }
    fact("started", format!("{} ({})", moment(run.created, &look.zone), relative(now, run.created)));
    let word = if run.status == RunStatus::Done { "ended" } else { "changed" };
    fact(word, format!("{} ({})", moment(run.updated, &look.zone), relative(now, run.updated)));
    fact("program", run.program.get(..12).unwrap_or(&run.program).to_owned());
    lines
}

fn story(look: &Look, view: &RunView) -> Vec<String> {
    let mut timeline = Timeline::new(look.clone(), false);
    let shown = |item: &&TimelineItem| !matches!(item.what, What::Loaded { .. });
    view.timeline.iter().filter(shown).flat_map(|item| timeline.lines(item)).map(|l| format!("  {l}")).collect()
}

fn ending(look: &Look, end: &RunEnd) -> Vec<String> {
    let why = if end.why.is_empty() { String::new() } else { format!(": {}", clean(&end.why)) };
    let mut lines = vec![format!("  {}{why}", outcome(look, &outcome_name(end)))];
    if let Some(failure) = &end.failure {
        lines.push(format!("  because {}", timeline::reason(failure)));
    }
    if end.ineffective {
        lines.push(format!("  {}", look.warn("ineffective: the last verify failed")));
    }
    lines.extend(
        end.remains.iter().map(|r| format!("  {}", look.bad(format!("to be put right by hand: {}", clean(r))))),
    );
    lines
}
