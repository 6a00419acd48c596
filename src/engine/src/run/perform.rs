//! Performs calls and plans beside the run: with a deadline, with panics caught, and stopped when nobody waits any more.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{
    ActionInfo, ApprovalAsk, EffectId, EffectOutcome, Failure, FailureKind, Happened, NativeCall, Plan, PlanEntry,
    Planned, RunInput,
};
use tokio::task::{AbortHandle, JoinSet};

use super::{cap, gate};
use crate::code::{Code, PlanStep};
use crate::shared::Core;
use crate::store::RunRow;

/// How long after its deadline a call may still answer for itself: its own account of a time-out is the better one.
const GRACE_MS: i64 = 1000;

/// The longest a call without a deadline may take.
const LONGEST_MS: i64 = 60 * 60 * 1000;

/// How many reads a plan may do.
const PLAN_READS: u32 = 1000;

/// The effects of one run that are being performed.
pub struct Performing {
    core: Arc<Core>,
    tasks: JoinSet<(EffectId, EffectOutcome)>,
    handles: Vec<(EffectId, AbortHandle)>,
}

impl Performing {
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, tasks: JoinSet::new(), handles: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.handles.is_empty()
    }

    pub fn has(&self, id: &EffectId) -> bool {
        self.handles.iter().any(|(h, _)| h == id)
    }

    /// Begins a call.
    pub fn call(&mut self, id: &EffectId, call: NativeCall) {
        let (core, of) = (self.core.clone(), id.clone());
        let handle = self.tasks.spawn(async move { (of, call_once(&core, &call, false).await) });
        self.handles.push((id.clone(), handle));
    }

    /// Begins to run a block ahead.
    pub fn plan(&mut self, id: &EffectId, code: Arc<dyn Code>, input: RunInput, run: RunRow, machine: Vec<u8>) {
        let (core, of) = (self.core.clone(), id.clone());
        let handle = self.tasks.spawn(async move { (of, plan(&core, code, input, &run, machine).await) });
        self.handles.push((id.clone(), handle));
    }

    /// Stops an effect as well as it can be stopped.
    pub fn stop(&mut self, id: &EffectId) {
        self.handles.retain(|(h, handle)| {
            if h == id {
                handle.abort();
            }
            h != id
        });
    }

    /// The next one that came to its end; pending while there is none.
    pub async fn next(&mut self) -> (EffectId, EffectOutcome) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((id, outcome))) if self.has(&id) => {
                    self.handles.retain(|(h, _)| *h != id);
                    return (id, outcome);
                }
                // Stopped on the way, or nobody waits for it any more.
                Some(_) => {}
                None => return std::future::pending().await,
            }
        }
    }

    /// The next one if it came to its end already.
    pub fn try_next(&mut self) -> Option<(EffectId, EffectOutcome)> {
        self.next().now_or_never()
    }
}

fn crashed(what: &str) -> EffectOutcome {
    let failure = Failure::new(FailureKind::Failed, format!("{what} crashed: a fault of rrb, please report it"));
    EffectOutcome::Failed(failure.happened(Happened::Maybe))
}

/// Performs a call, or reads for a plan: never longer than its deadline, never panics, never more than a journal keeps.
pub async fn call_once(core: &Core, call: &NativeCall, planned: bool) -> EffectOutcome {
    let limit = call.deadline.map_or_else(|| core.now().saturating_add(LONGEST_MS), |d| d.saturating_add(GRACE_MS));
    let perform = if planned { core.world.look(call) } else { core.world.perform(call) };
    let perform = AssertUnwindSafe(perform).catch_unwind();
    let outcome = tokio::select! {
        biased;
        done = perform => done.unwrap_or_else(|_| crashed(&format!("`{}`", call.native))),
        () = core.sleep_until(limit) => {
            let text = format!("`{}` did not answer in time", call.native);
            EffectOutcome::Failed(Failure::new(FailureKind::Timeout, text).happened(Happened::Maybe))
        }
    };
    cap::outcome(outcome, &call.native)
}

/// Runs a block ahead. What goes wrong gives a plan that says so: people then see that it may say too little.
async fn plan(core: &Core, code: Arc<dyn Code>, input: RunInput, run: &RunRow, machine: Vec<u8>) -> EffectOutcome {
    let made = AssertUnwindSafe(judged_plan(core, code, input, run, machine)).catch_unwind().await;
    match made {
        Ok(Ok(plan)) => cap::outcome(EffectOutcome::Planned(plan), "plan"),
        Ok(Err(why)) => {
            let failure = Failure::new(FailureKind::Failed, format!("the block could not be planned: {why}"));
            EffectOutcome::Failed(failure.happened(Happened::No))
        }
        Err(_) => crashed("the planner"),
    }
}

/// A plan with what the policies say now of each of its calls.
async fn judged_plan(
    core: &Core,
    code: Arc<dyn Code>,
    input: RunInput,
    run: &RunRow,
    machine: Vec<u8>,
) -> Result<Plan, String> {
    let plan = make_plan(core, code.clone(), input, machine).await?;
    Ok(judge(core, &*code, run, plan).await)
}

/// Adds what the policies say now of each call of a plan.
pub async fn judge(core: &Core, code: &dyn Code, run: &RunRow, plan: Plan) -> Plan {
    judge_asking(core, code, run, plan).await.0
}

/// Adds what the policies say, and gives the question that they would ask first about each call; none where they ask nothing.
pub async fn judge_asking(
    core: &Core,
    code: &dyn Code,
    run: &RunRow,
    mut plan: Plan,
) -> (Plan, Vec<Option<ApprovalAsk>>) {
    let policies = core.policies();
    if policies.is_empty() {
        return (plan, Vec::new());
    }
    let Some(facts) = gate::facts(code, run, &[]) else { return (plan, Vec::new()) };
    let mut verdicts = Vec::with_capacity(plan.entries.len());
    let mut asks = Vec::with_capacity(plan.entries.len());
    for entry in &plan.entries {
        let judged = policies.call(&facts, &foreseen(entry), &core.policy_counts, &|_| None, core.now()).await;
        verdicts.push(judged.verdict);
        asks.push(judged.ask);
    }
    plan.verdicts = verdicts;
    (plan, asks)
}

/// A planned call as the policies will see it; what is not known yet is absent.
fn foreseen(entry: &PlanEntry) -> ActionInfo {
    let known = |p: &Planned| if let Planned::Known(json) = p { Some(json.clone()) } else { None };
    let target = match known(&entry.target) {
        Some(Json::Text(t)) => Some(t),
        _ => None,
    };
    ActionInfo {
        action: entry.action.clone(),
        connector: entry.action.split('.').next().unwrap_or_default().into(),
        instance: entry.instance.clone(),
        target,
        on_busy_fail: false,
        effect: entry.effect,
        args: entry.args.iter().map(|(n, p)| (n.clone(), known(p).unwrap_or(Json::Null))).collect(),
        rollback: false,
        cover: None,
        site: entry.site,
        class: entry.class,
        approvals: Vec::new(),
    }
}

async fn make_plan(core: &Core, code: Arc<dyn Code>, input: RunInput, machine: Vec<u8>) -> Result<Plan, String> {
    let mut planner = code.plan(&input, &machine)?;
    let mut step = planner.step(None, core.now());
    for _ in 0..PLAN_READS {
        match step {
            PlanStep::Done(plan) => return Ok(plan),
            PlanStep::Read(id, call) => {
                let outcome = call_once(core, &call, true).await;
                step = planner.step(Some((id, outcome)), core.now());
            }
        }
    }
    match step {
        PlanStep::Done(plan) => Ok(plan),
        PlanStep::Read(..) => Err(format!("it reads more than {PLAN_READS} times")),
    }
}
