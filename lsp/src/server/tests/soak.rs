//! Many random edits with questions in between: no panic, no stale answer, memory flat, and at the end the state of a fresh start.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::editor::{Editor, uri};

/// A generator of numbers that gives the same ones every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % below.max(1) as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// What somebody types.
const TYPED: [&str; 22] = [
    "x",
    " ",
    "\n",
    "{",
    "}",
    "(",
    ")",
    "\"",
    ".",
    "😀",
    "ä",
    "\r\n",
    "// ",
    "fn g() -> Int { 2 }\n",
    "let a = 1\n",
    "use lib.b\n",
    "do ",
    "${",
    "3d",
    "b.two()",
    "runbook r() {\n  finish resolved \"x\"\n}\n",
    ": Text",
];

const A: &str = "use lib.b\nuse std.system\n\nfn one() -> Int { b.two() }\n\nrunbook r(mount: Text) {\n  let used = system.disk_used(mount)\n  log \"ä😀 ${used}\"\n  finish resolved \"x\"\n}\n";
const B: &str = "fn two() -> Int { 2 }\n";

/// A document as the editor has it.
struct Document {
    uri: String,
    text: Vec<char>,
    version: i32,
}

impl Document {
    /// The position of a character, in UTF-16.
    fn position(&self, at: usize) -> Value {
        let before = &self.text[..at];
        let line = before.iter().filter(|c| **c == '\n').count();
        let start = before.iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1);
        let character: usize = before[start..].iter().map(|c| c.len_utf16()).sum();
        json!({ "line": line, "character": character })
    }

    /// A place that is not between `\r` and `\n`, where no position leads.
    fn place(&self, dice: &mut Dice) -> usize {
        let at = dice.roll(self.text.len() + 1);
        let between = at > 0 && self.text[at - 1] == '\r' && self.text.get(at) == Some(&'\n');
        if between { at - 1 } else { at }
    }

    fn edit(&mut self, dice: &mut Dice) -> Value {
        let (a, b) = (self.place(dice), self.place(dice));
        // Mostly small changes; and not ever longer.
        let long = self.text.len() > 2_000;
        let (from, mut to) = if dice.roll(8) == 0 || long { (a.min(b), a.max(b)) } else { (a, a) };
        if to == from && dice.roll(3) == 0 && self.text.get(to).is_some_and(|c| !"\r\n".contains(*c)) {
            to += 1;
        }
        let typed = if dice.roll(4) == 0 { "" } else { *dice.pick(&TYPED) };
        let range = json!({ "start": self.position(from), "end": self.position(to) });
        self.text.splice(from..to, typed.chars());
        json!({ "range": range, "text": typed })
    }

    fn whole(&self) -> String {
        self.text.iter().collect()
    }
}

fn questions(uri: &str, position: &Value) -> Vec<(&'static str, Value)> {
    let document = json!({ "uri": uri });
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 50, "character": 0 } });
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    vec![
        ("textDocument/hover", json!({ "textDocument": document, "position": position })),
        ("textDocument/completion", json!({ "textDocument": document, "position": position })),
        ("textDocument/definition", json!({ "textDocument": document, "position": position })),
        (
            "textDocument/references",
            json!({ "textDocument": document, "position": position, "context": { "includeDeclaration": true } }),
        ),
        ("textDocument/signatureHelp", json!({ "textDocument": document, "position": position })),
        (
            "textDocument/codeAction",
            json!({ "textDocument": document, "range": range, "context": { "diagnostics": [] } }),
        ),
        ("textDocument/documentHighlight", json!({ "textDocument": document, "position": position })),
        ("textDocument/prepareRename", json!({ "textDocument": document, "position": position })),
        ("textDocument/documentSymbol", json!({ "textDocument": document })),
        ("textDocument/foldingRange", json!({ "textDocument": document })),
        ("textDocument/selectionRange", json!({ "textDocument": document, "positions": [position] })),
        ("textDocument/semanticTokens/full", json!({ "textDocument": document })),
        ("textDocument/inlayHint", json!({ "textDocument": document, "range": range })),
        ("textDocument/documentLink", json!({ "textDocument": document })),
        ("textDocument/codeLens", json!({ "textDocument": document })),
        ("textDocument/formatting", json!({ "textDocument": document, "options": options })),
        ("textDocument/linkedEditingRange", json!({ "textDocument": document, "position": position })),
        ("workspace/symbol", json!({ "query": "o" })),
    ]
}

/// The diagnostics of each document that the client was told last.
fn last_told(told: &[(String, Value)], seen: &mut BTreeMap<String, Value>) {
    for (method, params) in told.iter().filter(|(m, _)| m == "textDocument/publishDiagnostics") {
        assert_eq!(method, "textDocument/publishDiagnostics");
        let uri = params["uri"].as_str().unwrap().to_owned();
        match params["diagnostics"].as_array().unwrap().is_empty() {
            true => seen.remove(&uri),
            false => seen.insert(uri, params["diagnostics"].clone()),
        };
    }
}

/// Bytes of memory that this process has.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

async fn start(root: &Path, documents: &[Document]) -> Editor {
    let mut editor = Editor::start(root, json!({})).await;
    for d in documents {
        editor.open(&d.uri, &d.whole()).await;
    }
    editor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_edits_end_in_the_state_of_a_fresh_start() {
    let rounds: usize = std::env::var("RRB_SOAK").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500);
    let dir = super::editor::folder(&[("rrb.toml", ""), ("a.rrb", A), ("lib/b.rrb", B)]);
    let document = |name: &str, text: &str| Document {
        uri: uri(&dir.path().join(name)),
        text: text.chars().collect(),
        version: 1,
    };
    let mut documents = [document("a.rrb", A), document("lib/b.rrb", B)];
    let mut editor = start(dir.path(), &documents).await;
    let mut dice = Dice(7);
    let mut seen = BTreeMap::new();
    let mut waiting: Vec<i64> = Vec::new();
    let (mut answered, mut stale, mut cancelled) = (0, 0, 0);
    let mut settled = 0;
    for round in 0..rounds {
        let which = dice.roll(8).min(1) ^ 1;
        let d = &mut documents[which];
        match dice.roll(40) {
            // An old version: nobody may make it.
            0 => {
                let change = json!({ "text": "this must never be seen" });
                let document = json!({ "uri": d.uri, "version": d.version - 1 - i32::try_from(dice.roll(5)).unwrap() });
                editor
                    .tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] }))
                    .await;
            }
            // Everything anew, as after a long break.
            1 => {
                let text = if which == 0 { A } else { B };
                d.text = text.chars().collect();
                d.version += 1;
                editor.change(&d.uri, d.version, text).await;
            }
            2 => {
                editor.close(&d.uri).await;
                d.version = 1;
                editor.open(&d.uri, &d.whole()).await;
            }
            _ => {
                let changes: Vec<Value> = (0..=dice.roll(3)).map(|_| d.edit(&mut dice)).collect();
                d.version += 1 + i32::try_from(dice.roll(2)).unwrap();
                let document = json!({ "uri": d.uri, "version": d.version });
                editor
                    .tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }))
                    .await;
            }
        }
        if dice.roll(2) == 0 {
            let at = d.position(d.place(&mut dice));
            let all = questions(&d.uri, &at);
            let (method, params) = dice.pick(&all).clone();
            let id = editor.request(method, params).await;
            waiting.push(id);
            if dice.roll(4) == 0 {
                editor.tell("$/cancelRequest", json!({ "id": id })).await;
            }
        }
        if waiting.len() > 20 {
            for id in waiting.drain(..) {
                match editor.answer(id).await {
                    Ok(_) => answered += 1,
                    Err(error) => match error["code"].as_i64() {
                        Some(-32801) => stale += 1,
                        Some(-32800) => cancelled += 1,
                        // What cannot be formatted or renamed says so.
                        Some(-32803) => answered += 1,
                        _ => panic!("round {round}: {error}"),
                    },
                }
            }
        }
        // Now and then the server's text is the editor's.
        if round % 100 == 99 {
            let d = &documents[0];
            let whole = json!({ "start": { "line": 0, "character": 0 }, "end": d.position(d.text.len()) });
            let asked = json!({ "textDocument": { "uri": d.uri }, "positions": [whole["end"]] });
            let id = editor.request("textDocument/selectionRange", asked).await;
            let mut range = editor.answer(id).await.unwrap()[0].clone();
            while range["parent"].is_object() {
                range = range["parent"].clone();
            }
            assert_eq!(range["range"], whole, "round {round}: the texts differ");
        }
        if round == rounds / 4 {
            last_told(&editor.settle().await, &mut seen);
            settled = memory();
        }
        last_told(&editor.drain(), &mut seen);
    }
    for id in waiting {
        let _ = editor.answer(id).await;
    }
    last_told(&editor.settle().await, &mut seen);
    let grown = memory().saturating_sub(settled);
    assert!(answered > rounds / 20, "{answered} answered, {stale} stale, {cancelled} cancelled");
    assert!(grown < 64 << 20, "memory grew by {} MiB in the last {} rounds", grown >> 20, rounds - rounds / 4);
    let texts: Vec<(String, String)> = documents.iter().map(|d| (d.uri.clone(), d.whole())).collect();
    let ends = ends(&mut editor, &documents).await;
    editor.end().await;
    let mut fresh = start(dir.path(), &documents).await;
    let mut fresh_seen = BTreeMap::new();
    last_told(&fresh.settle().await, &mut fresh_seen);
    assert_eq!(seen, fresh_seen, "{texts:#?}");
    assert_eq!(ends, self::ends(&mut fresh, &documents).await, "{texts:#?}");
    fresh.end().await;
}

/// The answers to every question at some places.
async fn ends(editor: &mut Editor, documents: &[Document]) -> Vec<(&'static str, Result<Value, Value>)> {
    let mut all = Vec::new();
    for d in documents {
        for at in [0, d.text.len() / 2, d.text.len()] {
            for (method, params) in questions(&d.uri, &d.position(at)) {
                let mut answer = editor.ask(method, params).await;
                // Lists of completions are numbered as they come: a fresh start has given fewer.
                let items = answer.as_mut().ok().and_then(|a| a.get_mut("items")).and_then(Value::as_array_mut);
                items.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|item| {
                    item.remove("data");
                });
                all.push((method, answer));
            }
        }
    }
    all
}
