//! Statements, and the expressions that begin with a keyword.

use super::{super::ast::*, Lower, P, clauses, exprs, has, kid, kids};
use crate::{
    diag::{Fix, codes},
    span::Span,
    syntax::{grammar::Rule, habits},
};

impl<'i> Lower<'i> {
    pub(super) fn stmt(&mut self, p: P<'i>) -> Option<Stmt> {
        let span = self.span(&p);
        let kind = match p.as_rule() {
            Rule::let_stmt => {
                let (pattern, ty) = (self.pattern_in(&p), self.type_note(&p));
                StmtKind::Let { pattern, ty, value: self.expr_in(&p) }
            }
            Rule::var_stmt => {
                let ty = self.type_note(&p);
                StmtKind::Var { name: self.ident_in(&p), ty, value: self.expr_in(&p) }
            }
            Rule::evidence_stmt => {
                let mut both = exprs(&p);
                let (name, value) = (both.next()?, both.next()?);
                StmtKind::Evidence { name: self.expr(name), value: self.expr(value) }
            }
            Rule::log_stmt => StmtKind::Log(self.expr_in(&p)),
            Rule::most_stmt => self.at_most(&p)?,
            Rule::block_stmt => {
                let block = self.block_in(&p);
                StmtKind::Expr(Expr { kind: ExprKind::Block(block), span })
            }
            Rule::expr_stmt => self.expr_stmt(&p)?,
            Rule::semicolon => {
                self.semicolon(&p);
                return None;
            }
            Rule::bad => StmtKind::Bad,
            _ => return None,
        };
        Some(Stmt { kind, span })
    }

    fn expr_stmt(&mut self, p: &P<'i>) -> Option<StmtKind> {
        let mut both = exprs(p);
        let target = self.expr(both.next()?);
        let Some(value) = both.next() else {
            // A place that could not be read is a statement that could not be read.
            let bad = matches!(target.kind, ExprKind::Missing) && p.as_str().starts_with('\u{1}');
            return Some(if bad { StmtKind::Bad } else { StmtKind::Expr(target) });
        };
        let assigns = kid(p, Rule::assign_op);
        let op = match assigns.as_ref().map(P::as_str) {
            Some("+=") => AssignOp::Add,
            Some("-=") => AssignOp::Sub,
            _ => AssignOp::Set,
        };
        let done = matches!(target.kind, ExprKind::Call { .. } | ExprKind::WaitFor { .. });
        if let (Some(assigns), AssignOp::Set, true) = (assigns, op, done) {
            let right = self.expr(value);
            return Some(StmtKind::Expr(self.meant_to_compare(target, self.span(&assigns), right)));
        }
        Some(StmtKind::Assign { target, op, value: self.expr(value) })
    }

    /// `f(x) = y`, `wait for A as a where a.name = y`: what stands before the `=` is no place.
    fn meant_to_compare(&mut self, left: Expr, at: Span, right: Expr) -> Expr {
        self.diagnostics.push(habits::comparison(at, "no variable stands before it"));
        let span = left.span.to(right.span);
        if !matches!(left.kind, ExprKind::Call { .. }) {
            return self.missing(span);
        }
        let (left, right) = (Box::new(left), Box::new(right));
        Expr { kind: ExprKind::Binary { op: BinaryOp::Eq, op_span: at, left, right }, span }
    }

    /// An expression that begins with a keyword.
    pub(super) fn construct(&mut self, p: P<'i>) -> Expr {
        let span = self.span(&p);
        let kind = match p.as_rule() {
            Rule::do_expr => return self.do_expr(&p),
            Rule::if_expr => return self.if_expr(&p),
            Rule::match_expr => self.match_expr(&p),
            Rule::fail_expr => ExprKind::Fail(self.boxed_in(&p)),
            Rule::finish_expr => {
                let why = self.try_expr_in(&p).map(Box::new);
                ExprKind::Finish { outcome: self.ident_in(&p), why }
            }
            Rule::return_expr => ExprKind::Return(self.try_expr_in(&p).map(Box::new)),
            Rule::k_break => ExprKind::Break,
            Rule::k_continue => ExprKind::Continue,
            Rule::k_skip => ExprKind::Skip,
            Rule::c_rollback => ExprKind::Rollback,
            Rule::step_expr => ExprKind::Step { name: self.boxed_in(&p), body: self.block_in(&p) },
            Rule::approve_expr => self.approve(&p),
            Rule::waive_expr => self.waive(&p),
            Rule::verify_expr => self.verify(&p),
            Rule::wait_expr => self.wait(&p),
            Rule::for_expr => self.for_expr(&p),
            Rule::together_expr => self.together(&p),
            Rule::during_expr => self.during(&p),
            Rule::k_restart => ExprKind::Restart,
            Rule::child_expr => self.child(&p),
            Rule::while_expr => {
                let max = self.clause(&p, Rule::max_clause).map(Box::new);
                ExprKind::While { condition: self.boxed_in(&p), max, body: self.block_in(&p) }
            }
            Rule::try_expr => self.try_expr(&p),
            Rule::trust_expr => self.trust(&p),
            _ => ExprKind::Missing,
        };
        Expr { kind, span }
    }

    fn do_expr(&mut self, p: &P<'i>) -> Expr {
        let span = self.span(p);
        let Some(callee) = kid(p, Rule::do_callee) else { return self.missing(span) };
        let mut call = self.do_callee(callee);
        let found = kid(p, Rule::modifiers).map(|m| (self.modifiers(&m), self.span(&m)));
        match (&mut call.kind, found) {
            (ExprKind::Call { modifiers, .. }, Some((found, at))) => {
                *modifiers = found;
                call.span = call.span.to(at);
            }
            (ExprKind::Call { .. }, None) => {}
            // `do k8s.` lacks a name, which has been said.
            (ExprKind::Field { name, .. }, None) if name.name.is_empty() => {}
            _ if self.before_bad(call.span.end) => {}
            _ => {
                let d = self.error(codes::SYNTAX_DO, "`do` takes a call", call.span, "this calls nothing");
                d.help.push("write the action with its arguments: `do k8s.restart(ns, name)`".into());
            }
        }
        Expr { kind: ExprKind::Do(Box::new(call)), span }
    }

    fn do_callee(&mut self, p: P<'i>) -> Expr {
        let span = self.span(&p);
        let mut base: Option<Expr> = None;
        for k in p.into_inner() {
            match (k.as_rule(), base.take()) {
                (Rule::no_bracket, b) => base = b,
                (Rule::do_more, b) => {
                    self.do_more(&k, b.as_ref().map_or(span, |b| b.span));
                    base = b;
                }
                (_, None) => base = Some(self.atom(k)),
                (Rule::args, Some(b)) => {
                    self.check_callee(&b);
                    let (at, args) = (self.span(&k), self.args(&k));
                    let span = b.span.to(at);
                    let (callee, modifiers) = (Box::new(b), Modifiers::default());
                    base = Some(Expr { kind: ExprKind::Call { callee, args, args_span: at, modifiers }, span });
                }
                (_, Some(b)) => base = Some(self.path_part(b, &k)),
            }
        }
        base.unwrap_or_else(|| self.missing(span))
    }

    fn path_part(&mut self, base: Expr, p: &P<'i>) -> Expr {
        let span = base.span.to(self.span(p));
        let base = Box::new(base);
        let kind = if p.as_rule() == Rule::index {
            ExprKind::Index { base, index: self.boxed_in(p) }
        } else {
            let optional = kid(p, Rule::field_dot).is_some_and(|d| d.as_str() == "?.");
            ExprKind::Field { base, name: self.field_name(p), optional }
        };
        Expr { kind, span }
    }

    /// `do a().b`: what follows the call is left out of the tree.
    fn do_more(&mut self, p: &P<'i>, call: Span) {
        let span = self.span(p);
        let start = call.start.saturating_sub(3).min(call.start);
        let d = self.error(codes::SYNTAX_DO, "`do` takes one call", span, "this goes on after the call");
        d.help.push("put the call in parentheses to go on with its result: `(do f(x)).field`".into());
        let around = vec![(Span { start, end: start, ..call }, "(".to_owned()), (call.after(), ")".to_owned())];
        d.fixes.push(Fix { title: "add parentheses".into(), edits: around });
    }

    fn check_callee(&mut self, callee: &Expr) {
        let mut at = callee;
        loop {
            match &at.kind {
                ExprKind::Name(_) | ExprKind::Missing => return,
                ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => at = base,
                _ => break,
            }
        }
        let span = at.span;
        self.error(codes::SYNTAX_DO, "`do` takes the name of an action", span, "not a name")
            .help
            .push("write a path such as `do slack.post(…)` or `do k8s[cluster].drain(…)`".into());
    }

    fn if_expr(&mut self, p: &P<'i>) -> Expr {
        let whole = self.span(p);
        let others: Vec<P<'i>> = kids(p, Rule::else_if).collect();
        let blocks: Vec<P<'i>> = kids(p, Rule::block).collect();
        let levels = others.len();
        let result = self.deeper(levels, whole, |l| {
            let first = (l.boxed_in(p), l.block_in(p));
            let rest: Vec<_> = others.iter().map(|o| l.else_if(o)).collect();
            let mut otherwise = blocks.into_iter().nth(1).map(|b| {
                let block = l.block(b);
                let span = block.span;
                Box::new(Expr { kind: ExprKind::Block(block), span })
            });
            for (start, condition, then) in rest.into_iter().rev() {
                let span = Span { start, ..whole };
                otherwise = Some(Box::new(Expr { kind: ExprKind::If { condition, then, otherwise }, span }));
            }
            ExprKind::If { condition: first.0, then: first.1, otherwise }
        });
        Expr { kind: result.unwrap_or(ExprKind::Missing), span: whole }
    }

    fn else_if(&mut self, p: &P<'i>) -> (u32, Box<Expr>, Block) {
        let mut start = self.span(p).start;
        if let Some(head) = kid(p, Rule::else_if_head) {
            start = self.span(&head).end.saturating_sub(2);
        }
        if let Some(elif) = kid(p, Rule::k_elif) {
            let span = self.span(&elif);
            let d = self.error(
                codes::SYNTAX_FOREIGN,
                format!("rrb has no `{}`", elif.as_str()),
                span,
                "another language's word",
            );
            d.help.push("write `else if`".into());
            d.fixes.push(Fix { title: "write `else if`".into(), edits: vec![(span, "else if".into())] });
        }
        (start, self.boxed_in(p), self.block_in(p))
    }

    fn match_expr(&mut self, p: &P<'i>) -> ExprKind {
        let value = self.boxed_in(p);
        let arms = kids(p, Rule::arm).filter_map(|a| self.arm(&a)).collect();
        ExprKind::Match { value, arms }
    }

    fn arm(&mut self, p: &P<'i>) -> Option<Arm> {
        kid(p, Rule::pattern)?;
        let pattern = self.pattern_in(p);
        let guard = self.clause(p, Rule::guard);
        let body = self.body_in(p);
        let span = pattern.span.to(body.span);
        self.check_arm_end(p, &body);
        Some(Arm { pattern, guard, body, span })
    }

    /// An arm ends with a comma, or with the `}` of a block; the last one with nothing.
    fn check_arm_end(&mut self, p: &P<'i>, body: &Expr) {
        let end = body.span.end as usize;
        let rest = self.text.get(end..).unwrap_or("");
        let braced = self.text.get(..end).is_some_and(|t| t.ends_with(['}', '\u{1}']));
        if has(p, Rule::comma) || braced || after_trivia(rest).starts_with(['}', '\u{1}']) {
            return;
        }
        let at = body.span.after();
        let d = self.error(codes::SYNTAX_UNEXPECTED, "expected `,` after this arm", at, "a comma goes here");
        d.help.push("the arms of a `match` are separated by commas".into());
        d.fixes.push(Fix { title: "add a comma".into(), edits: vec![(at, ",".into())] });
    }

    fn waive(&mut self, p: &P<'i>) -> ExprKind {
        let (mut by, mut until) = (None, None);
        for k in p.into_inner() {
            let span = self.span(&k);
            match k.as_rule() {
                Rule::by_clause => {
                    let e = self.boxed_in(&k);
                    self.once(&mut by, e, "by", span);
                }
                Rule::until_clause => {
                    let e = self.boxed_in(&k);
                    self.once(&mut until, e, "until", span);
                }
                _ => {}
            }
        }
        ExprKind::Waive { reason: self.boxed_in(p), by, until, body: self.block_in(p) }
    }

    fn verify(&mut self, p: &P<'i>) -> ExprKind {
        let times = self.times(p);
        let (name, body) = (self.boxed_in(p), self.block_in(p));
        ExprKind::Verify { name, within: times.within, every: times.every, settle: times.settle, body }
    }

    fn wait(&mut self, p: &P<'i>) -> ExprKind {
        if let Some(until) = kid(p, Rule::wait_until) {
            let times = self.times(&until);
            return ExprKind::WaitUntil { condition: self.boxed_in(&until), every: times.every, within: times.within };
        }
        if let Some(event) = kid(p, Rule::wait_for) {
            let within = self.clause(&event, Rule::within_clause).map(Box::new);
            return ExprKind::WaitFor { event: Box::new(self.awaited(&event)), within };
        }
        ExprKind::Wait(self.boxed_in(p))
    }

    /// The event of a `wait for` or of a handler.
    fn awaited(&mut self, p: &P<'i>) -> Awaited {
        let p = kid(p, Rule::awaited).unwrap_or(*p);
        let named = kid(&p, Rule::event_ref);
        let event = named.as_ref().map_or_else(|| self.path_in(&p), |e| self.path_in(e));
        let instance = named.and_then(|e| self.clause(&e, Rule::index));
        let binder = kid(&p, Rule::trigger_as).map(|a| self.ident_in(&a));
        let condition = self.clause(&p, Rule::trigger_where);
        Awaited { event, instance, binder, condition, span: self.span(&p) }
    }

    fn during(&mut self, p: &P<'i>) -> ExprKind {
        let body = self.block_in(p);
        let handlers: Vec<P<'i>> = kids(p, Rule::during_on).collect();
        let handlers = handlers
            .into_iter()
            .map(|h| DuringHandler { event: self.awaited(&h), body: self.block_in(&h), span: self.span(&h) })
            .collect();
        ExprKind::During { body, handlers }
    }

    fn child(&mut self, p: &P<'i>) -> ExprKind {
        let awaited = kid(p, Rule::child_word).is_some_and(|w| w.as_str() == "run");
        let word = if awaited { "run" } else { "start" };
        let (Some(path), Some(args)) = (kid(p, Rule::child_path), kid(p, Rule::args)) else {
            return ExprKind::Missing;
        };
        if let Some(more) = kid(p, Rule::do_more) {
            let span = self.span(&more);
            let d =
                self.error(codes::SYNTAX_DO, format!("`{word}` takes one call"), span, "this goes on after the call");
            d.help.push(format!("put it in parentheses to go on with its result: `({word} other(x)).id`"));
        }
        let args_span = self.span(&args);
        ExprKind::RunChild { awaited, runbook: self.path_in(&path), args: self.args(&args), args_span }
    }

    fn times(&mut self, p: &P<'i>) -> clauses::Times {
        let mut times = clauses::Times::default();
        for k in p.into_inner() {
            let span = self.span(&k);
            let (slot, name) = match k.as_rule() {
                Rule::within_clause => (&mut times.within, "within"),
                Rule::every_clause => (&mut times.every, "every"),
                Rule::settle_clause => (&mut times.settle, "settle"),
                _ => continue,
            };
            let value = self.boxed_in(&k);
            self.once(slot, value, name, span);
        }
        times
    }

    fn try_expr(&mut self, p: &P<'i>) -> ExprKind {
        let body = self.block_in(p);
        let Some(part) = kid(p, Rule::catch_part) else { return ExprKind::Try { body, binder: None, handler: None } };
        let binder = has(&part, Rule::ident).then(|| self.ident_in(&part));
        ExprKind::Try { body, binder, handler: Some(self.block_in(&part)) }
    }

    fn trust(&mut self, p: &P<'i>) -> ExprKind {
        let effect = kid(p, Rule::effect).map_or(Effect::Destroys, |e| super::items::effect(&e));
        let because = self.clause(p, Rule::because).map(Box::new);
        ExprKind::Trust { effect, because, body: self.block_in(p) }
    }
}

/// The text after spaces and comments.
fn after_trivia(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        match text.strip_prefix("//") {
            Some(comment) => text = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => return text,
        }
    }
}
