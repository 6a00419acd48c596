//! What a fuzzer found stays found: the texts of `fuzz/corpus` are read in every run of the tests.

use std::path::{Path, PathBuf};

use rrb_lang::diag::Diagnostic;
use rrb_lang::span::FileId;
use rrb_lang::syntax;

fn texts(target: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|p| {
            let text = String::from_utf8_lossy(&std::fs::read(&p).unwrap()).into_owned();
            (p, text)
        })
        .collect()
}

/// Every place lies in the text, on whole characters, and no message shows what stands for text that was left out.
fn sound(path: &Path, text: &str, mistakes: &[Diagnostic]) {
    for mistake in mistakes {
        for label in &mistake.labels {
            let at = label.span.start as usize..label.span.end as usize;
            assert!(text.get(at.clone()).is_some(), "{}: {at:?} is no place: {}", path.display(), mistake.message);
        }
        assert!(!mistake.message.contains('\u{1}'), "{}: {:?}", path.display(), mistake.message);
    }
}

#[test]
fn the_texts_of_the_fuzzer_are_read() {
    let syntax_texts = texts("syntax");
    assert!(!syntax_texts.is_empty());
    for (path, text) in syntax_texts {
        sound(&path, &text, &syntax::parse(FileId(0), &text).diagnostics);
    }
    let literals = texts("literals");
    assert!(literals.len() >= 3);
    for (path, text) in literals {
        sound(&path, &text, &syntax::parse_expression(FileId(0), &text).1);
        sound(&path, &text, &syntax::parse(FileId(0), &text).diagnostics);
    }
}
