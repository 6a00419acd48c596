//! Which expressions do something, and which are only values.

use crate::hir::visit;
use crate::hir::{Expr, ExprKind, Stmt};

/// Whether anything in it is more than a value: a call, a wait, a question, an end, a variable that changes.
pub(super) fn has_work(expr: &Expr) -> bool {
    let mut found = false;
    visit::walk(expr, &mut |e, _, _| found |= is_work(&e.kind));
    found
}

fn is_work(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::CallAction(_)
        | ExprKind::RunChild(_)
        | ExprKind::Finish { .. }
        | ExprKind::Fail(_)
        | ExprKind::Return(_)
        | ExprKind::Break
        | ExprKind::Continue
        | ExprKind::Skip
        | ExprKind::Restart
        | ExprKind::Rollback { .. }
        | ExprKind::Step { .. }
        | ExprKind::Approve(_)
        | ExprKind::Waive(_)
        | ExprKind::Verify(_)
        | ExprKind::Wait { .. }
        | ExprKind::WaitUntil { .. }
        | ExprKind::WaitFor(_)
        | ExprKind::During(_)
        | ExprKind::AtMost(_) => true,
        ExprKind::Block(block) => block.stmts.iter().any(|s| match s {
            Stmt::Assign { .. } | Stmt::Evidence { .. } | Stmt::Log { .. } => true,
            // What they hold is looked at by itself.
            Stmt::Let { .. } | Stmt::Expr(_) => false,
        }),
        // They work when what they hold does.
        ExprKind::If { .. }
        | ExprKind::Match { .. }
        | ExprKind::For { .. }
        | ExprKind::While { .. }
        | ExprKind::FanOut(_)
        | ExprKind::Together(_)
        | ExprKind::Try { .. }
        | ExprKind::Literal(_)
        | ExprKind::Text(_)
        | ExprKind::Local(_)
        | ExprKind::Constant(_)
        | ExprKind::Setting(_)
        | ExprKind::Closure { .. }
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::RecordUpdate { .. }
        | ExprKind::Map(_)
        | ExprKind::Variant { .. }
        | ExprKind::Unary { .. }
        | ExprKind::Binary { .. }
        | ExprKind::And(..)
        | ExprKind::Or(..)
        | ExprKind::Coalesce(..)
        | ExprKind::Field { .. }
        | ExprKind::JsonField { .. }
        | ExprKind::MapGet { .. }
        | ExprKind::Index { .. }
        | ExprKind::CallFn { .. }
        | ExprKind::CallValue { .. }
        | ExprKind::Method { .. }
        | ExprKind::Coerce { .. }
        | ExprKind::Decode(_)
        | ExprKind::Is { .. }
        | ExprKind::Let { .. } => false,
    }
}
