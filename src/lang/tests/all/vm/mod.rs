//! Programs compiled and run against scripted worlds.

mod approvals;
mod crashes;
mod digest;
mod examples;
mod forms;
pub mod kit;
mod pure;
mod runs;
mod schedules;
mod shadow;
mod testing;
mod together;
