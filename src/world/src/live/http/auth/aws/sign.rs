//! The signature of a request.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use reqwest::Url;
use rrb_lang::vm::protocol::Failure;

use super::super::super::super::fail::invalid;
use super::Keys;

/// What a signature is good for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub service: &'a str,
    pub region: &'a str,
}

impl Scope<'_> {
    /// S3 signs paths as they are sent, and wants the digest of the body in a header:
    /// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    fn is_s3(self) -> bool {
        matches!(self.service, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda")
    }
}

/// Spells the address the way AWS spells it when it checks the signature: everything but letters, digits and `-._~` is percent-encoded.
pub fn spell(url: &mut Url, _: Scope<'_>) {
    let path: Vec<String> = url.path().split('/').map(|segment| encode(&decode(segment, false))).collect();
    url.set_path(&path.join("/"));
    let Some(query) = url.query().filter(|q| !q.is_empty()) else { return };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        format!("{}={}", encode(&decode(name, true)), encode(&decode(value, true)))
    };
    let query: Vec<String> = query.split('&').filter(|p| !p.is_empty()).map(pair).collect();
    url.set_query(Some(&query.join("&")));
}

fn decode(text: &str, plus_is_space: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) if plus_is_space => {
                out.push(b' ');
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

fn encode(bytes: &[u8]) -> String {
    let escape = |b: &u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*b).to_string(),
        _ => format!("%{b:02X}"),
    };
    bytes.iter().map(escape).collect()
}

/// The headers that make the request a signed one.
pub fn headers(
    request: &reqwest::Request,
    keys: &Keys,
    scope: Scope<'_>,
    at: SystemTime,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let failed = |_| invalid("the request cannot be signed for AWS: its address or one of its headers is odd");
    let mut settings = SigningSettings::default();
    if scope.is_s3() {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let credentials = Credentials::new(&keys.id, &keys.secret, keys.session.clone(), None, "rrb");
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|_| invalid("the request cannot be signed for AWS"))?
        .into();
    let mut signed = Vec::new();
    for (name, value) in request.headers() {
        let text = value.to_str().map_err(|_| {
            invalid(format!("the header `{name}` has a character that AWS does not sign: it takes ASCII only"))
        })?;
        signed.push((name.as_str(), text));
    }
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        signed.into_iter(),
        SignableBody::Bytes(body),
    )
    .map_err(failed)?;
    let (instructions, _) = aws_sigv4::http_request::sign(signable, &params).map_err(failed)?.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers.into_iter().map(|h| (h.name(), h.value().to_owned())).collect())
}
