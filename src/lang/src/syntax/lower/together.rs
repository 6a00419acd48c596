//! What runs at the same time: loops with clauses, `parallel`, `race`, and the bound that goes before them.

use super::{super::ast::*, Lower, P, exprs, has, kid, kids};
use crate::{diag::codes, syntax::grammar::Rule};

impl<'i> Lower<'i> {
    pub(super) fn for_expr(&mut self, p: &P<'i>) -> ExprKind {
        let Some(main) = kid(p, Rule::for_main) else { return ExprKind::Missing };
        let pattern = self.pattern_in(&main);
        let items = self.expr_in(&main);
        let mut fan = FanOut {
            pattern,
            items,
            waves: None,
            pausing: None,
            parallel: None,
            collect: None,
            body: Block { stmts: Vec::new(), span: self.span(&main).after() },
            between: None,
        };
        let mut clauses = false;
        for k in main.into_inner() {
            let span = self.span(&k);
            let (slot, name) = match k.as_rule() {
                Rule::f_waves => (&mut fan.waves, "in waves"),
                Rule::f_pausing => (&mut fan.pausing, "pausing"),
                Rule::f_parallel => (&mut fan.parallel, "parallel"),
                Rule::f_collect => {
                    clauses = true;
                    self.once(&mut fan.collect, span, "collect failures", span);
                    continue;
                }
                _ => continue,
            };
            clauses = true;
            let value = self.expr_in(&k);
            self.once(slot, value, name, span);
        }
        fan.body = self.block_in(&main);
        fan.between = kid(p, Rule::f_between).map(|b| self.block_in(&b));
        if clauses || fan.between.is_some() {
            return ExprKind::FanOut(Box::new(fan));
        }
        ExprKind::For { pattern: fan.pattern, items: Box::new(fan.items), body: fan.body }
    }

    pub(super) fn together(&mut self, p: &P<'i>) -> ExprKind {
        let branches = kids(p, Rule::branch).map(|b| self.branch(&b)).collect();
        ExprKind::Together { race: has(p, Rule::k_race), branches }
    }

    fn branch(&mut self, p: &P<'i>) -> Branch {
        let name = self.ident_in(p);
        let body = match kid(p, Rule::block) {
            Some(b) => {
                let block = self.block(b);
                let span = block.span;
                Expr { kind: ExprKind::Block(block), span }
            }
            None => self.expr_in(p),
        };
        let span = name.span.to(body.span);
        Branch { name, body, span }
    }

    pub(super) fn at_most(&mut self, p: &P<'i>) -> Option<StmtKind> {
        let of = self.clause(p, Rule::most_of);
        let floor = self.clause(p, Rule::most_or);
        let mut both = exprs(p);
        let limit = self.expr(both.next()?);
        let items = match both.next() {
            Some(items) => self.expr(items),
            None => {
                let end = self.span(p).after();
                let d = self.error(codes::SYNTAX_UNEXPECTED, "`at most` does not say of what", end, "`for` is missing");
                d.help.push("write `at most 5 for nodes`".into());
                self.missing(end)
            }
        };
        Some(StmtKind::AtMost(Box::new(AtMost { limit, of, floor, items })))
    }
}
