//! What must be so: judged where it stands, and told with what was so instead.

use rrb_engine::code::runbook_names;
use rrb_engine::run::ask;
use rrb_engine::store::Store;
use rrb_lang::hir::testing::{Expect, Step, StepKind, TextMatch};
use rrb_lang::hir::{Outcome, Runbook};
use rrb_lang::ids::{FnId, RunbookId};
use rrb_lang::json::Json;
use rrb_lang::span::Span;
use rrb_lang::value::{Pattern, Value};
use rrb_lang::vm::print;
use rrb_lang::vm::protocol::{FailureKind, Note};

use super::facts::{Facts, outcome_name, shown_now, told};
use super::literal;
use super::stage::{Broken, Stage};
use super::steps::Done;
use super::trouble::Trouble;

/// Names that are listed where one was not found.
const LISTED: usize = 12;

/// The longest text of a value in a message, in characters.
const LONGEST: usize = 2_000;

impl Stage {
    /// Judges a statement when it is an expectation.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn judge(&self, step: &Step) -> Done {
        let StepKind::Expect(expect) = &step.kind else { return Ok(Vec::new()) };
        let span = step.span;
        let trouble = match expect {
            Expect::Called { call, count } => self.called(call, *count, span).await?,
            Expect::Before { first, second } => self.before(first, second, span).await?,
            Expect::Outcome { outcome, why, of } => self.outcome(*outcome, why.as_ref(), *of, span).await?,
            Expect::Failure { kind, message, of } => self.failure(*kind, message.as_ref(), *of, span).await?,
            Expect::Evidence { name, test, absent } => self.evidence(name, *test, *absent, span, &step.text).await?,
            Expect::Log { text, absent } => self.log(text, *absent, span).await?,
            Expect::Step { name, absent } => self.began(name, *absent, span).await?,
            Expect::Approval { question, absent } => self.approval(question.as_ref(), *absent, span).await?,
            Expect::Disposition { verdict, of } => self.disposition(verdict, *of, span).await?,
            Expect::DeadLetter { reason } => self.dead_letter(reason.as_ref(), span),
            Expect::Runs { count, of } => self.runs(*count, *of, span).await?,
            Expect::Running { of } => self.running(*of, span).await?,
        };
        Ok(trouble.map(|t| self.with_refusal(t)).into_iter().collect())
    }

    /// A delivery that was not taken may be why nothing is as it should be.
    fn with_refusal(&self, trouble: Trouble) -> Trouble {
        match &self.last.refused {
            Some(why) if !trouble.notes.iter().any(|n| n.contains(why.as_str())) => {
                trouble.note(format!("the last delivery was refused: {why}"))
            }
            _ => trouble,
        }
    }

    async fn outcome(
        &self,
        outcome: Outcome,
        why: Option<&TextMatch>,
        of: Option<RunbookId>,
        span: Span,
    ) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let wanted = outcome_name(outcome);
        let Some(run) = facts.of(self, of).last().copied() else {
            let trouble = Trouble::new(span, "no run", format!("no run ended `{wanted}`: none began"));
            let trouble = facts.standing(self, of, trouble);
            return Ok(Some(trouble.notes(Facts::told(&Facts::dispositions(self, of).await?))));
        };
        let Some(end) = &run.end else {
            let text = format!("the run has not ended `{wanted}`: it is not over at {}", shown_now(self));
            return Ok(Some(run.standing(self, Trouble::new(span, "not over", text))));
        };
        if end.outcome != outcome {
            let text = format!("the outcome is `{}`, not `{wanted}`", outcome_name(end.outcome));
            return Ok(Some(run.standing(self, Trouble::new(span, "it is another", text))));
        }
        match why {
            Some(why) if !matches(why, &end.why) => {
                let text = format!("the run ended `{wanted}`, but not {}", wanted_text(why));
                let said = if end.why.is_empty() {
                    "without a reason".to_owned()
                } else {
                    format!("with {}", literal::quoted(&end.why))
                };
                Ok(Some(Trouble::new(span, "another reason", text).note(format!("it ended {said}"))))
            }
            _ => Ok(None),
        }
    }

    async fn failure(
        &self,
        kind: Option<FailureKind>,
        message: Option<&TextMatch>,
        of: Option<RunbookId>,
        span: Span,
    ) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let runs = facts.of(self, of);
        let failed: Vec<_> = runs.iter().filter_map(|r| r.failure()).collect();
        let Some(kind) = kind else {
            return Ok(failed.first().map(|failure| {
                Trouble::new(span, "one failed", "a run failed, and none should have").notes(told(self, failure))
            }));
        };
        let Some(failure) = failed.last() else {
            let text = format!("no run failed with `{}`", kind.name());
            return Ok(Some(facts.standing(self, of, Trouble::new(span, "nothing failed", text))));
        };
        if failure.kind != kind {
            let text = format!("the failure is `{}`, not `{}`", failure.kind.name(), kind.name());
            return Ok(Some(Trouble::new(span, "it is another", text).notes(told(self, failure))));
        }
        Ok(message.filter(|m| !matches(m, &failure.message)).map(|m| {
            let text = format!("the failure is `{}`, but not {}", kind.name(), wanted_text(m));
            Trouble::new(span, "another message", text).notes(told(self, failure))
        }))
    }

    async fn evidence(
        &self,
        name: &str,
        test: Option<FnId>,
        absent: bool,
        span: Span,
        written: &str,
    ) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let found = facts.evidence(name);
        let (Some(value), false) = (found, absent) else {
            return Ok(match (found, absent) {
                (Some(value), _) => Some(
                    Trouble::new(span, "it is there", format!("there is an evidence {}", literal::quoted(name)))
                        .note(format!("it is {}", told_json(value))),
                ),
                (None, true) => None,
                (None, false) => {
                    let text = format!("there is no evidence {}", literal::quoted(name));
                    let names = facts.notes().filter_map(|n| match n {
                        Note::Evidence { name, .. } => Some(name.as_str()),
                        _ => None,
                    });
                    let trouble = listed(Trouble::new(span, "not there", text), "the evidence there is", name, names);
                    Some(facts.standing(self, None, trouble))
                }
            });
        };
        let Some(test) = test else { return Ok(None) };
        let label = "not so";
        Ok(match self.functions.call(test, vec![Value::Json(value.clone())]) {
            Ok(Value::Bool(true)) => None,
            Ok(_) => {
                let text = format!("the evidence {} is not as expected", literal::quoted(name));
                let trouble = Trouble::new(span, label, text).note(format!("it is {}", told_json(value)));
                let wanted = written.split_once(&literal::quoted(name)).map(|(_, rest)| rest.trim());
                Some(match wanted.filter(|w| !w.is_empty()) {
                    Some(wanted) => trouble.note(format!("expected is {wanted}")),
                    None => trouble,
                })
            }
            Err(why) => {
                let text = format!("the evidence {} cannot be judged: {why}", literal::quoted(name));
                Some(Trouble::new(span, label, text).note(format!("it is {}", told_json(value))))
            }
        })
    }

    async fn log(&self, text: &TextMatch, absent: bool, span: Span) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let lines: Vec<&str> = facts
            .notes()
            .filter_map(|n| match n {
                Note::Log { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        Ok(self.among(&facts, text, absent, span, "log", "the log says", &lines))
    }

    async fn began(&self, name: &TextMatch, absent: bool, span: Span) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let steps: Vec<&str> = facts
            .notes()
            .filter_map(|n| match n {
                Note::StepBegan { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        Ok(self.among(&facts, name, absent, span, "step", "the steps that began are", &steps))
    }

    #[expect(clippy::too_many_arguments, reason = "the words of two expectations that are judged alike")]
    fn among(
        &self,
        facts: &Facts,
        wanted: &TextMatch,
        absent: bool,
        span: Span,
        what: &str,
        there: &str,
        all: &[&str],
    ) -> Option<Trouble> {
        let found = all.iter().find(|t| matches(wanted, t));
        match (found, absent) {
            (Some(_), false) | (None, true) => None,
            (Some(found), true) => {
                let text = format!("there is a {what} {}", literal::quoted(found));
                Some(Trouble::new(span, "it is there", text))
            }
            (None, false) => {
                let text = format!("there is no {what} {}", written_match(wanted));
                let plain = match wanted {
                    TextMatch::Is(text) => text.as_str(),
                    TextMatch::Matches(_) => "",
                };
                let trouble = listed(Trouble::new(span, "not there", text), there, plain, all.iter().copied());
                Some(facts.standing(self, None, trouble))
            }
        }
    }

    async fn approval(
        &self,
        question: Option<&TextMatch>,
        absent: bool,
        span: Span,
    ) -> Result<Option<Trouble>, Broken> {
        let open = self.store.approvals(true, 1_000).await.map_err(|e| Broken::Engine(e.to_string()))?;
        let questions: Vec<&str> = open.iter().map(ask::question).collect();
        let fits = |q: &&&str| question.is_none_or(|wanted| matches(wanted, q));
        let found = questions.iter().find(fits);
        Ok(match (found, absent) {
            (Some(_), false) | (None, true) => None,
            (Some(found), true) => {
                let trouble = Trouble::new(span, "one is open", "an approval is open, and none should be");
                Some(trouble.note(format!("it asks {}", literal::quoted(found))))
            }
            (None, false) => {
                let text = match question {
                    Some(wanted) => format!("no open approval asks {}", written_match(wanted)),
                    None => "no approval is open".to_owned(),
                };
                let plain = match question {
                    Some(TextMatch::Is(text)) => text.as_str(),
                    _ => "",
                };
                let trouble = Trouble::new(span, "nobody is asked", text);
                let trouble = listed(trouble, "open are", plain, questions.iter().copied());
                Some(self.facts().await?.standing(self, None, trouble))
            }
        })
    }

    async fn disposition(&self, verdict: &str, of: Option<RunbookId>, span: Span) -> Result<Option<Trouble>, Broken> {
        if let Some((word, why)) = &self.last.not_started {
            return Ok((*word != verdict).then(|| {
                let text = format!("the run was not started because of `{word}`, not `{verdict}`");
                Trouble::new(span, "another reason", text).note(why.clone())
            }));
        }
        if verdict == "duplicate" && self.last.duplicates > 0 {
            return Ok(None);
        }
        let dispositions = Facts::dispositions(self, of).await?;
        if dispositions.iter().any(|d| d.verdict == verdict) {
            return Ok(None);
        }
        let at = of.and_then(|id| self.functions.program.runbook(id)).map(|r: &Runbook| format!(" at `{}`", r.name));
        let text = format!("the last event is not `{verdict}`{}", at.unwrap_or_default());
        let mut trouble = Trouble::new(span, "it became another", text).notes(Facts::told(&dispositions));
        if self.last.events.is_empty() {
            trouble = trouble.note(match (&self.last.dead, self.last.duplicates) {
                (Some(why), _) => format!("the delivery could not be read: {why}"),
                (None, 0) => "no event came in before this".to_owned(),
                (None, _) => "the event was taken for one that came before: it is `duplicate`".to_owned(),
            });
        }
        Ok(Some(trouble))
    }

    fn dead_letter(&self, reason: Option<&TextMatch>, span: Span) -> Option<Trouble> {
        let Some(why) = &self.last.dead else {
            let trouble = Trouble::new(span, "it was read", "the last delivery is no dead letter");
            return Some(match self.last.events.len() {
                0 => trouble.note("no event was taken from it"),
                n => trouble.note(format!("{n} events were taken from it")),
            });
        };
        reason.filter(|r| !matches(r, why)).map(|r| {
            let text = format!("the delivery could not be read, but not {}", wanted_text(r));
            Trouble::new(span, "another reason", text).note(format!("it could not be read: {why}"))
        })
    }

    async fn runs(&self, count: u32, of: Option<RunbookId>, span: Span) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        let runs = facts.of(self, of);
        if runs.len() == count as usize {
            return Ok(None);
        }
        let text = format!("{} began, not {count}", counted(runs.len(), "run"));
        let mut trouble = Trouble::new(span, "another number", text);
        for run in runs.iter().take(LISTED) {
            let why = run.row.event.as_ref().map_or_else(|| run.row.requester.clone(), |_| "an event".to_owned());
            trouble = trouble.note(format!("`{}`, started by {why}, is {}", run.row.runbook, run.row.status));
        }
        if runs.is_empty() {
            trouble = facts.standing(self, of, trouble);
        }
        Ok(Some(trouble.notes(Facts::told(&Facts::dispositions(self, of).await?))))
    }

    async fn running(&self, of: Option<RunbookId>, span: Span) -> Result<Option<Trouble>, Broken> {
        let facts = self.facts().await?;
        if facts.of(self, of).iter().any(|r| r.end.is_none()) {
            return Ok(None);
        }
        let name = of.and_then(|id| runbook_names(&*self.code).get(id.index()).cloned());
        let text = match name {
            Some(name) => format!("no run of `{name}` is under way"),
            None => "no run is under way".to_owned(),
        };
        let trouble = facts.standing(self, of, Trouble::new(span, "not under way", text));
        Ok(Some(trouble.notes(Facts::told(&Facts::dispositions(self, of).await?))))
    }
}

/// Whether a text is the one that is looked for. A pattern that is none was refused by the check.
pub fn matches(wanted: &TextMatch, text: &str) -> bool {
    match wanted {
        TextMatch::Is(whole) => whole == text,
        TextMatch::Matches(pattern) => Pattern::new(pattern).is_ok_and(|p| p.regex().is_match(text)),
    }
}

fn written_match(wanted: &TextMatch) -> String {
    match wanted {
        TextMatch::Is(text) => literal::quoted(text),
        TextMatch::Matches(pattern) => format!("that matches re\"{pattern}\""),
    }
}

fn wanted_text(wanted: &TextMatch) -> String {
    match wanted {
        TextMatch::Is(text) => format!("with {}", literal::quoted(text)),
        TextMatch::Matches(pattern) => format!("with anything that matches re\"{pattern}\""),
    }
}

/// What there is instead, with the one that may be meant.
fn listed<'a>(trouble: Trouble, there: &str, wanted: &str, all: impl Iterator<Item = &'a str>) -> Trouble {
    let mut names: Vec<&str> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return trouble;
    }
    let more = names.len().saturating_sub(LISTED);
    let shown: Vec<String> = names.iter().take(LISTED).map(|n| literal::quoted(n)).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let trouble = trouble.note(format!("{there} {}{more}", shown.join(", ")));
    match rrb_lang::diag::nearest(wanted, names.iter().copied()) {
        Some(near) => trouble.help(format!("did you mean {}?", literal::quoted(near))),
        None => trouble,
    }
}

fn told_json(json: &Json) -> String {
    let text = literal::json_written(json).unwrap_or_else(|| print::json_text(json));
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// `1 run`, `2 runs`, `no runs`
pub fn counted(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
