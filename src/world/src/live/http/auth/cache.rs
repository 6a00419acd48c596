//! What was fetched once and is good for a while: tokens, credentials. One fetch at a time for each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rrb_lang::vm::protocol::Failure;
use sha2::{Digest, Sha256};

/// How many are kept.
const MAX_KEPT: usize = 256;

/// What a thing was fetched with: everything that can change what comes back, secrets included. Only a digest is kept.
pub type Key = [u8; 32];

/// Makes the key of these parts.
pub fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut digest = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts are one.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// Things by what they were fetched with.
pub struct Cache<T> {
    slots: Mutex<HashMap<Key, Arc<Slot<T>>>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T> std::fmt::Debug for Cache<T> {
    /// Without what is kept.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}

struct Slot<T> {
    state: tokio::sync::Mutex<State<T>>,
}

struct State<T> {
    kept: Option<(T, Instant)>,
    /// What the last fetch came to when it failed: those who waited for it are told the same.
    failed: Option<(Failure, Instant)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: tokio::sync::Mutex::new(State { kept: None, failed: None }) }
    }
}

/// A thing, and whether it was fetched for this request.
pub struct Got<T> {
    pub value: T,
    pub fresh: bool,
}

impl<T: Clone + PartialEq> Cache<T> {
    /// The thing; fetched when there is none that is good for a while. `fetch` gives it with how long it may be kept.
    pub async fn get(
        &self,
        key: Key,
        fetch: impl Future<Output = Result<(T, Duration), Failure>>,
    ) -> Result<Got<T>, Failure> {
        let asked = Instant::now();
        let slot = self.slot(key);
        let mut state = slot.state.lock().await;
        if let Some((value, until)) = &state.kept
            && Instant::now() < *until
        {
            return Ok(Got { value: value.clone(), fresh: false });
        }
        if let Some((failure, at)) = &state.failed
            && *at > asked
        {
            return Err(failure.clone());
        }
        state.kept = None;
        match fetch.await {
            Ok((value, keep)) => {
                let until = Instant::now().checked_add(keep);
                state.kept = until.map(|until| (value.clone(), until));
                state.failed = None;
                Ok(Got { value, fresh: true })
            }
            Err(failure) => {
                state.failed = Some((failure.clone(), Instant::now()));
                Err(failure)
            }
        }
    }

    /// Forgets the thing if it is still this one.
    pub async fn forget(&self, key: Key, value: &T) {
        let slot = self.slot(key);
        let mut state = slot.state.lock().await;
        if state.kept.as_ref().is_some_and(|(kept, _)| kept == value) {
            state.kept = None;
        }
    }

    fn slot(&self, key: Key) -> Arc<Slot<T>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_KEPT && !slots.contains_key(&key) {
            // What nobody waits for and is good no more goes first, then whatever nobody waits for.
            let now = Instant::now();
            let good = |slot: &Arc<Slot<T>>| {
                slot.state.try_lock().map_or(true, |s| s.kept.as_ref().is_some_and(|(_, until)| now < *until))
            };
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || good(slot));
            if slots.len() >= MAX_KEPT {
                slots.retain(|_, slot| Arc::strong_count(slot) > 1);
            }
        }
        slots.entry(key).or_default().clone()
    }
}

/// How long to keep what is good for `seconds`: so that it does not end on its way.
pub fn keep(seconds: u64) -> Duration {
    let margin = (seconds / 5).min(60);
    Duration::from_secs(seconds.saturating_sub(margin))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rrb_lang::vm::protocol::FailureKind;

    use super::*;

    #[test]
    fn a_key_knows_where_parts_end() {
        assert_ne!(key([b"ab".as_slice(), b"c"]), key([b"a".as_slice(), b"bc"]));
        assert_eq!(key([b"ab".as_slice()]), key([b"ab".as_slice()]));
    }

    #[test]
    fn things_are_kept_a_little_shorter_than_they_are_good() {
        for (seconds, kept) in [(0, 0), (1, 1), (10, 8), (300, 240), (3600, 3540)] {
            assert_eq!(keep(seconds), Duration::from_secs(kept), "{seconds}");
        }
    }

    #[tokio::test]
    async fn one_fetch_serves_all_who_wait_and_its_failure_too() {
        let (cache, fetches) = (Cache::default(), AtomicU32::new(0));
        let fetch = |fails: bool| {
            let fetches = &fetches;
            async move {
                let n = fetches.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                if fails {
                    return Err(Failure::new(FailureKind::Unavailable, format!("no {n}")));
                }
                Ok((n, Duration::from_secs(60)))
            }
        };
        let of = |fails: bool| cache.get([0; 32], fetch(fails));
        let (a, b, c) = tokio::join!(of(true), of(true), of(true));
        for result in [a, b, c] {
            assert_eq!(result.err().unwrap().message, "no 0");
        }
        let (a, b) = tokio::join!(of(false), of(false));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!((a.value, a.fresh, b.value, b.fresh), (1, true, 1, false));
        assert_eq!(format!("{cache:?}"), "Cache");
        cache.forget([0; 32], &7).await;
        assert_eq!(of(false).await.unwrap().value, 1);
        cache.forget([0; 32], &1).await;
        assert_eq!(of(false).await.unwrap().value, 2);
    }

    #[tokio::test]
    async fn what_is_old_is_fetched_again_and_memory_is_bounded() {
        let cache = Cache::default();
        for round in 0..2 {
            let got = cache.get([9; 32], async { Ok((round, Duration::ZERO)) }).await.unwrap();
            assert_eq!((got.value, got.fresh), (round, true));
        }
        for i in 0..=MAX_KEPT as u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&i.to_be_bytes());
            cache.get(key, async { Ok((0, Duration::from_secs(60))) }).await.unwrap();
        }
        assert!(cache.slots.lock().unwrap().len() <= MAX_KEPT);
    }
}
