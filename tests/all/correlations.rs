//! Correlation rules of others, said in rrb: the hits that they list come in, and a run starts where they expect an alert.
//!
//! The rules stay where the sample collection is: `RRB_SAMPLES`, else `../shared/samples` beside the repository. Without it there is
//! nothing to test, and the test says so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rrb_engine::api::{ControlPlane, Delivery};
use rrb_engine::clock::manual::ManualClock;
use rrb_engine::compiled::CompiledLoader;
use rrb_engine::engine::{Engine, EngineConfig};
use rrb_engine::programs::Loaded;
use rrb_engine::store::RunFilter;
use rrb_engine::store::memory::MemoryStore;
use rrb_engine::world::World;
use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::project::{self, Declared};
use rrb_lang::vm::protocol::{EffectOutcome, Failure, FailureKind, NativeCall};
use rrb_tests::binary::root;
use serde_json::json;

const T0: i64 = 1_717_200_000_000;
const HOUR: i64 = 3_600_000;

/// What the rules call a match of another rule is an event here.
const CONNECTOR: &str = r#"
connector rules {
  type Match = { rule: Text, key: Text }
  event hit: Match from webhook "/hit" {
    verify none because "a test"
    at body.at as Time
    emit body as Match
  }
}
"#;

/// The rules as triggers: file and trigger. Their window is 1,800 minutes.
const SAID: &[(&str, &str)] = &[
    (
        "aws_create_admin_iam_user",
        r#"on rules.hit as created and rules.hit as admin
             where created.rule == "CreateUser" and admin.rule == "AttachAdminUserPolicy" and created.key == admin.key
             within 30h with key: created.key"#,
    ),
    (
        "aws_privilege_escalation_via_user_compromise",
        r#"on rules.hit as key and rules.hit as use_of
             where key.rule == "User Backdoored" and use_of.rule == "User Accessed" and key.key == use_of.key
             within 30h with key: key.key"#,
    ),
    (
        "potential_compromised_okta_credentials",
        r#"on rules.hit as login and rules.hit as phishing
             where login.rule == "Login Without Push Marker" and phishing.rule == "Push Phishing" and login.key == phishing.key
             within 30h with key: login.key"#,
    ),
];

/// What one trigger does not say, and why.
const UNSAID: &[(&str, &str)] = &[
    ("auth0_account_takeover", "one of a kind and two of another"),
    ("aws_s3_exfiltration_and_deletion", "ten of a kind and ten of another"),
    ("snowflake_potential_brute_force_success", "five of a kind and one of another"),
    ("aws_console_sign-in_without_okta", "an event that nothing came before: `without` looks forward"),
    ("secret_exposed_and_not_quarantined", "an event that nothing came before: `without` looks forward"),
];

fn samples() -> Option<PathBuf> {
    let named = std::env::var_os("RRB_SAMPLES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared/samples")).join("events/correlation");
    folder.is_dir().then_some(folder)
}

/// One expectation of a rule: the matches of others by their id and key, in milliseconds, and whether it fires.
#[derive(Debug, Default)]
struct Case {
    name: String,
    expected: bool,
    hits: Vec<(String, String, i64)>,
}

/// Reads the `Tests` of a rule: the little of YAML that they are made of.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let (mut id, mut key) = (String::new(), String::new());
    let tests = text.split_once("\nTests:").map_or("", |(_, tests)| tests);
    for line in tests.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let bare = |t: &str| t.trim().trim_matches(['\'', '"']).to_owned();
        let last = cases.last_mut();
        if let Some(name) = line.strip_prefix("- Name:") {
            cases.push(Case { name: bare(name), ..Case::default() });
        } else if let (Some(case), Some(word)) = (last, line.strip_prefix("ExpectedResult:")) {
            case.expected = word.trim() == "true";
        } else if let Some(case) = cases.last_mut() {
            if let Some(name) = line.strip_prefix("- ID:") {
                id = bare(name);
            } else if let Some(one) = line.strip_prefix("- ") {
                case.hits.push((id.clone(), key.clone(), moment(&bare(one))));
            } else if let Some((name, rest)) = line.rsplit_once(':') {
                key = bare(name);
                let list = rest.trim().trim_start_matches('[').trim_end_matches(']');
                let times = list.split(',').map(bare).filter(|t| !t.is_empty());
                case.hits.extend(times.map(|t| (id.clone(), key.clone(), moment(&t))));
            }
        }
    }
    cases
}

/// A time, or minutes.
fn moment(text: &str) -> i64 {
    match text.parse::<i64>() {
        Ok(minutes) => T0 + minutes * 60_000,
        Err(_) => text.parse::<jiff::Timestamp>().unwrap_or_else(|e| panic!("`{text}`: {e}")).as_millisecond(),
    }
}

fn loaded(trigger: &str) -> Loaded {
    let (config, problems) = project::parse(PROJECT_FILE, "[project]\nname = \"t\"\n");
    assert!(problems.is_empty(), "{problems:?}");
    let text = format!("{CONNECTOR}\nrunbook alert(key: Text) {{\n  {trigger}\n  log key\n}}\n");
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

struct Nothing;

#[async_trait::async_trait]
impl World for Nothing {
    async fn perform(&self, call: &NativeCall) -> EffectOutcome {
        EffectOutcome::Failed(Failure::new(FailureKind::NotFound, format!("`{}` is not there", call.native)))
    }
}

/// How many runs these matches start when they come in this order, all at once and long after.
async fn runs(trigger: &str, hits: &[(String, String, i64)]) -> usize {
    let clock = Arc::new(ManualClock::at(hits.iter().map(|h| h.2).max().unwrap_or(T0) + 100 * HOUR));
    let config = EngineConfig::new(Arc::new(CompiledLoader));
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::open(store, Arc::new(Nothing), clock.clone(), config).await.unwrap();
    engine.load(loaded(trigger)).await.unwrap();
    for (rule, key, at) in hits {
        let at = jiff::Timestamp::from_millisecond(*at).unwrap().to_string();
        let body = json!({ "rule": rule, "key": key, "at": at }).to_string().into_bytes();
        let (headers, query) = Default::default();
        let delivery = Delivery { path: "/hit".to_owned(), instance: "default".to_owned(), body, headers, query };
        engine.deliver(delivery).await.unwrap();
    }
    engine.settled().await;
    clock.advance(200 * HOUR);
    engine.settled().await;
    engine.runs(RunFilter::default()).await.unwrap().len()
}

#[tokio::test]
async fn rules_of_others_give_the_verdicts_that_they_expect() {
    let Some(folder) = samples() else {
        eprintln!("no sample collection here: set RRB_SAMPLES to its folder");
        return;
    };
    let mut verdicts = 0;
    for (name, trigger) in SAID {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yml"))).unwrap();
        let all = cases(&text);
        assert!(all.iter().any(|c| c.expected) && all.iter().any(|c| !c.expected), "{name}: {all:?}");
        for case in all {
            assert!(!case.hits.is_empty(), "{name}: {case:?}");
            let mut hits = case.hits.clone();
            for order in ["as listed", "backwards"] {
                let expected = usize::from(case.expected);
                assert_eq!(runs(trigger, &hits).await, expected, "{name}, {order}: {} {case:?}", case.name);
                hits.reverse();
            }
            verdicts += 1;
        }
    }
    assert_eq!(verdicts, 11);
    let known = |file: &str| SAID.iter().chain(UNSAID).any(|(name, _)| *name == file);
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(known(&name), "{name} is neither said nor unsaid");
    }
}
