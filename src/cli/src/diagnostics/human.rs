//! Diagnostics as people read them: miette draws the source, the advice stands below it.

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};
use rrb_lang::diag::{Diagnostic, Fix, Label, Severity};
use rrb_lang::span::{FileId, Sources, Span};

use crate::out::Look;
use crate::text::{clean, clean_source, columns};

/// A diagnostic with its source, its help, its notes and what would mend it. Ends with an empty line.
pub fn render(look: &Look, sources: &Sources, d: &Diagnostic) -> String {
    let home = d.span().file;
    let mut out = draw(look, sources, home, report(d), d.labels.iter().filter(|l| l.span.file == home));
    let mut others: Vec<FileId> = d.labels.iter().map(|l| l.span.file).filter(|f| *f != home).collect();
    others.dedup();
    for file in others {
        out.push_str(&elsewhere(look, sources, file, d));
    }
    for help in &d.help {
        push(&mut out, look, &look.name("help"), help);
    }
    for fix in d.fixes.iter().filter(|f| !said(d, f)) {
        push(&mut out, look, &look.name("help"), &fix_text(sources, &fix.title, &fix.edits));
    }
    for note in &d.notes {
        push(&mut out, look, &look.dim("note"), note);
    }
    out.push('\n');
    out
}

/// A place with what is wrong there, its notes and its advice: as [`render`], for what is no diagnostic of the checker.
pub fn excerpt(
    look: &Look,
    sources: &Sources,
    place: &Label,
    message: &str,
    notes: &[String],
    help: &[String],
) -> String {
    let report = MietteDiagnostic::new(clean(message).into_owned()).with_severity(miette::Severity::Error);
    let mut out = draw(look, sources, place.span.file, report, std::iter::once(place));
    for note in notes {
        push(&mut out, look, &look.dim("note"), note);
    }
    for help in help {
        push(&mut out, look, &look.name("help"), help);
    }
    out.push('\n');
    out
}

/// Whether the help says already what a change would do.
fn said(d: &Diagnostic, fix: &Fix) -> bool {
    let new = match fix.edits.as_slice() {
        [(_, new)] if !new.trim().is_empty() => Some(format!("`{}", new.trim())),
        _ => None,
    };
    d.help.iter().any(|h| h.contains(&fix.title) || new.as_ref().is_some_and(|n| h.contains(n.as_str())))
}

fn report(d: &Diagnostic) -> MietteDiagnostic {
    let severity = match d.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    MietteDiagnostic::new(clean(&d.message).into_owned()).with_code(d.code.name()).with_severity(severity)
}

fn draw<'a>(
    look: &Look,
    sources: &Sources,
    file: FileId,
    report: MietteDiagnostic,
    labels: impl Iterator<Item = &'a Label>,
) -> String {
    let text = sources.get(file).map(|s| clean_source(&s.text).into_owned()).unwrap_or_default();
    let report = report.with_labels(labels.map(|l| label(look, &text, l)));
    let labels: &[LabeledSpan] = report.labels.as_deref().unwrap_or_default();
    if let Some(place) = labels.iter().find(|l| too_wide(&text, l.offset())).map(|l| l.offset()) {
        let place = sources.line_col(file, u32::try_from(place).unwrap_or(u32::MAX));
        let code = report.code.as_deref().unwrap_or_default();
        let head = look.bad(format!("× {}", report.message));
        return format!("{code}\n\n  {head}\n   at {}:{}:{}\n", clean(sources.name(file)), place.line, place.column);
    }
    let has_labels = report.labels.as_ref().is_some_and(|l| !l.is_empty());
    let report = miette::Report::new(report);
    let report = match sources.get(file).filter(|_| has_labels) {
        Some(source) => report.with_source_code(NamedSource::new(clean(&source.name), text)),
        None => report,
    };
    let theme = if look.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_links(false).with_width(look.width).with_context_lines(1);
    let mut out = String::new();
    if handler.render_report(&mut out, report.as_ref()).is_err() {
        // Nothing a span can say makes the message itself unreadable.
        out = format!("{}: {report}\n", sources.name(file));
    }
    out
}

/// Whether the line at `offset`, or one beside it, is too wide to be drawn: generated text, or a file without line ends.
fn too_wide(text: &str, offset: usize) -> bool {
    const WIDE: usize = 1_000;
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let (before, after) = text.split_at(offset);
    let mut back = before.rsplit('\n');
    let mut on = after.split('\n');
    let line = back.next().map_or(0, str::len) + on.next().map_or(0, str::len);
    [line, back.next().map_or(0, str::len), on.next().map_or(0, str::len)].iter().any(|len| *len > WIDE)
}

fn label(look: &Look, source: &str, label: &Label) -> LabeledSpan {
    let Span { start, end, .. } = label.span;
    let room = look.width.saturating_sub(before_label(source, label.span)).max(LEAST_LABEL);
    let text = (!label.text.is_empty()).then(|| crate::text::wrap(&clean(&label.text), room).join("\n"));
    let (at, len) = (start as usize, end.saturating_sub(start) as usize);
    if label.primary { LabeledSpan::new_primary_with_span(text, (at, len)) } else { LabeledSpan::new(text, at, len) }
}

/// The columns in which a label is written where the source leaves it fewer.
const LEAST_LABEL: usize = 24;

/// How many columns stand before the words of a label: the number of the line, the source to the middle of the place, and a corner.
fn before_label(source: &str, span: Span) -> usize {
    let start = source.floor_char_boundary(span.start as usize);
    let end = source.floor_char_boundary((span.end as usize).max(start));
    let (before, behind) = source.split_at(start);
    let number = (before.matches('\n').count() + 2).to_string().len();
    let covered = behind.get(..end - start).unwrap_or_default();
    let corner = number + " │ ╰── ".chars().count();
    if covered.contains('\n') {
        return corner + 4;
    }
    let line = before.rsplit('\n').next().unwrap_or_default();
    corner + columns(line) + columns(covered) / 2
}

/// Labels in another file than the message's, drawn on their own.
fn elsewhere(look: &Look, sources: &Sources, file: FileId, d: &Diagnostic) -> String {
    let labels = d.labels.iter().filter(|l| l.span.file == file);
    let report = MietteDiagnostic::new("see also").with_severity(miette::Severity::Advice);
    draw(look, sources, file, report, labels)
}

/// `  help: …`, wrapped below itself.
fn push(out: &mut String, look: &Look, head: &str, text: &str) {
    let indent = 8;
    for (i, paragraph) in text.lines().enumerate() {
        for (j, line) in
            crate::text::wrap(&clean(paragraph), look.width.saturating_sub(indent).max(20)).iter().enumerate()
        {
            match (i, j) {
                (0, 0) => out.push_str(&format!("  {head}: {line}\n")),
                _ => out.push_str(&format!("{}{line}\n", " ".repeat(indent))),
            }
        }
    }
}

/// A change in words: its title, and the new text where that is short.
fn fix_text(sources: &Sources, title: &str, edits: &[(Span, String)]) -> String {
    match edits {
        [(span, new)]
            if !new.is_empty() && columns(new) <= 40 && !new.contains('\n') && !title.contains(new.as_str()) =>
        {
            let old = sources.text(*span);
            match old.is_empty() || columns(old) > 40 || old.contains('\n') {
                true => format!("{title}: `{}`", new.trim()),
                false => format!("{title}: `{}` instead of `{old}`", new.trim()),
            }
        }
        _ => title.to_owned(),
    }
}
