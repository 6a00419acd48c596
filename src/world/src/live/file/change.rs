//! Writing, moving and deleting.

use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, Happened};
use rustix::fs::RenameFlags;

use super::super::Cx;
use super::super::fail::{conflict, forbidden, invalid};
use super::walk::{Total, Walk, walk};
use super::{MAX_CONTENT, Stop, bytes, count, kind, length, path, system, work};

/// How much of the old content a `write` gives back, in bytes.
const MAX_PREVIOUS: u64 = 64 << 10;

/// How many entries one `delete` removes.
const MAX_DELETED: usize = 100_000;

/// `file.write`
pub async fn write(cx: Cx<'_>) -> Result<Value, Failure> {
    let (path, content) = (path(cx, "path")?, cx.args.text("content")?.to_owned());
    if content.len() as u64 > MAX_CONTENT {
        return Err(invalid("`file.write` takes at most 16 MiB"));
    }
    let mode = mode(cx.args.text_or_none("mode")?.unwrap_or("644"))?;
    work(cx, move |_| {
        let before = existing(&path)?;
        let previous = before.as_ref().and_then(|meta| previous(&path, meta));
        replace(&path, content.as_bytes(), mode, before.as_ref())?;
        Ok(Value::record([
            ("path", Value::text(path.to_string_lossy())),
            ("size", bytes(content.len() as u64)),
            ("previous", previous.map_or(Value::None, Value::text)),
            ("replaced", Value::Bool(before.is_some())),
        ]))
    })
    .await
}

fn mode(text: &str) -> Result<u32, Failure> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|_| (3..=4).contains(&text.len()) && !text.starts_with('+'));
    mode.ok_or_else(|| {
        invalid(format!("`mode` is three or four octal digits such as `644`, not `{}`", text.escape_debug()))
    })
}

fn existing(path: &Path) -> Result<Option<Metadata>, Failure> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_file() => Ok(Some(meta)),
        Ok(meta) => Err(conflict(format!(
            "`{}` is a {}, and `file.write` replaces regular files only",
            path.display(),
            kind(&meta)
        ))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(system(path, &e)),
    }
}

fn previous(path: &Path, meta: &Metadata) -> Option<String> {
    if meta.len() > MAX_PREVIOUS {
        return None;
    }
    String::from_utf8(super::look::content(path, MAX_PREVIOUS).ok()?).ok()
}

/// Whoever reads the file sees the old content or the new one, never a part, and not even a power cut changes that.
fn replace(path: &Path, content: &[u8], mode: u32, before: Option<&Metadata>) -> Result<(), Failure> {
    let beside = beside(path)?;
    let written = fill(&beside, content, mode, before).and_then(|()| std::fs::rename(&beside, path));
    if let Err(e) = written {
        let _ = std::fs::remove_file(&beside);
        return Err(system(path, &e));
    }
    sync_folder(path)
}

/// A name in the same folder that nobody else uses, short enough for every file system.
fn beside(path: &Path) -> Result<PathBuf, Failure> {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(_)) => Ok(folder.join(format!(".{}.rrb", uuid::Uuid::new_v4().simple()))),
        _ => Err(invalid(format!("`{}` is no name of a file", path.display()))),
    }
}

/// A rename lasts once the folder is on disk. It happened in any case.
fn sync_folder(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| system(folder, &e).happened(Happened::Answered))
}

fn fill(beside: &Path, content: &[u8], mode: u32, before: Option<&Metadata>) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(beside)?;
    file.write_all(content)?;
    if let Some(before) = before {
        own(&file, before)?;
    }
    let mode = before.map_or(mode, |meta| meta.permissions().mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Gives a new file the owner of the one it stands for.
fn own(file: &File, of: &Metadata) -> io::Result<()> {
    let made = file.metadata()?;
    if (made.uid(), made.gid()) == (of.uid(), of.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(of.uid()), Some(of.gid()))
}

/// `file.move`
pub async fn rename(cx: Cx<'_>) -> Result<Value, Failure> {
    let (from, to, make) = (path(cx, "from")?, path(cx, "to")?, cx.args.bool("make_folders")?);
    work(cx, move |stop| {
        let meta = from.symlink_metadata().map_err(|e| system(&from, &e))?;
        if to.starts_with(&from) {
            return Err(invalid(format!("`{}` cannot be moved to `{}`, which is in it", from.display(), to.display())));
        }
        if let (true, Some(folder)) = (make, to.parent()) {
            std::fs::create_dir_all(folder).map_err(|e| system(folder, &e))?;
        }
        match rename_unless_taken(&from, &to) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices && meta.is_file() => carry(&from, &to, &meta, stop)?,
            Err(e) => return Err(system(&to, &e)),
            Ok(()) => {}
        }
        Ok(Value::record([
            ("from", Value::text(from.to_string_lossy())),
            ("to", Value::text(to.to_string_lossy())),
            ("size", bytes(length(&meta))),
        ]))
    })
    .await
}

fn rename_unless_taken(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::CWD;
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // An old or foreign file system that cannot rename so: look first, which somebody else may do at the same moment.
        Err(Errno::INVAL | Errno::NOSYS) => match to.symlink_metadata() {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => std::fs::rename(from, to),
        },
        other => other.map_err(io::Error::from),
    }
}

/// Moves a file to another file system: the copy is whole and on disk before the original goes.
fn carry(from: &Path, to: &Path, meta: &Metadata, stop: &Stop) -> Result<(), Failure> {
    let copied = beside(to).and_then(|copy| match copy_file(from, &copy, meta, stop) {
        Ok(()) => rename_unless_taken(&copy, to)
            .map_err(|e| system(to, &e))
            .inspect_err(|_| drop(std::fs::remove_file(&copy))),
        Err(failure) => {
            let _ = std::fs::remove_file(&copy);
            Err(failure.happened(Happened::No))
        }
    });
    copied?;
    sync_folder(to)?;
    // When the original cannot go, nothing has moved.
    std::fs::remove_file(from).map_err(|e| {
        let _ = std::fs::remove_file(to);
        system(from, &e)
    })
}

fn copy_file(from: &Path, to: &Path, meta: &Metadata, stop: &Stop) -> Result<(), Failure> {
    let nonblock = i32::try_from((rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits()).unwrap_or(0);
    let mut source = File::options().read(true).custom_flags(nonblock).open(from).map_err(|e| system(from, &e))?;
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to).map_err(|e| system(to, &e))?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        stop.check()?;
        match source.read(&mut buffer).map_err(|e| system(from, &e))? {
            0 => break,
            n => target.write_all(buffer.get(..n).unwrap_or_default()).map_err(|e| system(to, &e))?,
        }
    }
    let dressed = own(&target, meta).and_then(|()| {
        target.set_permissions(Permissions::from_mode(meta.mode() & 0o7777))?;
        target.set_modified(meta.modified()?)?;
        target.sync_all()
    });
    dressed.map_err(|e| system(to, &e))
}

/// `file.delete`
pub async fn delete(cx: Cx<'_>) -> Result<Value, Failure> {
    let (path, recursive) = (path(cx, "path")?, cx.args.bool("recursive")?);
    work(cx, move |stop| match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(deleted(false, &Total::default())),
        Err(e) => Err(system(&path, &e)),
        Ok(meta) if meta.is_dir() => delete_folder(&path, &meta, recursive, stop),
        Ok(meta) => {
            std::fs::remove_file(&path).map_err(|e| system(&path, &e))?;
            let mut total = Total::default();
            total.add(&meta);
            Ok(deleted(true, &total))
        }
    })
    .await
}

fn delete_folder(path: &Path, meta: &Metadata, recursive: bool, stop: &Stop) -> Result<Value, Failure> {
    delete_within(path, meta, recursive, stop, MAX_DELETED)
}

fn delete_within(path: &Path, meta: &Metadata, recursive: bool, stop: &Stop, most: usize) -> Result<Value, Failure> {
    if path.parent().is_none_or(|p| p.parent().is_none()) {
        return Err(forbidden(format!(
            "`{}` is a top folder of this machine, and those are not deleted",
            path.display()
        )));
    }
    let mut total = Total::default();
    total.add(meta);
    if !recursive {
        std::fs::remove_dir(path).map_err(|e| system(path, &e))?;
        return Ok(deleted(true, &total));
    }
    // Looked at before the first file goes: what is too large or spans file systems loses nothing.
    let seen = walk(path, Walk { recursive: true, entries: most }, stop, |_, meta| total.add(meta))?;
    if let Some(mount) = mount_in(path, meta, &seen.mounts) {
        return Err(conflict(format!("another file system is mounted at `{}`: unmount it first", mount.display())));
    }
    if let Some(folder) = seen.unreadable.first() {
        return Err(forbidden(format!("`{folder}` cannot be read, so `{}` is not deleted", path.display())));
    }
    // From here on a part may be gone; the standard library follows no link, whatever changes meanwhile.
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(system(path, &e).happened(Happened::Maybe)),
        _ => Ok(deleted(true, &total)),
    }
}

fn mount_in(path: &Path, meta: &Metadata, mounts: &[PathBuf]) -> Option<PathBuf> {
    let above = path.parent().and_then(|p| p.metadata().ok());
    if above.is_some_and(|above| above.dev() != meta.dev()) {
        return Some(path.to_path_buf());
    }
    mounts.first().cloned()
}

fn deleted(existed: bool, total: &Total) -> Value {
    Value::record([
        ("existed", Value::Bool(existed)),
        ("files", count(total.files)),
        ("folders", count(total.folders)),
        ("size", bytes(total.size)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_too_many_entries_loses_none() {
        for (most, deleted) in [(4, false), (5, true), (6, true)] {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("f");
            std::fs::create_dir_all(folder.join("sub")).unwrap();
            for name in ["a", "b", "c", "sub/d"] {
                std::fs::write(folder.join(name), "x").unwrap();
            }
            let meta = folder.symlink_metadata().unwrap();
            let answer = delete_within(&folder, &meta, true, &Stop(std::sync::Arc::default()), most);
            assert_eq!((answer.is_ok(), folder.exists()), (deleted, !deleted), "{most}: {answer:?}");
            assert!(deleted || folder.join("sub/d").exists());
        }
    }
}
