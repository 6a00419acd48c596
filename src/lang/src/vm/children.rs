//! `run` and `start`: runs of other runbooks.

use std::sync::Arc;

use smol_str::SmolStr;

use super::approve::Covered;
use super::code::ChildSite;
use super::foresight::{Foretold, planned};
use super::machine::{Machine, Wait};
use super::print;
use super::protocol::{
    ActionInfo, CallClass, Certainty, ChildStart, Effect, EffectId, EffectOutcome, Failure, FailureKind, Happened,
    PlanEntry, Planned, RunEnd,
};
use crate::hir::Outcome;
use crate::json::Json;
use crate::syntax::ast::Effect as EffectClass;
use crate::types::builtin;
use crate::value::{Value, VariantValue};

impl Machine {
    pub(super) fn begin_child(&mut self, child: u32) {
        let Some(site) = self.code().and_then(|c| c.children.get(child as usize)).cloned() else {
            return self.broken();
        };
        let program = self.program.clone();
        let Some(runbook) = program.runbook(site.runbook) else { return self.broken() };
        let count = u16::try_from(runbook.params.len()).unwrap_or(u16::MAX);
        let params: Vec<Value> = (0..count).map(|i| self.state.fiber.register(site.args.saturating_add(i))).collect();
        let names = runbook.params.iter().map(|p| p.name.clone());
        let action: SmolStr = format!("{} {}", if site.awaited { "run" } else { "start" }, runbook.name).into();
        if self.out.is_plan() {
            let args = names.zip(&params).map(|(name, v)| (name, planned(v))).collect();
            return self.plan_child(&site, action, args, params);
        }
        let info = ActionInfo {
            action,
            connector: SmolStr::default(),
            instance: SmolStr::new_static("default"),
            target: None,
            on_busy_fail: false,
            effect: EffectClass::Changes,
            args: names.zip(params.iter().map(print::shown)).collect(),
            rollback: false,
            cover: None,
            site: site.site,
            class: CallClass::Idempotent,
            approvals: Vec::new(),
        };
        match self.covered(&info) {
            Covered::Yes => {}
            Covered::No => return self.ask_again(),
            Covered::Never => return self.broken(),
        }
        let id = self.next_id(site.site);
        let start = ChildStart {
            child: ChildStart::id(&self.state.input.run, &id),
            runbook: site.runbook,
            name: runbook.name.clone(),
            params,
            awaited: site.awaited,
            deadline: self.deadline(),
        };
        self.suspend(id, Effect::Child(start), Wait::Child { d: site.d });
    }

    /// In a plan the child is shown as one change: what it does is for its own approvals.
    fn plan_child(&mut self, site: &ChildSite, action: SmolStr, args: Vec<(SmolStr, Planned)>, params: Vec<Value>) {
        let place = self.place();
        let Some(plan) = self.out.plan() else { return self.broken() };
        let count = plan.entries.iter().filter(|e| e.site == site.site).count() as u32;
        plan.entries.push(PlanEntry {
            site: site.site,
            class: CallClass::Idempotent,
            place,
            count,
            certainty: plan.certainty.unwrap_or(Certainty::May),
            action: action.clone(),
            instance: SmolStr::new_static("default"),
            effect: EffectClass::Changes,
            target: Planned::Absent,
            args,
        });
        let entry = u32::try_from(plan.entries.len() - 1).unwrap_or(u32::MAX);
        self.foresee(Some(site.site), |_| Foretold::Call { entry });
        self.foresee_child(entry, site.runbook, params);
        self.suppose_failure(&action);
        self.state.fiber.set(site.d, Value::Unknown);
    }

    /// The child exists, or is over, or could not begin.
    pub(super) fn child_done(&mut self, d: u16, effect: &Effect, outcome: EffectOutcome) {
        let Effect::Child(child) = effect else { return self.broken() };
        if self.state.stop.is_some() && self.stoppable() {
            return self.stop_now();
        }
        match outcome {
            EffectOutcome::Failed(f) => self.throw(Box::new(f)),
            EffectOutcome::Ended(end) => match ended(child, *end, self.now()) {
                Ok(value) => self.state.fiber.set(d, value),
                Err(f) => self.throw(f),
            },
            _ => self.state.fiber.set(d, Value::Text(child.child.clone())),
        }
    }

    /// The run is to stop: its child too, and the run goes on when the child is over.
    pub(super) fn stop_child(&mut self, id: &EffectId, why: &str) {
        self.out.push(super::protocol::Command::Stop { id: id.clone(), why: why.to_owned() });
    }
}

/// What `run` gives: the built-in type `ChildRun`, or a failure when the child did not do what it is for.
fn ended(child: &ChildStart, end: RunEnd, at: i64) -> Result<Value, Box<Failure>> {
    let index = match end.outcome {
        Outcome::Resolved => 0,
        Outcome::Mitigated => 1,
        Outcome::NotNeeded => 2,
        Outcome::Escalated => 3,
        _ => return Err(failed(child, end, at)),
    };
    let name = builtin::CHILD_OUTCOMES.get(index).copied().unwrap_or_default();
    let outcome = VariantValue {
        ty: builtin::CHILD_OUTCOME,
        index: index as u32,
        name: SmolStr::new_static(name),
        payload: Vec::new(),
    };
    Ok(Value::record([
        ("id", Value::Text(child.child.clone())),
        ("outcome", Value::Variant(Arc::new(outcome))),
        ("why", Value::text(end.why)),
        ("ineffective", Value::Bool(end.ineffective)),
    ]))
}

fn failed(child: &ChildStart, end: RunEnd, at: i64) -> Box<Failure> {
    let kind = match (end.outcome, &end.failure) {
        (Outcome::Denied | Outcome::Expired, _) => FailureKind::Denied,
        (Outcome::Cancelled, _) => FailureKind::Cancelled,
        (_, Some(f)) => f.kind,
        _ => FailureKind::Failed,
    };
    let word = match end.outcome {
        Outcome::RolledBack => "rolled_back",
        Outcome::Cancelled => "cancelled",
        Outcome::Denied => "denied",
        Outcome::Expired => "expired",
        _ => "failed",
    };
    let why = if end.why.is_empty() { String::new() } else { format!(": {}", end.why) };
    let message = format!("the run `{}` of `{}` ended as {word}{why}", child.child, child.name);
    let mut f = Failure::new(kind, message).happened(Happened::Answered);
    f.at = at;
    f.detail = Json::object([
        ("run", Json::Text(child.child.clone())),
        ("runbook", Json::Text(child.name.clone())),
        ("outcome", Json::from(word)),
        ("detail", end.failure.map_or(Json::Null, |f| f.detail)),
    ]);
    Box::new(f)
}
