//! From the typed tree to the outline.

use super::{Approval, Branch, Called, Kind, Node, Outline};
use crate::hir::visit;
use crate::hir::{Approve, Arm, Block, Expr, ExprKind, FunctionKind, Principal, Program, Runbook, Stmt, TextPart};
use crate::ids::FnId;
use crate::span::{Sources, Span};
use crate::syntax::ast::Effect;
use crate::syntax::flat;
use crate::value::Value;

/// What `runbook` does. `sources` are those the program was checked from.
pub fn outline(program: &Program, sources: &Sources, runbook: &Runbook) -> Outline {
    let builder = Builder { program, sources };
    Outline {
        body: builder.function(Some(runbook.body)),
        on_failure: builder.function(runbook.on_failure),
        finally: builder.function(runbook.finally),
    }
}

struct Builder<'a> {
    program: &'a Program,
    sources: &'a Sources,
}

impl Builder<'_> {
    fn function(&self, id: Option<FnId>) -> Vec<Node> {
        let body = id.and_then(|id| self.program.functions.get(id.index())).and_then(|f| f.body.as_ref());
        body.map(|e| self.nodes(e)).unwrap_or_default()
    }

    fn source(&self, span: Span) -> String {
        flat(self.sources.text(span))
    }

    /// A text literal as people read it, anything else as its source.
    fn text(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Literal(Value::Text(text)) => text.to_string(),
            ExprKind::Text(parts) => parts
                .iter()
                .map(|part| match part {
                    TextPart::Chars(chars) => chars.to_string(),
                    TextPart::Hole(hole) => format!("‹{}›", self.source(hole.span)),
                })
                .collect(),
            ExprKind::Coerce { value, .. } => self.text(value),
            _ => self.source(expr.span),
        }
    }

    fn block(&self, block: &Block) -> Vec<Node> {
        let mut out = Vec::new();
        for stmt in &block.stmts {
            self.stmt(stmt, &mut out);
        }
        if let Some(value) = &block.value {
            self.expr(value, None, &mut out);
        }
        out
    }

    /// The nodes of a block or of a lone expression.
    fn nodes(&self, expr: &Expr) -> Vec<Node> {
        let mut out = Vec::new();
        self.expr(expr, None, &mut out);
        out
    }

    fn stmt(&self, stmt: &Stmt, out: &mut Vec<Node>) {
        match stmt {
            Stmt::Let { value, .. } => self.expr(value, self.binding(value), out),
            Stmt::Assign { value, .. } => self.expr(value, self.binding(value), out),
            Stmt::Evidence { name, value, .. } => {
                let kind = Kind::Evidence { name: self.text(name), value: self.source(value.span) };
                out.push(Node { kind, span: name.span.to(value.span) });
            }
            Stmt::Log { text, .. } => out.push(Node { kind: Kind::Log { text: self.text(text) }, span: text.span }),
            Stmt::Expr(e) => self.expr(e, None, out),
        }
    }

    /// `before = ` of `let before = used(mount)`: what stands on the line before the value.
    fn binding(&self, value: &Expr) -> Option<String> {
        let source = self.sources.get(value.span.file)?;
        let before = source.text.get(..value.span.start as usize)?;
        let line = before.rsplit(['\n', ';', '{']).next()?.trim();
        let line = line.strip_prefix("let ").or(line.strip_prefix("var ")).unwrap_or(line).trim();
        line.ends_with('=').then(|| format!("{line} "))
    }

    /// `bound`: what the value is given to, with its `=`.
    fn expr(&self, expr: &Expr, bound: Option<String>, out: &mut Vec<Node>) {
        match &expr.kind {
            ExprKind::Block(block) => out.append(&mut self.block(block)),
            ExprKind::Coerce { value, .. } if self.is_statement(value) => self.expr(value, bound, out),
            kind => {
                let kind = self.statement(kind, expr).or_else(|| self.leaf(expr, bound));
                out.extend(kind.map(|kind| Node { kind, span: expr.span }));
            }
        }
    }

    /// Whether it says more than a value; looked at only from outside, so that depth costs nothing.
    fn is_statement(&self, expr: &Expr) -> bool {
        matches!(
            expr.kind,
            ExprKind::Block(_)
                | ExprKind::Coerce { .. }
                | ExprKind::Step { .. }
                | ExprKind::If { .. }
                | ExprKind::Match { .. }
                | ExprKind::For { .. }
                | ExprKind::While { .. }
                | ExprKind::Approve(_)
                | ExprKind::Waive(_)
                | ExprKind::Verify(_)
                | ExprKind::Wait { .. }
                | ExprKind::WaitUntil { .. }
                | ExprKind::Try { .. }
                | ExprKind::Finish { .. }
                | ExprKind::Fail(_)
        )
    }

    /// The forms that hold blocks, and those that end something.
    fn statement(&self, kind: &ExprKind, expr: &Expr) -> Option<Kind> {
        Some(match kind {
            ExprKind::Step { name, body, .. } => Kind::Step { name: self.text(name), body: self.block(body) },
            ExprKind::If { condition, then, otherwise } => self.choice(condition, then, otherwise.as_deref(), expr),
            ExprKind::Match { value, arms } if self.has_work(expr) => {
                Kind::Match { value: self.source(value.span), arms: self.arms(value, arms) }
            }
            ExprKind::For { items, body, .. } => {
                let head = Span { end: items.span.end, ..expr.span };
                Kind::Repeat { head: self.source(head), body: self.block(body) }
            }
            ExprKind::While { condition, body, .. } => {
                let head = Span { end: condition.span.end, ..expr.span };
                Kind::Repeat { head: self.source(head), body: self.block(body) }
            }
            ExprKind::Approve(approve) => self.approve(approve),
            ExprKind::Waive(waive) => Kind::Waive {
                reason: self.text(&waive.reason),
                by: waive.by.to_string(),
                until: waive.until,
                body: self.block(&waive.body),
            },
            ExprKind::Verify(v) => Kind::Verify {
                name: self.text(&v.name),
                condition: self.inside(&v.body),
                within: self.text(&v.within),
                every: self.text(&v.every),
            },
            ExprKind::Wait { .. } | ExprKind::WaitUntil { .. } => Kind::Wait { text: self.source(expr.span) },
            ExprKind::Try { body, handler, .. } => Kind::Try {
                body: self.block(body),
                handler: handler.as_ref().map(|(_, b)| self.block(b)).unwrap_or_default(),
            },
            ExprKind::Finish { outcome, why } => {
                Kind::Finish { outcome: outcome_word(*outcome), why: why.as_deref().map(|w| self.text(w)) }
            }
            ExprKind::Fail(value) => Kind::Fail { text: self.text(value) },
            ExprKind::Rollback { .. } => Kind::Rollback,
            ExprKind::Break | ExprKind::Continue | ExprKind::Return(_) | ExprKind::Skip => {
                Kind::Leave { text: self.source(expr.span) }
            }
            _ => return None,
        })
    }

    /// An `if` that only computes is one line; one that does something is a choice.
    fn choice(&self, condition: &Expr, then: &Expr, otherwise: Option<&Expr>, whole: &Expr) -> Kind {
        if !self.has_work(whole) {
            return Kind::Compute { text: self.source(whole.span) };
        }
        Kind::If {
            condition: self.source(condition.span),
            then: self.nodes(then),
            otherwise: otherwise.map(|e| self.nodes(e)).unwrap_or_default(),
        }
    }

    /// Whether anything in it is more than a value.
    fn has_work(&self, expr: &Expr) -> bool {
        let mut found = false;
        visit::walk(expr, &mut |e, _, _| {
            found |= matches!(
                e.kind,
                ExprKind::CallAction(_)
                    | ExprKind::Finish { .. }
                    | ExprKind::Fail(_)
                    | ExprKind::Break
                    | ExprKind::Continue
                    | ExprKind::Return(_)
                    | ExprKind::Rollback { .. }
                    | ExprKind::Wait { .. }
            );
            found |= matches!(&e.kind, ExprKind::Block(b) if b.stmts.iter().any(|s| !matches!(s, Stmt::Let { .. })));
        });
        found
    }

    fn arms(&self, value: &Expr, arms: &[Arm]) -> Vec<Branch> {
        let mut from = value.span.end;
        let mut out = Vec::new();
        for arm in arms {
            let head = Span { file: value.span.file, start: from, end: arm.body.span.start };
            let head = self.source(head);
            let label = head.trim_start_matches(['{', ',', '}', ' ']).trim_end_matches(['>', '=', '{', ' ']);
            out.push(Branch { label: label.trim().to_owned(), body: self.nodes(&arm.body) });
            from = arm.body.span.end;
        }
        out
    }

    fn inside(&self, block: &Block) -> String {
        let first = block.stmts.first().map(stmt_span).or(block.value.as_ref().map(|v| v.span));
        let last = block.value.as_ref().map(|v| v.span).or(block.stmts.last().map(stmt_span));
        first.zip(last).map(|(a, b)| self.source(a.to(b))).unwrap_or_default()
    }

    fn approve(&self, approve: &Approve) -> Kind {
        let names = |who: &[Principal]| who.iter().map(|p| self.principal(p)).collect::<Vec<_>>();
        Kind::Approve(Box::new(Approval {
            question: self.text(&approve.question),
            from: names(&approve.from),
            quorum: self.value_text(&approve.quorum),
            within: self.value_text(&approve.within),
            escalate: approve.escalate.iter().map(|(who, after)| (names(who), self.value_text(after))).collect(),
            require_comment: approve.require_comment,
            body: self.block(&approve.body),
            otherwise: approve.otherwise.as_ref().map(|(_, b)| self.block(b)),
        }))
    }

    /// A literal as it prints (defaults have no source of their own), anything else as its source.
    fn value_text(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Literal(value) => crate::vm::print::display(value),
            _ => self.source(expr.span),
        }
    }

    fn principal(&self, principal: &Principal) -> String {
        match principal {
            Principal::User(name) => format!("user {}", self.text(name)),
            Principal::Group(name) => format!("group {}", self.text(name)),
        }
    }

    /// A statement without blocks: what it calls decides what it is. A value that nothing is done with says nothing.
    fn leaf(&self, expr: &Expr, bound: Option<String>) -> Option<Kind> {
        let calls = self.calls(expr);
        let text = format!("{}{}", bound.as_deref().unwrap_or(""), self.source(expr.span));
        match calls.iter().map(|c| c.effect).max() {
            Some(effect) if effect > Effect::Pure => Some(Kind::Act { text, effect, calls }),
            _ if bound.is_some() => Some(Kind::Compute { text }),
            _ => None,
        }
    }

    fn calls(&self, expr: &Expr) -> Vec<Called> {
        let mut out = Vec::new();
        visit::walk(expr, &mut |e, _, _| {
            let ExprKind::CallAction(call) = &e.kind else { return };
            let Some(callee) = self.program.functions.get(call.function.index()) else { return };
            if !matches!(callee.kind, FunctionKind::Action(_)) {
                return;
            }
            let undo = call.undo.as_ref().and_then(|(id, _)| self.program.functions.get(id.index()));
            out.push(Called {
                name: callee.name.to_string(),
                effect: call.trusted.map_or(callee.effect, |t| t.min(callee.effect)),
                undo: undo.map(|f| self.source(f.span).trim_matches(['{', '}', ' ']).to_owned()),
            });
        });
        out
    }
}

fn stmt_span(stmt: &Stmt) -> Span {
    match stmt {
        Stmt::Let { value, .. } | Stmt::Assign { value, .. } => value.span,
        Stmt::Evidence { name, value, .. } => name.span.to(value.span),
        Stmt::Log { text, .. } => text.span,
        Stmt::Expr(e) => e.span,
    }
}

fn outcome_word(outcome: crate::hir::Outcome) -> String {
    serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
