//! The results as people read them.

use rrb_lang::diag::Label;
use rrb_lang::span::Sources;

use super::coverage::{Coverage, FileCoverage, Share};
use super::result::TestResult;
use crate::diagnostics;
use crate::out::{Look, table};
use crate::text::{clean, count};

/// `ok  relieve_test › two approvals drain the node  3 ms`
pub fn result_line(look: &Look, result: &TestResult) -> String {
    let word = if result.passed() { look.good("ok  ") } else { look.bad("FAIL") };
    let name = format!("{} › {}", look.dim(clean(&result.module)), clean(&result.name));
    let mut crashes = String::new();
    if result.crashes + result.crashes_left_out > 0 {
        let of = result.crashes + result.crashes_left_out + result.crashes_skipped;
        crashes = match result.crashes_skipped {
            0 => format!(", {}", count(result.crashes as usize, "crash point")),
            _ => format!(", {} of {of} crash points", result.crashes),
        };
    }
    if result.crashes_left_out > 0 {
        crashes.push_str(&format!(" ({} could not be compared)", result.crashes_left_out));
    }
    format!("{word} {name} {}", look.dim(format!("{} ms{crashes}", millis(result.millis))))
}

fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

/// What was wrong with a test, each with its place.
pub fn failure_lines(look: &Look, sources: &Sources, result: &TestResult) -> String {
    let mut out = format!("{}\n", look.bold(clean(&result.full_name())));
    for trouble in &result.troubles {
        let place = Label { span: trouble.span, text: trouble.label.clone(), primary: true };
        out.push_str(&diagnostics::excerpt(look, sources, &place, &trouble.message, &trouble.notes, &trouble.help));
    }
    out
}

/// `12 tests passed (40 ms)`, `1 test failed, 11 passed`
pub fn summary(look: &Look, results: &[TestResult], not_run: usize, took_ms: f64) -> String {
    let failed = results.iter().filter(|r| !r.passed()).count();
    let passed = results.len() - failed;
    let crashes: u32 = results.iter().map(|r| r.crashes).sum();
    let mut parts = Vec::new();
    match failed {
        0 => parts.push(look.good(format!("{} passed", count(passed, "test")))),
        n => {
            parts.push(look.bad(format!("{} failed", count(n, "test"))));
            parts.push(format!("{passed} passed"));
        }
    }
    if not_run > 0 {
        parts.push(format!("{not_run} not run"));
    }
    if crashes > 0 {
        parts.push(format!("the same after a crash at {}", count(crashes as usize, "point")));
    }
    format!("{} {}", parts.join(", "), look.dim(format!("({} ms)", millis(took_ms))))
}

/// The coverage as a table; with `full` also what was not reached.
pub fn coverage_lines(look: &Look, coverage: &Coverage, full: bool) -> Vec<String> {
    let percent = |s: Share| match s.percent() {
        Some(p) => format!("{p} % ({}/{})", s.hit, s.of),
        None => "–".to_owned(),
    };
    let row = |name: &str, (lines, ways, failures): (Share, Share, Share)| {
        vec![name.to_owned(), percent(lines), percent(ways), percent(failures)]
    };
    let of = |f: &FileCoverage| (f.line_share(), f.way_share(), f.failure_share());
    let mut rows: Vec<Vec<String>> = coverage.files.iter().map(|f| row(&f.file, of(f))).collect();
    if coverage.files.len() > 1 {
        rows.push(row("all", coverage.total()));
    }
    let mut lines = table(look, &["file", "lines", "branches", "failures seen"], &rows);
    if full {
        coverage.files.iter().for_each(|f| lines.extend(missed(look, f)));
    }
    lines
}

fn missed(look: &Look, file: &FileCoverage) -> Vec<String> {
    let mut lines = Vec::new();
    let at = |line: u32| format!("  {}", look.dim(format!("{}:{line}:", file.file)));
    let missed: Vec<u32> = file.lines.iter().filter(|(_, n)| **n == 0).map(|(line, _)| *line).collect();
    for (from, to) in ranges(&missed) {
        lines.push(match from == to {
            true => format!("{} not reached", at(from)),
            false => format!("{} not reached to line {to}", at(from)),
        });
    }
    for way in file.ways.iter().filter(|w| w.count == 0) {
        lines.push(format!("{} never went on at `{}`", at(way.line), clean(&way.name)));
    }
    for call in file.calls.iter().filter(|c| !c.failed) {
        let place = look.dim(format!("{}:{}:{}:", file.file, call.line, call.column));
        lines.push(format!("  {place} never seen to fail: {}", look.dim(clean(&call.text))));
    }
    lines
}

/// Numbers that follow each other as one.
fn ranges(lines: &[u32]) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = Vec::new();
    for line in lines {
        match all.last_mut() {
            Some((_, to)) if *to + 1 == *line => *to = *line,
            _ => all.push((*line, *line)),
        }
    }
    all
}
