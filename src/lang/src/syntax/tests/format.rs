//! The formatter: what it makes of each file in `tests/fmt/`, and what it promises for every text.

use std::path::{Path, PathBuf};

use super::*;

fn formatted(text: &str) -> String {
    match format(FileId(0), text) {
        Ok(formatted) => formatted,
        Err(FormatError::Syntax(d)) => panic!("{text}\n{:?}", d.iter().map(|d| &d.message).collect::<Vec<_>>()),
        Err(e) => panic!("{e:?}\n{text}\nprinted:\n{}", print::print_source(&parse(FileId(0), text).module, text)),
    }
}

/// Formats twice; the second time changes nothing.
fn stable(text: &str) -> String {
    let once = formatted(text);
    let twice = formatted(&once);
    let differs = once.lines().zip(twice.lines()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.lines().skip(differs.saturating_sub(4)).take(10).collect::<Vec<_>>().join("\n");
    assert!(once == twice, "not stable:\n{}\n---- then\n{}\n---- of\n{text}", around(&once), around(&twice));
    once
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every `.rrb` file below the folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rrb") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The library and the examples.
pub(super) fn project_files() -> Vec<PathBuf> {
    ["stdlib", "examples"].iter().flat_map(|f| files(&root().join(f))).collect()
}

#[test]
fn files_are_formatted_as_shown() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fmt");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../tests/fmt", "*.rrb", |path| {
            insta::assert_snapshot!(stable(&std::fs::read_to_string(path).unwrap()));
        });
    });
}

/// `rrb fmt stdlib examples` puts it right.
#[test]
fn every_file_of_the_project_is_formatted() {
    let unformatted: Vec<PathBuf> = project_files()
        .into_iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            stable(&text) != text
        })
        .collect();
    assert!(unformatted.is_empty(), "run `rrb fmt stdlib examples`: {unformatted:#?}");
}

/// Also what the checker refuses.
#[test]
fn every_fixture_keeps_its_meaning() {
    let mut seen = 0;
    for path in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        if parse(FileId(0), &text).diagnostics.is_empty() {
            seen += 1;
            stable(&text);
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    for text in ["fn f( {}", "runbook r() {\n  let x =\n}\n", "let s = \"open\n", "let x = 1;"] {
        let Err(FormatError::Syntax(diagnostics)) = format(FileId(0), text) else { panic!("{text}") };
        assert!(!diagnostics.is_empty());
    }
}

#[test]
fn the_deepest_texts_are_formatted() {
    let deep = [
        format!("let a = {}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("let a = {}1{}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING)),
        format!("fn f() {{ {} {} }}", "if a { ".repeat(MAX_NESTING - 1), "}".repeat(MAX_NESTING - 1)),
        format!("let a = {}1", "1 + ".repeat(300)),
        format!("let a = x{}", ".y(1)".repeat(150)),
    ];
    for text in deep {
        stable(&text);
    }
}

/// Puts comments where the text has a space, as `seed` says, and keeps those texts that are still valid.
fn with_comments(text: &str, seed: u64) -> Option<String> {
    let mut state = seed | 1;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut result = String::new();
    let mut count = 0;
    for c in text.chars() {
        result.push(c);
        if matches!(c, ' ' | '\n' | '(' | ',' | '{') && random(40) == 0 {
            count += 1;
            let own = if random(2) == 0 { "\n" } else { "" };
            let gap = if random(4) == 0 { "\n" } else { "" };
            result.push_str(&format!("{own}// note {count}\n{gap}"));
        }
    }
    Some(result).filter(|r| count > 0 && parse(FileId(0), r).diagnostics.is_empty())
}

#[test]
fn comments_survive_wherever_they_stand() {
    let mut tried = 0;
    let rounds = std::env::var("RRB_FORMAT_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    for path in project_files() {
        let whole = std::fs::read_to_string(path).unwrap();
        // Single declarations: one comment that cannot stand where it fell must not spoil all others.
        for (i, part) in whole.split("\n\n").enumerate() {
            for round in 0..rounds {
                if let Some(text) = with_comments(part, (i as u64 + 1) * 7919 + round * 104_729) {
                    tried += 1;
                    stable(&text);
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

/// Trees that nobody would write, as they are printed, and read again with their source.
#[test]
fn every_tree_formats_to_itself() {
    for_random_modules(32, |module| {
        let text = print(&module);
        let once = format(FileId(0), &text);
        prop_assert!(once.is_ok(), "{text}\n{once:?}");
        let once = once.unwrap();
        let twice = format(FileId(0), &once);
        prop_assert!(twice.as_ref() == Ok(&once), "{once}\n{}", twice.unwrap_or_default());
        Ok(())
    });
}
