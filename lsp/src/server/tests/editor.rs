//! An editor in memory.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::hir::Delegate;
use rrb_lang::span::{Sources, Span};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};

/// How long an answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// An editor with a server at the other end.
pub struct Editor {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    server: tokio::task::JoinHandle<bool>,
    next: i64,
    /// Notifications that nobody looked at yet.
    notified: VecDeque<(String, Value)>,
    /// Answers that nobody asked for yet.
    answers: HashMap<i64, Result<Value, Value>>,
    /// The methods that the server called.
    pub called: Vec<String>,
    pub capabilities: Value,
}

/// Of what policies delegate to, one with `wrong` in it is.
pub fn judge(delegate: &Delegate, rule: Span, sources: &mut Sources) -> Option<Diagnostic> {
    let at = u32::try_from(delegate.text.find("wrong")?).unwrap();
    let file = sources.add(&delegate.file, &delegate.text);
    let place = Span::new(file, at, at + 5);
    let message = format!("`{}`: this is wrong", delegate.file);
    Some(Diagnostic::error(codes::POLICY_DELEGATE, message, place, "here").label(rule, "a policy delegates to it"))
}

impl Editor {
    /// An editor that says this of itself, in a folder.
    pub async fn start(folder: &Path, capabilities: Value) -> Self {
        Self::with(json!({ "capabilities": capabilities, "workspaceFolders": [{ "uri": uri(folder), "name": "w" }] }))
            .await
    }

    /// An editor that begins with these parameters.
    pub async fn with(params: Value) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (input, output) = tokio::io::split(theirs);
        let cache = params.get("cache").and_then(Value::as_str).map(Into::into);
        let server = tokio::spawn(crate::serve(input, output, cache, judge));
        let (output, input) = tokio::io::split(ours);
        let mut editor = Self {
            input,
            output: BufReader::new(output),
            server,
            next: 0,
            notified: VecDeque::new(),
            answers: HashMap::new(),
            called: vec![],
            capabilities: Value::Null,
        };
        let said = editor.ask("initialize", params).await.unwrap();
        editor.capabilities = said["capabilities"].clone();
        editor.tell("initialized", json!({})).await;
        editor
    }

    async fn send(&mut self, message: Value) {
        let body = message.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        self.input.write_all(frame.as_bytes()).await.unwrap();
    }

    /// Sends a notification.
    pub async fn tell(&mut self, method: &str, params: Value) {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    /// Sends a request; gives its id.
    pub async fn request(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// Waits for an answer.
    pub async fn answer(&mut self, id: i64) -> Result<Value, Value> {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.read().await;
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.request(method, params).await;
        self.answer(id).await
    }

    /// Waits for a notification that `wanted` takes; drops those before it.
    pub async fn wait(&mut self, method: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            while let Some((of, params)) = self.notified.pop_front() {
                if of == method && wanted(&params) {
                    return params;
                }
            }
            self.read().await;
        }
    }

    /// The messages of the next diagnostics of a document.
    pub async fn diagnostics(&mut self, uri: &str) -> Vec<String> {
        let found = self.wait("textDocument/publishDiagnostics", |p| p["uri"] == uri).await;
        messages(&found["diagnostics"])
    }

    /// Everything that is told until the server has nothing more to say.
    pub async fn settle(&mut self) -> Vec<(String, Value)> {
        // What is asked about everything is answered after every edit before it.
        self.ask("workspace/diagnostic", json!({ "previousResultIds": [] })).await.unwrap();
        while tokio::time::timeout(Duration::from_millis(400), self.read_one()).await.is_ok() {}
        self.notified.drain(..).collect()
    }

    /// Everything that was told and nobody looked at.
    pub fn drain(&mut self) -> Vec<(String, Value)> {
        self.notified.drain(..).collect()
    }

    async fn read(&mut self) {
        assert!(tokio::time::timeout(PATIENCE, self.read_one()).await.is_ok(), "the server says nothing");
    }

    async fn read_one(&mut self) {
        let message = self.message().await;
        let method = message["method"].as_str().map(str::to_owned);
        match (method, message.get("id")) {
            (Some(method), Some(id)) => {
                self.called.push(method);
                self.send(json!({ "jsonrpc": "2.0", "id": id, "result": null })).await;
            }
            (Some(method), None) => self.notified.push_back((method, message["params"].clone())),
            (None, Some(id)) => {
                let answer = match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
                self.answers.insert(id.as_i64().unwrap(), answer);
            }
            (None, None) => panic!("what is this: {message}"),
        }
    }

    async fn message(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).await.unwrap(), 0, "the server is gone");
            match line.trim().strip_prefix("Content-Length: ") {
                Some(n) => length = n.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Opens a document.
    pub async fn open(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "rrb", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document })).await;
    }

    /// Gives a document another text.
    pub async fn change(&mut self, uri: &str, version: i32, text: &str) {
        let document = json!({ "uri": uri, "version": version });
        let change = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        self.tell("textDocument/didChange", change).await;
    }

    /// Closes a document.
    pub async fn close(&mut self, uri: &str) {
        self.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri } })).await;
    }

    /// Says that a file changed: 1 made, 2 changed, 3 gone.
    pub async fn watched(&mut self, uri: &str, kind: i32) {
        self.tell("workspace/didChangeWatchedFiles", json!({ "changes": [{ "uri": uri, "type": kind }] })).await;
    }

    /// Ends the server properly.
    pub async fn end(mut self) {
        self.ask("shutdown", Value::Null).await.unwrap();
        self.send(json!({ "jsonrpc": "2.0", "method": "exit" })).await;
        assert!(tokio::time::timeout(PATIENCE, self.server).await.unwrap().unwrap(), "it had said `shutdown`");
    }
}

/// The first line of each message.
pub fn messages(diagnostics: &Value) -> Vec<String> {
    let lines = diagnostics.as_array().unwrap().iter().map(|d| d["message"].as_str().unwrap().lines().next().unwrap());
    lines.map(str::to_owned).collect()
}

/// The address of a file.
pub fn uri(path: &Path) -> String {
    tower_lsp::ls_types::Uri::from_file_path(path).unwrap().as_str().to_owned()
}

/// A folder with files.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}
