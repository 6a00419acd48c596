//! A loaded program as the engine uses it: its tables, its conditions and its machines. A seam, so that the driver and the matcher can
//! be tested with machines and conditions made for the test.

use std::collections::HashMap;
use std::sync::Arc;

use rrb_lang::hir::{Connector, Event, Policy, Runbook, Setting};
use rrb_lang::ids::{FnId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::types::Ty;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    Command, EffectId, EffectOutcome, Input, Millis, NativeCall, Plan, RunInput, SettingValues,
};

/// One machine: performs nothing, says what it wants.
pub trait Interpreter: Send {
    /// Takes an input and gives the commands to carry out, in order.
    ///
    /// # Errors
    /// When the input does not fit the machine's state: its journal is not its own.
    fn step(&mut self, input: Input) -> Result<Vec<Command>, String>;

    /// The effects whose answers the machine waits for.
    fn open(&self) -> Vec<EffectId>;

    /// The whole state.
    ///
    /// # Errors
    /// When it cannot be written down.
    fn snapshot(&self) -> Result<Vec<u8>, String>;
}

/// What a planner wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanStep {
    /// Perform this call: it reads.
    Read(EffectId, Box<NativeCall>),
    Done(Plan),
}

/// Runs a block ahead: reads are live, changes are simulated.
pub trait PlanMaker: Send {
    /// Begins with `None`, goes on with the answer of the read it asked for.
    fn step(&mut self, answer: Option<(EffectId, EffectOutcome)>, at: Millis) -> PlanStep;
}

/// What an expression gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    Value(Value),
    /// It said `skip`.
    Skip,
}

/// A loaded program.
pub trait Code: Send + Sync + 'static {
    /// Its content address.
    fn id(&self) -> &str;
    fn bytes(&self) -> Vec<u8>;
    fn connectors(&self) -> &[Connector];
    fn events(&self) -> &[Event];
    fn runbooks(&self) -> &[Runbook];
    fn settings(&self) -> &[Setting];

    /// What is asked before runs and calls.
    fn policies(&self) -> &[Policy];

    /// Of what the policies say.
    fn policies_digest(&self) -> &str;

    /// Whether a run of this runbook may do more than read.
    fn changes(&self, runbook: &Runbook) -> bool;

    /// Whether time fires its triggers. Not in a process that hears nothing: silence means nothing there.
    fn by_clock(&self) -> bool {
        true
    }

    /// A site as timelines show it: `runbooks/disk.rrb:12:5`.
    fn site(&self, id: SiteId) -> Option<String>;

    /// Calls a pure function.
    ///
    /// # Errors
    /// What went wrong, in words.
    fn eval(
        &self,
        function: FnId,
        args: Vec<Value>,
        settings: &SettingValues,
        instance: &str,
    ) -> Result<Evaluated, String>;

    /// Reads JSON as a type.
    ///
    /// # Errors
    /// Where it does not fit and what was expected.
    fn decode(&self, ty: &Ty, json: &Json) -> Result<Value, String>;

    /// Reads a text as a literal of a type: `5m`, `10MiB`, `0.8`, `[1, 2]`.
    ///
    /// # Errors
    /// What was expected.
    fn literal(&self, ty: &Ty, text: &str) -> Result<Value, String>;

    /// The value of a constant, e.g. a parameter's default.
    fn constant(&self, id: rrb_lang::ids::ConstId) -> Option<Value>;

    /// A value as JSON; secrets as their references.
    fn to_json(&self, value: &Value) -> Json;

    /// A new machine for a run.
    ///
    /// # Errors
    /// When the input does not fit the program.
    fn begin(self: Arc<Self>, input: &RunInput) -> Result<Box<dyn Interpreter>, String>;

    /// A machine as it was.
    ///
    /// # Errors
    /// When the snapshot is not one of this program.
    fn restore(self: Arc<Self>, input: &RunInput, snapshot: &[u8]) -> Result<Box<dyn Interpreter>, String>;

    /// A planner from the copy of a machine in a plan request.
    ///
    /// # Errors
    /// When the copy is not one of this program.
    fn plan(self: Arc<Self>, input: &RunInput, machine: &[u8]) -> Result<Box<dyn PlanMaker>, String>;
}

/// Reads programs from the bytes a store keeps.
pub trait Loader: Send + Sync + 'static {
    /// # Errors
    /// Why the bytes are no program that this version can run.
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Code>, String>;
}

/// `alertmanager.firing`
pub fn event_name(code: &dyn Code, event: &Event) -> String {
    let connector = code.connectors().get(event.connector.index()).map_or("", |c| c.name.as_str());
    format!("{connector}.{}", event.name)
}

/// The names by which people and the store know the runbooks: bare where that is unique, else with the module.
pub fn runbook_names(code: &dyn Code) -> Vec<String> {
    let mut count: HashMap<&str, u32> = HashMap::new();
    for runbook in code.runbooks() {
        *count.entry(runbook.name.as_str()).or_default() += 1;
    }
    let unique = |r: &Runbook| count.get(r.name.as_str()) == Some(&1);
    let name = |r: &Runbook| if unique(r) { r.name.to_string() } else { format!("{}.{}", r.module, r.name) };
    code.runbooks().iter().map(name).collect()
}
