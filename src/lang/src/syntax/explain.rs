//! What is said about a text that the grammar does not take.

use pest::error::{Error, ErrorVariant};

use super::{
    MAX_NESTING, MAX_SOURCE, forms,
    grammar::Rule,
    habits, others,
    scan::{Flaw, MAX_HASHES, Open, Opener},
    test_forms,
};
use crate::{
    diag::{Diagnostic, Fix, Label, codes, nearest},
    span::{FileId, Span},
};

/// What is known about the place of a mistake.
pub(super) struct Context<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    pub(super) groups: &'a [(Opener, usize)],
    /// Where the statement or declaration begins.
    pub(super) start: usize,
}

/// A token as a person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
}

/// What a declaration begins with.
pub(super) const DECLARATIONS: &[&str] =
    &["use", "let", "settings", "type", "enum", "fn", "action", "runbook", "connector", "policy", "test"];

const MARKS: &[&str] = &[
    "..=", "===", "!==", "**=", "...", "->", "=>", "==", "!=", "<=", ">=", "??", "?.", "..", "+=", "-=", "*=", "/=",
    "%=", "&&", "||", "++", "--", ":=", "::", "<-", "<<", ">>", "/*", "*/", "|>", "**", "${",
];

impl<'a> Context<'a> {
    /// The token at `at`; empty at the end of the text.
    pub(super) fn token(&self, at: usize) -> Token<'a> {
        let rest = self.text.get(at..).unwrap_or("");
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let length = match rest.chars().next() {
            None => 0,
            Some(_) if word > 0 => word,
            Some('"') => text_length(rest),
            Some(c) => MARKS.iter().find(|m| rest.starts_with(**m)).map_or(c.len_utf8(), |m| m.len()),
        };
        Token { text: rest.get(..length).unwrap_or(""), start: at }
    }

    /// The token before `at`; empty at the start of the text.
    pub(super) fn before(&self, at: usize) -> Token<'a> {
        let mut text = self.text.get(..at).unwrap_or("").trim_end();
        while let Some(comment) = comment(text) {
            text = text.get(..comment).unwrap_or("").trim_end();
        }
        let word = text.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let start = match MARKS.iter().find(|m| text.ends_with(**m)) {
            _ if word < text.len() => word,
            Some(mark) => text.len() - mark.len(),
            None => text.char_indices().next_back().map_or(0, |(i, _)| i),
        };
        Token { text: text.get(start..).unwrap_or(""), start }
    }

    /// The innermost bracket around `at`.
    pub(super) fn around(&self, at: usize) -> Option<Opener> {
        let around = self.groups.iter().filter(|(o, close)| o.at < at && at <= *close);
        around.map(|(o, _)| *o).filter(|o| !matches!(o.kind, Open::Text { .. })).max_by_key(|o| o.at)
    }

    /// The code of the statement or declaration before `at`.
    pub(super) fn head(&self, at: usize) -> &'a str {
        self.text.get(self.start.min(at)..at).unwrap_or("")
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        span(self.file, start, end)
    }

    pub(super) fn token_span(&self, token: Token<'_>) -> Span {
        self.span(token.start, token.start + token.text.len())
    }
}

fn span(file: FileId, start: usize, end: usize) -> Span {
    Span::new(file, u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}

/// Where the comment begins that `text` ends in.
fn comment(text: &str) -> Option<usize> {
    let line = text.rfind('\n').map_or(0, |n| n + 1);
    // Most lines have none, and a long one need not be looked at closely.
    text.get(line..)?.find("//")?;
    let mut at = line;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        at += match rest.chars().next() {
            Some('/') if rest.starts_with("//") => return Some(at),
            Some('"') => text_length(rest),
            c => c.map_or(1, char::len_utf8),
        };
    }
    None
}

pub(super) fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return i,
            '"' if !escaped => return i + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// How many bytes of spaces and comments `text` begins with.
pub(super) fn trivia(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix("//") {
            Some(comment) => rest = comment.find('\n').and_then(|n| comment.get(n..)).unwrap_or(""),
            None => return text.len() - rest.len(),
        }
    }
}

/// How many bytes of spaces `text` begins with.
pub(super) fn spaces(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// The text is not what the grammar wants at `at`.
pub(super) fn unexpected(context: &Context<'_>, at: usize, error: &Error<Rule>) -> Diagnostic {
    let found = context.token(at);
    let rules: &[Rule] = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => return too_complex(context, found),
    };
    if let Some(token) = hole(context, at) {
        return nothing_follows(context, token);
    }
    if let Some(d) = test_forms::alone(context, found) {
        return d;
    }
    let others = others::known(context, found, rules);
    let known = others.or_else(|| forms::known(context, found, rules)).or_else(|| habits::known(context, found, rules));
    let mut diagnostic = known.unwrap_or_else(|| plain(context, found, rules));
    if let Some(before) = lacks(context, at, rules)
        && diagnostic.span().start == context.token_span(found).start
    {
        let label = if found.text.is_empty() { "the end" } else { "found here" };
        diagnostic.labels.truncate(1);
        diagnostic.labels.iter_mut().for_each(|l| {
            l.primary = false;
            label.clone_into(&mut l.text);
        });
        let place =
            Label { span: context.token_span(before), text: "something is missing behind this".into(), primary: true };
        diagnostic.labels.insert(0, place);
    }
    diagnostic
}

/// The token at the end of an earlier line behind which something must follow that does not, when the mistake is found at `found`:
/// neither may the list go on with another element there nor its block end.
fn lacks<'a>(context: &Context<'a>, found: usize, rules: &[Rule]) -> Option<Token<'a>> {
    let before = context.before(found);
    let between = context.text.get(before.start + before.text.len()..found)?;
    let line = context.text.get(..before.start)?.rsplit('\n').next()?;
    let open = [Rule::rbrace, Rule::rparen, Rule::rsquare, Rule::EOI];
    let clauses = rules.contains(&Rule::lbrace) && rules.iter().any(|r| keyword(*r).is_some());
    let could_end = clauses
        || rules.iter().any(|r| open.contains(r))
        || matches!(before.text, "" | "," | "{" | "(" | "[" | "\u{1}");
    Some(before).filter(|_| !could_end && between.contains('\n') && !line.contains("//"))
}

fn too_complex(context: &Context<'_>, found: Token<'_>) -> Diagnostic {
    let message = "this code nests too deep to be read";
    Diagnostic::error(codes::SYNTAX_NESTING, message, context.token_span(found), "too deep")
        .help("give the inner part a name, or move it into a function")
}

/// What must be followed by something: when the line ends there and the next one does not go on, the place is here.
const UNFINISHED: &[&str] = &[
    "=", "+=", "-=", "==", "!=", "<=", ">=", "<", "+", "-", "*", "/", "??", "..=", "..", "=>", "->", ":", "and", "or",
    "not", "mod", "matches", "in", "is", "as", "where", "do", "fail", "let", "var", "if", "while", "match", "for",
];

/// The token at the end of an earlier line that lacks what should follow it, when the mistake is found at `found`.
pub(super) fn hole<'a>(context: &Context<'a>, found: usize) -> Option<Token<'a>> {
    let before = context.before(found);
    let between = context.text.get(before.start + before.text.len()..found)?;
    let line = context.text.get(..before.start)?.rsplit('\n').next()?;
    let ends_line = between.contains('\n') && !line.contains("//");
    Some(before).filter(|b| ends_line && UNFINISHED.contains(&b.text))
}

fn nothing_follows(context: &Context<'_>, token: Token<'_>) -> Diagnostic {
    let what = match token.text {
        "->" | ":" | "as" => "a type",
        "let" | "var" | "for" => "a name",
        "is" => "a pattern",
        "do" => "an action",
        "if" | "while" | "where" => "a condition",
        _ => "a value",
    };
    let message = format!("{what} is missing after `{}`", token.text);
    Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, context.token_span(token), "nothing follows")
        .help(format!("write {what} behind it, or remove `{}`", token.text))
}

/// Where the mistake really is: behind the end of an earlier line; or, as `if { … }` reads as a record, where the condition lacks.
pub(super) fn anchor(context: &Context<'_>, found: usize, error: &Error<Rule>) -> usize {
    if let Some(token) = hole(context, found) {
        return token.start;
    }
    if let ErrorVariant::ParsingError { positives, .. } = &error.variant
        && let Some(token) = lacks(context, found, positives)
    {
        return token.start;
    }
    match context.around(found) {
        Some(o) if o.kind == Open::Curly && habits::HEADS.contains(&context.before(o.at).text) => o.at,
        _ => found,
    }
}

/// `expected X or Y, found Z`.
fn plain(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Diagnostic {
    let span = context.token_span(found);
    let declares = context.around(found.start).is_none() && context.start == found.start;
    let words: Vec<String> = match declares {
        true => DECLARATIONS.iter().map(|w| (*w).to_owned()).collect(),
        false => rules.iter().filter_map(|r| keyword(*r)).collect(),
    };
    if let Some(better) = nearest(found.text, words.iter().map(String::as_str)).filter(|_| found.text.len() > 1) {
        let message = format!("`{}` cannot stand here", found.text);
        return Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "unexpected")
            .help(format!("did you mean `{better}`?"))
            .fix(format!("write `{better}`"), vec![(span, better.to_owned())]);
    }
    let expected = if declares { vec!["a declaration".to_owned()] } else { expected(rules) };
    let list = spoken(&expected);
    let message = match (expected.is_empty(), found.text) {
        (true, "") => "the file ends too early".to_owned(),
        (true, text) => format!("`{}` cannot stand here", shorten(text)),
        (false, "") => format!("expected {list}, found the end of the file"),
        (false, text) => format!("expected {list}, found `{}`", shorten(text)),
    };
    let label = if found.text.is_empty() { "the end" } else { "unexpected" };
    let mut diagnostic = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, label);
    diagnostic.help.extend(advice(context, found, rules));
    if comma_lacks(found, rules) {
        let before = context.before(found.start);
        let behind = context.token_span(before).after();
        diagnostic = diagnostic.fix("write `,`", vec![(behind, ",".into())]);
    }
    diagnostic
}

/// Whether another element begins where a comma should stand.
fn comma_lacks(found: Token<'_>, rules: &[Rule]) -> bool {
    rules.contains(&Rule::comma) && starts_operand(found.text)
}

fn advice(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<String> {
    if let Some(advice) = test_forms::advice(context, found) {
        return Some(advice);
    }
    let before = context.before(found.start);
    let has = |r: Rule| rules.contains(&r);
    if comma_lacks(found, rules) {
        return Some("separate them with a comma".into());
    }
    if context.around(found.start).is_none() && context.start == found.start {
        return Some(format!("a file is a list of declarations: `{}`", DECLARATIONS.join(" ")));
    }
    // What could not be read before is blanked, and not what the user wrote.
    if is_expression(rules) && !before.text.is_empty() && !before.text.contains('\u{1}') {
        let place = format!("a value is missing after `{}`", shorten(before.text));
        return Some(format!("{place}; write one, or remove `{}`", shorten(before.text)));
    }
    if has(Rule::y_forbid) || has(Rule::c_forbid) {
        return Some("a rule begins with `applies where`, `forbid`, `require approval`, `limit` or `delegate`".into());
    }
    let body = has(Rule::block) || has(Rule::lbrace);
    match found.text {
        ":" if body && has(Rule::eq) => return Some("a branch is `name = value` or `name { … }`".into()),
        "between" if body => return Some("the body comes first: `in waves [1, 100%] { … } between { … }`".into()),
        _ => {}
    }
    if body {
        return Some("the body stands in braces: `{ … }`".into());
    }
    Some(match context.around(found.start).map(|o| o.kind) {
        Some(Open::Round) => "check the arguments or parameters: they look like `(a, name: b)`".into(),
        Some(Open::Square) => "check the list: its items are separated by commas".into(),
        Some(Open::Hole) => "a hole holds one expression on one line: `${name}`".into(),
        _ => "check the line before this one, too: a statement that is not complete goes on here".into(),
    })
}

fn starts_operand(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_\"([{".contains(c))
}

fn is_expression(rules: &[Rule]) -> bool {
    rules.iter().any(|r| name_of(*r) == Some("an expression"))
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(40) {
        Some((i, _)) => format!("{}…", line.get(..i).unwrap_or("")),
        None => line.to_owned(),
    }
}

/// What could stand here, in a person's words: without what can stand almost anywhere.
fn expected(rules: &[Rule]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for rule in rules.iter().filter(|r| !matches!(r, Rule::k_as | Rule::k_is)) {
        match (name_of(*rule), keyword(*rule)) {
            (Some(name), _) if !names.iter().any(|n| n == name) => names.push(name.to_owned()),
            (None, Some(word)) => words.push(format!("`{word}`")),
            _ => {}
        }
    }
    if names.iter().any(|n| n == "an expression") {
        names.retain(|n| n != "a name" && n != "`{`");
        words.retain(|w| !matches!(w.as_str(), "`true`" | "`false`" | "`none`"));
    }
    if words.len() > 3 {
        words = vec![family(rules).to_owned()];
    }
    words.retain(|w| !names.contains(w));
    names.extend(words);
    names
}

/// What many words together are called.
fn family(rules: &[Rule]) -> &'static str {
    let has = |r: Rule| rules.contains(&r);
    if has(Rule::k_use) {
        "a declaration"
    } else if has(Rule::c_given) {
        "a statement of a test"
    } else if has(Rule::c_unless) || has(Rule::y_unless) {
        "a clause of the rule"
    } else if has(Rule::c_forbid) || has(Rule::y_forbid) {
        "a rule of the policy"
    } else if has(Rule::c_quorum) {
        "a clause of `approve`"
    } else if has(Rule::c_emit) {
        "a clause of the event"
    } else if has(Rule::c_idempotent) {
        "an effect or a clause of the action"
    } else if has(Rule::c_owner) {
        "a header clause or a statement"
    } else {
        "a statement"
    }
}

fn spoken(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// `k_where` and `c_from` are called what they match.
pub(super) fn keyword(rule: Rule) -> Option<String> {
    let name = format!("{rule:?}");
    name.strip_prefix("k_").or_else(|| name.strip_prefix("c_")).map(str::to_owned)
}

/// What a person would call a rule. None for keywords, and for what may follow almost any expression.
fn name_of(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expr | Rule::operation | Rule::condition | Rule::operand | Rule::mod_operand | Rule::each_source => {
            "an expression"
        }
        Rule::lambda
        | Rule::lambda_head
        | Rule::number
        | Rule::text
        | Rule::raw
        | Rule::list
        | Rule::paren
        | Rule::record
        | Rule::prefix_op
        | Rule::expr_stmt
        | Rule::let_cond
        | Rule::spread
        | Rule::arg => "an expression",
        Rule::pattern
        | Rule::pat_any
        | Rule::pat_group
        | Rule::pat_list
        | Rule::pat_record
        | Rule::pat_literal
        | Rule::pat_value
        | Rule::pat_variant => "a pattern",
        Rule::r#type | Rule::type_suffixed | Rule::type_named | Rule::type_record | Rule::type_paren => "a type",
        Rule::ident | Rule::word | Rule::path | Rule::field_decl | Rule::variant | Rule::shorthand => "a name",
        Rule::event_ref | Rule::trigger | Rule::heard | Rule::term => "an event such as `alertmanager.firing`",
        Rule::effect => "an effect (`reads`, `changes` or `destroys`)",
        Rule::block | Rule::lbrace => "`{`",
        Rule::rbrace => "`}`",
        Rule::rparen => "`)`",
        Rule::rsquare => "`]`",
        Rule::rangle => "`>`",
        Rule::colon | Rule::type_note | Rule::arg_name => "`:`",
        Rule::eq => "`=`",
        Rule::comma => "`,`",
        Rule::arrow | Rule::returns => "`->`",
        Rule::fat_arrow => "`=>`",
        Rule::params => "`(`",
        Rule::let_stmt | Rule::block_stmt => "a statement",
        Rule::header_clause => "a header clause",
        Rule::event_source => "`webhook` or `poll`",
        Rule::test_name => "the name of the test, a text",
        Rule::rule_effect => "`changes` or `destroys`",
        Rule::window | Rule::window_hours => "a window such as `weekly(\"Fri 17:00\" to \"Mon 07:00\")`",
        Rule::arm => "a match arm",
        Rule::branch => "a branch such as `a = f()`",
        Rule::hole | Rule::chars | Rule::block_chars => "the rest of the text",
        _ => return None,
    })
}

/// What is wrong with a text or a bracket.
pub(super) fn flaw(file: FileId, text: &str, flaw: &Flaw) -> Diagnostic {
    let one = |at: usize| span(file, at, at + text.get(at..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8));
    let opened = |at: usize, length: usize| span(file, at, at + length);
    match *flaw {
        Flaw::OpenText { opener, end } => Diagnostic::error(
            codes::SYNTAX_UNCLOSED,
            "this text is not closed",
            span(file, opener, end),
            "no closing `\"` on this line",
        )
        .help("close it with `\"`; a text of several lines stands between `\"\"\"`")
        .fix("close the text", vec![(span(file, end, end), "\"".into())]),
        Flaw::OpenHole { opener, end } => {
            let message = "this hole is not closed";
            let d = Diagnostic::error(codes::SYNTAX_UNCLOSED, message, opened(opener, 2), "`${` opens a hole")
                .label(span(file, end, end), "the line ends here")
                .help("close it with `}` on the same line; for a plain `${` write `\\${`");
            match text.get(opener + 2..end).and_then(forms::path_length) {
                Some(length) => {
                    let at = opener + 2 + length;
                    d.fix("close the hole", vec![(span(file, at, at), "}".into())])
                }
                None => d,
            }
        }
        Flaw::OpenRaw { opener, end } => Diagnostic::error(
            codes::SYNTAX_UNCLOSED,
            "this text is not closed",
            span(file, opener, end),
            "never closed",
        )
        .help("close it with `\"` and as many `#` as it began with"),
        Flaw::Hashes { at, end } => Diagnostic::error(
            codes::SYNTAX_UNCLOSED,
            format!("a raw text has at most {MAX_HASHES} `#` on each side"),
            span(file, at, end),
            "too many",
        )
        .help("write fewer, or put the text together: `r\"…\" + \"…\"`"),
        Flaw::CommentInHole { at, end } => {
            Diagnostic::error(codes::SYNTAX_UNEXPECTED, "a hole has no comment", span(file, at, end), "inside `${…}`")
                .help("put the comment before the statement")
        }
        Flaw::SingleQuotes { at, end } => {
            let content = text.get(at + 1..end.saturating_sub(1)).unwrap_or("");
            let better = format!("\"{}\"", content.replace('"', "\\\""));
            Diagnostic::error(
                codes::SYNTAX_FOREIGN,
                "texts stand between double quotes",
                span(file, at, end),
                "single quotes",
            )
            .help(format!("write `{}`", shorten(&better)))
            .fix("use double quotes", vec![(span(file, at, end), better)])
        }
        Flaw::Stray { at } => {
            let closer = text.get(at..at + 1).unwrap_or("");
            Diagnostic::error(
                codes::SYNTAX_UNCLOSED,
                format!("nothing is open for this `{closer}`"),
                one(at),
                "closes nothing",
            )
            .help("remove it, or add what it should close")
        }
        Flaw::Mismatch { opener, at } => {
            let closer = text.get(at..at + 1).unwrap_or("");
            let name = opener_text(opener);
            let (opened, closed) = (opened(opener.at, name.len()), one(at));
            let d = if ends_line(text, opener) {
                let message = format!("this `{closer}` comes before the `{name}` is closed");
                Diagnostic::error(codes::SYNTAX_UNCLOSED, message, closed, "too early").label(opened, "opened here")
            } else {
                let message = format!("this `{name}` is not closed");
                Diagnostic::error(codes::SYNTAX_UNCLOSED, message, opened, "opened here")
                    .label(closed, format!("`{closer}` comes first"))
            };
            d.help(format!("add `{}` before the `{closer}`", closer_text(opener)))
        }
        Flaw::WrongCloser { opener, at } => {
            let (name, closer, right) = (opener_text(opener), text.get(at..at + 1).unwrap_or(""), closer_text(opener));
            let message = format!("this `{name}` is closed by `{closer}`");
            Diagnostic::error(codes::SYNTAX_UNCLOSED, message, one(at), "the wrong closer")
                .label(opened(opener.at, name.len()), "opened here")
                .help(format!("write `{right}`"))
                .fix(format!("write `{right}`"), vec![(one(at), right.into())])
        }
        Flaw::NeverClosed { opener, at } => never_closed(file, text, opener, at),
        Flaw::TooDeep { at } => too_deep(file, at),
    }
}

/// The place is where the closer lacks, as far as the indentation tells: that is where it has to be written.
fn never_closed(file: FileId, text: &str, opener: Opener, at: usize) -> Diagnostic {
    let (name, closer) = (opener_text(opener), closer_text(opener));
    let opened = span(file, opener.at, opener.at + name.len());
    let (before, behind) = (text.get(..opener.at).unwrap_or(""), text.get(opener.at + name.len()..).unwrap_or(""));
    let next = behind.chars().find(|c| !matches!(c, ' ' | '\t' | '\r'));
    let twice = name == "{" && (before.trim_end_matches([' ', '\t']).ends_with('{') || next == Some('{'));
    // A bracket with something behind it on its line most often belongs to that line.
    let on_line = matches!(opener.kind, Open::Round | Open::Square) && !ends_line(text, opener);
    let at_end = at >= text.trim_end().len();
    if twice || on_line {
        return Diagnostic::error(
            codes::SYNTAX_UNCLOSED,
            format!("this `{name}` is not closed"),
            opened,
            "opened here",
        )
        .label(missing_place(file, text, at), if at_end { "the file ends here" } else { "missing before this" })
        .help(if twice { "remove it, or add `}`".to_owned() } else { format!("add `{closer}`") });
    }
    let line = text.get(..opener.at).unwrap_or("").matches('\n').count() + 1;
    let message = format!("the `{name}` of line {line} is not closed");
    let label =
        if at_end { format!("`{closer}` is missing here") } else { format!("`{closer}` is missing before this") };
    Diagnostic::error(codes::SYNTAX_UNCLOSED, message, missing_place(file, text, at), label)
        .label(opened, "opened here")
        .help(format!("add `{closer}`"))
}

/// Whether nothing stands behind an opener on its line.
fn ends_line(text: &str, opener: Opener) -> bool {
    let behind = text.get(opener.at + opener_text(opener).len()..).unwrap_or("");
    behind.lines().next().is_none_or(|line| line.trim().is_empty() || line.trim_start().starts_with("//"))
}

/// The character before which a closer lacks; at the end of the text, on the line behind its code.
fn missing_place(file: FileId, text: &str, at: usize) -> Span {
    match text.get(at..).and_then(|t| t.chars().next()) {
        Some(c) if at < text.trim_end().len() => span(file, at, at + c.len_utf8()),
        _ => {
            let code = text.trim_end().len();
            let next = text.get(code..).and_then(|t| t.find('\n')).map_or(code, |n| code + n + 1);
            span(file, next, next)
        }
    }
}

fn opener_text(opener: Opener) -> &'static str {
    match opener.kind {
        Open::Round => "(",
        Open::Square => "[",
        Open::Curly => "{",
        Open::Hole => "${",
        Open::Text { block: true } => "\"\"\"",
        Open::Text { block: false } => "\"",
    }
}

fn closer_text(opener: Opener) -> &'static str {
    match opener.kind {
        Open::Round => ")",
        Open::Square => "]",
        Open::Curly | Open::Hole => "}",
        Open::Text { block: true } => "\"\"\"",
        Open::Text { block: false } => "\"",
    }
}

pub(super) fn too_deep(file: FileId, at: usize) -> Diagnostic {
    let message = format!("brackets, blocks and texts nest more than {MAX_NESTING} levels deep");
    Diagnostic::error(codes::SYNTAX_NESTING, message, span(file, at, at + 1), "one level too deep")
        .help("give the inner part a name with `let`, or move it into a function")
}

pub(super) fn too_large(file: FileId, text: &str) -> Diagnostic {
    let message = format!("this file has {} bytes; a source file may have {MAX_SOURCE}", text.len());
    Diagnostic::error(codes::SYNTAX_TOO_LARGE, message, span(file, 0, 0), "too large").help("split it into modules")
}

pub(super) fn control_character(file: FileId, at: usize) -> Diagnostic {
    Diagnostic::error(
        codes::SYNTAX_UNEXPECTED,
        "a control character cannot stand in a source file",
        span(file, at, at + 1),
        "U+0001",
    )
    .help("remove it; in a text write `\\u{1}`")
}

/// A diagnostic with a fix that replaces a token.
pub(super) fn replace(context: &Context<'_>, token: Token<'_>, message: String, better: &str) -> Diagnostic {
    let span = context.token_span(token);
    let mut d = Diagnostic::error(codes::SYNTAX_FOREIGN, message, span, "another language's way")
        .help(format!("write `{better}`"));
    d.fixes.push(Fix { title: format!("write `{better}`"), edits: vec![(span, better.to_owned())] });
    d
}
