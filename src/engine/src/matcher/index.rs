//! Which triggers an event can concern. Conditions of the form `event.a.b == literal` are looked up by value, so that an event costs
//! what concerns it, not what is loaded.
#![allow(
    clippy::mutable_key_type,
    reason = "a pattern's cache is no part of its value, and only plain kinds are keys here"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rrb_lang::hir::{Conjunct, TriggerKind};
use rrb_lang::ids::EventId;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use smol_str::SmolStr;

use crate::code::{Code, event_name, runbook_names};

/// A trigger: the runbook's and its own place in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TriggerRef {
    pub runbook: usize,
    pub trigger: usize,
}

/// The triggers of a program by event.
#[derive(Debug, Default)]
pub struct Index {
    /// By place in the program, as people and the store know them.
    names: Vec<String>,
    events: HashMap<String, Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    runbooks: BTreeSet<usize>,
    always: Vec<TriggerRef>,
    by_path: BTreeMap<Vec<SmolStr>, HashMap<Value, Vec<TriggerRef>>>,
}

/// What stands at a path of an event.
enum Found {
    Value(Value),
    Absent,
    /// Something the lookup does not compare as the language does.
    Opaque,
}

impl Index {
    /// The index of a program.
    pub fn new(code: &dyn Code) -> Self {
        let names = runbook_names(code);
        let event_names: Vec<String> = code.events().iter().map(|e| event_name(code, e)).collect();
        let mut events: HashMap<String, Listeners> = HashMap::new();
        for (runbook, r) in code.runbooks().iter().enumerate() {
            for (trigger, t) in r.triggers.iter().enumerate() {
                let at = TriggerRef { runbook, trigger };
                for (event, condition) in heard(&t.kind) {
                    let Some(name) = event_names.get(event.index()) else { continue };
                    let listeners = events.entry(name.clone()).or_default();
                    listeners.runbooks.insert(runbook);
                    match condition.iter().find_map(|c| c.equals.as_ref().and_then(|(p, v)| Some((p, key(v)?)))) {
                        Some((path, value)) => {
                            let values = listeners.by_path.entry(path.clone()).or_default();
                            values.entry(value).or_default().push(at);
                        }
                        None => listeners.always.push(at),
                    }
                }
            }
        }
        Self { names, events }
    }

    /// The name of a runbook.
    pub fn name(&self, runbook: usize) -> &str {
        self.names.get(runbook).map_or("", String::as_str)
    }

    /// The runbook with this name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    /// The names of all runbooks.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The runbooks with a trigger on this event.
    pub fn listening(&self, event: &str) -> impl Iterator<Item = usize> {
        self.events.get(event).into_iter().flat_map(|l| l.runbooks.iter().copied())
    }

    /// How many runbooks have a trigger on this event.
    pub fn listeners(&self, event: &str) -> usize {
        self.events.get(event).map_or(0, |l| l.runbooks.len())
    }

    /// The triggers that may say yes, in the order of the program: those left out have an equality that does not hold.
    pub fn candidates(&self, event: &str, value: &Value) -> Vec<TriggerRef> {
        let Some(listeners) = self.events.get(event) else { return Vec::new() };
        let mut found = listeners.always.clone();
        for (path, values) in &listeners.by_path {
            match at_path(value, path) {
                Found::Value(v) => found.extend(values.get(&v).into_iter().flatten()),
                Found::Absent => {}
                Found::Opaque => found.extend(values.values().flatten()),
            }
        }
        found.sort_unstable();
        // Several events of a trigger may be of this kind.
        found.dedup();
        found
    }
}

/// The events that a trigger listens to, each with what it says of it alone.
fn heard(kind: &TriggerKind) -> Vec<(EventId, &[Conjunct])> {
    match kind {
        TriggerKind::Event { event, condition, .. } => vec![(*event, condition)],
        TriggerKind::Several(several) => {
            several.parts().into_iter().map(|p| (p.event, p.condition.as_slice())).collect()
        }
        TriggerKind::Every { .. } | TriggerKind::Cron { .. } => Vec::new(),
    }
}

/// A value as the table of lookups has it, where it compares there as in the language: floats are compared with whole numbers
/// elsewhere, and secrets not at all. A text in JSON is equal to a text.
fn key(value: &Value) -> Option<Value> {
    match value {
        Value::Json(Json::Text(t)) => Some(Value::Text(t.clone())),
        Value::Json(Json::Bool(b)) => Some(Value::Bool(*b)),
        Value::Json(Json::Int(i)) => Some(Value::Int(*i)),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Duration(_) | Value::Size(_) | Value::Time(_) => {
            Some(value.clone())
        }
        Value::Variant(v) if v.payload.is_empty() => Some(value.clone()),
        _ => None,
    }
}

fn at_path(value: &Value, path: &[SmolStr]) -> Found {
    let mut at = value;
    for (n, name) in path.iter().enumerate() {
        at = match at {
            Value::Record(record) => match record.get(name) {
                Some(field) => field,
                None => return Found::Opaque,
            },
            Value::Map(map) => match map.get(&Value::Text(name.clone())) {
                Some(entry) => entry,
                None => return Found::Absent,
            },
            Value::Json(json) => {
                let inner = path.iter().skip(n).fold(json.clone(), |j, name| j.field(name));
                return found(&Value::Json(inner));
            }
            Value::None => return Found::Absent,
            _ => return Found::Opaque,
        };
    }
    found(at)
}

fn found(value: &Value) -> Found {
    match value {
        Value::None | Value::Json(Json::Null) => Found::Absent,
        other => key(other).map_or(Found::Opaque, Found::Value),
    }
}
