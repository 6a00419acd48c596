//! Who asks, and what they may.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, header};
use rrb_engine::api::{Actor, ApiError, ControlPlane};
use rrb_engine::clock::Clock;
use rrb_engine::store::TokenRow;
use tokio::time::Instant;

use crate::problem::Problem;
use crate::scope::Scope;
use crate::token::{self, LocalToken};

/// How long the list of tokens is used before it is read again. Tokens made or revoked over the API count at once.
const FRESH: Duration = Duration::from_secs(1);

/// Whoever showed a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub actor: Actor,
    pub scopes: Vec<Scope>,
}

impl Identity {
    /// Whether it has this right.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|s| s.covers(scope))
    }
}

/// Why nobody is known: the answer, and a word for the audit log.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub problem: Problem,
    pub why: &'static str,
}

/// Checks tokens.
pub(crate) struct Auth {
    plane: Arc<dyn ControlPlane>,
    clock: Arc<dyn Clock>,
    local: Option<LocalToken>,
    list: Mutex<Option<(Instant, Arc<Vec<TokenRow>>)>>,
}

impl Auth {
    pub fn new(plane: Arc<dyn ControlPlane>, clock: Arc<dyn Clock>, local: Option<LocalToken>) -> Self {
        Self { plane, clock, local, list: Mutex::new(None) }
    }

    /// Makes the next check read the list of tokens again.
    pub fn forget(&self) {
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Who shows the token in `headers`.
    ///
    /// # Errors
    /// [`Unknown`] with the answer 401, or 503 when tokens cannot be read now.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Identity, Unknown> {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return Err(refuse("this needs a token in the header `authorization`", "no token"));
        };
        let text = value.to_str().unwrap_or_default();
        let Some((scheme, text)) = text.split_once(' ').filter(|(s, _)| s.eq_ignore_ascii_case("bearer")) else {
            return Err(refuse("the header `authorization` must be `Bearer` and a token", "another scheme"));
        };
        debug_assert!(scheme.eq_ignore_ascii_case("bearer"));
        let Some((id, secret)) = token::split(text.trim()) else {
            return Err(refuse("the token is not known", "no token of this form"));
        };
        if let Some(local) = self.local.as_ref().filter(|l| l.id == id) {
            return match token::matches(secret, &local.hash) {
                true => Ok(operator()),
                false => Err(refuse("the token is not known", "not the operator's token").help(
                    "it is made anew at each start of the daemon: read `operator.token` in the state folder again",
                )),
            };
        }
        let list = self.tokens().await.map_err(|e| Unknown { problem: e.into(), why: "tokens cannot be read" })?;
        // A secret is hashed and compared also for an id that does not exist.
        let row = list.iter().find(|t| t.id == id);
        if !token::matches(secret, row.map_or("", |t| t.hash.as_str())) {
            return Err(refuse("the token is not known", "unknown token"));
        }
        match row {
            Some(row) => self.accept(row),
            None => Err(refuse("the token is not known", "unknown token")),
        }
    }

    fn accept(&self, row: &TokenRow) -> Result<Identity, Unknown> {
        // The secret is right, so its holder may know.
        if row.revoked.is_some() {
            return Err(refuse(&format!("the token `{}` was revoked", row.name), "revoked token"));
        }
        if row.expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(refuse(&format!("the token `{}` has expired", row.name), "expired token"));
        }
        let actor = Actor { person: row.user.clone(), method: format!("token:{}", row.name) };
        // A scope of a newer version gives nothing.
        let scopes = row.scopes.iter().filter_map(|s| Scope::parse(s).ok()).collect();
        Ok(Identity { actor, scopes })
    }

    async fn tokens(&self) -> Result<Arc<Vec<TokenRow>>, ApiError> {
        let kept = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, list)) = kept.filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(list);
        }
        let asked = Instant::now();
        let list = Arc::new(self.plane.tokens().await?);
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, Arc::clone(&list)));
        Ok(list)
    }
}

/// Whoever may read the state folder.
fn operator() -> Identity {
    let scopes = Scope::ALL.into_iter().filter(|s| *s != Scope::ApprovalsVote).collect();
    Identity { actor: Actor { person: None, method: "local".to_owned() }, scopes }
}

fn refuse(detail: &str, why: &'static str) -> Unknown {
    let help = "make one with `rrb token create` and send `authorization: Bearer rrb_…`";
    Unknown { problem: Problem::new("unauthorized", detail).help(help), why }
}

impl Unknown {
    fn help(mut self, text: &str) -> Self {
        self.problem.help = Some(text.to_owned());
        self
    }
}
