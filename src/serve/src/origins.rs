//! May a sender deliver? It asks by `OPTIONS`, as CloudEvents has it, before it delivers anything.
//!
//! <https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection>

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::hooks;
use crate::problem::Problem;

/// The longest name of an origin, in bytes: that of a host.
const LONGEST: usize = 253;

const ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// The answer to `OPTIONS` at `address`, the path below `/hooks`. It only says what the connector declares; every delivery is checked.
///
/// # Errors
/// 404 without such a webhook, 405 where nobody asks, 400 without an origin, 403 for another one than those declared.
pub(crate) fn answer(app: &App, address: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let unknown = || Problem::new("not_found", "there is no webhook at this address");
    let (path, instance, _) = hooks::find(app, address).ok_or_else(unknown)?;
    let origins = app.webhooks.origins(&path, &instance).map_err(|why| {
        tracing::error!(path, instance, why, "the origins of a webhook cannot be told");
        Problem::new("overloaded", "nothing can be said now")
    })?;
    if origins.is_empty() {
        return Err(Problem::new("method_not_allowed", "this address does not take this method")
            .help("the connector has no `origins`: its senders deliver without asking"));
    }
    let asks = headers.get(ORIGIN).filter(|v| v.len() <= LONGEST).and_then(|v| v.to_str().ok());
    let asks = asks.ok_or_else(|| Problem::new("invalid", format!("the header `{ORIGIN}` is missing or malformed")))?;
    if !origins.iter().any(|o| o.eq_ignore_ascii_case(asks)) {
        return Err(Problem::new("forbidden", "this origin may not deliver here"));
    }
    let echo = HeaderValue::from_str(asks).map_err(|_| Problem::new("invalid", "the origin is malformed"))?;
    let mut response = StatusCode::OK.into_response();
    let all = response.headers_mut();
    all.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    all.insert(ALLOWED_ORIGIN, echo);
    if headers.contains_key(RATE) {
        // Who sends too much is told so when it does, by 503.
        all.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
    }
    Ok(response)
}
