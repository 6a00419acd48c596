//! The bytes of a file as one tree of values, with bounds on all of it.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{ImportError, pointer};

/// The most bytes of a file.
pub const MAX_BYTES: usize = 64 << 20;
/// The most values, counting those that aliases of YAML repeat.
pub const MAX_VALUES: usize = 4_000_000;
/// How deep values nest.
pub const MAX_DEPTH: usize = 120;
/// The most duplicate keys that are kept for the report.
const MAX_DUPLICATES: usize = 200;

/// A tree, and what was odd in its text.
#[derive(Debug)]
pub struct Read {
    pub root: Value,
    /// Pointers of keys that stood twice in one object; the last one counts.
    pub duplicates: Vec<String>,
}

/// Reads JSON or YAML 1.2: what begins like JSON is JSON, and YAML when it is no JSON after all.
///
/// # Errors
/// When it is too large, too deep, not UTF-8 or neither of both.
pub fn read(bytes: &[u8]) -> Result<Read, ImportError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImportError::new(
            format!("the file has {} bytes; at most {MAX_BYTES} are read", bytes.len()),
            "cut it to what is needed, or split it",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        ImportError::new(
            format!("the file is not UTF-8: byte {} does not fit", e.valid_up_to()),
            "save it as UTF-8 text; a packed file is unpacked first",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(ImportError::new("the file is empty", "`rrb import --help` says what can be imported"));
    }
    if text.trim_start().starts_with(['{', '[']) {
        match json(text) {
            Ok(read) => return Ok(read),
            // A flow mapping of YAML also begins so. What is wrong is said of the form that it looks like.
            Err(error) => return yaml(text).map_err(|_| error),
        }
    }
    yaml(text)
}

fn json(text: &str) -> Result<Read, ImportError> {
    let state = State::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let root = Seed { state: &state, depth: 0 }.deserialize(&mut reader).and_then(|v| reader.end().map(|()| v));
    match root {
        Ok(root) => Ok(state.finish(root)),
        Err(e) => Err(ImportError::new(
            format!("the file is no JSON: {e}"),
            "check that the file is whole; its first character says JSON, so it is not read as YAML",
        )),
    }
}

fn yaml(text: &str) -> Result<Read, ImportError> {
    let state = State::default();
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MAX_VALUES * 3,
            max_nodes: MAX_VALUES,
            max_depth: MAX_DEPTH + 8,
            max_documents: 2,
            max_total_scalar_bytes: MAX_BYTES,
        },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
    };
    let root = serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| {
        Seed { state: &state, depth: 0 }.deserialize(reader)
    });
    match root {
        Ok(root) => Ok(state.finish(root)),
        Err(e) => {
            let mut message = e.to_string();
            if let Some(line) = message.find('\n') {
                message.truncate(line);
            }
            // The reader's own advice is for those who program with it.
            let message = message.replace("; use from_str_multiple or from_str_multiple_with_options", "");
            Err(ImportError::new(
                format!("the file is no YAML: {message}"),
                "check that the file is whole, and that it is one document of YAML 1.2 or JSON",
            ))
        }
    }
}

/// What is counted while reading.
#[derive(Default)]
struct State {
    values: RefCell<usize>,
    path: RefCell<Vec<String>>,
    duplicates: RefCell<Vec<String>>,
}

impl State {
    fn finish(self, root: Value) -> Read {
        Read { root, duplicates: self.duplicates.into_inner() }
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let mut values = self.values.borrow_mut();
        *values += 1;
        if *values > MAX_VALUES {
            return Err(E::custom(format!("it has more than {MAX_VALUES} values, aliases repeated")));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    state: &'a State,
    depth: usize,
}

impl<'a> Seed<'a> {
    fn below<E: serde::de::Error>(self) -> Result<Seed<'a>, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("its values nest deeper than {MAX_DEPTH} levels")));
        }
        Ok(Seed { state: self.state, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.state.count::<D::Error>()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON or YAML")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i128<E>(self, v: i128) -> Result<Value, E> {
        Ok(Value::String(v.to_string()))
    }

    fn visit_u128<E>(self, v: u128) -> Result<Value, E> {
        Ok(Value::String(v.to_string()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Number::from_f64(v).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::String(String::from_utf8_lossy(v).into_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below::<A::Error>()?;
        let mut out = Vec::new();
        self.state.path.borrow_mut().push("0".to_owned());
        while let Some(item) = items.next_element_seed(below)? {
            out.push(item);
            if let Some(last) = self.state.path.borrow_mut().last_mut() {
                *last = out.len().to_string();
            }
        }
        self.state.path.borrow_mut().pop();
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below::<A::Error>()?;
        let mut out = Map::new();
        while let Some(Key(key)) = members.next_key()? {
            self.state.path.borrow_mut().push(key.clone());
            let value = members.next_value_seed(below)?;
            if out.insert(key, value).is_some() {
                let mut duplicates = self.state.duplicates.borrow_mut();
                if duplicates.len() < MAX_DUPLICATES {
                    duplicates.push(pointer::of(&self.state.path.borrow()));
                }
            }
            self.state.path.borrow_mut().pop();
        }
        Ok(Value::Object(out))
    }
}

/// The key of a member. YAML has keys of other types: `200:`, `true:`, `~:`.
struct Key(String);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyKey;
        impl Visitor<'_> for AnyKey {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key that is a text, a number, true, false or null")
            }

            fn visit_str<E>(self, v: &str) -> Result<Key, E> {
                Ok(Key(v.to_owned()))
            }

            fn visit_bool<E>(self, v: bool) -> Result<Key, E> {
                Ok(Key(v.to_string()))
            }

            fn visit_i64<E>(self, v: i64) -> Result<Key, E> {
                Ok(Key(v.to_string()))
            }

            fn visit_u64<E>(self, v: u64) -> Result<Key, E> {
                Ok(Key(v.to_string()))
            }

            fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Key, E> {
                if v.is_finite() { Ok(Key(v.to_string())) } else { Err(E::custom("a key is no number")) }
            }

            fn visit_unit<E>(self) -> Result<Key, E> {
                Ok(Key("null".to_owned()))
            }
        }
        deserializer.deserialize_any(AnyKey).map_err(D::Error::custom)
    }
}
