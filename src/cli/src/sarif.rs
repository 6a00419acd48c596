//! SARIF 2.1.0, what code scanning reads: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

use rrb_lang::span::{Sources, Span};
use serde_json::{Value, json};

/// How bad a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Note,
}

impl Level {
    /// As SARIF has it.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

/// A kind of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'a> {
    pub id: &'a str,
    /// Of a result that says nothing else.
    pub level: Level,
    pub summary: &'a str,
    /// Markdown; may be empty.
    pub help: &'a str,
}

/// One result at a place, with related places and what they say.
pub fn result(sources: &Sources, rule: &str, level: Level, message: &str, at: Span, related: &[(Span, &str)]) -> Value {
    let related: Vec<Value> = related
        .iter()
        .map(|(span, text)| json!({ "physicalLocation": place(sources, *span), "message": { "text": text } }))
        .collect();
    let mut out = json!({
        "ruleId": rule, "level": level.word(), "message": { "text": message },
        "locations": [{ "physicalLocation": place(sources, at) }],
    });
    if !related.is_empty() {
        put(&mut out, "relatedLocations", Value::Array(related));
    }
    out
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

/// Lines and columns count from 1, the end is behind the last.
fn place(sources: &Sources, span: Span) -> Value {
    let from = sources.line_col(span.file, span.start);
    let to = sources.line_col(span.file, span.end);
    json!({
        "artifactLocation": { "uri": uri(sources.name(span.file)), "uriBaseId": "%SRCROOT%" },
        "region": {
            "startLine": from.line, "startColumn": from.column, "endLine": to.line, "endColumn": to.column,
        },
    })
}

/// A relative reference: what has a meaning in one is encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The whole log of one run of this tool; `unfinished` says what it could not look at. Columns are counted in Unicode scalar values.
pub fn document(rules: &[Rule<'_>], results: Vec<Value>, unfinished: &[String]) -> Value {
    let notes: Vec<Value> =
        unfinished.iter().map(|text| json!({ "level": "error", "message": { "text": text } })).collect();
    let rule = |r: &Rule<'_>| {
        let mut one = json!({
            "id": r.id, "shortDescription": { "text": r.summary }, "defaultConfiguration": { "level": r.level.word() },
        });
        if !r.help.is_empty() {
            put(&mut one, "help", json!({ "text": r.help, "markdown": r.help }));
        }
        one
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rrb", "version": env!("CARGO_PKG_VERSION"), "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [{ "executionSuccessful": notes.is_empty(), "toolExecutionNotifications": notes }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}
