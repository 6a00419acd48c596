//! Programs compiled and run against scripted worlds.

mod examples;
mod kit;
mod pure;
mod runs;
