//! The files of a project on disk, within bounds.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::key::slashed;

/// The file that makes a folder a project.
pub const CONFIG: &str = "rrb.toml";
/// Files of one project.
pub const MAX_FILES: usize = 5_000;
/// Folders inside each other.
pub const MAX_DEPTH: usize = 32;
/// Bytes of all files of a project together.
pub const MAX_TOTAL: u64 = 64 << 20;
/// Folders that are looked into for projects below a folder of the workspace.
pub const MAX_FOLDERS: usize = 20_000;
/// Projects of one workspace.
pub const MAX_PROJECTS: usize = 200;
/// Bytes read of one file: one more than the parser takes, so that it says itself that there are too many.
const MAX_FILE: u64 = rrb_lang::syntax::MAX_SOURCE as u64 + 1;

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
    Some(Held { text: text(path), stamp })
}

/// The stamp of a file; none when there is no such file.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((meta.modified().ok(), meta.len()))
}

fn text(path: &Path) -> Result<Arc<str>, String> {
    let file = fs::File::open(path).map_err(|e| reason(&e))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(|e| reason(&e))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        // A file cut at the bound may end inside a character.
        Err(e) if e.as_bytes().len() as u64 == MAX_FILE && e.utf8_error().error_len().is_none() => {
            Ok(String::from_utf8_lossy(e.as_bytes()).into())
        }
        Err(e) => {
            let line = e.as_bytes().iter().take(e.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count() + 1;
            Err(format!("it is not UTF-8 text (line {line})"))
        }
    }
}

/// An I/O error in a few words, without the operating system's number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Whether a file is one that a project reads: its sources and what policies delegate to.
pub fn is_read(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "rrb" || e == "rego" || e == "cedar")
}

/// The folder of the project that a file belongs to.
pub fn root_of(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|a| a.join(CONFIG).is_file()).map(Path::to_owned)
}

/// The name of a file inside its project, with `/`: `lib/paging.rrb`.
pub fn relative(root: &Path, path: &Path) -> String {
    slashed(path.strip_prefix(root).unwrap_or(path))
}

/// Whether the project in `root` holds a file at this path, by where it is: not in a hidden folder, not in `target`.
pub fn holds(root: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else { return false };
    let parts: Vec<_> = inside.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    is_read(path) && !name.starts_with('.') && folders.len() <= MAX_DEPTH && folders.iter().all(|f| enters(f))
}

/// Whether a folder of this name is looked into.
fn enters(name: &str) -> bool {
    !name.starts_with('.') && name != "target" && name != "node_modules"
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
    walk(root, 0, &mut |path, is_folder| {
        if is_folder {
            return !path.join(CONFIG).exists();
        }
        if is_read(path) {
            if found.paths.len() >= most {
                found.cut = Some(format!("the project has more than {most} files"));
                return false;
            }
            found.paths.push(path.to_owned());
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
    walk(folder, 0, &mut |path, is_folder| {
        if !is_folder {
            return true;
        }
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

/// Shows every entry below a folder to `each`, which says whether to go on: into a folder, or at all behind a file.
fn walk(folder: &Path, depth: usize, each: &mut dyn FnMut(&Path, bool) -> bool) {
    if depth > MAX_DEPTH {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // The kind of the entry itself: a link to a folder is not followed, so that no circle is walked.
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            if enters(&name) && each(&path, true) {
                walk(&path, depth + 1, each);
            }
        } else if !name.starts_with('.') && !each(&path, false) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

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
    fn a_circle_of_links_is_not_walked() {
        let dir = folder(&["rrb.toml", "a.rrb"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert_eq!(names(dir.path(), &files(dir.path())), ["a.rrb"]);
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
