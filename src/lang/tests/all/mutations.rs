//! Every token of the library and the examples deleted, doubled, swapped with its neighbour and retyped: what comes out is still a
//! valid program, or the first error stands where the change is.
//!
//! Normally a sample, the same one each time. All of them: `RRB_MUTATIONS=all cargo nextest run -p rrb-lang --release mutations`.
//! `RRB_MUTATIONS_SHOW=20` prints that many changes whose first error stands elsewhere. How long a change takes is printed, not
//! asserted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rrb_lang::check::{CheckInput, ModuleSource, check};
use rrb_lang::diag::Diagnostic;
use rrb_lang::project;
use rrb_lang::span::Sources;
use rrb_lang::syntax;

/// How many changes a normal run tries.
const SAMPLE: usize = 400;

/// The share of changes whose first error must stand on the line of the change or of the next token.
const TRUE_LINE: f64 = 0.95;
/// The same in the library.
const TRUE_LINE_OF_LIBRARY: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Text,
    Mark,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Deleted,
    Doubled,
    Swapped,
    Retyped,
}

const CHANGES: [Change; 4] = [Change::Deleted, Change::Doubled, Change::Swapped, Change::Retyped];

const MARKS: [&str; 14] = ["..=", "->", "=>", "==", "!=", "<=", ">=", "..", "??", "?.", "+=", "-=", "&&", "||"];

/// The tokens as a person sees them; a text with its holes is one.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let rest = &text[at..];
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
        let behind = rest[word..].trim_start_matches('#');
        let kind = if rest.starts_with(char::is_whitespace) {
            at += rest.len() - rest.trim_start().len();
            continue;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if behind.starts_with('"') && (word == 0 || !bytes[at].is_ascii_digit()) {
            at = text_end(text, at, word, behind);
            Kind::Text
        } else if word > 0 {
            at += word;
            if bytes[start].is_ascii_digit() { Kind::Number } else { Kind::Word }
        } else {
            at += MARKS
                .iter()
                .find(|m| rest.starts_with(**m))
                .map_or(rest.chars().next().unwrap().len_utf8(), |m| m.len());
            Kind::Mark
        };
        found.push(Token { kind, start, end: at });
    }
    found
}

fn text_end(text: &str, start: usize, word: usize, behind: &str) -> usize {
    let quote = text.len() - behind.len();
    let hashes = quote - start - word;
    if word > 0 || hashes > 0 {
        let closer = format!("\"{}", "#".repeat(hashes));
        return quote + 1 + text[quote + 1..].find(&closer).unwrap() + closer.len();
    }
    let closer = if behind.starts_with("\"\"\"") { "\"\"\"" } else { "\"" };
    let (mut at, mut holes) = (quote + closer.len(), 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with('\\') {
            at += 2;
        } else if rest.starts_with("${") {
            holes += 1;
            at += 2;
        } else if holes > 0 && rest.starts_with('"') {
            at = text_end(text, at, 0, rest);
        } else if holes > 0 {
            holes -= usize::from(rest.starts_with('}'));
            at += rest.chars().next().unwrap().len_utf8();
        } else if rest.starts_with(closer) {
            return at + closer.len();
        } else {
            at += rest.chars().next().unwrap().len_utf8();
        }
    }
}

struct Subject {
    name: String,
    /// As the project file may name it.
    module: String,
    text: String,
    tokens: Vec<Token>,
    config: project::ProjectConfig,
    /// The other modules of its project, which tests bring in.
    others: Vec<ModuleSource>,
    /// What only declares is read, not checked: no project may have native actions.
    native: bool,
}

impl Subject {
    fn new(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let config =
            path.ancestors().find_map(|above| std::fs::read_to_string(above.join("rrb.toml")).ok()).unwrap_or_default();
        let (config, _) = project::parse(rrb_lang::check::PROJECT_FILE, &config);
        let native = path.parent().unwrap().ends_with("native");
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let others = if module.ends_with("_test") { beside(path) } else { Vec::new() };
        let name = path.to_string_lossy().into_owned();
        Self { module, name, tokens: tokens(&text), text, config, others, native }
    }

    fn changed(&self, at: usize, change: Change) -> Option<String> {
        let token = self.tokens[at];
        let text = &self.text[token.start..token.end];
        let (before, after) = (&self.text[..token.start], &self.text[token.end..]);
        Some(match change {
            Change::Deleted => format!("{before}{after}"),
            Change::Doubled => format!("{before}{text} {text}{after}"),
            Change::Swapped => {
                let next = self.tokens.get(at + 1)?;
                let between = &self.text[token.end..next.start];
                let (other, rest) = (&self.text[next.start..next.end], &self.text[next.end..]);
                format!("{before}{other}{between}{text}{rest}")
            }
            Change::Retyped => {
                let other = match token.kind {
                    Kind::Word | Kind::Text => "7",
                    Kind::Number => "\"seven\"",
                    Kind::Mark => "seven",
                };
                format!("{before} {other} {after}")
            }
        })
    }

    /// The line of the first error; None when there is none.
    fn first_error(&self, text: &str) -> Option<(u32, String)> {
        let found = |sources: &Sources, all: &[Diagnostic]| {
            let errors = all.iter().filter(|d| d.is_error());
            let first = errors
                .map(|d| (sources.name(d.span().file) != "main.rrb", d.span().start, d))
                .min_by_key(|e| (e.0, e.1));
            first.map(|(_, _, d)| (sources.line_col(d.span().file, d.span().start).line, d.message.clone()))
        };
        if self.native {
            let mut sources = Sources::default();
            let file = sources.add("main.rrb", text);
            return found(&sources, &syntax::parse(file, text).diagnostics);
        }
        let main = ModuleSource { name: self.module.as_str().into(), file: "main.rrb".into(), text: text.into() };
        let modules = std::iter::once(main).chain(self.others.iter().cloned()).collect();
        let checked = check(CheckInput { modules, project: self.config.clone() });
        found(&checked.sources, &checked.diagnostics)
    }

    fn line(&self, at: usize) -> u32 {
        1 + u32::try_from(self.text[..at].matches('\n').count()).unwrap()
    }
}

/// The other modules in a folder.
fn beside(path: &Path) -> Vec<ModuleSource> {
    let all = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().path());
    let mut others: Vec<PathBuf> = all.filter(|p| p != path && p.extension().is_some_and(|e| e == "rrb")).collect();
    others.sort();
    let module = |p: &PathBuf| {
        let stem = p.file_stem().unwrap().to_string_lossy();
        let text = std::fs::read_to_string(p).unwrap();
        ModuleSource { name: (&*stem).into(), file: format!("{stem}.rrb"), text: text.into() }
    };
    others.iter().map(module).collect()
}

fn subjects(of: &str) -> Vec<Arc<Subject>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root.join(of)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rrb") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.iter().map(|p| Arc::new(Subject::new(p))).collect()
}

#[derive(Debug, Default)]
struct Tally {
    valid: usize,
    on_line: usize,
    elsewhere: Vec<String>,
    /// How long each change took until its first error, and which it was.
    times: Vec<(Duration, String)>,
}

impl Tally {
    fn print_times(&mut self) {
        self.times.sort();
        let count = self.times.len();
        let at = |share: usize| self.times.get(count * share / 1000).map_or(Duration::ZERO, |t| t.0);
        let slow = self.times.iter().filter(|t| t.0 > Duration::from_millis(50)).count();
        println!(
            "time of a change: half in {:?}, 99 % in {:?}, 99.9 % in {:?}; {slow} above 50 ms",
            at(500),
            at(990),
            at(999)
        );
        if let Some((longest, what)) = self.times.last() {
            println!("the longest: {longest:?}, {what}");
        }
    }
}

#[test]
fn the_first_error_stands_where_the_change_is() {
    first_errors("examples", SAMPLE, TRUE_LINE);
}

/// Modules of the library are long, and what is declared at their end is used at their beginning: there a broken declaration is missed
/// before it is reached.
#[test]
fn in_the_library_it_does_so_nearly_as_often() {
    first_errors("stdlib", SAMPLE / 2, TRUE_LINE_OF_LIBRARY);
}

fn first_errors(of: &str, sample: usize, least: f64) {
    let all = std::env::var("RRB_MUTATIONS").is_ok_and(|v| v == "all");
    let subjects = subjects(of);
    let mut jobs: Vec<(Arc<Subject>, usize, Change)> = Vec::new();
    for subject in &subjects {
        assert_eq!(subject.first_error(&subject.text), None, "{}", subject.name);
        for at in 0..subject.tokens.len() {
            jobs.extend(CHANGES.map(|change| (Arc::clone(subject), at, change)));
        }
    }
    if !all {
        let step = (jobs.len() / sample).max(1) | 1; // odd, so that every kind of change comes up
        jobs = jobs.into_iter().step_by(step).collect();
    }
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                while let Some((subject, at, change)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    try_one(subject, *at, *change, &tally);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap();
    tally.print_times();
    let wrong = tally.on_line + tally.elsewhere.len();
    let share = tally.on_line as f64 / wrong as f64;
    println!(
        "{} changes: {} still valid, {wrong} wrong; first error on the true line in {:.2} %",
        jobs.len(),
        tally.valid,
        share * 100.0
    );
    let show = std::env::var("RRB_MUTATIONS_SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    tally.elsewhere.iter().take(show).for_each(|e| println!("{e}"));
    assert!(share >= least, "only {:.2} %", share * 100.0);
}

fn try_one(subject: &Subject, at: usize, change: Change, tally: &Mutex<Tally>) {
    let Some(text) = subject.changed(at, change) else { return };
    let what = || {
        let token = subject.tokens[at];
        let name = subject.name.rsplit('/').next().unwrap_or("");
        format!("{name}:{}: {change:?} `{}`", subject.line(token.start), &subject.text[token.start..token.end])
    };
    let began = Instant::now();
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| subject.first_error(&text)));
    let Ok(found) = found else { panic!("a panic: {}", what()) };
    let took = began.elapsed();
    let mut tally = tally.lock().unwrap();
    tally.times.push((took, what()));
    match found {
        None => tally.valid += 1,
        Some((line, message)) => {
            let own = subject.tokens[at];
            let next = subject.tokens.get(at + 1).copied().unwrap_or(own);
            // Where a statement goes on over lines, its last line is as true as its first.
            let near = [subject.line(own.start), subject.line(own.end), subject.line(next.start)];
            if near.contains(&line) {
                tally.on_line += 1;
            } else {
                tally.elsewhere.push(format!("{}: line {line}: {message}", what()));
            }
        }
    }
}

#[test]
fn tokens_are_what_a_person_sees() {
    let text = "let x = re#\"a\"b\"# + \"a ${f(\"}\")} b\" ..= 1h30m // c\n x?.y";
    let seen: Vec<&str> = tokens(text).iter().map(|t| &text[t.start..t.end]).collect();
    assert_eq!(seen, ["let", "x", "=", "re#\"a\"b\"#", "+", "\"a ${f(\"}\")} b\"", "..=", "1h30m", "x", "?.", "y"]);
}
