//! Calls of actions: how one begins. Each later part of a call has a file of its own.

use smol_str::SmolStr;

use super::approve::Covered;
use super::code::{CallSite, Code};
use super::eval::{EvalError, eval_in};
use super::failure::invalid;
use super::fiber::{Calling, Fiber, ScopeKind, Stage};
use super::interp::Context;
use super::machine::{Machine, Wait};
use super::print;
use super::protocol::{ActionInfo, Effect, Failure, FailureKind};
use crate::hir::Class;
use crate::ids::FnId;
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;

mod around;
mod attempt;
mod ending;
mod lost;
mod policy;
mod retry;

/// Instructions for a `target`.
const TARGET_FUEL: u64 = 100_000;

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
        if let Err(f) = self.known_instance(site.instance.is_some(), callee, &instance) {
            return self.throw(f);
        }
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
        let retry = site.retry.as_ref().map(|r| self.retrying(r));
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
            timeout: register(self, site.timeout).map(|v| retry::span(&v, i64::MAX)),
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

    /// An instance that the program computes is one of the project's, or the call is never made.
    fn known_instance(&self, given: bool, callee: &Code, instance: &SmolStr) -> Result<(), Box<Failure>> {
        let Some(all) = self.state.input.instances.as_ref().filter(|_| given && instance != "?") else { return Ok(()) };
        let connector = names(&self.program, callee).1;
        let default = [SmolStr::new_static("default")];
        let known = all.get(&connector).map_or(&default[..], Vec::as_slice);
        if known.contains(instance) {
            return Ok(());
        }
        let listed = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
        Err(invalid(format!("`{connector}` has no instance `{instance}`; the instances are {listed}")))
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
            class: (&action.class).into(),
            approvals: self.approvals_held(),
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
}

/// `slack.post` and `slack`; of a primitive its name and the part before the point.
pub(super) fn names(program: &super::image::Program, callee: &Code) -> (SmolStr, SmolStr) {
    let action = callee.action.as_ref().map(|a| &a.0);
    let own = |native: &&SmolStr| !native.starts_with(super::code::GIVEN);
    if let Some(native) = action.and_then(|a| a.native.as_ref()).filter(own) {
        let connector = native.split('.').next().unwrap_or(native);
        return (native.clone(), connector.into());
    }
    let connector = action.and_then(|a| a.connector).and_then(|c| program.connectors.get(c.index()));
    match connector {
        // Functions of connectors carry its name; be sure of it.
        Some(c) if callee.name.contains('.') => (callee.name.clone(), c.name.clone()),
        Some(c) => (format!("{}.{}", c.name, callee.name).into(), c.name.clone()),
        None => (callee.name.clone(), callee.name.split_once('.').map_or_else(SmolStr::default, |(of, _)| of.into())),
    }
}

/// Arguments as plans and the audit show them.
pub(super) fn shown_args(callee: &Code, args: &[Value]) -> Vec<(SmolStr, Json)> {
    callee.params.iter().cloned().zip(args.iter().map(print::shown)).collect()
}
