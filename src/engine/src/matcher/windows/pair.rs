//! Two events that belong together, in any order, in one, or the first without the second: later, before it, or either.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rrb_lang::syntax::ast::Joint;
use rrb_lang::vm::protocol::Millis;

use super::{Taken, Waiting, due};

/// Which of the two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    First,
    Second,
}

/// Events of one side, found by what they have in common with the other.
#[derive(Debug, Default)]
struct Shelf {
    by_key: HashMap<String, BTreeMap<(Millis, u64), Arc<Waiting>>>,
    arrivals: BTreeMap<(Millis, u64), (String, Millis)>,
}

impl Shelf {
    fn put(&mut self, key: &str, event: Arc<Waiting>) {
        self.arrivals.insert((event.row.received, event.seq), (key.to_owned(), event.row.at));
        self.by_key.entry(key.to_owned()).or_default().insert(event.place(), event);
    }

    fn take_out(&mut self, event: &Waiting) -> Option<Arc<Waiting>> {
        let (key, at) = self.arrivals.remove(&(event.row.received, event.seq))?;
        self.take_from(&key, (at, event.seq))
    }

    fn take_from(&mut self, key: &str, place: (Millis, u64)) -> Option<Arc<Waiting>> {
        let events = self.by_key.get_mut(key)?;
        let gone = events.remove(&place);
        if events.is_empty() {
            self.by_key.remove(key);
        }
        gone
    }

    fn oldest_arrival(&mut self) -> Option<Arc<Waiting>> {
        let (&(_, seq), (key, at)) = self.arrivals.first_key_value()?;
        let (key, place) = (key.clone(), (*at, seq));
        self.arrivals.pop_first();
        self.take_from(&key, place)
    }

    /// Those of a key between two places, oldest first.
    fn between(&self, key: &str, from: (Millis, u64), to: (Millis, u64)) -> impl Iterator<Item = &Arc<Waiting>> {
        let some = if from <= to { self.by_key.get(key).map(|events| events.range(from..=to)) } else { None };
        some.into_iter().flatten().map(|(_, event)| event)
    }
}

/// Whether two events belong together: the first and the second.
pub type Fits<'a> = dyn FnMut(&Waiting, &Waiting) -> bool + Send + 'a;

/// `on A as a and B as b …`, `then`, `without …`
#[derive(Debug)]
pub struct PairWindow {
    joint: Joint,
    within: i64,
    most: usize,
    first: Shelf,
    second: Shelf,
    /// `without`: when a first is found alone.
    dues: BTreeSet<(Millis, u64)>,
    due_of: HashMap<u64, (Millis, Arc<Waiting>)>,
}

impl PairWindow {
    /// An empty window that holds `most` events of either side.
    pub fn new(joint: Joint, within: i64, most: u32) -> Self {
        Self {
            joint,
            within,
            most: most as usize,
            first: Shelf::default(),
            second: Shelf::default(),
            dues: BTreeSet::new(),
            due_of: HashMap::new(),
        }
    }

    /// Puts an event in, in every role it can have: each with the key by which the other side is found. One that left to make room
    /// is added to `left`.
    pub fn take(
        &mut self,
        event: &Arc<Waiting>,
        as_first: Option<&str>,
        as_second: Option<&str>,
        fits: &mut Fits<'_>,
        left: &mut Vec<Arc<Waiting>>,
    ) -> Taken {
        match self.joint {
            Joint::And | Joint::Then => self.join(event, as_first, as_second, fits),
            Joint::Without | Joint::WithoutEarlier | Joint::WithoutAny => {
                let answered = as_second.map(|key| self.answer(key, event, fits)).unwrap_or_default();
                if let Some(key) = as_second {
                    left.extend(self.keep_second(key, event));
                }
                self.begin_alone(event, as_first, answered, fits)
            }
        }
    }

    fn join(
        &mut self,
        event: &Arc<Waiting>,
        as_first: Option<&str>,
        as_second: Option<&str>,
        fits: &mut Fits<'_>,
    ) -> Taken {
        let a = as_second.and_then(|key| self.first_for(key, event, fits));
        let b = as_first.and_then(|key| self.second_for(key, event, fits));
        let pair = match (a, b) {
            (Some(a), Some(b)) if b.place() < a.place() => vec![event.clone(), b],
            (Some(a), _) => vec![a, event.clone()],
            (None, Some(b)) => vec![event.clone(), b],
            (None, None) => return self.wait(event, as_first, as_second),
        };
        for used in &pair {
            self.first.take_out(used);
            self.second.take_out(used);
        }
        Taken::Complete { events: pair, others: Vec::new() }
    }

    /// Whether a second may come before its first, and whether it may come after it.
    fn reach(&self) -> (bool, bool) {
        match self.joint {
            Joint::And | Joint::WithoutAny => (true, true),
            Joint::Then | Joint::Without => (false, true),
            Joint::WithoutEarlier => (true, false),
        }
    }

    /// Between which places the firsts lie that a second may belong to.
    fn firsts_of(&self, second: &Waiting) -> ((Millis, u64), (Millis, u64)) {
        let (before, after) = self.reach();
        let from = if after { (second.row.at.saturating_sub(self.within), 0) } else { second.place() };
        let to = if before { (second.row.at.saturating_add(self.within), u64::MAX) } else { second.place() };
        (from, to)
    }

    /// Between which places the seconds lie that may belong to a first.
    fn seconds_of(&self, first: &Waiting) -> ((Millis, u64), (Millis, u64)) {
        let (before, after) = self.reach();
        let from = if before { (first.row.at.saturating_sub(self.within), 0) } else { first.place() };
        let to = if after { (first.row.at.saturating_add(self.within), u64::MAX) } else { first.place() };
        (from, to)
    }

    /// The oldest first that this second belongs to.
    fn first_for(&self, key: &str, second: &Waiting, fits: &mut Fits<'_>) -> Option<Arc<Waiting>> {
        let (from, to) = self.firsts_of(second);
        self.first.between(key, from, to).find(|a| a.seq != second.seq && fits(a, second)).cloned()
    }

    /// The oldest second that came before its first was known.
    fn second_for(&self, key: &str, first: &Waiting, fits: &mut Fits<'_>) -> Option<Arc<Waiting>> {
        let (from, to) = self.seconds_of(first);
        self.second.between(key, from, to).find(|b| b.seq != first.seq && fits(first, b)).cloned()
    }

    fn wait(&mut self, event: &Arc<Waiting>, as_first: Option<&str>, as_second: Option<&str>) -> Taken {
        let mut waits = None;
        for (key, shelf) in [(as_first, &mut self.first), (as_second, &mut self.second)] {
            let Some(key) = key else { continue };
            if shelf.arrivals.len() < self.most {
                shelf.put(key, event.clone());
                waits = Some(shelf.by_key.get(key).map_or(0, |all| all.len().saturating_sub(1)));
            }
        }
        waits.map_or(Taken::Full, |others| Taken::Waits { others })
    }

    /// Keeps a second for firsts that come late; where there is no room, the oldest goes.
    fn keep_second(&mut self, key: &str, event: &Arc<Waiting>) -> Option<Arc<Waiting>> {
        let full = self.second.arrivals.len() >= self.most;
        let gone = if full { self.second.oldest_arrival() } else { None };
        self.second.put(key, event.clone());
        gone
    }

    /// `without`: a first begins to wait, unless its second is there already.
    fn begin_alone(
        &mut self,
        event: &Arc<Waiting>,
        as_first: Option<&str>,
        answered: Vec<Arc<Waiting>>,
        fits: &mut Fits<'_>,
    ) -> Taken {
        let Some(key) = as_first else { return Taken::Answers(answered) };
        let said = match self.second_for(key, event, fits) {
            Some(second) => Taken::Answered(second),
            None if self.first.arrivals.len() >= self.most => Taken::Full,
            None => {
                self.first.put(key, event.clone());
                self.watch(event.clone(), None);
                Taken::Waits { others: 0 }
            }
        };
        if answered.is_empty() { said } else { Taken::Answers(answered) }
    }

    /// Every first whose second this is.
    fn answer(&mut self, key: &str, second: &Waiting, fits: &mut Fits<'_>) -> Vec<Arc<Waiting>> {
        let (from, to) = self.firsts_of(second);
        let some = self.first.between(key, from, to);
        let found: Vec<_> = some.filter(|a| a.seq != second.seq && fits(a, second)).cloned().collect();
        for first in &found {
            self.first.take_out(first);
            self.unwatch(first);
        }
        found
    }

    /// Until when the second of a first may come that is alone without it.
    fn until(&self, first: &Waiting) -> Millis {
        match self.joint {
            Joint::WithoutEarlier => first.row.at,
            _ => first.row.at.saturating_add(self.within),
        }
    }

    fn watch(&mut self, first: Arc<Waiting>, at: Option<Millis>) {
        let at = at.unwrap_or_else(|| due(&first, self.until(&first), self.within));
        self.dues.insert((at, first.seq));
        self.due_of.insert(first.seq, (at, first));
    }

    fn unwatch(&mut self, first: &Waiting) {
        if let Some((at, _)) = self.due_of.remove(&first.seq) {
            self.dues.remove(&(at, first.seq));
        }
    }

    /// Puts an event back as it was before a start.
    pub fn restore(&mut self, side: Side, key: &str, event: Arc<Waiting>) {
        match side {
            Side::First => {
                self.first.put(key, event.clone());
                if self.joint.is_absence() {
                    self.watch(event, None);
                }
            }
            Side::Second => self.second.put(key, event),
        }
    }

    /// Takes one event out that was used elsewhere; whether it was there. What answers others goes on to.
    pub fn remove(&mut self, event: &Waiting) -> bool {
        self.unwatch(event);
        let first = self.first.take_out(event).is_some();
        let second = !self.joint.is_absence() && self.second.take_out(event).is_some();
        first || second
    }

    /// In which roles an event waits.
    pub fn roles(&self, event: &Waiting) -> Vec<Side> {
        let place = (event.row.received, event.seq);
        let has = |shelf: &Shelf| shelf.arrivals.contains_key(&place);
        let sides = [(Side::First, has(&self.first)), (Side::Second, has(&self.second))];
        sides.into_iter().filter(|(_, there)| *there).map(|(side, _)| side).collect()
    }

    /// Everything that waits, in every role.
    pub fn all(&self) -> impl Iterator<Item = (Side, &Arc<Waiting>)> {
        let of = |side: Side, shelf| {
            let shelf: &Shelf = shelf;
            shelf.by_key.values().flat_map(|events| events.values()).map(move |event| (side, event))
        };
        of(Side::First, &self.first).chain(of(Side::Second, &self.second))
    }

    /// How long events of a side are kept after they came. A second that has no first waits only for one that is late.
    fn hold(&self, side: Side) -> i64 {
        match (self.joint, side) {
            (Joint::Then, Side::Second) | (Joint::Without, _) => self.within,
            (_, _) => self.within.saturating_mul(2),
        }
    }

    fn leaves(&self, side: Side) -> Option<Millis> {
        // The firsts of `without` leave when they are due.
        if self.joint.is_absence() && side == Side::First {
            return None;
        }
        let shelf = if side == Side::First { &self.first } else { &self.second };
        shelf.arrivals.first_key_value().map(|((at, _), _)| at.saturating_add(self.hold(side)).saturating_add(1))
    }

    /// When something is due or leaves.
    pub fn next(&self) -> Option<Millis> {
        let dues = self.dues.first().map(|(at, _)| *at);
        [self.leaves(Side::First), self.leaves(Side::Second), dues].into_iter().flatten().min()
    }

    /// Lets those go whose time is over. An event that waited in both roles leaves with the last of them.
    pub fn expire(&mut self, now: Millis) -> Vec<(Side, Arc<Waiting>)> {
        let mut gone = Vec::new();
        for side in [Side::First, Side::Second] {
            while self.leaves(side).is_some_and(|at| at <= now) {
                let shelf = if side == Side::First { &mut self.first } else { &mut self.second };
                let Some(event) = shelf.oldest_arrival() else { break };
                let other = if side == Side::First { &self.second } else { &self.first };
                if !other.arrivals.contains_key(&(event.row.received, event.seq)) {
                    gone.push((side, event));
                }
            }
        }
        gone
    }

    /// `without`: the firsts that are alone at `now`. `later` says that the second may still be on its way until a time.
    pub fn alone(&mut self, now: Millis, later: &dyn Fn(Millis) -> Option<Millis>) -> Vec<Arc<Waiting>> {
        let mut alone = Vec::new();
        let mut again = Vec::new();
        while let Some((at, seq)) = self.dues.first().copied().filter(|(at, _)| *at <= now) {
            self.dues.remove(&(at, seq));
            let Some((_, first)) = self.due_of.remove(&seq) else { continue };
            match later(self.until(&first)).filter(|at| *at > now) {
                Some(at) => again.push((at, first)),
                None => {
                    self.first.take_out(&first);
                    alone.push(first);
                }
            }
        }
        for (at, first) in again {
            self.watch(first, Some(at));
        }
        alone
    }

    /// Events of either side.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        (self.first.arrivals.len(), self.second.arrivals.len())
    }
}
