//! Wrong programs in `tests/syntax/`, each with what is said about it in a snapshot beside.

use super::*;
use crate::{diag::plain, span::Sources};

#[test]
fn wrong_programs_are_explained() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/syntax");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../tests/syntax", "*.rrb", |path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut sources = Sources::default();
            let file = sources.add(&name, &text);
            let parsed = parse(file, &text);
            assert!(!parsed.diagnostics.is_empty(), "{name} is valid");
            for d in &parsed.diagnostics {
                assert!(!d.help.is_empty(), "{name}: no help for {}", d.message);
                assert!(d.labels.iter().any(|l| l.primary), "{name}: no place for {}", d.message);
            }
            insta::assert_snapshot!(plain::render(&parsed.diagnostics, &sources));
        });
    });
}
