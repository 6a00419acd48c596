//! `rrb events`: the latest events, each with what became of it in a few words.

use clap::{Args, Subcommand};
use rrb_engine::api::EventView;
use rrb_engine::store::{DispositionRow, EventFilter};

use super::why::{self, print_table};
use crate::connect::{Need, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::text::{now, relative, short_id, value};

/// `rrb events …`
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// List the latest events, newest first, with what became of each.
    #[command(alias = "ls")]
    List(ListArgs),
    /// List the deliveries that could not be read, with the reason.
    Dead(DeadArgs),
}

/// Which events.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb events list\n  rrb events list --source alertmanager.firing --limit 5\n  rrb events list --json | jq '.[] | select(.dispositions[].verdict == \"error\")'\n\nThe whole story of one: `rrb why EVENT`."
)]
pub struct ListArgs {
    /// Only events of this name: `alertmanager.firing`.
    #[arg(long, value_name = "EVENT")]
    source: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How to print them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb events dead --json")]
pub struct DeadArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does one of them.
///
/// # Errors
/// When nobody answers.
pub async fn dispatch(context: &Context, command: EventsCommand) -> Result<Exit, CliError> {
    match command {
        EventsCommand::List(args) => list(context, args).await,
        EventsCommand::Dead(args) => why::dead(context, args.json).await,
    }
}

async fn list(context: &Context, args: ListArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let filter = EventFilter { source: args.source, since: None, limit: args.limit };
    let mut views = Vec::new();
    for event in plane.events(filter).await? {
        views.push(plane.why(&event.id).await?);
    }
    if args.json {
        return context.out.json(&views).map(|()| Exit::Ok);
    }
    let now = now();
    let row = |v: &EventView| {
        vec![
            short_id(&v.event.id).to_owned(),
            v.event.source.clone(),
            relative(now, v.event.received),
            summary(&v.dispositions),
            value(&v.event.payload),
        ]
    };
    let header = ["event", "source", "when", "became", "payload"];
    print_table(context, &header, views.iter().map(row).collect(), "no events yet")
}

/// `started relieve_disk_pressure`, else why not.
fn summary(rows: &[DispositionRow]) -> String {
    let said = |d: &DispositionRow| match (d.runbook.as_str(), d.verdict.as_str()) {
        ("", "no_trigger") => "nobody listens".to_owned(),
        ("", verdict) => verdict.to_owned(),
        (runbook, verdict @ ("started" | "shadow" | "queued" | "error" | "cancelled" | "joined")) => {
            format!("{verdict} {runbook}")
        }
        (runbook, "waiting") => format!("{runbook} waits"),
        (runbook, verdict @ ("answered" | "expired")) => format!("{runbook}: {verdict}"),
        (runbook, verdict) => format!("{runbook}: no, {verdict}"),
    };
    // Of a runbook that said something more than once (it waited, then it did not) the last word counts.
    let last: Vec<&DispositionRow> = rows
        .iter()
        .enumerate()
        .filter(|(n, d)| !rows.iter().skip(n + 1).any(|later| later.runbook == d.runbook))
        .map(|(_, d)| d)
        .collect();
    // What happened says more than what did not.
    let happened: Vec<&DispositionRow> = rows.iter().filter(|d| d.run.is_some() || d.verdict == "error").collect();
    match (happened.as_slice(), last.as_slice()) {
        ([], []) => "not looked at yet".to_owned(),
        ([], [one]) => said(one),
        ([], many) => format!("no run, {} runbooks said no", many.len()),
        (happened, _) => happened.iter().map(|d| said(d)).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(runbook: &str, verdict: &str, run: Option<&str>) -> DispositionRow {
        DispositionRow {
            event: "e".to_owned(),
            runbook: runbook.to_owned(),
            verdict: verdict.to_owned(),
            run: run.map(str::to_owned),
            detail: String::new(),
            at: 0,
        }
    }

    #[test]
    fn what_happened_is_said_before_what_did_not() {
        let (no, yes) = (row("a", "dedupe", None), row("b", "started", Some("run_1")));
        assert_eq!(summary(&[]), "not looked at yet");
        assert_eq!(summary(&[row("", "no_trigger", None)]), "nobody listens");
        assert_eq!(summary(std::slice::from_ref(&no)), "a: no, dedupe");
        assert_eq!(summary(&[no.clone(), row("b", "where", None)]), "no run, 2 runbooks said no");
        assert_eq!(summary(&[no.clone(), yes]), "started b");
        assert_eq!(summary(&[no, row("c", "error", None)]), "error c");
        let (waits, over) = (row("d", "waiting", None), row("d", "expired", None));
        assert_eq!(summary(std::slice::from_ref(&waits)), "d waits");
        assert_eq!(summary(&[waits.clone(), over]), "d: expired");
        assert_eq!(summary(&[waits, row("d", "joined", Some("run_1"))]), "joined d");
    }
}
