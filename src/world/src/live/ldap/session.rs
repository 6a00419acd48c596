//! A session with a directory. Address, TLS and the bound on what is received are ours; the protocol is the library's, at the other end of a pair
//! of sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, StdStream};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::task::JoinHandle;
use url::Url;

use super::super::fail::{forbidden, invalid, unavailable};
use super::super::lines::Stream;
use super::super::trust::{self, Trust};
use super::super::{Cx, net, tls};

/// The most bytes of a whole session.
const MAX_RECEIVED: u64 = 8 << 20;

/// A directory, and who asks.
pub struct Server {
    pub shown: String,
    host: String,
    port: u16,
    /// Whether TLS begins at once.
    implicit: bool,
    tls: Option<Trust>,
    server_name: String,
    pub login: Option<(String, SecretString)>,
}

impl Server {
    /// From the record `server`.
    pub async fn from(cx: Cx<'_>) -> Result<Self, Failure> {
        let args = cx.args.record("server")?.ok_or_else(|| invalid("`server` says which directory: `{ url: … }`"))?;
        let url = Url::parse(args.url("url")?)
            .map_err(|e| invalid(format!("the address of the directory is no URL: {e}")))?;
        let (implicit, usual) = match url.scheme() {
            "ldap" => (false, 389),
            "ldaps" => (true, 636),
            other => {
                return Err(invalid(format!("a directory begins with `ldap://` or `ldaps://`, not with `{other}:`")));
            }
        };
        if !url.username().is_empty()
            || url.password().is_some()
            || !matches!(url.path(), "" | "/")
            || url.query().is_some()
        {
            return Err(invalid(
                "the address of a directory is its scheme, host and port: all else are fields beside `url`",
            ));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let tls = match args.word("tls", "verify", &["verify", "off"])? {
            "verify" => Some(Trust::from(cx, args).await?),
            _ if implicit => return Err(invalid("`ldaps://` is TLS: write `ldap://` where there is none")),
            _ => None,
        };
        let login = match (args.text_or_none("user")?, args.secret("password")?) {
            (None, None) => None,
            (Some(user), Some(password)) if !user.is_empty() => Some((user.to_owned(), cx.secret(password).await?)),
            _ => return Err(invalid("a login is a `user` with a `password`")),
        };
        // A name without a password is a login as nobody, which a directory says yes to.
        if login.as_ref().is_some_and(|(_, password)| password.expose_secret().is_empty()) {
            return Err(invalid("the `password` is empty"));
        }
        let server_name = args.text_or_none("server_name")?.unwrap_or(&host).to_owned();
        let port = url.port().unwrap_or(usual);
        Ok(Self { shown: format!("`{host}:{port}`"), host, port, implicit, tls, server_name, login })
    }
}

/// Whether the directory can have acted, as far as the call has come.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    /// From now on nobody can say without an answer.
    pub fn sent(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// What is known without one.
    pub fn happened(&self) -> Happened {
        if self.0.load(Ordering::Acquire) { Happened::Maybe } else { Happened::No }
    }
}

/// An open session.
pub struct Session {
    pub ldap: Ldap,
    /// Whether nobody between us can listen.
    pub private: bool,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Session {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Session {
    /// A session in which nobody has logged in yet.
    pub async fn open(cx: Cx<'_>, server: &Server) -> Result<Self, Failure> {
        let stream = net::connect(cx, &server.host, server.port).await?;
        let local = stream.peer_addr().is_ok_and(|a| a.ip().is_loopback());
        let private = local || server.tls.is_some();
        if server.login.is_some() && !private {
            return Err(forbidden("no password is sent in the clear: set `tls` to `verify`"));
        }
        let mut stream: Box<dyn Stream> = Box::new(net::Bounded::new(stream, MAX_RECEIVED));
        if let Some(trust) = &server.tls {
            let config = Arc::new(trust.config().await?);
            if !server.implicit {
                stream = tls::start("ldap", stream).await.map_err(|mut f| {
                    f.message = format!(
                        "{}, which `ldap://` begins with: set `tls` to `off` where nobody else is in the network",
                        f.message
                    );
                    f
                })?;
            }
            stream = Box::new(trust::secure(config, &server.server_name, stream).await?);
        }
        let broken = |e: &dyn std::fmt::Display| unavailable(format!("the connection cannot be used: {e}"));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|e| broken(&e))?;
        ours.set_nonblocking(true).map_err(|e| broken(&e))?;
        let mut ours = tokio::net::UnixStream::from_std(ours).map_err(|e| broken(&e))?;
        let carrier = tokio::spawn(async move {
            let _ = tokio::io::copy_bidirectional(&mut ours, &mut stream).await;
        });
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
        let made = LdapConnAsync::with_settings(settings, "ldapi://pair").await;
        let (conn, ldap) = made.map_err(|e| broken(&e))?;
        let driver = tokio::spawn(async move {
            let _ = conn.drive().await;
        });
        Ok(Self { ldap, private, tasks: [carrier, driver] })
    }

    /// Logs in, where there is somebody to log in as.
    pub async fn login(&mut self, server: &Server) -> Result<(), Failure> {
        let Some((user, password)) = &server.login else { return Ok(()) };
        let answer = self.ldap.simple_bind(user, password.expose_secret()).await;
        checked(answer, &Progress::default()).map(drop)
    }

    /// Takes leave, without waiting long.
    pub async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_millis(200), self.ldap.unbind()).await;
    }
}

/// An answer that is a yes.
pub fn checked(answer: Result<LdapResult, LdapError>, progress: &Progress) -> Result<LdapResult, Failure> {
    match answer {
        Ok(result) if result.rc == 0 => Ok(result),
        Ok(result) => Err(refusal(&result)),
        Err(LdapError::FilterParsing) => Err(invalid("the filter cannot be read")),
        Err(LdapError::LdapResult { result }) => Err(refusal(&result)),
        Err(e) => {
            let message = format!("the connection broke: {e}");
            Err(Failure::new(FailureKind::Unavailable, message).happened(progress.happened()))
        }
    }
}

fn refusal(result: &LdapResult) -> Failure {
    let (kind, name) = kind(result.rc);
    let text: String = result.text.trim_end_matches('\0').chars().take(1_000).collect();
    let mut message = format!("{name} ({})", result.rc);
    for part in [text, result.refs.join(" ")].into_iter().filter(|p| !p.is_empty()) {
        message = format!("{message}: {part}");
    }
    // A change is done as one, or not at all; of what went wrong in the middle only the directory knows.
    let happened = if matches!(result.rc, 1 | 3 | 51 | 52 | 80) { Happened::Answered } else { Happened::No };
    Failure::new(kind, message).happened(happened).detail(Json::object([("code", Json::Int(result.rc.into()))]))
}

/// https://www.rfc-editor.org/rfc/rfc4511#appendix-A.2
fn kind(code: u32) -> (FailureKind, &'static str) {
    use FailureKind as K;
    match code {
        1 => (K::Failed, "operations error"),
        2 => (K::Invalid, "protocol error"),
        3 => (K::Timeout, "time limit exceeded"),
        4 => (K::Invalid, "size limit exceeded"),
        7 => (K::Unauthorized, "this way to log in is not supported"),
        8 => (K::Unauthorized, "stronger login required"),
        10 => (K::Failed, "another server is responsible"),
        11 => (K::Throttled, "administrative limit exceeded"),
        13 => (K::Forbidden, "TLS required"),
        16 => (K::Conflict, "no such attribute or value"),
        17 => (K::Invalid, "undefined attribute"),
        19 => (K::Invalid, "constraint violation"),
        20 => (K::Conflict, "attribute or value exists"),
        21 => (K::Invalid, "invalid syntax of an attribute"),
        32 => (K::NotFound, "no such entry"),
        34 => (K::Invalid, "invalid name"),
        48 => (K::Unauthorized, "inappropriate login"),
        49 => (K::Unauthorized, "wrong name or password"),
        50 => (K::Forbidden, "insufficient access rights"),
        51 => (K::Throttled, "busy"),
        52 => (K::Unavailable, "unavailable"),
        53 => (K::Forbidden, "unwilling to perform"),
        64 => (K::Invalid, "naming violation"),
        65 => (K::Invalid, "object class violation"),
        66 => (K::Conflict, "not allowed on an entry with others below it"),
        67 => (K::Invalid, "not allowed on the name of the entry"),
        68 => (K::Conflict, "the entry exists"),
        _ => (K::Failed, "refused"),
    }
}
