//! `rrb audit`: the chain of what was done and who said so.

use clap::{Args, Subcommand};
use rrb_engine::audit::{AuditRecord, Verdict};

use crate::connect::{Need, connect, run_id};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::text::{clean, moment, truncate};

/// `rrb audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check every link of the chain. Exit code 1 when it is broken.
    Verify(VerifyArgs),
    /// Print records.
    Show(ShowArgs),
    /// List what every runbook can read, change and destroy, and under whose consent. Needs no daemon.
    Effects(super::effects::EffectsArgs),
}

/// How to print it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb audit verify\n  rrb audit verify --head 3f9a…      # also: the last hash is the one you kept\n\nKeep the head somewhere else: a log whose end was cut off is intact by itself."
)]
pub struct VerifyArgs {
    /// A hash that must be in the chain: one that `rrb audit verify` printed before.
    #[arg(long, value_name = "HEX")]
    head: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which records.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb audit show --limit 20\n  rrb audit show --run k3x9q2\n  rrb audit show --after 1200 --json"
)]
pub struct ShowArgs {
    /// Only records of this run.
    #[arg(long)]
    run: Option<String>,
    /// Only records after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// How many at most; without `--after`, the last ones.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does one of them.
///
/// # Errors
/// When nobody can be asked.
pub async fn dispatch(context: &Context, command: AuditCommand) -> Result<Exit, CliError> {
    match command {
        AuditCommand::Verify(args) => verify(context, &args).await,
        AuditCommand::Show(args) => show(context, &args).await,
        AuditCommand::Effects(args) => super::effects::effects(context, &args),
    }
}

/// Records asked for at once.
const PAGE: u32 = 1000;

async fn verify(context: &Context, args: &VerifyArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let mut verdict = plane.verify_audit().await?;
    if let (Some(head), Verdict::Intact { records, .. }) = (&args.head, &verdict)
        && !contains(plane.as_ref(), head).await?
    {
        let reason =
            format!("none of its {records} records has the hash you kept: its end was cut off, or it is another log");
        verdict = Verdict::Broken { seq: records + 1, reason };
    }
    let out = &context.out;
    if args.json {
        out.json(&verdict)?;
    } else {
        match &verdict {
            Verdict::Intact { records, head } => {
                let records = crate::text::count(usize::try_from(*records).unwrap_or(usize::MAX), "record");
                out.line(format!("{} the audit log is intact: {records}", out.look.good("✓")));
                out.line(format!("  {} {head}", out.look.dim("head")));
            }
            Verdict::Broken { seq, reason } => {
                out.line(format!("{} the audit log is broken at record {seq}: {}", out.look.bad("✗"), clean(reason)));
            }
        }
    }
    Ok(if matches!(verdict, Verdict::Intact { .. }) { Exit::Ok } else { Exit::Failed })
}

async fn contains(plane: &dyn rrb_engine::api::ControlPlane, head: &str) -> Result<bool, CliError> {
    let mut after = 0;
    loop {
        let page = plane.audit(after, PAGE, None).await?;
        let Some(last) = page.last() else { return Ok(false) };
        if page.iter().any(|r| r.hash == head) {
            return Ok(true);
        }
        after = last.seq;
    }
}

async fn show(context: &Context, args: &ShowArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let run = match &args.run {
        Some(run) => Some(run_id(plane.as_ref(), run).await?),
        None => None,
    };
    let mut after = args.after;
    if args.after == 0 && run.is_none() {
        // The chain has no gaps: its length says where the last page begins.
        if let Verdict::Intact { records, .. } = plane.verify_audit().await? {
            after = records.saturating_sub(u64::from(args.limit));
        }
    }
    let mut left = args.limit;
    let mut records = Vec::new();
    while left > 0 {
        let page = plane.audit(after, left.min(PAGE), run.as_deref()).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
        records.extend(page);
    }
    let out = &context.out;
    if args.json {
        out.json(&records)?;
    } else if records.is_empty() {
        out.note(out.err.dim("no records"));
    } else {
        records.iter().for_each(|r| out.line(line(&out.look, r)));
    }
    Ok(Exit::Ok)
}

/// `  12 2026-11-21 14:03:07 approval.vote user:ana (token:ana-laptop) approval=… approve=true`
pub fn line(look: &Look, r: &AuditRecord) -> String {
    let d = &r.draft;
    let run = d.run.as_deref().map(|r| format!(" {}", look.name(clean(crate::text::short_id(r))))).unwrap_or_default();
    let body = crate::text::value(&d.body);
    let body = if look.cuts { truncate(&body, look.width.max(80)).into_owned() } else { body };
    let time = look.dim(format!("{:>6} {}", r.seq, moment(d.at, &look.zone)));
    format!("{time}{run} {} {} {body}", look.bold(clean(&d.kind)), clean(&d.actor))
}
