//! What begins with a colon: the table of commands, and who does each.

mod again;
mod ask;
mod keep;
mod look;
mod outside;
mod table;

pub use table::{COMMANDS, Command, Does, OPTIONS, Takes, find, names};

use rrb_lang::diag::nearest;

use super::console::{Console, Flow};
use super::session::Wrong;
use super::{draft, fire, live, travel};
use crate::exit::CliError;
use crate::text::clean;
pub use keep::write_new;

/// What a command was given.
#[derive(Debug, Clone, Copy)]
pub struct Given<'t> {
    pub command: &'static Command,
    /// Behind its name, without space around it.
    pub rest: &'t str,
}

impl Given<'_> {
    /// Something must stand there.
    ///
    /// # Errors
    /// When nothing does.
    pub fn some(&self) -> Result<&str, CliError> {
        match self.rest {
            "" => Err(self.lacks()),
            rest => Ok(rest),
        }
    }

    fn lacks(&self) -> CliError {
        CliError::usage(format!("`:{}` takes {}", self.command.name, self.command.args))
            .help(format!("for example: {}", self.command.example))
    }
}

/// Does what a line asks that begins with `:` or `?`.
///
/// # Errors
/// When there is no such command, or it cannot be done.
pub async fn take(console: &mut Console, line: &str) -> Result<Flow, Wrong> {
    if let (Some(name), Some(command)) = (line.strip_prefix('?'), find("doc")) {
        return look::doc(console, Given { command, rest: name.trim() }).map(|()| Flow::On);
    }
    let line = line.strip_prefix(':').unwrap_or(line).trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some(command) = find(name) else { return Err(unknown(name).into()) };
    let given = Given { command, rest: rest.trim() };
    match command.does {
        Does::Quit => return Ok(Flow::Quit),
        Does::Help => look::help(console, given)?,
        Does::Doc => look::doc(console, given)?,
        Does::Source => look::source(console, given)?,
        Does::Names => look::names(console),
        Does::Settings => look::settings(console, given),
        Does::Type => ask::type_of(console, given, false)?,
        Does::Effect => ask::type_of(console, given, true)?,
        Does::Time => ask::time(console, given).await?,
        Does::Bench => ask::bench(console, given).await?,
        Does::Json => ask::json(console, given).await?,
        Does::Trace => ask::trace(console, given).await?,
        Does::Load => keep::load(console, given).await?,
        Does::Reload => keep::reload(console)?,
        Does::Copy => keep::copy(console)?,
        Does::Save => keep::save(console, given)?,
        Does::Forget => keep::forget(console, given)?,
        Does::Set => keep::set(console, given)?,
        Does::Watch => again::watch(console, given).await?,
        Does::Edit => again::edit(console, given).await?,
        Does::Fire => fire::fire(console, given.some()?).await?,
        Does::Live => live::switch(console, given.rest).await?,
        Does::Journal => travel::journal(console, given.rest).await?,
        Does::Step => travel::step(console, given.rest, false)?,
        Does::Back => travel::step(console, given.rest, true)?,
        Does::SaveTest => draft::test(console, given.some()?)?,
        Does::SaveRunbook => draft::runbook(console, given.some()?)?,
        Does::Cli(words) => outside::cli(console, words, given).await?,
    }
    Ok(Flow::On)
}

/// That there is no such command, with the nearest.
fn unknown(name: &str) -> CliError {
    let error = CliError::usage(format!("there is no command `:{}`", clean(name)));
    match nearest(name, names()) {
        Some(near) => error.help(format!("did you mean `:{near}`?")),
        None => error.help("`:help` lists them"),
    }
}
