//! The engine's face to the outside.

use async_trait::async_trait;
use rrb_lang::diag::nearest;
use rrb_lang::hir::EventSource;
use rrb_lang::project::ProjectConfig;
use rrb_lang::vm::protocol::Resolution;
use serde_json::json;
use tokio::sync::{broadcast, oneshot};

use crate::api::{
    Actor, ApiError, ControlPlane, Delivery, EmitEvent, EventView, Receipt, Refusal, RunView, StartRun, Status,
    TimelineItem, Vote, What, WhyNot,
};
use crate::audit::{AuditDraft, AuditRecord, Verdict, Verifier};
use crate::code::{event_name, runbook_names};
use crate::engine::Engine;
use crate::matcher::book::Book;
use crate::matcher::{self, LEFT_OUT, Task, left_out};
use crate::programs::Loaded;
use crate::run::ask;
use crate::run::journal::{self, Act};
use crate::run::mail::Mail;
use crate::run::votes::{self, Tally};
use crate::run::{cap, records};
use crate::runs::STRIKES;
use crate::store::{
    ApprovalRow, ApprovalState, DeliveryRow, EventFilter, EventRow, Op, RunFilter, RunRow, RunStatus, StoreError,
    TokenRow, VoteRow,
};
use crate::timeline;

/// Bytes of a comment on a vote, or of a reason.
const MAX_COMMENT: usize = 4096;

/// Records read at a time when the audit is verified.
const CHUNK: u32 = 1000;

fn unreadable(why: String) -> ApiError {
    ApiError::Failed(why)
}

fn bounded(text: &str, what: &str) -> Result<(), ApiError> {
    if text.len() > MAX_COMMENT {
        return Err(ApiError::Invalid(format!("{what} is {} bytes, more than {MAX_COMMENT}", text.len())));
    }
    Ok(())
}

impl Engine {
    async fn run_row(&self, id: &str) -> Result<RunRow, ApiError> {
        let row = self.core.store.run(id).await?;
        row.ok_or_else(|| ApiError::NotFound { what: "run", id: id.to_owned(), hint: None })
    }

    async fn approval_row(&self, id: &str) -> Result<ApprovalRow, ApiError> {
        let row = self.core.store.approval(id).await?;
        row.ok_or_else(|| ApiError::NotFound { what: "approval", id: id.to_owned(), hint: None })
    }

    fn ready(&self) -> Result<(), ApiError> {
        match self.core.failure() {
            Some(why) => Err(ApiError::Failed(why)),
            None if !self.is_live() => Err(ApiError::Overloaded("rrb is starting: nothing was taken".to_owned())),
            None if self.core.closing.is_cancelled() => Err(ApiError::Overloaded("rrb is going down".to_owned())),
            None if self.core.is_full() => Err(ApiError::Overloaded("the store is full: nothing was taken".to_owned())),
            None => Ok(()),
        }
    }

    fn draft(&self, kind: &str, by: &Actor, body: serde_json::Value) -> Op {
        let (kind, actor) = (kind.to_owned(), by.shown());
        Op::Audit(AuditDraft { at: self.core.now(), kind, actor, run: None, event: None, body })
    }

    /// Checks a vote against its approval as it is now.
    fn may_vote(&self, row: &ApprovalRow, vote: &Vote, by: &Actor) -> Result<String, ApiError> {
        let at = self.core.now();
        let ask = ask::read(row).map_err(unreadable)?;
        let Some(person) = &by.person else {
            let text = format!("{} is no person of this project: only people answer approvals", by.method);
            return Err(ApiError::Forbidden(text));
        };
        if row.state != ApprovalState::Open {
            let text = format!("the approval `{}` is {} already", row.id, state_word(row.state));
            return Err(ApiError::Conflict(text).advised(&format!("how its run went on: `rrb runs show {}`", row.run)));
        }
        if at >= row.expires {
            return Err(ApiError::Conflict(format!("the approval `{}` is expired already", row.id)));
        }
        votes::may_vote(&ask, &row.requester, &self.core.people(), person, at).map_err(ApiError::Forbidden)?;
        if row.votes.iter().any(|v| v.person == *person) {
            return Err(ApiError::Conflict(format!("`{person}` has answered already: the first answer holds")));
        }
        if vote.digest.as_ref().is_some_and(|d| *d != row.digest) {
            let text = format!("the plan of `{}` is not the one that was looked at", row.id);
            return Err(ApiError::Conflict(text).advised(&format!("look again: `rrb approvals show {}`", row.id)));
        }
        if ask.require_comment && vote.comment.trim().is_empty() {
            return Err(ApiError::Invalid("this approval wants a comment with every answer".to_owned())
                .advised("give one: `--comment TEXT`"));
        }
        Ok(person.clone())
    }

    /// What the answers so far make of an approval.
    fn verdict(&self, row: &ApprovalRow) -> Result<ApprovalState, ApiError> {
        let ask = ask::read(row).map_err(unreadable)?;
        Ok(match votes::tally(&ask, &row.requester, &row.votes, &self.core.people()) {
            Tally::Approved(_) => ApprovalState::Approved,
            Tally::Denied(_) => ApprovalState::Denied,
            Tally::Open(_) => ApprovalState::Open,
        })
    }

    fn tell_vote(&self, row: &ApprovalRow, vote: &VoteRow) {
        let tell = |what: What| {
            let (run, runbook) = (Some(row.run.clone()), Some(row.runbook.clone()));
            self.core.publish(TimelineItem { at: vote.at, run, runbook, event: None, what });
        };
        tell(What::ApprovalVoted {
            approval: row.id.clone(),
            person: vote.person.clone(),
            approve: vote.approve,
            comment: vote.comment.clone(),
        });
        if row.state != ApprovalState::Open {
            tell(What::ApprovalClosed { approval: row.id.clone(), state: row.state });
        }
    }

    /// The program that judged an event, with its index, and why the runbooks said no that it left out.
    async fn left_out(&self, event: &EventRow, row: &crate::store::DispositionRow) -> Option<Book> {
        let id = row.detail.split_whitespace().next()?;
        let code = self.programs.get(id).await.ok()?;
        let current = self.programs.current()?;
        let loaded = Loaded { code, settings: current.settings.clone(), project: current.project.clone() };
        tracing::debug!(event = %event.id, program = %id, "asking again");
        Book::new(std::sync::Arc::new(loaded)).ok()
    }
}

/// That the project has this user: a token of somebody else could never vote, and would speak for whoever gets the name later.
fn known_user(project: &ProjectConfig, user: &str) -> Result<(), ApiError> {
    if project.users.contains_key(user) {
        return Ok(());
    }
    let help = match nearest(user, project.users.keys().map(|u| u.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "users stand in rrb.toml, as `[users.NAME]`".to_owned(),
    };
    Err(ApiError::Invalid(format!("this project has no user `{user}`")).advised(&help))
}

fn state_word(state: ApprovalState) -> &'static str {
    match state {
        ApprovalState::Open => "open",
        ApprovalState::Approved => "approved",
        ApprovalState::Denied => "denied",
        ApprovalState::Expired => "expired",
        ApprovalState::Void => "void: its run no longer waits for it",
    }
}

#[async_trait]
impl ControlPlane for Engine {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt, ApiError> {
        self.ready()?;
        self.intake.deliver(delivery).await
    }

    async fn emit(&self, event: EmitEvent, by: &Actor) -> Result<Receipt, ApiError> {
        self.ready()?;
        self.intake.emit(event, by).await
    }

    async fn start(&self, start: StartRun, by: &Actor) -> Result<String, ApiError> {
        self.ready()?;
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Task::Start { start, by: by.clone(), reply });
        self.answer(answer).await
    }

    async fn cancel(&self, run: &str, why: &str, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        bounded(why, "the reason")?;
        let (reply, answer) = oneshot::channel();
        let task = Task::Cancel { run: run.to_owned(), why: why.to_owned(), by: by.shown(), reply: Some(reply) };
        self.inbox.send(task);
        self.answer(answer).await
    }

    async fn resolve(&self, run: &str, resolution: Resolution, why: &str, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        bounded(why, "the reason")?;
        if let Resolution::Happened { result: Some(result) } = &resolution {
            cap::intent(result, "the result").map_err(|f| ApiError::Invalid(f.message))?;
        }
        let row = self.run_row(run).await?;
        if matches!(row.status, RunStatus::Done | RunStatus::Queued) {
            return Err(ApiError::Conflict(format!("the run `{run}` has no call with an unknown outcome")));
        }
        let (reply, answer) = oneshot::channel();
        let mail = Mail::Resolve { resolution, why: why.to_owned(), by: by.shown(), reply: Some(reply) };
        self.runs.send(run, mail);
        self.answer(answer).await
    }

    async fn resume(&self, run: &str, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        // Two at once would both write the same entry.
        let _one_at_a_time = self.core.approval_lock(run).await;
        let row = self.run_row(run).await?;
        let rows = self.core.store.journal(run, 0).await?;
        let entries: Vec<_> = rows.iter().map(journal::read).collect::<Result<_, _>>().map_err(unreadable)?;
        let asks = |e: &rrb_lang::vm::protocol::Effect| matches!(e, rrb_lang::vm::protocol::Effect::Resolve(_));
        let unknown = journal::open_effects(&entries).into_iter().any(|(_, effect, _)| effect.is_some_and(asks));
        if row.status != RunStatus::Parked || (unknown && journal::strikes(&entries) < STRIKES) {
            return Err(ApiError::Conflict(format!("the run `{run}` is {}, not quarantined", row.status)));
        }
        let at = self.core.now();
        let entry = journal::row(run, rows.len() as u64 + 1, at, Vec::new(), Act::Resume { by: by.shown() });
        let ops = vec![
            Op::AppendJournal(entry.map_err(unreadable)?),
            Op::SetRun { id: run.to_owned(), status: RunStatus::Running, at, end: None },
            records::draft(&row, at, "run.resumed", &by.shown(), json!({})),
        ];
        self.core.commit(ops).await?;
        self.runs.wake(run);
        Ok(())
    }

    async fn vote(&self, approval: &str, vote: Vote, by: &Actor) -> Result<ApprovalRow, ApiError> {
        self.ready()?;
        bounded(&vote.comment, "the comment")?;
        let run = self.approval_row(approval).await?.run;
        let one_at_a_time = self.core.approval_lock(&run).await;
        let mut row = self.approval_row(approval).await?;
        let person = self.may_vote(&row, &vote, by)?;
        let at = self.core.now();
        let (approval, method) = (row.id.clone(), by.method.clone());
        let cast = VoteRow { approval, person, approve: vote.approve, comment: vote.comment, method, at };
        row.votes.push(cast.clone());
        row.state = self.verdict(&row)?;
        let body = json!({
            "approval": row.id, "approve": cast.approve, "comment": cast.comment, "method": cast.method,
            "digest": row.digest, "state": row.state,
        });
        let draft = |kind: &str, actor: String, body| {
            Op::Audit(AuditDraft { at, kind: kind.to_owned(), actor, run: Some(row.run.clone()), event: None, body })
        };
        let mut ops = vec![Op::PutVote(cast.clone()), draft("approval.vote", by.shown(), body)];
        if row.state != ApprovalState::Open {
            row.closed = Some(at);
            ops.push(Op::CloseApproval { id: row.id.clone(), state: row.state, at });
            let body = json!({ "approval": row.id, "state": row.state });
            ops.push(draft("approval.closed", "engine".to_owned(), body));
        }
        self.core.commit(ops).await?;
        drop(one_at_a_time);
        self.tell_vote(&row, &cast);
        if row.state != ApprovalState::Open {
            self.core.open_approvals.less();
            self.runs.wake(&row.run);
        }
        Ok(row)
    }

    async fn pause(&self, runbook: Option<&str>, paused: bool, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        if let (Some(name), Some(loaded)) = (runbook, self.programs.current()) {
            let names = runbook_names(&*loaded.code);
            let known = names.iter().any(|n| n == name) || self.core.paused().iter().any(|p| p == name);
            if !known {
                let hint = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
                return Err(ApiError::NotFound { what: "runbook", id: name.to_owned(), hint });
            }
        }
        let kind = if paused { "paused" } else { "unpaused" };
        let op = Op::SetPaused { runbook: runbook.map(str::to_owned), paused };
        self.core.commit(vec![op, self.draft(kind, by, json!({ "runbook": runbook }))]).await?;
        self.core.set_paused(runbook, paused);
        if !paused {
            self.runs.unpaused(runbook);
        }
        Ok(())
    }

    async fn create_token(&self, token: TokenRow, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        if let Some(user) = &token.user {
            known_user(&self.core.people(), user)?;
        }
        if self
            .core
            .store
            .tokens()
            .await?
            .iter()
            .any(|t| t.id == token.id || (t.name == token.name && t.revoked.is_none()))
        {
            return Err(ApiError::Conflict(format!("a token named `{}` exists already", token.name)));
        }
        let body = json!({
            "token": token.id, "name": token.name, "scopes": token.scopes, "user": token.user, "expires": token.expires,
        });
        Ok(self.core.commit(vec![Op::PutToken(token), self.draft("token.created", by, body)]).await?)
    }

    async fn revoke_token(&self, id: &str, by: &Actor) -> Result<(), ApiError> {
        self.ready()?;
        let tokens = self.core.store.tokens().await?;
        let Some(token) = tokens.iter().find(|t| t.id == id) else {
            let hint = nearest(id, tokens.iter().map(|t| t.id.as_str())).map(str::to_owned);
            return Err(ApiError::NotFound { what: "token", id: id.to_owned(), hint });
        };
        if token.revoked.is_some() {
            return Err(ApiError::Conflict(format!("the token `{id}` is revoked already")));
        }
        let body = json!({ "token": id, "name": token.name });
        let op = Op::RevokeToken { id: id.to_owned(), at: self.core.now() };
        Ok(self.core.commit(vec![op, self.draft("token.revoked", by, body)]).await?)
    }

    async fn refused(&self, refusal: Refusal) -> Result<(), ApiError> {
        let actor = format!("peer:{}", refusal.peer);
        let body = json!({ "path": refusal.path, "why": refusal.why, "count": refusal.count });
        let kind = format!("{}.refused", refusal.door);
        let draft = AuditDraft { at: self.core.now(), kind, actor, run: None, event: None, body };
        Ok(self.core.commit(vec![Op::Audit(draft)]).await?)
    }

    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, ApiError> {
        Ok(self.core.store.runs(filter).await?)
    }

    async fn run(&self, id: &str) -> Result<RunView, ApiError> {
        let run = self.run_row(id).await?;
        let journal = self.core.store.journal(id, 0).await?;
        let mut approvals = Vec::new();
        for approval in timeline::approvals_of(&journal).map_err(unreadable)? {
            approvals.extend(self.core.store.approval(&approval).await?);
        }
        let timeline = timeline::of_run(&run, &journal, &approvals).map_err(unreadable)?;
        let waiting_for = timeline::waits(&run, &journal, &approvals).map_err(unreadable)?;
        Ok(RunView { run, journal, timeline, approvals, waiting_for })
    }

    async fn approvals(&self, open_only: bool) -> Result<Vec<ApprovalRow>, ApiError> {
        Ok(self.core.store.approvals(open_only, 1000).await?)
    }

    async fn approval(&self, id: &str) -> Result<ApprovalRow, ApiError> {
        self.approval_row(id).await
    }

    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, ApiError> {
        Ok(self.core.store.events(filter).await?)
    }

    async fn why(&self, event: &str) -> Result<EventView, ApiError> {
        let row = self.core.store.event(event).await?;
        let event = row.ok_or_else(|| ApiError::NotFound { what: "event", id: event.to_owned(), hint: None })?;
        let mut dispositions = self.core.store.dispositions(&event.id).await?;
        if let Some(summary) = dispositions.iter().find(|d| d.runbook == LEFT_OUT).cloned()
            && let Some(book) = self.left_out(&event, &summary).await
        {
            dispositions.retain(|d| d.runbook != LEFT_OUT);
            let asked = left_out(&book, &event, &dispositions, summary.at);
            dispositions.extend(asked);
        }
        Ok(EventView { event, dispositions })
    }

    async fn why_not(&self, runbook: &str, event: &str) -> Result<WhyNot, ApiError> {
        let EventView { event, mut dispositions } = self.why(event).await?;
        let mut triggers = Vec::new();
        let mut name = runbook.to_owned();
        if let Some(loaded) = self.programs.current() {
            let book = Book::new(loaded).map_err(ApiError::Failed)?;
            let by_end = |n: &&String| n.rsplit('.').next() == Some(runbook);
            let named = book.index.named(runbook).map(|_| name.clone());
            let Some(found) = named.or_else(|| book.index.names().iter().find(by_end).cloned()) else {
                let hint = nearest(runbook, book.index.names().iter().map(String::as_str)).map(str::to_owned);
                return Err(ApiError::NotFound { what: "runbook", id: runbook.to_owned(), hint });
            };
            let n = book.index.named(&found).unwrap_or_default();
            triggers = matcher::why_not(&book, n, &event).map_err(ApiError::Conflict)?;
            name = found;
        }
        dispositions.retain(|d| d.runbook == name);
        Ok(WhyNot { runbook: name, event, dispositions, triggers })
    }

    async fn dead_letters(&self) -> Result<Vec<DeliveryRow>, ApiError> {
        Ok(self.core.store.dead_letters(1000).await?)
    }

    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, ApiError> {
        Ok(self.core.store.audit(after, limit, run).await?)
    }

    async fn verify_audit(&self) -> Result<Verdict, ApiError> {
        // Read before the records: what is written meanwhile only makes the log longer.
        let head = self.core.store.audit_head().await?;
        let mut verifier = Verifier::default();
        let mut after = 0;
        loop {
            let records = match self.core.store.audit(after, CHUNK, None).await {
                Ok(records) => records,
                Err(StoreError::Corrupt(reason)) => return Ok(Verdict::Broken { seq: after + 1, reason }),
                Err(e) => return Err(e.into()),
            };
            for record in &records {
                if let Err(broken) = verifier.take(record) {
                    return Ok(broken);
                }
                after = record.seq;
            }
            if records.len() < CHUNK as usize {
                return Ok(match head {
                    Some((last, hash)) => verifier.finish_at(last, &hash),
                    None => verifier.finish(),
                });
            }
        }
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        Ok(self.core.store.tokens().await?)
    }

    async fn status(&self) -> Result<Status, ApiError> {
        if let Some(why) = self.core.failure() {
            return Err(ApiError::Failed(why));
        }
        let loaded =
            self.programs.current().ok_or_else(|| ApiError::Overloaded("no program is loaded yet".to_owned()))?;
        let code = &*loaded.code;
        let mut webhooks: Vec<(String, Vec<String>)> = Vec::new();
        for event in code.events() {
            let EventSource::Webhook { path } = &event.source else { continue };
            let name = event_name(code, event);
            match webhooks.iter_mut().find(|(p, _)| p == path.as_str()) {
                Some((_, names)) => names.push(name),
                None => webhooks.push((path.to_string(), vec![name])),
            }
        }
        Ok(Status {
            project: loaded.project.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            program: code.id().to_owned(),
            runbooks: runbook_names(code),
            webhooks,
            sources: self.intake.sources(),
            open_runs: self.core.open_runs.get(),
            open_approvals: self.core.open_approvals.get(),
            queued_events: self.inbox.queued() as u64,
            paused: self.core.paused(),
            shadow: self.core.shadow,
        })
    }

    fn subscribe(&self) -> broadcast::Receiver<TimelineItem> {
        self.core.subscribe()
    }
}
