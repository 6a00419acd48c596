//! The files of one project, as they are now: what is saved, and over it what is not saved yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rrb_lang::check::{Files, module_name};
use rrb_lang::diag::Diagnostic;
use rrb_lang::hir::Delegate;
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::{FileId, PROJECT_FILE, Sources, Span};
use rrb_lang::stdlib;

pub use crate::disk::CONFIG;

use super::Analysis;
use super::cache::Cache;

/// Says what is wrong with a file that a rule of a policy delegates to: at a place in that file, which is added to the sources.
pub type Judge = fn(&Delegate, Span, &mut Sources) -> Option<Diagnostic>;

/// A project whose files change. One thread owns it; others look at its [`Analysis`].
#[derive(Debug)]
pub struct Project {
    sources: Sources,
    ids: HashMap<String, FileId>,
    files: Arc<Snapshot>,
    /// A file without a project around it: any name will do.
    alone: bool,
    cache: Arc<Cache>,
}

/// What is the same for everybody who looks at one state of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// The project's `.rrb` files by the name of their module.
    pub modules: BTreeMap<String, FileId>,
    /// `.rrb` files whose name cannot be a module's, and why.
    pub misnamed: BTreeMap<FileId, String>,
    /// `.rego` and `.cedar` files.
    pub delegates: Arc<Files>,
    /// The text of `rrb.toml`, when there is one.
    pub config_text: Option<Arc<str>>,
    pub config: Arc<ProjectConfig>,
    /// What is wrong in `rrb.toml` by itself.
    pub config_said: Arc<[Diagnostic]>,
    /// The time, for waivers past their date. None: they are not looked for.
    pub now: Option<i64>,
    /// Rises with every change of what every file may depend on.
    pub surroundings: u64,
    /// Who understands the languages of delegates. None: they are not looked into.
    pub judge: Option<Judge>,
}

impl Project {
    /// A project without files; `alone` for a single file that belongs to none.
    pub fn new(alone: bool) -> Self {
        let mut sources = Sources::default();
        sources.add(CONFIG, "");
        let mut ids = HashMap::new();
        for (_, file, text) in stdlib::natives() {
            ids.insert((*file).to_owned(), sources.add(file, text));
        }
        for (file, text) in stdlib::names().filter_map(stdlib::get) {
            ids.insert(file.to_owned(), sources.add(file, text));
        }
        let cache = Arc::new(Cache::new(&ids));
        ids.insert(CONFIG.to_owned(), PROJECT_FILE);
        Self { sources, ids, files: Arc::default(), alone, cache }
    }

    /// Gives a file of the project its text, or takes the file away: `rrb.toml`, `lib/paging.rrb`, `policies/guard.rego`. A name of
    /// any other kind changes nothing.
    pub fn set(&mut self, name: &str, text: Option<Arc<str>>) {
        let files = Arc::make_mut(&mut self.files);
        if name == CONFIG {
            self.sources.replace(PROJECT_FILE, text.clone().unwrap_or_default());
            let parsed = text.as_deref().map(|text| rrb_lang::project::parse(PROJECT_FILE, text));
            let (config, said) = parsed.unwrap_or_default();
            (files.config, files.config_said, files.config_text) = (Arc::new(config), said.into(), text);
            files.surroundings += 1;
        } else if name.ends_with(".rego") || name.ends_with(".cedar") {
            let delegates = Arc::make_mut(&mut files.delegates);
            match text {
                Some(text) => delegates.insert(name.to_owned(), Ok(text)),
                None => delegates.remove(name),
            };
            files.surroundings += 1;
        } else if name.ends_with(".rrb") {
            self.set_module(name, text);
        }
    }

    /// Says what time it is, in milliseconds since 1970: waivers past their date are then reported. Everything is checked anew.
    pub fn set_now(&mut self, now: i64) {
        let files = Arc::make_mut(&mut self.files);
        files.now = Some(now);
        files.surroundings += 1;
    }

    /// Says who understands the languages that policies delegate to.
    pub fn set_judge(&mut self, judge: Judge) {
        let files = Arc::make_mut(&mut self.files);
        files.judge = Some(judge);
        files.surroundings += 1;
    }

    fn set_module(&mut self, name: &str, text: Option<Arc<str>>) {
        let known = self.ids.get(name).copied().filter(|id| !self.cache.is_library(*id));
        let files = Arc::make_mut(&mut self.files);
        let Some(text) = text else {
            if let Some(id) = known {
                files.modules.retain(|_, of| *of != id);
                files.misnamed.remove(&id);
                self.cache.forget(id);
                self.sources.replace(id, Arc::default());
            }
            return;
        };
        let id = match known {
            Some(id) => {
                self.sources.replace(id, text);
                id
            }
            None => {
                let id = self.sources.add(name, &text);
                self.ids.insert(name.to_owned(), id);
                id
            }
        };
        match module_name(name, self.alone) {
            Ok(module) => {
                files.modules.insert(module, id);
            }
            Err(why) => {
                files.misnamed.insert(id, why);
            }
        }
    }

    /// The project as it is now, for any thread and for as long as somebody wants to look at it.
    pub fn analysis(&self) -> Analysis {
        Analysis::new(self.sources.clone(), Arc::clone(&self.files), Arc::clone(&self.cache))
    }
}
