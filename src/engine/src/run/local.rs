//! The host of a run over a store, a world and a clock: the journal is written ahead, outcomes are durable before the machine hears of
//! them, and whatever an attempt before this one left open is taken up as its class allows.

mod issue;
mod look;
mod wait;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use rrb_lang::vm::protocol::{Effect, EffectId, EffectOutcome, Millis, Note, RunEnd, RunInput, SettingValues};
use serde::Deserialize;
use serde_json::json;

use super::host::{HostError, RunHost, Signal};
use super::journal::{self, Act};
use super::mail::{Mailbox, Reply};
use super::perform::Performing;
use super::replay::Replay;
use super::rest::{self, Folded, Pending, Rest};
use super::{gate, records};
use crate::api::{ApiError, TimelineItem, What};
use crate::code::Code;
use crate::shared::{self, Core, lock};
use crate::store::{ApprovalState, JournalRow, MarkRow, Op, RunRow, RunStatus, SnapshotRow, StoreError};

/// An effect whose end has not been told.
struct Open {
    /// Not known after a rest for approvals, whose question stands in their own row.
    effect: Option<Effect>,
    approval: Option<String>,
    /// An attempt before this one wrote the intent: nobody knows how far it came.
    inherited: bool,
    began: Millis,
}

/// One attempt of one run.
pub struct LocalHost {
    core: Arc<Core>,
    code: Arc<dyn Code>,
    run: RunRow,
    input: RunInput,
    started: Millis,
    /// The last entry, pending ones included.
    seq: u64,
    /// The time of the last entry: later entries are never earlier.
    at: Millis,
    replay: Replay,
    open: HashMap<EffectId, Open>,
    /// Every approval of this run by the effect that asked.
    approvals: HashMap<EffectId, String>,
    order: Vec<EffectId>,
    performing: Performing,
    arrived: VecDeque<(EffectId, EffectOutcome)>,
    notes: Vec<Note>,
    pending: Vec<Op>,
    said: Vec<TimelineItem>,
    mail: Mailbox,
    replies: Vec<(Reply, Result<(), ApiError>)>,
    cancelled: bool,
    strikes: u32,
    waits: Vec<String>,
    /// Events that this run has taken, and the one that started it.
    used: HashSet<String>,
    /// Children that exist, and those that are to stop.
    begun: HashSet<EffectId>,
    stopped: HashMap<EffectId, String>,
    settings: Arc<SettingValues>,
    /// Counts towards `give up` when the run ends ineffective.
    give_up_key: Option<String>,
}

fn unavailable(e: impl std::fmt::Display) -> HostError {
    HostError::Unavailable(e.to_string())
}

/// A commit that the store will never take is the run's own affair; everything else is everybody's.
fn unwritten(e: StoreError) -> HostError {
    match e {
        StoreError::TooLarge(why) => HostError::Machine(format!("it wants to write down too much at once: {why}")),
        other => unavailable(other),
    }
}

/// Attempts in a row without progress, after one more entry.
fn strikes_after(before: u32, act: &Act) -> u32 {
    if matches!(act, Act::Attempt { .. }) { before.saturating_add(1) } else { 0 }
}

/// What the store keeps of a run.
struct Kept {
    input: RunInput,
    /// The run at rest, with its machine, if it is to be taken up from there.
    rested: Option<(Folded, Vec<u8>)>,
    /// The entries that came after the rest: of a long run, a few of many.
    rows: Vec<JournalRow>,
}

impl Kept {
    async fn read(core: &Core, run: &RunRow, use_snapshot: bool) -> Result<Self, HostError> {
        let input = RunInput::deserialize(&run.input).map_err(unavailable)?;
        let snapshot = match use_snapshot {
            true => core.store.snapshot(&run.id).await.map_err(unavailable)?,
            false => None,
        };
        let unpacked = snapshot.as_ref().and_then(|s| rest::unpack(&s.bytes));
        let rested = unpacked.map(|(folded, machine)| (folded, machine.to_vec()));
        let after = rested.as_ref().map_or(0, |(folded, _)| folded.seq);
        let rows = core.store.journal(&run.id, after).await.map_err(unavailable)?;
        Ok(Self { input, rested, rows })
    }
}

impl LocalHost {
    /// Opens a run as its store has it. Gives the host and, when the run was at rest, the machine's snapshot.
    ///
    /// # Errors
    /// When the store cannot be read, or holds what this version does not understand.
    pub async fn open(
        core: Arc<Core>,
        code: Arc<dyn Code>,
        run: RunRow,
        mail: Mailbox,
        use_snapshot: bool,
    ) -> Result<(Self, Option<Vec<u8>>), (Mailbox, HostError)> {
        let kept = match Kept::read(&core, &run, use_snapshot).await {
            Ok(kept) => kept,
            Err(e) => return Err((mail, e)),
        };
        let Kept { input, rested, rows } = kept;
        if !use_snapshot {
            // What came in the attempt before may have been lost with it; the store knows.
            lock(&core.watches).forget(&run.id);
        }
        let settings = Arc::new(input.settings.clone());
        let mut host = Self {
            performing: Performing::new(core.clone()),
            core,
            code,
            input,
            started: run.created,
            seq: 0,
            at: run.created,
            replay: Replay::default(),
            open: HashMap::new(),
            approvals: HashMap::new(),
            order: Vec::new(),
            arrived: VecDeque::new(),
            notes: Vec::new(),
            pending: Vec::new(),
            said: Vec::new(),
            mail,
            replies: Vec::new(),
            cancelled: false,
            strikes: 0,
            waits: Vec::new(),
            used: run.event.iter().cloned().collect(),
            begun: HashSet::new(),
            stopped: HashMap::new(),
            settings,
            give_up_key: None,
            run,
        };
        let machine = rested.map(|(folded, machine)| {
            host.take_up(folded);
            machine
        });
        match host.read(&rows) {
            Ok(()) => Ok((host, machine)),
            Err(e) => Err((host.mail, e)),
        }
    }

    /// Goes on from where the run came to rest.
    fn take_up(&mut self, folded: Folded) {
        self.seq = folded.seq;
        self.at = folded.at;
        self.started = folded.started;
        self.strikes = folded.strikes;
        self.cancelled = folded.cancelled;
        self.used.extend(folded.used);
        self.approvals.extend(folded.approvals);
        for Pending { id, effect, approval, began } in folded.open {
            self.insert(id, Open { effect, approval, inherited: true, began });
        }
    }

    /// What [`Self::take_up`] goes on from.
    fn folded(&self) -> Folded {
        let open = self.order.iter().filter_map(|id| {
            let open = self.open.get(id)?;
            // An approval's question stands in its own row, which may change while the run rests.
            let effect = open.effect.clone().filter(|_| open.approval.is_none());
            Some(Pending { id: id.clone(), effect, approval: open.approval.clone(), began: open.began })
        });
        let started_by = self.run.event.as_ref();
        let mut used: Vec<String> = self.used.iter().filter(|id| Some(*id) != started_by).cloned().collect();
        used.sort();
        let mut approvals: Vec<_> = self.approvals.iter().map(|(id, a)| (id.clone(), a.clone())).collect();
        approvals.sort();
        Folded {
            seq: self.seq,
            at: self.at,
            started: self.started,
            strikes: self.strikes,
            cancelled: self.cancelled,
            used,
            approvals,
            open: open.collect(),
        }
    }

    /// Takes in the journal after the rest: the machine goes through it again.
    fn read(&mut self, rows: &[JournalRow]) -> Result<(), HostError> {
        for row in rows {
            if row.seq != self.seq + 1 {
                return Err(unavailable(format!("entry {} of run `{}` is missing", self.seq + 1, self.run.id)));
            }
            let entry = journal::read(row).map_err(unavailable)?;
            self.seq = row.seq;
            self.at = self.at.max(row.at);
            self.strikes = strikes_after(self.strikes, &entry.act);
            match &entry.act {
                Act::Start { at } => self.started = *at,
                Act::Cancel { .. } => self.cancelled = true,
                Act::Intent { id, approval: Some(approval), .. } => {
                    self.approvals.insert(id.clone(), approval.clone());
                }
                Act::Outcome { outcome: EffectOutcome::Event { id, .. }, .. } => {
                    self.used.insert(id.to_string());
                }
                _ => {}
            }
            self.replay.push(row.seq, row.at, entry);
        }
        Ok(())
    }

    fn insert(&mut self, id: EffectId, open: Open) {
        self.order.push(id.clone());
        self.open.insert(id, open);
    }

    fn remove(&mut self, id: &EffectId) {
        self.order.retain(|o| o != id);
        self.open.remove(id);
    }

    /// Attempts in a row that made no progress.
    pub fn strikes(&self) -> u32 {
        self.strikes
    }

    /// The run as this attempt knows it.
    pub fn run(&self) -> &RunRow {
        &self.run
    }

    /// Where an ineffective end is counted.
    pub fn count_ineffective_as(&mut self, key: Option<String>) {
        self.give_up_key = key;
    }

    /// Whether nothing waits to be read from outside.
    pub fn no_mail(&self) -> bool {
        self.mail.is_empty()
    }

    /// The mailbox, for the next attempt.
    pub fn into_mail(self) -> Mailbox {
        self.mail
    }

    /// Writes down that the attempt before ended badly. After `most` of them in a row without progress the run is left alone until a
    /// person looks at it: `true`.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn count_attempt(&mut self, why: &str, most: u32) -> Result<bool, HostError> {
        let at = self.now();
        self.append(at, Act::Attempt { strike: self.strikes + 1, why: why.to_owned() })?;
        let quarantined = self.strikes >= most;
        if quarantined {
            let why = format!("{} attempts in a row failed: {why}", self.strikes);
            self.audit(at, "run.quarantined", "engine", json!({ "why": why }));
            self.set_status(RunStatus::Parked, at, &why);
        }
        self.flush().await?;
        Ok(quarantined)
    }

    fn now(&self) -> Millis {
        self.core.now().max(self.at)
    }

    fn append(&mut self, at: Millis, act: Act) -> Result<(), HostError> {
        let notes = std::mem::take(&mut self.notes);
        self.at = at.max(self.at);
        for note in &notes {
            if let Some((kind, body)) = records::of_note(note) {
                self.audit(self.at, kind, "engine", body);
            }
            self.say(self.at, What::Note { note: note.clone() });
        }
        self.seq += 1;
        self.strikes = strikes_after(self.strikes, &act);
        let row = journal::row(&self.run.id, self.seq, self.at, notes, act).map_err(unavailable)?;
        self.pending.push(Op::AppendJournal(row));
        Ok(())
    }

    fn audit(&mut self, at: Millis, kind: &str, actor: &str, body: serde_json::Value) {
        self.pending.push(records::draft(&self.run, at, kind, actor, body));
    }

    fn say(&mut self, at: Millis, what: What) {
        self.said.push(records::item(&self.run, at, what));
    }

    fn set_status(&mut self, status: RunStatus, at: Millis, why: &str) {
        if self.run.status == status {
            return;
        }
        self.run.status = status;
        self.run.updated = at;
        self.pending.push(Op::SetRun { id: self.run.id.clone(), status, at, end: None });
        self.say(at, What::RunStatus { status, why: why.to_owned() });
    }

    /// Makes everything durable that was said so far, then tells the timeline and whoever waits for it.
    async fn flush(&mut self) -> Result<(), HostError> {
        if !self.pending.is_empty() {
            let ops = std::mem::take(&mut self.pending);
            self.core.commit_all(ops).await.map_err(unwritten)?;
        }
        for item in self.said.drain(..) {
            self.core.publish(item);
        }
        for (reply, answer) in self.replies.drain(..) {
            let _ = reply.send(answer);
        }
        Ok(())
    }

    /// Puts the run to rest: everything it needs is in the store afterwards.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn rest(&mut self, machine: &[u8]) -> Result<Rest, HostError> {
        if !self.replay.is_done() {
            // The machine is behind its journal: the journal alone says where the run stands.
            self.flush().await?;
            return Ok(Rest { look: true, ..Rest::default() });
        }
        if !self.notes.is_empty() {
            self.append(self.now(), Act::Note)?;
        }
        let rest = self.resting();
        let at = self.now();
        let parked = self.open.values().any(|o| matches!(o.effect, Some(Effect::Resolve(_))));
        let status = match (parked, self.cancelled) {
            (true, _) => RunStatus::Parked,
            (false, true) => RunStatus::Ending,
            (false, false) => RunStatus::Waiting,
        };
        self.set_status(status, at, &rest.waits.join("; "));
        let bytes = rest::pack(rest.clone(), &self.folded(), machine).map_err(unavailable)?;
        self.pending.push(Op::PutSnapshot(SnapshotRow { run: self.run.id.clone(), seq: self.seq, bytes }));
        self.flush().await?;
        Ok(rest)
    }

    fn resting(&self) -> Rest {
        let sleeps = self.open.values().filter_map(|o| match &o.effect {
            Some(Effect::Sleep { until }) => Some(*until),
            Some(Effect::Approval(ask)) => Some(ask.expires),
            Some(Effect::Event(wait)) => wait.until,
            Some(Effect::Child(child)) => child.deadline,
            _ => None,
        });
        let approvals = self.open.values().filter_map(|o| o.approval.clone()).collect();
        let here = |o: &Open| {
            let effect = o.effect.as_ref();
            matches!(
                effect,
                Some(Effect::Gate(_) | Effect::Call(_) | Effect::Plan(_) | Effect::Event(_) | Effect::Child(_))
            )
        };
        let look = self.open.values().any(here);
        Rest { wake: sleeps.min(), look, approvals, waits: self.waits.clone(), ..Rest::default() }
    }

    /// Writes an outcome down; told to the machine later.
    fn settle(&mut self, id: &EffectId, outcome: EffectOutcome, at: Millis) -> Result<(), HostError> {
        let open = self.open.get(id).map(|o| (o.effect.clone(), o.began));
        if let Some((Some(Effect::Call(call)), began)) = &open {
            if records::audited(call.effect) {
                let body = records::call_outcome(&id.to_string(), call, &outcome);
                self.audit(at, "call.outcome", "engine", body);
            }
            self.say(at, records::outcome_item(call, &outcome, at.saturating_sub(*began)));
        }
        self.tell_wait(id, open.as_ref().and_then(|(effect, _)| effect.as_ref()), &outcome, at);
        self.remove(id);
        self.append(at, Act::Outcome { id: id.clone(), outcome: outcome.clone() })?;
        let status = if self.cancelled { RunStatus::Ending } else { RunStatus::Running };
        self.set_status(status, at, "");
        self.replay.tell_later(Signal::Completed { id: id.clone(), outcome, at: self.at });
        Ok(())
    }

    /// The engine goes down: lets what is under way end, writes it down and begins nothing.
    async fn close(&mut self) -> Result<Signal, HostError> {
        while !self.performing.is_empty() {
            tokio::select! {
                biased;
                () = self.core.stop.cancelled() => return Err(unavailable("the engine stops")),
                done = self.performing.next() => self.arrived.push_back(done),
            }
        }
        self.settle_arrived().await?;
        Err(HostError::Suspended)
    }

    /// Waits until something can have changed; an error when nothing in this process will.
    async fn wait(&mut self) -> Result<(), HostError> {
        if self.performing.is_empty() {
            return Err(HostError::Suspended);
        }
        let due = self.resting().wake.unwrap_or(Millis::MAX);
        tokio::select! {
            biased;
            () = self.core.stop.cancelled() => return Err(unavailable("the engine stops")),
            () = self.core.closing.cancelled() => {}
            done = self.performing.next() => self.arrived.push_back(done),
            () = self.core.sleep_until(due), if due < Millis::MAX => {}
            () = self.mail.arrives() => {}
        }
        Ok(())
    }
}

#[async_trait]
impl RunHost for LocalHost {
    fn input(&self) -> (&RunInput, Millis) {
        (&self.input, self.started)
    }

    async fn issue(&mut self, id: &EffectId, effect: &Effect) -> Result<(), HostError> {
        match self.replay.issued(id, effect)? {
            Some(approval) => {
                let open = Open { effect: Some(effect.clone()), approval, inherited: true, began: self.at };
                self.insert(id.clone(), open);
                Ok(())
            }
            None => self.issue_new(id, effect).await,
        }
    }

    async fn note(&mut self, note: Note) -> Result<(), HostError> {
        if !self.replay.had_note() {
            self.notes.push(note);
        }
        Ok(())
    }

    async fn next(&mut self, open: &[EffectId]) -> Result<Signal, HostError> {
        if self.core.closing.is_cancelled() {
            return self.close().await;
        }
        if let Some(signal) = self.replay.next()? {
            if let Signal::Completed { id, .. } = &signal {
                let id = id.clone();
                self.remove(&id);
            }
            return Ok(signal);
        }
        if open.is_empty() && self.open.is_empty() {
            let wanted = "an effect or the end".to_owned();
            return Err(HostError::Mismatch { at: self.seq, wanted, got: "nothing: it waits for nothing".to_owned() });
        }
        self.recover();
        loop {
            if self.core.stop.is_cancelled() {
                return Err(unavailable(self.core.failure().unwrap_or_else(|| "the engine stops".to_owned())));
            }
            if self.core.closing.is_cancelled() {
                return self.close().await;
            }
            if let Some(signal) = self.read_mail().await? {
                return Ok(signal);
            }
            if let Some(signal) = self.replay.next()? {
                return Ok(signal);
            }
            if !self.look().await? {
                self.wait().await?;
            }
        }
    }

    async fn abandon(&mut self, id: &EffectId, why: &str) -> Result<(), HostError> {
        if self.replay.abandoned(id)? {
            self.remove(id);
            return Ok(());
        }
        let at = self.now();
        self.performing.stop(id);
        self.arrived.retain(|(arrived, _)| arrived != id);
        let open = self.open.get(id).map(|o| (o.effect.clone(), o.approval.clone()));
        self.remove(id);
        self.append(at, Act::Abandon { id: id.clone(), why: why.to_owned() })?;
        match open {
            Some((_, Some(approval))) => {
                let core = self.core.clone();
                let _one_at_a_time = core.approval_lock(&self.run.id).await;
                self.void(&approval, at).await?;
                self.flush().await
            }
            Some((Some(Effect::Gate(call)), _)) => {
                if let Some(target) = gate::target_key(&call) {
                    lock(&self.core.targets).give_up(&gate::party(&self.run), &target);
                }
                Ok(())
            }
            Some((Some(Effect::Event(wait)), _)) => {
                lock(&self.core.watches).leave(&self.run.id, id, &wait.event);
                Ok(())
            }
            Some((Some(Effect::Child(child)), _)) if child.awaited => self.stop_child(&child.child, why).await,
            _ => Ok(()),
        }
    }

    async fn stop(&mut self, id: &EffectId, why: &str) -> Result<(), HostError> {
        self.stopped.insert(id.clone(), why.to_owned());
        match self.open.get(id).and_then(|o| o.effect.clone()) {
            Some(Effect::Child(child)) if child.awaited => self.stop_child(&child.child, why).await,
            _ => Ok(()),
        }
    }

    async fn finish(&mut self, end: &RunEnd) -> Result<(), HostError> {
        if self.replay.ended(end)? {
            return Ok(());
        }
        let at = self.now();
        for id in std::mem::take(&mut self.order) {
            self.performing.stop(&id);
        }
        let core = self.core.clone();
        let _one_at_a_time = core.approval_lock(&self.run.id).await;
        let open: Vec<String> = self.open.values().filter_map(|o| o.approval.clone()).collect();
        for approval in open {
            self.void(&approval, at).await?;
        }
        self.append(at, Act::End(end.clone()))?;
        self.audit(at, "run.ended", "engine", records::end_body(end));
        self.say(at, records::ended(end));
        let body = serde_json::to_value(end).map_err(unavailable)?;
        self.run.status = RunStatus::Done;
        self.run.end = Some(body.clone());
        self.run.updated = at;
        let run = self.run.id.clone();
        self.pending.extend([
            Op::SetRun { id: run.clone(), status: RunStatus::Done, at, end: Some(body) },
            Op::DropSnapshot { run: run.clone() },
        ]);
        let free = self.frees().await?;
        self.pending.extend(free.then(|| Op::ReleaseTargets { run: gate::party(&self.run).run }));
        let key = self.give_up_key.clone().filter(|_| end.ineffective);
        let mark = key.map(|key| {
            let (kind, runbook) = ("ineffective".to_owned(), self.run.runbook.clone());
            MarkRow { kind, runbook, key, at, run }
        });
        self.pending.extend(mark.clone().map(Op::PutMark));
        self.flush().await?;
        lock(&self.core.watches).forget(&self.run.id);
        let woken = if free { lock(&self.core.targets).release(&gate::party(&self.run)) } else { Vec::new() };
        for run in woken {
            self.core.signal(shared::Signal::Wake(run));
        }
        let ended = shared::Signal::Ended { run: Box::new(self.run.clone()), ineffective: mark };
        self.core.signal(ended);
        Ok(())
    }
}

impl LocalHost {
    /// Closes an approval that the run no longer waits for, unless people were faster.
    async fn void(&mut self, approval: &str, at: Millis) -> Result<(), HostError> {
        let row = self.core.store.approval(approval).await.map_err(unavailable)?;
        if row.is_some_and(|r| r.state == ApprovalState::Open) {
            self.core.open_approvals.less();
            let state = ApprovalState::Void;
            self.pending.push(Op::CloseApproval { id: approval.to_owned(), state, at });
            self.audit(at, "approval.closed", "engine", json!({ "approval": approval, "state": state }));
            self.say(at, What::ApprovalClosed { approval: approval.to_owned(), state });
        }
        Ok(())
    }
}
