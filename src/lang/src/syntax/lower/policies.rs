//! Policies: rules and their clauses.

use super::{super::ast::*, Lower, P, exprs, has, kid};
use crate::syntax::grammar::Rule;

impl<'i> Lower<'i> {
    pub(super) fn policy(&mut self, p: &P<'i>) -> Policy {
        let name = self.ident_in(p);
        let rules = p.into_inner().filter_map(|k| self.policy_rule(&k)).collect();
        Policy { name, rules }
    }

    fn policy_rule(&mut self, p: &P<'i>) -> Option<PolicyRule> {
        let kind = match p.as_rule() {
            Rule::y_applies => PolicyRuleKind::Applies(self.expr_in(p)),
            Rule::y_forbid if has(p, Rule::k_waive) => PolicyRuleKind::ForbidWaive,
            Rule::y_forbid => PolicyRuleKind::Forbid(self.rule_effect(p)),
            Rule::y_require => PolicyRuleKind::Require(kid(p, Rule::y_for).map(|f| self.rule_effect(&f))),
            Rule::y_limit => {
                let (count, per) = self.two(p)?;
                PolicyRuleKind::Limit { effect: self.rule_effect(p), count, per }
            }
            Rule::y_delegate => PolicyRuleKind::Delegate { engine: self.ident_in(p), file: self.expr_in(p) },
            Rule::semicolon => {
                self.semicolon(p);
                return None;
            }
            _ => return None,
        };
        let mut clauses = RuleClauses::default();
        for k in p.into_inner() {
            self.rule_clause(&mut clauses, &k);
        }
        Some(PolicyRule { kind, clauses, span: self.span(p) })
    }

    fn rule_effect(&self, p: &P<'i>) -> Ident {
        kid(p, Rule::rule_effect).map_or_else(|| self.ident_in(p), |e| self.ident_in(&e))
    }

    fn rule_clause(&mut self, clauses: &mut RuleClauses, k: &P<'i>) {
        let span = self.span(k);
        let (slot, name) = match k.as_rule() {
            Rule::y_during => {
                let windows = k.into_inner().filter(|w| w.as_rule() == Rule::window);
                let windows: Vec<Window> = windows.filter_map(|w| self.window(&w)).collect();
                clauses.during.extend(windows);
                return;
            }
            Rule::p_from => {
                let from: Vec<Expr> = exprs(k).map(|e| self.expr(e)).collect();
                clauses.from.extend(from);
                return;
            }
            Rule::p_not_requester => return self.once(&mut clauses.requester, (false, span), "requester", span),
            Rule::p_allow_requester => return self.once(&mut clauses.requester, (true, span), "requester", span),
            Rule::p_comment => return self.once(&mut clauses.require_comment, span, "require comment", span),
            Rule::y_where => (&mut clauses.condition, "where"),
            Rule::y_unless => (&mut clauses.unless, "unless"),
            Rule::because => (&mut clauses.because, "because"),
            Rule::by_clause => (&mut clauses.by, "by"),
            Rule::p_quorum => (&mut clauses.quorum, "quorum"),
            Rule::within_clause => (&mut clauses.within, "within"),
            Rule::y_query => (&mut clauses.query, "query"),
            _ => return,
        };
        let value = self.expr_in(k);
        self.once(slot, value, name, span);
    }

    fn window(&mut self, p: &P<'i>) -> Option<Window> {
        let inner = p.into_inner().next()?;
        let span = self.span(&inner);
        let mut parts: Vec<Expr> = exprs(&inner).map(|e| self.expr(e)).collect();
        let zone = (parts.len() > 2).then(|| parts.pop()).flatten();
        let to = parts.pop()?;
        let from = parts.pop()?;
        Some(match inner.as_rule() {
            Rule::window_between => Window::Between { from, to, span },
            _ => Window::Hours { kind: self.ident_in(&inner), from, to, zone: zone.map(Box::new), span },
        })
    }
}
