//! Deliveries: found, read within bounds, checked, made durable, answered. Nothing is parsed before the check.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use rrb_engine::api::{ApiError, Delivery, Receipt};
use serde_json::json;

use crate::app::App;
use crate::challenge;
use crate::intake;
use crate::metrics::Delivered;
use crate::problem::Problem;
use crate::webhooks::{Answer, Hook, OnDead, VerifyError};

/// For a signature check, which may read a secret from a file.
const CHECK: Duration = Duration::from_secs(5);

/// What a delivery became, with what is counted.
type Outcome = Result<(Delivered, Response), (Delivered, Problem)>;

/// Takes a delivery to `address`, the path below `/hooks`.
pub(crate) async fn take(
    app: Arc<App>,
    peer: IpAddr,
    address: &str,
    uri: &Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = deliver(&app, peer, address, uri, &headers, body).await;
    let (what, response) = match outcome {
        Ok(done) => done,
        Err((what, problem)) => (what, axum::response::IntoResponse::into_response(problem)),
    };
    app.metrics.delivered(what);
    response
}

async fn deliver(app: &Arc<App>, peer: IpAddr, address: &str, uri: &Uri, headers: &HeaderMap, body: Body) -> Outcome {
    let Some((path, instance, hook)) = find(app, address) else {
        let problem = Problem::new("not_found", "there is no webhook at this address").closing();
        return Err((Delivered::Unknown, problem));
    };
    let full = || (Delivered::Overloaded, Problem::new("overloaded", "too many deliveries at once").closing());
    let _place = app.deliveries.try_acquire().map_err(|_| full())?;
    let limits = &app.config.limits;
    let query = intake::pairs(uri).map_err(|p| (Delivered::Failed, p.closing()))?.into_iter().collect();
    let body = intake::read(headers, body, limits.max_body, limits.body_time).await.map_err(|p| match p.code {
        "too_large" => (Delivered::TooLarge, p),
        "too_slow" => (Delivered::TooSlow, p),
        _ => (Delivered::Failed, p),
    })?;
    let headers = flat(headers);
    check(app, peer, &path, &instance, &headers, &body).await?;
    if let Some(response) = challenge::answer(&hook.scheme, &body) {
        return Ok((Delivered::Accepted, response));
    }
    let delivery = Delivery { path, instance, body, headers: without_credentials(headers), query };
    let delivery = app.webhooks.without_secrets(delivery).await;
    if let Some(answer) = app.webhooks.answer(&delivery).await {
        return Ok((Delivered::Accepted, told(answer)));
    }
    let receipt = hand_over(app, delivery.clone()).await?;
    acknowledge(app, delivery).await?;
    Ok(answer(&hook, &receipt))
}

/// The webhook at an address, which may end in the name of an instance.
pub(crate) fn find(app: &App, address: &str) -> Option<(String, String, Hook)> {
    let address = address.trim_matches('/');
    if address.len() > 512 {
        return None;
    }
    let whole = format!("/{address}");
    if let Some(hook) = app.webhooks.find(&whole) {
        let instance = hook.default_instance.clone()?;
        return Some((whole, instance, hook));
    }
    let (path, instance) = address.rsplit_once('/')?;
    let path = format!("/{path}");
    let hook = app.webhooks.find(&path)?;
    hook.instances.iter().any(|i| i == instance).then(|| (path, instance.to_owned(), hook.clone()))
}

/// Refuses a delivery that does not show who sent it, with the same words whatever was wrong.
async fn check(
    app: &Arc<App>,
    peer: IpAddr,
    path: &str,
    instance: &str,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<(), (Delivered, Problem)> {
    let why = match tokio::time::timeout(CHECK, app.webhooks.verify(path, instance, headers, body)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(VerifyError::Refused(why))) => {
            app.turned_away("webhook", peer, &format!("/hooks{path}"), &why);
            return Err((
                Delivered::Refused,
                Problem::new("unauthorized", "the signature or credential does not hold"),
            ));
        }
        Ok(Err(VerifyError::Unavailable(why))) => why,
        Err(_) => format!("the check took longer than {} seconds", CHECK.as_secs()),
    };
    tracing::error!(path, instance, why, "a delivery cannot be checked");
    Err((Delivered::Overloaded, Problem::new("overloaded", "the delivery cannot be checked now")))
}

/// Gives it to the engine. It goes on when the sender hangs up.
async fn hand_over(app: &Arc<App>, delivery: Delivery) -> Result<Receipt, (Delivered, Problem)> {
    let task = tokio::spawn({
        let plane = Arc::clone(&app.plane);
        async move { plane.deliver(delivery).await }
    });
    let error = match tokio::time::timeout(app.config.limits.answer_time, task).await {
        Ok(Ok(Ok(receipt))) => return Ok(receipt),
        Ok(Ok(Err(error))) => error,
        Ok(Err(_)) => ApiError::Failed("the engine stumbled over this delivery".to_owned()),
        Err(_) => {
            return Err((Delivered::Overloaded, Problem::new("unanswered", "the store did not answer in time")));
        }
    };
    let what = match &error {
        ApiError::Overloaded(_) => Delivered::Overloaded,
        ApiError::NotFound { .. } => Delivered::Unknown,
        _ => Delivered::Failed,
    };
    if matches!(error, ApiError::Failed(_)) {
        tracing::error!(%error, "a delivery could not be taken");
        return Err((what, Problem::new("failed", "the delivery could not be taken")));
    }
    Err((what, error.into()))
}

/// Does what the connector wants done when a delivery is durable. It goes on when the sender hangs up.
async fn acknowledge(app: &Arc<App>, delivery: Delivery) -> Result<(), (Delivered, Problem)> {
    let (path, instance) = (delivery.path.clone(), delivery.instance.clone());
    let webhooks = Arc::clone(&app.webhooks);
    let task = tokio::spawn(async move { webhooks.acknowledge(&delivery).await });
    let why = match tokio::time::timeout(app.config.limits.answer_time, task).await {
        Ok(Ok(Ok(()))) => return Ok(()),
        Ok(Ok(Err(why))) => why,
        Ok(Err(_)) => "it stumbled; this is a defect of rrb".to_owned(),
        Err(_) => "it takes too long".to_owned(),
    };
    tracing::error!(path, instance, why, "a delivery was kept, but could not be acknowledged");
    let problem = Problem::new("unacknowledged", "the delivery was kept, but could not be acknowledged")
        .help("send it again: what was taken is not taken twice");
    Err((Delivered::Overloaded, problem))
}

/// The answer to a sender that only asks.
fn told(answer: Answer) -> Response {
    let (kind, text) = match answer {
        Answer::Text(text) => ("text/plain; charset=utf-8", text),
        Answer::Json(text) => ("application/json", text),
    };
    axum::response::IntoResponse::into_response((StatusCode::OK, [(header::CONTENT_TYPE, kind)], text))
}

fn answer(hook: &Hook, receipt: &Receipt) -> (Delivered, Response) {
    if OnDead::of(&hook.scheme) == OnDead::Hush {
        let what = match receipt {
            Receipt { dead: Some(_), .. } => Delivered::Dead,
            Receipt { events, duplicates: 1.., .. } if events.is_empty() => Delivered::Duplicate,
            _ => Delivered::Accepted,
        };
        return (what, axum::response::IntoResponse::into_response(StatusCode::OK));
    }
    let json = |status: StatusCode| {
        crate::api::json(status, receipt).unwrap_or_else(axum::response::IntoResponse::into_response)
    };
    if let Some(reason) = &receipt.dead {
        let response = match OnDead::of(&hook.scheme) {
            OnDead::Accept | OnDead::Hush => json(StatusCode::ACCEPTED),
            OnDead::Refuse => axum::response::IntoResponse::into_response(
                Problem::new("dead_letter", reason.clone())
                    .help("it is kept: `rrb why` shows it, and sending it again changes nothing")
                    .with("delivery", json!(receipt.delivery)),
            ),
        };
        return (Delivered::Dead, response);
    }
    if receipt.events.is_empty() && receipt.duplicates > 0 {
        return (Delivered::Duplicate, json(StatusCode::OK));
    }
    (Delivered::Accepted, json(StatusCode::ACCEPTED))
}

/// Headers by lower-case name; several of a name are joined as HTTP says.
fn flat(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|v| {
                v.push_str(", ");
                v.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

fn without_credentials(mut headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    headers.retain(|name, _| !rrb_lang::schemes::holds_credentials(name));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_no_further() {
        let names = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "x-gitlab-token",
            "x-hub-signature-256",
            "webhook-signature",
            "x-api-key",
            "x-webhook-secret",
            "content-type",
            "webhook-id",
            "x-github-delivery",
        ];
        let headers = names.iter().map(|n| ((*n).to_owned(), "v".to_owned())).collect();
        let kept: Vec<String> = without_credentials(headers).into_keys().collect();
        assert_eq!(kept, ["content-type", "webhook-id", "x-github-delivery"]);
    }

    #[test]
    fn headers_of_one_name_are_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("X-A", "2".parse().unwrap());
        assert_eq!(flat(&headers)["x-a"], "1, 2");
    }
}
