//! Expressions, with no more parentheses than they need.

use super::{ANY, AS, ATOM, COMPARE, MODIFIER, NEGATE, NOT, OPERAND, OPERATION, Printer, Tightness};
use crate::syntax::ast::*;

impl Printer {
    pub(super) fn expr(&mut self, e: &Expr, least: Tightness) {
        if tightness(e) >= least {
            return self.bare(e, least);
        }
        self.push("(");
        self.bare(e, ANY);
        self.push(")");
    }

    fn bare(&mut self, e: &Expr, least: Tightness) {
        match &e.kind {
            ExprKind::Bool(b) => self.push(if *b { "true" } else { "false" }),
            ExprKind::Int(n) => self.push(&n.to_string()),
            ExprKind::Float { value, percent } => self.float(*value, *percent),
            ExprKind::Duration(ms) => self.duration(*ms),
            ExprKind::Size(bytes) => self.size(*bytes),
            ExprKind::Text(parts) => self.text(parts),
            ExprKind::Tagged { tag, text, .. } => self.tagged(*tag, text),
            ExprKind::None => self.push("none"),
            ExprKind::Name(name) => self.push(&name.name),
            ExprKind::List(items) => {
                self.push("[");
                self.list(items, |p, item| match item {
                    ListItem::Item(e) => p.expr(e, ANY),
                    ListItem::Spread(e) => {
                        p.push("..");
                        p.expr(e, ANY);
                    }
                });
                self.push("]");
            }
            ExprKind::Record(entries) => self.record(entries),
            ExprKind::Unary { op: UnaryOp::Neg, operand } => {
                self.push("-");
                self.expr(operand, NEGATE);
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                self.push("not ");
                self.expr(operand, NOT);
            }
            ExprKind::Binary { op, left, right, .. } => self.binary(*op, left, right, least),
            ExprKind::Is { value, negated, pattern } => {
                self.expr(value, COMPARE + 1);
                self.push(if *negated { " is not " } else { " is " });
                self.pattern(pattern);
            }
            ExprKind::Let { pattern, value } => {
                self.push("let ");
                self.pattern(pattern);
                self.push(" = ");
                self.expr(value, OPERAND);
            }
            ExprKind::As { value, ty } => {
                self.expr(value, AS);
                self.push(" as ");
                self.ty(ty);
            }
            ExprKind::Field { base, name, optional } => {
                self.expr(base, ATOM);
                self.push(if *optional { "?." } else { "." });
                self.push(&name.name);
            }
            ExprKind::Index { base, index } => {
                self.expr(base, ATOM);
                self.push("[");
                self.expr(index, ANY);
                self.push("]");
            }
            ExprKind::Call { callee, args, modifiers, .. } => {
                self.expr(callee, ATOM);
                self.push("(");
                self.list(args, |p, a| p.named(a, ANY));
                self.push(")");
                self.modifiers(modifiers);
            }
            ExprKind::Lambda { params, body } => self.lambda(params, body),
            ExprKind::Paren(inner) => {
                self.push("(");
                self.expr(inner, ANY);
                self.push(")");
            }
            ExprKind::Missing => {}
            _ => self.construct(e),
        }
    }

    pub(super) fn named(&mut self, arg: &NamedArg, least: Tightness) {
        if let Some(name) = &arg.name {
            self.push(&name.name);
            self.push(": ");
        }
        self.expr(&arg.value, least);
    }

    fn lambda(&mut self, params: &[Ident], body: &Expr) {
        match params {
            [only] => self.push(&only.name),
            _ => {
                self.push("(");
                self.list(params, |p, name| p.push(&name.name));
                self.push(")");
            }
        }
        self.push(" => ");
        self.body(body);
    }

    /// Where `{` opens a block unless it looks like a record: a lambda's or an arm's body.
    pub(super) fn body(&mut self, body: &Expr) {
        match &body.kind {
            ExprKind::Block(block) => self.block(block),
            _ if begins_with_brace(body) && !is_clear_record(body) => {
                self.push("(");
                self.expr(body, ANY);
                self.push(")");
            }
            _ => self.expr(body, ANY),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, least: Tightness) {
        let own = strength(op);
        let (left_least, right_least) = match op {
            BinaryOp::Coalesce => (own + 1, own),
            _ if own == COMPARE => (own + 1, own + 1),
            _ => (own, own + 1),
        };
        self.expr(left, left_least);
        match op {
            BinaryOp::Range | BinaryOp::RangeInclusive => self.push(op.symbol()),
            _ => {
                self.push(" ");
                self.push(op.symbol());
                self.push(" ");
            }
        }
        // `a ?? fail "…"` needs no parentheses when nothing follows.
        if op == BinaryOp::Coalesce && least == ANY && is_greedy(right) {
            return self.bare(right, ANY);
        }
        self.expr(right, right_least);
    }

    fn record(&mut self, entries: &[RecordEntry]) {
        match entries {
            [] => return self.push("{ }"),
            [RecordEntry::Shorthand(only)] => return self.push(&format!("{{ {}, }}", only.name)),
            _ => {}
        }
        self.push("{ ");
        self.list(entries, Self::entry);
        self.push(" }");
    }

    fn entry(&mut self, entry: &RecordEntry) {
        match entry {
            RecordEntry::Field { name, value } => {
                self.push(&name.name);
                self.push(": ");
                self.expr(value, ANY);
            }
            RecordEntry::Shorthand(name) => self.push(&name.name),
            RecordEntry::TextKey { key, value, .. } => {
                self.push("\"");
                self.chars(key);
                self.push("\": ");
                self.expr(value, ANY);
            }
            RecordEntry::Computed { key, value } => {
                self.push("[");
                self.expr(key, ANY);
                self.push("]: ");
                self.expr(value, ANY);
            }
            RecordEntry::Spread(e) => {
                self.push("..");
                self.expr(e, ANY);
            }
        }
    }

    fn modifiers(&mut self, m: &Modifiers) {
        if let Some(retry) = &m.retry {
            self.push(" retry ");
            self.word_expr("unsafe ", retry.unsafe_reason.as_deref(), MODIFIER);
            if retry.unsafe_reason.is_some() {
                self.push(" ");
            }
            self.expr(&retry.times, MODIFIER);
            self.push(" times");
            self.word_expr(" backoff ", retry.backoff.as_deref(), MODIFIER);
            self.word_expr(" when ", retry.when.as_deref(), OPERATION);
        }
        self.word_expr(" timeout ", m.timeout.as_deref(), MODIFIER);
        self.word_expr(" key ", m.key.as_deref(), MODIFIER);
        if let Some(undo) = &m.undo {
            self.push(" undo ");
            self.block(undo);
        }
    }

    /// A clause: its words and its expression, when it is there.
    pub(super) fn word_expr(&mut self, words: &str, e: Option<&Expr>, least: Tightness) {
        if let Some(e) = e {
            self.push(words);
            self.expr(e, least);
        }
    }
}

pub(super) fn tightness(e: &Expr) -> Tightness {
    match &e.kind {
        ExprKind::Lambda { .. } => ANY,
        ExprKind::Call { modifiers, .. } if *modifiers != Modifiers::default() => ANY,
        _ if is_greedy(e) => ANY,
        ExprKind::Block(_) | ExprKind::Rollback => ANY,
        ExprKind::Binary { op, .. } => strength(*op),
        ExprKind::Unary { op: UnaryOp::Not, .. } => NOT,
        ExprKind::Is { .. } => COMPARE,
        ExprKind::Unary { op: UnaryOp::Neg, .. } => NEGATE,
        ExprKind::As { .. } => AS,
        ExprKind::Break | ExprKind::Continue | ExprKind::Skip => AS,
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
        | ExprKind::Let { .. }
        | ExprKind::Field { .. }
        | ExprKind::Index { .. }
        | ExprKind::Call { .. }
        | ExprKind::Paren(_)
        | ExprKind::Missing => ATOM,
        _ => OPERATION,
    }
}

/// What takes everything to its right.
fn is_greedy(e: &Expr) -> bool {
    matches!(
        e.kind,
        ExprKind::Fail(_)
            | ExprKind::Finish { .. }
            | ExprKind::Return(_)
            | ExprKind::Do(_)
            | ExprKind::Wait(_)
            | ExprKind::WaitUntil { .. }
    )
}

/// Whether the first token is `{`.
pub(super) fn begins_with_brace(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Record(_) | ExprKind::Block(_) => true,
        ExprKind::Binary { left, op, .. } => tightness(left) >= strength(*op) && begins_with_brace(left),
        ExprKind::Is { value, .. } | ExprKind::As { value, .. } => begins_with_brace(value),
        ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => begins_with_brace(base),
        ExprKind::Call { callee, .. } => begins_with_brace(callee),
        _ => false,
    }
}

/// A record that is known as one by its first tokens.
pub(super) fn is_clear_record(e: &Expr) -> bool {
    let ExprKind::Record(entries) = &e.kind else { return false };
    entries.first().is_some_and(|first| !matches!(first, RecordEntry::Computed { .. }))
}

fn strength(op: BinaryOp) -> Tightness {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => COMPARE,
        BinaryOp::In | BinaryOp::NotIn | BinaryOp::Matches => COMPARE,
        BinaryOp::Coalesce => OPERAND,
        BinaryOp::Range | BinaryOp::RangeInclusive => MODIFIER,
        BinaryOp::Add | BinaryOp::Sub => 7,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 8,
    }
}
