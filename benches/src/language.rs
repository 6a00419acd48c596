//! The front end in MB/s and by size, and the machine on the tasks that the peers do.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rrb_lang::check::{CheckInput, ModuleSource, check};
use rrb_lang::ids::FnId;
use rrb_lang::span::FileId;
use rrb_lang::value::Value;
use rrb_lang::vm::image::Program;
use rrb_lang::vm::protocol::SettingValues;
use rrb_lang::{program, syntax, vm};

use crate::Outcome;
use crate::report::{cpu_ns, median_ns, table, time};

const FUEL: u64 = u64::MAX;
const EVENTS: usize = 256;
const ROUNDS: usize = 40;

/// A module of `count` runbooks as a project would have them.
pub fn runbooks(module: usize, count: usize) -> ModuleSource {
    let mut text = String::from("use std.webhook\nuse std.system\n");
    for i in 0..count {
        let n = module * count + i;
        text.push_str(&format!(
            r#"
/// Keeps service {n} alive: it is restarted when its health check says so, and somebody is asked when that does not help.
runbook restart_service_{n}(unit: Text, host: Text = "localhost") {{
  owner "platform"
  severity high
  tags ["generated", "service-{n}"]

  on webhook.received as e
    where e.body.name == "Service{n}Down" and e.body.severity in ["warning", "critical"] and (e.body.value as Float? ?? 0.0) > 80.0
    with unit: e.body.unit as Text? ?? skip, host: e.body.host as Text? ?? "localhost"

  dedupe by unit for 10m
  limit 3 per 1h by unit
  concurrency 1 by unit queue
  timeout 30m

  let before = system.unit(unit)
  evidence "state before" = before.active
  if before.active == "active" {{ finish not_needed "the unit is up" }}

  step "Restart" {{
    do system.restart_unit(unit) timeout 2m
  }}

  verify "${{unit}} is up" within 2m every 5s {{ system.unit_active(unit) }}
  finish resolved "restarted ${{unit}} on ${{host}}"

  on failure as f {{ log "could not restart ${{unit}}: ${{f.message}}" }}
}}
"#
        ));
    }
    ModuleSource {
        name: format!("generated{module}").into(),
        file: format!("generated{module}.rrb"),
        text: text.into(),
    }
}

/// Checks modules and compiles them; what is wrong is an error.
pub fn build(modules: Vec<ModuleSource>) -> Outcome<Program> {
    let checked = check(CheckInput { modules, ..CheckInput::default() });
    let Some(tree) = checked.program else {
        let first = checked.diagnostics.iter().find(|d| d.is_error());
        return Err(first
            .map_or("no program".to_owned(), |d| {
                format!("{}: {} ({})", checked.sources.name(d.span().file), d.message, checked.sources.text(d.span()))
            })
            .into());
    };
    program::compile(&tree, &checked.sources).map_err(|d| d.first().map_or(String::new(), |d| d.message.clone()).into())
}

/// Parse, check and compile speed.
pub fn front_end() -> Outcome {
    let modules: Vec<ModuleSource> = (0..10).map(|m| runbooks(m, 50)).collect();
    build(modules.clone())?;
    let bytes: usize = modules.iter().map(|m| m.text.len()).sum();
    let rate = |ns: f64| format!("{:.1}", bytes as f64 / ns * 1e3);
    let parse = median_ns(|| {
        for m in &modules {
            black_box(syntax::parse(FileId(0), &m.text));
        }
    });
    let checked = median_ns(|| {
        black_box(check(CheckInput { modules: modules.clone(), ..CheckInput::default() }));
    });
    let compiled = median_ns(|| {
        black_box(build(modules.clone()).is_ok());
    });
    let row = |what: &str, ns: f64| vec![what.to_owned(), rate(ns), time(ns)];
    table(
        &format!("Front end: 500 runbooks in 10 modules, {} KB", bytes / 1000),
        &["to", "MB/s", "all"],
        &[row("tree", parse), row("typed tree (with the library's modules)", checked), row("program", compiled)],
    );
    Ok(())
}

/// The front end alone: its speed, the two tasks that have a limit, and how the cost grows.
pub fn front() -> Outcome {
    front_end()?;
    limits()?;
    sizes()
}

/// Seconds of the clock and of CPU time that `work` takes: the best of `rounds`.
fn best(rounds: usize, mut work: impl FnMut()) -> (f64, f64) {
    let samples = (0..rounds).map(|_| {
        let (start, cpu) = (Instant::now(), cpu_ns());
        work();
        (start.elapsed().as_nanos() as f64, (cpu_ns() - cpu) as f64)
    });
    samples.fold((f64::MAX, f64::MAX), |a, b| (a.0.min(b.0), a.1.min(b.1)))
}

fn lines(modules: &[ModuleSource]) -> usize {
    modules.iter().map(|m| m.text.lines().count()).sum()
}

fn checks(modules: &[ModuleSource]) {
    black_box(check(CheckInput { modules: modules.to_vec(), ..CheckInput::default() }));
}

/// What must hold: a file of 5,000 lines in 50 ms, 10,000 runbooks in 5 s.
fn limits() -> Outcome {
    let file = vec![runbooks(0, 173)];
    let project: Vec<ModuleSource> = (0..200).map(|m| runbooks(m, 50)).collect();
    build(file.clone())?;
    let mut rows = Vec::new();
    for (what, modules, rounds, limit) in
        [("one file", &file, 9, "50 ms"), ("10,000 runbooks in 200 files", &project, 3, "5 s")]
    {
        let (clock, cpu) = best(rounds, || checks(modules));
        rows.push(vec![what.to_owned(), lines(modules).to_string(), time(clock), time(cpu), limit.to_owned()]);
    }
    table("`rrb check`, best of some", &["what", "lines", "time", "CPU time", "limit"], &rows);
    Ok(())
}

/// The cost of a line in projects of different sizes, modules of some 1,450 lines: linear when the columns stay level.
fn sizes() -> Outcome {
    let mut rows = Vec::new();
    for count in [1_000, 3_000, 10_000, 30_000, 100_000] {
        let modules: Vec<ModuleSource> = (0..count / 1_000).map(|m| runbooks(m, 35)).collect();
        let all = lines(&modules);
        let rounds = if count < 30_000 { 5 } else { 2 };
        let per_line = |ns: f64| time(ns / all as f64);
        let (_, parsed) = best(rounds, || {
            for m in &modules {
                black_box(syntax::parse(FileId(0), &m.text));
            }
        });
        let (clock, checked) = best(rounds, || checks(&modules));
        let (_, compiled) = best(rounds, || drop(black_box(build(modules.clone()))));
        rows.push(vec![all.to_string(), per_line(parsed), per_line(checked), per_line(compiled), time(clock)]);
    }
    let head = ["lines", "tree, CPU a line", "typed tree, CPU a line", "program, CPU a line", "typed tree, time"];
    table("Front end by size", &head, &rows);
    Ok(())
}

const TASKS: &str = r#"
type Alert = { name: Text, severity: Text, instance: Text }
type Event = { seq: Int, alert: Alert, value: Float }
fn cond(e: Event) -> Bool { e.alert.name == "DiskAlmostFull" and e.alert.severity in ["warning", "critical"] and e.value > 80.0 }
fn cond_json(e: Json) -> Bool { e.alert.name == "DiskAlmostFull" and e.alert.severity in ["warning", "critical"] and e.value as Float > 80.0 }
fn fib(n: Int) -> Int { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
fn do_fib() -> Int { fib(27) }
fn do_sum() -> Int {
  var sum = 0
  for i in 1..=1_000_000 { sum += i }
  sum
}
fn do_map() -> Int {
  var m: Map<Text, Int> = {}
  for i in 0..100_000 {
    let k = "k${i mod 1000}"
    m = m.set(k, (m[k] ?? 0) + 1)
  }
  m["k7"] ?? 0
}
fn do_text() -> Int {
  var parts: List<Text> = []
  for i in 0..100_000 { parts = parts.push("${i}") }
  parts.join("").len()
}
"#;

const NAMED: [(&str, &str, i64); 4] = [
    ("fib(27)", "do_fib", 196_418),
    ("sum 1..1e6", "do_sum", 500_000_500_000),
    ("100k map updates", "do_map", 100),
    ("100k pieces of a text", "do_text", 488_890),
];

fn function(program: &Program, name: &str) -> Outcome<FnId> {
    let at = program.functions.iter().position(|f| f.name == name).ok_or_else(|| format!("no function {name}"))?;
    Ok(FnId(u32::try_from(at)?))
}

fn event(i: usize, all: bool) -> Value {
    let name = if all || i.is_multiple_of(2) { "DiskAlmostFull" } else { "Other" };
    let value = if all { 95.0 } else { 60.0 + (i % 50) as f64 };
    let alert =
        [("name", Value::text(name)), ("severity", Value::text("critical")), ("instance", Value::text("node-7"))];
    Value::record([
        ("seq", Value::Int(i64::try_from(i).unwrap_or(0))),
        ("alert", Value::record(alert)),
        ("value", Value::Float(value)),
    ])
}

/// Our side of the peers' tasks: `(engine, task, ns)`.
fn ours() -> Outcome<Vec<(String, String, f64)>> {
    let module = ModuleSource { name: "tasks".into(), file: "tasks.rrb".into(), text: TASKS.into() };
    let program = build(vec![module])?;
    let none = SettingValues::new();
    let mut found = Vec::new();
    for (engine, name) in [("rrb", "cond"), ("rrb, event as Json", "cond_json")] {
        let cond = function(&program, name)?;
        for (task, all) in [("condition mixed", false), ("condition all3", true)] {
            let events: Vec<Value> = (0..EVENTS)
                .map(|i| event(i, all))
                .map(|e| if name == "cond" { e } else { vm::to_json(&e).map_or(Value::None, Value::Json) })
                .collect();
            let hits = |events: &[Value]| {
                events
                    .iter()
                    .filter(|e| vm::eval(&program, cond, vec![(*e).clone()], &none, "", FUEL) == Ok(Value::Bool(true)))
                    .count()
            };
            let expected = (0..EVENTS).filter(|i| all || (i % 2 == 0 && i % 50 > 20)).count();
            if hits(&events) != expected {
                return Err(format!("{engine} {task}: {} hits of {expected}", hits(&events)).into());
            }
            let ns = median_ns(|| {
                for _ in 0..ROUNDS {
                    black_box(hits(black_box(&events)));
                }
            });
            found.push((engine.to_owned(), task.to_owned(), ns / (ROUNDS * EVENTS) as f64));
        }
    }
    for (task, name, answer) in NAMED {
        let id = function(&program, name)?;
        let run = || vm::eval(&program, id, Vec::new(), &none, "", FUEL);
        if run() != Ok(Value::Int(answer)) {
            return Err(format!("{task}: {:?}, not {answer}", run()).into());
        }
        found.push((
            "rrb".to_owned(),
            task.to_owned(),
            median_ns(|| {
                black_box(run().is_ok());
            }),
        ));
    }
    Ok(found)
}

/// Runs the peers and our side, and prints one table.
pub fn machine(peers: &Path) -> Outcome {
    let mut found = ours()?;
    let output = Command::new(peers).output()?;
    if !output.status.success() {
        return Err(format!("the peers failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        let v: serde_json::Value = serde_json::from_str(line)?;
        let text = |k: &str| v.get(k).and_then(|t| t.as_str()).unwrap_or("").to_owned();
        found.push((text("engine"), text("task"), v.get("ns").and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)));
    }
    let tasks = ["condition mixed", "condition all3", NAMED[0].0, NAMED[1].0, NAMED[2].0, NAMED[3].0];
    let mut engines: Vec<&str> = Vec::new();
    for (engine, _, _) in &found {
        if !engines.contains(&engine.as_str()) {
            engines.push(engine);
        }
    }
    let of = |engine: &str, task: &str| found.iter().find(|(e, t, _)| e == engine && t == task).map(|(_, _, ns)| *ns);
    let rows: Vec<Vec<String>> = engines
        .iter()
        .map(|engine| {
            let cells = tasks.iter().map(|task| match (of(engine, task), of("rrb", task)) {
                (Some(ns), Some(our)) => format!("{} ({:.2}×)", time(ns), ns / our),
                _ => "–".to_owned(),
            });
            std::iter::once((*engine).to_owned()).chain(cells).collect()
        })
        .collect();
    let head: Vec<&str> = std::iter::once("engine (× of rrb's time)").chain(tasks).collect();
    table("Machine: conditions per evaluation, tasks in all", &head, &rows);
    Ok(())
}
