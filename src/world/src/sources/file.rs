//! `from file(…)`: the lines that are added to a file, through rotation.
//!
//! Where to go on is the file's number, how far it was read, and a digest of how it begins: a number is given again when a file is gone, and
//! a file that was emptied keeps its number.

use std::collections::BTreeMap;
use std::io::{self, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rrb_engine::api::SourceState;
use rrb_engine::sink::{Fed, MAX_BATCH};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::lines::{Format, Splitter};
use super::source::{Args, Source, Stopped};

/// How often it is looked for more.
const LOOK: Duration = Duration::from_millis(250);

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;

/// How much of a file's beginning tells it from another.
const HEAD: u64 = 256;

/// Files beside it that are looked at for the one that was read before.
const BESIDE: usize = 1_000;

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    device: u64,
    number: u64,
    /// Bytes up to behind the last line that was taken.
    read: u64,
    /// Of the first [`HEAD`] bytes, or of as many as were read.
    head: String,
}

/// A file being read.
struct Reading {
    file: File,
    place: Place,
    splitter: Splitter,
    /// Bytes that were read, lines that are not complete included.
    ahead: u64,
}

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let path = PathBuf::from(args.text("path")?);
    if !path.is_absolute() {
        return Err(Stopped::Failed(format!("`path` is an absolute path, not `{}`", path.display())));
    }
    let format = Format::named(args.choice("format")?);
    let mut reading = begin(source, &path, args.choice("begin")?).await?;
    source.report(match &reading {
        Some(_) => SourceState::Reading,
        None => SourceState::Failing { why: format!("there is no file `{}`, yet", path.display()) },
    });
    loop {
        if let Some(at) = &mut reading
            && at.more(source, &path, format).await?
        {
            continue;
        }
        if let Some(next) = changed(&path, reading.as_ref()).await? {
            if let Some(last) = &mut reading
                && (last.place.device, last.place.number) != (next.place.device, next.place.number)
            {
                last.finish(source, &path, format).await?;
            }
            source.bring(Vec::new(), Some(next.place.written())).await?;
            reading = Some(next);
            continue;
        }
        source.wait(LOOK).await?;
    }
}

/// Where it left off, or where it is to begin; none while there is no file.
async fn begin(source: &Source, path: &Path, begin: &str) -> Result<Option<Reading>, Stopped> {
    let place: Option<Place> = match source.cursor().await? {
        Some(cursor) => serde_json::from_str(&cursor).ok(),
        None => {
            let Some(mut at) = open(path).await? else { return Ok(None) };
            if begin == "end" {
                let end = at.file.metadata().await.map_err(|e| unread(path, &e))?.len();
                at.place.read = end;
                at.place.head = head(&mut at.file, end).await.map_err(|e| unread(path, &e))?;
                at.seek(path).await?;
            }
            // Before the first line: what comes while rrb is down counts already.
            source.bring(Vec::new(), Some(at.place.written())).await?;
            return Ok(Some(at));
        }
    };
    let Some(place) = place else { return open(path).await };
    for candidate in std::iter::once(path.to_owned()).chain(beside(path).await) {
        let Ok(Some(mut at)) = open(&candidate).await else { continue };
        if at.place.number == place.number && at.place.device == place.device && at.holds(&place).await {
            at.place = place;
            at.seek(path).await?;
            return Ok(Some(at));
        }
    }
    tracing::warn!(path = %path.display(), "the file that was read before is gone: lines at its end may be missing");
    open(path).await
}

/// The files beside this one, where rotation leaves those of before.
async fn beside(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Vec::new();
    };
    let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return Vec::new() };
    let mut found = Vec::new();
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry.file_name().to_str().is_some_and(|n| n != name && n.starts_with(name)) {
            found.push(entry.path());
        }
        if found.len() >= BESIDE {
            break;
        }
    }
    found
}

/// The file as it is now, read from its start; none when there is none.
async fn open(path: &Path) -> Result<Option<Reading>, Stopped> {
    // One that is no file could keep whoever opens it waiting.
    match tokio::fs::metadata(path).await {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Err(Stopped::Failed(format!("`{}` is no file", path.display()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unread(path, &e)),
    }
    let file = match File::open(path).await {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unread(path, &e)),
    };
    let meta = file.metadata().await.map_err(|e| unread(path, &e))?;
    let place = Place { device: meta.dev(), number: meta.ino(), read: 0, head: digest(&[]) };
    Ok(Some(Reading { file, place, splitter: Splitter::default(), ahead: 0 }))
}

/// What stands at the path now, when it is another file than the one that is read, or that one was emptied.
async fn changed(path: &Path, reading: Option<&Reading>) -> Result<Option<Reading>, Stopped> {
    let Some(now) = open(path).await? else { return Ok(None) };
    let Some(reading) = reading else { return Ok(Some(now)) };
    let other = (now.place.device, now.place.number) != (reading.place.device, reading.place.number);
    let mut now = now;
    let changed = other || !now.holds(&reading.place).await;
    Ok(changed.then_some(now))
}

fn unread(path: &Path, error: &io::Error) -> Stopped {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        kind => kind.to_string(),
    };
    Stopped::Failed(format!("`{}` cannot be read: {why}", path.display()))
}

/// The digest of the first bytes of a file, of those before `end`.
async fn head(file: &mut File, end: u64) -> io::Result<String> {
    let mut bytes = vec![0; usize::try_from(end.min(HEAD)).unwrap_or_default()];
    file.seek(SeekFrom::Start(0)).await?;
    file.read_exact(&mut bytes).await?;
    Ok(digest(&bytes))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

impl Place {
    fn written(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Reading {
    /// Whether this file still begins with what was read of it.
    async fn holds(&mut self, place: &Place) -> bool {
        let long = self.file.metadata().await.is_ok_and(|m| m.len() >= place.read);
        long && head(&mut self.file, place.read).await.is_ok_and(|head| head == place.head)
    }

    /// Goes to where it is to go on.
    async fn seek(&mut self, path: &Path) -> Result<(), Stopped> {
        self.ahead = self.place.read;
        self.file.seek(SeekFrom::Start(self.ahead)).await.map(drop).map_err(|e| unread(path, &e))
    }

    /// Takes what was added; false when nothing was.
    async fn more(&mut self, source: &Source, path: &Path, format: Format) -> Result<bool, Stopped> {
        let mut buffer = vec![0; CHUNK];
        let got = self.file.read(&mut buffer).await.map_err(|e| unread(path, &e))?;
        if got == 0 {
            return Ok(false);
        }
        let start = self.ahead;
        let mut lines: Vec<(u64, Option<Fed>)> = Vec::new();
        self.splitter.push(buffer.get(..got).unwrap_or_default(), |line, end| {
            let end = start + end as u64;
            lines.push((end, format.fed(line, headers(path, end))));
        });
        self.ahead += got as u64;
        self.take(source, path, lines).await?;
        Ok(true)
    }

    /// Hands lines over, each batch with where the next one begins.
    async fn take(&mut self, source: &Source, path: &Path, lines: Vec<(u64, Option<Fed>)>) -> Result<(), Stopped> {
        let mut lines = lines.into_iter().peekable();
        while lines.peek().is_some() {
            let (mut items, mut end) = (Vec::new(), self.place.read);
            while items.len() < MAX_BATCH
                && let Some((to, fed)) = lines.next()
            {
                end = to;
                items.extend(fed);
            }
            let mut place = Place { read: end, ..self.place.clone() };
            if self.place.read < HEAD {
                place.head = self.head(end).await.map_err(|e| unread(path, &e))?;
            }
            source.bring(items, Some(place.written())).await?;
            self.place = place;
        }
        Ok(())
    }

    async fn head(&mut self, end: u64) -> io::Result<String> {
        let head = head(&mut self.file, end).await?;
        self.file.seek(SeekFrom::Start(self.ahead)).await?;
        Ok(head)
    }

    /// The file was put aside: what it still holds is taken, a last line without an end too.
    async fn finish(&mut self, source: &Source, path: &Path, format: Format) -> Result<(), Stopped> {
        while self.more(source, path, format).await? {}
        let rest = self.splitter.rest();
        let end = self.ahead;
        self.take(source, path, vec![(end, format.fed(&rest, headers(path, end)))]).await
    }
}

/// What is said of a line: the file, and how far it has been read with it.
fn headers(path: &Path, end: u64) -> BTreeMap<String, String> {
    [("path".to_owned(), path.display().to_string()), ("offset".to_owned(), end.to_string())].into()
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
