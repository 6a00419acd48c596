//! Operators: arithmetic with units, comparison, membership, ranges, and `??`.

use super::cx::Checker;
use super::expr::Want;
use super::fit::Fit;
use super::scope::{bad, is_error, node};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ExprKind};
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, UnaryOp};
use crate::types::{Ty, Type};
use crate::value::Value;

fn is_comparison(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge)
}

impl Checker {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &ast::Expr, span: Span) -> hir::Expr {
        if op == UnaryOp::Not {
            let e = self.expr_as(operand, &ty::boolean(), "`not`");
            return node(ExprKind::Unary { op, operand: Box::new(e) }, ty::boolean(), span);
        }
        let e = self.expr(operand, &Want::Any);
        if is_error(&e.ty) {
            return bad(span);
        }
        match &*self.open(&e.ty) {
            Type::Int | Type::Float | Type::Duration => {
                let t = e.ty.clone();
                if let ExprKind::Literal(v) = &e.kind {
                    let negated = match v {
                        Value::Int(i) => i.checked_neg().map(Value::Int),
                        Value::Float(f) => Some(Value::Float(-f)),
                        Value::Duration(d) => d.checked_neg().map(Value::Duration),
                        _ => None,
                    };
                    if let Some(v) = negated {
                        return node(ExprKind::Literal(v), t, span);
                    }
                }
                node(ExprKind::Unary { op, operand: Box::new(e) }, t, span)
            }
            Type::Optional(_) | Type::None => self.unopened(&e, "a negative value", None, span),
            _ => {
                let shown = self.show(&e.ty);
                self.error(
                    codes::TYPE_UNITS,
                    e.span,
                    format!("a `{shown}` has no negative"),
                    format!("this is `{shown}`"),
                    "only numbers and durations have a sign",
                );
                bad(span)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        e: &ast::Expr,
        op: BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        want: &Want,
    ) -> hir::Expr {
        let span = e.span;
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, left, right, span),
            BinaryOp::Coalesce => self.coalesce(left, right, want, span),
            BinaryOp::In | BinaryOp::NotIn => self.membership(op == BinaryOp::NotIn, left, right, span),
            BinaryOp::Matches => self.matches(left, right, span),
            _ if is_comparison(op) => self.comparison(op, left, right, span),
            BinaryOp::Range | BinaryOp::RangeInclusive => self.range(op, left, right, span),
            _ => {
                let l = self.expr(left, &Want::Any);
                let r = self.expr(right, &Want::Any);
                self.arithmetic(op, l, r, op_span, span)
            }
        }
    }

    fn logic(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> hir::Expr {
        let (name, b) = (if op == BinaryOp::And { "`and`" } else { "`or`" }, ty::boolean());
        // What `is` binds on the left of `and` is there on its right.
        self.push_scope();
        let l = self.expr_flow(left, name, &b);
        if is_error(&l.ty) {
            // Whatever was meant, it was not a condition: the right side is one of something else.
            self.expr(right, &Want::Any);
            self.pop_scope();
            return node(bad(span).kind, ty::error(), span);
        }
        if op == BinaryOp::Or {
            self.pop_scope();
            self.push_scope();
        }
        let r = self.expr_flow(right, name, &b);
        self.pop_scope();
        if is_error(&r.ty) {
            return node(bad(span).kind, ty::error(), span);
        }
        let (l, r) = (Box::new(l), Box::new(r));
        node(if op == BinaryOp::And { ExprKind::And(l, r) } else { ExprKind::Or(l, r) }, b, span)
    }

    fn expr_flow(&mut self, e: &ast::Expr, name: &str, b: &Ty) -> hir::Expr {
        match &e.kind {
            ast::ExprKind::Is { .. } => self.condition(e),
            _ => self.expr_as(e, b, name),
        }
    }

    fn coalesce(&mut self, left: &ast::Expr, right: &ast::Expr, want: &Want, span: Span) -> hir::Expr {
        let wanted = want.ty().map(|t| Want::Ty(ty::optional(t.clone()))).unwrap_or(Want::Any);
        let l = self.expr(left, &wanted);
        if is_error(&l.ty) {
            self.expr(right, want);
            return node(bad(span).kind, ty::error(), span);
        }
        let inner = match &*self.open(&l.ty) {
            Type::Optional(t) => t.clone(),
            Type::Json => ty::json(),
            Type::None => ty::never(),
            _ => {
                let shown = self.show(&l.ty);
                self.report(
                    Diagnostic::warning(
                        codes::TYPE_NEVER_MISSING,
                        "the left side of `??` is never missing",
                        l.span,
                        format!("this is `{shown}`"),
                    )
                    .help("leave `??` and what follows it out"),
                );
                l.ty.clone()
            }
        };
        // Where an optional is wanted, the right side may be one too.
        let optional = want.ty().is_some_and(|t| matches!(*self.open(t), Type::Optional(_)));
        let r_want = if optional || matches!(*inner, Type::Never) { want.clone() } else { Want::Ty(inner.clone()) };
        let r = self.expr(right, &r_want);
        if matches!(*r.ty, Type::Never) {
            return node(ExprKind::Coalesce(Box::new(l), Box::new(r)), inner, span);
        }
        let Some(joined) = self.join(&inner, &r.ty) else {
            if matches!(*r.ty, Type::Nothing) || is_error(&r.ty) {
                return bad(span);
            }
            let d = self.mismatch(&r, &inner, "the right side of `??`");
            self.report(d.label(l.span, "the left side"));
            return bad(span);
        };
        let l_to = if matches!(*self.open(&l.ty), Type::Json) { l.ty.clone() } else { ty::optional(joined.clone()) };
        let fit = self.fit(&l.ty, &l_to).unwrap_or(Fit::Same);
        let l = if fit == Fit::Same { l } else { self.convert(l, &l_to, fit) };
        let fit = self.fit(&r.ty, &joined).unwrap_or(Fit::Same);
        let r = self.convert(r, &joined, fit);
        node(ExprKind::Coalesce(Box::new(l), Box::new(r)), joined, span)
    }

    /// The right side of a comparison resolves bare variants by the left side's type.
    fn sides(&mut self, left: &ast::Expr, right: &ast::Expr) -> (hir::Expr, hir::Expr) {
        let l = self.expr(left, &Want::Any);
        let want = if is_error(&l.ty) { Want::Any } else { Want::Ty(l.ty.clone()) };
        if is_error(&l.ty) && matches!(right.kind, ast::ExprKind::Name(_)) {
            return (l, bad(right.span));
        }
        let r = self.expr(right, &want);
        (l, r)
    }

    fn comparison(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> hir::Expr {
        if let ast::ExprKind::Binary { op: inner, .. } = &left.kind
            && is_comparison(*inner)
        {
            self.error(
                codes::TYPE_COMPARE,
                span,
                "comparisons do not chain",
                "",
                "join two of them: `a < b and b < c`",
            );
            return node(bad(span).kind, ty::boolean(), span);
        }
        let (l, r) = self.sides(left, right);
        let whole = |l: hir::Expr, r: hir::Expr| {
            node(ExprKind::Binary { op, left: Box::new(l), right: Box::new(r) }, ty::boolean(), span)
        };
        if is_error(&l.ty) || is_error(&r.ty) {
            return whole(l, r);
        }
        if self.no_secret(&l) || self.no_secret(&r) {
            return whole(bad(l.span), bad(r.span));
        }
        let equality = matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        for side in [&l, &r] {
            let opened = self.open(&side.ty);
            let shown = self.show(&side.ty);
            match &*opened {
                Type::Function { .. } => {
                    self.error(
                        codes::TYPE_COMPARE,
                        side.span,
                        "functions cannot be compared",
                        format!("this is `{shown}`"),
                        "call it: put `(…)` behind its name",
                    );
                    return whole(bad(span), bad(span));
                }
                Type::Optional(_) | Type::None if !equality => {
                    let side = side.clone();
                    self.unopened(&side, op.symbol(), None, span);
                    return whole(bad(span), bad(span));
                }
                Type::Json if !equality => {
                    let other = if std::ptr::eq(side, &l) { &r } else { &l };
                    let t = self.show(&other.ty);
                    let t = if t == "Json" { "Float".to_owned() } else { t };
                    self.error(
                        codes::TYPE_COMPARE,
                        side.span,
                        "Json has no order",
                        "this is `Json`",
                        format!("convert it: `(… as {t}) {} …`", op.symbol()),
                    );
                    return whole(bad(span), bad(span));
                }
                _ => {}
            }
        }
        let Some(common) = self.comparable(&l, &r) else {
            self.incomparable(op, &l, &r, span);
            return whole(bad(l.span), bad(r.span));
        };
        if !equality && !self.ordered(&common) {
            let shown = self.show(&common);
            self.error(
                codes::TYPE_COMPARE,
                span,
                format!("`{shown}` has no order"),
                "",
                "numbers, texts, durations, sizes, times and enums without payload have",
            );
            return whole(bad(l.span), bad(r.span));
        }
        let fit = self.fit(&l.ty, &common).unwrap_or(Fit::Same);
        let l = self.convert(l, &common, fit);
        let fit = self.fit(&r.ty, &common).unwrap_or(Fit::Same);
        let r = self.convert(r, &common, fit);
        whole(l, r)
    }

    /// The type in which two values are compared: one fits the other's, as it is or widened.
    fn comparable(&self, l: &hir::Expr, r: &hir::Expr) -> Option<Ty> {
        if matches!((&*l.ty, &*r.ty), (Type::Nothing, _) | (_, Type::Nothing)) {
            return None;
        }
        if matches!(*l.ty, Type::None) && matches!(*r.ty, Type::None) {
            return None;
        }
        // Comparing with `none` asks whether something is there; what never is missing is compared in vain.
        for (a, b) in [(l, r), (r, l)] {
            if matches!(*a.ty, Type::None) && !matches!(*self.open(&b.ty), Type::Optional(_) | Type::Json) {
                return None;
            }
        }
        self.join(&l.ty, &r.ty)
    }

    fn incomparable(&mut self, op: BinaryOp, l: &hir::Expr, r: &hir::Expr, span: Span) {
        let (a, b) = (self.show(&l.ty), self.show(&r.ty));
        let mut d = Diagnostic::error(
            codes::TYPE_COMPARE,
            format!("`{a}` and `{b}` cannot be compared"),
            span,
            "never equal, never in order",
        )
        .label(l.span, format!("this is `{a}`"))
        .label(r.span, format!("this is `{b}`"));
        let pair = [self.open(&l.ty), self.open(&r.ty)];
        let has = |k: fn(&Type) -> bool| pair.iter().any(|t| k(t));
        let number = has(|t| matches!(t, Type::Int | Type::Float));
        d = if matches!(*r.ty, Type::None) || matches!(*l.ty, Type::None) {
            d.help(format!("this is never `none`; leave `{} none` out", op.symbol()))
        } else if number && has(|t| matches!(t, Type::Duration)) {
            d.help("give the number a unit: `30s`, `5m`, `2h`")
        } else if number && has(|t| matches!(t, Type::Size)) {
            d.help("give the number a unit: `512KB`, `10MiB`")
        } else if number && has(|t| matches!(t, Type::Text)) {
            d.help("convert the text with `.to_int()` or `.to_float()`, or write the number as a text")
        } else if let Some(e) = pair.iter().find(|t| self.enum_of(t).is_some() && has(|t| matches!(t, Type::Text))) {
            let variants = self.list_variants(e);
            d.help(format!("write the variant without quotes: {variants}"))
        } else {
            d.help("only values of one type can be compared")
        };
        self.report(d);
    }

    fn no_secret(&mut self, e: &hir::Expr) -> bool {
        let secret = self.unjsonable(&e.ty).is_some_and(|t| matches!(*t, Type::Secret));
        if secret {
            self.error(
                codes::TYPE_SECRET,
                e.span,
                "a Secret cannot be compared",
                "this is a Secret",
                "comparing would tell something of its value; signature checks belong to an event's `verify`",
            );
        }
        secret
    }

    /// Whether values of this type have an order.
    pub fn ordered(&self, t: &Ty) -> bool {
        let t = self.open(t);
        match &*t {
            Type::Int | Type::Float | Type::Text | Type::Duration | Type::Size | Type::Time | Type::Bool => true,
            Type::Error | Type::Never => true,
            _ => self
                .enum_of(&t)
                .and_then(|(id, _)| self.variants(id))
                .is_some_and(|v| v.iter().all(|v| v.payload.is_empty())),
        }
    }

    fn membership(&mut self, negated: bool, left: &ast::Expr, right: &ast::Expr, span: Span) -> hir::Expr {
        let op = if negated { BinaryOp::NotIn } else { BinaryOp::In };
        let l = self.expr(left, &Want::Any);
        let hint = match &right.kind {
            ast::ExprKind::List(_) if !is_error(&l.ty) => {
                let item = match &*self.open(&l.ty) {
                    Type::Optional(t) => t.clone(),
                    _ => l.ty.clone(),
                };
                self.enum_of(&item).map(|_| Want::Ty(ty::list(item)))
            }
            _ => None,
        };
        let r = self.expr(right, &hint.unwrap_or(Want::Any));
        let whole = |l, r| node(ExprKind::Binary { op, left: Box::new(l), right: Box::new(r) }, ty::boolean(), span);
        if is_error(&l.ty) || is_error(&r.ty) {
            return whole(l, r);
        }
        if self.no_secret(&l) {
            return whole(bad(span), bad(span));
        }
        let opened = self.open(&r.ty);
        let item = match &*opened {
            Type::List(t) | Type::Set(t) | Type::Range(t) | Type::Map(t, _) => t.clone(),
            Type::Cidr if matches!(*self.open(&l.ty), Type::Cidr) => ty::cidr(),
            Type::Cidr => ty::ip(),
            Type::Optional(_) | Type::None => return self.unopened(&r, op.symbol(), None, span),
            Type::Text => {
                self.error(
                    codes::TYPE_COMPARE,
                    r.span,
                    "`in` does not look into a text",
                    "this is `Text`",
                    "write `text.contains(part)`",
                );
                return whole(bad(l.span), bad(r.span));
            }
            Type::Json => {
                self.error(
                    codes::TYPE_COMPARE,
                    r.span,
                    "`in` does not look into Json as it is",
                    "this is `Json`",
                    "convert it: `x in (j as List<Text>)`; for the members of an object: `j.contains(name)`",
                );
                return whole(bad(l.span), bad(r.span));
            }
            _ => {
                let shown = self.show(&r.ty);
                self.error(
                    codes::TYPE_COMPARE,
                    r.span,
                    format!("nothing is `in` a `{shown}`"),
                    format!("this is `{shown}`"),
                    "`in` works on List, Set, Map keys, ranges and Cidr",
                );
                return whole(bad(l.span), bad(r.span));
            }
        };
        let range = matches!(*opened, Type::Range(_));
        if range && matches!(*self.open(&l.ty), Type::Optional(_) | Type::None) {
            return self.unopened(&l, op.symbol(), None, span);
        }
        let Some(common) = self.join(&l.ty, &item) else {
            let (a, b) = (self.show(&l.ty), self.show(&r.ty));
            let d = Diagnostic::error(
                codes::TYPE_COMPARE,
                format!("a `{a}` is never in a `{b}`"),
                l.span,
                format!("this is `{a}`"),
            )
            .label(r.span, format!("this is `{b}`"));
            let d = match (&*self.open(&l.ty), &*opened) {
                (Type::Text, Type::Cidr) => d.help("convert the text with `.to_ip()`, which gives an `Ip?`"),
                _ => {
                    let item = self.show(&item);
                    d.help(format!("it holds `{item}`: convert what is looked for, or look elsewhere"))
                }
            };
            self.report(d);
            return whole(bad(l.span), bad(r.span));
        };
        let fit = self.fit(&l.ty, &common).unwrap_or(Fit::Same);
        let l = self.convert(l, &common, fit);
        let to = match &*opened {
            Type::List(_) => ty::list(common),
            Type::Set(_) => ty::of(Type::Set(common)),
            Type::Range(_) => ty::of(Type::Range(common)),
            Type::Map(_, v) => ty::map(common, v.clone()),
            _ => r.ty.clone(),
        };
        let r = match self.fit(&r.ty, &to) {
            Some(Fit::Same) | None => r,
            Some(fit) => self.convert(r, &to, fit),
        };
        whole(l, r)
    }

    fn matches(&mut self, left: &ast::Expr, right: &ast::Expr, span: Span) -> hir::Expr {
        let l = self.expr_as(left, &ty::text(), "the left side of `matches`");
        let r = self.expr(right, &Want::Any);
        let r = if matches!(*self.open(&r.ty), Type::Text) {
            let d = Diagnostic::error(
                codes::TYPE_MISMATCH,
                "`matches` takes a regular expression",
                r.span,
                "this is `Text`",
            )
            .help("put `re` before the quotes: `re\"…\"`");
            let d = if matches!(right.kind, ast::ExprKind::Text(_)) {
                d.fix("make it a regular expression", vec![(right.span.before(), "re".into())])
            } else {
                d
            };
            self.report(d);
            bad(r.span)
        } else {
            self.coerce(r, &ty::regex(), "the right side of `matches`")
        };
        node(ExprKind::Binary { op: BinaryOp::Matches, left: Box::new(l), right: Box::new(r) }, ty::boolean(), span)
    }

    fn range(&mut self, op: BinaryOp, left: &ast::Expr, right: &ast::Expr, span: Span) -> hir::Expr {
        let (l, r) = self.sides(left, right);
        if is_error(&l.ty) || is_error(&r.ty) {
            return bad(span);
        }
        let common = self.join(&l.ty, &r.ty);
        let ok = common
            .filter(|t| matches!(*self.open(t), Type::Int | Type::Float | Type::Duration | Type::Size | Type::Time));
        let Some(t) = ok else {
            let (a, b) = (self.show(&l.ty), self.show(&r.ty));
            self.error(
                codes::TYPE_UNITS,
                span,
                format!("there is no range from `{a}` to `{b}`"),
                "",
                "both ends are of one type: Int, Float, Duration, Size or Time",
            );
            return bad(span);
        };
        let (l, r) = (self.coerce(l, &t, "a range"), self.coerce(r, &t, "a range"));
        node(ExprKind::Binary { op, left: Box::new(l), right: Box::new(r) }, ty::of(Type::Range(t)), span)
    }

    /// `+ - * / mod` on checked operands.
    pub fn arithmetic(&mut self, op: BinaryOp, l: hir::Expr, r: hir::Expr, op_span: Span, span: Span) -> hir::Expr {
        if is_error(&l.ty) || is_error(&r.ty) {
            return bad(span);
        }
        for side in [&l, &r] {
            if matches!(*self.open(&side.ty), Type::Optional(_) | Type::None) {
                let side = side.clone();
                return self.unopened(&side, op.symbol(), None, span);
            }
        }
        let (a, b) = (self.open(&l.ty), self.open(&r.ty));
        if op == BinaryOp::Add && matches!(*a, Type::List(_)) {
            return self.concat(l, r, span);
        }
        let Some((result, widen)) = arithmetic_type(op, &a, &b) else {
            self.no_arithmetic(op, &l, &r, op_span, span);
            return bad(span);
        };
        let (l, r) = if widen {
            (self.coerce(l, &ty::float(), "a number"), self.coerce(r, &ty::float(), "a number"))
        } else {
            (l, r)
        };
        node(ExprKind::Binary { op, left: Box::new(l), right: Box::new(r) }, result, span)
    }

    /// `xs + ys` is the list of both.
    fn concat(&mut self, l: hir::Expr, r: hir::Expr, span: Span) -> hir::Expr {
        let joined = match &*self.open(&r.ty) {
            Type::List(_) => self.join(&l.ty, &r.ty),
            _ => None,
        };
        let Some(t) = joined else {
            let (a, b) = (self.show(&l.ty), self.show(&r.ty));
            self.error(
                codes::TYPE_UNITS,
                r.span,
                format!("a `{b}` cannot be added to a `{a}`"),
                format!("this is `{b}`"),
                "add a list: `xs + [x]`",
            );
            return bad(span);
        };
        let parts = [l, r].map(|e| {
            let fit = self.fit(&e.ty, &t).unwrap_or(Fit::Same);
            (true, self.convert(e, &t, fit))
        });
        node(ExprKind::List(parts.into()), t, span)
    }

    fn no_arithmetic(&mut self, op: BinaryOp, l: &hir::Expr, r: &hir::Expr, op_span: Span, span: Span) {
        let (a, b) = (self.show(&l.ty), self.show(&r.ty));
        let mut d = Diagnostic::error(
            codes::TYPE_UNITS,
            format!("`{a} {} {b}` means nothing", op.symbol()),
            op_span,
            if a == b { "not with two of these" } else { "of different kinds" },
        )
        .label(l.span, format!("this is `{a}`"))
        .label(r.span, format!("this is `{b}`"));
        let (x, y) = (self.open(&l.ty), self.open(&r.ty));
        let has = |k: fn(&Type) -> bool| k(&x) || k(&y);
        let number = has(|t| matches!(t, Type::Int | Type::Float));
        d = if has(|t| matches!(t, Type::Secret)) {
            d.help("a Secret is a handle: use `.prefixed(…)` or `.suffixed(…)`")
        } else if op == BinaryOp::Add && has(|t| matches!(t, Type::Text)) {
            let whole =
                format!("\"{}{}\"", hole(&l.kind, self.sources.text(l.span)), hole(&r.kind, self.sources.text(r.span)));
            d.help(format!("put both into a text: `{whole}`")).fix("write one text", vec![(span, whole)])
        } else if has(|t| matches!(t, Type::Json)) {
            d.help("convert Json first: `(… as Int)`")
        } else if number && has(|t| matches!(t, Type::Duration)) && matches!(op, BinaryOp::Add | BinaryOp::Sub) {
            d.help("give the number a unit: `3s`, `3m`, `3h`")
        } else if number && has(|t| matches!(t, Type::Size)) && matches!(op, BinaryOp::Add | BinaryOp::Sub) {
            d.help("give the number a unit: `3KB`, `3MiB`")
        } else if number && has(|t| matches!(t, Type::Time)) {
            d.help("a time moves by a duration: `t + 5m`")
        } else if matches!((&*x, &*y), (Type::Time, Type::Time)) {
            d.help("the time between two times is `later - earlier`, a Duration")
        } else if has(|t| matches!(t, Type::Bool)) {
            d.help("conditions are joined with `and` and `or`, and counted with `if`")
        } else if op == BinaryOp::Mul && matches!((&*x, &*y), (Type::Text | Type::List(_), Type::Int)) {
            d.help("to repeat it, write `.repeat(n)`")
        } else if number && has(|t| matches!(t, Type::Text)) {
            d.help("convert the text with `.to_int()` or `.to_float()`; texts themselves are joined by holes")
        } else if matches!((&*x, &*y), (Type::Map(..), _)) {
            d.help("to join maps, write `a.merge(b)`")
        } else {
            d.help(
                "units go together as they do on paper: durations with durations, sizes with sizes, numbers as factors",
            )
        };
        self.report(d);
    }
}

/// A side of `a + b` as part of a text.
fn hole(kind: &ExprKind, source: &str) -> String {
    match kind {
        ExprKind::Literal(Value::Text(_)) | ExprKind::Text(_) => source
            .strip_prefix('"')
            .and_then(|s| s.strip_suffix('"'))
            .map_or_else(|| format!("${{{source}}}"), str::to_owned),
        _ => format!("${{{source}}}"),
    }
}

/// The type of an arithmetic expression, and whether both sides become Float.
fn arithmetic_type(op: BinaryOp, a: &Type, b: &Type) -> Option<(Ty, bool)> {
    use BinaryOp::{Add, Div, Mod, Mul, Sub};
    use Type::{Duration, Float, Int, Size, Time};
    Some(match (op, a, b) {
        (Div, Int, Int) => (ty::float(), false),
        (Add | Sub | Mul | Mod, Int, Int) => (ty::int(), false),
        (Add | Sub | Mul | Div | Mod, Int | Float, Int | Float) => (ty::float(), true),
        (Add | Sub | Mod, Duration, Duration) | (Mul | Div, Duration, Int | Float) | (Mul, Int | Float, Duration) => {
            (ty::duration(), false)
        }
        (Add | Sub | Mod, Size, Size) | (Mul | Div, Size, Int | Float) | (Mul, Int | Float, Size) => {
            (ty::size(), false)
        }
        (Div, Duration, Duration) | (Div, Size, Size) => (ty::float(), false),
        (Sub, Time, Time) => (ty::duration(), false),
        (Add | Sub, Time, Duration) | (Add, Duration, Time) => (ty::time(), false),
        _ => return None,
    })
}
