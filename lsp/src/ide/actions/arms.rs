//! The arms that a `match` lacks.

use rrb_lang::check::world::Target;
use rrb_lang::syntax::ast::{Arm, Expr, ExprKind, Pattern, PatternKind};
use rrb_lang::syntax::walk::Node;
use rrb_lang::types::{Type, VariantTy};

use super::{Action, ActionKind, At};

pub fn action(at: &At<'_>) -> Option<Action> {
    let (whole, value, arms) = at.nodes.iter().rev().find_map(|n| match n {
        Node::Expr(e) => match &e.kind {
            ExprKind::Match { value, arms } => Some((*e, &**value, arms.as_slice())),
            _ => None,
        },
        _ => None,
    })?;
    let missing = missing(at, value, arms)?;
    if missing.is_empty() {
        return None;
    }
    let indent = at.indent(whole.span.start);
    let close = whole.span.end.checked_sub(1).filter(|_| at.text(whole.span).ends_with('}'))?;
    let lines: String =
        missing.iter().map(|pattern| format!("{indent}  {pattern} => fail \"say what happens then\",\n")).collect();
    let before = at.read.text.get(..close as usize)?.trim_end();
    let from = u32::try_from(before.len()).ok()?;
    let comma = if before.ends_with([',', '{']) { "" } else { "," };
    let edit = (rrb_lang::span::Span { start: from, end: close, ..whole.span }, format!("{comma}\n{lines}{indent}"));
    let title = if missing.len() == 1 { "add the missing arm" } else { "add the missing arms" };
    Some(Action::new(title, ActionKind::Rewrite, vec![edit]))
}

/// The patterns of what no arm takes, as far as whole variants are concerned.
fn missing(at: &At<'_>, value: &Expr, arms: &[Arm]) -> Option<Vec<String>> {
    let ty = at.world.index.exprs.iter().find(|e| e.span == value.span)?.ty.clone();
    let opened = at.world.open(&ty);
    let (inner, maybe) = match &*opened {
        Type::Optional(inner) => (inner.clone(), true),
        _ => (opened, false),
    };
    let mut taken: Vec<String> = Vec::new();
    for arm in arms.iter().filter(|a| a.guard.is_none()) {
        take(at, &arm.pattern, &mut taken);
    }
    if taken.iter().any(|t| t == "_") {
        return Some(Vec::new());
    }
    let mut out = Vec::new();
    if maybe && !taken.iter().any(|t| t == "none") {
        out.push("none".to_owned());
    }
    if matches!(*inner, Type::Bool) {
        out.extend(["true", "false"].iter().filter(|b| !taken.iter().any(|t| t == *b)).map(|b| (*b).to_owned()));
    } else {
        let (_, variants) = at.world.variants(&inner)?;
        out.extend(variants.iter().filter(|v| !taken.iter().any(|t| *t == v.name)).map(shown));
    }
    Some(out)
}

fn shown(v: &VariantTy) -> String {
    if v.payload.is_empty() { v.name.to_string() } else { format!("{}(..)", v.name) }
}

/// Notes what a pattern takes whole: the names of variants, and `_` for everything.
fn take(at: &At<'_>, p: &Pattern, taken: &mut Vec<String>) {
    match &p.kind {
        PatternKind::Any => taken.push("_".to_owned()),
        PatternKind::None => taken.push("none".to_owned()),
        PatternKind::Literal(e) => {
            if let ExprKind::Bool(b) = e.kind {
                taken.push(b.to_string());
            }
        }
        PatternKind::Name(name) => {
            let variant =
                at.world.index.names.iter().any(|n| n.span == name.span && matches!(n.target, Target::Variant(..)));
            taken.push(if variant { name.name.to_string() } else { "_".to_owned() });
        }
        PatternKind::Variant { path, args, .. } => {
            let whole = args.iter().all(|(_, p)| matches!(p.kind, PatternKind::Any | PatternKind::Name(_)));
            if let Some(last) = path.parts.last().filter(|_| whole) {
                taken.push(last.name.to_string());
            }
        }
        PatternKind::Or(all) => all.iter().for_each(|p| take(at, p, taken)),
        PatternKind::As { pattern, .. } => take(at, pattern, taken),
        _ => {}
    }
}
