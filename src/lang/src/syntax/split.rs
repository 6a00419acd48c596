//! A large file is read in parts, as many as there are cores.
//!
//! A part begins where a declaration does, behind a blank line and outside of all brackets and texts, and is read behind as many
//! spaces as stand for what comes before it, so that every place is the place in the file. What the parts give together is what
//! the file gives as a whole; where that is not certain, nothing is given and the file is read as a whole.

use super::{
    Parsed,
    ast::{Item, ItemKind, Module},
    recover, scan,
};
use crate::span::FileId;

/// The least bytes of a part: for less, a thread costs more than it saves.
const PART: usize = 48 * 1024;

/// The most parts: each is read behind the spaces of those before it.
const MOST: usize = 4;

/// Words that begin a declaration and nothing else.
const BEGINNINGS: &[&str] = &["runbook ", "fn ", "action ", "connector ", "type ", "enum ", "policy ", "test "];

/// Reads `text` in parts. None when it is to be read as a whole.
pub(super) fn parse(file: FileId, text: &str) -> Option<Parsed> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    parse_in(file, text, cores.min(MOST).min(text.len() / PART))
}

/// Reads `text` in `count` parts, or in fewer where there are not as many places for a cut.
pub(super) fn parse_in(file: FileId, text: &str, count: usize) -> Option<Parsed> {
    if count < 2 || text.len() > super::MAX_SOURCE {
        return None;
    }
    let cuts = cuts(text, count);
    let mut ends: Vec<usize> = cuts.clone();
    ends.push(text.len());
    let starts: Vec<usize> = std::iter::once(0).chain(cuts).collect();
    let parts: Vec<(usize, &str)> =
        starts.iter().zip(&ends).filter_map(|(start, end)| Some((*start, text.get(*start..*end)?))).collect();
    if parts.len() < 2 {
        return None;
    }
    let (first, others) = parts.split_first()?;
    let read = |start: usize, part: &str| {
        let mut padded = " ".repeat(start);
        padded.push_str(part);
        recover::whole(file, &padded)
    };
    let parsed: Vec<Parsed> = std::thread::scope(|scope| {
        let worker = || std::thread::Builder::new().name("rrb-syntax".into());
        let workers: Vec<_> =
            others.iter().map(|(start, part)| worker().spawn_scoped(scope, move || read(*start, part))).collect();
        let first = recover::whole(file, first.1);
        let others = workers.into_iter().map(|w| w.ok()?.join().ok());
        std::iter::once(Some(first)).chain(others).collect::<Option<_>>()
    })?;
    together(parsed, &ends, text)
}

/// Where the parts begin, but the first: near the places that would make them equal.
fn cuts(text: &str, count: usize) -> Vec<usize> {
    let scan = scan::scan(text, super::MAX_NESTING, scan::Guess::Nothing);
    if !scan.flaws.is_empty() {
        return Vec::new();
    }
    // Groups come in order of their closers: the first that ends behind a place is the innermost around it, if any is.
    let inside = |at: usize| {
        let next = scan.groups.partition_point(|(_, close)| *close < at);
        scan.groups.get(next..).is_some_and(|rest| rest.iter().any(|(opener, _)| opener.at < at))
    };
    let mut cuts: Vec<usize> = Vec::new();
    for i in 1..count {
        let from = cuts.last().copied().unwrap_or(0).max(text.len() / count * i);
        let begins = |at: &usize| {
            let (before, behind) = text.split_at_checked(*at).unwrap_or_default();
            // What a comment says there would be said of the next declaration.
            let behind_a_comment = || before.trim_end().rsplit('\n').next().is_some_and(|line| line.contains("//"));
            is_beginning(behind) && !inside(*at) && !behind_a_comment()
        };
        let blank = text.as_bytes().get(from..).unwrap_or_default().windows(2);
        let places = blank.enumerate().filter(|(_, pair)| *pair == b"\n\n").map(|(i, _)| from + i + 2);
        // Few are tried: a file in which the first do not fit is not made as files are.
        cuts.extend(places.take(TRIES).find(begins));
    }
    cuts.dedup();
    cuts
}

/// Whether the text begins with a declaration, maybe behind what is said of it.
pub(super) fn is_beginning(text: &str) -> bool {
    let declaration = text.lines().find(|line| !line.starts_with("///"));
    declaration.is_some_and(|line| BEGINNINGS.iter().any(|word| line.starts_with(word)))
}

/// How many blank lines are looked at for each cut.
const TRIES: usize = 200;

/// The parts as one, unless a mistake in one may look another way with what stands behind it.
fn together(parts: Vec<Parsed>, ends: &[usize], text: &str) -> Option<Parsed> {
    let mut module = Module::default();
    let mut diagnostics = Vec::new();
    let last = parts.len().checked_sub(1)?;
    for (i, (part, end)) in parts.into_iter().zip(ends).enumerate() {
        let code = text.get(..*end)?.trim_end().len();
        let at_its_end = |d: &crate::diag::Diagnostic| d.labels.iter().any(|l| l.span.end as usize >= code);
        let bad = |item: Option<&Item>| item.is_some_and(|item| item.kind == ItemKind::Bad);
        let open_end = i < last && (part.diagnostics.iter().any(at_its_end) || bad(part.module.items.last()));
        let open_start = i > 0 && (!part.module.docs.is_empty() || bad(part.module.items.first()));
        // Of a part that was given up nothing is known.
        let given_up = part.module.items.is_empty() && !part.diagnostics.is_empty();
        if open_end || open_start || given_up {
            return None;
        }
        if i == 0 {
            module.docs = part.module.docs;
        }
        module.items.extend(part.module.items);
        module.comments.extend(part.module.comments);
        module.blank_lines.extend(part.module.blank_lines);
        diagnostics.extend(part.diagnostics);
    }
    (diagnostics.len() <= recover::MAX_ERRORS).then_some(Parsed { module, diagnostics })
}
