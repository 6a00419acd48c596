//! Forms of rrb that have a part too many or too few, or in the wrong order: what is said of them, and how they are written.

use super::{
    explain::{Context, Token},
    grammar::Rule,
    scan::Open,
};
use crate::{
    diag::{Diagnostic, codes},
    feeds::FEEDS,
    span::{FileId, Span},
};

/// The diagnostic for a form that we know.
pub(super) fn known(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let before = context.before(found.start);
    let head = context.head(found.start);
    source(context, found, head, rules)
        .or_else(|| declared_with(context, found, head, rules))
        .or_else(|| default_of_modified(context, found, before, head))
        .or_else(|| retry(context, head, rules))
        .or_else(|| type_arguments(context, found))
        .or_else(|| each_converted(context, found, head))
        .or_else(|| named_rest(context, found, before, rules))
}

/// `from file`
fn source(context: &Context<'_>, found: Token<'_>, head: &str, rules: &[Rule]) -> Option<Diagnostic> {
    let origin_lacks = head.trim_start().starts_with("event ") && found.text == "{" && rules.contains(&Rule::c_from);
    if !rules.contains(&Rule::event_source) && !origin_lacks {
        return None;
    }
    let span = context.token_span(found);
    let message = match found.text {
        "" | "{" => "an event says where it comes from".to_owned(),
        word if FEEDS.iter().any(|f| f.scheme.name == word) => format!("`{word}` lacks its arguments"),
        word => format!("no event comes from `{word}`"),
    };
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "its source goes here");
    let known = FEEDS.iter().find(|f| f.scheme.name == found.text);
    Some(match (found.text, known) {
        ("poll", _) => d.help("write `from poll every 1m { … }`"),
        ("webhook", _) => d.help("write `from webhook \"/path\"`"),
        (_, Some(feed)) => d.help(format!(
            "what it takes stands in brackets: `from {}{}(…)`",
            if feed.stream { "stream " } else { "" },
            feed.scheme.name
        )),
        _ => {
            let all: Vec<String> =
                FEEDS.iter().filter(|f| !f.stream).map(|f| format!("`{}(…)`", f.scheme.name)).collect();
            d.help(format!("the sources are `webhook \"/path\"`, `poll every 1m {{ … }}`, {}", all.join(", ")))
        }
    })
}

/// `type Pair { … }`, `enum Phase = { … }`
fn declared_with(context: &Context<'_>, found: Token<'_>, head: &str, rules: &[Rule]) -> Option<Diagnostic> {
    let span = context.token_span(found);
    let head = head.trim_start();
    if head.starts_with("type ") && found.text == "{" && rules.contains(&Rule::eq) {
        let message = "a `type` stands for something: a `=` is missing";
        let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "`=` goes before this");
        return Some(d.help("write `type NAME = { … }`").fix("write `=`", vec![(span.before(), "= ".into())]));
    }
    if ["enum ", "settings "].iter().any(|w| head.starts_with(w)) && found.text == "=" {
        let word = head.split(' ').next().unwrap_or_default();
        let message = format!("`{word}` has no `=`");
        let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "not needed");
        return Some(d.help("remove it: its braces come next").fix("remove `=`", vec![(span, String::new())]));
    }
    None
}

/// `let x = f() timeout 3s ?? y`: modifiers belong to the whole expression.
fn default_of_modified(context: &Context<'_>, found: Token<'_>, before: Token<'_>, head: &str) -> Option<Diagnostic> {
    if found.text != "??" {
        return None;
    }
    let at = modifier(head)?;
    let from = context.start + at;
    let span = context.span(from, before.start + before.text.len());
    let message = "modifiers belong to a call that is the whole expression";
    let mut d = Diagnostic::error(codes::SYNTAX_MODIFIER, message, span, "more follows behind these")
        .label(context.token_span(found), "this")
        .help("put the call and its modifiers in parentheses: `(f(x) timeout 3s) ?? y`");
    let value = head.get(..at).and_then(|h| h.rfind(" = ")).map(|i| context.start + i + 3);
    if let Some(value) = value {
        let (open, close) = (context.span(value, value), span.after());
        d = d.fix("put them in parentheses", vec![(open, "(".into()), (close, ")".into())]);
    }
    Some(d)
}

/// Where the first modifier of a call begins in the code of a statement.
fn modifier(head: &str) -> Option<usize> {
    let words = ["retry", "timeout", "key", "undo"];
    words
        .iter()
        .flat_map(|w| head.match_indices(w).map(|(at, _)| (at, w.len())))
        .filter(|(at, length)| {
            let before = head.get(..*at).unwrap_or_default();
            let behind = head.get(at + length..).unwrap_or_default();
            before.trim_end().ends_with(')') && before.ends_with(char::is_whitespace) && behind.starts_with(' ')
        })
        .map(|(at, _)| at)
        .min()
}

/// `retry 3`, `retry unsafe "r"`, `retry backoff 1s..1m`
fn retry(context: &Context<'_>, head: &str, rules: &[Rule]) -> Option<Diagnostic> {
    let expects_operand = || rules.contains(&Rule::mod_operand) || rules.contains(&Rule::text);
    let at = head.rfind("retry ")?;
    let clause = head.get(at + "retry ".len()..)?;
    let modifies = head.get(..at)?.trim_end().ends_with([')', '}', '"']) || head.get(..at)?.contains(')');
    if !modifies || clause.contains("times") || !(rules.contains(&Rule::c_times) || expects_operand()) {
        return None;
    }
    let start = context.start + at;
    let span = context.span(start, start + clause.trim_end().len() + "retry ".len());
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, "this `retry` does not say how often", span, "how many times?");
    Some(if clause.trim_start().starts_with("unsafe") {
        d.help("write `retry unsafe \"reason\" 3 times`")
    } else {
        d.help("write `retry 3 times`, or `retry 3 times backoff 1s..1m`")
    })
}

/// `first_or<Int>([1], 2)`
fn type_arguments(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let opener = context.around(found.start).filter(|o| o.kind == Open::Round);
    let behind = if found.text == ">" { found.start + 1 } else { opener?.at };
    if !context.text.get(behind..)?.starts_with('(') {
        return None;
    }
    let (from, to) = written_arguments(context.text, behind)?;
    Some(needless_arguments(context.file, context.text, from, to))
}

/// The place of `<…>` between a name and the bracket at `at` that touches it.
pub(super) fn written_arguments(text: &str, at: usize) -> Option<(usize, usize)> {
    let before = text.get(..at)?;
    let inside = |c: char| c.is_ascii_alphanumeric() || "_<>, ?.".contains(c);
    let start = before.rfind(|c: char| !inside(c)).map_or(0, |i| i + 1);
    let name = before.get(start..)?;
    let open = name.find('<')?;
    let called = name.get(..open)?.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (called && before.ends_with('>')).then_some((start + open, at))
}

/// What is said of type arguments at a call.
pub(super) fn needless_arguments(file: FileId, text: &str, from: usize, to: usize) -> Diagnostic {
    let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let span = Span::new(file, at(from), at(to));
    let written = text.get(from..to).unwrap_or_default();
    let message = "the types of a call are found out, not written";
    Diagnostic::error(codes::SYNTAX_FOREIGN, message, span, "another language's way")
        .help(format!("remove `{written}`"))
        .fix(format!("remove `{written}`"), vec![(span, String::new())])
}

/// `each body.items as List<Json> as item`
fn each_converted(context: &Context<'_>, found: Token<'_>, head: &str) -> Option<Diagnostic> {
    let list = head.trim_start().strip_prefix("each ")?;
    let (value, written) = list.split_once(" as ")?;
    if !matches!(found.text, "<" | "as" | "?") || value.starts_with('(') {
        return None;
    }
    let line = context.text.get(context.start..)?.lines().next()?;
    let name = line.rfind(" as ").filter(|i| context.start + i > found.start || found.text == "as");
    let first = context.start + (head.len() - written.len());
    let end = name.map_or(found.start, |i| context.start + i);
    let span = context.span(first, end.max(first));
    let message = "the list of `each` is converted in parentheses";
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "the name of an item goes here");
    let d = d.help(format!("write `each ({} as List<Json>) as item`", value.trim()));
    let from = context.start + head.len() - list.len();
    Some(match name {
        Some(_) => d.fix(
            "put the list in parentheses",
            vec![(context.span(from, from), "(".into()), (context.span(end, end), ")".into())],
        ),
        None => d,
    })
}

/// `[first, ..rest]` as a pattern.
fn named_rest(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let ends = [Rule::rsquare, Rule::rbrace, Rule::rparen].iter().any(|r| rules.contains(r));
    let name = |t: &str| t.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let span = match found.text {
        text if before.text == ".." && ends && rules.contains(&Rule::comma) && name(text) => context.token_span(found),
        "." if before.text == ".." && ends => {
            let behind = context.token(found.start + 1);
            context.token_span(found).to(if name(behind.text) {
                context.token_span(behind)
            } else {
                context.token_span(found)
            })
        }
        _ => return None,
    };
    let message = "the rest has no name in a pattern";
    Some(
        Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "`..` stands alone")
            .help("write `..`; for the rest of a list name the whole and take `.drop(1)` of it")
            .fix("leave the name out", vec![(span, String::new())]),
    )
}

/// A word of a clause that begins a statement, where it cannot stand.
pub(super) fn clause_word(word: &str, span: Span) -> Option<Diagnostic> {
    let place = |message: &str, help: &str| {
        Some(Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "not here").help(help))
    };
    match word {
        "missed" => place(
            "`missed run once` or `missed skip` goes right behind the time of a trigger",
            "write it like `every 5m missed skip`, or `at cron\"0 3 * * *\" missed run once`",
        ),
        "unsafe" => {
            place("`unsafe` stands right behind `retry`, before the count", "write `retry unsafe \"reason\" 3 times`")
        }
        "backoff" => place("`backoff` belongs to a `retry`", "write `retry 3 times backoff 1s..1m`"),
        _ => None,
    }
}

/// How far the name or path that a hole begins with goes: where its closer most likely lacks. None when it begins with none.
pub(super) fn path_length(hole: &str) -> Option<usize> {
    let begin = hole.len() - hole.trim_start().len();
    let rest = hole.get(begin..)?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_.".contains(c))).unwrap_or(rest.len());
    let path = rest.get(..end)?.trim_end_matches('.');
    let call = hole.get(begin + path.len()..)?.strip_prefix("()").map_or(0, |_| 2);
    path.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(begin + path.len() + call)
}
