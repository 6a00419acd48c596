//! Expressions, with no more parentheses than they need.

use super::{ANY, AS, ATOM, COMPARE, MODIFIER, NEGATE, NOT, OPERAND, OPERATION, Place, Printer, Tightness};
use crate::{span::Span, syntax::ast::*};

impl Printer {
    pub(super) fn expr(&mut self, e: &Expr, least: Tightness) {
        self.comments(e.span.start);
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
            ExprKind::Int(_)
            | ExprKind::Float { .. }
            | ExprKind::Duration(_)
            | ExprKind::Size(_)
            | ExprKind::Text(_)
            | ExprKind::Tagged { .. } => {
                if !self.as_written(e.span) {
                    self.literal(&e.kind);
                }
            }
            ExprKind::None => self.push("none"),
            ExprKind::Name(name) => self.push(&name.name),
            ExprKind::List(items) => {
                let (open, close) = (e.span.start + 1, e.span.end.saturating_sub(1));
                let place = Place { open, close, braces: false, broken: self.is_wide(e) };
                self.bracketed(("[", "]"), place, items, |_, i| item_start(i), Self::list_item);
            }
            ExprKind::Record(entries) => self.record(entries, e.span),
            ExprKind::Unary { op: UnaryOp::Neg, operand } => {
                self.push("-");
                self.expr(operand, NEGATE);
            }
            ExprKind::Unary { op: UnaryOp::Not, operand } => {
                self.push("not ");
                self.expr(operand, NOT);
            }
            ExprKind::Binary { op, op_span, left, right } => {
                self.group(|p| p.indented(|p| p.binary(*op, *op_span, left, right, least)));
            }
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
            ExprKind::Call { modifiers, args_span, .. } if *modifiers != Modifiers::default() => self.group(|p| {
                p.chain(e);
                p.indented(|p| p.modifiers(modifiers, args_span.end));
            }),
            ExprKind::Field { .. } | ExprKind::Index { .. } | ExprKind::Call { .. } => self.chain(e),
            ExprKind::Lambda { params, body } => self.lambda(params, body),
            ExprKind::Paren(inner) => {
                self.push("(");
                self.expr(inner, ANY);
                self.comments(e.span.end.saturating_sub(1));
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
            ExprKind::Record(entries) if matches!(entries.as_slice(), [RecordEntry::Shorthand(_)]) => {
                let [RecordEntry::Shorthand(only)] = entries.as_slice() else { return };
                self.push(&format!("{{ {}, ", only.name));
                self.comments(body.span.end.saturating_sub(1));
                self.push("}");
            }
            _ if begins_with_brace(body) && !is_clear_record(body) => {
                self.push("(");
                self.expr(body, ANY);
                self.push(")");
            }
            _ => self.expr(body, ANY),
        }
    }

    /// Inside a group: operators of one strength share its lines. A `-` stays on its line, for at the start of one it is a sign.
    fn binary(&mut self, op: BinaryOp, op_span: Span, left: &Expr, right: &Expr, least: Tightness) {
        let own = strength(op);
        let (left_least, right_least) = match op {
            BinaryOp::Coalesce => (own + 1, own),
            _ if own == COMPARE => (own + 1, own + 1),
            _ => (own, own + 1),
        };
        match &left.kind {
            ExprKind::Binary { op, op_span, left, right } if strength(*op) == own && own >= left_least => {
                self.binary(*op, *op_span, left, right, left_least);
            }
            _ => self.expr(left, left_least),
        }
        match op {
            BinaryOp::Range | BinaryOp::RangeInclusive => self.push(op.symbol()),
            BinaryOp::Sub => {
                self.comments(op_span.start);
                self.push(" -");
                self.comments(self.behind(op_span.end));
                self.space();
            }
            _ => {
                self.before_operator(op_span);
                self.space();
                self.push(op.symbol());
                self.push(" ");
            }
        }
        if let (BinaryOp::Coalesce, ExprKind::Binary { op: BinaryOp::Coalesce, op_span, left, right }) =
            (op, &right.kind)
        {
            return self.binary(BinaryOp::Coalesce, *op_span, left, right, least);
        }
        // `a ?? fail "…"` needs no parentheses when nothing follows.
        if op == BinaryOp::Coalesce && least == ANY && is_greedy(right) {
            return self.bare(right, ANY);
        }
        self.expr(right, right_least);
    }

    fn list_item(&mut self, item: &ListItem) {
        match item {
            ListItem::Item(e) => self.expr(e, ANY),
            ListItem::Spread(e) => {
                self.push("..");
                self.expr(e, ANY);
            }
        }
    }

    fn record(&mut self, entries: &[RecordEntry], span: Span) {
        let (open, close) = (span.start + 1, span.end.saturating_sub(1));
        let broken = entries.iter().any(|e| entry_value(e).is_some_and(|v| self.is_wide(v)));
        let place = Place { open, close, braces: true, broken };
        self.bracketed(("{", "}"), place, entries, |_, e| entry_start(e), Self::entry);
    }

    /// A name with what follows it: fields, indexes and calls. A chain of several calls breaks before its dots.
    fn chain(&mut self, e: &Expr) {
        let mut links = Vec::new();
        let mut root = e;
        loop {
            let base = match &root.kind {
                ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => base,
                ExprKind::Call { callee, modifiers, .. } if links.is_empty() || *modifiers == Modifiers::default() => {
                    callee
                }
                _ => break,
            };
            links.push(root);
            root = base;
        }
        links.reverse();
        let methods = links.windows(2).filter(|w| is_method(w)).count();
        if methods < 2 {
            self.expr(root, ATOM);
            return self.links(&links, |_| false);
        }
        let first = links.windows(2).position(is_method).unwrap_or(0);
        self.group(|p| {
            p.expr(root, ATOM);
            p.indented(|p| p.links(&links, |i| i > first && links.get(i..i + 2).is_some_and(is_method)));
        });
    }

    fn links(&mut self, links: &[&Expr], breaks: impl Fn(usize) -> bool) {
        for (i, link) in links.iter().enumerate() {
            match &link.kind {
                ExprKind::Field { name, optional, .. } => {
                    if breaks(i) {
                        self.comments(name.span.start);
                        self.soft();
                    }
                    self.push(if *optional { "?." } else { "." });
                    self.push(&name.name);
                }
                ExprKind::Index { index, .. } => {
                    self.push("[");
                    self.expr(index, ANY);
                    self.push("]");
                }
                ExprKind::Call { args, args_span, .. } => self.args(args, *args_span),
                _ => {}
            }
        }
    }

    fn args(&mut self, args: &[NamedArg], span: Span) {
        let (open, close) = (span.start + 1, span.end.saturating_sub(1));
        if self.holds_last(args, span) {
            self.push("(");
            for (i, arg) in args.iter().enumerate() {
                self.push(if i > 0 { ", " } else { "" });
                self.named(arg, ANY);
            }
            return self.push(")");
        }
        let broken = args.iter().any(|a| self.is_wide(&a.value));
        let place = Place { open, close, braces: false, broken };
        self.bracketed(("(", ")"), place, args, |_, a| arg_start(a), |p, a| p.named(a, ANY));
    }

    /// A record or list that was opened on a line of its own.
    fn is_wide(&self, e: &Expr) -> bool {
        let first = match &e.kind {
            ExprKind::Record(entries) => entries.first().map(entry_start),
            ExprKind::List(items) => items.first().map(item_start),
            _ => None,
        };
        first.is_some_and(|first| self.is_broken(e.span.start + 1, first))
    }

    /// Whether the last argument is one that brings its own lines, so that the brackets can hold on to it.
    fn holds_last(&self, args: &[NamedArg], span: Span) -> bool {
        let Some((last, others)) = args.split_last() else { return false };
        let opens = match &last.value.kind {
            ExprKind::Record(entries) => entries.len() > 1,
            ExprKind::List(items) => items.len() > 1,
            _ => false,
        };
        let short = |e: &Expr| {
            matches!(e.kind, ExprKind::Name(_) | ExprKind::Int(_) | ExprKind::Bool(_) | ExprKind::None)
                || (matches!(e.kind, ExprKind::Text(_)) && e.span.end - e.span.start < 24)
        };
        opens && others.len() < 3 && others.iter().all(|o| short(&o.value)) && !self.has_comment(span.end)
    }

    fn entry(&mut self, entry: &RecordEntry) {
        match entry {
            RecordEntry::Field { name, value } => {
                self.push(&name.name);
                self.push(": ");
                self.expr(value, ANY);
            }
            RecordEntry::Shorthand(name) => self.push(&name.name),
            RecordEntry::TextKey { key, key_span, value } => {
                if !self.as_written(*key_span) {
                    self.push("\"");
                    self.chars(key);
                    self.push("\"");
                }
                self.push(": ");
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
}

fn entry_value(entry: &RecordEntry) -> Option<&Expr> {
    match entry {
        RecordEntry::Field { value, .. } | RecordEntry::TextKey { value, .. } | RecordEntry::Computed { value, .. } => {
            Some(value)
        }
        RecordEntry::Shorthand(_) | RecordEntry::Spread(_) => None,
    }
}

/// `a ?? fail "…"`, which needs no parentheses where nothing follows.
pub(super) fn ends_greedily(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Binary { op: BinaryOp::Coalesce, right, .. } => is_greedy(right) || ends_greedily(right),
        _ => false,
    }
}

/// Where an argument begins.
pub(super) fn arg_start(a: &NamedArg) -> u32 {
    a.name.as_ref().map_or(a.value.span.start, |n| n.span.start)
}

fn item_start(item: &ListItem) -> u32 {
    match item {
        ListItem::Item(e) => e.span.start,
        ListItem::Spread(e) => e.span.start.saturating_sub(2),
    }
}

fn entry_start(entry: &RecordEntry) -> u32 {
    match entry {
        RecordEntry::Field { name, .. } | RecordEntry::Shorthand(name) => name.span.start,
        RecordEntry::TextKey { key_span, .. } => key_span.start,
        RecordEntry::Computed { key, .. } => key.span.start.saturating_sub(1),
        RecordEntry::Spread(e) => e.span.start.saturating_sub(2),
    }
}

/// A field that is called.
fn is_method(links: &[&Expr]) -> bool {
    matches!(links, [Expr { kind: ExprKind::Field { .. }, .. }, Expr { kind: ExprKind::Call { .. }, .. }, ..])
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
        ExprKind::Int(n) if *n < 0 => NEGATE,
        ExprKind::As { .. } => AS,
        ExprKind::Break | ExprKind::Continue | ExprKind::Skip | ExprKind::Restart => AS,
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
            | ExprKind::WaitFor { .. }
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
