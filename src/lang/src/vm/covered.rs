//! Which places of a program were reached: what the compiler can put counters at, and the counters.

use std::sync::atomic::{AtomicU64, Ordering};

use smol_str::SmolStr;

/// A place with a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverPoint {
    pub file: SmolStr,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    pub kind: CoverKind,
}

/// What a counter counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoverKind {
    Statement,
    /// One of the ways that go on from one place; those of a place have the same `group`, which is the number of the place.
    Arm {
        group: u32,
        /// `then`, `else`, `catch`, `done`, `approved`, `otherwise`, or the arm's pattern as written.
        name: SmolStr,
    },
}

/// A counter for each point, shared by all runs of a program.
#[derive(Debug, Default)]
pub struct Covered {
    counts: Vec<AtomicU64>,
}

impl Covered {
    /// Counters for so many points, all at zero.
    pub fn new(points: usize) -> Self {
        Self { counts: std::iter::repeat_with(AtomicU64::default).take(points).collect() }
    }

    /// The point `n` was reached.
    pub fn hit(&self, n: u32) {
        if let Some(count) = self.counts.get(n as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often the point `n` was reached; 0 for one that there is not.
    pub fn count(&self, n: u32) -> u64 {
        self.counts.get(n as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
