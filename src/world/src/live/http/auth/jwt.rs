//! Signed JSON Web Tokens: as a bearer (GitHub Apps), and as assertions for OAuth2 (Google's service accounts, Entra, Okta).
//!
//! https://www.rfc-editor.org/rfc/rfc7515 https://www.rfc-editor.org/rfc/rfc7519

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::{hmac, signature};
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::Failure;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};

use super::super::super::args::Args;
use super::super::super::fail::invalid;
use super::super::super::{Cx, now};

const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "EdDSA", "HS256"];

/// How long a token is good unless `lifetime` says otherwise.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// How far back a token is dated, for clocks that are behind: what GitHub advises.
const BACK_SECONDS: i64 = 60;

/// The shortest key of HS256, in bytes: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
const SHORTEST_KEY: usize = 32;

/// The longest token, in bytes: no server takes a longer header.
const MAX_TOKEN: usize = 16 << 10;

/// What a token says where its settings say nothing.
#[derive(Debug, Default)]
pub struct Says {
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub audience: Option<String>,
}

/// Makes a token by the fields of an `http.Jwt`.
pub async fn sign(cx: Cx<'_>, args: Args<'_>, says: Says) -> Result<SecretString, Failure> {
    let given = args.needed_secret("key")?;
    let secret = cx.secret(given).await?;
    let key = Key::of(secret.expose_secret());
    cx.world.scrubber.learn(given.reference(), key.material());
    let algorithm = args.word("algorithm", "RS256", &ALGORITHMS)?;
    let head = header(args, algorithm, &key)?;
    let claims = claims(args, says, &key)?;
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let signature = signature(algorithm, key.material().as_bytes(), signed.as_bytes())
        .map_err(|why| invalid(format!("the secret `{}` cannot sign by {algorithm}: {why}", given.reference())))?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    if token.len() > MAX_TOKEN {
        return Err(invalid("a signed token is longer than 16 KiB: its claims are too long"));
    }
    // The key's lines are known already; the token is as good as a password while it lasts.
    cx.world.scrubber.learn(given.reference(), &token);
    Ok(SecretString::from(token))
}

/// A key, and what the file that it came in says beside it.
struct Key<'a> {
    secret: &'a str,
    /// The JSON that the secret is; null when it is none.
    from: Json,
}

impl<'a> Key<'a> {
    /// A PEM text or a shared secret as it is; from the JSON file of a Google service account, the key in it.
    fn of(secret: &'a str) -> Key<'a> {
        let from = if secret.trim_start().starts_with('{') {
            json::parse(secret.trim().as_bytes(), Bounds::default()).unwrap_or_default()
        } else {
            Json::Null
        };
        Key { secret, from }
    }

    fn material(&self) -> &str {
        self.from.member("private_key").and_then(Json::as_text).unwrap_or(self.secret)
    }

    fn says(&self, name: &str) -> Option<String> {
        self.from.member(name).and_then(Json::as_text).map(str::to_owned)
    }
}

fn encode(json: &serde_json::Map<String, serde_json::Value>) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::Value::from(json.clone()).to_string())
}

type Members = serde_json::Map<String, serde_json::Value>;

fn members(args: Args<'_>, name: &str) -> Result<Members, Failure> {
    match args.json(name)?.map(serde_json::Value::from) {
        None => Ok(Members::new()),
        Some(serde_json::Value::Object(members)) => Ok(members),
        Some(_) => Err(invalid(format!("`{}` is an object", args.path(name)))),
    }
}

fn header(args: Args<'_>, algorithm: &str, key: &Key<'_>) -> Result<Members, Failure> {
    let mut head = Members::new();
    head.insert("alg".into(), algorithm.into());
    head.insert("typ".into(), "JWT".into());
    let id = args.text_or_none("key_id")?.map(str::to_owned).or_else(|| key.says("private_key_id"));
    head.extend(id.map(|id| ("kid".to_owned(), id.into())));
    let more = members(args, "header")?;
    if more.contains_key("alg") {
        return Err(invalid(format!("`{}` does not set `alg`: `algorithm` does", args.path("header"))));
    }
    head.extend(more);
    Ok(head)
}

fn claims(args: Args<'_>, says: Says, key: &Key<'_>) -> Result<Members, Failure> {
    let lifetime = args.duration("lifetime", LIFETIME)?.as_secs();
    if !(1..=86_400).contains(&lifetime) {
        return Err(invalid(format!("`{}` is between 1s and 1d", args.path("lifetime"))));
    }
    let seconds = now() / 1000;
    let mut claims = Members::new();
    let issuer = args.text_or_none("issuer")?.map(str::to_owned).or(key.says("client_email")).or(says.issuer);
    let subject = args.text_or_none("subject")?.map(str::to_owned).or(says.subject);
    let audience = args.text_or_none("audience")?.map(str::to_owned).or(says.audience);
    for (name, value) in [("iss", issuer), ("sub", subject), ("aud", audience)] {
        claims.extend(value.map(|v| (name.to_owned(), v.into())));
    }
    claims.insert("iat".into(), seconds.saturating_sub(BACK_SECONDS).into());
    claims.insert("exp".into(), seconds.saturating_add_unsigned(lifetime).into());
    claims.insert("jti".into(), uuid::Uuid::new_v4().to_string().into());
    claims.extend(members(args, "claims")?);
    // What is set to null is left out.
    claims.retain(|_, value| !value.is_null());
    Ok(claims)
}

/// The signature as JWS has it. An error says what is wrong with the key, without any of it.
fn signature(algorithm: &str, key: &[u8], message: &[u8]) -> Result<Vec<u8>, String> {
    let random = SystemRandom::new();
    match algorithm {
        "HS256" if key.len() < SHORTEST_KEY => Err("it is shorter than 32 bytes".to_owned()),
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key);
            Ok(hmac::sign(&key, message).as_ref().to_vec())
        }
        "RS256" | "PS256" => {
            let pair = match pem(key)? {
                PrivateKeyDer::Pkcs1(der) => signature::RsaKeyPair::from_der(der.secret_pkcs1_der()),
                PrivateKeyDer::Pkcs8(der) => signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
                _ => return Err("it is no RSA key".to_owned()),
            };
            let pair = pair.map_err(|e| format!("it is no RSA key of 2048 to 4096 bits: {e}"))?;
            let padding: &dyn signature::RsaEncoding =
                if algorithm == "RS256" { &signature::RSA_PKCS1_SHA256 } else { &signature::RSA_PSS_SHA256 };
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(padding, &random, message, &mut signature).map_err(|_| "signing failed".to_owned())?;
            Ok(signature)
        }
        "ES256" => {
            let der = pkcs8(key)?;
            let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = signature::EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der(), &random)
                .map_err(|e| format!("it is no key on the curve P-256: {e}"))?;
            let signature = pair.sign(&random, message).map_err(|_| "signing failed".to_owned())?;
            Ok(signature.as_ref().to_vec())
        }
        _ => {
            let der = pkcs8(key)?;
            let pair = signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
                .map_err(|e| format!("it is no Ed25519 key: {e}"))?;
            Ok(pair.sign(message).as_ref().to_vec())
        }
    }
}

fn pem(key: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        "it holds no private key in PEM form (`-----BEGIN PRIVATE KEY-----`); an encrypted key must be decrypted first"
            .to_owned()
    })
}

fn pkcs8(key: &[u8]) -> Result<rustls::pki_types::PrivatePkcs8KeyDer<'static>, String> {
    match pem(key)? {
        PrivateKeyDer::Pkcs8(der) => Ok(der),
        _ => Err("it is no key in PKCS#8 form: convert it with `openssl pkcs8 -topk8 -nocrypt`".to_owned()),
    }
}

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
