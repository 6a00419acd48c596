//! `rrb run`: one run, now, to its end.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use rrb_engine::api::{Actor, ControlPlane, RunView, StartRun};
use rrb_engine::store::RunFilter;
use rrb_lang::diag::nearest;
use rrb_lang::hir::Runbook;
use serde_json::Value;
use tokio::signal::unix::SignalKind;

use super::serve::sound;
use crate::connect;
use crate::context::Context;
use crate::daemon::{Daemon, Start};
use crate::exit::{CliError, Exit};
use crate::follow::{self, Left, Manner};
use crate::project::{self, Sound};
use crate::text::{clean, short_id};
use crate::{mapping, params, run_text};

/// What to run, with what.
#[derive(Debug, Args)]
#[command(override_usage = "rrb run [OPTIONS] RUNBOOK [--PARAMETER VALUE]...")]
#[command(
    after_help = "Examples:\n  rrb run relieve_disk_pressure --mount /var --node web-3\n  rrb run relieve_disk_pressure --event alert.json       # its trigger reads the parameters from the event\n  rrb run clear_temp --no-wait --json                     # exit code 6 when people must answer first\n\nEverything after the runbook that is no option of `run` is a parameter. One whose name is also an option is\nwritten `--param json=yes`. When a daemon runs on this project the run starts there, and survives this command.\n\nExit code: 0 resolved, mitigated or not needed; 1 any other end; 6 when it was left (--no-wait, Ctrl-C twice)."
)]
pub struct RunArgs {
    /// The runbook's name.
    pub runbook: String,
    /// A parameter; `--NAME VALUE` is the short form.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Take the parameters from this event (JSON; `-` is standard input), by the runbook's trigger. Parameters given beside it win.
    #[arg(long, value_name = "FILE")]
    pub event: Option<PathBuf>,
    /// The event that the file holds, when the runbook has triggers on several: `alertmanager.firing`.
    #[arg(long, value_name = "EVENT", requires = "event")]
    pub on: Option<String>,
    /// The person who asks: a user of the project. They cannot approve their own run unless the runbook says so.
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// Leave with exit code 6 when the run waits for people, its turn, or a time more than half a minute away. A daemon goes on with it;
    /// without one it rests until the next `rrb serve`.
    #[arg(long)]
    pub no_wait: bool,
    /// Also show native calls.
    #[arg(long)]
    pub detail: bool,
    /// Print one JSON object per line: timeline items, then the run.
    #[arg(long)]
    pub json: bool,
}

/// Runs it and follows it.
///
/// # Errors
/// When the project has errors, there is no such runbook, parameters are wrong, or the state is taken.
pub async fn run(context: &Context, args: RunArgs) -> Result<Exit, CliError> {
    let place = context.place()?;
    let loaded = project::load(&place)?;
    let sound = sound(context, &loaded)?;
    let runbook = find(&sound, &args.runbook)?;
    if let Some(user) = &args.user {
        project::known_user(&sound.project, user)?;
    }
    let payload = args.event.as_deref().map(super::emit::read_json).transpose()?;
    let given = Given { name: &args.runbook, payload, on: args.on.as_deref(), params: &args.params };
    let params = parameters(context, &sound, runbook, &given)?;
    let state = place.state(&sound.project);
    let start = StartRun { runbook: args.runbook.clone(), params, id: None };
    if let Some(client) = connect::daemon(context, &state).await? {
        if args.user.is_some() {
            return Err(CliError::usage("a daemon runs on this project: who you are, your token says, not `--as`")
                .help("give that person's token with `RRB_TOKEN` or `--token-file FILE`"));
        }
        context.out.note(context.out.err.dim(format!("running on the daemon at {}", client.base())));
        let session =
            Session { context, args: &args, plane: Arc::new(client), actor: connect::local_actor(), daemon: true };
        return session.run(start).await;
    }
    crate::secrets::warnings(&sound).iter().for_each(|line| context.out.warning(line));
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let daemon = Daemon::start(&sound, Start { listen, schedules: false, shadow: false }).await?;
    let others = daemon.plane().runs(RunFilter { open_only: true, ..RunFilter::default() }).await?.len();
    if others > 0 {
        let runs = crate::text::count(others, "other run");
        context
            .out
            .note(context.out.err.dim(format!("{runs} that had been left go on meanwhile: rrb runs list --open")));
    }
    let actor = Actor { person: args.user.clone(), method: "local".to_owned() };
    let session = Session { context, args: &args, plane: daemon.plane(), actor, daemon: false };
    let result = session.run(start).await;
    // From here on: the interrupts that made us leave are not one more.
    let mut interrupts = follow::signal(SignalKind::interrupt())?;
    let hint = tokio::time::sleep(Duration::from_secs(1));
    let stop = daemon.stop();
    tokio::pin!(stop);
    // Quick as a rule; a call at work is given its time, unless somebody has none.
    tokio::select! {
        () = &mut stop => return result,
        () = hint => context.out.note("waits up to 30s for a call that is still at work: Ctrl-C leaves it; what is unknown then is asked later"),
    }
    tokio::select! {
        () = stop => {}
        Some(()) = interrupts.recv() => {}
    }
    result
}

/// The runbook of this name.
///
/// # Errors
/// When there is none, with the nearest.
pub fn find<'a>(sound: &'a Sound, name: &str) -> Result<&'a Runbook, CliError> {
    if let Some((_, runbook)) = sound.program.runbook_named(name) {
        return Ok(runbook);
    }
    let names: Vec<&str> = sound.program.runbooks.iter().map(|r| r.name.as_str()).collect();
    Err(no_runbook(name, &names))
}

/// Whether the project of this folder has a runbook of this name, for what asks no daemon. One that does not check now has no
/// names that could be trusted: then every name passes.
///
/// # Errors
/// When it has none, with the nearest.
pub fn known(context: &Context, name: &str) -> Result<(), CliError> {
    match project::load(&context.place()?)?.sound() {
        Some(sound) => find(&sound, name).map(|_| ()),
        None => Ok(()),
    }
}

/// That there is no runbook `name`, with the nearest of those there are.
pub fn no_runbook(name: &str, names: &[&str]) -> CliError {
    let error = CliError::not_found(format!("there is no runbook `{}`", clean(name)));
    match (nearest(name, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => error.help(format!("did you mean `{near}`?")),
        (None, true) => error.help("this project has no runbooks"),
        (None, false) => error.help(format!("there are {}", names.join(", "))),
    }
}

/// What parameters are read from.
pub struct Given<'a> {
    /// The runbook as it was named.
    pub name: &'a str,
    /// An event, and which.
    pub payload: Option<Value>,
    pub on: Option<&'a str>,
    /// `NAME=VALUE`
    pub params: &'a [String],
}

/// The parameters: of the event, then those given.
///
/// # Errors
/// When the event does not fit, or a parameter is unknown, wrong or missing.
pub fn parameters(
    context: &Context,
    sound: &Sound,
    runbook: &Runbook,
    given: &Given<'_>,
) -> Result<BTreeMap<String, Value>, CliError> {
    let mut values = match &given.payload {
        Some(payload) => {
            let mapped = mapping::parameters(sound, runbook, given.on, payload)?;
            if let Some(why) = mapped.refused {
                context.out.warning(&format!("the trigger itself would say no: {}", clean(&why)));
            }
            mapped.values
        }
        None => BTreeMap::new(),
    };
    values.extend(params::read(given.name, &sound.program.types, &runbook.params, given.params)?);
    params::complete(given.name, &sound.program.types, &runbook.params, &values)?;
    Ok(values)
}

struct Session<'a> {
    context: &'a Context,
    args: &'a RunArgs,
    plane: Arc<dyn ControlPlane>,
    actor: Actor,
    /// It runs in a daemon, and goes on without us.
    daemon: bool,
}

impl Session<'_> {
    async fn run(&self, start: StartRun) -> Result<Exit, CliError> {
        let out = &self.context.out;
        // Subscribed first, so that not even the first line is missed.
        let items = self.plane.subscribe();
        let run = self.plane.start(start, &self.actor).await?;
        let manner = Manner { json: self.args.json, detailed: self.args.detail, no_wait: self.args.no_wait };
        let left = follow::follow(out, self.plane.as_ref(), &self.actor, &run, items, manner).await?;
        match left {
            Left::Ended(view) => {
                self.last(&view)?;
                Ok(follow::exit_of(&view))
            }
            Left::Waits(why) => {
                self.last(&self.plane.run(&run).await?)?;
                let why = if why.is_empty() { "people".to_owned() } else { clean(&why).into_owned() };
                out.note(format!("the run waits for {why}"));
                self.how_to_go_on(&run);
                Ok(Exit::Waiting)
            }
            Left::Walked => {
                self.how_to_go_on(&run);
                Ok(Exit::Waiting)
            }
        }
    }

    /// For programs, the run as it stands is the last line.
    fn last(&self, view: &RunView) -> Result<(), CliError> {
        let out = &self.context.out;
        if self.args.json {
            return out.json_line(&serde_json::json!({ "run": view.run, "outcome": run_text::standing(&view.run) }));
        }
        Ok(())
    }

    fn how_to_go_on(&self, run: &str) {
        let out = &self.context.out;
        match self.daemon {
            true => out.note(format!("the run goes on in the daemon: rrb runs show {}", short_id(run))),
            false => out.note(format!(
                "the run is kept and goes on with the next `rrb serve` or `rrb watch`; look at it: rrb runs show {}",
                short_id(run)
            )),
        }
    }
}
