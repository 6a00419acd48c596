//! Lines at the bottom of the terminal that are drawn over, below what scrolls.

use std::fmt::Write as _;

use crate::out::{Out, width};

/// What is drawn at the bottom now.
#[derive(Debug, Default)]
pub struct Panel {
    /// The columns of each line on the screen.
    drawn: Vec<usize>,
    /// How wide the terminal was then.
    width: usize,
    last: String,
}

impl Panel {
    /// Prints `lines` above the panel and draws it anew.
    pub fn print(&mut self, out: &Out, lines: &[String], panel: &[String]) {
        let mut text = self.erasure();
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
        self.put(out, text, panel);
    }

    /// Draws the panel anew where it changed.
    pub fn draw(&mut self, out: &Out, panel: &[String]) {
        if self.last != panel.join("\n") || self.width != width() {
            let text = self.erasure();
            self.put(out, text, panel);
        }
    }

    /// Takes the panel away, when there is one.
    pub fn clear_if_drawn(&mut self, out: &Out) {
        if !self.drawn.is_empty() {
            self.clear(out);
        }
    }

    /// Takes the panel away.
    pub fn clear(&mut self, out: &Out) {
        out.raw(self.erasure());
        self.drawn.clear();
        self.last.clear();
    }

    fn erasure(&self) -> String {
        match rows_of(&self.drawn, width()) {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            n => format!("\r\x1b[{}A\x1b[J", n - 1),
        }
    }

    fn put(&mut self, out: &Out, mut text: String, panel: &[String]) {
        // A line that wraps would take two rows and the count of rows would be wrong.
        self.width = width();
        let cut: Vec<String> = panel.iter().map(|l| cut(l, self.width.saturating_sub(1))).collect();
        text.push_str(&cut.join("\n"));
        out.raw(text);
        self.drawn = cut.iter().map(|l| bare_columns(l)).collect();
        self.last = panel.join("\n");
    }
}

/// The rows that lines of so many columns take: a terminal that became narrower breaks them.
fn rows_of(lines: &[usize], width: usize) -> usize {
    lines.iter().map(|columns| columns.div_ceil(width.max(1)).max(1)).sum()
}

/// The columns of a line without its colour codes.
fn bare_columns(line: &str) -> usize {
    let mut in_code = false;
    let seen = line.chars().filter(|c| match (in_code, *c) {
        (false, '\x1b') => {
            in_code = true;
            false
        }
        (true, c) => {
            in_code = !c.is_ascii_alphabetic();
            false
        }
        (false, _) => true,
    });
    seen.map(|c| unicode_width::UnicodeWidthChar::width(c).unwrap_or(0)).sum()
}

/// At most `width` columns of a line that may hold our own colour codes; they stay whole, and none stays open.
pub fn cut(line: &str, width: usize) -> String {
    const RESET: &str = "\x1b[0m";
    let mut out = String::with_capacity(line.len().min(width.saturating_mul(8)));
    let mut used = 0;
    let mut code = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\x1b' {
            code.clear();
            code.push(c);
            for c in chars.by_ref() {
                code.push(c);
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
            out.push_str(&code);
            continue;
        }
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width {
            if !code.is_empty() && code != RESET {
                out.push_str(RESET);
            }
            break;
        }
        out.push(c);
    }
    out
}

/// Rows of the terminal.
pub fn rows() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout())
        .ok()
        .map(|w| usize::from(w.ws_row))
        .filter(|r| *r > 3)
        .unwrap_or(24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_codes_take_no_columns_and_stay_whole() {
        assert_eq!(cut("\x1b[31mred\x1b[0m and more", 5), "\x1b[31mred\x1b[0m a");
        assert_eq!(cut("\x1b[31mreddish\x1b[0m", 3), "\x1b[31mred\x1b[0m");
        assert_eq!(cut("plain", 10), "plain");
        assert_eq!(cut("日本", 3), "日");
        // What is cut off costs nothing, and no colour goes on behind it.
        let long = "\x1b[36m1\x1b[0m, ".repeat(100_000);
        assert_eq!(cut(&long, 4), "\x1b[36m1\x1b[0m, \x1b[36m1\x1b[0m");
        assert_eq!(cut("\x1b[31mreddish", 3), "\x1b[31mred\x1b[0m");
        assert_eq!(bare_columns("\x1b[31m日本\x1b[0m a"), 6);
    }

    #[test]
    fn a_narrower_terminal_has_broken_the_lines_into_more_rows() {
        assert_eq!(rows_of(&[79, 80, 0], 80), 3);
        assert_eq!(rows_of(&[79, 80, 0], 79), 4);
        assert_eq!(rows_of(&[79], 40), 2);
        assert_eq!(rows_of(&[], 40), 0);
    }
}
