//! The world of tests: the same engine as live, on a store, a clock and a world that only the test speaks for.
//!
//! [`Suite`] holds what all tests of a project share, [`play`] plays one of them.

mod answers;
mod calls;
mod clock;
mod compare;
mod deliver;
mod differs;
mod everywhere;
mod expect;
mod expect_calls;
mod facts;
mod idle;
mod literal;
mod play;
mod record;
mod stage;
mod steps;
mod suite;
mod surroundings;
mod trouble;
mod unanswered;
mod world;

#[cfg(test)]
mod tests;

pub use calls::Call;
pub use compare::{Everywhere, everywhere};
pub use literal::{example, json_written};
pub use play::{Crashed, Played, Way, play};
pub use record::{Around, Recorded, Seen, Set, givens, record};
pub use stage::{BEGIN, CrashAt};
pub use suite::Suite;
pub use trouble::Trouble;
