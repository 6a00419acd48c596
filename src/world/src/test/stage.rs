//! One test on its stage: an engine of its own on a store, a clock and a world of its own. The engine can die and be opened again on
//! what its store kept; the world goes on.

use std::sync::{Arc, Mutex, PoisonError};

use rrb_engine::api::ApiError;
use rrb_engine::clock::Clock;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::Store;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::told::Told;
use rrb_engine::unscheduled::{OnlyProgram, Unscheduled};
use rrb_engine::world::World;
use rrb_lang::hir::testing::{Step, StepKind, Test};
use rrb_lang::project::ProjectConfig;
use rrb_lang::value::Value;
use rrb_lang::vm::print;
use rrb_lang::vm::protocol::Millis;

use super::answers::Functions;
use super::clock::TestClock;
use super::everywhere::Lost;
use super::facts::Facts;
use super::idle::Idle;
use super::play::Way;
use super::suite::Suite;
use super::surroundings;
use super::trouble::Trouble;
use super::world::TestWorld;

/// A Monday at ten.
pub const BEGIN: Millis = 1_767_607_200_000;

/// Times that one `advance` stops at: a poll every second for a day.
const MOST_WAKES: u32 = 100_000;

/// Where a test is to die: at which commit, and on which side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashAt {
    pub commit: u64,
    pub side: Side,
}

/// What came in last, as expectations speak of it.
#[derive(Debug, Clone, Default)]
pub struct Last {
    /// The ids of its events.
    pub events: Vec<String>,
    pub duplicates: u32,
    /// Why it could not be read.
    pub dead: Option<String>,
    /// Why it was not taken at all.
    pub refused: Option<String>,
    /// Of a run by hand: the word of a disposition, and why.
    pub not_started: Option<(&'static str, String)>,
}

/// Why a test cannot go on.
#[derive(Debug, Clone)]
pub enum Broken {
    /// Nothing will ever settle.
    Endless(String),
    /// The engine does not do it.
    Engine(String),
}

/// A test while it is played.
pub struct Stage {
    pub suite: Arc<Suite>,
    pub functions: Functions,
    pub clock: Arc<TestClock>,
    pub world: Arc<TestWorld>,
    pub code: Arc<Unscheduled>,
    pub project: Arc<ProjectConfig>,
    pub store: Arc<MemoryStore>,
    pub last: Last,
    /// Runs that were started by hand.
    pub started: u32,
    /// Where the engine died, when it was to.
    pub died: Option<CrashAt>,
    /// A crash is planned, and has not come yet.
    pub planned: bool,
    pub(super) lost: Lost,
    idle: Idle,
    engine: Option<Arc<Engine>>,
    /// What commits hold is kept.
    tell: bool,
    /// How many there were in lives before this one, and what they held.
    before: (u64, Vec<Told>),
    /// What happened up to so many commits.
    facts: Mutex<Option<(u64, Arc<Facts>)>>,
}

impl Stage {
    /// Sets the stage for a test.
    ///
    /// # Errors
    /// What of the test's own surroundings cannot be made.
    pub async fn open(suite: &Arc<Suite>, test: &Test, idle: Idle, way: Way) -> Result<Self, Vec<Trouble>> {
        let program = suite.program_of(test);
        let settings = surroundings::settings(&program, &suite.config, &suite.settings, &test.steps)?;
        let project = Arc::new(surroundings::people(&suite.config, &test.steps));
        let functions = Functions { program: Arc::clone(&program), settings: Arc::new(settings) };
        let clock = Arc::new(TestClock::at(begin(&functions, &test.steps)?));
        let natives = Arc::clone(&suite.natives);
        let world = Arc::new(TestWorld::new(functions.clone(), natives, Arc::clone(&clock), &test.steps));
        let by_clock = suite.by_clock(test);
        let code = Arc::new(Unscheduled::in_test(program, by_clock.as_ref()));
        let store = Arc::new(MemoryStore::new());
        if let Some(CrashAt { commit, side }) = way.crash {
            store.crash_at(commit, side);
        }
        if way.tell {
            store.tell();
        }
        let mut stage = Self {
            suite: Arc::clone(suite),
            functions,
            clock,
            world,
            code,
            project,
            store,
            last: Last::default(),
            started: 0,
            died: None,
            planned: way.crash.is_some(),
            lost: Lost { at: way.crash, ..Lost::default() },
            idle,
            engine: None,
            tell: way.tell,
            before: (0, Vec::new()),
            facts: Mutex::default(),
        };
        let begun = stage.begin().await;
        begun.map(|()| stage).map_err(|e| {
            let span = test.steps.first().map_or(test.span, |s| s.span);
            vec![e.trouble(span)]
        })
    }

    async fn begin(&mut self) -> Result<(), Broken> {
        match self.live().await {
            Err(_) if self.store.crashed() => self.revive().await?,
            other => other?,
        }
        self.settle().await
    }

    /// Opens an engine on what the store remembers.
    async fn live(&mut self) -> Result<(), Broken> {
        let config = EngineConfig::new(Arc::new(OnlyProgram(Arc::clone(&self.code))));
        let (store, world) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::clone(&self.world) as Arc<dyn World>);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let engine = Engine::open(store, world, clock, config).await?;
        self.engine = Some(Arc::clone(&engine));
        let settings = (*self.functions.settings).clone();
        let (code, project) = (Arc::clone(&self.code) as _, Arc::clone(&self.project));
        engine.load(Loaded { code, settings, project }).await?;
        Ok(())
    }

    /// The engine.
    ///
    /// # Errors
    /// When there is none: it could not be opened again.
    pub fn engine(&self) -> Result<Arc<Engine>, Broken> {
        self.engine.clone().ok_or_else(|| Broken::Engine("the engine is gone".to_owned()))
    }

    /// Lets everything go on that can without time passing, people or events. Comes back to life when the planned crash has come.
    ///
    /// # Errors
    /// When it goes on for ever, or the engine failed.
    pub async fn settle(&mut self) -> Result<(), Broken> {
        loop {
            self.clock.forgive();
            self.quiet().await?;
            if self.store.crashed() {
                self.revive().await?;
                continue;
            }
            if let Some(why) = self.engine.as_ref().and_then(|e| e.failure()) {
                return Err(Broken::Engine(why));
            }
            if !self.lost.resolve(self).await? {
                return Ok(());
            }
        }
    }

    async fn quiet(&self) -> Result<(), Broken> {
        loop {
            tokio::select! {
                biased;
                () = self.idle.wait() => {}
                () = self.clock.endless() => {
                    return Err(Broken::Endless("it goes on for ever without time passing".to_owned()));
                }
            }
            let waits = self.engine.as_ref().is_none_or(|e| e.is_quiet() || e.failure().is_some());
            // A policy in another language is asked on another thread: it will come back.
            if waits || self.world.is_asleep() {
                return Ok(());
            }
        }
    }

    /// Lets time pass, from one thing that waits for it to the next.
    ///
    /// # Errors
    /// As [`Stage::settle`], and when too much happens in it.
    pub async fn advance(&mut self, ms: i64) -> Result<(), Broken> {
        let end = self.clock.now().saturating_add(ms.max(0));
        for _ in 0..MOST_WAKES {
            let Some(at) = self.clock.next().filter(|at| *at <= end) else {
                self.clock.set(end);
                return self.settle().await;
            };
            self.clock.set(at);
            self.settle().await?;
        }
        let text = format!("more than {MOST_WAKES} times are waited for in {}", print::duration(ms));
        Err(Broken::Endless(text))
    }

    /// The engine dies without a word, and another one is opened on what was durable.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn crash(&mut self) -> Result<(), Broken> {
        self.engine = None;
        self.idle.wait().await;
        self.before = (self.commits(), self.told());
        self.store = Arc::new(self.store.reopen());
        if self.tell {
            self.store.tell();
        }
        if let Some(CrashAt { commit, side }) =
            self.lost.at.filter(|at| self.died.is_none() && at.commit > self.before.0)
        {
            self.store.crash_at(commit - self.before.0, side);
        }
        match self.live().await {
            Err(_) if self.store.crashed() => self.revive().await?,
            other => other?,
        }
        self.settle().await
    }

    /// What happened so far. It is read once for all who ask before something more is written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn facts(&self) -> Result<Arc<Facts>, Broken> {
        let commits = self.commits();
        let known = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, facts)) = known.filter(|(at, _)| *at == commits) {
            return Ok(facts);
        }
        let facts = Arc::new(Facts::read(self).await?);
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some((commits, Arc::clone(&facts)));
        Ok(facts)
    }

    /// How often something was written so far, in all lives.
    pub fn commits(&self) -> u64 {
        self.before.0 + self.store.commits()
    }

    /// What was written, when that is kept.
    pub fn told(&self) -> Vec<Told> {
        self.before.1.iter().cloned().chain(self.store.told()).collect()
    }

    /// Comes back after the planned crash: what the world had answered and nobody wrote down is answered the same again.
    pub async fn revive(&mut self) -> Result<(), Broken> {
        self.engine = None;
        self.idle.wait().await;
        self.died = self.lost.at;
        self.before = (self.commits(), self.told());
        self.store = Arc::new(self.store.reopen());
        let lost = Lost::after(&self.store, &self.world, self.lost.at).await?;
        self.lost = lost;
        self.live().await
    }

    /// How long until something that waits for time goes on.
    pub fn until_next(&self) -> Option<i64> {
        let now = self.clock.now();
        self.clock.next().map(|at| at.saturating_sub(now)).filter(|ms| *ms > 0)
    }
}

impl From<ApiError> for Broken {
    fn from(e: ApiError) -> Self {
        Self::Engine(e.line())
    }
}

impl Broken {
    /// The same for people, at a statement.
    pub fn trouble(&self, span: rrb_lang::span::Span) -> Trouble {
        match self {
            Broken::Endless(why) => {
                Trouble::new(span, "never comes to rest", format!("the test does not settle: {why}"))
                    .help("a loop that waits for nothing, or two runs that start each other, never end: bound them")
            }
            Broken::Engine(why) => Trouble::new(span, "here", why.clone()),
        }
    }
}

/// When the test begins.
fn begin(functions: &Functions, steps: &[Step]) -> Result<Millis, Vec<Trouble>> {
    for step in steps {
        let StepKind::GivenNow(function) = step.kind else { continue };
        return match functions.call(function, vec![]) {
            Ok(Value::Time(at)) => Ok(at),
            Ok(_) => Err(vec![Trouble::new(step.span, "no Time", "`given now is` wants a Time")]),
            Err(why) => Err(vec![Trouble::new(step.span, "here", format!("the time cannot be made: {why}"))]),
        };
    }
    Ok(BEGIN)
}
