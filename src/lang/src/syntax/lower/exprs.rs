//! Expressions: the flat list of operators and operands that the grammar gives, by precedence, and the small operands.

use smol_str::SmolStr;

use super::{super::ast::*, Lower, P, exprs, has, is_expr, kid, kids, numbers::is_least};
use crate::{
    diag::{Fix, codes},
    span::Span,
    syntax::{forms, grammar::Rule},
};

/// One piece of a flat expression.
enum Piece {
    Prefix(UnaryOp, Span),
    Operand(Expr),
    Infix(BinaryOp, Span),
    As(Type),
    Is { negated: bool, pattern: Pattern },
}

const NOT: u8 = 3;
const COMPARE: u8 = 4;
const NEGATE: u8 = 9;
const AS: u8 = 10;

/// How tight an infix operator binds.
fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And => 2,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => COMPARE,
        BinaryOp::In | BinaryOp::NotIn | BinaryOp::Matches => COMPARE,
        BinaryOp::Coalesce => 5,
        BinaryOp::Range | BinaryOp::RangeInclusive => 6,
        BinaryOp::Add | BinaryOp::Sub => 7,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => 8,
    }
}

/// What makes the tree one level deeper.
fn is_operator(rule: Rule) -> bool {
    is_infix(rule)
        || matches!(rule, Rule::prefix_op | Rule::as_part | Rule::is_part | Rule::args | Rule::index | Rule::field)
}

fn is_infix(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::sub_op
            | Rule::add_op
            | Rule::mul_op
            | Rule::range_op
            | Rule::coalesce_op
            | Rule::compare_op
            | Rule::logic_op
    )
}

impl<'i> Lower<'i> {
    /// Any of the rules that are expressions.
    pub(super) fn expr(&mut self, p: P<'i>) -> Expr {
        let span = self.span(&p);
        self.deeper(1, span, |l| l.expr_inside(p)).unwrap_or_else(|| self.missing(span))
    }

    fn expr_inside(&mut self, p: P<'i>) -> Expr {
        if p.as_rule() != Rule::expr {
            return self.operation(p);
        }
        let span = self.span(&p);
        let mut result = self.missing(span);
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::lambda => result = self.lambda(&k),
                Rule::modifiers => self.attach_modifiers(&mut result, &k),
                rule if is_expr(rule) => result = self.operation(k),
                _ => {}
            }
        }
        result
    }

    fn attach_modifiers(&mut self, to: &mut Expr, p: &P<'i>) {
        let found = self.modifiers(p);
        let span = self.span(p);
        match &mut to.kind {
            ExprKind::Call { modifiers, .. } => {
                *modifiers = found;
                to.span = to.span.to(span);
            }
            _ => {
                let word = p.as_str().split_whitespace().next().unwrap_or("this").to_owned();
                let message = format!("`{word}` belongs to a call that is the whole expression");
                let d = self.error(codes::SYNTAX_MODIFIER, message, span, "no call for it");
                d.help.push("put the call and its modifiers in parentheses: `(f(x) timeout 3s) ?? y`".into());
                if word == "timeout" {
                    d.help.push("to limit the whole run, write it in the header, before the first statement".into());
                }
            }
        }
    }

    fn lambda(&mut self, p: &P<'i>) -> Expr {
        let params = match kid(p, Rule::lambda_head) {
            Some(head) => kids(&head, Rule::ident).map(|i| self.ident(&i)).collect(),
            None => Vec::new(),
        };
        let body = Box::new(self.body_in(p));
        Expr { kind: ExprKind::Lambda { params, body }, span: self.span(p) }
    }

    /// The body of a lambda or an arm: a block or an expression.
    pub(super) fn body_in(&mut self, p: &P<'i>) -> Expr {
        match kid(p, Rule::block_stmt) {
            Some(b) => {
                let block = self.block_in(&b);
                let span = block.span;
                Expr { kind: ExprKind::Block(block), span }
            }
            None => self.expr_in(p),
        }
    }

    /// A flat list of prefix operators, operands with suffixes, and infix operators.
    fn operation(&mut self, p: P<'i>) -> Expr {
        let span = self.span(&p);
        let operators = p.into_inner().filter(|k| is_operator(k.as_rule())).count();
        self.deeper(operators, span, |l| {
            let pieces = l.pieces(p);
            let mut pieces = pieces.into_iter().peekable();
            l.climb(&mut pieces, 0, span)
        })
        .unwrap_or_else(|| self.missing(span))
    }

    fn pieces(&mut self, p: P<'i>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut kids = p.into_inner().peekable();
        while let Some(k) = kids.next() {
            let span = self.span(&k);
            let goes_on = |next: Option<&P<'i>>| {
                next.is_some_and(|n| matches!(n.as_rule(), Rule::args | Rule::index | Rule::field))
            };
            match k.as_rule() {
                Rule::number
                    if is_least(k.as_str())
                        && matches!(pieces.last(), Some(Piece::Prefix(UnaryOp::Neg, _)))
                        && !goes_on(kids.peek()) =>
                {
                    if let Some(Piece::Prefix(_, sign)) = pieces.pop() {
                        let span = sign.to(span);
                        pieces.push(Piece::Operand(Expr { kind: ExprKind::Int(i64::MIN), span }));
                    }
                }
                Rule::prefix_op => pieces.push(Piece::Prefix(self.prefix_op(&k), span)),
                rule if is_infix(rule) => pieces.push(Piece::Infix(self.infix_op(&k), span)),
                Rule::as_part => pieces.push(Piece::As(self.type_in(&k))),
                Rule::is_part => {
                    let negated = has(&k, Rule::k_not);
                    pieces.push(Piece::Is { negated, pattern: self.pattern_in(&k) });
                }
                Rule::args | Rule::index | Rule::field => {
                    if let Some(Piece::Operand(base)) = pieces.pop() {
                        pieces.push(Piece::Operand(self.suffix(base, &k)));
                    }
                }
                Rule::no_bracket | Rule::no_minus => {}
                Rule::let_cond => {
                    let pattern = self.pattern_in(&k);
                    let value = self.boxed_in(&k);
                    pieces.push(Piece::Operand(Expr { kind: ExprKind::Let { pattern, value }, span }));
                }
                _ => pieces.push(Piece::Operand(self.atom(k))),
            }
        }
        pieces
    }

    /// Precedence climbing.
    fn climb(&mut self, pieces: &mut std::iter::Peekable<std::vec::IntoIter<Piece>>, least: u8, whole: Span) -> Expr {
        let mut left = match pieces.next() {
            Some(Piece::Operand(e)) => e,
            Some(Piece::Prefix(op, span)) => {
                let operand = self.climb(pieces, if op == UnaryOp::Not { NOT } else { NEGATE }, whole);
                let span = span.to(operand.span);
                Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, span }
            }
            _ => self.missing(whole),
        };
        let mut compared: Option<Span> = None;
        loop {
            let (power, at) = match pieces.peek() {
                Some(Piece::Infix(op, span)) => (strength(*op), *span),
                Some(Piece::Is { pattern, .. }) => (COMPARE, pattern.span),
                Some(Piece::As(ty)) => (AS, ty.span),
                _ => return left,
            };
            if power < least {
                return left;
            }
            if power == COMPARE {
                if let Some(first) = compared {
                    self.chained(first, at);
                }
                compared = Some(at);
            }
            left = match pieces.next() {
                Some(Piece::Infix(op, op_span)) => {
                    let right_least = if op == BinaryOp::Coalesce { power } else { power + 1 };
                    let right = self.climb(pieces, right_least, whole);
                    let span = left.span.to(right.span);
                    let (left, right) = (Box::new(left), Box::new(right));
                    Expr { kind: ExprKind::Binary { op, op_span, left, right }, span }
                }
                Some(Piece::Is { negated, pattern }) => {
                    let span = left.span.to(pattern.span);
                    Expr { kind: ExprKind::Is { value: Box::new(left), negated, pattern }, span }
                }
                Some(Piece::As(ty)) => {
                    let span = left.span.to(ty.span);
                    Expr { kind: ExprKind::As { value: Box::new(left), ty }, span }
                }
                _ => return left,
            };
        }
    }

    fn chained(&mut self, first: Span, second: Span) {
        let end = second.end as usize;
        let called = self.text.get(end..).is_some_and(|t| t.starts_with('('));
        if let Some((from, to)) = forms::written_arguments(self.text, end).filter(|_| called) {
            self.diagnostics.push(forms::needless_arguments(self.file, self.text, from, to));
            return;
        }
        let d = self.error(codes::SYNTAX_OPERATOR, "comparisons do not chain", second, "a second comparison");
        d.labels.push(crate::diag::Label { span: first, text: "the first one".into(), primary: false });
        d.help.push("write `a < b and b < c`".into());
    }

    fn prefix_op(&mut self, p: &P<'i>) -> UnaryOp {
        match p.as_str() {
            "-" => UnaryOp::Neg,
            "!" => {
                let span = self.span(p);
                self.foreign("!", "not ", span);
                UnaryOp::Not
            }
            _ => UnaryOp::Not,
        }
    }

    pub(super) fn infix_op(&mut self, p: &P<'i>) -> BinaryOp {
        let text = p.as_str();
        let rrb = match text {
            "&&" => "and",
            "||" => "or",
            "===" => "==",
            "!==" => "!=",
            "%" => "mod",
            _ => "",
        };
        if !rrb.is_empty() {
            self.foreign(text, rrb, self.span(p));
        }
        match if rrb.is_empty() { text } else { rrb } {
            "or" => BinaryOp::Or,
            "and" => BinaryOp::And,
            // A single one has been reported.
            "==" | "=" => BinaryOp::Eq,
            "!=" => BinaryOp::Ne,
            "<" => BinaryOp::Lt,
            "<=" => BinaryOp::Le,
            ">" => BinaryOp::Gt,
            ">=" => BinaryOp::Ge,
            "in" => BinaryOp::In,
            "matches" => BinaryOp::Matches,
            "??" => BinaryOp::Coalesce,
            ".." => BinaryOp::Range,
            "..=" => BinaryOp::RangeInclusive,
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            "mod" => BinaryOp::Mod,
            // A misspelt word, which has been reported and is read as the one that it is near to.
            _ => match p.as_rule() {
                Rule::logic_op if text.starts_with('a') => BinaryOp::And,
                Rule::logic_op => BinaryOp::Or,
                Rule::mul_op => BinaryOp::Mod,
                Rule::compare_op if text.starts_with('m') => BinaryOp::Matches,
                Rule::compare_op if text.starts_with('i') => BinaryOp::In,
                _ => BinaryOp::NotIn,
            },
        }
    }

    fn foreign(&mut self, written: &str, rrb: &str, span: Span) {
        let spoken = rrb.trim_end();
        let message = format!("rrb has no operator `{written}`");
        let d = self.error(codes::SYNTAX_OPERATOR, message, span, "another language's operator");
        let default = if written == "||" { "; a value for what may be missing stands behind `??`" } else { "" };
        d.help.push(format!("write `{spoken}`{default}"));
        d.fixes.push(Fix { title: format!("write `{spoken}`"), edits: vec![(span, rrb.to_owned())] });
    }

    fn suffix(&mut self, base: Expr, p: &P<'i>) -> Expr {
        let at = self.span(p);
        let span = base.span.to(at);
        let base = Box::new(base);
        let kind = match p.as_rule() {
            Rule::args => {
                let args = self.args(p);
                ExprKind::Call { callee: base, args, args_span: at, modifiers: Modifiers::default() }
            }
            Rule::index => ExprKind::Index { base, index: self.boxed_in(p) },
            _ => {
                let optional = kid(p, Rule::field_dot).is_some_and(|d| d.as_str() == "?.");
                let name = self.field_name(p);
                ExprKind::Field { base, name, optional }
            }
        };
        Expr { kind, span }
    }

    pub(super) fn field_name(&mut self, p: &P<'i>) -> Ident {
        if let Some(word) = kid(p, Rule::word) {
            return self.ident(&word);
        }
        let dot = kid(p, Rule::field_dot).map_or_else(|| self.span(p), |d| self.span(&d));
        self.error(codes::SYNTAX_UNEXPECTED, "expected a name after `.`", dot, "nothing follows on this line")
            .help
            .push("write the name of a field, method or action; it stands on the same line as its `.`".into());
        Ident { name: SmolStr::default(), span: dot.after() }
    }

    pub(super) fn args(&mut self, p: &P<'i>) -> Vec<NamedArg> {
        kids(p, Rule::arg)
            .map(|a| {
                let name = kid(&a, Rule::arg_name).map(|n| self.ident_in(&n));
                NamedArg { name, value: self.expr_in(&a) }
            })
            .collect()
    }

    /// An operand without its suffixes.
    pub(super) fn atom(&mut self, p: P<'i>) -> Expr {
        let span = self.span(&p);
        let kind = match p.as_rule() {
            Rule::ident => return self.name(&p),
            Rule::of_runbook => ExprKind::Name(self.ident(&p)),
            Rule::number => self.number(p.as_str(), span),
            Rule::text => ExprKind::Text(self.text_parts(&p)),
            Rule::raw => self.raw(&p),
            Rule::k_true => ExprKind::Bool(true),
            Rule::k_false => ExprKind::Bool(false),
            Rule::k_none => ExprKind::None,
            Rule::list => ExprKind::List(self.list_items(&p)),
            Rule::record => ExprKind::Record(self.entries(&p)),
            Rule::paren => ExprKind::Paren(self.boxed_in(&p)),
            _ => return self.construct(p),
        };
        Expr { kind, span }
    }

    fn name(&mut self, p: &P<'i>) -> Expr {
        let ident = self.ident(p);
        let span = ident.span;
        let rrb = match ident.name.as_str() {
            "null" | "nil" | "undefined" => ("none", ExprKind::None),
            "True" => ("true", ExprKind::Bool(true)),
            "False" => ("false", ExprKind::Bool(false)),
            _ => return Expr { kind: ExprKind::Name(ident), span },
        };
        let d =
            self.error(codes::SYNTAX_FOREIGN, format!("rrb has no `{}`", ident.name), span, "another language's word");
        d.help.push(format!("write `{}`", rrb.0));
        d.fixes.push(Fix { title: format!("write `{}`", rrb.0), edits: vec![(span, rrb.0.to_owned())] });
        Expr { kind: rrb.1, span }
    }

    fn list_items(&mut self, p: &P<'i>) -> Vec<ListItem> {
        let items = p.into_inner();
        items
            .filter_map(|k| match k.as_rule() {
                Rule::spread => Some(ListItem::Spread(self.expr_in(&k))),
                rule if is_expr(rule) => Some(ListItem::Item(self.expr(k))),
                Rule::bad => Some(ListItem::Item(self.missing(self.span(&k)))),
                _ => None,
            })
            .collect()
    }

    fn entries(&mut self, p: &P<'i>) -> Vec<RecordEntry> {
        p.into_inner().filter_map(|k| self.entry(&k)).collect()
    }

    fn entry(&mut self, p: &P<'i>) -> Option<RecordEntry> {
        Some(match p.as_rule() {
            Rule::spread => RecordEntry::Spread(self.expr_in(p)),
            Rule::field_entry => {
                let name = kid(p, Rule::arg_name).map_or_else(|| self.ident_in(p), |n| self.ident_in(&n));
                RecordEntry::Field { name, value: self.expr_in(p) }
            }
            Rule::shorthand => RecordEntry::Shorthand(self.ident_in(p)),
            Rule::text_entry => {
                let key = kid(p, Rule::plain_text)?;
                let key_span = self.span(&key);
                let inside = key.as_str().get(1..key.as_str().len().saturating_sub(1)).unwrap_or("");
                let key = SmolStr::new(self.unescape(inside, key.start() + 1));
                RecordEntry::TextKey { key, key_span, value: self.expr_in(p) }
            }
            Rule::computed_entry => {
                let mut both = exprs(p);
                let (key, value) = (both.next()?, both.next()?);
                RecordEntry::Computed { key: self.expr(key), value: self.expr(value) }
            }
            _ => return None,
        })
    }
}
