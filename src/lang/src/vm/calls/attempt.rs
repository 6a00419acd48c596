//! One try of a call, and the answers that it gets.

use smol_str::SmolStr;

use super::around::Repeats;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;
use crate::vm::code::Code;
use crate::vm::fiber::{FrameKind, Stage};
use crate::vm::machine::{Machine, Wait};
use crate::vm::protocol::{
    Effect, EffectId, EffectOutcome, Failure, FailureKind, Happened, NativeCall, Note, Plan, Repeat,
};

impl Machine {
    pub(super) fn begin_try(&mut self) {
        let now = self.now();
        let program = self.program.clone();
        let Some(calling) = self.calling() else { return self.broken() };
        calling.attempt += 1;
        calling.acted = false;
        calling.failure = None;
        calling.lost = None;
        calling.stage = Stage::Running;
        calling.deadline = calling.timeout.map(|t| now.saturating_add(t));
        let (function, args, attempt) = (calling.function, calling.args.clone(), calling.attempt);
        let info = calling.info.clone();
        if let (Some(info), 1) = (info, attempt) {
            self.out.note(Note::ActionBegan { info: *info });
        }
        let Some(callee) = program.code(function) else { return self.broken() };
        if callee.action.as_ref().is_some_and(|a| a.0.native.is_some()) {
            self.call_native(callee, args);
        } else {
            self.enter(function, args, FrameKind::Action);
        }
    }

    pub(super) fn call_native(&mut self, callee: &Code, args: Vec<Value>) {
        let Some((site, effect, attempt)) = self.calling().map(|c| (c.id.site, c.effect, c.attempt)) else {
            return self.broken();
        };
        let Some(native) = callee.action.as_ref().and_then(|a| a.0.native.clone()) else { return self.broken() };
        let repeat = match self.repeats(self.state.fiber.scopes.len()) {
            _ if effect <= EffectClass::Reads => Repeat::Always,
            Repeats::Freely => Repeat::Always,
            Repeats::Keyed(until) => Repeat::KeyedUntil(until),
            Repeats::Probed(_) | Repeats::Once => Repeat::Never,
        };
        let key = if effect >= EffectClass::Changes { self.call_key() } else { None };
        let (action, instance) = self.seen().and_then(|c| c.info.as_ref()).map_or_else(
            || (native.clone(), SmolStr::new_static("default")),
            |info| (info.action.clone(), info.instance.clone()),
        );
        let args = callee.params.iter().cloned().zip(args).collect();
        let deadline = self.deadline();
        let id = self.next_id(site);
        let call = NativeCall { native, args, effect, repeat, key, attempt, deadline, action, instance };
        self.foresee_read(&id, &call);
        self.suspend(id, Effect::Call(call), Wait::Native);
    }

    /// Hands the answer to an effect on to what waited for it.
    pub(in crate::vm) fn deliver(&mut self, wait: Wait, effect: Effect, id: &EffectId, outcome: EffectOutcome) {
        match (wait, outcome) {
            (Wait::Gate, EffectOutcome::Done(_)) => self.begin_try(),
            (Wait::Gate, EffectOutcome::Gated(gated)) => self.gated(*gated),
            (Wait::Gate | Wait::PolicyApproval, EffectOutcome::Failed(f)) => self.call_failed(Box::new(f)),
            (Wait::PolicyApproval, EffectOutcome::Approved { .. }) => self.policy_met(id),
            (Wait::PolicyApproval, EffectOutcome::Refused { reason, by, expired, .. }) => {
                self.policy_refused(&effect, &reason, &by, expired);
            }
            (Wait::Native, EffectOutcome::Done(value)) => self.native_done(value),
            (Wait::Native, EffectOutcome::Failed(f)) => self.native_failed(effect, id, Box::new(f), false),
            (Wait::Native, EffectOutcome::Lost { why }) => {
                let f = Failure::new(FailureKind::Unavailable, why).happened(Happened::Maybe);
                self.native_failed(effect, id, Box::new(f), true);
            }
            (Wait::Pause, _) => self.begin_try(),
            (Wait::Resolve, EffectOutcome::Resolved(r)) => self.resolved(r),
            (Wait::Sleep(timed_out), _) => {
                if timed_out {
                    self.throw(Box::new(Failure::new(FailureKind::Timeout, "the time is over")));
                }
            }
            (Wait::Poll, _) => self.poll_again(),
            (Wait::Event { d, late }, outcome) => self.event_done(d, late, outcome),
            (Wait::Child { d }, outcome) => self.child_done(d, &effect, outcome),
            (Wait::Plan, EffectOutcome::Planned(plan)) => self.planned(plan),
            (Wait::Plan, EffectOutcome::Failed(f)) => {
                let incomplete = Some(format!("the plan could not be made: {}", f.message));
                self.planned(Plan { incomplete, ..Default::default() });
            }
            (Wait::Approval, EffectOutcome::Approved { by, comments, at }) => self.approved(&by, &comments, at),
            (Wait::Approval, EffectOutcome::Refused { reason, by, expired, at }) => {
                self.refused(&reason, &by, expired, at);
            }
            (Wait::Approval, EffectOutcome::Failed(f)) => self.refused(&f.message, &[], false, f.at),
            // `answers` let only fitting pairs through.
            _ => self.broken(),
        }
    }

    pub(super) fn native_done(&mut self, value: Value) {
        let Some(changes) = self.calling().map(|c| c.effect >= EffectClass::Changes) else { return self.broken() };
        if changes {
            self.mark_acted();
        }
        if self.charge(&value) {
            self.call_done(value);
        }
    }

    pub(super) fn native_failed(&mut self, effect: Effect, id: &EffectId, f: Box<Failure>, lost: bool) {
        let Effect::Call(call) = effect else { return self.broken() };
        if f.happened != Happened::Maybe || call.effect <= EffectClass::Reads {
            return self.attempt_failed(f);
        }
        let is_unsafe = self.retries_unsafely();
        let why = f.message.clone();
        match self.repeats(self.state.fiber.scopes.len()) {
            Repeats::Freely => self.attempt_failed(f),
            Repeats::Keyed(until) if self.now() < until && !lost => self.attempt_failed(f),
            Repeats::Probed(scope) => {
                // The whole action is asked about: what was in progress inside it is over.
                self.cut_to_call(scope);
                if let Some(c) = self.calling() {
                    c.lost = Some((call.native, id.clone(), why));
                }
                self.probe();
            }
            _ if is_unsafe => self.attempt_failed(f),
            _ => {
                if let Some(c) = self.calling() {
                    c.lost = Some((call.native, id.clone(), why));
                }
                self.ask_what_happened();
            }
        }
    }

    /// Ends what is in progress inside the call at this place of the scopes.
    pub(super) fn cut_to_call(&mut self, scope: usize) {
        while self.state.fiber.scopes.len() > scope + 1 {
            let Some(top) = self.state.fiber.scopes.pop() else { break };
            self.state.fiber.cut(&top);
            self.leave(&top, None);
        }
        if let Some(top) = self.state.fiber.scopes.last() {
            let (frames, stack) = (top.frames as usize, top.stack as usize);
            self.state.fiber.frames.truncate(frames);
            self.state.fiber.stack.truncate(stack);
        }
    }
}
