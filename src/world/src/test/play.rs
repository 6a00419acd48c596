//! One test from its first statement to its last.

use std::collections::BTreeSet;
use std::sync::Arc;

use rrb_engine::store::told::Told;
use rrb_lang::hir::testing::Test;
use rrb_lang::ids::SiteId;
use rrb_lang::span::Span;

use super::calls::Call;
use super::facts::outcome_name;
use super::idle::Idle;
use super::stage::{CrashAt, Stage};
use super::suite::Suite;
use super::trouble::Trouble;
use super::unanswered;

/// What a test came to.
#[derive(Debug, Clone, Default)]
pub struct Played {
    /// Nothing when it passed.
    pub troubles: Vec<Trouble>,
    /// The calls of the world in order.
    pub calls: Vec<Call>,
    /// Each run by its runbook, with its outcome and its evidence: what must be the same whatever crashed.
    pub ends: Vec<String>,
    /// The places at which something failed.
    pub failed: BTreeSet<SiteId>,
    /// How often the store was written.
    pub commits: u64,
    /// What each commit held, when that was to be told.
    pub told: Vec<Told>,
    /// Each run with its runbook.
    pub runs: Vec<(String, String)>,
    /// With a crash: what it came to.
    pub crash: Option<Crashed>,
}

/// How a test is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way {
    /// The engine dies here once.
    pub crash: Option<CrashAt>,
    /// What each commit holds is kept.
    pub tell: bool,
}

/// What became of a planned crash.
#[derive(Debug, Clone, Default)]
pub struct Crashed {
    /// It came.
    pub came: bool,
    /// Why what came of it cannot be compared.
    pub inexpressible: Option<String>,
}

/// Plays a test on a runtime of its own.
pub fn play(suite: &Arc<Suite>, test: &Test, way: Way) -> Played {
    let (runtime, idle) = match Idle::runtime() {
        Ok(made) => made,
        Err(e) => return broken(test.span, format!("the test has no runtime: {e}")),
    };
    let (suite, of, span) = (Arc::clone(suite), test.clone(), test.span);
    let played =
        runtime.block_on(async move { tokio::spawn(async move { played(&suite, &of, idle, way).await }).await });
    played.unwrap_or_else(|e| broken(span, format!("playing the test broke down, which is a defect of rrb: {e}")))
}

fn broken(span: Span, why: String) -> Played {
    Played { troubles: vec![Trouble::new(span, "", why)], ..Played::default() }
}

async fn played(suite: &Arc<Suite>, test: &Test, idle: Idle, way: Way) -> Played {
    let mut stage = match Stage::open(suite, test, idle, way).await {
        Ok(stage) => stage,
        Err(troubles) => return Played { troubles, ..Played::default() },
    };
    let (mut played, mut left_out) = (Played::default(), Vec::new());
    for (n, step) in test.steps.iter().enumerate() {
        let rest = test.steps.get(n + 1..).unwrap_or_default();
        let done = match stage.play(step, rest).await {
            Ok(mut troubles) => stage.judge(step).await.map(|more| {
                troubles.extend(more);
                troubles
            }),
            Err(e) => Err(e),
        };
        match done {
            // Most likely these are so because of the answer that is missing: that one is told.
            Ok(troubles) if stage.world.lacks() => {
                left_out.extend((!troubles.is_empty()).then(|| step.text.to_string()));
            }
            Ok(troubles) => played.troubles.extend(troubles),
            Err(e) => {
                played.troubles.push(e.trouble(step.span));
                break;
            }
        }
    }
    close(&stage, test, &mut played, &left_out).await;
    played
}

/// What is told at the end: calls without an answer come first, because they explain the rest. `left_out` are statements that came out
/// otherwise behind one.
async fn close(stage: &Stage, test: &Test, played: &mut Played, left_out: &[String]) {
    played.calls = stage.world.calls();
    played.commits = stage.commits();
    played.told = stage.told();
    if stage.planned {
        let inexpressible = stage.lost.cannot_be_told();
        played.crash = Some(Crashed { came: stage.died.is_some(), inexpressible });
    }
    match stage.facts().await {
        Ok(facts) => {
            let mut first = unanswered::troubles(stage, test, &facts);
            unanswered::with_left_out(&mut first, left_out);
            first.append(&mut played.troubles);
            played.troubles = first;
            for run in &facts.runs {
                played.failed.extend(run.failed_sites());
                played.runs.push((run.row.id.clone(), run.row.runbook.clone()));
                let outcome = run.end.as_ref().map_or_else(|| run.row.status.to_string(), |e| outcome_name(e.outcome));
                played.ends.push(format!("{}: {outcome}", run.row.runbook));
                for note in run.notes() {
                    if let rrb_lang::vm::protocol::Note::Evidence { name, value, .. } = note {
                        let value = rrb_lang::vm::print::json_text(value);
                        played.ends.push(format!("{}: evidence {name} = {value}", run.row.runbook));
                    }
                }
            }
        }
        Err(e) => played.troubles.push(e.trouble(test.span)),
    }
}
