//! Where a session's history is kept: a file per project, beside the person's other state, for their eyes alone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Lines that are kept.
pub const KEPT: usize = 5_000;
/// Bytes of a history file that are read.
const MOST: u64 = 4 << 20;

/// The file for the project at `root`; none where the person has no home.
pub fn file(root: Option<&Path>) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME").filter(|h| !h.is_empty())?).join(".local/state"));
    let folder = state.or_else(home)?.join("rrb").join("repl");
    let name = match root {
        None => "no-project".to_owned(),
        Some(root) => {
            let mut hasher = DefaultHasher::new();
            root.hash(&mut hasher);
            let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
            let base: String =
                root.file_name().map(|n| n.to_string_lossy().chars().map(plain).collect()).unwrap_or_default();
            format!("{base}-{:016x}", hasher.finish())
        }
    };
    Some(folder.join(format!("{name}.history")))
}

/// Whether a history can be read from the file: a history that is no text, or very large, is not.
///
/// # Errors
/// Why not; a file that is not there is an empty history.
pub fn readable(path: &Path) -> Result<bool, String> {
    use std::io::Read;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(crate::project::reason(&e)),
    };
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(|e| crate::project::reason(&e))?;
    if bytes.len() as u64 > MOST {
        return Err(format!("it has more than {} MiB", MOST >> 20));
    }
    std::str::from_utf8(&bytes).map(|_| true).map_err(|_| "it is no UTF-8 text".to_owned())
}

/// Makes the folder, for its owner alone.
pub fn prepare(path: &Path) -> bool {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = path.parent() else { return false };
    folder.is_dir() || std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_cannot_be_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("h");
        assert_eq!(readable(&path), Ok(false));
        std::fs::write(&path, "#V2\n1 + 1\n").unwrap();
        assert_eq!(readable(&path), Ok(true));
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert!(readable(&path).unwrap_err().contains("UTF-8"));
        let most = usize::try_from(MOST).unwrap();
        for (bytes, fits) in [(most - 1, true), (most, true), (most + 1, false)] {
            std::fs::write(&path, "x".repeat(bytes)).unwrap();
            assert_eq!(readable(&path).is_ok(), fits, "{bytes}");
        }
        assert!(readable(dir.path()).is_err());
    }

    #[test]
    fn each_project_has_its_own() {
        let (a, b) = (file(Some(Path::new("/p/a"))), file(Some(Path::new("/q/a"))));
        assert!(a.is_some() && a != b && file(None) != a);
    }
}
