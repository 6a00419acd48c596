//! Some events of several kinds that belong together.

use std::collections::HashMap;

use rrb_lang::hir::{Across, Shape, Term};
use rrb_lang::value::Value;

use super::super::open::{self, Window};
use super::super::windows::{Chosen, Grouped, Keys, Role, Waiting};
use super::super::{Batch, Matcher, judge};
use super::{Asked, Said, full};
use crate::run::gate::shown_time as when;

impl Matcher {
    pub(super) fn group(&mut self, asked: &Asked<'_>, id: &str, terms: &[Term], batch: &mut Batch) -> Vec<Said> {
        let mut said = Vec::new();
        let roles: Vec<Option<Keys>> = terms.iter().enumerate().map(|(n, t)| asked.as_term(n, t, &mut said)).collect();
        if roles.iter().all(Option::is_none) {
            return said;
        }
        let Some(Window::Group(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return said;
        };
        let mut problem = None;
        let mut belongs = |term: usize, e: &Waiting, chosen: &Chosen| asked.belongs(term, e, chosen, &mut problem);
        let (grouped, gave_up) = window.take(asked.event, roles, &mut belongs);
        if gave_up {
            problem.get_or_insert("more of them wait than are compared with one event".to_owned());
        }
        let mine = window.terms_of(asked.event);
        let seen = mine.first().map(|term| window.seen(asked.event, *term)).unwrap_or_default();
        for term in mine {
            self.enters(id, asked.event, Role::Term(term), batch);
        }
        vec![match grouped {
            Grouped::Full => full(asked.trigger),
            Grouped::Waits => {
                let until = when(asked.event.row.at.saturating_add(asked.trigger.within_ms));
                let problem = problem.map(|p| format!("; {p}")).unwrap_or_default();
                Said::Waits(format!("waits for {} until {until}{problem}", asked.missing(terms, &seen)))
            }
            Grouped::Complete(chosen) => {
                let mut events: Vec<_> = chosen.iter().flatten().cloned().collect();
                events.sort_by_key(|e| e.place());
                self.used_up(id, &events, asked.event, batch);
                let params = asked.params(given(terms, &chosen));
                Said::Complete { events, params }
            }
        }]
    }
}

impl Asked<'_> {
    /// The keys of the event as one of a term; none when it is none.
    fn as_term(&self, n: usize, term: &Term, said: &mut Vec<Said>) -> Option<Keys> {
        let (code, settings) = (self.book.code(), &self.book.loaded.settings);
        let of = self.passes(&term.part)?;
        let keys = || open::link_keys(code, settings, &self.trigger.shape, n, &self.event.value);
        match of.and_then(|()| keys()) {
            Ok(keys) => Some(keys),
            Err(no) => {
                said.push(Said::No(no));
                None
            }
        }
    }

    /// Whether what is said of an event and of those that are chosen holds of each of them. What fails is false, and told.
    fn belongs(&self, term: usize, event: &Waiting, chosen: &Chosen, problem: &mut Option<String>) -> bool {
        let Shape::Group { across, .. } = &self.trigger.shape else { return false };
        let there = |n: &usize| *n == term || chosen.get(*n).is_some_and(|of| !of.is_empty());
        let known = |a: &&Across| a.terms.contains(&term) && a.terms.iter().all(there);
        across.iter().filter(known).all(|a| self.holds_of_each(a, term, event, chosen, problem))
    }

    fn holds_of_each(
        &self,
        across: &Across,
        term: usize,
        event: &Waiting,
        chosen: &Chosen,
        problem: &mut Option<String>,
    ) -> bool {
        let mut choices: Vec<HashMap<usize, Value>> = vec![HashMap::from([(term, event.value.clone())])];
        for other in across.terms.iter().filter(|n| **n != term) {
            let of = chosen.get(*other).map(Vec::as_slice).unwrap_or_default();
            let with = |c: &HashMap<usize, Value>, e: &Waiting| {
                let mut more = c.clone();
                more.insert(*other, e.value.clone());
                more
            };
            choices = choices.iter().flat_map(|c| of.iter().map(|e| with(c, e))).collect();
        }
        let (code, settings) = (self.book.code(), &self.book.loaded.settings);
        choices.into_iter().all(|mut choice| {
            let events: Vec<Value> = across.terms.iter().filter_map(|n| choice.remove(n)).collect();
            match judge::holds(code, settings, &across.condition, &events) {
                Ok(()) => true,
                Err(no) => {
                    if no.verdict == "error" {
                        problem.get_or_insert(no.why);
                    }
                    false
                }
            }
        })
    }

    /// The kinds of which too few are there.
    fn missing(&self, terms: &[Term], seen: &[usize]) -> String {
        let of = |(n, term): (usize, &Term)| {
            let (needed, here) = (term.count.unwrap_or(1) as usize, seen.get(n).copied().unwrap_or(0));
            let name = self.name_of(&term.part);
            match term.count {
                _ if here >= needed => None,
                Some(_) => Some(format!("`{name}` ({here} of {needed} seen)")),
                None => Some(format!("`{name}`")),
            }
        };
        let missing: Vec<String> = terms.iter().enumerate().filter_map(of).collect();
        if missing.is_empty() { "others that belong to it".to_owned() } else { missing.join(" and ") }
    }
}

/// What `with` takes: an event for each term, the list of them where it says how many.
fn given(terms: &[Term], chosen: &Chosen) -> Vec<Value> {
    let values = |of: &[std::sync::Arc<Waiting>]| of.iter().map(|e| e.value.clone()).collect::<Vec<_>>();
    let arg = |(term, of): (&Term, &Vec<_>)| match term.count {
        Some(_) => Value::list(values(of)),
        None => values(of).into_iter().next().unwrap_or(Value::Nothing),
    };
    terms.iter().zip(chosen).map(arg).collect()
}
