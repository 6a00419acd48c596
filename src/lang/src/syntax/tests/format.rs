//! The formatter: what it makes of each file in `tests/fmt/`, and what it promises for every text.

use std::path::{Path, PathBuf};

use super::*;

fn formatted(text: &str) -> String {
    match format(FileId(0), text) {
        Ok(formatted) => formatted,
        Err(FormatError::Syntax(d)) => panic!("{text}\n{:?}", d.iter().map(|d| &d.message).collect::<Vec<_>>()),
        Err(e) => panic!("{e:?}\n{text}\nprinted:\n{}", print::print_source(&parse(FileId(0), text).module, text)),
    }
}

/// Formats twice; the second time changes nothing.
fn stable(text: &str) -> String {
    let once = formatted(text);
    let twice = formatted(&once);
    let differs = once.lines().zip(twice.lines()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.lines().skip(differs.saturating_sub(4)).take(10).collect::<Vec<_>>().join("\n");
    assert!(once == twice, "not stable:\n{}\n---- then\n{}\n---- of\n{text}", around(&once), around(&twice));
    once
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every `.rrb` file below the folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|e| e == "rrb") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The library and the examples.
pub(super) fn project_files() -> Vec<PathBuf> {
    ["stdlib", "examples"].iter().flat_map(|f| files(&root().join(f))).collect()
}

fn in_library(path: &Path) -> bool {
    path.starts_with(root().join("stdlib"))
}

#[test]
fn files_are_formatted_as_shown() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fmt");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::glob!("../../../tests/fmt", "*.rrb", |path| {
            insta::assert_snapshot!(stable(&std::fs::read_to_string(path).unwrap()));
        });
    });
}

/// `rrb fmt stdlib examples` puts it right.
#[test]
fn every_file_of_the_project_is_formatted() {
    let unformatted: Vec<PathBuf> = project_files()
        .into_iter()
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            stable(&text) != text
        })
        .collect();
    assert!(unformatted.is_empty(), "run `rrb fmt stdlib examples`: {unformatted:#?}");
}

/// Also what the checker refuses.
#[test]
fn every_fixture_keeps_its_meaning() {
    let mut seen = 0;
    for path in files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))) {
        let text = std::fs::read_to_string(&path).unwrap();
        if parse(FileId(0), &text).diagnostics.is_empty() {
            seen += 1;
            stable(&text);
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    for text in ["fn f( {}", "runbook r() {\n  let x =\n}\n", "let s = \"open\n", "let x = 1;"] {
        let Err(FormatError::Syntax(diagnostics)) = format(FileId(0), text) else { panic!("{text}") };
        assert!(!diagnostics.is_empty());
    }
}

#[test]
fn the_deepest_texts_are_formatted() {
    let deep = [
        format!("let a = {}1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING)),
        format!("let a = {}1{}", "[".repeat(MAX_NESTING), "]".repeat(MAX_NESTING)),
        format!("fn f() {{ {} {} }}", "if a { ".repeat(MAX_NESTING - 1), "}".repeat(MAX_NESTING - 1)),
        format!("let a = {}1", "1 + ".repeat(300)),
        format!("let a = x{}", ".y(1)".repeat(150)),
    ];
    for text in deep {
        stable(&text);
    }
}

/// Puts comments where the text has a space, as `seed` says, and keeps those texts that are still valid.
fn with_comments(text: &str, seed: u64) -> Option<String> {
    let mut state = seed | 1;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut result = String::new();
    let mut count = 0;
    for c in text.chars() {
        result.push(c);
        if matches!(c, ' ' | '\n' | '(' | ',' | '{') && random(40) == 0 {
            count += 1;
            let own = if random(2) == 0 { "\n" } else { "" };
            let gap = if random(4) == 0 { "\n" } else { "" };
            let mark = ["//", "//", "//", "///", "//!"][random(5) as usize];
            result.push_str(&format!("{own}{mark} note {count}\n{gap}"));
        }
    }
    Some(result).filter(|r| count > 0 && parse(FileId(0), r).diagnostics.is_empty())
}

#[test]
fn comments_survive_wherever_they_stand() {
    let mut tried = 0;
    let asked = std::env::var("RRB_FORMAT_ROUNDS").ok().and_then(|n| n.parse().ok());
    let rounds = asked.unwrap_or(6);
    for path in project_files() {
        let whole = std::fs::read_to_string(&path).unwrap();
        // Of the library's many declarations, all alike, some stand for the others unless more is asked for.
        let step = if asked.is_none() && in_library(&path) { 16 } else { 1 };
        // Single declarations: one comment that cannot stand where it fell must not spoil all others.
        for (i, part) in whole.split("\n\n").enumerate().step_by(step) {
            for round in 0..rounds {
                if let Some(text) = with_comments(part, (i as u64 + 1) * 7919 + round * 104_729) {
                    tried += 1;
                    stable(&text);
                }
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn docs_of_nothing_do_not_become_docs_of_what_follows() {
    let text = "fn f(\n  a:\n  /// lost\n  Int,\n  b: Int,\n) -> Int {\n  a\n}\n\n/// lost, too\n";
    let neat = "fn f(\n  a: Int,\n  // lost\n  b: Int,\n) -> Int {\n  a\n}\n\n// lost, too\n";
    assert_eq!(stable(text), neat);
    // Nothing has to be done about those that stay where they say nothing.
    let harmless = "fn f(a: Int) -> Int {\n  /// lost\n  a\n}\n\n/// lost, too\n";
    assert_eq!(stable(harmless), harmless);
    // What follows may be held off by docs of the module only.
    assert_eq!(stable("/// Of G.\n//! Of all.\ntype G = {}\n"), "//! Of all.\n\n/// Of G.\ntype G = { }\n");
}

/// Every place between two characters of which one does not go on with the other as a word.
fn gaps(text: &str) -> Vec<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let pairs = text.char_indices().zip(text.chars().skip(1));
    pairs.filter(|((_, a), b)| !(is_word(*a) && is_word(*b))).map(|((at, a), _)| at + a.len_utf8()).collect()
}

/// The braces and the remarks of a text, in order; braces in texts and remarks are none.
fn braces_and_remarks(text: &str) -> Vec<String> {
    let scan = scan::scan(text, usize::MAX, scan::Guess::Nothing);
    let curly = scan.groups.iter().filter(|(o, _)| o.kind == scan::Open::Curly);
    let braces = curly.flat_map(|(o, close)| [(o.at, "{".to_owned()), (*close, "}".to_owned())]);
    let remarks = scan.comments.iter().map(|(start, end)| (*start, text[*start..*end].trim_end().to_owned()));
    let remarks = remarks.filter(|(_, r)| !r.starts_with("//!") && !r.starts_with("///"));
    let mut all: Vec<(usize, String)> = braces.chain(remarks).collect();
    all.sort();
    all.into_iter().map(|(_, what)| what).collect()
}

/// What is said when a remark at the byte `at` does not stay where it is, or when that cannot be formatted.
fn moved_remark(neat: &str, at: usize, noted: &str) -> Option<String> {
    let why = match format(FileId(0), noted) {
        Ok(once) if braces_and_remarks(&once) != braces_and_remarks(noted) => format!("jumps:\n{once}"),
        Ok(once) if format(FileId(0), &once).as_ref() != Ok(&once) => format!("is not stable:\n{once}"),
        Ok(_) => return None,
        Err(e) => format!("{e:?}"),
    };
    let line = neat[..at].rfind('\n').map_or(0, |n| n + 1);
    Some(format!("{}⟨note⟩{}: {why}", &neat[line..at], neat[at..].lines().next().unwrap_or("")))
}

/// A remark in one gap after another of right files: all survive, in order, and none jumps over a brace. `RRB_FORMAT_GAPS=1` tries
/// every gap.
#[test]
fn no_remark_jumps_over_a_brace() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    let asked = std::env::var("RRB_FORMAT_GAPS").ok().and_then(|n| n.parse().ok());
    let fixtures = ["check/ok", "check/kit", "fmt"].iter().flat_map(|f| files(&folder.join(f)));
    let (mut tried, mut moved) = (0, Vec::new());
    for (nth, path) in project_files().into_iter().chain(fixtures).enumerate() {
        // Clauses stand in order, so that none has to move with its remark.
        let Ok(neat) = format(FileId(0), &std::fs::read_to_string(&path).unwrap()) else { continue };
        let every = asked.unwrap_or(if in_library(&path) { 1999 } else { 149 });
        // Of the long ones one declaration after another: what is tried is read several times.
        for part in neat.split("\n\n").filter(|part| parse(FileId(0), part).diagnostics.is_empty()) {
            let known = scan::scan(part, usize::MAX, scan::Guess::Nothing).comments.len();
            for at in gaps(part).into_iter().skip((nth + part.len()) % every).step_by(every) {
                for remark in ["// note\n", "\n// note\n"] {
                    let noted = format!("{}{remark}{}", &part[..at], &part[at..]);
                    let remarks = scan::scan(&noted, usize::MAX, scan::Guess::Nothing).comments.len();
                    if parse(FileId(0), &noted).diagnostics.is_empty() && remarks == known + 1 {
                        tried += 1;
                        moved.extend(moved_remark(part, at, &noted).map(|m| format!("{path:?}\n{m}")));
                    }
                }
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert!(moved.is_empty(), "{} of {tried}:\n{}", moved.len(), moved.join("\n"));
}

/// Every order of some clauses, each on a line with a remark of what it is.
fn orders<'a>(clauses: &[&'a str]) -> Vec<Vec<&'a str>> {
    let Some((first, others)) = clauses.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(others) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, first);
            all.push(order);
        }
    }
    all
}

#[test]
fn a_remark_stays_behind_its_clause() {
    let forms: &[(&str, &[&str], &str)] = &[
        ("fn f() { f()", &["retry 3 times", "timeout 3s", "key k", "undo { g() }"], "}"),
        ("fn f() { f() retry 3 times", &["backoff 1s..2s", "when e == 1"], "}"),
        (
            "fn f() { approve q",
            &["from g(1)", "quorum 1", "within 3m", "require comment", "not requester"],
            "{ g() } }",
        ),
        ("fn f() { approve q", &["escalate to a, b after 3m", "remind every 1m", "ask c()", "showing 3"], "{ g() } }"),
        ("fn f() { waive q", &["by x", "until t"], "{ g() } }"),
        ("fn f() { verify q", &["within 3m", "every 1s", "settle 2s"], "{ g() } }"),
        ("fn f() { wait until q", &["within 3m", "every 1s"], "}"),
        ("fn f() { for x in q", &["in waves w", "pausing 3s", "parallel 3", "collect failures"], "{ g() } }"),
        ("runbook r() { on q.e as e", &["where e.x", "with x: 1"], "}"),
        ("connector k { action f() -> q", &["changes", "idempotent", "target t", "on busy fail"], "{ g() } }"),
        ("connector k { event e: q from webhook w {", &["verify v", "each b as x", "id i", "at t", "emit e"], "} }"),
        ("policy p { require approval", &["for destroys", "quorum 1", "within 3m", "from g(1)"], "}"),
        ("policy p { forbid changes", &["by x", "where e.x", "unless f", "because y"], "}"),
    ];
    for (head, clauses, tail) in forms {
        for order in orders(clauses) {
            let lines: String = order.iter().map(|c| format!("  {c} // of {c}\n")).collect();
            let text = format!("{head} // of q\n{lines}{tail}\n");
            let formatted = stable(&text);
            for clause in clauses.iter() {
                let line = formatted.lines().find(|l| l.ends_with(&format!("// of {clause}")));
                let code = line.and_then(|l| l.split_once(" // of")).map_or("", |(code, _)| code);
                assert!(code.ends_with(clause), "{clause}\n{text}\n{formatted}");
            }
        }
    }
}

#[test]
fn a_remark_stays_behind_its_operand() {
    for op in ["and", "or", "??", "+", "-", "*", "/", "mod"] {
        for (end, start) in [(format!(" {op}"), String::new()), (String::new(), format!("{op} "))] {
            if op == "-" && end.is_empty() {
                continue;
            }
            let text = format!("let x = aa{end} // of aa\n  {start}bb{end} // of bb\n  {start}cc // of cc\n");
            let formatted = stable(&text);
            for operand in ["aa", "bb", "cc"] {
                let line = formatted.lines().find(|l| l.ends_with(&format!("// of {operand}"))).unwrap_or("");
                let code = line.split(" //").next().unwrap_or("").trim_end_matches(" -");
                assert!(code.ends_with(operand), "{text}\n{formatted}");
            }
        }
    }
}

#[test]
fn files_of_other_systems_get_plain_line_ends() {
    let neat = "let a = \"\"\"\n  one\n  two\n  \"\"\"\nlet b = r#\"x\ny\"# // two\n";
    for text in
        [neat.replace('\n', "\r\n"), format!("\u{feff}{neat}"), format!("\u{feff}{}", neat.replace('\n', "\r\n"))]
    {
        assert_eq!(stable(&text), neat);
        let (mut theirs, mut ours) = (parse(FileId(0), &text), parse(FileId(0), neat));
        assert_eq!(theirs.diagnostics, []);
        strip(&mut theirs.module);
        strip(&mut ours.module);
        assert_eq!(theirs.module, ours.module);
    }
}

/// It says what a file is only at its start; places behind it stay true.
#[test]
fn a_byte_order_mark_stands_at_the_start() {
    let read = parse(FileId(0), "\u{feff}let a = ;\n");
    assert_eq!(read.diagnostics.first().map(|d| d.span().start), Some(11));
    assert!(!parse(FileId(0), "let a = 1\n\u{feff}let b = 2\n").diagnostics.is_empty());
    assert!(!parse(FileId(0), "\u{feff}\u{feff}let b = 2\n").diagnostics.is_empty());
}

/// Trees that nobody would write, as they are printed, and read again with their source.
#[test]
fn every_tree_formats_to_itself() {
    for_random_modules(32, |module| {
        let text = print(&module);
        let once = format(FileId(0), &text);
        prop_assert!(once.is_ok(), "{text}\n{once:?}");
        let once = once.unwrap();
        let twice = format(FileId(0), &once);
        prop_assert!(twice.as_ref() == Ok(&once), "{once}\n{}", twice.unwrap_or_default());
        Ok(())
    });
}
