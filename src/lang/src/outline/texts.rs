//! The words of an outline: pieces of source on one line.

use crate::hir::{Expr, ExprKind, Outcome, Stmt, TextPart};
use crate::span::{Sources, Span};
use crate::syntax::flat;
use crate::value::Value;

/// Reads the sources.
pub(super) struct Texts<'a> {
    pub sources: &'a Sources,
}

impl Texts<'_> {
    /// On one line, without comments.
    pub fn source(&self, span: Span) -> String {
        flat(self.sources.text(span))
    }

    /// From the beginning of `whole` to the end of its part `last`: the head of a loop.
    pub fn until(&self, whole: &Expr, last: &Expr) -> String {
        self.source(Span { end: last.span.end, ..whole.span })
    }

    /// A text literal as people read it, with ‹source› where a value stands.
    pub fn text(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Literal(Value::Text(text)) => text.to_string(),
            ExprKind::Text(parts) => parts
                .iter()
                .map(|part| match part {
                    TextPart::Chars(chars) => chars.to_string(),
                    TextPart::Hole(hole) => format!("‹{}›", self.source(hole.span)),
                })
                .collect(),
            ExprKind::Coerce { value, .. } => self.text(value),
            _ => format!("‹{}›", self.source(expr.span)),
        }
    }

    /// A literal as it prints (defaults have no source of their own), anything else as its source.
    pub fn value(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Literal(value) => crate::vm::print::display(value),
            _ => self.source(expr.span),
        }
    }

    /// The pattern of the `let` or `var` whose value stands at `value`.
    pub fn bound(&self, value: Span) -> Option<String> {
        let source = self.sources.get(value.file)?;
        let before = source.text.get(..value.start as usize)?.trim_end().strip_suffix('=')?;
        let begin = ["let ", "var "].iter().filter_map(|word| Some(before.rfind(word)? + word.len())).max()?;
        before.get(begin..).map(flat)
    }
}

pub(super) fn stmt_span(stmt: &Stmt) -> Span {
    match stmt {
        Stmt::Let { value, .. } | Stmt::Assign { value, .. } => value.span,
        Stmt::Evidence { name, value, .. } => name.span.to(value.span),
        Stmt::Log { text, .. } => text.span,
        Stmt::Expr(e) => e.span,
    }
}

/// As written after `finish`.
pub(super) fn outcome_word(outcome: Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
