//! The project on disk: where it is, which files belong to it, what they mean.

mod collect;
mod load;
mod place;

pub use collect::{Files, MAX_DEPTH, MAX_FILES, MAX_TOTAL, ModuleFile, Unreadable, collect};
pub use load::{Loaded, config, load};
pub use place::{CONFIG, Place, find, reason};
