//! The subcommands, one file each.

pub mod approvals;
pub mod audit;
pub mod backtest;
pub mod check;
pub mod connectors;
pub mod doc;
pub mod effects;
pub mod emit;
pub mod events;
pub mod explain;
pub mod export;
pub mod fmt;
pub mod graph;
pub mod help;
pub mod import;
pub mod init;
pub mod plan;
pub mod repl;
pub mod replay;
pub mod run;
pub mod runs;
pub mod serve;
pub mod status;
pub mod test;
pub mod token;
pub mod watch;
pub mod why;
pub mod why_not;

use crate::cli::Command;
use crate::context::Context;
use crate::exit::{CliError, Exit};

/// Does what was asked; the exit code when it did.
///
/// # Errors
/// Why it did not.
pub async fn dispatch(context: &Context, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Check(args) => check::check(context, &args),
        Command::Fmt(args) => fmt::fmt(context, &args),
        Command::Test(args) => test::test(context, &args).await,
        Command::Plan(args) => plan::plan(context, &args).await,
        Command::Backtest(args) => backtest::backtest(context, &args).await,
        Command::Repl(args) => repl::repl(context, &args).await,
        Command::Eval(args) => repl::eval(context, &args).await,
        Command::Replay(args) => replay::replay(context, &args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Serve(args) => serve::serve(context, &args).await,
        Command::Watch(args) => watch::watch(context, &args).await,
        Command::Runs(command) => runs::dispatch(context, command).await,
        Command::Approvals(command) => approvals::dispatch(context, command).await,
        Command::Events(command) => events::dispatch(context, command).await,
        Command::Why(args) => why::why(context, &args).await,
        Command::WhyNot(args) => why_not::why_not(context, &args).await,
        Command::Emit(args) => emit::emit(context, &args).await,
        Command::Audit(command) => audit::dispatch(context, command).await,
        Command::Token(command) => token::dispatch(context, command).await,
        Command::Pause(args) => status::pause(context, &args, true).await,
        Command::Unpause(args) => status::pause(context, &args, false).await,
        Command::Status(args) => status::status(context, &args).await,
        Command::Doc(args) => doc::doc(context, &args),
        Command::Graph(args) => graph::graph(context, &args),
        Command::Explain(args) => explain::explain(context, &args),
        Command::Import(command) => import::dispatch(context, &command),
        Command::Export(command) => export::dispatch(context, &command),
        Command::Connectors(command) => connectors::dispatch(context, &command),
        Command::Init(args) => init::init(context, &args),
        Command::Lsp { .. } => match rrb_lsp::serve_stdio(rrb_engine::policy::check_delegate).await {
            true => Ok(Exit::Ok),
            // The protocol's word for an end without `shutdown`.
            false => Ok(Exit::Failed),
        },
        Command::Help(args) => help::help(context, &args),
    }
}
