//! Events that a run waits for, and the runs that it runs.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    ChildStart, Effect, EffectId, EffectOutcome, EventWait, Failure, FailureKind, Happened, Millis, RunEnd,
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{LocalHost, unavailable};
use crate::run::host::HostError;
use crate::run::{cap, children, gate, records};
use crate::shared::{Signal, lock};
use crate::store::{DispositionRow, EventRow, Op, RunStatus};
use crate::stored_event::value_of;
use crate::watches::{Came, fits};

/// Events of its kind that a wait looks back at.
pub const LOOK_BACK: u32 = 100_000;

/// How many are read at once.
const PAGE: u32 = 500;

impl LocalHost {
    /// The first event that fits and that this run has not used. Listening begins before the look into the store, so that nothing
    /// falls between.
    pub(super) async fn look_for_event(&mut self, id: &EffectId, wait: &EventWait) -> Result<bool, HostError> {
        let mut came = lock(&self.core.watches).take(&self.run.id, id, &wait.event);
        if came == Came::Unknown {
            lock(&self.core.watches).listen(&self.run.id, id, wait, self.code.clone(), self.settings.clone());
            came = Came::TooMany;
        }
        loop {
            came = match came {
                Came::TooMany => match self.look_back(wait).await? {
                    Ok(Some((row, value))) => return self.took(id, &row, value).await,
                    Ok(None) => lock(&self.core.watches).take(&self.run.id, id, &wait.event),
                    Err(failure) => {
                        self.settle(id, EffectOutcome::Failed(*failure), self.now())?;
                        self.flush().await?;
                        return Ok(true);
                    }
                },
                Came::Event(row) if !self.used.contains(&row.id) => {
                    if let Ok(value) = value_of(&*self.code, &row) {
                        return self.took(id, &row, value).await;
                    }
                    lock(&self.core.watches).take(&self.run.id, id, &wait.event)
                }
                Came::Event(_) => lock(&self.core.watches).take(&self.run.id, id, &wait.event),
                Came::Nothing | Came::Unknown => break,
            };
        }
        let Some(until) = wait.until else { return Ok(false) };
        let now = self.now();
        if now < until {
            self.waits.push(format!("the event `{}` (until {})", wait.text, gate::shown_time(until)));
            return Ok(false);
        }
        self.settle(id, EffectOutcome::Done(Value::None), now)?;
        self.flush().await?;
        Ok(true)
    }

    /// The oldest event in the store that fits and is not used.
    async fn look_back(&self, wait: &EventWait) -> Result<Result<Option<(EventRow, Value)>, Box<Failure>>, HostError> {
        let mut seen = 0;
        loop {
            let page = self.core.store.events_since(&wait.event, wait.since, seen, PAGE).await.map_err(unavailable)?;
            let read = page.len() as u32;
            for row in page {
                if self.used.contains(&row.id) {
                    continue;
                }
                // One whose type has changed, or on which the condition fails, is not what is waited for.
                let Ok(value) = value_of(&*self.code, &row) else { continue };
                if fits(&*self.code, &self.settings, wait, &row, &value).unwrap_or(false) {
                    return Ok(Ok(Some((row, value))));
                }
            }
            if read < PAGE {
                return Ok(Ok(None));
            }
            seen += read;
            if seen >= LOOK_BACK {
                break;
            }
        }
        let store = &self.core.store;
        if store.events_since(&wait.event, wait.since, LOOK_BACK, 1).await.map_err(unavailable)?.is_empty() {
            return Ok(Ok(None));
        }
        let why = format!("more than {LOOK_BACK} events `{}` came since the step began", wait.event);
        Ok(Err(Box::new(Failure::new(FailureKind::Invalid, why))))
    }

    /// The run takes an event: its disposition stands in the same commit as the run's outcome.
    async fn took(&mut self, id: &EffectId, row: &EventRow, value: Value) -> Result<bool, HostError> {
        let at = self.now();
        self.used.insert(row.id.clone());
        let outcome = EffectOutcome::Event { id: row.id.as_str().into(), value };
        let outcome = cap::outcome(outcome, &row.source);
        self.pending.push(Op::PutDisposition(DispositionRow {
            event: row.id.clone(),
            runbook: self.run.runbook.clone(),
            verdict: "taken".to_owned(),
            run: Some(self.run.id.clone()),
            detail: format!("the run `{}` waited for it", self.run.id),
            at,
        }));
        let body = json!({ "event": row.id, "source": row.source, "effect": id.to_string() });
        self.audit(at, "event.taken", "engine", body);
        self.settle(id, outcome, at)?;
        self.flush().await?;
        Ok(true)
    }

    /// The child of this effect: it is begun once, and its end ends the effect when the run waits for it.
    pub(super) async fn look_at_child(&mut self, id: &EffectId, child: &ChildStart) -> Result<bool, HostError> {
        if !self.begun.contains(id) {
            if let Some(failure) = self.begin_child(id, child).await? {
                self.settle(id, EffectOutcome::Failed(failure), self.now())?;
                self.flush().await?;
                return Ok(true);
            }
            if !self.begun.contains(id) {
                return Ok(false);
            }
        }
        let Some(outcome) = self.child_now(child).await? else {
            self.waits.push(format!("the run `{}` of `{}`", child.child, child.name));
            return Ok(false);
        };
        self.settle(id, outcome, self.now())?;
        self.flush().await?;
        Ok(true)
    }

    /// What the effect comes to now, if it does.
    async fn child_now(&mut self, child: &ChildStart) -> Result<Option<EffectOutcome>, HostError> {
        if !child.awaited {
            return Ok(Some(EffectOutcome::Done(Value::Nothing)));
        }
        let row = self.core.store.run(&child.child).await.map_err(unavailable)?;
        if let Some(row) = row.filter(|r| r.status == RunStatus::Done) {
            let end = row.end.as_ref().map(RunEnd::deserialize).transpose().map_err(unavailable)?;
            let end = end.ok_or_else(|| unavailable(format!("the run `{}` has no end", child.child)))?;
            return Ok(Some(cap::outcome(EffectOutcome::Ended(Box::new(end)), &child.name)));
        }
        if child.deadline.is_none_or(|d| self.now() < d) {
            return Ok(None);
        }
        self.stop_child(&child.child, "the time of its parent is over").await?;
        let why = format!("the run `{}` of `{}` took too long, and was asked to stop", child.child, child.name);
        let failure = Failure::new(FailureKind::Timeout, why).happened(Happened::Maybe);
        Ok(Some(EffectOutcome::Failed(failure)))
    }

    /// Asks for the child; a failure when it cannot begin. Neither begun nor failed: the engine goes down.
    async fn begin_child(&mut self, id: &EffectId, child: &ChildStart) -> Result<Option<Failure>, HostError> {
        if let Some(why) = self.stopped.get(id)
            && self.core.store.run(&child.child).await.map_err(unavailable)?.is_none()
        {
            return Ok(Some(Failure::new(FailureKind::Cancelled, why.clone()).happened(Happened::No)));
        }
        let (reply, answer) = oneshot::channel();
        let parent = Box::new(self.run.clone());
        self.core.signal(Signal::StartChild { parent, start: Box::new(child.clone()), effect: id.clone(), reply });
        match answer.await {
            Ok(Ok(())) => {
                self.begun.insert(id.clone());
                Ok(None)
            }
            Ok(Err((verdict, why))) => {
                let kind = match verdict {
                    "policy" | "shadow" => FailureKind::Denied,
                    "concurrency" => FailureKind::Conflict,
                    "paused" => FailureKind::Unavailable,
                    _ => FailureKind::Invalid,
                };
                let message = format!("`{}` was not started: {why}", child.name);
                Ok(Some(Failure::new(kind, message).happened(Happened::No)))
            }
            Err(_) => Ok(None),
        }
    }

    /// Asks a child to stop; durable when this returns.
    pub(super) async fn stop_child(&mut self, child: &str, why: &str) -> Result<(), HostError> {
        let (reply, done) = oneshot::channel();
        let by = format!("run:{}", self.run.id);
        self.core.signal(Signal::StopChild { child: child.to_owned(), why: why.to_owned(), by, reply });
        if done.await.is_err() && !self.core.closing.is_cancelled() {
            return Err(unavailable("the engine stops"));
        }
        Ok(())
    }

    /// What the timeline says of a wait or a child that came to its end.
    pub(super) fn tell_wait(&mut self, id: &EffectId, effect: Option<&Effect>, outcome: &EffectOutcome, at: Millis) {
        match effect {
            Some(Effect::Event(wait)) => {
                lock(&self.core.watches).leave(&self.run.id, id, &wait.event);
                if let Some(what) = records::event_taken(wait, outcome) {
                    self.say(at, what);
                }
            }
            Some(Effect::Child(child)) => {
                let body = records::child_body(child, outcome);
                self.audit(at, "child.outcome", "engine", body);
                if let Some(what) = records::child_ended(child, outcome) {
                    self.say(at, what);
                }
            }
            _ => {}
        }
    }

    /// Whether the end of this run frees what its party holds: not while a run that it shares targets with is open.
    pub(super) async fn frees(&self) -> Result<bool, HostError> {
        let party = gate::party(&self.run);
        if party.run == self.run.id {
            return Ok(true);
        }
        debug_assert!(children::parent_of(&self.run).is_some());
        let root = self.core.store.run(&party.run).await.map_err(unavailable)?;
        Ok(root.is_none_or(|r| r.status == RunStatus::Done))
    }
}
