//! Diagnostics as plain text, for tests and logs: no colours, one line per part.

use std::fmt::Write;

use super::{Diagnostic, Severity};
use crate::span::Sources;

/// The diagnostics in order, each as
///
/// ```text
/// error[rrb::syntax::number]: there is no unit `min`
///   --> a.rrb:3:9 unknown unit
///   | let x = 300min
///   |         ^^^^^^
///   help: did you mean `300m`?
/// ```
pub fn plain(sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        one(&mut out, sources, diagnostic);
    }
    out
}

fn one(out: &mut String, sources: &Sources, d: &Diagnostic) {
    let severity = match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ = writeln!(out, "{severity}[{}]: {}", d.code.name(), d.message);
    for label in &d.labels {
        let at = sources.line_col(label.span.file, label.span.start);
        let arrow = if label.primary { "-->" } else { "..." };
        let place = format!("{}:{}:{}", sources.name(label.span.file), at.line, at.column);
        let _ = writeln!(out, "{}", format!("  {arrow} {place} {}", label.text).trim_end());
        if label.primary {
            code(out, sources, label.span, at.line as usize, at.column as usize);
        }
    }
    for help in &d.help {
        let _ = writeln!(out, "  help: {help}");
    }
    for note in &d.notes {
        let _ = writeln!(out, "  note: {note}");
    }
    for fix in &d.fixes {
        let _ = writeln!(out, "  fix: {}", fix.title);
    }
}

/// The first line of the place, underlined.
fn code(out: &mut String, sources: &Sources, span: crate::span::Span, line: usize, column: usize) {
    let Some(source) = sources.get(span.file) else { return };
    let Some(text) = source.text.lines().nth(line - 1) else { return };
    let first = sources.text(span).lines().next().unwrap_or("");
    let width = first.chars().count().max(1);
    let _ = writeln!(out, "  | {text}");
    let _ = writeln!(out, "  | {}{}", " ".repeat(column - 1), "^".repeat(width));
}
