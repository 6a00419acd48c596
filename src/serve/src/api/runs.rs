//! Runs.

use std::sync::Arc;

use axum::http::StatusCode;
use rrb_engine::api::StartRun;
use rrb_engine::store::RunFilter;
use rrb_lang::vm::protocol::Resolution;
use serde_json::{Value, json};

use super::{Answer, empty, limit};
use crate::app::App;
use crate::problem::Problem;
use crate::route::Call;

pub(crate) async fn list(app: Arc<App>, call: Call) -> Answer {
    let status = match call.query.get("status") {
        Some(word) => {
            Some(serde_json::from_value(word.clone()).map_err(|e| Problem::new("invalid", format!("`status`: {e}")))?)
        }
        None => None,
    };
    let filter = RunFilter {
        runbook: call.text("runbook"),
        status,
        event: call.text("event"),
        open_only: call.flag("open").unwrap_or(false),
        limit: limit(call.int("limit")),
    };
    super::json(StatusCode::OK, &app.plane.runs(filter).await?)
}

pub(crate) async fn get(app: Arc<App>, call: Call) -> Answer {
    super::json(StatusCode::OK, &app.plane.run(call.part("id")).await?)
}

pub(crate) async fn start(app: Arc<App>, mut call: Call) -> Answer {
    let start: StartRun = call.take()?;
    if start.id.as_deref().is_some_and(|id| !is_id(id)) {
        return Err(Problem::new("invalid", "`id` must be 1 to 100 letters, digits, `_`, `-`, `.` or `:`"));
    }
    let run = app.plane.start(start, call.actor()?).await?;
    super::json(StatusCode::CREATED, &json!({ "run": run }))
}

fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b))
}

pub(crate) async fn cancel(app: Arc<App>, call: Call) -> Answer {
    app.plane.cancel(call.part("id"), &call.text("why").unwrap_or_default(), call.actor()?).await?;
    empty()
}

pub(crate) async fn resolve(app: Arc<App>, call: Call) -> Answer {
    let resolution = resolution(call.body.get("resolution").cloned().unwrap_or_default())?;
    let why = call.text("why").unwrap_or_default();
    app.plane.resolve(call.part("id"), resolution, &why, call.actor()?).await?;
    empty()
}

fn resolution(value: Value) -> Result<Resolution, Problem> {
    if value == "happened" {
        return Ok(Resolution::Happened { result: None });
    }
    serde_json::from_value(value).map_err(|_| {
        Problem::new("invalid", "`resolution` must be `happened`, `did_not_happen` or `unknown`")
            .help("to say what it gave back: `{\"happened\": {\"result\": …}}`")
    })
}

pub(crate) async fn resume(app: Arc<App>, call: Call) -> Answer {
    app.plane.resume(call.part("id"), call.actor()?).await?;
    empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_read_in_both_forms() {
        assert_eq!(resolution(json!("happened")), Ok(Resolution::Happened { result: None }));
        let given = resolution(json!({"happened": {"result": 3}})).unwrap();
        assert_eq!(given, Resolution::Happened { result: Some(rrb_lang::json::Json::Int(3)) });
        assert_eq!(resolution(json!("did_not_happen")), Ok(Resolution::DidNotHappen));
        assert_eq!(resolution(json!("unknown")), Ok(Resolution::Unknown));
        for wrong in [json!("maybe"), json!(null), json!(3), json!({"unknown": 1})] {
            assert_eq!(resolution(wrong).unwrap_err().code, "invalid");
        }
    }

    #[test]
    fn ids_have_a_fixed_alphabet() {
        for good in ["a", "run_01-x.y:z", &"x".repeat(100)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "../x", "a/b", "ü", "a\n", &"x".repeat(101)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
