//! Other people's playbooks as runbooks: what all formats share.
//!
//! A runbook that was converted never loses a step: what has no counterpart here is done by a person, who is asked and
//! waited for ([`Module::by_hand`]), and stands in the report.

pub mod flow;
mod helpers;
pub mod literal;
pub mod template;

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::Serialize;

use crate::ImportError;
use crate::made;
use crate::names::{self, Names};
use crate::report::{self, Loss, Note, Notes};
use crate::text::{plain, quoted, shorten, wrap};

/// How wide comments are.
const WIDTH: usize = 116;
/// The most runbooks of one file.
pub const MAX_RUNBOOKS: usize = 500;
/// The most steps and actions of one file.
pub const MAX_STEPS: usize = 5_000;

/// What to make of a playbook.
#[derive(Debug, Clone)]
pub struct ConvertOptions {
    /// The module's name, which its settings go by; from the source's name or title when there is none.
    pub name: Option<String>,
    /// The group that is asked to do what the runbooks cannot do by themselves.
    pub operators: String,
    /// Where the playbook is from, for the first lines of the module.
    pub source: String,
    /// Whether job templates are launched by the connector `awx`, where a person would be asked to do it.
    pub awx: bool,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self { name: None, operators: "operators".to_owned(), source: String::new(), awx: false }
    }
}

/// A module of runbooks and what is to be said of it.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The source, formatted.
    pub text: String,
    pub report: ConvertReport,
}

/// How much of each there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ConvertCounts {
    pub runbooks: usize,
    /// Steps or actions of the playbook.
    pub steps: usize,
    /// Those of them that a person does.
    pub by_hand: usize,
}

/// What became of a playbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ConvertReport {
    pub title: String,
    /// `CACAO 2.0`, `SSM Automation 0.3`, `Ansible rulebook`.
    pub format: String,
    pub module: String,
    pub counts: ConvertCounts,
    pub notes: Vec<Note>,
}

impl ConvertReport {
    /// For people: the counts, then the notes by what they are about, a few places of each.
    pub fn to_text(&self) -> String {
        let c = self.counts;
        let many = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        let title = if self.title.is_empty() { String::new() } else { format!(", {}", self.title) };
        let mut out = format!(
            "{} ({}{title}): {}, {}, {} of them by hand\n",
            self.module,
            self.format,
            many(c.runbooks, "runbook"),
            many(c.steps, "step"),
            if c.by_hand == 0 { "none".to_owned() } else { c.by_hand.to_string() }
        );
        report::write_notes(&mut out, &self.notes);
        out
    }
}

/// A setting of a module or a connector.
#[derive(Debug, Clone)]
pub struct Setting {
    pub ty: &'static str,
    pub default: String,
    pub docs: String,
}

/// Settings by their names.
pub type Settings = IndexMap<String, Setting>;

/// A module that is being written.
#[derive(Debug)]
pub struct Module {
    pub name: String,
    operators: String,
    source: String,
    /// Whether the connector `awx` launches job templates.
    pub awx: bool,
    format: String,
    title: String,
    /// Names of the module's top level, and of what its parts see.
    pub names: Names,
    pub settings: Settings,
    parts: Vec<String>,
    pub notes: Notes,
    pub counts: ConvertCounts,
}

/// Names that mean something in every part.
const OWN_NAMES: &[&str] = &[
    "operators",
    "approval",
    "http",
    "exec",
    "file",
    "env",
    "time",
    "now",
    "uuid",
    "random",
    "core",
    "result",
    "failure",
    "denial",
    "body",
    "headers",
    "query",
    "events",
    "doc",
    "ssh",
];

impl Module {
    /// An empty one. `title` is what its name is made of when the options have none.
    ///
    /// # Errors
    /// When the name in the options cannot be one.
    pub fn new(options: &ConvertOptions, format: &str, title: &str) -> Result<Self, ImportError> {
        let name = match &options.name {
            Some(name) if is_module_name(name) => name.clone(),
            Some(name) => {
                return Err(ImportError::new(
                    format!("`{name}` is no name of a module"),
                    "a module's name has small letters, digits and `_`, begins with a letter and is no word of the language",
                ));
            }
            None => Names::default().take(&shortened_name(title)),
        };
        let awx = options.awx.then_some("awx");
        Ok(Self {
            names: Names::with(OWN_NAMES.iter().copied().chain(awx)),
            awx: options.awx,
            name,
            operators: options.operators.clone(),
            source: options.source.clone(),
            format: format.to_owned(),
            title: plain(title, 160),
            settings: Settings::new(),
            parts: Vec::new(),
            notes: Notes::default(),
            counts: ConvertCounts::default(),
        })
    }

    /// Adds a declaration.
    pub fn push(&mut self, part: String) {
        self.parts.push(part);
    }

    /// A setting that the source expects from outside, by its own name; the same one for the same name.
    pub fn setting(&mut self, own: &str, docs: &str) -> String {
        let wanted = names::snake(own, "value");
        let docs = format!("`{}`: {docs}", plain(own, 80));
        if let Some((name, _)) = self.settings.iter().find(|(_, s)| s.docs == docs) {
            return name.clone();
        }
        let name = self.names.take(&wanted);
        self.settings.insert(name.clone(), Setting { ty: "Json", default: "none".to_owned(), docs });
        name
    }

    /// A step that a person does: the call that asks for it. `why` says why the runbook cannot, `details` is a value of
    /// type Json with all that the source says of the step.
    pub fn by_hand(&mut self, at: &str, name: &str, what: &str, why: &str, details: &str) -> String {
        self.counts.by_hand += 1;
        let said = if name.is_empty() { why.to_owned() } else { format!("`{}`: {why}", shorten(name, 100)) };
        self.notes.add("step", Loss::ByHand, at, said);
        let text = quoted(&shorten(&single_line(what), 400));
        if details.is_empty() { format!("do _by_hand({text})") } else { format!("do _by_hand({text}, {details})") }
    }

    /// The text of the module, formatted, and the report.
    ///
    /// # Errors
    /// When it is larger than a source file may be.
    pub fn finish(mut self) -> Result<Converted, ImportError> {
        let code = self.parts.join("\n");
        let functions = helpers::used_by(&code);
        if code.contains("group(operators)") || functions.contains("group(operators)") {
            let docs = "The group whose people do what these runbooks cannot do by themselves.".to_owned();
            self.settings.shift_insert(
                0,
                "operators".to_owned(),
                Setting { ty: "Text", default: quoted(&self.operators), docs },
            );
        }
        let mut out = self.head();
        if code.contains("do awx.") {
            out.push_str("use std.awx\n\n");
        }
        out.push_str(&settings(&self.settings, ""));
        out.push_str(&code);
        out.push('\n');
        out.push_str(&functions);
        let report = ConvertReport {
            title: self.title,
            format: self.format,
            module: self.name,
            counts: self.counts,
            notes: self.notes.into_vec(),
        };
        let text = made::formatted("module", &format!("{}\n", out.trim_end()), "split the playbook")?;
        Ok(Converted { text, report })
    }

    fn head(&self) -> String {
        let from = if self.source.is_empty() { String::new() } else { format!(" from {}", plain(&self.source, 200)) };
        let by_hand = match self.counts.by_hand {
            0 => String::new(),
            1 => " One step is done by a person, who is asked and waited for.".to_owned(),
            n => format!(" {n} steps are done by people, who are asked and waited for."),
        };
        let facts = format!(
            "Made by `rrb import`{from}: {} ({}).{by_hand} Read it beside the report before it is relied on.",
            if self.title.is_empty() { &self.name } else { &self.title },
            self.format
        );
        let mut out = String::new();
        for line in wrap(&facts, WIDTH) {
            let _ = writeln!(out, "//! {line}");
        }
        out.push('\n');
        out
    }
}

/// A name of at most five words.
pub fn shortened_name(title: &str) -> String {
    let name = names::snake(&plain(title, 200), "imported");
    name.split('_').take(6).collect::<Vec<_>>().join("_")
}

/// Whether a module may have this name.
pub fn is_module_name(name: &str) -> bool {
    names::is_word(name)
        && !names::is_reserved(name)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.chars().any(|c| c.is_ascii_uppercase())
}

/// `settings { … }`, or nothing.
pub fn settings(all: &Settings, indent: &str) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut out = format!("{indent}settings {{\n");
    for (name, setting) in all {
        out.push_str(&docs(&setting.docs, &format!("{indent}  ")));
        let _ = writeln!(out, "{indent}  {name}: {} = {}", setting.ty, setting.default);
    }
    let _ = writeln!(out, "{indent}}}\n");
    out
}

/// A doc comment of several lines; nothing for no text.
pub fn docs(text: &str, indent: &str) -> String {
    comment("///", text, indent)
}

/// A comment of several lines, with the text as it is but for what no comment can hold.
pub fn remark(text: &str, indent: &str) -> String {
    comment("//", text, indent)
}

fn comment(mark: &str, text: &str, indent: &str) -> String {
    wrap(&single_line(text), WIDTH).iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{indent}{mark} {line}");
        out
    })
}

/// Without control characters and line breaks.
pub fn single_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if crate::text::is_odd(c) { ' ' } else { c }).collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands in the place of a secret.
const NO_SECRET: &str = "(a secret, not carried over)";

/// The value without the members whose secrets were taken out.
pub fn without_members_of_secrets(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, v)| v.as_str() != Some(NO_SECRET));
            Value::Object(kept.map(|(k, v)| (k, without_members_of_secrets(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_members_of_secrets).collect()),
        other => other,
    }
}

/// The value without the secrets that are written in it, and what they stood at.
pub fn without_secrets(value: &serde_json::Value) -> (serde_json::Value, Vec<String>) {
    use serde_json::Value;
    fn walk(value: &mut Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    if is_secret(key) && member.as_str().is_some_and(|t| !t.is_empty() && !t.contains("{{")) {
                        *member = Value::String(NO_SECRET.to_owned());
                        found.push(key.clone());
                    } else {
                        walk(member, found);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let (mut value, mut found) = (value.clone(), Vec::new());
    walk(&mut value, &mut found);
    (value, found)
}

/// Whether what stands at a key is a secret, by its name.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "api_key", "apikey", "private_key", "credential", "dsn", "passphrase"]
        .iter()
        .any(|word| key.contains(word))
}

/// A pattern as a literal; none when the language's patterns cannot say it (look-around, references back).
pub fn regex(pattern: &str) -> Option<String> {
    let shown: String = pattern
        .chars()
        .map(|c| if crate::text::is_odd(c) { format!("\\x{{{:x}}}", u32::from(c)) } else { c.to_string() })
        .collect();
    rrb_lang::value::Pattern::new(&shown).ok()?;
    let hashes = (1..8).map(|n| "#".repeat(n)).find(|h| !shown.contains(&format!("\"{h}")))?;
    let hashes = if shown.contains('"') { hashes } else { String::new() };
    Some(format!("re{hashes}\"{shown}\"{hashes}"))
}
