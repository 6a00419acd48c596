//! The words that a runbook's steps use: its constants, settings, functions and actions.

use std::collections::BTreeSet;

use rrb_lang::hir::visit;
use rrb_lang::hir::{self, Class, ExprKind, FunctionKind};
use rrb_lang::ids::{ConstId, FnId, SettingId};

use super::facts::Facts;
use super::header::setting_place;
use super::markdown::{block, cell, code, docs, plain, table};

/// What a runbook reaches, without what is inside of connectors.
#[derive(Default)]
pub struct Reached {
    /// Actions and functions that have a declaration of their own, in the order they are met.
    pub functions: Vec<FnId>,
    pub constants: BTreeSet<ConstId>,
    pub settings: BTreeSet<SettingId>,
}

/// Of a runbook: its parts and all they call.
pub fn reached(facts: &Facts<'_>, runbook: &hir::Runbook) -> Reached {
    let mut out = Reached::default();
    let mut seen: BTreeSet<FnId> = BTreeSet::new();
    let mut todo: Vec<FnId> = [Some(runbook.body), runbook.on_failure, runbook.finally].into_iter().flatten().collect();
    todo.reverse();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(function) = facts.program.functions.get(id.index()) else { continue };
        if facts.function_source(id).is_some() {
            out.functions.push(id);
        }
        // What a connector calls is for who reads its source; which settings it uses matters to all.
        let inside = match &function.kind {
            FunctionKind::Action(action) => action.connector.is_some() || action.native.is_some(),
            FunctionKind::Plain | FunctionKind::Handler => false,
        };
        let mut next = Vec::new();
        // Who undoes by hand does what the `undo` says, also where it stands in the library.
        if let FunctionKind::Action(action) = &function.kind {
            next.extend(action.undo);
        }
        let Some(body) = &function.body else {
            todo.append(&mut next);
            continue;
        };
        visit::walk(body, &mut |e, _, _| match &e.kind {
            ExprKind::CallFn { .. } | ExprKind::Closure { .. } | ExprKind::CallAction(_) if inside => {}
            ExprKind::CallFn { function, .. } | ExprKind::Closure { function, .. } => next.push(*function),
            ExprKind::CallAction(call) => {
                next.push(call.function);
                next.extend(call.undo.as_ref().map(|(id, _)| *id));
            }
            ExprKind::Constant(id) => {
                out.constants.insert(*id);
            }
            ExprKind::Setting(id) => {
                out.settings.insert(*id);
            }
            _ => {}
        });
        next.reverse();
        todo.append(&mut next);
    }
    out
}

/// The constants and settings.
pub fn values(facts: &Facts<'_>, reached: &Reached) -> String {
    let mut constants: Vec<String> = reached.constants.iter().filter_map(|id| facts.constant_source(*id)).collect();
    constants.dedup();
    let mut chapters = Vec::new();
    if !constants.is_empty() {
        chapters.push(block("rrb", &constants.join("\n")));
    }
    let rows: Vec<Vec<String>> = reached
        .settings
        .iter()
        .filter_map(|id| facts.program.settings.get(id.index()))
        .map(|s| setting_row(facts, s))
        .collect();
    if !rows.is_empty() {
        chapters.push(table(&["setting", "where in `rrb.toml`", "unless set", ""], &rows));
    }
    chapters.join("\n")
}

/// A setting: its name, where it is given, its default, what it is.
pub fn setting_row(facts: &Facts<'_>, setting: &hir::Setting) -> Vec<String> {
    let default = setting.default.and_then(|id| facts.program.constants.get(id.index()));
    let default = default.map_or_else(|| "must be set".into(), |c| cell(&facts.source(c.value.expr.span)));
    let docs = setting.docs.lines().next().unwrap_or_default();
    vec![cell(&setting.name), cell(&setting_place(&setting.owner)), default, plain(docs)]
}

/// The actions and functions, with their own words and their source: what to do by hand.
pub fn functions(facts: &Facts<'_>, reached: &Reached) -> String {
    let mut out = String::new();
    for id in &reached.functions {
        let Some(function) = facts.program.functions.get(id.index()) else { continue };
        out.push_str(&format!("### {}\n\n", plain(&function.name)));
        if !function.docs.trim().is_empty() {
            out.push_str(&format!("{}\n\n", docs(&function.docs)));
        }
        if let FunctionKind::Action(action) = &function.kind {
            out.push_str(&format!("{}\n\n", repeatable(&action.class)));
            if let Some(native) = &action.native {
                out.push_str(&format!("Done by rrb itself ({}).\n\n", code(native)));
                continue;
            }
        }
        if let Some(source) = facts.function_source(*id) {
            out.push_str(&format!("{}\n", block("rrb", &source)));
        }
    }
    out
}

/// What to do when it is not known whether it happened.
fn repeatable(class: &Class) -> &'static str {
    match class {
        Class::Harmless => "It only reads.",
        Class::Idempotent => "May be done again: twice is as once.",
        Class::Keyed(_) => "May be done again with the same key; by hand, look first whether it happened.",
        Class::Probe(_) => "Look first whether it happened (its `probe` says how), before doing it again.",
        Class::Once | Class::Unsaid => {
            "Not to be done twice: when it is not clear whether it happened, find out first."
        }
    }
}
