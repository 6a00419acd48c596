//! One rrb per state folder.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::files::{Files, io_error};
use crate::options::OpenError;

/// Held as long as it lives; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    _folder: File,
}

/// How often to begin again when somebody replaces the lock file at the same time.
const TRIES: u32 = 16;

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// The folder itself is locked too, so that a deleted lock file lets nobody in.
    pub fn take(files: &Files, folder: File) -> Result<Self, OpenError> {
        for _ in 0..TRIES {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&files.lock)
                .map_err(io_error("open the lock", &files.lock))?;
            hold(&file, &mut || holder(&files.lock), files)?;
            if !same_file(&file, &files.lock) {
                continue;
            }
            hold(&folder, &mut || "its lock file was deleted".to_owned(), files)?;
            sign(&mut file).map_err(io_error("write the lock", &files.lock))?;
            return Ok(Self { _file: file, _folder: folder });
        }
        Err(OpenError::Held { folder: files.folder.clone(), holder: "its lock file keeps changing".to_owned() })
    }
}

fn hold(file: &File, holder: &mut dyn FnMut() -> String, files: &Files) -> Result<(), OpenError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Held { folder: files.folder.clone(), holder: holder() }),
        Err(e) => Err(io_error("lock", &files.lock)(e.into())),
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Writes who holds it, for the message of the next one.
fn sign(file: &mut File) -> std::io::Result<()> {
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "pid {}\nsince {started}", std::process::id())
}

fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|f| f.take(256).read_to_string(&mut text));
    let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).and_then(|v| v.trim().parse::<u64>().ok());
    match (read, field("pid "), field("since ")) {
        (Ok(_), Some(pid), Some(since)) => format!("process {pid}, started at {}", utc(since)),
        (Ok(_), Some(pid), None) => format!("process {pid}"),
        _ => "it does not say which process".to_owned(),
    }
}

/// Seconds since 1970 as `2026-11-22T00:27:00Z`.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// The date of a day since 1970-01-01 in the Gregorian calendar (years that begin in March, so that the leap day is the last).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_307_220), "2026-11-22T00:27:00Z");
    }
}
