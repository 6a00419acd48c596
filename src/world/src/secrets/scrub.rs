//! Keeps known secrets out of what leaves the world: a server that echoes its token, a program that prints its environment.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use rrb_lang::json::Json;
use rrb_lang::value::{Record, Value};
use rrb_lang::vm::protocol::{EffectOutcome, Failure};
use smol_str::SmolStr;

/// Shorter secrets are not looked for: they would be found everywhere.
const SHORTEST: usize = 4;

/// The shortest encoded form that is looked for.
const SHORTEST_FORM: usize = 6;

/// The shortest line of a secret of several lines that is looked for by itself.
const SHORTEST_LINE: usize = 16;

/// How many values are remembered; the oldest goes first.
const MAX_KNOWN: usize = 1024;

/// Replaces every secret it knows, in any of the usual encodings, by the secret's reference. Clones share what they know.
#[derive(Clone, Default)]
pub struct Scrubber {
    known: Arc<RwLock<VecDeque<Known>>>,
}

struct Known {
    /// What stands in its place: `secret(env:TOKEN)`.
    shown: String,
    value: String,
    /// Longest first.
    forms: Vec<String>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    /// Remembers a secret's value. Values of less than four bytes are not remembered.
    pub fn learn(&self, reference: &str, value: &str) {
        if value.len() < SHORTEST || self.read(|known| known.iter().any(|k| k.value == value)) {
            return;
        }
        let entry = Known { shown: format!("secret({reference})"), value: value.to_owned(), forms: forms(value) };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.pop_front();
        }
        known.push_back(entry);
    }

    fn read<T>(&self, f: impl FnOnce(&VecDeque<Known>) -> T) -> T {
        f(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.read(|known| {
            let mut out = Cow::Borrowed(text);
            for entry in known {
                for form in &entry.forms {
                    if out.contains(form.as_str()) {
                        out = Cow::Owned(out.replace(form.as_str(), &entry.shown));
                    }
                }
            }
            out
        })
    }

    /// How many bytes at the end of `text` may be the beginning of a secret that was cut there.
    pub fn cut_end(&self, text: &str) -> usize {
        self.longest(|form| {
            (SHORTEST..form.len()).rev().find(|n| form.is_char_boundary(*n) && text.ends_with(&form[..*n]))
        })
    }

    /// How many bytes at the start of `text` may be the end of a secret that was cut there.
    pub fn cut_start(&self, text: &str) -> usize {
        self.longest(|form| {
            let at = (1..form.len()).find(|at| {
                form.len() - at >= SHORTEST && form.is_char_boundary(*at) && text.starts_with(&form[*at..])
            })?;
            Some(form.len() - at)
        })
    }

    fn longest(&self, part: impl Fn(&str) -> Option<usize>) -> usize {
        self.read(|known| known.iter().flat_map(|k| &k.forms).filter_map(|f| part(f)).max().unwrap_or(0))
    }

    fn short(&self, text: &SmolStr) -> SmolStr {
        match self.text(text) {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(clean) => clean.into(),
        }
    }

    fn bytes(&self, bytes: &Arc<[u8]>) -> Arc<[u8]> {
        self.read(|known| {
            let mut out = bytes.clone();
            for entry in known {
                for form in &entry.forms {
                    if let Some(clean) = replace_bytes(&out, form.as_bytes(), entry.shown.as_bytes()) {
                        out = clean.into();
                    }
                }
            }
            out
        })
    }

    /// The value without secrets, in texts, keys, bytes and JSON.
    pub fn json(&self, json: &Json) -> Json {
        match json {
            Json::Text(t) => Json::Text(self.short(t)),
            Json::List(items) => Json::list(items.iter().map(|j| self.json(j))),
            Json::Object(members) => Json::object(members.iter().map(|(k, v)| (self.short(k), self.json(v)))),
            other => other.clone(),
        }
    }

    /// The value without secrets, in texts, keys, bytes and JSON.
    pub fn value(&self, value: Value) -> Value {
        match value {
            Value::Text(t) => Value::Text(self.short(&t)),
            Value::Url(t) => Value::Url(self.short(&t)),
            Value::Json(j) => Value::Json(self.json(&j)),
            Value::Bytes(b) => Value::Bytes(self.bytes(&b)),
            Value::List(items) => Value::list(items.iter().cloned().map(|v| self.value(v))),
            Value::Set(items) => Value::Set(Arc::new(items.iter().cloned().map(|v| self.value(v)).collect())),
            Value::Map(entries) => Value::Map(Arc::new(
                entries.iter().map(|(k, v)| (self.value(k.clone()), self.value(v.clone()))).collect(),
            )),
            Value::Record(record) => Value::Record(Arc::new(Record {
                names: record.names.clone(),
                values: record.values.iter().cloned().map(|v| self.value(v)).collect(),
            })),
            other => other,
        }
    }

    /// The failure without secrets.
    pub fn failure(&self, failure: Failure) -> Failure {
        Failure { message: self.text(&failure.message).into_owned(), detail: self.json(&failure.detail), ..failure }
    }

    /// The outcome of a call without secrets.
    pub fn outcome(&self, outcome: EffectOutcome) -> EffectOutcome {
        if self.read(VecDeque::is_empty) {
            return outcome;
        }
        match outcome {
            EffectOutcome::Done(value) => EffectOutcome::Done(self.value(value)),
            EffectOutcome::Failed(failure) => EffectOutcome::Failed(self.failure(failure)),
            EffectOutcome::Lost { why } => EffectOutcome::Lost { why: self.text(&why).into_owned() },
            other => other,
        }
    }
}

fn replace_bytes(bytes: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|w| w == from) {
        out.extend_from_slice(rest.get(..at)?);
        out.extend_from_slice(to);
        rest = rest.get(at + from.len()..)?;
    }
    (rest.len() != bytes.len()).then(|| [out.as_slice(), rest].concat())
}

/// The secret as it may come back, longest first so that no form leaves the rest of a longer one behind.
fn forms(secret: &str) -> Vec<String> {
    let mut all = vec![secret.to_owned()];
    let lines = secret.lines().map(str::trim).filter(|l| l.len() >= SHORTEST_LINE && l.len() < secret.len());
    for part in std::iter::once(secret).chain(lines) {
        all.push(part.to_owned());
        all.extend(encodings(part).into_iter().filter(|f| f.len() >= SHORTEST_FORM));
    }
    all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    all.dedup();
    all
}

fn encodings(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let json = json_escape(secret);
    let mut all = vec![
        hex.to_uppercase(),
        hex,
        percent(secret, false),
        percent(secret, true),
        form(secret),
        json_escape(&json),
        json.replace('/', "\\/"),
        ascii_json(&json),
        json,
        html(secret),
    ];
    all.extend(segment(secret));
    for engine in [&STANDARD, &URL_SAFE] {
        all.push(engine.encode(secret));
        all.extend((0..3).map(|offset| inside_base64(engine, secret, offset)));
    }
    all
}

/// What Base64 of `… secret …` holds of the secret when it begins `offset` bytes after a group of three.
fn inside_base64(engine: &impl base64::Engine, secret: &str, offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(secret.as_bytes());
    let encoded = engine.encode(&padded);
    let start = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    encoded.get(start..end).unwrap_or_default().to_owned()
}

fn percent(secret: &str, lower: bool) -> String {
    let escape = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        _ if lower => format!("%{b:02x}"),
        _ => format!("%{b:02X}"),
    };
    secret.bytes().map(escape).collect()
}

fn form(secret: &str) -> String {
    url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()
}

/// As a URL's path spells it.
fn segment(secret: &str) -> Option<String> {
    let mut url = url::Url::parse("http://h/").ok()?;
    url.path_segments_mut().ok()?.push(secret);
    Some(url.path().trim_start_matches('/').to_owned())
}

fn json_escape(secret: &str) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

fn ascii_json(json: &str) -> String {
    let mut units = [0u16; 2];
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect(),
    };
    json.chars().map(escape).collect()
}

fn html(secret: &str) -> String {
    secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "cAnary/+ \"tök&n<7>?";

    fn scrubber() -> Scrubber {
        let scrubber = Scrubber::default();
        scrubber.learn("env:TOKEN", CANARY);
        scrubber
    }

    #[test]
    fn every_encoding_is_found_wherever_it_stands() {
        let hex: String = CANARY.bytes().map(|b| format!("{b:02x}")).collect();
        let encoded = [
            ("raw", CANARY.to_owned()),
            ("base64", STANDARD.encode(CANARY)),
            ("base64 without padding", STANDARD.encode(CANARY).trim_end_matches('=').to_owned()),
            ("base64 for urls", URL_SAFE.encode(CANARY)),
            ("percent", percent(CANARY, false)),
            ("percent, small", percent(CANARY, true)),
            ("form", form(CANARY)),
            ("path", segment(CANARY).unwrap()),
            ("json", serde_json::Value::from(CANARY).to_string()),
            ("json in json", serde_json::Value::from(serde_json::Value::from(CANARY).to_string()).to_string()),
            ("json in ascii", ascii_json(&json_escape(CANARY))),
            ("hex", hex.clone()),
            ("HEX", hex.to_uppercase()),
            ("html", html(CANARY)),
        ];
        for (name, text) in encoded {
            let clean = scrubber().text(&format!("before {text} after")).into_owned();
            assert!(clean.contains("secret(env:TOKEN)"), "{name}: {clean}");
            assert!(clean.starts_with("before ") && clean.ends_with(" after"), "{name}: {clean}");
        }
    }

    #[test]
    fn base64_of_something_around_it_keeps_at_most_the_edges() {
        for before in ["", "a", "ab", "user:", "four"] {
            for after in ["", "x", "xy"] {
                let text = STANDARD.encode(format!("{before}{CANARY}{after}"));
                let clean = scrubber().text(&text).into_owned();
                assert!(clean.contains("secret(env:TOKEN)"), "{before}…{after}: {clean}");
                assert!(clean.len() < "secret(env:TOKEN)".len() + before.len() * 2 + 8, "{clean}");
            }
        }
    }

    #[test]
    fn every_part_of_an_outcome_is_cleaned() {
        let value = Value::record([
            ("text", Value::text(format!("<{CANARY}>"))),
            ("bytes", Value::Bytes(CANARY.as_bytes().into())),
            ("json", Value::Json(Json::object([(CANARY, Json::list([Json::from(CANARY)]))]))),
            (
                "map",
                Value::Map(Arc::new([(Value::text(CANARY), Value::list([Value::text(CANARY)]))].into_iter().collect())),
            ),
        ]);
        let failure = Failure::new(rrb_lang::vm::protocol::FailureKind::Failed, CANARY).detail(Json::from(CANARY));
        for outcome in
            [EffectOutcome::Done(value), EffectOutcome::Failed(failure), EffectOutcome::Lost { why: CANARY.into() }]
        {
            let shown = format!("{:?}", scrubber().outcome(outcome));
            assert!(!shown.contains("cAnary") && !shown.contains("[99, 65"), "{shown}");
            assert!(shown.contains("secret(env:TOKEN)"), "{shown}");
        }
    }

    #[test]
    fn lines_of_a_long_secret_are_found_one_by_one() {
        let scrubber = Scrubber::default();
        scrubber.learn("file:/k", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END KEY-----");
        assert_eq!(scrubber.text("line MIIEvQIBADANBgkqhkiG9w0B!"), "line secret(file:/k)!");
    }

    #[test]
    fn what_is_cut_is_seen_at_both_ends() {
        let scrubber = Scrubber::default();
        scrubber.learn("env:T", "abcdefghij");
        assert_eq!(scrubber.cut_end("xxabcdef"), 6);
        assert_eq!(scrubber.cut_end("xxabc"), 0);
        assert_eq!(scrubber.cut_start("defghij more"), 7);
        assert_eq!(scrubber.cut_start("nothing"), 0);
    }

    #[test]
    fn short_values_and_clean_texts_are_left_alone() {
        let scrubber = Scrubber::default();
        scrubber.learn("env:T", "abc");
        assert!(matches!(scrubber.text("abc"), Cow::Borrowed("abc")));
        assert!(!format!("{scrubber:?}").contains("abc"));
    }

    #[test]
    fn memory_is_bounded() {
        let scrubber = Scrubber::default();
        for i in 0..=MAX_KNOWN {
            scrubber.learn("env:T", &format!("value-{i:06}"));
        }
        assert_eq!(scrubber.read(VecDeque::len), MAX_KNOWN);
        assert_eq!(scrubber.text("value-000000"), "value-000000");
        assert_eq!(scrubber.text("value-000001"), "secret(env:T)");
    }
}
