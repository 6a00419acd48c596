//! What must be so.

use smol_str::SmolStr;

use super::Playing;
use super::call::binary;
use crate::check::cx::Checker;
use crate::check::fit::Fit;
use crate::check::scope::{bad, is_error, node};
use crate::check::ty;
use crate::diag::codes;
use crate::hir::testing::{Count, DISPOSITIONS, Expect, TextMatch};
use crate::hir::{self, ExprKind, Outcome};
use crate::ids::RunbookId;
use crate::span::Span;
use crate::syntax::ast::{self, BinaryOp, EvidenceTest, Expected, Seen, TestTimes};
use crate::types::{Ty, Type};
use crate::value::Value;

/// How often something can be expected.
const MOST: i64 = 1_000_000;

const OUTCOMES: [(&str, Outcome); 10] = [
    ("resolved", Outcome::Resolved),
    ("mitigated", Outcome::Mitigated),
    ("not_needed", Outcome::NotNeeded),
    ("escalated", Outcome::Escalated),
    ("failed", Outcome::Failed),
    ("rolled_back", Outcome::RolledBack),
    ("cancelled", Outcome::Cancelled),
    ("denied", Outcome::Denied),
    ("expired", Outcome::Expired),
    ("shadow", Outcome::Shadow),
];

/// The parts behind what is seen, as written.
struct Parts<'a> {
    absent: bool,
    word: Option<&'a ast::Path>,
    text: Option<&'a ast::Expr>,
    of: Option<&'a ast::Path>,
    span: Span,
}

impl Checker {
    pub(super) fn expected(&mut self, e: &Expected, at: Span, playing: &mut Playing) -> Option<Expect> {
        match e {
            Expected::Called { call, not, times, with } => {
                let count = match times {
                    _ if *not => Some(Count::Exactly(0)),
                    Some(times) => self.count_of_calls(times),
                    None => Some(Count::AtLeast(1)),
                };
                let call = self.looked_for(call, with, playing)?;
                Some(Expect::Called { call, count: count? })
            }
            Expected::Before { first, second, with } => {
                if let Some(arg) = with.first() {
                    let help = "say it of each: `expect a.f(node: \"n7\") called before a.g(_)`";
                    self.error(codes::TEST_WORD, arg.span, "whose argument is it?", "of two calls", help);
                }
                let first = self.looked_for(first, &[], playing);
                let second = self.looked_for(second, &[], playing);
                Some(Expect::Before { first: first?, second: second? })
            }
            Expected::Evidence { absent, name, test } => self.evidence_seen(*absent, name, test.as_ref(), at),
            Expected::Seen { absent, what, what_span, word, text, of } => {
                let (word, text, of) = (word.as_ref(), text.as_ref(), of.as_ref());
                self.seen(*what, &Parts { absent: *absent, word, text, of, span: *what_span })
            }
        }
    }

    fn looked_for(
        &mut self,
        call: &ast::TestCall,
        with: &[ast::TestArg],
        playing: &mut Playing,
    ) -> Option<hir::testing::CallPattern> {
        if let Some(arg) = with.iter().find(|a| a.name.is_none()) {
            let help = "write `with node: \"n7\"`";
            self.error(codes::TEST_WORD, arg.span, "`with` says which argument it means", "which one?", help);
            return None;
        }
        let seen = self.call_seen(call, with)?;
        if !self.seen_by_test(seen.action) {
            playing.own.push((seen.action, call.action.span));
        }
        Some(seen)
    }

    fn count_of_calls(&mut self, times: &TestTimes) -> Option<Count> {
        let what = "how often it is called";
        Some(match times {
            TestTimes::Once => Count::Exactly(1),
            TestTimes::Twice => Count::Exactly(2),
            TestTimes::Times(n) => Count::Exactly(self.constant_count(n, what, 0, MOST)?),
            TestTimes::AtLeast(n) => Count::AtLeast(self.constant_count(n, what, 1, MOST)?),
            TestTimes::AtMost(n) => Count::AtMost(self.constant_count(n, what, 0, MOST)?),
        })
    }

    fn evidence_seen(
        &mut self,
        absent: bool,
        name: &ast::Expr,
        test: Option<&EvidenceTest>,
        at: Span,
    ) -> Option<Expect> {
        let name = self.constant_text(name, "the name of the evidence");
        if let (true, Some(_)) = (absent, test) {
            let help = "what is not there has no value: leave the rest out, or `no`";
            self.error(codes::TEST_WORD, at, "evidence that is not there is compared", "", help);
            return None;
        }
        let test = test.map(|t| self.evidence_test(t));
        Some(Expect::Evidence { name: name?, test, absent })
    }

    fn evidence_test(&mut self, test: &EvidenceTest) -> crate::ids::FnId {
        let json = [(None, ty::json())];
        match test {
            EvidenceTest::Is(p) => self.test_fn("is", &json, p.span, |c, locals| {
                let Some(local) = locals.first() else { return bad(p.span) };
                let subject = node(ExprKind::Local(*local), ty::json(), p.span);
                let all = || node(ExprKind::Literal(Value::Bool(true)), ty::boolean(), p.span);
                c.held_pattern(subject, p, "the evidence").unwrap_or_else(all)
            }),
            EvidenceTest::Compare { op, value, .. } => {
                let own = self.type_of(value);
                let read = self.read_as(*op, &own);
                self.test_fn("compares", &json, value.span, |c, locals| {
                    let Some(local) = locals.first() else { return bad(value.span) };
                    let subject = node(ExprKind::Local(*local), ty::json(), value.span);
                    c.evidence_compared(subject, *op, value, &read)
                })
            }
        }
    }

    /// The type that evidence is read as to be compared with something of the type `own`.
    fn read_as(&self, op: BinaryOp, own: &Ty) -> Ty {
        let t = match (op, &*self.open(own)) {
            (BinaryOp::Matches, _) => ty::text(),
            (BinaryOp::In | BinaryOp::NotIn, Type::Range(t) | Type::List(t) | Type::Set(t)) => t.clone(),
            _ => own.clone(),
        };
        // A number of evidence may have a part behind the point.
        if matches!(*self.open(&t), Type::Int) { ty::float() } else { t }
    }

    fn evidence_compared(&mut self, subject: hir::Expr, op: BinaryOp, value: &ast::Expr, read: &Ty) -> hir::Expr {
        let span = value.span;
        let role = "the evidence";
        let own = self.type_of(value);
        let wrapped = match op {
            BinaryOp::Matches => ty::regex(),
            BinaryOp::In | BinaryOp::NotIn => match &*self.open(&own) {
                Type::Range(_) => ty::of(Type::Range(read.clone())),
                Type::Set(_) => ty::of(Type::Set(read.clone())),
                _ => ty::list(read.clone()),
            },
            _ => read.clone(),
        };
        let right = self.expr_as(value, &wrapped, role);
        if is_error(&right.ty) {
            return node(bad(span).kind, ty::boolean(), span);
        }
        if !matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::In | BinaryOp::NotIn | BinaryOp::Matches)
            && !self.ordered(read)
        {
            let message = format!("a `{}` has no order", self.show(read));
            self.error(codes::TYPE_COMPARE, span, message, "neither more nor less", "compare it with `==` or `!=`");
            return node(bad(span).kind, ty::boolean(), span);
        }
        let left = if matches!(*self.open(read), Type::Json | Type::None) {
            let right_json = self.fit(&right.ty, &ty::json()).unwrap_or(Fit::Same);
            let right = self.convert(right, &ty::json(), right_json);
            return binary(op, subject, right, span);
        } else {
            if let Some(part) = self.undecodable(read) {
                let part = self.show(&part);
                let message = format!("evidence is Json, and a `{part}` cannot be read from it");
                self.error(codes::TYPE_DECODE, span, message, "never equal", "compare with what it is in Json");
                return node(bad(span).kind, ty::boolean(), span);
            }
            node(ExprKind::Decode(Box::new(subject)), read.clone(), span)
        };
        binary(op, left, right, span)
    }

    fn seen(&mut self, what: Seen, p: &Parts<'_>) -> Option<Expect> {
        self.strange_parts(what, p)?;
        let of = match p.of {
            Some(path) => Some(self.runbook_seen(path)?),
            None => None,
        };
        let text = match (what, p.text) {
            (Seen::Runs, _) | (_, None) => None,
            (_, Some(e)) => Some(self.text_match(e)?),
        };
        self.seen_kind(what, p, of, text)
    }

    fn seen_kind(
        &mut self,
        what: Seen,
        p: &Parts<'_>,
        of: Option<RunbookId>,
        text: Option<TextMatch>,
    ) -> Option<Expect> {
        let word = p.word.and_then(|w| w.parts.first());
        Some(match what {
            Seen::Outcome => {
                let word = word?;
                let Some((_, outcome)) = OUTCOMES.iter().find(|(name, _)| *name == word.name) else {
                    let known = OUTCOMES.map(|(name, _)| SmolStr::new_static(name));
                    self.known_word(codes::OUTCOME_UNKNOWN, "outcome", &word.name, word.span, &known);
                    return None;
                };
                Expect::Outcome { outcome: *outcome, why: text, of }
            }
            Seen::Failure => {
                let kind = match word {
                    Some(word) => Some(self.failure_kind(word)?),
                    None => None,
                };
                Expect::Failure { kind, message: text, of }
            }
            Seen::Log => Expect::Log { text: text?, absent: p.absent },
            Seen::Step => Expect::Step { name: text?, absent: p.absent },
            Seen::Approval => Expect::Approval { question: text, absent: p.absent },
            Seen::Disposition => {
                let word = word?;
                if !DISPOSITIONS.contains(&word.name.as_str()) {
                    let known = DISPOSITIONS.map(SmolStr::new_static);
                    self.known_word(codes::TEST_WORD, "disposition", &word.name, word.span, &known);
                    return None;
                }
                Expect::Disposition { verdict: word.name.clone(), of }
            }
            Seen::DeadLetter => Expect::DeadLetter { reason: text },
            Seen::Runs => Expect::Runs { count: self.constant_count(p.text?, "how many runs there are", 0, MOST)?, of },
            Seen::Running => Expect::Running {
                of: match p.word {
                    Some(path) => Some(self.runbook_seen(path)?),
                    None => None,
                },
            },
        })
    }

    /// Reports parts that are missing, or that do not belong to what is expected.
    fn strange_parts(&mut self, what: Seen, p: &Parts<'_>) -> Option<()> {
        let form = form(what);
        let name = what.word();
        let mut wrong = |message: String, span: Span, label: &str| {
            self.error(codes::TEST_WORD, span, message, label, format!("write `{}`", form.example));
            None
        };
        if p.absent && !form.absent {
            return wrong(format!("there is no `expect no {name}`"), p.span, "not with `no`");
        }
        match (form.word, p.word) {
            (Part::Needed, None) if !p.absent => return wrong(format!("which {name}?"), p.span, "not said"),
            (Part::None, Some(w)) => return wrong(format!("`{name}` has no such word"), w.span, "not here"),
            (Part::Needed, Some(w)) if w.parts.len() > 1 => {
                return wrong(format!("`{name}` takes one word"), w.span, "not here");
            }
            _ => {}
        }
        match (form.text, p.text) {
            (Part::Needed, None) => return wrong(format!("`expect {name}` does not say what"), p.span, "not said"),
            (Part::None, Some(e)) => return wrong(format!("`{name}` has no text"), e.span, "not here"),
            _ => {}
        }
        if let (false, Some(of)) = (form.of, p.of) {
            return wrong(format!("`{name}` has no `of`"), of.span, "not here");
        }
        Some(())
    }

    fn text_match(&mut self, e: &ast::Expr) -> Option<TextMatch> {
        if let ast::ExprKind::Tagged { tag: ast::Tag::Re, text, .. } = &e.kind {
            let text = text.clone();
            let got = self.as_constant(|c| c.expr_as(e, &ty::regex(), "what is looked for"));
            return (!is_error(&got.ty)).then_some(TextMatch::Matches(text));
        }
        self.constant_text(e, "what is looked for").map(TextMatch::Is)
    }
}

/// Whether a part stands there.
#[derive(Clone, Copy)]
enum Part {
    None,
    May,
    Needed,
}

/// Which parts a form has.
struct Form {
    absent: bool,
    word: Part,
    text: Part,
    of: bool,
    example: &'static str,
}

fn form(what: Seen) -> Form {
    let (absent, word, text, of, example) = match what {
        Seen::Outcome => (false, Part::Needed, Part::May, true, "expect outcome resolved"),
        Seen::Failure => (true, Part::Needed, Part::May, true, "expect failure timeout"),
        Seen::Log => (true, Part::None, Part::Needed, false, "expect log \"drained\""),
        Seen::Step => (true, Part::None, Part::Needed, false, "expect step \"Drain\""),
        Seen::Approval => (true, Part::None, Part::May, false, "expect approval \"Drain n7?\""),
        Seen::Disposition => (false, Part::Needed, Part::None, true, "expect disposition dedupe"),
        Seen::DeadLetter => (false, Part::None, Part::May, false, "expect dead letter"),
        Seen::Runs => (false, Part::None, Part::Needed, true, "expect runs 2"),
        Seen::Running => (false, Part::May, Part::None, false, "expect running"),
    };
    Form { absent, word, text, of, example }
}
