//! `rrb approvals`: what people are asked, and their answers.

use clap::{Args, Subcommand};
use rrb_engine::api::Vote;
use rrb_engine::store::{ApprovalRow, ApprovalState};

use super::why::print_table;
use crate::connect::{Need, approval_id, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::plan_text;
use crate::text::{clean, now, relative, short_id};

/// `rrb approvals …`
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List what is asked, oldest first.
    #[command(alias = "ls")]
    List(ListArgs),
    /// Show an approval with its plan and its votes.
    Show(ShowArgs),
    /// Agree. You agree to the plan as it is shown now: when it changes, you are asked again.
    Approve(ApproveArgs),
    /// Say no.
    Deny(DenyArgs),
}

/// Which approvals.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rrb approvals list\n  rrb approvals list --all --json")]
pub struct ListArgs {
    /// Also those that are closed.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which approval.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb approvals show 7f2k9a    # the end of the id is enough")]
pub struct ShowArgs {
    /// The approval's id, or its end.
    approval: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// An approval and a yes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  RRB_TOKEN=$(cat ~/.rrb-ana) rrb approvals approve 7f2k9a --comment \"checked with the team\"\n  rrb approvals approve 7f2k9a --token-file ~/.rrb-ana\n\nA vote needs a person's token: `rrb token create ana-laptop --user ana --scope approvals:vote`."
)]
pub struct ApproveArgs {
    /// The approval's id, or its end.
    approval: String,
    /// For the others and the audit.
    #[arg(long, default_value = "", hide_default_value = true)]
    comment: String,
    /// The digest of the plan you read (its beginning): refused when the plan is another one by now.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// An approval and a no.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rrb approvals deny 7f2k9a --comment \"not during the release\" --token-file ~/.rrb-ana"
)]
pub struct DenyArgs {
    /// The approval's id, or its end.
    approval: String,
    /// Why not, for the others and the audit.
    #[arg(long, visible_alias = "reason")]
    comment: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Does one of them.
///
/// # Errors
/// When there is no such approval, the voter may not, it is closed, or nobody answers.
pub async fn dispatch(context: &Context, command: ApprovalsCommand) -> Result<Exit, CliError> {
    match command {
        ApprovalsCommand::List(args) => list(context, &args).await,
        ApprovalsCommand::Show(args) => show(context, &args).await,
        ApprovalsCommand::Approve(args) => {
            vote(context, &args.approval, true, args.comment, args.digest, args.json).await
        }
        ApprovalsCommand::Deny(args) => vote(context, &args.approval, false, args.comment, None, args.json).await,
    }
}

async fn list(context: &Context, args: &ListArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let approvals = plane.approvals(!args.all).await?;
    if args.json {
        return context.out.json(&approvals).map(|()| Exit::Ok);
    }
    let now = now();
    let row = |a: &ApprovalRow| {
        let needs = plan_text::ask(a).map(|ask| plan_text::who(&ask)).unwrap_or_default();
        let yes = a.votes.iter().filter(|v| v.approve).count();
        let state = serde_json::to_value(a.state).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let when = if a.state == ApprovalState::Open { format!("ends {}", relative(now, a.expires)) } else { state };
        vec![
            short_id(&a.id).to_owned(),
            a.runbook.clone(),
            when,
            format!("{yes} of {}", needs.trim_start_matches("1 of ")),
            plan_text::question(a),
        ]
    };
    print_table(
        context,
        &["approval", "runbook", "state", "votes", "question"],
        approvals.iter().map(row).collect(),
        "nobody is asked for anything",
    )
}

async fn show(context: &Context, args: &ShowArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let id = approval_id(plane.as_ref(), &args.approval).await?;
    let row = plane.approval(&id).await?;
    let out = &context.out;
    match args.json {
        true => out.json(&row)?,
        false => plan_text::approval(&out.look, &row, now()).iter().for_each(|l| out.line(l)),
    }
    Ok(Exit::Ok)
}

async fn vote(
    context: &Context,
    approval: &str,
    approve: bool,
    comment: String,
    digest: Option<String>,
    json: bool,
) -> Result<Exit, CliError> {
    let c = connect(context, Need::Drive("take a vote")).await?;
    let id = approval_id(c.plane.as_ref(), approval).await?;
    let row = c.plane.approval(&id).await?;
    let digest = full_digest(&row, digest.as_deref())?;
    let vote = Vote { approve, comment, digest: Some(digest) };
    let row = c.plane.vote(&id, vote, &c.actor).await.map_err(|e| {
        let person = matches!(e, rrb_engine::api::ApiError::Forbidden(_));
        let error = CliError::from(e);
        match person {
            true if error.help.is_empty() => error
                .help("a vote needs the token of a person who is asked: `RRB_TOKEN` or `--token-file FILE`")
                .help("make one: `rrb token create NAME --user USER --scope approvals:vote`"),
            _ => error,
        }
    })?;
    let out = &context.out;
    if json {
        return out.json(&row).map(|()| Exit::Ok);
    }
    let yes = row.votes.iter().filter(|v| v.approve).count();
    let quorum = plan_text::ask(&row).map_or(1, |a| a.quorum);
    out.line(format!("{} {}", plan_text::state(&out.look, row.state), clean(&plan_text::question(&row))));
    if row.state == ApprovalState::Open {
        out.line(format!(
            "  {yes} of {quorum} votes; open {}",
            relative(now(), row.expires).replace("in ", "for another ")
        ));
    }
    Ok(Exit::Ok)
}

/// The digest that is voted on: what the row has, unless the voter names another.
fn full_digest(row: &ApprovalRow, given: Option<&str>) -> Result<String, CliError> {
    match given {
        None => Ok(row.digest.clone()),
        Some(start) if start.len() >= 8 && row.digest.starts_with(start) => Ok(row.digest.clone()),
        Some(start) if start.len() < 8 => Err(CliError::usage("a digest needs at least its first 8 characters")),
        Some(_) => Err(CliError::refused("the plan is another one than you read")
            .help(format!("read it again: `rrb approvals show {}`", crate::text::short_id(&row.id)))),
    }
}
