//! An `approve`, a `waive` or an `undo` for a call, and the `do` of one.

use rrb_lang::check::world::Target;
use rrb_lang::span::Span;
use rrb_lang::syntax::ast::{Effect, Expr, ExprKind, StmtKind};
use rrb_lang::syntax::walk::Node;

use super::{Action, ActionKind, At};
use crate::ide::cover::cover_at;

/// Until when a waiver holds that nobody has thought about yet.
const UNTIL: &str = "2027-12-31T00:00:00Z";

pub fn actions(at: &At<'_>) -> Vec<Action> {
    let Some((whole, call)) = doing(at) else { return Vec::new() };
    let ExprKind::Call { callee, modifiers, .. } = &call.kind else { return Vec::new() };
    let Some(effect) = effect(at, callee) else { return Vec::new() };
    let mut out = Vec::new();
    if effect >= Effect::Changes && is_statement(at, whole) && cover_at(&at.read.ast, whole.start).is_none() {
        out.extend(covers(at, whole, callee));
    }
    if effect >= Effect::Changes && modifiers.undo.is_none() && whole.end == call.span.end {
        let edit = (whole.after(), " undo { log \"undo this by hand\" }".to_owned());
        out.push(Action::new("add `undo`", ActionKind::Rewrite, vec![edit]));
    }
    out
}

/// The innermost `do` around the cursor, and its call.
fn doing<'a>(at: &At<'a>) -> Option<(Span, &'a Expr)> {
    at.nodes.iter().rev().find_map(|n| match n {
        Node::Expr(e) => match &e.kind {
            ExprKind::Do(call) => Some((e.span, &**call)),
            _ => None,
        },
        _ => None,
    })
}

fn effect(at: &At<'_>, callee: &Expr) -> Option<Effect> {
    let end = callee.span.end;
    let name = at.world.index.names.iter().find(|n| n.span.end == end)?;
    match name.target {
        Target::Fn(id) => at.world.function(id).map(|f| f.effect),
        _ => None,
    }
}

/// Whether the call is a statement by itself: what gives a value cannot be wrapped without changing what it gives.
fn is_statement(at: &At<'_>, whole: Span) -> bool {
    at.nodes.iter().any(|n| matches!(n, Node::Stmt(s) if s.span == whole && matches!(s.kind, StmtKind::Expr(_))))
}

fn covers(at: &At<'_>, whole: Span, callee: &Expr) -> Vec<Action> {
    let name = at.text(callee.span).split('[').next().unwrap_or_default().replace(['"', '\n'], " ");
    let indent = at.indent(whole.start);
    let body = indented(at.text(whole));
    let approve = format!(
        "approve \"Run {name}?\"\n{indent}  from group(\"{}\")\n{indent}  within 30m\n{indent}{{\n{indent}  {body}\n{indent}}}",
        at.group()
    );
    let waive =
        format!("waive \"say why\" by \"{}\" until time\"{UNTIL}\" {{\n{indent}  {body}\n{indent}}}", at.group());
    vec![
        Action::new("wrap in `approve`", ActionKind::Rewrite, vec![(whole, approve)]),
        Action::new("wrap in `waive`", ActionKind::Rewrite, vec![(whole, waive)]),
    ]
}

/// A text one level deeper. One with a text over several lines stays as it is: its lines are its value.
pub(super) fn indented(text: &str) -> String {
    if text.contains("\"\"\"") { text.to_owned() } else { text.replace('\n', "\n  ") }
}
