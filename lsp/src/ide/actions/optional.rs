//! What may be missing, opened.

use rrb_lang::diag::codes;
use rrb_lang::span::Span;
use rrb_lang::types::Type;

use super::{Action, ActionKind, At, touches};

pub fn actions(at: &At<'_>) -> Vec<Action> {
    let said = at.analysis.diagnostics(at.range.file);
    let mut out = Vec::new();
    for d in said.iter().filter(|d| touches(d.span(), at.range)) {
        let whole = d.span();
        let optional = d.code == codes::TYPE_OPTIONAL || d.code == codes::TYPE_MISMATCH;
        let Some(seen) = at.world.index.exprs.iter().find(|e| e.span == whole).filter(|_| optional) else { continue };
        let Type::Optional(inner) = &*at.world.open(&seen.ty) else { continue };
        let mut ways = vec![("open it, or fail", "fail \"it is missing\"".to_owned())];
        ways.extend(default(at, inner).map(|d| ("open it, with a default", d)));
        for (title, other) in ways {
            let edits = opened(at, whole, &other);
            let action = Action { mends: Some(d.clone()), ..Action::new(title, ActionKind::Fix, edits) };
            out.push(action);
        }
    }
    out
}

/// `x ?? other`, in brackets where something follows that binds more tightly.
fn opened(at: &At<'_>, whole: Span, other: &str) -> Vec<(Span, String)> {
    let behind = at.read.text.get(whole.end as usize..).unwrap_or_default();
    let before = at.read.text.get(..whole.start as usize).unwrap_or_default();
    let tight = behind.starts_with(['.', '[', '(', '?'])
        || loose(behind)
        || before.trim_end().ends_with(['+', '-', '*', '/', '<', '>']);
    match tight {
        true => vec![(whole.before(), "(".to_owned()), (whole.after(), format!(" ?? {other})"))],
        false => vec![(whole.after(), format!(" ?? {other}"))],
    }
}

/// Whether an operator follows on the same line.
fn loose(behind: &str) -> bool {
    let line = behind.split('\n').next().unwrap_or_default().trim_start();
    line.starts_with(['+', '-', '*', '/', '<', '>', '=', '!', '?'])
        || ["as ", "mod ", "in ", "not in ", "is ", "matches "].iter().any(|w| line.starts_with(w))
}

/// A value of a plain type that says nothing.
fn default(at: &At<'_>, ty: &rrb_lang::types::Ty) -> Option<String> {
    Some(
        match &*at.world.open(ty) {
            Type::Text => "\"\"",
            Type::Int => "0",
            Type::Float => "0.0",
            Type::Bool => "false",
            Type::Duration => "0s",
            Type::Size => "0B",
            Type::List(_) => "[]",
            _ => return None,
        }
        .to_owned(),
    )
}
