//! Policies: one rule to a line.

use super::{OPERAND, OPERATION, Printer};
use crate::syntax::ast::*;

impl Printer {
    pub(super) fn policy(&mut self, policy: &Policy, close: u32) {
        self.push("policy ");
        self.push(&policy.name.name);
        self.push(" ");
        self.braces_to(close, policy.rules.is_empty(), |p| {
            for rule in &policy.rules {
                p.before(rule.span.start);
                p.group(|p| p.indented(|p| p.policy_rule(rule)));
                p.end_line();
            }
        });
    }

    fn policy_rule(&mut self, rule: &PolicyRule) {
        let clauses = &rule.clauses;
        let mut of = None;
        match &rule.kind {
            PolicyRuleKind::Applies(condition) => {
                return self.word_expr("applies where ", Some(condition), OPERATION);
            }
            PolicyRuleKind::Forbid(effect) => self.push(&format!("forbid {}", effect.name)),
            PolicyRuleKind::ForbidWaive => self.push("forbid waive"),
            PolicyRuleKind::Require(effect) => {
                self.push("require approval");
                of = effect.as_ref();
            }
            PolicyRuleKind::Limit { effect, count, per } => {
                self.push(&format!("limit {} to ", effect.name));
                self.expr(count, OPERAND);
                self.word_expr(" per ", Some(per), OPERAND);
            }
            PolicyRuleKind::Delegate { engine, file } => {
                self.push(&format!("delegate {} ", engine.name));
                self.expr(file, OPERAND);
            }
        }
        self.operands("from ", &clauses.from);
        self.clause("quorum ", clauses.quorum.as_ref(), OPERAND);
        if let Some((allowed, _)) = clauses.requester {
            self.clause_words(if allowed { "allow requester" } else { "not requester" });
        }
        if clauses.require_comment.is_some() {
            self.clause_words("require comment");
        }
        self.clause("within ", clauses.within.as_ref(), OPERAND);
        if let Some(effect) = of {
            self.clause_words(&format!("for {}", effect.name));
        }
        self.clause("by ", clauses.by.as_ref(), OPERAND);
        if !clauses.during.is_empty() {
            self.clause_words("during ");
            self.list(&clauses.during, |p, w| p.window(w));
        }
        self.clause("where ", clauses.condition.as_ref(), OPERATION);
        self.clause("unless ", clauses.unless.as_ref(), OPERATION);
        self.clause("query ", clauses.query.as_ref(), OPERAND);
        self.clause("because ", clauses.because.as_ref(), OPERAND);
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
