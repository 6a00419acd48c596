//! Figures of the store and the engine, for `/metrics`.

use std::sync::Arc;

use rrb_engine::engine::Engine;
use rrb_serve::{Gauge, Gauges};
use rrb_store::{SqliteStore, Stats};

/// What they say whenever they are asked.
pub fn of(store: &Arc<SqliteStore>, engine: &Arc<Engine>) -> Gauges {
    let (store, engine) = (Arc::downgrade(store), Arc::downgrade(engine));
    Arc::new(move || {
        let mut all = store.upgrade().map(|store| of_store(store.stats())).unwrap_or_default();
        if let Some(engine) = engine.upgrade() {
            let (active, waiting) = engine.load_figures();
            all.push(gauge("rrb_runs_in_memory", "Runs that are driven now.", count(active as u64)));
            all.push(gauge("rrb_timers", "Times that runs and approvals wait for.", count(waiting as u64)));
            let failed = f64::from(u8::from(engine.failure().is_some()));
            all.push(gauge("rrb_engine_failed", "1 when the engine stopped, because its store failed.", failed));
        }
        all
    })
}

fn of_store(stats: Stats) -> Vec<Gauge> {
    vec![
        gauge("rrb_store_transactions", "Transactions since the start, each with one flush.", count(stats.groups)),
        gauge("rrb_store_commits", "Commits that became durable since the start.", count(stats.commits)),
        gauge("rrb_store_operations", "Their operations.", count(stats.ops)),
        gauge("rrb_store_transaction_seconds", "Seconds spent in transactions.", count(stats.micros) / 1e6),
        gauge(
            "rrb_store_refused",
            "Commits refused since the start, because the queue was full.",
            count(stats.refused),
        ),
        gauge("rrb_store_waiting", "Commits that wait now.", count(stats.waiting)),
    ]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Gauge {
    Gauge { name, help, value }
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
fn count(n: u64) -> f64 {
    n as f64
}
