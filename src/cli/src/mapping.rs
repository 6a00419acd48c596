//! `rrb run --event`: a runbook's trigger reads the parameters from a sample event, as it would from a real one.

use std::collections::BTreeMap;

use rrb_lang::diag::nearest;
use rrb_lang::hir::{Event, Runbook, Trigger, TriggerKind};
use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::{self, EvalError};
use serde_json::Value as JsonValue;

use crate::exit::{CliError, Exit};
use crate::project::Sound;
use crate::text::{clean, list_of};

/// Instructions for one condition or mapping.
const FUEL: u64 = 10_000_000;

/// What a trigger made of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// By parameter.
    pub values: BTreeMap<String, JsonValue>,
    /// The part of its `where` that says no.
    pub refused: Option<String>,
}

/// The parameters that the runbook's trigger (on the event `on`, when there are several) reads from `payload`.
///
/// # Errors
/// When no trigger fits, the payload is no such event, or the trigger skips it.
pub fn parameters(sound: &Sound, runbook: &Runbook, on: Option<&str>, payload: &JsonValue) -> Result<Mapped, CliError> {
    let (trigger, event) = choose(sound, runbook, on)?;
    let TriggerKind::Event { condition, with, instance, .. } = &trigger.kind else {
        return Err(CliError::usage(format!("`{}` has no trigger on an event", runbook.name)));
    };
    let name = event_name(&sound.program, event);
    let program = &sound.program;
    let value =
        vm::decode(&program.types, &event.ty, &Json::from(payload.clone()), &program.constants).map_err(|e| {
            CliError::usage(format!("the file is no `{name}`: {e}"))
                .help(format!("it holds one event as `rrb emit {name}` takes it"))
        })?;
    let value = with_meta(value, &name, instance.as_deref());
    let ask = |function| vm::eval(program, function, vec![value.clone()], &sound.settings, "", FUEL);
    let mut refused = None;
    for conjunct in condition {
        match ask(conjunct.function) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => refused = refused.or_else(|| Some(conjunct.text.to_string())),
            Err(e) => refused = refused.or_else(|| Some(format!("{}: {e}", conjunct.text))),
        }
    }
    match ask(*with) {
        Ok(Value::Record(record)) => {
            let pairs = record.names.iter().zip(&record.values);
            let values = pairs.map(|(n, v)| (n.to_string(), JsonValue::from(&vm::shown(v)))).collect();
            Ok(Mapped { values, refused })
        }
        Err(EvalError::Skip) => {
            Err(CliError::new(Exit::Failed, format!("the trigger of `{}` skips this event", runbook.name))
                .help("give the parameters yourself: `--NAME VALUE`"))
        }
        Ok(_) => Err(CliError::internal("a trigger's `with` gave no record")),
        Err(e) => Err(CliError::new(
            Exit::Failed,
            format!("the trigger's `with` fails on this event: {}", clean(&e.to_string())),
        )),
    }
}

/// The trigger, with its event.
fn choose<'a>(sound: &'a Sound, runbook: &'a Runbook, on: Option<&str>) -> Result<(&'a Trigger, &'a Event), CliError> {
    let program = sound.program.as_ref();
    let on_event = |t: &'a Trigger| match &t.kind {
        TriggerKind::Event { event, .. } => program.events.get(event.index()).map(|e| (t, e)),
        _ => None,
    };
    let triggers: Vec<(&Trigger, &Event)> = runbook.triggers.iter().filter_map(on_event).collect();
    let names: Vec<String> = triggers.iter().map(|(_, e)| event_name(program, e)).collect();
    if triggers.is_empty() {
        return Err(CliError::usage(format!("`{}` has no trigger on an event", runbook.name))
            .help("give its parameters as `--NAME VALUE`"));
    }
    let Some(on) = on else {
        let mut distinct = names.clone();
        distinct.dedup();
        return match (triggers.first(), distinct.len()) {
            (Some(first), 1) => Ok(*first),
            _ => Err(CliError::usage(format!("`{}` has triggers on {}", runbook.name, list_of(&distinct)))
                .help("say which event the file holds: `--on EVENT`")),
        };
    };
    let found = names.iter().position(|n| n == on).and_then(|i| triggers.get(i));
    found.copied().ok_or_else(|| {
        let error = CliError::usage(format!("`{}` has no trigger on `{}`", runbook.name, clean(on)));
        match nearest(on, names.iter().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.help(format!("it has triggers on {}", list_of(&names))),
        }
    })
}

/// `alertmanager.firing`
fn event_name(program: &Program, event: &Event) -> String {
    let connector = program.connectors.get(event.connector.index()).map_or("", |c| c.name.as_str());
    format!("{connector}.{}", event.name)
}

/// The event as conditions see it: its fields and `meta`.
fn with_meta(value: Value, source: &str, instance: Option<&str>) -> Value {
    let now = crate::text::now();
    let meta = Value::record([
        ("id", Value::text("sample")),
        ("at", Value::Time(now)),
        ("received", Value::Time(now)),
        ("source", Value::text(source)),
        ("instance", Value::text(instance.unwrap_or("default"))),
    ]);
    match value {
        Value::Record(record) => {
            let fields = record.names.iter().map(smol_str::SmolStr::as_str).zip(record.values.iter().cloned());
            Value::record(fields.chain([("meta", meta)]))
        }
        other => other,
    }
}
