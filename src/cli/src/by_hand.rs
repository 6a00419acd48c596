//! A program whose runbooks the clock does not start: for `rrb run`, which is there for one run and not to do what the daemon does.
//! It stays the same program, with the same content address.

use std::sync::Arc;

use rrb_engine::code::{Code, Evaluated, Interpreter, PlanMaker};
use rrb_engine::compiled::Compiled;
use rrb_lang::hir::{Connector, Event, Policy, Runbook, Setting, TriggerKind};
use rrb_lang::ids::{ConstId, FnId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::types::Ty;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{RunInput, SettingValues};

/// A program without its schedules. Triggers on events stay: an event that was taken must be looked at by all of them.
#[derive(Debug, Clone)]
pub struct ByHand {
    compiled: Compiled,
    runbooks: Vec<Runbook>,
}

impl ByHand {
    /// This program.
    pub fn new(program: Arc<Program>) -> Self {
        let mut runbooks = program.runbooks.clone();
        for runbook in &mut runbooks {
            runbook.triggers.retain(|t| !matches!(t.kind, TriggerKind::Every { .. } | TriggerKind::Cron { .. }));
        }
        Self { compiled: Compiled(program), runbooks }
    }

    fn whole(&self) -> Arc<Compiled> {
        Arc::new(self.compiled.clone())
    }
}

impl Code for ByHand {
    fn id(&self) -> &str {
        self.compiled.id()
    }

    fn bytes(&self) -> Vec<u8> {
        self.compiled.bytes()
    }

    fn connectors(&self) -> &[Connector] {
        self.compiled.connectors()
    }

    fn events(&self) -> &[Event] {
        self.compiled.events()
    }

    fn runbooks(&self) -> &[Runbook] {
        &self.runbooks
    }

    fn settings(&self) -> &[Setting] {
        self.compiled.settings()
    }

    fn policies(&self) -> &[Policy] {
        self.compiled.policies()
    }

    fn policies_digest(&self) -> &str {
        self.compiled.policies_digest()
    }

    fn changes(&self, runbook: &Runbook) -> bool {
        self.compiled.changes(runbook)
    }

    fn by_clock(&self) -> bool {
        false
    }

    fn site(&self, id: SiteId) -> Option<String> {
        self.compiled.site(id)
    }

    fn eval(
        &self,
        function: FnId,
        args: Vec<Value>,
        settings: &SettingValues,
        instance: &str,
    ) -> Result<Evaluated, String> {
        self.compiled.eval(function, args, settings, instance)
    }

    fn decode(&self, ty: &Ty, json: &Json) -> Result<Value, String> {
        self.compiled.decode(ty, json)
    }

    fn literal(&self, ty: &Ty, text: &str) -> Result<Value, String> {
        self.compiled.literal(ty, text)
    }

    fn constant(&self, id: ConstId) -> Option<Value> {
        self.compiled.constant(id)
    }

    fn to_json(&self, value: &Value) -> Json {
        self.compiled.to_json(value)
    }

    fn begin(self: Arc<Self>, input: &RunInput) -> Result<Box<dyn Interpreter>, String> {
        self.whole().begin(input)
    }

    fn restore(self: Arc<Self>, input: &RunInput, snapshot: &[u8]) -> Result<Box<dyn Interpreter>, String> {
        self.whole().restore(input, snapshot)
    }

    fn plan(self: Arc<Self>, input: &RunInput, machine: &[u8]) -> Result<Box<dyn PlanMaker>, String> {
        self.whole().plan(input, machine)
    }
}
