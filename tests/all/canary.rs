//! A plan, a backtest, a run in shadow and a replay touch nothing: a world that counts every call that changes or destroys stands under
//! the first three, for every example, every right fixture and generated runbooks, and is never asked for one. Backtest and replay are
//! the functions that the commands call, whole. A replay is given a store and no world: nothing could be asked. `RRB_CANARY=10000 cargo nextest run --cargo-profile release -p rrb-tests canary` tries as many runbooks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod events;
mod generate;
mod neutral;
mod programs;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rrb_cli::backtest::{Asked, Figures, Recorded, backtest};
use rrb_cli::replay::traced;
use rrb_engine::api::{Actor, ControlPlane, StartRun};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::retrace::{Difference, Moment, Retrace};
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{JournalRow, RunFilter, RunRow, Store};
use rrb_engine::world::World;
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall};

use programs::Sound;

/// 2026-01-05T10:00:00Z
const T0: i64 = 1_767_607_200_000;

const HOUR: i64 = 3_600_000;

/// Sings once and is dead: a call that does more than read.
#[derive(Default)]
struct Canary {
    reads: AtomicU64,
    dead: AtomicU64,
}

#[async_trait]
impl World for Canary {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        if call.effect > EffectClass::Reads {
            self.dead.fetch_add(1, Ordering::SeqCst);
            panic!("`{}` was performed", call.native);
        }
        self.answer(call)
    }
}

impl Canary {
    /// What is unknown goes both ways; what fails and what is known lead to other places.
    fn answer(&self, call: &NativeCall) -> EffectOutcome {
        match self.reads.fetch_add(1, Ordering::SeqCst) % 4 {
            0 => EffectOutcome::Failed(Failure::new(FailureKind::NotFound, "not here").happened(Happened::Answered)),
            1 if call.native.starts_with("http.") => EffectOutcome::Done(reply()),
            _ => EffectOutcome::Done(Value::Unknown),
        }
    }
}

/// The canary in a backtest: it answers what was never read, so that more is seen than both sides of it.
struct Under {
    canary: Arc<Canary>,
    recorded: Arc<Recorded>,
}

#[async_trait]
impl World for Under {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let seen = self.canary.perform(call).await;
        match self.recorded.perform(call).await {
            EffectOutcome::Done(Value::Unknown) => seen,
            known => known,
        }
    }
}

/// Does whatever it is asked, and counts.
#[derive(Default)]
struct Willing(Canary);

#[async_trait]
impl World for Willing {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        match self.0.answer(call) {
            // Unknown is nothing that a live world says.
            EffectOutcome::Done(Value::Unknown) => EffectOutcome::Done(reply()),
            other => other,
        }
    }
}

fn reply() -> Value {
    Value::record([
        ("status", Value::Int(200)),
        ("headers", Value::Map(Arc::default())),
        ("text", Value::text("7")),
        ("json", Value::Json(Json::from("7"))),
    ])
}

/// What was tried of a program.
#[derive(Debug, Default)]
struct Tried {
    runbooks: usize,
    /// Calls that change or destroy and stand in the plans.
    planned: usize,
    in_shadow: usize,
    /// Runs that backtests would have started, and the calls that change or destroy in their plans.
    fired: u64,
    foretold: u64,
    /// Entries of journals that were replayed.
    replayed: usize,
}

impl Tried {
    fn add(&mut self, other: &Tried) {
        self.runbooks += other.runbooks;
        self.planned += other.planned;
        self.in_shadow += other.in_shadow;
        self.fired += other.fired;
        self.foretold += other.foretold;
        self.replayed += other.replayed;
    }
}

async fn engine(
    sound: &Sound,
    program: Arc<Program>,
    shadow: bool,
    world: Arc<dyn World>,
) -> (Arc<Engine>, Arc<MemoryStore>) {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::at(T0)));
    let config = EngineConfig { shadow, ..EngineConfig::new(Arc::new(CompiledLoader)) };
    let engine = Engine::open(Arc::clone(&store) as _, world, clock, config).await.unwrap();
    engine.load(Loaded::new(program, sound.settings.clone(), Arc::clone(&sound.project))).await.unwrap();
    engine.settled().await;
    (engine, store)
}

/// Plans every runbook of a program, then lets every one run in shadow.
async fn put_under(sound: &Sound) -> Tried {
    let world = Arc::new(Canary::default());
    let by = Actor { person: Some("ana".into()), method: "test".into() };
    let program = &sound.program;
    let mut tried = Tried { runbooks: program.runbooks.len(), ..Tried::default() };
    let (plans, _store) = engine(sound, Arc::clone(program), false, Arc::clone(&world) as _).await;
    let (shadows, store) = engine(sound, Arc::new(program.in_shadow()), true, Arc::clone(&world) as _).await;
    for runbook in &program.runbooks {
        let params: BTreeMap<_, _> =
            runbook.params.iter().map(|p| (p.name.to_string(), neutral::json(&program.types, &p.ty))).collect();
        let start = StartRun { runbook: runbook.name.to_string(), params, id: None };
        match plans.foresee(Arc::clone(program), start.clone(), &by).await {
            Ok(ahead) => tried.planned += ahead.parts().map(|p| p.plan.entries.len()).sum::<usize>(),
            Err(e) => panic!("{}: {}: {e}", sound.name, runbook.name),
        }
        shadows.start(start, &by).await.unwrap_or_else(|e| panic!("{}: {}: {e}", sound.name, runbook.name));
        shadows.settled().await;
    }
    let runs = store.runs(RunFilter { limit: 100_000, ..RunFilter::default() }).await.unwrap();
    tried.in_shadow = runs.len();
    for run in &runs {
        let outcome = run.end.as_ref().and_then(|e| e["outcome"].as_str()).unwrap_or("none");
        assert_eq!(outcome, "shadow", "{}: {}: {:?}", sound.name, run.runbook, run.end);
    }
    (tried.fired, tried.foretold) = backtested(sound, &world).await;
    assert_eq!(world.dead.load(Ordering::SeqCst), 0, "{}: something was touched", sound.name);
    tried.replayed = replayed(sound).await;
    tried
}

/// Backtests a program with events of every kind that it knows, as the command does.
async fn backtested(sound: &Sound, canary: &Arc<Canary>) -> (u64, u64) {
    let store = events::store(sound, T0).await;
    let asked = Asked { since: T0, from: T0 - HOUR, until: T0 + 3 * HOUR, reads: true, only: None };
    let under = |recorded| Arc::new(Under { canary: Arc::clone(canary), recorded }) as Arc<dyn World>;
    let report = backtest(&store, &sound.for_commands(), &asked, under).await;
    let report = report.unwrap_or_else(|e| panic!("{}: {}", sound.name, e.message));
    let sum = |of: fn(&Figures) -> u64| report.runbooks.iter().map(|r| of(&r.now)).sum();
    (sum(|f| f.fired), sum(|f| f.changes + f.destroys))
}

/// Lets every runbook run live, then replays every run as the command does. Entries of journals that were replayed.
async fn replayed(sound: &Sound) -> usize {
    let world = Arc::new(Willing::default());
    let (engine, store) = engine(sound, Arc::clone(&sound.program), false, Arc::clone(&world) as _).await;
    let by = Actor { person: Some("ana".into()), method: "test".into() };
    let types = &sound.program.types;
    for runbook in &sound.program.runbooks {
        let params = runbook.params.iter().map(|p| (p.name.to_string(), neutral::json(types, &p.ty))).collect();
        // A policy may say no.
        let _ = engine.start(StartRun { runbook: runbook.name.to_string(), params, id: None }, &by).await;
        engine.settled().await;
    }
    drop(engine);
    let asked = world.0.reads.load(Ordering::SeqCst);
    let runs = store.runs(RunFilter { limit: 100_000, ..RunFilter::default() }).await.unwrap();
    let mut entries = 0;
    for run in &runs {
        let traced = traced(&*store, &run.id).await.unwrap();
        assert_eq!(traced.difference, None, "{}: {}", sound.name, run.runbook);
        entries += traced.moments.len();
    }
    assert_eq!(world.0.reads.load(Ordering::SeqCst), asked, "{}: a replay asked the world", sound.name);
    entries
}

/// A replay is made of a program, a row and a journal, and goes on by itself: it has no world, and nothing that could wait for one.
type Begins = fn(Arc<Program>, &RunRow, Vec<JournalRow>) -> Result<Retrace, String>;
type GoesOn = fn(&mut Retrace) -> Result<Option<Moment>, Difference>;
const _: Begins = Retrace::new;
const _: GoesOn = Retrace::step;

#[tokio::test]
async fn the_canary_lives_under_every_example_and_fixture() {
    let mut all = Tried::default();
    let sound: Vec<Sound> = programs::examples().into_iter().chain(programs::fixtures()).collect();
    for sound in &sound {
        all.add(&put_under(sound).await);
    }
    assert!(sound.len() > 60 && all.runbooks > 80, "{all:?} of {} programs", sound.len());
    println!("{all:?} of {} programs", sound.len());
    assert!(all.in_shadow >= all.runbooks && all.planned > 50, "{all:?}");
    assert!(all.fired > 50 && all.foretold > 50 && all.replayed > 200, "{all:?}");
}

#[tokio::test]
async fn the_canary_lives_under_generated_runbooks() {
    let wanted: usize = std::env::var("RRB_CANARY").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut all = Tried::default();
    for seed in 0..wanted.div_ceil(generate::RUNBOOKS) {
        all.add(&put_under(&programs::generated(seed as u64)).await);
    }
    println!("{all:?}");
    assert!(all.runbooks >= wanted && all.in_shadow >= wanted);
    assert!(all.fired as usize >= wanted && all.replayed > 5 * wanted, "{all:?}");
    assert!(
        all.planned > 2 * wanted && all.foretold as usize > 2 * wanted,
        "generated runbooks do too little to show anything: {all:?}"
    );
}

#[tokio::test]
async fn the_canary_dies_of_a_live_run() {
    let world = Arc::new(Canary::default());
    let sound = programs::generated(1);
    let (engine, _store) = engine(&sound, Arc::clone(&sound.program), false, Arc::clone(&world) as _).await;
    let by = Actor { person: Some("ana".into()), method: "test".into() };
    for runbook in &sound.program.runbooks {
        let params = [("n".to_owned(), serde_json::json!("n7"))].into();
        let start = StartRun { runbook: runbook.name.to_string(), params, id: None };
        engine.start(start, &by).await.unwrap();
        engine.settled().await;
    }
    assert!(world.dead.load(Ordering::SeqCst) > 0, "the test could not see a call");
}
