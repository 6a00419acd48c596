//! Where a `use` goes, and which one brings a name.

use rrb_lang::span::{FileId, Span};
use rrb_lang::stdlib;
use rrb_lang::syntax::ast::{Item, ItemKind, Use};

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
    let tail = if rest.trim().is_empty() {
        "\n"
    } else if rest.starts_with('\n') {
        "\n"
    } else {
        "\n\n"
    };
    (at(start32), format!("{lead}{line}{tail}"))
}

/// The lines that would bring a name: `use std.slack`, `use lib.paging.{page}`.
pub fn bring(analysis: &Analysis, file: FileId, name: &str) -> Vec<String> {
    let own = analysis.module_name(file);
    let mut lines: Vec<String> = Vec::new();
    for other in analysis.files() {
        let Some(module) = analysis.module_name(other).filter(|m| Some(*m) != own) else { continue };
        if module.rsplit('.').next() == Some(name) {
            lines.push(format!("use {module}"));
        }
        if !name.starts_with('_') && analysis.text(other).contains(name) && declares(&analysis.read(other), name) {
            lines.push(format!("use {module}.{{{name}}}"));
        }
    }
    lines.extend(stdlib::names().filter(|m| m.rsplit('.').next() == Some(name)).map(|m| format!("use {m}")));
    lines
}

fn declares(read: &Read, name: &str) -> bool {
    read.ast.items.iter().any(|i| {
        let declared = match &i.kind {
            ItemKind::Const(d) => &d.name,
            ItemKind::Type(d) => &d.name,
            ItemKind::Enum(d) => &d.name,
            ItemKind::Fn(d) => &d.name,
            ItemKind::Action(d) => &d.name,
            ItemKind::Runbook(d) => &d.name,
            ItemKind::Connector(d) => &d.name,
            _ => return false,
        };
        declared.name == name
    })
}
