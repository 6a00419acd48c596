//! `verify`, `wait until` and `wait`.

use super::code::PollSite;
use super::fiber::{Polling, Scope, ScopeKind};
use super::foresight::Foretold;
use super::machine::{Machine, Wait};
use super::print;
use super::protocol::{Effect, Failure, FailureKind, Millis, Note};
use crate::ids::SiteId;
use crate::value::Value;

impl Machine {
    pub(super) fn sleep(&mut self, s: u16, site: SiteId) {
        let span = match self.state.fiber.register(s) {
            Value::Duration(ms) => ms,
            // Of an unknown length, in a plan.
            _ => 0,
        };
        if self.out.is_plan() {
            return self.foresee(Some(site), |m| Foretold::Wait { ms: m.known_span(s) });
        }
        if span <= 0 {
            return;
        }
        let until = self.now().saturating_add(span);
        let deadline = self.deadline().filter(|d| *d < until);
        let id = self.next_id(site);
        self.suspend(id, Effect::Sleep { until: deadline.unwrap_or(until) }, Wait::Sleep(deadline.is_some()));
    }

    fn poll_site(&self, function: crate::ids::FnId, poll: u32) -> Option<PollSite> {
        self.program.code(function)?.polls.get(poll as usize).cloned()
    }

    pub(super) fn begin_poll(&mut self, poll: u32) {
        let Some(function) = self.state.fiber.frames.last().map(|f| f.function) else { return self.broken() };
        let Some(site) = self.poll_site(function, poll) else { return self.broken() };
        if self.out.is_plan() {
            // Shown, not polled.
            let value = if site.verify.is_some() { Value::Nothing } else { Value::Unknown };
            self.foresee(Some(site.site), |m| m.polled(&site));
            self.state.fiber.set(site.d, value);
            return self.state.fiber.jump(site.end);
        }
        let span = |r: u16| match self.state.fiber.register(r) {
            Value::Duration(ms) => ms.max(0),
            _ => 0,
        };
        let polling = Polling {
            function,
            poll,
            name: site.verify.as_ref().map_or_else(String::new, |v| print::display(&self.state.fiber.register(v.name))),
            deadline: self.now().saturating_add(span(site.within)),
            every: span(site.every).max(1),
            settle: site.verify.as_ref().and_then(|v| v.settle).map(span),
            settling: false,
            last: None,
        };
        self.state.fiber.open(ScopeKind::Poll(Box::new(polling)));
    }

    /// A poll as a plan tells it.
    fn polled(&self, site: &PollSite) -> Foretold {
        let (within_ms, every_ms) = (self.known_span(site.within), self.known_span(site.every));
        let condition = self.condition_at(site.check);
        match &site.verify {
            Some(v) => {
                let name = print::display(&self.state.fiber.register(v.name));
                Foretold::Verify { name, condition, within_ms, every_ms }
            }
            None => Foretold::WaitUntil { condition, within_ms, every_ms },
        }
    }

    fn polling(&mut self) -> Option<&mut Polling> {
        match self.state.fiber.scopes.last_mut().map(|s| &mut s.kind) {
            Some(ScopeKind::Poll(p)) => Some(p),
            _ => None,
        }
    }

    pub(super) fn poll_check(&mut self, s: u16) {
        let holds = self.state.fiber.register(s) == Value::Bool(true);
        let now = self.now();
        let Some(p) = self.polling() else { return self.broken() };
        p.last = None;
        if !holds {
            p.settling = false;
            return self.not_yet();
        }
        match p.settle {
            Some(settle) if settle > 0 && !p.settling => {
                p.settling = true;
                let until = now.saturating_add(settle);
                self.poll_sleep(until);
            }
            _ => self.poll_holds(),
        }
    }

    fn poll_holds(&mut self) {
        let Some(scope) = self.state.fiber.scopes.pop() else { return self.broken() };
        let ScopeKind::Poll(p) = scope.kind else { return self.broken() };
        let Some(site) = self.poll_site(p.function, p.poll) else { return self.broken() };
        if site.verify.is_some() {
            self.state.ineffective = false;
            self.out.note(Note::Verified { name: p.name, ok: true, last: String::new() });
        }
        let value = if site.verify.is_some() { Value::Nothing } else { Value::Bool(true) };
        self.state.fiber.set(site.d, value);
        self.state.fiber.jump(site.end);
    }

    /// The condition does not hold: try later, or give up.
    fn not_yet(&mut self) {
        let now = self.now();
        let Some(p) = self.polling() else { return self.broken() };
        let (function, poll, deadline, every) = (p.function, p.poll, p.deadline, p.every);
        if now < deadline {
            return self.poll_sleep(now.saturating_add(every).min(deadline));
        }
        let Some(site) = self.poll_site(function, poll) else { return self.broken() };
        if site.verify.is_some() {
            return self.state.fiber.jump(site.report);
        }
        self.state.fiber.scopes.pop();
        self.state.fiber.set(site.d, Value::Bool(false));
        self.state.fiber.jump(site.end);
    }

    fn poll_sleep(&mut self, until: Millis) {
        let Some(p) = self.polling() else { return self.broken() };
        let (function, poll) = (p.function, p.poll);
        let Some(site) = self.poll_site(function, poll) else { return self.broken() };
        let until = self.deadline().map_or(until, |d| d.min(until));
        let id = self.next_id(site.site);
        self.suspend(id, Effect::Sleep { until }, Wait::Poll);
    }

    pub(super) fn poll_again(&mut self) {
        if self.deadline().is_some_and(|d| self.now() >= d) {
            return self.throw(Box::new(Failure::new(FailureKind::Timeout, "the time is over")));
        }
        let Some(p) = self.polling() else { return self.broken() };
        let (function, poll) = (p.function, p.poll);
        let Some(site) = self.poll_site(function, poll) else { return self.broken() };
        self.state.fiber.jump(site.check);
    }

    /// A failure inside the condition: a not-yet, where the world could not be asked; else it goes on its way.
    pub(super) fn poll_failed(&mut self, mut f: Box<Failure>) -> Option<Box<Failure>> {
        let (frames, stack) = match self.state.fiber.scopes.last() {
            Some(scope) => (scope.frames as usize, scope.stack as usize),
            None => return Some(f),
        };
        let tolerated = matches!(f.kind, FailureKind::Timeout | FailureKind::Unavailable);
        // The deadline of a call around the verify ends it, tolerated or not.
        let in_time = self.deadline().is_none_or(|d| self.now() < d);
        let site = match self.polling().map(|p| (p.function, p.poll)) {
            Some((function, poll)) => self.poll_site(function, poll),
            None => None,
        };
        if tolerated && in_time && site.is_some_and(|s| s.verify.is_some()) {
            self.state.fiber.frames.truncate(frames);
            self.state.fiber.stack.truncate(stack);
            if let Some(p) = self.polling() {
                p.settling = false;
                p.last = Some(f.message.clone());
            }
            self.not_yet();
            return None;
        }
        self.drop_scope(&mut f);
        Some(f)
    }

    /// A verify that does not come to its end has failed.
    pub(super) fn verify_ended(&mut self, scope: &Scope) {
        let ScopeKind::Poll(p) = &scope.kind else { return };
        if self.poll_site(p.function, p.poll).is_some_and(|s| s.verify.is_some()) {
            self.state.ineffective = true;
            self.out.note(Note::Verified { name: p.name.clone(), ok: false, last: p.last.clone().unwrap_or_default() });
        }
    }

    /// The time is over; the operands have their last values.
    pub(super) fn poll_report(&mut self) {
        let Some(p) = self.polling().map(|p| p.clone()) else { return self.broken() };
        let Some(site) = self.poll_site(p.function, p.poll) else { return self.broken() };
        let Some(verify) = &site.verify else { return self.broken() };
        let values = verify.operands.iter().filter_map(|(text, r)| match self.state.fiber.register(*r) {
            Value::Nothing => None,
            value => Some(format!("{text} = {}", print::display(&value))),
        });
        let mut last = values.collect::<Vec<_>>().join(", ");
        if let Some(f) = p.last {
            last = if last.is_empty() { f } else { format!("{last}; {f}") };
        }
        let within = match self.state.fiber.register(site.within) {
            Value::Duration(ms) => print::duration(ms),
            other => print::display(&other),
        };
        let mut message = format!("`{}` did not come true within {within}", p.name);
        if !last.is_empty() {
            message = format!("{message}: {last}");
        }
        self.state.ineffective = true;
        self.out.note(Note::Verified { name: p.name, ok: false, last });
        self.state.fiber.scopes.pop();
        let mut f = Failure::new(FailureKind::Failed, message);
        f.trace.push(site.site);
        self.throw(Box::new(f));
    }
}
