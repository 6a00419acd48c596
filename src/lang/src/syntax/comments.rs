//! Comments, doc comments and blank lines, kept beside the tree.

use smol_str::SmolStr;

use super::ast::Comment;
use crate::span::{FileId, Span};

/// The comments of a text by place; doc comments leave it when the declaration that they belong to is lowered.
#[derive(Debug, Default)]
pub(super) struct Comments<'i> {
    text: &'i str,
    all: Vec<Found<'i>>,
    blank_lines: Vec<u32>,
}

#[derive(Debug)]
struct Found<'i> {
    text: &'i str,
    start: usize,
    taken: bool,
}

impl<'i> Comments<'i> {
    pub(super) fn new(text: &'i str, places: &[(usize, usize)]) -> Self {
        let all = places
            .iter()
            .filter_map(|(start, end)| {
                let text = text.get(*start..*end)?.trim_end();
                Some(Found { text, start: *start, taken: false })
            })
            .collect();
        Self { text, all, blank_lines: blank_lines(text) }
    }

    /// Where the last one ends.
    pub(super) fn end(&self) -> Option<usize> {
        self.all.last().map(|f| f.start + f.text.len())
    }

    /// The `//!` lines, wherever they stand.
    pub(super) fn take_module_docs(&mut self) -> String {
        let mut lines = Vec::new();
        for found in self.all.iter_mut().filter(|f| is_module_doc(f.text)) {
            found.taken = true;
            lines.push(doc_line(found.text));
        }
        lines.join("\n")
    }

    /// The `///` lines right before the byte `at`, with nothing but space and `//!` lines between.
    pub(super) fn take_docs(&mut self, at: usize) -> String {
        let mut lines = Vec::new();
        let mut before = at;
        let count = self.all.partition_point(|f| f.start < at);
        for found in self.all.iter_mut().take(count).rev() {
            let between = self.text.get(found.start + found.text.len()..before).unwrap_or("x");
            let of_module = is_module_doc(found.text);
            if !between.trim().is_empty() || !(of_module || is_doc(found.text) && !found.taken) {
                break;
            }
            before = found.start;
            if !of_module {
                found.taken = true;
                lines.push(doc_line(found.text));
            }
        }
        lines.reverse();
        lines.join("\n")
    }

    /// What nobody took, and the blank lines.
    pub(super) fn take_rest(&mut self, file: FileId) -> (Vec<Comment>, Vec<u32>) {
        let rest = self.all.drain(..).filter(|f| !f.taken);
        let comments = rest
            .map(|f| {
                let (start, end) = (to_u32(f.start), to_u32(f.start + f.text.len()));
                Comment { text: SmolStr::new(f.text), span: Span::new(file, start, end) }
            })
            .collect();
        (comments, std::mem::take(&mut self.blank_lines))
    }
}

/// Whether a comment says what the declaration behind it is.
pub(super) fn is_doc(text: &str) -> bool {
    text.starts_with("///") && !text.starts_with("////")
}

/// Whether a comment says what the module is: it belongs at the top, wherever it stands, and parts nothing.
pub(super) fn is_module_doc(text: &str) -> bool {
    text.starts_with("//!")
}

fn doc_line(text: &str) -> &str {
    let text = text.get(3..).unwrap_or("");
    text.strip_prefix(' ').unwrap_or(text)
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn blank_lines(text: &str) -> Vec<u32> {
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.ends_with('\n') && line.trim().is_empty() {
            lines.push(to_u32(at));
        }
        at += line.len();
    }
    lines
}
