//! What ends a wait: answers, times, people, targets, and what is said from outside.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    ActionInfo, Cover, Effect, EffectId, EffectOutcome, Gated, Millis, Resolution, UnknownCall, Verdict,
};
use serde_json::json;

use super::{LocalHost, unavailable};
use crate::api::{ApiError, What};
use crate::policy;
use crate::run::gate::{self, Gate};
use crate::run::host::{HostError, Signal};
use crate::run::journal::Act;
use crate::run::mail::{Mail, Reply};
use crate::run::{ask, records};
use crate::shared;
use crate::store::{ApprovalRow, MarkRow, Op, RunStatus, StoreError};

impl LocalHost {
    /// Reads what was said from outside; a cancellation comes first of everything.
    pub(super) async fn read_mail(&mut self) -> Result<Option<Signal>, HostError> {
        while let Some(mail) = self.mail.take() {
            match mail {
                Mail::Look => {}
                Mail::Cancel { why, by, reply } => {
                    if let Some(signal) = self.cancel(why, by, reply).await? {
                        return Ok(Some(signal));
                    }
                }
                Mail::Resolve { resolution, why, by, reply } => self.resolve(resolution, &why, &by, reply).await?,
            }
        }
        Ok(None)
    }

    pub(super) async fn cancel(
        &mut self,
        why: String,
        by: String,
        reply: Option<Reply>,
    ) -> Result<Option<Signal>, HostError> {
        if self.cancelled {
            if let Some(reply) = reply {
                let text = format!("the run `{}` is being cancelled already", self.run.id);
                let _ = reply.send(Err(ApiError::Conflict(text)));
            }
            return Ok(None);
        }
        let at = self.now();
        self.cancelled = true;
        self.append(at, Act::Cancel { why: why.clone(), by: by.clone() })?;
        self.audit(at, "run.cancelled", &by, json!({ "why": why }));
        self.set_status(RunStatus::Ending, at, &why);
        self.replies.extend(reply.map(|r| (r, Ok(()))));
        self.flush().await?;
        Ok(Some(Signal::Cancelled { why, at: self.at }))
    }

    pub(super) async fn resolve(
        &mut self,
        resolution: Resolution,
        why: &str,
        by: &str,
        reply: Option<Reply>,
    ) -> Result<(), HostError> {
        let asked = self
            .order
            .iter()
            .find(|id| self.open.get(*id).is_some_and(|o| matches!(o.effect, Some(Effect::Resolve(_)))));
        let Some(id) = asked.cloned() else {
            if let Some(reply) = reply {
                let text = format!("the run `{}` has no call with an unknown outcome", self.run.id);
                let _ = reply.send(Err(ApiError::Conflict(text)));
            }
            return Ok(());
        };
        if let Err(misfit) = self.fits(&id, &resolution) {
            if let Some(reply) = reply {
                let _ = reply.send(Err(misfit));
            }
            return Ok(());
        }
        let at = self.now();
        let body = json!({ "effect": id.to_string(), "resolution": resolution, "why": why });
        self.audit(at, "run.resolved", by, body);
        self.settle(&id, EffectOutcome::Resolved(resolution), at)?;
        self.replies.extend(reply.map(|r| (r, Ok(()))));
        self.flush().await
    }

    /// That a result which a person gives is one the call could have given: a slip of the pen must not cost the run.
    fn fits(&self, id: &EffectId, resolution: &Resolution) -> Result<(), ApiError> {
        let Resolution::Happened { result: Some(result) } = resolution else { return Ok(()) };
        let Some(Effect::Resolve(UnknownCall { ret: Some(ret), .. })) =
            self.open.get(id).and_then(|o| o.effect.as_ref())
        else {
            return Ok(());
        };
        self.code.decode(ret, result).map(|_| ()).map_err(|why| {
            ApiError::Invalid(format!("the result does not fit: {why}"))
                .advised("give what the call would have given back, or leave the result out")
        })
    }

    /// Looks once at everything that is open; true when something came to its end.
    pub(super) async fn look(&mut self) -> Result<bool, HostError> {
        while let Some(done) = self.performing.try_next() {
            self.arrived.push_back(done);
        }
        if self.settle_arrived().await? {
            return Ok(true);
        }
        self.waits.clear();
        for id in self.order.clone() {
            let Some(open) = self.open.get(&id) else { continue };
            let done = match (&open.effect, &open.approval) {
                (_, Some(approval)) => {
                    let approval = approval.clone();
                    self.look_at_approval(&id, &approval).await?
                }
                (Some(Effect::Gate(call)), _) => {
                    let call = call.clone();
                    self.look_at_gate(&id, &call).await?
                }
                (Some(Effect::Sleep { until }), _) => {
                    let until = *until;
                    self.look_at_sleep(&id, until).await?
                }
                (Some(Effect::Event(wait)), _) => {
                    let wait = wait.clone();
                    self.look_for_event(&id, &wait).await?
                }
                (Some(Effect::Child(child)), _) => {
                    let child = child.clone();
                    self.look_at_child(&id, &child).await?
                }
                (Some(Effect::Resolve(call)), _) => {
                    let text = format!("nobody knows what became of `{}`: {}", call.native, call.why);
                    self.waits.push(text);
                    false
                }
                _ => false,
            };
            if done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) async fn settle_arrived(&mut self) -> Result<bool, HostError> {
        if self.arrived.is_empty() {
            return Ok(false);
        }
        while let Some((id, outcome)) = self.arrived.pop_front() {
            if self.open.contains_key(&id) {
                self.settle(&id, outcome, self.now())?;
            }
        }
        self.flush().await?;
        Ok(true)
    }

    pub(super) async fn look_at_sleep(&mut self, id: &EffectId, until: Millis) -> Result<bool, HostError> {
        let now = self.now();
        if now < until {
            if id.site != EffectId::RUN_SITE {
                self.waits.push(format!("the time {}", gate::shown_time(until)));
            }
            return Ok(false);
        }
        self.settle(id, EffectOutcome::Done(Value::Nothing), now)?;
        self.flush().await?;
        Ok(true)
    }

    pub(super) async fn look_at_gate(&mut self, id: &EffectId, call: &ActionInfo) -> Result<bool, HostError> {
        let held = self.held(call).await.map_err(unavailable)?;
        let said = gate::ask(&self.core, &*self.code, &self.run, &held, call).await.map_err(unavailable)?;
        let at = self.now();
        let outcome = match said {
            Gate::Wait { why, wake } => {
                self.waits.push(why);
                for run in wake {
                    self.core.signal(shared::Signal::Wake(run));
                }
                return Ok(false);
            }
            Gate::Open { hold, verdict, counted } => {
                if let Some(target) = hold {
                    self.pending.push(Op::HoldTarget { target, run: gate::party(&self.run).run, at });
                }
                for c in counted {
                    let (kind, run) = (policy::MARK.to_owned(), self.run.id.clone());
                    self.pending.push(Op::PutMark(MarkRow { kind, runbook: c.counter, key: c.key, at, run }));
                }
                match verdict {
                    None => EffectOutcome::Done(Value::Nothing),
                    Some(verdict) => {
                        self.tell_verdict(at, call, &verdict);
                        EffectOutcome::Gated(Box::new(Gated { verdict, ask: None }))
                    }
                }
            }
            Gate::Ask(judged) => {
                self.tell_verdict(at, call, &judged.verdict);
                EffectOutcome::Gated(Box::new(Gated { verdict: judged.verdict, ask: judged.ask }))
            }
            Gate::Refused { failure, verdict } => {
                if let Some(verdict) = &verdict {
                    self.tell_verdict(at, call, verdict);
                }
                let body =
                    json!({ "action": call.action, "target": call.target, "failed": records::failure_body(&failure) });
                self.audit(at, "call.refused", "engine", body);
                EffectOutcome::Failed(*failure)
            }
        };
        self.settle(id, outcome, at)?;
        self.flush().await?;
        Ok(true)
    }

    /// The approvals that a call says it stands under, as they are now.
    async fn held(&self, call: &ActionInfo) -> Result<Vec<(EffectId, ApprovalRow)>, StoreError> {
        let mut effects = call.approvals.clone();
        if let Some(Cover::Approval { effect, .. }) = &call.cover
            && !effects.contains(effect)
        {
            effects.push(effect.clone());
        }
        let mut held = Vec::new();
        for effect in effects {
            let Some(approval) = self.approvals.get(&effect) else { continue };
            held.extend(self.core.store.approval(approval).await?.map(|row| (effect, row)));
        }
        Ok(held)
    }

    /// The audit keeps every verdict; the timeline shows those that a rule has caused.
    fn tell_verdict(&mut self, at: Millis, call: &ActionInfo, verdict: &Verdict) {
        self.audit(at, "policy.asked", "engine", records::verdict_body(call, verdict));
        if !verdict.rules.is_empty() {
            let (action, target) = (call.action.to_string(), call.target.as_ref().map(ToString::to_string));
            self.say(at, What::Policy { action, target, verdict: verdict.clone() });
        }
    }

    pub(super) async fn look_at_approval(&mut self, id: &EffectId, approval: &str) -> Result<bool, HostError> {
        let core = self.core.clone();
        let _one_at_a_time = core.approval_lock(&self.run.id).await;
        let Some(row) = core.store.approval(approval).await.map_err(unavailable)? else {
            return Err(unavailable(format!("the approval `{approval}` is missing")));
        };
        if let Some(open) = self.open.get_mut(id)
            && open.effect.is_none()
        {
            // After a snapshot the question is known only from its own row.
            open.effect = Some(Effect::Approval(ask::read(&row).map_err(unavailable)?));
        }
        let at = self.now();
        let (outcome, ops, state) = match ask::look(&row, &core.people(), at).map_err(unavailable)? {
            ask::Look::Wait(why) => {
                self.waits.push(why);
                return Ok(false);
            }
            ask::Look::Again(ops) => {
                self.pending.extend(ops);
                self.flush().await?;
                self.core.open_approvals.more();
                self.waits.push(format!("people: {}", ask::question(&row)));
                return Ok(false);
            }
            ask::Look::Done { outcome, ops, state } => (outcome, ops, state),
        };
        self.pending.extend(ops);
        if let Some(state) = state {
            self.core.open_approvals.less();
            self.say(at, What::ApprovalClosed { approval: approval.to_owned(), state });
        }
        self.settle(id, outcome, at)?;
        self.flush().await?;
        Ok(true)
    }
}
