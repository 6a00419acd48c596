//! Tokens.

use std::sync::Arc;

use axum::http::StatusCode;
use rrb_engine::store::TokenRow;
use serde_json::{Value, json};

use super::{Answer, empty};
use crate::app::App;
use crate::problem::Problem;
use crate::route::Call;
use crate::scope::Scope;
use crate::token::{LocalToken, Minted};

/// Seconds that a token is valid unless it says otherwise.
const DEFAULT_LIFE: i64 = 90 * 24 * 3600;

pub(crate) async fn list(app: Arc<App>, _: Call) -> Answer {
    let mut tokens = app.plane.tokens().await?;
    tokens.iter_mut().for_each(|t| t.hash.clear());
    super::json(StatusCode::OK, &tokens)
}

pub(crate) async fn create(app: Arc<App>, call: Call) -> Answer {
    let scopes = scopes(&call)?;
    let user = call.text("user").filter(|u| !u.is_empty());
    if scopes.contains(&Scope::ApprovalsVote) && user.is_none() {
        return Err(Problem::new("invalid", "`approvals:vote` needs a `user`: only a person can vote"));
    }
    let name = call.text("name").unwrap_or_default();
    if !is_name(&name) {
        return Err(Problem::new("invalid", "`name` must be 1 to 64 letters, digits, `_`, `-`, `.`"));
    }
    let now = app.clock.now();
    let expires = match (call.int("expires"), call.int("expires_in")) {
        (Some(_), Some(_)) => return Err(Problem::new("invalid", "give `expires` or `expires_in`, not both")),
        (Some(at), None) if at <= now => return Err(Problem::new("invalid", "`expires` lies in the past")),
        (Some(at), None) => at,
        (None, seconds) => now.saturating_add(seconds.unwrap_or(DEFAULT_LIFE).saturating_mul(1000)),
    };
    let (id, hash, minted) = secret(&call)?;
    let row = TokenRow {
        id: id.clone(),
        name,
        hash,
        scopes: scopes.iter().map(|s| s.name().to_owned()).collect(),
        user,
        created: now,
        expires: Some(expires),
        revoked: None,
    };
    app.plane.create_token(row, call.actor()?).await?;
    app.auth.forget();
    let mut answer = json!({ "id": id, "expires": expires });
    if let (Some(minted), Value::Object(map)) = (minted, &mut answer) {
        map.insert("token".to_owned(), minted.reveal().into());
    }
    super::json(StatusCode::CREATED, &answer)
}

/// The scopes asked for, which the asker must have, unless it is an administrator.
fn scopes(call: &Call) -> Result<Vec<Scope>, Problem> {
    let mut scopes = Vec::new();
    for name in call.body.get("scopes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let scope = Scope::parse(name).map_err(|e| Problem::new("invalid", e))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() {
        return Err(Problem::new("invalid", "a token needs at least one scope"));
    }
    let may = |s: Scope| call.identity.as_ref().is_some_and(|i| i.may(Scope::Admin) || i.may(s));
    match scopes.iter().find(|s| !may(**s)) {
        Some(scope) => Err(Problem::new("forbidden", format!("you do not have `{scope}`, so you cannot give it"))
            .help("a token with `admin` can give every scope")),
        None => Ok(scopes),
    }
}

/// A secret drawn here, or the hash of one that the asker drew and keeps.
fn secret(call: &Call) -> Result<(String, String, Option<Minted>), Problem> {
    match (call.text("id"), call.text("hash")) {
        (None, None) => {
            let minted = Minted::new().map_err(|e| Problem::new("failed", format!("no random numbers: {e}")))?;
            Ok((minted.id.clone(), minted.hash.clone(), Some(minted)))
        }
        (Some(id), Some(hash)) => {
            let hex = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if !hex {
                return Err(Problem::new("invalid", "`hash` must be a SHA-256 in 64 small hexadecimal digits"));
            }
            let plain = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !plain || id == LocalToken::ID {
                return Err(Problem::new(
                    "invalid",
                    "`id` must be 1 to 64 letters, digits and `_`, and not `operator`",
                ));
            }
            Ok((id, hash, None))
        }
        _ => Err(Problem::new("invalid", "`id` and `hash` go together: both for your own secret, none for a new one")),
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

pub(crate) async fn revoke(app: Arc<App>, call: Call) -> Answer {
    if call.part("id") == LocalToken::ID {
        return Err(Problem::new("conflict", "the operator's token cannot be revoked: it is made anew at each start")
            .help("restart the daemon"));
    }
    let done = app.plane.revoke_token(call.part("id"), call.actor()?).await;
    app.auth.forget();
    done?;
    empty()
}
