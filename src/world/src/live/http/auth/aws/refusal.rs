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
/// `Error` of S3, and JSON with `__type` or `code`, or with the code in the header `x-amzn-errortype`, as Lambda has it.
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
    let body = detail.member("text").and_then(Json::as_text).unwrap_or_default();
    let body = json::parse(body.trim().as_bytes(), Bounds::default()).unwrap_or_default();
    let code = Some(text(&body, &["__type", "code", "Code"])).filter(|code| !code.is_empty());
    let code = code.unwrap_or_else(|| text(detail, &["error_type"]));
    // `com.amazonaws.sts#AccessDeniedException`, `AccessDeniedException:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    (!code.is_empty() && code.len() <= 128).then(|| (code, text(&body, &["message", "Message"])))
}

fn meaning(code: &str) -> Option<(FailureKind, Happened)> {
    let plain = code.strip_suffix("Exception").unwrap_or(code);
    // Refused before anything was done, whatever the status: the caller may try again.
    const SLOWER: [&str; 13] = [
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
        "EC2Throttled",
        "KmsThrottled",
        "TransactionInProgress",
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
    const BUSY: [&str; 7] = [
        "Conflict",
        "ResourceInUse",
        "ResourceConflict",
        "IncorrectInstanceState",
        "OperationAborted",
        "ConcurrentModification",
        "ServiceNotActive",
    ];
    // `InvalidInstanceID.NotFound`, `DBClusterNotFoundFault`, `QueueDoesNotExist`, `NoSuchHostedZone`
    let missing = ["NotFound", "NotFoundFault", "DoesNotExist"].iter().any(|end| plain.ends_with(end));
    // `InstanceRefreshInProgress`, `InvalidDBClusterStateFault`
    let busy = plain.ends_with("InProgress") || (plain.starts_with("InvalidDB") && plain.contains("State"));
    let kind = if SLOWER.contains(&plain) || code == "PriorRequestNotComplete" {
        return Some((FailureKind::Throttled, Happened::No));
    } else if plain == "RequestTimeout" {
        // The body was too slow in coming; how much of it was acted upon, nobody says.
        return Some((FailureKind::Timeout, Happened::Maybe));
    } else if UNKNOWN.contains(&plain) {
        FailureKind::Unauthorized
    } else if ["AccessDenied", "UnauthorizedOperation", "OptInRequired"].contains(&plain) {
        FailureKind::Forbidden
    } else if missing || plain.starts_with("NoSuch") {
        FailureKind::NotFound
    } else if busy || BUSY.contains(&plain) {
        FailureKind::Conflict
    } else {
        return None;
    };
    Some((kind, Happened::Answered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_aws_means_by_them() {
        use FailureKind::{Conflict, Forbidden, NotFound, Throttled, Timeout, Unauthorized};
        for (codes, kind, happened) in [
            (
                "ClusterNotFoundException DBClusterNotFoundFault InvalidInstanceID.NotFound QueueDoesNotExist \
                 InvocationDoesNotExist NoSuchHostedZone NoSuchPublicAccessBlockConfiguration ResourceNotFoundException",
                NotFound,
                Happened::Answered,
            ),
            (
                "InstanceRefreshInProgress PurgeQueueInProgress ResourceInUseException InvalidDBClusterStateFault \
                 InvalidDBInstanceState InvalidDBSnapshotState ServiceNotActiveException",
                Conflict,
                Happened::Answered,
            ),
            ("EC2ThrottledException TransactionInProgressException PriorRequestNotComplete", Throttled, Happened::No),
            ("ExpiredTokenException AuthFailure", Unauthorized, Happened::Answered),
            ("AccessDeniedException UnauthorizedOperation", Forbidden, Happened::Answered),
            ("RequestTimeout", Timeout, Happened::Maybe),
        ] {
            for code in codes.split(' ') {
                assert_eq!(meaning(code), Some((kind, happened)), "{code}");
            }
        }
        for code in ["InvalidParameterValue", "ValidationException", "InvalidDBParameter", "InternalFailure", ""] {
            assert_eq!(meaning(code), None, "{code}");
        }
    }

    #[test]
    fn a_code_in_a_header_counts_where_the_body_has_none() {
        let failure = |text: &str| {
            let detail = [
                ("status", Json::Int(409)),
                ("text", text.into()),
                ("error_type", "ResourceConflictException:http://x".into()),
            ];
            explained(Failure::new(FailureKind::Failed, "asked").detail(Json::object(detail)))
        };
        let lambda = failure(r#"{"Type":"User","message":"why"}"#);
        assert_eq!(
            (lambda.kind, lambda.message.as_str()),
            (FailureKind::Conflict, "asked: ResourceConflictException: why")
        );
        assert_eq!(failure("no JSON").message, "asked: ResourceConflictException");
        assert_eq!(failure(r#"{"__type":"AccessDenied"}"#).kind, FailureKind::Forbidden);
    }
}
