//! Text for terminals: what came from outside is made harmless, times and sizes become what people say.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::Millis;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether a character may steer a terminal or turn the order of what is read.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text from outside on one line: line ends become `⏎`, tabs a space, and every control, direction and invisible character its code.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c if harmful(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Source text for an excerpt: as many bytes as before, line ends and tabs kept, harmful characters replaced by ones of equal length.
pub fn clean_source(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| harmful(c) && c != '\n' && c != '\t') {
        return Cow::Borrowed(text);
    }
    let replace = |c: char| match c {
        '\n' | '\t' => c,
        // A carriage return before a line end shows nothing: a space keeps the columns.
        '\r' => ' ',
        c if harmful(c) => match c.len_utf8() {
            1 => '?',
            2 => '¿',
            3 => '\u{fffd}',
            _ => '\u{1f7e5}',
        },
        c => c,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// How many columns a text takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// At most `width` columns, with `…` where something was cut.
pub fn truncate(text: &str, width: usize) -> Cow<'_, str> {
    if columns(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        out.push(c);
    }
    out.push('…');
    Cow::Owned(out)
}

/// Breaks at spaces so that every line has at most `width` columns; a longer word stands alone and whole.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The end of an id, by which people tell runs apart: `run_01jd…k3x9q2` is `k3x9q2`.
pub fn short_id(id: &str) -> &str {
    let start = id.char_indices().rev().nth(5).map_or(0, |(i, _)| i);
    id.get(start..).unwrap_or(id)
}

/// `18ms`, `2.3s`, `1m 5s`, `2h 5m`, `3d 4h`
pub fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{big_unit}"),
        _ => format!("{big}{big_unit} {small}{small_unit}"),
    };
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..10_000 => match (ms % 1000) / 100 {
            0 => format!("{s}s"),
            tenth => format!("{s}.{tenth}s"),
        },
        10_000..60_000 => format!("{s}s"),
        60_000..3_600_000 => two(m, "m", s % 60, "s"),
        3_600_000..86_400_000 => two(h, "h", m % 60, "m"),
        _ => two(d, "d", h % 24, "h"),
    }
}

/// `just now`, `3m ago`; for the future `in 28m`.
pub fn relative(now: Millis, at: Millis) -> String {
    let delta = now.saturating_sub(at);
    // To the nearest second or minute: 29m 59.8s are half an hour.
    let nearest = |ms: i64, unit: i64| ms.saturating_add(unit / 2) / unit * unit;
    let words = |ms: i64| duration(if ms >= 59_500 { nearest(ms, 60_000) } else { nearest(ms, 1000) });
    match delta {
        i64::MIN..=-1000 => format!("in {}", words(delta.saturating_neg())),
        -999..=1999 => "just now".to_owned(),
        _ => format!("{} ago", words(delta)),
    }
}

/// The time of day: `14:03:07`.
pub fn clock(at: Millis, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| at.to_string(), |z| z.strftime("%H:%M:%S").to_string())
}

/// Day and time: `2026-11-21 14:03:07`.
pub fn moment(at: Millis, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| at.to_string(), |z| z.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The day: `2026-11-21`.
pub fn day(at: Millis, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| at.to_string(), |z| z.strftime("%Y-%m-%d").to_string())
}

fn zoned(at: Millis, zone: &TimeZone) -> Option<jiff::Zoned> {
    Timestamp::from_millisecond(at).ok().map(|t| t.to_zoned(zone.clone()))
}

/// Now, for what is shown next to stored times.
pub fn now() -> Millis {
    Timestamp::now().as_millisecond()
}

/// A time so long from now: `90d`, `12h`, `1h30m`.
pub fn parse_span(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no length of time: write it like `90d`, `12h` or `30m`");
    let span: SignedDuration = match text.strip_suffix('d').and_then(|d| d.parse::<i64>().ok()) {
        Some(days) => SignedDuration::from_hours(days.checked_mul(24).filter(|h| h.abs() < 1 << 40).ok_or_else(wrong)?),
        None => text.parse().map_err(|_| wrong())?,
    };
    i64::try_from(span.as_millis()).ok().filter(|ms| *ms > 0).ok_or_else(wrong)
}

/// `1 error`, `2 errors`
pub fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// `a, b and c`
pub fn list_of(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

/// A value as people read it: texts bare, lists with commas, records as `a=1 b=2`. On one line, harmless, not shortened.
pub fn value(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Null => "none".to_owned(),
        serde_json::Value::String(s) => clean(s).into_owned(),
        serde_json::Value::Array(items) => items.iter().map(element).collect::<Vec<_>>().join(", "),
        serde_json::Value::Object(map) => fields(map.iter().map(|(k, v)| (k.as_str(), v))),
        other => other.to_string(),
    }
}

/// An element of a list; in quotes where it could be taken for two.
fn element(json: &serde_json::Value) -> String {
    let text = value(json);
    let alone = !json.is_string() || !(text.is_empty() || text.contains([',', '"']) || text.trim() != text);
    if alone { text } else { format!("{text:?}") }
}

/// `node=n7 grace="2 m"`
pub fn fields<'a>(items: impl IntoIterator<Item = (&'a str, &'a serde_json::Value)>) -> String {
    let one = |(k, v): (&str, &serde_json::Value)| {
        let text = match v {
            serde_json::Value::Object(_) => format!("{{{}}}", value(v)),
            serde_json::Value::Array(_) => format!("[{}]", value(v)),
            _ => value(v),
        };
        let quote = v.is_string() && (text.is_empty() || text.contains([' ', '=', ',', '"']));
        if quote { format!("{}={text:?}", clean(k)) } else { format!("{}={text}", clean(k)) }
    };
    items.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

/// As [`value`], for the language's JSON.
pub fn json(json: &Json) -> String {
    value(&serde_json::Value::from(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_as_its_code() {
        assert_eq!(clean("plain ünïcode"), "plain ünïcode");
        assert_eq!(clean("\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(clean("a\r\nb\rc\td"), "a⏎b\\u{d}c d");
        assert_eq!(
            clean("user\u{202e}txt.exe\u{2066}\u{200b}\u{feff}"),
            "user\\u{202e}txt.exe\\u{2066}\\u{200b}\\u{feff}"
        );
        assert_eq!(clean("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn a_cleaned_source_has_the_same_length_and_lines() {
        let source = "a\u{1b}b\u{9b}\u{202e}\r\n\tc\u{e0041}";
        let cleaned = clean_source(source);
        assert_eq!(cleaned.len(), source.len());
        assert_eq!(cleaned.lines().count(), 2);
        assert!(!cleaned.contains(|c: char| harmful(c) && c != '\n' && c != '\t'));
    }

    #[test]
    fn cut_text_keeps_to_the_width_in_columns() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdefg", 6), "abcde…");
        assert_eq!(truncate("日本語テキスト", 6), "日本…");
        assert_eq!(truncate("abc", 1), "…");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said: Vec<String> =
            [0, 999, 1000, 1500, 9999, 10_000, 59_999, 60_000, 65_000, 3_600_000, 7_500_000, 90_000_000]
                .into_iter()
                .map(duration)
                .collect();
        assert_eq!(said, ["0ms", "999ms", "1s", "1.5s", "9.9s", "10s", "59s", "1m", "1m 5s", "1h", "2h 5m", "1d 1h"]);
        assert_eq!(relative(100_000, 99_500), "just now");
        assert_eq!(relative(100_000, 40_000), "1m ago");
        assert_eq!(relative(0, 1_685_000), "in 28m");
        assert!(!relative(i64::MAX, i64::MIN).is_empty());
    }

    #[test]
    fn ids_are_told_apart_by_their_end() {
        assert_eq!(short_id("run_01jdabcdefk3x9q2"), "k3x9q2");
        assert_eq!(short_id("ab"), "ab");
        assert_eq!(short_id("ééééééé"), "éééééé");
    }

    #[test]
    fn spans_of_time_are_read_strictly() {
        assert_eq!(parse_span("90d"), Ok(90 * 86_400_000));
        assert_eq!(parse_span("1h30m"), Ok(5_400_000));
        for wrong in ["", "d", "-3d", "0s", "12", "soon", "99999999999999999999d", "9999999999999999d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_read_without_quotes_where_nothing_is_lost() {
        let v = serde_json::json!({"node": "n7", "why": "a b", "n": 3, "xs": [1, "two", "a, b", ""], "o": {"k": null}});
        assert_eq!(value(&v), r#"node=n7 why="a b" n=3 xs=[1, two, "a, b", ""] o={k=none}"#);
    }
}
