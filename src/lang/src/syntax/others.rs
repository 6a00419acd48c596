//! Whole forms that people bring from YAML, Python, Go, Terraform and Ansible.

use super::{
    explain::{Context, DECLARATIONS, Token, keyword},
    grammar::Rule,
    habits,
    scan::Open,
    slips,
};
use crate::diag::{Diagnostic, codes};

/// What is said of a file that is not one of rrb at all.
const NO_YAML: &str = "a file of rrb is no YAML";

/// What is said of `owner: "platform"`.
const NO_COLON: &str = "statements are not written with a `:`";

/// What is said where a block begins as in Python.
const NO_INDENTATION: &str = "a block stands in braces, not behind a `:`";

/// The diagnostic for a form that we know.
pub(super) fn known(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let before = context.before(found.start);
    indented(context, found, rules)
        .or_else(|| yaml(context, found, before))
        .or_else(|| clause_with_colon(context, found, rules))
        .or_else(|| name_in_quotes(context, found, before, rules))
        .or_else(|| end_of_block(context, found))
        .or_else(|| several_results(context, found))
        .or_else(|| counted_loop(context, found))
        .or_else(|| arm(context, found))
        .or_else(|| comprehension(context, found))
        .or_else(|| lambda(context, found, before))
        .or_else(|| type_first(context, found, before, rules))
        .or_else(|| retry_of_a_block(context, found))
        .or_else(|| trigger(context, found, before))
}

/// Whether everything behind it is in another language.
pub(super) fn ends_reading(d: &Diagnostic) -> bool {
    d.message == NO_YAML
}

/// Whether what belongs to it stands further in below, and ends without a bracket.
pub(super) fn opens_by_indentation(d: &Diagnostic) -> bool {
    d.message == NO_INDENTATION
}

/// `if x == 3:`, `def f(a):`
fn indented(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let behind = context.text.get(found.start..)?.lines().next()?;
    let opens = rules.iter().any(|r| matches!(r, Rule::block | Rule::lbrace));
    if !opens || behind.trim_end() != ":" {
        return None;
    }
    let help = "write `{` instead of the `:`, and `}` where the block ends";
    foreign(context, found, NO_INDENTATION, "not rrb", help)
}

/// `within: 30m` among the clauses of a statement.
fn clause_with_colon(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let before = context.before(found.start);
    let in_block = context.around(found.start).is_some_and(|o| o.kind == Open::Curly);
    let (word, colon) = if found.text == ":" && in_block && slips::is_word(before.text) {
        (before, found)
    } else {
        (found, Token { text: ":", start: found.start + found.text.len() })
    };
    let clause = word == before || rules.iter().filter_map(|r| keyword(*r)).any(|known| known == word.text);
    if !clause || !context.text.get(colon.start..)?.starts_with(": ") {
        return None;
    }
    let d = foreign(context, colon, NO_COLON, "not here", format!("write `{} …`", word.text))?;
    Some(d.fix("remove `:`", vec![(context.token_span(colon), String::new())]))
}

fn foreign(
    context: &Context<'_>,
    at: Token<'_>,
    message: &str,
    label: &str,
    help: impl Into<String>,
) -> Option<Diagnostic> {
    Some(Diagnostic::error(codes::SYNTAX_FOREIGN, message, context.token_span(at), label).help(help))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `runbook: restart`, `steps:`
fn yaml(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let behind = context.text.get(found.start + found.text.len()..)?;
    let key = if found.text == ":" { before } else { found };
    let colon = found.text == ":" || behind.starts_with(": ") || behind.starts_with(":\n");
    let line = context.text.get(..key.start)?.rsplit('\n').next()?;
    if !colon || !is_name(key.text) || !line.trim_start_matches([' ', '-']).is_empty() {
        return None;
    }
    match context.around(found.start) {
        None => foreign(
            context,
            key,
            NO_YAML,
            "a key of YAML",
            "a runbook is declared like this: `runbook relieve(node: Text) { owner \"platform\" … }`",
        ),
        Some(o) if o.kind == Open::Curly && found.text == ":" && !slips::is_word(key.text) => foreign(
            context,
            found,
            NO_COLON,
            "not here",
            format!(
                "a clause stands without it (`owner \"platform\"`), steps are written `step \"{}\" {{ … }}`",
                key.text
            ),
        ),
        Some(_) => None,
    }
}

/// `runbook "restart" {`
fn name_in_quotes(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let name = found.text.strip_prefix('"')?.strip_suffix('"')?;
    let plain = is_name(name) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let names = rules.iter().any(|r| matches!(r, Rule::ident | Rule::word));
    if !plain || !names || !DECLARATIONS.contains(&before.text) {
        return None;
    }
    let message = format!("the name of a `{}` stands without quotes", before.text);
    let d = foreign(context, found, &message, "a text", format!("write `{} {name}`", before.text))?;
    Some(d.fix(format!("write `{name}`"), vec![(context.token_span(found), name.to_owned())]))
}

/// `end` on a line of its own
fn end_of_block(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let line = context.text.get(..found.start)?.rsplit('\n').next()?;
    let behind = context.text.get(found.start + found.text.len()..)?.lines().next().unwrap_or("");
    if found.text != "end" || !line.trim().is_empty() || !behind.trim().is_empty() {
        return None;
    }
    foreign(context, found, "rrb has no `end`", "another language's word", "blocks begin with `{` and end with `}`")
}

/// `pods, err := k8s.pods(ns)`
fn several_results(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let line = context.text.get(found.start..)?.lines().next()?;
    let assigns = line
        .split_once(":=")
        .is_some_and(|(names, _)| names.bytes().all(|b| b.is_ascii_alphanumeric() || b"_, ".contains(&b)));
    if found.text != "," || !assigns {
        return None;
    }
    let help = "a call gives one value, and a failure is caught: `let pods = try { k8s.pods(ns) } catch f { … }`";
    foreign(context, found, "a call does not give several values", "not rrb", help)
}

/// `for i := 0; i < n; i++ {`
fn counted_loop(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let counts = context.head(found.start).trim_start().starts_with("for ") && matches!(found.text, ":=" | "=" | ";");
    counts.then(|| {
        foreign(context, found, "a loop goes over a list or a range", "not rrb", "write `for i in 0..n { … }`")
    })?
}

/// `case "a": …`
fn arm(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let first = context.token(context.start);
    if first.text != "case" || context.around(found.start).is_none() {
        return None;
    }
    foreign(
        context,
        first,
        "an arm of a `match` has no `case`",
        "not rrb",
        "write `\"a\" => …,` and for the rest `_ => …`",
    )
}

/// `[x for x in xs if x > 3]`
fn comprehension(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let inside = context.around(found.start).is_some_and(|o| matches!(o.kind, Open::Square | Open::Curly));
    let list = context.around(found.start).is_some_and(|o| o.kind == Open::Square);
    if found.text != "for" || !inside || !list {
        return None;
    }
    let help = "write `xs.filter(x => x.len() > 3).map(x => x.upper())`";
    foreign(context, found, "a list is not made with `for` in its brackets", "not rrb", help)
}

/// `lambda x: x + 1`
fn lambda(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    if before.text != "lambda" || !is_name(found.text) {
        return None;
    }
    foreign(context, before, "rrb has no `lambda`", "another language's word", format!("write `{} => …`", found.text))
}

/// `fn add(Int a)`
fn type_first(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let in_params = context.around(found.start).is_some_and(|o| o.kind == Open::Round);
    let capital = before.text.starts_with(|c: char| c.is_ascii_uppercase());
    if !in_params || !capital || !rules.contains(&Rule::colon) || !is_name(found.text) {
        return None;
    }
    let span = context.token_span(before).to(context.token_span(found));
    let better = format!("{}: {}", found.text, before.text);
    Some(
        Diagnostic::error(
            codes::SYNTAX_FOREIGN,
            "the type of a parameter stands behind its name",
            span,
            "the other way round",
        )
        .help(format!("write `{better}`"))
        .fix(format!("write `{better}`"), vec![(span, better)]),
    )
}

/// `retry 3 { … }`
fn retry_of_a_block(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let first = context.token(context.start);
    let line = context.text.get(first.start..)?.lines().next()?;
    if first.text != "retry" || first != found || !line.trim_end().ends_with('{') {
        return None;
    }
    let help = "write it behind the call that is to be tried again: `do k8s.drain(node) retry 3 times backoff 1s..1m`";
    foreign(context, first, "`retry` belongs to a call, not to a block", "no call before it", help)
}

/// `on "DiskFull"`, `on error as e { … }`
fn trigger(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let handler = |at: Token<'_>| {
        let help = "what a failure leaves to do stands at the end of a runbook: `on failure as f { … }`";
        foreign(context, at, &format!("there is no `on {}`", at.text), "not an event", help)
    };
    if before.text == "on" && found.text.starts_with('"') {
        let help = format!(
            "name an event of a connector and say which one is meant: `on alertmanager.firing as a where a.name == {}`",
            found.text
        );
        return foreign(context, found, "a trigger names an event, not a text", "not an event", help);
    }
    let failure = |word: &str| matches!(word, "error" | "errors" | "exception" | "fail" | "failed" | "failures");
    let head = context.head(found.start).trim();
    if head.strip_prefix("on ").is_some_and(|rest| failure(rest.trim())) {
        return handler(before);
    }
    (before.text == "on" && failure(found.text)).then(|| handler(found))?
}

/// Whether a declaration that cannot be read has a head that nobody could mean one of rrb with: then its body means nothing either.
pub(super) fn is_unknown_head(first: &str, declarations: &[&str]) -> bool {
    is_name(first)
        && !declarations.contains(&first)
        && !habits::is_foreign(first)
        && crate::diag::nearest(first, declarations.iter().copied()).is_none()
}
