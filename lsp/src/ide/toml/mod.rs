//! `rrb.toml` in an editor: what can be written, and what it means.

pub mod keys;

use rrb_lang::span::{FileId, PROJECT_FILE, Span};
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::{FieldDecl, ItemKind};

use self::keys::{Shape, TABLES, table};
use super::Analysis;
use super::text::{boundary, line_start};

/// What an offer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferKind {
    Table,
    Key,
    Value,
}

/// Something that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub label: String,
    pub insert: String,
    pub detail: String,
    pub docs: String,
    pub kind: OfferKind,
}

/// What can be written in place of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    pub replace: Span,
    pub offers: Vec<Offer>,
}

/// A line of the file up to the cursor, with the table that it is in.
struct Line<'a> {
    before: &'a str,
    /// The parts of the table's name: `["connectors", "slack"]`.
    table: Vec<String>,
    start: usize,
}

fn line(text: &str, at: usize) -> Line<'_> {
    let start = line_start(text, at);
    let above = text.get(..start).unwrap_or_default();
    let head = above.lines().rev().map(str::trim).find(|l| l.starts_with('['));
    Line { before: text.get(start..at).unwrap_or_default(), table: head.map(parts).unwrap_or_default(), start }
}

/// The parts of `[connectors."a b".prod]`.
fn parts(head: &str) -> Vec<String> {
    let name = head.trim_start_matches('[').split(']').next().unwrap_or_default();
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in name.chars() {
        match (c, quote) {
            ('.', None) => parts.push(String::new()),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            (c, _) => parts.last_mut().into_iter().for_each(|p| p.push(c)),
        }
    }
    parts.into_iter().map(|p| p.trim().to_owned()).collect()
}

/// What can be written at a place of the file.
pub fn complete(analysis: &Analysis, offset: u32) -> Option<Offers> {
    let text = analysis.text(PROJECT_FILE);
    let at = boundary(&text, offset);
    let line = line(&text, at);
    let bare = line.before.trim_start();
    if bare.starts_with('#') {
        return None;
    }
    let (from, offers) = if let Some(head) = bare.strip_prefix('[').filter(|h| !h.contains(']')) {
        (word_start(line.before, &['[']), tables(analysis, head))
    } else if let Some((key, value)) = bare.split_once('=') {
        let offers = values(analysis, &line.table, key.trim(), value.trim_start());
        (word_start(line.before, &['"', '[', '=', ',', ' ']), offers)
    } else {
        (line.before.len() - bare.len(), written(analysis, &line.table))
    };
    let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let replace = Span::new(PROJECT_FILE, to(line.start + from), to(at));
    Some(Offers { replace, offers })
}

/// Where the word that is being written begins.
fn word_start(before: &str, marks: &[char]) -> usize {
    before.rfind(marks).map_or(0, |i| i + 1)
}

/// The names of tables.
fn tables(analysis: &Analysis, head: &str) -> Vec<Offer> {
    let known = parts(head);
    let offer = |label: String, docs: String| Offer {
        insert: label.clone(),
        label,
        detail: String::new(),
        docs,
        kind: OfferKind::Table,
    };
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut all: Vec<Offer> = TABLES
        .iter()
        .map(|t| {
            offer(
                if t.named && t.name != "groups" { format!("{}.", t.name) } else { t.name.to_owned() },
                t.docs.to_owned(),
            )
        })
        .collect();
    if let ["connectors", ..] = known.as_slice() {
        all.extend(connectors(analysis).into_iter().map(|(name, docs)| offer(format!("connectors.{name}"), docs)));
    }
    if let ["settings", ..] = known.as_slice() {
        all.extend(modules(analysis).into_iter().map(|name| offer(format!("settings.{name}"), String::new())));
    }
    all
}

/// Connectors of the project and the library, with what is said of them.
fn connectors(analysis: &Analysis) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for file in analysis.files().filter(|f| analysis.text(*f).contains("connector ")) {
        for item in &analysis.read(file).ast.items {
            if let ItemKind::Connector(c) = &item.kind {
                names.push((c.name.name.to_string(), item.docs.clone()));
            }
        }
    }
    let library = stdlib::names().filter_map(|n| n.strip_prefix("std."));
    names.extend(library.map(|n| (n.to_owned(), String::new())));
    names.sort();
    names.dedup_by(|a, b| a.0 == b.0);
    names
}

/// Modules of the project that have settings.
fn modules(analysis: &Analysis) -> Vec<String> {
    let has = |f: &FileId| {
        let items = &analysis.read(*f).ast.items;
        items.iter().any(|i| matches!(i.kind, ItemKind::Settings(_)))
    };
    let files = analysis.files().filter(|f| analysis.text(*f).contains("settings")).filter(has);
    files.filter_map(|f| analysis.module_name(f).map(str::to_owned)).collect()
}

/// A setting that a table takes.
struct Setting {
    name: String,
    ty: String,
    docs: String,
}

fn settings(analysis: &Analysis, path: &[String]) -> Vec<Setting> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["connectors", name, ..] => {
            let own = analysis.files().filter(|f| analysis.text(*f).contains(&format!("connector {name}")));
            let files = own.chain(analysis.module(&format!("std.{name}")));
            files.flat_map(|f| of_connector(analysis, f, name)).collect()
        }
        ["settings", module @ ..] => {
            let Some(file) = analysis.module(&module.join(".")) else { return vec![] };
            let read = analysis.read(file);
            let text = analysis.text(file);
            let fields = read.ast.items.iter().filter_map(|i| match &i.kind {
                ItemKind::Settings(s) => Some(&s.fields),
                _ => None,
            });
            fields.flatten().map(|f| setting(f, &text)).collect()
        }
        _ => vec![],
    }
}

fn of_connector(analysis: &Analysis, file: FileId, name: &str) -> Vec<Setting> {
    let read = analysis.read(file);
    let text = analysis.text(file);
    let mut found = Vec::new();
    for item in &read.ast.items {
        let ItemKind::Connector(c) = &item.kind else { continue };
        for inner in c.items.iter().filter(|_| c.name.name == name) {
            if let ItemKind::Settings(s) = &inner.kind {
                found.extend(s.fields.iter().map(|f| setting(f, &text)));
            }
        }
    }
    found
}

fn setting(field: &FieldDecl, text: &str) -> Setting {
    let ty = text.get(field.ty.span.start as usize..field.ty.span.end as usize).unwrap_or_default();
    Setting { name: field.name.name.to_string(), ty: ty.to_owned(), docs: field.docs.clone() }
}

/// The keys of a table.
fn written(analysis: &Analysis, path: &[String]) -> Vec<Offer> {
    let offer = |name: &str, detail: String, docs: &str| Offer {
        label: name.to_owned(),
        insert: format!("{name} = "),
        detail,
        docs: docs.to_owned(),
        kind: OfferKind::Key,
    };
    let own = path.first().and_then(|name| table(name)).filter(|t| t.named == (path.len() > 1));
    let mut all: Vec<Offer> =
        own.into_iter().flat_map(|t| t.keys).map(|k| offer(k.name, default(k.default), k.docs)).collect();
    all.extend(settings(analysis, path).into_iter().map(|s| offer(&s.name, s.ty, &s.docs)));
    if path.is_empty() {
        all.extend(TABLES.iter().map(|t| Offer {
            label: format!("[{}]", t.name),
            insert: if t.named && t.name != "groups" { format!("[{}.", t.name) } else { format!("[{}]\n", t.name) },
            detail: String::new(),
            docs: t.docs.to_owned(),
            kind: OfferKind::Table,
        }));
    }
    all
}

fn default(toml: &str) -> String {
    if toml.is_empty() { String::new() } else { format!("default {toml}") }
}

/// The values of a key.
fn values(analysis: &Analysis, path: &[String], key: &str, written: &str) -> Vec<Offer> {
    let quoted =
        written.starts_with('"') || written.rsplit([',', '[']).next().is_some_and(|w| w.trim().starts_with('"'));
    let offer = |word: &str, text: bool| Offer {
        label: word.to_owned(),
        insert: if text && !quoted { format!("\"{word}\"") } else { word.to_owned() },
        detail: String::new(),
        docs: String::new(),
        kind: OfferKind::Value,
    };
    let first = path.first().map(String::as_str).unwrap_or_default();
    if first == "groups" {
        return analysis.config().users.keys().map(|u| offer(u, true)).collect();
    }
    let shape = table(first).and_then(|t| t.keys.iter().find(|k| k.name == key)).map(|k| k.shape);
    let ty = settings(analysis, path).into_iter().find(|s| s.name == key).map(|s| s.ty).unwrap_or_default();
    match (shape, ty.trim_end_matches('?')) {
        (Some(Shape::OneOf(words)), _) => words.iter().map(|w| offer(w, true)).collect(),
        (Some(Shape::Flag), _) | (None, "Bool") => ["true", "false"].iter().map(|w| offer(w, false)).collect(),
        (None, "Secret") => ["env:", "file:", "vault:", "age:"].iter().map(|w| offer(w, true)).collect(),
        _ => vec![],
    }
}

/// What is said of the table or key at a place, in Markdown.
pub fn hover(analysis: &Analysis, offset: u32) -> Option<(Span, String)> {
    let text = analysis.text(PROJECT_FILE);
    let at = boundary(&text, offset);
    let start = line_start(&text, at);
    let whole = text.get(start..).and_then(|t| t.lines().next()).unwrap_or_default();
    let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let bare = whole.trim_start();
    let from = start + whole.len() - bare.len();
    if bare.starts_with('[') {
        let head = parts(bare);
        let t = head.first().and_then(|name| table(name))?;
        let end = from + bare.find(']').map_or(bare.trim_end().len(), |i| i + 1);
        return (at <= end).then(|| (Span::new(PROJECT_FILE, to(from), to(end)), t.docs.to_owned()));
    }
    let (key, _) = bare.split_once('=')?;
    let key = key.trim();
    let end = from + key.len();
    if at < from || at > end {
        return None;
    }
    let span = Span::new(PROJECT_FILE, to(from), to(end));
    let path = line(&text, start).table;
    let own = path.first().and_then(|name| table(name)).filter(|t| t.named == (path.len() > 1));
    if let Some(k) = own.and_then(|t| t.keys.iter().find(|k| k.name == key)) {
        let default = if k.default.is_empty() { String::new() } else { format!("\n\nDefault: `{}`", k.default) };
        return Some((span, format!("{}{default}", k.docs)));
    }
    let found = settings(analysis, &path).into_iter().find(|s| s.name == key)?;
    Some((span, format!("```rrb\n{}: {}\n```\n\n{}", found.name, found.ty, found.docs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    /// The project with the file, and the place of `$0` in it.
    fn project(toml: &str) -> (Analysis, u32) {
        let at = toml.find("$0").unwrap();
        let mut project = Project::new(false);
        project
            .set("lib/paging.rrb", Some("settings {\n  /// Where to write.\n  channel: Text = \"#ops\"\n}\n".into()));
        project
            .set("pager.rrb", Some("connector pager {\n  settings { token: Secret, loud: Bool = false }\n}\n".into()));
        project.set("rrb.toml", Some(toml.replacen("$0", "", 1).into()));
        (project.analysis(), u32::try_from(at).unwrap())
    }

    fn labels(toml: &str) -> Vec<String> {
        let (analysis, at) = project(toml);
        let found = complete(&analysis, at).map(|c| c.offers).unwrap_or_default();
        found.into_iter().map(|o| o.label).collect()
    }

    #[test]
    fn tables_keys_and_values_are_offered() {
        assert!(labels("[$0").contains(&"serve".to_owned()));
        assert!(labels("[connectors.$0").contains(&"connectors.pager".to_owned()));
        assert!(labels("[connectors.$0").contains(&"connectors.slack".to_owned()));
        assert!(labels("[settings.$0").contains(&"settings.lib.paging".to_owned()));
        assert!(labels("$0").contains(&"[users]".to_owned()));
        assert_eq!(labels("[safety]\n$0"), ["require_approval"]);
        assert_eq!(labels("[safety]\nrequire_approval = $0"), ["destroys", "changes"]);
        assert_eq!(labels("[users.ana]\n$0"), ["name", "email", "login"]);
        assert_eq!(labels("[users.ana]\n[groups]\nsre = [\"$0"), ["ana"]);
        assert_eq!(labels("[connectors.pager]\n$0"), ["token", "loud"]);
        assert_eq!(labels("[connectors.pager.eu]\nloud = $0"), ["true", "false"]);
        assert_eq!(labels("[settings.lib.paging]\n$0"), ["channel"]);
    }

    #[test]
    fn a_text_gets_its_quotes_once() {
        let insert = |toml| {
            let (analysis, at) = project(toml);
            complete(&analysis, at).unwrap().offers[0].insert.clone()
        };
        assert_eq!(insert("[safety]\nrequire_approval = $0"), "\"destroys\"");
        assert_eq!(insert("[safety]\nrequire_approval = \"$0\""), "destroys");
    }

    #[test]
    fn nothing_is_offered_where_nothing_fits() {
        for toml in [
            "# $0",
            "[nowhere]\n$0",
            "[serve]\nqueue = $0",
            "[safety]\nnothing = $0",
            "[settings.none]\n$0",
            "[users]\n$0",
        ] {
            assert_eq!(labels(toml), Vec::<String>::new(), "{toml}");
        }
    }

    #[test]
    fn tables_and_keys_are_explained() {
        let said = |toml| {
            let (analysis, at) = project(toml);
            hover(&analysis, at).map(|(_, text)| text)
        };
        assert!(said("[sa$0fety]\n").unwrap().contains("approved"));
        assert!(said("[serve]\nqu$0eue = 3\n").unwrap().contains("Default: `1024`"));
        assert!(said("[settings.lib.paging]\nchan$0nel = \"x\"\n").unwrap().contains("Where to write."));
        for toml in ["$0", "[nowhere$0]", "[serve]\nqueue = 3$0\n", "[serve]\nnothing$0 = 3", "# x$0"] {
            assert_eq!(said(toml), None, "{toml}");
        }
    }

    #[test]
    fn every_place_of_any_text_has_an_answer() {
        for toml in ["[", "[[", "a = \"", "[users.\"a", "ä = €\n[😀]\n", "=", "[]\n=="] {
            for at in 0..=toml.len() {
                let mut project = Project::new(false);
                project.set("rrb.toml", Some(toml.into()));
                let analysis = project.analysis();
                let at = u32::try_from(at).unwrap();
                let _ = (complete(&analysis, at), hover(&analysis, at));
            }
        }
    }
}
