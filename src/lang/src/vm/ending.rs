//! How a run ends: undo, `on failure`, `finally`, the outcome.

use super::fiber::{FrameKind, ScopeKind, Undo};
use super::foresight::Foretold;
use super::fork::Ended;
use super::machine::{Cause, Machine, Phase};
use super::protocol::{Command, EffectId, Failure, FailureKind, Millis, Note, RunEnd};
use crate::hir::Outcome;
use crate::json::Json;
use crate::value::Value;

/// Undo and handlers together.
const HANDLERS: Millis = 15 * 60 * 1000;
/// One undo.
const UNDO: Millis = 5 * 60 * 1000;

impl Machine {
    /// `finish`: in a handler or an undo it ends just that.
    pub(super) fn finish(&mut self, outcome: Outcome, why: String) {
        if let Some(plan) = self.out.plan() {
            plan.over = Some(None);
            self.state.phase = Phase::Over;
            return;
        }
        let undoing = self.state.fiber.scopes.iter().any(|s| matches!(s.kind, ScopeKind::Rollback { .. }));
        if undoing || (self.state.rolling.is_some() && !self.is_branch()) {
            return self.end_undo_frame();
        }
        while !self.state.fiber.scopes.is_empty() {
            self.close();
        }
        if self.is_branch() {
            return self.branch_over(Ended::Finished { outcome, why });
        }
        if self.state.phase == Phase::Body {
            self.end(Cause::Finished { outcome, why });
        } else {
            self.next_phase();
        }
    }

    /// The body, or a handler, came to its end.
    pub(super) fn entry_done(&mut self) {
        self.foresee(None, |_| Foretold::Ends);
        if let Some(plan) = self.out.plan() {
            plan.over = Some(None);
            self.state.phase = Phase::Over;
            return;
        }
        if self.is_branch() {
            return self.branch_over(Ended::Value(Value::Nothing));
        }
        match self.state.phase {
            Phase::Body => self.end(Cause::Finished { outcome: Outcome::Resolved, why: String::new() }),
            _ => self.next_phase(),
        }
    }

    /// Begins the end.
    pub(super) fn end(&mut self, cause: Cause) {
        let timer = EffectId { fiber: self.state.path.clone(), site: EffectId::RUN_SITE, count: 0 };
        self.abandon(timer, "the run comes to its end");
        self.state.phase_deadline = Some(self.now().saturating_add(HANDLERS));
        let undoes = !matches!(cause, Cause::Finished { .. });
        // What is no run (an `acknowledge`) has nobody who wants it undone.
        let rollback = self.program.runbook(self.state.input.runbook).is_some_and(|r| r.rollback);
        self.state.cause = Some(cause);
        if undoes && rollback && !self.state.undos.is_empty() {
            let count = self.state.undos.len() as u32;
            self.out.note(Note::UndoBegan { count });
            self.state.phase = Phase::Undoing;
            return self.next_undo();
        }
        self.state.phase = Phase::Undoing;
        self.next_phase();
    }

    /// From undo to `on failure` to `finally` to the end, whichever there are.
    pub(super) fn next_phase(&mut self) {
        self.fresh();
        let program = self.program.clone();
        let Some(runbook) = program.runbook(self.state.input.runbook) else { return self.over() };
        if runbook.shadow {
            // Handlers act, and there is nothing that they could handle.
            return self.over();
        }
        let mut args = self.state.input.params.clone();
        if self.state.phase == Phase::Undoing {
            self.state.phase = Phase::OnFailure;
            if let (Some(f), Some(Cause::Failed(failure) | Cause::TimedOut(failure))) =
                (runbook.on_failure, &self.state.cause)
            {
                args.push(super::failure::to_value(failure));
                return self.enter(f, args, FrameKind::Entry);
            }
        }
        if self.state.phase == Phase::OnFailure {
            self.state.phase = Phase::Finally;
            if let Some(f) = runbook.finally {
                return self.enter(f, args, FrameKind::Entry);
            }
        }
        self.over();
    }

    /// What comes next has nothing of what was, and a full ration.
    fn fresh(&mut self) {
        let fiber = &mut self.state.fiber;
        fiber.stack.clear();
        fiber.frames.clear();
        fiber.scopes.clear();
        fiber.connector = None;
        fiber.instance = "default".into();
        self.state.rolling = None;
        self.state.undo_deadline = None;
        self.state.effects = 0;
        self.state.stop = None;
        self.abandon_wait("what waited for it is over");
        let l = self.state.input.limits;
        self.budget = super::budget::Budget::new(l.fuel, l.memory, l.depth);
    }

    fn over(&mut self) {
        self.state.phase = Phase::Over;
        let open: Vec<EffectId> = self.state.open.keys().cloned().collect();
        for id in open {
            self.abandon(id, "the run is over");
        }
        let remains = std::mem::take(&mut self.state.remains);
        let undone = self.state.undone > 0 && remains.is_empty();
        let (outcome, why, failure) = match self.state.cause.take() {
            Some(Cause::Finished { outcome, why }) => (outcome, why, None),
            Some(Cause::Cancelled(why)) => (Outcome::Cancelled, why, None),
            Some(Cause::Failed(f) | Cause::TimedOut(f)) => {
                let outcome = match refusal(&f) {
                    _ if !remains.is_empty() => Outcome::Failed,
                    Some(true) => Outcome::Expired,
                    Some(false) => Outcome::Denied,
                    None if undone => Outcome::RolledBack,
                    None => Outcome::Failed,
                };
                (outcome, f.message.clone(), Some(f))
            }
            None => (Outcome::Failed, String::new(), None),
        };
        let ineffective = self.state.ineffective;
        self.out.push(Command::Finish(RunEnd { outcome, why, failure, ineffective, remains }));
    }

    /// Runs the newest recorded undo of the end, or goes on.
    fn next_undo(&mut self) {
        match self.state.undos.pop() {
            Some(undo) => {
                self.fresh();
                self.begin_undo(undo);
            }
            None => self.next_phase(),
        }
    }

    fn begin_undo(&mut self, undo: Undo) {
        self.state.undo_deadline = Some(self.now().saturating_add(UNDO));
        self.state.rolling = Some(undo.cover);
        self.state.fiber.connector = undo.connector;
        self.state.fiber.instance = undo.instance;
        self.state.undoing = undo.action;
        self.enter(undo.function, undo.args, FrameKind::Undo);
    }

    /// `rollback`: what the `try` of the innermost `catch` here recorded, else everything.
    pub(super) fn rollback(&mut self) {
        if self.out.is_plan() || self.state.phase != Phase::Body || self.state.rolling.is_some() {
            return;
        }
        let depth = self.state.fiber.frames.len() as u32;
        let all = self.state.undos.len();
        let (from, to) = self
            .state
            .fiber
            .scopes
            .iter()
            .rev()
            .take_while(|s| s.frames == depth)
            .find_map(|s| match s.kind {
                ScopeKind::Catch { undos: (from, to), .. } => Some((from as usize, to as usize)),
                _ => None,
            })
            .unwrap_or((0, all));
        let (from, to) = (from.min(all), to.min(all));
        let left: Vec<Undo> = self.state.undos.drain(from.min(to)..to).collect();
        self.state.fiber.undos = self.state.undos.len() as u32;
        self.roll_back(left);
    }

    /// Runs these undos now, newest last; then the thread goes on.
    pub(super) fn roll_back(&mut self, left: Vec<Undo>) {
        if left.is_empty() {
            return;
        }
        self.out.note(Note::UndoBegan { count: left.len() as u32 });
        let back = (self.state.fiber.connector, self.state.fiber.instance.clone());
        self.state.fiber.open(ScopeKind::Rollback { left, back });
        self.next_of_rollback();
    }

    fn next_of_rollback(&mut self) {
        let Some(ScopeKind::Rollback { left, back }) = self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) else {
            return self.broken();
        };
        match left.pop() {
            Some(undo) => self.begin_undo(undo),
            None => {
                (self.state.fiber.connector, self.state.fiber.instance) = back.clone();
                self.state.rolling = None;
                self.state.undo_deadline = None;
                self.state.fiber.scopes.pop();
            }
        }
    }

    pub(super) fn undo_done(&mut self) {
        if self.out.is_plan() {
            self.state.supposing = self.state.supposing.saturating_sub(1);
            return;
        }
        self.state.undone += 1;
        self.after_undo();
    }

    /// The undo that is at work has failed; the others go on.
    pub(super) fn undo_failed(&mut self, mut failure: Failure) {
        /// Of a message: there may be as many as there were calls.
        const SAID: usize = 500;
        let action = self.state.undoing.clone();
        super::limits::cut(&mut failure.message, SAID);
        self.out.note(Note::UndoFailed { action: action.clone(), failure });
        self.state.remains.push(action.to_string());
        self.cut_to_rollback();
        self.after_undo();
    }

    /// `finish` inside an undo.
    fn end_undo_frame(&mut self) {
        self.state.undone += 1;
        self.cut_to_rollback();
        self.after_undo();
    }

    fn cut_to_rollback(&mut self) {
        while let Some(scope) = self.state.fiber.scopes.last() {
            if matches!(scope.kind, ScopeKind::Rollback { .. }) {
                let (frames, stack) = (scope.frames as usize, scope.stack as usize);
                self.state.fiber.frames.truncate(frames);
                self.state.fiber.stack.truncate(stack);
                break;
            }
            self.close();
        }
    }

    fn after_undo(&mut self) {
        let at_statement = self.state.fiber.scopes.iter().any(|s| matches!(s.kind, ScopeKind::Rollback { .. }));
        if at_statement { self.next_of_rollback() } else { self.next_undo() }
    }
}

/// Whether a failure is the no to an approval, and whether for lack of an answer.
fn refusal(f: &Failure) -> Option<bool> {
    match (f.kind, f.detail.field("expired")) {
        (FailureKind::Denied, Json::Bool(expired)) if f.detail.field("approval") != Json::Null => Some(expired),
        // What policies say of a call they deny.
        (FailureKind::Denied, _) if f.detail.field("policies") != Json::Null => Some(false),
        _ => None,
    }
}
