//! `rrb backtest` over the events of a state that a daemon has written: the whole command, its time and the most memory it had.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::daemon::{TOKEN, alert, rrb};
use crate::load::drive;
use crate::report::table;

/// Events of the states that are measured.
const EVENTS: [u64; 2] = [10_000, 100_000];

/// Of an event in ten the runbook makes a run: a read and a change. The others are deduped or another runbook's.
fn source(events: u64, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"
use std.alertmanager

runbook note(node: Text) {{
  on alertmanager.firing as a where a.name == "Full" with node: a.labels.instance ?? skip
  dedupe by node for 1h
  limit {events} per 1h
  if file.exists("{folder}") {{
    do file.write("{folder}/${{node}}", "full")
  }}
}}

runbook other(node: Text) {{
  on alertmanager.firing as a where a.name == "Never" with node: a.labels.instance ?? skip
  log node
}}
"#
    )
}

/// Prints the table.
pub fn run(binary: &Path) -> Outcome {
    let mut rows = Vec::new();
    for events in EVENTS {
        let dir = tempfile::tempdir()?;
        record(binary, dir.path(), events)?;
        for (what, args) in
            [("as recorded", &["--fail-on", "change"][..]), ("nothing is known of reads", &["--reads", "none"])]
        {
            rows.push(measure(binary, dir.path(), what, args)?);
        }
    }
    table(
        "Backtest: the whole command",
        &["", "events", "runs then", "differences", "time", "each event", "most memory"],
        &rows,
    );
    Ok(())
}

/// A daemon takes so many events, and acts on them.
fn record(binary: &Path, dir: &Path, events: u64) -> Outcome {
    let noted = dir.join("noted");
    std::fs::create_dir(&noted)?;
    let server = rrb(binary, dir, &source(events, &noted))?;
    let next = AtomicU64::new(0);
    while next.load(Ordering::Relaxed) < events {
        drive(&server.1, "/hooks/alertmanager", TOKEN, 8, Duration::from_millis(500), |_, _| {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let (name, node) = (if n.is_multiple_of(2) { "Full" } else { "Sent" }, n / 2 % (events / 10));
            // Each is an alert of its own; a node has several.
            alert(name, n).replace(&format!("node-{n}"), &format!("node-{node}"))
        });
    }
    let (mut before, mut same) = (0, 0);
    while same < 4 {
        std::thread::sleep(Duration::from_millis(500));
        let now = std::fs::read_dir(&noted)?.count();
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    Ok(())
}

fn measure(binary: &Path, dir: &Path, what: &str, args: &[&str]) -> Outcome<Vec<String>> {
    let out = dir.join("report.json");
    let began = Instant::now();
    let mut child = Command::new(binary)
        .args(["backtest", "--since", "1d", "--json"])
        .args(args)
        .current_dir(dir)
        .env("RRB_BENCH_TOKEN", TOKEN)
        .stdout(Stdio::from(std::fs::File::create(&out)?))
        .spawn()?;
    let mut most = 0;
    let status = loop {
        most = most.max(high_water_kib(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = began.elapsed().as_secs_f64();
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&out)?)?;
    if !status.success() {
        return Err(format!("`rrb backtest` ended with {status}").into());
    }
    let number = |key: &str| report.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let differences = report.get("differences").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let events = number("events");
    Ok(vec![
        what.to_owned(),
        events.to_string(),
        number("runs").to_string(),
        differences.to_string(),
        format!("{took:.1} s"),
        format!("{:.0} µs", took * 1e6 / events.max(1) as f64),
        format!("{} MiB", most / 1024),
    ])
}

/// The most that was resident at a time, so far.
fn high_water_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
