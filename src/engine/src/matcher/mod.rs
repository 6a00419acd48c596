//! Events to runs. One task judges events in the order they were accepted, so that counters, places and the decisions that follow from
//! them have one order; what it decides for many events goes to the store in one commit.

pub mod create;

mod cancels;
mod children;
mod counters;
pub mod judge;
mod places;

mod admit;
mod events;
mod fire;
mod join_key;
mod open;
mod several;
mod start;
mod why_not;
mod windows;

pub mod book;

pub mod index;
pub mod schedule;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{ChildStart, EffectId, Millis, RunInput};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::api::{Actor, ApiError, StartRun, TimelineItem, What};
use crate::code::Code;
use crate::policy::{self, Policies};
use crate::programs::{Loaded, Programs};
use crate::run::mail::Mail;
use crate::runs::Runs;
use crate::shared::{Bounds, ChildBegun, Core, Work, lock};
use crate::store::{EventRow, MarkRow, Op, Recovered, RunRow, RunStatus, is_shadow};
use crate::timers::Timers;
use book::Book;
use cancels::Cancels;
pub use cancels::untold;
use counters::Counters;
pub use events::{LEFT_OUT, left_out};
pub use fire::SOURCE as SCHEDULE;
use places::Places;
pub use start::would_start;
pub use why_not::why_not;

/// How much is decided in one commit.
const BATCH: usize = 64;

/// The alarm of the windows among those of the schedules.
const WINDOWS: &str = "windows";

/// How often old marks are forgotten.
const FORGET_MS: i64 = 60 * 60 * 1000;

/// What the matcher is asked.
pub enum Task {
    /// An event that is durable and not matched. The value spares decoding it again when the program is still the same.
    Event { row: Box<EventRow>, value: Option<(String, Value)> },
    /// A run is over.
    Ended { run: String, ineffective: Option<MarkRow> },
    /// A person starts a run.
    Start { start: StartRun, by: Actor, reply: oneshot::Sender<Result<String, ApiError>> },
    /// A run that may not have begun is to be cancelled.
    Cancel { run: String, why: String, by: String, reply: Option<oneshot::Sender<Result<(), ApiError>>> },
    /// A run wants a child.
    Child { parent: Box<RunRow>, start: Box<ChildStart>, effect: EffectId, reply: oneshot::Sender<ChildBegun> },
    /// A child is to stop.
    StopChild { child: String, why: String, by: String, reply: oneshot::Sender<()> },
    /// A new program.
    Load { loaded: Arc<Loaded>, reply: oneshot::Sender<Result<(), ApiError>> },
}

/// The way to the matcher.
#[derive(Clone)]
pub struct Inbox {
    core: Arc<Core>,
    tasks: mpsc::UnboundedSender<(Task, Work)>,
    queued: Arc<AtomicUsize>,
}

impl Inbox {
    /// Asks; while the engine goes down nothing comes of it, and the answer's other end is dropped.
    pub fn send(&self, task: Task) {
        if matches!(task, Task::Event { .. }) {
            self.queued.fetch_add(1, Ordering::SeqCst);
        }
        let _ = self.tasks.send((task, self.core.work()));
    }

    /// Events that wait to be matched.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::SeqCst)
    }
}

/// What is done once a batch is durable.
enum After {
    Wake(String),
    Cancel {
        run: String,
        why: String,
        by: String,
    },
    Tell(Box<TimelineItem>),
    Started(oneshot::Sender<Result<String, ApiError>>, Result<String, ApiError>),
    Done(oneshot::Sender<Result<(), ApiError>>, Result<(), ApiError>),
    ChildBegun(oneshot::Sender<ChildBegun>, ChildBegun),
    ChildStopped(oneshot::Sender<()>),
    /// An event that was judged: runs may wait for it.
    Offer(Box<EventRow>),
    Loaded(Arc<Loaded>, oneshot::Sender<Result<(), ApiError>>),
}

/// What a batch comes to.
#[derive(Default)]
struct Batch {
    ops: Vec<Op>,
    after: Vec<After>,
    /// Bytes that runs start with.
    inputs: usize,
}

impl Batch {
    /// Cancels a run that has begun. The mark is for the case that the process dies before the run is told: the decision is in the
    /// store by then, and nobody would make it again.
    fn cancel(&mut self, row: &RunRow, why: &str, by: &str, at: Millis) {
        self.ops.push(Op::PutMark(cancels::mark(row, why, by, at)));
        self.after.push(After::Cancel { run: row.id.clone(), why: why.to_owned(), by: by.to_owned() });
    }
}

/// Judges events, and knows what its clauses count.
pub struct Matcher {
    core: Arc<Core>,
    programs: Arc<Programs>,
    runs: Arc<Runs>,
    inbox: mpsc::UnboundedReceiver<(Task, Work)>,
    queued: Arc<AtomicUsize>,
    book: Option<Arc<Book>>,
    /// Events from before the first program.
    early: Vec<(EventRow, Work)>,
    counters: Counters,
    places: Places,
    cancels: Cancels,
    fired: BTreeMap<String, Millis>,
    schedules: Arc<Timers<String>>,
    windows: open::Windows,
    /// Runs that were created in this batch and are not durable yet.
    fresh: HashMap<String, RunRow>,
    forget_at: Millis,
    bounds: Bounds,
}

impl Matcher {
    /// A matcher as the store remembers it, and the way to it.
    pub fn new(
        core: Arc<Core>,
        programs: Arc<Programs>,
        runs: Arc<Runs>,
        bounds: Bounds,
    ) -> (Self, Inbox, Arc<Timers<String>>) {
        let (tasks, inbox) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let schedules = Arc::new(Timers::default());
        let way = Inbox { core: core.clone(), tasks, queued: queued.clone() };
        let matcher = Self {
            core,
            programs,
            runs,
            inbox,
            queued,
            book: None,
            early: Vec::new(),
            counters: Counters::default(),
            places: Places::default(),
            cancels: Cancels::default(),
            fired: BTreeMap::new(),
            schedules: schedules.clone(),
            windows: open::Windows::default(),
            fresh: HashMap::new(),
            forget_at: 0,
            bounds,
        };
        (matcher, way, schedules)
    }

    /// Takes in what the store remembers; unmatched events are judged as soon as there is a program.
    pub async fn recover(&mut self, recovered: &Recovered) {
        let counts = |m: &&MarkRow| m.kind != counters::CANCEL && m.kind != policy::MARK;
        // What was only said to be done holds nothing real back.
        let real = |m: &&MarkRow| self.core.shadow || !is_shadow(&m.run);
        for mark in recovered.marks.iter().filter(counts).filter(real) {
            self.counters.add(mark);
        }
        self.fired.extend(recovered.schedules.iter().cloned());
        self.windows.recover(&recovered.waits, recovered.latest);
        for row in &recovered.unmatched {
            self.queued.fetch_add(1, Ordering::SeqCst);
            self.early.push((row.clone(), self.core.work()));
        }
        // A program is kept while its runs are listed, so that it is read once.
        let mut kept: HashMap<String, Arc<dyn Code>> = HashMap::new();
        for row in &recovered.runs {
            let code = match kept.get(&row.program) {
                Some(code) => Some(code.clone()),
                None => self.programs.get(&row.program).await.ok(),
            };
            if let Some(code) = &code {
                kept.entry(row.program.clone()).or_insert_with(|| code.clone());
            }
            self.recover_run(row, code.as_ref());
        }
    }

    fn recover_run(&mut self, row: &RunRow, code: Option<&Arc<dyn Code>>) {
        let input = RunInput::deserialize(&row.input).ok();
        let runbook = input.as_ref().zip(code).and_then(|(i, c)| c.runbooks().get(i.runbook.index()));
        if let Some(key) = &row.concurrency_key {
            let clause = runbook.and_then(|r| r.concurrency.clone()).unwrap_or(admit::ONE);
            self.places.enter(&clause, &row.runbook, key, &row.id, row.status == RunStatus::Queued);
        }
        if let (Some(code), Some(input)) = (code, input)
            && Cancels::concerns(&**code, &input)
        {
            self.cancels.add(code, input);
        }
    }

    /// Judges until the engine stops.
    pub async fn work(mut self) {
        let schedules = self.schedules.clone();
        loop {
            let mut tasks = Vec::new();
            tokio::select! {
                biased;
                () = self.core.stop.cancelled() => return,
                () = self.core.closing.cancelled() => return,
                n = self.inbox.recv_many(&mut tasks, BATCH) => if n == 0 { return },
                () = schedules.wait(&self.core) => {}
            }
            let _work = self.core.work();
            let mut batch = Batch::default();
            let mut events = 0;
            let mut held = Vec::new();
            for (task, work) in tasks {
                events += self.take(task, work, &mut held, &mut batch).await;
                if !self.lighten(&mut batch).await {
                    return;
                }
            }
            self.fire_due(&mut batch).await;
            // An event that is still to be judged may be the one that a window waits for.
            let more = self.queued.load(Ordering::SeqCst) > events;
            let now = if more { self.windows.judged } else { self.core.now() };
            self.windows_due(now, &mut batch).await;
            self.forget_old(&mut batch);
            if !self.settle(batch).await {
                return;
            }
            self.queued.fetch_sub(events, Ordering::SeqCst);
        }
    }

    /// Takes one task; gives how many events were matched with it.
    async fn take(&mut self, task: Task, work: Work, held: &mut Vec<Work>, batch: &mut Batch) -> usize {
        let mut matched = 0;
        match task {
            Task::Event { row, value } => match self.book.clone() {
                Some(book) => {
                    self.judge(&book, &row, value, batch).await;
                    matched = 1;
                }
                None => {
                    self.early.push((*row, work));
                    return 0;
                }
            },
            Task::Ended { run, ineffective } => {
                if let Some(mark) = ineffective {
                    self.counters.add(&mark);
                    self.gave_up(&mark, batch);
                }
                self.core.open_runs.less();
                self.cancels.remove(&run);
                let next = self.places.leave(&run);
                self.promote(next, batch).await;
            }
            Task::Start { start, by, reply } => {
                let answer = self.start(start, &by, batch).await;
                batch.after.push(After::Started(reply, answer));
            }
            Task::Cancel { run, why, by, reply } => {
                let answer = self.cancel(&run, &why, &by, batch).await;
                match (answer, reply) {
                    (Some(answer), Some(reply)) => batch.after.push(After::Done(reply, answer)),
                    (None, reply) => self.runs.send(&run, Mail::Cancel { why, by, reply }),
                    (Some(_), None) => {}
                }
            }
            Task::Child { parent, start, effect, reply } => {
                let answer = self.child(&parent, *start, &effect, batch).await;
                batch.after.push(After::ChildBegun(reply, answer));
            }
            Task::StopChild { child, why, by, reply } => {
                self.stop_child(&child, &why, &by, batch).await;
                batch.after.push(After::ChildStopped(reply));
            }
            Task::Load { loaded, reply } => matched = self.load(loaded, reply, batch).await,
        }
        held.push(work);
        matched
    }

    /// Makes a batch durable that is heavy already. False when the engine stops.
    async fn lighten(&mut self, batch: &mut Batch) -> bool {
        batch.inputs <= self.bounds.inputs / 2 || self.settle(std::mem::take(batch)).await
    }

    /// Makes a batch durable and does what follows from it. False when the engine stops.
    async fn settle(&mut self, batch: Batch) -> bool {
        if !batch.ops.is_empty()
            && let Err(e) = self.core.commit_all(batch.ops).await
        {
            // What a batch may hold is bounded far below what a store takes; if that were wrong, silence would be the worst answer.
            self.core.fail(&e.to_string());
            return false;
        }
        self.fresh.clear();
        for after in batch.after {
            match after {
                After::Wake(run) => self.runs.wake(&run),
                After::Cancel { run, why, by } => self.runs.send(&run, Mail::Cancel { why, by, reply: None }),
                After::Tell(item) => self.core.publish(*item),
                After::Started(reply, answer) => {
                    let _ = reply.send(answer);
                }
                After::Done(reply, answer) => {
                    let _ = reply.send(answer);
                }
                After::ChildBegun(reply, answer) => {
                    let _ = reply.send(answer);
                }
                After::ChildStopped(reply) => {
                    let _ = reply.send(());
                }
                After::Offer(row) => self.offer(&row),
                After::Loaded(loaded, reply) => {
                    self.core.set_people(loaded.project.clone());
                    self.core.set_policies(Policies::new(loaded.code.clone(), loaded.settings.clone()));
                    let (program, runbooks) = (loaded.code.id().to_owned(), loaded.code.runbooks().len());
                    self.programs.set_current(loaded);
                    self.core.publish(loaded_item(self.core.now(), program, runbooks, None));
                    let _ = reply.send(Ok(()));
                }
            }
        }
        true
    }

    /// Gives an event that is durable to the runs that wait for it.
    fn offer(&self, row: &EventRow) {
        let offered = lock(&self.core.watches).offer(row);
        for run in offered.wake {
            self.runs.wake(&run);
        }
        for (run, detail) in offered.failed {
            tracing::warn!(%run, event = %row.id, %detail, "a condition failed");
            let what = crate::api::What::Disposition { verdict: "error".to_owned(), detail };
            let (at, event) = (self.core.now(), Some(row.id.clone()));
            self.core.publish(TimelineItem { at, run: Some(run), runbook: None, event, what });
        }
    }

    /// A new program: its schedules, and the events that waited for one.
    async fn load(
        &mut self,
        loaded: Arc<Loaded>,
        reply: oneshot::Sender<Result<(), ApiError>>,
        batch: &mut Batch,
    ) -> usize {
        let book = match Book::new(loaded.clone()) {
            Ok(book) => Arc::new(book),
            Err(why) => {
                batch.after.push(After::Done(reply, Err(ApiError::Invalid(why))));
                return 0;
            }
        };
        let (id, bytes) = (loaded.code.id().to_owned(), loaded.code.bytes());
        let body = serde_json::json!({ "program": id, "runbooks": book.index.names() });
        batch.ops.push(Op::PutProgram { id, bytes });
        batch.ops.push(self.audit("program.loaded", "engine", None, body));
        self.arm(&book, batch);
        self.open_windows(&book, batch);
        self.book = Some(book.clone());
        batch.after.push(After::Loaded(loaded, reply));
        let early = std::mem::take(&mut self.early);
        let matched = early.len();
        for (row, _work) in early {
            self.judge(&book, &row, None, batch).await;
            self.lighten(batch).await;
        }
        // Places may be free for those in line from before the start.
        let next = self.places.advance();
        self.promote(next, batch).await;
        matched
    }

    /// Those in line for whom there is room now.
    async fn promote(&mut self, next: Vec<String>, batch: &mut Batch) {
        for run in next {
            let Some(row) = self.row(&run).await else { continue };
            let at = self.core.now();
            let Ok(ops) = create::start(&row, at) else { continue };
            batch.ops.push(Op::SetRun { id: run.clone(), status: RunStatus::Running, at, end: None });
            batch.ops.extend(ops);
            self.tell(&row, at, create::started(&row), batch);
            batch.after.push(After::Wake(run));
        }
    }

    /// A run as it is, or as it will be once this batch is durable.
    async fn row(&self, run: &str) -> Option<RunRow> {
        match self.fresh.get(run) {
            Some(row) => Some(row.clone()),
            None => self.core.store.run(run).await.ok().flatten(),
        }
    }

    /// Writes down that events no longer start a runbook for a key, at the run that was one too many.
    fn gave_up(&self, mark: &MarkRow, batch: &mut Batch) {
        let Some(book) = &self.book else { return };
        let clause = book.index.named(&mark.runbook).and_then(|n| book.runbook(n)).and_then(|r| r.give_up.as_ref());
        let Some(clause) = clause else { return };
        let Some(why) = self.counters.give_up(clause, &mark.runbook, &mark.key, mark.at) else { return };
        let body = serde_json::json!({ "runbook": mark.runbook, "key": mark.key, "run": mark.run, "why": why });
        batch.ops.push(self.audit("runbook.gave_up", "engine", None, body));
    }

    fn tell(&self, row: &RunRow, at: Millis, what: crate::api::What, batch: &mut Batch) {
        batch.after.push(After::Tell(Box::new(crate::run::records::item(row, at, what))));
    }

    fn audit(&self, kind: &str, actor: &str, event: Option<&str>, body: serde_json::Value) -> Op {
        Op::Audit(crate::audit::AuditDraft {
            at: self.core.now(),
            kind: kind.to_owned(),
            actor: actor.to_owned(),
            run: None,
            event: event.map(str::to_owned),
            body,
        })
    }

    fn forget_old(&mut self, batch: &mut Batch) {
        let now = self.core.now();
        let Some(book) = self.book.as_ref().filter(|_| now >= self.forget_at) else { return };
        let windows = book.code().runbooks().iter().flat_map(|r| {
            let dedupe = r.dedupe.as_ref().map_or(0, |d| d.within_ms);
            [dedupe, r.limit.per_ms, r.give_up.as_ref().map_or(0, |g| g.within_ms)]
        });
        // A day more than the longest window: a reload may bring a longer one.
        let before = now
            .saturating_sub(windows.max().unwrap_or(0).max(self.core.policies().longest_window()))
            .saturating_sub(86_400_000);
        self.counters.forget(before);
        lock(&self.core.policy_counts).forget(before);
        batch.ops.push(Op::DropMarks { before });
        self.forget_at = now.saturating_add(FORGET_MS);
    }
}

/// A program in the timeline: taken, or refused with the reason.
pub fn loaded_item(at: Millis, program: String, runbooks: usize, problem: Option<String>) -> TimelineItem {
    let runbooks = u32::try_from(runbooks).unwrap_or(u32::MAX);
    TimelineItem { at, run: None, runbook: None, event: None, what: What::Loaded { program, runbooks, problem } }
}
