//! The conversation with the server. https://www.rfc-editor.org/rfc/rfc5321#section-4

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::super::fail::{forbidden, invalid, unavailable};
use super::super::lines::{Lines, Stream};
use super::super::trust::{self, Trust};
use super::super::{Cx, net};
use super::message::Mail;

/// A mail server, and who sends.
struct Server {
    host: String,
    port: u16,
    /// Whether TLS begins at once.
    implicit: bool,
    /// None sends in the clear.
    tls: Option<Trust>,
    server_name: String,
    login: Option<Login>,
}

enum Login {
    Password { user: String, password: SecretString },
    Token { user: String, token: SecretString },
}

/// `smtp.send`
pub async fn send(cx: Cx<'_>) -> Result<Value, Failure> {
    let mail = Mail::from(cx)?;
    let server = Server::from(cx).await?;
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(60))?)?;
    let shown = format!("`{}:{}`", server.host, server.port);
    let mut content_sent = false;
    let talk = converse(cx, &server, &mail, &mut content_sent);
    let result = tokio::time::timeout(within, talk).await;
    let reply = match result {
        Ok(Ok(reply)) => reply,
        Ok(Err(mut failure)) => {
            failure.message = format!("{shown}: {}", failure.message);
            return Err(failure);
        }
        Err(_) => {
            let happened = if content_sent { Happened::Maybe } else { Happened::No };
            let message = format!("{shown}: the mail was not taken after {within:?}");
            return Err(Failure::new(FailureKind::Timeout, message).happened(happened));
        }
    };
    Ok(Value::record([("id", Value::text(mail.id)), ("reply", Value::text(reply))]))
}

impl Server {
    async fn from(cx: Cx<'_>) -> Result<Self, Failure> {
        let args =
            cx.args.record("server")?.ok_or_else(|| invalid("`server` says through which server: `{ url: … }`"))?;
        let url = Url::parse(args.url("url")?)
            .map_err(|e| invalid(format!("the address of the mail server is no URL: {e}")))?;
        let (implicit, usual) = match url.scheme() {
            "smtp" => (false, 587),
            "smtps" => (true, 465),
            other => {
                return Err(invalid(format!("a mail server begins with `smtp://` or `smtps://`, not with `{other}:`")));
            }
        };
        if !url.username().is_empty()
            || url.password().is_some()
            || !matches!(url.path(), "" | "/")
            || url.query().is_some()
        {
            return Err(invalid(
                "the address of a mail server is its scheme, host and port: all else are fields beside `url`",
            ));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let tls = match args.word("tls", "verify", &["verify", "off"])? {
            "verify" => Some(Trust::from(cx, args).await?),
            _ if implicit => return Err(invalid("`smtps://` is TLS: write `smtp://` where there is none")),
            _ => None,
        };
        let user = args.text_or_none("user")?;
        let login = match (user, args.secret("password")?, args.secret("token")?) {
            (None, None, None) => None,
            (Some(user), Some(password), None) => {
                Some(Login::Password { user: user.to_owned(), password: cx.secret(password).await? })
            }
            (Some(user), None, Some(token)) => {
                Some(Login::Token { user: user.to_owned(), token: cx.secret(token).await? })
            }
            _ => return Err(invalid("a login is a `user` with either a `password` or a `token`")),
        };
        let server_name = args.text_or_none("server_name")?.unwrap_or(&host).to_owned();
        Ok(Self { port: url.port().unwrap_or(usual), host, implicit, tls, server_name, login })
    }
}

async fn converse(cx: Cx<'_>, server: &Server, mail: &Mail, content_sent: &mut bool) -> Result<String, Failure> {
    let (mut lines, extensions) = begin(cx, server).await?;
    if let Some(login) = &server.login {
        authenticate(cx, &mut lines, login, &extensions).await?;
    }
    ask(&mut lines, &format!("MAIL FROM:<{}>", mail.from)).await?;
    for address in &mail.to {
        ask(&mut lines, &format!("RCPT TO:<{address}>")).await.map_err(|mut f| {
            f.message = format!("the mail went to nobody: `{address}` is refused: {}", f.message);
            f
        })?;
    }
    ask(&mut lines, "DATA").await?;
    *content_sent = true;
    let lost = |f: Failure| f.happened(Happened::Maybe);
    lines.write(&stuffed(&mail.content)).await.map_err(lost)?;
    let reply = reply(&mut lines).await.map_err(lost)?;
    let taken = accepted(reply)?;
    // The mail is the server's; how the conversation ends changes nothing.
    let _ = tokio::time::timeout(Duration::from_millis(500), lines.command("QUIT")).await;
    Ok(taken)
}

/// A conversation that is as private as it should be, and what the server can.
async fn begin(cx: Cx<'_>, server: &Server) -> Result<(Lines, Vec<String>), Failure> {
    let stream = net::connect(cx, &server.host, server.port).await?;
    let local = stream.peer_addr().is_ok_and(|a| a.ip().is_loopback());
    let Some(trust) = &server.tls else {
        if server.login.is_some() && !local {
            return Err(forbidden("no password is sent in the clear: set `tls` to `verify`"));
        }
        let mut lines = Lines::new(Box::new(stream));
        accepted(reply(&mut lines).await?)?;
        let extensions = hello(&mut lines).await?;
        return Ok((lines, extensions));
    };
    let config = Arc::new(trust.config().await?);
    let mut stream: Box<dyn Stream> = Box::new(stream);
    if !server.implicit {
        let mut lines = Lines::new(stream);
        accepted(reply(&mut lines).await?)?;
        if !hello(&mut lines).await?.iter().any(|e| e == "STARTTLS") {
            return Err(unavailable(
                "the server offers no TLS: make it do so, or set `tls` to `off` where nobody else is in the network",
            ));
        }
        ask(&mut lines, "STARTTLS").await?;
        stream = lines.into_stream()?;
    }
    let mut lines = Lines::new(Box::new(trust::secure(config, &server.server_name, stream).await?));
    if server.implicit {
        accepted(reply(&mut lines).await?)?;
    }
    let extensions = hello(&mut lines).await?;
    Ok((lines, extensions))
}

/// The extensions of the server in upper case: `STARTTLS`, `AUTH PLAIN LOGIN`.
async fn hello(lines: &mut Lines) -> Result<Vec<String>, Failure> {
    lines.command("EHLO [127.0.0.1]").await?;
    let reply = reply(lines).await?;
    if reply.code / 100 != 2 {
        return Err(reply.refusal());
    }
    Ok(reply.lines.into_iter().skip(1).map(|l| l.to_ascii_uppercase()).collect())
}

async fn authenticate(cx: Cx<'_>, lines: &mut Lines, login: &Login, extensions: &[String]) -> Result<(), Failure> {
    let offered: Vec<&str> =
        extensions.iter().filter_map(|e| e.strip_prefix("AUTH")).flat_map(str::split_whitespace).collect();
    let secret = |text: &str| {
        let encoded = STANDARD.encode(text);
        cx.world.scrubber.learn("smtp", &encoded);
        encoded
    };
    let word = match login {
        Login::Token { user, token } => {
            format!(
                "AUTH XOAUTH2 {}",
                secret(&format!("user={user}\u{1}auth=Bearer {}\u{1}\u{1}", token.expose_secret()))
            )
        }
        Login::Password { user, password } if offered.contains(&"PLAIN") || !offered.contains(&"LOGIN") => {
            format!("AUTH PLAIN {}", secret(&format!("\0{user}\0{}", password.expose_secret())))
        }
        Login::Password { user, password } => {
            step(lines, "AUTH LOGIN").await?;
            step(lines, &STANDARD.encode(user)).await?;
            secret(password.expose_secret())
        }
    };
    lines.command(&word).await?;
    let mut last = reply(lines).await?;
    if last.code == 334 {
        // XOAUTH2 tells what is wrong as a question, to which the answer is empty.
        lines.command("").await?;
        last = reply(lines).await?;
    }
    accepted(last).map(drop)
}

/// A step of a login, to which the server asks for the next.
async fn step(lines: &mut Lines, text: &str) -> Result<(), Failure> {
    lines.command(text).await?;
    let reply = reply(lines).await?;
    if reply.code == 334 { Ok(()) } else { Err(reply.refusal()) }
}

async fn ask(lines: &mut Lines, text: &str) -> Result<String, Failure> {
    lines.command(text).await?;
    accepted(reply(lines).await?)
}

/// What a server says: a number, and lines.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

async fn reply(lines: &mut Lines) -> Result<Reply, Failure> {
    const MOST: usize = 100;
    let mut reply = Reply { code: 0, lines: Vec::new() };
    while reply.lines.len() < MOST {
        let line = lines.line().await?;
        let code = line.get(..3).and_then(|c| c.parse().ok()).filter(|c| (200..600).contains(c));
        let Some(code) = code else {
            return Err(unavailable(format!("this is no mail server: it says `{}`", line.escape_debug())));
        };
        reply.code = code;
        reply.lines.push(line.get(4..).unwrap_or_default().to_owned());
        if !line.get(3..).is_some_and(|rest| rest.starts_with('-')) {
            return Ok(reply);
        }
    }
    Err(unavailable("the server says more than it may"))
}

fn accepted(reply: Reply) -> Result<String, Failure> {
    if matches!(reply.code, 200..=399) { Ok(reply.lines.join(" ")) } else { Err(reply.refusal()) }
}

impl Reply {
    /// A refusal: the mail did not go.
    fn refusal(self) -> Failure {
        let text: String = self.lines.join(" ").chars().take(1_000).collect();
        let detail = Json::object([("code", Json::Int(self.code.into()))]);
        Failure::new(kind(self.code, &text), format!("{} {text}", self.code)).happened(Happened::No).detail(detail)
    }
}

/// https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3 and, for the numbers with dots, https://www.rfc-editor.org/rfc/rfc3463
fn kind(code: u16, text: &str) -> FailureKind {
    let status = text.split_whitespace().next().unwrap_or_default();
    match code {
        421 | 432 | 454 => FailureKind::Unavailable,
        450..=452 => FailureKind::Throttled,
        530 | 534 | 535 | 538 => FailureKind::Unauthorized,
        550 | 553 | 554 if status.starts_with("5.7.") => FailureKind::Forbidden,
        550 | 551 => FailureKind::NotFound,
        500..=504 | 552 | 553 | 555 => FailureKind::Invalid,
        400..=499 => FailureKind::Unavailable,
        _ => FailureKind::Forbidden,
    }
}

/// The content as it goes over the wire: a dot at the beginning of a line is doubled, a dot alone ends it.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 64);
    let mut at_start = true;
    for byte in content {
        if at_start && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        at_start = *byte == b'\n';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
