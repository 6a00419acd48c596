//! Secrets that cannot be read, said when the daemon starts and not when the first call or delivery needs them.

use std::collections::BTreeSet;

use rrb_lang::hir::{EventSource, Setting, SettingOwner};
use rrb_lang::value::{Secret, Value};
use rrb_world::secrets::resolve;

use crate::exit::{CliError, Exit};
use crate::project::Sound;
use crate::text::clean;
use crate::webhooks::{Current, arguments};

/// That every webhook can check who delivers. One that cannot would answer each delivery with 503, and nobody would see why.
///
/// # Errors
/// When a secret of a webhook's `verify` cannot be read: which webhook, which secret, which setting.
pub fn doors(sound: &Sound) -> Result<(), CliError> {
    let missing = at_doors(sound);
    let Some((path, why, settings)) = missing.first() else { return Ok(()) };
    let mut error = CliError::new(Exit::Failed, format!("the webhook `/hooks{path}` cannot check who delivers: {why}"));
    error = match settings.as_slice() {
        [] => error.help("its `verify` takes the secret from there"),
        all => error.help(format!("it stands in {}", all.join(" and "))),
    };
    for (path, why, _) in missing.iter().skip(1) {
        error = error.help(format!("also `/hooks{path}`: {why}"));
    }
    Err(error)
}

/// A line for each other secret that cannot be read: calls that need it will fail, everything else goes on.
pub fn warnings(sound: &Sound) -> Vec<String> {
    let doors: BTreeSet<String> = door_secrets(sound).into_iter().map(|(_, s)| s.reference().to_owned()).collect();
    let mut said = BTreeSet::new();
    let mut lines = Vec::new();
    for (setting, instance, secret) in settings(sound) {
        if doors.contains(secret.reference()) || !said.insert((setting.span, secret.reference().to_owned())) {
            continue;
        }
        if let Err(failure) = resolve(secret) {
            let user = match &setting.owner {
                SettingOwner::Connector(name) => format!("calls of `{name}` that need it fail until then"),
                SettingOwner::Module(name) => format!("what `{name}` does with it fails until then"),
            };
            lines.push(format!("{} ({}); {user}", failure.message, place(setting, instance)));
        }
    }
    lines
}

/// Path, reason, and the settings that hold the secret.
fn at_doors(sound: &Sound) -> Vec<(String, String, Vec<String>)> {
    let mut found: Vec<(String, String, Vec<String>)> = Vec::new();
    for (path, secret) in door_secrets(sound) {
        let Err(failure) = resolve(&secret) else { continue };
        if found.iter().any(|(p, why, _)| *p == path && *why == failure.message) {
            continue;
        }
        let mut places: Vec<String> = settings(sound)
            .into_iter()
            .filter(|(_, _, s)| s.reference() == secret.reference())
            .map(|(setting, instance, _)| place(setting, instance))
            .collect();
        places.dedup();
        found.push((path, failure.message, places));
    }
    found
}

/// What the `verify` of each webhook reads, for every instance.
fn door_secrets(sound: &Sound) -> Vec<(String, Secret)> {
    let current =
        Current { program: sound.program.clone(), settings: sound.settings.clone(), project: sound.project.clone() };
    let mut found = Vec::new();
    for event in &sound.program.events {
        let EventSource::Webhook { path } = &event.source else { continue };
        let (Some(check), Some(connector)) = (&event.verify, sound.program.connectors.get(event.connector.index()))
        else {
            continue;
        };
        for instance in sound.project.instances(&connector.name) {
            // What cannot be computed is told at the first delivery, as 503.
            for (_, value) in arguments(&current, check, &instance).unwrap_or_default() {
                each_secret(&value, &mut |secret| found.push((path.to_string(), secret.clone())));
            }
        }
    }
    found
}

/// Every secret in a setting, with its instance.
fn settings(sound: &Sound) -> Vec<(&Setting, &str, &Secret)> {
    let mut found = Vec::new();
    for ((id, instance), value) in &sound.settings {
        let Some(setting) = sound.program.settings.get(id.index()) else { continue };
        each_secret(value, &mut |secret| found.push((setting, instance.as_str(), secret)));
    }
    found
}

fn each_secret<'v>(value: &'v Value, tell: &mut impl FnMut(&'v Secret)) {
    match value {
        Value::Secret(secret) => tell(secret),
        Value::List(items) => items.iter().for_each(|v| each_secret(v, tell)),
        Value::Map(map) => map.iter().for_each(|(_, v)| each_secret(v, tell)),
        Value::Record(record) => record.values.iter().for_each(|v| each_secret(v, tell)),
        Value::Variant(variant) => variant.payload.iter().for_each(|v| each_secret(v, tell)),
        _ => {}
    }
}

/// ``the setting `token` of `[connectors.slack]` in rrb.toml``
fn place(setting: &Setting, instance: &str) -> String {
    let instance = Some(instance).filter(|i| !i.is_empty() && *i != "default");
    let table = match (&setting.owner, instance) {
        (SettingOwner::Module(module), _) => format!("[settings.{module}]"),
        (SettingOwner::Connector(name), None) => format!("[connectors.{name}]"),
        (SettingOwner::Connector(name), Some(instance)) => format!("[connectors.{name}.{}]", clean(instance)),
    };
    format!("the setting `{}` of `{table}` in rrb.toml", setting.name)
}
