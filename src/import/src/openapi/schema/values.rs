//! Schemas with a list of values.

use serde_json::Value;

use super::{At, Schemas, Shape};
use crate::names::{self, Names};
use crate::openapi::shape::{Body, Variant};

/// An enum with more values is a text: nobody matches on so many.
const MAX_VARIANTS: usize = 120;

/// The only value that a schema has, when that is a text.
pub fn only_text(schema: &Value) -> Option<String> {
    if let Some(Value::String(only)) = schema.get("const") {
        return Some(only.clone());
    }
    match schema.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
        Some([Value::String(only)]) => Some(only.clone()),
        _ => None,
    }
}

impl<'a> Schemas<'a> {
    /// The shape of a schema with `enum` or `const`. None when it has neither.
    pub(super) fn closed(&mut self, at: &At<'a>, hint: &str) -> Option<Shape> {
        let constant;
        let values: &[Value] = match (at.value.get("enum"), at.value.get("const")) {
            (Some(Value::Array(values)), _) if !values.is_empty() => values,
            (_, Some(value)) => {
                constant = [value.clone()];
                &constant
            }
            _ => return None,
        };
        let there: Vec<&Value> = values.iter().filter(|v| !v.is_null()).collect();
        if there.is_empty() {
            return Some(Shape::Json);
        }
        if there.iter().all(|v| v.is_boolean()) {
            return Some(Shape::Bool);
        }
        if there.iter().all(|v| v.is_i64() || v.is_u64()) {
            return Some(self.listed(at, &there, Shape::Int));
        }
        if there.iter().all(|v| v.is_number()) {
            return Some(self.listed(at, &there, Shape::Float));
        }
        let mut texts: Vec<&str> = there.iter().filter_map(|v| v.as_str()).collect();
        // YAML makes numbers and booleans of words that were meant as texts.
        if texts.len() < there.len() {
            let written = at.value.get("type").and_then(Value::as_str) == Some("string");
            let shape = if written { Shape::Text } else { Shape::Json };
            return Some(self.listed(at, &there, shape));
        }
        let mut seen = std::collections::HashSet::new();
        texts.retain(|t| seen.insert(*t));
        if let [_] = texts.as_slice() {
            return Some(Shape::Text);
        }
        if texts.len() > MAX_VARIANTS {
            self.notes.widened("enum", &at.place, format!("more than {MAX_VARIANTS} values: taken as `Text`"));
            return Some(Shape::Text);
        }
        let variants = variants(&texts);
        Some(self.declare_once(at, hint, Body::Enum(variants)))
    }

    fn listed(&mut self, at: &At<'a>, values: &[&Value], shape: Shape) -> Shape {
        if values.len() > 1 {
            let kind = match shape {
                Shape::Int => "`Int`",
                Shape::Float => "`Float`",
                Shape::Text => "`Text`",
                _ => "`Json`",
            };
            self.notes.widened(
                "enum",
                &at.place,
                format!("a list of values that are not all texts: taken as {kind}, any value passes"),
            );
        }
        shape
    }
}

/// A variant for each text, with names that can be written.
pub fn variants(texts: &[&str]) -> Vec<Variant> {
    let mut names = Names::with(["other"]);
    texts.iter().map(|text| Variant { name: names.take(&variant_name(text)), wire: (*text).to_owned() }).collect()
}

/// The name of a variant: its text where that is a name, else one that reads like it.
fn variant_name(text: &str) -> String {
    if names::is_word(text) && !text.starts_with('_') && !text.chars().any(|c| c.is_ascii_uppercase()) {
        return text.to_owned();
    }
    let mut chars = text.chars();
    let signed = |word: &str, rest: &str| format!("{word}_{}", names::snake(rest, "sign").trim_start_matches('n'));
    match (chars.next(), chars.as_str()) {
        (None, _) => "empty".to_owned(),
        (Some('-'), "") => "dash".to_owned(),
        (Some('*'), "") => "any".to_owned(),
        (Some('-'), rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => signed("minus", rest),
        (Some('+'), rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => signed("plus", rest),
        // The usual way to sort downwards.
        (Some('-'), rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            format!("minus_{}", names::snake(rest, "sign"))
        }
        _ => names::snake(text, &symbols(text)),
    }
}

fn symbols(text: &str) -> String {
    let word = |c: char| match c {
        '=' => "equal",
        '!' => "not",
        '<' => "less",
        '>' => "greater",
        '~' => "like",
        '+' => "plus",
        '-' => "minus",
        '*' => "any",
        '/' => "slash",
        '%' => "percent",
        '.' => "dot",
        ' ' => "space",
        _ => "value",
    };
    text.chars().take(4).map(word).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_values_have_names() {
        let texts = [
            "in-progress",
            "2xx",
            "",
            "*",
            "-1",
            "+1",
            "-name",
            "true",
            "other",
            "a.b",
            "a_b",
            "!=",
            "日本",
            "ALL",
            "all",
            "dockerHub",
        ];
        let names: Vec<String> = variants(&texts).into_iter().map(|v| v.name).collect();
        assert_eq!(
            names,
            [
                "in_progress",
                "n2xx",
                "empty",
                "any",
                "minus_1",
                "plus_1",
                "minus_name",
                "true_",
                "other_2",
                "a_b",
                "a_b_2",
                "not_equal",
                "value_value",
                "all",
                "all_2",
                "docker_hub"
            ]
        );
    }
}
