//! What the routes of `/v1` do, by what they speak of.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod meta;
pub(crate) mod runs;
pub(crate) mod timeline;
pub(crate) mod tokens;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::problem::Problem;

type Answer = Result<Response, Problem>;

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    let text =
        serde_json::to_vec(value).map_err(|e| Problem::new("failed", format!("the answer cannot be written: {e}")))?;
    Ok(with(status, "application/json", Body::from(text)))
}

fn with(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn empty() -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn limit(asked: Option<i64>) -> u32 {
    asked.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}
