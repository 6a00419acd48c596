//! `http.*`: requests with bounds. Says of every failure whether the target can have acted.

mod auth;
mod client;
mod flow;
mod key;
#[cfg(test)]
mod key_tests;
mod kube;
#[cfg(test)]
mod proxy_tests;
mod reply;
mod request;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
mod xml;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use auth::Auth;
pub use auth::Kept;
pub use client::Clients;
use client::{CONNECTION, Client, Connection};
use reqwest::{Method, StatusCode};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::egress::Refused;
use super::fail::{forbidden, invalid, timeout, unavailable};
use kube::Kube;
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
    match attempt(cx, method.clone(), true).await? {
        Some(value) => Ok(value),
        None => attempt(cx, method, false)
            .await?
            .ok_or_else(|| invalid("the request was not sent; this is a defect of rrb")),
    }
}

/// One request. None when a cluster refused credentials that may be had anew, and `may_repeat`.
async fn attempt(cx: Cx<'_>, method: Method, may_repeat: bool) -> Result<Option<Value>, Failure> {
    let auth = Auth::of(cx.args)?;
    let kube = Kube::of(cx).await?;
    let request = Request::build(cx, method, kube.as_ref()).await?;
    let reads = matches!(request.http.method(), &Method::GET | &Method::HEAD);
    let peer = match &kube {
        Some(kube) => kube.peer().await?,
        None => request::peer(cx).await?,
    };
    let client = cx.world.reach().clients.get(peer, reads).await?;
    client.egress.check_url(request.http.url())?;
    let within = cx.within(request.timeout)?;

    let connection = Arc::new(Connection::default());
    connection.rest();
    let exchange = async {
        let response = answered(cx, auth, &client, &request, &connection).await?;
        if may_repeat
            && response.status() == StatusCode::UNAUTHORIZED
            && let Some(kube) = &kube
            && kube.refused(cx).await
        {
            return Ok(None);
        }
        let read = reply::read(response, &request.expect, request.max_reply, &request.shown, &cx.world.scrubber).await;
        read.map(Some).map_err(|failure| auth.explained(failure))
    };
    match tokio::time::timeout(within, CONNECTION.scope(connection.clone(), exchange)).await {
        Ok(result) => result,
        Err(_) => {
            let message = format!("{} was not done after {within:?}", request.shown);
            Err(timeout(message).happened(connection.happened()))
        }
    }
}

/// Sends the request with its credentials. A token that had been kept and is refused is fetched anew, once: a target that answers 401
/// did not act.
async fn answered(
    cx: Cx<'_>,
    auth: Auth<'_>,
    client: &Client,
    request: &Request,
    connection: &Connection,
) -> Result<reqwest::Response, Failure> {
    let mut again = false;
    loop {
        // Every body is kept whole, so a copy can always be made.
        let mut http = request.http.try_clone().ok_or_else(|| invalid("the request cannot be sent twice"))?;
        auth::sign_body(cx, &mut http).await?;
        let shown = auth.sign(cx, client, &mut http).await?;
        connection.begin();
        let response = client.http.execute(http).await.map_err(|e| broken(&request.shown, &e, connection))?;
        let refused = response.status() == StatusCode::UNAUTHORIZED && !request.expect.contains(&401);
        if !refused || !shown.refused(cx).await || again {
            return Ok(response);
        }
        connection.rest();
        again = true;
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
        if io_cause(error).is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied) {
            return forbidden(format!("{shown}: no connection: {}", chain(error)));
        }
        let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Unavailable };
        return Failure::new(kind, format!("{shown}: no connection: {}", chain(error))).happened(Happened::No);
    }
    if let Some(alert) = refused_by_alert(error) {
        let message = format!("{shown}: the TLS handshake was refused: {alert}; is `client_cert` the right one?");
        return Failure::new(FailureKind::Unauthorized, message).happened(Happened::No);
    }
    let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Unavailable };
    Failure::new(kind, format!("{shown}: the connection broke: {}", chain(error))).happened(connection.happened())
}

/// What the other side says of a certificate that it does not take. With TLS 1.3 that comes after the request was sent, but before it was
/// read: the other side reads nothing until it has checked the certificate.
fn refused_by_alert(error: &reqwest::Error) -> Option<String> {
    use rustls::AlertDescription as Alert;
    let error = io_cause(error)?.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::AlertReceived(alert) = error else { return None };
    let of_certificates = matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure
    );
    of_certificates.then(|| error.to_string())
}

fn io_cause(error: &reqwest::Error) -> Option<&std::io::Error> {
    cause::<std::io::Error>(error)
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
