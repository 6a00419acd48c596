//! The `.rrb` files of a project, within bounds.

use std::path::{Path, PathBuf};

use rrb_lsp::disk::{self, Entry, MAX_DEPTH, MAX_FILE, MAX_FILES, MAX_TOTAL, is_source, reason, relative};

use super::Place;
use super::place::CONFIG;
use crate::exit::CliError;

/// What was read.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The text of `rrb.toml`.
    pub config: Option<String>,
    /// In the order of their names.
    pub modules: Vec<ModuleFile>,
    /// What policies may delegate to: `.rego` and `.cedar` files.
    pub delegates: Vec<DelegateFile>,
    /// What could not be read, and why.
    pub unreadable: Vec<Unreadable>,
}

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// Relative to the project, with `/`: `lib/paging.rrb`.
    pub name: String,
    pub text: String,
}

/// A file that a policy may delegate to. One that cannot be read matters only where a policy wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateFile {
    /// Relative to the project, with `/`: `policies/guard.rego`.
    pub name: String,
    pub text: Result<String, String>,
}

/// A file that belongs to the project but cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub name: String,
    pub reason: String,
}

/// Reads `rrb.toml` and every `.rrb`, `.rego` and `.cedar` file: not in hidden folders, not in `target`, not in a project inside the project.
///
/// # Errors
/// When the project has more files, folders or bytes than the bounds above, or its folder cannot be read.
pub fn collect(place: &Place) -> Result<Files, CliError> {
    collect_within(place, MAX_FILES, MAX_TOTAL)
}

fn collect_within(place: &Place, most: usize, bytes: u64) -> Result<Files, CliError> {
    let mut files = config_only(place);
    let mut total = 0_u64;
    for path in paths_within(place, most)? {
        let name = relative(&place.root, &path);
        if path.extension().is_none_or(|e| e != "rrb") && place.single.is_none() {
            let text = disk::text(&path, MAX_FILE);
            total += text.as_ref().map_or(0, |t| t.len() as u64);
            files.delegates.push(DelegateFile { name, text });
        } else {
            match disk::text(&path, MAX_FILE) {
                Ok(text) => {
                    total += text.len() as u64;
                    files.modules.push(ModuleFile { name, text });
                }
                Err(reason) => files.unreadable.push(Unreadable { name, reason }),
            }
        }
        if total > bytes {
            return Err(CliError::usage(format!("the project has more than {} MiB of source", bytes >> 20)));
        }
    }
    Ok(files)
}

/// Where the `.rrb` files are, and those that policies may delegate to, in the order of their names.
pub(super) fn paths(place: &Place) -> Result<Vec<PathBuf>, CliError> {
    paths_within(place, MAX_FILES)
}

fn paths_within(place: &Place, most: usize) -> Result<Vec<PathBuf>, CliError> {
    if let Some(file) = &place.single {
        return Ok(vec![file.clone()]);
    }
    walk(&place.root, most, false)
}

/// The `.rrb` files of a project, in the order of their names.
///
/// # Errors
/// When its folder cannot be read, or the bounds above are passed.
pub fn files_of(place: &Place) -> Result<Vec<PathBuf>, CliError> {
    let mut found = paths(place)?;
    found.retain(|p| is_source(p));
    Ok(found)
}

/// The file at `path`, or every `.rrb` file below that folder, those of projects inside it included.
///
/// # Errors
/// When there is no such path, it is a file of another kind, or the bounds above are passed.
pub fn files_below(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let shown = crate::text::clean(&path.to_string_lossy()).into_owned();
    let full =
        path.canonicalize().map_err(|e| CliError::not_found(format!("cannot open `{shown}`: {}", reason(&e))))?;
    if full.is_file() {
        if is_source(&full) {
            return Ok(vec![full]);
        }
        return Err(CliError::usage(format!("`{shown}` is no rrb file")).help("a runbook's file ends in `.rrb`"));
    }
    let mut found = walk(&full, MAX_FILES, true)?;
    found.retain(|p| is_source(p));
    Ok(found)
}

/// Only the project file.
pub(super) fn config_only(place: &Place) -> Files {
    let mut files = Files::default();
    if let Some(config) = place.config() {
        match disk::text(&config, rrb_lang::project::MAX_BYTES as u64 + 1) {
            Ok(text) => files.config = Some(text),
            Err(reason) => files.unreadable.push(Unreadable { name: CONFIG.to_owned(), reason }),
        }
    }
    files
}

/// The files below a folder that a project reads; with `projects`, those of projects inside it, too.
fn walk(folder: &Path, most: usize, projects: bool) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    let mut wrong = None;
    let shown = |path: &Path| crate::text::clean(&path.to_string_lossy()).into_owned();
    disk::walk(folder, &mut |entry| {
        let why = match entry {
            Entry::Folder(path) => return projects || !path.join(CONFIG).exists(),
            Entry::File(path) if !disk::is_read(path) => return true,
            Entry::File(path) if found.len() < most => {
                found.push(path.to_owned());
                return true;
            }
            Entry::File(_) => format!("the project has more than {most} files"),
            Entry::TooDeep(path) => format!("folders nest deeper than {MAX_DEPTH} levels at `{}`", shown(path)),
            Entry::Unreadable(path, e) => format!("cannot read `{}`: {}", shown(path), reason(e)),
        };
        wrong = Some(CliError::usage(why));
        false
    });
    found.sort();
    wrong.map_or(Ok(found), Err)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(files: &Files) -> Vec<&str> {
        files.modules.iter().map(|m| m.name.as_str()).collect()
    }

    fn project(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG), "").unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let place = super::super::find(Some(dir.path())).unwrap();
        (dir, place)
    }

    #[test]
    fn only_the_files_of_the_project_are_read() {
        let (_dir, place) = project(&[
            ("b.rrb", b""),
            ("lib/a.rrb", b""),
            (".git/x.rrb", b""),
            ("target/y.rrb", b""),
            ("notes.txt", b""),
            ("other/rrb.toml", b""),
            ("other/z.rrb", b""),
            (".hidden.rrb", b""),
        ]);
        assert_eq!(names(&collect(&place).unwrap()), ["b.rrb", "lib/a.rrb"]);
    }

    #[test]
    fn a_file_that_is_no_text_says_where() {
        let (_dir, place) = project(&[("a.rrb", b"ok\n\xff\xfe")]);
        let files = collect(&place).unwrap();
        assert_eq!(
            files.unreadable,
            [Unreadable { name: "a.rrb".into(), reason: "it is not UTF-8 text (line 2)".into() }]
        );
    }

    #[test]
    fn folders_nest_up_to_the_bound() {
        let deep = |n: usize| format!("{}x.rrb", "d/".repeat(n));
        for (levels, fits) in [(MAX_DEPTH - 1, true), (MAX_DEPTH, true), (MAX_DEPTH + 1, false)] {
            let (_dir, place) = project(&[(&deep(levels), b"")]);
            assert_eq!(collect(&place).is_ok(), fits, "{levels}");
        }
    }

    #[test]
    fn of_a_huge_file_one_byte_too_many_is_read() {
        let limit = usize::try_from(MAX_FILE).unwrap();
        for (len, read) in [(limit - 2, limit - 2), (limit - 1, limit - 1), (limit, limit), (limit + 5, limit)] {
            let (_dir, place) = project(&[("a.rrb", &vec![b' '; len])]);
            assert_eq!(collect(&place).unwrap().modules[0].text.len(), read, "{len}");
        }
    }

    #[test]
    fn so_many_files_with_so_many_bytes_are_a_project() {
        let (_dir, place) = project(&[("a.rrb", b"12"), ("b/c.rrb", b"345"), ("d.rrb", b"6")]);
        for (most, bytes, why) in [
            (3, 7, ""),
            (3, 6, ""),
            (3, 5, "the project has more than 0 MiB of source"),
            (4, 6, ""),
            (2, 6, "the project has more than 2 files"),
        ] {
            match collect_within(&place, most, bytes) {
                Ok(files) => assert_eq!((why, files.modules.len()), ("", 3), "{most} {bytes}"),
                Err(e) => assert!(!why.is_empty() && e.to_string().contains(why), "{most} {bytes}: {e}"),
            }
        }
    }
}
