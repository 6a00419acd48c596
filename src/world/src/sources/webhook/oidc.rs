//! Signed tokens of an issuer that publishes its keys: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
//!
//! So sign Google's Pub/Sub (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions) and Microsoft's Event Grid
//! (https://learn.microsoft.com/azure/event-grid/secure-webhook-delivery).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::Millis;

use super::Reject;
use super::documents::Documents;

/// The longest token, in bytes.
const MAX_TOKEN: usize = 16 << 10;

/// How far the clocks of issuer and receiver may be apart.
const SKEW_SECONDS: i64 = 60;

/// How many keys of an issuer are looked at.
const MAX_KEYS: usize = 64;

/// What a token must say.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub audience: &'a str,
    pub subject: Option<&'a str>,
    pub email: Option<&'a str>,
    /// Where the issuer's keys are; none to find them by its configuration.
    pub keys: Option<&'a str>,
}

/// Checks a token.
pub fn check(token: &str, expected: &Expected<'_>, documents: &Documents, now: Millis) -> Result<(), Reject> {
    let malformed = Reject::Unverified("the token is malformed");
    let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN).ok_or(malformed.clone())?;
    let (head, claims) = signed.split_once('.').filter(|(_, c)| !c.contains('.')).ok_or(malformed.clone())?;
    let part = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        json::parse(&bytes, Bounds::default()).ok().filter(|j| matches!(j, Json::Object(_)))
    };
    let (Some(head), Some(claims), Some(signature)) =
        (part(head), part(claims), URL_SAFE_NO_PAD.decode(signature).ok())
    else {
        return Err(malformed);
    };
    // The claims are only compared, so that nobody makes rrb fetch keys with any token; they count when the signature holds.
    says(&claims, expected, now)?;
    let text = |name: &str| head.member(name).and_then(Json::as_text);
    let algorithm = text("alg").unwrap_or_default();
    if !["RS256", "PS256", "ES256"].contains(&algorithm) || head.member("crit").is_some() {
        return Err(Reject::Unverified("the token is signed in a way that is not known"));
    }
    let url = keys(expected, documents, now)?;
    let document = documents.get(&url, now)?;
    let set = json::parse(document.text.as_bytes(), Bounds::default()).unwrap_or_default();
    let Json::List(all) = set.field("keys") else {
        return Err(Reject::Misconfigured(format!("`{url}` holds no keys")));
    };
    let id = text("kid");
    let fits = |key: &&Json| {
        let key_id = key.member("kid").and_then(Json::as_text);
        id.is_none_or(|id| key_id == Some(id)) && key.member("use").is_none_or(|u| u.as_text() == Some("sig"))
    };
    let known: Vec<&Json> = all.iter().take(MAX_KEYS).filter(fits).collect();
    if known.is_empty() {
        // The issuer may have a new key.
        let unknown = Reject::Unverified("the key of the token is not known");
        return Err(if document.fresh { unknown } else { documents.renew(&url, now) });
    }
    if known.iter().any(|key| verifies(key, algorithm, signed.as_bytes(), &signature)) {
        return Ok(());
    }
    Err(Reject::Unverified("the signature of the token does not match"))
}

fn says(claims: &Json, expected: &Expected<'_>, now: Millis) -> Result<(), Reject> {
    let text = |name: &str| claims.member(name).and_then(Json::as_text);
    if text("iss") != Some(expected.issuer) {
        return Err(Reject::Unverified("the token is of another issuer"));
    }
    let audience = match claims.field("aud") {
        Json::Text(one) => one == expected.audience,
        Json::List(all) => all.iter().any(|a| a.as_text() == Some(expected.audience)),
        _ => false,
    };
    if !audience {
        return Err(Reject::Unverified("the token is for another audience"));
    }
    if expected.subject.is_some_and(|s| text("sub") != Some(s)) {
        return Err(Reject::Unverified("the token is of another subject"));
    }
    let verified = claims.field("email_verified") == Json::Bool(true);
    if expected.email.is_some_and(|e| text("email") != Some(e) || !verified) {
        return Err(Reject::Unverified("the token is of another address"));
    }
    let seconds = |name: &str| match claims.field(name) {
        Json::Int(n) => Some(n),
        Json::Float(f) if f.is_finite() => Some(f as i64),
        _ => None,
    };
    let now = now / 1000;
    let expired = seconds("exp").is_none_or(|exp| exp.saturating_add(SKEW_SECONDS) <= now);
    let early = ["nbf", "iat"].iter().any(|n| seconds(n).is_some_and(|at| at.saturating_sub(SKEW_SECONDS) > now));
    if expired || early {
        return Err(Reject::Unverified("the token is not valid now"));
    }
    Ok(())
}

/// Where the keys are.
fn keys(expected: &Expected<'_>, documents: &Documents, now: Millis) -> Result<String, Reject> {
    let secure = |url: &str| {
        if url.starts_with("https://") || url.starts_with("http://127.0.0.1:") {
            return Ok(url.to_owned());
        }
        Err(Reject::Misconfigured(format!("keys are fetched from `https://` only, not from `{url}`")))
    };
    if let Some(url) = expected.keys {
        return secure(url);
    }
    let url = secure(&format!("{}/.well-known/openid-configuration", expected.issuer.trim_end_matches('/')))?;
    let configuration = documents.get(&url, now)?;
    let configuration = json::parse(configuration.text.as_bytes(), Bounds::default()).unwrap_or_default();
    match configuration.member("jwks_uri").and_then(Json::as_text) {
        Some(keys) => secure(keys),
        None => Err(Reject::Misconfigured(format!("`{url}` does not say where the issuer's keys are"))),
    }
}

/// Whether the signature is by this key, which must be one for the algorithm: https://www.rfc-editor.org/rfc/rfc7518
fn verifies(key: &Json, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
    let bytes = |name: &str| key.member(name).and_then(Json::as_text).and_then(|t| URL_SAFE_NO_PAD.decode(t).ok());
    let kind = key.member("kty").and_then(Json::as_text).unwrap_or_default();
    if key.member("alg").is_some_and(|a| a.as_text() != Some(algorithm)) {
        return false;
    }
    match (kind, algorithm) {
        ("RSA", "RS256" | "PS256") => {
            let (Some(n), Some(e)) = (bytes("n"), bytes("e")) else { return false };
            let parameters = if algorithm == "RS256" { &RSA_PKCS1_2048_8192_SHA256 } else { &RSA_PSS_2048_8192_SHA256 };
            RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature).is_ok()
        }
        ("EC", "ES256") if key.member("crv").and_then(Json::as_text) == Some("P-256") => {
            let (Some(x), Some(y)) = (bytes("x"), bytes("y")) else { return false };
            let point = [[4].as_slice(), &x, &y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "oidc_tests.rs"]
mod tests;
