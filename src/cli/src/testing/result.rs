//! What became of one test, with places that people and programs understand.

use rrb_lang::hir::testing::Test;
use rrb_lang::span::Sources;
use rrb_world::test::Trouble;

/// A test that was played.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// Its place among all tests of the project.
    pub index: usize,
    pub module: String,
    pub name: String,
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub millis: f64,
    /// Nothing when it passed.
    pub troubles: Vec<Trouble>,
    /// Crashes after which the same came out.
    pub crashes: u32,
    /// Crashes that were not tried, because the test writes too often.
    pub crashes_skipped: u32,
    /// Crashes whose end could not be compared.
    pub crashes_left_out: u32,
}

impl TestResult {
    /// Before it is played.
    pub fn new(index: usize, test: &Test, sources: &Sources) -> Self {
        let at = sources.line_col(test.span.file, test.span.start);
        Self {
            index,
            module: test.module.to_string(),
            name: test.name.to_string(),
            file: sources.name(test.span.file).to_owned(),
            line: at.line,
            column: at.column,
            millis: 0.0,
            troubles: Vec::new(),
            crashes: 0,
            crashes_skipped: 0,
            crashes_left_out: 0,
        }
    }

    /// As people choose it: `relieve_test › two approvals drain the node`.
    pub fn full_name(&self) -> String {
        full_name(&self.module, &self.name)
    }

    /// Whether all was as the test says.
    pub fn passed(&self) -> bool {
        self.troubles.is_empty()
    }
}

/// `module › name`
pub fn full_name(module: &str, name: &str) -> String {
    format!("{module} › {name}")
}
