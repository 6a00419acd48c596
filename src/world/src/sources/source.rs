//! One source at work: what it is asked, and how it hands over what it has read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rrb_engine::api::{ApiError, SourceState};
use rrb_engine::clock::Clock;
use rrb_engine::sink::{Batch, Fed, Sink};
use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::Failure;
use secrecy::SecretString;
use smol_str::SmolStr;
use tokio_util::sync::CancellationToken;

use super::Spec;
use crate::brokers::Access;
use crate::flow::Web;
use crate::secrets::{self, Scrubber};

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

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.message.to_string())
    }
}

/// A source with what it stands on.
pub(super) struct Source {
    pub spec: Spec,
    pub sink: Arc<dyn Sink>,
    pub clock: Arc<dyn Clock>,
    /// Where it asks the web.
    pub web: Arc<dyn Web>,
    pub stop: CancellationToken,
    /// Nothing is acknowledged that others would else be given.
    pub shadow: bool,
    last: Mutex<Option<SourceState>>,
    /// Keeps the credentials of a source out of what is said of it.
    scrubber: Scrubber,
}

impl Source {
    pub fn new(
        spec: Spec,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
        web: Arc<dyn Web>,
        stop: CancellationToken,
    ) -> Self {
        Self { spec, sink, clock, web, stop, shadow: false, last: Mutex::default(), scrubber: Scrubber::default() }
    }

    /// All is well.
    pub fn reading(&self) {
        self.report(SourceState::Reading);
    }

    /// Tells how it stands. A failure that goes on is logged once.
    pub fn report(&self, state: SourceState) {
        let state = match state {
            SourceState::Failing { why } => SourceState::Failing { why: self.scrubber.text(&why).into_owned() },
            SourceState::Reading => state,
        };
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
        for event in self.spec.events() {
            self.sink.report(event, &self.spec.instance, Some(state.clone()));
        }
    }

    /// Where it left off.
    pub async fn cursor(&self) -> Result<Option<String>, Stopped> {
        let cursor = self.sink.cursor(&self.spec.event, &self.spec.instance).await;
        cursor.map_err(|e| Stopped::Failed(e.line()))
    }

    /// Hands over what was read; durable when this returns `Ok`. While the engine is full, this waits.
    pub async fn bring(&self, items: Vec<Fed>, cursor: Option<String>) -> Result<(), Stopped> {
        self.feed(items, cursor).await?;
        self.reading();
        Ok(())
    }

    /// Keeps a place before there is something to read.
    pub async fn bring_quietly(&self, cursor: Option<String>) -> Result<(), Stopped> {
        self.feed(Vec::new(), cursor).await
    }

    /// To each of its events, one after the other: what breaks between them is brought again, and known by its position.
    async fn feed(&self, items: Vec<Fed>, cursor: Option<String>) -> Result<(), Stopped> {
        for event in self.spec.events() {
            let (event, instance) = (event.to_owned(), self.spec.instance.clone());
            self.feed_one(Batch { event, instance, items: items.clone(), cursor: cursor.clone() }).await?;
        }
        Ok(())
    }

    async fn feed_one(&self, batch: Batch) -> Result<(), Stopped> {
        let mut pause = FULL.0;
        loop {
            match self.sink.feed(batch.clone()).await {
                Ok(_) => return Ok(()),
                Err(ApiError::Overloaded(_)) => {}
                Err(other) => return Err(Stopped::Failed(other.line())),
            }
            self.wait(pause).await?;
            pause = (pause * 2).min(FULL.1);
        }
    }

    /// The value of a secret.
    pub async fn secret(&self, secret: &Secret) -> Result<SecretString, Stopped> {
        let (secret, scrubber) = (secret.clone(), self.scrubber.clone());
        let resolved = tokio::task::spawn_blocking(move || secrets::resolve_and_learn(&secret, Some(&scrubber))).await;
        match resolved {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(failure.into()),
            Err(_) => Err(Stopped::Failed("a secret was not read; this is a defect of rrb".to_owned())),
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
            Some(Value::Cron(text) | Value::Url(text)) => Ok(text.as_str()),
            _ => Err(Stopped::Failed(format!("`{name}` is not given"))),
        }
    }

    /// A text that may be left out.
    pub fn text_or_none(&self, name: &str) -> Result<Option<&'a str>, Stopped> {
        if matches!(self.get(name), None | Some(Value::None)) { Ok(None) } else { self.text(name).map(Some) }
    }

    pub fn duration(&self, name: &str) -> Result<Duration, Stopped> {
        match self.get(name) {
            Some(Value::Duration(d)) if *d > 0 => Ok(Duration::from_millis(d.unsigned_abs())),
            _ => Err(Stopped::Failed(format!("`{name}` is a time above zero"))),
        }
    }

    /// Those of these names, for a request.
    pub fn only(&self, names: &[&str]) -> Vec<(SmolStr, Value)> {
        self.0.iter().filter(|(n, _)| names.contains(&n.as_str())).cloned().collect()
    }

    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    async fn secret(&self, source: &Source, name: &str) -> Result<Option<SecretString>, Stopped> {
        match self.get(name) {
            Some(Value::Secret(secret)) => source.secret(secret).await.map(Some),
            _ => Ok(None),
        }
    }

    /// As whom a broker is reached.
    pub async fn access(&self, source: &Source) -> Result<Access, Stopped> {
        let owned = |name| self.text_or_none(name).map(|t| t.map(str::to_owned));
        Ok(Access {
            user: owned("user")?,
            password: self.secret(source, "password").await?,
            token: self.secret(source, "token").await?,
            credentials: self.secret(source, "credentials").await?,
            ca_file: owned("ca_file")?,
            client_cert: owned("client_cert")?,
            client_key: self.secret(source, "client_key").await?,
            gate: None,
        })
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
