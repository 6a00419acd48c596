//! Statements and the expressions that begin with a keyword.

use super::{
    ANY, OPERAND, OPERATION, Place, Printer,
    clauses::{Behind, Clauses},
    effect_word,
    exprs::arg_start,
    layout::Step,
};
use crate::syntax::ast::*;

/// Words that begin a clause: alone on a line they would be read as one.
const CLAUSE_WORDS: &[&str] = &[
    "at",
    "between",
    "cancel",
    "concurrency",
    "controls",
    "dedupe",
    "every",
    "evidence",
    "finally",
    "give",
    "key",
    "limit",
    "log",
    "no",
    "owner",
    "retry",
    "severity",
    "shadow",
    "tags",
    "timeout",
    "trust",
    "undo",
];

impl Printer {
    /// On one line when it was, has one statement and fits.
    pub(super) fn block(&mut self, block: &Block) {
        self.comments(block.span.start);
        match self.one_liner(block) {
            Some(only) => self.group(|p| p.inline_block(block, only)),
            None => self.open_block(block),
        }
    }

    fn open_block(&mut self, block: &Block) {
        let places = (block.span.start, block.span.end.saturating_sub(1));
        self.braces(places, block.stmts.is_empty(), |p| p.stmts(&block.stmts));
    }

    /// A block that is as broken as the group around it.
    fn inline_block(&mut self, block: &Block, only: &Stmt) {
        self.comments(block.span.start);
        self.push("{");
        self.indented(|p| {
            p.space();
            p.stmt(only, false);
            p.comments(block.span.end.saturating_sub(1));
        });
        self.space();
        self.push("}");
    }

    pub(super) fn stmts(&mut self, stmts: &[Stmt]) {
        for (i, stmt) in stmts.iter().enumerate() {
            self.before(stmt.span.start);
            self.stmt(stmt, i + 1 < stmts.len());
            self.end_line();
        }
    }

    fn stmt(&mut self, stmt: &Stmt, more: bool) {
        match &stmt.kind {
            StmtKind::Let { pattern, ty, value } => {
                self.push("let ");
                self.pattern(pattern);
                self.binding(ty.as_ref(), value, more);
            }
            StmtKind::Var { name, ty, value } => {
                self.push("var ");
                self.push(&name.name);
                self.binding(ty.as_ref(), value, more);
            }
            StmtKind::Assign { target, op, value } => {
                self.expr(target, OPERATION);
                self.push(match op {
                    AssignOp::Set => " = ",
                    AssignOp::Add => " += ",
                    AssignOp::Sub => " -= ",
                });
                self.last(value, more);
            }
            StmtKind::Evidence { name, value } => {
                self.push("evidence ");
                self.expr(name, OPERAND);
                self.push(" = ");
                self.last(value, more);
            }
            StmtKind::Log(e) => {
                self.push("log ");
                self.last(e, more);
            }
            StmtKind::AtMost(most) => {
                let AtMost { limit, of, floor, items } = &**most;
                self.word_expr("at most ", Some(limit), OPERAND);
                self.word_expr(" of ", of.as_ref(), OPERAND);
                self.word_expr(" or ", floor.as_ref(), OPERAND);
                self.word_expr(" for ", Some(items), OPERAND);
            }
            StmtKind::Expr(e) => self.expr_stmt(e, more),
            StmtKind::Bad => {}
        }
    }

    fn binding(&mut self, ty: Option<&Type>, value: &Expr, more: bool) {
        if let Some(ty) = ty {
            self.push(": ");
            self.ty(ty);
        }
        self.push(" = ");
        self.last(value, more);
    }

    /// The value that ends a statement.
    fn last(&mut self, e: &Expr, more: bool) {
        if self.flat > 0 && more && wants_operand(e) {
            self.push("(");
            self.expr(e, ANY);
            return self.push(")");
        }
        self.expr(e, ANY);
    }

    fn expr_stmt(&mut self, e: &Expr, more: bool) {
        let clause = matches!(&e.kind, ExprKind::Name(name) if CLAUSE_WORDS.contains(&name.name.as_str()));
        let on_one_line = self.flat > 0
            && (begins_with_minus(e) || (more && (wants_operand(e) || matches!(e.kind, ExprKind::Name(_)))));
        if clause || on_one_line {
            self.push("(");
            self.expr(e, ANY);
            return self.push(")");
        }
        self.body(e);
    }

    /// What begins with a keyword.
    pub(super) fn construct(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Block(block) => self.block(block),
            ExprKind::If { condition, then, otherwise } => self.if_expr(condition, then, otherwise.as_deref()),
            ExprKind::Match { value, arms } => {
                self.push("match ");
                self.indented(|p| p.expr(value, OPERATION));
                let (open, close) = (self.opening(value.span.end), e.span.end.saturating_sub(1));
                let place = Place { open, close, braces: true, broken: !self.has_source() && self.flat == 0 };
                self.bracketed((" {", "}"), place, arms, |_, a| a.span.start, Self::arm);
            }
            ExprKind::Do(call) => self.word_expr("do ", Some(call), ANY),
            ExprKind::Fail(why) => self.word_expr("fail ", Some(why), ANY),
            ExprKind::Finish { outcome, why } => {
                self.push("finish ");
                self.push(&outcome.name);
                self.word_expr(" ", why.as_deref(), ANY);
            }
            ExprKind::Return(value) => {
                self.push("return");
                self.word_expr(" ", value.as_deref(), ANY);
            }
            ExprKind::Break => self.push("break"),
            ExprKind::Continue => self.push("continue"),
            ExprKind::Skip => self.push("skip"),
            ExprKind::Rollback => self.push("rollback"),
            ExprKind::Restart => self.push("restart"),
            ExprKind::Step { name, body } => self.headed("step ", name, body),
            ExprKind::Approve(approve) => self.approve(approve),
            ExprKind::Waive { reason, by, until, body } => {
                let mut clauses = Clauses::default();
                clauses.expr("by ", by.as_deref(), OPERAND);
                clauses.expr("until ", until.as_deref(), OPERAND);
                self.clauses("waive ", reason, clauses);
                self.block(body);
            }
            ExprKind::Verify { name, within, every, settle, body } => {
                let mut clauses = Clauses::default();
                clauses.expr("within ", within.as_deref(), OPERAND);
                clauses.expr("every ", every.as_deref(), OPERAND);
                clauses.expr("settle ", settle.as_deref(), OPERAND);
                self.clauses("verify ", name, clauses);
                self.block(body);
            }
            _ => self.loop_or_wait(e),
        }
    }

    fn loop_or_wait(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Wait(time) if matches!(&time.kind, ExprKind::Name(n) if n.name == "until") => {
                self.push("wait (until)")
            }
            // Without brackets of its own, which a long row of them would nest too deep.
            ExprKind::Wait(time) if matches!(time.kind, ExprKind::Wait(_)) => self.word_expr("wait ", Some(time), ANY),
            ExprKind::Wait(time) => self.word_expr("wait ", Some(time), OPERAND),
            ExprKind::WaitUntil { condition, every, within } => {
                self.group(|p| {
                    p.indented(|p| {
                        p.word_expr("wait until ", Some(condition), OPERATION);
                        let mut clauses = Clauses::default();
                        clauses.expr("every ", every.as_deref(), OPERAND);
                        clauses.expr("within ", within.as_deref(), OPERAND);
                        p.in_order(condition.span.end, clauses, Behind::Nothing);
                    });
                });
            }
            ExprKind::WaitFor { event, within } => {
                self.group(|p| {
                    p.indented(|p| {
                        p.push("wait for ");
                        p.awaited(event);
                        p.word_expr(" within ", within.as_deref(), OPERAND);
                    });
                });
            }
            ExprKind::During { body, handlers } => {
                self.push("during ");
                self.block(body);
                for handler in handlers {
                    self.behind_brace(" on ", handler.event.span.start);
                    self.awaited(&handler.event);
                    self.push(" ");
                    self.block(&handler.body);
                }
            }
            ExprKind::RunChild { awaited, runbook, args, .. } => {
                self.push(if *awaited { "run " } else { "start " });
                for (i, part) in runbook.parts.iter().enumerate() {
                    self.push(if i > 0 { "." } else { "" });
                    self.push(&part.name);
                }
                self.push("(");
                self.list_at(args, arg_start, |p, a| p.named(a, ANY));
                self.push(")");
            }
            ExprKind::For { pattern, items, body } => {
                self.push("for ");
                self.pattern(pattern);
                self.headed(" in ", items, body);
            }
            ExprKind::FanOut(fan) => self.fan_out(fan),
            ExprKind::Together { race, branches } => {
                self.push(if *race { "race " } else { "parallel " });
                let places = (self.opening(e.span.start), e.span.end.saturating_sub(1));
                self.braces(places, branches.is_empty(), |p| branches.iter().for_each(|b| p.branch(b)));
            }
            ExprKind::While { condition, max, body } => {
                self.group(|p| {
                    p.indented(|p| {
                        p.word_expr("while ", Some(condition), OPERATION);
                        p.word_expr(" max ", max.as_deref(), OPERAND);
                    });
                });
                self.push(" ");
                self.block(body);
            }
            ExprKind::Try { body, binder, handler } => {
                self.push("try ");
                self.block(body);
                if let Some(handler) = handler {
                    self.behind_brace(" catch ", binder.as_ref().map_or(handler.span.start, |b| b.span.start));
                    self.binder(binder.as_ref());
                    self.block(handler);
                }
            }
            ExprKind::Trust { effect, because, body } => {
                self.push("trust ");
                self.push(effect_word(*effect));
                self.word_expr(" because ", because.as_deref(), OPERAND);
                self.push(" ");
                self.block(body);
            }
            _ => {}
        }
    }

    fn fan_out(&mut self, fan: &FanOut) {
        self.group(|p| {
            p.push("for ");
            p.indented(|p| {
                p.pattern(&fan.pattern);
                p.word_expr(" in ", Some(&fan.items), OPERAND);
                let mut clauses = Clauses::default();
                clauses.expr("in waves ", fan.waves.as_ref(), OPERAND);
                clauses.expr("pausing ", fan.pausing.as_ref(), OPERAND);
                // A `{` behind the word would be the body.
                let braced = fan.parallel.as_ref().is_some_and(super::exprs::begins_with_brace);
                clauses.expr("parallel ", fan.parallel.as_ref(), if braced { super::ATOM + 1 } else { OPERAND });
                clauses.words("collect failures", fan.collect);
                p.in_order(fan.items.span.end, clauses, Behind::Block);
            });
            p.space();
        });
        self.block(&fan.body);
        if let Some(between) = &fan.between {
            self.behind_brace(" between ", between.span.start);
            self.block(between);
        }
    }

    fn branch(&mut self, branch: &Branch) {
        self.before(branch.span.start);
        self.push(&branch.name.name);
        match &branch.body.kind {
            ExprKind::Block(block) => {
                self.push(" ");
                self.block(block);
            }
            _ => {
                self.push(" = ");
                self.expr(&branch.body, ANY);
            }
        }
        self.push(",");
        self.end_line();
    }

    fn awaited(&mut self, a: &Awaited) {
        for (i, part) in a.event.parts.iter().enumerate() {
            self.push(if i > 0 { "." } else { "" });
            self.push(&part.name);
            if i == 0
                && let Some(instance) = &a.instance
            {
                self.push("[");
                self.expr(instance, ANY);
                self.push("]");
            }
        }
        if let Some(binder) = &a.binder {
            self.push(" as ");
            self.push(&binder.name);
        }
        self.word_expr(" where ", a.condition.as_ref(), OPERATION);
    }

    fn headed(&mut self, words: &str, head: &Expr, body: &Block) {
        self.word_expr(words, Some(head), OPERAND);
        self.push(" ");
        self.block(body);
    }

    /// Words that go on behind a `}`, on its line unless a comment ends that; what they belong to goes on at the byte `at`.
    pub(super) fn behind_brace(&mut self, words: &str, at: u32) {
        self.before_words(words, at);
        self.behind_comment();
        self.push(words);
    }

    pub(super) fn binder(&mut self, binder: Option<&Ident>) {
        if let Some(binder) = binder {
            self.push(&binder.name);
            self.push(" ");
        }
    }

    /// All its blocks stand on the line, or none does.
    fn if_expr(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Expr>) {
        let inline = self.all_one_liners(then, otherwise);
        self.group(|p| p.if_chain(condition, then, otherwise, inline));
    }

    fn all_one_liners(&self, then: &Block, otherwise: Option<&Expr>) -> bool {
        self.one_liner(then).is_some()
            && match otherwise.map(|o| &o.kind) {
                Some(ExprKind::If { then, otherwise, .. }) => self.all_one_liners(then, otherwise.as_deref()),
                Some(ExprKind::Block(block)) => self.one_liner(block).is_some(),
                _ => true,
            }
    }

    fn if_chain(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Expr>, inline: bool) {
        self.indented(|p| p.word_expr("if ", Some(condition), OPERATION));
        self.push(" ");
        self.if_block(then, inline);
        let Some(otherwise) = otherwise else { return };
        // Nothing may stand between the two words of `else if`.
        let at = if let ExprKind::If { condition, .. } = &otherwise.kind { condition } else { otherwise }.span.start;
        self.behind_brace(" else ", at);
        match &otherwise.kind {
            ExprKind::If { condition, then, otherwise } => {
                self.if_chain(condition, then, otherwise.as_deref(), inline);
            }
            ExprKind::Block(block) => {
                self.if_block(block, inline);
            }
            _ => {}
        }
    }

    fn if_block(&mut self, block: &Block, inline: bool) {
        match self.one_liner(block).filter(|_| inline) {
            Some(only) => self.inline_block(block, only),
            None => self.open_block(block),
        }
    }

    fn arm(&mut self, arm: &Arm) {
        self.indented(|p| {
            p.pattern(&arm.pattern);
            p.word_expr(" if ", arm.guard.as_ref(), OPERATION);
        });
        self.push(" =>");
        // A long body breaks itself, not what is asked before it.
        if arm.guard.is_some() {
            self.doc.step(Step::Edge);
        }
        self.push(" ");
        self.body(&arm.body);
    }
}

/// Whether the first token is `-`.
pub(super) fn begins_with_minus(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Unary { op, .. } => *op == UnaryOp::Neg,
        ExprKind::Int(n) => *n < 0,
        ExprKind::Binary { left, .. } => begins_with_minus(left),
        ExprKind::Is { value, .. } | ExprKind::As { value, .. } => begins_with_minus(value),
        _ => false,
    }
}

/// Whether what follows on the line would be read as its operand.
fn wants_operand(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Return(None) | ExprKind::Finish { why: None, .. } => true,
        ExprKind::Return(Some(e)) | ExprKind::Finish { why: Some(e), .. } | ExprKind::Fail(e) => wants_operand(e),
        ExprKind::Binary { right, .. } => wants_operand(right),
        ExprKind::Lambda { body, .. } => wants_operand(body),
        ExprKind::As { ty, .. } => wants_effect(ty),
        _ => false,
    }
}

/// Whether `reads` behind it on the line would be its effect.
fn wants_effect(ty: &Type) -> bool {
    matches!(&ty.kind, TypeKind::Function { effect: Effect::Pure, .. })
}
