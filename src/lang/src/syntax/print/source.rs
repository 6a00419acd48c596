//! What is kept of the source: comments, groups of lines, the spelling of literals, and which brackets were opened wide.

use super::{Pending, Printer};
use crate::{
    span::Span,
    syntax::{
        ast::{Block, Comment, Stmt},
        comments::{is_doc, is_module_doc},
    },
};

/// Where the elements between two brackets stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Behind the opening bracket.
    pub(super) open: u32,
    /// The closing bracket.
    pub(super) close: u32,
    /// Whether the brackets stand off their elements, and keep a line break behind the opening one.
    pub(super) braces: bool,
    /// Whether each element has its own line in any case.
    pub(super) broken: bool,
}

impl Printer {
    pub(super) fn has_source(&self) -> bool {
        !self.source.is_empty() && self.flat == 0
    }

    /// A literal as it was written.
    pub(super) fn as_written(&mut self, span: Span) -> bool {
        let text = if span.start < span.end { self.slice(span.start, span.end).to_owned() } else { String::new() };
        // The sign of the smallest Int touches its digits.
        if text.starts_with('-') && text.contains(char::is_whitespace) {
            return false;
        }
        self.push(&text);
        !text.is_empty()
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        if self.flat > 0 { "" } else { self.source.get(start as usize..end as usize).unwrap_or("") }
    }

    fn before_byte(&self, at: u32) -> &str {
        self.source.get(..at as usize).unwrap_or(&self.source)
    }

    /// Whether a comment that is not printed yet stands before the byte `at`.
    pub(super) fn has_comment(&self, at: u32) -> bool {
        self.comments.get(self.printed).is_some_and(|c| c.span.start < at)
    }

    /// Prints the comments that stand before the byte `at`: at the end of the line, or on lines of their own as they were.
    pub(super) fn comments(&mut self, at: u32) {
        while self.has_comment(at) {
            self.comment();
        }
    }

    /// Whether the next comment stands behind something on its line.
    pub(super) fn next_trails(&self) -> bool {
        self.comments.get(self.printed).is_some_and(|c| {
            let line = self.before_byte(c.span.start).rsplit('\n').next().unwrap_or("");
            !line.trim().is_empty()
        })
    }

    /// Whether the next comment stands behind this word on its line.
    pub(super) fn next_trails_behind(&self, word: &str) -> bool {
        self.comments.get(self.printed).is_some_and(|c| {
            let code = self.before_byte(c.span.start).trim_end_matches([' ', '\t']);
            let name = |before: &str| before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            code.strip_suffix(word).is_some_and(|before| !word.ends_with(char::is_alphanumeric) || !name(before))
        })
    }

    pub(super) fn comment(&mut self) {
        let trailing = self.next_trails();
        let Some(comment) = self.comments.get(self.printed).cloned() else { return };
        self.printed += 1;
        // Behind another comment there is no more room on the line.
        if trailing && !self.after_comment {
            self.after_trailing = true;
            return self.doc.trailing(&comment.text);
        }
        self.comment_line(&comment);
    }

    /// Prints the comments that stand before the byte `at` on lines of their own, before what is not begun yet.
    pub(super) fn comments_above(&mut self, at: u32) {
        while self.has_comment(at) {
            let Some(comment) = self.comments.get(self.printed).cloned() else { return };
            self.printed += 1;
            self.comment_line(&comment);
        }
    }

    fn comment_line(&mut self, comment: &Comment) {
        if !self.doc.is_empty() {
            self.new_line(comment.span.start);
        }
        self.push(&comment.text);
        self.pending = Pending::Line;
        self.after_comment = true;
        self.doc.break_groups();
    }

    /// Where the line of the byte `at` has its first character.
    pub(super) fn line_start(&self, at: u32) -> u32 {
        let line = self.before_byte(at).rsplit('\n').next().unwrap_or("");
        let code = u32::try_from(line.trim_start().len()).unwrap_or(0);
        at.saturating_sub(code)
    }

    /// A new line for what begins at the byte `at`, and an empty one before it where the source has any.
    fn new_line(&mut self, at: u32) {
        let blank = !self.opening && self.blank_before(at);
        self.pending = self.pending.max(if blank { Pending::Blank } else { Pending::Line });
    }

    /// Whether an empty line stands before the byte `at`.
    pub(super) fn blank_before(&self, at: u32) -> bool {
        let before = self.before_byte(at);
        let code = before.trim_end();
        before.get(code.len()..).unwrap_or("").matches('\n').count() > 1
    }

    /// The comments before a statement or a declaration, and an empty line where it had one.
    pub(super) fn before(&mut self, at: u32) {
        self.comments(at);
        if self.has_source() && self.pending == Pending::Line && !self.opening && self.blank_before(at) {
            self.pending = Pending::Blank;
        }
    }

    /// Where the doc comments begin that stand right before the byte `at`.
    pub(super) fn docs_start(&self, at: u32) -> u32 {
        let (mut start, mut before) = (at, at);
        loop {
            let code = self.before_byte(before).trim_end();
            let line = code.rsplit('\n').next().unwrap_or("");
            let doc = line.trim_start();
            before = u32::try_from(code.len() - doc.len()).unwrap_or(0);
            if is_doc(doc) {
                start = before;
            } else if !is_module_doc(doc) {
                return start;
            }
        }
    }

    /// Where the bracket stands that closes a list whose last element ends at the byte `at`.
    pub(super) fn closing(&self, at: u32) -> u32 {
        let mut rest = self.source.get(at as usize..).unwrap_or("");
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match rest.strip_prefix("//") {
                Some(comment) => rest = comment.find('\n').and_then(|n| comment.get(n..)).unwrap_or(""),
                None => return u32::try_from(self.source.len() - rest.len()).unwrap_or(at),
            }
        }
    }

    /// Where the first `{` stands behind the byte `at`.
    pub(super) fn opening(&self, at: u32) -> u32 {
        let mut rest = self.source.get(at as usize..).unwrap_or("");
        while let Some(found) = rest.find(['{', '/']) {
            let (code, comment) = (rest.get(found..).unwrap_or(""), rest.get(found + 1..).unwrap_or(""));
            if code.starts_with('{') {
                return u32::try_from(self.source.len() - code.len()).unwrap_or(at);
            }
            rest = if comment.starts_with('/') {
                comment.find('\n').and_then(|n| comment.get(n..)).unwrap_or("")
            } else {
                comment
            };
        }
        at
    }

    /// Whether there is a line break between two places.
    pub(super) fn is_broken(&self, start: u32, end: u32) -> bool {
        self.has_source() && self.slice(start, end).contains('\n')
    }

    /// The only statement of a block that was written on one line.
    pub(super) fn one_liner<'b>(&self, block: &'b Block) -> Option<&'b Stmt> {
        match block.stmts.as_slice() {
            [only] if self.has_source() && block.span.start < block.span.end => {
                Some(only).filter(|s| !self.is_broken(block.span.start, s.span.start))
            }
            _ => None,
        }
    }

    /// The elements between two brackets: on one line, or each on its own.
    pub(super) fn bracketed<T>(
        &mut self,
        (open, close): (&str, &str),
        place: Place,
        all: &[T],
        start: impl Fn(&Self, &T) -> u32,
        mut one: impl FnMut(&mut Self, &T),
    ) {
        if open.ends_with('{') {
            self.comments(place.open);
        }
        self.push(open);
        if all.is_empty() {
            if self.has_comment(place.close) {
                self.indented(|p| p.comments(place.close));
            }
            return self.push(close);
        }
        let wide = place.braces && all.first().is_some_and(|f| self.is_broken(place.open, start(self, f)));
        self.group_broken(place.broken || wide, |p| {
            p.indented(|p| {
                for (i, item) in all.iter().enumerate() {
                    let at = start(p, item);
                    p.comments(at);
                    if i > 0 && (wide || place.broken) && p.has_source() && p.blank_before(at) {
                        p.pending = Pending::Blank;
                    }
                    if i > 0 || place.braces {
                        p.space();
                    } else {
                        p.soft();
                    }
                    one(p, item);
                    if i + 1 < all.len() {
                        p.push(",");
                    } else if p.flat == 0 {
                        p.doc.step(super::Step::Comma);
                    }
                }
                p.comments(place.close);
            });
            if place.braces { p.space() } else { p.soft() }
        });
        self.push(close);
    }
}
