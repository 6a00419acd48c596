//! Mistakes that people bring from other languages, and the ones that everyone makes once.

use super::{
    explain::{self, Context, Token, replace},
    forms,
    grammar::Rule,
    scan::Open,
};
use crate::{
    diag::{Code, Diagnostic, codes, nearest},
    span::Span,
};

/// Words that begin a declaration or a statement elsewhere, and what rrb writes.
const WORDS: &[(&str, &str)] = &[
    ("function", "fn"),
    ("func", "fn"),
    ("def", "fn"),
    ("fun", "fn"),
    ("const", "let"),
    ("val", "let"),
    ("import", "use"),
    ("include", "use"),
    ("require", "use"),
    ("from", "use"),
    ("struct", "type"),
    ("class", "type"),
    ("interface", "type"),
    ("record", "type"),
    ("playbook", "runbook"),
    ("workflow", "runbook"),
    ("task", "action"),
    ("provider", "connector"),
    ("switch", "match"),
    ("foreach", "for"),
    ("loop", "while"),
    ("until", "while"),
    ("unless", "if not"),
    ("throw", "fail"),
    ("raise", "fail"),
    ("except", "catch"),
    ("print", "log"),
    ("println", "log"),
    ("echo", "log"),
    ("mut", "var"),
];

/// What needs something between it and its block.
pub(super) const HEADS: &[&str] =
    &["if", "elif", "while", "match", "step", "approve", "verify", "waive", "in", "and", "or", "not"];

/// The clauses of a runbook's header, as they look.
const CLAUSES: &[(&str, &str)] = &[
    ("owner", "owner \"platform\""),
    ("severity", "severity high"),
    ("tags", "tags [\"disk\"]"),
    ("controls", "controls [\"ISO 27001 A.8.6\"]"),
    ("every", "every 5m"),
    ("at", "at cron\"0 4 * * *\" in \"UTC\"`, or `at most 5 for xs"),
    ("dedupe", "dedupe by unit for 10m"),
    ("limit", "limit 3 per 1h"),
    ("concurrency", "concurrency 1 by unit queue"),
    ("timeout", "timeout 30m"),
    ("give", "give up after 3 ineffective in 1h"),
    ("cancel", "cancel when alertmanager.resolved as calm where calm.name == \"Disk\""),
];

/// Whether the word can name nothing but what is always written behind a dot.
pub fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

const RESERVED: &[&str] = &[
    "action",
    "and",
    "approve",
    "as",
    "break",
    "catch",
    "connector",
    "continue",
    "do",
    "else",
    "enum",
    "event",
    "fail",
    "false",
    "finish",
    "fn",
    "for",
    "if",
    "in",
    "is",
    "let",
    "match",
    "matches",
    "mod",
    "none",
    "not",
    "on",
    "or",
    "otherwise",
    "parallel",
    "policy",
    "race",
    "restart",
    "return",
    "runbook",
    "settings",
    "skip",
    "step",
    "test",
    "true",
    "try",
    "type",
    "use",
    "var",
    "verify",
    "wait",
    "waive",
    "where",
    "while",
    "with",
];

/// Whether the word begins a declaration or a statement in another language.
pub(super) fn is_foreign(word: &str) -> bool {
    WORDS.iter().any(|(foreign, _)| *foreign == word)
}

/// A statement that begins with a word that rrb does not have.
pub(super) fn statement(foreign: &str, span: Span) -> Option<Diagnostic> {
    if let Some(d) = forms::clause_word(foreign, span) {
        return Some(d);
    }
    if matches!(foreign, "run" | "start") {
        let message = format!("`{foreign}` takes a runbook with its parameters");
        return Some(
            Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "no call behind it on this line")
                .help(format!("write `{foreign} other(node: \"n1\")`, or `{foreign} other()` when it has none")),
        );
    }
    // In a body they are words of clauses that lost what they belong to.
    if matches!(foreign, "from" | "require") {
        return None;
    }
    let (_, rrb) = WORDS.iter().find(|(word, _)| *word == foreign)?;
    let fix = vec![(span, (*rrb).to_owned())];
    let d =
        Diagnostic::error(codes::SYNTAX_FOREIGN, format!("rrb has no `{foreign}`"), span, "another language's word");
    Some(d.help(format!("write `{rrb}`")).fix(format!("write `{rrb}`"), fix))
}

/// The same where a header's clause may stand: one that is not as it should be, or that is misspelt.
pub(super) fn header_word(word: &str, span: Span) -> Option<Diagnostic> {
    if let Some(known) = statement(word, span) {
        return Some(known);
    }
    if let Some((_, example)) = CLAUSES.iter().find(|(clause, _)| *clause == word) {
        let message = format!("this `{word}` is not as the clause should be");
        let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "something lacks, or is too much");
        return Some(d.help(format!("write it like `{example}`")));
    }
    let better = nearest(word, CLAUSES.iter().map(|(clause, _)| *clause)).filter(|_| word.len() > 3)?;
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, format!("`{word}` cannot stand here"), span, "unexpected");
    Some(d.help(format!("did you mean `{better}`?")).fix(format!("write `{better}`"), vec![(span, better.to_owned())]))
}

/// A clause of the header that went on into the next line because something of it is wrong.
fn broken_clause(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let first = context.token(context.start);
    let behind = context.text.get(first.start + first.text.len()..).unwrap_or("").trim_start_matches(' ');
    let name = behind.starts_with(['=', '.', '(', '[', '+', '-', ':', '\n']);
    let inside = context.around(found.start).map(|o| o.at);
    let declares = inside.is_some_and(|at| ["settings", "type ", "enum "].iter().any(|w| line_begins(context, at, w)));
    if name || declares || first == found || !CLAUSES.iter().any(|(clause, _)| *clause == first.text) {
        return None;
    }
    header_word(first.text, context.token_span(first))
}

fn error(context: &Context<'_>, token: Token<'_>, code: Code, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::error(code, message, context.token_span(token), label)
}

/// The diagnostic for a mistake that we know.
pub(super) fn known(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let before = context.before(found.start);
    if rules.contains(&Rule::c_approval) && before.text == "require" {
        let message = "a policy requires `approval`";
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, message, "not this word")
                .help("write `require approval from group(\"sre\") for destroys`"),
        );
    }
    if rules.contains(&Rule::fat_arrow)
        && let Some(d) = statement_as_body(context, found)
    {
        return Some(d);
    }
    mark(context, found, before)
        .or_else(|| equals(context, found, before))
        .or_else(|| field_with_equals(context, found, before, rules))
        .or_else(|| arrow(context, found, before, rules))
        .or_else(|| condition(context, found, before))
        .or_else(|| parameters(context, found, rules))
        .or_else(|| keyword(context, found, before, rules))
        .or_else(|| head_missing(context, found))
        .or_else(|| incomplete(context, found, before, rules))
        .or_else(|| loop_head(context, found, before))
        .or_else(|| broken_clause(context, found))
        .or_else(|| block_for_record(context, found, before))
}

/// `1 => log "x"`: the body of an arm is an expression or a block.
fn statement_as_body(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let from = context.around(found.start)?.at;
    let inside = context.text.get(from..found.start)?;
    let body = from + inside.rfind("=>")? + 2;
    let word = context.token(body + explain::trivia(context.text.get(body..)?));
    if !matches!(word.text, "log" | "evidence" | "let" | "var") {
        return None;
    }
    let message = format!("the body of an arm is a value or a block, and `{}` begins a statement", word.text);
    Some(
        error(context, word, codes::SYNTAX_UNEXPECTED, message, "in braces")
            .help(format!("write `=> {{ {} … }}`", word.text)),
    )
}

/// What stands for something of rrb, or for nothing: the fix writes that.
fn replaced(context: &Context<'_>, token: Token<'_>, message: &str, help: &str, better: &str) -> Diagnostic {
    let title = if better.is_empty() { format!("remove `{}`", token.text.trim()) } else { format!("write `{better}`") };
    let edit = (context.token_span(token), better.to_owned());
    error(context, token, codes::SYNTAX_FOREIGN, message, "not rrb").help(help).fix(title, vec![edit])
}

/// What is said of a `;`.
pub(super) fn semicolon(span: Span) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX_FOREIGN, "there are no semicolons in rrb", span, "not needed")
        .help("remove it; a new line is enough")
        .fix("remove `;`", vec![(span, String::new())])
}

/// What is said of a `=` that was meant to compare.
pub(super) fn comparison(span: Span, label: &str) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX_OPERATOR, "`=` assigns, it does not compare", span, label)
        .help("write `==`")
        .fix("write `==`", vec![(span, "==".into())])
}

/// A mark that rrb does not have.
fn mark(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let foreign =
        |message: &str, help: &str| Some(error(context, found, codes::SYNTAX_FOREIGN, message, "not rrb").help(help));
    let colon_equals = |start: usize| {
        let help = "write `let x = …`, or `x = …` for a `var`";
        Some(replaced(context, Token { text: ":=", start }, "rrb has no `:=`", help, "="))
    };
    match found.text {
        "#" | "/*" | "*/" => foreign("comments begin with `//`", "write `// …` on each line of the comment"),
        "'" | "`" => foreign("texts stand between double quotes", "write `\"…\"`"),
        "\u{201c}" | "\u{201d}" | "\u{2018}" | "\u{2019}" => {
            foreign("these are curly quotes", "write straight quotes: `\"…\"`")
        }
        ":=" => colon_equals(found.start),
        "=" if before.text == ":" && before.start + 1 == found.start => colon_equals(before.start),
        "." if before.text == ".." => {
            Some(replaced(context, found, "rrb has no `...`", "a range is written `1..3`, a spread `..xs`", ""))
        }
        word if before.text == ";" && super::begins_clause(word) => Some(semicolon(context.token_span(before))),
        ";" => Some(semicolon(context.token_span(found))),
        "::" => Some(replaced(context, found, "rrb has no `::`", "write `.`", ".")),
        "<-" => foreign("rrb has no `<-`", "write `=`"),
        "|>" => foreign("rrb has no `|>`", "call the method: `xs.map(f)`"),
        "**" => foreign("rrb has no `**`", "multiply: `x * x`"),
        "++" | "--" => foreign("rrb has no `++` and `--`", "write `x += 1` or `x -= 1`"),
        "..." => Some(replaced(context, found, "rrb has no `...`", "a range is written `1..3`, a spread `..xs`", "..")),
        "&" | "|" | "^" | "~" | "<<" | ">>" => {
            foreign("rrb has no bit operators", "for conditions write `and`, `or`, `not`")
        }
        "*=" | "/=" | "%=" | "**=" => foreign("only `+=` and `-=` assign with an operator", "write `x = x * y`"),
        "@" => foreign("rrb has no `@`", "what belongs to a runbook stands in its header, e.g. `owner \"platform\"`"),
        "?" => foreign("rrb has no `c ? a : b`", "write `if c { a } else { b }`"),
        "+" if before.text == "+" => foreign("rrb has no `++`", "write `x += 1`"),
        "=" if matches!(before.text, "*" | "/") => {
            foreign("only `+=` and `-=` assign with an operator", "write `x = x * y`")
        }
        text if text.chars().all(|c| !c.is_ascii()) && !text.is_empty() => Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, format!("`{text}` cannot stand here"), "not ASCII")
                .help("names have the letters a to z, digits and `_`; anything may stand in a text"),
        ),
        _ => None,
    }
}

/// `=` where a comparison or a `:` was meant.
fn equals(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    if found.text != "=" {
        return None;
    }
    let span = context.token_span(found);
    let head = context.head(found.start);
    let around = context.around(found.start).filter(|o| o.at >= context.start || o.kind != Open::Curly);
    let named = before.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let condition = ["if ", "while ", "where ", "when ", "until ", "elif "].iter().any(|w| head.contains(w));
    // Of several clauses on the line the last one counts.
    let arguments = head.rfind("with ").is_some_and(|at| !head.get(at..).unwrap_or("").contains("where "));
    let named_argument = match around.map(|o| o.kind) {
        Some(Open::Round) => named && !condition && !head.trim_start().starts_with("fn "),
        _ => named && arguments,
    };
    if named_argument {
        return Some(
            Diagnostic::error(codes::SYNTAX_FOREIGN, "a named argument is written with `:`", span, "`:` goes here")
                .help(format!("write `{}: …`", before.text))
                .fix("write `:`", vec![(span, ":".into())]),
        );
    }
    condition.then(|| comparison(span, "in a condition"))
}

/// `quota = Size`, `{ before = 3 }`
fn field_with_equals(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let named = before.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if found.text != "=" || !named || !rules.contains(&Rule::colon) {
        return None;
    }
    let help = format!("write `{}: …`", before.text);
    Some(replaced(context, found, "`:` goes behind a name here", &help, ":"))
}

/// `if c then {`, `if (let x = y) {`, `if const x = y {`
fn condition(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let head = context.head(found.start);
    if found.text == "then" && ["if ", "while ", "elif "].iter().any(|w| head.contains(w)) {
        let start = before.start + before.text.len();
        let text = context.text.get(start..found.start + found.text.len())?;
        let help = "remove it: the body stands in braces, `if c { … }`";
        let d = replaced(context, Token { text, start }, "rrb has no `then` behind a condition", help, "");
        return Some(d);
    }
    let opens = context.before(before.start).text;
    if matches!(opens, "if" | "while" | "and") && is_foreign(before.text) {
        return statement(before.text, context.token_span(before));
    }
    if found.text == "let" && before.text == "(" && matches!(opens, "if" | "while" | "and") {
        let message = format!("`let` stands right behind `{opens}`");
        let d = error(context, before, codes::SYNTAX_FOREIGN, message, "no parentheses here");
        return Some(d.label(context.token_span(found), "what it is to be").help("write `if let x = y { … }`"));
    }
    None
}

/// `runbook restart {`
fn parameters(context: &Context<'_>, found: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let declared = context.token(context.start).text;
    if found.text.is_empty() || !rules.contains(&Rule::params) || !matches!(declared, "runbook" | "action" | "fn") {
        return None;
    }
    let name = context.before(found.start);
    let at = context.token_span(name).after();
    let d = error(context, name, codes::SYNTAX_UNEXPECTED, format!("this `{declared}` has no parameters"), "`()` here");
    Some(
        d.help(format!("write `{}()`, also when there are none", name.text)).fix("write `()`", vec![(at, "()".into())]),
    )
}

/// `->`, `=>` and `:` mixed up.
fn arrow(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let head = context.head(found.start).trim_start();
    let declares = ["fn ", "action ", "native "].iter().any(|w| head.starts_with(w));
    match found.text {
        "=>" | ":" if declares && before.text == ")" => Some(replace(
            context,
            found,
            format!("the type of a result stands after `->`, not after `{}`", found.text),
            "->",
        )),
        "->" => Some(replace(context, found, "`->` stands only before the type of a result".into(), "=>")),
        ":" if rules.contains(&Rule::fat_arrow) => {
            Some(replace(context, found, "the body of an arm stands after `=>`".into(), "=>"))
        }
        "=" if rules.contains(&Rule::fat_arrow) => {
            Some(replace(context, found, "the body of an arm stands after `=>`".into(), "=>"))
        }
        _ => None,
    }
}

fn keyword(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let reserved = is_reserved(found.text);
    if found.text == "test"
        && context.around(found.start).is_some()
        && context.text.get(found.start..).is_some_and(|t| t.starts_with("test \""))
    {
        let d = error(context, found, codes::SYNTAX_PLACE, "a test stands at the top level of a file", "not here");
        return Some(d.help("move it out of these braces"));
    }
    if found.text == "catch" && before.text == "}" {
        let opener = context.groups.iter().find(|(_, close)| *close == before.start).map(|(o, _)| o.at);
        let at = opener.map_or(context.token_span(found), |at| context.span(at, at + 1));
        let d = Diagnostic::error(
            codes::SYNTAX_UNEXPECTED,
            "`try` is missing before this block",
            at,
            "`try` goes before this",
        );
        return Some(
            d.label(context.token_span(found), "what it belongs to")
                .help("write `try { … } catch f { … }`")
                .fix("write `try`", vec![(at.before(), "try ".into())]),
        );
    }
    if found.text == "else" {
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, "this `else` has no `if`", "nothing before it")
                .help("`else` stands after the `}` of an `if`: `if c { a } else { b }`"),
        );
    }
    let binds = matches!(before.text, "let" | "var" | "as" | "fn" | "action" | "runbook" | "for" | "catch" | "," | "(");
    let names = rules.iter().any(|r| matches!(r, Rule::ident | Rule::pattern | Rule::pat_variant | Rule::trigger_as));
    if reserved && names && (binds || rules == [Rule::ident]) {
        let message = format!("`{}` is a reserved word and names nothing", found.text);
        return Some(
            error(context, found, codes::SYNTAX_RESERVED, message, "a name goes here")
                .help(format!("choose another name, e.g. `{}_`", found.text)),
        );
    }
    let value = rules
        .iter()
        .any(|r| matches!(r, Rule::expr | Rule::operand | Rule::operation | Rule::mod_operand | Rule::condition));
    let unnamed = matches!(
        found.text,
        "type"
            | "event"
            | "settings"
            | "test"
            | "policy"
            | "connector"
            | "enum"
            | "action"
            | "use"
            | "or"
            | "as"
            | "with"
    );
    let within = matches!(before.text, "${" | "(" | "," | "=" | "??" | "+" | "-" | "*" | "[" | ":");
    if reserved && value && unnamed && within {
        let message = format!("`{}` is a reserved word and names nothing", found.text);
        return Some(
            error(context, found, codes::SYNTAX_RESERVED, message, "a value goes here")
                .help(format!("choose another name, e.g. `{}_`", found.text)),
        );
    }
    let first = context.token(context.start);
    if context.head(found.start).lines().count() <= 1 && first != found {
        return statement(first.text, context.token_span(first));
    }
    if first == found && context.around(found.start).is_none() {
        if matches!(found.text, "from" | "require") {
            return Some(replace(context, found, format!("rrb has no `{}`", found.text), "use"));
        }
        return statement(found.text, context.token_span(found));
    }
    None
}

/// `if { … }`, `step { … }`.
fn head_missing(context: &Context<'_>, found: Token<'_>) -> Option<Diagnostic> {
    let opener = context.around(found.start).filter(|o| o.kind == Open::Curly)?;
    let word = context.before(opener.at);
    let (what, example) = match word.text {
        "if" | "elif" | "while" => ("condition", "a condition"),
        "match" => ("value to match", "a value"),
        "in" => ("list to go through", "a list"),
        "and" | "or" | "not" => ("right side", "a condition"),
        "step" | "verify" => ("name", "a text"),
        "approve" => ("question", "a text"),
        "waive" => ("reason", "a text"),
        _ => return None,
    };
    let message = format!("this `{}` has no {what}", word.text);
    Some(
        error(context, word, codes::SYNTAX_UNEXPECTED, message, "something is missing after it")
            .help(format!("write {example} between `{}` and `{{`", word.text)),
    )
}

/// A trigger whose events cannot be read.
fn trigger(context: &Context<'_>, found: Token<'_>, before: Token<'_>, head: &str) -> Option<Diagnostic> {
    let wrong = |message: &str, label| error(context, found, codes::SYNTAX_UNEXPECTED, message, label);
    let words: Vec<&str> = head.split_whitespace().collect();
    let joint = |w: &str| matches!(w, "and" | "then" | "without");
    match words.as_slice() {
        ["on", "silence"] => Some(
            wrong("`silence` of what?", "`of` is missing")
                .help("write `on silence of CONNECTOR.EVENT as e by K for 10m`"),
        ),
        // A name that no dot follows.
        [.., word, name] if (joint(word) || matches!(*word, "on" | "of")) && !name.contains('.') => Some(
            error(context, before, codes::SYNTAX_UNEXPECTED, format!("`{name}` names no event"), "no event")
                .help("a trigger names an event of a connector: `on alertmanager.firing as a`"),
        ),
        [.., word] if joint(word) || *word == "of" => Some(
            wrong(&format!("an event is missing after `{word}`"), "no event")
                .help("name an event of a connector: `alertmanager.firing as b`"),
        ),
        _ => None,
    }
}

/// What this version does not have, or what lacks a part.
fn incomplete(context: &Context<'_>, found: Token<'_>, before: Token<'_>, rules: &[Rule]) -> Option<Diagnostic> {
    let head = context.head(found.start).trim_start();
    if head.starts_with("wait for") && !head.contains('.') {
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, "`wait for` takes an event", "no event").help(
                "write `wait for alertmanager.resolved as r where r.name == name within 10m`; to pause: `wait 5m`",
            ),
        );
    }
    if head.starts_with("on ")
        && let Some(d) = trigger(context, found, before, head)
    {
        return Some(d);
    }
    if before.text == "finish" {
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, "`finish` has no outcome", "the outcome comes first")
                .help("write `finish resolved \"why\"`; outcomes are `resolved mitigated not_needed escalated failed`"),
        );
    }
    if found.text == "??" && rules.contains(&Rule::eq) {
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, "a type is optional once", "`??` is an operator")
                .help("write `?`"),
        );
    }
    if found.text == "=>" {
        return Some(
            error(
                context,
                found,
                codes::SYNTAX_UNEXPECTED,
                "this `=>` belongs to no `match` and no lambda",
                "not here",
            )
            .help("arms stand in `match x { 1 => …, _ => … }`; a lambda is `x => …` or `(a, b) => …`"),
        );
    }
    None
}

fn loop_head(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let head = context.head(found.start).trim_start();
    if !head.starts_with("for ")
        || head.contains(" in ")
        || matches!(found.text, "{" | "" | "=") && before.text == "for"
    {
        return None;
    }
    let at = context.span(found.start, found.start + found.text.len());
    let d = Diagnostic::error(codes::SYNTAX_UNEXPECTED, "this `for` has no `in`", at, "`in` goes here");
    let d = d.help("write `for x in xs { … }`");
    Some(if matches!(found.text, "of" | ":") { d.fix("write `in`", vec![(at, "in".into())]) } else { d })
}

fn line_begins(context: &Context<'_>, at: usize, with: &str) -> bool {
    let before = context.text.get(..at).unwrap_or("");
    before.rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with(with))
}

/// `let x = { f() }`: in a value position `{` opens a record.
fn block_for_record(context: &Context<'_>, found: Token<'_>, before: Token<'_>) -> Option<Diagnostic> {
    let around = context.around(found.start).filter(|o| o.kind == Open::Curly)?;
    let opener = context.before(around.at);
    let value_position = matches!(opener.text, "=" | "(" | "," | "[" | ":" | "??" | "==" | "+" | "return");
    if !value_position || before.text == ":" || line_begins(context, around.at, "type ") {
        return None;
    }
    if is_reserved(before.text) && matches!(found.text, "}" | ",") {
        let message = format!("`{}` is a reserved word, so it has no short form in a record", before.text);
        return Some(
            error(context, before, codes::SYNTAX_RESERVED, message, "names no variable")
                .help(format!("write `{}: …` with its value", before.text)),
        );
    }
    if found.text.starts_with('"') && found.text.contains("${") {
        return Some(
            error(context, found, codes::SYNTAX_UNEXPECTED, "a key of a map in quotes has no hole", "a hole in a key")
                .help(format!("write a computed key: `[{}]: …`", found.text)),
        );
    }
    let opened = context.span(around.at, around.at + 1);
    let message =
        format!("`{}` cannot stand in a record", if found.text.is_empty() { before.text } else { found.text });
    Some(
        error(context, found, codes::SYNTAX_UNEXPECTED, message, "expected `name: value`")
            .label(opened, "a record begins here")
            .help("where a value stands, `{` opens a record: `{ name: x, port: 80 }`; separate its fields with commas"),
    )
}
