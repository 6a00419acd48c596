//! Approvals.

use std::sync::Arc;

use axum::http::StatusCode;
use rrb_engine::api::Vote;

use super::Answer;
use crate::app::App;
use crate::problem::Problem;
use crate::route::Call;

pub(crate) async fn list(app: Arc<App>, call: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.approvals(call.flag("open").unwrap_or(true)).await?)
}

pub(crate) async fn get(app: Arc<App>, call: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.approval(call.part("id")).await?)
}

pub(crate) async fn vote(app: Arc<App>, mut call: Call) -> Answer {
    if call.actor()?.person.is_none() {
        return Err(Problem::new("forbidden", "only a person can vote, and this token speaks for nobody")
            .help("make one that does: `rrb token create NAME --user USER --scope approvals:vote`"));
    }
    let vote: Vote = call.take()?;
    super::json(StatusCode::OK, &app.plane.vote(call.part("id"), vote, call.actor()?).await?)
}
