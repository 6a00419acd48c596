//! What came from outside: a JSON value that is cheap to walk and to share, keeps the order of keys and every 64-bit integer.

mod parse;

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

pub use parse::{Bounds, parse};

/// A JSON value. Children are shared, so taking a part of a large document copies nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Json {
    #[default]
    Null,
    Bool(bool),
    /// A whole number in the range of `i64`.
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    Float(f64),
    Text(SmolStr),
    List(Arc<Vec<Json>>),
    /// Keys in the order they came.
    Object(Arc<IndexMap<SmolStr, Json>>),
}

impl Json {
    /// The member `key`; null when there is none or this is no object.
    pub fn field(&self, key: &str) -> Json {
        self.member(key).cloned().unwrap_or_default()
    }

    /// The member `key`, when this is an object that has it.
    pub fn member(&self, key: &str) -> Option<&Json> {
        match self {
            // Of few members the one looked for is found sooner than its hash.
            Json::Object(map) if map.len() <= 8 => map.iter().find(|(name, _)| *name == key).map(|(_, value)| value),
            Json::Object(map) => map.get(key),
            _ => None,
        }
    }

    /// The element at `index`, negative from the end; null when there is none or this is no list.
    pub fn index(&self, index: i64) -> Json {
        match self {
            Json::List(items) => {
                let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let at = if index < 0 { index.saturating_add(len) } else { index };
                usize::try_from(at).ok().and_then(|i| items.get(i)).cloned().unwrap_or_default()
            }
            _ => Json::Null,
        }
    }

    /// What it is, in the words of JSON: `null`, `true/false`, `a number`, `a text`, `a list`, `an object`.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Int(_) | Json::UInt(_) | Json::Float(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(t) => Some(t),
            _ => None,
        }
    }

    /// An object of these members.
    pub fn object<K: Into<SmolStr>>(members: impl IntoIterator<Item = (K, Json)>) -> Json {
        Json::Object(Arc::new(members.into_iter().map(|(k, v)| (k.into(), v)).collect()))
    }

    /// A list of these elements.
    pub fn list(items: impl IntoIterator<Item = Json>) -> Json {
        Json::List(Arc::new(items.into_iter().collect()))
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(b) => Json::Bool(b),
            serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Json::Int(i),
                (None, Some(u)) => Json::UInt(u),
                (None, None) => Json::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(s) => Json::Text(s.into()),
            serde_json::Value::Array(items) => Json::list(items.into_iter().map(Json::from)),
            serde_json::Value::Object(map) => Json::object(map.into_iter().map(|(k, v)| (k, Json::from(v)))),
        }
    }
}

impl From<&Json> for serde_json::Value {
    fn from(value: &Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Int(i) => Self::from(*i),
            Json::UInt(u) => Self::from(*u),
            Json::Float(f) => Self::from(*f),
            Json::Text(t) => Self::String(t.to_string()),
            Json::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Object(map) => Self::Object(map.iter().map(|(k, v)| (k.to_string(), v.into())).collect()),
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Json::Text(text.into())
    }
}

/// The form for formats that do not describe themselves.
#[derive(Serialize, Deserialize)]
enum Tagged {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(SmolStr),
    List(Vec<Json>),
    Object(Vec<(SmolStr, Json)>),
}

impl Serialize for Json {
    /// As plain JSON in formats for people, so that a journal reads like what came and nests no deeper; tagged in others.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            return match self {
                Json::Null => s.serialize_unit(),
                Json::Bool(b) => s.serialize_bool(*b),
                Json::Int(i) => s.serialize_i64(*i),
                Json::UInt(u) => s.serialize_u64(*u),
                Json::Float(f) => s.serialize_f64(*f),
                Json::Text(t) => s.serialize_str(t),
                Json::List(items) => s.collect_seq(items.iter()),
                Json::Object(map) => s.collect_map(map.iter()),
            };
        }
        let tagged = match self {
            Json::Null => Tagged::Null,
            Json::Bool(b) => Tagged::Bool(*b),
            Json::Int(i) => Tagged::Int(*i),
            Json::UInt(u) => Tagged::UInt(*u),
            Json::Float(f) => Tagged::Float(*f),
            Json::Text(t) => Tagged::Text(t.clone()),
            Json::List(items) => Tagged::List(items.to_vec()),
            Json::Object(map) => Tagged::Object(map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
        };
        tagged.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            return d.deserialize_any(Plain);
        }
        Ok(match Tagged::deserialize(d)? {
            Tagged::Null => Json::Null,
            Tagged::Bool(b) => Json::Bool(b),
            Tagged::Int(i) => Json::Int(i),
            Tagged::UInt(u) => Json::UInt(u),
            Tagged::Float(f) => Json::Float(f),
            Tagged::Text(t) => Json::Text(t),
            Tagged::List(items) => Json::list(items),
            Tagged::Object(members) => Json::object(members),
        })
    }
}

struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Json, D::Error> {
        d.deserialize_any(Plain)
    }

    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Json, E> {
        Ok(Json::Bool(b))
    }

    fn visit_i64<E: de::Error>(self, i: i64) -> Result<Json, E> {
        Ok(Json::Int(i))
    }

    fn visit_u64<E: de::Error>(self, u: u64) -> Result<Json, E> {
        Ok(i64::try_from(u).map_or(Json::UInt(u), Json::Int))
    }

    fn visit_f64<E: de::Error>(self, f: f64) -> Result<Json, E> {
        Ok(Json::Float(f))
    }

    fn visit_str<E: de::Error>(self, t: &str) -> Result<Json, E> {
        Ok(Json::Text(t.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: IndexMap<SmolStr, Json> = IndexMap::new();
        while let Some((key, value)) = map.next_entry()? {
            members.insert(key, value);
        }
        Ok(Json::Object(Arc::new(members)))
    }
}

/// Maps with keys that are no text, as a list of pairs: JSON has no other form for them.
pub(crate) mod pairs {
    use serde::de::{Deserialize, Deserializer};
    use serde::ser::{Serialize, Serializer};

    /// Anything that is walked by pairs.
    pub fn serialize<S, M, K, V>(map: &M, s: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        M: Pairs<K, V>,
        K: Serialize,
        V: Serialize,
    {
        s.collect_seq(map.pairs())
    }

    pub fn deserialize<'de, D, M, K, V>(d: D) -> Result<M, D::Error>
    where
        D: Deserializer<'de>,
        M: Pairs<K, V>,
        K: Deserialize<'de>,
        V: Deserialize<'de>,
    {
        Vec::<(K, V)>::deserialize(d).map(M::collect)
    }

    pub trait Pairs<K, V> {
        fn pairs<'a>(&'a self) -> Vec<(&'a K, &'a V)>
        where
            K: 'a,
            V: 'a;
        fn collect(pairs: Vec<(K, V)>) -> Self;
    }

    impl<K: Ord, V> Pairs<K, V> for std::collections::BTreeMap<K, V> {
        fn pairs<'a>(&'a self) -> Vec<(&'a K, &'a V)>
        where
            K: 'a,
            V: 'a,
        {
            self.iter().collect()
        }

        fn collect(pairs: Vec<(K, V)>) -> Self {
            pairs.into_iter().collect()
        }
    }

    impl<K: std::hash::Hash + Eq, V> Pairs<K, V> for std::sync::Arc<indexmap::IndexMap<K, V>> {
        fn pairs<'a>(&'a self) -> Vec<(&'a K, &'a V)>
        where
            K: 'a,
            V: 'a,
        {
            self.iter().collect()
        }

        fn collect(pairs: Vec<(K, V)>) -> Self {
            std::sync::Arc::new(pairs.into_iter().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SettingId;
    use crate::value::Value;
    use crate::vm::protocol::SettingValues;

    #[test]
    fn plain_in_json_and_back() {
        let text = r#"{"a":[1,-2,18446744073709551615,0.1,1.0,null,true,"x"],"z":{},"b":[]}"#;
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.field("a").index(2), Json::UInt(u64::MAX));
        assert_eq!(json.field("a").index(4), Json::Float(1.0));
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
    }

    #[test]
    fn nests_in_json_no_deeper_than_it_is() {
        let mut json = Json::Null;
        for _ in 0..100 {
            json = Json::list([json]);
        }
        let text = serde_json::to_string(&Value::Json(json.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), Value::Json(json));
    }

    #[test]
    fn floats_come_back_to_the_last_bit() {
        for bits in [0x3fb9_9999_9999_999a_u64, 0x4340_0000_0000_0001, 0x0000_0000_0000_0001, 0x7fef_ffff_ffff_ffff] {
            let value = Value::Float(f64::from_bits(bits) * 1.000_000_000_1);
            let text = serde_json::to_string(&value).unwrap();
            if matches!(value, Value::Float(f) if !f.is_finite()) {
                continue;
            }
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn maps_with_keys_of_any_kind_survive_json() {
        let map: IndexMap<Value, Value> =
            [(Value::Int(1), Value::text("one")), (Value::text("two"), Value::list([Value::None]))]
                .into_iter()
                .collect();
        let value = Value::Map(Arc::new(map));
        let text = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let mut settings = SettingValues::new();
        settings.insert((SettingId(3), "eu".into()), Value::Bool(true));
        let input = crate::vm::protocol::RunInput {
            run: "r".into(),
            runbook: crate::ids::RunbookId(0),
            params: vec![value],
            settings,
            requester: "user:ana".into(),
            limits: crate::vm::protocol::Limits::default(),
            instances: None,
            parent: None,
        };
        let text = serde_json::to_string(&input).unwrap();
        assert_eq!(serde_json::from_str::<crate::vm::protocol::RunInput>(&text).unwrap(), input);
    }
}
