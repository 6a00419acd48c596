//! Triggers on several events: what an event does to their windows, what becomes of those that waited, what fires by time.

use std::sync::Arc;

use rrb_lang::hir::{Correlation, Part, Shape};
use rrb_lang::syntax::ast::Joint;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Millis;
use serde_json::json;

use super::admit::{Admitted, Origin};
use super::book::Book;
use super::counters::shown;
use super::index::TriggerRef;
use super::judge::{self, No};
use super::open::{self, Window};
use super::windows::{Side, Taken, Waiting};
use super::{After, Batch, Matcher};
use crate::api::{TimelineItem, What};
use crate::code::event_name;
use crate::run::gate::shown_time as when;
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

    fn key(&self, function: Option<rrb_lang::ids::FnId>) -> Result<String, No> {
        let (code, settings) = (self.book.code(), &self.book.loaded.settings);
        judge::key(code, settings, function, "by", std::slice::from_ref(&self.event.value))
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
        Shape::Pair { .. } => "events wait",
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
            Shape::Count { part, key, count } if !asked.used => {
                match self.count_in(asked, &id, part, *key, *count, batch) {
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
                let useless = asked.used && *joint != Joint::Without;
                if useless { Vec::new() } else { self.pair(asked, &id, *joint, first, second, batch) }
            }
        }
    }

    fn count_in(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        part: &Part,
        key: Option<rrb_lang::ids::FnId>,
        count: u32,
        batch: &mut Batch,
    ) -> Result<Said, No> {
        asked.passes(part).unwrap_or(Ok(()))?;
        let key = asked.key(key)?;
        let mut left = Vec::new();
        let Some(Window::Count(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return Err(No { verdict: "error", why: "its window is not open".to_owned() });
        };
        let taken = window.take(&key, asked.event.clone(), &mut left);
        self.expired(asked.book, id, left, batch);
        Ok(match taken {
            Taken::Complete { events, others } => {
                let detail = format!("`{}` came and {count} were complete without it", asked.event.row.id);
                for other in others {
                    self.leaves(id, &other, batch);
                    self.say(&other.row, asked.runbook(), "expired", None, detail.clone(), batch);
                }
                self.used_up(id, &events, asked.event, batch);
                let params =
                    asked.params(vec![Value::list(events.iter().map(|e| e.value.clone()).collect::<Vec<_>>())]);
                Said::Complete { events, params }
            }
            Taken::Waits { others } => {
                self.enters(id, asked.event, None, batch);
                let until = asked.event.row.at.saturating_add(asked.trigger.within_ms);
                let (seen, until) = (others + 1, when(until));
                Said::Waits(format!("{seen} of {count} seen{}, waits for more until {until}", of_key(&key)))
            }
            _ => full(asked.trigger),
        })
    }

    fn hear(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        part: &Part,
        key: Option<rrb_lang::ids::FnId>,
        batch: &mut Batch,
    ) -> Result<Said, No> {
        asked.passes(part).unwrap_or(Ok(()))?;
        let key = asked.key(key)?;
        let mut left = Vec::new();
        let Some(Window::Silence(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return Err(No { verdict: "error", why: "its window is not open".to_owned() });
        };
        let taken = window.take(&key, asked.event.clone(), &mut left);
        for old in left {
            self.leaves(id, &old, batch);
        }
        Ok(match taken {
            Taken::Waits { .. } => {
                self.enters(id, asked.event, None, batch);
                let until = when(asked.event.row.at.saturating_add(asked.trigger.within_ms));
                Said::Waits(format!("heard{}: it is silent when nothing comes until {until}", of_key(&key)))
            }
            Taken::Older => Said::Waits(format!("heard{}, and a later one before it", of_key(&key))),
            _ => full(asked.trigger),
        })
    }

    fn pair(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        joint: Joint,
        first: &Part,
        second: &Part,
        batch: &mut Batch,
    ) -> Vec<Said> {
        let mut said = Vec::new();
        let shape = &asked.trigger.shape;
        let mut role = |part: &Part, side: Side| match asked.passes(part)? {
            Ok(()) => {
                let (code, settings) = (asked.book.code(), &asked.book.loaded.settings);
                match open::join_key(code, settings, shape, side, &asked.event.value) {
                    Ok(key) => Some(key),
                    Err(no) => {
                        said.push(Said::No(no));
                        None
                    }
                }
            }
            Err(no) => {
                said.push(Said::No(no));
                None
            }
        };
        let as_first = role(first, Side::First).filter(|_| !asked.used);
        let as_second = role(second, Side::Second);
        if as_first.is_none() && as_second.is_none() {
            return said;
        }
        let mut problem = None;
        let mut left = Vec::new();
        let Some(Window::Pair(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return said;
        };
        let mut fits = |a: &Waiting, b: &Waiting| belong(asked, a, b, &mut problem);
        let taken = window.take(asked.event, as_first.as_deref(), as_second.as_deref(), &mut fits, &mut left);
        let roles = window.roles(asked.event);
        for side in roles {
            self.enters(id, asked.event, Some(side), batch);
        }
        for old in left {
            self.leaves(id, &old, batch);
        }
        let what = self.of_pair(asked, id, joint, (first, second), taken, as_first.is_some(), batch);
        vec![match (what, problem) {
            (Said::Waits(detail), Some(problem)) => Said::Waits(format!("{detail}; {problem}")),
            (what, _) => what,
        }]
    }

    #[allow(clippy::too_many_arguments, reason = "one event in one window, with everything that is said of it")]
    fn of_pair(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        joint: Joint,
        (first, second): (&Part, &Part),
        taken: Taken,
        is_first: bool,
        batch: &mut Batch,
    ) -> Said {
        let row = &asked.event.row;
        let until = when(row.at.saturating_add(asked.trigger.within_ms));
        let (a, b) = (asked.name_of(first), asked.name_of(second));
        match taken {
            Taken::Full => full(asked.trigger),
            Taken::Complete { events, .. } => {
                self.used_up(id, &events, asked.event, batch);
                let params = asked.params(events.iter().map(|e| e.value.clone()).collect());
                Said::Complete { events, params }
            }
            Taken::Answers(ended) if ended.is_empty() => Said::Answered(format!("no `{a}` waits for it")),
            Taken::Answers(ended) => {
                for first in &ended {
                    self.leaves(id, first, batch);
                    let detail = format!("`{b}` came in time: `{}`", row.id);
                    self.say(&first.row, asked.runbook(), "answered", None, detail, batch);
                }
                let ids: Vec<String> = ended.iter().take(NAMED).map(|e| format!("`{}`", e.row.id)).collect();
                Said::Answered(format!("it ends the wait of {}", ids.join(", ")))
            }
            Taken::Answered(second) => {
                Said::Answered(format!("`{b}` came in time, and was here first: `{}`", second.row.id))
            }
            Taken::Waits { .. } | Taken::Older => Said::Waits(match (joint, is_first) {
                (Joint::Without, _) => format!("fires when no `{b}` comes until {until}"),
                (Joint::And, true) => format!("waits for `{b}` until {until}"),
                (Joint::And, false) => format!("waits for `{a}` until {until}"),
                (Joint::Then, true) => format!("waits for `{b}` until {until}"),
                (Joint::Then, false) => format!("no `{a}` came before it; one that comes late still counts"),
            }),
        }
    }

    fn enters(&mut self, id: &str, event: &Waiting, side: Option<Side>, batch: &mut Batch) {
        let (window, event, role) = (id.to_owned(), event.row.id.clone(), open::role(side).to_owned());
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

    /// Lets go what has waited long enough when an event comes at `now`.
    fn let_go(&mut self, id: &str, book: &Book, now: Millis, batch: &mut Batch) {
        let gone = match self.windows.open.get_mut(id).map(|o| &mut o.window) {
            Some(Window::Count(window)) => window.expire(now),
            Some(Window::Pair(window)) => {
                let gone = window.expire(now);
                self.expired_pair(book, id, gone, batch);
                return;
            }
            _ => return,
        };
        self.expired(book, id, gone, batch);
    }

    fn expired(&mut self, book: &Book, id: &str, gone: Vec<Arc<Waiting>>, batch: &mut Batch) {
        let Some(open) = self.windows.open.get(id) else { return };
        let name = book.index.name(open.runbook).to_owned();
        let Some(Correlation { shape: Shape::Count { count, .. }, within_ms, .. }) = open::trigger_of(book, open)
        else {
            return;
        };
        for event in gone {
            self.leaves(id, &event, batch);
            let ended = when(event.row.at.saturating_add(*within_ms));
            let detail = format!("window ended at {ended}: fewer than {count} came within {}", shown(*within_ms));
            self.say(&event.row, &name, "expired", None, detail, batch);
        }
    }

    fn expired_pair(&mut self, book: &Book, id: &str, gone: Vec<(Side, Arc<Waiting>)>, batch: &mut Batch) {
        let Some(open) = self.windows.open.get(id) else { return };
        let name = book.index.name(open.runbook).to_owned();
        let Some(trigger) = open::trigger_of(book, open) else { return };
        let Shape::Pair { joint, first, second, .. } = &trigger.shape else { return };
        for (side, event) in gone {
            self.leaves(id, &event, batch);
            // It answered whatever there was to answer and waited for nothing itself.
            if *joint == Joint::Without {
                continue;
            }
            let other = if side == Side::First { second } else { first };
            let code = book.code();
            let other = code.events().get(other.event.index()).map(|e| event_name(code, e)).unwrap_or_default();
            let ended = when(event.row.at.saturating_add(trigger.within_ms));
            let detail = match (joint, side) {
                (Joint::Then, Side::Second) => format!("no `{other}` came before it"),
                _ => format!("window ended at {ended}: no `{other}` came that belongs to it"),
            };
            self.say(&event.row, &name, "expired", None, detail, batch);
        }
    }

    /// Fires and ends what is due. While events wait to be judged, time stands at the last one that was.
    pub(super) async fn windows_due(&mut self, now: Millis, batch: &mut Batch) {
        let Some(book) = self.book.clone() else { return };
        for id in self.windows.due(now) {
            self.let_go(&id, &book, now, batch);
            let Some(open) = self.windows.open.get(&id) else { continue };
            let at = TriggerRef { runbook: open.runbook, trigger: open.trigger };
            let Some(trigger) = open::trigger_of(&book, open) else { continue };
            let listened = match &trigger.shape {
                Shape::Silence { part, .. } => part,
                Shape::Pair { joint: Joint::Without, second, .. } => second,
                _ => continue,
            };
            let code = book.code();
            let source = code.events().get(listened.event.index()).map(|e| event_name(code, e)).unwrap_or_default();
            let late = self.windows.behind.get(&source).copied();
            let later = move |until: Millis| late.and_then(|b| b.patience(until, trigger.within_ms));
            let found: Vec<(String, Arc<Waiting>)> = match self.windows.open.get_mut(&id).map(|o| &mut o.window) {
                Some(Window::Pair(w)) => w.alone(now, &later).into_iter().map(|e| (String::new(), e)).collect(),
                Some(Window::Silence(w)) => w.silent(now, &later),
                _ => continue,
            };
            for (key, event) in found {
                let why = match &trigger.shape {
                    Shape::Silence { .. } => {
                        format!("nothing came{} for {}", of_key(&key), shown(trigger.within_ms))
                    }
                    _ => format!("no `{source}` came within {}", shown(trigger.within_ms)),
                };
                self.fire_alone(&book, at, &id, &event, &why, batch).await;
            }
        }
        self.wake_windows();
    }

    /// Sets when the windows are looked at next.
    pub(super) fn wake_windows(&mut self) {
        let next = self.windows.next();
        // Setting an alarm wakes whoever waits for it.
        if self.windows.alarm != next {
            self.windows.alarm = next;
            self.schedules.set(&super::WINDOWS.to_owned(), next);
        }
    }

    async fn fire_alone(
        &mut self,
        book: &Book,
        at: TriggerRef,
        id: &str,
        event: &Arc<Waiting>,
        why: &str,
        batch: &mut Batch,
    ) {
        self.leaves(id, event, batch);
        let Some(open) = self.windows.open.get(id) else { return };
        let Some(trigger) = open::trigger_of(book, open) else { return };
        let asked = Asked { book, at, trigger, event, used: false };
        let outcome = match asked.params(vec![event.value.clone()]) {
            Ok(params) => {
                let actor = format!("trigger:{}", event.row.source);
                let origin = Origin {
                    at: self.core.now(),
                    event: Some(event.row.id.clone()),
                    requester: format!("event:{}", event.row.id),
                    actor: &actor,
                    counted: true,
                    id: None,
                    parent: None,
                };
                self.admit(book, at.runbook, params, origin, batch).await
            }
            Err(no) => Err(no),
        };
        let name = book.index.name(at.runbook).to_owned();
        let used = [event.clone()];
        self.joined(book, at, &used, event, &outcome, batch);
        match outcome {
            Ok(run) => {
                self.spent(at.runbook, &used, batch);
                let (verdict, _) = run.told();
                self.say(&event.row, &name, verdict, Some(run.run), why.to_owned(), batch);
            }
            Err(no) => self.say(&event.row, &name, no.verdict, None, format!("{why}; {}", no.why), batch),
        }
    }

    /// Opens the windows of a program; what has no place in them any more hears so.
    pub(super) fn open_windows(&mut self, book: &Book, batch: &mut Batch) {
        let now = self.core.now();
        for (wait, row, why) in self.windows.load(book, now) {
            let runbook = wait.window.split_once(" on ").or(wait.window.split_once(' ')).map_or("", |(name, _)| name);
            let (window, event) = (wait.window.clone(), wait.event.clone());
            batch.ops.push(Op::DropWait { window, event });
            self.say(&row, runbook, "expired", None, why, batch);
        }
        self.wake_windows();
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

/// Whether what is said of both events holds of these two. One that fails is false, and told.
fn belong(asked: &Asked<'_>, a: &Waiting, b: &Waiting, problem: &mut Option<String>) -> bool {
    let Shape::Pair { both, .. } = &asked.trigger.shape else { return false };
    let events = [a.value.clone(), b.value.clone()];
    both.iter().all(|c| match judge::holds(asked.book.code(), &asked.book.loaded.settings, c, &events) {
        Ok(()) => true,
        Err(no) => {
            if no.verdict == "error" {
                problem.get_or_insert(no.why);
            }
            false
        }
    })
}
