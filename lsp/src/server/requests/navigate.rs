//! From a name to what it stands for, and to every place that names it.

use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    CallHierarchyIncomingCall, CallHierarchyItem, CallHierarchyOutgoingCall, DocumentHighlight, DocumentHighlightKind,
    GotoDefinitionResponse, Hover, HoverContents, Location, LocationLink, MarkupContent, MarkupKind,
    ParameterInformation, ParameterLabel, Position, PrepareRenameResponse, Range, SignatureHelp, SignatureInformation,
    SymbolKind, WorkspaceEdit,
};

use rrb_lang::check::world::Kind;
use rrb_lang::span::{FileId, PROJECT_FILE, Span};

use super::edits::workspace_edit;
use super::places::offset;
use crate::ide::calls::{self, CallItem, Calls};
use crate::ide::symbol::{self, Use};
use crate::ide::{hover, rename, signature, toml};
use crate::server::key::Key;
use crate::server::view::View;
use crate::server::world::Snapshot;

/// The code of an error that the client asked for something that cannot be done.
pub const REQUEST_FAILED: i64 = -32803;

/// Markdown for the client.
pub fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// An error that says why something cannot be done.
pub fn refused(why: String) -> Error {
    Error { code: ErrorCode::ServerError(REQUEST_FAILED), message: why.into(), data: None }
}

struct Asked<'a> {
    view: &'a View,
    file: FileId,
    offset: u32,
}

fn asked<'a>(snapshot: &'a Snapshot, key: &Key, position: Position) -> Option<Asked<'a>> {
    let (view, file) = snapshot.file(key)?;
    Some(Asked { view, file, offset: offset(view, snapshot, key, position)? })
}

/// What is said of a place.
pub fn hover(snapshot: &Snapshot, key: &Key, position: Position) -> Option<Hover> {
    let a = asked(snapshot, key, position)?;
    let (span, text) = if a.file == PROJECT_FILE {
        toml::hover(&a.view.analysis, a.offset)?
    } else {
        let found = hover::hover(&a.view.analysis, a.file, a.offset)?;
        (found.span, found.text)
    };
    Some(Hover { contents: HoverContents::Markup(markdown(text)), range: Some(a.view.range(span, &snapshot.client)) })
}

/// The signature of the call around a place.
pub fn signature_help(snapshot: &Snapshot, key: &Key, position: Position) -> Option<SignatureHelp> {
    let a = asked(snapshot, key, position)?;
    let found = signature::signature(&a.view.analysis, a.file, a.offset)?;
    // Labels are counted in UTF-16 whatever the client counts elsewhere.
    let units = |at: usize| {
        let before: usize = found.label.get(..at).unwrap_or_default().chars().map(char::len_utf16).sum();
        u32::try_from(before).unwrap_or(u32::MAX)
    };
    let parameters = found.params.iter().map(|(bytes, docs)| ParameterInformation {
        label: ParameterLabel::LabelOffsets([units(bytes.start), units(bytes.end)]),
        documentation: (!docs.is_empty())
            .then(|| tower_lsp::ls_types::Documentation::MarkupContent(markdown(docs.clone()))),
    });
    // A number behind the last one says that none is meant.
    let active = found.active.unwrap_or(found.params.len());
    let active = u32::try_from(active).ok();
    let information = SignatureInformation {
        label: found.label.clone(),
        documentation: (!found.docs.is_empty())
            .then(|| tower_lsp::ls_types::Documentation::MarkupContent(markdown(found.docs.clone()))),
        parameters: Some(parameters.collect()),
        active_parameter: active,
    };
    Some(SignatureHelp { signatures: vec![information], active_signature: Some(0), active_parameter: active })
}

/// Where something leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    Definition,
    Type,
}

/// Where the name at a place, or its type, is declared.
pub fn definition(snapshot: &Snapshot, key: &Key, position: Position, goal: Goal) -> Option<GotoDefinitionResponse> {
    let a = asked(snapshot, key, position)?;
    let find = match goal {
        Goal::Definition => symbol::definition,
        Goal::Type => symbol::type_definition,
    };
    let (from, to) = find(&a.view.analysis, a.file, a.offset)?;
    let target = a.view.location(to, &snapshot.client)?;
    if !snapshot.client.links {
        return Some(GotoDefinitionResponse::Scalar(target));
    }
    Some(GotoDefinitionResponse::Link(vec![LocationLink {
        origin_selection_range: Some(a.view.range(from, &snapshot.client)),
        target_uri: target.uri,
        target_range: target.range,
        target_selection_range: target.range,
    }]))
}

/// Where what stands at a place is put into practice.
pub fn implementation(snapshot: &Snapshot, key: &Key, position: Position) -> Option<GotoDefinitionResponse> {
    let a = asked(snapshot, key, position)?;
    let spans = symbol::implementation(&a.view.analysis, a.file, a.offset);
    let found: Vec<Location> = spans.into_iter().filter_map(|s| a.view.location(s, &snapshot.client)).collect();
    (!found.is_empty()).then_some(GotoDefinitionResponse::Array(found))
}

/// Every place that names the same.
pub fn references(snapshot: &Snapshot, key: &Key, position: Position, declaration: bool) -> Option<Vec<Location>> {
    let a = asked(snapshot, key, position)?;
    let found = symbol::references(&a.view.analysis, a.file, a.offset, declaration);
    Some(found.into_iter().filter_map(|m| a.view.location(m.span, &snapshot.client)).collect())
}

/// The places in this document that name the same.
pub fn highlights(snapshot: &Snapshot, key: &Key, position: Position) -> Option<Vec<DocumentHighlight>> {
    let a = asked(snapshot, key, position)?;
    let found = symbol::highlights(&a.view.analysis, a.file, a.offset).into_iter().map(|m| DocumentHighlight {
        range: a.view.range(m.span, &snapshot.client),
        kind: Some(match m.kind {
            Use::Read => DocumentHighlightKind::READ,
            Use::Write => DocumentHighlightKind::WRITE,
            Use::Declaration => DocumentHighlightKind::TEXT,
        }),
    });
    Some(found.collect())
}

/// The name at a place, if it can be changed.
///
/// # Errors
/// Why it cannot.
pub fn prepare_rename(snapshot: &Snapshot, key: &Key, position: Position) -> Result<Option<PrepareRenameResponse>> {
    let Some(a) = asked(snapshot, key, position) else { return Ok(None) };
    let span = rename::prepare(&a.view.analysis, a.file, a.offset).map_err(refused)?;
    let placeholder = a.view.analysis.sources().text(span).to_owned();
    let range = a.view.range(span, &snapshot.client);
    Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }))
}

/// The changes that give the name at a place another one.
///
/// # Errors
/// Why it cannot have it.
pub fn renamed(snapshot: &Snapshot, key: &Key, position: Position, to: &str) -> Result<Option<WorkspaceEdit>> {
    let Some(a) = asked(snapshot, key, position) else { return Ok(None) };
    let edits = rename::rename(&a.view.analysis, a.file, a.offset, to).map_err(refused)?;
    Ok(workspace_edit(&edits, a.view, snapshot))
}

/// What calls and is called at a place.
pub fn call_item(snapshot: &Snapshot, key: &Key, position: Position) -> Option<Vec<CallHierarchyItem>> {
    let a = asked(snapshot, key, position)?;
    let item = calls::prepare(&a.view.analysis, a.file, a.offset)?;
    Some(vec![shown(&item, a.view, snapshot)?])
}

fn shown(item: &CallItem, view: &View, snapshot: &Snapshot) -> Option<CallHierarchyItem> {
    let at = view.location(item.whole, &snapshot.client)?;
    Some(CallHierarchyItem {
        name: item.name.clone(),
        kind: match item.kind {
            Kind::Runbook => SymbolKind::CLASS,
            Kind::Event => SymbolKind::EVENT,
            Kind::Policy => SymbolKind::INTERFACE,
            _ => SymbolKind::FUNCTION,
        },
        tags: None,
        detail: Some(item.detail.clone()).filter(|d| !d.is_empty()),
        uri: at.uri,
        range: at.range,
        selection_range: view.range(item.span, &snapshot.client),
        data: None,
    })
}

fn ranges(places: &[Span], view: &View, snapshot: &Snapshot) -> Vec<Range> {
    places.iter().map(|s| view.range(*s, &snapshot.client)).collect()
}

type Direction = fn(&crate::ide::Analysis, &CallItem) -> Vec<Calls>;

fn related<T>(
    snapshot: &Snapshot,
    key: &Key,
    position: Position,
    direction: Direction,
    make: impl Fn(CallHierarchyItem, Vec<Range>) -> T,
) -> Option<Vec<T>> {
    let a = asked(snapshot, key, position)?;
    let item = calls::prepare(&a.view.analysis, a.file, a.offset)?;
    let found = direction(&a.view.analysis, &item)
        .into_iter()
        .filter_map(|c| Some(make(shown(&c.item, a.view, snapshot)?, ranges(&c.places, a.view, snapshot))));
    Some(found.collect())
}

/// Who calls it.
pub fn incoming(snapshot: &Snapshot, key: &Key, position: Position) -> Option<Vec<CallHierarchyIncomingCall>> {
    related(snapshot, key, position, calls::incoming, |from, from_ranges| CallHierarchyIncomingCall {
        from,
        from_ranges,
    })
}

/// What it calls.
pub fn outgoing(snapshot: &Snapshot, key: &Key, position: Position) -> Option<Vec<CallHierarchyOutgoingCall>> {
    related(snapshot, key, position, calls::outgoing, |to, from_ranges| CallHierarchyOutgoingCall { to, from_ranges })
}
