//! Bodies and parameters of requests: read within bounds, checked against the route's table.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Uri, header};
use futures_util::StreamExt;
use rrb_lang::diag::nearest;
use rrb_lang::json::{self, Bounds};
use serde_json::{Map, Value};

use crate::field::{Field, Kind};
use crate::problem::Problem;

/// Parameters after the `?`.
const MAX_QUERY: usize = 64;

/// Reads a body.
///
/// # Errors
/// 413 beyond `most` bytes, 408 when it is not whole after `time`, 415 for a compressed one.
pub(crate) async fn read(headers: &HeaderMap, body: Body, most: usize, time: Duration) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new("too_large", format!("the body is larger than {most} bytes"))
            .help("send less at once, or raise `max_body` in `[serve]`")
            .closing()
    };
    if headers.get(header::CONTENT_ENCODING).is_some_and(|e| e != "identity") {
        return Err(Problem::new("unsupported", "compressed bodies are not read here").closing());
    }
    let told = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|n| n > most as u64) {
        return Err(too_large());
    }
    let gather = async {
        let mut bytes = Vec::new();
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let part = part.map_err(|e| Problem::new("invalid", format!("the body broke off: {e}")).closing())?;
            if bytes.len() + part.len() > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes)
    };
    match tokio::time::timeout(time, gather).await {
        Ok(done) => done,
        Err(_) => {
            let seconds = time.as_secs();
            Err(Problem::new("too_slow", format!("the body was not whole after {seconds} seconds")).closing())
        }
    }
}

/// The members of a JSON body, as `fields` has them. No body is an object without members.
///
/// # Errors
/// 400 or 415, with what was expected.
pub(crate) fn members(headers: &HeaderMap, body: &[u8], fields: &[Field]) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return check("member", Map::new(), fields);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(Problem::new("unsupported", "the body must be `application/json`")
            .help("send the header `content-type: application/json`"));
    }
    let value = json::parse(body, Bounds::default())
        .map_err(|e| Problem::new("invalid", format!("the body is not JSON that is read here: {e}")))?;
    match Value::from(&value) {
        Value::Object(map) => check("member", map, fields),
        _ => Err(Problem::new("invalid", format!("the body must be an object, not {}", value.kind()))),
    }
}

/// The parameters after the `?`, as `fields` has them.
///
/// # Errors
/// 400, with what was expected.
pub(crate) fn query(uri: &Uri, fields: &[Field]) -> Result<Map<String, Value>, Problem> {
    let mut map = Map::new();
    for (name, text) in pairs(uri)? {
        let value = match fields.iter().find(|f| f.name == name).map(|f| f.kind) {
            Some(Kind::Int { .. }) => text.parse::<i64>().map_or_else(|_| Value::String(text.clone()), Value::from),
            Some(Kind::Bool) => match text.as_str() {
                "true" | "1" | "" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => Value::String(text),
            },
            _ => Value::String(text),
        };
        if map.insert(name.clone(), value).is_some() {
            return Err(Problem::new("invalid", format!("the parameter `{name}` stands twice")));
        }
    }
    check("parameter", map, fields)
}

/// Names and values after the `?`.
pub(crate) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|e| Problem::new("invalid", format!("the parameters after `?` cannot be read: {e}")))?;
    if pairs.len() > MAX_QUERY {
        return Err(Problem::new("invalid", format!("more than {MAX_QUERY} parameters")));
    }
    Ok(pairs)
}

fn check(what: &str, mut map: Map<String, Value>, fields: &[Field]) -> Result<Map<String, Value>, Problem> {
    // Null is what is left out, but where anything may stand.
    map.retain(|name, v| !v.is_null() || fields.iter().any(|f| f.name == name && f.kind == Kind::Any));
    for (name, value) in &map {
        let Some(field) = fields.iter().find(|f| f.name == name) else {
            return Err(unknown(what, name, fields));
        };
        if let Some(expected) = field.kind.misfit(value) {
            return Err(Problem::new("invalid", format!("`{name}` must be {expected}")));
        }
    }
    match fields.iter().find(|f| f.needed && !map.contains_key(f.name)) {
        Some(f) => Err(Problem::new("invalid", format!("the {what} `{}` is missing: {}", f.name, f.docs))),
        None => Ok(map),
    }
}

fn unknown(what: &str, name: &str, fields: &[Field]) -> Problem {
    let shown: String = name.chars().take(60).collect();
    let problem = Problem::new("invalid", format!("there is no {what} `{shown}`"));
    if let Some(near) = nearest(&shown, fields.iter().map(|f| f.name)) {
        return problem.help(format!("did you mean `{near}`?"));
    }
    if fields.is_empty() {
        return problem.help("none is read here");
    }
    let all: Vec<&str> = fields.iter().map(|f| f.name).collect();
    problem.help(format!("there are {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: &[Field] = &[
        Field { name: "run", kind: Kind::Text, needed: true, docs: "which run" },
        Field { name: "limit", kind: Kind::Int { min: 0, max: 10 }, needed: false, docs: "how many" },
        Field { name: "open", kind: Kind::Bool, needed: false, docs: "only open ones" },
        Field { name: "state", kind: Kind::OneOf(&["a", "b"]), needed: false, docs: "which state" },
        Field { name: "scopes", kind: Kind::Texts, needed: false, docs: "rights" },
        Field { name: "params", kind: Kind::Object, needed: false, docs: "values" },
    ];

    fn body(text: &str) -> Result<Map<String, Value>, String> {
        let headers =
            [(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap())].into_iter().collect();
        members(&headers, text.as_bytes(), FIELDS)
            .map_err(|p| [p.detail, p.help.unwrap_or_default()].join(" | ").trim_end_matches(" | ").to_owned())
    }

    #[test]
    fn a_good_body_is_taken_as_it_is() {
        let text = r#"{"run": "r", "limit": 10, "open": true, "state": "b", "scopes": ["x"], "params": {"p": null}}"#;
        assert_eq!(Value::Object(body(text).unwrap()), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(Value::Object(body(r#"{"run": "r", "limit": null}"#).unwrap()), json!({"run": "r"}));
    }

    #[test]
    fn a_wrong_body_says_what_is_wrong() {
        for (text, said) in [
            ("", "the member `run` is missing: which run"),
            ("{}", "the member `run` is missing: which run"),
            (r#"{"run": null}"#, "the member `run` is missing: which run"),
            (r#"{"run": 1}"#, "`run` must be a text"),
            (r#"{"run": "r", "limits": 1}"#, "there is no member `limits` | did you mean `limit`?"),
            (
                r#"{"run": "r", "zzz": 1}"#,
                "there is no member `zzz` | there are run, limit, open, state, scopes, params",
            ),
            (r#"{"run": "r", "limit": -1}"#, "`limit` must be a whole number from 0 to 10"),
            (r#"{"run": "r", "limit": 11}"#, "`limit` must be a whole number from 0 to 10"),
            (r#"{"run": "r", "limit": 1.5}"#, "`limit` must be a whole number from 0 to 10"),
            (r#"{"run": "r", "limit": "1"}"#, "`limit` must be a whole number from 0 to 10"),
            (r#"{"run": "r", "open": "yes"}"#, "`open` must be true or false"),
            (r#"{"run": "r", "state": "c"}"#, "`state` must be one of `a`, `b`"),
            (r#"{"run": "r", "scopes": "x"}"#, "`scopes` must be a list of texts"),
            (r#"{"run": "r", "scopes": [1]}"#, "`scopes` must be a list of texts"),
            (r#"{"run": "r", "params": []}"#, "`params` must be an object"),
            ("[]", "the body must be an object, not a list"),
            ("null", "the body must be an object, not null"),
        ] {
            assert_eq!(body(text).unwrap_err(), said, "{text}");
        }
        for text in ["{", r#"{"run": "r"} x"#, r#"{"run": "r", "run": "s"}"#, "\u{feff}{}", r#"{"run": "\ud800"}"#] {
            assert!(body(text).unwrap_err().starts_with("the body is not JSON that is read here: "), "{text}");
        }
    }

    #[test]
    fn another_kind_of_body_is_not_guessed_at() {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            let headers = [(header::CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            assert_eq!(members(&headers, b"{}", FIELDS).unwrap_err().code, "unsupported", "{kind}");
        }
        assert_eq!(members(&HeaderMap::new(), b"{}", FIELDS).unwrap_err().code, "unsupported");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| format!(r#"{{"run": "r", "params": {{"x": {}{}}}}}"#, "[".repeat(n), "]".repeat(n));
        for (levels, fits) in [(61, true), (62, true), (63, false)] {
            assert_eq!(body(&nested(levels)).is_ok(), fits, "{levels}");
        }
        body(&nested(100_000)).unwrap_err();
    }

    #[test]
    fn parameters_are_typed() {
        let ask = |text: &str| query(&format!("/v1/x?{text}").parse().unwrap(), FIELDS).map_err(|p| p.detail);
        let good = ask("run=a%20b&limit=10&open&state=a").unwrap();
        assert_eq!(Value::Object(good), json!({"run": "a b", "limit": 10, "open": true, "state": "a"}));
        assert_eq!(ask("").unwrap_err(), "the parameter `run` is missing: which run");
        assert_eq!(ask("run=a&run=b").unwrap_err(), "the parameter `run` stands twice");
        assert_eq!(ask("run=a&limit=x").unwrap_err(), "`limit` must be a whole number from 0 to 10");
        assert_eq!(ask("run=a&open=maybe").unwrap_err(), "`open` must be true or false");
        assert_eq!(ask("run=a&token=x").unwrap_err(), "there is no parameter `token`");
        let many = |n: usize| vec!["x=1"; n].join("&");
        assert!(
            ask(&many(64)).unwrap_err().starts_with("there is no") || ask(&many(64)).unwrap_err().contains("twice")
        );
        assert_eq!(ask(&many(65)).unwrap_err(), "more than 64 parameters");
    }

    #[tokio::test]
    async fn bodies_are_bounded_in_bytes_and_time() {
        let time = Duration::from_secs(5);
        for (bytes, fits) in [(99, true), (100, true), (101, false)] {
            let got = read(&HeaderMap::new(), Body::from(vec![b'x'; bytes]), 100, time).await;
            assert_eq!(got.is_ok(), fits, "{bytes}");
        }
        let lying = [(header::CONTENT_LENGTH, "101".parse().unwrap())].into_iter().collect();
        assert_eq!(read(&lying, Body::from("x"), 100, time).await.unwrap_err().code, "too_large");
        let packed = [(header::CONTENT_ENCODING, "gzip".parse().unwrap())].into_iter().collect();
        assert_eq!(read(&packed, Body::from("x"), 100, time).await.unwrap_err().code, "unsupported");
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let slow = read(&HeaderMap::new(), Body::from_stream(never), 100, Duration::from_millis(20)).await;
        assert_eq!(slow.unwrap_err().code, "too_slow");
    }
}
