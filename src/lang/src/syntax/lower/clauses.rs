//! The modifiers of a call and the clauses of `approve`.

use smol_str::SmolStr;

use super::{super::ast::*, Lower, P, exprs, has, kid};
use crate::{span::Span, syntax::grammar::Rule};

/// `within D every D settle D`, in any order.
#[derive(Default)]
pub(super) struct Times {
    pub(super) within: Option<Box<Expr>>,
    pub(super) every: Option<Box<Expr>>,
    pub(super) settle: Option<Box<Expr>>,
}

impl<'i> Lower<'i> {
    /// Modifiers written twice are kept in `repeated` for the checker.
    pub(super) fn modifiers(&mut self, p: &P<'i>) -> Modifiers {
        let mut m = Modifiers::default();
        for k in p.into_inner() {
            let span = self.span(&k);
            let name = match k.as_rule() {
                Rule::m_retry if m.retry.is_none() => {
                    m.retry = Some(self.retry(&k));
                    continue;
                }
                Rule::m_timeout if m.timeout.is_none() => {
                    m.timeout = Some(self.boxed_in(&k));
                    continue;
                }
                Rule::m_key if m.key.is_none() => {
                    m.key = Some(self.boxed_in(&k));
                    continue;
                }
                Rule::m_undo if m.undo.is_none() => {
                    m.undo = Some(self.block_in(&k));
                    continue;
                }
                Rule::m_retry => "retry",
                Rule::m_timeout => "timeout",
                Rule::m_key => "key",
                Rule::m_undo => "undo",
                _ => continue,
            };
            self.repeat_modifier(&mut m, name, span);
        }
        m
    }

    fn repeat_modifier(&mut self, m: &mut Modifiers, name: &'static str, span: Span) {
        self.repeated(name, span);
        m.repeated.push((SmolStr::new_static(name), span));
    }

    fn retry(&mut self, p: &P<'i>) -> Retry {
        let span = self.span(p);
        let (mut backoff, mut when) = (None, None);
        for k in p.into_inner() {
            let at = self.span(&k);
            match k.as_rule() {
                Rule::m_backoff => {
                    let e = self.boxed_in(&k);
                    self.once(&mut backoff, e, "backoff", at);
                }
                Rule::m_when => {
                    let e = self.boxed_in(&k);
                    self.once(&mut when, e, "when", at);
                }
                _ => {}
            }
        }
        let unsafe_reason = self.clause(p, Rule::m_unsafe).map(Box::new);
        Retry { times: self.boxed_in(p), backoff, when, unsafe_reason, span }
    }

    pub(super) fn approve(&mut self, p: &P<'i>) -> ExprKind {
        let Some(main) = kid(p, Rule::approve_main) else { return ExprKind::Missing };
        let mut approve = Approve {
            question: self.expr_in(&main),
            from: Vec::new(),
            quorum: None,
            requester: None,
            within: None,
            escalate: Vec::new(),
            remind: None,
            ask: Vec::new(),
            showing: None,
            require_comment: None,
            body: Block { stmts: Vec::new(), span: self.span(p) },
            otherwise: None,
        };
        for k in main.into_inner() {
            self.approve_clause(&mut approve, &k);
        }
        approve.body = self.block_in(&main);
        approve.otherwise = kid(p, Rule::otherwise_part).map(|o| {
            let binder = has(&o, Rule::ident).then(|| self.ident_in(&o));
            (binder, self.block_in(&o))
        });
        ExprKind::Approve(Box::new(approve))
    }

    fn approve_clause(&mut self, approve: &mut Approve, k: &P<'i>) {
        let span = self.span(k);
        let (slot, name) = match k.as_rule() {
            Rule::p_from => {
                let from: Vec<Expr> = exprs(k).map(|e| self.expr(e)).collect();
                approve.from.extend(from);
                return;
            }
            Rule::p_escalate => return self.escalate(approve, k),
            Rule::p_ask => {
                let ask = self.expr_in(k);
                approve.ask.push(ask);
                return;
            }
            Rule::p_not_requester => return self.once(&mut approve.requester, (false, span), "requester", span),
            Rule::p_allow_requester => return self.once(&mut approve.requester, (true, span), "requester", span),
            Rule::p_comment => {
                approve.require_comment.get_or_insert(span);
                return;
            }
            Rule::p_quorum => (&mut approve.quorum, "quorum"),
            Rule::within_clause => (&mut approve.within, "within"),
            Rule::p_remind => (&mut approve.remind, "remind"),
            Rule::p_showing => (&mut approve.showing, "showing"),
            _ => return,
        };
        let value = self.expr_in(k);
        self.once(slot, value, name, span);
    }

    fn escalate(&mut self, approve: &mut Approve, k: &P<'i>) {
        let mut all: Vec<Expr> = exprs(k).map(|e| self.expr(e)).collect();
        if let Some(after) = all.pop() {
            approve.escalate.push((all, after));
        }
    }
}
