//! Triggers on some events of several kinds: `on 5 of A as a and B as b …`, `on A as a then B as b then C as c …`.

use super::cx::{Checker, RunbookInfo};
use super::never::Facts;
use super::trigger::{Heard, Place, parts};
use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::hir::{self, Across, Conjunct, Link, Part, Shape};
use crate::ids::FnId;
use crate::syntax::ast::{self, Joint};

/// The most terms of a group.
const MOST_TERMS: usize = 8;

/// What is said of the events of a group.
#[derive(Default)]
struct Said {
    /// Of each term alone.
    alone: Vec<Vec<Conjunct>>,
    links: Vec<Link>,
    across: Vec<Across>,
}

impl Checker {
    pub(super) fn group(
        &mut self,
        on: &ast::Correlation,
        joint: Joint,
        terms: &[ast::Term],
        info: &RunbookInfo,
    ) -> (Option<Shape>, FnId) {
        self.bounded(terms);
        let mut ids = Vec::new();
        for (n, term) in terms.iter().enumerate() {
            for before in terms.iter().take(n) {
                self.two_names(&before.event, &term.event);
            }
            let count = term.count.as_ref().map(|c| self.several(c));
            ids.push((self.part(&term.event), count));
        }
        let heard: Vec<Heard<'_>> =
            terms.iter().zip(&ids).map(|(t, ((id, _), _))| self.heard(*id, t.event.binder.as_ref())).collect();
        let said = self.said_of(on.condition.as_ref(), &heard);
        let given: Vec<Heard<'_>> = heard.iter().zip(terms).map(|(h, t)| in_with(h, t)).collect();
        let with = self.with(&on.with, &given, Place { info, span: on.span });
        let Said { alone, links, across } = said;
        let made = ids.into_iter().zip(alone).map(|(((event, instance), count), condition)| {
            let count = match count {
                Some(count) => Some(count?),
                None => None,
            };
            Some(hir::Term { part: Part { event: event?, instance, condition }, count })
        });
        let ordered = joint == Joint::Then;
        let shape = made.collect::<Option<Vec<_>>>().map(|terms| Shape::Group { ordered, terms, links, across });
        (shape, with)
    }

    fn bounded(&mut self, terms: &[ast::Term]) {
        if let Some(extra) = terms.get(MOST_TERMS) {
            let message = format!("a trigger joins at most {MOST_TERMS} kinds of events");
            let d = Diagnostic::error(codes::CONST_RANGE, message, extra.event.event.span, "one too many").help(
                "let the run that some of them start wait for the others: `wait for EVENT as e where … within 10m`",
            );
            self.report(d);
        }
    }

    /// What is said of each term alone, and of several.
    fn said_of(&mut self, condition: Option<&ast::Expr>, heard: &[Heard<'_>]) -> Said {
        let mut said = Said { alone: vec![Vec::new(); heard.len()], ..Said::default() };
        let Some(condition) = condition else { return said };
        let mut facts: Vec<Facts> = heard.iter().map(|_| Facts::default()).collect();
        for e in parts(condition) {
            let about = self.about(e, heard);
            let terms: Vec<usize> = about.iter().enumerate().filter(|(_, used)| **used).map(|(n, _)| n).collect();
            let of: Vec<Heard<'_>> = terms.iter().filter_map(|n| heard.get(*n).cloned()).collect();
            match (terms.as_slice(), of.as_slice()) {
                ([] | [_], _) => {
                    let n = terms.first().copied().unwrap_or(0);
                    let (Some(one), Some(facts)) = (heard.get(n), facts.get_mut(n)) else { continue };
                    let conjunct = self.conjunct(e, std::slice::from_ref(one), facts);
                    said.alone.get_mut(n).into_iter().for_each(|of| of.push(conjunct.clone()));
                }
                (_, several) => {
                    if let ([a, b], [first, second]) = (terms.as_slice(), several) {
                        let sides = self.equality(e, &[first.clone(), second.clone()]);
                        said.links.extend(sides.map(|sides| Link { terms: [*a, *b], sides }));
                    }
                    let condition = self.conjunct(e, several, &mut Facts::default());
                    said.across.push(Across { terms, condition });
                }
            }
        }
        facts.iter().for_each(|facts| self.never(facts));
        said
    }
}

/// In `with`, the name behind `N of` is the list.
fn in_with<'a>(heard: &Heard<'a>, term: &ast::Term) -> Heard<'a> {
    match term.count {
        Some(_) => {
            Heard { binder: heard.binder, seen: ty::list(heard.seen.clone()), emitted: ty::list(heard.emitted.clone()) }
        }
        None => heard.clone(),
    }
}
