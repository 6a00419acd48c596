//! What a node's own box is, what it says, and how large that is.

use unicode_width::UnicodeWidthChar;

use super::Shape;
use crate::outline::{Approval, Kind, Repeat};
use crate::syntax::ast::Effect;

/// Characters on a line of a box, lines in a box.
const COLUMNS: usize = 38;
const LINES: usize = 8;
/// Pixels: a character (all are of one width), a line, the margin around a text.
pub(super) const CHAR: f64 = 7.3;
pub(super) const LINE: f64 = 16.0;
const PAD: f64 = 12.0;

/// The box of a node.
pub(super) fn face(kind: &Kind) -> (Shape, Vec<String>) {
    let one = |shape, text: &str| (shape, wrapped(&[text]));
    match kind {
        Kind::Step { name, .. } => one(Shape::Step, name),
        Kind::Act { text, effect, .. } => one(Shape::Act(*effect), text),
        Kind::Compute { text } => one(Shape::Note, text),
        Kind::If { condition, .. } => one(Shape::Choice, &format!("{condition}?")),
        Kind::Match { value, .. } => one(Shape::Choice, &format!("{value}?")),
        Kind::Repeat(repeat) => (Shape::Loop, wrapped(&[&repeat.head, &together(repeat)])),
        Kind::Fork { head, .. } => one(Shape::Bar, head),
        Kind::During { .. } => one(Shape::Bar, "during"),
        Kind::AtMost { text } => one(Shape::Check, &format!("{text}, else it fails")),
        Kind::Approve(a) => (Shape::Ask, wrapped(&[&a.question, &asked(a)])),
        Kind::Waive { reason, by, .. } => one(Shape::Waiver, &format!("waived by {by}: {reason}")),
        Kind::Verify { name, within, .. } => one(Shape::Check, &format!("verify: {name} (within {within})")),
        Kind::Wait { text } => one(Shape::Wait, text),
        Kind::Try { .. } => one(Shape::Choice, "try"),
        Kind::Evidence { name, .. } => one(Shape::Note, &format!("evidence: {name}")),
        Kind::Log { text } => one(Shape::Note, &format!("log: {text}")),
        Kind::Finish { outcome, why } => {
            let why = why.as_deref().map(|w| format!(": {w}")).unwrap_or_default();
            one(Shape::End, &format!("{outcome}{why}"))
        }
        Kind::Fail { text } => one(Shape::Fails, &format!("fails: {text}")),
        Kind::Rollback => one(Shape::Act(Effect::Changes), "roll back what was done"),
        // The picture draws no line for them.
        Kind::Leave { text } => match text.as_str() {
            "break" => one(Shape::Note, "break: leave the loop"),
            "continue" => one(Shape::Note, "continue: the next round"),
            "restart" => one(Shape::Note, "restart: begin the block anew"),
            other => one(Shape::Note, other),
        },
    }
}

fn asked(a: &Approval) -> String {
    format!("{} of {}, within {}", a.quorum, a.from.join(" or "), a.within)
}

/// How the items of a loop go beside each other; nothing when they come one after the other.
fn together(repeat: &Repeat) -> String {
    let parallel = repeat.parallel.as_ref().map(|n| format!("{n} at the same time"));
    let waves = repeat.waves.as_ref().map(|w| format!("in waves {w}"));
    let collect = repeat.collect.then(|| "whatever fails".to_owned());
    [waves, parallel, collect].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Width and height of a box.
pub(super) fn size(shape: Shape, lines: &[String]) -> (f64, f64) {
    let longest = lines.iter().map(|l| width(l)).fold(0.0, f64::max);
    let (width, height) = (longest + 2.0 * PAD, lines.len() as f64 * LINE + PAD);
    match shape {
        // Slanted sides take room from the text.
        Shape::Choice | Shape::Ask | Shape::Loop | Shape::Check => (width + 2.0 * PAD, height + PAD),
        _ => (width, height),
    }
}

/// How wide a text is.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(columns).sum::<usize>() as f64 * CHAR
}

/// Letters of East Asia and pictures are twice as wide as the others.
fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Each text on lines of [`COLUMNS`] characters, [`LINES`] in all; what is cut says so.
pub(super) fn wrapped(texts: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for text in texts.iter().filter(|t| !t.trim().is_empty()) {
        let mut line = Line::default();
        for word in text.split_whitespace() {
            line.add(word, &mut lines);
        }
        lines.push(line.text);
    }
    if lines.is_empty() {
        lines.push("…".to_owned());
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// A line that is being filled.
#[derive(Default)]
struct Line {
    text: String,
    columns: usize,
}

impl Line {
    fn add(&mut self, word: &str, full: &mut Vec<String>) {
        let wide: usize = word.chars().map(columns).sum();
        if self.columns > 0 && self.columns + 1 + wide > COLUMNS {
            self.end(full);
        } else if self.columns > 0 {
            self.push(' ');
        }
        if wide <= COLUMNS {
            self.text.push_str(word);
            self.columns += wide;
            return;
        }
        // Too long for any line: broken behind a sign where there is one in the second half, else anywhere.
        let mut rest = wide;
        for c in word.chars() {
            if self.columns + columns(c) > COLUMNS {
                self.end(full);
            }
            self.push(c);
            rest -= columns(c);
            let fits = self.columns + rest <= COLUMNS;
            if !fits && self.columns > COLUMNS / 2 && matches!(c, '.' | ',' | '(' | '/' | '=' | ')' | '}' | '_') {
                self.end(full);
            }
        }
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.columns += columns(c);
    }

    fn end(&mut self, full: &mut Vec<String>) {
        full.push(std::mem::take(&mut self.text));
        self.columns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(wrapped(&["one two"]), ["one two"]);
        assert_eq!(
            wrapped(&["the used share of a filesystem, or of the folder"]),
            ["the used share of a filesystem, or of", "the folder"]
        );
        assert_eq!(wrapped(&["", " "]), ["…"]);
        assert_eq!(wrapped(&["a", "b"]), ["a", "b"]);
    }

    #[test]
    fn a_long_word_breaks_behind_a_sign() {
        assert_eq!(
            wrapped(&["system.files_older_than(\"${mount}/cache\",cache_age)"]),
            ["system.files_older_than(", "\"${mount}/cache\",cache_age)"]
        );
        let lines = wrapped(&["x".repeat(77).as_str()]);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [38, 38, 1]);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        // Seven words of four letters on a line.
        let lines = wrapped(&["word ".repeat(LINES * 7).as_str()]);
        assert_eq!((lines.len(), lines[LINES - 1].ends_with('…')), (LINES, false));
        let lines = wrapped(&["word ".repeat(LINES * 7 + 1).as_str()]);
        assert_eq!((lines.len(), lines[LINES - 1].ends_with('…')), (LINES, true));
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(width("磁盘"), 4.0 * CHAR);
        assert!(wrapped(&["磁".repeat(30).as_str()]).iter().all(|l| l.chars().count() <= 19));
    }
}
