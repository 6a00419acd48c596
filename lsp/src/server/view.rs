//! A project as it was checked: immutable, shared by every request that looks at it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rrb_lang::check::{CheckInput, Checked, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::project::ProjectConfig;
use rrb_lang::span::FileId;

use super::disk::CONFIG;
use super::key::Key;
use super::project::{Input, Lines, Place};
use super::text::Text;

/// A project as it was checked.
#[derive(Debug)]
pub struct View {
    pub checked: Checked,
    /// What is wrong with files as such: document and message.
    pub unreadable: Vec<(Key, String)>,
    keys: HashMap<FileId, Key>,
    files: HashMap<Key, FileId>,
    lines: Vec<Lines>,
}

impl View {
    /// Checks some texts.
    pub fn new(place: &Place, inputs: Vec<Input>, cut: Option<String>, _last: Option<Arc<View>>) -> Self {
        let mut read = Read::default();
        inputs.into_iter().for_each(|input| read.take(input, place));
        if let (Some(cut), Place::Folder(root)) = (cut, place) {
            read.unreadable.push((Key::File(root.join(CONFIG)), format!("{cut}: those behind are not looked at")));
        }
        let (config, wrong) = match &read.config {
            Some((_, text, _)) => rrb_lang::project::parse(PROJECT_FILE, text),
            None => (ProjectConfig::default(), vec![]),
        };
        let around = Surroundings {
            project_text: read.config.as_ref().map(|(_, text, _)| Arc::clone(text)),
            now: now(),
            files: Some(read.delegates),
        };
        let mut checked = check_in(CheckInput { modules: read.modules, project: config }, around);
        // Without the project's users, groups and settings the checker would blame the runbooks for what the file's own mistake hides.
        let hides = [codes::PROJECT_SYNTAX, codes::PROJECT_TOO_LARGE, codes::PROJECT_DUPLICATE_KEY];
        if wrong.iter().any(|d| hides.contains(&d.code)) {
            let hidden =
                |d: &Diagnostic| ["rrb::approval::", "rrb::setting::"].iter().any(|c| d.code.name().starts_with(c));
            checked.diagnostics.retain(|d| !hidden(d));
        }
        checked.diagnostics.splice(0..0, wrong);
        let mut view =
            Self { unreadable: read.unreadable, keys: HashMap::new(), files: HashMap::new(), lines: vec![], checked };
        view.index(read.config, read.names);
        view
    }

    fn index(&mut self, config: Option<(Key, Arc<str>, Option<Arc<Text>>)>, mut names: HashMap<String, Named>) {
        let mut config = config;
        for (id, source) in self.checked.sources.iter() {
            let own =
                if id == PROJECT_FILE { config.take().map(|(k, _, l)| (k, l)) } else { names.remove(&*source.name) };
            let (key, lines) = own.unwrap_or_else(|| (Key::Std(source.name.to_string()), None));
            self.files.insert(key.clone(), id);
            self.keys.insert(id, key);
            self.lines.push(Lines::known(lines));
        }
    }

    /// The file of a document.
    pub fn file(&self, key: &Key) -> Option<FileId> {
        self.files.get(key).copied()
    }

    /// The document of a file.
    pub fn key(&self, file: FileId) -> Option<&Key> {
        self.keys.get(&file)
    }

    /// The text of a file with its lines.
    pub fn text(&self, file: FileId) -> Option<&Arc<Text>> {
        let source = self.checked.sources.get(file)?;
        Some(self.lines.get(file.0 as usize)?.of(&source.text))
    }
}

/// A document with its lines, where they are counted.
type Named = (Key, Option<Arc<Text>>);

/// The texts of a project by what they are.
#[derive(Default)]
struct Read {
    config: Option<(Key, Arc<str>, Option<Arc<Text>>)>,
    modules: Vec<ModuleSource>,
    delegates: rrb_lang::check::Files,
    names: HashMap<String, Named>,
    unreadable: Vec<(Key, String)>,
}

impl Read {
    fn take(&mut self, input: Input, place: &Place) {
        let is_module = input.name.ends_with(".rrb") || matches!(place, Place::Alone(_));
        match input.text {
            Ok(text) if input.name == CONFIG => self.config = Some((input.key, text, input.lines)),
            Ok(text) if is_module => {
                let name = match module_name(&input.name) {
                    Ok(name) => name,
                    Err((mended, why)) => {
                        if matches!(place, Place::Folder(_)) {
                            self.unreadable.push((input.key.clone(), why));
                        }
                        mended
                    }
                };
                self.names.insert(input.name.clone(), (input.key, input.lines));
                self.modules.push(ModuleSource { name: name.into(), file: input.name, text });
            }
            Err(why) if is_module || input.name == CONFIG => {
                self.unreadable.push((input.key, format!("this file cannot be read: {why}")));
            }
            text => {
                self.delegates.insert(input.name, text);
            }
        }
    }
}

/// `lib/paging.rrb` is `lib.paging`.
///
/// # Errors
/// When a part cannot stand in a module's name: with the nearest name that can, and why.
fn module_name(file: &str) -> Result<String, (String, String)> {
    let path = file.strip_suffix(".rrb").unwrap_or(file);
    let ident = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let mend = |part: &str| {
        let lower = part.to_lowercase();
        let mended: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        if ident(&mended) { mended } else { format!("m_{mended}") }
    };
    let Some(wrong) = path.split('/').find(|part| !ident(part)) else { return Ok(path.replace('/', ".")) };
    let all: Vec<String> = path.split('/').map(|p| if ident(p) { p.to_owned() } else { mend(p) }).collect();
    let why = format!(
        "`{wrong}` cannot be part of a module's name (small letters, digits and `_`): rename it to `{}`",
        mend(wrong)
    );
    Err((all.join("."), why))
}

/// Now, in milliseconds since 1970.
fn now() -> Option<i64> {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}
