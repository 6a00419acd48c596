//! What the binary holds as text, shown to editors as files: the standard library's sources and the explanations of diagnostics.
//!
//! A client that can ask a server for a document's text gets an address of our own scheme. For every other one the text is written
//! into a folder of the user's cache, read-only, the first time a place in it is shown.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use rrb_lang::diag::{Code, codes};
use rrb_lang::stdlib;
use tower_lsp::ls_types::Uri;

use super::key::STD_SCHEME;

/// The library as one client sees it.
#[derive(Debug, Default)]
pub struct Library {
    /// The folder of this build's texts; none when there is none to write to.
    folder: Option<PathBuf>,
    /// The client asks for the text itself.
    asks: bool,
    written: Mutex<HashSet<String>>,
}

impl Library {
    /// A library below `cache`, for a client that does or does not ask for texts itself.
    pub fn new(cache: Option<&Path>, asks: bool) -> Self {
        let folder = cache.map(|c| c.join(format!("library-{}-{:016x}", env!("CARGO_PKG_VERSION"), digest())));
        Self { folder, asks, written: Mutex::default() }
    }

    /// The folder in which the sources are shown.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The address of a document (`stdlib/slack.rrb`) that a client can open; none when there is no such document, or no place for it.
    pub fn uri(&self, name: &str) -> Option<Uri> {
        let text = text(name)?;
        if self.asks {
            return Uri::from_str(&format!("{STD_SCHEME}:/{name}")).ok();
        }
        let path = self.folder.as_ref()?.join(name);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.contains(name) {
            if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
                write(&path, text).ok()?;
            }
            written.insert(name.to_owned());
        }
        Uri::from_file_path(&path)
    }

    /// Where the explanation of a code can be read.
    pub fn explanation(&self, code: Code) -> Option<Uri> {
        self.uri(&explanation_name(code))
    }
}

/// The name of a code's explanation: `explain/effect/unapproved.md`.
fn explanation_name(code: Code) -> String {
    format!("explain/{}.md", code.name().trim_start_matches("rrb::").replace("::", "/"))
}

/// The text of a document by its name.
pub fn text(name: &str) -> Option<&'static str> {
    if let Some(rest) = name.strip_prefix("explain/") {
        let code = format!("rrb::{}", rest.strip_suffix(".md")?.replace('/', "::"));
        return codes::ALL.iter().find(|c| c.name() == code).map(|c| c.entry().explanation);
    }
    if let Some((_, _, text)) = stdlib::natives().iter().find(|(_, file, _)| *file == name) {
        return Some(text);
    }
    stdlib::names().filter_map(stdlib::get).find(|(file, _)| *file == name).map(|(_, text)| text)
}

/// What tells the texts of two builds apart.
fn digest() -> u64 {
    let mut hasher = DefaultHasher::new();
    stdlib::natives().iter().for_each(|(_, _, text)| text.hash(&mut hasher));
    stdlib::names().filter_map(stdlib::get).for_each(|(_, text)| text.hash(&mut hasher));
    hasher.finish()
}

/// Puts a read-only file to its place at once, so that nobody reads half of it.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.new", std::process::id()));
    let mut file = fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    let mut rights = file.metadata()?.permissions();
    rights.set_readonly(true);
    file.set_permissions(rights)?;
    fs::rename(&beside, path)
}

/// The folder for what can be made again, of the user who runs the server.
pub fn cache_folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("rrb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_file_that_nobody_changes() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::new(Some(dir.path()), false);
        let uri = library.uri("stdlib/slack.rrb").unwrap();
        let path = uri.to_file_path().unwrap().into_owned();
        assert!(path.starts_with(library.folder().unwrap()), "{path:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text("stdlib/slack.rrb").unwrap());
        assert!(fs::metadata(&path).unwrap().permissions().readonly());
    }

    #[test]
    fn what_somebody_changed_is_written_again_by_the_next_server() {
        let dir = tempfile::tempdir().unwrap();
        let path = Library::new(Some(dir.path()), false).uri("stdlib/slack.rrb").unwrap();
        let path = path.to_file_path().unwrap().into_owned();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "else").unwrap();
        Library::new(Some(dir.path()), false).uri("stdlib/slack.rrb").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text("stdlib/slack.rrb").unwrap());
    }

    #[test]
    fn every_source_and_explanation_has_a_text() {
        for name in stdlib::names() {
            let (file, source) = stdlib::get(name).unwrap();
            assert_eq!(text(file), Some(source), "{file}");
        }
        for (_, file, source) in stdlib::natives() {
            assert_eq!(text(file), Some(*source), "{file}");
        }
        for code in codes::ALL {
            assert_eq!(text(&explanation_name(*code)), Some(code.entry().explanation));
        }
        for none in [
            "",
            "stdlib/nobody.rrb",
            "explain/",
            "explain/effect/nothing.md",
            "../stdlib/slack.rrb",
            "std/../stdlib/slack.rrb",
        ] {
            assert_eq!(text(none), None, "{none}");
        }
    }

    #[test]
    fn a_client_that_asks_needs_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::new(Some(dir.path()), true);
        assert_eq!(library.uri("stdlib/slack.rrb").unwrap().as_str(), "rrb-std:/stdlib/slack.rrb");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(library.uri("stdlib/nobody.rrb"), None);
        assert_eq!(Library::new(None, false).uri("stdlib/slack.rrb"), None);
    }

    #[test]
    fn where_nothing_can_be_written_there_is_no_address() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(Library::new(Some(&file), false).uri("stdlib/slack.rrb"), None);
    }
}
