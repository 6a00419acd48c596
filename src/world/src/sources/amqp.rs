//! `from stream amqp(…)`: the messages of a queue, each acknowledged when it is durable.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer, ErrorKind};
use rrb_engine::sink::{Fed, MAX_BATCH};

use super::doubt::{self, Doubt};
use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::brokers::{amqp, chain};

/// Messages wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(20);

/// Messages that the broker may have given out and not seen acknowledged, when one is taken: those of the batch at work, and those of the
/// one before, whose acknowledgement may be on its way.
const IN_DOUBT: usize = 2 * MAX_BATCH;

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let address = amqp::address(args.text("url")?)?;
    let (queue, format) = (args.text("queue")?, Format::named(args.choice("format")?));
    let access = args.access(source).await?;
    let doubt = source.cursor().await?.and_then(|c| serde_json::from_str(&c).ok()).unwrap_or_default();
    let connection = source.unless_stopped(amqp::connect(&address, &access)).await??;
    let begun = source.unless_stopped(consume(&connection, queue)).await?;
    let (channel, consumer) = begun.map_err(|e| refused(queue, &e))?;
    source.reading();
    let mut reading = Reading { source, queue, format, channel, consumer, doubt };
    let stopped = loop {
        if let Err(stopped) = reading.batch().await {
            break stopped;
        }
    };
    // What was not acknowledged goes back to the queue; without a word, that takes the broker a while to notice.
    let _ = tokio::time::timeout(Duration::from_secs(2), connection.close(200, "rrb has stopped".into())).await;
    Err(stopped)
}

async fn consume(connection: &lapin::Connection, queue: &str) -> lapin::Result<(Channel, Consumer)> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(u16::try_from(MAX_BATCH).unwrap_or(u16::MAX), BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
    Ok((channel, consumer))
}

fn refused(queue: &str, error: &lapin::Error) -> Stopped {
    Stopped::Failed(match error.kind() {
        ErrorKind::ProtocolError(e) if e.get_id() == 404 => format!("there is no queue `{queue}`"),
        ErrorKind::ProtocolError(e) if e.get_id() == 403 => format!("the queue `{queue}` may not be read"),
        ErrorKind::ProtocolError(e) => format!("the queue `{queue}` cannot be read: {}", e.get_message()),
        _ => format!("the queue `{queue}` cannot be read: {}", chain(error)),
    })
}

/// A queue that is read.
struct Reading<'a> {
    source: &'a Source,
    queue: &'a str,
    format: Format,
    channel: Channel,
    consumer: Consumer,
    doubt: Doubt,
}

impl Reading<'_> {
    /// Takes what is there, up to a batch, and acknowledges it.
    async fn batch(&mut self) -> Result<(), Stopped> {
        let deliveries = self.gather().await?;
        let Some(last) = deliveries.last().map(|d| d.delivery_tag) else { return Ok(()) };
        let mut items = Vec::new();
        for delivery in &deliveries {
            items.extend(self.fresh(delivery));
        }
        let cursor = serde_json::to_string(&self.doubt).unwrap_or_default();
        self.source.bring(items, Some(cursor)).await?;
        let options = BasicAckOptions { multiple: true };
        self.channel.basic_ack(last, options).await.map_err(|e| refused(self.queue, &e))
    }

    /// Waits for messages, then a little longer for more of them.
    async fn gather(&mut self) -> Result<Vec<Delivery>, Stopped> {
        let mut deliveries = Vec::new();
        let mut due = None;
        while deliveries.len() < MAX_BATCH {
            let next = self.source.unless_stopped(self.consumer.next());
            let next = match due {
                None => next.await?,
                Some(due) => match tokio::time::timeout_at(due, next).await {
                    Ok(next) => next?,
                    Err(_) => break,
                },
            };
            match next {
                Some(Ok(delivery)) => deliveries.push(delivery),
                Some(Err(e)) => return Err(refused(self.queue, &e)),
                None => {
                    return Err(
                        format!("the broker gives nothing of `{}` any more: was it deleted?", self.queue).into()
                    );
                }
            }
            due.get_or_insert_with(|| tokio::time::Instant::now() + GATHER);
        }
        Ok(deliveries)
    }

    /// The message, unless it was taken before.
    fn fresh(&mut self, delivery: &Delivery) -> Option<Fed> {
        let properties = &delivery.properties;
        let id = properties.message_id().as_ref().map(|id| id.as_str()).filter(|id| !id.is_empty());
        if id.is_none() {
            let (exchange, key) = (delivery.exchange.as_str(), delivery.routing_key.as_str());
            let rest = format!("{:?}", properties.headers());
            let name = doubt::name(&[exchange.as_bytes(), key.as_bytes(), rest.as_bytes(), &delivery.data]);
            let known = delivery.redelivered && self.doubt.knows(&name);
            self.doubt.note(name, IN_DOUBT);
            if known {
                return None;
            }
        }
        let position = id.map(|id| format!("{}/{id}", self.queue));
        let mut message = Message::default();
        message.fact("queue", self.queue);
        message.fact("exchange", &delivery.exchange);
        message.fact("routing_key", &delivery.routing_key);
        message.fact("redelivered", delivery.redelivered);
        message.fact_if("message_id", id);
        message.fact_if("content_type", properties.content_type().as_ref());
        message.fact_if("correlation_id", properties.correlation_id().as_ref());
        message.fact_if("reply_to", properties.reply_to().as_ref());
        message.fact_if("type", properties.kind().as_ref());
        message.fact_if("app_id", properties.app_id().as_ref());
        message.fact_if("timestamp", properties.timestamp().as_ref());
        for (name, value) in properties.headers().iter().flat_map(|table| table.inner()) {
            message.header(name.as_str(), shown(value).as_bytes());
        }
        Some(message.fed(self.format, Some(&delivery.data), position))
    }
}

/// A value of a header as text; one that holds others as it is written in Rust.
fn shown(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::Boolean(truth) => truth.to_string(),
        AMQPValue::ShortShortInt(n) => n.to_string(),
        AMQPValue::ShortShortUInt(n) => n.to_string(),
        AMQPValue::ShortInt(n) => n.to_string(),
        AMQPValue::ShortUInt(n) => n.to_string(),
        AMQPValue::LongInt(n) => n.to_string(),
        AMQPValue::LongUInt(n) => n.to_string(),
        AMQPValue::LongLongInt(n) => n.to_string(),
        AMQPValue::Timestamp(n) => n.to_string(),
        AMQPValue::Float(n) => n.to_string(),
        AMQPValue::Double(n) => n.to_string(),
        AMQPValue::Void => String::new(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "amqp_tests.rs"]
mod tests;
