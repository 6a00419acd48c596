//! A project's state without a daemon: everything can be looked at, and what only has to be written down can be written.

use std::sync::Arc;

use async_trait::async_trait;
use rrb_engine::api::{
    Actor, ApiError, ControlPlane, Delivery, EmitEvent, EventView, Receipt, RunView, StartRun, Status, TimelineItem,
    Vote, WhyNot,
};
use rrb_engine::audit::{AuditDraft, AuditRecord, Verdict};
use rrb_engine::clock::Clock;
use rrb_engine::engine::Engine;
use rrb_engine::store::{ApprovalRow, DeliveryRow, EventFilter, EventRow, Op, RunFilter, RunRow, Store, TokenRow};
use rrb_lang::vm::protocol::Resolution;
use serde_json::{Value, json};
use tokio::sync::broadcast;

/// The state of a project that no daemon runs on.
pub struct Offline {
    /// Reads; it was given no program, so nothing moves.
    pub engine: Arc<Engine>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
}

impl Offline {
    async fn write(&self, op: Op, kind: &str, by: &Actor, body: Value) -> Result<(), ApiError> {
        let (at, kind, actor) = (self.clock.now(), kind.to_owned(), by.shown());
        let audit = Op::Audit(AuditDraft { at, kind, actor, run: None, event: None, body });
        self.store.commit(vec![op, audit]).await?;
        Ok(())
    }
}

fn needs_a_daemon<T>(what: &str) -> Result<T, ApiError> {
    Err(ApiError::Overloaded(format!("no daemon is running that could {what}: start `rrb serve` or `rrb watch` first")))
}

#[async_trait]
impl ControlPlane for Offline {
    async fn deliver(&self, _: Delivery) -> Result<Receipt, ApiError> {
        needs_a_daemon("take a delivery")
    }

    async fn emit(&self, _: EmitEvent, _: &Actor) -> Result<Receipt, ApiError> {
        needs_a_daemon("take an event")
    }

    async fn start(&self, _: StartRun, _: &Actor) -> Result<String, ApiError> {
        needs_a_daemon("start a run")
    }

    async fn cancel(&self, _: &str, _: &str, _: &Actor) -> Result<(), ApiError> {
        needs_a_daemon("undo what a run did")
    }

    async fn resolve(&self, _: &str, _: Resolution, _: &str, _: &Actor) -> Result<(), ApiError> {
        needs_a_daemon("go on with a run")
    }

    async fn resume(&self, _: &str, _: &Actor) -> Result<(), ApiError> {
        needs_a_daemon("take up a run")
    }

    async fn vote(&self, _: &str, _: Vote, _: &Actor) -> Result<ApprovalRow, ApiError> {
        needs_a_daemon("take a vote")
    }

    async fn pause(&self, runbook: Option<&str>, paused: bool, by: &Actor) -> Result<(), ApiError> {
        let op = Op::SetPaused { runbook: runbook.map(str::to_owned), paused };
        self.write(op, if paused { "paused" } else { "unpaused" }, by, json!({ "runbook": runbook })).await
    }

    async fn create_token(&self, token: TokenRow, by: &Actor) -> Result<(), ApiError> {
        let taken = |t: &TokenRow| t.id == token.id || (t.name == token.name && t.revoked.is_none());
        if self.store.tokens().await?.iter().any(taken) {
            return Err(ApiError::Conflict(format!("a token named `{}` exists already", token.name)));
        }
        let body = json!({
            "token": token.id, "name": token.name, "scopes": token.scopes, "user": token.user, "expires": token.expires,
        });
        self.write(Op::PutToken(token), "token.created", by, body).await
    }

    async fn revoke_token(&self, id: &str, by: &Actor) -> Result<(), ApiError> {
        let op = Op::RevokeToken { id: id.to_owned(), at: self.clock.now() };
        self.write(op, "token.revoked", by, json!({ "token": id })).await
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, ApiError> {
        self.engine.runs(filter).await
    }

    async fn run(&self, id: &str) -> Result<RunView, ApiError> {
        self.engine.run(id).await
    }

    async fn approvals(&self, open_only: bool) -> Result<Vec<ApprovalRow>, ApiError> {
        self.engine.approvals(open_only).await
    }

    async fn approval(&self, id: &str) -> Result<ApprovalRow, ApiError> {
        self.engine.approval(id).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, ApiError> {
        self.engine.events(filter).await
    }

    async fn why(&self, event: &str) -> Result<EventView, ApiError> {
        self.engine.why(event).await
    }

    async fn why_not(&self, runbook: &str, event: &str) -> Result<WhyNot, ApiError> {
        self.engine.why_not(runbook, event).await
    }

    async fn dead_letters(&self) -> Result<Vec<DeliveryRow>, ApiError> {
        self.engine.dead_letters().await
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, ApiError> {
        self.engine.audit(after, limit, run).await
    }

    async fn verify_audit(&self) -> Result<Verdict, ApiError> {
        self.engine.verify_audit().await
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        self.engine.tokens().await
    }

    async fn status(&self) -> Result<Status, ApiError> {
        needs_a_daemon("say what it does")
    }

    fn subscribe(&self) -> broadcast::Receiver<TimelineItem> {
        self.engine.subscribe()
    }
}
