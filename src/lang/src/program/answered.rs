//! Programs in which the world answers calls that are otherwise the program's own to make.

use std::collections::BTreeSet;

use super::Program;
use crate::hir::{Action, Class};
use crate::ids::FnId;
use crate::vm::code::{ActionCode, Code, GIVEN, Op};

impl Program {
    /// The same program in which these actions are primitives that the world answers: the primitive is called `given:N`, with the
    /// number of the function; effect, class, target, undo and connector stay. What is no action stays as it is.
    pub fn answered(&self, actions: &BTreeSet<FnId>) -> Self {
        let mut program = self.clone();
        for id in actions {
            let Some(code) = program.functions.get_mut(id.index()) else { continue };
            let Some(action) = code.action.as_mut() else { continue };
            action.0.native = Some(format!("{GIVEN}{}", id.0).into());
            clear(code);
        }
        program.id = program.digest();
        program
    }

    /// The primitives that an action can call, through whatever it calls; of a primitive itself.
    pub fn primitives_of(&self, action: FnId) -> BTreeSet<FnId> {
        let mut seen = BTreeSet::new();
        let mut found = BTreeSet::new();
        let mut todo = vec![action];
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            let Some(code) = self.code(id) else { continue };
            if code.action.as_ref().is_some_and(|a| a.0.native.is_some()) {
                found.insert(id);
            } else {
                todo.extend(callees(code));
            }
        }
        found
    }
}

/// A primitive has no code.
fn clear(code: &mut Code) {
    code.ops.clear();
    code.calls.clear();
    code.approves.clear();
    code.waives.clear();
    code.polls.clear();
    code.forks.clear();
    code.waves.clear();
    code.mosts.clear();
    code.waits.clear();
    code.durings.clear();
    code.children.clear();
    code.loop_tests.clear();
}

/// The functions that may be called when this one is.
fn callees(code: &Code) -> Vec<FnId> {
    let in_code = code.ops.iter().filter_map(|op| match op {
        Op::Call { function, .. } | Op::Closure { function, .. } => Some(*function),
        _ => None,
    });
    let calls = code.calls.iter().flat_map(|c| [Some(c.function), c.undo.as_ref().map(|(f, _)| *f)]).flatten();
    let around = code.action.iter().flat_map(|ActionCode(Action { undo, class, .. })| around(*undo, class));
    in_code.chain(calls).chain(around).collect()
}

fn around(undo: Option<FnId>, class: &Class) -> impl Iterator<Item = FnId> + use<> {
    let probe = if let Class::Probe(probe) = class { Some(*probe) } else { None };
    undo.into_iter().chain(probe)
}
