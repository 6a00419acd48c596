//! `file.*`: files of this machine. Everything blocks on a thread that may, and stops when nobody waits any more.

mod change;
mod look;
#[cfg(test)]
mod tests;
mod walk;

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use change::{delete, rename, write};
pub use look::{exists, info, read, read_bytes, usage};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
pub use walk::{folder_size, list};

use super::Cx;
use super::fail::{conflict, forbidden, invalid, not_found, timeout, unavailable};

/// The longest that a call on files takes when it has no deadline.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// The longest path, in bytes.
const MAX_PATH: usize = 4095;

/// The most that is read or written at once, in bytes.
const MAX_CONTENT: u64 = 16 << 20;

/// The argument `name` as a path: absolute, without `..`.
fn path(cx: Cx<'_>, name: &str) -> Result<PathBuf, Failure> {
    let text = cx.args.text(name)?;
    let shown = || text.chars().take(200).collect::<String>().escape_debug().to_string();
    if !text.starts_with('/') {
        return Err(invalid(format!("a path begins with `/`, and `{}` does not", shown())));
    }
    if text.contains('\0') || text.len() > MAX_PATH {
        return Err(invalid(format!("`{}` is no path: it holds a zero byte or is longer than 4095 bytes", shown())));
    }
    let path = Path::new(text);
    if path.components().any(|c| c == Component::ParentDir) {
        return Err(invalid(format!("a path has no `..` in it, as `{}` has: write the folder it means", shown())));
    }
    Ok(path.components().collect())
}

/// Set when nobody waits any more.
#[derive(Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Fails when the work should stop.
    fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) { Err(timeout("nobody waits for this call any more")) } else { Ok(()) }
    }
}

/// Sets its [`Stop`] when dropped.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does what blocks, within the call's deadline.
async fn work<T: Send + 'static>(
    cx: Cx<'_>,
    f: impl FnOnce(&Stop) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let within = cx.within(LONGEST)?;
    let stop = Stop::default();
    let _guard = StopOnDrop(stop.clone());
    match tokio::time::timeout(within, super::blocking(move || f(&stop))).await {
        Ok(result) => result,
        Err(_) => Err(timeout(format!("`{}` was not done after {within:?}", cx.call.native))),
    }
}

/// What an error of the system means. It refused, so nothing happened.
fn system(path: &Path, error: &io::Error) -> Failure {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => not_found(format!("`{path}` does not exist")),
        io::ErrorKind::PermissionDenied => forbidden(format!("`{path}`: this user may not do that")),
        io::ErrorKind::ReadOnlyFilesystem => forbidden(format!("`{path}` is on a file system that is read-only")),
        io::ErrorKind::AlreadyExists => conflict(format!("`{path}` exists already")),
        io::ErrorKind::DirectoryNotEmpty => conflict(format!("the folder `{path}` is not empty")),
        io::ErrorKind::NotADirectory => invalid(format!("a part of `{path}` is no folder")),
        io::ErrorKind::IsADirectory => invalid(format!("`{path}` is a folder")),
        io::ErrorKind::CrossesDevices => {
            invalid(format!("`{path}` is on another file system: nothing can be moved there by renaming"))
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Failure::new(FailureKind::Unavailable, format!("no space is left for `{path}`")).happened(Happened::No)
        }
        kind => unavailable(format!("`{path}`: {kind}")),
    }
}

/// `file`, `folder`, `link` or `other`.
fn kind(meta: &std::fs::Metadata) -> &'static str {
    let ty = meta.file_type();
    match (ty.is_file(), ty.is_dir(), ty.is_symlink()) {
        (true, ..) => "file",
        (_, true, _) => "folder",
        (.., true) => "link",
        _ => "other",
    }
}

fn bytes(n: u64) -> Value {
    Value::Size(i64::try_from(n).unwrap_or(i64::MAX))
}

fn count(n: usize) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// Milliseconds since 1970 of the last change.
fn modified(meta: &std::fs::Metadata) -> i64 {
    meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000)
}

fn length(meta: &std::fs::Metadata) -> u64 {
    if meta.is_file() { meta.len() } else { 0 }
}

fn entry(path: &str, meta: &std::fs::Metadata) -> Value {
    Value::record([
        ("path", Value::text(path)),
        ("kind", Value::text(kind(meta))),
        ("size", bytes(length(meta))),
        ("modified", Value::Time(modified(meta))),
        ("mode", Value::text(format!("{:o}", meta.permissions().mode() & 0o7777))),
        ("uid", Value::Int(meta.uid().into())),
    ])
}
