//! Values of a file as literals of the language.

use serde_json::Value;

use crate::names;
use crate::text::quoted;

/// Deeper values are written as a text of JSON, which is read when the runbook runs.
const MAX_DEPTH: usize = 12;

/// A value, for a place where Json is expected.
pub fn json(value: &Value) -> String {
    with(value, &mut |text| quoted(text))
}

/// The same, with texts written by `text`.
pub fn with(value: &Value, text: &mut dyn FnMut(&str) -> String) -> String {
    write(value, text, 0)
}

fn write(value: &Value, text: &mut dyn FnMut(&str) -> String, depth: usize) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => number(n),
        Value::String(s) => text(s),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        _ if depth >= MAX_DEPTH => format!("({}.parse_json() ?? none)", quoted(&value.to_string())),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|v| write(v, text, depth + 1)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(k, v)| format!("{}: {}", key(k), write(v, text, depth + 1))).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

/// A member's name: as a word where it is one.
pub fn key(name: &str) -> String {
    if names::is_word(name) { name.to_owned() } else { quoted(name) }
}

/// Whole numbers of 64 bits, and others as Float.
pub fn number(n: &serde_json::Number) -> String {
    match (n.as_i64(), n.as_f64()) {
        (Some(i64::MIN), _) => quoted(&n.to_string()),
        (Some(i), _) => i.to_string(),
        (None, Some(f)) if f.is_finite() => format!("{f:?}"),
        _ => quoted(&n.to_string()),
    }
}

/// Walks to a member of a value of type Json.
pub fn member(of: &str, name: &str) -> String {
    if names::is_word(name) { format!("{of}.{name}") } else { format!("{of}[{}]", quoted(name)) }
}

/// A time span that the language writes: in the largest unit that is whole.
pub fn duration(milliseconds: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let fits = units.iter().find(|(_, unit)| milliseconds != 0 && milliseconds.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{milliseconds}ms"), |(word, unit)| format!("{}{word}", milliseconds / unit))
}

#[cfg(test)]
mod tests {
    use serde_json::json as j;

    use super::*;

    #[test]
    fn values_are_written_as_they_are() {
        assert_eq!(
            json(&j!({ "a": [1, -2.5, 1e300], "a b": null, "type": "x${y}" })),
            r#"{ a: [1, -2.5, 1e300], "a b": none, type: "x\${y}" }"#
        );
        assert_eq!(json(&j!([u64::MAX])), "[1.8446744073709552e19]");
        let deep = (0..40).fold(j!(1), |inner, _| j!([inner]));
        assert!(json(&deep).contains(".parse_json()"));
    }

    #[test]
    fn time_spans_have_their_largest_whole_unit() {
        assert_eq!([0, 1, 1_000, 90_000, 7_200_000].map(duration), ["0ms", "1ms", "1s", "90s", "2h"]);
    }
}
