//! Turned away at the door: each is counted, and the audit log is told now and then, so that nobody can fill it from outside.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rrb_engine::api::Refusal;
use tokio::time::Instant;

/// Between two records of one door and address.
const EVERY: Duration = Duration::from_secs(60);

/// Addresses that are told apart; beyond, they are counted together.
const ADDRESSES: usize = 1024;

/// What was not told yet.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    seen: Mutex<HashMap<(&'static str, Option<IpAddr>), Seen>>,
}

#[derive(Debug)]
struct Seen {
    told: Instant,
    /// Since then.
    count: u64,
}

impl Refusals {
    /// Counts one; the answer is what the audit log is to be told now, if anything.
    pub fn note(&self, door: &'static str, peer: IpAddr, path: &str, why: &str) -> Option<Refusal> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES {
            // What was counted and not told stays until it is.
            seen.retain(|_, s| s.count > 0 || now.duration_since(s.told) < EVERY);
        }
        let key = if seen.len() < ADDRESSES || seen.contains_key(&(door, Some(peer))) { Some(peer) } else { None };
        let (due, count) = match seen.get_mut(&(door, key)) {
            Some(s) => {
                s.count += 1;
                (now.duration_since(s.told) >= EVERY, s.count)
            }
            None => (true, 1),
        };
        if !due {
            return None;
        }
        seen.insert((door, key), Seen { told: now, count: 0 });
        let peer = key.map_or_else(|| "many addresses".to_owned(), |ip| ip.to_string());
        let path = path.chars().take(200).collect();
        Some(Refusal { door: door.to_owned(), peer, path, why: why.to_owned(), count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_and_then_one_a_minute() {
        let refusals = Refusals::default();
        let count = |r: Option<Refusal>| r.map(|r| r.count);
        assert_eq!(count(refusals.note("token", ip(1), "/v1/runs", "w")), Some(1));
        for _ in 0..10 {
            assert_eq!(refusals.note("token", ip(1), "/v1/runs", "w"), None);
        }
        assert_eq!(count(refusals.note("webhook", ip(1), "/hooks/a", "w")), Some(1), "another door");
        assert_eq!(count(refusals.note("token", ip(2), "/v1/runs", "w")), Some(1), "another address");
        tokio::time::advance(EVERY).await;
        assert_eq!(count(refusals.note("token", ip(1), "/v1/runs", "w")), Some(11));
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_are_counted_together() {
        let refusals = Refusals::default();
        let told = (0..5000).filter(|n| refusals.note("token", ip(*n), "/", "w").is_some()).count();
        assert_eq!(told, ADDRESSES + 1);
        assert!(refusals.seen.lock().unwrap().len() <= ADDRESSES + 2);
        tokio::time::advance(EVERY).await;
        let later = (5000..5003).filter_map(|n| refusals.note("token", ip(n), "/", "w")).next().unwrap();
        assert_eq!(later.count, 1, "room was made for a new address");
    }
}
