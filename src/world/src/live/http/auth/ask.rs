//! Requests of rrb's own, for a token or for credentials, before the request that a runbook makes. Whatever goes wrong here, that one
//! was not sent.

use std::sync::Arc;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::super::client::{CONNECTION, Client, Connection};
use super::super::{broken, reply};
use crate::secrets::Scrubber;

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 256 << 10;

/// An answer.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Json {
        json::parse(self.body.trim_ascii(), Bounds::default()).unwrap_or_default()
    }

    /// The failure of an answer that is not what was asked for. `what` begins the message: ``no token from `https://…` ``.
    pub fn refused(&self, what: &str, kind: FailureKind, why: &str, scrubber: &Scrubber) -> Failure {
        let text = reply::text(&self.headers, &self.body);
        let message = format!("{what}: the answer was {}{why}", self.status.as_u16());
        let detail = reply::detail(self.status, &self.headers, &text, scrubber);
        Failure::new(kind, message).happened(Happened::No).detail(Json::object(detail))
    }
}

/// Sends a request and takes the answer, whatever its status is.
pub async fn ask(client: &Client, request: reqwest::Request, what: &str) -> Result<Answer, Failure> {
    let connection = Arc::new(Connection::default());
    let exchange = async {
        client.egress.check_url(request.url())?;
        let response = client.http.execute(request).await.map_err(|e| broken(what, &e, &connection))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = reply::whole(response, MAX_ANSWER, what).await?;
        Ok(Answer { status, headers, body })
    };
    CONNECTION.scope(connection.clone(), exchange).await.map_err(|f: Failure| f.happened(Happened::No))
}

/// What a refusal by status means for the one who needs the answer.
pub fn kind(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        400 | 401 => FailureKind::Unauthorized,
        403 => FailureKind::Forbidden,
        408 | 504 => FailureKind::Timeout,
        429 => FailureKind::Throttled,
        500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Invalid,
    }
}
