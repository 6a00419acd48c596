//! Runs with several things in flight die at every commit, before and after it became durable, and again while they recover: they end as
//! if nothing had happened, and nothing is done twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_engine::api::{Actor, ApiError, ControlPlane, StartRun, Vote};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::run::journal;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{RunFilter, RunStatus};
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::json::Json;
use rrb_lang::project;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Effect, EffectOutcome, Failure, FailureKind, NativeCall, Resolution};
use serde_json::json;

const T0: i64 = 1_700_006_400_000;

/// Remembers what was switched, and how often; `bad` fails.
#[derive(Default)]
struct Switches {
    done: Mutex<BTreeMap<String, usize>>,
}

impl Switches {
    fn did(&self) -> BTreeMap<String, usize> {
        self.done.lock().unwrap().clone()
    }
}

#[async_trait]
impl World for Switches {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let Some(Value::Url(url)) = call.args.iter().find(|(n, _)| n == "url").map(|(_, v)| v) else {
            panic!("{call:?}")
        };
        let name = url.rsplit('/').next().unwrap().to_owned();
        if name.starts_with("bad") {
            return EffectOutcome::Failed(Failure::new(FailureKind::Failed, format!("{name} is broken")));
        }
        *self.done.lock().unwrap().entry(name).or_default() += 1;
        EffectOutcome::Done(Value::record([
            ("status", Value::Int(200)),
            ("headers", Value::Map(Arc::default())),
            ("text", Value::text("ok")),
            ("json", Value::Json(Json::Null)),
        ]))
    }
}

fn loaded(body: &str) -> Loaded {
    let (config, problems) = project::parse(
        PROJECT_FILE,
        "[project]\nname = \"t\"\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[groups]\nsre = [\"ana\", \"bo\"]\n",
    );
    assert!(problems.is_empty(), "{problems:?}");
    let text = format!(
        "connector switch {{
           action on(name: Text) changes target \"switch/${{name}}\" {{ do http.post(\"https://w.test/${{name}}\") }}
           action off(name: Text) changes idempotent target \"switch/${{name}}\" {{ do http.post(\"https://w.test/off-${{name}}\") }}
           action cut(name: Text) destroys idempotent target \"switch/${{name}}\" {{ do http.delete(\"https://w.test/cut-${{name}}\") }}
         }}
         runbook main() {{ owner \"sre\" {body} }}"
    );
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], project: config.clone() });
    let program = checked.program.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    Loaded::new(Arc::new(program), BTreeMap::new(), Arc::new(config))
}

fn person(name: &str) -> Actor {
    Actor { person: Some(name.to_owned()), method: "terminal".to_owned() }
}

struct Told {
    commits: u64,
    end: serde_json::Value,
    done: BTreeMap<String, usize>,
}

async fn tell(program: &Loaded, deaths: &[(u64, Side)]) -> Told {
    let clock = Arc::new(ManualClock::at(T0));
    let world = Arc::new(Switches::default());
    let mut store = Arc::new(MemoryStore::new());
    for life in 0..=deaths.len() {
        if let Some((commit, side)) = deaths.get(life) {
            store.crash_at(*commit, *side);
        }
        if let Ok(Some(end)) = live(program, &store, &world, &clock).await {
            return Told { commits: store.commits(), end, done: world.did() };
        }
        assert!(store.crashed(), "a life without a death must come to the end: {deaths:?}");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end: {deaths:?}");
}

async fn live(
    program: &Loaded,
    store: &Arc<MemoryStore>,
    world: &Arc<Switches>,
    clock: &Arc<ManualClock>,
) -> Result<Option<serde_json::Value>, ApiError> {
    let engine =
        Engine::open(store.clone(), world.clone(), clock.clone(), EngineConfig::new(Arc::new(CompiledLoader))).await?;
    engine.load(program.clone()).await?;
    engine.settled().await;
    let start = StartRun { runbook: "main".into(), params: BTreeMap::new(), id: Some("run_1".into()) };
    match engine.start(start, &person("bo")).await {
        Ok(_) | Err(ApiError::Exists(_)) => {}
        Err(e) => return Err(e),
    }
    engine.settled().await;
    for _ in 0..100 {
        let run = engine.runs(RunFilter::default()).await?.remove(0);
        if run.status == RunStatus::Done {
            return Ok(run.end);
        }
        for open in engine.approvals(true).await? {
            let vote = Vote { approve: true, comment: String::new(), digest: Some(open.digest.clone()) };
            engine.vote(&open.id, vote, &person("ana")).await?;
            engine.settled().await;
        }
        if run.status == RunStatus::Parked {
            resolve(&engine, world, &run.id).await?;
        }
        clock.advance(40_000);
        engine.settled().await;
    }
    Ok(None)
}

/// Somebody looks what became of the lost call.
async fn resolve(engine: &Engine, world: &Switches, run: &str) -> Result<(), ApiError> {
    let rows = engine.run(run).await?.journal;
    let entries: Vec<_> = rows.iter().map(|row| journal::read(row).unwrap()).collect();
    let lost = journal::open_effects(&entries).into_iter().find_map(|(_, effect, _)| match effect {
        Some(Effect::Resolve(lost)) => Some(lost.clone()),
        _ => None,
    });
    let Some(lost) = lost else { return Ok(()) };
    let name = lost.action.target.as_deref().and_then(|t| t.rsplit('/').next()).unwrap().to_owned();
    let resolution = match world.did().get(&name) {
        Some(_) => Resolution::Happened { result: None },
        None => Resolution::DidNotHappen,
    };
    engine.resolve(run, resolution, "looked", &person("ana")).await?;
    engine.settled().await;
    Ok(())
}

/// The end, as far as it must be the same wherever the process died.
fn shown(told: &Told) -> (serde_json::Value, serde_json::Value) {
    (told.end["outcome"].clone(), told.end["remains"].clone())
}

/// Dies at every commit of the run, on both sides of it, and at some commits of its recovery. With `retry` a call that did not happen is
/// made again, so that the end is the same; `repeats` are what may be done again.
async fn dies_everywhere(body: &str, outcome: &str) {
    let program = loaded(body);
    let whole = tell(&program, &[]).await;
    assert_eq!(shown(&whole), (json!(outcome), json!([])), "{}", whole.end);
    assert!(whole.commits > 5);
    let again = |name: &str| name.starts_with("off-") || name.starts_with("cut-");
    for commit in 1..=whole.commits {
        for side in [Side::Before, Side::After] {
            for second in [None, Some((commit % 5 + 1, Side::After))] {
                let deaths: Vec<_> = std::iter::once((commit, side)).chain(second).collect();
                let told = tell(&program, &deaths).await;
                assert_eq!(shown(&told), shown(&whole), "{deaths:?}: {}", told.end);
                let names = |t: &Told| t.done.keys().cloned().collect::<Vec<_>>();
                assert_eq!(names(&told), names(&whole), "{deaths:?}");
                for (name, times) in &told.done {
                    assert!(*times == 1 || again(name), "`{name}` was done {times} times: {deaths:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn parallel_ends_the_same_wherever_the_process_dies() {
    dies_everywhere(
        "parallel {
           a { do switch.on(\"a1\") retry 3 times  do switch.on(\"a2\") retry 3 times },
           b { do switch.on(\"b1\") retry 3 times  wait 1m  do switch.on(\"b2\") retry 3 times },
           c { for x in [\"c1\", \"c2\", \"c3\"] parallel 2 { do switch.on(x) retry 3 times } },
         }
         do switch.on(\"last\") retry 3 times",
        "resolved",
    )
    .await;
}

#[tokio::test]
async fn a_race_and_the_undo_of_its_loser_end_the_same() {
    dies_everywhere(
        "race {
           slow { do switch.on(\"s1\") retry 3 times undo { do switch.off(\"s1\") } wait 2h  do switch.on(\"never\") },
           fast { wait 1h  do switch.on(\"f1\") retry 3 times },
         }
         do switch.on(\"last\") retry 3 times",
        "resolved",
    )
    .await;
}

#[tokio::test]
async fn a_failing_branch_and_the_undo_of_all_end_the_same() {
    dies_everywhere(
        "do switch.on(\"first\") retry 3 times undo { do switch.off(\"first\") }
         for x in [\"x1\", \"x2\", \"x3\"] parallel 3 {
           do switch.on(x) retry 3 times undo { do switch.off(x) }
           wait 1h
           if x == \"x2\" { fail \"no\" }
           wait 1h
         }",
        "rolled_back",
    )
    .await;
}

#[tokio::test]
async fn collected_failures_and_waves_end_the_same() {
    dies_everywhere(
        "let names = [\"n1\", \"bad\", \"n2\"]
         at most 3 for names
         let r = for x in names parallel 2 collect failures { do switch.on(x) retry 3 times when failure.kind == unavailable }
         evidence \"failed\" = r.filter(o => o.failure != none).map(o => o.item)
         for x in [\"w1\", \"w2\", \"w3\"] in waves [1, 100%] pausing 1m { do switch.on(x) retry 3 times } between { do switch.off(\"checked\") }",
        "resolved",
    )
    .await;
}

#[tokio::test]
async fn approvals_in_branches_end_the_same() {
    dies_everywhere(
        "for x in [\"p\", \"q\"] parallel 2 {
           approve \"Cut ${x}?\" from user(\"ana\") { do switch.cut(x) }
         }
         approve \"Cut both?\" from user(\"ana\") { parallel { a { do switch.cut(\"r\") }, b { do switch.cut(\"s\") } } }",
        "resolved",
    )
    .await;
}
