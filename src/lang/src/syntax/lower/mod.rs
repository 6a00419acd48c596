//! Pest's pairs to the tree. One method per rule; what the grammar lets through only to be named as a mistake is reported here.

mod clauses;
mod constructs;
mod exprs;
mod items;
mod numbers;
mod patterns;
mod policies;
mod runbooks;
mod testing;
mod texts;
mod together;
mod triggers;
mod types;

pub(super) use numbers::{DURATIONS, SIZES, unit};
use smol_str::SmolStr;

use super::{
    MAX_DEPTH,
    ast::{Block, Expr, ExprKind, Ident, Module, Path, Stmt, StmtKind, Type},
    comments::Comments,
    explain,
    grammar::Rule,
    habits,
    nodes::P,
};
use crate::{
    diag::{Code, Diagnostic, codes},
    span::{FileId, Span},
};

/// Lowers the pairs of one text.
pub(super) struct Lower<'i> {
    file: FileId,
    text: &'i str,
    comments: Comments<'i>,
    ends_in_comment: bool,
    depth: usize,
    most: usize,
    /// Whether something was left out because it is deeper than `most`.
    pub(super) too_deep: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where what was covered has been reported.
    reported: Vec<u32>,
    /// Those of these places that turned out to be consequences of something before them.
    pub(super) consequences: Vec<u32>,
}

impl<'i> Lower<'i> {
    /// `reported` are the places of what has been found wrong and was covered.
    pub(super) fn new(file: FileId, text: &'i str, comments: Comments<'i>, most: usize, reported: Vec<u32>) -> Self {
        let ends_in_comment = comments.end() == Some(text.len());
        Self {
            file,
            text,
            comments,
            ends_in_comment,
            depth: 0,
            most,
            too_deep: false,
            diagnostics: Vec::new(),
            reported,
            consequences: Vec::new(),
        }
    }

    /// The tree of a whole file.
    pub(super) fn module(&mut self, file: P<'i>) -> Module {
        let docs = self.comments.take_module_docs();
        let items = file.into_inner().filter_map(|p| self.item(p, items::Place::File)).collect();
        let (comments, blank_lines) = self.comments.take_rest(self.file);
        Module { docs, items, comments, blank_lines }
    }

    /// The expression of a text that is one.
    pub(super) fn lone_expr(&mut self, p: &P<'i>) -> Expr {
        self.expr_in(p)
    }

    /// The type of a text that is one.
    pub(super) fn lone_type(&mut self, p: &P<'i>) -> Type {
        self.type_in(p)
    }

    /// The place of a pair without the space and comments that its rule may have swallowed at its end.
    fn span(&self, p: &P<'i>) -> Span {
        self.span_at(p.start(), self.end(p))
    }

    fn end(&self, p: &P<'i>) -> usize {
        let mut end = p.end();
        let mut inner = *p;
        // Only what ends in space or in a comment may have swallowed something.
        while (self.ends_in_comment && end == self.text.len())
            || end.checked_sub(1).and_then(|n| self.text.as_bytes().get(n)).is_some_and(u8::is_ascii_whitespace)
        {
            match inner.last() {
                Some(last) if is_trivia(self.text.get(last.end()..end).unwrap_or("")) => {
                    end = last.end();
                    inner = last;
                }
                _ => break,
            }
        }
        end
    }

    fn span_at(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
    }

    fn error(&mut self, code: Code, message: impl Into<String>, span: Span, label: &str) -> &mut Diagnostic {
        self.diagnostics.push(Diagnostic::error(code, message, span, label));
        let last = self.diagnostics.len() - 1;
        #[allow(clippy::indexing_slicing)] // just pushed
        &mut self.diagnostics[last]
    }

    /// Runs `f` one level deeper; at the limit it reports that once and gives None.
    fn deeper<T>(&mut self, levels: usize, span: Span, f: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth + levels > self.most {
            if !self.too_deep {
                self.too_deep = true;
                let message = format!("this is more than {MAX_DEPTH} operations and blocks deep");
                self.error(codes::SYNTAX_NESTING, message, span, "too deep")
                    .help
                    .push("name a part of it with `let`".into());
            }
            return None;
        }
        self.depth += levels;
        let result = f(self);
        self.depth -= levels;
        Some(result)
    }

    fn ident(&self, p: &P<'i>) -> Ident {
        Ident { name: SmolStr::new(p.as_str()), span: self.span(p) }
    }

    /// The first name among the children.
    fn ident_in(&self, p: &P<'i>) -> Ident {
        match p.into_inner().find(|k| matches!(k.as_rule(), Rule::ident | Rule::word)) {
            Some(name) => self.ident(&name),
            None => Ident { name: SmolStr::default(), span: self.span(p).before() },
        }
    }

    fn path_in(&self, p: &P<'i>) -> Path {
        let names = |k: &P<'i>| matches!(k.as_rule(), Rule::ident | Rule::word);
        let parts: Vec<Ident> = p.into_inner().filter(names).map(|k| self.ident(&k)).collect();
        let span = match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => self.span(p),
        };
        Path { parts, span }
    }

    fn missing(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Missing, span }
    }

    /// The first expression among the children; a hole when there is none.
    fn expr_in(&mut self, p: &P<'i>) -> Expr {
        self.try_expr_in(p).unwrap_or_else(|| self.missing(self.span(p).after()))
    }

    fn try_expr_in(&mut self, p: &P<'i>) -> Option<Expr> {
        exprs(p).next().map(|k| self.expr(k))
    }

    fn boxed_in(&mut self, p: &P<'i>) -> Box<Expr> {
        Box::new(self.expr_in(p))
    }

    /// The expression inside the clause `rule`, when that is among the children.
    fn clause(&mut self, p: &P<'i>, rule: Rule) -> Option<Expr> {
        kid(p, rule).map(|k| self.expr_in(&k))
    }

    fn block_in(&mut self, p: &P<'i>) -> Block {
        match kid(p, Rule::block) {
            Some(b) => self.block(b),
            None => Block { stmts: Vec::new(), span: self.span(p).after() },
        }
    }

    fn block(&mut self, p: P<'i>) -> Block {
        let span = self.span(&p);
        let stmts = self.deeper(1, span, |l| l.stmts(p)).unwrap_or_default();
        Block { stmts, span }
    }

    fn stmts(&mut self, p: P<'i>) -> Vec<Stmt> {
        let stmts: Vec<Stmt> = p.into_inner().filter_map(|k| self.stmt(k)).collect();
        self.check_neighbours(&stmts, habits::statement);
        self.check_idle(&stmts);
        stmts
    }

    /// A value that nothing is done with before a line whose very first word cannot stand there: that line was to go on with what is
    /// broken before it.
    fn check_idle(&mut self, stmts: &[Stmt]) {
        if self.reported.is_empty() {
            return;
        }
        for (i, bad) in stmts.iter().enumerate() {
            if bad.kind != StmtKind::Bad || !self.reported.contains(&bad.span.start) {
                continue;
            }
            let idle = stmts.get(..i).unwrap_or_default().iter().rev().take_while(|s| is_idle(s)).last();
            let Some(first) = idle else { continue };
            self.consequences.push(bad.span.start);
            if !self.diagnostics.iter().any(|d| d.span() == first.span) {
                let message = "this is not a whole statement";
                self.error(codes::SYNTAX_UNEXPECTED, message, first.span, "nothing is done with it")
                    .help
                    .push("something lacks before it or in it: the line behind it cannot begin a statement".into());
            }
        }
    }

    /// Whether what follows was covered: its mistake has been reported.
    fn before_bad(&self, end: u32) -> bool {
        let rest = self.text.get(end as usize..).unwrap_or("");
        !self.reported.is_empty() && rest.get(explain::trivia(rest)..).is_some_and(|r| r.starts_with('\u{1}'))
    }

    /// A bare name with more on its line is a word that rrb does not have: `switch x {`, `run other()`. Gives the place of the
    /// first that `explain` knows.
    fn check_neighbours(&mut self, stmts: &[Stmt], explain: fn(&str, Span) -> Option<Diagnostic>) -> Option<Span> {
        let mut first = None;
        let mut told: Option<Span> = None;
        for (name, next) in stmts.iter().zip(stmts.iter().skip(1)) {
            let StmtKind::Expr(Expr { kind: ExprKind::Name(word), span }) = &name.kind else { continue };
            let between = self.text.get(span.end as usize..next.span.start as usize).unwrap_or("\n");
            // The next word of a line of which something has been said.
            let again = told
                .is_some_and(|t| !self.text.get(t.end as usize..span.start as usize).unwrap_or("\n").contains('\n'));
            if !between.contains('\n')
                && !again
                && let Some(d) = explain(&word.name, *span)
            {
                first = first.or(Some(*span));
                told = Some(*span);
                self.diagnostics.push(d);
            }
        }
        first
    }

    /// Reports the second of two clauses that may stand once.
    fn repeated(&mut self, name: &str, span: Span) {
        self.error(codes::SYNTAX_REPEATED, format!("`{name}` is written twice"), span, "the second one")
            .help
            .push("keep one of them".into());
    }

    /// Stores a clause that may stand once.
    fn once<T>(&mut self, slot: &mut Option<T>, value: T, name: &str, span: Span) {
        if slot.is_some() {
            self.repeated(name, span);
        } else {
            *slot = Some(value);
        }
    }

    fn semicolon(&mut self, p: &P<'i>) {
        let said = habits::semicolon(self.span(p));
        self.diagnostics.push(said);
    }
}

/// Whether a statement is a value that nothing is done with, and that does nothing itself.
fn is_idle(stmt: &Stmt) -> bool {
    let StmtKind::Expr(e) = &stmt.kind else { return false };
    matches!(
        e.kind,
        ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float { .. }
            | ExprKind::Duration(_)
            | ExprKind::Size(_)
            | ExprKind::Text(_)
            | ExprKind::Tagged { .. }
            | ExprKind::None
            | ExprKind::Name(_)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Unary { .. }
            | ExprKind::Binary { .. }
            | ExprKind::Is { .. }
            | ExprKind::As { .. }
            | ExprKind::Field { .. }
            | ExprKind::Index { .. }
    )
}

/// The first child of this rule.
fn kid<'i>(p: &P<'i>, rule: Rule) -> Option<P<'i>> {
    p.into_inner().find(|k| k.as_rule() == rule)
}

fn has(p: &P<'_>, rule: Rule) -> bool {
    kid(p, rule).is_some()
}

/// The children of this rule.
fn kids<'i>(p: &P<'i>, rule: Rule) -> impl Iterator<Item = P<'i>> + use<'i> {
    p.into_inner().filter(move |k| k.as_rule() == rule)
}

/// The children that are expressions.
fn exprs<'i>(p: &P<'i>) -> impl Iterator<Item = P<'i>> + use<'i> {
    p.into_inner().filter(|k| is_expr(k.as_rule()))
}

fn is_expr(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::expr | Rule::operation | Rule::condition | Rule::operand | Rule::mod_operand | Rule::each_source
    )
}

/// Whether there are only spaces and comments.
fn is_trivia(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with("//")
    })
}
