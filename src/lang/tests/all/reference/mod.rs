//! A second implementation of pure expressions, a walker over the typed tree that shares nothing with the machine but the form of
//! values. Both must agree on generated programs: `RRB_PROGRAMS=100000 cargo nextest run -p rrb-lang --release reference` for the long run.

mod generate;
mod walk;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use rrb_lang::check::{CheckInput, ModuleSource, check};
use rrb_lang::diag::plain;
use rrb_lang::program::compile;
use rrb_lang::value::Value;

use crate::vm::kit::call_with;
use walk::Walker;

/// How many bodies one module holds: checking a module has a price of its own.
const BODIES: usize = 25;

const GIVEN: &str = "
type Point = { x: Int, y: Text }
enum Level { low, high, burning(since: Int, by: Text) }
fn half(n: Int) -> Int { if n < 0 { fail \"below zero\" } n.div(2) }
fn pick<T>(xs: List<T>, default: T) -> T { xs.first() ?? default }
fn count(n: Int) -> Int { var i = 0  var sum = 0  while i < n { i += 1  if i mod 2 == 0 { continue }  if i > 9 { break }  sum += i }  sum }
fn seek(xs: List<Int>) -> Int { for x in xs { if x > 3 { return x } }\n  -1 }
";

const PARAMS: &str = "a: Int, b: Int, t: Text, xs: List<Int>, o: Int?, l: Level, p: Point";

fn arguments() -> Vec<Vec<Value>> {
    let level = |index: u32, name: &str, payload: Vec<Value>| {
        // The id of the type is filled in by the test.
        (index, name.to_owned(), payload)
    };
    let rows = [
        (1, 2, "ab", vec![1, 2, 3], Value::None, level(0, "low", vec![])),
        (-7, 0, "", vec![], Value::Int(4), level(1, "high", vec![])),
        (i64::MAX, -1, "x,ñ,z", vec![9, -9], Value::Int(0), level(2, "burning", vec![Value::Int(5), Value::text("q")])),
    ];
    rows.into_iter()
        .map(|(a, b, t, xs, o, (index, name, payload))| {
            let variant = rrb_lang::value::VariantValue {
                ty: rrb_lang::ids::TypeId(0),
                index,
                name: name.as_str().into(),
                payload,
            };
            vec![
                Value::Int(a),
                Value::Int(b),
                Value::text(t),
                Value::list(xs.into_iter().map(Value::Int)),
                o,
                Value::Variant(std::sync::Arc::new(variant)),
                Value::record([("x", Value::Int(b)), ("y", Value::text(t))]),
            ]
        })
        .collect()
}

/// Where the machine and the walker differ, or what is wrong with a program.
fn difference(bodies: &[(String, &'static str)]) -> Result<(), String> {
    let fns = bodies.iter().enumerate().map(|(i, (body, ty))| format!("fn it{i}({PARAMS}) -> {ty} {{ {body} }}\n"));
    let text = format!("{GIVEN}{}", fns.collect::<String>());
    let module = ModuleSource { name: "main".into(), file: "main.rrb".into(), text: text.as_str().into() };
    let checked = check(CheckInput { modules: vec![module], ..CheckInput::default() });
    let Some(tree) = checked.program else {
        let errors: Vec<_> =
            checked.diagnostics.into_iter().filter(|d| d.severity == rrb_lang::diag::Severity::Error).take(1).collect();
        return Err(plain::render(&errors, &checked.sources));
    };
    let program = compile(&tree, &checked.sources).map_err(|all| plain::render(&all, &checked.sources))?;
    let level = tree.types.defs.iter().position(|d| d.name == "Level").unwrap_or(0);
    for (i, (body, _)) in bodies.iter().enumerate() {
        let name = format!("it{i}");
        let function = tree.functions.iter().find(|f| f.name == name).unwrap();
        for mut args in arguments() {
            if let Value::Variant(v) = &mut args[5] {
                std::sync::Arc::make_mut(v).ty = rrb_lang::ids::TypeId(u32::try_from(level).unwrap());
            }
            let expected = Walker::new(&tree).call(function, args.clone());
            let got = call_with(&program, &name, args.clone(), 10_000_000).map_err(|e| e.to_string());
            if expected != got {
                return Err(format!("{body}\n  with {args:?}\n  the walker: {expected:?}\n  the machine: {got:?}"));
            }
        }
    }
    Ok(())
}

fn agree(programs: usize) {
    let cases = u32::try_from(programs.div_ceil(BODIES)).unwrap();
    let config = Config { cases, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    let bodies = prop::collection::vec(generate::body(4), BODIES);
    let outcome = TestRunner::new(config).run(&bodies, |bodies| difference(&bodies).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        // The bodies around the one that differs would only hide it.
        Err(TestError::Fail(why, _)) => panic!("{why}"),
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn the_machine_and_the_walker_agree_on_generated_programs() {
    agree(std::env::var("RRB_PROGRAMS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000));
}

/// A walker that is wrong would be found: the comparison itself works.
#[test]
fn a_difference_is_found() {
    assert!(difference(&[("a".into(), "Text")]).is_err());
    assert_eq!(difference(&[("half(a) + b".into(), "Int")]), Ok(()));
}
