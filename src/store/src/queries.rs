//! The questions of the engine as SQL.

use std::collections::HashMap;

use rrb_engine::store::{
    ApprovalRow, DeliveryRow, DispositionRow, EventFilter, EventRow, Recovered, Remembered, RunFilter, RunRow,
};
use rrb_lang::vm::protocol::Millis;
use rusqlite::{Connection, params, params_from_iter, types::Value};

use crate::codec::spell;
use crate::fault::Fault;
use crate::rows::{self, APPROVAL, DELIVERY, EVENT, RUN, all};

/// What a filter's limit 0 means.
const DEFAULT_LIMIT: u32 = 100;

/// The most rows of one answer.
const MAX_LIMIT: u32 = 10_000;

pub(crate) fn limit(asked: u32) -> u32 {
    if asked == 0 { DEFAULT_LIMIT } else { asked.min(MAX_LIMIT) }
}

/// `WHERE` from the clauses that were asked for.
#[derive(Default)]
struct Where {
    clauses: Vec<String>,
    params: Vec<Value>,
}

impl Where {
    /// Adds `clause`, whose `?` is this parameter, when there is one.
    fn and(mut self, clause: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.clauses.push(clause.to_owned());
            self.params.push(value.into());
        }
        self
    }

    fn plain(mut self, clause: &str, wanted: bool) -> Self {
        if wanted {
            self.clauses.push(clause.to_owned());
        }
        self
    }

    fn sql(&self) -> String {
        if self.clauses.is_empty() { String::new() } else { format!(" WHERE {}", self.clauses.join(" AND ")) }
    }
}

pub(crate) fn history(db: &Connection, since: Millis, skip: u32, limit: u32) -> Result<Vec<Remembered>, Fault> {
    let page = "received >= ?1 ORDER BY received, n LIMIT ?2 OFFSET ?3";
    let asked = params![since, limit.min(MAX_LIMIT), skip];
    let events = all(db, &format!("SELECT {EVENT} FROM events WHERE {page}"), asked, rows::event)?;
    let sql = format!(
        "SELECT event, runbook, verdict, run, detail, at FROM dispositions
         WHERE event IN (SELECT id FROM events WHERE {page}) ORDER BY n"
    );
    let mut became: HashMap<String, Vec<DispositionRow>> = HashMap::new();
    for row in all(db, &sql, asked, rows::disposition)? {
        became.entry(row.event.clone()).or_default().push(row);
    }
    Ok(events.into_iter().map(|e| (became.remove(&e.id).unwrap_or_default(), e)).map(|(b, e)| (e, b)).collect())
}

pub(crate) fn runs(db: &Connection, filter: RunFilter) -> Result<Vec<RunRow>, Fault> {
    let status = filter.status.as_ref().map(spell).transpose()?;
    let wanted = Where::default()
        .and("runbook = ?", filter.runbook)
        .and("status = ?", status)
        .and("event = ?", filter.event)
        .plain("status <> 'done'", filter.open_only);
    let sql =
        format!("SELECT {RUN} FROM runs{} ORDER BY created DESC, n DESC LIMIT {}", wanted.sql(), limit(filter.limit));
    all(db, &sql, params_from_iter(wanted.params), rows::run)
}

pub(crate) fn events(db: &Connection, filter: EventFilter) -> Result<Vec<EventRow>, Fault> {
    let wanted = Where::default().and("source = ?", filter.source).and("received >= ?", filter.since);
    let sql = format!(
        "SELECT {EVENT} FROM events{} ORDER BY received DESC, n DESC LIMIT {}",
        wanted.sql(),
        limit(filter.limit)
    );
    all(db, &sql, params_from_iter(wanted.params), rows::event)
}

pub(crate) fn dead_letters(db: &Connection, asked: u32) -> Result<Vec<DeliveryRow>, Fault> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE dead IS NOT NULL ORDER BY n DESC LIMIT ?1");
    all(db, &sql, params![limit(asked)], rows::delivery)
}

pub(crate) fn approvals(db: &Connection, open_only: bool, asked: u32) -> Result<Vec<ApprovalRow>, Fault> {
    let open = if open_only { "WHERE state = 'open'" } else { "" };
    let sql = format!("SELECT {APPROVAL} FROM approvals {open} ORDER BY asked, n LIMIT ?1");
    rows::approvals(db, &sql, params![limit(asked)])
}

/// Everything that is not over, in one view of the database.
pub(crate) fn recover(db: &mut Connection) -> Result<Recovered, Fault> {
    let tx = db.transaction()?;
    let runs = all(&tx, &format!("SELECT {RUN} FROM runs WHERE status <> 'done' ORDER BY created, n"), [], rows::run)?;
    let unmatched = all(&tx, &format!("SELECT {EVENT} FROM events WHERE matched = 0 ORDER BY n"), [], rows::event)?;
    let open = format!("SELECT {APPROVAL} FROM approvals WHERE state = 'open' ORDER BY asked, n");
    let approvals = rows::approvals(&tx, &open, [])?;
    let marks = all(&tx, "SELECT kind, runbook, key, at, run FROM marks ORDER BY n", [], rows::mark)?;
    let waits = all(&tx, rows::WAIT, [], rows::wait)?;
    let targets = all(&tx, "SELECT target, run FROM targets ORDER BY target", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let schedules = all(&tx, "SELECT key, fired FROM schedules ORDER BY key", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let paused = all(&tx, "SELECT runbook FROM paused ORDER BY runbook", [], |r| {
        r.get::<_, String>(0).map(|name| Some(name).filter(|n| !n.is_empty()))
    })?;
    let latest = tx.query_row("SELECT latest FROM head", [], |r| r.get(0))?;
    Ok(Recovered { runs, unmatched, approvals, marks, waits, targets, schedules, paused, latest })
}
