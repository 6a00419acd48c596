//! The handlers of the protocol. Each puts something into the queue at once, and waits only for the answer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types::request::{
    GotoDeclarationParams, GotoDeclarationResponse, GotoImplementationParams, GotoImplementationResponse,
    GotoTypeDefinitionParams, GotoTypeDefinitionResponse,
};
use tower_lsp::ls_types::*;
use tower_lsp::{Client as Connection, LanguageServer};

use super::capabilities::capabilities;
use super::client::{Client, folders};
use super::key::Key;
use super::publish::{Publisher, deliver};
use super::queue::{About, Edit, Queue};
use super::requests::navigate;
use super::world::{Snapshot, World};
use super::{commands, library, requests};
use crate::ide::Judge;

/// Answers an editor.
#[derive(Debug)]
pub struct Backend {
    connection: Connection,
    /// Where texts may be written that the client cannot ask for.
    cache: Option<PathBuf>,
    /// The editor asked for the end before it said `exit`.
    shut: Arc<AtomicBool>,
    judge: Judge,
    started: OnceLock<Started>,
}

/// What begins with `initialize`.
#[derive(Debug)]
struct Started {
    client: Arc<Client>,
    queue: Queue,
}

impl Backend {
    /// A server at the end of a connection.
    pub fn new(connection: Connection, cache: Option<PathBuf>, shut: Arc<AtomicBool>, judge: Judge) -> Self {
        Self { connection, cache, shut, judge, started: OnceLock::new() }
    }

    fn edit(&self, make: impl FnOnce(&Client) -> Edit) {
        if let Some(started) = self.started.get() {
            started.queue.edit(make(&started.client));
        }
    }

    /// Answers a question about one document.
    fn about<T: Send + 'static, F>(&self, uri: &Uri, answer: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Snapshot, &Key) -> T + Send + 'static,
    {
        self.ask_about(uri, About::Document, answer)
    }

    fn ask_about<T: Send + 'static, F>(
        &self,
        uri: &Uri,
        about: fn(Key) -> About,
        answer: F,
    ) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Snapshot, &Key) -> T + Send + 'static,
    {
        let asked = self.started.get().map(|started| {
            let key = started.client.key(uri);
            let about = about(key.clone());
            started.queue.ask(about, move |snapshot| answer(snapshot, &key))
        });
        answered(asked)
    }

    /// Answers a question about a place.
    fn at<T: Send + 'static, F>(
        &self,
        place: TextDocumentPositionParams,
        answer: F,
    ) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Snapshot, &Key, Position) -> T + Send + 'static,
    {
        let position = place.position;
        self.about(&place.text_document.uri, move |snapshot, key| answer(snapshot, key, position))
    }

    /// Answers a question that no document matters for, on a thread that may take its time.
    fn everything_now<T: Send + 'static, F>(&self, answer: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Client) -> T + Send + 'static,
    {
        answered(self.started.get().map(|s| s.queue.ask(About::Nothing, |snapshot| answer(&snapshot.client))))
    }

    /// Answers a question about everything.
    fn everything<T: Send + 'static, F>(&self, answer: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        F: FnOnce(&Snapshot) -> T + Send + 'static,
    {
        answered(self.started.get().map(|started| started.queue.ask(About::Everything, answer)))
    }

    /// The text of a source that only the server has.
    pub async fn text_document_content(&self, params: Value) -> Result<Value> {
        let uri = params.get("uri").and_then(Value::as_str).unwrap_or_default();
        Ok(serde_json::json!({ "text": self.source(uri)? }))
    }

    fn source(&self, uri: &str) -> Result<&'static str> {
        let key = uri.parse().ok().zip(self.started.get()).map(|(uri, started)| started.client.key(&uri));
        let text = key.as_ref().and_then(|key| match key {
            Key::Std(name) => library::text(name),
            _ => None,
        });
        text.ok_or_else(|| Error::invalid_params(format!("there is no source `{uri}` in this server")))
    }
}

/// The place of a name that calls or is called.
fn name_of(item: CallHierarchyItem) -> TextDocumentPositionParams {
    TextDocumentPositionParams {
        text_document: TextDocumentIdentifier { uri: item.uri },
        position: item.selection_range.start,
    }
}

/// The answer, once it is there.
async fn answered<T>(asked: Option<impl Future<Output = Result<T>>>) -> Result<T> {
    match asked {
        Some(answer) => answer.await,
        None => Err(Error::internal_error()),
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let client = Arc::new(Client::new(&params, self.cache.clone()));
        let (publisher, messages) = Publisher::new();
        let world = World::new(Arc::clone(&client), folders(&params), self.judge);
        let queue = Queue::start(world, publisher).map_err(|e| Error {
            code: tower_lsp::jsonrpc::ErrorCode::InternalError,
            message: format!("the server cannot start a thread: {e}").into(),
            data: None,
        })?;
        let capabilities = capabilities(&client);
        tokio::spawn(deliver(messages, self.connection.clone(), Arc::clone(&client)));
        // A second `initialize` does not come here.
        let _ = self.started.set(Started { client, queue });
        Ok(InitializeResult {
            capabilities,
            server_info: Some(ServerInfo {
                name: "rrb".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        self.edit(|_| Edit::Begin);
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let TextDocumentItem { uri, version, text, .. } = params.text_document;
        self.edit(|client| Edit::Open { key: client.key(&uri), uri, version, text });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        self.edit(|client| Edit::Change { key: client.key(&uri), version, changes: params.content_changes });
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.edit(|client| Edit::Close(client.key(&params.text_document.uri)));
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.edit(|client| Edit::Save(client.key(&params.text_document.uri)));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        self.edit(|client| {
            let path = |e: FileEvent| Some((client.key(&e.uri).path()?.to_owned(), e.typ));
            Edit::Watched(params.changes.into_iter().filter_map(path).collect())
        });
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.edit(|client| {
            let paths = |folders: Vec<WorkspaceFolder>| {
                let path = |f: WorkspaceFolder| client.key(&f.uri).path().map(PathBuf::from);
                folders.into_iter().filter_map(path).collect()
            };
            Edit::Folders { added: paths(params.event.added), removed: paths(params.event.removed) }
        });
    }

    async fn did_change_configuration(&self, _: DidChangeConfigurationParams) {}

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        let previous = params.previous_result_id;
        self.about(&params.text_document.uri, |s, key| requests::diagnostics::document(s, key, previous)).await
    }

    async fn workspace_diagnostic(&self, params: WorkspaceDiagnosticParams) -> Result<WorkspaceDiagnosticReportResult> {
        self.everything(|s| requests::diagnostics::workspace(s, params.previous_result_ids)).await
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        self.about(&params.text_document.uri, requests::format::document).await?
    }

    async fn range_formatting(&self, params: DocumentRangeFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        let range = params.range;
        self.about(&params.text_document.uri, move |s, key| requests::format::range(s, key, range)).await?
    }

    async fn on_type_formatting(&self, params: DocumentOnTypeFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        let TextDocumentPositionParams { text_document, position } = params.text_document_position;
        let answer =
            move |s: &Snapshot, key: &Key| requests::typing::on_type(s, key, position, &params.ch, &params.options);
        self.about(&text_document.uri, answer).await
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        self.about(&params.text_document.uri, requests::symbols::document).await
    }

    async fn symbol(&self, params: WorkspaceSymbolParams) -> Result<Option<WorkspaceSymbolResponse>> {
        self.everything(move |s| requests::symbols::workspace(s, &params.query)).await
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        self.about(&params.text_document.uri, requests::places::folding).await
    }

    async fn selection_range(&self, params: SelectionRangeParams) -> Result<Option<Vec<SelectionRange>>> {
        let positions = params.positions;
        self.about(&params.text_document.uri, |s, key| requests::places::selection(s, key, positions)).await
    }

    async fn document_link(&self, params: DocumentLinkParams) -> Result<Option<Vec<DocumentLink>>> {
        self.about(&params.text_document.uri, requests::places::document_links).await
    }

    async fn linked_editing_range(&self, params: LinkedEditingRangeParams) -> Result<Option<LinkedEditingRanges>> {
        let TextDocumentPositionParams { text_document, position } = params.text_document_position_params;
        self.about(&text_document.uri, move |s, key| requests::places::linked_editing(s, key, position)).await
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        let range = params.range;
        self.about(&params.text_document.uri, move |s, key| requests::drawn::inlay_hints(s, key, range)).await
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        self.about(&params.text_document.uri, requests::drawn::code_lenses).await
    }

    async fn semantic_tokens_full(&self, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
        self.about(&params.text_document.uri, requests::tokens::full).await
    }

    async fn semantic_tokens_full_delta(
        &self,
        params: SemanticTokensDeltaParams,
    ) -> Result<Option<SemanticTokensFullDeltaResult>> {
        let previous = params.previous_result_id;
        self.about(&params.text_document.uri, move |s, key| requests::tokens::delta(s, key, &previous)).await
    }

    async fn semantic_tokens_range(
        &self,
        params: SemanticTokensRangeParams,
    ) -> Result<Option<SemanticTokensRangeResult>> {
        let range = params.range;
        self.about(&params.text_document.uri, move |s, key| requests::tokens::range(s, key, range)).await
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        self.at(params.text_document_position_params, navigate::hover).await
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        self.at(params.text_document_position, requests::complete::completion).await
    }

    async fn completion_resolve(&self, item: CompletionItem) -> Result<CompletionItem> {
        self.everything_now(move |client| requests::complete::resolve(client, item)).await
    }

    async fn signature_help(&self, params: SignatureHelpParams) -> Result<Option<SignatureHelp>> {
        self.at(params.text_document_position_params, navigate::signature_help).await
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let answer = |s: &Snapshot, key: &Key, at| navigate::definition(s, key, at, navigate::Goal::Definition);
        self.at(params.text_document_position_params, answer).await
    }

    async fn goto_declaration(&self, params: GotoDeclarationParams) -> Result<Option<GotoDeclarationResponse>> {
        self.goto_definition(params).await
    }

    async fn goto_type_definition(
        &self,
        params: GotoTypeDefinitionParams,
    ) -> Result<Option<GotoTypeDefinitionResponse>> {
        let answer = |s: &Snapshot, key: &Key, at| navigate::definition(s, key, at, navigate::Goal::Type);
        self.at(params.text_document_position_params, answer).await
    }

    async fn goto_implementation(
        &self,
        params: GotoImplementationParams,
    ) -> Result<Option<GotoImplementationResponse>> {
        self.at(params.text_document_position_params, navigate::implementation).await
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let declaration = params.context.include_declaration;
        let answer = move |s: &Snapshot, key: &Key, at| navigate::references(s, key, at, declaration);
        self.at(params.text_document_position, answer).await
    }

    async fn document_highlight(&self, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
        self.at(params.text_document_position_params, navigate::highlights).await
    }

    async fn prepare_rename(&self, params: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
        self.at(params, navigate::prepare_rename).await?
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        let TextDocumentPositionParams { text_document, position } = params.text_document_position;
        let answer = move |s: &Snapshot, key: &Key| navigate::renamed(s, key, position, &params.new_name);
        self.ask_about(&text_document.uri, About::Edits, answer).await?
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let answer = move |s: &Snapshot, key: &Key| {
            requests::actions::code_actions(s, key, params.range, params.context.only.as_deref())
        };
        self.about(&params.text_document.uri, answer).await
    }

    async fn prepare_call_hierarchy(
        &self,
        params: CallHierarchyPrepareParams,
    ) -> Result<Option<Vec<CallHierarchyItem>>> {
        self.at(params.text_document_position_params, navigate::call_item).await
    }

    async fn incoming_calls(
        &self,
        params: CallHierarchyIncomingCallsParams,
    ) -> Result<Option<Vec<CallHierarchyIncomingCall>>> {
        self.at(name_of(params.item), navigate::incoming).await
    }

    async fn outgoing_calls(
        &self,
        params: CallHierarchyOutgoingCallsParams,
    ) -> Result<Option<Vec<CallHierarchyOutgoingCall>>> {
        self.at(name_of(params.item), navigate::outgoing).await
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        match params.command.as_str() {
            commands::EXPLAIN => commands::explanation(&params.arguments).map(Some),
            commands::RELOAD => {
                self.edit(|_| Edit::Reload);
                Ok(None)
            }
            commands::SOURCE => {
                let uri = params.arguments.first().and_then(Value::as_str).unwrap_or_default();
                self.source(uri).map(|text| Some(text.into()))
            }
            other => Err(commands::unknown(other)),
        }
    }
}
