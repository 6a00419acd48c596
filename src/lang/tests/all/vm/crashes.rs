//! Crashes at every boundary: snapshots and replays give the same commands, and a killed engine the same end.

use std::collections::BTreeSet;
use std::sync::Arc;

use rrb_lang::json::Json;
use rrb_lang::program::Program;
use rrb_lang::vm::Machine;
use rrb_lang::vm::protocol::{Command, Effect, EffectId, EffectOutcome, Input, NativeCall, Repeat, Resolution};

use super::kit::{Drive, short};
use super::runs::{reply, runbook};

/// Programs that use every part of a run.
const BODIES: &[&str] = &[
    "do put(\"a\")  let x = get(\"b\")  do box.two(\"c\")  wait 5m  do box.keep(\"d\") retry 2 times",
    "timeout 4h\n step \"s\" { do box.two(\"a\") }  do put(\"b\") undo { do put(\"undo-b\") }  fail \"no\"
     on failure as f { do put(\"told\") }  finally { do put(\"last\") }",
    "try { do box.two(\"a\")  let x = get(\"gone\") as Int  log \"${x}\" } catch f { rollback  evidence \"f\" = f.message }  do put(\"on\")",
    "approve \"Drop?\" from group(\"sre\") within 30m showing { x: get(\"b\") } { for n in [\"n1\", \"n2\"] { do box.drop(n) } }
     verify \"gone\" within 10m every 1m settle 30s { (get(\"count\") as Int) > 2 }",
    "do box.ask(\"a\")  do box.once(\"b\") retry 3 times backoff 1s..8s  let ok = wait until (get(\"count\") as Int) > 3 every 1m within 1h  finish mitigated \"${ok}\"",
    "shadow timeout 1h  let x = get(\"b\")  do box.two(\"c\")  approve \"Drop?\" from group(\"sre\") { do box.drop(\"n\") }  finally { do put(\"last\") }",
    "let all = [\"a\", \"b\"].map(p => get(p))  for x in all { do box.keep(\"k\") }  log \"${all.len()}\"",
];

/// Programs in which several things are in flight at a time. What a killed call delays, others overtake: the end is the same, the order is not.
const TOGETHER: &[&str] = &[
    "let r = parallel { a { do box.two(\"a\") get(\"x\") }, b { do put(\"b1\") undo { do put(\"undo-b1\") } do box.keep(\"d\") 2 } } evidence \"r\" = r  do put(\"z\")",
    "let r = race { work { do put(\"w1\") do box.once(\"k\") \"done\" }, limit { do put(\"l\") undo { do put(\"undo-l\") } wait 5m \"late\" } }
     evidence \"r\" = r  do put(\"z\")",
    "for x in [\"1\", \"2\", \"3\", \"4\"] parallel 2 { do put(x) undo { do put(\"undo-${x}\") } }  fail \"no\"",
    "let r = for x in [\"1\", \"2\", \"3\"] parallel 3 collect failures { do box.add(x) if x == \"2\" { fail \"no\" } x } evidence \"r\" = r",
    "timeout 4h\n at most 3 for [\"1\", \"2\", \"3\"]
     for x in [\"1\", \"2\", \"3\"] in waves [1, 100%] pausing 5m { step \"s ${x}\" { do box.two(x) } } between { verify \"v\" within 5m every 1m { (get(\"count\") as Int) > 1 } }",
    "approve \"Drop?\" from group(\"sre\") { parallel { a { do box.drop(\"n1\") }, b { for n in [\"n2\", \"n3\"] parallel 2 { do box.drop(n) } } } }",
    "try { parallel { a { do put(\"a\") undo { do put(\"undo-a\") } wait 1h }, b { do put(\"b2\") undo { do put(\"undo-b2\") } wait 1m fail \"no\" } } }
     catch f { rollback evidence \"f\" = f.message }  finally { for x in [\"1\", \"2\"] parallel 2 { do put(\"last-${x}\") } }",
];

/// A world with a memory: what was performed, by call; the counter goes up with each read of it.
#[derive(Default)]
struct World {
    posts: Vec<String>,
    counts: i64,
}

impl World {
    fn perform(&mut self, call: &NativeCall) -> EffectOutcome {
        let what = short(call);
        match what.as_str() {
            "http.get count" => {
                self.counts += 1;
                reply(Json::Int(self.counts))
            }
            "http.get asked/a" => reply(Json::Bool(self.posts.contains(&"http.post a".to_owned()))),
            w if w.starts_with("http.get") => reply(Json::from("text")),
            _ => {
                self.posts.push(what);
                reply(Json::Null)
            }
        }
    }
}

fn plain(body: &str) -> Drive<'static> {
    let mut world = World::default();
    Drive::new(&runbook(body), "main", vec![], move |call, n| {
        if n == usize::MAX { World::default().perform(call) } else { world.perform(call) }
    })
    .run()
}

#[test]
fn a_snapshot_at_every_boundary_goes_on_the_same() {
    for body in BODIES.iter().chain(TOGETHER) {
        let first = plain(body);
        let mut world = World::default();
        let mut d = Drive::new(&runbook(body), "main", vec![], move |call, n| {
            if n == usize::MAX { World::default().perform(call) } else { world.perform(call) }
        });
        d.restore = true;
        let second = d.run();
        assert_eq!(format!("{:?}", first.steps), format!("{:?}", second.steps), "{body}");
        assert!(first.end.is_some(), "{body}: {:?}", first.pending);
    }
}

#[test]
fn a_replay_from_the_start_gives_the_same_commands() {
    for body in BODIES.iter().chain(TOGETHER) {
        let first = plain(body);
        for upto in 0..=first.inputs.len() {
            let mut again = Machine::new(first.program.clone(), first.machine.input().clone());
            for (input, said) in first.inputs.iter().zip(&first.steps).take(upto) {
                assert_eq!(again.step(input.clone()).unwrap(), *said, "{body}");
            }
            if upto == first.inputs.len() {
                assert_eq!(again.snapshot(), first.machine.snapshot());
            }
        }
    }
}

/// Runs to the end with an engine that is killed once: after the `kill`-th effect was performed and before its outcome was written,
/// or before it was performed. The machine comes back from the journal.
fn killed(program: &Arc<Program>, kill: usize, performed: bool) -> (Vec<String>, String, usize) {
    let mut world = World::default();
    let mut journal: Vec<Input> = Vec::new();
    let mut d = Drive::new(program, "main", vec![], |_, _| unreachable!());
    let run_input = d.machine.input().clone();
    let mut machine = Machine::new(program.clone(), run_input.clone());
    let mut pending: Vec<(EffectId, Effect)> = Vec::new();
    let mut asked = 0;
    let mut end = None;
    let (mut now, mut effects, mut lost) = (super::kit::START, 0, BTreeSet::new());
    let mut input = Input::Start { at: now };
    loop {
        journal.push(input.clone());
        for command in machine.step(input).unwrap() {
            match command {
                Command::Start { id, effect } => pending.push((id, effect)),
                Command::Abandon { id, .. } => pending.retain(|(open, _)| *open != id),
                Command::Finish(e) => end = Some(e),
                Command::Note(_) | Command::Stop { .. } => {}
            }
        }
        if end.is_some() {
            break;
        }
        d.pending = pending.clone();
        let next = d.next().unwrap();
        let (id, effect) = pending[next].clone();
        effects += 1;
        if effects == kill {
            if let (true, Effect::Call(call)) = (performed, &effect) {
                world.perform(call);
            }
            // Killed. What comes back knows the journal only.
            machine = Machine::new(program.clone(), run_input.clone());
            for input in &journal {
                machine.step(input.clone()).unwrap();
            }
            let mut back = machine.open_effects();
            let mut open = pending.clone();
            back.sort_by(|a, b| a.0.cmp(&b.0));
            open.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(back, open);
            if let Effect::Call(call) = &effect {
                let again = match call.repeat {
                    Repeat::Always => true,
                    Repeat::KeyedUntil(until) => now < until,
                    Repeat::Never => false,
                };
                if !again {
                    lost.insert(id.clone());
                }
            }
        }
        let outcome = match &effect {
            _ if lost.contains(&id) && !matches!(effect, Effect::Resolve(_)) => {
                EffectOutcome::Lost { why: "killed".into() }
            }
            Effect::Call(call) => world.perform(call),
            Effect::Gate(_) => super::kit::done(rrb_lang::value::Value::Nothing),
            Effect::Sleep { until } => {
                now = now.max(*until);
                super::kit::done(rrb_lang::value::Value::Nothing)
            }
            Effect::Plan(request) => {
                d.now = now;
                d.answer = Box::new(|call, _| World::default().perform(call));
                EffectOutcome::Planned(d.plan(&request.machine))
            }
            Effect::Approval(ask) => {
                asked += 1;
                EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: ask.expires - 1 }
            }
            // Somebody looks: the world knows.
            Effect::Resolve(_) if performed => EffectOutcome::Resolved(Resolution::Happened { result: None }),
            Effect::Resolve(_) => EffectOutcome::Resolved(Resolution::DidNotHappen),
            other => panic!("nobody answers a {}", other.kind()),
        };
        pending.remove(next);
        now += 10;
        input = Input::Complete { effect: id, outcome, at: now };
    }
    let end = end.unwrap();
    (world.posts, format!("{:?} {}", end.outcome, end.why), asked)
}

/// What may be done again without harm, and is kept once.
fn distinct(posts: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    posts
        .iter()
        .filter(|p| {
            !(p.starts_with("http.delete") || p.ends_with(" d") || p.ends_with(" k") || p.ends_with(" b"))
                || seen.insert((*p).clone())
        })
        .cloned()
        .collect()
}

#[test]
fn a_kill_at_every_boundary_gives_the_same_end_and_nothing_twice() {
    for body in BODIES.iter().chain(TOGETHER) {
        let ordered = BODIES.contains(body);
        let distinct = |posts: &[String]| {
            let mut all = distinct(posts);
            if !ordered {
                all.sort();
            }
            all
        };
        let program = runbook(body);
        let boundaries = plain(body).inputs.len();
        let (posts, end, asked) = killed(&program, usize::MAX, false);
        for kill in 1..=boundaries {
            let (again, said, asks) = killed(&program, kill, true);
            assert_eq!(
                (distinct(&again), &said, asks),
                (distinct(&posts), &end, asked),
                "{body} killed at {kill}, performed"
            );
            // A `once` call that did not happen is a failure where it stands; nothing happens twice either way.
            let (again, _, asks) = killed(&program, kill, false);
            let again = distinct(&again);
            for post in &again {
                let times = |all: &[String]| all.iter().filter(|p| *p == post).count();
                assert!(times(&again) <= times(&posts).max(1), "{body} killed at {kill}: {post}");
            }
            assert!(asks <= asked, "{body} killed at {kill}");
        }
    }
}

#[test]
fn a_lost_read_is_only_a_failure() {
    let mut first = true;
    let d = Drive::new(&runbook("let x = get(\"b\") retry 1 times"), "main", vec![], move |_, _| {
        if std::mem::take(&mut first) { EffectOutcome::Lost { why: "killed".into() } } else { reply(Json::Null) }
    })
    .run();
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (2, "Resolved: "));
    assert!(!d.performed.iter().any(|c| c.repeat != Repeat::Always));
}
