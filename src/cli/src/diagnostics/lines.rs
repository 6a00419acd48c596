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

/// `lib/a.rrb:3:5: error: message [rrb::code]`
pub fn short(sources: &Sources, d: &Diagnostic) -> String {
    let at = sources.line_col(d.span().file, d.span().start);
    let name = clean(sources.name(d.span().file)).into_owned();
    format!("{name}:{}:{}: {}: {} [{}]\n", at.line, at.column, severity(d), clean(&d.message), d.code.name())
}

/// `::error file=…,line=…::message`, see
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>.
pub fn github(sources: &Sources, d: &Diagnostic) -> String {
    let span = d.span();
    let (from, to) = (sources.line_col(span.file, span.start), sources.line_col(span.file, span.end));
    let data = |s: &str| s.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |s: &str| data(s).replace(':', "%3A").replace(',', "%2C");
    let mut message = d.message.clone();
    for help in &d.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
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
