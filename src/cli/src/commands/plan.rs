//! `rrb plan`: what a run would do, with live reads and simulated changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rrb_engine::api::{Actor, StartRun};
use rrb_world::live::LiveConfig;
use rrb_world::plan::PlanWorld;

use super::run::{Given, find, parameters};
use super::serve::sound;
use crate::connect::{self, Need};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::{ahead_json, ahead_text, desk, project};

/// What to run ahead, with what.
#[derive(Debug, Args)]
#[command(override_usage = "rrb plan [OPTIONS] RUNBOOK [--PARAMETER VALUE]...")]
#[command(
    after_help = "Examples:\n  rrb plan relieve_disk_pressure --mount /var --node web-3\n  rrb plan relieve_disk_pressure --event alert.json       # its trigger reads the parameters from the event\n  rrb plan relieve_disk_pressure --event 51jvcf --reads   # of a stored event; shows what was read\n\nReads are made for real, and nothing else is: the world that a plan runs in has no code for a change. A result that\nonly a change would give is unknown, and both sides of what depends on it are shown. Nothing is written.\n\nExit code: 0 planned; 1 when a policy would deny a call or the start, the run would fail, or the plan is not complete."
)]
pub struct PlanArgs {
    /// The runbook's name.
    pub runbook: String,
    /// A parameter; `--NAME VALUE` is the short form.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Take the parameters from this event by the runbook's trigger: a file (JSON; `-` is standard input), or the id of a stored
    /// event or its end. Parameters given beside it win.
    #[arg(long, value_name = "FILE|ID")]
    pub event: Option<PathBuf>,
    /// The event that the file holds, when the runbook has triggers on several: `alertmanager.firing`.
    #[arg(long, value_name = "EVENT", requires = "event")]
    pub on: Option<String>,
    /// The person who would ask: a user of the project.
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// Show the reads that were made, with their results in short.
    #[arg(long)]
    pub reads: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Plans it.
///
/// # Errors
/// When the project has errors, there is no such runbook, or parameters are wrong.
pub async fn plan(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let loaded = project::load(&place)?;
    let sound = sound(context, &loaded)?;
    let runbook = find(&sound, &args.runbook)?;
    if let Some(user) = &args.user {
        project::known_user(&sound.project, user)?;
    }
    let stored = match &args.event {
        Some(event) if !is_file(event) => Some(stored(context, event).await?),
        _ => None,
    };
    let (payload, on) = match (&stored, &args.event) {
        (Some((payload, source)), _) => (Some(payload.clone()), Some(source.as_str())),
        (None, Some(file)) => (Some(super::emit::read_json(file)?), args.on.as_deref()),
        (None, None) => (None, None),
    };
    let given = Given { name: &args.runbook, payload, on, params: &args.params };
    let params = parameters(context, &sound, runbook, &given)?;
    let config = LiveConfig {
        allow_addresses: sound.project.egress_allow.clone(),
        allow_variables: sound.project.env_allow.clone(),
    };
    let engine = desk::planning(&sound, Arc::new(PlanWorld::new(config))).await?;
    let actor = Actor { person: args.user.clone(), method: "local".to_owned() };
    let start = StartRun { runbook: args.runbook.clone(), params, id: None };
    let ahead = engine.foresee(Arc::clone(&sound.program), start, &actor).await?;
    match args.json {
        true => context.out.json(&ahead_json::of(&sound.program, &ahead))?,
        false => {
            let look = &context.out.look;
            ahead_text::lines(look, &sound.program, &ahead, args.reads).iter().for_each(|l| context.out.line(l));
        }
    }
    let well = ahead.refused.is_none() && ahead.parts().all(|p| !p.is_denied() && p.incomplete().is_none());
    Ok(if well { Exit::Ok } else { Exit::Failed })
}

fn is_file(event: &Path) -> bool {
    event == Path::new("-") || event.exists() || event.extension().is_some() || event.components().count() > 1
}

/// The payload and the kind of a stored event.
async fn stored(context: &Context, event: &Path) -> Result<(serde_json::Value, String), CliError> {
    let plane = connect::connect(context, Need::Read).await?.plane;
    let id = connect::event_id(plane.as_ref(), &event.to_string_lossy()).await?;
    let view = plane.why(&id).await?;
    Ok((view.event.payload, view.event.source))
}
