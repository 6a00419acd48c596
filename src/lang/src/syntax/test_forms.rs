//! What a statement of a test looks like, as advice where one cannot be read.

use super::{
    explain::{Context, Token},
    scan::Open,
};
use crate::diag::{Diagnostic, codes};

/// The forms by the word that they begin with.
const FORMS: &[(&str, &str)] = &[
    (
        "when",
        "write `when alertmanager.firing { name: \"Disk\" }`, or `when \"/alertmanager\" { … }` for what is sent to a webhook",
    ),
    ("run", "write `run relieve(node: \"n7\")`, and behind it `by \"ana\"` where it matters who starts it"),
    ("approve", "write `approve by \"ana\", \"bo\"`"),
    ("deny", "write `deny by \"ana\" because \"…\"`"),
    ("advance", "write `advance 10m`"),
    ("crash", "`crash` stands alone"),
    ("cancel", "write `cancel`, or `cancel relieve because \"…\"`"),
    ("resolve", "write `resolve happened`, `resolve did_not_happen` or `resolve unknown`"),
];

const GIVEN: &str = "write `given k8s.drain(\"n7\", _)` and behind it `returns …` or `fails once with timeout`; or `given group(\"sre\") is [\"ana\"]`, \
                     `given settings { … }`, `given now is time\"…\"`";
const ANSWER: &str = "an answer is `returns …` or `fails with timeout \"…\"`, also `fails once`, `fails 3 times`; another one follows behind `, then`";
const EXPECT: &str = "write `expect k8s.drain called once with node: \"n7\"`, `expect outcome resolved`, `expect evidence \"disk\" == 0.9`, \
                      `expect log \"…\"`, `expect runs 1`, `expect running` and the like";
const CALLED: &str = "behind the action stands `called`, `called once`, `called 2 times`, `called at least 2 times`, `called before k8s.drain` or `not called`";
const STATEMENTS: &str = "a test is made of `given`, `when`, `run`, `approve by`, `deny by`, `advance`, `crash`, `cancel`, `resolve` and `expect`";

/// A statement of a test of which only the first word stands there.
pub(super) fn alone(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let missing = match found.text {
        "given" => "what is given",
        "expect" => "what is expected",
        "advance" => "how much time passes",
        "deny" => "who denies",
        "resolve" => "what happened",
        _ => return None,
    };
    let rest = context.text.get(found.start + found.text.len()..)?.trim_start_matches([' ', '\t']);
    let ends = rest.is_empty() || rest.starts_with(['\n', '\r', '}']) || rest.starts_with("//");
    if !ends || !in_test(context) {
        return None;
    }
    let message = format!("this `{}` does not say {missing}", found.text);
    let d = Diagnostic::error(
        codes::SYNTAX_UNEXPECTED,
        message,
        context.token_span(found),
        "nothing behind it on this line",
    );
    let form = FORMS.iter().find(|(form, _)| *form == found.text).map(|(_, help)| *help);
    Some(d.help(form.unwrap_or(if found.text == "given" { GIVEN } else { EXPECT })))
}

/// Advice for a mistake in a test, or in what begins one.
pub(super) fn advice(context: &Context<'_>, found: Token<'_>) -> Option<String> {
    if context.before(found.start).text == "test" && found.start > context.start {
        return Some("a test has a name, which is a text: `test \"two approvals drain the node\" { … }`".into());
    }
    if !in_test(context) {
        return None;
    }
    let first = context.token(context.start);
    let head = context.head(found.start);
    let at_end = found.start == context.start;
    Some(match first.text {
        "given" if head.contains(" fails") || head.contains(" returns") => ANSWER.into(),
        "given" => GIVEN.into(),
        "expect" if head.contains('.') => CALLED.into(),
        "expect" => EXPECT.into(),
        "let" => "a test has no variables; give the value a name with `let` at the top level of the module".into(),
        "do" => {
            "a test calls nothing itself: start a runbook with `run NAME(…)`, or let an event come with `when`".into()
        }
        "assert" | "verify" => EXPECT.into(),
        word => match FORMS.iter().find(|(form, _)| *form == word) {
            Some((_, form)) if !at_end || !is_end(found) => (*form).into(),
            _ => STATEMENTS.into(),
        },
    })
}

fn is_end(found: Token<'_>) -> bool {
    matches!(found.text, "" | "}")
}

/// Whether the statement stands in the braces of a test.
fn in_test(context: &Context<'_>) -> bool {
    let around = context.groups.iter().filter(|(o, close)| o.at < context.start && context.start <= *close);
    let braces = around.filter(|(o, _)| o.kind == Open::Curly).max_by_key(|(o, _)| o.at);
    braces.is_some_and(|(o, _)| {
        let line = context.text.get(..o.at).and_then(|t| t.rsplit('\n').next()).unwrap_or("");
        line.trim_start().starts_with("test ")
    })
}
