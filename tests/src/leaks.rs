//! Whether a secret stands in something that was written or shown, in any of the forms that secrets take on their way.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// The forms that are looked for: the text itself, Base64 and its form for addresses (at each of three alignments), hexadecimal in
/// small and in capital letters, percent-encoded, escaped as in JSON (also several times), UTF-16, and backwards.
pub const FORMS: [&str; 9] =
    ["plain", "base64", "base64url", "hex", "HEX", "percent-encoded", "escaped", "UTF-16", "reversed"];

/// How many times something may be escaped within something escaped.
const MAX_ESCAPES: usize = 4;

/// The shortest part of a secret of several lines that is looked for by itself.
const MIN_LINE: usize = 16;

/// The form in which `secret` stands in `shown`; none when it is not there.
pub fn find(secret: &str, shown: &[u8]) -> Option<&'static str> {
    // Each line of a key is as telling as the key.
    let lines = secret.lines().filter(|l| l.len() >= MIN_LINE && !l.starts_with("-----"));
    std::iter::once(secret).chain(lines).find_map(|part| found(part, shown))
}

fn found(secret: &str, shown: &[u8]) -> Option<&'static str> {
    let direct = needles(secret).into_iter().find(|(_, needle)| holds(shown, needle)).map(|(form, _)| form);
    direct
        .or_else(|| {
            let decoded = percent_decoded(shown);
            (decoded != shown && holds(&decoded, secret.as_bytes())).then_some("percent-encoded")
        })
        .or_else(|| {
            let mut text = shown.to_vec();
            for _ in 0..MAX_ESCAPES {
                let next = unescaped(&text);
                if next == text {
                    return None;
                }
                text = next;
                if holds(&text, secret.as_bytes()) {
                    return Some("escaped");
                }
            }
            None
        })
}

/// What is looked for byte by byte.
fn needles(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = secret.as_bytes();
    let hex = |upper: bool| -> Vec<u8> {
        bytes.iter().flat_map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }.into_bytes()).collect()
    };
    let mut all = vec![("plain", bytes.to_vec()), ("hex", hex(false)), ("HEX", hex(true))];
    for before in 0..3 {
        all.push(("base64", inner_base64(&STANDARD, bytes, before)));
        all.push(("base64url", inner_base64(&URL_SAFE, bytes, before)));
    }
    all.push(("UTF-16", secret.encode_utf16().flat_map(u16::to_le_bytes).collect()));
    all.push(("UTF-16", secret.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    all.push(("reversed", bytes.iter().rev().copied().collect()));
    all
}

/// The letters of Base64 that depend on the secret alone, when it stands `before` bytes behind a group of three.
fn inner_base64(engine: &impl base64::Engine, secret: &[u8], before: usize) -> Vec<u8> {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
    let whole = engine.encode(&padded).into_bytes();
    let begin = (before * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    whole.get(begin..end).unwrap_or_default().to_vec()
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && memchr_like(text, part)
}

fn memchr_like(text: &[u8], part: &[u8]) -> bool {
    let (first, rest) = (part[0], &part[1..]);
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|t| t.iter().position(|b| *b == first)) {
        from += at + 1;
        if text.get(from..from + rest.len()) == Some(rest) {
            return true;
        }
    }
    false
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = (text[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// One level of backslashes less, as JSON and Rust write them.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let next = (text[at] == b'\\').then(|| text.get(at + 1)).flatten();
        match next {
            Some(b'u') => {
                let hex = text.get(at + 2..at + 6).and_then(|h| std::str::from_utf8(h).ok());
                match hex.and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32) {
                    Some(c) => {
                        out.extend(c.to_string().into_bytes());
                        at += 6;
                    }
                    None => {
                        out.push(text[at]);
                        at += 1;
                    }
                }
            }
            Some(byte) => {
                out.push(match byte {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    other => *other,
                });
                at += 2;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}
