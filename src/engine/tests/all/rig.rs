//! An engine with everything around it, for one test.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_engine::api::{Actor, ApiError, ControlPlane, Delivery, Receipt, RunView, StartRun, Vote};
use rrb_engine::audit::Verdict;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::engine::{Bounds, Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{ApprovalRow, DispositionRow, RunRow, RunStatus};
use rrb_engine::world::World;
use rrb_lang::project::{Group, ProjectConfig, User};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, NativeCall};
use serde_json::json;

use crate::script::{Script, Shelf, span};

/// Midnight of some day.
pub const T0: i64 = 1_700_006_400_000;

/// Counts what is asked of it.
#[derive(Default)]
pub struct Counting {
    pub calls: Mutex<Vec<String>>,
    /// Natives that never answer.
    pub hang: Mutex<Vec<String>>,
    /// Natives that panic.
    pub panic: Mutex<Vec<String>>,
    pub answers: Mutex<std::collections::HashMap<String, EffectOutcome>>,
}

#[async_trait]
impl World for Counting {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        self.calls.lock().unwrap().push(call.native.to_string());
        assert!(!self.panic.lock().unwrap().contains(&call.native.to_string()), "the world panics");
        if self.hang.lock().unwrap().contains(&call.native.to_string()) {
            std::future::pending::<()>().await;
        }
        let answer = self.answers.lock().unwrap().get(call.native.as_str()).cloned();
        answer.unwrap_or(EffectOutcome::Done(Value::Int(1)))
    }
}

impl Counting {
    pub fn times(&self, native: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|c| *c == native).count()
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

pub struct Rig {
    pub store: Arc<MemoryStore>,
    pub world: Arc<Counting>,
    pub clock: Arc<ManualClock>,
    pub script: Arc<Script>,
    pub project: Arc<ProjectConfig>,
    pub engine: Arc<Engine>,
}

/// `ana`, `bo` and `cy` are the group `sre`, `dee` and `eve` the group `leads`.
pub fn people() -> ProjectConfig {
    let mut config = ProjectConfig::default();
    for name in ["ana", "bo", "cy", "dee", "eve"] {
        let user = User { name: name.into(), email: None, login: name.into(), span: span() };
        config.users.insert(name.into(), user);
    }
    for (group, members) in [("sre", vec!["ana", "bo", "cy"]), ("leads", vec!["dee", "eve"])] {
        let members = members.into_iter().map(Into::into).collect();
        config.groups.insert(group.into(), Group { members, span: span() });
    }
    config
}

pub fn person(name: &str) -> Actor {
    Actor { person: Some(name.to_owned()), method: "terminal".to_owned() }
}

pub fn machine(method: &str) -> Actor {
    Actor { person: None, method: method.to_owned() }
}

pub fn yes() -> Vote {
    Vote { approve: true, comment: "fine".to_owned(), digest: None }
}

pub fn no() -> Vote {
    Vote { approve: false, comment: "not now".to_owned(), digest: None }
}

impl Rig {
    pub async fn new(script: Script) -> Self {
        Self::on(script, MemoryStore::new()).await.unwrap()
    }

    pub async fn on(script: Script, store: MemoryStore) -> Result<Self, ApiError> {
        let clock = Arc::new(ManualClock::at(T0));
        let (script, world) = (Arc::new(script), Arc::new(Counting::default()));
        Self::assemble(Arc::new(store), world, clock, script, Arc::new(people())).await
    }

    /// With other bounds than usual.
    pub async fn bounded(script: Script, bounds: Bounds) -> Self {
        let clock = Arc::new(ManualClock::at(T0));
        let (script, world) = (Arc::new(script), Arc::new(Counting::default()));
        let (store, project) = (Arc::new(MemoryStore::new()), Arc::new(people()));
        Self::assembled(store, world, clock, script, project, bounds).await.unwrap()
    }

    pub async fn assemble(
        store: Arc<MemoryStore>,
        world: Arc<Counting>,
        clock: Arc<ManualClock>,
        script: Arc<Script>,
        project: Arc<ProjectConfig>,
    ) -> Result<Self, ApiError> {
        Self::assembled(store, world, clock, script, project, Bounds::default()).await
    }

    async fn assembled(
        store: Arc<MemoryStore>,
        world: Arc<Counting>,
        clock: Arc<ManualClock>,
        script: Arc<Script>,
        project: Arc<ProjectConfig>,
        bounds: Bounds,
    ) -> Result<Self, ApiError> {
        let shelf = Shelf([(script.id.clone(), script.clone())].into());
        let mut config = EngineConfig::new(Arc::new(shelf));
        config.queue = 4096;
        config.bounds = bounds;
        let engine = Engine::open(store.clone(), world.clone(), clock.clone(), config).await?;
        let loaded = Loaded { code: script.clone(), settings: Default::default(), project: project.clone() };
        let rig = Self { store, world, clock, script, project, engine };
        rig.engine.load(loaded).await?;
        rig.engine.settled().await;
        Ok(rig)
    }

    /// The process is killed and started again.
    pub async fn restart(self) -> Result<Self, ApiError> {
        let store = Arc::new(self.store.reopen());
        drop(self.engine);
        tokio::task::yield_now().await;
        Self::assemble(store, self.world, self.clock, self.script, self.project).await
    }

    pub async fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.engine.settled().await;
    }

    pub async fn start(&self, runbook: &str, node: &str, by: &str) -> Result<String, ApiError> {
        let params = [("node".to_owned(), json!(node))].into();
        let started = self.engine.start(StartRun { runbook: runbook.to_owned(), params, id: None }, &person(by)).await;
        self.engine.settled().await;
        started
    }

    pub async fn view(&self, run: &str) -> RunView {
        self.engine.run(run).await.unwrap()
    }

    pub async fn row(&self, run: &str) -> RunRow {
        self.view(run).await.run
    }

    /// `done: resolved`, or the status.
    pub async fn state(&self, run: &str) -> String {
        let row = self.row(run).await;
        match (row.status, &row.end) {
            (RunStatus::Done, Some(end)) => format!("done: {}", end["outcome"].as_str().unwrap()),
            (status, _) => status.to_string(),
        }
    }

    pub async fn open_approval(&self) -> ApprovalRow {
        let open = self.engine.approvals(true).await.unwrap();
        assert_eq!(open.len(), 1, "exactly one approval is open: {open:?}");
        open.into_iter().next().unwrap()
    }

    pub async fn vote(&self, approval: &str, vote: Vote, by: &str) -> Result<ApprovalRow, ApiError> {
        let row = self.engine.vote(approval, vote, &person(by)).await;
        self.engine.settled().await;
        row
    }

    /// Delivers alerts to the webhook.
    pub async fn alerts(&self, alerts: serde_json::Value) -> Result<Receipt, ApiError> {
        let receipt = self.engine.deliver(delivery(json!({ "alerts": alerts }).to_string().into_bytes())).await;
        self.engine.settled().await;
        receipt
    }

    /// One firing alert; gives what became of it.
    pub async fn firing(&self, name: &str, node: &str) -> Vec<DispositionRow> {
        let receipt = self.alerts(json!([{ "status": "firing", "name": name, "node": node }])).await.unwrap();
        self.why(&receipt.events[0]).await
    }

    pub async fn why(&self, event: &str) -> Vec<DispositionRow> {
        self.engine.why(event).await.unwrap().dispositions
    }

    pub async fn audited(&self, kind: &str) -> Vec<serde_json::Value> {
        let records = self.engine.audit(0, 100_000, None).await.unwrap();
        records.into_iter().filter(|r| r.draft.kind == kind).map(|r| r.draft.body).collect()
    }

    pub async fn audit_is_intact(&self) {
        let verdict = self.engine.verify_audit().await.unwrap();
        assert!(matches!(verdict, Verdict::Intact { .. }), "{verdict:?}");
    }
}

pub fn delivery(body: Vec<u8>) -> Delivery {
    let (headers, query) = Default::default();
    Delivery { path: "/alerts".to_owned(), instance: "default".to_owned(), body, headers, query }
}

pub fn verdicts(rows: &[DispositionRow]) -> Vec<&str> {
    rows.iter().map(|r| r.verdict.as_str()).collect()
}
