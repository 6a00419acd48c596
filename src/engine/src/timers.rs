//! What is due when: one queue for all runs at rest, so that a waiting run costs an entry here and nothing else.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Mutex;

use rrb_lang::vm::protocol::Millis;
use tokio::sync::Notify;

use crate::shared::{Core, lock};

/// Times by key: each key is due once.
#[derive(Debug)]
pub struct Timers<K> {
    inner: Mutex<Inner<K>>,
    changed: Notify,
}

#[derive(Debug)]
struct Inner<K> {
    queue: BTreeSet<(Millis, K)>,
    of: HashMap<K, Millis>,
}

impl<K: Clone + Ord + Hash> Default for Timers<K> {
    fn default() -> Self {
        let inner = Inner { queue: BTreeSet::new(), of: HashMap::new() };
        Self { inner: Mutex::new(inner), changed: Notify::new() }
    }
}

impl<K: Clone + Ord + Hash> Timers<K> {
    /// Sets, moves or (with `None`) drops the time of `key`.
    pub fn set(&self, key: &K, at: Option<Millis>) {
        let mut inner = lock(&self.inner);
        if let Some(old) = inner.of.remove(key) {
            inner.queue.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            inner.of.insert(key.clone(), at);
            inner.queue.insert((at, key.clone()));
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// The earliest time.
    pub fn first(&self) -> Option<Millis> {
        lock(&self.inner).queue.first().map(|(at, _)| *at)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        lock(&self.inner).of.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes what is due at `now`, earliest first.
    pub fn due(&self, now: Millis) -> Vec<K> {
        let mut inner = lock(&self.inner);
        let mut due = Vec::new();
        while let Some((at, key)) = inner.queue.first().cloned() {
            if at > now {
                break;
            }
            inner.queue.pop_first();
            inner.of.remove(&key);
            due.push(key);
        }
        due
    }

    /// Returns when something may be due.
    pub async fn wait(&self, core: &Core) {
        match self.first() {
            None => self.changed.notified().await,
            Some(at) => tokio::select! {
                () = core.sleep_until(at) => {}
                () = self.changed.notified() => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_due_once_and_can_be_moved() {
        let timers = Timers::default();
        timers.set(&"a", Some(5));
        timers.set(&"b", Some(5));
        timers.set(&"c", Some(4));
        timers.set(&"a", Some(9));
        assert_eq!(timers.first(), Some(4));
        assert_eq!(timers.due(3), Vec::<&str>::new());
        assert_eq!(timers.due(5), ["c", "b"]);
        assert_eq!(timers.due(8), Vec::<&str>::new());
        timers.set(&"a", None);
        assert_eq!(timers.due(100), Vec::<&str>::new());
        assert!(timers.is_empty());
    }
}
