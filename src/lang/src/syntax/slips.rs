//! Misspelt words of the language.
//!
//! A misspelt word reads as a name. So it is looked for where the text cannot be read, and where two statements stand on one line,
//! which is how a clause reads whose word is not known. A word that is near one of the grammar's is taken for it when the text can
//! then be read further; from there on it is read as the word that was meant, so that nothing else is said of what belongs to it.

use std::{borrow::Cow, sync::LazyLock};

use pest::{
    Parser,
    error::{ErrorVariant, InputLocation},
};

use super::{
    explain::{self, keyword},
    grammar::{Grammar, Rule},
    habits, missing,
    nodes::Nodes,
};
use crate::{
    diag::{Diagnostic, codes, nearest},
    span::Span,
};

/// A misspelt word by its place, and what it is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slip {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) better: &'static str,
    /// What else could be meant where a word lacks; empty when nothing is.
    pub(super) others: [&'static str; OTHERS],
}

/// How many words are named beside the first where one lacks.
pub(super) const OTHERS: usize = 2;

impl Slip {
    /// What is read instead of what stands from `start` to `end`.
    pub(super) fn instead(start: usize, end: usize, better: &'static str) -> Self {
        Self { start, end, better, others: [""; OTHERS] }
    }

    /// A word that lacks before the byte `at`.
    pub(super) fn missing(at: usize, better: &'static str) -> Self {
        Self::instead(at, at, better)
    }

    /// The same in a text that begins at the byte `from` of this one.
    pub(super) fn moved_back(self, from: usize) -> Self {
        Self { start: self.start.saturating_sub(from), end: self.end.saturating_sub(from), ..self }
    }

    /// Whether what lacks is the last word of a clause.
    pub(super) fn ends_clause(&self) -> bool {
        self.is_missing() && missing::ENDS.contains(&self.better)
    }

    fn is_missing(&self) -> bool {
        self.start == self.end
    }

    /// How many bytes it is read as.
    fn length(&self) -> usize {
        self.better.len() + if self.is_missing() { 2 } else { 0 }
    }

    /// What is said of it; `word` is the misspelt one, or the token before which one lacks.
    pub(super) fn explain(&self, word: &str, span: Span) -> Diagnostic {
        let better = self.better;
        if self.is_missing() {
            return self.explain_missing(word, span);
        }
        Diagnostic::error(codes::SYNTAX_UNEXPECTED, format!("rrb has no `{word}`"), span, "not a word of rrb")
            .help(format!("did you mean `{better}`?"))
            .fix(format!("write `{better}`"), vec![(span, better.to_owned())])
    }

    fn explain_missing(&self, next: &str, span: Span) -> Diagnostic {
        let better = self.better;
        if self.ends_clause() {
            let message = format!("`{better}` is missing behind `{next}`");
            return Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, format!("`{better}` goes behind this"))
                .help(format!("write `{next} {better}`"))
                .fix(format!("write `{better}`"), vec![(span.after(), format!(" {better}"))]);
        }
        let next = if next.len() > 30 || next.contains('\n') { "…" } else { next };
        let others: Vec<&str> = self.others.into_iter().filter(|o| !o.is_empty()).collect();
        if others.is_empty() {
            let message = format!("`{better}` is missing before `{next}`");
            return Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, format!("`{better}` goes before this"))
                .help(format!("write `{better} {next}`"))
                .fix(format!("write `{better}`"), vec![(span.before(), format!("{better} "))]);
        }
        let all: Vec<String> = std::iter::once(better).chain(others).map(|w| format!("`{w}`")).collect();
        let (last, first) = all.split_last().map_or(("", [].as_slice()), |(l, f)| (l.as_str(), f));
        let message = format!("a word is missing before `{next}`");
        Diagnostic::error(codes::SYNTAX_UNEXPECTED, message, span, "something goes before this")
            .help(format!("write {} or {last} before it", first.join(", ")))
    }
}

/// A text in which misspelt words are spelt as they were meant.
pub(super) struct Spelt<'t> {
    pub(super) text: Cow<'t, str>,
    /// In order of place.
    slips: Vec<Slip>,
}

impl<'t> Spelt<'t> {
    /// A slip in what has been covered since is left out.
    pub(super) fn new(source: &'t str, slips: &[Slip]) -> Self {
        let is_word = |s: &&Slip| {
            let end = if s.is_missing() { s.end + 1 } else { s.end };
            source.get(s.start..end).is_none_or(|w| !w.contains('\u{1}'))
        };
        let mut slips: Vec<Slip> = slips.iter().filter(is_word).copied().collect();
        slips.sort_by_key(|s| (s.start, s.end));
        if slips.is_empty() {
            return Self { text: Cow::Borrowed(source), slips };
        }
        let mut text = String::with_capacity(source.len() + slips.len() * 4);
        let mut from = 0;
        for slip in &slips {
            text.push_str(source.get(from..slip.start).unwrap_or(""));
            let space = if slip.is_missing() { " " } else { "" };
            text.extend([space, slip.better, space]);
            from = slip.end;
        }
        text.push_str(source.get(from..).unwrap_or(""));
        Self { text: Cow::Owned(text), slips }
    }

    /// The place in the source of a place in this text.
    pub(super) fn place(&self, at: usize) -> usize {
        let (mut written, mut read) = (0, 0);
        for slip in &self.slips {
            let start = read + (slip.start - written);
            let end = start + slip.length();
            if at < end {
                return if at <= start { written + at - read } else { (slip.start + at - start).min(slip.end) };
            }
            (written, read) = (slip.end, end);
        }
        written + at - read
    }

    /// The place in this text of a place in the source, behind what is put in there.
    pub(super) fn behind(&self, at: usize) -> usize {
        let before = self.slips.iter().filter(|s| s.end <= at);
        before.fold(at, |at, s| at + s.length() - (s.end - s.start))
    }
}

/// All words of the grammar.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut words: Vec<String> = Rule::all_rules().iter().filter_map(|r| keyword(*r)).collect();
    words.retain(|w| !matches!(w.as_str(), "elif" | "most"));
    words.sort();
    words.dedup();
    words
});

/// Whether it is a word of the grammar.
pub(crate) fn is_word(word: &str) -> bool {
    WORDS.iter().any(|w| w == word)
}

/// How many words are tried in one place, and how many of the grammar for each.
const TRIES: usize = 6;
const NEAR: usize = 3;

/// How far back from a mistake a misspelt word is looked for, in bytes.
const BACK: usize = 400;

/// The search for misspelt words in one text.
pub(super) struct Search {
    pub(super) rule: Rule,
    /// The bytes that may still be read to try words.
    pub(super) budget: usize,
    /// Words for which nothing was found, each with the mistake it was tried for.
    tried: Vec<(usize, usize)>,
    /// Places where no word was found to lack, how many words may still be put in, and how many bytes may be read for them.
    pub(super) searched: Vec<usize>,
    pub(super) insertions: usize,
    pub(super) readings: usize,
}

impl Search {
    pub(super) fn new(rule: Rule, budget: usize) -> Self {
        let (insertions, readings) = (missing::MOST, missing::WORK);
        Self { rule, budget, tried: Vec::new(), searched: Vec::new(), insertions, readings }
    }

    /// The word because of which the text cannot be read behind `found`.
    pub(super) fn before(&mut self, source: &str, slips: &[Slip], found: usize) -> Option<Slip> {
        let code = source.get(..found).unwrap_or("").trim_end().len();
        let from = line_start(source, code);
        let end = found + word_length(source, found);
        let at_found = candidate(source, found, end);
        let last = source
            .get(..code)
            .map_or(code, |t| t.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len());
        let before = candidate(source, last, code);
        let earlier = candidates(source, from, found);
        for (start, end) in at_found.into_iter().chain(before).chain(earlier) {
            let beyond = if start == found { end } else { found + 1 };
            if let Some(slip) = self.try_word(source, slips, (start, end), (found, usize::MAX), |at| at >= beyond) {
                return Some(slip);
            }
        }
        None
    }

    /// The word because of which what stands before `second` reads as another statement; with `seconds` such places in the text.
    pub(super) fn between(&mut self, source: &str, slips: &[Slip], second: usize, seconds: usize) -> Option<Slip> {
        let from = line_start(source, second);
        for (start, end) in candidates(source, from, second + 1) {
            let next = end + explain::trivia(source.get(end..).unwrap_or(""));
            let sure = end - start > 3;
            let further = |at: usize| sure && at > next + word_length(source, next);
            let fewer = (usize::MAX, seconds);
            if let Some(slip) = self.try_word(source, slips, (start, end), fewer, further) {
                return Some(slip);
            }
        }
        None
    }

    /// The word of the grammar with which the text can be read up to a place that is `enough`, or as a whole; and then with the
    /// fewest places, and fewer than `seconds`, where a second statement stands on a line.
    fn try_word(
        &mut self,
        source: &str,
        slips: &[Slip],
        (start, end): (usize, usize),
        (found, mut seconds): (usize, usize),
        enough: impl Fn(usize) -> bool,
    ) -> Option<Slip> {
        let word = source.get(start..end)?;
        if self.tried.contains(&(start, found)) || slips.iter().any(|s| s.start < end && start < s.end) {
            return None;
        }
        self.tried.push((start, found));
        let mut best = None;
        for better in near(word) {
            let Some(left) = self.budget.checked_sub(source.len()) else { break };
            self.budget = left;
            let slip = Slip::instead(start, end, better);
            let with: Vec<Slip> = slips.iter().copied().chain([slip]).collect();
            let spelt = Spelt::new(source, &with);
            match Grammar::parse(self.rule, &spelt.text) {
                Ok(pairs) => {
                    let nodes = Nodes::new(source, &pairs, |at| spelt.place(at));
                    let count = nodes.second_on_line().count();
                    // It must be read as the word that it is, not as a name.
                    if count < seconds && !nodes.is_name(start) {
                        (seconds, best) = (count, Some(slip));
                    }
                }
                Err(error) => {
                    let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
                    let at = at + explain::trivia(spelt.text.get(at..).unwrap_or(""));
                    let read = matches!(error.variant, ErrorVariant::ParsingError { .. }) && enough(spelt.place(at));
                    best = best.or(Some(slip).filter(|_| read));
                }
            }
        }
        best
    }
}

/// The words of the grammar that are near this one, the nearest first.
fn near(word: &str) -> Vec<&'static str> {
    let mut pool: Vec<&'static str> = WORDS.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    while let Some(better) = nearest(word, pool.iter().copied()).filter(|_| found.len() < NEAR) {
        pool.retain(|w| *w != better);
        found.push(better);
    }
    found
}

/// Where the line of `at` begins, or the first whole word as far back as a word is looked for.
fn line_start(text: &str, at: usize) -> usize {
    let mut from = at.saturating_sub(BACK);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    if text.get(..from).is_some_and(|t| t.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')) {
        from = (from + word_length(text, from)).min(at);
    }
    text.get(from..at).and_then(|t| t.rfind('\n')).map_or(from, |n| from + n + 1)
}

fn word_length(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len()
}

/// The word, when it may be a misspelt one: it is none that has a meaning, here or in another language.
fn candidate(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let word = text.get(start..end)?;
    let letters = word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let after_dot = text.get(..start)?.ends_with(['.', '$']);
    let known = WORDS.iter().any(|w| w == word) || habits::is_foreign(word) || habits::is_reserved(word);
    (letters && !after_dot && !known).then_some((start, end))
}

/// The words from `from` to `to` that may be misspelt, by what follows them.
fn candidates(text: &str, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut at = from;
    let mut found = Vec::new();
    while at < to && found.len() < TRIES {
        let rest = text.get(at..).unwrap_or("");
        let word = word_length(text, at);
        at += match rest.chars().next() {
            None => break,
            Some(_) if word > 0 => {
                let fits = !names(text.get(at + word..).unwrap_or(""));
                found.extend(candidate(text, at, at + word).filter(|_| fits));
                word
            }
            Some('"') => explain::text_length(rest),
            Some('/') if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            Some(c) => c.len_utf8(),
        };
    }
    found
}

/// Whether what stands before this is a name: only a name goes on like this.
fn names(rest: &str) -> bool {
    let touching = rest.starts_with(['(', '[', '.', '?', '"', '#', '$']);
    let line = rest.trim_start_matches([' ', '\t']);
    let next = line.get(..word_length(line, 0)).unwrap_or("");
    let mark = line.starts_with(['=', ':', ',', ')', ']', '.', '?', '<', '>', '+', '*', '!', '|', '&', '%', '-']);
    let divided = line.starts_with('/') && !line.starts_with("//");
    touching || mark || divided || matches!(next, "and" | "or" | "in" | "is" | "as" | "mod" | "matches")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_spelt_text_are_places_in_the_source() {
        let source = "stp x roolback y";
        let slips = [Slip::instead(6, 14, "rollback"), Slip::instead(0, 3, "step")];
        let spelt = Spelt::new(source, &slips[..]);
        assert_eq!(spelt.text, "step x rollback y");
        let places: Vec<usize> = [0, 3, 4, 5, 7, 15, 16, 17].iter().map(|at| spelt.place(*at)).collect();
        assert_eq!(places, [0, 3, 3, 4, 6, 14, 15, 16]);
    }

    #[test]
    fn a_word_that_is_cut_by_the_bound_is_none() {
        let text = format!("fn f() {{ var s = match {}1  s }}", "1 + ".repeat(98));
        for at in 400..text.len() {
            let from = line_start(&text, at);
            let whole = text.get(from..at).unwrap().chars().next().is_none_or(|c| !c.is_ascii_alphanumeric())
                || !text.get(..from).unwrap().ends_with(|c: char| c.is_ascii_alphanumeric());
            assert!(whole, "cut at {from}");
        }
    }

    #[test]
    fn words_that_overlap_are_not_both_misspelt() {
        let text = format!("er{}", "ify verify ver".repeat(40));
        for length in (396..440).step_by(3) {
            let (_, mistakes) = super::super::parse_expression(crate::span::FileId(0), text.get(..length).unwrap());
            assert!(!mistakes.is_empty());
        }
    }

    #[test]
    fn what_was_covered_stays_covered() {
        let slips = [Slip::instead(0, 3, "step")];
        assert_eq!(Spelt::new("\u{1}\u{1}\u{1} x", &slips).text, "\u{1}\u{1}\u{1} x");
    }

    #[test]
    fn every_word_of_the_grammar_is_known_and_none_is_empty() {
        for word in ["approve", "evidence", "dedupe", "webhook", "rollback"] {
            assert!(WORDS.iter().any(|w| w == word), "{word}");
        }
        assert!(WORDS.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase()) && !w.is_empty()));
    }
}
