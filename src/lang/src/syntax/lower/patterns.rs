//! Patterns.

use super::{super::ast::*, Lower, P, has, kid, numbers::is_least};
use crate::{diag::codes, span::Span, syntax::grammar::Rule};

impl<'i> Lower<'i> {
    pub(super) fn pattern_in(&mut self, p: &P<'i>) -> Pattern {
        match kid(p, Rule::pattern) {
            Some(k) => self.pattern(k),
            None => Pattern { kind: PatternKind::Missing, span: self.span(p).before() },
        }
    }

    pub(super) fn pattern(&mut self, p: P<'i>) -> Pattern {
        let span = self.span(&p);
        let pattern = self.deeper(1, span, |l| l.alternatives(p));
        pattern.unwrap_or(Pattern { kind: PatternKind::Missing, span })
    }

    fn alternatives(&mut self, p: P<'i>) -> Pattern {
        let mut name = None;
        let mut all = Vec::new();
        let whole = self.span(&p);
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::pattern_as => name = Some(self.ident_in(&k)),
                _ => all.push(self.pattern_one(k)),
            }
        }
        let span = match (all.first(), all.last()) {
            (Some(a), Some(b)) => a.span.to(b.span),
            _ => whole,
        };
        let pattern = match all.pop() {
            Some(only) if all.is_empty() => only,
            Some(last) => {
                all.push(last);
                Pattern { kind: PatternKind::Or(all), span }
            }
            None => Pattern { kind: PatternKind::Missing, span },
        };
        match name {
            Some(name) => Pattern { kind: PatternKind::As { pattern: Box::new(pattern), name }, span: whole },
            None => pattern,
        }
    }

    fn pattern_one(&mut self, p: P<'i>) -> Pattern {
        let span = self.span(&p);
        let kind = match p.as_rule() {
            Rule::pat_any => PatternKind::Any,
            Rule::k_none => PatternKind::None,
            Rule::pat_group => return self.pattern_in(&p),
            Rule::pat_literal => self.pat_literal(&p),
            Rule::pat_variant => self.pat_variant(&p),
            Rule::pat_record => self.pat_record(&p),
            Rule::pat_list => {
                let (items, rest) = self.sub_patterns(&p);
                PatternKind::List { items: items.into_iter().map(|(_, p)| p).collect(), rest }
            }
            _ => PatternKind::Missing,
        };
        Pattern { kind, span }
    }

    fn pat_literal(&mut self, p: &P<'i>) -> PatternKind {
        let mut values = Vec::new();
        let mut inclusive = false;
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::range_op => inclusive = k.as_str() == "..=",
                _ => values.push(self.pat_value(&k)),
            }
        }
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(start), Some(end)) => PatternKind::Range { start: Box::new(start), end: Box::new(end), inclusive },
            (Some(value), None) => PatternKind::Literal(Box::new(value)),
            _ => PatternKind::Missing,
        }
    }

    fn pat_value(&mut self, p: &P<'i>) -> Expr {
        let span = self.span(p);
        let Some(value) = p.into_inner().find(|k| k.as_rule() != Rule::sub_op) else {
            return self.missing(span);
        };
        if has(p, Rule::sub_op) && value.as_rule() == Rule::number && is_least(value.as_str()) {
            return Expr { kind: ExprKind::Int(i64::MIN), span };
        }
        let value = self.atom(value);
        if has(p, Rule::sub_op) {
            return Expr { kind: ExprKind::Unary { op: UnaryOp::Neg, operand: Box::new(value) }, span };
        }
        value
    }

    fn pat_variant(&mut self, p: &P<'i>) -> PatternKind {
        let path = self.path_in(p);
        if let Some(args) = kid(p, Rule::pat_args) {
            let (args, rest) = self.sub_patterns(&args);
            return PatternKind::Variant { path, args, rest };
        }
        match path.parts.as_slice() {
            [only] => PatternKind::Name(only.clone()),
            _ => PatternKind::Variant { path, args: Vec::new(), rest: false },
        }
    }

    fn sub_patterns(&mut self, p: &P<'i>) -> (Vec<(Option<Ident>, Pattern)>, bool) {
        let (mut items, mut rest) = (Vec::new(), None);
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::pat_rest => rest = Some(self.span(&k)),
                Rule::pat_named => {
                    let name = kid(&k, Rule::arg_name).map(|n| self.ident_in(&n));
                    self.after_rest(rest, self.span(&k));
                    items.push((name, self.pattern_in(&k)));
                }
                Rule::pattern => {
                    self.after_rest(rest, self.span(&k));
                    items.push((None, self.pattern(k)));
                }
                _ => {}
            }
        }
        (items, rest.is_some())
    }

    fn pat_record(&mut self, p: &P<'i>) -> PatternKind {
        let (mut fields, mut rest) = (Vec::new(), None);
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::pat_rest => rest = Some(self.span(&k)),
                Rule::pat_named => {
                    self.after_rest(rest, self.span(&k));
                    let name = kid(&k, Rule::arg_name).map_or_else(|| self.ident_in(&k), |n| self.ident_in(&n));
                    fields.push((name, Some(self.pattern_in(&k))));
                }
                Rule::shorthand => {
                    self.after_rest(rest, self.span(&k));
                    fields.push((self.ident_in(&k), None));
                }
                _ => {}
            }
        }
        PatternKind::Record { fields, rest: rest.is_some() }
    }

    /// `..` stands last.
    fn after_rest(&mut self, rest: Option<Span>, span: Span) {
        if let Some(rest) = rest {
            let d = self.error(codes::SYNTAX_PLACE, "`..` stands last in a pattern", span, "this comes after it");
            d.help.push("move `..` to the end".into());
            d.labels.push(crate::diag::Label { span: rest, text: "`..` is here".into(), primary: false });
        }
    }
}
