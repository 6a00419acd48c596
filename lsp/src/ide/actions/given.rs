//! The answers that a test lacks: a `given` for every call that its runbooks make and nobody answers.

use rrb_lang::check::world::{Kind, Target};
use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{Item, ItemKind, TestStmt, TestStmtKind};
use rrb_lang::syntax::walk::{Node, walk};
use rrb_lang::types::Type;

use super::{Action, ActionKind, At};
use crate::ide::calls;

/// The most answers that are added at once.
const MOST: usize = 20;

pub fn action(at: &At<'_>) -> Option<Action> {
    let item = at.nodes.iter().find_map(|n| match n {
        Node::Item(i) => Some(*i),
        _ => None,
    })?;
    let ItemKind::Test(test) = &item.kind else { return None };
    let mut answered: Vec<Span> = Vec::new();
    let mut runbooks: Vec<Span> = Vec::new();
    for stmt in &test.stmts {
        look_at(at, stmt, &mut answered, &mut runbooks);
    }
    let mut needed: Vec<(FileId, Span)> = Vec::new();
    let mut seen: Vec<Span> = Vec::new();
    for runbook in runbooks {
        needs(at, runbook, &mut seen, &mut needed);
    }
    let lines: Vec<String> = needed
        .iter()
        .filter(|(_, callee)| !answered.contains(callee))
        .filter_map(|(caller, callee)| given(at, *caller, *callee))
        .take(MOST)
        .collect();
    if lines.is_empty() {
        return None;
    }
    let first = test.stmts.iter().find(|s| !matches!(s.kind, TestStmtKind::Given { .. }))?;
    let indent = at.indent(first.span.start);
    let text: String = lines.iter().map(|l| format!("{l}\n{indent}")).collect();
    let title = if lines.len() == 1 { "add the missing `given`" } else { "add the missing `given`s" };
    Some(Action::new(title, ActionKind::Rewrite, vec![(first.span.before(), text)]))
}

/// Where the last name in a range is declared.
fn declared(at: &At<'_>, range: Span) -> Option<(Kind, Span)> {
    let inside = at.world.index.names.iter().rfind(|n| n.span.end == range.end && n.span.start >= range.start)?;
    let declared = at.world.declared(&inside.target)?;
    Some((declared.kind, declared.span?))
}

fn look_at(at: &At<'_>, stmt: &TestStmt, answered: &mut Vec<Span>, runbooks: &mut Vec<Span>) {
    match &stmt.kind {
        TestStmtKind::Given { call, .. } => answered.extend(declared(at, call.action.span).map(|(_, s)| s)),
        TestStmtKind::Run { runbook, .. } => runbooks.extend(declared(at, runbook.span).map(|(_, s)| s)),
        TestStmtKind::When { event, .. } => {
            let Some((_, event)) = declared(at, event.span) else { return };
            let Some(item) = calls::prepare(at.analysis, event.file, event.start) else { return };
            let heard = calls::incoming(at.analysis, &item);
            runbooks.extend(heard.into_iter().filter(|c| c.item.kind == Kind::Runbook).map(|c| c.item.span));
        }
        _ => {}
    }
}

/// The calls to the outside that a declaration makes, by itself or through others of the project.
fn needs(at: &At<'_>, name: Span, seen: &mut Vec<Span>, needed: &mut Vec<(FileId, Span)>) {
    if seen.contains(&name) || seen.len() > 200 {
        return;
    }
    seen.push(name);
    let Some(item) = calls::prepare(at.analysis, name.file, name.start) else { return };
    for callee in calls::outgoing(at.analysis, &item) {
        let outside = is_outside(at, callee.item.span);
        if callee.item.kind == Kind::Action && outside {
            if !needed.iter().any(|(_, s)| *s == callee.item.span) {
                needed.push((name.file, callee.item.span));
            }
        } else if !outside {
            needs(at, callee.item.span, seen, needed);
        }
    }
}

/// Whether an action is answered by tests: one of a connector, or a primitive.
fn is_outside(at: &At<'_>, name: Span) -> bool {
    if at.analysis.is_library(name.file) {
        return true;
    }
    let read = at.analysis.read(name.file);
    let mut inside = false;
    walk(&read.ast, &mut |n| match n {
        Node::Item(Item { kind: ItemKind::Connector(_), span, .. }) => {
            inside |= span.start <= name.start && name.end <= span.end;
            false
        }
        _ => false,
    });
    inside
}

/// `given slack.post(_, _) returns …`
fn given(at: &At<'_>, caller: FileId, callee: Span) -> Option<String> {
    let world = at.analysis.world(caller);
    let seen = world.index.names.iter().find(|n| {
        matches!(n.target, Target::Fn(_)) && world.declared(&n.target).and_then(|d| d.span) == Some(callee)
    })?;
    let Target::Fn(id) = seen.target else { return None };
    let f = world.function(id)?;
    // The test must see it by the same name.
    let owner = f.name.split('.').next().unwrap_or_default().to_owned();
    let module = at.world.module_of(at.range.file)?;
    let known = at.world.scope(module, None).into_iter().any(|(n, ..)| n.as_str() == owner);
    if f.name.contains('.') && !known {
        return None;
    }
    let args = vec!["_"; f.params.iter().filter(|p| !p.optional).count()].join(", ");
    let gives = f.ret.as_ref().is_some_and(|t| !matches!(**t, Type::Nothing));
    let returns = if gives { " returns" } else { "" };
    Some(format!("given {}({args}){returns}", f.name))
}
