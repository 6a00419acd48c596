//! Credentials that are made for a request: a token that is fetched, a token that is signed.

mod ask;
mod aws;
mod body_hmac;
pub mod cache;
mod jwt;
mod oauth2;
#[cfg(test)]
mod tests;

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use rrb_lang::vm::protocol::Failure;
use secrecy::ExposeSecret;

use super::super::Cx;
use super::super::args::Args;
use super::super::fail::invalid;
use super::client::Client;
use super::kube::Ticket;
use super::request::{put, secret_value};
use cache::{Cache, Key};

/// What is kept between requests.
#[derive(Debug, Default)]
pub struct Kept {
    tokens: Cache<String>,
    keys: Cache<aws::Keys>,
    /// What the programs of kubeconfigs gave.
    pub tickets: Cache<Ticket>,
}

/// The credentials that a call asks for, besides `bearer` and `basic_user`.
#[derive(Clone, Copy)]
pub enum Auth<'a> {
    None,
    OAuth2(Args<'a>),
    Jwt(Args<'a>),
    Aws(Args<'a>),
}

/// Signs the body, where the call asks for it.
pub async fn sign_body(cx: Cx<'_>, request: &mut reqwest::Request) -> Result<(), Failure> {
    match cx.args.record("hmac")? {
        Some(args) => body_hmac::sign(cx, args, request).await,
        None => Ok(()),
    }
}

/// What was put into a request: a token that may be taken back.
pub enum Shown {
    Nothing,
    Token { key: Key, token: String, fresh: bool },
}

impl<'a> Auth<'a> {
    /// By the arguments. At most one of them says who asks.
    pub fn of(args: Args<'a>) -> Result<Self, Failure> {
        const WAYS: [&str; 5] = ["bearer", "basic_user", "oauth2", "jwt", "aws"];
        let given: Vec<String> = WAYS.iter().filter(|w| args.get(w).is_some()).map(|w| format!("`{w}`")).collect();
        if given.len() > 1 {
            return Err(invalid(format!("a request takes one of {}, not several", given.join(" and "))));
        }
        if let Some(oauth2) = args.record("oauth2")? {
            return Ok(Auth::OAuth2(oauth2));
        }
        if let Some(aws) = args.record("aws")? {
            return Ok(Auth::Aws(aws));
        }
        Ok(args.record("jwt")?.map_or(Auth::None, Auth::Jwt))
    }

    /// Puts the credentials into the request. Whatever fails here, the request was not sent.
    pub async fn sign(self, cx: Cx<'a>, client: &Client, request: &mut reqwest::Request) -> Result<Shown, Failure> {
        match self {
            Auth::None => Ok(Shown::Nothing),
            Auth::OAuth2(args) => {
                let grant = oauth2::Grant::of(cx, args).await?;
                let (key, reference) = (grant.key(cx).await?, grant.reference());
                let got = cx.world.kept.tokens.get(key, grant.fetch(cx, client)).await?;
                // The scrubber forgets what it has not heard of for long.
                cx.world.scrubber.learn(&reference, &got.value);
                let (name, value) = oauth2::shows(args, &got.value)?;
                put(request.headers_mut(), name.as_str(), value)?;
                Ok(Shown::Token { key, token: got.value, fresh: got.fresh })
            }
            Auth::Aws(args) => {
                aws::sign(cx, args, client, request).await?;
                Ok(Shown::Nothing)
            }
            Auth::Jwt(args) => {
                let (token, reference) = signed(cx, args).await?;
                cx.world.scrubber.learn(reference, &token);
                put(
                    request.headers_mut(),
                    AUTHORIZATION.as_str(),
                    secret_value(&format!("Bearer {token}"), "authorization")?,
                )?;
                Ok(Shown::Nothing)
            }
        }
    }

    /// The failure of a refused request, as far as the credentials say more of it than its status.
    pub fn explained(self, failure: Failure) -> Failure {
        if matches!(self, Auth::Aws(_)) { aws::explained(failure) } else { failure }
    }
}

/// A signed token; one serves for half of its lifetime.
async fn signed<'a>(cx: Cx<'a>, args: Args<'a>) -> Result<(String, &'a str), Failure> {
    let secret = args.needed_secret("key")?;
    let settings = args.digestible();
    let value = cx.secret(secret).await?;
    let key = cache::key([b"jwt".as_slice(), &settings, value.expose_secret().as_bytes()]);
    let keep = args.duration("lifetime", jwt::LIFETIME)? / 2;
    let sign = async {
        let token = jwt::sign(cx, args, jwt::Says::default()).await?;
        Ok((token.expose_secret().to_owned(), keep.min(Duration::from_secs(300))))
    };
    let got = cx.world.kept.tokens.get(key, sign).await?;
    Ok((got.value, secret.reference()))
}

impl Shown {
    /// Forgets a token that the target did not take. Whether another one is worth a try: one that was fetched just now would be no
    /// better.
    pub async fn refused(self, cx: Cx<'_>) -> bool {
        let Shown::Token { key, token, fresh } = self else { return false };
        cx.world.kept.tokens.forget(key, &token).await;
        !fresh
    }
}
