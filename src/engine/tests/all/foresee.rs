//! What a run would do, against what it does: the questions of a plan are those of the live run, with the same digests.

use std::sync::Arc;

use rrb_engine::api::{ControlPlane, StartRun};
use rrb_engine::foresee::{Ahead, Part};
use rrb_lang::program::Program;
use rrb_lang::vm::foresight::{Answer, Around, Foretold};
use rrb_lang::vm::protocol::{FailureKind, Happened, Planned};
use serde_json::json;

use crate::rig::person;
use crate::source::{Bench, compile};

async fn ahead(bench: &Bench, runbook: &str, params: serde_json::Value) -> Ahead {
    let program = Arc::new(Program::from_bytes(&bench.loaded.code.bytes()).unwrap());
    let params = params.as_object().cloned().unwrap_or_default().into_iter().collect();
    let start = StartRun { runbook: runbook.to_owned(), params, id: None };
    bench.engine.foresee(program, start, &person("ana")).await.unwrap()
}

/// What is told, one thing a line, with what it stands in.
fn told(part: &Part) -> Vec<String> {
    let around = |a: &Around| match a {
        Around::Step { name, .. } => format!("{name}/"),
        Around::Approval { .. } => "agreed/".to_owned(),
        Around::Waiver { by, .. } => format!("waived by {by}/"),
        Around::If { text, holds: true, .. } => format!("if {text}/"),
        Around::If { text, holds: false, .. } => format!("not {text}/"),
        Around::Each { text, .. } => format!("each {text}/"),
        Around::Catch { text, .. } => format!("caught {text}/"),
        Around::Branch { name } => format!("<{name}>/"),
    };
    let shown = |p: &Planned| match p {
        Planned::Known(v) => v.as_text().map_or_else(|| format!("{v:?}"), str::to_owned),
        _ => "?".to_owned(),
    };
    let line = |what: &Foretold| match what {
        Foretold::Step => "begins".to_owned(),
        Foretold::Call { entry } => {
            let e = &part.plan.entries[*entry as usize];
            let args: Vec<String> = e.args.iter().map(|(_, v)| shown(v)).collect();
            format!("{} {}", e.action, args.join(" "))
        }
        Foretold::Read { action, answer, .. } => match answer {
            Some(Answer::Failed(why)) => format!("{action} failed: {why}"),
            Some(_) => format!("{action} read"),
            None => format!("{action} unanswered"),
        },
        Foretold::Approval { question } => format!("asks {}", part.told.questions[*question as usize].ask.question),
        Foretold::Verify { name, condition, within_ms, .. } => format!("verify {name}: {condition} {within_ms:?}"),
        Foretold::WaitUntil { condition, .. } => format!("wait until {condition}"),
        Foretold::Wait { ms } => format!("wait {ms:?}"),
        Foretold::WaitFor { event, .. } => format!("wait for {event}"),
        Foretold::Evidence { name, value } => format!("{} = {}", shown(name), shown(value)),
        Foretold::Log { text } => format!("log {}", shown(text)),
        Foretold::Finish { outcome, why } => format!("finish {outcome:?} {}", shown(why)),
        Foretold::Ends => "ends".to_owned(),
        Foretold::Fails { message } => format!("fails {message}"),
    };
    let items =
        part.told.items.iter().filter(|i| !matches!(&i.what, Foretold::Read { answer: Some(Answer::Gave(_)), .. }));
    let line = |i: &rrb_lang::vm::foresight::Foreseen| {
        let undo = if i.rollback { "undo " } else { "" };
        format!("{}{undo}{}", i.around.iter().map(around).collect::<String>(), line(&i.what))
    };
    items.map(line).collect()
}

#[tokio::test]
async fn every_question_has_the_digest_that_its_approval_binds_to() {
    let text = "runbook main(node: Text) {
  let name = lab.look(\"${node}-name\")
  step \"first\" {
    approve \"Wipe ${name}?\" from group(\"sre\") within 30m {
      do lab.wipe(name)
      for n in [\"a\", \"b\"] { do lab.wipe(\"${name}-${n}\") }
      let other = lab.look(\"${node}-other\")
      if other == \"yes\" { do lab.set(other) } else { do lab.wipe(\"never\") }
    }
  }
  parallel {
    left { do lab.set(\"left\") }
    right { approve \"Right?\" from group(\"sre\") within 30m { do lab.wipe(\"right\") undo { do lab.set(\"left\") } } }
  }
  for room in [\"x\", \"y\"] {
    approve \"Room ${room}?\" from group(\"sre\") within 30m showing { room } { do lab.wipe(room) }
  }
}";
    let bench = Bench::new(text).await;
    bench.lab.says("look/n1-name", "node-1");
    bench.lab.says("look/n1-other", "yes");
    let ahead = ahead(&bench, "main", json!({ "node": "n1" })).await;
    assert!(bench.lab.done().is_empty(), "{:?}", bench.lab.done());
    assert_eq!(ahead.body.plan.incomplete, None);
    let questions: Vec<&str> = ahead.body.told.questions.iter().map(|q| q.ask.question.as_str()).collect();
    assert_eq!(questions, ["Wipe node-1?", "Right?", "Room x?", "Room y?"]);
    assert!(ahead.body.told.questions.iter().all(|q| q.sure));
    bench.start("main", json!({ "node": "n1" })).await;
    for (question, shown) in ahead.body.told.questions.iter().zip(&ahead.body.shown) {
        let row = bench.open_approval().await;
        assert_eq!(row.ask["question"], question.ask.question.as_str());
        assert_eq!(row.digest, shown.digest, "{}", question.ask.question);
        assert_eq!(row.ask["plan"], serde_json::to_value(shown).unwrap());
        bench.vote(true, "bo").await;
        // The branch beside it waits for nobody: both are done before the next question.
        bench.engine.settled().await;
    }
    assert_eq!(bench.engine_approvals_open().await, 0);
}

#[tokio::test]
async fn both_sides_of_what_only_a_change_would_tell() {
    let text = "runbook main() {
  let count = (do http.post(url\"http://lab.test/count\")).status
  step \"decide\" {
    if count > 2 {
      do lab.send(\"many\") undo { do lab.set(\"few again\") }
    } else {
      finish not_needed \"only ${count}\"
    }
  }
  evidence \"count\" = count
  let pods = do http.post(url\"http://lab.test/pods\")
  for pod in pods.text.split(\",\") { do lab.grab(\"n\", pod) }
  approve \"Drop?\" from group(\"sre\") within 1h { do lab.wipe(\"n\") } otherwise denial {
    do lab.send(\"told\")
    finish escalated denial.reason
  }
  verify \"gone\" within 5m every 10s { lab.look(\"gone\") == \"yes\" and count > 0 }
  wait 30s
  wait for lab.calm as calm where calm.node == \"n\" within 1h
  finish resolved \"done\"
  on failure as f { do lab.send(\"failed ${f.message}\") }
  finally { do lab.send(\"last\") }
}";
    let bench = Bench::new(text).await;
    let ahead = ahead(&bench, "main", json!({})).await;
    assert!(bench.lab.done().is_empty(), "{:?}", bench.lab.done());
    insta::assert_snapshot!(told(&ahead.body).join("\n"));
    assert_eq!(told(ahead.on_failure.as_ref().unwrap()), ["lab.send ?", "ends"]);
    assert_eq!(told(ahead.finally.as_ref().unwrap()), ["lab.send last", "ends"]);
    assert!(!ahead.body.told.questions[0].sure, "what stands before it may end the run");
}

#[tokio::test]
async fn what_fails_or_is_too_much_is_said() {
    let text = "runbook main(kind: Text) {
  if kind == \"read\" { evidence \"x\" = lab.look(\"broken\") }
  if kind == \"much\" { for n in 0..2_000 { do lab.send(\"${n}\") } }
  if kind == \"told\" { for n in 0..6_000 { log \"${n}\" } }
  if kind == \"deep\" { while true max 1_000 { evidence \"x\" = lab.look(\"x\") } }
}";
    let bench = Bench::new(text).await;
    bench.lab.fails("look/broken", 9, FailureKind::Unavailable, Happened::No);
    for (kind, says) in [
        ("read", "it fails: the laboratory says no"),
        ("much", "it makes more than 1000 calls"),
        ("told", "it does more than is told"),
        ("deep", "it reads more than 200 times"),
    ] {
        let ahead = ahead(&bench, "main", json!({ "kind": kind })).await;
        assert_eq!(ahead.body.incomplete(), Some(says), "{kind}");
    }
    let ahead = ahead(&bench, "main", json!({ "kind": "read" })).await;
    let told = told(&ahead.body);
    assert!(told.last().unwrap().ends_with("fails the laboratory says no"), "{told:?}");
    assert!(told.iter().any(|l| l.contains("failed: the laboratory says no")), "{told:?}");
}

#[tokio::test]
async fn policies_speak_of_each_call_and_of_the_start() {
    let text = "policy rails {
  forbid destroys because \"never\"
}
runbook main() {
  do lab.set(\"a\")
  approve \"Wipe?\" from group(\"sre\") within 1h { do lab.wipe(\"n\") }
}";
    let bench = Bench::of(compile(&[("main", &format!("use lab_kit.{{lab}}\n{text}"))], "")).await;
    let ahead = ahead(&bench, "main", json!({})).await;
    assert!(ahead.body.is_denied());
    let answers: Vec<_> = ahead.body.plan.verdicts.iter().map(|v| (v.answer, v.rules.len())).collect();
    use rrb_lang::vm::protocol::PolicyAnswer::{Allow, Deny};
    assert_eq!(answers, [(Allow, 0), (Deny, 1)]);
    assert_eq!(ahead.body.shown[0].verdicts[0].answer, Deny);
    assert!(bench.engine.runs(Default::default()).await.unwrap().is_empty(), "nothing is written");
}

#[tokio::test]
async fn what_a_catch_would_do_is_told_apart_and_changes_nothing_else() {
    let text = "runbook main() {
  var how = \"well\"
  step \"try\" {
    try {
      do lab.set(\"a\")
      do lab.set(\"b\")
    } catch f {
      how = \"badly\"
      do lab.send(\"failed\")
      try { do lab.send(\"deeper\") } catch g { do lab.send(\"deepest\") }
      if lab.look(\"bad\") == \"yes\" { finish escalated f.message }
    }
  }
  evidence \"how\" = how
  approve \"Wipe after it went ${how}?\" from group(\"sre\") within 1h { do lab.wipe(how) }
}";
    let bench = Bench::new(text).await;
    bench.lab.says("look/bad", "yes");
    let ahead = ahead(&bench, "main", json!({})).await;
    assert_eq!(ahead.body.incomplete(), None);
    let told = told(&ahead.body);
    let caught: Vec<&str> = told.iter().filter_map(|l| l.strip_prefix("try/caught lab.set/")).collect();
    assert_eq!(caught[..2], ["lab.send failed", "lab.send deeper"], "{told:?}");
    assert!(caught.contains(&"caught lab.send/lab.send deepest"), "{told:?}");
    assert!(caught.iter().any(|l| l.contains("finish Escalated ?")), "{told:?}");
    // What people decide on is what they would be asked if all went well.
    assert!(told.contains(&"how = well".to_owned()), "{told:?}");
    assert_eq!(ahead.body.calls().count(), 3, "calls in a `catch` are no calls of the plan: {told:?}");
    let question = &ahead.body.told.questions[0];
    assert!(question.sure, "{told:?}");
    bench.start("main", json!({})).await;
    assert_eq!(bench.open_approval().await.digest, ahead.body.shown[0].digest);
}

#[tokio::test]
async fn handlers_that_are_too_many_or_go_on_for_ever_are_left_out() {
    let many: String =
        (0..40).map(|n| format!("  try {{ do lab.set(\"{n}\") }} catch f {{ do lab.send(\"{n}\") }}\n")).collect();
    let text = format!(
        "runbook many() {{\n{many}}}
runbook endless() {{
  try {{ do lab.set(\"a\") }} catch f {{ while true max 1_000 {{ evidence \"x\" = lab.look(\"x\") }} }}
  do lab.set(\"b\")
}}"
    );
    let bench = Bench::new(&text).await;
    for (runbook, calls) in [("many", 40), ("endless", 2)] {
        let ahead = ahead(&bench, runbook, json!({})).await;
        assert_eq!(ahead.body.incomplete(), None, "{runbook}: what may fail does not make the plan less whole");
        assert!(ahead.body.told.unexplored > 0, "{runbook}");
        assert_eq!(ahead.body.calls().count(), calls, "{runbook}");
    }
}

#[tokio::test]
async fn a_child_is_looked_into_with_its_own_questions() {
    let text = "runbook inner(node: Text) {
  let name = lab.look(node)
  do lab.set(name)
  approve \"Wipe ${name}?\" from group(\"sre\") within 1h { do lab.wipe(name) }
}
runbook main(node: Text) {
  let done = run inner(node)
  log done.why
  start again(3)
}
runbook again(n: Int) { start again(n - 1) }";
    let bench = Bench::new(text).await;
    bench.lab.says("look/n1", "node-1");
    let ahead = ahead(&bench, "main", json!({ "node": "n1" })).await;
    assert!(bench.lab.done().is_empty(), "{:?}", bench.lab.done());
    let inner = ahead.body.child(0).unwrap();
    assert_eq!(inner.runbook, "inner");
    let inner = inner.part.as_ref().unwrap();
    assert_eq!(told(inner)[..2], ["lab.set node-1", "asks Wipe node-1?"], "{:?}", told(inner));
    // A runbook that starts itself is looked into to a bound.
    let mut nested = 0;
    let mut part = ahead.body.child(1).unwrap().part.as_ref();
    while let Some(of) = part {
        nested += 1;
        part = of.children.first().and_then(|c| c.part.as_ref());
    }
    assert_eq!(nested, 3);
    bench.start("main", json!({ "node": "n1" })).await;
    assert_eq!(bench.open_approval().await.digest, inner.shown[0].digest);
}

#[tokio::test]
async fn what_a_policy_asks_has_the_digest_that_the_approval_has() {
    let text = "policy rails {
  require approval from group(\"sre\") for changes because \"look at it\"
}
runbook main(node: Text) {
  do lab.set(\"${node}-a\")
}";
    let bench = Bench::of(compile(&[("main", &format!("use lab_kit.{{lab}}\n{text}"))], "")).await;
    let ahead = ahead(&bench, "main", json!({ "node": "n1" })).await;
    let ask = ahead.body.policy_asks[0].clone().unwrap();
    assert!(rrb_engine::foresee::Part::is_sure(&ahead.body.plan.entries[0]));
    bench.start("main", json!({ "node": "n1" })).await;
    let row = bench.open_approval().await;
    assert_eq!(row.digest, ask.plan.digest);
    assert_eq!(row.ask["question"], ask.question.as_str());
}
