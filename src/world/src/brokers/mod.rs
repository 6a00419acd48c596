//! Connections to message brokers, which sources read from and primitives publish to: where they are, as whom, over which TLS.

mod address;
#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(test)]
pub mod testing;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use address::Address;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::SecretString;
use tokio::net::TcpStream;

/// The longest time for name, connection, TLS and login.
pub const CONNECT: Duration = Duration::from_secs(10);

/// Says whether the address that a name resolved to may be reached.
pub type Gate = Arc<dyn Fn(&str, IpAddr) -> Result<(), Failure> + Send + Sync>;

/// As whom a broker is reached, and what is trusted.
#[derive(Clone, Default)]
pub struct Access {
    pub user: Option<String>,
    pub password: Option<SecretString>,
    /// NATS: a token.
    pub token: Option<SecretString>,
    /// NATS: the content of a `.creds` file, or the seed of an nkey.
    pub credentials: Option<SecretString>,
    /// A PEM file of further certificate authorities.
    pub ca_file: Option<String>,
    /// A PEM file with the certificate that rrb shows.
    pub client_cert: Option<String>,
    /// Its key, as PEM.
    pub client_key: Option<SecretString>,
    /// Asked about every address before it is reached.
    pub gate: Option<Gate>,
}

impl Access {
    /// The addresses that a host has and that may be reached.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let plain = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((plain, port))).await;
        let found = found.map_err(|_| unavailable(format!("the name `{host}` was not resolved in time")))?;
        let found = found.map_err(|e| unavailable(format!("the name `{host}` cannot be resolved: {}", e.kind())))?;
        let (mut usable, mut refused) = (Vec::new(), None);
        for address in found {
            match self.gate.as_ref().map_or(Ok(()), |gate| gate(host, address.ip())) {
                Ok(()) => usable.push(address),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            Some(why) if usable.is_empty() => Err(why),
            _ if usable.is_empty() => Err(unavailable(format!("the name `{host}` has no address"))),
            _ => Ok(usable),
        }
    }

    /// A connection to the first address that answers.
    pub async fn connect(&self, address: &Address) -> Result<TcpStream, Failure> {
        let mut last = unavailable(format!("{address} has no address"));
        for at in self.resolve(&address.host, address.port).await? {
            match tokio::time::timeout(CONNECT, TcpStream::connect(at)).await {
                Ok(Ok(stream)) => {
                    // Small messages are not held back.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(e)) => last = unavailable(format!("no connection to {address}: {}", e.kind())),
                Err(_) => last = unavailable(format!("no connection to {address} within {CONNECT:?}")),
            }
        }
        Err(last)
    }
}

/// Waits for a connection, no longer than [`CONNECT`].
pub async fn in_time<T>(at: &str, connecting: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::new(FailureKind::Timeout, format!("no connection to {at} within {CONNECT:?}"));
    tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(late().happened(Happened::No)))
}

/// It cannot be reached; nothing happened.
pub fn unavailable(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unavailable, message).happened(Happened::No)
}

/// It is not written as it must be; nothing happened.
pub fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Invalid, message).happened(Happened::No)
}

/// The broker does not know who asks; nothing happened.
pub fn unauthorized(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Unauthorized, message).happened(Happened::No)
}

/// The causes of an error from the outside in, on one line and not without end.
pub fn chain(error: &dyn std::error::Error) -> String {
    const LONGEST: usize = 300;
    let mut parts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    parts.join(": ").replace(['\n', '\r'], " ").chars().take(LONGEST).collect()
}
