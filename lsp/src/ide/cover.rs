//! Who agrees to what happens at a place: the `approve` or `waive` around it.

use rrb_lang::span::Span;
use rrb_lang::syntax::ast::{ExprKind, Module};
use rrb_lang::syntax::walk::{Node, path};

/// An agreement, by the place of its question or its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    Approve(Span),
    Waive(Span),
}

/// The innermost agreement around a place.
pub fn cover_at(module: &Module, offset: u32) -> Option<Cover> {
    let holds = |s: Span| s.start <= offset && offset <= s.end;
    path(module, offset).iter().rev().find_map(|node| match node {
        Node::Expr(e) => match &e.kind {
            ExprKind::Approve(a) if holds(a.body.span) => Some(Cover::Approve(a.question.span)),
            ExprKind::Waive { reason, body, .. } if holds(body.span) => Some(Cover::Waive(reason.span)),
            _ => None,
        },
        _ => None,
    })
}
