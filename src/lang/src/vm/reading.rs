//! A function on a machine of its own: what a poll asks, or an `acknowledge` does. Nothing of it is journaled, since what only reads may
//! be asked again, and what acknowledges may be done again.

use std::sync::Arc;

use super::fiber::FrameKind;
use super::image::Program;
use super::machine::{Machine, MachineError, Phase};
use super::protocol::{Command, Failure, Input, Limits, Note, RunEnd, RunInput, SettingValues};
use crate::ids::{FnId, RunbookId};
use crate::value::Value;

/// What a reading came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// Carry these out, in order, and give the answers.
    Wants(Vec<Command>),
    Gave(Result<Value, Box<Failure>>),
}

/// A function being run: one that at most reads, or acknowledges.
#[derive(Debug)]
pub struct Reading {
    machine: Machine,
    function: FnId,
    /// Until it begins.
    args: Vec<Value>,
    instance: smol_str::SmolStr,
    /// What it said with its last step, when it gave something.
    said: Vec<Note>,
}

impl Reading {
    /// A function that takes nothing. `instance` chooses the settings of its connector. `name` is in the ids of what it does:
    /// `poll:jobs.late`.
    pub fn new(program: Arc<Program>, function: FnId, name: &str, settings: SettingValues, instance: &str) -> Self {
        Self::of(program, function, Vec::new(), name, settings, instance)
    }

    /// As [`Reading::new`], of a function that takes these.
    pub fn of(
        program: Arc<Program>,
        function: FnId,
        args: Vec<Value>,
        name: &str,
        settings: SettingValues,
        instance: &str,
    ) -> Self {
        let input = RunInput {
            run: name.into(),
            // None: nothing but the function is run.
            runbook: RunbookId(u32::MAX),
            params: Vec::new(),
            settings,
            instances: None,
            requester: name.into(),
            limits: Limits::default(),
            parent: None,
        };
        Self { machine: Machine::new(program, input), function, args, instance: instance.into(), said: Vec::new() }
    }

    /// Takes [`Input::Start`] first, then the answers.
    ///
    /// # Errors
    /// When the driver answered what was not asked.
    pub fn step(&mut self, input: Input) -> Result<Read, MachineError> {
        let commands = match input {
            Input::Start { at } => {
                if self.machine.state.phase != Phase::New {
                    return Err(MachineError::AlreadyStarted);
                }
                self.machine.tick(at);
                self.machine.state.fiber.since = at;
                self.machine.state.phase = Phase::Body;
                self.machine.state.fiber.instance = self.instance.clone();
                self.machine.enter(self.function, std::mem::take(&mut self.args), FrameKind::Entry);
                self.machine.proceed()
            }
            other => self.machine.step(other)?,
        };
        self.said = notes(&commands);
        let end = commands.iter().find_map(|c| if let Command::Finish(end) = c { Some(end.clone()) } else { None });
        Ok(match end {
            None => Read::Wants(commands),
            Some(end) => Read::Gave(self.result(end)),
        })
    }

    /// What it said since the step before the last: with [`Read::Gave`] nobody else tells it.
    pub fn said(&self) -> &[Note] {
        &self.said
    }

    fn result(&mut self, end: RunEnd) -> Result<Value, Box<Failure>> {
        match (end.failure, self.machine.value.take()) {
            (None, Some(value)) => Ok(value),
            (Some(failure), _) => Err(Box::new(failure)),
            (None, None) => Err(super::failure::invalid("it ended without a value")),
        }
    }
}

fn notes(commands: &[Command]) -> Vec<Note> {
    commands.iter().filter_map(|c| if let Command::Note(note) = c { Some(note.clone()) } else { None }).collect()
}
