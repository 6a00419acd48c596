//! Events matched per second with 1, 100 and 10,000 runbooks that listen to the same event.

use std::hint::black_box;
use std::sync::Arc;

use rrb_engine::matcher::index::Index;
use rrb_engine::matcher::judge;
use rrb_engine::programs::Loaded;
use rrb_engine::store::EventRow;
use rrb_engine::stored_event::{event_named, with_meta};
use rrb_lang::check::ModuleSource;
use rrb_lang::json::Json;
use rrb_lang::project::ProjectConfig;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::SettingValues;

use crate::Outcome;
use crate::language::build;
use crate::report::{median_ns, table, time};

const EVENTS: usize = 512;

fn modules(runbooks: usize) -> Vec<ModuleSource> {
    (0..runbooks.div_ceil(500))
        .map(|module| {
            let mut text = String::from("use std.alertmanager\n");
            for n in module * 500..runbooks.min((module + 1) * 500) {
                text.push_str(&format!(
                    "runbook r{n}(node: Text) {{\n  on alertmanager.firing as a\n    where a.name == \"Alert{n}\" and a.severity >= \
                     warning and a.labels.env == \"prod\"\n    with node: a.labels.instance ?? skip\n  log node\n}}\n"
                ));
            }
            ModuleSource { name: format!("m{module}").into(), file: format!("m{module}.rrb"), text: text.into() }
        })
        .collect()
}

/// The body of one alert; one in ten is for a runbook.
fn alert(n: usize, runbooks: usize) -> String {
    let name = if n.is_multiple_of(10) { format!("Alert{}", n * 7919 % runbooks) } else { format!("Other{n}") };
    serde_json::json!({
        "status": "firing", "receiver": "rrb", "groupKey": "{}", "truncatedAlerts": 0, "externalURL": "http://am",
        "alerts": [{
            "status": "firing", "fingerprint": format!("{n:016x}"), "startsAt": "2026-11-21T03:12:09Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prom", "annotations": {"summary": "something is wrong"},
            "labels": {"alertname": name, "severity": "critical", "env": "prod", "instance": format!("node-{n}"), "job": "node"},
        }],
    })
    .to_string()
}

struct Bench {
    loaded: Loaded,
    index: Index,
    row: EventRow,
}

impl Bench {
    fn new(runbooks: usize) -> Outcome<Self> {
        let program = build(modules(runbooks))?;
        let loaded = Loaded::new(Arc::new(program), SettingValues::new(), Arc::new(ProjectConfig::default()));
        let index = Index::new(&*loaded.code);
        let row = EventRow {
            id: "evt".into(),
            delivery: None,
            source: "alertmanager.firing".into(),
            instance: "default".into(),
            sender_id: None,
            at: 0,
            received: 0,
            payload: serde_json::Value::Null,
        };
        Ok(Self { loaded, index, row })
    }

    /// From the bytes of a delivery to its event.
    fn decode(&self, body: &str) -> Outcome<Value> {
        let code = &*self.loaded.code;
        let event = event_named(code, "alertmanager.firing").ok_or("the event is not in the program")?;
        let json: Json = serde_json::from_str::<serde_json::Value>(body)?.into();
        let item = json.field("alerts").index(0);
        let none = || Value::Map(Arc::default());
        let args = vec![Value::Json(json), none(), none(), Value::Json(item)];
        match code.eval(event.emit, args, &self.loaded.settings, "default")? {
            rrb_engine::code::Evaluated::Value(value) => Ok(with_meta(value, &self.row)),
            rrb_engine::code::Evaluated::Skip => Err("the event was skipped".into()),
        }
    }

    /// How many runbooks an event starts.
    fn hits(&self, event: &Value) -> usize {
        let candidates = self.index.candidates("alertmanager.firing", event);
        candidates
            .chunk_by(|a, b| a.runbook == b.runbook)
            .filter(|triggers| {
                let runbook = triggers.first().and_then(|t| self.loaded.code.runbooks().get(t.runbook));
                runbook.is_some_and(|r| judge::triggers(&self.loaded, r, triggers, event, &self.row).is_ok())
            })
            .count()
    }
}

/// Prints the table.
pub fn run() -> Outcome {
    let mut rows = Vec::new();
    for runbooks in [1, 100, 10_000] {
        let bench = Bench::new(runbooks)?;
        let bodies: Vec<String> = (0..EVENTS).map(|n| alert(n, runbooks)).collect();
        let events = bodies.iter().map(|b| bench.decode(b)).collect::<Outcome<Vec<_>>>()?;
        let hits: usize = events.iter().map(|e| bench.hits(e)).sum();
        if hits != EVENTS.div_ceil(10) {
            return Err(format!("{runbooks} runbooks: {hits} hits of {}", EVENTS.div_ceil(10)).into());
        }
        let matched = median_ns(|| {
            for event in &events {
                black_box(bench.hits(event));
            }
        }) / EVENTS as f64;
        let all = median_ns(|| {
            for body in &bodies {
                black_box(bench.decode(body).map(|e| bench.hits(&e)).unwrap_or(0));
            }
        }) / EVENTS as f64;
        let rate = |ns: f64| format!("{:.0}", 1e9 / ns);
        rows.push(vec![runbooks.to_string(), rate(matched), time(matched), rate(all), time(all)]);
    }
    let head = ["runbooks", "decoded events/s", "each", "JSON to decision/s", "each"];
    table("Matching: one core, one event in ten starts a run", &head, &rows);
    Ok(())
}
