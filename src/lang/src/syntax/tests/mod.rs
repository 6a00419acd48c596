//! What the reader promises for every text: a tree, an answer in time, and no panic; and that printing and reading are inverse.

mod again;
mod broken;
mod fixtures;
mod format;
mod generate;
mod limits;
mod parts;
mod reached;
mod trees;

use proptest::{
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};

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

/// Calls `test` for random trees. On a stack of its own, as the strategies of a build without optimisation may need more than a
/// test's thread has.
fn for_random_modules(cases: u32, test: impl Fn(Module) -> TestCaseResult + Send + 'static) {
    let run = move || TestRunner::new(config(cases)).run(&generate::module(), test).map_err(|e| e.to_string());
    let thread = std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(run).unwrap();
    thread.join().unwrap().unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn what_is_printed_reads_back() {
    for_random_modules(64, |module| {
        let text = print(&module);
        let parsed = parse(FileId(0), &text);
        prop_assert!(parsed.diagnostics.is_empty(), "{text}\n{:#?}", parsed.diagnostics);
        let (read, meant) = (stripped(parsed.module), stripped(module));
        prop_assert!(read == meant, "{text}\nreads as\n{}", print(&read));
        Ok(())
    });
}
