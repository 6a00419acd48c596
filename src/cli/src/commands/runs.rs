//! `rrb runs`: the runs, one run's story, and what a person can do about it.

use clap::{Args, Subcommand, ValueEnum};
use rrb_engine::api::ControlPlane;
use rrb_engine::store::{RunFilter, RunStatus};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::Resolution;

use super::why::print_table;
use crate::connect::{Need, connect, run_id};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::run_text;
use crate::text::{clean, now, relative, short_id};

/// `rrb runs …`
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first.
    #[command(alias = "ls")]
    List(ListArgs),
    /// Show a run: parameters, story, what it waits for, approvals, end.
    Show(ShowArgs),
    /// Take a run up again whose attempts failed for a reason outside it.
    Resume(RunArg),
    /// Ask a run to stop; its undo and `finally` still run.
    Cancel(CancelArgs),
    /// Say what happened to the call a parked run waits for.
    Resolve(ResolveArgs),
}

/// Which runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb runs list --open\n  rrb runs list --runbook relieve_disk_pressure --limit 10\n  rrb runs list --status parked --json"
)]
pub struct ListArgs {
    /// Only runs of this runbook.
    #[arg(long)]
    runbook: Option<String>,
    /// Only runs with this status.
    #[arg(long)]
    status: Option<Status>,
    /// Only runs that this event started.
    #[arg(long)]
    event: Option<String>,
    /// Only runs that are not over.
    #[arg(long)]
    open: bool,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `--status`
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Queued,
    Running,
    Waiting,
    Parked,
    Ending,
    Done,
}

impl From<Status> for RunStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Queued => Self::Queued,
            Status::Running => Self::Running,
            Status::Waiting => Self::Waiting,
            Status::Parked => Self::Parked,
            Status::Ending => Self::Ending,
            Status::Done => Self::Done,
        }
    }
}

/// A run.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb runs resume k3x9q2       # the end of the id is enough")]
pub struct RunArg {
    /// The run's id, or its end.
    run: String,
}

/// Which run, and how much of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb runs show k3x9q2         # the end of the id is enough\n  rrb runs show k3x9q2 --journal\n  rrb runs show run_01jd8k… --json"
)]
pub struct ShowArgs {
    /// The run's id, or its end.
    run: String,
    /// Also show every journal entry.
    #[arg(long)]
    journal: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which run, and why.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb runs cancel k3x9q2 --why \"wrong node\"")]
pub struct CancelArgs {
    /// The run's id, or its end.
    run: String,
    /// Why, for the audit.
    #[arg(long, default_value = "cancelled from the command line")]
    why: String,
}

/// What happened to the lost call.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb runs resolve k3x9q2 happened --why \"the node is drained, see kubectl\"\n  rrb runs resolve k3x9q2 happened --result '{\"id\": 7}' --why \"found it in the console\"\n  rrb runs resolve k3x9q2 did-not-happen --why \"no trace in the log\""
)]
pub struct ResolveArgs {
    /// The run's id, or its end.
    run: String,
    /// What you found out.
    outcome: Found,
    /// How you know, for the audit.
    #[arg(long)]
    why: String,
    /// What the call would have answered, as JSON; only with `happened`.
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
}

/// What a person found out.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Found {
    /// The call had its effect: the run goes on behind it.
    Happened,
    /// It had none: the call fails with `unavailable`, and is retried where the runbook says so.
    DidNotHappen,
    /// Nobody will find out: the call fails with `unknown_outcome`.
    Unknown,
}

/// Does one of them.
///
/// # Errors
/// When there is no such run, it may not be, or nobody answers.
pub async fn dispatch(context: &Context, command: RunsCommand) -> Result<Exit, CliError> {
    match command {
        RunsCommand::List(args) => list(context, args).await,
        RunsCommand::Show(args) => show(context, &args).await,
        RunsCommand::Resume(args) => {
            let c = connect(context, Need::Drive("take up a run")).await?;
            let id = run_id(c.plane.as_ref(), &args.run).await?;
            c.plane.resume(&id, &c.actor).await?;
            done(context, &format!("{id} is taken up again"))
        }
        RunsCommand::Cancel(args) => {
            let c = connect(context, Need::Drive("stop a run and undo what it did")).await?;
            let id = run_id(c.plane.as_ref(), &args.run).await?;
            c.plane.cancel(&id, &args.why, &c.actor).await?;
            done(context, &format!("{id} is asked to stop; undo and `finally` still run"))
        }
        RunsCommand::Resolve(args) => resolve(context, args).await,
    }
}

fn done(context: &Context, what: &str) -> Result<Exit, CliError> {
    context.out.line(format!("{} {}", context.out.look.good("✓"), clean(what)));
    Ok(Exit::Ok)
}

/// Without a daemon what is not over stands still, whatever its status says.
fn rests(context: &Context, local: bool, rows: &[&rrb_engine::store::RunRow]) {
    let still = |r: &&rrb_engine::store::RunRow| !matches!(r.status, RunStatus::Done);
    if local && rows.iter().any(still) {
        let note =
            "no daemon is running: a run that is not over rests, and goes on with the next `rrb serve` or `rrb watch`";
        context.out.note(context.out.err.dim(note));
    }
}

/// That no runbook of this name is there, and that none has ever run: then the name is a slip.
async fn has_or_had(context: &Context, plane: &dyn ControlPlane, local: bool, name: String) -> Result<(), CliError> {
    let ever = RunFilter { runbook: Some(name.clone()), status: None, event: None, open_only: false, limit: 1 };
    if !plane.runs(ever).await?.is_empty() {
        return Ok(());
    }
    if local {
        return super::run::known(context, &name);
    }
    let names = plane.status().await?.runbooks;
    match names.contains(&name) {
        true => Ok(()),
        false => Err(super::run::no_runbook(&name, &names.iter().map(String::as_str).collect::<Vec<_>>())),
    }
}

async fn list(context: &Context, args: ListArgs) -> Result<Exit, CliError> {
    let c = connect(context, Need::Read).await?;
    let (plane, local) = (c.plane, c.local);
    let filter = RunFilter {
        runbook: args.runbook,
        status: args.status.map(Into::into),
        event: args.event,
        open_only: args.open,
        limit: args.limit,
    };
    let asked = filter.runbook.clone();
    let runs = plane.runs(filter).await?;
    if let Some(name) = asked.filter(|_| runs.is_empty()) {
        has_or_had(context, plane.as_ref(), local, name).await?;
    }
    if args.json {
        return context.out.json(&runs).map(|()| Exit::Ok);
    }
    rests(context, local, &runs.iter().collect::<Vec<_>>());
    let now = now();
    let row = |r: &rrb_engine::store::RunRow| {
        vec![
            short_id(&r.id).to_owned(),
            r.runbook.clone(),
            run_text::standing(r),
            relative(now, r.created),
            run_text::params(r),
        ]
    };
    print_table(context, &["run", "runbook", "status", "started", "with"], runs.iter().map(row).collect(), "no runs")
}

async fn show(context: &Context, args: &ShowArgs) -> Result<Exit, CliError> {
    let c = connect(context, Need::Read).await?;
    let (plane, local) = (c.plane, c.local);
    let id = run_id(plane.as_ref(), &args.run).await?;
    let view = plane.run(&id).await?;
    let out = &context.out;
    match args.json {
        true => out.json(&view)?,
        false => {
            run_text::show(&out.look, &view, now(), args.journal).iter().for_each(|l| out.line(l));
            rests(context, local, &[&view.run]);
        }
    }
    Ok(Exit::Ok)
}

async fn resolve(context: &Context, args: ResolveArgs) -> Result<Exit, CliError> {
    let resolution = match (args.outcome, &args.result) {
        (Found::Happened, Some(text)) => {
            let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
                CliError::usage(format!("`--result` is no JSON: {e}")).help("a text needs its own quotes: '\"done\"'")
            })?;
            Resolution::Happened { result: Some(Json::from(value)) }
        }
        (Found::Happened, None) => Resolution::Happened { result: None },
        (_, Some(_)) => {
            return Err(CliError::usage("only a call that happened has a result").help("leave `--result` out"));
        }
        (Found::DidNotHappen, None) => Resolution::DidNotHappen,
        (Found::Unknown, None) => Resolution::Unknown,
    };
    let c = connect(context, Need::Drive("go on with a run")).await?;
    let id = run_id(c.plane.as_ref(), &args.run).await?;
    c.plane.resolve(&id, resolution, &args.why, &c.actor).await?;
    done(context, &format!("{id} is told what happened"))
}
