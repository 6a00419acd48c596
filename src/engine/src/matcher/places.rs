//! Places of `concurrency`: who runs and who waits in line, per runbook and key.

use std::collections::{HashMap, VecDeque};

use rrb_lang::hir::Concurrency;
use rrb_lang::syntax::ast::ConcurrencyMode;

/// How many may wait per key.
pub const QUEUE: usize = 100;

/// The places of all runbooks.
#[derive(Debug, Default)]
pub struct Places {
    by_key: HashMap<(String, String), Place>,
    of_run: HashMap<String, (String, String)>,
}

#[derive(Debug, Default)]
struct Place {
    /// How many may run; the clause's number when the last one came.
    count: usize,
    running: Vec<String>,
    /// Runs of `running` that were asked to make room.
    leaving: Vec<String>,
    queue: VecDeque<String>,
}

/// What becomes of a newcomer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Start,
    /// In line; first these running ones are cancelled, and these waiting ones ended.
    Queue {
        cancel: Vec<String>,
        drop: Vec<String>,
    },
    No(String),
}

impl Places {
    /// Decides without changing anything.
    pub fn decide(&self, clause: &Concurrency, runbook: &str, key: &str) -> Decision {
        let empty = Place::default();
        let place = self.by_key.get(&(runbook.to_owned(), key.to_owned())).unwrap_or(&empty);
        let count = clause.count.max(1) as usize;
        if place.running.len() < count && place.queue.is_empty() {
            return Decision::Start;
        }
        let of = if key.is_empty() { String::new() } else { format!(" for `{key}`") };
        match clause.mode {
            ConcurrencyMode::Queue if place.queue.len() < QUEUE => {
                Decision::Queue { cancel: Vec::new(), drop: Vec::new() }
            }
            ConcurrencyMode::Queue => Decision::No(format!("{QUEUE} runs wait in line{of}")),
            ConcurrencyMode::Skip => Decision::No(format!("{} of {count} run{of}", place.running.len())),
            ConcurrencyMode::Replace => {
                let stay: Vec<&String> = place.running.iter().filter(|r| !place.leaving.contains(r)).collect();
                let needed = (stay.len() + 1).saturating_sub(count);
                let cancel = stay.into_iter().take(needed).cloned().collect();
                Decision::Queue { cancel, drop: place.queue.iter().cloned().collect() }
            }
        }
    }

    /// A run has a place, or a place in line.
    pub fn enter(&mut self, clause: &Concurrency, runbook: &str, key: &str, run: &str, queued: bool) {
        let at = (runbook.to_owned(), key.to_owned());
        let place = self.by_key.entry(at.clone()).or_default();
        place.count = clause.count.max(1) as usize;
        if queued {
            place.queue.push_back(run.to_owned());
        } else {
            place.running.push(run.to_owned());
        }
        self.of_run.insert(run.to_owned(), at);
    }

    /// A running one was asked to make room.
    pub fn asked_to_leave(&mut self, run: &str) {
        if let Some(place) = self.of_run.get(run).and_then(|at| self.by_key.get_mut(at)) {
            place.leaving.push(run.to_owned());
        }
    }

    /// A run is over or gave up its place in line. Gives those whose turn it is now.
    pub fn leave(&mut self, run: &str) -> Vec<String> {
        let Some(at) = self.of_run.remove(run) else { return Vec::new() };
        let Some(place) = self.by_key.get_mut(&at) else { return Vec::new() };
        for list in [&mut place.running, &mut place.leaving] {
            list.retain(|r| r != run);
        }
        place.queue.retain(|r| r != run);
        let next = place.advance();
        if place.running.is_empty() && place.queue.is_empty() {
            self.by_key.remove(&at);
        }
        next
    }

    /// Those in line for whom there is room, e.g. after a start: they run from now on.
    pub fn advance(&mut self) -> Vec<String> {
        let mut next: Vec<String> = self.by_key.values_mut().flat_map(Place::advance).collect();
        next.sort();
        next
    }
}

impl Place {
    fn advance(&mut self) -> Vec<String> {
        let mut next = Vec::new();
        while self.running.len() < self.count {
            let Some(run) = self.queue.pop_front() else { break };
            self.running.push(run.clone());
            next.push(run);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(count: u32, mode: ConcurrencyMode) -> Concurrency {
        Concurrency { count, key: None, mode }
    }

    #[test]
    fn a_queue_is_first_in_first_out_and_bounded() {
        let one = clause(1, ConcurrencyMode::Queue);
        let mut places = Places::default();
        assert_eq!(places.decide(&one, "r", "k"), Decision::Start);
        places.enter(&one, "r", "k", "a", false);
        for n in 0..QUEUE {
            assert!(matches!(places.decide(&one, "r", "k"), Decision::Queue { .. }), "{n} wait");
            places.enter(&one, "r", "k", &format!("q{n}"), true);
        }
        assert_eq!(places.decide(&one, "r", "k"), Decision::No("100 runs wait in line for `k`".into()));
        assert_eq!(places.decide(&one, "r", "other"), Decision::Start);
        assert!(places.leave("q1").is_empty(), "leaving the line frees no place");
        assert!(matches!(places.decide(&one, "r", "k"), Decision::Queue { .. }));
        assert_eq!(places.leave("a"), ["q0"]);
        assert_eq!(places.leave("q0"), ["q2"]);
    }

    #[test]
    fn skip_says_no_when_all_places_are_taken() {
        let two = clause(2, ConcurrencyMode::Skip);
        let mut places = Places::default();
        for run in ["a", "b"] {
            assert_eq!(places.decide(&two, "r", ""), Decision::Start);
            places.enter(&two, "r", "", run, false);
        }
        assert_eq!(places.decide(&two, "r", ""), Decision::No("2 of 2 run".into()));
        assert!(places.leave("a").is_empty());
        assert_eq!(places.decide(&two, "r", ""), Decision::Start);
    }

    #[test]
    fn replace_cancels_the_oldest_once_and_drops_who_waits() {
        let one = clause(1, ConcurrencyMode::Replace);
        let mut places = Places::default();
        places.enter(&one, "r", "", "a", false);
        let first = Decision::Queue { cancel: vec!["a".into()], drop: vec![] };
        assert_eq!(places.decide(&one, "r", ""), first);
        places.asked_to_leave("a");
        places.enter(&one, "r", "", "b", true);
        let second = Decision::Queue { cancel: vec![], drop: vec!["b".into()] };
        assert_eq!(places.decide(&one, "r", ""), second, "`a` is on its way out already");
        assert!(places.leave("b").is_empty());
        places.enter(&one, "r", "", "c", true);
        assert_eq!(places.leave("a"), ["c"]);
        let third = Decision::Queue { cancel: vec!["c".into()], drop: vec![] };
        assert_eq!(places.decide(&one, "r", ""), third);
    }

    #[test]
    fn replace_with_several_places_makes_room_for_one() {
        let two = clause(2, ConcurrencyMode::Replace);
        let mut places = Places::default();
        places.enter(&two, "r", "", "a", false);
        assert_eq!(places.decide(&two, "r", ""), Decision::Start);
        places.enter(&two, "r", "", "b", false);
        let answer = Decision::Queue { cancel: vec!["a".into()], drop: vec![] };
        assert_eq!(places.decide(&two, "r", ""), answer);
    }
}
