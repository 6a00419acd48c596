//! Ranges of a document: what folds, what a selection grows to, what links, what changes together.

use std::str::FromStr;

use tower_lsp::ls_types::{
    DocumentLink, FoldingRange, FoldingRangeKind, LinkedEditingRanges, Position, Range, SelectionRange, Uri,
};

use crate::ide::folding::{Fold, FoldKind, folds, selections};
use crate::ide::links::{Goal, linked, links};
use crate::server::key::Key;
use crate::server::project::Place;
use crate::server::view::View;
use crate::server::world::Snapshot;

/// A name, for a client that checks what is typed while several places change together.
const WORD: &str = "[a-z_][a-z0-9_]*";

/// The byte of a client's position.
pub fn offset(view: &View, snapshot: &Snapshot, key: &Key, position: Position) -> Option<u32> {
    let text = view.text(view.file(key)?);
    u32::try_from(text.offset(position, snapshot.client.encoding)).ok()
}

/// What can be folded away.
pub fn folding(snapshot: &Snapshot, key: &Key) -> Option<Vec<FoldingRange>> {
    let (view, file) = snapshot.file(key)?;
    let mut found: Vec<FoldingRange> =
        folds(&view.analysis, file).into_iter().filter_map(|f| fold(f, view, snapshot)).collect();
    // Of two that begin on the same line a client shows one.
    if snapshot.client.folds_lines {
        found.sort_by_key(|f| (f.start_line, std::cmp::Reverse(f.end_line)));
        found.dedup_by_key(|f| f.start_line);
    }
    Some(found)
}

fn fold(fold: Fold, view: &View, snapshot: &Snapshot) -> Option<FoldingRange> {
    let range = view.range(fold.span, &snapshot.client);
    // The line of a closing bracket stays in sight.
    let closes = fold.kind == FoldKind::Code && snapshot.client.folds_lines;
    let end_line = if closes { range.end.line.saturating_sub(1) } else { range.end.line };
    (end_line > range.start.line).then(|| FoldingRange {
        start_line: range.start.line,
        start_character: (!snapshot.client.folds_lines).then_some(range.start.character),
        end_line,
        end_character: (!snapshot.client.folds_lines).then_some(range.end.character),
        kind: match fold.kind {
            FoldKind::Code => Some(FoldingRangeKind::Region),
            FoldKind::Comment => Some(FoldingRangeKind::Comment),
            FoldKind::Imports => Some(FoldingRangeKind::Imports),
        },
        collapsed_text: None,
    })
}

/// What the selection grows to from each of some places.
pub fn selection(snapshot: &Snapshot, key: &Key, positions: Vec<Position>) -> Option<Vec<SelectionRange>> {
    let (view, file) = snapshot.file(key)?;
    let one = |position: Position| {
        let at = offset(view, snapshot, key, position)?;
        let spans = selections(&view.analysis, file, at);
        spans.into_iter().rev().fold(None, |parent, span| {
            let range = view.range(span, &snapshot.client);
            Some(SelectionRange { range, parent: parent.map(Box::new) })
        })
    };
    let here = |position| SelectionRange { range: Range { start: position, end: position }, parent: None };
    Some(positions.into_iter().map(|position| one(position).unwrap_or_else(|| here(position))).collect())
}

/// The places that lead to others.
pub fn document_links(snapshot: &Snapshot, key: &Key) -> Option<Vec<DocumentLink>> {
    let (view, file) = snapshot.file(key)?;
    let found = links(&view.analysis, file).into_iter().filter_map(|link| {
        let target = match &link.goal {
            Goal::Source(file) => snapshot.client.uri(&view.key(*file)),
            Goal::File(path) => match &view.place {
                Place::Folder(root) => Uri::from_file_path(root.join(path)),
                Place::Alone(_) => None,
            },
            Goal::Page(address) => Uri::from_str(address).ok(),
        };
        let range = view.range(link.span, &snapshot.client);
        Some(DocumentLink { range, target: Some(target?), tooltip: None, data: None })
    });
    Some(found.collect())
}

/// The places that change together with the one under the cursor.
pub fn linked_editing(snapshot: &Snapshot, key: &Key, position: Position) -> Option<LinkedEditingRanges> {
    let (view, file) = snapshot.file(key)?;
    let spans = linked(&view.analysis, file, offset(view, snapshot, key, position)?);
    let ranges: Vec<Range> = spans.into_iter().map(|s| view.range(s, &snapshot.client)).collect();
    (!ranges.is_empty()).then(|| LinkedEditingRanges { ranges, word_pattern: Some(WORD.to_owned()) })
}
