//! Policies: one rule to a line.

use super::{
    OPERAND, OPERATION, Printer,
    clauses::{Behind, Clauses},
};
use crate::{span::Span, syntax::ast::*};

impl Printer {
    pub(super) fn policy(&mut self, policy: &Policy, close: u32) {
        self.push("policy ");
        self.push(&policy.name.name);
        self.push(" ");
        self.braces((self.opening(policy.name.span.end), close), policy.rules.is_empty(), |p| {
            for rule in &policy.rules {
                p.before(rule.span.start);
                p.group(|p| p.indented(|p| p.policy_rule(rule)));
                p.end_line();
            }
        });
    }

    fn policy_rule(&mut self, rule: &PolicyRule) {
        let mut of = None;
        let mut head = rule.span.start;
        match &rule.kind {
            PolicyRuleKind::Applies(condition) => {
                return self.word_expr("applies where ", Some(condition), OPERATION);
            }
            PolicyRuleKind::Forbid(effect) => {
                self.push(&format!("forbid {}", effect.name));
                head = effect.span.end;
            }
            PolicyRuleKind::ForbidWaive => {
                self.push("forbid waive");
                head = self.word_end(head, "waive");
            }
            PolicyRuleKind::Require(effect) => {
                self.push("require approval");
                head = self.word_end(head, "approval");
                of = effect.as_ref();
            }
            PolicyRuleKind::Limit { effect, count, per } => {
                self.push(&format!("limit {} to ", effect.name));
                self.expr(count, OPERAND);
                self.word_expr(" per ", Some(per), OPERAND);
                head = per.span.end;
            }
            PolicyRuleKind::Delegate { engine, file } => {
                self.push(&format!("delegate {} ", engine.name));
                self.expr(file, OPERAND);
                head = file.span.end;
            }
        }
        self.in_order(head, rule_clauses(&rule.clauses, of), Behind::Nothing);
    }

    fn window(&mut self, window: &Window) {
        match window {
            Window::Hours { kind, from, to, zone, .. } => {
                self.push(&kind.name);
                self.push("(");
                self.expr(from, OPERAND);
                self.word_expr(" to ", Some(to), OPERAND);
                self.word_expr(" in ", zone.as_deref(), OPERAND);
                self.push(")");
            }
            Window::Between { from, to, .. } => {
                self.push("between ");
                self.expr(from, OPERAND);
                self.word_expr(" and ", Some(to), OPERAND);
            }
        }
    }
}

/// In the order of the guide.
fn rule_clauses<'a>(c: &'a RuleClauses, of: Option<&'a Ident>) -> Clauses<'a> {
    let mut clauses = Clauses::default();
    clauses.exprs("from ", &c.from);
    clauses.expr("quorum ", c.quorum.as_ref(), OPERAND);
    if let Some((allowed, span)) = c.requester {
        clauses.words(if allowed { "allow requester" } else { "not requester" }, Some(span));
    }
    clauses.words("require comment", c.require_comment);
    clauses.expr("within ", c.within.as_ref(), OPERAND);
    if let Some(effect) = of {
        clauses.add(effect.span.start, effect.span.end, move |p| {
            p.before_words("for ", effect.span.start);
            p.space();
            p.push(&format!("for {}", effect.name));
        });
    }
    clauses.expr("by ", c.by.as_ref(), OPERAND);
    if let (Some(first), Some(last)) = (c.during.first(), c.during.last()) {
        clauses.add(window_span(first).start, window_span(last).end, move |p| {
            p.before_words("during ", window_span(first).start);
            p.space();
            p.push("during ");
            p.list_at(&c.during, |w| window_span(w).start, |p, w| p.window(w));
        });
    }
    clauses.expr("where ", c.condition.as_ref(), OPERATION);
    clauses.expr("unless ", c.unless.as_ref(), OPERATION);
    clauses.expr("query ", c.query.as_ref(), OPERAND);
    clauses.expr("because ", c.because.as_ref(), OPERAND);
    clauses
}

fn window_span(window: &Window) -> Span {
    match window {
        Window::Hours { span, .. } | Window::Between { span, .. } => *span,
    }
}
