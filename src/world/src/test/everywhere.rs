//! A crash at every commit: what the world remembers across it, and what a truthful person says of calls that were cut off.

use std::sync::Arc;

use rrb_engine::api::{Actor, ControlPlane};
use rrb_engine::run::journal::{self, Act};
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{RunFilter, RunStatus, Store};
use rrb_lang::vm;
use rrb_lang::vm::protocol::{Effect, EffectOutcome, NativeCall, Repeat, Resolution};

use super::calls::Call;
use super::stage::{Broken, CrashAt, Stage};
use super::world::TestWorld;

/// Runs that a test may have.
pub const MOST_RUNS: u32 = 10_000;

/// What a crash took away.
#[derive(Debug, Clone, Default)]
pub struct Lost {
    pub at: Option<CrashAt>,
    /// Calls that may not be repeated and whose end nobody wrote down.
    pub(super) cut_off: Vec<Call>,
}

impl Lost {
    /// What is lost when only this is durable. Calls whose intent is durable have been sent: the crash came after that.
    pub async fn after(store: &Arc<MemoryStore>, world: &Arc<TestWorld>, at: Option<CrashAt>) -> Result<Self, Broken> {
        let (mut ended, mut open) = (Vec::new(), Vec::new());
        let rows = store.runs(RunFilter { limit: MOST_RUNS, ..RunFilter::default() }).await;
        for row in rows.map_err(|e| Broken::Engine(e.to_string()))? {
            let rows = store.journal(&row.id, 0).await.map_err(|e| Broken::Engine(e.to_string()))?;
            let entries: Result<Vec<_>, _> = rows.iter().map(journal::read).collect();
            let entries = entries.map_err(Broken::Engine)?;
            let still = journal::open_effects(&entries);
            for entry in &entries {
                let Act::Intent { id, effect: Some(Effect::Call(call)), .. } = &entry.act else { continue };
                match still.iter().any(|(open, _, _)| *open == id) {
                    true => open.push(call.clone()),
                    false => ended.push(call.clone()),
                }
            }
        }
        let mut unheard = unheard(world.calls(), ended);
        let mut cut_off = Vec::new();
        for call in open.iter().filter(|c| c.repeat == Repeat::Never) {
            match unheard.iter().position(|u| u.repeats(call)) {
                Some(n) => cut_off.push(unheard.remove(n)),
                None => cut_off.push(world.arrive(call)),
            }
        }
        world.forget(unheard);
        Ok(Self { at, cut_off })
    }

    /// Says of a parked run what became of its call, when the crash cut it off. True when something was said.
    pub async fn resolve(&self, stage: &Stage) -> Result<bool, Broken> {
        if self.cut_off.is_empty() {
            return Ok(false);
        }
        let engine = stage.engine()?;
        for run in
            engine.runs(RunFilter { status: Some(RunStatus::Parked), limit: MOST_RUNS, ..RunFilter::default() }).await?
        {
            let view = engine.run(&run.id).await?;
            let entries: Vec<_> = view.journal.iter().filter_map(|row| journal::read(row).ok()).collect();
            for (_, effect, _) in journal::open_effects(&entries) {
                let Some(Effect::Resolve(unknown)) = effect else { continue };
                let of = entries.iter().find_map(|e| match &e.act {
                    Act::Intent { id, effect: Some(Effect::Call(call)), .. } if *id == unknown.call => Some(call),
                    _ => None,
                });
                let Some(known) = of.and_then(|call| self.cut_off.iter().find(|c| c.repeats(call))) else { continue };
                let person = Actor { person: None, method: "test".to_owned() };
                let resolution = truth(known);
                engine.resolve(&run.id, resolution, "the test's world knows", &person).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what was cut off had failed: a person cannot say so, only that it did not happen.
    pub fn cannot_be_told(&self) -> Option<String> {
        let failed = self.cut_off.iter().find(|c| c.failed())?;
        Some(format!(
            "`{}` had failed, and of a call that was cut off a person can only say whether it happened",
            failed.shown()
        ))
    }
}

/// The answered calls whose end is not in the journals: of several equal ones the last.
fn unheard(calls: Vec<Call>, mut ended: Vec<NativeCall>) -> Vec<Call> {
    calls
        .into_iter()
        .filter(|call| match ended.iter().position(|e| call.repeats(e)) {
            Some(n) => {
                ended.swap_remove(n);
                false
            }
            None => true,
        })
        .collect()
}

fn truth(call: &Call) -> Resolution {
    match &call.outcome {
        EffectOutcome::Done(value) => Resolution::Happened { result: vm::to_json(value).ok() },
        EffectOutcome::Lost { .. } => Resolution::Unknown,
        _ => Resolution::DidNotHappen,
    }
}
