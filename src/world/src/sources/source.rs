//! One source at work: what it is asked, and how it hands over what it has read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rrb_engine::api::{ApiError, SourceState};
use rrb_engine::clock::Clock;
use rrb_engine::sink::{Batch, Fed, Sink};
use rrb_lang::value::Value;
use smol_str::SmolStr;
use tokio_util::sync::CancellationToken;

use super::Spec;

/// Pauses while the engine has no room: the source waits with it.
const FULL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Why a source is not read any more.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It was to stop.
    Asked,
    /// What is wrong, for people.
    Failed(String),
}

impl From<String> for Stopped {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// A source with what it stands on.
pub(super) struct Source {
    pub spec: Spec,
    pub sink: Arc<dyn Sink>,
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
    last: Mutex<Option<SourceState>>,
}

impl Source {
    pub fn new(spec: Spec, sink: Arc<dyn Sink>, clock: Arc<dyn Clock>, stop: CancellationToken) -> Self {
        Self { spec, sink, clock, stop, last: Mutex::default() }
    }

    /// All is well.
    pub fn reading(&self) {
        self.report(SourceState::Reading);
    }

    /// Tells how it stands. A failure that goes on is logged once.
    pub fn report(&self, state: SourceState) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&state) {
            let (event, instance) = (&self.spec.event, &self.spec.instance);
            match &state {
                SourceState::Failing { why } => tracing::warn!(%event, %instance, %why, "a source cannot be read"),
                SourceState::Reading if last.is_some() => tracing::info!(%event, %instance, "the source is read again"),
                SourceState::Reading => tracing::debug!(%event, %instance, "the source is read"),
            }
            *last = Some(state.clone());
        }
        drop(last);
        self.sink.report(&self.spec.event, &self.spec.instance, Some(state));
    }

    /// Where it left off.
    pub async fn cursor(&self) -> Result<Option<String>, Stopped> {
        let cursor = self.sink.cursor(&self.spec.event, &self.spec.instance).await;
        cursor.map_err(|e| Stopped::Failed(e.line()))
    }

    /// Hands over what was read; durable when this returns `Ok`. While the engine is full, this waits.
    pub async fn bring(&self, items: Vec<Fed>, cursor: Option<String>) -> Result<(), Stopped> {
        let (event, instance) = (self.spec.event.clone(), self.spec.instance.clone());
        let batch = Batch { event, instance, items, cursor };
        let mut pause = FULL.0;
        loop {
            match self.sink.feed(batch.clone()).await {
                Ok(_) => {
                    self.reading();
                    return Ok(());
                }
                Err(ApiError::Overloaded(_)) => {}
                Err(other) => return Err(Stopped::Failed(other.line())),
            }
            self.wait(pause).await?;
            pause = (pause * 2).min(FULL.1);
        }
    }

    /// Lets this time pass.
    pub async fn wait(&self, time: Duration) -> Result<(), Stopped> {
        self.unless_stopped(tokio::time::sleep(time)).await
    }

    /// What a future gives, unless the source is to stop first.
    pub async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped::Asked),
            value = future => Ok(value),
        }
    }
}

/// The arguments of a source, as its table types them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Args<'a>(pub &'a [(SmolStr, Value)]);

impl<'a> Args<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    pub fn text(&self, name: &str) -> Result<&'a str, Stopped> {
        match self.get(name) {
            Some(Value::Text(text)) => Ok(text.as_str()),
            Some(Value::Cron(text)) => Ok(text.as_str()),
            _ => Err(Stopped::Failed(format!("`{name}` is not given"))),
        }
    }

    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>, Stopped> {
        let not = || Stopped::Failed(format!("`{name}` is no list of texts"));
        match self.get(name) {
            Some(Value::List(items)) => {
                items.iter().map(|v| if let Value::Text(t) = v { Ok(t.as_str()) } else { Err(not()) }).collect()
            }
            _ => Err(not()),
        }
    }

    /// A text that is one of those that [`rrb_lang::feeds::choices`] has for it.
    pub fn choice(&self, name: &str) -> Result<&'a str, Stopped> {
        let text = self.text(name)?;
        let choices = rrb_lang::feeds::choices(name).unwrap_or_default();
        if choices.contains(&text) {
            return Ok(text);
        }
        let shown: Vec<String> = choices.iter().map(|c| format!("`{c}`")).collect();
        Err(Stopped::Failed(format!("`{name}` is {}, not `{}`", shown.join(" or "), text.escape_debug())))
    }
}
