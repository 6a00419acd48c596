//! What the server tells the client unasked.
//!
//! The thread of the world never waits for the client: it puts messages into a channel, and a task sends them one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower_lsp::Client as Connection;
use tower_lsp::ls_types::{
    Diagnostic, DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, MessageType, Registration,
    Uri,
};

use super::client::Client;
use super::key::Key;
use super::world::World;

/// How long the client may take to answer before its answer does not matter any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something to tell the client.
#[derive(Debug, Clone)]
pub enum Outgoing {
    Diagnostics {
        uri: Uri,
        version: Option<i32>,
        diagnostics: Vec<Diagnostic>,
    },
    /// A line for the client's log.
    Log(String),
    /// Ask to be told of changed files.
    Watch,
    /// What was asked for before may look different now.
    Refresh,
}

/// Tells the client what changed.
#[derive(Debug)]
pub struct Publisher {
    out: UnboundedSender<Outgoing>,
    /// What was told of each document with which something is wrong.
    told: BTreeMap<Key, Told>,
}

#[derive(Debug)]
struct Told {
    project: Key,
    uri: Uri,
    diagnostics: Vec<Diagnostic>,
}

impl Publisher {
    /// A publisher, and what it sends.
    pub fn new() -> (Self, UnboundedReceiver<Outgoing>) {
        let (out, sent) = unbounded_channel();
        (Self { out, told: BTreeMap::new() }, sent)
    }

    /// Tells one thing.
    pub fn send(&self, message: Outgoing) {
        // Nobody listens when the connection is closed.
        let _ = self.out.send(message);
    }

    /// Tells what is wrong with a document of a project, if that is another thing than what was told.
    pub fn publish(&mut self, world: &World, project: &Key, key: &Key, diagnostics: Vec<Diagnostic>) {
        let document = world.documents().get(key);
        // Another project has it.
        if document.is_some_and(|d| d.project != *project) {
            return;
        }
        let Some(uri) = document.map(|d| d.uri.clone()).or_else(|| world.client.uri(key)) else { return };
        let before = self.told.remove(key);
        if before.as_ref().map_or(&[][..], |told| &told.diagnostics) != diagnostics {
            // A client that spells an address in two ways is told at the old one, too.
            if let Some(told) = before.filter(|told| told.uri != uri) {
                self.send(Outgoing::Diagnostics { uri: told.uri, version: None, diagnostics: vec![] });
            }
            let version = document.map(|d| d.version);
            self.send(Outgoing::Diagnostics { uri: uri.clone(), version, diagnostics: diagnostics.clone() });
        }
        if !diagnostics.is_empty() {
            self.told.insert(key.clone(), Told { project: project.clone(), uri, diagnostics });
        }
    }

    /// Takes back what was told of projects that are gone.
    pub fn forget(&mut self, world: &World) {
        let gone: Vec<Key> =
            self.told.iter().filter(|(_, t)| !world.has_project(&t.project)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            let Some(Told { uri, .. }) = self.told.remove(&key) else { continue };
            self.send(Outgoing::Diagnostics { uri, version: None, diagnostics: vec![] });
        }
    }
}

/// Sends what the server wants to tell, until it ends.
pub async fn deliver(mut messages: UnboundedReceiver<Outgoing>, connection: Connection, client: Arc<Client>) {
    while let Some(message) = messages.recv().await {
        match message {
            Outgoing::Diagnostics { uri, version, diagnostics } => {
                connection.publish_diagnostics(uri, diagnostics, version).await;
            }
            Outgoing::Log(line) => connection.log_message(MessageType::WARNING, line).await,
            // What waits for the client's answer must not hold up the rest.
            Outgoing::Watch => {
                let connection = connection.clone();
                tokio::spawn(tokio::time::timeout(PATIENCE, async move {
                    let _ = connection.register_capability(vec![watchers()]).await;
                }));
            }
            Outgoing::Refresh => {
                tokio::spawn(tokio::time::timeout(PATIENCE, refresh(connection.clone(), Arc::clone(&client))));
            }
        }
    }
}

async fn refresh(connection: Connection, client: Arc<Client>) {
    if client.pulls {
        let _ = connection.workspace_diagnostic_refresh().await;
    }
    if client.refreshes.tokens {
        let _ = connection.semantic_tokens_refresh().await;
    }
    if client.refreshes.hints {
        let _ = connection.inlay_hint_refresh().await;
    }
    if client.refreshes.lenses {
        let _ = connection.code_lens_refresh().await;
    }
}

/// The files that matter.
fn watchers() -> Registration {
    let watcher = |glob: &str| FileSystemWatcher { glob_pattern: GlobPattern::String(glob.to_owned()), kind: None };
    let globs = ["**/*.rrb", "**/rrb.toml", "**/*.rego", "**/*.cedar"];
    let options = DidChangeWatchedFilesRegistrationOptions { watchers: globs.into_iter().map(watcher).collect() };
    Registration {
        id: "rrb-files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: serde_json::to_value(options).ok(),
    }
}
