//! HTTP clients: one for what it trusts and shows, with and without kept connections; and what is known of a connection being made.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rrb_lang::vm::protocol::Failure;
use secrecy::{ExposeSecret, SecretString};
use tower::{Layer, Service};

use super::super::blocking;
use super::super::egress::Egress;
use super::super::fail::{forbidden, invalid};
use super::auth::cache::{self, Key};

/// The longest time for name, connection and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How many clients are kept.
const MAX_CLIENTS: usize = 32;

/// The largest file of certificates, in bytes.
const MAX_PEM: u64 = 1 << 20;

/// Clients by what they trust and show.
#[derive(Debug)]
pub struct Clients {
    egress: Egress,
    made: Mutex<HashMap<(Key, bool), Client>>,
}

/// A client and where it may go.
#[derive(Debug, Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub egress: Egress,
}

/// What a connection is made with.
#[derive(Default)]
pub struct Peer {
    /// PEM texts of further authorities.
    pub authorities: Vec<Pem>,
    /// The certificate, with those that lead to its authority, and its key.
    pub identity: Option<(Pem, SecretString)>,
    /// The socket to connect to, whatever the address says.
    pub unix_socket: Option<String>,
    /// The proxy to go through, whatever the environment says.
    pub proxy: Option<String>,
    /// Whether the connection is to become another one than HTTP, which only its version 1 knows.
    pub upgrade: bool,
}

/// A text in PEM form, and where it is from: `ca_file`.
pub struct Pem {
    pub of: String,
    pub text: String,
}

impl Peer {
    /// Everything that makes one client differ from another; a file that was renewed has another text.
    fn key(&self) -> Key {
        let mut parts: Vec<&[u8]> = Vec::new();
        for pem in &self.authorities {
            parts.extend([b"ca".as_slice(), pem.text.as_bytes()]);
        }
        if let Some((certificate, key)) = &self.identity {
            parts.extend([b"identity".as_slice(), certificate.text.as_bytes(), key.expose_secret().as_bytes()]);
        }
        if let Some(path) = &self.unix_socket {
            parts.extend([b"socket".as_slice(), path.as_bytes()]);
        }
        if let Some(proxy) = &self.proxy {
            parts.extend([b"proxy".as_slice(), proxy.as_bytes()]);
        }
        if self.upgrade {
            parts.push(b"upgrade");
        }
        cache::key(parts)
    }
}

impl Clients {
    /// No clients yet.
    pub fn new(egress: Egress) -> Self {
        Self { egress, made: Mutex::default() }
    }

    /// The client for these. One that changes something makes a new connection for every request: a kept one may have been closed at
    /// the other end, and then nobody knows whether the request was seen.
    pub async fn get(&self, peer: Peer, keep_connections: bool) -> Result<Client, Failure> {
        let key = (peer.key(), keep_connections);
        if let Some(client) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(client.clone());
        }
        let egress = self.egress.clone();
        let client = blocking(move || make(&peer, keep_connections, egress)).await?;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MAX_CLIENTS {
            made.clear();
        }
        made.insert(key, client.clone());
        Ok(client)
    }
}

fn make(peer: &Peer, keep_connections: bool, egress: Egress) -> Result<Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("rrb/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(egress.clone())
        .connector_layer(Watch)
        .pool_max_idle_per_host(if keep_connections { 4 } else { 0 });
    for pem in &peer.authorities {
        builder = builder.tls_certs_merge(authorities(pem)?);
    }
    if let Some((certificate, key)) = &peer.identity {
        builder = builder.identity(identity(certificate, key)?);
    }
    if let Some(path) = &peer.unix_socket {
        builder = builder.unix_socket(path.as_str());
    }
    if let Some(proxy) = &peer.proxy {
        builder = builder.proxy(through(proxy)?);
    }
    if peer.upgrade {
        builder = builder.http1_only();
    }
    let http = builder.build().map_err(|e| match &peer.identity {
        // The one thing that is looked at only now: whether the key is that of the certificate.
        Some((certificate, _)) => invalid(format!("`{}` and `client_key` do not go together", certificate.of)),
        None => invalid(format!("no HTTP client can be made: {e}")),
    })?;
    Ok(Client { http, egress })
}

/// A proxy that speaks HTTP. What is wrong with its address is said without it: it may hold a password.
fn through(proxy: &str) -> Result<reqwest::Proxy, Failure> {
    let refused = || invalid("a `proxy-url` is an address that begins with `http://` or `https://`");
    let url = reqwest::Url::parse(proxy).map_err(|_| refused())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused());
    }
    reqwest::Proxy::all(url).map_err(|_| refused())
}

fn authorities(pem: &Pem) -> Result<Vec<reqwest::Certificate>, Failure> {
    let found = reqwest::Certificate::from_pem_bundle(pem.text.as_bytes())
        .map_err(|_| invalid(format!("`{}` is no PEM file", pem.of)))?;
    if found.is_empty() {
        return Err(invalid(format!("`{}` holds no certificate in PEM form", pem.of)));
    }
    Ok(found)
}

fn identity(certificate: &Pem, key: &SecretString) -> Result<reqwest::Identity, Failure> {
    if !certificate.text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(invalid(format!("`{}` holds no certificate in PEM form", certificate.of)));
    }
    let both = SecretString::from(format!("{}\n{}", key.expose_secret(), certificate.text));
    reqwest::Identity::from_pem(both.expose_secret().as_bytes())
        .map_err(|_| invalid("`client_key` holds no private key in PEM form that is not encrypted"))
}

/// Reads a PEM file for the argument `name`.
pub async fn read_pem(name: &str, path: &str) -> Result<Pem, Failure> {
    let (of, path) = (path.to_owned(), path.to_owned());
    let name = name.to_owned();
    blocking(move || {
        let unreadable =
            |e: std::io::Error| forbidden(format!("the certificates in `{path}` cannot be read: {}", e.kind()));
        let meta = std::fs::metadata(&path).map_err(unreadable)?;
        if !meta.is_file() || meta.len() > MAX_PEM {
            let needed = format!("`{path}` is no file of certificates: `{name}` is a PEM file of at most 1 MiB");
            return Err(invalid(needed));
        }
        let bytes = std::fs::read(&path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|_| invalid(format!("`{path}` is no PEM file")))?;
        Ok(Pem { of, text })
    })
    .await
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
    /// The connection is being made, or the request is not even begun.
    pub const TRYING: u8 = 1;
    /// The request may be on its way.
    pub const MADE: u8 = 2;

    /// From here on the request may be on its way, over a connection that was kept.
    pub fn begin(&self) {
        self.state.store(0, Ordering::Release);
    }

    /// The target refused the request, or none was begun yet: what comes before the next [`Connection::begin`] was not seen.
    pub fn rest(&self) {
        self.state.store(Self::TRYING, Ordering::Release);
    }
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
