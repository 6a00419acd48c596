//! What becomes of an event: the runs it stops, the runs it starts, and for every runbook that listens why not.

use std::sync::Arc;

use rrb_lang::hir::{Trigger, TriggerKind};
use rrb_lang::ids::EventId;
use rrb_lang::value::Value;
use serde_json::json;

use super::admit::Origin;
use super::book::Book;
use super::cancels::Stops;
use super::index::TriggerRef;
use super::judge::{self, No};
use super::several::{Asked, Said};
use super::windows::{Behind, Waiting};
use super::{After, Batch, Matcher};
use crate::code::event_name;
use crate::store::{DispositionRow, EventRow, Op, RunStatus};
use crate::stored_event::value_of;

/// Up to so many listeners, every one is asked; above, the index leaves out those whose equality does not hold, and `why` asks them
/// when somebody wants to know.
const ASK_ALL: usize = 16;

/// Bytes of the reason in a disposition.
const DETAIL: usize = 4_096;

/// Stands for the runbooks that the index left out; the detail begins with the program's id.
pub const LEFT_OUT: &str = "*";

impl Matcher {
    /// Judges one event. Everything that follows from it is in the same batch as the mark that it was judged.
    pub(super) async fn judge(
        &mut self,
        book: &Book,
        row: &EventRow,
        value: Option<(String, Value)>,
        batch: &mut Batch,
    ) {
        let mut told: Vec<DispositionRow> = Vec::new();
        self.windows.judged = self.windows.judged.max(row.received);
        self.windows.behind.extend(Behind::of(row).map(|b| (row.source.clone(), b)));
        self.stop_runs(row, &mut told, batch).await;
        if book.index.listeners(&row.source) == 0 {
            if told.is_empty() {
                told.push(self.disposition(row, "", "no_trigger", None, "no runbook listens to it".to_owned()));
            }
        } else {
            let value = match value.filter(|(program, _)| program == book.code().id()) {
                Some((_, value)) => Ok(value),
                None => value_of(book.code(), row),
            };
            match value {
                Ok(value) => self.ask_runbooks(book, row, &value, &mut told, batch).await,
                Err(why) => {
                    let why = format!("the event does not fit its type any more: {why}");
                    let error = |n| self.disposition(row, book.index.name(n), "error", None, why.clone());
                    told.extend(book.index.listening(&row.source).map(error));
                }
            }
        }
        self.conclude(row, told, batch);
    }

    fn conclude(&self, row: &EventRow, told: Vec<DispositionRow>, batch: &mut Batch) {
        let shown: Vec<_> =
            told.iter().map(|d| json!({ "runbook": d.runbook, "verdict": d.verdict, "run": d.run })).collect();
        let body = crate::run::cap::audited(json!({ "event": row.source, "dispositions": shown }));
        batch.ops.push(self.audit("event.matched", "engine", Some(&row.id), body));
        batch.ops.push(Op::EventMatched { id: row.id.clone() });
        batch.after.push(After::Offer(Box::new(row.clone())));
        for disposition in told {
            self.tell_disposition(&disposition, batch);
            batch.ops.push(Op::PutDisposition(disposition));
        }
    }

    pub(super) fn disposition(
        &self,
        row: &EventRow,
        runbook: &str,
        verdict: &str,
        run: Option<String>,
        mut detail: String,
    ) -> DispositionRow {
        rrb_lang::vm::limits::cut(&mut detail, DETAIL);
        let (event, runbook, verdict) = (row.id.clone(), runbook.to_owned(), verdict.to_owned());
        DispositionRow { event, runbook, verdict, run, detail, at: self.core.now() }
    }

    async fn stop_runs(&mut self, row: &EventRow, told: &mut Vec<DispositionRow>, batch: &mut Batch) {
        let Stops { stopped, failed } = self.cancels.stopped_by(row);
        for (run, why) in failed {
            let Some(of) = self.row(&run).await else { continue };
            told.push(self.disposition(row, &of.runbook, "error", Some(run), why));
        }
        for (run, because) in stopped {
            let Some(of) = self.row(&run).await else { continue };
            if of.status == RunStatus::Done {
                continue;
            }
            let by = format!("event:{}", row.id);
            match of.status {
                RunStatus::Queued => self.end_unbegun(&of, &because, &by, batch),
                _ => batch.cancel(&of, &because, &by, self.core.now()),
            }
            // An event stops a run once; what comes later finds it on its way out.
            self.cancels.remove(&run);
            told.push(self.disposition(row, &of.runbook, "cancelled", Some(run), because));
        }
    }

    async fn ask_runbooks(
        &mut self,
        book: &Book,
        row: &EventRow,
        value: &Value,
        told: &mut Vec<DispositionRow>,
        batch: &mut Batch,
    ) {
        let listening = book.index.listeners(&row.source);
        let asked: Vec<usize> = match listening <= ASK_ALL {
            true => book.index.listening(&row.source).collect(),
            false => {
                let mut asked: Vec<usize> =
                    book.index.candidates(&row.source, value).iter().map(|c| c.runbook).collect();
                asked.dedup();
                asked
            }
        };
        for n in &asked {
            let row_of = self.ask_runbook(book, *n, row, value, batch).await;
            told.push(row_of);
        }
        if asked.len() < listening {
            let left = listening - asked.len();
            let detail =
                format!("{} {left} other runbooks: an equality in their `where` does not hold", book.code().id());
            told.push(self.disposition(row, LEFT_OUT, "where", None, detail));
        }
    }

    async fn ask_runbook(
        &mut self,
        book: &Book,
        n: usize,
        row: &EventRow,
        value: &Value,
        batch: &mut Batch,
    ) -> DispositionRow {
        let name = book.index.name(n).to_owned();
        let Some(runbook) = book.runbook(n) else {
            return self.disposition(row, &name, "error", None, "the runbook is not loaded".to_owned());
        };
        let mut heard = Heard::default();
        let event = self.windows.waiting(row, value);
        for at in of_event(book, n, &row.source) {
            let Some(trigger) = runbook.triggers.get(at.trigger) else { continue };
            match &trigger.kind {
                TriggerKind::Event { instance, condition, with, .. } if heard.matched.is_none() => {
                    match judge::one(&book.loaded, runbook, instance.as_deref(), condition, *with, value, row) {
                        Ok(params) => {
                            heard.matched = Some(Match { at, params, events: vec![event.clone()], alone: true })
                        }
                        Err(no) => heard.reasons.push(no),
                    }
                }
                TriggerKind::Several(several) => {
                    let used = heard.matched.is_some();
                    let asked = Asked { book, at, trigger: several, event: &event, used };
                    for said in self.ask_several(&asked, batch) {
                        self.hear_out(book, at, said, &event, &mut heard, batch);
                    }
                }
                _ => {}
            }
        }
        self.answer(book, n, row, &event, heard, batch).await
    }

    /// Takes in what one trigger said.
    fn hear_out(
        &mut self,
        book: &Book,
        at: TriggerRef,
        said: Said,
        event: &Arc<Waiting>,
        heard: &mut Heard,
        batch: &mut Batch,
    ) {
        match said {
            Said::No(no) => heard.reasons.push(no),
            Said::Waits(detail) => heard.waits.push(detail),
            Said::Answered(detail) => heard.answered.push(detail),
            Said::Complete { events, params: Ok(params) } => {
                heard.matched = Some(Match { at, params, events, alone: false });
            }
            Said::Complete { events, params: Err(no) } => {
                self.joined(book, at, &events, event, &Err(no.clone()), batch);
                heard.reasons.push(no);
            }
        }
    }

    /// What a runbook made of an event, once all its triggers have spoken.
    async fn answer(
        &mut self,
        book: &Book,
        n: usize,
        row: &EventRow,
        event: &Arc<Waiting>,
        heard: Heard,
        batch: &mut Batch,
    ) -> DispositionRow {
        let name = book.index.name(n).to_owned();
        let Heard { matched, waits, answered, reasons } = heard;
        let Some(matched) = matched else {
            if !waits.is_empty() {
                return self.disposition(row, &name, "waiting", None, waits.join("; "));
            }
            if !answered.is_empty() {
                return self.disposition(row, &name, "answered", None, answered.join("; "));
            }
            let no = judge::furthest(reasons);
            return self.disposition(row, &name, no.verdict, None, no.why);
        };
        let actor = format!("trigger:{}", row.source);
        let origin = Origin {
            at: row.received,
            event: Some(row.id.clone()),
            requester: format!("event:{}", row.id),
            actor: &actor,
            counted: true,
            id: None,
            parent: None,
        };
        let admitted = self.admit(book, n, matched.params, origin, batch).await;
        if !matched.alone {
            self.joined(book, matched.at, &matched.events, event, &admitted, batch);
        }
        match admitted {
            Ok(run) => {
                self.spent(n, &matched.events, batch);
                let (verdict, mut detail) = run.told();
                if detail.is_empty() {
                    detail = match matched.events.len() {
                        0 | 1 => String::new(),
                        2 => "with 1 other event".to_owned(),
                        more => format!("with {} other events", more - 1),
                    };
                }
                self.disposition(row, &name, verdict, Some(run.run), detail)
            }
            Err(no) => self.disposition(row, &name, no.verdict, None, no.why),
        }
    }
}

/// What the triggers of one runbook said of an event.
#[derive(Default)]
struct Heard {
    matched: Option<Match>,
    waits: Vec<String>,
    answered: Vec<String>,
    reasons: Vec<No>,
}

/// The trigger that said yes.
struct Match {
    at: TriggerRef,
    params: Vec<Value>,
    events: Vec<Arc<Waiting>>,
    /// Whether it looks at one event.
    alone: bool,
}

/// The triggers of a runbook on this event.
pub fn of_event(book: &Book, n: usize, source: &str) -> Vec<TriggerRef> {
    let Some(runbook) = book.runbook(n) else { return Vec::new() };
    let code = book.code();
    let named = |id: EventId| code.events().get(id.index()).is_some_and(|e| event_name(code, e) == source);
    let on = |t: &Trigger| t.kind.events().iter().any(|(event, _)| named(*event));
    let places = runbook.triggers.iter().enumerate().filter(|(_, t)| on(t));
    places.map(|(trigger, _)| TriggerRef { runbook: n, trigger }).collect()
}

/// Why the runbooks that the index left out said no: asked again of the program that judged the event.
pub fn left_out(book: &Book, row: &EventRow, known: &[DispositionRow], at: i64) -> Vec<DispositionRow> {
    let Ok(value) = value_of(book.code(), row) else { return Vec::new() };
    let listening = book.index.listening(&row.source);
    let unknown = listening.filter(|n| {
        !known.iter().any(|d| d.runbook == book.index.name(*n) && !matches!(d.verdict.as_str(), "cancelled" | "taken"))
    });
    unknown
        .filter_map(|n| {
            let runbook = book.runbook(n)?;
            let no = judge::triggers(&book.loaded, runbook, &of_event(book, n, &row.source), &value, row).err()?;
            let (event, name) = (row.id.clone(), book.index.name(n).to_owned());
            Some(DispositionRow { event, runbook: name, verdict: no.verdict.to_owned(), run: None, detail: no.why, at })
        })
        .collect()
}
