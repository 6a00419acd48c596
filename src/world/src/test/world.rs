//! The world of a test: it touches nothing, answers what the test gives, and remembers what was asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rrb_engine::clock::Clock;
use rrb_engine::world::World;
use rrb_lang::hir::testing::Step;
use rrb_lang::ids::FnId;
use rrb_lang::program::{GIVEN, Program};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall};
use smol_str::SmolStr;

use super::answers::{Answered, Answers, Functions, NearMiss, Unmade};
use super::calls::{Call, name_of};
use super::clock::TestClock;

/// A world that only a test speaks for.
pub struct TestWorld {
    clock: Arc<TestClock>,
    program: Arc<Program>,
    natives: Arc<HashMap<SmolStr, FnId>>,
    state: Mutex<State>,
    asleep: AtomicUsize,
}

struct State {
    answers: Answers,
    calls: Vec<Call>,
    unanswered: Vec<Unanswered>,
    unmade: Vec<Unmade>,
    /// Calls that were answered before a crash and whose answer was lost with it: they get the same again.
    lost: Vec<Call>,
    random: u64,
}

/// A call that nobody answered.
#[derive(Debug, Clone)]
pub struct Unanswered {
    pub call: Call,
    /// A plan asked, not the run itself.
    pub planned: bool,
    pub near: Vec<NearMiss>,
}

/// The primitives of a program by their names.
pub fn natives(program: &Program) -> HashMap<SmolStr, FnId> {
    let named = program.functions.iter().enumerate().filter_map(|(n, code)| {
        let native = code.action.as_ref()?.0.native.clone()?;
        (!native.starts_with(GIVEN)).then(|| (native, FnId(u32::try_from(n).unwrap_or(u32::MAX))))
    });
    named.collect()
}

impl TestWorld {
    /// A world that answers what these steps give.
    pub fn new(
        functions: Functions,
        natives: Arc<HashMap<SmolStr, FnId>>,
        clock: Arc<TestClock>,
        steps: &[Step],
    ) -> Self {
        let program = Arc::clone(&functions.program);
        let state = State {
            answers: Answers::new(functions, steps),
            calls: Vec::new(),
            unanswered: Vec::new(),
            unmade: Vec::new(),
            lost: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        };
        Self { clock, program, natives, state: Mutex::new(state), asleep: AtomicUsize::new(0) }
    }

    /// Every call so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The calls that nobody answered.
    pub fn unanswered(&self) -> Vec<Unanswered> {
        self.state().unanswered.clone()
    }

    /// The answers that could not be made.
    pub fn unmade(&self) -> Vec<Unmade> {
        self.state().unmade.clone()
    }

    /// Whether an answer was missing.
    pub fn lacks(&self) -> bool {
        let state = self.state();
        !state.unanswered.is_empty() || !state.unmade.is_empty()
    }

    /// Whether a call takes its time.
    pub fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::SeqCst) > 0
    }

    /// These were answered, and the answers are lost: when they are made again, they get the same ones and are not counted.
    pub fn forget(&self, lost: Vec<Call>) {
        self.state().lost = lost;
    }

    /// Performs a call that was sent before a crash and whose answer nobody heard.
    pub fn arrive(&self, call: &NativeCall) -> Call {
        let (_, call) = self.answer(call);
        call
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn action(&self, native: &str) -> Option<FnId> {
        match native.strip_prefix(GIVEN) {
            Some(number) => number.parse().ok().map(FnId),
            None => self.natives.get(native).copied(),
        }
    }

    /// The answer to a call, and the call as it is remembered.
    fn answer(&self, call: &NativeCall) -> (i64, Call) {
        let action = self.action(&call.native).unwrap_or(FnId(u32::MAX));
        let mut state = self.state();
        if let Some(n) = state.lost.iter().position(|c| c.repeats(call)) {
            return (0, state.lost.remove(n));
        }
        let mut known = Call {
            at: self.clock.now(),
            action,
            name: self.name(action, call),
            call: call.clone(),
            outcome: EffectOutcome::Done(Value::Nothing),
        };
        let taken = state.answers.take(action, call);
        let Answered { outcome, after_ms } = self.settle(&mut state, &known, taken, false);
        known.outcome = outcome;
        state.calls.push(known.clone());
        (after_ms, known)
    }

    fn settle(
        &self,
        state: &mut State,
        known: &Call,
        taken: Result<Option<Answered>, Unmade>,
        planned: bool,
    ) -> Answered {
        let outcome = match taken {
            Ok(Some(answered)) => return answered,
            Err(unmade) => {
                let why = format!("the test's answer to `{}` cannot be made: {}", known.name, unmade.why);
                if !state.unmade.contains(&unmade) {
                    state.unmade.push(unmade);
                }
                refused(why)
            }
            Ok(None) => match self.harmless(state, &known.call) {
                Some(value) => EffectOutcome::Done(value),
                None => {
                    let near = state.answers.near_misses(known.action, &known.call);
                    let shown = known.shown();
                    let again = state.unanswered.iter().any(|u| u.call.shown() == shown);
                    if !again {
                        state.unanswered.push(Unanswered { call: known.clone(), planned, near });
                    }
                    refused(format!("no `given` of the test answers `{shown}`"))
                }
            },
        };
        Answered { outcome, after_ms: 0 }
    }

    fn name(&self, action: FnId, call: &NativeCall) -> SmolStr {
        let name = name_of(&self.program, action);
        if name.is_empty() { call.native.clone() } else { name }
    }

    /// What needs no `given`: the time, and numbers that are the same in every run of the test.
    fn harmless(&self, state: &mut State, call: &NativeCall) -> Option<Value> {
        Some(match call.native.as_str() {
            "core.now" | "time.now" => Value::Time(self.clock.now()),
            "core.random" => {
                // 53 bits: as many as a Float keeps.
                let bits = state.next() >> 11;
                Value::Float(bits as f64 / (1_u64 << 53) as f64)
            }
            "core.uuid" => {
                let bits = u128::from(state.next()) << 64 | u128::from(state.next());
                Value::text(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string())
            }
            "time.uptime" => Value::Duration(3_600_000),
            "time.zone" => Value::text("UTC"),
            _ => return None,
        })
    }

    /// Waits for as long as the answer takes, or until the call's own deadline.
    async fn take_time(&self, call: &NativeCall, after_ms: i64) -> Option<EffectOutcome> {
        if after_ms <= 0 {
            return None;
        }
        let _asleep = Asleep::new(&self.asleep);
        let at = self.clock.now().saturating_add(after_ms);
        match call.deadline.filter(|d| *d < at) {
            Some(deadline) => {
                self.clock.sleep_until(deadline).await;
                let message = format!("`{}` did not answer in time", call.action);
                let failure = Failure::new(FailureKind::Timeout, message).happened(Happened::Maybe);
                Some(EffectOutcome::Failed(failure))
            }
            None => {
                self.clock.sleep_until(at).await;
                None
            }
        }
    }
}

#[async_trait]
impl World for TestWorld {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let (after_ms, known) = self.answer(call);
        self.take_time(call, after_ms).await.unwrap_or(known.outcome)
    }

    async fn look(&self, call: &NativeCall) -> EffectOutcome {
        let action = self.action(&call.native).unwrap_or(FnId(u32::MAX));
        let mut state = self.state();
        let known = Call {
            at: self.clock.now(),
            action,
            name: self.name(action, call),
            call: call.clone(),
            outcome: EffectOutcome::Done(Value::Nothing),
        };
        let taken = state.answers.peek(action, call);
        let random = state.random;
        let answered = self.settle(&mut state, &known, taken, true);
        state.random = random;
        answered.outcome
    }
}

impl State {
    /// The next number of a stream that is the same in every test (splitmix64).
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A call that takes its time, until this is dropped.
struct Asleep<'a>(&'a AtomicUsize);

impl<'a> Asleep<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn refused(why: String) -> EffectOutcome {
    EffectOutcome::Failed(Failure::new(FailureKind::Failed, why).happened(Happened::No))
}
