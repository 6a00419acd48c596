//! The engine's face: what webhooks, the HTTP API, the command line and the watch view ask of it. A trait, so that its users can be
//! tested alone and another durable engine can stand behind the same pages.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rrb_lang::vm::protocol::{self, Millis, Note, Resolution};
use serde::{Deserialize, Serialize};

use crate::audit::{AuditRecord, Verdict};
use crate::store::{
    ApprovalRow, DeliveryRow, DispositionRow, EventFilter, EventRow, JournalRow, RunFilter, RunRow, RunStatus,
    StoreError, TokenRow,
};

/// The control plane.
#[async_trait]
pub trait ControlPlane: Send + Sync + 'static {
    /// Takes what a sender delivered to a webhook whose check it passed. When this returns `Ok`, it is durable.
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt, ApiError>;
    /// Takes an event as if its source had sent it (`rrb emit`, tests): `payload` is decoded as the event's type.
    async fn emit(&self, event: EmitEvent, by: &Actor) -> Result<Receipt, ApiError>;
    /// Starts a run by hand.
    async fn start(&self, start: StartRun, by: &Actor) -> Result<String, ApiError>;
    /// Asks a run to stop; undo and `finally` still run.
    async fn cancel(&self, run: &str, why: &str, by: &Actor) -> Result<(), ApiError>;
    /// Says what happened to the call a parked run waits for.
    async fn resolve(&self, run: &str, resolution: Resolution, why: &str, by: &Actor) -> Result<(), ApiError>;
    /// Takes a run up again that was left alone (its attempts failed for a reason outside it).
    async fn resume(&self, run: &str, by: &Actor) -> Result<(), ApiError>;
    /// Votes on an approval; the answer is its new state.
    async fn vote(&self, approval: &str, vote: Vote, by: &Actor) -> Result<ApprovalRow, ApiError>;
    /// Stops new runs and holds running ones (`None`: all).
    async fn pause(&self, runbook: Option<&str>, paused: bool, by: &Actor) -> Result<(), ApiError>;
    async fn create_token(&self, token: TokenRow, by: &Actor) -> Result<(), ApiError>;
    async fn revoke_token(&self, id: &str, by: &Actor) -> Result<(), ApiError>;

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, ApiError>;
    async fn run(&self, id: &str) -> Result<RunView, ApiError>;
    async fn approvals(&self, open_only: bool) -> Result<Vec<ApprovalRow>, ApiError>;
    async fn approval(&self, id: &str) -> Result<ApprovalRow, ApiError>;
    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, ApiError>;
    /// What became of an event.
    async fn why(&self, event: &str) -> Result<EventView, ApiError>;
    /// Why an event did not start a runbook: what became of it there, and each trigger asked again.
    async fn why_not(&self, runbook: &str, event: &str) -> Result<WhyNot, ApiError>;
    async fn dead_letters(&self) -> Result<Vec<DeliveryRow>, ApiError>;
    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, ApiError>;
    async fn verify_audit(&self) -> Result<Verdict, ApiError>;
    async fn tokens(&self) -> Result<Vec<TokenRow>, ApiError>;
    /// What is loaded.
    async fn status(&self) -> Result<Status, ApiError>;
    /// Writes into the audit log that somebody was turned away at the door. Whoever has no audit log of their own (a client) keeps none.
    async fn refused(&self, refusal: Refusal) -> Result<(), ApiError> {
        let _ = refusal;
        Ok(())
    }
    /// The live timeline. A receiver that falls behind loses the oldest and is told.
    fn subscribe(&self) -> tokio::sync::broadcast::Receiver<TimelineItem>;
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user of the project, where the identity is a person's.
    pub person: Option<String>,
    /// How they showed it: `token:ci`, `terminal`, `local`.
    pub method: String,
}

impl Actor {
    /// As the audit writes it: `user:ana (token:ana-laptop)`.
    pub fn shown(&self) -> String {
        match &self.person {
            Some(p) => format!("user:{p} ({})", self.method),
            None => self.method.clone(),
        }
    }
}

/// Somebody who did not show who they are: a token or a signature that does not hold. Many of a kind are told as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `token` or `webhook`
    pub door: String,
    /// The address it came from.
    pub peer: String,
    /// Where to: `/v1/runs`, `/hooks/alertmanager`.
    pub path: String,
    /// Why, without anything that was sent.
    pub why: String,
    /// How many came since the last record of this door and address.
    pub count: u64,
}

/// What came in over a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The path below `/hooks`, without the instance: `/alertmanager`.
    pub path: String,
    /// `default` unless the address names one.
    pub instance: String,
    pub body: Vec<u8>,
    /// Lower-case names; credentials removed.
    pub headers: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
}

/// An event to take as if its source had sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmitEvent {
    /// `alertmanager.firing`; or a webhook path such as `/alertmanager` with the raw delivery as payload.
    pub event: String,
    #[serde(default)]
    pub instance: Option<String>,
    pub payload: serde_json::Value,
}

/// What became of a delivery, so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub delivery: String,
    /// Ids of the events taken from it.
    pub events: Vec<String>,
    /// How many were dropped because their id had been seen.
    pub duplicates: u32,
    /// Why it became a dead letter, if it did.
    pub dead: Option<String>,
}

/// A run to start by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StartRun {
    pub runbook: String,
    /// By parameter name; decoded to the parameter's type. A text is also read as a literal (`5m`, `10MiB`, `0.8`).
    #[serde(default)]
    pub params: BTreeMap<String, serde_json::Value>,
    /// Makes starting safe to repeat: a second start with the same id answers [`ApiError::Exists`].
    #[serde(default)]
    pub id: Option<String>,
}

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    pub approve: bool,
    #[serde(default)]
    pub comment: String,
    /// The digest of the plan the voter saw; refused when it is no longer the one asked about.
    #[serde(default)]
    pub digest: Option<String>,
}

/// A run with its story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub run: RunRow,
    pub journal: Vec<JournalRow>,
    pub timeline: Vec<TimelineItem>,
    pub approvals: Vec<ApprovalRow>,
    /// What the run waits for, in words; empty when it does not.
    pub waiting_for: Vec<String>,
}

/// An event with its story.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    pub event: EventRow,
    pub dispositions: Vec<DispositionRow>,
}

/// What a runbook made of an event, and what its triggers say of it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WhyNot {
    pub runbook: String,
    pub event: EventRow,
    /// What was decided when the event was judged, and what became of it since.
    pub dispositions: Vec<DispositionRow>,
    /// By the program that is loaded now, in the order of the runbook.
    pub triggers: Vec<TriggerAnswer>,
}

/// What one trigger says of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerAnswer {
    /// The trigger as written, or its event.
    pub trigger: String,
    /// Why not, or what is missing still.
    pub says: String,
    /// The parts of its `where` that concern this event alone.
    pub conditions: Vec<ConditionAnswer>,
}

/// What one part of a `where` says of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionAnswer {
    /// As written.
    pub text: String,
    pub holds: bool,
    /// The values that made it false, or how it failed.
    pub detail: String,
}

/// How it stands with a source that rrb reads by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SourceState {
    Reading,
    /// It is tried again by itself.
    Failing {
        why: String,
    },
}

/// A source as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    /// `shop.placed`
    pub event: String,
    pub instance: String,
    #[serde(flatten)]
    pub state: SourceState,
    /// When it came to this state.
    pub since: Millis,
    /// What it has brought since rrb began, and when the last of it came.
    pub taken: u64,
    pub last: Option<Millis>,
}

/// What the daemon is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub project: String,
    pub program: String,
    pub runbooks: Vec<String>,
    /// `(webhook path, event names)`
    pub webhooks: Vec<(String, Vec<String>)>,
    /// The sources that rrb reads by itself.
    #[serde(default)]
    pub sources: Vec<SourceView>,
    pub open_runs: u64,
    pub open_approvals: u64,
    pub queued_events: u64,
    pub paused: Vec<String>,
    /// Every run only says what it would do.
    #[serde(default)]
    pub shadow: bool,
}

/// One line of the live timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineItem {
    pub at: Millis,
    pub run: Option<String>,
    pub runbook: Option<String>,
    pub event: Option<String>,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum What {
    EventReceived {
        source: String,
        summary: String,
    },
    DeadLetter {
        path: String,
        reason: String,
    },
    Disposition {
        verdict: String,
        detail: String,
    },
    RunStarted {
        requester: String,
        params: serde_json::Value,
    },
    RunStatus {
        status: RunStatus,
        why: String,
    },
    Note {
        note: Note,
    },
    CallIntent {
        action: String,
        native: String,
        attempt: u32,
    },
    CallOutcome {
        action: String,
        native: String,
        ok: bool,
        message: String,
        millis: i64,
    },
    /// What the policies said of a call, when a rule had something to say.
    Policy {
        action: String,
        target: Option<String>,
        verdict: protocol::Verdict,
    },
    /// The run runs another one.
    ChildBegan {
        child: String,
        runbook: String,
        awaited: bool,
    },
    ChildEnded {
        child: String,
        runbook: String,
        ok: bool,
        message: String,
    },
    /// The run took an event that it waited for.
    EventTaken {
        id: String,
        source: String,
    },
    ApprovalAsked {
        approval: ApprovalRow,
    },
    ApprovalVoted {
        approval: String,
        person: String,
        approve: bool,
        comment: String,
    },
    ApprovalClosed {
        approval: String,
        state: crate::store::ApprovalState,
    },
    RunEnded {
        outcome: String,
        why: String,
        ineffective: bool,
        remains: Vec<String>,
    },
    /// A program was loaded or refused (`watch`).
    Loaded {
        program: String,
        runbooks: u32,
        problem: Option<String>,
    },
}

/// Why the engine did not do it. Each has one HTTP status and one exit code. [`ApiError::advised`] adds what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// 404
    #[error("there is no {what} `{id}`{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    NotFound { what: &'static str, id: String, hint: Option<String> },
    /// 400
    #[error("{0}")]
    Invalid(String),
    /// 403: a person who may not.
    #[error("{0}")]
    Forbidden(String),
    /// 409: it is too late, or already so.
    #[error("{0}")]
    Conflict(String),
    /// 409: the id is taken.
    #[error("a run `{0}` already exists")]
    Exists(String),
    /// 503, with `Retry-After`: nothing was taken.
    #[error("{0}")]
    Overloaded(String),
    /// 500
    #[error("{0}")]
    Failed(String),
}

/// What stands between what is wrong and what to do, in the text of an [`ApiError`].
const ADVICE: &str = "\nhelp: ";

impl ApiError {
    /// Adds what to do. An error without a text of its own stays as it is.
    #[must_use]
    pub fn advised(mut self, help: &str) -> Self {
        match &mut self {
            Self::Invalid(text)
            | Self::Forbidden(text)
            | Self::Conflict(text)
            | Self::Overloaded(text)
            | Self::Failed(text) => {
                text.push_str(ADVICE);
                text.push_str(help);
            }
            Self::NotFound { .. } | Self::Exists(_) => {}
        }
        self
    }

    /// What is wrong, and what to do, if that is known.
    pub fn parts(&self) -> (String, Option<String>) {
        let text = self.to_string();
        match text.split_once(ADVICE) {
            Some((what, help)) => (what.to_owned(), Some(help.to_owned())),
            None => (text, None),
        }
    }

    /// Both on one line.
    pub fn line(&self) -> String {
        match self.parts() {
            (what, Some(help)) => format!("{what}: {help}"),
            (what, None) => what,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Full(why) => ApiError::Overloaded(why),
            StoreError::TooLarge(why) => ApiError::Invalid(why),
            StoreError::Corrupt(_) => ApiError::Failed(e.to_string())
                .advised("keep a copy of the whole state folder, then put a backup in its place"),
            other => ApiError::Failed(other.to_string()),
        }
    }
}
