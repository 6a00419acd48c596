//! The process dies at every commit of the example project, before and after the commit became durable, and again while it recovers;
//! in every way the story may go. Whatever the point: the run ends as if nothing had happened, nothing is done twice, nobody is asked
//! twice, and the audit chain holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod disk;
mod story;

use std::collections::BTreeMap;

use rrb_engine::audit::{Verdict, Verifier};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::Side;
use rrb_engine::store::{ApprovalState, Store};
use serde_json::{Value, json};

use disk::Files;
use story::{People, Plot, Story, example, tell, verdicts};

const AGREE: Plot = Plot { people: People::Agree, refills: false, pause_ms: 2_000 };
const REFUSE: Plot = Plot { people: People::Refuse, ..AGREE };
const SLEEP: Plot = Plot { people: People::Sleep, refills: false, pause_ms: 600_000 };
const CALM: Plot = Plot { people: People::Calm, ..AGREE };
const IN_VAIN: Plot = Plot { people: People::Agree, refills: true, pause_ms: 100_000 };

/// What must be the same wherever the process died.
#[derive(Debug, PartialEq)]
struct Ending {
    outcome: Value,
    why: Value,
    ineffective: Value,
    remains: Value,
    /// Path and size.
    files: BTreeMap<String, i64>,
    told: Vec<String>,
    approvals: Vec<(ApprovalState, usize)>,
    verdicts: Vec<String>,
}

async fn ending(story: &Story) -> Ending {
    let end = story.run.end.clone().unwrap();
    let state = story.disk.state();
    let files: Files = state.files;
    let approvals = story.store.approvals(false, 100).await.unwrap();
    Ending {
        outcome: end["outcome"].clone(),
        why: end["why"].clone(),
        ineffective: end["ineffective"].clone(),
        remains: end["remains"].clone(),
        files: files.into_iter().map(|(path, (size, _))| (path, size)).collect(),
        told: state.told,
        approvals: approvals.iter().map(|a| (a.state, a.votes.len())).collect(),
        verdicts: verdicts(&story.store).await,
    }
}

/// What holds in itself, without a story to compare with.
async fn is_sound(story: &Story, deaths: &[(u64, Side)]) {
    let store = &story.store;
    let recovered = store.recover().await.unwrap();
    assert!(recovered.runs.is_empty() && recovered.unmatched.is_empty(), "nothing is left over: {deaths:?}");
    assert!(recovered.targets.is_empty(), "no target is held by a run that is over: {deaths:?}");
    let journal = store.journal(&story.run.id, 0).await.unwrap();
    assert!(journal.iter().enumerate().all(|(n, row)| row.seq == n as u64 + 1), "no gap: {deaths:?}");
    for (deed, times) in story.disk.state().deeds {
        let most = if deed.starts_with("move ") { 1 } else { 1 + deaths.len() };
        assert!(times <= most, "`{deed}` was done {times} times: {deaths:?}");
    }
    let records = store.audit(0, 100_000, None).await.unwrap();
    let mut verifier = Verifier::default();
    for record in &records {
        verifier.take(record).unwrap();
    }
    assert!(matches!(verifier.finish(), Verdict::Intact { records: n, .. } if n == records.len() as u64));
    let count = |kind: &str| records.iter().filter(|r| r.draft.kind == kind).count();
    let approvals = store.approvals(false, 100).await.unwrap();
    assert_eq!(count("approval.asked"), approvals.len(), "each question is asked once: {deaths:?}");
    assert_eq!(count("approval.closed"), approvals.len(), "{deaths:?}");
    assert_eq!(count("approval.vote"), approvals.iter().map(|a| a.votes.len()).sum::<usize>(), "{deaths:?}");
    assert_eq!((count("run.created"), count("run.ended")), (1, 1), "{deaths:?}");
}

async fn same(example: &Loaded, plot: Plot, deaths: &[(u64, Side)], as_this: &Ending) -> Story {
    let story = tell(example, plot, deaths).await;
    is_sound(&story, deaths).await;
    assert_eq!(ending(&story).await, *as_this, "{deaths:?}");
    story
}

/// Dies at every commit, on both sides of it. Gives how often a person had to say what happened.
async fn dies_everywhere(plot: Plot) -> usize {
    dies_at_the_last(u64::MAX, plot).await
}

/// The same at the last `count` commits alone.
async fn dies_at_the_last(count: u64, plot: Plot) -> usize {
    let example = example();
    let whole = tell(&example, plot, &[]).await;
    is_sound(&whole, &[]).await;
    let expected = ending(&whole).await;
    let mut parked = 0;
    assert!(whole.commits > 25, "{} commits", whole.commits);
    for commit in whole.commits.saturating_sub(count).max(1)..=whole.commits {
        for side in [Side::Before, Side::After] {
            let story = same(&example, plot, &[(commit, side)], &expected).await;
            let records = story.store.audit(0, 100_000, None).await.unwrap();
            parked += records.iter().filter(|r| r.draft.kind == "run.parked").count();
        }
    }
    parked
}

/// Dies at every commit, and again at the first ones after it: one in `stride` of all the pairs.
async fn dies_twice(plot: Plot, stride: u64) {
    let example = example();
    let whole = tell(&example, plot, &[]).await;
    let expected = ending(&whole).await;
    for first in 1..=whole.commits {
        for second in (1..=10).filter(|second| (first * 7 + second) % stride == 0) {
            let sides = if second % 2 == 0 { (Side::Before, Side::After) } else { (Side::After, Side::Before) };
            same(&example, plot, &[(first, sides.0), (second, sides.1)], &expected).await;
        }
    }
}

fn with_archives(numbers: std::ops::Range<u32>, others: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let archives = numbers.map(|n| (format!("/data/archive/{n}.tar"), 6));
    archives.chain(others.iter().map(|(p, s)| ((*p).to_owned(), *s))).map(|(p, s)| (p, s << 20)).collect()
}

const MOVED: [(&str, i64); 3] = [("/data/cache/new", 1), ("/data.moved/a.log", 4), ("/data.moved/b.log", 4)];
const MOVED_BACK: [(&str, i64); 3] = [("/data/cache/new", 1), ("/data/logs/a.log", 4), ("/data/logs/b.log", 4)];

#[tokio::test]
async fn two_agree_and_the_disk_is_relieved() {
    let story = tell(&example(), AGREE, &[]).await;
    is_sound(&story, &[]).await;
    let found = ending(&story).await;
    assert_eq!((&found.outcome, &found.why), (&json!("resolved"), &json!("from 115.6 % to 76.6 %")));
    assert_eq!(found.files, with_archives(2..10, &MOVED));
    assert_eq!(found.told, ["/data on n7 went from 115.6 % to 76.6 %"]);
    assert_eq!(found.approvals, [(ApprovalState::Approved, 2)]);
    assert_eq!(found.verdicts, ["alertmanager.firing: started"]);
}

#[tokio::test]
async fn one_says_no_and_no_archive_is_touched() {
    let story = tell(&example(), REFUSE, &[]).await;
    is_sound(&story, &[]).await;
    let found = ending(&story).await;
    assert_eq!((&found.outcome, &found.why), (&json!("escalated"), &json!("waiting for a human")));
    assert_eq!(found.files, with_archives(0..10, &MOVED));
    assert_eq!(found.approvals, [(ApprovalState::Denied, 1)]);
    assert_eq!(found.told.len(), 1);
    assert!(found.told[0].starts_with("Deleting archives from /data was not approved: "), "{:?}", found.told);
}

#[tokio::test]
async fn nobody_answers_in_time_and_no_archive_is_touched() {
    let story = tell(&example(), SLEEP, &[]).await;
    is_sound(&story, &[]).await;
    let found = ending(&story).await;
    assert_eq!((&found.outcome, &found.why), (&json!("escalated"), &json!("waiting for a human")));
    assert_eq!(found.files, with_archives(0..10, &MOVED));
    assert_eq!(found.approvals, [(ApprovalState::Expired, 0)]);
    assert_eq!(found.told.len(), 1);
}

#[tokio::test]
async fn the_alert_clears_and_the_logs_come_back() {
    let story = tell(&example(), CALM, &[]).await;
    is_sound(&story, &[]).await;
    let found = ending(&story).await;
    assert_eq!(found.outcome, "cancelled");
    assert_eq!(found.remains, json!([]));
    assert_eq!(found.files, with_archives(0..10, &MOVED_BACK));
    assert_eq!(found.approvals, [(ApprovalState::Void, 0)]);
    assert_eq!(found.told, [""; 0], "a cancelled run did not fail");
    assert_eq!(found.verdicts, ["alertmanager.firing: started", "alertmanager.resolved: cancelled"]);
}

#[tokio::test]
async fn in_vain_the_logs_come_back_and_people_are_told() {
    let story = tell(&example(), IN_VAIN, &[]).await;
    is_sound(&story, &[]).await;
    let found = ending(&story).await;
    assert_eq!((&found.outcome, &found.ineffective), (&json!("rolled_back"), &json!(true)), "{found:?}");
    assert_eq!(found.remains, json!([]));
    let left = with_archives(0..0, &[MOVED_BACK.as_slice(), &[("/data/core", 65)]].concat());
    assert_eq!(found.files, left, "what was deleted stays deleted, what was moved comes back");
    assert_eq!(found.approvals, [(ApprovalState::Approved, 2)]);
    assert_eq!(found.told.len(), 1);
    assert!(found.told[0].starts_with("Could not relieve /data on n7: "), "{:?}", found.told);
    assert!(found.told[0].contains("the disk is below 80.0 %"), "{:?}", found.told);
}

/// A person is needed only between the intent and the outcome of what may happen once: two moves and one message.
#[tokio::test]
async fn dying_anywhere_when_two_agree_changes_nothing() {
    assert_eq!(dies_everywhere(AGREE).await, 3 * 2);
}

#[tokio::test]
async fn dying_anywhere_when_one_says_no_changes_nothing() {
    assert_eq!(dies_everywhere(REFUSE).await, 3 * 2);
}

#[tokio::test]
async fn dying_anywhere_when_nobody_answers_changes_nothing() {
    assert_eq!(dies_everywhere(SLEEP).await, 3 * 2);
}

/// Two moves; nobody has to be asked about moving back.
#[tokio::test]
async fn dying_anywhere_when_the_alert_clears_changes_nothing() {
    assert_eq!(dies_everywhere(CALM).await, 2 * 2);
}

/// From the last deletions on: what comes before is as when two agree. A person is needed for the message of `on failure` alone.
#[tokio::test]
async fn dying_anywhere_in_vain_changes_nothing() {
    assert_eq!(dies_at_the_last(40, IN_VAIN).await, 2);
}

#[tokio::test]
async fn dying_again_while_recovering_changes_nothing() {
    dies_twice(AGREE, 5).await;
}

#[tokio::test]
async fn dying_again_while_undoing_changes_nothing() {
    dies_twice(CALM, 6).await;
}
