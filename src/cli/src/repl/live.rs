//! `:live`: what is typed is done for real, by an engine of this project in this process: journaled, audited, with approvals and policies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::{Actor, ControlPlane, RunView, StartRun, What};
use rrb_lang::json::Json;
use rrb_lang::types::{Ty, Type};
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::Note;

use super::console::{Console, Manner};
use super::pieces::{Kind, Piece};
use super::session::{Form, Input, Ready, Scope, Wrong, holds_code};
use super::source::{RESULT, RUNBOOK};
use crate::daemon::{Daemon, Start};
use crate::exit::{CliError, Exit};
use crate::follow::{self, Left, Manner as Following};
use crate::text::{clean, short_id};

/// An engine that does things.
pub struct Live {
    daemon: Daemon,
    actor: Actor,
}

impl Live {
    pub fn plane(&self) -> Arc<dyn ControlPlane> {
        self.daemon.plane()
    }

    /// Who does it, as the audit has it.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
}

/// `:live`, `:live yes`, `:live off`
///
/// # Errors
/// When there is no project, somebody else works on its state, or it was not agreed to.
pub async fn switch(console: &mut Console, rest: &str) -> Result<(), Wrong> {
    match (rest, console.live.is_some()) {
        ("off", _) => leave(console).await,
        ("" | "yes", true) => console.context.out.line("this session is live already: `:live off` ends it"),
        ("" | "yes", false) => begin(console, rest == "yes").await?,
        _ => return Err(CliError::usage("`:live` takes `yes` or `off`, or nothing: then it asks").into()),
    }
    Ok(())
}

async fn begin(console: &mut Console, agreed: bool) -> Result<(), Wrong> {
    let Some(place) = console.session.place.clone() else {
        return Err(CliError::usage("only a project can be worked on live: its policies and its audit log are needed")
            .help("begin the session in one: `rrb repl PROJECT`")
            .into());
    };
    let config = Arc::clone(&console.session.texts().config);
    let state = place.state(&config);
    if let Some(client) = crate::connect::daemon(&console.context, &state).await? {
        return Err(CliError::refused(format!("a daemon works on this project, at {}: only one may", client.base()))
            .help("let it do it: `:run RUNBOOK`, `:fire EVENT`; or stop it first")
            .into());
    }
    let sound = console.session.whole(Form::Runbook)?;
    let who = console
        .user
        .as_ref()
        .map_or_else(|| "nobody in particular (`rrb repl --as USER` says who)".to_owned(), |u| clean(u).into_owned());
    if !agreed {
        let out = &console.context.out;
        out.line(format!("{} what you type from now on is done for real, by {who}.", out.look.bad("live:")));
        out.line("It is journaled and audited, policies judge it, and what destroys needs an `approve` or a `waive`.");
        out.raw(format!("Type {} to go on: ", out.look.bold("yes")));
        if console.manner != Manner::Prompt || !answered_yes() {
            return Err(CliError::refused("not agreed: nothing changes").help("`:live yes` agrees at once").into());
        }
    }
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let daemon = Daemon::start(&sound, Start { listen, schedules: false, shadow: false }).await?;
    let actor = Actor { person: console.user.clone(), method: "repl".to_owned() };
    let out = &console.context.out;
    out.line(format!(
        "{} as {who}; `:live off` ends it. Approvals: {}",
        out.look.bad("live"),
        out.look.name("rrb approvals list")
    ));
    console.live = Some(Live { daemon, actor });
    Ok(())
}

/// A line of the terminal that says yes.
fn answered_yes() -> bool {
    tokio::task::block_in_place(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).is_ok() && line.trim().eq_ignore_ascii_case("yes")
    })
}

/// Stops doing things for real. Runs that wait are kept for whoever works on the project next.
pub async fn leave(console: &mut Console) {
    let Some(live) = console.live.take() else { return };
    let out = &console.context.out;
    if tokio::time::timeout(Duration::from_secs(35), live.daemon.stop()).await.is_err() {
        out.warning("a call was still at work and was left; its run goes on with the next start");
    }
    out.line(out.look.dim("not live any more: changes are only planned"));
}

/// Does what the input says, as a run.
///
/// # Errors
/// When it does not check as a run's body, or the run ends badly.
pub async fn run(console: &mut Console, input: Input<'_>, piece: &Piece) -> Result<(), Wrong> {
    let shape = console.session.ready(input, piece, Scope::Whole, Form::Action)?;
    let gives = !matches!(*shape.ty, Type::Nothing | Type::Never | Type::None) && !holds_code(&shape.types, &shape.ty);
    let ready = match gives {
        // What has no JSON is no evidence: then the result is not known here.
        true => match console.session.ready(input, piece, Scope::Whole, Form::Result) {
            Ok(ready) => ready,
            Err(_) => console.session.ready(input, piece, Scope::Whole, Form::Runbook)?,
        },
        false => console.session.ready(input, piece, Scope::Whole, Form::Runbook)?,
    };
    let sound = console.session.sound(&ready);
    let Some(live) = &console.live else { return Ok(()) };
    live.daemon.reload(&sound).await?;
    let plane = live.plane();
    let actor = live.actor.clone();
    let items = plane.subscribe();
    let start = StartRun { runbook: RUNBOOK.to_owned(), params: Default::default(), id: None };
    let id = plane.start(start, &actor).await.map_err(CliError::from)?;
    let manner = Following { json: console.json, detailed: console.options.trace, no_wait: true };
    let left = follow::follow(&console.context.out, plane.as_ref(), &actor, &id, items, manner).await?;
    match left {
        Left::Ended(view) => ended(console, &shape, &view).map_err(Into::into),
        Left::Waits(why) => {
            let why = if why.is_empty() { "people".to_owned() } else { clean(&why).into_owned() };
            console.context.out.note(format!(
                "the run {} waits for {why}; it goes on while this session is live: `:approvals`, `:runs {0}`",
                short_id(&id)
            ));
            Ok(())
        }
        Left::Walked => {
            console.context.out.note(format!("left: `:runs {}` shows how it stands", short_id(&id)));
            Ok(())
        }
    }
}

fn ended(console: &mut Console, shape: &Ready, view: &RunView) -> Result<(), CliError> {
    let result = view.timeline.iter().rev().find_map(|item| match &item.what {
        What::Note { note: Note::Evidence { name, value, .. } } if name == RESULT => Some(value.clone()),
        _ => None,
    });
    let value = result.and_then(|json| decoded(shape, &shape.ty, &json));
    match value {
        Some(value) => console.gave(shape, value)?,
        None if matches!(shape.kind, Kind::Bind { .. }) => console.context.out.note("what it gave is not known here"),
        None => {}
    }
    match follow::exit_of(view) {
        Exit::Ok => Ok(()),
        exit => Err(CliError::silent(exit)),
    }
}

fn decoded(shape: &Ready, ty: &Ty, json: &Json) -> Option<Value> {
    vm::decode(&shape.types, ty, json, &shape.program.constants).ok()
}
