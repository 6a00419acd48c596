//! `on …`: one event, several, a number of them, or none any more.

use super::{super::ast::*, Lower, P, kid, kids};
use crate::{diag::codes, span::Span, syntax::grammar::Rule};

/// The clauses after the events of a trigger, as written.
#[derive(Default)]
struct Clauses {
    condition: Option<Expr>,
    by: Option<Expr>,
    distinct: Option<Expr>,
    within: Option<Expr>,
    for_: Option<Expr>,
    max_keys: Option<Expr>,
    with: Option<Vec<NamedArg>>,
    /// The word and the place of each clause but `where` and `with`.
    places: Vec<(&'static str, Span)>,
}

impl Clauses {
    /// The clauses that this trigger does not have.
    fn strange(&self, known: &[&str]) -> Vec<(&'static str, Span)> {
        self.places.iter().filter(|(word, _)| !known.contains(word)).copied().collect()
    }
}

impl<'i> Lower<'i> {
    pub(super) fn on(&mut self, p: &P<'i>) -> Option<HeaderKind> {
        let form = p.into_inner().find(|k| k.as_rule() != Rule::k_on)?;
        let span = self.span(&form);
        let mut clauses = self.trigger_clauses(&form);
        let one = |l: &mut Self| kid(&form, Rule::heard).map(|h| l.heard(&h));
        let kind = match form.as_rule() {
            Rule::t_count => CorrelationKind::Count { count: self.expr_in(&form), event: one(self)? },
            Rule::t_silence => CorrelationKind::Silence { event: one(self)? },
            Rule::t_several => self.several(&form),
            _ => {
                let event = one(self)?;
                return Some(self.on_one(event, clauses));
            }
        };
        let (length, known): (_, &[&str]) = match &kind {
            CorrelationKind::Count { .. } => (clauses.within.take(), &["by", "distinct", "within", "max keys"]),
            CorrelationKind::Pair { .. } | CorrelationKind::Group { .. } => {
                (clauses.within.take(), &["within", "max keys"])
            }
            CorrelationKind::Silence { .. } => (clauses.for_.take(), &["by", "for", "max keys"]),
        };
        self.strange(&clauses.strange(known), &kind);
        Some(HeaderKind::OnSeveral(Box::new(Correlation {
            by: clauses.by.filter(|_| known.contains(&"by")),
            distinct: clauses.distinct.filter(|_| known.contains(&"distinct")),
            kind,
            condition: clauses.condition,
            within: length,
            max_keys: clauses.max_keys,
            with: clauses.with.unwrap_or_default(),
            span,
        })))
    }

    /// `A as a and B as b`, `5 of A as a then B as b then C as c`
    fn several(&mut self, form: &P<'i>) -> CorrelationKind {
        let terms: Vec<Term> = kids(form, Rule::term)
            .filter_map(|t| {
                let count = kid(&t, Rule::c_of).map(|_| self.expr_in(&t));
                Some(Term { count, event: kid(&t, Rule::heard).map(|h| self.heard(&h))? })
            })
            .collect();
        let joints: Vec<(Joint, Span)> = kids(form, Rule::joint).map(|j| (joint_of(&j), self.span(&j))).collect();
        let joint = joints.first().map_or(Joint::And, |(joint, _)| *joint);
        let single = terms.iter().all(|t| t.count.is_none());
        if let ([first, second], true) = (terms.as_slice(), single) {
            return CorrelationKind::Pair { first: first.event.clone(), joint, second: second.event.clone() };
        }
        if let Some((absence, span)) = joints.iter().find(|(j, _)| j.is_absence()) {
            let message = format!("`{}` stands between two single events", absence.word());
            let help = "let one trigger look for the events that come, and its run wait for what must not stay away: \
                        `wait for EVENT as e where … within 10m`";
            self.error(codes::SYNTAX_PLACE, message, *span, "not here").help.push(help.into());
            return CorrelationKind::Group { joint: Joint::And, terms };
        }
        if let Some((other, span)) = joints.iter().find(|(j, _)| *j != joint) {
            let message = format!("a trigger joins its events with `{}` or with `{}`", joint.word(), other.word());
            let help = "write one of them throughout; what the order of some must be can stand in `where`: \
                        `a.meta.at <= b.meta.at`";
            self.error(codes::SYNTAX_PLACE, message, *span, "not here").help.push(help.into());
        }
        CorrelationKind::Group { joint, terms }
    }

    /// `on EVENT as e where C with …`
    fn on_one(&mut self, heard: HeardEvent, clauses: Clauses) -> HeaderKind {
        for (word, span) in clauses.strange(&[]) {
            let message = format!("a trigger on one event has no `{word}`");
            let help = match word {
                "by" | "within" | "distinct" => {
                    "to wait for several, say how many: `on 3 of EVENT as e by K within 10m`"
                }
                "for" => "to hear that an event does not come any more: `on silence of EVENT as e by K for 10m`",
                _ => "it belongs to triggers that look at several events",
            };
            self.error(codes::SYNTAX_PLACE, message, span, "not here").help.push(help.into());
        }
        let HeardEvent { event, instance, binder } = heard;
        let with = clauses.with.unwrap_or_default();
        HeaderKind::On(OnTrigger { event, instance, binder, condition: clauses.condition, with })
    }

    fn strange(&mut self, clauses: &[(&'static str, Span)], kind: &CorrelationKind) {
        for (word, span) in clauses {
            let (message, help) = match (kind, *word) {
                (CorrelationKind::Pair { .. }, "by") => (
                    "two events have no `by`".to_owned(),
                    "say in `where` what they have in common: `where a.node == b.node`",
                ),
                (CorrelationKind::Group { .. }, "by") => (
                    "several kinds of events have no `by`".to_owned(),
                    "say in `where` what they have in common: `where a.node == b.node`",
                ),
                (_, "distinct") => (
                    "`distinct` belongs to a number of events of one kind".to_owned(),
                    "write `on 3 of EVENT as e by K distinct e.user within 10m`",
                ),
                (CorrelationKind::Silence { .. }, _) => {
                    ("silence lasts `for` a time".to_owned(), "write `for 10m` for `within 10m`")
                }
                (_, word) => (format!("a window has no `{word}`"), "write `within 10m`"),
            };
            self.error(codes::SYNTAX_PLACE, message, *span, "not here").help.push(help.into());
        }
    }

    fn trigger_clauses(&mut self, form: &P<'i>) -> Clauses {
        let mut clauses = Clauses::default();
        for p in form.into_inner() {
            let span = self.span(&p);
            let word = match p.as_rule() {
                Rule::trigger_where => {
                    let condition = self.expr_in(&p);
                    self.once(&mut clauses.condition, condition, "where", span);
                    continue;
                }
                Rule::with_args => {
                    let with = self.with_args(form);
                    self.once(&mut clauses.with, with, "with", span);
                    continue;
                }
                Rule::by_clause => "by",
                Rule::t_distinct => "distinct",
                Rule::t_within => "within",
                Rule::t_for => "for",
                Rule::t_max_keys => "max keys",
                _ => continue,
            };
            let value = self.expr_in(&p);
            let slot = match word {
                "by" => &mut clauses.by,
                "distinct" => &mut clauses.distinct,
                "within" => &mut clauses.within,
                "for" => &mut clauses.for_,
                _ => &mut clauses.max_keys,
            };
            self.once(slot, value, word, span);
            clauses.places.push((word, span));
        }
        clauses
    }
}

fn joint_of(p: &P<'_>) -> Joint {
    let has = |rule| kid(p, rule).is_some();
    match (has(Rule::k_and), has(Rule::c_then), has(Rule::c_earlier), has(Rule::c_later)) {
        (true, ..) => Joint::And,
        (_, true, ..) => Joint::Then,
        (_, _, _, true) => Joint::WithoutAny,
        (_, _, true, _) => Joint::WithoutEarlier,
        _ => Joint::Without,
    }
}
