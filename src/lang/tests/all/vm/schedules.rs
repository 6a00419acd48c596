//! Random trees of branches under random orders of answers: a replay of the journal says the same as the run, at every prefix, and an
//! id names the same call whatever comes first.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::Machine;
use rrb_lang::vm::protocol::{Effect, EffectId, EffectOutcome, FailureKind, Happened, Input, Resolution};

use super::kit::{Drive, short};
use super::runs::{fails, fine, reply, runbook};

/// A statement of a random runbook.
#[derive(Debug, Clone)]
enum Tree {
    Call { undo: bool },
    Read,
    Wait(u8),
    Fail,
    Finish,
    Step(Vec<Tree>),
    Try { body: Vec<Tree>, rollback: bool },
    Parallel(Vec<Vec<Tree>>),
    Race(Vec<Vec<Tree>>),
    Each { items: u8, width: u8, collect: bool, body: Vec<Tree> },
    Waves { items: u8, body: Vec<Tree>, between: Vec<Tree> },
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        8 => any::<bool>().prop_map(|undo| Tree::Call { undo }),
        2 => Just(Tree::Read),
        2 => (1..5_u8).prop_map(Tree::Wait),
        1 => Just(Tree::Fail),
        1 => Just(Tree::Finish),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let body = || prop::collection::vec(inner.clone(), 1..3);
        let branches = || prop::collection::vec(body(), 1..4);
        prop_oneof![
            1 => body().prop_map(Tree::Step),
            1 => (body(), any::<bool>()).prop_map(|(body, rollback)| Tree::Try { body, rollback }),
            3 => branches().prop_map(Tree::Parallel),
            3 => branches().prop_map(Tree::Race),
            2 => (0..4_u8, 1..4_u8, any::<bool>(), body())
                .prop_map(|(items, width, collect, body)| Tree::Each { items, width, collect, body }),
            1 => (1..4_u8, body(), prop::collection::vec(inner.clone(), 0..2))
                .prop_map(|(items, body, between)| Tree::Waves { items, body, between }),
        ]
    })
}

/// Writes statements; `n` makes names, `item` is the text that tells rounds apart.
fn write(out: &mut String, trees: &[Tree], n: &mut u32, item: &str) {
    for t in trees {
        *n += 1;
        let id = *n;
        match t {
            Tree::Call { undo } => {
                let _ = write!(out, "do put(\"c{id}{item}\")");
                if *undo {
                    let _ = write!(out, " undo {{ do set(\"u{id}{item}\") }}");
                }
                out.push('\n');
            }
            Tree::Read => {
                let _ = writeln!(out, "log \"${{get(\"r{id}{item}\") == none}}\"");
            }
            Tree::Wait(minutes) => {
                let _ = writeln!(out, "wait {minutes}m");
            }
            Tree::Fail => {
                let _ = writeln!(out, "if get(\"f{id}{item}\") == none {{ fail \"f{id}\" }}");
            }
            Tree::Finish => {
                let _ = writeln!(out, "if get(\"e{id}{item}\") != none {{ finish mitigated \"e{id}\" }}");
            }
            Tree::Step(body) => block(out, &format!("step \"s{id}\""), body, n, item),
            Tree::Try { body, rollback } => {
                block(out, "try", body, n, item);
                let _ = writeln!(out, "catch f {{ log f.message {} }}", if *rollback { "rollback" } else { "" });
            }
            Tree::Parallel(branches) => group(out, "parallel", branches, n, item),
            Tree::Race(branches) => group(out, "race", branches, n, item),
            Tree::Each { items, width, collect, body } => {
                let collect = if *collect { "collect failures" } else { "" };
                let head = format!("for x{id} in 0..{items} parallel {width} {collect}");
                block(out, &head, body, n, &format!("{item}-${{x{id}}}"));
            }
            Tree::Waves { items, body, between } => {
                let head = format!("for x{id} in 0..{items} in waves [1, 100%] pausing 1m parallel 2");
                block(out, &head, body, n, &format!("{item}-${{x{id}}}"));
                block(out, "between", between, n, item);
            }
        }
    }
}

fn block(out: &mut String, head: &str, body: &[Tree], n: &mut u32, item: &str) {
    let _ = writeln!(out, "{head} {{");
    write(out, body, n, item);
    out.push_str("}\n");
}

fn group(out: &mut String, word: &str, branches: &[Vec<Tree>], n: &mut u32, item: &str) {
    let _ = writeln!(out, "{word} {{");
    for (i, body) in branches.iter().enumerate() {
        block(out, &format!("b{i}"), body, n, item);
    }
    out.push_str("}\n");
}

/// A small generator, so that a seed is a schedule.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// What the world answers depends on the call alone.
fn answer(word: &str, seed: u64) -> EffectOutcome {
    let mut dice = Dice(seed);
    for b in word.bytes() {
        dice.0 ^= u64::from(b);
        dice.roll(7);
    }
    match dice.roll(12) {
        0 if word.contains(" c") => fails(FailureKind::Failed, Happened::Answered),
        1 if word.contains(" c") => EffectOutcome::Lost { why: "the line broke".into() },
        2 => reply(Json::from("x")),
        _ => reply(Json::Null),
    }
}

/// Runs with a random order of answers, and perhaps a cancel.
fn run<'a>(body: &str, world: u64, schedule: u64, restore: bool) -> Drive<'a> {
    let mut d = Drive::new(&runbook(body), "main", vec![], fine);
    d.restore = restore;
    let mut dice = Dice(schedule);
    d.feed(Input::Start { at: d.now });
    for _ in 0..3_000 {
        if d.end.is_some() || d.pending.is_empty() {
            break;
        }
        let at = d.now;
        if dice.roll(60) == 0 {
            d.feed(Input::Cancel { why: "told to".into(), at });
            continue;
        }
        let (id, effect) = d.pending.remove(dice.roll(d.pending.len()));
        let outcome = match &effect {
            Effect::Call(call) => answer(&short(call), world),
            Effect::Resolve(_) => EffectOutcome::Resolved(match dice.roll(3) {
                0 => Resolution::DidNotHappen,
                1 => Resolution::Unknown,
                _ => Resolution::Happened { result: None },
            }),
            Effect::Sleep { until } => {
                d.now = d.now.max(*until);
                EffectOutcome::Done(Value::Nothing)
            }
            _ => EffectOutcome::Done(Value::Nothing),
        };
        d.now += 7;
        let at = d.now;
        d.feed(Input::Complete { effect: id, outcome, at });
    }
    d
}

/// Which call each id names.
fn named(d: &Drive<'_>) -> BTreeMap<EffectId, String> {
    let started = d.steps.iter().flatten().filter_map(|c| match c {
        rrb_lang::vm::protocol::Command::Start { id, effect: Effect::Call(call) } => Some((id.clone(), short(call))),
        _ => None,
    });
    let mut all = BTreeMap::new();
    for (id, word) in started {
        assert!(all.insert(id.clone(), word).is_none(), "the id {id} twice");
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_replay_says_what_the_run_said(
        trees in prop::collection::vec(tree(), 1..4),
        world in any::<u64>(),
        schedule in any::<u64>(),
        other in any::<u64>(),
    ) {
        let mut body = String::new();
        write(&mut body, &trees, &mut 0, "");
        let d = run(&body, world, schedule, false);
        prop_assert!(d.end.is_some(), "it waits for {:?}\n{body}", d.pending);

        // From the journal, at every prefix.
        let input = d.machine.input().clone();
        let mut machine = Machine::new(d.program.clone(), input);
        for (i, given) in d.inputs.iter().enumerate() {
            let said = machine.step(given.clone()).unwrap();
            prop_assert_eq!(&said, &d.steps[i], "at {}\n{}", i, body);
            let back = Machine::restore(d.program.clone(), &machine.snapshot()).unwrap();
            prop_assert_eq!(back.open_effects(), machine.open_effects());
        }
        // From a snapshot before every input.
        let again = run(&body, world, schedule, true);
        prop_assert_eq!(&again.steps, &d.steps);
        prop_assert_eq!(again.end, d.end.clone());

        // In another order: an id is the same call.
        let elsewhere = run(&body, world, other, false);
        let (a, b) = (named(&d), named(&elsewhere));
        // (An undo runs in the order in which things were done, so its counter is that of the journal.)
        for (id, word) in a.iter().filter(|(_, w)| !w.contains(" u")) {
            if let Some(same) = b.get(id) {
                let tail = |w: &str| w.rsplit(' ').next().unwrap_or_default().to_owned();
                prop_assert_eq!(tail(word), tail(same), "the id {}\n{}", id, body);
            }
        }
        // Each undo at most once: never more of them than of the calls that they undo.
        let times = |word: &str| a.values().filter(|w| w.ends_with(word)).count();
        for undo in a.values().filter(|w| w.contains(" u")) {
            prop_assert!(times(undo) <= times(&undo.replacen(" u", " c", 1)), "{undo} in {body}");
        }
    }
}
