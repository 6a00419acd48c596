//! The outline of a document, and the names of a workspace.

use tower_lsp::ls_types::{
    DocumentSymbol, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind, Uri, WorkspaceSymbolResponse,
};

use crate::ide::outline::{Entry, Sort, outline, search};
use crate::server::client::Client;
use crate::server::key::Key;
use crate::server::view::View;
use crate::server::world::Snapshot;

/// Names that one search of a workspace gives at most.
const MOST_FOUND: usize = 500;

/// What a document declares.
pub fn document(snapshot: &Snapshot, key: &Key) -> Option<DocumentSymbolResponse> {
    let (view, file) = snapshot.file(key)?;
    let entries = outline(&view.analysis, file);
    if snapshot.client.nests {
        let nested = entries.into_iter().map(|e| nested(e, view, &snapshot.client)).collect();
        return Some(DocumentSymbolResponse::Nested(nested));
    }
    let uri = snapshot.documents.get(key).map(|d| d.uri.clone()).or_else(|| snapshot.client.uri(key))?;
    let mut flat = Vec::new();
    entries.into_iter().for_each(|e| flatten(e, None, view, (&snapshot.client, &uri), &mut flat));
    Some(DocumentSymbolResponse::Flat(flat))
}

#[allow(deprecated)] // the type has a field that clients do not use any more
fn nested(entry: Entry, view: &View, client: &Client) -> DocumentSymbol {
    let inside: Vec<DocumentSymbol> = entry.inside.into_iter().map(|e| nested(e, view, client)).collect();
    DocumentSymbol {
        name: entry.name,
        detail: Some(entry.detail).filter(|d| !d.is_empty()),
        kind: kind(entry.sort),
        tags: None,
        deprecated: None,
        range: view.range(entry.span, client),
        selection_range: view.range(entry.name_span, client),
        children: Some(inside).filter(|i| !i.is_empty()),
    }
}

fn flatten(
    entry: Entry,
    holder: Option<&str>,
    view: &View,
    (client, uri): (&Client, &Uri),
    flat: &mut Vec<SymbolInformation>,
) {
    let location = Location { uri: uri.clone(), range: view.range(entry.name_span, client) };
    flat.push(information(&entry.name, entry.sort, location, holder.map(str::to_owned)));
    for inner in entry.inside {
        flatten(inner, Some(&entry.name), view, (client, uri), flat);
    }
}

#[allow(deprecated)] // the type has a field that clients do not use any more
fn information(name: &str, sort: Sort, location: Location, container_name: Option<String>) -> SymbolInformation {
    SymbolInformation {
        name: name.to_owned(),
        kind: kind(sort),
        tags: None,
        deprecated: None,
        location,
        container_name,
    }
}

/// The declarations of every project whose names are like what somebody typed.
pub fn workspace(snapshot: &Snapshot, query: &str) -> Option<WorkspaceSymbolResponse> {
    let mut found = Vec::new();
    for view in snapshot.views.values() {
        let left = MOST_FOUND.saturating_sub(found.len());
        for (holder, entry) in search(&view.analysis, query, left) {
            if let Some(location) = view.location(entry.name_span, &snapshot.client) {
                found.push(information(&entry.name, entry.sort, location, holder));
            }
        }
    }
    Some(WorkspaceSymbolResponse::Flat(found))
}

fn kind(sort: Sort) -> SymbolKind {
    match sort {
        Sort::Constant => SymbolKind::CONSTANT,
        Sort::Settings => SymbolKind::OBJECT,
        Sort::Setting => SymbolKind::PROPERTY,
        Sort::Record | Sort::Alias => SymbolKind::STRUCT,
        Sort::Enum => SymbolKind::ENUM,
        Sort::Variant => SymbolKind::ENUM_MEMBER,
        Sort::Field => SymbolKind::FIELD,
        Sort::Function | Sort::Action => SymbolKind::FUNCTION,
        Sort::Runbook => SymbolKind::CLASS,
        Sort::Step => SymbolKind::KEY,
        Sort::Connector => SymbolKind::MODULE,
        Sort::Event => SymbolKind::EVENT,
        Sort::Policy => SymbolKind::INTERFACE,
        Sort::Test => SymbolKind::METHOD,
    }
}
