//! Formatting, with the printer of `rrb fmt`.

use rrb_lang::diag::Diagnostic;
use rrb_lang::span::FileId;
use rrb_lang::syntax::{FormatError, format};
use similar::{ChangeTag, TextDiff};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{Range, TextEdit};

use super::navigate::refused;
use crate::server::key::Key;
use crate::server::text::{Encoding, Text};
use crate::server::world::Snapshot;

/// The changes that bring a whole document into form.
///
/// # Errors
/// When the text cannot be read: then nothing is changed.
pub fn document(snapshot: &Snapshot, key: &Key) -> Result<Option<Vec<TextEdit>>> {
    let Some(document) = snapshot.documents.get(key).filter(|_| is_rrb(key)) else { return Ok(None) };
    let formatted = formatted(&document.text)?;
    Ok(Some(edits(&document.text, &formatted, snapshot.client.encoding)))
}

/// The changes that bring a part of a document into form: those of the whole that touch its lines.
///
/// # Errors
/// As [`document`].
pub fn range(snapshot: &Snapshot, key: &Key, range: Range) -> Result<Option<Vec<TextEdit>>> {
    let Some(document) = snapshot.documents.get(key).filter(|_| is_rrb(key)) else { return Ok(None) };
    // A selection that ends at the start of a line does not mean that line.
    let last = if range.end.character == 0 && range.end.line > range.start.line { 0 } else { 1 };
    let wanted = range.start.line as usize..range.end.line as usize + last;
    lines(&document.text, wanted, snapshot.client.encoding).map(Some)
}

/// The changes that touch some lines.
///
/// # Errors
/// As [`document`].
pub fn lines(text: &Text, wanted: std::ops::Range<usize>, encoding: Encoding) -> Result<Vec<TextEdit>> {
    let formatted = formatted(text)?;
    let touches = |e: &TextEdit| {
        let (from, to) = (e.range.start.line as usize, e.range.end.line as usize);
        from < wanted.end && (wanted.start < to || (from == to && wanted.start <= from))
    };
    Ok(edits(text, &formatted, encoding).into_iter().filter(touches).collect())
}

/// Whether the document holds rrb, and not TOML.
pub fn is_rrb(key: &Key) -> bool {
    matches!(key, Key::Other(_)) || key.name().ends_with(".rrb")
}

fn formatted(text: &Text) -> Result<String> {
    format(FileId::default(), text.as_str()).map_err(|error| match error {
        FormatError::Syntax(found) => {
            let first = found.iter().find(|d| d.is_error());
            let line = first.map_or(1, |d: &Diagnostic| text.line_of(d.span().start as usize) + 1);
            let what = first.map_or("it is not valid rrb", |d| &d.message);
            refused(format!("not formatted: {what} (line {line})"))
        }
        FormatError::Changed => refused("not formatted: the formatter would change what the text means".to_owned()),
    })
}

/// The lines that differ. Small changes keep cursors, folds and marks of the editor where they are.
fn edits(old: &Text, new: &str, encoding: Encoding) -> Vec<TextEdit> {
    let diff = TextDiff::from_lines(old.as_str(), new);
    let mut edits = Vec::new();
    let mut at = 0;
    let mut open: Option<(std::ops::Range<usize>, String)> = None;
    for change in diff.iter_all_changes() {
        let len = change.value().len();
        match change.tag() {
            ChangeTag::Equal => {
                edits.extend(open.take());
                at += len;
            }
            ChangeTag::Delete => {
                open.get_or_insert_with(|| (at..at, String::new())).0.end = at + len;
                at += len;
            }
            ChangeTag::Insert => open.get_or_insert_with(|| (at..at, String::new())).1.push_str(change.value()),
        }
    }
    edits.extend(open);
    edits.into_iter().map(|(bytes, new_text)| TextEdit { range: old.range(bytes, encoding), new_text }).collect()
}
