//! The gate before a call that changes something: is it paused, covered, allowed, and is its target free.

use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::{ActionInfo, ApprovalAsk, Cover, EffectId, Failure, FailureKind, Happened, Millis};
use serde::Deserialize;

use super::votes::{self, Tally};
use crate::policy::Answer;
use crate::shared::{Core, lock};
use crate::store::{ApprovalRow, ApprovalState, RunRow, StoreError};
use crate::targets::{Acquire, Party};

/// What the gate says.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// Go on, holding this target.
    Open {
        hold: Option<String>,
    },
    Refused(Box<Failure>),
    /// Not now.
    Wait {
        why: String,
        wake: Option<String>,
    },
}

/// The name under which a target is held: it belongs to an instance of a connector.
pub fn target_key(call: &ActionInfo) -> Option<String> {
    let target = call.target.as_ref()?;
    Some(format!("{}[{}] {target}", call.connector, call.instance))
}

/// As holders of targets see this run.
pub fn party(run: &RunRow) -> Party {
    Party { created: run.created, run: run.id.clone() }
}

fn refused(kind: FailureKind, message: String) -> Gate {
    Gate::Refused(Box::new(Failure::new(kind, message).happened(Happened::No)))
}

/// Asks everything there is to ask. A call that undoes another is only asked for its policies and its target: what covered the
/// first covers it, and a pause must not keep things half done.
///
/// # Errors
/// When the store cannot be read.
pub async fn ask(
    core: &Core,
    run: &RunRow,
    approval: impl AsyncFnOnce(&EffectId) -> Result<Option<ApprovalRow>, StoreError>,
    call: &ActionInfo,
) -> Result<Gate, StoreError> {
    let now = core.now();
    if !call.rollback && core.is_paused(&run.runbook) {
        return Ok(Gate::Wait { why: "it is paused".to_owned(), wake: None });
    }
    if !call.rollback {
        let problem = match &call.cover {
            Some(Cover::Waiver { reason, by, until }) if *until <= now => {
                Some(format!("the waiver \"{reason}\" by {by} ended at {}", shown_time(*until)))
            }
            Some(Cover::Approval { effect, digest }) => {
                let row = approval(effect).await?;
                covered(row.as_ref(), digest, &core.people()).err()
            }
            _ => None,
        };
        if let Some(why) = problem {
            return Ok(refused(FailureKind::Denied, why));
        }
    }
    if let Answer::Deny(why) = core.policy.call(run, call, now).await {
        return Ok(refused(FailureKind::Denied, why));
    }
    Ok(take_target(core, run, call))
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

fn take_target(core: &Core, run: &RunRow, call: &ActionInfo) -> Gate {
    let Some(target) = target_key(call) else { return Gate::Open { hold: None } };
    let fail_if_busy = call.on_busy_fail && !call.rollback;
    match lock(&core.targets).acquire(&party(run), &target, fail_if_busy) {
        Acquire::Held => Gate::Open { hold: Some(target) },
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
            Gate::Wait { why: format!("the target `{target}` is held by the run `{holder}`"), wake: None }
        }
        Acquire::WaitsFor { holder, victim } => {
            Gate::Wait { why: format!("the target `{target}` is held by the run `{holder}`"), wake: Some(victim) }
        }
    }
}

/// A time as people read it.
pub fn shown_time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |t| t.to_string())
}
