//! `from stream mqtt(…)`: messages by topic, in a session that the broker keeps; each acknowledged when it is durable.

use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::sink::Fed;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{Packet, Publish, RetainForwardRule, SubscribeReasonCode};
use rumqttc::{AckMode, AsyncClient, Event, EventLoop, SubscribeFilter};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::doubt::{self, Doubt};
use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::brokers::{Address, mqtt};

/// Messages that the broker is asked to give out before the first of them is acknowledged, and that are written together.
const RECEIVE: u16 = 100;

/// Messages that may come once more: acknowledgements that were queued or sent, and that a broker had not read when it went down. Some
/// brokers give out far more than they are asked to.
const IN_DOUBT: usize = 1_000;

/// Messages that have come and wait. A broker that keeps to [`RECEIVE`] never fills this with what it wants acknowledged.
const QUEUE: usize = 10_000;

/// Messages wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(20);

/// How long the last words to a broker may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// What the store keeps of a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Session {
    client_id: String,
    topic: String,
    doubt: Doubt,
}

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let address = mqtt::address(args.text("url")?)?;
    let (topic, format) = (args.text("topic")?, Format::named(args.choice("format")?));
    let begin = args.choice("begin")?;
    let access = args.access(source).await?;
    let known: Option<Session> = source.cursor().await?.and_then(|c| serde_json::from_str(&c).ok());
    let named = args.text_or_none("client_id")?;
    let (session, fresh) = session(known, topic, named);
    if fresh {
        // The name of the session is kept before the broker keeps it.
        source.bring_quietly(Some(session.written())).await?;
    }
    let mut options = source.unless_stopped(mqtt::options(&address, &access, &session.client_id)).await??;
    options.set_clean_start(fresh);
    options.set_session_expiry_interval(Some(u32::try_from(mqtt::KEPT.as_secs()).unwrap_or(u32::MAX)));
    options.set_receive_maximum(Some(RECEIVE));
    options.set_ack_mode(AckMode::Manual);
    let (client, mut events) = AsyncClient::builder(options).capacity(usize::from(RECEIVE)).build();
    let (send, receive) = mpsc::channel(QUEUE);
    let mut reading = Reading { source, address: &address, format, begin, fresh, session, client, receive };
    let polling = poll(&address, &mut events, send);
    tokio::pin!(polling);
    let stopped = tokio::select! {
        broke = &mut polling => return Err(broke),
        stopped = reading.read() => stopped,
    };
    // What was acknowledged is sent before the connection ends.
    reading.receive.close();
    let goodbye = async { tokio::join!(reading.client.disconnect(), polling) };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    Err(stopped)
}

/// The session that is gone on with, or a new one; and whether it is new.
fn session(known: Option<Session>, topic: &str, named: Option<&str>) -> (Session, bool) {
    let fits = |s: &Session| s.topic == topic && named.is_none_or(|n| n == s.client_id);
    match known.filter(fits) {
        Some(session) => (session, false),
        None => {
            let client_id = named.map_or_else(|| format!("rrb-{}", uuid::Uuid::new_v4().simple()), str::to_owned);
            (Session { client_id, topic: topic.to_owned(), doubt: Doubt::default() }, true)
        }
    }
}

impl Session {
    fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What the broker says to us.
enum Said {
    Connected { session_kept: bool },
    Subscribed(Vec<SubscribeReasonCode>),
    Published(Box<Publish>),
}

/// Drives the connection until it breaks. It never waits for whoever takes the messages: what that one acknowledges goes out by it.
async fn poll(address: &Address, events: &mut EventLoop, send: mpsc::Sender<Said>) -> Stopped {
    loop {
        let said = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => Said::Connected { session_kept: ack.session_present },
            Ok(Event::Incoming(Packet::SubAck(ack))) => Said::Subscribed(ack.return_codes),
            Ok(Event::Incoming(Packet::Publish(publish))) => Said::Published(Box::new(publish)),
            Ok(_) => continue,
            Err(broke) => return mqtt::refused(address, &broke).into(),
        };
        match send.try_send(said) {
            // With QoS 0 a message may be lost, and nobody is asked to wait.
            Err(TrySendError::Full(Said::Published(publish))) if publish.qos == QoS::AtMostOnce => {
                tracing::warn!(%address, "more messages of QoS 0 come than can be written: one is lost");
            }
            Err(TrySendError::Full(_)) => {
                return Stopped::Failed(format!(
                    "{address} gives more than {QUEUE} messages before one is acknowledged"
                ));
            }
            Ok(()) | Err(TrySendError::Closed(_)) => {}
        }
    }
}

/// A session that is read.
struct Reading<'a> {
    source: &'a Source,
    address: &'a Address,
    format: Format,
    begin: &'a str,
    fresh: bool,
    session: Session,
    client: AsyncClient,
    receive: mpsc::Receiver<Said>,
}

impl Reading<'_> {
    async fn read(&mut self) -> Stopped {
        loop {
            if let Err(stopped) = self.batch().await {
                return stopped;
            }
        }
    }

    /// Takes what is there, up to a batch, and acknowledges it.
    async fn batch(&mut self) -> Result<(), Stopped> {
        let mut publishes = Vec::new();
        let mut due = None;
        while publishes.len() < usize::from(RECEIVE) {
            let next = self.source.unless_stopped(self.receive.recv());
            let next = match due {
                None => next.await?,
                Some(due) => match tokio::time::timeout_at(due, next).await {
                    Ok(next) => next?,
                    Err(_) => break,
                },
            };
            match next {
                Some(Said::Published(publish)) => {
                    publishes.push(publish);
                    due.get_or_insert_with(|| tokio::time::Instant::now() + GATHER);
                }
                Some(Said::Connected { session_kept }) => self.connected(session_kept).await?,
                Some(Said::Subscribed(codes)) => self.subscribed(&codes)?,
                None => return Err(Stopped::Failed(format!("the connection to {} is lost", self.address))),
            }
        }
        let items = publishes.iter().filter_map(|publish| self.fresh(publish)).collect();
        self.source.bring(items, Some(self.session.written())).await?;
        for publish in &publishes {
            let sent = self.client.ack(publish).await;
            sent.map_err(|_| format!("an acknowledgement for {} was not sent", self.address))?;
        }
        Ok(())
    }

    async fn connected(&mut self, session_kept: bool) -> Result<(), Stopped> {
        if !session_kept {
            self.session.doubt = Doubt::default();
            if !self.fresh {
                let why =
                    format!("{} has forgotten the session: what came while rrb was away may be lost", self.address);
                self.source.report(SourceState::Failing { why });
            }
        }
        let rule = if self.begin == "start" { RetainForwardRule::OnNewSubscribe } else { RetainForwardRule::Never };
        let mut filter = SubscribeFilter::new(self.session.topic.clone(), QoS::AtLeastOnce);
        filter.retain_forward_rule = rule;
        let asked = self.client.subscribe_many([filter]).await;
        asked.map_err(|_| format!("`{}` is no filter of topics", self.session.topic.escape_debug()).into())
    }

    fn subscribed(&self, codes: &[SubscribeReasonCode]) -> Result<(), Stopped> {
        let topic = &self.session.topic;
        match codes.first() {
            Some(SubscribeReasonCode::Success(QoS::AtMostOnce)) => {
                Err(format!("{} would lose messages of `{topic}`: it grants no more than QoS 0", self.address).into())
            }
            Some(SubscribeReasonCode::Success(_)) => {
                self.source.reading();
                Ok(())
            }
            Some(SubscribeReasonCode::NotAuthorized) => Err(format!("`{topic}` may not be subscribed to").into()),
            other => Err(format!("`{topic}` cannot be subscribed to: {other:?}").into()),
        }
    }

    /// The message, unless it was taken before.
    fn fresh(&mut self, publish: &Publish) -> Option<Fed> {
        if publish.qos != QoS::AtMostOnce {
            let name = doubt::name(&[&publish.pkid.to_be_bytes(), &publish.topic, &publish.payload]);
            let known = publish.dup && self.session.doubt.knows(&name);
            self.session.doubt.note(name, IN_DOUBT);
            if known {
                return None;
            }
        }
        let mut message = Message::default();
        message.fact("topic", String::from_utf8_lossy(&publish.topic));
        message.fact("qos", publish.qos as u8);
        message.fact("retained", publish.retain);
        if let Some(properties) = &publish.properties {
            message.fact_if("content_type", properties.content_type.as_ref());
            message.fact_if("response_topic", properties.response_topic.as_ref());
            message.fact_if("correlation_data", properties.correlation_data.as_deref().map(String::from_utf8_lossy));
            for (name, value) in &properties.user_properties {
                message.header(name, value.as_bytes());
            }
        }
        Some(message.fed(self.format, Some(&publish.payload), None))
    }
}

#[cfg(test)]
#[path = "mqtt_tests.rs"]
mod tests;
