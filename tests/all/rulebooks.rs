//! Rules of others, said in rrb: the events that they were tried with come in, and exactly the runs that are expected start.
//!
//! Each folder of `tests/rulebooks` is a project with its events and a table of what they start; the README there says where they
//! come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_engine::api::{ControlPlane, Delivery};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{RunFilter, RunStatus};
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::project::{self, Declared};
use rrb_lang::syntax::format as formatted;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, NativeCall};
use rrb_tests::binary::root;
use serde::Deserialize;
use serde_json::{Value, json};

/// When a case begins.
const T0: i64 = 1_767_225_600_000;

/// How long after the last event of a case is looked what came of it: longer than any window.
const AFTER: i64 = 70 * 3_600_000;

/// An event of a case, one line of `events.jsonl`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    case: String,
    /// Seconds after the case began.
    #[serde(default)]
    at: f64,
    /// Which webhook, the one there is when there is one.
    path: Option<String>,
    body: Value,
}

/// How the events of a case come in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    /// Each at its time.
    Live,
    /// All at once and long after, in their order.
    Backlog,
    /// All at once and long after, the last one first.
    Backwards,
}

/// What a case started: the number of the event in the case, the runbook and its parameters.
type Firing = (usize, String, Value);

struct Nothing;

#[async_trait::async_trait]
impl World for Nothing {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        EffectOutcome::Failed(Failure::new(FailureKind::NotFound, format!("`{}` is not there", call.native)))
    }
}

fn folders() -> Vec<PathBuf> {
    let all = std::fs::read_dir(root().join("tests/rulebooks")).unwrap();
    let mut all: Vec<PathBuf> = all.map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    all.sort();
    all
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{}: {name}: {e}", folder.display()))
}

/// The checked program of a folder, and the paths of its webhooks.
///
/// # Errors
/// Its mistakes and warnings, and that it is not formatted; `UPDATE_RULEBOOKS=1` formats it.
fn loaded(folder: &Path) -> Result<(Loaded, Vec<String>), String> {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let (config, problems) = project::parse(PROJECT_FILE, &read(folder, "rrb.toml"));
    assert!(problems.is_empty(), "{name}: {problems:?}");
    let text = read(folder, "main.rrb");
    match formatted(rrb_lang::span::FileId(1), &text) {
        Ok(formatted) if formatted == text => {}
        Ok(formatted) if std::env::var_os("UPDATE_RULEBOOKS").is_some() => {
            std::fs::write(folder.join("main.rrb"), formatted).unwrap();
        }
        Ok(formatted) => return Err(format!("{name}: `rrb fmt` writes it differently:\n{formatted}")),
        Err(_) => {}
    }
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], project: config.clone() });
    let said = rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let Some(program) = checked.program.filter(|_| checked.diagnostics.is_empty()) else {
        return Err(format!("{name}: {said}"));
    };
    let path_of = |e: &Event| match &e.source {
        EventSource::Webhook { path } => Some(path.to_string()),
        EventSource::Poll { .. } | EventSource::Feed { .. } => None,
    };
    let paths = program.events.iter().filter_map(path_of).collect();
    let program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Ok((Loaded::new(Arc::new(program), settings, Arc::new(config)), paths))
}

/// What these events start.
async fn firings(program: &Loaded, path: &str, events: &[Sent], mode: Mode) -> Vec<Firing> {
    let time = |e: &Sent| T0 + (e.at * 1000.0) as i64;
    let last = events.iter().map(time).max().unwrap_or(T0);
    let clock = Arc::new(ManualClock::at(if mode == Mode::Live { T0 } else { last + AFTER }));
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let engine = Engine::open(Arc::new(MemoryStore::new()), Arc::new(Nothing), clock.clone(), config).await.unwrap();
    engine.load(program.clone()).await.unwrap();
    let mut numbered: Vec<(usize, &Sent)> = events.iter().enumerate().collect();
    if mode == Mode::Backwards {
        numbered.reverse();
    }
    let mut number_of: BTreeMap<String, usize> = BTreeMap::new();
    let mut now = T0;
    for (n, event) in numbered {
        if mode == Mode::Live {
            assert!(time(event) >= now, "the events of a case come in their order: {event:?}");
            clock.advance(time(event) - now);
            now = time(event);
            engine.settled().await;
        }
        let at = jiff::Timestamp::from_millisecond(time(event)).unwrap().to_string();
        let delivery = Delivery {
            path: event.path.clone().unwrap_or_else(|| path.to_owned()),
            instance: "default".to_owned(),
            body: event.body.to_string().into_bytes(),
            headers: [("x-time".to_owned(), at)].into_iter().collect(),
            query: Default::default(),
        };
        let receipt = engine.deliver(delivery).await.unwrap();
        number_of.extend(receipt.events.into_iter().map(|id| (id, n + 1)));
        engine.settled().await;
    }
    clock.advance(AFTER);
    engine.settled().await;
    let runs = engine.runs(RunFilter { limit: 1000, ..RunFilter::default() }).await.unwrap();
    let mut fired: Vec<Firing> = Vec::new();
    for run in runs {
        assert_eq!(run.status, RunStatus::Done, "{run:?}");
        assert_eq!(run.end.as_ref().unwrap()["outcome"], json!("resolved"), "{run:?}");
        let number = run.event.as_ref().map_or(0, |id| number_of[id]);
        fired.push((number, run.runbook, run.params));
    }
    fired.sort_by_key(|(n, name, params)| (*n, name.clone(), params.to_string()));
    fired
}

/// `expected.tsv`: case, number of the event, runbook, parameters; a case that starts nothing has `-` as its number.
fn expected(folder: &Path) -> BTreeMap<String, Vec<Firing>> {
    let mut all: BTreeMap<String, Vec<Firing>> = BTreeMap::new();
    for line in read(folder, "expected.tsv").lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns[..] {
            [case, "-"] => assert!(all.insert(case.to_owned(), Vec::new()).is_none(), "{line}"),
            [case, number, runbook, params] => {
                let params = serde_json::from_str(params).unwrap_or_else(|e| panic!("{line}: {e}"));
                all.entry(case.to_owned()).or_default().push((number.parse().unwrap(), runbook.to_owned(), params));
            }
            _ => panic!("{}: {line}", folder.display()),
        }
    }
    for fired in all.values_mut() {
        fired.sort_by_key(|(n, name, params)| (*n, name.clone(), params.to_string()));
    }
    all
}

fn cases(folder: &Path) -> Vec<(String, Vec<Sent>)> {
    let mut cases: Vec<(String, Vec<Sent>)> = Vec::new();
    for line in read(folder, "events.jsonl").lines() {
        let sent: Sent = serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {line}: {e}", folder.display()));
        match cases.iter_mut().find(|(name, _)| *name == sent.case) {
            Some((_, events)) => events.push(sent),
            None => cases.push((sent.case.clone(), vec![sent])),
        }
    }
    cases
}

#[tokio::test]
async fn rules_of_others_start_exactly_the_runs_that_they_expect() {
    let (mut with, mut none, mut quiet, mut wrong) = (0, 0, 0, Vec::new());
    let all = folders();
    for folder in &all {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (program, paths) = match loaded(folder) {
            Ok(loaded) => loaded,
            Err(why) => {
                wrong.push(why);
                continue;
            }
        };
        // Where the time of an event is its own, it does not matter when it comes.
        let timed = read(folder, "main.rrb").contains("\"x-time\"");
        let modes: &[Mode] = if timed { &[Mode::Live, Mode::Backlog, Mode::Backwards] } else { &[Mode::Live] };
        let mut expected = expected(folder);
        for (case, events) in cases(folder) {
            let wanted = expected.remove(&case).unwrap_or_else(|| panic!("{name}: nothing is expected of `{case}`"));
            for mode in modes {
                let mut got = firings(&program, &paths[0], &events, *mode).await;
                let mut want = wanted.clone();
                if *mode != Mode::Live {
                    // The event by which they are complete is the one that came last.
                    got.iter_mut().chain(&mut want).for_each(|f| f.0 = 0);
                    want.sort_by_key(|(n, name, params)| (*n, name.clone(), params.to_string()));
                    got.sort_by_key(|(n, name, params)| (*n, name.clone(), params.to_string()));
                }
                if got != want {
                    let lines =
                        |all: &[Firing]| all.iter().map(|(n, r, p)| format!("\n    {n}\t{r}\t{p}")).collect::<String>();
                    wrong.push(format!("{name}, {case}, {mode:?}:\n  wanted:{}\n  got:{}", lines(&want), lines(&got)));
                }
            }
            let firing = wanted.iter().map(|f| f.0).collect::<std::collections::BTreeSet<_>>().len();
            with += usize::from(!wanted.is_empty());
            none += usize::from(wanted.is_empty());
            quiet += events.len().saturating_sub(firing);
        }
        assert!(expected.is_empty(), "{name}: no events for {expected:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{} projects, {with} cases that fire, {none} that do not, {quiet} events that start nothing", all.len());
}
