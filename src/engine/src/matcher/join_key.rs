//! Values as keys of a table: equal ones of the language have equal keys. What has no form that says so for sure shares one.

use rrb_lang::json::Json;
use rrb_lang::value::Value;

/// Adds a value to a key.
pub fn push(value: &Value, key: &mut String) {
    match value {
        Value::None | Value::Json(Json::Null) => key.push_str("n;"),
        Value::Bool(b) | Value::Json(Json::Bool(b)) => key.push_str(if *b { "t;" } else { "f;" }),
        Value::Int(i) | Value::Json(Json::Int(i)) => whole(*i, key),
        Value::Float(f) | Value::Json(Json::Float(f)) => number(*f, key),
        Value::Text(t) | Value::Json(Json::Text(t)) => {
            key.push_str(&format!("\"{}:", t.len()));
            key.push_str(t);
            key.push(';');
        }
        Value::Duration(ms) | Value::Time(ms) | Value::Size(ms) => key.push_str(&format!("={ms};")),
        Value::Ip(ip) => key.push_str(&format!("@{ip};")),
        Value::Variant(v) if v.payload.is_empty() => key.push_str(&format!("#{};", v.index)),
        _ => key.push_str("*;"),
    }
}

/// Whole numbers too large for a Float to tell apart are one with their neighbours.
#[allow(clippy::cast_precision_loss, reason = "that is the point")]
fn whole(i: i64, key: &mut String) {
    number(i as f64, key);
}

fn number(f: f64, key: &mut String) {
    // 0.0 and -0.0 are equal.
    let f = if f == 0.0 { 0.0 } else { f };
    key.push_str(&format!("{:x};", f.to_bits()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: &Value) -> String {
        let mut text = String::new();
        push(value, &mut text);
        text
    }

    #[test]
    fn equal_values_have_equal_keys() {
        let same = [
            (Value::Int(1), Value::Float(1.0)),
            (Value::Float(0.0), Value::Float(-0.0)),
            (Value::text("a"), Value::Json(Json::Text("a".into()))),
            (Value::None, Value::Json(Json::Null)),
            (Value::Json(Json::Int(3)), Value::Json(Json::Float(3.0))),
        ];
        for (a, b) in same {
            assert_eq!(key(&a), key(&b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn different_values_have_different_keys() {
        let values = [
            Value::None,
            Value::text("n"),
            Value::text("null"),
            Value::text(""),
            Value::text("1"),
            Value::Int(1),
            Value::Int(2),
            Value::Bool(true),
            Value::Bool(false),
            Value::Duration(1),
        ];
        for (n, a) in values.iter().enumerate() {
            for b in values.iter().skip(n + 1) {
                assert_ne!(key(a), key(b), "{a:?} {b:?}");
            }
        }
        let mut one = key(&Value::text("a"));
        push(&Value::text("bc"), &mut one);
        let mut other = key(&Value::text("ab"));
        push(&Value::text("c"), &mut other);
        assert_ne!(one, other, "parts of a key do not run together");
    }
}
