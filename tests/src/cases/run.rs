//! One run of one case: every command is performed by the live world, one after the other, under a clock that stands still.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use rrb_engine::world::World as _;
use rrb_lang::ids::RunbookId;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::Machine;
use rrb_lang::vm::protocol::{
    Command, Effect, EffectOutcome, Input, Limits, Millis, NativeCall, Note, Plan, Resolution, RunEnd, RunInput,
};
use rrb_world::live::LiveWorld;

use super::program::Program;

/// 2026-01-05T10:00:00Z
const BEGINNING: Millis = 1_767_607_200_000;

/// The most commands of a case: one that never ends is a fault.
const MAX_COMMANDS: usize = 10_000;

/// What a run did and showed.
pub struct Ran {
    pub end: Result<RunEnd, String>,
    pub evidence: Vec<(String, Json)>,
    /// Names of the actions that were called, `slack.post`.
    pub actions: Vec<String>,
    /// The idempotency keys of its calls.
    pub keys: Vec<String>,
    /// How long it slept altogether, in milliseconds.
    pub slept: Millis,
    /// All that a person or a log could be shown.
    pub shown: String,
}

/// What a wait takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Nothing: the other side is a double.
    Jumps,
    /// A little: the other side has work to do.
    Passes,
}

/// How long a wait is when time passes.
const A_LITTLE: std::time::Duration = std::time::Duration::from_millis(300);

/// Runs a case to its end.
pub async fn run(world: &LiveWorld, program: &Program, case: &str, time: Time) -> Ran {
    let mut driver = Driver::new(world, time);
    driver.ran.end = driver.drive(program, case).await;
    if let Err(why) = &driver.ran.end {
        driver.ran.shown += why;
    }
    driver.ran
}

struct Driver<'w> {
    world: &'w LiveWorld,
    time: Time,
    at: Millis,
    uuids: u32,
    ran: Ran,
}

fn real() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl<'w> Driver<'w> {
    fn new(world: &'w LiveWorld, time: Time) -> Self {
        let ran = Ran {
            end: Err(String::new()),
            evidence: Vec::new(),
            actions: Vec::new(),
            keys: Vec::new(),
            slept: 0,
            shown: String::new(),
        };
        Self { world, time, at: BEGINNING, uuids: 0, ran }
    }

    async fn drive(&mut self, program: &Program, case: &str) -> Result<RunEnd, String> {
        let mut machine = Machine::new(std::sync::Arc::clone(&program.program), input(program, case)?);
        let mut waiting = VecDeque::from(machine.step(Input::Start { at: self.at }).map_err(|e| e.to_string())?);
        for _ in 0..MAX_COMMANDS {
            let command = waiting.pop_front().ok_or("the run waits for nothing and is not over")?;
            self.ran.shown += &format!("{command:?}\n");
            let (id, effect) = match command {
                Command::Start { id, effect } => (id, effect),
                Command::Note(note) => {
                    self.note(note);
                    continue;
                }
                Command::Finish(end) => return Ok(end),
                Command::Abandon { .. } | Command::Stop { .. } => continue,
            };
            let outcome = self.outcome(effect).await?;
            self.ran.shown += &format!("{outcome:?}\n");
            let completed = Input::Complete { effect: id, outcome, at: self.at };
            waiting.extend(machine.step(completed).map_err(|e| e.to_string())?);
        }
        Err(format!("the run wants more than {MAX_COMMANDS} things"))
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Evidence { name, value, .. } => self.ran.evidence.push((name, value)),
            Note::ActionBegan { info } => self.ran.actions.push(info.action.to_string()),
            Note::ActionEnded { action, .. } => self.ran.actions.push(action.to_string()),
            _ => {}
        }
    }

    async fn outcome(&mut self, effect: Effect) -> Result<EffectOutcome, String> {
        Ok(match effect {
            Effect::Call(call) => self.call(call).await,
            Effect::Gate(_) => EffectOutcome::Done(Value::Nothing),
            Effect::Sleep { until } => {
                match self.time {
                    Time::Jumps => self.ran.slept += (until - self.at).max(0),
                    Time::Passes => tokio::time::sleep(A_LITTLE).await,
                }
                self.at = self.at.max(until);
                EffectOutcome::Done(Value::Nothing)
            }
            Effect::Plan(_) => EffectOutcome::Planned(Plan::default()),
            Effect::Approval(_) => EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: self.at },
            Effect::Event(_) => EffectOutcome::Done(Value::None),
            Effect::Resolve(_) => EffectOutcome::Resolved(Resolution::Unknown),
            other => return Err(format!("a case has no answer for what it wants: {}", other.kind())),
        })
    }

    async fn call(&mut self, mut call: NativeCall) -> EffectOutcome {
        self.ran.actions.push(call.action.to_string());
        self.ran.keys.extend(call.key.iter().map(ToString::to_string));
        match call.native.as_str() {
            "core.now" | "now" | "time.now" => return EffectOutcome::Done(Value::Time(self.at)),
            "core.random" | "random" => return EffectOutcome::Done(Value::Float(0.5)),
            "core.uuid" | "uuid" => {
                self.uuids += 1;
                let text = format!("00000000-0000-4000-8000-{:012}", self.uuids);
                return EffectOutcome::Done(Value::text(text));
            }
            _ => {}
        }
        // The live world holds calls to deadlines by the real clock.
        call.deadline = call.deadline.map(|d| d - self.at + real());
        self.world.perform(&call).await
    }
}

fn input(program: &Program, case: &str) -> Result<RunInput, String> {
    let at = program.program.runbooks.iter().position(|r| r.name == case).ok_or("no such runbook")?;
    Ok(RunInput {
        run: "run_1".into(),
        runbook: RunbookId(u32::try_from(at).unwrap_or_default()),
        params: vec![],
        settings: program.settings.clone(),
        requester: "test".into(),
        limits: Limits::default(),
        instances: Some(
            program.project.named_instances().into_iter().map(|(k, v)| (k, v.into_iter().collect())).collect(),
        ),
        parent: None,
    })
}
