//! What a project's state remembers of a span of time: what became of events, what runs did and read.

use std::collections::{BTreeMap, HashMap};

use rrb_engine::matcher::{LEFT_OUT, SCHEDULE};
use rrb_engine::run::journal::{self, Act};
use rrb_engine::store::{DispositionRow, EventRow, JournalRow, Store, StoreError};
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{Effect, EffectId, NativeCall, Note};

use super::pages::{Pages, Span};
use super::reads::Reads;

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Did {
    pub changes: u32,
    pub destroys: u32,
    pub asked: u32,
    /// Calls and starts that a policy denied.
    pub denied: u32,
}

/// What became of an event at a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Then {
    pub verdict: String,
    pub detail: String,
    pub run: Option<String>,
    pub did: Option<Did>,
}

/// The runs that the events of a span began.
#[derive(Default)]
pub struct Past {
    pub reads: Reads,
    did: HashMap<String, Did>,
}

impl Past {
    /// Reads their journals, one after the other.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn read(store: &dyn Store, span: Span, reads: bool) -> Result<Self, StoreError> {
        let mut past = Self::default();
        let mut pages = Pages::new(store, span);
        while let Some(page) = pages.next().await? {
            for run in page.iter().flat_map(|(_, rows)| rows).filter(|r| judged(r)).filter_map(|r| r.run.as_ref()) {
                if past.did.contains_key(run) {
                    continue;
                }
                let journal = store.journal(run, 0).await?;
                if !journal.is_empty() {
                    let did = did(journal, reads.then_some(&mut past.reads));
                    past.did.insert(run.clone(), did);
                }
            }
        }
        Ok(past)
    }

    /// How many there are.
    pub fn runs(&self) -> usize {
        self.did.len()
    }

    /// What became of an event, by runbook.
    pub fn became(&self, rows: Vec<DispositionRow>) -> BTreeMap<String, Then> {
        let then = |row: DispositionRow| {
            let did = row.run.as_ref().and_then(|run| self.did.get(run).copied());
            (row.runbook, Then { verdict: row.verdict, detail: row.detail, run: row.run, did })
        };
        rows.into_iter().filter(judged).map(then).collect()
    }
}

/// Whether it says something of a trigger: not what befell runs under way, and not that the index left an event out.
pub fn judged(row: &DispositionRow) -> bool {
    !matches!(row.verdict.as_str(), "cancelled" | "taken" | "no_trigger") && row.runbook != LEFT_OUT
}

/// By what an event is known in both worlds: of a schedule's firing its name, for its id is another each time.
pub fn name_of(event: &EventRow) -> String {
    match (&event.sender_id, event.source == SCHEDULE) {
        (Some(firing), true) => firing.clone(),
        _ => event.id.clone(),
    }
}

fn did(journal: Vec<JournalRow>, mut reads: Option<&mut Reads>) -> Did {
    let mut did = Did::default();
    let mut open: BTreeMap<EffectId, NativeCall> = BTreeMap::new();
    for row in journal {
        // What another version wrote says nothing here.
        let Ok(entry) = journal::read(&row) else { continue };
        for note in &entry.notes {
            count(note.parts().1, &mut did);
        }
        match entry.act {
            Act::Intent { id, effect: Some(Effect::Call(call)), .. } if reads.is_some() => {
                open.insert(id, call);
            }
            Act::Intent { effect_kind, .. } if effect_kind == "approval" => did.asked += 1,
            Act::Outcome { id, outcome } => {
                if let (Some(call), Some(reads)) = (open.remove(&id), reads.as_mut()) {
                    reads.add(&call, row.at, outcome);
                }
            }
            _ => {}
        }
    }
    did
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
