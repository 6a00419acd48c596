//! Reading one file, and what is known of a path.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::super::Cx;
use super::super::fail::invalid;
use super::{MAX_CONTENT, bytes, entry, path, system, work};

/// `file.read`
pub async fn read(cx: Cx<'_>) -> Result<Value, Failure> {
    let (path, max) = (path(cx, "path")?, cx.args.size("max", 1 << 20, MAX_CONTENT)?);
    work(cx, move |_| {
        let text = String::from_utf8(content(&path, max)?);
        let odd = |_| invalid(format!("`{}` is not UTF-8: read it with `file.read_bytes`", path.display()));
        Ok(Value::text(text.map_err(odd)?))
    })
    .await
}

/// `file.read_bytes`
pub async fn read_bytes(cx: Cx<'_>) -> Result<Value, Failure> {
    let (path, max) = (path(cx, "path")?, cx.args.size("max", 1 << 20, MAX_CONTENT)?);
    work(cx, move |_| Ok(Value::Bytes(content(&path, max)?.into()))).await
}

/// The content of a regular file. Its length is found by reading: what `/proc` says of a file's length is not true.
pub fn content(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let open = File::options().read(true).custom_flags(nonblock).open(path);
    let file = open.map_err(|e| system(path, &e))?;
    if !file.metadata().map_err(|e| system(path, &e))?.is_file() {
        return Err(invalid(format!("`{}` is no regular file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| system(path, &e))?;
    if bytes.len() as u64 > max {
        return Err(invalid(format!(
            "`{}` is longer than {max} bytes; `max` allows more, up to 16 MiB",
            path.display()
        )));
    }
    Ok(bytes)
}

fn look(path: &Path) -> Result<Option<Metadata>, Failure> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(system(path, &e)),
    }
}

/// `file.exists`
pub async fn exists(cx: Cx<'_>) -> Result<Value, Failure> {
    let path = path(cx, "path")?;
    work(cx, move |_| Ok(Value::Bool(look(&path)?.is_some()))).await
}

/// `file.info`
pub async fn info(cx: Cx<'_>) -> Result<Value, Failure> {
    let path = path(cx, "path")?;
    work(cx, move |_| Ok(look(&path)?.map_or(Value::None, |meta| entry(&path.to_string_lossy(), &meta)))).await
}

/// `file.usage`
pub async fn usage(cx: Cx<'_>) -> Result<Value, Failure> {
    let path = path(cx, "path")?;
    work(cx, move |_| {
        let stat = rustix::fs::statvfs(&path).map_err(|e| system(&path, &e.into()))?;
        let block = stat.f_frsize.max(1);
        let used = stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(block);
        let free = stat.f_bavail.saturating_mul(block);
        Ok(Value::record([
            ("total", bytes(stat.f_blocks.saturating_mul(block))),
            ("used", bytes(used)),
            ("free", bytes(free)),
            ("share", share(used, used.saturating_add(free))),
            ("inodes", share(stat.f_files.saturating_sub(stat.f_ffree), stat.f_files)),
        ]))
    })
    .await
}

#[allow(clippy::cast_precision_loss, reason = "a share needs no more digits than a Float has")]
fn share(part: u64, whole: u64) -> Value {
    Value::Float(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}
