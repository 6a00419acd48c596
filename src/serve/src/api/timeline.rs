//! The live timeline as server-sent events.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use futures_util::stream;
use rrb_engine::api::TimelineItem;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Answer, with};
use crate::app::App;
use crate::problem::Problem;
use crate::route::Call;
use crate::scope::Scope;

/// Between two signs of life, at which the token is checked again.
const BEAT: Duration = Duration::from_secs(10);

pub(crate) async fn follow(app: Arc<App>, call: Call) -> Answer {
    let place = Arc::clone(&app.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::new("overloaded", format!("{} timelines are open already", app.config.limits.streams)))?;
    app.metrics.streams.fetch_add(1, Ordering::Relaxed);
    let follower = Follower {
        items: app.plane.subscribe(),
        run: call.text("run"),
        runbook: call.text("runbook"),
        headers: call.headers,
        app,
        begun: false,
        _place: place,
    };
    let parts = stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        let (text, last) = follower.next().await;
        Some((Ok::<_, std::convert::Infallible>(text), if last { None } else { Some(follower) }))
    });
    Ok(with(StatusCode::OK, "text/event-stream", Body::from_stream(parts)))
}

struct Follower {
    app: Arc<App>,
    items: Receiver<TimelineItem>,
    run: Option<String>,
    runbook: Option<String>,
    headers: HeaderMap,
    begun: bool,
    _place: OwnedSemaphorePermit,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.app.metrics.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Follower {
    /// The next part, and whether it is the last.
    async fn next(&mut self) -> (String, bool) {
        if !std::mem::replace(&mut self.begun, true) {
            return (": the timeline from now on\n\n".to_owned(), false);
        }
        let app = Arc::clone(&self.app);
        let until = tokio::time::Instant::now() + BEAT;
        loop {
            tokio::select! {
                () = app.stopping.cancelled() => return (event("end", r#"{"why":"the daemon is stopping"}"#), true),
                () = tokio::time::sleep_until(until) => return self.beat().await,
                item = self.items.recv() => match item {
                    Ok(item) if self.wants(&item) => match serde_json::to_string(&item) {
                        Ok(text) => return (event("item", &text), false),
                        Err(error) => tracing::error!(%error, "a timeline item cannot be written"),
                    },
                    Ok(_) => {}
                    Err(RecvError::Lagged(n)) => return (event("lost", &format!(r#"{{"items":{n}}}"#)), false),
                    Err(RecvError::Closed) => return (event("end", r#"{"why":"the engine has stopped"}"#), true),
                },
            }
        }
    }

    /// A sign of life, if the token still holds.
    async fn beat(&self) -> (String, bool) {
        match self.app.auth.identify(&self.headers).await {
            Ok(identity) if identity.may(Scope::RunsRead) => (":\n\n".to_owned(), false),
            _ => (event("end", r#"{"why":"the token does not hold any more"}"#), true),
        }
    }

    fn wants(&self, item: &TimelineItem) -> bool {
        let fits = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        fits(&self.run, &item.run) && fits(&self.runbook, &item.runbook)
    }
}

fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
