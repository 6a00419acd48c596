//! From parameters to a run, or to the gate that says no: dedupe, give up, limit, policy, concurrency, pause. Counters and places
//! move only when all of them say yes.

use rrb_lang::hir::{Concurrency, Outcome};
use rrb_lang::syntax::ast::ConcurrencyMode;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Millis, ParentRun, RunEnd, RunInput};
use serde::Deserialize;

use super::book::Book;
use super::cancels::Cancels;
use super::counters::{DEDUPE, LIMIT};
use super::create::{self, NewRun};
use super::judge::{self, No};
use super::places::Decision;
use super::{After, Batch, Matcher};
use crate::api::What;
use crate::policy::{Facts, StartJudged};
use crate::run::records;
use crate::runs::shown_params;
use crate::store::{MarkRow, Op, RunRow, RunStatus, SHADOW};

/// The places of a run whose clause is no longer known.
pub const ONE: Concurrency = Concurrency { count: 1, key: None, mode: ConcurrencyMode::Queue };

/// Where a run comes from.
pub struct Origin<'a> {
    /// The time that counters see: when the event was received.
    pub at: Millis,
    pub event: Option<String>,
    pub requester: String,
    pub actor: &'a str,
    /// Whether `dedupe`, `give up` and `limit` apply; they do not for a person.
    pub counted: bool,
    pub id: Option<String>,
    pub parent: Option<ParentRun>,
}

/// A run that was let in.
pub struct Admitted {
    pub run: String,
    pub queued: bool,
    /// It only says what it would do.
    pub shadow: bool,
}

impl Admitted {
    /// The verdict and its detail.
    pub fn told(&self) -> (&'static str, String) {
        match (self.queued, self.shadow) {
            (true, _) => ("queued", "its places are taken".to_owned()),
            (false, true) => ("shadow", "it only says what it would do".to_owned()),
            (false, false) => ("started", String::new()),
        }
    }
}

impl Matcher {
    /// Lets a run in.
    ///
    /// # Errors
    /// The gate that said no; nothing has moved then.
    pub(super) async fn admit(
        &mut self,
        book: &Book,
        n: usize,
        params: Vec<Value>,
        origin: Origin<'_>,
        batch: &mut Batch,
    ) -> Result<Admitted, No> {
        let Some(runbook) = book.runbook(n) else {
            return Err(No { verdict: "error", why: "the runbook is not loaded".to_owned() });
        };
        let name = book.index.name(n);
        let (code, settings) = (book.code(), &book.loaded.settings);
        let no = |verdict: &'static str, why: String| Err(No { verdict, why });
        let marks = match origin.counted {
            true => self.count(book, n, &params, origin.at)?,
            false => Vec::new(),
        };
        let shown = shown_params(code, runbook, &params);
        let asked_at = self.core.now();
        let facts = Facts {
            run: origin.id.as_deref().unwrap_or_default(),
            requester: &origin.requester,
            started: asked_at,
            event: origin.event.as_deref(),
            params: &shown,
            runbook,
            approvals: &[],
        };
        let said = self.core.policies().start(&facts, code.changes(runbook), asked_at);
        if let StartJudged::Denied(why) = said {
            return no("policy", why);
        }
        let key = runbook.concurrency.as_ref().map(|c| judge::key(code, settings, c.key, "concurrency", &params));
        let key = key.transpose()?;
        let decision = match (&runbook.concurrency, &key) {
            (Some(clause), Some(key)) => self.places.decide(clause, name, key),
            _ => Decision::Start,
        };
        if let Decision::No(why) = &decision {
            return no("concurrency", why.clone());
        }
        if self.core.is_paused(name) {
            let all = self.core.paused().iter().any(|p| p == "*");
            let (what, end) = match all {
                true => ("every runbook is paused".to_owned(), "rrb unpause".to_owned()),
                false => (format!("`{name}` is paused"), format!("rrb unpause {name}")),
            };
            return no("paused", format!("{what}: nothing starts until `{end}`"));
        }
        let at = self.core.now();
        let queued = matches!(decision, Decision::Queue { .. });
        let new = NewRun {
            id: origin.id.unwrap_or_else(|| self.core.fresh_id(if self.core.shadow { SHADOW } else { "run" })),
            runbook: n,
            params,
            requester: origin.requester,
            event: origin.event,
            concurrency_key: key.clone(),
            queued,
            actor: origin.actor,
            parent: origin.parent,
            skipped: if origin.counted { &[] } else { &["dedupe", "give up", "limit"] },
        };
        let (row, ops) = create::run(book, new, at).map_err(|e| No { verdict: "error", why: e.to_string() })?;
        let bytes = row.input.to_string().len();
        if bytes > self.bounds.input {
            return no(
                "error",
                format!("its parameters and settings take {bytes} bytes, more than {}", self.bounds.input),
            );
        }
        if batch.inputs.saturating_add(bytes) > self.bounds.inputs {
            return no("error", format!("all runs of this event start with more than {} bytes", self.bounds.inputs));
        }
        batch.inputs += bytes;
        batch.ops.extend(ops);
        for mark in marks {
            let mark = MarkRow { run: row.id.clone(), ..mark };
            self.counters.add(&mark);
            batch.ops.push(Op::PutMark(mark));
        }
        if let (Some(clause), Some(key)) = (&runbook.concurrency, &key) {
            if let Decision::Queue { cancel, drop } = decision {
                self.make_room(cancel, drop, &row.id, batch).await;
            }
            self.places.enter(clause, name, key, &row.id, queued);
        }
        self.list(book, &row);
        match queued {
            true => {
                let what = What::RunStatus { status: RunStatus::Queued, why: "its places are taken".to_owned() };
                self.tell(&row, at, what, batch);
            }
            false => {
                self.tell(&row, at, create::started(&row), batch);
                batch.after.push(After::Wake(row.id.clone()));
            }
        }
        self.core.open_runs.more();
        let run = row.id.clone();
        self.fresh.insert(run.clone(), row);
        Ok(Admitted { run, queued, shadow: runbook.shadow })
    }

    /// The gates that count: the marks to keep when all others say yes.
    fn count(&self, book: &Book, n: usize, params: &[Value], at: Millis) -> Result<Vec<MarkRow>, No> {
        let Some(runbook) = book.runbook(n) else { return Ok(Vec::new()) };
        let (code, settings, name) = (book.code(), &book.loaded.settings, book.index.name(n));
        let mark = |kind: &str, key: String| MarkRow {
            kind: kind.to_owned(),
            runbook: name.to_owned(),
            key,
            at,
            run: String::new(),
        };
        let mut marks = Vec::new();
        if let Some(clause) = &runbook.dedupe {
            let key = judge::key(code, settings, clause.key, "dedupe", params)?;
            if let Some(why) = self.counters.dedupe(clause, name, &key, at) {
                return Err(No { verdict: "dedupe", why });
            }
            marks.push(mark(DEDUPE, key));
        }
        if let Some(clause) = &runbook.give_up {
            let key = judge::key(code, settings, clause.key, "give up", params)?;
            if let Some(why) = self.counters.give_up(clause, name, &key, at) {
                return Err(No { verdict: "give_up", why });
            }
        }
        let key = judge::key(code, settings, runbook.limit.key, "limit", params)?;
        if let Some(why) = self.counters.limit(&runbook.limit, name, &key, at) {
            return Err(No { verdict: "limit", why });
        }
        marks.push(mark(LIMIT, key));
        Ok(marks)
    }

    /// `replace`: the running one is cancelled, the waiting ones end before they began.
    async fn make_room(&mut self, cancel: Vec<String>, drop: Vec<String>, newer: &str, batch: &mut Batch) {
        let why = format!("replaced by the run `{newer}`");
        for run in cancel {
            self.places.asked_to_leave(&run);
            if let Some(row) = self.row(&run).await {
                batch.cancel(&row, &why, "engine", self.core.now());
            }
        }
        for run in drop {
            if let Some(row) = self.row(&run).await {
                self.end_unbegun(&row, &why, "engine", batch);
            }
        }
    }

    /// Ends a run that waited in line.
    pub(super) fn end_unbegun(&mut self, row: &RunRow, why: &str, by: &str, batch: &mut Batch) {
        let end = RunEnd {
            outcome: Outcome::Cancelled,
            why: why.to_owned(),
            failure: None,
            ineffective: false,
            remains: Vec::new(),
        };
        let at = self.core.now();
        let Ok(ops) = create::end_unbegun(row, &end, by, at) else { return };
        batch.ops.extend(ops);
        self.core.open_runs.less();
        // It had no place, so nobody's turn comes.
        self.places.leave(&row.id);
        self.cancels.remove(&row.id);
        if let Some(parent) = crate::run::children::parent_of(row).filter(|p| p.awaited) {
            batch.after.push(After::Wake(parent.run.to_string()));
        }
        self.tell(row, at, records::ended(&end), batch);
    }

    fn list(&mut self, book: &Book, row: &RunRow) {
        if let Ok(input) = RunInput::deserialize(&row.input)
            && Cancels::concerns(book.code(), &input)
        {
            self.cancels.add(&book.loaded.code, input);
        }
    }
}
