//! The example project itself, compiled: an alert comes, old files go, two people agree, archives are deleted. The process dies at
//! every commit of that story, and the end is the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_engine::api::{ApiError, ControlPlane, Delivery, What};
use rrb_engine::audit::{Verdict, Verifier};
use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{ApprovalState, RunFilter, RunStatus, Store};
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::program::Program;
use rrb_lang::project::{self, Declared};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, NativeCall, Resolution};
use serde_json::json;

use crate::rig::{T0, person, yes};

const MIB: i64 = 1 << 20;
const DAY: i64 = 86_400_000;

fn loaded() -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/disk-pressure");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (config, problems) = project::parse(PROJECT_FILE, &read("rrb.toml"));
    assert!(problems.is_empty(), "{problems:?}");
    let text = read("relieve.rrb");
    let module = ModuleSource { name: "relieve".into(), file: "relieve.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], project: config.clone() });
    let program = checked.program.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let program: Program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Loaded::new(Arc::new(program), settings, Arc::new(config))
}

/// A folder of files, and what was done to it.
struct Disk {
    clock: Arc<ManualClock>,
    files: Mutex<BTreeMap<String, (i64, i64)>>,
    done: Mutex<Vec<String>>,
}

impl Disk {
    fn new(clock: Arc<ManualClock>) -> Self {
        let mut files = BTreeMap::new();
        files.insert("/data/cache/old".to_owned(), (5 * MIB, T0 - 10 * DAY));
        files.insert("/data/cache/new".to_owned(), (MIB, T0));
        files.insert("/data/logs/a.log".to_owned(), (10 * MIB, T0 - DAY));
        for n in 0..10 {
            files.insert(format!("/data/archive/{n}.tar"), (6 * MIB, T0 - (20 - n) * DAY));
        }
        Self { clock, files: Mutex::new(files), done: Mutex::default() }
    }

    /// A person looks whether the log was moved, and moves it when it was not.
    fn by_hand(&self) {
        let mut files = self.files.lock().unwrap();
        if let Some(file) = files.remove("/data/logs/a.log") {
            files.insert("/data.moved/a.log".to_owned(), file);
        }
    }

    fn times(&self, what: &str) -> usize {
        self.done.lock().unwrap().iter().filter(|d| *d == what).count()
    }
}

#[async_trait]
impl World for Disk {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let arg = |name: &str| call.args.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let text = |name: &str| arg(name).and_then(|v| v.as_text().map(str::to_owned)).unwrap_or_default();
        let mut files = self.files.lock().unwrap();
        let below = format!("{}/", text("path"));
        let inside = |files: &BTreeMap<String, (i64, i64)>| -> Vec<(String, (i64, i64))> {
            files.iter().filter(|(p, _)| p.starts_with(&below)).map(|(p, f)| (p.clone(), *f)).collect()
        };
        let none = || Value::list([]);
        EffectOutcome::Done(match call.native.as_str() {
            "file.exists" => Value::Bool(!inside(&files).is_empty()),
            "file.folder_size" => {
                let found = inside(&files);
                let size = found.iter().map(|(_, (s, _))| s).sum();
                let count = Value::Int(found.len() as i64);
                Value::record([
                    ("size", Value::Size(size)),
                    ("files", count),
                    ("folders", Value::Int(0)),
                    ("unreadable", none()),
                ])
            }
            "file.list" => {
                let age = match arg("older_than") {
                    Some(Value::Duration(ms)) => ms,
                    _ => 0,
                };
                let old = |m: i64| self.clock.now() - m >= age;
                let mut found: Vec<_> = inside(&files).into_iter().filter(|(_, (_, m))| old(*m)).collect();
                found.sort_by_key(|(_, (_, m))| *m);
                let entry = |(path, (size, modified)): (String, (i64, i64))| {
                    Value::record([
                        ("path", Value::text(path)),
                        ("kind", Value::text("file")),
                        ("size", Value::Size(size)),
                        ("modified", Value::Time(modified)),
                        ("mode", Value::text("644")),
                        ("uid", Value::Int(0)),
                    ])
                };
                let entries = Value::list(found.into_iter().map(entry));
                Value::record([("entries", entries), ("more", Value::Int(0)), ("unreadable", none())])
            }
            "file.delete" => {
                let gone = files.remove(&text("path"));
                self.done.lock().unwrap().push(format!("delete {}", text("path")));
                let (count, size) = (i64::from(gone.is_some()), gone.map_or(0, |(s, _)| s));
                Value::record([
                    ("existed", Value::Bool(gone.is_some())),
                    ("files", Value::Int(count)),
                    ("folders", Value::Int(0)),
                    ("size", Value::Size(size)),
                ])
            }
            "file.move" => {
                self.done.lock().unwrap().push(format!("move {}", text("from")));
                let Some(file) = files.remove(&text("from")) else {
                    return EffectOutcome::Failed(Failure::new(FailureKind::NotFound, "there is no such file"));
                };
                files.insert(text("to"), file);
                let (from, to) = (Value::text(text("from")), Value::text(text("to")));
                Value::record([("from", from), ("to", to), ("size", Value::Size(file.0))])
            }
            other => panic!("nobody expected `{other}`"),
        })
    }
}

fn alert() -> Delivery {
    let body = json!({
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "rrb",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am:9093",
        "alerts": [{
            "status": "firing", "fingerprint": "c0ffee", "generatorURL": "http://prom/graph",
            "labels": { "alertname": "DiskAlmostFull", "severity": "critical", "mountpoint": "/data", "instance": "n7" },
            "annotations": {}, "startsAt": "2023-11-14T23:59:00.000Z", "endsAt": "0001-01-01T00:00:00Z",
        }],
    });
    let (headers, query) = Default::default();
    let (path, instance) = ("/alertmanager".to_owned(), "default".to_owned());
    Delivery { path, instance, body: body.to_string().into_bytes(), headers, query }
}

/// What Alertmanager and two people do until the run is over.
async fn push(engine: &Engine, disk: &Disk, clock: &ManualClock) -> Result<bool, ApiError> {
    let receipt = engine.deliver(alert()).await?;
    assert_eq!(receipt.dead, None);
    engine.settled().await;
    for row in engine.runs(RunFilter::default()).await? {
        if row.status == RunStatus::Parked {
            if engine.run(&row.id).await?.waiting_for.iter().any(|w| w.contains("what became of `file.move`")) {
                disk.by_hand();
            }
            let happened = Resolution::Happened { result: Some(moved()) };
            match engine.resolve(&row.id, happened, "it is there now", &person("cy")).await {
                // Three deaths in a row without any progress: a person lets it go on.
                Err(ApiError::Conflict(_)) => engine.resume(&row.id, &person("cy")).await?,
                answer => answer?,
            }
            engine.settled().await;
        }
    }
    for open in engine.approvals(true).await? {
        for name in ["ana", "bo"] {
            if !open.votes.iter().any(|v| v.person == name) {
                engine.vote(&open.id, yes(), &person(name)).await?;
                engine.settled().await;
            }
        }
    }
    clock.advance(2000);
    engine.settled().await;
    let runs = engine.runs(RunFilter::default()).await?;
    Ok(!runs.is_empty() && runs.iter().all(|r| r.status == RunStatus::Done))
}

/// What the person found who looked after the lost move.
fn moved() -> rrb_lang::json::Json {
    json!({ "from": "/data/logs/a.log", "to": "/data.moved/a.log", "size": 10 * MIB }).into()
}

struct Story {
    store: Arc<MemoryStore>,
    disk: Arc<Disk>,
    commits: u64,
    parked: usize,
}

async fn story(loaded: &Loaded, crashes: &[(u64, Side)]) -> Story {
    let clock = Arc::new(ManualClock::at(T0));
    let disk = Arc::new(Disk::new(clock.clone()));
    let mut store = Arc::new(MemoryStore::new());
    let mut planned = crashes.iter();
    for _life in 0..20 {
        if let Some((at, side)) = planned.next() {
            store.crash_at(*at, *side);
        }
        let config = EngineConfig::new(Arc::new(CompiledLoader));
        if let Ok(engine) = Engine::open(store.clone(), disk.clone(), clock.clone(), config).await
            && engine.load(loaded.clone()).await.is_ok()
        {
            engine.settled().await;
            for _ in 0..20 {
                match push(&engine, &disk, &clock).await {
                    Ok(false) => {}
                    Ok(true) => {
                        let parked = engine.audit(0, 100_000, None).await.unwrap();
                        let parked = parked.iter().filter(|r| r.draft.kind == "run.parked").count();
                        return Story { store: store.clone(), disk, commits: store.commits(), parked };
                    }
                    Err(_) => break,
                }
            }
        }
        assert!(store.crashed(), "a life without a crash must come to the end: {crashes:?}");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end after {crashes:?}");
}

async fn holds(story: &Story, crashes: &[(u64, Side)]) {
    let (store, disk) = (&story.store, &story.disk);
    let runs = store.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 1, "{crashes:?}");
    let end = runs[0].end.clone().unwrap();
    assert_eq!(end["outcome"], "resolved", "{crashes:?}: {end}");
    assert_eq!(end["why"], "from 118.8 % to 76.6 %", "{crashes:?}");
    assert!(disk.times("move /data/logs/a.log") <= 1, "what may happen once happens once: {crashes:?}");
    let files: Vec<String> = disk.files.lock().unwrap().keys().cloned().collect();
    assert!(!files.contains(&"/data/cache/old".to_owned()) && files.contains(&"/data/cache/new".to_owned()));
    assert_eq!(files.iter().filter(|f| f.starts_with("/data/archive/")).count(), 8, "{crashes:?} {files:?}");
    let approvals = store.approvals(false, 100).await.unwrap();
    assert_eq!((approvals.len(), approvals[0].state), (1, ApprovalState::Approved), "asked once: {crashes:?}");
    let mut verifier = Verifier::default();
    for record in store.audit(0, 100_000, None).await.unwrap() {
        verifier.take(&record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { .. }));
    let journal = store.journal(&runs[0].id, 0).await.unwrap();
    assert!(journal.iter().enumerate().all(|(n, row)| row.seq == n as u64 + 1), "no gap: {crashes:?}");
    let text = serde_json::to_string(&journal).unwrap() + &end.to_string();
    assert!(!text.contains("RRB_ALERTMANAGER_TOKEN") || text.contains("env:"), "references at most");
}

#[tokio::test]
async fn the_example_comes_to_its_end() {
    let story = story(&loaded(), &[]).await;
    holds(&story, &[]).await;
    let done =
        ["delete /data/cache/old", "move /data/logs/a.log", "delete /data/archive/0.tar", "delete /data/archive/1.tar"];
    assert_eq!(*story.disk.done.lock().unwrap(), done);
    assert_eq!(story.parked, 0);
    let run = story.store.runs(RunFilter::default()).await.unwrap().remove(0);
    let approvals = story.store.approvals(false, 10).await.unwrap();
    let journal = story.store.journal(&run.id, 0).await.unwrap();
    let timeline = rrb_engine::timeline::of_run(&run, &journal, &approvals).unwrap();
    let evidence = timeline
        .iter()
        .filter(|i| matches!(&i.what, What::Note { note: rrb_lang::vm::protocol::Note::Evidence { .. } }));
    assert_eq!(evidence.count(), 2);
}

#[tokio::test]
async fn dying_at_every_commit_of_the_example_changes_nothing() {
    let loaded = loaded();
    let commits = story(&loaded, &[]).await.commits;
    let mut parked = 0;
    for at in 1..=commits {
        for side in [Side::Before, Side::After] {
            let crashes = [(at, side)];
            let story = story(&loaded, &crashes).await;
            holds(&story, &crashes).await;
            parked += story.parked;
        }
    }
    assert_eq!(
        parked, 2,
        "only the move may happen once, and only between its intent and its outcome is a person needed"
    );
}

#[tokio::test]
async fn dying_twice_of_the_example_changes_nothing() {
    let loaded = loaded();
    let commits = story(&loaded, &[]).await.commits;
    for at in 1..=commits {
        for again in [1, 2, 3] {
            let crashes = [(at, Side::After), (again, Side::Before), (2, Side::After)];
            holds(&story(&loaded, &crashes).await, &crashes).await;
        }
    }
}
