//! The rrb engine: events in, runs driven, every decision kept. It knows a [`store::Store`], a [`world::World`] and a
//! [`clock::Clock`], and nothing concrete: no network, no file, no real time.
//!
//! Modules only look up in the list below, at those that stand before them. Blank lines keep the order; a test holds it.

pub mod clock;
pub mod world;

pub mod audit;

pub mod store;

pub mod api;

pub mod sink;

pub mod code;

pub mod stored_event;

pub mod policy;

pub mod targets;

pub mod watches;

pub mod shared;

pub mod run;

pub mod timers;

pub mod keys;

pub mod programs;

pub mod compiled;

pub mod unscheduled;

pub mod runs;

pub mod matcher;

pub mod intake;

pub mod timeline;

pub mod engine;

pub mod foresee;

pub mod retrace;

pub mod control;
