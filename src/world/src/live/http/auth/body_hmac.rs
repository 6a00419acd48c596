//! A signature of the request by a shared secret, in headers: what webhooks carry, and some APIs want.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use ring::hmac;
use rrb_lang::vm::protocol::Failure;
use secrecy::ExposeSecret;

use super::super::super::args::Args;
use super::super::super::fail::invalid;
use super::super::super::{Cx, now};
use super::super::request::{put, secret_value};

/// What may stand in `signs`.
const HOLES: [&str; 6] = ["{body}", "{timestamp}", "{id}", "{method}", "{path}", "{query}"];

/// The headers by the fields of an `http.Hmac`, put into the request.
pub async fn sign(cx: Cx<'_>, args: Args<'_>, request: &mut reqwest::Request) -> Result<(), Failure> {
    let given = args.needed_secret("secret")?;
    let secret = cx.secret(given).await?;
    let encoding = args.word("secret_encoding", "text", &["text", "base64", "hex"])?;
    let key = key(encoding, secret.expose_secret()).ok_or_else(|| {
        invalid(format!("the secret `{}` is not encoded as `secret_encoding` says", given.reference()))
    })?;
    // A repeat of the call has the same id, so that the receiver drops it.
    let id = cx.call.key.as_ref().map_or_else(|| format!("msg_{}", uuid::Uuid::new_v4().simple()), ToString::to_string);
    let stamp = Stamp { timestamp: (now() / 1000).to_string(), id };
    let headers = headers(args, &key, &stamp, request)?;
    for (name, value) in headers {
        put(request.headers_mut(), name, value)?;
    }
    Ok(())
}

struct Stamp {
    timestamp: String,
    id: String,
}

fn headers<'a>(
    args: Args<'a>,
    key: &[u8],
    stamp: &Stamp,
    request: &reqwest::Request,
) -> Result<Vec<(&'a str, HeaderValue)>, Failure> {
    let (timestamp_header, id_header) = (args.text_or_none("timestamp_header")?, args.text_or_none("id_header")?);
    let default = if timestamp_header.is_some() { "{timestamp}.{body}" } else { "{body}" };
    let message = message(args, args.text_or_none("signs")?.unwrap_or(default), stamp, request)?;
    let algorithm = match args.word("algorithm", "sha256", &["sha256", "sha384", "sha512", "sha1"])? {
        "sha384" => hmac::HMAC_SHA384,
        "sha512" => hmac::HMAC_SHA512,
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        _ => hmac::HMAC_SHA256,
    };
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), &message);
    let encoded = match args.word("encoding", "hex", &["hex", "base64"])? {
        "base64" => STANDARD.encode(tag.as_ref()),
        _ => tag.as_ref().iter().map(|b| format!("{b:02x}")).collect(),
    };
    let header = args.text("header")?;
    let prefix = args.text_or_none("prefix")?.unwrap_or_default();
    let mut headers = vec![(header, secret_value(&format!("{prefix}{encoded}"), header)?)];
    for (name, value) in [(timestamp_header, &stamp.timestamp), (id_header, &stamp.id)] {
        let Some(name) = name else { continue };
        let value = HeaderValue::from_str(value).map_err(|_| invalid("the idempotency key fits in no header"))?;
        headers.push((name, value));
    }
    Ok(headers)
}

/// What is signed: `signs` with its holes filled.
fn message(args: Args<'_>, signs: &str, stamp: &Stamp, request: &reqwest::Request) -> Result<Vec<u8>, Failure> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let (mut out, mut rest) = (Vec::with_capacity(body.len() + 64), signs);
    while let Some(at) = rest.find('{') {
        let (before, hole) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let Some(name) = HOLES.iter().find(|h| hole.starts_with(**h)) else {
            let known = HOLES.map(|h| format!("`{h}`")).join(", ");
            return Err(invalid(format!("`{}` holds a `{{` that begins none of {known}", args.path("signs"))));
        };
        let url = request.url();
        let value = match *name {
            "{body}" => body,
            "{timestamp}" => stamp.timestamp.as_bytes(),
            "{id}" => stamp.id.as_bytes(),
            "{method}" => request.method().as_str().as_bytes(),
            "{path}" => url.path().as_bytes(),
            _ => url.query().unwrap_or_default().as_bytes(),
        };
        out.extend_from_slice(value);
        rest = hole.get(name.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// The key in its bytes; none when it is not encoded as it is said to be. `whsec_` before Base64 is how Standard Webhooks mark a secret.
fn key(encoding: &str, secret: &str) -> Option<Vec<u8>> {
    let key = match encoding {
        "base64" => STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret)).ok()?,
        "hex" => {
            let digits = secret.as_bytes();
            let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let pairs = digits.chunks(2);
            pairs
                .map(|p| if let [a, b] = p { Some(digit(a)? << 4 | digit(b)?) } else { None })
                .collect::<Option<_>>()?
        }
        _ => secret.as_bytes().to_vec(),
    };
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rrb_lang::value::{Secret, Value};
    use rrb_lang::vm::protocol::{FailureKind, Happened};
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, Request, ResponseTemplate};

    use super::super::super::super::testing::{Call, done, failed};
    use super::*;

    async fn server() -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        server
    }

    fn call(server: &MockServer, dir: &tempfile::TempDir, secret: &str, fields: &[(&'static str, &str)]) -> Call {
        let path = dir.path().join("s");
        std::fs::write(&path, secret).unwrap();
        let secret = Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())));
        let fields = fields.iter().map(|(name, value)| (*name, Value::text(*value)));
        let record = Value::record(std::iter::once(("secret", secret)).chain(fields));
        let url = format!("{}/a%20b?x=1", server.uri());
        Call::new("http.post").arg("url", Value::Url(url.into())).arg("hmac", record)
    }

    async fn sent(server: &MockServer) -> Request {
        server.received_requests().await.unwrap().pop().unwrap()
    }

    /// The example of https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    #[tokio::test]
    async fn a_body_is_signed_as_github_does() {
        let (server, dir) = (server().await, tempfile::tempdir().unwrap());
        let fields = [("header", "X-Hub-Signature-256"), ("prefix", "sha256=")];
        done(call(&server, &dir, "It's a Secret to Everybody", &fields).text("text", "Hello, World!").perform().await);
        assert_eq!(
            sent(&server).await.headers["x-hub-signature-256"],
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }

    #[tokio::test]
    async fn what_is_sent_passes_the_check_of_a_receiver() {
        let (server, dir) = (server().await, tempfile::tempdir().unwrap());
        let fields = [
            ("header", "webhook-signature"),
            ("prefix", "v1,"),
            ("encoding", "base64"),
            ("signs", "{id}.{timestamp}.{body}"),
            ("timestamp_header", "webhook-timestamp"),
            ("id_header", "webhook-id"),
            ("secret_encoding", "base64"),
        ];
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        done(
            call(&server, &dir, secret, &fields).text("text", "{}").key("run-1").text("key_header", "").perform().await,
        );
        let sent = sent(&server).await;
        assert_eq!(sent.headers["webhook-id"], "run-1");
        let stamp = sent.headers["webhook-timestamp"].to_str().unwrap();
        assert!((now() / 1000).abs_diff(stamp.parse().unwrap()) < 60);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&secret[6..]).unwrap());
        let tag =
            STANDARD.decode(sent.headers["webhook-signature"].to_str().unwrap().strip_prefix("v1,").unwrap()).unwrap();
        assert!(hmac::verify(&key, format!("run-1.{stamp}.{{}}").as_bytes(), &tag).is_ok());
    }

    /// https://www.rfc-editor.org/rfc/rfc4231#section-4.3 and https://www.rfc-editor.org/rfc/rfc2202#section-3
    #[tokio::test]
    async fn every_algorithm_signs_as_its_published_example() {
        let (server, dir) = (server().await, tempfile::tempdir().unwrap());
        for (algorithm, expected) in [
            ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                "sha384",
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                "sha512",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let fields = [("header", "x-sig"), ("algorithm", algorithm)];
            let text = "what do ya want for nothing?";
            done(call(&server, &dir, "Jefe", &fields).text("text", text).perform().await);
            assert_eq!(sent(&server).await.headers["x-sig"], expected);
        }
        let fields = [("header", "x-sig"), ("secret_encoding", "hex"), ("signs", "{method} {path}?{query} {body}")];
        done(call(&server, &dir, "4A656665", &fields).text("text", "x").perform().await);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let expected = hmac::sign(&key, b"POST /a%20b?x=1 x");
        let expected: String = expected.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(sent(&server).await.headers["x-sig"], expected);
    }

    #[tokio::test]
    async fn what_cannot_be_signed_is_not_sent() {
        let (server, dir) = (server().await, tempfile::tempdir().unwrap());
        for (fields, part) in [
            (vec![], "a Text as `hmac.header`"),
            (vec![("header", "x y")], "no name of a header"),
            (vec![("header", "host")], "set by rrb itself"),
            (vec![("header", "x"), ("algorithm", "md5")], "one of `sha256`"),
            (vec![("header", "x"), ("encoding", "HEX")], "one of `hex`"),
            (vec![("header", "x"), ("secret_encoding", "base64")], "not encoded as"),
            (vec![("header", "x"), ("secret_encoding", "hex")], "not encoded as"),
            (vec![("header", "x"), ("secret_encoding", "utf8")], "one of `text`"),
            (vec![("header", "x"), ("signs", "{bdy}")], "begins none of"),
            (vec![("header", "x"), ("timestamp_header", "x")], "given twice"),
        ] {
            let failure = failed(call(&server, &dir, "canary!", &fields).perform().await);
            assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{}", failure.message);
            assert!(
                failure.message.contains(part) && !format!("{failure:?}").contains("canary"),
                "{}",
                failure.message
            );
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
