//! A file that is read in parts gives what it gives as a whole: tree, comments, blank lines and mistakes.

use super::*;
use crate::syntax::{recover, split};

/// Declarations of the library and of the fixtures that are read without mistakes, as one file of at least so many bytes.
fn file_of(bytes: usize) -> String {
    let fixtures = format::files(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check/ok")));
    let mut paths = format::project_files().into_iter().chain(fixtures).collect::<Vec<_>>().into_iter().cycle();
    let mut text = String::from("//! Many things.\n\n");
    while text.len() < bytes {
        let one = std::fs::read_to_string(paths.next().unwrap()).unwrap();
        text.extend(one.lines().filter(|l| !l.starts_with("//!")).flat_map(|l| [l, "\n"]));
        text.push('\n');
    }
    text
}

/// Whether it was read in parts; that it gives the same either way.
fn same(text: &str, count: usize) -> bool {
    let Some(parts) = split::parse_in(FileId(3), text, count) else { return false };
    let whole = recover::whole(FileId(3), text);
    assert!(parts.diagnostics == whole.diagnostics, "{:#?}\nas a whole\n{:#?}", parts.diagnostics, whole.diagnostics);
    let differs = parts.module.items.iter().zip(&whole.module.items).find(|(a, b)| a != b);
    assert!(parts.module == whole.module, "in {count} parts another tree: {differs:#?}");
    true
}

#[test]
fn parts_give_the_whole() {
    let text = file_of(150_000);
    for count in 2..6 {
        assert!(same(&text, count), "{count}");
    }
    assert!(!same(&text, 1) && !same("", 2) && !same("fn f() {\n\nfn g() {\n\nfn h() {", 2));
    assert!(parse(FileId(3), &text) == recover::whole(FileId(3), &text));
}

/// A blank line and a word that could begin a declaration are no place for a cut inside of a text.
#[test]
fn texts_are_not_cut() {
    let mut text = String::from("let long = \"\"\"\n");
    for i in 0..200 {
        text.push_str(&format!("\n\n/// no item {i}\nfn f{i}() {{}}\n"));
    }
    text.push_str("\"\"\"\n");
    assert!(!same(&text, 2));
}

/// Every mistake of the fixtures, in the middle of a large file and at the ends of its parts.
#[test]
fn mistakes_are_the_same_in_parts() {
    let good: String = (0..40).map(|i| format!("/// Says {i}.\nfn good{i}() -> Int {{\n  {i}\n}}\n\n")).collect();
    let broken = format::files(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax")));
    let (mut tried, mut parted) = (0, 0);
    for path in broken {
        let bad = std::fs::read_to_string(&path).unwrap();
        for text in [format!("{bad}\n\n{good}"), format!("{good}{bad}\n\n{good}"), format!("{good}{bad}")] {
            for count in [2, 3] {
                tried += 1;
                parted += usize::from(same(&text, count));
            }
        }
    }
    assert!(tried > 600 && parted > 100, "{parted} of {tried} in parts");
}

#[test]
fn changes_give_the_same_in_parts() {
    let pieces = ["", "{", "}", "(", ")", "\"", "x y", "${", "\n\n", "\n\n/// x\n", "\n\nfn ", "//"];
    let base: Vec<char> = file_of(12_000).chars().collect();
    let changes = proptest::collection::vec((0..base.len(), 0..12_usize, 0..pieces.len()), 1..3);
    let parted = std::cell::Cell::new(0);
    TestRunner::new(config(64))
        .run(&changes, |changes| {
            let mut text = base.clone();
            for (at, cut, piece) in changes {
                let end = (at + cut).min(text.len());
                text.splice(at.min(end)..end, pieces[piece].chars());
            }
            let text: String = text.into_iter().collect();
            parted.set(parted.get() + [2, 4].iter().filter(|count| same(&text, **count)).count());
            Ok(())
        })
        .unwrap();
    assert!(parted.get() > 10, "{}", parted.get());
}
