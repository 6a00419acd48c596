//! Tests built by hand, played.

use std::sync::Arc;

use rrb_lang::check::{CheckInput, ModuleSource, PROJECT_FILE, check};
use rrb_lang::diag::plain;
use rrb_lang::hir::Outcome;
use rrb_lang::hir::testing::{
    Answer, AnswerKind, CallPattern, Count, Expect, Given, Resolve, Step, StepKind, Test, TextMatch,
};
use rrb_lang::ids::{FnId, RunbookId};
use rrb_lang::program::compile_tests;
use rrb_lang::project;
use rrb_lang::vm::protocol::FailureKind;

use super::*;

const PROJECT: &str = "[project]\nname = \"test\"\n[users.ana]\nname = \"Ana\"\n[groups]\nsre = [\"ana\"]\n";

const SOURCE: &str = r#"
connector k8s {
  action load(node: Text) -> Float reads { (http.get("http://h/load/${node}").json as { load: Float }).load }
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/cordon/${node}") }
  action drain(node: Text) changes target "node/${node}" { do http.post("http://h/drain/${node}") }
}

runbook relieve(node: Text) {
  let before = k8s.load(node)
  evidence "before" = before
  log "looking at ${node}"
  do k8s.cordon(node) retry 3 times backoff 1s..1s
  approve "Drain ${node}?" from group("sre") within 30m {
    do k8s.drain(node)
  }
  verify "it is calm" within 5m every 10s { k8s.load(node) < 0.5 }
  finish resolved "calm"
}

runbook endless(node: Text) {
  while true { k8s.load(node) }
}

fn params() -> { node: Text } { { node: "n7" } }
fn is_n7(node: Text) -> Bool { node == "n7" }
fn is_n8(node: Text) -> Bool { node == "n8" }
fn high(node: Text) -> Float { 0.9 }
fn low(node: Text) -> Float { 0.4 }
fn done(node: Text) {}
fn ten_minutes() -> Duration { 10m }
fn one_minute() -> Duration { 1m }
fn an_hour() -> Duration { 1h }
"#;

struct Kit {
    suite: Arc<Suite>,
}

impl Kit {
    fn new() -> Self {
        let (config, _) = project::parse(PROJECT_FILE, PROJECT);
        let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: SOURCE.into() };
        let checked = check(CheckInput { modules: vec![module], project: config.clone() });
        let tree =
            checked.program.unwrap_or_else(|| panic!("{}", plain::render(&checked.diagnostics, &checked.sources)));
        let tested = compile_tests(&tree, &checked.sources, false).unwrap();
        Self { suite: Arc::new(Suite::new(&tree, tested, config, ".".into())) }
    }

    fn f(&self, name: &str) -> FnId {
        let n = self.suite.program.functions.iter().position(|f| f.name == name);
        FnId(u32::try_from(n.unwrap_or_else(|| panic!("no function {name}"))).unwrap())
    }

    fn call(&self, action: &str, matches: Option<&str>, text: &str) -> CallPattern {
        let matches = matches.map(|m| self.f(m));
        CallPattern { action: self.f(action), instance: None, matches, text: text.into() }
    }

    fn given(&self, action: &str, answers: Vec<Answer>) -> StepKind {
        StepKind::Given(Given { call: self.call(action, None, action), answers })
    }

    fn returns(&self, f: &str) -> Answer {
        Answer { kind: AnswerKind::Returns(self.f(f)), times: None, after: None }
    }

    fn fails(kind: FailureKind, times: Option<u32>) -> Answer {
        Answer { kind: AnswerKind::Fails { kind, message: None }, times, after: None }
    }

    fn called(&self, action: &str, count: u32) -> StepKind {
        StepKind::Expect(Expect::Called { call: self.call(action, None, action), count: Count::Exactly(count) })
    }

    fn run(&self) -> StepKind {
        StepKind::Run { runbook: RunbookId(0), params: self.f("params"), by: Some("zed".into()) }
    }

    fn happy(&self) -> Vec<StepKind> {
        vec![
            self.given("k8s.load", vec![self.returns("high"), self.returns("high"), self.returns("low")]),
            self.given("k8s.cordon", vec![Kit::fails(FailureKind::Unavailable, None), self.returns("done")]),
            self.given("k8s.drain", vec![self.returns("done")]),
            self.run(),
            StepKind::Advance(self.f("one_minute")),
            approve("bo"),
            StepKind::Advance(self.f("ten_minutes")),
        ]
    }

    fn test(&self, steps: Vec<StepKind>) -> Test {
        let step = |kind: StepKind| Step { text: format!("{kind:?}").into(), kind, span: Default::default() };
        Test {
            name: "a test".into(),
            module: "main".into(),
            docs: String::new(),
            steps: steps.into_iter().map(step).collect(),
            span: Default::default(),
        }
    }

    fn play(&self, steps: Vec<StepKind>) -> Played {
        play(&self.suite, &self.test(steps), Way::default())
    }
}

fn approve(by: &str) -> StepKind {
    StepKind::Approve { by: vec![by.into()], comment: None }
}

fn outcome(outcome: Outcome) -> StepKind {
    StepKind::Expect(Expect::Outcome { outcome, why: None, of: None })
}

fn told(played: &Played) -> String {
    let one = |t: &Trouble| {
        let notes = t.notes.iter().map(|n| format!("\n  note: {n}"));
        let help = t.help.iter().map(|h| format!("\n  help: {h}"));
        format!("{} [{}]{}{}\n", t.message, t.label, notes.collect::<String>(), help.collect::<String>())
    };
    played.troubles.iter().map(one).collect()
}

#[test]
fn a_run_with_votes_retries_and_time_passes_as_live() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps.extend([
        kit.called("k8s.cordon", 2),
        kit.called("k8s.drain", 1),
        kit.called("k8s.load", 3),
        outcome(Outcome::Resolved),
        StepKind::Expect(Expect::Log { text: TextMatch::Is("looking at n7".into()), absent: false }),
        StepKind::Expect(Expect::Before {
            first: kit.call("k8s.cordon", Some("is_n7"), "k8s.cordon(\"n7\")"),
            second: kit.call("k8s.drain", None, "k8s.drain"),
        }),
    ]);
    let played = kit.play(steps);
    assert_eq!(told(&played), "");
    assert_eq!(played.ends, ["relieve: resolved", "relieve: evidence before = 0.9"]);
}

#[test]
fn a_crash_at_every_commit_changes_nothing() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps.push(outcome(Outcome::Resolved));
    let test = kit.test(steps);
    let plain = play(&kit.suite, &test, Way { tell: true, ..Way::default() });
    assert!(plain.commits > 10 && plain.told.len() as u64 == plain.commits, "{} {}", plain.commits, plain.told.len());
    let all = everywhere(&kit.suite, &test, &plain);
    assert_eq!(all.troubles, []);
    assert_eq!((u64::from(all.tried), all.left_out), (2 * plain.commits, 0));
}

#[test]
fn what_is_not_so_is_told_with_what_is() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps.extend([
        outcome(Outcome::RolledBack),
        kit.called("k8s.cordon", 1),
        StepKind::Expect(Expect::Called {
            call: kit.call("k8s.drain", Some("is_n8"), "k8s.drain with node: \"n8\""),
            count: Count::AtLeast(1),
        }),
        kit.called("http.get", 1),
        StepKind::Expect(Expect::Evidence { name: "befor".into(), test: None, absent: false }),
        StepKind::Expect(Expect::Approval { question: None, absent: false }),
        StepKind::Expect(Expect::Runs { count: 2, of: None }),
        StepKind::Expect(Expect::Running { of: None }),
        StepKind::Expect(Expect::Failure { kind: Some(FailureKind::Timeout), message: None, of: None }),
        approve("bo"),
        StepKind::Resolve(Resolve::Happened(None)),
        StepKind::Cancel { runbook: None, because: None },
    ]);
    insta::assert_snapshot!(told(&kit.play(steps)));
}

#[test]
fn a_run_that_waits_says_for_what() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps.truncate(4);
    steps.extend([
        outcome(Outcome::Resolved),
        StepKind::Advance(kit.f("one_minute")),
        outcome(Outcome::Resolved),
        approve("zed"),
        StepKind::Advance(kit.f("an_hour")),
        outcome(Outcome::Resolved),
    ]);
    insta::assert_snapshot!(told(&kit.play(steps)));
}

#[test]
fn a_call_that_nobody_answers_is_told_as_a_given() {
    let kit = Kit::new();
    let steps = vec![
        StepKind::Given(Given {
            call: kit.call("k8s.load", Some("is_n8"), "k8s.load(\"n8\")"),
            answers: vec![kit.returns("high")],
        }),
        kit.run(),
    ];
    insta::assert_snapshot!(told(&kit.play(steps)));
}

#[test]
fn a_lost_call_waits_for_a_person() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps[2] = kit.given("k8s.drain", vec![Kit::fails(FailureKind::UnknownOutcome, None)]);
    steps.push(outcome(Outcome::Resolved));
    steps.push(StepKind::Resolve(Resolve::Happened(None)));
    steps.push(StepKind::Advance(kit.f("ten_minutes")));
    steps.push(outcome(Outcome::Resolved));
    insta::assert_snapshot!(told(&kit.play(steps)));
}

#[test]
fn a_test_that_never_settles_ends() {
    let kit = Kit::new();
    let steps = vec![
        kit.given("k8s.load", vec![kit.returns("low")]),
        StepKind::Run { runbook: RunbookId(1), params: kit.f("params"), by: None },
        StepKind::Advance(kit.f("an_hour")),
        outcome(Outcome::Resolved),
    ];
    let played = kit.play(steps);
    insta::assert_snapshot!(told(&played));
}

#[test]
fn a_crash_in_the_middle_keeps_what_the_world_knows() {
    let kit = Kit::new();
    let mut steps = kit.happy();
    steps.insert(4, StepKind::Crash);
    steps.insert(6, StepKind::Crash);
    steps.push(kit.called("k8s.cordon", 2));
    steps.push(outcome(Outcome::Resolved));
    assert_eq!(told(&kit.play(steps)), "");
}
