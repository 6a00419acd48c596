//! Text literals: escapes, holes, indentation; raw and tagged texts.

use smol_str::SmolStr;

use super::{super::ast::*, Lower, P, kid};
use crate::{diag::codes, syntax::grammar::Rule};

/// A piece of a text before its escapes are read.
enum Raw<'i> {
    Chars(&'i str, usize),
    Hole(Expr),
}

impl<'i> Lower<'i> {
    /// The parts of `"…"` or `"""…"""`.
    pub(super) fn text_parts(&mut self, p: &P<'i>) -> Vec<TextPart> {
        let mut pieces = Vec::new();
        for k in p.into_inner() {
            match k.as_rule() {
                Rule::chars | Rule::block_chars => pieces.push(Raw::Chars(k.as_str(), k.start())),
                Rule::hole => pieces.push(Raw::Hole(self.expr_in(&k))),
                _ => {}
            }
        }
        if p.as_str().starts_with("\"\"\"") {
            pieces = without_indentation(pieces);
        }
        let mut parts: Vec<TextPart> = Vec::new();
        for piece in pieces {
            match piece {
                Raw::Hole(e) => parts.push(TextPart::Hole(e)),
                Raw::Chars(raw, at) => {
                    let text = self.unescape(raw, at);
                    match parts.last_mut() {
                        Some(TextPart::Chars(before)) => *before = SmolStr::from(format!("{before}{text}")),
                        _ if text.is_empty() => {}
                        _ => parts.push(TextPart::Chars(text.into())),
                    }
                }
            }
        }
        parts
    }

    /// Resolves the escapes of `raw`, which begins at the byte `at`.
    pub(super) fn unescape(&mut self, raw: &str, at: usize) -> String {
        let mut text = String::with_capacity(raw.len());
        let mut chars = raw.char_indices();
        while let Some((i, c)) = chars.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            let rest = raw.get(i + 1..).unwrap_or("");
            match escape(rest) {
                Some((c, length)) => {
                    text.push(c);
                    for _ in 0..length {
                        chars.next();
                    }
                }
                None => {
                    self.wrong_escape(rest, at + i);
                    chars.next();
                }
            }
        }
        text
    }

    fn wrong_escape(&mut self, rest: &str, at: usize) {
        let next = rest.chars().next().unwrap_or(' ');
        let span = self.span_at(at, at + 1 + next.len_utf8());
        let message = format!("there is no escape `\\{next}`");
        let d = self.error(codes::SYNTAX_ESCAPE, message, span, "not an escape");
        d.help.push("escapes are `\\n \\t \\r \\\" \\\\ \\$ \\u{1F600}`".into());
        d.help.push("for a backslash write `\\\\`, or a raw text: `r\"C:\\temp\"`".into());
    }

    /// `r"…"` and the tagged literals. Line ends become `\n`.
    pub(super) fn raw(&mut self, p: &P<'i>) -> ExprKind {
        let tag = kid(p, Rule::tag).map_or("", |t| t.as_str());
        let behind_tag = p.as_str().get(tag.len()..).unwrap_or("");
        let quote = behind_tag.len() - behind_tag.trim_start_matches('#').len() + 1;
        let Some(content) = behind_tag.get(quote..behind_tag.len().saturating_sub(quote)) else {
            return ExprKind::Missing;
        };
        let text = if content.contains('\r') { content.replace("\r\n", "\n").into() } else { SmolStr::new(content) };
        let start = p.start() + tag.len() + quote;
        let tag = match tag {
            "re" => Tag::Re,
            "cron" => Tag::Cron,
            "url" => Tag::Url,
            "cidr" => Tag::Cidr,
            "ip" => Tag::Ip,
            "time" => Tag::Time,
            _ if text.is_empty() => return ExprKind::Text(Vec::new()),
            _ => return ExprKind::Text(vec![TextPart::Chars(text)]),
        };
        ExprKind::Tagged { tag, text, content: self.span_at(start, start + content.len()) }
    }
}

/// The character of an escape and how many characters it takes after the backslash.
fn escape(rest: &str) -> Option<(char, usize)> {
    match rest.chars().next()? {
        'n' => Some(('\n', 1)),
        't' => Some(('\t', 1)),
        'r' => Some(('\r', 1)),
        c @ ('"' | '\\' | '$') => Some((c, 1)),
        'u' => {
            let (hex, _) = rest.strip_prefix("u{")?.split_once('}')?;
            if hex.is_empty() || hex.len() > 6 {
                return None;
            }
            let c = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
            Some((c, hex.len() + 3))
        }
        _ => None,
    }
}

/// Removes the line break after the opening quotes, the last line when only space stands before the closing ones, and the
/// indentation that all lines share. Lines of nothing but space do not count. Line ends become `\n`.
fn without_indentation(pieces: Vec<Raw<'_>>) -> Vec<Raw<'_>> {
    let lines = split_lines(pieces);
    let blank = |line: &[Raw<'_>]| line.iter().all(|r| matches!(r, Raw::Chars(c, _) if c.trim().is_empty()));
    let last = lines.len().saturating_sub(1);
    let opened = last > 0 && lines.first().is_some_and(|l| blank(l));
    let closed = last > 0 && lines.last().is_some_and(|l| blank(l));
    let shared = lines
        .iter()
        .enumerate()
        .filter(|(i, line)| *i > 0 && !blank(line))
        .map(|(_, line)| indentation(line))
        .min()
        .unwrap_or(usize::MAX);
    let mut result = Vec::new();
    let mut first = true;
    for (i, line) in lines.into_iter().enumerate() {
        if (i == 0 && opened) || (i == last && closed) {
            continue;
        }
        if !first {
            result.push(Raw::Chars("\n", 0));
        }
        first = false;
        let cut = if i == 0 { 0 } else { shared };
        result.extend(line.into_iter().enumerate().map(|(j, piece)| match piece {
            Raw::Chars(c, at) if j == 0 => {
                let spaces = c.len() - c.trim_start_matches([' ', '\t']).len();
                let cut = cut.min(spaces);
                Raw::Chars(c.get(cut..).unwrap_or(""), at + cut)
            }
            piece => piece,
        }));
    }
    result
}

fn split_lines(pieces: Vec<Raw<'_>>) -> Vec<Vec<Raw<'_>>> {
    let mut lines = vec![Vec::new()];
    for piece in pieces {
        let (text, mut at) = match piece {
            Raw::Chars(text, at) => (text, at),
            hole => {
                if let Some(line) = lines.last_mut() {
                    line.push(hole);
                }
                continue;
            }
        };
        for (i, part) in text.split('\n').enumerate() {
            if i > 0 {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(Raw::Chars(part.strip_suffix('\r').unwrap_or(part), at));
            }
            at += part.len() + 1;
        }
    }
    lines
}

fn indentation(line: &[Raw<'_>]) -> usize {
    match line.first() {
        Some(Raw::Chars(c, _)) => c.len() - c.trim_start_matches([' ', '\t']).len(),
        _ => 0,
    }
}
