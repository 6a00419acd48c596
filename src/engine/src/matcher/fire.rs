//! Runs by the clock. A firing is an event too: it has an id, a disposition, and fires once however often the process is restarted.

use rrb_lang::syntax::ast::Missed;
use rrb_lang::vm::protocol::Millis;
use serde_json::json;

use super::admit::Origin;
use super::book::{self, Book};
use super::judge::{self, No};
use super::schedule::{LATE_MS, Schedule};
use super::{Batch, Matcher, WINDOWS};
use crate::code::Evaluated;
use crate::store::{EventRow, Op};

/// The source of firings.
pub const SOURCE: &str = "schedule";

impl Matcher {
    /// Sets the next time of every schedule; a new one begins now.
    pub(super) fn arm(&mut self, book: &Book, batch: &mut Batch) {
        if let Some(old) = &self.book {
            for schedule in &old.schedules {
                self.schedules.set(&schedule.key, None);
            }
        }
        let now = self.core.now();
        for schedule in &book.schedules {
            let last = match self.fired.get(&schedule.key) {
                Some(last) => *last,
                None => {
                    self.fired.insert(schedule.key.clone(), now);
                    batch.ops.push(Op::PutSchedule { key: schedule.key.clone(), fired: now });
                    now
                }
            };
            self.schedules.set(&schedule.key, schedule.next(last));
        }
    }

    /// Fires what is due. Of several times that passed only the last counts; when that one is late as well, `missed` decides.
    pub(super) async fn fire_due(&mut self, batch: &mut Batch) {
        let Some(book) = self.book.clone() else { return };
        let now = self.core.now();
        for key in self.schedules.due(now) {
            if key == WINDOWS {
                self.windows.alarm = None;
                continue;
            }
            let Some(schedule) = book.schedules.iter().find(|s| s.key == key) else { continue };
            let last = self.fired.get(&key).copied().unwrap_or(now);
            if let Some(nominal) = schedule.last(last, now) {
                let missed = now.saturating_sub(nominal) > LATE_MS && schedule.missed == Missed::Skip;
                self.fired.insert(key.clone(), nominal);
                batch.ops.push(Op::PutSchedule { key: key.clone(), fired: nominal });
                match missed {
                    true => {
                        let body = json!({ "schedule": key, "nominal": nominal });
                        batch.ops.push(self.audit("schedule.missed", "engine", None, body));
                    }
                    false => self.fire(&book, schedule, nominal, now, batch).await,
                }
            }
            self.schedules.set(&key, schedule.next(now));
        }
    }

    async fn fire(&mut self, book: &Book, schedule: &Schedule, nominal: Millis, now: Millis, batch: &mut Batch) {
        let name = book.index.name(schedule.runbook).to_owned();
        let row = EventRow {
            id: self.core.fresh_id("evt"),
            delivery: None,
            source: SOURCE.to_owned(),
            instance: "default".to_owned(),
            sender_id: Some(book::firing_id(&schedule.key, nominal)),
            at: nominal,
            received: now,
            payload: json!({ "runbook": name, "schedule": schedule.key, "nominal": crate::run::gate::shown_time(nominal) }),
        };
        batch.ops.push(Op::PutEvent(row.clone()));
        batch.ops.push(Op::EventMatched { id: row.id.clone() });
        let params = match book.code().eval(schedule.with, Vec::new(), &book.loaded.settings, "") {
            Ok(Evaluated::Value(given)) => match book.runbook(schedule.runbook) {
                Some(runbook) => judge::params(book.code(), runbook, &given),
                None => Err(No { verdict: "error", why: "the runbook is not loaded".to_owned() }),
            },
            Ok(Evaluated::Skip) => Err(No { verdict: "with", why: "`with` said `skip`".to_owned() }),
            Err(why) => Err(No { verdict: "with", why: format!("`with` failed: {why}") }),
        };
        let actor = format!("schedule:{}", schedule.key);
        let origin = Origin {
            at: now,
            event: Some(row.id.clone()),
            requester: SOURCE.to_owned(),
            actor: &actor,
            counted: true,
            id: None,
            parent: None,
        };
        let admitted = match params {
            Ok(params) => self.admit(book, schedule.runbook, params, origin, batch).await,
            Err(no) => Err(no),
        };
        let disposition = match admitted {
            Ok(run) => {
                let (verdict, detail) = run.told();
                self.disposition(&row, &name, verdict, Some(run.run), detail)
            }
            Err(no) => self.disposition(&row, &name, no.verdict, None, no.why),
        };
        let body = json!({ "schedule": schedule.key, "nominal": nominal, "verdict": disposition.verdict, "run": disposition.run });
        batch.ops.push(self.audit("schedule.fired", "engine", Some(&row.id), body));
        batch.ops.push(Op::PutDisposition(disposition));
    }
}
