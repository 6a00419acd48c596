//! `exec.run`: starts a program, bounds what it may say and how long it may take, and ends all of it when it must.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Cx;
use super::fail::{forbidden, invalid, not_found, timeout, unavailable};
use crate::process::{self, Group};
use crate::secrets::Scrubber;

/// How much of the start and of the end of an output is kept, in bytes.
const PART: usize = 512 << 10;

/// The most arguments and the longest standard input.
const MAX_ARGS: usize = 4096;
const MAX_STDIN: usize = 16 << 20;

/// How long an output may stay open after the program's end, held by something it left behind.
const LINGER: Duration = Duration::from_millis(500);

/// How much of an output a failure shows, in bytes.
const SHOWN: usize = 4 << 10;

/// `exec.run`
pub async fn run(cx: Cx<'_>) -> Result<Value, Failure> {
    let command = cx.args.texts("command")?;
    let expect = cx.args.ints("expect")?.unwrap_or_else(|| vec![0]);
    let within = cx.args.duration("timeout", Duration::from_secs(60))?;
    let stdin = cx.args.text_or_none("stdin")?.unwrap_or_default();
    let (name, mut command) = prepare(cx, &command, stdin).await?;
    let within = cx.within(within)?;

    let mut child = command.spawn().map_err(|e| not_started(&name, &e))?;
    let mut group = Group::of(&child);
    let mut output = Output::default();
    let ended = tokio::time::timeout(within, watch(&mut child, stdin.as_bytes(), &mut output, &mut group)).await;
    let (stdout, stderr) = output.texts(&cx.world.scrubber);
    match ended {
        Err(_) => {
            group.end(&mut child).await;
            let message = format!("`{name}` was not done after {within:?} and was ended");
            Err(timeout(message).detail(detail(None, &stdout, &stderr)))
        }
        Ok(Err(e)) => {
            group.end(&mut child).await;
            let message = format!("`{name}` was lost sight of: {}", e.kind());
            Err(Failure::new(FailureKind::Failed, message).happened(Happened::Maybe))
        }
        Ok(Ok(status)) => {
            let code = code(status);
            if expect.contains(&code) {
                return Ok(value(code, stdout, stderr));
            }
            let message = format!("`{name}` ended with status {code}{}", last_line(&stderr));
            Err(Failure::new(FailureKind::Failed, message).detail(detail(Some(code), &stdout, &stderr)))
        }
    }
}

async fn prepare(cx: Cx<'_>, command: &[&str], stdin: &str) -> Result<(String, Command), Failure> {
    let Some((program, args)) = command.split_first().filter(|(p, _)| !p.is_empty()) else {
        return Err(invalid("`exec.run` needs a command: a list of a program and its arguments"));
    };
    if command.iter().any(|a| a.contains('\0')) {
        return Err(invalid("an argument of `exec.run` holds a zero byte"));
    }
    if command.len() > MAX_ARGS || stdin.len() > MAX_STDIN {
        return Err(invalid("`exec.run` takes at most 4096 arguments and 16 MiB of `stdin`"));
    }
    let dir = cx.args.text_or_none("dir")?.unwrap_or("/");
    check_dir(dir).await?;
    let mut cmd = process::bare(program, args);
    cmd.current_dir(dir).stdin(if stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    for (name, value) in cx.args.text_map("env")?.unwrap_or_default() {
        check_variable(name, value)?;
        cmd.env(name, value);
    }
    for (name, secret) in cx.args.secret_map("secret_env")? {
        let value = cx.secret(secret).await?;
        check_variable(name, value.expose_secret())?;
        cmd.env(name, value.expose_secret());
    }
    Ok(((*program).to_owned(), cmd))
}

pub fn check_variable(name: &str, value: &str) -> Result<(), Failure> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        return Err(invalid(format!(
            "`{}` cannot be an environment variable, or its value holds a zero byte",
            name.escape_debug()
        )));
    }
    Ok(())
}

async fn check_dir(dir: &str) -> Result<(), Failure> {
    if !dir.starts_with('/') || dir.contains('\0') {
        return Err(invalid(format!("`dir` is an absolute path, not `{}`", dir.escape_debug())));
    }
    match tokio::fs::metadata(dir).await {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(invalid(format!("`dir` must be a folder, and `{dir}` is none"))),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            Err(forbidden(format!("the folder `{dir}` may not be entered")))
        }
        Err(_) => Err(not_found(format!("the folder `{dir}` does not exist"))),
    }
}

/// Why a program was not started.
pub fn not_started(name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => not_found(format!("the program `{name}` does not exist")),
        io::ErrorKind::PermissionDenied => forbidden(format!("the program `{name}` may not be started")),
        io::ErrorKind::ArgumentListTooLong => invalid(format!("the arguments of `{name}` are too long for the system")),
        kind => unavailable(format!("the program `{name}` cannot be started: {kind}")),
    }
}

/// Feeds and reads the program until its end.
pub async fn watch(child: &mut Child, stdin: &[u8], output: &mut Output, group: &mut Group) -> io::Result<ExitStatus> {
    let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut pipe) = input {
            // A program need not read what it is given.
            let _ = pipe.write_all(stdin).await;
        }
    };
    let talk = async { tokio::join!(feed, output.stdout.drain(out), output.stderr.drain(err)) };
    tokio::pin!(talk);
    let mut silent = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            _ = &mut talk, if !silent => silent = true,
        }
    };
    group.ended();
    if !silent {
        let _ = tokio::time::timeout(LINGER, talk).await;
    }
    Ok(status)
}

/// What a program says.
#[derive(Default)]
pub struct Output {
    stdout: HeadTail,
    stderr: HeadTail,
}

impl Output {
    /// Keeps the first `most` bytes of the standard output too, as they are.
    pub fn whole(most: usize) -> Self {
        Self { stdout: HeadTail { most, ..HeadTail::default() }, ..Self::default() }
    }

    /// The bytes that [`Output::whole`] kept.
    pub fn take_whole(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.stdout.whole)
    }

    /// What is kept of both.
    pub fn texts(self, scrubber: &Scrubber) -> (Kept, Kept) {
        (self.stdout.text(scrubber), self.stderr.text(scrubber))
    }
}

/// The start and the end of what may be endless.
#[derive(Default)]
struct HeadTail {
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    dropped: u64,
    /// The first bytes as they are, at most so many.
    whole: Vec<u8>,
    most: usize,
}

/// What is kept of an output.
pub struct Kept {
    text: String,
    truncated: bool,
    lossy: bool,
}

impl HeadTail {
    async fn drain(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 32 << 10];
        while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
            self.push(buffer.get(..n).unwrap_or_default());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.whole.extend_from_slice(bytes.get(..bytes.len().min(self.most - self.whole.len())).unwrap_or_default());
        let (head, tail) = bytes.split_at(bytes.len().min(PART.saturating_sub(self.head.len())));
        self.head.extend_from_slice(head);
        self.tail.extend(tail);
        let over = self.tail.len().saturating_sub(PART);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    fn text(mut self, scrubber: &Scrubber) -> Kept {
        let tail: &[u8] = self.tail.make_contiguous();
        if self.dropped == 0 {
            self.head.extend_from_slice(tail);
            let text = String::from_utf8_lossy(&self.head);
            let lossy = matches!(text, std::borrow::Cow::Owned(_));
            return Kept { text: scrubber.text(&text).into_owned(), truncated: false, lossy };
        }
        let (head, tail) = (String::from_utf8_lossy(&self.head), String::from_utf8_lossy(tail));
        let lossy = [&head, &tail].iter().any(|t| matches!(t, std::borrow::Cow::Owned(_)));
        // A secret that the cut goes through would not be found later.
        let head = head.get(..head.len() - scrubber.cut_end(&head)).unwrap_or_default();
        let tail = tail.get(scrubber.cut_start(&tail)..).unwrap_or_default();
        let text = format!("{head}\n… {} bytes are missing here …\n{tail}", self.dropped);
        Kept { text: scrubber.text(&text).into_owned(), truncated: true, lossy }
    }
}

/// The exit status; 128 plus the number of the signal when one ended it.
pub fn code(status: ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| status.signal().map(|s| 128 + s)).unwrap_or(-1).into()
}

/// A record `Output`.
pub fn value(code: i64, stdout: Kept, stderr: Kept) -> Value {
    Value::record([
        ("status", Value::Int(code)),
        ("stdout", Value::text(stdout.text)),
        ("stderr", Value::text(stderr.text)),
        ("truncated", Value::Bool(stdout.truncated || stderr.truncated)),
        ("lossy", Value::Bool(stdout.lossy || stderr.lossy)),
    ])
}

/// What a failure tells of a program.
pub fn detail(code: Option<i64>, stdout: &Kept, stderr: &Kept) -> Json {
    Json::object([
        ("status", code.map_or(Json::Null, Json::Int)),
        ("stdout", Json::from(end(&stdout.text))),
        ("stderr", Json::from(end(&stderr.text))),
    ])
}

/// The end of a text, where programs say what went wrong.
fn end(text: &str) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(SHOWN))..).unwrap_or_default()
}

/// The last line that says something, for a message.
pub fn last_line(stderr: &Kept) -> String {
    match stderr.text.lines().rev().find(|l| !l.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
