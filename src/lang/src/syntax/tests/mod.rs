//! What the reader promises for every text: a tree, an answer in time, and no panic; and that printing and reading are inverse.

mod broken;
mod fixtures;
mod format;
mod generate;
mod limits;
mod trees;

use proptest::prelude::*;

use super::*;

/// Reads a text that is valid.
fn valid(text: &str) -> Module {
    let parsed = parse(FileId(0), text);
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:#?}", parsed.diagnostics);
    parsed.module
}

fn stripped(mut module: Module) -> Module {
    strip(&mut module);
    module
}

/// Few by default; `PROPTEST_CASES` asks for more.
fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn what_is_printed_reads_back(module in generate::module()) {
        let text = print(&module);
        let parsed = parse(FileId(0), &text);
        prop_assert!(parsed.diagnostics.is_empty(), "{text}\n{:#?}", parsed.diagnostics);
        let (read, meant) = (stripped(parsed.module), stripped(module));
        prop_assert!(read == meant, "{text}\nreads as\n{}", print(&read));
    }
}
