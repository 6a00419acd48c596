//! Who calls what: from a destroying action up to the runbooks that reach it, and from a runbook down.

use rrb_lang::check::world::{Kind, Target};
use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{Item, ItemKind};

use super::symbol::{at, mentions};
use super::{Analysis, show};

/// Something that calls and is called: a function, an action, a runbook, an event, a policy or a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallItem {
    pub name: String,
    pub kind: Kind,
    /// What it does, and where it belongs: `destroys, std.kubernetes`.
    pub detail: String,
    /// The whole declaration.
    pub whole: Span,
    /// Its name.
    pub span: Span,
}

/// A call from or to an item, with the places of the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    pub item: CallItem,
    pub places: Vec<Span>,
}

/// The item that is named at a place, or declared around it.
pub fn prepare(analysis: &Analysis, file: FileId, offset: u32) -> Option<CallItem> {
    let named = at(analysis, file, offset)?;
    if !matches!(named.declared.kind, Kind::Function | Kind::Action | Kind::Runbook | Kind::Event) {
        return None;
    }
    at_name(analysis, named.declared.span?)
}

/// The item whose name stands at a place.
fn at_name(analysis: &Analysis, name: Span) -> Option<CallItem> {
    let read = analysis.read(name.file);
    let item = declarations(&read.ast.items).find(|i| name_of(i).is_some_and(|(s, _)| s == name))?;
    made(analysis, item)
}

fn declarations(items: &[Item]) -> impl DoubleEndedIterator<Item = &Item> {
    items.iter().flat_map(|i| {
        let inner: &[Item] = match &i.kind {
            ItemKind::Connector(c) => &c.items,
            _ => &[],
        };
        std::iter::once(i).chain(inner)
    })
}

/// The name of what can call, and what it is.
fn name_of(item: &Item) -> Option<(Span, Kind)> {
    Some(match &item.kind {
        ItemKind::Fn(f) => (f.name.span, Kind::Function),
        ItemKind::Action(a) => (a.name.span, Kind::Action),
        ItemKind::Runbook(r) => (r.name.span, Kind::Runbook),
        ItemKind::Event(e) => (e.name.span, Kind::Event),
        ItemKind::Policy(p) => (p.name.span, Kind::Policy),
        ItemKind::Const(c) => (c.name.span, Kind::Constant),
        ItemKind::Test(t) => (t.name.span, Kind::BuiltIn),
        _ => return None,
    })
}

fn made(analysis: &Analysis, item: &Item) -> Option<CallItem> {
    let (span, kind) = name_of(item)?;
    let name = match kind {
        Kind::BuiltIn => format!("test {}", analysis.sources().text(span)),
        _ => analysis.sources().text(span).to_owned(),
    };
    let mut detail = Vec::new();
    if let ItemKind::Action(a) = &item.kind {
        detail.extend(a.effect.map(|(e, _)| show::effect(e).to_owned()));
    }
    detail.push(analysis.module_name(span.file).unwrap_or_else(|| analysis.name(span.file)).to_owned());
    Some(CallItem { name, kind, detail: detail.join(", "), whole: item.span, span })
}

/// Who calls it. For an event: which runbooks it starts.
pub fn incoming(analysis: &Analysis, item: &CallItem) -> Vec<Calls> {
    let Some(named) = at(analysis, item.span.file, item.span.start) else { return Vec::new() };
    let mut out: Vec<Calls> = Vec::new();
    for m in mentions(analysis, &named, item.span.file, false) {
        let read = analysis.read(m.span.file);
        let holds = |i: &&Item| i.span.start <= m.span.start && m.span.end <= i.span.end && name_of(i).is_some();
        // The innermost: an action of a connector rather than the connector.
        let Some(caller) = declarations(&read.ast.items).rfind(holds).and_then(|i| made(analysis, i)) else { continue };
        match out.iter_mut().find(|c| c.item.span == caller.span) {
            Some(calls) => calls.places.push(m.span),
            None => out.push(Calls { item: caller, places: vec![m.span] }),
        }
    }
    out
}

/// What it calls.
pub fn outgoing(analysis: &Analysis, item: &CallItem) -> Vec<Calls> {
    let world = analysis.world(item.whole.file);
    let mut out: Vec<Calls> = Vec::new();
    for seen in &world.index.names {
        let inside = item.whole.start <= seen.span.start && seen.span.end <= item.whole.end && seen.span != item.span;
        if !inside || !matches!(seen.target, Target::Fn(_) | Target::Runbook(_)) {
            continue;
        }
        let Some(declared) = world.declared(&seen.target).and_then(|d| d.span) else { continue };
        match out.iter_mut().find(|c| c.item.span == declared) {
            Some(calls) => calls.places.push(seen.span),
            None => {
                let Some(callee) = at_name(analysis, declared) else { continue };
                out.push(Calls { item: callee, places: vec![seen.span] });
            }
        }
    }
    out
}

/// The runbooks that reach an item, each with the way from it down to the item: "who can reach this destroying call".
pub fn reached_from(analysis: &Analysis, item: &CallItem) -> Vec<Vec<CallItem>> {
    const MOST: usize = 1_000;
    let mut found = Vec::new();
    let mut seen = vec![item.span];
    let mut todo = vec![vec![item.clone()]];
    while let Some(way) = todo.pop() {
        let Some(first) = way.first().cloned() else { continue };
        for calls in incoming(analysis, &first) {
            if seen.contains(&calls.item.span) || seen.len() > MOST {
                continue;
            }
            seen.push(calls.item.span);
            let mut longer = vec![calls.item.clone()];
            longer.extend(way.iter().cloned());
            match calls.item.kind {
                Kind::Runbook => found.push(longer),
                Kind::Function | Kind::Action => todo.push(longer),
                _ => {}
            }
        }
    }
    found
}
