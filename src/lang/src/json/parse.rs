//! From bytes to [`Json`] with bounds: what came from outside is never trusted to be small, flat or unambiguous.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;

use super::Json;

/// How deep and how large a document may be. Its length in bytes is bounded by whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Nested lists and objects; at most 120.
    pub depth: usize,
    /// Values of every kind, the outermost included.
    pub values: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth: 64, values: 100_000 }
    }
}

/// Reads one JSON document. Whole numbers that fit neither `i64` nor `u64` become the nearest Float.
///
/// # Errors
/// What is wrong and at which line and column: no JSON, not UTF-8, a key that stands twice in one object, more than `bounds` allows,
/// or anything after the document.
pub fn parse(bytes: &[u8], bounds: Bounds) -> Result<Json, String> {
    let mut left = bounds.values;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let seed = Seed { depth: bounds.depth.min(120), bounds, left: &mut left };
    let json = seed.deserialize(&mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok(json)
}

struct Seed<'a> {
    /// How many levels may still be opened.
    depth: usize,
    bounds: Bounds,
    left: &'a mut usize,
}

impl Seed<'_> {
    fn inner(&mut self) -> Seed<'_> {
        Seed { depth: self.depth, bounds: self.bounds, left: self.left }
    }

    fn open<E: Error>(&mut self) -> Result<(), E> {
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(E::custom(format!("nested more than {} levels deep", self.bounds.depth.min(120))));
        };
        self.depth = depth;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(D::Error::custom(format!("more than {} values", self.bounds.values)));
        };
        *self.left = left;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::UInt(value), Json::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        if value.is_finite() { Ok(Json::Float(value)) } else { Err(E::custom("a number out of range")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json, A::Error> {
        self.open()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner())? {
            list.push(item);
        }
        Ok(Json::List(Arc::new(list)))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Json, A::Error> {
        self.open()?;
        let mut object = IndexMap::new();
        while let Some(key) = members.next_key::<SmolStr>()? {
            let value = members.next_value_seed(self.inner())?;
            if object.contains_key(&key) {
                let shown: String = key.chars().take(60).collect();
                return Err(A::Error::custom(format!("the key `{shown}` stands twice in one object")));
            }
            object.insert(key, value);
        }
        Ok(Json::Object(Arc::new(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Json, String> {
        parse(text.as_bytes(), Bounds::default())
    }

    #[test]
    fn numbers_keep_their_kind() {
        let big = read("[9223372036854775807, 9223372036854775808, -1, 1.0, 1e3, 18446744073709551616]").unwrap();
        let expected = [
            Json::Int(i64::MAX),
            Json::UInt(1 << 63),
            Json::Int(-1),
            Json::Float(1.0),
            Json::Float(1000.0),
            Json::Float(18_446_744_073_709_551_616.0),
        ];
        assert_eq!(big, Json::list(expected));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        for depth in [2, 63, 64, 120] {
            let bounds = Bounds { depth, values: 1000 };
            assert!(parse(nested(depth - 1).as_bytes(), bounds).is_ok());
            assert!(parse(nested(depth).as_bytes(), bounds).is_ok());
            let error = parse(nested(depth + 1).as_bytes(), bounds).unwrap_err();
            assert!(error.contains(&format!("nested more than {depth} levels deep")), "{error}");
        }
        assert!(read(&"[".repeat(1_000_000)).is_err());
        assert!(read(&"{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn values_are_counted() {
        let bounds = Bounds { depth: 4, values: 5 };
        assert!(parse(b"[1, 2, 3]", bounds).is_ok());
        assert!(parse(b"[1, 2, 3, 4]", bounds).is_ok());
        assert!(parse(b"[1, 2, {\"a\": 4}]", bounds).is_ok());
        assert!(parse(b"[1, 2, 3, 4, 5]", bounds).unwrap_err().contains("more than 5 values"));
    }

    #[test]
    fn what_is_no_single_document_is_refused() {
        for (text, part) in [
            ("", "EOF"),
            ("{} {}", "trailing characters"),
            ("{\"a\": 1, \"a\": 2}", "the key `a` stands twice"),
            ("{\"a\": 1, \"\\u0061\": 2}", "the key `a` stands twice"),
            ("NaN", "expected"),
            ("1e999", "out of range"),
            ("\"\\ud800\"", "hex escape"),
            ("[1,]", "trailing comma"),
            ("{'a': 1}", "line 1"),
            ("nul", "line 1"),
            ("\u{feff}{}", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(parse(b"\"\xff\"", Bounds::default()).is_err());
    }
}
