//! Nothing destroys without an `approve` or a `waive`: the pass that proves it.
//!
//! A call is *exposed* when it has the effect that needs an approval and nothing discharged it further down. The first part finds
//! the exposed functions of the whole program, the second reports each exposed call of a runbook with its path.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::diag::{Diagnostic, codes};
use crate::hir::{ActionCall, ExprKind, Function, FunctionKind, Program, Runbook, visit};
use crate::ids::FnId;
use crate::project::ProjectConfig;
use crate::span::Span;
use crate::syntax::ast::Effect;

/// Reports every call that needs an approval (`[safety] require_approval`) and is reached from a runbook without one.
pub fn run(program: &Program, config: &ProjectConfig) -> Vec<Diagnostic> {
    let needed = config.safety.require_approval;
    let graph = Graph::new(program, needed);
    let mut diagnostics = Vec::new();
    for runbook in &program.runbooks {
        for function in [Some(runbook.body), runbook.on_failure, runbook.finally].into_iter().flatten() {
            for call in graph.calls_of(function).iter().filter(|c| graph.exposed(c.callee)) {
                let mut path = vec![*call];
                path.extend(graph.path_below(call.callee));
                diagnostics.push(unapproved(program, config, runbook, &path));
            }
        }
    }
    diagnostics
}

/// A call outside every approval and waiver of its function.
#[derive(Debug, Clone, Copy)]
struct Call {
    callee: FnId,
    span: Span,
    /// The `do` whose undo makes the call.
    undo_of: Option<Span>,
}

/// The uncovered calls of every function, and which functions need an approval around their calls.
struct Graph {
    calls: Vec<Vec<Call>>,
    exposed: Vec<bool>,
    /// Actions whose inside is nobody's business: connectors' and native ones.
    opaque: Vec<bool>,
}

impl Graph {
    fn new(program: &Program, needed: Effect) -> Self {
        let calls: Vec<Vec<Call>> = (0..program.functions.len())
            .map(|i| uncovered_calls(program, FnId(u32::try_from(i).unwrap_or(u32::MAX)), needed))
            .collect();
        let declared = |f: &Function| declares_it(f, needed);
        let mut exposed: Vec<bool> = program.functions.iter().map(declared).collect();
        // Effects flow from the callee up; each round that changes nothing is the last.
        loop {
            let flows = |i: usize| calls.get(i).is_some_and(|c| c.iter().any(|c| at(&exposed, c.callee)));
            let next: Vec<bool> = exposed.iter().enumerate().map(|(i, &e)| e || flows(i)).collect();
            if next == exposed {
                break;
            }
            exposed = next;
        }
        let opaque = program.functions.iter().map(is_opaque).collect();
        Self { calls, exposed, opaque }
    }

    fn calls_of(&self, function: FnId) -> &[Call] {
        self.calls.get(function.index()).map_or(&[], Vec::as_slice)
    }

    fn exposed(&self, function: FnId) -> bool {
        at(&self.exposed, function)
    }

    /// The calls from `function` down to the primitive or the action of a connector, or to the action whose own declaration is the reason.
    fn path_below(&self, function: FnId) -> Vec<Call> {
        let mut seen = HashSet::from([function]);
        let mut path = Vec::new();
        let mut here = function;
        while !at(&self.opaque, here)
            && let Some(call) = self.calls_of(here).iter().find(|c| self.exposed(c.callee) && !seen.contains(&c.callee))
        {
            seen.insert(call.callee);
            path.push(*call);
            here = call.callee;
        }
        path
    }
}

fn at(flags: &[bool], id: FnId) -> bool {
    flags.get(id.index()).copied().unwrap_or(false)
}

/// Whether the declaration alone makes calls need an approval. A project's action that `changes` may have discharged it inside;
/// what `destroys` passes the duty on, and a connector's or native action is what its declaration says.
fn declares_it(function: &Function, needed: Effect) -> bool {
    let FunctionKind::Action(_) = &function.kind else { return false };
    function.effect >= needed && (is_opaque(function) || function.effect == Effect::Destroys)
}

fn is_opaque(function: &Function) -> bool {
    match &function.kind {
        FunctionKind::Action(a) => a.native.is_some() || a.connector.is_some() || function.body.is_none(),
        _ => false,
    }
}

/// The calls of a function's body, and of the undo blocks in it, that stand under no approval or waiver.
fn uncovered_calls(program: &Program, function: FnId, needed: Effect) -> Vec<Call> {
    let mut out = Vec::new();
    let mut todo = vec![(function, None)];
    let mut seen = HashSet::new();
    while let Some((function, undo_of)) = todo.pop() {
        if !seen.insert(function) {
            continue;
        }
        let Some(body) = program.functions.get(function.index()).and_then(|f| f.body.as_ref()) else { continue };
        visit::walk(body, &mut |expr, cover, asks| {
            let ExprKind::CallAction(call) = &expr.kind else { return };
            // Asking people is what an approval does; it needs none itself.
            if cover.is_some() || asks {
                return;
            }
            if effect_of(program, call) >= needed {
                out.push(Call { callee: call.function, span: expr.span, undo_of });
            }
            if let Some((undo, _)) = &call.undo {
                todo.push((*undo, undo_of.or(Some(expr.span))));
            }
        });
    }
    out
}

/// What a call does: what its action declares, or what a `trust` around it says.
fn effect_of(program: &Program, call: &ActionCall) -> Effect {
    let declared = program.functions.get(call.function.index()).map_or(Effect::Pure, |f| f.effect);
    call.trusted.map_or(declared, |trusted| trusted.min(declared))
}

fn unapproved(program: &Program, config: &ProjectConfig, runbook: &Runbook, path: &[Call]) -> Diagnostic {
    let name =
        |call: &Call| program.functions.get(call.callee.index()).map_or_else(SmolStr::default, |f| f.name.clone());
    let (Some(first), Some(last)) = (path.first(), path.last()) else {
        // Unreachable: a path holds at least the call it begins with.
        return Diagnostic::error(codes::EFFECT_UNAPPROVED, "an unapproved call", runbook.span, "");
    };
    let effect = program.functions.get(last.callee.index()).map_or(Effect::Destroys, |f| f.effect);
    let verb = if effect == Effect::Destroys { "destroys" } else { "changes something" };
    let (called, does) = (name(first), name(last));
    let message = if path.len() == 1 {
        format!("`{called}` {verb}, and nobody approves it")
    } else {
        format!("`{called}` {verb} through `{does}`, and nobody approves it")
    };
    let what = if first.undo_of.is_some() {
        "called by an undo, without an `approve` or `waive`"
    } else {
        "called without an `approve` or `waive`"
    };
    let mut error = Diagnostic::error(codes::EFFECT_UNAPPROVED, message, first.span, what);
    for (i, call) in path.iter().enumerate().skip(1) {
        let text = if i + 1 == path.len() { format!("this {verb}") } else { format!("which calls `{}`", name(call)) };
        error = error.label(call.span, text);
    }
    let cover = first.undo_of.unwrap_or(first.span);
    if let Some(owner) = first.undo_of {
        error = error.label(owner, "the `do` that this undoes");
    }
    let actions = path.iter().map(|c| kind_and_name(program, c)).collect::<Vec<_>>();
    error = error.note(format!("runbook {} → {}", runbook.name, actions.join(" → ")));
    let from = asked(config);
    let around = if first.undo_of.is_some() { " (it must stand around the `do`, not in its undo)" } else { "" };
    error
        .help(format!("ask people first{around}: `approve \"Run {called}?\" from {from} {{ … }}`"))
        .help("or, for a standing exception: `waive \"REASON\" by \"WHO\" until time\"2026-12-31T00:00:00Z\" { … }`")
        .fix(
            "wrap the call in an `approve`",
            vec![
                (cover.before(), format!("approve \"Run {called}?\" from {from} {{ ")),
                (cover.after(), " }".to_owned()),
            ],
        )
}

fn kind_and_name(program: &Program, call: &Call) -> String {
    let Some(function) = program.functions.get(call.callee.index()) else { return String::new() };
    let own = matches!(&function.kind, FunctionKind::Action(a) if a.connector.is_none() && a.native.is_none());
    format!(
        "{}{}{}",
        if call.undo_of.is_some() { "undo → " } else { "" },
        if own { "action " } else { "" },
        function.name
    )
}

/// The first group of the project that has members, as an example that compiles.
fn asked(config: &ProjectConfig) -> String {
    let group = config.groups.iter().find(|(_, g)| !g.members.is_empty()).map_or("sre", |(name, _)| name);
    format!("group({group:?})")
}
