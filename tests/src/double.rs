//! A double of a vendor's API on loopback: it answers as the vendor's description promises or as a fixture says, and keeps what it was
//! sent with what the description says of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::openapi::{Description, Seen, Verdict};
use crate::scripted::{Reply, Script};

/// The most bytes of a request that are kept.
const MAX_BODY: usize = 8 << 20;

/// A request and how it was answered.
#[derive(Debug)]
pub struct Exchange {
    pub seen: Seen,
    /// None when no description has such an operation.
    pub verdict: Option<Verdict>,
    pub status: u16,
    /// From the description, or as a fixture says.
    pub from: From,
    /// What in a hand-written reply is not as described.
    pub misfits: Vec<String>,
}

/// Where an answer is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Description,
    Fixture,
    /// What came is sent back as the body of a failure.
    Echo,
    /// Nothing knows the path.
    Nowhere,
}

#[derive(Default)]
struct Turn {
    script: Script,
    /// How often each reply of the script was given.
    given: HashMap<String, usize>,
    exchanges: Vec<Exchange>,
    echo: Option<u16>,
    url: String,
}

struct Inner {
    descriptions: Vec<Description>,
    turn: Mutex<Turn>,
}

impl Inner {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running double.
pub struct Double {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Double {
    /// Starts it on a free port of loopback.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(descriptions: Vec<Description>) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("no port on loopback: {e}"))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let url = format!("http://{address}");
        let inner = Arc::new(Inner { descriptions, turn: Mutex::new(Turn { url: url.clone(), ..Turn::default() }) });
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            // It serves until it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, inner, server })
    }

    /// Forgets everything and answers as `script` says from now on.
    pub fn begin(&self, script: Script) {
        *self.inner.turn() = Turn { script, url: self.url.clone(), ..Turn::default() };
    }

    /// Forgets everything and answers every request with this status and all that came.
    pub fn echo(&self, status: u16) {
        *self.inner.turn() = Turn { echo: Some(status), url: self.url.clone(), ..Turn::default() };
    }

    /// What was sent since it began, in order.
    pub fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.inner.turn().exchanges)
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response<Body> {
    let seen = match seen(request).await {
        Ok(seen) => seen,
        Err(why) => return plain(400, "text/plain", why),
    };
    let open: Vec<_> = inner.descriptions.iter().map(Description::open).collect();
    let verdict = open.iter().find_map(|d| d.judge(&seen));
    let promised = open.iter().find_map(|d| Some((d, d.reply(&seen)?)));
    let mut turn = inner.turn();
    let mut misfits = Vec::new();
    let (from, status, response) = if let Some(status) = turn.echo {
        (From::Echo, status, plain(status, "application/json", echoed(&seen)))
    } else if let Some(reply) = scripted(&mut turn, &seen) {
        if let (Some((description, promised)), true) = (&promised, (200..300).contains(&reply.status)) {
            misfits = reply.json().map(|body| description.misfits(promised, body)).unwrap_or_default();
        }
        (From::Fixture, reply.status, reply.response(&turn.url))
    } else if let Some((_, promised)) = &promised {
        let media = promised.media.as_deref().unwrap_or_default();
        let body = match (&promised.body, promised.is_json()) {
            (Value::Null, _) if promised.media.is_none() => String::new(),
            (Value::String(text), false) => text.clone(),
            (value, _) => value.to_string(),
        };
        (From::Description, promised.status, plain(promised.status, media, body))
    } else {
        let why = format!("neither description nor fixture has `{} {}`", seen.method, seen.path);
        (From::Nowhere, 404, plain(404, "text/plain", why))
    };
    turn.exchanges.push(Exchange { seen, verdict, status, from, misfits });
    response
}

fn scripted(turn: &mut Turn, seen: &Seen) -> Option<Reply> {
    let (name, replies) = turn.script.find(seen)?;
    let count = turn.given.entry(name.to_owned()).or_default();
    let reply = replies.get(*count).or(replies.last())?.clone();
    *count += 1;
    Some(reply)
}

/// All of a request, as text that a careless server would put into a message.
fn echoed(seen: &Seen) -> String {
    let headers: serde_json::Map<String, Value> =
        seen.headers.iter().map(|(n, v)| (n.clone(), v.as_str().into())).collect();
    let query: Vec<String> = seen.query.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let body = String::from_utf8_lossy(&seen.body);
    let said = format!("{} {} {} {}", Value::Object(headers.clone()), seen.path, query.join("&"), body);
    serde_json::json!({ "error": said, "message": body, "headers": headers, "ok": false }).to_string()
}

async fn seen(request: Request) -> Result<Seen, String> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|e| format!("the body could not be read: {e}"))?;
    let text = |v: &[u8]| String::from_utf8_lossy(v).into_owned();
    let mut headers: Vec<(String, String)> =
        parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v.as_bytes()))).collect();
    headers.sort();
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path = parts.uri.path().to_owned();
    Ok(Seen { method: parts.method.to_string(), path, query, headers, body: body.to_vec() })
}

fn plain(status: u16, media: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(media) = media.parse() {
        response.headers_mut().insert("content-type", media);
    }
    response
}
