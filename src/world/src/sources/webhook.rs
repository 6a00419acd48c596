//! Whether a delivery comes from who it says: before anything of it is parsed, in constant time, with the secret that is valid now or the
//! one before it.

mod documents;
mod oidc;
mod sns;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use documents::Documents;
use hmac::{Hmac, KeyInit, Mac};
use rrb_lang::schemes;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Millis;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Sha256, Sha384, Sha512};
use smol_str::SmolStr;
use subtle::ConstantTimeEq;

use crate::secrets;

/// How far a signed time may be from now unless `tolerance` says otherwise.
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// How many signatures of one delivery are looked at.
const MAX_SIGNATURES: usize = 16;

/// The longest header that is looked at, in bytes.
const MAX_HEADER: usize = 16 << 10;

/// The shortest key of Standard Webhooks, in bytes; the specification asks for 24.
const SHORTEST_KEY: usize = 16;

/// Why a delivery is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reject {
    /// The sender did not show who it is: answer 401. What exactly was wrong is for the log; the sender is not told.
    Unverified(&'static str),
    /// The document at this address (a certificate, keys) has to be fetched first; then the check is to be made again.
    Needs(String),
    /// The check itself cannot be made (a secret is not set, a scheme has no such argument): answer 503, so that the sender tries again.
    Misconfigured(String),
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reject::Unverified(why) => f.write_str(why),
            Reject::Needs(url) => write!(f, "the signature cannot be checked without `{url}`"),
            Reject::Misconfigured(why) => write!(f, "the signature cannot be checked: {why}"),
        }
    }
}

impl std::error::Error for Reject {}

/// Checks a delivery by `scheme` (see [`schemes::SCHEMES`]; `none` accepts everything). `headers` have lower-case names; `now` is the
/// engine's time. Resolves secrets, so it may read a file. `documents` holds what was fetched for checks before.
///
/// # Errors
/// See [`Reject`]. No error holds a secret, a signature or a part of the body.
pub fn verify(
    scheme: &str,
    args: &[(SmolStr, Value)],
    headers: &BTreeMap<String, String>,
    body: &[u8],
    now: Millis,
    documents: &Documents,
) -> Result<(), Reject> {
    if scheme == "none" {
        return Ok(());
    }
    let delivery = Delivery { headers, body, now, args: &Arguments::of(scheme, args)? };
    match scheme {
        "sns_signature" => return delivery.sns(documents),
        "oidc" => return delivery.oidc(documents),
        _ => {}
    }
    let present =
        delivery.args.secret("secret")?.ok_or_else(|| Reject::Misconfigured("`secret` is missing".to_owned()))?;
    let verdict = delivery.check(scheme, present.expose_secret());
    if verdict.is_ok() {
        return verdict;
    }
    match delivery.args.secret("previous_secret")? {
        Some(previous) => delivery.check(scheme, previous.expose_secret()),
        None => verdict,
    }
}

struct Delivery<'a> {
    headers: &'a BTreeMap<String, String>,
    body: &'a [u8],
    now: Millis,
    args: &'a Arguments<'a>,
}

struct Arguments<'a>(Vec<(&'static str, &'a Value)>);

impl<'a> Arguments<'a> {
    /// The arguments by name; one without a name stands for the parameter at its place.
    fn of(scheme: &str, given: &'a [(SmolStr, Value)]) -> Result<Self, Reject> {
        let known =
            schemes::find(scheme).ok_or_else(|| Reject::Misconfigured(format!("there is no scheme `{scheme}`")))?;
        let mut args = Vec::new();
        for (at, (name, value)) in given.iter().enumerate() {
            let param =
                if name.is_empty() { known.params.get(at) } else { known.params.iter().find(|p| p.name == name) };
            let param = param.ok_or_else(|| Reject::Misconfigured(format!("`{scheme}` has no parameter `{name}`")))?;
            args.push((param.name, value));
        }
        Ok(Self(args))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.iter().find(|(n, v)| *n == name && **v != Value::None).map(|(_, v)| *v)
    }

    fn text(&self, name: &str, default: &'a str) -> Result<&'a str, Reject> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value.as_text().ok_or_else(|| Reject::Misconfigured(format!("`{name}` is no Text"))),
        }
    }

    fn needed(&self, name: &str) -> Result<&'a str, Reject> {
        let text = self.text(name, "")?;
        if text.is_empty() { Err(Reject::Misconfigured(format!("`{name}` is missing"))) } else { Ok(text) }
    }

    fn tolerance(&self) -> Result<i64, Reject> {
        match self.get("tolerance") {
            None => Ok(TOLERANCE_MS),
            Some(Value::Duration(d)) if *d > 0 => Ok(*d),
            Some(_) => Err(Reject::Misconfigured("`tolerance` is no Duration above zero".to_owned())),
        }
    }

    fn secret(&self, name: &str) -> Result<Option<SecretString>, Reject> {
        match self.get(name) {
            Some(Value::Secret(secret)) => {
                secrets::resolve(secret).map(Some).map_err(|f| Reject::Misconfigured(f.message))
            }
            Some(_) => Err(Reject::Misconfigured(format!("`{name}` is no Secret"))),
            None => Ok(None),
        }
    }
}

impl<'a> Delivery<'a> {
    fn check(&self, scheme: &str, secret: &str) -> Result<(), Reject> {
        match scheme {
            "bearer" => self.bearer(secret),
            "basic" => self.basic(secret),
            "header" => self.own_header(secret),
            "hmac" => self.hmac(secret),
            "standard_webhooks" => self.standard(secret, "webhook"),
            "svix_signature" => self.standard(secret, "svix"),
            "stripe_signature" => self.stripe(secret),
            "slack_signature" => self.slack(secret),
            "github_signature" => self.github(secret),
            _ => Err(Reject::Misconfigured(format!("there is no scheme `{scheme}`"))),
        }
    }

    fn header(&self, name: &str) -> Result<&'a str, Reject> {
        let value = self
            .headers
            .get(&name.to_ascii_lowercase())
            .ok_or(Reject::Unverified("a header of the signature is missing"))?;
        if value.len() > MAX_HEADER {
            Err(Reject::Unverified("a header of the signature is too long"))
        } else {
            Ok(value)
        }
    }

    fn authorization(&self, kind: &str) -> Result<&'a str, Reject> {
        let (given, credentials) = self
            .header("authorization")?
            .split_once(' ')
            .ok_or(Reject::Unverified("the authorization is malformed"))?;
        if given.eq_ignore_ascii_case(kind) {
            Ok(credentials.trim_start_matches(' '))
        } else {
            Err(Reject::Unverified("the authorization is of another kind"))
        }
    }

    fn bearer(&self, secret: &str) -> Result<(), Reject> {
        same(self.authorization("bearer")?.as_bytes(), secret.as_bytes())
    }

    fn basic(&self, secret: &str) -> Result<(), Reject> {
        let pair = STANDARD
            .decode(self.authorization("basic")?)
            .map_err(|_| Reject::Unverified("the authorization is malformed"))?;
        same(&pair, format!("{}:{secret}", self.args.needed("user")?).as_bytes())
    }

    fn own_header(&self, secret: &str) -> Result<(), Reject> {
        let name = self.args.needed("header")?;
        if !schemes::holds_credentials(&name.to_ascii_lowercase()) {
            return Err(Reject::Misconfigured(format!(
                "the header `{name}` would be kept with the event: a secret comes in one whose name has `token`, `secret`, \
                 `password`, `api-key`, `signature` or `authorization` in it"
            )));
        }
        let given = self
            .header(name)?
            .strip_prefix(self.args.text("prefix", "")?)
            .ok_or(Reject::Unverified("the credentials are malformed"))?;
        same(given.as_bytes(), secret.as_bytes())
    }

    fn hmac(&self, secret: &str) -> Result<(), Reject> {
        let given = self.header(self.args.needed("header")?)?;
        // A sender signs with the old and the new secret while it changes.
        let mut verdict = Err(Reject::Unverified("the signature is malformed"));
        for one in given.split(',').map(str::trim).take(MAX_SIGNATURES) {
            verdict = self.hmac_is(secret, one);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    fn hmac_is(&self, secret: &str, given: &str) -> Result<(), Reject> {
        let given = given
            .strip_prefix(self.args.text("prefix", "")?)
            .ok_or(Reject::Unverified("the signature is malformed"))?;
        let given = match self.args.text("encoding", "hex")? {
            "hex" => from_hex(given),
            "base64" => STANDARD.decode(given).ok(),
            other => return Err(Reject::Misconfigured(format!("`encoding` is `hex` or `base64`, not `{other}`"))),
        };
        let given = given.ok_or(Reject::Unverified("the signature is malformed"))?;
        let timestamp = match self.args.text("timestamp_header", "")? {
            "" => None,
            name => Some(self.timestamp(name)?),
        };
        let default = if timestamp.is_some() { "{timestamp}.{body}" } else { "{body}" };
        let parts = self.parts(self.args.text("signs", default)?, timestamp)?;
        match self.args.text("algorithm", "sha256")? {
            "sha256" => signed::<Hmac<Sha256>>(secret.as_bytes(), &parts, &given),
            "sha384" => signed::<Hmac<Sha384>>(secret.as_bytes(), &parts, &given),
            "sha512" => signed::<Hmac<Sha512>>(secret.as_bytes(), &parts, &given),
            "sha1" => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
                let verdict = ring::hmac::verify(&key, &parts.concat(), &given);
                verdict.map_err(|_| Reject::Unverified("the signature does not match"))
            }
            other => Err(Reject::Misconfigured(format!(
                "`algorithm` is `sha256`, `sha384`, `sha512` or `sha1`, not `{other}`"
            ))),
        }
    }

    /// What is signed: `signs` with its holes filled. The body is always a part of it, else anybody could exchange it.
    fn parts(&self, signs: &'a str, timestamp: Option<&'a str>) -> Result<Vec<&'a [u8]>, Reject> {
        let odd = |why: &str| Reject::Misconfigured(format!("`signs` {why}"));
        let (mut parts, mut rest) = (Vec::new(), signs);
        while let Some(at) = rest.find('{') {
            let (before, hole) = rest.split_at(at);
            parts.push(before.as_bytes());
            rest = if let Some(rest) = hole.strip_prefix("{body}") {
                parts.push(self.body);
                rest
            } else if let Some(rest) = hole.strip_prefix("{timestamp}") {
                parts.push(
                    timestamp.ok_or_else(|| odd("has `{timestamp}`, and there is no `timestamp_header`"))?.as_bytes(),
                );
                rest
            } else {
                return Err(odd("holds a `{` that begins neither `{body}` nor `{timestamp}`"));
            };
        }
        parts.push(rest.as_bytes());
        match signs.contains("{body}") {
            true => Ok(parts),
            false => Err(odd("must have `{body}` in it")),
        }
    }

    /// https://docs.stripe.com/webhooks/signature
    fn stripe(&self, secret: &str) -> Result<(), Reject> {
        let header = self.header(self.args.text("header", "stripe-signature")?)?;
        let pairs = || header.split(',').filter_map(|p| p.trim().split_once('='));
        let stamp = pairs().find(|(name, _)| *name == "t").map(|(_, t)| t);
        let timestamp = self.near(stamp.ok_or(Reject::Unverified("the signed time is missing"))?)?;
        let given = pairs().filter(|(name, _)| *name == "v1").filter_map(|(_, s)| from_hex(s));
        one_of::<Hmac<Sha256>>(secret.as_bytes(), &[timestamp.as_bytes(), b".", self.body], given)
    }

    fn sns(&self, documents: &Documents) -> Result<(), Reject> {
        let texts =
            |v: &'a Value| if let Value::List(all) = v { all.iter().map(Value::as_text).collect() } else { None };
        let topics: Vec<&str> = self.args.get("topics").and_then(texts).unwrap_or_default();
        if topics.is_empty() {
            return Err(Reject::Misconfigured("`topics` lists no topic: nothing is accepted".to_owned()));
        }
        sns::check(&topics, self.body, documents, self.now)
    }

    fn oidc(&self, documents: &Documents) -> Result<(), Reject> {
        let optional = |name: &str| self.args.text(name, "").map(|t| (!t.is_empty()).then_some(t));
        let expected = oidc::Expected {
            issuer: self.args.needed("issuer")?,
            audience: self.args.needed("audience")?,
            subject: optional("subject")?,
            email: optional("email")?,
            keys: optional("keys")?,
        };
        if expected.subject.is_none() && expected.email.is_none() {
            return Err(Reject::Misconfigured(
                "`subject` or `email` is missing: whoever has an account at the issuer could send".to_owned(),
            ));
        }
        oidc::check(self.authorization("bearer")?, &expected, documents, self.now)
    }

    /// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    fn standard(&self, secret: &str, prefix: &str) -> Result<(), Reject> {
        let key = secret.strip_prefix("whsec_").unwrap_or(secret);
        let key = STANDARD
            .decode(key)
            .map_err(|_| Reject::Misconfigured("the secret is no Base64 after `whsec_`".to_owned()))?;
        if key.len() < SHORTEST_KEY {
            return Err(Reject::Misconfigured(
                "the secret is shorter than 16 bytes: anybody could guess it".to_owned(),
            ));
        }
        let id = self.header(&format!("{prefix}-id"))?;
        if id.is_empty() || id.contains('.') {
            return Err(Reject::Unverified("the id of the delivery is malformed"));
        }
        let timestamp = self.timestamp(&format!("{prefix}-timestamp"))?;
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", self.body];
        let header = self.header(&format!("{prefix}-signature"))?;
        // Only the first ones are looked at, whatever their version.
        let signatures = header.split(' ').take(MAX_SIGNATURES);
        let given = signatures.filter_map(|s| s.strip_prefix("v1,")).filter_map(|s| STANDARD.decode(s).ok());
        one_of::<Hmac<Sha256>>(&key, &parts, given)
    }

    /// https://docs.slack.dev/authentication/verifying-requests-from-slack
    fn slack(&self, secret: &str) -> Result<(), Reject> {
        let timestamp = self.timestamp("x-slack-request-timestamp")?;
        let given = self.header("x-slack-signature")?.strip_prefix("v0=").and_then(from_hex);
        let given = given.ok_or(Reject::Unverified("the signature is malformed"))?;
        signed::<Hmac<Sha256>>(secret.as_bytes(), &[b"v0:", timestamp.as_bytes(), b":", self.body], &given)
    }

    /// https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    fn github(&self, secret: &str) -> Result<(), Reject> {
        let given = self.header("x-hub-signature-256")?.strip_prefix("sha256=").and_then(from_hex);
        let given = given.ok_or(Reject::Unverified("the signature is malformed"))?;
        signed::<Hmac<Sha256>>(secret.as_bytes(), &[self.body], &given)
    }

    /// The signed time, in seconds since 1970 and near enough to now, as it was written.
    fn timestamp(&self, name: &str) -> Result<&'a str, Reject> {
        self.near(self.header(name)?)
    }

    fn near(&self, text: &'a str) -> Result<&'a str, Reject> {
        let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
        let seconds = plain
            .then(|| text.parse::<i64>().ok())
            .flatten()
            .ok_or(Reject::Unverified("the signed time is malformed"))?;
        let distance = seconds.saturating_mul(1000).abs_diff(self.now);
        if distance > self.args.tolerance()?.unsigned_abs() {
            return Err(Reject::Unverified("the signed time is too far from now"));
        }
        Ok(text)
    }
}

/// Compares what is given with what it should be, in a time that says nothing about either but their lengths.
fn same(given: &[u8], expected: &[u8]) -> Result<(), Reject> {
    if bool::from(given.ct_eq(expected)) {
        Ok(())
    } else {
        Err(Reject::Unverified("the credentials are not the expected ones"))
    }
}

fn signed<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], given: &[u8]) -> Result<(), Reject> {
    let mut mac =
        <M as KeyInit>::new_from_slice(key).map_err(|_| Reject::Misconfigured("the secret is no key".to_owned()))?;
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(given).map_err(|_| Reject::Unverified("the signature does not match"))
}

/// Whether one of several signatures holds.
fn one_of<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], given: impl Iterator<Item = Vec<u8>>) -> Result<(), Reject> {
    let mut verdict = Err(Reject::Unverified("there is no signature of a known version"));
    for signature in given.take(MAX_SIGNATURES) {
        verdict = signed::<M>(key, parts, &signature);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [a, b] = pair { Some(digit(a)? << 4 | digit(b)?) } else { None }).collect()
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
