//! What is wrong with a project, as the protocol says it.

use std::hash::{DefaultHasher, Hash, Hasher};

use rrb_lang::diag::{Code, Diagnostic, Severity, codes};
use tower_lsp::ls_types::{
    CodeDescription, Diagnostic as Shown, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    NumberOrString,
};

use super::client::Client;
use super::disk::CONFIG;
use super::key::Key;
use super::view::View;

/// Who says it.
const SOURCE: &str = "rrb";
/// Diagnostics shown of one document. Nobody reads more, and the first ones are the cause of many others.
pub const MAX_SHOWN: usize = 500;

/// What is wrong with one document.
pub fn of(view: &View, client: &Client, key: &Key) -> Vec<Shown> {
    let mut all: Vec<Shown> = view.unreadable.get(key).map(|why| unreadable(why)).into_iter().collect();
    let cut = view.cut.iter().filter(|_| *key == view.place.key_of(CONFIG));
    all.extend(cut.map(|cut| unreadable(&format!("{cut}: those behind are not looked at"))));
    // Mistakes of the library are not the reader's.
    let file = view.file(key).filter(|file| !view.analysis.is_library(*file));
    if let Some(file) = file {
        all.extend(view.analysis.misnamed(file).map(unreadable));
        let found = view.analysis.diagnostics(file);
        all.extend(found.iter().take(MAX_SHOWN).map(|d| shown(d, view, client)));
    }
    all
}

/// What tells two answers apart.
pub fn result_id(of: &[Shown]) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(of).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn unreadable(message: &str) -> Shown {
    Shown {
        severity: Some(DiagnosticSeverity::ERROR),
        source: Some(SOURCE.to_owned()),
        message: message.to_owned(),
        ..Shown::default()
    }
}

/// One diagnostic.
pub fn shown(diagnostic: &Diagnostic, view: &View, client: &Client) -> Shown {
    let (related, told) = related(diagnostic, view, client);
    let severity = match diagnostic.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
    };
    let explained = client.library.explanation(diagnostic.code).filter(|_| client.described);
    Shown {
        range: view.range(diagnostic.span(), client),
        severity: Some(severity),
        code: Some(NumberOrString::String(diagnostic.code.name().to_owned())),
        code_description: explained.map(|href| CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message: message(diagnostic, &told),
        related_information: Some(related).filter(|r| !r.is_empty()),
        tags: is_needless(diagnostic.code).then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: None,
    }
}

/// The message with what helps to understand it and to mend it.
fn message(diagnostic: &Diagnostic, related: &[String]) -> String {
    let mut message = diagnostic.message.clone();
    let notes = diagnostic.notes.iter().map(|n| format!("note: {n}"));
    let helps = diagnostic.help.iter().map(|h| format!("help: {h}"));
    for line in related.iter().cloned().chain(notes).chain(helps) {
        message.push('\n');
        message.push_str(&line);
    }
    message
}

/// The other places of a diagnostic; in words for a client that does not show them.
fn related(diagnostic: &Diagnostic, view: &View, client: &Client) -> (Vec<DiagnosticRelatedInformation>, Vec<String>) {
    let (mut places, mut told) = (Vec::new(), Vec::new());
    for label in diagnostic.labels.iter().filter(|l| !l.primary && !l.text.is_empty()) {
        let place = client.related.then(|| view.location(label.span, client)).flatten();
        match place {
            Some(location) => places.push(DiagnosticRelatedInformation { location, message: label.text.clone() }),
            None => {
                let at = view.analysis.sources().line_col(label.span.file, label.span.start);
                let name = view.analysis.sources().name(label.span.file);
                told.push(format!("{name}:{}:{}: {}", at.line, at.column, label.text));
            }
        }
    }
    (places, told)
}

/// Whether the code marks what could be taken away.
fn is_needless(code: Code) -> bool {
    [
        codes::NAME_UNUSED,
        codes::VARIABLE_UNUSED,
        codes::PARAMETER_UNUSED,
        codes::MATCH_UNREACHABLE,
        codes::CODE_UNREACHABLE,
        codes::DO_NEEDLESS,
        codes::ALLOW_UNUSED,
    ]
    .contains(&code)
}
