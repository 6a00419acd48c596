//! `http.*`: requests with bounds. Says of every failure whether the target can have acted.

mod client;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use client::Clients;
use client::{CONNECTION, Connection};
use reqwest::Method;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::egress::Refused;
use super::fail::{forbidden, invalid, timeout, unavailable};
use request::Request;

/// `http.get`
pub async fn get(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::GET).await
}

/// `http.head`
pub async fn head(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::HEAD).await
}

/// `http.post`
pub async fn post(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::POST).await
}

/// `http.put`
pub async fn put(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::PUT).await
}

/// `http.patch`
pub async fn patch(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::PATCH).await
}

/// `http.delete`
pub async fn delete(cx: Cx<'_>) -> Result<Value, Failure> {
    send(cx, Method::DELETE).await
}

async fn send(cx: Cx<'_>, method: Method) -> Result<Value, Failure> {
    let request = Request::build(cx, method).await?;
    let reads = matches!(request.http.method(), &Method::GET | &Method::HEAD);
    let client = cx.world.reach().clients.get(request.ca_file.as_deref(), reads).await?;
    client.egress.check_url(request.http.url())?;
    let within = cx.within(request.timeout)?;

    let connection = Arc::new(Connection::default());
    let exchange = async {
        let response = client.http.execute(request.http).await.map_err(|e| broken(&request.shown, &e, &connection))?;
        reply::read(response, &request.expect, request.max_reply, &request.shown, &cx.world.scrubber).await
    };
    match tokio::time::timeout(within, CONNECTION.scope(connection.clone(), exchange)).await {
        Ok(result) => result,
        Err(_) => {
            let message = format!("{} was not done after {within:?}", request.shown);
            Err(timeout(message).happened(connection.happened()))
        }
    }
}

impl Connection {
    /// Whether the target can have seen a request that got no answer.
    fn happened(&self) -> Happened {
        if self.state.load(Ordering::Acquire) == Connection::TRYING { Happened::No } else { Happened::Maybe }
    }
}

/// What went wrong before there was a status.
fn broken(shown: &str, error: &reqwest::Error, connection: &Connection) -> Failure {
    if let Some(refused) = cause::<Refused>(error) {
        return forbidden(refused.message.clone());
    }
    if error.is_builder() {
        return invalid(format!("{shown} cannot be sent: {}", chain(error)));
    }
    if error.is_dns() {
        return unavailable(format!("{shown}: the name cannot be resolved: {}", chain(error)));
    }
    if error.is_connect() {
        let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Unavailable };
        return Failure::new(kind, format!("{shown}: no connection: {}", chain(error))).happened(Happened::No);
    }
    let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Unavailable };
    Failure::new(kind, format!("{shown}: the connection broke: {}", chain(error))).happened(connection.happened())
}

fn cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref() {
            return Some(found);
        }
        next = source.source();
    }
    None
}

/// The causes from the outside in, without the address, which may hold a secret.
fn chain(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        let text = source.to_string();
        if !text.contains("://") && !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
        next = source.source();
    }
    if parts.is_empty() { "no cause is known".to_owned() } else { parts.join(": ") }
}
