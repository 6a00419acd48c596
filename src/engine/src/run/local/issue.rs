//! Effects that begin: their intents, and what is taken up that an attempt before left open.

use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::vm::protocol::{ApprovalAsk, Effect, EffectId, EffectOutcome, Millis, NativeCall, Repeat};
use serde_json::json;

use super::{LocalHost, Open, unavailable};
use crate::api::What;
use crate::run::host::HostError;
use crate::run::journal::Act;
use crate::run::{ask, cap, gate, records};
use crate::shared;
use crate::store::{ApprovalRow, ApprovalState, Op, RunStatus};

impl LocalHost {
    /// Takes up what an attempt before this one left open.
    pub(super) fn recover(&mut self) {
        let inherited: Vec<EffectId> =
            self.order.iter().filter(|id| self.open.get(*id).is_some_and(|o| o.inherited)).cloned().collect();
        for id in inherited {
            let Some(open) = self.open.get_mut(&id) else { continue };
            open.inherited = false;
            match open.effect.clone() {
                Some(Effect::Call(call)) => self.recover_call(&id, call),
                Some(Effect::Plan(request)) => self.begin_plan(&id, request.machine),
                _ => {}
            }
        }
    }

    pub(super) fn recover_call(&mut self, id: &EffectId, call: NativeCall) {
        let lost = |why: String| EffectOutcome::Lost { why };
        let outcome = match call.repeat {
            Repeat::Always => None,
            Repeat::KeyedUntil(until) if self.core.now() < until => None,
            Repeat::KeyedUntil(until) => Some(lost(format!(
                "rrb stopped while `{}` was under way, and its key was good only until {}",
                call.native,
                gate::shown_time(until)
            ))),
            Repeat::Never => Some(lost(format!("rrb stopped while `{}` was under way", call.native))),
        };
        match outcome {
            Some(outcome) => self.arrived.push_back((id.clone(), outcome)),
            None => self.begin_call(id, call),
        }
    }

    pub(super) fn begin_call(&mut self, id: &EffectId, call: NativeCall) {
        match cap::intent(&call, &format!("`{}`", call.native)) {
            Ok(()) => self.performing.call(id, call),
            Err(failure) => self.arrived.push_back((id.clone(), EffectOutcome::Failed(*failure))),
        }
    }

    pub(super) fn begin_plan(&mut self, id: &EffectId, machine: Vec<u8>) {
        self.performing.plan(id, self.code.clone(), self.input.clone(), self.run.clone(), machine);
    }

    /// Journals the intent of an effect that this attempt is the first to ask for.
    pub(super) async fn issue_new(&mut self, id: &EffectId, effect: &Effect) -> Result<(), HostError> {
        let at = self.now();
        let mut open = Open { effect: Some(effect.clone()), approval: None, inherited: false, began: at };
        let kept = match effect {
            Effect::Approval(_) => None,
            Effect::Call(call) => cap::intent(call, "").is_ok().then(|| effect.clone()),
            other => Some(other.clone()),
        };
        let too_large = match effect {
            Effect::Approval(ask) => cap::intent(ask, "the approval").err(),
            Effect::Gate(call) => cap::intent(call, &format!("`{}`", call.action)).err(),
            Effect::Child(child) => cap::intent(child, &format!("`{}`", child.name)).err(),
            Effect::Event(wait) => cap::intent(wait, &format!("`{}`", wait.text)).err(),
            _ => None,
        };
        if let (Effect::Approval(_), None) = (effect, &too_large) {
            let approval = self.core.fresh_id("apr");
            self.approvals.insert(id.clone(), approval.clone());
            open.approval = Some(approval);
        }
        let approval = open.approval.clone();
        let kept = if too_large.is_some() { None } else { kept };
        let effect_kind = effect.kind().to_owned();
        self.append(at, Act::Intent { id: id.clone(), effect_kind, effect: kept, approval: approval.clone() })?;
        self.insert(id.clone(), open);
        if let Some(failure) = too_large {
            self.arrived.push_back((id.clone(), EffectOutcome::Failed(*failure)));
            return Ok(());
        }
        match effect {
            Effect::Call(call) => self.issue_call(id, call, at).await,
            Effect::Plan(request) => {
                self.begin_plan(id, request.machine.clone());
                Ok(())
            }
            Effect::Approval(asked) => self.open_approval(id, asked, approval, at).await,
            Effect::Resolve(call) => {
                let body = json!({ "native": call.native, "action": call.action.action, "why": call.why });
                self.audit(at, "run.parked", "engine", body);
                self.set_status(RunStatus::Parked, at, &call.why);
                self.flush().await
            }
            Effect::Child(child) => {
                self.say(at, records::child_began(child));
                // The intent comes first: a child whose parent does not know it would never be waited for.
                self.flush().await
            }
            Effect::Gate(_) | Effect::Sleep { .. } | Effect::Event(_) => Ok(()),
        }
    }

    pub(super) async fn issue_call(&mut self, id: &EffectId, call: &NativeCall, at: Millis) -> Result<(), HostError> {
        self.say(at, records::intent_item(call));
        if records::audited(call.effect) {
            let body = records::call_intent(&*self.code, &id.to_string(), call);
            self.audit(at, "call.intent", "engine", body);
        }
        if call.effect > EffectClass::Reads {
            self.flush().await?;
        }
        self.begin_call(id, call.clone());
        Ok(())
    }

    pub(super) async fn open_approval(
        &mut self,
        id: &EffectId,
        asked: &ApprovalAsk,
        approval: Option<String>,
        at: Millis,
    ) -> Result<(), HostError> {
        let row = ApprovalRow {
            id: approval.unwrap_or_default(),
            run: self.run.id.clone(),
            runbook: self.run.runbook.clone(),
            effect: id.to_string(),
            ask: serde_json::to_value(asked).map_err(unavailable)?,
            digest: asked.plan.digest.clone(),
            requester: self.run.requester.clone(),
            asked: at,
            expires: asked.expires,
            state: ApprovalState::Open,
            closed: None,
            votes: Vec::new(),
        };
        self.audit(at, "approval.asked", "engine", ask::asked_body(&row, asked));
        self.pending.push(Op::PutApproval(row.clone()));
        self.say(at, What::ApprovalAsked { approval: row.clone() });
        self.flush().await?;
        self.core.open_approvals.more();
        self.core.signal(shared::Signal::Asked(Box::new(row)));
        Ok(())
    }
}
