//! Texts in which a variable stands as other languages write it: it would be printed as it stands.

use crate::check::cx::Checker;
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use crate::syntax::ast::TextPart;

/// How many are named of one text.
const MOST: usize = 3;

/// A hole of another language: where it stands in the literal, and what it was to print.
#[derive(Debug, PartialEq, Eq)]
struct Foreign<'t> {
    start: usize,
    end: usize,
    expr: &'t str,
}

impl Checker {
    /// Warns of `$name`, `{name}` and `{{ name }}` in the literal at `span` where there is such a variable.
    pub(super) fn warn_of_foreign_holes(&mut self, parts: &[TextPart], span: Span) {
        if !parts.iter().any(|p| matches!(p, TextPart::Chars(c) if c.contains(['$', '{']))) {
            return;
        }
        let source = self.sources.text(span).to_owned();
        let found = foreign(&source).into_iter().filter(|f| self.has_local(first_name(f.expr))).take(MOST);
        for hole in found.collect::<Vec<_>>() {
            let written = source.get(hole.start..hole.end).unwrap_or("");
            let at = |offset: usize| span.start + u32::try_from(offset).unwrap_or(0);
            let place = Span { start: at(hole.start), end: at(hole.end), ..span };
            let better = format!("${{{}}}", hole.expr);
            self.report(
                Diagnostic::warning(codes::TEXT_HOLE, format!("`{written}` is printed as it stands"), place, "no hole")
                    .help(format!("write `{better}` to print its value"))
                    .fix(format!("write `{better}`"), vec![(place, better)]),
            );
        }
    }
}

fn first_name(expr: &str) -> &str {
    expr.split('.').next().unwrap_or(expr)
}

/// What looks like a hole of a shell, of Python or of a template in the source of a literal.
fn foreign(source: &str) -> Vec<Foreign<'_>> {
    let mut found = Vec::new();
    // A raw text has no holes at all, and is written to have none.
    if !source.starts_with('"') {
        return found;
    }
    let mut at = 0;
    while let Some(rest) = source.get(at..).filter(|r| !r.is_empty()) {
        let hole = if rest.starts_with("${") { None } else { shell(rest).or_else(|| braced(rest)) };
        let skipped = match rest.chars().next() {
            _ if rest.starts_with("${") || rest.starts_with("\\u{") => own_hole(rest),
            Some('\\') => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            Some(c) => c.len_utf8(),
            None => break,
        };
        if let Some((expr, length)) = hole {
            found.push(Foreign { start: at, end: at + length, expr });
            at += length;
        } else {
            at += skipped;
        }
    }
    found
}

/// How long a hole of rrb or an escape is, with the braces in it.
fn own_hole(rest: &str) -> usize {
    let mut open = 0_usize;
    for (i, c) in rest.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 1 => return i + 1,
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    rest.len()
}

/// `$name`
fn shell(rest: &str) -> Option<(&str, usize)> {
    let name = name(rest.strip_prefix('$')?)?;
    Some((name, 1 + name.len()))
}

/// `{name}`, `{name.field}`, `{{ name }}`
fn braced(rest: &str) -> Option<(&str, usize)> {
    let twice = rest.starts_with("{{");
    let (opener, closer) = if twice { ("{{", "}}") } else { ("{", "}") };
    let inside = rest.strip_prefix(opener)?;
    let spaces = |t: &str| if twice { t.len() - t.trim_start_matches(' ').len() } else { 0 };
    let before = spaces(inside);
    let path = inside.get(before..)?;
    let mut length = name(path)?.len();
    while let Some(next) = path.get(length..).and_then(|t| t.strip_prefix('.')).and_then(name) {
        length += 1 + next.len();
    }
    let behind = path.get(length..)?;
    let after = spaces(behind);
    behind.get(after..)?.starts_with(closer).then_some(())?;
    Some((path.get(..length)?, opener.len() + before + length + after + closer.len()))
}

fn name(text: &str) -> Option<&str> {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let length = text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_').len();
    text.get(..length).filter(|_| begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_of_other_languages_are_found() {
        fn found(text: &str) -> Vec<(&str, &str)> {
            foreign(text).iter().map(|f| (&text[f.start..f.end], f.expr)).collect()
        }
        assert_eq!(found(r#""a $b, {c}, {d.e} {{ f }}{{g.h}}""#).len(), 5);
        assert_eq!(found(r#""{d.e}{{ f }}""#), [("{d.e}", "d.e"), ("{{ f }}", "f")]);
        for none in [
            r#""a ${b} ${ { c: 1 } } é""#,
            r#""\$b 5$ $5 $ \u{e9}""#,
            r#"r"$b""#,
            r#""{ \"a\": 1 } {} {a b} {a.} {Upper} {{a {a""#,
        ] {
            assert_eq!(found(none), [], "{none}");
        }
    }
}
