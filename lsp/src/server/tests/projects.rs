//! Which files belong together, and what happens when they change on disk.

use std::fs;

use serde_json::json;

use super::editor::{Editor, folder, uri};

const USES: &str = "use lib.b\nfn one() -> Int { b.two() }\n";
const TWO: &str = "fn two() -> Int { 2 }\n";

fn watches() -> serde_json::Value {
    json!({ "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } } })
}

#[tokio::test]
async fn an_unsaved_text_is_seen_by_other_files() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", USES), ("lib/b.rrb", TWO)]);
    let (a, b) = (uri(&dir.path().join("a.rrb")), uri(&dir.path().join("lib/b.rrb")));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&b, "fn three() -> Int { 3 }\n").await;
    assert!(editor.diagnostics(&a).await[0].contains("`two`"));
    // Closed without saving: the file counts again.
    editor.close(&b).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn settings_that_a_module_declares_are_known_in_the_project_file() {
    let declared = "settings { room: Text = \"#none\" }\nfn one() -> Text { room }\n";
    let dir = folder(&[("rrb.toml", "[settings.a]\nrome = \"x\"\n"), ("a.rrb", declared)]);
    let (a, config) = (uri(&dir.path().join("a.rrb")), uri(&dir.path().join("rrb.toml")));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    assert!(editor.diagnostics(&config).await[0].contains("`rome`"));
    editor.open(&a, &declared.replace("room", "rome")).await;
    assert_eq!(editor.diagnostics(&config).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn mistakes_in_what_a_policy_delegates_to_are_shown_at_the_rule() {
    let policy = "policy p {\n  delegate rego \"guard.rego\" query \"data.rrb.deny\"\n}\n";
    let dir = folder(&[("rrb.toml", ""), ("guard.rego", "package rrb\n wrong\n"), ("a.rrb", policy)]);
    let (a, guard) = (uri(&dir.path().join("a.rrb")), dir.path().join("guard.rego"));
    let mut editor = Editor::start(dir.path(), watches()).await;
    let told = editor.wait("textDocument/publishDiagnostics", |p| p["uri"] == a).await;
    let shown = &told["diagnostics"][0];
    let message = shown["message"].as_str().unwrap();
    assert!(message.starts_with("`guard.rego`: this is wrong (line 2, column 2)"), "{message}");
    assert_eq!(shown["range"]["start"]["line"], 1);
    fs::write(&guard, "package rrb\n").unwrap();
    editor.watched(&uri(&guard), 2).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn files_that_come_and_go_are_noticed() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", USES)]);
    let (a, path) = (uri(&dir.path().join("a.rrb")), dir.path().join("lib/b.rrb"));
    let mut editor = Editor::start(dir.path(), watches()).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, TWO).unwrap();
    editor.watched(&uri(&path), 1).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    fs::write(&path, "fn three() -> Int { 3 }\n").unwrap();
    editor.watched(&uri(&path), 2).await;
    assert!(editor.diagnostics(&a).await[0].contains("`two`"));
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    editor.watched(&uri(&path), 3).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    assert!(editor.called.contains(&"client/registerCapability".to_owned()));
    editor.end().await;
}

#[tokio::test]
async fn without_watching_a_save_looks_at_the_other_files_too() {
    let dir = folder(&[("rrb.toml", ""), ("a.rrb", USES)]);
    let (a, path) = (uri(&dir.path().join("a.rrb")), dir.path().join("lib/b.rrb"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    editor.open(&a, USES).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, TWO).unwrap();
    editor.tell("textDocument/didSave", json!({ "textDocument": { "uri": a } })).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn each_folder_has_its_projects() {
    let dir =
        folder(&[("x/rrb.toml", ""), ("x/a.rrb", "use b\n"), ("y/rrb.toml", ""), ("y/b.rrb", "fn f() -> Int { q }\n")]);
    let (a, b) = (uri(&dir.path().join("x/a.rrb")), uri(&dir.path().join("y/b.rrb")));
    let mut editor = Editor::start(&dir.path().join("x"), json!({})).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `b`"));
    let other = json!({ "uri": uri(&dir.path().join("y")), "name": "y" });
    let event = json!({ "event": { "added": [other], "removed": [] } });
    editor.tell("workspace/didChangeWorkspaceFolders", event).await;
    assert!(editor.diagnostics(&b).await[0].contains("`q`"));
    let event = json!({ "event": { "added": [], "removed": [other] } });
    editor.tell("workspace/didChangeWorkspaceFolders", event).await;
    assert_eq!(editor.diagnostics(&b).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn a_project_file_that_comes_makes_a_project() {
    let dir = folder(&[("a.rrb", USES), ("lib/b.rrb", TWO)]);
    let a = uri(&dir.path().join("a.rrb"));
    let mut editor = Editor::start(dir.path(), watches()).await;
    editor.open(&a, USES).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    let config = dir.path().join("rrb.toml");
    fs::write(&config, "").unwrap();
    editor.watched(&uri(&config), 1).await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    fs::remove_file(&config).unwrap();
    editor.watched(&uri(&config), 3).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    // One that is not saved yet counts, too.
    editor.open(&uri(&config), "").await;
    assert_eq!(editor.diagnostics(&a).await, Vec::<String>::new());
    editor.close(&uri(&config)).await;
    assert!(editor.diagnostics(&a).await[0].contains("there is no module `lib.b`"));
    editor.end().await;
}

#[tokio::test]
async fn mistakes_of_the_project_file_stand_in_it() {
    let dir = folder(&[("rrb.toml", "[groups]\nsre = [\"nobody\"]\n"), ("a.rrb", "")]);
    let config = uri(&dir.path().join("rrb.toml"));
    let mut editor = Editor::start(dir.path(), json!({})).await;
    assert!(editor.diagnostics(&config).await[0].contains("nobody"));
    editor.open(&config, "[[[").await;
    assert!(!editor.diagnostics(&config).await.is_empty());
    editor.open(&config, "").await;
    assert_eq!(editor.diagnostics(&config).await, Vec::<String>::new());
    editor.end().await;
}

#[tokio::test]
async fn files_that_cannot_be_modules_are_said() {
    let dir = folder(&[("rrb.toml", ""), ("My-File.rrb", TWO)]);
    fs::write(dir.path().join("b.rrb"), b"\xff").unwrap();
    let mut editor = Editor::start(dir.path(), json!({})).await;
    let mut said: Vec<String> = Vec::new();
    for _ in 0..2 {
        let told = editor.wait("textDocument/publishDiagnostics", |_| true).await;
        said.extend(super::editor::messages(&told["diagnostics"]));
    }
    said.sort();
    assert!(said[0].starts_with("`My-File` cannot be part of a module's name"), "{said:?}");
    assert!(said[1].starts_with("this file cannot be read: it is not UTF-8 text"), "{said:?}");
    editor.end().await;
}
