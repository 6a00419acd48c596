//! What a project's state remembers of a span of time: its events, what became of each, what runs did and read.

use std::collections::{BTreeMap, BTreeSet};

use rrb_engine::matcher::{LEFT_OUT, SCHEDULE};
use rrb_engine::run::journal::{self, Act};
use rrb_engine::store::{EventFilter, EventRow, RunRow, Store, StoreError};
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{Effect, EffectId, Millis, NativeCall, Note};

use super::reads::Reads;

/// Events read from the state at a time.
const PAGE: u32 = 1_000;

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Did {
    pub run: String,
    pub changes: u64,
    pub destroys: u64,
    pub asked: u64,
    /// Calls and starts that a policy denied.
    pub denied: u64,
}

/// What became of an event at a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Then {
    pub verdict: String,
    pub detail: String,
    pub did: Option<Did>,
}

/// A span of time, as the state has it.
#[derive(Default)]
pub struct Past {
    /// Oldest first, firings of schedules not among them.
    pub events: Vec<EventRow>,
    /// By event (of a schedule's firing its name, for its id is another each time) and runbook.
    pub became: BTreeMap<(String, String), Then>,
    pub reads: Reads,
    pub runs: usize,
}

/// Reads the span from `since` up to `until`; `sources` are events that may have come.
///
/// # Errors
/// When the state cannot be read.
pub async fn past(
    store: &dyn Store,
    sources: &[String],
    since: Millis,
    until: Millis,
    reads: bool,
) -> Result<Past, StoreError> {
    let latest = store.events(EventFilter { source: None, since: Some(since), limit: u32::MAX }).await?;
    let mut sources: BTreeSet<String> = sources.iter().cloned().collect();
    sources.extend(latest.into_iter().map(|e| e.source));
    sources.insert(SCHEDULE.to_owned());
    let mut past = Past::default();
    for source in sources {
        for event in of_source(store, &source, since, until).await? {
            remember(store, &event, &mut past, reads).await?;
            if event.source != SCHEDULE {
                past.events.push(event);
            }
        }
    }
    past.events.sort_by(|a, b| (a.received, &a.id).cmp(&(b.received, &b.id)));
    Ok(past)
}

async fn of_source(store: &dyn Store, source: &str, since: Millis, until: Millis) -> Result<Vec<EventRow>, StoreError> {
    let mut all: Vec<EventRow> = Vec::new();
    loop {
        let from = all.last().map_or(since, |e| e.received);
        let skip = all.iter().rev().take_while(|e| e.received == from).count();
        let page = store.events_since(source, from, u32::try_from(skip).unwrap_or(u32::MAX), PAGE).await?;
        let last = page.len() < PAGE as usize || page.last().is_some_and(|e| e.received >= until);
        all.extend(page.into_iter().filter(|e| e.received < until));
        if last {
            return Ok(all);
        }
    }
}

/// By what an event is known in both worlds.
pub fn name_of(event: &EventRow) -> String {
    match (&event.sender_id, event.source == SCHEDULE) {
        (Some(firing), true) => firing.clone(),
        _ => event.id.clone(),
    }
}

async fn remember(store: &dyn Store, event: &EventRow, past: &mut Past, reads: bool) -> Result<(), StoreError> {
    for row in store.dispositions(&event.id).await? {
        // What befell runs under way says nothing of triggers; what the index left out said no.
        if matches!(row.verdict.as_str(), "cancelled" | "taken" | "no_trigger") || row.runbook == LEFT_OUT {
            continue;
        }
        let did = match &row.run {
            Some(run) => match store.run(run).await? {
                Some(run) => Some(did(store, &run, past, reads).await?),
                None => None,
            },
            None => None,
        };
        let then = Then { verdict: row.verdict, detail: row.detail, did };
        past.became.insert((name_of(event), row.runbook), then);
    }
    Ok(())
}

async fn did(store: &dyn Store, run: &RunRow, past: &mut Past, reads: bool) -> Result<Did, StoreError> {
    past.runs += 1;
    let mut did = Did { run: run.id.clone(), ..Did::default() };
    let mut open: BTreeMap<EffectId, NativeCall> = BTreeMap::new();
    for row in store.journal(&run.id, 0).await? {
        // What another version wrote says nothing here.
        let Ok(entry) = journal::read(&row) else { continue };
        for note in &entry.notes {
            count(note.parts().1, &mut did);
        }
        match entry.act {
            Act::Intent { id, effect: Some(Effect::Call(call)), .. } if reads => {
                open.insert(id, call);
            }
            Act::Intent { effect_kind, .. } if effect_kind == "approval" => did.asked += 1,
            Act::Outcome { id, outcome } => {
                if let Some(call) = open.remove(&id) {
                    past.reads.add(&call, row.at, outcome);
                }
            }
            _ => {}
        }
    }
    Ok(did)
}

fn count(note: &Note, did: &mut Did) {
    match note {
        Note::ActionBegan { info } if !info.rollback => match info.effect {
            EffectClass::Changes => did.changes += 1,
            EffectClass::Destroys => did.destroys += 1,
            EffectClass::Pure | EffectClass::Reads => {}
        },
        Note::ActionEnded { failure: Some(f), .. } if f.detail.field("policies") != rrb_lang::json::Json::Null => {
            did.denied += 1;
        }
        Note::Shadowed { plan } => {
            for entry in &plan.entries {
                match entry.effect {
                    EffectClass::Destroys => did.destroys += 1,
                    _ => did.changes += 1,
                }
            }
        }
        _ => {}
    }
}
