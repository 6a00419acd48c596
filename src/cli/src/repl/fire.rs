//! `:fire`: an event through the triggers of the project, and what each made of it. What it would start only reads.

use std::sync::Arc;
use std::time::Duration;

use rrb_engine::api::{Actor, ControlPlane, EmitEvent};
use rrb_engine::clock::{Clock, SystemClock};
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::unscheduled::Unscheduled;
use rrb_engine::world::World;

use super::console::Console;
use super::session::{Form, Input, Wrong};
use crate::commands::{emit, why};
use crate::exit::CliError;
use crate::project::Sound;
use crate::text::{clean, now};

/// How long the triggers may take to look at an event.
const SOON: Duration = Duration::from_secs(10);

/// `:fire EVENT {…}`, `:fire EVENT FILE.json`, `:fire /webhook FILE.json`
///
/// # Errors
/// When there is no such event, or what is given is none.
pub async fn fire(console: &mut Console, text: &str) -> Result<(), Wrong> {
    let (event, rest) = text.split_once(|c: char| c.is_whitespace() || c == '{').unwrap_or((text, ""));
    let rest = text.get(event.len()..).unwrap_or(rest).trim();
    let (sound, payload) = match event.starts_with('/') || rest.ends_with(".json") {
        true => {
            let payload = emit::read_json(std::path::Path::new(rest))?;
            (console.session.whole(Form::Action)?, payload)
        }
        false => {
            let body = if rest.is_empty() { "{ }" } else { rest };
            let whole = format!("{event} {body}");
            console.session.event(Input { name: "input", text: &whole })?
        }
    };
    let emit = EmitEvent { event: event.to_owned(), instance: None, payload };
    let actor = Actor { person: console.user.clone(), method: "repl".to_owned() };
    if let Some(live) = &console.live {
        let plane = live.plane();
        return said(console, plane.as_ref(), emit, &actor).await.map_err(Into::into);
    }
    let engine = engine(console, &sound).await?;
    said(console, engine.as_ref(), emit, &actor).await?;
    console
        .context
        .out
        .note(console.context.out.err.dim("in shadow: what it started only read, and nothing was changed"));
    Ok(())
}

/// An engine that hears one event: in memory, with every runbook in shadow.
async fn engine(console: &Console, sound: &Sound) -> Result<Arc<Engine>, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let world = Arc::clone(&console.world) as Arc<dyn World>;
    let config = EngineConfig { shadow: true, ..EngineConfig::new(Arc::new(CompiledLoader)) };
    let engine = Engine::open(Arc::new(MemoryStore::new()), world, clock, config).await?;
    let code = Arc::new(Unscheduled::by_hand(Arc::new(sound.program.in_shadow())));
    engine.load(Loaded { code, settings: sound.settings.clone(), project: Arc::clone(&sound.project) }).await?;
    Ok(engine)
}

async fn said(console: &Console, plane: &dyn ControlPlane, emit: EmitEvent, actor: &Actor) -> Result<(), CliError> {
    let receipt = plane.emit(emit, actor).await?;
    let out = &console.context.out;
    if let Some(why) = &receipt.dead {
        return Err(CliError::new(crate::exit::Exit::Failed, format!("this delivery cannot be read: {}", clean(why))));
    }
    if receipt.events.is_empty() {
        out.line(out.look.dim("no event came of it: its id came before"));
    }
    for event in &receipt.events {
        let mut view = plane.why(event).await?;
        let end = tokio::time::Instant::now() + SOON;
        while view.dispositions.is_empty() && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
            view = plane.why(event).await?;
        }
        why::show(&out.look, &view, now()).iter().for_each(|l| out.line(l));
    }
    Ok(())
}
