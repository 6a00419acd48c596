//! Runbooks that run each other in a circle: legal, since a condition may end it, and mostly a mistake.

use std::collections::{BTreeSet, HashSet};

use crate::diag::{Diagnostic, codes};
use crate::hir::{ExprKind, Program, Runbook, visit};
use crate::ids::{FnId, RunbookId};
use crate::span::Span;

/// A `run` or `start` that a runbook reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Edge {
    to: usize,
    at: Span,
}

/// Warns once of each circle, at the `run` that closes it.
pub fn run(program: &Program) -> Vec<Diagnostic> {
    let edges: Vec<BTreeSet<Edge>> = program.runbooks.iter().map(|r| edges(program, r)).collect();
    let mut warned: HashSet<usize> = HashSet::new();
    let mut out = Vec::new();
    for from in 0..edges.len() {
        if warned.contains(&from) {
            continue;
        }
        let Some(circle) = circle(&edges, from) else { continue };
        warned.extend(circle.iter().map(|e| e.to));
        out.push(warning(program, from, &circle));
    }
    out
}

/// The runs that a runbook can begin: in its body and handlers, and in the actions that they call.
fn edges(program: &Program, runbook: &Runbook) -> BTreeSet<Edge> {
    let mut todo: Vec<FnId> = [Some(runbook.body), runbook.on_failure, runbook.finally].into_iter().flatten().collect();
    let mut seen: HashSet<FnId> = HashSet::new();
    let mut out = BTreeSet::new();
    while let Some(function) = todo.pop() {
        if !seen.insert(function) {
            continue;
        }
        let Some(body) = program.functions.get(function.index()).and_then(|f| f.body.as_ref()) else { continue };
        visit::walk(body, &mut |expr, _, _| match &expr.kind {
            ExprKind::RunChild(run) => {
                out.insert(Edge { to: run.runbook.index(), at: expr.span });
            }
            ExprKind::CallAction(call) => todo.push(call.function),
            _ => {}
        });
    }
    out
}

/// The shortest way from `from` back to it.
fn circle(edges: &[BTreeSet<Edge>], from: usize) -> Option<Vec<Edge>> {
    let mut ways: Vec<Vec<Edge>> = vec![Vec::new()];
    let mut seen = HashSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let here = way.last().map_or(from, |e| e.to);
            for edge in edges.get(here).into_iter().flatten() {
                let next: Vec<Edge> = way.iter().copied().chain([*edge]).collect();
                if edge.to == from {
                    return Some(next);
                }
                if seen.insert(edge.to) {
                    longer.push(next);
                }
            }
        }
        ways = longer;
    }
    None
}

fn warning(program: &Program, from: usize, circle: &[Edge]) -> Diagnostic {
    let name = |i: usize| {
        let id = RunbookId(u32::try_from(i).unwrap_or(u32::MAX));
        program.runbooks.get(id.index()).map(|r| r.name.to_string()).unwrap_or_default()
    };
    let way: Vec<String> = std::iter::once(from).chain(circle.iter().map(|e| e.to)).map(name).collect();
    let message = match circle.len() {
        1 => format!("`{}` runs itself", name(from)),
        _ => format!("`{}` runs itself: {}", name(from), way.join(" → ")),
    };
    let at = circle.last().map_or_else(Span::default, |e| e.at);
    let mut d = Diagnostic::warning(codes::RUN_CIRCLE, message, at, "and so on, 16 runs deep");
    for edge in circle.iter().rev().skip(1) {
        d = d.label(edge.at, format!("runs `{}`", name(edge.to)));
    }
    d.help("a run that is nested deeper than 16 fails; for work that is done again and again, write a loop")
}
