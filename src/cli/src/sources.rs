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

/// What is to be read.
///
/// # Errors
/// When an argument has no value with these settings.
pub fn specs(sound: &Sound) -> Result<Vec<Spec>, CliError> {
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
            specs.push(Spec { event, instance: instance.to_string(), kind });
        }
    }
    Ok(specs)
}
