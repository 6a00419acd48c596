//! Everything the server knows, owned by one thread: the open documents and the projects around them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_lang::span::FileId;
use tower_lsp::ls_types::{FileChangeType, TextDocumentContentChangeEvent, Uri};

use super::client::Client;
use super::disk::{self, CONFIG};
use super::document::{Document, Documents, OutOfOrder};
use super::key::Key;
use super::project::{Place, Project};
use super::text::Text;
use super::view::View;
use crate::ide::Judge;

/// The documents and projects.
#[derive(Debug)]
pub struct World {
    pub client: Arc<Client>,
    /// The folders that the client works in.
    folders: BTreeSet<PathBuf>,
    documents: Arc<Documents>,
    projects: BTreeMap<Key, Project>,
    judge: Judge,
}

/// The state at one moment, for a request.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub client: Arc<Client>,
    pub documents: Arc<Documents>,
    /// The projects that the request may look at, by their ids.
    pub views: BTreeMap<Key, Arc<View>>,
}

impl Snapshot {
    /// The project of a document.
    pub fn view(&self, key: &Key) -> Option<&Arc<View>> {
        match self.documents.get(key) {
            Some(document) => self.views.get(&document.project),
            None => self.views.values().find(|v| v.file(key).is_some()),
        }
    }

    /// The project of a document, and the file that it is there.
    pub fn file(&self, key: &Key) -> Option<(&Arc<View>, FileId)> {
        let view = self.view(key)?;
        Some((view, view.file(key)?))
    }
}

impl World {
    /// A world without documents.
    pub fn new(client: Arc<Client>, folders: impl IntoIterator<Item = PathBuf>, judge: Judge) -> Self {
        let folders = folders.into_iter().collect();
        Self { client, folders, documents: Arc::default(), projects: BTreeMap::new(), judge }
    }

    /// The open documents.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Whether there is a project with this id.
    pub fn has_project(&self, id: &Key) -> bool {
        self.projects.contains_key(id)
    }

    /// Reads the projects in the folders of the workspace. What was left out, in words.
    pub fn discover(&mut self) -> Vec<String> {
        let mut left_out = Vec::new();
        for folder in self.folders.clone() {
            let found = disk::projects(&folder);
            if let Some(cut) = found.cut {
                left_out.push(format!("`{}` has {cut}: not all projects in it are looked at", folder.display()));
            }
            // The folder may be one inside a project.
            let around = disk::root_of(&folder);
            for root in found.paths.into_iter().chain(around) {
                self.load(Place::Folder(root));
            }
        }
        left_out
    }

    fn load(&mut self, place: Place) -> &mut Project {
        let judge = self.judge;
        self.projects.entry(place.id()).or_insert_with(|| Project::new(place, judge))
    }

    /// Where a document belongs.
    fn place_of(&self, key: &Key) -> Place {
        let Some(path) = key.path() else { return self.place_of_library(key) };
        let open = |folder: &&Path| self.documents.contains_key(&Key::File(folder.join(CONFIG)));
        let unsaved = path.ancestors().skip(1).find(open).map(Path::to_owned);
        let saved = disk::root_of(path);
        // The nearer one.
        match unsaved.into_iter().chain(saved).max_by_key(|root| root.components().count()) {
            Some(root) if path.file_name().is_some_and(|n| n == CONFIG) || disk::holds(&root, path) => {
                Place::Folder(root)
            }
            _ => Place::Alone(key.clone()),
        }
    }

    /// A source of the library belongs to any project: all of them have the same library.
    fn place_of_library(&self, key: &Key) -> Place {
        let folder = |p: &&Project| matches!(p.place, Place::Folder(_));
        self.projects.values().find(folder).map_or_else(|| Place::Alone(key.clone()), |p| p.place.clone())
    }

    /// A document was opened.
    pub fn open(&mut self, key: Key, uri: Uri, version: i32, text: String) {
        let is_config = key.name() == CONFIG;
        let place = if is_config { self.config_place(&key) } else { self.place_of(&key) };
        let project = place.id();
        let document = Document { uri, version, text: Arc::new(Text::new(text.into())), project };
        let document = Arc::new(document);
        Arc::make_mut(&mut self.documents).insert(key.clone(), Arc::clone(&document));
        self.load(place).set_open(&key, Some(document));
        self.look_again(&key);
        if is_config {
            self.place_again();
        }
    }

    fn config_place(&self, key: &Key) -> Place {
        match key.path().and_then(Path::parent) {
            Some(folder) => Place::Folder(folder.to_owned()),
            None => Place::Alone(key.clone()),
        }
    }

    /// A document was changed.
    ///
    /// # Errors
    /// When the change is older than what is known; it is not made.
    pub fn change(
        &mut self,
        key: &Key,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    ) -> Result<(), OutOfOrder> {
        let Some(document) = self.documents.get(key) else { return Ok(()) };
        let changed = Arc::new(document.changed(version, changes, self.client.encoding)?);
        Arc::make_mut(&mut self.documents).insert(key.clone(), Arc::clone(&changed));
        if let Some(project) = self.projects.get_mut(&changed.project) {
            project.set_open(key, Some(Arc::clone(&changed)));
        }
        Ok(())
    }

    /// A document was closed: from now on its file counts.
    pub fn close(&mut self, key: &Key) {
        let Some(document) = Arc::make_mut(&mut self.documents).remove(key) else { return };
        if let Some(project) = self.projects.get_mut(&document.project) {
            project.set_open(key, None);
        }
        if key.name() == CONFIG {
            self.place_again();
        }
        self.look_again(key);
        self.forget();
    }

    /// A document was saved.
    pub fn save(&mut self, key: &Key) {
        self.look_again(key);
    }

    /// A client that does not watch files may have changed others meanwhile.
    fn look_again(&mut self, key: &Key) {
        if self.client.watches {
            return;
        }
        let id = self.documents.get(key).map(|d| d.project.clone());
        if let Some(project) = id.and_then(|id| self.projects.get_mut(&id)) {
            project.reread();
        }
    }

    /// Files changed on disk.
    pub fn watched(&mut self, changes: impl IntoIterator<Item = (PathBuf, FileChangeType)>) {
        let mut moved = false;
        for (path, kind) in changes {
            if path.file_name().is_some_and(|n| n == CONFIG) {
                moved |= kind != FileChangeType::CHANGED;
                let root = path.parent().map(Path::to_owned);
                if kind == FileChangeType::CREATED
                    && let Some(root) = root.clone().filter(|r| self.is_ours(r))
                {
                    self.load(Place::Folder(root));
                }
                if let Some(project) = root.and_then(|r| self.projects.get_mut(&Key::File(r))) {
                    project.reread_file(&path);
                }
                continue;
            }
            let root = disk::root_of(&path).filter(|root| disk::holds(root, &path));
            if let Some(project) = root.and_then(|root| self.projects.get_mut(&Key::File(root))) {
                project.reread_file(&path);
            } else if kind == FileChangeType::DELETED {
                // A whole folder may have gone, with the project in it.
                moved = true;
            }
        }
        if moved {
            self.place_again();
        }
    }

    fn is_ours(&self, folder: &Path) -> bool {
        self.folders.iter().any(|f| folder.starts_with(f))
    }

    /// The client works in other folders now. What was left out, in words.
    pub fn change_folders(&mut self, added: Vec<PathBuf>, removed: &[PathBuf]) -> Vec<String> {
        self.folders.retain(|f| !removed.contains(f));
        self.folders.extend(added);
        let left_out = self.discover();
        self.forget();
        left_out
    }

    /// Looks anew which project each open document belongs to, because an `rrb.toml` came or went.
    fn place_again(&mut self) {
        for (key, document) in Documents::clone(&self.documents) {
            let place = if key.name() == CONFIG { self.config_place(&key) } else { self.place_of(&key) };
            let id = place.id();
            if document.project == id {
                self.load(place);
                continue;
            }
            if let Some(old) = self.projects.get_mut(&document.project) {
                old.set_open(&key, None);
            }
            let moved = Arc::new(Document { project: id, ..Document::clone(&document) });
            Arc::make_mut(&mut self.documents).insert(key.clone(), Arc::clone(&moved));
            self.load(place).set_open(&key, Some(moved));
        }
        self.projects.values_mut().for_each(Project::reread);
        self.forget();
    }

    /// Lets go of projects that nobody looks at: none of their documents is open, and they are in no folder of the workspace.
    fn forget(&mut self) {
        let used: BTreeSet<&Key> = self.documents.values().map(|d| &d.project).collect();
        let folders = &self.folders;
        self.projects.retain(|id, project| {
            let ours = match &project.place {
                Place::Folder(root) => {
                    root.join(CONFIG).is_file() && folders.iter().any(|f| root.starts_with(f) || f.starts_with(root))
                }
                Place::Alone(_) => false,
            };
            ours || used.contains(id)
        });
    }

    /// Reads everything on disk again.
    pub fn reload(&mut self) -> Vec<String> {
        let left_out = self.discover();
        self.place_again();
        self.projects.values_mut().for_each(Project::reload);
        left_out
    }

    /// A document to look at again, with its project: one that is open, or else, if there is time, any.
    pub fn next_due(&mut self, any: bool) -> Option<(Key, Key, Arc<View>)> {
        for any in [false, true].into_iter().take(if any { 2 } else { 1 }) {
            for (id, project) in self.projects.iter_mut().filter(|(_, p)| p.has_due(any)) {
                if let Some(key) = project.next_due(any) {
                    return Some((id.clone(), key, project.view()));
                }
            }
        }
        None
    }

    /// Whether a document of a project is as it was seen.
    pub fn is_as_seen(&mut self, project: &Key, key: &Key, seen: &Arc<View>) -> bool {
        let Some(now) = self.projects.get_mut(project).map(Project::view) else { return false };
        let text = |view: &View| view.file(key).map(|file| view.analysis.text(file));
        Arc::ptr_eq(&now, seen)
            || match (text(&now), text(seen)) {
                (Some(now), Some(then)) => Arc::ptr_eq(&now, &then),
                (None, None) => true,
                _ => false,
            }
    }

    /// The state now, for a request about one document or about everything.
    pub fn snapshot(&mut self, about: Option<&Key>, everything: bool) -> Snapshot {
        let of =
            about.map(|key| self.documents.get(key).map_or_else(|| self.place_of(key).id(), |d| d.project.clone()));
        let wanted = |id: &Key| everything || of.as_ref() == Some(id);
        let projects = self.projects.iter_mut().filter(|(id, _)| wanted(id));
        let views = projects.map(|(id, project)| (id.clone(), project.view())).collect();
        Snapshot { client: Arc::clone(&self.client), documents: Arc::clone(&self.documents), views }
    }
}
