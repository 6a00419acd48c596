//! Tables for people, as Markdown, and the clock they are made with.

/// CPU time of the whole process in nanoseconds: what a neighbour on the same machine disturbs least, and what counts the
/// threads that the checker works on too.
pub fn cpu_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// Median of nine samples of `work` in nanoseconds of CPU time, after one that warms up.
pub fn median_ns(mut work: impl FnMut()) -> f64 {
    work();
    let mut samples: Vec<u64> = (0..9)
        .map(|_| {
            let start = cpu_ns();
            work();
            cpu_ns() - start
        })
        .collect();
    samples.sort_unstable();
    samples.get(4).copied().unwrap_or(0) as f64
}

/// Prints a heading and a table.
pub fn table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n### {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// `1.9 ns`, `34 µs`, `20.8 ms`
pub fn time(ns: f64) -> String {
    match ns {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.1} µs", n / 1e3),
        n => format!("{:.1} ms", n / 1e6),
    }
}
