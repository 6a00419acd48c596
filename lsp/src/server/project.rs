//! A project as the server holds it: its files on disk, the unsaved texts over them, and whose diagnostics are to be looked at again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::disk::{self, CONFIG, Held};
use super::document::Document;
use super::key::Key;
use super::view::{Lines, View};
use crate::ide;

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

    /// The name of a document inside the project: `lib/paging.rrb`.
    pub fn name_of(&self, key: &Key) -> String {
        match (self, key) {
            (_, Key::Std(name)) => name.clone(),
            (Self::Folder(root), Key::File(path)) => disk::relative(root, path),
            (_, key) if key.name().ends_with(".rrb") => key.name().to_owned(),
            (_, key) => format!("{}.rrb", key.name()),
        }
    }

    /// The document with this name, if it is not one of the library.
    pub fn key_of(&self, name: &str) -> Key {
        match self {
            Self::Folder(root) => Key::File(root.join(name)),
            Self::Alone(key) => key.clone(),
        }
    }
}

/// So many changed documents at once, and all others are looked at again: to find those that see them would take longer.
const MANY: usize = 16;

/// A project.
#[derive(Debug)]
pub struct Project {
    pub place: Place,
    /// The files on disk by their names inside the project, `rrb.toml` among them.
    files: BTreeMap<String, Held>,
    /// The texts over them that are not saved, by the same names.
    open: BTreeMap<String, Arc<Document>>,
    /// Files that cannot be read, and why.
    unreadable: BTreeMap<Key, String>,
    /// Why there may be more files.
    cut: Option<String>,
    ide: ide::Project,
    lines: Arc<Lines>,
    /// The project as it is now; none when something changed since somebody looked.
    view: Option<Arc<View>>,
    due: Due,
}

/// The documents whose diagnostics are to be looked at again.
#[derive(Debug, Default)]
struct Due {
    /// Those that somebody looks at, in the order in which they changed.
    soon: VecDeque<Key>,
    later: BTreeSet<Key>,
    /// Changed documents whose dependents are not known yet.
    changed: BTreeSet<Key>,
}

impl Due {
    fn soon(&mut self, key: Key) {
        self.later.remove(&key);
        if !self.soon.contains(&key) {
            self.soon.push_back(key);
        }
    }

    fn later(&mut self, key: Key) {
        if !self.soon.contains(&key) {
            self.later.insert(key);
        }
    }
}

impl Project {
    /// Reads the files of a project.
    pub fn new(place: Place, judge: ide::Judge) -> Self {
        let mut project = Self {
            ide: ide::Project::new(matches!(place, Place::Alone(_))),
            place,
            files: BTreeMap::new(),
            open: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            cut: None,
            lines: Arc::default(),
            view: None,
            due: Due::default(),
        };
        project.ide.set_judge(judge);
        project.set_clock();
        project.reread();
        project
    }

    fn set_clock(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok());
        if let Some(now) = now {
            self.ide.set_now(now);
        }
    }

    /// Looks which files there are, and reads those that changed since.
    pub fn reread(&mut self) {
        let Place::Folder(root) = &self.place else { return };
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
        let before = std::mem::replace(&mut self.files, files);
        if cut != self.cut {
            self.cut = cut;
            self.due.soon(self.place.key_of(CONFIG));
            self.view = None;
        }
        let names: BTreeSet<&String> = before.keys().chain(self.files.keys()).collect();
        let changed = names.into_iter().filter(|name| before.get(*name) != self.files.get(*name));
        for name in changed.cloned().collect::<Vec<_>>() {
            self.put(&name);
        }
    }

    /// Reads one file again.
    pub fn reread_file(&mut self, path: &Path) {
        let Place::Folder(root) = &self.place else { return };
        let name = disk::relative(root, path);
        match disk::read(path) {
            Some(held) => self.files.insert(name.clone(), held),
            None => self.files.remove(&name),
        };
        self.put(&name);
    }

    /// A document of the project was opened, changed or closed.
    pub fn set_open(&mut self, key: &Key, document: Option<Arc<Document>>) {
        if matches!(key, Key::Std(_)) {
            // The library is what it is, whatever a client makes of its text.
            return;
        }
        let name = self.place.name_of(key);
        let same = |d: &Arc<Document>| self.open.get(&name).is_some_and(|o| o.text == d.text);
        let same = document.as_ref().is_some_and(same);
        match document {
            Some(document) => self.open.insert(name.clone(), document),
            None => self.open.remove(&name),
        };
        self.view = None;
        if !same {
            self.put(&name);
        }
    }

    /// Hands on the text that a name stands for now.
    fn put(&mut self, name: &str) {
        let key = self.place.key_of(name);
        let open = self.open.get(name).map(|d| d.text.shared());
        let held = self.files.get(name);
        self.unreadable.remove(&key);
        let text = match (open, held.map(|h| &h.text)) {
            (Some(text), _) => Some(text),
            (None, Some(Ok(text))) => Some(Arc::clone(text)),
            (None, Some(Err(why))) => {
                self.unreadable.insert(key.clone(), format!("this file cannot be read: {why}"));
                None
            }
            (None, None) => None,
        };
        if text.is_none() || !name.ends_with(".rrb") {
            // Who uses what is gone is known only now; and `rrb.toml` and what policies delegate to matter everywhere.
            self.all_due();
        }
        self.ide.set(name, text);
        self.view = None;
        if self.open.contains_key(name) {
            self.due.soon(key.clone());
        } else {
            self.due.later(key.clone());
        }
        self.due.changed.insert(key);
    }

    /// Every document is to be looked at again, those that are open first.
    pub fn all_due(&mut self) {
        for name in self.open.keys() {
            self.due.soon(self.place.key_of(name));
        }
        for name in self.files.keys() {
            self.due.later(self.place.key_of(name));
        }
    }

    /// A document to look at again: one that is open, or else, if there is time, any.
    pub fn next_due(&mut self, any: bool) -> Option<Key> {
        if let Some(key) = self.due.soon.pop_front() {
            return Some(key);
        }
        if !any {
            return None;
        }
        if self.due.changed.len() > MANY {
            self.due.changed.clear();
            self.all_due();
        }
        while self.due.later.is_empty()
            && let Some(key) = self.due.changed.pop_first()
        {
            for other in self.view().dependents(&key) {
                self.due.later(other);
            }
        }
        self.due.soon.pop_front().or_else(|| self.due.later.pop_first())
    }

    /// Whether a document waits to be looked at again.
    pub fn has_due(&self, any: bool) -> bool {
        !self.due.soon.is_empty() || (any && !(self.due.later.is_empty() && self.due.changed.is_empty()))
    }

    /// The project as it is now.
    pub fn view(&mut self) -> Arc<View> {
        if let Some(view) = &self.view {
            return Arc::clone(view);
        }
        let view = Arc::new(View {
            place: self.place.clone(),
            analysis: self.ide.analysis(),
            unreadable: self.unreadable.clone(),
            cut: self.cut.clone(),
            lines: Arc::clone(&self.lines),
        });
        self.view = Some(Arc::clone(&view));
        view
    }

    /// Reads the clock and every file again.
    pub fn reload(&mut self) {
        self.set_clock();
        self.reread();
        self.view = None;
        self.all_due();
    }
}
