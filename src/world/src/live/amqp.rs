//! `amqp.*`: messages over AMQP 0-9-1.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ErrorKind};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::broker::{access, answered, broke, headers, late, name, patience, payload};
use super::fail::{not_found, unavailable};
use crate::brokers::{amqp, chain};

/// The longest message, in bytes.
const MAX_BYTES: usize = 16 << 20;

const TIMEOUT: Duration = Duration::from_secs(10);

/// `amqp.publish`
pub async fn publish(cx: Cx<'_>) -> Result<Value, Failure> {
    let (exchange, key) = (cx.args.text_or_none("exchange")?.unwrap_or_default(), name(cx, "routing_key")?);
    let (properties, payload) = (properties(cx)?, payload(cx, MAX_BYTES)?.unwrap_or_default());
    let what = if exchange.is_empty() { format!("the queue `{key}`") } else { format!("`{exchange}` with `{key}`") };
    within(cx, &what, async |channel, sent| {
        let ready = channel.confirm_select(ConfirmSelectOptions::default()).await;
        ready.map_err(|e| unavailable(format!("the broker confirms nothing: {}", chain(&e))))?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        *sent = true;
        let published = channel.basic_publish(exchange.into(), key.into(), options, &payload, properties).await;
        let confirmed = published.map_err(|e| refused(&what, &e))?.await.map_err(|e| refused(&what, &e))?;
        match confirmed {
            Confirmation::Ack(None) => Ok(Value::Nothing),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(not_found(format!("no queue takes a message to {what}")))
            }
            Confirmation::Nack(None) => {
                Err(Failure::new(FailureKind::Unavailable, format!("the broker could not keep a message to {what}"))
                    .happened(Happened::Maybe))
            }
            Confirmation::NotRequested => Err(broke("the broker has confirmed nothing")),
        }
    })
    .await
}

/// `amqp.queue`
pub async fn queue(cx: Cx<'_>) -> Result<Value, Failure> {
    let queue = name(cx, "name")?;
    let what = format!("the queue `{queue}`");
    within(cx, &what, async |channel, _| {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        let found = found.map_err(|e| refused(&what, &e))?;
        Ok(Value::record([
            ("messages", Value::Int(found.message_count().into())),
            ("consumers", Value::Int(found.consumer_count().into())),
        ]))
    })
    .await
}

/// `amqp.purge`
pub async fn purge(cx: Cx<'_>) -> Result<Value, Failure> {
    let queue = name(cx, "name")?;
    let what = format!("the queue `{queue}`");
    within(cx, &what, async |channel, sent| {
        *sent = true;
        let gone = channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await;
        gone.map(|n| Value::Int(n.into())).map_err(|e| refused(&what, &e))
    })
    .await
}

fn properties(cx: Cx<'_>) -> Result<BasicProperties, Failure> {
    let mut table = FieldTable::default();
    for (name, value) in headers(cx)? {
        table.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    }
    let persistent = if cx.args.bool("persistent")? { 2 } else { 1 };
    let kind = if cx.args.json("json")?.is_some() { "application/json" } else { "text/plain; charset=utf-8" };
    let mut properties = BasicProperties::default()
        .with_headers(table)
        .with_delivery_mode(persistent)
        .with_content_type(kind.into())
        .with_app_id("rrb".into());
    if let Some(id) = cx.args.text_or_none("message_id")?.or(cx.call.key.as_deref()) {
        properties = properties.with_message_id(id.into());
    }
    Ok(properties)
}

/// Connects, works on a channel and takes the answer, all in the time of the call. The work notes when something was sent that changes.
async fn within(
    cx: Cx<'_>,
    what: &str,
    work: impl AsyncFnOnce(&Channel, &mut bool) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    let (address, access, time) = (amqp::address(cx.args.url("url")?)?, access(cx).await?, patience(cx, TIMEOUT)?);
    let mut sent = false;
    let all = async {
        let connection = amqp::connect(&address, &access).await?;
        let channel = connection.create_channel().await;
        let channel = channel.map_err(|e| unavailable(format!("{address} gives no channel: {}", chain(&e))))?;
        let done = work(&channel, &mut sent).await;
        goodbye(&connection).await;
        done
    };
    let done = tokio::time::timeout(time, all).await;
    done.unwrap_or_else(|_| Err(late(&format!("`{}` on {what}", cx.call.native), time, sent)))
}

/// Ends the connection in order; what was done stands whether this succeeds or not.
async fn goodbye(connection: &Connection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.close(200, "done".into())).await;
}

fn refused(what: &str, error: &lapin::Error) -> Failure {
    match error.kind() {
        ErrorKind::ProtocolError(e) => {
            let kind = match e.get_id() {
                404 => FailureKind::NotFound,
                403 => FailureKind::Forbidden,
                405 | 406 => FailureKind::Conflict,
                311 | 501..=506 => FailureKind::Invalid,
                320 | 541 => FailureKind::Unavailable,
                _ => FailureKind::Failed,
            };
            answered(kind, format!("the broker refuses {what}: {}", e.get_message()))
        }
        _ => broke(format!("the connection broke over {what}: {}", chain(error))),
    }
}

#[cfg(test)]
#[path = "amqp_tests.rs"]
mod tests;
