//! A function that is run in a world, and of which nothing is journaled: one that only reads, of a poll or at a prompt, or an `acknowledge`.

use std::collections::HashSet;
use std::pin::Pin;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rrb_engine::clock::Clock;
use rrb_engine::world::World;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Command, Effect, EffectId, EffectOutcome, Failure, Input, Note};
use rrb_lang::vm::{Read, Reading};

/// Why a reading gave no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Unread {
    /// The function failed.
    Failed(Box<Failure>),
    /// It asked for something that is no call, or with [`read`] no read: its kind, in a word.
    NoRead(&'static str),
    /// The machine and its driver do not understand each other.
    Broken(String),
}

/// Runs the function to its end. `tell` hears what it says on the way: logs, steps, retries.
///
/// # Errors
/// When it fails, or asks for anything but reads and waits.
pub async fn read(
    reading: Reading,
    world: &dyn World,
    clock: &dyn Clock,
    tell: &mut (dyn FnMut(&Note) + Send),
) -> Result<Value, Unread> {
    run(reading, Open { world, clock, acts: false, answers: FuturesUnordered::new(), given_up: HashSet::new() }, tell)
        .await
}

/// Runs a function that may change something to its end: an `acknowledge`. No policy is asked, since no run does it and no runbook can
/// choose it: what it does belongs to its source, as the acknowledgement of a broker does.
///
/// # Errors
/// When it fails, or asks for anything but calls and waits.
pub async fn act(reading: Reading, world: &dyn World, clock: &dyn Clock) -> Result<(), Unread> {
    let open = Open { world, clock, acts: true, answers: FuturesUnordered::new(), given_up: HashSet::new() };
    run(reading, open, &mut |_| {}).await.map(drop)
}

async fn run(mut reading: Reading, mut open: Open<'_>, tell: &mut (dyn FnMut(&Note) + Send)) -> Result<Value, Unread> {
    let clock = open.clock;
    let mut input = Input::Start { at: clock.now() };
    loop {
        match reading.step(input).map_err(|e| Unread::Broken(e.to_string()))? {
            Read::Gave(given) => {
                reading.said().iter().for_each(&mut *tell);
                return given.map_err(Unread::Failed);
            }
            Read::Wants(commands) => commands.into_iter().try_for_each(|c| open.carry_out(c, tell))?,
        }
        let (effect, outcome) = open.next().await?;
        input = Input::Complete { effect, outcome, at: clock.now() };
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = (EffectId, EffectOutcome)> + Send + 'a>>;

/// What a reading waits for.
struct Open<'a> {
    world: &'a dyn World,
    clock: &'a dyn Clock,
    /// Whether calls may change something.
    acts: bool,
    answers: FuturesUnordered<Answer<'a>>,
    given_up: HashSet<EffectId>,
}

impl Open<'_> {
    fn carry_out(&mut self, command: Command, tell: &mut (dyn FnMut(&Note) + Send)) -> Result<(), Unread> {
        let (world, clock) = (self.world, self.clock);
        match command {
            Command::Start { id, effect: Effect::Call(call) } if self.acts => {
                self.answers.push(Box::pin(async move { (id, world.perform(&call).await) }));
            }
            Command::Start { id, effect: Effect::Gate(_) } if self.acts => {
                self.answers.push(Box::pin(async move { (id, EffectOutcome::Done(Value::Nothing)) }));
            }
            Command::Start { id, effect: Effect::Call(call) } => {
                self.answers.push(Box::pin(async move { (id, world.look(&call).await) }));
            }
            Command::Start { id, effect: Effect::Sleep { until } } => {
                self.answers.push(Box::pin(async move {
                    clock.sleep_until(until).await;
                    (id, EffectOutcome::Done(Value::Nothing))
                }));
            }
            Command::Start { effect, .. } => return Err(Unread::NoRead(effect.kind())),
            Command::Abandon { id, .. } | Command::Stop { id, .. } => {
                self.given_up.insert(id);
            }
            Command::Note(note) => tell(&note),
            Command::Finish(_) => {}
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(EffectId, EffectOutcome), Unread> {
        while let Some((id, outcome)) = self.answers.next().await {
            if !self.given_up.remove(&id) {
                return Ok((id, outcome));
            }
        }
        Err(Unread::Broken("it waits for nothing; this is a defect of rrb".to_owned()))
    }
}
