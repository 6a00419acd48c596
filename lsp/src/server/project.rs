//! A project as the server holds it: its files on disk, and what it checked of them with the unsaved texts of the client.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::disk::{self, CONFIG, Held};
use super::document::Document;
use super::key::Key;
use super::text::Text;
use super::view::View;

/// Where a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder with an `rrb.toml`.
    Folder(PathBuf),
    /// A document that belongs to no project.
    Alone(Key),
}

impl Place {
    /// What tells it from every other one.
    pub fn id(&self) -> Key {
        match self {
            Self::Folder(root) => Key::File(root.clone()),
            Self::Alone(key) => key.clone(),
        }
    }
}

/// The open documents.
pub type Documents = HashMap<Key, Arc<Document>>;

/// A project.
#[derive(Debug)]
pub struct Project {
    pub place: Place,
    /// The files on disk by their names inside the project, `rrb.toml` among them.
    files: BTreeMap<String, Held>,
    /// Why there may be more files.
    cut: Option<String>,
    /// The last check; none when something changed since.
    view: Option<Arc<View>>,
    /// The check before a change, for those who can wait with a stale one.
    last: Option<Arc<View>>,
}

/// A text of a project.
#[derive(Debug, Clone)]
pub struct Input {
    /// `lib/paging.rrb`
    pub name: String,
    pub key: Key,
    pub text: Result<Arc<str>, String>,
    /// The lines, where they are counted already.
    pub lines: Option<Arc<Text>>,
}

impl Project {
    /// Reads the files of a project.
    pub fn new(place: Place) -> Self {
        let mut project = Self { place, files: BTreeMap::new(), cut: None, view: None, last: None };
        project.reread();
        project
    }

    /// Looks which files there are, and reads those that changed since. Whether anything did.
    pub fn reread(&mut self) -> bool {
        let Place::Folder(root) = &self.place else { return false };
        let root = root.clone();
        let found = disk::files(&root);
        let mut files = BTreeMap::new();
        let mut total = 0;
        let mut cut = found.cut;
        for path in std::iter::once(root.join(CONFIG)).chain(found.paths) {
            let name = disk::relative(&root, &path);
            let same = self.files.get(&name).filter(|held| Some(held.stamp) == disk::stamp(&path));
            let Some(held) = same.cloned().or_else(|| disk::read(&path)) else { continue };
            total += held.stamp.1;
            if total > disk::MAX_TOTAL {
                cut = Some(format!("the project has more than {} MiB of source", disk::MAX_TOTAL >> 20));
                break;
            }
            files.insert(name, held);
        }
        let changed = files != self.files || cut != self.cut;
        (self.files, self.cut) = (files, cut);
        if changed {
            self.touch();
        }
        changed
    }

    /// Reads one file again.
    pub fn reread_file(&mut self, path: &Path) {
        let Place::Folder(root) = &self.place else { return };
        let name = disk::relative(root, path);
        match disk::read(path) {
            Some(held) => self.files.insert(name, held),
            None => self.files.remove(&name),
        };
        self.touch();
    }

    /// Something changed that the last check did not see.
    pub fn touch(&mut self) {
        if let Some(view) = self.view.take() {
            self.last = Some(view);
        }
    }

    /// Whether the last check saw everything.
    pub fn is_fresh(&self) -> bool {
        self.view.is_some()
    }

    /// The check of what there is now.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// Checks the project, unless nothing changed since the last check.
    pub fn refresh(&mut self, documents: &Documents) -> Arc<View> {
        if let Some(view) = &self.view {
            return Arc::clone(view);
        }
        let view = Arc::new(View::new(&self.place, self.inputs(documents), self.cut.clone(), self.last.clone()));
        self.last = None;
        self.view = Some(Arc::clone(&view));
        view
    }

    /// Goes on with the check before the last change, or with an empty one.
    pub fn give_up(&mut self) {
        let last = self.last.take();
        self.view = last.or_else(|| Some(Arc::new(View::new(&self.place, vec![], None, None))));
    }

    /// Every text: what is open as it is there, the rest as it is on disk.
    fn inputs(&self, documents: &Documents) -> Vec<Input> {
        let mut inputs: BTreeMap<String, Input> = BTreeMap::new();
        let id = self.place.id();
        if let Place::Folder(root) = &self.place {
            for (name, held) in &self.files {
                let key = Key::File(root.join(name));
                inputs.insert(name.clone(), Input { name: name.clone(), key, text: held.text.clone(), lines: None });
            }
        }
        for (key, document) in documents.iter().filter(|(_, d)| d.project == id) {
            let name = match (&self.place, key) {
                (Place::Folder(root), Key::File(path)) => disk::relative(root, path),
                (_, key) => key.name().to_owned(),
            };
            let text = Ok(document.text.shared());
            let input = Input { name: name.clone(), key: key.clone(), text, lines: Some(Arc::clone(&document.text)) };
            inputs.insert(name, input);
        }
        inputs.into_values().collect()
    }
}

/// The lines of a text, counted when somebody asks for a place in it.
#[derive(Debug, Default)]
pub struct Lines(OnceLock<Arc<Text>>);

impl Lines {
    /// Lines that are counted already.
    pub fn known(text: Option<Arc<Text>>) -> Self {
        Self(text.map(OnceLock::from).unwrap_or_default())
    }

    /// The lines of `text`.
    pub fn of(&self, text: &Arc<str>) -> &Arc<Text> {
        self.0.get_or_init(|| Arc::new(Text::new(Arc::clone(text))))
    }
}
