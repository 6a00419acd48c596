//! What brings events: checks of webhooks, and the sources that rrb reads by itself.

#[cfg(feature = "amqp")]
mod amqp;
#[cfg(any(feature = "amqp", feature = "mqtt"))]
mod doubt;
mod exec;
mod file;
mod http_lines;
#[cfg(feature = "kafka")]
mod kafka;
mod kubernetes;
mod lines;
#[cfg(any(
    feature = "amqp",
    feature = "kafka",
    feature = "mqtt",
    feature = "nats",
    feature = "redis",
    feature = "websocket"
))]
mod message;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
mod poll;
#[cfg(feature = "redis")]
mod redis;
mod schedule;
mod source;
mod syslog;
#[cfg(test)]
pub(crate) mod testing;
pub mod webhook;
#[cfg(feature = "websocket")]
mod websocket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::clock::Clock;
use rrb_engine::sink::Sink;
use rrb_engine::world::World;
use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::SettingValues;
use smol_str::SmolStr;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::flow::Web;
use source::{Source, Stopped};

/// The shortest and the longest pause before a source that failed is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A source that has held this long is tried again at once when it fails.
const HELD: Duration = Duration::from_secs(60);

/// A source of an event, for one instance of its connector.
#[derive(Debug, Clone)]
pub struct Spec {
    /// `shop.placed`
    pub event: String,
    /// Further events of the same connector that are told all that comes: where one connection serves several.
    pub also: Vec<String>,
    pub instance: String,
    pub kind: Kind,
}

/// How it is read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// One of [`rrb_lang::feeds::FEEDS`], with its arguments.
    Feed { name: SmolStr, args: Vec<(SmolStr, Value)> },
    /// The function takes nothing, reads, and gives Json. `acknowledge` takes what it gave when that is durable; none also in shadow, where
    /// what would change something is left to whoever does the work.
    Poll {
        every: Duration,
        function: FnId,
        acknowledge: Option<FnId>,
        program: Arc<Program>,
        settings: Arc<SettingValues>,
    },
}

impl Spec {
    /// The events that are told what comes.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.event).chain(&self.also).map(String::as_str)
    }
}

impl PartialEq for Spec {
    /// Whether one that runs as the other can go on as it is.
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.kind, &other.kind) {
            (Kind::Feed { name, args }, Kind::Feed { name: n, args: a }) => name == n && args == a,
            (
                Kind::Poll { every, function, acknowledge, program, settings },
                Kind::Poll { every: e, function: f, acknowledge: a, program: p, settings: s },
            ) => every == e && function == f && acknowledge == a && program.id == p.id && settings == s,
            _ => false,
        };
        same && self.event == other.event && self.also == other.also && self.instance == other.instance
    }
}

/// The sources of whatever program is loaded now.
pub struct Sources {
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    /// What polls ask: in shadow a world that has no code for a change.
    world: Arc<dyn World>,
    web: Arc<dyn Web>,
    shadow: bool,
    running: Mutex<HashMap<(String, String), Running>>,
}

struct Running {
    spec: Spec,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sources {
    /// No source yet.
    pub fn new(sink: Arc<dyn Sink>, clock: Arc<dyn Clock>, world: Arc<dyn World>, web: Arc<dyn Web>) -> Self {
        Self { sink, clock, world, web, shadow: false, running: Mutex::default() }
    }

    /// In shadow nothing is acknowledged that others would else be given.
    #[must_use]
    pub fn in_shadow(mut self, shadow: bool) -> Self {
        self.shadow = shadow;
        self
    }

    /// From now on these are read. One that was read before, as it is now, goes on without a gap; the others end first.
    pub async fn set(&self, specs: Vec<Spec>) {
        let mut wanted: HashMap<(String, String), Spec> =
            specs.into_iter().map(|s| ((s.event.clone(), s.instance.clone()), s)).collect();
        let mut ended = Vec::new();
        {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.retain(|key, r| {
                let stays = wanted.get(key).is_some_and(|spec| *spec == r.spec) && !r.task.is_finished();
                if stays {
                    wanted.remove(key);
                } else {
                    r.stop.cancel();
                    ended.push((r.spec.clone(), std::mem::replace(&mut r.task, tokio::spawn(async {}))));
                }
                stays
            });
        }
        for (spec, task) in ended {
            let _ = task.await;
            for event in spec.events() {
                self.sink.report(event, &spec.instance, None);
            }
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, spec) in wanted {
            let stop = CancellationToken::new();
            let mut source =
                Source::new(spec.clone(), self.sink.clone(), self.clock.clone(), self.web.clone(), stop.clone());
            source.shadow = self.shadow;
            let task = tokio::spawn(keep(source, self.world.clone()));
            running.insert(key, Running { spec, stop, task });
        }
    }

    /// Ends all of them. What they have read is durable, with where they go on.
    pub async fn stop(&self) {
        self.set(Vec::new()).await;
    }
}

/// Runs a source until it is stopped: one that fails is begun again, after a pause that grows.
async fn keep(source: Source, world: Arc<dyn World>) {
    source.reading();
    let mut pause = PAUSES.0;
    loop {
        let began = tokio::time::Instant::now();
        let why = match run(&source, &world).await {
            Ok(()) => "it came to its end".to_owned(),
            Err(Stopped::Asked) => return,
            Err(Stopped::Failed(why)) => why,
        };
        if began.elapsed() >= HELD {
            pause = PAUSES.0;
        }
        source.report(SourceState::Failing { why });
        tokio::select! {
            () = source.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn run(source: &Source, world: &Arc<dyn World>) -> Result<(), Stopped> {
    match &source.spec.kind {
        Kind::Poll { every, function, acknowledge, program, settings } => {
            let poll = poll::Poll { every: *every, function: *function, acknowledge: *acknowledge, program, settings };
            poll::run(source, world, poll).await
        }
        Kind::Feed { name, args } => {
            let args = source::Args(args);
            match name.as_str() {
                "file" => file::run(source, args).await,
                "exec" => exec::run(source, args).await,
                "syslog" => syslog::run(source, args).await,
                "schedule" => schedule::run(source, args).await,
                "http_lines" => http_lines::run(source, args).await,
                "kubernetes" => kubernetes::run(source, args).await,
                stream => streams(source, args, stream).await,
            }
        }
    }
}

/// Reads from a message broker, where this build has the means.
async fn streams(source: &Source, args: source::Args<'_>, name: &str) -> Result<(), Stopped> {
    match name {
        #[cfg(feature = "amqp")]
        "amqp" => amqp::run(source, args).await,
        #[cfg(feature = "kafka")]
        "kafka" => kafka::run(source, args).await,
        #[cfg(feature = "mqtt")]
        "mqtt" => mqtt::run(source, args).await,
        #[cfg(feature = "nats")]
        "nats" => nats::run(source, args).await,
        #[cfg(feature = "redis")]
        "redis" => redis::run(source, args).await,
        #[cfg(feature = "websocket")]
        "websocket" => websocket::run(source, args).await,
        other => Err(Stopped::Failed(format!(
            "this build of rrb cannot read `{other}`: it was built without the feature `{other}`"
        ))),
    }
}
