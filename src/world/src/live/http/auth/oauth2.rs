//! Tokens that are fetched with other credentials: OAuth2 (https://www.rfc-editor.org/rfc/rfc6749), the metadata services of clouds,
//! and logins that answer with a token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};

use super::super::super::args::Args;
use super::super::super::fail::invalid;
use super::super::super::{Cx, now};
use super::super::client::Client;
use super::super::request::{parse, put, secret_value};
use super::ask::{self, Answer};
use super::cache;
use super::jwt::{self, Says};

/// How long a token is used whose answer does not say how long it is good.
const UNTOLD_SECONDS: u64 = 300;

/// The longest token, in bytes.
const MAX_TOKEN: usize = 16 << 10;

const CLIENT_AUTH: [&str; 5] = ["basic", "body", "assertion", "bearer", "none"];

/// A way to get a token, with its secrets resolved.
pub struct Grant<'a> {
    args: Args<'a>,
    url: Url,
    kind: &'a str,
    client_auth: &'static str,
    client_id: &'a str,
    client_secret: Option<SecretString>,
    /// Fields of the form (of the query, of the JSON), in order.
    fields: Vec<(String, String)>,
    headers: HeaderMap,
    as_json: bool,
    /// Where the answer has the token; empty for `access_token` or `token`.
    token_at: &'a str,
}

impl<'a> Grant<'a> {
    /// By the fields of an `http.OAuth2`; resolves its secrets.
    pub async fn of(cx: Cx<'a>, args: Args<'a>) -> Result<Self, Failure> {
        let client_secret = match args.secret("client_secret")? {
            Some(secret) => Some(cx.secret(secret).await?),
            None => None,
        };
        let client_id = args.text_or_none("client_id")?.unwrap_or_default();
        let default = if client_id.is_empty() { "none" } else { "basic" };
        let mut grant = Self {
            args,
            url: parse(args.url("token_url")?)?,
            kind: args.text_or_none("grant")?.unwrap_or("client_credentials"),
            client_auth: args.word("client_auth", default, &CLIENT_AUTH)?,
            client_id,
            client_secret,
            fields: Vec::new(),
            headers: headers(cx, args).await?,
            as_json: args.word("encoding", "form", &["form", "json"])? == "json",
            token_at: args.text_or_none("token_at")?.unwrap_or_default(),
        };
        grant.check()?;
        grant.fields(cx).await?;
        Ok(grant)
    }

    fn check(&self) -> Result<(), Failure> {
        let path = |name: &str| self.args.path(name);
        let needs_secret = matches!(self.client_auth, "basic" | "body");
        if needs_secret && (self.client_id.is_empty() || self.client_secret.is_none()) {
            return Err(invalid(format!(
                "`{}` needs `client_id` and `client_secret`; without them, `client_auth` is `none`, `assertion` or `bearer`",
                path("client_auth")
            )));
        }
        let signs = matches!(self.client_auth, "assertion" | "bearer") || self.kind == "jwt_bearer";
        if signs != self.args.get("assertion").is_some() {
            return Err(invalid(format!(
                "`{}` goes with `grant: \"jwt_bearer\"` or with `client_auth` `assertion` or `bearer`, which need it",
                path("assertion")
            )));
        }
        Ok(())
    }

    async fn fields(&mut self, cx: Cx<'_>) -> Result<(), Failure> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
        match self.kind {
            "" | "metadata" => {}
            "jwt_bearer" => add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            other => add("grant_type", other),
        }
        let scopes = self.args.texts_or_none("scopes")?.unwrap_or_default();
        if !scopes.is_empty() {
            add("scope", &scopes.join(" "));
        }
        if !self.client_id.is_empty() && self.client_auth != "basic" {
            add("client_id", self.client_id);
        }
        if let ("body", Some(secret)) = (self.client_auth, &self.client_secret) {
            add("client_secret", secret.expose_secret());
        }
        for (name, value) in self.args.text_map("form")?.unwrap_or_default() {
            add(name, value);
        }
        for (name, secret) in self.args.secret_map("secret_form")? {
            add(name, cx.secret(secret).await?.expose_secret());
        }
        self.fields = fields;
        Ok(())
    }

    /// What the token depends on. An assertion is new each time: its settings and its key count.
    pub async fn key(&self, cx: Cx<'_>) -> Result<cache::Key, Failure> {
        let settings = self.args.digestible();
        let mut parts: Vec<Vec<u8>> = vec![b"oauth2".to_vec(), settings, self.url.as_str().into()];
        parts.extend(self.client_secret.iter().map(|s| s.expose_secret().as_bytes().to_vec()));
        parts.extend(self.fields.iter().map(|(name, value)| format!("{name}={value}").into_bytes()));
        parts.extend(self.headers.iter().map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()].concat()));
        if let Some(assertion) = self.args.record("oauth2.assertion")? {
            parts.push(cx.secret(assertion.needed_secret("key")?).await?.expose_secret().into());
        }
        Ok(cache::key(parts.iter().map(Vec::as_slice)))
    }

    /// How texts call the token in its place.
    pub fn reference(&self) -> String {
        format!("oauth2:{}", self.url.host_str().unwrap_or_default())
    }

    /// Fetches a token; with how long it may be kept.
    pub async fn fetch(mut self, cx: Cx<'_>, client: &Client) -> Result<(String, Duration), Failure> {
        let what = format!("no token from `{}`", shown(&self.url));
        let request = self.request(cx).await?;
        let answer = ask::ask(client, request, &what).await?;
        let json = answer.json();
        self.learn(cx, &json);
        let token = self.token(&json).filter(|_| answer.status.is_success());
        let Some(token) = token else { return Err(refused(&answer, &json, &what, cx)) };
        if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(answer.refused(
                &what,
                FailureKind::Invalid,
                " with a token that no header can hold",
                &cx.world.scrubber,
            ));
        }
        Ok((token.to_owned(), cache::keep(seconds(&json).unwrap_or(UNTOLD_SECONDS))))
    }

    async fn request(&mut self, cx: Cx<'_>) -> Result<reqwest::Request, Failure> {
        self.authenticate(cx).await?;
        if self.kind == "metadata" {
            for (name, value) in &self.fields {
                self.url.query_pairs_mut().append_pair(name, value);
            }
            return Ok(self.bodyless(Method::GET));
        }
        let (kind, body) = if self.as_json {
            let object = self.fields.iter().map(|(k, v)| (k.clone(), v.clone().into()));
            ("application/json", serde_json::Value::Object(object.collect()).to_string())
        } else {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            ("application/x-www-form-urlencoded", form.extend_pairs(&self.fields).finish())
        };
        let mut request = self.bodyless(Method::POST);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn bodyless(&self, method: Method) -> reqwest::Request {
        let mut request = reqwest::Request::new(method, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        request
    }

    async fn authenticate(&mut self, cx: Cx<'_>) -> Result<(), Failure> {
        if let ("basic", Some(secret)) = (self.client_auth, &self.client_secret) {
            // A login that is no OAuth2 takes user and password as they are.
            let encode = |text: &str| match self.kind {
                "" | "metadata" => text.to_owned(),
                _ => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            };
            let pair = STANDARD.encode(format!("{}:{}", encode(self.client_id), encode(secret.expose_secret())));
            cx.world.scrubber.learn(&self.reference(), &pair);
            put(&mut self.headers, AUTHORIZATION.as_str(), secret_value(&format!("Basic {pair}"), "authorization")?)?;
        }
        let Some(assertion) = self.args.record("oauth2.assertion")? else { return Ok(()) };
        let of_client = self.client_auth == "assertion";
        let client = (of_client && !self.client_id.is_empty()).then(|| self.client_id.to_owned());
        let audience = (self.client_auth != "bearer").then(|| self.url.to_string());
        let says = Says { issuer: client.clone(), subject: client, audience };
        let token = jwt::sign(cx, assertion, says).await?;
        let mut add = |name: &str, value: &str| self.fields.push((name.to_owned(), value.to_owned()));
        match (self.client_auth, self.kind) {
            ("bearer", _) => {
                let value = secret_value(&format!("Bearer {}", token.expose_secret()), "authorization")?;
                put(&mut self.headers, AUTHORIZATION.as_str(), value)?;
            }
            ("assertion", _) => {
                add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                add("client_assertion", token.expose_secret());
            }
            _ => add("assertion", token.expose_secret()),
        }
        Ok(())
    }

    fn token<'j>(&self, json: &'j Json) -> Option<&'j str> {
        let at = |path: &str| path.split('.').try_fold(json, |j, name| j.member(name)).and_then(Json::as_text);
        if self.token_at.is_empty() { at("access_token").or_else(|| at("token")) } else { at(self.token_at) }
    }

    /// From now on the scrubber knows what an answer holds that is as good as a password.
    fn learn(&self, cx: Cx<'_>, json: &Json) {
        let learn = |text: &str| cx.world.scrubber.learn(&self.reference(), text);
        ["refresh_token", "id_token"].iter().filter_map(|n| json.member(n)?.as_text()).for_each(learn);
        self.token(json).iter().for_each(|token| learn(token));
    }
}

async fn headers(cx: Cx<'_>, args: Args<'_>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in args.text_map("headers")?.unwrap_or_default() {
        let value = HeaderValue::from_str(value).map_err(|_| {
            invalid(format!("the header `{name}` has a value with a character that no header can hold"))
        })?;
        put(&mut headers, name, value)?;
    }
    for (name, secret) in args.secret_map("secret_headers")? {
        put(&mut headers, name, secret_value(cx.secret(secret).await?.expose_secret(), name)?)?;
    }
    Ok(headers)
}

/// The header of the request that shows the token: `authorization: Bearer …` unless the settings say another one.
pub fn shows(args: Args<'_>, token: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let name = args.text_or_none("header")?.unwrap_or("authorization");
    let prefix = args.text_or_none("prefix")?.unwrap_or("Bearer ");
    let header =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(format!("`{name}` is no name of a header")))?;
    Ok((header, secret_value(&format!("{prefix}{token}"), name)?))
}

/// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
fn refused(answer: &Answer, json: &Json, what: &str, cx: Cx<'_>) -> Failure {
    if answer.status.is_success() {
        let why = " without a token in it";
        return answer.refused(what, FailureKind::Invalid, why, &cx.world.scrubber);
    }
    let error = json.member("error").and_then(Json::as_text).unwrap_or_default();
    let kind = match error {
        "invalid_client" | "invalid_grant" | "unauthorized_client" => FailureKind::Unauthorized,
        "invalid_scope" | "invalid_request" | "unsupported_grant_type" => FailureKind::Invalid,
        "access_denied" => FailureKind::Forbidden,
        "temporarily_unavailable" | "server_error" => FailureKind::Unavailable,
        _ => ask::kind(answer.status),
    };
    let description = json.member("error_description").and_then(Json::as_text).unwrap_or_default();
    let why = match (error, description) {
        ("", _) => String::new(),
        (error, "") => format!(" with `{error}`"),
        (error, description) => format!(" with `{error}`: {description}"),
    };
    answer.refused(what, kind, &why, &cx.world.scrubber)
}

/// How long the token is good, by whichever word the answer has for it: a number or a text of digits, or a time.
fn seconds(json: &Json) -> Option<u64> {
    let number = |name: &str| match json.member(name)? {
        Json::Int(n) => u64::try_from(*n).ok(),
        Json::Float(f) => (*f >= 0.0).then_some(*f as u64),
        Json::Text(t) => t.parse().ok(),
        _ => None,
    };
    let until = |name: &str| {
        let at: jiff::Timestamp = json.member(name)?.as_text()?.parse().ok()?;
        u64::try_from(at.as_second().saturating_sub(now() / 1000)).ok()
    };
    number("expires_in").or_else(|| until("expires_at"))
}

/// Without its query, which may hold a key.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
