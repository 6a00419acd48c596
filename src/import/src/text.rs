//! Other people's texts, made safe for source code.

/// Whether a character has no place in a comment: it ends a line, is invisible, or turns the order in which others are read.
pub(crate) fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `most` characters, cut behind a word, with an ellipsis when something was cut.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.trim_end().to_owned();
    }
    let cut: String = text.chars().take(most).collect();
    let end = cut.rfind(' ').filter(|at| *at > cut.len() / 2).unwrap_or(cut.len());
    format!("{}…", cut.get(..end).unwrap_or(&cut).trim_end_matches([' ', ',', ';', ':', '.']))
}

/// The first paragraphs of Markdown or HTML as plain lines of text: no code, no tables, no headings, no tags.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for line in untagged(text).lines() {
        let line: String = line.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect();
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        let ends = out.chars().count() >= most;
        if ends {
            break;
        }
        if in_code || line.is_empty() || line.starts_with('|') || line.starts_with('#') || is_rule(line) {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(line.trim_start_matches('>').trim_start());
    }
    let words: Vec<&str> = out.split_whitespace().collect();
    shorten(&words.join(" "), most)
}

fn is_rule(line: &str) -> bool {
    line.len() >= 3 && line.chars().all(|c| matches!(c, '-' | '=' | '*' | '_'))
}

/// Without tags and comments of HTML. A `<` that begins no tag stays.
fn untagged(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let begins = tag.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '!');
        match tag.find('>').filter(|end| begins && *end < 400) {
            Some(end) => {
                let name: String = tag.chars().skip(1).take_while(char::is_ascii_alphanumeric).collect();
                // `<id>` in a text is a place for something; an element of HTML has a known name.
                if tag.starts_with("</") || tag.starts_with("<!") || is_element(&name.to_ascii_lowercase()) {
                    out.push(' ');
                } else {
                    out.push_str(tag.get(..=end).unwrap_or_default());
                }
                rest = tag.get(end + 1..).unwrap_or_default();
            }
            None => {
                out.push('<');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    for (entity, with) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        if out.contains(entity) {
            out = out.replace(entity, with);
        }
    }
    out
}

fn is_element(name: &str) -> bool {
    [
        "p",
        "br",
        "a",
        "b",
        "i",
        "u",
        "em",
        "strong",
        "code",
        "pre",
        "ul",
        "ol",
        "li",
        "table",
        "tr",
        "td",
        "th",
        "div",
        "span",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "img",
        "hr",
        "blockquote",
        "note",
        "details",
        "summary",
        "dl",
        "dt",
        "dd",
        "thead",
        "tbody",
        "tt",
        "sup",
        "sub",
        "small",
        "caption",
        "important",
        "fullname",
        "section",
        "script",
        "style",
    ]
    .contains(&name)
}

/// Doc comment lines of at most `width` characters, without their marks.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// A text literal that is this text.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '$' => out.push_str("\\$"),
            c if is_odd(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What stands between the quotes of [`quoted`].
pub(crate) fn escaped(text: &str) -> String {
    let quoted = quoted(text);
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_are_plain_and_short() {
        assert_eq!(
            plain("<p>Gets a <b>pet</b>.</p>\n\n# More\n```sh\ncurl x\n```\n| a |\nend", 100),
            "Gets a pet . end"
        );
        assert_eq!(plain("the `<id>` of it, 1 < 2", 100), "the `<id>` of it, 1 < 2");
        assert_eq!(plain("a\u{202e}b\u{0}c\r\nd", 100), "a b c d");
        assert_eq!(plain("one two three four", 12), "one two…");
        assert_eq!(plain("> quoted\n/pets", 20), "quoted /pets");
    }

    #[test]
    fn literals_are_escaped() {
        assert_eq!(quoted("a\"b\\c${d}\n\u{202e}"), "\"a\\\"b\\\\c\\${d}\\n\\u{202e}\"");
        assert_eq!(escaped("$"), "\\$");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("a-very-long-word b", 5), ["a-very-long-word", "b"]);
        assert!(wrap("  ", 5).is_empty());
    }
}
