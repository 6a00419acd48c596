//! What would have happened against what did.

use std::collections::{BTreeMap, BTreeSet};

use rrb_lang::vm::protocol::Millis;
use serde::Serialize;

use super::play::Played;
use super::record::{Past, Then};

/// The version of the form that programs read.
const VERSION: u32 = 1;

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub version: u32,
    pub since: Millis,
    pub until: Millis,
    /// The content address of the sources that were asked.
    pub program: String,
    pub events: usize,
    /// Recorded runs that reads were taken from, and how many different ones there were.
    pub runs: usize,
    pub reads: usize,
    /// Runs whose plan is not complete: they may do more.
    pub incomplete: u64,
    pub runbooks: Vec<Row>,
    pub differences: Vec<Difference>,
}

/// A runbook's figures.
#[derive(Debug, Serialize)]
pub struct Row {
    pub runbook: String,
    pub now: Figures,
    pub then: Figures,
}

/// What became of events at a runbook.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub events: u64,
    pub fired: u64,
    pub deduped: u64,
    pub limited: u64,
    /// Starts and calls that a policy denies.
    pub denied: u64,
    /// By `where`, `with`, `concurrency` and the like.
    pub skipped: u64,
    /// Waiting in a window, or joined to a run.
    pub windowed: u64,
    pub asked: u64,
    pub changes: u64,
    pub destroys: u64,
}

impl Figures {
    fn count(&mut self, then: &Then) {
        self.events += 1;
        match then.verdict.as_str() {
            v if Kind::fires(v) => self.fired += 1,
            "dedupe" => self.deduped += 1,
            "limit" | "give_up" => self.limited += 1,
            "waiting" | "answered" | "joined" | "expired" | "max_keys" => self.windowed += 1,
            // Counted with what was denied.
            "policy" => {}
            _ => self.skipped += 1,
        }
        if let Some(did) = &then.did {
            self.denied += did.denied;
            self.asked += did.asked;
            self.changes += did.changes;
            self.destroys += did.destroys;
        }
    }
}

/// An event that would have become something else.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    pub kind: Kind,
    pub event: String,
    pub source: String,
    pub at: Millis,
    pub runbook: String,
    pub then: String,
    pub then_detail: String,
    pub then_run: Option<String>,
    pub now: String,
    pub now_detail: String,
}

/// What kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It would start a run and did not.
    Fires,
    /// It started a run and would not.
    Silent,
    /// A policy would deny a start or a call that it did not deny.
    Denied,
    /// It starts none either way, for another reason.
    Reason,
}

impl Kind {
    /// Whether a verdict means that a run was started.
    pub fn fires(verdict: &str) -> bool {
        matches!(verdict, "started" | "queued" | "shadow")
    }

    fn of(then: &Then, now: &Then) -> Option<Self> {
        let denied = |t: &Then| t.did.as_ref().map_or(0, |d| d.denied) + u64::from(t.verdict == "policy");
        match (Self::fires(&then.verdict), Self::fires(&now.verdict)) {
            _ if denied(now) > 0 && denied(then) == 0 => Some(Self::Denied),
            (false, true) => Some(Self::Fires),
            (true, false) => Some(Self::Silent),
            (false, false) if family(&then.verdict) != family(&now.verdict) => Some(Self::Reason),
            _ => None,
        }
    }
}

/// Verdicts that say the same: an event that was left out unasked is one whose `where` is false.
fn family(verdict: &str) -> &str {
    if verdict.is_empty() { "where" } else { verdict }
}

/// Holds what was played against what was.
pub fn report(past: &Past, played: &Played, asked: super::Asked, program: &str, only: Option<&str>) -> Report {
    let wanted = |runbook: &str| !runbook.is_empty() && only.is_none_or(|o| o == runbook);
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let places: BTreeMap<&str, (&str, Millis)> = past
        .events
        .iter()
        .chain(played.fired.values())
        .map(|e| (e.id.as_str(), (e.source.as_str(), e.received)))
        .collect();
    let fired: BTreeMap<&str, (&str, Millis)> =
        played.fired.iter().map(|(n, e)| (n.as_str(), (e.source.as_str(), e.received))).collect();
    let before: BTreeSet<&str> =
        past.events.iter().filter(|e| e.received < asked.since).map(|e| e.id.as_str()).collect();
    let keys: BTreeSet<&(String, String)> = past.became.keys().chain(played.became.keys()).collect();
    let nothing = Then::default();
    let mut differences = Vec::new();
    for key in keys.into_iter().filter(|k| wanted(&k.1) && !before.contains(k.0.as_str())) {
        let (then, now) = (past.became.get(key), played.became.get(key));
        let row = rows.entry(&key.1).or_insert_with(|| Row {
            runbook: key.1.clone(),
            now: Figures::default(),
            then: Figures::default(),
        });
        then.iter().for_each(|t| row.then.count(t));
        now.iter().for_each(|n| row.now.count(n));
        let (then, now) = (then.unwrap_or(&nothing), now.unwrap_or(&nothing));
        let Some(kind) = Kind::of(then, now) else { continue };
        let place = places.get(key.0.as_str()).or_else(|| fired.get(key.0.as_str()));
        let (source, at) = place.copied().unwrap_or((rrb_engine::matcher::SCHEDULE, asked.since));
        differences.push(Difference {
            kind,
            event: key.0.clone(),
            source: source.to_owned(),
            at,
            runbook: key.1.clone(),
            then: family(&then.verdict).to_owned(),
            then_detail: then.detail.clone(),
            then_run: then.did.as_ref().map(|d| d.run.clone()),
            now: family(&now.verdict).to_owned(),
            now_detail: now.detail.clone(),
        });
    }
    differences.sort_by(|a, b| (a.at, &a.event, &a.runbook).cmp(&(b.at, &b.event, &b.runbook)));
    Report {
        version: VERSION,
        since: asked.since,
        until: asked.until,
        program: program.to_owned(),
        events: past.events.iter().filter(|e| e.received >= asked.since).count(),
        runs: past.runs,
        reads: past.reads.len(),
        incomplete: played.incomplete,
        runbooks: rows.into_values().collect(),
        differences,
    }
}
