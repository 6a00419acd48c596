//! From the table to a router. Every request goes through [`dispatch`]: origin, right, bounds, then the handler.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};

use crate::app::App;
use crate::auth::Identity;
use crate::problem::Problem;
use crate::route::{Access, Call, Handler, Route, Verb};
use crate::routes::ROUTES;
use crate::{browser, hooks, intake, openapi, origins};

/// The address a connection comes from; the server puts it into every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

/// The longest part of a path that is looked up.
const MAX_PART: usize = 200;

/// The whole face as a router.
pub fn router(app: Arc<App>) -> Router {
    app.description.get_or_init(|| openapi::describe().to_string());
    let mut router = Router::new();
    for route in ROUTES {
        let method = match route.verb {
            Verb::Get => MethodFilter::GET,
            // A sender may ask first whether it may deliver.
            Verb::Post if matches!(route.handler, Handler::Hook) => MethodFilter::POST.or(MethodFilter::OPTIONS),
            Verb::Post => MethodFilter::POST,
            Verb::Delete => MethodFilter::DELETE,
        };
        let app = Arc::clone(&app);
        let handler = move |request: Request| async move {
            let response = match dispatch(&app, route, request).await {
                Ok(response) => response,
                Err(problem) => problem.into_response(),
            };
            app.metrics.answered(response.status().as_u16());
            response
        };
        router = router.route(route.path, on(method, handler));
    }
    let missing = Problem::new("not_found", "there is nothing at this address")
        .help("`/v1/openapi.json` describes what there is")
        .closing();
    let wrong = Problem::new("method_not_allowed", "this address does not take this method")
        .help("`/v1/openapi.json` describes what it takes")
        .closing();
    router
        .fallback(move || std::future::ready(missing.clone().into_response()))
        .method_not_allowed_fallback(move || std::future::ready(wrong.clone().into_response()))
}

async fn dispatch(app: &Arc<App>, route: &'static Route, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |p| p.0);
    browser::check(&parts.method, &parts.headers, &app.config).map_err(Problem::closing)?;
    let path = path_parts(&mut parts).await?;
    let work = match route.handler {
        Handler::Hook => {
            let address = path.get("path").cloned().unwrap_or_default();
            if parts.method == Method::OPTIONS {
                return origins::answer(app, &address, &parts.headers).map_err(Problem::closing);
            }
            return Ok(hooks::take(Arc::clone(app), peer, &address, &parts.uri, parts.headers, body).await);
        }
        Handler::Api(work) => work,
    };
    let identity = admit(app, route, peer, &parts).await.map_err(Problem::closing)?;
    let query = intake::query(&parts.uri, route.query).map_err(Problem::closing)?;
    let limits = &app.config.limits;
    let body = match route.body {
        Some(fields) => {
            let bytes = intake::read(&parts.headers, body, limits.max_body, limits.body_time).await?;
            intake::members(&parts.headers, &bytes, fields)?
        }
        None => serde_json::Map::new(),
    };
    let call = Call { identity, path, query, body, headers: parts.headers };
    // What was begun is finished also when the asker hangs up.
    let task = tokio::spawn(work(Arc::clone(app), call));
    match tokio::time::timeout(limits.answer_time, task).await {
        Ok(Ok(answer)) => answer.inspect_err(|problem| {
            if problem.code == "failed" {
                tracing::error!(route = route.name, detail = problem.detail, "a request failed");
            }
        }),
        Ok(Err(error)) => {
            tracing::error!(route = route.name, %error, "a request's handler stumbled");
            Err(Problem::new("failed", "a mistake in rrb: the daemon's log has the details"))
        }
        Err(_) => Err(Problem::new("unanswered", "the engine did not answer in time")
            .help("what was begun goes on: look whether it is done before you try again")),
    }
}

/// The named parts of the path, decoded.
async fn path_parts(parts: &mut Parts) -> Result<BTreeMap<String, String>, Problem> {
    let wrong = || Problem::new("not_found", "there is nothing at this address").closing();
    let raw = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| wrong())?;
    let all: BTreeMap<String, String> = raw.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let plain = |v: &String| v.len() <= 4 * MAX_PART && !v.chars().any(char::is_control);
    if all.values().all(plain) { Ok(all) } else { Err(wrong()) }
}

/// Lets in whoever may use a route.
async fn admit(app: &Arc<App>, route: &Route, peer: IpAddr, parts: &Parts) -> Result<Option<Identity>, Problem> {
    let scope = match route.access {
        Access::Public => return Ok(None),
        Access::Scope(scope) => scope,
        Access::Signature => return Err(Problem::new("unauthorized", "this needs a signature")),
    };
    let identity = app.auth.identify(&parts.headers).await.map_err(|unknown| {
        if unknown.problem.code == "unauthorized" {
            app.turned_away("token", peer, parts.uri.path(), unknown.why);
        }
        unknown.problem
    })?;
    if identity.may(scope) {
        return Ok(Some(identity));
    }
    Err(Problem::new("forbidden", format!("this token does not have the scope `{scope}`"))
        .help(format!("make one that has: `rrb token create NAME --scope {scope}`")))
}
