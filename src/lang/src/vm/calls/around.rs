//! What stands around a call: the calls in progress, their class, deadlines and cover.

use smol_str::SmolStr;

use super::names;
use crate::hir::Class;
use crate::vm::failure::invalid;
use crate::vm::fiber::{Calling, ScopeKind};
use crate::vm::machine::Machine;
use crate::vm::protocol::{Cover, EffectId, Millis};
use crate::vm::threads::Above;

/// What may be repeated, as it counts for a native or a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Repeats {
    Freely,
    /// Until the window of the key is over.
    Keyed(Millis),
    /// The scope that has the probe.
    Probed(usize),
    Once,
}

impl Machine {
    /// The code and tables do not fit together: cannot happen with a program that was compiled here.
    pub(in crate::vm) fn broken(&mut self) {
        self.throw(invalid("the code is damaged; this is a defect of rrb"));
    }

    /// The call at the seen level that is in progress.
    pub(in crate::vm) fn seen(&self) -> Option<&Calling> {
        self.around().find_map(|(_, s)| match &s.kind {
            ScopeKind::Call(c) if c.info.is_some() => Some(&**c),
            _ => None,
        })
    }

    /// What stands around a call and allows it.
    pub(in crate::vm) fn cover(&self) -> Option<Cover> {
        if let Some(cover) = &self.state.rolling {
            return cover.clone();
        }
        self.around()
            .find_map(|(_, s)| match &s.kind {
                ScopeKind::Waive { cover } => Some(cover.clone()),
                ScopeKind::Approve(a) => a.cover.clone(),
                _ => None,
            })
            .or_else(|| self.state.branch.inherit.cover.clone())
    }

    /// The idempotency key of the outermost call that has one.
    pub(in crate::vm) fn call_key(&self) -> Option<SmolStr> {
        self.state.branch.inherit.key.clone().or_else(|| self.calls().find_map(|(_, c)| c.key.clone()))
    }

    /// Whether a call around has `retry unsafe`.
    pub(in crate::vm) fn retries_unsafely(&self) -> bool {
        self.state.branch.inherit.is_unsafe || self.calls().any(|(_, c)| c.retry.as_ref().is_some_and(|r| r.is_unsafe))
    }

    /// What all calls around say about repeating, as a branch that begins here takes it over.
    pub(in crate::vm) fn repeats_above(&self) -> Above {
        if self.state.branch.inherit.repeats == Above::Probed {
            return Above::Probed;
        }
        match self.repeats(usize::MAX) {
            Repeats::Freely => Above::Freely,
            Repeats::Keyed(until) => Above::Keyed(until),
            Repeats::Probed(_) => Above::Probed,
            Repeats::Once => Above::Nothing,
        }
    }

    /// The approvals of the blocks around, innermost first.
    pub(super) fn approvals_held(&self) -> Vec<EffectId> {
        if let Some(cover) = &self.state.rolling {
            return match cover {
                Some(Cover::Approval { effect, .. }) => vec![effect.clone()],
                _ => Vec::new(),
            };
        }
        let here = self.state.fiber.scopes.iter().rev().filter_map(|s| match &s.kind {
            ScopeKind::Approve(a) => a.cover.as_ref(),
            _ => None,
        });
        // A branch inherits the innermost of those around its `parallel`.
        here.chain(&self.state.branch.inherit.cover)
            .filter_map(|cover| match cover {
                Cover::Approval { effect, .. } => Some(effect.clone()),
                Cover::Waiver { .. } => None,
            })
            .collect()
    }

    /// The innermost scope, when it is a call.
    pub(in crate::vm) fn calling(&mut self) -> Option<&mut Calling> {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Call(c)) => Some(c),
            _ => None,
        }
    }

    /// The calls in progress, outermost first, with the places of their scopes.
    pub(super) fn calls(&self) -> impl Iterator<Item = (usize, &Calling)> {
        let mut calls: Vec<(usize, &Calling)> = self
            .around()
            .filter_map(|(i, s)| match &s.kind {
                ScopeKind::Call(c) => Some((i, &**c)),
                _ => None,
            })
            .collect();
        calls.reverse();
        calls.into_iter()
    }

    /// The nearest of all deadlines around.
    pub(in crate::vm) fn deadline(&self) -> Option<Millis> {
        let calls = self.around().filter_map(|(_, s)| match &s.kind {
            ScopeKind::Call(c) => c.deadline,
            _ => None,
        });
        calls
            .chain(self.state.branch.inherit.deadline)
            .chain(self.state.phase_deadline)
            .chain(self.state.undo_deadline)
            .min()
    }

    /// The class that counts for the call whose scope is the last of `scopes`: the outermost that says anything. Who declares `once` over
    /// a `PUT` knows that this target takes it for something new each time.
    pub(super) fn repeats(&self, scopes: usize) -> Repeats {
        match self.state.branch.inherit.repeats {
            Above::Freely => return Repeats::Freely,
            Above::Keyed(until) => return Repeats::Keyed(until),
            Above::Probed => return Repeats::Once,
            Above::Nothing => {}
        }
        for (i, c) in self.calls().take_while(|(i, _)| *i < scopes) {
            let class = self.program.code(c.function).and_then(|f| f.action.as_ref()).map(|a| &a.0.class);
            match class {
                Some(Class::Idempotent) => return Repeats::Freely,
                Some(Class::Keyed(window)) => return Repeats::Keyed(c.began.saturating_add(*window)),
                Some(Class::Probe(_)) => return Repeats::Probed(i),
                Some(Class::Once) => return Repeats::Once,
                // An action that only reads says nothing about the primitives around it.
                Some(Class::Harmless | Class::Unsaid) | None => {}
            }
        }
        Repeats::Once
    }

    /// Every call around the native has acted in this try.
    pub(in crate::vm) fn mark_acted(&mut self) {
        let around: Vec<usize> = self.calls().map(|(i, _)| i).collect();
        for i in around {
            if let Some(ScopeKind::Call(c)) = self.state.fiber.scopes.get_mut(i).map(|s| &mut s.kind) {
                c.acted = true;
            }
        }
        self.state.branch.acted = true;
    }

    pub(super) fn call_name(&self) -> SmolStr {
        let innermost = self.calls().last().map(|(_, c)| c);
        match innermost {
            Some(c) => match &c.info {
                Some(info) => info.action.clone(),
                None => self.program.code(c.function).map_or_else(SmolStr::default, |f| names(&self.program, f).0),
            },
            None => SmolStr::default(),
        }
    }
}
