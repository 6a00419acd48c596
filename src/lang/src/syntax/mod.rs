//! Text to tree: the grammar's pairs lowered to [`ast`].

pub mod ast;
mod comments;
mod explain;
mod flat;
mod format;
mod forms;
mod grammar;
mod habits;
mod lower;
mod missing;
mod nodes;
mod others;
mod pieces;
mod print;
mod raw_file;
mod recover;
mod scan;
mod shift;
mod slips;
mod split;
mod stand_ins;
mod strip;
mod test_forms;
#[cfg(test)]
mod tests;
pub mod walk;

pub(crate) use self::{recover::begins_clause, slips::is_word};
pub use flat::flat;
pub use format::{FormatError, format};
pub use habits::is_reserved;
pub use pieces::{Pieces, parse_again};
pub use print::{print, print_expression, print_test_call, print_test_stmt, print_type};
pub use strip::strip;

use self::{
    ast::{Expr, ExprKind, Module, Type, TypeKind},
    grammar::Rule,
};
use crate::{
    diag::Diagnostic,
    span::{FileId, Span},
};

/// How large a source file may be, in bytes. What people write has a few KiB; a connector made of the description of a large API has some MiB.
pub const MAX_SOURCE: usize = 8 * 1024 * 1024;

/// How deep brackets, blocks and texts may nest.
pub const MAX_NESTING: usize = 128;

/// How deep the tree of an expression may be: nesting and chains of operators, suffixes and `else if` together.
pub const MAX_DEPTH: usize = 320;

/// What reading a file gives: always a tree, and what is wrong with the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The tree; what could not be read is `Bad` or `Missing` in it.
    pub module: Module,
    /// In order of place. Empty exactly when the text is valid.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads one file. Never fails and never panics.
pub fn parse(file: FileId, text: &str) -> Parsed {
    let text = &*raw_file::unmarked(text);
    split::parse(file, text).unwrap_or_else(|| recover::whole(file, text))
}

/// Reads one expression, e.g. a line of the REPL. `Missing` when it cannot be read.
pub fn parse_expression(file: FileId, text: &str) -> (Expr, Vec<Diagnostic>) {
    let (expr, diagnostics) = recover::read(file, text, Rule::lone_expr, |lower, pair| lower.lone_expr(&pair));
    (expr.unwrap_or(Expr { kind: ExprKind::Missing, span: Span::new(file, 0, 0) }), diagnostics)
}

/// Reads one type, e.g. of a built-in method's signature. `Missing` when it cannot be read.
pub fn parse_type(file: FileId, text: &str) -> (Type, Vec<Diagnostic>) {
    let (ty, diagnostics) = recover::read(file, text, Rule::lone_type, |lower, pair| lower.lone_type(&pair));
    (ty.unwrap_or(Type { kind: TypeKind::Missing, span: Span::new(file, 0, 0) }), diagnostics)
}

/// Whether a text ends inside something: a bracket, a block or a text that is open at its end. A prompt reads on then.
pub fn is_open(text: &str) -> bool {
    use scan::{Flaw, Guess};
    let found = scan::scan(text, usize::MAX, Guess::Nothing);
    let end = text.trim_end().len();
    found.flaws.iter().any(|flaw| match flaw {
        Flaw::NeverClosed { .. } => true,
        Flaw::OpenRaw { end: at, .. } => *at >= end,
        _ => false,
    })
}

/// Where the comments of a text are, by bytes.
pub fn comments(text: &str) -> Vec<(usize, usize)> {
    scan::scan(text, usize::MAX, scan::Guess::Nothing).comments
}
