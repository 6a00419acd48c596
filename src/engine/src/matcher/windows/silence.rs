//! Keys that were heard, and when they count as silent.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rrb_lang::vm::protocol::Millis;

use super::{Taken, Waiting, due};

/// `on silence of E by K for D`
#[derive(Debug)]
pub struct SilenceWindow {
    within: i64,
    max_keys: usize,
    /// The last event of each key, and when the key is silent.
    keys: HashMap<String, (Millis, Arc<Waiting>)>,
    dues: BTreeSet<(Millis, String)>,
}

impl SilenceWindow {
    /// An empty window.
    pub fn new(within: i64, max_keys: u32) -> Self {
        Self { within, max_keys: max_keys as usize, keys: HashMap::new(), dues: BTreeSet::new() }
    }

    /// Hears an event; the one that it takes the place of is added to `left`.
    pub fn take(&mut self, key: &str, event: Arc<Waiting>, left: &mut Vec<Arc<Waiting>>) -> Taken {
        if let Some((_, last)) = self.keys.get(key) {
            if event.place() < last.place() {
                return Taken::Older;
            }
            left.push(last.clone());
        } else if self.keys.len() >= self.max_keys {
            return Taken::Full;
        }
        self.restore(key, event);
        Taken::Waits { others: 0 }
    }

    /// Puts an event back as it was before a start.
    pub fn restore(&mut self, key: &str, event: Arc<Waiting>) {
        let at = due(&event, event.row.at.saturating_add(self.within), self.within);
        self.watch(key.to_owned(), at, event);
    }

    fn watch(&mut self, key: String, at: Millis, event: Arc<Waiting>) {
        if let Some((old, _)) = self.keys.insert(key.clone(), (at, event)) {
            self.dues.remove(&(old, key.clone()));
        }
        self.dues.insert((at, key));
    }

    /// When a key is silent next.
    pub fn next(&self) -> Option<Millis> {
        self.dues.first().map(|(at, _)| *at)
    }

    /// The keys that are silent at `now`, each with its last event. `later` says that an event may still be on its way until a time.
    pub fn silent(&mut self, now: Millis, later: &dyn Fn(Millis) -> Option<Millis>) -> Vec<(String, Arc<Waiting>)> {
        let mut silent = Vec::new();
        let mut again = Vec::new();
        while let Some((at, key)) = self.dues.first().cloned().filter(|(at, _)| *at <= now) {
            self.dues.remove(&(at, key.clone()));
            let Some((_, last)) = self.keys.remove(&key) else { continue };
            match later(last.row.at.saturating_add(self.within)).filter(|at| *at > now) {
                Some(at) => again.push((key, at, last)),
                None => silent.push((key, last)),
            }
        }
        for (key, at, last) in again {
            self.watch(key, at, last);
        }
        silent
    }

    /// The last event of each key.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Waiting>> {
        self.keys.values().map(|(_, last)| last)
    }
}
