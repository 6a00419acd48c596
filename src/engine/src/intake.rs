//! Deliveries to events: decoded within bounds, durable before anybody is answered, known by the sender's id for a week.

mod form;
mod known;
mod read;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_lang::diag::nearest;
use rrb_lang::hir::Event;
use rrb_lang::json::{Bounds, Json, parse};
use rrb_lang::value::Value;
use rrb_lang::vm::limits::cut;
use rrb_lang::vm::protocol::Millis;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::api::{Actor, ApiError, Delivery, EmitEvent, Receipt, SourceState, SourceView, TimelineItem, What};
use crate::audit::AuditDraft;
use crate::code::{Code, event_name};
use crate::matcher::{Inbox, Task};
use crate::programs::{Loaded, Programs};
use crate::run::cap;
use crate::shared::{Core, lock};
use crate::sink::{Batch, Fed, MAX_BATCH, Sink};
use crate::store::{DeliveryRow, EventRow, Op};
use crate::stored_event::{event_named, with_meta};
use known::Coming;
pub use known::REMEMBER_MS;
pub use read::MAX_ITEMS;
use read::{Item, Read, decode, on_path};

#[async_trait]
impl Sink for Intake {
    async fn feed(&self, batch: Batch) -> Result<Vec<Receipt>, ApiError> {
        self.take(batch).await
    }

    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, ApiError> {
        Ok(self.core.store.cursor(source, instance).await?)
    }

    fn report(&self, source: &str, instance: &str, state: Option<SourceState>) {
        let key = (source.to_owned(), instance.to_owned());
        let mut board = lock(&self.board);
        let Some(state) = state else {
            board.remove(&key);
            return;
        };
        let since = self.core.now();
        let fresh = || {
            let (event, instance) = key.clone();
            SourceView { event, instance, state: SourceState::Reading, since, taken: 0, last: None }
        };
        let view = board.entry(key.clone()).or_insert_with(fresh);
        if view.state != state {
            view.state = state;
            view.since = since;
        }
    }
}

/// A delivery made ready to be written.
struct Ready {
    ops: Vec<Op>,
    rows: Vec<(EventRow, Value)>,
    receipt: Receipt,
    path: String,
}

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
    /// The sources that rrb reads by itself.
    board: Mutex<BTreeMap<(String, String), SourceView>>,
}

impl Intake {
    /// At most `queue` deliveries wait for the store, and at most as many events for the matcher; `most_events` bytes of one delivery.
    pub fn new(core: Arc<Core>, programs: Arc<Programs>, inbox: Inbox, queue: u32, most_events: usize) -> Self {
        let queue = queue.max(1) as usize;
        let room = Semaphore::new(queue);
        let (coming, arrived, board) = Default::default();
        Self { core, programs, inbox, room, queue, coming, arrived, most_events, board }
    }

    /// How it stands with the sources that rrb reads by itself.
    pub fn sources(&self) -> Vec<SourceView> {
        lock(&self.board).values().cloned().collect()
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
        let read = read(&loaded, &events, &delivery);
        let mut coming = Coming::new(self);
        let ready = self.make_ready(&loaded, &events, delivery, read, &mut coming).await?;
        let mut receipts = self.write(&*loaded.code, vec![ready], Vec::new()).await?;
        receipts.pop().ok_or_else(|| ApiError::Failed("a delivery left no receipt; this is a defect of rrb".to_owned()))
    }

    async fn take(&self, batch: Batch) -> Result<Vec<Receipt>, ApiError> {
        let _room = self.room()?;
        let loaded = self.loaded()?;
        if batch.items.len() > MAX_BATCH {
            return Err(ApiError::Invalid(format!("{} items come at once, more than {MAX_BATCH}", batch.items.len())));
        }
        let events = on_path(&*loaded.code, &batch.event)?;
        let named = events.iter().any(|e| e.id.is_some());
        let mut coming = Coming::new(self);
        let (mut all, mut told) = (Vec::with_capacity(batch.items.len()), Vec::new());
        for Fed { body, headers, position } in batch.items {
            let (path, instance) = (batch.event.clone(), batch.instance.clone());
            let delivery = Delivery { path, instance, body, headers, query: BTreeMap::new() };
            let mut read = read(&loaded, &events, &delivery);
            if let Some(position) = position.filter(|_| !named) {
                read.items
                    .iter_mut()
                    .enumerate()
                    .for_each(|(n, item)| item.sender_id = Some(format!("{position}/{n}")));
            }
            let ready = self.make_ready(&loaded, &events, delivery, read, &mut coming).await?;
            // What a poll sees again and again is not kept again and again.
            if ready.rows.is_empty() && ready.receipt.dead.is_none() {
                told.push(Some(ready.receipt));
            } else {
                told.push(None);
                all.push(ready);
            }
        }
        let brought = all.len() as u64;
        let (source, instance) = (batch.event, batch.instance);
        let key = (source.clone(), instance.clone());
        let cursor = batch.cursor.map(|cursor| Op::PutCursor { source, instance, cursor });
        let mut written = self.write(&*loaded.code, all, cursor.into_iter().collect()).await?.into_iter();
        if let Some(view) = lock(&self.board).get_mut(&key).filter(|_| brought > 0) {
            view.taken += brought;
            view.last = Some(self.core.now());
        }
        Ok(told.into_iter().filter_map(|known| known.or_else(|| written.next())).collect())
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

    /// What is to be written for a delivery. The ids of its events are ours until `coming` goes.
    async fn make_ready(
        &self,
        loaded: &Loaded,
        events: &[&Event],
        delivery: Delivery,
        read: Read,
        coming: &mut Coming<'_>,
    ) -> Result<Ready, ApiError> {
        let (fresh, duplicates) = self.without_known(&delivery.instance, read.items, coming).await?;
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
        let (id, path) = (row.id.clone(), row.path.clone());
        let door = if path.starts_with('/') { format!("webhook:{path}") } else { format!("source:{path}") };
        let mut ops = Vec::with_capacity(2 + 2 * rows.len());
        if let Some(why) = &dead {
            let body = json!({ "delivery": id, "path": path, "why": why, "sha256": cap::digest(&row.body) });
            ops.push(draft(now, "delivery.dead", &door, None, body));
        }
        ops.insert(0, Op::PutDelivery(row));
        for (event, _) in &rows {
            ops.push(Op::PutEvent(event.clone()));
            ops.push(accepted(event, &door));
        }
        let ids = rows.iter().map(|(event, _)| event.id.clone()).collect();
        Ok(Ready { ops, rows, receipt: Receipt { delivery: id, events: ids, duplicates, dead }, path })
    }

    /// Writes all of it in one commit, and hands the events on.
    async fn write(&self, code: &dyn Code, all: Vec<Ready>, more: Vec<Op>) -> Result<Vec<Receipt>, ApiError> {
        let (mut ops, mut rows, mut receipts) = (Vec::new(), Vec::new(), Vec::new());
        for ready in all {
            ops.extend(ready.ops);
            rows.extend(ready.rows);
            receipts.push((ready.receipt, ready.path));
        }
        ops.extend(more);
        if !ops.is_empty() {
            self.core.commit(ops).await?;
        }
        for (receipt, path) in &receipts {
            let Some(reason) = receipt.dead.clone() else { continue };
            let what = What::DeadLetter { path: path.clone(), reason };
            self.core.publish(TimelineItem { at: self.core.now(), run: None, runbook: None, event: None, what });
        }
        self.hand_on(code, rows);
        Ok(receipts.into_iter().map(|(receipt, _)| receipt).collect())
    }

    /// Leaves out what was seen before: in the last week, beside it, or in what is being written now.
    async fn without_known(
        &self,
        instance: &str,
        items: Vec<Item>,
        coming: &mut Coming<'_>,
    ) -> Result<(Vec<Item>, u32), ApiError> {
        let (mut fresh, mut duplicates) = (Vec::new(), 0);
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
        Ok((fresh, duplicates))
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

fn read(loaded: &Loaded, events: &[&Event], delivery: &Delivery) -> Read {
    match body(delivery) {
        Ok(body) => decode(loaded, events, delivery, body),
        Err(why) => Read { items: Vec::new(), problems: vec![why] },
    }
}

/// What a delivery says, within bounds.
///
/// # Errors
/// Why it cannot be read, for people.
pub fn body(delivery: &Delivery) -> Result<Json, String> {
    if delivery.body.is_empty() {
        return Ok(Json::Null);
    }
    let kind = delivery.headers.get("content-type").map(String::as_str).unwrap_or_default();
    match parse(&delivery.body, Bounds::default()) {
        // Many a tool calls everything a form that it posts: what is JSON is read as JSON.
        Err(_) if form::is_one(kind) => form::parse(&delivery.body),
        read => read.map_err(|why| format!("the body is no JSON that can be read: {why}")),
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
