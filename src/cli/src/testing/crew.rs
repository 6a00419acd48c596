//! Many tests at once: each on a thread of its own, as many threads as there are cores.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Instant;

use rrb_lang::ids::SiteId;
use rrb_lang::span::Sources;
use rrb_world::test::{Suite, Way, everywhere, play};

use super::result::TestResult;

/// How the tests are to be played.
#[derive(Debug, Clone, Copy)]
pub struct Orders {
    /// Threads.
    pub jobs: usize,
    /// Begin no test after one has failed.
    pub fail_fast: bool,
    /// Each test again with a crash at every commit.
    pub crash_everywhere: bool,
}

/// Plays these tests and tells of each as soon as it is known; in the end all results in the order of `chosen`, and the places where a
/// test saw something fail.
pub fn play_all(
    suite: &Arc<Suite>,
    sources: &Sources,
    chosen: &[usize],
    orders: Orders,
    mut told: impl FnMut(&TestResult),
) -> (Vec<TestResult>, BTreeSet<SiteId>) {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (send, receive) = mpsc::channel();
    let mut results = Vec::with_capacity(chosen.len());
    let mut failed = BTreeSet::new();
    std::thread::scope(|scope| {
        for _ in 0..orders.jobs.clamp(1, chosen.len().max(1)) {
            let (send, next, stop) = (send.clone(), &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some((index, test)) = chosen.get(at).and_then(|n| Some((*n, suite.tests.get(*n)?))) else {
                        return;
                    };
                    let mut result = TestResult::new(index, test, sources);
                    let began = Instant::now();
                    let mut played = play(suite, test, Way { crash: None, tell: orders.crash_everywhere });
                    if orders.crash_everywhere && played.troubles.is_empty() {
                        let crashed = everywhere(suite, test, &played);
                        (result.crashes, result.crashes_left_out) = (crashed.tried, crashed.left_out);
                        result.crashes_skipped = crashed.skipped;
                        played.troubles = crashed.troubles;
                    }
                    result.millis = began.elapsed().as_secs_f64() * 1000.0;
                    result.troubles = played.troubles;
                    if orders.fail_fast && !result.passed() {
                        stop.store(true, Ordering::SeqCst);
                    }
                    // Nobody listens any more only when the command is over.
                    let _ = send.send((result, played.failed));
                }
            });
        }
        drop(send);
        for (result, sites) in receive {
            told(&result);
            failed.extend(sites);
            results.push(result);
        }
    });
    results.sort_by_key(|r| r.index);
    (results, failed)
}
