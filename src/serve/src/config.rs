//! Where to listen, and the ceilings of what strangers may ask.

use std::net::SocketAddr;
use std::time::Duration;

use rrb_lang::project::Serve;

/// How the daemon is reached.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Loopback unless `allow_remote`.
    pub listen: SocketAddr,
    /// Other machines may connect.
    pub allow_remote: bool,
    /// Names besides `localhost` and addresses under which a browser may reach it, without port.
    pub hosts: Vec<String>,
    pub limits: HttpLimits,
}

impl ServeConfig {
    /// On this address with the usual ceilings.
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, allow_remote: false, hosts: Vec::new(), limits: HttpLimits::default() }
    }
}

impl From<&Serve> for ServeConfig {
    /// As `[serve]` of a project says.
    fn from(serve: &Serve) -> Self {
        let limits = HttpLimits {
            max_body: usize::try_from(serve.max_body).unwrap_or(usize::MAX),
            deliveries: usize::try_from(serve.queue).unwrap_or(usize::MAX),
            ..HttpLimits::default()
        };
        let hosts = serve.hosts.iter().map(ToString::to_string).collect();
        Self { listen: serve.listen, allow_remote: serve.allow_remote, hosts, limits }
    }
}

/// Ceilings. The defaults are those of the daemon.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Bytes of a request's body; more is answered 413.
    pub max_body: usize,
    /// Bytes of a request's line and headers; more is answered 431.
    pub max_head: usize,
    /// Headers of a request; more is answered 431.
    pub max_headers: usize,
    /// From the connection's (or the last answer's) end to the end of the next request's headers; then it is closed.
    pub head_time: Duration,
    /// For a request's body; then 408.
    pub body_time: Duration,
    /// For the engine's answer; then 503. What was begun goes on.
    pub answer_time: Duration,
    /// Open connections; more wait in the system's queue.
    pub connections: usize,
    /// Open connections from one address; more are closed.
    pub per_address: usize,
    /// Open timelines; more are answered 503.
    pub streams: usize,
    /// Deliveries at work; more are answered 503.
    pub deliveries: usize,
    /// For requests at work when the daemon stops.
    pub shutdown_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_body: 1 << 20,
            max_head: 16 << 10,
            max_headers: 100,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(15),
            answer_time: Duration::from_secs(60),
            connections: 1024,
            per_address: 64,
            streams: 64,
            deliveries: 1024,
            shutdown_time: Duration::from_secs(10),
        }
    }
}

/// Why the daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "`listen = \"{0}\"` would let other machines reach the daemon; write `allow_remote = true` beside it in `[serve]` if that is meant, and put TLS in front (see docs/api.md)"
    )]
    Remote(SocketAddr),
    #[error("cannot listen on {0}: {1}")]
    Io(SocketAddr, #[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_words_are_taken_over() {
        let serve =
            Serve { allow_remote: true, hosts: vec!["rrb.example".into()], max_body: 5, queue: 7, ..Serve::default() };
        let config = ServeConfig::from(&serve);
        assert_eq!((config.listen, config.allow_remote), (serve.listen, true));
        assert_eq!(
            (config.hosts, config.limits.max_body, config.limits.deliveries),
            (vec!["rrb.example".to_owned()], 5, 7)
        );
        let plain = ServeConfig::from(&Serve::default());
        assert!(plain.listen.ip().is_loopback() && !plain.allow_remote && plain.hosts.is_empty());
    }
}
