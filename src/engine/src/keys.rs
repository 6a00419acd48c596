//! Keys of counters and places: any value, as text of bounded length.

use rrb_lang::json::Json;
use rrb_lang::value::Value;

use crate::code::Code;
use crate::run::cap;

/// Bytes of a key; a longer one is kept as its digest.
pub const MAX_KEY: usize = 256;

/// A value as a key: a text as it is, everything else as JSON.
pub fn shown(code: &dyn Code, value: &Value) -> String {
    let text = match code.to_json(value) {
        Json::Text(text) => text.to_string(),
        other => serde_json::Value::from(&other).to_string(),
    };
    if text.len() > MAX_KEY { format!("sha256:{}", cap::digest(text.as_bytes())) } else { text }
}
