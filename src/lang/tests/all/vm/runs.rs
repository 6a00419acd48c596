//! Runs: calls, retries, unknown outcomes, undo, stops, verify, the end.

use rrb_lang::hir::Outcome;
use rrb_lang::json::Json;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{
    Effect, EffectOutcome, Failure, FailureKind, Happened, Input, Limits, NativeCall, Note, Repeat, Resolution,
};

use super::kit::{Drive, done, program, short};

/// A reply of `http`.
pub fn reply(json: Json) -> EffectOutcome {
    done(Value::record([
        ("status", Value::Int(200)),
        ("headers", Value::Map(Default::default())),
        ("text", Value::text("")),
        ("json", Value::Json(json)),
    ]))
}

pub fn fails(kind: FailureKind, happened: Happened) -> EffectOutcome {
    EffectOutcome::Failed(Failure::new(kind, "broken").happened(happened))
}

/// Everything works.
pub fn fine(_: &NativeCall, _: usize) -> EffectOutcome {
    reply(Json::Null)
}

/// Calls of `path` fail in this way, the first `times` times.
fn failing(
    path: &'static str,
    kind: FailureKind,
    happened: Happened,
    times: usize,
) -> impl FnMut(&NativeCall, usize) -> EffectOutcome {
    let mut left = times;
    move |call, _| {
        if short(call).ends_with(path) && left > 0 {
            left -= 1;
            return fails(kind, happened);
        }
        reply(Json::Null)
    }
}

/// A runbook with this body, on a server `h`.
pub fn runbook(body: &str) -> std::sync::Arc<rrb_lang::program::Program> {
    program(&format!(
        "action put(path: Text) changes {{ do http.post(\"http://h/${{path}}\") }}
         action set(path: Text) changes idempotent {{ do http.post(\"http://h/${{path}}\") }}
         action write(path: Text) changes {{ do http.put(\"http://h/${{path}}\") }}
         action sole(path: Text) changes once {{ do http.put(\"http://h/${{path}}\") }}
         action get(path: Text) -> Json reads {{ http.get(\"http://h/${{path}}\").json }}
         connector box {{
           action add(path: Text) changes target \"box/${{path}}\" {{ do http.post(\"http://h/${{path}}\") }}
           action keep(path: Text) changes idempotent {{ do http.post(\"http://h/${{path}}\") }}
           action once(path: Text) changes keyed within 1h {{ do http.post(\"http://h/${{path}}\") }}
           action ask(path: Text) changes probe {{ http.get(\"http://h/asked/${{path}}\").json as Bool? }} {{ do http.post(\"http://h/${{path}}\") }}
           action two(path: Text) changes undo {{ do http.post(\"http://h/undo-${{path}}\") }} {{ do http.post(\"http://h/${{path}}-1\")  do http.post(\"http://h/${{path}}-2\") }}
           action drop(path: Text) destroys target \"box/${{path}}\" {{ do http.delete(\"http://h/${{path}}\") }}
           action note(path: Text) changes once {{ do http.put(\"http://h/${{path}}\") }}
           action mark(path: Text) changes {{ do keep(path) }}
           action read(path: Text) -> Json reads {{ http.get(\"http://h/${{path}}\").json }}
         }}
         runbook main() {{
           owner \"sre\"
           {body}
         }}"
    ))
}

fn drive<'a>(body: &str, answer: impl FnMut(&NativeCall, usize) -> EffectOutcome + 'a) -> Drive<'a> {
    Drive::new(&runbook(body), "main", vec![], answer).run()
}

fn ended(d: &Drive<'_>) -> Vec<String> {
    d.notes
        .iter()
        .filter_map(|n| match n {
            Note::ActionEnded { action, attempts, failure, rollback, .. } => Some(format!(
                "{action} x{attempts}{}{}",
                if *rollback { " undo" } else { "" },
                failure.as_ref().map(|f| format!(" {}", f.kind.name())).unwrap_or_default()
            )),
            _ => None,
        })
        .collect()
}

#[test]
fn a_body_ends_resolved_and_finish_as_it_says() {
    let d = drive("do put(\"a\")  do put(\"b\")", fine);
    assert_eq!(d.calls(), ["http.post a", "http.post b"]);
    assert_eq!(d.outcome_text(), "Resolved: ");
    let d = drive("if (get(\"x\") as Int) > 3 { finish escalated \"too many: ${3}\" }  do put(\"b\")", |_, _| {
        reply(Json::Int(4))
    });
    assert_eq!((d.outcome_text().as_str(), d.calls().len()), ("Escalated: too many: 3", 1));
}

#[test]
fn a_gate_stands_before_each_seen_change_and_none_before_reads() {
    let d = drive("let x = box.read(\"r\")  do box.two(\"a\")  do http.post(\"http://h/z\")", fine);
    let gates: Vec<String> = d.gates.iter().map(|g| format!("{} {:?}", g.action, g.target)).collect();
    assert_eq!(gates, ["box.two None", "http.post None"]);
    let d = drive("do box.add(\"a\")", fine);
    assert_eq!(d.gates[0].target.as_deref(), Some("box/a"));
    assert_eq!(d.performed[0].action, "box.add");
}

#[test]
fn a_denied_gate_performs_nothing_and_undoes_what_was() {
    let p = runbook("do box.two(\"a\")  do box.add(\"b\") retry 5 times");
    let mut d = Drive::new(&p, "main", vec![], fine);
    d.feed(Input::Start { at: d.now });
    let mut gates = 0;
    while d.end.is_none() {
        let (id, effect) = d.pending.remove(0);
        let outcome = match &effect {
            Effect::Gate(info) if info.action == "box.add" => {
                gates += 1;
                fails(FailureKind::Denied, Happened::No)
            }
            other => d.outcome(&id, other).unwrap(),
        };
        let at = d.now;
        d.feed(Input::Complete { effect: id, outcome, at });
    }
    assert_eq!(
        (gates, d.calls()),
        (1, vec!["http.post a-1".into(), "http.post a-2".into(), "http.post undo-a".into()])
    );
    assert_eq!(d.end().outcome, Outcome::RolledBack);
    assert_eq!(d.end().failure.as_ref().unwrap().action, "box.add");
}

#[test]
fn reads_are_retried_as_asked_with_doubling_pauses() {
    let d = drive(
        "let x = get(\"a\") retry 3 times backoff 1s..3s  do put(\"b\")",
        failing("a", FailureKind::Unavailable, Happened::Maybe, 3),
    );
    assert_eq!(d.calls(), ["http.get a", "http.get a", "http.get a", "http.get a", "http.post b"]);
    let pauses: Vec<i64> =
        d.notes.iter().filter_map(|n| if let Note::Retrying { at, .. } = n { Some(*at) } else { None }).collect();
    assert_eq!(pauses.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>(), [2010, 3010]);
    let d = drive("let x = get(\"a\") retry 2 times", failing("a", FailureKind::Unavailable, Happened::Maybe, 9));
    assert_eq!(d.calls().len(), 3);
    assert_eq!(d.outcome_text(), "Failed: broken");
    let f = d.end().failure.clone().unwrap();
    assert_eq!((f.kind, f.attempts, f.trace.len()), (FailureKind::Unavailable, 1, 2));
}

#[test]
fn a_retry_waits_as_long_as_the_target_asks_and_no_longer_than_an_hour() {
    let throttled = |seconds: i64| {
        move |call: &NativeCall, n: usize| {
            if n > 0 {
                return fine(call, n);
            }
            let detail = Json::object([("retry_after_seconds", Json::Int(seconds))]);
            let failure = Failure::new(FailureKind::Throttled, "slower").happened(Happened::No).detail(detail);
            EffectOutcome::Failed(failure)
        }
    };
    let pause = |seconds: i64, body: &str| {
        let d = drive(body, throttled(seconds));
        let at = d
            .notes
            .iter()
            .find_map(|n| if let Note::Retrying { at, failure, .. } = n { Some(*at - failure.at) } else { None });
        (at, d.outcome_text())
    };
    let body = "let x = get(\"a\") retry 1 times backoff 1s..3s";
    for (seconds, waits) in [
        (0, Some(1_000)),
        (1, Some(1_000)),
        (30, Some(30_000)),
        (3600, Some(3_600_000)),
        (3601, None),
        (i64::MAX, None),
        (-5, Some(1_000)),
    ] {
        let (at, outcome) = pause(seconds, body);
        assert_eq!(at, waits, "{seconds}");
        assert_eq!(outcome.starts_with("Failed"), waits.is_none(), "{seconds}: {outcome}");
    }
}

#[test]
fn retry_looks_at_when_and_only_at_kinds_that_pass() {
    let d = drive("let x = get(\"a\") retry 3 times", failing("a", FailureKind::NotFound, Happened::Answered, 1));
    assert_eq!(d.calls().len(), 1);
    let d = drive(
        "let x = get(\"a\") retry 3 times when failure.kind == not_found",
        failing("a", FailureKind::NotFound, Happened::Answered, 1),
    );
    assert_eq!(d.calls().len(), 2);
    let d = drive(
        "let x = get(\"a\") retry 3 times when failure.attempts.div(0) == 1",
        failing("a", FailureKind::NotFound, Happened::Answered, 1),
    );
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (1, "Failed: broken"));
}

#[test]
fn once_is_retried_only_when_it_did_not_happen() {
    let d = drive("do box.add(\"a\") retry 3 times", failing("a", FailureKind::Unavailable, Happened::No, 2));
    assert_eq!((d.calls().len(), ended(&d)), (3, vec!["box.add x3".into()]));
    let d = drive("do box.add(\"a\") retry 3 times", failing("a", FailureKind::Unavailable, Happened::Answered, 2));
    assert_eq!((d.calls().len(), ended(&d)), (1, vec!["box.add x1 unavailable".into()]));
    // The first half has acted: the whole is not tried again.
    let d = drive("do box.two(\"a\") retry 3 times", failing("a-2", FailureKind::Unavailable, Happened::No, 2));
    assert_eq!(d.calls(), ["http.post a-1", "http.post a-2"]);
    let d = drive(
        "do box.two(\"a\") retry unsafe \"twice is fine\" 3 times",
        failing("a-2", FailureKind::Unavailable, Happened::Maybe, 1),
    );
    assert_eq!(d.calls(), ["http.post a-1", "http.post a-2", "http.post a-1", "http.post a-2"]);
}

#[test]
fn what_may_have_happened_goes_by_class() {
    let d = drive("do box.keep(\"a\") retry 2 times", failing("a", FailureKind::Timeout, Happened::Maybe, 1));
    assert_eq!(d.calls().len(), 2);
    assert_eq!(d.performed[0].repeat, Repeat::Always);
    let d = drive("do box.once(\"a\") retry 2 times", failing("a", FailureKind::Timeout, Happened::Maybe, 1));
    let keys: Vec<_> = d.performed.iter().map(|c| c.key.clone().unwrap()).collect();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    assert!(keys[0].starts_with("run-1/s"), "{}", keys[0]);
    assert!(matches!(d.performed[0].repeat, Repeat::KeyedUntil(at) if at == super::kit::START + 3_600_000));
    let d = drive("do box.add(\"a\") retry 2 times", failing("a", FailureKind::Timeout, Happened::Maybe, 1));
    assert_eq!((d.calls().len(), d.end.is_none()), (1, true));
    assert!(matches!(&d.pending[0].1, Effect::Resolve(c) if c.action.action == "box.add" && c.native == "http.post"));
    assert_eq!(d.performed[0].repeat, Repeat::Never);
}

#[test]
fn once_holds_for_what_is_called_inside_and_silence_leaves_it_to_that() {
    for (body, calls, sent_again) in [
        // A `PUT` by itself sets a state. So it does in an action of the project that says nothing, which is not called anew for that.
        ("do http.put(\"http://h/a\") retry 2 times", 2, true),
        ("do write(\"a\") retry 2 times", 1, true),
        // Who says `once`, or leaves it at that in a connector, knows better.
        ("do sole(\"a\") retry 2 times", 1, false),
        ("do box.note(\"a\") retry 2 times", 1, false),
        ("do box.mark(\"a\") retry 2 times", 1, false),
    ] {
        let d = drive(body, failing("a", FailureKind::Timeout, Happened::Maybe, 1));
        assert_eq!(d.calls().len(), calls, "{body}");
        assert_eq!(d.performed[0].repeat == Repeat::Always, sent_again, "{body}");
        assert_eq!(matches!(d.pending.first(), Some((_, Effect::Resolve(_)))), !sent_again, "{body}");
    }
}

#[test]
fn a_probe_is_asked_and_a_person_where_it_knows_nothing() {
    let world = |says: Json| {
        let mut lost = true;
        move |call: &NativeCall, _: usize| match call.native.as_str() {
            "http.get" => reply(says.clone()),
            _ if std::mem::take(&mut lost) => EffectOutcome::Lost { why: "the engine was killed".into() },
            _ => reply(Json::Null),
        }
    };
    let d = drive("do box.ask(\"a\") retry 2 times backoff 1s..1s", world(Json::Bool(true)));
    assert_eq!(d.calls(), ["http.post a", "http.get asked/a"]);
    assert_eq!(d.outcome_text(), "Resolved: ");
    let d = drive("do box.ask(\"a\") retry 2 times backoff 1s..1s", world(Json::Bool(false)));
    assert_eq!(d.calls(), ["http.post a", "http.get asked/a", "http.post a"]);
    let d = drive("do box.ask(\"a\") retry 2 times backoff 1s..1s", world(Json::Null));
    assert!(matches!(d.pending[0].1, Effect::Resolve(_)));
    let d = drive("do box.ask(\"a\")", world(Json::Bool(false)));
    assert_eq!(d.outcome_text(), "Failed: the call did not happen: the engine was killed");
}

fn resolved(body: &str, resolution: Resolution) -> Drive<'static> {
    let mut lost = true;
    let mut d = Drive::new(&runbook(body), "main", vec![], move |_, _| {
        if std::mem::take(&mut lost) { EffectOutcome::Lost { why: "killed".into() } } else { reply(Json::Null) }
    });
    d.person = Box::new(move |_, effect| {
        matches!(effect, Effect::Resolve(_)).then(|| EffectOutcome::Resolved(resolution.clone()))
    });
    d.run()
}

#[test]
fn a_person_resolves_what_nobody_knows() {
    let d = resolved("do box.add(\"a\")  do put(\"b\")", Resolution::Happened { result: None });
    assert_eq!(
        (d.calls(), d.outcome_text()),
        (vec!["http.post a".to_owned(), "http.post b".into()], "Resolved: ".into())
    );
    let d = resolved("do box.add(\"a\") retry 1 times", Resolution::DidNotHappen);
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (2, "Resolved: "));
    let d = resolved("do box.add(\"a\") retry 1 times  on failure as f { do put(\"told\") }", Resolution::Unknown);
    assert_eq!(d.calls(), ["http.post a", "http.post told"]);
    assert_eq!(d.end().failure.as_ref().unwrap().kind, FailureKind::UnknownOutcome);
    let good = Json::object([
        ("status", Json::Int(201)),
        ("headers", Json::object::<&str>([])),
        ("text", Json::from("")),
        ("json", Json::Null),
    ]);
    let d = resolved(
        "let r = do http.post(\"http://h/a\")  log \"${r.status}\"",
        Resolution::Happened { result: Some(good) },
    );
    assert!(d.notes.iter().any(|n| matches!(n, Note::Log { text, .. } if text == "201")));
    let d = resolved("do box.add(\"a\")", Resolution::Happened { result: Some(Json::from("nonsense")) });
    assert!(d.outcome_text().starts_with("Failed: the result that was given does not fit"), "{}", d.outcome_text());
}

#[test]
fn undo_runs_newest_first_with_what_it_captured() {
    let body = "var n = 1
      do put(\"a\") undo { do put(\"undo-a-${n}\") }
      n = 2
      do put(\"b\") undo { do put(\"undo-b-${n}\") }
      n = 3
      do box.two(\"c\")
      fail \"no\"
      on failure as f { do put(\"told ${f.message}\") }
      finally { do put(\"last\") }";
    let d = drive(body, fine);
    assert_eq!(
        d.calls()[4..],
        ["http.post undo-c", "http.post undo-b-2", "http.post undo-a-1", "http.post told%20no", "http.post last"]
    );
    assert_eq!(d.outcome_text(), "RolledBack: no");
    assert!(ended(&d).contains(&"http.post x1 undo".to_owned()));
}

#[test]
fn an_undo_that_fails_is_told_and_the_others_go_on() {
    let body = "do put(\"a\") undo { do put(\"undo-a\") }
      do box.two(\"b\")
      fail \"no\"";
    let d = drive(body, failing("undo-b", FailureKind::Forbidden, Happened::Answered, 9));
    assert_eq!(d.calls().last().unwrap(), "http.post undo-a");
    assert_eq!((d.end().outcome, d.end().remains.clone()), (Outcome::Failed, vec!["box.two".to_owned()]));
    let failed = d.notes.iter().any(|n| matches!(n, Note::UndoFailed { action, failure } if action == "box.two" && failure.kind == FailureKind::Forbidden));
    assert!(failed);
}

#[test]
fn no_rollback_and_finish_undo_nothing() {
    let d = drive("no rollback\n do box.two(\"a\")  fail \"no\"", fine);
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (2, "Failed: no"));
    let d = drive("do box.two(\"a\")  finish failed \"as told\"", fine);
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (2, "Failed: as told"));
}

#[test]
fn rollback_in_a_catch_undoes_what_its_try_did() {
    let body = "do box.two(\"a\")
      try { do box.two(\"b\")  fail \"x\" } catch f { do box.two(\"c\")  rollback  do put(\"after\") }
      do put(\"on\")";
    let d = drive(body, fine);
    assert_eq!(
        d.calls(),
        [
            "http.post a-1",
            "http.post a-2",
            "http.post b-1",
            "http.post b-2",
            "http.post c-1",
            "http.post c-2",
            "http.post undo-b",
            "http.post after",
            "http.post on"
        ]
    );
    let d = drive("do box.two(\"a\")  rollback  do put(\"on\")  fail \"later\"", fine);
    assert_eq!(d.calls()[2..], ["http.post undo-a", "http.post on"]);
    assert_eq!(d.outcome_text(), "RolledBack: later");
}

#[test]
fn a_try_alone_undoes_nothing_and_a_caught_failure_can_go_on_as_it_was() {
    let d = drive(
        "try { do box.two(\"a\")  let x = get(\"gone\") } catch f { fail f }",
        failing("gone", FailureKind::NotFound, Happened::No, 1),
    );
    let f = d.end().failure.clone().unwrap();
    assert_eq!((f.kind, f.action.as_str(), f.happened), (FailureKind::NotFound, "http.get", Happened::No));
    assert_eq!(d.calls().last().unwrap(), "http.post undo-a");
    let d = drive(
        "let x = try { get(\"gone\") } catch f { if f.kind == not_found { none } else { fail f } }  do put(\"b\")",
        failing("gone", FailureKind::NotFound, Happened::No, 1),
    );
    assert_eq!(d.outcome_text(), "Resolved: ");
}

#[test]
fn other_words_for_a_failure_change_nothing_of_whether_it_happened() {
    for happened in [Happened::No, Happened::Maybe, Happened::Answered] {
        for told in ["{ ..f, message: \"refused\" }", "{ ..f, kind: FailureKind.conflict, message: \"refused\" }"] {
            let body = format!("try {{ let x = get(\"gone\") }} catch f {{ let told: Failure = {told}  fail told }}");
            let d = drive(&body, failing("gone", FailureKind::NotFound, happened, 1));
            let f = d.end().failure.clone().unwrap();
            assert_eq!(
                (f.message.as_str(), f.action.as_str(), f.happened),
                ("refused", "http.get", happened),
                "{told}"
            );
        }
    }
    // One that is about something else is a new one.
    let other = "try { let x = get(\"gone\") } catch f { let told: Failure = { ..f, action: \"mine\" }  fail told }";
    let d = drive(other, failing("gone", FailureKind::NotFound, Happened::No, 1));
    assert_eq!(d.end().failure.clone().unwrap().happened, Happened::Answered);
}

#[test]
fn a_cancel_waits_for_the_seen_call_and_undoes() {
    let body = "do box.two(\"a\")  do put(\"b\")  on failure as f { do put(\"told\") }  finally { do put(\"last\") }";
    // Start, gate, first native: the cancel comes while the first half of `two` is in flight.
    let p = runbook(body);
    let mut d = Drive::new(&p, "main", vec![], fine);
    d.cancel_at = Some(2);
    let d = d.run();
    assert_eq!(d.calls(), ["http.post a-1", "http.post a-2", "http.post undo-a", "http.post last"]);
    assert_eq!(d.outcome_text(), "Cancelled: told to");
}

#[test]
fn a_cancel_at_every_boundary_leaves_nothing_undone() {
    let body = "do box.two(\"a\")  wait 10m  do box.two(\"b\") retry 2 times
      verify \"x\" within 5m every 1m { (get(\"x\") as Int) > 0 }
      finally { do put(\"last\") }";
    let p = runbook(body);
    for at in 1..12 {
        let mut checks = 0;
        let mut d = Drive::new(&p, "main", vec![], move |c, _| {
            if c.native != "http.get" {
                return reply(Json::Null);
            }
            checks += 1;
            reply(Json::Int(i64::from(checks > 2)))
        });
        d.cancel_at = Some(at);
        let d = d.run();
        let calls = d.calls();
        assert_eq!(calls.last().unwrap(), "http.post last", "{at}: {calls:?}");
        if d.end().outcome == Outcome::Cancelled {
            for x in ["a", "b"] {
                let did = calls.contains(&format!("http.post {x}-2"));
                assert_eq!(did, calls.contains(&format!("http.post undo-{x}")), "{at}: {calls:?}");
            }
        }
        assert!(d.pending.is_empty());
    }
}

#[test]
fn a_cancel_cannot_be_caught_and_counts_once() {
    let p = runbook("try { wait 1h } catch f { do put(\"caught\") }  do put(\"on\")");
    let mut d = Drive::new(&p, "main", vec![], fine);
    d.feed(Input::Start { at: d.now });
    d.feed(Input::Cancel { why: "first".into(), at: d.now });
    assert_eq!((d.calls().len(), d.outcome_text().as_str()), (0, "Cancelled: first"));
    let again = d.machine.step(Input::Cancel { why: "second".into(), at: d.now }).unwrap();
    assert!(again.is_empty());
}

#[test]
fn the_runs_time_is_up_as_a_failure() {
    let d = drive(
        "timeout 1h\n do box.two(\"a\")  wait 2h  do put(\"b\")\n on failure as f { do put(\"told ${f.kind}\") }",
        fine,
    );
    assert_eq!(d.calls()[2..], ["http.post undo-a", "http.post told%20timeout"]);
    assert_eq!(d.outcome_text(), "RolledBack: the run took longer than 1h");
}

#[test]
fn the_timer_is_given_up_when_the_run_ends() {
    let p = runbook("timeout 1h\n do put(\"a\")");
    let d = Drive::new(&p, "main", vec![], fine).run();
    assert_eq!(d.outcome_text(), "Resolved: ");
    assert!(d.pending.is_empty());
}

#[test]
fn a_timeout_bounds_tries_and_what_is_inside() {
    let d = drive("let x = get(\"a\") timeout 3s", fine);
    assert_eq!(d.performed[0].deadline, Some(super::kit::START + 3_000));
    let p = program(
        "action slow() changes { wait 1h }\nrunbook main() { owner \"sre\"  try { do slow() timeout 5m } catch f { log \"${f.kind} at ${f.at}\" } }",
    );
    let d = Drive::new(&p, "main", vec![], fine).run();
    assert!(
        d.notes.iter().any(|n| matches!(n, Note::Log { text, .. } if text == "timeout at 2023-11-14T22:18:20Z")),
        "{:?}",
        d.notes
    );
}

#[test]
fn verify_polls_tolerates_and_says_what_it_saw() {
    let mut checks = 0;
    let d = drive("verify \"low\" within 10m every 1m { (get(\"x\") as Int) < 5 }", move |_, _| {
        checks += 1;
        match checks {
            1 => fails(FailureKind::Unavailable, Happened::No),
            2 => reply(Json::Int(9)),
            _ => reply(Json::Int(3)),
        }
    });
    assert_eq!((d.calls().len(), d.end().ineffective, d.now - super::kit::START), (3, false, 120_030));
    let d = drive("verify \"low\" within 2m every 1m { (get(\"x\") as Int) < 5 }", |_, _| reply(Json::Int(9)));
    assert!(d.outcome_text().starts_with("Failed: `low` did not come true within 2m: "), "{}", d.outcome_text());
    assert!(d.outcome_text().contains("= 9"), "{}", d.outcome_text());
    assert!(d.end().ineffective);
    let d = drive("verify \"low\" within 2m every 1m { (get(\"x\") as Int) < 5 }", |_, _| {
        fails(FailureKind::Forbidden, Happened::No)
    });
    assert_eq!((d.calls().len(), d.end().ineffective), (1, true));
    // Caught, the run stays ineffective; a later verify that holds mends it.
    let d = drive(
        "try { verify \"a\" within 1m every 1m { (get(\"x\") as Int) < 5 } } catch f { }  finish mitigated \"\"",
        |_, _| reply(Json::Int(9)),
    );
    assert_eq!((d.end().ineffective, d.end().outcome), (true, Outcome::Mitigated));
}

#[test]
fn verify_settles() {
    let mut checks = 0;
    let d = drive("verify \"low\" within 10m every 1m settle 3m { (get(\"x\") as Int) < 5 }", move |_, _| {
        checks += 1;
        reply(Json::Int(if checks == 2 { 9 } else { 1 }))
    });
    // yes, settling, no; a minute; yes, settling, yes.
    assert_eq!((d.calls().len(), d.now - super::kit::START), (4, 3 * 60_000 + 60_000 + 3 * 60_000 + 40));
    assert_eq!(d.outcome_text(), "Resolved: ");
}

#[test]
fn wait_until_gives_whether_it_came() {
    let d = drive("let came = wait until (get(\"x\") as Int) > 0 every 1m within 3m  log \"${came}\"", |_, _| {
        reply(Json::Int(0))
    });
    assert_eq!(d.calls().len(), 4);
    assert!(d.notes.iter().any(|n| matches!(n, Note::Log { text, .. } if text == "false")));
}

#[test]
fn steps_nest_and_end_as_they_went() {
    let d = drive(
        "step \"one\" { let x = step \"two\" { get(\"x\") }  do put(\"a\") }  step \"three\" { fail \"no\" }",
        fine,
    );
    let steps: Vec<String> = d
        .notes
        .iter()
        .filter_map(|n| match n {
            Note::StepBegan { name, .. } => Some(format!("+{name}")),
            Note::StepEnded { name, ok, .. } => Some(format!("-{name} {ok}")),
            _ => None,
        })
        .collect();
    assert_eq!(steps, ["+one", "+two", "-two true", "-one true", "+three", "-three false"]);
}

#[test]
fn a_handler_that_fails_changes_nothing() {
    let d = drive("fail \"first\"  on failure as f { fail \"second\" }  finally { fail \"third\" }", fine);
    assert_eq!(d.outcome_text(), "Failed: first");
    let handlers: Vec<_> = d
        .notes
        .iter()
        .filter_map(|n| {
            if let Note::HandlerFailed { handler, failure } = n {
                Some(format!("{handler} {}", failure.message))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(handlers, ["on failure second", "finally third"]);
}

#[test]
fn sizes_in_evidence_keep_their_unit_and_every_byte() {
    let text = |body: &str| {
        let d = drive(body, fine);
        format!("{:?}", d.notes)
    };
    assert!(text("evidence \"quota\" = 64MiB").contains("64MiB"));
    assert!(text("let size = 64MiB  evidence \"quota\" = { size, more: [size, 67108865B] }").contains("67108865B"));
    // What a program reads stays a number.
    assert!(text("let j: Json = 64MiB  log \"${j as Int}\"").contains("67108864"));
}

#[test]
fn evidence_keeps_what_was_seen() {
    let d = drive("evidence \"pods\" = [{ name: \"a\", restarts: 3 }]", fine);
    let kept = Json::list([Json::object([("name", Json::from("a")), ("restarts", Json::Int(3))])]);
    assert!(
        d.notes.iter().any(|n| matches!(n, Note::Evidence { name, value, .. } if name == "pods" && *value == kept))
    );
}

#[test]
fn effects_hold_at_their_limit() {
    let p = runbook("for i in 0..5 { do put(\"${i}\") undo { do put(\"undo-${i}\") } }");
    // A gate and a call for each.
    for (effects, ok) in [(9, false), (10, true), (11, true)] {
        let limits = Limits { effects, ..Limits::default() };
        let d = Drive::with_limits(&p, "main", vec![], limits, fine).run();
        assert_eq!(d.end().outcome, if ok { Outcome::Resolved } else { Outcome::RolledBack }, "{effects}");
        if !ok {
            assert_eq!(d.end().why, "the limit `effects` was reached: more than 9 calls, waits and questions");
            assert_eq!(d.calls().len(), 4 + 4);
        }
    }
}

#[test]
fn fuel_counts_between_two_effects_and_handlers_have_their_own() {
    let body = "for i in 0..3 { var n = 0  for j in 0..1_000 { n += j }  do put(\"${n}\") }
      var n = 0  while true max 1_000_000 { n += 1 }
      on failure as f { for j in 0..1_000 { n_add(j) }  do put(\"told\") }";
    let p = program(&format!(
        "fn n_add(n: Int) -> Int {{ n + 1 }}
         action put(path: Text) changes {{ do http.post(\"http://h/${{path}}\") }}
         runbook main() {{ owner \"sre\"\n {} }}",
        body.replace("n_add(j)", "let k = n_add(j)")
    ));
    let d = Drive::with_limits(&p, "main", vec![], Limits { fuel: 20_000, ..Limits::default() }, fine).run();
    assert_eq!(d.calls(), ["http.post 499500", "http.post 499500", "http.post 499500", "http.post told"]);
    assert!(d.end().why.starts_with("the limit `fuel` was reached"));
}

#[test]
fn memory_holds_at_its_limit_for_what_comes_from_outside() {
    let p = runbook("let x = get(\"a\")  do put(\"b\")");
    let big = Json::from("x".repeat(100_000).as_str());
    let with = |memory| {
        let big = big.clone();
        Drive::with_limits(&p, "main", vec![], Limits { memory, ..Limits::default() }, move |_, _| reply(big.clone()))
            .run()
    };
    let least = (100_000..500_000).step_by(64).find(|m| with(*m).end().outcome == Outcome::Resolved).unwrap();
    assert!(with(least - 64).end().why.starts_with("the limit `memory` was reached"));
    assert_eq!(with(least + 64).end().outcome, Outcome::Resolved);
}

#[test]
fn a_driver_that_errs_is_told_and_nothing_changes() {
    use rrb_lang::vm::{Machine, MachineError};
    let p = runbook("do put(\"a\")");
    let mut d = Drive::new(&p, "main", vec![], fine);
    let id = rrb_lang::vm::protocol::EffectId { fiber: "".into(), site: rrb_lang::ids::SiteId(7), count: 3 };
    let answer =
        |id: &rrb_lang::vm::protocol::EffectId, outcome| Input::Complete { effect: id.clone(), outcome, at: 0 };
    assert_eq!(d.machine.step(answer(&id, done(Value::None))), Err(MachineError::NotStarted));
    assert_eq!(d.machine.step(Input::Cancel { why: "".into(), at: 0 }), Err(MachineError::NotStarted));
    d.feed(Input::Start { at: 5 });
    let before = d.machine.snapshot();
    assert_eq!(d.machine.step(Input::Start { at: 6 }), Err(MachineError::AlreadyStarted));
    assert_eq!(d.machine.step(answer(&id, done(Value::None))), Err(MachineError::UnknownEffect(id)));
    let open = d.pending[0].0.clone();
    let wrong = d.machine.step(answer(&open, EffectOutcome::Resolved(Resolution::Unknown)));
    assert!(matches!(wrong, Err(MachineError::WrongOutcome { effect: "gate", outcome: "resolution", .. })));
    assert_eq!(d.machine.snapshot(), before);
    let other = runbook("do put(\"b\")");
    assert!(matches!(Machine::restore(other, &before), Err(MachineError::OtherProgram(_))));
    for cut in [0, 1, 20, before.len() / 2, before.len() - 1] {
        assert!(matches!(Machine::restore(p.clone(), &before[..cut]), Err(MachineError::BadSnapshot(_))), "{cut}");
    }
}

#[test]
fn what_a_run_says_between_two_waits_is_bounded() {
    use rrb_lang::vm::limits::MAX_SAID;
    let most = MAX_SAID as usize;
    let said = |body: &str, bytes: usize| {
        let text = "x".repeat(bytes);
        let p = runbook(&format!("let t = get(\"a\") as Text  {body}  finally {{ log \"at last\" }}"));
        let d = Drive::new(&p, "main", vec![], move |_, _| reply(Json::from(text.as_str()))).run();
        let told = d.notes.iter().filter(|n| matches!(n, Note::Log { .. } | Note::Evidence { .. })).count();
        (d.end().outcome, d.end().why.clone(), told)
    };
    // 64 beside the text of a note.
    for (bytes, fits) in [(most - 65, true), (most - 64, true), (most - 63, false)] {
        let (outcome, why, told) = said("log \"${t}\"", bytes);
        assert_eq!((outcome == Outcome::Resolved, told), (fits, 1 + usize::from(fits)), "{bytes}: {why}");
        assert!(fits || why.contains("say more than 4194304 bytes"), "{why}");
    }
    // A pause gives a new ration; the name of a step is said twice; what cannot be caught is not.
    assert_eq!(said("log \"${t}\"  wait 1s  log \"${t}\"", most - 64).0, Outcome::Resolved);
    assert_eq!(said("log \"${t}\"  log \"${t}\"", most / 2).0, Outcome::Failed);
    assert_eq!(said("step \"${t}\" { }", most / 2).0, Outcome::Failed);
    assert_eq!(said("evidence \"e\" = [t, t]", most / 2).0, Outcome::Failed);
    assert_eq!(said("try { evidence \"e\" = [t, t] } catch f { log \"caught\" }", most / 2).2, 1);
}

#[test]
fn messages_of_failures_are_cut() {
    use rrb_lang::vm::limits::MAX_MESSAGE;
    for bytes in [MAX_MESSAGE - 1, MAX_MESSAGE, MAX_MESSAGE + 1] {
        let text = "é".repeat(bytes / 2) + if bytes % 2 == 1 { "x" } else { "" };
        let p = runbook("let t = get(\"a\") as Text  fail t");
        let d = Drive::new(&p, "main", vec![], move |_, _| reply(Json::from(text.as_str()))).run();
        let why = &d.end().why;
        assert_eq!(
            (why.len() <= MAX_MESSAGE, why.ends_with('…')),
            (true, bytes > MAX_MESSAGE),
            "{bytes}: {}",
            why.len()
        );
    }
}

#[test]
fn a_snapshot_is_not_larger_than_the_memory_that_a_run_may_take() {
    let p = runbook(
        "let t = get(\"a\") as Text  let all = [t, t, t, t]  let n = (0..20_000).map(x => [x])  wait 1s  log \"${all.len()} ${n.len()}\"",
    );
    let text = "\u{1}é".repeat(100_000);
    let memory = 8 << 20;
    let limits = Limits { memory, ..Limits::default() };
    let mut d = Drive::with_limits(&p, "main", vec![], limits, move |_, _| reply(Json::from(text.as_str())));
    let mut most = 0;
    d.feed(Input::Start { at: d.now });
    while d.end.is_none() {
        let (id, effect) = d.pending.remove(0);
        let outcome = d.outcome(&id, &effect).unwrap();
        let at = d.now;
        d.feed(Input::Complete { effect: id, outcome, at });
        most = most.max(d.machine.snapshot().len() as u64);
    }
    assert_eq!(d.end().outcome, Outcome::Resolved);
    assert!((1 << 20..memory).contains(&most), "{most}");
}

#[test]
fn rounds_of_a_while_are_counted() {
    for (rounds, clause, fits) in [
        (9_999, "", true),
        (10_000, "", true),
        (10_001, "", false),
        (2, "max 3", true),
        (3, "max 3", true),
        (4, "max 3", false),
    ] {
        let d = drive(&format!("var n = 0  while n < {rounds} {clause} {{ n += 1 }}  log \"${{n}}\""), fine);
        assert_eq!(d.end().outcome == Outcome::Resolved, fits, "{rounds} {clause}: {}", d.end().why);
        assert!(fits || d.end().failure.as_ref().is_some_and(|f| f.kind == FailureKind::Invalid));
    }
}
