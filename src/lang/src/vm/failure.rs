//! Failures inside the machine: made, shown to the program as records, and taken back.

use std::sync::Arc;

use smol_str::SmolStr;

use super::protocol::{Failure, FailureKind};
use crate::json::Json;
use crate::types::builtin;
use crate::value::{Record, Value, VariantValue};

/// A value, or why there is none.
pub type Res<T = Value> = Result<T, Box<Failure>>;

/// A failure of kind `invalid`.
pub fn invalid(message: impl Into<String>) -> Box<Failure> {
    Box::new(Failure::new(FailureKind::Invalid, message))
}

/// The failure of an operation on values that its types exclude: the checker or a driver was wrong, and the run ends cleanly.
pub fn mistyped(operation: &str, args: &[Value]) -> Res {
    let kinds: Vec<&str> = args.iter().map(kind).collect();
    Err(invalid(format!("`{operation}` cannot be applied to {}; this is a defect of rrb", kinds.join(", "))))
}

/// A word for what a value is.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nothing => "Nothing",
        Value::None => "none",
        Value::Bool(_) => "Bool",
        Value::Int(_) => "Int",
        Value::Float(_) => "Float",
        Value::Text(_) => "Text",
        Value::Duration(_) => "Duration",
        Value::Size(_) => "Size",
        Value::Time(_) => "Time",
        Value::Regex(_) => "Regex",
        Value::Cron(_) => "Cron",
        Value::Url(_) => "Url",
        Value::Ip(_) => "Ip",
        Value::Cidr(_) => "Cidr",
        Value::Bytes(_) => "Bytes",
        Value::Json(_) => "Json",
        Value::Secret(_) => "Secret",
        Value::Range(_) => "a range",
        Value::List(_) => "List",
        Value::Set(_) => "Set",
        Value::Map(_) => "Map",
        Value::Record(_) => "a record",
        Value::Variant(_) => "an enum",
        Value::Function(_) => "a function",
        Value::Unknown => "unknown",
    }
}

fn record(names: &[&'static str], values: Vec<Value>) -> Value {
    let names: Vec<SmolStr> = names.iter().map(|n| SmolStr::new_static(n)).collect();
    Value::Record(Arc::new(Record { names: names.into(), values }))
}

/// The record that `catch` and `on failure` bind: the built-in type `Failure`.
pub fn to_value(f: &Failure) -> Value {
    let kind = VariantValue {
        ty: builtin::FAILURE_KIND,
        index: f.kind as u32,
        name: SmolStr::new_static(f.kind.name()),
        payload: Vec::new(),
    };
    record(
        &["kind", "message", "action", "attempts", "at", "detail"],
        vec![
            Value::Variant(Arc::new(kind)),
            Value::text(f.message.as_str()),
            Value::Text(f.action.clone()),
            Value::Int(i64::from(f.attempts)),
            Value::Time(f.at),
            Value::Json(f.detail.clone()),
        ],
    )
}

/// The failure that a record of the built-in type stands for. What the record does not show (`happened`, the trace) is as in a new one.
pub fn from_value(value: &Value) -> Failure {
    let text = |name: &str| value.field(name).and_then(Value::as_text).unwrap_or_default();
    let kind = match value.field("kind") {
        Some(Value::Variant(v)) => FailureKind::ALL.get(v.index as usize).copied(),
        _ => None,
    };
    let mut f = Failure::new(kind.unwrap_or(FailureKind::Failed), text("message"));
    f.action = text("action").into();
    if let Some(Value::Int(n)) = value.field("attempts") {
        f.attempts = u32::try_from(*n).unwrap_or(u32::MAX);
    }
    if let Some(Value::Time(at)) = value.field("at") {
        f.at = *at;
    }
    f.detail = match value.field("detail") {
        Some(Value::Json(json)) => json.clone(),
        _ => Json::Null,
    };
    f
}

/// Whether `f` is what the record shows.
pub fn is_shown_by(f: &Failure, value: &Value) -> bool {
    to_value(f) == *value
}

/// The failure that a record tells of: one of those caught, as it was or in other words, else a new one. Other words change nothing of
/// whether it happened, and of where it came from.
pub fn told<'a>(value: &Value, mut caught: impl Iterator<Item = &'a Failure>) -> Failure {
    let mut f = from_value(value);
    if let Some(origin) = caught.find(|c| is_told_by(c, value)) {
        if is_shown_by(origin, value) {
            return origin.clone();
        }
        f.happened = origin.happened;
        f.trace.clone_from(&origin.trace);
    }
    f
}

/// Whether a record is about `f`, whatever its kind and message say.
fn is_told_by(f: &Failure, value: &Value) -> bool {
    let shown = to_value(f);
    ["action", "attempts", "at", "detail"].iter().all(|name| shown.field(name) == value.field(name))
}

/// The record that `otherwise d` binds.
pub fn denial(reason: &str, by: &[SmolStr], expired: bool, at: i64) -> Value {
    let by = Value::list(by.iter().cloned().map(Value::Text));
    record(&["reason", "by", "expired", "at"], vec![Value::text(reason), by, Value::Bool(expired), Value::Time(at)])
}

/// The record `approval` in an approved block.
pub fn approval(by: &[SmolStr], comments: &[String], at: i64) -> Value {
    let by = Value::list(by.iter().cloned().map(Value::Text));
    let comments = Value::list(comments.iter().map(|c| Value::text(c.as_str())));
    record(&["by", "comments", "at"], vec![by, comments, Value::Time(at)])
}
/// People said no to a question, or nothing in time.
pub(super) fn refusal(question: &str, reason: &str, by: &[SmolStr], expired: bool) -> Failure {
    let message = match (expired, by.is_empty(), reason.is_empty()) {
        (true, _, _) => format!("nobody agreed in time: {question}"),
        (false, true, _) => format!("not approved: {reason}"),
        (false, false, true) => format!("{} said no", by.join(", ")),
        (false, false, false) => format!("{} said no: {reason}", by.join(", ")),
    };
    Failure::new(FailureKind::Denied, message).detail(Json::object([
        ("approval", Json::from(question)),
        ("reason", Json::from(reason)),
        ("by", Json::list(by.iter().map(|b| Json::Text(b.clone())))),
        ("expired", Json::Bool(expired)),
    ]))
}
