//! Plays recorded events to an engine in shadow: time passes from one event to the next, and what waits for it happens on the way. What
//! was is read a page at a time, and what both worlds agree on is counted and forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::matcher::SCHEDULE;
use rrb_engine::programs::Loaded;
use rrb_engine::store::{EventRow, RunRow, Store, StoreError};
use rrb_engine::world::World;
use rrb_lang::program::Program;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{Millis, PolicyAnswer};

use super::compare::{Judge, Place, Report};
use super::ledger::{Decided, Ledger};
use super::pages::{Pages, Span};
use super::reads::Recorded;
use super::record::{Did, Past, Then, judged, name_of};
use crate::exit::CliError;
use crate::project::Sound;

/// What is asked of a backtest.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Events before this warm the engine up: they fill its windows and counters, and are not judged.
    pub since: Millis,
    /// The clock begins here.
    pub from: Millis,
    pub until: Millis,
    /// Reads are answered as they were.
    pub reads: bool,
    /// Only this runbook is told of.
    pub only: Option<String>,
}

/// Plays the events that `store` remembers to the sources of `sound`, and says what comes out otherwise. `under` may put something
/// around the world of recorded reads, which is all that the engine has: the command puts nothing there, and a test what must never
/// be called.
///
/// # Errors
/// When the program cannot be loaded or the store cannot be read.
pub async fn backtest(
    store: &dyn Store,
    sound: &Sound,
    asked: &Asked,
    under: impl FnOnce(Arc<Recorded>) -> Arc<dyn World>,
) -> Result<Report, CliError> {
    let span = Span { from: asked.from, until: asked.until };
    let mut past = Past::read(store, span, asked.reads).await.map_err(unread)?;
    let reads = std::mem::take(&mut past.reads);
    let known = reads.len();
    let clock = Arc::new(ManualClock::at(asked.from));
    let world = under(Arc::new(Recorded { reads, clock: Arc::clone(&clock) }));
    let mut player = Player::open(sound, store, past, clock, world, asked).await?;
    let mut pages = Pages::new(store, span);
    while let Some(page) = pages.next().await.map_err(unread)? {
        for (event, rows) in page {
            player.pass(event.received).await?;
            let then = player.past.became(rows);
            player.judge.then(Place::of(&event), then);
            if event.source != SCHEDULE {
                player.take(&event).await?;
            }
        }
    }
    player.pass(asked.until).await?;
    let mut report = player.judge.report(asked.until, &sound.program.id);
    (report.runs, report.reads, report.incomplete) = (player.past.runs(), known, player.incomplete);
    Ok(report)
}

fn unread(e: StoreError) -> CliError {
    CliError::internal(e.to_string())
}

struct Player<'a> {
    store: &'a dyn Store,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    program: Arc<Program>,
    past: Past,
    judge: Judge,
    since: Millis,
    /// Runs whose plan is not complete.
    incomplete: u64,
}

impl<'a> Player<'a> {
    async fn open(
        sound: &Sound,
        store: &'a dyn Store,
        past: Past,
        clock: Arc<ManualClock>,
        world: Arc<dyn World>,
        asked: &Asked,
    ) -> Result<Self, CliError> {
        let ledger = Arc::new(Ledger::default());
        let config = EngineConfig { shadow: true, ..EngineConfig::new(Arc::new(CompiledLoader)) };
        let engine =
            Engine::open(Arc::clone(&ledger) as _, world, Arc::clone(&clock) as Arc<dyn Clock>, config).await?;
        let program = Arc::new(sound.program.in_shadow());
        engine.load(Loaded::new(Arc::clone(&program), sound.settings.clone(), Arc::clone(&sound.project))).await?;
        engine.settled().await;
        let judge = Judge::new(asked.since, asked.only.clone());
        Ok(Self { store, engine, clock, ledger, program, past, judge, since: asked.since, incomplete: 0 })
    }

    /// An event comes, and everything that it starts is over.
    async fn take(&mut self, event: &EventRow) -> Result<(), CliError> {
        self.engine.retake(event.clone()).await?;
        self.engine.settled().await;
        self.note(Some(event)).await?;
        self.judge.seen(&event.id);
        Ok(())
    }

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
        if to > self.clock.now() {
            self.clock.set(to);
            self.engine.settled().await;
            self.note(None).await?;
        }
        Ok(())
    }

    /// Takes note of what was decided.
    async fn note(&mut self, event: Option<&EventRow>) -> Result<(), CliError> {
        let Decided { dispositions, runs, fired } = self.ledger.take();
        let places: BTreeMap<&str, Place> = event.into_iter().chain(&fired).map(|e| (&*e.id, Place::of(e))).collect();
        for row in dispositions.into_iter().filter(judged) {
            if self.clock.now() < self.since {
                continue;
            }
            let mut did = match runs.iter().find(|r| Some(&r.id) == row.run.as_ref()) {
                Some(run) => Some(self.would_do(run).await?),
                None => None,
            };
            if row.verdict == "policy" {
                did.get_or_insert_default().denied += 1;
            }
            // In shadow alone because nothing is done here.
            let (verdict, detail) = match row.verdict.as_str() {
                "shadow" => ("started".to_owned(), String::new()),
                _ => (row.verdict, row.detail),
            };
            let now = Then { verdict, detail, run: None, did };
            match places.get(row.event.as_str()) {
                Some(place) => self.judge.now(place, row.runbook, now),
                // An event that waited in a window is decided later.
                None => self.later(&row.event, row.runbook, now).await?,
            }
        }
        runs.iter().for_each(|run| self.ledger.forget(&run.id));
        Ok(())
    }

    async fn later(&mut self, event: &str, runbook: String, now: Then) -> Result<(), CliError> {
        if self.judge.waits(event, &runbook) {
            let place = Place { name: event.to_owned(), source: String::new(), at: 0 };
            self.judge.now(&place, runbook, now);
            self.judge.seen(event);
        } else if let Some(row) = self.store.event(event).await.map_err(unread)? {
            let rows = self.store.dispositions(event).await.map_err(unread)?;
            let then = self.past.became(rows).remove(&runbook);
            self.judge.again(&Place::of(&row), runbook, then, now);
        }
        Ok(())
    }

    async fn would_do(&mut self, run: &RunRow) -> Result<Did, CliError> {
        let part = self.engine.foresee_run(&self.program, run).await?;
        let mut did = Did::default();
        for entry in part.calls() {
            match entry.effect {
                EffectClass::Destroys => did.destroys += 1,
                _ => did.changes += 1,
            }
        }
        let said = |answer| part.verdicts().filter(|v| v.answer == answer).count();
        let counted = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        did.asked = counted(part.told.questions.len() + said(PolicyAnswer::Ask));
        did.denied = counted(said(PolicyAnswer::Deny));
        self.incomplete += u64::from(part.incomplete().is_some());
        Ok(did)
    }
}

impl Place {
    fn of(event: &EventRow) -> Self {
        Self { name: name_of(event), source: event.source.clone(), at: event.received }
    }
}
