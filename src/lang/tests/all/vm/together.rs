//! `parallel`, `race`, loops whose items run at the same time, waves, and `at most`.

use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{
    Command, Effect, EffectOutcome, FailureKind, Happened, Input, Limits, NativeCall, Note, Resolution,
};

use super::kit::{Drive, short};
use super::runs::{fails, fine, reply, runbook};

/// Runs a body; `answer` sees the last word of the address.
fn drive<'a>(body: &str, mut answer: impl FnMut(&str) -> EffectOutcome + 'a) -> Drive<'a> {
    Drive::new(&runbook(body), "main", vec![], move |call, _| answer(&word(call))).run()
}

fn word(call: &NativeCall) -> String {
    short(call).rsplit(' ').next().unwrap_or_default().to_owned()
}

fn ok(_: &str) -> EffectOutcome {
    reply(Json::Null)
}

fn broken(_: &str) -> EffectOutcome {
    fails(FailureKind::Failed, Happened::Answered)
}

fn shown(d: &Drive<'_>) -> Vec<String> {
    d.notes
        .iter()
        .filter_map(|n| match n.parts().1 {
            Note::Evidence { name, value, .. } => Some(format!("{name} = {}", serde_json::to_string(value).unwrap())),
            _ => None,
        })
        .collect()
}

/// A run whose effects a test answers one by one.
struct Hand<'a>(Drive<'a>);

impl Hand<'_> {
    fn new(body: &str) -> Self {
        let mut d = Drive::new(&runbook(body), "main", vec![], fine);
        d.feed(Input::Start { at: d.now });
        let mut hand = Self(d);
        hand.gates();
        hand
    }

    fn gates(&mut self) {
        while let Some(i) = self.0.pending.iter().position(|(_, e)| matches!(e, Effect::Gate(_))) {
            self.feed(i, EffectOutcome::Done(rrb_lang::value::Value::Nothing));
        }
    }

    fn feed(&mut self, i: usize, outcome: EffectOutcome) {
        let (effect, _) = self.0.pending.remove(i);
        self.0.now += 1;
        let at = self.0.now;
        self.0.feed(Input::Complete { effect, outcome, at });
    }

    fn call(&mut self, name: &str, outcome: EffectOutcome) {
        let at = self.0.pending.iter().position(|(_, e)| matches!(e, Effect::Call(c) if word(c) == name));
        let at = at.unwrap_or_else(|| panic!("no call of {name} in {:?}", self.open()));
        self.feed(at, outcome);
        self.gates();
    }

    fn done(&mut self, name: &str) {
        self.call(name, reply(Json::Null));
    }

    fn sleep(&mut self) {
        let at = self.0.pending.iter().position(|(_, e)| matches!(e, Effect::Sleep { .. })).expect("no sleep");
        if let Effect::Sleep { until } = &self.0.pending[at].1 {
            self.0.now = self.0.now.max(*until);
        }
        self.feed(at, EffectOutcome::Done(rrb_lang::value::Value::Nothing));
        self.gates();
    }

    /// What is open: words of calls, and the kinds of the rest.
    fn open(&self) -> Vec<String> {
        self.0
            .pending
            .iter()
            .map(|(_, e)| if let Effect::Call(c) = e { word(c) } else { e.kind().to_owned() })
            .collect()
    }

    fn end(&self) -> String {
        self.0.outcome_text()
    }
}

#[test]
fn parallel_gives_a_record_of_what_its_branches_give() {
    let d = drive(
        "let r = parallel { a = get(\"a\"), b { let x = get(\"b\") { x, two: 2 } }, c { do put(\"c\") } }
         evidence \"r\" = r",
        |w| reply(Json::from(w)),
    );
    assert_eq!(d.calls(), ["http.get a", "http.get b", "http.post c"]);
    assert_eq!(shown(&d), [r#"r = {"a":"a","b":{"x":"b","two":2}}"#]);
    assert_eq!(d.outcome_text(), "Resolved: ");
}

#[test]
fn branches_wait_side_by_side_and_go_on_in_the_order_of_their_answers() {
    let mut h = Hand::new(
        "let r = parallel { a { do put(\"a1\") do put(\"a2\") 1 }, b { do put(\"b1\") 2 } }
         evidence \"r\" = r",
    );
    assert_eq!(h.open(), ["a1", "b1"]);
    h.done("b1");
    assert_eq!(h.open(), ["a1"]);
    h.done("a1");
    h.done("a2");
    assert_eq!(shown(&h.0), [r#"r = {"a":1,"b":2}"#]);
    assert_eq!(h.end(), "Resolved: ");
}

#[test]
fn effect_ids_are_those_of_the_place_and_the_counters_whatever_comes_first() {
    let body = "for i in 0..2 { parallel { a { do put(\"a${i}\") }, b { do put(\"b${i}\") } } }";
    let ids = |order: &[&str]| {
        let mut h = Hand::new(body);
        let mut seen = Vec::new();
        for name in order {
            seen.extend(h.0.pending.iter().map(|(id, e)| match e {
                Effect::Call(c) => format!("{}={id}", word(c)),
                _ => String::new(),
            }));
            h.done(name);
        }
        seen.sort();
        seen.dedup();
        seen
    };
    let one = ids(&["a0", "b0", "a1", "b1"]);
    assert_eq!(one, ids(&["b0", "a0", "b1", "a1"]));
    assert_eq!(one.len(), 4);
    assert!(one.iter().all(|id| id.contains('/')), "{one:?}");
}

#[test]
fn the_first_failure_stops_the_others_and_undoes_what_they_did() {
    let mut h = Hand::new(
        "let r = try { parallel {
           a { do put(\"a1\") undo { do put(\"undo-a1\") } do put(\"a2\") undo { do put(\"undo-a2\") } wait 1h do put(\"a3\") },
           b { do put(\"b1\") undo { do put(\"undo-b1\") } do put(\"b2\") },
           c { wait 1m do put(\"c1\") }
         }
         \"fine\" } catch f { f.message }
         evidence \"r\" = r",
    );
    h.done("a1");
    h.done("b1");
    h.done("a2");
    // `a` waits for an hour, `c` for a minute; `b` fails.
    h.call("b2", broken(""));
    // The newest of what the stopped one did comes first. What `b` did stays: it was not stopped.
    assert_eq!(h.open(), ["undo-a2"]);
    h.done("undo-a2");
    assert_eq!(h.open(), ["undo-a1"]);
    h.done("undo-a1");
    assert_eq!(h.end(), "Resolved: ");
    assert_eq!(shown(&h.0), [r#"r = "broken""#]);
}

#[test]
fn an_uncaught_failure_of_a_branch_undoes_everything_newest_first_over_all_branches() {
    let mut h = Hand::new(
        "do put(\"0\") undo { do put(\"undo-0\") }
         parallel {
           a { do put(\"a1\") undo { do put(\"undo-a1\") } do put(\"a2\") undo { do put(\"undo-a2\") } },
           b { do put(\"b1\") undo { do put(\"undo-b1\") } do put(\"b2\") undo { do put(\"undo-b2\") } }
         }
         do put(\"last\")",
    );
    h.done("0");
    for name in ["a1", "b1", "b2", "a2"] {
        h.done(name);
    }
    h.call("last", broken(""));
    for name in ["undo-a2", "undo-b2", "undo-b1", "undo-a1", "undo-0"] {
        assert_eq!(h.open(), [name]);
        h.done(name);
    }
    assert_eq!(h.end(), "RolledBack: broken");
}

#[test]
fn a_stopped_branch_lets_its_call_end_and_has_its_undo() {
    let mut h = Hand::new(
        "parallel {
           a { do put(\"a\") undo { do put(\"undo-a\") } do put(\"never\") },
           b { do put(\"b\") }
         }",
    );
    h.call("b", broken(""));
    assert_eq!(h.open(), ["a"]);
    h.done("a");
    assert_eq!(h.open(), ["undo-a"]);
    h.done("undo-a");
    assert_eq!(h.end(), "RolledBack: broken");
}

#[test]
fn race_gives_what_comes_first_after_the_losers_are_undone() {
    let mut h = Hand::new(
        "let r = race {
           a { do put(\"a1\") undo { do put(\"undo-a1\") } wait 1h \"a\" },
           b { do put(\"b1\") undo { do put(\"undo-b1\") } \"b\" }
         }
         evidence \"r\" = r
         do put(\"after\")",
    );
    h.done("a1");
    h.done("b1");
    assert_eq!((h.open(), shown(&h.0).len()), (vec!["undo-a1".to_owned()], 0));
    h.done("undo-a1");
    assert_eq!(shown(&h.0), [r#"r = "b""#]);
    // The winner's undo is the run's.
    h.call("after", broken(""));
    assert_eq!(h.open(), ["undo-b1"]);
}

#[test]
fn a_race_of_waits_is_decided_by_the_journal() {
    let body = "let r = race { a { wait 5m \"a\" }, b { wait 5m \"b\" } } evidence \"r\" = r";
    for (first, want) in [(0, "a"), (1, "b")] {
        let mut h = Hand::new(body);
        h.0.now += 300_000;
        h.feed(first, EffectOutcome::Done(rrb_lang::value::Value::Nothing));
        assert_eq!(h.end(), "Resolved: ");
        assert_eq!(shown(&h.0), [format!("r = \"{want}\"")]);
    }
}

#[test]
fn the_failure_of_the_first_branch_to_end_is_that_of_the_race() {
    let mut h = Hand::new("race { work { do put(\"w\") }, limit { wait 5m fail \"too slow\" } }");
    h.sleep();
    assert_eq!(h.open(), ["w"], "a call in flight ends first");
    h.done("w");
    assert_eq!(h.end(), "Failed: too slow");
}

#[test]
fn finish_in_a_branch_ends_the_run_and_undoes_nothing() {
    let mut h = Hand::new(
        "parallel {
           a { do put(\"a\") undo { do put(\"undo-a\") } wait 1h },
           b { do put(\"b\") finish mitigated \"enough\" }
         }",
    );
    h.done("a");
    h.done("b");
    assert_eq!(h.end(), "Mitigated: enough");
    assert!(h.0.pending.is_empty());
}

#[test]
fn for_parallel_holds_to_its_number_and_keeps_the_order_of_the_items() {
    let mut h = Hand::new(
        "let r = for x in [\"a\", \"b\", \"c\", \"d\"] parallel 2 { do put(x) x.upper() } evidence \"r\" = r",
    );
    assert_eq!(h.open(), ["a", "b"]);
    h.done("b");
    assert_eq!(h.open(), ["a", "c"]);
    h.done("c");
    h.done("d");
    h.done("a");
    assert_eq!(shown(&h.0), [r#"r = ["A","B","C","D"]"#]);
}

#[test]
fn for_parallel_stops_at_the_first_failure_and_begins_no_more() {
    let mut h = Hand::new("for x in [\"a\", \"b\", \"c\"] parallel 2 { do put(x) }");
    h.call("a", broken(""));
    assert_eq!(h.open(), ["b"]);
    h.done("b");
    assert_eq!(h.end(), "Failed: broken");
    assert_eq!(h.0.calls().len(), 0, "answered by hand");
}

#[test]
fn collected_failures_stop_nothing() {
    let d = drive(
        "let r = for x in [\"a\", \"b\", \"c\"] parallel 2 collect failures { do put(x) 1 }
         evidence \"r\" = r.map(o => { item: o.item, value: o.value, why: o.failure?.message })
         for x in [\"d\", \"e\"] parallel 1 collect failures { do put(x) }",
        |w| if ["b", "d"].contains(&w) { broken("") } else { ok("") },
    );
    assert_eq!(
        shown(&d),
        [
            r#"r = [{"item":"a","value":1,"why":null},{"item":"b","value":null,"why":"broken"},{"item":"c","value":1,"why":null}]"#
        ]
    );
    assert_eq!(d.outcome_text(), "Resolved: ");
    assert_eq!(d.calls().len(), 5);
}

#[test]
fn nothing_to_do_is_done_at_once() {
    let d = drive(
        "let empty: List<Text> = []
         let a = for x in empty parallel 3 { x }
         let b = for x in empty in waves [1, 100%] pausing 1h { x } between { verify \"v\" { false } }
         at most 0 for empty
         evidence \"r\" = { a, b }",
        ok,
    );
    assert_eq!(shown(&d), [r#"r = {"a":[],"b":[]}"#]);
}

#[test]
fn waves_are_cumulative_round_up_and_check_between() {
    let body = |waves: &str| {
        format!("for x in (0..40).to_list() in waves {waves} {{ log \"${{x}}\" }} between {{ log \"between\" }}")
    };
    let sizes = |waves: &str| {
        let d = drive(&body(waves), ok);
        assert_eq!(d.outcome_text(), "Resolved: ", "{waves}");
        let all: Vec<u32> = d
            .notes
            .iter()
            .filter_map(|n| match n.parts().1 {
                Note::WaveBegan { count, .. } => Some(*count),
                _ => None,
            })
            .collect();
        let between = d.notes.iter().filter(|n| matches!(n.parts().1, Note::Log { text, .. } if text == "between"));
        assert_eq!(between.count(), all.len());
        all
    };
    assert_eq!(sizes("[1, 10%, 50%, 100%]"), [1, 3, 16, 20]);
    assert_eq!(sizes("[1, 1%, 100%]"), [1, 39], "a wave that adds nothing is passed over");
    assert_eq!(sizes("[15, 100]"), [15, 25]);
    assert_eq!(sizes("[7.5%, 100%]"), [3, 37]);
}

#[test]
fn ten_percent_of_thirty_are_three() {
    let d = drive("for x in (0..30).to_list() in waves [10%, 100%] { log \"${x}\" }", ok);
    assert!(d.notes.iter().any(|n| matches!(n.parts().1, Note::WaveBegan { wave: 1, of: 2, count: 3, .. })));
}

#[test]
fn a_failed_between_stops_and_names_who_was_done() {
    let d = drive(
        "for x in [\"a\", \"b\", \"c\", \"d\"] in waves [1, 50%, 100%] { do put(x) } between { if (get(\"ok\") as Bool) == false { fail \"errors rise\" } }",
        {
            let mut checks = 0;
            move |w| {
                if w == "ok" {
                    checks += 1;
                    return reply(Json::Bool(checks < 2));
                }
                reply(Json::Null)
            }
        },
    );
    assert_eq!(d.outcome_text(), "Failed: the check after wave 2 of 3 failed: errors rise; done: a, b");
    let detail = serde_json::to_value(&d.end().failure.as_ref().unwrap().detail).unwrap();
    assert_eq!(detail, serde_json::json!({ "wave": 2, "waves": 3, "done": ["a", "b"] }));
}

#[test]
fn a_failed_wave_says_which_and_who_was_done_before() {
    let d = drive("for x in [\"a\", \"b\", \"c\"] in waves [1, 100%] { do put(x) }", |w| {
        if w == "c" { broken("") } else { ok("") }
    });
    assert_eq!(d.outcome_text(), "Failed: wave 2 of 2 failed: broken; done before it: a; of it: some of b, c");
}

#[test]
fn waves_pause_before_what_follows_and_not_at_the_end() {
    let pauses = |tail: &str| {
        let d = drive(&format!("for x in [1, 2] in waves [1, 2] pausing 5m {{ log \"${{x}}\" }} {tail}"), ok);
        d.steps.iter().flatten().filter(|c| matches!(c, Command::Start { effect: Effect::Sleep { .. }, .. })).count()
    };
    assert_eq!(pauses(""), 1);
    assert_eq!(pauses("between { log \"x\" }"), 2);
}

#[test]
fn waves_run_ten_at_a_time_unless_they_say_so() {
    let open = |clause: &str| {
        Hand::new(&format!("for x in (0..30).to_list() in waves [100%] {clause} {{ do put(\"${{x}}\") }}")).open().len()
    };
    assert_eq!((open(""), open("parallel 4")), (10, 4));
}

#[test]
fn waves_that_leave_some_out_refuse_before_anything() {
    for (waves, said) in [
        ("[1, n]", "the last wave (2) does not reach all 3 items"),
        ("[0.0 + share]", "does not reach all"),
        ("[n - 2]", "is no size of a wave"),
        ("[share * 9.0]", "is no size of a wave"),
    ] {
        let d = drive(
            &format!(
                "let n = get(\"n\") as Int  let share = 0.5  for x in [\"a\", \"b\", \"c\"] in waves {waves} {{ do put(x) }}"
            ),
            |_| reply(Json::Int(2)),
        );
        assert!(d.outcome_text().contains(said), "{waves}: {}", d.outcome_text());
        assert_eq!(d.calls(), ["http.get n"]);
    }
}

#[test]
fn at_most_refuses_before_anything_is_done() {
    let run = |clause: &str| {
        let d = drive(
            &format!("let all = (0..45).to_list()  let xs = all.take(5)  at most {clause} for xs  do put(\"x\")"),
            ok,
        );
        (d.calls().len(), d.outcome_text())
    };
    assert_eq!(run("5").0, 1);
    assert_eq!(run("12% of all").0, 1, "5.4 rounds down to 5");
    assert_eq!(run("0% of all or 5").0, 1);
    assert_eq!(run("4"), (0, "Failed: `xs` has 5 items, more than the 4 that `at most` allows".into()));
    let (calls, why) = run("10% of all");
    assert_eq!(calls, 0);
    assert_eq!(why, "Failed: `xs` has 5 items, more than the 10% of the 45 in `all`, which is 4 that `at most` allows");
    assert_eq!(run("1% of all or 4").0, 0);
}

#[test]
fn a_cancel_reaches_every_branch_and_what_they_did_is_undone() {
    let mut h = Hand::new(
        "parallel {
           a { do put(\"a\") undo { do put(\"undo-a\") } wait 1h },
           b { for x in [\"x\", \"y\"] parallel 2 { do put(x) undo { do put(\"undo-${x}\") } wait 1h } },
           c { do put(\"c\") undo { do put(\"undo-c\") } do put(\"never\") }
         }",
    );
    for name in ["a", "y", "x"] {
        h.done(name);
    }
    let at = h.0.now;
    h.0.feed(Input::Cancel { why: "told to".into(), at });
    assert_eq!(h.open(), ["c"], "the call in flight ends");
    h.done("c");
    for name in ["undo-c", "undo-x", "undo-y", "undo-a"] {
        assert_eq!(h.open(), [name]);
        h.done(name);
    }
    assert_eq!(h.end(), "Cancelled: told to");
}

#[test]
fn an_unknown_outcome_in_a_branch_waits_for_a_person_and_the_others_go_on() {
    let mut h = Hand::new(
        "let r = parallel { a { do put(\"a\") 1 }, b { do put(\"b1\") do put(\"b2\") 2 } } evidence \"r\" = r",
    );
    h.call("a", EffectOutcome::Lost { why: "the line broke".into() });
    assert_eq!(h.open(), ["b1", "resolve"]);
    h.done("b1");
    h.done("b2");
    assert_eq!(h.open(), ["resolve"]);
    h.feed(0, EffectOutcome::Resolved(Resolution::Happened { result: None }));
    assert_eq!(shown(&h.0), [r#"r = {"a":1,"b":2}"#]);
}

#[test]
fn a_sibling_that_waits_for_a_person_is_not_waited_for() {
    let mut h = Hand::new("parallel { a { do put(\"a\") }, b { do put(\"b\") } }");
    h.call("a", EffectOutcome::Lost { why: "the line broke".into() });
    h.call("b", broken(""));
    let end = h.0.end();
    assert_eq!(end.remains, ["http.post: nobody knows whether it happened"]);
    assert_eq!(h.end(), "Failed: broken");
}

#[test]
fn the_time_of_a_call_around_ends_its_branches() {
    let d = Drive::new(
        &super::kit::program(
            "action both() changes { parallel { a { wait 1h }, b { wait 2h } } }
             runbook main() { do both() timeout 5m }",
        ),
        "main",
        vec![],
        fine,
    )
    .run();
    assert_eq!(d.outcome_text(), "Failed: the time is over");
}

#[test]
fn limits_hold_at_their_edge() {
    let wide = |n: u32| {
        drive("let w = get(\"w\") as Int  for x in [1] parallel w { log \"${x}\" }", move |_| {
            reply(Json::Int(i64::from(n)))
        })
        .outcome_text()
    };
    assert_eq!(wide(256), "Resolved: ");
    assert!(wide(257).contains("from 1 to 256"), "{}", wide(257));
    assert!(wide(0).contains("from 1 to 256"));
    let many = |n: u32| drive(&format!("for x in 0..{n} parallel 250 {{ x }}"), ok).outcome_text();
    assert_eq!(many(99_999), "Resolved: ");
    assert_eq!(many(100_000), "Resolved: ");
    assert!(many(100_001).contains("at most 100000 items"), "{}", many(100_001));
    // The main thread, `outer` branches, and 100 in each of them.
    let open = |outer: u32, inner: u32| {
        let h = Hand::new(&format!(
            "for x in 0..{outer} parallel {outer} {{ for y in 0..{inner} parallel 256 {{ do put(\"${{x}}-${{y}}\") }} }}"
        ));
        (h.open().len(), h.0.end.is_some())
    };
    assert_eq!(open(9, 110), (990, false));
    assert_eq!(open(27, 36), (972, false));
    let d = drive("for x in 0..10 parallel 10 { for y in 0..100 parallel 100 { do put(\"${x}-${y}\") } }", ok);
    assert!(d.outcome_text().contains("the limit `branches` was reached: more than 1000"), "{}", d.outcome_text());
}

#[test]
fn values_of_branches_count_against_the_memory() {
    let body = "let r = for x in 0..200 parallel 10 { get(\"${x}\") as Text } evidence \"n\" = r.len()";
    let run = |memory: u64| {
        let limits = Limits { memory, ..Limits::default() };
        let text = Json::from("x".repeat(10_000).as_str());
        Drive::with_limits(&runbook(body), "main", vec![], limits, move |_, _| reply(text.clone())).run().outcome_text()
    };
    assert_eq!(run(8_000_000), "Resolved: ");
    assert!(run(1_500_000).contains("the limit `memory`"), "{}", run(1_500_000));
}

#[test]
fn a_plan_shows_every_branch_and_the_targets_by_wave() {
    let mut d = drive(
        "let hosts = [\"a\", \"b\", \"c\"]
         approve \"Go?\" from group(\"sre\") {
           parallel { one { do box.drop(\"1\") }, two { do box.drop(\"2\") } }
           race { fast { do box.drop(\"3\") }, slow { do box.drop(\"4\") } }
           for h in hosts in waves [1, 100%] { do box.drop(h) } between { verify \"v\" { true } }
           for h in [\"x\", \"y\"] parallel 2 { do box.drop(h) }
           do box.add(\"last\")
         }",
        ok,
    );
    let lines = rrb_lang::vm::plan::describe(&d.plans.remove(0));
    insta::assert_snapshot!(lines);
    assert_eq!(d.outcome_text(), "Resolved: ");
    assert_eq!(d.plans.len(), 0, "nobody is asked twice: {:?}", d.calls());
}

#[test]
fn a_branch_that_wants_more_than_was_agreed_asks_for_itself() {
    let mut asked = Vec::new();
    let p = runbook(
        "approve \"Go?\" from group(\"sre\") {
           for h in [\"a\", \"b\"] parallel 2 {
             for pod in (get(h) as List<Text>) { do box.drop(pod) }
           }
         } otherwise d { evidence \"no\" = d.reason }",
    );
    // The list of `b` grows while people think.
    let mut reads = 0;
    let answer = move |call: &NativeCall, _: usize| match word(call).as_str() {
        "a" => reply(Json::list([Json::from("a1")])),
        "b" => {
            reads += 1;
            let all = if reads > 1 { vec!["b1", "b2"] } else { vec!["b1"] };
            reply(Json::list(all.into_iter().map(Json::from)))
        }
        _ => reply(Json::Null),
    };
    let mut d = Drive::new(&p, "main", vec![], answer);
    d.person = Box::new(|_, effect| match effect {
        Effect::Approval(ask) => {
            asked.push(format!("{} {}", ask.again, ask.plan.entries.len()));
            Some(EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: 0 })
        }
        _ => None,
    });
    let d = d.run();
    assert_eq!(d.outcome_text(), "Resolved: ");
    let mut calls: Vec<String> = d.calls().into_iter().filter(|c| c.starts_with("http.delete")).collect();
    calls.sort();
    assert_eq!(calls, ["http.delete a1", "http.delete b1", "http.delete b2"]);
    drop(d);
    assert_eq!(asked, ["false 2", "true 1"]);
}

#[test]
fn a_no_in_a_branch_is_a_no_to_the_block() {
    let p = runbook(
        "approve \"Go?\" from group(\"sre\") {
           parallel { a { for pod in (get(\"pods\") as List<Text>) { do box.drop(pod) } }, b { do put(\"b\") undo { do put(\"undo-b\") } wait 1h } }
         } otherwise d { evidence \"no\" = d.reason }
         do put(\"after\")",
    );
    let mut reads = 0;
    let mut d = Drive::new(&p, "main", vec![], move |call, _| {
        reads += usize::from(word(call) == "pods");
        if word(call) == "pods" && reads > 1 {
            reply(Json::list([Json::from("new")]))
        } else if word(call) == "pods" {
            reply(Json::list([]))
        } else {
            reply(Json::Null)
        }
    });
    d.person = Box::new(|_, effect| match effect {
        Effect::Approval(ask) if ask.again => {
            Some(EffectOutcome::Refused { reason: "not that one".into(), by: vec!["bo".into()], expired: false, at: 0 })
        }
        Effect::Approval(_) => Some(EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: 0 }),
        _ => None,
    });
    let d = d.run();
    assert_eq!(shown(&d), [r#"no = "not that one""#]);
    assert_eq!(d.calls(), ["http.get pods", "http.post b", "http.post undo-b", "http.post after"]);
    assert_eq!(d.outcome_text(), "Resolved: ");
}

#[test]
fn notes_say_which_branch_they_come_from() {
    let d = drive("parallel { a { step \"Look\" { for x in [\"n1\"] parallel 1 { log x } } }, b { log \"b\" } }", ok);
    let labels: Vec<String> = d
        .notes
        .iter()
        .map(|n| {
            let (branch, note) = n.parts();
            let json = serde_json::to_value(note).unwrap();
            format!("{branch}: {}", json["note"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        labels,
        [
            ": forked",
            "a: step_began",
            "b: log",
            "b: branch_ended",
            "a › n1: log",
            "a › n1: branch_ended",
            "a: step_ended",
            "a: branch_ended"
        ]
    );
}
