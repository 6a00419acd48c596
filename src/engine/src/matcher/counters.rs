//! What `dedupe`, `limit` and `give up` count: marks with the time of the event that made them, so that a backlog that is matched late
//! is judged as if it had been matched at once.

use std::collections::{HashMap, VecDeque};

use rrb_lang::hir::{Dedupe, GiveUp, Limit};
use rrb_lang::vm::protocol::Millis;

use crate::store::MarkRow;

/// The kinds of marks.
pub const DEDUPE: &str = "dedupe";
pub const LIMIT: &str = "limit";
pub const INEFFECTIVE: &str = "ineffective";

/// Kept beside them and counted by nobody: a run is to be cancelled, and was perhaps not told yet.
pub const CANCEL: &str = "cancel";

/// Marks by kind, runbook and key, oldest first.
#[derive(Debug, Default)]
pub struct Counters {
    marks: HashMap<(String, String, String), VecDeque<Millis>>,
}

impl Counters {
    /// Takes a mark in.
    pub fn add(&mut self, mark: &MarkRow) {
        let key = (mark.kind.clone(), mark.runbook.clone(), mark.key.clone());
        let times = self.marks.entry(key).or_default();
        let place = times.partition_point(|at| *at <= mark.at);
        times.insert(place, mark.at);
    }

    /// Forgets what is older than `before`.
    pub fn forget(&mut self, before: Millis) {
        self.marks.retain(|_, times| {
            while times.front().is_some_and(|at| *at < before) {
                times.pop_front();
            }
            !times.is_empty()
        });
    }

    fn since(&self, kind: &str, runbook: &str, key: &str, after: Millis) -> u32 {
        let key = (kind.to_owned(), runbook.to_owned(), key.to_owned());
        let Some(times) = self.marks.get(&key) else { return 0 };
        let old = times.partition_point(|at| *at <= after);
        u32::try_from(times.len().saturating_sub(old)).unwrap_or(u32::MAX)
    }

    /// Why `dedupe` says no to an event received at `at`, if it does. The window begins with an accepted event and is open at its end.
    pub fn dedupe(&self, clause: &Dedupe, runbook: &str, key: &str, at: Millis) -> Option<String> {
        let seen = self.since(DEDUPE, runbook, key, at.saturating_sub(clause.within_ms));
        (seen > 0).then(|| format!("one was accepted for {} in the last {}", quoted(key), shown(clause.within_ms)))
    }

    /// Why `give up` says no.
    pub fn give_up(&self, clause: &GiveUp, runbook: &str, key: &str, at: Millis) -> Option<String> {
        let seen = self.since(INEFFECTIVE, runbook, key, at.saturating_sub(clause.within_ms));
        (seen >= clause.count).then(|| {
            format!("{seen} runs were ineffective for {} in the last {}", quoted(key), shown(clause.within_ms))
        })
    }

    /// Why `limit` says no.
    pub fn limit(&self, clause: &Limit, runbook: &str, key: &str, at: Millis) -> Option<String> {
        let seen = self.since(LIMIT, runbook, key, at.saturating_sub(clause.per_ms));
        (seen >= clause.count).then(|| {
            format!(
                "{seen} were started for {} in the last {}, the limit is {}",
                quoted(key),
                shown(clause.per_ms),
                clause.count
            )
        })
    }
}

fn quoted(key: &str) -> String {
    if key.is_empty() { "this runbook".to_owned() } else { format!("`{key}`") }
}

/// A duration as the language writes it: `1h30m`.
pub fn shown(ms: i64) -> String {
    let mut left = ms.max(0);
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if left >= size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if text.is_empty() { "0ms".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(kind: &str, at: Millis) -> MarkRow {
        MarkRow { kind: kind.into(), runbook: "r".into(), key: "k".into(), at, run: "run".into() }
    }

    #[test]
    fn windows_end_at_their_edge() {
        let mut counters = Counters::default();
        counters.add(&mark(DEDUPE, 100));
        let clause = Dedupe { key: None, within_ms: 50 };
        assert!(counters.dedupe(&clause, "r", "k", 100).is_some());
        assert!(counters.dedupe(&clause, "r", "k", 149).is_some());
        assert!(counters.dedupe(&clause, "r", "k", 150).is_none());
        assert!(counters.dedupe(&clause, "r", "other", 100).is_none());
        assert!(counters.dedupe(&clause, "other", "k", 100).is_none());
    }

    #[test]
    fn limits_at_one_below_at_and_above() {
        let clause = Limit { count: 3, per_ms: 100, key: None };
        let give_up = GiveUp { count: 3, within_ms: 100, key: None };
        let mut counters = Counters::default();
        for n in 0..4 {
            let full = n >= 3;
            assert_eq!(counters.limit(&clause, "r", "k", 50).is_some(), full, "{n} before");
            assert_eq!(counters.give_up(&give_up, "r", "k", 50).is_some(), full, "{n} before");
            counters.add(&mark(LIMIT, n));
            counters.add(&mark(INEFFECTIVE, n));
        }
        assert!(counters.limit(&clause, "r", "k", 100).is_some(), "1, 2 and 3 still count");
        assert!(counters.limit(&clause, "r", "k", 101).is_none(), "2 and 3 are left");
        let zero = Limit { count: 0, ..clause };
        assert!(Counters::default().limit(&zero, "r", "k", 0).is_some());
    }

    #[test]
    fn old_marks_are_forgotten_whatever_order_they_came_in() {
        let mut counters = Counters::default();
        for at in [30, 10, 20] {
            counters.add(&mark(LIMIT, at));
        }
        counters.forget(20);
        let clause = Limit { count: 2, per_ms: 1000, key: None };
        assert!(counters.limit(&clause, "r", "k", 40).is_some());
        counters.forget(21);
        assert!(counters.limit(&clause, "r", "k", 40).is_none());
    }

    #[test]
    fn durations_read_as_they_are_written() {
        for (ms, text) in [(0, "0ms"), (1, "1ms"), (90_000, "1m30s"), (1_800_000, "30m"), (90_061_001, "1d1h1m1s1ms")] {
            assert_eq!(shown(ms), text);
        }
    }
}
