//! Secret stores beyond the environment and files: what they have in common.

pub mod age;
pub mod vault;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::SecretString;

/// How many documents of a store are held.
const MAX_HELD: usize = 256;

/// The environment, as a function.
pub type Variable<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The variables of the process, empty ones left out.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// What a reference names in a store: a document, and a field of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// As written: `vault:secret/app#token`.
    pub reference: &'a str,
    pub document: &'a str,
    pub field: &'a str,
}

impl<'a> Place<'a> {
    /// Splits what stands behind `vault:` or `age:`.
    pub fn of(reference: &'a str, rest: &'a str) -> Result<Self, Failure> {
        match rest.rsplit_once('#') {
            Some((document, field)) if !document.is_empty() && !field.is_empty() => {
                Ok(Self { reference, document, field })
            }
            _ => Err(refuse(reference, "names no field: write it after `#`, as in `vault:secret/app#token`")),
        }
    }

    /// The field of the document.
    pub fn pick(&self, document: &Json) -> Result<SecretString, Failure> {
        match document.member(self.field) {
            Some(Json::Text(text)) => Ok(SecretString::from(text.as_str())),
            // A number or an object is a secret in its JSON.
            Some(Json::Null) | None => Err(refuse(self.reference, "is not there: the document has no such field")),
            Some(other) => Ok(SecretString::from(serde_json::Value::from(other).to_string())),
        }
    }
}

/// A reference that cannot be followed as it is.
pub fn refuse(reference: &str, what: &str) -> Failure {
    failure(FailureKind::Invalid, reference, what)
}

/// A failure of a store; nothing has happened yet.
pub fn failure(kind: FailureKind, reference: &str, what: &str) -> Failure {
    Failure::new(kind, format!("the secret `{reference}` {what}")).happened(Happened::No)
}

/// Documents that were read, for as long as each is good. Only in memory.
pub struct Held<T> {
    held: Mutex<HashMap<String, (T, Instant)>>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { held: Mutex::default() }
    }
}

impl<T: Clone> Held<T> {
    /// The document, when it is still good.
    pub fn get(&self, key: &str) -> Option<T> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(key).filter(|(_, until)| Instant::now() < *until).map(|(document, _)| document.clone())
    }

    /// Keeps a document for `time`.
    pub fn put(&self, key: &str, document: T, time: Duration) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MAX_HELD {
            let now = Instant::now();
            held.retain(|_, (_, until)| now < *until);
        }
        if held.len() >= MAX_HELD {
            held.clear();
        }
        if let Some(until) = Instant::now().checked_add(time) {
            held.insert(key.to_owned(), (document, until));
        }
    }

    /// Forgets a document.
    pub fn forget(&self, key: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_reference_names_a_document_and_a_field() {
        let place = Place::of("vault:a/b#c#d", "a/b#c#d").unwrap();
        assert_eq!((place.document, place.field), ("a/b#c", "d"));
        for odd in ["", "#", "a", "a#", "#b"] {
            assert!(Place::of("r", odd).unwrap_err().message.contains("names no field"), "{odd}");
        }
        let document = Json::object([("d", Json::from("canary")), ("n", Json::Int(7)), ("z", Json::Null)]);
        assert_eq!(place.pick(&document).unwrap().expose_secret(), "canary");
        let of = |field| Place { field, ..place }.pick(&document);
        assert_eq!(of("n").unwrap().expose_secret(), "7");
        for field in ["z", "none"] {
            let failure = of(field).unwrap_err();
            assert!(failure.message.contains("no such field") && !failure.message.contains("canary"));
        }
    }

    #[test]
    fn documents_are_held_for_a_while_and_bounded() {
        let held = Held::default();
        held.put("a", 1, Duration::from_secs(60));
        held.put("b", 2, Duration::ZERO);
        assert_eq!((held.get("a"), held.get("b")), (Some(1), None));
        held.forget("a");
        assert_eq!(held.get("a"), None);
        for i in 0..=MAX_HELD {
            held.put(&i.to_string(), 0, Duration::from_secs(60));
        }
        assert!(held.held.lock().unwrap().len() <= MAX_HELD);
    }
}
