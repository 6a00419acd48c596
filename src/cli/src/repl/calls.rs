//! The world of a session: reads are made, and told to whoever asked for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use rrb_engine::world::World;
use rrb_lang::vm::print;
use rrb_lang::vm::protocol::{EffectOutcome, NativeCall};
use rrb_world::plan::PlanWorld;

use crate::text::{clean, duration, truncate};

/// Calls that are kept for telling.
const KEPT: usize = 1_000;

/// Reads that a test of the session knows.
const SEEN: usize = 200;

/// A world without code for a change, that can say what it was asked.
pub struct Watched {
    inner: PlanWorld,
    /// Whether calls are told.
    pub told: AtomicBool,
    calls: Mutex<Vec<String>>,
    /// What was read, for a test of the session.
    seen: Mutex<Vec<(NativeCall, EffectOutcome)>>,
}

impl Watched {
    pub fn new(inner: PlanWorld) -> Self {
        Self { inner, told: AtomicBool::new(false), calls: Mutex::default(), seen: Mutex::default() }
    }

    pub fn world(&self) -> &PlanWorld {
        &self.inner
    }

    /// What was read since the session began, the last answers of it.
    pub fn seen(&self) -> Vec<(NativeCall, EffectOutcome)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The calls since the last time, one line each.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, call: &NativeCall, outcome: &EffectOutcome, took: i64) {
        let args: Vec<String> =
            call.args.iter().map(|(name, v)| format!("{name}: {}", print::json_text(&print::shown(v)))).collect();
        let answer = match outcome {
            EffectOutcome::Done(value) => format!("→ {}", print::json_text(&print::shown(value))),
            EffectOutcome::Failed(f) => format!("✗ {}", f.message),
            _ => "…".to_owned(),
        };
        let action = if call.action == call.native { String::new() } else { format!(" for {}", call.action) };
        let line = format!(
            "{}({}){action} {} {}",
            call.native,
            truncate(&args.join(", "), 120),
            duration(took),
            truncate(&answer, 200)
        );
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < KEPT {
            calls.push(clean(&line).into_owned());
        }
    }
}

#[async_trait]
impl World for Watched {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        let began = Instant::now();
        let outcome = self.inner.perform(call).await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == SEEN {
            seen.remove(0);
        }
        seen.push((call.clone(), outcome.clone()));
        drop(seen);
        if self.told.load(Ordering::Relaxed) {
            self.note(call, &outcome, i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        }
        outcome
    }
}
