//! A stored event as a program's conditions see it.

use std::sync::Arc;

use rrb_lang::hir::Event;
use rrb_lang::value::{Record, Value};

use crate::code::{Code, event_name};
use crate::store::EventRow;

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
