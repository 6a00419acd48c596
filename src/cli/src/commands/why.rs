//! `rrb why`: what became of an event.

use clap::Args;
use rrb_engine::api::EventView;
use rrb_engine::store::{DispositionRow, EventFilter};

use crate::connect::{Need, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::text::{clean, moment, now, relative, short_id};

/// Which event.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb why evt_01jd8k…          # or just the end of the id\n  rrb why                      # the latest events\n  rrb why --dead               # deliveries that could not be read"
)]
pub struct WhyArgs {
    /// The event's id, or its end. Without it, the latest events are listed.
    event: Option<String>,
    /// List the deliveries that could not be read, with the reason.
    #[arg(long, conflicts_with = "event")]
    dead: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the event's story.
///
/// # Errors
/// When there is no such event, or nobody to ask.
pub async fn why(context: &Context, args: &WhyArgs) -> Result<Exit, CliError> {
    if args.dead {
        return dead(context, args.json).await;
    }
    let plane = connect(context, Need::Read).await?.plane;
    let out = &context.out;
    let Some(event) = &args.event else {
        let events = plane.events(EventFilter::default()).await?;
        if args.json {
            return out.json(&events).map(|()| Exit::Ok);
        }
        let now = now();
        let row = |e: &rrb_engine::store::EventRow| {
            vec![
                short_id(&e.id).to_owned(),
                e.source.clone(),
                relative(now, e.received),
                crate::text::value(&e.payload),
            ]
        };
        return print_table(
            context,
            &["event", "source", "when", "payload"],
            events.iter().map(row).collect(),
            "no events yet",
        );
    };
    let id = crate::connect::event_id(plane.as_ref(), event).await?;
    let view = plane.why(&id).await?;
    match args.json {
        true => out.json(&view)?,
        false => show(&out.look, &view, now()).iter().for_each(|l| out.line(l)),
    }
    Ok(Exit::Ok)
}

/// Prints the deliveries that could not be read.
///
/// # Errors
/// When nobody answers.
pub async fn dead(context: &Context, json: bool) -> Result<Exit, CliError> {
    let dead = connect(context, Need::Read).await?.plane.dead_letters().await?;
    if json {
        return context.out.json(&dead).map(|()| Exit::Ok);
    }
    let now = now();
    let row = |d: &rrb_engine::store::DeliveryRow| {
        vec![d.id.clone(), d.path.clone(), relative(now, d.at), d.dead.clone().unwrap_or_default()]
    };
    print_table(context, &["delivery", "path", "when", "reason"], dead.iter().map(row).collect(), "no dead letters")
}

/// Rows, or a word where there are none.
pub fn print_table(context: &Context, header: &[&str], rows: Vec<Vec<String>>, none: &str) -> Result<Exit, CliError> {
    let out = &context.out;
    if rows.is_empty() {
        out.note(out.err.dim(none));
    } else {
        crate::out::table(&out.look, header, &rows).iter().for_each(|l| out.line(l));
    }
    Ok(Exit::Ok)
}

/// An event with what each runbook made of it.
pub fn show(look: &Look, view: &EventView, now: i64) -> Vec<String> {
    let e = &view.event;
    let instance = if e.instance == "default" { String::new() } else { format!("[{}]", clean(&e.instance)) };
    let mut lines = vec![format!("{}{instance} {}", look.bold(clean(&e.source)), look.dim(clean(&e.id)))];
    lines.push(format!(
        "  {} {} ({})",
        look.dim("received"),
        moment(e.received, &look.zone),
        relative(now, e.received)
    ));
    if let Some(id) = &e.sender_id {
        lines.push(format!("  {} {}", look.dim("sender's id"), clean(id)));
    }
    if let Some(payload) = e.payload.as_object() {
        for (key, value) in payload {
            lines.push(format!("  {} {}", look.dim(clean(key)), crate::text::value(value)));
        }
    }
    lines.push(String::new());
    if view.dispositions.is_empty() {
        lines.push(look.warn("no runbook has looked at it yet"));
    }
    lines.extend(view.dispositions.iter().map(|d| said(look, d)));
    lines
}

/// One line of an event's story: what a runbook made of it.
pub fn said(look: &Look, d: &DispositionRow) -> String {
    let runbook = look.bold(clean(if d.runbook.is_empty() { "no runbook" } else { &d.runbook }));
    let detail = if d.detail.is_empty() { String::new() } else { format!(": {}", clean(&d.detail)) };
    match (&d.run, d.verdict.as_str()) {
        (Some(run), "started") => format!("{} {runbook} started {}{detail}", look.good("✓"), clean(run)),
        (Some(run), verdict) => format!("{} {runbook} {} {}{detail}", look.warn("…"), clean(verdict), clean(run)),
        (None, "error") => format!("{} {runbook} {}{detail}", look.bad("✗"), look.bad("error")),
        (None, "waiting") => format!("{} {runbook} waits{detail}", look.warn("…")),
        (None, verdict @ ("answered" | "joined" | "expired")) => {
            format!("{} {runbook} {verdict}{detail}", look.dim("·"))
        }
        (None, verdict) => format!("{} {runbook} no, {}{detail}", look.dim("·"), clean(verdict)),
    }
}
