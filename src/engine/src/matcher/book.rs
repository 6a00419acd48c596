//! A loaded program as the matcher uses it.

use std::sync::Arc;

use rrb_lang::hir::{Event, Runbook};
use rrb_lang::value::{Record, Value};
use rrb_lang::vm::protocol::Millis;

use super::index::Index;
use super::schedule::Schedule;
use crate::code::{Code, event_name};
use crate::programs::Loaded;
use crate::store::EventRow;

/// What new events and runs are judged by.
pub struct Book {
    pub loaded: Arc<Loaded>,
    pub index: Index,
    pub schedules: Vec<Schedule>,
}

impl Book {
    /// Reads the tables of a program.
    ///
    /// # Errors
    /// When a schedule cannot be understood.
    pub fn new(loaded: Arc<Loaded>) -> Result<Self, String> {
        let index = Index::new(&*loaded.code);
        let mut schedules = Vec::new();
        for (n, runbook) in loaded.code.runbooks().iter().enumerate() {
            for trigger in &runbook.triggers {
                schedules.extend(Schedule::new(index.name(n), n, trigger)?);
            }
        }
        Ok(Self { loaded, index, schedules })
    }

    pub fn code(&self) -> &dyn Code {
        &*self.loaded.code
    }

    /// A runbook by its place.
    pub fn runbook(&self, n: usize) -> Option<&Runbook> {
        self.loaded.code.runbooks().get(n)
    }
}

/// The event `alertmanager.firing` of a program.
pub fn event_named<'a>(code: &'a dyn Code, name: &str) -> Option<&'a Event> {
    code.events().iter().find(|e| event_name(code, e) == name)
}

/// An event as conditions see it: what `emit` gave, and `meta`.
pub fn with_meta(emitted: Value, row: &EventRow) -> Value {
    let meta = Value::record([
        ("id", Value::text(row.id.as_str())),
        ("at", Value::Time(row.at)),
        ("received", Value::Time(row.received)),
        ("source", Value::text(row.source.as_str())),
        ("instance", Value::text(row.instance.as_str())),
    ]);
    match emitted {
        Value::Record(record) => {
            let mut names = record.names.to_vec();
            let mut values = record.values.clone();
            names.push("meta".into());
            values.push(meta);
            Value::Record(Arc::new(Record { names: names.into(), values }))
        }
        other => Value::record([("value", other), ("meta", meta)]),
    }
}

/// The value of a stored event in a program.
///
/// # Errors
/// When the program does not know the event, or its type has changed so that the payload no longer fits.
pub fn value_of(code: &dyn Code, row: &EventRow) -> Result<Value, String> {
    let event = event_named(code, &row.source).ok_or_else(|| format!("no connector has the event `{}`", row.source))?;
    let json = rrb_lang::json::Json::from(row.payload.clone());
    Ok(with_meta(code.decode(&event.ty, &json)?, row))
}

/// A time by its name in UTC: what a firing of a schedule is known by.
pub fn firing_id(key: &str, nominal: Millis) -> String {
    format!("{key} @ {}", crate::run::gate::shown_time(nominal))
}
