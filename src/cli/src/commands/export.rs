//! `rrb export`: runbooks in the formats of others.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::exit::{CliError, Exit};

/// What to make.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// Make a CACAO 2.0 playbook of a runbook.
    Cacao(CacaoArgs),
}

/// Which runbook, and where to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb export cacao relieve_disk_pressure > relieve.json\n  rrb export cacao relieve_disk_pressure --out relieve.json\n\nWhat CACAO cannot say is listed on standard error. The same source gives the same playbook, with the same ids."
)]
pub struct CacaoArgs {
    /// The runbook. May be left out when the project has only one.
    runbook: Option<String>,
    /// Write into this file, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When the project has mistakes, there is no such runbook, or the file cannot be written.
pub fn dispatch(context: &Context, command: &ExportCommand) -> Result<Exit, CliError> {
    let ExportCommand::Cacao(args) = command;
    let loaded = super::doc::sound(context)?;
    let Some(program) = &loaded.typed else { return Ok(Exit::Failed) };
    let runbook = match (&args.runbook, program.runbooks.as_slice()) {
        (Some(name), _) => super::doc::named(program, name)?,
        (None, [only]) => only,
        (None, []) => return Err(CliError::new(Exit::NotFound, "this project has no runbooks")),
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|r| r.name.as_str()).collect();
            return Err(CliError::usage("which runbook?").help(format!("name one of {}", names.join(", "))));
        }
    };
    let exported = rrb_import::cacao::export(program, &loaded.sources, runbook);
    let mut said = String::from("a CACAO playbook cannot say:\n");
    for line in &exported.lost {
        said.push_str(&format!("  {}\n", crate::text::clean(line)));
    }
    context.out.note(said.trim_end());
    match &args.out {
        Some(path) => super::doc::write(path, &exported.text)?,
        None => context.out.raw(exported.text),
    }
    Ok(Exit::Ok)
}
