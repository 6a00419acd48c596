//! `rrb backtest`: what the runbooks of today would have made of the events of the past.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::serve::sound;
use crate::backtest::{self, Asked, Kind, Report};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::text::{clean, now, parse_span};
use crate::{desk, project};

/// Which events, against which sources.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb backtest --since 30d\n  rrb backtest --since 7d --details --runbook relieve_disk_pressure\n  rrb backtest --since 30d --against ../changed --fail-on change,deny    # in CI\n\nEvents are read from the project's state, beside a running daemon too. They go through the sources in shadow, with a clock\nof their own and no network: reads are answered as recorded runs were answered, or are unknown. Nothing is written.\n\nExit code: 0 when nothing differs that `--fail-on` names (without it: always), 1 when something does."
)]
pub struct BacktestArgs {
    /// From this long ago, or this time: `30d`, `12h`, `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "SPAN|TIME", default_value = "30d", value_parser = moment)]
    since: i64,
    /// Up to this long ago, or this time.
    #[arg(long, value_name = "SPAN|TIME", value_parser = moment)]
    until: Option<i64>,
    /// Ask the sources of this project instead of those whose state it is.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Tell of this runbook alone.
    #[arg(long, value_name = "NAME")]
    runbook: Option<String>,
    /// What answers reads: what recorded runs were answered, or nothing.
    #[arg(long, value_name = "WHAT", default_value = "recorded")]
    reads: Reads,
    /// Events of this long before `--since` fill windows and counters first, without being judged.
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = parse_span)]
    warm_up: i64,
    /// End with 1 when there is such a difference.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Show every difference, event by event.
    #[arg(long)]
    details: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `--reads`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reads {
    Recorded,
    None,
}

/// `--fail-on`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// A run would start that did not, or one that did would not.
    Change,
    /// A policy would deny what it did not deny.
    Deny,
    /// Any difference, also another reason for starting nothing.
    Any,
}

impl FailOn {
    fn is(self, kind: Kind) -> bool {
        match self {
            Self::Change => matches!(kind, Kind::Fires | Kind::Silent),
            Self::Deny => kind == Kind::Denied,
            Self::Any => true,
        }
    }
}

/// A time as it was given, in milliseconds.
fn moment(text: &str) -> Result<i64, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let ago = parse_span(text).map_err(|e| format!("{e}; or a time such as `2026-11-01T00:00:00Z`"))?;
    Ok(now().saturating_sub(ago))
}

/// Plays the past to the sources of today.
///
/// # Errors
/// When there is no state, it cannot be read, or the sources have errors.
pub async fn backtest(context: &Context, args: &BacktestArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let config = project::config(&place)?;
    let sources = match &args.against {
        Some(dir) => project::find(Some(dir))?,
        None => place.clone(),
    };
    let loaded = project::load(&sources)?;
    let sound = sound(context, &loaded)?;
    if let Some(name) = &args.runbook {
        super::run::find(&sound, name)?;
    }
    let until = args.until.unwrap_or_else(now);
    if until <= args.since {
        return Err(CliError::usage("`--until` is not after `--since`"));
    }
    let folder = place.state(&config);
    let Some(store) = desk::reading(&folder)? else {
        return Err(CliError::not_found(format!("there is no state in `{}`", clean(&folder.to_string_lossy())))
            .help("`rrb serve` and `rrb watch` record events there"));
    };
    let asked = Asked {
        since: args.since,
        from: args.since.saturating_sub(args.warm_up),
        until,
        reads: args.reads == Reads::Recorded,
        only: args.runbook.clone(),
    };
    let report = backtest::backtest(&store, &sound, &asked, |recorded| recorded).await?;
    say(context, args, &report)?;
    let fails = report.differences.iter().any(|d| args.fail_on.iter().any(|f| f.is(d.kind)));
    Ok(if fails { Exit::Failed } else { Exit::Ok })
}

fn say(context: &Context, args: &BacktestArgs, report: &Report) -> Result<(), CliError> {
    let out = &context.out;
    if args.json {
        return out.json(report);
    }
    backtest::lines(&out.look, report).iter().for_each(|l| out.line(l));
    if args.details {
        backtest::details(&out.look, report).iter().for_each(|l| out.line(l));
    } else if !report.differences.is_empty() {
        out.note(out.err.dim("`--details` shows them"));
    }
    Ok(())
}
