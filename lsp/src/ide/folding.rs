//! What an editor can fold away, and what it selects when somebody widens the selection.

use rrb_lang::span::{FileId, Span};
use rrb_lang::syntax::ast::{ExprKind, ItemKind};
use rrb_lang::syntax::walk::{Node, path, walk};

use super::Analysis;

/// Why something can be folded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FoldKind {
    Code,
    Comment,
    Imports,
}

/// Something that can be folded away; it reaches over more than one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fold {
    pub span: Span,
    pub kind: FoldKind,
}

/// What can be folded away, in order of place.
pub fn folds(analysis: &Analysis, file: FileId) -> Vec<Fold> {
    let read = analysis.read(file);
    let text = analysis.text(file);
    let mut found = Vec::new();
    let mut add = |span: Span, kind: FoldKind| {
        if text.get(span.start as usize..span.end as usize).is_some_and(|t| t.trim_end().contains('\n')) {
            found.push(Fold { span, kind });
        }
    };
    walk(&read.ast, &mut |node| {
        match node {
            Node::Item(item) if !matches!(item.kind, ItemKind::Use(_) | ItemKind::Bad) => {
                add(item.span, FoldKind::Code)
            }
            Node::Block(block) => add(block.span, FoldKind::Code),
            Node::Expr(e) if folds_away(&e.kind) => add(e.span, FoldKind::Code),
            Node::Arm(arm) => add(arm.span, FoldKind::Code),
            Node::Header(clause) => add(clause.span, FoldKind::Code),
            _ => {}
        }
        true
    });
    let uses = read.ast.items.iter().filter(|i| matches!(i.kind, ItemKind::Use(_))).map(|i| i.span);
    runs(uses, &text).into_iter().for_each(|span| add(span, FoldKind::Imports));
    runs(comment_lines(file, &text).into_iter(), &text).into_iter().for_each(|span| add(span, FoldKind::Comment));
    found.sort_unstable();
    found.dedup_by_key(|f| f.span);
    found
}

fn folds_away(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Call { .. }
            | ExprKind::Match { .. }
            | ExprKind::Together { .. }
            | ExprKind::Text(_)
    )
}

/// The lines that hold nothing but a comment.
fn comment_lines(file: FileId, text: &str) -> Vec<Span> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start();
        if bare.starts_with("//") {
            let from = start + line.len() - bare.len();
            let to = from + bare.trim_end().len();
            let at = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            lines.push(Span::new(file, at(from), at(to)));
        }
        start += line.len();
    }
    lines
}

/// Spans with nothing but space and one line end between two, joined.
fn runs(spans: impl Iterator<Item = Span>, text: &str) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        let gap = |last: &Span| text.get(last.end as usize..span.start as usize);
        let near = |gap: &str| gap.trim().is_empty() && gap.bytes().filter(|b| *b == b'\n').count() <= 1;
        match joined.last_mut() {
            Some(last) if gap(last).is_some_and(near) => last.end = span.end,
            _ => joined.push(span),
        }
    }
    joined
}

/// What the selection grows to from a place, the smallest first: the word, then each node around it, then the file.
pub fn selections(analysis: &Analysis, file: FileId, offset: u32) -> Vec<Span> {
    let read = analysis.read(file);
    let text = analysis.text(file);
    let mut spans: Vec<Span> = word(file, &text, offset).into_iter().collect();
    let around = path(&read.ast, offset);
    // What is missing at the end of a broken text may be put behind it.
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let inside = |s: Span| Span { start: s.start.min(end), end: s.end.min(end), ..s };
    spans.extend(around.iter().rev().map(|n| inside(n.span())));
    spans.push(Span::new(file, 0, end));
    // Each must hold the one before it.
    let mut growing: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let grows = |last: &Span| span.start <= last.start && last.end <= span.end && span != *last;
        if growing.last().is_none_or(grows) {
            growing.push(span);
        }
    }
    growing
}

fn word(file: FileId, text: &str, offset: u32) -> Option<Span> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let at = offset as usize;
    let (before, behind) = (text.get(..at)?, text.get(at..)?);
    let start = before.trim_end_matches(is_word).len();
    let end = text.len() - behind.trim_start_matches(is_word).len();
    let to = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (start < end).then(|| Span::new(file, to(start), to(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ide::Project;

    fn project(text: &str) -> (Analysis, FileId) {
        let mut project = Project::new(false);
        project.set("a.rrb", Some(text.into()));
        let analysis = project.analysis();
        let file = analysis.file("a.rrb").unwrap();
        (analysis, file)
    }

    fn folded(text: &str) -> Vec<(usize, usize, FoldKind)> {
        let (analysis, file) = project(text);
        let line = |at: u32| text[..at as usize].matches('\n').count();
        folds(&analysis, file).into_iter().map(|f| (line(f.span.start), line(f.span.end), f.kind)).collect()
    }

    #[test]
    fn what_reaches_over_lines_folds() {
        let text = "use std.slack\nuse std.system\n\n// one\n// two\nfn f() -> Int {\n  if true {\n    1\n  } else { 2 }\n}\nfn g() -> Int { 1 }\n";
        let found = folded(text);
        assert!(found.contains(&(0, 1, FoldKind::Imports)), "{found:?}");
        assert!(found.contains(&(3, 4, FoldKind::Comment)), "{found:?}");
        assert!(found.contains(&(5, 9, FoldKind::Code)), "{found:?}");
        assert!(found.contains(&(6, 8, FoldKind::Code)), "{found:?}");
        assert!(found.iter().all(|(from, to, _)| from < to), "{found:?}");
    }

    #[test]
    fn a_blank_line_ends_a_run() {
        assert_eq!(folded("// one\n\n// two\n"), []);
        assert_eq!(folded("use a\n\nuse b\n"), []);
        assert_eq!(folded("// one\n// two\n\n// three\n"), [(0, 1, FoldKind::Comment)]);
    }

    #[test]
    fn the_selection_grows() {
        let text = "fn f() -> Int { g(1 + two) }\n";
        let (analysis, file) = project(text);
        let at = u32::try_from(text.find("wo").unwrap()).unwrap();
        let shown: Vec<&str> =
            selections(&analysis, file, at).iter().map(|s| &text[s.start as usize..s.end as usize]).collect();
        assert_eq!(shown[0], "two");
        assert_eq!(shown[1], "1 + two");
        assert_eq!(*shown.last().unwrap(), text);
        assert!(shown.windows(2).all(|w| w[1].contains(w[0]) && w[1].len() > w[0].len()), "{shown:?}");
    }

    #[test]
    fn every_place_of_broken_text_has_a_selection() {
        for text in ["", "fn", "fn f( {", "\"${", "ä€😀", "runbook r { step \"a\" {"] {
            let (analysis, file) = project(text);
            for at in 0..=text.len() + 1 {
                let spans = selections(&analysis, file, u32::try_from(at).unwrap());
                assert_eq!(spans.last().unwrap().end as usize, text.len());
            }
            folds(&analysis, file);
        }
    }
}
