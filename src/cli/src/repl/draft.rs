//! A session as something that stays: a runbook of what was done, or a test with what was read.

use std::path::Path;

use rrb_lang::span::Sources;
use rrb_lang::syntax;
use rrb_lang::syntax::ast::{Effect, Expr, ExprKind, TextPart};
use rrb_lang::syntax::walk::Node;
use rrb_world::test::{Seen, givens};

use super::commands::write_new;
use super::console::{Console, Past};
use crate::exit::CliError;
use crate::project::{self, ModuleFile};
use crate::text::clean;

/// `:save-runbook FILE`
///
/// # Errors
/// When nothing was done yet, or the file is there already.
pub fn runbook(console: &Console, file: &str) -> Result<(), CliError> {
    let name = name_of(file)?;
    let text = written(console, &name, false)?;
    keep(console, file, &text)
}

/// `:save-test FILE`
///
/// # Errors
/// As [`runbook`].
pub fn test(console: &Console, file: &str) -> Result<(), CliError> {
    let name = name_of(file)?;
    let text = written(console, &name, true)?;
    keep(console, file, &text)
}

/// The runbook's name: that of its file.
fn name_of(file: &str) -> Result<String, CliError> {
    let stem = Path::new(file).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let fits = stem.starts_with(|c: char| c.is_ascii_lowercase())
        && stem.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !syntax::is_reserved(&stem);
    if !fits || !file.ends_with(".rrb") {
        return Err(CliError::usage(format!("`{}` is no name for a module", clean(file)))
            .help("a file is named like `disk_outage.rrb`: small letters, digits and `_`"));
    }
    Ok(stem.trim_end_matches("_test").trim_end_matches('_').to_owned())
}

fn written(console: &Console, name: &str, tested: bool) -> Result<String, CliError> {
    let session = &console.session;
    let done: Vec<&Past> = console.past.iter().filter(|p| !is_declaration(&p.text)).collect();
    if done.is_empty() {
        return Err(CliError::usage("nothing was done in this session yet").help("what you evaluate becomes its steps"));
    }
    let mut body = String::new();
    let mut results = Vec::new();
    let mut number = 0;
    for past in &done {
        let text = renamed(&past.text, number);
        let statement = match is_expression(&past.text) {
            false => text,
            true if past.effect > Effect::Reads => text,
            true => {
                number += 1;
                if let Some(value) = &past.value {
                    results.push((number, value.clone()));
                }
                format!("let result_{number} = {text}\nevidence \"result {number}\" = result_{number}")
            }
        };
        // People agree to what destroys before it is done.
        let statement = match needs_approval(past) {
            true => {
                format!("approve \"{}?\" from group(\"{}\") {{\n{statement}\n}}", question(&past.text), group(console))
            }
            false => statement,
        };
        body.push_str(&statement);
        body.push('\n');
    }
    let uses = session.module_text(&body);
    let mut text =
        format!("{uses}\n\n/// What was done in a session.\nrunbook {name}() {{\n{body}finish resolved\n}}\n");
    if tested {
        text.push_str(&a_test(console, name, &done, &results));
    }
    let formatted = syntax::format(Sources::default().add("draft.rrb", &text), &text);
    Ok(formatted.unwrap_or(text))
}

/// The test: what was read is given, and what came of it is expected.
fn a_test(console: &Console, name: &str, done: &[&Past], results: &[(usize, rrb_lang::json::Json)]) -> String {
    let seen = console.world.seen();
    let seen: Vec<Seen<'_>> = seen.iter().map(|(call, outcome)| Seen { call, outcome, took: 0 }).collect();
    let (lines, left_out) = givens(&seen);
    let mut out = format!("\ntest {} {{\n", quoted(&format!("{name}, as it was in a session")));
    for line in lines {
        out.push_str(&format!("{line}\n"));
    }
    for why in left_out {
        out.push_str(&format!("// {}\n", clean(&why)));
    }
    for past in done.iter().filter(|p| p.effect > Effect::Reads) {
        for action in called(&past.text) {
            out.push_str(&format!("given {action}()\n"));
        }
    }
    out.push_str(&format!("run {name}()\n"));
    for voters in done.iter().flat_map(|past| votes(console, past)) {
        let voters: Vec<String> = voters.iter().map(|v| quoted(v)).collect();
        out.push_str(&format!("approve by {}\n", voters.join(", ")));
    }
    out.push_str("expect outcome resolved\n");
    for (number, value) in results {
        let plain = matches!(
            value,
            rrb_lang::json::Json::Bool(_) | rrb_lang::json::Json::Int(_) | rrb_lang::json::Json::Text(_)
        );
        let compared = rrb_world::test::json_written(value).filter(|t| plain && t.len() < 200);
        let compared = compared.map(|t| format!(" == {t}")).unwrap_or_default();
        out.push_str(&format!("expect evidence \"result {number}\"{compared}\n"));
    }
    out.push_str("}\n");
    out
}

/// Who agrees to what was typed, question by question: as many as each wants, of those it asks.
fn votes(console: &Console, past: &Past) -> Vec<Vec<String>> {
    let config = &console.session.texts().config;
    let first = |from: &[(bool, String)], quorum: usize| {
        let mut people: Vec<String> = Vec::new();
        for (is_group, name) in from {
            let members = config.groups.get(name.as_str()).filter(|_| *is_group).map(|g| &g.members);
            let named = (!is_group).then(|| name.clone());
            let all = members.into_iter().flatten().map(ToString::to_string).chain(named);
            people.extend(all.filter(|p| !people.contains(p)).collect::<Vec<_>>());
        }
        people.truncate(quorum.max(1));
        people
    };
    let asked = if needs_approval(past) { vec![(vec![(true, group(console))], 1)] } else { questions(&past.text) };
    asked.iter().map(|(from, quorum)| first(from, *quorum)).filter(|people| !people.is_empty()).collect()
}

/// What `approve`s in a text ask: groups (true) and people by name, and how many must agree.
fn questions(text: &str) -> Vec<(Vec<(bool, String)>, usize)> {
    fn look(node: Node<'_>, out: &mut Vec<(Vec<(bool, String)>, usize)>) {
        if let Node::Expr(Expr { kind: ExprKind::Approve(approve), .. }) = node {
            let quorum = match approve.quorum.as_ref().map(|q| &q.kind) {
                Some(ExprKind::Int(n)) => usize::try_from(*n).unwrap_or(1),
                _ => 1,
            };
            out.push((approve.from.iter().filter_map(principal).collect(), quorum));
        }
        node.children(&mut |child| look(child, out));
    }
    let (expr, _) = syntax::parse_expression(rrb_lang::span::FileId(0), text);
    let mut out = Vec::new();
    look(Node::Expr(&expr), &mut out);
    out
}

/// `group("sre")`, `user("ana")`
fn principal(e: &Expr) -> Option<(bool, String)> {
    let ExprKind::Call { callee, args, .. } = &e.kind else { return None };
    let (ExprKind::Name(of), [only]) = (&callee.kind, args.as_slice()) else { return None };
    let ExprKind::Text(parts) = &only.value.kind else { return None };
    let [TextPart::Chars(name)] = parts.as_slice() else { return None };
    Some((of.name == "group", name.to_string()))
}

/// Whether it destroys and nobody typed who is to agree.
fn needs_approval(past: &Past) -> bool {
    past.effect == Effect::Destroys && !text_has(&past.text, &["approve", "waive"])
}

/// Whether what was typed declares something.
fn is_declaration(text: &str) -> bool {
    use super::pieces::{Kind, pieces};
    pieces(text).is_ok_and(|all| all.iter().all(|p| matches!(p.kind, Kind::Use | Kind::Declaration { .. })))
}

/// Whether it gives a value that would be lost.
fn is_expression(text: &str) -> bool {
    let (expr, wrong) = syntax::parse_expression(rrb_lang::span::FileId(0), text);
    use rrb_lang::syntax::ast::ExprKind as K;
    wrong.is_empty()
        && !matches!(
            expr.kind,
            K::Missing | K::For { .. } | K::FanOut(_) | K::Approve(_) | K::Waive { .. } | K::Step { .. }
        )
}

/// `it` and `_3` as the variables that the results have in the runbook.
fn renamed(text: &str, last: usize) -> String {
    let mut out = String::new();
    let mut at = 0;
    for word in super::library::words(text) {
        let number = match word.text {
            "it" if last > 0 => Some(last),
            w => w.strip_prefix('_').and_then(|n| n.parse::<usize>().ok()),
        };
        let Some(number) = number.filter(|_| !word.after_dot) else { continue };
        let Some(start) = text.get(at..).and_then(|t| t.find(word.text)).map(|i| at + i) else { continue };
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push_str(&format!("result_{number}"));
        at = start + word.text.len();
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn text_has(text: &str, all: &[&str]) -> bool {
    super::library::words(text).any(|w| all.contains(&w.text))
}

/// The calls behind `do`.
fn called(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("do ") {
        let rest = text.get(at + 3..).unwrap_or_default().trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if name.contains('.') && !found.iter().any(|f| f == name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn question(text: &str) -> String {
    let calls = called(text);
    let what = if calls.is_empty() { "this".to_owned() } else { crate::text::list_of(&calls) };
    format!("Run {what}")
}

fn group(console: &Console) -> String {
    let groups = &console.session.texts().config.groups;
    groups.keys().next().map_or_else(|| "sre".to_owned(), ToString::to_string)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Writes the file and says what is still wrong with it.
fn keep(console: &Console, file: &str, text: &str) -> Result<(), CliError> {
    let path = match &console.session.place {
        Some(place) if Path::new(file).is_relative() => place.root.join(file),
        _ => Path::new(file).to_owned(),
    };
    write_new(&path, text)?;
    let out = &console.context.out;
    out.line(format!("{} {} written", out.look.good("✓"), clean(&path.to_string_lossy())));
    let Some(place) = console.session.place.as_ref().filter(|_| Path::new(file).is_relative()) else { return Ok(()) };
    let loaded = project::load_with(place, ModuleFile { name: file.to_owned(), text: text.to_owned() })?;
    let errors: Vec<_> =
        loaded.diagnostics.iter().filter(|d| d.is_error() && loaded.sources.name(d.span().file) == file).collect();
    for d in &errors {
        out.note(crate::diagnostics::human(&out.err, &loaded.sources, d).trim_end());
    }
    match errors.is_empty() {
        true => out.line(out.look.dim("it checks; go on with it in your editor, and `:reload` here")),
        false => out.note("it is a draft: mend what is shown above"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_names_in_a_draft() {
        assert_eq!(renamed("it + _1 + x.it + item", 3), "result_3 + result_1 + x.it + item");
        assert_eq!(renamed("it", 0), "it");
    }

    #[test]
    fn what_a_draft_is_called_is_the_name_of_its_file() {
        assert_eq!(name_of("a/disk_full.rrb").unwrap(), "disk_full");
        assert_eq!(name_of("disk_full_test.rrb").unwrap(), "disk_full");
        for wrong in ["x.txt", "My.rrb", "2.rrb", "let.rrb", ".rrb", ""] {
            assert!(name_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn calls_that_change_are_found() {
        assert_eq!(called("let m = do slack.post(\"a\", \"do x.y\")"), ["slack.post", "x.y"]);
        assert!(called("domain.x()").is_empty());
    }
}
