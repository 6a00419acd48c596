//! From the arguments of a call to a request.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use rrb_lang::value::Secret;
use rrb_lang::vm::protocol::Failure;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::super::Cx;
use super::super::egress::Egress;
use super::super::fail::{forbidden, invalid};
use super::client::{Peer, Pem, read_pem};
use super::key;
use super::kube::Kube;
use super::reply;

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 16 << 20;

/// The longest address, in bytes.
const MAX_URL: usize = 32 << 10;

/// The longest path of a socket, in bytes: what the kernel takes.
const MAX_SOCKET: usize = 107;

/// Headers that belong to the connection.
const OURS: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// A request to send, and how to take its reply.
pub struct Request {
    pub http: reqwest::Request,
    /// Method and address for messages, without query and secrets: `POST https://slack.com/api/chat.postMessage`.
    pub shown: String,
    pub timeout: Duration,
    /// Empty means every 2xx.
    pub expect: Vec<i64>,
    pub max_reply: u64,
}

impl Request {
    /// Makes the request; resolves its secrets.
    pub async fn build(cx: Cx<'_>, method: Method, kube: Option<&Kube>) -> Result<Self, Failure> {
        let visible = parse(cx.args.url("url")?)?;
        let visible = kube.map_or(Ok(visible.clone()), |kube| kube.address(&visible))?;
        let shown = shown(&method, &visible);
        let mut url = match cx.args.secret("secret_url")? {
            Some(secret) => {
                let url = secret_url(&visible, &cx.secret(secret).await?)?;
                learn_parts(cx, secret.reference(), &url);
                url
            }
            None => visible,
        };
        add_query(cx, &mut url).await?;
        if url.as_str().len() > MAX_URL {
            return Err(invalid(format!("{shown}: the address is longer than 32 KiB")));
        }
        let mut http = reqwest::Request::new(method, url);
        *http.headers_mut() = headers(cx).await?;
        kube.map_or(Ok(()), |kube| kube.sign(&mut http))?;
        if let Some((kind, body)) = body(cx).await? {
            http.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
            *http.body_mut() = Some(body.into());
        }
        let expect = cx.args.ints("expect")?.unwrap_or_default();
        if expect.iter().any(|s| !(200..=599).contains(s)) {
            return Err(invalid("`expect` lists HTTP statuses, 200 to 599"));
        }
        Ok(Self {
            http,
            shown,
            timeout: cx.args.duration("timeout", Duration::from_secs(30))?,
            expect,
            max_reply: cx.args.size("max_reply", 1 << 20, reply::MAX_BYTES)?,
        })
    }
}

pub fn shown(method: &Method, url: &Url) -> String {
    format!("{method} {}{}", url.origin().ascii_serialization(), url.path())
}

pub fn parse(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|e| invalid(format!("the address is no URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(invalid(format!("an address begins with `http://` or `https://`, not with `{}:`", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("an address holds no user and password: give them as `basic_user` and `basic_password`"));
    }
    Ok(url)
}

/// The secret address, which must lead where the visible one says.
fn secret_url(visible: &Url, secret: &SecretString) -> Result<Url, Failure> {
    // What is wrong with a secret address is said without any of it.
    let url = parse(secret.expose_secret())
        .map_err(|_| invalid("`secret_url` is no address that begins with `http://` or `https://`"))?;
    if url.origin() != visible.origin() {
        let origin = visible.origin().ascii_serialization();
        return Err(forbidden(format!("`secret_url` does not lead to `{origin}`, as `url` says it must")));
    }
    Ok(url)
}

/// A target may repeat only a part of the address it was asked for.
fn learn_parts(cx: Cx<'_>, reference: &str, url: &Url) {
    const SHORTEST: usize = 8;
    let path = url.path().trim_start_matches('/');
    let segments = url.path_segments().into_iter().flatten().filter(|s| s.len() > SHORTEST);
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    let parts = std::iter::once(path.to_owned())
        .chain(url.query().map(str::to_owned))
        .chain(segments.map(str::to_owned))
        .chain(values);
    parts.filter(|part| part.len() >= SHORTEST).for_each(|part| cx.world.scrubber.learn(reference, &part));
}

async fn add_query(cx: Cx<'_>, url: &mut Url) -> Result<(), Failure> {
    for (name, value) in cx.args.text_map("query")?.unwrap_or_default() {
        url.query_pairs_mut().append_pair(name, value);
    }
    for (name, secret) in cx.args.secret_map("secret_query")? {
        let value = cx.secret(secret).await?;
        url.query_pairs_mut().append_pair(name, value.expose_secret());
    }
    if let Some((name, value)) = key::member(cx, "key_query")? {
        url.query_pairs_mut().append_pair(&name, &value);
    }
    Ok(())
}

async fn headers(cx: Cx<'_>) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in cx.args.text_map("headers")?.unwrap_or_default() {
        let bad = |_| invalid(format!("the header `{name}` has a value with a character that no header can hold"));
        put(&mut headers, name, HeaderValue::from_str(value).map_err(bad)?)?;
    }
    for (name, secret) in cx.args.secret_map("secret_headers")? {
        put(&mut headers, name, secret_value(cx.secret(secret).await?.expose_secret(), name)?)?;
    }
    if let Some(value) = authorization(cx).await? {
        put(&mut headers, AUTHORIZATION.as_str(), value)?;
    }
    key::put_header(cx, &mut headers)?;
    Ok(headers)
}

async fn authorization(cx: Cx<'_>) -> Result<Option<HeaderValue>, Failure> {
    let (bearer, user, password) =
        (cx.args.secret("bearer")?, cx.args.text_or_none("basic_user")?, cx.args.secret("basic_password")?);
    match (bearer, user, password) {
        (None, None, None) => Ok(None),
        (Some(token), None, None) => {
            let value = format!("Bearer {}", cx.secret(token).await?.expose_secret());
            secret_value(&value, "authorization").map(Some)
        }
        (None, Some(user), _) if user.contains(':') => {
            Err(invalid("`basic_user` holds a `:`, which ends a user's name"))
        }
        (None, Some(user), password) => {
            let password = match password {
                Some(p) => cx.secret(p).await?,
                None => SecretString::default(),
            };
            let pair = STANDARD.encode(format!("{user}:{}", password.expose_secret()));
            if let Some(p) = cx.args.secret("basic_password")? {
                cx.world.scrubber.learn(p.reference(), &pair);
            }
            secret_value(&format!("Basic {pair}"), "authorization").map(Some)
        }
        (None, None, Some(_)) => Err(invalid("`basic_password` needs `basic_user` beside it")),
        // More than one way is refused before.
        (Some(_), ..) => Err(invalid("`basic_password` needs `basic_user` beside it")),
    }
}

pub fn secret_value(value: &str, name: &str) -> Result<HeaderValue, Failure> {
    let bad = |_| invalid(format!("the secret for the header `{name}` holds a character that no header can"));
    let mut value = HeaderValue::from_str(value).map_err(bad)?;
    value.set_sensitive(true);
    Ok(value)
}

pub fn put(headers: &mut HeaderMap, name: &str, value: HeaderValue) -> Result<(), Failure> {
    let header =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid(format!("`{name}` is no name of a header")))?;
    if OURS.contains(&header.as_str()) {
        return Err(invalid(format!("the header `{header}` is set by rrb itself")));
    }
    if headers.insert(header, value).is_some() {
        return Err(invalid(format!("the header `{name}` is given twice")));
    }
    Ok(())
}

/// What the connection is made with.
pub async fn peer(cx: Cx<'_>) -> Result<Peer, Failure> {
    let mut peer = Peer::default();
    if let Some(path) = cx.args.text_or_none("ca_file")? {
        peer.authorities.push(read_pem("ca_file", path).await?);
    }
    if let Some(text) = cx.args.text_or_none("ca")? {
        peer.authorities.push(pem("ca", text)?);
    }
    peer.identity = match (cx.args.text_or_none("client_cert")?, cx.args.secret("client_key")?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((pem("client_cert", certificate)?, client_key(cx, key).await?)),
        _ => return Err(invalid("`client_cert` and `client_key` go together")),
    };
    if let Some(path) = cx.args.text_or_none("unix_socket")? {
        // Tokens are had over the network, never from what listens there.
        if let Some(other) = ["oauth2", "aws"].into_iter().find(|o| cx.args.get(o).is_some()) {
            return Err(invalid(format!("`unix_socket` does not go with `{other}`")));
        }
        if !path.starts_with('/') || path.len() > MAX_SOCKET || path.contains('\0') {
            return Err(invalid("`unix_socket` is an absolute path of at most 107 bytes"));
        }
        peer.unix_socket = Some(path.to_owned());
    }
    Ok(peer)
}

/// A PEM text, or the Base64 of one, as a kubeconfig holds it.
pub fn pem(of: &str, text: &str) -> Result<Pem, Failure> {
    let text = if text.contains("-----BEGIN ") { Some(text.to_owned()) } else { unpacked(text) };
    let text = text.ok_or_else(|| invalid(format!("`{of}` is no text in PEM form (`-----BEGIN CERTIFICATE-----`)")))?;
    Ok(Pem { of: of.to_owned(), text })
}

pub fn unpacked(text: &str) -> Option<String> {
    let text: String = text.split_ascii_whitespace().collect();
    String::from_utf8(STANDARD.decode(text).ok()?).ok().filter(|t| t.contains("-----BEGIN "))
}

async fn client_key(cx: Cx<'_>, secret: &Secret) -> Result<SecretString, Failure> {
    let key = cx.secret(secret).await?;
    let Some(plain) = unpacked(key.expose_secret()) else { return Ok(key) };
    cx.world.scrubber.learn(secret.reference(), &plain);
    Ok(SecretString::from(plain))
}

async fn body(cx: Cx<'_>) -> Result<Option<(&'static str, Vec<u8>)>, Failure> {
    let (json, form, text) = (cx.args.json("json")?, cx.args.text_map("form")?, cx.args.text_or_none("text")?);
    let hidden = hidden_members(cx).await?;
    let body = match (json, form, text) {
        (None, None, None) if hidden.is_empty() => return Ok(None),
        (None, None, None) => ("application/json", with_members(json!({}), hidden)?.to_string().into_bytes()),
        (Some(json), None, None) => ("application/json", with_members(json.into(), hidden)?.to_string().into_bytes()),
        (None, Some(form), None) => {
            let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
            let encoded =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).extend_pairs(hidden).finish();
            ("application/x-www-form-urlencoded", encoded.into_bytes())
        }
        (None, None, Some(_)) if !hidden.is_empty() => {
            return Err(invalid(
                "`secret_body` and `key_field` go into `json` or `form`, and this request sends `text`",
            ));
        }
        (None, None, Some(text)) => ("text/plain; charset=utf-8", text.as_bytes().to_vec()),
        _ => return Err(invalid("a request takes one body: `json`, `form` or `text`")),
    };
    if body.1.len() > MAX_BODY {
        return Err(invalid("the body is longer than 16 MiB"));
    }
    Ok(Some(body))
}

/// The names and values of `secret_body`, and the idempotency key where it goes into the body.
async fn hidden_members(cx: Cx<'_>) -> Result<Vec<(String, SecretString)>, Failure> {
    let mut members = Vec::new();
    for (name, secret) in cx.args.secret_map("secret_body")? {
        members.push((name.to_string(), cx.secret(secret).await?));
    }
    members.extend(key::member(cx, "key_field")?.map(|(name, value)| (name, SecretString::from(value))));
    Ok(members)
}

fn with_members(
    mut json: serde_json::Value,
    members: Vec<(String, SecretString)>,
) -> Result<serde_json::Value, Failure> {
    if members.is_empty() {
        return Ok(json);
    }
    let Some(object) = json.as_object_mut() else {
        return Err(invalid("`secret_body` or `key_field` adds members to an object, and `json` is none"));
    };
    for (name, value) in members {
        if object.contains_key(&name) {
            return Err(invalid(format!("the member `{name}` stands in `json` and in `secret_body` or `key_field`")));
        }
        object.insert(name, value.expose_secret().into());
    }
    Ok(json)
}

impl Egress {
    /// Refuses an address written as numbers; names are checked when they are resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Failure> {
        let ip = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.into(),
            Some(url::Host::Ipv6(ip)) => ip.into(),
            _ => return Ok(()),
        };
        self.check(url.host_str().unwrap_or_default(), ip).map_err(|refused| forbidden(refused.message))
    }
}
