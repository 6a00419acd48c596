//! What a runbook may do: every action of a connector that it reaches, with what it does and under whose consent.

use std::collections::HashSet;

use serde::Serialize;
use smol_str::SmolStr;

use crate::hir::visit::{self, Cover};
use crate::hir::{Expr, ExprKind, Function, FunctionKind, Program, Runbook, TextPart};
use crate::ids::{EventId, FnId, RunbookId};
use crate::span::Span;
use crate::syntax::ast::Effect;
use crate::value::Value;

/// What one runbook may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectSummary {
    pub runbook: RunbookId,
    /// In the order the code is written, each use once.
    pub uses: Vec<EffectUse>,
}

/// An action that a runbook reaches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectUse {
    /// The action: of a connector, or a primitive that the project calls itself.
    pub function: FnId,
    /// As shown: `slack.post`.
    pub name: SmolStr,
    /// What it does.
    pub effect: Effect,
    /// The instance when it is written as a plain text; none for the default or a computed one.
    pub instance: Option<SmolStr>,
    /// Which part of the runbook reaches it.
    pub part: Part,
    /// Only a rollback calls it.
    pub undo: bool,
    /// The innermost consent around it.
    pub consent: Consent,
    /// The actions of the project on the way to it, outermost first; `run NAME` for a runbook that is run.
    pub through: Vec<SmolStr>,
    /// The call itself.
    pub span: Span,
    /// The `trust`s in the action, by their index in [`Program::trusts`]: it does less than its primitives only if they are right.
    pub trusts: Vec<usize>,
    /// Why it may be repeated although it is not safe to: the reason of `retry … unsafe`.
    pub repeated: Option<SmolStr>,
}

/// A part of a runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Body,
    OnFailure,
    Finally,
    /// The `acknowledge` of an event that it listens to: done by the source, not by the run.
    Acknowledge,
}

/// Under what a call happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Consent {
    /// It needs none, or the checker has complained.
    None,
    /// The question, holes as `…`.
    Approval {
        question: String,
    },
    Waiver {
        reason: String,
        by: SmolStr,
        until: i64,
    },
}

/// The summary of every runbook, in order.
pub fn summaries(program: &Program) -> Vec<EffectSummary> {
    let ids = (0u32..).map(RunbookId);
    program.runbooks.iter().zip(ids).map(|(runbook, id)| summary(program, id, runbook)).collect()
}

fn summary(program: &Program, id: RunbookId, runbook: &Runbook) -> EffectSummary {
    let (mut uses, mut heard) = (Vec::new(), Vec::new());
    heard.extend(runbook.triggers.iter().flat_map(|t| t.kind.events()).map(|(event, _)| event));
    heard.extend(runbook.cancel_when.iter().map(|c| c.event));
    let parts =
        [(Some(runbook.body), Part::Body), (runbook.on_failure, Part::OnFailure), (runbook.finally, Part::Finally)];
    for (function, part) in parts {
        if let Some(function) = function {
            let mut collector = Collector { program, part, uses: &mut uses, heard: &mut heard, seen: HashSet::new() };
            collector.start(function, Vec::new());
        }
    }
    let mut told = HashSet::new();
    for event in heard.into_iter().filter(|e| told.insert(*e)) {
        let Some(event) = program.events.get(event.index()) else { continue };
        let Some(acknowledge) = event.acknowledge else { continue };
        let connector = program.connectors.get(event.connector.index()).map_or("", |c| c.name.as_str());
        let through = vec![SmolStr::from(format!("{connector}.{}", event.name))];
        let part = Part::Acknowledge;
        let mut collector = Collector { program, part, uses: &mut uses, heard: &mut Vec::new(), seen: HashSet::new() };
        collector.start(acknowledge.function, through);
    }
    EffectSummary { runbook: id, uses }
}

/// A function that is reached, and how.
struct Reached {
    function: FnId,
    consent: Consent,
    undo: bool,
    through: Vec<SmolStr>,
}

struct Collector<'a> {
    program: &'a Program,
    part: Part,
    uses: &'a mut Vec<EffectUse>,
    /// The events that it waits for.
    heard: &'a mut Vec<EventId>,
    /// Each function once per consent, so that recursion ends.
    seen: HashSet<(FnId, Consent, bool)>,
}

impl Collector<'_> {
    fn start(&mut self, function: FnId, through: Vec<SmolStr>) {
        let mut todo = vec![Reached { function, consent: Consent::None, undo: false, through }];
        while let Some(reached) = todo.pop() {
            if !self.seen.insert((reached.function, reached.consent.clone(), reached.undo)) {
                continue;
            }
            let mut next = self.function(&reached);
            next.reverse();
            todo.append(&mut next);
        }
    }

    /// Notes the calls of connectors in the function's body and gives the project's own functions that it goes on to.
    fn function(&mut self, reached: &Reached) -> Vec<Reached> {
        let mut next = Vec::new();
        let Some(body) = self.program.functions.get(reached.function.index()).and_then(|f| f.body.as_ref()) else {
            return next;
        };
        visit::walk(body, &mut |expr, cover, _| {
            let consent = cover.map_or_else(|| reached.consent.clone(), consent_of);
            let mut go = |function: FnId, undo: bool, name: Option<&SmolStr>| {
                let through = reached.through.iter().chain(name).cloned().collect();
                next.push(Reached { function, consent: consent.clone(), undo, through });
            };
            match &expr.kind {
                ExprKind::CallFn { function, .. } | ExprKind::Closure { function, .. } => {
                    go(*function, reached.undo, None)
                }
                ExprKind::CallAction(call) => {
                    let Some(callee) = self.program.functions.get(call.function.index()) else { return };
                    let FunctionKind::Action(action) = &callee.kind else { return };
                    match (&call.undo, action.undo) {
                        (Some((undo, _)), _) => go(*undo, true, None),
                        (None, Some(undo)) => go(undo, true, Some(&callee.name)),
                        (None, None) => {}
                    }
                    if action.connector.is_none() && action.native.is_none() {
                        return go(call.function, reached.undo, Some(&callee.name));
                    }
                    let found = EffectUse {
                        function: call.function,
                        name: callee.name.clone(),
                        effect: call.trusted.map_or(callee.effect, |t| t.min(callee.effect)),
                        instance: call.instance.as_ref().and_then(literal),
                        part: self.part,
                        undo: reached.undo,
                        consent: consent.clone(),
                        through: reached.through.clone(),
                        span: expr.span,
                        trusts: trusts_in(self.program, callee),
                        repeated: call.retry.as_ref().and_then(|r| r.unsafe_reason.clone()),
                    };
                    if !self.uses.contains(&found) {
                        self.uses.push(found);
                    }
                }
                ExprKind::RunChild(run) => {
                    let Some(child) = self.program.runbooks.get(run.runbook.index()) else { return };
                    let name = SmolStr::from(format!("run {}", child.name));
                    // What people agreed to here does not hold in another run.
                    for function in [Some(child.body), child.on_failure, child.finally].into_iter().flatten() {
                        let through = reached.through.iter().chain([&name]).cloned().collect();
                        next.push(Reached { function, consent: Consent::None, undo: reached.undo, through });
                    }
                }
                ExprKind::WaitFor(wait) => self.heard.push(wait.watch.event),
                ExprKind::During(during) => self.heard.extend(during.handlers.iter().map(|h| h.watch.event)),
                _ => {}
            }
        });
        next
    }
}

fn trusts_in(program: &Program, action: &Function) -> Vec<usize> {
    let Some(body) = action.body.as_ref().map(|b| b.span) else { return Vec::new() };
    let inside = |t: Span| t.file == body.file && body.start <= t.start && t.end <= body.end;
    program.trusts.iter().enumerate().filter(|(_, t)| inside(t.span)).map(|(i, _)| i).collect()
}

fn consent_of(cover: Cover<'_>) -> Consent {
    match cover {
        Cover::Approval(approve) => Consent::Approval { question: shown(&approve.question) },
        Cover::Waiver(waive) => {
            Consent::Waiver { reason: shown(&waive.reason), by: waive.by.clone(), until: waive.until }
        }
    }
}

/// A text that is written without holes.
pub(super) fn literal(expr: &Expr) -> Option<SmolStr> {
    match &expr.kind {
        ExprKind::Literal(Value::Text(text)) => Some(text.clone()),
        ExprKind::Text(parts) => match parts.as_slice() {
            [] => Some(SmolStr::default()),
            [TextPart::Chars(text)] => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn shown(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Text(parts) => parts
            .iter()
            .map(|p| match p {
                TextPart::Chars(text) => text.as_str(),
                TextPart::Hole(_) => "…",
            })
            .collect(),
        _ => literal(expr).map_or_else(|| "…".to_owned(), |t| t.to_string()),
    }
}
