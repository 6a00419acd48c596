//! What `limit` rules have counted: calls that were let through, by rule and key, kept as marks in the store.

use std::collections::{HashMap, VecDeque};

use rrb_lang::vm::protocol::Millis;

use crate::store::MarkRow;

/// The kind of the marks.
pub const MARK: &str = "policy";

/// One count to take when a call is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Names the rule.
    pub counter: String,
    pub key: String,
    pub count: u32,
    pub per_ms: i64,
}

/// The counts of the last windows.
#[derive(Debug, Default)]
pub struct Counts {
    times: HashMap<(String, String), VecDeque<Millis>>,
}

impl Counts {
    /// Takes a mark in that the store remembers.
    pub fn add(&mut self, mark: &MarkRow) {
        self.insert(&mark.runbook, &mark.key, mark.at);
    }

    fn insert(&mut self, counter: &str, key: &str, at: Millis) {
        let times = self.times.entry((counter.to_owned(), key.to_owned())).or_default();
        let place = times.partition_point(|t| *t <= at);
        times.insert(place, at);
    }

    /// How many calls were let through in the window that ends at `at`.
    pub fn seen(&self, what: &Counted, at: Millis) -> u32 {
        let Some(times) = self.times.get(&(what.counter.clone(), what.key.clone())) else { return 0 };
        let old = times.partition_point(|t| *t <= at.saturating_sub(what.per_ms));
        u32::try_from(times.len().saturating_sub(old)).unwrap_or(u32::MAX)
    }

    /// Counts a call under all of its rules, or under none when one of them is full: that one.
    ///
    /// # Errors
    /// The rule that is full.
    pub fn take<'a>(&mut self, all: &'a [Counted], at: Millis) -> Result<(), &'a Counted> {
        match all.iter().find(|c| self.seen(c, at) >= c.count) {
            Some(full) => Err(full),
            None => {
                for c in all {
                    self.insert(&c.counter, &c.key, at);
                }
                Ok(())
            }
        }
    }

    /// Forgets what is older than `before`.
    pub fn forget(&mut self, before: Millis) {
        self.times.retain(|_, times| {
            while times.front().is_some_and(|at| *at < before) {
                times.pop_front();
            }
            !times.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(key: &str, count: u32) -> Counted {
        Counted { counter: "p changes".into(), key: key.into(), count, per_ms: 100 }
    }

    #[test]
    fn a_window_slides_and_keys_are_apart() {
        let mut counts = Counts::default();
        let a = [limit("a", 2)];
        assert!(counts.take(&a, 0).is_ok());
        assert!(counts.take(&a, 50).is_ok());
        assert_eq!(counts.take(&a, 99), Err(&a[0]));
        assert!(counts.take(&a, 100).is_ok(), "the first is out of the window");
        assert!(counts.take(&[limit("b", 2)], 99).is_ok());
        assert_eq!(counts.take(&[limit("b", 5), limit("a", 2)], 100).map_err(|c| c.key.as_str()), Err("a"));
        assert_eq!(counts.seen(&limit("b", 5), 100), 1, "refused is not counted");
        counts.forget(100);
        assert_eq!(counts.seen(&limit("a", 2), 100), 1);
    }
}
