//! The gate before a call that changes something: is it paused, covered, allowed, and is its target free.

use rrb_lang::hir::Runbook;
use rrb_lang::json::Json;
use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::{
    ActionInfo, ApprovalAsk, Cover, EffectId, Failure, FailureKind, Happened, Millis, PolicyAnswer, RuleSaid, Verdict,
};
use serde::Deserialize;

use super::children;
use super::votes::{self, Tally};
use crate::code::Code;
use crate::policy::{Counted, Facts, HeldApproval, Judged, full, spoken};
use crate::shared::{Core, lock};
use crate::store::{ApprovalRow, ApprovalState, RunRow, StoreError, VoteRow};
use crate::targets::{Acquire, Party};

/// What the gate says.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// Go on, holding this target, with what the policies said and what they count.
    Open {
        hold: Option<String>,
        verdict: Option<Verdict>,
        counted: Vec<Counted>,
    },
    /// A policy wants people to agree first.
    Ask(Box<Judged>),
    Refused {
        failure: Box<Failure>,
        verdict: Option<Verdict>,
    },
    /// Not now.
    Wait {
        why: String,
        wake: Vec<String>,
    },
}

/// The name under which a target is held: it belongs to an instance of a connector.
pub fn target_key(call: &ActionInfo) -> Option<String> {
    let target = call.target.as_ref()?;
    Some(format!("{}[{}] {target}", call.connector, call.instance))
}

/// As holders of targets see this run: a run and the children that it waits for are one.
pub fn party(run: &RunRow) -> Party {
    match children::parent_of(run).filter(|p| p.awaited) {
        Some(parent) => Party { created: parent.root_created, run: parent.root.to_string() },
        None => Party { created: run.created, run: run.id.clone() },
    }
}

fn refused(kind: FailureKind, message: String) -> Gate {
    Gate::Refused { failure: Box::new(Failure::new(kind, message).happened(Happened::No)), verdict: None }
}

/// The failure that a denying verdict is.
fn denied(verdict: Verdict) -> Gate {
    let detail = serde_json::to_value(&verdict).map_or(Json::Null, Json::from);
    let failure = Failure::new(FailureKind::Denied, spoken(&verdict)).happened(Happened::No).detail(detail);
    Gate::Refused { failure: Box::new(failure), verdict: Some(verdict) }
}

/// Asks everything there is to ask. `held`: the approvals that the call says it stands under. A call that undoes another is only asked for its policies and its target: what covered the
/// first covers it, and a pause must not keep things half done.
///
/// # Errors
/// When the program of the run does not have its runbook.
pub async fn ask(
    core: &Core,
    code: &dyn Code,
    run: &RunRow,
    held: &[(EffectId, ApprovalRow)],
    call: &ActionInfo,
) -> Result<Gate, StoreError> {
    let now = core.now();
    if !call.rollback && core.is_paused(&run.runbook) {
        return Ok(Gate::Wait { why: "it is paused".to_owned(), wake: Vec::new() });
    }
    if !call.rollback {
        let problem = match &call.cover {
            Some(Cover::Waiver { reason, by, until }) if *until <= now => {
                Some(format!("the waiver \"{reason}\" by {by} ended at {}", shown_time(*until)))
            }
            Some(Cover::Approval { effect, digest }) => {
                let row = held.iter().find(|(id, _)| id == effect).map(|(_, row)| row);
                covered(row, digest, &core.people()).err()
            }
            _ => None,
        };
        if let Some(why) = problem {
            return Ok(refused(FailureKind::Denied, why));
        }
    }
    let judged = match policies(core, code, run, held, call, now).await? {
        Some(judged) if judged.verdict.answer == PolicyAnswer::Deny => return Ok(denied(judged.verdict)),
        Some(judged) if judged.ask.is_some() => return Ok(Gate::Ask(Box::new(judged))),
        judged => judged,
    };
    Ok(take(core, run, call, judged, now))
}

/// Asks the policies; none when the project has none.
async fn policies(
    core: &Core,
    code: &dyn Code,
    run: &RunRow,
    held: &[(EffectId, ApprovalRow)],
    call: &ActionInfo,
    now: Millis,
) -> Result<Option<Judged>, StoreError> {
    let policies = core.policies();
    if policies.is_empty() {
        return Ok(None);
    }
    let rows = held.iter().filter(|(id, r)| call.approvals.contains(id) && r.state == ApprovalState::Approved);
    let rows: Vec<&ApprovalRow> = rows.map(|(_, row)| row).collect();
    let yes = rows.iter().flat_map(|r| r.votes.iter().filter(|v| v.approve));
    let yes: Vec<VoteRow> = yes.cloned().collect();
    let held: Vec<HeldApproval> = rows
        .iter()
        .map(|r| {
            let votes = || r.votes.iter().filter(|v| v.approve);
            let comments = votes().map(|v| v.comment.clone()).filter(|c| !c.is_empty()).collect();
            let by = votes().map(|v| v.person.as_str().into()).collect();
            HeldApproval { by, comments, at: r.closed.unwrap_or(r.asked) }
        })
        .collect();
    let people = core.people();
    let met = |ask: &ApprovalAsk| match votes::tally(ask, &run.requester, &yes, &people) {
        Tally::Approved(by) => Some(by.iter().map(|v| v.person.clone()).collect()),
        _ => None,
    };
    let Some(facts) = facts(code, run, &held) else {
        let why = format!("the runbook `{}` is not in the program of its run", run.runbook);
        return Err(StoreError::Corrupt(why));
    };
    Ok(Some(policies.call(&facts, call, &core.policy_counts, &met, now).await))
}

/// A run as policies see it.
pub fn facts<'a>(code: &'a dyn Code, run: &'a RunRow, approvals: &'a [HeldApproval]) -> Option<Facts<'a>> {
    let full =
        |r: &Runbook| run.runbook.strip_suffix(r.name.as_str()).and_then(|m| m.strip_suffix('.')) == Some(&*r.module);
    let runbook = code.runbooks().iter().find(|r| r.name == run.runbook.as_str() || full(r))?;
    Some(Facts {
        run: &run.id,
        requester: &run.requester,
        started: run.created,
        event: run.event.as_deref(),
        params: &run.params,
        runbook,
        approvals,
    })
}

/// Takes the target and a place under every limit, or neither.
fn take(core: &Core, run: &RunRow, call: &ActionInfo, judged: Option<Judged>, now: Millis) -> Gate {
    let (verdict, counted) = match judged {
        Some(judged) => (Some(judged.verdict), judged.counted),
        None => (None, Vec::new()),
    };
    // Another call may have taken the last place since the rules were asked.
    let mut counts = lock(&core.policy_counts);
    if let Some(limit) = counted.iter().find(|c| counts.seen(c, now) >= c.count) {
        let because = full("the limit was reached meanwhile", limit, counts.seen(limit, now));
        let mut verdict = verdict.unwrap_or_else(|| Verdict {
            answer: PolicyAnswer::Deny,
            policies: String::new(),
            program: run.program.as_str().into(),
            rules: Vec::new(),
        });
        verdict.answer = PolicyAnswer::Deny;
        let policy = limit.counter.split(' ').next().unwrap_or_default().into();
        let rule = limit.counter.as_str().into();
        verdict.rules.push(RuleSaid { policy, rule, place: "".into(), answer: PolicyAnswer::Deny, because });
        return denied(verdict);
    }
    match take_target(core, run, call) {
        Gate::Open { hold, .. } => {
            let _ = counts.take(&counted, now);
            Gate::Open { hold, verdict, counted }
        }
        other => other,
    }
}

/// Whether the approval still stands: people may have left since they agreed.
fn covered(row: Option<&ApprovalRow>, digest: &str, people: &ProjectConfig) -> Result<(), String> {
    let Some(row) = row else {
        return Err("the approval it stands under is not known any more".to_owned());
    };
    if row.state != ApprovalState::Approved {
        return Err(format!("the approval `{}` it stands under is not an agreement", row.id));
    }
    if row.digest != digest {
        return Err(format!("the approval `{}` was given to another plan", row.id));
    }
    let ask =
        ApprovalAsk::deserialize(&row.ask).map_err(|e| format!("the approval `{}` cannot be read: {e}", row.id))?;
    match votes::tally(&ask, &row.requester, &row.votes, people) {
        Tally::Approved(_) => Ok(()),
        _ => {
            Err(format!("the approval `{}` no longer has its quorum: a person who agreed may no longer do so", row.id))
        }
    }
}

fn open(hold: Option<String>) -> Gate {
    Gate::Open { hold, verdict: None, counted: Vec::new() }
}

fn take_target(core: &Core, run: &RunRow, call: &ActionInfo) -> Gate {
    let Some(target) = target_key(call) else { return open(None) };
    let fail_if_busy = call.on_busy_fail && !call.rollback;
    match lock(&core.targets).acquire(&party(run), &run.id, &target, fail_if_busy) {
        Acquire::Held => open(Some(target)),
        Acquire::Busy { holder } => {
            refused(FailureKind::Conflict, format!("the target `{target}` is held by the run `{holder}`"))
        }
        Acquire::Deadlock { holder } => refused(
            FailureKind::Conflict,
            format!(
                "the target `{target}` is held by the run `{holder}`, which waits for this one: the younger gives way"
            ),
        ),
        Acquire::Waits { holder } => {
            Gate::Wait { why: format!("the target `{target}` is held by the run `{holder}`"), wake: Vec::new() }
        }
        Acquire::WaitsFor { holder, victims } => {
            Gate::Wait { why: format!("the target `{target}` is held by the run `{holder}`"), wake: victims }
        }
    }
}

/// A time as people read it.
pub fn shown_time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |t| t.to_string())
}
