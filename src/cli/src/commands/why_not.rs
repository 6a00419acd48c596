//! `rrb why-not`: why an event did not start a runbook.

use clap::Args;
use rrb_engine::api::WhyNot;

use crate::commands::why::said;
use crate::connect::{Need, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::text::clean;

/// Which runbook, and which event.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb why-not relieve_disk_pressure evt_01jd8k…   # or just the end of the id\n  rrb why-not drain 8k3x9 --json\n\nWhat was decided when the event came stands first; below it every trigger of the runbook is asked again, by the program\nthat is loaded now, with the values that make a condition false.\n\nExit code: 0 when the event started nothing there, 1 when it did start a run."
)]
pub struct WhyNotArgs {
    /// The runbook that did not start.
    runbook: String,
    /// The event's id, or its end.
    event: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints what the runbook's triggers say of the event.
///
/// # Errors
/// When there is no such runbook or event, or nobody to ask.
pub async fn why_not(context: &Context, args: &WhyNotArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let id = crate::connect::event_id(plane.as_ref(), &args.event).await?;
    let answer = plane.why_not(&args.runbook, &id).await?;
    let out = &context.out;
    match args.json {
        true => out.json(&answer)?,
        false => show(&out.look, &answer).iter().for_each(|l| out.line(l)),
    }
    let started = answer.dispositions.iter().any(|d| d.run.is_some() && d.verdict != "cancelled");
    Ok(if started { Exit::Failed } else { Exit::Ok })
}

/// A runbook's story with an event.
pub fn show(look: &Look, answer: &WhyNot) -> Vec<String> {
    let (event, runbook) = (&answer.event, &answer.runbook);
    let mut lines = vec![format!(
        "{} and {} {}",
        look.bold(clean(runbook)),
        look.bold(clean(&event.source)),
        look.dim(clean(&event.id))
    )];
    match answer.dispositions.as_slice() {
        [] => lines.push(format!("  {} it was never shown to this runbook", look.dim("·"))),
        all => lines.extend(all.iter().map(|d| format!("  {}", said(look, d)))),
    }
    if answer.triggers.is_empty() {
        lines.push(look.dim("no trigger to ask: the runbook has none, or no daemon is running"));
    }
    for trigger in &answer.triggers {
        lines.push(String::new());
        lines.push(look.bold(clean(&trigger.trigger)).to_string());
        for condition in &trigger.conditions {
            let mark = if condition.holds { look.good("✓") } else { look.bad("✗") };
            let detail = if condition.holds { clean(&condition.text) } else { clean(&condition.detail) };
            lines.push(format!("  {mark} {detail}"));
        }
        let told = trigger.conditions.iter().any(|c| c.detail == trigger.says);
        if !told && !trigger.says.is_empty() {
            lines.push(format!("  {} {}", look.dim("·"), clean(&trigger.says)));
        }
    }
    lines
}
