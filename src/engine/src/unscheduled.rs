//! A program of which the clock starts only some runbooks: for `rrb run`, which is there for one run and not to do what the daemon does, and
//! for tests. It stays the same program, with the same content address.

use std::collections::BTreeSet;
use std::sync::Arc;

use rrb_lang::hir::{Connector, Event, Policy, Runbook, Setting, TriggerKind};
use rrb_lang::ids::{ConstId, FnId, RunbookId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::types::Ty;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{RunInput, SettingValues};

use crate::code::{Code, Evaluated, Interpreter, Loader, PlanMaker};
use crate::compiled::Compiled;

/// A program without some of its schedules. Triggers on events stay: an event that was taken must be looked at by all of them.
#[derive(Debug, Clone)]
pub struct Unscheduled {
    compiled: Compiled,
    runbooks: Vec<Runbook>,
    /// Windows of triggers end by the clock.
    by_clock: bool,
    /// Writing it down writes its name only.
    by_name: bool,
}

impl Unscheduled {
    /// For a process that hears nothing: time starts nothing in it, and silence means nothing.
    pub fn by_hand(program: Arc<Program>) -> Self {
        let runbooks = without_schedules(&program, |_| false);
        Self { compiled: Compiled(program), runbooks, by_clock: false, by_name: false }
    }

    /// For a test: the clock starts only these runbooks, or with none all that it starts live. The same process reads it again, with
    /// [`OnlyProgram`].
    pub fn in_test(program: Arc<Program>, scheduled: Option<&BTreeSet<RunbookId>>) -> Self {
        let runbooks = without_schedules(&program, |id| scheduled.is_none_or(|some| some.contains(&id)));
        Self { compiled: Compiled(program), runbooks, by_clock: true, by_name: true }
    }

    fn whole(&self) -> Arc<Compiled> {
        Arc::new(self.compiled.clone())
    }
}

fn without_schedules(program: &Program, keeps: impl Fn(RunbookId) -> bool) -> Vec<Runbook> {
    let mut runbooks = program.runbooks.clone();
    for (n, runbook) in runbooks.iter_mut().enumerate() {
        if !keeps(RunbookId(u32::try_from(n).unwrap_or(u32::MAX))) {
            runbook.triggers.retain(|t| !matches!(t.kind, TriggerKind::Every { .. } | TriggerKind::Cron { .. }));
        }
    }
    runbooks
}

impl Code for Unscheduled {
    fn id(&self) -> &str {
        self.compiled.id()
    }

    fn bytes(&self) -> Vec<u8> {
        if self.by_name { self.id().as_bytes().to_vec() } else { self.compiled.bytes() }
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
        self.by_clock
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
pub struct OnlyProgram(pub Arc<Unscheduled>);

impl Loader for OnlyProgram {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Code>, String> {
        if bytes == self.0.id().as_bytes() {
            return Ok(Arc::clone(&self.0) as Arc<dyn Code>);
        }
        Err("this test has another program".to_owned())
    }
}
