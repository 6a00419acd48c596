//! Diagnostics as plain text without colour: for snapshots, logs and pipes.

use std::fmt::Write;

use super::{Diagnostic, Label, Severity};
use crate::span::Sources;

/// All diagnostics, a blank line between two.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    diagnostics.iter().map(|d| render_one(d, sources)).collect::<Vec<_>>().join("\n")
}

/// One diagnostic: its head, each label under its line of source, notes, help and fixes. Ends with a line break.
pub fn render_one(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let mut out = String::new();
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ = writeln!(out, "{word}[{}]: {}", diagnostic.code.name(), diagnostic.message);
    let (primary, others): (Vec<_>, Vec<_>) = diagnostic.labels.iter().partition(|l| l.primary);
    for label in primary.into_iter().chain(others) {
        render_label(&mut out, label, sources);
    }
    for note in &diagnostic.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    for help in &diagnostic.help {
        let _ = writeln!(out, "  help: {}", help.replace('\n', "\n        "));
    }
    for fix in &diagnostic.fixes {
        let _ = writeln!(out, "  fix: {}", fix.title);
        for (span, text) in &fix.edits {
            let at = sources.line_col(span.file, span.start);
            let old = sources.text(*span);
            let _ = writeln!(out, "    {}:{} {old:?} -> {text:?}", at.line, at.column);
        }
    }
    out
}

fn render_label(out: &mut String, label: &Label, sources: &Sources) {
    let at = sources.line_col(label.span.file, label.span.start);
    let _ = writeln!(out, "  --> {}:{}:{}", sources.name(label.span.file), at.line, at.column);
    let Some(source) = sources.get(label.span.file) else { return };
    let Some(line) = source.text.lines().nth(at.line as usize - 1) else { return };
    let column = at.column as usize - 1;
    let room = line.chars().count().saturating_sub(column);
    let length = sources.text(label.span).lines().next().map_or(0, |l| l.chars().count());
    let mark = if label.primary { "^" } else { "-" }.repeat(length.min(room).max(1));
    let number = at.line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(out, "  {number} | {line}");
    let under = format!("  {margin} | {}{mark} {}", " ".repeat(column), label.text);
    let _ = writeln!(out, "{}", under.trim_end());
}
