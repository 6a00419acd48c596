//! A test played again and again, with the engine dying at every commit: nothing may come out otherwise.

use std::sync::Arc;

use rrb_engine::store::memory::Side;
use rrb_engine::store::told::{Told, ToldEntry};
use rrb_lang::hir::testing::Test;
use rrb_lang::ids::SiteId;

use super::play::{Played, Way, play};
use super::stage::CrashAt;
use super::suite::Suite;
use super::trouble::Trouble;

/// Differences that are told of one test.
const SHOWN: usize = 5;

/// Commits that are crashed at in one test; of more, so many in even steps.
const MOST: u64 = 150;

/// What came of all crashes.
#[derive(Debug, Clone, Default)]
pub struct Everywhere {
    /// Crashes that came and whose end could be compared.
    pub tried: u32,
    /// Crashes that were not tried, because the test writes too often.
    pub skipped: u32,
    /// Crashes of which a person could not tell the truth to the engine, so that the end may differ.
    pub left_out: u32,
    /// One for each difference; those behind the first few are counted in the last.
    pub troubles: Vec<Trouble>,
}

/// Plays a test that passes once for each side of each of its commits, with a crash there. `plain` is how it ended without.
pub fn everywhere(suite: &Arc<Suite>, test: &Test, plain: &Played) -> Everywhere {
    let mut all = Everywhere::default();
    let mut more = 0;
    let commits = commits(plain.commits);
    all.skipped = u32::try_from(2 * (plain.commits - commits.len() as u64)).unwrap_or(u32::MAX);
    for commit in commits {
        for side in [Side::Before, Side::After] {
            let at = CrashAt { commit, side };
            let crashed = play(suite, test, Way { crash: Some(at), tell: false });
            let Some(crash) = crashed.crash.as_ref().filter(|c| c.came) else { continue };
            if crash.inexpressible.is_some() {
                all.left_out += 1;
                continue;
            }
            all.tried += 1;
            let lines = differences(plain, &crashed);
            if lines.is_empty() {
                continue;
            }
            if all.troubles.len() >= SHOWN {
                more += 1;
                continue;
            }
            let place = place(suite, plain, at);
            let text = format!("a crash {place} changes what comes out");
            let head = test.steps.first().map_or(test.span, |s| s.span);
            all.troubles.push(Trouble::new(head, "in this test", text).notes(lines));
        }
    }
    if let (Some(last), true) = (all.troubles.last_mut(), more > 0) {
        last.notes.push(format!("{more} more crashes change something"));
    }
    all
}

/// The commits to crash at: the first, the last, and those between.
fn commits(all: u64) -> Vec<u64> {
    if all <= MOST {
        return (1..=all).collect();
    }
    (0..MOST).map(|n| 1 + n * (all - 1) / (MOST - 1)).collect()
}

/// Where the crash was: `before entry 7 of the run of `relieve` was written: the intent at main.rrb:13:5: do k8s.drain(node)`
fn place(suite: &Suite, plain: &Played, at: CrashAt) -> String {
    let told = usize::try_from(at.commit - 1).ok().and_then(|n| plain.told.get(n));
    let what = told.map_or_else(|| format!("commit {}", at.commit), |told| words(suite, plain, told));
    match at.side {
        Side::Before => format!("before {what} could be written"),
        Side::After => format!("when {what} had just been written"),
    }
}

fn words(suite: &Suite, plain: &Played, told: &Told) -> String {
    match told.entries.last() {
        Some(entry) => entry_words(suite, plain, entry),
        None if told.others.is_empty() => "a record of the audit".to_owned(),
        None => told.others.join(", "),
    }
}

fn entry_words(suite: &Suite, plain: &Played, entry: &ToldEntry) -> String {
    let of = plain.runs.iter().find(|(id, _)| *id == entry.run).map_or("?", |(_, name)| name.as_str());
    let text = format!("entry {} of the run of `{of}` (its {}", entry.seq, entry.kind);
    let site = entry.effect.rsplit(['/', 's']).next().and_then(|t| t.split(':').next()?.parse().ok()).map(SiteId);
    match site.and_then(|id| suite.program.site(id)) {
        Some(site) => format!("{text} at {site}: {})", site.text),
        None => format!("{text})"),
    }
}

/// What is otherwise, one line each.
fn differences(plain: &Played, crashed: &Played) -> Vec<String> {
    let mut lines = Vec::new();
    let shown = |p: &Played| p.calls.iter().map(|c| c.shown()).collect::<Vec<_>>();
    let (plain_calls, crashed_calls) = (shown(plain), shown(crashed));
    for call in without(&plain_calls, &crashed_calls) {
        lines.push(format!("not called any more: {call}"));
    }
    for call in without(&crashed_calls, &plain_calls) {
        lines.push(format!("called once more: {call}"));
    }
    for end in without(&plain.ends, &crashed.ends) {
        lines.push(format!("no longer so: {end}"));
    }
    for end in without(&crashed.ends, &plain.ends) {
        lines.push(format!("so instead: {end}"));
    }
    let new = crashed.troubles.iter().filter(|t| !plain.troubles.iter().any(|p| p.message == t.message));
    for trouble in new {
        lines.push(trouble.message.clone());
        lines.extend(trouble.notes.iter().map(|n| format!("  {n}")));
        lines.extend(trouble.help.iter().map(|h| format!("  {h}")));
    }
    lines
}

/// Those of `all` that are not in `others`, each counted.
fn without<'a>(all: &'a [String], others: &[String]) -> Vec<&'a String> {
    let mut left: Vec<&String> = others.iter().collect();
    all.iter()
        .filter(|one| match left.iter().position(|o| o == one) {
            Some(n) => {
                left.swap_remove(n);
                false
            }
            None => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_commits_some_in_even_steps_are_crashed_at() {
        for all in [0, 1, MOST - 1, MOST] {
            assert_eq!(commits(all), (1..=all).collect::<Vec<_>>());
        }
        for all in [MOST + 1, 10 * MOST] {
            let some = commits(all);
            assert_eq!((some.len() as u64, some.first(), some.last()), (MOST, Some(&1), Some(&all)));
            assert!(some.windows(2).all(|w| w[0] < w[1]));
        }
    }
}
