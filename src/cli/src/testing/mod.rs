//! `rrb test`: tests chosen, played on all cores, and what came of them for people and programs.

mod coverage;
mod crew;
mod human;
mod json;
mod junit;
mod lcov;
mod prepare;
mod recorded;
mod result;
mod select;

pub use coverage::{Coverage, FileCoverage};
pub use crew::{Orders, play_all};
pub use human::{coverage_lines, failure_lines, result_line, summary};
pub use json::document;
pub use junit::junit;
pub use lcov::lcov;
pub use prepare::{Prepared, prepare};
pub use recorded::recorded;
pub use result::TestResult;
pub use select::{listed, select};
