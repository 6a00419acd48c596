//! Texts with `{{ … }}` in them.

use crate::text::{escaped, quoted};

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    Text(&'t str),
    /// What stands between the braces, and the whole with them.
    Hole(&'t str, &'t str),
}

/// The parts of a text. Braces that are not closed are text.
pub fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("{{") {
        let Some(length) = rest.get(begin..).and_then(|r| r.find("}}")) else { break };
        let end = begin + length + 2;
        if begin > 0 {
            pieces.push(Piece::Text(rest.get(..begin).unwrap_or_default()));
        }
        let inner = rest.get(begin + 2..begin + length).unwrap_or_default();
        pieces.push(Piece::Hole(inner.trim(), rest.get(begin..end).unwrap_or_default()));
        rest = rest.get(end..).unwrap_or_default();
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// What a hole stands for: an expression of type Json, or none when it is to stay as it is written.
pub type Resolve<'r> = dyn FnMut(&str) -> Option<String> + 'r;

/// A text as an expression of type Json: what its one hole stands for, or a text.
pub fn json(text: &str, resolve: &mut Resolve<'_>) -> String {
    if let [Piece::Hole(inner, whole)] = split(text.trim()).as_slice() {
        return resolve(inner).unwrap_or_else(|| quoted(whole));
    }
    self::text(text, resolve)
}

/// A text as an expression of type Text.
pub fn text(text: &str, resolve: &mut Resolve<'_>) -> String {
    let mut out = String::from("\"");
    for piece in split(text) {
        match piece {
            Piece::Text(text) => out.push_str(&escaped(text)),
            Piece::Hole(inner, whole) => match resolve(inner) {
                Some(expr) => out.push_str(&format!("${{_shown({expr})}}")),
                None => out.push_str(&escaped(whole)),
            },
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_what_is_none_stays() {
        assert_eq!(
            split("a {{ b }}{{c}}"),
            [Piece::Text("a "), Piece::Hole("b", "{{ b }}"), Piece::Hole("c", "{{c}}")]
        );
        assert_eq!(split(""), [Piece::Text("")]);
        assert_eq!(split("{{ a"), [Piece::Text("{{ a")]);
        let mut known = |inner: &str| (inner == "b").then(|| "x.b".to_owned());
        assert_eq!(json(" {{ b }} ", &mut known), "x.b");
        assert_eq!(json("{{ c }}", &mut known), "\"{{ c }}\"");
        assert_eq!(text("$ {{b}} {{c}}", &mut known), "\"\\$ ${_shown(x.b)} {{c}}\"");
    }
}
