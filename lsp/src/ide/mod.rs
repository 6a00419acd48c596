//! What an editor asks of a project, as plain functions: no protocol, no input or output.
//!
//! A [`Project`] holds the files as they are now. Its [`Analysis`] is one state of them: it never changes, is cheap to clone and may be
//! asked from any thread. A question about a file checks that file with what it uses, and nothing else; what was found out is kept for
//! as long as the texts are the same. Places are byte offsets, files are [`FileId`]s that stay the same for as long as the project lives.

pub mod actions;
mod cache;
pub mod calls;
pub mod complete;
pub mod cover;
pub mod folding;
pub mod hints;
pub mod hover;
pub mod imports;
pub mod lenses;
pub mod links;
pub mod outline;
mod project;
pub mod rename;
pub mod show;
pub mod signature;
pub mod symbol;
#[cfg(test)]
mod tests;
pub mod text;
pub mod tokens;
pub mod toml;
mod twins;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rrb_lang::check::Surroundings;
use rrb_lang::check::world::{Owner, Question, ReadModule, World, check_file};
use rrb_lang::diag::Diagnostic;
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::{FileId, PROJECT_FILE, Sources, Span};
use rrb_lang::stdlib;

pub use self::cache::Read;
use self::cache::{Cache, Key};
use self::project::Snapshot;
pub use self::project::{CONFIG, Judge, Project};

/// Bytes of source up to which a project is looked at as a whole for what is wrong in `rrb.toml`.
const MOST_WHOLE: usize = 1 << 20;

/// A project as it was at one moment.
#[derive(Debug, Clone)]
pub struct Analysis {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sources: Sources,
    files: Arc<Snapshot>,
    cache: Arc<Cache>,
}

/// Everything that the check of a file looks at.
struct Seen {
    modules: Vec<ReadModule>,
    key: Key,
}

impl Analysis {
    fn new(sources: Sources, files: Arc<Snapshot>, cache: Arc<Cache>) -> Self {
        Self { inner: Arc::new(Inner { sources, files, cache }) }
    }

    /// All texts by their ids: the project's, and those of the standard library.
    pub fn sources(&self) -> &Sources {
        &self.inner.sources
    }

    /// The `.rrb` files of the project.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        let files = &self.inner.files;
        files.modules.values().chain(files.misnamed.keys()).copied()
    }

    /// The file with this name: one of the project, or of the standard library (`std/slack.rrb`).
    pub fn file(&self, name: &str) -> Option<FileId> {
        let sources = &self.inner.sources;
        let own = self.files().find(|id| sources.name(*id) == name);
        let library = || sources.iter().map(|(id, _)| id).filter(|id| self.is_library(*id));
        own.or_else(|| (name == CONFIG).then_some(PROJECT_FILE))
            .or_else(|| library().find(|id| sources.name(*id) == name))
    }

    /// The name of a file: `lib/paging.rrb`.
    pub fn name(&self, file: FileId) -> &str {
        self.inner.sources.name(file)
    }

    /// The text of a file; empty for a foreign id.
    pub fn text(&self, file: FileId) -> Arc<str> {
        self.inner.sources.get(file).map(|s| Arc::clone(&s.text)).unwrap_or_default()
    }

    /// Whether a file is of the standard library or a primitive, which nobody edits.
    pub fn is_library(&self, file: FileId) -> bool {
        self.inner.cache.is_library(file)
    }

    /// What `rrb.toml` says; the defaults where there is none.
    pub fn config(&self) -> &ProjectConfig {
        &self.inner.files.config
    }

    /// Whether there is an `rrb.toml`.
    pub fn has_config(&self) -> bool {
        self.inner.files.config_text.is_some()
    }

    /// The tree of a file.
    pub fn read(&self, file: FileId) -> Arc<Read> {
        self.inner.cache.read(file, &self.text(file))
    }

    /// The files that policies may delegate to: `policies/guard.rego`.
    pub fn delegates(&self) -> impl Iterator<Item = &str> {
        self.inner.files.delegates.keys().map(String::as_str)
    }

    /// The module that a `use` names: of the project, else of the standard library.
    pub fn module(&self, name: &str) -> Option<FileId> {
        let own = self.inner.files.modules.get(name).copied();
        own.or_else(|| {
            let (file, _) = stdlib::get(name)?;
            self.inner.sources.iter().map(|(id, _)| id).find(|id| self.is_library(*id) && self.name(*id) == file)
        })
    }

    /// The modules of the project with their files, by name.
    pub fn modules(&self) -> impl Iterator<Item = (&str, FileId)> {
        self.inner.files.modules.iter().map(|(name, id)| (name.as_str(), *id))
    }

    /// The name that `use` gives a file of the project.
    pub fn module_name(&self, file: FileId) -> Option<&str> {
        self.inner.files.modules.iter().find(|(_, id)| **id == file).map(|(name, _)| name.as_str())
    }

    /// Why a file cannot be a module: its name.
    pub fn misnamed(&self, file: FileId) -> Option<&str> {
        self.inner.files.misnamed.get(&file).map(String::as_str)
    }

    fn library_id(&self, file: &str) -> Option<FileId> {
        self.inner.sources.iter().map(|(id, _)| id).find(|id| self.is_library(*id) && self.name(*id) == file)
    }

    /// The modules that the check of `file` needs: the primitives, the file, and what these bring in.
    fn seen(&self, file: FileId, own: Arc<Read>) -> Seen {
        let todo = own.imports.clone();
        self.collect(Some((file, own)), todo)
    }

    /// The primitives, a file, and the modules with these names and what they bring in.
    fn collect(&self, own: Option<(FileId, Arc<Read>)>, mut todo: Vec<String>) -> Seen {
        let file = own.as_ref().map(|(file, _)| *file);
        let mut modules = Vec::new();
        let mut hasher = DefaultHasher::new();
        self.inner.files.surroundings.hash(&mut hasher);
        let mut add = |name: &str, id: FileId, read: &Read, owner: Owner| {
            if owner == Owner::Project {
                (id, read.hash).hash(&mut hasher);
            }
            modules.push(ReadModule {
                name: name.into(),
                file: id,
                ast: Arc::clone(&read.ast),
                diagnostics: Arc::clone(&read.diagnostics),
                owner,
            });
        };
        for (name, native, _) in stdlib::natives() {
            if let Some(id) = self.library_id(native).filter(|id| Some(*id) != file) {
                add(name, id, &self.read(id), Owner::Native);
            }
        }
        let mut names = HashSet::new();
        if let Some((file, own)) = &own {
            let name = self.module_name(*file).map_or_else(|| self.alias_of(*file), str::to_owned);
            let native = stdlib::natives().iter().any(|(_, f, _)| self.is_library(*file) && *f == self.name(*file));
            add(&name, *file, own, if native { Owner::Native } else { Owner::Project });
            names.insert(name);
        }
        while let Some(name) = todo.pop() {
            if !names.insert(name.clone()) {
                continue;
            }
            let Some(id) = self.module(&name) else { continue };
            let read = self.read(id);
            add(&name, id, &read, if self.is_library(id) { Owner::Library } else { Owner::Project });
            todo.extend(read.imports.iter().cloned());
        }
        Seen { modules, key: hasher.finish() }
    }

    /// What to call a file whose name is no module's: a name that nothing can bring in, or that of the library.
    fn alias_of(&self, file: FileId) -> String {
        let name = self.name(file);
        if self.is_library(file) {
            let native = stdlib::natives().iter().find(|(_, f, _)| *f == name).map(|(n, ..)| (*n).to_owned());
            let module = || stdlib::names().find(|n| stdlib::get(n).is_some_and(|(f, _)| f == name)).map(str::to_owned);
            return native.or_else(module).unwrap_or_default();
        }
        name.to_owned()
    }

    fn check(&self, file: FileId, sources: Sources, seen: Seen, asks: Option<(&str, Span)>) -> World {
        let around = Surroundings {
            project_text: self.inner.files.config_text.clone(),
            now: self.inner.files.now,
            files: Some((*self.inner.files.delegates).clone()),
        };
        let question = Question { file, place: asks.map(|(name, _)| name.into()), only: asks.map(|(_, only)| only) };
        check_file(sources, seen.modules, self.config().clone(), around, question)
    }

    /// The file with everything it uses, checked.
    pub fn world(&self, file: FileId) -> Arc<World> {
        let seen = self.seen(file, self.read(file));
        let key = seen.key;
        self.inner.cache.world_or(file, key, || {
            let mut world = self.check(file, self.inner.sources.clone(), seen, None);
            self.judge_delegates(&mut world);
            world
        })
    }

    /// Adds what is wrong in the files that the policies of a file delegate to, at the rules that do.
    fn judge_delegates(&self, world: &mut World) {
        let Some(judge) = self.inner.files.judge else { return };
        for (delegate, rule) in std::mem::take(&mut world.delegates) {
            let mut sources = self.inner.sources.clone();
            let Some(mut wrong) = judge(&delegate, rule, &mut sources) else { continue };
            let place = wrong.span();
            if place.file != rule.file {
                let at = sources.line_col(place.file, place.start);
                wrong.message = format!("{} (line {}, column {})", wrong.message, at.line, at.column);
                wrong.labels.retain(|l| l.span.file == rule.file);
                wrong.labels.iter_mut().for_each(|l| l.primary = true);
            }
            world.diagnostics.push(wrong);
        }
        world.diagnostics.sort_by_key(|d| (d.span().start, d.span().end));
    }

    /// The file with another text, and what could stand where a name asks.
    pub(super) fn world_with(&self, file: FileId, text: Arc<str>, place: &str, at: u32) -> (Arc<World>, Arc<Read>) {
        let read = Arc::new(Read::new(file, &text, Some(&*self.read(file))));
        let around = read.ast.items.iter().find(|i| i.span.start <= at && at <= i.span.end);
        let only = around.map_or(Span::new(file, at, at), |i| i.span);
        let seen = self.seen(file, Arc::clone(&read));
        let mut sources = self.inner.sources.clone();
        sources.replace(file, text);
        (Arc::new(self.check(file, sources, seen, Some((place, only)))), read)
    }

    /// The project with other texts in some of its files.
    pub(super) fn with_texts(&self, texts: Vec<(FileId, Arc<str>)>) -> Analysis {
        let mut sources = self.inner.sources.clone();
        texts.into_iter().for_each(|(file, text)| sources.replace(file, text));
        // What is found out of texts that nobody wrote is not kept.
        let cache = Arc::new(self.inner.cache.apart());
        Analysis::new(sources, Arc::clone(&self.inner.files), cache)
    }

    /// What is wrong in `rrb.toml`: by itself, and for what the modules of the project declare. Of a large project only the first.
    fn config_diagnostics(&self) -> Arc<[Diagnostic]> {
        let files = &self.inner.files;
        let bytes: usize = files.modules.values().map(|id| self.text(*id).len()).sum();
        if files.config_text.is_none() || bytes > MOST_WHOLE {
            return Arc::clone(&files.config_said);
        }
        let seen = self.collect(None, files.modules.keys().cloned().collect());
        let key = seen.key;
        if let Some(said) = self.inner.cache.said(PROJECT_FILE, key) {
            return said;
        }
        // What the modules declare is enough; what they do inside has been looked at with their files.
        let nowhere = Span::new(PROJECT_FILE, 0, 0);
        let world = self.check(PROJECT_FILE, self.inner.sources.clone(), seen, Some(("", nowhere)));
        let mut said: Vec<Diagnostic> = files.config_said.to_vec();
        said.extend(world.diagnostics);
        said.sort_by_key(|d| (d.span().start, d.span().end));
        said.dedup();
        self.inner.cache.keep_said(PROJECT_FILE, key, said.into())
    }

    /// What is wrong in a file, in order of place.
    pub fn diagnostics(&self, file: FileId) -> Arc<[Diagnostic]> {
        if file == PROJECT_FILE {
            return self.config_diagnostics();
        }
        let key = self.seen(file, self.read(file)).key;
        let said = self.inner.cache.said(file, key);
        let mut said = said.unwrap_or_else(|| self.world(file).diagnostics.clone().into());
        let twins = self.twins_in(file, &said);
        self.inner.cache.note_twin(file, !twins.is_empty());
        if !twins.is_empty() {
            let mut all: Vec<Diagnostic> = said.iter().cloned().chain(twins).collect();
            all.sort_by_key(|d| (d.span().start, d.span().end));
            said = all.into();
        }
        said
    }

    /// The files of the project that see `file`, directly or through others: what is wrong in them may change with it.
    pub fn dependents(&self, file: FileId) -> Vec<FileId> {
        let files = &self.inner.files.modules;
        let mut found: Vec<FileId> = vec![file];
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            next += 1;
            let Some(name) = self.module_name(at) else { continue };
            for id in files.values().filter(|id| !found.contains(id)).copied().collect::<Vec<_>>() {
                let text = self.text(id);
                // Only who writes the name can bring it in.
                if text.contains(name) && self.read(id).imports.iter().any(|i| i == name) {
                    found.push(id);
                }
            }
        }
        found.remove(0);
        for twin in self.twins(file).into_iter().chain(self.inner.cache.twins()) {
            if twin != file && !found.contains(&twin) {
                found.push(twin);
            }
        }
        // `rrb.toml` gives the settings that modules declare.
        let files = &self.inner.files;
        if file != PROJECT_FILE && files.config_text.is_some() && self.text(file).contains("settings") {
            found.push(PROJECT_FILE);
        }
        found
    }
}
