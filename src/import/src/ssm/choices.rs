//! The choices of `aws:branch` as conditions.

use serde_json::{Map, Value};

use super::{Document, Step, shown};
use crate::convert::template;
use crate::text::{plain, quoted};

/// How deep choices nest.
const MAX_DEPTH: usize = 16;

/// The choices of a step, each with the name of the step it leads to, and where it leads when none is true.
pub fn arms(document: &mut Document<'_>, step: &Step<'_>) -> (Vec<(String, String)>, Option<String>) {
    let mut arms = Vec::new();
    for (i, choice) in step.inputs.get("Choices").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let at = format!("{}/inputs/Choices/{i}", step.at);
        let condition = choice.as_object().and_then(|c| test(document, c, &at, 0));
        let to = choice.get("NextStep").and_then(Value::as_str).unwrap_or_default().to_owned();
        let condition = condition.unwrap_or_else(|| {
            let said = crate::text::shorten(&choice.to_string(), 200);
            document.module.counts.by_hand += 1;
            document.module.notes.add(
                "choice",
                crate::Loss::ByHand,
                &at,
                format!("people are asked whether this is so: {said}"),
            );
            format!("(do _decided({}))", quoted(&format!("Is this so? {said}")))
        });
        arms.push((condition, to));
    }
    (arms, step.inputs.get("Default").and_then(Value::as_str).map(str::to_owned))
}

fn test(document: &mut Document<'_>, choice: &Map<String, Value>, at: &str, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    let list = |key: &str, document: &mut Document<'_>| -> Option<Vec<String>> {
        let all = choice.get(key)?.as_array()?;
        all.iter().map(|c| test(document, c.as_object()?, at, depth + 1)).collect()
    };
    if choice.contains_key("And") {
        return Some(format!("({})", list("And", document)?.join(" and ")));
    }
    if choice.contains_key("Or") {
        return Some(format!("({})", list("Or", document)?.join(" or ")));
    }
    if let Some(inner) = choice.get("Not") {
        return Some(format!("not ({})", test(document, inner.as_object()?, at, depth + 1)?));
    }
    let variable = document.value(choice.get("Variable")?, at);
    let mut tests = choice.iter().filter(|(k, _)| !matches!(k.as_str(), "Variable" | "NextStep"));
    let (operator, operand) = tests.next()?;
    if tests.next().is_some() || matches!(operand, Value::Array(_) | Value::Object(_)) {
        return None;
    }
    let value = match operand {
        Value::String(t) if template::split(t).iter().any(|p| matches!(p, template::Piece::Hole(..))) => {
            format!("_shown({})", document.value(operand, at))
        }
        other => quoted(&shown(other)),
    };
    let text = format!("_shown({variable})");
    Some(match operator.as_str() {
        "StringEquals" => format!("{text} == {value}"),
        "EqualsIgnoreCase" | "BooleanEquals" if value.starts_with('"') => {
            format!("{text}.lower() == {}", value.to_lowercase())
        }
        "EqualsIgnoreCase" | "BooleanEquals" => format!("{text}.lower() == {value}.lower()"),
        "StartsWith" => format!("{text}.starts_with({value})"),
        "EndsWith" => format!("{text}.ends_with({value})"),
        "Contains" => format!("{text}.contains({value})"),
        "NumericEquals" => format!("_number({text}) == _number({value})"),
        "NumericGreater" => format!("_number({text}) > _number({value})"),
        "NumericGreaterOrEquals" => format!("_number({text}) >= _number({value})"),
        "NumericLesser" => format!("_number({text}) < _number({value})"),
        "NumericLesserOrEquals" => format!("_number({text}) <= _number({value})"),
        other => {
            document.module.notes.left_out("choice", at, format!("the comparison `{}` is not known", plain(other, 60)));
            return None;
        }
    })
}
