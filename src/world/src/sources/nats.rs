//! `from stream nats(…)`: a stream of JetStream through a durable consumer, or a plain subject.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::{self, AckKind, ErrorCode};
use async_nats::{Client, HeaderMap};
use futures_util::StreamExt as _;
use rrb_engine::sink::{Fed, MAX_BATCH};

use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::brokers::{Address, chain, nats};

/// Bytes that are fetched at once.
const MAX_BYTES: usize = 16 << 20;

/// How long one asking waits for a message.
const IDLE: Duration = Duration::from_secs(5);

/// A server that says nothing for this long, although it was asked, is lost.
const SILENCE: Duration = Duration::from_secs(15);

/// What was fetched and is not acknowledged after this time is given out again.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// Messages of a plain subject wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(50);

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let address = nats::address(args.text("url")?)?;
    let (subject, format) = (args.text("subject")?, Format::named(args.choice("format")?));
    let access = args.access(source).await?;
    let stream = args.text_or_none("stream")?;
    let name = args.text_or_none("consumer")?;
    if stream.is_none() && name.is_some() {
        return Err(Stopped::Failed("`consumer` belongs to a `stream`: name that too".to_owned()));
    }
    let client = source.unless_stopped(nats::connect(&address, &access)).await??;
    match stream {
        Some(stream) => {
            let begin = if args.choice("begin")? == "start" { DeliverPolicy::All } else { DeliverPolicy::New };
            let name = name.map_or_else(|| default_name(source), str::to_owned);
            let wanted = Wanted { stream, subject, name, begin };
            let consumer = source.unless_stopped(wanted.consumer(&client)).await??;
            let reading = Reading { source, client, address, format };
            reading.stream(&consumer).await
        }
        None => Reading { source, client, address, format }.subject(subject, args.text_or_none("queue")?).await,
    }
}

/// `rrb_shop_placed_default`: the name that a consumer has where none is given.
fn default_name(source: &Source) -> String {
    let name = format!("rrb_{}_{}", source.spec.event, source.spec.instance);
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// A durable consumer as it has to be.
struct Wanted<'a> {
    stream: &'a str,
    subject: &'a str,
    name: String,
    begin: DeliverPolicy,
}

impl Wanted<'_> {
    async fn consumer(&self, client: &Client) -> Result<Consumer<Config>, Stopped> {
        let (stream, name) = (self.stream, &self.name);
        let context = jetstream::new(client.clone());
        let found = context.get_stream(stream).await.map_err(|e| match e.kind() {
            GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                format!("there is no stream `{stream}`")
            }
            GetStreamErrorKind::Request => format!("JetStream did not answer: is it on, and allowed? {}", chain(&e)),
            _ => format!("the stream `{stream}` cannot be read: {}", chain(&e)),
        })?;
        let config = Config {
            durable_name: Some(name.clone()),
            description: Some("rrb reads the stream by it".to_owned()),
            deliver_policy: self.begin,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            filter_subject: self.subject.to_owned(),
            max_ack_pending: i64::try_from(2 * MAX_BATCH).unwrap_or(i64::MAX),
            ..Config::default()
        };
        let consumer = found.get_or_create_consumer(name, config).await;
        let consumer =
            consumer.map_err(|e| format!("the consumer `{name}` of `{stream}` is not to be had: {}", chain(&e)))?;
        let is = &consumer.cached_info().config;
        if is.ack_policy != AckPolicy::Explicit {
            return Err(Stopped::Failed(format!(
                "the consumer `{name}` of `{stream}` does not wait for acknowledgements: its `ack_policy` must be `explicit`"
            )));
        }
        if is.filter_subject != self.subject {
            return Err(Stopped::Failed(format!(
                "the consumer `{name}` of `{stream}` has the subject `{}`, not `{}`: give another `consumer`, or delete this one",
                is.filter_subject, self.subject
            )));
        }
        Ok(consumer)
    }
}

/// A connection that is read.
struct Reading<'a> {
    source: &'a Source,
    client: Client,
    address: Address,
    format: Format,
}

impl Reading<'_> {
    /// Takes what the consumer gives; each message is acknowledged when it is durable.
    async fn stream(&self, consumer: &Consumer<Config>) -> Result<(), Stopped> {
        self.source.reading();
        loop {
            let messages = self.source.unless_stopped(self.fetch(consumer)).await??;
            if messages.is_empty() {
                self.alive()?;
                continue;
            }
            let items = messages.iter().map(|m| self.fed_of_stream(m)).collect();
            let brought = self.source.bring(items, None).await;
            // What is not durable is wanted again, and at once rather than after a while.
            let answer = if brought.is_ok() { AckKind::Ack } else { AckKind::Nak(None) };
            let sent = tokio::time::timeout(SILENCE, self.acknowledge(&messages, answer)).await;
            brought?;
            sent.map_err(|_| self.lost())??;
        }
    }

    async fn acknowledge(&self, messages: &[jetstream::Message], answer: AckKind) -> Result<(), Stopped> {
        for message in messages {
            message.ack_with(answer).await.map_err(|e| format!("an acknowledgement was not sent: {e}"))?;
        }
        let sent = self.client.flush().await;
        sent.map_err(|e| Stopped::Failed(format!("acknowledgements were not sent: {}", chain(&e))))
    }

    /// What is there now; else the next message, or nothing after a while.
    async fn fetch(&self, consumer: &Consumer<Config>) -> Result<Vec<jetstream::Message>, Stopped> {
        let broke = |e: &dyn std::error::Error| Stopped::Failed(format!("the stream cannot be read: {}", chain(e)));
        let mut messages = Vec::new();
        let mut now =
            consumer.fetch().max_messages(MAX_BATCH).max_bytes(MAX_BYTES).messages().await.map_err(|e| broke(&e))?;
        while let Some(next) = self.unless_silent(now.next()).await? {
            messages.push(next.map_err(|e| broke(e.as_ref()))?);
        }
        if messages.is_empty() {
            let next = consumer.batch().max_messages(1).expires(IDLE).messages().await;
            let mut next = next.map_err(|e| broke(&e))?;
            while let Some(next) = self.unless_silent(next.next()).await? {
                messages.push(next.map_err(|e| broke(e.as_ref()))?);
            }
        }
        Ok(messages)
    }

    /// The client makes a connection that breaks once more by itself, and what was asked over the first one is answered by nobody.
    async fn unless_silent<T>(&self, next: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::time::timeout(SILENCE, next).await.map_err(|_| self.lost())
    }

    fn fed_of_stream(&self, message: &jetstream::Message) -> Fed {
        let mut facts = facts(&message.message);
        let mut position = None;
        if let Ok(info) = message.info() {
            facts.fact("stream", info.stream);
            facts.fact("sequence", info.stream_sequence);
            // A stream that was made anew counts from one again; the time tells them apart.
            let at = info.published.unix_timestamp_nanos();
            position = Some(format!("{}/{}/{at}", info.stream, info.stream_sequence));
        }
        facts.fed(self.format, Some(&message.payload), position)
    }

    /// Takes what comes by a subject while it is listened to.
    async fn subject(&self, subject: &str, queue: Option<&str>) -> Result<(), Stopped> {
        let refused = |e: &dyn std::error::Error| format!("`{subject}` cannot be subscribed to: {}", chain(e));
        let mut messages = match queue {
            Some(queue) => self.client.queue_subscribe(subject.to_owned(), queue.to_owned()).await,
            None => self.client.subscribe(subject.to_owned()).await,
        }
        .map_err(|e| refused(&e))?;
        self.source.unless_stopped(self.client.flush()).await?.map_err(|e| refused(&e))?;
        self.source.reading();
        loop {
            let next = match self.source.unless_stopped(tokio::time::timeout(IDLE, messages.next())).await? {
                Ok(Some(next)) => next,
                Ok(None) => return Err(self.lost()),
                Err(_) => {
                    self.alive()?;
                    continue;
                }
            };
            let fed = |message: &async_nats::Message| {
                let mut facts = facts(message);
                facts.fact_if("reply", message.reply.as_ref());
                facts.fed(self.format, Some(&message.payload), None)
            };
            let mut items = vec![fed(&next)];
            let due = tokio::time::Instant::now() + GATHER;
            while items.len() < MAX_BATCH
                && let Ok(Some(next)) = tokio::time::timeout_at(due, messages.next()).await
            {
                items.push(fed(&next));
            }
            self.source.bring(items, None).await?;
        }
    }

    fn alive(&self) -> Result<(), Stopped> {
        if self.client.connection_state() == State::Connected { Ok(()) } else { Err(self.lost()) }
    }

    fn lost(&self) -> Stopped {
        Stopped::Failed(format!("the connection to {} is lost", self.address))
    }
}

fn facts(message: &async_nats::Message) -> Message {
    let mut facts = Message::default();
    facts.fact("subject", &message.subject);
    for (name, values) in message.headers.as_ref().map(HeaderMap::iter).into_iter().flatten() {
        let all: Vec<&str> = values.iter().map(|v| v.as_str()).collect();
        let name: &str = name.as_ref();
        facts.header(name, all.join(", ").as_bytes());
    }
    facts
}

#[cfg(test)]
#[path = "nats_tests.rs"]
mod tests;
