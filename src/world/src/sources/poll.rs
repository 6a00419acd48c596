//! `from poll every D { … }`: a function that reads, asked again and again.
//!
//! A poll that takes from a queue says in `acknowledge { … }` how what it took leaves the queue. That is done when the events are durable, and
//! not before: a crash between the two leaves it in the queue, it comes again, and the `id` of the event tells that it was taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::sink::Fed;
use rrb_engine::world::World;
use rrb_lang::ids::FnId;
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::SettingValues;
use rrb_lang::vm::{self, Reading};

use super::source::{Source, Stopped};
use crate::reading::{Unread, act, read};

/// One asking may take this long.
const WITHIN: Duration = Duration::from_secs(600);

/// An acknowledgement that fails is tried again after these pauses; then the next asking brings what is still there, and acknowledges it.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// What is polled.
pub(super) struct Poll<'a> {
    pub every: Duration,
    pub function: FnId,
    pub acknowledge: Option<FnId>,
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
            Ok((json, body)) => {
                source.bring(vec![Fed { body, headers: BTreeMap::new(), position: None }], None).await?;
                acknowledge(source, world.as_ref(), &poll, &json).await?;
            }
            // The next asking may go well: a poll is not given up.
            Err(why) => source.report(SourceState::Failing { why }),
        }
        let every = i64::try_from(poll.every.as_millis()).unwrap_or(i64::MAX);
        source.unless_stopped(source.clock.sleep_until(began.saturating_add(every))).await?;
    }
}

/// What it gave, and that as a delivery has it.
fn body(value: &Value) -> Result<(Json, Vec<u8>), String> {
    let json = vm::to_json(value).map_err(|e| e.to_string())?;
    let bytes = serde_json::to_vec(&json).map_err(|e| e.to_string())?;
    Ok((json, bytes))
}

/// Runs the function once.
async fn ask(source: &Source, world: &dyn World, poll: &Poll<'_>) -> Result<Value, String> {
    let name = format!("poll:{}", source.spec.event);
    let reading =
        Reading::new(poll.program.clone(), poll.function, &name, poll.settings.clone(), &source.spec.instance);
    read(reading, world, &*source.clock, &mut |_| {}).await.map_err(why)
}

/// Says to the queue that what was asked is taken: until that succeeds, or it is left to the next asking.
async fn acknowledge(source: &Source, world: &dyn World, poll: &Poll<'_>, taken: &Json) -> Result<(), Stopped> {
    let Some(function) = poll.acknowledge else { return Ok(()) };
    let mut pauses = AGAIN.iter();
    loop {
        let name = format!("acknowledge:{}", source.spec.event);
        let none = || Value::Map(Arc::default());
        let args = vec![Value::Json(taken.clone()), none(), none()];
        let (program, settings) = (poll.program.clone(), poll.settings.clone());
        let doing = Reading::of(program, function, args, &name, settings, &source.spec.instance);
        let done = tokio::time::timeout(WITHIN, act(doing, world, &*source.clock));
        let done = source.unless_stopped(done).await?;
        let why = match done.map_err(|_| format!("it was not done after {WITHIN:?}")).and_then(|d| d.map_err(why)) {
            Ok(()) => {
                source.reading();
                return Ok(());
            }
            Err(why) => format!("what was taken could not be acknowledged: {why}"),
        };
        source.report(SourceState::Failing { why });
        let Some(pause) = pauses.next() else { return Ok(()) };
        let until = source.clock.now().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        source.unless_stopped(source.clock.sleep_until(until)).await?;
    }
}

fn why(unread: Unread) -> String {
    match unread {
        Unread::Failed(failure) => failure.message.to_string(),
        Unread::NoRead(kind) => format!("it only makes calls, and asks for a {kind}"),
        Unread::Broken(why) => why,
    }
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
