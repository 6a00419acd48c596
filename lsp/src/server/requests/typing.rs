//! What happens to a line while somebody types.

use tower_lsp::ls_types::{FormattingOptions, Position, TextEdit};

use super::format;
use crate::server::key::Key;
use crate::server::text::Text;
use crate::server::world::Snapshot;

/// The letters after which something happens, the first one and the others.
pub const TRIGGERS: (&str, &[&str]) = ("\n", &["}"]);

/// One step of a block, as `rrb fmt` has it.
const STEP: &str = "  ";

/// What changes after a letter was typed in front of a place.
pub fn on_type(
    snapshot: &Snapshot,
    key: &Key,
    position: Position,
    typed: &str,
    _: &FormattingOptions,
) -> Option<Vec<TextEdit>> {
    let document = snapshot.documents.get(key).filter(|_| format::is_rrb(key))?;
    let text = &document.text;
    match typed {
        "\n" => new_line(text, position.line as usize, snapshot),
        // Only what the bracket closed is brought into form, and only when the text can be read.
        "}" => {
            let opened = opening_line(text, text.offset(position, snapshot.client.encoding))?;
            format::lines(text, opened..position.line as usize + 1, snapshot.client.encoding).ok()
        }
        _ => None,
    }
}

/// The line with the bracket that the one before `at` closes. Texts and comments are not looked into closely: a wrong line only
/// formats more or less.
fn opening_line(text: &Text, at: usize) -> Option<usize> {
    let before = text.as_str().get(..at)?;
    let mut depth = 0_usize;
    for (i, c) in before.char_indices().rev() {
        match c {
            '}' => depth += 1,
            '{' if depth <= 1 => return Some(text.line_of(i)),
            '{' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Indents a new line, and goes on with a doc comment.
fn new_line(text: &Text, number: usize, snapshot: &Snapshot) -> Option<Vec<TextEdit>> {
    let line = |n: usize| text.line(n).and_then(|r| text.as_str().get(r));
    let above = (0..number).rev().filter_map(line).find(|l| !l.trim().is_empty()).unwrap_or_default();
    let directly_above = number.checked_sub(1).and_then(line).unwrap_or_default();
    let here = line(number)?;
    let rest = here.trim_start();
    let old = here.len() - rest.len();
    let mut indent: String = above.chars().take_while(|c| *c == ' ').collect();
    let opens = code(above).ends_with(['{', '[', '(']);
    let closes = rest.starts_with(['}', ']', ')']);
    match (opens, closes) {
        (true, false) => indent.push_str(STEP),
        (false, true) => indent.truncate(indent.len().saturating_sub(STEP.len())),
        _ => {}
    }
    let mark = ["///", "//!"].into_iter().find(|m| directly_above.trim_start().starts_with(m));
    if let Some(mark) = mark.filter(|m| directly_above.trim() != *m && !rest.starts_with("//")) {
        indent.push_str(mark);
        indent.push(' ');
    }
    let start = text.line(number)?.start;
    if here.get(..old) == Some(indent.as_str()) {
        return Some(vec![]);
    }
    let range = text.range(start..start + old, snapshot.client.encoding);
    Some(vec![TextEdit { range, new_text: indent }])
}

/// A line without the comment behind it.
fn code(line: &str) -> &str {
    line.split(" //").next().unwrap_or(line).trim_end()
}
