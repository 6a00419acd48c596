//! `ssh.*`: programs and files of other machines, through OpenSSH. Says of every failure whether the other side can have acted.

mod host;
mod log;
#[cfg(test)]
mod tests;

use std::process::Stdio;
use std::time::Duration;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::exec::{self, Kept, Output};
use super::fail::{invalid, not_found};
use crate::process::Group;
pub use host::Folder;
use host::Session;
use log::Log;

/// The most bytes of a command, of its standard input, and of a file.
const MAX_COMMAND: usize = 128 << 10;
const MAX_CONTENT: usize = 16 << 20;

/// The longest path, in bytes.
const MAX_PATH: usize = 4095;

/// The status with which the client ends when it is the one that failed.
const CLIENT_FAILED: i64 = 255;

/// Exit statuses of ours, of the scripts below.
const NO_FILE: i64 = 44;
const CUT_SHORT: i64 = 45;

/// Prints a file; one byte more than may be shows that there is more.
const DOWNLOAD: &str = r#"[ -f "$1" ] || exit 44; exec head -c "$2" -- "$1""#;

/// Takes a file from standard input. A connection that breaks looks like the end of the content, so its length is compared.
const UPLOAD: &str = r#"t="$1.rrb-$$"; umask 077; trap 'rm -f -- "$t"' EXIT; cat > "$t" || exit 1
[ "$(wc -c < "$t")" -eq "$2" ] || exit 45
chmod -- "$3" "$t" && mv -f -- "$t" "$1""#;

/// `ssh.run`
pub async fn run(cx: Cx<'_>) -> Result<Value, Failure> {
    let command = cx.args.texts("command")?;
    let expect = cx.args.ints("expect")?.unwrap_or_else(|| vec![0]);
    let stdin = cx.args.text_or_none("stdin")?.unwrap_or_default();
    if command.first().is_none_or(|p| p.is_empty()) {
        return Err(invalid("`ssh.run` needs a command: a list of a program and its arguments"));
    }
    let session = Session::open(cx).await?;
    let ended = perform(cx, &session, &command, stdin.as_bytes(), 0).await?;
    if expect.contains(&ended.code) {
        return Ok(exec::value(ended.code, ended.stdout, ended.stderr));
    }
    let name = command.first().copied().unwrap_or_default();
    Err(ended.failed(&format!("`{name}` at {}", session.shown)))
}

/// `ssh.download`
pub async fn download(cx: Cx<'_>) -> Result<Value, Failure> {
    let path = path(cx)?;
    let max = cx.args.size("max", 1 << 20, MAX_CONTENT as u64)?;
    let session = Session::open(cx).await?;
    let limit = (max + 1).to_string();
    let ended = script(cx, &session, DOWNLOAD, &[path, &limit], b"").await?;
    match ended.code {
        0 if ended.raw.len() as u64 > max => {
            Err(invalid(format!("`{path}` at {} is longer than {max} bytes", session.shown)))
        }
        0 => String::from_utf8(ended.raw)
            .map(|text| Value::text(cx.world.scrubber.text(&text)))
            .map_err(|_| invalid(format!("`{path}` at {} is not UTF-8", session.shown))),
        NO_FILE => Err(not_found(format!("there is no file `{path}` at {}", session.shown))),
        _ => Err(ended.failed(&format!("reading `{path}` at {}", session.shown))),
    }
}

/// `ssh.upload`
pub async fn upload(cx: Cx<'_>) -> Result<Value, Failure> {
    let path = path(cx)?;
    let content = cx.args.text("content")?;
    let mode = cx.args.text_or_none("mode")?.unwrap_or("644");
    if !(3..=4).contains(&mode.len()) || mode.bytes().any(|b| !(b'0'..=b'7').contains(&b)) {
        return Err(invalid(format!(
            "`mode` is three or four octal digits such as `644`, not `{}`",
            mode.escape_debug()
        )));
    }
    if content.len() > MAX_CONTENT {
        return Err(invalid("the content is longer than 16 MiB"));
    }
    let session = Session::open(cx).await?;
    let length = content.len().to_string();
    let ended = script(cx, &session, UPLOAD, &[path, &length, mode], content.as_bytes()).await?;
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    match ended.code {
        0 => Ok(Value::record([("path", Value::text(path)), ("size", Value::Size(size))])),
        CUT_SHORT => {
            let message = format!("`{path}` at {} was not written: its content did not arrive whole", session.shown);
            Err(Failure::new(FailureKind::Unavailable, message).happened(Happened::No))
        }
        _ => Err(ended.failed(&format!("writing `{path}` at {}", session.shown))),
    }
}

fn path(cx: Cx<'_>) -> Result<&str, Failure> {
    let path = cx.args.text("path")?;
    let climbs = path.split('/').any(|part| part == "..");
    if !path.starts_with('/') || path.ends_with('/') || climbs || path.contains('\0') || path.len() > MAX_PATH {
        return Err(invalid(format!(
            "`path` is the absolute path of a file, without `..`, not `{}`",
            path.escape_debug()
        )));
    }
    Ok(path)
}

/// A program that came to its end.
struct Ended {
    code: i64,
    stdout: Kept,
    stderr: Kept,
    /// Of `script`: all of the output.
    raw: Vec<u8>,
}

impl Ended {
    fn failed(&self, what: &str) -> Failure {
        let message = format!("{what} ended with status {}{}", self.code, exec::last_line(&self.stderr));
        Failure::new(FailureKind::Failed, message).detail(exec::detail(Some(self.code), &self.stdout, &self.stderr))
    }
}

async fn script(cx: Cx<'_>, session: &Session, text: &str, args: &[&str], stdin: &[u8]) -> Result<Ended, Failure> {
    let command: Vec<&str> = ["sh", "-c", text, "rrb"].into_iter().chain(args.iter().copied()).collect();
    perform(cx, session, &command, stdin, MAX_CONTENT + 1).await
}

/// Keeps the first `keep` bytes of the output as they are.
async fn perform(cx: Cx<'_>, session: &Session, command: &[&str], stdin: &[u8], keep: usize) -> Result<Ended, Failure> {
    let text = quoted(command)?;
    if stdin.len() > MAX_CONTENT {
        return Err(invalid("`stdin` is longer than 16 MiB"));
    }
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(60))?)?;
    let log = Log::new(session.folder())?;
    let mut client = session.client(&log, &text);
    client.stdin(if stdin.is_empty() { Stdio::null() } else { Stdio::piped() });

    let mut child = client.spawn().map_err(|e| exec::not_started("ssh", &e))?;
    let mut group = Group::of(&child);
    let mut output = Output::whole(keep);
    let ended = tokio::time::timeout(within, exec::watch(&mut child, stdin, &mut output, &mut group)).await;
    let Ok(ended) = ended else {
        group.end(&mut child).await;
        let message = format!("{}: the command was not done after {within:?}", session.shown);
        return Err(Failure::new(FailureKind::Timeout, message).happened(log.read().happened()));
    };
    let status = ended.map_err(|e| {
        let message = format!("{}: the client was lost sight of: {}", session.shown, e.kind());
        Failure::new(FailureKind::Failed, message).happened(Happened::Maybe)
    })?;
    let code = exec::code(status);
    let told = log.read();
    if code == CLIENT_FAILED && !told.answered {
        return Err(told.failure(&session.shown));
    }
    let raw = output.take_whole();
    let (stdout, stderr) = output.texts(&cx.world.scrubber);
    Ok(Ended { code, stdout, stderr, raw })
}

/// A command for the POSIX shell of the other side: every argument between single quotes.
fn quoted(command: &[&str]) -> Result<String, Failure> {
    if command.iter().any(|a| a.contains('\0')) {
        return Err(invalid("an argument holds a zero byte"));
    }
    let all: Vec<String> = command.iter().map(|a| format!("'{}'", a.replace('\'', r"'\''"))).collect();
    let text = all.join(" ");
    if text.len() > MAX_COMMAND {
        return Err(invalid("the command is longer than 128 KiB: give what is long as `stdin`"));
    }
    Ok(text)
}
