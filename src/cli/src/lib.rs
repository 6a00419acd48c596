//! The `rrb` command line: one file per subcommand under [`commands`], what they share beside it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub mod ahead_json;
pub mod ahead_text;
pub mod args;
pub mod backtest;
pub mod cli;
pub mod client;
pub mod commands;
pub mod connect;
pub mod connectors;
pub mod context;
pub mod daemon;
pub mod desk;
pub mod diagnostics;
pub mod doc;
pub mod exit;
pub mod follow;
pub mod gauges;
pub mod mapping;
pub mod offline;
pub mod out;
pub mod panic;
pub mod params;
pub mod plan_text;
pub mod project;
pub mod repl;
pub mod replay;
pub mod run_text;
pub mod sarif;
pub mod secrets;
pub mod sources;
pub mod terminal;
pub mod testing;
pub mod text;
pub mod timeline;
pub mod watch;
pub mod webhooks;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    panic::install();
    run(std::env::args_os().collect()).into()
}

fn run(argv: Vec<OsString>) -> exit::Exit {
    let cli = match cli::Cli::try_parse_from(args::rewrite(argv)) {
        Ok(cli) => cli,
        Err(e) => return usage(&e),
    };
    let context = context::Context::new(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            context.out.error(&exit::CliError::internal(format!("cannot start: {e}")));
            return exit::Exit::Internal;
        }
    };
    // Without this the TLS client has no cryptography to choose from; a second install is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = runtime.block_on(commands::dispatch(&context, cli.command));
    // A call that hangs must not keep a finished command from ending.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    let exit = result.unwrap_or_else(|error| {
        context.out.error(&error);
        error.exit
    });
    match context.out.lost() {
        None => exit,
        Some(e) => {
            let error = exit::CliError::internal(format!("cannot write the output: {}", project::reason(e)));
            context.out.error(&error.help("what was printed is not whole: make room, or send it elsewhere"));
            exit::Exit::Internal
        }
    }
}

/// Help and version are no errors; everything else is.
fn usage(error: &clap::Error) -> exit::Exit {
    // The reader may have gone; then nobody is left to tell.
    let _ = error.print();
    if error.use_stderr() { exit::Exit::Usage } else { exit::Exit::Ok }
}
