//! `from exec(…)`: the lines that a program writes.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rrb_engine::sink::{Fed, MAX_BATCH};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::Instant;

use super::lines::{Format, Splitter};
use super::source::{Args, Source, Stopped};
use crate::process::{self, Group};

/// Lines wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(50);

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// How much of the last line of its standard error a message shows, in characters.
const SHOWN: usize = 200;

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let command = args.texts("command")?;
    let format = Format::named(args.choice("format")?);
    let Some((program, rest)) = command.split_first().filter(|(p, _)| !p.is_empty()) else {
        return Err(Stopped::Failed("`command` is a list of a program and its arguments".to_owned()));
    };
    if command.iter().any(|a| a.contains('\0')) {
        return Err(Stopped::Failed("an argument of `command` holds a zero byte".to_owned()));
    }
    let mut child = process::bare(program, rest).spawn().map_err(|e| not_started(program, &e))?;
    let mut group = Group::of(&child);
    source.reading();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut complaint = String::new();
    let read = async { tokio::try_join!(lines(source, out, format), last_line(err, &mut complaint)) };
    if let Err(stopped) = read.await {
        group.end(&mut child).await;
        return Err(stopped);
    }
    let status = ended(source, &mut child, &mut group).await?;
    let said = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
    Err(Stopped::Failed(format!("`{program}` ended ({status}){said}")))
}

/// Its output is closed: it comes to its end, or is brought to it.
async fn ended(source: &Source, child: &mut Child, group: &mut Group) -> Result<ExitStatus, Stopped> {
    match source.unless_stopped(tokio::time::timeout(Duration::from_secs(5), child.wait())).await {
        Ok(Ok(Ok(status))) => {
            group.ended();
            Ok(status)
        }
        Ok(Ok(Err(e))) => Err(Stopped::Failed(format!("it was lost sight of: {}", e.kind()))),
        Ok(Err(_)) => {
            group.end(child).await;
            Err(Stopped::Failed("it closed its output and did not end, so it was ended".to_owned()))
        }
        Err(stopped) => {
            group.end(child).await;
            Err(stopped)
        }
    }
}

/// Hands over each line of an output, until its end. Lines that have come are written before the source stops.
async fn lines(source: &Source, pipe: Option<impl AsyncRead + Unpin>, format: Format) -> Result<(), Stopped> {
    let Some(pipe) = pipe else { return Ok(()) };
    let mut output = Output { pipe, format, splitter: Splitter::default(), buffer: vec![0; CHUNK], open: true };
    while output.open {
        let mut items = Vec::new();
        let gathered = output.gather(source, &mut items).await;
        while !items.is_empty() {
            let later = items.split_off(items.len().min(MAX_BATCH));
            source.bring(items, None).await?;
            items = later;
        }
        gathered?;
    }
    Ok(())
}

/// What a program writes, as lines.
struct Output<P> {
    pipe: P,
    format: Format,
    splitter: Splitter,
    buffer: Vec<u8>,
    /// Whether more can come.
    open: bool,
}

impl<P: AsyncRead + Unpin> Output<P> {
    /// Waits for lines, then a little longer for more of them, up to about a batch.
    async fn gather(&mut self, source: &Source, items: &mut Vec<Fed>) -> Result<(), Stopped> {
        let mut due: Option<Instant> = None;
        while self.open && items.len() < MAX_BATCH {
            let read = source.unless_stopped(self.pipe.read(&mut self.buffer));
            let read = match due {
                None => read.await?,
                Some(due) => match tokio::time::timeout_at(due, read).await {
                    Ok(read) => read?,
                    Err(_) => break,
                },
            };
            let got = read.map_err(|e| format!("its output cannot be read: {}", e.kind()))?;
            self.take(got, items);
            if !items.is_empty() && due.is_none() {
                due = Some(Instant::now() + GATHER);
            }
        }
        Ok(())
    }

    /// Takes the lines of the `got` bytes that were read; none means that the output has ended.
    fn take(&mut self, got: usize, items: &mut Vec<Fed>) {
        let format = self.format;
        if got == 0 {
            items.extend(format.fed(&self.splitter.rest(), BTreeMap::new()));
            self.open = false;
            return;
        }
        self.splitter.push(self.buffer.get(..got).unwrap_or_default(), |line, _| {
            items.extend(format.fed(line, BTreeMap::new()));
        });
    }
}

/// Reads an output to its end and keeps the last line that says something.
async fn last_line(pipe: Option<impl AsyncRead + Unpin>, last: &mut String) -> Result<(), Stopped> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; CHUNK];
    let mut keep = |line: &[u8]| {
        let text = String::from_utf8_lossy(line);
        if !text.trim().is_empty() {
            *last = text.trim().chars().take(SHOWN).collect();
        }
    };
    while let Ok(got @ 1..) = pipe.read(&mut buffer).await {
        splitter.push(buffer.get(..got).unwrap_or_default(), |line, _| keep(line));
    }
    keep(&splitter.rest());
    Ok(())
}

fn not_started(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("the program `{name}` does not exist"),
        io::ErrorKind::PermissionDenied => format!("the program `{name}` may not be started"),
        kind => format!("the program `{name}` cannot be started: {kind}"),
    }
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
