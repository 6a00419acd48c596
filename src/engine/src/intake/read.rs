//! What a delivery holds: its events, decoded within bounds.

use std::sync::Arc;

use indexmap::IndexMap;
use rrb_lang::diag::nearest;
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::ids::FnId;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Millis;

use crate::api::{ApiError, Delivery};
use crate::code::{Code, Evaluated, event_name};
use crate::keys;
use crate::programs::Loaded;

/// Events of one delivery.
pub const MAX_ITEMS: usize = 10_000;

/// An event read from a delivery.
pub(super) struct Item {
    pub(super) source: String,
    pub(super) sender_id: Option<String>,
    pub(super) at: Option<Millis>,
    pub(super) value: Value,
}

/// What a delivery holds.
#[derive(Default)]
pub(super) struct Read {
    pub(super) items: Vec<Item>,
    /// What could not be read.
    pub(super) problems: Vec<String>,
}

/// The events of a webhook's path, or the one of a source that rrb reads by itself, which is named as in triggers: `shop.placed`.
pub(super) fn on_path<'a>(code: &'a dyn Code, path: &str) -> Result<Vec<&'a Event>, ApiError> {
    let of = |e: &'a Event| match &e.source {
        EventSource::Webhook { path } => path.to_string(),
        EventSource::Poll { .. } | EventSource::Feed { .. } => event_name(code, e),
    };
    let events: Vec<&Event> = code.events().iter().filter(|e| of(e) == path).collect();
    if events.is_empty() {
        let known: Vec<String> = code.events().iter().map(of).collect();
        let hint = nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
        let what = if path.starts_with('/') { "webhook" } else { "source" };
        return Err(ApiError::NotFound { what, id: path.to_owned(), hint });
    }
    Ok(events)
}

/// Reads all events of a delivery. An item that cannot be read does not keep the others back.
pub(super) fn decode(loaded: &Loaded, events: &[&Event], delivery: &Delivery, body: Json) -> Read {
    let texts = |map: &std::collections::BTreeMap<String, String>| {
        let entries = map.iter().map(|(k, v)| (Value::text(k.as_str()), Value::text(v.as_str())));
        Value::Map(Arc::new(entries.collect::<IndexMap<_, _>>()))
    };
    let reader = Reader {
        loaded,
        instance: &delivery.instance,
        args: vec![Value::Json(body), texts(&delivery.headers), texts(&delivery.query)],
    };
    let mut read = Read::default();
    for event in events {
        let source = event_name(&*loaded.code, event);
        if let Err(why) = reader.event(event, &source, &mut read) {
            read.problems.push(format!("`{source}`: {why}"));
        }
    }
    read
}

struct Reader<'a> {
    loaded: &'a Loaded,
    instance: &'a str,
    args: Vec<Value>,
}

impl Reader<'_> {
    fn eval(&self, function: FnId, item: Option<&Json>) -> Result<Evaluated, String> {
        let args = self.args.iter().cloned().chain(item.map(|j| Value::Json(j.clone()))).collect();
        self.loaded.code.eval(function, args, &self.loaded.settings, self.instance)
    }

    fn event(&self, event: &Event, source: &str, read: &mut Read) -> Result<(), String> {
        let items = match event.each {
            None => vec![Json::Null],
            Some(each) => match self.eval(each, None).map_err(|why| format!("`each` failed: {why}"))? {
                Evaluated::Skip => Vec::new(),
                Evaluated::Value(value) => jsons(&value).ok_or("`each` gave no list")?,
            },
        };
        if items.len() > MAX_ITEMS {
            return Err(format!("`each` gave {} items, more than {MAX_ITEMS}", items.len()));
        }
        let many = event.each.is_some();
        for (n, json) in items.iter().enumerate() {
            match self.item(event, source, json) {
                Ok(Some(item)) => read.items.push(item),
                Ok(None) => {}
                Err(why) if many => read.problems.push(format!("item {n} of `{source}`: {why}")),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    fn item(&self, event: &Event, source: &str, json: &Json) -> Result<Option<Item>, String> {
        let value = match self.eval(event.emit, Some(json)).map_err(|why| format!("`emit` failed: {why}"))? {
            Evaluated::Skip => return Ok(None),
            Evaluated::Value(value) => value,
        };
        let sender_id = match event.id {
            None => None,
            Some(id) => match self.eval(id, Some(json)).map_err(|why| format!("`id` failed: {why}"))? {
                Evaluated::Skip | Evaluated::Value(Value::None) => None,
                Evaluated::Value(value) => Some(keys::shown(&*self.loaded.code, &value)),
            },
        };
        let at = match event.at {
            None => None,
            Some(at) => match self.eval(at, Some(json)).map_err(|why| format!("`at` failed: {why}"))? {
                Evaluated::Value(Value::Time(at)) => Some(at),
                _ => None,
            },
        };
        Ok(Some(Item { source: source.to_owned(), sender_id, at, value }))
    }
}

fn jsons(value: &Value) -> Option<Vec<Json>> {
    match value {
        Value::List(items) => items
            .iter()
            .map(|v| match v {
                Value::Json(json) => Some(json.clone()),
                _ => None,
            })
            .collect(),
        Value::Json(Json::List(items)) => Some(items.to_vec()),
        _ => None,
    }
}
