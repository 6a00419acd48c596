//! What is wrong with a project, as the protocol says it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rrb_lang::diag::{Code, Diagnostic, Severity, codes};
use rrb_lang::span::Span;
use tower_lsp::ls_types::{
    CodeDescription, Diagnostic as Shown, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location,
    NumberOrString, Range,
};

use super::client::Client;
use super::key::Key;
use super::view::View;

/// Who says it.
const SOURCE: &str = "rrb";
/// Diagnostics shown of one document. Nobody reads more, and the first ones are the cause of many others.
pub const MAX_SHOWN: usize = 500;

/// What is wrong with each document of a project; only those with which something is.
pub fn all(view: &View, client: &Client) -> BTreeMap<Key, Vec<Shown>> {
    let mut all: BTreeMap<Key, Vec<Shown>> = BTreeMap::new();
    for (key, message) in &view.unreadable {
        all.entry(key.clone()).or_default().push(unreadable(message));
    }
    for diagnostic in &view.checked.diagnostics {
        let Some(key) = view.key(diagnostic.span().file) else { continue };
        // Mistakes of the library are not the reader's.
        if matches!(key, Key::Std(_)) {
            continue;
        }
        let of = all.entry(key.clone()).or_default();
        if of.len() < MAX_SHOWN {
            of.extend(shown(diagnostic, view, client));
        }
    }
    all
}

/// What is wrong with one document.
pub fn of(view: &View, client: &Client, key: &Key) -> Vec<Shown> {
    all(view, client).remove(key).unwrap_or_default()
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

fn shown(diagnostic: &Diagnostic, view: &View, client: &Client) -> Option<Shown> {
    let range = range(diagnostic.span(), view, client)?;
    let (related, told) = related(diagnostic, view, client);
    let severity = match diagnostic.severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
    };
    let explained = client.library.explanation(diagnostic.code).filter(|_| client.described);
    Some(Shown {
        range,
        severity: Some(severity),
        code: Some(NumberOrString::String(diagnostic.code.name().to_owned())),
        code_description: explained.map(|href| CodeDescription { href }),
        source: Some(SOURCE.to_owned()),
        message: message(diagnostic, &told),
        related_information: Some(related).filter(|r| !r.is_empty()),
        tags: is_needless(diagnostic.code).then(|| vec![DiagnosticTag::UNNECESSARY]),
        data: None,
    })
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
        let place = client.related.then(|| location(label.span, view, client)).flatten();
        match place {
            Some(location) => places.push(DiagnosticRelatedInformation { location, message: label.text.clone() }),
            None => {
                let at = view.checked.sources.line_col(label.span.file, label.span.start);
                let name = view.checked.sources.name(label.span.file);
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

/// The client's range of a span.
pub fn range(span: Span, view: &View, client: &Client) -> Option<Range> {
    Some(view.text(span.file)?.range(span.start as usize..span.end as usize, client.encoding))
}

/// The client's place of a span; none when the client cannot open its document.
pub fn location(span: Span, view: &View, client: &Client) -> Option<Location> {
    let range = range(span, view, client)?;
    Some(Location { uri: client.uri(view.key(span.file)?)?, range })
}
