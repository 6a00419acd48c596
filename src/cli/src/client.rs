//! The daemon over HTTP, as the control plane it is: a command works the same beside the daemon and across the network.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, StatusCode};
use rrb_engine::api::{
    Actor, ApiError, ControlPlane, Delivery, EmitEvent, EventView, Receipt, RunView, StartRun, Status, TimelineItem,
    Vote, WhyNot,
};
use rrb_engine::audit::{AuditRecord, Verdict};
use rrb_engine::store::{ApprovalRow, DeliveryRow, EventFilter, EventRow, RunFilter, RunRow, TokenRow};
use rrb_lang::vm::protocol::Resolution;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// How long a request may take; the timeline's stream is not bound by it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of one answer.
const MAX_ANSWER: usize = 256 << 20;
/// Bytes of one item of the timeline.
const MAX_ITEM: usize = 16 << 20;

/// A daemon.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Without a slash at the end.
    base: String,
    token: Option<String>,
}

impl Client {
    /// The daemon at `base`.
    ///
    /// # Errors
    /// When the address is no `http` or `https` one.
    pub fn new(base: &str, token: Option<String>) -> Result<Self, ApiError> {
        let url = reqwest::Url::parse(base)
            .ok()
            .filter(|u| matches!(u.scheme(), "http" | "https") && u.host().is_some())
            .ok_or_else(|| {
                ApiError::Invalid(format!("`{base}` is no address of a daemon; write it like `http://127.0.0.1:7117`"))
            })?;
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rrb/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| ApiError::Failed(format!("cannot make an HTTP client: {e}")))?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether it has a token to show.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a daemon answers there, soon.
    pub async fn answers(&self) -> bool {
        let request = self.http.get(format!("{}/healthz", self.base)).timeout(Duration::from_secs(2));
        request.send().await.is_ok_and(|r| r.status().is_success())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/v1/{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, ApiError> {
        self.answer(self.request(Method::GET, path).query(query)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ApiError> {
        let mut body = serde_json::to_value(body).map_err(|e| ApiError::Invalid(e.to_string()))?;
        if let Value::Object(map) = &mut body {
            // What is not given is left out; only an event's payload may be null.
            map.retain(|name, value| !value.is_null() || name == "payload");
        }
        self.answer(self.request(Method::POST, path).json(&body)).await
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let response = request.timeout(PATIENCE).send().await.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        let body = read(response).await?;
        if !status.is_success() {
            return Err(refusal(status, &body));
        }
        // An answer without content is `()`.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|e| {
            ApiError::Failed(format!("the daemon at {} answered what this version of rrb cannot read: {e}", self.base))
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> ApiError {
        let why = match (error.is_timeout(), error.is_connect()) {
            (true, _) => "it did not answer in time".to_owned(),
            (_, true) => "nothing answers there".to_owned(),
            _ => error.to_string(),
        };
        ApiError::Overloaded(format!("cannot reach the daemon at {}: {why}", self.base))
    }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    let broken = |e: reqwest::Error| ApiError::Overloaded(format!("the daemon's answer broke off: {e}"));
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ApiError::Failed(format!("the daemon's answer is larger than {} MiB", MAX_ANSWER >> 20)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a status other than 2xx says: a problem of RFC 9457, or, from something between us and the daemon, anything.
fn refusal(status: StatusCode, body: &[u8]) -> ApiError {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let message = text("detail").map_or_else(|| format!("the daemon answered {status}"), str::to_owned);
    let error = match (text("code"), status.as_u16()) {
        (Some("not_found"), _) | (None, 404) => {
            let known = ["run", "approval", "event", "runbook", "token", "webhook", "delivery"];
            match (known.into_iter().find(|k| Some(*k) == text("what")), text("id")) {
                (Some(what), Some(id)) => {
                    ApiError::NotFound { what, id: id.to_owned(), hint: text("hint").map(str::to_owned) }
                }
                // Not from a daemon of this version: the status says all there is.
                _ => ApiError::NotFound {
                    what: "daemon of this version of rrb at the address: what is there answered",
                    id: status.to_string(),
                    hint: None,
                },
            }
        }
        (Some("exists"), _) => ApiError::Exists(text("id").unwrap_or_default().to_owned()),
        (_, 401) => {
            return ApiError::Forbidden(message).advised("give a valid token with `RRB_TOKEN` or `--token-file FILE`");
        }
        (_, 403) => ApiError::Forbidden(message),
        (_, 409) => ApiError::Conflict(message),
        (_, 429 | 502..=504) => ApiError::Overloaded(message),
        (_, 400..=499) => ApiError::Invalid(message),
        _ => ApiError::Failed(message),
    };
    match text("help") {
        Some(help) => error.advised(help),
        None => error,
    }
}

/// A limit as a parameter; 0 leaves it to the daemon.
fn given(limit: u32) -> Option<(&'static str, String)> {
    (limit > 0).then(|| ("limit", limit.to_string()))
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

#[async_trait]
impl ControlPlane for Client {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt, ApiError> {
        let payload = serde_json::from_slice(&delivery.body).map_err(|e| ApiError::Invalid(e.to_string()))?;
        let event = EmitEvent { event: delivery.path, instance: Some(delivery.instance), payload };
        self.post("events", &event).await
    }

    async fn emit(&self, event: EmitEvent, _: &Actor) -> Result<Receipt, ApiError> {
        self.post("events", &event).await
    }

    async fn start(&self, start: StartRun, _: &Actor) -> Result<String, ApiError> {
        let answer: Value = self.post("runs", &start).await?;
        let id = answer.get("run").or_else(|| answer.get("id")).and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| ApiError::Failed("the daemon started a run without an id".to_owned()))
    }

    async fn cancel(&self, run: &str, why: &str, _: &Actor) -> Result<(), ApiError> {
        self.post(&format!("runs/{}/cancel", segment(run)), &json!({"why": why})).await.map(|_: Value| ())
    }

    async fn resolve(&self, run: &str, resolution: Resolution, why: &str, _: &Actor) -> Result<(), ApiError> {
        let body = json!({"resolution": resolution, "why": why});
        self.post(&format!("runs/{}/resolve", segment(run)), &body).await.map(|_: Value| ())
    }

    async fn resume(&self, run: &str, _: &Actor) -> Result<(), ApiError> {
        self.post(&format!("runs/{}/resume", segment(run)), &json!({})).await.map(|_: Value| ())
    }

    async fn vote(&self, approval: &str, vote: Vote, _: &Actor) -> Result<ApprovalRow, ApiError> {
        self.post(&format!("approvals/{}/vote", segment(approval)), &vote).await
    }

    async fn pause(&self, runbook: Option<&str>, paused: bool, _: &Actor) -> Result<(), ApiError> {
        self.post("pause", &json!({"runbook": runbook, "paused": paused})).await.map(|_: Value| ())
    }

    async fn create_token(&self, token: TokenRow, _: &Actor) -> Result<(), ApiError> {
        let body = json!({
            "id": token.id, "hash": token.hash, "name": token.name, "scopes": token.scopes, "user": token.user, "expires": token.expires,
        });
        self.post("tokens", &body).await.map(|_: Value| ())
    }

    async fn revoke_token(&self, id: &str, _: &Actor) -> Result<(), ApiError> {
        self.answer(self.request(Method::DELETE, &format!("tokens/{}", segment(id)))).await.map(|_: Value| ())
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, ApiError> {
        let mut query = vec![("open", filter.open_only.to_string())];
        query.extend(given(filter.limit));
        query.extend(filter.runbook.map(|r| ("runbook", r)));
        query.extend(filter.status.map(|s| ("status", s.to_string())));
        query.extend(filter.event.map(|e| ("event", e)));
        self.get("runs", &query).await
    }

    async fn run(&self, id: &str) -> Result<RunView, ApiError> {
        self.get(&format!("runs/{}", segment(id)), &[]).await
    }

    async fn approvals(&self, open_only: bool) -> Result<Vec<ApprovalRow>, ApiError> {
        self.get("approvals", &[("open", open_only.to_string())]).await
    }

    async fn approval(&self, id: &str) -> Result<ApprovalRow, ApiError> {
        self.get(&format!("approvals/{}", segment(id)), &[]).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, ApiError> {
        let mut query: Vec<(&str, String)> = given(filter.limit).into_iter().collect();
        query.extend(filter.source.map(|s| ("source", s)));
        query.extend(filter.since.map(|s| ("since", s.to_string())));
        self.get("events", &query).await
    }

    async fn why(&self, event: &str) -> Result<EventView, ApiError> {
        self.get(&format!("events/{}", segment(event)), &[]).await
    }

    async fn why_not(&self, runbook: &str, event: &str) -> Result<WhyNot, ApiError> {
        self.get(&format!("events/{}/why-not", segment(event)), &[("runbook", runbook.to_owned())]).await
    }

    async fn dead_letters(&self) -> Result<Vec<DeliveryRow>, ApiError> {
        self.get("dead-letters", &[]).await
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, ApiError> {
        let mut query = vec![("after", after.to_string()), ("limit", limit.to_string())];
        query.extend(run.map(|r| ("run", r.to_owned())));
        self.get("audit", &query).await
    }

    async fn verify_audit(&self) -> Result<Verdict, ApiError> {
        self.get("audit/verify", &[]).await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        self.get("tokens", &[]).await
    }

    async fn status(&self) -> Result<Status, ApiError> {
        self.get("status", &[]).await
    }

    fn subscribe(&self) -> broadcast::Receiver<TimelineItem> {
        let (send, receive) = broadcast::channel(1024);
        let request = self.request(Method::GET, "timeline").header("accept", "text/event-stream");
        tokio::spawn(async move {
            // The end of the stream ends the channel: the receiver sees that the daemon has gone.
            if let Ok(response) = request.send().await
                && response.status().is_success()
            {
                follow(response, &send).await;
            }
        });
        receive
    }
}

/// Reads server-sent events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>, one item in each `data:` line.
async fn follow(mut response: reqwest::Response, send: &broadcast::Sender<TimelineItem>) {
    let mut rest: Vec<u8> = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line);
            let Some(data) = text.trim_end().strip_prefix("data:") else { continue };
            // Without a receiver nobody reads on; an item of a newer version is passed over.
            if let Ok(item) = serde_json::from_str(data.trim_start())
                && send.send(item).is_err()
            {
                return;
            }
        }
        if rest.len() > MAX_ITEM {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_meaning_and_its_words() {
        let said = |status: u16, body: &str| refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(said(403, r#"{"code":"forbidden","detail":"no"}"#), ApiError::Forbidden("no".into()));
        assert_eq!(said(409, r#"{"code":"conflict","detail":"late"}"#), ApiError::Conflict("late".into()));
        assert_eq!(said(409, r#"{"code":"exists","detail":"taken","id":"run_1"}"#), ApiError::Exists("run_1".into()));
        let hint = Some("fix".to_owned());
        assert_eq!(
            said(404, r#"{"code":"not_found","detail":"x","what":"runbook","id":"fxi","hint":"fix"}"#),
            ApiError::NotFound { what: "runbook", id: "fxi".into(), hint }
        );
        assert!(matches!(said(404, "<html>"), ApiError::NotFound { .. }));
        assert_eq!(said(503, "gone"), ApiError::Overloaded("the daemon answered 503 Service Unavailable".into()));
        assert_eq!(said(400, "{}"), ApiError::Invalid("the daemon answered 400 Bad Request".into()));
        assert!(matches!(said(500, ""), ApiError::Failed(_)));
    }

    #[test]
    fn ids_cannot_leave_their_place_in_the_path() {
        assert_eq!(segment("../tokens?x#y"), "..%2Ftokens%3Fx%23y");
        assert_eq!(segment("run_01-a.b~c"), "run_01-a.b~c");
    }

    #[test]
    fn only_http_addresses_are_taken() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        for wrong in ["", "localhost:7117", "ftp://x", "file:///etc/passwd", "http://"] {
            assert!(Client::new(wrong, None).is_err(), "{wrong}");
        }
        assert_eq!(Client::new("http://127.0.0.1:7117/", None).unwrap().base(), "http://127.0.0.1:7117");
    }
}
