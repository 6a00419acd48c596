//! A sink for tests: keeps what it is brought, as the store would.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use rrb_engine::api::{ApiError, Receipt, SourceState};
use rrb_engine::clock::SystemClock;
use rrb_engine::sink::{Batch, Fed, MAX_BATCH, Sink};
use rrb_engine::world::World;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, NativeCall};
use smol_str::SmolStr;

use super::{Kind, Sources, Spec};
use crate::flow::{Asked, Flow, Switched, Web};

/// Long enough for any machine that does something at all.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Kept {
    pub items: Vec<Fed>,
    pub cursors: HashMap<(String, String), String>,
    pub states: Vec<Option<SourceState>>,
    pub batches: usize,
    /// The next so many batches find no room.
    pub full: usize,
    /// The batches, counted from one, at which the store breaks: before they are written, and right after.
    pub break_before: Vec<usize>,
    pub break_after: Vec<usize>,
    /// How long the store takes for a batch.
    pub slow: Duration,
    positions: HashSet<String>,
}

#[derive(Default)]
pub struct Basket(Mutex<Kept>);

#[async_trait]
impl Sink for Basket {
    async fn feed(&self, batch: Batch) -> Result<Vec<Receipt>, ApiError> {
        assert!(batch.items.len() <= MAX_BATCH);
        let slow = self.lock().slow;
        if !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        let mut kept = self.lock();
        if kept.full > 0 {
            kept.full -= 1;
            return Err(ApiError::Overloaded("no room".to_owned()));
        }
        kept.batches += 1;
        if kept.break_before.contains(&kept.batches) {
            return Err(ApiError::Failed("the store broke before".to_owned()));
        }
        for item in batch.items {
            let fresh = item.position.clone().is_none_or(|p| kept.positions.insert(p));
            if fresh {
                kept.items.push(item);
            }
        }
        if let Some(cursor) = batch.cursor {
            kept.cursors.insert((batch.event, batch.instance), cursor);
        }
        if kept.break_after.contains(&kept.batches) {
            return Err(ApiError::Failed("the store broke after".to_owned()));
        }
        Ok(Vec::new())
    }

    async fn cursor(&self, source: &str, instance: &str) -> Result<Option<String>, ApiError> {
        Ok(self.lock().cursors.get(&(source.to_owned(), instance.to_owned())).cloned())
    }

    fn report(&self, _: &str, _: &str, state: Option<SourceState>) {
        self.lock().states.push(state);
    }
}

impl Basket {
    pub fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }

    /// The bodies, in the order in which they came.
    pub fn bodies(&self) -> Vec<String> {
        self.lock().items.iter().map(|fed| String::from_utf8(fed.body.clone()).unwrap()).collect()
    }

    /// Waits until this holds.
    pub async fn until(&self, what: &str, holds: impl Fn(&Kept) -> bool) {
        let end = tokio::time::Instant::now() + PATIENCE;
        while !holds(&self.lock()) {
            if tokio::time::Instant::now() >= end {
                let (states, came) = (self.lock().states.clone(), self.bodies().len());
                panic!("{what}: {came} came; {states:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn holds(&self, bodies: &[&str]) {
        self.until("all came", |kept| kept.items.len() >= bodies.len()).await;
        assert_eq!(self.bodies(), bodies);
    }

    /// Waits until a source fails with this in its reason.
    pub async fn fails(&self, with: &str) {
        let says = |s: &Option<SourceState>| matches!(s, Some(SourceState::Failing { why }) if why.contains(with));
        self.until(with, |kept| kept.states.iter().any(says)).await;
    }
}

/// A world that nothing is asked of.
pub struct Nowhere;

#[async_trait]
impl World for Nowhere {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        panic!("{} is asked", call.native)
    }
}

#[async_trait]
impl Web for Nowhere {
    async fn follow(&self, _: &Asked, _: Duration) -> Result<Flow, Failure> {
        panic!("the web is asked")
    }

    async fn ask(&self, _: &Asked, _: bool) -> Result<Value, Failure> {
        panic!("the web is asked")
    }

    async fn websocket(&self, _: &Asked, _: Duration) -> Result<Switched, Failure> {
        panic!("the web is asked")
    }
}

pub fn sources(basket: &Arc<Basket>) -> Sources {
    Sources::new(basket.clone(), Arc::new(SystemClock::default()), Arc::new(Nowhere), Arc::new(Nowhere))
}

pub fn feed(name: &str, args: &[(&'static str, Value)]) -> Spec {
    let args = args.iter().map(|(name, value)| (SmolStr::new_static(name), value.clone())).collect();
    Spec {
        event: "lab.noted".to_owned(),
        also: Vec::new(),
        instance: "default".to_owned(),
        kind: Kind::Feed { name: name.into(), args },
    }
}

/// A source that is a stream, with these arguments and the defaults of the others.
pub fn stream(name: &str, args: &[(&'static str, Value)]) -> Spec {
    let mut args = args.to_vec();
    for (name, value) in [("format", "text"), ("begin", "end")] {
        if !args.iter().any(|(n, _)| *n == name) {
            args.push((name, Value::text(value)));
        }
    }
    feed(name, &args)
}

/// Asserts that exactly the numbers `0..n` came as texts, each once; `ordered` in their order.
pub fn assert_each_once(basket: &Basket, n: usize, ordered: bool) {
    let bodies = basket.bodies();
    let mut numbers: Vec<usize> = bodies.iter().map(|b| b.trim_matches('"').parse().unwrap()).collect();
    if !ordered {
        numbers.sort_unstable();
    }
    let first_wrong = numbers.iter().enumerate().find(|(i, n)| i != *n);
    assert_eq!((numbers.len(), first_wrong), (n, None));
}
