//! The tree as text, in the one form that rrb has: what is printed reads back to the same tree. With the source at hand comments,
//! groups of lines and the spelling of literals are kept; without it a tree that was made is printed.

mod clauses;
mod exprs;
mod items;
mod layout;
mod literals;
mod policies;
mod source;
mod stmts;
mod testing;

use self::{
    layout::{Document, Step},
    source::Place,
};
use super::ast::*;
pub use testing::{print_test_call, print_test_stmt};

/// The tree as text that reads back to the same tree. Comments are left out; what could not be read is left out, too.
pub fn print(module: &Module) -> String {
    Printer::default().module(module)
}

/// The tree of `source` as text, with its comments, its groups of lines and its literals as they were written.
pub(super) fn print_source(module: &Module, source: &str) -> String {
    let printer = Printer { source: source.into(), comments: module.comments.clone(), ..Printer::default() };
    printer.module(module)
}

/// One expression on one line.
pub fn print_expression(expr: &Expr) -> String {
    let mut printer = Printer { flat: 1, ..Printer::default() };
    printer.expr(expr, ANY);
    printer.doc.lines().trim_end_matches('\n').to_owned()
}

/// One type on one line.
pub fn print_type(ty: &Type) -> String {
    let mut printer = Printer { flat: 1, ..Printer::default() };
    printer.ty(ty);
    printer.doc.lines().trim_end_matches('\n').to_owned()
}

/// How tight an expression must bind to stand without parentheses.
type Tightness = u8;

/// A whole expression: lambdas and modifiers may stand here.
const ANY: Tightness = 0;
/// Operators and constructs.
const OPERATION: Tightness = 1;
const NOT: Tightness = 3;
const COMPARE: Tightness = 4;
/// What a clause takes: `??` and tighter.
const OPERAND: Tightness = 5;
/// What a modifier takes: ranges and tighter.
const MODIFIER: Tightness = 6;
const NEGATE: Tightness = 9;
const AS: Tightness = 10;
/// What may be followed by `.f`, `(…)` or `[…]`.
const ATOM: Tightness = 11;

#[derive(Default)]
struct Printer {
    doc: Document,
    /// Above zero everything stays on one line, as in a hole.
    flat: usize,
    /// Where the tree was read; empty for a tree that was not.
    source: String,
    /// The comments of the source, and how many are printed.
    comments: Vec<Comment>,
    printed: usize,
    pending: Pending,
    /// Whether what comes next is the first in its braces.
    opening: bool,
    /// Whether what was printed last is a comment on a line of its own.
    after_comment: bool,
    /// Whether what was printed last is a comment behind something on its line.
    after_trailing: bool,
}

/// What stands between what is printed and what comes next. A comment at the end of the line still goes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Pending {
    #[default]
    Nothing,
    Line,
    Blank,
}

impl Printer {
    fn module(mut self, module: &Module) -> String {
        for line in doc_lines(&module.docs) {
            self.line(&format!("//!{line}"));
        }
        if !module.docs.is_empty() && (!module.items.is_empty() || !self.comments.is_empty()) {
            self.pending = Pending::Blank;
        }
        self.opening = module.docs.is_empty();
        self.items(&module.items);
        self.comments(u32::MAX);
        self.doc.lines()
    }

    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match std::mem::take(&mut self.pending) {
            Pending::Nothing => {}
            Pending::Line => self.doc.step(Step::Hard),
            Pending::Blank => {
                self.doc.step(Step::Hard);
                self.doc.step(Step::Blank);
            }
        }
        self.opening = false;
        self.after_comment = false;
        if text.trim_start_matches([' ', '.']).starts_with(['{', '}']) {
            self.doc.step(Step::Brace);
        }
        self.after_trailing = false;
        self.doc.text(text);
    }

    fn line(&mut self, text: &str) {
        self.push(text);
        self.end_line();
    }

    fn end_line(&mut self) {
        if self.flat == 0 {
            self.pending = self.pending.max(Pending::Line);
        } else {
            self.push(" ");
        }
    }

    /// A space, or a line break where the group is broken.
    fn space(&mut self) {
        self.break_or(Step::Line, " ");
    }

    /// Nothing, or a line break where the group is broken.
    fn soft(&mut self) {
        self.break_or(Step::Soft, "");
    }

    fn break_or(&mut self, step: Step, flat: &str) {
        match (self.flat, self.pending) {
            (0, Pending::Nothing) => self.doc.step(step),
            (0, _) => {}
            _ => self.push(flat),
        }
    }

    /// What stands on one line when it fits there.
    fn group(&mut self, inside: impl FnOnce(&mut Self)) {
        self.group_broken(false, inside);
    }

    fn group_broken(&mut self, broken: bool, inside: impl FnOnce(&mut Self)) {
        self.push_pending();
        self.doc.step(Step::Open { broken: broken && self.flat == 0 });
        inside(self);
        self.doc.step(Step::Close);
    }

    /// A line break that waits goes before what opens now.
    fn push_pending(&mut self) {
        match std::mem::take(&mut self.pending) {
            Pending::Nothing => {}
            Pending::Line => self.doc.step(Step::Hard),
            Pending::Blank => {
                self.doc.step(Step::Hard);
                self.doc.step(Step::Blank);
            }
        }
    }

    fn indented(&mut self, inside: impl FnOnce(&mut Self)) {
        self.push_pending();
        self.doc.step(Step::Indent);
        inside(self);
        self.doc.step(Step::Dedent);
    }

    fn nested(&mut self, inside: impl FnOnce(&mut Self)) {
        self.doc.step(Step::Nest);
        inside(self);
        self.doc.end_nest();
    }

    /// `{`, the lines, `}`; `{}` when there are none. The braces stand at these bytes of the source, for the comments before them.
    fn braces(&mut self, (open, close): (u32, u32), empty: bool, lines: impl FnOnce(&mut Self)) {
        self.comments(open);
        if empty && !self.has_comment(close) {
            return self.push("{}");
        }
        self.push("{");
        self.end_line();
        self.opening = true;
        self.nested(|p| {
            lines(p);
            p.comments(close);
        });
        if self.pending == Pending::Blank {
            self.pending = Pending::Line;
        }
        self.push("}");
    }

    /// Things with commas between them, on as many lines as they need.
    fn list<T>(&mut self, items: &[T], one: impl FnMut(&mut Self, &T)) {
        self.list_at(items, |_| 0, one);
    }

    /// The same, where each begins at the byte that `start` gives, for the comments before it.
    fn list_at<T>(&mut self, items: &[T], start: impl Fn(&T) -> u32, mut one: impl FnMut(&mut Self, &T)) {
        self.group(|p| {
            p.indented(|p| {
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        p.push(",");
                        p.comments(start(item));
                        p.space();
                    }
                    one(p, item);
                }
            });
        });
    }

    fn docs(&mut self, docs: &str) {
        for line in doc_lines(docs) {
            self.line(&format!("///{line}"));
        }
    }

    fn path(&mut self, path: &Path) {
        let names: Vec<&str> = path.parts.iter().map(|p| p.name.as_str()).collect();
        self.push(&names.join("."));
    }

    fn ty(&mut self, ty: &Type) {
        match &ty.kind {
            TypeKind::Named { path, args } => {
                self.path(path);
                if !args.is_empty() {
                    self.push("<");
                    self.list(args, Self::ty);
                    self.push(">");
                }
            }
            TypeKind::Optional(inner) if matches!(inner.kind, TypeKind::Function { .. }) => {
                self.push("(");
                self.ty(inner);
                self.push(")?");
            }
            TypeKind::Optional(inner) => {
                self.ty(inner);
                self.push("?");
            }
            TypeKind::Record(fields) if fields.is_empty() => {
                self.comments(ty.span.end.saturating_sub(1));
                self.push("{ }");
            }
            TypeKind::Record(fields) => {
                self.comments(ty.span.start);
                let broken = fields.iter().any(|f| !f.docs.is_empty());
                let starts = |p: &Self, f: &FieldDecl| p.docs_start(f.span.start);
                let place =
                    Place { open: ty.span.start + 1, close: ty.span.end.saturating_sub(1), braces: true, broken };
                self.bracketed(("{", "}"), place, fields, starts, Self::field);
            }
            TypeKind::Function { params, ret, effect } => {
                self.push("(");
                self.list(params, Self::ty);
                self.push(") => ");
                // The effect would be the inner function's.
                let inner = *effect != Effect::Pure && matches!(ret.kind, TypeKind::Function { .. });
                self.push(if inner { "(" } else { "" });
                self.ty(ret);
                self.push(if inner { ")" } else { "" });
                if *effect != Effect::Pure {
                    self.push(" ");
                    self.push(effect_word(*effect));
                }
            }
            TypeKind::Missing => {}
        }
    }

    fn field(&mut self, field: &FieldDecl) {
        if self.flat == 0 {
            self.docs(&field.docs);
        }
        self.push(&field.name.name);
        self.push(": ");
        self.ty(&field.ty);
        if let Some(default) = &field.default {
            self.push(" = ");
            self.expr(default, ANY);
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Any => self.push("_"),
            PatternKind::None => self.push("none"),
            PatternKind::Literal(value) => self.expr(value, NEGATE),
            PatternKind::Range { start, end, inclusive } => {
                self.expr(start, NEGATE);
                self.push(if *inclusive { "..=" } else { ".." });
                self.expr(end, NEGATE);
            }
            PatternKind::Name(name) => self.push(&name.name),
            PatternKind::Variant { path, args, rest } => {
                self.path(path);
                if !args.is_empty() || *rest || path.parts.len() == 1 {
                    self.push("(");
                    self.list(args, |p, (name, pattern)| p.named_pattern(name.as_ref(), pattern));
                    self.rest(*rest, args.is_empty());
                    self.push(")");
                }
            }
            PatternKind::Record { fields, rest } => {
                self.comments(pattern.span.start);
                self.push("{ ");
                if let Some((first, _)) = fields.first() {
                    self.comments(first.span.start);
                }
                let start = |(name, _): &(Ident, Option<Pattern>)| name.span.start;
                self.list_at(fields, start, |p, (name, pattern)| match pattern {
                    Some(pattern) => p.named_pattern(Some(name), pattern),
                    None => p.push(&name.name),
                });
                self.rest(*rest, fields.is_empty());
                self.comments(pattern.span.end.saturating_sub(1));
                self.push(" }");
            }
            PatternKind::List { items, rest } => {
                self.push("[");
                self.list(items, Self::pattern);
                self.rest(*rest, items.is_empty());
                self.push("]");
            }
            PatternKind::Or(all) => self.group(|p| p.indented(|p| p.alternatives(all))),
            PatternKind::As { pattern, name } => {
                if matches!(pattern.kind, PatternKind::As { .. }) {
                    self.inner_pattern(pattern);
                } else {
                    self.pattern(pattern);
                }
                self.push(" as ");
                self.push(&name.name);
            }
            PatternKind::Missing => {}
        }
    }

    fn alternatives(&mut self, all: &[Pattern]) {
        for (i, one) in all.iter().enumerate() {
            if i > 0 {
                self.comments(one.span.start);
                self.space();
                self.push("| ");
            }
            self.inner_pattern(one);
        }
    }

    /// An alternative: `a | b` and `p as n` need parentheses.
    fn inner_pattern(&mut self, pattern: &Pattern) {
        let wide = matches!(pattern.kind, PatternKind::Or(_) | PatternKind::As { .. });
        self.push(if wide { "(" } else { "" });
        self.pattern(pattern);
        self.push(if wide { ")" } else { "" });
    }

    fn named_pattern(&mut self, name: Option<&Ident>, pattern: &Pattern) {
        if let Some(name) = name {
            self.push(&name.name);
            self.push(": ");
        }
        self.pattern(pattern);
    }

    fn rest(&mut self, rest: bool, first: bool) {
        if rest {
            self.push(if first { ".." } else { ", .." });
        }
    }
}

fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Reads => "reads",
        Effect::Changes => "changes",
        Effect::Destroys => "destroys",
    }
}

/// The lines of a doc comment with the space that stands after the mark.
fn doc_lines(docs: &str) -> impl Iterator<Item = String> {
    let lines = if docs.is_empty() { Vec::new() } else { docs.split('\n').collect() };
    lines.into_iter().map(|l| if l.is_empty() { String::new() } else { format!(" {l}") })
}
