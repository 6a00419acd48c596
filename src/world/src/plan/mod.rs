//! The world of plans, of runs in shadow and of `rrb plan`: it reads, and has no code for anything else.
//!
//! It is the second wall. The first is the planner's outbox (`rrb_lang::vm::ReadCall`), which lets no call out that does more than read.
//! This world takes nothing but such a call ([`PlanWorld::read`]); what comes as a plain call has to become one first, or is refused.
//! Behind it stand two tables. [`READS`] are the primitives that are declared `reads`. [`REVIEWED`] are those that a connector may lower
//! with `trust reads because "…"` (a query that is sent with POST, a program, here or elsewhere, that only prints, a question over
//! NATS): a person reviewed the claim, and they are
//! performed as the reads they claim to be. No other primitive is linked into this module; the tests hold both tables to the
//! declarations of the standard library.

use std::sync::Arc;

use async_trait::async_trait;
use rrb_engine::world::World;
use rrb_lang::vm::ReadCall;
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, Happened, NativeCall};

use crate::flow::Web;
use crate::live::dns::lookup;
use crate::live::file::{exists, folder_size, info, list, read, read_bytes, usage};
use crate::live::ldap::{login, search};
use crate::live::sql::query;
use crate::live::ssh::{self, download};
use crate::live::tcp::check;
use crate::live::tls::certificate;
use crate::live::{Ground, LiveConfig, Primitive, clock, env, exec::run, http::get, http::head, http::post, unknown};
use crate::live::{amqp, kafka, nats, redis};

/// Reads, and cannot do anything else.
#[derive(Debug)]
pub struct PlanWorld {
    ground: Arc<Ground>,
}

macro_rules! table {
    ($($name:literal => $function:path;)*) => {
        &[$(($name, |cx| Box::pin($function(cx)))),*]
    };
}

/// The primitives that are declared `reads`.
const READS: &[(&str, Primitive)] = table! {
    "amqp.queue" => amqp::queue;
    "core.now" => clock::now;
    "core.random" => clock::random;
    "core.uuid" => clock::uuid;
    "dns.lookup" => lookup;
    "env.get" => env::get;
    "env.host" => env::host;
    "file.exists" => exists;
    "file.folder_size" => folder_size;
    "file.info" => info;
    "file.list" => list;
    "file.read" => read;
    "file.read_bytes" => read_bytes;
    "file.usage" => usage;
    "http.get" => get;
    "http.head" => head;
    "kafka.partitions" => kafka::partitions;
    "kafka.topics" => kafka::topics;
    "ldap.login" => login;
    "ldap.search" => search;
    "redis.read" => redis::read;
    "sql.query" => query;
    "ssh.download" => download;
    "tcp.check" => check;
    "time.now" => clock::now;
    "time.uptime" => clock::uptime;
    "time.zone" => clock::zone;
    "tls.certificate" => certificate;
};

/// The primitives that read where a connector says so, with a reason.
const REVIEWED: &[(&str, Primitive)] = table! {
    "exec.run" => run;
    "http.post" => post;
    "nats.request" => nats::request;
    "ssh.run" => ssh::run;
};

impl PlanWorld {
    /// A world that may reach what the live one may.
    pub fn new(config: LiveConfig) -> Self {
        Self { ground: Arc::new(Ground::new(config)) }
    }

    /// Where sources ask the web, under the rules of this world.
    pub fn web(&self) -> Arc<dyn Web> {
        Arc::clone(&self.ground) as _
    }

    /// From now on this may be reached.
    pub fn configure(&self, config: LiveConfig) {
        self.ground.configure(config);
    }

    /// Performs a call that only reads.
    pub async fn read(&self, call: &ReadCall) -> EffectOutcome {
        let call = call.call();
        match READS.iter().chain(REVIEWED).find(|(name, _)| *name == call.native) {
            Some((_, primitive)) => self.ground.perform(call, *primitive).await,
            None => unknown(call),
        }
    }
}

#[async_trait]
impl World for PlanWorld {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        match ReadCall::new(call.clone()) {
            Some(call) => self.read(&call).await,
            None => refused(call),
        }
    }
}

fn refused(call: &NativeCall) -> EffectOutcome {
    let message = format!("`{}` was not performed: a plan changes nothing", call.native);
    EffectOutcome::Failed(Failure::new(FailureKind::Denied, message).happened(Happened::No))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rrb_lang::syntax::ast::Effect;
    use rrb_lang::value::Value;
    use rrb_lang::vm::protocol::Repeat;

    use super::*;

    /// Every declared primitive with its effect.
    fn declared() -> BTreeMap<String, Effect> {
        let mut all = BTreeMap::new();
        for (module, _, text) in rrb_lang::stdlib::natives() {
            let mut rest: &str = text;
            while let Some(at) = rest.find("\nnative action ") {
                rest = &rest[at + "\nnative action ".len()..];
                let name = rest.split('(').next().unwrap();
                let end = rest.find("\n///").or_else(|| rest.find("\n\n")).unwrap_or(rest.len());
                let last = rest[..end].rsplit(')').next().unwrap();
                let effect = match last {
                    l if l.contains("destroys") => Effect::Destroys,
                    l if l.contains("changes") => Effect::Changes,
                    l if l.contains("reads") => Effect::Reads,
                    l => panic!("{module}.{name}: {l}"),
                };
                all.insert(format!("{module}.{name}"), effect);
            }
        }
        all
    }

    fn call(native: &str, effect: Effect) -> NativeCall {
        NativeCall {
            native: native.into(),
            args: vec![],
            effect,
            repeat: Repeat::Always,
            key: None,
            attempt: 1,
            deadline: None,
            action: native.into(),
            instance: "default".into(),
        }
    }

    #[test]
    fn the_tables_hold_what_reads_and_the_few_that_may_be_trusted() {
        let declared = declared();
        assert!(declared.len() > 20, "{declared:?}");
        let reads: BTreeSet<&str> = READS.iter().map(|(n, _)| *n).collect();
        let should: BTreeSet<&str> =
            declared.iter().filter(|(_, e)| **e <= Effect::Reads).map(|(n, _)| n.as_str()).collect();
        assert_eq!(reads, should);
        let reviewed: Vec<&str> = REVIEWED.iter().map(|(n, _)| *n).collect();
        assert_eq!(reviewed, ["exec.run", "http.post", "nats.request", "ssh.run"]);
        assert!(reviewed.iter().all(|n| declared[*n] > Effect::Reads));
    }

    #[tokio::test]
    async fn every_primitive_that_changes_or_destroys_is_refused() {
        let world = PlanWorld::new(LiveConfig::default());
        let mut seen = 0;
        for (native, effect) in declared().into_iter().filter(|(_, e)| *e > Effect::Reads) {
            seen += 1;
            let as_declared = world.perform(&call(&native, effect)).await;
            let EffectOutcome::Failed(f) = as_declared else { panic!("{native}: {as_declared:?}") };
            assert_eq!((f.kind, f.happened), (FailureKind::Denied, Happened::No), "{native}");
            // One that lies about its effect finds no code either, unless it is one of those that may be trusted.
            if REVIEWED.iter().all(|(n, _)| *n != native) {
                let lying = world.perform(&call(&native, Effect::Reads)).await;
                let EffectOutcome::Failed(f) = lying else { panic!("{native}: {lying:?}") };
                assert_eq!((f.kind, f.happened), (FailureKind::Invalid, Happened::No), "{native}");
            }
        }
        assert!(seen >= 8, "{seen}");
    }

    #[tokio::test]
    async fn what_reads_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "x").unwrap();
        let world = PlanWorld::new(LiveConfig::default());
        let mut read = call("file.read", Effect::Reads);
        read.args = vec![("path".into(), Value::text(path.to_string_lossy()))];
        read.args.push(("max".into(), Value::Size(1024)));
        assert_eq!(world.perform(&read).await, EffectOutcome::Done(Value::text("x")));
        let mut run = call("exec.run", Effect::Reads);
        run.args = vec![("command".into(), Value::list([Value::text("true")]))];
        assert!(!matches!(world.perform(&run).await, EffectOutcome::Failed(f) if f.kind == FailureKind::Denied));
    }
}
