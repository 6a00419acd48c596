//! `rrb fmt`: a text in the one form that rrb has.

use smol_str::SmolStr;

use super::{Parsed, ast::Module, comments::is_doc, parse, print, raw_file, strip};
use crate::{diag::Diagnostic, span::FileId};

/// The stack for it: the printer goes as deep as the text nests, and a caller's thread may have little.
const STACK: usize = 32 << 20;

/// How often a text may be formatted until it stays as it is.
const MOST_ROUNDS: usize = 6;

/// Why a text was not formatted. It is to be left as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum FormatError {
    /// What could not be read of it.
    Syntax(Vec<Diagnostic>),
    /// The formatted text would not say the same as this one. That is a mistake of the formatter.
    Changed,
}

/// Formats a source file. What it gives has the same meaning and the same comments, and formats to itself. Only a `///` that belongs
/// to no declaration may become a `//`: where it would come to stand above one.
///
/// # Errors
/// When the text cannot be read; and when the formatter made a mistake, which it looks for each time.
pub fn format(file: FileId, text: &str) -> Result<String, FormatError> {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("format".into()).stack_size(STACK);
        match worker.spawn_scoped(scope, || format_here(file, text)) {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: the stack that is there does for all but the deepest texts.
            Err(_) => format_here(file, text),
        }
    })
}

fn format_here(file: FileId, text: &str) -> Result<String, FormatError> {
    let formatted = format_as_it_is(file, text);
    let unsaid = || with_plain_remarks(file, text).and_then(|text| format_as_it_is(file, &text).ok());
    match formatted {
        // A `///` that says nothing of a declaration may have come to stand above one.
        Err(FormatError::Changed) => unsaid().ok_or(FormatError::Changed),
        other => other,
    }
}

/// The text in which every `///` that belongs to no declaration is a plain remark; None when there is no such thing.
fn with_plain_remarks(file: FileId, text: &str) -> Option<String> {
    let mut module = parse(file, text).module;
    let mut plain = text.to_owned();
    for remark in module.comments.iter().rev().filter(|c| is_doc(&c.text)) {
        let start = remark.span.start as usize;
        if plain.as_bytes().get(start) == Some(&b'/') {
            plain.remove(start);
        }
    }
    let mut same = parse(file, &plain).module;
    strip(&mut module);
    strip(&mut same);
    (plain != text && same == module).then_some(plain)
}

fn format_as_it_is(file: FileId, text: &str) -> Result<String, FormatError> {
    let read = parse(file, text);
    if read.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(FormatError::Syntax(read.diagnostics));
    }
    let plain = raw_file::plain(text);
    let mut formatted = if plain == text {
        print::print_source(&read.module, text)
    } else {
        print::print_source(&parse(file, &plain).module, &plain)
    };
    if formatted == text {
        return Ok(formatted);
    }
    let mut again = parse(file, &formatted);
    if !is_same(read.module, &again) {
        return Err(FormatError::Changed);
    }
    // A bracket that had to be opened counts as one that was opened on purpose from then on, and what holds it may close up.
    for _ in 0..MOST_ROUNDS {
        let next = print::print_source(&again.module, &formatted);
        if next == formatted {
            return Ok(formatted);
        }
        let read = parse(file, &next);
        if !is_same(again.module, &read) {
            return Err(FormatError::Changed);
        }
        (formatted, again) = (next, read);
    }
    Err(FormatError::Changed)
}

/// Whether nothing was lost: the trees are equal but for places and parentheses, and the comments are the same ones.
fn is_same(mut before: Module, after: &Parsed) -> bool {
    let mut formatted = after.module.clone();
    let same_comments = comments(&before) == comments(&formatted);
    strip(&mut before);
    strip(&mut formatted);
    after.diagnostics.is_empty() && same_comments && before == formatted
}

fn comments(module: &Module) -> Vec<SmolStr> {
    let mut all: Vec<SmolStr> = module.comments.iter().map(|c| c.text.clone()).collect();
    all.sort_unstable();
    all
}
