//! The protocol: what an editor says and is told.
//!
//! ```text
//! backend ──edits, questions──▶ queue ──▶ world (documents, projects) ──snapshot──▶ requests ──▶ backend
//!                                           └──▶ publish ──▶ the client
//! ```
//!
//! One thread owns the world and works through one ordered queue. Everything else sees immutable snapshots of it.

mod backend;
mod capabilities;
mod checks;
mod client;
mod commands;
mod diagnostics;
mod disk;
mod document;
mod key;
mod library;
mod project;
mod publish;
mod queue;
mod requests;
mod text;
mod view;
mod world;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp::{LspService, Server};

use self::backend::Backend;
use crate::ide::Judge;

/// Requests that may be under way at once. More wait, and with them what comes after.
const CONCURRENCY: usize = 1_000;

/// Serves one editor until it says `exit` or closes the pipe. Whether it had said `shutdown` before: the protocol wants exit code 1 of a
/// server that ends without.
pub async fn serve_stdio(judge: Judge) -> bool {
    serve(tokio::io::stdin(), tokio::io::stdout(), library::cache_folder(), judge).await
}

/// Serves one editor over a pair of streams; as [`serve_stdio`]. `cache` is the folder into which the standard library's sources are
/// written for editors that cannot ask the server for them; `judge` understands what policies delegate to.
pub async fn serve(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite,
    cache: Option<PathBuf>,
    judge: Judge,
) -> bool {
    let shut = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&shut);
    let service = LspService::build(|connection| Backend::new(connection, cache, told, judge));
    let (service, socket) =
        service.custom_method("workspace/textDocumentContent", Backend::text_document_content).finish();
    Server::new(input, output, socket).concurrency_level(CONCURRENCY).serve(service).await;
    shut.load(Ordering::SeqCst)
}
