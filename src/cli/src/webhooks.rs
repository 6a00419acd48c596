//! What the HTTP face asks of the loaded program before it takes a delivery.

mod answers;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rrb_engine::api::Delivery;
use rrb_engine::clock::Clock;
use rrb_engine::world::World;
use rrb_lang::hir::{Event, EventSource, Verify};
use rrb_lang::program::Program;
use rrb_lang::project::ProjectConfig;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::value::Value;
use rrb_lang::vm;
use rrb_lang::vm::protocol::{EffectOutcome, Millis, NativeCall, Repeat, SettingValues};
use rrb_serve::{Answer, Hook, VerifyError, Webhooks};
use rrb_world::secrets::{Scrubber, is_slow, resolve, resolve_and_learn};
use rrb_world::sources::webhook::{self, Documents, Reject};
use smol_str::SmolStr;

/// Instructions for one argument of a check: it only reads settings.
const FUEL: u64 = 100_000;

/// How many documents a check may need: an issuer's configuration and its keys, and the keys once more.
const MAX_FETCHES: usize = 3;

/// How long fetching one may take: the sender waits.
const FETCH_MS: i64 = 3_000;

/// A program with its settings, as webhooks need it.
#[derive(Debug, Clone)]
pub struct Current {
    pub program: Arc<Program>,
    pub settings: SettingValues,
    pub project: Arc<ProjectConfig>,
}

/// The webhooks of whatever program is loaded now.
pub struct Registry {
    clock: Arc<dyn Clock>,
    /// What fetches certificates and keys that checks need.
    world: Arc<dyn World>,
    documents: Documents,
    current: RwLock<Current>,
    /// Nothing is acknowledged by a change.
    shadow: bool,
}

impl Registry {
    /// The webhooks of this program; in `shadow` nothing is acknowledged by a change.
    pub fn new(clock: Arc<dyn Clock>, world: Arc<dyn World>, current: Current, shadow: bool) -> Self {
        Self { clock, world, documents: Documents::default(), current: RwLock::new(current), shadow }
    }

    /// Checks a delivery; fetches what the check needs.
    async fn check(
        &self,
        scheme: &str,
        args: &[(SmolStr, Value)],
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<(), Reject> {
        read_slow_secrets(args).await;
        let mut verdict = webhook::verify(scheme, args, headers, body, self.clock.now(), &self.documents);
        for _ in 0..MAX_FETCHES {
            let Err(Reject::Needs(url)) = &verdict else { break };
            let text = fetch(self.world.as_ref(), url, self.clock.now()).await;
            self.documents.put(url, text.as_deref(), self.clock.now());
            verdict = webhook::verify(scheme, args, headers, body, self.clock.now(), &self.documents);
        }
        verdict
    }

    /// From now on those of another one.
    pub fn set(&self, current: Current) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Webhooks for Registry {
    fn find(&self, path: &str) -> Option<Hook> {
        let current = self.current();
        let events = at(&current, path);
        let first = events.first()?;
        let scheme = events.iter().filter_map(|e| e.verify.as_ref()).map(|v| v.scheme.as_str()).find(|s| *s != "none");
        let connector = current.program.connectors.get(first.connector.index())?.name.clone();
        let instances = current.project.instances(&connector).iter().map(SmolStr::to_string).collect();
        let default_instance = current.project.default_instance(&connector).map(String::from);
        Some(Hook { scheme: scheme.unwrap_or("none").to_owned(), instances, default_instance })
    }

    async fn verify(
        &self,
        path: &str,
        instance: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<(), VerifyError> {
        let current = self.current();
        let events = at(&current, path);
        if events.is_empty() {
            return Err(VerifyError::Unavailable(format!("no event comes from `{path}` any more")));
        }
        // Several events may share an address: a delivery must satisfy each of them, so that none is an open door to another.
        for event in events {
            let check = event.verify.as_ref();
            let check = check.ok_or_else(|| VerifyError::Unavailable(format!("`{path}` has no `verify`")))?;
            let args = arguments(&current, check, instance).map_err(VerifyError::Unavailable)?;
            self.check(&check.scheme, &args, headers, body).await.map_err(|e| match e {
                Reject::Unverified(why) => VerifyError::Refused(why.to_owned()),
                Reject::Misconfigured(why) => VerifyError::Unavailable(why),
                Reject::Needs(url) => VerifyError::Unavailable(format!("`{url}` could not be fetched")),
            })?;
        }
        Ok(())
    }

    async fn without_secrets(&self, mut delivery: Delivery) -> Delivery {
        let current = self.current();
        let scrubber = Scrubber::default();
        for check in at(&current, &delivery.path).into_iter().filter_map(|e| e.verify.as_ref()) {
            // The check has evaluated and read them a moment ago; what it did not need and nobody can read, nobody here knows.
            let args = arguments(&current, check, &delivery.instance).unwrap_or_default();
            read_slow_secrets(&args).await;
            for (_, value) in &args {
                if let Value::Secret(secret) = value {
                    let _ = resolve_and_learn(secret, Some(&scrubber));
                }
            }
        }
        if let Value::Bytes(clean) = scrubber.value(Value::Bytes(delivery.body.as_slice().into())) {
            delivery.body = clean.to_vec();
        }
        for value in delivery.query.values_mut() {
            *value = scrubber.text(value).into_owned();
        }
        delivery
    }

    async fn answer(&self, delivery: &Delivery) -> Option<Answer> {
        let current = self.current();
        at(&current, &delivery.path).into_iter().find_map(|event| answers::answer(&current, event, delivery))
    }

    async fn acknowledge(&self, delivery: &Delivery) -> Result<(), String> {
        let current = self.current();
        for event in at(&current, &delivery.path) {
            let Some(what) = event.acknowledge.filter(|a| !(self.shadow && a.changes)) else { continue };
            answers::acknowledge(&current, what.function, delivery, self.world.as_ref(), self.clock.as_ref()).await?;
        }
        Ok(())
    }

    fn origins(&self, path: &str, instance: &str) -> Result<Vec<String>, String> {
        let current = self.current();
        let events = at(&current, path);
        let mut all = Vec::new();
        for function in events.iter().filter_map(|e| e.origins) {
            all.extend(answers::origins(&current, function, instance)?);
        }
        Ok(all)
    }
}

/// Reads secrets that are in a store, where waiting is fine; the check then finds them at hand.
async fn read_slow_secrets(args: &[(SmolStr, Value)]) {
    let secret = |value: &Value| if let Value::Secret(s) = value { Some(Arc::clone(s)) } else { None };
    let slow: Vec<_> = args.iter().filter_map(|(_, v)| secret(v)).filter(|s| is_slow(s)).collect();
    if !slow.is_empty() {
        // What cannot be read is said by the check.
        let read = move || slow.iter().for_each(|s| drop(resolve(s)));
        let _ = tokio::task::spawn_blocking(read).await;
    }
}

/// The document at `url`, through the world and its rules; none when it cannot be had.
async fn fetch(world: &dyn World, url: &str, now: Millis) -> Option<String> {
    let call = NativeCall {
        native: "http.get".into(),
        args: vec![("url".into(), Value::Url(url.into()))],
        effect: Effect::Reads,
        repeat: Repeat::Always,
        key: None,
        attempt: 1,
        deadline: Some(now.saturating_add(FETCH_MS)),
        action: "http.get".into(),
        instance: "default".into(),
    };
    match world.perform(&call).await {
        EffectOutcome::Done(reply) => reply.field("text").and_then(Value::as_text).map(str::to_owned),
        other => {
            tracing::warn!(url, ?other, "what the check of a delivery needs cannot be fetched");
            None
        }
    }
}

/// The events that come from this address.
fn at<'a>(current: &'a Current, path: &str) -> Vec<&'a Event> {
    let here = |e: &&Event| matches!(&e.source, EventSource::Webhook { path: p } if p == path);
    current.program.events.iter().filter(here).collect()
}

/// The arguments of a check, with the settings of this instance.
pub(crate) fn arguments(current: &Current, check: &Verify, instance: &str) -> Result<Vec<(SmolStr, Value)>, String> {
    let one = |(name, function): &(SmolStr, rrb_lang::ids::FnId)| {
        let value = vm::eval(&current.program, *function, vec![], &current.settings, instance, FUEL);
        value.map(|v| (name.clone(), v)).map_err(|e| format!("the argument `{name}` of `{}`: {e}", check.scheme))
    };
    check.args.iter().map(one).collect()
}
