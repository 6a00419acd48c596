//! A part of a runbook or a function, with a name of its own: a step, an action, a variable.

use rrb_lang::check::world::Target;
use rrb_lang::span::Span;
use rrb_lang::syntax::ast::{Effect, Item, ItemKind, Stmt};
use rrb_lang::syntax::walk::Node;
use rrb_lang::types::Type;

use super::wrap::indented;
use super::{Action, ActionKind, At};
use crate::ide::show;

pub fn actions(at: &At<'_>) -> Vec<Action> {
    let selected = trimmed(at);
    let mut out = Vec::new();
    if let Some(stmts) = statements(at, selected) {
        let whole = stmts.iter().map(|s| s.span).reduce(Span::to).unwrap_or(selected);
        if in_runbook(at) && !leaks(at, whole) {
            out.push(step(at, whole));
        }
        out.extend(action(at, whole));
    }
    out.extend(variable(at, selected));
    out
}

/// The selection without the spaces at its ends.
fn trimmed(at: &At<'_>) -> Span {
    let text = at.text(at.range);
    let lead = text.len() - text.trim_start().len();
    let len = text.trim().len();
    let start = at.range.start + u32::try_from(lead).unwrap_or(0);
    Span { start, end: start + u32::try_from(len).unwrap_or(0), ..at.range }
}

/// The statements of one block that are selected whole.
fn statements<'a>(at: &At<'a>, selected: Span) -> Option<Vec<&'a Stmt>> {
    let lists = at.nodes.iter().rev().filter_map(|n| match n {
        Node::Block(b) => Some(b.stmts.as_slice()),
        Node::Item(Item { kind: ItemKind::Runbook(r), .. }) => Some(r.body.as_slice()),
        _ => None,
    });
    for list in lists {
        let inside: Vec<&Stmt> =
            list.iter().filter(|s| selected.start <= s.span.start && s.span.end <= selected.end).collect();
        let (Some(first), Some(last)) = (inside.first(), inside.last()) else { continue };
        if first.span.start == selected.start && last.span.end == selected.end {
            return Some(inside);
        }
    }
    None
}

fn item<'a>(at: &At<'a>) -> Option<&'a Item> {
    at.nodes.iter().rev().find_map(|n| match n {
        Node::Item(i) => Some(*i),
        _ => None,
    })
}

fn in_runbook(at: &At<'_>) -> bool {
    item(at).is_some_and(|i| matches!(i.kind, ItemKind::Runbook(_)))
}

fn inside(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

/// Whether something behind the selection reads a variable that is declared in it.
fn leaks(at: &At<'_>, whole: Span) -> bool {
    at.world.index.names.iter().any(|n| match &n.target {
        Target::Local(declared) => inside(whole, *declared) && !inside(whole, n.span),
        _ => false,
    })
}

fn step(at: &At<'_>, whole: Span) -> Action {
    let indent = at.indent(whole.start);
    let text = format!("step \"Do this\" {{\n{indent}  {}\n{indent}}}", indented(at.text(whole)));
    Action::new("extract a step", ActionKind::Extract, vec![(whole, text)])
}

/// The statements as an action of the module, called where they stood.
fn action(at: &At<'_>, whole: Span) -> Option<Action> {
    let item = item(at).filter(|i| matches!(i.kind, ItemKind::Runbook(_) | ItemKind::Action(_)))?;
    if leaks(at, whole) {
        return None;
    }
    let mut params: Vec<(String, String)> = Vec::new();
    let mut effect = Effect::Reads;
    for name in at.world.index.names.iter().filter(|n| inside(whole, n.span)) {
        match &name.target {
            Target::Local(declared) if !inside(whole, *declared) => {
                let text = at.text(name.span).to_owned();
                let local = at.world.index.locals.iter().find(|l| l.span == *declared && l.name == text)?;
                // A variable that is written there would not change here any more.
                if local.mutable || matches!(*local.ty, Type::Error | Type::Function { .. }) {
                    return None;
                }
                if !params.iter().any(|(n, _)| *n == text) {
                    params.push((text, at.world.show(&local.ty)));
                }
            }
            Target::Fn(id) => effect = effect.max(at.world.function(*id)?.effect),
            _ => {}
        }
    }
    let taken = |n: &str| {
        at.world.scope(at.world.module_of(whole.file).unwrap_or(usize::MAX), None).iter().any(|(t, ..)| t == n)
    };
    let name =
        std::iter::once("do_this".to_owned()).chain((2..100).map(|i| format!("do_this_{i}"))).find(|n| !taken(n))?;
    let typed: Vec<String> = params.iter().map(|(n, t)| format!("{n}: {t}")).collect();
    let args: Vec<&str> = params.iter().map(|(n, _)| n.as_str()).collect();
    let outer = at.indent(item.span.start).to_owned();
    let body = dedented(at.text(whole), at.indent(whole.start), &outer);
    let declared = format!(
        "action {name}({}) {} {{\n{outer}  {body}\n{outer}}}\n\n{outer}",
        typed.join(", "),
        show::effect(effect)
    );
    let call = if effect >= Effect::Changes {
        format!("do {name}({})", args.join(", "))
    } else {
        format!("{name}({})", args.join(", "))
    };
    // Before the docs of the item, or they would be those of the action.
    let docs = at.read.text.get(..item.span.start as usize)?;
    let mut start = super::super::text::line_start(docs, docs.len());
    while let Some(line) = docs.get(..start).and_then(|t| t.trim_end_matches('\n').rsplit('\n').next()) {
        if start == 0 || !line.trim_start().starts_with("///") || !docs.get(..start).is_some_and(|t| t.ends_with('\n'))
        {
            break;
        }
        start -= line.len() + 1;
    }
    let start = u32::try_from(start).ok()?;
    let place = Span { start, end: start, ..whole };
    Some(Action::new("extract an action", ActionKind::Extract, vec![(place, declared), (whole, call)]))
}

/// A text moved from one margin to another, two spaces deeper.
fn dedented(text: &str, from: &str, to: &str) -> String {
    if text.contains("\"\"\"") {
        return text.to_owned();
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |out, line| format!("{out}\n{to}  {}", line.strip_prefix(from).unwrap_or(line)))
}

/// The selected expression as a variable before its statement.
fn variable(at: &At<'_>, selected: Span) -> Option<Action> {
    let seen = at.world.index.exprs.iter().find(|e| e.span == selected)?;
    if matches!(*seen.ty, Type::Error | Type::Nothing | Type::Never | Type::None) || at.text(selected).contains('\n') {
        return None;
    }
    let stmt = at.nodes.iter().rev().find_map(|n| match n {
        Node::Stmt(s) => Some(s.span),
        _ => None,
    })?;
    if stmt == selected {
        return None;
    }
    let indent = at.indent(stmt.start);
    // In a statement that begins in the middle of a line there is no line for it.
    let before =
        at.read.text.get(super::super::text::line_start(&at.read.text, stmt.start as usize)..stmt.start as usize)?;
    if !before.trim().is_empty() {
        return None;
    }
    let text = format!("let value = {}\n{indent}", at.text(selected));
    Some(Action::new(
        "extract a variable",
        ActionKind::Extract,
        vec![(stmt.before(), text), (selected, "value".to_owned())],
    ))
}
