//! `rrb repl` and `rrb eval`: expressions, declarations and commands at a prompt, against a project. Reads are live, changes are only
//! shown, unless somebody says otherwise.
//!
//! `pieces` takes an input apart, `session` checks it against what came before (with `library` and `source`), `console` does it, `show`
//! prints what it gave; `prompt` is the terminal, `commands` what begins with a colon.

mod calls;
mod commands;
mod complete;
mod console;
mod draft;
mod fire;
mod highlight;
mod history;
mod library;
mod live;
mod names;
mod pager;
mod pieces;
mod plan;
mod prompt;
mod script;
mod session;
mod show;
mod source;
mod travel;

#[cfg(test)]
mod fuzz_tests;

pub use console::{Console, Flow, Manner};
pub use script::{eval, script};

use crate::context::Context;
use crate::exit::{CliError, Exit};

/// How a session begins.
#[derive(Debug, Clone, Default)]
pub struct Begin {
    /// Who it is, for what is done for real: a user of the project.
    pub user: Option<String>,
    /// One JSON document per result.
    pub json: bool,
    /// Neither read nor write a history.
    pub no_history: bool,
}

/// A session at the terminal, or of what comes over a pipe.
///
/// # Errors
/// When the project cannot be read, or the terminal fails.
pub async fn run(context: Context, begin: Begin) -> Result<Exit, CliError> {
    use std::io::IsTerminal;
    let terminal = std::io::stdin().is_terminal() && !begin.json;
    let mut console = Console::open(context, if terminal { Manner::Prompt } else { Manner::Script }, &begin)?;
    let done = match terminal {
        true => prompt::go(&mut console, &begin).await,
        false => script(&mut console, std::io::stdin().lock()).await,
    };
    live::leave(&mut console).await;
    done
}
