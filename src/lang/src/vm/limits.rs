//! Bounds of values, and the estimate of the memory they take.

use crate::json::Json;
use crate::value::{Secret, Value};

/// The longest text, in bytes.
pub const MAX_TEXT: usize = 8 << 20;
/// The most items of a list, set, map or object.
pub const MAX_ITEMS: usize = 1_000_000;
/// How deep lists, records and objects nest.
pub const MAX_NESTING: usize = 128;
/// The most branches of one `parallel` or `race`.
pub const MAX_BRANCHES: usize = 32;
/// The most items of one loop that run at the same time.
pub const MAX_WIDTH: u32 = 256;
/// The most items of a loop that runs them at the same time.
pub const MAX_SPREAD: usize = 100_000;
/// The most branches of a run that are open at the same time.
pub const MAX_FIBERS: usize = 1_000;

/// The most that a run says for its timeline between two waits, in bytes: it is kept with what comes next.
pub const MAX_SAID: u64 = 4 << 20;
/// The longest message of a failure, in bytes.
pub const MAX_MESSAGE: usize = 64 << 10;

/// Cuts a text that is longer than `most` bytes.
pub fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let at = (0..=most.saturating_sub('…'.len_utf8())).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(at.unwrap_or(0));
        text.push('…');
    }
}

/// What a slot for a value takes.
const SLOT: u64 = 32;

/// Adds the estimated bytes of `value` to `sum` until it passes `limit`. What is shared counts every time it appears,
/// because a snapshot writes it every time.
pub fn measure(value: &Value, sum: &mut u64, limit: u64) {
    *sum = sum.saturating_add(SLOT);
    if *sum > limit {
        return;
    }
    match value {
        Value::Text(t) | Value::Url(t) | Value::Cron(t) => *sum = sum.saturating_add(heap(t.len())),
        Value::Bytes(b) => *sum = sum.saturating_add(b.len() as u64),
        Value::Regex(p) => *sum = sum.saturating_add(p.regex().as_str().len() as u64),
        Value::Json(json) => measure_json(json, sum, limit),
        Value::Range(r) => {
            measure(&r.start, sum, limit);
            measure(&r.end, sum, limit);
        }
        Value::List(items) => measure_all(items.iter(), sum, limit),
        Value::Set(items) => measure_all(items.iter(), sum, limit),
        Value::Map(map) => {
            for (k, v) in map.iter() {
                measure(k, sum, limit);
                measure(v, sum, limit);
                if *sum > limit {
                    return;
                }
            }
        }
        Value::Record(r) => measure_all(r.values.iter(), sum, limit),
        Value::Variant(v) => measure_all(v.payload.iter(), sum, limit),
        Value::Function(f) => measure_all(f.captures.iter(), sum, limit),
        Value::Secret(s) => *sum = sum.saturating_add(secret(s)),
        _ => {}
    }
}

fn measure_all<'a>(values: impl Iterator<Item = &'a Value>, sum: &mut u64, limit: u64) {
    for value in values {
        measure(value, sum, limit);
        if *sum > limit {
            return;
        }
    }
}

fn measure_json(json: &Json, sum: &mut u64, limit: u64) {
    *sum = sum.saturating_add(SLOT);
    match json {
        Json::Text(t) => *sum = sum.saturating_add(heap(t.len())),
        Json::List(items) => {
            for item in items.iter() {
                if *sum > limit {
                    return;
                }
                measure_json(item, sum, limit);
            }
        }
        Json::Object(map) => {
            for (k, v) in map.iter() {
                if *sum > limit {
                    return;
                }
                *sum = sum.saturating_add(SLOT + heap(k.len()));
                measure_json(v, sum, limit);
            }
        }
        _ => {}
    }
}

/// Short texts live in their slot.
fn heap(len: usize) -> u64 {
    if len > 23 { len as u64 } else { 0 }
}

fn secret(s: &Secret) -> u64 {
    let mut sum = 0;
    let mut at = s;
    loop {
        match at {
            Secret::Ref(r) => return sum + r.len() as u64,
            Secret::Prefixed(t, inner) | Secret::Suffixed(inner, t) => {
                sum += SLOT + t.len() as u64;
                at = inner;
            }
            Secret::Base64(inner) => {
                sum += SLOT;
                at = inner;
            }
        }
    }
}

/// The estimated bytes of one value, at most `limit` and a little.
pub fn size(value: &Value, limit: u64) -> u64 {
    let mut sum = 0;
    measure(value, &mut sum, limit);
    sum
}

/// What a value takes by itself, without what it contains: the cost of making it from parts that are there.
pub fn shallow(value: &Value) -> u64 {
    let slots = match value {
        Value::Text(t) | Value::Url(t) => return heap(t.len()),
        Value::Bytes(b) => return b.len() as u64,
        Value::List(items) => items.len(),
        Value::Set(items) => items.len() * 2,
        Value::Map(map) => map.len() * 3,
        Value::Record(r) => r.values.len(),
        Value::Variant(v) => v.payload.len(),
        Value::Function(f) => f.captures.len(),
        Value::Json(Json::List(items)) => items.len(),
        Value::Json(Json::Object(map)) => map.len() * 3,
        Value::Json(Json::Text(t)) => return heap(t.len()),
        _ => return 0,
    };
    (slots as u64).saturating_mul(SLOT)
}

/// Whether the value nests no deeper than `left` levels.
pub fn nests_within(value: &Value, left: usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    match value {
        Value::Json(json) => json_nests_within(json, left),
        Value::List(items) => items.iter().all(|v| nests_within(v, less)),
        Value::Set(items) => items.iter().all(|v| nests_within(v, less)),
        Value::Map(map) => map.iter().all(|(k, v)| nests_within(k, less) && nests_within(v, less)),
        Value::Record(r) => r.values.iter().all(|v| nests_within(v, less)),
        Value::Variant(v) => v.payload.iter().all(|v| nests_within(v, less)),
        Value::Function(f) => f.captures.iter().all(|v| nests_within(v, less)),
        _ => true,
    }
}

/// Whether the document nests no deeper than `left` levels.
pub fn json_nests_within(json: &Json, left: usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    match json {
        Json::List(items) => items.iter().all(|v| json_nests_within(v, less)),
        Json::Object(map) => map.values().all(|v| json_nests_within(v, less)),
        _ => true,
    }
}

/// Whether a plan does not know some part of the value.
pub fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown => true,
        Value::List(items) => items.iter().any(has_unknown),
        Value::Set(items) => items.iter().any(has_unknown),
        Value::Map(map) => map.iter().any(|(k, v)| has_unknown(k) || has_unknown(v)),
        Value::Record(r) => r.values.iter().any(has_unknown),
        Value::Variant(v) => v.payload.iter().any(has_unknown),
        Value::Function(f) => f.captures.iter().any(has_unknown),
        Value::Range(r) => has_unknown(&r.start) || has_unknown(&r.end),
        _ => false,
    }
}
