//! What a session can name without a `use`: modules of the library and of the project, and what those of the project declare. It is
//! brought in when an input names it, so that nothing is read that nobody asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rrb_lang::check::ModuleSource;
use rrb_lang::span::FileId;
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::{Connector, Item, ItemKind};
use rrb_lang::syntax::{self};

/// What the modules of a project declare and use.
#[derive(Debug, Default)]
pub struct Library {
    /// By name of the module.
    modules: BTreeMap<String, Outline>,
    /// What brings a name in: `use lib.paging.{page}`. None for a name that stands for several things.
    names: HashMap<String, Option<String>>,
    runbooks: Vec<String>,
    /// `pager.page_sent`, of the connectors of the project.
    events: Vec<String>,
}

#[derive(Debug, Default)]
struct Outline {
    /// The modules it uses.
    uses: Vec<String>,
    /// It holds a policy, which judges whatever is done.
    judges: bool,
}

impl Library {
    /// Looks through the modules of a project.
    pub fn of(modules: &[ModuleSource]) -> Self {
        let mut library = Self::default();
        for module in modules {
            library.read(module);
        }
        library
    }

    fn read(&mut self, module: &ModuleSource) {
        let parsed = syntax::parse(FileId(0), &module.text).module;
        let name = module.name.to_string();
        let mut outline = Outline::default();
        let tests_alone = parsed.items.iter().all(|i| matches!(i.kind, ItemKind::Use(_) | ItemKind::Test(_)));
        for item in &parsed.items {
            match &item.kind {
                ItemKind::Use(u) => {
                    let path = u.path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
                    if let (Some(alias), None) = (&u.alias, &u.names) {
                        self.bring(&alias.name, format!("use {path} as {}", alias.name));
                    }
                    outline.uses.push(path);
                }
                ItemKind::Policy(_) => outline.judges = true,
                ItemKind::Runbook(r) => self.runbooks.push(r.name.name.to_string()),
                ItemKind::Connector(c) => self.events.extend(events_of(c)),
                _ => {}
            }
            for declared in declared(item) {
                if !declared.starts_with('_') {
                    self.bring(&declared, format!("use {name}.{{{declared}}}"));
                }
            }
        }
        if let Some(last) = name.rsplit('.').next().filter(|_| !tests_alone) {
            // What it declares by its own name is what people mean.
            self.names.entry(last.to_owned()).or_insert_with(|| Some(format!("use {name}")));
        }
        self.modules.insert(name, outline);
    }

    fn bring(&mut self, name: &str, by: String) {
        let entry = self.names.entry(name.to_owned()).or_insert_with(|| Some(by.clone()));
        let same_module = entry.as_deref().is_some_and(|e| *e == by || !e.contains(".{") && !e.contains(" as "));
        if same_module {
            *entry = Some(by);
        } else {
            *entry = None;
        }
    }

    /// The lines that bring in what `text` names and `known` does not.
    pub fn wanted(&self, text: &str, known: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for word in words(text) {
            if known(word.text) || word.after_dot {
                continue;
            }
            match self.names.get(word.text) {
                Some(Some(line)) => {
                    lines.insert(line.clone());
                }
                Some(None) => {}
                None if word.leads && stdlib::get(&format!("std.{}", word.text)).is_some() => {
                    lines.insert(format!("use std.{}", word.text));
                }
                None => {}
            }
        }
        lines
    }

    /// The modules of the project that `text` needs, and those that they need.
    pub fn needed<'m>(&self, text: &str, modules: &'m [ModuleSource]) -> Vec<&'m ModuleSource> {
        let mut wanted: Vec<String> = used_in(text);
        let mut needed: BTreeSet<String> = BTreeSet::new();
        while let Some(name) = wanted.pop() {
            if let Some(outline) = self.modules.get(&name)
                && needed.insert(name)
            {
                wanted.extend(outline.uses.iter().cloned());
            }
            // A module of the library may use one that the project replaces.
        }
        modules.iter().filter(|m| needed.contains(m.name.as_str()) || m.name.starts_with("std.")).collect()
    }

    /// The names that the project declares.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The runbooks of the project.
    pub fn runbooks(&self) -> &[String] {
        &self.runbooks
    }

    /// The events that the project declares.
    pub fn events(&self) -> &[String] {
        &self.events
    }

    /// The modules of the standard library that the project uses.
    pub fn used(&self) -> BTreeSet<String> {
        let uses = self.modules.values().flat_map(|m| &m.uses);
        uses.filter(|u| u.starts_with("std.")).cloned().collect()
    }

    /// Whether a module of the project has policies.
    pub fn judges(&self) -> bool {
        self.modules.values().any(|m| m.judges)
    }
}

/// The modules that the `use` lines of a text name.
fn used_in(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|l| l.trim_start().strip_prefix("use "));
    let path = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().trim_end_matches('.').to_owned()
    };
    lines.map(path).collect()
}

/// The events of a connector: `alertmanager.firing`.
pub fn events_of(connector: &Connector) -> Vec<String> {
    let name = |item: &Item| match &item.kind {
        ItemKind::Event(e) => Some(format!("{}.{}", connector.name.name, e.name.name)),
        _ => None,
    };
    connector.items.iter().filter_map(name).collect()
}

/// The names that an item declares.
fn declared(item: &Item) -> Vec<String> {
    let one = match &item.kind {
        ItemKind::Const(c) => &c.name,
        ItemKind::Type(t) => &t.name,
        ItemKind::Enum(e) => &e.name,
        ItemKind::Fn(f) => &f.name,
        ItemKind::Action(a) => &a.name,
        ItemKind::Runbook(r) => &r.name,
        ItemKind::Connector(c) => &c.name,
        ItemKind::Settings(s) => return s.fields.iter().map(|f| f.name.name.to_string()).collect(),
        _ => return Vec::new(),
    };
    vec![one.name.to_string()]
}

/// A word of a text that could be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'t> {
    pub text: &'t str,
    /// Behind a dot: a member of something.
    pub after_dot: bool,
    /// Before a dot or a bracket: something is asked of it.
    pub leads: bool,
}

/// The words of a text. Texts count as well: a hole in one is code.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(is_part)?;
        let tail = text.get(start..)?;
        let end = start + tail.find(|c: char| !is_part(c)).unwrap_or(tail.len());
        at = end;
        let before = text.get(..start).unwrap_or_default().trim_end();
        let after_dot = before.ends_with('.') && !before.ends_with("..");
        let leads = text.get(end..).is_some_and(|t| t.starts_with(['.', '[']) || t.starts_with("?."));
        Some(Word { text: text.get(start..end)?, after_dot, leads })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(files: &[(&str, &str)]) -> (Library, Vec<ModuleSource>) {
        let modules: Vec<ModuleSource> = files
            .iter()
            .map(|(name, text)| ModuleSource {
                name: (*name).into(),
                file: format!("{name}.rrb"),
                text: (*text).into(),
            })
            .collect();
        (Library::of(&modules), modules)
    }

    fn wanted(library: &Library, text: &str) -> Vec<String> {
        library.wanted(text, &|name| name == "known").into_iter().collect()
    }

    #[test]
    fn what_is_named_is_brought_in() {
        let (library, _) = library(&[
            (
                "lib.paging",
                "use std.kubernetes as k8s\nfn page() -> Int { 1 }\nsettings { room: Text = \"x\" }\nlet _own = 1",
            ),
            ("a", "let twice = 1"),
            ("b", "let twice = 2"),
        ]);
        assert_eq!(wanted(&library, "page() + room"), ["use lib.paging.{page}", "use lib.paging.{room}"]);
        assert_eq!(wanted(&library, "k8s.pods(\"x\")"), ["use std.kubernetes as k8s"]);
        assert_eq!(wanted(&library, "slack.post(\"${page}\")"), ["use lib.paging.{page}", "use std.slack"]);
        assert_eq!(wanted(&library, "paging.page()"), ["use lib.paging"]);
        assert!(wanted(&library, "twice + _own + x.page + known.slack + slack").is_empty());
    }

    #[test]
    fn what_an_input_needs_comes_with_what_that_needs() {
        let (library, modules) =
            library(&[("a", "use b"), ("b", "use std.slack"), ("c", "policy p { }"), ("std.slack", "")]);
        let names: Vec<&str> = library.needed("use a.{x}", &modules).iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "std.slack"]);
        assert!(library.judges());
    }
}
