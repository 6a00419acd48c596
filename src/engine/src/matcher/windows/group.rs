//! Some events of several kinds that belong together, in any order or one kind after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rrb_lang::vm::protocol::Millis;

use super::Waiting;

/// Comparisons that are made for one event at most.
pub const MOST_STEPS: u32 = 20_000;

type Place = (Millis, u64);

/// What is found: the events of each term, oldest first.
pub type Chosen = Vec<Vec<Arc<Waiting>>>;

/// Whether an event of a term belongs to those that are chosen so far.
pub type Belongs<'a> = dyn FnMut(usize, &Waiting, &Chosen) -> bool + Send + 'a;

/// What became of an event.
#[derive(Debug)]
pub enum Grouped {
    /// These belong together, by their terms.
    Complete(Chosen),
    /// It waits.
    Waits,
    /// No term has room for it.
    Full,
}

/// What a window needs to know of a trigger.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether each term's events come after all of the term before.
    pub ordered: bool,
    /// How many of each term.
    pub counts: Vec<usize>,
    /// Terms whose events are found by a common value, by the number of the link.
    pub links: Vec<[usize; 2]>,
}

/// The events of one term.
#[derive(Debug, Default)]
struct Shelf {
    /// By their time, each with its key for every link of the term.
    events: BTreeMap<Place, (Arc<Waiting>, Keys)>,
    by_link: HashMap<usize, HashMap<String, BTreeSet<Place>>>,
    arrivals: BTreeMap<(Millis, u64), Place>,
}

/// The key of an event for each link that its term has.
pub type Keys = Vec<(usize, String)>;

impl Shelf {
    fn put(&mut self, event: Arc<Waiting>, keys: Keys) {
        let place = event.place();
        for (link, key) in &keys {
            self.by_link.entry(*link).or_default().entry(key.clone()).or_default().insert(place);
        }
        self.arrivals.insert((event.row.received, event.seq), place);
        self.events.insert(place, (event, keys));
    }

    fn take_out(&mut self, event: &Waiting) -> bool {
        let Some(place) = self.arrivals.remove(&(event.row.received, event.seq)) else { return false };
        let Some((_, keys)) = self.events.remove(&place) else { return false };
        for (link, key) in keys {
            let Some(by_key) = self.by_link.get_mut(&link) else { continue };
            if let Some(places) = by_key.get_mut(&key) {
                places.remove(&place);
                if places.is_empty() {
                    by_key.remove(&key);
                }
            }
        }
        true
    }

    fn keys_of(&self, place: Place) -> &[(usize, String)] {
        self.events.get(&place).map_or(&[], |(_, keys)| keys.as_slice())
    }

    /// Those between two places, oldest first; only those with the key of a link, where one is given.
    fn between(&self, from: Place, to: Place, by: Option<(usize, &str)>) -> Vec<Arc<Waiting>> {
        if from > to {
            return Vec::new();
        }
        match by {
            None => self.events.range(from..=to).map(|(_, (event, _))| event.clone()).collect(),
            Some((link, key)) => {
                let places = self.by_link.get(&link).and_then(|by_key| by_key.get(key));
                let found = places.into_iter().flat_map(|places| places.range(from..=to));
                found.filter_map(|place| self.events.get(place)).map(|(event, _)| event.clone()).collect()
            }
        }
    }
}

/// What may still be compared with one event.
struct Steps {
    left: u32,
    /// Whether that was too little.
    short: bool,
}

impl Steps {
    fn one_more(&mut self) -> bool {
        self.short |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        !self.short
    }
}

/// `on 5 of A as a and B as b …`, `on A as a then B as b then C as c …`
#[derive(Debug)]
pub struct GroupWindow {
    plan: Plan,
    within: i64,
    most: usize,
    terms: Vec<Shelf>,
}

impl GroupWindow {
    /// An empty window that holds `most` events of each term.
    pub fn new(plan: Plan, within: i64, most: u32) -> Self {
        let terms = plan.counts.iter().map(|_| Shelf::default()).collect();
        Self { plan, within, most: most as usize, terms }
    }

    /// Puts an event in, in every term that it can be of: each with its keys. Also whether not all was tried that could belong to it.
    pub fn take(
        &mut self,
        event: &Arc<Waiting>,
        roles: Vec<Option<Keys>>,
        belongs: &mut Belongs<'_>,
    ) -> (Grouped, bool) {
        let mut waits = false;
        for (shelf, keys) in self.terms.iter_mut().zip(&roles) {
            if let Some(keys) = keys
                && shelf.events.len() < self.most
            {
                shelf.put(event.clone(), keys.clone());
                waits = true;
            }
        }
        let mut steps = Steps { left: MOST_STEPS, short: false };
        for (term, keys) in roles.iter().enumerate() {
            let here = self.terms.get(term).is_some_and(|s| s.events.contains_key(&event.place()));
            if keys.is_none() || !here {
                continue;
            }
            let mut chosen: Chosen = vec![Vec::new(); self.plan.counts.len()];
            chosen.get_mut(term).into_iter().for_each(|of| of.push(event.clone()));
            if self.complete(term, &mut chosen, belongs, &mut steps) {
                for used in chosen.iter().flatten() {
                    self.remove(used);
                }
                self.remove(event);
                return (Grouped::Complete(chosen), false);
            }
        }
        (if waits { Grouped::Waits } else { Grouped::Full }, steps.short)
    }

    /// Chooses what is missing, at the end the rest of the term of the event that came.
    fn complete(&self, came: usize, chosen: &mut Chosen, belongs: &mut Belongs<'_>, steps: &mut Steps) -> bool {
        let Some(term) = self.next_term(came, chosen) else { return true };
        let needed = self.plan.counts.get(term).copied().unwrap_or(1);
        let have = chosen.get(term).cloned().unwrap_or_default();
        let mut fits = Vec::new();
        let (from, to) = self.range(term, chosen);
        let Some(shelf) = self.terms.get(term) else { return false };
        for candidate in shelf.between(from, to, self.by(term, chosen)) {
            let used = chosen.iter().flatten().any(|e| e.seq == candidate.seq);
            if used && !have.iter().any(|e| e.seq == candidate.seq) {
                continue;
            }
            if !steps.one_more() {
                return false;
            }
            if used || belongs(term, &candidate, chosen) {
                if needed == 1 {
                    self.choose(term, vec![candidate], chosen);
                    if self.complete(came, chosen, belongs, steps) {
                        return true;
                    }
                    self.choose(term, Vec::new(), chosen);
                } else {
                    fits.push(candidate);
                }
            }
        }
        // The nearer they lie together, the more of the others fit: those that follow each other are tried, the oldest first.
        for some in fits.windows(needed).filter(|_| needed > 1) {
            if !have.iter().all(|h| some.iter().any(|s| s.seq == h.seq)) {
                continue;
            }
            self.choose(term, some.to_vec(), chosen);
            if self.near(chosen) && self.complete(came, chosen, belongs, steps) {
                return true;
            }
            self.choose(term, have.clone(), chosen);
        }
        false
    }

    fn choose(&self, term: usize, some: Vec<Arc<Waiting>>, chosen: &mut Chosen) {
        chosen.get_mut(term).into_iter().for_each(|of| of.clone_from(&some));
    }

    /// The term that is chosen next: one that a link leads to, and of those a single one first.
    fn next_term(&self, came: usize, chosen: &Chosen) -> Option<usize> {
        let missing = |n: &usize| chosen.get(*n).map_or(0, Vec::len) < self.plan.counts.get(*n).copied().unwrap_or(1);
        let rank = |n: &usize| {
            let several = self.plan.counts.get(*n).is_some_and(|c| *c > 1);
            (*n == came, self.by(*n, chosen).is_none(), several, *n)
        };
        (0..self.plan.counts.len()).filter(missing).min_by_key(rank)
    }

    /// A key that events of a term must have to belong to those that are chosen.
    fn by<'a>(&'a self, term: usize, chosen: &Chosen) -> Option<(usize, &'a str)> {
        self.plan.links.iter().enumerate().find_map(|(link, ends)| {
            let other = match ends {
                [a, b] if *a == term => *b,
                [a, b] if *b == term => *a,
                _ => return None,
            };
            let place = chosen.get(other)?.first()?.place();
            let keys = self.terms.get(other)?.keys_of(place);
            keys.iter().find(|(l, _)| *l == link).map(|(l, key)| (*l, key.as_str()))
        })
    }

    /// Where events of a term may lie.
    fn range(&self, term: usize, chosen: &Chosen) -> (Place, Place) {
        let all = || chosen.iter().flatten().map(|e| e.row.at);
        let (first, last) = (all().min().unwrap_or(Millis::MIN), all().max().unwrap_or(Millis::MAX));
        let mut from = (last.saturating_sub(self.within), 0);
        let mut to = (first.saturating_add(self.within), u64::MAX);
        if self.plan.ordered {
            let before = chosen.iter().take(term).flatten().map(|e| e.place()).max();
            let after = chosen.iter().skip(term + 1).flatten().map(|e| e.place()).min();
            from = before.map_or(from, |place| from.max(place));
            to = after.map_or(to, |place| to.min(place));
        }
        (from, to)
    }

    fn near(&self, chosen: &Chosen) -> bool {
        let all = || chosen.iter().flatten().map(|e| e.row.at);
        all().max().unwrap_or(0).saturating_sub(all().min().unwrap_or(0)) <= self.within
    }

    /// How many events of each term are near enough to count with this one.
    pub fn seen(&self, event: &Waiting, term: usize) -> Vec<usize> {
        let mut chosen: Chosen = vec![Vec::new(); self.plan.counts.len()];
        let here = self.terms.get(term).and_then(|s| s.events.get(&event.place()));
        if let (Some((event, _)), Some(of)) = (here, chosen.get_mut(term)) {
            of.push(event.clone());
        }
        let near = |(n, shelf): (usize, &Shelf)| {
            let (from, to) = self.range(n, &chosen);
            let by = if n == term { None } else { self.by(n, &chosen) };
            shelf.between(from, to, by).len()
        };
        self.terms.iter().enumerate().map(near).collect()
    }

    /// Puts an event back as it was before a start.
    pub fn restore(&mut self, term: usize, keys: Keys, event: Arc<Waiting>) {
        self.terms.get_mut(term).into_iter().for_each(|shelf| shelf.put(event.clone(), keys.clone()));
    }

    /// Takes one event out; whether it was there.
    pub fn remove(&mut self, event: &Waiting) -> bool {
        let mut there = false;
        for shelf in &mut self.terms {
            there |= shelf.take_out(event);
        }
        there
    }

    /// In which terms an event waits.
    pub fn terms_of(&self, event: &Waiting) -> Vec<usize> {
        let place = event.place();
        let here = |(n, shelf): (usize, &Shelf)| shelf.events.contains_key(&place).then_some(n);
        self.terms.iter().enumerate().filter_map(here).collect()
    }

    /// Everything that waits, in every term.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Arc<Waiting>)> {
        self.terms.iter().enumerate().flat_map(|(n, shelf)| shelf.events.values().map(move |(event, _)| (n, event)))
    }

    /// When the next one leaves.
    pub fn next(&self) -> Option<Millis> {
        let first = |shelf: &Shelf| shelf.arrivals.first_key_value().map(|((at, _), _)| *at);
        let hold = self.within.saturating_mul(2);
        self.terms.iter().filter_map(first).min().map(|at| at.saturating_add(hold).saturating_add(1))
    }

    /// Lets those go whose time is over: in every term at once, for they all came together.
    pub fn expire(&mut self, now: Millis) -> Vec<Arc<Waiting>> {
        let mut gone = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let first = |shelf: &Shelf| {
                let (arrival, place) = shelf.arrivals.first_key_value()?;
                Some((*arrival, shelf.events.get(place)?.0.clone()))
            };
            let Some((_, event)) = self.terms.iter().filter_map(first).min_by_key(|(arrival, _)| *arrival) else {
                break;
            };
            self.remove(&event);
            gone.push(event);
        }
        gone
    }

    /// Events of each term.
    #[cfg(test)]
    pub fn size(&self) -> Vec<usize> {
        self.terms.iter().map(|shelf| shelf.events.len()).collect()
    }
}
