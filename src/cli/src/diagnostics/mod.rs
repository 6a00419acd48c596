//! Diagnostics for people, programs, editors and code hosts.

mod human;
mod lines;
mod sarif;

use clap::ValueEnum;
use rrb_lang::diag::{Diagnostic, Severity};
use rrb_lang::span::Sources;
use serde_json::{Value, json};

pub use human::{excerpt, render as human};
pub use lines::{github, github_unreadable, short};
pub use sarif::sarif;

use crate::out::Look;
use crate::text;

/// `--format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// With the source and what to do.
    #[default]
    Human,
    /// One document.
    Json,
    /// A log of code scanning, version 2.1.0 of SARIF.
    Sarif,
    /// One line each: `file:line:column: error[code]: message`.
    Short,
    /// Annotations of GitHub Actions.
    Github,
}

/// All of them as text in a format for lines; empty for those that are one document.
pub fn render(look: &Look, format: Format, sources: &Sources, diagnostics: &[Diagnostic]) -> String {
    let each = |f: &dyn Fn(&Diagnostic) -> String| diagnostics.iter().map(f).collect::<String>();
    match format {
        Format::Human => each(&|d| human(look, sources, d)),
        Format::Short => each(&|d| short(sources, d)),
        Format::Github => each(&|d| github(sources, d)),
        Format::Json | Format::Sarif => String::new(),
    }
}

/// The message, and below it the advice and the facts.
fn told(d: &Diagnostic) -> String {
    let help = d.help.iter().map(|h| format!("\nhelp: {h}"));
    let notes = d.notes.iter().map(|n| format!("\nnote: {n}"));
    std::iter::once(d.message.clone()).chain(help).chain(notes).collect()
}

/// A diagnostic for programs: the model with names and lines in place of ids and bytes.
pub fn to_json(sources: &Sources, d: &Diagnostic) -> Value {
    let place = |span: rrb_lang::span::Span| {
        let (from, to) = (sources.line_col(span.file, span.start), sources.line_col(span.file, span.end));
        json!({
            "file": sources.name(span.file), "start": from, "end": to, "bytes": [span.start, span.end],
        })
    };
    json!({
        "code": d.code, "severity": d.severity, "message": d.message, "place": place(d.span()),
        "labels": d.labels.iter().map(|l| json!({"place": place(l.span), "text": l.text, "primary": l.primary})).collect::<Vec<_>>(),
        "help": d.help, "notes": d.notes,
        "fixes": d.fixes.iter().map(|f| json!({
            "title": f.title,
            "edits": f.edits.iter().map(|(s, t)| json!({"place": place(*s), "text": t})).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// How many of each.
pub fn tally(diagnostics: &[Diagnostic]) -> (usize, usize) {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    (errors, diagnostics.len() - errors)
}

/// `2 errors, 1 warning in 3 files`
pub fn summary(look: &Look, diagnostics: &[Diagnostic], files: usize) -> String {
    let (errors, warnings) = tally(diagnostics);
    let place = format!("in {}", text::count(files, "file"));
    match (errors, warnings) {
        (0, 0) => format!("{} {place}", look.good("no mistakes found")),
        (0, w) => format!("{} {place}", look.warn(text::count(w, "warning"))),
        (e, 0) => format!("{} {place}", look.bad(text::count(e, "error"))),
        (e, w) => format!("{}, {} {place}", look.bad(text::count(e, "error")), look.warn(text::count(w, "warning"))),
    }
}
