//! The host of this crate as a subject of the hosts' suite, over any store: what holds on one store must hold on every other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "checks for tests"
)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rrb_lang::ids::RunbookId;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Limits, Millis, NativeCall, RunInput};
use tokio::sync::mpsc;

use super::conformance::Subject;
use super::journal::{self, Act};
use super::local::LocalHost;
use super::mail::{Mail, Mailbox};
use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::code::Code;
use crate::shared::Core;
use crate::store::{Op, RunRow, RunStatus, Store, conformance};
use crate::world::World;

#[derive(Default)]
struct Counting(Mutex<Vec<String>>);

#[async_trait]
impl World for Counting {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        self.0.lock().unwrap().push(call.native.to_string());
        if call.native.starts_with("hang") {
            std::future::pending::<()>().await;
        }
        let text = if call.native.starts_with("large") { "x".repeat(300 * 1024) } else { "1".to_owned() };
        EffectOutcome::Done(Value::text(text))
    }
}

/// Runs over the stores of `S`.
pub struct Local<S: conformance::Subject> {
    stores: S,
    code: Arc<dyn Code>,
    store: Option<Arc<S::Store>>,
    world: Arc<Counting>,
    clock: Arc<ManualClock>,
    run: String,
    mail: Option<mpsc::UnboundedSender<Mail>>,
}

impl<S: conformance::Subject> Local<S> {
    /// Over a fresh store. The program is never run: it only has to be there.
    pub async fn new(stores: S, code: Arc<dyn Code>) -> Self {
        let store = Some(Arc::new(stores.fresh().await));
        let (world, clock) = (Arc::default(), Arc::new(ManualClock::at(1000)));
        Self { stores, code, store, world, clock, run: String::new(), mail: None }
    }

    fn store(&self) -> &S::Store {
        self.store.as_ref().unwrap()
    }

    /// Closes the store and opens it again: what was not durable when the attempt before was dropped is gone.
    async fn reopen(&mut self) {
        let mut store = self.store.take().unwrap();
        // What that attempt had begun lets go of the store when it notices that it was stopped.
        let store = loop {
            match Arc::try_unwrap(store) {
                Ok(store) => break store,
                Err(shared) => store = shared,
            }
            tokio::task::yield_now().await;
        };
        self.store = Some(Arc::new(self.stores.reopen(store).await));
    }
}

#[async_trait]
impl<S: conformance::Subject + Send + Sync> Subject for Local<S> {
    type Host = LocalHost;

    async fn create(&mut self) {
        self.run = self.clock.fresh_id("run");
        let at = self.clock.now();
        let input = RunInput {
            run: self.run.as_str().into(),
            runbook: RunbookId(0),
            params: vec![],
            settings: Default::default(),
            requester: "user:ana".into(),
            limits: Limits::default(),
            instances: None,
            parent: None,
        };
        let row = RunRow {
            id: self.run.clone(),
            runbook: "drain".into(),
            program: "p".into(),
            status: RunStatus::Running,
            requester: "user:ana".into(),
            event: None,
            input: serde_json::to_value(&input).unwrap(),
            params: serde_json::json!({}),
            concurrency_key: None,
            created: at,
            updated: at,
            end: None,
        };
        let start = journal::row(&self.run, 1, at, vec![], Act::Start { at }).unwrap();
        self.store().commit(vec![Op::PutRun(row), Op::AppendJournal(start)]).await.unwrap();
    }

    async fn attempt(&mut self) -> LocalHost {
        self.mail = None;
        self.reopen().await;
        let (store, world, clock) = (self.store.clone().unwrap(), self.world.clone(), self.clock.clone());
        let (core, _) = Core::new(store, world, clock, 0);
        let (slot, mailbox) = Mailbox::new();
        self.mail = Some(slot);
        let row = self.store().run(&self.run).await.unwrap().unwrap();
        match LocalHost::open(Arc::new(core), self.code.clone(), row, mailbox, true).await {
            Ok((host, _)) => host,
            Err((_, e)) => panic!("{e}"),
        }
    }

    async fn cancel(&mut self, why: &str) {
        let mail = Mail::Cancel { why: why.to_owned(), by: "user:ana".to_owned(), reply: None };
        self.mail.as_ref().unwrap().send(mail).unwrap();
    }

    fn performed(&self, native: &str) -> usize {
        self.world.0.lock().unwrap().iter().filter(|n| *n == native).count()
    }

    fn now(&self) -> Millis {
        self.clock.now()
    }

    fn advance(&mut self, ms: i64) {
        self.clock.advance(ms);
    }
}
