//! What stands where rrb writes something else, as `=` for `==`, `const` for `let` or `5 m` for `5m`.
//!
//! The mistake is certain and so is what was meant. It is said once; then the text is read on as if that were written, so that
//! nothing is said of what belongs to it.

use pest::{Parser, error::InputLocation};

use super::{
    explain::text_length,
    grammar::Grammar,
    habits,
    lower::unit,
    nodes::Nodes,
    slips::{Search, Slip, Spelt},
};
use crate::{
    diag::{Diagnostic, codes},
    span::{FileId, Span},
};

/// What may be read instead, as the fixes of mistakes write it.
const READ_AS: &[&str] = &[
    "",
    "()",
    "=",
    "==",
    ":",
    "->",
    "=>",
    ".",
    "..",
    "fn",
    "let",
    "var",
    "use",
    "type",
    "runbook",
    "action",
    "connector",
    "match",
    "for",
    "fail",
    "log",
];

impl Search {
    /// What the only fix of `said` writes, when the text can be read with it beyond the line of the mistake.
    pub(super) fn stand_in(&mut self, source: &str, slips: &[Slip], said: &Diagnostic) -> Option<Slip> {
        let [fix] = said.fixes.as_slice() else { return None };
        let [(place, text)] = fix.edits.as_slice() else { return None };
        let better = READ_AS.iter().find(|word| **word == text.trim())?;
        // Misspelt words are looked for elsewhere, by how far each that is near can be read.
        let certain = said.code == codes::SYNTAX_FOREIGN || !better.ends_with(char::is_alphabetic);
        let (start, end) = certain.then_some((place.start as usize, place.end as usize))?;
        // What is left out is a space at least, so that what stands before it ends there.
        let slip = match *better {
            better if start == end => Slip::missing(start, better),
            "" => Slip::instead(start, end, " "),
            better => Slip::instead(start, end, better),
        };
        self.reads_on(source, slips, slip, line_end(source, end)).then_some(slip)
    }

    /// A number and its unit with space between, on the line of the byte `at` and not behind it: the nearest with which the text can
    /// be read beyond that line, or to the next such number; and what is said of it.
    pub(super) fn unit_apart(
        &mut self,
        file: FileId,
        source: &str,
        slips: &[Slip],
        at: usize,
    ) -> Option<(Slip, Diagnostic)> {
        let apart = units_apart(source, at);
        let nearest = apart.iter().enumerate().rev().filter(|(_, a)| a.start <= at).take(TRIES);
        nearest.into_iter().find_map(|(i, a)| {
            let slip = Slip::instead(a.gap, a.end, a.unit);
            let next = apart.get(i + 1).map_or(line_end(source, a.end), |next| next.gap);
            self.reads_on(source, slips, slip, next).then(|| (slip, a.explain(file, source)))
        })
    }

    /// A word of another language before the byte `second`, where what it begins reads as two statements; and what is said of it.
    pub(super) fn foreign_word(
        &mut self,
        file: FileId,
        source: &str,
        slips: &[Slip],
        second: usize,
    ) -> Option<(Slip, Diagnostic)> {
        let line = source.get(..second)?.rsplit('\n').next()?;
        let word = line.trim();
        let start = second - line.trim_start().len();
        let said = habits::statement(word, span(file, start, start + word.len()))?;
        self.stand_in(source, slips, &said).map(|slip| (slip, said))
    }

    /// Whether the text can be read with the slip, as a whole or beyond the byte `far`, and no other statement begins before that.
    fn reads_on(&mut self, source: &str, slips: &[Slip], slip: Slip, far: usize) -> bool {
        let Some(left) = self.budget.checked_sub(source.len()) else { return false };
        self.budget = left;
        if slips.iter().any(|s| s.start < slip.end && slip.start < s.end) {
            return false;
        }
        let with: Vec<Slip> = slips.iter().copied().chain([slip]).collect();
        let spelt = Spelt::new(source, &with);
        match Grammar::parse(self.rule, &spelt.text) {
            Ok(pairs) => {
                let line = source.get(..slip.start).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
                let nodes = Nodes::new(source, &pairs, |at| spelt.place(at));
                let second = nodes.second_on_line().any(|second| line <= second && second <= far);
                !second
            }
            Err(error) => {
                let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
                spelt.place(at) > far
            }
        }
    }
}

fn line_end(source: &str, at: usize) -> usize {
    source.get(at..).and_then(|t| t.find('\n')).map_or(source.len(), |n| at + n)
}

/// How many numbers of a line are tried.
const TRIES: usize = 4;

fn span(file: FileId, start: usize, end: usize) -> Span {
    Span::new(file, u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}

/// `5 m`: where the number begins and ends, where the unit does, and how rrb writes it.
#[derive(Debug, PartialEq, Eq)]
struct Apart {
    start: usize,
    gap: usize,
    word: usize,
    end: usize,
    unit: &'static str,
}

impl Apart {
    fn explain(&self, file: FileId, source: &str) -> Diagnostic {
        let better = format!("{}{}", source.get(self.start..self.gap).unwrap_or(""), self.unit);
        let place = span(file, self.start, self.end);
        let edit = match source.get(self.word..self.end) == Some(self.unit) {
            true => (span(file, self.gap, self.word), String::new()),
            false => (span(file, self.gap, self.end), self.unit.to_owned()),
        };
        Diagnostic::error(codes::SYNTAX_UNEXPECTED, "a number and its unit touch", place, "a space between")
            .help(format!("write `{better}`"))
            .fix(format!("write `{better}`"), vec![edit])
    }
}

/// Those on the line of the byte `at`.
fn units_apart(source: &str, at: usize) -> Vec<Apart> {
    let mut start = source.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let mut found = Vec::new();
    loop {
        let rest = source.get(start..).unwrap_or("");
        let length = match rest.chars().next() {
            None | Some('\n') => break,
            Some('"') => text_length(rest),
            Some(_) if rest.starts_with("//") => break,
            Some(c) if c.is_ascii_alphanumeric() || c == '_' => number_or_word(rest),
            Some(c) => c.len_utf8(),
        };
        let (number, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let unit_length = |t: &str| t.len() - t.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let next = behind.trim_start_matches([' ', '\t']);
        let word = next.get(..unit_length(next)).unwrap_or("");
        let plain = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_'));
        if plain
            && number.starts_with(|c: char| c.is_ascii_digit())
            && next.len() < behind.len()
            && let Some(unit) = unit(word)
        {
            let gap = start + length;
            let begins = gap + (behind.len() - next.len());
            found.push(Apart { start, gap, word: begins, end: begins + word.len(), unit });
        }
        start += length;
    }
    found
}

/// How long the word is, or the number with its fraction, that the text begins with.
fn number_or_word(text: &str) -> usize {
    let word = |t: &str| t.len() - t.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    let whole = word(text);
    let fraction = text.get(whole..).and_then(|t| t.strip_prefix('.')).map_or(0, word);
    let number = text.bytes().take(whole).all(|b| b.is_ascii_digit() || b == b'_');
    if number && fraction > 0 { whole + 1 + fraction } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_apart_from_their_units() {
        let found = |text: &str| -> Vec<String> {
            units_apart(text, text.len()).iter().map(|a| format!("{}{}", &text[a.start..a.gap], a.unit)).collect()
        };
        assert_eq!(found("wait 5 m"), ["5m"]);
        assert_eq!(found("a\nlimit 10 per 1.5 hours by x9 s"), ["1.5h"]);
        assert_eq!(found("backoff 1 s..10 s"), ["1s", "10s"]);
        assert_eq!(found("size 3 \tGiB within 30 seconds {"), ["3GiB", "30s"]);
        for none in ["wait 5m", "\"wait 5 m\"", "x5 m", "a // 5 m", "5 times", "5\nm", "5 matches re\"x\"", "0x5 m"] {
            assert!(found(none).is_empty(), "{none}");
        }
    }
}
