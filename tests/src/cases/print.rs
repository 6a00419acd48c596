//! What the cases did, as text that people review.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use regex::{Captures, Regex};
use rrb_lang::vm::protocol::{Failure, RunEnd};
use serde_json::Value;

use super::Fixture;
use super::program::Program;
use super::run::Ran;
use crate::double::{Exchange, From};
use crate::openapi::Seen;

/// Headers that say nothing of a connector.
const DULL: [&str; 7] =
    ["accept", "accept-encoding", "connection", "content-length", "host", "user-agent", "transfer-encoding"];

/// The most lines of a body or a value.
const MAX_LINES: usize = 200;

/// The most differences of a hand-written reply that are told.
const MAX_MISFITS: usize = 5;

/// A case, and what became of it.
pub struct Told<'a> {
    pub case: &'a str,
    pub ran: &'a Ran,
    pub exchanges: &'a [Exchange],
    pub fixture: &'a Fixture,
    pub url: &'a str,
}

/// The actions of the connector that no case calls.
pub fn not_called(program: &Program, called: &[String]) -> String {
    let called: BTreeSet<&str> = called.iter().map(String::as_str).collect();
    let missing: Vec<String> = program.actions().into_iter().filter(|a| !called.contains(a.as_str())).collect();
    if missing.is_empty() { String::new() } else { format!("no case calls: {}\n\n", missing.join(", ")) }
}

/// One case.
pub fn case(told: &Told<'_>) -> String {
    let mut out = format!("## {}\n", told.case);
    for exchange in told.exchanges {
        out += &request(told, exchange);
    }
    let took = told.fixture.took();
    if !took.is_empty() {
        out += &format!("the server took:\n  {}\n", told.neutral(took.trim_end()).replace('\n', "\n  "));
    }
    if told.ran.slept > 0 {
        out += &format!("slept {} ms\n", told.ran.slept);
    }
    for (name, value) in &told.ran.evidence {
        let value = pretty(&Value::from(value));
        out += &format!("evidence {name}: {}\n", told.neutral(&value));
    }
    out += &match &told.ran.end {
        Ok(end) => ended(told, end),
        Err(why) => format!("the case broke: {}\n", told.neutral(why)),
    };
    out.push('\n');
    out
}

fn ended(told: &Told<'_>, end: &RunEnd) -> String {
    let mut out = format!("{}\n", format!("{:?}", end.outcome).to_lowercase());
    if let Some(failure) = &end.failure {
        out += &failed(told, failure);
    }
    for remains in &end.remains {
        out += &format!("remains: {}\n", told.neutral(remains));
    }
    out
}

fn failed(told: &Told<'_>, failure: &Failure) -> String {
    let happened = format!("{:?}", failure.happened).to_lowercase();
    let message = told.neutral(&failure.message);
    format!("failed: {:?}, happened: {happened}\n  {}\n", failure.kind, message.replace('\n', "\n  "))
}

fn request(told: &Told<'_>, exchange: &Exchange) -> String {
    let seen = &exchange.seen;
    let query: Vec<String> = seen.query.iter().map(|(n, v)| format!("\n    {n} = {}", told.neutral(v))).collect();
    let mut out = format!("> {} {}{}\n", seen.method, told.neutral(&seen.path), query.concat());
    for (name, value) in seen.headers.iter().filter(|(n, v)| !DULL.contains(&n.as_str()) || n == "accept" && v != "*/*")
    {
        out += &format!("    {name}: {}\n", told.header(name, value));
    }
    out += &body(told, seen);
    out += &verdict(told, exchange);
    out
}

fn body(told: &Told<'_>, seen: &Seen) -> String {
    if seen.body.is_empty() {
        return String::new();
    }
    let text = match serde_json::from_slice::<Value>(&seen.body) {
        Ok(value) => pretty(&value),
        Err(_) if !seen.form().is_empty() => {
            seen.form().iter().map(|(n, v)| format!("{n} = {v}")).collect::<Vec<_>>().join("\n")
        }
        Err(_) => String::from_utf8_lossy(&seen.body).into_owned(),
    };
    let text = told.neutral(&text);
    let lines: Vec<&str> = text.lines().take(MAX_LINES).collect();
    format!("  {}\n", lines.join("\n  "))
}

fn verdict(told: &Told<'_>, exchange: &Exchange) -> String {
    let from = match exchange.from {
        From::Description => ", as described",
        From::Fixture => "",
        From::Echo => ", echoed",
        From::Nowhere => ", as nobody knows it",
    };
    let mut out = match &exchange.verdict {
        Some(verdict) => format!("  is {}\n", verdict.operation),
        None => String::new(),
    };
    if let Some(verdict) = &exchange.verdict {
        for why in &verdict.refused {
            let known = if told.fixture.is_excepted(why) { "excepted" } else { "REFUSED" };
            out += &format!("  {known}: {}\n", told.neutral(why));
        }
        for what in &verdict.remarks {
            out += &format!("  look: {}\n", told.neutral(what));
        }
    }
    for what in exchange.misfits.iter().take(MAX_MISFITS) {
        out += &format!("  the reply is not as described: {}\n", told.neutral(what));
    }
    format!("{out}< {}{from}\n", exchange.status)
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= MAX_LINES {
        return text;
    }
    format!("{}\n… {} lines more", lines[..MAX_LINES].join("\n"), lines.len() - MAX_LINES)
}

impl Told<'_> {
    /// Without what differs from run to run.
    fn neutral(&self, text: &str) -> String {
        let mut text = self.fixture.neutral(text, self.url);
        for key in &self.ran.keys {
            text = text.replace(key.as_str(), "‹key›");
        }
        let text = signed_token().replace_all(&text, token_shown).into_owned();
        address().replace_all(&text, "‹port›").into_owned()
    }

    fn header(&self, name: &str, value: &str) -> String {
        if let Some(inner) = value.strip_prefix("Basic ")
            && let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(inner)
        {
            return format!("Basic ({})", self.neutral(&String::from_utf8_lossy(&bytes)));
        }
        if name == "x-amz-date" {
            return "‹now›".to_owned();
        }
        let text = signature().replace(value, |c: &Captures<'_>| {
            format!(
                "AWS4-HMAC-SHA256 Credential={}/‹day›/{}, SignedHeaders={}, Signature=‹signature›",
                &c[1], &c[2], &c[3]
            )
        });
        self.neutral(&text)
    }
}

/// A JWT as its header and claims, without the times.
fn token_shown(found: &Captures<'_>) -> String {
    let part = |n: usize| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&found[n]).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let (Some(head), Some(mut claims)) = (part(1), part(2)) else { return "‹token›".to_owned() };
    for time in ["iat", "exp", "nbf", "jti"] {
        if let Some(value) = claims.get_mut(time) {
            *value = "‹varies›".into();
        }
    }
    format!("‹token {head} {claims}›")
}

fn signed_token() -> &'static Regex {
    static TOKEN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(eyJ[A-Za-z0-9_-]+)\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+").expect("a pattern"));
    &TOKEN
}

fn signature() -> &'static Regex {
    static SIGNATURE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^,]+), ?SignedHeaders=([^,]+), ?Signature=[0-9a-f]+")
            .expect("a pattern")
    });
    &SIGNATURE
}

/// Addresses of loopback that are not the double's.
fn address() -> &'static Regex {
    static ADDRESS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:127\.0\.0\.1|localhost):\d{2,}").expect("a pattern"));
    &ADDRESS
}
