//! The long form of a code, taken apart: prose, wrong examples and right ones.
//!
//! It is Markdown of paragraphs, lists and fenced blocks. A block is an example that a test checks: as the guide's blocks, with
//! `wrong` in the fence when exactly this code is to be found in it.

use std::fmt::Write;

use super::Severity;
use super::codes::{ALL, Code, Entry};

/// A part of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    /// Paragraphs and lists, their lines as written.
    Prose(&'a str),
    /// A fenced block.
    Example(Example<'a>),
}

/// A fenced block of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<'a> {
    /// The words after the fence: `rrb` or `toml`, then `wrong`, `body`, `given`, `file=…`.
    pub info: Vec<&'a str>,
    /// What it holds, with the last line's end.
    pub text: &'a str,
}

impl Example<'_> {
    /// Whether the fence has this word.
    pub fn is(&self, word: &str) -> bool {
        self.info.contains(&word)
    }

    /// What stands above it for readers; nothing above what the examples stand on.
    pub fn title(&self) -> Option<&'static str> {
        let context = self.is("given") || self.info.iter().any(|w| w.starts_with("file="));
        match self.is("wrong") {
            true => Some("Wrong"),
            false if context => None,
            false => Some("Right"),
        }
    }
}

/// The parts of an explanation in order.
pub fn parts(explanation: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = explanation;
    while let Some(at) = rest.find("```") {
        let (prose, from) = rest.split_at(at);
        let block = from.trim_start_matches('`');
        let (info, block) = block.split_once('\n').unwrap_or((block, ""));
        let (text, after) = block.split_once("```").unwrap_or((block, ""));
        push_prose(&mut out, prose);
        out.push(Part::Example(Example { info: info.split_whitespace().collect(), text }));
        rest = after;
    }
    push_prose(&mut out, rest);
    out
}

fn push_prose<'a>(out: &mut Vec<Part<'a>>, prose: &'a str) {
    if !prose.trim().is_empty() {
        out.push(Part::Prose(prose.trim()));
    }
}

/// Every code on one page of Markdown: what `docs/diagnostics.md` holds.
pub fn page() -> String {
    let mut out = String::from(INTRODUCTION);
    for code in ALL {
        let Entry { name, severity, summary, explanation } = code.entry();
        let severity = match severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        };
        let _ = write!(out, "\n### {name}\n\n{severity}: {summary}\n\n");
        for part in parts(explanation) {
            match part {
                Part::Prose(text) => {
                    let _ = write!(out, "{text}\n\n");
                }
                Part::Example(example) => {
                    if let Some(title) = example.title() {
                        let _ = write!(out, "{title}:\n\n");
                    }
                    let _ = write!(out, "```{}\n{}```\n\n", example.info.join(" "), example.text);
                }
            }
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

/// The codes nearest to a word that is none, best first: those that hold it, or that it is a slip of.
pub fn near(word: &str) -> Vec<Code> {
    const SHOWN: usize = 5;
    let word = word.to_lowercase();
    let distance = |code: &Code| {
        let short = code.name().trim_start_matches("rrb::");
        let whole = strsim::damerau_levenshtein(&word, short);
        let parts = short.split("::").map(|p| strsim::damerau_levenshtein(&word, p)).min();
        let holds = word.chars().count() >= 3 && short.contains(&word);
        if holds { 0 } else { parts.map_or(whole, |p| p.min(whole)) }
    };
    let limit = (word.chars().count() / 3).max(1);
    let mut found: Vec<(usize, Code)> = ALL.iter().map(|c| (distance(c), *c)).filter(|(d, _)| *d <= limit).collect();
    found.sort_by_key(|(d, _)| *d);
    let best = found.first().map_or(0, |(d, _)| *d);
    found.retain(|(d, _)| *d <= best + 1);
    found.into_iter().map(|(_, c)| c).take(SHOWN).collect()
}

const INTRODUCTION: &str = "# Diagnostics

Everything that `rrb check` and the editor can say, by code. `rrb explain CODE` prints one of these entries; the last part of a code
is enough where it is unique (`rrb explain unapproved`). This page is generated from `src/lang/src/diag/explanations`, and every
example on it is checked: a wrong one gives exactly its code, a right one nothing.

A program with an error does not run. A warning stops nothing, unless `rrb check --deny-warnings` is asked to.

## A warning that is meant

A variable or a parameter that is meant to be unused begins with `_`. Any other warning is silenced where it stands, by a comment at
the end of the line that it is about, or on a line of its own above:

```rrb
// allow rrb::parameter::unused because callers give both
fn first(x: Int, y: Int) -> Int { x }
```

Several codes stand behind one another with commas; what follows them is the reason. Errors cannot be allowed, and an allowance that
is not needed is a warning itself.

## The codes

The examples may `use k8s`, `alerts` and `chat`, a small cluster, an alert source and a chat in `src/lang/tests/check/kit`. Their
project has the users `ana`, `bo` and `cy`, the group `sre` of all three, `platform` of `cy`, and `empty` of nobody. Today is
2026-07-01. A block that shows only statements stands in a runbook.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_falls_into_its_parts() {
        let got = parts("One.\n\n- two\n\n```rrb wrong body\nlet a =\n```\n\n```rrb\nlet a = 1\n```\n");
        let wrong = Example { info: vec!["rrb", "wrong", "body"], text: "let a =\n" };
        let right = Example { info: vec!["rrb"], text: "let a = 1\n" };
        assert_eq!(got, [Part::Prose("One.\n\n- two"), Part::Example(wrong), Part::Example(right)]);
        assert_eq!(parts("```rrb"), [Part::Example(Example { info: vec!["rrb"], text: "" })]);
        assert_eq!(parts(" \n"), []);
    }

    #[test]
    fn near_codes_are_found_by_part_and_by_slip() {
        let names = |word| near(word).into_iter().map(Code::name).collect::<Vec<_>>();
        assert_eq!(names("unaproved"), ["rrb::effect::unapproved"]);
        assert!(names("waiver").contains(&"rrb::approval::waiver-expired"));
        assert!(names("zzzzzzz").is_empty());
        assert!(names("type").len() <= 5);
    }
}
