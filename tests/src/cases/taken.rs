//! What a connector makes of the bodies that its vendor sends, taken by the engine as a daemon does, behind the check of signatures.

mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rrb_engine::api::{ControlPlane as _, Delivery};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::code::event_name;
use rrb_engine::compiled::{Compiled, CompiledLoader};
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{EventFilter, EventRow, Store as _};
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, PROJECT_FILE, check};
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::program::{Program, compile};
use rrb_lang::project::{Declared, ProjectConfig, parse, settings_at_hand};
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, NativeCall, SettingValues};
use serde_json::Value;

use super::program::modules;

/// 2026-01-05T10:00:00Z
const NOW: i64 = 1_767_607_200_000;

/// A connector module, to take deliveries with.
pub struct Taker {
    program: Arc<Program>,
    project: Arc<ProjectConfig>,
    settings: SettingValues,
    /// Where its events come from: paths of webhooks, `/slack/click`, and names of events that rrb reads by itself.
    pub paths: Vec<String>,
}

/// What became of a body at one path.
pub struct Taken {
    pub path: String,
    pub events: Vec<EventRow>,
    /// Why it is a dead letter, if it is one.
    pub dead: Option<String>,
    /// What its sender is answered, where it only asks: then there is nothing else.
    pub answer: Option<String>,
    /// The calls of `acknowledge`, and why it failed, if it did.
    pub acknowledged: Vec<String>,
}

/// A world that nothing asks: events are pure.
struct Nowhere;

#[async_trait::async_trait]
impl World for Nowhere {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        EffectOutcome::Failed(Failure::new(FailureKind::Invalid, format!("`{}` was called", call.native)))
    }
}

impl Taker {
    /// The connectors of `std.MODULE` as the file beside the clone has them.
    ///
    /// # Errors
    /// When it does not check.
    pub fn of(root: &Path, module: &str) -> Result<Self, String> {
        let name = format!("std.{module}");
        let own = root.join("tests/connectors").join(module).join("events.toml");
        let own = std::fs::read_to_string(own).unwrap_or_default();
        let (project, _) = parse(PROJECT_FILE, &format!("[project]\nname = \"events\"\n{own}"));
        let modules = modules(root, &format!("use {name} as _it"))?;
        let checked = check(CheckInput { modules, project: project.clone() });
        let shown = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
        let program = compile(checked.program.as_ref().ok_or_else(shown)?, &checked.sources);
        let program = program.map_err(|e| format!("{e:?}\n{}", shown()))?;
        let constant = |id| program.constant(id).cloned();
        let declared = Declared { settings: &program.settings, types: &program.types, constants: &constant };
        let (settings, _) = settings_at_hand(declared, &project);
        let program = Arc::new(program);
        let paths = paths(&program, &name);
        Ok(Self { program, project: Arc::new(project), settings, paths })
    }

    /// Delivers a body to every path, each in a store of its own.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub async fn take(&self, headers: &BTreeMap<String, String>, body: &[u8]) -> Result<Vec<Taken>, String> {
        let mut all = Vec::new();
        for path in &self.paths {
            all.push(self.take_at(path, headers, body).await.map_err(|e| format!("{path}: {e}"))?);
        }
        Ok(all)
    }

    async fn take_at(&self, path: &str, headers: &BTreeMap<String, String>, body: &[u8]) -> Result<Taken, String> {
        let store = Arc::new(MemoryStore::new());
        let config = EngineConfig::new(Arc::new(CompiledLoader));
        let clock = Arc::new(ManualClock::at(NOW));
        let engine = Engine::open(Arc::clone(&store) as _, Arc::new(Nowhere), clock, config).await;
        let engine = engine.map_err(|e| e.to_string())?;
        let loaded = Loaded::new(Arc::clone(&self.program), self.settings.clone(), Arc::clone(&self.project));
        engine.load(loaded).await.map_err(|e| e.to_string())?;
        let delivery = Delivery {
            path: path.to_owned(),
            instance: "default".to_owned(),
            body: body.to_vec(),
            headers: headers.clone(),
            query: BTreeMap::new(),
        };
        let mut taken = told::told(&self.program, &self.settings, &delivery).await?;
        if taken.answer.is_some() {
            return Ok(taken);
        }
        let receipt = engine.deliver(delivery).await.map_err(|e| e.to_string())?;
        engine.settled().await;
        let filter = EventFilter { limit: 20_000, ..EventFilter::default() };
        let mut events = store.events(filter).await.map_err(|e| e.to_string())?;
        let place = |e: &EventRow| receipt.events.iter().position(|id| *id == e.id);
        events.sort_by_key(place);
        taken.events = events;
        taken.dead = receipt.dead;
        Ok(taken)
    }
}

fn paths(program: &Arc<Program>, module: &str) -> Vec<String> {
    let code = Compiled(Arc::clone(program));
    let own = |e: &&Event| program.connectors.get(e.connector.index()).is_some_and(|c| c.module == module);
    let of = |e: &Event| match &e.source {
        EventSource::Webhook { path } => path.to_string(),
        EventSource::Poll { .. } | EventSource::Feed { .. } => event_name(&code, e),
    };
    let mut paths: Vec<String> = program.events.iter().filter(own).map(of).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Whether an event holds what was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw {
    /// `raw` is the whole body.
    Whole,
    /// `raw` is a part of the body, one of the many that it carries.
    Part,
    /// There is a `raw`, and it is not what came.
    Differs,
    Missing,
}

/// Whether `raw` of an event is what came, to the last digit and in the order of its members.
pub fn raw(event: &EventRow, body: &[u8]) -> Raw {
    let Ok(came) = serde_json::from_slice::<Value>(body) else { return Raw::Missing };
    // The events of `std.webhook` call it `body`.
    let Some(raw) = event.payload.get("raw").or_else(|| event.payload.get("body")) else { return Raw::Missing };
    if same(raw, &came) {
        Raw::Whole
    } else if parts(&came).iter().any(|part| same(raw, part)) {
        Raw::Part
    } else {
        Raw::Differs
    }
}

/// Equal, with members in the same order: values of `serde_json` are equal in any.
fn same(one: &Value, other: &Value) -> bool {
    let texts = (one.to_string(), other.to_string());
    texts.0 == texts.1
}

/// The items of every list in a body, the objects in it, and JSON that stands in it as text.
fn parts(value: &Value) -> Vec<Value> {
    let inner: Vec<Value> = match value {
        Value::Array(items) => items.clone(),
        Value::Object(members) => members.values().cloned().collect(),
        Value::String(text) => {
            serde_json::from_str::<Value>(text).ok().filter(|v| v.is_object() || v.is_array()).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let below: Vec<Value> = inner.iter().flat_map(parts).collect();
    inner.into_iter().chain(below).collect()
}
