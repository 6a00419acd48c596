//! The example project with everything around it, from the alert to the end of its run, through planned deaths of the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rrb_engine::api::{Actor, ApiError, ControlPlane, Delivery, Vote};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::run::journal;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{EventFilter, RunFilter, RunRow, RunStatus, Store};
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::project::{self, Declared};
use rrb_lang::vm::protocol::{Effect, Resolution};
use serde_json::json;

use super::disk::Disk;

const T0: i64 = 1_700_006_400_000;

/// What the people and the alert's sender do while the run waits for an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// Two agree.
    Agree,
    /// One says no.
    Refuse,
    /// Nobody answers.
    Sleep,
    /// Nobody answers, and the alert clears by itself.
    Calm,
}

/// A way the story may go.
#[derive(Debug, Clone, Copy)]
pub struct Plot {
    pub people: People,
    /// Whatever is deleted, somebody fills again.
    pub refills: bool,
    /// How far the clock moves each time everything waits.
    pub pause_ms: i64,
}

/// The example, checked and compiled, with an address to notify.
pub fn example() -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/disk-pressure");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let quota = "quota = \"64MiB\"";
    let text = read("rrb.toml").replace(quota, &format!("{quota}\nnotify_url = \"https://chat.test/hook\""));
    assert!(text.contains("notify_url"));
    let (config, problems) = project::parse(PROJECT_FILE, &text);
    assert!(problems.is_empty(), "{problems:?}");
    let module = ModuleSource { name: "relieve".into(), file: "relieve.rrb".into(), text: read("relieve.rrb").into() };
    let checked = check(CheckInput { modules: vec![module], project: config.clone() });
    let program = checked.program.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Loaded::new(Arc::new(program), settings, Arc::new(config))
}

/// What Alertmanager sends.
fn alert(status: &str) -> Delivery {
    let ends = if status == "resolved" { "2023-11-15T00:05:00Z" } else { "0001-01-01T00:00:00Z" };
    let body = json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "rrb",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.test:9093",
        "alerts": [{
            "status": status, "fingerprint": "c0ffee", "generatorURL": "http://prom.test/graph",
            "labels": { "alertname": "DiskAlmostFull", "severity": "critical", "mountpoint": "/data", "instance": "n7" },
            "annotations": {}, "startsAt": "2023-11-14T23:59:00.000Z", "endsAt": ends,
        }],
    });
    let (path, instance) = ("/alertmanager".to_owned(), "default".to_owned());
    Delivery { path, instance, body: body.to_string().into_bytes(), headers: BTreeMap::new(), query: BTreeMap::new() }
}

fn person(name: &str) -> Actor {
    Actor { person: Some(name.to_owned()), method: "terminal".to_owned() }
}

/// A story that came to its end.
pub struct Story {
    pub store: Arc<MemoryStore>,
    pub disk: Arc<Disk>,
    /// Commits of the last life.
    pub commits: u64,
    pub run: RunRow,
}

/// Tells a story with these deaths, one per life of the process, each at a commit of its life.
pub async fn tell(example: &Loaded, plot: Plot, deaths: &[(u64, Side)]) -> Story {
    let clock = Arc::new(ManualClock::at(T0));
    let disk = Arc::new(Disk::full(clock.clone(), plot.refills));
    let mut store = Arc::new(MemoryStore::new());
    for life in 0..=deaths.len() {
        if let Some((commit, side)) = deaths.get(life) {
            store.crash_at(*commit, *side);
        }
        if let Ok(Some(run)) = live(example, plot, &store, &disk, &clock).await {
            return Story { commits: store.commits(), store, disk, run };
        }
        assert!(store.crashed(), "a life without a death must come to the end: {plot:?} {deaths:?}");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end: {plot:?} {deaths:?}");
}

/// One life: from the start of the process to the end of the run, or to its death.
async fn live(
    example: &Loaded,
    plot: Plot,
    store: &Arc<MemoryStore>,
    disk: &Arc<Disk>,
    clock: &Arc<ManualClock>,
) -> Result<Option<RunRow>, ApiError> {
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let engine = Engine::open(store.clone(), disk.clone(), clock.clone(), config).await?;
    engine.load(example.clone()).await?;
    engine.settled().await;
    // Whoever does not know whether a delivery was taken sends it again.
    let receipt = engine.deliver(alert("firing")).await?;
    assert_eq!(receipt.dead, None);
    engine.settled().await;
    for _ in 0..100 {
        let run = engine.runs(RunFilter::default()).await?.remove(0);
        if run.status == RunStatus::Done {
            return Ok(Some(run));
        }
        if run.status == RunStatus::Parked {
            resolve(&engine, disk, &run.id).await?;
        }
        answer(&engine, plot.people).await?;
        clock.advance(plot.pause_ms);
        engine.settled().await;
    }
    Ok(None)
}

/// A person looks what became of the call that was lost, and says so.
async fn resolve(engine: &Engine, disk: &Disk, run: &str) -> Result<(), ApiError> {
    let rows = engine.run(run).await?.journal;
    let entries: Vec<_> = rows.iter().map(|row| journal::read(row).unwrap()).collect();
    let open = journal::open_effects(&entries);
    let lost = open.into_iter().find_map(|(_, effect, _)| match effect {
        Some(Effect::Resolve(lost)) => Some(lost.clone()),
        _ => None,
    });
    let resolution: Resolution = disk.look(&lost.expect("a parked run says what it waits for"));
    engine.resolve(run, resolution, "looked at the disk", &person("cy")).await?;
    engine.settled().await;
    Ok(())
}

async fn answer(engine: &Engine, people: People) -> Result<(), ApiError> {
    for open in engine.approvals(true).await? {
        let voters: &[&str] = match people {
            People::Agree => &["ana", "bo"],
            People::Refuse => &["bo"],
            People::Sleep => &[],
            People::Calm => {
                engine.deliver(alert("resolved")).await?;
                engine.settled().await;
                &[]
            }
        };
        for name in voters.iter().filter(|name| !open.votes.iter().any(|v| v.person == **name)) {
            let (approve, comment) = (people == People::Agree, "looked".to_owned());
            let vote = Vote { approve, comment, digest: Some(open.digest.clone()) };
            engine.vote(&open.id, vote, &person(name)).await?;
            engine.settled().await;
        }
    }
    Ok(())
}

/// `alertmanager.firing: started`, for every event and runbook.
pub async fn verdicts(store: &MemoryStore) -> Vec<String> {
    let mut all = Vec::new();
    for event in store.events(EventFilter::default()).await.unwrap() {
        for row in store.dispositions(&event.id).await.unwrap() {
            all.push(format!("{}: {}", event.source, row.verdict));
        }
    }
    all.sort();
    all
}
