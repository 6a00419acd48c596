//! The files of a project on disk, as the server holds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use crate::disk::{CONFIG, MAX_TOTAL, relative};
use crate::disk::{Entry, MAX_DEPTH, MAX_FILE, MAX_FILES, enters, is_read, text, walk};

/// Folders that are looked into for projects below a folder of the workspace.
pub const MAX_FOLDERS: usize = 20_000;
/// Projects of one workspace.
pub const MAX_PROJECTS: usize = 200;

/// When a file was last changed, and how long it is: what stays the same was not changed.
pub type Stamp = (Option<SystemTime>, u64);

/// A file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    pub text: Result<Arc<str>, String>,
    pub stamp: Stamp,
}

/// Reads a file; none when there is none.
pub fn read(path: &Path) -> Option<Held> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let stamp = (meta.modified().ok(), meta.len());
    Some(Held { text: text(path, MAX_FILE).map(Arc::from), stamp })
}

/// The stamp of a file; none when there is no such file.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((meta.modified().ok(), meta.len()))
}

/// The folder of the project that a file belongs to.
pub fn root_of(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|a| a.join(CONFIG).is_file()).map(Path::to_owned)
}

/// Whether the project in `root` holds a file at this path, by where it is: not in a hidden folder, not in `target`.
pub fn holds(root: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else { return false };
    let parts: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    is_read(path) && !name.starts_with('.') && folders.len() <= MAX_DEPTH && folders.iter().all(|f| enters(f))
}

/// What a walk found, and whether a bound ended it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In the order of their names.
    pub paths: Vec<PathBuf>,
    /// Why there may be more.
    pub cut: Option<String>,
}

/// Where the files of the project in `root` are, those of projects inside it left out.
pub fn files(root: &Path) -> Found {
    files_within(root, MAX_FILES)
}

fn files_within(root: &Path, most: usize) -> Found {
    let mut found = Found::default();
    walk(root, &mut |entry| {
        match entry {
            Entry::Folder(path) => return !path.join(CONFIG).exists(),
            Entry::File(path) if is_read(path) => {
                if found.paths.len() >= most {
                    found.cut = Some(format!("the project has more than {most} files"));
                    return false;
                }
                found.paths.push(path.to_owned());
            }
            Entry::File(_) | Entry::TooDeep(_) | Entry::Unreadable(..) => {}
        }
        true
    });
    found.paths.sort();
    found
}

/// The folders of the projects in and below a folder.
pub fn projects(folder: &Path) -> Found {
    projects_within(folder, MAX_FOLDERS, MAX_PROJECTS)
}

fn projects_within(folder: &Path, folders: usize, most: usize) -> Found {
    let mut found = Found::default();
    if folder.join(CONFIG).is_file() {
        found.paths.push(folder.to_owned());
    }
    let mut seen = 0;
    walk(folder, &mut |entry| {
        let Entry::Folder(path) = entry else { return found.cut.is_none() };
        seen += 1;
        if seen > folders || found.paths.len() >= most {
            found.cut = Some(if seen > folders {
                format!("more than {folders} folders")
            } else {
                format!("more than {most} projects")
            });
            return false;
        }
        if path.join(CONFIG).is_file() {
            found.paths.push(path.to_owned());
        }
        true
    });
    found.paths.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::folder;

    fn names(root: &Path, found: &Found) -> Vec<String> {
        found.paths.iter().map(|p| relative(root, p)).collect()
    }

    #[test]
    fn a_project_has_its_own_files() {
        let dir = folder(&[
            "rrb.toml",
            "b.rrb",
            "lib/a.rrb",
            "p/guard.rego",
            "notes.txt",
            ".git/x.rrb",
            "target/y.rrb",
            ".h.rrb",
            "inner/rrb.toml",
            "inner/z.rrb",
        ]);
        let found = files(dir.path());
        assert_eq!(names(dir.path(), &found), ["b.rrb", "lib/a.rrb", "p/guard.rego"]);
        assert!(found.paths.iter().all(|p| holds(dir.path(), p)));
        for not in ["notes.txt", ".git/x.rrb", "target/y.rrb", ".h.rrb", ""] {
            assert!(!holds(dir.path(), &dir.path().join(not)), "{not}");
        }
        assert_eq!(names(dir.path(), &projects(dir.path())), ["", "inner"]);
        assert_eq!(root_of(&dir.path().join("inner/z.rrb")), Some(dir.path().join("inner")));
        assert_eq!(root_of(&dir.path().join("lib/new.rrb")), Some(dir.path().to_owned()));
    }

    #[test]
    fn bounds_are_said() {
        let dir = folder(&["a/rrb.toml", "b/rrb.toml", "b/1.rrb", "b/2.rrb"]);
        assert_eq!(files_within(&dir.path().join("b"), 2).cut, None);
        assert_eq!(files_within(&dir.path().join("b"), 1).cut.unwrap(), "the project has more than 1 files");
        assert_eq!(projects_within(dir.path(), 2, 2).cut, None);
        assert_eq!(projects_within(dir.path(), 1, 2).cut.unwrap(), "more than 1 folders");
        assert_eq!(projects_within(dir.path(), 2, 1).cut.unwrap(), "more than 1 projects");
    }

    #[test]
    fn what_is_no_text_says_where() {
        let dir = folder(&[]);
        let path = dir.path().join("a.rrb");
        assert_eq!(read(&path), None);
        fs::write(&path, b"ok\n\xff").unwrap();
        assert_eq!(read(&path).unwrap().text, Err("it is not UTF-8 text (line 2)".into()));
        fs::write(&path, "ok").unwrap();
        assert_eq!(read(&path).unwrap().text, Ok("ok".into()));
        assert_eq!(read(dir.path()), None);
    }
}
