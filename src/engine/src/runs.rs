//! The runs in memory: a run is here while something is under way, and only in the store (with a time in the queue) while it waits.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use rrb_lang::hir::{Outcome, Runbook};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Millis, RunEnd, RunInput};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::TaskTracker;

use crate::api::{ApiError, What};
use crate::code::{Code, Evaluated, Interpreter};
use crate::keys;
use crate::programs::Programs;
use crate::run::driver::drive;
use crate::run::host::HostError;
use crate::run::local::LocalHost;
use crate::run::mail::{Mail, Mailbox};
use crate::run::rest::{self, Rest};
use crate::run::{ask, records};
use crate::shared::{self, Core, Work, lock};
use crate::store::{ApprovalRow, ApprovalState, Op, RunRow, RunStatus};
use crate::timers::Timers;

/// Attempts in a row without progress before a run is left alone.
pub const STRIKES: u32 = 3;

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Due {
    /// A run has something to look at.
    Run(String),
    /// People are to be told again of an approval.
    Remind(String),
}

/// The runs.
pub struct Runs {
    core: Arc<Core>,
    programs: Arc<Programs>,
    slots: Mutex<HashMap<String, mpsc::UnboundedSender<Mail>>>,
    timers: Timers<Due>,
    /// Runs at rest that wait for something which is only in memory.
    lookers: Mutex<HashMap<String, String>>,
    /// While runs at rest are being found: those that were taken up meanwhile, whose times are their own affair.
    touched: Mutex<Option<HashSet<String>>>,
    permits: Semaphore,
    tasks: TaskTracker,
}

/// How an attempt went on.
enum Went {
    /// The run is over, or not to be touched.
    Over,
    /// At rest.
    Rests { rest: Rest, runbook: String },
    /// Another attempt may do better.
    Badly(String),
    /// The engine stops.
    Stopped,
}

impl Runs {
    /// At most `at_once` runs are driven at the same time.
    pub fn new(core: Arc<Core>, programs: Arc<Programs>, at_once: u32) -> Self {
        Self {
            core,
            programs,
            slots: Mutex::default(),
            timers: Timers::default(),
            lookers: Mutex::default(),
            touched: Mutex::default(),
            permits: Semaphore::new(at_once.max(1) as usize),
            tasks: TaskTracker::new(),
        }
    }

    /// How many runs are in memory.
    pub fn active(&self) -> usize {
        lock(&self.slots).len()
    }

    /// How many runs and reminders wait for a time.
    pub fn waiting(&self) -> usize {
        self.timers.len()
    }

    /// Whether something is due.
    pub fn is_due(&self) -> bool {
        self.timers.first().is_some_and(|at| at <= self.core.now())
    }

    /// The next time that a run or a reminder waits for.
    pub fn next_time(&self) -> Option<Millis> {
        self.timers.first()
    }

    /// Lets a run look at what changed; a run that is not in memory is taken up.
    pub fn wake(self: &Arc<Self>, run: &str) {
        self.send(run, Mail::Look);
    }

    /// Says something to a run; a run that is not in memory is taken up.
    pub fn send(self: &Arc<Self>, run: &str, mail: Mail) {
        self.deliver(run, mail, None);
    }

    /// Takes a run up after the process that drove it is gone.
    pub fn take_up(self: &Arc<Self>, run: &str) {
        self.deliver(run, Mail::Look, Some("rrb stopped while it was under way".to_owned()));
    }

    fn deliver(self: &Arc<Self>, run: &str, mail: Mail, after: Option<String>) {
        if self.core.stop.is_cancelled() || self.core.closing.is_cancelled() {
            // Whoever waits for an answer sees the slot close; the run goes on after the next start.
            return;
        }
        let mut slots = lock(&self.slots);
        let mail = match slots.get(run) {
            Some(slot) => match slot.send(mail) {
                Ok(()) => return,
                Err(back) => back.0,
            },
            None => mail,
        };
        if let Some(touched) = &mut *lock(&self.touched) {
            touched.insert(run.to_owned());
        }
        let urgent = matches!(mail, Mail::Cancel { .. });
        let (slot, mailbox) = Mailbox::new();
        let _ = slot.send(mail);
        slots.insert(run.to_owned(), slot);
        drop(slots);
        self.timers.set(&Due::Run(run.to_owned()), None);
        lock(&self.lookers).remove(run);
        let (runs, id, work) = (self.clone(), run.to_owned(), self.core.work());
        self.tasks.spawn(async move { runs.attempts(id, mailbox, urgent, after, work).await });
    }

    /// Runs at rest are being found, or all of them are.
    pub fn recovering(&self, now: bool) {
        *lock(&self.touched) = now.then(HashSet::new);
    }

    /// A run at rest, as the store remembers it.
    pub async fn recover(self: &Arc<Self>, row: &RunRow, open_approvals: &HashSet<&str>) {
        let rest = match self.core.store.snapshot(&row.id).await {
            Ok(Some(shot)) => rest::unpack_rest(&shot.bytes),
            _ => None,
        };
        match rest {
            Some(rest) if !rest.look && rest.approvals.iter().all(|a| open_approvals.contains(a.as_str())) => {
                let touched = lock(&self.touched);
                if !touched.as_ref().is_some_and(|t| t.contains(&row.id)) {
                    self.timers.set(&Due::Run(row.id.clone()), rest.wake);
                }
            }
            _ => self.wake(&row.id),
        }
    }

    /// Reminds people of an open approval: at each interval, and when it is escalated.
    pub fn remind(&self, row: &ApprovalRow) {
        if row.state != ApprovalState::Open {
            return;
        }
        let Ok(ask) = ask::read(row) else { return };
        let now = self.core.now();
        let every = ask.remind_every_ms.filter(|ms| *ms > 0);
        let next = every.map(|ms| row.asked + ((now - row.asked).max(0) / ms + 1) * ms);
        let escalated = ask.escalate.iter().map(|(at, _)| *at).filter(|at| *at > now);
        let at = escalated.chain(next).filter(|at| *at < row.expires).min();
        self.timers.set(&Due::Remind(row.id.clone()), at);
    }

    /// Runs that waited for a pause to end.
    pub fn unpaused(self: &Arc<Self>, runbook: Option<&str>) {
        let woken: Vec<String> = lock(&self.lookers)
            .iter()
            .filter(|(_, of)| runbook.is_none_or(|b| b == of.as_str()))
            .map(|(run, _)| run.clone())
            .collect();
        for run in woken {
            self.wake(&run);
        }
    }

    /// Does what is due, for as long as the engine lives.
    pub async fn keep_time(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.core.stop.cancelled() => return,
                () = self.core.closing.cancelled() => return,
                () = self.timers.wait(&self.core) => {}
            }
            let _work = self.core.work();
            for due in self.timers.due(self.core.now()) {
                match due {
                    Due::Run(run) => self.wake(&run),
                    Due::Remind(approval) => self.remind_now(&approval).await,
                }
            }
        }
    }

    async fn remind_now(&self, approval: &str) {
        let Ok(Some(row)) = self.core.store.approval(approval).await else { return };
        if row.state == ApprovalState::Open {
            let item = crate::api::TimelineItem {
                at: self.core.now(),
                run: Some(row.run.clone()),
                runbook: Some(row.runbook.clone()),
                event: None,
                what: What::ApprovalAsked { approval: row.clone() },
            };
            self.core.publish(item);
            self.remind(&row);
        }
    }

    /// Waits until no run is in memory any more.
    pub async fn rest(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Drives a run until it is over or at rest.
    async fn attempts(
        self: Arc<Self>,
        run: String,
        mut mailbox: Mailbox,
        urgent: bool,
        mut after: Option<String>,
        _work: Work,
    ) {
        let _permit = match urgent {
            true => None,
            false => tokio::select! {
                permit = self.permits.acquire() => permit.ok(),
                () = self.core.stop.cancelled() => None,
            },
        };
        loop {
            let attempt = AssertUnwindSafe(self.attempt(&run, mailbox, after.take())).catch_unwind().await;
            let Ok((back, went)) = attempt else {
                tracing::error!(%run, "taking a run up crashed: it is left as it is until the next start");
                lock(&self.slots).remove(&run);
                return;
            };
            mailbox = back;
            match went {
                Went::Badly(why) if !self.core.stop.is_cancelled() => {
                    tracing::warn!(%run, %why, "an attempt failed");
                    after = Some(why);
                }
                Went::Rests { rest, runbook } => {
                    if self.leave(&run, &mailbox, rest, runbook) {
                        return;
                    }
                }
                Went::Over | Went::Stopped | Went::Badly(_) => {
                    self.close(&run, mailbox).await;
                    return;
                }
            }
        }
    }

    /// Takes the run out of memory, unless something was said to it in between.
    fn leave(&self, run: &str, mailbox: &Mailbox, rest: Rest, runbook: String) -> bool {
        let mut slots = lock(&self.slots);
        if !mailbox.is_empty() && !self.core.closing.is_cancelled() {
            return false;
        }
        slots.remove(run);
        self.timers.set(&Due::Run(run.to_owned()), rest.wake);
        if rest.look {
            lock(&self.lookers).insert(run.to_owned(), runbook);
        }
        true
    }

    /// The run is over: whoever still says something hears so.
    async fn close(&self, run: &str, mut mailbox: Mailbox) {
        lock(&self.slots).remove(run);
        while let Some(mail) = mailbox.take() {
            if let Mail::Cancel { reply: Some(reply), .. } | Mail::Resolve { reply: Some(reply), .. } = mail {
                let answer = match self.core.failure() {
                    Some(why) => ApiError::Failed(why),
                    None => ApiError::Conflict(self.why_closed(run).await),
                };
                let _ = reply.send(Err(answer));
            }
        }
    }

    async fn why_closed(&self, run: &str) -> String {
        match self.core.store.run(run).await {
            Ok(Some(row)) if row.status == RunStatus::Parked => {
                format!("the run `{run}` is quarantined: let it go on with `rrb runs resume {run}`, or cancel it")
            }
            _ => format!("the run `{run}` is over"),
        }
    }

    /// One attempt. Gives the mailbox back.
    async fn attempt(&self, run: &str, mailbox: Mailbox, after: Option<String>) -> (Mailbox, Went) {
        let row = match self.core.store.run(run).await {
            Ok(Some(row)) => row,
            Ok(None) => return (mailbox, Went::Over),
            Err(e) => {
                self.core.fail(&e.to_string());
                return (mailbox, Went::Stopped);
            }
        };
        if matches!(row.status, RunStatus::Done | RunStatus::Queued) {
            return (mailbox, Went::Over);
        }
        let code = match self.programs.get(&row.program).await {
            Ok(code) => code,
            Err(why) => return self.park(&row, mailbox, &why).await,
        };
        // After an attempt that went badly the journal alone is trusted.
        let opened = LocalHost::open(self.core.clone(), code.clone(), row.clone(), mailbox, after.is_none()).await;
        let (mut host, snapshot) = match opened {
            Ok(opened) => opened,
            Err((mailbox, e)) => return self.park(&row, mailbox, &e.to_string()).await,
        };
        if row.status == RunStatus::Parked && host.strikes() >= STRIKES {
            return self.quarantined(&row, host).await;
        }
        if let Some(why) = &after {
            match host.count_attempt(why, STRIKES).await {
                Ok(false) => {}
                Ok(true) => return (host.into_mail(), Went::Over),
                Err(_) => return (host.into_mail(), Went::Stopped),
            }
        }
        let went = AssertUnwindSafe(self.go(&mut host, &code, snapshot)).catch_unwind().await;
        let went = went.unwrap_or_else(|panic| Went::Badly(format!("it crashed: {}", panic_text(&*panic))));
        (host.into_mail(), went)
    }

    async fn go(&self, host: &mut LocalHost, code: &Arc<dyn Code>, snapshot: Option<Vec<u8>>) -> Went {
        let Ok(input) = RunInput::deserialize(&host.run().input) else {
            return Went::Badly("its input cannot be read".to_owned());
        };
        if let Some(runbook) = code.runbooks().get(input.runbook.index()) {
            host.count_ineffective_as(give_up_key(&**code, runbook, &input));
        }
        let mut begun = snapshot.is_some();
        let made: Result<Box<dyn Interpreter>, String> = match snapshot {
            Some(bytes) => code.clone().restore(&input, &bytes),
            None => code.clone().begin(&input),
        };
        let mut machine = match made {
            Ok(machine) => machine,
            Err(why) => return Went::Badly(why),
        };
        loop {
            match drive(&mut *machine, host, begun).await {
                Ok(_) => return Went::Over,
                Err(HostError::Suspended) => {}
                Err(HostError::Fenced) => return Went::Stopped,
                Err(HostError::Unavailable(why)) => {
                    self.core.fail(&why);
                    return Went::Stopped;
                }
                Err(e @ (HostError::Mismatch { .. } | HostError::Machine(_))) => return Went::Badly(e.to_string()),
            }
            begun = true;
            let bytes = match machine.snapshot() {
                Ok(bytes) => bytes,
                Err(why) => return Went::Badly(why),
            };
            match host.rest(&bytes).await {
                Ok(_) if !host.no_mail() && !self.core.closing.is_cancelled() => {}
                Ok(rest) => return Went::Rests { rest, runbook: host.run().runbook.clone() },
                Err(HostError::Machine(why)) => return Went::Badly(why),
                Err(_) => return Went::Stopped,
            }
        }
    }

    /// A quarantined run is only ever cancelled or resumed; a cancellation ends it as it stands.
    async fn quarantined(&self, row: &RunRow, host: LocalHost) -> (Mailbox, Went) {
        let mut mailbox = host.into_mail();
        let mut kept = Vec::new();
        while let Some(mail) = mailbox.take() {
            match mail {
                Mail::Cancel { why, by, reply } => {
                    let ended = self.end_as_it_stands(row, &why, &by).await;
                    if let Some(reply) = reply {
                        let _ = reply.send(ended);
                    }
                }
                Mail::Look => {}
                other => kept.push(other),
            }
        }
        mailbox.put_back(kept);
        (mailbox, Went::Over)
    }

    /// Ends a run that cannot be driven: nothing is undone, and the end says so.
    async fn end_as_it_stands(&self, row: &RunRow, why: &str, by: &str) -> Result<(), ApiError> {
        let end = RunEnd {
            outcome: Outcome::Cancelled,
            why: why.to_owned(),
            failure: None,
            ineffective: false,
            remains: vec!["everything it did: it could not be driven, so nothing was undone".to_owned()],
        };
        let at = self.core.now();
        let body = serde_json::to_value(&end).map_err(|e| ApiError::Failed(e.to_string()))?;
        let (id, status) = (row.id.clone(), RunStatus::Done);
        let party = crate::run::gate::party(row);
        let free = party.run == row.id;
        let held = if free { party.run.clone() } else { String::new() };
        let ops = vec![
            Op::SetRun { id: id.clone(), status, at, end: Some(body) },
            Op::ReleaseTargets { run: held },
            Op::DropSnapshot { run: id },
            records::draft(row, at, "run.cancelled", by, json!({ "why": why })),
            records::draft(row, at, "run.ended", "engine", records::end_body(&end)),
        ];
        self.core.commit(ops).await?;
        self.core.publish(records::item(row, at, records::ended(&end)));
        lock(&self.core.watches).forget(&row.id);
        let woken = if free { lock(&self.core.targets).release(&party) } else { Vec::new() };
        for run in woken {
            self.core.signal(shared::Signal::Wake(run));
        }
        let run = Box::new(RunRow { status, ..row.clone() });
        self.core.signal(shared::Signal::Ended { run, ineffective: None });
        Ok(())
    }

    /// Leaves a run alone whose program or journal cannot be read.
    async fn park(&self, row: &RunRow, mailbox: Mailbox, why: &str) -> (Mailbox, Went) {
        if self.core.stop.is_cancelled() {
            return (mailbox, Went::Stopped);
        }
        tracing::error!(run = %row.id, %why, "a run cannot be taken up");
        if row.status != RunStatus::Parked {
            let at = self.core.now();
            let set = Op::SetRun { id: row.id.clone(), status: RunStatus::Parked, at, end: None };
            let note = records::draft(row, at, "run.quarantined", "engine", json!({ "why": why }));
            if self.core.commit_all(vec![set, note]).await.is_err() {
                return (mailbox, Went::Stopped);
            }
            let what = What::RunStatus { status: RunStatus::Parked, why: why.to_owned() };
            self.core.publish(records::item(row, at, what));
        }
        (mailbox, Went::Over)
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_else(|| "no reason given".to_owned())
}

/// Where an ineffective end of this run is counted; none when its runbook does not give up.
fn give_up_key(code: &dyn Code, runbook: &Runbook, input: &RunInput) -> Option<String> {
    let give_up = runbook.give_up.as_ref()?;
    let Some(function) = give_up.key else { return Some(String::new()) };
    match code.eval(function, input.params.clone(), &input.settings, "") {
        Ok(Evaluated::Value(key)) => Some(keys::shown(code, &key)),
        _ => None,
    }
}

/// The time of the earliest of these.
pub fn earliest(times: impl IntoIterator<Item = Option<Millis>>) -> Option<Millis> {
    times.into_iter().flatten().min()
}

/// The parameters of a run by name, as people read them.
pub fn shown_params(code: &dyn Code, runbook: &Runbook, params: &[Value]) -> serde_json::Value {
    let named = runbook.params.iter().zip(params);
    let shown = named.map(|(p, v)| (p.name.to_string(), serde_json::Value::from(&code.to_json(v))));
    serde_json::Value::Object(shown.collect())
}
