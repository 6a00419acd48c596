//! What somebody typed, taken apart: declarations, statements, commands; and whether more must come before it can be taken.

use std::ops::Range;

use rrb_lang::diag::{Diagnostic, codes};
use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{ExprKind, Item, ItemKind, Pattern, PatternKind, Stmt, StmtKind};
use rrb_lang::syntax::{self, ast};
use smol_str::SmolStr;

/// The most bytes that are taken at once.
pub const MAX_INPUT: usize = 1 << 20;

/// A part of an input that is taken by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its bytes in the input.
    pub range: Range<usize>,
    pub kind: Kind,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `use std.kubernetes`
    Use,
    /// A declaration, by its kind and name: `fn percent`.
    Declaration { what: &'static str, name: SmolStr },
    /// `let` and `var`, by the names they bind.
    Bind { names: Vec<SmolStr>, mutable: bool },
    /// `x = 3`
    Assign { name: SmolStr },
    /// An expression, or a statement without a value.
    Run,
}

/// What could not be read: the diagnostics' spans are in the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    pub diagnostics: Vec<Diagnostic>,
}

/// Whether an input is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing but space and comments.
    Empty,
    /// It ends in the middle of something.
    Open,
    /// It can be taken, rightly or wrongly written.
    Whole,
}

/// Whether more must come. A blank line at the end of what could go on ends it.
pub fn standing(text: &str) -> Standing {
    let code = text.trim();
    if code.is_empty() || is_comment(code) {
        return Standing::Empty;
    }
    if code.starts_with(':') || text.len() > MAX_INPUT {
        return Standing::Whole;
    }
    if syntax::is_open(text) {
        return Standing::Open;
    }
    let ended = text.ends_with("\n\n") || text.ends_with("\n\r\n");
    // Documentation belongs to what comes next.
    if !ended && text.trim_end().lines().next_back().is_some_and(|l| l.trim_start().starts_with("///")) {
        return Standing::Open;
    }
    match pieces(text) {
        Err(wrong) if !ended && wrong.ends_at(text.trim_end().len()) => Standing::Open,
        _ => Standing::Whole,
    }
}

/// Whether a line belongs to what stands before it, though that could end there.
pub fn goes_on(line: &str) -> bool {
    let line = line.trim_start();
    let word = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    (line.starts_with('.') && !line.starts_with("..")) || matches!(word, "else" | "otherwise" | "catch" | "between")
}

fn is_comment(code: &str) -> bool {
    code.lines().all(|l| {
        let l = l.trim();
        l.is_empty() || (l.starts_with("//") && !l.starts_with("///"))
    })
}

impl Unreadable {
    /// Whether the first mistake is that the text ends.
    fn ends_at(&self, end: usize) -> bool {
        let ends = |d: &Diagnostic| d.labels.iter().any(|l| l.primary && l.text == "nothing follows");
        let first = self.diagnostics.iter().find(|d| d.is_error());
        first.is_some_and(|d| d.span().start as usize >= end || (d.span().end as usize >= end && ends(d)))
    }

    fn one(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: vec![diagnostic] }
    }
}

/// Takes an input apart.
///
/// # Errors
/// What is wrong with the first piece that cannot be read.
pub fn pieces(text: &str) -> Result<Vec<Piece>, Unreadable> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = begin(text, at) {
        let rest = text.get(start..).unwrap_or_default();
        let read = if begins_item(rest) { items(rest) } else { statements(rest) }.map_err(|w| shifted(w, start))?;
        let Some(last) = read.last().map(|p| p.range.end) else { break };
        found.extend(read.into_iter().map(|p| Piece { range: p.range.start + start..p.range.end + start, ..p }));
        at = start + last.max(1);
    }
    Ok(found)
}

/// Where the next code begins: behind space, plain comments and stray semicolons.
fn begin(text: &str, mut at: usize) -> Option<usize> {
    loop {
        let rest = text.get(at..)?;
        let code = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';');
        at += rest.len() - code.len();
        if code.starts_with("//") && !code.starts_with("///") {
            at += code.find('\n').unwrap_or(code.len());
        } else {
            return (!code.is_empty()).then_some(at);
        }
    }
}

/// The words that begin declarations; `let` stands for a value here.
const ITEMS: [&str; 12] =
    ["use", "fn", "action", "runbook", "connector", "policy", "test", "type", "enum", "settings", "event", "native"];

fn begins_item(rest: &str) -> bool {
    if rest.starts_with("///") {
        return true;
    }
    let word = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    let behind = rest.get(word.len()..).unwrap_or_default();
    let next = behind.trim_start_matches([' ', '\t']);
    // `settings`, `type` and `event` may be names of values.
    let declares = match word {
        "settings" => next.starts_with('{'),
        "event" | "native" => next.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'),
        _ => !next.starts_with(['.', '=', '(']),
    };
    ITEMS.contains(&word) && declares
}

const FILE: FileId = FileId(0);

/// The declarations that `text` begins with.
fn items(text: &str) -> Result<Vec<Piece>, Unreadable> {
    let text = text.get(..statement_line(text)).unwrap_or(text);
    let parsed = syntax::parse(FILE, text);
    let wrong = first_error(&parsed.diagnostics);
    let mut found = Vec::new();
    for item in &parsed.module.items {
        let (start, end) = (docs_start(text, item), item.span.end as usize);
        if wrong.as_ref().is_some_and(|w| w.start < end) || !begins_item(text.get(start..).unwrap_or_default()) {
            break;
        }
        let Some(kind) = item_kind(text, item) else { break };
        found.push(Piece { range: start..end, kind });
    }
    match found.is_empty() {
        false => Ok(found),
        true => Err(only(parsed.diagnostics)),
    }
}

/// Where an item begins with its documentation.
fn docs_start(text: &str, item: &Item) -> usize {
    let start = item.span.start as usize;
    if item.docs.is_empty() {
        return start;
    }
    let mut from = start;
    for line in text.get(..start).unwrap_or_default().split_inclusive('\n').rev() {
        let code = line.trim();
        if !code.is_empty() && !code.starts_with("//") {
            break;
        }
        from -= line.len();
    }
    from + text.get(from..).and_then(|t| t.find("///")).unwrap_or(0)
}

fn item_kind(text: &str, item: &Item) -> Option<Kind> {
    let (what, name) = match &item.kind {
        ItemKind::Use(_) => return Some(Kind::Use),
        ItemKind::Settings(_) => ("settings", SmolStr::default()),
        ItemKind::Type(t) => ("type", t.name.name.clone()),
        ItemKind::Enum(e) => ("enum", e.name.name.clone()),
        ItemKind::Fn(f) => ("fn", f.name.name.clone()),
        ItemKind::Action(a) => ("action", a.name.name.clone()),
        ItemKind::Runbook(r) => ("runbook", r.name.name.clone()),
        ItemKind::Connector(c) => ("connector", c.name.name.clone()),
        ItemKind::Policy(p) => ("policy", p.name.name.clone()),
        ItemKind::Test(t) => {
            ("test", text.get(t.name.span.start as usize..t.name.span.end as usize).unwrap_or_default().into())
        }
        ItemKind::Event(e) => ("event", e.name.name.clone()),
        ItemKind::Const(_) | ItemKind::Bad => return None,
    };
    Some(Kind::Declaration { what, name })
}

/// What stands around statements so that they can be read.
const HEAD: &str = "action a() destroys {\n";

/// The statements that `text` begins with, up to a declaration.
fn statements(text: &str) -> Result<Vec<Piece>, Unreadable> {
    let until = item_line(text);
    let text = text.get(..until).unwrap_or(text);
    let parsed = syntax::parse(FILE, &format!("{HEAD}{text}\n}}"));
    let head = |d: &Diagnostic| d.labels.iter().any(|l| (l.span.start as usize) < HEAD.len());
    let blames_head = parsed.diagnostics.iter().any(|d| d.code == codes::SYNTAX_UNCLOSED && head(d));
    let diagnostics = inside(parsed.diagnostics, text);
    let wrong = first_error(&diagnostics);
    let mut found = Vec::new();
    for stmt in body(&parsed.module) {
        let (Some(start), end) =
            ((stmt.span.start as usize).checked_sub(HEAD.len()), stmt.span.end as usize - HEAD.len())
        else {
            break;
        };
        let broken = wrong.as_ref().is_some_and(|w| w.start < end) || matches!(stmt.kind, StmtKind::Bad);
        if broken || end > text.len() {
            break;
        }
        found.push(Piece { range: start..end, kind: statement_kind(stmt) });
    }
    match (found.is_empty(), diagnostics.is_empty()) {
        (false, _) => Ok(found),
        (true, false) => {
            let brackets = (blames_head || syntax::is_open(text)).then(|| unclosed(text)).flatten();
            Err(brackets.unwrap_or_else(|| only(diagnostics)))
        }
        (true, true) => Ok(found),
    }
}

/// The bracket that an input does not close, or that closes nothing. It is looked for in the text alone: with what stands around a statement the
/// search would blame the brace of the head, which nobody typed.
fn unclosed(text: &str) -> Option<Unreadable> {
    let alone = syntax::parse(FILE, text).diagnostics;
    let wrong = only(alone.into_iter().filter(|d| d.code == codes::SYNTAX_UNCLOSED).collect());
    (!wrong.diagnostics.is_empty()).then_some(wrong)
}

/// Where the first line begins that declares something, outside brackets.
fn item_line(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && begins_item(line) && !syntax::is_open(text.get(..at).unwrap_or_default()) {
            return at;
        }
        at += line.len();
    }
    text.len()
}

/// Where the first line begins that declares nothing, behind a declaration that has ended.
fn statement_line(text: &str) -> usize {
    let (mut at, mut ended) = (0, false);
    for line in text.split_inclusive('\n') {
        let code = line.trim();
        let plain = !code.is_empty() && !code.starts_with("//") && !begins_item(code) && !goes_on(code);
        if ended && plain && !syntax::is_open(text.get(..at).unwrap_or_default()) {
            return at;
        }
        at += line.len();
        if !code.is_empty() && !code.starts_with("//") {
            ended = code.ends_with('}') || code.starts_with("use ");
        }
    }
    text.len()
}

fn body(module: &ast::Module) -> &[Stmt] {
    match module.items.first().map(|i| &i.kind) {
        Some(ItemKind::Action(a)) => a.body.as_ref().map_or(&[], |b| &b.stmts),
        _ => &[],
    }
}

fn statement_kind(stmt: &Stmt) -> Kind {
    match &stmt.kind {
        StmtKind::Let { pattern, .. } => {
            let mut names = Vec::new();
            bound(pattern, &mut names);
            Kind::Bind { names, mutable: false }
        }
        StmtKind::Var { name, .. } => Kind::Bind { names: vec![name.name.clone()], mutable: true },
        StmtKind::Assign { target, .. } => match &target.kind {
            ExprKind::Name(name) => Kind::Assign { name: name.name.clone() },
            _ => Kind::Run,
        },
        _ => Kind::Run,
    }
}

fn bound(pattern: &Pattern, names: &mut Vec<SmolStr>) {
    let mut add = |name: &SmolStr| {
        if name != "_" && !names.contains(name) {
            names.push(name.clone());
        }
    };
    match &pattern.kind {
        PatternKind::Name(name) => add(&name.name),
        PatternKind::As { pattern, name } => {
            add(&name.name);
            bound(pattern, names);
        }
        PatternKind::Variant { args, .. } => args.iter().for_each(|(_, p)| bound(p, names)),
        PatternKind::Record { fields, .. } => {
            for (name, inner) in fields {
                match inner {
                    Some(p) => bound(p, names),
                    None if !names.contains(&name.name) => names.push(name.name.clone()),
                    None => {}
                }
            }
        }
        PatternKind::List { items, .. } => items.iter().for_each(|p| bound(p, names)),
        PatternKind::Or(all) => all.iter().for_each(|p| bound(p, names)),
        _ => {}
    }
}

fn first_error(diagnostics: &[Diagnostic]) -> Option<Range<usize>> {
    let errors = diagnostics.iter().filter(|d| d.is_error());
    errors.map(|d| d.span()).map(|s| s.start as usize..s.end as usize).min_by_key(|r| r.start)
}

/// The first mistake alone: what follows is read anew when it is mended.
fn only(diagnostics: Vec<Diagnostic>) -> Unreadable {
    let mut errors: Vec<Diagnostic> = diagnostics.into_iter().filter(Diagnostic::is_error).collect();
    errors.sort_by_key(|d| d.span().start);
    errors.truncate(1);
    Unreadable { diagnostics: errors }
}

/// Diagnostics of the text with its head and tail, as ones of the text alone.
fn inside(diagnostics: Vec<Diagnostic>, text: &str) -> Vec<Diagnostic> {
    let place = |at: u32| u32::try_from((at as usize).saturating_sub(HEAD.len()).min(text.len())).unwrap_or(u32::MAX);
    diagnostics
        .into_iter()
        .map(|d| moved(d, &|s| Span { file: s.file, start: place(s.start), end: place(s.end) }))
        .map(|d| without_braces(d, text))
        .collect()
}

/// What a diagnostic says of a statement where nobody has typed a `{`: of braces it says nothing.
fn without_braces(mut d: Diagnostic, text: &str) -> Diagnostic {
    if !text.get(..d.span().start as usize).is_some_and(|before| before.contains('{')) {
        d.message = d.message.replace("expected `}`, ", "expected ");
        d.help.retain(|h| !h.contains("after `{`"));
    }
    d
}

fn shifted(wrong: Unreadable, by: usize) -> Unreadable {
    let by = u32::try_from(by).unwrap_or(0);
    let place = |s: Span| Span { file: s.file, start: s.start.saturating_add(by), end: s.end.saturating_add(by) };
    Unreadable { diagnostics: wrong.diagnostics.into_iter().map(|d| moved(d, &place)).collect() }
}

/// A diagnostic with every place put elsewhere.
pub fn moved(mut d: Diagnostic, place: &dyn Fn(Span) -> Span) -> Diagnostic {
    d.labels.iter_mut().for_each(|l| l.span = place(l.span));
    d.fixes.iter_mut().flat_map(|f| &mut f.edits).for_each(|(s, _)| *s = place(*s));
    d
}

/// That an input is too large to be taken.
pub fn too_large(text: &str) -> Option<Unreadable> {
    (text.len() > MAX_INPUT).then(|| {
        let message = format!("an input has at most {} KiB, this one has {}", MAX_INPUT >> 10, text.len() >> 10);
        let d = Diagnostic::error(codes::SYNTAX_TOO_LARGE, message, Span::new(FILE, 0, 0), "");
        Unreadable::one(d.help("put it into a file of the project, or `:load` it in parts"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(String, String)> {
        let all = pieces(text).unwrap_or_else(|w| panic!("{:?}", w.diagnostics));
        all.into_iter().map(|p| (text[p.range].to_owned(), format!("{:?}", p.kind))).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        kinds(text).into_iter().map(|(t, _)| t).collect()
    }

    #[test]
    fn an_input_is_taken_apart() {
        let text = "use std.slack\n// why\nlet a = 1\nvar b = [1,\n 2]\n/// Doc.\nfn f() -> Int { 1 }\na + f()\nb = [3]; log \"x\"";
        assert_eq!(
            texts(text),
            [
                "use std.slack",
                "let a = 1",
                "var b = [1,\n 2]",
                "/// Doc.\nfn f() -> Int { 1 }",
                "a + f()",
                "b = [3]",
                "log \"x\""
            ]
        );
        let kinds: Vec<String> = kinds(text).into_iter().map(|(_, k)| k).collect();
        assert!(
            kinds[0].starts_with("Use") && kinds[2].contains("mutable: true") && kinds[3].contains("\"fn\""),
            "{kinds:?}"
        );
        assert!(kinds[5].starts_with("Assign") && kinds[6] == "Run", "{kinds:?}");
    }

    #[test]
    fn no_brace_is_spoken_of_that_nobody_typed() {
        for (text, message) in [
            (".sum()", "expected a statement or an expression, found `.`"),
            ("waive else while log ] // fail", "nothing is open for this `]`"),
            ("f(3", "this `(` is not closed"),
            ("x }", "nothing is open for this `}`"),
        ] {
            let wrong = pieces(text).err().unwrap_or_else(|| panic!("{text} was read"));
            let [only] = wrong.diagnostics.as_slice() else { panic!("{text}: {:?}", wrong.diagnostics) };
            assert_eq!(only.message, message, "{text}");
            assert!(only.help.iter().all(|h| !h.contains('{')), "{text}: {:?}", only.help);
        }
        // Of one that somebody typed it is.
        let typed = pieces("if true { .sum() }").unwrap_err();
        assert!(typed.diagnostics[0].message.contains('}'), "{:?}", typed.diagnostics);
    }

    #[test]
    fn names_of_a_pattern_are_found() {
        let Kind::Bind { names, .. } = &pieces("let { a, b: [c, _], .. } = x").unwrap()[0].kind else { panic!() };
        assert_eq!(names.as_slice(), ["a", "c"]);
    }

    #[test]
    fn the_parser_says_when_an_input_is_whole() {
        for (text, expected) in [
            ("", Standing::Empty),
            ("  \n // nothing", Standing::Empty),
            ("1 + 1", Standing::Whole),
            ("1 +", Standing::Open),
            ("1 +\n\n", Standing::Whole),
            ("let x =", Standing::Open),
            ("f(1,", Standing::Open),
            ("runbook r() {", Standing::Open),
            ("runbook r() {\n  finish resolved\n}", Standing::Whole),
            ("\"\"\"\nabc", Standing::Open),
            ("/// Doc.", Standing::Open),
            ("1 + )", Standing::Whole),
            (":help (", Standing::Whole),
            ("if true { 1 }", Standing::Whole),
            ("fn f() -> Int", Standing::Open),
        ] {
            assert_eq!(standing(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_points_into_the_input() {
        let text = "let a = 1\nlet b = = 2";
        assert_eq!(texts("let a = 1"), ["let a = 1"]);
        let wrong = pieces(text).unwrap_err();
        assert!(wrong.diagnostics[0].span().start as usize >= 10, "{:?}", wrong.diagnostics);
        assert!(too_large(&"x".repeat(MAX_INPUT + 1)).is_some() && too_large(&"x".repeat(MAX_INPUT)).is_none());
    }

    #[test]
    fn a_bracket_that_is_not_closed_is_one_that_was_typed() {
        for (text, bracket, at) in
            [("nonsense(3", "(", 8), ("let a = [1,\n  2", "[", 8), ("if true {\n  f(1)\n", "{", 8)]
        {
            let wrong = pieces(text).unwrap_err().diagnostics;
            assert!(wrong[0].message.contains(&format!("`{bracket}`")), "{text:?}: {}", wrong[0].message);
            assert!(wrong[0].labels.iter().any(|l| l.span.start == at), "{text:?}: {:?}", wrong[0].labels);
        }
    }

    #[test]
    fn a_line_that_goes_on_is_told() {
        for (line, on) in [
            ("  .map(f)", true),
            ("..x", false),
            ("} else", false),
            ("else { 1 }", true),
            ("otherwise d {", true),
            ("x", false),
        ] {
            assert_eq!(goes_on(line), on, "{line}");
        }
    }

    #[test]
    fn nothing_that_is_typed_makes_it_panic() {
        for text in [
            "}",
            "{",
            ")",
            "\u{1}",
            "é",
            "\"",
            "use",
            "fn",
            "///",
            "///\n",
            ";;",
            "let",
            "var x",
            "a b c d",
            "\r\n",
            "𝒳 = 1",
            "test \"a\" {",
            "use std.",
        ] {
            let _ = (standing(text), pieces(text));
        }
    }
}
