//! `from poll every D { … }`: a function that reads, asked again and again.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rrb_engine::api::SourceState;
use rrb_engine::clock::Clock;
use rrb_engine::sink::Fed;
use rrb_engine::world::World;
use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Command, Effect, EffectId, EffectOutcome, Input, SettingValues};
use rrb_lang::vm::{self, Read, Reading};

use super::source::{Source, Stopped};

/// One asking may take this long.
const WITHIN: Duration = Duration::from_secs(600);

/// What is polled.
pub(super) struct Poll<'a> {
    pub every: Duration,
    pub function: FnId,
    pub program: &'a Arc<Program>,
    pub settings: &'a SettingValues,
}

pub(super) async fn run(source: &Source, world: &Arc<dyn World>, poll: Poll<'_>) -> Result<(), Stopped> {
    loop {
        let began = source.clock.now();
        let asked = tokio::time::timeout(WITHIN, ask(source, world.as_ref(), &poll));
        let answer =
            source.unless_stopped(asked).await?.unwrap_or_else(|_| Err(format!("it was not done after {WITHIN:?}")));
        match answer.and_then(|value| body(&value)) {
            Ok(body) => {
                source.bring(vec![Fed { body, headers: BTreeMap::new(), position: None }], None).await?;
            }
            // The next asking may go well: a poll is not given up.
            Err(why) => source.report(SourceState::Failing { why }),
        }
        let every = i64::try_from(poll.every.as_millis()).unwrap_or(i64::MAX);
        source.unless_stopped(source.clock.sleep_until(began.saturating_add(every))).await?;
    }
}

fn body(value: &Value) -> Result<Vec<u8>, String> {
    let json = vm::to_json(value).map_err(|e| e.to_string())?;
    serde_json::to_vec(&json).map_err(|e| e.to_string())
}

type Answer<'a> = Pin<Box<dyn Future<Output = (EffectId, EffectOutcome)> + Send + 'a>>;

/// Runs the function once.
async fn ask(source: &Source, world: &dyn World, poll: &Poll<'_>) -> Result<Value, String> {
    let name = format!("poll:{}", source.spec.event);
    let mut reading =
        Reading::new(poll.program.clone(), poll.function, &name, poll.settings.clone(), &source.spec.instance);
    let mut open = Open { world, clock: &*source.clock, answers: FuturesUnordered::new(), given_up: HashSet::new() };
    let mut input = Input::Start { at: source.clock.now() };
    loop {
        match reading.step(input).map_err(|e| e.to_string())? {
            Read::Gave(Ok(value)) => return Ok(value),
            Read::Gave(Err(failure)) => return Err(failure.message.to_string()),
            Read::Wants(commands) => commands.into_iter().try_for_each(|c| open.carry_out(c))?,
        }
        let (effect, outcome) = open.next().await?;
        input = Input::Complete { effect, outcome, at: source.clock.now() };
    }
}

/// What a reading waits for.
struct Open<'a> {
    world: &'a dyn World,
    clock: &'a dyn Clock,
    answers: FuturesUnordered<Answer<'a>>,
    given_up: HashSet<EffectId>,
}

impl Open<'_> {
    fn carry_out(&mut self, command: Command) -> Result<(), String> {
        let (world, clock) = (self.world, self.clock);
        match command {
            Command::Start { id, effect: Effect::Call(call) } => {
                self.answers.push(Box::pin(async move { (id, world.look(&call).await) }));
            }
            Command::Start { id, effect: Effect::Sleep { until } } => {
                self.answers.push(Box::pin(async move {
                    clock.sleep_until(until).await;
                    (id, EffectOutcome::Done(Value::Nothing))
                }));
            }
            Command::Start { effect, .. } => {
                return Err(format!("a poll only reads, and this one asks for a {}", effect.kind()));
            }
            Command::Abandon { id, .. } | Command::Stop { id, .. } => {
                self.given_up.insert(id);
            }
            Command::Note(_) | Command::Finish(_) => {}
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(EffectId, EffectOutcome), String> {
        while let Some((id, outcome)) = self.answers.next().await {
            if !self.given_up.remove(&id) {
                return Ok((id, outcome));
            }
        }
        Err("it waits for nothing; this is a defect of rrb".to_owned())
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
