//! `wait for` an event.

use super::foresight::Foretold;
use super::machine::{Machine, Wait};
use super::protocol::{Effect, EffectOutcome, Failure, FailureKind};
use crate::value::Value;

impl Machine {
    pub(super) fn wait_for(&mut self, wait: u32) {
        let Some(site) = self.code().and_then(|c| c.waits.get(wait as usize)).cloned() else { return self.broken() };
        if self.out.is_plan() {
            // Shown as what it is: nobody knows.
            let event = site.watch.text.clone();
            self.foresee(Some(site.watch.site), |m| Foretold::WaitFor { event, within_ms: m.known_span(site.within) });
            return self.state.fiber.set(site.d, Value::Unknown);
        }
        let within = match self.state.fiber.register(site.within) {
            Value::Duration(ms) => ms.max(0),
            _ => 0,
        };
        let until = self.now().saturating_add(within);
        let deadline = self.deadline().filter(|d| *d < until);
        let captured = site.watch.condition.iter().flat_map(|(_, regs)| regs);
        let captures = captured.map(|r| self.state.fiber.register(*r)).collect();
        let since = self.state.fiber.since;
        let effect = self.event_wait(&site.watch, captures, since, Some(deadline.unwrap_or(until)));
        let id = self.next_id(site.watch.site);
        self.suspend(id, Effect::Event(effect), Wait::Event { d: site.d, late: deadline.is_some() });
    }

    /// The wait is over: with the event, or without.
    pub(super) fn event_done(&mut self, d: u16, late: bool, outcome: EffectOutcome) {
        match outcome {
            EffectOutcome::Event { value, .. } => {
                if self.charge(&value) {
                    self.state.fiber.set(d, value);
                }
            }
            EffectOutcome::Failed(f) => self.throw(Box::new(f)),
            // The deadline of the call around it came first.
            _ if late => self.throw(Box::new(Failure::new(FailureKind::Timeout, "the time is over"))),
            _ => self.state.fiber.set(d, Value::None),
        }
    }
}
