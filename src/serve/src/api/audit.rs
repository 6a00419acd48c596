//! The audit log.

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Answer, limit};
use crate::app::App;
use crate::route::Call;

pub(crate) async fn list(app: Arc<App>, call: Call) -> Answer {
    let after = call.int("after").and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let records = app.plane.audit(after, limit(call.int("limit")), call.text("run").as_deref()).await?;
    super::json(StatusCode::OK, &records)
}

pub(crate) async fn verify(app: Arc<App>, _: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.verify_audit().await?)
}
