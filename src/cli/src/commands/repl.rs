//! `rrb repl` and `rrb eval`: a session with a project.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::repl::{self, Begin, Console, Manner};

/// Where, and as whom.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb repl                      # in the project of this folder\n  rrb repl examples/disk-pressure --as ana\n  rrb repl < script.rrb         # no prompts; the first mistake ends it with exit code 1\n\nReads are made for real; what changes or destroys is shown as a plan, until `:live` says otherwise. `:help` lists the commands."
)]
pub struct ReplArgs {
    /// The folder of a project, or a single file; else the project of this folder, if there is one.
    project: Option<PathBuf>,
    /// The person who works here: a user of the project, named in the audit of what is done for real.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Neither read nor keep a history.
    #[arg(long)]
    no_history: bool,
    /// Read lines without a prompt and print each result as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// What to evaluate.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb eval '5m * 3'\n  rrb eval 'prometheus.scalar(\"up\")'\n  rrb eval --json 'kubernetes.pods(\"web\")' | jq '.[].name'\n\nExit code: 0 when it gave a value or a plan, 1 when it has mistakes or failed."
)]
pub struct EvalArgs {
    /// An expression, or lines as they would be typed in `rrb repl`.
    expr: String,
    /// Print the value as JSON.
    #[arg(long)]
    json: bool,
}

fn context(context: &Context, project: Option<&PathBuf>) -> Context {
    Context {
        out: context.out.again(),
        from: project.cloned().or_else(|| context.from.clone()),
        url: context.url.clone(),
        token_file: context.token_file.clone(),
    }
}

/// Begins a session.
///
/// # Errors
/// When the project cannot be read, or has no such user.
pub async fn repl(given: &Context, args: &ReplArgs) -> Result<Exit, CliError> {
    let begin = Begin { user: args.user.clone(), json: args.json, no_history: args.no_history };
    repl::run(context(given, args.project.as_ref()), begin).await
}

/// Evaluates one input.
///
/// # Errors
/// When the project cannot be read.
pub async fn eval(given: &Context, args: &EvalArgs) -> Result<Exit, CliError> {
    let begin = Begin { json: args.json, ..Begin::default() };
    let mut console = Console::open(context(given, None), Manner::Script, &begin)?;
    repl::eval(&mut console, &args.expr).await
}
