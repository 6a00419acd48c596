//! Failures on their way out, and stops from outside.

use super::fiber::{ScopeKind, Stage};
use super::fork::Ended;
use super::machine::{Cause, Machine, Phase, Stop, Wait};
use super::protocol::{Failure, FailureKind, Note};
use super::threads::MAIN;
use crate::syntax::ast::Effect as EffectClass;

impl Machine {
    /// A failure leaves scope after scope until something catches it.
    pub(super) fn throw(&mut self, f: Box<Failure>) {
        let mut f = f;
        super::limits::cut(&mut f.message, super::limits::MAX_MESSAGE);
        loop {
            let Some(scope) = self.state.fiber.scopes.last() else { return self.uncaught(*f) };
            match &scope.kind {
                ScopeKind::Try { .. } => match self.state.fiber.catch(f) {
                    None => return,
                    Some(back) => f = back,
                },
                ScopeKind::Call(c) => {
                    let (stage, frames, stack) = (c.stage, scope.frames as usize, scope.stack as usize);
                    self.state.fiber.frames.truncate(frames);
                    self.state.fiber.stack.truncate(stack);
                    return match stage {
                        Stage::Running => self.attempt_failed(f),
                        // A `when` that fails is a no; a probe that fails knows nothing.
                        Stage::Deciding => {
                            let first = self.calling().and_then(|c| c.failure.take());
                            self.call_failed(first.unwrap_or(f))
                        }
                        Stage::Probing => self.ask_what_happened(),
                        Stage::Gate | Stage::Pausing | Stage::Resolving => self.call_failed(f),
                    };
                }
                ScopeKind::Poll(_) => match self.poll_failed(f) {
                    None => return,
                    Some(back) => f = back,
                },
                ScopeKind::Rollback { .. } => return self.undo_failed(*f),
                ScopeKind::Interrupt(_) => self.leave_handler(&mut f),
                ScopeKind::During(_) => self.drop_scope(&mut f),
                ScopeKind::Catch { .. }
                | ScopeKind::Step { .. }
                | ScopeKind::Waive { .. }
                | ScopeKind::Approve(_)
                | ScopeKind::Fork(_) => {
                    self.drop_scope(&mut f);
                }
            }
        }
    }

    /// Takes the innermost scope off.
    pub(super) fn drop_scope(&mut self, f: &mut Failure) {
        let Some(scope) = self.state.fiber.scopes.pop() else { return };
        self.state.fiber.cut(&scope);
        match &scope.kind {
            ScopeKind::Step { site, .. } => f.trace.push(*site),
            ScopeKind::Call(c) => f.trace.push(c.id.site),
            ScopeKind::Poll(_) => self.verify_ended(&scope),
            _ => {}
        }
        self.leave(&scope, Some(f));
    }

    /// A failure that cannot be caught: a limit. An undo of `rollback` fails of it alone.
    pub(super) fn throw_hard(&mut self, mut f: Box<Failure>) {
        while let Some(scope) = self.state.fiber.scopes.last() {
            if matches!(scope.kind, ScopeKind::Rollback { .. }) {
                return self.undo_failed(*f);
            }
            self.drop_scope(&mut f);
        }
        if self.is_branch() && !self.out.is_plan() {
            f.at = if f.at == 0 { self.now() } else { f.at };
            return self.branch_over(Ended::Limit(*f));
        }
        self.uncaught(*f);
    }

    fn uncaught(&mut self, mut f: Failure) {
        if f.at == 0 {
            f.at = self.now();
        }
        if let Some(plan) = self.out.plan() {
            plan.over = Some(Some(f.message.clone()));
            self.state.phase = Phase::Over;
            let site = f.trace.first().copied();
            return self.foresee(site, |_| super::foresight::Foretold::Fails { message: f.message });
        }
        if self.is_branch() {
            return self.branch_over(Ended::Failed(f));
        }
        match self.state.phase {
            Phase::Undoing => self.undo_failed(f),
            Phase::OnFailure | Phase::Finally => {
                let handler = if self.state.phase == Phase::OnFailure { "on failure" } else { "finally" };
                self.out.note(Note::HandlerFailed { handler: handler.into(), failure: f });
                self.next_phase();
            }
            Phase::New | Phase::Body | Phase::Over => {
                self.out.note(Note::Failed { failure: f.clone() });
                self.end(Cause::Failed(f));
            }
        }
    }

    /// Ends the innermost scope on the way through.
    pub(super) fn close(&mut self) {
        if let Some(scope) = self.state.fiber.scopes.pop() {
            self.leave(&scope, None);
        }
    }

    pub(super) fn return_scoped(&mut self, s: u16) {
        let value = self.state.fiber.register(s);
        let depth = self.state.fiber.frames.len() as u32;
        while self.state.fiber.scopes.last().is_some_and(|scope| scope.frames == depth) {
            self.close();
        }
        if let Some(kind) = self.state.fiber.finish_frame(value.clone()) {
            self.returned(kind, value);
        }
    }

    /// Somebody wants the run to stop. Counts once, and not when the end has begun.
    pub(super) fn ask_to_stop(&mut self, stop: Stop) {
        if self.state.phase != Phase::Body {
            return;
        }
        self.switch_to(MAIN);
        if self.state.stop.is_some() {
            return;
        }
        self.state.stop = Some(stop);
        self.stop_arrives();
    }

    /// The thread at hand has been told to stop.
    pub(super) fn stop_arrives(&mut self) {
        if let Some(stop) = self.state.stop.clone().filter(|_| self.state.branch.waiting > 0) {
            return self.stop_branches(&stop);
        }
        if self.is_branch() && !self.state.branch.started {
            return self.branch_over(Ended::Stopped);
        }
        let Some(wait) = self.state.wait.as_ref().map(|(_, w)| w.clone()) else { return };
        let why = self.stop_reason();
        match wait {
            // In flight: it ends first.
            Wait::Native => {}
            Wait::Child { .. } => self.stop_waited_child(),
            Wait::Pause if !self.stoppable() => {
                // An inner call of a seen one: it fails with what it failed with, and the seen one goes on to its end.
                self.abandon_wait(&why);
                if let Some(f) = self.calling().and_then(|c| c.failure.take()) {
                    self.call_failed(f);
                }
            }
            Wait::Resolve => {
                let action = self.seen().and_then(|c| c.info.as_ref()).map(|i| i.action.clone()).unwrap_or_default();
                self.state.remains.push(format!("{action}: nobody knows whether it happened"));
                self.abandon_wait(&why);
                self.unknown_outcome();
            }
            _ if self.stoppable() => {
                self.abandon_wait(&why);
                self.stop_now();
            }
            _ => {}
        }
    }

    /// A child that the run waits for comes to its end first, undo and all; one that is only begun is in flight.
    pub(super) fn stop_waited_child(&mut self) {
        let why = self.stop_reason();
        if let Some((id, Wait::Child { .. })) = self.state.wait.clone() {
            self.stop_child(&id, &why);
        }
    }

    pub(super) fn stop_reason(&self) -> String {
        match &self.state.stop {
            Some(Stop::Cancel(why) | Stop::Sibling(why)) => why.clone(),
            _ => "the time of the run is over".to_owned(),
        }
    }

    /// Whether a stop may arrive here: not inside a seen call that changes, nor inside an undo.
    pub(super) fn stoppable(&self) -> bool {
        if self.state.fiber.scopes.iter().any(|s| matches!(s.kind, ScopeKind::Rollback { .. })) {
            return false;
        }
        // A branch may be stopped by its group wherever it runs.
        let inside = matches!(self.state.stop, Some(Stop::Sibling(_)));
        if !inside && (self.state.phase != Phase::Body || self.state.rolling.is_some()) {
            return false;
        }
        match self.seen() {
            Some(c) => c.effect <= EffectClass::Reads || matches!(c.stage, Stage::Gate | Stage::Pausing),
            None => true,
        }
    }

    /// The stop arrives: nothing catches it.
    pub(super) fn stop_now(&mut self) {
        let Some(stop) = self.state.stop.clone() else { return };
        let (kind, message) = match &stop {
            Stop::Cancel(why) | Stop::Sibling(why) => (FailureKind::Cancelled, why.clone()),
            Stop::Timeout => (FailureKind::Timeout, self.timeout_message()),
        };
        let mut f = Failure::new(kind, message);
        f.at = self.now();
        while !self.state.fiber.scopes.is_empty() {
            self.drop_scope(&mut f);
        }
        if self.is_branch() {
            return self.branch_over(Ended::Stopped);
        }
        let cause = match stop {
            Stop::Cancel(why) | Stop::Sibling(why) => Cause::Cancelled(why),
            Stop::Timeout => {
                self.out.note(Note::Failed { failure: f.clone() });
                Cause::TimedOut(f)
            }
        };
        self.end(cause);
    }

    fn timeout_message(&self) -> String {
        let limit = self.program.runbook(self.state.input.runbook).and_then(|r| r.timeout_ms).unwrap_or(0);
        format!("the run took longer than {}", super::print::duration(limit))
    }
}
