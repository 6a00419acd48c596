//! Runbooks from their source through checker, compiler, machine and engine: a rig with a clock, a store that can crash, and a world
//! that counts what is asked of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_engine::api::{ApiError, ControlPlane, EmitEvent, RunView, StartRun, TimelineItem, What};
use rrb_engine::audit::Verdict;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::store::{ApprovalRow, RunFilter, RunRow, RunStatus};
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::project::{self, Declared};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall, Plan};
use serde_json::json;

use crate::rig::{T0, person};

/// A connector for tests: what it does is one `POST` whose path says which.
const LAB: &str = r#"
/// A laboratory.
connector lab {
  settings { base: Url = url"http://lab.test" }

  event alert: { name: Text, node: Text } from webhook "/alert" {
    verify none because "a test"
    emit { name: body.name as Text, node: body.node as Text }
  }
  event calm: { node: Text } from webhook "/calm" {
    verify none because "a test"
    emit { node: body.node as Text }
  }

  action look(what: Text) -> Text reads {
    http.get("${base}/look/${what}").text
  }
  action set(what: Text) changes idempotent {
    do http.post("${base}/set/${what}")
  }
  action send(what: Text) changes once {
    do http.post("${base}/send/${what}")
  }
  action order(what: Text) changes keyed within 1h {
    do http.post("${base}/order/${what}")
  }
  action move_to(what: Text) changes probe { lab.look("moved") == "yes" } {
    do http.post("${base}/move/${what}")
  }
  action hold(node: Text, what: Text) changes idempotent target "node/${node}" {
    do http.post("${base}/hold/${what}")
  }
  action grab(node: Text, what: Text) changes idempotent target "node/${node}" on busy fail {
    do http.post("${base}/grab/${what}")
  }
  action wipe(node: Text) destroys idempotent target "node/${node}" {
    do http.delete("${base}/wipe/${node}")
  }
  action tell(room: Text, request: ApprovalRequest) changes idempotent {
    do http.post("${base}/tell/${room}", json: { question: request.question, plan: request.plan })
  }
}
"#;

const PROJECT: &str = r#"
[project]
name = "lab"

[users.ana]
email = "ana@lab.test"
[users.bo]
email = "bo@lab.test"
[users.cy]
email = "cy@lab.test"

[groups]
sre = ["ana", "bo", "cy"]
"#;

/// The outside: counts by path, and answers as it is told.
#[derive(Default)]
pub struct Lab {
    pub done: Mutex<Vec<String>>,
    pub keys: Mutex<Vec<Option<String>>>,
    pub texts: Mutex<HashMap<String, String>>,
    /// Paths that fail, how often, and how.
    pub fails: Mutex<HashMap<String, (usize, Failure)>>,
    /// Paths that never answer.
    pub hangs: Mutex<Vec<String>>,
}

impl Lab {
    pub fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    pub fn times(&self, what: &str) -> usize {
        self.done.lock().unwrap().iter().filter(|d| *d == what).count()
    }

    pub fn says(&self, path: &str, text: &str) {
        self.texts.lock().unwrap().insert(path.to_owned(), text.to_owned());
    }

    pub fn fails(&self, path: &str, times: usize, kind: FailureKind, happened: Happened) {
        let failure = Failure::new(kind, "the laboratory says no").happened(happened);
        self.fails.lock().unwrap().insert(path.to_owned(), (times, failure));
    }
}

fn reply(text: &str) -> Value {
    let json = rrb_lang::json::Json::from(text);
    Value::record([
        ("status", Value::Int(200)),
        ("headers", Value::Map(Arc::default())),
        ("text", Value::text(text)),
        ("json", Value::Json(json)),
    ])
}

#[async_trait]
impl World for Lab {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let url = call.args.iter().find(|(n, _)| n == "url").map(|(_, v)| rrb_lang::vm::display(v)).unwrap_or_default();
        let path = url.trim_start_matches("http://lab.test").trim_start_matches('/').to_owned();
        if !path.starts_with("look/") {
            self.done.lock().unwrap().push(path.clone());
            self.keys.lock().unwrap().push(call.key.as_ref().map(ToString::to_string));
        }
        if self.hangs.lock().unwrap().contains(&path) {
            std::future::pending::<()>().await;
        }
        if let Some((left, failure)) = self.fails.lock().unwrap().get_mut(&path)
            && *left > 0
        {
            *left -= 1;
            return EffectOutcome::Failed(failure.clone());
        }
        let text = self.texts.lock().unwrap().get(&path).cloned();
        EffectOutcome::Done(reply(&text.unwrap_or_default()))
    }
}

/// Checks and compiles a project of these modules beside the laboratory.
pub fn compile(modules: &[(&str, &str)], extra: &str) -> Loaded {
    let (config, problems) = project::parse(PROJECT_FILE, &format!("{PROJECT}{extra}"));
    assert!(problems.is_empty(), "{problems:?}");
    let module = |(name, text): &(&str, &str)| ModuleSource {
        name: (*name).into(),
        file: format!("{}.rrb", name.replace('.', "/")),
        text: (*text).into(),
    };
    let modules = modules.iter().map(module).chain([module(&("lab_kit", LAB))]).collect();
    let checked = check(CheckInput { modules, project: config.clone() });
    let said = || rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program = checked.program.as_ref().unwrap_or_else(|| panic!("{}", said()));
    let program = rrb_lang::program::compile(program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Loaded::new(Arc::new(program), settings, Arc::new(config))
}

/// One module that uses the laboratory.
pub fn runbooks(text: &str) -> Loaded {
    compile(&[("main", &format!("use lab_kit.{{lab}}\n{text}"))], "")
}

pub fn again(loaded: &Loaded) -> Loaded {
    let (code, settings, project) = (loaded.code.clone(), loaded.settings.clone(), loaded.project.clone());
    Loaded { code, settings, project }
}

pub struct Bench {
    pub store: Arc<MemoryStore>,
    pub lab: Arc<Lab>,
    pub clock: Arc<ManualClock>,
    pub loaded: Loaded,
    pub engine: Arc<Engine>,
}

impl Bench {
    pub async fn new(text: &str) -> Self {
        Self::of(runbooks(text)).await
    }

    pub async fn of(loaded: Loaded) -> Self {
        let clock = Arc::new(ManualClock::at(T0));
        Self::assemble(Arc::new(MemoryStore::new()), Arc::default(), clock, loaded).await.unwrap()
    }

    pub async fn assemble(
        store: Arc<MemoryStore>,
        lab: Arc<Lab>,
        clock: Arc<ManualClock>,
        loaded: Loaded,
    ) -> Result<Self, ApiError> {
        let config = EngineConfig::new(Arc::new(CompiledLoader));
        let engine = Engine::open(store.clone(), lab.clone(), clock.clone(), config).await?;
        engine.load(again(&loaded)).await?;
        engine.settled().await;
        Ok(Self { store, lab, clock, loaded, engine })
    }

    /// The process is killed and started again.
    pub async fn restart(self) -> Self {
        let store = Arc::new(self.store.reopen());
        drop(self.engine);
        tokio::task::yield_now().await;
        Self::assemble(store, self.lab, self.clock, self.loaded).await.unwrap()
    }

    pub async fn advance(&self, ms: i64) {
        self.clock.advance(ms);
        self.engine.settled().await;
    }

    pub async fn try_start(&self, runbook: &str, params: serde_json::Value) -> Result<String, ApiError> {
        let params = params.as_object().cloned().unwrap_or_default().into_iter().collect();
        let start = StartRun { runbook: runbook.to_owned(), params, id: None };
        let run = self.engine.start(start, &person("ana")).await;
        self.engine.settled().await;
        run
    }

    pub async fn start(&self, runbook: &str, params: serde_json::Value) -> String {
        self.try_start(runbook, params).await.unwrap()
    }

    pub async fn emit(&self, event: &str, payload: serde_json::Value) -> String {
        let emit = EmitEvent { event: event.to_owned(), instance: None, payload };
        let receipt = self.engine.emit(emit, &person("ana")).await.unwrap();
        self.engine.settled().await;
        receipt.events[0].clone()
    }

    /// The alert on a node has cleared.
    pub async fn calm(&self, node: &str) -> String {
        self.emit("lab.calm", json!({ "node": node })).await
    }

    pub async fn view(&self, run: &str) -> RunView {
        self.engine.run(run).await.unwrap()
    }

    pub async fn row(&self, run: &str) -> RunRow {
        self.view(run).await.run
    }

    /// `resolved: why`, or the status.
    pub async fn state(&self, run: &str) -> String {
        let row = self.row(run).await;
        match (row.status, &row.end) {
            (RunStatus::Done, Some(end)) => {
                format!("{}: {}", end["outcome"].as_str().unwrap(), end["why"].as_str().unwrap())
            }
            (status, _) => status.to_string(),
        }
    }

    /// The only run of this runbook.
    pub async fn run_of(&self, runbook: &str) -> RunRow {
        let filter = RunFilter { runbook: Some(runbook.to_owned()), ..RunFilter::default() };
        let mut runs = self.engine.runs(filter).await.unwrap();
        assert_eq!(runs.len(), 1, "one run of `{runbook}`: {runs:?}");
        runs.remove(0)
    }

    pub async fn runs(&self) -> Vec<RunRow> {
        self.engine.runs(RunFilter::default()).await.unwrap()
    }

    pub async fn verdicts(&self, event: &str) -> Vec<String> {
        let rows = self.engine.why(event).await.unwrap().dispositions;
        rows.iter().map(|r| format!("{} {} {}", r.runbook, r.verdict, r.run.as_deref().unwrap_or("-"))).collect()
    }

    pub async fn open_approval(&self) -> ApprovalRow {
        let open = self.engine.approvals(true).await.unwrap();
        assert_eq!(open.len(), 1, "exactly one approval is open: {open:?}");
        open.into_iter().next().unwrap()
    }

    /// The plan that the open approval shows.
    pub async fn plan(&self) -> Plan {
        serde_json::from_value(self.open_approval().await.ask["plan"].clone()).unwrap()
    }

    pub async fn vote(&self, approve: bool, by: &str) {
        let open = self.open_approval().await;
        let vote = rrb_engine::api::Vote { approve, comment: "looked".to_owned(), digest: None };
        self.engine.vote(&open.id, vote, &person(by)).await.unwrap();
        self.engine.settled().await;
    }

    pub async fn engine_approvals_open(&self) -> usize {
        self.engine.approvals(true).await.unwrap().len()
    }

    pub async fn timeline(&self, run: &str) -> Vec<What> {
        self.view(run).await.timeline.into_iter().map(|i: TimelineItem| i.what).collect()
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
