//! `from exec(…)`: the lines that a program writes.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rrb_engine::sink::{Fed, MAX_BATCH};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;

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
    let read = async { tokio::join!(lines(source, out, format), last_line(err, &mut complaint)).0 };
    let read = source.unless_stopped(read).await;
    match read {
        Ok(Ok(())) => {}
        Ok(Err(stopped)) | Err(stopped) => {
            group.end(&mut child).await;
            return Err(stopped);
        }
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

/// Hands over each line of an output, until its end.
async fn lines(source: &Source, pipe: Option<impl AsyncRead + Unpin>, format: Format) -> Result<(), Stopped> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; CHUNK];
    let mut open = true;
    while open {
        let mut items: Vec<Fed> = Vec::new();
        let mut due: Option<tokio::time::Instant> = None;
        while items.len() < MAX_BATCH {
            let read = match due {
                None => pipe.read(&mut buffer).await,
                Some(due) => match tokio::time::timeout_at(due, pipe.read(&mut buffer)).await {
                    Ok(read) => read,
                    Err(_) => break,
                },
            };
            let got = read.map_err(|e| format!("its output cannot be read: {}", e.kind()))?;
            if got == 0 {
                items.extend(format.fed(&splitter.rest(), BTreeMap::new()));
                open = false;
                break;
            }
            splitter.push(buffer.get(..got).unwrap_or_default(), |line, _| {
                items.extend(format.fed(line, BTreeMap::new()));
            });
            if !items.is_empty() && due.is_none() {
                due = Some(tokio::time::Instant::now() + GATHER);
            }
        }
        while !items.is_empty() {
            let later = items.split_off(items.len().min(MAX_BATCH));
            source.bring(items, None).await?;
            items = later;
        }
    }
    Ok(())
}

/// Reads an output to its end and keeps the last line that says something.
async fn last_line(pipe: Option<impl AsyncRead + Unpin>, last: &mut String) {
    let Some(mut pipe) = pipe else { return };
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
