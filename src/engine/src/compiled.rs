//! The engine's view of programs of the language: its compiler's tables, its machines, its planner.

use std::collections::VecDeque;
use std::sync::Arc;

use rrb_lang::hir::{Connector, Event, Policy, Runbook, Setting};
use rrb_lang::ids::{ConstId, FnId, SiteId};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::project::ProjectConfig;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::types::Ty;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Command, Effect, EffectId, EffectOutcome, Input, Millis, RunInput, SettingValues};
use rrb_lang::vm::{self, EvalError, Machine, Planner};

use crate::code::{Code, Evaluated, Interpreter, Loader, PlanMaker, PlanStep};
use crate::programs::Loaded;

/// Instructions of one condition, key or `emit`.
const FUEL: u64 = 1_000_000;

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Compiled(pub Arc<Program>);

impl Loaded {
    /// What new runs get: a compiled program with its settings and its project.
    pub fn new(program: Arc<Program>, settings: SettingValues, project: Arc<ProjectConfig>) -> Self {
        Self { code: Arc::new(Compiled(program)), settings, project }
    }
}

impl Code for Compiled {
    fn id(&self) -> &str {
        &self.0.id
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    fn connectors(&self) -> &[Connector] {
        &self.0.connectors
    }

    fn events(&self) -> &[Event] {
        &self.0.events
    }

    fn runbooks(&self) -> &[Runbook] {
        &self.0.runbooks
    }

    fn settings(&self) -> &[Setting] {
        &self.0.settings
    }

    fn policies(&self) -> &[Policy] {
        &self.0.policies
    }

    fn policies_digest(&self) -> &str {
        &self.0.policies_digest
    }

    fn changes(&self, runbook: &Runbook) -> bool {
        let parts = [Some(runbook.body), runbook.on_failure, runbook.finally];
        parts.into_iter().flatten().filter_map(|f| self.0.code(f)).any(|c| c.effect >= EffectClass::Changes)
    }

    fn site(&self, id: SiteId) -> Option<String> {
        self.0.site(id).map(ToString::to_string)
    }

    fn eval(
        &self,
        function: FnId,
        args: Vec<Value>,
        settings: &SettingValues,
        instance: &str,
    ) -> Result<Evaluated, String> {
        match vm::eval(&self.0, function, args, settings, instance, FUEL) {
            Ok(value) => Ok(Evaluated::Value(value)),
            Err(EvalError::Skip) => Ok(Evaluated::Skip),
            Err(other) => Err(other.to_string()),
        }
    }

    fn decode(&self, ty: &Ty, json: &Json) -> Result<Value, String> {
        vm::decode(&self.0.types, ty, json, &self.0.constants).map_err(|e| e.to_string())
    }

    fn literal(&self, ty: &Ty, text: &str) -> Result<Value, String> {
        vm::value_from_text(&self.0.types, ty, text, &self.0.constants).map_err(|e| e.to_string())
    }

    fn constant(&self, id: ConstId) -> Option<Value> {
        self.0.constant(id).cloned()
    }

    fn to_json(&self, value: &Value) -> Json {
        vm::shown(value)
    }

    fn begin(self: Arc<Self>, input: &RunInput) -> Result<Box<dyn Interpreter>, String> {
        Ok(Box::new(Live(Machine::new(self.0.clone(), input.clone()))))
    }

    fn restore(self: Arc<Self>, _: &RunInput, snapshot: &[u8]) -> Result<Box<dyn Interpreter>, String> {
        let machine = Machine::restore(self.0.clone(), snapshot).map_err(|e| e.to_string())?;
        Ok(Box::new(Live(machine)))
    }

    fn plan(self: Arc<Self>, _: &RunInput, machine: &[u8]) -> Result<Box<dyn PlanMaker>, String> {
        let planner = Planner::new(self.0.clone(), machine).map_err(|e| e.to_string())?;
        Ok(Box::new(Planning { planner: Some(planner), wanted: VecDeque::new() }))
    }
}

struct Live(Machine);

impl Interpreter for Live {
    fn step(&mut self, input: Input) -> Result<Vec<Command>, String> {
        self.0.step(input).map_err(|e| e.to_string())
    }

    fn open(&self) -> Vec<EffectId> {
        self.0.open_effects().into_iter().map(|(id, _)| id).collect()
    }

    fn snapshot(&self) -> Result<Vec<u8>, String> {
        Ok(self.0.snapshot())
    }
}

struct Planning {
    /// Gone once the plan was given.
    planner: Option<Planner>,
    wanted: VecDeque<Command>,
}

impl PlanMaker for Planning {
    fn step(&mut self, answer: Option<(EffectId, EffectOutcome)>, at: Millis) -> PlanStep {
        let input = match answer {
            None => Input::Start { at },
            Some((effect, outcome)) => Input::Complete { effect, outcome, at },
        };
        self.tell(input);
        while let Some(command) = self.wanted.pop_front() {
            match command {
                Command::Start { id, effect: Effect::Call(call) } => return PlanStep::Read(id, Box::new(call)),
                // Nothing else is worth waiting for when a block is only looked at.
                Command::Start { id, .. } => {
                    self.tell(Input::Complete { effect: id, outcome: EffectOutcome::Done(Value::Nothing), at });
                }
                Command::Abandon { .. } | Command::Stop { .. } | Command::Note(_) | Command::Finish(_) => {}
            }
        }
        PlanStep::Done(self.planner.take().map(Planner::into_plan).unwrap_or_default())
    }
}

impl Planning {
    fn tell(&mut self, input: Input) {
        if let Some(planner) = &mut self.planner {
            self.wanted.extend(planner.step(input));
        }
    }
}

/// Reads compiled programs from the store.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompiledLoader;

impl Loader for CompiledLoader {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn Code>, String> {
        let program = Program::from_bytes(bytes).map_err(|e| e.to_string())?;
        Ok(Arc::new(Compiled(Arc::new(program))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::check::{CheckInput, ModuleSource, check};

    const TWO_LOOPS: &str =
        "fn f(n: Int, m: Int) -> Int { var x = 0  for _a in 0..n { x += 1 }  for _b in 0..m { x += 1  x += 1 }  x }\n";

    /// The instructions that a call takes.
    fn cost(program: &Program, f: FnId, n: i64, m: i64) -> u64 {
        let runs = |fuel| {
            vm::eval(program, f, vec![Value::Int(n), Value::Int(m)], &SettingValues::new(), "default", fuel).is_ok()
        };
        let (mut too_few, mut enough) = (0, 2 * FUEL);
        while enough - too_few > 1 {
            let middle = too_few.midpoint(enough);
            *(if runs(middle) { &mut enough } else { &mut too_few }) = middle;
        }
        enough
    }

    #[test]
    fn a_condition_holds_at_the_end_of_its_fuel() {
        let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: TWO_LOOPS.into() };
        let checked = check(CheckInput { modules: vec![module], project: ProjectConfig::default() });
        let program = rrb_lang::program::compile(&checked.program.unwrap(), &checked.sources).unwrap();
        let f = program.functions.iter().position(|f| f.name == "f").map(|n| FnId(n as u32)).unwrap();
        let base = cost(&program, f, 1, 1);
        let (one, other) = (cost(&program, f, 2, 1) - base, cost(&program, f, 1, 2) - base);
        let code = Compiled(Arc::new(program));
        for (wanted, fits) in [(FUEL - 1, true), (FUEL, true), (FUEL + 1, false)] {
            let rest = |m: u64| wanted - base - m * other;
            let m = (0..one).find(|m| rest(*m).is_multiple_of(one)).unwrap();
            let (n, m) = (1 + (rest(m) / one) as i64, 1 + m as i64);
            assert_eq!(cost(&code.0, f, n, m), wanted);
            let said = code.eval(f, vec![Value::Int(n), Value::Int(m)], &SettingValues::new(), "default");
            match said {
                Ok(_) => assert!(fits, "{wanted} instructions were too many"),
                Err(why) => assert!(!fits && why.contains("the limit `fuel` was reached"), "{wanted}: {why}"),
            }
        }
    }
}
