//! The accept loop: bounded connections, a bounded time for headers, HTTP/1.1, and an orderly end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::app::App;
use crate::config::{BindError, ServeConfig};
use crate::metrics::count;
use crate::router::{Peer, router};

/// Listens where the configuration says.
///
/// # Errors
/// When the address is another machine's business without `allow_remote`, or taken.
pub async fn bind(config: &ServeConfig) -> Result<TcpListener, BindError> {
    if !config.listen.ip().is_loopback() && !config.allow_remote {
        return Err(BindError::Remote(config.listen));
    }
    TcpListener::bind(config.listen).await.map_err(|e| BindError::Io(config.listen, e))
}

/// Serves until `stop` is cancelled, then lets requests at work end.
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let router = router(Arc::clone(&app));
    let connections = Arc::new(Semaphore::new(app.config.limits.connections));
    let addresses = Arc::new(Addresses::default());
    let work = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let Some(entry) = addresses.enter(peer, app.config.limits.per_address) else {
            count(&app.metrics.connections_refused);
            work.spawn(turn_away(stream));
            continue;
        };
        let (app, router) = (Arc::clone(&app), router.clone());
        work.spawn(async move {
            app.metrics.connections.fetch_add(1, Ordering::Relaxed);
            connection(&app, router, stream, peer).await;
            app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
            drop((place, entry));
        });
    }
    app.stopping.cancel();
    drop(listener);
    work.close();
    if tokio::time::timeout(app.config.limits.shutdown_time, work.wait()).await.is_err() {
        tracing::warn!(open = work.len(), "connections were cut off at the end");
    }
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer.ip().to_canonical(), place)),
        Err(error) => {
            // Out of file descriptors, or the peer is gone already: others go on.
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn connection(app: &Arc<App>, router: Router, stream: TcpStream, peer: IpAddr) {
    let _ = stream.set_nodelay(true);
    let limits = &app.config.limits;
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_headers(limits.max_headers)
        .max_header_size(limits.max_head)
        .max_buf_size(limits.max_head.max(64 << 10))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke off");
    }
}

/// Says no in a few bytes, without reading.
async fn turn_away(mut stream: TcpStream) {
    let answer =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = tokio::time::timeout(Duration::from_secs(1), async {
        let _ = stream.write_all(answer).await;
        let _ = stream.shutdown().await;
    })
    .await;
}

/// Open connections by address.
#[derive(Debug, Default)]
struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A place of one address; given back when dropped.
struct Entry {
    addresses: Arc<Addresses>,
    peer: IpAddr,
}

impl Addresses {
    fn enter(self: &Arc<Self>, peer: IpAddr, most: usize) -> Option<Entry> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let n = open.entry(peer).or_insert(0);
        if *n >= most {
            return None;
        }
        *n += 1;
        Some(Entry { addresses: Arc::clone(self), peer })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = open.get_mut(&self.peer) {
            *n -= 1;
            if *n == 0 {
                open.remove(&self.peer);
            }
        }
    }
}
