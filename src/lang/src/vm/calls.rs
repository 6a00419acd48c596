//! Calls of actions: gate, tries, unknown outcomes, retries.

use smol_str::SmolStr;

use super::approve::Covered;
use super::code::{CallSite, Code};
use super::decode::{blank, decode};
use super::eval::{EvalError, eval_in};
use super::failure::{self, invalid};
use super::fiber::{Calling, Fiber, FrameKind, Retrying, Scope, ScopeKind, Stage, Undo};
use super::interp::Context;
use super::machine::{Machine, Phase, Stop, Wait};
use super::print;
use super::protocol::{
    ActionInfo, Cover, Effect, EffectId, EffectOutcome, Failure, FailureKind, Happened, Millis, NativeCall, Note,
    Repeat, Resolution, UnknownCall,
};
use crate::hir::Class;
use crate::ids::FnId;
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;

/// Pauses of a `retry` without `backoff`, in milliseconds.
const BACKOFF: (i64, i64) = (1_000, 60_000);
/// Instructions for a `target`.
const TARGET_FUEL: u64 = 100_000;

/// What may be repeated, as it counts for a native or a call.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Repeats {
    Freely,
    /// Until the window of the key is over.
    Keyed(Millis),
    /// The scope that has the probe.
    Probed(usize),
    Once,
}

impl Machine {
    pub(super) fn begin_call(&mut self, call: u32) {
        let program = self.program.clone();
        let Some(frame) = self.state.fiber.frames.last().copied() else { return self.broken() };
        let caller = frame.function;
        let site = program.code(caller).and_then(|c| c.calls.get(call as usize));
        let Some((site, callee)) = site.and_then(|s| Some((s, program.code(s.function)?))) else {
            return self.broken();
        };
        let Some(action) = callee.action.as_ref().map(|a| &a.0) else { return self.broken() };

        let register = |m: &Self, r: Option<u16>| r.map(|r| m.state.fiber.register(r));
        let args: Vec<Value> = (0..callee.inputs).map(|i| self.state.fiber.register(site.args + i)).collect();
        let effect = match (&action.native, site.trusted) {
            (Some(_), Some(trusted)) => callee.effect.min(trusted),
            _ => callee.effect,
        };
        let outer = (self.state.fiber.connector, self.state.fiber.instance.clone());
        let given = match register(self, site.instance) {
            Some(Value::Text(name)) => Some(name),
            Some(Value::Unknown) => Some(SmolStr::new_static("?")),
            _ => None,
        };
        let instance = match (given, action.connector) {
            (Some(name), _) => name,
            (None, Some(c)) if outer.0 == Some(c) => outer.1.clone(),
            (None, Some(_)) => SmolStr::new_static("default"),
            (None, None) => outer.1.clone(),
        };
        let seen = (action.connector.is_some() || action.native.is_some()) && self.seen().is_none();
        if self.out.is_plan() && seen && effect >= EffectClass::Changes {
            return self.plan_call(site, callee, effect, instance, args);
        }

        let info = if seen {
            match self.action_info(site, callee, effect, &instance, &args) {
                Ok(info) => Some(Box::new(info)),
                Err(f) => return self.throw(f),
            }
        } else {
            None
        };
        if let Some(info) = info.as_deref().filter(|_| effect >= EffectClass::Changes) {
            match self.covered(info) {
                Covered::Yes => {}
                Covered::No => return self.ask_again(),
                Covered::Never => {
                    let message = format!("`{}` cannot be shown to the people who would have to agree", info.action);
                    return self.throw(Box::new(Failure::new(FailureKind::Denied, message)));
                }
            }
        }

        let id = self.next_id(site.site);
        let key = match register(self, site.key) {
            Some(Value::Text(key)) => Some(key),
            _ if matches!(action.class, Class::Keyed(_)) => Some(format!("{}/{id}", self.state.input.run).into()),
            _ => None,
        };
        let whole = |v: Option<Value>| match v {
            Some(Value::Int(n)) => u32::try_from(n.max(0)).unwrap_or(u32::MAX),
            _ => 0,
        };
        let span = |v: Value, otherwise: i64| if let Value::Duration(ms) = v { ms.max(0) } else { otherwise };
        let retry = site.retry.as_ref().map(|r| {
            let (first, largest) = match r.backoff {
                Some((a, b)) => {
                    let first = span(self.state.fiber.register(a), BACKOFF.0);
                    (first, span(self.state.fiber.register(b), BACKOFF.1).max(first))
                }
                None => BACKOFF,
            };
            let times = whole(register(self, Some(r.times)));
            Retrying { times, first, largest, when: r.when, is_unsafe: r.is_unsafe }
        });
        let calling = Calling {
            function: site.function,
            caller,
            call,
            args,
            id: id.clone(),
            began: self.now(),
            effect,
            outer,
            info,
            key,
            timeout: register(self, site.timeout).map(|v| span(v, i64::MAX)),
            deadline: None,
            retry,
            attempt: 0,
            acted: false,
            lost: None,
            stage: Stage::Gate,
            failure: None,
        };
        if action.connector.is_some() && action.native.is_none() {
            self.state.fiber.connector = action.connector;
            self.state.fiber.instance = instance;
        }
        let gate = calling.info.clone().filter(|_| effect >= EffectClass::Changes);
        self.state.fiber.open(ScopeKind::Call(Box::new(calling)));
        match gate {
            Some(info) => self.suspend(id, Effect::Gate(*info), Wait::Gate),
            None => self.begin_try(),
        }
    }

    /// The code and tables do not fit together: cannot happen with a program that was compiled here.
    pub(super) fn broken(&mut self) {
        self.throw(invalid("the code is damaged; this is a defect of rrb"));
    }

    /// The call at the seen level that is in progress.
    pub(super) fn seen(&self) -> Option<&Calling> {
        self.state.fiber.scopes.iter().rev().find_map(|s| match &s.kind {
            ScopeKind::Call(c) if c.info.is_some() => Some(&**c),
            _ => None,
        })
    }

    /// What stands around a call and allows it.
    fn cover(&self) -> Option<Cover> {
        if let Some(cover) = &self.state.rolling {
            return cover.clone();
        }
        self.state.fiber.scopes.iter().rev().find_map(|s| match &s.kind {
            ScopeKind::Waive { cover } => Some(cover.clone()),
            ScopeKind::Approve(a) => a.cover.clone(),
            _ => None,
        })
    }

    pub(super) fn action_info(
        &self,
        site: &CallSite,
        callee: &Code,
        effect: EffectClass,
        instance: &SmolStr,
        args: &[Value],
    ) -> Result<ActionInfo, Box<Failure>> {
        let Some(action) = callee.action.as_ref().map(|a| &a.0) else { return Err(invalid("no action")) };
        let (name, connector) = names(&self.program, callee);
        let target = match action.target.filter(|_| effect >= EffectClass::Changes || self.out.is_plan()) {
            Some(f) => match self.pure_call(f, args.to_vec(), instance)? {
                Value::Unknown => None,
                value => Some(print::display(&value).into()),
            },
            None => None,
        };
        Ok(ActionInfo {
            action: name,
            connector,
            instance: instance.clone(),
            target,
            on_busy_fail: action.on_busy_fail,
            effect,
            args: shown_args(callee, args),
            rollback: self.state.rolling.is_some(),
            cover: self.cover(),
            site: site.site,
        })
    }

    /// Evaluates a pure function beside the run.
    pub(super) fn pure_call(&self, f: FnId, args: Vec<Value>, instance: &SmolStr) -> Result<Value, Box<Failure>> {
        let mut fiber = Fiber::new(self.now());
        fiber.instance = instance.clone();
        fiber.plan = self.state.fiber.plan;
        if fiber.plan && args.iter().any(super::limits::has_unknown) {
            // A pure function of something unknown may still be known, but may also branch on it.
            let cx = Context { program: &self.program, settings: &self.state.input.settings };
            return Ok(eval_in(&mut fiber, cx, f, args, TARGET_FUEL).unwrap_or(Value::Unknown));
        }
        let cx = Context { program: &self.program, settings: &self.state.input.settings };
        eval_in(&mut fiber, cx, f, args, TARGET_FUEL).map_err(|e| match e {
            EvalError::Failed(f) | EvalError::Limit(f) => f,
            EvalError::Skip => invalid("`skip` has no meaning in a target; this is a defect of rrb"),
        })
    }

    /// The innermost scope, when it is a call.
    pub(super) fn calling(&mut self) -> Option<&mut Calling> {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Call(c)) => Some(c),
            _ => None,
        }
    }

    /// The nearest of all deadlines around.
    pub(super) fn deadline(&self) -> Option<Millis> {
        let calls = self.state.fiber.scopes.iter().filter_map(|s| match &s.kind {
            ScopeKind::Call(c) => c.deadline,
            _ => None,
        });
        calls.chain(self.state.phase_deadline).chain(self.state.undo_deadline).min()
    }

    fn begin_try(&mut self) {
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

    fn call_native(&mut self, callee: &Code, args: Vec<Value>) {
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
        let key = if effect >= EffectClass::Changes { self.calls().find_map(|(_, c)| c.key.clone()) } else { None };
        let (action, instance) = self.seen().and_then(|c| c.info.as_ref()).map_or_else(
            || (native.clone(), SmolStr::new_static("default")),
            |info| (info.action.clone(), info.instance.clone()),
        );
        let args = callee.params.iter().cloned().zip(args).collect();
        let deadline = self.deadline();
        let id = self.next_id(site);
        let call = NativeCall { native, args, effect, repeat, key, attempt, deadline, action, instance };
        self.suspend(id, Effect::Call(call), Wait::Native);
    }

    /// The calls in progress, outermost first, with the places of their scopes.
    fn calls(&self) -> impl Iterator<Item = (usize, &Calling)> {
        self.state.fiber.scopes.iter().enumerate().filter_map(|(i, s)| match &s.kind {
            ScopeKind::Call(c) => Some((i, &**c)),
            _ => None,
        })
    }

    /// The class that counts for the call whose scope is the last of `scopes`: the outermost that says other than `once`.
    fn repeats(&self, scopes: usize) -> Repeats {
        for (i, c) in self.calls().take_while(|(i, _)| *i < scopes) {
            let class = self.program.code(c.function).and_then(|f| f.action.as_ref()).map(|a| &a.0.class);
            match class {
                Some(Class::Idempotent) => return Repeats::Freely,
                Some(Class::Keyed(window)) => return Repeats::Keyed(c.began.saturating_add(*window)),
                Some(Class::Probe(_)) => return Repeats::Probed(i),
                // An action that only reads says nothing about the primitives around it.
                Some(Class::Harmless | Class::Once) | None => {}
            }
        }
        Repeats::Once
    }

    /// Hands the answer to an effect on to what waited for it.
    pub(super) fn deliver(&mut self, wait: Wait, effect: Effect, id: &EffectId, outcome: EffectOutcome) {
        match (wait, outcome) {
            (Wait::Gate, EffectOutcome::Done(_)) => self.begin_try(),
            (Wait::Gate, EffectOutcome::Failed(f)) => self.call_failed(Box::new(f)),
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
            (Wait::Plan, EffectOutcome::Planned(plan)) => self.planned(plan),
            (Wait::Plan, EffectOutcome::Failed(f)) => {
                let incomplete = Some(format!("the plan could not be made: {}", f.message));
                self.planned(super::protocol::Plan { incomplete, ..Default::default() });
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

    fn native_done(&mut self, value: Value) {
        let Some(changes) = self.calling().map(|c| c.effect >= EffectClass::Changes) else { return self.broken() };
        if changes {
            self.mark_acted();
        }
        if self.charge(&value) {
            self.call_done(value);
        }
    }

    /// Every call around the native has acted in this try.
    fn mark_acted(&mut self) {
        for scope in &mut self.state.fiber.scopes {
            if let ScopeKind::Call(c) = &mut scope.kind {
                c.acted = true;
            }
        }
    }

    fn native_failed(&mut self, effect: Effect, id: &EffectId, f: Box<Failure>, lost: bool) {
        let Effect::Call(call) = effect else { return self.broken() };
        if f.happened != Happened::Maybe || call.effect <= EffectClass::Reads {
            return self.attempt_failed(f);
        }
        let is_unsafe = self.calls().any(|(_, c)| c.retry.as_ref().is_some_and(|r| r.is_unsafe));
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
    fn cut_to_call(&mut self, scope: usize) {
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

    /// What the end of a scope puts back, and tells.
    pub(super) fn leave(&mut self, scope: &Scope, failure: Option<&Failure>) {
        match &scope.kind {
            ScopeKind::Call(c) => {
                (self.state.fiber.connector, self.state.fiber.instance) = c.outer.clone();
                self.tell_end(c, c.failure.as_deref().or(failure));
            }
            ScopeKind::Step { site, name } => {
                let ok = failure.is_none();
                self.out.note(Note::StepEnded { site: *site, name: name.clone(), ok });
            }
            _ => {}
        }
    }

    fn tell_end(&mut self, c: &Calling, failure: Option<&Failure>) {
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

    fn probe(&mut self) {
        let program = self.program.clone();
        let Some(c) = self.calling() else { return self.broken() };
        c.stage = Stage::Probing;
        let (function, args) = (c.function, c.args.clone());
        match program.code(function).and_then(|f| f.action.as_ref()).map(|a| &a.0.class) {
            Some(Class::Probe(probe)) => self.enter(*probe, args, FrameKind::Probe),
            _ => self.broken(),
        }
    }

    pub(super) fn probed(&mut self, answer: &Value) {
        let program = self.program.clone();
        let Some(function) = self.calling().map(|c| c.function) else { return self.broken() };
        let gives = program.code(function).is_some_and(|f| super::typing::gives_value(&program.types, &f.ret));
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

    fn did_not_happen(&mut self) {
        let Some(c) = self.calling() else { return self.broken() };
        c.acted = false;
        let why = c.lost.take().map_or_else(String::new, |(_, _, why)| format!(": {why}"));
        let f = Failure::new(FailureKind::Unavailable, format!("the call did not happen{why}"));
        self.attempt_failed(Box::new(f.happened(Happened::No)));
    }

    /// Only a person can say what happened.
    pub(super) fn ask_what_happened(&mut self) {
        let Some(info) = self.seen().and_then(|c| c.info.as_deref().cloned()) else { return self.broken() };
        let Some(c) = self.calling() else { return self.broken() };
        c.stage = Stage::Resolving;
        let site = c.id.site;
        let Some((native, call, why)) = c.lost.clone() else { return self.broken() };
        let id = self.next_id(site);
        self.state.parked_at = self.now();
        self.suspend(id, Effect::Resolve(UnknownCall { action: info, native, call, why }), Wait::Resolve);
    }

    fn resolved(&mut self, resolution: Resolution) {
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
    pub(super) fn unknown_outcome(&mut self) {
        let Some(c) = self.calling() else { return self.broken() };
        let why = c.lost.take().map_or_else(String::new, |(native, _, why)| format!(" (`{native}`: {why})"));
        let f = Failure::new(FailureKind::UnknownOutcome, format!("nobody knows whether the call happened{why}"));
        self.call_failed(Box::new(f.happened(Happened::Maybe)));
    }

    /// The innermost call has its result.
    pub(super) fn call_done(&mut self, value: Value) {
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

    fn record_undo(
        &mut self,
        c: &Calling,
        site: &CallSite,
        result: Value,
        inside: (Option<crate::ids::ConnectorId>, SmolStr),
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
        self.state.undos.push(Undo { function, args, action, connector: place.0, instance: place.1, cover });
        self.state.fiber.undos = self.state.undos.len() as u32;
    }

    /// A try of the innermost call failed: retry it, or fail it.
    pub(super) fn attempt_failed(&mut self, mut f: Box<Failure>) {
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
        if !allowed || matches!(self.state.stop, Some(Stop::Cancel(_) | Stop::Timeout)) {
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
    pub(super) fn enter_sub(&mut self, bound: u16, value: Value, pc: u32) {
        self.state.fiber.set(bound, value);
        if let Some(frame) = self.state.fiber.frames.last().copied() {
            let top = self.state.fiber.stack.len() as u32;
            let sub = super::fiber::Frame { pc, top, kind: FrameKind::Sub, ..frame };
            self.state.fiber.frames.push(sub);
        }
    }

    pub(super) fn sub_done(&mut self, value: &Value) {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Call(c)) if c.stage == Stage::Deciding => {
                let Some(f) = c.failure.take() else { return self.broken() };
                if *value == Value::Bool(true) { self.pause(f) } else { self.call_failed(f) }
            }
            _ => self.ask_people(),
        }
    }

    fn pause(&mut self, f: Box<Failure>) {
        let (now, deadline, plan) = (self.now(), self.outer_deadline(), self.out.is_plan());
        let Some(c) = self.calling() else { return self.broken() };
        let Some(retry) = &c.retry else { return self.call_failed(f) };
        if plan {
            return self.begin_try();
        }
        let doublings = c.attempt.saturating_sub(1).min(62);
        let pause = retry.first.saturating_mul(1_i64 << doublings).min(retry.largest);
        let at = now.saturating_add(pause);
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
    fn outer_deadline(&self) -> Option<Millis> {
        let last = self.state.fiber.scopes.len().saturating_sub(1);
        let calls = self.calls().filter(|(i, _)| *i < last).filter_map(|(_, c)| c.deadline);
        calls.chain(self.state.phase_deadline).chain(self.state.undo_deadline).min()
    }

    fn call_name(&self) -> SmolStr {
        let innermost = self.calls().last().map(|(_, c)| c);
        match innermost {
            Some(c) => match &c.info {
                Some(info) => info.action.clone(),
                None => self.program.code(c.function).map_or_else(SmolStr::default, |f| names(&self.program, f).0),
            },
            None => SmolStr::default(),
        }
    }

    /// The innermost call has failed for good.
    pub(super) fn call_failed(&mut self, mut f: Box<Failure>) {
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

/// `slack.post` and `slack`; of a primitive its name and the part before the point.
pub(super) fn names(program: &super::image::Program, callee: &Code) -> (SmolStr, SmolStr) {
    let action = callee.action.as_ref().map(|a| &a.0);
    if let Some(native) = action.and_then(|a| a.native.as_ref()) {
        let connector = native.split('.').next().unwrap_or(native);
        return (native.clone(), connector.into());
    }
    let connector = action.and_then(|a| a.connector).and_then(|c| program.connectors.get(c.index()));
    match connector {
        // Functions of connectors carry its name; be sure of it.
        Some(c) if callee.name.contains('.') => (callee.name.clone(), c.name.clone()),
        Some(c) => (format!("{}.{}", c.name, callee.name).into(), c.name.clone()),
        None => (callee.name.clone(), SmolStr::default()),
    }
}

/// Arguments as plans and the audit show them.
pub(super) fn shown_args(callee: &Code, args: &[Value]) -> Vec<(SmolStr, Json)> {
    callee.params.iter().cloned().zip(args.iter().map(print::shown)).collect()
}
