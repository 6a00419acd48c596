//! Colours of what is being typed. A quick look at words and texts, line by line; the parser says what is wrong when it is taken.

use owo_colors::{OwoColorize, Style};
use rrb_lang::syntax::is_reserved;

use super::library::words;

/// The text with colours, and with the brackets at `pos` and at its other end marked.
pub fn paint(text: &str, pos: Option<usize>) -> String {
    let pair = pos.and_then(|p| brackets(text, p));
    let mut out = String::with_capacity(text.len() * 2);
    for (start, end, style) in spans(text) {
        let part = text.get(start..end).unwrap_or_default();
        match pair {
            Some((a, b)) if (start..end).contains(&a) || (start..end).contains(&b) => {
                for (i, c) in part.char_indices() {
                    match start + i == a || start + i == b {
                        true => out.push_str(&c.style(Style::new().bold().reversed()).to_string()),
                        false => out.push_str(&c.style(style.unwrap_or_default()).to_string()),
                    }
                }
            }
            _ => match style {
                Some(style) => out.push_str(&part.style(style).to_string()),
                None => out.push_str(part),
            },
        }
    }
    out
}

type Coloured = (usize, usize, Option<Style>);

/// The parts of a text with their styles, in order and without gaps.
fn spans(text: &str) -> Vec<Coloured> {
    if text.trim_start().starts_with(':') {
        let end = text.find(|c: char| c.is_whitespace()).filter(|e| *e > 0).unwrap_or(text.len());
        let mut all = vec![(0, end, Some(Style::new().magenta()))];
        all.extend(code(text, end));
        return all;
    }
    code(text, 0)
}

fn code(text: &str, from: usize) -> Vec<Coloured> {
    let texts = texts(text);
    let comments = rrb_lang::syntax::comments(text);
    let mut marks: Vec<(usize, usize, Style)> = Vec::new();
    marks.extend(texts.iter().map(|(a, b)| (*a, *b, Style::new().green())));
    marks.extend(comments.into_iter().map(|(a, b)| (a, b, Style::new().dimmed())));
    let taken = marks.clone();
    let free = |at: usize| !taken.iter().any(|(a, b, _)| *a <= at && at < *b);
    let mut at = 0;
    for word in words(text) {
        let Some(start) = text.get(at..).and_then(|t| t.find(word.text)).map(|i| at + i) else { break };
        let end = start + word.text.len();
        at = end;
        if !free(start) {
            continue;
        }
        let style = match word.text {
            w if w.starts_with(|c: char| c.is_ascii_digit()) => Some(Style::new().cyan()),
            "true" | "false" | "none" => Some(Style::new().cyan()),
            w if !word.after_dot && is_reserved(w) => Some(Style::new().magenta()),
            w if w.starts_with(|c: char| c.is_ascii_uppercase()) => Some(Style::new().yellow()),
            _ if text.get(end..).is_some_and(|t| t.starts_with('(')) => Some(Style::new().blue()),
            _ => None,
        };
        marks.extend(style.map(|s| (start, end, s)));
    }
    marks.retain(|(a, ..)| *a >= from);
    marks.sort_by_key(|(a, ..)| *a);
    let mut all = Vec::new();
    let mut at = from;
    for (start, end, style) in marks {
        if start < at || !text.is_char_boundary(start) || !text.is_char_boundary(end.min(text.len())) {
            continue;
        }
        all.push((at, start, None));
        let end = end.min(text.len());
        all.push((start, end, Some(style)));
        at = end;
    }
    all.push((at, text.len(), None));
    all.retain(|(a, b, _)| a < b);
    all
}

/// Where texts in quotes are; one that is open ends with its line.
fn texts(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|t| t.find('"')).map(|i| at + i) {
        let line_start = text.get(..open).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
        if let Some(comment) = text.get(line_start..open).and_then(|l| l.find("//"))
            && !text.get(line_start..line_start + comment).unwrap_or_default().contains('"')
        {
            at = text.get(open..).and_then(|t| t.find('\n')).map_or(text.len(), |n| open + n);
            continue;
        }
        let block = text.get(open..).is_some_and(|t| t.starts_with("\"\"\""));
        let mut end = open + if block { 3 } else { 1 };
        loop {
            match bytes.get(end) {
                None => break,
                Some(b'\\') => end += 2,
                Some(b'\n') if !block => break,
                Some(b'"') if block && text.get(end..).is_some_and(|t| t.starts_with("\"\"\"")) => {
                    end += 3;
                    break;
                }
                Some(b'"') if !block => {
                    end += 1;
                    break;
                }
                Some(_) => end += 1,
            }
        }
        let mut end = end.min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        found.push((open, end));
        at = end;
    }
    found
}

/// The bracket at or before `pos` and the one that belongs to it.
pub fn brackets(text: &str, pos: usize) -> Option<(usize, usize)> {
    let texts = texts(text);
    let in_text = |at: usize| texts.iter().any(|(a, b)| *a < at && at + 1 < *b);
    let is_bracket = |at: usize| text.as_bytes().get(at).is_some_and(|b| b"()[]{}".contains(b)) && !in_text(at);
    let here = [Some(pos), pos.checked_sub(1)].into_iter().flatten().find(|at| is_bracket(*at))?;
    let mut open: Vec<(u8, usize)> = Vec::new();
    for (at, b) in text.bytes().enumerate().filter(|(at, _)| is_bracket(*at)) {
        match b {
            b'(' | b'[' | b'{' => open.push((b, at)),
            _ => {
                let (opener, start) = open.pop()?;
                let fits = matches!((opener, b), (b'(', b')') | (b'[', b']') | (b'{', b'}'));
                if start == here || at == here {
                    return fits.then_some((start, at));
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> String {
        let mut out = String::new();
        let mut code = false;
        for c in text.chars() {
            match (code, c) {
                (false, '\x1b') => code = true,
                (true, c) => code = !c.is_ascii_alphabetic(),
                (false, c) => out.push(c),
            }
        }
        out
    }

    #[test]
    fn colours_change_no_character() {
        for text in [
            "let x = 1 // why \"not\"",
            "\"open",
            "\"\"\"a\nb\"\"\" + \"é\\\"ü\"",
            ":help let",
            "日本 = f(1, [2, 3]) { }",
            "\\\"",
            "\"\\",
            "",
            "// \"é",
        ] {
            for pos in 0..=text.len() + 1 {
                assert_eq!(bare(&paint(text, Some(pos))), text);
            }
        }
    }

    #[test]
    fn words_have_the_colour_of_their_kind() {
        let painted = paint("let x: Text = \"let\"", None);
        assert!(painted.starts_with("\x1b[35mlet\x1b"), "{painted:?}");
        assert!(painted.contains("\x1b[33mText") && painted.contains("\x1b[32m\"let\""), "{painted:?}");
    }

    #[test]
    fn a_bracket_finds_its_other_end() {
        assert_eq!(brackets("f(a[1], \")\")", 1), Some((1, 11)));
        assert_eq!(brackets("f(a[1], \")\")", 12), Some((1, 11)));
        assert_eq!(brackets("f(a", 1), None);
        assert_eq!(brackets("(]", 0), None);
        assert_eq!(brackets(")", 0), None);
    }
}
