//! What could stand at the cursor: commands and what they take, files, events, and names of the language.

use rrb_lang::stdlib;

use super::commands::{self, Takes};
use super::console::Console;
use super::library::words;

/// What a prompt knows of its session, to complete with.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names in scope without a `use`: what the session declared and computed, what the project declares.
    pub names: Vec<String>,
    pub runbooks: Vec<String>,
    pub events: Vec<String>,
    pub actions: Vec<String>,
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
        Self { names, ..Self::default() }
    }
}

/// What could stand at byte `pos` of `line`, and where what is replaced begins.
pub fn complete(known: &Known, line: &str, pos: usize) -> (usize, Vec<Choice>) {
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
        Some(Takes::Event) => listed(&known.events),
        Some(Takes::Code) => (start, begun(word, rrb_lang::diag::codes::names())),
        Some(Takes::Option) => (start, begun(word, commands::OPTIONS.iter().map(|(n, _)| *n))),
        Some(Takes::Expression) => names(known, before),
        Some(Takes::Name) => names(known, before),
        Some(Takes::Nothing | Takes::Id | Takes::Text) | None => (start, Vec::new()),
    }
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
