//! A project as it was at one moment: immutable, shared by every request that looks at it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rrb_lang::span::{FileId, Span};
use tower_lsp::ls_types::{Location, Range};

use super::client::Client;
use super::disk::CONFIG;
use super::key::Key;
use super::project::Place;
use super::text::Text;
use crate::ide::Analysis;

/// A project as it was at one moment.
#[derive(Debug)]
pub struct View {
    pub place: Place,
    pub analysis: Analysis,
    pub unreadable: BTreeMap<Key, String>,
    /// Why there may be more files.
    pub cut: Option<String>,
    pub lines: Arc<Lines>,
}

impl View {
    /// The file of a document.
    pub fn file(&self, key: &Key) -> Option<FileId> {
        let file = self.analysis.file(&self.place.name_of(key))?;
        let is_library = self.analysis.is_library(file);
        (is_library == matches!(key, Key::Std(_))).then_some(file)
    }

    /// The document of a file.
    pub fn key(&self, file: FileId) -> Key {
        let name = self.analysis.name(file);
        if self.analysis.is_library(file) { Key::Std(name.to_owned()) } else { self.place.key_of(name) }
    }

    /// The text of a file with its lines.
    pub fn text(&self, file: FileId) -> Arc<Text> {
        self.lines.of(file, self.analysis.text(file))
    }

    /// The documents that see this one.
    pub fn dependents(&self, key: &Key) -> Vec<Key> {
        let Some(file) = self.file(key) else { return vec![] };
        self.analysis.dependents(file).into_iter().map(|id| self.key(id)).collect()
    }

    /// Every document of the project that something can be wrong with.
    pub fn documents(&self) -> Vec<Key> {
        let config = matches!(self.place, Place::Folder(_)).then(|| self.place.key_of(CONFIG));
        let own = self.analysis.files().map(|id| self.key(id));
        config.into_iter().chain(own).chain(self.unreadable.keys().cloned()).collect()
    }

    /// The client's range of a span.
    pub fn range(&self, span: Span, client: &Client) -> Range {
        self.text(span.file).range(span.start as usize..span.end as usize, client.encoding)
    }

    /// The client's place of a span; none when the client cannot open its document.
    pub fn location(&self, span: Span, client: &Client) -> Option<Location> {
        Some(Location { uri: client.uri(&self.key(span.file))?, range: self.range(span, client) })
    }
}

/// Texts whose lines are kept counted.
const MOST_COUNTED: usize = 64;

/// The lines of texts, counted when somebody asks for a place in one.
#[derive(Debug, Default)]
pub struct Lines(Mutex<HashMap<FileId, Arc<Text>>>);

impl Lines {
    /// The lines of the text that a file has.
    pub fn of(&self, file: FileId, text: Arc<str>) -> Arc<Text> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = counted.get(&file).filter(|known| Arc::ptr_eq(&known.shared(), &text)) {
            return Arc::clone(known);
        }
        let new = Arc::new(Text::new(text));
        if counted.len() >= MOST_COUNTED {
            counted.clear();
        }
        counted.insert(file, Arc::clone(&new));
        new
    }
}
