//! What is tried, and what must hold.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rrb_lang::check::{CheckInput, ModuleSource, check};
use rrb_lang::diag::Diagnostic;
use rrb_lang::ids::FnId;
use rrb_lang::json::Json;
use rrb_lang::program;
use rrb_lang::span::FileId;
use rrb_lang::syntax::{self, FormatError};
use rrb_lang::vm;
use rrb_lang::vm::protocol::SettingValues;

/// How many instructions an expression may take.
const FUEL: u64 = 200_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Whole files: read, checked, compiled, formatted, read again.
    Syntax,
    /// Single literals of every kind.
    Literals,
    /// JSON to values and back.
    Json,
    /// Pure expressions on the machine.
    Eval,
}

impl Target {
    pub fn named(name: &str) -> Option<Self> {
        [Self::Syntax, Self::Literals, Self::Json, Self::Eval].into_iter().find(|t| t.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Literals => "literals",
            Self::Json => "json",
            Self::Eval => "eval",
        }
    }

    /// The texts to begin with.
    pub fn corpus(self, root: &Path) -> Vec<String> {
        let own = files(&root.join("fuzz/corpus").join(self.name()));
        let mut texts: Vec<String> = own.iter().map(|p| crate::read(p)).collect();
        match self {
            Self::Syntax => {
                let folders = ["stdlib", "examples", "src/lang/tests"].map(|f| files(&root.join(f)));
                let programs = folders.iter().flatten().filter(|p| p.extension().is_some_and(|e| e == "rrb"));
                texts.extend(programs.map(|p| crate::read(p)));
            }
            Self::Literals => {
                texts = texts.iter().flat_map(|t| t.split("\n---\n").map(str::to_owned).collect::<Vec<_>>()).collect();
            }
            Self::Eval => {
                texts.push(crate::read(&root.join("src/lang/tests/all/vm/values.txt")));
                texts = texts.iter().flat_map(|t| t.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
                texts.retain(|t| !t.is_empty() && !t.starts_with('#'));
            }
            Self::Json => {}
        }
        texts.retain(|t| t.len() <= crate::MOST_BYTES);
        texts
    }

    /// # Errors
    /// The promise that does not hold.
    pub fn try_text(self, text: &str) -> Result<(), String> {
        match self {
            Self::Syntax => syntax(text),
            Self::Literals => literal(text),
            Self::Json => json(text),
            Self::Eval => eval(text),
        }
    }

    /// Whether the text gets past the reader.
    pub fn reaches_deep(self, text: &str) -> bool {
        match self {
            Self::Syntax => syntax::parse(FileId(0), text).diagnostics.is_empty(),
            Self::Literals | Self::Eval => syntax::parse_expression(FileId(0), text).1.is_empty(),
            Self::Json => serde_json::from_str::<Json>(text).is_ok(),
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every place that is shown lies in the text, on whole characters.
fn places(text: &str, diagnostics: &[Diagnostic]) -> Result<(), String> {
    for d in diagnostics {
        for label in d.labels.iter().filter(|l| l.span.file == FileId(0)) {
            if text.get(label.span.start as usize..label.span.end as usize).is_none() {
                return Err(format!("a place outside the text: {}", d.message));
            }
        }
    }
    Ok(())
}

fn module(text: &str) -> ModuleSource {
    ModuleSource { name: "main".into(), file: "main.rrb".into(), text: Arc::from(text) }
}

fn syntax(text: &str) -> Result<(), String> {
    let read = syntax::parse(FileId(0), text);
    places(text, &read.diagnostics)?;
    let _ = syntax::print(&read.module);
    match syntax::format(FileId(0), text) {
        Ok(formatted) => {
            if syntax::format(FileId(0), &formatted).as_ref() != Ok(&formatted) {
                return Err("formatting twice changes it again".into());
            }
        }
        Err(FormatError::Changed) => return Err("formatting changes the meaning".into()),
        Err(FormatError::Syntax(_)) => {}
    }
    let checked = check(CheckInput { modules: vec![module(text)], ..CheckInput::default() });
    if let Some(tree) = &checked.program {
        // An error is an answer here; a panic is not.
        let _ = program::compile(tree, &checked.sources);
    }
    Ok(())
}

fn literal(text: &str) -> Result<(), String> {
    let (expr, diagnostics) = syntax::parse_expression(FileId(0), text);
    places(text, &diagnostics)?;
    if !diagnostics.is_empty() {
        return Ok(());
    }
    let printed = syntax::print_expression(&expr);
    let (again, wrong) = syntax::parse_expression(FileId(0), &printed);
    if !wrong.is_empty() {
        return Err(format!("what is printed cannot be read: {printed}"));
    }
    let twice = syntax::print_expression(&again);
    if twice == printed { Ok(()) } else { Err(format!("printed as {printed}, then as {twice}")) }
}

fn json(text: &str) -> Result<(), String> {
    let Ok(json) = serde_json::from_str::<Json>(text) else { return Ok(()) };
    let written = serde_json::to_string(&json).map_err(|e| format!("cannot be written: {e}"))?;
    let again: Json = serde_json::from_str(&written).map_err(|e| format!("cannot be read again: {e}"))?;
    if again == json { Ok(()) } else { Err(format!("read as something else: {written}")) }
}

const AROUND: &str = "type Pod = { name: Text, ready: Bool = true, restarts: Int = 0 }
enum Level { low, high, burning(since: Int, by: Text) }
enum Rank { small, big }
let limit = 2 * 21
fn twice(f: (Int) => Int, x: Int) -> Int { f(f(x)) }
fn fact(n: Int) -> Int { if n <= 1 { 1 } else { n * fact(n - 1) } }
fn json(t: Text) -> Json { t.parse_json() ?? fail \"no json\" }
";

fn eval(text: &str) -> Result<(), String> {
    let source = format!("{AROUND}fn holds() -> Bool {{\n{text}\n}}\n");
    let checked = check(CheckInput { modules: vec![module(&source)], ..CheckInput::default() });
    let Some(tree) = &checked.program else { return Ok(()) };
    let Ok(program) = program::compile(tree, &checked.sources) else { return Ok(()) };
    let Some(at) = program.functions.iter().position(|f| f.name == "holds") else { return Ok(()) };
    let id = FnId(u32::try_from(at).map_err(|e| e.to_string())?);
    // A failure or a limit is an answer; the same twice.
    let run = || vm::eval(&program, id, Vec::new(), &SettingValues::new(), "", FUEL).map_err(|e| e.to_string());
    let first = run();
    if run() == first { Ok(()) } else { Err("two evaluations differ".into()) }
}
