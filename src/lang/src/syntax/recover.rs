//! Reading a text that has mistakes: what cannot be read is reported, covered with a mark that the grammar knows as `bad`, and
//! the text is read again, until the grammar takes it. Covering keeps every byte's place, so the spans stay true.
//!
//! The grammar itself stays strict. That gives the place of the first mistake that PEG can give, the furthest one, and it
//! bounds the work: each round covers at least one more element, and the rounds have a budget.

use std::borrow::Cow;

use pest::{
    Parser,
    error::{ErrorVariant, InputLocation},
};

use super::{
    MAX_DEPTH, MAX_NESTING, MAX_SOURCE, Parsed,
    comments::Comments,
    explain,
    grammar::{Grammar, Rule},
    lower::Lower,
    missing::Declaration,
    nodes::{Nodes, P},
    others,
    scan::{self, Flaw, Guess, Open, Opener, Repair, Scan},
    slips::{Search, Slip, Spelt},
};
use crate::{
    diag::{Diagnostic, codes},
    span::FileId,
};

/// What covers a place that could not be read.
const MARK: u8 = 1;

/// How many mistakes are reported of one file.
pub(super) const MAX_ERRORS: usize = 50;

/// How many bytes may be read again, beyond the text itself, to find further mistakes.
const EXTRA_WORK: usize = 1024 * 1024;

/// Words of clauses, which begin no statement.
const CLAUSES: &[&str] = &[
    "where",
    "with",
    "as",
    "by",
    "until",
    "from",
    "quorum",
    "within",
    "escalate",
    "remind",
    "ask",
    "showing",
    "require",
    "allow",
    "settle",
    "retry",
    "timeout",
    "key",
    "undo",
    "backoff",
    "unless",
    "because",
    "query",
    "pausing",
    "collect",
    "otherwise",
    "catch",
    "else",
    "between",
];

/// Whether the word begins a clause and can begin no statement: what could not be read goes on there.
pub(crate) fn begins_clause(word: &str) -> bool {
    CLAUSES.contains(&word) || matches!(word, "group" | "user" | "requester" | "comment" | "to" | "after")
}

/// In how many places two statements on one line are looked at for a misspelt word.
const LINES: usize = 200;

/// How deep a tree is lowered on the caller's stack, which may be a small one.
const SHALLOW: usize = 64;

/// The stack for what is deeper: enough for [`MAX_DEPTH`] in a build without optimisation.
const DEEP_STACK: usize = 64 * 1024 * 1024;

/// Lowers the pairs of the rule that was asked for.
pub(super) trait Lowering<T>: for<'i> Fn(&mut Lower<'i>, P<'i>) -> T + Sync {}

impl<T, F: for<'i> Fn(&mut Lower<'i>, P<'i>) -> T + Sync> Lowering<T> for F {}

/// Reads one file from its beginning to its end.
pub(super) fn whole(file: FileId, text: &str) -> Parsed {
    let (module, diagnostics) = read(file, text, Rule::file, |lower, pair| lower.module(pair));
    Parsed { module: module.unwrap_or_default(), diagnostics }
}

/// Reads `text` by `rule` and gives the pairs to `lower`. None when nothing at all could be read.
pub(super) fn read<T: Send>(
    file: FileId,
    text: &str,
    rule: Rule,
    lower: impl Lowering<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    if text.len() > MAX_SOURCE {
        return (None, vec![explain::too_large(file, text)]);
    }
    if let Some(shallow) = attempt(file, text, rule, &lower, SHALLOW) {
        return shallow;
    }
    let deep = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("rrb-syntax".into()).stack_size(DEEP_STACK);
        let spawned = thread.spawn_scoped(scope, || attempt(file, text, rule, &lower, MAX_DEPTH));
        spawned.ok().and_then(|t| t.join().ok()).flatten()
    });
    deep.unwrap_or_else(|| (None, vec![explain::too_deep(file, 0)]))
}

/// Reads down to a depth of `depth`. None when the text is deeper than that and a larger stack may help.
fn attempt<T>(
    file: FileId,
    text: &str,
    rule: Rule,
    lower: &impl Lowering<T>,
    depth: usize,
) -> Option<(Option<T>, Vec<Diagnostic>)> {
    let scan = match balanced(file, text) {
        Ok(scan) => scan,
        Err(too_deep) => return Some((None, vec![*too_deep])),
    };
    let mut diagnostics: Vec<Diagnostic> = scan
        .flaws
        .iter()
        .filter(|f| !is_swallowed(f, &scan.flaws))
        .take(MAX_ERRORS)
        .map(|f| explain::flaw(file, text, f))
        .collect();
    diagnostics.extend(text.find('\u{1}').map(|at| explain::control_character(file, at)));
    let flaws = diagnostics.len();
    let mut reader = Reader {
        file,
        source: repaired(text, &scan),
        muted: scan.muted,
        covered: Vec::new(),
        work: 0,
        slips: Vec::new(),
        search: Search::new(rule, EXTRA_WORK + text.len()),
    };
    let result = loop {
        let spelt = Spelt::new(&reader.source, &reader.slips);
        match Grammar::parse(rule, &spelt.text) {
            Ok(pairs) => {
                let nodes = Nodes::new(&reader.source, &pairs, |at| spelt.place(at));
                drop(pairs);
                if diagnostics.len() < MAX_ERRORS
                    && let Some((slip, said)) =
                        Reader::apart_on_line(file, &mut reader.search, &reader.source, &reader.slips, &nodes)
                {
                    diagnostics.push(said);
                    reader.slips.push(slip);
                    continue;
                }
                if diagnostics.len() < MAX_ERRORS
                    && let Some(slip) =
                        Reader::second_on_line(&mut reader.search, &reader.source, &reader.slips, &nodes)
                {
                    diagnostics.push(reader.explain(slip));
                    reader.slips.push(slip);
                    continue;
                }
                let comments = Comments::new(&reader.source, &scan.comments);
                let reported = diagnostics.iter().skip(flaws).map(|d| d.span().start).collect();
                let mut lowering = Lower::new(file, &reader.source, comments, depth, reported);
                let result = nodes.first().map(|p| lower(&mut lowering, p));
                if lowering.too_deep && depth < MAX_DEPTH {
                    return None;
                }
                diagnostics.retain(|d| !lowering.consequences.contains(&d.span().start));
                diagnostics.append(&mut lowering.diagnostics);
                break result;
            }
            Err(error) if matches!(error.variant, ErrorVariant::CustomError { .. }) && depth < MAX_DEPTH => {
                return None;
            }
            Err(error) => {
                let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
                let at = spelt.place(at);
                drop(spelt);
                if !reader.cover(at, &error, &mut diagnostics) {
                    break None;
                }
            }
        }
    };
    diagnostics.iter_mut().for_each(|d| clamp(d, text.len()));
    diagnostics.sort_by_key(|d| d.span().start);
    diagnostics.dedup();
    Some((result, diagnostics))
}

/// Whether the closer of a bracket may only seem to lack, because it stands behind a hole that is not closed on its line.
fn is_swallowed(flaw: &Flaw, flaws: &[Flaw]) -> bool {
    let Flaw::NeverClosed { opener, .. } = flaw else { return false };
    let holes: Vec<usize> =
        flaws.iter().filter_map(|f| if let Flaw::OpenHole { opener, .. } = f { Some(*opener) } else { None }).collect();
    holes.iter().any(|hole| opener.at < *hole)
}

/// The brackets, comments and texts; when brackets do not match, with a guess where they should.
fn balanced(file: FileId, text: &str) -> Result<Scan, Box<Diagnostic>> {
    let scan = scan::scan(text, MAX_NESTING, Guess::Nothing);
    let too_deep = |scan: &Scan| {
        scan.flaws
            .iter()
            .find_map(|f| if let Flaw::TooDeep { at } = f { Some(explain::too_deep(file, *at)) } else { None })
    };
    if let Some(diagnostic) = too_deep(&scan) {
        return Err(Box::new(diagnostic));
    }
    let unmatched = |f: &Flaw| {
        matches!(f, Flaw::Stray { .. } | Flaw::WrongCloser { .. } | Flaw::Mismatch { .. } | Flaw::NeverClosed { .. })
    };
    if scan.flaws.iter().any(unmatched) {
        // The guess that needs fewest mistakes; of two, the one that knows more.
        let guesses = [Guess::Both, Guess::Openers].map(|g| scan::scan(text, MAX_NESTING, g));
        let likely = guesses.into_iter().filter(|s| !s.flaws.is_empty() && too_deep(s).is_none());
        if let Some(guessed) = likely.min_by_key(|s| s.flaws.len()) {
            return Ok(guessed);
        }
    }
    Ok(scan)
}

/// Repairs may lie behind the end of the text; what is shown does not.
fn clamp(diagnostic: &mut Diagnostic, length: usize) {
    let most = u32::try_from(length).unwrap_or(u32::MAX);
    for label in &mut diagnostic.labels {
        label.span.start = label.span.start.min(most);
        label.span.end = label.span.end.min(most);
    }
}

fn repaired<'t>(text: &'t str, scan: &Scan) -> Cow<'t, str> {
    if scan.repairs.is_empty() && scan.append.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for repair in &scan.repairs {
        match repair {
            Repair::Fill(start, end) => cover(&mut bytes, *start, *end, MARK),
            Repair::Blank(start, end) => cover(&mut bytes, *start, *end, b' '),
            Repair::Write(start, with) => {
                if let Some(place) = bytes.get_mut(*start..*start + with.len()) {
                    place.copy_from_slice(with);
                }
            }
        }
    }
    bytes.extend_from_slice(scan.append.as_bytes());
    text_of(bytes)
}

/// Covers whole characters only, so this stays UTF-8; were it not, the text would be read as it was written.
fn text_of(bytes: Vec<u8>) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

fn cover(bytes: &mut [u8], start: usize, end: usize, with: u8) {
    let end = end.min(bytes.len());
    for byte in bytes.get_mut(start..end).unwrap_or_default() {
        if *byte != b'\n' {
            *byte = with;
        }
    }
}

/// The clause word that lacks at the byte `found`, in its declaration.
fn missing(
    search: &mut Search,
    source: &str,
    slips: &[Slip],
    groups: &[(Opener, usize)],
    (found, readable): (usize, bool),
) -> Option<Slip> {
    let around = groups.iter().filter(|(o, close)| o.at < found && found <= *close);
    let (from, to) = match around.min_by_key(|(o, _)| o.at) {
        Some((o, close)) => (declaration_start(source, groups, o.at), close + 1),
        None => return None,
    };
    let to = to.min(source.len());
    // An arm with a bare name reads as a function.
    let line = source.get(..found).and_then(|t| t.rsplit('\n').next()).unwrap_or("");
    let arm = source.get(found..).is_some_and(|t| t.starts_with("=>") || (t.starts_with(',') && line.contains("=>")));
    if arm {
        let opener = groups.iter().filter(|(o, close)| o.kind == Open::Curly && o.at < found && found <= *close);
        let found = opener.map(|(o, _)| o.at).max()?;
        return search.missing(&Declaration { source, from, to, found, readable: false, arms: true }, slips);
    }
    search.missing(&Declaration { source, from, to, found, readable, arms: false }, slips)
}

/// Where the line begins that opens what `at` is in, with the lines that its brackets go over.
fn declaration_start(source: &str, groups: &[(Opener, usize)], at: usize) -> usize {
    let mut start = at;
    loop {
        start = source.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        match groups.iter().find(|(o, close)| o.at < start && start <= *close && *close < at) {
            Some((o, _)) => start = o.at,
            None => return start,
        }
    }
}

/// Whether this is a clause of what stands before it and was covered, or goes on behind its block.
fn goes_on(place: &explain::Context<'_>, found: usize) -> bool {
    let word = place.token(found).text;
    let before = place.before(found);
    if before.text == "}" && matches!(word, "otherwise" | "catch" | "else" | "between" | "on") {
        let opener = place.groups.iter().find(|(_, close)| *close == before.start).map(|(o, _)| o.at);
        return opener.is_some_and(|at| place.before(at).text == "\u{1}");
    }
    before.text == "\u{1}" && CLAUSES.contains(&word)
}

struct Reader<'t> {
    file: FileId,
    source: Cow<'t, str>,
    /// Places where further mistakes are only consequences.
    muted: Vec<(usize, usize)>,
    /// Elements that had a mistake, and how far they are covered.
    covered: Vec<Element>,
    /// Bytes read so far.
    work: usize,
    /// The misspelt words that were found.
    slips: Vec<Slip>,
    search: Search,
}

/// A declaration, statement or entry: what is given up when it has a mistake.
#[derive(Debug, Clone, Copy)]
struct Element {
    start: usize,
    end: usize,
    /// Up to where it is covered.
    done: usize,
}

impl Reader<'_> {
    /// Reports the mistake and covers its element. False when everything is covered and still cannot be read.
    fn cover(&mut self, at: usize, error: &pest::error::Error<Rule>, diagnostics: &mut Vec<Diagnostic>) -> bool {
        self.work += at + self.source.len() / 8;
        let found = at + explain::trivia(self.source.get(at..).unwrap_or(""));
        let groups = scan::scan(&self.source, usize::MAX, Guess::Nothing).groups;
        let place = explain::Context { file: self.file, text: &self.source, groups: &groups, start: found };
        let element = self.element(&groups, explain::anchor(&place, found, error));
        let reported = self.is_consequence(found, element) || goes_on(&place, found);
        let said = (!reported && diagnostics.len() < MAX_ERRORS)
            .then(|| explain::unexpected(&explain::Context { start: element.start, ..place }, found, error));
        if let Some(said) = &said
            && let Some((slip, told)) = self.read_as(found, &groups, said)
        {
            diagnostics.push(told);
            self.slips.push(slip);
            return true;
        }
        if let Some(d) = said {
            // A word that can be no name is said once, and arms without their `match` are.
            let again = d.code == codes::SYNTAX_RESERVED || d.message.starts_with("this `=>` belongs");
            let other_language = others::ends_reading(&d);
            let indents = others::opens_by_indentation(&d);
            if !(again && diagnostics.iter().any(|said| said.message == d.message)) {
                diagnostics.push(d);
            }
            if other_language {
                return self.give_up(element.start, &groups);
            }
            if indents {
                self.cover_indented(element, found);
                return true;
            }
        }
        if self.work > EXTRA_WORK + self.source.len() || diagnostics.len() >= MAX_ERRORS {
            return self.give_up(element.start, &groups);
        }
        self.cover_element(element, &groups, reported) || self.give_up(0, &groups)
    }

    /// What the mistake at the byte `found`, of which `said` would be said, can be read as: what stands for something else of rrb, a
    /// misspelt word, or one that lacks; and what is said of it.
    fn read_as(&mut self, found: usize, groups: &[(Opener, usize)], said: &Diagnostic) -> Option<(Slip, Diagnostic)> {
        if let Some(known) = self.stands_for_another(found, said) {
            return Some(known);
        }
        let misspelt = self.search.before(&self.source, &self.slips, found);
        let slip = misspelt.or_else(|| missing(&mut self.search, &self.source, &self.slips, groups, (found, false)))?;
        Some((slip, self.explain(slip)))
    }

    /// What stands for something else of rrb at the byte `found`, of which `said` would be said; and what is said of it.
    fn stands_for_another(&mut self, found: usize, said: &Diagnostic) -> Option<(Slip, Diagnostic)> {
        // What is missed first may stand on the next line.
        let code = self.source.get(..found).unwrap_or("").trim_end().len();
        let apart =
            [found, code].iter().find_map(|at| self.search.unit_apart(self.file, &self.source, &self.slips, *at));
        apart.or_else(|| Some((self.search.stand_in(&self.source, &self.slips, said)?, said.clone())))
    }

    /// Covers an element with the lines behind the one of `found` that stand further in than its own.
    fn cover_indented(&mut self, element: Element, found: usize) {
        let own = element.start - self.line_start(element.start);
        let mut end = self.line_end(found);
        while let Some(rest) = self.source.get(end + 1..).filter(|r| !r.is_empty()) {
            let line = rest.lines().next().unwrap_or("");
            let code = line.trim_start();
            let goes_on = ["else:", "elif ", "except", "finally:"].iter().any(|word| code.starts_with(word));
            let inside = line.len() - code.len() > own || (line.len() - code.len() == own && goes_on);
            if code.starts_with('}') || !(inside || code.is_empty()) {
                break;
            }
            end += 1 + line.len();
        }
        self.covered.push(Element { end, done: end, ..element });
        self.edit(element.start, end);
    }

    /// A misspelt word because of which a statement reads as two.
    fn second_on_line(search: &mut Search, source: &str, slips: &[Slip], nodes: &Nodes<'_>) -> Option<Slip> {
        let count = nodes.second_on_line().count();
        let misspelt = nodes.second_on_line().take(LINES).find_map(|at| search.between(source, slips, at, count));
        misspelt.or_else(|| {
            let groups = scan::scan(source, usize::MAX, Guess::Nothing).groups;
            nodes.idle_on_line().take(LINES).find_map(|at| missing(search, source, slips, &groups, (at, true)))
        })
    }

    /// A unit that stands apart from its number, or a word of another language, because of which a statement reads as two.
    fn apart_on_line(
        file: FileId,
        search: &mut Search,
        source: &str,
        slips: &[Slip],
        nodes: &Nodes<'_>,
    ) -> Option<(Slip, Diagnostic)> {
        nodes.second_on_line().take(LINES).find_map(|at| {
            let unit = search.unit_apart(file, source, slips, at);
            unit.or_else(|| search.foreign_word(file, source, slips, at))
        })
    }

    fn explain(&self, slip: Slip) -> Diagnostic {
        let place = explain::Context { file: self.file, text: &self.source, groups: &[], start: slip.start };
        let token = if slip.ends_clause() { place.before(slip.start) } else { place.token(slip.start) };
        slip.explain(token.text, place.token_span(token))
    }

    /// Covers all from the declaration around `start` on; when that has been done, everything.
    fn give_up(&mut self, start: usize, groups: &[(Opener, usize)]) -> bool {
        let outer = groups.iter().filter(|(o, close)| o.at < start && start <= *close).map(|(o, _)| o.at).min();
        let from = outer.map_or(start, |o| self.line_start(o));
        let from = if self.is_covered(from) { 0 } else { from };
        if self.is_covered(from) {
            return false;
        }
        self.edit(from, self.source.len());
        true
    }

    fn is_covered(&self, from: usize) -> bool {
        let rest = self.source.as_bytes().get(from..).unwrap_or_default();
        rest.iter().all(|b| *b == MARK || b.is_ascii_whitespace())
    }

    fn edit(&mut self, start: usize, end: usize) {
        let mut bytes = self.source.as_bytes().to_vec();
        cover(&mut bytes, start, end, MARK);
        self.source = text_of(bytes);
    }

    /// Whether this place has been reported already, in other words.
    fn is_consequence(&self, at: usize, element: Element) -> bool {
        // Lines further in, behind one that is no declaration, are what it was to hold.
        let line = self.source.get(..element.start).unwrap_or("");
        let indented = line.ends_with([' ', '\t']) && line.trim_end().ends_with('\u{1}');
        if indented && at <= element.end && !self.source.get(..at).unwrap_or("").contains('{') {
            return true;
        }
        // What is covered has been reported as what it was.
        let covered = self.source.as_bytes().get(at) == Some(&MARK);
        covered
            || self.muted.iter().any(|(start, end)| *start <= at && at <= *end)
            || self.covered.iter().any(|c| c.start == element.start || (c.start <= at && at <= c.done))
    }

    /// Covers the head of an element and keeps its body, or all of it, or what is around it.
    fn cover_element(&mut self, element: Element, groups: &[(Opener, usize)], again: bool) -> bool {
        let before = self.covered.iter().rposition(|c| c.start == element.start);
        let Some(before) = before else {
            let text = self.source.get(element.start..).unwrap_or("");
            let top =
                groups.iter().all(|(o, close)| o.kind != Open::Curly || element.start < o.at || *close < element.start);
            let first = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or("");
            let is_data = ["type ", "enum ", "settings "].iter().any(|word| text.starts_with(word))
                || (top && others::is_unknown_head(first, explain::DECLARATIONS));
            let body = groups
                .iter()
                .filter(|_| !is_data)
                .filter(|(o, close)| o.kind == Open::Curly && element.start < o.at && *close < element.end)
                .filter(|(o, _)| !again && !self.inside(groups, o.at, element))
                .map(|(o, _)| o.at)
                .min();
            let done = body.unwrap_or(element.end);
            self.edit(element.start, done);
            self.covered.push(Element { done, ..element });
            return true;
        };
        if let Some(known) = self.covered.get_mut(before)
            && known.done < element.end
        {
            known.done = element.end;
            self.edit(element.start, element.end);
            return true;
        }
        // All of it is covered and it is still not taken: perhaps the one before it is not complete.
        let code = self.source.get(..element.start).unwrap_or("").trim_end();
        let previous = self.element(groups, code.len().saturating_sub(1).min(code.len()));
        let same_group = groups.iter().all(|(o, close)| {
            o.kind != Open::Curly
                || (o.at < previous.start && previous.start <= *close)
                    == (o.at < element.start && element.start <= *close)
        });
        if same_group && previous.start < element.start && !self.covered.iter().any(|c| c.start == previous.start) {
            self.covered.push(Element { done: previous.end, ..previous });
            self.edit(previous.start, previous.end);
            return true;
        }
        // Then the group around it goes.
        let around = groups.iter().filter(|(o, close)| o.at < element.start && element.start <= *close);
        match around.max_by_key(|(o, _)| o.at) {
            Some((o, _)) => {
                let outer = self.element(groups, o.at);
                self.covered.push(Element { done: outer.end, ..outer });
                self.edit(outer.start, outer.end);
                true
            }
            None => false,
        }
    }

    /// Whether a place of this element is inside a bracket that opens in it.
    fn inside(&self, groups: &[(Opener, usize)], at: usize, element: Element) -> bool {
        groups.iter().any(|(o, close)| element.start <= o.at && o.at < at && at < *close)
    }

    /// The lines around `at` inside its innermost block, with every bracket that begins or ends on them.
    fn element(&self, groups: &[(Opener, usize)], at: usize) -> Element {
        let around = groups.iter().filter(|(o, close)| o.kind == Open::Curly && o.at < at && at <= *close);
        let (least, most) = match around.max_by_key(|(o, _)| o.at) {
            Some((o, close)) => (o.at + 1, *close),
            None => (0, self.source.len()),
        };
        let inner = |at: usize| groups.iter().find(move |(o, close)| o.at >= least && o.at < at && at <= *close);
        let mut start = self.line_start(at).max(least);
        loop {
            start += explain::spaces(self.source.get(start..most).unwrap_or(""));
            match inner(start) {
                Some((o, _)) => start = self.line_start(o.at).max(least),
                None => break,
            }
        }
        let mut end = self.line_end(at.max(start)).min(most);
        while let Some((_, close)) =
            groups.iter().find(|(o, close)| o.at >= least && o.at < end && end <= *close && *close < most)
        {
            end = self.line_end(*close).min(most);
        }
        Element { start: start.min(end), end, done: start }
    }

    fn line_start(&self, at: usize) -> usize {
        self.source.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        self.source.get(at..).and_then(|t| t.find('\n')).map_or(self.source.len(), |n| at + n)
    }
}
