//! What the parts of the engine share: the store with its fail-stop, the world, the clock, who is who, targets, pauses and the timeline.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::{ChildStart, EffectId, Millis};
use tokio::sync::{Notify, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::api::TimelineItem;
use crate::clock::Clock;
use crate::policy::{Counts, Policies};
use crate::store::{ApprovalRow, MarkRow, Op, RunRow, Store, StoreError};
use crate::targets::Targets;
use crate::watches::Watches;
use crate::world::World;

/// How many timeline items a slow receiver may be behind before it loses the oldest.
const TIMELINE: usize = 1024;

/// How long to wait before a full store is tried again.
const FULL_RETRY_MS: i64 = 500;

/// Bytes that are written in one go: all far below what a store takes in one commit, so that nothing is asked of it that it would
/// refuse however often it is tried.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// All events of a delivery; more makes it a dead letter.
    pub events: usize,
    /// What a run starts with; more starts none.
    pub input: usize,
    /// What all runs of one event start with; those behind are not started.
    pub inputs: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { events: 64 << 20, input: 4 << 20, inputs: 128 << 20 }
    }
}

/// Whether a child run exists; else the verdict's word and why not.
pub type ChildBegun = Result<(), (&'static str, String)>;

/// What a run tells those who look after runs.
#[derive(Debug)]
pub enum Signal {
    /// Something changed for this run: let it look.
    Wake(String),
    /// An approval was opened: remind people of it.
    Asked(Box<ApprovalRow>),
    /// A run wants a child.
    StartChild { parent: Box<RunRow>, start: Box<ChildStart>, effect: EffectId, reply: oneshot::Sender<ChildBegun> },
    /// A child is to stop; answered when that is durable.
    StopChild { child: String, why: String, by: String, reply: oneshot::Sender<()> },
    /// A run is over and durable; with what `give up` counts, when it was ineffective.
    Ended { run: Box<RunRow>, ineffective: Option<MarkRow> },
}

/// Counts what is under way, so that it can be known when nothing is.
#[derive(Debug, Default)]
pub struct Busy {
    count: AtomicUsize,
    quiet: Notify,
}

/// Something is under way until this is dropped.
#[derive(Debug)]
pub struct Work(Arc<Busy>);

impl Drop for Work {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.quiet.notify_waiters();
        }
    }
}

/// How many of something there are.
#[derive(Debug, Default)]
pub struct Count(AtomicI64);

impl Count {
    pub fn set(&self, to: usize) {
        self.0.store(i64::try_from(to).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    pub fn more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub fn less(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst).max(0).unsigned_abs()
    }
}

/// Shared by every part of one engine.
pub struct Core {
    pub open_runs: Count,
    pub open_approvals: Count,
    /// Runs only say what they would do.
    pub shadow: bool,
    signals: mpsc::UnboundedSender<(Signal, Work)>,
    busy: Arc<Busy>,
    pub store: Arc<dyn Store>,
    pub world: Arc<dyn World>,
    policies: RwLock<Arc<Policies>>,
    /// What the policies' limits have counted.
    pub policy_counts: Mutex<Counts>,
    /// The events that runs wait for.
    pub watches: Mutex<Watches>,
    /// Who may hold a target, and who waits for it.
    pub targets: Mutex<Targets>,
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
    people: RwLock<Arc<ProjectConfig>>,
    paused: Mutex<BTreeSet<Option<String>>>,
    timeline: broadcast::Sender<TimelineItem>,
    failed: Mutex<Option<String>>,
    full_until: AtomicI64,
    /// Cancelled when nothing may be issued any more: the store failed, or the engine was dropped.
    pub stop: CancellationToken,
    /// Cancelled when runs are to come to rest.
    pub closing: CancellationToken,
    approvals: Vec<tokio::sync::Mutex<()>>,
}

impl Core {
    /// `latest`: the last time the store has seen. With it comes what the runs say to those who look after them.
    pub fn new(
        store: Arc<dyn Store>,
        world: Arc<dyn World>,
        clock: Arc<dyn Clock>,
        latest: Millis,
    ) -> (Self, mpsc::UnboundedReceiver<(Signal, Work)>) {
        let (signals, receiver) = mpsc::unbounded_channel();
        let core = Self {
            open_runs: Count::default(),
            open_approvals: Count::default(),
            shadow: false,
            signals,
            busy: Arc::default(),
            store,
            world,
            policies: RwLock::new(Arc::new(Policies::none())),
            policy_counts: Mutex::default(),
            watches: Mutex::default(),
            targets: Mutex::new(Targets::default()),
            clock,
            latest: AtomicI64::new(latest),
            people: RwLock::new(Arc::new(ProjectConfig::default())),
            paused: Mutex::new(BTreeSet::new()),
            timeline: broadcast::channel(TIMELINE).0,
            failed: Mutex::new(None),
            full_until: AtomicI64::new(Millis::MIN),
            stop: CancellationToken::new(),
            closing: CancellationToken::new(),
            approvals: (0..64).map(|_| tokio::sync::Mutex::new(())).collect(),
        };
        (core, receiver)
    }

    /// Tells those who look after runs.
    pub fn signal(&self, signal: Signal) {
        // Nobody listens only while the engine goes down; the store knows everything that is said here.
        let _ = self.signals.send((signal, self.work()));
    }

    /// Something begins that has to end before the engine is quiet.
    pub fn work(&self) -> Work {
        self.busy.count.fetch_add(1, Ordering::SeqCst);
        Work(self.busy.clone())
    }

    /// Whether nothing is under way.
    pub fn is_quiet(&self) -> bool {
        self.busy.count.load(Ordering::SeqCst) == 0
    }

    /// Returns when nothing is under way.
    pub async fn quiet(&self) {
        loop {
            let quiet = self.busy.quiet.notified();
            if self.is_quiet() {
                return;
            }
            quiet.await;
        }
    }

    /// The engine's time: never earlier than anything the store has seen.
    pub fn now(&self) -> Millis {
        let now = self.clock.now();
        self.latest.fetch_max(now, Ordering::SeqCst).max(now)
    }

    /// Returns at `at`.
    pub async fn sleep_until(&self, at: Millis) {
        // A system clock that was set back runs behind `now`: the wait is measured from where it stands.
        let behind = self.now().saturating_sub(self.clock.now());
        self.clock.sleep_until(at.saturating_sub(behind)).await;
    }

    pub fn fresh_id(&self, prefix: &str) -> String {
        self.clock.fresh_id(prefix)
    }

    /// The people of the project as it is now.
    pub fn people(&self) -> Arc<ProjectConfig> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_people(&self, people: Arc<ProjectConfig>) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = people;
    }

    /// The policies of the project as it is now.
    pub fn policies(&self) -> Arc<Policies> {
        self.policies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_policies(&self, policies: Policies) {
        *self.policies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policies);
    }

    /// Whether `runbook` may go on.
    pub fn is_paused(&self, runbook: &str) -> bool {
        let paused = lock(&self.paused);
        paused.contains(&None) || paused.contains(&Some(runbook.to_owned()))
    }

    pub fn set_paused(&self, runbook: Option<&str>, to: bool) {
        let key = runbook.map(str::to_owned);
        let mut paused = lock(&self.paused);
        if to {
            paused.insert(key);
        } else {
            paused.remove(&key);
        }
    }

    /// `*` stands for all.
    pub fn paused(&self) -> Vec<String> {
        lock(&self.paused).iter().map(|p| p.clone().unwrap_or_else(|| "*".to_owned())).collect()
    }

    /// Makes `ops` durable. A store that failed stops the engine for good.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        if let Some(why) = self.failure() {
            return Err(StoreError::Failed(why));
        }
        let answer = self.store.commit(ops).await;
        let full = matches!(answer, Err(StoreError::Full(_)));
        let until = if full { self.now().saturating_add(2 * FULL_RETRY_MS) } else { Millis::MIN };
        self.full_until.store(until, Ordering::SeqCst);
        match answer {
            Ok(_) => Ok(()),
            Err(e @ (StoreError::Full(_) | StoreError::TooLarge(_))) => Err(e),
            Err(e) => {
                self.fail(&e.to_string());
                Err(e)
            }
        }
    }

    /// As [`Core::commit`], and waits while the store is full: for what has happened and must be kept.
    ///
    /// # Errors
    /// When the store failed, or takes no commit as large as this.
    pub async fn commit_all(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        let mut tries = 0_u32;
        loop {
            match self.commit(ops.clone()).await {
                Err(StoreError::Full(why)) => {
                    // Once a minute: the log may lie on the disk that is full.
                    if tries.is_multiple_of(120) {
                        tracing::warn!(%why, "the store is full: waiting");
                    }
                    tries = tries.wrapping_add(1);
                    let again = self.now().saturating_add(FULL_RETRY_MS);
                    tokio::select! {
                        () = self.sleep_until(again) => {}
                        () = self.stop.cancelled() => return Err(StoreError::Failed("the engine stops".to_owned())),
                    }
                }
                other => return other,
            }
        }
    }

    /// Stops everything: nothing may be issued that cannot be written down.
    pub fn fail(&self, why: &str) {
        let mut failed = lock(&self.failed);
        if failed.is_none() {
            tracing::error!(%why, "the store failed: no further effect is issued");
            *failed = Some(why.to_owned());
        }
        drop(failed);
        self.stop.cancel();
    }

    /// Whether the store was full a moment ago.
    pub fn is_full(&self) -> bool {
        self.now() < self.full_until.load(Ordering::SeqCst)
    }

    /// Why the engine stopped, if it did.
    pub fn failure(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    /// Tells the live timeline; nobody listening is fine.
    pub fn publish(&self, item: TimelineItem) {
        let _ = self.timeline.send(item);
    }

    pub fn subscribe(&self) -> broadcast::Receiver<TimelineItem> {
        self.timeline.subscribe()
    }

    /// Decisions on the approvals of one run happen one at a time.
    pub async fn approval_lock(&self, run: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let sum = run.bytes().fold(0_usize, |h, b| h.wrapping_mul(31).wrapping_add(usize::from(b)));
        match self.approvals.get(sum % self.approvals.len().max(1)) {
            Some(lock) => lock.lock().await,
            None => std::future::pending().await,
        }
    }
}

/// A lock whose holder panicked is still a lock: what it guards is only ever replaced as a whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
