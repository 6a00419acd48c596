//! `rrb lsp` as an editor talks to it: frames over standard input and output, in pieces, and the exit code at the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

struct Editor {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Editor {
    fn open(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rrb"));
        command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().unwrap();
        let (to, from) = (server.stdin.take(), BufReader::new(server.stdout.take().unwrap()));
        Self { server, to, from }
    }

    fn send(&mut self, bytes: &[u8]) {
        let to = self.to.as_mut().unwrap();
        to.write_all(bytes).unwrap();
        to.flush().unwrap();
    }

    fn say(&mut self, body: &str) {
        self.send(frame(body).as_bytes());
    }

    /// The next answer, whole.
    fn hear(&mut self) -> serde_json::Value {
        let mut length = None;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the server said nothing more");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", n)) => length = n.parse().ok(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length.unwrap()];
        self.from.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Closes the pipe and waits for the end.
    fn end(mut self) -> Option<i32> {
        self.to.take();
        self.server.wait().unwrap().code()
    }
}

fn frame(body: &str) -> String {
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

/// As editors send it: with members the server does not know, and more bytes than characters.
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"processId":null,"clientInfo":{"name":"Éditeur 編集","version":"1"},"locale":"fr","rootPath":null,"rootUri":"file:///tmp/caf%C3%A9","capabilities":{"workspace":{"applyEdit":true},"textDocument":{"hover":{"contentFormat":["markdown"]}},"window":{"workDoneProgress":true},"general":{"positionEncodings":["utf-16"]},"experimental":{"x":[1]}},"trace":"off","workspaceFolders":[{"uri":"file:///tmp/caf%C3%A9","name":"café"}]}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#;
const SHUTDOWN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#;
const EXIT: &str = r#"{"jsonrpc":"2.0","method":"exit"}"#;

#[test]
fn an_editor_begins_and_ends_a_session() {
    for args in [&["lsp"][..], &["lsp", "--stdio"]] {
        let mut editor = Editor::open(args);
        editor.say(INITIALIZE);
        let answer = editor.hear();
        assert_eq!(answer["id"], 0);
        assert_eq!(answer["result"]["serverInfo"]["name"], "rrb", "{answer}");
        assert!(answer["result"]["capabilities"].is_object() && answer.get("error").is_none(), "{answer}");
        editor.say(INITIALIZED);
        editor.say(SHUTDOWN);
        let answer = editor.hear();
        assert_eq!((&answer["id"], &answer["result"]), (&1.into(), &serde_json::Value::Null));
        editor.say(EXIT);
        assert_eq!(editor.end(), Some(0));
    }
}

#[test]
fn frames_come_in_any_pieces() {
    let whole = frame(INITIALIZE);
    // In the header, on its end, inside the body, inside a character of several bytes, in front of the last byte.
    let head = whole.find('{').unwrap();
    let wide = whole.find('É').unwrap() + 1;
    for cut in [1, 10, head - 2, head, head + 1, wide, whole.len() - 1] {
        let mut editor = Editor::open(&["lsp"]);
        let (first, rest) = whole.as_bytes().split_at(cut);
        editor.send(first);
        std::thread::sleep(Duration::from_millis(40));
        editor.send(rest);
        assert_eq!(editor.hear()["result"]["serverInfo"]["name"], "rrb", "cut at {cut}");
    }
    // Several at once, and the start of the next one with them.
    let mut editor = Editor::open(&["lsp"]);
    editor.say(INITIALIZE);
    assert_eq!(editor.hear()["id"], 0);
    let all: String = [INITIALIZED, SHUTDOWN, EXIT].into_iter().map(frame).collect();
    let (first, rest) = all.split_at(all.len() - EXIT.len());
    editor.send(first.as_bytes());
    assert_eq!(editor.hear()["id"], 1);
    editor.send(rest.as_bytes());
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn what_comes_too_early_or_is_unknown_is_refused_and_survived() {
    let mut editor = Editor::open(&["lsp"]);
    editor.say(SHUTDOWN);
    assert_eq!(editor.hear()["error"]["code"], -32002);
    editor.say(INITIALIZE);
    assert_eq!(editor.hear()["result"]["serverInfo"]["name"], "rrb");
    editor.say(r#"{"jsonrpc":"2.0","id":7,"method":"textDocument/nonsense"}"#);
    let answer = editor.hear();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&7.into(), &(-32601).into()));
    editor.say(SHUTDOWN);
    assert_eq!(editor.hear()["id"], 1);
    editor.say(EXIT);
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn an_end_without_shutdown_is_exit_code_1() {
    let mut editor = Editor::open(&["lsp"]);
    editor.say(INITIALIZE);
    editor.hear();
    editor.say(EXIT);
    assert_eq!(editor.end(), Some(1), "exit without shutdown");
    let mut editor = Editor::open(&["lsp"]);
    editor.say(INITIALIZE);
    editor.hear();
    assert_eq!(editor.end(), Some(1), "the editor died");
    assert_eq!(Editor::open(&["lsp"]).end(), Some(1), "not a word");
}

#[test]
fn a_message_that_is_no_json_is_answered_and_ends_the_session() {
    let mut editor = Editor::open(&["lsp"]);
    editor.say("{");
    assert_eq!(editor.hear()["error"]["code"], -32700);
    assert_eq!(editor.end(), Some(1));
}

#[test]
fn an_editor_is_told_of_mistakes_in_what_a_policy_delegates_to() {
    let dir = super::command::folder(&[
        ("rrb.toml", ""),
        ("guard.rego", "package rrb\n\ndeny contains msg if {\n  msg := := \"no\"\n}\n"),
        ("p.rrb", "policy p {\n  delegate rego \"guard.rego\" query \"data.rrb.deny\"\n}\n"),
    ]);
    let uri = format!("file://{}/p.rrb", dir.path().canonicalize().unwrap().display());
    let text = std::fs::read_to_string(dir.path().join("p.rrb")).unwrap();
    let mut editor = Editor::open(&["lsp"]);
    editor.say(INITIALIZE);
    editor.hear();
    editor.say(INITIALIZED);
    let document = serde_json::json!({ "uri": uri, "languageId": "rrb", "version": 1, "text": text });
    let open = serde_json::json!({ "jsonrpc": "2.0", "method": "textDocument/didOpen", "params": { "textDocument": document } });
    editor.say(&open.to_string());
    let told = loop {
        let told = editor.hear();
        if told["method"] == "textDocument/publishDiagnostics" && told["params"]["uri"] == uri.as_str() {
            break told;
        }
    };
    let shown = &told["params"]["diagnostics"][0];
    let message = shown["message"].as_str().unwrap();
    assert!(message.contains("`guard.rego`") && message.contains("(line 4, column"), "{message}");
    assert_eq!(shown["range"]["start"]["line"], 1, "{shown}");
}
