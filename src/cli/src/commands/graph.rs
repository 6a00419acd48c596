//! `rrb graph`: the flowchart of a runbook.

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
    after_help = "Examples:\n  rrb graph relieve_disk_pressure                       # Mermaid\n  rrb graph relieve_disk_pressure --format svg > r.svg\n  rrb graph relieve_disk_pressure --format dot | dot -Tpdf -o r.pdf"
)]
pub struct GraphArgs {
    /// The runbook. May be left out when the project has only one.
    runbook: Option<String>,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    format: GraphFormat,
}

/// Draws it.
///
/// # Errors
/// When the project has mistakes or there is no such runbook.
pub fn graph(context: &Context, args: &GraphArgs) -> Result<Exit, CliError> {
    let loaded = super::doc::sound(context)?;
    let Some(program) = &loaded.typed else { return Ok(Exit::Failed) };
    let runbook = match (&args.runbook, program.runbooks.as_slice()) {
        (Some(name), _) => super::doc::named(program, name)?,
        (None, [only]) => only,
        (None, all) => {
            let names: Vec<&str> = all.iter().map(|r| r.name.as_str()).collect();
            let help = if names.is_empty() {
                "this project has no runbooks".into()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(CliError::usage("which runbook?").help(help));
        }
    };
    let facts = Facts::new(program, &loaded.sources, &loaded.config);
    let chart = doc::chart(&facts, runbook);
    context.out.raw(match args.format {
        GraphFormat::Mermaid => flow::mermaid(&chart),
        GraphFormat::Dot => flow::dot(&chart, &runbook.name),
        GraphFormat::Svg => flow::svg(&chart, &runbook.name),
    });
    Ok(Exit::Ok)
}
