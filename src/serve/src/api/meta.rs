//! What tells nothing of anybody: health, figures, the description.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::json;

use super::{Answer, with};
use crate::app::App;
use crate::metrics::gauge;
use crate::problem::Problem;
use crate::route::Call;

/// For the engine to say that it works.
const READY: Duration = Duration::from_secs(2);

pub(crate) async fn healthz(_: Arc<App>, _: Call) -> Answer {
    super::json(StatusCode::OK, &json!({ "status": "ok" }))
}

pub(crate) async fn readyz(app: Arc<App>, _: Call) -> Answer {
    if app.stopping.is_cancelled() {
        return Err(Problem::new("overloaded", "the daemon is stopping"));
    }
    match tokio::time::timeout(READY, app.plane.status()).await {
        Ok(Ok(_)) => super::json(StatusCode::OK, &json!({ "status": "ready" })),
        // The reason is for the log: everybody may ask.
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::new("overloaded", "the engine does not work"))
        }
        Err(_) => Err(Problem::new("overloaded", "the engine does not answer")),
    }
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
pub(crate) async fn metrics(app: Arc<App>, _: Call) -> Answer {
    let mut text = app.metrics.text();
    if let Ok(Ok(status)) = tokio::time::timeout(READY, app.plane.status()).await {
        gauge(&mut text, "rrb_open_runs", "Runs that are not done.", status.open_runs as f64);
        gauge(&mut text, "rrb_open_approvals", "Approvals that wait for people.", status.open_approvals as f64);
        gauge(&mut text, "rrb_queued_events", "Events that are not matched yet.", status.queued_events as f64);
    }
    for g in app.gauges.iter().flat_map(|gauges| gauges()) {
        gauge(&mut text, g.name, g.help, g.value);
    }
    Ok(with(StatusCode::OK, "text/plain; version=0.0.4", Body::from(text)))
}

pub(crate) async fn description(app: Arc<App>, _: Call) -> Answer {
    let text = app.description.get().cloned().unwrap_or_default();
    Ok(with(StatusCode::OK, "application/json", Body::from(text)))
}
