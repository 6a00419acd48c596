//! `on …`: one event, two, a number of them, or none any more.

use super::{super::ast::*, Lower, P, kid, kids};
use crate::{diag::codes, span::Span, syntax::grammar::Rule};

/// The clauses after the events of a trigger, as written.
#[derive(Default)]
struct Clauses {
    condition: Option<Expr>,
    by: Option<Expr>,
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
        let mut events = kids(&form, Rule::heard).map(|h| self.heard(&h)).collect::<Vec<_>>().into_iter();
        let first = events.next()?;
        let mut clauses = self.trigger_clauses(&form);
        let kind = match (form.as_rule(), kid(&form, Rule::joint), events.next()) {
            (Rule::t_count, ..) => CorrelationKind::Count { count: self.expr_in(&form), event: first },
            (Rule::t_silence, ..) => CorrelationKind::Silence { event: first },
            (_, Some(joint), Some(second)) => {
                let joint = match joint.as_str().trim() {
                    "and" => Joint::And,
                    "then" => Joint::Then,
                    _ => Joint::Without,
                };
                CorrelationKind::Pair { first, joint, second }
            }
            _ => return Some(self.on_one(first, clauses)),
        };
        let (length, known): (_, &[&str]) = match &kind {
            CorrelationKind::Count { .. } => (clauses.within.take(), &["by", "within", "max keys"]),
            CorrelationKind::Pair { .. } => (clauses.within.take(), &["within", "max keys"]),
            CorrelationKind::Silence { .. } => (clauses.for_.take(), &["by", "for", "max keys"]),
        };
        self.strange(&clauses.strange(known), &kind);
        Some(HeaderKind::OnSeveral(Box::new(Correlation {
            by: clauses.by.filter(|_| known.contains(&"by")),
            kind,
            condition: clauses.condition,
            within: length,
            max_keys: clauses.max_keys,
            with: clauses.with.unwrap_or_default(),
            span,
        })))
    }

    /// `on EVENT as e where C with …`
    fn on_one(&mut self, heard: HeardEvent, clauses: Clauses) -> HeaderKind {
        for (word, span) in clauses.strange(&[]) {
            let message = format!("a trigger on one event has no `{word}`");
            let help = match word {
                "by" | "within" => "to wait for several, say how many: `on 3 of EVENT as e by K within 10m`",
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
                Rule::t_within => "within",
                Rule::t_for => "for",
                Rule::t_max_keys => "max keys",
                _ => continue,
            };
            let value = self.expr_in(&p);
            let slot = match word {
                "by" => &mut clauses.by,
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
