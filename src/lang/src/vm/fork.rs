//! `parallel`, `race` and loops whose items run at the same time: how branches begin, and what their ends mean for the others.
//!
//! The thread that forks stands still at the `Join` until all its branches are over. The first end that decides (a failure, the
//! winner of a race, `finish`) stops the others; when those have stopped, what they did is undone, newest first, and only then
//! does the thread go on. Nothing here asks a clock: which branch ended first is the order of the answers in the journal.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::approve::Refusal;
use super::budget::Limit;
use super::code::{BranchSite, EachSite, ForkKind, ForkSite};
use super::failure::{self, invalid};
use super::fiber::{Fiber, Frame, FrameKind, ScopeKind, Undo};
use super::limits::{self, MAX_FIBERS, MAX_SPREAD, MAX_WIDTH};
use super::machine::{Machine, Stop};
use super::ops;
use super::print;
use super::protocol::{BranchEnd, Failure, Note};
use super::threads::{Branch, Inherit, Thread, swap};
use crate::hir::Outcome;
use crate::ids::FnId;
use crate::value::{Record, Value};

/// How a branch ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Ended {
    Value(Value),
    Failed(Failure),
    /// A limit: nothing catches it.
    Limit(Failure),
    Finished {
        outcome: Outcome,
        why: String,
    },
    /// A no to the approval around the group.
    Refused(Box<Refusal>),
    Stopped,
    /// What decides a race: there is a result.
    Won,
}

/// A group of branches in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forked {
    pub function: FnId,
    pub fork: u32,
    /// Of the paths of its branches.
    prefix: SmolStr,
    /// Of their labels.
    label: SmolStr,
    /// What a loop goes through.
    items: Value,
    total: u32,
    /// The next to begin.
    next: u32,
    /// By index, as they come.
    results: Vec<(u32, Value)>,
    /// What they take.
    bytes: u64,
    decided: Option<Ended>,
    /// Recorded by branches that came to their end, and by those that were stopped.
    kept: Vec<Undo>,
    losers: Vec<Undo>,
    inherit: Inherit,
}

impl Machine {
    fn fork_site(&self, function: FnId, fork: u32) -> Option<ForkSite> {
        self.program.code(function)?.forks.get(fork as usize).cloned()
    }

    /// `Fork`
    pub(super) fn begin_fork(&mut self, fork: u32) {
        if self.out.is_plan() {
            return;
        }
        let Some(function) = self.state.fiber.frames.last().map(|f| f.function) else { return self.broken() };
        let Some(site) = self.fork_site(function, fork) else { return self.broken() };
        let group = match self.group(function, fork, &site) {
            Ok(group) => group,
            Err(f) => return self.throw(f),
        };
        let width = match site.kind {
            ForkKind::Each(each) => match self.width(&each) {
                Ok(width) => width.min(group.total),
                Err(f) => return self.throw(f),
            },
            _ => group.total,
        };
        if self.state.threads.len() + 1 + width as usize > MAX_FIBERS {
            return self.limit(Limit::Fibers(MAX_FIBERS));
        }
        if !matches!(site.kind, ForkKind::Each(_)) {
            let branches = site.branches.iter().map(|b| b.name.clone()).collect();
            self.out.note(Note::Forked { race: matches!(site.kind, ForkKind::Race { .. }), branches });
        }
        self.state.fiber.jump(site.join);
        self.state.fiber.open(ScopeKind::Fork(Box::new(group)));
        for _ in 0..width {
            self.begin_next();
        }
    }

    fn group(&mut self, function: FnId, fork: u32, site: &ForkSite) -> Result<Forked, Box<Failure>> {
        let (items, total) = match site.kind {
            ForkKind::Each(each) => {
                let items = self.state.fiber.register(each.items);
                let total = count(&items);
                if total > MAX_SPREAD {
                    let message =
                        format!("a loop runs at most {MAX_SPREAD} items at the same time or in waves, not {total}");
                    return Err(invalid(message));
                }
                (items, total)
            }
            _ => (Value::Nothing, site.branches.len()),
        };
        let id = self.next_id(site.site);
        let slash = if id.fiber.is_empty() { "" } else { "/" };
        Ok(Forked {
            function,
            fork,
            prefix: format_smolstr!("{}{slash}{}.{}", id.fiber, id.site.0, id.count),
            label: self.state.branch.label.clone(),
            items,
            total: u32::try_from(total).unwrap_or(u32::MAX),
            next: 0,
            results: Vec::new(),
            bytes: 0,
            decided: None,
            kept: Vec::new(),
            losers: Vec::new(),
            inherit: self.inherited(),
        })
    }

    fn width(&self, each: &EachSite) -> Result<u32, Box<Failure>> {
        match self.state.fiber.register(each.width) {
            Value::Int(n) if (1..=i64::from(MAX_WIDTH)).contains(&n) => Ok(u32::try_from(n).unwrap_or(1)),
            other => {
                let message = format!("`parallel` is from 1 to {MAX_WIDTH} at a time, not {}", print::display(&other));
                Err(invalid(message))
            }
        }
    }

    /// What branches take over from here.
    fn inherited(&self) -> Inherit {
        Inherit {
            cover: self.cover(),
            deadline: self.deadline(),
            key: self.call_key(),
            is_unsafe: self.retries_unsafely(),
            repeats: self.repeats_above(),
            rolling: self.state.rolling.is_some(),
        }
    }

    fn forked(&mut self) -> Option<&mut Forked> {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Fork(forked)) => Some(forked),
            _ => None,
        }
    }

    /// Begins the next branch of the innermost group of the thread at hand.
    fn begin_next(&mut self) {
        let Some((function, fork)) = self.forked().map(|g| (g.function, g.fork)) else { return self.broken() };
        let Some(site) = self.fork_site(function, fork) else { return self.broken() };
        let Some(registers) = self.program.code(function).map(|c| c.registers as usize) else { return self.broken() };
        let Some(group) = self.forked() else { return self.broken() };
        let index = group.next;
        group.next += 1;
        let (prefix, label, inherit, items) =
            (group.prefix.clone(), group.label.clone(), group.inherit.clone(), group.items.clone());
        let item = match site.kind {
            ForkKind::Each(each) => ops::item(&items, i64::from(index)).map(|v| (each.item, v)),
            _ => None,
        };
        let Some(start) = branch_site(&site, index).map(|b| b.start) else { return self.broken() };
        let around = &self.state.fiber;
        let mut fiber = Fiber::new(around.now);
        fiber.connector = around.connector;
        fiber.instance = around.instance.clone();
        fiber.since = around.since;
        fiber.stack.resize_with(registers, || Value::Nothing);
        let name = match &item {
            Some((_, value)) => item_label(value, index),
            None => branch_site(&site, index).map(|b| b.name.clone()).unwrap_or_default(),
        };
        for (r, value) in site.uses.iter().map(|r| (*r, around.register(*r))).chain(item) {
            if let Some(slot) = fiber.stack.get_mut(r as usize) {
                *slot = value;
            }
        }
        fiber.frames.push(Frame { function, pc: start, base: 0, top: 0, d: 0, kind: FrameKind::Entry });
        let rolling = self.state.rolling.clone();
        let branch = Branch {
            parent: Some(self.state.current),
            index,
            label: if label.is_empty() { name } else { format_smolstr!("{label} › {name}") },
            inherit,
            ..Branch::default()
        };
        let mut thread = Thread::new(fiber, format_smolstr!("{prefix}.{index}"), branch);
        thread.rolling = rolling;
        self.state.branch.waiting += 1;
        self.add_thread(thread);
    }

    /// The branch at hand is over: its thread is gone, and the one that waits for it is at hand.
    pub(super) fn branch_over(&mut self, ended: Ended) {
        let end = match &ended {
            Ended::Value(_) | Ended::Won => BranchEnd::Done,
            Ended::Failed(f) | Ended::Limit(f) => BranchEnd::Failed { failure: f.clone() },
            Ended::Refused(r) => BranchEnd::Failed { failure: r.failure.clone() },
            Ended::Finished { .. } => BranchEnd::Finished,
            Ended::Stopped => BranchEnd::Stopped,
        };
        self.out.note(Note::BranchEnded { end });
        self.label_notes();
        let Some(parent) = self.state.branch.parent else { return self.broken() };
        let Some(mut thread) = self.state.threads.remove(&parent) else { return self.broken() };
        self.state.held = self.state.held.saturating_sub(thread.branch.bytes.unwrap_or(0));
        swap(&mut self.state, &mut thread);
        self.state.current = parent;
        self.prepared = None;
        self.state.branch.waiting = self.state.branch.waiting.saturating_sub(1);
        if thread.branch.acted {
            self.mark_acted();
        }
        self.branch_ended(thread.branch.index, ended, thread.undos);
    }

    fn branch_ended(&mut self, index: u32, ended: Ended, undos: Vec<Undo>) {
        let stopping = self.state.stop.is_some() && self.stoppable();
        let Some((function, fork)) = self.forked().map(|g| (g.function, g.fork)) else { return self.broken() };
        let Some(site) = self.fork_site(function, fork) else { return self.broken() };
        let result = match (&ended, site.kind) {
            (Ended::Value(value), ForkKind::Each(each)) if each.gives => {
                Some(self.collected(&each, index, Some(value.clone()), None))
            }
            (Ended::Failed(f), ForkKind::Each(each)) if each.collect.is_some() => {
                Some(if each.gives { self.collected(&each, index, None, Some(f)) } else { Value::Nothing })
            }
            (Ended::Value(_), ForkKind::Each(_)) => Some(Value::Nothing),
            (Ended::Value(value), _) => Some(value.clone()),
            _ => None,
        };
        let bytes = result.as_ref().map_or(0, |v| limits::size(v, self.budget.memory));
        let Some(group) = self.forked() else { return self.broken() };
        if group.decided.is_some() {
            // What ends after the decision has lost, however it ends.
            group.losers.extend(undos);
            return self.go_on(false);
        }
        group.kept.extend(undos);
        let race = matches!(site.kind, ForkKind::Race { .. });
        match result {
            Some(value) => {
                group.results.push((index, value));
                group.bytes = group.bytes.saturating_add(bytes);
                if race {
                    group.decided = Some(Ended::Won);
                }
            }
            None if matches!(ended, Ended::Stopped) => {}
            None => group.decided = Some(ended),
        }
        let decided = group.decided.is_some();
        self.state.held = self.state.held.saturating_add(bytes);
        if decided {
            let why = if race { "another branch came first" } else { "another branch failed" };
            self.stop_branches(&Stop::Sibling(why.into()));
        }
        self.go_on(!decided && !stopping);
    }

    /// Begins another branch where one ended, or ends the group.
    fn go_on(&mut self, more: bool) {
        let left = self.forked().is_some_and(|g| g.next < g.total);
        if more && left {
            self.begin_next();
        } else if self.state.branch.waiting == 0 {
            self.settle();
        }
    }

    /// All branches are over: what the losers did is undone.
    fn settle(&mut self) {
        let stops = self.state.stop.is_some() && self.stoppable();
        let Some(group) = self.forked() else { return self.broken() };
        let finished = matches!(group.decided, Some(Ended::Finished { .. }));
        if stops || finished {
            // The end of the run undoes it all, or nothing.
            let losers = std::mem::take(&mut group.losers);
            group.kept.extend(losers);
            if stops {
                self.take_over();
                self.stop_now();
            }
            return;
        }
        let mut left = std::mem::take(&mut group.losers);
        left.sort_by_key(|u| u.seq);
        self.roll_back(left);
    }

    /// Takes the group off, and over what its branches recorded.
    fn take_over(&mut self) -> Option<Box<Forked>> {
        let scope = self.state.fiber.scopes.pop()?;
        let ScopeKind::Fork(mut group) = scope.kind else { return None };
        let mut kept = std::mem::take(&mut group.kept);
        kept.sort_by_key(|u| u.seq);
        self.state.undos.extend(kept);
        self.state.fiber.undos = u32::try_from(self.state.undos.len()).unwrap_or(u32::MAX);
        self.state.held = self.state.held.saturating_sub(group.bytes);
        Some(group)
    }

    /// `BranchEnd`
    pub(super) fn end_branch(&mut self, fork: u32, s: u16) {
        if !self.out.is_plan() {
            let value = self.state.fiber.register(s);
            return self.branch_over(Ended::Value(value));
        }
        let Some(function) = self.state.fiber.frames.last().map(|f| f.function) else { return self.broken() };
        let Some(site) = self.fork_site(function, fork) else { return self.broken() };
        if matches!(site.kind, ForkKind::Race { .. }) {
            self.state.fiber.jump(site.join);
        }
    }

    /// `Join`
    pub(super) fn join(&mut self, fork: u32) {
        if self.out.is_plan() {
            return;
        }
        let Some(group) = self.take_over() else { return self.broken() };
        let Some(site) = self.fork_site(group.function, fork) else { return self.broken() };
        match group.decided {
            Some(Ended::Failed(f)) => self.throw(Box::new(f)),
            Some(Ended::Limit(f)) => self.throw_hard(Box::new(f)),
            Some(Ended::Finished { outcome, why }) => self.finish(outcome, why),
            Some(Ended::Refused(refusal)) => self.refused_inside(*refusal),
            Some(Ended::Value(_) | Ended::Stopped | Ended::Won) | None => self.results(&site, group.results),
        }
    }

    fn results(&mut self, site: &ForkSite, mut results: Vec<(u32, Value)>) {
        match site.kind {
            ForkKind::Parallel { results: first } => {
                for (i, value) in results {
                    let r = first.wrapping_add(u16::try_from(i).unwrap_or(0));
                    self.put(r, value);
                }
            }
            ForkKind::Race { result } => {
                if let Some((i, value)) = results.pop() {
                    let winner = branch_site(site, i).map(|b| b.name.clone()).unwrap_or_default();
                    self.out.note(Note::RaceWon { branch: winner });
                    self.put(result, value);
                }
            }
            ForkKind::Each(each) => {
                results.sort_by_key(|(i, _)| *i);
                let values: Vec<Value> =
                    if each.gives { results.into_iter().map(|(_, v)| v).collect() } else { Vec::new() };
                self.put(each.results, Value::list(values));
            }
        }
    }

    /// Where the branch at hand ends.
    pub(super) fn branch_end(&self) -> Option<u32> {
        let parent = self.state.threads.get(&self.state.branch.parent?)?;
        let group = parent.fiber.scopes.iter().rev().find_map(|s| match &s.kind {
            ScopeKind::Fork(group) => Some(group),
            _ => None,
        })?;
        let site = self.fork_site(group.function, group.fork)?;
        Some(branch_site(&site, self.state.branch.index)?.end)
    }

    fn put(&mut self, r: u16, value: Value) {
        if self.charge(&value) {
            self.state.fiber.set(r, value);
        }
    }

    /// The value of an item's round, with its item and failure where those are collected.
    fn collected(&mut self, each: &EachSite, index: u32, value: Option<Value>, f: Option<&Failure>) -> Value {
        let Some(names) = each.collect.and_then(|n| self.program.names.get(n as usize)).cloned() else {
            return value.unwrap_or(Value::Nothing);
        };
        let item = self.forked().and_then(|g| ops::item(&g.items, i64::from(index))).unwrap_or(Value::Nothing);
        let mut values = vec![item];
        if names.len() > 2 {
            values.push(value.unwrap_or(Value::None));
        }
        values.push(f.map_or(Value::None, failure::to_value));
        Value::Record(Arc::new(Record { names, values }))
    }
}

fn branch_site(site: &ForkSite, index: u32) -> Option<&BranchSite> {
    match site.kind {
        ForkKind::Each(_) => site.branches.first(),
        _ => site.branches.get(index as usize),
    }
}

/// How many items what `Iter` made has.
pub(super) fn count(items: &Value) -> usize {
    match items {
        Value::List(items) => items.len(),
        Value::Json(crate::json::Json::List(items)) => items.len(),
        Value::Range(r) => {
            ops::int_bounds(r).and_then(|(low, high)| usize::try_from(high.checked_sub(low)?).ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// What an item goes by in the timeline: itself when it is short, its name or id, else its number.
fn item_label(item: &Value, index: u32) -> SmolStr {
    let named =
        |v: &Value| ["name", "id", "key"].iter().find_map(|n| v.field(n).and_then(Value::as_text).map(str::to_owned));
    let text = match item {
        Value::Text(_) | Value::Int(_) | Value::Url(_) | Value::Ip(_) => print::display(item),
        Value::Json(json) => {
            let name = ["name", "id", "key"].iter().find_map(|n| json.field(n).as_text().map(str::to_owned));
            json.as_text().map(str::to_owned).or(name).unwrap_or_default()
        }
        Value::Record(_) => named(item).unwrap_or_default(),
        _ => String::new(),
    };
    if text.is_empty() || text.chars().count() > 60 || text.chars().any(char::is_control) {
        return format_smolstr!("#{}", index + 1);
    }
    text.into()
}
