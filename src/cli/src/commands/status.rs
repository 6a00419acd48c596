//! `rrb status`, `rrb pause`, `rrb unpause`: the daemon as a whole.

use clap::Args;
use rrb_engine::api::{SourceState, SourceView};

use crate::connect::{Need, alone, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::text::{clean, count};

/// How to print it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb status --json")]
pub struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What to pause.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb pause relieve_disk_pressure\n  rrb pause                     # everything\n  rrb unpause relieve_disk_pressure"
)]
pub struct PauseArgs {
    /// The runbook; without it, all.
    runbook: Option<String>,
}

/// Prints what is loaded and what waits. Exit code 5 when no daemon runs.
///
/// # Errors
/// When no daemon answers.
pub async fn status(context: &Context, args: &StatusArgs) -> Result<Exit, CliError> {
    let connection = connect(context, Need::Drive("say what it does")).await?;
    let status = connection.plane.status().await?;
    let out = &context.out;
    if args.json {
        let mut value = serde_json::to_value(&status).map_err(|e| CliError::internal(e.to_string()))?;
        if let serde_json::Value::Object(map) = &mut value {
            map.insert("url".to_owned(), connection.url.clone().into());
        }
        return out.json(&value).map(|()| Exit::Ok);
    }
    let look = &out.look;
    let n = |n: u64, one: &str| count(usize::try_from(n).unwrap_or(usize::MAX), one);
    out.line(format!(
        "{} {} at {}",
        look.good("●"),
        look.bold(clean(&status.project)),
        connection.url.unwrap_or_default()
    ));
    let fact = |name: &str, text: String| out.line(format!("  {} {text}", look.dim(format!("{name:<9}"))));
    if status.shadow {
        fact("shadow", look.warn("every runbook only says what it would do"));
    }
    fact("program", status.program.get(..12).unwrap_or(&status.program).to_owned());
    fact("runbooks", clean(&status.runbooks.join(", ")).into_owned());
    for (path, events) in &status.webhooks {
        fact("webhook", format!("/hooks{} → {}", clean(path), clean(&events.join(", "))));
    }
    for source in &status.sources {
        fact("source", source_line(look, source));
    }
    fact("runs", format!("{} open", status.open_runs));
    fact("approvals", format!("{} open", status.open_approvals));
    fact("queue", n(status.queued_events, "event"));
    if !status.paused.is_empty() {
        fact("paused", look.warn(clean(&status.paused.join(", "))));
    }
    Ok(Exit::Ok)
}

/// `shop.logged: 12 taken`, and what is wrong with it.
fn source_line(look: &Look, source: &SourceView) -> String {
    let name = match source.instance.as_str() {
        "default" => clean(&source.event).into_owned(),
        instance => format!("{} of {}", clean(&source.event), clean(instance)),
    };
    match &source.state {
        SourceState::Reading => format!("{name}: {} taken", source.taken),
        SourceState::Failing { why } => format!("{name}: {}", look.warn(clean(why))),
    }
}

/// Pauses or lets go on.
///
/// # Errors
/// When there is no such runbook, it may not be, or the state is taken.
pub async fn pause(context: &Context, args: &PauseArgs, paused: bool) -> Result<Exit, CliError> {
    if let Some(name) = &args.runbook {
        // First, so that what is no runbook leaves no state behind.
        if alone(context).await? {
            super::run::known(context, name)?;
        }
    }
    let connection = connect(context, Need::Write).await?;
    connection.plane.pause(args.runbook.as_deref(), paused, &connection.actor).await?;
    let what = args.runbook.as_deref().map_or_else(|| "every runbook".to_owned(), |r| format!("`{}`", clean(r)));
    let verb = if paused { "is paused: no new runs, running ones hold before their next effect" } else { "goes on" };
    context.out.line(format!("{} {what} {verb}", context.out.look.good("✓")));
    Ok(Exit::Ok)
}
