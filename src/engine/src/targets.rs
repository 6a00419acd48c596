//! Who holds a target, who waits for it, and who gives way when runs wait for each other.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use rrb_lang::vm::protocol::Millis;

/// A run as it competes: the one created later is the younger; of two created at once the one with the greater id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Party {
    pub created: Millis,
    pub run: String,
}

/// What came of asking for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquire {
    /// It is the run's now, or was before.
    Held,
    /// Somebody else has it.
    Busy { holder: String },
    /// In the queue; the run is woken when it is its turn.
    Waits { holder: String },
    /// In the queue, and another one of the circle must give way: wake its runs.
    WaitsFor { holder: String, victims: Vec<String> },
    /// The circle is broken by failing this run.
    Deadlock { holder: String },
}

/// The holds of all runs. The durable ones are in the store; queues are made again when waiting runs ask again.
#[derive(Debug, Default)]
pub struct Targets {
    held: HashMap<String, Party>,
    queues: HashMap<String, VecDeque<Party>>,
    /// What a run waits for: a run waits for one target at a time per gate, and has one gate open at a time per branch.
    waiting: HashMap<Party, HashSet<String>>,
    doomed: HashSet<Party>,
    /// The runs of a party that wait: a run and the children that it waits for are one party.
    askers: HashMap<Party, BTreeSet<String>>,
}

impl Targets {
    /// A hold the store remembers.
    pub fn restore(&mut self, target: &str, party: Party) {
        self.held.insert(target.to_owned(), party);
    }

    /// Asks for `target` in the name of one of the party's runs; `fail_if_busy` does not wait.
    pub fn acquire(&mut self, party: &Party, run: &str, target: &str, fail_if_busy: bool) -> Acquire {
        let holder = match self.held.get(target) {
            None => {
                self.stop_waiting(party, target);
                self.held.insert(target.to_owned(), party.clone());
                return Acquire::Held;
            }
            Some(holder) if holder == party => {
                self.stop_waiting(party, target);
                return Acquire::Held;
            }
            Some(holder) => holder.clone(),
        };
        let shown = holder.run.clone();
        if fail_if_busy {
            return Acquire::Busy { holder: shown };
        }
        if self.doomed.remove(party) {
            self.stop_waiting(party, target);
            return Acquire::Deadlock { holder: shown };
        }
        self.wait(party, target);
        self.askers.entry(party.clone()).or_default().insert(run.to_owned());
        match self.circle(party, target).into_iter().max().cloned() {
            None => Acquire::Waits { holder: shown },
            Some(youngest) if youngest == *party => {
                self.stop_waiting(party, target);
                Acquire::Deadlock { holder: shown }
            }
            Some(victim) => {
                self.doomed.insert(victim.clone());
                Acquire::WaitsFor { holder: shown, victims: self.runs_of(&victim) }
            }
        }
    }

    /// The run no longer waits for `target`. Gives the run to wake when the target had been set aside for it.
    pub fn give_up(&mut self, party: &Party, target: &str) {
        self.stop_waiting(party, target);
        self.doomed.remove(party);
    }

    /// The run is over: frees what it held and leaves every queue. Gives the runs to wake.
    pub fn release(&mut self, party: &Party) -> Vec<String> {
        for target in self.waiting.get(party).cloned().unwrap_or_default() {
            self.stop_waiting(party, &target);
        }
        self.doomed.remove(party);
        self.askers.remove(party);
        let mine: Vec<String> = self.held.iter().filter(|(_, p)| *p == party).map(|(t, _)| t.clone()).collect();
        let mut woken = Vec::new();
        for target in mine {
            self.held.remove(&target);
            let waiting: Vec<Party> = self.queues.get(&target).into_iter().flatten().cloned().collect();
            woken.extend(waiting.iter().flat_map(|p| self.runs_of(p)));
        }
        woken.sort();
        woken.dedup();
        woken
    }

    /// The runs to wake when it is a party's turn.
    fn runs_of(&self, party: &Party) -> Vec<String> {
        match self.askers.get(party) {
            Some(runs) => runs.iter().cloned().collect(),
            None => vec![party.run.clone()],
        }
    }

    fn wait(&mut self, party: &Party, target: &str) {
        let queue = self.queues.entry(target.to_owned()).or_default();
        if !queue.contains(party) {
            queue.push_back(party.clone());
        }
        self.waiting.entry(party.clone()).or_default().insert(target.to_owned());
    }

    fn stop_waiting(&mut self, party: &Party, target: &str) {
        if let Some(queue) = self.queues.get_mut(target) {
            queue.retain(|p| p != party);
            if queue.is_empty() {
                self.queues.remove(target);
            }
        }
        if let Some(targets) = self.waiting.get_mut(party) {
            targets.remove(target);
            if targets.is_empty() {
                self.waiting.remove(party);
            }
        }
    }

    /// The runs that wait for each other in a circle through `party` and `target`, when there is one.
    fn circle(&self, party: &Party, target: &str) -> Vec<&Party> {
        let Some(holder) = self.held.get(target) else { return Vec::new() };
        let mut came_from: HashMap<&Party, Option<&Party>> = HashMap::from([(holder, None)]);
        let mut stack = vec![holder];
        while let Some(run) = stack.pop() {
            if run == party {
                return std::iter::successors(Some(run), |r| came_from.get(r).copied().flatten()).collect();
            }
            if self.doomed.contains(run) {
                continue;
            }
            for target in self.waiting.get(run).into_iter().flatten() {
                if let Some(next) = self.held.get(target)
                    && !came_from.contains_key(next)
                {
                    came_from.insert(next, Some(run));
                    stack.push(next);
                }
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(created: Millis, run: &str) -> Party {
        Party { created, run: run.to_owned() }
    }

    #[test]
    fn held_until_released_then_the_first_in_line_may_have_it() {
        let (a, b, c) = (party(1, "a"), party(2, "b"), party(3, "c"));
        let mut targets = Targets::default();
        assert_eq!(targets.acquire(&a, &a.run, "x", false), Acquire::Held);
        assert_eq!(targets.acquire(&a, &a.run, "x", true), Acquire::Held);
        assert_eq!(targets.acquire(&b, &b.run, "x", true), Acquire::Busy { holder: "a".into() });
        assert_eq!(targets.acquire(&b, &b.run, "x", false), Acquire::Waits { holder: "a".into() });
        assert_eq!(targets.acquire(&b, &b.run, "x", false), Acquire::Waits { holder: "a".into() });
        assert_eq!(targets.acquire(&c, &c.run, "x", false), Acquire::Waits { holder: "a".into() });
        assert_eq!(targets.release(&a), ["b", "c"]);
        assert_eq!(targets.acquire(&b, &b.run, "x", false), Acquire::Held);
        assert_eq!(targets.acquire(&c, &c.run, "x", false), Acquire::Waits { holder: "b".into() });
        targets.give_up(&c, "x");
        assert!(targets.release(&b).is_empty(), "who gave up is not woken");
    }

    #[test]
    fn the_younger_of_a_circle_gives_way() {
        let (old, young) = (party(1, "old"), party(2, "young"));
        let mut targets = Targets::default();
        targets.acquire(&old, &old.run, "x", false);
        targets.acquire(&young, &young.run, "y", false);
        assert_eq!(targets.acquire(&old, &old.run, "y", false), Acquire::Waits { holder: "young".into() });
        assert_eq!(targets.acquire(&young, &young.run, "x", false), Acquire::Deadlock { holder: "old".into() });

        let mut targets = Targets::default();
        targets.acquire(&old, &old.run, "x", false);
        targets.acquire(&young, &young.run, "y", false);
        assert_eq!(targets.acquire(&young, &young.run, "x", false), Acquire::Waits { holder: "old".into() });
        let waits = Acquire::WaitsFor { holder: "young".into(), victims: vec!["young".into()] };
        assert_eq!(targets.acquire(&old, &old.run, "y", false), waits);
        assert_eq!(targets.acquire(&young, &young.run, "x", false), Acquire::Deadlock { holder: "old".into() });
        assert_eq!(targets.release(&young), ["old"]);
        assert_eq!(targets.acquire(&old, &old.run, "y", false), Acquire::Held);
    }

    #[test]
    fn circles_of_three_and_of_equal_age() {
        let parties = [party(1, "a"), party(1, "b"), party(1, "c")];
        let mut targets = Targets::default();
        for (p, t) in parties.iter().zip(["x", "y", "z"]) {
            targets.acquire(p, &p.run, t, false);
        }
        targets.acquire(&parties[1], &parties[1].run, "z", false);
        targets.acquire(&parties[2], &parties[2].run, "x", false);
        let answer = targets.acquire(&parties[0], &parties[0].run, "y", false);
        assert_eq!(answer, Acquire::WaitsFor { holder: "b".into(), victims: vec!["c".into()] });
    }

    #[test]
    fn a_long_chain_without_a_circle_only_waits() {
        let mut targets = Targets::default();
        for n in 0..1000 {
            targets.acquire(&party(n, &format!("r{n}")), &format!("r{n}"), &format!("t{n}"), false);
        }
        for n in 1..1000 {
            let answer = targets.acquire(&party(n, &format!("r{n}")), &format!("r{n}"), &format!("t{}", n - 1), false);
            assert_eq!(answer, Acquire::Waits { holder: format!("r{}", n - 1) });
        }
    }
}
