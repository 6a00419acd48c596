//! Which document a client means.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use tower_lsp::ls_types::Uri;

/// The scheme of the standard library's sources, for clients that ask the server for their text.
pub const STD_SCHEME: &str = "rrb-std";

/// A document, however its address is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A file.
    File(PathBuf),
    /// A source of the standard library by its name, `stdlib/slack.rrb`.
    Std(String),
    /// What has no file yet, e.g. `untitled:Untitled-1`.
    Other(String),
}

impl Key {
    /// The document at an address. `library` is the folder in which the standard library's sources are shown.
    pub fn of(uri: &Uri, library: Option<&Path>) -> Self {
        let scheme = uri.scheme().as_str();
        if scheme.eq_ignore_ascii_case(STD_SCHEME) {
            let path = uri.path().decode().to_string_lossy();
            return Self::Std(path.trim_start_matches('/').to_owned());
        }
        if !scheme.eq_ignore_ascii_case("file") {
            return Self::Other(uri.as_str().to_owned());
        }
        match uri.to_file_path() {
            Some(path) => Self::of_path(&path, library),
            None => Self::Other(uri.as_str().to_owned()),
        }
    }

    /// The document at a path.
    pub fn of_path(path: &Path, library: Option<&Path>) -> Self {
        let path = tidy(path);
        match library.and_then(|library| path.strip_prefix(library).ok()) {
            Some(inside) => Self::Std(crate::disk::slashed(inside)),
            None => Self::File(path),
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Std(_) | Self::Other(_) => None,
        }
    }

    /// The last part of its address.
    pub fn name(&self) -> &str {
        match self {
            Self::File(path) => path.file_name().and_then(|n| n.to_str()).unwrap_or_default(),
            Self::Std(name) | Self::Other(name) => name.rsplit(['/', ':']).next().unwrap_or_default(),
        }
    }

    /// Its address; none for a source of the library, whose address depends on the client.
    pub fn uri(&self) -> Option<Uri> {
        match self {
            Self::File(path) => Uri::from_file_path(path),
            Self::Std(_) => None,
            Self::Other(uri) => Uri::from_str(uri).ok(),
        }
    }
}

/// The path without `.` and `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str) -> Key {
        Key::of(&Uri::from_str(uri).unwrap(), Some(Path::new("/cache/rrb")))
    }

    #[test]
    fn a_file_is_the_same_however_it_is_spelled() {
        let file = Key::File("/p/a b.rrb".into());
        assert_eq!(key("file:///p/a%20b.rrb"), file);
        assert_eq!(key("file:///p/x/../%61%20b.rrb"), file);
        assert_eq!(key("FILE:///p/./a%20b.rrb"), file);
        assert_eq!(file.uri().unwrap().as_str(), "file:///p/a%20b.rrb");
        assert_eq!(file.name(), "a b.rrb");
    }

    #[test]
    fn the_library_has_two_addresses() {
        let slack = Key::Std("stdlib/slack.rrb".into());
        assert_eq!(key("rrb-std:/stdlib/slack.rrb"), slack);
        assert_eq!(key("file:///cache/rrb/stdlib/slack.rrb"), slack);
        assert_eq!(
            key("file:///cache/rrb-other/stdlib/slack.rrb"),
            Key::File("/cache/rrb-other/stdlib/slack.rrb".into())
        );
        assert_eq!(slack.name(), "slack.rrb");
    }

    #[test]
    fn what_has_no_file_keeps_its_address() {
        let untitled = key("untitled:Untitled-1");
        assert_eq!(untitled.uri().unwrap().as_str(), "untitled:Untitled-1");
        assert_eq!(untitled.name(), "Untitled-1");
        assert_eq!(untitled.path(), None);
    }
}
