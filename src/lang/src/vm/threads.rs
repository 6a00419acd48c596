//! The threads of a run: the main one and the branches of `parallel`, `race` and parallel loops. One is in the state's own fields
//! and can run, the others are set aside. Which one goes on next is a function of the state: the first that can.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::fiber::{Fiber, ScopeKind, Undo};
use super::limits;
use super::machine::{Machine, Phase, State, Stop, Wait};
use super::outbox::Outbox;
use super::protocol::{Command, Cover, EffectId, Millis, Note};
use crate::ids::SiteId;

/// The number of the main thread.
pub(super) const MAIN: u32 = 0;

/// What a thread is besides its fiber.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Branch {
    /// The thread that waits for it; none for the main one.
    pub parent: Option<u32>,
    /// Which branch or item of its group it is.
    pub index: u32,
    /// What it goes by in the timeline: `a`, `n7 › check`.
    pub label: SmolStr,
    pub inherit: Inherit,
    /// Branches that it waits for.
    pub waiting: u32,
    /// It has run.
    pub started: bool,
    /// A stop has come in while it was set aside.
    pub poked: bool,
    /// A changing native was done in it.
    pub acted: bool,
    /// The bytes of its values, while it is not running.
    pub bytes: Option<u64>,
}

/// What a branch takes over from the threads around it, which stand still while it runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Inherit {
    pub cover: Option<Cover>,
    pub deadline: Option<Millis>,
    pub key: Option<SmolStr>,
    /// A call around it has `retry unsafe`.
    pub is_unsafe: bool,
    pub repeats: Above,
    /// The threads around are at an undo.
    pub rolling: bool,
}

/// What the calls around a branch say about repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Above {
    #[default]
    Nothing,
    Freely,
    Keyed(Millis),
    /// Has a probe, which speaks of the whole call and cannot be asked while other branches run.
    Probed,
}

/// A thread that is set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Thread {
    pub fiber: Fiber,
    pub path: SmolStr,
    pub counters: BTreeMap<SiteId, u32>,
    pub wait: Option<(EffectId, Wait)>,
    pub undos: Vec<Undo>,
    pub rolling: Option<Option<Cover>>,
    pub undoing: SmolStr,
    pub undo_deadline: Option<Millis>,
    pub parked_at: Millis,
    pub stop: Option<Stop>,
    pub branch: Branch,
}

impl Thread {
    pub(super) fn new(fiber: Fiber, path: SmolStr, branch: Branch) -> Self {
        Self {
            fiber,
            path,
            counters: BTreeMap::new(),
            wait: None,
            undos: Vec::new(),
            rolling: None,
            undoing: SmolStr::default(),
            undo_deadline: None,
            parked_at: 0,
            stop: None,
            branch,
        }
    }

    fn can_run(&self) -> bool {
        self.branch.poked || (self.wait.is_none() && self.branch.waiting == 0)
    }
}

/// Exchanges the thread in the state's own fields.
pub(super) fn swap(state: &mut State, t: &mut Thread) {
    use std::mem::swap;
    swap(&mut state.fiber, &mut t.fiber);
    swap(&mut state.path, &mut t.path);
    swap(&mut state.counters, &mut t.counters);
    swap(&mut state.wait, &mut t.wait);
    swap(&mut state.undos, &mut t.undos);
    swap(&mut state.rolling, &mut t.rolling);
    swap(&mut state.undoing, &mut t.undoing);
    swap(&mut state.undo_deadline, &mut t.undo_deadline);
    swap(&mut state.parked_at, &mut t.parked_at);
    swap(&mut state.stop, &mut t.stop);
    swap(&mut state.branch, &mut t.branch);
    // Time is the same for all.
    state.fiber.now = state.fiber.now.max(t.fiber.now);
}

impl Machine {
    /// Whether the thread at hand is a branch.
    pub(super) fn is_branch(&self) -> bool {
        self.state.branch.parent.is_some()
    }

    /// Runs until every thread waits for something or the run is over.
    pub(super) fn advance(&mut self) {
        while self.state.phase != Phase::Over {
            if self.state.branch.poked {
                self.state.branch.poked = false;
                self.stop_arrives();
            } else if self.state.wait.is_none() && self.state.branch.waiting == 0 {
                self.prepare();
                self.pump();
            } else {
                match self.state.threads.iter().find(|(_, t)| t.can_run()).map(|(id, _)| *id) {
                    Some(id) => self.switch_to(id),
                    None => break,
                }
            }
        }
        self.label_notes();
    }

    /// Takes stock of a thread before it runs; the fuel of the step goes on.
    fn prepare(&mut self) {
        if self.prepared == Some(self.state.current) {
            return;
        }
        self.prepared = Some(self.state.current);
        self.state.branch.started = true;
        self.state.branch.bytes = None;
        self.take_stock();
    }

    /// Makes a thread the one at hand.
    pub(super) fn switch_to(&mut self, id: u32) {
        if id == self.state.current {
            return;
        }
        let Some(mut thread) = self.state.threads.remove(&id) else { return };
        self.label_notes();
        self.state.held = self.state.held.saturating_sub(thread.branch.bytes.unwrap_or(0));
        swap(&mut self.state, &mut thread);
        let bytes = thread.branch.bytes.unwrap_or_else(|| self.bytes_of(&thread));
        thread.branch.bytes = Some(bytes);
        self.state.held = self.state.held.saturating_add(bytes);
        self.state.threads.insert(self.state.current, thread);
        self.state.current = id;
        self.prepared = None;
    }

    /// Adds a thread that is set aside.
    pub(super) fn add_thread(&mut self, mut thread: Thread) {
        let bytes = self.bytes_of(&thread);
        thread.branch.bytes = Some(bytes);
        self.state.held = self.state.held.saturating_add(bytes);
        self.state.next_thread = self.state.next_thread.saturating_add(1);
        self.state.threads.insert(self.state.next_thread, thread);
    }

    fn bytes_of(&self, thread: &Thread) -> u64 {
        let mut sum = 0;
        let undos = thread.undos.iter().flat_map(|u| &u.args);
        for value in thread.fiber.stack.iter().chain(undos) {
            limits::measure(value, &mut sum, self.budget.memory);
        }
        sum
    }

    /// The thread that waits for an effect.
    pub(super) fn waiter(&self, id: &EffectId) -> Option<u32> {
        let waits = |wait: &Option<(EffectId, Wait)>| wait.as_ref().is_some_and(|(w, _)| w == id);
        if waits(&self.state.wait) {
            return Some(self.state.current);
        }
        self.state.threads.iter().find(|(_, t)| waits(&t.wait)).map(|(n, _)| *n)
    }

    /// Says of which branch the notes are that came since the last call.
    pub(super) fn label_notes(&mut self) {
        let Outbox::Live(commands) = &mut self.out else { return };
        let label = &self.state.branch.label;
        if !label.is_empty() {
            for command in commands.iter_mut().skip(self.noted) {
                if let Command::Note(note) = command
                    && !matches!(note, Note::In { .. })
                {
                    let inner = std::mem::replace(note, Note::UndoBegan { count: 0 });
                    *note = Note::In { branch: label.clone(), inner: Box::new(inner) };
                }
            }
        }
        self.noted = commands.len();
    }

    /// Wants all branches of the thread at hand to stop.
    pub(super) fn stop_branches(&mut self, stop: &Stop) {
        let parent = self.state.current;
        let inside = matches!(stop, Stop::Sibling(_));
        for thread in self.state.threads.values_mut().filter(|t| t.branch.parent == Some(parent)) {
            // A stop of the run does not reach an undo; one of the group does.
            let reached = inside || !thread.branch.inherit.rolling;
            let stronger = inside && !matches!(thread.stop, Some(Stop::Sibling(_)));
            if reached && (thread.stop.is_none() || stronger) {
                thread.stop = Some(stop.clone());
                thread.branch.poked = true;
            }
        }
    }

    /// The innermost approval or waiver of the threads around, for one call: see [`super::approve`].
    pub(super) fn outer_scopes<T>(&mut self, mut f: impl FnMut(&mut ScopeKind) -> Option<T>) -> Option<T> {
        let mut at = self.state.branch.parent;
        while let Some(id) = at {
            let thread = self.state.threads.get_mut(&id)?;
            if let Some(found) = thread.fiber.scopes.iter_mut().rev().find_map(|s| f(&mut s.kind)) {
                return Some(found);
            }
            at = thread.branch.parent;
        }
        None
    }
}
