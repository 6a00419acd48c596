//! What could stand at the cursor: commands and what they take, files, events, and names of the language.

use rrb_lang::check::{CheckInput, ModuleSource, check};
use rrb_lang::stdlib;

use super::commands::{self, Takes};
use super::console::Console;
use super::library::{events_of, words};
use super::names::{Names, Scene};

/// What a prompt knows of its session, to complete with.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names in scope without a `use`: what the session declared and computed, what the project declares.
    pub names: Vec<String>,
    pub runbooks: Vec<String>,
    /// Events of the project's own connectors.
    pub events: Vec<String>,
    /// Modules of the library that the project uses.
    pub used: Vec<String>,
    /// For the engine of names.
    pub scene: Scene,
}

/// A way to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// As it is listed.
    pub shown: String,
    /// What is written.
    pub text: String,
}

impl Choice {
    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.clone(), text }
    }
}

impl Known {
    /// What a session knows now.
    pub fn of(console: &Console) -> Self {
        let session = &console.session;
        let mut names: Vec<String> = session.values().keys().map(ToString::to_string).collect();
        names.extend(session.declarations().iter().map(|d| d.name.to_string()).filter(|n| !n.is_empty()));
        names.extend(session.library().names().map(str::to_owned));
        let library = session.library();
        let declared = session.declarations().iter().filter(|d| d.what == "runbook").map(|d| d.name.to_string());
        let runbooks = library.runbooks().iter().cloned().chain(declared).collect();
        let (events, used) = (library.events().to_vec(), library.used().into_iter().collect());
        Self { names, runbooks, events, used, scene: session.scene() }
    }
}

/// What could stand at byte `pos` of `line`, and where what is replaced begins.
pub fn complete(known: &Known, engine: &mut Names, line: &str, pos: usize) -> (usize, Vec<Choice>) {
    let found = by_words(known, line, pos);
    let code = match line.trim_start().strip_prefix(':') {
        None => Some(0),
        Some(command) => {
            let name = command.split(char::is_whitespace).next().unwrap_or_default();
            let takes = commands::find(name).is_some_and(|c| c.takes == Takes::Expression);
            line.find(char::is_whitespace).filter(|at| takes && *at < pos)
        }
    };
    // Behind a command the expression is what the engine sees.
    let Some(from) = code else { return found };
    let (text, at) = (line.get(from..).unwrap_or_default(), pos.saturating_sub(from));
    if text.get(..at).is_none_or(|t| t.trim().is_empty()) {
        return found;
    }
    match engine.at(&known.scene, text, at) {
        Some((start, choices)) if !choices.is_empty() => {
            let start = start + from;
            // Names that it brings in only when they are written.
            let more = found.1.into_iter().filter(|c| found.0 == start && !choices.iter().any(|o| o.text == c.text));
            let more: Vec<Choice> = more.collect();
            (start, choices.into_iter().chain(more).collect())
        }
        _ => found,
    }
}

fn by_words(known: &Known, line: &str, pos: usize) -> (usize, Vec<Choice>) {
    let before = line.get(..pos).unwrap_or(line);
    let code = before.trim_start();
    if let Some(command) = code.strip_prefix(':') {
        let offset = before.len() - command.len();
        return match command.split_once(char::is_whitespace) {
            None => (offset, begun(command, commands::names())),
            Some((name, _)) => argument(known, name, before),
        };
    }
    names(known, before)
}

fn argument(known: &Known, command: &str, before: &str) -> (usize, Vec<Choice>) {
    let start = before.rfind(char::is_whitespace).map_or(0, |i| i + 1);
    let word = before.get(start..).unwrap_or_default();
    let listed = |all: &[String]| (start, begun(word, all.iter().map(String::as_str)));
    match commands::find(command).map(|c| c.takes) {
        Some(Takes::Command) => (start, begun(word.trim_start_matches(':'), commands::names())),
        Some(Takes::File) => files(start, word),
        Some(Takes::Runbook) => listed(&known.runbooks),
        Some(Takes::Event) => event(known, before),
        Some(Takes::Code) => (start, begun(word, rrb_lang::diag::codes::names())),
        Some(Takes::Option) => (start, begun(word, commands::OPTIONS.iter().map(|(n, _)| *n))),
        Some(Takes::Expression) => names(known, before),
        Some(Takes::Name) => names(known, before),
        Some(Takes::Nothing | Takes::Id | Takes::Text) | None => (start, Vec::new()),
    }
}

/// An event; behind it one as it could be.
fn event(known: &Known, before: &str) -> (usize, Vec<Choice>) {
    let given = before.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    if let Some((name, "")) = given.split_once(char::is_whitespace).map(|(n, rest)| (n, rest.trim())) {
        return (before.len(), sample(known, name).into_iter().map(Choice::plain).collect());
    }
    let start = before.len() - given.len();
    if given.contains(char::is_whitespace) {
        return names(known, before);
    }
    // Whoever names a module wants its events, used or not.
    let named = given.split_once('.').map(|(module, _)| format!("std.{module}"));
    let mut all = known.events.clone();
    for module in known.used.iter().chain(&named) {
        let Some((_, text)) = stdlib::get(module) else { continue };
        for item in rrb_lang::syntax::parse(rrb_lang::span::FileId(0), text).module.items {
            if let rrb_lang::syntax::ast::ItemKind::Connector(c) = &item.kind {
                all.extend(events_of(c));
            }
        }
    }
    (start, begun(given, all.iter().map(String::as_str)))
}

/// An event of the library with every field, as a test would write it.
fn sample(known: &Known, name: &str) -> Option<String> {
    let (connector, event) = name.split_once('.')?;
    let module = known.used.iter().find(|m| m.strip_prefix("std.") == Some(connector)).cloned();
    let module = module.unwrap_or_else(|| format!("std.{connector}"));
    stdlib::get(&module)?;
    let text = format!("use {module}\n");
    let source = ModuleSource { name: "sample".into(), file: "sample.rrb".to_owned(), text: text.as_str().into() };
    let checked = check(CheckInput { modules: vec![source], ..CheckInput::default() });
    let program = checked.program?;
    let found = program.events.iter().find(|e| {
        e.name == event && program.connectors.get(e.connector.index()).is_some_and(|c| c.name == connector)
    })?;
    rrb_world::test::example(&found.ty, &program.types)
}

/// The names that begin as the last word does.
fn names(known: &Known, before: &str) -> (usize, Vec<Choice>) {
    let Some(word) = words(before).last().filter(|w| before.ends_with(w.text)) else {
        return (before.len(), Vec::new());
    };
    let start = before.len() - word.text.len();
    if word.after_dot {
        return (start, Vec::new());
    }
    let library = stdlib::names().filter_map(|n| n.strip_prefix("std."));
    let natives = stdlib::natives().iter().map(|(n, ..)| *n).filter(|n| *n != "core");
    let all = known.names.iter().map(String::as_str).chain(library).chain(natives);
    (start, begun(word.text, all))
}

fn begun<'a>(word: &str, all: impl Iterator<Item = &'a str>) -> Vec<Choice> {
    let mut found: Vec<&str> = all.filter(|n| n.starts_with(word)).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(Choice::plain).collect()
}

/// Files and folders that begin as `word` does.
fn files(start: usize, word: &str) -> (usize, Vec<Choice>) {
    let (folder, begun) = word.rsplit_once('/').map_or(("", word), |(f, b)| (f, b));
    let place = match (folder, word.starts_with('/')) {
        ("", true) => "/".to_owned(),
        ("", false) => ".".to_owned(),
        (f, _) => f.to_owned(),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&place).into_iter().flatten().flatten().take(10_000) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(begun) || (name.starts_with('.') && begun.is_empty()) {
            continue;
        }
        let end = if entry.path().is_dir() { "/" } else { "" };
        let head = word.strip_suffix(begun).unwrap_or_default();
        found.push(Choice { shown: format!("{name}{end}"), text: format!("{head}{name}{end}") });
    }
    found.sort_by(|a, b| a.text.cmp(&b.text));
    (start, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect();
        Known {
            names: words(&["pods", "power"]),
            runbooks: words(&["relieve"]),
            events: words(&["door.opened"]),
            used: words(&["std.alertmanager"]),
            ..Known::default()
        }
    }

    fn texts(line: &str) -> Vec<String> {
        let (start, found) = by_words(&known(), line, line.len());
        assert!(start <= line.len());
        found.into_iter().map(|c| c.text).collect()
    }

    #[test]
    fn commands_and_what_they_take() {
        assert_eq!(texts(":rel"), ["reload"]);
        assert_eq!(texts(":help fi"), ["fire"]);
        assert_eq!(texts(":plan re"), ["relieve"]);
        assert_eq!(texts(":set pa"), ["pager"]);
        assert_eq!(texts(":explain rrb::effect::una"), ["rrb::effect::unapproved"]);
        assert_eq!(texts(":type pow"), ["power"]);
        assert_eq!(texts(":quit x"), Vec::<String>::new());
        assert_eq!(texts(":nope x"), Vec::<String>::new());
    }

    #[test]
    fn events_and_one_as_it_could_be() {
        assert_eq!(texts(":fire alertmanager.f"), ["alertmanager.firing"]);
        assert_eq!(texts(":fire do"), ["door.opened"]);
        let sample = texts(":fire alertmanager.firing ");
        assert!(sample[0].starts_with('{') && sample[0].contains("name:"), "{sample:?}");
        assert!(texts(":fire nobody.knows ").is_empty());
    }

    #[test]
    fn names_that_are_in_scope() {
        assert_eq!(texts("f(pod"), ["pods"]);
        assert_eq!(texts("promethe"), ["prometheus"]);
        assert_eq!(texts("htt"), ["http"]);
        assert!(texts("").is_empty() && texts("x.").is_empty());
    }

    #[test]
    fn the_engine_of_editors_knows_fields_and_methods() {
        let scene = Scene {
            values: vec!["pods: List<{ name: Text, ready: Bool }>".to_owned()],
            own: ["pods".to_owned()].into(),
            ..Scene::default()
        };
        let known = Known { scene, ..known() };
        let mut engine = Names::default();
        let mut texts = |line: &str| -> Vec<String> {
            complete(&known, &mut engine, line, line.len()).1.into_iter().map(|c| c.text).collect()
        };
        assert!(texts("pods[0].rea").contains(&"ready".to_owned()), "{:?}", texts("pods[0].rea"));
        assert!(texts("pods.fil").contains(&"filter".to_owned()));
        assert!(texts(":type pods.fil").contains(&"filter".to_owned()));
        assert!(texts("system.delete_f").contains(&"delete_file".to_owned()), "{:?}", texts("system.delete_f"));
    }

    #[test]
    fn files_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("one.rrb"), "").unwrap();
        std::fs::create_dir(dir.path().join("other")).unwrap();
        let begun = format!(":load {}/o", dir.path().display());
        let found = texts(&begun);
        assert_eq!(found, [format!("{}/one.rrb", dir.path().display()), format!("{}/other/", dir.path().display())]);
        assert!(texts(":load /nowhere/at/all").is_empty());
    }

    #[test]
    fn no_place_makes_it_panic() {
        for line in ["日本.", ":日", ":fire 日 ", "\u{301}x", ":load 日/", ":", ": "] {
            for pos in 0..=line.len() + 1 {
                let _ = (by_words(&known(), line, pos), complete(&known(), &mut Names::default(), line, pos));
            }
        }
    }
}
