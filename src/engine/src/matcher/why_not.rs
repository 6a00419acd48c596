//! Why an event did not start a runbook: every trigger of it asked again, clause by clause, without letting anything wait.

use rrb_lang::hir::{Conjunct, Part, Runbook, Shape, TriggerKind};
use rrb_lang::value::Value;

use super::book::Book;
use super::counters::shown;
use super::index::TriggerRef;
use super::judge;
use super::several::trigger_text;
use crate::api::{ConditionAnswer, TriggerAnswer};
use crate::code::event_name;
use crate::store::EventRow;
use crate::stored_event::{event_named, value_of};

/// What each trigger of a runbook says of an event.
///
/// # Errors
/// When the event does not fit its type in this program.
pub fn why_not(book: &Book, n: usize, row: &EventRow) -> Result<Vec<TriggerAnswer>, String> {
    let Some(runbook) = book.runbook(n) else { return Ok(Vec::new()) };
    // An event of a kind that the program no longer knows concerns none of its triggers.
    let value = match event_named(book.code(), &row.source) {
        Some(_) => Some(value_of(book.code(), row)?),
        None => None,
    };
    let asked = Asked { book, runbook, row, value: value.as_ref() };
    Ok((0..runbook.triggers.len()).filter_map(|trigger| asked.one(TriggerRef { runbook: n, trigger })).collect())
}

struct Asked<'a> {
    book: &'a Book,
    runbook: &'a Runbook,
    row: &'a EventRow,
    value: Option<&'a Value>,
}

impl Asked<'_> {
    fn one(&self, at: TriggerRef) -> Option<TriggerAnswer> {
        Some(match &self.runbook.triggers.get(at.trigger)?.kind {
            TriggerKind::Event { event, instance, condition, with } => {
                let name = self.name(event.index());
                let shown = instance.as_ref().map_or_else(|| name.clone(), |i| format!("{name} of `{i}`"));
                let mut answer = TriggerAnswer { trigger: format!("on {shown}"), ..TriggerAnswer::default() };
                if !self.hears(&name, instance.as_deref(), &mut answer) {
                    return Some(answer);
                }
                self.conditions(condition, "", &mut answer);
                if answer.conditions.iter().all(|c| c.holds)
                    && let Some(value) = self.value
                {
                    let given = judge::with_params(&self.book.loaded, self.runbook, *with, vec![value.clone()]);
                    answer.says = given.map_or_else(|no| no.why, |_| "it matches".to_owned());
                }
                answer
            }
            TriggerKind::Several(several) => {
                let mut answer = TriggerAnswer { trigger: trigger_text(self.book, at), ..TriggerAnswer::default() };
                let parts: Vec<&Part> = several.parts();
                let mine: Vec<(usize, &Part)> = (parts.iter().copied().enumerate())
                    .filter(|(_, p)| self.name(p.event.index()) == self.row.source)
                    .collect();
                if mine.is_empty() {
                    let names: Vec<String> =
                        parts.iter().map(|p| format!("`{}`", self.name(p.event.index()))).collect();
                    answer.says = format!("it listens to {}, this is `{}`", names.join(" and "), self.row.source);
                    return Some(answer);
                }
                let mut has_part = false;
                for (n, part) in mine {
                    let name = self.name(part.event.index());
                    let mut of_part = TriggerAnswer::default();
                    if self.hears(&name, part.instance.as_deref(), &mut of_part) {
                        let role = match (parts.len(), n) {
                            (0 | 1, _) => String::new(),
                            (_, 0) => "as the first: ".to_owned(),
                            (_, 1) => "as the second: ".to_owned(),
                            (_, 2) => "as the third: ".to_owned(),
                            (_, n) => format!("as number {}: ", n + 1),
                        };
                        self.conditions(&part.condition, &role, &mut of_part);
                        has_part |= of_part.conditions.iter().all(|c| c.holds);
                    }
                    answer.conditions.append(&mut of_part.conditions);
                    answer.says = of_part.says;
                }
                if has_part {
                    answer.says = match &several.shape {
                        Shape::Count { count, .. } => {
                            format!("it counts; {count} within {} are needed", shown(several.within_ms))
                        }
                        Shape::Silence { .. } => "it is heard, and silence is what starts a run".to_owned(),
                        Shape::Pair { joint, .. } => format!(
                            "it has a part in `{}`; what belongs to it must come within {}",
                            joint.word(),
                            shown(several.within_ms)
                        ),
                        Shape::Group { .. } => {
                            format!(
                                "it has a part in it; what belongs to it must come within {}",
                                shown(several.within_ms)
                            )
                        }
                    };
                }
                answer
            }
            TriggerKind::Every { every_ms, .. } => by_clock(format!("every {}", shown(*every_ms))),
            TriggerKind::Cron { cron, .. } => by_clock(format!("at {cron}")),
        })
    }

    fn name(&self, event: usize) -> String {
        let code = self.book.code();
        code.events().get(event).map(|e| event_name(code, e)).unwrap_or_default()
    }

    fn hears(&self, name: &str, instance: Option<&str>, answer: &mut TriggerAnswer) -> bool {
        if name != self.row.source {
            answer.says = format!("it listens to `{name}`, this is `{}`", self.row.source);
            return false;
        }
        if let Some(wanted) = instance.filter(|i| *i != self.row.instance) {
            answer.says = format!("it listens to the instance `{wanted}`, this came from `{}`", self.row.instance);
            return false;
        }
        true
    }

    fn conditions(&self, all: &[Conjunct], role: &str, answer: &mut TriggerAnswer) {
        let Some(value) = self.value else { return };
        let (code, settings) = (self.book.code(), &self.book.loaded.settings);
        for conjunct in all {
            let said = judge::holds(code, settings, conjunct, std::slice::from_ref(value));
            let detail = said.as_ref().err().map(|no| no.why.clone()).unwrap_or_default();
            let text = format!("{role}{}", conjunct.text);
            answer.conditions.push(ConditionAnswer { text, holds: said.is_ok(), detail });
        }
        if let Some(no) = answer.conditions.iter().find(|c| !c.holds) {
            answer.says = no.detail.clone();
        }
    }
}

fn by_clock(trigger: String) -> TriggerAnswer {
    TriggerAnswer { trigger, says: "the clock starts it, no event".to_owned(), conditions: Vec::new() }
}
