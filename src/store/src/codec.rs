//! Values to columns and back. What is written can be read again: depth and numbers are checked before, not after.

use rusqlite::Row;
use rusqlite::types::Type;
use serde_json::Value;

use crate::fault::Fault;

/// Levels of JSON that are written; the reader's own limit is 128.
pub(crate) const MAX_DEPTH: usize = 120;

/// JSON as text.
pub(crate) fn text(value: &Value) -> Result<String, Fault> {
    if depth_over(value, MAX_DEPTH) {
        return Err(Fault::Caller(format!("a JSON value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(value.to_string())
}

fn depth_over(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|v| depth_over(v, left)),
        Value::Object(map) => map.values().any(|v| depth_over(v, left)),
        _ => false,
    }
}

/// About how many bytes a value takes as text.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::String(s) => s.len() + 2,
        Value::Array(items) => items.iter().map(|v| weight(v) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + weight(v) + 4).sum::<usize>() + 2,
        _ => 8,
    }
}

/// A number that SQLite can hold.
pub(crate) fn signed(n: u64) -> Result<i64, Fault> {
    i64::try_from(n).map_err(|_| Fault::Caller(format!("the number {n} is too large for the store")))
}

/// The JSON in a column.
pub(crate) fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    parse(column, row.get_ref(column)?.as_str().map_err(|e| unreadable(column, e))?)
}

/// The JSON in a column that may be null.
pub(crate) fn json_opt(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Value>> {
    match row.get_ref(column)?.as_str_or_null().map_err(|e| unreadable(column, e))? {
        Some(text) => parse(column, text).map(Some),
        None => Ok(None),
    }
}

fn parse(column: usize, text: &str) -> rusqlite::Result<Value> {
    serde_json::from_str(text).map_err(|e| unreadable(column, e))
}

/// A word of a fixed set, e.g. a status.
pub(crate) fn word<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_value(Value::String(text)).map_err(|e| unreadable(column, e))
}

/// The word for a value of a fixed set.
pub(crate) fn spell<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    match serde_json::to_value(value) {
        Ok(Value::String(s)) => Ok(s),
        other => Err(Fault::Caller(format!("{other:?} is not a word"))),
    }
}

/// A count in a column.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn depth_is_bounded_so_that_what_is_written_can_be_read() {
        for levels in [1, MAX_DEPTH - 1, MAX_DEPTH] {
            let text = text(&nested(levels)).unwrap();
            assert!(serde_json::from_str::<Value>(&text).is_ok());
        }
        assert!(matches!(text(&nested(MAX_DEPTH + 1)), Err(Fault::Caller(_))));
    }

    #[test]
    fn fractions_read_back_as_themselves() {
        let mut x: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..2000 {
            x = x.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let value = serde_json::json!([f64::from_bits(x & !(1 << 62))]);
            assert_eq!(serde_json::from_str::<Value>(&text(&value).unwrap()).unwrap(), value);
        }
    }
}
