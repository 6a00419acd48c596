//! Names, addresses and connections for what speaks over plain sockets. Nothing is connected to before its address was checked.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Cx;
use super::fail::{forbidden, invalid, unavailable};

/// The longest time for a name and a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The addresses of `host` that may be connected to; at least one.
pub async fn resolve(cx: Cx<'_>, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if bare.is_empty() || bare.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        return Err(invalid(format!("`{}` is no name or address of a host", bare.escape_debug())));
    }
    let within = cx.within(CONNECT_TIMEOUT)?;
    let found = match tokio::time::timeout(within, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(found)) => found,
        Ok(Err(e)) => return Err(unavailable(format!("the name `{bare}` cannot be resolved: {e}"))),
        Err(_) => return Err(late(format!("the name `{bare}` was not resolved after {within:?}"))),
    };
    let reach = cx.world.reach();
    let mut refused = None;
    let mut usable = Vec::new();
    for address in found {
        match reach.egress.check(bare, address.ip()) {
            Ok(()) => usable.push(address),
            Err(r) => refused = Some(r),
        }
    }
    match refused {
        _ if !usable.is_empty() => Ok(usable),
        Some(refused) => Err(forbidden(refused.message)),
        None => Err(unavailable(format!("the name `{bare}` has no address"))),
    }
}

/// A connection to `host`, to the first of its addresses that takes one.
pub async fn connect(cx: Cx<'_>, host: &str, port: u16) -> Result<TcpStream, Failure> {
    let addresses = resolve(cx, host, port).await?;
    let within = cx.within(CONNECT_TIMEOUT)?;
    match tokio::time::timeout(within, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(stream)) => {
            // Requests and their answers are short.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(e)) => Err(unavailable(format!("no connection to `{host}:{port}`: {e}"))),
        Err(_) => Err(late(format!("no connection to `{host}:{port}` after {within:?}"))),
    }
}

/// It took too long before anything could happen.
pub fn late(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Timeout, message).happened(Happened::No)
}

/// A port, or the usual one.
pub fn port(given: Option<i64>, usual: u16) -> Result<u16, Failure> {
    match given {
        None => Ok(usual),
        Some(port) => u16::try_from(port)
            .ok()
            .filter(|p| *p > 0)
            .ok_or_else(|| invalid(format!("a port is a number from 1 to 65535, not {port}"))),
    }
}

/// What [`Bounded`] says.
pub const TOO_LONG: &str = "the answer is longer than it may be";

/// A connection that fails when more is received than it may be.
#[derive(Debug)]
pub struct Bounded<S> {
    stream: S,
    left: u64,
}

impl<S> Bounded<S> {
    /// At most `most` bytes.
    pub fn new(stream: S, most: u64) -> Self {
        Self { stream, left: most }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let received = (buf.filled().len() - before) as u64;
        match self.left.checked_sub(received) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Err(io::Error::other(TOO_LONG))),
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
