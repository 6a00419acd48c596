//! The long form of every code: its wrong example gives exactly this code, its right one nothing; and the page that lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::explain::{Example, Part, page, parts};
use rrb_lang::diag::{Code, Diagnostic, codes, plain};
use rrb_lang::program::compile;
use rrb_lang::project::{self, Declared, resolve_settings};
use rrb_lang::span::Sources;
use rrb_lang::value::Value;

use crate::guide::blocks::root;

/// 2026-07-01: waivers before it have run out.
const TODAY: i64 = 1_782_864_000_000;

/// What the examples of one code stand on.
struct Ground {
    toml: String,
    given: String,
    kit: BTreeMap<String, String>,
}

impl Ground {
    fn new() -> Self {
        let folder = root().join("src/lang/tests/check/kit");
        let kit = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let modules = ["alerts", "chat", "k8s"].map(|m| (m.to_owned(), kit(&format!("{m}.rrb"))));
        Self { toml: kit("rrb.toml"), given: String::new(), kit: modules.into() }
    }

    /// All that `rrb check` says of a program, as far as the language says it.
    fn said(&self, text: &str, toml: &str) -> (Vec<Diagnostic>, Sources) {
        let (config, mut diagnostics) = project::parse(PROJECT_FILE, toml);
        let module = |name: &str, text: &str| ModuleSource {
            name: name.into(),
            file: format!("{}.rrb", name.replace('.', "/")),
            text: text.into(),
        };
        let used = |name: &str| text.contains(&format!("use {name}"));
        let others = self.kit.iter().filter(|(name, _)| used(name)).map(|(name, text)| module(name, text));
        let modules = std::iter::once(module("main", text)).chain(others).collect();
        let around = Surroundings {
            project_text: Some(Arc::from(toml)),
            now: Some(TODAY),
            files: Some(crate::check::delegates()),
        };
        let checked = check_in(CheckInput { modules, project: config.clone() }, around);
        diagnostics.extend(checked.diagnostics);
        if let Some(tree) = &checked.program {
            diagnostics.extend(compile(tree, &checked.sources).err().unwrap_or_default());
            let declared =
                Declared { settings: &tree.settings, types: &tree.types, constants: &|_| Some(Value::Nothing) };
            // A secret that an example declares is given; that none is missing is the matter of one code only.
            let missing = resolve_settings(declared, &config, &BTreeMap::new()).err().unwrap_or_default();
            let secret = |d: &Diagnostic| d.code == codes::SETTING_MISSING && d.message.contains("token");
            diagnostics.extend(missing.into_iter().filter(|d| !secret(d)));
        }
        (diagnostics, checked.sources)
    }

    /// Takes in what the later examples stand on; otherwise what is said of the example.
    fn take(&mut self, example: &Example<'_>) -> Option<(Vec<Diagnostic>, Sources)> {
        let words = ["rrb", "toml", "wrong", "body", "given"];
        for word in &example.info {
            assert!(words.contains(word) || word.starts_with("file="), "`{word}` is none of {words:?}");
        }
        if let Some(file) = example.info.iter().find_map(|w| w.strip_prefix("file=")) {
            self.kit.insert(file.trim_end_matches(".rrb").replace('/', "."), example.text.to_owned());
            return None;
        }
        if example.is("given") {
            example.text.clone_into(&mut self.given);
            return None;
        }
        if example.is("toml") {
            return Some(self.said(&self.given, example.text));
        }
        let text = if example.is("body") { body(example.text) } else { example.text.to_owned() };
        let (mut diagnostics, sources) = self.said(&text, &self.toml);
        let whole = !example.text.contains("let before");
        diagnostics.retain(|d| !(example.is("body") && whole && d.code == codes::VARIABLE_UNUSED));
        Some((diagnostics, sources))
    }
}

/// Statements in a runbook, after their `use` lines.
fn body(text: &str) -> String {
    let (uses, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.starts_with("use "));
    format!("{}\nrunbook example() {{\n{}\n}}\n", uses.join("\n"), rest.join("\n"))
}

/// Too large to be shown: `what_is_too_large_for_a_page` makes them.
const UNSHOWN: [Code; 4] =
    [codes::SYNTAX_NESTING, codes::SYNTAX_TOO_LARGE, codes::PROJECT_TOO_LARGE, codes::PROGRAM_TOO_LARGE];

#[test]
fn every_example_gives_what_its_code_says() {
    let mut failed = String::new();
    for code in codes::ALL {
        let mut ground = Ground::new();
        let (mut wrong, mut right) = (0, 0);
        for part in parts(code.entry().explanation) {
            let Part::Example(example) = part else { continue };
            let Some((said, sources)) = ground.take(&example) else { continue };
            let shown = || plain::render(&said, &sources);
            if example.is("wrong") {
                wrong += 1;
                if said.is_empty() || said.iter().any(|d| d.code != *code) {
                    failed.push_str(&format!("{}: the wrong example gives:\n{}\n", code.name(), shown()));
                }
            } else {
                right += 1;
                if !said.is_empty() {
                    failed.push_str(&format!("{}: the right example gives:\n{}\n", code.name(), shown()));
                }
            }
        }
        if !UNSHOWN.contains(code) && (wrong == 0 || right == 0) {
            failed.push_str(&format!("{}: {wrong} wrong, {right} right examples\n", code.name()));
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn what_is_too_large_for_a_page() {
    let ground = Ground::new();
    let nested = format!("let x = {}1{}\n", "(".repeat(130), ")".repeat(130));
    let long = format!("// {}\n", "x".repeat(rrb_lang::syntax::MAX_SOURCE));
    let wide = format!("# {}\n", "x".repeat(256 * 1024));
    let many = (0..65_600).map(|i| format!("let _{i}=1\n")).collect::<String>();
    let many = format!("runbook big() {{\n{many}}}\n");
    for (code, text, toml) in [
        (codes::SYNTAX_NESTING, nested.as_str(), ""),
        (codes::SYNTAX_TOO_LARGE, &long, ""),
        (codes::PROJECT_TOO_LARGE, "", &wide),
        (codes::PROGRAM_TOO_LARGE, &many, ""),
    ] {
        let (said, _) = ground.said(text, toml);
        let found: Vec<&str> = said.iter().map(|d| d.code.name()).collect();
        assert_eq!(found, [code.name()]);
    }
}

#[test]
fn explanations_are_short_and_say_more_than_the_summary() {
    let mut names = BTreeSet::new();
    for code in codes::ALL {
        let entry = code.entry();
        assert!(names.insert(entry.name), "{} stands twice", entry.name);
        assert!(entry.summary.len() <= 90 && !entry.summary.ends_with('.'), "{}", entry.name);
        let prose = |p: Part<'_>| if let Part::Prose(text) = p { text.len() } else { 0 };
        let length: usize = parts(entry.explanation).into_iter().map(prose).sum();
        assert!((40..=1_200).contains(&length), "{}: {length} bytes of prose", entry.name);
    }
}

/// `UPDATE_DOCS=1` writes the page.
#[test]
fn the_page_of_diagnostics_is_generated() {
    let path = root().join("docs/diagnostics.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == page(), "docs/diagnostics.md is not what UPDATE_DOCS=1 writes");
}
