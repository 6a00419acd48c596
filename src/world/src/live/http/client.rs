//! HTTP clients: one per certificate file, with and without kept connections; and what is known of a connection being made.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use rrb_lang::vm::protocol::Failure;
use tower::{Layer, Service};

use super::super::blocking;
use super::super::egress::Egress;
use super::super::fail::{forbidden, invalid};

/// The longest time for name, connection and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many clients are kept.
const MAX_CLIENTS: usize = 32;

/// The largest file of certificate authorities, in bytes.
const MAX_CA: u64 = 1 << 20;

/// Clients by what they trust.
#[derive(Debug)]
pub struct Clients {
    egress: Egress,
    made: Mutex<HashMap<Key, Client>>,
}

/// A client and where it may go.
#[derive(Debug, Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub egress: Egress,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// With the time of its last change, so that a renewed file is read again.
    ca_file: Option<(String, Option<SystemTime>)>,
    keep_connections: bool,
}

impl Clients {
    /// No clients yet.
    pub fn new(egress: Egress) -> Self {
        Self { egress, made: Mutex::default() }
    }

    /// A client that also trusts the authorities of `ca_file`. One that changes something makes a new connection for every request:
    /// a kept one may have been closed at the other end, and then nobody knows whether the request was seen.
    pub async fn get(&self, ca_file: Option<&str>, keep_connections: bool) -> Result<Client, Failure> {
        let ca_file = match ca_file {
            None => None,
            Some(path) => {
                let changed = tokio::fs::metadata(path).await.and_then(|m| m.modified()).ok();
                Some((path.to_owned(), changed))
            }
        };
        let key = Key { ca_file, keep_connections };
        if let Some(client) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(client.clone());
        }
        let (build, egress) = (key.clone(), self.egress.clone());
        let client = blocking(move || make(&build, egress)).await?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MAX_CLIENTS {
            made.clear();
        }
        made.insert(key, client.clone());
        Ok(client)
    }
}

fn make(key: &Key, egress: Egress) -> Result<Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("rrb/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(egress.clone())
        .connector_layer(Watch)
        .pool_max_idle_per_host(if key.keep_connections { 4 } else { 0 });
    if let Some((path, _)) = &key.ca_file {
        builder = builder.tls_certs_merge(authorities(path)?);
    }
    let http = builder.build().map_err(|e| invalid(format!("no HTTP client can be made: {e}")))?;
    Ok(Client { http, egress })
}

fn authorities(path: &str) -> Result<Vec<reqwest::Certificate>, Failure> {
    let unreadable =
        |e: std::io::Error| forbidden(format!("the certificates in `{path}` cannot be read: {}", e.kind()));
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() || meta.len() > MAX_CA {
        return Err(invalid(format!("`{path}` is no file of certificates: it must be a PEM file of at most 1 MiB")));
    }
    let pem = std::fs::read(path).map_err(unreadable)?;
    let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| invalid(format!("`{path}` is no PEM file")))?;
    if found.is_empty() {
        return Err(invalid(format!("`{path}` holds no certificate in PEM form")));
    }
    Ok(found)
}

tokio::task_local! {
    /// The connection of the request that this task sends.
    pub static CONNECTION: Arc<Connection>;
}

/// How far a connection is: before it is made, no request can have been seen.
#[derive(Debug, Default)]
pub struct Connection {
    /// 0: nothing is known, the cautious answer.
    pub state: AtomicU8,
}

impl Connection {
    /// The connection is being made.
    pub const TRYING: u8 = 1;
    /// The request may be on its way.
    pub const MADE: u8 = 2;
}

/// Notes in [`CONNECTION`] when a connection is begun and when it is made.
#[derive(Debug, Clone, Copy)]
struct Watch;

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner }
    }
}

#[derive(Debug, Clone)]
struct Watched<S> {
    inner: S,
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let watched = CONNECTION.try_with(Arc::clone).ok();
        if let Some(connection) = &watched {
            connection.state.store(Connection::TRYING, Ordering::Release);
        }
        let connecting = self.inner.call(target);
        Box::pin(async move {
            let made = connecting.await;
            if let (Some(connection), true) = (&watched, made.is_ok()) {
                connection.state.store(Connection::MADE, Ordering::Release);
            }
            made
        })
    }
}
