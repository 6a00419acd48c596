//! A stored run once more, for people: what stands at each entry of its journal.

mod trace;
mod view;

pub use trace::{Traced, traced};
pub use view::{Scene, line_of, lines, list};
