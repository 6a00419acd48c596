//! Two events that belong together, or one without the other.

use rrb_lang::hir::{Part, Shape};
use rrb_lang::syntax::ast::Joint;

use super::super::counters::shown;
use super::super::open::{self, Window};
use super::super::windows::{Role, Side, Taken, Waiting};
use super::super::{Batch, Matcher, judge};
use super::{Asked, NAMED, Said, full};
use crate::run::gate::shown_time as when;

impl Matcher {
    pub(super) fn pair(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        joint: Joint,
        first: &Part,
        second: &Part,
        batch: &mut Batch,
    ) -> Vec<Said> {
        let mut said = Vec::new();
        let shape = &asked.trigger.shape;
        let mut role = |part: &Part, side: Side| match asked.passes(part)? {
            Ok(()) => {
                let (code, settings) = (asked.book.code(), &asked.book.loaded.settings);
                match open::join_key(code, settings, shape, side, &asked.event.value) {
                    Ok(key) => Some(key),
                    Err(no) => {
                        said.push(Said::No(no));
                        None
                    }
                }
            }
            Err(no) => {
                said.push(Said::No(no));
                None
            }
        };
        let as_first = role(first, Side::First).filter(|_| !asked.used);
        let as_second = role(second, Side::Second);
        if as_first.is_none() && as_second.is_none() {
            return said;
        }
        let mut problem = None;
        let mut left = Vec::new();
        let Some(Window::Pair(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return said;
        };
        let mut fits = |a: &Waiting, b: &Waiting| belong(asked, a, b, &mut problem);
        let taken = window.take(asked.event, as_first.as_deref(), as_second.as_deref(), &mut fits, &mut left);
        let roles = window.roles(asked.event);
        for side in roles {
            self.enters(id, asked.event, Role::Side(side), batch);
        }
        for old in left {
            self.leaves(id, &old, batch);
        }
        let what = self.of_pair(asked, id, joint, (first, second), taken, as_first.is_some(), batch);
        vec![match (what, problem) {
            (Said::Waits(detail), Some(problem)) => Said::Waits(format!("{detail}; {problem}")),
            (what, _) => what,
        }]
    }

    #[allow(clippy::too_many_arguments, reason = "one event in one window, with everything that is said of it")]
    fn of_pair(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        joint: Joint,
        (first, second): (&Part, &Part),
        taken: Taken,
        is_first: bool,
        batch: &mut Batch,
    ) -> Said {
        let row = &asked.event.row;
        let until = when(row.at.saturating_add(asked.trigger.within_ms));
        let (a, b) = (asked.name_of(first), asked.name_of(second));
        match taken {
            Taken::Full => full(asked.trigger),
            Taken::Complete { events, .. } => {
                self.used_up(id, &events, asked.event, batch);
                let params = asked.params(events.iter().map(|e| e.value.clone()).collect());
                Said::Complete { events, params }
            }
            Taken::Answers(ended) if ended.is_empty() => Said::Answered(format!("no `{a}` waits for it")),
            Taken::Answers(ended) => {
                for first in &ended {
                    self.leaves(id, first, batch);
                    let when = if joint == Joint::WithoutEarlier { "before it" } else { "in time" };
                    let detail = format!("`{b}` came {when}: `{}`", row.id);
                    self.say(&first.row, asked.runbook(), "answered", None, detail, batch);
                }
                let ids: Vec<String> = ended.iter().take(NAMED).map(|e| format!("`{}`", e.row.id)).collect();
                Said::Answered(format!("it ends the wait of {}", ids.join(", ")))
            }
            Taken::Answered(second) => {
                let said =
                    if joint == Joint::WithoutEarlier { "came before it" } else { "came in time, and was here first" };
                Said::Answered(format!("`{b}` {said}: `{}`", second.row.id))
            }
            Taken::Waits { .. } | Taken::Older => Said::Waits(match (joint, is_first) {
                (Joint::Without | Joint::WithoutAny, _) => format!("fires when no `{b}` comes until {until}"),
                (Joint::WithoutEarlier, _) => {
                    format!("fires when no `{b}` came in the {} before it", shown(asked.trigger.within_ms))
                }
                (Joint::And, true) => format!("waits for `{b}` until {until}"),
                (Joint::And, false) => format!("waits for `{a}` until {until}"),
                (Joint::Then, true) => format!("waits for `{b}` until {until}"),
                (Joint::Then, false) => format!("no `{a}` came before it; one that comes late still counts"),
            }),
        }
    }
}

/// Whether what is said of both events holds of these two. One that fails is false, and told.
fn belong(asked: &Asked<'_>, a: &Waiting, b: &Waiting, problem: &mut Option<String>) -> bool {
    let Shape::Pair { both, .. } = &asked.trigger.shape else { return false };
    let events = [a.value.clone(), b.value.clone()];
    both.iter().all(|c| match judge::holds(asked.book.code(), &asked.book.loaded.settings, c, &events) {
        Ok(()) => true,
        Err(no) => {
            if no.verdict == "error" {
                problem.get_or_insert(no.why);
            }
            false
        }
    })
}
