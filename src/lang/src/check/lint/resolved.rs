//! Runbooks that work on an alert which may be over: its event tells both, and nobody asks; or people are asked about it, and
//! nothing notices that it has ended meanwhile.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::diag::{Diagnostic, codes};
use crate::hir::{Expr, ExprKind, FunctionKind, Pattern, Program, Runbook, Shape, Trigger, TriggerKind, visit};
use crate::ids::{EventId, FnId};
use crate::span::Span;
use crate::types::{Effect, FieldTy, Ty, Type, TypeDefKind};

/// Words for an alert that is there, and for one that is over.
const THERE: [&str; 6] = ["firing", "triggered", "alerting", "active", "problem", "pending"];
const OVER: [&str; 5] = ["resolved", "recovered", "cleared", "ok", "inactive"];

pub(super) fn run(program: &Program, out: &mut Vec<Diagnostic>) {
    for runbook in &program.runbooks {
        for trigger in &runbook.triggers {
            let found = both(program, runbook, trigger).or_else(|| asked(program, runbook, trigger));
            out.extend(found);
        }
    }
}

/// The one event a trigger is about, with the functions that look at it.
fn heard(trigger: &Trigger) -> Option<(EventId, Vec<FnId>)> {
    match &trigger.kind {
        TriggerKind::Event { event, condition, with, .. } => {
            Some((*event, condition.iter().map(|c| c.function).chain([*with]).collect()))
        }
        TriggerKind::Several(several) => match &several.shape {
            Shape::Count { part, key, .. } => {
                let all = part.condition.iter().map(|c| c.function).chain(*key).chain([several.with]);
                Some((part.event, all.collect()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// An event that tells of beginning and end alike, and nobody asks which it is.
fn both(program: &Program, runbook: &Runbook, trigger: &Trigger) -> Option<Diagnostic> {
    let (event, functions) = heard(trigger)?;
    let event = program.events.get(event.index())?;
    let state = fields(program, &event.ty)?.iter().find(|f| tells_both(program, &f.ty))?;
    let mut asked = false;
    let roots = functions.into_iter().chain([runbook.body]);
    reach(program, roots, &mut |e| asked |= asks(e, &state.name));
    if asked {
        return None;
    }
    let there = variant(program, &state.ty, &THERE)?;
    let connector = program.connectors.get(event.connector.index()).map(|c| c.name.clone()).unwrap_or_default();
    let d = Diagnostic::warning(
        codes::TRIGGER_RESOLVED,
        format!("`{connector}.{}` comes when an alert ends, too, and nothing asks which it is", event.name),
        trigger.span,
        "also of alerts that are over",
    );
    let binder = binder(program, trigger).unwrap_or_else(|| event.name.clone());
    Some(d.help(format!("add `where {binder}.{} == {there}`", state.name)))
}

/// What the author calls the event.
fn binder(program: &Program, trigger: &Trigger) -> Option<SmolStr> {
    let with = match &trigger.kind {
        TriggerKind::Event { with, .. } => *with,
        _ => return None,
    };
    let function = program.functions.get(with.index())?;
    function.locals.get(function.captures as usize).map(|l| l.name.clone()).filter(|n| !n.is_empty())
}

fn fields<'a>(program: &'a Program, ty: &'a Ty) -> Option<&'a [FieldTy]> {
    match &**ty {
        Type::Record(fields) => Some(fields),
        Type::Named(id, _) => match &program.types.get(*id)?.kind {
            TypeDefKind::Record(fields) => Some(fields),
            _ => None,
        },
        _ => None,
    }
}

fn variant(program: &Program, ty: &Ty, words: &[&str]) -> Option<SmolStr> {
    let Type::Named(id, _) = &**ty else { return None };
    let TypeDefKind::Enum(variants) = &program.types.get(*id)?.kind else { return None };
    variants.iter().find(|v| words.contains(&v.name.as_str())).map(|v| v.name.clone())
}

fn tells_both(program: &Program, ty: &Ty) -> bool {
    variant(program, ty, &THERE).is_some() && variant(program, ty, &OVER).is_some()
}

/// Whether an expression looks at the field, or may: a pattern of a record takes fields by place.
fn asks(e: &Expr, field: &SmolStr) -> bool {
    let record = |p: &Pattern| matches!(p, Pattern::Record(_) | Pattern::As(..) | Pattern::Or(_));
    match &e.kind {
        ExprKind::Field { name, .. } | ExprKind::JsonField { name, .. } => name == field,
        ExprKind::Match { arms, .. } => arms.iter().any(|a| record(&a.pattern)),
        ExprKind::Is { pattern, .. } | ExprKind::Let { pattern, .. } => record(pattern),
        _ => false,
    }
}

/// People are asked about an alert whose connector says when it ends, and nothing listens or looks again before it acts.
fn asked(program: &Program, runbook: &Runbook, trigger: &Trigger) -> Option<Diagnostic> {
    let (heard, _) = heard(trigger)?;
    let event = program.events.get(heard.index())?;
    if OVER.contains(&event.name.as_str()) {
        return None;
    }
    let over = program
        .events
        .iter()
        .find(|e| e.connector == event.connector && e.ty == event.ty && OVER.contains(&e.name.as_str()))?;
    let of_connector = |id: EventId| program.events.get(id.index()).is_some_and(|e| e.connector == event.connector);
    let mut listens = runbook.cancel_when.iter().any(|c| of_connector(c.event));
    let mut question: Option<Span> = None;
    reach(program, [runbook.body], &mut |e| match &e.kind {
        ExprKind::WaitFor(w) => listens |= of_connector(w.watch.event),
        ExprKind::During(d) => listens |= d.handlers.iter().any(|h| of_connector(h.watch.event)),
        ExprKind::Approve(approve) => {
            let mut looks = false;
            visit::walk_block(&approve.body, &mut |e| looks |= reads(program, e));
            if !looks && question.is_none() {
                question = Some(approve.question.span);
            }
        }
        _ => {}
    });
    let question = question.filter(|_| !listens)?;
    let connector = program.connectors.get(event.connector.index()).map(|c| c.name.clone()).unwrap_or_default();
    let d = Diagnostic::warning(
        codes::TRIGGER_RESOLVED,
        "nothing notices when the alert ends while people are asked about it",
        trigger.span,
        "may be over by then",
    )
    .label(question, "asks, and waits");
    Some(d.help(format!(
        "add `cancel when {connector}.{} as over where …`, or read in the block again whether it is still needed",
        over.name
    )))
}

fn reads(program: &Program, e: &Expr) -> bool {
    let ExprKind::CallAction(call) = &e.kind else { return matches!(e.kind, ExprKind::Verify(_)) };
    program.functions.get(call.function.index()).is_some_and(|f| f.effect == Effect::Reads)
}

/// Calls `f` with everything in these functions, and in those of the project that they go on to.
fn reach(program: &Program, roots: impl IntoIterator<Item = FnId>, f: &mut dyn FnMut(&Expr)) {
    let mut todo: Vec<FnId> = roots.into_iter().collect();
    let mut seen: HashSet<FnId> = HashSet::new();
    while let Some(id) = todo.pop() {
        let Some(function) = program.functions.get(id.index()).filter(|_| seen.insert(id)) else { continue };
        if matches!(&function.kind, FunctionKind::Action(a) if a.connector.is_some()) {
            continue;
        }
        let Some(body) = &function.body else { continue };
        visit::walk(body, &mut |e, _, _| {
            f(e);
            match &e.kind {
                ExprKind::CallFn { function, .. } | ExprKind::Closure { function, .. } => todo.push(*function),
                ExprKind::CallAction(call) => todo.push(call.function),
                _ => {}
            }
        });
    }
}
