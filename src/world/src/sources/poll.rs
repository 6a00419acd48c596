//! `from poll every D { … }`: a function that reads, asked again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::sink::Fed;
use rrb_engine::world::World;
use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::SettingValues;
use rrb_lang::vm::{self, Reading};

use super::source::{Source, Stopped};
use crate::reading::{Unread, read};

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

/// Runs the function once.
async fn ask(source: &Source, world: &dyn World, poll: &Poll<'_>) -> Result<Value, String> {
    let name = format!("poll:{}", source.spec.event);
    let reading =
        Reading::new(poll.program.clone(), poll.function, &name, poll.settings.clone(), &source.spec.instance);
    read(reading, world, &*source.clock, &mut |_| {}).await.map_err(|e| match e {
        Unread::Failed(failure) => failure.message.to_string(),
        Unread::NoRead(kind) => format!("a poll only reads, and this one asks for a {kind}"),
        Unread::Broken(why) => why,
    })
}

#[cfg(test)]
#[path = "poll_tests.rs"]
mod tests;
