//! What becomes of those that waited when their time is over, and what fires by time.

use std::sync::Arc;

use rrb_lang::hir::{Correlation, Shape};
use rrb_lang::syntax::ast::Joint;
use rrb_lang::vm::protocol::Millis;

use super::super::admit::Origin;
use super::super::book::Book;
use super::super::counters::shown;
use super::super::index::TriggerRef;
use super::super::open::{self, Window};
use super::super::windows::{Side, Waiting};
use super::super::{Batch, Matcher, WINDOWS};
use super::{Asked, of_key};
use crate::code::event_name;
use crate::run::gate::shown_time as when;
use crate::store::Op;

impl Matcher {
    /// Lets go what has waited long enough when an event comes at `now`.
    pub(super) fn let_go(&mut self, id: &str, book: &Book, now: Millis, batch: &mut Batch) {
        let gone = match self.windows.open.get_mut(id).map(|o| &mut o.window) {
            Some(Window::Count(window)) => window.expire(now),
            Some(Window::Pair(window)) => {
                let gone = window.expire(now);
                self.expired_pair(book, id, gone, batch);
                return;
            }
            Some(Window::Group(window)) => window.expire(now),
            _ => return,
        };
        self.expired(book, id, gone, batch);
    }

    pub(super) fn expired(&mut self, book: &Book, id: &str, gone: Vec<Arc<Waiting>>, batch: &mut Batch) {
        let Some(open) = self.windows.open.get(id) else { return };
        let name = book.index.name(open.runbook).to_owned();
        let Some(Correlation { shape, within_ms, .. }) = open::trigger_of(book, open) else { return };
        let within = shown(*within_ms);
        let missing = match shape {
            Shape::Count { count, distinct: None, .. } => format!("fewer than {count} came within {within}"),
            Shape::Count { count, .. } => format!("fewer than {count} different ones came within {within}"),
            _ => format!("not all that it needs came within {within}"),
        };
        for event in gone {
            self.leaves(id, &event, batch);
            let ended = when(event.row.at.saturating_add(*within_ms));
            let detail = format!("window ended at {ended}: {missing}");
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
            if joint.is_absence() {
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
    pub(in crate::matcher) async fn windows_due(&mut self, now: Millis, batch: &mut Batch) {
        let Some(book) = self.book.clone() else { return };
        for id in self.windows.due(now) {
            self.let_go(&id, &book, now, batch);
            let Some(open) = self.windows.open.get(&id) else { continue };
            let at = TriggerRef { runbook: open.runbook, trigger: open.trigger };
            let Some(trigger) = open::trigger_of(&book, open) else { continue };
            let listened = match &trigger.shape {
                Shape::Silence { part, .. } => part,
                Shape::Pair { joint, second, .. } if joint.is_absence() => second,
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
                    Shape::Pair { joint: Joint::WithoutEarlier, .. } => {
                        format!("no `{source}` came in the {} before it", shown(trigger.within_ms))
                    }
                    Shape::Pair { joint: Joint::WithoutAny, .. } => {
                        format!("no `{source}` came within {} before or after it", shown(trigger.within_ms))
                    }
                    _ => format!("no `{source}` came within {}", shown(trigger.within_ms)),
                };
                self.fire_alone(&book, at, &id, &event, &why, batch).await;
            }
        }
        self.wake_windows();
    }

    /// Sets when the windows are looked at next.
    pub(in crate::matcher) fn wake_windows(&mut self) {
        let next = self.windows.next();
        // Setting an alarm wakes whoever waits for it.
        if self.windows.alarm != next {
            self.windows.alarm = next;
            self.schedules.set(&WINDOWS.to_owned(), next);
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
    pub(in crate::matcher) fn open_windows(&mut self, book: &Book, batch: &mut Batch) {
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
