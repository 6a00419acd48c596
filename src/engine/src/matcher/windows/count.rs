//! So many events with one key within a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rrb_lang::vm::protocol::Millis;

use super::{Taken, Waiting};

/// `on N of E by K distinct V within D`
#[derive(Debug)]
pub struct CountWindow {
    count: usize,
    within: i64,
    max_keys: usize,
    /// By key, each in the order of its events' times.
    keys: HashMap<String, Vec<Arc<Waiting>>>,
    /// By when they came, to let them go.
    arrivals: BTreeMap<(Millis, u64), String>,
    /// Keys by the time of their newest event, to make room by.
    newest: BTreeSet<(Millis, String)>,
    /// `distinct`: the value of each event.
    values: HashMap<u64, String>,
    /// The latest time of any event.
    latest: Millis,
}

impl CountWindow {
    /// An empty window.
    pub fn new(count: u32, within: i64, max_keys: u32) -> Self {
        Self {
            count: (count as usize).max(2),
            within,
            max_keys: max_keys as usize,
            keys: HashMap::new(),
            arrivals: BTreeMap::new(),
            newest: BTreeSet::new(),
            values: HashMap::new(),
            latest: Millis::MIN,
        }
    }

    /// Puts an event in, with what must differ between those that are counted. Those that left to make room for it are added to
    /// `left`.
    pub fn take(
        &mut self,
        key: &str,
        value: Option<String>,
        event: Arc<Waiting>,
        left: &mut Vec<Arc<Waiting>>,
    ) -> Taken {
        self.latest = self.latest.max(event.row.at);
        if !self.keys.contains_key(key) && self.keys.len() >= self.max_keys {
            self.make_room(left);
            if self.keys.len() >= self.max_keys {
                return Taken::Full;
            }
        }
        self.put(key, value, event.clone());
        if let Some(events) = self.complete(key, &event) {
            let mut others = self.clear(key);
            others.retain(|w| !events.iter().any(|e| e.seq == w.seq));
            return Taken::Complete { events, others };
        }
        self.prune(key, left);
        left.extend(self.between_equals(key, &event));
        Taken::Waits { others: self.keys.get(key).map_or(0, |all| self.near(all, &event)) }
    }

    /// Puts an event back as it was before a start.
    pub fn restore(&mut self, key: &str, value: Option<String>, event: Arc<Waiting>) {
        self.latest = self.latest.max(event.row.at);
        self.put(key, value, event);
    }

    fn put(&mut self, key: &str, value: Option<String>, event: Arc<Waiting>) {
        self.values.extend(value.map(|value| (event.seq, value)));
        self.arrivals.insert((event.row.received, event.seq), key.to_owned());
        let events = self.keys.entry(key.to_owned()).or_default();
        let before = events.last().map(|w| w.row.at);
        let place = events.partition_point(|w| w.place() < event.place());
        events.insert(place, event);
        let after = events.last().map(|w| w.row.at);
        if before != after {
            if let Some(at) = before {
                self.newest.remove(&(at, key.to_owned()));
            }
            self.newest.extend(after.map(|at| (at, key.to_owned())));
        }
    }

    /// The oldest that make it complete with this one.
    fn complete(&self, key: &str, event: &Waiting) -> Option<Vec<Arc<Waiting>>> {
        let events = self.keys.get(key)?;
        if let Some(value) = self.values.get(&event.seq) {
            return self.distinct(events, event, value);
        }
        let place = events.iter().position(|w| w.seq == event.seq)?;
        let first = (place + 1).saturating_sub(self.count);
        (first..=place).find_map(|from| {
            let some = events.get(from..from + self.count)?;
            let span = some.last()?.row.at.saturating_sub(some.first()?.row.at);
            (span <= self.within).then(|| some.to_vec())
        })
    }

    /// The oldest with different values that make it complete with this one.
    fn distinct(&self, events: &[Arc<Waiting>], event: &Waiting, value: &str) -> Option<Vec<Arc<Waiting>>> {
        let near = |w: &&Arc<Waiting>| (event.row.at.saturating_sub(self.within)..=event.row.at).contains(&w.row.at);
        events.iter().filter(near).find_map(|first| {
            let end = first.row.at.saturating_add(self.within);
            let mut seen: HashSet<&str> = HashSet::from([value]);
            let mut some: Vec<Arc<Waiting>> = Vec::new();
            for w in events.iter().filter(|w| w.seq != event.seq && (first.row.at..=end).contains(&w.row.at)) {
                if some.len() + 1 < self.count && seen.insert(self.value_of(w)) {
                    some.push(w.clone());
                }
            }
            some.extend(events.iter().find(|w| w.seq == event.seq).cloned());
            some.sort_by_key(|w| w.place());
            (some.len() >= self.count).then_some(some)
        })
    }

    fn value_of(&self, event: &Waiting) -> &str {
        self.values.get(&event.seq).map_or("", String::as_str)
    }

    /// An event between two others of its value that are no further apart than the window: where it counts, one of them does. So
    /// many of one value take no more room than two.
    fn between_equals(&mut self, key: &str, event: &Waiting) -> Vec<Arc<Waiting>> {
        let Some(value) = self.values.get(&event.seq).cloned() else { return Vec::new() };
        let mut gone = Vec::new();
        loop {
            let same = |w: &&Arc<Waiting>| self.value_of(w) == value;
            let all: Vec<Arc<Waiting>> = self.keys.get(key).into_iter().flatten().filter(same).cloned().collect();
            let middle = all.windows(3).find_map(|three| match three {
                [a, b, c] if c.row.at.saturating_sub(a.row.at) <= self.within => Some(b.clone()),
                _ => None,
            });
            let Some(middle) = middle else { return gone };
            self.remove(&middle);
            gone.push(middle);
        }
    }

    /// How many of a key are near enough to count with this one.
    fn near(&self, events: &[Arc<Waiting>], event: &Waiting) -> usize {
        let near = |w: &&Arc<Waiting>| w.row.at.abs_diff(event.row.at) <= self.within.unsigned_abs();
        if let Some(value) = self.values.get(&event.seq) {
            let values: HashSet<&str> = events.iter().filter(near).map(|w| self.value_of(w)).collect();
            return values.iter().filter(|v| **v != value).count();
        }
        events.iter().filter(near).count().saturating_sub(1)
    }

    /// Events of a key that its newest has left far behind go, so that a key holds a bounded number.
    fn prune(&mut self, key: &str, left: &mut Vec<Arc<Waiting>>) {
        let Some(events) = self.keys.get_mut(key) else { return };
        let Some(newest) = events.last().map(|w| w.row.at) else { return };
        let horizon = newest.saturating_sub(self.within.saturating_mul(2));
        let old = events.partition_point(|w| w.row.at < horizon);
        for gone in events.drain(..old) {
            self.arrivals.remove(&(gone.row.received, gone.seq));
            self.values.remove(&gone.seq);
            left.push(gone);
        }
    }

    fn make_room(&mut self, left: &mut Vec<Arc<Waiting>>) {
        let horizon = self.latest.saturating_sub(self.within.saturating_mul(2));
        while let Some((at, key)) = self.newest.first().cloned() {
            if at >= horizon {
                break;
            }
            left.extend(self.clear(&key));
        }
    }

    fn clear(&mut self, key: &str) -> Vec<Arc<Waiting>> {
        let events = self.keys.remove(key).unwrap_or_default();
        for event in &events {
            self.arrivals.remove(&(event.row.received, event.seq));
            self.values.remove(&event.seq);
        }
        if let Some(last) = events.last() {
            self.newest.remove(&(last.row.at, key.to_owned()));
        }
        events
    }

    /// Takes one event out; whether it was there.
    pub fn remove(&mut self, event: &Waiting) -> bool {
        let Some(key) = self.arrivals.get(&(event.row.received, event.seq)).cloned() else { return false };
        let place = self.keys.get(&key).and_then(|all| all.iter().position(|w| w.seq == event.seq));
        place.and_then(|place| self.take_out(&key, place)).is_some()
    }

    /// Everything that waits.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Waiting>> {
        self.keys.values().flatten()
    }

    fn take_out(&mut self, key: &str, place: usize) -> Option<Arc<Waiting>> {
        let events = self.keys.get_mut(key)?;
        let before = events.last().map(|w| w.row.at)?;
        if place >= events.len() {
            return None;
        }
        let gone = events.remove(place);
        self.arrivals.remove(&(gone.row.received, gone.seq));
        self.values.remove(&gone.seq);
        let after = events.last().map(|w| w.row.at);
        if events.is_empty() {
            self.keys.remove(key);
        }
        if after != Some(before) {
            self.newest.remove(&(before, key.to_owned()));
            self.newest.extend(after.map(|at| (at, key.to_owned())));
        }
        Some(gone)
    }

    fn hold(&self) -> i64 {
        self.within.saturating_mul(2)
    }

    /// When the next one leaves.
    pub fn next(&self) -> Option<Millis> {
        self.arrivals.first_key_value().map(|((at, _), _)| at.saturating_add(self.hold()).saturating_add(1))
    }

    /// Lets those go whose time is over.
    pub fn expire(&mut self, now: Millis) -> Vec<Arc<Waiting>> {
        let mut gone = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            let Some(((_, seq), key)) = self.arrivals.pop_first() else { break };
            let place = self.keys.get(&key).and_then(|all| all.iter().position(|w| w.seq == seq));
            gone.extend(place.and_then(|place| self.take_out(&key, place)));
        }
        gone
    }

    /// Keys and events that it holds.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        (self.keys.len(), self.arrivals.len())
    }
}
