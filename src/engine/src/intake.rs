//! Deliveries to events: decoded within bounds, durable before anybody is answered, known by the sender's id for a week.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use rrb_lang::diag::nearest;
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::ids::FnId;
use rrb_lang::json::{Bounds, Json, parse};
use rrb_lang::value::Value;
use rrb_lang::vm::limits::cut;
use rrb_lang::vm::protocol::Millis;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::api::{Actor, ApiError, Delivery, EmitEvent, Receipt, TimelineItem, What};
use crate::audit::AuditDraft;
use crate::code::{Code, Evaluated, event_name};
use crate::keys;
use crate::matcher::{Inbox, Task};
use crate::programs::{Loaded, Programs};
use crate::run::cap;
use crate::shared::{Core, lock};
use crate::store::{DeliveryRow, EventRow, Op, StoreError};
use crate::stored_event::{event_named, with_meta};

/// How long a sender's id is remembered: longer than senders repeat.
pub const REMEMBER_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Events of one delivery.
pub const MAX_ITEMS: usize = 10_000;

/// Problems of a dead letter that are told, and bytes of each.
const PROBLEMS: (usize, usize) = (20, 1_000);

/// Takes what senders deliver.
pub struct Intake {
    core: Arc<Core>,
    programs: Arc<Programs>,
    inbox: Inbox,
    /// Deliveries that wait for the store.
    room: Semaphore,
    queue: usize,
    /// Sender's ids whose event is on its way to the store.
    coming: Mutex<HashSet<(String, String)>>,
    arrived: Notify,
    /// Bytes of all events of one delivery as JSON: they are written in one commit.
    most_events: usize,
}

/// An event read from a delivery.
struct Item {
    source: String,
    sender_id: Option<String>,
    at: Option<Millis>,
    value: Value,
}

/// What a delivery holds.
#[derive(Default)]
struct Read {
    items: Vec<Item>,
    /// What could not be read.
    problems: Vec<String>,
}

impl Intake {
    /// At most `queue` deliveries wait for the store, and at most as many events for the matcher; `most_events` bytes of one delivery.
    pub fn new(core: Arc<Core>, programs: Arc<Programs>, inbox: Inbox, queue: u32, most_events: usize) -> Self {
        let queue = queue.max(1) as usize;
        let room = Semaphore::new(queue);
        Self { core, programs, inbox, room, queue, coming: Mutex::default(), arrived: Notify::new(), most_events }
    }

    /// Takes a delivery: durable when this returns `Ok`, with its events or as a dead letter.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Receipt, ApiError> {
        let _room = self.room()?;
        let loaded = self.loaded()?;
        let most = loaded.project.serve.max_body;
        if delivery.body.len() as u64 > most {
            return Err(ApiError::Invalid(format!("the body is {} bytes, more than {most}", delivery.body.len())));
        }
        let events = on_path(&*loaded.code, &delivery.path)?;
        let read = match parse(&delivery.body, Bounds::default()) {
            Ok(body) => decode(&loaded, &events, &delivery, body),
            Err(why) => {
                Read { items: Vec::new(), problems: vec![format!("the body is no JSON that can be read: {why}")] }
            }
        };
        self.accept(&loaded, &events, delivery, read).await
    }

    /// Takes an event as if its source had sent it.
    pub async fn emit(&self, emit: EmitEvent, by: &Actor) -> Result<Receipt, ApiError> {
        let instance = emit.instance.clone().unwrap_or_else(|| "default".to_owned());
        if emit.event.starts_with('/') {
            let body = serde_json::to_vec(&emit.payload).map_err(|e| ApiError::Invalid(e.to_string()))?;
            let (headers, query) = Default::default();
            return self.deliver(Delivery { path: emit.event, instance, body, headers, query }).await;
        }
        let _room = self.room()?;
        let loaded = self.loaded()?;
        let code = &*loaded.code;
        let Some(event) = event_named(code, &emit.event) else {
            let known: Vec<String> = code.events().iter().map(|e| event_name(code, e)).collect();
            let hint = nearest(&emit.event, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(ApiError::NotFound { what: "event", id: emit.event, hint });
        };
        let value = code
            .decode(&event.ty, &Json::from(emit.payload.clone()))
            .map_err(|why| ApiError::Invalid(format!("the payload is no `{}`: {why}", emit.event)))?;
        let item = Item { source: emit.event, sender_id: None, at: None, value };
        let now = self.core.now();
        let (row, value) = self.row(code, item, &instance, now);
        let value = with_meta(value, &row);
        let ops = vec![Op::PutEvent(row.clone()), accepted(&row, &by.shown())];
        self.core.commit(ops).await?;
        let events = vec![row.id.clone()];
        self.hand_on(&*loaded.code, vec![(row, value)]);
        Ok(Receipt { delivery: String::new(), events, duplicates: 0, dead: None })
    }

    fn room(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ApiError> {
        if let Some(why) = self.core.failure() {
            return Err(ApiError::Failed(why));
        }
        if self.core.closing.is_cancelled() {
            return Err(ApiError::Overloaded("rrb is going down: nothing was taken".to_owned()));
        }
        let full = || ApiError::Overloaded(format!("{} events wait already: nothing was taken", self.queue));
        if self.inbox.queued() >= self.queue {
            return Err(full());
        }
        self.room.try_acquire().map_err(|_| full())
    }

    fn loaded(&self) -> Result<Arc<Loaded>, ApiError> {
        self.programs
            .current()
            .ok_or_else(|| ApiError::Overloaded("no program is loaded yet: nothing was taken".to_owned()))
    }

    async fn accept(
        &self,
        loaded: &Loaded,
        events: &[&Event],
        delivery: Delivery,
        read: Read,
    ) -> Result<Receipt, ApiError> {
        let (fresh, duplicates, _coming) = self.without_known(&delivery.instance, read.items).await?;
        let now = self.core.now();
        let code = &*loaded.code;
        let connector = events.first().and_then(|e| code.connectors().get(e.connector.index()));
        let mut rows: Vec<(EventRow, Value)> =
            fresh.into_iter().map(|item| self.row(code, item, &delivery.instance, now)).collect();
        let mut problems = read.problems;
        let bytes: usize = rows.iter().map(|(row, _)| row.payload.to_string().len()).sum();
        if bytes > self.most_events {
            problems.push(format!("its events are {bytes} bytes, more than {}", self.most_events));
            rows.clear();
        }
        let dead = why_dead(problems);
        let row = DeliveryRow {
            id: self.core.fresh_id("dlv"),
            at: now,
            source: connector.map(|c| c.name.to_string()).unwrap_or_default(),
            instance: delivery.instance,
            path: delivery.path,
            body: delivery.body,
            headers: json!(delivery.headers),
            dead: dead.clone(),
        };
        for (event, value) in &mut rows {
            event.delivery = Some(row.id.clone());
            *value = with_meta(std::mem::replace(value, Value::Nothing), event);
        }
        let mut ops = vec![Op::PutDelivery(row.clone())];
        if let Some(why) = &dead {
            let body = json!({ "delivery": row.id, "path": row.path, "why": why, "sha256": cap::digest(&row.body) });
            ops.push(draft(now, "delivery.dead", &format!("webhook:{}", row.path), None, body));
        }
        for (event, _) in &rows {
            ops.push(Op::PutEvent(event.clone()));
            ops.push(accepted(event, &format!("webhook:{}", row.path)));
        }
        self.core.commit(ops).await?;
        let ids = rows.iter().map(|(event, _)| event.id.clone()).collect();
        if let Some(reason) = dead.clone() {
            let what = What::DeadLetter { path: row.path.clone(), reason };
            self.core.publish(TimelineItem { at: now, run: None, runbook: None, event: None, what });
        }
        self.hand_on(code, rows);
        Ok(Receipt { delivery: row.id, events: ids, duplicates, dead })
    }

    /// Leaves out what was seen before: in the last week, in this delivery, or in one that is being written now.
    async fn without_known(&self, instance: &str, items: Vec<Item>) -> Result<(Vec<Item>, u32, Coming<'_>), ApiError> {
        let (mut fresh, mut duplicates) = (Vec::new(), 0);
        let mut coming = Coming { intake: self, ids: Vec::new() };
        let since = self.core.now().saturating_sub(REMEMBER_MS);
        for mut item in items {
            let Some(id) = item.sender_id.take() else {
                fresh.push(item);
                continue;
            };
            let id = if instance == "default" { id } else { format!("{instance}/{id}") };
            let known = coming.has(&item.source, &id) || !coming.claim(&item.source, &id, since).await?;
            if known {
                duplicates += 1;
            } else {
                item.sender_id = Some(id);
                fresh.push(item);
            }
        }
        Ok((fresh, duplicates, coming))
    }

    fn row(&self, code: &dyn Code, item: Item, instance: &str, received: Millis) -> (EventRow, Value) {
        let row = EventRow {
            id: self.core.fresh_id("evt"),
            delivery: None,
            source: item.source,
            instance: instance.to_owned(),
            sender_id: item.sender_id,
            // A source's clock may run ahead of ours: nothing has happened later than it came.
            at: item.at.unwrap_or(received).min(received),
            received,
            payload: serde_json::Value::from(&code.to_json(&item.value)),
        };
        (row, item.value)
    }

    fn hand_on(&self, code: &dyn Code, rows: Vec<(EventRow, Value)>) {
        for (row, value) in rows {
            let what = What::EventReceived { source: row.source.clone(), summary: summary(&row.payload) };
            let event = Some(row.id.clone());
            self.core.publish(TimelineItem { at: row.received, run: None, runbook: None, event, what });
            self.inbox.send(Task::Event { row: Box::new(row), value: Some((code.id().to_owned(), value)) });
        }
    }
}

/// The ids that one delivery is writing: others with the same id wait until it is known whether it is durable.
struct Coming<'a> {
    intake: &'a Intake,
    ids: Vec<(String, String)>,
}

impl Coming<'_> {
    fn has(&self, source: &str, id: &str) -> bool {
        self.ids.iter().any(|(s, i)| s == source && i == id)
    }

    /// Whether the id is new and now ours.
    async fn claim(&mut self, source: &str, id: &str, since: Millis) -> Result<bool, StoreError> {
        let key = (source.to_owned(), id.to_owned());
        loop {
            let arrived = self.intake.arrived.notified();
            if lock(&self.intake.coming).insert(key.clone()) {
                break;
            }
            // Whoever else is writing it drops its claim when it is done.
            arrived.await;
        }
        self.ids.push(key);
        Ok(self.intake.core.store.seen(source, id, since).await?.is_none())
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut coming = lock(&self.intake.coming);
        for id in &self.ids {
            coming.remove(id);
        }
        drop(coming);
        self.intake.arrived.notify_waiters();
    }
}

/// Why a delivery is a dead letter, when it is one.
fn why_dead(mut problems: Vec<String>) -> Option<String> {
    let (most, bytes) = PROBLEMS;
    let more = problems.len().saturating_sub(most);
    problems.truncate(most);
    problems.iter_mut().for_each(|p| cut(p, bytes));
    if more > 0 {
        problems.push(format!("and {more} more like these"));
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn draft(at: Millis, kind: &str, actor: &str, event: Option<&str>, body: serde_json::Value) -> Op {
    let (kind, actor, event) = (kind.to_owned(), actor.to_owned(), event.map(str::to_owned));
    Op::Audit(AuditDraft { at, kind, actor, run: None, event, body })
}

fn accepted(row: &EventRow, actor: &str) -> Op {
    let body = json!({
        "source": row.source, "instance": row.instance, "sender_id": row.sender_id, "delivery": row.delivery, "at": row.at,
        "sha256": cap::digest(row.payload.to_string().as_bytes()),
    });
    draft(row.received, "event.accepted", actor, Some(&row.id), body)
}

/// An event in one line.
fn summary(payload: &serde_json::Value) -> String {
    let text = payload.to_string();
    match text.char_indices().nth(120) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// The events of a webhook.
fn on_path<'a>(code: &'a dyn Code, path: &str) -> Result<Vec<&'a Event>, ApiError> {
    let of = |e: &'a Event| match &e.source {
        EventSource::Webhook { path } => Some(path.as_str()),
        EventSource::Poll { .. } => None,
    };
    let events: Vec<&Event> = code.events().iter().filter(|e| of(e) == Some(path)).collect();
    if events.is_empty() {
        let hint = nearest(path, code.events().iter().filter_map(of)).map(str::to_owned);
        return Err(ApiError::NotFound { what: "webhook", id: path.to_owned(), hint });
    }
    Ok(events)
}

/// Reads all events of a delivery. An item that cannot be read does not keep the others back.
fn decode(loaded: &Loaded, events: &[&Event], delivery: &Delivery, body: Json) -> Read {
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
