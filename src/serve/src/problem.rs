//! Errors as `application/problem+json` (RFC 9457): a code for programs, a sentence and advice for people.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rrb_engine::api::ApiError;
use serde_json::{Value, json};

/// Seconds that a sender should wait when the daemon is full.
const RETRY_AFTER: u32 = 5;

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// One of [`Problem::CODES`].
    pub code: &'static str,
    /// What is wrong: lower case, no full stop.
    pub detail: String,
    /// What to do.
    pub help: Option<String>,
    /// Further members.
    pub extra: Vec<(&'static str, Value)>,
    /// The rest of the request is not read: the connection is closed.
    pub close: bool,
}

impl Problem {
    /// Every code with its status and meaning. The command line turns each into an exit code (`docs/api.md`).
    pub const CODES: &'static [(&'static str, u16, &'static str)] = &[
        ("invalid", 400, "the request, or a value in it, is wrong"),
        (
            "dead_letter",
            400,
            "the delivery was kept, but nothing could be read from it; sending it again does not help",
        ),
        ("unauthorized", 401, "there is no valid token or signature"),
        ("forbidden", 403, "whoever asks is known and may not"),
        ("not_found", 404, "there is no such thing"),
        ("method_not_allowed", 405, "the address exists, the method does not"),
        ("too_slow", 408, "the body did not arrive in time"),
        ("conflict", 409, "it is too late, or already so"),
        ("exists", 409, "the id is taken"),
        ("too_large", 413, "the body is larger than allowed"),
        ("unsupported", 415, "the body is not of a kind that is read here"),
        ("failed", 500, "something broke in rrb or below it; nothing is known to have been done"),
        ("overloaded", 503, "nothing was taken; try again after the seconds in `retry-after`"),
        (
            "unacknowledged",
            503,
            "the delivery was kept, but could not be acknowledged; send it again, nothing is taken twice",
        ),
        ("unanswered", 503, "it was begun and goes on, but took too long; look before trying again"),
    ];

    /// A problem of this code.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), help: None, extra: Vec::new(), close: false }
    }

    /// The status of its code.
    pub fn status(&self) -> StatusCode {
        let status = Self::CODES.iter().find(|(code, ..)| *code == self.code).map_or(500, |(_, status, _)| *status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// Closes the connection.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:rrb:problem:{}", self.code),
            "title": self.status().canonical_reason().unwrap_or("error"),
            "status": self.status().as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Value::Object(map) = &mut body {
            map.extend(self.help.clone().map(|h| ("help".to_owned(), Value::String(h))));
            map.extend(self.extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json().to_string()));
        let status = self.status();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rrb\""));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let (detail, help) = error.parts();
        let problem = match error {
            ApiError::NotFound { what, id, hint } => {
                let problem = Self::new("not_found", detail).with("what", what).with("id", id);
                match hint {
                    Some(hint) => problem.with("hint", hint),
                    None => problem,
                }
            }
            ApiError::Invalid(_) => Self::new("invalid", detail),
            ApiError::Forbidden(_) => Self::new("forbidden", detail),
            ApiError::Conflict(_) => Self::new("conflict", detail),
            ApiError::Exists(id) => Self::new("exists", detail)
                .with("id", id)
                .help("if it was you who started it, it runs: look at it instead of starting it again"),
            ApiError::Overloaded(_) => Self::new("overloaded", detail),
            ApiError::Failed(_) => Self::new("failed", detail).help(
                "look at the daemon's log; if its store failed, restart it: every acknowledged change is on disk",
            ),
        };
        match help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_error_has_its_status_and_code() {
        let of = |e: ApiError| {
            let p = Problem::from(e);
            (p.status().as_u16(), p.code)
        };
        let text = String::new;
        assert_eq!(of(ApiError::NotFound { what: "run", id: text(), hint: None }), (404, "not_found"));
        assert_eq!(of(ApiError::Invalid(text())), (400, "invalid"));
        assert_eq!(of(ApiError::Forbidden(text())), (403, "forbidden"));
        assert_eq!(of(ApiError::Conflict(text())), (409, "conflict"));
        assert_eq!(of(ApiError::Exists(text())), (409, "exists"));
        assert_eq!(of(ApiError::Overloaded(text())), (503, "overloaded"));
        assert_eq!(of(ApiError::Failed(text())), (500, "failed"));
    }

    #[test]
    fn the_body_says_what_and_what_to_do() {
        let hint = Some("disk_pressure".to_owned());
        let problem = Problem::from(ApiError::NotFound { what: "runbook", id: "disk_presure".into(), hint });
        assert_eq!(
            problem.help("list them").json(),
            json!({
                "type": "urn:rrb:problem:not_found", "title": "Not Found", "status": 404, "code": "not_found",
                "detail": "there is no runbook `disk_presure`; did you mean `disk_pressure`?", "help": "list them",
                "what": "runbook", "id": "disk_presure", "hint": "disk_pressure",
            })
        );
    }

    #[test]
    fn a_full_daemon_says_when_to_come_back() {
        let response = Problem::new("overloaded", "x").into_response();
        assert_eq!(response.headers()["retry-after"], "5");
        let response = Problem::new("unauthorized", "x").closing().into_response();
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"rrb\"");
        assert_eq!(response.headers()["connection"], "close");
    }
}
