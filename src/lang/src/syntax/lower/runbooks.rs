//! Runbooks: header, body, tail.

use super::{super::ast::*, Lower, P, exprs, has, is_idle, kid, kids};
use crate::{
    diag::codes,
    span::Span,
    syntax::{grammar::Rule, habits},
};

impl<'i> Lower<'i> {
    pub(super) fn runbook(&mut self, p: &P<'i>) -> Runbook {
        let params = self.params(p);
        let mut runbook = Runbook {
            name: self.ident_in(p),
            params,
            header: Vec::new(),
            body: Vec::new(),
            on_failure: None,
            finally: None,
        };
        for part in p.into_inner().skip(2) {
            self.runbook_part(&mut runbook, part);
        }
        self.check_idle(&runbook.body);
        if let Some(first) = self.check_neighbours(&runbook.body, habits::header_word) {
            // What was to be a clause is a statement now, so that the clauses behind it seem to come too late.
            let header = |s: &Span| *s == first || runbook.header.iter().any(|h| h.span == *s);
            self.diagnostics
                .retain(|d| d.code != codes::SYNTAX_PLACE || d.span().start < first.start || !header(&d.span()));
        }
        runbook
    }

    fn runbook_part(&mut self, runbook: &mut Runbook, part: P<'i>) {
        let span = self.span(&part);
        match part.as_rule() {
            Rule::header_clause => {
                let early = runbook.on_failure.is_none() && runbook.finally.is_none();
                if early && runbook.body.iter().all(|s| s.kind == StmtKind::Bad || is_idle(s)) {
                    self.not_a_clause(&runbook.body);
                } else if runbook.body.last().is_none_or(|s| s.kind != StmtKind::Bad) {
                    let word = part.as_str().split_whitespace().next().unwrap_or("").to_owned();
                    let message = format!("`{word}` stands before the first statement of a runbook");
                    self.error(codes::SYNTAX_PLACE, message, span, "too late")
                        .help
                        .push("move this clause up to the header".into());
                }
                runbook.header.extend(self.header_clause(part));
            }
            Rule::on_failure => {
                let binder = has(&part, Rule::ident).then(|| self.ident_in(&part));
                let handler = (binder, self.block_in(&part));
                self.once(&mut runbook.on_failure, handler, "on failure", span);
            }
            Rule::finally_part => {
                let block = self.block_in(&part);
                self.once(&mut runbook.finally, block, "finally", span);
            }
            _ => {
                let Some(stmt) = self.stmt(part) else { return };
                if (runbook.on_failure.is_some() || runbook.finally.is_some()) && stmt.kind != StmtKind::Bad {
                    let message = "statements stand before `on failure` and `finally`";
                    self.error(codes::SYNTAX_PLACE, message, span, "too late")
                        .help
                        .push("move `on failure` and `finally` to the end of the runbook".into());
                }
                runbook.body.push(stmt);
            }
        }
    }

    /// What stands between two clauses of the header and is none; once, and not where it has been reported.
    fn not_a_clause(&mut self, between: &[Stmt]) {
        let Some(first) = between.first().filter(|s| s.kind != StmtKind::Bad) else { return };
        if self.diagnostics.iter().any(|d| d.span() == first.span) {
            return;
        }
        self.error(codes::SYNTAX_PLACE, "this is no clause of the header", first.span, "nothing is done with it")
            .help
            .push("write it like `owner \"platform\"`, `severity high` or `timeout 30m`, or remove it".into());
    }

    pub(super) fn header_clause(&mut self, p: P<'i>) -> Option<HeaderClause> {
        let span = self.span(&p);
        let k = p.into_inner().next()?;
        let by = self.clause(&k, Rule::by_clause);
        let kind = match k.as_rule() {
            Rule::h_owner => HeaderKind::Owner(self.expr_in(&k)),
            Rule::h_severity => HeaderKind::Severity(self.ident_in(&k)),
            Rule::h_tags => HeaderKind::Tags(self.expr_in(&k)),
            Rule::h_controls => HeaderKind::Controls(self.expr_in(&k)),
            Rule::h_on => self.on(&k)?,
            Rule::h_every => {
                let (missed, with) = (missed(&k), self.with_args(&k));
                HeaderKind::Every { every: self.expr_in(&k), missed, with }
            }
            Rule::h_at => {
                let mut both = exprs(&k);
                let (cron, zone) = (self.expr(both.next()?), both.next().map(|z| self.expr(z)));
                HeaderKind::At { cron, zone, missed: missed(&k), with: self.with_args(&k) }
            }
            Rule::h_dedupe => HeaderKind::Dedupe { by, within: self.expr_in(&k) },
            Rule::h_limit => {
                let (count, per) = self.two(&k)?;
                HeaderKind::Limit { count, per, by }
            }
            Rule::h_concurrency => {
                let mode =
                    kid(&k, Rule::concurrency_mode).map(|m| match m.into_inner().next().map(|word| word.as_rule()) {
                        Some(Rule::k_skip) => ConcurrencyMode::Skip,
                        Some(Rule::c_replace) => ConcurrencyMode::Replace,
                        _ => ConcurrencyMode::Queue,
                    });
                HeaderKind::Concurrency { count: self.expr_in(&k), by, mode }
            }
            Rule::h_timeout => HeaderKind::Timeout(self.expr_in(&k)),
            Rule::h_give_up => {
                let (count, within) = self.two(&k)?;
                HeaderKind::GiveUp { count, within, by }
            }
            Rule::h_cancel => {
                let on = self.trigger(&kid(&k, Rule::trigger)?);
                HeaderKind::CancelWhen { on, because: self.clause(&k, Rule::because) }
            }
            Rule::h_no_rollback => HeaderKind::NoRollback,
            Rule::h_shadow => HeaderKind::Shadow,
            _ => return None,
        };
        Some(HeaderClause { kind, span })
    }

    pub(super) fn two(&mut self, p: &P<'i>) -> Option<(Expr, Expr)> {
        let mut both = exprs(p);
        Some((self.expr(both.next()?), self.expr(both.next()?)))
    }

    fn trigger(&mut self, p: &P<'i>) -> OnTrigger {
        let HeardEvent { event, instance, binder } = self.heard(p);
        let condition = self.clause(p, Rule::trigger_where);
        OnTrigger { event, instance, binder, condition, with: self.with_args(p) }
    }

    pub(super) fn heard(&mut self, p: &P<'i>) -> HeardEvent {
        let event = kid(p, Rule::event_ref);
        let path = event.as_ref().map_or_else(|| self.path_in(p), |e| self.path_in(e));
        let instance = event.and_then(|e| self.clause(&e, Rule::index));
        let binder = kid(p, Rule::trigger_as).map(|a| self.ident_in(&a));
        HeardEvent { event: path, instance, binder }
    }

    pub(super) fn with_args(&mut self, p: &P<'i>) -> Vec<NamedArg> {
        let Some(with) = kid(p, Rule::with_args) else { return Vec::new() };
        kids(&with, Rule::with_arg)
            .map(|a| match kid(&a, Rule::arg_name) {
                Some(name) => NamedArg { name: Some(self.ident_in(&name)), value: self.expr_in(&a) },
                None => {
                    let name = self.ident_in(&a);
                    let span = name.span;
                    NamedArg { name: Some(name.clone()), value: Expr { kind: ExprKind::Name(name), span } }
                }
            })
            .collect()
    }
}

fn missed(p: &P<'_>) -> Option<Missed> {
    kid(p, Rule::missed).map(|m| if has(&m, Rule::k_skip) { Missed::Skip } else { Missed::RunOnce })
}
