//! Tries that failed: whether there is another one, and when.

use super::around::Repeats;
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;
use crate::vm::code::RetrySite;
use crate::vm::failure;
use crate::vm::fiber::{Frame, FrameKind, Retrying, ScopeKind, Stage};
use crate::vm::machine::{Machine, Wait};
use crate::vm::protocol::{Effect, Failure, FailureKind, Happened, Millis, Note};

/// Pauses of a `retry` without `backoff`, in milliseconds.
const BACKOFF: (i64, i64) = (1_000, 60_000);

/// The longest pause that a target may ask for; when it wants a longer one, the call fails.
const LONGEST: i64 = 60 * 60 * 1_000;

impl Machine {
    /// What a call site says about retries, with the values of this call.
    pub(super) fn retrying(&self, r: &RetrySite) -> Retrying {
        let (first, largest) = match r.backoff {
            Some((a, b)) => {
                let first = span(&self.state.fiber.register(a), BACKOFF.0);
                (first, span(&self.state.fiber.register(b), BACKOFF.1).max(first))
            }
            None => BACKOFF,
        };
        let times = match self.state.fiber.register(r.times) {
            Value::Int(n) => u32::try_from(n.max(0)).unwrap_or(u32::MAX),
            _ => 0,
        };
        Retrying { times, first, largest, when: r.when, is_unsafe: r.is_unsafe }
    }

    /// A try of the innermost call failed: retry it, or fail it.
    pub(in crate::vm) fn attempt_failed(&mut self, mut f: Box<Failure>) {
        let (now, level) = (self.now(), self.state.fiber.scopes.len());
        let repeats = self.repeats(level);
        let Some(c) = self.calling() else { return self.broken() };
        if f.at == 0 {
            f.at = now;
        }
        if f.action.is_empty()
            && let Some(info) = &c.info
        {
            f.action = info.action.clone();
            f.attempts = c.attempt;
        } else if c.info.is_some() {
            f.attempts = c.attempt;
        }
        let never = matches!(f.kind, FailureKind::Cancelled | FailureKind::UnknownOutcome);
        let Some(retry) = c.retry.clone().filter(|r| !never && c.attempt <= r.times) else {
            return self.call_failed(f);
        };
        let harmless = c.effect <= EffectClass::Reads || retry.is_unsafe;
        let allowed = harmless
            || match repeats {
                Repeats::Freely => true,
                Repeats::Keyed(until) => now < until,
                Repeats::Probed(_) | Repeats::Once => f.happened == Happened::No && !c.acted,
            };
        if !allowed || self.state.stop.is_some() {
            return self.call_failed(f);
        }
        let Some((bound, pc)) = retry.when else {
            let passes = [FailureKind::Timeout, FailureKind::Unavailable, FailureKind::Throttled].contains(&f.kind);
            return if passes { self.pause(f) } else { self.call_failed(f) };
        };
        let shown = failure::to_value(&f);
        if let Some(c) = self.calling() {
            c.stage = Stage::Deciding;
            c.failure = Some(f);
        }
        self.enter_sub(bound, shown, pc);
    }

    /// Runs a piece of the innermost frame's code on its registers.
    pub(in crate::vm) fn enter_sub(&mut self, bound: u16, value: Value, pc: u32) {
        self.state.fiber.set(bound, value);
        if let Some(frame) = self.state.fiber.frames.last().copied() {
            let top = self.state.fiber.stack.len() as u32;
            let sub = Frame { pc, top, kind: FrameKind::Sub, ..frame };
            self.state.fiber.frames.push(sub);
        }
    }

    pub(in crate::vm) fn sub_done(&mut self, value: &Value) {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Call(c)) if c.stage == Stage::Deciding => {
                let Some(f) = c.failure.take() else { return self.broken() };
                if *value == Value::Bool(true) { self.pause(f) } else { self.call_failed(f) }
            }
            _ => self.ask_people(),
        }
    }

    pub(super) fn pause(&mut self, f: Box<Failure>) {
        let (now, deadline, plan) = (self.now(), self.outer_deadline(), self.out.is_plan());
        let Some(c) = self.calling() else { return self.broken() };
        let Some(retry) = &c.retry else { return self.call_failed(f) };
        if plan {
            return self.begin_try();
        }
        let doublings = c.attempt.saturating_sub(1).min(62);
        let pause = retry.first.saturating_mul(1_i64 << doublings).min(retry.largest);
        // Never sooner than the target asked for: it would refuse again.
        let asked = asked(&f);
        let at = now.saturating_add(pause.max(asked));
        if asked > LONGEST {
            return self.call_failed(f);
        }
        if deadline.is_some_and(|d| at >= d) {
            return self.call_failed(f);
        }
        let (attempt, site) = (c.attempt, c.id.site);
        c.stage = Stage::Pausing;
        c.deadline = None;
        c.failure = Some(f.clone());
        let action = self.call_name();
        self.out.note(Note::Retrying { action, attempt, at, failure: *f });
        let id = self.next_id(site);
        self.suspend(id, Effect::Sleep { until: at }, Wait::Pause);
    }

    /// The nearest deadline of what is around the innermost call: its own is that of a try.
    pub(super) fn outer_deadline(&self) -> Option<Millis> {
        let last = self.state.fiber.scopes.len().saturating_sub(1);
        let calls = self.calls().filter(|(i, _)| *i < last).filter_map(|(_, c)| c.deadline);
        calls
            .chain(self.state.branch.inherit.deadline)
            .chain(self.state.phase_deadline)
            .chain(self.state.undo_deadline)
            .min()
    }
}

/// How long the target wants to be left alone, in milliseconds.
fn asked(f: &Failure) -> i64 {
    match f.detail.member("retry_after_seconds") {
        Some(Json::Int(seconds)) => seconds.saturating_mul(1_000).max(0),
        _ => 0,
    }
}

/// A duration that is not negative.
pub(super) fn span(value: &Value, otherwise: i64) -> i64 {
    if let Value::Duration(ms) = value { (*ms).max(0) } else { otherwise }
}
