//! `tcp.*`: whether something answers, and what it says first.

use std::time::{Duration, Instant};

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fail::invalid;
use super::{Cx, net};

/// The most that is taken of what the other side says, and that is said, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// `tcp.check`
pub async fn check(cx: Cx<'_>) -> Result<Value, Failure> {
    talk(cx, "").await
}

/// `tcp.ask`
pub async fn ask(cx: Cx<'_>) -> Result<Value, Failure> {
    talk(cx, cx.args.text("text")?).await
}

async fn talk(cx: Cx<'_>, text: &str) -> Result<Value, Failure> {
    let host = cx.args.text("host")?;
    let port = net::port(Some(cx.args.int("port", 0, i64::MIN..=i64::MAX)?), 0)?;
    let expect = cx.args.text_or_none("expect")?;
    if text.len() > MAX_BYTES || expect.is_some_and(|e| e.len() > MAX_BYTES) {
        return Err(invalid("`text` and `expect` are at most 64 KiB"));
    }
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(5))?)?;
    let begun = Instant::now();
    let connecting = tokio::time::timeout(within, net::connect(cx, host, port)).await;
    let mut stream =
        connecting.map_err(|_| net::late(format!("no connection to `{host}:{port}` after {within:?}")))??;
    let took = begun.elapsed();
    let address = stream.peer_addr().map(|a| a.to_string()).unwrap_or_default();
    let happened = if text.is_empty() { Happened::No } else { Happened::Maybe };

    let mut received = Vec::new();
    let until = expect.or(if text.is_empty() { None } else { Some("\0\0\0") }).map(str::as_bytes);
    let answer = exchange(&mut stream, text, until, &mut received);
    let ended = tokio::time::timeout(within.saturating_sub(took), answer).await;
    let said = String::from_utf8_lossy(&received);
    match (expect, ended) {
        (Some(expect), Ok(Ok(()))) if said.contains(expect) => {}
        (Some(expect), _) => {
            let begin: String = said.chars().take(200).collect();
            let message =
                format!("`{host}:{port}` did not say `{}`, but `{}`", expect.escape_debug(), begin.escape_debug());
            return Err(Failure::new(FailureKind::Failed, message).happened(happened));
        }
        (None, Ok(Ok(())) | Err(_)) => {}
        (None, Ok(Err(e))) => {
            let message = format!("the connection to `{host}:{port}` broke: {e}");
            return Err(Failure::new(FailureKind::Unavailable, message).happened(happened));
        }
    }
    Ok(Value::record([
        ("address", Value::text(address)),
        ("took", Value::Duration(i64::try_from(took.as_millis()).unwrap_or(i64::MAX))),
        ("received", Value::text(said)),
    ]))
}

/// Says `text`, and listens until `until` was heard, the other side hung up, or it said all that it may.
async fn exchange(
    stream: &mut TcpStream,
    text: &str,
    until: Option<&[u8]>,
    heard: &mut Vec<u8>,
) -> std::io::Result<()> {
    if !text.is_empty() {
        stream.write_all(text.as_bytes()).await?;
    }
    let Some(until) = until else { return Ok(()) };
    let mut buffer = vec![0; 4096];
    while heard.len() < MAX_BYTES {
        let found = !until.is_empty() && heard.windows(until.len()).any(|w| w == until);
        if found || (until.is_empty() && !heard.is_empty()) {
            return Ok(());
        }
        let room = buffer.len().min(MAX_BYTES - heard.len());
        match stream.read(buffer.get_mut(..room).unwrap_or_default()).await? {
            0 => return Ok(()),
            n => heard.extend_from_slice(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::testing::{Call, assert_shape, done, failed};
    use super::*;

    /// A server that says `says` to each who comes, then repeats what it hears.
    async fn echo(says: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let _ = stream.write_all(says.as_bytes()).await;
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        port
    }

    fn call(native: &str, port: i64) -> Call {
        let call = Call::new(native).text("host", "127.0.0.1").arg("port", Value::Int(port));
        call.arg("timeout", Value::Duration(400))
    }

    #[tokio::test]
    async fn a_banner_is_waited_for() {
        let port = echo("220 mail ready\r\n").await.into();
        let plain = done(call("tcp.check", port).perform().await);
        assert_shape(&plain, "tcp", "Connection");
        assert_eq!(plain.field("received"), Some(&Value::text("")));
        assert_eq!(plain.field("address"), Some(&Value::text(format!("127.0.0.1:{port}"))));
        let banner = done(call("tcp.check", port).text("expect", "220 ").perform().await);
        assert!(banner.field("received").unwrap().as_text().unwrap().starts_with("220 "));
        done(call("tcp.check", port).text("expect", "").perform().await);
        let other = failed(call("tcp.check", port).text("expect", "SSH-2.0").perform().await);
        assert_eq!((other.kind, other.happened), (FailureKind::Failed, Happened::No));
        assert!(other.message.contains("220 mail ready"), "{}", other.message);
        let silent = failed(call("tcp.check", echo("").await.into()).text("expect", "x").perform().await);
        assert_eq!(silent.kind, FailureKind::Failed);
    }

    #[tokio::test]
    async fn what_was_said_may_have_done_something() {
        let port = echo("").await.into();
        let pong = done(call("tcp.ask", port).text("text", "PING\r\n").text("expect", "PING").perform().await);
        assert_eq!(pong.field("received"), Some(&Value::text("PING\r\n")));
        let other = failed(call("tcp.ask", port).text("text", "PING\r\n").text("expect", "PONG").perform().await);
        assert_eq!((other.kind, other.happened), (FailureKind::Failed, Happened::Maybe));
        let all = done(call("tcp.ask", port).text("text", "ä").perform().await);
        assert_eq!(all.field("received"), Some(&Value::text("ä")));
    }

    #[tokio::test]
    async fn what_is_closed_or_refused_did_not_happen() {
        for (host, port, kind) in [
            ("127.0.0.1", 1, FailureKind::Unavailable),
            ("169.254.169.254", 80, FailureKind::Forbidden),
            ("no-such-host.invalid", 80, FailureKind::Unavailable),
            ("a b", 80, FailureKind::Invalid),
            ("", 80, FailureKind::Invalid),
            ("127.0.0.1", 0, FailureKind::Invalid),
            ("127.0.0.1", 65_536, FailureKind::Invalid),
        ] {
            for native in ["tcp.check", "tcp.ask"] {
                let call = Call::new(native).text("host", host).arg("port", Value::Int(port)).text("text", "x");
                let failure = failed(call.perform().await);
                assert_eq!(
                    (failure.kind, failure.happened),
                    (kind, Happened::No),
                    "{host}:{port}: {}",
                    failure.message
                );
            }
        }
        let port = echo("").await.into();
        for (bytes, fits) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            let text = "x".repeat(bytes);
            let outcome = call("tcp.ask", port).text("text", &text).text("expect", "x").perform().await;
            assert_eq!(matches!(outcome, rrb_lang::vm::protocol::EffectOutcome::Done(_)), fits, "{bytes}");
        }
    }
}
