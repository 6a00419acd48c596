//! What a route is: one row says how it is reached, who may, what it reads and answers, and what does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use rrb_engine::api::Actor;
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Identity;
use crate::field::Field;
use crate::problem::Problem;
use crate::scope::Scope;

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Delete,
}

impl Verb {
    /// As OpenAPI writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Delete => "delete",
        }
    }
}

/// Who may call a route. There is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody; only for reading what tells nothing of anybody.
    Public,
    /// Whoever has a token with this scope.
    Scope(Scope),
    /// Whoever the webhook's own check lets in.
    Signature,
}

/// A checked request.
#[derive(Debug)]
pub struct Call {
    pub(crate) identity: Option<Identity>,
    pub(crate) path: BTreeMap<String, String>,
    pub(crate) query: Map<String, Value>,
    pub(crate) body: Map<String, Value>,
    /// The request's `authorization`, for streams that check it again.
    pub(crate) headers: axum::http::HeaderMap,
}

impl Call {
    /// Who asks.
    pub(crate) fn actor(&self) -> Result<&Actor, Problem> {
        self.identity.as_ref().map(|i| &i.actor).ok_or_else(|| Problem::new("unauthorized", "this needs a token"))
    }

    /// A part of the path.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A member of the body, else a parameter, as a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Value::as_str).map(str::to_owned)
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Value::as_bool)
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Value::as_i64)
    }

    /// The body as what the engine takes.
    pub(crate) fn take<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Problem> {
        serde_json::from_value(Value::Object(std::mem::take(&mut self.body)))
            .map_err(|e| Problem::new("invalid", format!("the body cannot be read: {e}")))
    }
}

/// What does it.
#[derive(Clone, Copy)]
pub enum Handler {
    /// With a checked request.
    Api(fn(Arc<App>, Call) -> BoxFuture<'static, Result<Response, Problem>>),
    /// Deliveries, whose bodies are read by other rules.
    Hook,
}

/// A row of the table.
pub struct Route {
    pub verb: Verb,
    /// As the router writes it: `/v1/runs/{id}`.
    pub path: &'static str,
    pub access: Access,
    /// Its name in the description: `startRun`.
    pub name: &'static str,
    pub summary: &'static str,
    pub query: &'static [Field],
    /// None: no body is read.
    pub body: Option<&'static [Field]>,
    /// The status of success and the schema of its body (`""`: none; `[]` behind a name: a list).
    pub answer: (u16, &'static str),
    /// Codes of [`Problem::CODES`] that it can answer besides those every route can.
    pub problems: &'static [&'static str],
    pub handler: Handler,
}
