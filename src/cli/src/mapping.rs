//! `rrb run --event`: a runbook's trigger reads the parameters from a sample event, as it would from a real one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_engine::store::EventRow;
use rrb_engine::stored_event::with_meta;
use rrb_lang::diag::nearest;
use rrb_lang::hir::{Conjunct, Event, Runbook, Shape, Trigger, TriggerKind};
use rrb_lang::ids::{EventId, FnId};
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
    let (sampled, event) = choose(sound, runbook, on)?;
    let Sampled { condition, with, instance, copies, .. } = sampled;
    let name = event_name(&sound.program, event);
    let program = &sound.program;
    let events = events(sound, event, &name, payload)?;
    let seen = |value| with_meta(value, &sample(&name, instance));
    let judged: Vec<(Value, Option<String>)> = events
        .into_iter()
        .map(seen)
        .map(|value| {
            let refused = refusal(sound, condition, &value);
            (value, refused)
        })
        .collect();
    // Of a delivery with many events the first that fits, else the first.
    let fitting = judged.iter().position(|(_, refused)| refused.is_none()).unwrap_or(0);
    let Some((value, refused)) = judged.into_iter().nth(fitting) else {
        return Err(CliError::new(Exit::Failed, format!("there is no `{name}` in this delivery")));
    };
    let given = match copies {
        Some(n) => Value::list(std::iter::repeat_n(value, n).collect::<Vec<_>>()),
        None => value,
    };
    let mapped = vm::eval(program, with, vec![given], &sound.settings, "", FUEL);
    match mapped {
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

/// The events a file holds: one as `emit` gives it, or a delivery as the sender posts it.
fn events(sound: &Sound, event: &Event, name: &str, payload: &JsonValue) -> Result<Vec<Value>, CliError> {
    let program = &sound.program;
    let body = Json::from(payload.clone());
    let typed = match vm::decode(&program.types, &event.ty, &body, &program.constants) {
        Ok(value) => return Ok(vec![value]),
        Err(e) => e.to_string(),
    };
    deliveries(sound, event, body).map_err(|raw| {
        CliError::usage(format!("the file is no `{name}`: {typed}"))
            .help(format!("it is no delivery from its source either: {raw}"))
            .help(format!("it holds one event or delivery, as `rrb emit {name}` takes it"))
    })
}

/// The events in a delivery.
fn deliveries(sound: &Sound, event: &Event, body: Json) -> Result<Vec<Value>, String> {
    let empty = || Value::Map(Arc::default());
    let ask = |function, item: Option<Json>| {
        let given = [Value::Json(body.clone()), empty(), empty()].into_iter().chain(item.map(Value::Json));
        vm::eval(&sound.program, function, given.collect(), &sound.settings, "", FUEL)
    };
    let items = match event.each {
        None => vec![Json::Null],
        Some(each) => match ask(each, None).map_err(|e| e.to_string())? {
            Value::List(items) => items.iter().map(vm::shown).collect(),
            _ => return Err("`each` gave no list".to_owned()),
        },
    };
    let mut events = Vec::new();
    for item in items {
        match ask(event.emit, Some(item)) {
            Ok(value) => events.push(value),
            Err(EvalError::Skip) => {}
            Err(e) => return Err(e.to_string()),
        }
    }
    Ok(events)
}

/// The first part of a `where` that says no.
fn refusal(sound: &Sound, condition: &[Conjunct], event: &Value) -> Option<String> {
    let ask = |c: &Conjunct| vm::eval(&sound.program, c.function, vec![event.clone()], &sound.settings, "", FUEL);
    condition.iter().find_map(|c| match ask(c) {
        Ok(Value::Bool(true)) => None,
        Ok(_) => Some(c.text.to_string()),
        Err(e) => Some(format!("{}: {e}", c.text)),
    })
}

/// A trigger that one event can stand for.
#[derive(Clone, Copy)]
struct Sampled<'a> {
    event: EventId,
    instance: Option<&'a str>,
    condition: &'a [Conjunct],
    with: FnId,
    /// `on 3 of`: the event stands for all of them.
    copies: Option<usize>,
}

impl<'a> Sampled<'a> {
    /// What one event says of a trigger; none when it takes two different ones, or the clock.
    fn of(trigger: &'a Trigger) -> Option<Self> {
        match &trigger.kind {
            TriggerKind::Event { event, instance, condition, with } => {
                Some(Self { event: *event, instance: instance.as_deref(), condition, with: *with, copies: None })
            }
            TriggerKind::Several(several) => {
                let copies = match &several.shape {
                    Shape::Count { count, .. } => Some(*count as usize),
                    Shape::Silence { .. } => None,
                    Shape::Pair { joint, .. } if joint.is_absence() => None,
                    Shape::Pair { .. } | Shape::Group { .. } => return None,
                };
                let part = several.parts().into_iter().next()?;
                let (instance, condition) = (part.instance.as_deref(), part.condition.as_slice());
                Some(Self { event: part.event, instance, condition, with: several.with, copies })
            }
            TriggerKind::Every { .. } | TriggerKind::Cron { .. } => None,
        }
    }
}

/// The trigger, with its event.
fn choose<'a>(sound: &'a Sound, runbook: &'a Runbook, on: Option<&str>) -> Result<(Sampled<'a>, &'a Event), CliError> {
    let program = sound.program.as_ref();
    let on_event = |t: &'a Trigger| {
        let sampled = Sampled::of(t)?;
        program.events.get(sampled.event.index()).map(|e| (sampled, e))
    };
    let triggers: Vec<(Sampled<'_>, &Event)> = runbook.triggers.iter().filter_map(on_event).collect();
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

/// Where a sample comes from.
fn sample(source: &str, instance: Option<&str>) -> EventRow {
    let now = crate::text::now();
    EventRow {
        id: "sample".to_owned(),
        delivery: None,
        source: source.to_owned(),
        instance: instance.unwrap_or("default").to_owned(),
        sender_id: None,
        at: now,
        received: now,
        payload: JsonValue::Null,
    }
}
