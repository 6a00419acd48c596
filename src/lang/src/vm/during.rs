//! `during`: events that interrupt a block. What the block waits for stays open while a handler runs, and is taken up again when the
//! handler lets the block go on.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::code::{DuringSite, WatchSite};
use super::failure::invalid;
use super::fiber::{Frame, FrameKind, Scope, ScopeKind};
use super::machine::{Machine, Wait};
use super::protocol::{Effect, EffectId, EffectOutcome, EventWait, Failure, FailureKind, Millis, Note};
use crate::ids::{ConnectorId, FnId};
use crate::syntax::ast::Effect as EffectClass;
use crate::value::Value;

/// How often `restart` begins the block of one `during` anew.
pub const MAX_RESTARTS: u32 = 10;

/// A `during` in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handling {
    /// Its function and its place in the function's table.
    pub function: FnId,
    pub during: u32,
    pub since: Millis,
    /// The beginning of the step around it.
    pub step: Millis,
    pub restarts: u32,
    /// One of its handlers is at work.
    pub busy: bool,
    pub watches: Vec<Watching>,
    /// The connector and instance to run handlers in.
    pub back: (Option<ConnectorId>, SmolStr),
}

/// One handler's event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watching {
    /// What its condition captured.
    pub captures: Vec<Value>,
    pub stands: Stands,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stands {
    Open(EffectId),
    /// It came and waits for the next suspension point.
    Came(Value),
    Failed(Box<Failure>),
    /// Being handled.
    Idle,
}

/// A handler at work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupt {
    /// The place of the scope of its `during`.
    pub during: u32,
    pub handler: u32,
    pub paused: Paused,
    pub back: (Option<ConnectorId>, SmolStr),
    pub step: Millis,
}

/// What the block was about to do, or waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Paused {
    /// The effect is open; or it came to its end meanwhile.
    Waiting { id: EffectId, wait: Wait, came: Option<Box<(Effect, EffectOutcome)>> },
    /// Not begun.
    Wanted { id: EffectId, effect: Box<Effect>, wait: Wait },
    /// The block is at its end.
    Ended,
}

impl Machine {
    fn during_site(&self, function: FnId, during: u32) -> Option<DuringSite> {
        self.program.code(function)?.durings.get(during as usize).cloned()
    }

    pub(super) fn begin_during(&mut self, during: u32) {
        let Some(function) = self.state.fiber.frames.last().map(|f| f.function) else { return self.broken() };
        let Some(site) = self.during_site(function, during) else { return self.broken() };
        let watching = |w: &WatchSite| {
            let captured = w.condition.iter().flat_map(|(_, regs)| regs);
            Watching { captures: captured.map(|r| self.state.fiber.register(*r)).collect(), stands: Stands::Idle }
        };
        let handling = Handling {
            function,
            during,
            since: self.now(),
            step: self.state.fiber.since,
            restarts: 0,
            busy: false,
            watches: site.handlers.iter().map(|h| watching(&h.watch)).collect(),
            back: (self.state.fiber.connector, self.state.fiber.instance.clone()),
        };
        self.state.fiber.open(ScopeKind::During(Box::new(handling)));
        if !self.out.is_plan() {
            let scope = self.state.fiber.scopes.len() - 1;
            (0..site.handlers.len()).for_each(|handler| self.watch(scope, handler));
        }
    }

    fn handling(&mut self, scope: usize) -> Option<&mut Handling> {
        match self.state.fiber.scopes.get_mut(scope).map(|s| &mut s.kind) {
            Some(ScopeKind::During(h)) => Some(h),
            _ => None,
        }
    }

    /// Asks for the event of a handler.
    fn watch(&mut self, scope: usize, handler: usize) {
        let Some(h) = self.handling(scope) else { return };
        let (function, during, since) = (h.function, h.during, h.since);
        let Some(captures) = h.watches.get(handler).map(|w| w.captures.clone()) else { return };
        let Some(site) = self.during_site(function, during) else { return };
        let Some(watch) = site.handlers.get(handler).map(|s| &s.watch) else { return };
        let effect = Effect::Event(self.event_wait(watch, captures, since, None));
        let id = self.next_id(watch.site);
        self.state.effects = self.state.effects.saturating_add(1);
        self.issue(id.clone(), effect);
        if let Some(w) = self.handling(scope).and_then(|h| h.watches.get_mut(handler)) {
            w.stands = Stands::Open(id);
        }
    }

    /// What a host is asked for: an event, by name and condition.
    pub(super) fn event_wait(
        &self,
        watch: &WatchSite,
        captures: Vec<Value>,
        since: Millis,
        until: Option<Millis>,
    ) -> EventWait {
        let event = self.program.events.get(watch.event.index());
        let connector = event.and_then(|e| self.program.connectors.get(e.connector.index()));
        let name = match (connector, event) {
            (Some(c), Some(e)) => format!("{}.{}", c.name, e.name).into(),
            _ => SmolStr::default(),
        };
        EventWait {
            event: name,
            instance: watch.instance.clone(),
            condition: watch.condition.as_ref().map(|(f, _)| *f),
            captures,
            since,
            until,
            text: watch.text.clone(),
        }
    }

    /// Takes the answer to a watch of a `during`; false when the effect is none.
    pub(super) fn event_came(&mut self, id: &EffectId, outcome: &EffectOutcome) -> bool {
        let watches = self.state.fiber.scopes.iter_mut().filter_map(|s| match &mut s.kind {
            ScopeKind::During(h) => Some(&mut h.watches),
            _ => None,
        });
        let Some(watch) = watches.flatten().find(|w| w.stands == Stands::Open(id.clone())) else { return false };
        watch.stands = match outcome {
            EffectOutcome::Event { value, .. } => Stands::Came(value.clone()),
            EffectOutcome::Failed(f) => Stands::Failed(Box::new(f.clone())),
            _ => Stands::Idle,
        };
        true
    }

    /// Keeps the answer to what an interrupted block waits for; false when nothing interrupted does.
    pub(super) fn came_meanwhile(&mut self, id: &EffectId, effect: &Effect, outcome: &EffectOutcome) -> bool {
        for scope in &mut self.state.fiber.scopes {
            if let ScopeKind::Interrupt(i) = &mut scope.kind
                && let Paused::Waiting { id: waited, came, .. } = &mut i.paused
                && waited == id
            {
                *came = Some(Box::new((effect.clone(), outcome.clone())));
                return true;
            }
        }
        false
    }

    /// The scopes that the code at work stands in, innermost first, with their places: what a handler interrupted is not around it.
    pub(super) fn around(&self) -> impl Iterator<Item = (usize, &Scope)> {
        let scopes = &self.state.fiber.scopes;
        let mut next = scopes.len();
        std::iter::from_fn(move || {
            next = next.checked_sub(1)?;
            let scope = scopes.get(next)?;
            let at = next;
            if let ScopeKind::Interrupt(i) = &scope.kind {
                next = next.min(i.during as usize + 1);
            }
            Some((at, scope))
        })
    }

    /// A handler that is to run, with the place of its `during`.
    fn pending(&self) -> Option<(usize, usize)> {
        self.around().find_map(|(at, scope)| match &scope.kind {
            ScopeKind::During(h) if !h.busy => {
                let came = |w: &Watching| matches!(w.stands, Stands::Came(_) | Stands::Failed(_));
                h.watches.iter().position(came).map(|handler| (at, handler))
            }
            _ => None,
        })
    }

    /// Whether a handler may run here: not inside a call that changes something, nor inside an undo.
    fn interruptible(&self) -> bool {
        if self.state.rolling.is_some() || self.out.is_plan() {
            return false;
        }
        match self.seen() {
            Some(c) => {
                c.effect <= EffectClass::Reads
                    || matches!(c.stage, super::fiber::Stage::Gate | super::fiber::Stage::Pausing)
            }
            None => true,
        }
    }

    /// Runs the handler of an event that came, when what the machine waits for can wait.
    pub(super) fn interrupt(&mut self) {
        let fixed = matches!(self.state.wait, None | Some((_, Wait::Native | Wait::Resolve)));
        if fixed || !self.interruptible() {
            return;
        }
        let Some((scope, handler)) = self.pending() else { return };
        if let Some((id, wait)) = self.state.wait.take() {
            self.handle(scope, handler, Paused::Waiting { id, wait, came: None });
        }
    }

    /// Runs a handler instead of an effect that was about to begin; gives the effect back when there is none to run.
    pub(super) fn interrupt_before(
        &mut self,
        id: EffectId,
        effect: Effect,
        wait: Wait,
    ) -> Option<(EffectId, Effect, Wait)> {
        let can_wait = matches!(effect, Effect::Gate(_) | Effect::Call(_) | Effect::Child(_));
        if !can_wait || !self.interruptible() {
            return Some((id, effect, wait));
        }
        let Some((scope, handler)) = self.pending() else { return Some((id, effect, wait)) };
        self.handle(scope, handler, Paused::Wanted { id, effect: Box::new(effect), wait });
        None
    }

    /// The block came to its end.
    pub(super) fn end_during(&mut self) {
        if let Some((scope, handler)) = self.pending().filter(|_| self.interruptible())
            && scope + 1 == self.state.fiber.scopes.len()
        {
            // Back to this instruction when the handler is done.
            if let Some(frame) = self.state.fiber.frames.last_mut() {
                frame.pc = frame.pc.saturating_sub(1);
            }
            return self.handle(scope, handler, Paused::Ended);
        }
        self.close();
    }

    fn handle(&mut self, scope: usize, handler: usize, paused: Paused) {
        let frames = self.state.fiber.scopes.get(scope).map_or(0, |s| s.frames as usize);
        let Some(owner) = frames.checked_sub(1).and_then(|i| self.state.fiber.frames.get(i)).copied() else {
            return self.broken();
        };
        let Some(h) = self.handling(scope) else { return self.broken() };
        h.busy = true;
        let (function, during, back, step) = (h.function, h.during, h.back.clone(), h.step);
        let stood = h.watches.get_mut(handler).map(|w| std::mem::replace(&mut w.stands, Stands::Idle));
        let Some(site) = self.during_site(function, during) else { return self.broken() };
        let Some(at) = site.handlers.get(handler) else { return self.broken() };
        let outer = (self.state.fiber.connector, self.state.fiber.instance.clone());
        let since = std::mem::replace(&mut self.state.fiber.since, step);
        let interrupt = Interrupt { during: scope as u32, handler: handler as u32, paused, back: outer, step: since };
        self.state.fiber.open(ScopeKind::Interrupt(Box::new(interrupt)));
        (self.state.fiber.connector, self.state.fiber.instance) = back;
        let top = self.state.fiber.stack.len() as u32;
        self.state.fiber.frames.push(Frame { pc: at.pc, top, kind: FrameKind::Sub, ..owner });
        self.out.note(Note::Handling { site: at.watch.site, event: at.watch.text.clone() });
        match stood {
            Some(Stands::Came(event)) => {
                if self.charge(&event) {
                    self.state.fiber.set(at.binder, event);
                }
            }
            Some(Stands::Failed(f)) => self.throw(f),
            _ => self.broken(),
        }
    }

    /// The handler falls through: the block goes on.
    pub(super) fn handler_done(&mut self, during: u32) {
        if self.out.is_plan() {
            let end = self.code().and_then(|c| c.durings.get(during as usize)).map(|d| d.end);
            return match end {
                Some(end) => self.state.fiber.jump(end),
                None => self.broken(),
            };
        }
        let Some(scope) = self.state.fiber.scopes.pop() else { return self.broken() };
        let ScopeKind::Interrupt(i) = &scope.kind else { return self.broken() };
        self.state.fiber.cut(&scope);
        (self.state.fiber.connector, self.state.fiber.instance) = i.back.clone();
        self.state.fiber.since = i.step;
        self.note_handled(i);
        self.listen_again(i.during as usize, i.handler as usize);
        match i.paused.clone() {
            Paused::Ended => {}
            Paused::Wanted { id, effect, wait } => self.suspend(id, *effect, wait),
            Paused::Waiting { id, wait, came: Some(came) } => self.deliver(wait, came.0, &id, came.1),
            Paused::Waiting { id, wait, came: None } => {
                self.state.wait = Some((id, wait));
                if !self.stop_here() {
                    self.interrupt();
                }
            }
        }
    }

    fn note_handled(&mut self, i: &Interrupt) {
        let Some((function, during)) = self.handling(i.during as usize).map(|h| (h.function, h.during)) else { return };
        let site = self.during_site(function, during).and_then(|d| d.handlers.get(i.handler as usize).cloned());
        if let Some(site) = site {
            self.out.note(Note::Handled { site: site.watch.site });
        }
    }

    fn listen_again(&mut self, scope: usize, handler: usize) {
        if let Some(h) = self.handling(scope) {
            h.busy = false;
        }
        self.watch(scope, handler);
    }

    /// Leaves the handler at work and the block it interrupted, down to the scope of its `during`. Gives that scope's place.
    fn leave_block(&mut self, f: &mut Failure) -> Option<(usize, usize)> {
        let at = self.state.fiber.scopes.iter().rposition(|s| matches!(s.kind, ScopeKind::Interrupt(_)))?;
        let Some(ScopeKind::Interrupt(i)) = self.state.fiber.scopes.get(at).map(|s| &s.kind) else { return None };
        let (during, handler) = (i.during as usize, i.handler as usize);
        while self.state.fiber.scopes.len() > during + 1 {
            self.drop_scope(f);
        }
        Some((during, handler))
    }

    /// `restart`
    pub(super) fn restart(&mut self) {
        if let Some(plan) = self.out.plan() {
            // The block was shown once.
            plan.over = Some(None);
            self.state.phase = super::machine::Phase::Over;
            return;
        }
        let mut f = Failure::new(FailureKind::Cancelled, "the block began anew");
        let Some((scope, handler)) = self.leave_block(&mut f) else { return self.broken() };
        if let Some(open) = self.state.fiber.scopes.get(scope).cloned() {
            self.state.fiber.cut(&open);
        }
        let Some(h) = self.handling(scope) else { return self.broken() };
        if h.restarts >= MAX_RESTARTS {
            return self.throw(invalid(format!("`restart` began the block {MAX_RESTARTS} times: that is enough")));
        }
        h.restarts += 1;
        let (function, during, count, back) = (h.function, h.during, h.restarts, h.back.clone());
        (self.state.fiber.connector, self.state.fiber.instance) = back;
        let Some(site) = self.during_site(function, during) else { return self.broken() };
        self.out.note(Note::Restarted { site: site.site, count });
        self.listen_again(scope, handler);
        self.state.fiber.jump(site.body);
    }

    /// A failure leaves a handler: nothing in the block that it interrupted catches it.
    pub(super) fn leave_handler(&mut self, f: &mut Failure) {
        if self.leave_block(f).is_some() {
            self.drop_scope(f);
        }
    }

    /// What is no longer waited for when one of these scopes ends.
    pub(super) fn stop_listening(&mut self, scope: &Scope) {
        match &scope.kind {
            ScopeKind::During(h) => {
                for w in &h.watches {
                    if let Stands::Open(id) = &w.stands {
                        self.abandon(id.clone(), "its block is over");
                    }
                }
            }
            ScopeKind::Interrupt(i) => {
                (self.state.fiber.connector, self.state.fiber.instance) = i.back.clone();
                self.state.fiber.since = i.step;
                if let Paused::Waiting { id, .. } = &i.paused {
                    self.abandon(id.clone(), "the block that waited for it is over");
                }
            }
            _ => {}
        }
    }

    /// In a plan: the handler may run, after the block.
    pub(super) fn may_handle(&mut self, during: u32, handler: u16) {
        if !self.out.is_plan() {
            return;
        }
        let Some(frame) = self.state.fiber.frames.last().copied() else { return self.broken() };
        let site = self.during_site(frame.function, during);
        let Some(h) = site.and_then(|s| s.handlers.get(handler as usize).cloned()) else { return self.broken() };
        self.state.fiber.set(h.binder, Value::Unknown);
        self.fork = Some((frame.pc.saturating_sub(1), h.pc));
    }
}

/// Whether a thread waits for this effect beside, or below, what it is doing.
fn listens(fiber: &super::fiber::Fiber, id: &EffectId) -> bool {
    fiber.scopes.iter().any(|scope| match &scope.kind {
        ScopeKind::During(h) => h.watches.iter().any(|w| matches!(&w.stands, Stands::Open(open) if open == id)),
        ScopeKind::Interrupt(i) => matches!(&i.paused, Paused::Waiting { id: waited, .. } if waited == id),
        _ => false,
    })
}

impl Machine {
    /// The thread that has a `during` which this effect is for, or a handler that keeps its answer.
    pub(super) fn listener(&self, id: &EffectId) -> Option<u32> {
        if listens(&self.state.fiber, id) {
            return Some(self.state.current);
        }
        self.state.threads.iter().find(|(_, t)| listens(&t.fiber, id)).map(|(n, _)| *n)
    }
}
