//! The code blocks of the documentation are programs, and they do what is said of them. `docs/language/README.md` explains the fences.

pub mod blocks;
mod methods;
mod units;
pub mod written;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rrb_lang::check::{CheckInput, Checked, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::diag::{Diagnostic, Severity, plain};
use rrb_lang::program::compile;
use rrb_lang::project;

use blocks::{Block, blocks, pages, root};
use written::written;

/// 2026-07-01: waivers before it have run out.
const TODAY: i64 = 1_782_864_000_000;

/// What the blocks of one page stand on.
pub struct Page {
    project: String,
    modules: BTreeMap<String, String>,
    given: String,
}

type Outcome = Result<(), String>;

impl Page {
    pub fn new() -> Self {
        let kit = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/kit").join(name);
            std::fs::read_to_string(path).unwrap()
        };
        let modules = ["alerts", "chat", "k8s"].map(|m| (m.to_owned(), kit(&format!("{m}.rrb"))));
        Self { project: kit("rrb.toml"), modules: modules.into(), given: String::new() }
    }

    fn run(&mut self, block: &Block) -> Outcome {
        let known = ["rrb", "toml", "text", "sh", "json", "yaml", "sql", "http", "mermaid", "lua", "elisp"];
        match block.info.first().map(String::as_str) {
            Some("rrb") => self.rrb(block),
            Some("toml") => {
                let (_, diagnostics) = project::parse(PROJECT_FILE, &block.text);
                self.project.clone_from(&block.text);
                match diagnostics.first() {
                    None => Ok(()),
                    Some(d) => Err(format!("{}: {}", d.code.name(), d.message)),
                }
            }
            Some(other) if known.contains(&other) => Ok(()),
            _ => Err(format!("the fence says none of {known:?}")),
        }
    }

    fn rrb(&mut self, block: &Block) -> Outcome {
        let flags = ["rrb", "body", "expr", "given"];
        let options = ["error", "warning", "file"];
        for word in &block.info {
            let option = word.split_once('=').is_some_and(|(name, _)| options.contains(&name));
            if !option && !flags.contains(&word.as_str()) {
                return Err(format!("`{word}` is none of {flags:?}, nor one of {options:?} with `=`"));
            }
        }
        if block.is("expr") && block.option("error").is_none() {
            return self.expressions(&block.text);
        }
        if let Some(file) = block.option("file") {
            let name = file.trim_end_matches(".rrb").replace('/', ".");
            self.modules.insert(name, block.text.clone());
        }
        let text = if block.is("body") {
            self.body(&block.text)
        } else if block.is("expr") {
            let lines = block.text.lines().enumerate();
            lines.fold(self.given.clone(), |all, (i, l)| format!("{all}\nlet _e{i} = {l}"))
        } else {
            block.text.clone()
        };
        if block.is("given") {
            self.given = block.text.clone();
        }
        let checked = self.check(&text);
        // What is brought in may be for a later block.
        let part = block.is("body") || block.is("given");
        let unread = |d: &&Diagnostic| part && ["rrb::variable::unused", "rrb::name::unused"].contains(&d.code.name());
        let said: Vec<&Diagnostic> = checked.diagnostics.iter().filter(|d| !unread(d)).collect();
        let shown = || plain::render(&checked.diagnostics, &checked.sources);
        let meant = |code: &str, severity: Severity| match said.first() {
            Some(d) if d.code.name() == format!("rrb::{code}") && d.severity == severity => Ok(()),
            Some(_) => Err(format!("expected `{code}` first, got:\n{}", shown())),
            None => Err(format!("expected `{code}`, nothing is said")),
        };
        if let Some(code) = block.option("error") {
            return meant(code, Severity::Error);
        }
        if let Some(code) = block.option("warning") {
            return meant(code, Severity::Warning);
        }
        if !said.is_empty() {
            return Err(shown());
        }
        let Some(tree) = &checked.program else { return Err("there is no program".into()) };
        compile(tree, &checked.sources).map(|_| ()).map_err(|all| plain::render(&all, &checked.sources))
    }

    /// Statements inside a runbook; `use` lines at the beginning stand before it.
    fn body(&self, text: &str) -> String {
        let is_use = |l: &&str| l.starts_with("use ") || l.trim().is_empty();
        let uses: Vec<&str> = text.lines().take_while(is_use).collect();
        let rest: Vec<&str> = text.lines().skip(uses.len()).collect();
        format!("{}\n{}\nrunbook example() {{\n{}\n}}\n", uses.join("\n"), self.given, rest.join("\n"))
    }

    pub fn check(&self, text: &str) -> Checked {
        let (project, _) = project::parse(PROJECT_FILE, &self.project);
        let module = |name: &str, text: &str| ModuleSource {
            name: name.into(),
            file: format!("{}.rrb", name.replace('.', "/")),
            text: text.into(),
        };
        let others = self.modules.iter().filter(|(_, t)| *t != text).map(|(name, text)| module(name, text));
        let modules = std::iter::once(module("main", text)).chain(others).collect();
        let around = Surroundings {
            project_text: Some(Arc::from(self.project.as_str())),
            now: Some(TODAY),
            ..Surroundings::default()
        };
        check_in(CheckInput { modules, project }, around)
    }

    /// Lines `expression  // => value`, or `// => fails KIND: MESSAGE`. A line that ends without one goes on in the next.
    pub fn expressions(&self, text: &str) -> Outcome {
        let mut rows: Vec<(String, &str)> = Vec::new();
        let mut started = String::new();
        for line in text.lines().filter(|l| !l.trim().is_empty()) {
            started.push_str(line);
            started.push('\n');
            if let Some((_, expected)) = line.rsplit_once("// =>") {
                let expression = started.rsplit_once("// =>").map_or("", |(e, _)| e).trim().to_owned();
                rows.push((expression, expected.trim()));
                started.clear();
            }
        }
        if !started.trim().is_empty() {
            return Err(format!("no `// =>` after {started}"));
        }
        // One check for all; where one of them is wrong, it is found by checking each by itself.
        let tried: Vec<String> = rows.iter().map(|(e, expected)| tried(e, expected)).collect();
        let got = match self.values(&tried.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(all) => all,
            Err(_) => tried.iter().map(|e| self.values(&[e]).map_or_else(|said| said, |mut v| v.remove(0))).collect(),
        };
        let mut wrong = String::new();
        for ((expression, expected), got) in rows.iter().zip(got) {
            let got = if expected.starts_with("fails ") { unquoted(&got) } else { got };
            if got != *expected {
                wrong.push_str(&format!("{expression} // => {expected}\n    is {got}\n"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// A page whose expressions stand on these declarations.
    pub fn on(given: &str) -> Self {
        Self { given: given.into(), ..Self::new() }
    }

    /// What each expression gives.
    pub fn values(&self, expressions: &[&str]) -> Result<Vec<String>, String> {
        let lets = expressions.iter().enumerate().map(|(i, e)| format!("let _it{i} = {e}\n")).collect::<String>();
        let checked = self.check(&format!("{}\n{lets}", self.given));
        let Some(tree) = &checked.program else {
            return Err(plain::render(&checked.diagnostics, &checked.sources));
        };
        let program = compile(tree, &checked.sources).map_err(|all| plain::render(&all, &checked.sources))?;
        let value =
            |i| tree.constants.iter().position(|c| c.name == format!("_it{i}")).map(|at| &program.constants[at]);
        Ok((0..expressions.len()).filter_map(value).map(|v| written(v, &program.types)).collect())
    }
}

/// The expression, or for one that is to fail, what is said of its failure.
fn tried(expression: &str, expected: &str) -> String {
    if !expected.starts_with("fails ") {
        return expression.to_owned();
    }
    format!(
        "try {{\n let _ = {expression}\n \"it does not fail\" }} catch f {{ \"fails ${{f.kind}}: ${{f.message}}\" }}"
    )
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    inner.replace("\\\"", "\"").replace("\\\\", "\\")
}

#[test]
fn every_code_block_of_the_documentation_does_what_is_said_of_it() {
    let mut wrong = String::new();
    let mut run = 0;
    for path in pages() {
        let mut page = Page::new();
        for block in blocks(&path) {
            run += usize::from(block.is("rrb"));
            if let Err(said) = page.run(&block) {
                wrong.push_str(&format!("{}\n{said}\n\n", block.place()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(run > 0, "no block was found");
}

#[test]
fn the_guide_lists_every_chapter() {
    let folder = root().join("docs/language");
    let contents = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let listed = name == "README.md" || contents.contains(&format!("({name})"));
        assert!(listed || !name.ends_with(".md"), "{name} is missing in the table of contents");
    }
}

pub fn outcome(info: &str, text: &str) -> Outcome {
    let info = info.split(' ').map(str::to_owned).collect();
    Page::new().run(&Block { file: "x.md".into(), line: 1, info, text: text.into() })
}

/// The harness itself: a block that is wrong is found.
#[test]
fn wrong_blocks_are_found() {
    for (info, text) in [
        ("rrb", "let x = nope"),
        ("rrb", "fn f(x: Int) -> Int { let y = 1  x }"),
        ("rrb body", "log 3 +"),
        ("rrb expr", "1 + 1 // => 3"),
        ("rrb expr", "1 + 1"),
        ("rrb expr", "1 / 0 // => 1.0"),
        ("rrb expr", "1 // => fails invalid: no"),
        ("rrb error=name::unknown", "let x = 1"),
        ("rrb error=type::mismatch", "let x = nope"),
        ("rrb warning=name::unknown", "let x = nope"),
        ("rrb boddy", "log \"x\""),
        ("ruby", "puts 1"),
        ("toml", "[proyect]"),
    ] {
        assert!(outcome(info, text).is_err(), "{info}: {text}");
    }
    for (info, text) in [
        ("rrb expr", "1 +\n  1 // => 2\n\n\"a\" // => \"a\""),
        ("rrb expr", "1.div(0) // => fails invalid: division by zero"),
        ("rrb body", "use k8s\nlet pods = k8s.pods(\"web\")\nlog \"${pods.len()}\""),
        ("rrb error=name::unknown", "let x = nope"),
        ("rrb body error=effect::unapproved", "use k8s\ndo k8s.drain(\"n1\")"),
        ("toml", "[project]\nname = \"x\""),
    ] {
        assert_eq!(outcome(info, text), Ok(()), "{info}: {text}");
    }
}
