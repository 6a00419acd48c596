//! A file that is edited is read in pieces, one for each declaration or some: those that are as they were are not read again.
//!
//! A piece begins where a line begins a declaration, behind an empty line. That is a guess: inside of a text over several lines there
//! may be such a line, too. Then two pieces do not close what they open, and the file is read as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Parsed,
    ast::{ItemKind, Module},
    raw_file, recover,
    shift::Shift,
    split,
};
use crate::{diag::codes, span::FileId};

/// A shorter file is read as a whole: that takes no time.
const SMALL: usize = 8 * 1024;

/// The pieces of a file as they were read last.
#[derive(Debug, Default, Clone)]
pub struct Pieces {
    known: HashMap<Arc<str>, Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    /// Where it stood.
    start: usize,
    parsed: Parsed,
    /// It leaves a bracket or a text open, or closes one too many.
    open: bool,
}

/// Reads one file; what is as it was in `before`, the pieces of an earlier text of the same file, is taken from there. The result
/// does not depend on them.
pub fn parse_again(file: FileId, text: &str, before: &Pieces) -> (Parsed, Pieces) {
    let text = &*raw_file::unmarked(text);
    let whole = || (super::parse(file, text), Pieces::default());
    if text.len() < SMALL || text.len() > super::MAX_SOURCE {
        return whole();
    }
    let mut starts = beginnings(text);
    starts.push(text.len());
    let mut known = HashMap::with_capacity(starts.len());
    let mut module = Module::default();
    let mut diagnostics = Vec::new();
    let mut open = 0;
    for pair in starts.windows(2) {
        let [start, end] = *pair else { continue };
        let Some(part) = text.get(start..end) else { return whole() };
        let mut piece = before.known.get(part).cloned().unwrap_or_else(|| read(file, part));
        if piece.start != start {
            let by = start as i64 - piece.start as i64;
            piece.parsed.module.shift(by);
            piece.parsed.diagnostics.shift(by);
            piece.start = start;
        }
        open += usize::from(piece.open);
        if open > 1 || (start > 0 && !piece.parsed.module.docs.is_empty()) {
            return whole();
        }
        if start == 0 {
            module.docs = piece.parsed.module.docs.clone();
        }
        module.items.extend(piece.parsed.module.items.iter().cloned());
        module.comments.extend(piece.parsed.module.comments.iter().cloned());
        module.blank_lines.extend(&piece.parsed.module.blank_lines);
        diagnostics.extend(piece.parsed.diagnostics.iter().cloned());
        known.insert(part.into(), piece);
    }
    diagnostics.truncate(recover::MAX_ERRORS);
    (Parsed { module, diagnostics }, Pieces { known })
}

fn read(file: FileId, part: &str) -> Piece {
    let parsed = recover::whole(file, part);
    let unclosed = parsed.diagnostics.iter().any(|d| d.code == codes::SYNTAX_UNCLOSED);
    let bad_end = parsed.module.items.last().is_some_and(|i| i.kind == ItemKind::Bad);
    Piece { start: 0, open: unclosed || (bad_end && !parsed.diagnostics.is_empty()), parsed }
}

/// Where pieces begin, the first at the beginning of the file.
fn beginnings(text: &str) -> Vec<usize> {
    let mut out = vec![0];
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|t| t.find("\n\n")) {
        at += found + 2;
        let (before, behind) = text.split_at_checked(at).unwrap_or_default();
        // What a comment says there would be said of the next declaration.
        let commented = before.trim_end().rsplit('\n').next().is_some_and(|line| line.contains("//"));
        if !commented && split::is_beginning(behind) {
            out.push(at);
        }
    }
    out
}
