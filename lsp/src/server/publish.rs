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
use super::diagnostics;
use super::key::Key;
use super::view::View;
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
    /// Of each project the check that was told, and what was told of each document.
    told: BTreeMap<Key, Told>,
}

#[derive(Debug)]
struct Told {
    view: Arc<View>,
    documents: BTreeMap<Key, (Uri, Vec<Diagnostic>)>,
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

    /// Tells what the last checks found that was not told yet.
    pub fn publish(&mut self, world: &World) {
        if world.client.pulls {
            return;
        }
        self.forget(world);
        for id in world.projects() {
            let Some(view) = world.project(&id).and_then(|p| p.view()) else { continue };
            if self.told.get(&id).is_some_and(|told| Arc::ptr_eq(&told.view, view)) {
                continue;
            }
            let view = Arc::clone(view);
            let before = self.told.remove(&id).map(|t| t.documents).unwrap_or_default();
            let documents = self.publish_project(world, &view, before);
            self.told.insert(id, Told { view, documents });
        }
    }

    fn publish_project(
        &self,
        world: &World,
        view: &View,
        mut before: BTreeMap<Key, (Uri, Vec<Diagnostic>)>,
    ) -> BTreeMap<Key, (Uri, Vec<Diagnostic>)> {
        let mut now = BTreeMap::new();
        for (key, diagnostics) in diagnostics::all(view, &world.client) {
            let open = world.documents().get(&key);
            let Some(uri) = open.map(|d| d.uri.clone()).or_else(|| world.client.uri(&key)) else { continue };
            let same = before.remove(&key).filter(|(at, _)| *at == uri);
            if same.is_none_or(|(_, before)| before != diagnostics) {
                let version = open.map(|d| d.version);
                self.send(Outgoing::Diagnostics { uri: uri.clone(), version, diagnostics: diagnostics.clone() });
            }
            now.insert(key, (uri, diagnostics));
        }
        for (key, (uri, _)) in before {
            let version = world.documents().get(&key).map(|d| d.version);
            self.send(Outgoing::Diagnostics { uri, version, diagnostics: vec![] });
        }
        now
    }

    /// Takes back what was told of projects that are gone.
    fn forget(&mut self, world: &World) {
        let gone: Vec<Key> = self.told.keys().filter(|id| world.project(id).is_none()).cloned().collect();
        for id in gone {
            let Some(told) = self.told.remove(&id) else { continue };
            for (uri, _) in told.documents.into_values() {
                self.send(Outgoing::Diagnostics { uri, version: None, diagnostics: vec![] });
            }
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
