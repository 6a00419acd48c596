//! Tagged literals: checked when compiled, a mistake shown at its character.

use smol_str::SmolStr;

use super::ty;
use crate::diag::{Diagnostic, codes};
use crate::span::Span;
use crate::syntax::ast::Tag;
use crate::types::Ty;
use crate::value::{Pattern, Value};

/// The type of a tagged literal.
pub(super) fn type_of(tag: Tag) -> Ty {
    match tag {
        Tag::Re => ty::regex(),
        Tag::Cron => ty::cron(),
        Tag::Url => ty::url(),
        Tag::Cidr => ty::cidr(),
        Tag::Ip => ty::ip(),
        Tag::Time => ty::time(),
    }
}

/// The value of a tagged literal; `content` is the place of its text.
pub(super) fn tagged(tag: Tag, text: &SmolStr, content: Span) -> Result<(Value, Ty), Box<Diagnostic>> {
    let value = match tag {
        Tag::Re => regex(text, content)?,
        Tag::Cron => cron(text, content)?,
        Tag::Url => match url::Url::parse(text) {
            Ok(url) if url.has_host() || url.scheme() == "file" => Value::Url(url.as_str().into()),
            Ok(_) => {
                return Err(wrong(
                    content,
                    "the URL has no host".into(),
                    "write it in full: `url\"https://example.com/path\"`",
                ));
            }
            Err(e) => {
                return Err(wrong(
                    content,
                    match e {
                        url::ParseError::RelativeUrlWithoutBase => {
                            "this URL lacks its scheme, such as `https://`".to_owned()
                        }
                        e => format!("this is no URL: {e}"),
                    },
                    "write it in full: `url\"https://example.com/path\"`",
                ));
            }
        },
        Tag::Ip => match text.parse() {
            Ok(ip) => Value::Ip(ip),
            Err(_) => {
                return Err(wrong(
                    content,
                    "this is no IP address".into(),
                    "such as `ip\"10.0.0.1\"` or `ip\"2001:db8::1\"`",
                ));
            }
        },
        Tag::Cidr => cidr(text, content)?,
        Tag::Time => time(text, content)?,
    };
    Ok((value, type_of(tag)))
}

fn wrong(at: Span, message: String, help: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(codes::TYPE_LITERAL, message, at, "wrong here").help(help))
}

/// The span of the characters from byte `from` to byte `to` of the literal.
fn part(content: Span, from: usize, to: usize) -> Span {
    let at = |n: usize| content.start.saturating_add(u32::try_from(n).unwrap_or(u32::MAX)).min(content.end);
    Span { start: at(from), end: at(to.max(from)), ..content }
}

fn regex(text: &str, content: Span) -> Result<Value, Box<Diagnostic>> {
    match Pattern::new(text) {
        Ok(p) => Ok(Value::Regex(p)),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(wrong(content, "the regular expression is too large".into(), "use smaller repetitions"))
        }
        Err(e) => {
            let (at, why) = locate(text, &e.to_string());
            let span = at.map_or(content, |i| {
                part(content, i, i + text.get(i..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8))
            });
            Err(wrong(
                span,
                format!("the regular expression is wrong: {why}"),
                "the syntax is that of Rust's `regex`: no look-around, no back-references",
            ))
        }
    }
}

/// The place and the reason in the multi-line message of the regex parser: the pattern, a line with `^`, `error: …`.
fn locate(text: &str, message: &str) -> (Option<usize>, String) {
    let lines: Vec<&str> = message.lines().collect();
    let why = lines
        .iter()
        .rev()
        .find_map(|l| l.trim().strip_prefix("error: "))
        .unwrap_or_else(|| lines.last().map_or("", |l| l.trim()))
        .to_owned();
    let caret = lines.iter().position(|l| !l.is_empty() && l.contains('^') && l.chars().all(|c| c == ' ' || c == '^'));
    let column = caret.filter(|_| !text.contains('\n')).and_then(|i| {
        let shown = i.checked_sub(1).and_then(|p| lines.get(p))?;
        let indent = shown.chars().count().checked_sub(text.chars().count())?;
        lines.get(i)?.chars().position(|c| c == '^')?.checked_sub(indent)
    });
    let byte = column.and_then(|c| text.char_indices().map(|(i, _)| i).chain([text.len()]).nth(c));
    (byte, why)
}

fn cron(text: &str, content: Span) -> Result<Value, Box<Diagnostic>> {
    let fields: Vec<(usize, &str)> = fields(text);
    if fields.len() != 5 && !text.trim_start().starts_with('@') {
        return Err(wrong(
            content,
            format!("a cron expression has five fields, and this has {}", fields.len()),
            "minute, hour, day of month, month, day of week: `cron\"0 3 * * *\"` is every day at 03:00",
        ));
    }
    match text.parse::<croner::Cron>() {
        Ok(_) => Ok(Value::Cron(text.into())),
        Err(e) => {
            // The parser does not say where: the field that is wrong even by itself.
            let alone = |i: usize, f: &str| {
                let mut all = ["*"; 5].map(str::to_owned);
                if let Some(slot) = all.get_mut(i) {
                    *slot = f.to_owned();
                }
                all.join(" ").parse::<croner::Cron>().is_err()
            };
            let bad = fields.iter().enumerate().find(|(i, (_, f))| alone(*i, f));
            let names = ["minute", "hour", "day of the month", "month", "day of the week"];
            match bad {
                Some((i, (at, f))) => Err(wrong(
                    part(content, *at, at + f.len()),
                    format!("`{f}` is no {} of a cron expression", names.get(i).copied().unwrap_or("field")),
                    "minute 0–59, hour 0–23, day 1–31, month 1–12, day of the week 0–7; `*`, `*/5`, `1-5`, `1,15`",
                )),
                None => Err(wrong(
                    content,
                    format!("this is no cron expression: {e}").to_lowercase(),
                    "minute, hour, day of month, month, day of week",
                )),
            }
        }
    }
}

/// The fields between white space with their places.
fn fields(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut rest = 0;
    for word in text.split_whitespace() {
        let at = text.get(rest..).and_then(|t| t.find(word)).map_or(rest, |i| rest + i);
        out.push((at, word));
        rest = at + word.len();
    }
    out
}

fn cidr(text: &str, content: Span) -> Result<Value, Box<Diagnostic>> {
    if let Ok(net) = text.parse::<ipnet::IpNet>() {
        if net.addr() != net.network() {
            return Err(wrong(
                content,
                format!("`{text}` is an address in the network `{}`", net.trunc()),
                &format!("write `cidr\"{}\"`", net.trunc()),
            ));
        }
        return Ok(Value::Cidr(net));
    }
    let help = "such as `cidr\"10.0.0.0/8\"` or `cidr\"2001:db8::/32\"`";
    match text.split_once('/') {
        Some((ip, bits)) if ip.parse::<std::net::IpAddr>().is_ok() => {
            Err(wrong(part(content, ip.len() + 1, text.len()), format!("`{bits}` is no number of bits here"), help))
        }
        Some((ip, _)) => Err(wrong(part(content, 0, ip.len()), format!("`{ip}` is no IP address"), help)),
        None => Err(wrong(content, "a network needs the number of its fixed bits".into(), help)),
    }
}

fn time(text: &str, content: Span) -> Result<Value, Box<Diagnostic>> {
    let help = "write it as `time\"2026-11-21T10:00:00Z\"`, with `Z` or an offset such as `+01:00`";
    match text.parse::<jiff::Timestamp>() {
        Ok(t) if t.subsec_nanosecond() % 1_000_000 == 0 => Ok(Value::Time(t.as_millisecond())),
        Ok(_) => Err(wrong(content, "a time is exact to the millisecond".into(), help)),
        Err(_) if text.parse::<jiff::civil::DateTime>().is_ok() => {
            Err(wrong(part(content, text.len(), text.len()), "the time does not say in which zone".into(), help))
        }
        Err(e) => {
            // The parser says from the outside in what it was doing; the last part is what is wrong.
            let all = e.to_string();
            let last = all.rsplit(": ").next().unwrap_or(&all);
            Err(wrong(content, format!("this is no time: {last}"), help))
        }
    }
}
