//! Programs compiled and run against scripted worlds.

mod approvals;
mod crashes;
mod digest;
mod examples;
mod kit;
mod pure;
mod runs;
