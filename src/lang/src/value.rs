//! Values at run time. They are immutable and shared, compare and hash by content, and serialise with the whole machine.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::ids::{FnId, TypeId};
use crate::json::Json;

/// A value of the language. An optional that is present is its value, one that is absent is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Nothing,
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(SmolStr),
    /// Milliseconds.
    Duration(i64),
    /// Bytes.
    Size(i64),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    Regex(Pattern),
    /// A cron expression, checked when compiled; the engine parses it again.
    Cron(SmolStr),
    /// An absolute URL, normalised.
    Url(SmolStr),
    Ip(IpAddr),
    Cidr(IpNet),
    Bytes(Arc<[u8]>),
    Json(Json),
    Secret(Arc<Secret>),
    Range(Box<RangeValue>),
    List(Arc<Vec<Value>>),
    Set(Arc<IndexSet<Value>>),
    #[serde(with = "crate::json::pairs")]
    Map(Arc<IndexMap<Value, Value>>),
    Record(Arc<Record>),
    Variant(Arc<VariantValue>),
    Function(Arc<Closure>),
    /// In a plan only: what just a simulated change would tell.
    Unknown,
}

/// A range; which kind of bound the checker knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeValue {
    pub start: Value,
    pub end: Value,
    pub inclusive: bool,
}

/// A record: names in the order of its static type, values beside them. Equal when both are equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub names: Arc<[SmolStr]>,
    pub values: Vec<Value>,
}

impl Record {
    /// The value of the field `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.names.iter().position(|n| n == name).and_then(|i| self.values.get(i))
    }
}

/// A variant of an enum with its payload. Compared by index, then payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantValue {
    pub ty: TypeId,
    pub index: u32,
    pub name: SmolStr,
    pub payload: Vec<Value>,
}

/// A function with what it captured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closure {
    pub function: FnId,
    pub captures: Vec<Value>,
}

/// A secret: where it is kept and what is done to it at the edge. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Secret {
    /// `env:SLACK_TOKEN`, `file:/run/secrets/slack`
    Ref(SmolStr),
    /// `prefix` followed by the secret.
    Prefixed(SmolStr, Arc<Secret>),
    /// The secret followed by `suffix`.
    Suffixed(Arc<Secret>, SmolStr),
    /// Base64 of the secret.
    Base64(Arc<Secret>),
}

impl Secret {
    /// The reference at the bottom, e.g. `env:SLACK_TOKEN`.
    pub fn reference(&self) -> &str {
        match self {
            Secret::Ref(r) => r,
            Secret::Prefixed(_, s) | Secret::Suffixed(s, _) | Secret::Base64(s) => s.reference(),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret({})", self.reference())
    }
}

/// A compiled regular expression, equal by its source.
#[derive(Clone)]
pub struct Pattern(Arc<regex::Regex>);

impl Pattern {
    /// The largest compiled program, in bytes.
    pub const MAX_PROGRAM: usize = 1 << 20;

    /// Compiles `source` within [`Pattern::MAX_PROGRAM`].
    ///
    /// # Errors
    /// When the source is no regular expression, or one that is too large.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        Self::within(source, Self::MAX_PROGRAM)
    }

    fn within(source: &str, bytes: usize) -> Result<Self, regex::Error> {
        regex::RegexBuilder::new(source).size_limit(bytes).build().map(|r| Self(Arc::new(r)))
    }

    /// The compiled expression.
    pub fn regex(&self) -> &regex::Regex {
        &self.0
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "re{:?}", self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let source = String::deserialize(d)?;
        Pattern::new(&source).map_err(serde::de::Error::custom)
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, h: &mut H) {
        std::mem::discriminant(self).hash(h);
        match self {
            Value::Bool(b) => b.hash(h),
            Value::Int(i) | Value::Duration(i) | Value::Size(i) | Value::Time(i) => i.hash(h),
            Value::Float(f) => (if *f == 0.0 { 0.0 } else { *f }).to_bits().hash(h),
            Value::Text(t) | Value::Url(t) | Value::Cron(t) => t.hash(h),
            Value::Ip(ip) => ip.hash(h),
            Value::Cidr(net) => net.hash(h),
            Value::Variant(v) => {
                v.index.hash(h);
                v.payload.hash(h);
            }
            Value::Record(r) => r.values.hash(h),
            Value::List(items) => items.hash(h),
            Value::Json(Json::Text(t)) => t.hash(h),
            Value::Json(Json::Int(i)) => i.hash(h),
            // Equal values of the other kinds share their kind's one bucket: they are legal keys, only slow ones.
            _ => {}
        }
    }
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<SmolStr>) -> Self {
        Value::Text(text.into())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Value::List(Arc::new(items.into_iter().collect()))
    }

    /// A record of these fields.
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let (names, values): (Vec<SmolStr>, Vec<Value>) = fields.into_iter().map(|(n, v)| (n.into(), v)).unzip();
        Value::Record(Arc::new(Record { names: names.into(), values }))
    }

    /// The text, when it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }

    /// A field of a record.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Record(r) => r.get(name),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_is_bounded_by_what_it_compiles_to() {
        let (mut over, mut fits) = (1, Pattern::MAX_PROGRAM);
        assert!(Pattern::within("[a-z]{100}", fits).is_ok());
        while fits - over > 1 {
            let half = over.midpoint(fits);
            if Pattern::within("[a-z]{100}", half).is_ok() { fits = half } else { over = half }
        }
        for (bytes, built) in [(fits - 1, false), (fits, true), (fits + 1, true)] {
            assert_eq!(Pattern::within("[a-z]{100}", bytes).is_ok(), built, "{bytes}");
        }
        let large = (1..=100).map(|n| n * 1_000).find(|n| Pattern::new(&format!("[a-z]{{{n}}}")).is_err());
        assert!(large.is_some_and(|n| n > 1_000), "{large:?}");
    }
}
