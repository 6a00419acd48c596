//! What happened in a test, as its store tells.

use rrb_engine::clock::Clock;
use rrb_engine::code::runbook_names;
use rrb_engine::run::children::parent_of;
use rrb_engine::run::journal::{self, Act, Entry};
use rrb_engine::store::{DispositionRow, RunFilter, RunRow, RunStatus, Store};
use rrb_engine::timeline;
use rrb_lang::hir::Outcome;
use rrb_lang::ids::{RunbookId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::vm::print;
use rrb_lang::vm::protocol::{Effect, EffectOutcome, Failure, Millis, Note, RunEnd};
use serde::Deserialize;

use super::calls::with_names;
use super::everywhere::MOST_RUNS;
use super::stage::{Broken, Stage};
use super::trouble::Trouble;

/// Lines of dispositions that are shown.
const SHOWN: usize = 8;

/// Every run of a test, oldest first.
#[derive(Debug, Clone)]
pub struct Facts {
    pub runs: Vec<Run>,
}

/// A run with its journal.
#[derive(Debug, Clone)]
pub struct Run {
    pub row: RunRow,
    pub entries: Vec<(Millis, Entry)>,
    /// Another run runs it.
    pub is_child: bool,
    pub end: Option<RunEnd>,
    /// What it waits for, in words.
    pub waits: Vec<String>,
}

impl Facts {
    /// Reads them.
    pub async fn read(stage: &Stage) -> Result<Self, Broken> {
        let store = &stage.store;
        let failed = |e: rrb_engine::store::StoreError| Broken::Engine(e.to_string());
        let mut rows = store.runs(RunFilter { limit: MOST_RUNS, ..RunFilter::default() }).await.map_err(failed)?;
        rows.reverse();
        let mut runs = Vec::with_capacity(rows.len());
        for row in rows {
            let journal = store.journal(&row.id, 0).await.map_err(failed)?;
            let mut waits = Vec::new();
            if row.status != RunStatus::Done {
                let mut approvals = Vec::new();
                for id in timeline::approvals_of(&journal).map_err(Broken::Engine)? {
                    approvals.extend(store.approval(&id).await.map_err(failed)?);
                }
                let told = timeline::waits(&row, &journal, &approvals).map_err(Broken::Engine)?;
                waits = told.iter().map(|w| with_names(&stage.functions.program, w)).collect();
            }
            let entries = journal.iter().map(|r| journal::read(r).map(|e| (r.at, e)));
            let entries = entries.collect::<Result<Vec<_>, _>>().map_err(Broken::Engine)?;
            let end = row.end.as_ref().and_then(|end| RunEnd::deserialize(end).ok());
            runs.push(Run { is_child: parent_of(&row).is_some(), end, waits, entries, row });
        }
        Ok(Self { runs })
    }

    /// The runs of a runbook; of none in particular those that no other run runs.
    pub fn of(&self, stage: &Stage, runbook: Option<RunbookId>) -> Vec<&Run> {
        let name = runbook.and_then(|id| runbook_names(&*stage.code).get(id.index()).cloned());
        let fits = |r: &&Run| match &name {
            Some(name) => r.row.runbook == *name,
            None => !r.is_child,
        };
        self.runs.iter().filter(fits).collect()
    }

    /// Every note of every run, in order, with the branch it comes from left out.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.runs.iter().flat_map(Run::notes)
    }

    /// The last value of an evidence.
    pub fn evidence(&self, name: &str) -> Option<&Json> {
        let found = self.notes().filter_map(|note| match note {
            Note::Evidence { name: n, value, .. } if n == name => Some(value),
            _ => None,
        });
        found.last()
    }

    /// Says how the runs stand, or why there are none.
    pub fn standing(&self, stage: &Stage, of: Option<RunbookId>, mut trouble: Trouble) -> Trouble {
        let runs = self.of(stage, of);
        for run in runs.iter().rev().take(3).rev() {
            trouble = run.standing(stage, trouble);
        }
        if runs.is_empty() {
            trouble = none_began(stage, of, trouble);
        }
        trouble
    }
}

fn none_began(stage: &Stage, of: Option<RunbookId>, mut trouble: Trouble) -> Trouble {
    let name = of.and_then(|id| runbook_names(&*stage.code).get(id.index()).cloned());
    trouble = trouble.note(match &name {
        Some(name) => format!("no run of `{name}` began"),
        None => "no run began".to_owned(),
    });
    let last = &stage.last;
    if let Some(why) = &last.refused {
        return trouble.note(format!("the delivery was refused: {why}")).help("write `signed` behind the delivery");
    }
    if let Some((_, why)) = &last.not_started {
        return trouble.note(why.clone());
    }
    if let Some(why) = &last.dead {
        trouble = trouble.note(format!("the delivery could not be read: {why}"));
    } else if last.duplicates > 0 && last.events.is_empty() {
        trouble = trouble.note("the event was taken for one that came before: it has the same id");
    } else if last.events.is_empty() {
        trouble = trouble.note("nothing came in before this");
    }
    trouble
}

impl Facts {
    /// Why the last event started nothing, trigger by trigger.
    pub async fn dispositions(stage: &Stage, of: Option<RunbookId>) -> Result<Vec<DispositionRow>, Broken> {
        let mut all = Vec::new();
        let engine = stage.engine()?;
        for event in &stage.last.events {
            all.extend(rrb_engine::api::ControlPlane::why(&*engine, event).await?.dispositions);
        }
        if let Some(name) = of.and_then(|id| runbook_names(&*stage.code).get(id.index()).cloned()) {
            all.retain(|d| d.runbook == name);
        }
        Ok(all)
    }

    /// The same as lines.
    pub fn told(dispositions: &[DispositionRow]) -> Vec<String> {
        let line = |d: &DispositionRow| match d.detail.is_empty() {
            true => format!("the event at `{}`: {}", d.runbook, d.verdict),
            false => format!("the event at `{}`: {} ({})", d.runbook, d.verdict, d.detail),
        };
        dispositions.iter().take(SHOWN).map(line).collect()
    }
}

impl Run {
    /// Its notes in order.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.entries.iter().flat_map(|(_, e)| e.notes.iter()).map(|n| n.parts().1)
    }

    /// The failure that ended it, or that it is dealing with.
    pub fn failure(&self) -> Option<&Failure> {
        if let Some(end) = &self.end {
            return end.failure.as_ref();
        }
        let failed = self.notes().filter_map(|n| match n {
            Note::Failed { failure } => Some(failure),
            _ => None,
        });
        failed.last()
    }

    /// How it stands, for people.
    pub fn standing(&self, stage: &Stage, trouble: Trouble) -> Trouble {
        let name = &self.row.runbook;
        if let Some(end) = &self.end {
            let why = if end.why.is_empty() { String::new() } else { format!(": {}", end.why) };
            let mut trouble = trouble.note(format!("the run of `{name}` ended `{}`{why}", outcome_name(end.outcome)));
            for remains in &end.remains {
                trouble = trouble.note(format!("not undone: {remains}"));
            }
            return match &end.failure {
                Some(failure) => trouble.notes(told(stage, failure)),
                None => trouble,
            };
        }
        let waits = match self.waits.is_empty() {
            true => String::new(),
            false => format!(" for {}", self.waits.join("; for ")),
        };
        let mut trouble = trouble.note(format!("the run of `{name}` is {}{waits}", self.row.status));
        if self.row.status == RunStatus::Parked {
            return trouble.help("say what happened first: `resolve happened`, `resolve did_not_happen`");
        }
        let for_people = self.waits.iter().any(|w| w.starts_with("people:"));
        if for_people {
            trouble = trouble.help("let somebody answer first: `approve by \"ana\"`");
        }
        match stage.until_next().filter(|_| matches!(self.row.status, RunStatus::Waiting | RunStatus::Running)) {
            Some(ms) if !for_people => trouble.help(format!("let time pass first: `advance {}`", print::duration(ms))),
            _ => trouble,
        }
    }

    /// The places at which something failed: calls, and what stood around them.
    pub fn failed_sites(&self) -> Vec<SiteId> {
        let mut sites = Vec::new();
        let mut open = Vec::new();
        for (_, entry) in &self.entries {
            for note in entry.notes.iter().map(|n| n.parts().1) {
                match note {
                    Note::ActionEnded { failure: Some(f), .. }
                    | Note::Retrying { failure: f, .. }
                    | Note::Failed { failure: f }
                    | Note::UndoFailed { failure: f, .. }
                    | Note::HandlerFailed { failure: f, .. } => sites.extend(f.trace.iter().copied()),
                    _ => {}
                }
            }
            match &entry.act {
                Act::Intent { id, effect: Some(Effect::Call(_) | Effect::Gate(_) | Effect::Child(_)), .. } => {
                    open.push(id.clone());
                }
                Act::Outcome { id, outcome: EffectOutcome::Failed(f) } if open.contains(id) => {
                    sites.push(id.site);
                    sites.extend(f.trace.iter().copied());
                }
                Act::Outcome { id, outcome: EffectOutcome::Lost { .. } } => sites.push(id.site),
                _ => {}
            }
        }
        sites
    }
}

/// A failure with the places it came through.
pub fn told(stage: &Stage, failure: &Failure) -> Vec<String> {
    let message = with_names(&stage.functions.program, &failure.message);
    let mut lines = vec![format!("the failure is `{}`: {message}", failure.kind.name())];
    for site in &failure.trace {
        if let Some(info) = stage.functions.program.site(*site) {
            lines.push(format!("at {info}: {}", info.text));
        }
    }
    lines
}

/// As the language writes it.
pub fn outcome_name(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The time as people read it.
pub fn shown_now(stage: &Stage) -> String {
    print::time(stage.clock.now())
}
