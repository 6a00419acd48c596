//! Where a `use` goes, and which one brings a name.

use rrb_lang::check::world::Kind;
use rrb_lang::span::{FileId, Span};
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::{Item, ItemKind, Use};

use super::text::is_name_char;
use super::{Analysis, Read};

/// The edit that adds a line `use …`, with the others in their order; a name is added to the braces of its module's line.
pub fn import(read: &Read, file: FileId, line: &str) -> (Span, String) {
    let at = |n: u32| Span::new(file, n, n);
    if let Some((module, name)) =
        line.strip_prefix("use ").and_then(|l| l.strip_suffix('}')).and_then(|l| l.split_once(".{"))
    {
        for item in &read.ast.items {
            let ItemKind::Use(Use { path, names: Some(names), .. }) = &item.kind else { continue };
            let written = path.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".");
            if let Some(last) = names.last().filter(|_| written == module) {
                return (at(last.span.end), format!(", {name}"));
            }
        }
    }
    let uses: Vec<&Item> = read.ast.items.iter().filter(|i| matches!(i.kind, ItemKind::Use(_))).collect();
    let text = |s: Span| read.text.get(s.start as usize..s.end as usize).unwrap_or_default();
    if let Some(next) = uses.iter().find(|i| text(i.span) > line && i.docs.is_empty()) {
        return (at(next.span.start), format!("{line}\n"));
    }
    if let Some(last) = uses.last() {
        return (at(last.span.end), format!("\n{line}"));
    }
    // Behind the module's docs, before everything else.
    let mut start = 0;
    for l in read.text.split_inclusive('\n') {
        if !l.trim_start().starts_with("//!") {
            break;
        }
        start += l.len();
    }
    let start32 = u32::try_from(start).unwrap_or(u32::MAX);
    let ends = start == 0 || read.text.get(..start).is_some_and(|t| t.ends_with('\n'));
    let lead = if ends && start == 0 {
        String::new()
    } else if ends {
        "\n".to_owned()
    } else {
        "\n\n".to_owned()
    };
    let rest = read.text.get(start..).unwrap_or_default();
    let apart = rest.trim().is_empty() || rest.starts_with('\n');
    let tail = if apart { "\n" } else { "\n\n" };
    (at(start32), format!("{lead}{line}{tail}"))
}

/// The lines that would bring a name: `use std.slack`, `use lib.paging.{page}`.
pub fn bring(analysis: &Analysis, file: FileId, name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    if name.is_empty() {
        return lines;
    }
    for (module, other) in analysis.modules().filter(|(_, other)| *other != file) {
        if module.rsplit('.').next() == Some(name) {
            lines.push(format!("use {module}"));
        }
        if declared_lines(&analysis.text(other), name).any(|(n, _)| n == name) {
            lines.push(format!("use {module}.{{{name}}}"));
        }
    }
    lines.extend(stdlib::names().filter(|m| m.rsplit('.').next() == Some(name)).map(|m| format!("use {m}")));
    lines
}

/// The words that declare a name at the top of a file, and what they declare.
const DECLARES: &[(&str, Kind)] = &[
    ("let ", Kind::Constant),
    ("type ", Kind::Record),
    ("enum ", Kind::Enum),
    ("fn ", Kind::Function),
    ("action ", Kind::Action),
    ("runbook ", Kind::Runbook),
    ("connector ", Kind::Connector),
];

/// What the lines of a text declare for everybody under names that begin with `start`. Reading every file of a project for a letter
/// that is typed would take too long.
pub fn declared_lines<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = (&'t str, Kind)> {
    text.match_indices(start).filter_map(move |(at, _)| {
        let before = text.get(..at)?;
        let (word, kind) = DECLARES.iter().find(|(word, _)| before.ends_with(word))?;
        let line = before.strip_suffix(word)?;
        let rest = text.get(at..)?;
        let name = rest.get(..rest.find(|c| !is_name_char(c)).unwrap_or(rest.len()))?;
        let counts = (line.is_empty() || line.ends_with('\n')) && !name.is_empty() && !name.starts_with('_');
        counts.then_some((name, *kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'t>(text: &'t str, start: &'t str) -> Vec<&'t str> {
        declared_lines(text, start).map(|(n, _)| n).collect()
    }

    #[test]
    fn only_declarations_of_a_file_are_found() {
        let text = "let paging = 1\nfn page(x: Int) -> Int { x }\n  fn page_in() { }\nlet _page = 1\n// fn pagers\nlet x = page(1)\n";
        assert_eq!(names(text, "pag"), ["paging", "page"]);
        assert_eq!(names(text, "page_in"), Vec::<&str>::new());
        assert_eq!(names("", "x"), Vec::<&str>::new());
        assert_eq!(names("fn ä", "ä"), Vec::<&str>::new());
    }
}
