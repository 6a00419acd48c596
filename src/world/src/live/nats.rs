//! `nats.*`: messages over NATS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self};
use async_nats::{Client, HeaderMap, HeaderName, HeaderValue};
use indexmap::IndexMap;
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::broker::{access, answered, broke, headers, late, name, patience, payload};
use super::fail::{invalid, not_found, unavailable};
use crate::brokers::{chain, nats};

/// The longest message, in bytes; a server may allow less.
const MAX_BYTES: usize = 1 << 20;

const TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent, and whether it has been.
struct Outgoing<'a> {
    subject: &'a str,
    headers: HeaderMap,
    payload: Vec<u8>,
    sent: Arc<AtomicBool>,
}

/// `nats.publish`
pub async fn publish(cx: Cx<'_>) -> Result<Value, Failure> {
    let mut message = outgoing(cx)?;
    if let Some(id) = cx.args.text_or_none("id")?.or(cx.call.key.as_deref()) {
        put(&mut message.headers, "Nats-Msg-Id", id)?;
    }
    within(cx, message, |client, message| async move {
        let context = jetstream::new(client);
        let (subject, sent) = (message.subject.to_owned(), message.sent.clone());
        let refused = |e: PublishError| refused(&subject, &e, sent.load(Ordering::Acquire));
        let sending = context.publish_with_headers(message.subject.to_owned(), message.headers, message.payload.into());
        sent.store(true, Ordering::Release);
        let stored = sending.await.map_err(refused)?.await.map_err(refused)?;
        Ok(Value::record([
            ("stream", Value::text(stored.stream)),
            ("sequence", Value::Int(i64::try_from(stored.sequence).unwrap_or(i64::MAX))),
            ("duplicate", Value::Bool(stored.duplicate)),
        ]))
    })
    .await
}

/// `nats.send`
pub async fn send(cx: Cx<'_>) -> Result<Value, Failure> {
    within(cx, outgoing(cx)?, |client, message| async move {
        message.sent.store(true, Ordering::Release);
        let subject = message.subject.to_owned();
        let lost =
            |e: &dyn std::error::Error| broke(format!("a message to `{subject}` was not sent whole: {}", chain(e)));
        client
            .publish_with_headers(message.subject.to_owned(), message.headers, message.payload.into())
            .await
            .map_err(|e| lost(&e))?;
        // The server has read it when it answers what was asked behind it.
        client.flush().await.map_err(|e| lost(&e))?;
        client.drain().await.map_err(|e| lost(&e))?;
        Ok(Value::Nothing)
    })
    .await
}

/// `nats.request`
pub async fn request(cx: Cx<'_>) -> Result<Value, Failure> {
    let timeout = patience(cx, TIMEOUT)?;
    within(cx, outgoing(cx)?, |client, message| async move {
        message.sent.store(true, Ordering::Release);
        let subject = message.subject;
        let request =
            async_nats::Request::new().headers(message.headers).payload(message.payload.into()).timeout(Some(timeout));
        let answer = client.send_request(subject.to_owned(), request).await;
        let answer = answer.map_err(|e| match e.kind() {
            RequestErrorKind::NoResponders => not_found(format!("nobody listens on `{subject}`")),
            RequestErrorKind::InvalidSubject => invalid(format!("`{}` is no subject", subject.escape_debug())),
            RequestErrorKind::MaxPayloadExceeded => invalid("the message is longer than the server allows"),
            RequestErrorKind::TimedOut => late(&format!("an answer on `{subject}`"), timeout, true),
            _ => broke(format!("no answer came on `{subject}`: {}", chain(&e))),
        })?;
        Ok(reply(&answer))
    })
    .await
}

fn reply(message: &async_nats::Message) -> Value {
    let text = String::from_utf8_lossy(message.payload.get(..MAX_BYTES).unwrap_or(&message.payload));
    let json = json::parse(&message.payload, Bounds::default()).unwrap_or(Json::Null);
    let mut headers: IndexMap<Value, Value> = IndexMap::new();
    for (name, values) in message.headers.as_ref().map(HeaderMap::iter).into_iter().flatten() {
        let all: Vec<&str> = values.iter().map(|v| v.as_str()).collect();
        let name: &str = name.as_ref();
        headers.insert(Value::text(name), Value::text(all.join(", ")));
    }
    Value::record([
        ("subject", Value::text(message.subject.as_str())),
        ("text", Value::text(text)),
        ("json", Value::Json(json)),
        ("headers", Value::Map(Arc::new(headers))),
    ])
}

fn outgoing<'a>(cx: Cx<'a>) -> Result<Outgoing<'a>, Failure> {
    let subject = name(cx, "subject")?;
    if subject.contains(char::is_whitespace) || subject.split('.').any(|part| matches!(part, "" | "*" | ">")) {
        return Err(invalid(format!("`{}` is no subject that can be published on", subject.escape_debug())));
    }
    let mut map = HeaderMap::new();
    for (name, value) in headers(cx)? {
        put(&mut map, name, value)?;
    }
    let payload = payload(cx, MAX_BYTES)?.unwrap_or_default();
    Ok(Outgoing { subject, headers: map, payload, sent: Arc::default() })
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), Failure> {
    let bad = || invalid(format!("the header `{name}` cannot be sent: it has a character that no header can hold"));
    let (name, value) =
        (name.parse::<HeaderName>().map_err(|_| bad())?, value.parse::<HeaderValue>().map_err(|_| bad())?);
    headers.insert(name, value);
    Ok(())
}

/// Connects, sends and takes the answer, all in the time of the call.
async fn within<'a, F>(
    cx: Cx<'a>,
    message: Outgoing<'a>,
    work: impl FnOnce(Client, Outgoing<'a>) -> F,
) -> Result<Value, Failure>
where
    F: Future<Output = Result<Value, Failure>>,
{
    let (address, access, time) = (nats::address(cx.args.url("url")?)?, access(cx).await?, patience(cx, TIMEOUT)?);
    let (subject, sent) = (message.subject, message.sent.clone());
    let all = async { work(nats::connect(&address, &access).await?, message).await };
    match tokio::time::timeout(time, all).await {
        Ok(done) => done,
        Err(_) => Err(late(&format!("`{}` on `{subject}`", cx.call.native), time, sent.load(Ordering::Acquire))),
    }
}

fn refused(subject: &str, error: &PublishError, sent: bool) -> Failure {
    match error.kind() {
        PublishErrorKind::StreamNotFound => not_found(format!("no stream takes `{subject}`, and nobody listens there")),
        PublishErrorKind::MaxPayloadExceeded => invalid("the message is longer than the server allows"),
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => answered(
            FailureKind::Conflict,
            format!("the stream of `{subject}` is not where the headers say: {}", chain(error)),
        ),
        PublishErrorKind::TimedOut => {
            let why = "no stream has said that it keeps the message: does one take the subject, and may this user publish there?";
            Failure::new(FailureKind::Timeout, why).happened(Happened::Maybe)
        }
        PublishErrorKind::BrokenPipe if !sent => unavailable(chain(error)),
        PublishErrorKind::BrokenPipe => broke(format!("the connection broke: {}", chain(error))),
        _ => {
            let why = format!("the message for `{subject}` is not kept: {}", chain(error));
            let reply = std::error::Error::source(error).and_then(|e| e.downcast_ref::<jetstream::Error>());
            // An error in the place of an acknowledgement is the stream's own word that it does not keep the message.
            reply.map_or_else(
                || Failure::new(FailureKind::Failed, why.clone()).happened(Happened::Maybe),
                |e| answered(kind_of(e.code()), why.clone()),
            )
        }
    }
}

/// What a stream's refusal means, by the number that it has in HTTP.
fn kind_of(code: usize) -> FailureKind {
    match code {
        400 => FailureKind::Invalid,
        403 => FailureKind::Forbidden,
        404 => FailureKind::NotFound,
        409 => FailureKind::Conflict,
        503 => FailureKind::Unavailable,
        _ => FailureKind::Failed,
    }
}

#[cfg(test)]
#[path = "nats_tests.rs"]
mod tests;
