//! Plays recorded events to an engine in shadow: time passes from one event to the next, and what waits for it happens on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::matcher::LEFT_OUT;
use rrb_engine::programs::Loaded;
use rrb_engine::store::EventRow;
use rrb_lang::program::Program;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{Millis, PolicyAnswer};

use super::compare::Kind;
use super::ledger::{Decided, Ledger};
use super::reads::{Reads, Recorded};
use super::record::{Did, Then, name_of};
use crate::exit::CliError;
use crate::project::Sound;

/// What is asked of a backtest.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Events before this warm the engine up: they fill its windows and counters, and are not judged.
    pub since: Millis,
    /// The clock begins here.
    pub from: Millis,
    pub until: Millis,
}

/// What would have become of the events.
#[derive(Default)]
pub struct Played {
    /// As [`super::Past::became`].
    pub became: BTreeMap<(String, String), Then>,
    /// Firings of schedules, by name.
    pub fired: BTreeMap<String, EventRow>,
    /// Runs whose plan is not complete.
    pub incomplete: u64,
}

/// Plays `events` (oldest first) to the sources of `sound`.
///
/// # Errors
/// When the program cannot be loaded.
pub async fn play(sound: &Sound, events: &[EventRow], reads: Reads, asked: Asked) -> Result<Played, CliError> {
    let clock = Arc::new(ManualClock::at(asked.from));
    let ledger = Arc::new(Ledger::default());
    let world = Arc::new(Recorded { reads, clock: Arc::clone(&clock) });
    let config = EngineConfig { shadow: true, ..EngineConfig::new(Arc::new(CompiledLoader)) };
    let engine = Engine::open(Arc::clone(&ledger) as _, world, Arc::clone(&clock) as Arc<dyn Clock>, config).await?;
    let program = Arc::new(sound.program.in_shadow());
    engine.load(Loaded::new(Arc::clone(&program), sound.settings.clone(), Arc::clone(&sound.project))).await?;
    engine.settled().await;
    let mut player = Player { engine, clock, ledger, program, since: asked.since, played: Played::default() };
    for event in events {
        player.pass(event.received).await?;
        player.engine.retake(event.clone()).await?;
        player.engine.settled().await;
        player.note(Some(event)).await?;
    }
    player.pass(asked.until).await?;
    Ok(player.played)
}

struct Player {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    program: Arc<Program>,
    since: Millis,
    played: Played,
}

impl Player {
    /// Time passes up to `to`; schedules and windows that are due on the way have their turn.
    async fn pass(&mut self, to: Millis) -> Result<(), CliError> {
        while let Some(next) = self.engine.next_time().filter(|next| *next <= to) {
            // Something that is due now and does not move on would hold time for ever.
            let stuck = next <= self.clock.now();
            self.clock.set(next);
            self.engine.settled().await;
            self.note(None).await?;
            if stuck && self.engine.next_time() == Some(next) {
                break;
            }
        }
        self.clock.set(to);
        self.engine.settled().await;
        self.note(None).await
    }

    /// Takes note of what was decided.
    async fn note(&mut self, event: Option<&EventRow>) -> Result<(), CliError> {
        let Decided { dispositions, runs, fired } = self.ledger.take();
        let names: BTreeMap<String, String> =
            event.into_iter().chain(&fired).map(|e| (e.id.clone(), name_of(e))).collect();
        let counts = self.clock.now() >= self.since;
        for row in fired.into_iter().filter(|_| counts) {
            self.played.fired.insert(name_of(&row), row);
        }
        for row in dispositions {
            let skip = matches!(row.verdict.as_str(), "cancelled" | "taken" | "no_trigger") || row.runbook == LEFT_OUT;
            if skip || !counts {
                continue;
            }
            let of = runs.iter().find(|r| Some(&r.id) == row.run.as_ref());
            let mut did = match of {
                Some(run) => Some(self.would_do(run).await?),
                None => None,
            };
            if row.verdict == "policy" {
                did.get_or_insert_default().denied += 1;
            }
            // An event that waited in a window is decided later, under its own id.
            let name = names.get(&row.event).cloned().unwrap_or(row.event);
            // In shadow alone because nothing is done here.
            let (verdict, detail) = match row.verdict.as_str() {
                "shadow" => ("started".to_owned(), String::new()),
                _ => (row.verdict, row.detail),
            };
            let then = Then { verdict, detail, did };
            let at = self.played.became.entry((name, row.runbook)).or_default();
            if !Kind::fires(&at.verdict) {
                *at = then;
            }
        }
        Ok(())
    }

    async fn would_do(&mut self, run: &rrb_engine::store::RunRow) -> Result<Did, CliError> {
        let part = self.engine.foresee_run(&self.program, run).await?;
        let mut did = Did { run: run.id.clone(), ..Did::default() };
        for entry in part.calls() {
            match entry.effect {
                EffectClass::Destroys => did.destroys += 1,
                _ => did.changes += 1,
            }
        }
        let said = |answer| part.plan.verdicts.iter().filter(|v| v.answer == answer).count() as u64;
        did.asked = part.told.questions.len() as u64 + said(PolicyAnswer::Ask);
        did.denied = said(PolicyAnswer::Deny);
        self.played.incomplete += u64::from(part.incomplete().is_some());
        Ok(did)
    }
}
