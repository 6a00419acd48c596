//! What was taken and may be given once more, for brokers whose messages have no names.
//!
//! Between the commit of a message and the acknowledgement of it anything can break; the broker then gives it again and marks it so. What
//! was taken last stands in the store, in the commit of the messages themselves, so that a marked message that stands there is known.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The messages that were taken last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Doubt(VecDeque<String>);

impl Doubt {
    /// Notes that a message is being taken; at most `most` stay, the oldest go.
    pub fn note(&mut self, name: String, most: usize) {
        self.0.push_back(name);
        while self.0.len() > most {
            self.0.pop_front();
        }
    }

    /// Whether a message that is marked as given once more was taken before. It is then known no longer: it may come a third time only
    /// when this answer too is lost, and so it is noted again by [`Doubt::note`].
    pub fn knows(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|n| n == name);
        found.and_then(|at| self.0.remove(at)).is_some()
    }
}

/// A short name of a message: what it holds and where it belongs.
pub(super) fn name(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(10).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_known_once_for_each_time() {
        let mut doubt = Doubt::default();
        for n in ["a", "b", "a"] {
            doubt.note(n.to_owned(), 10);
        }
        assert!(doubt.knows("a") && doubt.knows("a") && !doubt.knows("a"));
        assert!(doubt.knows("b") && !doubt.knows("c"));
    }

    #[test]
    fn the_oldest_go_first() {
        let mut doubt = Doubt::default();
        for n in 0..5 {
            doubt.note(n.to_string(), 3);
        }
        assert!(!doubt.knows("1") && doubt.knows("2") && doubt.knows("4"));
    }

    #[test]
    fn a_name_depends_on_every_part_and_where_it_ends() {
        assert_eq!(name(&[b"a", b"b"]), name(&[b"a", b"b"]));
        assert_ne!(name(&[b"a", b"b"]), name(&[b"ab", b""]));
        assert_eq!(name(&[]).len(), 20);
    }
}
