//! How a call ends, and the undo that it leaves.

use smol_str::SmolStr;

use crate::ids::ConnectorId;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;
use crate::vm::code::CallSite;
use crate::vm::fiber::{Calling, Scope, ScopeKind, Undo};
use crate::vm::machine::{Machine, Phase};
use crate::vm::protocol::{Failure, Happened, Note};

impl Machine {
    /// What the end of a scope puts back, and tells.
    pub(in crate::vm) fn leave(&mut self, scope: &Scope, failure: Option<&Failure>) {
        match &scope.kind {
            ScopeKind::Call(c) => {
                (self.state.fiber.connector, self.state.fiber.instance) = c.outer.clone();
                self.tell_end(c, c.failure.as_deref().or(failure));
            }
            ScopeKind::During(_) | ScopeKind::Interrupt(_) => self.stop_listening(scope),
            ScopeKind::Step { site, name, around } => {
                self.state.fiber.since = *around;
                let ok = failure.is_none();
                self.out.note(Note::StepEnded { site: *site, name: name.clone(), ok });
            }
            _ => {}
        }
    }

    pub(super) fn tell_end(&mut self, c: &Calling, failure: Option<&Failure>) {
        if let Some(info) = c.info.as_ref().filter(|_| c.attempt > 0) {
            self.out.note(Note::ActionEnded {
                action: info.action.clone(),
                instance: info.instance.clone(),
                target: info.target.clone(),
                effect: info.effect,
                attempts: c.attempt,
                rollback: info.rollback,
                failure: failure.cloned(),
            });
        }
    }

    /// The innermost call has its result.
    pub(in crate::vm) fn call_done(&mut self, value: Value) {
        let Some(scope) = self.state.fiber.scopes.pop() else { return self.broken() };
        self.state.fiber.cut(&scope);
        let ScopeKind::Call(c) = &scope.kind else { return self.broken() };
        let instance = (self.state.fiber.connector, self.state.fiber.instance.clone());
        self.leave(&scope, None);
        let program = self.program.clone();
        let Some(site) = program.code(c.caller).and_then(|f| f.calls.get(c.call as usize)) else {
            return self.broken();
        };
        self.state.fiber.set(site.d, value.clone());
        self.record_undo(c, site, value, instance);
    }

    pub(super) fn record_undo(
        &mut self,
        c: &Calling,
        site: &CallSite,
        result: Value,
        inside: (Option<ConnectorId>, SmolStr),
    ) {
        let body = self.state.phase == Phase::Body && self.state.rolling.is_none() && !self.out.is_plan();
        if !body || c.effect < EffectClass::Changes || self.seen().is_some() {
            return;
        }
        let program = self.program.clone();
        let Some(callee) = program.code(c.function) else { return };
        let declared = callee.action.as_ref().and_then(|a| a.0.undo);
        let (function, mut args, place) = match (&site.undo, declared) {
            (Some((f, captures)), _) => {
                let outer = (self.state.fiber.connector, self.state.fiber.instance.clone());
                (*f, captures.iter().map(|r| self.state.fiber.register(*r)).collect::<Vec<_>>(), outer)
            }
            (None, Some(f)) => (f, c.args.clone(), inside),
            (None, None) => return,
        };
        args.push(result);
        let action = c.info.as_ref().map_or_else(|| callee.name.clone(), |i| i.action.clone());
        let cover = self.cover();
        let seq = self.state.sequence;
        self.state.sequence = seq.saturating_add(1);
        self.state.undos.push(Undo { function, args, action, connector: place.0, instance: place.1, cover, seq });
        self.state.fiber.undos = self.state.undos.len() as u32;
    }

    /// The innermost call has failed for good.
    pub(in crate::vm) fn call_failed(&mut self, mut f: Box<Failure>) {
        let now = self.now();
        let Some(mut scope) = self.state.fiber.scopes.pop() else { return self.broken() };
        self.state.fiber.cut(&scope);
        if let ScopeKind::Call(c) = &mut scope.kind {
            c.failure = None;
            f.trace.push(c.id.site);
            if f.at == 0 {
                f.at = now;
            }
            if let Some(info) = &c.info
                && f.action.is_empty()
            {
                f.action = info.action.clone();
                f.attempts = c.attempt.max(1);
            }
            // What the action did before it failed decides whether the calls around it may be tried again.
            if c.acted && f.happened == Happened::No {
                f.happened = Happened::Answered;
            }
        }
        self.leave(&scope, Some(&f));
        self.throw(f);
    }
}
