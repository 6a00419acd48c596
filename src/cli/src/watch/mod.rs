//! What `rrb watch` shows and what its keys do, apart from any terminal.

mod model;
mod panel;

pub use model::{Action, Model, View};
