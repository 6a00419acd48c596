//! The rrb engine: events in, runs driven, every decision kept. It knows a [`store::Store`], a [`world::World`] and a
//! [`clock::Clock`], and nothing concrete: no network, no file, no real time.
//!
//! Modules only look down, in the order of the list below. Blank lines keep the order.

pub mod control;

pub mod engine;

pub mod timeline;

pub mod intake;

pub mod matcher;

pub mod runs;

pub mod compiled;

pub mod programs;

pub mod keys;

pub mod timers;

pub mod run;

pub mod shared;

pub mod targets;

pub mod policy;

pub mod code;

pub mod api;

pub mod store;

pub mod audit;

pub mod clock;
pub mod world;
