//! What AWS means by a refusal: its services answer 400 and 403 for nearly everything, and say which in a code.

use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

/// The failure with the kind that its code stands for, and the code in its message.
///
/// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
pub fn explained(failure: Failure) -> Failure {
    let Some((code, why)) = code(&failure.detail) else { return failure };
    let (kind, happened) = meaning(&code).unwrap_or((failure.kind, failure.happened));
    let message = match why.as_str() {
        "" => format!("{}: {code}", failure.message),
        why => format!("{}: {code}: {why}", failure.message),
    };
    Failure { kind, happened, message, ..failure }
}

/// Code and message of an error in any of the forms: `Response/Errors/Error` of EC2, `ErrorResponse/Error` of the query protocol,
/// `Error` of S3, and JSON with `__type` or `code`.
fn code(detail: &Json) -> Option<(String, String)> {
    let xml = detail.field("xml");
    let errors = [
        xml.field("Response").field("Errors").field("Error"),
        xml.field("ErrorResponse").field("Error"),
        xml.field("Error"),
    ];
    let text = |json: &Json, names: &[&str]| {
        names.iter().find_map(|n| json.member(n).and_then(Json::as_text).map(str::to_owned)).unwrap_or_default()
    };
    for error in errors {
        // Of several errors the first is said.
        let error = if let Json::List(all) = &error { all.first().cloned().unwrap_or_default() } else { error };
        let code = text(&error, &["Code"]);
        if !code.is_empty() {
            return Some((code, text(&error, &["Message"])));
        }
    }
    let body = detail.member("text").and_then(Json::as_text)?;
    let body = json::parse(body.trim().as_bytes(), Bounds::default()).ok()?;
    let code = text(&body, &["__type", "code", "Code"]);
    // `com.amazonaws.sts#AccessDeniedException`, `AccessDeniedException:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    (!code.is_empty() && code.len() <= 128).then(|| (code, text(&body, &["message", "Message"])))
}

fn meaning(code: &str) -> Option<(FailureKind, Happened)> {
    let plain = code.strip_suffix("Exception").unwrap_or(code);
    // Refused before anything was done, whatever the status: the caller may try again.
    const SLOWER: [&str; 10] = [
        "Throttling",
        "ThrottlingError",
        "Throttled",
        "ThrottledRequest",
        "RequestThrottled",
        "RequestLimitExceeded",
        "TooManyRequests",
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceeded",
        "SlowDown",
    ];
    const UNKNOWN: [&str; 10] = [
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClient",
        "SignatureDoesNotMatch",
        "InvalidSignature",
        "InvalidAccessKeyId",
        "AuthFailure",
        "MissingAuthenticationToken",
        "RequestExpired",
    ];
    const MISSING: [&str; 6] =
        ["NoSuchEntity", "NoSuchBucket", "NoSuchKey", "ResourceNotFound", "DBInstanceNotFound", "NotFound"];
    const BUSY: [&str; 8] = [
        "Conflict",
        "ResourceInUse",
        "ResourceConflict",
        "IncorrectInstanceState",
        "ScalingActivityInProgress",
        "OperationAborted",
        "ConcurrentModification",
        "InvalidDBInstanceState",
    ];
    let kind = if SLOWER.contains(&plain) || code == "PriorRequestNotComplete" {
        return Some((FailureKind::Throttled, Happened::No));
    } else if UNKNOWN.contains(&plain) {
        FailureKind::Unauthorized
    } else if ["AccessDenied", "UnauthorizedOperation", "OptInRequired"].contains(&plain) {
        FailureKind::Forbidden
    } else if MISSING.contains(&plain) || plain.ends_with(".NotFound") || plain.ends_with("NotFoundFault") {
        FailureKind::NotFound
    } else if BUSY.contains(&plain) {
        FailureKind::Conflict
    } else {
        return None;
    };
    Some((kind, Happened::Answered))
}
