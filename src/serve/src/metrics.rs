//! Counters of the HTTP face, and their text form.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivered {
    Accepted,
    Duplicate,
    Dead,
    Unknown,
    Refused,
    TooLarge,
    TooSlow,
    Overloaded,
    Failed,
}

impl Delivered {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Accepted, "accepted"),
        (Self::Duplicate, "duplicate"),
        (Self::Dead, "dead"),
        (Self::Unknown, "unknown_path"),
        (Self::Refused, "refused"),
        (Self::TooLarge, "too_large"),
        (Self::TooSlow, "too_slow"),
        (Self::Overloaded, "overloaded"),
        (Self::Failed, "failed"),
    ];
}

/// Counters since the daemon started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    deliveries: [AtomicU64; Delivered::ALL.len()],
    /// Answers by the hundreds of their status.
    answers: [AtomicU64; 6],
    pub refused_tokens: AtomicU64,
    pub refused_webhooks: AtomicU64,
    pub connections: AtomicU64,
    pub connections_refused: AtomicU64,
    pub streams: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    pub fn delivered(&self, what: Delivered) {
        if let Some(counter) = self.deliveries.get(what as usize) {
            count(counter);
        }
    }

    pub fn answered(&self, status: u16) {
        if let Some(counter) = self.answers.get(usize::from(status / 100)) {
            count(counter);
        }
    }

    /// In the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        head(&mut out, "rrb_deliveries_total", "counter", "Webhook deliveries by what became of them.");
        for ((_, name), n) in Delivered::ALL.iter().zip(&self.deliveries) {
            let _ = writeln!(out, "rrb_deliveries_total{{result=\"{name}\"}} {}", get(n));
        }
        head(&mut out, "rrb_http_answers_total", "counter", "HTTP answers by the hundreds of their status.");
        for (class, n) in self.answers.iter().enumerate().skip(2) {
            let _ = writeln!(out, "rrb_http_answers_total{{status=\"{class}xx\"}} {}", get(n));
        }
        head(&mut out, "rrb_auth_failures_total", "counter", "Requests without a valid token or signature (401).");
        let _ = writeln!(out, "rrb_auth_failures_total{{door=\"token\"}} {}", get(&self.refused_tokens));
        let _ = writeln!(out, "rrb_auth_failures_total{{door=\"webhook\"}} {}", get(&self.refused_webhooks));
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats")]
        {
            gauge(&mut out, "rrb_http_connections", "Open connections.", get(&self.connections) as f64);
            gauge(&mut out, "rrb_timeline_streams", "Open timelines.", get(&self.streams) as f64);
        }
        head(
            &mut out,
            "rrb_http_connections_refused_total",
            "counter",
            "Connections closed because their address had too many.",
        );
        let _ = writeln!(out, "rrb_http_connections_refused_total {}", get(&self.connections_refused));
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// One gauge.
pub(crate) fn gauge(out: &mut String, name: &str, help: &str, value: f64) {
    head(out, name, "gauge", help);
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_has_its_own_counter() {
        let metrics = Metrics::default();
        for (n, (what, _)) in Delivered::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, n);
            (0..=n).for_each(|_| metrics.delivered(what));
        }
        metrics.answered(204);
        metrics.answered(999);
        let text = metrics.text();
        for (n, (_, name)) in Delivered::ALL.into_iter().enumerate() {
            assert!(text.contains(&format!("rrb_deliveries_total{{result=\"{name}\"}} {}\n", n + 1)), "{text}");
        }
        assert!(text.contains("rrb_http_answers_total{status=\"2xx\"} 1\n"));
    }
}
