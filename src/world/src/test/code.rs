//! A program as the engine of a test has it: found again by its name, and without the schedules that the test does not speak of.

use std::collections::BTreeSet;
use std::sync::Arc;

use rrb_engine::code::{Code, Evaluated, Interpreter, Loader, PlanMaker};
use rrb_engine::compiled::Compiled;
use rrb_lang::hir::{Connector, Event, Policy, Runbook, Setting, TriggerKind};
use rrb_lang::ids::{ConstId, FnId, RunbookId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::types::Ty;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{RunInput, SettingValues};

/// A program for one test. Writing it down writes its name only: the same process reads it again.
#[derive(Debug, Clone)]
pub struct TestCode {
    compiled: Compiled,
    runbooks: Vec<Runbook>,
}

impl TestCode {
    /// This program. The clock starts only the runbooks in `by_clock`; None: all that it starts live.
    pub fn new(program: Arc<Program>, by_clock: Option<&BTreeSet<RunbookId>>) -> Self {
        let mut runbooks = program.runbooks.clone();
        for (n, runbook) in runbooks.iter_mut().enumerate() {
            let id = RunbookId(u32::try_from(n).unwrap_or(u32::MAX));
            if by_clock.is_some_and(|some| !some.contains(&id)) {
                runbook.triggers.retain(|t| !matches!(t.kind, TriggerKind::Every { .. } | TriggerKind::Cron { .. }));
            }
        }
        Self { compiled: Compiled(program), runbooks }
    }

    fn whole(&self) -> Arc<Compiled> {
        Arc::new(self.compiled.clone())
    }
}

impl Code for TestCode {
    fn id(&self) -> &str {
        self.compiled.id()
    }

    fn bytes(&self) -> Vec<u8> {
        self.id().as_bytes().to_vec()
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

/// Finds the one program of a test again.
pub struct TestLoader(pub Arc<TestCode>);

impl Loader for TestLoader {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Code>, String> {
        if bytes == self.0.id().as_bytes() {
            return Ok(Arc::clone(&self.0) as Arc<dyn Code>);
        }
        Err("this test has another program".to_owned())
    }
}
