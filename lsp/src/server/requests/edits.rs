//! Changes to documents that the client makes.

use std::collections::{BTreeMap, HashMap};

use rrb_lang::span::{FileId, Span};
use tower_lsp::ls_types::{
    DocumentChanges, OneOf, OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, WorkspaceEdit,
};

use crate::server::view::View;
use crate::server::world::Snapshot;

/// Changes as the client takes them: with the versions that they were made for, if it can. None when one of the documents cannot be
/// changed.
pub fn workspace_edit(edits: &[(Span, String)], view: &View, snapshot: &Snapshot) -> Option<WorkspaceEdit> {
    let mut by_file: BTreeMap<FileId, Vec<TextEdit>> = BTreeMap::new();
    for (span, new_text) in edits {
        if view.analysis.is_library(span.file) {
            return None;
        }
        let range = view.range(*span, &snapshot.client);
        by_file.entry(span.file).or_default().push(TextEdit { range, new_text: new_text.clone() });
    }
    let mut changes = HashMap::new();
    let mut versioned = Vec::new();
    for (file, edits) in by_file {
        let key = view.key(file);
        let document = snapshot.documents.get(&key);
        let uri = document.map(|d| d.uri.clone()).or_else(|| snapshot.client.uri(&key))?;
        if snapshot.client.document_changes {
            let version = document.map(|d| d.version);
            versioned.push(TextDocumentEdit {
                text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
                edits: edits.into_iter().map(OneOf::Left).collect(),
            });
        } else {
            changes.insert(uri, edits);
        }
    }
    Some(if snapshot.client.document_changes {
        WorkspaceEdit { document_changes: Some(DocumentChanges::Edits(versioned)), ..WorkspaceEdit::default() }
    } else {
        WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }
    })
}
