//! An outline as nested lists that a person can work through.

use rrb_lang::outline::{Approval, Branch, Called, Kind, Node};
use rrb_lang::syntax::ast::Effect;
use rrb_lang::vm::print::time;

use super::markdown::{code, plain};

/// The nodes as a numbered list, their parts below them.
pub fn steps(nodes: &[Node]) -> String {
    let mut out = String::new();
    list(nodes, 0, &mut out);
    out
}

fn list(nodes: &[Node], depth: usize, out: &mut String) {
    for (i, node) in nodes.iter().enumerate() {
        item(&format!("{}. ", (i + 1).min(99)), depth, &node.kind, out);
    }
    if nodes.is_empty() {
        line("1. ", depth, "Nothing.", out);
    }
}

fn line(mark: &str, depth: usize, text: &str, out: &mut String) {
    // Four columns: as far in as the text of an item with a number of two digits.
    out.push_str(&"    ".repeat(depth));
    out.push_str(mark);
    out.push_str(text);
    out.push('\n');
}

/// A head, and under it what it holds.
fn under(head: &str, nodes: &[Node], depth: usize, out: &mut String) {
    line("- ", depth + 1, head, out);
    list(nodes, depth + 2, out);
}

fn item(mark: &str, depth: usize, kind: &Kind, out: &mut String) {
    match kind {
        Kind::Step { name, body } => {
            line(mark, depth, &format!("**{}**", plain(name)), out);
            list(body, depth + 1, out);
        }
        Kind::Act { text, effect, calls } => {
            line(mark, depth, &act(text, *effect), out);
            undos(calls, depth + 1, out);
        }
        Kind::Compute { text } => line(mark, depth, &format!("Note {}", code(text)), out),
        Kind::If { condition, then, otherwise } => {
            line(mark, depth, &format!("If {}:", code(condition)), out);
            list(then, depth + 1, out);
            if !otherwise.is_empty() {
                under("Otherwise:", otherwise, depth, out);
            }
        }
        Kind::Match { value, arms } => {
            line(mark, depth, &format!("Depending on {}:", code(value)), out);
            branches(arms, depth, out);
        }
        Kind::Repeat { head, body } => {
            line(mark, depth, &format!("Repeat {}:", code(head)), out);
            list(body, depth + 1, out);
        }
        Kind::Fork { head, branches: all, one } => {
            let rest = if *one { "the first that is done counts, the others are stopped" } else { "at the same time" };
            line(mark, depth, &format!("{}, {rest}:", code(head)), out);
            branches(all, depth, out);
        }
        Kind::Approve(a) => approve(mark, a, depth, out),
        Kind::Waive { reason, by, until, body } => {
            let day = time(*until);
            let day = day.get(..10).unwrap_or(&day);
            let text = format!("Allowed by {} until {day}, because {}:", plain(by), plain(reason));
            line(mark, depth, &text, out);
            list(body, depth + 1, out);
        }
        Kind::Try { body, handler } => {
            line(mark, depth, "Try:", out);
            list(body, depth + 1, out);
            if !handler.is_empty() {
                under("If that fails:", handler, depth, out);
            }
        }
        other => line(mark, depth, &sentence(other), out),
    }
}

fn branches(all: &[Branch], depth: usize, out: &mut String) {
    for branch in all {
        under(&format!("{}:", code(&branch.label)), &branch.body, depth, out);
    }
}

fn act(text: &str, effect: Effect) -> String {
    match effect {
        Effect::Destroys => format!("{} — **destroys**", code(text)),
        Effect::Changes => format!("{} — changes", code(text)),
        _ => format!("Look up {}", code(text)),
    }
}

fn undos(calls: &[Called], depth: usize, out: &mut String) {
    for undo in calls.iter().filter_map(|c| c.undo.as_ref()) {
        line("- ", depth, &format!("to undo it: {}", code(undo)), out);
    }
}

fn approve(mark: &str, a: &Approval, depth: usize, out: &mut String) {
    let mut text = format!(
        "**Ask {} of {}**, within {}: “{}”",
        plain(&a.quorum),
        plain(&a.from.join(" or ")),
        plain(&a.within),
        plain(&a.question)
    );
    for (who, after) in &a.escalate {
        text.push_str(&format!("; after {} also {}", plain(after), plain(&who.join(" or "))));
    }
    if a.require_comment {
        text.push_str("; every answer needs a comment");
    }
    line(mark, depth, &text, out);
    under("If they agree:", &a.body, depth, out);
    match &a.otherwise {
        Some(otherwise) => under("If they do not, or nobody answers in time:", otherwise, depth, out),
        None => line("- ", depth + 1, "If they do not, or nobody answers in time, stop: it failed.", out),
    }
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Verify { name, condition, within, every } => {
            format!(
                "Verify that {}: {} comes true within {} (look every {})",
                plain(name),
                code(condition),
                code(within),
                code(every)
            )
        }
        Kind::Wait { text } => format!("{}{}", "Wait: ", code(text)),
        Kind::Evidence { name, value } => format!("Write down “{}”: {}", plain(name), code(value)),
        Kind::Log { text } => format!("Log “{}”", plain(text)),
        Kind::Finish { outcome, why } => {
            let why = why.as_deref().map(|w| format!(": {}", plain(w))).unwrap_or_default();
            format!("Done, **{}**{why}", plain(outcome))
        }
        Kind::Fail { text } => format!("Stop: it failed, “{}”", plain(text)),
        Kind::Rollback => "Undo what was done so far, newest first".to_owned(),
        Kind::Leave { text } => match text.as_str() {
            "break" => "Leave the repetition".to_owned(),
            "continue" => "Go on with the next one".to_owned(),
            other => code(other),
        },
        _ => String::new(),
    }
}
