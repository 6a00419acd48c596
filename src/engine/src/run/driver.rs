//! Drives a machine against a host: what the machine says is carried out in order, what the host answers goes in. Any host will do.

use rrb_lang::vm::protocol::{Command, Input, RunEnd};

use super::host::{HostError, RunHost, Signal};
use crate::code::Interpreter;

/// Drives the run to its end, or as far as it goes.
///
/// `begun`: the machine is past its start (it was restored, or driven before).
///
/// # Errors
/// [`HostError::Suspended`] when nothing but time, people or events can go on: drive the same machine again, or a restored one, when
/// something came. Everything else ends the attempt.
pub async fn drive(machine: &mut dyn Interpreter, host: &mut dyn RunHost, begun: bool) -> Result<RunEnd, HostError> {
    if !begun {
        let (_, at) = host.input();
        if let Some(end) = carry_out(step(machine, Input::Start { at })?, host).await? {
            return Ok(end);
        }
    }
    loop {
        let input = match host.next(&machine.open()).await? {
            Signal::Completed { id, outcome, at } => Input::Complete { effect: id, outcome, at },
            Signal::Cancelled { why, at } => Input::Cancel { why, at },
        };
        if let Some(end) = carry_out(step(machine, input)?, host).await? {
            return Ok(end);
        }
    }
}

fn step(machine: &mut dyn Interpreter, input: Input) -> Result<Vec<Command>, HostError> {
    machine.step(input).map_err(HostError::Machine)
}

async fn carry_out(commands: Vec<Command>, host: &mut dyn RunHost) -> Result<Option<RunEnd>, HostError> {
    for command in commands {
        match command {
            Command::Start { id, effect } => host.issue(&id, &effect).await?,
            Command::Abandon { id, why } => host.abandon(&id, &why).await?,
            Command::Stop { id, why } => host.stop(&id, &why).await?,
            Command::Note(note) => host.note(note).await?,
            Command::Finish(end) => {
                host.finish(&end).await?;
                return Ok(Some(end));
            }
        }
    }
    Ok(None)
}
