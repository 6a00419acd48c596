//! Triggers on several events: what an event does to their windows, what becomes of those that waited, what fires by time.

mod counted;
mod group;
mod pair;
mod time;

use std::sync::Arc;

use rrb_lang::hir::{Correlation, Part, Shape};
use rrb_lang::ids::FnId;
use rrb_lang::value::Value;
use serde_json::json;

use super::admit::Admitted;
use super::book::Book;
use super::index::TriggerRef;
use super::judge::{self, No};
use super::open;
use super::windows::{Role, Waiting};
use super::{After, Batch, Matcher};
use crate::api::{TimelineItem, What};
use crate::code::event_name;
use crate::store::{DispositionRow, EventRow, Op, WaitRow};

/// Events that are named in one audit record.
const NAMED: usize = 20;

/// What one trigger made of an event.
pub enum Said {
    No(No),
    /// It waits; what for.
    Waits(String),
    /// It ended the wait of others, or its own was over before it began.
    Answered(String),
    /// These make the trigger fire.
    Complete {
        events: Vec<Arc<Waiting>>,
        params: Result<Vec<Value>, No>,
    },
}

/// A trigger with its window, and the event it looks at.
pub struct Asked<'a> {
    pub book: &'a Book,
    pub at: TriggerRef,
    pub trigger: &'a Correlation,
    pub event: &'a Arc<Waiting>,
    /// Whether the event has started the runbook by an earlier trigger: then it only ends waits.
    pub used: bool,
}

impl Asked<'_> {
    fn runbook(&self) -> &str {
        self.book.index.name(self.at.runbook)
    }

    fn passes(&self, part: &Part) -> Option<Result<(), No>> {
        let row = &self.event.row;
        judge::is_of(self.book.code(), part, row).then(|| judge::part(&self.book.loaded, part, &self.event.value, row))
    }

    fn key(&self, function: Option<FnId>, clause: &'static str) -> Result<String, No> {
        let (code, settings) = (self.book.code(), &self.book.loaded.settings);
        judge::key(code, settings, function, clause, std::slice::from_ref(&self.event.value))
    }

    fn params(&self, args: Vec<Value>) -> Result<Vec<Value>, No> {
        match self.book.runbook(self.at.runbook) {
            Some(runbook) => judge::with_params(&self.book.loaded, runbook, self.trigger.with, args),
            None => Err(No { verdict: "error", why: "the runbook is not loaded".to_owned() }),
        }
    }

    fn name_of(&self, part: &Part) -> String {
        let code = self.book.code();
        code.events().get(part.event.index()).map(|e| event_name(code, e)).unwrap_or_default()
    }
}

fn full(trigger: &Correlation) -> Said {
    let most = trigger.max_keys;
    let what = match &trigger.shape {
        Shape::Pair { .. } | Shape::Group { .. } => "events wait",
        Shape::Count { .. } | Shape::Silence { .. } => "keys are kept",
    };
    let why =
        format!("{most} {what} in `on {}`, as many as may (`max keys {most}`): it was not taken in", trigger.text);
    Said::No(No { verdict: "max_keys", why })
}

fn of_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" for `{key}`") }
}

impl Matcher {
    /// Shows an event to a trigger on several.
    pub(super) fn ask_several(&mut self, asked: &Asked<'_>, batch: &mut Batch) -> Vec<Said> {
        let id = open::window_id(asked.runbook(), asked.trigger);
        self.let_go(&id, asked.book, asked.event.row.received, batch);
        match &asked.trigger.shape {
            Shape::Count { part, key, count, distinct } if !asked.used => {
                match self.count_in(asked, &id, part, (*key, *distinct), *count, batch) {
                    Ok(said) => vec![said],
                    Err(no) => vec![Said::No(no)],
                }
            }
            Shape::Count { .. } => Vec::new(),
            Shape::Silence { part, key } => match self.hear(asked, &id, part, *key, batch) {
                Ok(said) => vec![said],
                Err(no) => vec![Said::No(no)],
            },
            Shape::Pair { joint, first, second, .. } => {
                let useless = asked.used && !joint.is_absence();
                if useless { Vec::new() } else { self.pair(asked, &id, *joint, first, second, batch) }
            }
            Shape::Group { .. } if asked.used => Vec::new(),
            Shape::Group { terms, .. } => self.group(asked, &id, terms, batch),
        }
    }

    fn enters(&mut self, id: &str, event: &Waiting, role: Role, batch: &mut Batch) {
        let (window, event, role) = (id.to_owned(), event.row.id.clone(), role.name());
        batch.ops.push(Op::PutWait(WaitRow { window, event, role }));
    }

    fn leaves(&self, id: &str, event: &Waiting, batch: &mut Batch) {
        batch.ops.push(Op::DropWait { window: id.to_owned(), event: event.row.id.clone() });
    }

    fn used_up(&self, id: &str, events: &[Arc<Waiting>], last: &Waiting, batch: &mut Batch) {
        for event in events.iter().filter(|e| e.seq != last.seq) {
            self.leaves(id, event, batch);
        }
    }

    /// Says what became of an event that waited.
    fn say(
        &self,
        row: &EventRow,
        runbook: &str,
        verdict: &str,
        run: Option<String>,
        detail: String,
        batch: &mut Batch,
    ) {
        let disposition = self.disposition(row, runbook, verdict, run, detail);
        self.tell_disposition(&disposition, batch);
        batch.ops.push(Op::PutDisposition(disposition));
    }

    pub(super) fn tell_disposition(&self, disposition: &DispositionRow, batch: &mut Batch) {
        let what = What::Disposition { verdict: disposition.verdict.clone(), detail: disposition.detail.clone() };
        batch.after.push(After::Tell(Box::new(TimelineItem {
            at: disposition.at,
            run: disposition.run.clone(),
            runbook: Some(disposition.runbook.clone()).filter(|r| !r.is_empty()),
            event: Some(disposition.event.clone()),
            what,
        })));
    }

    /// Events that a trigger fired by: those that waited hear what came of it, and where a run came of it no other trigger of the
    /// runbook uses them again.
    pub(super) fn joined(
        &mut self,
        book: &Book,
        at: TriggerRef,
        events: &[Arc<Waiting>],
        last: &Waiting,
        outcome: &Result<Admitted, No>,
        batch: &mut Batch,
    ) {
        let name = book.index.name(at.runbook).to_owned();
        for event in events.iter().filter(|e| e.seq != last.seq) {
            let (run, detail) = match outcome {
                Ok(run) => (Some(run.run.clone()), format!("with `{}`", last.row.id)),
                Err(no) => (None, format!("with `{}`, and {} said no: {}", last.row.id, no.verdict, no.why)),
            };
            self.say(&event.row, &name, "joined", run, detail, batch);
        }
        let ids: Vec<&str> = events.iter().take(NAMED).map(|e| e.row.id.as_str()).collect();
        let (verdict, run) = match outcome {
            Ok(run) => (run.told().0, Some(&run.run)),
            Err(no) => (no.verdict, None),
        };
        let text = trigger_text(book, at);
        let body = json!({ "runbook": name, "trigger": text, "events": ids, "count": events.len(), "verdict": verdict, "run": run });
        batch.ops.push(self.audit("trigger.fired", "engine", Some(&last.row.id), crate::run::cap::audited(body)));
    }

    /// Takes events that started a runbook out of its other windows: each starts it at most once.
    pub(super) fn spent(&mut self, runbook: usize, events: &[Arc<Waiting>], batch: &mut Batch) {
        for (id, open) in self.windows.open.iter_mut().filter(|(_, o)| o.runbook == runbook) {
            for event in events {
                if open.window.remove(event) {
                    let (window, event) = (id.clone(), event.row.id.clone());
                    batch.ops.push(Op::DropWait { window, event });
                }
            }
        }
    }
}

/// A trigger on several events as written.
pub fn trigger_text(book: &Book, at: TriggerRef) -> String {
    let trigger = book.runbook(at.runbook).and_then(|r| r.triggers.get(at.trigger));
    match trigger.map(|t| &t.kind) {
        Some(rrb_lang::hir::TriggerKind::Several(several)) => format!("on {}", several.text),
        _ => String::new(),
    }
}
