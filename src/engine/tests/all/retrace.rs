//! Stored runs once more: what a journal says is what the machine says, whatever happened to the run on its way.

use std::sync::Arc;

use rrb_engine::retrace::{Difference, Moment, Retrace};
use rrb_engine::store::{JournalRow, RunRow, Store};
use rrb_lang::program::Program;
use rrb_lang::vm::protocol::{FailureKind, Happened};
use serde_json::json;

use crate::source::Bench;

async fn stored(bench: &Bench, run: &str) -> (Arc<Program>, RunRow, Vec<JournalRow>) {
    let program = Arc::new(Program::from_bytes(&bench.loaded.code.bytes()).unwrap());
    let row = bench.store.run(run).await.unwrap().unwrap();
    (program, row, bench.store.journal(run, 0).await.unwrap())
}

fn all(program: &Arc<Program>, row: &RunRow, journal: Vec<JournalRow>) -> Result<Vec<Moment>, Difference> {
    let mut retrace = Retrace::new(program.clone(), row, journal).unwrap();
    let mut moments = Vec::new();
    while let Some(moment) = retrace.step()? {
        moments.push(moment);
    }
    Ok(moments)
}

const RUNBOOK: &str = "action both(what: Text) -> Int changes idempotent {
  let twice = \"${what}${what}\"
  do lab.set(twice)
  twice.len()
}
runbook main(node: Text) {
  timeout 2h
  let name = lab.look(node)
  step \"first\" {
    let length = do both(name)
    evidence \"length\" = length
  }
  parallel {
    left { do lab.set(\"left\") }
    right { do lab.send(\"right\") retry 3 times backoff 1s..2s }
  }
  approve \"Wipe ${name}?\" from group(\"sre\") within 30m { do lab.wipe(name) undo { do lab.set(\"back\") } } otherwise denial {
    finish escalated denial.reason
  }
  try { do lab.order(\"x\") } catch f { log \"caught ${f.message}\" }
  wait 10m
  verify \"gone\" within 5m every 1m { lab.look(\"gone\") == \"yes\" }
  on failure as f { do lab.send(\"failed\") }
  finally { do lab.send(\"last\") }
}";

#[tokio::test]
async fn a_run_is_reproduced_whatever_befell_it() {
    for (approve, gone) in [(true, "yes"), (true, "no"), (false, "yes")] {
        let mut bench = Bench::new(RUNBOOK).await;
        bench.lab.says("look/n1", "node-1");
        bench.lab.says("look/gone", gone);
        bench.lab.fails("send/right", 1, FailureKind::Unavailable, Happened::No);
        bench.lab.fails("order/x", 1, FailureKind::Invalid, Happened::Answered);
        let run = bench.start("main", json!({ "node": "n1" })).await;
        bench.advance(5_000).await;
        bench = bench.restart().await;
        bench.engine.settled().await;
        // Under way too.
        let (program, row, journal) = stored(&bench, &run).await;
        all(&program, &row, journal).unwrap();
        bench.vote(approve, "bo").await;
        for _ in 0..20 {
            bench.advance(60_000).await;
        }
        let state = bench.state(&run).await;
        let (program, row, journal) = stored(&bench, &run).await;
        assert_eq!(row.status.to_string(), "done", "{state}");
        let entries = journal.len();
        let moments = all(&program, &row, journal).unwrap_or_else(|d| panic!("{state}: {d}"));
        assert_eq!(moments.len(), entries);
        assert!(moments.len() > 15, "{}", moments.len());
    }
}

#[tokio::test]
async fn lines_stacks_and_variables_are_known_at_every_entry() {
    let bench = Bench::new(RUNBOOK).await;
    bench.lab.says("look/n1", "node-1");
    let run = bench.start("main", json!({ "node": "n1" })).await;
    let (program, row, journal) = stored(&bench, &run).await;
    let moments = all(&program, &row, journal).unwrap();
    let told: Vec<String> = moments
        .iter()
        .map(|m| {
            let calls = m.threads.iter().flat_map(|t| {
                t.calls.iter().map(move |c| {
                    let vars: Vec<String> = c
                        .variables
                        .iter()
                        .map(|v| format!("{}: {} = {}", v.name, v.ty, serde_json::Value::from(&v.value)))
                        .collect();
                    let line = c.place.as_ref().map(|p| p.line).unwrap_or_default();
                    format!("{}{}:{line} [{}]", t.branch, c.function, vars.join(", "))
                })
            });
            format!("{} {}", m.seq, calls.collect::<Vec<_>>().join(" < "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_journal_that_says_something_else_is_found_with_its_entry() {
    let bench = Bench::new(RUNBOOK).await;
    bench.lab.says("look/n1", "node-1");
    let run = bench.start("main", json!({ "node": "n1" })).await;
    let (program, row, journal) = stored(&bench, &run).await;
    let changed = |seq: u64, from: &str, to: &str| {
        let mut journal = journal.clone();
        let at = journal.iter_mut().find(|r| r.seq == seq).unwrap();
        let text = at.body.to_string();
        assert!(text.contains(from), "{text}");
        at.body = serde_json::from_str(&text.replace(from, to)).unwrap();
        all(&program, &row, journal).unwrap_err()
    };
    let with = |what: &str| journal.iter().find(|r| r.body.to_string().contains(what)).unwrap().seq;
    // Another argument of a call, another note, another answer that leads elsewhere.
    let intent = with("node-1node-1");
    assert_eq!(changed(intent, "node-1node-1", "node-2node-2").seq, intent);
    let note = with("\"step_began\"");
    assert_eq!(changed(note, "\"first\"", "\"second\"").seq, note);
    let answer = journal.iter().find(|r| r.kind == "outcome" && r.body.to_string().contains("node-1")).unwrap().seq;
    let said = changed(answer, "node-1", "node-9");
    assert!(said.seq > answer && said.machine.contains("node-9"), "{said}");
    // An entry too few.
    let mut cut = journal.clone();
    cut.retain(|r| r.seq != intent);
    assert!(all(&program, &row, cut).is_err());
    // What cannot be read.
    let mut odd = journal.clone();
    odd[0].body = json!({ "v": 99 });
    assert_eq!(all(&program, &row, odd).unwrap_err().seq, 1);
}
