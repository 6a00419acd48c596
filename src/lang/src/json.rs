//! What came from outside: a JSON value that is cheap to walk and to share, keeps the order of keys and every 64-bit integer.

mod parse;

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use parse::{Bounds, parse};

/// A JSON value. Children are shared, so taking a part of a large document copies nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
        match self {
            Json::Object(map) => map.get(key).cloned().unwrap_or_default(),
            _ => Json::Null,
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
