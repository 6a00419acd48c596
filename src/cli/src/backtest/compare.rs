//! What would have happened against what did.

use std::collections::BTreeMap;

use rrb_engine::matcher::SCHEDULE;
use rrb_lang::vm::protocol::Millis;
use serde::Serialize;

use super::record::Then;

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
            self.denied += u64::from(did.denied);
            self.asked += u64::from(did.asked);
            self.changes += u64::from(did.changes);
            self.destroys += u64::from(did.destroys);
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
        let denied = |t: &Then| t.did.as_ref().map_or(0, |d| d.denied) + u32::from(t.verdict == "policy");
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

/// An event, or the firing of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// By what it is known in both worlds.
    pub name: String,
    pub source: String,
    pub at: Millis,
}

/// What became of an event at a runbook in both worlds.
#[derive(Debug)]
struct Pair {
    source: String,
    at: Millis,
    then: Option<Then>,
    now: Option<Then>,
}

/// Holds what would be against what was, event by event.
pub struct Judge {
    since: Millis,
    only: Option<String>,
    events: usize,
    rows: BTreeMap<String, Row>,
    /// By event and runbook: what is not decided in both worlds yet.
    open: BTreeMap<(String, String), Pair>,
    differences: Vec<Difference>,
}

impl Judge {
    /// Judges events from `since` on, at one runbook or at all.
    pub fn new(since: Millis, only: Option<String>) -> Self {
        Self { since, only, events: 0, rows: BTreeMap::new(), open: BTreeMap::new(), differences: Vec::new() }
    }

    /// An event of the past, with what became of it by runbook.
    pub fn then(&mut self, place: Place, became: BTreeMap<String, Then>) {
        if place.at < self.since {
            return;
        }
        self.events += usize::from(place.source != SCHEDULE);
        for (runbook, then) in became {
            let key = (place.name.clone(), runbook);
            if let Some(pair) = self.pair(&place, &key) {
                pair.then = Some(then);
                self.close_both(key);
            }
        }
    }

    /// What would become of an event at a runbook.
    pub fn now(&mut self, place: &Place, runbook: String, now: Then) {
        let key = (place.name.clone(), runbook);
        let firing = place.source == SCHEDULE;
        let Some(pair) = self.pair(place, &key) else { return };
        match &mut pair.now {
            Some(known) if Kind::fires(&known.verdict) => {}
            known => *known = Some(now),
        }
        if firing {
            self.close_both(key);
        }
    }

    /// Whether it is not decided yet what would become of an event there.
    pub fn waits(&self, event: &str, runbook: &str) -> bool {
        self.open.contains_key(&(event.to_owned(), runbook.to_owned()))
    }

    /// Something is decided of an event that was counted already: only the difference counts.
    pub fn again(&mut self, place: &Place, runbook: String, then: Option<Then>, now: Then) {
        if place.at >= self.since && self.wanted(&runbook) {
            let pair = Pair { source: place.source.clone(), at: place.at, then, now: Some(now) };
            self.differences.extend(difference(&(place.name.clone(), runbook), &pair));
        }
    }

    /// Everything was decided of an event but what waits for others.
    pub fn seen(&mut self, event: &str) {
        let waits = |pair: &Pair| pair.now.as_ref().is_some_and(|now| now.verdict == "waiting");
        let of = self.open.range((event.to_owned(), String::new())..);
        let over: Vec<_> =
            of.take_while(|(k, _)| k.0 == event).filter(|(_, p)| !waits(p)).map(|(k, _)| k.clone()).collect();
        over.into_iter().for_each(|key| self.close(key));
    }

    /// What it came to; what still waits stays as it is.
    pub fn report(&mut self, until: Millis, program: &str) -> Report {
        let left: Vec<_> = self.open.keys().cloned().collect();
        left.into_iter().for_each(|key| self.close(key));
        let mut differences = std::mem::take(&mut self.differences);
        differences.sort_by(|a, b| (a.at, &a.event, &a.runbook).cmp(&(b.at, &b.event, &b.runbook)));
        Report {
            version: VERSION,
            since: self.since,
            until,
            program: program.to_owned(),
            events: self.events,
            runs: 0,
            reads: 0,
            incomplete: 0,
            runbooks: std::mem::take(&mut self.rows).into_values().collect(),
            differences,
        }
    }

    fn wanted(&self, runbook: &str) -> bool {
        !runbook.is_empty() && self.only.as_ref().is_none_or(|only| only == runbook)
    }

    fn pair(&mut self, place: &Place, key: &(String, String)) -> Option<&mut Pair> {
        if place.at < self.since && !self.open.contains_key(key) || !self.wanted(&key.1) {
            return None;
        }
        let new = || Pair { source: place.source.clone(), at: place.at, then: None, now: None };
        Some(self.open.entry(key.clone()).or_insert_with(new))
    }

    /// A firing is over when both worlds have said something of it.
    fn close_both(&mut self, key: (String, String)) {
        if self.open.get(&key).is_some_and(|p| p.source == SCHEDULE && p.then.is_some() && p.now.is_some()) {
            self.close(key);
        }
    }

    fn close(&mut self, key: (String, String)) {
        let Some(pair) = self.open.remove(&key) else { return };
        let row = self.rows.entry(key.1.clone()).or_insert_with(|| Row {
            runbook: key.1.clone(),
            now: Figures::default(),
            then: Figures::default(),
        });
        pair.then.iter().for_each(|t| row.then.count(t));
        pair.now.iter().for_each(|n| row.now.count(n));
        self.differences.extend(difference(&key, &pair));
    }
}

fn difference((event, runbook): &(String, String), pair: &Pair) -> Option<Difference> {
    let nothing = Then::default();
    let (then, now) = (pair.then.as_ref().unwrap_or(&nothing), pair.now.as_ref().unwrap_or(&nothing));
    let kind = Kind::of(then, now)?;
    Some(Difference {
        kind,
        event: event.clone(),
        source: pair.source.clone(),
        at: pair.at,
        runbook: runbook.clone(),
        then: family(&then.verdict).to_owned(),
        then_detail: then.detail.clone(),
        then_run: then.did.and(then.run.clone()),
        now: family(&now.verdict).to_owned(),
        now_detail: now.detail.clone(),
    })
}
