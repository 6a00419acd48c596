//! What the client at the other end can do.

use std::path::PathBuf;

use tower_lsp::ls_types::{InitializeParams, Uri};

use super::key::Key;
use super::library::Library;
use super::requests::complete::Last;
use super::requests::tokens::Kept;
use super::text::Encoding;

/// What the client at the other end can do, and how it counts.
#[derive(Debug, Default)]
pub struct Client {
    pub encoding: Encoding,
    /// It tells of changed files, once it is asked to.
    pub watches: bool,
    /// It asks for diagnostics, and asks again when told that they changed. Nothing is pushed to it then.
    pub pulls: bool,
    /// It shows the related places of a diagnostic.
    pub related: bool,
    /// It shows the explanation of a diagnostic's code.
    pub described: bool,
    /// It fills in the places of a snippet.
    pub snippets: bool,
    /// It shows where a link to a definition begins.
    pub links: bool,
    /// It takes changes with the versions of the documents that they are for.
    pub document_changes: bool,
    /// It nests document symbols.
    pub nests: bool,
    /// It folds only whole lines.
    pub folds_lines: bool,
    /// It asks again for what is drawn into the text when told to.
    pub refreshes: Refreshes,
    pub library: Library,
    pub tokens: Kept,
    pub completions: Last,
}

/// What the client asks for again when told to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refreshes {
    pub tokens: bool,
    pub hints: bool,
    pub lenses: bool,
}

impl Client {
    /// What a client says of itself when it begins. `cache` is where texts may be written that it cannot ask for.
    pub fn new(params: &InitializeParams, cache: Option<PathBuf>) -> Self {
        let said = &params.capabilities;
        let workspace = said.workspace.clone().unwrap_or_default();
        let document = said.text_document.clone().unwrap_or_default();
        let published = document.publish_diagnostics.clone().unwrap_or_default();
        // The types of the protocol do not know this capability yet.
        let asks = option(params, "textDocumentContent") == Some(true);
        let snippets = document.completion.and_then(|c| c.completion_item).and_then(|i| i.snippet_support);
        let refreshes = Refreshes {
            tokens: workspace.semantic_tokens.and_then(|w| w.refresh_support).unwrap_or(false),
            hints: workspace.inlay_hint.and_then(|w| w.refresh_support).unwrap_or(false),
            lenses: workspace.code_lens.and_then(|w| w.refresh_support).unwrap_or(false),
        };
        let pulls_again = workspace.diagnostics.and_then(|w| w.refresh_support).unwrap_or(false);
        Self {
            encoding: Encoding::choose(said.general.as_ref().and_then(|g| g.position_encodings.as_deref())),
            watches: workspace.did_change_watched_files.and_then(|w| w.dynamic_registration).unwrap_or(false),
            pulls: document.diagnostic.is_some() && pulls_again,
            related: published.related_information.unwrap_or(false),
            described: published.code_description_support.unwrap_or(false),
            snippets: snippets.unwrap_or(false),
            links: document.definition.and_then(|d| d.link_support).unwrap_or(false),
            document_changes: workspace.workspace_edit.and_then(|e| e.document_changes).unwrap_or(false),
            nests: document.document_symbol.and_then(|s| s.hierarchical_document_symbol_support).unwrap_or(false),
            folds_lines: document.folding_range.and_then(|f| f.line_folding_only).unwrap_or(false),
            refreshes,
            tokens: Kept::default(),
            completions: Last::default(),
            library: Library::new(cache.as_deref(), asks),
        }
    }

    /// The document at an address.
    pub fn key(&self, uri: &Uri) -> Key {
        Key::of(uri, self.library.folder())
    }

    /// The address of a document.
    pub fn uri(&self, key: &Key) -> Option<Uri> {
        match key {
            Key::Std(name) => self.library.uri(name),
            other => other.uri(),
        }
    }
}

/// A choice of the user's, from the client's settings for this server.
fn option(params: &InitializeParams, name: &str) -> Option<bool> {
    params.initialization_options.as_ref()?.get(name)?.as_bool()
}

/// The folders that a client works in.
pub fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let path = |uri: &Uri| Key::of(uri, None).path().map(PathBuf::from);
    match params.workspace_folders.as_deref() {
        Some(folders) if !folders.is_empty() => folders.iter().filter_map(|f| path(&f.uri)).collect(),
        #[allow(deprecated)] // older clients name only this
        _ => params.root_uri.iter().filter_map(path).collect(),
    }
}
