//! The results as one JSON document, described in `docs/testing-runbooks.md`.

use rrb_lang::span::{Sources, Span};
use rrb_world::test::Trouble;
use serde_json::{Value, json};

use super::coverage::Coverage;
use super::result::TestResult;

/// The version of the document: fields are added to it, never renamed.
const VERSION: u32 = 1;

/// All results; with the coverage when it was counted.
pub fn document(sources: &Sources, results: &[TestResult], not_run: usize, coverage: Option<&Coverage>) -> Value {
    let failed = results.iter().filter(|r| !r.passed()).count();
    let mut document = json!({
        "version": VERSION,
        "passed": results.len() - failed,
        "failed": failed,
        "not_run": not_run,
        "millis": results.iter().map(|r| r.millis).sum::<f64>(),
        "tests": results.iter().map(|r| one(sources, r)).collect::<Vec<_>>(),
    });
    if let (Some(coverage), Some(document)) = (coverage, document.as_object_mut()) {
        document.insert("coverage".to_owned(), coverage.to_json());
    }
    document
}

fn one(sources: &Sources, result: &TestResult) -> Value {
    json!({
        "name": result.name, "module": result.module, "full_name": result.full_name(),
        "file": result.file, "line": result.line, "column": result.column,
        "passed": result.passed(), "millis": result.millis,
        "crashes": result.crashes, "crashes_skipped": result.crashes_skipped, "crashes_left_out": result.crashes_left_out,
        "failures": result.troubles.iter().map(|t| trouble(sources, t)).collect::<Vec<_>>(),
    })
}

fn trouble(sources: &Sources, trouble: &Trouble) -> Value {
    json!({
        "message": trouble.message, "place": place(sources, trouble.span), "statement": sources.text(trouble.span),
        "notes": trouble.notes, "help": trouble.help,
    })
}

fn place(sources: &Sources, span: Span) -> Value {
    let (from, to) = (sources.line_col(span.file, span.start), sources.line_col(span.file, span.end));
    json!({ "file": sources.name(span.file), "start": from, "end": to })
}
