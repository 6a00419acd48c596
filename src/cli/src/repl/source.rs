//! The module that a session is to the checker: what it uses, what it declares and the input, with the way back from a place in it to
//! what somebody typed.

use rrb_lang::diag::Diagnostic;
use rrb_lang::span::{FileId, Sources, Span};

use super::pieces::moved;

/// The name of the module and of its file.
pub const MODULE: &str = "session";
/// The action that the input becomes.
pub const INPUT: &str = "session_input";
/// The runbook that the session is for whoever judges what it does.
pub const RUNBOOK: &str = "session";

/// The evidence that holds what an input gave, when it ran.
pub const RESULT: &str = "result";

/// Where a part of the text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What is typed now.
    Input,
    /// The declaration with this number.
    Declaration(usize),
}

/// A text made of parts.
#[derive(Debug, Clone, Default)]
pub struct Composed {
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    start: usize,
    len: usize,
    origin: Origin,
    /// Where the part begins in what it comes from.
    from: usize,
}

impl Composed {
    /// Adds text that nobody typed.
    pub fn glue(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds text that somebody typed, which stands at byte `from` of all that they typed.
    pub fn part(&mut self, text: &str, origin: Origin, from: usize) {
        self.parts.push(Part { start: self.text.len(), len: text.len(), origin, from });
        self.text.push_str(text);
    }

    /// What a place belongs to, and where it is there.
    fn place(&self, start: u32, end: u32) -> Option<(Origin, u32, u32)> {
        let (start, end) = (start as usize, end as usize);
        let part = self.parts.iter().find(|p| p.start <= start && start <= p.start + p.len)?;
        let there =
            |at: usize| u32::try_from(at.min(part.start + part.len) - part.start + part.from).unwrap_or(u32::MAX);
        Some((part.origin, there(start), there(end.max(start))))
    }

    /// What the first place of a diagnostic belongs to; none when it is in another file or in no part.
    pub fn origin(&self, sources: &Sources, d: &Diagnostic) -> Option<Origin> {
        let span = d.span();
        (sources.name(span.file) == MODULE).then(|| self.place(span.start, span.end)).flatten().map(|p| p.0)
    }
}

/// What was typed, as it is shown beside a mistake.
pub struct Typed<'t> {
    /// `input`, or the name of a script.
    pub name: &'t str,
    /// The whole text that the input is a part of.
    pub text: &'t str,
    /// The declarations by number.
    pub declarations: Vec<&'t str>,
}

/// Diagnostics of the module as ones of what was typed. Places that nobody typed are left out.
pub fn shown(
    composed: &Composed,
    sources: &Sources,
    typed: &Typed<'_>,
    diagnostics: &[Diagnostic],
) -> (Sources, Vec<Diagnostic>) {
    let mut all = sources.clone();
    let input = all.add(typed.name, typed.text);
    let declared: Vec<FileId> = typed.declarations.iter().map(|text| all.add("session", text)).collect();
    let whole = Span::new(input, 0, u32::try_from(typed.text.len()).unwrap_or(u32::MAX));
    let back = |s: Span| -> Option<Span> {
        if sources.name(s.file) != MODULE {
            return Some(s);
        }
        let (origin, start, end) = composed.place(s.start, s.end)?;
        let file = match origin {
            Origin::Input => input,
            Origin::Declaration(n) => *declared.get(n)?,
        };
        Some(Span::new(file, start, end))
    };
    let one = |d: &Diagnostic| {
        let mut d = d.clone();
        let nowhere = back(d.span()).is_none();
        d.labels.retain(|l| back(l.span).is_some());
        d.fixes.retain(|f| f.edits.iter().all(|(s, _)| back(*s).is_some()));
        if nowhere {
            d.labels.insert(0, rrb_lang::diag::Label { span: whole, text: String::new(), primary: true });
            return moved(d, &|s| if s == whole { s } else { back(s).unwrap_or(whole) });
        }
        moved(d, &|s| back(s).unwrap_or(whole))
    };
    let shown = diagnostics.iter().map(one).collect();
    (all, shown)
}

#[cfg(test)]
mod tests {
    use rrb_lang::diag::codes;

    use super::*;

    #[test]
    fn a_place_leads_back_to_what_was_typed() {
        let mut composed = Composed::default();
        composed.part("fn f() { }", Origin::Declaration(0), 0);
        composed.glue("\naction a() {\n");
        composed.part("f(x)", Origin::Input, 7);
        composed.glue("\n}");
        let mut sources = Sources::default();
        let file = sources.add(MODULE, &composed.text);
        let at = u32::try_from(composed.text.find("x)").unwrap()).unwrap();
        let wrong = Diagnostic::error(codes::NAME_UNKNOWN, "m", Span::new(file, at, at + 1), "l")
            .label(Span::new(file, 3, 4), "f");
        let outside = Diagnostic::error(codes::NAME_UNKNOWN, "m", Span::new(file, 13, 14), "l");
        let typed = Typed { name: "input", text: "first\n\nf(x)", declarations: vec!["fn f() { }"] };
        let (shown_sources, shown) = shown(&composed, &sources, &typed, &[wrong, outside]);
        assert_eq!(shown_sources.text(shown[0].span()), "x");
        assert_eq!(shown_sources.text(shown[0].labels[1].span), "f");
        assert_eq!(shown_sources.name(shown[1].span().file), "input");
        assert_eq!(composed.origin(&sources, &shown[0]), None);
    }
}
