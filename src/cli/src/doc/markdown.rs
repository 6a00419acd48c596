//! Text as Markdown: what comes from a source or a project file never becomes markup.

/// Plain text. Also fits into a cell of a table.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::text::clean(text).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '!') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Code within a line.
pub fn code(text: &str) -> String {
    fenced(&crate::text::clean(text))
}

/// Code in a cell of a table, where a bar ends the cell even inside code.
pub fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// The words of a doc comment, which are Markdown themselves: as they are, but a level further down, so that a heading in them does
/// not end the chapter, and without what steers a terminal.
pub fn docs(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut out = Vec::new();
    for line in text.trim().lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|m| start.starts_with(m));
        fence = match (fence, mark) {
            (None, mark) => mark,
            (Some(open), Some(close)) if open == close => None,
            (open, _) => open,
        };
        let heading = fence.is_none() && start.starts_with('#');
        let line = crate::text::clean_source(line);
        let line = if fence.is_none() { without_tags(&line) } else { line.into_owned() };
        out.push(if heading { format!("###{}", line.trim_start()) } else { line });
    }
    // A block of code that is left open would take the rest of the page.
    out.extend(fence.map(str::to_owned));
    out.join("\n")
}

/// Markup is shown, not done; links in angle brackets stay, and so does code.
fn without_tags(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut inside = false;
    for (at, c) in line.char_indices() {
        inside ^= c == '`';
        let rest = line.get(at + c.len_utf8()..).unwrap_or_default();
        let tag = rest.starts_with(|n: char| n.is_ascii_alphabetic() || matches!(n, '/' | '!' | '?'));
        let link = ["http://", "https://", "mailto:"].iter().any(|s| rest.starts_with(s));
        if c == '<' && tag && !link && !inside {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A block of code with the name of its language.
pub fn block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{}\n{fence}\n", crate::text::clean_source(text.trim_end()))
}

/// A table; each cell is Markdown already.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_no_markup() {
        assert_eq!(plain("a|b <script> *x* `y`"), "a\\|b \\<script\\> \\*x\\* \\`y\\`");
        assert_eq!(plain("two\nlines"), "two⏎lines");
    }

    #[test]
    fn docs_stay_in_their_chapter() {
        assert_eq!(docs("a\n# b\n```\n# c"), "a\n#### b\n```\n# c\n```");
        assert_eq!(docs("~~~\n```\n~~~\n## d"), "~~~\n```\n~~~\n##### d");
        assert_eq!(docs("\u{202e}x"), "\u{fffd}x");
        assert_eq!(docs("<b>x</b> <https://a.example> `<b>` 1 < 2"), "\\<b>x\\</b> <https://a.example> `<b>` 1 < 2");
    }

    #[test]
    fn code_with_backticks_gets_a_longer_fence() {
        assert_eq!(code("a `b` c"), "``a `b` c``");
        assert_eq!(code("`b`"), "`` `b` ``");
        assert_eq!(cell("a | b"), "`a \\| b`");
        assert!(block("rrb", "```\nx").starts_with("````rrb\n"));
    }
}
