//! `rrb emit`: a sample event, as if its source had sent it.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use rrb_engine::api::{ApiError, EmitEvent};

use crate::connect::{Need, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::text::clean;

/// The largest event, in bytes: as the daemon's own bound on a request's body unless set.
pub const MAX_EVENT: u64 = 1 << 20;

/// Which event.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb emit alertmanager.firing alert.json     # a typed event\n  rrb emit /alertmanager delivery.json        # a raw delivery, as Alertmanager posts it\n  echo '{\"name\": \"x\"}' | rrb emit demo.ping -"
)]
pub struct EmitArgs {
    /// The event (`alertmanager.firing`), or the path of a webhook (`/alertmanager`) for a raw delivery.
    event: String,
    /// A file with the JSON; `-` reads standard input.
    file: PathBuf,
    /// The connector's instance.
    #[arg(long)]
    instance: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Sends it and says what was made of it.
///
/// # Errors
/// When the file is no JSON, no daemon answers, or the event does not decode.
pub async fn emit(context: &Context, args: &EmitArgs) -> Result<Exit, CliError> {
    let payload = read_json(&args.file)?;
    let connection = connect(context, Need::Drive("take an event")).await?;
    let event = EmitEvent { event: args.event.clone(), instance: args.instance.clone(), payload };
    let receipt = connection.plane.emit(event, &connection.actor).await.map_err(|e| {
        let misfit = matches!(e, ApiError::Invalid(_)) && !args.event.starts_with('/');
        let error = CliError::from(e);
        match (misfit, args.event.split_once('.')) {
            (true, Some((connector, _))) => error.help(format!(
                "the file must hold the event itself; what the sender would deliver goes to its webhook: `rrb emit /{} FILE`",
                clean(connector)
            )),
            _ => error,
        }
    })?;
    let out = &context.out;
    if args.json {
        out.json(&receipt)?;
    } else {
        for event in &receipt.events {
            out.line(format!("{} accepted: {}", out.look.good("✓"), crate::text::clean(event)));
            out.line(format!("  {} rrb why {}", out.look.dim("what became of it:"), crate::text::short_id(event)));
        }
        if receipt.duplicates > 0 {
            let n = crate::text::count(receipt.duplicates as usize, "event");
            out.line(format!("{} {n} dropped: their ids came before", out.look.warn("…")));
        }
        if let Some(why) = &receipt.dead {
            out.line(format!("{} kept as a dead letter: {}", out.look.bad("✗"), crate::text::clean(why)));
        }
    }
    Ok(if receipt.dead.is_some() { Exit::Failed } else { Exit::Ok })
}

/// The JSON in a file, or on standard input for `-`.
///
/// # Errors
/// When it cannot be read, is larger than [`MAX_EVENT`], or is no JSON.
pub fn read_json(path: &Path) -> Result<serde_json::Value, CliError> {
    let shown = crate::text::clean(&path.to_string_lossy()).into_owned();
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_EVENT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(MAX_EVENT + 1).read_to_end(&mut bytes))
    };
    if let Err(e) = read {
        let exit = if e.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Usage };
        return Err(CliError::new(exit, format!("cannot read `{shown}`: {}", crate::project::reason(&e))));
    }
    if bytes.len() as u64 > MAX_EVENT {
        return Err(CliError::usage(format!("`{shown}` is larger than an event may be ({} KiB)", MAX_EVENT >> 10)));
    }
    let shown = if shown == "-" { "standard input".to_owned() } else { format!("`{shown}`") };
    if bytes.trim_ascii().is_empty() {
        return Err(CliError::usage(format!("{shown} is empty: an event in JSON is expected")));
    }
    serde_json::from_slice(&bytes).map_err(|e| CliError::usage(format!("{shown} is no JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("event.json");
        let most = usize::try_from(MAX_EVENT).unwrap();
        for (bytes, fits) in [(most - 1, true), (most, true), (most + 1, false)] {
            std::fs::write(&file, format!("\"{}\"", "x".repeat(bytes - 2))).unwrap();
            assert_eq!(read_json(&file).is_ok(), fits, "{bytes}");
        }
    }
}
