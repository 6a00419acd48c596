//! The state folder and its files: who may read them, and whether the file system can be relied on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::options::OpenError;

/// The files of a state folder.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub folder: PathBuf,
    pub db: PathBuf,
    pub wal: PathBuf,
    pub fresh: PathBuf,
    pub lock: PathBuf,
}

impl Files {
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            db: folder.join("state.db"),
            wal: folder.join("state.db-wal"),
            fresh: folder.join("state.db.new"),
            lock: folder.join("state.lock"),
        }
    }
}

/// Turns an I/O error on `path` into an [`OpenError`].
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}

/// Makes the folder (for its owner alone) unless it is there, and checks it.
pub(crate) fn prepare_folder(folder: &Path) -> Result<File, OpenError> {
    match DirBuilder::new().mode(0o700).recursive(true).create(folder) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(io_error("create the state folder", folder)(e)),
    }
    let dir = File::open(folder).map_err(io_error("open the state folder", folder))?;
    let meta = dir.metadata().map_err(io_error("read the state folder", folder))?;
    if !meta.is_dir() {
        let source = io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder");
        return Err(io_error("use the state folder", folder)(source));
    }
    let (others_write, sticky) = (meta.mode() & 0o002 != 0, meta.mode() & 0o1000 != 0);
    if others_write && !sticky {
        return Err(OpenError::Exposed { folder: folder.to_owned() });
    }
    let stat = rustix::fs::fstatfs(&dir).map_err(|e| io_error("look at the file system of", folder)(e.into()))?;
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        reason = "the type of the field differs between platforms"
    )]
    match network(stat.f_type as u64) {
        Some(kind) => Err(OpenError::Network { folder: folder.to_owned(), kind }),
        None => Ok(dir),
    }
}

/// The name of a network file system by the magic number of `statfs(2)`.
pub(crate) fn network(magic: u64) -> Option<&'static str> {
    // From linux/magic.h and statfs(2). FUSE is let pass: most of it is local.
    match magic & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x0102_1997 => Some("9p"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x7375_7245 => Some("Coda"),
        0x00c3_6400 => Some("Ceph"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x564c => Some("NCP"),
        _ => None,
    }
}

/// An empty file for its owner alone; an older one is replaced.
pub(crate) fn create_private(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(io_error("replace", path)(e)),
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop).map_err(io_error("create", path))
}

/// Makes a finished file durable under its final name.
pub(crate) fn publish(from: &Path, to: &Path, dir: &File) -> Result<(), OpenError> {
    let file = File::open(from).map_err(io_error("open", from))?;
    file.sync_all().map_err(io_error("flush", from))?;
    fs::rename(from, to).map_err(io_error("put in place", to))?;
    dir.sync_all().map_err(io_error("flush the folder of", to))
}

/// The size of a file; none when there is none.
pub(crate) fn size(path: &Path) -> Result<Option<u64>, OpenError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.len())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io_error("look at", path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xffff_ffff_ff53_4d42), Some("CIFS"), "a negative number on 32 bits");
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x6573_5546, 0x794c_7630] {
            assert_eq!(network(local), None, "{local:x}");
        }
    }
}
