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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_itself_up_to_its_bound_and_its_digest_above() {
        let program = rrb_lang::program::compile(&rrb_lang::hir::Program::default(), &Default::default()).unwrap();
        let code = crate::compiled::Compiled(std::sync::Arc::new(program));
        for (bytes, itself) in [(MAX_KEY - 1, true), (MAX_KEY, true), (MAX_KEY + 1, false)] {
            let text = "x".repeat(bytes);
            let key = shown(&code, &Value::text(text.as_str()));
            assert_eq!(key == text, itself, "{bytes}");
            assert_eq!(key.starts_with("sha256:") && key.len() == 71, !itself, "{key}");
        }
        let (a, b) = ("x".repeat(MAX_KEY) + "a", "x".repeat(MAX_KEY) + "b");
        assert_ne!(shown(&code, &Value::text(a)), shown(&code, &Value::text(b)));
    }
}
