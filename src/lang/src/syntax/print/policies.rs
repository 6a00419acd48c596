//! Policies: one rule to a line.

use super::{OPERAND, OPERATION, Printer};
use crate::syntax::ast::*;

impl Printer {
    pub(super) fn policy(&mut self, policy: &Policy) {
        self.push("policy ");
        self.push(&policy.name.name);
        self.push(" ");
        self.braces(policy.rules.is_empty(), |p| {
            for rule in &policy.rules {
                p.start_line();
                p.policy_rule(rule);
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
        self.operands(" from ", &clauses.from);
        self.word_expr(" quorum ", clauses.quorum.as_ref(), OPERAND);
        if let Some((allowed, _)) = clauses.requester {
            self.push(if allowed { " allow requester" } else { " not requester" });
        }
        self.push(if clauses.require_comment.is_some() { " require comment" } else { "" });
        self.word_expr(" within ", clauses.within.as_ref(), OPERAND);
        if let Some(effect) = of {
            self.push(&format!(" for {}", effect.name));
        }
        self.word_expr(" by ", clauses.by.as_ref(), OPERAND);
        if !clauses.during.is_empty() {
            self.push(" during ");
            self.list(&clauses.during, |p, w| p.window(w));
        }
        self.word_expr(" where ", clauses.condition.as_ref(), OPERATION);
        self.word_expr(" unless ", clauses.unless.as_ref(), OPERATION);
        self.word_expr(" query ", clauses.query.as_ref(), OPERAND);
        self.word_expr(" because ", clauses.because.as_ref(), OPERAND);
    }

    fn window(&mut self, window: &Window) {
        match window {
            Window::Hours { kind, from, to, zone, .. } => {
                self.push(&kind.name);
                self.push("(");
                self.expr(from, OPERAND);
                self.word_expr(" to ", Some(to), OPERAND);
                self.word_expr(" in ", zone.as_ref(), OPERAND);
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
