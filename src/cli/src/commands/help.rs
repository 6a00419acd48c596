//! `rrb help`: help for commands, and topics that no single command owns.

use clap::{Args, CommandFactory};

use crate::context::Context;
use crate::exit::{CliError, Exit};

/// What to help with.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb help run\n  rrb help exit-codes\n  rrb help environment")]
pub struct HelpArgs {
    /// A command (`run`, `runs show`) or a topic: `exit-codes`, `environment`.
    topic: Vec<String>,
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("RRB_TOKEN", "the API token; before the file of `--token-file` and the project's own"),
    ("RRB_URL", "the daemon's address; before the project's own"),
    ("RRB_MODULE_NAME", "the setting `name` of the module; `rrb check` says which are missing"),
    ("RRB_CONNECTOR_NAME", "the setting `name` of the connector; with an instance RRB_CONNECTOR_INSTANCE_NAME"),
    ("RRB_LOG", "what `rrb serve` logs: `info`, `debug`, `rrb_engine=trace`"),
    ("NO_COLOR", "no colour, whatever its value"),
    ("COLUMNS", "the width where the output is no terminal"),
];

/// Prints it.
///
/// # Errors
/// When there is no such command or topic.
pub fn help(context: &Context, args: &HelpArgs) -> Result<Exit, CliError> {
    let out = &context.out;
    match args.topic.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["exit-codes" | "exit-code" | "exit"] => {
            for (exit, name, meaning) in Exit::ALL {
                out.line(format!("{:>3}  {}  {meaning}", exit.code(), out.look.bold(format!("{name:<11}"))));
            }
        }
        ["environment" | "env"] => {
            for (name, meaning) in ENVIRONMENT {
                out.line(format!("{}  {meaning}", out.look.bold(format!("{name:<18}"))));
            }
        }
        path => command_help(context, path)?,
    }
    Ok(Exit::Ok)
}

fn command_help(context: &Context, path: &[&str]) -> Result<(), CliError> {
    let mut command = crate::cli::Cli::command();
    command.build();
    for name in path {
        let Some(sub) = command.find_subcommand(name) else {
            let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            let near = rrb_lang::diag::nearest(name, known.into_iter().chain(["exit-codes", "environment"]));
            let error = CliError::usage(format!("there is no help on `{}`", crate::text::clean(name)));
            return Err(match near {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("`rrb --help` lists the commands; topics are `exit-codes` and `environment`"),
            });
        };
        command = sub.clone();
    }
    let text = command.render_long_help();
    out_help(context, &text);
    Ok(())
}

fn out_help(context: &Context, text: &clap::builder::StyledStr) {
    match context.out.look.color {
        true => context.out.raw(text.ansi().to_string()),
        false => context.out.raw(text.to_string()),
    }
}
