//! `rrb serve`: the daemon.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};
use tokio::signal::unix::SignalKind;
use tracing_subscriber::EnvFilter;

use crate::context::Context;
use crate::daemon::{Daemon, Start};
use crate::diagnostics::{self, Format};
use crate::exit::{CliError, Exit};
use crate::follow::signal;
use crate::project::{self, Loaded, Sound};

/// How to serve.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb serve\n  rrb serve --listen 127.0.0.1:8080 --log-format json\n  rrb serve --shadow                      # what would it do with the events of a week?\n  kill -HUP $(jq .pid .rrb/daemon.json)   # reload the project; a broken one is refused and the old one goes on\n\nIt does not start while `rrb check` finds errors. SIGTERM and Ctrl-C stop it: calls at work end first, every run\nis on disk and goes on with the next start."
)]
pub struct ServeArgs {
    /// Listen here instead of at `[serve] listen`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Take events, and do nothing: every runbook only says what it would do, with live reads. Runs are kept, and marked.
    #[arg(long)]
    shadow: bool,
    /// How to write the log, on standard error. `RRB_LOG` says what: `info`, `debug`, `rrb_engine=trace`.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// `--log-format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// Serves until it is told to stop.
///
/// # Errors
/// When the project has errors, the address or the state is taken, or the store fails.
pub async fn serve(context: &Context, args: &ServeArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let loaded = project::load(&place)?;
    let sound = sound(context, &loaded)?;
    log(context, args.log_format);
    crate::secrets::warnings(&sound).iter().for_each(|line| tracing::warn!("{line}"));
    let listen = args.listen.unwrap_or(loaded.config.serve.listen);
    let daemon = Daemon::start(&sound, Start { listen, schedules: true, shadow: args.shadow }).await?;
    tracing::info!(url = daemon.url(), project = %place.root.display(), runbooks = sound.program.runbooks.len(), "ready");
    if args.shadow {
        tracing::warn!("in shadow: every runbook only says what it would do");
    }
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ended = loop {
        tokio::select! {
            Some(()) = hangup.recv() => reload(&daemon, &place).await,
            Some(()) = terminate.recv() => break Ok(Exit::Ok),
            Some(()) = interrupt.recv() => break Ok(Exit::Ok),
            why = daemon.failed() => break Err(CliError::internal(why).help("start it again: what was acknowledged is on disk")),
        }
    };
    tracing::info!("stopping: calls at work end first");
    tokio::select! {
        () = daemon.stop() => {}
        Some(()) = interrupt.recv() => tracing::warn!("stopped without waiting"),
        Some(()) = terminate.recv() => tracing::warn!("stopped without waiting"),
    }
    ended
}

/// What runs, or the diagnostics that say why nothing does.
///
/// # Errors
/// With exit code 1, when everything was said.
pub fn sound(context: &Context, loaded: &Loaded) -> Result<Sound, CliError> {
    loaded.sound().ok_or_else(|| {
        let err = &context.out.err;
        context.out.note(diagnostics::render(err, Format::Human, &loaded.sources, &loaded.diagnostics).trim_end());
        for file in &loaded.unreadable {
            context.out.note(format!("{}: cannot read: {}", crate::text::clean(&file.name), file.reason));
        }
        context.out.note(diagnostics::summary(err, &loaded.diagnostics, loaded.files));
        CliError::silent(Exit::Failed)
    })
}

/// Takes the project as it is now, when it is sound.
async fn reload(daemon: &Daemon, place: &project::Place) {
    match project::load(place) {
        Err(e) => tracing::error!(error = %e, "not reloaded: the program before goes on"),
        Ok(loaded) => match loaded.sound() {
            Some(sound) => match daemon.reload(&sound).await {
                Ok(()) => {
                    crate::secrets::warnings(&sound).iter().for_each(|line| tracing::warn!("{line}"));
                    tracing::info!(runbooks = sound.program.runbooks.len(), "reloaded");
                }
                Err(e) => tracing::error!(error = %e, "not reloaded: the program before goes on"),
            },
            None => {
                daemon.not_loaded("the project has errors");
                let look = crate::out::Look::plain(100);
                for line in diagnostics::render(&look, Format::Short, &loaded.sources, &loaded.diagnostics).lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("not reloaded: the project has errors; the program before goes on");
            }
        },
    }
}

fn log(context: &Context, format: LogFormat) {
    let filter = EnvFilter::try_from_env("RRB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second initialisation can only come from a test; the first one serves.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(context.out.err.color).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
