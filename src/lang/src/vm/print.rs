//! Values as people and other programs see them: the text of a hole, and JSON.

use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::limits::MAX_NESTING;
use crate::json::Json;
use crate::value::Value;

/// The text that a hole prints. Kinds that no hole takes print for people (messages, last values of a verify); secrets never do.
pub fn display(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    out
}

/// Appends what [`display`] gives.
pub fn write_value(out: &mut String, value: &Value) {
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Nothing => out.write_str("nothing"),
        Value::None => out.write_str("none"),
        Value::Bool(b) => write!(out, "{b}"),
        Value::Int(i) => write!(out, "{i}"),
        Value::Float(f) => out.write_str(&float(*f)),
        Value::Text(t) | Value::Cron(t) => out.write_str(t),
        Value::Url(u) => out.write_str(url(u)),
        Value::Duration(ms) => out.write_str(&duration(*ms)),
        Value::Size(bytes) => out.write_str(&size(*bytes)),
        Value::Time(ms) => out.write_str(&time(*ms)),
        Value::Regex(p) => out.write_str(p.regex().as_str()),
        Value::Ip(ip) => write!(out, "{ip}"),
        Value::Cidr(net) => write!(out, "{net}"),
        Value::Bytes(b) => write!(out, "{} bytes", b.len()),
        Value::Json(json) => out.write_str(&json_text(json)),
        Value::Secret(s) => write!(out, "{s}"),
        Value::Range(r) => {
            write_value(out, &r.start);
            out.push_str(if r.inclusive { "..=" } else { ".." });
            write_value(out, &r.end);
            Ok(())
        }
        Value::Variant(v) if v.payload.is_empty() => out.write_str(&v.name),
        Value::Function(_) => out.write_str("a function"),
        Value::Unknown => out.write_str("unknown"),
        Value::List(_) | Value::Set(_) | Value::Map(_) | Value::Record(_) | Value::Variant(_) => {
            out.write_str(&json_text(&shown(value)))
        }
    };
}

/// A text that goes on behind a Url: where the Url ends in the `/` that the text begins with, one of them is left out.
pub(crate) fn meet(out: &mut String, before: &Value, next: &Value) {
    let (Value::Url(url), Value::Text(next)) = (before, next) else { return };
    if url.ends_with('/') && next.starts_with('/') && !url.contains(['?', '#']) && out.ends_with('/') {
        out.pop();
    }
}

/// A Url as people write it: an address that is nothing but a host has no `/` at its end, so that `"${base}/path"` has one.
fn url(u: &str) -> &str {
    let host = u.strip_suffix('/').filter(|rest| rest.split_once("://").is_some_and(|(_, host)| !host.contains('/')));
    host.unwrap_or(u)
}

/// A Float as the language writes it: always with a point or an exponent.
pub fn float(f: f64) -> String {
    let text = format!("{f}");
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        if text.len() > 17 { format!("{f:e}") } else { text + ".0" }
    } else {
        text
    }
}

/// A Duration as the language writes it, in its largest units: `1h30m`, `-5s`, `0s`.
pub fn duration(ms: i64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        let n = rest / length;
        rest %= length;
        if n > 0 {
            let _ = write!(out, "{n}{unit}");
        }
    }
    out
}

/// A Size for people: the largest unit that keeps it exact to one digit after the point, `1.5GiB`, `512MB`, `17B`.
pub fn size(bytes: i64) -> String {
    let magnitude = bytes.unsigned_abs();
    let sign = if bytes < 0 { "-" } else { "" };
    const BINARY: [(&str, u64); 5] =
        [("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    const DECIMAL: [(&str, u64); 5] = [
        ("PB", 1_000_000_000_000_000),
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1_000),
    ];
    // What was written in one family of units is printed in it.
    let whole = |units: &[(&'static str, u64)]| {
        units.iter().find(|(_, u)| magnitude >= *u && magnitude.is_multiple_of(*u)).map(|(n, u)| (*n, magnitude / u))
    };
    let exact = match (whole(&BINARY), whole(&DECIMAL)) {
        (Some(b), Some(d)) => Some(if b.1 <= d.1 { b } else { d }),
        (b, d) => b.or(d),
    };
    if let Some((unit, n)) = exact {
        return format!("{sign}{n}{unit}");
    }
    // 1500 bytes are 1.5KB, not nearly 1.5KiB.
    let tenths = DECIMAL.iter().chain(&BINARY).filter(|(_, u)| magnitude >= *u);
    if let Some((unit, u)) = tenths.clone().find(|(_, u)| (u128::from(magnitude) * 10).is_multiple_of(u128::from(*u))) {
        return format!("{sign}{:.1}{unit}", magnitude as f64 / *u as f64);
    }
    match BINARY.iter().find(|(_, u)| magnitude >= *u) {
        Some((unit, u)) => format!("{sign}{:.1}{unit}", magnitude as f64 / *u as f64),
        None => format!("{sign}{magnitude}B"),
    }
}

/// A Size that reads back as the same number of bytes: in the largest unit without a rest, else in bytes, `64MiB`, `67108865B`.
/// Approvers compare plans by it, so nothing is rounded.
fn exact_size(bytes: i64) -> String {
    let short = size(bytes);
    if short.contains('.') { format!("{bytes}B") } else { short }
}

/// A Time in RFC 3339, UTC, with a fraction only where there is one.
pub fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| format!("{ms}ms"), |t| t.to_string())
}

/// Compact JSON text.
pub fn json_text(json: &Json) -> String {
    serde_json::to_string(json).unwrap_or_default()
}

/// Why a value has no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoJson {
    #[error("a Secret cannot become Json")]
    Secret,
    #[error("a function cannot become Json")]
    Function,
    #[error("the value nests deeper than {MAX_NESTING} levels")]
    TooDeep,
    #[error("the value is unknown in a plan")]
    Unknown,
}

/// A value as JSON: records and maps as objects, none as null, units as the text or number that reads back with `as`.
///
/// # Errors
/// When it holds a Secret or a function, or nests too deep.
pub fn to_json(value: &Value) -> Result<Json, NoJson> {
    convert(value, MAX_NESTING, false)
}

/// A value as JSON for plans, the audit and messages: a size with its unit, a secret as its reference, a function as a word.
pub fn shown(value: &Value) -> Json {
    convert(value, MAX_NESTING, true).unwrap_or_else(|e| Json::Text(e.to_string().into()))
}

fn convert(value: &Value, left: usize, show: bool) -> Result<Json, NoJson> {
    let Some(less) = left.checked_sub(1) else { return Err(NoJson::TooDeep) };
    let list = |items: &mut dyn Iterator<Item = &Value>| -> Result<Json, NoJson> {
        Ok(Json::List(Arc::new(items.map(|v| convert(v, less, show)).collect::<Result<_, _>>()?)))
    };
    Ok(match value {
        Value::Nothing | Value::None => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Size(bytes) if show => Json::Text(exact_size(*bytes).into()),
        Value::Int(i) | Value::Size(i) => Json::Int(*i),
        Value::Float(f) => Json::Float(*f),
        Value::Json(json) if super::limits::json_nests_within(json, left) => json.clone(),
        Value::Json(_) => return Err(NoJson::TooDeep),
        Value::List(items) => list(&mut items.iter())?,
        Value::Set(items) => list(&mut items.iter())?,
        Value::Map(map) => {
            let key = |k: &Value| if let Value::Size(bytes) = k { exact_size(*bytes) } else { display(k) };
            let members = map.iter().map(|(k, v)| Ok((key(k).into(), convert(v, less, show)?)));
            Json::Object(Arc::new(members.collect::<Result<_, _>>()?))
        }
        Value::Record(r) => {
            let members = r.names.iter().zip(&r.values).map(|(n, v)| Ok((n.clone(), convert(v, less, show)?)));
            Json::Object(Arc::new(members.collect::<Result<_, _>>()?))
        }
        Value::Variant(v) if !v.payload.is_empty() => Json::object([(v.name.clone(), list(&mut v.payload.iter())?)]),
        Value::Bytes(b) => {
            use base64::Engine;
            Json::Text(base64::engine::general_purpose::STANDARD.encode(b).into())
        }
        Value::Secret(_) if !show => return Err(NoJson::Secret),
        Value::Function(_) if !show => return Err(NoJson::Function),
        Value::Unknown if !show => return Err(NoJson::Unknown),
        other => Json::Text(display(other).into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_print_as_they_are_written() {
        for (ms, text) in [(0, "0s"), (90_000, "1m30s"), (-5_000, "-5s"), (86_400_000, "1d"), (1_500, "1s500ms")] {
            assert_eq!(duration(ms), text);
        }
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_024, "1KiB"),
            (1_000, "1KB"),
            (10 << 20, "10MiB"),
            (1_500_000_000, "1500MB"),
            (1_234_567, "1.2MiB"),
            (1_500, "1.5KB"),
            (1_536, "1.5KiB"),
            (-2048, "-2KiB"),
            (i64::MIN, "-8192PiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (u, text) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example:8443/", "https://a.example:8443"),
            ("https://a.example/v1/", "https://a.example/v1/"),
            ("https://a.example/?q=/", "https://a.example/?q=/"),
        ] {
            assert_eq!(url(u), text);
        }
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(i64::MAX), format!("{}ms", i64::MAX));
        assert_eq!((float(1.0), float(0.85), float(1e300)), ("1.0".into(), "0.85".into(), "1e300".into()));
    }

    #[test]
    fn secrets_and_functions_have_no_json() {
        let secret = Value::Secret(Arc::new(crate::value::Secret::Ref("env:T".into())));
        assert_eq!(to_json(&Value::list([secret.clone()])), Err(NoJson::Secret));
        assert_eq!(shown(&Value::list([secret])), Json::list([Json::from("secret(env:T)")]));
        let f = Value::Function(Arc::new(crate::value::Closure { function: crate::ids::FnId(0), captures: vec![] }));
        assert_eq!(to_json(&f), Err(NoJson::Function));
        assert_eq!(to_json(&Value::Unknown), Err(NoJson::Unknown));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| (0..n).fold(Value::Int(1), |v, _| Value::list([v]));
        assert!(to_json(&nested(MAX_NESTING - 2)).is_ok());
        assert!(to_json(&nested(MAX_NESTING - 1)).is_ok());
        assert_eq!(to_json(&nested(MAX_NESTING)), Err(NoJson::TooDeep));
    }
}
