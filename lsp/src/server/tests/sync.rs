//! Edits, their order, and what comes of them.

use serde_json::json;

use super::editor::{Editor, folder, uri};

const GOOD: &str = "fn one() -> Int { 1 }\n";
const BAD: &str = "fn one() -> Int { x }\n";

#[tokio::test]
async fn mistakes_are_told_and_taken_back() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", GOOD)]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, BAD).await;
    let told = editor.wait("textDocument/publishDiagnostics", |p| p["uri"] == a.as_str()).await;
    assert_eq!(told["version"], 1);
    let d = &told["diagnostics"][0];
    assert_eq!(d["code"], "rrb::name::unknown");
    assert_eq!(d["source"], "rrb");
    assert_eq!(d["severity"], 1);
    assert_eq!(d["range"], json!({ "start": { "line": 0, "character": 18 }, "end": { "line": 0, "character": 19 } }));
    editor.change(&a, 2, GOOD).await;
    let told = editor.wait("textDocument/publishDiagnostics", |p| p["uri"] == a.as_str()).await;
    assert_eq!((told["version"].clone(), told["diagnostics"].clone()), (json!(2), json!([])));
    editor.end().await;
}

#[tokio::test]
async fn a_file_without_a_project_is_checked_alone() {
    let dir = folder(&[("a.rrb", ""), ("b.rrb", "fn nobody_asks() -> Int { y }")]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, "use b\nfn one() -> Int { b.nobody_asks() }\n").await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `b`"));
    editor.open("untitled:Untitled-1", BAD).await;
    assert!(editor.diagnostics("untitled:Untitled-1").await[0].contains("`x`"));
    editor.close(&a).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn an_old_version_changes_nothing() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", GOOD)]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, GOOD).await;
    editor.change(&a, 7, GOOD).await;
    editor.change(&a, 5, BAD).await;
    let told = editor.settle().await;
    assert!(told.iter().all(|(m, _)| m != "textDocument/publishDiagnostics"), "{told:?}");
    let logged = told.iter().find(|(m, _)| m == "window/logMessage").unwrap();
    assert!(logged.1["message"].as_str().unwrap().contains("old version 5"), "{logged:?}");
    editor.end().await;
}

#[tokio::test]
async fn edits_come_in_their_order() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", "")]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, "").await;
    let line = "// 0123456789";
    let mut asked = Vec::new();
    for (i, c) in line.chars().enumerate() {
        let at = json!({ "line": 0, "character": i });
        let change = json!({ "range": { "start": at, "end": at }, "text": c.to_string() });
        let document = json!({ "uri": a, "version": i + 2 });
        editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [change] })).await;
        asked.push(editor.request("textDocument/formatting", formatting(&a)).await);
    }
    let last = asked.pop().unwrap();
    // Each is answered: either it was in time, or it is stale.
    for id in asked {
        if let Err(error) = editor.answer(id).await {
            assert!(error["code"] == -32801 || error["code"] == -32803, "{error}");
        }
    }
    let edits = editor.answer(last).await.unwrap();
    assert_eq!(edits[0]["newText"], "// 0123456789\n", "{edits}");
    editor.end().await;
}

fn formatting(uri: &str) -> serde_json::Value {
    json!({ "textDocument": { "uri": uri }, "options": { "tabSize": 2, "insertSpaces": true } })
}

#[tokio::test]
async fn places_are_counted_as_the_client_wants() {
    for (encoding, column) in [("utf-8", 32), ("utf-16", 30), ("utf-32", 29)] {
        let dir = folder(&[("rrb.toml", "")]);
        let a = uri(&dir.path().join("a.rrb"));
        let mut editor = Editor::start(dir.path(), json!({ "general": { "positionEncodings": [encoding] } })).await;
        assert_eq!(editor.capabilities["positionEncoding"], encoding);
        editor.open(&a, "fn f() -> Text { \"${\"😀\"} \" + x }\n").await;
        let told = editor.wait("textDocument/publishDiagnostics", |p| p["diagnostics"] != json!([])).await;
        let start = &told["diagnostics"][0]["range"]["start"];
        assert_eq!(*start, json!({ "line": 0, "character": column }), "{encoding}: {told}");
        editor.end().await;
    }
}

#[tokio::test]
async fn a_client_may_ask_for_diagnostics_itself() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", BAD), ("b.rrb", GOOD)]);
    let a = uri(&dir.path().join("a.rrb"));
    let pulls = json!({
        "textDocument": { "diagnostic": {} },
        "workspace": { "diagnostics": { "refreshSupport": true }, "didChangeWatchedFiles": { "dynamicRegistration": true } }
    });
    let mut editor = Editor::start(dir.path(), pulls).await;
    let all = editor.ask("workspace/diagnostic", json!({ "previousResultIds": [] })).await.unwrap();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!((all["items"][0]["uri"].as_str(), all["items"][0]["kind"].as_str()), (Some(a.as_str()), Some("full")));
    let id = all["items"][0]["resultId"].clone();
    let again = editor.ask("workspace/diagnostic", json!({ "previousResultIds": [{ "uri": a, "value": id }] })).await;
    assert_eq!(again.unwrap()["items"][0]["kind"], "unchanged");
    editor.open(&a, BAD).await;
    let one = json!({ "textDocument": { "uri": a } });
    let full = editor.ask("textDocument/diagnostic", one.clone()).await.unwrap();
    assert_eq!((full["kind"].clone(), full["resultId"].clone()), (json!("full"), id.clone()));
    let again = json!({ "textDocument": { "uri": a }, "previousResultId": id });
    assert_eq!(editor.ask("textDocument/diagnostic", again).await.unwrap()["kind"], "unchanged");
    editor.change(&a, 2, GOOD).await;
    assert_eq!(editor.ask("textDocument/diagnostic", one).await.unwrap()["items"], json!([]));
    // What the client believes is taken back.
    let gone = editor.ask("workspace/diagnostic", json!({ "previousResultIds": [{ "uri": a, "value": id }] })).await;
    assert_eq!(gone.unwrap()["items"][0]["items"], json!([]));
    // A file that changed on disk makes it ask again.
    std::fs::write(dir.path().join("b.rrb"), BAD).unwrap();
    editor.watched(&uri(&dir.path().join("b.rrb")), 2).await;
    let told = editor.settle().await;
    assert!(told.iter().all(|(m, _)| m != "textDocument/publishDiagnostics"), "{told:?}");
    assert!(editor.called.contains(&"workspace/diagnostic/refresh".to_owned()), "{:?}", editor.called);
    editor.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_not_formatted() {
    let dir = folder(&[("rrb.toml", "")]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, "fn f( {\n").await;
    let error = editor.ask("textDocument/formatting", formatting(&a)).await.unwrap_err();
    assert_eq!(error["code"], -32803);
    assert!(error["message"].as_str().unwrap().starts_with("not formatted: "), "{error}");
    assert_eq!(editor.ask("textDocument/formatting", formatting("file:///nowhere.rrb")).await, Ok(json!(null)));
    editor.end().await;
}

#[tokio::test]
async fn only_the_lines_that_differ_are_changed() {
    let dir = folder(&[("rrb.toml", "")]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, "fn a() -> Int { 1 }\n\nfn b()->Int { 2 }\n\nfn c() -> Int { 3 }\n").await;
    let edits = editor.ask("textDocument/formatting", formatting(&a)).await.unwrap();
    let range = json!({ "start": { "line": 2, "character": 0 }, "end": { "line": 3, "character": 0 } });
    assert_eq!(edits, json!([{ "range": range, "newText": "fn b() -> Int { 2 }\n" }]));
    editor.end().await;
}

#[tokio::test]
async fn commands_that_are_none_are_refused() {
    let dir = folder(&[]);
    let mut editor = Editor::start(dir.path(), json!({})).await;
    let run = |command: &str, arguments: serde_json::Value| json!({ "command": command, "arguments": arguments });
    let text = editor.ask("workspace/executeCommand", run("rrb.explain", json!(["rrb::name::unknown"]))).await.unwrap();
    assert!(text.as_str().unwrap().len() > 50, "{text}");
    let source = editor.ask("workspace/executeCommand", run("rrb.source", json!(["rrb-std:/stdlib/slack.rrb"]))).await;
    assert!(source.unwrap().as_str().unwrap().contains("connector slack"));
    for (command, arguments, says) in [
        ("rrb.explain", json!(["rrb::name::unknwon"]), "did you mean `rrb::name::unknown`?"),
        ("rrb.explain", json!([3]), "takes a code"),
        ("rrb.source", json!(["file:///etc/passwd"]), "there is no source"),
        ("rrb.source", json!([]), "there is no source"),
        ("rrb.nothing", json!([]), "there is no command `rrb.nothing`"),
    ] {
        let error = editor.ask("workspace/executeCommand", run(command, arguments)).await.unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
    let content = editor.ask("workspace/textDocumentContent", json!({ "uri": "rrb-std:/stdlib/slack.rrb" })).await;
    assert!(content.unwrap()["text"].as_str().unwrap().contains("connector slack"));
    editor.end().await;
}
