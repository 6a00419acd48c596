//! A syslog message as JSON: RFC 5424, and RFC 3164 as it is found. What a message does not say is null, and what cannot be read as
//! either stands whole in `message`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The names of the facilities and severities, by number: RFC 5424 §6.2.1.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];

/// Months as RFC 3164 writes them.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Elements of structured data, and parameters of all of them together.
const MAX_DATA: usize = 256;

/// Reads a message. There is no text that it refuses.
pub fn parse(text: &str) -> Value {
    let Some((priority, rest)) = priority(text) else { return plain(text) };
    let said = rest.strip_prefix("1 ").and_then(new_form).unwrap_or_else(|| old_form(rest));
    let facility = FACILITIES.get(usize::from(priority / 8)).copied();
    let severity = SEVERITIES.get(usize::from(priority % 8)).copied();
    object(facility, severity, said)
}

fn plain(text: &str) -> Value {
    object(None, None, Said { message: text.to_owned(), ..Said::default() })
}

#[derive(Default)]
struct Said {
    time: Option<String>,
    host: Option<String>,
    app: Option<String>,
    process: Option<String>,
    message_id: Option<String>,
    data: Map<String, Value>,
    message: String,
}

fn object(facility: Option<&str>, severity: Option<&str>, said: Said) -> Value {
    json!({
        "facility": facility,
        "severity": severity,
        "time": said.time,
        "host": said.host,
        "app": said.app,
        "process": said.process,
        "message_id": said.message_id,
        "data": said.data,
        "message": said.message,
    })
}

/// `<34>`
fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
    let fits = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let priority: u8 = digits.parse().ok().filter(|p| fits && *p <= 191)?;
    Some((priority, rest))
}

/// RFC 5424, behind its version.
fn new_form(text: &str) -> Option<Said> {
    let mut rest = text;
    let mut field = || {
        let (field, more) = rest.split_once(' ')?;
        rest = more;
        Some((field != "-").then(|| field.to_owned()))
    };
    let (time, host, app, process, message_id) = (field()?, field()?, field()?, field()?, field()?);
    let time = match time {
        None => None,
        Some(time) => Some(time.parse::<Timestamp>().ok()?.to_string()),
    };
    let (data, rest) = structured(rest)?;
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    let message = message.strip_prefix('\u{feff}').unwrap_or(message).to_owned();
    Some(Said { time, host, app, process, message_id, data, message })
}

/// `[id name="value" …][…]` or `-`
fn structured(text: &str) -> Option<(Map<String, Value>, &str)> {
    let mut data = Map::new();
    let mut rest = match text.strip_prefix('-') {
        Some(rest) => return (rest.is_empty() || rest.starts_with(' ')).then_some((data, rest)),
        None => text,
    };
    let mut count = 0;
    while let Some(inner) = rest.strip_prefix('[') {
        let end = inner.find([' ', ']'])?;
        let id = inner.get(..end).filter(|id| !id.is_empty())?;
        let mut params = Map::new();
        let mut at = inner.get(end..)?;
        loop {
            count += 1;
            if count > MAX_DATA {
                return None;
            }
            if let Some(after) = at.strip_prefix(']') {
                rest = after;
                break;
            }
            let (name, value) = at.trim_start_matches(' ').split_once("=\"")?;
            let (value, after) = quoted(value)?;
            params.insert(name.to_owned(), Value::String(value));
            at = after;
        }
        data.insert(id.to_owned(), Value::Object(params));
    }
    (!data.is_empty()).then_some((data, rest))
}

/// A value up to its closing quote, with `\"`, `\\` and `\]` resolved.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                escaped @ ('"' | '\\' | ']') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

/// RFC 3164: a time without year and zone (left out: nobody knows which moment it means), a host, a tag and a message.
fn old_form(text: &str) -> Said {
    let (time, rest) = match stamped(text) {
        Some((time, rest)) => (time, rest),
        None => return tagged(text, Said::default()),
    };
    match rest.split_once(' ') {
        // A program that leaves its host out begins with its tag.
        Some((host, more)) if !host.is_empty() && !host.ends_with(':') && !host.contains('[') => {
            tagged(more, Said { time, host: Some(host.to_owned()), ..Said::default() })
        }
        _ => tagged(rest, Said { time, ..Said::default() }),
    }
}

/// The text behind a time at its beginning; with the time where it is a whole one, as rsyslog and others write it.
fn stamped(text: &str) -> Option<(Option<String>, &str)> {
    let (first, rest) = text.split_once(' ')?;
    if let Ok(time) = first.parse::<Timestamp>() {
        return Some((Some(time.to_string()), rest));
    }
    if !MONTHS.contains(&first) {
        return None;
    }
    let (day, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    let (clock, rest) = rest.split_once(' ')?;
    let is_day = day.parse::<u8>().is_ok_and(|d| (1..=31).contains(&d));
    (is_day && clock.len() >= 8 && clock.as_bytes().get(2) == Some(&b':')).then_some((None, rest))
}

/// `sshd[123]: message`
fn tagged(text: &str, mut said: Said) -> Said {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))).unwrap_or(0);
    let (tag, mut rest) = text.split_at(end);
    if let Some((process, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']'))
        && process.len() <= 32
        && after.starts_with(':')
    {
        said.process = Some(process.to_owned());
        rest = after;
    }
    match rest.strip_prefix(':') {
        Some(message) if !tag.is_empty() && tag.len() <= 48 => {
            said.app = Some(tag.to_owned());
            message.strip_prefix(' ').unwrap_or(message).clone_into(&mut said.message);
        }
        _ => {
            said.process = None;
            text.clone_into(&mut said.message);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let value = parse(text);
        let part = |name: &str| match &value[name] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let names = ["facility", "severity", "time", "host", "app", "process", "message_id", "data", "message"];
        names.map(part).join(" | ")
    }

    #[test]
    fn both_forms_are_read() {
        let cases = [
            (
                "<34>1 2026-10-11T22:14:15.003Z web-1 su - ID47 - \u{feff}'su root' failed",
                "auth | critical | 2026-10-11T22:14:15.003Z | web-1 | su | - | ID47 | {} | 'su root' failed",
            ),
            (
                r#"<165>1 2026-08-24T05:14:15+02:00 10.0.0.1 disk 8710 - [use@32473 pct="97" dir="/var\"x\]\\y"][o@1] full"#,
                r#"local4 | notice | 2026-08-24T03:14:15Z | 10.0.0.1 | disk | 8710 | - | {"use@32473":{"pct":"97","dir":"/var\"x]\\y"},"o@1":{}} | full"#,
            ),
            ("<191>1 - - - - - -", "local7 | debug | - | - | - | - | - | {} | "),
            ("<13>Oct 11 22:14:15 web-1 sshd[42]: closed", "user | notice | - | web-1 | sshd | 42 | - | {} | closed"),
            ("<13>Oct  1 22:14:15 web-1 kernel: oom", "user | notice | - | web-1 | kernel | - | - | {} | oom"),
            ("<13>Oct 11 22:14:15 cron[7]: no host", "user | notice | - | - | cron | 7 | - | {} | no host"),
            (
                "<13>2026-10-11T22:14:15Z web-1 app: whole time",
                "user | notice | 2026-10-11T22:14:15Z | web-1 | app | - | - | {} | whole time",
            ),
            ("<13>app: just a tag", "user | notice | - | - | app | - | - | {} | just a tag"),
            ("<13>just words", "user | notice | - | - | - | - | - | {} | just words"),
        ];
        for (text, wanted) in cases {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_neither_stands_whole() {
        for text in ["no priority", "<192>too high", "<>empty", "<1a>odd", "<0001>long", "<13", "{\"json\": true}"] {
            assert_eq!(parse(text)["message"], json!(text), "{text}");
            assert_eq!(parse(text)["severity"], Value::Null);
        }
        // Begun like the new form, and not: nothing of it is lost.
        for text in ["1 2026-99-11T22:14:15Z h a - - - m", "1 - - - - - [open m", "1 - - - - - [a b=\"c m", "1 - - m"] {
            let read = parse(&format!("<13>{text}"));
            assert!(text.ends_with(read["message"].as_str().unwrap()), "{text}: {read}");
            assert_eq!(read["data"], json!({}));
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read(text in "(<[0-9]{0,4}>)?(1 )?([A-Za-z0-9:.\\-+ \\[\\]=\"\\\\]{0,60}|\\PC{0,40})") {
            let read = parse(&text);
            let message = read["message"].as_str().unwrap();
            prop_assert!(text.contains(message) || message.is_empty());
        }
    }
}
