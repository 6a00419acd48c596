//! Broken files in `tests/syntax/broken/`: what is said of each, and what is left of it as a tree.

use super::*;
use crate::{diag::plain, span::Sources};

#[test]
fn a_broken_file_gives_its_mistakes_and_a_tree_of_the_rest() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax/broken");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../tests/syntax/broken", "*.rrb", |path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut sources = Sources::default();
            let file = sources.add(&name, &text);
            let parsed = parse(file, &text);
            assert!(!parsed.diagnostics.is_empty(), "{name} is valid");
            let errors = plain::render(&parsed.diagnostics, &sources);
            let count = parsed.diagnostics.len();
            insta::assert_snapshot!(format!("{count} found\n{errors}\n==== the tree\n{}", print(&parsed.module)));
        });
    });
}

/// Files that begin with `// N mistakes` have that many, and each is found once.
#[test]
fn each_mistake_is_found_once() {
    let mut counted = 0;
    for path in format::files(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax/broken"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or("");
        let said = first.strip_prefix("// ").and_then(|l| l.strip_suffix(" mistakes")).and_then(|n| n.parse().ok());
        let Some(said): Option<usize> = said else { continue };
        counted += 1;
        let parsed = parse(FileId(0), &text);
        let found: Vec<&str> = parsed.diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(found.len(), said, "{}: {found:#?}", path.display());
    }
    assert!(counted >= 5, "{counted}");
}
