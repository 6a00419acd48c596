//! A stored run once more, for people: what stands at each entry of its journal.

mod view;

pub use view::{Scene, line_of, lines, list};
