//! A piece of source on one line, for people: in lists of what a runbook does, in flowcharts, in messages.

use super::MAX_NESTING;
use super::scan::{Guess, scan};

/// `source` without comments and with every run of space and line ends outside of texts as one space. Lines of a text of several
/// lines are joined the same way: this is for reading, not for parsing again.
pub fn flat(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut from = 0;
    for (start, end) in scan(source, MAX_NESTING, Guess::Nothing).comments {
        kept.push_str(source.get(from..start).unwrap_or(""));
        from = end;
    }
    kept.push_str(source.get(from..).unwrap_or(""));
    let lines = kept.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::flat;

    #[test]
    fn lines_become_one_and_comments_go() {
        assert_eq!(flat("a(\n  b, // why\n  \"http://x  y\",\n)"), "a( b, \"http://x  y\", )");
        assert_eq!(flat("// only\n"), "");
    }

    #[test]
    fn what_is_not_whole_stays_as_it_is() {
        assert_eq!(flat("f(\"open"), "f(\"open");
        assert_eq!(flat("}}}"), "}}}");
    }
}
