//! What policies say of a call, and the people they want to agree to it.

use smol_str::SmolStr;

use crate::vm::failure;
use crate::vm::machine::{Machine, Wait};
use crate::vm::protocol::{Effect, EffectId, Failure, FailureKind, Gated, Happened};

/// Approvals that policies may want for one call.
const MOST: usize = 32;

impl Machine {
    /// The policies were asked: go on, or ask people first.
    pub(super) fn gated(&mut self, gated: Gated) {
        let Some(ask) = gated.ask else { return self.begin_try() };
        let Some(site) = self.calling().map(|c| c.id.site) else { return self.broken() };
        let id = self.next_id(site);
        self.suspend(id, Effect::Approval(ask), Wait::PolicyApproval);
    }

    /// People agreed: the gate is asked again, now with their approval in hand. Policies and times may have changed meanwhile.
    pub(super) fn policy_met(&mut self, approval: &EffectId) {
        let Some(calling) = self.calling() else { return self.broken() };
        let site = calling.id.site;
        let Some(info) = &mut calling.info else { return self.broken() };
        info.approvals.push(approval.clone());
        let info = info.clone();
        if info.approvals.len() > MOST {
            let message = format!("policies want more than {MOST} approvals for `{}`", info.action);
            return self.call_failed(Box::new(Failure::new(FailureKind::Denied, message).happened(Happened::No)));
        }
        let id = self.next_id(site);
        self.suspend(id, Effect::Gate(*info), Wait::Gate);
    }

    pub(super) fn policy_refused(&mut self, effect: &Effect, reason: &str, by: &[SmolStr], expired: bool) {
        let question = match effect {
            Effect::Approval(ask) => ask.question.as_str(),
            _ => "",
        };
        let failure = failure::refusal(question, reason, by, expired).happened(Happened::No);
        self.call_failed(Box::new(failure));
    }
}
