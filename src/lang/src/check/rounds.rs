//! Runbooks that start each other in a circle: legal, since a condition may end it, and mostly a mistake.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::diag::{Diagnostic, codes};
use crate::hir::{
    ActionCall, Class, EventSource, Expr, ExprKind, FunctionKind, Program, Runbook, TextPart, TriggerKind, visit,
};
use crate::ids::{ConnectorId, EventId, FnId, RunbookId};
use crate::span::Span;
use crate::types::{Effect, Type};
use crate::value::Value;

/// A way in which a runbook starts another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Edge {
    to: usize,
    at: Span,
    /// Not by `run` or `start`, but by what it does being the event of a trigger.
    by: Option<EventId>,
}

/// Warns once of each circle, at the `run` that closes it.
pub fn run(program: &Program) -> Vec<Diagnostic> {
    let heard = Heard::new(program);
    let edges: Vec<BTreeSet<Edge>> = program.runbooks.iter().map(|r| edges(program, &heard, r)).collect();
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
fn edges(program: &Program, heard: &Heard<'_>, runbook: &Runbook) -> BTreeSet<Edge> {
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
                out.insert(Edge { to: run.runbook.index(), at: expr.span, by: None });
            }
            ExprKind::CallAction(call) => {
                todo.push(call.function);
                out.extend(heard.of(program, call, expr.span));
            }
            _ => {}
        });
    }
    out
}

/// The events that start a runbook whatever they hold: a trigger with a `where` may leave out what its runbook makes itself.
#[derive(Default)]
struct Heard<'a> {
    /// By the connector that has the event.
    events: HashMap<ConnectorId, Vec<(EventId, usize)>>,
    /// By the path of its webhook.
    hooks: HashMap<&'a str, Vec<(EventId, usize)>>,
}

impl<'a> Heard<'a> {
    fn new(program: &'a Program) -> Self {
        let mut heard = Self::default();
        for (to, runbook) in program.runbooks.iter().enumerate() {
            for trigger in &runbook.triggers {
                let TriggerKind::Event { event: id, condition, .. } = &trigger.kind else { continue };
                let Some(event) = program.events.get(id.index()).filter(|_| condition.is_empty()) else { continue };
                heard.events.entry(event.connector).or_default().push((*id, to));
                if let EventSource::Webhook { path } = &event.source {
                    heard.hooks.entry(path).or_default().push((*id, to));
                }
            }
        }
        heard
    }

    /// The runbooks that hear what a call does: it sends to the address of their webhook, or makes the very thing whose arrival is
    /// their event.
    fn of(&self, program: &Program, call: &ActionCall, at: Span) -> Vec<Edge> {
        let Some(callee) = program.functions.get(call.function.index()) else { return Vec::new() };
        let FunctionKind::Action(action) = &callee.kind else { return Vec::new() };
        if callee.effect <= Effect::Reads || (self.events.is_empty() && self.hooks.is_empty()) {
            return Vec::new();
        }
        let mut out = Vec::new();
        let makes = matches!(action.class, Class::Once | Class::Unsaid | Class::Keyed(_))
            && matches!(*callee.ret, Type::Named(..));
        let events = action.connector.filter(|_| makes).and_then(|c| self.events.get(&c));
        for (event, to) in events.into_iter().flatten() {
            if program.events.get(event.index()).is_some_and(|e| e.ty == callee.ret) {
                out.push(Edge { to: *to, at, by: Some(*event) });
            }
        }
        for path in call.args.iter().filter_map(|arg| hook(program, arg)) {
            let sent = self.hooks.get(path.as_str()).into_iter().flatten();
            out.extend(sent.map(|(event, to)| Edge { to: *to, at, by: Some(*event) }));
        }
        out
    }
}

/// The path of a webhook that an argument is the address of: `/alertmanager` of `http://localhost:7878/hooks/alertmanager`.
fn hook(program: &Program, arg: &Expr) -> Option<String> {
    let path = |text: &str| {
        let text = text.split(['?', '#']).next().unwrap_or_default();
        text.split_once("/hooks").map(|(_, path)| path.to_owned())
    };
    match &arg.kind {
        ExprKind::Literal(Value::Text(text)) => path(text),
        ExprKind::Literal(Value::Url(url)) => path(url.as_str()),
        ExprKind::Text(parts) => match parts.last() {
            Some(TextPart::Chars(text)) => path(text),
            _ => None,
        },
        ExprKind::Coerce { value, .. } => hook(program, value),
        ExprKind::Constant(id) => hook(program, &program.constants.get(id.index())?.value.expr),
        ExprKind::Setting(id) => {
            let default = program.settings.get(id.index())?.default?;
            hook(program, &program.constants.get(default.index())?.value.expr)
        }
        _ => None,
    }
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
    if let Some((edge, event)) = circle.iter().find_map(|e| Some((e, e.by?))) {
        return itself(program, &name(edge.to), circle, (edge, event));
    }
    let mut d = Diagnostic::warning(codes::RUN_CIRCLE, message, at, "and so on, 16 runs deep");
    for edge in circle.iter().rev().skip(1) {
        d = d.label(edge.at, format!("runs `{}`", name(edge.to)));
    }
    d.help("a run that is nested deeper than 16 fails; for work that is done again and again, write a loop")
}

/// A circle that goes over an event.
fn itself(program: &Program, runbook: &str, circle: &[Edge], (edge, event): (&Edge, EventId)) -> Diagnostic {
    let event = program.events.get(event.index()).map(|e| {
        let connector = program.connectors.get(e.connector.index()).map(|c| c.name.as_str()).unwrap_or_default();
        format!("{connector}.{}", e.name)
    });
    let event = event.unwrap_or_default();
    let message = format!("what `{runbook}` does starts it again");
    let mut d = Diagnostic::warning(codes::TRIGGER_ITSELF, message, edge.at, format!("comes back as `{event}`"));
    for other in circle.iter().filter(|e| *e != edge) {
        d = d.label(other.at, "on the way there");
    }
    d.help("let the trigger's `where` leave out what the runbook makes itself")
}
