//! What a test's `given`s answer.

use std::sync::Arc;

use rrb_lang::hir::testing::{Answer, AnswerKind, Given, Step, StepKind};
use rrb_lang::ids::FnId;
use rrb_lang::program::Program;
use rrb_lang::span::Span;
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall, SettingValues};

/// Instructions for one pattern, answer or expectation.
pub const FUEL: u64 = 10_000_000;

/// The functions of a test, with the settings they read.
#[derive(Debug, Clone)]
pub struct Functions {
    pub program: Arc<Program>,
    pub settings: Arc<SettingValues>,
}

impl Functions {
    /// Calls one.
    ///
    /// # Errors
    /// Why it gave no value.
    pub fn call(&self, function: FnId, args: Vec<Value>) -> Result<Value, String> {
        vm::eval(&self.program, function, args, &self.settings, "", FUEL).map_err(|e| e.to_string())
    }

    /// Whether a pattern takes these arguments.
    ///
    /// # Errors
    /// Why nobody can say.
    pub fn matches(&self, pattern: Option<FnId>, args: Vec<Value>) -> Result<bool, String> {
        match pattern {
            None => Ok(true),
            Some(function) => Ok(self.call(function, args)? == Value::Bool(true)),
        }
    }
}

/// The `given`s of a test in writing order, with how far each has come.
#[derive(Debug)]
pub struct Answers {
    functions: Functions,
    all: Vec<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    given: Given,
    span: Span,
    turn: Turn,
}

/// How far a `given` has come.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    answer: usize,
    used: u32,
}

/// An answer to one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub outcome: EffectOutcome,
    /// How long it takes.
    pub after_ms: i64,
}

/// Why a `given` of the same action did not answer.
#[derive(Debug, Clone, PartialEq)]
pub struct NearMiss {
    pub span: Span,
    pub text: String,
    pub why: Why,
}

/// Why not.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    Instance,
    Arguments,
    /// It has answered as often as it says.
    UsedUp,
    /// Its pattern failed.
    Failed(String),
}

/// An answer that cannot be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmade {
    pub span: Span,
    pub why: String,
}

impl Answers {
    /// Those of a test.
    pub fn new(functions: Functions, steps: &[Step]) -> Self {
        let prepared = |step: &Step| match &step.kind {
            StepKind::Given(given) => Some(Prepared { given: given.clone(), span: step.span, turn: Turn::default() }),
            _ => None,
        };
        Self { functions, all: steps.iter().filter_map(prepared).collect() }
    }

    /// The answer to a call, counted as given. None when nothing answers it.
    ///
    /// # Errors
    /// When the answer cannot be made.
    pub fn take(&mut self, action: FnId, call: &NativeCall) -> Result<Option<Answered>, Unmade> {
        let Some(n) = self.find(action, call) else { return Ok(None) };
        let Some(prepared) = self.all.get_mut(n) else { return Ok(None) };
        let answer = prepared.answer().cloned();
        prepared.count();
        self.make(n, answer.as_ref(), call).map(Some)
    }

    /// The same for whoever only looks: the next call gets it as well.
    ///
    /// # Errors
    /// When the answer cannot be made.
    pub fn peek(&self, action: FnId, call: &NativeCall) -> Result<Option<Answered>, Unmade> {
        let Some(n) = self.find(action, call) else { return Ok(None) };
        let answer = self.all.get(n).and_then(Prepared::answer);
        self.make(n, answer, call).map(Some)
    }

    /// The `given`s of this action, and why each did not answer.
    pub fn near_misses(&self, action: FnId, call: &NativeCall) -> Vec<NearMiss> {
        let same = self.all.iter().filter(|p| p.given.call.action == action);
        same.filter_map(|p| {
            let why = match self.fits(p, call) {
                Ok(true) if p.answer().is_some() => return None,
                Ok(true) => Why::UsedUp,
                Ok(false) if p.given.call.instance.as_ref().is_some_and(|i| *i != call.instance) => Why::Instance,
                Ok(false) => Why::Arguments,
                Err(why) => Why::Failed(why),
            };
            Some(NearMiss { span: p.span, text: p.given.call.text.to_string(), why })
        })
        .collect()
    }

    fn find(&self, action: FnId, call: &NativeCall) -> Option<usize> {
        self.all.iter().position(|p| {
            p.given.call.action == action && p.answer().is_some() && self.fits(p, call).unwrap_or_default()
        })
    }

    fn fits(&self, prepared: &Prepared, call: &NativeCall) -> Result<bool, String> {
        let pattern = &prepared.given.call;
        if pattern.instance.as_ref().is_some_and(|i| *i != call.instance) {
            return Ok(false);
        }
        self.functions.matches(pattern.matches, args(call))
    }

    fn make(&self, n: usize, answer: Option<&Answer>, call: &NativeCall) -> Result<Answered, Unmade> {
        let span = self.all.get(n).map(|p| p.span).unwrap_or_default();
        let wrong = |why: String| Unmade { span, why };
        let Some(answer) = answer else { return Err(wrong("it has no answer".to_owned())) };
        let after_ms = match answer.after {
            None => 0,
            Some(after) => match self.functions.call(after, vec![]).map_err(wrong)? {
                Value::Duration(ms) => ms.max(0),
                _ => 0,
            },
        };
        let outcome = match &answer.kind {
            AnswerKind::Returns(value) => EffectOutcome::Done(self.functions.call(*value, args(call)).map_err(wrong)?),
            AnswerKind::Fails { kind, message } => {
                let message = match message {
                    None => format!("`{}` failed with `{}`, as the test says", call.action, kind.name()),
                    Some(message) => match self.functions.call(*message, args(call)).map_err(wrong)? {
                        Value::Text(t) => t.to_string(),
                        other => vm::display(&other),
                    },
                };
                failing(*kind, message)
            }
        };
        Ok(Answered { outcome, after_ms })
    }
}

impl Prepared {
    /// The answer whose turn it is; none when the last one was given as often as it says.
    fn answer(&self) -> Option<&Answer> {
        let answer = self.given.answers.get(self.turn.answer)?;
        (answer.times != Some(0) && self.turn.used < answer.times.unwrap_or(u32::MAX)).then_some(answer)
    }

    fn count(&mut self) {
        let last = self.turn.answer + 1 >= self.given.answers.len();
        let times = self.answer().and_then(|a| a.times).unwrap_or(if last { u32::MAX } else { 1 });
        self.turn.used = self.turn.used.saturating_add(1);
        if self.turn.used >= times && !last {
            self.turn = Turn { answer: self.turn.answer + 1, used: 0 };
        }
    }
}

fn args(call: &NativeCall) -> Vec<Value> {
    call.args.iter().map(|(_, value)| value.clone()).collect()
}

/// A failure as the live world would report it: whether the target can have acted goes with the kind.
fn failing(kind: FailureKind, message: String) -> EffectOutcome {
    let happened = match kind {
        FailureKind::UnknownOutcome => return EffectOutcome::Lost { why: message },
        FailureKind::Timeout => Happened::Maybe,
        FailureKind::Unavailable | FailureKind::Throttled => Happened::No,
        _ => Happened::Answered,
    };
    EffectOutcome::Failed(Failure::new(kind, message).happened(happened))
}
