//! One document, and what an editor asks of it.

use serde_json::{Value, json};

use super::editor::{Editor, folder, uri};

const TEXT: &str = "\
use std.system

/// Wipes.
action wipe(path: Text) destroys { do system.delete_file(path) }

runbook r(mount: Text) {
  step \"Look\" {
    let used = system.disk_used(mount)
    log \"${used}\"
  }
  finish resolved \"x\"
}

test \"it works\" { run r(\"/\") }
";

async fn editor(capabilities: Value) -> (Editor, String, tempfile::TempDir) {
    let dir = folder(&[("w/rrb.toml", ""), ("w/a.rrb", TEXT)]);
    let a = uri(&dir.path().join("w/a.rrb"));
    let mut editor = Editor::with(json!({
        "capabilities": capabilities,
        "workspaceFolders": [{ "uri": uri(&dir.path().join("w")), "name": "w" }],
        "cache": dir.path().join("cache"),
    }))
    .await;
    editor.open(&a, TEXT).await;
    (editor, a, dir)
}

fn of(uri: &str) -> Value {
    json!({ "textDocument": { "uri": uri } })
}

fn at(uri: &str, line: u32, character: u32) -> Value {
    json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": character } })
}

fn names(symbols: &Value) -> Vec<&str> {
    symbols.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_outline_is_nested_for_those_who_nest() {
    let nests = json!({ "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } } });
    let (mut editor, a, _dir) = editor(nests).await;
    let nested = editor.ask("textDocument/documentSymbol", of(&a)).await.unwrap();
    assert_eq!(names(&nested), ["wipe", "r", "it works"]);
    assert_eq!(nested[1]["children"][0]["name"], "Look");
    assert_eq!(nested[0]["selectionRange"]["start"], json!({ "line": 3, "character": 7 }));
    editor.end().await;
}

#[tokio::test]
async fn the_outline_is_flat_for_others_and_names_are_found() {
    let (mut editor, a, _dir) = editor(json!({})).await;
    let flat = editor.ask("textDocument/documentSymbol", of(&a)).await.unwrap();
    assert_eq!(names(&flat), ["wipe", "r", "Look", "it works"]);
    assert_eq!(flat[2]["containerName"], "r");
    let found = editor.ask("workspace/symbol", json!({ "query": "wip" })).await.unwrap();
    assert_eq!((names(&found), found[0]["location"]["uri"].as_str()), (vec!["wipe"], Some(a.as_str())));
    assert_eq!(editor.ask("workspace/symbol", json!({ "query": "nothing like it" })).await.unwrap(), json!([]));
    editor.end().await;
}

#[tokio::test]
async fn folds_and_selections_are_ranges_of_the_text() {
    let (mut editor, a, _dir) =
        editor(json!({ "textDocument": { "foldingRange": { "lineFoldingOnly": true } } })).await;
    let folds = editor.ask("textDocument/foldingRange", of(&a)).await.unwrap();
    let lines: Vec<(u64, u64)> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["startLine"].as_u64().unwrap(), f["endLine"].as_u64().unwrap()))
        .collect();
    assert_eq!(lines, [(5, 10), (6, 8)]);
    let asked = json!({ "textDocument": { "uri": a }, "positions": [{ "line": 7, "character": 10 }, { "line": 99, "character": 0 }] });
    let selected = editor.ask("textDocument/selectionRange", asked).await.unwrap();
    assert_eq!(
        selected[0]["range"],
        json!({ "start": { "line": 7, "character": 8 }, "end": { "line": 7, "character": 12 } })
    );
    assert!(selected[0]["parent"]["parent"]["range"].is_object(), "{selected}");
    assert_eq!(selected.as_array().unwrap().len(), 2);
    editor.end().await;
}

#[tokio::test]
async fn names_have_their_colours() {
    let (mut editor, a, _dir) = editor(json!({})).await;
    let legend = editor.capabilities["semanticTokensProvider"]["legend"].clone();
    let destroys = legend["tokenModifiers"].as_array().unwrap().iter().position(|m| m == "destroys").unwrap();
    let full = editor.ask("textDocument/semanticTokens/full", of(&a)).await.unwrap();
    let data: Vec<u64> = full["data"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    let dangerous = data.chunks(5).filter(|t| t[4] & (1 << destroys) != 0).count();
    assert_eq!(dangerous, 2, "`wipe` and `delete_file`: {data:?}");
    let id = full["resultId"].clone();
    let again = json!({ "textDocument": { "uri": a }, "previousResultId": id });
    let delta = editor.ask("textDocument/semanticTokens/full/delta", again.clone()).await.unwrap();
    assert_eq!(delta["edits"], json!([]));
    editor.change(&a, 2, &TEXT.replace("wipe", "wiped")).await;
    let delta = editor.ask("textDocument/semanticTokens/full/delta", again).await.unwrap();
    assert_eq!(delta["edits"].as_array().unwrap().len(), 1, "{delta}");
    let unknown = json!({ "textDocument": { "uri": a }, "previousResultId": "?" });
    let whole = editor.ask("textDocument/semanticTokens/full/delta", unknown).await.unwrap();
    assert_eq!(whole["data"].as_array().unwrap().len(), data.len());
    let range = json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 4, "character": 0 } });
    let part = json!({ "textDocument": { "uri": a }, "range": range });
    let part = editor.ask("textDocument/semanticTokens/range", part).await.unwrap();
    assert_eq!(part["data"][0], 3, "{part}");
    assert!(part["data"].as_array().unwrap().len() < data.len());
    editor.end().await;
}

#[tokio::test]
async fn hints_and_lenses_are_drawn() {
    let (mut editor, a, dir) = editor(json!({})).await;
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let hints = editor.ask("textDocument/inlayHint", json!({ "textDocument": { "uri": a }, "range": range })).await;
    let hints = hints.unwrap();
    let labels: Vec<&str> =
        hints.as_array().unwrap().iter().map(|h| h["label"][0]["value"].as_str().unwrap()).collect();
    assert_eq!(labels, ["destroys", ": Float"]);
    let lenses = editor.ask("textDocument/codeLens", of(&a)).await.unwrap();
    let commands: Vec<&str> =
        lenses.as_array().unwrap().iter().map(|l| l["command"]["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["rrb.plan", "rrb.showRuns", "rrb.runTest", "rrb.runTest"]);
    let argument = json!({ "uri": a, "project": dir.path().join("w"), "runbook": "r" });
    assert_eq!(lenses[0]["command"]["arguments"], json!([argument]));
    let argument = json!({ "uri": a, "project": dir.path().join("w"), "test": "it works" });
    assert_eq!(lenses[3]["command"]["arguments"], json!([argument]));
    editor.end().await;
}

#[tokio::test]
async fn links_lead_to_files_that_can_be_opened() {
    let (mut editor, a, dir) = editor(json!({})).await;
    let links = editor.ask("textDocument/documentLink", of(&a)).await.unwrap();
    let target = links[0]["target"].as_str().unwrap();
    let path = target.strip_prefix("file://").unwrap();
    assert!(path.starts_with(dir.path().join("cache").to_str().unwrap()), "{target}");
    let source = std::fs::read_to_string(path).unwrap();
    // It opens as any other document.
    editor.open(target, &source).await;
    let symbols = editor.ask("textDocument/documentSymbol", of(target)).await.unwrap();
    assert!(names(&symbols).contains(&"disk_used"), "{symbols}");
    let told = editor.settle().await;
    assert!(told.iter().all(|(_, p)| p["uri"] != target), "{told:?}");
    editor.end().await;
}

#[tokio::test]
async fn a_variable_changes_at_all_its_places() {
    let (mut editor, a, _dir) = editor(json!({})).await;
    let linked = editor.ask("textDocument/linkedEditingRange", at(&a, 7, 9)).await.unwrap();
    assert_eq!(linked["ranges"].as_array().unwrap().len(), 2);
    assert_eq!(editor.ask("textDocument/linkedEditingRange", at(&a, 0, 0)).await, Ok(Value::Null));
    editor.end().await;
}

#[tokio::test]
async fn a_part_and_a_block_are_formatted() {
    let dir = folder(&[("rrb.toml", "")]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    let text = "fn a()->Int { 1 }\n\nfn b()->Int { 2 }\n\nfn c()->Int {\n3\n}\n";
    editor.open(&a, text).await;
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let range = json!({ "start": { "line": 2, "character": 0 }, "end": { "line": 3, "character": 0 } });
    let asked = json!({ "textDocument": { "uri": a }, "range": range, "options": options });
    let edits = editor.ask("textDocument/rangeFormatting", asked).await.unwrap();
    assert_eq!((edits.as_array().unwrap().len(), &edits[0]["newText"]), (1, &json!("fn b() -> Int { 2 }\n")));
    let typed = |line: u32, character: u32, ch: &str| json!({ "textDocument": { "uri": a }, "position": { "line": line, "character": character }, "ch": ch, "options": options });
    let edits = editor.ask("textDocument/onTypeFormatting", typed(6, 1, "}")).await.unwrap();
    assert_eq!(edits.as_array().unwrap().len(), 1, "{edits}");
    assert_eq!(edits[0]["range"]["start"]["line"], 4);
    editor.change(&a, 2, "/// One\n\nrunbook r {\n\n  }\n").await;
    let edits = editor.ask("textDocument/onTypeFormatting", typed(1, 0, "\n")).await.unwrap();
    assert_eq!(edits[0]["newText"], "/// ");
    let edits = editor.ask("textDocument/onTypeFormatting", typed(3, 0, "\n")).await.unwrap();
    assert_eq!(edits[0]["newText"], "  ");
    // What is not whole is left alone.
    editor.change(&a, 3, "fn f( }\n").await;
    assert_eq!(editor.ask("textDocument/onTypeFormatting", typed(0, 7, "}")).await, Ok(Value::Null));
    assert_eq!(editor.ask("textDocument/onTypeFormatting", typed(99, 0, "\n")).await, Ok(Value::Null));
    assert_eq!(editor.ask("textDocument/onTypeFormatting", typed(0, 0, "x")).await, Ok(Value::Null));
    editor.end().await;
}

#[tokio::test]
async fn a_document_that_is_none_has_nothing() {
    let (mut editor, _, _dir) = editor(json!({})).await;
    let nowhere = "file:///nowhere/at/all.rrb";
    let range = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    for (method, more) in [
        ("documentSymbol", json!({})),
        ("foldingRange", json!({})),
        ("documentLink", json!({})),
        ("codeLens", json!({})),
        ("semanticTokens/full", json!({})),
        ("semanticTokens/full/delta", json!({ "previousResultId": "1" })),
        ("semanticTokens/range", json!({ "range": range })),
        ("inlayHint", json!({ "range": range })),
        ("linkedEditingRange", json!({ "position": { "line": 0, "character": 0 } })),
        ("selectionRange", json!({ "positions": [] })),
        ("rangeFormatting", json!({ "range": range, "options": options })),
    ] {
        let mut params = of(nowhere);
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = editor.ask(&format!("textDocument/{method}"), params).await;
        assert_eq!(answer, Ok(Value::Null), "{method}");
    }
    editor.end().await;
}
