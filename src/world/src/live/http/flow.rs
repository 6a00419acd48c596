//! Requests of sources: replies that are read as they come, and connections that become WebSocket.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONNECTION as CONNECTION_HEADER, HeaderName, HeaderValue, UPGRADE};
use reqwest::{Method, Response, StatusCode};
use ring::digest;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened, NativeCall, Repeat};

use super::super::args::Args;
use super::super::fail::{timeout, unavailable};
use super::super::{Cx, Ground};
use super::auth::Auth;
use super::client::{CONNECTION, Client, Connection};
use super::kube::Kube;
use super::request::{self, Request};
use super::{answered, reply};
use crate::flow::{Asked, Chunks, Flow, Switched, Web};

/// What RFC 6455 puts behind the key before it is digested.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[async_trait]
impl Web for Ground {
    async fn follow(&self, asked: &Asked, within: Duration) -> Result<Flow, Failure> {
        let call = call(asked, "http.get");
        let begun = begin(self.cx(&call), None, within).await?;
        let status = begun.response.status();
        if !status.is_success() && status != StatusCode::GONE {
            return Err(begun.refusal(self).await);
        }
        let body = Body { response: begun.response, shown: begun.request.shown };
        Ok(Flow { status: status.as_u16(), chunks: Box::new(body) })
    }

    async fn ask(&self, asked: &Asked, post: bool) -> Result<Value, Failure> {
        let (native, method) = if post { ("http.post", Method::POST) } else { ("http.get", Method::GET) };
        let call = call(asked, native);
        super::send(self.cx(&call), method).await
    }

    async fn websocket(&self, asked: &Asked, within: Duration) -> Result<Switched, Failure> {
        let mut random = [0; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
            .map_err(|_| unavailable("this machine gives no random numbers"))?;
        let key = STANDARD.encode(random);
        let call = call(asked, "http.get");
        let begun = begin(self.cx(&call), Some(&key), within).await?;
        if begun.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(begun.refusal(self).await);
        }
        let shown = begun.request.shown;
        let agreed = begun.response.headers().get("sec-websocket-accept").is_some_and(|said| *said == *accept(&key));
        if !agreed {
            return Err(unavailable(format!("{shown} agreed to another protocol than WebSocket")));
        }
        let stream = begun.response.upgrade().await;
        let stream = stream.map_err(|e| unavailable(format!("{shown}: the connection broke: {}", super::chain(&e))))?;
        Ok(Box::pin(stream))
    }
}

/// The answer to a key: it shows that the other side speaks WebSocket.
fn accept(key: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes()))
}

fn call(asked: &Asked, native: &str) -> NativeCall {
    NativeCall {
        native: native.into(),
        args: asked.to_vec(),
        effect: Effect::Reads,
        repeat: Repeat::Always,
        key: None,
        attempt: 1,
        deadline: None,
        action: native.into(),
        instance: "default".into(),
    }
}

impl Ground {
    fn cx<'a>(&'a self, call: &'a NativeCall) -> Cx<'a> {
        Cx { world: self, call, args: Args::new(call) }
    }
}

/// A request whose reply has begun.
struct Begun {
    request: Request,
    response: Response,
}

impl Begun {
    async fn refusal(self, ground: &Ground) -> Failure {
        reply::refusal(self.response, &self.request.shown, &ground.scrubber).await
    }
}

/// Sends a request; with a `key` one that asks for a WebSocket.
async fn begin(cx: Cx<'_>, key: Option<&str>, within: Duration) -> Result<Begun, Failure> {
    let auth = Auth::of(cx.args)?;
    let mut may_repeat = true;
    loop {
        let kube = Kube::of(cx).await?;
        let mut request = Request::build(cx, Method::GET, kube.as_ref()).await?;
        let mut peer = match &kube {
            Some(kube) => kube.peer().await?,
            None => request::peer(cx).await?,
        };
        if let Some(key) = key {
            ask_for_websocket(&mut request, key);
            peer.upgrade = true;
        }
        let client = cx.world.reach().clients.get(peer, key.is_none()).await?;
        client.egress.check_url(request.http.url())?;
        let response = first(cx, auth, &client, &request, within).await?;
        let refused = response.status() == StatusCode::UNAUTHORIZED;
        match &kube {
            Some(kube) if refused && may_repeat && kube.refused(cx).await => may_repeat = false,
            _ => return Ok(Begun { request, response }),
        }
    }
}

async fn first(
    cx: Cx<'_>,
    auth: Auth<'_>,
    client: &Client,
    request: &Request,
    within: Duration,
) -> Result<Response, Failure> {
    let connection = Arc::new(Connection::default());
    connection.rest();
    let asked = CONNECTION.scope(connection.clone(), answered(cx, auth, client, request, &connection));
    tokio::time::timeout(within, asked)
        .await
        .unwrap_or_else(|_| Err(timeout(format!("{} did not answer within {within:?}", request.shown))))
}

fn ask_for_websocket(request: &mut Request, key: &str) {
    let headers = request.http.headers_mut();
    headers.insert(CONNECTION_HEADER, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(HeaderName::from_static("sec-websocket-version"), HeaderValue::from_static("13"));
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert(HeaderName::from_static("sec-websocket-key"), key);
    }
}

struct Body {
    response: Response,
    shown: String,
}

#[async_trait]
impl Chunks for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let next = self.response.chunk().await;
        next.map(|bytes| bytes.map(Into::into)).map_err(|e| {
            let message = format!("{}: the reply broke off: {}", self.shown, super::chain(&e));
            Failure::new(FailureKind::Unavailable, message).happened(Happened::Maybe)
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        // The example of RFC 6455, section 1.3.
        assert_eq!(super::accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
