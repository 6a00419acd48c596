//! A run's story, made again from its journal: the same lines the live timeline had.

use std::collections::HashMap;

use rrb_lang::vm::protocol::{
    ActionInfo, ChildStart, Effect, EffectId, EffectOutcome, EventWait, Millis, NativeCall, Verdict,
};
use serde::Deserialize;

use crate::api::{TimelineItem, What};
use crate::run::journal::{self, Act, Entry};
use crate::run::{gate, records};
use crate::store::{ApprovalRow, ApprovalState, JournalRow, RunRow, RunStatus};

/// The lines of a run in order.
///
/// # Errors
/// When an entry was written by another version.
pub fn of_run(run: &RunRow, rows: &[JournalRow], approvals: &[ApprovalRow]) -> Result<Vec<TimelineItem>, String> {
    let (calls, gates) = (HashMap::new(), HashMap::new());
    let (children, waits) = (HashMap::new(), HashMap::new());
    let mut story = Story { run, items: Vec::new(), calls, gates, children, waits };
    for row in rows {
        story.entry(row.at, journal::read(row)?);
    }
    for approval in approvals {
        story.approval(approval);
    }
    // What people did stands beside the journal: it goes where its time puts it, behind what was written at the same moment.
    story.items.sort_by_key(|item| item.at);
    Ok(story.items)
}

struct Story<'a> {
    run: &'a RunRow,
    items: Vec<TimelineItem>,
    calls: HashMap<EffectId, (NativeCall, Millis)>,
    gates: HashMap<EffectId, ActionInfo>,
    children: HashMap<EffectId, ChildStart>,
    waits: HashMap<EffectId, EventWait>,
}

impl Story<'_> {
    fn say(&mut self, at: Millis, what: What) {
        self.items.push(records::item(self.run, at, what));
    }

    fn entry(&mut self, at: Millis, entry: Entry) {
        for note in entry.notes {
            self.say(at, What::Note { note });
        }
        match entry.act {
            Act::Start { .. } => {
                let what = What::RunStarted { requester: self.run.requester.clone(), params: self.run.params.clone() };
                self.say(at, what);
            }
            Act::Intent { id, effect: Some(Effect::Call(call)), .. } => {
                self.say(at, records::intent_item(&call));
                self.calls.insert(id, (call, at));
            }
            Act::Intent { id, effect: Some(Effect::Gate(call)), .. } => {
                self.gates.insert(id, call);
            }
            Act::Intent { id, effect: Some(Effect::Child(child)), .. } => {
                self.say(at, records::child_began(&child));
                self.children.insert(id, child);
            }
            Act::Intent { id, effect: Some(Effect::Event(wait)), .. } => {
                self.waits.insert(id, wait);
            }
            Act::Intent { effect: Some(Effect::Resolve(call)), .. } => {
                self.say(at, What::RunStatus { status: RunStatus::Parked, why: call.why });
            }
            Act::Outcome { id, outcome } => self.outcome(at, &id, &outcome),
            Act::Cancel { why, .. } => self.say(at, What::RunStatus { status: RunStatus::Ending, why }),
            Act::Attempt { why, .. } => self.say(at, What::RunStatus { status: RunStatus::Running, why }),
            Act::Resume { by } => {
                self.say(at, What::RunStatus { status: RunStatus::Running, why: format!("resumed by {by}") });
            }
            Act::End(end) => self.say(at, records::ended(&end)),
            Act::Intent { .. } | Act::Abandon { .. } | Act::Note => {}
        }
    }

    fn outcome(&mut self, at: Millis, id: &EffectId, outcome: &EffectOutcome) {
        let child = self.children.remove(id).and_then(|child| records::child_ended(&child, outcome));
        let event = self.waits.remove(id).and_then(|wait| records::event_taken(&wait, outcome));
        if let Some(what) = child.or(event) {
            self.say(at, what);
        }
        if let Some((call, began)) = self.calls.remove(id) {
            self.say(at, records::outcome_item(&call, outcome, at.saturating_sub(began)));
        }
        let Some(call) = self.gates.remove(id) else { return };
        let verdict = match outcome {
            EffectOutcome::Gated(gated) => Some(gated.verdict.clone()),
            EffectOutcome::Failed(failure) => Verdict::deserialize(serde_json::Value::from(&failure.detail)).ok(),
            _ => None,
        };
        if let Some(verdict) = verdict.filter(|v| !v.rules.is_empty()) {
            let (action, target) = (call.action.to_string(), call.target.as_ref().map(ToString::to_string));
            self.say(at, What::Policy { action, target, verdict });
        }
    }

    fn approval(&mut self, row: &ApprovalRow) {
        let asked = ApprovalRow { state: ApprovalState::Open, closed: None, votes: Vec::new(), ..row.clone() };
        self.say(row.asked, What::ApprovalAsked { approval: asked });
        for vote in &row.votes {
            let what = What::ApprovalVoted {
                approval: row.id.clone(),
                person: vote.person.clone(),
                approve: vote.approve,
                comment: vote.comment.clone(),
            };
            self.say(vote.at, what);
        }
        if let Some(at) = row.closed {
            self.say(at, What::ApprovalClosed { approval: row.id.clone(), state: row.state });
        }
    }
}

/// The approvals that a run ever asked for.
///
/// # Errors
/// When an entry was written by another version.
pub fn approvals_of(rows: &[JournalRow]) -> Result<Vec<String>, String> {
    let mut ids = Vec::new();
    for row in rows.iter().filter(|r| r.kind == "intent") {
        if let Act::Intent { approval: Some(id), .. } = journal::read(row)?.act {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// What a run waits for, in words.
///
/// # Errors
/// When an entry was written by another version.
pub fn waits(run: &RunRow, rows: &[JournalRow], approvals: &[ApprovalRow]) -> Result<Vec<String>, String> {
    if run.status == RunStatus::Queued {
        return Ok(vec!["its turn: the places of its runbook are taken".to_owned()]);
    }
    let entries: Vec<Entry> = rows.iter().map(journal::read).collect::<Result<_, _>>()?;
    let mut waits = Vec::new();
    for (id, effect, approval) in journal::open_effects(&entries) {
        match (effect, approval.and_then(|id| approvals.iter().find(|a| a.id == id))) {
            (_, Some(approval)) => waits.push(format!(
                "people: {} (until {})",
                crate::run::ask::question(approval),
                gate::shown_time(approval.expires)
            )),
            (Some(Effect::Call(call)), _) => waits.push(format!("the answer of `{}`", call.native)),
            (Some(Effect::Gate(call)), _) => waits.push(match gate::target_key(call) {
                Some(target) => format!("the target `{target}`, or a pause to end"),
                None => format!("a pause to end, before `{}`", call.action),
            }),
            (Some(Effect::Sleep { until }), _) if id.site != EffectId::RUN_SITE => {
                waits.push(format!("the time {}", gate::shown_time(*until)));
            }
            (Some(Effect::Event(wait)), _) if let Some(until) = wait.until => {
                waits.push(format!("the event `{}` (until {})", wait.text, gate::shown_time(until)));
            }
            (Some(Effect::Child(child)), _) => waits.push(format!("the run `{}` of `{}`", child.child, child.name)),
            (Some(Effect::Plan(_)), _) => waits.push("the plan of its approval".to_owned()),
            (Some(Effect::Resolve(call)), _) => {
                waits.push(format!("a person who says what became of `{}`: {}", call.native, call.why))
            }
            _ => {}
        }
    }
    if run.status == RunStatus::Parked && waits.is_empty() {
        waits.push("a person: its attempts failed; resume it, or cancel it".to_owned());
    }
    Ok(waits)
}
