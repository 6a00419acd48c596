//! A try of which nobody knows whether it happened: probes and people.

use crate::hir::Class;
use crate::json::Json;
use crate::value::Value;
use crate::vm::decode::{blank, decode};
use crate::vm::failure::invalid;
use crate::vm::fiber::{FrameKind, Stage};
use crate::vm::machine::{Machine, Wait};
use crate::vm::protocol::{Effect, Failure, FailureKind, Happened, Resolution, UnknownCall};

impl Machine {
    pub(super) fn probe(&mut self) {
        let program = self.program.clone();
        let Some(c) = self.calling() else { return self.broken() };
        c.stage = Stage::Probing;
        let (function, args) = (c.function, c.args.clone());
        match program.code(function).and_then(|f| f.action.as_ref()).map(|a| &a.0.class) {
            Some(Class::Probe(probe)) => self.enter(*probe, args, FrameKind::Probe),
            _ => self.broken(),
        }
    }

    pub(in crate::vm) fn probed(&mut self, answer: &Value) {
        let program = self.program.clone();
        let Some(function) = self.calling().map(|c| c.function) else { return self.broken() };
        let gives = program.code(function).is_some_and(|f| crate::vm::typing::gives_value(&program.types, &f.ret));
        match answer {
            // Nothing can give the result that the program goes on with: a person has to.
            Value::Bool(true) if gives => self.ask_what_happened(),
            Value::Bool(true) => {
                self.mark_acted();
                self.call_done(Value::Nothing);
            }
            Value::Bool(false) => self.did_not_happen(),
            _ => self.ask_what_happened(),
        }
    }

    pub(super) fn did_not_happen(&mut self) {
        let Some(c) = self.calling() else { return self.broken() };
        c.acted = false;
        let why = c.lost.take().map_or_else(String::new, |(_, _, why)| format!(": {why}"));
        let f = Failure::new(FailureKind::Unavailable, format!("the call did not happen{why}"));
        self.attempt_failed(Box::new(f.happened(Happened::No)));
    }

    /// Only a person can say what happened.
    pub(in crate::vm) fn ask_what_happened(&mut self) {
        let Some(info) = self.seen().and_then(|c| c.info.as_deref().cloned()) else { return self.broken() };
        let Some(c) = self.calling() else { return self.broken() };
        c.stage = Stage::Resolving;
        let site = c.id.site;
        let Some((native, call, why)) = c.lost.clone() else { return self.broken() };
        let function = c.function;
        let ret = self.program.code(function).map(|f| f.ret.clone());
        let id = self.next_id(site);
        self.state.parked_at = self.now();
        self.suspend(id, Effect::Resolve(UnknownCall { action: info, native, call, why, ret }), Wait::Resolve);
    }

    pub(super) fn resolved(&mut self, resolution: Resolution) {
        // The time that a person took is not the time of undo and handlers.
        let waited = self.now() - self.state.parked_at;
        for deadline in [&mut self.state.phase_deadline, &mut self.state.undo_deadline].into_iter().flatten() {
            *deadline = deadline.saturating_add(waited);
        }
        let program = self.program.clone();
        let Some(c) = self.calling() else { return self.broken() };
        c.stage = Stage::Running;
        let function = c.function;
        match resolution {
            Resolution::DidNotHappen => self.did_not_happen(),
            Resolution::Unknown => self.unknown_outcome(),
            Resolution::Happened { result } => {
                let Some(ret) = program.code(function).map(|f| f.ret.clone()) else { return self.broken() };
                let json = result.clone().unwrap_or(Json::Null);
                let value = match decode(&program.types, &ret, &json, &program.constants) {
                    Ok(value) => value,
                    Err(_) if result.is_none() => blank(&program.types, &ret),
                    Err(e) => return self.call_failed(invalid(format!("the result that was given does not fit: {e}"))),
                };
                self.mark_acted();
                if self.charge(&value) {
                    self.call_done(value);
                }
            }
        }
    }

    /// Nobody will find out.
    pub(in crate::vm) fn unknown_outcome(&mut self) {
        let Some(c) = self.calling() else { return self.broken() };
        let why = c.lost.take().map_or_else(String::new, |(native, _, why)| format!(" (`{native}`: {why})"));
        let f = Failure::new(FailureKind::UnknownOutcome, format!("nobody knows whether the call happened{why}"));
        self.call_failed(Box::new(f.happened(Happened::Maybe)));
    }
}
