//! The sources of a program that rrb reads by itself, one for each instance of their connector.

use std::sync::Arc;
use std::time::Duration;

use rrb_lang::hir::{EventSource, Verify};
use rrb_lang::ids::EventId;
use rrb_world::sources::{Kind, Spec};
use smol_str::SmolStr;

use crate::exit::CliError;
use crate::project::Sound;
use crate::webhooks::{Current, arguments};

/// What is to be read; in `shadow` without taking it from whoever does the work.
///
/// # Errors
/// When an argument has no value with these settings.
pub fn specs(sound: &Sound, shadow: bool) -> Result<Vec<Spec>, CliError> {
    let current = Current {
        program: Arc::clone(&sound.program),
        settings: sound.settings.clone(),
        project: Arc::clone(&sound.project),
    };
    let settings = Arc::new(sound.settings.clone());
    let heard = sound.program.heard();
    let mut specs = Vec::new();
    for (index, event) in sound.program.events.iter().enumerate() {
        let Some(connector) = sound.program.connectors.get(event.connector.index()) else { continue };
        for instance in sound.project.instances(&connector.name) {
            // What nobody listens to is not read: connectors have events that a project does not use.
            let listens = |(id, only): &(EventId, Option<SmolStr>)| {
                id.index() == index && only.as_ref().is_none_or(|only| *only == instance)
            };
            if !heard.iter().any(listens) {
                continue;
            }
            let kind = match &event.source {
                EventSource::Webhook { .. } => continue,
                EventSource::Poll { every_ms, function } => Kind::Poll {
                    every: Duration::from_millis(every_ms.unsigned_abs()),
                    function: *function,
                    acknowledge: event.acknowledge.filter(|a| !(shadow && a.changes)).map(|a| a.function),
                    program: Arc::clone(&sound.program),
                    settings: Arc::clone(&settings),
                },
                EventSource::Feed { kind, args } => {
                    let check = Verify { scheme: kind.clone(), args: args.clone() };
                    let args = arguments(&current, &check, &instance).map_err(|why| {
                        CliError::refused(format!("`{}.{}` cannot be read: {why}", connector.name, event.name))
                    })?;
                    Kind::Feed { name: kind.clone(), args }
                }
            };
            let event = format!("{}.{}", connector.name, event.name);
            join(&mut specs, Spec { event, also: Vec::new(), instance: instance.to_string(), kind });
        }
    }
    Ok(specs)
}

/// Events of one connector that come over the same WebSocket share its connection: a service that spreads its messages over all
/// connections would else tell each event of only a part.
fn join(specs: &mut Vec<Spec>, spec: Spec) {
    let of = |s: &Spec| s.event.split('.').next().map(str::to_owned);
    let shared = |kind: &Kind| matches!(kind, Kind::Feed { name, .. } if name == "websocket");
    let same = |s: &&mut Spec| {
        let args = match (&s.kind, &spec.kind) {
            (Kind::Feed { args, .. }, Kind::Feed { args: others, .. }) => args == others,
            _ => false,
        };
        shared(&s.kind) && shared(&spec.kind) && args && s.instance == spec.instance && of(s) == of(&spec)
    };
    match specs.iter_mut().find(same) {
        Some(first) => first.also.push(spec.event),
        None => specs.push(spec),
    }
}
