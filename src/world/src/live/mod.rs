//! The live world: performs the native primitives that `stdlib/native/*.rrb` declares, one file each.

/// Stands for the primitives that this build has no client for.
#[allow(unused_macros)]
macro_rules! without {
    ($feature:literal: $($name:ident),*) => {
        $(pub async fn $name(cx: super::Cx<'_>) -> Result<rrb_lang::value::Value, rrb_lang::vm::protocol::Failure> {
            Err(super::fail::left_out(&cx.call.native, $feature))
        })*
    };
}

#[cfg(feature = "amqp")]
pub(crate) mod amqp;
#[cfg(not(feature = "amqp"))]
pub(crate) mod amqp {
    without!("amqp": publish, queue, purge);
}
mod args;
#[cfg(any(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "nats", feature = "redis"))]
mod broker;
pub(crate) mod clock;
pub(crate) mod dns;
mod egress;
pub(crate) mod env;
pub(crate) mod exec;
mod fail;
pub(crate) mod file;
pub(crate) mod http;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
#[cfg(not(feature = "kafka"))]
pub(crate) mod kafka {
    without!("kafka": produce, partitions, topics);
}
#[cfg(feature = "mqtt")]
pub(crate) mod mqtt;
#[cfg(not(feature = "mqtt"))]
pub(crate) mod mqtt {
    without!("mqtt": publish);
}
#[cfg(feature = "nats")]
pub(crate) mod nats;
#[cfg(not(feature = "nats"))]
pub(crate) mod nats {
    without!("nats": publish, send, request);
}
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(not(feature = "redis"))]
pub(crate) mod redis {
    without!("redis": read, change, destroy);
}
pub(crate) mod ldap;
mod lines;
mod net;
#[cfg(test)]
pub(crate) mod peers;
pub(crate) mod smtp;
pub(crate) mod sql;
pub(crate) mod ssh;
pub(crate) mod tcp;
#[cfg(test)]
mod testing;
pub(crate) mod tls;
mod trust;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use ipnet::IpNet;
use rrb_engine::world::World;
use rrb_lang::value::{Secret, Value};
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, Millis, NativeCall};
use secrecy::SecretString;

use crate::flow::Web;
use crate::secrets::{self, Scrubber};
use args::Args;
use egress::Egress;

/// What a live world may do beyond the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveConfig {
    /// Addresses that requests may go to although they are link-local or belong to a metadata service.
    pub allow_addresses: Vec<IpNet>,
    /// Environment variables that runbooks may read besides those that begin with `RRB_VAR_`.
    pub allow_variables: Vec<String>,
}

/// Performs native primitives for real. Cheap to share behind an `Arc`; one per process is enough.
#[derive(Debug)]
pub struct LiveWorld {
    ground: Arc<Ground>,
}

/// What primitives stand on: what they may reach, and the secrets that must not get out. It performs nothing itself.
#[derive(Debug)]
pub(crate) struct Ground {
    reach: RwLock<Arc<Reach>>,
    scrubber: Scrubber,
    /// Tokens, by what they were fetched with.
    kept: http::Kept,
    ssh: ssh::Folder,
}

/// What is allowed now, with the connections made under it.
#[derive(Debug)]
struct Reach {
    config: LiveConfig,
    egress: Egress,
    clients: http::Clients,
}

impl Reach {
    fn new(config: LiveConfig) -> Arc<Self> {
        let egress = Egress::new(config.allow_addresses.clone());
        let clients = http::Clients::new(egress.clone());
        Arc::new(Self { config, egress, clients })
    }
}

impl Ground {
    /// Installs the TLS provider of the process if there is none.
    pub fn new(config: LiveConfig) -> Self {
        crate::init();
        Self {
            reach: RwLock::new(Reach::new(config)),
            scrubber: Scrubber::default(),
            kept: http::Kept::default(),
            ssh: ssh::Folder::default(),
        }
    }

    pub fn configure(&self, config: LiveConfig) {
        let mut reach = self.reach.write().unwrap_or_else(PoisonError::into_inner);
        if reach.config != config {
            *reach = Reach::new(config);
        }
    }

    fn reach(&self) -> Arc<Reach> {
        Arc::clone(&self.reach.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Performs a call with the primitive that is made for it; never panics, and lets no secret out.
    pub async fn perform(&self, call: &NativeCall, primitive: Primitive) -> EffectOutcome {
        let attempt = async {
            let cx = Cx { world: self, call, args: Args::new(call) };
            cx.time_left()?;
            primitive(cx).await
        };
        let outcome = match AssertUnwindSafe(attempt).catch_unwind().await {
            Ok(Ok(value)) => EffectOutcome::Done(value),
            Ok(Err(failure)) => EffectOutcome::Failed(failure),
            // Nothing is known to panic; should a library do it, the daemon lives on and nobody claims that nothing happened.
            Err(_) => {
                let message = format!("`{}` broke down; this is a defect of rrb", call.native);
                EffectOutcome::Failed(Failure::new(FailureKind::Failed, message).happened(Happened::Maybe))
            }
        };
        self.scrubber.outcome(outcome)
    }
}

impl LiveWorld {
    /// A live world. Installs the TLS provider of the process if there is none.
    pub fn new(config: LiveConfig) -> Self {
        Self { ground: Arc::new(Ground::new(config)) }
    }

    /// From now on this is allowed. Calls that have begun keep what was; connections that were kept open are given up.
    pub fn configure(&self, config: LiveConfig) {
        self.ground.configure(config);
    }

    /// Where sources ask the web, under the rules of this world.
    pub fn web(&self) -> Arc<dyn Web> {
        Arc::clone(&self.ground) as _
    }

    /// What keeps resolved secrets out of outcomes; share it with whatever writes texts that come from outside.
    pub fn scrubber(&self) -> &Scrubber {
        &self.ground.scrubber
    }
}

/// The failure of a call that this build has nothing for.
pub(crate) fn unknown(call: &NativeCall) -> EffectOutcome {
    let message = format!("this build of rrb has no native primitive `{}`", call.native);
    EffectOutcome::Failed(Failure::new(FailureKind::Invalid, message).happened(Happened::No))
}

#[async_trait]
impl World for LiveWorld {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        match PRIMITIVES.iter().find(|(name, _)| *name == call.native) {
            Some((_, primitive)) => self.ground.perform(call, *primitive).await,
            None => unknown(call),
        }
    }
}

/// One call being performed.
#[derive(Clone, Copy)]
pub(crate) struct Cx<'a> {
    world: &'a Ground,
    call: &'a NativeCall,
    args: Args<'a>,
}

impl Cx<'_> {
    /// What is left until the call's deadline; none without one. Fails when it has passed.
    fn time_left(&self) -> Result<Option<Duration>, Failure> {
        let Some(deadline) = self.call.deadline else { return Ok(None) };
        let left = u64::try_from(deadline.saturating_sub(now())).unwrap_or(0);
        if left == 0 {
            return Err(fail::timeout("there was no time left to begin").happened(Happened::No));
        }
        Ok(Some(Duration::from_millis(left)))
    }

    /// The shorter of `wanted` and what is left until the deadline.
    fn within(&self, wanted: Duration) -> Result<Duration, Failure> {
        Ok(self.time_left()?.map_or(wanted, |left| left.min(wanted)))
    }

    /// The value of a secret; the world's scrubber then knows it.
    async fn secret(&self, secret: &Secret) -> Result<SecretString, Failure> {
        let (secret, scrubber) = (secret.clone(), self.world.scrubber.clone());
        blocking(move || secrets::resolve_and_learn(&secret, Some(&scrubber))).await
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(f: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let broke =
        |_| Failure::new(FailureKind::Failed, "a call broke down; this is a defect of rrb").happened(Happened::Maybe);
    tokio::task::spawn_blocking(f).await.map_err(broke)?
}

/// The machine's time.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

pub(crate) type Performing<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;
pub(crate) type Primitive = for<'a> fn(Cx<'a>) -> Performing<'a>;

macro_rules! primitives {
    ($($name:literal => $function:path;)*) => {
        /// Every native primitive with what performs it. A test holds this table to the declarations, both ways.
        const PRIMITIVES: &[(&str, Primitive)] = &[$(($name, |cx| Box::pin($function(cx)))),*];
    };
}

primitives! {
    "amqp.publish" => amqp::publish;
    "amqp.purge" => amqp::purge;
    "amqp.queue" => amqp::queue;
    "core.now" => clock::now;
    "core.random" => clock::random;
    "core.uuid" => clock::uuid;
    "dns.lookup" => dns::lookup;
    "env.get" => env::get;
    "env.host" => env::host;
    "exec.run" => exec::run;
    "file.delete" => file::delete;
    "file.exists" => file::exists;
    "file.folder_size" => file::folder_size;
    "file.info" => file::info;
    "file.list" => file::list;
    "file.move" => file::rename;
    "file.read" => file::read;
    "file.read_bytes" => file::read_bytes;
    "file.usage" => file::usage;
    "file.write" => file::write;
    "http.delete" => http::delete;
    "http.get" => http::get;
    "http.head" => http::head;
    "http.patch" => http::patch;
    "http.post" => http::post;
    "http.put" => http::put;
    "kafka.partitions" => kafka::partitions;
    "kafka.produce" => kafka::produce;
    "kafka.topics" => kafka::topics;
    "ldap.add" => ldap::add;
    "ldap.delete" => ldap::delete;
    "ldap.login" => ldap::login;
    "ldap.modify" => ldap::modify;
    "ldap.search" => ldap::search;
    "ldap.set_password" => ldap::set_password;
    "mqtt.publish" => mqtt::publish;
    "nats.publish" => nats::publish;
    "nats.request" => nats::request;
    "nats.send" => nats::send;
    "redis.change" => redis::change;
    "redis.destroy" => redis::destroy;
    "redis.read" => redis::read;
    "smtp.send" => smtp::send;
    "sql.execute" => sql::execute;
    "sql.query" => sql::query;
    "sql.transaction" => sql::transaction;
    "ssh.download" => ssh::download;
    "ssh.run" => ssh::run;
    "ssh.upload" => ssh::upload;
    "tcp.ask" => tcp::ask;
    "tcp.check" => tcp::check;
    "time.now" => clock::now;
    "time.uptime" => clock::uptime;
    "time.zone" => clock::zone;
    "tls.certificate" => tls::certificate;
}

#[cfg(test)]
#[cfg(any(feature = "amqp", feature = "kafka", feature = "mqtt", feature = "redis"))]
mod broker_tls_tests;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::{Call, failed};
    use super::*;

    #[test]
    fn every_declared_primitive_is_performed_and_every_performed_one_declared() {
        let mut declared = BTreeSet::new();
        for (module, _, text) in rrb_lang::stdlib::natives() {
            for line in text.lines().filter_map(|l| l.strip_prefix("native action ")) {
                let name = line.split('(').next().unwrap();
                assert!(declared.insert(format!("{module}.{name}")), "{module}.{name} stands twice");
            }
        }
        let performed: BTreeSet<_> = PRIMITIVES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(declared, performed);
        assert_eq!(performed.len(), PRIMITIVES.len());
    }

    #[tokio::test]
    async fn an_unknown_primitive_is_a_failure() {
        let failure = failed(Call::new("http.brew").perform().await);
        assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
    }

    #[tokio::test]
    async fn a_call_past_its_deadline_does_not_begin() {
        for past in [now() - 1, now(), i64::MIN] {
            let failure = failed(Call::new("core.now").deadline(past).perform().await);
            assert_eq!((failure.kind, failure.happened), (FailureKind::Timeout, Happened::No));
        }
    }

    #[tokio::test]
    async fn missing_and_wrong_arguments_are_failures_for_every_primitive() {
        let odd = [Value::Nothing, Value::Unknown, Value::Int(-1), Value::Float(f64::NAN), Value::text("\0")];
        for (name, _) in PRIMITIVES {
            for value in &odd {
                let mut call = Call::new(name);
                for arg in
                    ["url", "path", "command", "name", "from", "to", "content", "timeout", "headers", "max", "json"]
                {
                    call = call.arg(arg, value.clone());
                }
                // Whatever comes back, it comes back.
                call.perform().await;
            }
            Call::new(name).perform().await;
        }
    }
}
