//! What every route works with.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rrb_engine::api::{ApiError, ControlPlane};
use rrb_engine::clock::Clock;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::config::ServeConfig;
use crate::metrics::{self, Metrics};
use crate::refusals::Refusals;
use crate::token::LocalToken;
use crate::webhooks::Webhooks;

/// A figure of another room, for `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// `rrb_store_commit_seconds`
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub value: f64,
}

/// Gives the figures of other rooms when asked.
pub type Gauges = Arc<dyn Fn() -> Vec<Gauge> + Send + Sync>;

/// The HTTP face of one daemon.
pub struct App {
    pub(crate) plane: Arc<dyn ControlPlane>,
    pub(crate) webhooks: Arc<dyn Webhooks>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: ServeConfig,
    pub(crate) auth: Auth,
    pub(crate) metrics: Metrics,
    pub(crate) gauges: Option<Gauges>,
    pub(crate) refusals: Refusals,
    pub(crate) deliveries: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    /// Cancelled when the daemon stops.
    pub(crate) stopping: CancellationToken,
    pub(crate) description: OnceLock<String>,
}

impl App {
    /// Over this engine and these webhooks.
    pub fn new(
        plane: Arc<dyn ControlPlane>,
        webhooks: Arc<dyn Webhooks>,
        clock: Arc<dyn Clock>,
        config: ServeConfig,
        local: Option<LocalToken>,
    ) -> Self {
        let auth = Auth::new(Arc::clone(&plane), Arc::clone(&clock), local);
        Self {
            plane,
            webhooks,
            clock,
            auth,
            metrics: Metrics::default(),
            gauges: None,
            refusals: Refusals::default(),
            deliveries: Semaphore::new(config.limits.deliveries),
            streams: Arc::new(Semaphore::new(config.limits.streams)),
            stopping: CancellationToken::new(),
            description: OnceLock::new(),
            config,
        }
    }

    /// Adds figures of other rooms to `/metrics`.
    #[must_use]
    pub fn gauges(mut self, gauges: Gauges) -> Self {
        self.gauges = Some(gauges);
        self
    }

    /// Counts somebody who was turned away, and tells the audit log now and then.
    pub(crate) fn turned_away(self: &Arc<Self>, door: &'static str, peer: IpAddr, path: &str, why: &str) {
        metrics::count(if door == "token" { &self.metrics.refused_tokens } else { &self.metrics.refused_webhooks });
        let Some(refusal) = self.refusals.note(door, peer, path, why) else { return };
        tracing::warn!(door, %peer, path, why, count = refusal.count, "turned away");
        let app = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error @ ApiError::Failed(_)) = app.plane.refused(refusal).await {
                tracing::error!(%error, "a refusal could not be written into the audit log");
            }
        });
    }
}
