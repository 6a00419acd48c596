//! Where a call differs from a pattern, as far as the pattern's own text tells: its literals.

use rrb_lang::span::FileId;
use rrb_lang::syntax::ast::{Expr, ExprKind, NamedArg, TextPart};
use rrb_lang::syntax::{parse_expression, print_expression};
use rrb_lang::value::Value;
use rrb_lang::vm;
use smol_str::SmolStr;

use super::literal;

/// An argument of a pattern, as written.
#[derive(Debug, Clone)]
struct Wanted {
    param: SmolStr,
    expr: Expr,
}

/// What differs, one line each: `` `node` is "n8", wanted is "n7" ``. Empty when the text does not tell.
pub fn differs(pattern: &str, args: &[(SmolStr, Value)]) -> Vec<String> {
    let wanted = wanted(pattern, args);
    let (mut known, mut open) = (Vec::new(), Vec::new());
    for Wanted { param, expr } in wanted {
        let Some((_, value)) = args.iter().find(|(name, _)| *name == param) else { continue };
        let line = |how: &str| {
            let got = literal::expression(value).unwrap_or_else(|| vm::display(value));
            format!("`{param}` is `{got}`, {how} `{}`", print_expression(&expr))
        };
        match same(&expr, value) {
            Some(true) => {}
            Some(false) => known.push(line("wanted is")),
            None => open.push(line("which is not what is wanted:")),
        }
    }
    // With one condition that only running it could tell of, it must be that one.
    if known.is_empty() && open.len() == 1 { open } else { known }
}

fn wanted(pattern: &str, args: &[(SmolStr, Value)]) -> Vec<Wanted> {
    let (call, with) = match pattern.split_once(" with ") {
        Some((call, with)) => (call, Some(format!("f({with})"))),
        None => (pattern, None),
    };
    let mut all = Vec::new();
    for text in [Some(call.to_owned()), with].into_iter().flatten() {
        let (expr, _) = parse_expression(FileId(0), &text);
        let ExprKind::Call { args: written, .. } = expr.kind else { continue };
        for (n, NamedArg { name, value }) in written.into_iter().enumerate() {
            let param = match name {
                Some(name) => Some(name.name),
                None => args.get(n).map(|(name, _)| name.clone()),
            };
            all.extend(param.map(|param| Wanted { param, expr: value }));
        }
    }
    all
}

/// Whether a literal is this value; None when only running it would tell.
fn same(expr: &Expr, value: &Value) -> Option<bool> {
    Some(match (&expr.kind, value) {
        (ExprKind::Name(name), _) if name.name == "_" => true,
        (ExprKind::Name(name), Value::Variant(v)) => name.name == v.name,
        (ExprKind::Name(_), _) => return None,
        (ExprKind::None, v) => *v == Value::None,
        (ExprKind::Bool(b), v) => *v == Value::Bool(*b),
        (ExprKind::Int(i), Value::Float(f)) => (*i as f64) == *f,
        (ExprKind::Int(i), v) => *v == Value::Int(*i),
        (ExprKind::Float { value: f, .. }, v) => *v == Value::Float(*f),
        (ExprKind::Duration(d), v) => *v == Value::Duration(*d),
        (ExprKind::Size(n), v) => *v == Value::Size(*n),
        (ExprKind::Text(parts), Value::Text(t)) => match parts.as_slice() {
            [] => t.is_empty(),
            [TextPart::Chars(chars)] => t == chars,
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_say_which_argument_differs() {
        let args = [
            (SmolStr::from("node"), Value::text("n8")),
            ("grace".into(), Value::Duration(60_000)),
            ("force".into(), Value::Bool(true)),
        ];
        let table: [(&str, &[&str]); 6] = [
            ("k8s.drain(\"n7\", _)", &["`node` is `\"n8\"`, wanted is `\"n7\"`"]),
            ("k8s.drain(_, 5m)", &["`grace` is `1m`, wanted is `5m`"]),
            ("k8s.drain(force: false)", &["`force` is `true`, wanted is `false`"]),
            ("k8s.drain with node: \"n8\", grace: 2m", &["`grace` is `1m`, wanted is `2m`"]),
            ("k8s.drain(re\"^n7\")", &["`node` is `\"n8\"`, which is not what is wanted: `re\"^n7\"`"]),
            ("k8s.drain(re\"^n\", limit)", &[]),
        ];
        for (pattern, lines) in table {
            assert_eq!(differs(pattern, &args), lines, "{pattern}");
        }
    }
}
