//! The arguments of a call by name and kind. The checker has seen to their types; what does not fit here is a failure all the same.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use rrb_lang::json::Json;
use rrb_lang::value::{Record, Secret, Value};
use rrb_lang::vm::protocol::{Failure, NativeCall};

use super::fail::invalid;

/// The arguments of a call, or the fields of a record among them.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    call: &'a NativeCall,
    /// Where the record stands (`oauth2`), and the record.
    inside: Option<(&'static str, &'a Record)>,
}

impl<'a> Args<'a> {
    /// Those of `call`.
    pub fn new(call: &'a NativeCall) -> Self {
        Self { call, inside: None }
    }

    /// The argument; none when it is absent or `none`.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        let value = match self.inside {
            Some((_, record)) => record.get(name)?,
            None => self.call.args.iter().find(|(n, _)| n == name).map(|(_, v)| v)?,
        };
        (*value != Value::None).then_some(value)
    }

    /// The fields of a record that is the argument at the end of `path` (`assertion` of `oauth2.assertion`); none when it is absent.
    pub fn record(self, path: &'static str) -> Result<Option<Args<'a>>, Failure> {
        let name = path.rsplit('.').next().unwrap_or(path);
        let record = self.optional(name, "a record", |v| if let Value::Record(r) = v { Some(r) } else { None })?;
        Ok(record.map(|record| Self { call: self.call, inside: Some((path, record)) }))
    }

    /// How messages call the argument: `url`, `oauth2.token_url`.
    pub fn path(self, name: &str) -> String {
        self.inside.map(|(path, _)| format!("{path}.")).unwrap_or_default() + name
    }

    /// The record as bytes that are equal only for equal records. Secrets in it stand as their references.
    pub fn digestible(self) -> Vec<u8> {
        self.inside.map(|(_, record)| format!("{record:?}").into_bytes()).unwrap_or_default()
    }

    fn wrong(self, name: &str, wanted: &str) -> Failure {
        invalid(format!("`{}` needs {wanted} as `{}`", self.call.native, self.path(name)))
    }

    /// One of a few words.
    pub fn word(self, name: &str, default: &'static str, words: &[&'static str]) -> Result<&'static str, Failure> {
        let given = self.text_or_none(name)?.unwrap_or(default);
        let known = words.iter().find(|w| **w == given).copied();
        known.ok_or_else(|| {
            let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
            invalid(format!("`{}` is one of {}, not `{given}`", self.path(name), words.join(", ")))
        })
    }

    fn optional<T>(self, name: &str, wanted: &str, f: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Failure> {
        self.get(name).map(|v| f(v).ok_or_else(|| self.wrong(name, wanted))).transpose()
    }

    fn needed<T>(self, name: &str, wanted: &str, value: Option<T>) -> Result<T, Failure> {
        value.ok_or_else(|| self.wrong(name, wanted))
    }

    /// A Text that must be there.
    pub fn text(self, name: &str) -> Result<&'a str, Failure> {
        self.needed(name, "a Text", self.text_or_none(name)?)
    }

    /// A `Url?`.
    pub fn url_or_none(self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.optional(name, "a Url", |v| match v {
            Value::Url(u) | Value::Text(u) => Some(u.as_str()),
            _ => None,
        })
    }

    /// A `Text?`.
    pub fn text_or_none(self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.optional(name, "a Text", Value::as_text)
    }

    /// A Url that must be there.
    pub fn url(self, name: &str) -> Result<&'a str, Failure> {
        self.needed(name, "a Url", self.url_or_none(name)?)
    }

    /// A Bool.
    pub fn bool(self, name: &str) -> Result<bool, Failure> {
        let value = self.optional(name, "a Bool", |v| if let Value::Bool(b) = v { Some(*b) } else { None })?;
        Ok(value.unwrap_or(false))
    }

    /// An Int between two bounds.
    pub fn int(self, name: &str, default: i64, bounds: std::ops::RangeInclusive<i64>) -> Result<i64, Failure> {
        let value =
            self.optional(name, "an Int", |v| if let Value::Int(i) = v { Some(*i) } else { None })?.unwrap_or(default);
        if bounds.contains(&value) {
            return Ok(value);
        }
        Err(self.wrong(name, &format!("a number from {} to {}", bounds.start(), bounds.end())))
    }

    /// A Size from 0 to `most` bytes.
    pub fn size(self, name: &str, default: u64, most: u64) -> Result<u64, Failure> {
        let value = self.size_or_none(name)?.unwrap_or(default);
        if value <= most {
            return Ok(value);
        }
        Err(self.wrong(name, &format!("at most {} MiB", most >> 20)))
    }

    /// A `Size?` that is not negative.
    pub fn size_or_none(self, name: &str) -> Result<Option<u64>, Failure> {
        self.optional(name, "a Size that is not negative", |v| match v {
            Value::Size(s) => u64::try_from(*s).ok(),
            _ => None,
        })
    }

    /// A Duration above zero.
    pub fn duration(self, name: &str, default: Duration) -> Result<Duration, Failure> {
        let given = self.optional(name, "a Duration above zero", |v| match v {
            Value::Duration(d) if *d > 0 => u64::try_from(*d).ok().map(Duration::from_millis),
            _ => None,
        })?;
        Ok(given.unwrap_or(default))
    }

    /// A `Duration?` that is not negative.
    pub fn age_or_none(self, name: &str) -> Result<Option<Duration>, Failure> {
        self.optional(name, "a Duration that is not negative", |v| match v {
            Value::Duration(d) => u64::try_from(*d).ok().map(Duration::from_millis),
            _ => None,
        })
    }

    /// A `Secret?`.
    pub fn secret(self, name: &str) -> Result<Option<&'a Arc<Secret>>, Failure> {
        self.optional(name, "a Secret", |v| if let Value::Secret(s) = v { Some(s) } else { None })
    }

    /// A Secret that must be there.
    pub fn needed_secret(self, name: &str) -> Result<&'a Arc<Secret>, Failure> {
        self.needed(name, "a Secret", self.secret(name)?)
    }

    /// A `Json?`.
    pub fn json(self, name: &str) -> Result<Option<&'a Json>, Failure> {
        let json = self.optional(name, "a Json", |v| if let Value::Json(j) = v { Some(j) } else { None })?;
        Ok(json.filter(|j| **j != Json::Null))
    }

    /// A `List<Int>`.
    pub fn ints(self, name: &str) -> Result<Option<Vec<i64>>, Failure> {
        let int = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
        self.optional(name, "a List<Int>", |v| match v {
            Value::List(items) => items.iter().map(int).collect(),
            _ => None,
        })
    }

    /// A `List<Text>` that must be there.
    pub fn texts(self, name: &str) -> Result<Vec<&'a str>, Failure> {
        self.needed(name, "a List<Text>", self.texts_or_none(name)?)
    }

    /// A `List<Text>`; none when it is absent.
    pub fn texts_or_none(self, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
        self.optional(name, "a List<Text>", |v| match v {
            Value::List(items) => items.iter().map(Value::as_text).collect(),
            _ => None,
        })
    }

    /// A `List<Json>`; empty when it is absent.
    pub fn jsons(self, name: &str) -> Result<Vec<&'a Json>, Failure> {
        let json = |v: &'a Value| if let Value::Json(j) = v { Some(j) } else { None };
        let given = self.optional(name, "a List<Json>", |v| match v {
            Value::List(items) => items.iter().map(json).collect(),
            _ => None,
        })?;
        Ok(given.unwrap_or_default())
    }

    /// The fields of each record in the list `name`; empty when it is absent.
    pub fn records(self, name: &'static str) -> Result<Vec<Args<'a>>, Failure> {
        let inside = |v: &'a Value| match v {
            Value::Record(record) => Some(Self { call: self.call, inside: Some((name, &**record)) }),
            _ => None,
        };
        let given = self.optional(name, "a list of records", |v| match v {
            Value::List(items) => items.iter().map(inside).collect(),
            _ => None,
        })?;
        Ok(given.unwrap_or_default())
    }

    /// An `Int?` between two bounds.
    pub fn int_or_none(self, name: &str, bounds: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        self.get(name).map(|_| self.int(name, 0, bounds.clone())).transpose()
    }

    /// A `Map<Text, Text>`; none when it is absent.
    pub fn text_map(self, name: &str) -> Result<Option<Vec<(&'a str, &'a str)>>, Failure> {
        self.map(name, "a Map<Text, Text>", Value::as_text)
    }

    /// A `Map<Text, Secret>`; empty when it is absent.
    pub fn secret_map(self, name: &str) -> Result<Vec<(&'a str, &'a Arc<Secret>)>, Failure> {
        let entries =
            self.map(name, "a Map<Text, Secret>", |v| if let Value::Secret(s) = v { Some(s) } else { None })?;
        Ok(entries.unwrap_or_default())
    }

    fn map<T>(
        self,
        name: &str,
        wanted: &str,
        f: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<Vec<(&'a str, T)>>, Failure> {
        let entries = |m: &'a IndexMap<Value, Value>| m.iter().map(|(k, v)| Some((k.as_text()?, f(v)?))).collect();
        self.optional(name, wanted, |v| if let Value::Map(m) = v { entries(m) } else { None })
    }
}
