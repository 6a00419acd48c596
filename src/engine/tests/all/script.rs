//! Programs for tests: runbooks are lists of steps, conditions are closures.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rrb_engine::code::{Code, Evaluated, Interpreter, Loader, PlanMaker, PlanStep};
use rrb_lang::hir::{
    CancelWhen, Concurrency, Conjunct, Connector, Dedupe, Event, EventSource, GiveUp, Limit, Outcome, Param, Runbook,
    Setting, Trigger, TriggerKind,
};
use rrb_lang::ids::{ConnectorId, ConstId, EventId, FnId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{ConcurrencyMode, Effect as EffectClass};
use rrb_lang::types::{Ty, Type};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    ActionInfo, ApprovalAsk, Asked, CallClass, Command, Cover, Effect, EffectId, EffectOutcome, Failure, FailureKind,
    Input, Millis, NativeCall, Note, Plan, PlanRequest, Repeat, RunEnd, RunInput, SettingValues, UnknownCall,
};
use serde::{Deserialize, Serialize};

pub fn span() -> Span {
    Span { file: FileId(0), start: 0, end: 0 }
}

/// One thing a runbook of a test does.
#[derive(Debug, Clone)]
pub enum Step {
    Read(&'static str),
    Change(Change),
    Sleep(i64),
    Approve(Box<ApprovalAsk>),
    Evidence(&'static str),
    Ineffective,
    Panic,
}

#[derive(Debug, Clone)]
pub struct Change {
    pub name: &'static str,
    pub repeat: Again,
    pub target: Option<&'static str>,
    pub on_busy_fail: bool,
    pub waived_until: Option<Millis>,
    pub covered: bool,
    pub undo: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Again {
    Once,
    Always,
    Keyed(i64),
}

pub fn change(name: &'static str) -> Change {
    Change {
        name,
        repeat: Again::Once,
        target: None,
        on_busy_fail: false,
        waived_until: None,
        covered: false,
        undo: None,
    }
}

/// An approval by two of `sre` within an hour.
pub fn ask() -> ApprovalAsk {
    ApprovalAsk {
        question: "Drain n7?".into(),
        from: vec![Asked::Group("sre".into())],
        quorum: 2,
        allow_requester: false,
        require_comment: false,
        expires: 3_600_000,
        escalate: vec![],
        remind_every_ms: None,
        showing: Json::Null,
        plan: Plan::default(),
        again: false,
    }
}

type Condition = Box<dyn Fn(&[Value]) -> Result<Evaluated, String> + Send + Sync>;

/// A program for tests.
#[derive(Default)]
pub struct Script {
    pub id: String,
    pub runbooks: Vec<Runbook>,
    pub steps: Vec<Arc<Vec<Step>>>,
    pub events: Vec<Event>,
    pub connectors: Vec<Connector>,
    conditions: Vec<Condition>,
}

impl Script {
    /// A program with the connector `alerts`, whose events `firing` and `resolved` come to `/alerts` as `{ "alerts": [...] }`.
    pub fn new(id: &str) -> Self {
        let mut script = Self { id: id.to_owned(), ..Self::default() };
        script.connectors.push(Connector {
            name: "alerts".into(),
            module: "std".into(),
            docs: String::new(),
            settings: vec![],
            span: span(),
        });
        for status in ["firing", "resolved"] {
            let each = script.condition(|args| match &args[0] {
                Value::Json(body) => match body.field("alerts") {
                    Json::List(items) => Ok(list(items.iter().cloned())),
                    other => Err(format!("`alerts` is {}, expected a list", other.kind())),
                },
                _ => Err("no body".into()),
            });
            let emit = script.condition(move |args| {
                let Value::Json(item) = &args[3] else { return Err("no item".into()) };
                match item.field("status").as_text() {
                    Some(s) if s == status => {}
                    Some(_) => return Ok(Evaluated::Skip),
                    None => return Err("`status` is missing".into()),
                }
                let text = |key: &str| Value::text(item.field(key).as_text().unwrap_or_default());
                let number = match item.field("n") {
                    Json::Int(n) => n,
                    _ => 0,
                };
                let fields = [("name", text("name")), ("node", text("node")), ("n", Value::Int(number))];
                Ok(Evaluated::Value(Value::record(fields)))
            });
            let id = script.condition(|args| {
                let Value::Json(item) = &args[3] else { return Err("no item".into()) };
                Ok(item.field("id").as_text().map_or(Evaluated::Skip, |t| Evaluated::Value(Value::text(t))))
            });
            let at = script.condition(|args| {
                let Value::Json(item) = &args[3] else { return Err("no item".into()) };
                Ok(match item.field("at") {
                    Json::Int(at) => Evaluated::Value(Value::Time(at)),
                    _ => Evaluated::Skip,
                })
            });
            script.events.push(Event {
                connector: ConnectorId(0),
                name: status.into(),
                docs: String::new(),
                ty: Ty::new(Type::Json),
                source: EventSource::Webhook { path: "/alerts".into() },
                verify: None,
                origins: None,
                answer: None,
                each: Some(each),
                id: Some(id),
                at: Some(at),
                emit,
                acknowledge: None,
                span: span(),
            });
        }
        script
    }

    /// Adds a condition.
    pub fn condition(&mut self, f: impl Fn(&[Value]) -> Result<Evaluated, String> + Send + Sync + 'static) -> FnId {
        self.conditions.push(Box::new(f));
        FnId(self.conditions.len() as u32 - 1)
    }

    /// A condition on the event that must be true.
    pub fn truth(&mut self, f: impl Fn(&[Value]) -> bool + Send + Sync + 'static) -> FnId {
        self.condition(move |args| Ok(Evaluated::Value(Value::Bool(f(args)))))
    }

    /// The key that is the first parameter.
    pub fn by_node(&mut self) -> FnId {
        self.condition(|args| Ok(Evaluated::Value(args[0].clone())))
    }

    /// Adds a runbook with the parameter `node` and no trigger.
    pub fn runbook(&mut self, name: &str, steps: Vec<Step>) -> usize {
        self.runbooks.push(Runbook {
            name: name.into(),
            module: "main".into(),
            docs: String::new(),
            params: vec![Param { name: "node".into(), docs: String::new(), ty: Ty::new(Type::Text), default: None }],
            body: FnId(0),
            on_failure: None,
            finally: None,
            owner: None,
            severity: 2,
            tags: vec![],
            controls: vec![],
            triggers: vec![],
            dedupe: None,
            limit: Limit { count: 100, per_ms: 3_600_000, key: None },
            concurrency: None,
            timeout_ms: None,
            give_up: None,
            cancel_when: vec![],
            rollback: false,
            shadow: false,
            span: span(),
        });
        self.steps.push(Arc::new(steps));
        self.runbooks.len() - 1
    }

    /// Starts the runbook on `alerts.firing` with the event's node; `name` is looked up by the index.
    pub fn on_firing(&mut self, runbook: usize, name: Option<&str>) {
        let mut condition = Vec::new();
        if let Some(name) = name {
            let wanted = name.to_owned();
            let function = self.truth(move |args| args[0].field("name").and_then(Value::as_text) == Some(&wanted));
            let operand =
                self.condition(|args| Ok(Evaluated::Value(args[0].field("name").cloned().unwrap_or(Value::None))));
            condition.push(Conjunct {
                function,
                text: format!("a.name == \"{name}\"").into(),
                operands: vec![("a.name".into(), operand)],
                equals: Some((vec!["name".into()], Value::text(name))),
                span: span(),
            });
        }
        let with = self.condition(|args| {
            let node = args[0].field("node").cloned().unwrap_or(Value::None);
            match node.as_text() {
                Some("") | None => Ok(Evaluated::Skip),
                Some("broken") => Err("the node is broken".into()),
                Some(_) => Ok(Evaluated::Value(Value::record([("node", node)]))),
            }
        });
        let kind = TriggerKind::Event { event: EventId(0), instance: None, condition, with };
        self.runbooks[runbook].triggers.push(Trigger { kind, span: span() });
    }

    pub fn dedupe(&mut self, runbook: usize, within_ms: i64) {
        let key = Some(self.by_node());
        self.runbooks[runbook].dedupe = Some(Dedupe { key, within_ms });
    }

    pub fn limit(&mut self, runbook: usize, count: u32, per_ms: i64) {
        self.runbooks[runbook].limit = Limit { count, per_ms, key: None };
    }

    pub fn give_up(&mut self, runbook: usize, count: u32, within_ms: i64) {
        let key = Some(self.by_node());
        self.runbooks[runbook].give_up = Some(GiveUp { count, within_ms, key });
    }

    pub fn concurrency(&mut self, runbook: usize, count: u32, mode: ConcurrencyMode) {
        let key = Some(self.by_node());
        self.runbooks[runbook].concurrency = Some(Concurrency { count, key, mode });
    }

    /// `cancel when alerts.resolved as r where r.node == node`
    pub fn cancel_when_resolved(&mut self, runbook: usize) {
        let condition = self.truth(|args| args[0].field("node") == Some(&args[1]));
        let because = Some("the alert cleared by itself".into());
        let clause =
            CancelWhen { event: EventId(1), instance: None, condition: Some(condition), because, span: span() };
        self.runbooks[runbook].cancel_when.push(clause);
    }

    pub fn every(&mut self, runbook: usize, kind: impl FnOnce(FnId) -> TriggerKind) {
        let with = self.condition(|_| Ok(Evaluated::Value(Value::record([("node", Value::text("n1"))]))));
        self.runbooks[runbook].triggers.push(Trigger { kind: kind(with), span: span() });
    }
}

fn list(items: impl Iterator<Item = Json>) -> Evaluated {
    Evaluated::Value(Value::list(items.map(Value::Json)))
}

/// JSON as the value it looks like; objects are records.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Int(i) => Value::Int(*i),
        Json::UInt(_) => Value::Json(json.clone()),
        Json::Float(f) => Value::Float(*f),
        Json::Text(t) => Value::Text(t.clone()),
        Json::List(items) => Value::list(items.iter().map(value)),
        Json::Object(map) => Value::record(map.iter().map(|(k, v)| (k.as_str(), value(v)))),
    }
}

fn json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) | Value::Time(i) | Value::Duration(i) | Value::Size(i) => Json::Int(*i),
        Value::Float(f) => Json::Float(*f),
        Value::Text(t) => Json::Text(t.clone()),
        Value::Json(j) => j.clone(),
        Value::List(items) => Json::list(items.iter().map(json)),
        Value::Record(r) => Json::object(r.names.iter().cloned().zip(r.values.iter().map(json))),
        Value::Map(map) => {
            let members: IndexMap<_, _> =
                map.iter().map(|(k, v)| (k.as_text().unwrap_or_default().into(), json(v))).collect();
            Json::Object(Arc::new(members))
        }
        Value::Secret(secret) => Json::Text(secret.to_string().into()),
        _ => Json::Null,
    }
}

impl Code for Script {
    fn policies(&self) -> &[rrb_lang::hir::Policy] {
        &[]
    }

    fn policies_digest(&self) -> &str {
        ""
    }

    fn changes(&self, _: &Runbook) -> bool {
        true
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn bytes(&self) -> Vec<u8> {
        self.id.clone().into_bytes()
    }

    fn connectors(&self) -> &[Connector] {
        &self.connectors
    }

    fn events(&self) -> &[Event] {
        &self.events
    }

    fn runbooks(&self) -> &[Runbook] {
        &self.runbooks
    }

    fn settings(&self) -> &[Setting] {
        &[]
    }

    fn site(&self, id: SiteId) -> Option<String> {
        Some(format!("test.rrb:{}:1", id.0))
    }

    fn eval(&self, function: FnId, args: Vec<Value>, _: &SettingValues, _: &str) -> Result<Evaluated, String> {
        self.conditions[function.index()](&args)
    }

    fn decode(&self, ty: &Ty, given: &Json) -> Result<Value, String> {
        match (&**ty, given) {
            (Type::Text, Json::Text(t)) => Ok(Value::Text(t.clone())),
            (Type::Text, other) => Err(format!("expected a text, found {}", other.kind())),
            (Type::Json, Json::Text(t)) if t == "bad" => Err("expected an object".into()),
            (_, other) => Ok(value(other)),
        }
    }

    fn literal(&self, _: &Ty, text: &str) -> Result<Value, String> {
        Err(format!("`{text}` is no literal"))
    }

    fn constant(&self, _: ConstId) -> Option<Value> {
        None
    }

    fn to_json(&self, value: &Value) -> Json {
        json(value)
    }

    fn begin(self: Arc<Self>, input: &RunInput) -> Result<Box<dyn Interpreter>, String> {
        Ok(Box::new(Walker::new(self, input)))
    }

    fn restore(self: Arc<Self>, input: &RunInput, snapshot: &[u8]) -> Result<Box<dyn Interpreter>, String> {
        let mut walker = Walker::new(self, input);
        walker.state = serde_json::from_slice(snapshot).map_err(|e| e.to_string())?;
        Ok(Box::new(walker))
    }

    fn plan(self: Arc<Self>, _: &RunInput, machine: &[u8]) -> Result<Box<dyn PlanMaker>, String> {
        let state: State = serde_json::from_slice(machine).map_err(|e| e.to_string())?;
        Ok(Box::new(Planner { read: false, at: state.pc }))
    }
}

/// Reads once, then has a plan.
struct Planner {
    read: bool,
    at: usize,
}

impl PlanMaker for Planner {
    fn step(&mut self, _: Option<(EffectId, EffectOutcome)>, _: Millis) -> PlanStep {
        if self.read {
            let digest = format!("plan-of-{}", self.at);
            return PlanStep::Done(Plan { entries: vec![], digest, ..Plan::default() });
        }
        self.read = true;
        let id = EffectId { fiber: "plan".into(), site: SiteId(0), count: 0 };
        PlanStep::Read(id, Box::new(call("plan.read", EffectClass::Reads, Again::Always, 0)))
    }
}

/// Finds the scripts of a test again.
#[derive(Default)]
pub struct Shelf(pub HashMap<String, Arc<Script>>);

impl Loader for Shelf {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Code>, String> {
        let id = String::from_utf8_lossy(bytes).into_owned();
        let script = self.0.get(&id).ok_or_else(|| format!("there is no program `{id}`"))?;
        Ok(script.clone() as Arc<dyn Code>)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    pc: usize,
    phase: Phase,
    open: Vec<EffectId>,
    undo: Vec<String>,
    cover: Option<(EffectId, String)>,
    at: Millis,
    end: Option<RunEnd>,
    ineffective: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum Phase {
    #[default]
    Enter,
    Gate,
    Call,
    Unknown,
    Plan,
    Ask,
    Sleep,
    Undo,
}

/// Goes through the steps of a runbook.
struct Walker {
    steps: Arc<Vec<Step>>,
    timeout: Option<i64>,
    state: State,
}

fn call(name: &str, effect: EffectClass, repeat: Again, at: Millis) -> NativeCall {
    NativeCall {
        native: name.into(),
        args: vec![("n".into(), Value::Int(1))],
        effect,
        repeat: match repeat {
            Again::Once => Repeat::Never,
            Again::Always => Repeat::Always,
            Again::Keyed(ms) => Repeat::KeyedUntil(at + ms),
        },
        key: None,
        attempt: 1,
        deadline: Some(at + 60_000),
        action: name.into(),
        instance: "default".into(),
    }
}

impl Walker {
    fn new(script: Arc<Script>, input: &RunInput) -> Self {
        let steps = script.steps[input.runbook.index()].clone();
        let timeout = script.runbooks[input.runbook.index()].timeout_ms;
        Self { steps, timeout, state: State::default() }
    }

    fn id(&self, count: u32) -> EffectId {
        EffectId { fiber: "".into(), site: SiteId(self.state.pc as u32), count }
    }

    fn timer() -> EffectId {
        EffectId { fiber: "".into(), site: EffectId::RUN_SITE, count: 0 }
    }

    fn issue(&mut self, out: &mut Vec<Command>, id: EffectId, effect: Effect, phase: Phase) {
        self.state.phase = phase;
        self.state.open.push(id.clone());
        out.push(Command::Start { id, effect });
    }

    fn info(&self, change: &Change) -> ActionInfo {
        let cover = match (&self.state.cover, change.waived_until) {
            (Some((effect, digest)), _) if change.covered => {
                Some(Cover::Approval { effect: effect.clone(), digest: digest.clone() })
            }
            (_, Some(until)) => Some(Cover::Waiver { reason: "old".into(), by: "ana".into(), until }),
            _ => None,
        };
        ActionInfo {
            action: change.name.into(),
            connector: "k8s".into(),
            instance: "default".into(),
            target: change.target.map(Into::into),
            on_busy_fail: change.on_busy_fail,
            effect: EffectClass::Destroys,
            args: vec![],
            rollback: false,
            cover,
            site: SiteId(self.state.pc as u32),
            class: CallClass::Idempotent,
            approvals: Vec::new(),
        }
    }

    fn change(&self) -> Option<Change> {
        match self.steps.get(self.state.pc) {
            Some(Step::Change(change)) => Some(change.clone()),
            _ => None,
        }
    }

    /// Goes on until something has to be waited for.
    fn walk(&mut self, out: &mut Vec<Command>) {
        if self.state.end.is_some() {
            return self.unwind(out);
        }
        let at = self.state.at;
        match self.steps.clone().get(self.state.pc) {
            None => self.finish(out, Outcome::Resolved, "done"),
            Some(Step::Panic) => panic!("a step that panics"),
            Some(Step::Ineffective) => {
                self.state.ineffective = true;
                self.next(out);
            }
            Some(Step::Evidence(name)) => {
                let value = Json::from(*name);
                out.push(Command::Note(Note::Evidence { site: SiteId(0), name: (*name).to_owned(), value }));
                self.next(out);
            }
            Some(Step::Read(name)) => {
                let effect = Effect::Call(call(name, EffectClass::Reads, Again::Always, at));
                self.issue(out, self.id(0), effect, Phase::Call);
            }
            Some(Step::Change(change)) => {
                let info = self.info(change);
                out.push(Command::Note(Note::ActionBegan { info: info.clone() }));
                self.issue(out, self.id(0), Effect::Gate(info), Phase::Gate);
            }
            Some(Step::Sleep(ms)) => self.issue(out, self.id(0), Effect::Sleep { until: at + ms }, Phase::Sleep),
            Some(Step::Approve(_)) => {
                let machine = serde_json::to_vec(&self.state).unwrap();
                self.issue(out, self.id(0), Effect::Plan(PlanRequest { machine }), Phase::Plan);
            }
        }
    }

    fn next(&mut self, out: &mut Vec<Command>) {
        self.state.pc += 1;
        self.state.phase = Phase::Enter;
        self.walk(out);
    }

    fn finish(&mut self, out: &mut Vec<Command>, outcome: Outcome, why: &str) {
        let ineffective = self.state.ineffective;
        let end = RunEnd { outcome, why: why.to_owned(), failure: None, ineffective, remains: vec![] };
        self.state.end = Some(end);
        if matches!(outcome, Outcome::Resolved | Outcome::Denied | Outcome::Expired) {
            self.state.undo.clear();
        }
        self.unwind(out);
    }

    /// Undoes what was done, newest first, then ends.
    fn unwind(&mut self, out: &mut Vec<Command>) {
        if let Some(name) = self.state.undo.pop() {
            let count = 100 + self.state.undo.len() as u32;
            let effect = Effect::Call(call(&name, EffectClass::Changes, Again::Always, self.state.at));
            return self.issue(out, self.id(count), effect, Phase::Undo);
        }
        for id in std::mem::take(&mut self.state.open) {
            out.push(Command::Abandon { id, why: "the run is over".into() });
        }
        out.extend(self.state.end.clone().map(Command::Finish));
    }

    fn complete(&mut self, out: &mut Vec<Command>, id: &EffectId, outcome: EffectOutcome) {
        let open = self.state.open.len();
        self.state.open.retain(|o| o != id);
        if self.state.open.len() == open {
            return;
        }
        if *id == Self::timer() {
            self.stop(out, "the run took too long");
            return;
        }
        match (self.state.phase, outcome) {
            (Phase::Undo, _) => self.unwind(out),
            (Phase::Gate, EffectOutcome::Done(_)) => {
                let Some(change) = self.change() else { return };
                let effect = Effect::Call(call(change.name, EffectClass::Destroys, change.repeat, self.state.at));
                self.issue(out, self.id(1), effect, Phase::Call);
            }
            (Phase::Call, EffectOutcome::Lost { why }) => {
                let Some(change) = self.change() else { return };
                let (call, action) = (self.id(1), self.info(&change));
                let unknown = UnknownCall { native: action.action.clone(), action, call, why, ret: None };
                self.issue(out, self.id(2), Effect::Resolve(unknown), Phase::Unknown);
            }
            (Phase::Call | Phase::Unknown | Phase::Sleep, EffectOutcome::Done(_) | EffectOutcome::Resolved(_)) => {
                self.state.undo.extend(self.change().and_then(|c| c.undo).map(str::to_owned));
                if self.state.end.is_some() {
                    return self.unwind(out);
                }
                self.next(out);
            }
            (Phase::Plan, EffectOutcome::Planned(plan)) => {
                let Some(Step::Approve(ask)) = self.steps.clone().get(self.state.pc).cloned() else { return };
                let mut ask = *ask;
                ask.expires += self.state.at;
                ask.escalate.iter_mut().for_each(|(at, _)| *at += self.state.at);
                self.state.cover = Some((self.id(1), plan.digest.clone()));
                ask.plan = plan;
                self.issue(out, self.id(1), Effect::Approval(ask), Phase::Ask);
            }
            (Phase::Ask, EffectOutcome::Approved { .. }) => self.next(out),
            (Phase::Ask, EffectOutcome::Refused { reason, expired, .. }) => {
                self.finish(out, if expired { Outcome::Expired } else { Outcome::Denied }, &reason);
            }
            (_, EffectOutcome::Failed(failure)) => {
                let outcome = if failure.kind == FailureKind::Denied { Outcome::Denied } else { Outcome::Failed };
                self.state.undo.clear();
                self.finish(out, outcome, &failure.message);
            }
            (phase, other) => self.finish(out, Outcome::Failed, &format!("{phase:?} {other:?}")),
        }
    }

    /// Stops at the next place where it may: a call in flight ends first.
    fn stop(&mut self, out: &mut Vec<Command>, why: &str) {
        if self.state.end.is_some() {
            return;
        }
        let in_flight = matches!(self.state.phase, Phase::Call | Phase::Unknown);
        let open = std::mem::take(&mut self.state.open);
        for id in open {
            if id == Self::timer() || !in_flight {
                out.push(Command::Abandon { id, why: why.to_owned() });
            } else {
                self.state.open.push(id);
            }
        }
        let failure = Some(Failure::new(FailureKind::Cancelled, why));
        let end =
            RunEnd { outcome: Outcome::Cancelled, why: why.to_owned(), failure, ineffective: false, remains: vec![] };
        self.state.end = Some(end);
        if !in_flight {
            self.unwind(out);
        }
    }
}

impl Interpreter for Walker {
    fn step(&mut self, input: Input) -> Result<Vec<Command>, String> {
        let mut out = Vec::new();
        match input {
            Input::Start { at } => {
                self.state.at = at;
                if let Some(ms) = self.timeout {
                    self.state.open.push(Self::timer());
                    out.push(Command::Start { id: Self::timer(), effect: Effect::Sleep { until: at + ms } });
                }
                self.walk(&mut out);
            }
            Input::Complete { effect, outcome, at } => {
                self.state.at = at;
                self.complete(&mut out, &effect, outcome);
            }
            Input::Cancel { why, at } => {
                self.state.at = at;
                self.stop(&mut out, &why);
            }
        }
        Ok(out)
    }

    fn open(&self) -> Vec<EffectId> {
        self.state.open.clone()
    }

    fn snapshot(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(&self.state).map_err(|e| e.to_string())
    }
}
