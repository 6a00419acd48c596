//! Which files on disk belong to a project, and what they say, within bounds. The commands and the language server read a project by
//! these same rules.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// The file that makes a folder a project.
pub const CONFIG: &str = "rrb.toml";
/// Files of one project.
pub const MAX_FILES: usize = 5_000;
/// Folders inside each other.
pub const MAX_DEPTH: usize = 32;
/// Bytes of all files of a project together.
pub const MAX_TOTAL: u64 = 64 << 20;
/// Bytes read of one file: one more than the parser takes, so that it says itself that there are too many.
pub const MAX_FILE: u64 = rrb_lang::syntax::MAX_SOURCE as u64 + 1;

/// What a walk comes across.
#[derive(Debug)]
pub enum Entry<'a> {
    Folder(&'a Path),
    /// A file, or a link to one.
    File(&'a Path),
    /// A folder below so many others that it is not looked into.
    TooDeep(&'a Path),
    /// A folder that cannot be looked into.
    Unreadable(&'a Path, &'a io::Error),
}

/// Shows everything below a folder to `each`: nothing hidden, nothing in `target` or `node_modules`, no folder behind a link. `each` says
/// of a folder whether to look into it, and of anything else whether to go on at all. Whether the walk came to its end.
pub fn walk(folder: &Path, each: &mut dyn FnMut(Entry<'_>) -> bool) -> bool {
    walk_from(folder, 0, each)
}

fn walk_from(folder: &Path, depth: usize, each: &mut dyn FnMut(Entry<'_>) -> bool) -> bool {
    if depth > MAX_DEPTH {
        return each(Entry::TooDeep(folder));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return each(Entry::Unreadable(folder, &e)),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The kind of the entry itself: a link to a folder is not followed, so that no circle is walked.
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        let goes_on = if kind.is_dir() {
            !enters(&name) || !each(Entry::Folder(&path)) || walk_from(&path, depth + 1, each)
        } else {
            name.starts_with('.') || !(kind.is_file() || path.is_file()) || each(Entry::File(&path))
        };
        if !goes_on {
            return false;
        }
    }
    true
}

/// Whether a folder of this name is looked into.
pub fn enters(name: &str) -> bool {
    !name.starts_with('.') && name != "target" && name != "node_modules"
}

/// Whether a file is one that a project reads: its sources and what policies delegate to.
pub fn is_read(path: &Path) -> bool {
    is_source(path) || path.extension().is_some_and(|e| e == "rego" || e == "cedar")
}

/// Whether a file is source of rrb.
pub fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "rrb")
}

/// The name of a file inside its project, with `/`: `lib/paging.rrb`.
pub fn relative(root: &Path, path: &Path) -> String {
    slashed(path.strip_prefix(root).unwrap_or(path))
}

/// A path with `/` between its parts.
pub fn slashed(path: &Path) -> String {
    path.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The text of a file, at most `limit` bytes of it.
///
/// # Errors
/// In words, why it cannot be read.
pub fn text(path: &Path, limit: u64) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|e| reason(&e))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        // A file cut at the bound may end inside a character.
        Err(e) if e.as_bytes().len() as u64 == limit && e.utf8_error().error_len().is_none() => {
            Ok(String::from_utf8_lossy(e.as_bytes()).into_owned())
        }
        Err(e) => {
            let line = e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
            Err(format!("it is not UTF-8 text (line {line})"))
        }
    }
}

/// An I/O error in a few words, without the operating system's number.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn walked(root: &Path, each: &mut dyn FnMut(&Entry<'_>) -> bool) -> (bool, Vec<String>) {
        let mut seen = Vec::new();
        let whole = walk(root, &mut |entry| {
            let (kind, path) = match &entry {
                Entry::Folder(path) => ("folder", path),
                Entry::File(path) => ("file", path),
                Entry::TooDeep(path) => ("deep", path),
                Entry::Unreadable(path, _) => ("closed", path),
            };
            seen.push(format!("{kind} {}", relative(root, path)));
            each(&entry)
        });
        seen.sort();
        (whole, seen)
    }

    /// A folder with these files, which are empty.
    pub fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn a_walk_leaves_out_what_is_no_source() {
        let dir = folder(&["a.rrb", "lib/b.rrb", "lib/no/c.rrb", ".git/x", "target/y", "node_modules/z", ".hidden"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("circle")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a.rrb"), dir.path().join("link.rrb")).unwrap();
        let (whole, seen) = walked(dir.path(), &mut |e| !matches!(e, Entry::Folder(p) if p.ends_with("no")));
        assert!(whole);
        assert_eq!(seen, ["file a.rrb", "file lib/b.rrb", "file link.rrb", "folder lib", "folder lib/no"]);
    }

    #[test]
    fn a_walk_ends_where_it_is_told_to() {
        let dir = folder(&["a/1", "a/2", "b/1", "b/2"]);
        let mut files = 0;
        let (whole, seen) = walked(dir.path(), &mut |e| {
            files += usize::from(matches!(e, Entry::File(_)));
            files < 3
        });
        assert!(!whole && seen.iter().filter(|s| s.starts_with("file")).count() == 3, "{seen:?}");
        let (_, seen) = walked(&dir.path().join("none"), &mut |_| true);
        assert_eq!(seen, ["closed "]);
        let deep = folder(&[&format!("{}x", "d/".repeat(MAX_DEPTH + 1))]);
        let (whole, seen) = walked(deep.path(), &mut |_| true);
        assert!(whole && seen.iter().filter(|s| s.starts_with("deep")).count() == 1, "{seen:?}");
        assert!(seen.iter().all(|s| !s.starts_with("file")), "{seen:?}");
    }

    #[test]
    fn what_is_no_text_says_where() {
        let dir = folder(&["empty"]);
        let path = dir.path().join("a");
        assert_eq!(text(&path, 10), Err("there is no such file or folder".into()));
        fs::write(&path, b"ok\n\xff").unwrap();
        assert_eq!(text(&path, 10), Err("it is not UTF-8 text (line 2)".into()));
        fs::write(&path, "aé").unwrap();
        assert_eq!((text(&path, 3), text(&path, 2)), (Ok("aé".into()), Ok("a\u{fffd}".into())));
        assert!(text(dir.path(), 3).is_err());
    }
}
