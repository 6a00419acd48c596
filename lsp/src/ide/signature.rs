//! The parameters of the call that the cursor is in.

use std::fmt::Write as _;

use rrb_lang::check::world::{CallSeen, World};
use rrb_lang::span::{FileId, PROJECT_FILE};

use super::complete::with_name;
use super::{Analysis, show};

/// A signature with the parameter that the cursor is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `action slack.post(channel: Text, text: Text) -> Message changes once`
    pub label: String,
    /// Markdown.
    pub docs: String,
    /// The bytes of each parameter in the label, and what is said of it.
    pub params: Vec<(std::ops::Range<usize>, String)>,
    /// None behind the last one.
    pub active: Option<usize>,
}

/// The signature of the call around a place.
pub fn signature(analysis: &Analysis, file: FileId, offset: u32) -> Option<Signature> {
    if file == PROJECT_FILE {
        return None;
    }
    let text = analysis.text(file);
    let open = open_call(&text, super::text::boundary(&text, offset))?;
    // A call that is being written is whole once something stands at the cursor.
    let (world, at) = with_name(analysis, file, offset);
    let open = u32::try_from(open).ok()?;
    let inside = |c: &&CallSeen| c.span.start <= open && at <= c.span.end;
    let call = world.index.calls.iter().filter(inside).min_by_key(|c| c.span.end - c.span.start)?;
    Some(made(&world, call, at))
}

/// The bracket of the innermost call that is open at a place, within its statement as far as one can tell from the text.
fn open_call(text: &str, offset: usize) -> Option<usize> {
    const FAR: usize = 8 * 1024;
    let from = super::text::boundary(text, u32::try_from(offset.saturating_sub(FAR)).unwrap_or(0));
    let mut depth = 0_usize;
    let before = text.get(from..offset)?;
    let mut chars = before.char_indices().rev().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' if depth > 0 => depth -= 1,
            '(' => {
                let named = chars.peek().is_some_and(|(_, c)| super::text::is_name_char(*c));
                if named {
                    return Some(from + at);
                }
            }
            _ => {}
        }
    }
    None
}

fn made(world: &World, call: &CallSeen, at: u32) -> Signature {
    let target = call.target.as_ref();
    let mut label = target
        .and_then(|t| show::head(world, t))
        .map(|head| head.split('(').next().unwrap_or_default().to_owned())
        .unwrap_or_default();
    let whole = target.and_then(|t| show::head(world, t)).unwrap_or_default();
    let mut params = Vec::new();
    label.push('(');
    for (i, p) in call.params.iter().enumerate() {
        if i > 0 {
            label.push_str(", ");
        }
        let from = label.len();
        label.push_str(&show::param(world, p));
        params.push((from..label.len(), p.docs.clone()));
    }
    label.push(')');
    if let Some(behind) = behind_params(&whole) {
        let _ = write!(label, "{behind}");
    }
    let active = call.args.iter().find(|(span, _)| span.start <= at && at <= span.end).map(|(_, param)| *param);
    let active = active.unwrap_or_else(|| {
        let before = call.args.iter().filter(|(span, _)| span.end <= at).count();
        (before < call.params.len()).then_some(before)
    });
    let docs = target.and_then(|t| world.declared(t)).map(|d| d.docs).unwrap_or_default();
    Signature { label, docs, params, active }
}

/// What stands behind the closing bracket of a head.
fn behind_params(head: &str) -> Option<&str> {
    let open = head.find('(')?;
    let mut depth = 0_usize;
    for (i, c) in head.get(open..)?.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return head.get(open + i + 1..);
                }
            }
            _ => {}
        }
    }
    None
}
