//! The tree-sitter grammar reads what rrb reads, and its queries fit it. Neovim runs it, as it does for those who use it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rrb_lang::span::FileId;
use rrb_lang::syntax;
use rrb_tests::binary;

use super::{files, package, said, tool};

/// What rrb reads and then refuses, to say more than that it cannot be read: names of tests that are no texts, conversions to a function, and
/// `do`, `if` and the like without brackets in a clause whose end is open.
const REFUSED_LATER: [&str; 6] = [
    "during_condition_changes",
    "expr_as_to_function",
    "retry_without_times",
    "test_answer_calls",
    "test_name",
    "wait_for_assigns",
];

/// The grammar, compiled as editors do.
fn parser() -> &'static Path {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rrb.so");
        let source = package("tree-sitter-rrb").join("src");
        let mut cc = tool("cc");
        cc.args(["-shared", "-fPIC", "-O0", "-Wall", "-Wextra", "-Wno-unused", "-Werror", "-I"]).arg(&source);
        said(cc.arg(source.join("parser.c")).arg(source.join("scanner.c")).arg("-o").arg(&path));
        (dir, path)
    });
    path
}

/// What the grammar makes of each file: `ok` and the tree, or `broken` and the place.
fn read(paths: &[PathBuf]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let (list, out) = (dir.path().join("list"), dir.path().join("out"));
    let lines: Vec<String> = paths.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    std::fs::write(&list, lines.join("\n")).unwrap();
    let script = binary::root().join("tests/editors/grammar.lua");
    let mut nvim = tool("nvim");
    nvim.args(["--headless", "-u", "NONE", "-i", "NONE", "-c"]).arg(format!("luafile {}", script.display()));
    nvim.args(["-c", "cquit"]).env("RRB_PARSER", parser()).env("RRB_LIST", &list).env("RRB_OUT", &out);
    let said = said(&mut nvim);
    let read: Vec<String> = std::fs::read_to_string(&out).unwrap_or(said).lines().map(str::to_owned).collect();
    assert_eq!(read.len(), paths.len(), "{read:?}");
    read
}

/// What the grammar makes of each text.
fn trees(texts: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let write = |(n, text): (usize, &&str)| {
        let path = dir.path().join(format!("{n}.rrb"));
        std::fs::write(&path, text).unwrap();
        path
    };
    read(&texts.iter().enumerate().map(write).collect::<Vec<_>>())
}

fn is_sound(text: &str) -> bool {
    syntax::parse(FileId(0), text).diagnostics.is_empty()
}

/// The whole files among the examples of the documentation.
fn examples() -> Vec<String> {
    let mut found = Vec::new();
    for page in files(&binary::root().join("docs"), ".md") {
        let text = std::fs::read_to_string(page).unwrap();
        for block in text.split("\n```rrb\n").skip(1) {
            found.push(block.split("\n```").next().unwrap_or_default().to_owned() + "\n");
        }
    }
    found
}

#[test]
fn every_file_that_rrb_reads_is_read() {
    let root = binary::root();
    let dir = tempfile::tempdir().unwrap();
    let mut paths = files(&root, ".rrb");
    for (n, text) in examples().into_iter().enumerate() {
        let path = dir.path().join(format!("docs-{n}.rrb"));
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    paths.retain(|p| is_sound(&String::from_utf8_lossy(&std::fs::read(p).unwrap())));
    assert!(paths.len() > 900, "only {} files", paths.len());
    let broken: BTreeSet<String> = read(&paths)
        .iter()
        .zip(&paths)
        .filter(|(said, _)| !said.starts_with("ok"))
        .map(|(said, path)| format!("{} {said}", path.strip_prefix(&root).unwrap_or(path).display()))
        .filter(|line| {
            !REFUSED_LATER.iter().any(|name| line.starts_with(&format!("src/lang/tests/check/bad/{name}.rrb ")))
        })
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn broken_texts_are_told_from_sound_ones() {
    let texts =
        ["let x =\n", "runbook r( {\n}\n", "fn f() -> Int { (1 }\n", "let x = \"a\n", "let x = r#\"a\"\n", "}\n"];
    for (text, tree) in texts.iter().zip(trees(&texts)) {
        assert!(!is_sound(text), "{text}");
        assert!(tree.starts_with("broken"), "{text}: {tree}");
    }
}

#[test]
fn what_depends_on_lines_and_neighbours_is_read_as_rrb_does() {
    let cases = [
        ("fn f() { a\n -b }", "(block (identifier) (negation (identifier)))"),
        ("fn f() { a - b }", "(block (binary_expression left: (identifier) right: (identifier)))"),
        ("fn f() { g (x) }", "(block (identifier) (parenthesized (identifier)))"),
        ("fn f() { g(x) }", "(block (call function: (identifier) arguments: (arguments (identifier))))"),
        ("fn f() { return\n x }", "(block (return_expression) (identifier))"),
        ("fn f() { return // no\n x }", "(block (return_expression) (comment) (identifier))"),
        ("fn f() { return x }", "(block (return_expression (identifier)))"),
        ("fn f() { { a: 1 } }", "(block (record (entry key: (label) value: (number))))"),
        ("fn f() { { a } }", "(block (block (identifier)))"),
        ("fn f() { { a, } }", "(block (record (identifier)))"),
        ("fn f() { {} }", "(block (block))"),
        ("let a = {}", "value: (record)"),
        ("fn f() { retry = 3 }", "(assignment left: (identifier) right: (number))"),
        ("fn f() { key(limit) }", "(call function: (identifier) arguments: (arguments (identifier)))"),
        (
            "fn f() { do g() retry 3 times }",
            "(do_expression call: (call function: (identifier) arguments: (arguments)) (retry_modifier",
        ),
        ("fn f() { run g(1) }", "(child_expression runbook: (path (identifier)) (arguments (number)))"),
        ("fn f() { run(1) }", "(call function: (identifier) arguments: (arguments (number)))"),
        ("let a = b.if.match", "field: (identifier)) field: (identifier))"),
        ("let a = { type: 1, on: 2 }", "(record (entry key: (label) value: (number)) (entry"),
        ("let a = 1 not in 2..3", "right: (binary_expression left: (number) right: (number))"),
        (
            "let a = j as Int ?? 0",
            "left: (as_expression value: (identifier) type: (type_named (identifier))) right: (number)",
        ),
        (
            "let a = \"${r\"}\"} $ \\${\"",
            "(text (hole (raw_text (raw_open) (raw_content) (raw_close))) (text_content) (escape) (text_content))",
        ),
        ("let a = r##\"\"#\"##", "(raw_text (raw_open) (raw_content) (raw_close))"),
        (
            "runbook r() { on silence of a.b as e by e.id for 5m\n for x in xs { } }",
            "(for_clause (number))) (for_expression",
        ),
        ("runbook r() { during { } on a.b { }\n on failure { } }", "(during_expression"),
        (
            "test \"t\" { given a.b(_) returns\n given c.d() returns 1, then fails with timeout }",
            "(given_statement (test_call",
        ),
    ];
    let texts: Vec<&str> = cases.iter().map(|(text, _)| *text).collect();
    for ((text, wanted), tree) in cases.iter().zip(trees(&texts)) {
        assert!(is_sound(text), "{text}");
        assert!(tree.starts_with("ok") && tree.contains(wanted), "{text}\n{tree}\nwanted: {wanted}");
    }
}

#[test]
fn the_queries_of_every_editor_fit_the_grammar() {
    let queries = files(&binary::root().join("lsp/editors"), ".scm");
    assert!(queries.len() >= 6, "{queries:?}");
    let bad: Vec<_> = read(&queries).into_iter().zip(&queries).filter(|(said, _)| said != "ok").collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

/// The words of the grammar, as they are called in a tree.
fn words() -> Vec<String> {
    let types = std::fs::read_to_string(package("tree-sitter-rrb").join("src/node-types.json")).unwrap();
    let types: Vec<serde_json::Value> = serde_json::from_str(&types).unwrap();
    let unnamed = types.iter().filter(|t| t["named"] == false).filter_map(|t| t["type"].as_str());
    unnamed.filter(|t| t.starts_with(|c: char| c.is_ascii_alphabetic())).map(str::to_owned).collect()
}

#[test]
fn every_word_has_a_colour_in_every_editor() {
    let words = words();
    assert!(words.len() > 120, "{words:?}");
    let shown = ["true", "false", "changes", "destroys", "pure", "reads"];
    for query in files(&binary::root().join("lsp/editors"), "highlights.scm") {
        let text = std::fs::read_to_string(&query).unwrap();
        let without: Vec<_> =
            words.iter().filter(|w| !shown.contains(&w.as_str()) && !text.contains(&format!("\"{w}\""))).collect();
        assert!(without.is_empty(), "{}: {without:?}", query.display());
    }
}

#[test]
fn what_is_generated_is_made_of_what_stands_there() {
    let folder = package("tree-sitter-rrb");
    said(tool("node").arg("scripts/generated.js").arg("--check").current_dir(folder));
}
