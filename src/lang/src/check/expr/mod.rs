//! Expressions: what each gives, with everything resolved.

mod control;
mod data;
mod durable;
mod events;
mod holes;
mod names;
mod text;
mod together;

use super::cx::Checker;
use super::scope::{bad, is_error, node};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, ExprKind};
use crate::span::Span;
use crate::syntax::ast;
use crate::types::{Ty, Type};
use crate::value::Value;

/// Nested expressions before the checker gives up: more than the parser's 128 levels need.
pub(super) const MAX_DEPTH: u32 = 600;

/// What the place of an expression does with its value.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// Nothing: a statement.
    Drop,
    /// Anything.
    Any,
    /// This type; the caller still converts.
    Ty(Ty),
}

impl Want {
    /// The expected type.
    pub fn ty(&self) -> Option<&Ty> {
        match self {
            Want::Ty(t) => Some(t),
            _ => None,
        }
    }
}

impl Checker {
    /// The expected type with aliases and the optional opened: what a literal can look at.
    pub fn hint(&self, want: &Want) -> Option<Ty> {
        let t = self.open(want.ty()?);
        Some(match &*t {
            Type::Optional(inner) => self.open(inner),
            _ => t,
        })
    }

    /// Checks an expression; what it gives is what it gives, `want` only helps literals.
    pub fn expr(&mut self, e: &ast::Expr, want: &Want) -> hir::Expr {
        if self.depth >= MAX_DEPTH {
            if !self.depth_reported {
                self.depth_reported = true;
                self.error(
                    codes::SYNTAX_NESTING,
                    e.span,
                    "the expression is too deep",
                    "too deep here",
                    "give the inner part a name",
                );
            }
            return bad(e.span);
        }
        self.depth += 1;
        let result = self.expr_kind(e, want);
        self.depth -= 1;
        self.saw_expr(e.span, &result.ty, want);
        result
    }

    /// Checks an expression and turns it into a value of `to`.
    pub fn expr_as(&mut self, e: &ast::Expr, to: &Ty, role: &str) -> hir::Expr {
        let got = self.expr(e, &Want::Ty(to.clone()));
        self.coerce(got, to, role)
    }

    /// A Text that people read; holes are allowed.
    pub fn text_expr(&mut self, e: &ast::Expr, role: &str) -> hir::Expr {
        self.expr_as(e, &ty::text(), role)
    }

    fn expr_kind(&mut self, e: &ast::Expr, want: &Want) -> hir::Expr {
        use ast::ExprKind as K;
        let span = e.span;
        match &e.kind {
            K::Missing => bad(span),
            K::Bool(_) | K::Int(_) | K::Float { .. } | K::Duration(_) | K::Size(_) | K::None => Self::literal(e),
            K::Text(parts) => self.text(parts, want, span),
            K::Tagged { tag, text, content } => self.tagged(*tag, text, *content, span),
            K::Name(name) => self.name(name, want),
            K::List(items) => self.list(items, want, span),
            K::Record(entries) => self.record_or_map(entries, want, span),
            K::Unary { op, operand } => self.unary(*op, operand, span),
            K::Binary { op, op_span, left, right } => self.binary(e, *op, *op_span, left, right, want),
            K::Is { value, negated, pattern } => self.scoped(|c| c.is(value, *negated, pattern, span)),
            K::Let { pattern, value } => self.stray_let(pattern, value, span),
            K::As { value, ty } => self.decode(value, ty, span),
            K::Field { base, name, optional } => self.field(e, base, name, *optional),
            K::Index { base, index } => self.index(base, index, span),
            K::Call { .. } => self.call(e, None, want),
            K::Do(operand) => self.do_call(operand, span, want),
            K::Lambda { params, body } => self.lambda(params, body, want, span),
            K::If { condition, then, otherwise } => self.if_expr(condition, then, otherwise.as_deref(), want, span),
            K::Match { value, arms } => self.match_expr(value, arms, want, span),
            K::Block(b) => self.block_expr(b, want),
            K::Paren(inner) => self.expr(inner, want),
            _ => self.control(e, want),
        }
    }

    /// What leaves, loops, waits or asks.
    fn control(&mut self, e: &ast::Expr, want: &Want) -> hir::Expr {
        use ast::ExprKind as K;
        let span = e.span;
        match &e.kind {
            K::Fail(message) => self.fail(message, span),
            K::Finish { outcome, why } => self.finish(outcome, why.as_deref(), span),
            K::Return(value) => self.return_expr(value.as_deref(), span),
            K::Break => self.leave_loop(ExprKind::Break, "break", span),
            K::Continue => self.leave_loop(ExprKind::Continue, "continue", span),
            K::Skip => self.skip(span),
            K::Rollback => self.rollback(span),
            K::Step { name, body } => self.step(name, body, want, span),
            K::Approve(a) => self.approve(a, want, span),
            K::Waive { reason, by, until, body } => {
                self.waive(reason, by.as_deref(), until.as_deref(), body, want, span)
            }
            K::Verify { name, within, every, settle, body } => {
                self.verify(name, [within.as_deref(), every.as_deref(), settle.as_deref()], body, span)
            }
            K::Wait(duration) => self.wait(duration, span),
            K::WaitUntil { condition, every, within } => {
                self.wait_until(condition, every.as_deref(), within.as_deref(), span)
            }
            K::WaitFor { event, within } => self.wait_for(event, within.as_deref(), span),
            K::During { body, handlers } => self.during(body, handlers, want, span),
            K::Restart => self.restart(span),
            K::RunChild { awaited, runbook, args, .. } => self.run_child(*awaited, runbook, args, span),
            K::For { pattern, items, body } => self.for_expr(pattern, items, body, want, span),
            K::FanOut(fan) => self.fan_out(fan, want, span),
            K::Together { race: true, branches } => self.race(branches, want, span),
            K::Together { race: false, branches } => self.parallel(branches, want, span),
            K::While { condition, max, body } => self.while_expr(condition, max.as_deref(), body, span),
            K::Try { body, binder, handler } => self.try_expr(body, binder.as_ref(), handler.as_ref(), want, span),
            K::Trust { effect, because, body } => self.trust(*effect, because.as_deref(), body, want, span),
            _ => bad(span),
        }
    }

    fn literal(e: &ast::Expr) -> hir::Expr {
        use ast::ExprKind as K;
        let (value, t) = match &e.kind {
            K::Bool(b) => (Value::Bool(*b), ty::boolean()),
            K::Int(i) => (Value::Int(*i), ty::int()),
            K::Float { value, .. } => (Value::Float(*value), ty::float()),
            K::Duration(ms) => (Value::Duration(*ms), ty::duration()),
            K::Size(bytes) => (Value::Size(*bytes), ty::size()),
            _ => (Value::None, ty::none()),
        };
        node(ExprKind::Literal(value), t, e.span)
    }

    /// `j as T`
    fn decode(&mut self, value: &ast::Expr, written: &ast::Type, span: Span) -> hir::Expr {
        let to = self.resolve_type(written);
        self.saw_decoded(&to);
        let got = self.expr(value, &Want::Any);
        if is_error(&got.ty) || is_error(&to) {
            return node(bad(span).kind, to, span);
        }
        if let Some(part) = self.undecodable(&to) {
            let part = self.show(&part);
            self.error(
                codes::TYPE_DECODE,
                written.span,
                format!("a `{part}` cannot be read from Json"),
                "",
                "Json holds plain values, lists, maps and records of them",
            );
            return node(bad(span).kind, ty::error(), span);
        }
        let from = self.open(&got.ty);
        let json = match &*from {
            Type::Json => got,
            Type::None => self.convert(got, &ty::json(), super::fit::Fit::Json),
            Type::Optional(t) if matches!(*self.open(t), Type::Json) => {
                self.convert(got, &ty::json(), super::fit::Fit::Json)
            }
            _ => {
                let (a, b) = (self.show(&got.ty), self.show(&to));
                let d = Diagnostic::error(
                    codes::TYPE_DECODE,
                    format!("`as` reads Json, and this is `{a}`"),
                    got.span,
                    format!("this is `{a}`"),
                )
                .help(
                    self.conversion(&from, &to)
                        .unwrap_or_else(|| format!("leave `as {b}` out, or convert with a method")),
                );
                self.report(d);
                return node(bad(span).kind, to, span);
            }
        };
        node(ExprKind::Decode(Box::new(json)), to, span)
    }

    /// The method that converts between two plain types.
    fn conversion(&self, from: &Ty, to: &Ty) -> Option<String> {
        let to = match &*self.open(to) {
            Type::Optional(t) => self.open(t),
            _ => self.open(to),
        };
        Some(match (&**from, &*to) {
            (a, b) if a == b => "it has that type already; leave `as` out".into(),
            (Type::Text, Type::Int) => "use `.to_int()`".into(),
            (Type::Text, Type::Float) | (Type::Int, Type::Float) => "use `.to_float()`".into(),
            (Type::Text, Type::Bool) => "use `.to_bool()`".into(),
            (Type::Text, Type::Duration) => "use `.to_duration()`".into(),
            (Type::Text, Type::Size) => "use `.to_size()`".into(),
            (Type::Text, Type::Time) => "use `.to_time()`".into(),
            (Type::Text, Type::Url) => "use `.to_url()`".into(),
            (Type::Text, Type::Ip) => "use `.to_ip()`".into(),
            (Type::Text, Type::Cidr) => "use `.to_cidr()`".into(),
            (Type::Float, Type::Int) => "use `.round().to_int()`, `.floor()` or `.ceil()`".into(),
            (Type::Int, Type::Duration) => "use `.seconds()`, `.minutes()` …".into(),
            (Type::Int | Type::Float, Type::Size) => "use `.bytes()`".into(),
            (_, Type::Text) => "put it into a text: `\"${…}\"`, or use `.to_text()`".into(),
            (_, Type::Json) => "every plain value fits where Json is expected; leave `as` out".into(),
            _ => return None,
        })
    }

    fn stray_let(&mut self, pattern: &ast::Pattern, value: &ast::Expr, span: Span) -> hir::Expr {
        self.error(
            codes::PLACE_WRONG,
            span,
            "`let` inside an expression stands only in the condition of `if` and `while`",
            "",
            "write `if let v = x and v > 3 { … }`",
        );
        let _ = (pattern, self.expr(value, &Want::Any));
        bad(span)
    }

    /// A condition whose bindings stay in the current scope.
    pub fn condition(&mut self, e: &ast::Expr) -> hir::Expr {
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.condition(inner),
            ast::ExprKind::Binary { op: ast::BinaryOp::And, left, right, .. } => {
                if self.depth >= MAX_DEPTH {
                    return self.expr(e, &Want::Any);
                }
                self.depth += 1;
                let left = self.condition(left);
                let right = self.condition(right);
                self.depth -= 1;
                node(ExprKind::And(Box::new(left), Box::new(right)), ty::boolean(), e.span)
            }
            ast::ExprKind::Is { value, negated, pattern } => self.is(value, *negated, pattern, e.span),
            ast::ExprKind::Let { pattern, value } => self.let_condition(pattern, value, e.span),
            _ => self.expr_as(e, &ty::boolean(), "a condition"),
        }
    }

    fn let_condition(&mut self, pattern: &ast::Pattern, value: &ast::Expr, span: Span) -> hir::Expr {
        let value = self.expr(value, &Want::Any);
        let t = value.ty.clone();
        let found = self.open(&t);
        let pattern_span = pattern.span;
        let opens = matches!(*found, Type::Optional(_) | Type::Json | Type::None | Type::Error);
        let pattern = self.pattern(pattern, &t);
        let pattern = match (&*found, pattern) {
            // Json null counts as absent.
            (Type::Json, p @ hir::Pattern::Bind(_)) => hir::Pattern::Present(Box::new(p)),
            (_, p) => p,
        };
        if !opens && self.irrefutable(&pattern, &t) {
            let shown = self.show(&t);
            let d = Diagnostic::error(
                codes::TYPE_REFUTABLE,
                format!("`if let` opens a value that may be missing, and this is `{shown}`"),
                pattern_span,
                "always matches",
            )
            .help("use a plain `let` before the `if`");
            self.report(d);
        } else if matches!(pattern, hir::Pattern::Any) && matches!(*found, Type::Optional(_) | Type::Json) {
            let d = Diagnostic::error(
                codes::TYPE_REFUTABLE,
                "`_` opens nothing: it fits a value that is missing, too",
                pattern_span,
                "always matches",
            )
            .help("to ask whether the value is there, write `… is not none`; to open it, give it a name");
            self.report(d);
        }
        node(ExprKind::Let { pattern, value: Box::new(value) }, ty::boolean(), span)
    }

    fn is(&mut self, value: &ast::Expr, negated: bool, pattern: &ast::Pattern, span: Span) -> hir::Expr {
        let value = self.expr(value, &Want::Any);
        let t = value.ty.clone();
        let pattern = if negated {
            let before = self.frame().map_or(0, |f| f.locals.len());
            let p = self.scoped(|c| c.pattern(pattern, &t));
            let bound = self.frame().map_or(0, |f| f.locals.len()) > before;
            if bound {
                self.error(
                    codes::TYPE_PATTERN,
                    pattern.span,
                    "`is not` binds no names",
                    "",
                    "when the pattern does not match there is nothing to bind; use `_`",
                );
            }
            p
        } else {
            self.pattern(pattern, &t)
        };
        let is = node(ExprKind::Is { value: Box::new(value), pattern }, ty::boolean(), span);
        if negated {
            return node(ExprKind::Unary { op: ast::UnaryOp::Not, operand: Box::new(is) }, ty::boolean(), span);
        }
        is
    }

    /// `x => e`
    fn lambda(&mut self, params: &[ast::Ident], body: &ast::Expr, want: &Want, span: Span) -> hir::Expr {
        let expected = self.hint(want);
        let (types, ret, limit) = match expected.as_deref() {
            Some(Type::Function { params, ret, effect }) => (params.clone(), Some(ret.clone()), Some(*effect)),
            _ => (Vec::new(), None, None),
        };
        if limit.is_none() && !params.is_empty() && !expected.as_ref().is_some_and(is_error) {
            self.error(codes::TYPE_INFER, span, "what this function takes is not known here", "", "hand it to a method such as `.map(…)`, or give the variable a type: `let f: (Int) => Int = x => x + 1`");
        } else if limit.is_some() && types.len() != params.len() {
            let n = types.len();
            let plural = if n == 1 { "" } else { "s" };
            self.error(
                codes::TYPE_ARGUMENTS,
                span,
                format!("this function is called with {n} argument{plural}, and takes {}", params.len()),
                "",
                format!("write {}", lambda_head(n)),
            );
        }
        self.push_frame(super::scope::FrameKind::Lambda);
        for (i, p) in params.iter().enumerate() {
            let t = types.get(i).cloned().unwrap_or_else(ty::error);
            let id = self.declare(p, t, false);
            if let Some(warn) = self.frames.last_mut().and_then(|f| f.warn.get_mut(id.0 as usize)) {
                *warn = false;
            }
        }
        let want = match &ret {
            Some(t) if !is_error(t) => Want::Ty(t.clone()),
            _ => Want::Any,
        };
        let mut body = match (&body.kind, &want) {
            (ast::ExprKind::Block(b), w) => self.block_expr(b, w),
            (_, w) => self.expr(body, w),
        };
        if let Want::Ty(t) = &want {
            body = self.coerce(body, t, "the result of the function");
        }
        let result = body.ty.clone();
        let made = super::scope::Made::plain("function", params.len(), result.clone(), span);
        let closed = self.close_frame(made, body);
        let t = ty::of(Type::Function {
            params: (0..params.len()).map(|i| types.get(i).cloned().unwrap_or_else(ty::error)).collect(),
            ret: result,
            effect: closed.effect,
        });
        node(ExprKind::Closure { function: closed.function, captures: closed.captures }, t, span)
    }
}

/// How a function begins that takes so many arguments.
fn lambda_head(arguments: usize) -> &'static str {
    match arguments {
        0 => "`() => …`",
        1 => "`x => …`",
        2 => "`(a, b) => …`",
        _ => "`(a, b, c) => …`",
    }
}
