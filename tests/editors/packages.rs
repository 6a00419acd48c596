//! The packages by themselves: the extension for Visual Studio Code by its own tests, the others by what they must hold.

use rrb_lang::span::FileId;
use rrb_lang::syntax;
use serde_json::Value;

use super::{files, package, said, tool};

#[test]
fn the_extension_compiles_and_passes_its_tests() {
    let folder = package("vscode");
    assert!(folder.join("node_modules").is_dir(), "its packages are not installed: run tests/install");
    said(tool("npm").args(["run", "--silent", "test"]).current_dir(folder));
}

#[test]
fn the_syntax_for_sublime_text_is_that_of_the_extension() {
    said(tool("node").args(["convert.js", "--check"]).current_dir(package("sublime")));
}

#[test]
fn no_lock_file_names_a_place_to_fetch_from() {
    for lock in files(&package(""), "package-lock.json") {
        let text = std::fs::read_to_string(&lock).unwrap();
        assert!(!text.contains("\"resolved\""), "{}", lock.display());
        assert!(text.contains("\"integrity\""), "{}", lock.display());
    }
}

/// What a snippet inserts when nothing is typed over: each place with what stands there first.
fn expanded(body: &str) -> String {
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once(['$', '\\']) {
        text.push_str(before);
        let escaped = rest.as_bytes().get(before.len()) == Some(&b'\\');
        let taken = if escaped {
            text.extend(after.chars().next());
            after.chars().next().map_or(0, char::len_utf8)
        } else if let Some(place) = after.strip_prefix('{') {
            let (inside, length) = place_of(place);
            text.push_str(&inside);
            length + 1
        } else {
            after.chars().take_while(char::is_ascii_digit).count()
        };
        rest = &after[taken..];
    }
    text + rest
}

/// The first choice or the expanded default of `1:default}` or `1|a,b|}`, and how long it is.
fn place_of(place: &str) -> (String, usize) {
    let number = place.chars().take_while(char::is_ascii_digit).count();
    let mut depth = 0_usize;
    let mut previous = ' ';
    let end = place.char_indices().find(|(_, c)| {
        let escaped = std::mem::replace(&mut previous, *c) == '\\';
        match c {
            '{' if !escaped => depth += 1,
            '}' if !escaped && depth == 0 => return true,
            '}' if !escaped => depth -= 1,
            _ => {}
        }
        false
    });
    let end = end.map_or(place.len(), |(at, _)| at);
    let inside = &place[number..end];
    let text = match inside.strip_prefix('|') {
        Some(choices) => choices.trim_end_matches('|').split(',').next().unwrap_or_default().to_owned(),
        None => expanded(inside.strip_prefix(':').unwrap_or_default()),
    };
    (text, end + 1)
}

#[test]
fn a_snippet_is_expanded_as_editors_do() {
    assert_eq!(expanded("a ${1:b} $0 ${2|c,d|} \\$e ${3:f ${4:g}} h$1"), "a b  c $e f g h");
}

#[test]
fn what_every_snippet_inserts_is_sound() {
    let text = std::fs::read_to_string(package("vscode").join("snippets/rrb.json")).unwrap();
    let snippets: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(snippets.len() > 12);
    for (name, snippet) in snippets {
        let lines: Vec<&str> = snippet["body"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let text = expanded(&lines.join("\n"));
        let ways = [
            text.clone(),
            format!("runbook r() {{\n{text}\n}}\n"),
            format!("connector c {{\n{text}\n}}\n"),
            format!("connector c {{\n{}\n}}\n", text.replace("emit {  }", "emit { name: \"x\" }")),
        ];
        let sound = ways.iter().any(|way| syntax::parse(FileId(0), way).diagnostics.is_empty());
        assert!(sound, "{name}: {text}\n{:#?}", syntax::parse(FileId(0), &text).diagnostics);
    }
}
