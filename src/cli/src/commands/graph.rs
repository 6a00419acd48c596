//! `rrb graph`: the flowchart of a runbook.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rrb_lang::outline::flow;

use crate::context::Context;
use crate::doc::{self, Facts};
use crate::exit::{CliError, Exit};

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum GraphFormat {
    /// For Markdown on code hosts and wikis.
    #[default]
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Of what, and how.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb graph relieve_disk_pressure                       # Mermaid\n  rrb graph relieve_disk_pressure --format svg --out r.svg\n  rrb graph relieve_disk_pressure --format dot | dot -Tpdf -o r.pdf"
)]
pub struct GraphArgs {
    /// The runbook. May be left out when the project has only one.
    runbook: Option<String>,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    format: GraphFormat,
    /// Write into this file, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Draws it.
///
/// # Errors
/// When the project has mistakes, there is no such runbook, or the file cannot be written.
pub fn graph(context: &Context, args: &GraphArgs) -> Result<Exit, CliError> {
    let loaded = super::doc::sound(context)?;
    let Some(program) = &loaded.typed else { return Ok(Exit::Failed) };
    let runbook = match (&args.runbook, program.runbooks.as_slice()) {
        (Some(name), _) => super::doc::named(program, name)?,
        (None, [only]) => only,
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|r| r.name.as_str()).collect();
            if names.is_empty() {
                return Err(CliError::new(Exit::NotFound, "this project has no runbooks"));
            }
            return Err(CliError::usage("which runbook?").help(format!("name one of {}", names.join(", "))));
        }
    };
    let facts = Facts::new(program, &loaded.sources, &loaded.config);
    let chart = doc::chart(&facts, runbook);
    let text = match args.format {
        GraphFormat::Mermaid => flow::mermaid(&chart),
        GraphFormat::Dot => flow::dot(&chart, &runbook.name),
        GraphFormat::Svg => flow::svg(&chart, &runbook.name),
    };
    match &args.out {
        Some(path) => super::doc::write(path, &text)?,
        None => context.out.raw(text),
    }
    Ok(Exit::Ok)
}
