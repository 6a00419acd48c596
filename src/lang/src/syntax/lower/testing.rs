//! Tests.

use super::{super::ast::*, Lower, P, exprs, has, kid, kids};
use crate::syntax::grammar::Rule;

impl<'i> Lower<'i> {
    pub(super) fn test(&mut self, p: &P<'i>) -> Test {
        let name = self.clause(p, Rule::test_name).unwrap_or_else(|| self.missing(self.span(p)));
        Test { name, stmts: p.into_inner().filter_map(|k| self.test_stmt(k)).collect() }
    }

    pub(super) fn test_stmt(&mut self, p: P<'i>) -> Option<TestStmt> {
        let span = self.span(&p);
        let kind = match p.as_rule() {
            Rule::t_given => self.given(&p)?,
            Rule::t_when => self.when(&p)?,
            Rule::t_run => {
                let args = kid(&p, Rule::args);
                TestStmtKind::Run {
                    runbook: kid(&p, Rule::child_path).map(|k| self.path_in(&k))?,
                    args_span: args.as_ref().map_or(span.after(), |a| self.span(a)),
                    args: args.map(|a| self.args(&a)).unwrap_or_default(),
                    by: self.people(&p),
                }
            }
            Rule::t_approve => TestStmtKind::Approve { by: self.people(&p), comment: self.clause(&p, Rule::t_comment) },
            Rule::t_deny => TestStmtKind::Deny { by: self.people(&p), because: self.clause(&p, Rule::because) },
            Rule::t_advance => TestStmtKind::Advance(self.expr_in(&p)),
            Rule::t_crash => TestStmtKind::Crash,
            Rule::t_cancel => TestStmtKind::Cancel {
                runbook: kid(&p, Rule::child_path).map(|k| self.path_in(&k)),
                because: self.clause(&p, Rule::t_because),
            },
            Rule::t_resolve => TestStmtKind::Resolve {
                how: self.ident_in(&p),
                result: kid(&p, Rule::a_returns).map(|a| Box::new(self.answer(&a))),
            },
            Rule::t_expect => TestStmtKind::Expect(self.expected(&p)?),
            Rule::semicolon => {
                self.semicolon(&p);
                return None;
            }
            Rule::bad => TestStmtKind::Bad,
            _ => return None,
        };
        Some(TestStmt { kind, span })
    }

    fn people(&mut self, p: &P<'i>) -> Vec<Expr> {
        kid(p, Rule::t_by).map_or(Vec::new(), |by| exprs(&by).map(|e| self.expr(e)).collect())
    }

    fn given(&mut self, p: &P<'i>) -> Option<TestStmtKind> {
        let form = p.into_inner().find(|k| k.as_rule() != Rule::c_given)?;
        Some(match form.as_rule() {
            Rule::g_now => TestStmtKind::GivenNow(self.expr_in(&form)),
            Rule::g_group => {
                let (group, people) = self.two(&form)?;
                TestStmtKind::GivenGroup { group, people }
            }
            Rule::g_settings => {
                let of = kid(&form, Rule::settings_of);
                TestStmtKind::GivenSettings {
                    instance: of.as_ref().and_then(|o| self.clause(o, Rule::index)),
                    of: of.map(|o| self.path_in(&o)),
                    values: self.atom(kid(&form, Rule::record)?),
                }
            }
            _ => {
                let answers = form.into_inner().filter(|k| matches!(k.as_rule(), Rule::a_returns | Rule::a_fails));
                TestStmtKind::Given {
                    call: self.test_call(&kid(&form, Rule::test_call)?),
                    answers: answers.map(|a| self.answer(&a)).collect(),
                }
            }
        })
    }

    fn test_call(&mut self, p: &P<'i>) -> TestCall {
        TestCall {
            action: self.path_in(p),
            instance: self.clause(p, Rule::index),
            args: kid(p, Rule::test_args).map(|a| self.test_arg_list(&a)),
            span: self.span(p),
        }
    }

    fn test_arg_list(&mut self, p: &P<'i>) -> Vec<TestArg> {
        kids(p, Rule::test_arg).filter_map(|a| self.test_arg(&a)).collect()
    }

    fn test_arg(&mut self, p: &P<'i>) -> Option<TestArg> {
        let value = kid(p, Rule::test_value)?;
        let value = match kid(&value, Rule::pattern) {
            Some(pattern) => TestValue::Pattern(self.pattern(pattern)),
            None => TestValue::Expr(self.expr_in(&value)),
        };
        Some(TestArg { name: kid(p, Rule::arg_name).map(|n| self.ident_in(&n)), value, span: self.span(p) })
    }

    fn answer(&mut self, p: &P<'i>) -> TestAnswer {
        let after = self.clause(p, Rule::a_after);
        let kind = match p.as_rule() {
            Rule::a_fails => TestAnswerKind::Fails {
                times: kid(p, Rule::a_times).map(|t| self.times_of(&t)),
                kind: self.ident_in(p),
                message: self.clause(p, Rule::a_message),
            },
            _ => TestAnswerKind::Returns(exprs(p).map(|e| self.expr(e)).collect()),
        };
        TestAnswer { kind, after, span: self.span(p) }
    }

    fn times_of(&mut self, p: &P<'i>) -> TestTimes {
        if has(p, Rule::c_once) {
            return TestTimes::Once;
        }
        if has(p, Rule::c_twice) {
            return TestTimes::Twice;
        }
        let count = kid(p, Rule::times_count).and_then(|c| c.into_inner().find(|k| k.as_rule() != Rule::times_ahead));
        let count = match count {
            Some(k) => self.atom(k),
            None => self.missing(self.span(p)),
        };
        if has(p, Rule::c_least) {
            return TestTimes::AtLeast(count);
        }
        if has(p, Rule::c_most) { TestTimes::AtMost(count) } else { TestTimes::Times(count) }
    }

    fn when(&mut self, p: &P<'i>) -> Option<TestStmtKind> {
        if let Some(d) = kid(p, Rule::w_delivery) {
            return Some(TestStmtKind::Deliver {
                path: self.clause(&d, Rule::w_path)?,
                file: self.clause(&d, Rule::w_file),
                body: self.clause(&d, Rule::w_body),
                signed: has(&d, Rule::c_signed),
            });
        }
        let form = kid(p, Rule::w_event)?;
        let event = kid(&form, Rule::event_ref)?;
        Some(TestStmtKind::When {
            event: self.path_in(&event),
            instance: self.clause(&event, Rule::index),
            payload: self.try_expr_in(&form),
        })
    }

    fn expected(&mut self, p: &P<'i>) -> Option<Expected> {
        let form = p.into_inner().find(|k| k.as_rule() != Rule::c_expect)?;
        match form.as_rule() {
            Rule::x_called => self.called(&form),
            Rule::x_evidence => {
                let test = kid(&form, Rule::x_test).map(|t| match kid(&t, Rule::compare_op) {
                    Some(op) => EvidenceTest::Compare {
                        op_span: self.span(&op),
                        op: self.infix_op(&op),
                        value: self.expr_in(&t),
                    },
                    None => EvidenceTest::Is(self.pattern_in(&t)),
                });
                Some(Expected::Evidence { absent: has(&form, Rule::c_no), name: self.expr_in(&form), test })
            }
            _ => self.seen(&form),
        }
    }

    fn called(&mut self, form: &P<'i>) -> Option<Expected> {
        let call = self.test_call(&kid(form, Rule::test_call)?);
        let with = kid(form, Rule::x_with).map_or(Vec::new(), |w| self.test_arg_list(&w));
        if let Some(second) = kid(form, Rule::x_before).and_then(|b| kid(&b, Rule::test_call)) {
            return Some(Expected::Before { first: call, second: self.test_call(&second), with });
        }
        let times = kid(form, Rule::x_count).map(|c| self.times_of(&c));
        Some(Expected::Called { call, not: has(form, Rule::k_not), times, with })
    }

    fn seen(&mut self, form: &P<'i>) -> Option<Expected> {
        let what = kid(form, Rule::x_what)?;
        let words: Vec<&str> = what.as_str().split_whitespace().collect();
        let words = words.join(" ");
        Some(Expected::Seen {
            absent: has(form, Rule::c_no),
            what: Seen::ALL.into_iter().find(|s| s.word() == words)?,
            what_span: self.span(&what),
            word: kid(form, Rule::x_word).map(|w| self.path_in(&w)),
            text: self.clause(form, Rule::x_text),
            of: kid(form, Rule::x_of).and_then(|o| kid(&o, Rule::child_path)).map(|path| self.path_in(&path)),
        })
    }
}

/// Whether this is a statement of a test, and of nothing else.
pub(super) fn is_stmt(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::t_given
            | Rule::t_when
            | Rule::t_run
            | Rule::t_approve
            | Rule::t_deny
            | Rule::t_advance
            | Rule::t_crash
            | Rule::t_cancel
            | Rule::t_resolve
            | Rule::t_expect
    )
}
