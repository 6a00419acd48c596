//! Triggers on several events, from source text to runs: what waits, what fires, what a restart, a crash and a backlog change.

use std::collections::BTreeMap;
use std::sync::Arc;

use rrb_engine::api::{ControlPlane, Delivery, StartRun};
use rrb_engine::clock::Clock;
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{RunFilter, Store};
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::project::{self, Declared};
use serde_json::json;

use crate::rig::{Counting, T0, person};

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;

const CONNECTOR: &str = r#"
connector s {
  type Hit = { node: Text, what: Text }
  event hit: Hit from webhook "/hit" {
    verify none because "a test"
    id body.id as Text
    at body.at as Time
    emit body as Hit
  }
  event clear: Hit from webhook "/clear" {
    verify none because "a test"
    id body.id as Text
    at body.at as Time
    emit body as Hit
  }
}
"#;

fn loaded(runbooks: &str) -> Loaded {
    let (config, problems) = project::parse(PROJECT_FILE, "[project]\nname = \"t\"\n");
    assert!(problems.is_empty(), "{problems:?}");
    let text = format!("{CONNECTOR}\n{runbooks}");
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.into() };
    let checked = check(CheckInput { modules: vec![module], project: config.clone() });
    let said = rrb_lang::diag::plain::render(&checked.diagnostics, &checked.sources);
    let program = checked.program.unwrap_or_else(|| panic!("{said}"));
    let program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Loaded::new(Arc::new(program), settings, Arc::new(config))
}

pub struct Sim {
    pub store: Arc<MemoryStore>,
    pub clock: Arc<ManualClock>,
    loaded: Loaded,
    pub engine: Arc<Engine>,
    sent: usize,
}

impl Sim {
    pub async fn new(runbooks: &str) -> Self {
        let clock = Arc::new(ManualClock::at(T0));
        Self::on(Arc::new(MemoryStore::new()), clock, loaded(runbooks), 0).await.unwrap()
    }

    async fn on(
        store: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
        loaded: Loaded,
        sent: usize,
    ) -> Result<Self, rrb_engine::api::ApiError> {
        let mut config = EngineConfig::new(Arc::new(CompiledLoader));
        config.queue = 20_000;
        let engine = Engine::open(store.clone(), Arc::new(Counting::default()), clock.clone(), config).await?;
        engine.load(loaded.clone()).await?;
        engine.settled().await;
        Ok(Self { store, clock, loaded, engine, sent })
    }

    /// The process is killed, and started again after a while.
    pub async fn restart(self, down: i64) -> Self {
        let store = Arc::new(self.store.reopen());
        drop(self.engine);
        tokio::task::yield_now().await;
        self.clock.advance(down);
        Self::on(store, self.clock, self.loaded, self.sent).await.unwrap()
    }

    /// An event of `minute` since the start, delivered now; its id.
    pub async fn send(&mut self, kind: &str, minute: i64, node: &str, what: &str) -> String {
        self.sent += 1;
        let id = format!("d{}", self.sent);
        self.send_as(&id, kind, T0 + minute * MINUTE, node, what).await.unwrap_or_else(|| "a duplicate".to_owned())
    }

    async fn send_as(&self, id: &str, kind: &str, at: i64, node: &str, what: &str) -> Option<String> {
        let receipt = self.post(id, kind, at, node, what).await.unwrap();
        self.engine.settled().await;
        receipt.events.first().cloned()
    }

    async fn post(
        &self,
        id: &str,
        kind: &str,
        at: i64,
        node: &str,
        what: &str,
    ) -> Result<rrb_engine::api::Receipt, rrb_engine::api::ApiError> {
        let at = jiff::Timestamp::from_millisecond(at).unwrap().to_string();
        let body = json!({ "id": id, "at": at, "node": node, "what": what }).to_string().into_bytes();
        let (headers, query) = Default::default();
        let delivery = Delivery { path: format!("/{kind}"), instance: "default".to_owned(), body, headers, query };
        self.engine.deliver(delivery).await
    }

    /// Time goes to this minute since the start.
    pub async fn at(&self, minute: i64) {
        let now = self.clock.now();
        self.clock.advance((T0 + minute * MINUTE - now).max(0));
        self.engine.settled().await;
    }

    pub async fn verdicts(&self, event: &str) -> Vec<String> {
        self.engine.why(event).await.unwrap().dispositions.into_iter().map(|d| d.verdict).collect()
    }

    pub async fn details(&self, event: &str) -> Vec<String> {
        self.engine.why(event).await.unwrap().dispositions.into_iter().map(|d| d.detail).collect()
    }

    /// The parameters of all runs, oldest first.
    pub async fn runs(&self) -> Vec<String> {
        let mut runs = self.engine.runs(RunFilter { limit: 10_000, ..RunFilter::default() }).await.unwrap();
        runs.reverse();
        runs.into_iter().map(|r| r.params.to_string()).collect()
    }
}

const THREE: &str = r#"
runbook busy(node: Text, all: List<Text>) {
  on 3 of s.hit as e where e.what != "noise" by e.node within 10m
    with node: events[0].node, all: events.map(x => x.what)
  log "${node}"
}
"#;

#[tokio::test]
async fn the_third_of_a_key_within_the_window_starts_a_run() {
    let mut sim = Sim::new(THREE).await;
    let a = sim.send("hit", 0, "n1", "a").await;
    assert_eq!(sim.verdicts(&a).await, ["waiting"]);
    assert_eq!(sim.details(&a).await, ["1 of 3 seen for `n1`, waits for more until 2023-11-15T00:10:00Z"]);
    sim.at(4).await;
    let noise = sim.send("hit", 4, "n1", "noise").await;
    assert_eq!(sim.details(&noise).await, ["`e.what != \"noise\"` is false: e.what is \"noise\""]);
    let other = sim.send("hit", 4, "n2", "x").await;
    let b = sim.send("hit", 4, "n1", "b").await;
    assert_eq!(sim.details(&b).await[0], "2 of 3 seen for `n1`, waits for more until 2023-11-15T00:14:00Z");
    assert!(sim.runs().await.is_empty());
    sim.at(10).await;
    let c = sim.send("hit", 10, "n1", "c").await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","all":["a","b","c"]}"#]);
    assert_eq!(sim.verdicts(&c).await, ["started"]);
    assert_eq!(sim.details(&c).await, ["with 2 other events"]);
    assert_eq!(sim.verdicts(&a).await, ["waiting", "joined"]);
    assert_eq!(sim.details(&b).await[1], format!("with `{c}`"));
    let run = sim.engine.runs(RunFilter::default()).await.unwrap().remove(0);
    assert_eq!((run.event.as_deref(), run.requester), (Some(c.as_str()), format!("event:{c}")));
    let d = sim.send("hit", 10, "n1", "d").await;
    assert_eq!(sim.details(&d).await[0], "1 of 3 seen for `n1`, waits for more until 2023-11-15T00:20:00Z");
    sim.at(100).await;
    assert_eq!(sim.verdicts(&d).await, ["waiting", "expired"]);
    assert_eq!(sim.details(&other).await[1], "window ended at 2023-11-15T00:14:00Z: fewer than 3 came within 10m");
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
    let fired: Vec<_> = sim.engine.audit(0, 1000, None).await.unwrap();
    let fired: Vec<_> = fired.iter().filter(|r| r.draft.kind == "trigger.fired").collect();
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].draft.body["events"], json!([a, b, c]));
}

#[tokio::test]
async fn repeats_of_a_sender_do_not_count() {
    let sim = Sim::new(THREE).await;
    for _ in 0..5 {
        sim.send_as("same", "hit", T0, "n1", "a").await;
    }
    assert!(sim.runs().await.is_empty());
    sim.send_as("two", "hit", T0, "n1", "a").await;
    sim.send_as("three", "hit", T0, "n1", "a").await;
    assert_eq!(sim.runs().await.len(), 1, "three of one moment count");
}

#[tokio::test]
async fn a_backlog_of_hours_is_judged_by_the_time_of_its_events() {
    let mut sim = Sim::new(THREE).await;
    sim.at(600).await;
    for (minute, what) in [(0, "a"), (9, "b"), (20, "c"), (31, "d")] {
        sim.send("hit", minute, "slow", what).await;
    }
    for (minute, what) in [(69, "c"), (61, "a"), (65, "b")] {
        sim.send("hit", minute, "fast", what).await;
    }
    assert_eq!(sim.runs().await, [r#"{"node":"fast","all":["a","b","c"]}"#], "in the order of their times");
    sim.at(700).await;
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

#[tokio::test]
async fn windows_survive_a_restart() {
    let mut sim = Sim::new(THREE).await;
    sim.send("hit", 0, "n1", "a").await;
    let mut sim = sim.restart(MINUTE).await;
    sim.send("hit", 1, "n1", "b").await;
    let mut sim = sim.restart(MINUTE).await;
    sim.send("hit", 2, "n1", "c").await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","all":["a","b","c"]}"#]);
    let mut sim = sim.restart(MINUTE).await;
    let d = sim.send("hit", 3, "n1", "d").await;
    assert_eq!(sim.verdicts(&d).await, ["waiting"], "a key that fired is empty after a restart too");
    let sim = sim.restart(HOUR).await;
    assert_eq!(sim.verdicts(&d).await, ["waiting", "expired"]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_windows() {
    let mut sim = Sim::new(THREE).await;
    sim.at(60).await;
    sim.send("hit", 60, "n1", "a").await;
    sim.send("hit", 60, "n1", "b").await;
    let store = Arc::new(sim.store.reopen());
    let back = Arc::new(ManualClock::at(T0));
    let mut sim = Sim::on(store, back, sim.loaded.clone(), 10).await.unwrap();
    sim.send("hit", 61, "n1", "c").await;
    assert_eq!(sim.runs().await.len(), 1, "an event from the future is of the moment in which it came");
}

const PAIRS: &str = r#"
runbook both(a: Text, b: Text) {
  on s.hit as x and s.clear as y where x.node == y.node and x.what == "go" and y.what.len() < 5 within 5m
    with a: x.what, b: y.what
  log a
}
runbook ordered(a: Text, b: Text) {
  on s.hit as x then s.clear as y where x.node == y.node within 5m with a: x.what, b: y.what
  log a
}
"#;

#[tokio::test]
async fn two_events_are_joined_once_each_and_the_oldest_first() {
    let mut sim = Sim::new(PAIRS).await;
    let clear = sim.send("clear", 0, "n1", "c1").await;
    assert_eq!(sim.verdicts(&clear).await, ["waiting", "waiting"]);
    let details = sim.details(&clear).await;
    assert_eq!(details[0], "waits for `s.hit` until 2023-11-15T00:05:00Z");
    assert_eq!(details[1], "no `s.hit` came before it; one that comes late still counts");
    sim.at(1).await;
    let no = sim.send("hit", 1, "n1", "stop").await;
    assert_eq!(sim.verdicts(&no).await, ["where", "waiting"], "its part of `and` says no");
    let go = sim.send("hit", 1, "n1", "go").await;
    assert_eq!(sim.runs().await, [r#"{"a":"go","b":"c1"}"#], "any order");
    assert_eq!(sim.verdicts(&go).await, ["started", "waiting"]);
    assert_eq!(sim.verdicts(&clear).await, ["waiting", "waiting", "joined"]);
    sim.at(2).await;
    sim.send("clear", 2, "n1", "c2").await;
    assert_eq!(sim.runs().await[1..], [r#"{"a":"stop","b":"c2"}"#], "the oldest of those before it");
    sim.send("clear", 2, "n2", "c3").await;
    sim.send("clear", 2, "n1", "c4").await;
    assert_eq!(sim.runs().await[2..], [r#"{"a":"go","b":"c4"}"#]);
    // The hit came late, and is from before the third clear.
    sim.at(3).await;
    sim.send("hit", 1, "n2", "late").await;
    assert_eq!(sim.runs().await[3..], [r#"{"a":"late","b":"c3"}"#]);
    sim.at(60).await;
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

const WITHOUT: &str = r#"
runbook alone(node: Text, what: Text) {
  on s.hit as x without s.clear as y where x.node == y.node within 10m with node: x.node, what: x.what
  log node
}
"#;

#[tokio::test]
async fn an_event_that_is_not_followed_by_another_fires_when_its_time_is_over() {
    let mut sim = Sim::new(WITHOUT).await;
    let cleared = sim.send("hit", 0, "n1", "a").await;
    let alone = sim.send("hit", 0, "n2", "b").await;
    assert_eq!(sim.details(&alone).await, ["fires when no `s.clear` comes until 2023-11-15T00:10:00Z"]);
    sim.at(10).await;
    let clear = sim.send("clear", 10, "n1", "c").await;
    assert_eq!(sim.details(&clear).await, [format!("it ends the wait of `{cleared}`")]);
    assert_eq!(sim.verdicts(&cleared).await, ["waiting", "answered"]);
    sim.clock.advance(1);
    sim.engine.settled().await;
    assert_eq!(sim.runs().await, [r#"{"node":"n2","what":"b"}"#]);
    assert_eq!(sim.verdicts(&alone).await, ["waiting", "started"]);
    assert_eq!(sim.details(&alone).await[1], "no `s.clear` came within 10m");
    let early = sim.send("clear", 10, "n3", "c").await;
    assert_eq!(sim.details(&early).await, ["no `s.hit` waits for it"]);
    let late = sim.send("hit", 5, "n3", "d").await;
    assert_eq!(sim.details(&late).await, [format!("`s.clear` came in time, and was here first: `{early}`")]);
    sim.at(100).await;
    assert_eq!(sim.runs().await.len(), 1);
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

#[tokio::test]
async fn what_came_while_nobody_listened_is_waited_for_after_a_start() {
    let mut sim = Sim::new(WITHOUT).await;
    sim.send("hit", 0, "n1", "a").await;
    sim.send("hit", 0, "n2", "b").await;
    let mut sim = sim.restart(60 * MINUTE).await;
    assert!(sim.runs().await.is_empty(), "the sender may try again what it could not deliver");
    sim.at(62).await;
    sim.send("clear", 3, "n1", "c").await;
    sim.at(66).await;
    assert_eq!(sim.runs().await, [r#"{"node":"n2","what":"b"}"#], "and not for ever");
}

#[tokio::test]
async fn a_source_that_is_behind_is_waited_for() {
    let mut sim = Sim::new(WITHOUT).await;
    sim.send("hit", 0, "n1", "a").await;
    sim.send("hit", 0, "n2", "b").await;
    sim.clock.advance(10 * MINUTE - 1000);
    // What is from before the deadline and comes late shows that more of it may be on its way.
    sim.send("clear", 2, "n9", "x").await;
    sim.at(10).await;
    sim.clock.advance(1);
    sim.engine.settled().await;
    assert!(sim.runs().await.is_empty());
    sim.send("clear", 3, "n1", "x").await;
    sim.at(12).await;
    assert_eq!(sim.runs().await, [r#"{"node":"n2","what":"b"}"#]);
}

const SILENCE: &str = r#"
runbook quiet(node: Text, last: Text) {
  on silence of s.hit as e by e.node for 10m with node: e.node, last: e.what
  log node
}
"#;

#[tokio::test]
async fn a_key_that_was_heard_and_goes_quiet_fires_once() {
    let mut sim = Sim::new(SILENCE).await;
    let a = sim.send("hit", 0, "n1", "a").await;
    assert_eq!(sim.details(&a).await, ["heard for `n1`: it is silent when nothing comes until 2023-11-15T00:10:00Z"]);
    sim.at(9).await;
    let b = sim.send("hit", 9, "n1", "b").await;
    assert_eq!(sim.store.recover().await.unwrap().waits.len(), 1, "one a key");
    sim.at(19).await;
    assert!(sim.runs().await.is_empty());
    let sim = sim.restart(0).await;
    sim.at(23).await;
    assert!(sim.runs().await.is_empty(), "nobody knows for how long nobody listened");
    sim.at(25).await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","last":"b"}"#]);
    assert_eq!(sim.verdicts(&b).await, ["waiting", "started"]);
    sim.at(200).await;
    assert_eq!(sim.runs().await.len(), 1, "a key that nobody hears any more is silent once");
    let mut sim = sim;
    sim.send("hit", 200, "n1", "c").await;
    sim.at(211).await;
    assert_eq!(sim.runs().await.len(), 2, "and again when it was heard again");
}

#[tokio::test]
async fn silence_is_not_what_the_engine_did_not_hear() {
    let mut sim = Sim::new(SILENCE).await;
    sim.send("hit", 0, "n1", "a").await;
    let mut sim = sim.restart(3 * HOUR).await;
    sim.at(184).await;
    assert!(sim.runs().await.is_empty(), "five minutes to hear of it");
    sim.send("hit", 184, "n1", "b").await;
    sim.at(190).await;
    assert!(sim.runs().await.is_empty());
    sim.at(195).await;
    assert_eq!(sim.runs().await, [r#"{"node":"n1","last":"b"}"#]);
}

const SEVERAL: &str = r#"
runbook first_match(how: Text) {
  on s.hit as e where e.what == "now" with how: "one"
  on 2 of s.hit as e by e.node within 10m with how: "two"
  on s.hit as x then s.clear as y where x.node == y.node within 10m with how: "then"
  log how
}
"#;

#[tokio::test]
async fn an_event_starts_a_runbook_once_by_its_first_matching_trigger() {
    let mut sim = Sim::new(SEVERAL).await;
    sim.send("hit", 0, "n1", "now").await;
    let b = sim.send("hit", 0, "n1", "b").await;
    assert_eq!(sim.runs().await, [r#"{"how":"one"}"#], "what started a run is not counted as well");
    let details = sim.details(&b).await;
    assert_eq!(
        details,
        [
            "1 of 2 seen for `n1`, waits for more until 2023-11-15T00:10:00Z; waits for `s.clear` until 2023-11-15T00:10:00Z"
        ]
    );
    sim.send("clear", 0, "n1", "c").await;
    assert_eq!(sim.runs().await[1..], [r#"{"how":"then"}"#]);
    assert_eq!(sim.store.recover().await.unwrap().waits, [], "it left the window of the other trigger");
    let d = sim.send("hit", 0, "n1", "d").await;
    assert_eq!(sim.verdicts(&d).await, ["waiting"]);
    assert_eq!(sim.runs().await.len(), 2);
}

#[tokio::test]
async fn a_gate_that_says_no_uses_the_events_and_tells_them() {
    let mut sim = Sim::new(
        r#"
runbook r(node: Text) {
  on 2 of s.hit as e by e.node within 10m with node: if events[1].what == "skip" { skip } else { events[0].node }
  dedupe by node for 1h
  log node
}
"#,
    )
    .await;
    sim.send("hit", 0, "n1", "a").await;
    sim.send("hit", 0, "n1", "b").await;
    let c = sim.send("hit", 0, "n1", "c").await;
    let d = sim.send("hit", 0, "n1", "d").await;
    assert_eq!(sim.verdicts(&d).await, ["dedupe"]);
    assert_eq!(sim.verdicts(&c).await, ["waiting", "joined"]);
    let told = sim.details(&c).await[1].clone();
    assert!(told.starts_with(&format!("with `{d}`, and dedupe said no: one was accepted for `n1`")), "{told}");
    let e = sim.send("hit", 0, "n2", "a").await;
    let f = sim.send("hit", 0, "n2", "skip").await;
    assert_eq!(
        (sim.verdicts(&e).await.last().unwrap().as_str(), sim.verdicts(&f).await),
        ("joined", vec!["with".to_owned()])
    );
    assert_eq!(sim.runs().await.len(), 1);
    assert_eq!(sim.store.recover().await.unwrap().waits, []);
}

#[tokio::test]
async fn a_window_that_is_full_says_so() {
    let mut sim = Sim::new(
        r#"
runbook r(n: Int) {
  on 2 of s.hit as e by e.node within 10m max keys 2 with n: events.len()
  log "${n}"
}
"#,
    )
    .await;
    sim.send("hit", 0, "n1", "a").await;
    sim.send("hit", 0, "n2", "a").await;
    let c = sim.send("hit", 0, "n3", "a").await;
    assert_eq!(sim.verdicts(&c).await, ["max_keys"]);
    assert_eq!(
        sim.details(&c).await,
        [
            "2 keys are kept in `on 2 of s.hit as e by e.node within 10m max keys 2`, as many as may (`max keys 2`): it was not taken in"
        ]
    );
    let d = sim.send("hit", 0, "n2", "b").await;
    assert_eq!(sim.verdicts(&d).await, ["started"], "known keys go on");
    let e = sim.send("hit", 0, "n3", "a").await;
    assert_eq!(sim.verdicts(&e).await, ["waiting"], "and there is room again");
}

#[tokio::test]
async fn a_condition_on_both_that_fails_is_false_and_said() {
    let mut sim = Sim::new(
        r#"
runbook r() {
  on s.hit as x and s.clear as y where x.what.split(",")[y.what.len()] == "z" within 10m
  log "r"
}
"#,
    )
    .await;
    sim.send("hit", 0, "n1", "a,z").await;
    let b = sim.send("clear", 0, "n1", "bbbb").await;
    assert_eq!(sim.verdicts(&b).await, ["waiting"]);
    assert!(sim.details(&b).await[0].contains("failed: "), "{:?}", sim.details(&b).await);
    let c = sim.send("clear", 0, "n1", "c").await;
    assert_eq!(sim.verdicts(&c).await, ["started"]);
}

#[tokio::test]
async fn a_new_program_keeps_the_windows_that_it_still_has() {
    let mut sim = Sim::new(&format!("{THREE}\n{WITHOUT}")).await;
    let a = sim.send("hit", 0, "n1", "a").await;
    sim.send("hit", 0, "n1", "b").await;
    // Its `with` and its body may change; it is the same trigger.
    let newer = THREE.replace("node: events[0].node", "node: \"new\"");
    sim.engine.load(loaded(&newer)).await.unwrap();
    sim.engine.settled().await;
    assert_eq!(sim.verdicts(&a).await, ["waiting", "waiting", "expired"]);
    assert_eq!(sim.details(&a).await[2], "the trigger in which it waited is no longer in the program");
    sim.send("hit", 0, "n1", "c").await;
    assert_eq!(sim.runs().await, [r#"{"node":"new","all":["a","b","c"]}"#]);
    sim.at(60).await;
    assert_eq!(sim.runs().await.len(), 1);
}

#[tokio::test]
async fn why_not_asks_every_trigger_again() {
    let mut sim = Sim::new(&format!("{SEVERAL}\n{SILENCE}")).await;
    let hit = sim.send("hit", 0, "n1", "later").await;
    let clear = sim.send("clear", 0, "n1", "c").await;
    let answer = sim.engine.why_not("first_match", &hit).await.unwrap();
    let says: Vec<_> = answer.triggers.iter().map(|t| (t.trigger.as_str(), t.says.as_str())).collect();
    assert_eq!(
        says,
        [
            ("on s.hit", "`e.what == \"now\"` is false: e.what is \"later\""),
            ("on 2 of s.hit as e by e.node within 10m", "it counts; 2 within 10m are needed"),
            (
                "on s.hit as x then s.clear as y where x.node == y.node within 10m",
                "it has a part in `then`; what belongs to it must come within 10m"
            ),
        ]
    );
    assert!(!answer.triggers[0].conditions[0].holds);
    let quiet = sim.engine.why_not("quiet", &clear).await.unwrap();
    assert_eq!(quiet.triggers[0].says, "it listens to `s.hit`, this is `s.clear`");
    assert!(quiet.dispositions.is_empty());
    let unknown = sim.engine.why_not("quite", &clear).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no runbook `quite`; did you mean `quiet`?");
    assert!(sim.engine.why_not("quiet", "evt_none").await.is_err());
}

#[tokio::test]
async fn runs_by_hand_need_no_events() {
    let sim = Sim::new(SILENCE).await;
    let params = [("node".to_owned(), json!("n1")), ("last".to_owned(), json!("x"))].into();
    let start = StartRun { runbook: "quiet".to_owned(), params, id: None };
    sim.engine.start(start, &person("ana")).await.unwrap();
    sim.engine.settled().await;
    assert_eq!(sim.runs().await.len(), 1);
}

/// Everything at once: what is true at its end however often the process died on the way.
const ALL: &str = r#"
runbook three(n: Int) { on 3 of s.hit as e by e.node within 10m with n: events.len() log "${n}" }
runbook pair(a: Text) { on s.hit as x then s.clear as y where x.node == y.node within 10m with a: x.what log a }
runbook alone(a: Text) { on s.hit as x without s.clear as y where x.node == y.node within 10m with a: x.what log a }
runbook quiet(a: Text) { on silence of s.clear as e by e.node for 10m with a: e.what log a }
runbook kinds(n: Int) { on 3 of s.hit as e by e.node distinct e.what within 10m with n: events.len() log "${n}" }
runbook group(a: Text) {
  on 2 of s.hit as x then s.clear as y where x.node == y.node within 10m with a: x.map(e => e.what).join("+")
  log a
}
runbook first(a: Text) {
  on s.clear as x without earlier s.hit as y where x.node == y.node within 10m with a: x.what
  log a
}
"#;

/// Sends the story; `None` when the process died.
async fn story(sim: &Sim, from: &mut usize) -> Option<()> {
    let steps: [(i64, &str, i64, &str, &str); 8] = [
        (0, "hit", 0, "n1", "a"),
        (1, "hit", 1, "n1", "b"),
        (2, "clear", 2, "n1", "c"),
        (3, "hit", 3, "n1", "d"),
        (4, "clear", 1, "n1", "e"),
        (5, "hit", 5, "n2", "f"),
        (30, "hit", 30, "n2", "g"),
        (60, "clear", 60, "n3", "h"),
    ];
    while let Some((now, kind, at, node, what)) = steps.get(*from) {
        let target = T0 + now * MINUTE;
        sim.clock.advance((target - sim.clock.now()).max(0));
        sim.engine.settled().await;
        // A sender repeats what was not answered, under the same id.
        sim.post(&format!("story{from}"), kind, T0 + at * MINUTE, node, what).await.ok()?;
        *from += 1;
        sim.engine.settled().await;
    }
    sim.at(90).await;
    // A start late in the story waits for what may be on its way.
    sim.clock.advance(10 * MINUTE);
    sim.engine.settled().await;
    sim.engine.failure().is_none().then_some(())
}

/// The runs at the end, and how many commits it took.
async fn told(crash: Option<(u64, Side)>) -> (Vec<String>, u64) {
    let loaded = loaded(ALL);
    let clock = Arc::new(ManualClock::at(T0));
    let mut store = Arc::new(MemoryStore::new());
    let mut from = 0;
    if let Some((at, side)) = crash {
        store.crash_at(at, side);
    }
    for _life in 0..3 {
        if let Ok(sim) = Sim::on(store.clone(), clock.clone(), loaded.clone(), 0).await
            && story(&sim, &mut from).await.is_some()
        {
            let runs = sim.engine.runs(RunFilter { limit: 1000, ..RunFilter::default() }).await.unwrap();
            let mut all: Vec<String> = runs.iter().map(|r| format!("{} {}", r.runbook, r.params)).collect();
            all.sort();
            assert_eq!(sim.store.recover().await.unwrap().waits, [], "nothing is left over: {crash:?}");
            return (all, store.commits());
        }
        assert!(store.crashed(), "{crash:?}");
        tokio::task::yield_now().await;
        store = Arc::new(store.reopen());
    }
    panic!("the story has no end after {crash:?}");
}

#[tokio::test]
async fn dying_at_every_commit_changes_nothing() {
    let (runs, commits) = told(None).await;
    assert_eq!(
        runs,
        [
            r#"alone {"a":"d"}"#,
            r#"alone {"a":"f"}"#,
            r#"alone {"a":"g"}"#,
            r#"first {"a":"h"}"#,
            r#"group {"a":"a+b"}"#,
            r#"kinds {"n":3}"#,
            r#"pair {"a":"a"}"#,
            r#"pair {"a":"b"}"#,
            r#"quiet {"a":"c"}"#,
            r#"quiet {"a":"h"}"#,
            r#"three {"n":3}"#,
        ]
    );
    for at in 1..=commits {
        for side in [Side::Before, Side::After] {
            assert_eq!(told(Some((at, side))).await.0, runs, "commit {at} {side:?}");
        }
    }
}
