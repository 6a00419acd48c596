//! The world of a backtest: it knows what recorded runs have read, and nothing else. It has no network, no files and no programs.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::world::World;
use rrb_lang::syntax::ast::Effect as EffectClass;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, Millis, NativeCall};

/// Primitive and arguments, as JSON.
type Question = Vec<u8>;

/// What was answered from one time to another.
struct Answer {
    from: Millis,
    to: Millis,
    outcome: EffectOutcome,
}

/// What was read when, by question.
#[derive(Default)]
pub struct Reads {
    answers: HashMap<Question, Vec<Answer>>,
}

impl Reads {
    /// A read that a run made.
    pub fn add(&mut self, call: &NativeCall, at: Millis, outcome: EffectOutcome) {
        if call.effect > EffectClass::Reads {
            return;
        }
        let known = self.answers.entry(question(call)).or_default();
        match known.last_mut() {
            // The same again says nothing new.
            Some(last) if at >= last.from && last.outcome == outcome => last.to = last.to.max(at),
            _ => known.push(Answer { from: at, to: at, outcome }),
        }
    }

    /// How many questions have an answer.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// The answer that was given nearest to `at`.
    fn near(&self, call: &NativeCall, at: Millis) -> Option<&EffectOutcome> {
        let answers = self.answers.get(&question(call))?;
        let apart = |a: &&Answer| a.from.saturating_sub(at).max(at.saturating_sub(a.to)).max(0);
        answers.iter().min_by_key(apart).map(|a| &a.outcome)
    }
}

fn question(call: &NativeCall) -> Question {
    let args: Vec<(&str, rrb_lang::json::Json)> =
        call.args.iter().map(|(n, v)| (n.as_str(), rrb_lang::vm::shown(v))).collect();
    serde_json::to_vec(&(call.native.as_str(), call.instance.as_str(), &args)).unwrap_or_default()
}

/// Answers reads as they were answered; what was never read is unknown.
pub struct Recorded {
    pub reads: Reads,
    pub clock: Arc<ManualClock>,
}

#[async_trait]
impl World for Recorded {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        if call.effect > EffectClass::Reads {
            let message = format!("`{}` was not performed: a backtest changes nothing", call.native);
            return EffectOutcome::Failed(Failure::new(FailureKind::Denied, message).happened(Happened::No));
        }
        let now = self.clock.now();
        match call.native.as_str() {
            "core.now" | "time.now" => EffectOutcome::Done(Value::Time(now)),
            _ => self.reads.near(call, now).cloned().unwrap_or(EffectOutcome::Done(Value::Unknown)),
        }
    }
}
