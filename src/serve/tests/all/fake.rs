//! An engine and webhooks that answer what a test says, and remember what they were asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use rrb_engine::api::*;
use rrb_engine::audit::{AuditDraft, AuditRecord, GENESIS, Verdict};
use rrb_engine::clock::Clock;
use rrb_engine::store::*;
use rrb_lang::vm::protocol::{Millis, Resolution};
use rrb_serve::{Answer, App, Hook, LocalToken, Minted, Scope, ServeConfig, VerifyError, Webhooks, router};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tower::ServiceExt;

pub struct Plane {
    pub tokens: Mutex<Vec<TokenRow>>,
    /// What was asked, in words.
    pub asked: Mutex<Vec<String>>,
    pub deliveries: Mutex<Vec<Delivery>>,
    pub refusals: Mutex<Vec<Refusal>>,
    /// What the next calls answer instead.
    pub fail: Mutex<Option<ApiError>>,
    pub receipt: Mutex<Receipt>,
    /// How long calls take.
    pub delay: Mutex<std::time::Duration>,
    pub panics: Mutex<bool>,
    pub timeline: broadcast::Sender<TimelineItem>,
}

impl Default for Plane {
    fn default() -> Self {
        Self {
            tokens: Mutex::default(),
            asked: Mutex::default(),
            deliveries: Mutex::default(),
            refusals: Mutex::default(),
            fail: Mutex::default(),
            receipt: Mutex::new(Receipt {
                delivery: "dlv_1".into(),
                events: vec!["evt_1".into()],
                duplicates: 0,
                dead: None,
            }),
            delay: Mutex::default(),
            panics: Mutex::default(),
            timeline: broadcast::channel(8).0,
        }
    }
}

impl Plane {
    async fn ask(&self, what: String) -> Result<(), ApiError> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        assert!(!*self.panics.lock().unwrap(), "as the test says");
        self.asked.lock().unwrap().push(what);
        match self.fail.lock().unwrap().clone() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    pub fn last(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

pub fn run() -> RunRow {
    RunRow {
        id: "run_1".into(),
        runbook: "disk".into(),
        program: "p".into(),
        status: RunStatus::Running,
        requester: "user:ana".into(),
        event: None,
        input: json!({}),
        params: json!({}),
        concurrency_key: None,
        created: 1,
        updated: 2,
        end: None,
    }
}

pub fn approval() -> ApprovalRow {
    ApprovalRow {
        id: "apr_1".into(),
        run: "run_1".into(),
        runbook: "disk".into(),
        effect: "s1:0".into(),
        ask: json!({}),
        digest: "d".into(),
        requester: "user:ana".into(),
        asked: 1,
        expires: 2,
        state: ApprovalState::Open,
        closed: None,
        votes: vec![VoteRow {
            approval: "apr_1".into(),
            person: "bo".into(),
            approve: true,
            comment: String::new(),
            method: "terminal".into(),
            at: 1,
        }],
    }
}

pub fn item(run: &str) -> TimelineItem {
    let what = What::RunStatus { status: RunStatus::Waiting, why: "people".into() };
    TimelineItem { at: 1, run: Some(run.into()), runbook: Some("disk".into()), event: None, what }
}

fn event() -> EventRow {
    EventRow {
        id: "evt_1".into(),
        delivery: None,
        source: "a.b".into(),
        instance: "default".into(),
        sender_id: None,
        at: 1,
        received: 1,
        payload: json!({}),
    }
}

#[async_trait]
impl ControlPlane for Plane {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt, ApiError> {
        self.ask(format!("deliver {} {}", delivery.path, delivery.instance)).await?;
        self.deliveries.lock().unwrap().push(delivery);
        Ok(self.receipt.lock().unwrap().clone())
    }
    async fn emit(&self, event: EmitEvent, by: &Actor) -> Result<Receipt, ApiError> {
        self.ask(format!("emit {event:?} by {}", by.shown())).await?;
        Ok(self.receipt.lock().unwrap().clone())
    }
    async fn start(&self, start: StartRun, by: &Actor) -> Result<String, ApiError> {
        self.ask(format!("start {} {:?} {:?} by {}", start.runbook, start.params, start.id, by.shown())).await?;
        Ok(start.id.unwrap_or_else(|| "run_1".into()))
    }
    async fn cancel(&self, run: &str, why: &str, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("cancel {run} {why} by {}", by.shown())).await
    }
    async fn resolve(&self, run: &str, resolution: Resolution, why: &str, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("resolve {run} {resolution:?} {why} by {}", by.shown())).await
    }
    async fn resume(&self, run: &str, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("resume {run} by {}", by.shown())).await
    }
    async fn vote(&self, id: &str, vote: Vote, by: &Actor) -> Result<ApprovalRow, ApiError> {
        self.ask(format!("vote {id} {} {} {:?} by {}", vote.approve, vote.comment, vote.digest, by.shown())).await?;
        Ok(approval())
    }
    async fn pause(&self, runbook: Option<&str>, paused: bool, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("pause {runbook:?} {paused} by {}", by.shown())).await
    }
    async fn create_token(&self, token: TokenRow, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("create_token {} by {}", token.name, by.shown())).await?;
        self.tokens.lock().unwrap().push(token);
        Ok(())
    }
    async fn revoke_token(&self, id: &str, by: &Actor) -> Result<(), ApiError> {
        self.ask(format!("revoke_token {id} by {}", by.shown())).await?;
        match self.tokens.lock().unwrap().iter_mut().find(|t| t.id == id) {
            Some(token) => token.revoked = Some(NOW),
            None => return Err(ApiError::NotFound { what: "token", id: id.into(), hint: None }),
        }
        Ok(())
    }
    async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>, ApiError> {
        self.ask(format!("runs {filter:?}")).await?;
        Ok(vec![run()])
    }
    async fn run(&self, id: &str) -> Result<RunView, ApiError> {
        self.ask(format!("run {id}")).await?;
        let journal = vec![JournalRow {
            run: id.into(),
            seq: 1,
            at: 1,
            kind: "start".into(),
            effect: String::new(),
            body: json!({}),
        }];
        let waiting_for = vec!["people".into()];
        Ok(RunView { run: run(), journal, timeline: vec![item(id)], approvals: vec![approval()], waiting_for })
    }
    async fn approvals(&self, open_only: bool) -> Result<Vec<ApprovalRow>, ApiError> {
        self.ask(format!("approvals {open_only}")).await?;
        Ok(vec![approval()])
    }
    async fn approval(&self, id: &str) -> Result<ApprovalRow, ApiError> {
        self.ask(format!("approval {id}")).await?;
        Ok(approval())
    }
    async fn events(&self, filter: EventFilter) -> Result<Vec<EventRow>, ApiError> {
        self.ask(format!("events {filter:?}")).await?;
        Ok(vec![event()])
    }
    async fn why(&self, id: &str) -> Result<EventView, ApiError> {
        self.ask(format!("why {id}")).await?;
        let dispositions = vec![DispositionRow {
            event: id.into(),
            runbook: "disk".into(),
            verdict: "where".into(),
            run: None,
            detail: "x".into(),
            at: 1,
        }];
        Ok(EventView { event: event(), dispositions })
    }
    async fn why_not(&self, runbook: &str, id: &str) -> Result<WhyNot, ApiError> {
        self.ask(format!("why_not {runbook} {id}")).await?;
        let condition = ConditionAnswer {
            text: "a.name == \"Disk\"".into(),
            holds: false,
            detail: "`a.name == \"Disk\"` is false: a.name is \"Cpu\"".into(),
        };
        let trigger = TriggerAnswer {
            trigger: "on alertmanager.firing".into(),
            says: condition.detail.clone(),
            conditions: vec![condition],
        };
        Ok(WhyNot { runbook: runbook.into(), event: event(), dispositions: vec![], triggers: vec![trigger] })
    }
    async fn dead_letters(&self) -> Result<Vec<DeliveryRow>, ApiError> {
        self.ask("dead_letters".into()).await?;
        Ok(vec![DeliveryRow {
            id: "dlv_1".into(),
            at: 1,
            source: "a".into(),
            instance: "default".into(),
            path: "/a".into(),
            body: b"x".to_vec(),
            headers: json!({}),
            dead: Some("no".into()),
        }])
    }
    async fn audit(&self, after: u64, limit: u32, run: Option<&str>) -> Result<Vec<AuditRecord>, ApiError> {
        self.ask(format!("audit {after} {limit} {run:?}")).await?;
        let draft =
            AuditDraft { at: 1, kind: "k".into(), actor: "engine".into(), run: None, event: None, body: json!({}) };
        Ok(vec![AuditRecord::seal(1, GENESIS, draft)])
    }
    async fn verify_audit(&self) -> Result<Verdict, ApiError> {
        self.ask("verify_audit".into()).await?;
        Ok(Verdict::Intact { records: 1, head: "h".into() })
    }
    async fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        Ok(self.tokens.lock().unwrap().clone())
    }
    async fn status(&self) -> Result<Status, ApiError> {
        self.ask("status".into()).await?;
        Ok(Status {
            project: "p".into(),
            program: "x".into(),
            runbooks: vec!["disk".into()],
            webhooks: vec![("/a".into(), vec!["a.b".into()])],
            sources: vec![],
            open_runs: 3,
            open_approvals: 2,
            queued_events: 1,
            shadow: false,
            paused: vec![],
        })
    }
    async fn refused(&self, refusal: Refusal) -> Result<(), ApiError> {
        self.refusals.lock().unwrap().push(refusal);
        Ok(())
    }
    fn subscribe(&self) -> broadcast::Receiver<TimelineItem> {
        self.timeline.subscribe()
    }
}

pub const NOW: Millis = 1_000_000;

pub struct Time(pub AtomicI64);

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
    async fn sleep_until(&self, _: Millis) {}
    fn fresh_id(&self, prefix: &str) -> String {
        format!("{prefix}_1")
    }
}

/// Path, instance, headers and body of a delivery that was checked.
pub type Checked = (String, String, BTreeMap<String, String>, Vec<u8>);

/// `/alertmanager` and two-part `/git/push`, checked by the header `x-check: good`; the scheme is the test's.
pub struct Hooks {
    pub scheme: Mutex<String>,
    pub checked: Mutex<Vec<Checked>>,
    /// What a delivery of `?` is answered.
    pub answer: Mutex<Option<Answer>>,
    /// How acknowledging ends; it hangs for `hangs`.
    pub unacknowledged: Mutex<Option<String>>,
    /// How many deliveries the plane had, each time when one was acknowledged.
    pub acknowledged: Mutex<Vec<Delivery>>,
    pub origins: Mutex<Result<Vec<String>, String>>,
}

impl Hooks {
    pub fn new() -> Self {
        Self {
            scheme: Mutex::new("bearer".into()),
            checked: Mutex::default(),
            answer: Mutex::default(),
            unacknowledged: Mutex::default(),
            acknowledged: Mutex::default(),
            origins: Mutex::new(Ok(Vec::new())),
        }
    }
}

#[async_trait]
impl Webhooks for Hooks {
    fn find(&self, path: &str) -> Option<Hook> {
        let scheme = self.scheme.lock().unwrap().clone();
        match path {
            "/alertmanager" => Some(Hook {
                scheme,
                instances: vec!["default".into(), "eu".into()],
                default_instance: Some("default".into()),
            }),
            "/git/push" => Some(Hook { scheme, instances: vec!["a".into(), "b".into()], default_instance: None }),
            _ => None,
        }
    }

    async fn verify(
        &self,
        path: &str,
        instance: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<(), VerifyError> {
        self.checked.lock().unwrap().push((path.into(), instance.into(), headers.clone(), body.to_vec()));
        match headers.get("x-check").map(String::as_str) {
            Some("good") => Ok(()),
            Some("unset") => Err(VerifyError::Unavailable("the secret `x` is not set".into())),
            Some("hangs") => std::future::pending().await,
            _ => Err(VerifyError::Refused("signature mismatch in byte 7".into())),
        }
    }

    async fn answer(&self, delivery: &Delivery) -> Option<Answer> {
        self.answer.lock().unwrap().clone().filter(|_| delivery.body == b"?")
    }

    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), String> {
        self.acknowledged.lock().unwrap().push(delivery.clone());
        let why = self.unacknowledged.lock().unwrap().clone();
        match why {
            Some(why) if why == "hangs" => std::future::pending().await,
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    fn origins(&self, path: &str, instance: &str) -> Result<Vec<String>, String> {
        assert!(path.starts_with('/') && !instance.is_empty());
        self.origins.lock().unwrap().clone()
    }
}

pub struct World {
    pub plane: Arc<Plane>,
    pub hooks: Arc<Hooks>,
    pub time: Arc<Time>,
    pub operator: String,
    pub app: Arc<App>,
    _dir: tempfile::TempDir,
}

pub fn world() -> World {
    world_with(|_| {})
}

pub fn world_with(change: impl FnOnce(&mut ServeConfig)) -> World {
    let plane = Arc::new(Plane::default());
    let hooks = Arc::new(Hooks::new());
    let time = Arc::new(Time(AtomicI64::new(NOW)));
    let dir = tempfile::tempdir().unwrap();
    let local = LocalToken::create(dir.path()).unwrap();
    let operator = LocalToken::read(dir.path()).unwrap();
    let mut config = ServeConfig::new("127.0.0.1:0".parse().unwrap());
    change(&mut config);
    let app = App::new(plane.clone(), hooks.clone(), time.clone(), config, Some(local));
    World { plane, hooks, time, operator, app: Arc::new(app), _dir: dir }
}

impl World {
    pub fn router(&self) -> Router {
        router(self.app.clone())
    }

    /// A token with these scopes, put into the engine directly.
    pub fn token(&self, scopes: &[Scope], user: Option<&str>) -> String {
        self.token_row(scopes, user, |_| {})
    }

    pub fn token_row(&self, scopes: &[Scope], user: Option<&str>, change: impl FnOnce(&mut TokenRow)) -> String {
        let minted = Minted::new().unwrap();
        let mut row = TokenRow {
            id: minted.id.clone(),
            name: "ci".into(),
            hash: minted.hash.clone(),
            scopes: scopes.iter().map(|s| s.name().to_owned()).collect(),
            user: user.map(Into::into),
            created: 0,
            expires: None,
            revoked: None,
        };
        change(&mut row);
        self.plane.tokens.lock().unwrap().push(row);
        minted.reveal().to_owned()
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router().oneshot(request).await.unwrap()
    }

    /// Status and JSON body of a request with a token.
    pub async fn call(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        read(self.send(request.body(body).unwrap()).await).await
    }
}

pub async fn read(response: Response<Body>) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let value =
        serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
    (status, if bytes.is_empty() { Value::Null } else { value })
}
