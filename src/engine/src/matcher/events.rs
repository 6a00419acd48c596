//! What becomes of an event: the runs it stops, the runs it starts, and for every runbook that listens why not.

use rrb_lang::value::Value;
use serde_json::json;

use super::admit::Origin;
use super::book::{self, Book};
use super::cancels::Stops;
use super::index::TriggerRef;
use super::judge;
use super::{After, Batch, Matcher};
use crate::api::{TimelineItem, What};
use crate::store::{DispositionRow, EventRow, Op, RunStatus};

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
        self.stop_runs(row, &mut told, batch).await;
        if book.index.listeners(&row.source) == 0 {
            if told.is_empty() {
                told.push(self.disposition(row, "", "no_trigger", None, "no runbook listens to it".to_owned()));
            }
        } else {
            let value = match value.filter(|(program, _)| program == book.code().id()) {
                Some((_, value)) => Ok(value),
                None => book::value_of(book.code(), row),
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
        for disposition in told {
            let item = TimelineItem {
                at: disposition.at,
                run: disposition.run.clone(),
                runbook: Some(disposition.runbook.clone()).filter(|r| !r.is_empty()),
                event: Some(row.id.clone()),
                what: What::Disposition { verdict: disposition.verdict.clone(), detail: disposition.detail.clone() },
            };
            batch.after.push(After::Tell(Box::new(item)));
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
        let params = match book.runbook(n) {
            Some(runbook) => judge::triggers(&book.loaded, runbook, &of_event(book, n, &row.source), value, row),
            None => return self.disposition(row, &name, "error", None, "the runbook is not loaded".to_owned()),
        };
        let actor = format!("trigger:{}", row.source);
        let origin = Origin {
            at: row.received,
            event: Some(row.id.clone()),
            requester: format!("event:{}", row.id),
            actor: &actor,
            counted: true,
            id: None,
        };
        let admitted = match params {
            Ok(params) => self.admit(book, n, params, origin, batch).await,
            Err(no) => Err(no),
        };
        match admitted {
            Ok(run) => {
                let (verdict, detail) = run.told();
                self.disposition(row, &name, verdict, Some(run.run), detail)
            }
            Err(no) => self.disposition(row, &name, no.verdict, None, no.why),
        }
    }
}

/// The triggers of a runbook on this event.
pub fn of_event(book: &Book, n: usize, source: &str) -> Vec<TriggerRef> {
    let Some(runbook) = book.runbook(n) else { return Vec::new() };
    let on = |t: &rrb_lang::hir::Trigger| match &t.kind {
        rrb_lang::hir::TriggerKind::Event { event, .. } => {
            book.code().events().get(event.index()).is_some_and(|e| crate::code::event_name(book.code(), e) == source)
        }
        _ => false,
    };
    let places = runbook.triggers.iter().enumerate().filter(|(_, t)| on(t));
    places.map(|(trigger, _)| TriggerRef { runbook: n, trigger }).collect()
}

/// Why the runbooks that the index left out said no: asked again of the program that judged the event.
pub fn left_out(book: &Book, row: &EventRow, known: &[DispositionRow], at: i64) -> Vec<DispositionRow> {
    let Ok(value) = book::value_of(book.code(), row) else { return Vec::new() };
    let listening = book.index.listening(&row.source);
    let unknown =
        listening.filter(|n| !known.iter().any(|d| d.runbook == book.index.name(*n) && d.verdict != "cancelled"));
    unknown
        .filter_map(|n| {
            let runbook = book.runbook(n)?;
            let no = judge::triggers(&book.loaded, runbook, &of_event(book, n, &row.source), &value, row).err()?;
            let (event, name) = (row.id.clone(), book.index.name(n).to_owned());
            Some(DispositionRow { event, runbook: name, verdict: no.verdict.to_owned(), run: None, detail: no.why, at })
        })
        .collect()
}
