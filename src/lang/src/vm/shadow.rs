//! A runbook in `shadow`: its body is run ahead as the block of an approval is, and what it would have done is all that comes of it.

use super::machine::{Cause, Machine, Wait, pack};
use super::protocol::{Effect, EffectId, Note, Plan, PlanRequest};
use crate::hir::Outcome;
use crate::syntax::ast::Effect as EffectClass;

impl Machine {
    /// Whether this run only says what it would do.
    pub(super) fn is_shadow(&self) -> bool {
        self.program.runbook(self.state.input.runbook).is_some_and(|r| r.shadow)
    }

    /// The body is not entered: a plan of all of it is wanted instead.
    pub(super) fn begin_shadow(&mut self) {
        let machine = self.shadow_copy();
        let id = self.next_id(EffectId::SHADOW_SITE);
        self.suspend(id, Effect::Plan(PlanRequest { machine }), Wait::Plan);
    }

    /// A machine of this run that has not begun.
    pub(super) fn shadow_copy(&self) -> Vec<u8> {
        let mut copy = Self::new(self.program.clone(), self.state.input.clone()).state;
        copy.fiber.now = self.now();
        copy.fiber.plan = true;
        pack(&self.program, &copy)
    }

    /// The plan is the run's result.
    pub(super) fn shadowed(&mut self, plan: Plan) {
        let why = in_short(&plan);
        self.out.note(Note::Shadowed { plan });
        self.end(Cause::Finished { outcome: Outcome::Shadow, why });
    }
}

/// `would make 3 calls, of which 1 destroys`
fn in_short(plan: &Plan) -> String {
    let destroying = plan.entries.iter().filter(|e| e.effect == EffectClass::Destroys).count();
    let mut out = match plan.entries.len() {
        0 => "would change nothing".to_owned(),
        1 => "would make 1 call".to_owned(),
        n => format!("would make {n} calls"),
    };
    if destroying > 0 {
        out.push_str(&format!(", of which {destroying} {}", if destroying == 1 { "destroys" } else { "destroy" }));
    }
    if let Some(why) = &plan.incomplete {
        out.push_str(&format!("; the plan is not complete: {why}"));
    }
    out
}
