//! Approvals: what the plan shows, what the approval covers, when it asks again.

use rrb_lang::hir::Outcome;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::plan::describe;
use rrb_lang::vm::protocol::{Certainty, Cover, Effect, EffectOutcome, NativeCall, Note, Plan, Planned};

use super::kit::{Drive, short};
use super::runs::{fine, reply, runbook};

fn drive<'a>(body: &str, answer: impl FnMut(&NativeCall, usize) -> EffectOutcome + 'a) -> Drive<'a> {
    Drive::new(&runbook(body), "main", vec![], answer).run()
}

fn refuses<'a>(body: &str, expired: bool) -> Drive<'a> {
    let mut d = Drive::new(&runbook(body), "main", vec![], fine);
    d.person = Box::new(move |_, effect| match effect {
        Effect::Approval(ask) => Some(EffectOutcome::Refused {
            reason: if expired { String::new() } else { "too risky".into() },
            by: if expired { vec![] } else { vec!["bo".into()] },
            expired,
            at: ask.expires,
        }),
        _ => None,
    });
    d.run()
}

fn asks(d: &Drive<'_>) -> usize {
    d.inputs
        .iter()
        .filter(|i| {
            matches!(
                i,
                rrb_lang::vm::protocol::Input::Complete {
                    outcome: EffectOutcome::Approved { .. } | EffectOutcome::Refused { .. },
                    ..
                }
            )
        })
        .count()
}

/// `will box.drop "n1"` for each entry.
fn lines(plan: &Plan) -> Vec<String> {
    plan.entries
        .iter()
        .map(|e| {
            let certainty = match e.certainty {
                Certainty::Will => "will",
                Certainty::May => "may",
                Certainty::Each => "each",
            };
            let args: Vec<String> = e
                .args
                .iter()
                .map(|(_, a)| match a {
                    Planned::Known(json) => json.as_text().map_or_else(|| format!("{json:?}"), str::to_owned),
                    _ => "?".into(),
                })
                .collect();
            format!("{certainty} {} {}", e.action, args.join(","))
        })
        .collect()
}

#[test]
fn an_approval_covers_what_its_plan_showed() {
    let d = drive(
        "approve \"Drop ${\"n1\"}?\" from group(\"sre\") quorum 2 within 30m escalate to user(\"ana\") after 10m remind every 5m showing { a: 1 } {
           do box.add(\"a\")  do box.drop(\"n1\")  log \"${approval.by.len()}\"
         }",
        fine,
    );
    assert_eq!(lines(&d.plans[0]), ["will box.add a", "will box.drop n1"]);
    assert_eq!(d.plans[0].entries[1].target, Planned::Known(Json::from("box/n1")));
    assert_eq!(d.calls(), ["http.post a", "http.delete n1"]);
    assert_eq!((asks(&d), d.outcome_text().as_str()), (1, "Resolved: "));
    let cover = d.gates[1].cover.clone();
    assert!(matches!(cover, Some(Cover::Approval { digest, .. }) if digest == d.plans[0].digest && digest.len() == 64));
    let asked = d.steps.iter().flatten().find_map(|c| match c {
        rrb_lang::vm::protocol::Command::Start { effect: Effect::Approval(ask), .. } => Some(ask.clone()),
        _ => None,
    });
    let asked = asked.unwrap();
    assert_eq!(
        (asked.question.as_str(), asked.quorum, asked.again, asked.allow_requester),
        ("Drop n1?", 2, false, false)
    );
    assert_eq!(asked.expires, super::kit::START + 30 * 60_000);
    assert_eq!(asked.escalate[0].0, super::kit::START + 10 * 60_000);
    assert_eq!((asked.remind_every_ms, asked.showing), (Some(300_000), Json::object([("a", Json::Int(1))])));
}

#[test]
fn a_no_goes_to_otherwise_or_fails() {
    let d = refuses(
        "approve \"Drop?\" from group(\"sre\") { do box.drop(\"n1\") } otherwise denial { do put(\"${denial.reason} ${denial.by.join()} ${denial.expired}\") }  do put(\"on\")",
        false,
    );
    assert_eq!(d.calls(), ["http.post too%20risky%20bo%20false", "http.post on"]);
    let d = refuses("do box.two(\"a\")  approve \"Drop?\" from group(\"sre\") { do box.drop(\"n1\") }", false);
    assert_eq!((d.end().outcome, d.end().why.as_str()), (Outcome::Denied, "bo said no: too risky"));
    assert_eq!(d.calls().last().unwrap(), "http.post undo-a");
    let d = refuses("approve \"Drop?\" from group(\"sre\") { do box.drop(\"n1\") }", true);
    assert_eq!((d.end().outcome, d.end().why.as_str()), (Outcome::Expired, "nobody agreed in time: Drop?"));
    let d = refuses(
        "try { approve \"Drop?\" from group(\"sre\") { do box.drop(\"n1\") } } catch f { log \"${f.kind}\" }",
        false,
    );
    assert!(d.notes.iter().any(|n| matches!(n, Note::Log { text, .. } if text == "denied")));
}

#[test]
fn a_destroying_call_that_the_plan_did_not_show_asks_again() {
    // The list of what to drop changes between plan and block.
    let mut reads = 0;
    let d = drive(
        "approve \"Drop all?\" from group(\"sre\") { for x in get(\"list\").items() { do box.drop(x as Text) } }",
        move |c, _| {
            if c.native != "http.get" {
                return reply(Json::Null);
            }
            reads += 1;
            reply(Json::list(if reads == 1 { vec![Json::from("a")] } else { vec![Json::from("a"), Json::from("b")] }))
        },
    );
    assert_eq!(lines(&d.plans[0]), ["will box.drop a"]);
    assert_eq!(lines(&d.plans[1]), ["will box.drop b"]);
    assert_eq!(asks(&d), 2);
    assert_eq!(d.calls(), ["http.get list", "http.delete a", "http.delete b"]);
    let digests: Vec<_> = d.gates.iter().map(|g| format!("{:?}", g.cover)).collect();
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn a_no_to_the_second_question_is_a_no_to_the_block() {
    let p = runbook(
        "approve \"Drop all?\" from group(\"sre\") { step \"all\" { for x in get(\"list\").items() { do box.drop(x as Text) } } } otherwise d { do put(\"told ${d.reason}\") }",
    );
    let mut reads = 0;
    let mut d = Drive::new(&p, "main", vec![], move |c, _| {
        if c.native != "http.get" {
            return reply(Json::Null);
        }
        reads += 1;
        reply(Json::list(if reads == 1 { vec![] } else { vec![Json::from("b")] }))
    });
    let mut asked = 0;
    d.person = Box::new(move |_, effect| {
        let Effect::Approval(ask) = effect else { return None };
        asked += 1;
        assert_eq!(ask.again, asked == 2);
        Some(if asked == 1 {
            EffectOutcome::Approved { by: vec!["ana".into()], comments: vec![], at: 1 }
        } else {
            EffectOutcome::Refused { reason: "not b".into(), by: vec!["bo".into()], expired: false, at: 2 }
        })
    });
    let d = d.run();
    assert_eq!(d.calls(), ["http.get list", "http.post told%20not%20b"]);
    assert!(d.notes.iter().any(|n| matches!(n, Note::StepEnded { ok: false, .. })));
}

#[test]
fn a_change_off_the_plan_is_told_and_goes_on() {
    let mut reads = 0;
    let d = drive(
        "approve \"Go?\" from group(\"sre\") { do box.add(get(\"name\") as Text)  do box.drop(\"x\") }",
        move |c, _| {
            reads += i32::from(c.native == "http.get");
            reply(Json::from(if reads == 1 { "a" } else { "b" }))
        },
    );
    assert!(d.notes.iter().any(|n| matches!(n, Note::OffPlan { action, .. } if action == "box.add")));
    assert_eq!(asks(&d), 1);
}

#[test]
fn unknown_results_show_both_sides_and_loops_once() {
    let d = drive(
        "approve \"Go?\" from group(\"sre\") {
           let r = do http.post(\"http://h/begin\")
           if (r.json.many as Bool) { do box.drop(\"left\") } else { do box.drop(\"right\") }
           do box.drop(\"sure\")
           for x in r.json.items { do box.drop(x as Text) }
           do box.drop(\"after\")
           if r.status == 200 { finish resolved \"\" }
           do box.drop(\"perhaps\")
         }",
        |c, _| {
            reply(if c.native == "http.post" {
                Json::object([("many", Json::Bool(true)), ("items", Json::list([]))])
            } else {
                Json::Null
            })
        },
    );
    assert_eq!(
        lines(&d.plans[0]),
        [
            "will http.post http://h/begin,{},{},?",
            "may box.drop left",
            "may box.drop right",
            "will box.drop sure",
            "each box.drop ?",
            "will box.drop after",
            "may box.drop perhaps"
        ]
        .map(|l| if l.starts_with("will http") { lines(&d.plans[0])[0].clone() } else { l.to_owned() })
    );
    assert_eq!(d.plans[0].incomplete, None);
    // What may happen, with everything known, is covered.
    assert_eq!((asks(&d), d.calls().len()), (1, 4));
}

#[test]
fn a_loop_over_what_only_the_change_tells_asks_for_each_when_it_is_known() {
    let d = drive(
        "approve \"Go?\" from group(\"sre\") {
           let r = do http.post(\"http://h/begin\")
           for x in r.json.items() { do box.drop(x as Text) }
         }",
        |c, _| {
            reply(if c.native == "http.post" {
                Json::list([Json::from("a"), Json::from("b"), Json::from("c")])
            } else {
                Json::Null
            })
        },
    );
    // The second plan begins at the first of them and shows the rest: two questions, not four.
    assert_eq!(asks(&d), 2);
    assert_eq!(lines(&d.plans[1]), ["will box.drop a", "will box.drop b", "will box.drop c"]);
}

#[test]
fn a_plan_shows_undo_and_goes_into_inner_blocks_and_skips_waits() {
    let d = drive(
        "approve \"Go?\" from group(\"sre\") {
           do box.add(\"a\") undo { do box.drop(\"a\") }
           verify \"x\" within 1h every 1m { (get(\"x\") as Int) > 0 }
           wait 1h
           waive \"fine\" by \"sre\" until time\"2099-01-01T00:00:00Z\" { do box.drop(\"w\") }
           approve \"Inner?\" from user(\"ana\") { do box.drop(\"i\") }
           do box.drop(\"o\")
         }",
        |_, _| reply(Json::Int(1)),
    );
    assert_eq!(
        lines(&d.plans[0]),
        ["will box.add a", "may box.drop a", "will box.drop w", "will box.drop i", "will box.drop o"]
    );
    assert_eq!(d.outcome_text(), "Resolved: ");
    assert!(matches!(d.gates[1].cover, Some(Cover::Waiver { .. })));
}

#[test]
fn an_undo_keeps_the_cover_of_its_call_and_asks_nobody() {
    let d = drive(
        "approve \"Go?\" from group(\"sre\") { do box.add(\"a\") undo { do box.drop(\"a\") } }
         fail \"later\"",
        fine,
    );
    assert_eq!((asks(&d), d.calls()), (1, vec!["http.post a".to_owned(), "http.delete a".into()]));
    let gate = d.gates.last().unwrap();
    assert!(gate.rollback && matches!(gate.cover, Some(Cover::Approval { .. })), "{gate:?}");
}

#[test]
fn a_plan_is_bounded_and_says_so() {
    let d = drive("approve \"Go?\" from group(\"sre\") { for i in 0..1_001 { do box.add(\"${i}\") } }", fine);
    assert_eq!(d.plans[0].entries.len(), 1_000);
    assert_eq!(d.plans[0].incomplete.as_deref(), Some("it makes more than 1000 calls"));
    let d = drive("approve \"Go?\" from group(\"sre\") { for i in 0..1_000 { do box.add(\"${i}\") } }", fine);
    assert_eq!((d.plans[0].entries.len(), d.plans[0].incomplete.clone()), (1_000, None));
    for (reads, incomplete) in [(199, false), (200, false), (201, true)] {
        let d = drive(
            &format!(
                "approve \"Go?\" from group(\"sre\") {{ for i in 0..{reads} {{ let x = get(\"a\") }}  do box.drop(\"x\") }}"
            ),
            fine,
        );
        assert_eq!(d.plans[0].incomplete.is_some(), incomplete, "{reads}: {:?}", d.plans[0].incomplete);
    }
}

#[test]
fn a_plan_that_fails_says_why_and_the_block_asks_again() {
    let mut reads = 0;
    let d = drive("approve \"Go?\" from group(\"sre\") { let x = get(\"a\") as Text  do box.drop(x) }", move |c, _| {
        reads += i32::from(c.native == "http.get");
        reply(if reads == 1 { Json::Null } else { Json::from("n") })
    });
    assert!(d.plans[0].incomplete.as_deref().unwrap().starts_with("it fails: expected a text"));
    assert_eq!((asks(&d), d.calls().last().unwrap().as_str()), (2, "http.delete n"));
}

#[test]
fn the_digest_follows_calls_arguments_and_program() {
    let body =
        |x: &str| format!("approve \"Go?\" from group(\"sre\") {{ do box.drop(get(\"a\") as Text) }}  log \"{x}\"");
    let digest = |body: &str, says: &str| {
        let says = Json::from(says);
        drive(body, move |_, _| reply(says.clone())).plans[0].digest.clone()
    };
    let first = digest(&body("x"), "n1");
    assert_eq!(first, digest(&body("x"), "n1"));
    assert_ne!(first, digest(&body("x"), "n2"));
    assert_ne!(first, digest(&body("y"), "n1"));
}

#[test]
fn people_are_told_and_a_teller_that_fails_is_noted() {
    let p = super::kit::program(
        "connector chat { action ask(channel: Text, request: ApprovalRequest) changes { do http.post(\"http://h/${channel}\", json: { text: request.question, plan: request.plan, id: request.id }) } }
         connector box { action drop(path: Text) destroys { do http.delete(\"http://h/${path}\") } }
         runbook main() { owner \"sre\"
           approve \"Drop?\" from group(\"sre\") ask chat.ask(\"ops\") ask chat.ask(\"dev\") { do box.drop(\"x\") }
         }",
    );
    let d = Drive::new(&p, "main", vec![], |c, _| {
        if short(c).ends_with("ops") {
            super::runs::fails(
                rrb_lang::vm::protocol::FailureKind::NotFound,
                rrb_lang::vm::protocol::Happened::Answered,
            )
        } else {
            reply(Json::Null)
        }
    })
    .run();
    assert_eq!(d.calls(), ["http.post ops", "http.post dev", "http.delete x"]);
    assert!(
        d.notes.iter().any(|n| matches!(n, Note::Log { text, .. } if text == "asking failed: broken")),
        "{:?}",
        d.notes
    );
    let told = d.performed[1].args.iter().find(|(n, _)| n == "json").map(|(_, v)| rrb_lang::vm::display(v)).unwrap();
    assert!(told.contains("will box.drop(path: \\\"x\\\") (destroys)"), "{told}");
    assert!(describe(&d.plans[0]).starts_with("will box.drop"));
}

#[test]
fn a_cancel_while_people_are_asked_gives_the_question_up() {
    for at in 1..5 {
        let p = runbook("approve \"Drop?\" from group(\"sre\") { do box.drop(\"x\") }");
        let mut d = Drive::new(&p, "main", vec![], fine);
        d.cancel_at = Some(at);
        let d = d.run();
        assert_eq!(d.end().outcome, if at < 4 { Outcome::Cancelled } else { Outcome::Resolved });
        assert_eq!(d.calls().len(), usize::from(at == 4), "{at}");
    }
}

#[test]
fn values_of_plans_never_reach_a_run() {
    let d = drive("approve \"Go?\" from group(\"sre\") { do box.add(\"a\") }", fine);
    assert!(!d.performed.iter().any(|c| c.args.iter().any(|(_, v)| *v == Value::Unknown)));
}
