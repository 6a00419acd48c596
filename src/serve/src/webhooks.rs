//! What the HTTP face must know of webhooks: which there are, and whether a delivery shows who sent it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rrb_engine::api::Delivery;

/// The webhooks of the loaded program.
#[async_trait]
pub trait Webhooks: Send + Sync + 'static {
    /// The webhook at `path` (below `/hooks`, with its slash: `/alertmanager`); none when there is none.
    fn find(&self, path: &str) -> Option<Hook>;

    /// Checks the signature of a delivery, before anything of it is parsed and in a time that tells nothing. Header names are lower case.
    ///
    /// # Errors
    /// See [`VerifyError`]. No error holds a secret, a signature or a part of the body.
    async fn verify(
        &self,
        path: &str,
        instance: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<(), VerifyError>;

    /// A checked delivery as it may be kept: without the secrets that its check compares, which some senders put into the body as well.
    async fn without_secrets(&self, delivery: Delivery) -> Delivery {
        delivery
    }

    /// What a checked delivery that only asks is answered, by its event's `answer`; none for every other, which is to be taken.
    async fn answer(&self, _delivery: &Delivery) -> Option<Answer> {
        None
    }

    /// Does what its events' `acknowledge` says, after a delivery is durable.
    ///
    /// # Errors
    /// Why it is not done, for the log: the sender is to send again.
    async fn acknowledge(&self, _delivery: &Delivery) -> Result<(), String> {
        Ok(())
    }

    /// Who is told that it may deliver to `path`, when it asks by `OPTIONS`.
    ///
    /// # Errors
    /// Why it cannot be told now, for the log.
    fn origins(&self, _path: &str, _instance: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

/// What a sender that only asks is told, with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As `text/plain`.
    Text(String),
    /// As `application/json`.
    Json(String),
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// `none`, or a name of `rrb_lang::schemes::SCHEMES`.
    pub scheme: String,
    /// The instances of its connector.
    pub instances: Vec<String>,
    /// The instance of an address without one; none when there are several and no `default`.
    pub default_instance: Option<String>,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It does not show who sent it: 401. What exactly was wrong is for the log.
    #[error("{0}")]
    Refused(String),
    /// The check cannot be made now (a secret is not set): 503, so that the sender tries again.
    #[error("{0}")]
    Unavailable(String),
}

/// How a dead letter is answered: by what its sender does with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDead {
    /// 400: the sender does not try again, and shows the failure to its people.
    Refuse,
    /// 202: the sender would try for hours or switch the webhook off, and no try would end otherwise.
    Accept,
    /// 200 without a body: the sender shows people any other answer.
    Hush,
}

impl OnDead {
    /// For senders that sign by this scheme; the reasons are in `docs/webhooks.md`.
    pub fn of(scheme: &str) -> Self {
        match scheme {
            "standard_webhooks" | "svix_signature" | "stripe_signature" | "oidc" => Self::Accept,
            "slack_signature" => Self::Hush,
            _ => Self::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_answer_and_the_document_says_so() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks.md")).unwrap();
        let schemes = rrb_lang::schemes::SCHEMES.iter().map(|s| s.name).chain(["none"]);
        for scheme in schemes {
            let status = match OnDead::of(scheme) {
                OnDead::Accept => "202",
                OnDead::Refuse => "400",
                OnDead::Hush => "200",
            };
            let row = page.lines().find(|l| l.starts_with('|') && l.contains(&format!("`{scheme}`")));
            let row = row.unwrap_or_else(|| panic!("docs/webhooks.md has no row for `{scheme}`"));
            assert!(row.contains(status), "{row}");
        }
    }
}
