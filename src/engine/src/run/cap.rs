//! How large an entry of a journal may be. What is larger is refused before it is performed, or said in the outcome's place.

use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, Plan};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bytes of an outcome as JSON.
pub const MAX_OUTCOME: usize = 256 * 1024;

/// Bytes of an intent as JSON.
pub const MAX_INTENT: usize = 1024 * 1024;

/// Nested lists and objects of an entry as JSON: readers stop at 128.
pub const MAX_DEPTH: usize = 112;

/// Bytes of the arguments or the result in an audit record; more are kept as length and digest.
pub const MAX_AUDIT: usize = 16 * 1024;

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// What it weighs: bytes as JSON, how deep it nests, and the digest.
fn weigh(value: &impl Serialize) -> (usize, usize, String) {
    let text = serde_json::to_vec(value).unwrap_or_default();
    (text.len(), depth(&text), digest(&text))
}

/// How deep brackets nest in a JSON text.
fn depth(text: &[u8]) -> usize {
    let (mut now, mut most, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn size(bytes: usize) -> String {
    if bytes >= 1024 * 1024 {
        format!("{} MiB", bytes / (1024 * 1024))
    } else {
        format!("{} KiB", bytes.div_ceil(1024))
    }
}

/// The outcome as the journal may keep it: an answer that is too large or nests too deep becomes the failure `invalid` that says so
/// and carries length and digest of what came. A plan loses its last entries and says that it is incomplete.
pub fn outcome(outcome: EffectOutcome, native: &str) -> EffectOutcome {
    let (bytes, deep, sha256) = weigh(&outcome);
    if bytes <= MAX_OUTCOME && deep <= MAX_DEPTH {
        return outcome;
    }
    if let EffectOutcome::Planned(plan) = outcome {
        return EffectOutcome::Planned(shorten(plan));
    }
    let happened = match &outcome {
        EffectOutcome::Failed(failure) => failure.happened,
        _ => Happened::Answered,
    };
    let what = if bytes > MAX_OUTCOME {
        format!("is {}, more than the {} that a run keeps of an answer", size(bytes), size(MAX_OUTCOME))
    } else {
        format!("nests {deep} levels deep, more than the {MAX_DEPTH} that a run keeps")
    };
    let detail = Json::object([("bytes", Json::Int(bytes as i64)), ("sha256", Json::from(sha256.as_str()))]);
    let failure = Failure::new(FailureKind::Invalid, format!("the answer of `{native}` {what}"));
    EffectOutcome::Failed(failure.happened(happened).detail(detail))
}

fn shorten(mut plan: Plan) -> Plan {
    let all = plan.entries.len();
    while !plan.entries.is_empty() {
        plan.entries.truncate(plan.entries.len() / 2);
        plan.incomplete = Some(format!("the plan has {all} calls; only the first {} are kept", plan.entries.len()));
        let (bytes, deep, _) = weigh(&plan);
        if bytes <= MAX_OUTCOME - 1024 && deep < MAX_DEPTH {
            break;
        }
    }
    plan
}

/// Whether an effect may be journaled.
///
/// # Errors
/// The failure that is its outcome, without its being performed.
pub fn intent(effect: &impl Serialize, what: &str) -> Result<(), Box<Failure>> {
    let (bytes, deep, _) = weigh(effect);
    let message = if bytes > MAX_INTENT {
        format!("the arguments of {what} are {}, more than {}", size(bytes), size(MAX_INTENT))
    } else if deep > MAX_DEPTH {
        format!("the arguments of {what} nest {deep} levels deep, more than {MAX_DEPTH}")
    } else {
        return Ok(());
    };
    Err(Box::new(Failure::new(FailureKind::Invalid, message).happened(Happened::No)))
}

/// A value as the audit keeps it.
pub fn audited(value: serde_json::Value) -> serde_json::Value {
    let text = value.to_string();
    if text.len() <= MAX_AUDIT {
        return value;
    }
    serde_json::json!({ "bytes": text.len(), "sha256": digest(text.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rrb_lang::value::Value;

    fn answer(bytes: usize) -> EffectOutcome {
        let empty = weigh(&EffectOutcome::Done(Value::text(""))).0;
        EffectOutcome::Done(Value::text("x".repeat(bytes - empty)))
    }

    #[test]
    fn an_outcome_at_the_bound_is_kept_and_one_above_is_said() {
        for bytes in [MAX_OUTCOME - 1, MAX_OUTCOME] {
            let kept = answer(bytes);
            assert_eq!(weigh(&kept).0, bytes);
            assert_eq!(outcome(kept.clone(), "http.get"), kept);
        }
        let EffectOutcome::Failed(failure) = outcome(answer(MAX_OUTCOME + 1), "http.get") else {
            panic!("kept too much");
        };
        assert_eq!(failure.kind, FailureKind::Invalid);
        assert_eq!(
            failure.message,
            "the answer of `http.get` is 257 KiB, more than the 256 KiB that a run keeps of an answer"
        );
        assert_eq!(failure.detail.field("bytes"), Json::Int(MAX_OUTCOME as i64 + 1));
        assert_eq!(failure.happened, Happened::Answered);
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_texts_do_not_count() {
        let nested = |n: usize| {
            let mut json = Json::Null;
            (0..n).for_each(|_| json = Json::list([json.clone()]));
            EffectOutcome::Done(Value::Json(json))
        };
        let around = 2;
        assert!(matches!(outcome(nested(MAX_DEPTH - around), "x"), EffectOutcome::Done(_)));
        assert!(matches!(outcome(nested(MAX_DEPTH - around + 1), "x"), EffectOutcome::Failed(_)));
        assert!(matches!(outcome(EffectOutcome::Done(Value::text("[\\\"{".repeat(500))), "x"), EffectOutcome::Done(_)));
    }

    #[test]
    fn an_intent_at_the_bound_may_be_performed() {
        let text = |n: usize| "x".repeat(n - 2);
        assert!(intent(&text(MAX_INTENT - 1), "`http.post`").is_ok());
        assert!(intent(&text(MAX_INTENT), "`http.post`").is_ok());
        let failure = intent(&text(MAX_INTENT + 1), "`http.post`").unwrap_err();
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
    }

    #[test]
    fn the_audit_keeps_a_digest_of_what_is_long() {
        let at = serde_json::json!("x".repeat(MAX_AUDIT - 2));
        assert_eq!(audited(at.clone()), at);
        let over = serde_json::json!("x".repeat(MAX_AUDIT - 1));
        assert_eq!(audited(over)["bytes"], MAX_AUDIT + 1);
    }
}
