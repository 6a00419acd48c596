//! Events, what became of them, and what could not be read.

use std::sync::Arc;

use axum::http::StatusCode;
use rrb_engine::store::EventFilter;

use super::{Answer, limit};
use crate::app::App;
use crate::route::Call;

pub(crate) async fn list(app: Arc<App>, call: Call) -> Answer {
    let filter = EventFilter { source: call.text("source"), since: call.int("since"), limit: limit(call.int("limit")) };
    super::json(StatusCode::OK, &app.plane.events(filter).await?)
}

pub(crate) async fn why(app: Arc<App>, call: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.why(call.part("id")).await?)
}

pub(crate) async fn why_not(app: Arc<App>, call: Call) -> Answer {
    let runbook = call.text("runbook").unwrap_or_default();
    super::json(StatusCode::OK, &app.plane.why_not(&runbook, call.part("id")).await?)
}

pub(crate) async fn emit(app: Arc<App>, mut call: Call) -> Answer {
    let event = call.take()?;
    let receipt = app.plane.emit(event, call.actor()?).await?;
    super::json(StatusCode::ACCEPTED, &receipt)
}

pub(crate) async fn dead_letters(app: Arc<App>, _: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.dead_letters().await?)
}
