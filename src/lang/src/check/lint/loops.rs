//! Loops that nothing ends: their condition stays as it is, and nothing in them leaves.

use crate::diag::{Diagnostic, codes};
use crate::hir::{Expr, ExprKind, Function, visit};

/// The rounds of a `while` without `max`; who writes another number thought of the end.
const UNLESS_WRITTEN: u32 = 10_000;

/// Warns of a `while` that nothing ends.
pub(super) fn endless(function: &Function, expr: &Expr) -> Option<Diagnostic> {
    let ExprKind::While { condition, max: UNLESS_WRITTEN, body } = &expr.kind else { return None };
    if may_change(function, condition) {
        return None;
    }
    let mut leaves = false;
    visit::walk_block(body, &mut |e| leaves |= leaving(e));
    if leaves {
        return None;
    }
    let d = Diagnostic::warning(
        codes::LOOP_ENDLESS,
        "nothing ends this loop, so it fails after 10,000 rounds",
        condition.span,
        "stays as it is",
    );
    Some(d.help(
        "leave it with `break` or `finish` in an `if`, ask for something that changes, or bound it with `max 20`",
    ))
}

/// Whether a condition may have another value in the next round: it reads, or speaks of a `var`.
fn may_change(function: &Function, condition: &Expr) -> bool {
    let var = |id: crate::hir::LocalId| {
        // A capture is a copy, and what cannot be found may be anything.
        function.locals.get(id.0 as usize).is_none_or(|l| l.mutable)
    };
    let mut found = false;
    visit::walk(condition, &mut |e, _, _| {
        found |= match &e.kind {
            ExprKind::CallAction(_) | ExprKind::CallValue { .. } => true,
            ExprKind::Local(id) => var(*id),
            ExprKind::Closure { captures, .. } => captures.iter().any(|id| var(*id)),
            _ => false,
        };
    });
    found
}

fn leaving(e: &Expr) -> bool {
    matches!(
        e.kind,
        ExprKind::Break
            | ExprKind::Return(_)
            | ExprKind::Finish { .. }
            | ExprKind::Fail(_)
            | ExprKind::Restart
            | ExprKind::Verify(_)
            | ExprKind::Skip
    )
}
