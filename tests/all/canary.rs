//! A plan, a backtest and a run in shadow touch nothing: a world that counts every call that changes or destroys stands under all of
//! them, for every example, every right fixture and generated runbooks, and is never asked for one. (A replay is given no world at all:
//! see `rrb_engine::retrace`.) `RRB_CANARY=10000 cargo nextest run --cargo-profile release -p rrb-tests canary` tries as many runbooks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod generate;
mod neutral;
mod programs;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rrb_engine::api::{Actor, ControlPlane, StartRun};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{RunFilter, Store};
use rrb_engine::world::World;
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall};

use programs::Sound;

/// 2026-01-05T10:00:00Z
const T0: i64 = 1_767_607_200_000;

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
        // What is unknown goes both ways; what fails and what is known lead to other places.
        match self.reads.fetch_add(1, Ordering::SeqCst) % 4 {
            0 => EffectOutcome::Failed(Failure::new(FailureKind::NotFound, "not here").happened(Happened::Answered)),
            1 if call.native.starts_with("http.") => EffectOutcome::Done(reply()),
            _ => EffectOutcome::Done(Value::Unknown),
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
}

impl Tried {
    fn add(&mut self, other: &Tried) {
        self.runbooks += other.runbooks;
        self.planned += other.planned;
        self.in_shadow += other.in_shadow;
    }
}

async fn engine(
    sound: &Sound,
    program: Arc<Program>,
    shadow: bool,
    world: &Arc<Canary>,
) -> (Arc<Engine>, Arc<MemoryStore>) {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::at(T0)));
    let config = EngineConfig { shadow, ..EngineConfig::new(Arc::new(CompiledLoader)) };
    let engine = Engine::open(Arc::clone(&store) as _, Arc::clone(world) as _, clock, config).await.unwrap();
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
    let (plans, _store) = engine(sound, Arc::clone(program), false, &world).await;
    let (shadows, store) = engine(sound, Arc::new(program.in_shadow()), true, &world).await;
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
    assert_eq!(world.dead.load(Ordering::SeqCst), 0, "{}: something was touched", sound.name);
    tried
}

#[tokio::test]
async fn the_canary_lives_under_every_example_and_fixture() {
    let mut all = Tried::default();
    let sound: Vec<Sound> = programs::examples().into_iter().chain(programs::fixtures()).collect();
    for sound in &sound {
        all.add(&put_under(sound).await);
    }
    assert!(sound.len() > 60 && all.runbooks > 80, "{all:?} of {} programs", sound.len());
    assert!(all.in_shadow >= all.runbooks && all.planned > 50, "{all:?}");
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
    assert!(all.planned > 2 * wanted, "generated runbooks do too little to show anything: {all:?}");
}

#[tokio::test]
async fn the_canary_dies_of_a_live_run() {
    let world = Arc::new(Canary::default());
    let sound = programs::generated(1);
    let (engine, _store) = engine(&sound, Arc::clone(&sound.program), false, &world).await;
    let by = Actor { person: Some("ana".into()), method: "test".into() };
    for runbook in &sound.program.runbooks {
        let params = [("n".to_owned(), serde_json::json!("n7"))].into();
        let start = StartRun { runbook: runbook.name.to_string(), params, id: None };
        engine.start(start, &by).await.unwrap();
        engine.settled().await;
    }
    assert!(world.dead.load(Ordering::SeqCst) > 0, "the test could not see a call");
}
