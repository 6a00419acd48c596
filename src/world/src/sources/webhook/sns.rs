//! Messages of Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::Millis;
use x509_parser::prelude::FromDer as _;

use super::Reject;
use super::documents::Documents;

/// The longest address of a certificate, in bytes.
const MAX_URL: usize = 512;

/// What is signed of a notification, and of a message about a subscription, in this order.
const NOTIFICATION: [&str; 6] = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const SUBSCRIPTION: [&str; 7] = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// How old a message may be: SNS tries again for hours, so repeats are kept away by the id; this bounds how long an id must be known.
const OLDEST_MS: i64 = 24 * 60 * 60 * 1000;

/// Checks a message for one of `topics`.
pub fn check(topics: &[&str], body: &[u8], documents: &Documents, now: Millis) -> Result<(), Reject> {
    let malformed = Reject::Unverified("the body is no message of SNS");
    let message = json::parse(body.trim_ascii(), Bounds::default()).map_err(|_| malformed.clone())?;
    let text = |name: &str| message.member(name).and_then(Json::as_text);
    let topic = text("TopicArn").ok_or_else(|| malformed.clone())?;
    if !topics.contains(&topic) {
        return Err(Reject::Unverified("the message is for another topic"));
    }
    let fields: &[&str] = match text("Type") {
        Some("Notification") => &NOTIFICATION,
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => &SUBSCRIPTION,
        _ => return Err(malformed),
    };
    let at = text("Timestamp").and_then(|t| t.parse::<jiff::Timestamp>().ok()).ok_or_else(|| malformed.clone())?;
    if now.abs_diff(at.as_millisecond()) > OLDEST_MS.unsigned_abs() {
        return Err(Reject::Unverified("the message is older than a day"));
    }
    let signature = text("Signature").and_then(|s| STANDARD.decode(s).ok()).ok_or_else(|| malformed.clone())?;
    let url = text("SigningCertURL")
        .filter(|u| of_aws(u, topic))
        .ok_or(Reject::Unverified("the certificate of the message is not one of SNS in the region of its topic"))?;
    let mut signed = String::new();
    for name in fields {
        // `Subject` alone may be absent.
        match text(name) {
            Some(value) => signed += &format!("{name}\n{value}\n"),
            None if *name == "Subject" => {}
            None => return Err(malformed),
        }
    }
    let certificate = documents.get(url, now)?;
    verify(&certificate.text, text("SignatureVersion"), signed.as_bytes(), &signature, now)
}

/// Whether the certificate is at SNS itself, over TLS and in the region of the topic: anybody could sign with one from elsewhere.
fn of_aws(url: &str, topic: &str) -> bool {
    // `arn:aws:sns:eu-central-1:123456789012:alarms`
    let mut parts = topic.split(':');
    let (arn, partition, service, region) =
        (parts.next(), parts.next(), parts.next(), parts.next().unwrap_or_default());
    let domain = match (arn, partition, service) {
        (Some("arn"), Some("aws" | "aws-us-gov"), Some("sns")) => "amazonaws.com",
        (Some("arn"), Some("aws-cn"), Some("sns")) => "amazonaws.com.cn",
        (Some("arn"), Some("aws-eusc"), Some("sns")) => "amazonaws.eu",
        _ => return false,
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if url.len() > MAX_URL || region.is_empty() || !region.chars().all(plain) {
        return false;
    }
    let Some(path) = url.strip_prefix(&format!("https://sns.{region}.{domain}/")) else { return false };
    let name = path.strip_prefix("SimpleNotificationService-").and_then(|p| p.strip_suffix(".pem"));
    name.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

fn verify(pem: &str, version: Option<&str>, signed: &[u8], signature: &[u8], now: Millis) -> Result<(), Reject> {
    let algorithm: &dyn ring::signature::VerificationAlgorithm = match version {
        Some("1") => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Some("2") => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err(Reject::Unverified("the version of the signature is not known")),
    };
    let unusable = || Reject::Misconfigured("the certificate of SNS cannot be read".to_owned());
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| unusable())?;
    let (_, certificate) =
        x509_parser::certificate::X509Certificate::from_der(&pem.contents).map_err(|_| unusable())?;
    let valid = certificate.validity();
    if !(valid.not_before.timestamp()..=valid.not_after.timestamp()).contains(&(now / 1000)) {
        return Err(Reject::Unverified("the certificate of the message has expired"));
    }
    let key = UnparsedPublicKey::new(algorithm, certificate.public_key().subject_public_key.data.as_ref());
    key.verify(signed, signature).map_err(|_| Reject::Unverified("the signature does not match"))
}

#[cfg(test)]
#[path = "sns_tests.rs"]
mod tests;
