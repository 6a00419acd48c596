//! From a response to a value or a failure, within bounds.

use std::sync::Arc;

use indexmap::IndexMap;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::xml;
use crate::secrets::Scrubber;

/// The most that `max_reply` can ask for.
pub const MAX_BYTES: u64 = 16 << 20;

/// How much of the body of an unexpected reply a failure shows, in bytes.
const SHOWN: usize = 4 << 10;

/// Takes the reply.
pub async fn read(
    response: Response,
    expect: &[i64],
    max: u64,
    shown: &str,
    scrubber: &Scrubber,
) -> Result<Value, Failure> {
    let status = response.status();
    let code = i64::from(status.as_u16());
    let expected = if expect.is_empty() { status.is_success() } else { expect.contains(&code) };
    let headers = response.headers().clone();
    if !expected {
        return Err(refusal(response, shown, scrubber).await);
    }
    let body = whole(response, max, shown).await?;
    let text = text(&headers, &body);
    let json = decode(&headers, &body).map_err(|e| {
        let message = format!("{shown} answered {code} with a body that is not valid JSON: {e}");
        Failure::new(FailureKind::Invalid, message).happened(Happened::Answered)
    })?;
    let xml = markup(&headers, &text).map_err(|e| {
        let message = format!("{shown} answered {code} with a body that is not valid XML: {e}");
        Failure::new(FailureKind::Invalid, message).happened(Happened::Answered)
    })?;
    Ok(Value::record([
        ("status", Value::Int(code)),
        ("headers", header_map(&headers)),
        ("text", Value::text(text)),
        ("json", Value::Json(json)),
        ("xml", Value::Json(xml)),
    ]))
}

/// The failure of a reply that is not what was asked for.
pub async fn refusal(response: Response, shown: &str, scrubber: &Scrubber) -> Failure {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = excerpt(response).await;
    unexpected(status, &headers, &text(&headers, &body), shown, scrubber)
}

pub async fn whole(mut response: Response, max: u64, shown: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(e) => {
                let why = if e.is_decode() { "cannot be unpacked" } else { "broke off" };
                let message = format!("{shown}: the reply {why}: {}", super::chain(&e));
                return Err(Failure::new(FailureKind::Unavailable, message).happened(Happened::Maybe));
            }
        }
        if body.len() as u64 > max {
            let message =
                format!("{shown}: the reply is longer than {max} bytes; `max_reply` allows more, up to 16 MiB");
            return Err(Failure::new(FailureKind::Invalid, message).happened(Happened::Answered));
        }
    }
}

/// The first bytes of a body that is only shown. What breaks it off does not matter.
async fn excerpt(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    // Twice as much as is shown, so that a secret at the cut is whole when it is looked for.
    while body.len() < 2 * SHOWN {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            _ => break,
        }
    }
    body
}

pub fn text(headers: &HeaderMap, body: &[u8]) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if kind.contains("charset=iso-8859-1") || kind.contains("charset=\"iso-8859-1\"") {
        return body.iter().map(|b| char::from(*b)).collect();
    }
    String::from_utf8_lossy(body).into_owned()
}

fn media_type(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// XML where the reply says so, or looks like it and is it; null for everything else.
fn markup(headers: &HeaderMap, text: &str) -> Result<Json, String> {
    let (kind, text) = (media_type(headers), text.trim_start_matches('\u{feff}').trim());
    if matches!(kind.as_str(), "application/xml" | "text/xml") && !text.is_empty() {
        return xml::parse(text);
    }
    let looks_like_it = text.starts_with("<?xml") || kind.ends_with("+xml");
    Ok(if looks_like_it { xml::parse(text).unwrap_or_default() } else { Json::Null })
}

/// JSON where the reply says so, or looks like it and is it; null for everything else.
fn decode(headers: &HeaderMap, body: &[u8]) -> Result<Json, String> {
    let kind = media_type(headers);
    let says_so = kind == "application/json" || kind.ends_with("+json");
    let body = body.trim_ascii();
    if matches!(kind.as_str(), "application/x-ndjson" | "application/jsonl") {
        return lines(body);
    }
    if says_so && !body.is_empty() {
        return json::parse(body, Bounds::default()).or_else(|why| lines(body).map_err(|_| why));
    }
    let looks_like_it = matches!(body.first(), Some(b'{' | b'['));
    Ok(if looks_like_it { json::parse(body, Bounds::default()).unwrap_or_default() } else { Json::Null })
}

/// A value on each line, as a list. Container engines and clusters stream so, and call it JSON.
fn lines(body: &[u8]) -> Result<Json, String> {
    let mut all = Vec::with_capacity(body.len() + 2);
    for line in body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|l| !l.is_empty()) {
        json::parse(line, Bounds::default())?;
        all.push(if all.is_empty() { b'[' } else { b',' });
        all.extend_from_slice(line);
    }
    if all.is_empty() {
        return Ok(Json::list(Vec::new()));
    }
    all.push(b']');
    // Once more as a whole: the bounds are those of all lines together.
    json::parse(&all, Bounds::default())
}

fn header_map(headers: &HeaderMap) -> Value {
    let mut map: IndexMap<Value, Value> = IndexMap::new();
    for name in headers.keys() {
        let values: Vec<_> = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        map.insert(Value::text(name.as_str()), Value::text(values.join(", ")));
    }
    Value::Map(Arc::new(map))
}

/// What a failure keeps of an answer.
pub fn detail(status: StatusCode, headers: &HeaderMap, text: &str, scrubber: &Scrubber) -> Vec<(&'static str, Json)> {
    let clean = scrubber.text(text);
    let end = clean.floor_char_boundary(SHOWN);
    let mut detail =
        vec![("status", Json::Int(status.as_u16().into())), ("text", Json::from(clean.get(..end).unwrap_or_default()))];
    let xml = markup(headers, clean.get(..end).unwrap_or_default()).unwrap_or_default();
    if xml != Json::Null {
        detail.push(("xml", xml));
    }
    if let Some(seconds) = retry_after(status, headers) {
        detail.push(("retry_after_seconds", Json::Int(seconds)));
    }
    // What AWS calls the error, where the body does not say it.
    if let Some(name) = headers.get("x-amzn-errortype").and_then(|v| v.to_str().ok()) {
        detail.push(("error_type", Json::from(name)));
    }
    if let Some(location) = headers.get(LOCATION).and_then(|v| v.to_str().ok()) {
        detail.push(("location", Json::from(location)));
    }
    detail
}

fn unexpected(status: StatusCode, headers: &HeaderMap, text: &str, shown: &str, scrubber: &Scrubber) -> Failure {
    let detail = detail(status, headers, text, scrubber);
    let (kind, happened) = match throttled(status, headers) {
        true => (FailureKind::Throttled, Happened::No),
        false => kind(status),
    };
    let hint = if status.is_redirection() { "; redirects are not followed, ask for the other address" } else { "" };
    let name = status.canonical_reason().map(|r| format!(" {r}")).unwrap_or_default();
    let message = format!("{shown} answered {}{name}{hint}", status.as_u16());
    Failure::new(kind, message).happened(happened).detail(Json::object(detail))
}

/// What a status means, and whether the target can have acted.
fn kind(status: StatusCode) -> (FailureKind, Happened) {
    let kind = match status.as_u16() {
        400 | 413 | 414 | 415 | 422 => FailureKind::Invalid,
        401 => FailureKind::Unauthorized,
        403 => FailureKind::Forbidden,
        404 | 410 => FailureKind::NotFound,
        408 | 504 => FailureKind::Timeout,
        409 | 412 | 423 => FailureKind::Conflict,
        // 420 is what some (Statuspage) still send for it.
        420 | 429 => FailureKind::Throttled,
        500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Failed,
    };
    let happened = match status.as_u16() {
        420 | 429 | 503 => Happened::No,
        408 | 500..=599 => Happened::Maybe,
        _ => Happened::Answered,
    };
    (kind, happened)
}

/// The longest wait that a target is believed.
const LONGEST: i64 = 7 * 86_400;

/// Seconds from now until the target wants to be asked again.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<i64> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    if let Some(milliseconds) = ["retry-after-ms", "x-ms-retry-after-ms"].iter().find_map(|n| number(text(n)?)) {
        return Some(seconds_up(milliseconds / 1000.0));
    }
    if let Some(said) = text(RETRY_AFTER.as_str()).and_then(|value| after(value, headers)) {
        return Some(said);
    }
    if !throttled(status, headers) {
        return None;
    }
    // Without it, when the ration is full again.
    const RESETS: [&str; 5] = [
        "x-ratelimit-reset-after",
        "ratelimit-reset",
        "x-ratelimit-reset",
        "x-rate-limit-reset",
        "x-ratelimit-reset-requests",
    ];
    let reset = RESETS.iter().find_map(|n| number(text(n)?)).or_else(|| {
        // `"default";r=0;t=30`, https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
        text("ratelimit")?.split(';').find_map(|p| number(p.trim().strip_prefix("t=")?))
    })?;
    let now = super::super::now() as f64 / 1000.0;
    // A number so large is a time: in seconds since 1970, or in milliseconds.
    let left = match reset {
        r if r >= 1e12 => r / 1000.0 - now,
        r if r >= 1e9 => r - now,
        r => r,
    };
    Some(seconds_up(left))
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)
}

fn seconds_up(seconds: f64) -> i64 {
    // Rounded up: a little early is too early.
    seconds.clamp(0.0, LONGEST as f64).ceil() as i64
}

/// Seconds, or a date that is counted from the reply's own `date`, else from this machine's clock.
fn after(value: &str, headers: &HeaderMap) -> Option<i64> {
    if let Some(seconds) = number(value) {
        return Some(seconds_up(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|z| z.timestamp().as_second());
    let now =
        headers.get(reqwest::header::DATE).and_then(|v| date(v.to_str().ok()?)).unwrap_or(super::super::now() / 1000);
    Some(date(value)?.saturating_sub(now).clamp(0, LONGEST))
}

/// Whether the target refused because it was asked too often. GitHub says 403 then, with a ration of 0.
/// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
fn throttled(status: StatusCode, headers: &HeaderMap) -> bool {
    const RATIONS: [&str; 3] = ["x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining"];
    let left = RATIONS.iter().find_map(|n| headers.get(*n)).and_then(|v| v.to_str().ok()).map(str::trim);
    let busy = headers.contains_key(RETRY_AFTER) || left == Some("0");
    status == StatusCode::TOO_MANY_REQUESTS || (status == StatusCode::FORBIDDEN && busy)
}
