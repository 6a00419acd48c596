//! The HTTP face of rrb: webhooks, the versioned API, tokens. It knows the engine's [`rrb_engine::api::ControlPlane`] and a registry of
//! webhooks, and nothing of how runs are driven or kept.
//!
//! One table, `routes`, makes the router and the OpenAPI description, and says for every route who may call it: a route without an
//! answer to that question cannot be written down.
//!
//! Modules only look down, in the order of the list below.

mod challenge;
mod config;
mod field;
mod scope;
mod token;

mod problem;
mod webhooks;

mod metrics;
mod refusals;

mod auth;
mod browser;
mod intake;

mod app;

mod route;

mod api;

mod hooks;

mod routes;
mod schemas;

mod openapi;
mod origins;

mod router;

mod server;

pub use app::{App, Gauge, Gauges};
pub use config::{BindError, HttpLimits, ServeConfig};
pub use field::{Field, Kind};
pub use openapi::describe;
pub use problem::Problem;
pub use route::{Access, Route, Verb};
pub use router::router;
pub use routes::ROUTES;
pub use scope::Scope;
pub use server::{bind, serve};
pub use token::{LocalToken, Minted};
pub use webhooks::{Answer, Hook, OnDead, VerifyError, Webhooks};
