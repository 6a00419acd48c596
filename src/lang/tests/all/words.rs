//! Every clause word of every form, misspelt and left out: one error, on its line, that names the word.
//!
//! The forms are the right programs of `tests/check/words.txt`. What is not like that stands in the snapshot beside it: some words
//! may be left out, others leave behind what is right by itself, and a few make two mistakes of one.

use std::fmt::Write;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::Diagnostic;
use rrb_lang::project;

use super::check::{delegates, folder};

const FORMS: &str = include_str!("../check/words.txt");
const GRAMMAR: &str = include_str!("../../../../grammar/rrb.pest");

/// 2026-07-01: waivers before it have run out.
const TODAY: i64 = 1_782_864_000_000;

/// The words of the grammar's keywords and clauses.
fn words() -> Vec<&'static str> {
    let rules = GRAMMAR.lines().filter(|l| l.starts_with("k_") || l.starts_with("c_"));
    let texts = rules.flat_map(|l| l.split('"').skip(1).step_by(2));
    let mut words: Vec<&str> = texts.filter(|w| w.len() > 1 && w.bytes().all(|b| b.is_ascii_lowercase())).collect();
    words.retain(|w| !matches!(*w, "elif" | "elsif" | "elseif"));
    words.sort_unstable();
    words.dedup();
    words
}

/// The forms by name.
fn forms() -> Vec<(&'static str, &'static str)> {
    FORMS.split("=== ").skip(1).filter_map(|form| form.split_once('\n')).collect()
}

/// The words and marks of a program with their places; texts are one.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let length = if rest[word..].starts_with('"') {
            word + 2 + rest[word + 1..].find('"').unwrap()
        } else if word > 0 {
            word
        } else {
            rest.chars().next().unwrap().len_utf8()
        };
        found.push((at, &rest[..length]));
        at += length;
    }
    found.retain(|(_, t)| !t.trim().is_empty());
    found
}

/// Two letters in the middle swapped, or the last one doubled in a short word.
fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let last = letters.len() - 1;
    let mut at = letters.len() / 2 - 1;
    if letters[at] == letters[at + 1] {
        at += 1;
    }
    if letters.len() <= 3 || at >= last {
        letters.push(letters[last]);
    } else {
        letters.swap(at, at + 1);
    }
    letters.into_iter().collect()
}

fn errors(text: &str) -> Vec<Diagnostic> {
    let mut config = std::fs::read_to_string(folder("kit/rrb.toml")).unwrap();
    for connector in ["shop", "chat"].into_iter().filter(|c| text.contains(*c)) {
        write!(config, "\n[connectors.{connector}]\ntoken = \"env:TOKEN\"\n").unwrap();
    }
    let (project, mut found) = project::parse(PROJECT_FILE, &config);
    let kit = ["alerts", "chat", "k8s", "paging"].into_iter().filter(|name| text.contains(name)).map(|name| {
        let file = format!("{name}.rrb");
        let text = std::fs::read_to_string(folder("kit").join(&file)).unwrap();
        ModuleSource { name: name.into(), file, text: text.into() }
    });
    let main = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let around = Surroundings { project_text: Some(config.into()), now: Some(TODAY), files: Some(delegates()) };
    let modules = std::iter::once(main).chain(kit).collect();
    found.extend(check_in(CheckInput { modules, project }, around).diagnostics);
    // A table of a connector that nobody brings in any more is no mistake of the form.
    found.retain(|d| d.is_error() && d.span().file != PROJECT_FILE);
    found
}

fn line(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

#[test]
fn the_forms_are_right() {
    let all = forms();
    assert!(all.len() >= 39, "{}", all.len());
    for (name, text) in all {
        let found: Vec<String> = errors(text).into_iter().map(|d| d.message).collect();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

#[test]
fn the_forms_have_every_word() {
    let all = forms();
    let used: Vec<&str> = all.iter().flat_map(|(_, text)| tokens(text)).map(|(_, t)| t).collect();
    let missing: Vec<&str> = words().into_iter().filter(|w| !used.contains(w)).collect();
    // `native` is for the primitives, and what is `pure` is a `fn`.
    assert_eq!(missing, ["false", "file", "native", "poll", "pure", "stream", "true"]);
}

#[test]
fn a_misspelt_or_missing_word_is_one_error() {
    let known = words();
    let (mut tried, mut exceptions) = (0, String::new());
    let mut several = 0;
    for (name, text) in forms() {
        let tokens = tokens(text);
        for (i, (at, word)) in tokens.iter().enumerate().filter(|(_, (_, t))| known.contains(t)) {
            let next = tokens.get(i + 1).map_or("", |(_, t)| t);
            let behind_dot = i > 0 && tokens[i - 1].1 == ".";
            if behind_dot || matches!(next, ":" | ".") || (next == "(" && !matches!(*word, "group" | "and")) {
                continue;
            }
            for changed in [misspelt(word), String::new()] {
                tried += 1;
                let wrong = format!("{}{changed}{}", &text[..*at], &text[at + word.len()..]);
                let found = errors(&wrong);
                let says = |d: &Diagnostic| {
                    let said = format!("{} {}", d.message, d.help.join(" "));
                    said.contains(*word) || (!changed.is_empty() && said.contains(&changed))
                };
                let first =
                    found.first().filter(|d| says(d) && line(&wrong, d.span().start as usize) == line(text, *at));
                if found.len() == 1 && first.is_some() {
                    continue;
                }
                several += usize::from(found.len() > 1);
                let what = if changed.is_empty() { "left out" } else { "misspelt" };
                let shown = text[..*at].rsplit('\n').next().unwrap_or("").trim_start();
                let rest = text[*at + word.len()..].lines().next().unwrap_or("");
                writeln!(exceptions, "{name}: `{word}` {what}: {shown}⟨{changed}⟩{rest}").unwrap();
                for d in &found {
                    let from = line(&wrong, d.span().start as usize) as i64 - line(text, *at) as i64;
                    writeln!(exceptions, "  {from:+} {}", d.message).unwrap();
                }
                if found.is_empty() {
                    writeln!(exceptions, "  right without it").unwrap();
                }
            }
        }
    }
    insta::with_settings!({ snapshot_path => folder("."), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("words", exceptions);
    });
    assert!(tried > 1000, "{tried}");
    assert!(several * 10 < tried, "{several} of {tried} changes give more than one error");
}
