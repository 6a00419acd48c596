//! The daemon as a whole.

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Answer, empty};
use crate::app::App;
use crate::route::Call;

pub(crate) async fn status(app: Arc<App>, _: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.status().await?)
}

pub(crate) async fn pause(app: Arc<App>, call: Call) -> Answer {
    let paused = call.flag("paused").unwrap_or(true);
    set(app, call, paused).await
}

pub(crate) async fn unpause(app: Arc<App>, call: Call) -> Answer {
    set(app, call, false).await
}

async fn set(app: Arc<App>, call: Call, paused: bool) -> Answer {
    app.plane.pause(call.text("runbook").as_deref(), paused, call.actor()?).await?;
    empty()
}
