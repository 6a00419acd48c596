//! `rrb explain`: what a diagnostic's code means, at length.

use clap::Args;
use rrb_lang::diag::explain::{Example, Part, near, parts};
use rrb_lang::diag::{Code, Severity, codes};
use serde_json::{Value, json};

use super::effects::RULES;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::out::Look;
use crate::sarif::{Level, Rule};
use crate::text::{clean, wrap};

/// What to explain.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb explain rrb::effect::unapproved\n  rrb explain unapproved          # the last part is enough where it is unique\n  rrb explain                     # lists every code"
)]
pub struct ExplainArgs {
    /// The code, as `rrb check` shows it; `rrb::` and, where it stays unique, the part after it may be left out. Without it, every
    /// code is listed.
    code: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Explains a code, or lists all.
///
/// # Errors
/// When there is no such code, or several.
pub fn explain(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let out = &context.out;
    match &args.code {
        Some(name) if let Some(rule) = rule(name) => match args.json {
            true => out.json(&rule_json(rule))?,
            false => rule_page(&out.look, rule).iter().for_each(|l| out.line(l)),
        },
        Some(name) => {
            let code = find(name)?;
            match args.json {
                true => out.json(&to_json(code))?,
                false => page(&out.look, code).iter().for_each(|l| out.line(l)),
            }
        }
        None if args.json => out.json(&codes::ALL.iter().map(|c| to_json(*c)).collect::<Vec<_>>())?,
        None => {
            let longest = codes::ALL.iter().map(|c| c.name().len()).max().unwrap_or(0);
            for code in codes::ALL {
                listed(&out.look, code.name(), code.entry().summary, longest).iter().for_each(|l| out.line(l));
            }
        }
    }
    Ok(Exit::Ok)
}

/// A code of the list: its summary beside it, below it where there is little room.
fn listed(look: &Look, name: &str, summary: &str, longest: usize) -> Vec<String> {
    let beside = longest + 2;
    let painted = look.name(format!("{name:<longest$}"));
    if look.width < beside + 40 {
        let below = wrap(summary, look.width.saturating_sub(4).max(20)).into_iter().map(|l| format!("    {l}"));
        return std::iter::once(look.name(name)).chain(below).collect();
    }
    let mut lines = wrap(summary, look.width - beside).into_iter();
    let first = format!("{painted}  {}", lines.next().unwrap_or_default());
    std::iter::once(first).chain(lines.map(|l| format!("{}{l}", " ".repeat(beside)))).collect()
}

/// A rule of `rrb audit effects --format sarif`: no mistake, so it is no code, but whoever meets it in a review asks the same way.
fn rule(name: &str) -> Option<&'static Rule<'static>> {
    let name = name.replace("::", "/");
    RULES.iter().find(|r| r.id == name || r.id.strip_prefix("rrb/") == Some(&name))
}

const FOUND_BY: &str =
    "`rrb audit effects --format sarif` reports it for a review: it is no mistake, and `rrb check` does not say it.";

fn rule_json(rule: &Rule<'_>) -> Value {
    json!({
        "code": rule.id, "severity": rule.level.word(), "summary": rule.summary,
        "explanation": format!("{}\n\n{FOUND_BY}", rule.help),
    })
}

fn rule_page(look: &Look, rule: &Rule<'_>) -> Vec<String> {
    let level = match rule.level {
        Level::Error => look.bad(rule.level.word()),
        Level::Warning => look.warn(rule.level.word()),
        Level::Note => look.dim(rule.level.word()),
    };
    let mut lines = vec![format!("{level} {}", look.name(rule.id))];
    lines.extend(wrap(rule.summary, look.width.min(PROSE)).iter().map(|l| look.bold(l)));
    for text in [rule.help, FOUND_BY] {
        lines.push(String::new());
        prose(look, text, &mut lines);
    }
    lines
}

fn to_json(code: Code) -> Value {
    let entry = code.entry();
    json!({
        "code": entry.name, "severity": entry.severity, "summary": entry.summary, "explanation": entry.explanation,
    })
}

/// A code by its name, by the part behind `rrb::`, or by the last part of it.
fn find(name: &str) -> Result<Code, CliError> {
    let name = name.trim_start_matches("rrb::");
    if let Some(code) = codes::find(&format!("rrb::{name}")) {
        return Ok(code);
    }
    let last = |c: &&Code| c.name().rsplit("::").next() == Some(name);
    let named: Vec<Code> = codes::ALL.iter().filter(last).copied().collect();
    let list = |codes: &[Code]| codes.iter().map(|c| format!("`{}`", c.name())).collect::<Vec<_>>().join(", ");
    match named.as_slice() {
        [only] => Ok(*only),
        [] => {
            let error = CliError::not_found(format!("there is no code `{}`", clean(name)));
            Err(match near(name).as_slice() {
                [] => error.help("`rrb explain` lists every code"),
                [one] => error.help(format!("did you mean `{}`?", one.name())),
                some => error.help(format!("did you mean one of {}?", list(some))),
            })
        }
        several => Err(CliError::not_found(format!("several codes end in `{}`", clean(name)))
            .help(format!("name one of {}", list(several)))),
    }
}

/// How wide prose is at most: longer lines are hard to read.
const PROSE: usize = 100;

/// The explanation as lines.
pub fn page(look: &Look, code: Code) -> Vec<String> {
    let entry = code.entry();
    let severity = match entry.severity {
        Severity::Error => look.bad("error"),
        Severity::Warning => look.warn("warning"),
    };
    let mut lines = vec![format!("{severity} {}", look.name(entry.name))];
    lines.extend(wrap(entry.summary, look.width.min(PROSE)).iter().map(|l| look.bold(l)));
    for part in parts(entry.explanation) {
        lines.push(String::new());
        match part {
            Part::Prose(text) => text.lines().for_each(|l| prose(look, l, &mut lines)),
            Part::Example(example) => code_block(look, &example, &mut lines),
        }
    }
    lines
}

/// A paragraph, or an item of a list, whose further lines stand below its text.
fn prose(look: &Look, line: &str, lines: &mut Vec<String>) {
    let (head, text) = match line.strip_prefix("- ") {
        Some(item) => ("- ", item),
        None => ("", line),
    };
    let mut code = false;
    for (i, line) in wrap(text, look.width.min(PROSE).saturating_sub(head.len())).iter().enumerate() {
        let head = if i == 0 { head } else { "  ".get(..head.len()).unwrap_or_default() };
        lines.push(format!("{head}{}", quoted(look, line, &mut code)));
    }
}

/// What stands in backticks in the colour of names; `code` says whether the line begins inside of some.
fn quoted(look: &Look, line: &str, code: &mut bool) -> String {
    let mut out = String::new();
    for (i, piece) in line.split('`').enumerate() {
        if i > 0 {
            *code = !*code;
            out.push('`');
        }
        match *code && !piece.is_empty() {
            true => out.push_str(&look.name(piece)),
            false => out.push_str(piece),
        }
    }
    out
}

/// An example below its title, not wrapped: it is code.
fn code_block(look: &Look, example: &Example<'_>, lines: &mut Vec<String>) {
    match example.title() {
        Some(title) if example.is("wrong") => lines.push(look.bad(format!("{title}:"))),
        Some(title) => lines.push(look.good(format!("{title}:"))),
        None => {}
    }
    lines.extend(example.text.lines().map(|l| if l.is_empty() { String::new() } else { format!("    {l}") }));
}
