//! Questions that a sender asks before it delivers anything: whether the address is really ours.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rrb_lang::json::{self, Bounds};

/// The longest challenge that is given back, in bytes.
const LONGEST: usize = 1024;

/// The answer to a challenge whose signature holds; none when the delivery is none.
///
/// Slack: <https://docs.slack.dev/reference/events/url_verification>
pub(crate) fn answer(scheme: &str, body: &[u8]) -> Option<Response> {
    // What is longer is a delivery, and is read as one.
    if scheme != "slack_signature" || body.len() > 4 * LONGEST {
        return None;
    }
    let json = json::parse(body, Bounds::default()).ok()?;
    if json.field("type").as_text() != Some("url_verification") {
        return None;
    }
    let challenge = json.field("challenge").as_text().filter(|c| c.len() <= LONGEST)?.to_owned();
    Some((StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], challenge).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(scheme: &str, body: &str) -> bool {
        answer(scheme, body.as_bytes()).is_some()
    }

    #[test]
    fn only_a_challenge_of_a_known_sender_is_answered() {
        let asked = r#"{"token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification"}"#;
        assert!(answered("slack_signature", asked));
        for scheme in ["hmac", "bearer", "none", "github_signature"] {
            assert!(!answered(scheme, asked), "{scheme}");
        }
        for body in [
            "",
            "{",
            "[]",
            "payload=%7B%22type%22%3A%22url_verification%22%7D",
            r#"{"type": "event_callback", "challenge": "c"}"#,
            r#"{"type": "url_verification"}"#,
            r#"{"type": "url_verification", "challenge": 1}"#,
            &format!(r#"{{"type": "url_verification", "challenge": "{}"}}"#, "c".repeat(LONGEST + 1)),
            &format!(r#"{{"type": "url_verification", "challenge": "c", "x": "{}"}}"#, "c".repeat(4 * LONGEST)),
        ] {
            assert!(!answered("slack_signature", body), "{body:.80}");
        }
        let longest = format!(r#"{{"type": "url_verification", "challenge": "{}"}}"#, "c".repeat(LONGEST));
        assert!(answered("slack_signature", &longest));
    }
}
