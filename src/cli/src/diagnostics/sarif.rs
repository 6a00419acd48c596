//! Diagnostics as results of code scanning.

use rrb_lang::diag::{Code, Diagnostic, Severity};
use rrb_lang::span::{Sources, Span};
use serde_json::Value;

use crate::sarif::{Level, Rule, document, result};

/// One log of everything that was found: each project's sources with its diagnostics; and why it may not be everything.
pub fn sarif(projects: &[(&Sources, Vec<Diagnostic>)], unfinished: &[String]) -> Value {
    let mut codes: Vec<Code> = Vec::new();
    let mut results = Vec::new();
    for (sources, diagnostics) in projects {
        for d in diagnostics {
            if !codes.contains(&d.code) {
                codes.push(d.code);
            }
            results.push(one(sources, d));
        }
    }
    codes.sort_by_key(|c| c.name());
    let rules: Vec<Rule<'_>> = codes.into_iter().map(rule).collect();
    document(&rules, results, unfinished)
}

fn rule(code: Code) -> Rule<'static> {
    let entry = code.entry();
    Rule { id: entry.name, level: level(entry.severity), summary: entry.summary, help: entry.explanation }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    }
}

fn one(sources: &Sources, d: &Diagnostic) -> Value {
    let related: Vec<(Span, &str)> =
        d.labels.iter().filter(|l| !l.primary).map(|l| (l.span, l.text.as_str())).collect();
    result(sources, d.code.name(), level(d.severity), &super::told(d), d.span(), &related)
}
