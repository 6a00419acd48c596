//! Policies on compiled programs: every rule, every verdict, on replay, and with the process dying at every commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rrb_engine::api::{ApiError, ControlPlane, StartRun, What};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::memory::{MemoryStore, Side};
use rrb_engine::store::{ApprovalState, RunFilter, RunRow, RunStatus, Store};
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, Surroundings, check_in};
use rrb_lang::project::{self, Declared};
use serde_json::json;

use crate::rig::{Counting, T0, no, person, yes};

const TOML: &str =
    "[users.ana]\n[users.bo]\n[users.cy]\n[users.dee]\n[groups]\nsre = [\"ana\", \"bo\", \"cy\"]\nleads = [\"dee\"]\n";

/// What the policies are about: a connector that changes and destroys, and runbooks that call it.
const WORLD: &str = r#"
connector k8s {
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("https://k8s.example/cordon/${node}") }
  action uncordon(node: Text) changes idempotent target "node/${node}" { do http.put("https://k8s.example/uncordon/${node}") }
  action drain(node: Text) destroys idempotent target "node/${node}" { do http.delete("https://k8s.example/${node}") }
}
runbook look(node: Text) { tags ["prod"] log "${node}" }
runbook cordon(node: Text) { severity high tags ["prod"] owner "platform" do k8s.cordon(node) }
runbook twice(node: Text) { do k8s.cordon(node) do k8s.uncordon(node) }
runbook drain(node: Text) {
  tags ["prod"]
  approve "Drain ${node}?" from group("sre") { do k8s.drain(node) }
}
runbook waived(node: Text) {
  waive "old habit" by "ana" until time"2030-01-01T00:00:00Z" { do k8s.drain(node) }
}
runbook undone(node: Text) {
  do k8s.cordon(node) undo { do k8s.uncordon(node) }
  fail "it did not work"
}
runbook caught(node: Text) {
  try { do k8s.cordon(node) } catch f { finish escalated "${f.kind}: ${f.message}" }
}
"#;

fn loaded(policies: &str) -> Loaded {
    let (config, problems) = project::parse(PROJECT_FILE, TOML);
    assert!(problems.is_empty(), "{problems:?}");
    let module =
        |name: &str, text: &str| ModuleSource { name: name.into(), file: format!("{name}.rrb"), text: text.into() };
    let modules = vec![module("world", WORLD), module("policies", policies)];
    let files = BTreeMap::from([
        ("guard.rego".to_owned(), Ok(GUARD.into())),
        ("broken.rego".to_owned(), Ok("package rrb\ndeny if { 1 / input.call.args.zero > 0 }\nverdict := 3\n".into())),
    ]);
    let around = Surroundings { project_text: Some(TOML.into()), now: None, files: Some(files) };
    let checked = check_in(CheckInput { modules, project: config.clone() }, around);
    let program = checked.program.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let program = rrb_lang::program::compile(&program, &checked.sources).unwrap();
    let constants = |id| program.constant(id).cloned();
    let declared = Declared { settings: &program.settings, types: &program.types, constants: &constants };
    let settings = project::resolve_settings(declared, &config, &BTreeMap::new()).unwrap();
    Loaded::new(Arc::new(program), settings, Arc::new(config))
}

const GUARD: &str = r#"package rrb

deny contains msg if {
  input.call.action == "k8s.cordon"
  input.run.params.node == "n-forbidden"
  msg := sprintf("%s is spoken for", [input.call.target])
}

verdict := {"deny": [], "ask": [{"from": ["group:leads"], "because": "a lead decides"}]} if input.call.effect == "changes"
"#;

fn start(runbook: &str, node: &str, id: Option<&str>) -> StartRun {
    let params = [("node".to_owned(), json!(node))].into();
    StartRun { runbook: runbook.into(), params, id: id.map(str::to_owned) }
}

struct Life {
    store: Arc<MemoryStore>,
    world: Arc<Counting>,
    clock: Arc<ManualClock>,
    engine: Arc<Engine>,
}

impl Life {
    async fn new(policies: &str) -> Self {
        Self::on(policies, Arc::new(MemoryStore::new()), Arc::default(), Arc::new(ManualClock::at(T0))).await.unwrap()
    }

    async fn on(
        policies: &str,
        store: Arc<MemoryStore>,
        world: Arc<Counting>,
        clock: Arc<ManualClock>,
    ) -> Result<Self, ApiError> {
        let config = EngineConfig::new(Arc::new(CompiledLoader));
        let engine = Engine::open(store.clone(), world.clone(), clock.clone(), config).await?;
        engine.load(loaded(policies)).await?;
        engine.settled().await;
        Ok(Self { store, world, clock, engine })
    }

    async fn again(self, policies: &str) -> Self {
        let Self { store, world, clock, engine } = self;
        drop(engine);
        Self::on(policies, Arc::new(store.reopen()), world, clock).await.unwrap()
    }

    async fn start_as(&self, runbook: &str, node: &str, by: &str) -> Result<String, ApiError> {
        let start = start(runbook, node, None);
        let run = self.engine.start(start, &person(by)).await;
        self.engine.settled().await;
        run
    }

    async fn run(&self, runbook: &str) -> RunRow {
        let run = self.start_as(runbook, "n7", "dee").await.unwrap();
        self.row(&run).await
    }

    async fn row(&self, run: &str) -> RunRow {
        self.store.run(run).await.unwrap().unwrap()
    }

    /// The outcome and why.
    async fn end(&self, runbook: &str) -> (String, String) {
        ended(&self.run(runbook).await)
    }

    async fn audited(&self, kind: &str) -> Vec<serde_json::Value> {
        let records = self.engine.audit(0, 10_000, None).await.unwrap();
        records.into_iter().filter(|r| r.draft.kind == kind).map(|r| r.draft.body).collect()
    }

    async fn vote(&self, approve: bool, by: &str) {
        let open = self.engine.approvals(true).await.unwrap();
        self.engine.vote(&open[0].id, if approve { yes() } else { no() }, &person(by)).await.unwrap();
        self.engine.settled().await;
    }
}

fn ended(row: &RunRow) -> (String, String) {
    let end = row.end.clone().unwrap_or_default();
    let text = |k: &str| end.get(k).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    (text("outcome"), text("why"))
}

fn policy(rules: &str) -> String {
    format!("policy p {{\n{rules}\n}}\n")
}

#[tokio::test]
async fn forbid_denies_before_the_call_and_says_why() {
    let life = Life::new(&policy(r#"forbid changes where call.target == "node/n7" because "n7 is special""#)).await;
    let (outcome, why) = life.end("cordon").await;
    assert_eq!(outcome, "denied");
    assert!(why.contains("n7 is special (policy `p`)"), "{why}");
    assert!(life.world.calls().is_empty());
    let asked = life.audited("policy.asked").await;
    assert_eq!((asked.len(), &asked[0]["answer"], &asked[0]["rules"][0]["policy"]), (1, &json!("deny"), &json!("p")));
    assert_eq!(asked[0]["rules"][0]["place"], json!("policies.rrb:2:1"));
    assert_eq!(asked[0]["policies"].as_str().map(str::len), Some(64));
    assert_eq!(life.audited("call.refused").await.len(), 1);
    let run = life.start_as("cordon", "n8", "dee").await.unwrap();
    assert_eq!(ended(&life.row(&run).await).0, "resolved");
    assert_eq!(life.world.times("http.post"), 1);
    let caught = life.end("caught").await;
    assert_eq!(caught.0, "escalated");
    assert!(caught.1.starts_with("denied: n7 is special"), "{caught:?}");
}

#[tokio::test]
async fn every_rule_that_denies_is_recorded_and_applies_narrows() {
    let rules = r#"
  applies where "prod" in runbook.tags
  forbid changes where call.connector == "k8s" because "one"
  forbid changes where runbook.severity >= high and call.effect == changes because "two"
  forbid destroys because "not this"
  forbid changes unless call.effect == changes because "nor this""#;
    let life = Life::new(&policy(rules)).await;
    assert_eq!(life.end("cordon").await.1.matches("policy `p`").count(), 2);
    let rules = life.audited("policy.asked").await[0]["rules"].clone();
    assert_eq!(rules.as_array().map(Vec::len), Some(2), "{rules}");
    assert_eq!(life.end("twice").await.0, "resolved", "it has no tag");
}

#[tokio::test]
async fn windows_open_and_close_by_the_engines_clock() {
    // T0 is a Wednesday, midnight UTC.
    let rules =
        r#"forbid changes during weekly("Tue 22:00" to "Wed 00:01" in "UTC") where call.action != "" because "freeze""#;
    let life = Life::new(&policy(rules)).await;
    assert_eq!(life.end("cordon").await.0, "denied");
    life.clock.advance(59_999);
    assert_eq!(life.end("cordon").await.0, "denied");
    life.clock.advance(1);
    assert_eq!(life.end("cordon").await.0, "resolved");
}

#[tokio::test]
async fn what_every_call_would_be_denied_for_is_denied_before_the_run() {
    let life = Life::new(&policy(r#"forbid changes where "prod" in runbook.tags because "all of it is frozen""#)).await;
    let refused = life.start_as("cordon", "n7", "dee").await;
    assert!(matches!(&refused, Err(ApiError::Forbidden(why)) if why.contains("all of it is frozen")), "{refused:?}");
    assert_eq!(life.end("look").await.0, "resolved", "it only reads");
    assert_eq!(life.end("twice").await.0, "resolved");
    let life = Life::new(&policy(r#"forbid destroys because "nothing is destroyed""#)).await;
    assert_eq!(life.end("cordon").await.0, "resolved", "the call itself is asked about");
    assert_eq!(life.end("waived").await.0, "denied");
}

#[tokio::test]
async fn a_condition_that_fails_denies() {
    let life = Life::new(&policy(r#"forbid changes where (call.args.count as Int) > 3 because "too many""#)).await;
    let (outcome, why) = life.end("cordon").await;
    assert_eq!(outcome, "denied");
    assert!(why.contains("the condition `(call.args.count as Int) > 3` failed"), "{why}");
    let applies = policy("applies where (call.args.count as Int) > 3\nforbid destroys because \"x\"");
    assert_eq!(Life::new(&applies).await.end("cordon").await.0, "resolved", "no rule is about it");
    assert_eq!(Life::new(&applies).await.end("waived").await.0, "denied");
    let unless = policy(r#"forbid changes unless (call.args.count as Int) > 3 because "x""#);
    assert_eq!(Life::new(&unless).await.end("cordon").await.0, "denied");
}

#[tokio::test]
async fn require_asks_at_the_call_and_goes_on_with_a_yes() {
    let life =
        Life::new(&policy(r#"require approval from group("sre") quorum 2 for changes because "two look""#)).await;
    let run = life.run("cordon").await;
    assert_eq!(run.status, RunStatus::Waiting);
    assert!(life.world.calls().is_empty());
    let open = life.engine.approvals(true).await.unwrap();
    assert_eq!(open[0].ask["question"], json!("k8s.cordon on node/n7? The policy `p` asks: two look"));
    assert_eq!(open[0].ask["plan"]["entries"][0]["action"], json!("k8s.cordon"));
    life.vote(true, "ana").await;
    assert!(life.world.calls().is_empty());
    life.vote(true, "bo").await;
    assert_eq!(ended(&life.row(&run.id).await).0, "resolved");
    assert_eq!(life.world.times("http.post"), 1);
    let answers: Vec<_> = life.audited("policy.asked").await.iter().map(|b| b["answer"].clone()).collect();
    assert_eq!(answers, [json!("ask"), json!("allow")]);
    let story = life.engine.run(&run.id).await.unwrap();
    let told = |w: &What| matches!(w, What::Policy { .. });
    assert_eq!(story.timeline.iter().filter(|i| told(&i.what)).count(), 2, "{:?}", story.timeline);
}

#[tokio::test]
async fn require_denies_with_a_no_with_silence_and_for_the_requester() {
    let rules = policy(r#"require approval from group("sre") within 10m for changes"#);
    let life = Life::new(&rules).await;
    let run = life.run("cordon").await;
    life.vote(false, "ana").await;
    let (outcome, why) = ended(&life.row(&run.id).await);
    assert_eq!((outcome.as_str(), why.contains("ana said no: not now")), ("denied", true), "{why}");
    let run = life.run("cordon").await;
    life.clock.advance(600_000);
    life.engine.settled().await;
    let (outcome, why) = ended(&life.row(&run.id).await);
    assert!(outcome == "expired" && why.contains("nobody agreed in time"), "{outcome} {why}");
    let own = life.start_as("cordon", "n7", "ana").await.unwrap();
    let open = life.engine.approvals(true).await.unwrap();
    assert!(life.engine.vote(&open[0].id, yes(), &person("ana")).await.is_err());
    life.engine.cancel(&own, "enough", &person("ana")).await.unwrap();
    life.engine.settled().await;
    assert_eq!(life.row(&own).await.status, RunStatus::Done);
    assert!(life.engine.approvals(true).await.unwrap().is_empty(), "the question goes with its run");
    assert!(life.world.calls().is_empty());
}

#[tokio::test]
async fn an_approval_already_held_is_enough_when_the_right_people_gave_it() {
    let rules = r#"
  require approval from group("sre") for destroys
  require approval from group("leads") for destroys where call.target == "node/n9""#;
    let life = Life::new(&policy(rules)).await;
    let run = life.start_as("drain", "n7", "cy").await.unwrap();
    let open = life.engine.approvals(true).await.unwrap();
    let verdicts = &open[0].ask["plan"]["verdicts"];
    assert_eq!(verdicts[0]["answer"], json!("ask"), "people see it in the plan: {verdicts}");
    life.vote(true, "ana").await;
    assert_eq!(ended(&life.row(&run).await).0, "resolved", "the block's own approval does");
    let run = life.start_as("drain", "n9", "cy").await.unwrap();
    life.vote(true, "ana").await;
    assert_eq!(life.row(&run).await.status, RunStatus::Waiting, "no lead has agreed");
    life.vote(true, "dee").await;
    assert_eq!(ended(&life.row(&run).await).0, "resolved");
    assert_eq!(life.world.times("http.delete"), 2);
}

#[tokio::test]
async fn deny_beats_ask() {
    let rules = r#"
  require approval from group("sre") for changes
  forbid changes where call.target == "node/n7" because "never n7""#;
    let life = Life::new(&policy(rules)).await;
    assert_eq!(life.end("cordon").await.0, "denied");
    assert!(life.engine.approvals(false).await.unwrap().is_empty(), "nobody is bothered");
}

#[tokio::test]
async fn limits_count_calls_over_runs_and_restarts() {
    let rules = policy(r#"limit changes to 3 per 1h by call.connector because "blast radius""#);
    let life = Life::new(&rules).await;
    assert_eq!(life.end("twice").await.0, "resolved");
    assert_eq!(life.end("cordon").await.0, "resolved");
    let (outcome, why) = life.end("cordon").await;
    assert_eq!(outcome, "denied");
    assert!(why.contains("blast radius: 3 calls for k8s in the last 1h, the limit is 3"), "{why}");
    let life = life.again(&rules).await;
    assert_eq!(life.end("cordon").await.0, "denied", "what was counted survives");
    let wider = rules.replace("to 3", "to 4");
    let life = life.again(&wider).await;
    assert_eq!(life.end("cordon").await.0, "resolved", "another count is the same counter");
    assert_eq!(life.end("cordon").await.0, "denied");
    life.clock.advance(3_600_000);
    assert_eq!(life.end("cordon").await.0, "resolved");
}

#[tokio::test]
async fn undo_passes_limits_and_windows_unless_the_rule_means_it() {
    for rules in [
        r#"limit changes to 1 per 1h because "one""#,
        r#"forbid changes during between time"2023-01-01T00:00:00Z" and time"2030-01-01T00:00:00Z" where call.action == "k8s.uncordon" because "freeze""#,
    ] {
        let life = Life::new(&policy(rules)).await;
        assert_eq!(life.end("undone").await.0, "rolled_back", "{rules}");
        assert_eq!(life.world.times("http.put"), 1, "{rules}");
    }
    let life = Life::new(&policy(r#"forbid changes where call.rollback because "leave it""#)).await;
    let (outcome, why) = life.end("undone").await;
    assert_eq!((outcome.as_str(), life.world.times("http.put")), ("failed", 0), "{why}");
    let asked = life.audited("policy.asked").await;
    assert_eq!(asked.iter().map(|b| b["rollback"].clone()).collect::<Vec<_>>(), [json!(false), json!(true)]);
}

#[tokio::test]
async fn forbid_waive_lets_approvals_be() {
    let life = Life::new(&policy(r#"forbid waive where runbook.severity >= medium"#)).await;
    let (outcome, why) = life.end("waived").await;
    assert!(outcome == "denied" && why.contains("no waiver is accepted here"), "{outcome} {why}");
    let run = life.run("drain").await;
    life.vote(true, "ana").await;
    assert_eq!(ended(&life.row(&run.id).await).0, "resolved");
}

#[tokio::test]
async fn changed_policies_hold_from_the_next_call_on() {
    let life =
        Life::new(&policy(r#"require approval from group("sre") for changes where call.action == "k8s.uncordon""#))
            .await;
    let run = life.run("twice").await;
    assert_eq!((run.status, life.world.times("http.post")), (RunStatus::Waiting, 1));
    life.engine
        .load(loaded(&policy(r#"forbid changes where call.action == "k8s.uncordon" because "not any more""#)))
        .await
        .unwrap();
    life.vote(true, "ana").await;
    let (outcome, why) = ended(&life.row(&run.id).await);
    assert!(outcome == "denied" && why.contains("not any more"), "{outcome} {why}");
    let digests: Vec<_> = life.audited("policy.asked").await.iter().map(|b| b["policies"].clone()).collect();
    assert_eq!((digests.len(), digests[0] == digests[1], digests[1] == digests[2]), (3, true, false));
}

#[tokio::test]
async fn a_replay_reads_the_verdict_and_asks_nobody_again() {
    let rules = policy(r#"require approval from group("sre") for changes where call.action == "k8s.uncordon""#);
    let life = Life::new(&rules).await;
    let run = life.run("twice").await;
    // The first call was let through; the new policies would forbid it.
    let life = life.again(&policy(r#"forbid changes where call.action == "k8s.cordon" because "late""#)).await;
    life.vote(true, "ana").await;
    assert_eq!(ended(&life.row(&run.id).await).0, "resolved");
    assert_eq!((life.world.times("http.post"), life.world.times("http.put")), (1, 1));
}

#[cfg(feature = "rego")]
#[tokio::test]
async fn rego_denies_asks_and_a_failure_denies() {
    let deny = policy(r#"delegate rego "guard.rego" query "data.rrb.deny""#);
    let life = Life::new(&deny).await;
    assert_eq!(life.end("cordon").await.0, "resolved");
    let run = life.start_as("cordon", "n-forbidden", "dee").await.unwrap();
    let (outcome, why) = ended(&life.row(&run).await);
    assert!(outcome == "denied" && why.contains("node/n-forbidden is spoken for"), "{outcome} {why}");
    let life = Life::new(&policy(r#"delegate rego "guard.rego" query "data.rrb.verdict""#)).await;
    let run = life.start_as("cordon", "n7", "ana").await.unwrap();
    let open = life.engine.approvals(true).await.unwrap();
    assert!(open[0].ask["question"].as_str().unwrap().contains("a lead decides"));
    life.vote(true, "dee").await;
    assert_eq!(ended(&life.row(&run).await).0, "resolved");
    let life = Life::new(&policy(r#"delegate rego "broken.rego" query "data.rrb.verdict""#)).await;
    let (outcome, why) = life.end("cordon").await;
    assert!(outcome == "denied" && why.contains("gave no answer"), "{outcome} {why}");
}

/// Runs a story to its end, with the process dying at one commit.
async fn story(rules: &str, runbook: &str, crash: Option<(u64, Side)>) -> (Arc<MemoryStore>, Arc<Counting>, u64) {
    let (world, clock) = (Arc::new(Counting::default()), Arc::new(ManualClock::at(T0)));
    let mut store = Arc::new(MemoryStore::new());
    if let Some((at, side)) = crash {
        store.crash_at(at, side);
    }
    for _life in 0..8 {
        if let Ok(life) = Life::on(rules, store.clone(), world.clone(), clock.clone()).await {
            for _ in 0..8 {
                let start = start(runbook, "n7", Some("the-run"));
                let _ = life.engine.start(start, &person("dee")).await;
                life.engine.settled().await;
                for open in life.engine.approvals(true).await.unwrap_or_default() {
                    let _ = life.engine.vote(&open.id, yes(), &person("ana")).await;
                    life.engine.settled().await;
                }
                let runs = life.engine.runs(RunFilter::default()).await.unwrap_or_default();
                if life.engine.failure().is_none()
                    && !runs.is_empty()
                    && runs.iter().all(|r| r.status == RunStatus::Done)
                {
                    let commits = store.commits();
                    return (store, world, commits);
                }
            }
        }
        store = Arc::new(store.reopen());
    }
    panic!("the story did not end: {rules} {crash:?}");
}

#[tokio::test]
async fn a_crash_at_every_commit_changes_no_verdict() {
    for (rules, runbook, outcome, marks) in [
        (r#"require approval from group("sre") for changes"#, "twice", "resolved", 0),
        (r#"limit changes to 1 per 1h because "one""#, "twice", "denied", 1),
        (r#"limit changes to 9 per 1h by call.action because "nine""#, "twice", "resolved", 2),
        (r#"forbid changes where call.action == "k8s.uncordon" because "x""#, "twice", "denied", 0),
        (r#"forbid waive"#, "waived", "denied", 0),
    ] {
        let rules = policy(rules);
        let (_, _, commits) = story(&rules, runbook, None).await;
        for at in 1..=commits {
            for side in [Side::Before, Side::After] {
                let (store, world, _) = story(&rules, runbook, Some((at, side))).await;
                let row = store.run("the-run").await.unwrap().unwrap();
                let what = format!("{rules} at commit {at} {side:?}");
                assert_eq!(ended(&row).0, outcome, "{what}: {:?}", ended(&row));
                let counted = store.recover().await.unwrap().marks.iter().filter(|m| m.kind == "policy").count();
                assert_eq!(counted, marks, "{what}");
                assert!(world.times("http.post") <= 2 && world.times("http.put") <= 2, "{what}");
                let asked = store.approvals(false, 100).await.unwrap();
                assert!(asked.iter().all(|a| a.state == ApprovalState::Approved), "{what}: {asked:?}");
            }
        }
    }
}

/// Rules that say all there is to say of a `cordon` of `n7`.
const RULES: [&str; 7] = [
    r#"forbid changes where call.target == "node/n7" because "one""#,
    r#"forbid changes where call.target == "node/n8" because "two""#,
    r#"forbid destroys because "three""#,
    r#"require approval from group("sre") for changes because "four""#,
    r#"require approval from group("leads") quorum 1 for changes because "five""#,
    r#"limit changes to 5 per 1h because "six""#,
    r#"forbid changes where (call.args.count as Int) > 3 because "seven""#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever the order of the rules and their spread over policies, the verdict is the same.
    #[test]
    fn the_order_of_rules_means_nothing(
        picked in proptest::sample::subsequence((0..RULES.len()).collect::<Vec<_>>(), 1..=RULES.len()).prop_shuffle(),
    ) {
        let said = |order: &[usize]| {
            let text: Vec<&str> = order.iter().map(|i| RULES[*i]).collect();
            let rules = policy(&text.join("\n"));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let life = Life::new(&rules).await;
                let row = life.run("cordon").await;
                let asked = life.audited("policy.asked").await;
                let because: Vec<_> = asked[0]["rules"].as_array().unwrap().iter().map(|r| r["because"].clone()).collect();
                let open = life.engine.approvals(true).await.unwrap();
                let question = open.first().map(|a| a.ask["question"].clone());
                (asked[0]["answer"].clone(), because, ended(&row), question)
            })
        };
        let mut sorted = picked.clone();
        sorted.sort_unstable();
        prop_assert_eq!(said(&picked), said(&sorted));
    }
}
