//! What a check needs from elsewhere: certificates and keys that the sender publishes. The check itself fetches nothing; it says what it
//! lacks, and whoever asked fetches it through the world.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rrb_lang::vm::protocol::Millis;

use super::Reject;

/// The longest document, in bytes.
pub const MAX_BYTES: usize = 256 << 10;

/// How many are held.
const MAX_HELD: usize = 64;

/// How long a document is good.
const GOOD_MS: i64 = 60 * 60 * 1000;

/// How long is waited before a document is fetched again, because it is not there or lacks a key. Who sends rubbish makes rrb fetch
/// no more than this.
const PAUSE_MS: i64 = 60 * 1000;

/// How many documents are fetched in such a time, all together.
const MAX_FETCHES: usize = 16;

/// Documents by their address.
#[derive(Debug, Default)]
pub struct Documents {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<String, Held>,
    /// When documents were asked for, within the last pause.
    asked: Vec<Millis>,
}

#[derive(Debug)]
struct Held {
    /// None when it could not be had.
    text: Option<Arc<str>>,
    at: Millis,
}

/// A document at hand.
#[derive(Debug, Clone)]
pub struct Document {
    pub text: Arc<str>,
    /// Whether it was fetched so lately that fetching it again is no use.
    pub fresh: bool,
}

impl Documents {
    /// The document at `url`; else that it has to be fetched.
    ///
    /// # Errors
    /// [`Reject::Needs`] when it is worth fetching, [`Reject::Misconfigured`] when it could not be had a moment ago.
    pub fn get(&self, url: &str, now: Millis) -> Result<Document, Reject> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.held.get(url) {
            Some(Held { text: Some(text), at }) if now.abs_diff(*at) < GOOD_MS.unsigned_abs() => {
                let fresh = now.abs_diff(*at) < PAUSE_MS.unsigned_abs();
                Ok(Document { text: Arc::clone(text), fresh })
            }
            Some(Held { text: None, at }) if now.abs_diff(*at) < PAUSE_MS.unsigned_abs() => {
                Err(Reject::Misconfigured(format!("`{url}` could not be fetched a moment ago")))
            }
            _ => state.ask(url, now),
        }
    }

    /// That the document at `url` has to be fetched anew, because it lacks something.
    pub fn renew(&self, url: &str, now: Millis) -> Reject {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ask(url, now).err().unwrap_or(Reject::Unverified("its key is not known"))
    }

    /// Keeps what was fetched; `none` when it could not be had.
    pub fn put(&self, url: &str, text: Option<&str>, now: Millis) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held.len() >= MAX_HELD && !state.held.contains_key(url) {
            let oldest = state.held.iter().min_by_key(|(_, held)| held.at).map(|(url, _)| url.clone());
            oldest.and_then(|url| state.held.remove(&url));
        }
        let text = text.filter(|t| t.len() <= MAX_BYTES).map(Arc::from);
        state.held.insert(url.to_owned(), Held { text, at: now });
    }
}

impl State {
    fn ask(&mut self, url: &str, now: Millis) -> Result<Document, Reject> {
        self.asked.retain(|at| now.abs_diff(*at) < PAUSE_MS.unsigned_abs());
        if self.asked.len() >= MAX_FETCHES {
            return Err(Reject::Misconfigured("too many keys were fetched in the last minute".to_owned()));
        }
        self.asked.push(now);
        Err(Reject::Needs(url.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_fetched_once_and_again_when_it_is_old() {
        let documents = Documents::default();
        assert_eq!(documents.get("u", 0).unwrap_err(), Reject::Needs("u".into()));
        documents.put("u", Some("text"), 0);
        assert!(documents.get("u", PAUSE_MS - 1).unwrap().fresh);
        assert!(!documents.get("u", PAUSE_MS).unwrap().fresh);
        assert_eq!(&*documents.get("u", GOOD_MS - 1).unwrap().text, "text");
        assert_eq!(documents.get("u", GOOD_MS).unwrap_err(), Reject::Needs("u".into()));
    }

    #[test]
    fn what_could_not_be_had_is_left_alone_for_a_while() {
        let documents = Documents::default();
        for odd in [None, Some("x".repeat(MAX_BYTES + 1))] {
            documents.put("u", odd.as_deref(), 0);
            assert!(matches!(documents.get("u", PAUSE_MS - 1), Err(Reject::Misconfigured(_))));
            assert_eq!(documents.get("u", PAUSE_MS).unwrap_err(), Reject::Needs("u".into()));
        }
        documents.put("u", Some(&"x".repeat(MAX_BYTES)), 0);
        assert!(documents.get("u", 0).is_ok());
    }

    #[test]
    fn nobody_makes_rrb_fetch_without_end() {
        let documents = Documents::default();
        for i in 0..MAX_FETCHES {
            assert_eq!(documents.get(&format!("u{i}"), 0).unwrap_err(), Reject::Needs(format!("u{i}")));
        }
        assert!(matches!(documents.get("more", PAUSE_MS - 1), Err(Reject::Misconfigured(_))));
        assert_eq!(documents.get("more", PAUSE_MS).unwrap_err(), Reject::Needs("more".into()));
        for i in 0..=MAX_HELD {
            documents.put(&format!("d{i}"), Some("x"), i64::try_from(i).unwrap());
        }
        assert_eq!(documents.state.lock().unwrap().held.len(), MAX_HELD);
        assert!(matches!(documents.get("d0", 2 * PAUSE_MS), Err(Reject::Needs(_))));
    }
}
