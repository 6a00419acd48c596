//! `// allow rrb::CODE because …`: a warning that is meant, said where it stands.
//!
//! The comment stands at the end of the line that the warning is about, or on lines of its own above it.

use crate::check::cx::Checker;
use crate::diag::explain::near;
use crate::diag::{Code, Diagnostic, Severity, codes};
use crate::span::{FileId, Sources, Span};

/// A code that a comment allows on one line.
pub(in crate::check) struct Allowance {
    code: Code,
    file: FileId,
    /// The line that it holds for.
    line: u32,
    /// The code in the comment.
    span: Span,
}

/// The first words of such a comment.
const BEGINS: &str = "allow rrb::";

/// What the comments of all modules allow, and what is wrong with them.
pub(in crate::check) fn allowances(checker: &Checker) -> (Vec<Allowance>, Vec<Diagnostic>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for module in checker.modules.iter().filter(|m| !m.native) {
        for comment in &module.ast.comments {
            let text = comment.text.trim_start_matches('/').trim_start();
            if !text.starts_with(BEGINS) {
                continue;
            }
            let Some(line) = line_of(&checker.sources, comment.span) else { continue };
            for (name, span) in named(&comment.text, comment.span) {
                match codes::find(name) {
                    Some(code) if code.entry().severity == Severity::Warning => {
                        found.push(Allowance { code, file: span.file, line, span });
                    }
                    other => wrong.push(unknown(name, span, other.is_some())),
                }
            }
        }
    }
    (found, wrong)
}

/// The codes in a comment: those before the reason.
fn named(comment: &str, at: Span) -> Vec<(&str, Span)> {
    let mut out = Vec::new();
    let mut from = comment.find("rrb::").unwrap_or(comment.len());
    while let Some(rest) = comment.get(from..).filter(|r| r.starts_with("rrb::")) {
        let code = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
        let name = rest.split(|c| !code(c)).next().unwrap_or_default().trim_end_matches(':');
        let start = at.start + u32::try_from(from).unwrap_or(0);
        let end = start + u32::try_from(name.len()).unwrap_or(0);
        out.push((name, Span::new(at.file, start, end)));
        let after = rest.get(name.len()..).unwrap_or_default();
        let next = after.trim_start_matches([',', ' ']);
        from += rest.len() - next.len();
    }
    out
}

/// The line a comment speaks of: its own when there is code before it, else the next one that holds more than a comment.
fn line_of(sources: &Sources, comment: Span) -> Option<u32> {
    let text = &sources.get(comment.file)?.text;
    let line = sources.line_col(comment.file, comment.start).line;
    let before = text.get(..comment.start as usize)?.rsplit('\n').next().unwrap_or_default();
    if !before.trim().is_empty() {
        return Some(line);
    }
    let below = text.get(comment.end as usize..)?.lines().enumerate().skip(1);
    let bare = |l: &str| l.trim().is_empty() || l.trim_start().starts_with("//");
    let down = below.into_iter().find(|(_, l)| !bare(l)).map(|(n, _)| n)?;
    Some(line + u32::try_from(down).unwrap_or(0))
}

fn unknown(name: &str, span: Span, is_error: bool) -> Diagnostic {
    let message = match is_error {
        true => format!("`{name}` is an error and cannot be allowed"),
        false => format!("there is no code `{name}` to allow"),
    };
    let d = Diagnostic::warning(codes::ALLOW_UNKNOWN, message, span, "allows nothing");
    let short = name.trim_start_matches("rrb::");
    let warnings = |c: &Code| c.entry().severity == Severity::Warning;
    let last = short.rsplit("::").next().unwrap_or(short);
    match near(short).into_iter().chain(near(last)).find(warnings) {
        Some(code) if !is_error => d.help(format!("did you mean `{}`?", code.name())),
        _ => d.help("only warnings can be allowed; `rrb explain` lists every code"),
    }
}

/// Takes out the warnings that are allowed, and adds one for each allowance that there is no need for.
pub(in crate::check) fn apply(allowed: &[Allowance], sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let mut used = vec![false; allowed.len()];
    diagnostics.retain(|d| {
        let span = d.span();
        let line = sources.line_col(span.file, span.start).line;
        let holds = |a: &Allowance| a.code == d.code && a.file == span.file && a.line == line;
        let mut kept = true;
        for (a, used) in allowed.iter().zip(&mut used).filter(|(a, _)| holds(a)) {
            kept &= a.code != d.code;
            *used = true;
        }
        kept
    });
    let needless = allowed.iter().zip(&used).filter(|(_, used)| !**used).map(|(a, _)| a);
    diagnostics.extend(needless.map(|a| {
        let message = format!("there is no `{}` here to allow", a.code.name());
        Diagnostic::warning(codes::ALLOW_UNUSED, message, a.span, "allows nothing")
            .help("remove it; it stands above the line of the warning, or at its end")
    }));
}
