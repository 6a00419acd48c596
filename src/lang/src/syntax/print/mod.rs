//! The tree as text: plain, canonical, without comments. What it gives reads back to the same tree.

mod exprs;
mod items;
mod literals;
mod policies;
mod stmts;

use super::ast::*;

/// The tree as text that reads back to the same tree. Comments are left out; what could not be read is left out, too.
pub fn print(module: &Module) -> String {
    let mut printer = Printer::default();
    for line in doc_lines(&module.docs) {
        printer.line(&format!("//!{line}"));
    }
    for (i, item) in module.items.iter().enumerate() {
        if i > 0 || !module.docs.is_empty() {
            printer.out.push('\n');
        }
        printer.item(item);
    }
    printer.out
}

/// One expression on one line.
pub fn print_expression(expr: &Expr) -> String {
    let mut printer = Printer { flat: 1, ..Printer::default() };
    printer.expr(expr, ANY);
    printer.out
}

/// One type on one line.
pub fn print_type(ty: &Type) -> String {
    let mut printer = Printer { flat: 1, ..Printer::default() };
    printer.ty(ty);
    printer.out
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
    out: String,
    indent: usize,
    /// Above zero everything stays on one line, as in a hole.
    flat: usize,
}

impl Printer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn line(&mut self, text: &str) {
        self.start_line();
        self.push(text);
        self.end_line();
    }

    fn start_line(&mut self) {
        if self.flat == 0 {
            (0..self.indent).for_each(|_| self.out.push_str("  "));
        }
    }

    fn end_line(&mut self) {
        self.out.push(if self.flat == 0 { '\n' } else { ' ' });
    }

    /// `{`, the lines, `}`; `{ }` when there are none.
    fn braces(&mut self, empty: bool, lines: impl FnOnce(&mut Self)) {
        if empty {
            return self.push("{ }");
        }
        self.push("{");
        self.end_line();
        self.indent += 1;
        lines(self);
        self.indent -= 1;
        self.start_line();
        self.push("}");
    }

    fn list<T>(&mut self, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            one(self, item);
        }
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
            TypeKind::Record(fields) if fields.is_empty() => self.push("{ }"),
            TypeKind::Record(fields) => {
                self.push("{ ");
                self.list(fields, |p, f| p.field(f));
                self.push(" }");
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
                self.push("{ ");
                self.list(fields, |p, (name, pattern)| match pattern {
                    Some(pattern) => p.named_pattern(Some(name), pattern),
                    None => p.push(&name.name),
                });
                self.rest(*rest, fields.is_empty());
                self.push(" }");
            }
            PatternKind::List { items, rest } => {
                self.push("[");
                self.list(items, Self::pattern);
                self.rest(*rest, items.is_empty());
                self.push("]");
            }
            PatternKind::Or(all) => {
                for (i, one) in all.iter().enumerate() {
                    self.push(if i > 0 { " | " } else { "" });
                    self.inner_pattern(one);
                }
            }
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
