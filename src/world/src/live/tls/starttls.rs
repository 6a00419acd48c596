//! What is said before TLS begins, by protocol.

use rrb_lang::vm::protocol::Failure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::fail::{invalid, unavailable};
use super::super::lines::{Lines, Stream};

/// Who speaks first, and what.
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    /// Commands and answers in lines: what the server's lines end their greeting with, what is asked, and how the yes begins.
    Lines(&'static [Step]),
    /// Bytes that are sent, and those with which a yes begins.
    Bytes { ask: &'static [u8], yes: &'static [u8], at: usize },
}

/// A command, and how the last line of its answer begins.
type Step = (&'static str, &'static str);

/// https://www.rfc-editor.org/rfc/rfc3207
const SMTP: &[Step] = &[("", "220 "), ("EHLO [127.0.0.1]", "250 "), ("STARTTLS", "220 ")];
/// https://www.rfc-editor.org/rfc/rfc9051#section-6.2.1
const IMAP: &[Step] = &[("", "* OK"), ("a STARTTLS", "a OK")];
/// https://www.rfc-editor.org/rfc/rfc2595#section-4
const POP3: &[Step] = &[("", "+OK"), ("STLS", "+OK")];
/// https://www.rfc-editor.org/rfc/rfc4217
const FTP: &[Step] = &[("", "220 "), ("AUTH TLS", "234 ")];
/// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
const POSTGRES: Protocol = Protocol::Bytes { ask: &[0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F], yes: b"S", at: 0 };
/// An extended request with the number of StartTLS; the yes holds the result code 0.
/// https://www.rfc-editor.org/rfc/rfc4511#section-4.14
const LDAP: Protocol = Protocol::Bytes {
    ask: b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037",
    yes: &[0x0A, 0x01, 0x00],
    at: 7,
};

/// The most lines of an answer.
const MAX_LINES: usize = 100;

impl Protocol {
    /// By its name.
    pub fn of(name: &str) -> Result<Self, Failure> {
        Ok(match name {
            "smtp" => Self::Lines(SMTP),
            "imap" => Self::Lines(IMAP),
            "pop3" => Self::Lines(POP3),
            "ftp" => Self::Lines(FTP),
            "postgres" => POSTGRES,
            "ldap" => LDAP,
            other => {
                let other = other.escape_debug();
                return Err(invalid(format!(
                    "`starttls` is `smtp`, `imap`, `pop3`, `ftp`, `ldap` or `postgres`, not `{other}`"
                )));
            }
        })
    }
}

/// Says what is to be said until TLS can begin.
pub async fn begin(protocol: Protocol, mut stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, Failure> {
    match protocol {
        Protocol::Lines(steps) => {
            let mut lines = Lines::new(stream);
            for (ask, yes) in steps {
                if !ask.is_empty() {
                    lines.command(ask).await?;
                }
                answered(&mut lines, yes).await?;
            }
            lines.into_stream()
        }
        Protocol::Bytes { ask, yes, at } => {
            let broken = |e| unavailable(format!("the connection broke: {e}"));
            stream.write_all(ask).await.map_err(broken)?;
            stream.flush().await.map_err(broken)?;
            if at == 0 {
                let mut answer = vec![0; yes.len()];
                stream.read_exact(&mut answer).await.map_err(broken)?;
                return if answer == yes { Ok(stream) } else { Err(refused()) };
            }
            // A message with its length in its second byte.
            let mut head = [0; 2];
            stream.read_exact(&mut head).await.map_err(broken)?;
            let [0x30, length @ 0..=0x7F] = head else { return Err(refused()) };
            let mut rest = vec![0; usize::from(length)];
            stream.read_exact(&mut rest).await.map_err(broken)?;
            if rest.get(at - 2..at - 2 + yes.len()) == Some(yes) { Ok(stream) } else { Err(refused()) }
        }
    }
}

async fn answered(lines: &mut Lines, yes: &str) -> Result<(), Failure> {
    for _ in 0..MAX_LINES {
        let line = lines.line().await?;
        let goes_on = yes.ends_with(' ') && line.get(3..).is_some_and(|rest| rest.starts_with('-'));
        let unasked = line.starts_with("* ") && !yes.starts_with('*');
        if line.starts_with(yes) {
            return Ok(());
        }
        if !goes_on && !unasked {
            let line: String = line.chars().take(200).collect();
            return Err(unavailable(format!("the server does not change to TLS: it says `{}`", line.escape_debug())));
        }
    }
    Err(unavailable("the server says more than it may before TLS"))
}

fn refused() -> Failure {
    unavailable("the server does not change to TLS")
}
