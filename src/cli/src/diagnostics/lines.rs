//! Diagnostics on one line each.

use rrb_lang::diag::{Diagnostic, Severity};
use rrb_lang::span::Sources;

use crate::text::clean;

fn severity(d: &Diagnostic) -> &'static str {
    match d.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `lib/a.rrb:3:5: error[rrb::code]: message`
pub fn short(sources: &Sources, d: &Diagnostic) -> String {
    let at = sources.line_col(d.span().file, d.span().start);
    let name = clean(sources.name(d.span().file)).into_owned();
    format!("{name}:{}:{}: {}[{}]: {}\n", at.line, at.column, severity(d), d.code.name(), clean(&d.message))
}

/// `::error file=…,line=…::message`, see
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>.
pub fn github(sources: &Sources, d: &Diagnostic) -> String {
    let span = d.span();
    let (from, to) = (sources.line_col(span.file, span.start), sources.line_col(span.file, span.end));
    let message = super::told(d);
    let end_column = if from.line == to.line { format!(",endColumn={}", to.column) } else { String::new() };
    format!(
        "::{} file={},line={},endLine={},col={}{end_column},title={}::{}\n",
        severity(d),
        property(sources.name(span.file)),
        from.line,
        to.line,
        from.column,
        property(d.code.name()),
        data(&message)
    )
}

/// The annotation of a file that cannot be read.
pub fn github_unreadable(name: &str, reason: &str) -> String {
    format!("::error file={}::cannot read: {}", property(name), data(reason))
}

/// What stands after the `::` of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands as a property of one.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
