//! Which operation of a description a request is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use rrb_import::description::{In, Operation, Version};
use serde_json::Value;

use super::Open;
use super::request::Seen;
use crate::patterns;

/// An operation with the values that a request has in its path.
pub struct Found<'o, 'a> {
    pub operation: &'o Operation<'a>,
    pub path: BTreeMap<String, String>,
    pub seen: &'o Seen,
    /// Where the operations of some vendors differ by a field and not by their path, this one.
    pub selector: Option<(String, String)>,
}

/// The paths of the servers, without a slash at the end.
pub fn bases(root: &Value, version: Version) -> Vec<String> {
    if version == Version::Swagger2 {
        let base = root.get("basePath").and_then(Value::as_str).unwrap_or_default();
        return vec![base.trim_end_matches('/').to_owned()];
    }
    let servers = root.get("servers").and_then(Value::as_array);
    let mut bases: Vec<String> = servers.into_iter().flatten().filter_map(base_of).collect();
    if bases.is_empty() {
        bases.push(String::new());
    }
    bases.sort_by_key(|b| std::cmp::Reverse(b.len()));
    bases.dedup();
    bases
}

fn base_of(server: &Value) -> Option<String> {
    let mut url = server.get("url")?.as_str()?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    let behind_host = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url.as_str(),
    };
    Some(behind_host.trim_end_matches('/').to_owned())
}

/// The operation that fits best: the one with the most characters of its own in the path.
pub fn find<'o, 'a>(open: &'o Open<'a>, seen: &'o Seen) -> Option<Found<'o, 'a>> {
    let path = seen.path.strip_prefix(open.prefix)?;
    let fits = |wide: bool| {
        let all = open.bases.iter().filter_map(move |base| path.strip_prefix(base.as_str()));
        let found = all.flat_map(move |rest| {
            let same = move |o: &&Operation<'_>| o.method.eq_ignore_ascii_case(&seen.method);
            open.operations.iter().filter(same).filter_map(move |o| fit(o, rest, seen, wide))
        });
        found.max_by_key(|f| literal(&f.operation.path))
    };
    fits(false).or_else(|| fits(true))
}

/// How many characters of a path are not of a parameter.
fn literal(path: &str) -> usize {
    path.split(['{', '}']).step_by(2).map(str::len).sum()
}

fn fit<'o, 'a>(operation: &'o Operation<'a>, rest: &str, seen: &'o Seen, wide: bool) -> Option<Found<'o, 'a>> {
    let (template, selector) = match operation.path.split_once('#') {
        Some((path, selector)) => (path, selector.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))),
        None => (operation.path.as_str(), None),
    };
    if let Some((name, value)) = &selector {
        let given = seen.header(name).or_else(|| seen.query_value(name)).or_else(|| seen.form_value(name));
        if given.as_deref() != Some(value) {
            return None;
        }
    }
    let (pattern, names) = pattern(template, |name| wide && is_wide(operation, name))?;
    let rest = if rest.is_empty() { "/" } else { rest };
    let parts = pattern.captures(rest)?;
    let path = names.into_iter().zip(parts.iter().skip(1).flatten().map(|m| decoded(m.as_str()))).collect();
    Some(Found { operation, path, seen, selector })
}

/// The path as a pattern, and its parameters in order.
fn pattern(template: &str, wide: impl Fn(&str) -> bool) -> Option<(Arc<Regex>, Vec<String>)> {
    let mut text = String::from("^");
    let mut names = Vec::new();
    for (i, part) in template.split(['{', '}']).enumerate() {
        if i % 2 == 0 {
            text += &regex::escape(part);
        } else {
            text += if wide(part) { "(.+)" } else { "([^/]+)" };
            names.push(part.to_owned());
        }
    }
    // A slash at the end is no other place.
    Some((patterns::pattern(&format!("{}/?$", text.trim_end_matches('/')))?, names))
}

/// Whether a value may go over several segments of a path, as the names of resources do with some vendors.
fn is_wide(operation: &Operation<'_>, name: &str) -> bool {
    let Some(param) = operation.params.iter().find(|p| p.place == In::Path && p.name == name) else { return false };
    let pattern = param.schema.as_ref().and_then(|s| s.text("pattern"));
    let marked = ["allowReserved", "x-ms-skip-url-encoding", "x-wide"].iter().any(|w| param.at.flag(w));
    marked || pattern.is_some_and(|p| p.contains('/'))
}

/// A part of a path as it is meant.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
