//! The engine: its parts, put together on a store, a world and a clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rrb_lang::vm::protocol::Millis;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::api::ApiError;
use crate::clock::Clock;
use crate::code::Loader;
use crate::intake::Intake;
use crate::matcher::{self, Inbox, Matcher, Task};
use crate::policy::{self, Policies};
use crate::programs::{Loaded, Programs};
use crate::run::mail::Mail;
use crate::runs::Runs;
pub use crate::shared::Bounds;
use crate::shared::{Core, Signal, Work};
use crate::sink::Sink;
use crate::store::{EventRow, MarkRow, Op, Recovered, RunRow, RunStatus, Store};
use crate::timers::Timers;
use crate::world::World;

/// What an engine is told when it is opened.
pub struct EngineConfig {
    /// Deliveries that may wait for the store, and events for the matcher.
    pub queue: u32,
    /// Runs driven at the same time.
    pub runs: u32,
    /// Reads the programs of older runs.
    pub loader: Arc<dyn Loader>,
    pub bounds: Bounds,
    /// Every runbook of what is loaded is in `shadow`: runs are marked as such, and what they count does not count for real ones.
    pub shadow: bool,
}

impl EngineConfig {
    /// The defaults of `[serve]`.
    pub fn new(loader: Arc<dyn Loader>) -> Self {
        Self { queue: 1024, runs: 256, loader, bounds: Bounds::default(), shadow: false }
    }
}

/// The engine.
pub struct Engine {
    pub(crate) core: Arc<Core>,
    pub(crate) programs: Arc<Programs>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) inbox: Inbox,
    schedules: Arc<Timers<String>>,
    /// What the store remembered, until there is a program.
    recovered: Mutex<Option<Recovered>>,
    live: AtomicBool,
    tasks: TaskTracker,
}

impl Engine {
    /// Opens an engine on what its store remembers. Nothing moves before the first [`Engine::load`].
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: Arc<dyn Store>,
        world: Arc<dyn World>,
        clock: Arc<dyn Clock>,
        config: EngineConfig,
    ) -> Result<Arc<Self>, ApiError> {
        let recovered = store.recover().await?;
        let (mut core, signals) = Core::new(store, world, clock, recovered.latest);
        core.shadow = config.shadow;
        let core = Arc::new(core);
        for mark in recovered.marks.iter().filter(|m| m.kind == policy::MARK) {
            crate::shared::lock(&core.policy_counts).add(mark);
        }
        core.open_runs.set(recovered.runs.len());
        core.open_approvals.set(recovered.approvals.len());
        for paused in &recovered.paused {
            core.set_paused(paused.as_deref(), true);
        }
        let programs = Arc::new(Programs::new(core.clone(), config.loader));
        let runs = Arc::new(Runs::new(core.clone(), programs.clone(), config.runs));
        let (mut matcher, inbox, schedules) = Matcher::new(core.clone(), programs.clone(), runs.clone(), config.bounds);
        matcher.recover(&recovered).await;
        restore_targets(&core, &recovered);
        let intake =
            Arc::new(Intake::new(core.clone(), programs.clone(), inbox.clone(), config.queue, config.bounds.events));
        let tasks = TaskTracker::new();
        tasks.spawn(matcher.work());
        tasks.spawn(listen(core.clone(), runs.clone(), inbox.clone(), signals));
        tasks.spawn(runs.clone().keep_time());
        let recovered = Mutex::new(Some(recovered));
        let live = AtomicBool::new(false);
        Ok(Arc::new(Self { core, programs, runs, intake, inbox, schedules, recovered, live, tasks }))
    }

    /// Loads a program: new runs and events get it, runs that are under way keep theirs. With the first one the engine goes on with
    /// what it left off: events are matched, runs are taken up, what has expired meanwhile expires.
    ///
    /// # Errors
    /// When the program's schedules cannot be understood or the store failed; what was loaded before stays.
    pub async fn load(&self, loaded: Loaded) -> Result<(), ApiError> {
        let loaded = Arc::new(loaded);
        // People are needed before the first run looks at its approvals.
        let mut recovered = self.recovered.lock().await;
        if recovered.is_some() {
            self.core.set_people(loaded.project.clone());
            self.core.set_policies(Policies::new(loaded.code.clone(), loaded.settings.clone()));
        }
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Task::Load { loaded, reply });
        self.answer(answer).await.inspect_err(|e| self.not_loaded(&e.line()))?;
        if let Some(recovered) = recovered.take() {
            self.runs.recovering(true);
            self.go_on(&recovered);
            self.cancel_untold(&recovered).await?;
            // Those at rest may be many, and nobody has to wait for them: what concerns one of them wakes it.
            let work = self.core.work();
            self.tasks.spawn(take_stock(self.core.clone(), self.runs.clone(), recovered, work));
            self.live.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Tells whoever follows the timeline that a program was refused; the one before goes on.
    pub fn not_loaded(&self, why: &str) {
        let current = self.programs.current();
        let (program, runbooks) = match &current {
            Some(loaded) => (loaded.code.id().to_owned(), loaded.code.runbooks().len()),
            None => (String::new(), 0),
        };
        self.core.publish(matcher::loaded_item(self.core.now(), program, runbooks, Some(why.to_owned())));
    }

    /// Runs that were under way go on.
    fn go_on(&self, recovered: &Recovered) {
        for row in &recovered.runs {
            if matches!(row.status, RunStatus::Running | RunStatus::Ending) {
                self.runs.take_up(&row.id);
            }
        }
    }

    /// Tells runs that were to be cancelled and perhaps never heard of it.
    async fn cancel_untold(&self, recovered: &Recovered) -> Result<(), ApiError> {
        for (mark, why, by) in matcher::untold(recovered) {
            if self.core.store.journal(&mark.run, 0).await?.iter().any(|row| row.kind == "cancel") {
                continue;
            }
            // Anew, because old marks are forgotten.
            let mark = MarkRow { at: self.core.now(), ..mark.clone() };
            let run = mark.run.clone();
            self.core.commit(vec![Op::PutMark(mark)]).await?;
            self.runs.send(&run, Mail::Cancel { why, by, reply: None });
        }
        Ok(())
    }

    /// Where sources bring what they read.
    pub fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.intake) as _
    }

    /// Waits for an answer of the matcher or of a run.
    pub(crate) async fn answer<T>(&self, answer: oneshot::Receiver<Result<T, ApiError>>) -> Result<T, ApiError> {
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(match self.core.failure() {
                Some(why) => ApiError::Failed(why),
                None => ApiError::Overloaded("rrb is going down".to_owned()),
            }),
        }
    }

    /// Whether the first program is loaded and everything from before was taken up.
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }

    /// Why the engine stopped issuing effects, if it did.
    pub fn failure(&self) -> Option<String> {
        self.core.failure()
    }

    /// Returns when nothing can go on but by time, people or events. For tests and simulations, where time stands still meanwhile.
    pub async fn settled(&self) {
        loop {
            self.core.quiet().await;
            let now = self.core.now();
            let due = self.schedules.first().is_some_and(|at| at <= now) || self.runs.is_due();
            if self.core.stop.is_cancelled() || (self.core.is_quiet() && !due) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Whether nothing is under way but what waits for time, people or events.
    pub fn is_quiet(&self) -> bool {
        self.core.is_quiet()
    }

    /// Takes an event as another engine has taken it before: with its id and its times.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn retake(&self, row: EventRow) -> Result<(), ApiError> {
        self.core.commit(vec![Op::PutEvent(row.clone())]).await?;
        self.inbox.send(Task::Event { row: Box::new(row), value: None });
        Ok(())
    }

    /// When something happens by the clock alone; none when nothing waits for it.
    pub fn next_time(&self) -> Option<Millis> {
        [self.schedules.first(), self.runs.next_time()].into_iter().flatten().min()
    }

    /// How many runs are in memory, and how many times are waited for.
    pub fn load_figures(&self) -> (usize, usize) {
        (self.runs.active(), self.runs.waiting())
    }

    /// Stops taking anything, lets calls that are under way end for at most `grace`, puts runs to rest, and stops.
    pub async fn shutdown(&self, grace: Duration) {
        self.core.closing.cancel();
        let until = self.core.now().saturating_add(Millis::try_from(grace.as_millis()).unwrap_or(Millis::MAX));
        tokio::select! {
            () = self.runs.rest() => {}
            () = self.core.sleep_until(until) => tracing::warn!("calls were under way at the end of the grace period"),
        }
        self.core.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Engine {
    /// An engine that is dropped stops: its tasks must not go on without anybody who could ask them.
    fn drop(&mut self) {
        self.core.stop.cancel();
    }
}

/// Sets the times of runs at rest and of reminders, while the engine is at work already.
async fn take_stock(core: Arc<Core>, runs: Arc<Runs>, recovered: Recovered, _work: Work) {
    let open: HashSet<&str> = recovered.approvals.iter().map(|a| a.id.as_str()).collect();
    for row in recovered.runs.iter().filter(|r| matches!(r.status, RunStatus::Waiting | RunStatus::Parked)) {
        if core.stop.is_cancelled() || core.closing.is_cancelled() {
            return;
        }
        runs.recover(row, &open).await;
    }
    for (n, approval) in recovered.approvals.iter().enumerate() {
        runs.remind(approval);
        if n % 256 == 255 {
            tokio::task::yield_now().await;
        }
    }
    runs.recovering(false);
}

fn restore_targets(core: &Core, recovered: &Recovered) {
    let mut targets = crate::shared::lock(&core.targets);
    let runs: HashMap<&str, &RunRow> = recovered.runs.iter().map(|r| (r.id.as_str(), r)).collect();
    for (target, run) in &recovered.targets {
        if let Some(row) = runs.get(run.as_str()) {
            targets.restore(target, crate::run::gate::party(row));
        }
    }
}

/// Passes on what runs say.
async fn listen(core: Arc<Core>, runs: Arc<Runs>, inbox: Inbox, mut signals: mpsc::UnboundedReceiver<(Signal, Work)>) {
    loop {
        let (signal, _work) = tokio::select! {
            signal = signals.recv() => match signal {
                Some(signal) => signal,
                None => return,
            },
            () = core.stop.cancelled() => return,
        };
        match signal {
            Signal::Wake(run) => runs.wake(&run),
            Signal::Asked(row) => runs.remind(&row),
            Signal::StartChild { parent, start, effect, reply } => {
                inbox.send(Task::Child { parent, start, effect, reply });
            }
            Signal::StopChild { child, why, by, reply } => inbox.send(Task::StopChild { child, why, by, reply }),
            Signal::Ended { run, ineffective } => {
                if let Some(parent) = crate::run::children::parent_of(&run).filter(|p| p.awaited) {
                    runs.wake(&parent.run);
                }
                inbox.send(Task::Ended { run: run.id, ineffective });
            }
        }
    }
}
