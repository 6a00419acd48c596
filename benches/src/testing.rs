//! `rrb test` over a project of 1,000 tests, each with an alert, a retry, an approval by two people and a verify: the whole command, from the
//! first byte of the project to the last line.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::Outcome;
use crate::report::table;

/// Tests in all, and in one module.
const TESTS: usize = 1_000;
const IN_ONE: usize = 100;

/// How often the command is run.
const ROUNDS: usize = 5;

const PROJECT: &str = "[project]\nname = \"tests\"\n[users.ana]\nname = \"Ana\"\n[users.bo]\nname = \"Bo\"\n[users.cy]\nname = \"Cy\"\n[groups]\nsre = [\"ana\", \"bo\", \"cy\"]\n[connectors.alertmanager]\ntoken = \"env:ALERTMANAGER_TOKEN\"\n";

const RUNBOOK: &str = r#"
use std.alertmanager

connector k8s {
  action load(node: Text) -> Float reads { (http.get("http://h/load/${node}").json as { load: Float }).load }
  action cordon(node: Text) changes idempotent target "node/${node}" { do http.post("http://h/cordon/${node}") }
  action drain(node: Text) changes target "node/${node}" { do http.post("http://h/drain/${node}") }
}

runbook relieve(node: Text) {
  on alertmanager.firing as alert
    where alert.name == "NodeHot"
    with node: alert.labels.node ?? skip
  cancel when alertmanager.resolved as calm where calm.labels.node == node
  evidence "before" = k8s.load(node)
  do k8s.cordon(node) retry 3 times backoff 1s..1s
  approve "Drain ${node}?" from group("sre") quorum 2 within 30m {
    do k8s.drain(node)
  }
  verify "it is calm" within 5m every 10s { k8s.load(node) < 0.5 }
  finish resolved "calm"
}
"#;

fn module(first: usize) -> String {
    let mut text = String::from("use main.{k8s}\nuse std.alertmanager\n");
    for n in first..first + IN_ONE {
        text.push_str(&format!(
            r#"
test "node {n} is drained when two agree" {{
  given k8s.load("n{n}") returns 0.9, 0.8, 0.4
  given k8s.cordon("n{n}") fails once with unavailable, then returns
  given k8s.drain("n{n}")
  when alertmanager.firing {{ name: "NodeHot", severity: critical, labels: {{ node: "n{n}" }} }}
  advance 1s
  approve by "ana", "bo"
  advance 5m
  expect k8s.cordon called twice with node: "n{n}"
  expect k8s.drain called once with node: "n{n}"
  expect evidence "before" == 0.9
  expect outcome resolved "calm"
}}
"#
        ));
    }
    text
}

/// Prints the table.
pub fn run(rrb: &Path) -> Outcome {
    let folder = tempfile::tempdir()?;
    let write = |name: String, text: &str| std::fs::write(folder.path().join(name), text);
    write("rrb.toml".to_owned(), PROJECT)?;
    write("main.rrb".to_owned(), RUNBOOK)?;
    for n in 0..TESTS / IN_ONE {
        write(format!("t{n}_test.rrb"), &module(n * IN_ONE))?;
    }
    let mut rows = Vec::new();
    for (what, args) in [
        ("check alone", &["check"][..]),
        ("1,000 tests", &["test"]),
        ("1,000 tests on one core", &["test", "--jobs", "1"]),
        ("1,000 tests with coverage", &["test", "--coverage"]),
    ] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let output = Command::new(rrb).args(args).current_dir(folder.path()).output()?;
            times.push(began.elapsed().as_secs_f64());
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stdout).chars().take(2_000).collect::<String>();
                return Err(format!("`rrb {}` failed: {said}", args.join(" ")).into());
            }
        }
        times.sort_by(f64::total_cmp);
        let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
        rows.push(vec![what.to_owned(), format!("{median:.2} s"), format!("{:.2} ms", median * 1000.0 / TESTS as f64)]);
    }
    table("Tests: the whole command", &["", "time", "each test"], &rows);
    Ok(())
}
