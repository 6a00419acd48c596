//! The results as JUnit XML, as CI systems read it: a suite for each module.

use std::fmt::Write;

use rrb_lang::span::Sources;
use rrb_world::test::Trouble;

use super::result::TestResult;

/// All results as one document.
pub fn junit(sources: &Sources, results: &[TestResult]) -> String {
    let mut modules: Vec<&str> = Vec::new();
    for result in results {
        if !modules.contains(&result.module.as_str()) {
            modules.push(&result.module);
        }
    }
    let (failed, seconds) = tally(results.iter());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"rrb\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{seconds:.3}\">",
        results.len()
    );
    for module in modules {
        let own: Vec<&TestResult> = results.iter().filter(|r| r.module == module).collect();
        let (failed, seconds) = tally(own.iter().copied());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{seconds:.3}\">",
            attribute(module),
            own.len()
        );
        own.iter().for_each(|r| case(&mut out, sources, r));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn tally<'a>(results: impl Iterator<Item = &'a TestResult>) -> (usize, f64) {
    results.fold((0, 0.0), |(failed, time), r| (failed + usize::from(!r.passed()), time + r.millis / 1000.0))
}

fn case(out: &mut String, sources: &Sources, result: &TestResult) {
    let head = format!(
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
        attribute(&result.name),
        attribute(&result.module),
        attribute(&result.file),
        result.line,
        result.millis / 1000.0
    );
    if result.passed() {
        let _ = writeln!(out, "{head}/>");
        return;
    }
    let _ = writeln!(out, "{head}>");
    for trouble in &result.troubles {
        let _ = writeln!(
            out,
            "      <failure message=\"{}\" type=\"expect\">{}</failure>",
            attribute(&trouble.message),
            escaped(&told(sources, trouble))
        );
    }
    out.push_str("    </testcase>\n");
}

fn told(sources: &Sources, trouble: &Trouble) -> String {
    let at = sources.line_col(trouble.span.file, trouble.span.start);
    let head = format!("{}:{}:{}: {}", sources.name(trouble.span.file), at.line, at.column, trouble.message);
    let notes = trouble.notes.iter().map(|n| format!("\n{n}"));
    let help = trouble.help.iter().map(|h| format!("\nhelp: {h}"));
    std::iter::once(head).chain(notes).chain(help).collect()
}

/// Text between tags. What XML 1.0 has no way to write becomes `�`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() && u32::from(c) < 0x20 => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Text in quotes: white space would be read as spaces.
fn attribute(text: &str) -> String {
    escaped(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_breaks_the_document() {
        assert_eq!(
            escaped("a<b & \"c\"> \u{1}\u{1b}[31m\r\n"),
            "a&lt;b &amp; &quot;c&quot;&gt; \u{fffd}\u{fffd}[31m&#13;\n"
        );
        assert_eq!(attribute("a\tb\nc"), "a&#9;b&#10;c");
    }
}
