//! Where the machine's wishes go. There are two kinds, and which one a machine has is decided when it is made.
//!
//! This is the proof that a plan touches nothing: a planning machine has no place to put a call but [`Outbox::Plan`], whose only
//! slot for one takes a [`ReadCall`], and [`ReadCall::new`], the only way to make one, refuses every effect above `reads`.

use super::foresight::Collector;
use super::protocol::{Certainty, Command, Effect, EffectId, NativeCall, Note, PlanEntry};
use crate::syntax::ast::Effect as EffectClass;

/// A call that only reads.
#[derive(Debug, Clone)]
pub struct ReadCall(NativeCall);

impl ReadCall {
    /// The call, when it only reads.
    pub fn new(call: NativeCall) -> Option<Self> {
        (call.effect <= EffectClass::Reads).then_some(Self(call))
    }

    /// What is to be read.
    pub fn call(&self) -> &NativeCall {
        &self.0
    }

    /// As a command.
    pub fn command(self, id: EffectId) -> Command {
        Command::Start { id, effect: Effect::Call(self.0) }
    }
}

/// What a plan collects.
#[derive(Debug, Default)]
pub struct PlanOutbox {
    pub read: Option<(EffectId, ReadCall)>,
    pub entries: Vec<PlanEntry>,
    /// What is told beside them, when somebody wants to know.
    pub ahead: Option<Box<Collector>>,
    /// How sure calls are where the machine stands now.
    pub certainty: Option<Certainty>,
    /// Something that a plan may not do was wanted: the effect's kind.
    pub refused: Option<&'static str>,
    /// The path that was run is over; with the failure's message when it was one.
    pub over: Option<Option<String>>,
}

/// The way out of a machine.
#[derive(Debug)]
pub enum Outbox {
    Live(Vec<Command>),
    Plan(Box<PlanOutbox>),
}

impl Outbox {
    /// Asks for an effect.
    pub fn start(&mut self, id: EffectId, effect: Effect) {
        match self {
            Outbox::Live(commands) => commands.push(Command::Start { id, effect }),
            Outbox::Plan(plan) => {
                let kind = effect.kind();
                let read = if let Effect::Call(call) = effect { ReadCall::new(call) } else { None };
                match read {
                    Some(read) => plan.read = Some((id, read)),
                    None => plan.refused = Some(kind),
                }
            }
        }
    }

    /// Says something for the timeline; a plan has none.
    pub fn note(&mut self, note: Note) {
        if let Outbox::Live(commands) = self {
            commands.push(Command::Note(note));
        }
    }

    pub fn push(&mut self, command: Command) {
        if let Outbox::Live(commands) = self {
            commands.push(command);
        }
    }

    /// The collection of a plan.
    pub fn plan(&mut self) -> Option<&mut PlanOutbox> {
        match self {
            Outbox::Plan(plan) => Some(plan),
            Outbox::Live(_) => None,
        }
    }

    pub fn is_plan(&self) -> bool {
        matches!(self, Outbox::Plan(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SiteId;
    use crate::vm::protocol::Repeat;

    fn call(effect: EffectClass) -> Effect {
        Effect::Call(NativeCall {
            native: "x.y".into(),
            args: vec![],
            effect,
            repeat: Repeat::Always,
            key: None,
            attempt: 1,
            deadline: None,
            action: "x.y".into(),
            instance: "default".into(),
        })
    }

    #[test]
    fn a_plan_has_no_slot_for_anything_but_reads() {
        let id = EffectId { fiber: "".into(), site: SiteId(0), count: 0 };
        for effect in [EffectClass::Changes, EffectClass::Destroys] {
            let mut out = Outbox::Plan(Box::default());
            out.start(id.clone(), call(effect));
            let plan = out.plan().unwrap();
            assert!(plan.read.is_none());
            assert_eq!(plan.refused, Some("call"));
        }
        let mut out = Outbox::Plan(Box::default());
        out.start(id.clone(), Effect::Sleep { until: 1 });
        assert_eq!(out.plan().unwrap().refused, Some("sleep"));
        out.start(id, call(EffectClass::Reads));
        assert!(out.plan().unwrap().read.is_some());
    }
}
