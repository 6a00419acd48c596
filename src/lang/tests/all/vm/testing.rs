//! What a runner of tests needs of a program: counters, and actions that the world answers.

use std::collections::{BTreeMap, BTreeSet};

use rrb_lang::check::{CheckInput, Checked, ModuleSource, PROJECT_FILE, check, without_tests};
use rrb_lang::diag::plain;
use rrb_lang::hir::testing::{AnswerKind, Expect, StepKind, When};
use rrb_lang::ids::FnId;
use rrb_lang::json::Json;
use rrb_lang::program::{CoverKind, Program, TestProgram, compile, compile_tests};
use rrb_lang::project;
use rrb_lang::value::Value;
use rrb_lang::vm::eval;
use rrb_lang::vm::protocol::FailureKind;

const SOURCE: &str = r#"
connector k8s {
  action pods(node: Text) -> Json reads { http.get("http://h/pods/${node}").json }
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/cordon/${node}") }
  action swap(node: Text) changes idempotent target "node/${node}" {
    do cordon(node)
    k8s.pods(node)
  }
}

fn size(n: Int) -> Text {
  let big = n > 10
  if big {
    "big"
  } else if n == 0 {
    "none"
  } else {
    match n {
      1 | 2 => "few",
      _ => "some",
    }
  }
}
"#;

const PROJECT: &str =
    "[project]\nname = \"test\"\n[users.ana]\n[users.bo]\n[users.cy]\n[groups]\nsre = [\"ana\", \"bo\", \"cy\"]\n";

/// A test of `SOURCE`, as it stands behind it or in a module of its own.
const TEST: &str = r#"
/// About swapping.
test "a node is swapped" {
  given k8s.cordon("n1") fails once with timeout "slow", then returns
  given k8s.pods(_) returns { items: [] }
  advance 1h
  expect k8s.cordon not called with node: "n2"
}
"#;

fn checked(text: &str) -> Checked {
    checked_all(&[("main", text)])
}

fn checked_all(modules: &[(&str, &str)]) -> Checked {
    let (project, _) = project::parse(PROJECT_FILE, PROJECT);
    let module = |(name, text): &(&str, &str)| ModuleSource {
        name: (*name).into(),
        file: format!("{name}.rrb"),
        text: (*text).into(),
    };
    let checked = check(CheckInput { modules: modules.iter().map(module).collect(), project });
    assert!(checked.diagnostics.is_empty(), "{}", plain::render(&checked.diagnostics, &checked.sources));
    assert!(checked.program.is_some(), "{}", plain::render(&checked.diagnostics, &checked.sources));
    checked
}

fn tested(text: &str, instrument: bool) -> TestProgram {
    let checked = checked(text);
    compile_tests(&checked.program.unwrap(), &checked.sources, instrument).unwrap()
}

fn named(program: &Program, name: &str) -> FnId {
    FnId(u32::try_from(program.functions.iter().position(|f| f.name == name).unwrap()).unwrap())
}

#[test]
fn counters_stand_at_statements_and_ways_and_nowhere_else() {
    let tested = tested(SOURCE, true);
    let size = named(&tested.program, "size");
    for n in [20, 1, 1] {
        eval(&tested.program, size, vec![Value::Int(n)], &BTreeMap::new(), "", 10_000).unwrap();
    }
    let covered = tested.program.covered.clone().unwrap();
    let seen: Vec<String> = tested
        .points
        .iter()
        .enumerate()
        .filter(|(_, p)| p.line > 10)
        .map(|(n, p)| {
            let kind = match &p.kind {
                CoverKind::Statement => "statement".to_owned(),
                CoverKind::Arm { group, name } => format!("{group} {name}"),
            };
            format!("{}:{} {kind} {}", p.line, p.column, covered.count(n as u32))
        })
        .collect();
    let expected = [
        "12:13 statement 3",
        "13:3 statement 3",
        "13:10 0 then 1",
        "14:5 statement 1",
        "15:10 0 else 2",
        "15:20 1 then 0",
        "16:5 statement 0",
        "17:10 1 else 2",
        "18:5 statement 2",
        "19:7 2 1 | 2 2",
        "20:7 2 _ 0",
    ];
    assert_eq!(seen, expected);
    assert!(tested.points.iter().all(|p| p.file == "main.rrb"), "only the project is counted");
}

#[test]
fn without_counters_the_program_is_the_one_that_runs_live() {
    let checked = checked(SOURCE);
    let tree = checked.program.unwrap();
    let live = compile(&tree, &checked.sources).unwrap();
    let plain = compile_tests(&tree, &checked.sources, false).unwrap();
    assert_eq!(live.to_bytes(), plain.program.to_bytes());
    assert!(plain.points.is_empty() && plain.program.covered.is_none());
    let counted = compile_tests(&tree, &checked.sources, true).unwrap();
    assert_ne!(live.id, counted.program.id);
}

#[test]
fn an_answered_action_is_a_primitive_under_its_number() {
    let program = tested(SOURCE, false).program;
    let (cordon, swap) = (named(&program, "k8s.cordon"), named(&program, "k8s.swap"));
    let answered = program.answered(&BTreeSet::from([cordon]));
    let action = |p: &Program, id: FnId| p.code(id).unwrap().action.clone().unwrap().0;
    assert_eq!(action(&answered, cordon).native.as_deref(), Some(format!("given:{}", cordon.0).as_str()));
    assert_eq!(action(&answered, cordon).target, action(&program, cordon).target);
    assert_eq!(action(&answered, cordon).connector, action(&program, cordon).connector);
    assert_eq!(answered.code(cordon).unwrap().effect, program.code(cordon).unwrap().effect);
    assert_eq!(action(&answered, swap).native, None);
    assert_ne!(answered.id, program.id);
    assert!(Program::from_bytes(&answered.to_bytes()).is_ok(), "it can be stored");
}

#[test]
fn the_primitives_of_an_action_are_those_of_all_it_calls() {
    let program = tested(SOURCE, false).program;
    let (get, post) = (named(&program, "http.get"), named(&program, "http.post"));
    let of = |name: &str| program.primitives_of(named(&program, name));
    assert_eq!(of("k8s.cordon"), BTreeSet::from([post]));
    assert_eq!(of("k8s.swap"), BTreeSet::from([get, post]));
    assert_eq!(of("http.get"), BTreeSet::from([get]));
    let answered = program.answered(&BTreeSet::from([named(&program, "k8s.cordon")]));
    assert_eq!(
        answered.primitives_of(named(&program, "k8s.swap")),
        BTreeSet::from([named(&program, "k8s.cordon"), get])
    );
}

#[test]
fn tests_leave_nothing_in_the_program() {
    let bytes = |modules: &[(&str, &str)]| {
        let checked = checked_all(modules);
        let mut program = compile(&checked.program.unwrap(), &checked.sources).unwrap();
        // The sources that are kept for people hold the tests, too, and are no part of the content address.
        program.debug = None;
        program.to_bytes()
    };
    let without = bytes(&[("main", SOURCE), ("z", "fn last() -> Int { 1 }\n")]);
    let below = format!("{SOURCE}{TEST}");
    assert_eq!(bytes(&[("main", &below), ("z", "fn last() -> Int { 1 }\n")]), without, "a test below the program");
    let apart = format!("use main.{{k8s}}\n{TEST}");
    let modules = [("a_test", apart.as_str()), ("main", SOURCE), ("z", "fn last() -> Int { 1 }\n")];
    assert_eq!(bytes(&modules), without, "a module of tests, in front of all others");
}

/// What of the library only tests bring in is left out by whoever runs the program.
#[test]
fn the_library_of_tests_is_no_part_of_the_program() {
    let module =
        |name: &str, text: &str| ModuleSource { name: name.into(), file: format!("{name}.rrb"), text: text.into() };
    let own = [module("main", SOURCE)];
    let names = |modules: &[ModuleSource]| {
        without_tests(modules).map(|kept| kept.into_iter().map(|m| m.name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(names(&own), None);
    let test = |uses: &str| module("a_test", &format!("{uses}{TEST}"));
    assert_eq!(names(&[test(""), own[0].clone()]), None, "it brings nothing in");
    assert_eq!(names(&[test("use std.slack\n"), own[0].clone()]), Some(vec!["main".to_owned()]));
    let uses_it = module("main", &format!("use std.slack\n{SOURCE}"));
    assert_eq!(names(&[test("use std.slack.{post}\n"), uses_it]), None, "the program has it anyway");
}

/// The example of the language's reference.
#[test]
fn the_reference_compiles_to_what_a_runner_plays() {
    let tested = tested(include_str!("../../testing/reference.rrb"), false);
    let [test] = tested.tests.as_slice() else { panic!("one test") };
    assert_eq!((test.name.as_str(), test.module.as_str()), ("two approvals drain the node", "main"));
    let texts: Vec<&str> = test.steps.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "given prom.scalar(_) returns 0.93, 0.91, 0.42",
            "given k8s.drain(\"node-7\", _) fails once with timeout, then returns",
            "given k8s.exec_on_node(_, _)",
            "given k8s.cordon(\"node-7\")",
            "given slack.post(_, _)",
            "when alertmanager.firing { name: \"NodeDiskAlmostFull\", severity: critical, labels: { node: \"node-7\" } }",
            "approve by \"ana\", \"bo\"",
            "advance 10m",
            "expect k8s.drain called 2 times with node: \"node-7\"",
            "expect slack.post not called",
            "expect outcome resolved",
            "expect evidence \"disk before\" == 0.93",
        ]
    );
    let run = |f: FnId, args: Vec<Value>| eval(&tested.program, f, args, &BTreeMap::new(), "", 10_000).unwrap();
    let StepKind::Given(scalar) = &test.steps[0].kind else { panic!() };
    assert!(scalar.call.matches.is_none());
    let values: Vec<Value> = scalar
        .answers
        .iter()
        .map(|a| match a.kind {
            AnswerKind::Returns(f) => run(f, vec![Value::text("q")]),
            AnswerKind::Fails { .. } => panic!(),
        })
        .collect();
    assert_eq!(values, [Value::Float(0.93), Value::Float(0.91), Value::Float(0.42)]);
    let StepKind::Given(drain) = &test.steps[1].kind else { panic!() };
    let matches = drain.call.matches.unwrap();
    let call = |node: &str| run(matches, vec![Value::text(node), Value::Duration(30_000)]);
    assert_eq!((call("node-7"), call("node-8")), (Value::Bool(true), Value::Bool(false)));
    assert!(matches!(drain.answers[0].kind, AnswerKind::Fails { kind: FailureKind::Timeout, message: None }));
    assert_eq!((drain.answers[0].times, drain.answers[1].times), (Some(1), None));
    let StepKind::When(When::Event { payload, .. }) = &test.steps[5].kind else { panic!() };
    let Value::Record(alert) = run(*payload, vec![]) else { panic!() };
    assert_eq!(alert.get("name"), Some(&Value::text("NodeDiskAlmostFull")));
    assert_eq!((alert.get("starts_at"), alert.get("ends_at")), (Some(&Value::Time(0)), Some(&Value::None)));
    let StepKind::Expect(Expect::Evidence { test: Some(is), .. }) = &test.steps[11].kind else { panic!() };
    let held = |v: Json| run(*is, vec![Value::Json(v)]);
    assert_eq!((held(Json::Float(0.93)), held(Json::Int(1))), (Value::Bool(true), Value::Bool(false)));
}
